//! What may be changed while the broker runs, for brokers, groups and client metrics
//! subscriptions: all settings of one of them are judged together. Deliberately knows nothing of
//! requests; the settings of topics are judged in the module above.

use super::{
    BrokerDefaults, Error, Key, Kind, Value, broker_key, client_metrics_keys, group_keys, topic_key,
};
use regex::Regex;
use std::collections::BTreeMap;

/// Broker keys that Kafka takes for a listener only, under `listener.name.NAME.`.
const PER_LISTENER: &[&str] = &[
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Bytes that a compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The default of a list key of a topic or a broker, as a text. Keys of groups and of client
/// metrics count as single values, as in Kafka.
///
/// # Errors
/// Kafka's sentence where the key holds no list. `change` is what was tried: `APPEND` or
/// `SUBTRACT`.
pub fn list_default(of_broker: bool, name: &str, change: &str) -> Result<&'static str, String> {
    let key = if of_broker { broker_key(name) } else { topic_key(name) };
    match key {
        Some(key) if key.kind == Kind::List => Ok(key.default.unwrap_or_default()),
        None if of_broker => Err(format!("Unknown config name: {name}")),
        Some(_) if of_broker => {
            let change = change.to_ascii_lowercase();
            Err(format!("Config value {change} is not allowed for config key: {name}"))
        }
        _ => Err(format!("Can't {change} to key {name} because its type is not LIST.")),
    }
}

/// The key that `listener.name.NAME.KEY` or `listener.name.NAME.MECHANISM.KEY` stands for.
pub(super) fn listener_key(name: &str) -> Option<&'static Key> {
    let (_listener, rest) = name.strip_prefix("listener.name.")?.split_once('.')?;
    broker_key(rest).or_else(|| broker_key(rest.split_once('.')?.1))
}

/// Checks all settings that one broker, or all brokers together, would be given at run time. A key
/// that nobody knows passes, as in Kafka.
///
/// # Errors
/// Keys that cannot be changed at run time, or here; then the first invalid value.
pub fn validate_broker_settings(
    of_one_broker: bool,
    settings: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let names = |wrong: &dyn Fn(&Key) -> bool| {
        let known = settings.keys().filter_map(|name| Some((name, broker_key(name)?)));
        known.filter(|(_, key)| wrong(key)).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let fixed = names(&|key| key.read_only);
    if !fixed.is_empty() {
        return Err(Error::NotDynamic(fixed));
    }
    let secret = names(&|key| PER_LISTENER.contains(&key.name));
    if !secret.is_empty() {
        return Err(Error::PerListener(secret));
    }
    for (name, value) in settings {
        if let Some(key) = broker_key(name).or_else(|| listener_key(name)) {
            key.parse(value)?;
        }
    }
    let own = names(&|key| is_per_broker(key.name));
    if !of_one_broker && !own.is_empty() {
        return Err(Error::PerBroker(own));
    }
    check_cleaner(settings)?;
    if settings.get("log.retention.ms").is_some_and(|value| value.trim() == "0") {
        return Err(Error::Conflict(
            "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or \
             equal to 1"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The keys of the cleaner as far as they were set together, in Kafka's words.
fn check_cleaner(settings: &BTreeMap<String, String>) -> Result<(), Error> {
    let number = |name: &str, default: i64| -> i64 {
        let set = settings.get(name).and_then(|text| text.trim().parse().ok());
        set.unwrap_or(default)
    };
    let threads = number("log.cleaner.threads", 1);
    if threads == 0 {
        // Kafka's own refusal is the division by this zero.
        return Err(Error::Conflict("log.cleaner.threads must be at least 1".to_owned()));
    }
    if number("log.cleaner.dedupe.buffer.size", i64::MAX) / threads <= 1024 * 1024 {
        return Err(Error::Conflict(
            "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner \
             thread."
                .to_owned(),
        ));
    }
    Ok(())
}

/// Whether a key says something about one broker only.
fn is_per_broker(name: &str) -> bool {
    name.starts_with("ssl.")
        || name.starts_with("sasl.")
        || matches!(name, "principal.builder.class" | "cordoned.log.dirs")
}

/// Keys of groups that lie between `group.KIND.min.REST` and `group.KIND.max.REST` of the broker,
/// in Kafka's order of checks.
const BOUNDED: &[&str] = &[
    "consumer.heartbeat.interval.ms",
    "consumer.session.timeout.ms",
    "consumer.assignment.interval.ms",
    "share.heartbeat.interval.ms",
    "share.session.timeout.ms",
    "share.record.lock.duration.ms",
    "share.delivery.count.limit",
    "share.partition.max.record.locks",
    "share.assignment.interval.ms",
    "streams.heartbeat.interval.ms",
    "streams.session.timeout.ms",
    "streams.num.standby.replicas",
    "streams.assignment.interval.ms",
];

/// Checks all settings that a group would have.
///
/// # Errors
/// A key that groups do not have, an invalid value, or one beyond the broker's bounds.
pub fn validate_group_settings(
    broker: &BrokerDefaults,
    settings: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let known = |name: &str| group_keys().iter().find(|key| key.name == name);
    if let Some(name) = settings.keys().find(|name| known(name).is_none()) {
        return Err(Error::UnknownGroupKey { name: name.clone() });
    }
    for key in group_keys() {
        settings.get(key.name).map_or(Ok(()), |value| key.parse(value).map(drop))?;
    }
    check_group_bounds(broker, settings)
}

/// Values that passed their own checks, held against the broker's and against each other.
fn check_group_bounds(
    broker: &BrokerDefaults,
    settings: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let number = |name: &str| {
        let key = group_keys().iter().find(|key| key.name == name);
        let key = key.expect("the name is in the table");
        let own = settings.get(name).and_then(|text| key.parse(text).ok());
        match own.or_else(|| broker.default_of(key).0) {
            Some(Value::Number(number)) => number,
            _ => unreachable!("{name} has a number as default"),
        }
    };
    let conflict = |name: &str, relation: &str, other: &str| {
        Err(Error::Conflict(format!("{name} must be {relation} {other}")))
    };
    for name in BOUNDED.iter().filter(|name| settings.contains_key(**name)) {
        let (min, max) = broker_bounds(name);
        if let Some(min) = min.filter(|min| number(name) < broker.number(min)) {
            return conflict(name, "greater than or equal to", &min);
        }
        if number(name) > broker.number(&max) {
            return conflict(name, "less than or equal to", &max);
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let session = format!("{kind}.session.timeout.ms");
        let heartbeat = format!("{kind}.heartbeat.interval.ms");
        if number(&session) <= number(&heartbeat) {
            return conflict(&session, "greater than", &heartbeat);
        }
    }
    Ok(())
}

/// The broker keys between which a group's key lies; standby replicas have no lower one.
fn broker_bounds(name: &str) -> (Option<String>, String) {
    let (kind, rest) = name.split_once('.').expect("keys of groups begin with their kind");
    match rest {
        "num.standby.replicas" => (None, format!("group.{kind}.max.standby.replicas")),
        _ => (Some(format!("group.{kind}.min.{rest}")), format!("group.{kind}.max.{rest}")),
    }
}

/// What a client metrics subscription may ask of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchField {
    /// `client_instance_id`.
    ClientInstanceId,
    /// `client_id`.
    ClientId,
    /// `client_software_name`.
    SoftwareName,
    /// `client_software_version`.
    SoftwareVersion,
    /// `client_source_address`.
    SourceAddress,
    /// `client_source_port`.
    SourcePort,
}

impl MatchField {
    fn named(name: &str) -> Option<MatchField> {
        Some(match name {
            "client_instance_id" => MatchField::ClientInstanceId,
            "client_id" => MatchField::ClientId,
            "client_software_name" => MatchField::SoftwareName,
            "client_software_version" => MatchField::SoftwareVersion,
            "client_source_address" => MatchField::SourceAddress,
            "client_source_port" => MatchField::SourcePort,
            _ => return None,
        })
    }
}

/// The patterns in the value of `match`, each for a whole text; of a field named twice the last one
/// counts. Patterns are of a kind that is matched in time linear to the text, so lookaround and
/// references back, which Java has, are not accepted.
///
/// # Errors
/// The entry that is no pattern.
pub fn match_patterns(value: &str) -> Result<Vec<(MatchField, Regex)>, Error> {
    let mut patterns: Vec<(MatchField, Regex)> = Vec::new();
    for entry in value.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (field, pattern) =
            match_pattern(entry).ok_or_else(|| Error::MatchPattern(entry.to_owned()))?;
        patterns.retain(|(other, _)| *other != field);
        patterns.push((field, pattern));
    }
    Ok(patterns)
}

fn match_pattern(entry: &str) -> Option<(MatchField, Regex)> {
    let (name, pattern) = entry.split_once('=')?;
    let (field, pattern) = (MatchField::named(name.trim())?, pattern.trim());
    if pattern.is_empty() || pattern.contains('=') {
        return None;
    }
    // Checked by itself first: a lone ')' must not close our own bracket.
    let build =
        |text: &str| regex::RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build().ok();
    build(pattern)?;
    Some((field, build(&format!("^(?:{pattern})$"))?))
}

/// Checks all settings that a client metrics subscription would have.
///
/// # Errors
/// A key that subscriptions do not have, or an invalid value.
pub fn validate_client_metrics_settings(settings: &BTreeMap<String, String>) -> Result<(), Error> {
    let known = |name: &str| client_metrics_keys().iter().any(|key| key.name == name);
    if let Some(name) = settings.keys().find(|name| !known(name)) {
        return Err(Error::UnknownMetricsKey { name: name.clone() });
    }
    let mut interval = None;
    for key in client_metrics_keys() {
        let value = settings.get(key.name).map(|value| key.parse(value)).transpose()?;
        if let Some(Value::Number(value)) = value {
            interval = Some(value);
        }
    }
    if let Some(value) = interval.filter(|value| !(100..=3_600_000).contains(value)) {
        return Err(Error::MetricsInterval { value });
    }
    match_patterns(settings.get("match").map_or("", |value| value)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    fn text(result: Result<(), Error>) -> String {
        result.map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn broker_settings_are_refused_in_kafkas_order() {
        let judge =
            |own: bool, pairs: &[(&str, &str)]| text(validate_broker_settings(own, &map(pairs)));
        let bad = ("log.roll.ms", "x");
        let invalid = "Invalid value x for configuration log.roll.ms: Not a number of type LONG";
        for (own, pairs, said) in [
            (true, &[("num.partitions", "4"), bad][..], "dynamically: [num.partitions]"),
            (false, &[("log.dirs", "x"), ("broker.rack", "4")], "dynamically: [broker.rack, log"),
            (true, &[("ssl.keystore.password", "x"), bad], "prefix: [ssl.keystore.password]"),
            (false, &[("sasl.jaas.config", "x"), bad], invalid),
            (false, &[("sasl.jaas.config", "x")], "must be specified: [sasl.jaas.config]"),
            (true, &[("sasl.jaas.config", "x"), ("nobody.knows", "y")], "fine"),
            (true, &[("listener.name.a.max.connections", "x")], "max.connections: Not a number"),
            (true, &[("listener.name.a.b.max.connections", "5")], "fine"),
            (true, &[("log.retention.ms", "0")], "must be unlimited"),
        ] {
            let told = judge(own, pairs);
            assert!(told.contains(said), "{pairs:?}: {told}");
        }
    }

    #[test]
    fn group_settings_stay_within_the_brokers_bounds() {
        let broker =
            BrokerDefaults::new(map(&[("group.consumer.max.session.timeout.ms", "50000")]));
        let judge = |pairs: &[(&str, &str)]| text(validate_group_settings(&broker, &map(pairs)));
        for (pair, said) in [
            (("consumer.session.timeout.ms", "50000"), "fine"),
            (
                ("consumer.session.timeout.ms", "50001"),
                "consumer.session.timeout.ms must be less than or equal to \
                 group.consumer.max.session.timeout.ms",
            ),
            (
                ("share.partition.max.record.locks", "99"),
                "share.partition.max.record.locks must be greater than or equal to \
                 group.share.min.partition.max.record.locks",
            ),
            (
                ("streams.num.standby.replicas", "3"),
                "streams.num.standby.replicas must be less than or equal to \
                 group.streams.max.standby.replicas",
            ),
            (("share.isolation.level", "read_committed"), "fine"),
            (("no.such", "1"), "Unknown group config name: no.such"),
        ] {
            assert_eq!(judge(&[pair]), said, "{pair:?}");
        }
        assert!(judge(&[("share.auto.offset.reset", "x")]).contains("by_duration"));
        let broker = BrokerDefaults::new(map(&[
            ("group.consumer.heartbeat.interval.ms", "45000"),
            ("group.consumer.max.heartbeat.interval.ms", "45000"),
        ]));
        let told = text(validate_group_settings(&broker, &BTreeMap::new()));
        let said =
            "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms";
        assert_eq!(told, said);
    }

    #[test]
    fn subscriptions_name_metrics_intervals_and_clients() {
        let judge = |pairs: &[(&str, &str)]| text(validate_client_metrics_settings(&map(pairs)));
        for value in ["", "*", "a,b", "a b", "a,a"] {
            assert_eq!(judge(&[("metrics", value)]), "fine", "{value}");
        }
        assert!(judge(&[("metrics", "a,,b")]).contains("must not be empty"));
        for (value, fits) in [("99", false), ("100", true), (" 3600000 ", true), ("3600001", false)]
        {
            assert_eq!(judge(&[("interval.ms", value)]) == "fine", fits, "{value}");
        }
        assert!(judge(&[("match", "zz"), ("nope", "1")]).contains("Unknown client metrics"));
        assert!(judge(&[("match", "zz"), ("interval.ms", "1")]).contains("interval must be"));
        for value in ["", " client_id = a ", "client_id=a,client_id=b", "client_source_port=1.*"] {
            assert_eq!(judge(&[("match", value)]), "fine", "{value}");
        }
        for value in ["client_id", "client_id=", "=a", "client_id=a=b", "foo=a", "client_id=["] {
            let said = format!("Illegal client matching pattern: {value}");
            assert_eq!(judge(&[("match", value)]), said);
        }
        assert!(judge(&[("match", "client_id=a)(b")]).contains("Illegal"));
        assert!(judge(&[("match", "client_id=(a{1000}){1000}")]).contains("Illegal"));
    }

    #[test]
    fn patterns_fit_whole_texts() {
        let patterns =
            match_patterns("client_id=a, client_id=b|c ,client_software_name=x").unwrap();
        assert_eq!(patterns.len(), 2);
        let (field, pattern) = &patterns[0];
        assert_eq!(*field, MatchField::ClientId);
        assert!(pattern.is_match("b") && pattern.is_match("c"));
        assert!(!pattern.is_match("a") && !pattern.is_match("bc"));
    }
}
