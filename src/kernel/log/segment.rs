//! What is known of one segment file without reading it.

use super::Place;
use super::index::{Entry, SparseIndex, offset_delta};
use crate::kernel::batch::BatchHeader;
use crate::kernel::types::{NO_TIMESTAMP, Offset, TimestampMs};

/// One segment of a partition's log. The last segment of a log is the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset of the first record the segment may hold; names its file.
    pub base_offset: Offset,
    /// Bytes of whole batches.
    pub size: u64,
    /// Offset after the last record; the base offset while empty.
    pub end_offset: Offset,
    /// Largest timestamp of all records, -1 while empty.
    pub max_timestamp: TimestampMs,
    /// Largest timestamp of the first batch: the age of a segment counts from it.
    pub first_timestamp: TimestampMs,
    /// The sparse index, while it is held in memory.
    pub index: Option<SparseIndex>,
    /// How often compaction has replaced the file since the start: positions in one file say
    /// nothing about another of the same name. Never stored.
    pub generation: u32,
    /// Bytes at the beginning that were not checked when the log was opened, because a checkpoint
    /// vouched for their place. Never stored.
    pub unread: u64,
}

impl Segment {
    /// An empty segment.
    pub fn empty(base_offset: Offset) -> Segment {
        Segment {
            base_offset,
            size: 0,
            end_offset: base_offset,
            max_timestamp: NO_TIMESTAMP,
            first_timestamp: NO_TIMESTAMP,
            index: Some(SparseIndex::default()),
            generation: 0,
            unread: 0,
        }
    }

    /// A place in the segment, as it is now.
    pub(super) fn place(&self, position: Option<u32>) -> Place {
        Place {
            segment: self.base_offset,
            position,
            size: self.size,
            end_offset: self.end_offset,
            generation: self.generation,
            unread: self.unread,
        }
    }

    /// The segment as it is when its index is not held in memory.
    pub fn without_index(&self) -> Segment {
        Segment { index: None, ..*self }
    }

    /// Takes in a batch that stands at the end of the file.
    pub fn append(&mut self, header: &BatchHeader, index_interval_bytes: u64) {
        if let Some(index) = &mut self.index {
            let due = index
                .last_position()
                .is_none_or(|last| self.size - u64::from(last) > index_interval_bytes);
            if let (true, Ok(position)) = (due, u32::try_from(self.size)) {
                index.push(Entry {
                    offset_delta: offset_delta(self.base_offset, header.base_offset),
                    position,
                    max_timestamp_before: self.max_timestamp,
                });
            }
        }
        if self.size == 0 {
            self.first_timestamp = header.max_timestamp;
        }
        // A batch that compaction has emptied has no record with its timestamp.
        if header.record_count > 0 {
            self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        }
        self.size += header.total_size() as u64;
        self.end_offset = header.next_offset();
    }
}
