//! The table of every configuration key: name, type, default, range, scope, broker synonyms,
//! sensitivity, and whether the key has an effect here. It feeds the start-up configuration,
//! CreateTopics, DescribeConfigs and the documentation. Deliberately does not hold anybody's
//! settings: see [`crate::config::node`] for those of this node.

mod accepted_keys;
mod alter;
mod broker_keys;
mod describe;
mod log_keys;
pub mod markdown;
mod other_keys;
mod topic;
mod topic_keys;
mod value;

#[cfg(test)]
mod tests;

pub use accepted_keys::{accepted_prefix, removed_before_kafka_4};
pub use alter::{
    MatchField, list_default, match_patterns, validate_broker_settings,
    validate_client_metrics_settings, validate_group_settings,
};
pub use describe::{
    Described, Source, Synonym, describe_all_brokers, describe_broker, describe_client_metrics,
    describe_group, describe_topic,
};
pub use topic::{BrokerDefaults, CompressionType, TimestampType, TopicConfig, unknown_overrides};
pub use value::{Check, Kind, Refusal, Value, address_counts};

use std::collections::BTreeMap;
use value::parse;

/// What a key configures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One topic.
    Topic,
    /// The broker; often the default of a topic key.
    Broker,
    /// One consumer, share or streams group.
    Group,
    /// One subscription to the metrics of clients (KIP-714).
    ClientMetrics,
}

/// Why a key of Kafka's is accepted and shown, but changes nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It tunes what several brokers or controllers do among themselves.
    Cluster,
    /// It sizes a thread pool, buffer or queue that Kafka has and Felice does not.
    Internals,
    /// It belongs to encryption, authentication or authorization, which are not there yet.
    Security,
    /// It belongs to tiered storage, which is not there yet.
    Tiered,
    /// It tunes some other feature that is not there yet.
    Later,
    /// It belongs to the Java virtual machine, its plug-in classes or its metrics.
    Java,
}

impl Reason {
    /// One sentence for the documentation of such a key.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::Cluster => {
                "Accepted without effect: it tunes work among several brokers or controllers."
            }
            Reason::Internals => {
                "Accepted without effect: it sizes a thread pool, buffer or queue that Felice does \
                 not have."
            }
            Reason::Security => {
                "Accepted without effect: encryption, authentication and authorization are not \
                 there yet."
            }
            Reason::Tiered => "Accepted without effect: tiered storage is not there yet.",
            Reason::Later => "Accepted without effect: the feature that it tunes is not there yet.",
            Reason::Java => {
                "Accepted without effect: it concerns Java plug-in classes or Java metrics."
            }
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Kafka's name, or Felice's own where Kafka has none.
    pub name: &'static str,
    /// Type of its values.
    pub kind: Kind,
    /// Default in canonical text; `None` is Kafka's null: unset.
    pub default: Option<&'static str>,
    /// Range or choice.
    pub check: Check,
    /// What it configures.
    pub scope: Scope,
    /// For a key of topics or groups: the broker keys that give its default, the strongest first,
    /// each with the factor that turns its unit into the key's.
    pub synonyms: &'static [(&'static str, i64)],
    /// Whether the value is never shown.
    pub sensitive: bool,
    /// Whether Kafka refuses to change it while the broker runs.
    pub read_only: bool,
    /// Whether Kafka accepts it but never lists it.
    pub hidden: bool,
    /// Whether it is Felice's own.
    pub own: bool,
    /// Why it has no effect; `None` means that it has.
    pub without_effect: Option<Reason>,
    doc: &'static str,
}

impl Key {
    /// Whether setting it changes anything here.
    pub fn is_effective(&self) -> bool {
        self.without_effect.is_none()
    }

    /// What it does, in one or two sentences.
    pub fn documentation(&self) -> &'static str {
        match self.without_effect {
            Some(reason) if self.doc.is_empty() => reason.sentence(),
            _ => self.doc,
        }
    }

    /// Reads a text as a value of this key.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::EmptyEntry`].
    pub fn parse(&self, text: &str) -> Result<Value, Error> {
        parse(self.kind, self.check, text).map_err(|refusal| {
            if refusal.rule == value::EMPTY_ENTRY {
                return Error::EmptyEntry { name: self.name.to_owned() };
            }
            let Refusal { shown, rule } = refusal;
            let value = if self.sensitive { "[hidden]".to_owned() } else { shown };
            Error::Invalid { name: self.name.to_owned(), value, rule }
        })
    }
}

/// The constructors below keep the tables readable: one row, one line where possible.
const fn row(
    scope: Scope,
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    check: Check,
    doc: &'static str,
) -> Key {
    Key {
        name,
        kind,
        default,
        check,
        scope,
        synonyms: &[],
        sensitive: matches!(kind, Kind::Password),
        read_only: matches!(scope, Scope::Broker),
        hidden: false,
        own: false,
        without_effect: None,
        doc,
    }
}

impl Key {
    const fn dynamic(mut self) -> Key {
        self.read_only = false;
        self
    }

    const fn hidden(mut self) -> Key {
        self.hidden = true;
        self
    }

    const fn own(mut self) -> Key {
        self.own = true;
        self
    }

    const fn with_synonyms(mut self, synonyms: &'static [(&'static str, i64)]) -> Key {
        self.synonyms = synonyms;
        self
    }

    const fn no_effect(mut self, reason: Reason) -> Key {
        self.without_effect = Some(reason);
        self
    }
}

/// Why a configuration is refused. The texts are Kafka's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Topics have no such key.
    #[error("Unknown topic config name: {name}")]
    UnknownTopicKey {
        /// The key as sent.
        name: String,
    },
    /// A key was sent with a null value.
    #[error("Null value not supported for topic configs: {name}")]
    Null {
        /// The key as sent.
        name: String,
    },
    /// The value breaks the key's type, range or choice.
    #[error("Invalid value {value} for configuration {name}: {rule}")]
    Invalid {
        /// The key.
        name: String,
        /// The value as Kafka repeats it.
        value: String,
        /// The rule that it breaks.
        rule: String,
    },
    /// A list holds an empty entry.
    #[error("Configuration '{name}' values must not be empty.")]
    EmptyEntry {
        /// The key.
        name: String,
    },
    /// Compaction could never start in time.
    #[error(
        "conflict topic config setting min.compaction.lag.ms ({min}) > \
         max.compaction.lag.ms ({max})"
    )]
    CompactionLag {
        /// `min.compaction.lag.ms`.
        min: i64,
        /// `max.compaction.lag.ms`.
        max: i64,
    },
    /// Groups have no such key.
    #[error("Unknown group config name: {name}")]
    UnknownGroupKey {
        /// The key as sent.
        name: String,
    },
    /// Client metrics subscriptions have no such key.
    #[error("Unknown client metrics configuration: {name}")]
    UnknownMetricsKey {
        /// The key as sent.
        name: String,
    },
    /// A client metrics subscription asks too often or too rarely.
    #[error(
        "Invalid value {value} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
    )]
    MetricsInterval {
        /// Milliseconds asked for.
        value: i64,
    },
    /// A client metrics subscription names no clients that there could be.
    #[error("Illegal client matching pattern: {0}")]
    MatchPattern(String),
    /// A value does not go together with another.
    #[error("{0}")]
    Conflict(String),
    /// Broker keys that cannot be changed while the broker runs.
    #[error("Cannot update these configs dynamically: [{}]", .0.join(", "))]
    NotDynamic(Vec<String>),
    /// Keys of keys and certificates without the name of a listener.
    #[error(
        "These security configs can be dynamically updated only per-listener using the listener \
         prefix: [{}]", .0.join(", ")
    )]
    PerListener(Vec<String>),
    /// Broker keys that brokers cannot share.
    #[error(
        "Cannot update these configs at default cluster level, broker id must be specified: [{}]",
        .0.join(", ")
    )]
    PerBroker(Vec<String>),
    /// Tiered storage was asked for.
    #[error(
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with \
         remote log storage."
    )]
    TieredStorage,
}

/// Every key of topics, by name.
pub fn topic_keys() -> &'static [Key] {
    topic_keys::KEYS
}

/// Every key of groups, by name.
pub fn group_keys() -> &'static [Key] {
    other_keys::GROUP
}

/// Every key of client metrics subscriptions, by name.
pub fn client_metrics_keys() -> &'static [Key] {
    other_keys::CLIENT_METRICS
}

/// The broker keys that have an effect, in parts with a title.
pub fn broker_parts() -> &'static [(&'static str, &'static [Key])] {
    broker_keys::PARTS
}

/// Every broker key: those with an effect first, then the others by name.
pub fn broker_keys() -> impl Iterator<Item = &'static Key> {
    broker_keys::PARTS.iter().flat_map(|(_, keys)| keys.iter()).chain(accepted_keys::KEYS)
}

/// The topic key of that name.
pub fn topic_key(name: &str) -> Option<&'static Key> {
    topic_keys::KEYS.iter().find(|key| key.name == name)
}

/// The broker key of that name.
pub fn broker_key(name: &str) -> Option<&'static Key> {
    broker_keys().find(|key| key.name == name)
}

/// Checks one setting of a topic.
///
/// # Errors
/// An unknown key, or a value outside its type, range or choice.
pub fn validate_topic(name: &str, value: &str) -> Result<Value, Error> {
    match topic_key(name) {
        Some(key) => key.parse(value),
        None => Err(Error::UnknownTopicKey { name: name.to_owned() }),
    }
}

/// Checks all settings of a topic together, as CreateTopics and AlterConfigs must before they keep
/// any of them. `settings` are the topic's own ones; the broker gives the rest.
///
/// # Errors
/// The first setting that is null, unknown, invalid or in conflict with another.
pub fn validate_topic_settings<'a>(
    broker: &BrokerDefaults,
    settings: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<(), Error> {
    let mut accepted = BTreeMap::new();
    for (name, value) in settings {
        let Some(value) = value else {
            return Err(Error::Null { name: name.to_owned() });
        };
        if name == "remote.storage.enable" && validate_topic(name, value)? == Value::Boolean(true) {
            return Err(Error::TieredStorage);
        }
        validate_topic(name, value)?;
        accepted.insert(name.to_owned(), value.to_owned());
    }
    let config = TopicConfig::resolve(broker, &accepted);
    let (min, max) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    if min > max { Err(Error::CompactionLag { min, max }) } else { Ok(()) }
}
