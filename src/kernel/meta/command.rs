//! Commands that change the metadata, and the decision what each one does: [`decide`] judges a
//! command against an image and gives the records that carry it out, and the answer for whoever
//! asked. It changes nothing itself, and knows no error codes of the wire.
//!
//! The records of a decision belong together. The caller appends them as one batch, or, if they
//! do not fit into one, framed by [`in_transaction`].

use std::sync::Arc;

use super::election::{self, ElectLeaders, Elected};
use super::features::{self, UpdateFeatures};
use super::image::{Configs, Image, Resource, ResourceKind};
use super::record::{
    NO_LEADER, PartitionChangeRecord, ProducerIdsRecord, Record, RegisterBrokerRecord,
};
use super::{configs, quotas, topics};
use crate::kernel::quota::change::Alteration;
use crate::kernel::types::{LeaderEpoch, NodeId, PartitionIndex, TopicIdPartition, Uuid};

/// Producer IDs in a block, as in Kafka.
pub const PRODUCER_ID_BLOCK_SIZE: i64 = 1000;

/// Kafka's limit of partitions that one request may create.
pub const PARTITIONS_PER_REQUEST_MAX: usize = 10_000;

/// Why a command, or a part of it, is refused. The text is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No topic has this name.
    #[error("This server does not host the topic '{0}'.")]
    UnknownTopic(Arc<str>),
    /// No topic has this ID.
    #[error("This server does not host the topic ID {0}.")]
    UnknownTopicId(Uuid),
    /// No partition has this number.
    #[error("This server does not host the partition {0}.")]
    UnknownPartition(TopicIdPartition),
    /// A topic has no partition of this number.
    #[error("This server does not host partition {1} of the topic '{0}'.")]
    UnknownPartitionOf(Arc<str>, PartitionIndex),
    /// A topic of this name exists.
    #[error("Topic '{0}' already exists.")]
    TopicExists(Arc<str>),
    /// The name cannot be a topic's.
    #[error("{0}")]
    InvalidTopicName(String),
    /// The number of partitions cannot be.
    #[error("{0}")]
    InvalidPartitions(String),
    /// The replication factor cannot be, or not with the brokers there are.
    #[error("{0}")]
    InvalidReplicationFactor(String),
    /// The assignment of replicas to brokers cannot be.
    #[error("{0}")]
    InvalidReplicaAssignment(String),
    /// A configuration is unknown or its value is.
    #[error("{0}")]
    InvalidConfig(String),
    /// The request contradicts itself or asks for what nobody may have.
    #[error("{0}")]
    InvalidRequest(String),
    /// The request exceeds a limit.
    #[error("{0}")]
    PolicyViolation(String),
    /// The client changes partitions faster than it may (KIP-599).
    #[error("The throttling quota has been exceeded.")]
    QuotaExceeded,
    /// No broker of this ID is registered.
    #[error("Broker {0} is not registered.")]
    UnknownBroker(NodeId),
    /// A feature cannot have the level wanted.
    #[error("{0}")]
    InvalidFeatureLevel(String),
    /// The partition has the leader that an election would give it.
    #[error("The partition needs no election.")]
    ElectionNotNeeded,
    /// The first replica is not in sync, or its broker is not there.
    #[error("The preferred leader cannot lead.")]
    PreferredLeaderNotAvailable,
    /// No broker that has a replica is there.
    #[error("No replica can lead.")]
    EligibleLeadersNotAvailable,
    /// The partition's replicas are not changing.
    #[error("The partition is not being reassigned.")]
    NoReassignmentInProgress,
    /// All producer IDs have been handed out.
    #[error("All producer IDs have been allocated.")]
    ProducerIdsExhausted,
}

/// Something that is to be changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Creates topics, each for itself: some may be refused while others are created.
    CreateTopics(CreateTopics),
    /// Adds partitions to topics, each for itself.
    CreatePartitions(CreatePartitions),
    /// Deletes topics, each for itself.
    DeleteTopics(Vec<TopicRef>),
    /// Hands a block of producer IDs to a broker.
    AllocateProducerIds {
        /// The broker.
        broker_id: NodeId,
        /// Number of IDs, at least 1; Kafka's is [`PRODUCER_ID_BLOCK_SIZE`].
        block_size: i64,
    },
    /// Sets and deletes dynamic configurations, all or none of each resource's.
    SetConfigs(SetConfigs),
    /// Sets and removes client quotas, all or none of each entity's.
    AlterQuotas(AlterQuotas),
    /// Registers a broker; the epoch given is replaced by the offset of the record.
    RegisterBroker(RegisterBrokerRecord),
    /// Removes the registration of a broker that has stopped.
    UnregisterBroker(NodeId),
    /// Sets the levels of features that are in force, all or none.
    UpdateFeatures(UpdateFeatures),
    /// Elects leaders on demand, of each partition for itself.
    ElectLeaders(ElectLeaders),
    /// Raises the leader epochs of partitions whose leader stays.
    BumpLeaderEpochs(Vec<TopicIdPartition>),
}

/// Arguments of [`Command::CreateTopics`].
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTopics {
    /// Topics wanted.
    pub topics: Vec<NewTopic>,
    /// Whether to answer only, without creating.
    pub validate_only: bool,
    /// Stand-ins for counts of -1.
    pub defaults: Defaults,
    /// Partitions all topics may have together; Kafka's is [`PARTITIONS_PER_REQUEST_MAX`].
    pub partitions_max: usize,
}

/// Counts for topics that leave them open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// `num.partitions`, at least 1.
    pub partition_count: i32,
    /// `default.replication.factor`, at least 1.
    pub replication_factor: i16,
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTopic {
    /// Name.
    pub name: Arc<str>,
    /// Its ID: random and never used before, made by the caller.
    pub id: Uuid,
    /// Number of partitions, -1 for the default or with assignments.
    pub partition_count: i32,
    /// Number of replicas, -1 for the default or with assignments.
    pub replication_factor: i16,
    /// Replicas of each partition by its number, or nothing to let them be placed.
    pub assignments: Vec<(i32, Vec<NodeId>)>,
    /// Configurations; a value may be absent on the wire, which is refused.
    pub configs: Vec<(Arc<str>, Option<Arc<str>>)>,
}

/// Arguments of [`Command::CreatePartitions`].
#[derive(Clone, Debug, PartialEq)]
pub struct CreatePartitions {
    /// Topics and the number of partitions they shall have.
    pub topics: Vec<MorePartitions>,
    /// Whether to answer only, without creating.
    pub validate_only: bool,
    /// Partitions that may be created by all topics together.
    pub partitions_max: usize,
}

/// A topic that gets more partitions.
#[derive(Clone, Debug, PartialEq)]
pub struct MorePartitions {
    /// Name.
    pub name: Arc<str>,
    /// Partitions wanted in total.
    pub partition_count: i32,
    /// Replicas of each new partition in order, or `None` to let them be placed.
    pub assignments: Option<Vec<Vec<NodeId>>>,
}

/// A topic as a request names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TopicRef {
    /// By name.
    Name(Arc<str>),
    /// By ID.
    Id(Uuid),
}

impl TopicRef {
    /// The name, if that is what the request gave.
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            TopicRef::Name(name) => Some(name),
            TopicRef::Id(_) => None,
        }
    }

    /// The ID, if that is what the request gave.
    pub fn id(&self) -> Option<Uuid> {
        match self {
            TopicRef::Name(_) => None,
            TopicRef::Id(id) => Some(*id),
        }
    }
}

/// Arguments of [`Command::SetConfigs`].
#[derive(Clone, Debug, PartialEq)]
pub struct SetConfigs {
    /// Resources, each once, and what becomes of their configurations.
    pub changes: Vec<(Resource, ConfigChange)>,
    /// Whether to answer only, without changing.
    pub validate_only: bool,
}

/// Arguments of [`Command::AlterQuotas`].
#[derive(Clone, Debug, PartialEq)]
pub struct AlterQuotas {
    /// Changes of each entity.
    pub alterations: Vec<Alteration>,
    /// Whether to answer only, without changing.
    pub validate_only: bool,
}

/// A change of a resource's configurations.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigChange {
    /// These keys, each once, are changed; the others stay (IncrementalAlterConfigs).
    Some(Vec<(Arc<str>, ConfigOp)>),
    /// Exactly these remain (AlterConfigs).
    All(Configs),
}

/// A change of one key (KIP-339).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigOp {
    /// Gives it this value.
    Set(Arc<str>),
    /// Lets its default show.
    Delete,
    /// Adds entries, separated by commas, to a list.
    Append(Arc<str>),
    /// Takes entries, separated by commas, out of a list.
    Subtract(Arc<str>),
}

/// What a command does.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Records to append, none if nothing changes.
    pub records: Vec<Record>,
    /// The answer, true once the records are durable.
    pub outcome: Outcome,
}

/// The answer to a command, of the variant with the command's name.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// One answer for each distinct name, in the order of the request.
    CreateTopics(Vec<(Arc<str>, Result<CreatedTopic, Error>)>),
    /// One answer for each distinct name, in the order of the request.
    CreatePartitions(Vec<(Arc<str>, Result<(), Error>)>),
    /// One answer for each distinct topic, in the order of the request.
    DeleteTopics(Vec<DeletedTopic>),
    /// First ID and length of the block.
    AllocateProducerIds(Result<ProducerIdBlock, Error>),
    /// One answer for each resource, in the order of the request.
    SetConfigs(Vec<Result<(), Error>>),
    /// One answer for each entity, in the order of the request.
    AlterQuotas(Vec<Result<(), Error>>),
    /// Epoch of the registration.
    RegisterBroker(i64),
    /// Whether the registration is removed.
    UnregisterBroker(Result<(), Error>),
    /// Whether all levels are set.
    UpdateFeatures(Result<(), Error>),
    /// One answer for each partition given, in the order of the request, or for each there is.
    ElectLeaders(Vec<Elected>),
    /// The new leader epoch of each partition, in the order of the request.
    BumpLeaderEpochs(Vec<Result<LeaderEpoch, Error>>),
}

/// A topic that was created, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// ID.
    pub id: Uuid,
    /// Number of partitions.
    pub partition_count: i32,
    /// Number of replicas.
    pub replication_factor: i16,
    /// Configurations given with it, by key.
    pub configs: Configs,
}

/// A topic that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Name, if the request gave one or the topic exists.
    pub name: Option<Arc<str>>,
    /// ID, zero if the request gave none and the topic does not exist.
    pub id: Uuid,
    /// Whether it was deleted.
    pub result: Result<(), Error>,
}

/// A block of producer IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// First ID.
    pub first: i64,
    /// Number of IDs.
    pub count: i64,
}

/// What there is to know about the keys of configurations, which the kernel does not know.
pub trait ConfigRules {
    /// Judges all configurations that a resource would have.
    fn check(&self, resource: &Resource, configs: &Configs) -> Result<(), Error>;

    /// The default of a key that holds a list; the error says that it holds none. `change` is
    /// Kafka's word for what was tried.
    fn list_default(&self, kind: ResourceKind, key: &str, change: &str) -> Result<&str, Error>;
}

/// Rules for tests that are not about configurations: anything goes.
#[cfg(test)]
pub(super) struct AnyConfig;

#[cfg(test)]
impl ConfigRules for AnyConfig {
    fn check(&self, _: &Resource, _: &Configs) -> Result<(), Error> {
        Ok(())
    }

    fn list_default(&self, _: ResourceKind, _: &str, _: &str) -> Result<&str, Error> {
        Ok("")
    }
}

/// Decides what a command does to an image.
pub fn decide(image: &Image, command: &Command, rules: &dyn ConfigRules) -> Decision {
    let mut records = Vec::new();
    let outcome = match command {
        Command::CreateTopics(request) => {
            Outcome::CreateTopics(topics::create(image, request, rules, &mut records))
        }
        Command::CreatePartitions(request) => {
            Outcome::CreatePartitions(topics::create_partitions(image, request, &mut records))
        }
        Command::DeleteTopics(topics) => {
            Outcome::DeleteTopics(topics::delete(image, topics, &mut records))
        }
        Command::AllocateProducerIds { broker_id, block_size } => Outcome::AllocateProducerIds(
            allocate_producer_ids(image, *broker_id, *block_size, &mut records),
        ),
        Command::SetConfigs(request) => {
            Outcome::SetConfigs(configs::set(image, request, rules, &mut records))
        }
        Command::AlterQuotas(request) => {
            Outcome::AlterQuotas(quotas::alter(image.quotas(), request, &mut records))
        }
        Command::RegisterBroker(broker) => {
            // Kafka's broker epoch is the offset of the registration.
            let broker_epoch = image.revision.saturating_add(1);
            let record = RegisterBrokerRecord { broker_epoch, ..broker.clone() };
            records.push(Record::RegisterBroker(record));
            Outcome::RegisterBroker(broker_epoch)
        }
        Command::UnregisterBroker(id) => {
            Outcome::UnregisterBroker(unregister_broker(image, *id, &mut records))
        }
        Command::UpdateFeatures(request) => {
            Outcome::UpdateFeatures(features::update(image, request, &mut records))
        }
        Command::ElectLeaders(request) => {
            Outcome::ElectLeaders(election::elect(image, request, &mut records))
        }
        Command::BumpLeaderEpochs(partitions) => {
            let bump = |id| bump_leader_epoch(image, id, &mut records);
            Outcome::BumpLeaderEpochs(partitions.iter().map(bump).collect())
        }
    };
    Decision { records, outcome }
}

/// Frames records that take more than one batch, so that they take effect together (KIP-868).
pub fn in_transaction(name: &str, records: Vec<Record>) -> Vec<Record> {
    let mut framed = Vec::with_capacity(records.len() + 2);
    framed.push(Record::BeginTransaction { name: Some(name.into()) });
    framed.extend(records);
    framed.push(Record::EndTransaction);
    framed
}

fn unregister_broker(image: &Image, id: NodeId, records: &mut Vec<Record>) -> Result<(), Error> {
    let broker = image.broker(id).ok_or(Error::UnknownBroker(id))?;
    if image.is_active(id) {
        return Err(Error::InvalidRequest(format!("Broker {id} is running: stop it first.")));
    }
    let broker_epoch = broker.broker_epoch;
    records.push(Record::UnregisterBroker { broker_id: id, broker_epoch });
    Ok(())
}

fn allocate_producer_ids(
    image: &Image,
    broker_id: NodeId,
    block_size: i64,
    records: &mut Vec<Record>,
) -> Result<ProducerIdBlock, Error> {
    assert!(block_size > 0, "a block has at least one producer ID");
    let first = image.next_producer_id();
    let next_producer_id = first.checked_add(block_size).ok_or(Error::ProducerIdsExhausted)?;
    let broker_epoch = image.broker(broker_id).map_or(-1, |broker| broker.broker_epoch);
    let record = ProducerIdsRecord { broker_id, broker_epoch, next_producer_id };
    records.push(Record::ProducerIds(record));
    Ok(ProducerIdBlock { first, count: block_size })
}

fn bump_leader_epoch(
    image: &Image,
    id: &TopicIdPartition,
    records: &mut Vec<Record>,
) -> Result<LeaderEpoch, Error> {
    let partition = image.partition(id).ok_or(Error::UnknownPartition(*id))?;
    if partition.leader == NO_LEADER {
        return Ok(partition.leader_epoch);
    }
    // Naming a leader raises the epoch, even when it is the leader already.
    records.push(Record::PartitionChange(PartitionChangeRecord {
        partition_index: id.partition,
        topic_id: id.topic_id,
        leader: Some(partition.leader),
        ..PartitionChangeRecord::default()
    }));
    Ok(partition.leader_epoch.saturating_add(1))
}
