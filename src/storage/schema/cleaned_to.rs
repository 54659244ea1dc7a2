//! How far compaction has come in a partition. Key: type, topic ID, partition. Value: the offset
//! behind the last record it has seen, sealed. A lost value makes the next cleaning begin at the
//! log's start, with the same result.

use super::{KeyType, partition_key};
use crate::kernel::types::TopicIdPartition;
pub use crate::storage::sealed_offset::{decode, encode};

/// The key of a partition.
pub fn key(id: TopicIdPartition) -> Vec<u8> {
    partition_key(KeyType::CleanedTo, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_detects_damage() {
        let stored = encode(1 << 40);
        assert_eq!(decode(&stored), Some(1 << 40));
        for at in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[at] ^= 16;
            assert_eq!(decode(&damaged), None);
            assert_eq!(decode(&stored[..at]), None);
        }
    }
}
