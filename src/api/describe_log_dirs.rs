//! DescribeLogDirs: the data directory, what its partitions take of it, and the volume it lies on.
//!
//! Behaviour: there is one directory. Partitions asked for that do not exist are left out, and no
//! log is ever on its way to another directory. The metadata log is not told, as in Kafka.
//!
//! Version notes: 3+ an error code for the whole; 4+ bytes of the volume (KIP-827).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{Api, Cx, Reply};
use crate::kernel::types::{PartitionIndex, TopicIdPartition};
use crate::storage::partition::Partition;

/// Bytes of a volume that cannot be told.
const UNKNOWN_BYTES: i64 = -1;

/// The API.
pub struct DescribeLogDirs;

impl Api for DescribeLogDirs {
    type Request = DescribeLogDirsRequest;
    type Response = DescribeLogDirsResponse;
    const VERSIONS: RangeInclusive<i16> = 1..=4;
    const NAME: &'static str = "DescribeLogDirs";

    async fn handle(cx: Cx, request: DescribeLogDirsRequest) -> Reply<DescribeLogDirsResponse> {
        Reply::Later(Box::pin(async move {
            // The volume may be a slow one.
            let described = tokio::task::spawn_blocking(move || describe(&cx, request));
            let failed = Code::UnknownServerError.code();
            Some(described.await.unwrap_or_else(|_| {
                DescribeLogDirsResponse::default().with_error_code(failed)
            }))
        }))
    }
}

fn describe(cx: &Cx, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let partitions = &cx.broker.partitions;
    let mut topics = Vec::new();
    for (name, indexes) in wanted(cx, request) {
        let image = cx.broker.control.image();
        let Some(topic_id) = image.topic(&name.0).map(|topic| topic.id) else { continue };
        let found = indexes.into_iter().filter_map(|partition| {
            let partition = partitions.get(&TopicIdPartition { topic_id, partition })?;
            Some(shape(&partition))
        });
        let found: Vec<_> = found.collect();
        if !found.is_empty() {
            topics.push(DescribeLogDirsTopic::default().with_name(name).with_partitions(found));
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
    let directory = DescribeLogDirsResult::default()
        .with_log_dir(StrBytes::from_string(folder))
        .with_topics(topics)
        .with_total_bytes(bytes(total))
        .with_usable_bytes(bytes(usable));
    DescribeLogDirsResponse::default().with_results(vec![directory])
}

/// The partitions asked for, each once.
fn wanted(
    cx: &Cx,
    request: DescribeLogDirsRequest,
) -> BTreeMap<TopicName, BTreeSet<PartitionIndex>> {
    let mut wanted: BTreeMap<TopicName, BTreeSet<PartitionIndex>> = BTreeMap::new();
    match request.topics {
        Some(topics) => {
            for topic in topics {
                wanted.entry(topic.topic).or_default().extend(topic.partitions);
            }
        }
        None => wanted.extend(cx.broker.control.image().topics().map(|topic| {
            let name = TopicName(StrBytes::from_string(topic.name.to_string()));
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
    DescribeLogDirsPartition::default()
        .with_partition_index(partition.id.partition)
        .with_partition_size(i64::try_from(size).unwrap_or(i64::MAX))
        .with_offset_lag((partition.high_watermark() - end).max(0))
}
