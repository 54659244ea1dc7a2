//! The view of `__consumer_offsets`: for each of its partitions the newest value of each key, and
//! the offset up to which the log was applied. Key of a record: type, topic ID, partition, the
//! record's own key. Value: the record's own value. Key of the offset: type, topic ID, partition.
//! Value: a version byte and the offset.

use super::{KeyType, partition_key};
use crate::kernel::types::{Offset, TopicIdPartition};

const FORMAT_VERSION: u8 = 1;

/// What the keys of all records of a partition begin with.
pub fn prefix(id: TopicIdPartition) -> Vec<u8> {
    partition_key(KeyType::GroupRecord, id)
}

/// The key of one record.
pub fn key(id: TopicIdPartition, record_key: &[u8]) -> Vec<u8> {
    let mut key = prefix(id);
    key.extend_from_slice(record_key);
    key
}

/// The key of the applied offset.
pub fn applied_key(id: TopicIdPartition) -> Vec<u8> {
    partition_key(KeyType::GroupApplied, id)
}

/// The value of the applied offset.
pub fn encode_applied(offset: Offset) -> Vec<u8> {
    let mut value = vec![FORMAT_VERSION];
    value.extend_from_slice(&offset.to_be_bytes());
    value
}

/// Reads the applied offset; `None` if it is damaged.
pub fn decode_applied(value: &[u8]) -> Option<Offset> {
    match value.split_first() {
        Some((&FORMAT_VERSION, rest)) => Some(Offset::from_be_bytes(rest.try_into().ok()?)),
        _ => None,
    }
}
