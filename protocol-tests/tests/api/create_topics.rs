//! CreateTopics: every version, the rules for names, counts, assignments and settings.

use kafka_protocol::ResponseError::{self, *};
use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::{BrokerId, CreateTopicsRequest, MetadataRequest};
use protocol_tests::batches::records;
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::requests::*;

fn request(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(TIMEOUT_MS)
}

fn ask(client: &mut Client, topic: CreatableTopic) -> CreatableTopicResult {
    client.call(request(vec![topic]), 7).topics[0].clone()
}

fn code_of(client: &mut Client, topic: CreatableTopic) -> i16 {
    ask(client, topic).error_code
}

fn assigned(name: &str, replicas: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = replicas.iter().map(|(partition, brokers)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(*partition)
            .with_broker_ids(brokers.iter().copied().map(BrokerId).collect())
    });
    CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_assignments(assignments.collect())
}

fn exists(client: &mut Client, name: &str) -> bool {
    describe_topic(client, name).error_code == 0
}

#[test]
fn every_version_creates() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 2..=7 {
        let name = format!("t{version}");
        let topic = new_topic(&name, 3, &[("retention.ms", "1000000")]);
        let response = client.call(request(vec![topic]), version);
        assert_eq!(response.throttle_time_ms, 0);
        let created = &response.topics[0];
        assert_eq!((&*created.name.0, created.error_code), (name.as_str(), 0), "v{version}");
        assert_eq!(created.error_message, None);
        // The topic can be used by the time the answer leaves.
        let described = describe_topic(&mut client, &name);
        assert_eq!((described.error_code, described.partitions.len()), (0, 3));
        if version >= 5 {
            assert_eq!((created.num_partitions, created.replication_factor), (3, 1));
            let configs = created.configs.as_ref().expect("they are told");
            let retention = configs.iter().find(|config| &*config.name == "retention.ms");
            let retention = retention.expect("it is told");
            assert_eq!(retention.value.as_deref(), Some("1000000"));
            assert_eq!((retention.config_source, retention.read_only), (1, false));
            let policy = configs.iter().find(|config| &*config.name == "cleanup.policy");
            let policy = policy.expect("it is told");
            assert_eq!((policy.value.as_deref(), policy.config_source), (Some("delete"), 5));
            assert_eq!(created.topic_config_error_code, 0);
        }
        match version {
            7.. => assert_eq!(created.topic_id, described.topic_id),
            _ => assert!(created.topic_id.is_nil()),
        }
        assert_eq!(produce(&mut client, &name, records(1)), 0);
    }
}

#[test]
fn all_settings_of_a_topic_are_told() {
    let broker = Broker::start(&[]);
    let created = ask(&mut broker.connect(), new_topic("t", 1, &[]));
    assert_eq!(created.configs.map(|configs| configs.len()), Some(33));
}

#[test]
fn defaults_are_the_brokers() {
    let broker = Broker::start(&["num.partitions=4"]);
    let mut client = broker.connect();
    for version in 2..=7 {
        let name = format!("t{version}");
        let topic = new_topic(&name, -1, &[]).with_replication_factor(-1);
        assert_eq!(client.call(request(vec![topic]), version).topics[0].error_code, 0);
        assert_eq!(describe_topic(&mut client, &name).partitions.len(), 4);
    }
}

#[test]
fn counts_are_checked_partitions_first() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for (partitions, replicas, code) in [
        (0, 1, InvalidPartitions),
        (-2, 1, InvalidPartitions),
        (1, 0, InvalidReplicationFactor),
        (1, 2, InvalidReplicationFactor),
        (1, -2, InvalidReplicationFactor),
        (0, 2, InvalidPartitions),
        // Only a replication factor that cannot be counts for more.
        (0, 0, InvalidReplicationFactor),
        (10_001, 1, PolicyViolation),
    ] {
        let topic = new_topic("t", partitions, &[]).with_replication_factor(replicas);
        assert_eq!(code_of(&mut client, topic), code.code(), "{partitions} {replicas}");
    }
    let many = vec![new_topic("a", 6000, &[]), new_topic("b", 6000, &[])];
    let response = client.call(request(many), 7);
    for topic in &response.topics {
        assert_eq!(topic.error_code, PolicyViolation.code());
    }
    assert!(!exists(&mut client, "a") && !exists(&mut client, "t"));
}

#[test]
fn names_are_checked() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let (longest, too_long) = ("x".repeat(249), "x".repeat(250));
    for name in ["", ".", "..", "a b", "a/b", "a:b", "ä", "a\n", &too_long] {
        let code = code_of(&mut client, new_topic(name, 1, &[]));
        assert_eq!(code, InvalidTopicException.code(), "{name:?}");
    }
    for name in ["a", "...", "A-Z_0.9", "-", &longest] {
        assert_eq!(code_of(&mut client, new_topic(name, 1, &[])), 0, "{name:?}");
        let again = code_of(&mut client, new_topic(name, 1, &[]));
        assert_eq!(again, TopicAlreadyExists.code());
    }
    let code = code_of(&mut client, new_topic("__cluster_metadata", 1, &[]));
    assert_eq!(code, InvalidRequest.code());
}

#[test]
fn names_that_differ_in_dots_and_underscores_collide() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "a.b_c", 1, &[]);
    for name in ["a_b_c", "a.b.c", "a_b.c"] {
        let code = code_of(&mut client, new_topic(name, 1, &[]));
        assert_eq!(code, InvalidTopicException.code(), "{name}");
    }
    // Within one request they do not, as in Kafka.
    let both = vec![new_topic("x.y", 1, &[]), new_topic("x_y", 1, &[])];
    let response = client.call(request(both), 7);
    assert!(response.topics.iter().all(|topic| topic.error_code == 0));
}

#[test]
fn a_name_given_twice_is_created_not_at_all() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let topics = vec![new_topic("a", 1, &[]), new_topic("b", 1, &[]), new_topic("a", 2, &[])];
    let response = client.call(request(topics), 7);
    for topic in &response.topics {
        let code = if &*topic.name.0 == "a" { InvalidRequest.code() } else { 0 };
        assert_eq!(topic.error_code, code);
    }
    assert!(!exists(&mut client, "a") && exists(&mut client, "b"));
}

#[test]
fn assignments_are_checked() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let good = ask(&mut client, assigned("good", &[(0, &[1]), (1, &[1])]));
    assert_eq!((good.error_code, good.num_partitions, good.replication_factor), (0, 2, 1));
    for (what, assignment) in [
        ("gap", vec![(0, [1].as_slice()), (2, &[1])]),
        ("twice the same", vec![(0, [1].as_slice()), (0, &[1])]),
        ("no replicas", vec![(0, [].as_slice())]),
        ("a broker twice", vec![(0, [1, 1].as_slice())]),
        ("unknown broker", vec![(0, [7].as_slice())]),
        ("different lengths", vec![(0, [1].as_slice()), (1, &[1, 7])]),
    ] {
        let code = code_of(&mut client, assigned("bad", &assignment));
        assert_eq!(code, InvalidReplicaAssignment.code(), "{what}");
    }
    let counted = assigned("bad", &[(0, &[1])]).with_num_partitions(1);
    assert_eq!(code_of(&mut client, counted), InvalidRequest.code());
    let counted = assigned("bad", &[(0, &[1])]).with_replication_factor(1);
    assert_eq!(code_of(&mut client, counted), InvalidRequest.code());
    assert!(!exists(&mut client, "bad"));
}

fn config_code(client: &mut Client, name: &str, key: &str, value: &str) -> i16 {
    code_of(client, new_topic(name, 1, &[(key, value)]))
}

#[test]
fn settings_are_checked() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for (key, value) in [
        ("no.such.key", "1"),
        ("retention.ms", "abc"),
        ("retention.ms", ""),
        ("retention.ms", "-2"),
        ("segment.bytes", "1048575"),
        ("cleanup.policy", "shred"),
        ("compression.type", "ZSTD"),
        ("preallocate", "maybe"),
        ("message.timestamp.type", "createtime"),
        ("min.insync.replicas", "0"),
        ("message.format.version", "3.0"),
        ("message.downconversion.enable", "true"),
        ("message.timestamp.difference.max.ms", "5"),
    ] {
        let code = config_code(&mut client, "t", key, value);
        assert_eq!(code, InvalidConfig.code(), "{key}={value}");
    }
    for (index, (key, value)) in [
        ("cleanup.policy", ""),
        ("cleanup.policy", "delete,delete"),
        ("cleanup.policy", "compact,delete"),
        ("retention.bytes", "-3"),
        ("preallocate", "TRUE"),
        ("retention.ms", " 12 "),
        ("min.cleanable.dirty.ratio", "NaN"),
        ("min.insync.replicas", "5"),
        ("segment.bytes", "1048576"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("good{index}");
        assert_eq!(config_code(&mut client, &name, key, value), 0, "{key}={value:?}");
    }
    let mut null = new_topic("t", 1, &[("retention.ms", "")]);
    null.configs[0].value = None;
    assert_eq!(code_of(&mut client, null), InvalidConfig.code());
    assert!(!exists(&mut client, "t"));
}

#[test]
fn validation_only_leaves_nothing_behind() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 2..=7 {
        let topics = vec![new_topic("t", 2, &[]), new_topic("", 1, &[])];
        let response = client.call(request(topics).with_validate_only(true), version);
        assert_eq!(response.topics[0].error_code, 0, "v{version}");
        assert_eq!(response.topics[1].error_code, InvalidTopicException.code());
        if version >= 5 {
            assert_eq!(response.topics[0].num_partitions, 2);
        }
        assert_eq!(response.topics[0].topic_id.is_nil(), version < 7, "v{version}");
    }
    let all = client.call(MetadataRequest::default().with_topics(None), 12);
    assert!(all.topics.is_empty());
}

#[test]
fn no_time_is_too_little() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for timeout in [0, -1] {
        let request = request(vec![new_topic("t", 1, &[])]).with_timeout_ms(timeout);
        let code = client.call(request, 7).topics[0].error_code;
        assert_eq!(code, RequestTimedOut.code());
    }
}

#[test]
fn each_topic_is_judged_for_itself() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "old", 1, &[]);
    let topics =
        vec![new_topic("old", 1, &[]), new_topic("new", 1, &[]), new_topic("none", 0, &[])];
    for version in [2, 7] {
        let response = client.call(request(topics.clone()).with_validate_only(true), version);
        let code = |name: &str| {
            let found = response.topics.iter().find(|topic| &*topic.name.0 == name);
            let found = found.expect("every topic is answered");
            assert_eq!(found.error_message.is_some(), found.error_code != 0);
            ResponseError::try_from_code(found.error_code)
        };
        assert_eq!(code("old"), Some(TopicAlreadyExists));
        assert_eq!(code("new"), None);
        assert_eq!(code("none"), Some(InvalidPartitions));
    }
}
