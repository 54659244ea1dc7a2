//! Decides changes of dynamic configurations. Which keys exist and which values they take is told
//! by the caller's check; lists are not yet edited in place (append and subtract).

use std::collections::HashMap;
use std::sync::Arc;

use super::command::{Error, SetConfigs, ValidateConfig};
use super::image::{Image, Resource, ResourceKind};
use super::record::{ConfigRecord, Record};
use super::topics::check_length;
use crate::kernel::types::NodeId;

type Change<'a> = (&'a Arc<str>, Option<&'a Arc<str>>);

/// Judges the changes of each resource as a whole, and adds the records of the good ones.
pub(super) fn set(
    image: &Image,
    request: &SetConfigs,
    validate: &ValidateConfig,
    records: &mut Vec<Record>,
) -> Vec<(Resource, Result<(), Error>)> {
    let mut order = Vec::new();
    let mut changes: HashMap<&Resource, Vec<Change<'_>>> = HashMap::new();
    for (resource, key, value) in &request.changes {
        let of_resource = changes.entry(resource).or_default();
        if of_resource.is_empty() {
            order.push(resource);
        }
        of_resource.push((key, value.as_ref()));
    }
    let mut answers = Vec::with_capacity(order.len());
    for resource in order {
        let result = judge(image, resource, &changes[resource], validate);
        let answer = result.map(|new| {
            if !request.validate_only {
                records.extend(new);
            }
        });
        answers.push((resource.clone(), answer));
    }
    answers
}

fn judge(
    image: &Image,
    resource: &Resource,
    changes: &[Change<'_>],
    validate: &ValidateConfig,
) -> Result<Vec<Record>, Error> {
    check_resource(image, resource)?;
    let mut latest: HashMap<&str, Option<&Arc<str>>> = HashMap::new();
    let mut records = Vec::new();
    let mut after = image.configs(resource).map(|configs| (**configs).clone()).unwrap_or_default();
    for (key, value) in changes {
        match value {
            Some(value) => {
                check_length(key, value)?;
                after.insert(Arc::clone(key), Arc::clone(value))
            }
            None => after.remove(*key),
        };
        let before = match latest.insert(key, *value) {
            Some(earlier) => earlier,
            None => image.config(resource, key),
        };
        // What changes nothing needs no record.
        if before != *value {
            records.push(Record::Config(ConfigRecord {
                resource_type: resource.kind as i8,
                resource_name: resource.name.clone(),
                name: Arc::clone(key),
                value: value.cloned(),
            }));
        }
    }
    // What is only taken away goes, whatever is left.
    if changes.iter().any(|(_, value)| value.is_some()) {
        validate(resource.kind, &after).map_err(Error::InvalidConfig)?;
    }
    Ok(records)
}

fn check_resource(image: &Image, resource: &Resource) -> Result<(), Error> {
    let name = &resource.name;
    match resource.kind {
        ResourceKind::Topic if image.topic(name).is_none() => {
            Err(Error::UnknownTopic(name.clone()))
        }
        ResourceKind::Broker if !name.is_empty() => match name.parse::<NodeId>() {
            Ok(id) if image.broker(id).is_some() => Ok(()),
            _ => Err(Error::InvalidRequest(format!("No broker '{name}' is registered."))),
        },
        ResourceKind::Group | ResourceKind::ClientMetrics if name.is_empty() => {
            Err(Error::InvalidRequest("A configured resource must have a name.".into()))
        }
        _ => Ok(()),
    }
}
