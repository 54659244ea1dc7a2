//! Storing checkpoints and segment indexes. What a checkpoint says must be on disk already, so it
//! is captured before a sync and stored after it.

use std::sync::Arc;

use super::partition::{Partition, State};
use super::rocks::{Changes, Rocks};
use super::schema::{self, checkpoint::Checkpoint};
use crate::kernel::log::index::SparseIndex;
use crate::kernel::log::segment::Segment;
use crate::kernel::types::{Offset, Uuid};

/// The state of a partition at one moment.
pub struct Captured {
    checkpoint: Checkpoint,
    indexes: Vec<(Offset, SparseIndex)>,
    active: Offset,
}

/// Captures the state that the sync which follows makes durable. It only copies: appends wait for
/// it, and encoding the index of a large segment takes milliseconds.
pub fn capture(state: &mut State) -> Captured {
    let log = &state.log;
    let checkpoint = Checkpoint {
        log_start_offset: log.log_start_offset,
        segments: log.segments.iter().map(Segment::without_index).collect(),
        producers: log.producers.clone(),
        epochs: log.epochs.clone(),
    };
    let index_of = |segment: &Segment| Some((segment.base_offset, segment.index.clone()?));
    let indexes = log.segments.iter().filter_map(index_of).collect();
    let active = log.active().base_offset;
    state.checkpointed_size = log.active().size;
    Captured { checkpoint, indexes, active }
}

/// Stores what was captured, and lets go of the indexes and files of closed segments.
pub fn store(partition: &Arc<Partition>, rocks: &Rocks, captured: Captured) {
    let mut changes = Changes::default();
    let checkpoint = schema::checkpoint::encode(&captured.checkpoint);
    changes.put(&schema::checkpoint::key(partition.id), &checkpoint);
    for (base_offset, index) in &captured.indexes {
        changes.put(&schema::segment_index::key(partition.id, *base_offset), &index.encode());
    }
    rocks.commit(changes);
    let mut state = partition.state();
    for (base_offset, _) in &captured.indexes {
        if *base_offset >= captured.active {
            continue;
        }
        if let Some(segment) = state.log.segments.iter_mut().find(|s| s.base_offset == *base_offset)
        {
            segment.index = None;
        }
        if !state.unsynced.contains(base_offset) {
            state.files.remove(base_offset);
        }
    }
}

/// Removes the indexes of segments that retention took, those below `log_start_offset`.
pub fn forget_indexes(partition: &Partition, rocks: &Rocks, log_start_offset: Offset) {
    let mut changes = Changes::default();
    let key = |base_offset| schema::segment_index::key(partition.id, base_offset);
    changes.delete_range(&key(0), &key(log_start_offset));
    rocks.commit(changes);
}

/// Removes everything stored for the partitions of a topic: one range for each type of key, for a
/// database remembers each range that was removed until it has rewritten what lay there.
pub fn forget_topic(topic_id: Uuid, rocks: &Rocks) {
    let mut changes = Changes::default();
    for kind in schema::KeyType::ALL {
        let prefix = schema::topic_prefix(kind, topic_id);
        changes.delete_range(&prefix, &schema::prefix_end(&prefix));
    }
    rocks.commit(changes);
}
