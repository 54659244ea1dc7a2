//! What a partition remembers of its idempotent producers: epoch and last five batches of each, so
//! that a batch sent twice is stored once (KIP-98, KIP-360).
//!
//! It deliberately judges single batches and nothing around them: the order of appends, the moment
//! of durability and the transaction coordinator are elsewhere. The state is a fold over the batch
//! heads of the log, so replaying them in order gives the window that was there before.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use crate::kernel::batch::{BatchHeader, NO_SEQUENCE, sequence_after};
use crate::kernel::types::{NO_TIMESTAMP, Offset, TimestampMs};

#[cfg(test)]
#[path = "producers_tests.rs"]
mod tests;

/// Batches of a producer that are remembered, as many as a client may have in flight.
const WINDOW: usize = 5;

/// Version byte of the encoded state.
const VERSION: u8 = 2;

/// The version that told nothing of markers.
const VERSION_WITHOUT_MARKERS: u8 = 1;

/// Bytes that a producer has more since.
const MARKER_SIZE: usize = 8 + 4;

/// Bytes of an encoded producer of the first version without its batches, and of one batch.
const PRODUCER_SIZE: usize = 8 + 2 + 8 + 8 + 1;
const BATCH_SIZE: usize = 4 + 4 + 8 + 8;

/// Stands in the encoded state for "no open transaction".
const NO_OFFSET: Offset = -1;

/// Stands for "not known".
const NO_EPOCH: i32 = -1;

/// Why a batch of an idempotent producer is not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The batch does not follow the last one, or a new epoch does not start at sequence 0.
    #[error("sequence {found} of producer {producer_id} where {expected} was expected")]
    OutOfOrderSequence {
        /// Producer ID.
        producer_id: i64,
        /// Sequence number that would have been accepted.
        expected: i32,
        /// First sequence number of the batch.
        found: i32,
    },
    /// A newer instance of the producer has written already.
    #[error("epoch {found} of producer {producer_id} is older than {current}")]
    InvalidProducerEpoch {
        /// Producer ID.
        producer_id: i64,
        /// Newest epoch seen.
        current: i16,
        /// Epoch of the batch.
        found: i16,
    },
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    Append,
    /// It is in the log already: answer as the first time.
    Duplicate {
        /// Offset of its first record.
        base_offset: Offset,
        /// Offset of its last record; the answer must wait until this is durable.
        last_offset: Offset,
        /// Its maximum timestamp: the append time under LogAppendTime.
        timestamp: TimestampMs,
    },
    /// Refuse it.
    Reject(Error),
}

/// Encoded state that cannot be read; the log has to be replayed instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are shorter than what they announce, or longer.
    #[error("producer state of a wrong length")]
    Length,
    /// Another format.
    #[error("producer state of unknown version {0}")]
    Version(u8),
    /// The bytes are damaged.
    #[error("producer state with a wrong CRC-32C")]
    Crc,
}

/// A batch in a producer's window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Batch {
    base_sequence: i32,
    last_offset_delta: i32,
    last_offset: Offset,
    timestamp: TimestampMs,
}

impl Batch {
    fn of(header: &BatchHeader) -> Batch {
        Batch {
            base_sequence: header.base_sequence,
            last_offset_delta: header.last_offset_delta,
            last_offset: header.last_offset(),
            timestamp: header.max_timestamp,
        }
    }

    fn last_sequence(&self) -> i32 {
        sequence_after(self.base_sequence, self.last_offset_delta)
    }
}

/// What is remembered of one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Producer {
    epoch: i16,
    /// How many of `batches` are filled, oldest first.
    count: u8,
    batches: [Batch; WINDOW],
    /// Largest timestamp of the last batch.
    last_timestamp: TimestampMs,
    /// Epoch of the coordinator that wrote the last marker, -1 if that is not known.
    coordinator_epoch: i32,
    /// When the last batch was appended, by the broker's clock.
    last_append_ms: TimestampMs,
    /// First offset of the open transaction, which keeps the producer from expiring.
    transaction_start: Option<Offset>,
}

impl Producer {
    fn new(epoch: i16) -> Producer {
        Producer {
            epoch,
            count: 0,
            batches: [Batch::default(); WINDOW],
            last_timestamp: NO_TIMESTAMP,
            coordinator_epoch: NO_EPOCH,
            last_append_ms: 0,
            transaction_start: None,
        }
    }

    fn batches(&self) -> &[Batch] {
        &self.batches[..usize::from(self.count)]
    }

    fn push(&mut self, batch: Batch) {
        if usize::from(self.count) == WINDOW {
            self.batches.rotate_left(1);
            self.batches[WINDOW - 1] = batch;
        } else {
            self.batches[usize::from(self.count)] = batch;
            self.count += 1;
        }
    }

    /// Sequence number that the next batch of the current epoch must begin with.
    fn next_sequence(&self) -> i32 {
        self.batches().last().map_or(0, |batch| sequence_after(batch.last_sequence(), 1))
    }
}

/// What is known of one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Producer ID.
    pub producer_id: i64,
    /// Newest epoch.
    pub epoch: i16,
    /// Sequence of its last record, -1 if it has sent none in this epoch.
    pub last_sequence: i32,
    /// Largest timestamp of its last batch, the marker of a transaction included.
    pub last_timestamp: TimestampMs,
    /// Epoch of the coordinator that ended its last transaction, -1 if that is not known.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction.
    pub transaction_start: Option<Offset>,
}

/// The idempotent producers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    producers: HashMap<i64, Producer>,
    /// First offsets of the open transactions.
    open: BTreeSet<Offset>,
}

impl Producers {
    /// Knows no producer.
    pub fn new() -> Producers {
        Producers::default()
    }

    /// Number of producers remembered.
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Whether no producer is remembered.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// First offset of the earliest open transaction: what lies behind is not decided yet.
    pub fn first_undecided(&self) -> Option<Offset> {
        self.open.first().copied()
    }

    /// All producers, in order of their IDs.
    pub fn known(&self) -> Vec<Known> {
        let known = self.producers.iter().map(|(producer_id, producer)| {
            let last_sequence = producer.batches().last().map(Batch::last_sequence);
            Known {
                producer_id: *producer_id,
                epoch: producer.epoch,
                last_sequence: last_sequence.unwrap_or(NO_SEQUENCE),
                last_timestamp: producer.last_timestamp,
                coordinator_epoch: producer.coordinator_epoch,
                transaction_start: producer.transaction_start,
            }
        });
        let mut known: Vec<_> = known.collect();
        known.sort_unstable_by_key(|producer| producer.producer_id);
        known
    }

    /// Judges a client's batch. Batches without producer ID always pass, and so does any sequence
    /// of a producer that is not known, which may have been forgotten (KIP-360).
    pub fn check(&self, header: &BatchHeader) -> Verdict {
        let producer_id = header.producer_id;
        if !header.has_producer_id() {
            return Verdict::Append;
        }
        let Some(producer) = self.producers.get(&producer_id) else { return Verdict::Append };
        let (current, found) = (producer.epoch, header.producer_epoch);
        if found < current {
            let error = Error::InvalidProducerEpoch { producer_id, current, found };
            return Verdict::Reject(error);
        }
        if header.is_control() {
            // Markers have no sequence. That clients send none is for `validate` to see to.
            return Verdict::Append;
        }
        let sent = (header.base_sequence, header.last_offset_delta);
        let known = producer.batches().iter();
        let mut known = known.filter(|_| found == current);
        if let Some(batch) = known.find(|b| (b.base_sequence, b.last_offset_delta) == sent) {
            return Verdict::Duplicate {
                base_offset: batch.last_offset.saturating_sub(i64::from(batch.last_offset_delta)),
                last_offset: batch.last_offset,
                timestamp: batch.timestamp,
            };
        }
        let expected = if found == current { producer.next_sequence() } else { 0 };
        if header.base_sequence != expected {
            let found = header.base_sequence;
            let error = Error::OutOfOrderSequence { producer_id, expected, found };
            return Verdict::Reject(error);
        }
        Verdict::Append
    }

    /// What is remembered of a producer, to be put back if an append comes to nothing.
    pub(super) fn state(&self, producer_id: i64) -> Option<Producer> {
        self.producers.get(&producer_id).copied()
    }

    /// Remembers of a producer what was remembered before.
    pub(super) fn put_back(&mut self, producer_id: i64, state: Option<Producer>) {
        let replaced = match state {
            Some(state) => self.producers.insert(producer_id, state),
            None => self.producers.remove(&producer_id),
        };
        if let Some(start) = replaced.and_then(|replaced| replaced.transaction_start) {
            self.open.remove(&start);
        }
        self.open.extend(state.and_then(|state| state.transaction_start));
    }

    /// Takes in a batch that was appended, with its assigned base offset, or one replayed from the
    /// log. `now` counts only for expiration: a replay passes the present, and so forgets nobody
    /// too early.
    pub fn append(&mut self, header: &BatchHeader, now: TimestampMs) {
        if !header.has_producer_id() {
            return;
        }
        let producer = match self.producers.entry(header.producer_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Producer::new(header.producer_epoch)),
        };
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.count = 0;
            // Equal states have equal bytes.
            producer.batches = [Batch::default(); WINDOW];
        }
        producer.last_append_ms = now;
        producer.last_timestamp = header.max_timestamp;
        if header.is_control() {
            // The marker that ends a transaction carries no sequence. One that compaction has
            // emptied still tells the epoch.
            if let Some(start) = producer.transaction_start.take() {
                self.open.remove(&start);
            }
            return;
        }
        producer.push(Batch::of(header));
        if header.is_transactional() && producer.transaction_start.is_none() {
            producer.transaction_start = Some(header.base_offset);
            self.open.insert(header.base_offset);
        }
    }

    /// Takes in what only the record of a marker tells, once the marker was appended.
    pub fn learn_coordinator(&mut self, producer_id: i64, coordinator_epoch: i32) {
        if let Some(producer) = self.producers.get_mut(&producer_id) {
            producer.coordinator_epoch = coordinator_epoch;
        }
    }

    /// Offset of the last record of each producer, for compaction to keep its batch.
    pub fn last_offsets(&self) -> HashMap<i64, Offset> {
        let last = |producer: &Producer| producer.batches().last().map(|batch| batch.last_offset);
        self.producers.iter().filter_map(|(id, producer)| Some((*id, last(producer)?))).collect()
    }

    /// Epoch of each producer that has sent nothing since a marker began it, for compaction to keep
    /// the marker.
    pub fn last_markers(&self) -> HashMap<i64, i16> {
        let silent = self.producers.iter().filter(|(_, producer)| producer.batches().is_empty());
        silent.map(|(id, producer)| (*id, producer.epoch)).collect()
    }

    /// Forgets producers that appended nothing for `idle_ms_max` (`producer.id.expiration.ms`)
    /// and have no open transaction. Says how many.
    pub fn expire(&mut self, now: TimestampMs, idle_ms_max: i64) -> usize {
        let before = self.producers.len();
        self.producers.retain(|_, producer| {
            producer.transaction_start.is_some()
                || now.saturating_sub(producer.last_append_ms) < idle_ms_max
        });
        before - self.producers.len()
    }

    /// The state as bytes, big-endian: version (u8), number of producers (u32), for each in order
    /// of its ID: ID (i64), epoch (i16), last append (i64, ms), maximum timestamp of the last batch
    /// or marker (i64, ms), coordinator epoch (i32; both absent in version 1), first offset of the
    /// open transaction (i64, -1 for none), number of batches (u8, at most 5), for each: base
    /// sequence (i32), last offset delta (i32), last offset (i64), maximum timestamp (i64). At the
    /// end a CRC-32C of all bytes before it (u32).
    pub fn encode(&self) -> Vec<u8> {
        let size = PRODUCER_SIZE + MARKER_SIZE + WINDOW * BATCH_SIZE;
        let mut out = Vec::with_capacity(9 + self.producers.len() * size);
        out.push(VERSION);
        let count = u32::try_from(self.producers.len()).expect("so many do not fit in memory");
        out.extend_from_slice(&count.to_be_bytes());
        let mut ids: Vec<i64> = self.producers.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let producer = &self.producers[&id];
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&producer.epoch.to_be_bytes());
            out.extend_from_slice(&producer.last_append_ms.to_be_bytes());
            out.extend_from_slice(&producer.last_timestamp.to_be_bytes());
            out.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
            let start = producer.transaction_start.unwrap_or(NO_OFFSET);
            out.extend_from_slice(&start.to_be_bytes());
            out.push(producer.count);
            for batch in producer.batches() {
                out.extend_from_slice(&batch.base_sequence.to_be_bytes());
                out.extend_from_slice(&batch.last_offset_delta.to_be_bytes());
                out.extend_from_slice(&batch.last_offset.to_be_bytes());
                out.extend_from_slice(&batch.timestamp.to_be_bytes());
            }
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads what `encode` wrote.
    pub fn decode(bytes: &[u8]) -> Result<Producers, DecodeError> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(DecodeError::Length)?;
        if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return Err(DecodeError::Crc);
        }
        let mut fields = Fields(body);
        let [version] = fields.take()?;
        if !(VERSION_WITHOUT_MARKERS..=VERSION).contains(&version) {
            return Err(DecodeError::Version(version));
        }
        let count = u32::from_be_bytes(fields.take()?) as usize;
        if count > fields.0.len() / PRODUCER_SIZE {
            return Err(DecodeError::Length);
        }
        let mut producers = HashMap::with_capacity(count);
        for _ in 0..count {
            let id = i64::from_be_bytes(fields.take()?);
            producers.insert(id, fields.producer(version)?);
        }
        if !fields.0.is_empty() {
            return Err(DecodeError::Length);
        }
        let open = producers.values().filter_map(|known: &Producer| known.transaction_start);
        let open = open.collect();
        Ok(Producers { producers, open })
    }
}

/// The rest of the bytes being decoded.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(DecodeError::Length)?;
        self.0 = rest;
        Ok(*field)
    }

    fn producer(&mut self, version: u8) -> Result<Producer, DecodeError> {
        let mut producer = Producer::new(i16::from_be_bytes(self.take()?));
        producer.last_append_ms = i64::from_be_bytes(self.take()?);
        if version > VERSION_WITHOUT_MARKERS {
            producer.last_timestamp = i64::from_be_bytes(self.take()?);
            producer.coordinator_epoch = i32::from_be_bytes(self.take()?);
        }
        let start = i64::from_be_bytes(self.take()?);
        producer.transaction_start = (start != NO_OFFSET).then_some(start);
        let [count] = self.take()?;
        if usize::from(count) > WINDOW {
            return Err(DecodeError::Length);
        }
        for _ in 0..count {
            producer.push(Batch {
                base_sequence: i32::from_be_bytes(self.take()?),
                last_offset_delta: i32::from_be_bytes(self.take()?),
                last_offset: i64::from_be_bytes(self.take()?),
                timestamp: i64::from_be_bytes(self.take()?),
            });
        }
        if let (VERSION_WITHOUT_MARKERS, Some(last)) = (version, producer.batches().last()) {
            producer.last_timestamp = last.timestamp;
        }
        Ok(producer)
    }
}
