//! DescribeQuorum: who keeps the metadata log, and how far it goes (KIP-595).
//!
//! Behaviour: the quorum is this broker, which leads and is its only voter. Everything in the log
//! that anybody sees is committed. Only partition 0 of `__cluster_metadata` can be asked for, and
//! only by itself.
//!
//! Version notes: 1+ times of the replicas (KIP-836); 2+ directory IDs, error texts, and where
//! the voters are reached (KIP-853).

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::describe_quorum_request::TopicData as WantedTopic;
use kafka_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use kafka_protocol::messages::{BrokerId, DescribeQuorumRequest, DescribeQuorumResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Api, Cx, Reply};
use crate::kernel::meta::topics::METADATA_TOPIC;

/// The API.
pub struct DescribeQuorum;

impl Api for DescribeQuorum {
    type Request = DescribeQuorumRequest;
    type Response = DescribeQuorumResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const NAME: &'static str = "DescribeQuorum";

    async fn handle(cx: Cx, request: DescribeQuorumRequest) -> Reply<DescribeQuorumResponse> {
        let is_metadata = is_metadata(&request.topics);
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let partitions = topic.partitions.iter().map(|partition| match is_metadata {
                true => describe(&cx),
                false => unknown(partition.partition_index),
            });
            let partitions = partitions.collect();
            topics.push(
                TopicData::default().with_topic_name(topic.topic_name).with_partitions(partitions),
            );
        }
        let nodes = if is_metadata { vec![node(&cx)] } else { Vec::new() };
        let response = DescribeQuorumResponse::default().with_topics(topics);
        Reply::Now(match cx.version {
            2.. => response.with_error_message(Some(StrBytes::default())).with_nodes(nodes),
            _ => response,
        })
    }
}

fn is_metadata(topics: &[WantedTopic]) -> bool {
    let [topic] = topics else { return false };
    let [partition] = &topic.partitions[..] else { return false };
    &*topic.topic_name.0 == METADATA_TOPIC && partition.partition_index == 0
}

fn unknown(index: i32) -> PartitionData {
    let text = "This server does not host this topic-partition.";
    PartitionData::default()
        .with_partition_index(index)
        .with_error_code(Code::UnknownTopicOrPartition.code())
        .with_error_message(Some(StrBytes::from_static_str(text)))
}

fn describe(cx: &Cx) -> PartitionData {
    let (id, now) = (BrokerId(cx.broker.config.node_id), cx.broker.clock.now());
    let (epoch, end) = cx.broker.control.log_end();
    let voter = ReplicaState::default().with_replica_id(id).with_log_end_offset(end);
    let voter = match cx.version {
        1.. => voter.with_last_fetch_timestamp(now).with_last_caught_up_timestamp(now),
        _ => voter,
    };
    PartitionData::default()
        .with_error_message(Some(StrBytes::default()))
        .with_leader_id(id)
        .with_leader_epoch(epoch)
        .with_high_watermark(end)
        .with_current_voters(vec![voter])
}

/// This broker as a voter: it answers for the metadata where it answers for everything.
fn node(cx: &Cx) -> Node {
    let (host, port) = cx.broker.advertised(&cx.connection);
    let name = cx.broker.config.listeners[cx.connection.listener].name.clone();
    let listener = Listener::default()
        .with_name(StrBytes::from_string(name))
        .with_host(StrBytes::from_string(host))
        .with_port(port);
    Node::default()
        .with_node_id(BrokerId(cx.broker.config.node_id))
        .with_listeners(vec![listener])
}
