//! DescribeProducers: who has written with a producer ID, and that it is remembered.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::DescribeProducersRequest;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState};
use protocol_tests::batches::{idempotent, records, time};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::init_producer_id::producer_id;
use super::requests::*;

fn topic(name: &str, partitions: &[i32]) -> TopicRequest {
    TopicRequest::default().with_name(topic_name(name)).with_partition_indexes(partitions.to_vec())
}

fn ask(client: &mut Client, topics: Vec<TopicRequest>) -> Vec<(String, PartitionResponse)> {
    let response = client.call(DescribeProducersRequest::default().with_topics(topics), 0);
    assert_eq!(response.throttle_time_ms, 0);
    let topics = response.topics.into_iter();
    topics
        .flat_map(|topic| {
            let name = topic.name.to_string();
            topic.partitions.into_iter().map(move |partition| (name.clone(), partition))
        })
        .collect()
}

fn producers(client: &mut Client, name: &str) -> Vec<ProducerState> {
    let mut answers = ask(client, vec![topic(name, &[0])]);
    assert_eq!(answers.len(), 1);
    let answer = answers.remove(0).1;
    assert_eq!((answer.partition_index, answer.error_code, answer.error_message), (0, 0, None));
    answer.active_producers
}

#[test]
fn every_version_tells_producers() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    assert!(producers(&mut client, "t").is_empty());
    produce(&mut client, "t", records(3));
    assert!(producers(&mut client, "t").is_empty(), "this one has no ID");
    let (first, second) = (producer_id(&mut client), producer_id(&mut client));
    produce(&mut client, "t", idempotent(first, 0, 0, 5));
    produce(&mut client, "t", idempotent(second, 3, 0, 1));
    produce(&mut client, "t", idempotent(first, 0, 5, 2));
    for way in ["", "stop", "kill"] {
        match way {
            "stop" => broker.stop(),
            "kill" => broker.kill(),
            _ => {}
        }
        if !way.is_empty() {
            broker.restart();
        }
        let known = producers(&mut broker.connect(), "t");
        assert_eq!(known.len(), 2, "{way}");
        for (id, epoch, sequence) in [(first, 0, 6), (second, 3, 0)] {
            let found = known.iter().find(|producer| producer.producer_id.0 == id);
            let found = found.expect("it has written");
            assert_eq!((found.producer_epoch, found.last_sequence), (epoch, sequence), "{way}");
            assert_eq!(found.last_timestamp, time());
            assert_eq!((found.coordinator_epoch, found.current_txn_start_offset), (-1, -1));
        }
    }
}

#[test]
fn what_is_not_there_is_told_apart() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    let topics = vec![topic("t", &[0, 5]), topic("none", &[0]), topic("", &[0]), topic("t", &[1])];
    let mut answers: Vec<_> = ask(&mut client, topics)
        .into_iter()
        .map(|(name, answer)| (name, answer.partition_index, answer.error_code))
        .collect();
    answers.sort();
    let unknown = UnknownTopicOrPartition.code();
    let expected = [
        ("", 0, InvalidTopicException.code()),
        ("none", 0, unknown),
        ("t", 0, 0),
        ("t", 1, 0),
        ("t", 5, unknown),
    ];
    assert_eq!(answers, expected.map(|(name, index, code)| (name.to_owned(), index, code)));
    assert_eq!(ask(&mut client, Vec::new()), []);
}

/// Kafka answers as often as it is asked. Here the answer stays in proportion to what there is.
#[test]
fn a_partition_asked_for_many_times_is_told_once() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    assert_eq!(ask(&mut client, vec![topic("t", &[0; 1000]), topic("t", &[0])]).len(), 1);
}
