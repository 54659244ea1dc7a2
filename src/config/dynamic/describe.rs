//! What DescribeConfigs and CreateTopics tell about the configuration of a topic or of the broker.
//! Deliberately knows nothing of requests, versions or permissions.

use super::{BrokerDefaults, Key, Kind, broker_key, broker_keys, topic_key, topic_keys};
use std::collections::BTreeMap;

/// Where a value was set, in the order in which the sources win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// For this topic.
    Topic,
    /// For this broker, through AlterConfigs.
    DynamicBroker,
    /// For all brokers, through AlterConfigs.
    DynamicDefaultBroker,
    /// In the broker's files or on its command line.
    StaticBroker,
    /// Nowhere: it is the default.
    Default,
}

impl Source {
    /// The number in Kafka's messages.
    pub fn code(self) -> i8 {
        match self {
            Source::Topic => 1,
            Source::DynamicBroker => 2,
            Source::DynamicDefaultBroker => 3,
            Source::StaticBroker => 4,
            Source::Default => 5,
        }
    }
}

/// One place where a value is set, under the name that it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// Name of the key there.
    pub name: &'static str,
    /// The value there; `None` if it is sensitive.
    pub value: Option<String>,
    /// The place.
    pub source: Source,
}

/// One setting as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Name of the key.
    pub name: &'static str,
    /// Canonical text; `None` if it is sensitive or has no value.
    pub value: Option<String>,
    /// Where the value was set.
    pub source: Source,
    /// Whether the value is never shown.
    pub is_sensitive: bool,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Type of the value.
    pub kind: Kind,
    /// What the key does.
    pub documentation: &'static str,
    /// Every place that sets the value, the winner first, the default last.
    pub synonyms: Vec<Synonym>,
}

/// Describes all settings of a topic, by name. A hidden key appears only where the topic sets it.
pub fn describe_topic(
    overrides: &BTreeMap<String, String>,
    broker: &BrokerDefaults,
) -> Vec<Described> {
    let shown = |key: &&Key| !key.hidden || overrides.contains_key(key.name);
    topic_keys().iter().filter(shown).map(|key| topic_setting(key, overrides, broker)).collect()
}

/// Describes all settings of the broker: those with an effect first, in the order of the
/// documentation. A hidden key never appears.
pub fn describe_broker(broker: &BrokerDefaults) -> Vec<Described> {
    let shown = |key: &&Key| !key.hidden;
    broker_keys().filter(shown).map(|key| broker_setting(key, broker)).collect()
}

fn topic_setting(
    key: &'static Key,
    overrides: &BTreeMap<String, String>,
    broker: &BrokerDefaults,
) -> Described {
    let mut synonyms = Vec::new();
    let own = overrides.get(key.name).and_then(|text| key.parse(text).ok());
    let (value, source) = match own {
        Some(value) => {
            let text = shown(key, value.to_string());
            synonyms.push(Synonym { name: key.name, value: text, source: Source::Topic });
            (Some(value), Source::Topic)
        }
        None => broker.topic_default(key.name),
    };
    let family: Vec<&'static str> = key.synonyms.iter().map(|(name, _)| *name).collect();
    synonyms.extend(family_synonyms(&family, broker));
    let value = value.and_then(|value| shown(key, value.to_string()));
    described(key, value, source, synonyms)
}

fn broker_setting(key: &'static Key, broker: &BrokerDefaults) -> Described {
    let mut family = vec![key.name];
    family.extend(weaker_names(key.name));
    let mut synonyms = family_synonyms(&family, broker);
    // Kafka lists a family (log.retention.ms, .minutes, .hours) only from the key's own entry on.
    if synonyms.first().is_some_and(|first| first.name != key.name) {
        synonyms.clear();
    }
    let (value, source) = match synonyms.first() {
        Some(first) => (first.value.clone(), first.source),
        None => (None, Source::Default),
    };
    described(key, value, source, synonyms)
}

fn described(
    key: &'static Key,
    value: Option<String>,
    source: Source,
    synonyms: Vec<Synonym>,
) -> Described {
    Described {
        name: key.name,
        value,
        source,
        is_sensitive: key.sensitive,
        read_only: key.read_only,
        kind: key.kind,
        documentation: key.documentation(),
        synonyms,
    }
}

fn shown(key: &Key, text: String) -> Option<String> {
    if key.sensitive { None } else { Some(text) }
}

/// The keys that give the same setting in a larger unit, and so count only where this one is not
/// set.
fn weaker_names(name: &str) -> impl Iterator<Item = &'static str> {
    let family = topic_keys().iter().find_map(|key| {
        let at = key.synonyms.iter().position(|(synonym, _)| *synonym == name)?;
        Some(&key.synonyms[at + 1..])
    });
    family.unwrap_or_default().iter().map(|(synonym, _)| *synonym)
}

/// All places that set one of these broker keys, then the defaults. Where the strongest key has no
/// default and nobody sets any of them, the list is empty, as Kafka has it.
fn family_synonyms(family: &[&'static str], broker: &BrokerDefaults) -> Vec<Synonym> {
    let keys = || family.iter().filter_map(|name| broker_key(name));
    let mut synonyms = Vec::new();
    for key in keys() {
        for (source, text) in broker.set_by(key.name) {
            // What has no effect was never checked, so it may not even be of its type.
            let text = key.parse(text).map_or(text.to_owned(), |value| value.to_string());
            synonyms.push(Synonym { name: key.name, value: shown(key, text), source });
        }
    }
    let only_weaker_default = keys().next().is_some_and(|first| first.default.is_none());
    if synonyms.is_empty() && only_weaker_default {
        return synonyms;
    }
    // In Kafka node.id has no default that a setting could hide.
    if !synonyms.is_empty() && family == ["node.id"] {
        return synonyms;
    }
    for key in keys() {
        if let Some(default) = key.default {
            let value = shown(key, default.to_owned());
            synonyms.push(Synonym { name: key.name, value, source: Source::Default });
        }
    }
    synonyms
}

/// The setting of one key of a topic; `None` for a key that topics do not have.
pub fn describe_topic_key(
    name: &str,
    overrides: &BTreeMap<String, String>,
    broker: &BrokerDefaults,
) -> Option<Described> {
    topic_key(name).map(|key| topic_setting(key, overrides, broker))
}
