//! OffsetCommit: a group's positions are stored.
//!
//! Partitions that do not exist are answered here, the rest is judged by the group. Group ID and
//! offset may be anything, also empty or negative.
//!
//! Version notes: 2–4 may bring a retention of their own; 6+ the leader epoch (KIP-320); 7+
//! instance IDs (KIP-345); before 9 a group that does not exist is an illegal generation.

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::groups::{optional_text, text};
use super::{Api, Cx, Reply, error};
use crate::kernel::group::{CommitPartition, CommitRequest, Error};
use crate::kernel::meta::Image;
use crate::kernel::types::Uuid;

/// The API.
pub struct OffsetCommit;

impl Api for OffsetCommit {
    type Request = OffsetCommitRequest;
    type Response = OffsetCommitResponse;
    const VERSIONS: RangeInclusive<i16> = 2..=9;
    const NAME: &'static str = "OffsetCommit";

    async fn handle(cx: Cx, request: OffsetCommitRequest) -> Reply<OffsetCommitResponse> {
        let version = cx.version;
        let (commit, response) = read(&cx.broker.control.image(), request, version);
        if commit.offsets.is_empty() {
            return Reply::Now(response);
        }
        let committed = cx.broker.groups.commit(commit);
        Reply::Later(Box::pin(async move { Some(shape(committed.await, response, version)) }))
    }
}

/// What the group is asked, and the response with the partitions that are already judged. Those
/// that are not have the code 0 in it and follow in the same order in the question.
fn read(
    image: &Image,
    request: OffsetCommitRequest,
    version: i16,
) -> (CommitRequest, OffsetCommitResponse) {
    let mut response = OffsetCommitResponse::default();
    let mut offsets = Vec::new();
    for topic in &request.topics {
        response.topics.push(read_topic(image, topic, version, &mut offsets));
    }
    let retention_ms = Some(request.retention_time_ms).filter(|ms| version <= 4 && *ms != -1);
    let commit = CommitRequest {
        group_id: text(&request.group_id.0),
        member_id: text(&request.member_id),
        group_instance_id: optional_text(request.group_instance_id.as_ref()),
        generation: request.generation_id_or_member_epoch,
        retention_ms,
        offsets,
    };
    (commit, response)
}

fn read_topic(
    image: &Image,
    topic: &OffsetCommitRequestTopic,
    version: i16,
    offsets: &mut Vec<CommitPartition>,
) -> OffsetCommitResponseTopic {
    let known = image.topic(&topic.name.0);
    let name = text(&topic.name.0);
    let mut answers = Vec::with_capacity(topic.partitions.len());
    for partition in &topic.partitions {
        let index = partition.partition_index;
        let answer = OffsetCommitResponsePartition::default().with_partition_index(index);
        if known.is_none_or(|known| known.partition(index).is_none()) {
            answers.push(answer.with_error_code(Code::UnknownTopicOrPartition.code()));
            continue;
        }
        answers.push(answer);
        let epoch = if version >= 6 { partition.committed_leader_epoch } else { -1 };
        offsets.push(CommitPartition {
            topic: name.clone(),
            topic_id: Uuid::ZERO,
            partition: index,
            offset: partition.committed_offset,
            leader_epoch: epoch,
            metadata: optional_text(partition.committed_metadata.as_ref()).unwrap_or_default(),
        });
    }
    OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(answers)
}

fn shape(
    result: Result<Vec<Result<(), Error>>, Error>,
    mut response: OffsetCommitResponse,
    version: i16,
) -> OffsetCommitResponse {
    let code = |error: &Error| match error {
        Error::GroupIdNotFound if version < 9 => error::group_code(&Error::IllegalGeneration),
        error => error::group_code(error),
    };
    let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    let open = partitions.filter(|partition| partition.error_code == error::NONE);
    match result {
        Err(error) => open.for_each(|partition| partition.error_code = code(&error)),
        Ok(results) => {
            for (partition, result) in open.zip(results) {
                partition.error_code = result.err().as_ref().map_or(error::NONE, code);
            }
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
    use kafka_protocol::messages::{GroupId, TopicName};
    use kafka_protocol::protocol::StrBytes;

    #[test]
    fn unknown_partitions_are_answered_here_and_the_rest_keeps_its_order() {
        let partition = |index| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(5)
                .with_committed_metadata(None)
        };
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("nowhere")))
            .with_partitions(vec![partition(0), partition(1)]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_topics(vec![topic]);
        let (commit, response) = read(&Image::default(), request, 9);
        assert!(commit.offsets.is_empty());
        let codes: Vec<i16> =
            response.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
        assert_eq!(codes, [3, 3]);
    }

    #[test]
    fn results_go_to_the_partitions_that_were_asked() {
        let answer = |index, code| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(code)
        };
        let topic = OffsetCommitResponseTopic::default().with_partitions(vec![
            answer(0, 0),
            answer(1, 3),
            answer(2, 0),
        ]);
        let response = OffsetCommitResponse::default().with_topics(vec![topic]);
        let codes = |response: OffsetCommitResponse| -> Vec<i16> {
            response.topics[0].partitions.iter().map(|partition| partition.error_code).collect()
        };
        let results = Ok(vec![Ok(()), Err(Error::OffsetMetadataTooLarge)]);
        assert_eq!(codes(shape(results, response.clone(), 9)), [0, 3, 12]);
        let missing = || Err(Error::GroupIdNotFound);
        assert_eq!(codes(shape(missing(), response.clone(), 8)), [22, 3, 22]);
        assert_eq!(codes(shape(missing(), response, 9)), [69, 3, 69]);
    }
}
