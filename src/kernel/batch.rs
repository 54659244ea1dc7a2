//! The head of a record batch in Kafka's format v2: reading it, patching it in place, checking its
//! CRC, and building small uncompressed batches for internal topics and the metadata log.
//!
//! It deliberately knows nothing about the records behind the head (`records`), nor about which
//! batches a producer may send (`validate`).

use bytes::Bytes;

use crate::kernel::types::{LeaderEpoch, NO_TIMESTAMP, Offset, TimestampMs};

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;

/// Bytes of a batch before its first record.
pub const HEADER_SIZE: usize = 61;

/// Bytes of the base offset and the length field, which the length field does not count.
pub const LENGTH_OVERHEAD: usize = 12;

/// The only batch format that is stored and served.
pub const MAGIC: i8 = 2;

/// Stands for "not from an idempotent producer".
const NO_PRODUCER_ID: i64 = -1;

/// Stands for "no sequence number".
pub const NO_SEQUENCE: i32 = -1;

const LENGTH_AT: usize = 8;
const LEADER_EPOCH_AT: usize = 12;
pub(super) const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
pub(super) const ATTRIBUTES_AT: usize = 21;
const BASE_TIMESTAMP_AT: usize = 27;
const MAX_TIMESTAMP_AT: usize = 35;
const RECORD_COUNT_AT: usize = 57;

const CODEC_MASK: i16 = 0b111;
const LOG_APPEND_TIME_BIT: i16 = 1 << 3;
const TRANSACTIONAL_BIT: i16 = 1 << 4;
const CONTROL_BIT: i16 = 1 << 5;
const DELETE_HORIZON_BIT: i16 = 1 << 6;

/// Why bytes are not a batch of format v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end inside the batch head, or inside the batch where all of it is needed.
    #[error("the bytes end inside a record batch")]
    Truncated,
    /// The length field is too small for a batch head.
    #[error("batch length {0} is below the minimum of 49")]
    Length(i32),
    /// The magic byte is not 2.
    #[error("record batch of magic {0}, only 2 is known")]
    Magic(i8),
    /// The stored checksum is not that of the bytes.
    #[error("record batch with a wrong CRC-32C")]
    Crc,
}

/// Compression of the records of a batch: bits 0 to 2 of its attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not compressed.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks, with or without the framing of the Java client.
    Snappy,
    /// LZ4 frame format.
    Lz4,
    /// RFC 8878 (KIP-110).
    Zstd,
}

impl Codec {
    /// The codec of a batch's attributes; none for the unassigned numbers 5 to 7.
    pub fn of_attributes(attributes: i16) -> Option<Codec> {
        Some(match attributes & CODEC_MASK {
            0 => Codec::None,
            1 => Codec::Gzip,
            2 => Codec::Snappy,
            3 => Codec::Lz4,
            4 => Codec::Zstd,
            _ => return None,
        })
    }

    /// The number that stands for the codec in a batch's attributes.
    pub fn number(self) -> i16 {
        self as i16
    }

    /// Kafka's name of the codec, as in the config `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }
}

/// Who sets the timestamps of a topic's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer.
    #[default]
    CreateTime,
    /// The broker: every record of a batch carries the batch's maximum timestamp.
    LogAppendTime,
}

/// The 61 bytes before the first record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record, also where compaction has removed that record.
    pub base_offset: Offset,
    /// Bytes after the length field, at least 49.
    pub length: i32,
    /// Epoch of the leader that appended the batch, -1 from a client.
    pub leader_epoch: LeaderEpoch,
    /// Format, always 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type and flags.
    pub attributes: i16,
    /// Offset of the last record, counted from the base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas are added to; the delete horizon if that flag is set.
    pub base_timestamp: TimestampMs,
    /// Largest timestamp of the records, -1 if none has one.
    pub max_timestamp: TimestampMs,
    /// Producer ID, or `NO_PRODUCER_ID`.
    pub producer_id: i64,
    /// Producer epoch, -1 without a producer ID.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or `NO_SEQUENCE`.
    pub base_sequence: i32,
    /// Number of records; 0 is legal in a compacted log.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the head at the start of `bytes`; the records need not be there.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, Error> {
        let Some(head) = bytes.first_chunk::<HEADER_SIZE>() else {
            return Err(Error::Truncated);
        };
        let header = BatchHeader {
            base_offset: i64::from_be_bytes(field(head, 0)),
            length: i32::from_be_bytes(field(head, LENGTH_AT)),
            leader_epoch: i32::from_be_bytes(field(head, LEADER_EPOCH_AT)),
            magic: i8::from_be_bytes(field(head, MAGIC_AT)),
            crc: u32::from_be_bytes(field(head, CRC_AT)),
            attributes: i16::from_be_bytes(field(head, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(field(head, 23)),
            base_timestamp: i64::from_be_bytes(field(head, BASE_TIMESTAMP_AT)),
            max_timestamp: i64::from_be_bytes(field(head, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(head, 43)),
            producer_epoch: i16::from_be_bytes(field(head, 51)),
            base_sequence: i32::from_be_bytes(field(head, 53)),
            record_count: i32::from_be_bytes(field(head, RECORD_COUNT_AT)),
        };
        if header.magic != MAGIC {
            return Err(Error::Magic(header.magic));
        }
        if (header.length as i64) < (HEADER_SIZE - LENGTH_OVERHEAD) as i64 {
            return Err(Error::Length(header.length));
        }
        Ok(header)
    }

    /// Bytes of the whole batch, at least `HEADER_SIZE`.
    pub fn total_size(&self) -> usize {
        debug_assert!(self.length >= 0, "parse refuses shorter batches");
        LENGTH_OVERHEAD + self.length as usize
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> Offset {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Offset that follows the batch.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().saturating_add(1)
    }

    /// Sequence number of the last record, or `NO_SEQUENCE`. After 2^31-1 comes 0.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return NO_SEQUENCE;
        }
        sequence_after(self.base_sequence, self.last_offset_delta)
    }

    /// Compression; none for the unassigned numbers 5 to 7.
    pub fn codec(&self) -> Option<Codec> {
        Codec::of_attributes(self.attributes)
    }

    /// Who set the timestamps of the records.
    pub fn timestamp_type(&self) -> TimestampType {
        match self.attributes & LOG_APPEND_TIME_BIT {
            0 => TimestampType::CreateTime,
            _ => TimestampType::LogAppendTime,
        }
    }

    /// Whether the records belong to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// Whether the batch is a marker of the broker's (end of a transaction, leader change).
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// Whether the base timestamp says when compaction may drop the batch's tombstones.
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes & DELETE_HORIZON_BIT != 0
    }

    /// This head with another timestamp type and maximum timestamp; the CRC is left as it was.
    pub fn with_max_timestamp(self, kind: TimestampType, max_timestamp: TimestampMs) -> Self {
        BatchHeader { attributes: with_kind(self.attributes, kind), max_timestamp, ..self }
    }

    /// Whether an idempotent or transactional producer sent the batch.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }
}

/// The sequence number `count` after `sequence`; after 2^31-1 comes 0. Negative counts go back.
pub fn sequence_after(sequence: i32, count: i32) -> i32 {
    (i64::from(sequence) + i64::from(count)).rem_euclid(1 << 31) as i32
}

fn field<const N: usize>(head: &[u8; HEADER_SIZE], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&head[at..at + N]);
    bytes
}

/// Checks the CRC of the batch at the start of `bytes`, which must all be there.
pub fn check_crc(header: &BatchHeader, bytes: &[u8]) -> Result<(), Error> {
    let body = bytes.get(ATTRIBUTES_AT..header.total_size()).ok_or(Error::Truncated)?;
    if crc32c::crc32c(body) == header.crc { Ok(()) } else { Err(Error::Crc) }
}

/// Sets the base offset of the batch at the start of `batch`. It lies outside the CRC.
pub fn set_base_offset(batch: &mut [u8], offset: Offset) {
    assert!(batch.len() >= HEADER_SIZE, "only checked batches are patched");
    batch[..LENGTH_AT].copy_from_slice(&offset.to_be_bytes());
}

/// Sets the leader epoch of the batch at the start of `batch`. It lies outside the CRC.
pub fn set_leader_epoch(batch: &mut [u8], epoch: LeaderEpoch) {
    assert!(batch.len() >= HEADER_SIZE, "only checked batches are patched");
    batch[LEADER_EPOCH_AT..MAGIC_AT].copy_from_slice(&epoch.to_be_bytes());
}

/// Sets timestamp type and maximum timestamp of `batch`, one whole batch, and its CRC.
pub fn set_max_timestamp(batch: &mut [u8], kind: TimestampType, max_timestamp: TimestampMs) {
    assert!(batch.len() >= HEADER_SIZE, "only checked batches are patched");
    let attributes = i16::from_be_bytes([batch[ATTRIBUTES_AT], batch[ATTRIBUTES_AT + 1]]);
    let attributes = with_kind(attributes, kind);
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
    set_crc(batch);
}

fn with_kind(attributes: i16, kind: TimestampType) -> i16 {
    match kind {
        TimestampType::CreateTime => attributes & !LOG_APPEND_TIME_BIT,
        TimestampType::LogAppendTime => attributes | LOG_APPEND_TIME_BIT,
    }
}

/// Sets the number of records and their maximum timestamp in the head of a batch that is being
/// rewritten; `seal` completes it.
pub(super) fn set_records(head: &mut [u8], record_count: i32, max_timestamp: TimestampMs) {
    head[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
    head[RECORD_COUNT_AT..HEADER_SIZE].copy_from_slice(&record_count.to_be_bytes());
}

/// Makes the base timestamp of a batch that is being rewritten its delete horizon (KIP-534).
pub(super) fn set_delete_horizon(head: &mut [u8], horizon: TimestampMs) {
    let attributes = i16::from_be_bytes([head[ATTRIBUTES_AT], head[ATTRIBUTES_AT + 1]]);
    let attributes = attributes | DELETE_HORIZON_BIT;
    head[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    head[BASE_TIMESTAMP_AT..MAX_TIMESTAMP_AT].copy_from_slice(&horizon.to_be_bytes());
}

/// Clears base timestamp and delete horizon of a batch that keeps no records.
pub(super) fn clear_base_timestamp(head: &mut [u8]) {
    let attributes = i16::from_be_bytes([head[ATTRIBUTES_AT], head[ATTRIBUTES_AT + 1]]);
    let attributes = attributes & !DELETE_HORIZON_BIT;
    head[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    head[BASE_TIMESTAMP_AT..MAX_TIMESTAMP_AT].copy_from_slice(&NO_TIMESTAMP.to_be_bytes());
}

/// Makes `batch`, the head of another batch followed by new records, a batch of its own: sets
/// length, codec and CRC.
///
/// # Panics
/// If the batch is shorter than a head or longer than a length field can say.
pub(super) fn seal(batch: &mut [u8], codec: Codec) {
    assert!(batch.len() >= HEADER_SIZE, "a batch begins with a head");
    let length = i32::try_from(batch.len() - LENGTH_OVERHEAD)
        .expect("callers bound the bytes of a batch far below 2 GiB");
    batch[LENGTH_AT..LEADER_EPOCH_AT].copy_from_slice(&length.to_be_bytes());
    let attributes = i16::from_be_bytes([batch[ATTRIBUTES_AT], batch[ATTRIBUTES_AT + 1]]);
    let attributes = (attributes & !CODEC_MASK) | codec.number();
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    set_crc(batch);
}

fn set_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
}

/// The batches that lie one after the other in `bytes`, each head with the bytes of its batch.
/// Ends before a batch that is cut short; an error ends it too.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { bytes, position: 0, failed: false }
}

/// Iterator made by [`batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

impl Batches<'_> {
    /// Bytes of the batches given out so far: where the next one begins.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<(BatchHeader, &'a [u8]), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let rest = &self.bytes[self.position..];
        match BatchHeader::parse(rest) {
            Ok(header) => {
                let batch = rest.get(..header.total_size())?;
                self.position += batch.len();
                Some(Ok((header, batch)))
            }
            Err(Error::Truncated) => None,
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

/// Builds one uncompressed batch with base offset 0 and leader epoch -1; the log sets both when it
/// appends. Meant for the broker's own records, not for those of clients.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    /// The head, zeros until `build`, and the records.
    bytes: Vec<u8>,
    attributes: i16,
    base_timestamp: TimestampMs,
    max_timestamp: TimestampMs,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    record_count: i32,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// A batch of data records without producer ID.
    pub fn new() -> BatchBuilder {
        BatchBuilder {
            bytes: vec![0; HEADER_SIZE],
            attributes: 0,
            base_timestamp: -1,
            max_timestamp: -1,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: -1,
            base_sequence: NO_SEQUENCE,
            record_count: 0,
        }
    }

    /// Makes it a control batch.
    pub fn control(mut self) -> BatchBuilder {
        self.attributes |= CONTROL_BIT;
        self
    }

    /// Makes it part of a transaction.
    pub fn transactional(mut self) -> BatchBuilder {
        self.attributes |= TRANSACTIONAL_BIT;
        self
    }

    /// Names the producer and the sequence number of the first record.
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> BatchBuilder {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
        self
    }

    /// Adds a record. Headers keep their order, and keys may repeat.
    ///
    /// # Panics
    /// If the record is 2 GiB or larger.
    pub fn append(
        &mut self,
        timestamp: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        if self.record_count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let mut body = Vec::with_capacity(
            32 + key.map_or(0, <[u8]>::len)
                + value.map_or(0, <[u8]>::len)
                + headers
                    .iter()
                    .map(|(k, v)| 10 + k.len() + v.map_or(0, <[u8]>::len))
                    .sum::<usize>(),
        );
        body.push(0);
        put_varlong(&mut body, timestamp.wrapping_sub(self.base_timestamp));
        put_varint(&mut body, self.record_count);
        put_bytes(&mut body, key);
        put_bytes(&mut body, value);
        put_varint(&mut body, size(headers.len()));
        for (key, value) in headers {
            put_bytes(&mut body, Some(key.as_bytes()));
            put_bytes(&mut body, *value);
        }
        put_varint(&mut self.bytes, size(body.len()));
        self.bytes.extend_from_slice(&body);
        self.record_count += 1;
    }

    /// Number of records so far.
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Bytes of the batch so far.
    pub fn total_size(&self) -> usize {
        self.bytes.len()
    }

    /// The finished batch.
    ///
    /// # Panics
    /// If there are no records, or 2 GiB of them.
    pub fn build(mut self) -> Bytes {
        assert!(self.record_count > 0, "a new batch has records");
        let mut head = Vec::with_capacity(HEADER_SIZE);
        head.extend_from_slice(&0i64.to_be_bytes());
        head.extend_from_slice(&0i32.to_be_bytes());
        head.extend_from_slice(&(-1i32).to_be_bytes());
        head.extend_from_slice(&MAGIC.to_be_bytes());
        head.extend_from_slice(&0u32.to_be_bytes());
        head.extend_from_slice(&self.attributes.to_be_bytes());
        head.extend_from_slice(&(self.record_count - 1).to_be_bytes());
        head.extend_from_slice(&self.base_timestamp.to_be_bytes());
        head.extend_from_slice(&self.max_timestamp.to_be_bytes());
        head.extend_from_slice(&self.producer_id.to_be_bytes());
        head.extend_from_slice(&self.producer_epoch.to_be_bytes());
        head.extend_from_slice(&self.base_sequence.to_be_bytes());
        head.extend_from_slice(&self.record_count.to_be_bytes());
        self.bytes[..HEADER_SIZE].copy_from_slice(&head);
        seal(&mut self.bytes, Codec::None);
        Bytes::from(self.bytes)
    }
}

fn size(length: usize) -> i32 {
    i32::try_from(length).expect("records of the broker's own are far below 2 GiB")
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varint(out, size(bytes.len()));
            out.extend_from_slice(bytes);
        }
    }
}

/// Appends a zigzag varint of at most 5 bytes.
pub(super) fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_unsigned(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

/// Appends a zigzag varint of at most 10 bytes.
pub(super) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
