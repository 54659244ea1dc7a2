//! Decides changes of quotas by Kafka's rules: which entities there are, which keys each takes,
//! and which values.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::entity::{Entity, EntityType, Key, Name, Quotas};

/// How far a whole number may be off.
const EPSILON: f64 = 1e-6;

/// Longest name of an entity, in bytes: the metadata log keeps it.
const NAME_BYTES_MAX: usize = 4_096;
/// Most entities that have quotas.
const ENTITIES_MAX: usize = 100_000;

/// Changes to one entity, as a request gives them.
#[derive(Clone, Debug, PartialEq)]
pub struct Alteration {
    /// Type and name, `None` for the default.
    pub entity: Vec<(Arc<str>, Name)>,
    /// Key and value, `None` to remove it.
    pub ops: Vec<(Arc<str>, Option<f64>)>,
}

/// One quota that is to be set or, with `None`, removed.
pub type Change = (Entity, Key, Option<f64>);

/// Judges the changes of one entity as a whole; the text says why they are refused.
pub fn judge(quotas: &Quotas, alteration: &Alteration) -> Result<Vec<Change>, String> {
    let entity = read_entity(&alteration.entity)?;
    check_combination(&entity)?;
    let current = quotas.get(&entity);
    if current.is_none() && quotas.len() >= ENTITIES_MAX {
        return Err(format!("There are quotas for {ENTITIES_MAX} entities already."));
    }
    let mut seen = BTreeSet::new();
    let mut changes = Vec::new();
    for (name, value) in &alteration.ops {
        if !seen.insert(name) {
            return Err(format!("Duplicate quota key {name}."));
        }
        let before = Key::parse(name).and_then(|key| current?.get(&key).copied());
        let key = match value {
            Some(value) => check_value(&entity, name, *value)?,
            // What is not there need not be known to be taken away.
            None => match Key::parse(name) {
                Some(key) => key,
                None => continue,
            },
        };
        if before != *value {
            changes.push((entity.clone(), key, *value));
        }
    }
    Ok(changes)
}

fn read_entity(given: &[(Arc<str>, Name)]) -> Result<Entity, String> {
    if given.is_empty() {
        return Err("Invalid empty client quota entity.".to_owned());
    }
    let mut entity = BTreeMap::new();
    for (kind, name) in given {
        let kind = EntityType::parse(kind)
            .ok_or_else(|| format!("Unhandled client quota entity type: {kind}"))?;
        match name.as_deref() {
            Some("") => return Err(format!("Empty {} not supported.", kind.name())),
            Some(name) if name.len() > NAME_BYTES_MAX => {
                return Err(format!("A name has at most {NAME_BYTES_MAX} bytes."));
            }
            _ => {}
        }
        if entity.insert(kind, name.clone()).is_some() {
            return Err(format!("Duplicate {} in the client quota entity.", kind.name()));
        }
    }
    Ok(entity)
}

fn check_combination(entity: &Entity) -> Result<(), String> {
    let Some(ip) = entity.get(&EntityType::Ip) else { return Ok(()) };
    if entity.len() > 1 {
        return Err("Invalid quota entity combination, IP entity should not be combined with \
                    User or ClientId."
            .to_owned());
    }
    match ip {
        // Kafka looks up host names too; here an address is written as one.
        Some(ip) if ip.parse::<IpAddr>().is_err() => Err(format!("{ip} is not a valid IP.")),
        _ => Ok(()),
    }
}

fn check_value(entity: &Entity, name: &str, value: f64) -> Result<Key, String> {
    let is_ip = entity.contains_key(&EntityType::Ip);
    let key = Key::parse(name).filter(|key| key.is_of_ip() == is_ip);
    let key = key.ok_or_else(|| format!("Invalid configuration key {name}."))?;
    if value <= 0.0 || value.is_nan() {
        return Err(format!("Quota {name} must be greater than 0."));
    }
    if let Some(largest) = key.whole_max() {
        if value > largest {
            return Err(format!("Proposed value for {name} is too large."));
        }
        if (value - (value + EPSILON).trunc()).abs() > EPSILON {
            return Err(format!("{name} cannot be a fractional value."));
        }
    }
    Ok(key)
}
