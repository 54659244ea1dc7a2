//! What DescribeConfigs and CreateTopics tell about the configuration of a topic, a broker, a group
//! or a client metrics subscription. Deliberately knows nothing of requests, versions or
//! permissions.

use super::alter::listener_key;
use super::{
    BrokerDefaults, Key, Kind, Scope, broker_key, broker_keys, client_metrics_keys, group_keys,
    topic_keys,
};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Where a value was set, in the order in which the sources win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// For this topic.
    Topic,
    /// For this group.
    Group,
    /// For this client metrics subscription.
    ClientMetrics,
    /// For this logger; it has no other source.
    Logger,
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
            Source::Logger => 6,
            Source::ClientMetrics => 7,
            Source::Group => 8,
        }
    }
}

/// One place where a value is set, under the name that it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// Name of the key there.
    pub name: Cow<'static, str>,
    /// The value there; `None` if it is sensitive.
    pub value: Option<String>,
    /// The place.
    pub source: Source,
}

/// One setting as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Name of the key.
    pub name: Cow<'static, str>,
    /// Canonical text; `None` if it is sensitive or has no value.
    pub value: Option<String>,
    /// Where the value was set.
    pub source: Source,
    /// Whether the value is never shown.
    pub is_sensitive: bool,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Type of the value; `None` for a key that nobody knows.
    pub kind: Option<Kind>,
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
    topic_keys().iter().filter(shown).map(|key| setting(key, overrides, broker)).collect()
}

/// Describes all settings of a group, by name, whether there is such a group or not.
pub fn describe_group(
    overrides: &BTreeMap<String, String>,
    broker: &BrokerDefaults,
) -> Vec<Described> {
    group_keys().iter().map(|key| setting(key, overrides, broker)).collect()
}

/// Describes all settings of a client metrics subscription, by name.
pub fn describe_client_metrics(overrides: &BTreeMap<String, String>) -> Vec<Described> {
    let broker = BrokerDefaults::default();
    client_metrics_keys().iter().map(|key| setting(key, overrides, &broker)).collect()
}

/// Describes all settings of the broker: those with an effect first, in the order of the
/// documentation. A hidden key appears only where it was set at run time, and so does a key that
/// nobody knows.
pub fn describe_broker(broker: &BrokerDefaults) -> Vec<Described> {
    let layers = [broker.cluster_settings(), broker.dynamic_settings()];
    let is_set = |name: &str| layers.iter().any(|layer| layer.contains_key(name));
    let shown = |key: &&Key| !key.hidden || is_set(key.name);
    let known = broker_keys().filter(shown).map(|key| broker_setting(key, broker));
    let mut names: Vec<&String> = layers.iter().flat_map(|layer| layer.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let others = names.into_iter().filter(|name| broker_key(name).is_none());
    known.chain(others.map(|name| other_setting(name, broker))).collect()
}

/// Describes what was set for all brokers at run time, and nothing else.
pub fn describe_all_brokers(broker: &BrokerDefaults) -> Vec<Described> {
    let only =
        BrokerDefaults::default().with_dynamic(broker.cluster_settings().clone(), BTreeMap::new());
    let mut settings = describe_broker(&only);
    settings.retain(|setting| setting.source == Source::DynamicDefaultBroker);
    for setting in &mut settings {
        setting.synonyms.truncate(1);
    }
    settings
}

fn setting(
    key: &'static Key,
    overrides: &BTreeMap<String, String>,
    broker: &BrokerDefaults,
) -> Described {
    let own_source = match key.scope {
        Scope::Topic => Source::Topic,
        Scope::Group => Source::Group,
        Scope::ClientMetrics => Source::ClientMetrics,
        Scope::Broker => Source::DynamicBroker,
    };
    let mut synonyms = Vec::new();
    let own = overrides.get(key.name).and_then(|text| key.parse(text).ok());
    let (value, source) = match own {
        Some(value) => {
            let text = shown(key, value.to_string());
            synonyms.push(Synonym { name: key.name.into(), value: text, source: own_source });
            (Some(value), own_source)
        }
        None => broker.default_of(key),
    };
    let family: Vec<&'static str> = key.synonyms.iter().map(|(name, _)| *name).collect();
    synonyms.extend(family_synonyms(&family, broker));
    if key.scope == Scope::Group && family.is_empty() {
        let default = key.default.map(str::to_owned);
        synonyms.push(Synonym { name: key.name.into(), value: default, source: Source::Default });
    }
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

/// A setting made at run time for one listener, or under a name that nobody knows. What nobody
/// knows may be a secret.
fn other_setting(name: &str, broker: &BrokerDefaults) -> Described {
    let known = listener_key(name);
    let is_sensitive = known.is_none_or(|key| key.sensitive);
    let told = |text: &str| if is_sensitive { None } else { Some(text.to_owned()) };
    let of = |(source, text): (Source, &str)| Synonym {
        name: name.to_owned().into(),
        value: told(text),
        source,
    };
    let synonyms: Vec<Synonym> = broker.set_by(name).map(of).collect();
    let first = synonyms.first();
    Described {
        name: name.to_owned().into(),
        value: first.and_then(|first| first.value.clone()),
        source: first.map_or(Source::Default, |first| first.source),
        is_sensitive,
        read_only: true,
        kind: known.map(|key| key.kind),
        documentation: known.map_or("", Key::documentation),
        synonyms,
    }
}

fn described(
    key: &'static Key,
    value: Option<String>,
    source: Source,
    synonyms: Vec<Synonym>,
) -> Described {
    Described {
        name: key.name.into(),
        value,
        source,
        is_sensitive: key.sensitive,
        read_only: key.read_only,
        kind: Some(key.kind),
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
            synonyms.push(Synonym { name: key.name.into(), value: shown(key, text), source });
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
            synonyms.push(Synonym { name: key.name.into(), value, source: Source::Default });
        }
    }
    synonyms
}
