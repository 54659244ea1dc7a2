//! What AlterConfigs and IncrementalAlterConfigs share: the checks that Kafka's broker makes of a
//! request before its controller sees it, and the one call that changes what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::protocol::StrBytes;

use super::Cx;
use super::error::{NONE, message, meta_code, storage_code};
use crate::kernel::meta::command::{ConfigChange, ConfigOp, SetConfigs};
use crate::kernel::meta::{Command, Error, Outcome, Resource, ResourceKind};
use crate::kernel::types::NodeId;
use crate::log_levels;
use crate::storage::error::StorageError;

/// Kafka's number for the log levels of a broker, which are no configurations.
pub const BROKER_LOGGER: i8 = 8;

/// What a request wants to become of one resource.
pub struct Alteration {
    /// Kafka's number of the kind.
    pub kind: i8,
    /// Its name, as sent.
    pub name: StrBytes,
    /// Keys with Kafka's number of the operation, `None` to replace all keys by these, and value.
    pub keys: Vec<(StrBytes, Option<i8>, Option<StrBytes>)>,
    /// Whether the keys that are not named are deleted.
    pub replaces: bool,
}

/// Kafka's code and words for one resource.
pub type Verdict = (i16, Option<StrBytes>);

/// Changes what can be changed. One verdict for each resource, in the order of the request.
pub async fn alter(cx: &Cx, alterations: Vec<Alteration>, validate_only: bool) -> Vec<Verdict> {
    match decide(cx, &alterations, validate_only).await {
        Ok(answers) => answers.into_iter().map(verdict).collect(),
        Err(error) => vec![(storage_code(&error), None); alterations.len()],
    }
}

fn verdict(answer: Result<(), Error>) -> Verdict {
    match answer {
        Ok(()) => (NONE, None),
        Err(error) => (meta_code(&error), Some(message(&error))),
    }
}

async fn decide(
    cx: &Cx,
    alterations: &[Alteration],
    validate_only: bool,
) -> Result<Vec<Result<(), Error>>, StorageError> {
    let mut times: BTreeMap<(i8, &str), usize> = BTreeMap::new();
    for alteration in alterations {
        *times.entry((alteration.kind, canonical(alteration))).or_default() += 1;
    }
    let (mut changes, mut answers) = (Vec::new(), Vec::with_capacity(alterations.len()));
    let mut asked = Vec::with_capacity(alterations.len());
    for alteration in alterations {
        let read = match times[&(alteration.kind, canonical(alteration))] {
            1 => read(cx, alteration, validate_only),
            _ => Err(invalid("Each resource must appear at most once.")),
        };
        asked.push(matches!(read, Ok(Some(_))));
        answers.push(read.map(|change| changes.extend(change)));
    }
    let command = Command::SetConfigs(SetConfigs { changes, validate_only });
    let Outcome::SetConfigs(decided) = cx.broker.control.execute(command).await? else {
        unreachable!("the outcome has the command's variant")
    };
    let mut decided = decided.into_iter();
    for (answer, _) in answers.iter_mut().zip(asked).filter(|(_, asked)| *asked) {
        *answer = decided.next().expect("each change has its answer");
    }
    Ok(answers)
}

fn invalid(text: impl Into<String>) -> Error {
    Error::InvalidRequest(text.into())
}

/// The name without what makes no difference: Kafka reads the name of a broker as a number.
fn canonical(alteration: &Alteration) -> &str {
    match ResourceKind::from_code(alteration.kind) {
        Some(ResourceKind::Broker) if !alteration.name.is_empty() => {
            let digits = alteration.name.trim_start_matches(['+', '0']);
            if digits.is_empty() { "0" } else { digits }
        }
        _ => &alteration.name,
    }
}

/// Kafka's checks in Kafka's order: keys that come twice, missing values, the kind, the name. Log
/// levels are no metadata: they are changed here, and nothing is left to change.
fn read(
    cx: &Cx,
    alteration: &Alteration,
    validate_only: bool,
) -> Result<Option<(Resource, ConfigChange)>, Error> {
    let mut seen = BTreeSet::new();
    if !alteration.keys.iter().all(|(key, ..)| seen.insert(key)) {
        return Err(invalid("Error due to duplicate config keys"));
    }
    let is_null = |op: &Option<i8>, value: &Option<StrBytes>| value.is_none() && *op != Some(1);
    let null = alteration.keys.iter().filter(|(_, op, value)| is_null(op, value));
    let null: Vec<&str> = null.map(|(key, ..)| &**key).collect();
    if !null.is_empty() {
        return Err(invalid(format!("Null value not supported for : {}", null.join(", "))));
    }
    if alteration.kind == BROKER_LOGGER && !alteration.replaces {
        check_own_id(cx, &alteration.name, "Node")?;
        return alter_loggers(alteration, validate_only).map(|()| None);
    }
    let Some(kind) = ResourceKind::from_code(alteration.kind) else {
        return Err(invalid(format!("Unknown resource type {}", alteration.kind)));
    };
    let resource = match kind {
        ResourceKind::Broker if !alteration.name.is_empty() => {
            check_own_id(cx, &alteration.name, "Node")?;
            Resource::broker(cx.broker.config.node_id)
        }
        _ => Resource { kind, name: Arc::from(&*alteration.name) },
    };
    let text = |text: &StrBytes| Arc::<str>::from(&**text);
    let ops = alteration.keys.iter().map(|(key, op, value)| {
        Ok((text(key), operation(op.unwrap_or(0), value.as_ref().map(text))?))
    });
    let ops = ops.collect::<Result<Vec<_>, Error>>()?;
    if !alteration.replaces {
        return Ok(Some((resource, ConfigChange::Some(ops))));
    }
    let set = |(key, op)| match op {
        ConfigOp::Set(value) => Some((key, value)),
        ConfigOp::Delete | ConfigOp::Append(_) | ConfigOp::Subtract(_) => None,
    };
    Ok(Some((resource, ConfigChange::All(ops.into_iter().filter_map(set).collect()))))
}

fn alter_loggers(alteration: &Alteration, validate_only: bool) -> Result<(), Error> {
    let mut changes = Vec::with_capacity(alteration.keys.len());
    for (logger, op, level) in &alteration.keys {
        let not_allowed = |op: &str| {
            Err(invalid(format!("{op} operation is not allowed for the BROKER_LOGGER resource")))
        };
        match op.unwrap_or(0) {
            0 => changes.push((&**logger, level.as_deref())),
            1 => changes.push((&**logger, None)),
            2 => return not_allowed("APPEND"),
            3 => return not_allowed("SUBTRACT"),
            other => return Err(invalid(format!("Unknown operations type {other}"))),
        }
    }
    log_levels::change(&changes, validate_only).map_err(|error| match error {
        log_levels::Error::UnknownLogger(_) | log_levels::Error::UnknownLevel { .. } => {
            Error::InvalidConfig(error.to_string())
        }
        log_levels::Error::RootNeedsLevel => invalid(error.to_string()),
    })
}

/// A null value got here with a deletion only, which looks at none.
fn operation(number: i8, value: Option<Arc<str>>) -> Result<ConfigOp, Error> {
    let value = value.unwrap_or_default();
    Ok(match number {
        0 => ConfigOp::Set(value),
        1 => ConfigOp::Delete,
        2 => ConfigOp::Append(value),
        3 => ConfigOp::Subtract(value),
        other => return Err(invalid(format!("Unknown operations type {other}"))),
    })
}

/// A broker answers for itself alone. Kafka calls it a node where it is changed, a broker where it
/// is described.
///
/// # Errors
/// The name is no number, or another broker's.
pub fn check_own_id(cx: &Cx, name: &str, what: &str) -> Result<(), Error> {
    let own = cx.broker.config.node_id;
    match name.parse::<NodeId>() {
        Ok(id) if id == own => Ok(()),
        Ok(id) => Err(invalid(format!("Unexpected broker id, expected {own}, but received {id}"))),
        Err(_) => Err(invalid(format!("{what} id must be an integer, but it is: {name}"))),
    }
}
