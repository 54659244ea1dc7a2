//! Decides changes of dynamic configurations, in the order of checks of Kafka's controller: edits
//! of lists, lengths, the resource's name, its keys and values, and last whether it exists. Which
//! keys there are is told by the caller's [`ConfigRules`].

use std::sync::Arc;

use super::command::{ConfigChange, ConfigOp, ConfigRules, Error, SetConfigs};
use super::image::{Configs, Image, Resource, ResourceKind};
use super::record::{ConfigRecord, Record};
use super::topics::{check_length, validate_name};
use crate::kernel::types::NodeId;

/// Keys that one resource may have; brokers take keys that nobody knows, so it must end somewhere.
const KEYS_MAX: usize = 1_000;

/// Groups and client metrics subscriptions, of each, that may have configurations. They need not
/// exist otherwise, so this must end somewhere too.
pub const FREE_RESOURCES_MAX: usize = 10_000;

/// Judges the change of each resource as a whole, and adds the records of the good ones.
pub(super) fn set(
    image: &Image,
    request: &SetConfigs,
    rules: &dyn ConfigRules,
    records: &mut Vec<Record>,
) -> Vec<Result<(), Error>> {
    let mut answers = Vec::with_capacity(request.changes.len());
    for (resource, change) in &request.changes {
        let result = judge(image, resource, change, rules);
        answers.push(result.map(|new| {
            if !request.validate_only {
                records.extend(new);
            }
        }));
    }
    answers
}

fn judge(
    image: &Image,
    resource: &Resource,
    change: &ConfigChange,
    rules: &dyn ConfigRules,
) -> Result<Vec<Record>, Error> {
    let before = image.configs(resource).map(|configs| &**configs);
    let none = Configs::new();
    let before = before.unwrap_or(&none);
    let after = match change {
        ConfigChange::All(configs) => configs.clone(),
        ConfigChange::Some(ops) => edit(before, resource.kind, ops, rules)?,
    };
    let is_new = |key: &&Arc<str>| before.get(*key) != after.get(*key);
    after.keys().filter(is_new).try_for_each(|key| check_length(key, &after[key]))?;
    check_name(resource)?;
    rules.check(resource, &after)?;
    check_exists(image, resource)?;
    if after.len() > KEYS_MAX.max(before.len()) {
        return Err(Error::PolicyViolation("The resource has too many configurations.".into()));
    }
    if before.is_empty() && !after.is_empty() {
        check_room(image, resource.kind)?;
    }
    Ok(difference(resource, before, &after))
}

fn edit(
    before: &Configs,
    kind: ResourceKind,
    ops: &[(Arc<str>, ConfigOp)],
    rules: &dyn ConfigRules,
) -> Result<Configs, Error> {
    let mut after = before.clone();
    for (key, op) in ops {
        let edited = match op {
            ConfigOp::Set(value) => Some(Arc::clone(value)),
            ConfigOp::Delete => None,
            ConfigOp::Append(entries) => {
                let default = rules.list_default(kind, key, "APPEND")?;
                Some(append(before.get(key).map_or(default, |value| value), entries))
            }
            ConfigOp::Subtract(entries) => {
                let default = rules.list_default(kind, key, "SUBTRACT")?;
                Some(subtract(before.get(key).map_or(default, |value| value), entries))
            }
        };
        match edited {
            Some(value) => after.insert(Arc::clone(key), value),
            None => after.remove(key),
        };
    }
    Ok(after)
}

fn entries(list: &str) -> Vec<&str> {
    list.split(',').filter(|entry| !entry.is_empty()).collect()
}

fn append(list: &str, added: &str) -> Arc<str> {
    let mut all = entries(list);
    for entry in added.split(',') {
        if !all.contains(&entry) {
            all.push(entry);
        }
    }
    all.join(",").into()
}

/// Each entry takes out its first likeness, as in Kafka.
fn subtract(list: &str, removed: &str) -> Arc<str> {
    let mut all = entries(list);
    for entry in removed.split(',') {
        if let Some(at) = all.iter().position(|other| *other == entry) {
            all.remove(at);
        }
    }
    all.join(",").into()
}

/// The records that lead from one state to the other.
fn difference(resource: &Resource, before: &Configs, after: &Configs) -> Vec<Record> {
    let record = |key: &Arc<str>, value: Option<&Arc<str>>| {
        Record::Config(ConfigRecord {
            resource_type: resource.kind as i8,
            resource_name: resource.name.clone(),
            name: Arc::clone(key),
            value: value.cloned(),
        })
    };
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| record(key, None));
    let new = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    gone.chain(new.map(|(key, value)| record(key, Some(value)))).collect()
}

fn check_name(resource: &Resource) -> Result<(), Error> {
    let invalid = |text: &str| Err(Error::InvalidRequest(text.into()));
    match (resource.kind, &*resource.name) {
        (ResourceKind::Topic, "") => invalid("Default topic resources are not allowed."),
        (ResourceKind::Topic, name) => validate_name(name),
        (ResourceKind::Group, "") => invalid("Default group resources are not allowed."),
        (ResourceKind::ClientMetrics, "") => invalid("Subscription name can't be empty"),
        (ResourceKind::Group | ResourceKind::ClientMetrics, name) => check_length(name, ""),
        (ResourceKind::Broker, _) => Ok(()),
    }
}

fn check_exists(image: &Image, resource: &Resource) -> Result<(), Error> {
    let name = &resource.name;
    match resource.kind {
        ResourceKind::Topic if image.topic(name).is_none() => {
            Err(Error::UnknownTopic(name.clone()))
        }
        ResourceKind::Broker if !name.is_empty() => match name.parse::<NodeId>() {
            Ok(id) if image.broker(id).is_some() => Ok(()),
            _ => Err(Error::InvalidRequest(format!("No broker '{name}' is registered."))),
        },
        _ => Ok(()),
    }
}

fn check_room(image: &Image, kind: ResourceKind) -> Result<(), Error> {
    if !matches!(kind, ResourceKind::Group | ResourceKind::ClientMetrics) {
        return Ok(());
    }
    if image.configured_of(kind).count() < FREE_RESOURCES_MAX {
        return Ok(());
    }
    Err(Error::PolicyViolation("Too many resources of this kind have configurations.".into()))
}
