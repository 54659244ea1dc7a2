//! OffsetCommit: a group's positions are stored.
//!
//! Partitions that do not exist are answered here, the rest is judged by the group. Group ID and
//! offset may be anything, also empty or negative.
//!
//! Version notes: 2–4 may bring a retention of their own; 6+ the leader epoch (KIP-320); 7+
//! instance IDs (KIP-345); before 9 a group that does not exist is an illegal generation; 10+ name
//! topics by ID alone (KIP-848).

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;

use super::groups::{optional_text, text};
use super::{Api, Cx, Reply, error, topics};
use crate::kernel::group::{CommitPartition, CommitRequest, Error};
use crate::kernel::meta::Image;
use crate::wire::messages::offset_commit_request::OffsetCommitRequestTopic;
use crate::wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::wire::messages::{OffsetCommitRequest, OffsetCommitResponse};

/// The API.
pub struct OffsetCommit;

impl Api for OffsetCommit {
    type Request = OffsetCommitRequest;
    type Response = OffsetCommitResponse;
    const VERSIONS: RangeInclusive<i16> = 2..=10;
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
    // Kafka gathers its answers by topic and so leaves out one without any.
    for topic in request.topics.iter().filter(|topic| !topic.partitions.is_empty()) {
        response.topics.push(read_topic(image, topic, version, &mut offsets));
    }
    let retention_ms = Some(request.retention_time_ms).filter(|ms| *ms != -1);
    let commit = CommitRequest {
        group_id: text(&request.group_id),
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
    let (known, unknown) = match version {
        10.. => (image.topic_by_id(&topics::id_from_wire(topic.topic_id)), Code::UnknownTopicId),
        _ => (image.topic(&topic.name), Code::UnknownTopicOrPartition),
    };
    let mut answers = Vec::with_capacity(topic.partitions.len());
    for partition in &topic.partitions {
        let partition_index = partition.partition_index;
        let error_code = match known {
            None => unknown.code(),
            Some(known) if known.partition(partition_index).is_none() => {
                Code::UnknownTopicOrPartition.code()
            }
            Some(known) => {
                offsets.push(CommitPartition {
                    topic: Arc::clone(&known.name),
                    topic_id: known.id,
                    partition: partition_index,
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: optional_text(partition.committed_metadata.as_ref())
                        .unwrap_or_default(),
                });
                error::NONE
            }
        };
        answers.push(OffsetCommitResponsePartition { partition_index, error_code });
    }
    OffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: answers,
    }
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
    use crate::wire::messages::offset_commit_request::OffsetCommitRequestPartition;
    use kafka_protocol::protocol::StrBytes;

    #[test]
    fn unknown_partitions_are_answered_here_and_the_rest_keeps_its_order() {
        let partition = |partition_index| OffsetCommitRequestPartition {
            partition_index,
            committed_offset: 5,
            ..OffsetCommitRequestPartition::default()
        };
        let topic = OffsetCommitRequestTopic {
            name: StrBytes::from_static_str("nowhere"),
            partitions: vec![partition(0), partition(1)],
            ..OffsetCommitRequestTopic::default()
        };
        let request =
            OffsetCommitRequest { topics: vec![topic], ..OffsetCommitRequest::default() };
        for (version, code) in [(9, 3), (10, 100)] {
            let (commit, response) = read(&Image::default(), request.clone(), version);
            assert!(commit.offsets.is_empty());
            let codes: Vec<i16> =
                response.topics[0].partitions.iter().map(|answer| answer.error_code).collect();
            assert_eq!(codes, [code, code]);
        }
    }

    #[test]
    fn results_go_to_the_partitions_that_were_asked() {
        let answer = |partition_index, error_code| OffsetCommitResponsePartition {
            partition_index,
            error_code,
        };
        let topic = OffsetCommitResponseTopic {
            partitions: vec![answer(0, 0), answer(1, 3), answer(2, 0)],
            ..OffsetCommitResponseTopic::default()
        };
        let response =
            OffsetCommitResponse { topics: vec![topic], ..OffsetCommitResponse::default() };
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
