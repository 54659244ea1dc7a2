//! The metadata image: topics, partitions, dynamic configurations, brokers, feature levels and
//! producer IDs as the records so far made them. It only follows records; whether a record ought
//! to exist is decided in [`super::command`].
//!
//! Copying an image is cheap (topics and configurations lie in shared chunks), so each change
//! makes a copy, applies its records and publishes the copy.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::{
    BrokerRegistrationChangeRecord, ConfigRecord, NO_LEADER, PartitionChangeRecord,
    PartitionRecord, ProducerIdsRecord, Record, RegisterBrokerRecord, TopicRecord,
};
use super::sorted::SortedMap;
use crate::kernel::quota::entity::Quotas;
use crate::kernel::types::{LeaderEpoch, NodeId, Offset, PartitionIndex, TopicIdPartition, Uuid};

/// Feature that tells the format of the metadata itself; snapshots begin with it.
pub const METADATA_VERSION: &str = "metadata.version";

/// A record that does not fit the image: the log is damaged or was written by something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The record names a topic ID that does not exist.
    #[error("metadata record for the unknown topic {0}")]
    UnknownTopic(Uuid),
    /// The record creates a topic whose name or ID exists.
    #[error("metadata record creates the topic '{0}' a second time")]
    TopicExists(Arc<str>),
    /// The record names a partition that does not exist.
    #[error("metadata record for the unknown partition {0}")]
    UnknownPartition(TopicIdPartition),
    /// The record creates a partition that leaves a gap behind the last one.
    #[error("metadata record creates partition {0} out of order")]
    PartitionGap(TopicIdPartition),
    /// The record names a broker registration that does not exist.
    #[error("metadata record for broker {id} with epoch {epoch}, which is not registered")]
    UnknownBroker {
        /// Broker ID.
        id: NodeId,
        /// Epoch of the registration.
        epoch: i64,
    },
    /// The record configures a type of resource that has no configurations.
    #[error("metadata record configures the unknown resource type {0}")]
    UnknownResourceType(i8),
    /// The record sets a quota of a type or key that this broker does not know.
    #[error("metadata record sets the unknown client quota '{0}'")]
    UnknownQuota(Arc<str>),
    /// A transaction's begin inside another, or an end outside.
    #[error("metadata record begins or ends a transaction out of order")]
    Transaction,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Name.
    pub name: Arc<str>,
    /// ID, never reused.
    pub id: Uuid,
    /// Partitions; the index is the partition's number.
    pub partitions: Vec<Partition>,
}

impl Topic {
    /// A partition by its number, which may be any number.
    pub fn partition(&self, index: PartitionIndex) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    /// Number of partitions.
    pub fn partition_count(&self) -> i32 {
        self.partitions.len() as i32
    }

    /// Number of replicas of the first partition, as Kafka tells a topic's replication factor.
    pub fn replication_factor(&self) -> i16 {
        self.partitions.first().map_or(0, |partition| partition.replicas.len() as i16)
    }
}

/// State of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Replicas in order of preference.
    pub replicas: Vec<NodeId>,
    /// In-sync replicas.
    pub isr: Vec<NodeId>,
    /// Replicas being removed.
    pub removing_replicas: Vec<NodeId>,
    /// Replicas being added.
    pub adding_replicas: Vec<NodeId>,
    /// Leader, or -1 for none.
    pub leader: NodeId,
    /// 1 while recovering from an unclean election, else 0.
    pub leader_recovery_state: i8,
    /// Counts the changes of leader.
    pub leader_epoch: LeaderEpoch,
    /// Counts all changes of the partition.
    pub partition_epoch: i32,
    /// Log directory of each replica (KIP-858), zero where none was chosen; may be empty.
    pub directories: Vec<Uuid>,
    /// Replicas out of sync that may lead nevertheless (KIP-966).
    pub eligible_leader_replicas: Vec<NodeId>,
    /// Last known eligible leader replicas (KIP-966).
    pub last_known_elr: Vec<NodeId>,
}

impl Partition {
    /// The leader, if there is one.
    pub fn leader(&self) -> Option<NodeId> {
        (self.leader != NO_LEADER).then_some(self.leader)
    }
}

/// Kinds of resources that have dynamic configurations, with Kafka's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A topic.
    Topic = 2,
    /// One broker, or with an empty name all of them.
    Broker = 4,
    /// A client metrics subscription (KIP-714).
    ClientMetrics = 16,
    /// A consumer, share or streams group.
    Group = 32,
}

impl ResourceKind {
    /// The kind with one of Kafka's numbers.
    pub fn from_code(code: i8) -> Option<ResourceKind> {
        match code {
            2 => Some(ResourceKind::Topic),
            4 => Some(ResourceKind::Broker),
            16 => Some(ResourceKind::ClientMetrics),
            32 => Some(ResourceKind::Group),
            _ => None,
        }
    }
}

/// Something that has dynamic configurations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its name: topic name, broker ID in digits, group ID; empty for the default of all brokers.
    pub name: Arc<str>,
}

impl Resource {
    /// A topic.
    pub fn topic(name: impl Into<Arc<str>>) -> Resource {
        Resource { kind: ResourceKind::Topic, name: name.into() }
    }

    /// One broker.
    pub fn broker(id: NodeId) -> Resource {
        Resource { kind: ResourceKind::Broker, name: id.to_string().into() }
    }

    /// The defaults of all brokers.
    pub fn default_broker() -> Resource {
        Resource { kind: ResourceKind::Broker, name: "".into() }
    }

    /// A group.
    pub fn group(id: impl Into<Arc<str>>) -> Resource {
        Resource { kind: ResourceKind::Group, name: id.into() }
    }
}

/// Dynamic configurations of one resource, by key.
pub type Configs = BTreeMap<Arc<str>, Arc<str>>;

/// All metadata as of one position in the metadata log.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Offset of the last record that was applied, -1 before the first. The caller, who knows the
    /// offsets, keeps it.
    pub revision: Offset,
    topics: SortedMap<Arc<str>, Arc<Topic>>,
    topic_names: SortedMap<Uuid, Arc<str>>,
    configs: SortedMap<Resource, Arc<Configs>>,
    brokers: BTreeMap<NodeId, Arc<RegisterBrokerRecord>>,
    features: BTreeMap<Arc<str>, i16>,
    quotas: Arc<Quotas>,
    next_producer_id: i64,
    partition_count: usize,
    /// Records nobody here acts on, in their order, for the next snapshot.
    unknown: Arc<Vec<Record>>,
    /// Records of the transaction that has begun and not ended.
    transaction: Option<Vec<Record>>,
}

impl Default for Image {
    fn default() -> Self {
        Image {
            revision: -1,
            topics: SortedMap::default(),
            topic_names: SortedMap::default(),
            configs: SortedMap::default(),
            brokers: BTreeMap::new(),
            features: BTreeMap::new(),
            quotas: Arc::default(),
            next_producer_id: 0,
            partition_count: 0,
            unknown: Arc::default(),
            transaction: None,
        }
    }
}

/// Reading.
impl Image {
    /// A topic by name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// A topic by ID.
    pub fn topic_by_id(&self, id: &Uuid) -> Option<&Arc<Topic>> {
        self.topics.get(&**self.topic_names.get(id)?)
    }

    /// All topics in ascending order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// The topics whose name is at least `name`, in ascending order of their names.
    pub fn topics_from(&self, name: &str) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.iter_from(name).map(|(_, topic)| topic)
    }

    /// Number of topics.
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Number of partitions of all topics.
    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// A partition by topic ID.
    pub fn partition(&self, id: &TopicIdPartition) -> Option<&Partition> {
        self.topic_by_id(&id.topic_id)?.partition(id.partition)
    }

    /// Dynamic configurations of a resource; `None` if it has none.
    pub fn configs(&self, resource: &Resource) -> Option<&Arc<Configs>> {
        self.configs.get(resource)
    }

    /// One dynamic configuration.
    pub fn config(&self, resource: &Resource, key: &str) -> Option<&Arc<str>> {
        self.configs.get(resource)?.get(key)
    }

    /// All resources with dynamic configurations, in ascending order of kind and name.
    pub fn configured(&self) -> impl Iterator<Item = (&Resource, &Arc<Configs>)> {
        self.configs.iter()
    }

    /// The resources of one kind with dynamic configurations, in ascending order of name.
    pub fn configured_of(
        &self,
        kind: ResourceKind,
    ) -> impl Iterator<Item = (&Resource, &Arc<Configs>)> {
        let first = Resource { kind, name: "".into() };
        self.configs.iter_from(&first).take_while(move |(resource, _)| resource.kind == kind)
    }

    /// A registered broker.
    pub fn broker(&self, id: NodeId) -> Option<&Arc<RegisterBrokerRecord>> {
        self.brokers.get(&id)
    }

    /// All registered brokers in ascending order of their IDs.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &Arc<RegisterBrokerRecord>> {
        self.brokers.values()
    }

    /// Whether a broker is registered, not fenced and not stopping.
    pub fn is_active(&self, id: NodeId) -> bool {
        self.broker(id).is_some_and(|broker| !broker.fenced && !broker.in_controlled_shutdown)
    }

    /// Finalized level of a feature, 0 if it is not in use.
    pub fn feature_level(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// All finalized features and their levels, in ascending order of their names.
    pub fn features(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, i16)> {
        self.features.iter().map(|(name, level)| (name, *level))
    }

    /// All client quotas.
    pub fn quotas(&self) -> &Arc<Quotas> {
        &self.quotas
    }

    /// The producer ID the next block begins with.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// Whether a transaction has begun and not ended. A log that ends so lost its writer; what it
    /// began never took effect, and an `AbortTransaction` record is to be appended.
    pub fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }
}

/// Following records.
impl Image {
    /// Applies one record. Records of a transaction take effect together at its end.
    ///
    /// After an error the image may hold part of a transaction and must be thrown away.
    pub fn apply(&mut self, record: &Record) -> Result<(), Mismatch> {
        match (record, &mut self.transaction) {
            (Record::BeginTransaction { .. }, open @ None) => *open = Some(Vec::new()),
            (Record::BeginTransaction { .. }, Some(_)) => return Err(Mismatch::Transaction),
            (Record::EndTransaction | Record::AbortTransaction { .. }, None) => {
                return Err(Mismatch::Transaction);
            }
            (Record::EndTransaction, open) => {
                for record in open.take().unwrap_or_default() {
                    self.fold(&record)?;
                }
            }
            (Record::AbortTransaction { .. }, open) => *open = None,
            (record, Some(open)) => open.push(record.clone()),
            (record, None) => self.fold(record)?,
        }
        Ok(())
    }

    fn fold(&mut self, record: &Record) -> Result<(), Mismatch> {
        match record {
            Record::RegisterBroker(record) => {
                self.brokers.insert(record.broker_id, Arc::new(record.clone()));
                Ok(())
            }
            Record::UnregisterBroker { broker_id, broker_epoch } => {
                self.registration(*broker_id, *broker_epoch)?;
                self.brokers.remove(broker_id);
                Ok(())
            }
            Record::BrokerRegistrationChange(record) => self.change_registration(record),
            Record::Topic(record) => self.create_topic(record),
            Record::Partition(record) => self.set_partition(record),
            Record::PartitionChange(record) => self.change_partition(record),
            Record::RemoveTopic { topic_id } => self.remove_topic(topic_id),
            Record::Config(record) => self.set_config(record),
            Record::FeatureLevel { name, level: 0 } => {
                self.features.remove(name);
                Ok(())
            }
            Record::FeatureLevel { name, level } => {
                self.features.insert(name.clone(), *level);
                Ok(())
            }
            Record::ClientQuota(record) => {
                super::quotas::apply(Arc::make_mut(&mut self.quotas), record)
            }
            Record::ProducerIds(record) => {
                self.next_producer_id = record.next_producer_id;
                Ok(())
            }
            Record::Unknown { .. } => {
                Arc::make_mut(&mut self.unknown).push(record.clone());
                Ok(())
            }
            // Transactions were taken apart by `apply`.
            Record::NoOp
            | Record::BeginTransaction { .. }
            | Record::EndTransaction
            | Record::AbortTransaction { .. } => Ok(()),
        }
    }

    fn registration(
        &mut self,
        id: NodeId,
        epoch: i64,
    ) -> Result<&mut RegisterBrokerRecord, Mismatch> {
        match self.brokers.get_mut(&id) {
            Some(broker) if broker.broker_epoch == epoch => Ok(Arc::make_mut(broker)),
            _ => Err(Mismatch::UnknownBroker { id, epoch }),
        }
    }

    fn change_registration(
        &mut self,
        record: &BrokerRegistrationChangeRecord,
    ) -> Result<(), Mismatch> {
        let broker = self.registration(record.broker_id, record.broker_epoch)?;
        broker.fenced = record.fenced.unwrap_or(broker.fenced);
        broker.in_controlled_shutdown |= record.in_controlled_shutdown;
        if !record.log_dirs.is_empty() {
            broker.log_dirs.clone_from(&record.log_dirs);
        }
        if record.cordoned_log_dirs.is_some() {
            broker.cordoned_log_dirs.clone_from(&record.cordoned_log_dirs);
        }
        Ok(())
    }

    fn create_topic(&mut self, record: &TopicRecord) -> Result<(), Mismatch> {
        let TopicRecord { name, topic_id } = record;
        if self.topics.contains_key(&**name) || self.topic_names.contains_key(topic_id) {
            return Err(Mismatch::TopicExists(name.clone()));
        }
        let topic = Topic { name: name.clone(), id: *topic_id, partitions: Vec::new() };
        self.topics.insert(name.clone(), Arc::new(topic));
        self.topic_names.insert(*topic_id, name.clone());
        Ok(())
    }

    fn remove_topic(&mut self, id: &Uuid) -> Result<(), Mismatch> {
        let name = self.topic_names.remove(id).ok_or(Mismatch::UnknownTopic(*id))?;
        if let Some(topic) = self.topics.remove(&*name) {
            self.partition_count -= topic.partitions.len();
        }
        self.configs.remove(&Resource::topic(name));
        Ok(())
    }

    fn topic_mut(&mut self, id: &Uuid) -> Result<&mut Topic, Mismatch> {
        let name = self.topic_names.get(id).ok_or(Mismatch::UnknownTopic(*id))?;
        let topic = self.topics.get_mut(&**name).ok_or(Mismatch::UnknownTopic(*id))?;
        Ok(Arc::make_mut(topic))
    }

    fn set_partition(&mut self, record: &PartitionRecord) -> Result<(), Mismatch> {
        let id = TopicIdPartition { topic_id: record.topic_id, partition: record.partition_index };
        let topic = self.topic_mut(&record.topic_id)?;
        let index =
            usize::try_from(record.partition_index).map_err(|_| Mismatch::PartitionGap(id))?;
        if index == topic.partitions.len() {
            topic.partitions.push(record.state.clone());
            self.partition_count += 1;
            return Ok(());
        }
        let partition = topic.partitions.get_mut(index).ok_or(Mismatch::PartitionGap(id))?;
        partition.clone_from(&record.state);
        Ok(())
    }

    fn change_partition(&mut self, record: &PartitionChangeRecord) -> Result<(), Mismatch> {
        let id = TopicIdPartition { topic_id: record.topic_id, partition: record.partition_index };
        let topic = self.topic_mut(&record.topic_id)?;
        let partition = usize::try_from(record.partition_index)
            .ok()
            .and_then(|index| topic.partitions.get_mut(index))
            .ok_or(Mismatch::UnknownPartition(id))?;
        partition.change(record);
        Ok(())
    }

    fn set_config(&mut self, record: &ConfigRecord) -> Result<(), Mismatch> {
        let kind = ResourceKind::from_code(record.resource_type)
            .ok_or(Mismatch::UnknownResourceType(record.resource_type))?;
        let resource = Resource { kind, name: record.resource_name.clone() };
        let Some(value) = &record.value else {
            if let Some(configs) = self.configs.get_mut(&resource) {
                Arc::make_mut(configs).remove(&record.name);
                if configs.is_empty() {
                    self.configs.remove(&resource);
                }
            }
            return Ok(());
        };
        match self.configs.get_mut(&resource) {
            Some(configs) => {
                Arc::make_mut(configs).insert(record.name.clone(), value.clone());
            }
            None => {
                let configs = Configs::from([(record.name.clone(), value.clone())]);
                self.configs.insert(resource, Arc::new(configs));
            }
        }
        Ok(())
    }
}

impl Partition {
    fn change(&mut self, record: &PartitionChangeRecord) {
        fn set<T: Clone>(field: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        set(&mut self.isr, &record.isr);
        set(&mut self.replicas, &record.replicas);
        set(&mut self.removing_replicas, &record.removing_replicas);
        set(&mut self.adding_replicas, &record.adding_replicas);
        set(&mut self.leader_recovery_state, &record.leader_recovery_state);
        set(&mut self.directories, &record.directories);
        set(&mut self.eligible_leader_replicas, &record.eligible_leader_replicas);
        set(&mut self.last_known_elr, &record.last_known_elr);
        if let Some(leader) = record.leader {
            self.leader = leader;
            self.leader_epoch = self.leader_epoch.saturating_add(1);
        }
        self.partition_epoch = self.partition_epoch.saturating_add(1);
    }
}

/// Writing snapshots.
impl Image {
    /// Records that lead from an empty image to this one, in the order Kafka's snapshots have:
    /// features with `metadata.version` first, brokers, topics, configurations, quotas, producer
    /// IDs, and last the records nobody here acts on. The revision is the snapshot's name, not a
    /// record.
    ///
    /// # Panics
    /// Within a transaction, of which the snapshot would keep one half and lose the other.
    pub fn to_records(&self) -> Vec<Record> {
        assert!(!self.in_transaction(), "a snapshot is taken between transactions");
        let mut records = Vec::with_capacity(self.partition_count + 2 * self.topic_count() + 16);
        let feature =
            |(name, level): (&Arc<str>, i16)| Record::FeatureLevel { name: name.clone(), level };
        let (first, rest): (Vec<_>, Vec<_>) =
            self.features().partition(|(name, _)| &***name == METADATA_VERSION);
        records.extend(first.into_iter().chain(rest).map(feature));
        records.extend(self.brokers().map(|broker| Record::RegisterBroker((**broker).clone())));
        for topic in self.topics() {
            let record = TopicRecord { name: topic.name.clone(), topic_id: topic.id };
            records.push(Record::Topic(record));
            records.extend(topic.partitions.iter().zip(0..).map(|(state, partition)| {
                let state = state.clone();
                Record::Partition(PartitionRecord {
                    partition_index: partition,
                    topic_id: topic.id,
                    state,
                })
            }));
        }
        for (resource, configs) in self.configured() {
            records.extend(configs.iter().map(|(name, value)| {
                Record::Config(ConfigRecord {
                    resource_type: resource.kind as i8,
                    resource_name: resource.name.clone(),
                    name: name.clone(),
                    value: Some(value.clone()),
                })
            }));
        }
        records.extend(super::quotas::records(&self.quotas));
        if self.next_producer_id > 0 {
            records.push(Record::ProducerIds(ProducerIdsRecord {
                broker_id: -1,
                broker_epoch: -1,
                next_producer_id: self.next_producer_id,
            }));
        }
        records.extend(self.unknown.iter().cloned());
        records
    }
}
