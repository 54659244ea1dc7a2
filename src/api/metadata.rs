//! Metadata: brokers, and topics with their partitions and leaders.
//!
//! Behaviour: a topic that is asked for by name, does not exist and may be created is created and
//! described in the same answer; Kafka answers UNKNOWN_TOPIC_OR_PARTITION once and lets the client
//! ask again. Asking for all topics creates none. Internal topics are made by those who keep state
//! in them, never here.
//!
//! Version notes: 0 no topics means all, later null does; 1+ controller, racks, internal flag;
//! 4+ auto-creation can be declined; 7+ leader epochs; 8+ authorized operations (8–10 also the
//! cluster's); 10+ topic IDs in answers, 12+ in requests (KIP-516), where an ID wins over a name.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::create_topics;
use super::error::meta_code;
use super::describe_cluster::{CLUSTER_OPERATIONS, OPERATIONS_UNASKED, nodes};
use super::error::{NONE, storage_code};
use super::topics::{id_from_wire, id_to_wire, is_internal};
use super::{Api, Cx, Reply};
use crate::kernel::meta::command::NewTopic;
use crate::kernel::meta::topics::{METADATA_TOPIC, validate_name};
use crate::kernel::meta::{Command, Image, Outcome, Partition, Topic};
use crate::kernel::types::{NodeId, Uuid};

/// Bits of the operations a topic has: read, write, create, delete, alter, describe, describe
/// configs, alter configs. Without an authorizer everybody may do all.
pub(super) const TOPIC_OPERATIONS: i32 =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;

/// The API.
pub struct Metadata;

impl Api for Metadata {
    type Request = MetadataRequest;
    type Response = MetadataResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=13;
    const NAME: &'static str = "Metadata";

    async fn handle(cx: Cx, request: MetadataRequest) -> Reply<MetadataResponse> {
        let wanted = read(&request, cx.version);
        if let Some(response) = refused_as_a_whole(&request, cx.version) {
            return Reply::Now(response);
        }
        let mut failures = HashMap::new();
        let may_create = request.allow_auto_topic_creation || cx.version < 4;
        if may_create && cx.broker.config.topics.auto_create {
            failures = create_missing(&cx, &wanted).await;
        }
        let image = cx.broker.control.image();
        let operations = match request.include_topic_authorized_operations {
            true => TOPIC_OPERATIONS,
            false => OPERATIONS_UNASKED,
        };
        let topics: Vec<_> = match &wanted {
            Wanted::All => image.topics().map(|topic| found(&image, topic, operations)).collect(),
            Wanted::These(topics) => {
                topics.iter().map(|topic| answer(&image, topic, &failures, operations)).collect()
            }
        };
        Reply::Now(shape(&cx, &image, &request, topics))
    }
}

/// What is asked for.
enum Wanted {
    All,
    These(Vec<WantedTopic>),
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum WantedTopic {
    Name(TopicName),
    Id(Uuid),
    /// Asked for in a way its version does not have, or in none.
    Malformed(Option<TopicName>, Uuid),
}

fn read(request: &MetadataRequest, version: i16) -> Wanted {
    let topics = match &request.topics {
        None => return Wanted::All,
        Some(topics) if topics.is_empty() && version == 0 => return Wanted::All,
        Some(topics) => topics,
    };
    let mut seen = HashSet::new();
    let wanted = topics.iter().map(|topic| read_topic(topic, version));
    Wanted::These(wanted.filter(|topic| seen.insert(topic.clone())).collect())
}

fn read_topic(topic: &MetadataRequestTopic, version: i16) -> WantedTopic {
    match &topic.name {
        _ if !topic.topic_id.is_nil() && version >= 12 => {
            WantedTopic::Id(id_from_wire(topic.topic_id))
        }
        Some(name) if topic.topic_id.is_nil() => WantedTopic::Name(name.clone()),
        name => WantedTopic::Malformed(name.clone(), id_from_wire(topic.topic_id)),
    }
}

/// Versions 10 and 11 have topic IDs that may not be used yet: one fails the whole request.
fn refused_as_a_whole(request: &MetadataRequest, version: i16) -> Option<MetadataResponse> {
    let topics = request.topics.as_ref()?;
    let is_early = |topic: &MetadataRequestTopic| topic.name.is_none() || !topic.topic_id.is_nil();
    if version >= 12 || !topics.iter().any(is_early) {
        return None;
    }
    let refused = topics.iter().map(|topic| {
        MetadataResponseTopic::default()
            .with_error_code(Code::InvalidRequest.code())
            .with_name(Some(topic.name.clone().unwrap_or_default()))
            .with_topic_id(topic.topic_id)
    });
    Some(MetadataResponse::default().with_topics(refused.collect()))
}

/// Topics of the broker's own are made by those who keep something in them.
fn may_be_made(name: &str) -> bool {
    !is_internal(name) && name != METADATA_TOPIC
}

/// Creates the topics that are asked for by name and do not exist. Returns Kafka's codes of those
/// that could not be created.
async fn create_missing(cx: &Cx, wanted: &Wanted) -> HashMap<Arc<str>, i16> {
    let mut failures = HashMap::new();
    let Wanted::These(wanted) = wanted else { return failures };
    let image = cx.broker.control.image();
    let mut topics = Vec::new();
    for topic in wanted {
        let WantedTopic::Name(name) = topic else { continue };
        let is_candidate = image.topic(name).is_none() && may_be_made(name);
        if is_candidate && let Ok(id) = crate::random::uuid() {
            topics.push(NewTopic {
                name: Arc::from(name.0.as_str()),
                id,
                partition_count: -1,
                replication_factor: -1,
                assignments: Vec::new(),
                configs: Vec::new(),
            });
        }
    }
    if topics.is_empty() {
        return failures;
    }
    let names: Vec<_> = topics.iter().map(|topic| Arc::clone(&topic.name)).collect();
    let command = Command::CreateTopics(create_topics::command(cx, topics, false));
    match cx.broker.control.execute(command).await {
        Ok(Outcome::CreateTopics(answers)) => {
            for (name, result) in answers {
                // One that another client created meanwhile is found like any other.
                if let Err(error) = result {
                    failures.insert(name, meta_code(&error));
                }
            }
        }
        Ok(_) => unreachable!("the outcome has the command's variant"),
        Err(error) => {
            let code = storage_code(&error);
            failures.extend(names.into_iter().map(|name| (name, code)));
        }
    }
    failures
}

fn answer(
    image: &Image,
    wanted: &WantedTopic,
    failures: &HashMap<Arc<str>, i16>,
    operations: i32,
) -> MetadataResponseTopic {
    let missing = |code: i16, name: Option<TopicName>, id: Uuid| {
        MetadataResponseTopic::default()
            .with_error_code(code)
            .with_is_internal(name.as_ref().is_some_and(|name| is_internal(name)))
            .with_name(name)
            .with_topic_id(id_to_wire(id))
    };
    match wanted {
        WantedTopic::Name(name) => match image.topic(name) {
            Some(topic) => found(image, topic, operations),
            None => {
                let code = match validate_name(name) {
                    Ok(()) => Code::UnknownTopicOrPartition.code(),
                    Err(error) => meta_code(&error),
                };
                let code = failures.get(name.0.as_str()).copied().unwrap_or(code);
                missing(code, Some(name.clone()), Uuid::ZERO)
            }
        },
        WantedTopic::Id(id) => match image.topic_by_id(id) {
            Some(topic) => found(image, topic, operations),
            None => missing(Code::UnknownTopicId.code(), None, *id),
        },
        WantedTopic::Malformed(name, id) => {
            // Null names exist from version 12 on, where this one can only be null with a zero
            // ID; before, the client is told with the name it gave or an empty one.
            let name = name.clone().unwrap_or_default();
            missing(Code::InvalidRequest.code(), Some(name), *id)
        }
    }
}

fn found(image: &Image, topic: &Topic, operations: i32) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().zip(0..);
    MetadataResponseTopic::default()
        .with_name(Some(wire_name(topic)))
        .with_topic_id(id_to_wire(topic.id))
        .with_is_internal(is_internal(&topic.name))
        .with_partitions(partitions.map(|(state, index)| partition(image, state, index)).collect())
        .with_topic_authorized_operations(operations)
}

fn partition(image: &Image, state: &Partition, index: i32) -> MetadataResponsePartition {
    let view = PartitionView::of(image, state);
    MetadataResponsePartition::default()
        .with_error_code(view.code)
        .with_partition_index(index)
        .with_leader_id(view.leader)
        .with_leader_epoch(state.leader_epoch)
        .with_replica_nodes(wire_ids(&state.replicas))
        .with_isr_nodes(wire_ids(&state.isr))
        .with_offline_replicas(view.offline_replicas)
}

fn shape(
    cx: &Cx,
    image: &Image,
    request: &MetadataRequest,
    topics: Vec<MetadataResponseTopic>,
) -> MetadataResponse {
    let brokers = nodes(cx, image)
        .into_iter()
        .filter(|node| !node.is_fenced)
        .map(|node| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(node.id))
                .with_host(node.host)
                .with_port(node.port)
                .with_rack(node.rack)
        })
        .collect();
    let response = MetadataResponse::default()
        .with_brokers(brokers)
        .with_cluster_id(Some(StrBytes::from_string(cx.broker.cluster_id.clone())))
        .with_controller_id(BrokerId(cx.broker.config.node_id))
        .with_topics(topics);
    match request.include_cluster_authorized_operations {
        true => response.with_cluster_authorized_operations(CLUSTER_OPERATIONS),
        false => response,
    }
}

/// What brokers being up or down makes of a partition.
pub(super) struct PartitionView {
    /// Kafka's code: LEADER_NOT_AVAILABLE without a leader that is up.
    pub code: i16,
    /// The leader, or -1.
    pub leader: BrokerId,
    /// Replicas whose brokers are not up.
    pub offline_replicas: Vec<BrokerId>,
}

impl PartitionView {
    pub(super) fn of(image: &Image, state: &Partition) -> PartitionView {
        let leader = state.leader().filter(|leader| image.is_active(*leader));
        let offline = state.replicas.iter().copied().filter(|id| !image.is_active(*id));
        PartitionView {
            code: leader.map_or(Code::LeaderNotAvailable.code(), |_| NONE),
            leader: BrokerId(leader.unwrap_or(-1)),
            offline_replicas: offline.map(BrokerId).collect(),
        }
    }
}

/// A topic's name in the codec crate's form.
pub(super) fn wire_name(topic: &Topic) -> TopicName {
    TopicName(StrBytes::from_string(topic.name.to_string()))
}

/// Broker IDs in the codec crate's form.
pub(super) fn wire_ids(ids: &[NodeId]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}
