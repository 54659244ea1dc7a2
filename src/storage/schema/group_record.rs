//! The view of `__consumer_offsets`: for each of its partitions the newest value of each key, and
//! the offset up to which the log was applied. Key of a record: type, topic ID, partition, the
//! record's own key. Value: a version byte, the record's own value, and a CRC-32C of key and value
//! as they are stored. Key of the offset: type, topic ID, partition. Value: the offset, sealed.

use super::{KeyType, partition_key};
use crate::kernel::types::TopicIdPartition;
pub use crate::storage::sealed_offset::{decode as decode_applied, encode as encode_applied};

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

/// The value that is stored under `key` for a record's value.
pub fn encode(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 5);
    out.push(FORMAT_VERSION);
    out.extend_from_slice(value);
    let crc = crc32c::crc32c_append(crc32c::crc32c(key), &out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

/// The record's value in what is stored under `key`; `None` if it is damaged.
pub fn decode<'a>(key: &[u8], stored: &'a [u8]) -> Option<&'a [u8]> {
    let (body, crc) = stored.split_last_chunk::<4>()?;
    if crc32c::crc32c_append(crc32c::crc32c(key), body) != u32::from_be_bytes(*crc) {
        return None;
    }
    match body.split_first()? {
        (&FORMAT_VERSION, value) => Some(value),
        _ => None,
    }
}

/// The key of the applied offset.
pub fn applied_key(id: TopicIdPartition) -> Vec<u8> {
    partition_key(KeyType::GroupApplied, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_detects_damage_of_key_and_value() {
        let stored = encode(b"key", b"a value");
        assert_eq!(decode(b"key", &stored), Some(&b"a value"[..]));
        assert_eq!(decode(b"kez", &stored), None);
        for at in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(b"key", &damaged), None);
            assert_eq!(decode(b"key", &stored[..at]), None);
        }
    }
}
