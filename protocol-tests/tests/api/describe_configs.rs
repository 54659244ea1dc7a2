//! DescribeConfigs: every version, topics and brokers, sources, synonyms and documentation.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::requests::*;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;

fn resource(kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
    let keys = keys.map(|keys| keys.iter().map(|key| text(key)).collect());
    DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(keys)
}

fn ask(
    client: &mut Client,
    version: i16,
    kind: i8,
    name: &str,
    keys: Option<&[&str]>,
) -> DescribeConfigsResult {
    let request =
        DescribeConfigsRequest::default().with_resources(vec![resource(kind, name, keys)]);
    let response = client.call(request, version);
    assert_eq!((response.throttle_time_ms, response.results.len()), (0, 1));
    let result = response.results[0].clone();
    assert_eq!((result.resource_type, &*result.resource_name), (kind, name));
    result
}

fn find<'a>(result: &'a DescribeConfigsResult, key: &str) -> &'a DescribeConfigsResourceResult {
    let found = result.configs.iter().find(|config| &*config.name == key);
    found.unwrap_or_else(|| panic!("{key} is not told"))
}

#[test]
fn every_version_describes_a_topic() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("retention.ms", "1000000")]);
    for version in 1..=4 {
        let result = ask(&mut client, version, TOPIC, "t", None);
        assert_eq!((result.error_code, result.configs.len()), (0, 33), "v{version}");
        for (key, value, source, kind) in [
            ("retention.ms", "1000000", 1, 5),
            ("cleanup.policy", "delete", 5, 7),
            ("compression.type", "producer", 5, 2),
            ("preallocate", "false", 5, 1),
            ("min.insync.replicas", "1", 5, 3),
            ("min.cleanable.dirty.ratio", "0.5", 5, 6),
        ] {
            let config = find(&result, key);
            assert_eq!(config.value.as_deref(), Some(value), "{key} v{version}");
            assert_eq!(config.config_source, source, "{key} v{version}");
            assert_eq!((config.read_only, config.is_sensitive), (false, false), "{key}");
            // Types and documentation exist from version 3 on.
            assert_eq!(config.config_type, if version >= 3 { kind } else { 0 }, "{key}");
            let documentation = config.documentation.as_ref().filter(|text| !text.is_empty());
            assert_eq!(documentation, None, "{key}");
            assert!(config.synonyms.is_empty(), "{key}");
        }
    }
}

#[test]
fn keys_can_be_chosen() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in 1..=4 {
        let keys = ["segment.bytes", "no.such.key", "retention.ms"];
        let result = ask(&mut client, version, TOPIC, "t", Some(&keys));
        let mut told: Vec<&str> = result.configs.iter().map(|config| &*config.name).collect();
        told.sort_unstable();
        assert_eq!(told, ["retention.ms", "segment.bytes"], "v{version}");
    }
}

#[test]
fn synonyms_and_documentation_come_on_demand() {
    let broker = Broker::start(&["log.retention.ms=5000000"]);
    let mut client = broker.connect();
    create(&mut client, "own", 1, &[("retention.ms", "1000000")]);
    create(&mut client, "plain", 1, &[]);
    for version in 1..=4 {
        let resources = ["own", "plain"].map(|name| resource(TOPIC, name, None));
        let mut request = DescribeConfigsRequest::default()
            .with_resources(resources.to_vec())
            .with_include_synonyms(true);
        if version >= 3 {
            request.include_documentation = true;
        }
        let response = client.call(request, version);
        let synonyms = |result: &DescribeConfigsResult| {
            let synonyms = find(result, "retention.ms").synonyms.clone();
            let told = synonyms.into_iter().map(|synonym| {
                (synonym.name.to_string(), synonym.value.map(|v| v.to_string()), synonym.source)
            });
            told.collect::<Vec<_>>()
        };
        let own = &response.results[0];
        let told = synonyms(own);
        assert_eq!(told[0], ("retention.ms".into(), Some("1000000".into()), 1));
        assert_eq!(told[1], ("log.retention.ms".into(), Some("5000000".into()), 4));
        assert_eq!(told.last().map(|synonym| synonym.2), Some(5), "the default comes last");
        let plain = &response.results[1];
        assert_eq!(find(plain, "retention.ms").value.as_deref(), Some("5000000"));
        assert_eq!(find(plain, "retention.ms").config_source, 4);
        assert_eq!(synonyms(plain), told[1..]);
        let documentation = &find(plain, "retention.ms").documentation;
        assert_eq!(documentation.as_ref().is_some_and(|text| !text.is_empty()), version >= 3);
    }
}

#[test]
fn every_version_describes_the_broker() {
    let broker = Broker::start(&["num.partitions=4"]);
    let mut client = broker.connect();
    for version in 1..=4 {
        let result = ask(&mut client, version, BROKER, "1", None);
        assert_eq!(result.error_code, 0, "v{version}");
        let partitions = find(&result, "num.partitions");
        assert_eq!((partitions.value.as_deref(), partitions.config_source), (Some("4"), 4));
        let fetch = find(&result, "fetch.max.bytes");
        assert_eq!((fetch.value.as_deref(), fetch.config_source), (Some("57671680"), 5));
        // Clients such as kafka-configs read this key.
        assert_eq!(find(&result, "log.retention.hours").value.as_deref(), Some("168"));
        for config in &result.configs {
            assert!(!config.is_sensitive || config.value.is_none(), "{}", &*config.name);
        }
        let all_brokers = ask(&mut client, version, BROKER, "", None);
        assert_eq!((all_brokers.error_code, all_brokers.configs.len()), (0, 0));
        let loggers = ask(&mut client, version, LOGGER, "1", None);
        let root = find(&loggers, "root");
        assert_eq!((root.value.as_deref(), root.config_source), (Some("WARN"), 6));
    }
}

#[test]
fn what_does_not_exist_is_an_error_of_its_own() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 1..=4 {
        for (kind, name, code) in [
            (TOPIC, "nobody", UnknownTopicOrPartition),
            (TOPIC, "bad name", InvalidTopicException),
            (TOPIC, "", InvalidTopicException),
            (BROKER, "7", InvalidRequest),
            (BROKER, "x", InvalidRequest),
            (LOGGER, "7", InvalidRequest),
            (LOGGER, "", InvalidRequest),
            (3, "x", InvalidRequest),
            (99, "x", InvalidRequest),
        ] {
            let result = ask(&mut client, version, kind, name, None);
            assert_eq!(result.error_code, code.code(), "v{version} {kind} {name:?}");
            assert!(result.configs.is_empty());
        }
    }
}
