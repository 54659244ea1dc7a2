//! Tests of the decisions on dynamic configurations, by the answers Kafka 4.3 gives.

use std::sync::Arc;

use super::command::*;
use super::configs::FREE_RESOURCES_MAX;
use super::image::*;
use super::record::{ConfigRecord, Record, RegisterBrokerRecord, TopicRecord};
use crate::kernel::types::Uuid;

/// Knows the keys `retention.ms`, a number, and `cleanup.policy`, a list.
struct Rules;

impl ConfigRules for Rules {
    fn check(&self, _: &Resource, configs: &Configs) -> Result<(), Error> {
        let bad = configs.iter().find(|(key, value)| match &***key {
            "cleanup.policy" => false,
            "retention.ms" => value.parse::<i64>().is_err(),
            _ => true,
        });
        bad.map_or(Ok(()), |(key, _)| Err(Error::InvalidConfig(key.to_string())))
    }

    fn list_default(&self, _: ResourceKind, key: &str, change: &str) -> Result<&str, Error> {
        match key {
            "cleanup.policy" => Ok("delete"),
            _ => Err(Error::InvalidConfig(format!("no {change} to {key}"))),
        }
    }
}

/// One broker, number 1, and the topics `a` and `b`.
fn small_image() -> Image {
    let broker = RegisterBrokerRecord { broker_id: 1, ..RegisterBrokerRecord::default() };
    let topic = |name: &str| {
        let topic_id = Uuid([name.as_bytes()[0]; 16]);
        Record::Topic(TopicRecord { name: name.into(), topic_id })
    };
    image_with(Image::default(), &[Record::RegisterBroker(broker), topic("a"), topic("b")])
}

fn image_with(mut image: Image, records: &[Record]) -> Image {
    for record in records {
        image.apply(record).expect("the record fits");
    }
    image
}

fn some(resource: Resource, ops: &[(&str, ConfigOp)]) -> (Resource, ConfigChange) {
    let ops = ops.iter().map(|(key, op)| (Arc::from(*key), op.clone()));
    (resource, ConfigChange::Some(ops.collect()))
}

fn all(resource: Resource, pairs: &[(&str, &str)]) -> (Resource, ConfigChange) {
    let pairs = pairs.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value)));
    (resource, ConfigChange::All(pairs.collect()))
}

fn set(value: &str) -> ConfigOp {
    ConfigOp::Set(value.into())
}

/// The answers, and the image after the records.
fn run(image: &Image, changes: Vec<(Resource, ConfigChange)>) -> (Vec<Result<(), Error>>, Image) {
    let command = Command::SetConfigs(SetConfigs { changes, validate_only: false });
    let decision = decide(image, &command, &Rules);
    let Outcome::SetConfigs(answers) = decision.outcome else { panic!("another answer") };
    (answers, image_with(image.clone(), &decision.records))
}

/// A key of topic `a`.
fn value(image: &Image, key: &str) -> Option<String> {
    image.config(&Resource::topic("a"), key).map(|value| value.to_string())
}

#[test]
fn a_resource_is_changed_as_a_whole_or_not_at_all() {
    let (a, b) = (Resource::topic("a"), Resource::topic("b"));
    let metrics = |name: &str| Resource { kind: ResourceKind::ClientMetrics, name: name.into() };
    let changes = vec![
        some(a.clone(), &[("retention.ms", set("1")), ("cleanup.policy", set("compact"))]),
        some(b.clone(), &[("retention.ms", set("1")), ("nope", set("1"))]),
        some(Resource::topic("zz"), &[("retention.ms", set("1"))]),
        // Keys are judged before anybody looks whether the topic exists.
        some(Resource::topic("zz"), &[("nope", set("1"))]),
        some(Resource::topic("b d"), &[("nope", set("1"))]),
        some(Resource::topic(""), &[("nope", set("1"))]),
        some(Resource::broker(1), &[("retention.ms", set("2"))]),
        some(Resource::broker(2), &[("retention.ms", set("2"))]),
        some(Resource::default_broker(), &[("retention.ms", set("3"))]),
        some(Resource::group(""), &[("retention.ms", set("3"))]),
        some(metrics(""), &[("retention.ms", set("3"))]),
        some(metrics("m"), &[("retention.ms", set("3"))]),
        // A key that is not set can be deleted, whatever it is.
        some(b.clone(), &[("never.set", ConfigOp::Delete)]),
    ];
    let (answers, after) = run(&small_image(), changes);
    assert_eq!(answers[0], Ok(()));
    assert_eq!(answers[1], Err(Error::InvalidConfig("nope".into())));
    assert_eq!(answers[2], Err(Error::UnknownTopic("zz".into())));
    assert_eq!(answers[3], Err(Error::InvalidConfig("nope".into())));
    assert!(matches!(answers[4], Err(Error::InvalidTopicName(_))));
    for refused in [5, 7, 9, 10] {
        assert!(matches!(answers[refused], Err(Error::InvalidRequest(_))), "{refused}");
    }
    for good in [6, 8, 11, 12] {
        assert_eq!(answers[good], Ok(()), "{good}");
    }
    assert_eq!(value(&after, "retention.ms").as_deref(), Some("1"));
    assert_eq!(after.configs(&b), None);
    let told = |resource| after.config(&resource, "retention.ms").map(|value| value.to_string());
    assert_eq!(told(Resource::broker(1)).as_deref(), Some("2"));
    assert_eq!(told(Resource::default_broker()).as_deref(), Some("3"));
    assert_eq!(told(metrics("m")).as_deref(), Some("3"));
    assert_eq!(after.configured_of(ResourceKind::ClientMetrics).count(), 1);
    assert_eq!(after.configured_of(ResourceKind::Broker).count(), 2);
    assert_eq!(after.configured_of(ResourceKind::Group).count(), 0);
}

#[test]
fn what_changes_nothing_needs_no_record() {
    let a = Resource::topic("a");
    let change = some(a, &[("retention.ms", set("1"))]);
    let (_, after) = run(&small_image(), vec![change.clone()]);
    for validate_only in [false, true] {
        let command = SetConfigs { changes: vec![change.clone()], validate_only };
        let decision = decide(&after, &Command::SetConfigs(command.clone()), &Rules);
        assert_eq!(decision.records, []);
        let fresh = decide(&small_image(), &Command::SetConfigs(command), &Rules);
        assert_eq!(fresh.records.len(), usize::from(!validate_only));
        assert_eq!(fresh.outcome, Outcome::SetConfigs(vec![Ok(())]));
    }
}

#[test]
fn lists_are_edited_from_their_default_on() {
    let mut image = small_image();
    for (op, left) in [
        (ConfigOp::Append("compact".into()), Some("delete,compact")),
        (ConfigOp::Append("delete,compact".into()), Some("delete,compact")),
        (ConfigOp::Subtract("compact,other".into()), Some("delete")),
        (ConfigOp::Subtract("delete".into()), Some("")),
        // An empty value is a value: the default does not come back by itself.
        (ConfigOp::Append("compact".into()), Some("compact")),
        (ConfigOp::Append(" compact ".into()), Some("compact, compact ")),
        (ConfigOp::Delete, None),
        (ConfigOp::Subtract("delete".into()), Some("")),
    ] {
        let change = some(Resource::topic("a"), &[("cleanup.policy", op.clone())]);
        let (answers, after) = run(&image, vec![change]);
        assert_eq!(answers, [Ok(())], "{op:?}");
        assert_eq!(value(&after, "cleanup.policy").as_deref(), left, "{op:?}");
        image = after;
    }
    for (op, name) in
        [(ConfigOp::Append("1".into()), "APPEND"), (ConfigOp::Subtract("1".into()), "SUBTRACT")]
    {
        let (answers, _) = run(&image, vec![some(Resource::topic("a"), &[("retention.ms", op)])]);
        assert_eq!(answers, [Err(Error::InvalidConfig(format!("no {name} to retention.ms")))]);
    }
}

#[test]
fn a_replacement_takes_away_what_it_does_not_name() {
    let a = Resource::topic("a");
    let first = all(a.clone(), &[("retention.ms", "1"), ("cleanup.policy", "compact")]);
    let (_, image) = run(&small_image(), vec![first]);
    let (answers, after) = run(&image, vec![all(a.clone(), &[("retention.ms", "2")])]);
    assert_eq!(answers, [Ok(())]);
    assert_eq!(value(&after, "retention.ms").as_deref(), Some("2"));
    assert_eq!(value(&after, "cleanup.policy"), None);
    let (answers, kept) = run(&after, vec![all(a.clone(), &[("retention.ms", "x")])]);
    assert!(answers[0].is_err());
    assert_eq!(kept, after);
    let (_, empty) = run(&after, vec![all(a.clone(), &[])]);
    assert_eq!(empty.configs(&a), None);
}

#[test]
fn what_needs_nothing_to_exist_ends_somewhere() {
    let group = |number: usize| {
        Record::Config(ConfigRecord {
            resource_type: ResourceKind::Group as i8,
            resource_name: format!("group-{number}").into(),
            name: "retention.ms".into(),
            value: Some("1".into()),
        })
    };
    let groups: Vec<Record> = (0..FREE_RESOURCES_MAX).map(group).collect();
    let image = image_with(small_image(), &groups);
    let change = |name: &str| some(Resource::group(name), &[("retention.ms", set("5"))]);
    let (answers, _) = run(&image, vec![change("one-more"), change("group-7")]);
    assert!(matches!(answers[0], Err(Error::PolicyViolation(_))));
    assert_eq!(answers[1], Ok(()));
}

#[test]
fn a_value_that_is_too_long_to_be_kept_is_refused() {
    for (length, fits) in [(i16::MAX as usize, true), (i16::MAX as usize + 1, false)] {
        let change = some(Resource::topic("a"), &[("cleanup.policy", set(&"x".repeat(length)))]);
        let (answers, _) = run(&small_image(), vec![change]);
        assert_eq!(answers[0].is_ok(), fits);
    }
}
