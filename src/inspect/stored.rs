//! What RocksDB holds of a partition: its checkpoint and the indexes of its segments, to be held
//! against the files. Damaged values count as missing, as they do at a start.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::place::Place;
use crate::kernel::batch::BatchHeader;
use crate::kernel::log::index::{Entry, SparseIndex, offset_delta};
use crate::kernel::types::{Offset, TopicIdPartition};
use crate::storage::layout;
use crate::storage::rocks::Glance;
use crate::storage::schema::{checkpoint, segment_index};

/// What is stored of one partition.
pub struct Stored<'a> {
    rocks: &'a Glance,
    id: TopicIdPartition,
}

/// Looks at the RocksDB that belongs to a place.
pub fn glance(place: &Place) -> Option<Glance> {
    Glance::at(&place.data()?.join(layout::ROCKS))
}

impl Stored<'_> {
    /// What `rocks` holds of a partition.
    pub fn of(rocks: &Glance, id: TopicIdPartition) -> Stored<'_> {
        Stored { rocks, id }
    }

    /// Base offset and size of the segments, and the offset behind them, as the checkpoint tells.
    pub fn checkpoint(&self) -> Option<(Vec<(Offset, u64)>, Offset)> {
        let known = checkpoint::decode(&self.rocks.get(&checkpoint::key(self.id))?)?;
        let end = known.segments.last()?.end_offset;
        Some((known.segments.iter().map(|s| (s.base_offset, s.size)).collect(), end))
    }

    /// The index of a segment, to be compared with its batches.
    pub fn index(&self, base_offset: Offset) -> Option<Comparison> {
        let stored = self.rocks.get(&segment_index::key(self.id, base_offset))?;
        let index = SparseIndex::decode(&stored).ok()?;
        let entries = index.entries().to_vec().into_iter().peekable();
        Some(Comparison { base_offset, entries, agrees: true })
    }
}

/// An index that is held against the batches of its segment.
pub struct Comparison {
    base_offset: Offset,
    entries: Peekable<IntoIter<Entry>>,
    agrees: bool,
}

impl Comparison {
    /// Shows it the next batch.
    pub fn batch(&mut self, position: u64, header: &BatchHeader) {
        while let Some(entry) = self.entries.next_if(|e| u64::from(e.position) <= position) {
            self.agrees &= u64::from(entry.position) == position
                && entry.offset_delta == offset_delta(self.base_offset, header.base_offset);
        }
    }

    /// Shows it that damage goes up to `end`: what it says of that cannot be told.
    pub fn damage(&mut self, end: u64) {
        while self.entries.next_if(|entry| u64::from(entry.position) < end).is_some() {}
    }

    /// Whether every entry names a batch.
    pub fn agrees(mut self) -> bool {
        self.agrees && self.entries.next().is_none()
    }
}
