//! What Produce asks of the records sent for one partition before they may be appended, in Kafka's
//! order of checks, and which few bytes of them the broker has to change.
//!
//! It deliberately knows neither offsets nor sequence state (the log judges those at append) and no
//! error codes: each cause is a variant of [`Rejection`], and the API layer gives it its number.

use std::ops::ControlFlow;

use crate::kernel::batch::{self, BatchHeader, Codec, LENGTH_OVERHEAD, MAGIC, TimestampType};
use crate::kernel::records::{self, Entry};
use crate::kernel::types::{NO_TIMESTAMP, TimestampMs};

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;

/// Bytes up to the magic byte, the least from which a batch's format can be told.
const MAGIC_END: usize = 17;

/// Smallest length field of any message format ever (magic 0), below which bytes are corrupt.
const LENGTH_MIN: i32 = 14;

/// Record errors reported for one batch (KIP-467). Kafka has no limit, but a compressed batch can
/// hold a thousand records per byte sent.
const RECORD_ERRORS_MAX: usize = 1000;

/// What a topic's configs ask of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `max.message.bytes`: bytes of the batch with its whole head.
    pub max_message_bytes: usize,
    /// `segment.bytes`.
    pub segment_bytes: usize,
    /// Whether `cleanup.policy` contains `compact`: every record needs a key.
    pub compacted: bool,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`, at least 0.
    pub before_max_ms: i64,
    /// `message.timestamp.after.max.ms`, at least 0.
    pub after_max_ms: i64,
    /// Most bytes that compressed records may have decompressed.
    pub decompressed_max: usize,
    /// Whether the request's version allows zstd (Produce 7 and later, KIP-110).
    pub zstd_allowed: bool,
    /// Trust the records and look at the head alone.
    pub header_only: bool,
    /// `compression.type`; none stands for `producer`.
    pub compression: Option<Codec>,
}

/// Why a batch is not appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No bytes, or a batch that is cut short.
    #[error("the records hold no complete batch")]
    NoBatch,
    /// More than one batch for one partition.
    #[error("the records hold more than one batch")]
    SeveralBatches,
    /// The length field is too small for any batch.
    #[error("batch length {0} is below the minimum")]
    Length(i32),
    /// A magic byte that no Kafka ever used.
    #[error("unknown record batch magic {0}")]
    UnknownMagic(i8),
    /// A message set of format 0 or 1, gone since Kafka 4.0.
    #[error("message format {0} is no longer supported")]
    OldMagic(i8),
    /// zstd in a request version from before zstd.
    #[error("zstd needs produce requests of version 7 or later")]
    ZstdTooOld,
    /// The base offset is the broker's to assign.
    #[error("base offset {0} where a producer must send 0")]
    BaseOffset(i64),
    /// Above `max.message.bytes`.
    #[error("batch of {size} bytes exceeds max.message.bytes {max}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Wrong CRC-32C.
    #[error("record batch with a wrong CRC-32C")]
    Crc,
    /// No records, or a count that disagrees with the last offset.
    #[error("{record_count} records but a last offset delta of {last_offset_delta}")]
    RecordCount {
        /// Number of records the head counts.
        record_count: i32,
        /// The head's last offset, relative to its first.
        last_offset_delta: i32,
    },
    /// Only the broker writes control batches.
    #[error("control batch from a client")]
    ControlBatch,
    /// A producer ID without sequence numbers.
    #[error("producer ID with base sequence {0}")]
    Sequence(i32),
    /// Codec numbers 5 to 7.
    #[error("unknown compression codec")]
    UnknownCodec,
    /// The compressed records are empty, broken or cut short.
    #[error("records cannot be decompressed")]
    Undecompressable,
    /// The compressed records exceed the broker's limit on decompressed bytes.
    #[error("records exceed the limit of {max} decompressed bytes")]
    DecompressedTooLarge {
        /// The limit.
        max: usize,
    },
    /// The bytes are not the records that the head announces.
    #[error("malformed records: {0}")]
    Malformed(records::Error),
    /// One or more records of a compacted topic lack a key, and none has a bad timestamp.
    #[error("one or more records have been rejected")]
    InvalidRecords(Vec<RecordError>),
    /// One or more records have a timestamp out of range, others possibly no key.
    #[error("one or more records have been rejected due to invalid timestamp")]
    InvalidTimestamps(Vec<RecordError>),
    /// Above `segment.bytes`.
    #[error("batch of {size} bytes exceeds segment.bytes {max}")]
    LargerThanSegment {
        /// Bytes of the batch.
        size: usize,
        /// The limit.
        max: usize,
    },
}

/// Why one record makes its batch unacceptable (KIP-467).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Position of the record in its batch, from 0.
    pub index: i32,
    /// What is wrong with it.
    pub cause: RecordCause,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordCause {
    /// Null key on a compacted topic.
    #[error("Compacted topic cannot accept message without key.")]
    MissingKey,
    /// Timestamp outside the topic's window.
    #[error("Timestamp {timestamp} is out of range. The timestamp should be within [{min}, {max}]")]
    Timestamp {
        /// The record's.
        timestamp: TimestampMs,
        /// Earliest accepted.
        min: TimestampMs,
        /// Latest accepted.
        max: TimestampMs,
    },
    /// The producer claims LogAppendTime.
    #[error("Producer should not set timestamp type to LogAppendTime.")]
    TimestampType,
}

/// A batch that may be appended, after the changes named here: first `rebuild` (through
/// `recompress`), then `patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validated {
    /// The head as sent, except that attributes and maximum timestamp are those after `patch`.
    pub header: BatchHeader,
    /// Bytes of the batch. What was sent behind it is dropped.
    pub size: usize,
    /// Timestamp type and maximum timestamp, if they have to change.
    pub patch: Option<Patch>,
    /// The records have to be encoded anew, with this codec.
    pub rebuild: Option<Rebuild>,
    /// What the response says: `now` under LogAppendTime, otherwise -1.
    pub log_append_time: TimestampMs,
}

/// Change of a batch's head that needs a new CRC but leaves the records alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The topic's timestamp type.
    pub timestamp_type: TimestampType,
    /// The true maximum timestamp.
    pub max_timestamp: TimestampMs,
}

impl Patch {
    /// Changes `batch`, exactly one whole batch.
    pub fn apply(&self, batch: &mut [u8]) {
        batch::set_max_timestamp(batch, self.timestamp_type, self.max_timestamp);
    }
}

/// New encoding of a batch's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuild {
    /// Codec to store the records with.
    pub codec: Codec,
    /// Whether the records' offsets must be counted anew, because they are not 0, 1, 2, …
    pub renumber: bool,
}

impl Rules {
    /// Whether a batch that was encoded anew to `size` bytes still fits the topic.
    pub fn check_size(&self, size: usize) -> Result<(), Rejection> {
        if size > self.max_message_bytes {
            return Err(Rejection::TooLarge { size, max: self.max_message_bytes });
        }
        if size > self.segment_bytes {
            return Err(Rejection::LargerThanSegment { size, max: self.segment_bytes });
        }
        Ok(())
    }
}

/// Judges `records`, what a producer sent for one partition.
pub fn validate(records: &[u8], rules: &Rules, now: TimestampMs) -> Result<Validated, Rejection> {
    let size = one_batch(records, rules)?;
    let batch = &records[..size];
    let header = check_header(batch, rules)?;
    let codec = header.codec().ok_or(Rejection::UnknownCodec)?;
    let walked = if rules.header_only {
        Walked { max_timestamp: header.max_timestamp, in_order: true }
    } else {
        check_records(&header, batch, rules, now)?
    };
    let target = rules.compression.unwrap_or(codec);
    // Kafka repairs wrong offsets of compressed records but stores uncompressed ones as sent.
    let renumber = !walked.in_order && (codec, target) != (Codec::None, Codec::None);
    let rebuild = (target != codec || renumber).then_some(Rebuild { codec: target, renumber });
    if rebuild.is_none() {
        rules.check_size(size)?;
    }
    let (max_timestamp, log_append_time) = match rules.timestamp_type {
        TimestampType::CreateTime => (walked.max_timestamp, NO_TIMESTAMP),
        TimestampType::LogAppendTime => (now, now),
    };
    let patch = Patch { timestamp_type: rules.timestamp_type, max_timestamp };
    let stored = header.with_max_timestamp(patch.timestamp_type, max_timestamp);
    let patch = (stored != header).then_some(patch);
    Ok(Validated { header: stored, size, patch, rebuild, log_append_time })
}

/// Bytes of the one batch that `records` must hold, of format 2 and in an allowed codec.
fn one_batch(records: &[u8], rules: &Rules) -> Result<usize, Rejection> {
    let (size, magic) = next_batch(records)?.ok_or(Rejection::NoBatch)?;
    if magic != MAGIC {
        return Err(Rejection::OldMagic(magic));
    }
    if !rules.zstd_allowed
        && let Some(bytes) = records.get(21..23)
        && Codec::of_attributes(i16::from_be_bytes([bytes[0], bytes[1]])) == Some(Codec::Zstd)
    {
        return Err(Rejection::ZstdTooOld);
    }
    match next_batch(&records[size..])? {
        Some(_) => Err(Rejection::SeveralBatches),
        None => Ok(size),
    }
}

/// Size and magic of the batch at the start of `bytes`; none if it is not all there.
fn next_batch(bytes: &[u8]) -> Result<Option<(usize, i8)>, Rejection> {
    let Some(head) = bytes.first_chunk::<LENGTH_OVERHEAD>() else { return Ok(None) };
    let length = i32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    if length < LENGTH_MIN {
        return Err(Rejection::Length(length));
    }
    let Some(magic) = bytes.get(MAGIC_END - 1) else { return Ok(None) };
    let magic = *magic as i8;
    if !(0..=MAGIC).contains(&magic) {
        return Err(Rejection::UnknownMagic(magic));
    }
    let size = LENGTH_OVERHEAD + length as usize;
    Ok((size <= bytes.len()).then_some((size, magic)))
}

fn check_header(batch: &[u8], rules: &Rules) -> Result<BatchHeader, Rejection> {
    let header = BatchHeader::parse(batch).map_err(|error| match error {
        batch::Error::Truncated => Rejection::Length((batch.len() - LENGTH_OVERHEAD) as i32),
        batch::Error::Length(length) => Rejection::Length(length),
        batch::Error::Magic(magic) => Rejection::UnknownMagic(magic),
        batch::Error::Crc => Rejection::Crc,
    })?;
    if header.base_offset != 0 {
        return Err(Rejection::BaseOffset(header.base_offset));
    }
    if batch.len() > rules.max_message_bytes {
        return Err(Rejection::TooLarge { size: batch.len(), max: rules.max_message_bytes });
    }
    batch::check_crc(&header, batch).map_err(|_| Rejection::Crc)?;
    let BatchHeader { record_count, last_offset_delta, .. } = header;
    if record_count <= 0 || i64::from(last_offset_delta) + 1 != i64::from(record_count) {
        return Err(Rejection::RecordCount { record_count, last_offset_delta });
    }
    if header.is_control() {
        return Err(Rejection::ControlBatch);
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return Err(Rejection::Sequence(header.base_sequence));
    }
    Ok(header)
}

/// What the walk over the records found.
struct Walked {
    max_timestamp: TimestampMs,
    /// Whether the offset deltas are 0, 1, 2, …
    in_order: bool,
}

fn check_records(
    header: &BatchHeader,
    batch: &[u8],
    rules: &Rules,
    now: TimestampMs,
) -> Result<Walked, Rejection> {
    let mut walked = Walked { max_timestamp: NO_TIMESTAMP, in_order: true };
    let mut errors = Vec::new();
    let mut timestamps_wrong = false;
    let checks = RecordChecks::new(header, rules, now);
    records::for_each(header, batch, rules.decompressed_max, |entry| {
        walked.max_timestamp = walked.max_timestamp.max(entry.timestamp);
        walked.in_order &= entry.offset_delta == entry.index;
        if let Some(cause) = checks.check(&entry) {
            timestamps_wrong |= cause != RecordCause::MissingKey;
            if errors.len() < RECORD_ERRORS_MAX {
                errors.push(RecordError { index: entry.index, cause });
            }
        }
        ControlFlow::Continue(())
    })
    .map_err(|error| match error {
        records::Error::UnknownCodec => Rejection::UnknownCodec,
        records::Error::Decompress(_) => Rejection::Undecompressable,
        records::Error::TooLarge => Rejection::DecompressedTooLarge { max: rules.decompressed_max },
        error => Rejection::Malformed(error),
    })?;
    match (errors.is_empty(), timestamps_wrong) {
        (true, _) => Ok(walked),
        (false, true) => Err(Rejection::InvalidTimestamps(errors)),
        (false, false) => Err(Rejection::InvalidRecords(errors)),
    }
}

/// The checks of one record, with what is equal for all records of the batch worked out.
struct RecordChecks {
    key_needed: bool,
    /// Accepted timestamps, under CreateTime.
    window: Option<(TimestampMs, TimestampMs)>,
    /// Whether the producer claims LogAppendTime.
    append_time: bool,
}

impl RecordChecks {
    fn new(header: &BatchHeader, rules: &Rules, now: TimestampMs) -> RecordChecks {
        let window = (rules.timestamp_type == TimestampType::CreateTime).then(|| {
            (now.saturating_sub(rules.before_max_ms), now.saturating_add(rules.after_max_ms))
        });
        let append_time = header.timestamp_type() == TimestampType::LogAppendTime;
        RecordChecks { key_needed: rules.compacted, window, append_time }
    }

    /// A missing key comes first. A timestamp inside the window excuses the wrong timestamp type,
    /// as in Kafka: the bit is then cleared.
    #[inline]
    fn check(&self, entry: &Entry) -> Option<RecordCause> {
        if self.key_needed && !entry.has_key {
            return Some(RecordCause::MissingKey);
        }
        let timestamp = entry.timestamp;
        match self.window {
            Some((min, max)) if timestamp != NO_TIMESTAMP => (timestamp < min || timestamp > max)
                .then_some(RecordCause::Timestamp { timestamp, min, max }),
            _ => self.append_time.then_some(RecordCause::TimestampType),
        }
    }
}
