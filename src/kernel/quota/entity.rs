//! What quotas are set for, the keys they are set under, and the filter that finds them again.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Types of which an entity has at most one name each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityType {
    /// An authenticated user.
    User,
    /// The name a client gives itself.
    ClientId,
    /// The address a client connects from.
    Ip,
}

impl EntityType {
    /// All types, in the order in which an entity is written.
    pub const ALL: [EntityType; 3] = [EntityType::User, EntityType::ClientId, EntityType::Ip];

    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            EntityType::User => "user",
            EntityType::ClientId => "client-id",
            EntityType::Ip => "ip",
        }
    }

    /// The type of a name.
    pub fn parse(name: &str) -> Option<EntityType> {
        EntityType::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// The name of an entity, or `None` for the default of all that have no quota of their own.
pub type Name = Option<Arc<str>>;

/// What a quota is set for: the names given, by type.
pub type Entity = BTreeMap<EntityType, Name>;

/// Quotas of one entity.
pub type Values = BTreeMap<Key, f64>;

/// All quotas that are set.
pub type Quotas = BTreeMap<Entity, Arc<Values>>;

/// What can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Bytes per second a client may produce.
    ProducerByteRate,
    /// Bytes per second a client may fetch.
    ConsumerByteRate,
    /// Percentage of one core a client may use.
    RequestPercentage,
    /// Partitions per second a client may create and delete (KIP-599).
    ControllerMutationRate,
    /// Connections per second an address may open (KIP-612).
    ConnectionCreationRate,
}

impl Key {
    /// All keys.
    pub const ALL: [Key; 5] = [
        Key::ProducerByteRate,
        Key::ConsumerByteRate,
        Key::RequestPercentage,
        Key::ControllerMutationRate,
        Key::ConnectionCreationRate,
    ];

    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Key::ProducerByteRate => "producer_byte_rate",
            Key::ConsumerByteRate => "consumer_byte_rate",
            Key::RequestPercentage => "request_percentage",
            Key::ControllerMutationRate => "controller_mutation_rate",
            Key::ConnectionCreationRate => "connection_creation_rate",
        }
    }

    /// The key of a name.
    pub fn parse(name: &str) -> Option<Key> {
        Key::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Whether the key limits addresses rather than users and clients.
    pub fn is_of_ip(self) -> bool {
        self == Key::ConnectionCreationRate
    }

    /// Largest whole number the key takes, or `None` if it takes fractions.
    pub fn whole_max(self) -> Option<f64> {
        match self {
            Key::ProducerByteRate | Key::ConsumerByteRate => Some(i64::MAX as f64),
            Key::ConnectionCreationRate => Some(f64::from(i32::MAX)),
            Key::RequestPercentage | Key::ControllerMutationRate => None,
        }
    }
}

/// What a filter wants of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// This name, or with `None` the default.
    Exact(Name),
    /// Any name, the default too.
    Any,
}

/// Finds entities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What is wanted of each type.
    pub components: BTreeMap<EntityType, Match>,
    /// Whether entities with further types are left out.
    pub strict: bool,
}

impl Filter {
    /// Whether an entity is among those wanted.
    pub fn takes(&self, entity: &Entity) -> bool {
        let fits = |(kind, wanted): (&EntityType, &Match)| match (wanted, entity.get(kind)) {
            (_, None) => false,
            (Match::Any, Some(_)) => true,
            (Match::Exact(wanted), Some(name)) => wanted == name,
        };
        self.components.iter().all(fits) && (!self.strict || entity.len() == self.components.len())
    }
}
