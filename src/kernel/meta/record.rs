//! The records of the metadata log, in the binary formats Kafka's KRaft controllers write, so that
//! stock tools can read the log. What a record means for the broker's state is told by
//! [`super::Image::apply`], not here; batches and files are the log's.
//!
//! A record is the value of a log record without key: an unsigned varint with the frame version
//! (1), one with the type's key, one with the type's version, then the message in Kafka's flexible
//! encoding. Writing always uses the newest version Kafka 4.3 knows; reading takes every version
//! up to it. Types this broker does not act on are kept as they came.

use bytes::Bytes;
use std::sync::Arc;

use super::codec::{Reader, Writer};
use crate::kernel::types::{NodeId, PartitionIndex, Uuid};

/// Version of the framing in front of each record.
const FRAME_VERSION: u32 = 1;

/// Stands for "no leader" in partition records.
pub const NO_LEADER: NodeId = -1;

/// Why bytes are not a metadata record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end before the record does.
    #[error("metadata record is cut short")]
    Truncated,
    /// The bytes contradict the record's format.
    #[error("metadata record is malformed: {0}")]
    Malformed(&'static str),
    /// The framing in front of the record is of an unknown version.
    #[error("metadata record has frame version {0}, known is 1")]
    FrameVersion(u32),
    /// The record's type is known, its version is not: reading it would misread it.
    #[error("metadata record type {api_key} has version {version}, known is {known}")]
    Version {
        /// Type of the record.
        api_key: u32,
        /// Version found.
        version: u32,
        /// Newest version that can be read.
        known: u32,
    },
}

/// Names a topic and gives it its identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// Topic name.
    pub name: Arc<str>,
    /// Topic ID, never reused.
    pub topic_id: Uuid,
}

/// The whole state of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionRecord {
    /// Partition number.
    pub partition_index: PartitionIndex,
    /// Topic the partition belongs to.
    pub topic_id: Uuid,
    /// State of the partition.
    pub state: super::Partition,
}

/// A change of one partition: what is `None` stays as it was.
///
/// Applying it increments the partition epoch; naming a leader, the same one or [`NO_LEADER`]
/// included, increments the leader epoch too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionChangeRecord {
    /// Partition number.
    pub partition_index: PartitionIndex,
    /// Topic the partition belongs to.
    pub topic_id: Uuid,
    /// New in-sync replicas.
    pub isr: Option<Vec<NodeId>>,
    /// New leader, or [`NO_LEADER`].
    pub leader: Option<NodeId>,
    /// New replicas in order of preference.
    pub replicas: Option<Vec<NodeId>>,
    /// New replicas being removed.
    pub removing_replicas: Option<Vec<NodeId>>,
    /// New replicas being added.
    pub adding_replicas: Option<Vec<NodeId>>,
    /// 1 while recovering from an unclean election, else 0.
    pub leader_recovery_state: Option<i8>,
    /// New log directory of each replica (KIP-858).
    pub directories: Option<Vec<Uuid>>,
    /// New eligible leader replicas (KIP-966).
    pub eligible_leader_replicas: Option<Vec<NodeId>>,
    /// New last known eligible leader replicas (KIP-966).
    pub last_known_elr: Option<Vec<NodeId>>,
}

/// Sets or deletes one dynamic configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRecord {
    /// What is configured: 2 a topic, 4 a broker, 16 client metrics, 32 a group.
    pub resource_type: i8,
    /// Name of the resource; empty with type 4 for all brokers.
    pub resource_name: Arc<str>,
    /// Configuration key.
    pub name: Arc<str>,
    /// Value, `None` to delete.
    pub value: Option<Arc<str>>,
}

/// Sets or removes one client quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientQuotaRecord {
    /// Type and name of what the quota is for, a name of `None` for the default.
    pub entity: Vec<(Arc<str>, Option<Arc<str>>)>,
    /// Quota key.
    pub key: Arc<str>,
    /// Bits of the value, `None` to remove it.
    pub value_bits: Option<u64>,
}

/// Hands a block of producer IDs to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerIdsRecord {
    /// Broker that got the block, -1 in snapshots.
    pub broker_id: NodeId,
    /// Epoch of that broker, -1 in snapshots.
    pub broker_epoch: i64,
    /// First producer ID after the block.
    pub next_producer_id: i64,
}

/// One address a broker is reached at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Listener name.
    pub name: Arc<str>,
    /// Advertised host.
    pub host: Arc<str>,
    /// Advertised port.
    pub port: u16,
    /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
}

/// Feature levels a broker can run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureRange {
    /// Feature name.
    pub name: Arc<str>,
    /// Lowest supported level.
    pub min: i16,
    /// Highest supported level.
    pub max: i16,
}

/// Registers a broker, or registers it anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterBrokerRecord {
    /// Broker ID.
    pub broker_id: NodeId,
    /// Identifies this run of the broker process.
    pub incarnation_id: Uuid,
    /// Epoch of the registration: the offset of this record.
    pub broker_epoch: i64,
    /// Addresses.
    pub end_points: Vec<Endpoint>,
    /// Supported feature levels.
    pub features: Vec<FeatureRange>,
    /// Rack, if the broker has one.
    pub rack: Option<Arc<str>>,
    /// Whether the broker may not lead yet.
    pub fenced: bool,
    /// Whether the broker is stopping.
    pub in_controlled_shutdown: bool,
    /// Directory IDs of the available log directories (KIP-858).
    pub log_dirs: Vec<Uuid>,
    /// Log directories that take no new partitions, `None` before the broker told.
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

/// Changes a broker's registration: what is `None` stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerRegistrationChangeRecord {
    /// Broker ID.
    pub broker_id: NodeId,
    /// Epoch of the registration that is changed.
    pub broker_epoch: i64,
    /// Whether the broker is fenced from now on.
    pub fenced: Option<bool>,
    /// Whether the broker has begun to stop; it cannot be taken back.
    pub in_controlled_shutdown: bool,
    /// New available log directories; empty for no change.
    pub log_dirs: Vec<Uuid>,
    /// New cordoned log directories.
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

/// One record of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Registers a broker.
    RegisterBroker(RegisterBrokerRecord),
    /// Removes a broker's registration of the given epoch.
    UnregisterBroker {
        /// Broker ID.
        broker_id: NodeId,
        /// Epoch of the registration.
        broker_epoch: i64,
    },
    /// Creates a topic, without partitions yet.
    Topic(TopicRecord),
    /// Creates a partition or replaces its state.
    Partition(PartitionRecord),
    /// Sets or deletes a dynamic configuration.
    Config(ConfigRecord),
    /// Changes a partition.
    PartitionChange(PartitionChangeRecord),
    /// Removes a topic with its partitions and configurations.
    RemoveTopic {
        /// Topic ID.
        topic_id: Uuid,
    },
    /// Sets the finalized level of a feature; 0 removes it.
    FeatureLevel {
        /// Feature name.
        name: Arc<str>,
        /// Level.
        level: i16,
    },
    /// Sets or removes a client quota.
    ClientQuota(ClientQuotaRecord),
    /// Hands out producer IDs.
    ProducerIds(ProducerIdsRecord),
    /// Changes a broker's registration.
    BrokerRegistrationChange(BrokerRegistrationChangeRecord),
    /// Does nothing.
    NoOp,
    /// The records up to `EndTransaction` take effect together (KIP-868).
    BeginTransaction {
        /// What the transaction is for.
        name: Option<Arc<str>>,
    },
    /// Makes the records since `BeginTransaction` take effect.
    EndTransaction,
    /// Forgets the records since `BeginTransaction`.
    AbortTransaction {
        /// Why.
        reason: Option<Arc<str>>,
    },
    /// A record of a type this broker does not act on, kept as it came.
    Unknown {
        /// Type of the record.
        api_key: u32,
        /// Version of the type.
        version: u32,
        /// Bytes after the framing.
        body: Bytes,
    },
}

mod key {
    pub(super) const REGISTER_BROKER: u32 = 0;
    pub(super) const UNREGISTER_BROKER: u32 = 1;
    pub(super) const TOPIC: u32 = 2;
    pub(super) const PARTITION: u32 = 3;
    pub(super) const CONFIG: u32 = 4;
    pub(super) const PARTITION_CHANGE: u32 = 5;
    pub(super) const REMOVE_TOPIC: u32 = 9;
    pub(super) const FEATURE_LEVEL: u32 = 12;
    pub(super) const CLIENT_QUOTA: u32 = 14;
    pub(super) const PRODUCER_IDS: u32 = 15;
    pub(super) const BROKER_REGISTRATION_CHANGE: u32 = 17;
    pub(super) const NO_OP: u32 = 20;
    pub(super) const BEGIN_TRANSACTION: u32 = 23;
    pub(super) const END_TRANSACTION: u32 = 24;
    pub(super) const ABORT_TRANSACTION: u32 = 25;
}

/// Newest version of a type, which is the one written; `None` for types that are not acted on.
fn newest_version(api_key: u32) -> Option<u32> {
    match api_key {
        key::REGISTER_BROKER => Some(4),
        key::PARTITION | key::PARTITION_CHANGE => Some(2),
        key::BROKER_REGISTRATION_CHANGE => Some(3),
        key::UNREGISTER_BROKER
        | key::TOPIC
        | key::CONFIG
        | key::REMOVE_TOPIC
        | key::FEATURE_LEVEL
        | key::CLIENT_QUOTA
        | key::PRODUCER_IDS
        | key::NO_OP
        | key::BEGIN_TRANSACTION
        | key::END_TRANSACTION
        | key::ABORT_TRANSACTION => Some(0),
        _ => None,
    }
}

impl Record {
    /// Key of the record's type in Kafka's numbering.
    pub fn api_key(&self) -> u32 {
        match self {
            Record::RegisterBroker(_) => key::REGISTER_BROKER,
            Record::UnregisterBroker { .. } => key::UNREGISTER_BROKER,
            Record::Topic(_) => key::TOPIC,
            Record::Partition(_) => key::PARTITION,
            Record::Config(_) => key::CONFIG,
            Record::PartitionChange(_) => key::PARTITION_CHANGE,
            Record::RemoveTopic { .. } => key::REMOVE_TOPIC,
            Record::FeatureLevel { .. } => key::FEATURE_LEVEL,
            Record::ClientQuota(_) => key::CLIENT_QUOTA,
            Record::ProducerIds(_) => key::PRODUCER_IDS,
            Record::BrokerRegistrationChange(_) => key::BROKER_REGISTRATION_CHANGE,
            Record::NoOp => key::NO_OP,
            Record::BeginTransaction { .. } => key::BEGIN_TRANSACTION,
            Record::EndTransaction => key::END_TRANSACTION,
            Record::AbortTransaction { .. } => key::ABORT_TRANSACTION,
            Record::Unknown { api_key, .. } => *api_key,
        }
    }

    /// The value of the log record that carries this record.
    pub fn encode(&self) -> Bytes {
        let api_key = self.api_key();
        let version = match self {
            Record::Unknown { version, .. } => *version,
            _ => newest_version(api_key).expect("every acted-on type has a version"),
        };
        let mut writer = Writer::default();
        writer.varint(FRAME_VERSION);
        writer.varint(api_key);
        writer.varint(version);
        match self {
            Record::Unknown { body, .. } => writer.raw(body),
            known => super::message::write(known, &mut writer),
        }
        writer.finish()
    }

    /// Reads the value of a log record.
    pub fn decode(value: &[u8]) -> Result<Record, Error> {
        let mut reader = Reader::new(value);
        let frame_version = reader.varint()?;
        if frame_version != FRAME_VERSION {
            return Err(Error::FrameVersion(frame_version));
        }
        let api_key = reader.varint()?;
        let version = reader.varint()?;
        let Some(known) = newest_version(api_key) else {
            let body = Bytes::copy_from_slice(reader.rest());
            return Ok(Record::Unknown { api_key, version, body });
        };
        if version > known {
            return Err(Error::Version { api_key, version, known });
        }
        let record = read(api_key, version, &mut reader)?;
        if !reader.is_empty() {
            return Err(Error::Malformed("bytes after the end"));
        }
        Ok(record)
    }
}

fn read(api_key: u32, version: u32, reader: &mut Reader<'_>) -> Result<Record, Error> {
    use super::message;
    match api_key {
        key::REGISTER_BROKER => message::register_broker(version, reader),
        key::UNREGISTER_BROKER => message::unregister_broker(reader),
        key::TOPIC => message::topic(reader),
        key::PARTITION => message::partition(version, reader),
        key::CONFIG => message::config(reader),
        key::PARTITION_CHANGE => message::partition_change(version, reader),
        key::REMOVE_TOPIC => message::remove_topic(reader),
        key::FEATURE_LEVEL => message::feature_level(reader),
        key::CLIENT_QUOTA => message::client_quota(reader),
        key::PRODUCER_IDS => message::producer_ids(reader),
        key::BROKER_REGISTRATION_CHANGE => message::broker_registration_change(version, reader),
        key::NO_OP => reader.no_tagged_fields().map(|()| Record::NoOp),
        key::BEGIN_TRANSACTION => {
            message::only_text(reader).map(|name| Record::BeginTransaction { name })
        }
        key::END_TRANSACTION => reader.no_tagged_fields().map(|()| Record::EndTransaction),
        key::ABORT_TRANSACTION => {
            message::only_text(reader).map(|reason| Record::AbortTransaction { reason })
        }
        // `newest_version` lets no other key come here; were it extended alone, this says so.
        _ => Err(Error::Malformed("type without a reader")),
    }
}
