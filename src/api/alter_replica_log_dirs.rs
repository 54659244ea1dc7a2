//! AlterReplicaLogDirs: moves partitions to another log directory of this broker.
//!
//! Behaviour: there is one directory. Partitions that are to go there lie there already; no other
//! is known (LOG_DIR_NOT_FOUND). Directories are named as DescribeLogDirs names them. The last
//! directory given for a partition counts.
//!
//! Version notes: 1 and 2 differ in encoding only.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use kafka_protocol::messages::{
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, TopicName,
};

use super::error::NONE;
use super::{Api, Cx, Reply, topics};
use crate::kernel::types::PartitionIndex;

/// The API.
pub struct AlterReplicaLogDirs;

impl Api for AlterReplicaLogDirs {
    type Request = AlterReplicaLogDirsRequest;
    type Response = AlterReplicaLogDirsResponse;
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const NAME: &'static str = "AlterReplicaLogDirs";

    async fn handle(
        cx: Cx,
        request: AlterReplicaLogDirsRequest,
    ) -> Reply<AlterReplicaLogDirsResponse> {
        let own = cx.broker.partitions.data_folder().display().to_string();
        let results = read(request, &own).into_iter().map(|(topic, partitions)| {
            let answers = partitions.into_iter().map(|(index, is_known)| {
                let code = match is_known {
                    true => place(&cx, &topic, index),
                    false => Code::LogDirNotFound.code(),
                };
                AlterReplicaLogDirPartitionResult::default()
                    .with_partition_index(index)
                    .with_error_code(code)
            });
            let answers = answers.collect();
            AlterReplicaLogDirTopicResult::default().with_topic_name(topic).with_partitions(answers)
        });
        Reply::Now(AlterReplicaLogDirsResponse::default().with_results(results.collect()))
    }
}

/// Every partition once, and whether it is to go to the directory that there is.
fn read(
    request: AlterReplicaLogDirsRequest,
    own: &str,
) -> BTreeMap<TopicName, BTreeMap<PartitionIndex, bool>> {
    let mut wanted: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for directory in request.dirs {
        let is_known = &*directory.path == own;
        for topic in directory.topics.into_iter().filter(|topic| !topic.partitions.is_empty()) {
            let partitions = topic.partitions.into_iter().map(|index| (index, is_known));
            wanted.entry(topic.name).or_default().extend(partitions);
        }
    }
    wanted
}

fn place(cx: &Cx, topic: &TopicName, index: PartitionIndex) -> i16 {
    topics::resolve(cx, uuid::Uuid::nil(), topic, index).map_or_else(|code| code, |_| NONE)
}
