//! The answer to Fetch, encoded by hand: the codec crate copies records into its buffer, here they
//! stay in the segment file until the socket takes them.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::chunk::Frame;
use crate::kernel::types::{Offset, Uuid};
use crate::storage::reader::Slice;

/// Bytes of a partition without records and diverging epoch, in the newest version.
const PARTITION_BYTES: u64 = 4 + 2 + 3 * 8 + 1 + 4 + 1 + 1;
/// First version with a top-level error and sessions.
const SESSIONS: i16 = 7;
/// First flexible version.
const FLEXIBLE: i16 = 12;
/// First version with topic IDs.
const TOPIC_IDS: i16 = 13;

/// The answer to a Fetch request.
#[derive(Debug, Default)]
pub struct FetchResponse {
    /// Milliseconds for which the client's requests are not read.
    pub throttle_time_ms: i32,
    /// Kafka's error code for the request as a whole.
    pub error_code: i16,
    /// Fetch session, 0 for none.
    pub session_id: i32,
    /// Topics in order.
    pub topics: Vec<FetchedTopic>,
}

/// One topic of an answer.
#[derive(Debug)]
pub struct FetchedTopic {
    /// Name, for versions below 13.
    pub name: Arc<str>,
    /// ID, from version 13 on.
    pub id: Uuid,
    /// Partitions in order.
    pub partitions: Vec<FetchedPartition>,
}

/// One partition of an answer.
#[derive(Debug, Clone)]
pub struct FetchedPartition {
    /// Partition number.
    pub index: i32,
    /// Kafka's error code.
    pub error_code: i16,
    /// High watermark, -1 in an error.
    pub high_watermark: Offset,
    /// Last stable offset, -1 in an error.
    pub last_stable_offset: Offset,
    /// Log start offset, -1 in an error.
    pub log_start_offset: Offset,
    /// Whether the list of aborted transactions is sent, empty, rather than null.
    pub is_read_committed: bool,
    /// Largest epoch and its end offset where the client's log diverges (KIP-595).
    pub diverging_epoch: Option<(i32, Offset)>,
    /// Records.
    pub records: Option<Slice>,
}

impl FetchedPartition {
    /// The answer for a partition that cannot be read.
    pub fn error(index: i32, error_code: i16) -> FetchedPartition {
        FetchedPartition {
            index,
            error_code,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            is_read_committed: false,
            diverging_epoch: None,
            records: None,
        }
    }

    /// Bytes that the answer takes on the wire, but for its topic.
    pub fn wire_bytes(&self) -> u64 {
        self.record_bytes() + PARTITION_BYTES
    }

    /// Bytes of records.
    pub fn record_bytes(&self) -> u64 {
        self.records.as_ref().map_or(0, |slice| slice.length)
    }
}

/// Appends an answer of a version between 4 and 18.
pub fn encode(response: FetchResponse, version: i16, frame: &mut Frame) {
    let flexible = version >= FLEXIBLE;
    let out = frame.tail();
    out.put_i32(response.throttle_time_ms);
    if version >= SESSIONS {
        out.put_i16(response.error_code);
        out.put_i32(response.session_id);
    }
    put_count(out, response.topics.len(), flexible);
    for topic in response.topics {
        encode_topic(topic, version, frame);
    }
    if flexible {
        frame.tail().put_u8(0);
    }
}

fn encode_topic(topic: FetchedTopic, version: i16, frame: &mut Frame) {
    let flexible = version >= FLEXIBLE;
    let out = frame.tail();
    if version >= TOPIC_IDS {
        out.put_slice(&topic.id.0);
    } else if flexible {
        put_uvarint(out, topic.name.len() as u32 + 1);
        out.put_slice(topic.name.as_bytes());
    } else {
        out.put_i16(topic.name.len() as i16);
        out.put_slice(topic.name.as_bytes());
    }
    put_count(out, topic.partitions.len(), flexible);
    for partition in topic.partitions {
        encode_partition(partition, version, frame);
    }
    if flexible {
        frame.tail().put_u8(0);
    }
}

fn encode_partition(partition: FetchedPartition, version: i16, frame: &mut Frame) {
    let flexible = version >= FLEXIBLE;
    let out = frame.tail();
    out.put_i32(partition.index);
    out.put_i16(partition.error_code);
    out.put_i64(partition.high_watermark);
    out.put_i64(partition.last_stable_offset);
    if version >= 5 {
        out.put_i64(partition.log_start_offset);
    }
    match (partition.is_read_committed, flexible) {
        (true, _) => put_count(out, 0, flexible),
        (false, true) => out.put_u8(0),
        (false, false) => out.put_i32(-1),
    }
    if version >= 11 {
        // No preferred read replica.
        out.put_i32(-1);
    }
    put_count(out, partition.record_bytes() as usize, flexible);
    if let Some(slice) = partition.records {
        frame.push_file(slice.file, slice.position, slice.length);
    }
    if flexible {
        put_tags(frame.tail(), partition.diverging_epoch);
    }
}

/// Tag 0 is the diverging epoch: epoch, end offset, no tags of its own. Tags that hold their
/// default are left out, because some clients stumble over them.
fn put_tags(out: &mut BytesMut, diverging_epoch: Option<(i32, Offset)>) {
    match diverging_epoch {
        None => out.put_u8(0),
        Some((epoch, end_offset)) => {
            out.put_u8(1);
            out.put_u8(0);
            out.put_u8(13);
            out.put_i32(epoch);
            out.put_i64(end_offset);
            out.put_u8(0);
        }
    }
}

fn put_count(out: &mut BytesMut, count: usize, flexible: bool) {
    if flexible {
        put_uvarint(out, count as u32 + 1);
    } else {
        out.put_i32(count as i32);
    }
}

fn put_uvarint(out: &mut BytesMut, value: u32) {
    let mut rest = value;
    while rest >= 0x80 {
        out.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
}
