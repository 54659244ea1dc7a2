//! Dynamic configurations between the metadata and the parts of the broker: what the table of keys
//! says about a change, and which partitions and settings follow a change that was made.
//! Deliberately decides and stores nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::NodeConfig;
use crate::config::dynamic::{self, BrokerDefaults, TopicConfig};
use crate::config::live::Live;
use crate::kernel::meta::command::ConfigRules;
use crate::kernel::meta::image::Configs;
use crate::kernel::meta::{self, Image, Record, Resource, ResourceKind};
use crate::kernel::types::NodeId;

/// The settings of a resource in the form that the table of keys reads.
pub fn settings(image: &Image, resource: &Resource) -> BTreeMap<String, String> {
    image.configs(resource).map(|configs| to_settings(configs)).unwrap_or_default()
}

fn to_settings(configs: &Configs) -> BTreeMap<String, String> {
    configs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// What a broker says about the keys that topics and groups leave open: its files, and what was
/// set at run time.
pub fn broker_defaults(fixed: &BrokerDefaults, node_id: NodeId, image: &Image) -> BrokerDefaults {
    let all = settings(image, &Resource::default_broker());
    let own = settings(image, &Resource::broker(node_id));
    fixed.clone().with_dynamic(all, own)
}

/// The settings of a broker as its start finds them.
pub fn live(config: &NodeConfig, image: &Image) -> Live {
    Live::resolve(broker_defaults(&config.broker_defaults, config.node_id, image))
}

/// The table of keys, as decisions ask it.
pub(super) struct Rules<'a> {
    /// What the broker says now.
    pub(super) defaults: &'a BrokerDefaults,
}

impl ConfigRules for Rules<'_> {
    fn check(&self, resource: &Resource, configs: &Configs) -> Result<(), meta::Error> {
        // What the broker says was checked at its start.
        if configs.is_empty() {
            return Ok(());
        }
        let settings = to_settings(configs);
        let judged = match resource.kind {
            ResourceKind::Topic => {
                let settings = settings.iter().map(|(key, value)| (&**key, Some(&**value)));
                dynamic::validate_topic_settings(self.defaults, settings)
            }
            ResourceKind::Broker => self.check_broker(resource, settings),
            ResourceKind::Group => dynamic::validate_group_settings(self.defaults, &settings),
            ResourceKind::ClientMetrics => dynamic::validate_client_metrics_settings(&settings),
        };
        judged.map_err(|error| refusal(resource.kind, &error))
    }

    fn list_default(&self, kind: ResourceKind, key: &str, op: &str) -> Result<&str, meta::Error> {
        match kind {
            ResourceKind::Topic | ResourceKind::Broker => {
                dynamic::list_default(kind == ResourceKind::Broker, key, op)
            }
            ResourceKind::Group | ResourceKind::ClientMetrics => {
                Err(format!("Can't {op} to key {key} because its type is not LIST."))
            }
        }
        .map_err(meta::Error::InvalidConfig)
    }
}

impl Rules<'_> {
    fn check_broker(
        &self,
        resource: &Resource,
        settings: BTreeMap<String, String>,
    ) -> Result<(), dynamic::Error> {
        let of_one_broker = !resource.name.is_empty();
        dynamic::validate_broker_settings(of_one_broker, &settings)?;
        let (mut all, mut own) =
            (self.defaults.cluster_settings().clone(), self.defaults.dynamic_settings().clone());
        *(if of_one_broker { &mut own } else { &mut all }) = settings;
        let after = self.defaults.clone().with_dynamic(all, own);
        let topic = TopicConfig::resolve(&after, &BTreeMap::new());
        let (min, max) = (topic.min_compaction_lag_ms, topic.max_compaction_lag_ms);
        // Kafka takes it, and then refuses to create any topic.
        if min > max { Err(dynamic::Error::CompactionLag { min, max }) } else { Ok(()) }
    }
}

/// Kafka's controller and its broker disagree on the code of a value that cannot be.
fn refusal(kind: ResourceKind, error: &dynamic::Error) -> meta::Error {
    use dynamic::Error::{MetricsInterval, UnknownMetricsKey};
    match (kind, error) {
        (ResourceKind::Broker, _) | (_, MetricsInterval { .. } | UnknownMetricsKey { .. }) => {
            meta::Error::InvalidRequest(error.to_string())
        }
        _ => meta::Error::InvalidConfig(error.to_string()),
    }
}

/// What records change beyond the image.
#[derive(Default)]
pub(super) struct Changed<'a> {
    /// A broker's settings, and with them the defaults of every topic.
    pub(super) broker: bool,
    /// Topics with other settings.
    pub(super) topics: BTreeSet<&'a str>,
}

/// Looks for what the records change.
pub(super) fn changed(records: &[Record]) -> Changed<'_> {
    let mut changed = Changed::default();
    for record in records {
        let Record::Config(config) = record else { continue };
        match ResourceKind::from_code(config.resource_type) {
            Some(ResourceKind::Broker) => {
                changed.broker = true;
                warn_without_effect(&config.name, config.value.is_some());
            }
            Some(ResourceKind::Topic) => {
                changed.topics.insert(&config.resource_name);
            }
            Some(ResourceKind::Group | ResourceKind::ClientMetrics) | None => {}
        }
    }
    changed
}

/// A start names the keys of its files that have no effect; so does a change.
fn warn_without_effect(name: &str, is_set: bool) {
    if is_set && !dynamic::broker_key(name).is_some_and(dynamic::Key::is_effective) {
        tracing::warn!(name, "this setting was changed at run time, but has no effect here");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn judge(resource: Resource, pairs: &[(&str, &str)]) -> Result<(), meta::Error> {
        let configs = pairs.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value)));
        Rules { defaults: &BrokerDefaults::default() }.check(&resource, &configs.collect())
    }

    #[test]
    fn settings_of_a_topic_are_judged_together() {
        let judge = |pairs: &[(&str, &str)]| judge(Resource::topic("t"), pairs);
        let (short, long) = (("max.compaction.lag.ms", "10"), ("min.compaction.lag.ms", "11"));
        assert_eq!(judge(&[short]), Ok(()));
        assert_eq!(judge(&[long]), Ok(()));
        assert!(judge(&[short, long]).is_err_and(|error| error.to_string().contains("conflict")));
        assert!(judge(&[("remote.storage.enable", "true")]).is_err());
        assert!(
            judge(&[("no.such.key", "1")])
                .is_err_and(|error| error.to_string().contains("Unknown"))
        );
    }

    #[test]
    fn codes_differ_as_kafkas_do() {
        use meta::Error::{InvalidConfig, InvalidRequest};
        let metrics = || Resource { kind: ResourceKind::ClientMetrics, name: "m".into() };
        let bad = [("log.roll.ms", "x")];
        assert!(matches!(judge(Resource::broker(1), &bad), Err(InvalidRequest(_))));
        assert!(matches!(judge(Resource::group("g"), &bad), Err(InvalidConfig(_))));
        assert!(matches!(judge(metrics(), &bad), Err(InvalidRequest(_))));
        let interval = |value| judge(metrics(), &[("interval.ms", value)]);
        assert!(matches!(interval("1"), Err(InvalidRequest(_))));
        assert!(matches!(interval("x"), Err(InvalidConfig(_))));
        let lags = [
            ("log.cleaner.max.compaction.lag.ms", "1"),
            ("log.cleaner.min.compaction.lag.ms", "2"),
        ];
        assert!(matches!(judge(Resource::default_broker(), &lags), Err(InvalidRequest(_))));
    }
}
