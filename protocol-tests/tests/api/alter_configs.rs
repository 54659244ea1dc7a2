//! AlterConfigs: every version, that what is not named goes back to its default, and the checks.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::AlterConfigsRequest;
use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::config_requests::{BROKER, GROUP, METRICS, TOPIC, set, shown};
use super::requests::*;

fn resource(kind: i8, name: &str, pairs: &[(&str, Option<&str>)]) -> AlterConfigsResource {
    let configs = pairs.iter().map(|(key, value)| {
        AlterableConfig::default().with_name(text(key)).with_value(value.map(text))
    });
    AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.collect())
}

fn alter(
    client: &mut Client,
    version: i16,
    validate_only: bool,
    resources: Vec<AlterConfigsResource>,
) -> Vec<i16> {
    let named: Vec<_> = resources.iter().map(|resource| resource.resource_name.clone()).collect();
    let request =
        AlterConfigsRequest::default().with_resources(resources).with_validate_only(validate_only);
    let response = client.call(request, version);
    let told: Vec<_> = response.responses.iter().map(|r| r.resource_name.clone()).collect();
    assert_eq!((response.throttle_time_ms, told), (0, named));
    for answer in &response.responses {
        assert_eq!(answer.error_message.is_none(), answer.error_code == 0);
    }
    response.responses.iter().map(|answer| answer.error_code).collect()
}

#[test]
fn every_version_replaces_everything() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 0..=2 {
        let name = &format!("t{version}");
        create(&mut client, name, 1, &[("retention.ms", "5"), ("segment.ms", "6")]);
        let change = || vec![resource(TOPIC, name, &[("segment.ms", Some("7"))])];
        assert_eq!(alter(&mut client, version, true, change()), [0], "v{version}");
        assert_eq!(shown(&mut client, TOPIC, name, "segment.ms"), "6@1");
        assert_eq!(alter(&mut client, version, false, change()), [0], "v{version}");
        assert_eq!(shown(&mut client, TOPIC, name, "segment.ms"), "7@1");
        assert_eq!(shown(&mut client, TOPIC, name, "retention.ms"), "604800000@5");
        assert_eq!(alter(&mut client, version, false, vec![resource(TOPIC, name, &[])]), [0]);
        assert_eq!(shown(&mut client, TOPIC, name, "segment.ms"), "604800000@5");
    }
}

#[test]
fn other_resources_are_replaced_too() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for (kind, name, key, value, default) in [
        (BROKER, "1", "log.roll.ms", "60000", "null@5"),
        (BROKER, "", "log.retention.bytes", "60000", "nothing"),
        (GROUP, "g", "consumer.session.timeout.ms", "50000", "45000@5"),
        (METRICS, "m", "interval.ms", "1000", "300000@5"),
    ] {
        set(&mut client, kind, name, key, value);
        let bad = vec![resource(kind, name, &[(key, Some("x"))])];
        assert_ne!(alter(&mut client, 2, false, bad), [0]);
        assert!(shown(&mut client, kind, name, key).starts_with(value));
        assert_eq!(alter(&mut client, 2, false, vec![resource(kind, name, &[])]), [0]);
        assert_eq!(shown(&mut client, kind, name, key), default, "{key}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("retention.ms", "5")]);
    let ok = ("retention.ms", Some("7"));
    let (config, request) = (InvalidConfig.code(), InvalidRequest.code());
    for version in 0..=2 {
        for (kind, name, pairs, code) in [
            (TOPIC, "t", vec![("retention.ms", Some("x"))], config),
            (TOPIC, "t", vec![("no.such", Some("x"))], config),
            (TOPIC, "t", vec![("retention.ms", None)], request),
            (TOPIC, "t", vec![ok, ok], request),
            (TOPIC, "nobody", vec![ok], UnknownTopicOrPartition.code()),
            (TOPIC, "bad name", vec![ok], InvalidTopicException.code()),
            (TOPIC, "", vec![ok], request),
            (BROKER, "1", vec![("num.partitions", Some("3"))], request),
            (BROKER, "7", vec![("log.roll.ms", Some("3"))], request),
            (GROUP, "", vec![], request),
            (METRICS, "", vec![], request),
            (3, "t", vec![ok], request),
            // Loggers are changed one by one only.
            (8, "1", vec![("root", Some("INFO"))], request),
        ] {
            let answer = alter(&mut client, version, false, vec![resource(kind, name, &pairs)]);
            assert_eq!(answer, [code], "v{version} {kind} {name:?} {pairs:?}");
        }
        let twice = vec![resource(TOPIC, "t", &[]), resource(TOPIC, "t", &[])];
        assert_eq!(alter(&mut client, version, false, twice), [request, request]);
    }
    assert_eq!(shown(&mut client, TOPIC, "t", "retention.ms"), "5@1");
}
