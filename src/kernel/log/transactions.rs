//! Which records of a stretch of log belong to transactions that were aborted, found by reading
//! forward to the markers that end them. Kafka keeps an index file for that; here the log tells.
//! Deliberately knows nothing of transactions that are open: that is the state of producers.

use std::collections::{BTreeMap, HashMap};

use crate::kernel::batch::BatchHeader;
use crate::kernel::records;
use crate::kernel::types::Offset;

#[cfg(test)]
#[path = "transactions_tests.rs"]
mod tests;

/// Transactions that are remembered for not being committed, about 64 bytes each.
pub const REMEMBERED_MAX: usize = 1 << 18;

/// Bytes of a marker's record at most: nothing in one is compressed.
const MARKER_BYTES_MAX: usize = 1024;

/// How a control batch ends the transaction of its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Its records are to be read.
    Commit,
    /// Its records never were.
    Abort,
    /// Compaction has taken the record that told; it had taken all records of the transaction
    /// before.
    Emptied,
}

/// The marker that a control batch is, `None` for those that end no transaction.
pub fn marker(header: &BatchHeader, batch: &[u8]) -> Option<Marker> {
    if !header.is_control() || !header.has_producer_id() {
        return None;
    }
    if header.record_count == 0 {
        return Some(Marker::Emptied);
    }
    let record = records::read_records(batch, MARKER_BYTES_MAX).next()?.ok()?;
    // Version, then type; versions to come may append fields.
    let kind = record.key.as_ref()?.get(2..4)?;
    match i16::from_be_bytes([kind[0], kind[1]]) {
        0 => Some(Marker::Abort),
        1 => Some(Marker::Commit),
        _ => None,
    }
}

/// Epoch of the coordinator that wrote a marker, `None` if it does not tell.
pub fn coordinator_epoch(header: &BatchHeader, batch: &[u8]) -> Option<i32> {
    marker(header, batch)?;
    let record = records::read_records(batch, MARKER_BYTES_MAX).next()?.ok()?;
    // Behind the version.
    let epoch = record.value.as_ref()?.get(2..6)?;
    Some(i32::from_be_bytes(epoch.try_into().ok()?))
}

/// What became of the transaction that a batch belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was committed, or the batch belongs to none.
    Committed,
    /// It was aborted.
    Aborted,
    /// Its end was not read, because damage hides it or there are too many to remember.
    Unknown,
}

/// A transaction that was not committed.
#[derive(Clone, Copy, Debug)]
struct Lost {
    last_offset: Offset,
    outcome: Outcome,
}

/// The outcomes of the transactions in a stretch of log.
#[derive(Debug)]
pub struct Outcomes {
    /// By producer and first offset.
    lost: BTreeMap<(i64, Offset), Lost>,
    /// First offsets of transactions whose end is still to come, by producer.
    open: HashMap<i64, Offset>,
    remembered_max: usize,
    /// First offset of a transaction that there was no room for.
    complete_to: Offset,
}

impl Default for Outcomes {
    fn default() -> Outcomes {
        Outcomes::new(REMEMBERED_MAX)
    }
}

impl Outcomes {
    /// Knows no transaction, and remembers at most so many.
    pub fn new(remembered_max: usize) -> Outcomes {
        let (lost, open) = (BTreeMap::new(), HashMap::new());
        Outcomes { lost, open, remembered_max, complete_to: Offset::MAX }
    }

    /// Takes in the next batch of the log.
    pub fn note(&mut self, header: &BatchHeader, batch: &[u8]) {
        if !header.has_producer_id() {
            return;
        }
        let producer_id = header.producer_id;
        if !header.is_control() {
            if header.is_transactional() {
                self.open.entry(producer_id).or_insert(header.base_offset);
            }
            return;
        }
        let Some(first_offset) = self.open.remove(&producer_id) else { return };
        let outcome = match marker(header, batch) {
            Some(Marker::Commit) => return,
            Some(Marker::Abort) => Outcome::Aborted,
            Some(Marker::Emptied) | None => Outcome::Unknown,
        };
        self.lose(producer_id, first_offset, Lost { last_offset: header.last_offset(), outcome });
    }

    /// Something that cannot be read follows, up to `offset`: it may end what is open.
    pub fn pass_over(&mut self, offset: Offset) {
        for (producer_id, first_offset) in std::mem::take(&mut self.open) {
            let lost = Lost { last_offset: offset.saturating_sub(1), outcome: Outcome::Unknown };
            self.lose(producer_id, first_offset, lost);
        }
    }

    /// Whether the outcomes of all transactions are known that begin before `offset`.
    pub fn is_decided_to(&self, offset: Offset) -> bool {
        self.open.values().all(|first_offset| *first_offset >= offset)
    }

    /// Offset from which on outcomes are unknown because there are too many.
    pub fn complete_to(&self) -> Offset {
        self.complete_to
    }

    /// What became of a batch's transaction.
    pub fn of(&self, header: &BatchHeader) -> Outcome {
        let (producer_id, offset) = (header.producer_id, header.base_offset);
        if !header.is_transactional() || header.is_control() {
            return Outcome::Committed;
        }
        if offset >= self.complete_to {
            return Outcome::Unknown;
        }
        if self.open.get(&producer_id).is_some_and(|first_offset| offset >= *first_offset) {
            return Outcome::Unknown;
        }
        let known = self.lost.range((producer_id, 0)..=(producer_id, offset)).next_back();
        match known {
            Some((_, lost)) if offset <= lost.last_offset => lost.outcome,
            _ => Outcome::Committed,
        }
    }

    fn lose(&mut self, producer_id: i64, first_offset: Offset, lost: Lost) {
        if self.lost.len() < self.remembered_max {
            self.lost.insert((producer_id, first_offset), lost);
        } else {
            self.complete_to = self.complete_to.min(first_offset);
        }
    }
}
