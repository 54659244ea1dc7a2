//! DeleteRecords: lets logs start later; when the answer leaves, what lies before is gone for
//! readers and stays gone. The files go with the next round of retention.
//!
//! Behaviour: an offset of -1 stands for the high watermark. A log that starts at the offset or
//! behind it stays as it is, which is no error. The last offset of a partition given twice counts.
//! Neither producers nor groups lose anything. The timeout is for replicas, of which there are
//! none to wait for.
//!
//! Version notes: none of them differ here but in encoding.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};

use super::error::{NONE, deletion_code, storage_code};
use super::{Api, Cx, Reply, topics};
use crate::kernel::types::{Offset, PartitionIndex};
use crate::storage::error::StorageError;
use crate::storage::partition::Partition;

const HIGH_WATERMARK: Offset = -1;
const NO_WATERMARK: Offset = -1;

/// The API.
pub struct DeleteRecords;

impl Api for DeleteRecords {
    type Request = DeleteRecordsRequest;
    type Response = DeleteRecordsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const NAME: &'static str = "DeleteRecords";

    async fn handle(cx: Cx, request: DeleteRecordsRequest) -> Reply<DeleteRecordsResponse> {
        let mut judged = Vec::new();
        for (topic, partitions) in read(request) {
            let judge = |(index, offset)| (index, judge(&cx, &topic, index, offset));
            let partitions: Vec<_> = partitions.into_iter().map(judge).collect();
            judged.push((topic, partitions));
        }
        let deletions = judged.iter().flat_map(|(_, partitions)| partitions);
        // All syncs together, before one is waited for.
        deletions.flat_map(|(_, judged)| judged).for_each(|(partition, _)| partition.ask_sync());
        let mut topics = Vec::with_capacity(judged.len());
        // Kafka gathers its answers by topic and so leaves out one without any.
        for (topic, partitions) in judged.into_iter().filter(|(_, judged)| !judged.is_empty()) {
            let mut answers = Vec::with_capacity(partitions.len());
            for (index, judged) in partitions {
                let deleted = match judged {
                    Ok((partition, start)) => delete(partition, start).await,
                    Err(code) => Err(code),
                };
                answers.push(shape(index, deleted));
            }
            let answer = DeleteRecordsTopicResult::default().with_name(topic);
            topics.push(answer.with_partitions(answers));
        }
        Reply::Now(DeleteRecordsResponse::default().with_topics(topics))
    }
}

/// Every partition once, with the last offset given for it.
fn read(request: DeleteRecordsRequest) -> BTreeMap<TopicName, BTreeMap<PartitionIndex, Offset>> {
    let mut wanted: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for topic in request.topics {
        let offsets = topic.partitions.iter().map(|p| (p.partition_index, p.offset));
        wanted.entry(topic.name).or_default().extend(offsets);
    }
    wanted
}

/// The partition, and where its log starts afterwards.
fn judge(
    cx: &Cx,
    topic: &TopicName,
    index: PartitionIndex,
    offset: Offset,
) -> Result<(Arc<Partition>, Offset), i16> {
    let partition = topics::resolve(cx, uuid::Uuid::nil(), topic, index)?;
    if topics::is_internal(topic) {
        return Err(Code::InvalidTopicException.code());
    }
    let wanted = (offset != HIGH_WATERMARK).then_some(offset);
    let start = partition.start_after_deletion(wanted).map_err(|error| deletion_code(&error))?;
    Ok((partition, start))
}

/// Answers where the log starts now.
async fn delete(partition: Arc<Partition>, start: Offset) -> Result<Offset, i16> {
    let done = async {
        // A log must not end before it starts, whatever happens.
        partition.durable(start).await?;
        let deleted = tokio::task::spawn_blocking(move || partition.delete_before(start));
        deleted.await.unwrap_or(Err(StorageError::Poisoned))
    };
    done.await.map_err(|error| storage_code(&error))
}

fn shape(index: PartitionIndex, deleted: Result<Offset, i16>) -> DeleteRecordsPartitionResult {
    let (code, start) = match deleted {
        Ok(start) => (NONE, start),
        Err(code) => (code, NO_WATERMARK),
    };
    DeleteRecordsPartitionResult::default()
        .with_partition_index(index)
        .with_low_watermark(start)
        .with_error_code(code)
}
