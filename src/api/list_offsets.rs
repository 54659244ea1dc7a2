//! ListOffsets: the offset of a time, or of one end of a partition.
//!
//! Behaviour: -1 the end a consumer may read to, -2 the start, -3 the earliest record with the
//! largest timestamp, -4 the start of the local log, which is the start, -5 the last tiered
//! offset, of which there is none, -6 the earliest that waits to be tiered, of which there is none
//! either; any other time the first record that is not older. What is not
//! there is answered with offset -1 and no error. A partition named twice is INVALID_REQUEST.
//!
//! Version notes: 2+ isolation level; 4+ leader epochs; 7+ -3 (KIP-734); 8+ -4 (KIP-405); 9+ -5
//! (KIP-1005); 11+ -6 (KIP-1023). A special time in a version without it is UNSUPPORTED_VERSION.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;

use super::error::{self, NONE};
use super::{Api, Cx, Reply, topics};
use crate::kernel::types::{LeaderEpoch, NO_TIMESTAMP, Offset, TimestampMs};
use crate::storage::error::ReadError;
use crate::storage::partition::Partition;
use crate::storage::reader;
use crate::wire::messages::list_offsets_request::ListOffsetsPartition;
use crate::wire::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use crate::wire::messages::{ListOffsetsRequest, ListOffsetsResponse};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

const READ_UNCOMMITTED: i8 = 0;
const READ_COMMITTED: i8 = 1;

/// The API.
pub struct ListOffsets;

impl Api for ListOffsets {
    type Request = ListOffsetsRequest;
    type Response = ListOffsetsResponse;
    const VERSIONS: RangeInclusive<i16> = 1..=11;
    const NAME: &'static str = "ListOffsets";

    async fn handle(cx: Cx, request: ListOffsetsRequest) -> Reply<ListOffsetsResponse> {
        // Searching may wait for the device, and changes nothing that a later request could see.
        Reply::Later(Box::pin(async move { Some(answer(&cx, request).await) }))
    }
}

async fn answer(cx: &Cx, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let isolation = request.isolation_level;
    let repeated = repeated(&request);
    let mut response = ListOffsetsResponse::default();
    let mut answered = HashSet::new();
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in topic.partitions {
            let key = (topic.name.to_string(), wanted.partition_index);
            let is_repeated = repeated.contains(&key);
            // A partition named twice is answered once.
            if is_repeated && !answered.insert(key) {
                continue;
            }
            let found = match isolation {
                READ_UNCOMMITTED | READ_COMMITTED if !is_repeated => {
                    find(cx, &topic.name, &wanted, isolation == READ_COMMITTED).await
                }
                _ => Err(Code::InvalidRequest.code()),
            };
            partitions.push(shape(cx, wanted.partition_index, found));
        }
        // Kafka gathers its answers by topic and so leaves out one without any.
        if !partitions.is_empty() {
            response.topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
        }
    }
    response
}

/// Partitions that the request names more than once.
fn repeated(request: &ListOffsetsRequest) -> HashSet<(String, i32)> {
    let mut times: HashMap<(&str, i32), usize> = HashMap::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            *times.entry((&topic.name, partition.partition_index)).or_insert(0) += 1;
        }
    }
    let repeated = times.into_iter().filter(|(_, count)| *count > 1);
    repeated.map(|((topic, partition), _)| (topic.to_owned(), partition)).collect()
}

/// An offset, the timestamp of its record, and the epoch it was written in.
struct Found {
    offset: Offset,
    timestamp: TimestampMs,
    leader_epoch: LeaderEpoch,
}

impl Found {
    const NOTHING: Found = Found { offset: -1, timestamp: NO_TIMESTAMP, leader_epoch: -1 };

    fn at(offset: Offset, leader_epoch: LeaderEpoch) -> Found {
        Found { offset, timestamp: NO_TIMESTAMP, leader_epoch }
    }
}

async fn find(
    cx: &Cx,
    topic: &str,
    wanted: &ListOffsetsPartition,
    committed_only: bool,
) -> Result<Found, i16> {
    let none = uuid::Uuid::nil();
    let partition = topics::resolve(cx, none, topic, wanted.partition_index)?;
    check_epoch(&partition, wanted.current_leader_epoch)?;
    partition.check_online().map_err(|error| error::storage_code(&error))?;
    let least_version = match wanted.timestamp {
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        EARLIEST.. => 1,
        _ => i16::MAX,
    };
    if cx.version < least_version {
        return Err(Code::UnsupportedVersion.code());
    }
    let end = match committed_only {
        true => partition.last_stable_offset(),
        false => partition.high_watermark(),
    };
    match wanted.timestamp {
        LATEST => Ok(Found::at(end, epoch_at(&partition, end))),
        EARLIEST | EARLIEST_LOCAL => {
            let start = partition.log_start_offset();
            Ok(Found::at(start, epoch_at(&partition, start)))
        }
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(Found::NOTHING),
        timestamp => search(cx, partition, timestamp, end).await,
    }
}

async fn search(
    cx: &Cx,
    partition: Arc<Partition>,
    timestamp: TimestampMs,
    end: Offset,
) -> Result<Found, i16> {
    let partitions = Arc::clone(&cx.broker.partitions);
    let bytes_max = cx.broker.config.log.decompression_bytes_max;
    let searched = tokio::task::spawn_blocking(move || {
        let indexes = partitions.indexes();
        let found = match timestamp {
            MAX_TIMESTAMP => reader::find_max_time(&partition, indexes, bytes_max)?,
            _ => reader::find_time(&partition, indexes, timestamp, bytes_max)?,
        };
        Ok::<_, ReadError>(match found {
            Some((offset, timestamp)) if offset < end => {
                Found { offset, timestamp, leader_epoch: epoch_at(&partition, offset) }
            }
            _ => Found::NOTHING,
        })
    });
    match searched.await {
        Ok(found) => found.map_err(|error| error::read_code(&error)),
        Err(_) => Err(Code::UnknownServerError.code()),
    }
}

/// The epoch that the record at an offset was written in, or would be.
fn epoch_at(partition: &Partition, offset: Offset) -> LeaderEpoch {
    let written = partition.state().log.epochs.epoch_of(offset);
    written.unwrap_or_else(|| partition.leader_epoch())
}

/// Checks the leader epoch that a client believes in; -1 believes in none (KIP-320).
pub(super) fn check_epoch(partition: &Partition, believed: LeaderEpoch) -> Result<(), i16> {
    let current = partition.leader_epoch();
    match believed {
        -1 => Ok(()),
        _ if believed < current => Err(Code::FencedLeaderEpoch.code()),
        _ if believed > current => Err(Code::UnknownLeaderEpoch.code()),
        _ => Ok(()),
    }
}

fn shape(cx: &Cx, index: i32, found: Result<Found, i16>) -> ListOffsetsPartitionResponse {
    let (code, found) = match found {
        Ok(found) => (NONE, found),
        Err(code) => (code, Found::NOTHING),
    };
    ListOffsetsPartitionResponse {
        partition_index: index,
        error_code: code,
        timestamp: found.timestamp,
        offset: found.offset,
        leader_epoch: if cx.version >= 4 { found.leader_epoch } else { -1 },
    }
}
