//! DescribeTopicPartitions: topics with their partitions, in pages (KIP-966).
//!
//! Behaviour: topics come in ascending order of their names; no topic named means all. A page
//! holds at most as many partitions as the client and `max.request.partition.size.limit` allow,
//! and at least one; the next page begins at the cursor of the answer. A topic that does not exist
//! is an error of its own if it was named.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::describe_topic_partitions_request::Cursor as Begin;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::error::meta_code;
use super::metadata::{PartitionView, TOPIC_OPERATIONS, wire_ids, wire_name};
use super::topics::{id_to_wire, is_internal};
use super::{Api, Cx, Reply};
use crate::kernel::meta::topics::validate_name;
use crate::kernel::meta::{Image, Partition, Topic};

/// The API.
pub struct DescribeTopicPartitions;

impl Api for DescribeTopicPartitions {
    type Request = DescribeTopicPartitionsRequest;
    type Response = DescribeTopicPartitionsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const NAME: &'static str = "DescribeTopicPartitions";

    async fn handle(
        cx: Cx,
        request: DescribeTopicPartitionsRequest,
    ) -> Reply<DescribeTopicPartitionsResponse> {
        let named: BTreeSet<&str> =
            request.topics.iter().map(|topic| topic.name.0.as_str()).collect();
        let begin = request.cursor.as_ref();
        if let Some(code) = begin.and_then(|begin| refusal(begin, &named)) {
            return Reply::Now(refuse(&request, code));
        }
        let most = cx.broker.config.topics.described_partitions_max as usize;
        let asked = usize::try_from(request.response_partition_limit).unwrap_or(0);
        let image = cx.broker.control.image();
        let from = begin.map_or("", |begin| &begin.topic_name.0);
        let first = begin.map_or(0, |begin| begin.partition_index);
        let mut page = Page::new(&image, asked.clamp(1, most.max(1)));
        if named.is_empty() {
            let topics = image.topics_from(from);
            page.fill(topics.map(|topic| (&*topic.name, Some(topic))), from, first);
        } else {
            let topics = named.range(from..).map(|name| (*name, image.topic(name)));
            page.fill(topics, from, first);
        }
        Reply::Now(page.response)
    }
}

/// Why a page cannot begin at a cursor.
fn refusal(begin: &Begin, named: &BTreeSet<&str>) -> Option<Code> {
    let is_listed = named.is_empty() || named.contains(begin.topic_name.0.as_str());
    (begin.partition_index < 0 || !is_listed).then_some(Code::InvalidRequest)
}

fn refuse(request: &DescribeTopicPartitionsRequest, code: Code) -> DescribeTopicPartitionsResponse {
    let refused = request.topics.iter().map(|topic| {
        let unasked = super::describe_cluster::OPERATIONS_UNASKED;
        missing(&topic.name.0, code.code()).with_topic_authorized_operations(unasked)
    });
    DescribeTopicPartitionsResponse::default().with_topics(refused.collect()).with_next_cursor(None)
}

fn missing(name: &str, code: i16) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(code)
        .with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))))
        .with_is_internal(is_internal(name))
        .with_topic_authorized_operations(TOPIC_OPERATIONS)
}

/// An answer that is being filled.
struct Page<'a> {
    image: &'a Image,
    /// Partitions that may still be added.
    room: usize,
    response: DescribeTopicPartitionsResponse,
}

impl<'a> Page<'a> {
    fn new(image: &'a Image, room: usize) -> Page<'a> {
        let response = DescribeTopicPartitionsResponse::default().with_next_cursor(None);
        Page { image, room, response }
    }

    /// Adds topics until the room is used up, then notes where the next page begins. `first` is
    /// the partition that the topic `from` begins with; all others begin with their first.
    fn fill<'t>(
        &mut self,
        topics: impl Iterator<Item = (&'t str, Option<&'t Arc<Topic>>)>,
        from: &str,
        first: i32,
    ) {
        for (name, topic) in topics {
            if self.room == 0 {
                return self.stop_at(name, 0);
            }
            let Some(topic) = topic else {
                let code = match validate_name(name) {
                    Ok(()) => Code::UnknownTopicOrPartition.code(),
                    Err(error) => meta_code(&error),
                };
                self.response.topics.push(missing(name, code));
                continue;
            };
            let begin = if name == from { first } else { 0 };
            let next = self.add(topic, usize::try_from(begin).unwrap_or(0));
            if next < topic.partitions.len() {
                return self.stop_at(name, next as i32);
            }
        }
    }

    fn stop_at(&mut self, topic: &str, partition: i32) {
        let topic = TopicName(StrBytes::from_string(topic.to_owned()));
        let cursor = Cursor::default().with_topic_name(topic).with_partition_index(partition);
        self.response.next_cursor = Some(cursor);
    }

    /// Adds the partitions of a topic from `begin` on, and returns the first that has no room.
    fn add(&mut self, topic: &Topic, begin: usize) -> usize {
        let end = begin.saturating_add(self.room).min(topic.partitions.len());
        let chosen = topic.partitions.get(begin..end).unwrap_or_default();
        self.room -= chosen.len();
        let partitions = chosen.iter().zip(begin as i32..);
        let described = partitions.map(|(state, index)| partition(self.image, state, index));
        self.response.topics.push(
            DescribeTopicPartitionsResponseTopic::default()
                .with_name(Some(wire_name(topic)))
                .with_topic_id(id_to_wire(topic.id))
                .with_is_internal(is_internal(&topic.name))
                .with_partitions(described.collect())
                .with_topic_authorized_operations(TOPIC_OPERATIONS),
        );
        end
    }
}

fn partition(
    image: &Image,
    state: &Partition,
    index: i32,
) -> DescribeTopicPartitionsResponsePartition {
    let view = PartitionView::of(image, state);
    DescribeTopicPartitionsResponsePartition::default()
        .with_error_code(view.code)
        .with_partition_index(index)
        .with_leader_id(view.leader)
        .with_leader_epoch(state.leader_epoch)
        .with_replica_nodes(wire_ids(&state.replicas))
        .with_isr_nodes(wire_ids(&state.isr))
        .with_eligible_leader_replicas(Some(wire_ids(&state.eligible_leader_replicas)))
        .with_last_known_elr(Some(wire_ids(&state.last_known_elr)))
        .with_offline_replicas(view.offline_replicas)
}
