//! OffsetFetch: a group's stored positions. A partition without one, also of a group that does not
//! exist, has the offset -1 and no error. What was stored for a topic that is gone is not shown for
//! a new topic of that name.
//!
//! Version notes: 1 tells errors of the group on each partition, 2+ at the top; 2+ no topics means
//! all; 5+ the leader epoch (KIP-320); 7+ may insist on stable offsets (KIP-447), of which there
//! are no others without transactions; 8+ several groups at once (KIP-709); 10+ name topics by ID
//! alone (KIP-848).

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::protocol::StrBytes;

use super::groups::{text, wire};
use super::{Api, Cx, Reply, error, topics};
use crate::kernel::group::{Error, FetchedOffset, FetchedTopics};
use crate::kernel::meta::Image;
use crate::wire::messages::offset_fetch_request::OffsetFetchRequestGroup;
use crate::wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::wire::messages::{OffsetFetchRequest, OffsetFetchResponse};

/// The API.
pub struct OffsetFetch;

type Topics = Vec<(Arc<str>, Vec<i32>)>;

/// What is asked about one group.
#[derive(Default)]
struct Question {
    group_id: StrBytes,
    /// None asks for all.
    topics: Option<Topics>,
    /// IDs that no topic has, with the partitions that are asked for.
    unknown: Vec<(uuid::Uuid, Vec<i32>)>,
}

impl Api for OffsetFetch {
    type Request = OffsetFetchRequest;
    type Response = OffsetFetchResponse;
    const VERSIONS: RangeInclusive<i16> = 1..=10;
    const NAME: &'static str = "OffsetFetch";

    async fn handle(cx: Cx, request: OffsetFetchRequest) -> Reply<OffsetFetchResponse> {
        let version = cx.version;
        let image = cx.broker.control.image();
        let asked: Vec<_> = read(&image, request, version)
            .into_iter()
            .map(|question| {
                let topics = question.topics.as_deref();
                (cx.broker.groups.fetch(&question.group_id, topics), question)
            })
            .collect();
        Reply::Later(Box::pin(async move {
            let mut answers = Vec::with_capacity(asked.len());
            for (fetched, question) in asked {
                let fetched = fetched.await.map(|topics| without_stale(&image, topics));
                answers.push((fetched, question));
            }
            Some(shape(&image, answers, version))
        }))
    }
}

fn read(image: &Image, request: OffsetFetchRequest, version: i16) -> Vec<Question> {
    if version < 8 {
        let topics = request.topics.map(|topics| {
            let topics = topics.into_iter();
            topics.map(|topic| (text(&topic.name), topic.partition_indexes)).collect()
        });
        return vec![Question { group_id: request.group_id, topics, unknown: Vec::new() }];
    }
    request.groups.into_iter().map(|group| read_group(image, group, version)).collect()
}

fn read_group(image: &Image, group: OffsetFetchRequestGroup, version: i16) -> Question {
    let mut question = Question { group_id: group.group_id, ..Question::default() };
    let Some(asked) = group.topics else { return question };
    let mut topics = Topics::new();
    for topic in asked {
        if version < 10 {
            topics.push((text(&topic.name), topic.partition_indexes));
        } else if let Some(known) = image.topic_by_id(&topics::id_from_wire(topic.topic_id)) {
            topics.push((Arc::clone(&known.name), topic.partition_indexes));
        } else {
            question.unknown.push((topic.topic_id, topic.partition_indexes));
        }
    }
    question.topics = Some(topics);
    question
}

/// Takes out what was committed for an earlier topic of a name: a commit may have been on its way
/// while the topic was deleted.
fn without_stale(image: &Image, mut topics: FetchedTopics) -> FetchedTopics {
    for (name, offsets) in &mut topics {
        let Some(current) = image.topic(name).map(|topic| topic.id) else { continue };
        for offset in offsets {
            if !offset.topic_id.is_zero() && offset.topic_id != current {
                *offset = FetchedOffset::nothing(offset.partition);
            }
        }
    }
    topics
}

fn shape(
    image: &Image,
    answers: Vec<(Result<FetchedTopics, Error>, Question)>,
    version: i16,
) -> OffsetFetchResponse {
    if version >= 8 {
        let groups = answers
            .into_iter()
            .map(|(result, question)| shape_group(image, result, question, version));
        return OffsetFetchResponse { groups: groups.collect(), ..OffsetFetchResponse::default() };
    }
    let mut response = OffsetFetchResponse::default();
    for (result, question) in answers {
        match result {
            Ok(topics) => response.topics = shape_topics(topics, error::NONE),
            Err(error) if version >= 2 => response.error_code = error::group_code(&error),
            Err(error) => {
                let asked = question.topics.unwrap_or_default();
                response.topics = shape_topics(nothing(asked), error::group_code(&error));
            }
        }
    }
    response
}

/// Version 1 has no place for the error of a group but its partitions.
fn nothing(topics: Topics) -> FetchedTopics {
    let nothing = |indexes: Vec<i32>| indexes.into_iter().map(FetchedOffset::nothing).collect();
    topics.into_iter().map(|(name, indexes)| (name, nothing(indexes))).collect()
}

/// What is told of partitions: the same in a type of its own for versions with several groups.
macro_rules! shape_partitions {
    ($shape:ident, $offsets:expr, $error_code:expr) => {{
        let shape_partition = |offset: FetchedOffset| $shape {
            partition_index: offset.partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch,
            metadata: Some(wire(&offset.metadata)),
            error_code: $error_code,
        };
        $offsets.into_iter().map(shape_partition).collect()
    }};
}

fn shape_topics(topics: FetchedTopics, error_code: i16) -> Vec<OffsetFetchResponseTopic> {
    let shape_topic = |(name, offsets): (Arc<str>, Vec<FetchedOffset>)| OffsetFetchResponseTopic {
        name: wire(&name),
        partitions: shape_partitions!(OffsetFetchResponsePartition, offsets, error_code),
    };
    topics.into_iter().map(shape_topic).collect()
}

fn shape_group(
    image: &Image,
    result: Result<FetchedTopics, Error>,
    question: Question,
    version: i16,
) -> OffsetFetchResponseGroup {
    let mut response =
        OffsetFetchResponseGroup { group_id: question.group_id, ..Default::default() };
    let fetched = match result {
        Ok(fetched) => fetched,
        Err(error) => {
            response.error_code = error::group_code(&error);
            return response;
        }
    };
    for (name, offsets) in fetched {
        let topic_id = image.topic(&name).map(|topic| topics::id_to_wire(topic.id));
        if version >= 10 && topic_id.is_none() {
            // All were asked for, and this one is gone: it has nothing to be named by.
            continue;
        }
        response.topics.push(OffsetFetchResponseTopics {
            name: wire(&name),
            topic_id: topic_id.unwrap_or_default(),
            partitions: shape_partitions!(OffsetFetchResponsePartitions, offsets, error::NONE),
        });
    }
    for (topic_id, indexes) in question.unknown {
        let nothing = indexes.into_iter().map(FetchedOffset::nothing);
        let code = Code::UnknownTopicId.code();
        let partitions = shape_partitions!(OffsetFetchResponsePartitions, nothing, code);
        let topic = OffsetFetchResponseTopics { topic_id, partitions, ..Default::default() };
        response.topics.push(topic);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::meta::record::{Record, TopicRecord};
    use crate::kernel::types::Uuid;
    use bytes::BytesMut;
    use kafka_protocol::protocol::{Decodable, Encodable};

    const ID: Uuid = Uuid([7; 16]);

    /// A topic `t`, and nothing else.
    fn image() -> Image {
        let topic = TopicRecord { name: "t".into(), topic_id: ID };
        let mut image = Image::default();
        image.apply(&Record::Topic(topic)).unwrap();
        image
    }

    fn question() -> Question {
        let topics = Some(vec![("t".into(), vec![0])]);
        Question { group_id: wire("g"), topics, unknown: Vec::new() }
    }

    fn offset(topic_id: Uuid) -> FetchedOffset {
        FetchedOffset { partition: 0, offset: 7, leader_epoch: 3, topic_id, metadata: "m".into() }
    }

    fn through_the_wire(result: Result<FetchedTopics, Error>, version: i16) -> OffsetFetchResponse {
        let mut bytes = BytesMut::new();
        let answer = shape(&image(), vec![(result, question())], version);
        answer.encode(&mut bytes, version).unwrap();
        OffsetFetchResponse::decode(&mut bytes.freeze(), version).unwrap()
    }

    #[test]
    fn every_version_carries_offsets() {
        for version in OffsetFetch::VERSIONS {
            let fetched = vec![("t".into(), vec![offset(ID)])];
            let answer = through_the_wire(Ok(fetched), version);
            let (at, epoch) = if version < 8 {
                let found = &answer.topics[0].partitions[0];
                (found.committed_offset, found.committed_leader_epoch)
            } else {
                let topic = &answer.groups[0].topics[0];
                let id = if version < 10 { Uuid::ZERO } else { ID };
                assert_eq!(topic.topic_id, topics::id_to_wire(id));
                let found = &topic.partitions[0];
                (found.committed_offset, found.committed_leader_epoch)
            };
            assert_eq!((at, epoch), (7, if version >= 5 { 3 } else { -1 }), "version {version}");
        }
    }

    #[test]
    fn offsets_of_an_earlier_topic_of_that_name_are_not_shown() {
        let of = |name: &str, topic_id| (Arc::from(name), vec![offset(topic_id)]);
        let earlier = Uuid([6; 16]);
        let all = vec![of("t", ID), of("t", Uuid::ZERO), of("t", earlier), of("gone", earlier)];
        let shown: Vec<i64> =
            without_stale(&image(), all).iter().map(|(_, offsets)| offsets[0].offset).collect();
        assert_eq!(shown, [7, 7, -1, 7]);
    }

    #[test]
    fn a_topic_that_is_gone_has_no_id_to_be_named_by() {
        let fetched = || vec![("gone".into(), vec![offset(Uuid([6; 16]))])];
        assert_eq!(through_the_wire(Ok(fetched()), 9).groups[0].topics.len(), 1);
        assert_eq!(through_the_wire(Ok(fetched()), 10).groups[0].topics.len(), 0);
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
