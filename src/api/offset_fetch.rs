//! OffsetFetch: a group's stored positions. A partition without one, also of a group that does not
//! exist, has the offset -1 and no error.
//!
//! Version notes: 1 tells errors of the group on each partition, 2+ at the top; 2+ no topics means
//! all; 5+ the leader epoch (KIP-320); 7+ may insist on stable offsets (KIP-447), of which there
//! are no others without transactions; 8+ several groups at once (KIP-709).

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::groups::{text, wire};
use super::{Api, Cx, Reply, error};
use crate::kernel::group::{Error, FetchedOffset, FetchedTopics};

/// The API.
pub struct OffsetFetch;

type Topics = Vec<(Arc<str>, Vec<i32>)>;

/// What is asked about one group.
struct Question {
    group_id: StrBytes,
    topics: Option<Topics>,
}

impl Api for OffsetFetch {
    type Request = OffsetFetchRequest;
    type Response = OffsetFetchResponse;
    const VERSIONS: RangeInclusive<i16> = 1..=9;
    const NAME: &'static str = "OffsetFetch";

    async fn handle(cx: Cx, request: OffsetFetchRequest) -> Reply<OffsetFetchResponse> {
        let version = cx.version;
        let asked: Vec<_> = read(request, version)
            .into_iter()
            .map(|question| {
                let topics = question.topics.as_deref();
                (cx.broker.groups.fetch(&question.group_id, topics), question)
            })
            .collect();
        Reply::Later(Box::pin(async move {
            let mut answers = Vec::with_capacity(asked.len());
            for (fetched, question) in asked {
                answers.push((fetched.await, question));
            }
            Some(shape(answers, version))
        }))
    }
}

fn read(request: OffsetFetchRequest, version: i16) -> Vec<Question> {
    if version < 8 {
        let topics = request.topics.map(|topics| {
            let topics = topics.into_iter();
            topics.map(|topic| (text(&topic.name.0), topic.partition_indexes)).collect()
        });
        return vec![Question { group_id: request.group_id.0, topics }];
    }
    let question =
        |group: kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup| {
            let topics = group.topics.map(|topics| {
                let topics = topics.into_iter();
                topics.map(|topic| (text(&topic.name.0), topic.partition_indexes)).collect()
            });
            Question { group_id: group.group_id.0, topics }
        };
    request.groups.into_iter().map(question).collect()
}

fn shape(
    answers: Vec<(Result<FetchedTopics, Error>, Question)>,
    version: i16,
) -> OffsetFetchResponse {
    if version >= 8 {
        let groups = answers.into_iter().map(|(result, question)| shape_group(result, question));
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let mut response = OffsetFetchResponse::default();
    for (result, question) in answers {
        match result {
            Ok(topics) => response.topics = shape_topics(topics, error::NONE),
            Err(error) if version >= 2 => response.error_code = error::group_code(&error),
            Err(error) => {
                let asked = question.topics.unwrap_or_default();
                response.topics = shape_topics(unknown(asked), error::group_code(&error));
            }
        }
    }
    response
}

/// Version 1 has no place for the error of a group but its partitions.
fn unknown(topics: Topics) -> FetchedTopics {
    let unknown = |partition| FetchedOffset {
        partition,
        offset: -1,
        leader_epoch: -1,
        metadata: Arc::from(""),
    };
    let topics = topics.into_iter();
    topics.map(|(name, indexes)| (name, indexes.into_iter().map(unknown).collect())).collect()
}

fn shape_topics(topics: FetchedTopics, code: i16) -> Vec<OffsetFetchResponseTopic> {
    let shape_partition = |offset: FetchedOffset| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(offset.partition)
            .with_committed_offset(offset.offset)
            .with_committed_leader_epoch(offset.leader_epoch)
            .with_metadata(Some(wire(&offset.metadata)))
            .with_error_code(code)
    };
    let shape_topic = |(name, offsets): (Arc<str>, Vec<FetchedOffset>)| {
        OffsetFetchResponseTopic::default()
            .with_name(TopicName(wire(&name)))
            .with_partitions(offsets.into_iter().map(shape_partition).collect())
    };
    topics.into_iter().map(shape_topic).collect()
}

fn shape_group(
    result: Result<FetchedTopics, Error>,
    question: Question,
) -> OffsetFetchResponseGroup {
    let response = OffsetFetchResponseGroup::default().with_group_id(GroupId(question.group_id));
    let topics = match result {
        Ok(topics) => topics,
        Err(error) => return response.with_error_code(error::group_code(&error)),
    };
    let shape_partition = |offset: FetchedOffset| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(offset.partition)
            .with_committed_offset(offset.offset)
            .with_committed_leader_epoch(offset.leader_epoch)
            .with_metadata(Some(wire(&offset.metadata)))
    };
    let shape_topic = |(name, offsets): (Arc<str>, Vec<FetchedOffset>)| {
        OffsetFetchResponseTopics::default()
            .with_name(TopicName(wire(&name)))
            .with_partitions(offsets.into_iter().map(shape_partition).collect())
    };
    response.with_topics(topics.into_iter().map(shape_topic).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use kafka_protocol::protocol::{Decodable, Encodable};

    fn question() -> Question {
        Question { group_id: wire("g"), topics: Some(vec![("t".into(), vec![0])]) }
    }

    fn through_the_wire(result: Result<FetchedTopics, Error>, version: i16) -> OffsetFetchResponse {
        let mut bytes = BytesMut::new();
        shape(vec![(result, question())], version).encode(&mut bytes, version).unwrap();
        OffsetFetchResponse::decode(&mut bytes.freeze(), version).unwrap()
    }

    #[test]
    fn every_version_carries_offsets() {
        let offset =
            FetchedOffset { partition: 0, offset: 7, leader_epoch: 3, metadata: "m".into() };
        for version in OffsetFetch::VERSIONS {
            let fetched = vec![("t".into(), vec![offset.clone()])];
            let answer = through_the_wire(Ok(fetched), version);
            let (at, epoch) = if version < 8 {
                let found = &answer.topics[0].partitions[0];
                (found.committed_offset, found.committed_leader_epoch)
            } else {
                let found = &answer.groups[0].topics[0].partitions[0];
                (found.committed_offset, found.committed_leader_epoch)
            };
            assert_eq!((at, epoch), (7, if version >= 5 { 3 } else { -1 }), "version {version}");
        }
    }

    #[test]
    fn errors_of_a_group_are_where_the_version_has_room() {
        for version in OffsetFetch::VERSIONS {
            let answer = through_the_wire(Err(Error::NotCoordinator), version);
            let code = match version {
                1 => answer.topics[0].partitions[0].error_code,
                2..=7 => answer.error_code,
                _ => answer.groups[0].error_code,
            };
            assert_eq!(code, 16, "version {version}");
        }
    }
}
