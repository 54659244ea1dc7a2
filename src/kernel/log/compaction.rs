//! Compaction as rules: which part of a log is worth cleaning, which segments become one, and the
//! newest offset of every key. What happens to a single batch is in `rewrite`; files are moved by
//! the storage layer.

use std::collections::HashMap;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::Log;
use super::segment::Segment;
use super::transactions::{Outcome, Outcomes};
use crate::kernel::batch::BatchHeader;
use crate::kernel::records;
use crate::kernel::types::{Offset, TimestampMs};

#[cfg(test)]
#[path = "compaction_tests.rs"]
mod tests;

/// A topic's rules of compaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// `min.compaction.lag.ms`: younger records are left alone.
    pub lag_ms_min: i64,
    /// `max.compaction.lag.ms`: older records are cleaned however few they are.
    pub lag_ms_max: i64,
    /// `min.cleanable.dirty.ratio`: share of the log that must be dirty, 0 to 1. With NaN only
    /// `lag_ms_max` makes a log due, as in Kafka.
    pub dirty_ratio_min: f64,
    /// `delete.retention.ms`: how long a tombstone outlives its first cleaning.
    pub delete_retention_ms: i64,
}

/// A log that is due to be cleaned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Due {
    /// Offset of the first record that no cleaning has seen.
    pub dirty_from: Offset,
    /// Offset that the cleaning must stop at.
    pub dirty_to: Offset,
    /// Share of the cleanable bytes that is dirty, 0 to 1.
    pub dirty_ratio: f64,
    /// Whether a record has waited longer than `lag_ms_max`.
    pub is_overdue: bool,
}

/// Judges whether a log that was cleaned up to `cleaned_to` is due. The active segment and what
/// lies at or behind `stable_to` (the last stable offset) are never cleaned.
pub fn due(
    log: &Log,
    cleaned_to: Offset,
    stable_to: Offset,
    limits: &Limits,
    now: TimestampMs,
) -> Option<Due> {
    let closed = &log.segments[..log.segments.len() - 1];
    let dirty_from = cleaned_to.max(log.log_start_offset);
    let is_young = |segment: &&Segment| {
        limits.lag_ms_min > 0
            && segment.end_offset > dirty_from
            && segment.max_timestamp > now.saturating_sub(limits.lag_ms_min)
    };
    let young_from = closed.iter().find(is_young).map(|segment| segment.base_offset);
    let unstable_from = closed.iter().find(|segment| segment.end_offset > stable_to);
    let dirty_to = [young_from, unstable_from.map(|segment| segment.base_offset)]
        .into_iter()
        .flatten()
        .fold(log.active().base_offset, Offset::min);
    let cleanable = closed.iter().take_while(|segment| segment.base_offset < dirty_to);
    let (mut clean, mut dirty, mut oldest_dirty) = (0u64, 0u64, None);
    for segment in cleanable {
        if segment.end_offset <= dirty_from {
            clean += segment.size;
        } else {
            dirty += segment.size;
            oldest_dirty = oldest_dirty.or(Some(segment.first_timestamp));
        }
    }
    if dirty == 0 {
        return None;
    }
    let dirty_ratio = dirty as f64 / (clean + dirty) as f64;
    let waited_from = now.saturating_sub(limits.lag_ms_max);
    let is_overdue = oldest_dirty.is_some_and(|oldest| oldest >= 0 && oldest < waited_from);
    let is_due = dirty_ratio > limits.dirty_ratio_min || is_overdue;
    is_due.then_some(Due { dirty_from, dirty_to, dirty_ratio, is_overdue })
}

/// Whether what is left of `next` goes to the compacted segment `draft`, which must not grow past
/// `segment_bytes` nor span more offsets than its index can tell apart.
pub fn joins(draft: &Segment, next: &Segment, segment_bytes: u64) -> bool {
    let span = next.end_offset - draft.base_offset;
    draft.size + next.size <= segment_bytes && span <= i64::from(i32::MAX)
}

/// Bytes that one key takes in a [`KeyMap`].
pub const KEY_SIZE: usize = size_of::<Slot>();

/// Slots of a new map.
const SLOTS_MIN: usize = 1024;

#[derive(Clone, Copy)]
struct Slot {
    hash: [u64; 2],
    /// Offset of the newest record of the key, -1 in an empty slot.
    offset: Offset,
}

const EMPTY: Slot = Slot { hash: [0; 2], offset: -1 };

/// The newest offset of every key in a stretch of log. Keys are told apart by a 128-bit hash under
/// a secret, so that nobody can make two that collide.
pub struct KeyMap {
    slots: Vec<Slot>,
    slots_max: usize,
    len: usize,
    secret: [u8; 16],
    /// Offset behind the last record the map has seen.
    end_offset: Offset,
}

impl KeyMap {
    /// An empty map that takes at most `bytes_max` bytes, and no more than its keys need.
    pub fn new(bytes_max: usize, secret: [u8; 16]) -> KeyMap {
        let slots_max = (bytes_max / KEY_SIZE).max(SLOTS_MIN);
        // A power of two, so that a mask finds the slot.
        let slots_max = 1 << slots_max.ilog2();
        KeyMap { slots: vec![EMPTY; SLOTS_MIN], slots_max, len: 0, secret, end_offset: 0 }
    }

    /// Whether `count` more keys fit for sure.
    pub fn has_room(&self, count: usize) -> bool {
        self.len + count <= filled_max(self.slots_max)
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Offset up to which records were considered.
    pub fn end_offset(&self) -> Offset {
        self.end_offset
    }

    /// Says that everything below `offset` has been considered.
    pub fn advance(&mut self, offset: Offset) {
        self.end_offset = self.end_offset.max(offset);
    }

    /// Notes a record.
    ///
    /// # Panics
    /// If the caller has not made sure that there is room.
    pub fn put(&mut self, key: &[u8], offset: Offset) {
        if self.len == filled_max(self.slots.len()) {
            assert!(self.slots.len() < self.slots_max, "the caller asks for room first");
            self.grow();
        }
        let hash = self.hash(key);
        let at = find(&self.slots, hash);
        let slot = &mut self.slots[at];
        if slot.offset < 0 {
            self.len += 1;
        }
        *slot = Slot { hash, offset: slot.offset.max(offset) };
    }

    /// The newest offset of a key.
    pub fn get(&self, key: &[u8]) -> Option<Offset> {
        let slot = &self.slots[find(&self.slots, self.hash(key))];
        (slot.offset >= 0).then_some(slot.offset)
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(key);
        let hash = hasher.finish128();
        [hash.h1, hash.h2]
    }

    fn grow(&mut self) {
        let mut slots = vec![EMPTY; self.slots.len() * 2];
        for slot in self.slots.iter().filter(|slot| slot.offset >= 0) {
            let at = find(&slots, slot.hash);
            slots[at] = *slot;
        }
        self.slots = slots;
    }
}

/// How many of `slots` may be filled before searches grow long.
fn filled_max(slots: usize) -> usize {
    slots / 10 * 9
}

/// The slot of a hash, or the empty one where it belongs. There always is an empty one.
fn find(slots: &[Slot], hash: [u64; 2]) -> usize {
    let mask = slots.len() - 1;
    let mut at = hash[0] as usize & mask;
    while slots[at].offset >= 0 && slots[at].hash != hash {
        at = (at + 1) & mask;
    }
    at
}

/// Notes the keys of a batch in the dirty part of the log, from offset `from` on, unless nobody is
/// to read it: what was aborted supersedes nothing. Without `outcomes` there are no transactions.
pub fn note_keys(
    keys: &mut KeyMap,
    outcomes: Option<&Outcomes>,
    header: &BatchHeader,
    batch: &[u8],
    from: Offset,
    decompressed_max: usize,
) -> Result<(), records::Error> {
    let outcome = outcomes.map_or(Outcome::Committed, |outcomes| outcomes.of(header));
    let is_read = outcome == Outcome::Committed;
    if !header.is_control() && is_read {
        let bytes = records::decompress(header, batch, decompressed_max)?;
        records::for_each_piece(header, &bytes, |piece| {
            let offset = header.base_offset.saturating_add(i64::from(piece.offset_delta));
            if let Some(key) = piece.key
                && offset >= from
            {
                keys.put(key, offset);
            }
            Ok(())
        })?;
    }
    keys.advance(header.next_offset());
    Ok(())
}

/// Offset of the last record of each producer that is still remembered: a batch that ends there
/// stays, without its records if need be, so that the producer's sequence is not forgotten.
pub type LastOffsets = HashMap<i64, Offset>;

/// Epoch of each producer that is still remembered for a marker that began it, and has sent nothing
/// since (KIP-890): the marker stays, or who comes with an older epoch is no longer refused.
pub type LastMarkers = HashMap<i64, i16>;
