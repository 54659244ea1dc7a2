//! CreatePartitions: every version, the rules for counts and assignments, and that new partitions
//! can be used at once.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{BrokerId, CreatePartitionsRequest};
use protocol_tests::batches::records;
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::group_requests::*;
use super::requests::*;

fn more(name: &str, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic::default()
        .with_name(topic_name(name))
        .with_count(count)
        .with_assignments(None)
}

fn assigned(name: &str, count: i32, replicas: &[&[i32]]) -> CreatePartitionsTopic {
    let assignments = replicas.iter().map(|brokers| {
        let brokers = brokers.iter().copied().map(BrokerId);
        CreatePartitionsAssignment::default().with_broker_ids(brokers.collect())
    });
    more(name, count).with_assignments(Some(assignments.collect()))
}

fn request(topics: Vec<CreatePartitionsTopic>) -> CreatePartitionsRequest {
    CreatePartitionsRequest::default().with_topics(topics).with_timeout_ms(TIMEOUT_MS)
}

fn ask(client: &mut Client, topic: CreatePartitionsTopic) -> CreatePartitionsTopicResult {
    client.call(request(vec![topic]), 3).results[0].clone()
}

fn code(client: &mut Client, topic: CreatePartitionsTopic) -> i16 {
    ask(client, topic).error_code
}

fn count(client: &mut Client, name: &str) -> usize {
    describe_topic(client, name).partitions.len()
}

#[test]
fn every_version_adds() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    assert_eq!(produce(&mut client, "t", records(2)), 0);
    for version in 0..=3 {
        let wanted = i32::from(version) + 2;
        let response = client.call(request(vec![more("t", wanted)]), version);
        assert_eq!(response.throttle_time_ms, 0);
        let result = &response.results[0];
        assert_eq!((&*result.name.0, result.error_code), ("t", 0), "v{version}");
        assert_eq!(result.error_message, None);
        assert_eq!(count(&mut client, "t"), wanted as usize);
        let new = produce_request("t", wanted - 1, -1, records(1));
        let answer = client.call(new, 12).responses[0].partition_responses[0].clone();
        assert_eq!((answer.error_code, answer.base_offset), (0, 0), "v{version}");
    }
    broker.kill();
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(count(&mut client, "t"), 5);
    assert_eq!(list_offset(&mut client, "t", -1).0, 2, "what was there stays");
    let last = client.call(list_offsets_request("t", 4, -1), 10);
    assert_eq!(last.topics[0].partitions[0].offset, 1);
}

#[test]
fn new_partitions_are_placed_on_the_broker() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    assert_eq!(code(&mut client, assigned("t", 3, &[&[1], &[1]])), 0);
    assert_eq!(code(&mut client, more("t", 4)), 0);
    for (index, partition) in describe_topic(&mut client, "t").partitions.iter().enumerate() {
        assert_eq!(partition.partition_index, index as i32);
        assert_eq!((partition.leader_id, partition.error_code), (BrokerId(1), 0));
        assert_eq!(partition.replica_nodes, [BrokerId(1)]);
        assert_eq!(partition.isr_nodes, [BrokerId(1)]);
    }
}

#[test]
fn only_more_partitions_can_be_had() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 3, &[]);
    for (wanted, expected) in [
        (3, InvalidPartitions),
        (2, InvalidPartitions),
        (0, InvalidPartitions),
        (-1, InvalidPartitions),
        (i32::MIN, InvalidPartitions),
        (10_004, PolicyViolation),
        (i32::MAX, PolicyViolation),
    ] {
        let result = ask(&mut client, more("t", wanted));
        assert_eq!(result.error_code, expected.code(), "{wanted}");
        assert!(result.error_message.is_some());
    }
    let same = ask(&mut client, more("t", 3)).error_message;
    assert_eq!(same.as_deref(), Some("Topic already has 3 partition(s)."));
    let fewer = "The topic t currently has 3 partition(s); 2 would not be an increase.";
    assert_eq!(ask(&mut client, more("t", 2)).error_message.as_deref(), Some(fewer));
    for name in ["unknown", ""] {
        assert_eq!(code(&mut client, more(name, 2)), UnknownTopicOrPartition.code());
    }
    assert_eq!(count(&mut client, "t"), 3);
}

#[test]
fn assignments_are_checked() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for (what, assignments) in [
        ("too few", [].as_slice()),
        ("too many", &[[1].as_slice(), &[1]]),
        ("no replicas", &[[].as_slice()]),
        ("a broker twice", &[[1, 1].as_slice()]),
        ("unknown broker", &[[7].as_slice()]),
        ("another replication factor", &[[1, 7].as_slice()]),
    ] {
        let result = ask(&mut client, assigned("t", 2, assignments));
        assert_eq!(result.error_code, InvalidReplicaAssignment.code(), "{what}");
        assert!(result.error_message.is_some(), "{what}");
    }
    // The count is judged before the assignment.
    assert_eq!(code(&mut client, assigned("t", 1, &[&[7]])), InvalidPartitions.code());
    assert_eq!(count(&mut client, "t"), 1);
}

#[test]
fn each_topic_is_judged_for_itself() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for name in ["a", "b", "twice"] {
        create(&mut client, name, 1, &[]);
    }
    for version in [0, 3] {
        let wanted = 2 + i32::from(version);
        let topics = vec![
            more("a", wanted),
            more("none", 2),
            more("twice", 2),
            more("b", 1),
            more("twice", 3),
        ];
        let response = client.call(request(topics), version);
        let mut codes: Vec<(String, i16)> =
            response.results.iter().map(|r| (r.name.0.to_string(), r.error_code)).collect();
        codes.sort();
        let expected = [
            ("a", 0),
            ("b", InvalidPartitions.code()),
            ("none", UnknownTopicOrPartition.code()),
            ("twice", InvalidRequest.code()),
        ];
        assert_eq!(codes, expected.map(|(name, code)| (name.to_owned(), code)));
        assert_eq!(count(&mut client, "a"), wanted as usize);
    }
    assert_eq!((count(&mut client, "b"), count(&mut client, "twice")), (1, 1));
    assert!(client.call(request(Vec::new()), 3).results.is_empty());
}

#[test]
fn validation_only_adds_nothing() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in 0..=3 {
        let topics = vec![more("t", 5), more("none", 2)];
        let response = client.call(request(topics).with_validate_only(true), version);
        let code = |name: &str| {
            let result = response.results.iter().find(|result| &*result.name.0 == name);
            result.expect("every topic is answered").error_code
        };
        assert_eq!((code("t"), code("none")), (0, UnknownTopicOrPartition.code()), "v{version}");
        assert_eq!(count(&mut client, "t"), 1);
    }
}

#[test]
fn no_time_is_too_little() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for timeout in [0, -1] {
        let result = client.call(request(vec![more("t", 2)]).with_timeout_ms(timeout), 3);
        assert_eq!(result.results[0].error_code, RequestTimedOut.code());
    }
    assert_eq!(count(&mut client, "t"), 1);
}

/// A group lives where its name and the number of partitions say: with another number the broker
/// would look for it in the wrong place. Kafka lets it happen.
#[test]
fn the_brokers_own_topics_do_not_grow() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    commit_simple(&mut client, "g", "t", 7);
    let result = ask(&mut client, more("__consumer_offsets", 30));
    assert_eq!(result.error_code, InvalidRequest.code());
    assert_eq!(count(&mut client, "__consumer_offsets"), 3);
    assert_eq!(committed(&mut client, "g", "t"), 7);
}
