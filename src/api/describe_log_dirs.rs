//! DescribeLogDirs: the data directory, what its partitions take of it, and the volume it lies on.
//!
//! Behaviour: there is one directory. Partitions asked for that do not exist are left out, and no
//! log is ever on its way to another directory. The metadata log is not told, as in Kafka.
//!
//! Version notes: 3+ an error code for the whole; 4+ bytes of the volume (KIP-827); 5+ whether the
//! directory is closed to new partitions (KIP-1066), which it never is.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::protocol::StrBytes;

use super::{Api, Cx, Reply};
use crate::kernel::types::{PartitionIndex, TopicIdPartition};
use crate::storage::partition::Partition;
use crate::wire::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use crate::wire::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

/// Bytes of a volume that cannot be told.
const UNKNOWN_BYTES: i64 = -1;

/// The API.
pub struct DescribeLogDirs;

impl Api for DescribeLogDirs {
    type Request = DescribeLogDirsRequest;
    type Response = DescribeLogDirsResponse;
    const VERSIONS: RangeInclusive<i16> = 1..=5;
    const NAME: &'static str = "DescribeLogDirs";

    async fn handle(cx: Cx, request: DescribeLogDirsRequest) -> Reply<DescribeLogDirsResponse> {
        Reply::Later(Box::pin(async move {
            // The volume may be a slow one.
            let described = tokio::task::spawn_blocking(move || describe(&cx, request));
            let error_code = Code::UnknownServerError.code();
            Some(described.await.unwrap_or_else(|_| DescribeLogDirsResponse {
                error_code,
                ..DescribeLogDirsResponse::default()
            }))
        }))
    }
}

fn describe(cx: &Cx, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let partitions = &cx.broker.partitions;
    let mut topics = Vec::new();
    for (name, indexes) in wanted(cx, request) {
        let image = cx.broker.control.image();
        let Some(topic_id) = image.topic(&name).map(|topic| topic.id) else { continue };
        let found = indexes.into_iter().filter_map(|partition| {
            let partition = partitions.get(&TopicIdPartition { topic_id, partition })?;
            Some(shape(&partition))
        });
        let partitions: Vec<_> = found.collect();
        if !partitions.is_empty() {
            topics.push(DescribeLogDirsTopic { name, partitions });
        }
    }
    let (total, usable) = match partitions.volume() {
        Ok(volume) => volume,
        Err(error) => {
            tracing::warn!(%error, "the volume of the data directory cannot be told");
            (u64::MAX, u64::MAX)
        }
    };
    let bytes = |count: u64| i64::try_from(count).unwrap_or(UNKNOWN_BYTES);
    let folder = partitions.data_folder().display().to_string();
    let directory = DescribeLogDirsResult {
        log_dir: StrBytes::from_string(folder),
        topics,
        total_bytes: bytes(total),
        usable_bytes: bytes(usable),
        ..DescribeLogDirsResult::default()
    };
    DescribeLogDirsResponse { results: vec![directory], ..DescribeLogDirsResponse::default() }
}

/// The partitions asked for, each once.
fn wanted(
    cx: &Cx,
    request: DescribeLogDirsRequest,
) -> BTreeMap<StrBytes, BTreeSet<PartitionIndex>> {
    let mut wanted: BTreeMap<StrBytes, BTreeSet<PartitionIndex>> = BTreeMap::new();
    match request.topics {
        Some(topics) => {
            for topic in topics {
                wanted.entry(topic.topic).or_default().extend(topic.partitions);
            }
        }
        None => wanted.extend(cx.broker.control.image().topics().map(|topic| {
            let name = StrBytes::from_string(topic.name.to_string());
            (name, (0..topic.partition_count()).collect())
        })),
    }
    wanted
}

fn shape(partition: &Partition) -> DescribeLogDirsPartition {
    let (size, end) = {
        let state = partition.state();
        (state.log.size(), state.log.end_offset())
    };
    DescribeLogDirsPartition {
        partition_index: partition.id.partition,
        partition_size: i64::try_from(size).unwrap_or(i64::MAX),
        offset_lag: (partition.high_watermark() - end).max(0),
        is_future_key: false,
    }
}
