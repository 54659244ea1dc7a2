//! A checkpoint of a partition: what recovery would find in the part of the log that is surely on
//! disk. Key: type, topic ID, partition. Value: a version byte, the fields below in big endian,
//! lengths in four bytes, and a CRC-32C of all before it.

use bytes::Buf;

use super::{KeyType, partition_key};
use crate::kernel::log::epochs::LeaderEpochs;
use crate::kernel::log::producers::Producers;
use crate::kernel::log::segment::Segment;
use crate::kernel::types::{Offset, TopicIdPartition};

const FORMAT_VERSION: u8 = 1;
const SEGMENT_BYTES: usize = 40;

/// The stored state of a partition's log.
pub struct Checkpoint {
    /// First readable offset.
    pub log_start_offset: Offset,
    /// Segments without their indexes.
    pub segments: Vec<Segment>,
    /// Idempotent producers.
    pub producers: Producers,
    /// Leader epochs.
    pub epochs: LeaderEpochs,
}

/// The key of a partition's checkpoint.
pub fn key(id: TopicIdPartition) -> Vec<u8> {
    partition_key(KeyType::Checkpoint, id)
}

/// The value of a checkpoint.
pub fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut out = vec![FORMAT_VERSION];
    out.extend_from_slice(&checkpoint.log_start_offset.to_be_bytes());
    out.extend_from_slice(&(checkpoint.segments.len() as u32).to_be_bytes());
    for segment in &checkpoint.segments {
        out.extend_from_slice(&segment.base_offset.to_be_bytes());
        out.extend_from_slice(&segment.size.to_be_bytes());
        out.extend_from_slice(&segment.end_offset.to_be_bytes());
        out.extend_from_slice(&segment.max_timestamp.to_be_bytes());
        out.extend_from_slice(&segment.first_timestamp.to_be_bytes());
    }
    for part in [checkpoint.producers.encode(), checkpoint.epochs.encode()] {
        out.extend_from_slice(&(part.len() as u32).to_be_bytes());
        out.extend_from_slice(&part);
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

/// Reads a checkpoint; `None` if it is damaged, and recovery scans the whole log.
pub fn decode(value: &[u8]) -> Option<Checkpoint> {
    let (body, crc) = value.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
        return None;
    }
    let (version, mut rest) = body.split_first()?;
    if *version != FORMAT_VERSION {
        return None;
    }
    let log_start_offset = rest.try_get_i64().ok()?;
    let count = rest.try_get_u32().ok()? as usize;
    if count == 0 || rest.len() / SEGMENT_BYTES < count {
        return None;
    }
    let segments = (0..count).map(|_| decode_segment(&mut rest)).collect::<Option<_>>()?;
    let producers = Producers::decode(decode_part(&mut rest)?).ok()?;
    let epochs = LeaderEpochs::decode(decode_part(&mut rest)?).ok()?;
    Some(Checkpoint { log_start_offset, segments, producers, epochs })
}

fn decode_segment(rest: &mut &[u8]) -> Option<Segment> {
    let base_offset = rest.try_get_i64().ok()?;
    let size = rest.try_get_u64().ok()?;
    Some(Segment {
        base_offset,
        size,
        end_offset: rest.try_get_i64().ok()?,
        max_timestamp: rest.try_get_i64().ok()?,
        first_timestamp: rest.try_get_i64().ok()?,
        index: None,
        generation: 0,
        unread: size,
    })
}

fn decode_part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = rest.try_get_u32().ok()? as usize;
    let (part, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_detects_damage() {
        let mut segment = Segment::empty(7);
        segment.size = 1234;
        segment.end_offset = 19;
        segment.index = None;
        segment.unread = 1234;
        let checkpoint = Checkpoint {
            log_start_offset: 9,
            segments: vec![segment.clone()],
            producers: Producers::default(),
            epochs: LeaderEpochs::default(),
        };
        let stored = encode(&checkpoint);
        let read = decode(&stored).unwrap();
        assert_eq!(read.log_start_offset, 9);
        assert_eq!(read.segments, vec![segment]);
        for at in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[at] ^= 1;
            assert!(decode(&damaged).is_none());
            assert!(decode(&stored[..at]).is_none());
        }
    }
}
