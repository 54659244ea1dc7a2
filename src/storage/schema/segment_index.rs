//! Key: type, topic ID, partition, base offset of the segment. Value: the segment's sparse index
//! as `kernel::log::index` encodes it.

use super::{KeyType, partition_key};
use crate::kernel::types::{Offset, TopicIdPartition};

/// The key of a segment's index.
pub fn key(id: TopicIdPartition, base_offset: Offset) -> Vec<u8> {
    let mut key = partition_key(KeyType::SegmentIndex, id);
    key.extend_from_slice(&base_offset.to_be_bytes());
    key
}
