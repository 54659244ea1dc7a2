//! Metadata: every version, names and IDs, automatic creation, and the address that is answered.

use std::net::SocketAddr;

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;
use uuid::Uuid;

use super::requests::*;

/// "Operations were not asked for".
const UNASKED: i32 = i32::MIN;

fn by_name(names: &[&str]) -> MetadataRequest {
    let topics = names
        .iter()
        .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))))
        .collect();
    MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(true)
}

fn by_id(id: Uuid) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(None).with_topic_id(id);
    MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(true)
}

fn names(response: &MetadataResponse) -> Vec<String> {
    let names = response.topics.iter().map(|topic| topic.name.as_ref().expect("it has a name"));
    let mut names: Vec<String> = names.map(|name| name.0.to_string()).collect();
    names.sort();
    names
}

fn check_brokers(broker: &Broker, response: &MetadataResponse, version: i16) {
    assert_eq!((response.throttle_time_ms, response.error_code), (0, 0), "v{version}");
    assert_eq!(response.brokers.len(), 1);
    let node = &response.brokers[0];
    assert_eq!((node.node_id.0, &*node.host), (1, "127.0.0.1"), "v{version}");
    assert_eq!(node.port, i32::from(broker.address().port()), "v{version}");
    assert_eq!(node.rack, None);
    // -1 stands for a field that the version does not have.
    assert_eq!(response.controller_id.0, if version >= 1 { 1 } else { -1 }, "v{version}");
    assert_eq!(response.cluster_id.is_some(), version >= 2, "v{version}");
}

fn check_topic(topic: &MetadataResponseTopic, id: Uuid, version: i16) {
    assert_eq!(topic.error_code, 0, "v{version}");
    assert_eq!(topic.topic_id, if version >= 10 { id } else { Uuid::nil() }, "v{version}");
    assert!(!topic.is_internal);
    let indexes: Vec<i32> = topic.partitions.iter().map(|p| p.partition_index).collect();
    assert_eq!(indexes, [0, 1], "v{version}");
    for partition in &topic.partitions {
        assert_eq!((partition.error_code, partition.leader_id.0), (0, 1), "v{version}");
        let epoch = if version >= 7 { 0 } else { -1 };
        assert_eq!(partition.leader_epoch, epoch, "v{version}");
        assert_eq!((partition.replica_nodes.len(), partition.isr_nodes.len()), (1, 1));
        assert_eq!((partition.replica_nodes[0].0, partition.isr_nodes[0].0), (1, 1));
        assert!(partition.offline_replicas.is_empty());
    }
    assert_eq!(topic.topic_authorized_operations, UNASKED);
}

#[test]
fn every_version_describes_topics_and_brokers() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 2, &[]);
    for version in 0..=13 {
        let response = client.call(by_name(&["t"]), version);
        check_brokers(&broker, &response, version);
        assert_eq!(names(&response), ["t"]);
        check_topic(&response.topics[0], id, version);
        assert_eq!(response.cluster_authorized_operations, UNASKED);
    }
}

#[test]
fn every_version_lists_all_topics() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for name in ["b", "a", "c"] {
        create(&mut client, name, 1, &[]);
    }
    for version in 0..=13 {
        let all = match version {
            0 => MetadataRequest::default().with_topics(Some(vec![])),
            _ => MetadataRequest::default().with_topics(None),
        };
        let response = client.call(all.with_allow_auto_topic_creation(true), version);
        check_brokers(&broker, &response, version);
        assert_eq!(names(&response), ["a", "b", "c"], "v{version}");
        if version > 0 {
            let none = MetadataRequest::default().with_topics(Some(vec![]));
            let none = client.call(none.with_allow_auto_topic_creation(true), version);
            check_brokers(&broker, &none, version);
            assert!(none.topics.is_empty(), "v{version}");
        }
    }
}

#[test]
fn operations_are_told_on_demand() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    // Read, write, create, delete, alter, describe, describe configs, alter configs.
    let topic_operations = 0b1101_1111_1000;
    // Create, alter, describe, cluster action, describe and alter configs, idempotent write.
    let cluster_operations = 0b1_1111_1010_0000;
    for version in 8..=13 {
        let mut request = by_name(&["t"]).with_include_topic_authorized_operations(true);
        if version <= 10 {
            request.include_cluster_authorized_operations = true;
        }
        let response = client.call(request, version);
        assert_eq!(response.topics[0].topic_authorized_operations, topic_operations, "v{version}");
        let expected = if version <= 10 { cluster_operations } else { UNASKED };
        assert_eq!(response.cluster_authorized_operations, expected, "v{version}");
    }
}

#[test]
fn topics_are_found_by_id() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 2, &[]);
    create(&mut client, "other", 1, &[]);
    for version in [12, 13] {
        let response = client.call(by_id(id), version);
        assert_eq!(names(&response), ["t"]);
        check_topic(&response.topics[0], id, version);
        let unknown = Uuid::from_bytes([9; 16]);
        let response = client.call(by_id(unknown), version);
        assert_eq!(response.topics[0].error_code, UnknownTopicId.code());
        assert_eq!((&response.topics[0].name, response.topics[0].topic_id), (&None, unknown));
        // With both, the ID counts.
        let mut both = by_id(id);
        both.topics.as_mut().expect("it has topics")[0].name = Some(topic_name("other"));
        assert_eq!(names(&client.call(both, version)), ["t"]);
        let neither = client.call(by_id(Uuid::nil()), version);
        assert_eq!(neither.topics[0].error_code, InvalidRequest.code());
    }
    for version in [10, 11] {
        let mut both = by_id(id);
        both.topics.as_mut().expect("it has topics")[0].name = Some(topic_name("t"));
        let response = client.call(both, version);
        assert_eq!(response.topics[0].error_code, InvalidRequest.code(), "v{version}");
        // The whole request is refused: what is named properly in it, too, and no broker is told.
        let mut mixed = by_id(id);
        mixed.topics.as_mut().expect("it has topics").extend(by_name(&["t"]).topics.unwrap());
        let response = client.call(mixed, version);
        assert!(response.topics.iter().all(|topic| topic.error_code == InvalidRequest.code()));
        assert_eq!((response.topics.len(), response.brokers.len()), (2, 0), "v{version}");
    }
}

#[test]
fn trap_15_a_topic_that_is_asked_for_exists_at_once() {
    let broker = Broker::start(&["num.partitions=3"]);
    let mut client = broker.connect();
    for version in 0..=13 {
        let name = format!("t{version}");
        let response = client.call(by_name(&[&name]), version);
        let topic = &response.topics[0];
        assert_eq!((topic.error_code, topic.partitions.len()), (0, 3), "v{version}");
        assert_eq!(topic.topic_id.is_nil(), version < 10, "v{version}");
        assert_eq!(produce(&mut client, &name, protocol_tests::batches::records(1)), 0);
    }
}

#[test]
fn topics_are_not_created_against_the_clients_will() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let unknown = UnknownTopicOrPartition.code();
    for version in 4..=13 {
        let request = by_name(&["nobody"]).with_allow_auto_topic_creation(false);
        let topic = client.call(request, version).topics[0].clone();
        assert_eq!((topic.error_code, topic.partitions.len()), (unknown, 0), "v{version}");
        assert_eq!(topic.name, Some(topic_name("nobody")));
        assert!(topic.topic_id.is_nil());
    }
    let response = client.call(MetadataRequest::default().with_topics(None), 12);
    assert!(response.topics.is_empty());
}

#[test]
fn topics_are_not_created_against_the_brokers_will() {
    let broker = Broker::start(&["auto.create.topics.enable=false"]);
    let mut client = broker.connect();
    for version in 0..=13 {
        let topic = client.call(by_name(&["nobody"]), version).topics[0].clone();
        assert_eq!(topic.error_code, UnknownTopicOrPartition.code(), "v{version}");
    }
}

#[test]
fn bad_names_are_not_created() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let long = "x".repeat(250);
    create(&mut client, "a.b", 1, &[]);
    for name in ["", ".", "..", "a b", "ä", "a/b", &long, "a_b"] {
        for version in [1, 9, 13] {
            let topic = client.call(by_name(&[name]), version).topics[0].clone();
            assert_eq!(topic.error_code, InvalidTopicException.code(), "{name:?} v{version}");
            assert_eq!(topic.name, Some(topic_name(name)));
        }
    }
    let own = client.call(by_name(&["__cluster_metadata"]), 12).topics[0].clone();
    assert_eq!(own.error_code, UnknownTopicOrPartition.code());
    let response = client.call(MetadataRequest::default().with_topics(None), 12);
    assert_eq!(names(&response), ["a.b"]);
}

#[test]
fn a_topic_given_twice_is_answered_once() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let response = client.call(by_name(&["t", "u", "t", "u"]), 12);
    assert_eq!(names(&response), ["t", "u"]);
}

#[test]
fn internal_topics_are_marked() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "__consumer_offsets", 1, &[]);
    for version in 1..=13 {
        let topic = client.call(by_name(&["__consumer_offsets"]), version).topics[0].clone();
        assert!(topic.is_internal, "v{version}");
    }
}

#[test]
fn the_address_is_the_one_the_client_connected_to() {
    let broker = Broker::start_on([0, 0, 0, 0], &[]);
    let port = broker.address().port();
    for host in [[127, 0, 0, 1], [127, 0, 0, 2]] {
        let address = SocketAddr::from((host, port));
        let response = Client::connect(address).call(by_name(&[]), 12);
        assert_eq!(*response.brokers[0].host, address.ip().to_string());
        assert_eq!(response.brokers[0].port, i32::from(port));
    }
}

#[test]
fn an_advertised_address_replaces_it() {
    let broker = Broker::start(&["advertised.listeners=PLAINTEXT://example.org:7777"]);
    let response = broker.connect().call(by_name(&[]), 12);
    assert_eq!((&*response.brokers[0].host, response.brokers[0].port), ("example.org", 7777));
}

#[test]
fn a_rack_is_told() {
    let broker = Broker::start(&["broker.rack=left"]);
    let mut client = broker.connect();
    for version in 1..=13 {
        let response = client.call(by_name(&[]), version);
        assert_eq!(response.brokers[0].rack.as_deref(), Some("left"), "v{version}");
    }
}
