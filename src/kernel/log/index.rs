//! The sparse index of one segment: every few kilobytes an entry that says where a batch lies and
//! the largest timestamp before it. Offsets and times are both looked up in it. It never names a
//! record exactly: the reader walks batch headers from the entry on.

use crate::kernel::types::{Offset, TimestampMs};

/// One entry of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Base offset of the batch, relative to the segment's base offset.
    pub offset_delta: u32,
    /// Byte position of the batch in the segment file.
    pub position: u32,
    /// Largest timestamp of all batches before this one, -1 if there are none.
    pub max_timestamp_before: TimestampMs,
}

/// The sparse index of one segment, in order of offset, position and timestamp.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparseIndex {
    entries: Vec<Entry>,
}

const ENTRY_SIZE: usize = 16;
const FORMAT_VERSION: u8 = 1;

/// Why stored bytes are not an index.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored segment index is damaged")]
pub struct Damaged;

impl SparseIndex {
    /// Adds an entry; entries come in order.
    pub fn push(&mut self, entry: Entry) {
        debug_assert!(self.entries.last().is_none_or(|last| last.position < entry.position));
        self.entries.push(entry);
    }

    /// Position of the last entry, if any.
    pub fn last_position(&self) -> Option<u32> {
        self.entries.last().map(|entry| entry.position)
    }

    /// The entries in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A position at or before the batch that holds `offset_delta`.
    pub fn position_for_offset(&self, offset_delta: u32) -> u32 {
        let after = self.entries.partition_point(|entry| entry.offset_delta <= offset_delta);
        after.checked_sub(1).map_or(0, |at| self.entries[at].position)
    }

    /// A position at or before the first batch with a timestamp of at least `timestamp`.
    pub fn position_for_time(&self, timestamp: TimestampMs) -> u32 {
        let after = self.entries.partition_point(|entry| entry.max_timestamp_before < timestamp);
        after.checked_sub(1).map_or(0, |at| self.entries[at].position)
    }

    /// Drops entries at or behind `position`, after a cut of the file.
    pub fn truncate(&mut self, position: u32) {
        let keep = self.entries.partition_point(|entry| entry.position < position);
        self.entries.truncate(keep);
    }

    /// The stored form: a version byte, the entries, a CRC-32C of all before it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(5 + self.entries.len() * ENTRY_SIZE);
        out.push(FORMAT_VERSION);
        for entry in &self.entries {
            out.extend_from_slice(&entry.offset_delta.to_be_bytes());
            out.extend_from_slice(&entry.position.to_be_bytes());
            out.extend_from_slice(&entry.max_timestamp_before.to_be_bytes());
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<SparseIndex, Damaged> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(Damaged)?;
        if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return Err(Damaged);
        }
        let (version, rows) = body.split_first().ok_or(Damaged)?;
        if *version != FORMAT_VERSION || !rows.len().is_multiple_of(ENTRY_SIZE) {
            return Err(Damaged);
        }
        let entries = rows.chunks_exact(ENTRY_SIZE).map(decode_entry).collect();
        Ok(SparseIndex { entries })
    }
}

fn decode_entry(row: &[u8]) -> Entry {
    let number =
        |from: usize| u32::from_be_bytes([row[from], row[from + 1], row[from + 2], row[from + 3]]);
    let time = (u64::from(number(8)) << 32) | u64::from(number(12));
    Entry {
        offset_delta: number(0),
        position: number(4),
        max_timestamp_before: time as TimestampMs,
    }
}

/// Offset relative to a segment's base; segments are rolled before it leaves 31 bits.
pub fn offset_delta(base_offset: Offset, offset: Offset) -> u32 {
    u32::try_from(offset - base_offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> SparseIndex {
        let mut index = SparseIndex::default();
        for (offset_delta, position, max_timestamp_before) in
            [(0, 0, -1), (10, 4100, 50), (25, 8300, 50), (40, 12500, 90)]
        {
            index.push(Entry { offset_delta, position, max_timestamp_before });
        }
        index
    }

    #[test]
    fn looks_up_offsets() {
        let index = sample();
        for (delta, position) in [(0, 0), (9, 0), (10, 4100), (39, 8300), (1000, 12500)] {
            assert_eq!(index.position_for_offset(delta), position, "{delta}");
        }
        assert_eq!(SparseIndex::default().position_for_offset(7), 0);
    }

    #[test]
    fn looks_up_times() {
        let index = sample();
        // The first batch with a timestamp of 50 lies before the entry at 4100.
        for (time, position) in [(0, 0), (50, 0), (51, 8300), (90, 8300), (91, 12500)] {
            assert_eq!(index.position_for_time(time), position, "{time}");
        }
    }

    #[test]
    fn stored_form_round_trips_and_detects_damage() {
        let stored = sample().encode();
        assert_eq!(SparseIndex::decode(&stored), Ok(sample()));
        for at in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[at] ^= 4;
            assert_eq!(SparseIndex::decode(&damaged), Err(Damaged));
        }
        assert_eq!(SparseIndex::decode(&[]), Err(Damaged));
    }

    #[test]
    fn truncation_drops_what_lies_behind_the_cut() {
        let mut index = sample();
        index.truncate(8300);
        assert_eq!(index.last_position(), Some(4100));
    }
}
