//! Sparse indexes of closed segments: from a bounded cache, from RocksDB, or rebuilt from the
//! segment itself. The active segment's index lives with the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::File;
use super::partition::Partition;
use super::rocks::Rocks;
use super::schema;
use crate::kernel::log::Place;
use crate::kernel::log::index::SparseIndex;
use crate::kernel::log::segment::Segment;
use crate::kernel::log::soundness::{Expected, Source, Step, Walk};
use crate::kernel::types::{Offset, TopicIdPartition};

/// Most index entries held in memory, at 16 bytes each.
const CACHED_ENTRIES_MAX: usize = 2 * 1024 * 1024;

/// Partition, base offset and generation of a segment.
type Key = (TopicIdPartition, Offset, u32);

#[derive(Default)]
struct Cached {
    indexes: HashMap<Key, (u64, Arc<SparseIndex>)>,
    entries: usize,
    clock: u64,
}

/// The cache.
pub struct Indexes {
    rocks: Arc<Rocks>,
    cached: Mutex<Cached>,
}

impl Indexes {
    /// An empty cache in front of RocksDB.
    pub fn new(rocks: Arc<Rocks>) -> Indexes {
        Indexes { rocks, cached: Mutex::default() }
    }

    /// The index of a closed segment if it is in memory.
    pub fn cached(&self, id: TopicIdPartition, place: &Place) -> Option<Arc<SparseIndex>> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        cached.clock += 1;
        let clock = cached.clock;
        let (used, index) = cached.indexes.get_mut(&(id, place.segment, place.generation))?;
        *used = clock;
        Some(Arc::clone(index))
    }

    /// The index of a closed segment, wherever it has to come from. `file` is the segment's as it
    /// was when `place` was looked up. May wait for the device.
    pub fn load(
        &self,
        partition: &Partition,
        place: &Place,
        file: &File,
    ) -> std::io::Result<Arc<SparseIndex>> {
        if let Some(index) = self.cached(partition.id, place) {
            return Ok(index);
        }
        let stored = self.rocks.get(&schema::segment_index::key(partition.id, place.segment));
        let (is_current, interval_bytes) = {
            let state = partition.state();
            // The stored index is that of the present file: compaction may have put it there since.
            let current = state.log.segment(place.segment).map(|segment| segment.generation);
            (current == Some(place.generation), state.log.limits.index_interval_bytes)
        };
        let index = match stored.and_then(|bytes| SparseIndex::decode(&bytes).ok()) {
            Some(index) if is_current => index,
            _ => rebuild(partition, place, file, interval_bytes)?,
        };
        let index = Arc::new(index);
        self.keep((partition.id, place.segment, place.generation), &index);
        Ok(index)
    }

    fn keep(&self, key: Key, index: &Arc<SparseIndex>) {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        cached.entries += index.len();
        while cached.entries > CACHED_ENTRIES_MAX {
            let oldest = cached.indexes.iter().min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(key, _)| *key) else { break };
            if let Some((_, dropped)) = cached.indexes.remove(&oldest) {
                cached.entries -= dropped.len();
            }
        }
        cached.clock += 1;
        let clock = cached.clock;
        if let Some((_, replaced)) = cached.indexes.insert(key, (clock, Arc::clone(index))) {
            cached.entries -= replaced.len();
        }
    }
}

/// Walks the batches of a segment and makes its index anew, over damage too.
fn rebuild(
    partition: &Partition,
    place: &Place,
    file: &File,
    interval_bytes: u64,
) -> std::io::Result<SparseIndex> {
    let read = |buffer: &mut [u8], at| partition.disk.read_at(file, buffer, at);
    let expected =
        Expected { least_offset: place.segment, most_offset: place.end_offset, least_epoch: -1 };
    let mut walk = Walk::new(Source::new(place.size, read), 0, expected);
    let mut segment = Segment::empty(place.segment);
    let key = (place.segment, place.generation);
    loop {
        let sound_from = segment.size;
        match walk.step()? {
            Step::Batch { header, .. } => {
                segment.append(&header, interval_bytes);
                partition.damages.note_sound(key, sound_from, segment.size);
            }
            Step::Damage(damage) => {
                partition.damages.note(&partition.folder, key, damage);
                segment.size = damage.end;
            }
            Step::Tail { .. } | Step::End => return Ok(segment.index.unwrap_or_default()),
        }
    }
}
