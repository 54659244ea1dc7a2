//! The stored key types of RocksDB, one file each. The first byte of a key names its type and
//! never changes its meaning.

pub mod checkpoint;
pub mod cleaned_to;
pub mod group_record;
pub mod segment_index;

use crate::kernel::types::{TopicIdPartition, Uuid};

/// First byte of each key type.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum KeyType {
    /// `checkpoint`
    Checkpoint = 1,
    /// `segment_index`
    SegmentIndex = 2,
    /// `group_record`: the records themselves
    GroupRecord = 3,
    /// `group_record`: up to which offset they were applied
    GroupApplied = 4,
    /// `cleaned_to`
    CleanedTo = 5,
}

impl KeyType {
    /// All of them.
    pub const ALL: [KeyType; 5] = [
        KeyType::Checkpoint,
        KeyType::SegmentIndex,
        KeyType::GroupRecord,
        KeyType::GroupApplied,
        KeyType::CleanedTo,
    ];
}

/// What all keys of `kind` for a topic begin with: type, topic ID.
pub fn topic_prefix(kind: KeyType, topic_id: Uuid) -> Vec<u8> {
    let mut key = Vec::with_capacity(32);
    key.push(kind as u8);
    key.extend_from_slice(&topic_id.0);
    key
}

/// A key of `kind` for a partition: type, topic ID, partition number.
pub fn partition_key(kind: KeyType, id: TopicIdPartition) -> Vec<u8> {
    let mut key = topic_prefix(kind, id.topic_id);
    key.extend_from_slice(&id.partition.to_be_bytes());
    key
}

/// The first key behind all keys that begin with `prefix`, which must not be all ones.
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::prefix_end;

    #[test]
    fn prefix_ends_right_behind() {
        assert_eq!(prefix_end(&[1, 2]), [1, 3]);
        assert_eq!(prefix_end(&[1, 255]), [2]);
    }
}
