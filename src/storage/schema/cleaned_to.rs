//! How far compaction has come in a partition. Key: type, topic ID, partition. Value: a version
//! byte, the offset behind the last record it has seen in big endian, and a CRC-32C of all before
//! it. A lost value makes the next cleaning begin at the log's start, with the same result.

use super::{KeyType, partition_key};
use crate::kernel::types::{Offset, TopicIdPartition};

const FORMAT_VERSION: u8 = 1;

/// The key of a partition.
pub fn key(id: TopicIdPartition) -> Vec<u8> {
    partition_key(KeyType::CleanedTo, id)
}

/// The value for an offset.
pub fn encode(offset: Offset) -> Vec<u8> {
    let mut out = vec![FORMAT_VERSION];
    out.extend_from_slice(&offset.to_be_bytes());
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

/// Reads a value; `None` if it is damaged.
pub fn decode(value: &[u8]) -> Option<Offset> {
    let (body, crc) = value.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
        return None;
    }
    let (version, offset) = body.split_first()?;
    let offset = Offset::from_be_bytes(offset.try_into().ok()?);
    (*version == FORMAT_VERSION && offset >= 0).then_some(offset)
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
