//! The records inside a batch: a walk that touches each without copying or allocating, in place or
//! through streaming decompression, the timestamp searches built on it, and a reader that hands
//! records out whole for the broker's own topics.
//!
//! It deliberately judges only whether the bytes are records at all; what Produce asks of them is
//! in `validate`. Headers are a list, never a map: keys may repeat and keep their order.

mod decompress;
mod input;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::ControlFlow;

use bytes::Bytes;

use self::input::{Input, Slice, Window};
use crate::kernel::batch::{self, BatchHeader, Codec, HEADER_SIZE, TimestampType};
use crate::kernel::types::{Offset, TimestampMs};

/// Why the records of a batch cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The head of the batch is broken.
    #[error(transparent)]
    Batch(#[from] batch::Error),
    /// The batch names one of the unassigned codecs 5 to 7.
    #[error("records compressed with an unknown codec")]
    UnknownCodec,
    /// The compressed stream is empty, broken or cut short.
    #[error("{} stream cannot be decompressed", .0.name())]
    Decompress(Codec),
    /// The records are larger than the limit after decompression.
    #[error("records exceed the limit on decompressed bytes")]
    TooLarge,
    /// The bytes end before the last record the head counts.
    #[error("fewer record bytes than the batch head counts")]
    Truncated,
    /// Bytes follow the last record the head counts.
    #[error("bytes remain after the last record")]
    Trailing,
    /// A variable-length number is longer than its type allows.
    #[error("variable-length number is too long")]
    Varint,
    /// A record's parts do not add up to its length.
    #[error("record with a wrong length")]
    Length,
    /// A negative number of headers, or more than can follow.
    #[error("record with an impossible number of headers")]
    HeaderCount,
    /// A record header without key.
    #[error("record header with a null key")]
    NullHeaderKey,
}

/// What the walk shows of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position among the records of the batch, from 0.
    pub index: i32,
    /// The record's timestamp; the batch's maximum under LogAppendTime.
    pub timestamp: TimestampMs,
    /// Offset, counted from the base offset of the batch, as stored.
    pub offset_delta: i32,
    /// Whether the key is not null.
    pub has_key: bool,
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Key, any bytes.
    pub key: Bytes,
    /// Value, possibly null.
    pub value: Option<Bytes>,
}

/// A record with all its parts, which share the bytes of their batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Offset in the partition.
    pub offset: Offset,
    /// Timestamp, -1 if it has none; the batch's maximum under LogAppendTime.
    pub timestamp: TimestampMs,
    /// Key, possibly null.
    pub key: Option<Bytes>,
    /// Value, possibly null.
    pub value: Option<Bytes>,
    /// Headers in the producer's order; keys may repeat.
    pub headers: Vec<Header>,
}

/// Shows `visit` each record of `batch`, one whole batch, until it breaks. Only a walk to the end
/// notices bytes that remain. `decompressed_max` bounds the bytes of compressed records.
pub fn for_each(
    header: &BatchHeader,
    batch: &[u8],
    decompressed_max: usize,
    visit: impl FnMut(Entry) -> ControlFlow<()>,
) -> Result<(), Error> {
    let body = body(header, batch)?;
    match header.codec().ok_or(Error::UnknownCodec)? {
        Codec::None => walk(&mut Slice::new(body), header, visit),
        codec => walk(&mut Window::new(codec, body, decompressed_max)?, header, visit),
    }
}

fn body<'a>(header: &BatchHeader, batch: &'a [u8]) -> Result<&'a [u8], Error> {
    Ok(batch.get(HEADER_SIZE..header.total_size()).ok_or(batch::Error::Truncated)?)
}

fn walk<I: Input>(
    input: &mut I,
    header: &BatchHeader,
    mut visit: impl FnMut(Entry) -> ControlFlow<()>,
) -> Result<(), Error> {
    let append_time = header.timestamp_type() == TimestampType::LogAppendTime;
    for index in 0..header.record_count {
        let end = open_record(input)?;
        let timestamp = header.base_timestamp.wrapping_add(input.varlong()?);
        let offset_delta = input.varint()?;
        let has_key = skip_bytes(input, end)?;
        skip_bytes(input, end)?;
        skip_headers(input, end)?;
        if input.position() != end {
            return Err(Error::Length);
        }
        let timestamp = if append_time { header.max_timestamp } else { timestamp };
        if visit(Entry { index, timestamp, offset_delta, has_key }).is_break() {
            return Ok(());
        }
    }
    if input.at_end()? { Ok(()) } else { Err(Error::Trailing) }
}

/// Reads a record's length and passes over its unused attributes; says where the record ends.
#[inline]
fn open_record<I: Input>(input: &mut I) -> Result<u64, Error> {
    let size = u64::try_from(input.varint()?).map_err(|_| Error::Length)?;
    let end = input.position() + size;
    input.skip(1)?;
    Ok(end)
}

/// Passes over a length and its bytes, which must lie before `end`. False for null.
#[inline]
fn skip_bytes<I: Input>(input: &mut I, end: u64) -> Result<bool, Error> {
    let Ok(size) = u64::try_from(input.varint()?) else { return Ok(false) };
    if size > end.saturating_sub(input.position()) {
        return Err(Error::Length);
    }
    input.skip(size)?;
    Ok(true)
}

#[inline]
fn skip_headers<I: Input>(input: &mut I, end: u64) -> Result<(), Error> {
    let count = header_count(input, end)?;
    for _ in 0..count {
        if !skip_bytes(input, end)? {
            return Err(Error::NullHeaderKey);
        }
        skip_bytes(input, end)?;
    }
    Ok(())
}

/// Number of headers, each of which takes at least a byte before `end`.
#[inline]
fn header_count<I: Input>(input: &mut I, end: u64) -> Result<i32, Error> {
    let count = input.varint()?;
    match u64::try_from(count) {
        Ok(number) if number <= end.saturating_sub(input.position()) => Ok(count),
        _ => Err(Error::HeaderCount),
    }
}

/// The records behind `header` decompressed, as many bytes as there are up to the limit; those that
/// are not compressed are lent as they stand.
pub(super) fn decompress<'a>(
    header: &BatchHeader,
    batch: &'a [u8],
    decompressed_max: usize,
) -> Result<Cow<'a, [u8]>, Error> {
    if header.codec() == Some(Codec::None) {
        return Ok(Cow::Borrowed(body(header, batch)?));
    }
    let mut records = Vec::new();
    decompress_to(header, batch, decompressed_max, |chunk| records.extend_from_slice(chunk))?;
    Ok(Cow::Owned(records))
}

/// Hands the decompressed records to `sink`, chunk by chunk.
pub(super) fn decompress_to(
    header: &BatchHeader,
    batch: &[u8],
    decompressed_max: usize,
    sink: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let codec = header.codec().ok_or(Error::UnknownCodec)?;
    decompress_stream(codec, body(header, batch)?, decompressed_max, sink)
}

fn decompress_stream(
    codec: Codec,
    body: &[u8],
    decompressed_max: usize,
    mut sink: impl FnMut(&[u8]),
) -> Result<(), Error> {
    if codec == Codec::None {
        sink(body);
        return Ok(());
    }
    let mut window = Window::new(codec, body, decompressed_max)?;
    loop {
        let chunk = window.next_chunk()?;
        if chunk.is_empty() {
            return Ok(());
        }
        sink(chunk);
    }
}

/// Decompresses something that is no batch.
///
/// # Errors
/// If it cannot be decompressed, or is larger than `decompressed_max`.
pub fn decompress_bytes(
    codec: Codec,
    bytes: &[u8],
    decompressed_max: usize,
) -> Result<Vec<u8>, Error> {
    let mut whole = Vec::new();
    decompress_stream(codec, bytes, decompressed_max, |chunk| whole.extend_from_slice(chunk))?;
    Ok(whole)
}

/// A record of a batch that is being rewritten, cut where it may change.
pub(super) struct Piece<'a> {
    /// All of it, its length included.
    pub(super) whole: &'a [u8],
    /// Its timestamp, counted from the base timestamp of the batch.
    pub(super) timestamp_delta: i64,
    /// Its offset, counted from the base offset of the batch.
    pub(super) offset_delta: i32,
    /// Key, possibly null.
    pub(super) key: Option<&'a [u8]>,
    /// Whether it is no tombstone.
    pub(super) has_value: bool,
    /// What lies between its length and its offset.
    pub(super) before_offset: &'a [u8],
    /// What follows its offset.
    pub(super) after_offset: &'a [u8],
    after_timestamp: &'a [u8],
}

impl Piece<'_> {
    /// Appends the record with another timestamp delta.
    pub(super) fn put_with_timestamp(&self, out: &mut Vec<u8>, delta: i64) -> Result<(), Error> {
        let mut timestamp = Vec::with_capacity(10);
        batch::put_varlong(&mut timestamp, delta);
        let size = 1 + timestamp.len() + self.after_timestamp.len();
        batch::put_varint(out, i32::try_from(size).map_err(|_| Error::TooLarge)?);
        out.push(self.before_offset[0]);
        out.extend_from_slice(&timestamp);
        out.extend_from_slice(self.after_timestamp);
        Ok(())
    }
}

/// Shows `visit` each of the uncompressed `records` cut into its parts.
pub(super) fn for_each_piece<'a>(
    header: &BatchHeader,
    records: &'a [u8],
    mut visit: impl FnMut(Piece<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut input = Slice::new(records);
    for _ in 0..header.record_count {
        let start = input.position() as usize;
        let end = open_record(&mut input)?;
        // The attributes byte has just been passed over.
        let body = input.position() as usize - 1;
        let timestamp_delta = input.varlong()?;
        let after_timestamp = input.position() as usize;
        let offset_delta = input.varint()?;
        let after_offset = input.position() as usize;
        let key = part(records, &mut input, end)?;
        let has_value = skip_bytes(&mut input, end)?;
        skip_headers(&mut input, end)?;
        if input.position() != end {
            return Err(Error::Length);
        }
        let end = end as usize;
        visit(Piece {
            whole: &records[start..end],
            timestamp_delta,
            offset_delta,
            key,
            has_value,
            before_offset: &records[body..after_timestamp],
            after_offset: &records[after_offset..end],
            after_timestamp: &records[after_timestamp..end],
        })?;
    }
    if input.at_end()? { Ok(()) } else { Err(Error::Trailing) }
}

/// The bytes behind the length that the input stands at; none for null.
fn part<'a>(records: &'a [u8], input: &mut Slice<'_>, end: u64) -> Result<Option<&'a [u8]>, Error> {
    let Ok(size) = u64::try_from(input.varint()?) else { return Ok(None) };
    if size > end.saturating_sub(input.position()) {
        return Err(Error::Length);
    }
    let from = input.position() as usize;
    input.skip(size)?;
    Ok(Some(&records[from..input.position() as usize]))
}

/// Offset and timestamp of the first record of `batch` whose timestamp is at least `target` and
/// whose offset is at least `from` (the log start offset may lie inside a batch).
pub fn find_timestamp(
    batch: &[u8],
    target: TimestampMs,
    from: Offset,
    decompressed_max: usize,
) -> Result<Option<(Offset, TimestampMs)>, Error> {
    let header = BatchHeader::parse(batch)?;
    let mut found = None;
    for_each(&header, batch, decompressed_max, |entry| {
        let offset = header.base_offset.saturating_add(i64::from(entry.offset_delta));
        if entry.timestamp >= target && offset >= from {
            found = Some((offset, entry.timestamp));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Offset and value of the largest timestamp of the records of `batch` whose offset is at least
/// `from`, the earliest of equals; none if there is no such record.
pub fn find_max_timestamp(
    batch: &[u8],
    from: Offset,
    decompressed_max: usize,
) -> Result<Option<(Offset, TimestampMs)>, Error> {
    let header = BatchHeader::parse(batch)?;
    let mut found: Option<(Offset, TimestampMs)> = None;
    for_each(&header, batch, decompressed_max, |entry| {
        let offset = header.base_offset.saturating_add(i64::from(entry.offset_delta));
        if offset >= from && found.is_none_or(|(_, timestamp)| entry.timestamp > timestamp) {
            found = Some((offset, entry.timestamp));
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The records of `batch`, one whole batch, for readers that want all of each. They are copied
/// once, as a whole; keys, values and headers share that copy.
///
/// An error is the last item.
pub fn read_records(batch: &[u8], decompressed_max: usize) -> Records {
    let opened = BatchHeader::parse(batch).map_err(Error::from).and_then(|header| {
        let records = decompress(&header, batch, decompressed_max)?;
        Ok((header, Bytes::from(records.into_owned())))
    });
    match opened {
        Ok((header, bytes)) => Records { state: State::Open { header, bytes, at: 0, read: 0 } },
        Err(error) => Records { state: State::Broken(error) },
    }
}

/// Iterator made by [`read_records`].
#[derive(Clone, Debug)]
pub struct Records {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// `read` records lie before position `at` of `bytes`.
    Open {
        header: BatchHeader,
        bytes: Bytes,
        at: usize,
        read: i32,
    },
    /// The error is still to be told.
    Broken(Error),
    Done,
}

impl Iterator for Records {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = match &mut self.state {
            State::Done => return None,
            State::Broken(error) => Err(*error),
            State::Open { header, bytes, at, read } if *read < header.record_count => {
                *read += 1;
                read_record(header, bytes, at)
            }
            State::Open { bytes, at, .. } => {
                let complete = *at == bytes.len();
                self.state = State::Done;
                return if complete { None } else { Some(Err(Error::Trailing)) };
            }
        };
        if result.is_err() {
            self.state = State::Done;
        }
        Some(result)
    }
}

fn read_record(header: &BatchHeader, bytes: &Bytes, at: &mut usize) -> Result<Record, Error> {
    let start = *at;
    let mut input = Slice::new(&bytes[start..]);
    let end = open_record(&mut input)?;
    let timestamp = header.base_timestamp.wrapping_add(input.varlong()?);
    let offset_delta = input.varint()?;
    let part = |input: &mut Slice<'_>| -> Result<Option<Bytes>, Error> {
        let before = input.position();
        if !skip_bytes(input, end)? {
            return Ok(None);
        }
        // The length in front of the bytes is measured anew: padding may have widened it.
        let mut length = Slice::new(&bytes[start + before as usize..]);
        length.varint()?;
        let from = start + (before + length.position()) as usize;
        Ok(Some(bytes.slice(from..start + input.position() as usize)))
    };
    let key = part(&mut input)?;
    let value = part(&mut input)?;
    let mut headers = Vec::new();
    for _ in 0..header_count(&mut input, end)? {
        let key = part(&mut input)?.ok_or(Error::NullHeaderKey)?;
        headers.push(Header { key, value: part(&mut input)? });
    }
    if input.position() != end {
        return Err(Error::Length);
    }
    *at = start + end as usize;
    Ok(Record {
        offset: header.base_offset.saturating_add(i64::from(offset_delta)),
        timestamp: match header.timestamp_type() {
            TimestampType::CreateTime => timestamp,
            TimestampType::LogAppendTime => header.max_timestamp,
        },
        key,
        value,
        headers,
    })
}
