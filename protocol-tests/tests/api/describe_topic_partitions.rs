//! DescribeTopicPartitions: content, pages and cursors.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::requests::*;

fn request(
    names: &[&str],
    limit: i32,
    cursor: Option<(&str, i32)>,
) -> DescribeTopicPartitionsRequest {
    let topics = names.iter().map(|name| TopicRequest::default().with_name(topic_name(name)));
    let cursor = cursor.map(|(name, partition)| {
        Cursor::default().with_topic_name(topic_name(name)).with_partition_index(partition)
    });
    DescribeTopicPartitionsRequest::default()
        .with_topics(topics.collect())
        .with_response_partition_limit(limit)
        .with_cursor(cursor)
}

fn ask(
    client: &mut Client,
    names: &[&str],
    limit: i32,
    cursor: Option<(&str, i32)>,
) -> DescribeTopicPartitionsResponse {
    client.call(request(names, limit, cursor), 0)
}

/// Every partition told, in order.
fn told(response: &DescribeTopicPartitionsResponse) -> Vec<(String, i32)> {
    let topics = response.topics.iter();
    topics
        .flat_map(|topic| {
            assert_eq!(topic.error_code, 0);
            let name = topic.name.as_ref().expect("it has a name").0.to_string();
            topic.partitions.iter().map(move |p| (name.clone(), p.partition_index))
        })
        .collect()
}

fn next(response: &DescribeTopicPartitionsResponse) -> Option<(String, i32)> {
    let cursor = response.next_cursor.as_ref()?;
    Some((cursor.topic_name.0.to_string(), cursor.partition_index))
}

#[test]
fn version_0_tells_everything_about_partitions() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 2, &[]);
    let response = ask(&mut client, &["t"], 100, None);
    assert_eq!((response.throttle_time_ms, response.next_cursor.as_ref()), (0, None));
    let topic = &response.topics[0];
    assert_eq!((topic.error_code, topic.topic_id, topic.is_internal), (0, id, false));
    assert_eq!(topic.topic_authorized_operations, 0b1101_1111_1000);
    assert_eq!(topic.partitions.len(), 2);
    for (partition, index) in topic.partitions.iter().zip(0..) {
        assert_eq!((partition.error_code, partition.partition_index), (0, index));
        assert_eq!((partition.leader_id.0, partition.leader_epoch), (1, 0));
        assert_eq!((partition.replica_nodes.len(), partition.isr_nodes.len()), (1, 1));
        assert_eq!(partition.eligible_leader_replicas.as_ref().map(Vec::len), Some(0));
        assert_eq!(partition.last_known_elr.as_ref().map(Vec::len), Some(0));
        assert!(partition.offline_replicas.is_empty());
    }
}

#[test]
fn pages_follow_each_other() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for (name, partitions) in [("b", 3), ("a", 2), ("c", 4)] {
        create(&mut client, name, partitions, &[]);
    }
    let all: Vec<(String, i32)> = [("a", 2), ("b", 3), ("c", 4)]
        .iter()
        .flat_map(|(name, count)| (0..*count).map(|index| (name.to_string(), index)))
        .collect();
    for names in [[].as_slice(), &["c", "a", "b", "a"]] {
        for limit in 1..=10 {
            let mut collected = Vec::new();
            let mut cursor: Option<(String, i32)> = None;
            loop {
                let at = cursor.as_ref().map(|(name, index)| (name.as_str(), *index));
                let page = ask(&mut client, names, limit, at);
                let partitions = told(&page);
                assert!(!partitions.is_empty() && partitions.len() <= limit as usize);
                collected.extend(partitions);
                cursor = next(&page);
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(collected, all, "limit {limit}");
        }
    }
}

#[test]
fn a_limit_is_at_least_one_and_at_most_the_brokers() {
    let broker = Broker::start(&["max.request.partition.size.limit=3"]);
    let mut client = broker.connect();
    create(&mut client, "t", 5, &[]);
    for limit in [0, -1] {
        let response = ask(&mut client, &["t"], limit, None);
        assert_eq!((told(&response).len(), next(&response)), (1, Some(("t".into(), 1))));
    }
    let response = ask(&mut client, &["t"], 100, None);
    assert_eq!((told(&response).len(), next(&response)), (3, Some(("t".into(), 3))));
}

#[test]
fn cursors_are_checked() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "a", 1, &[]);
    create(&mut client, "t", 2, &[]);
    for cursor in [("other", 0), ("t", -1)] {
        let response = ask(&mut client, &["t"], 10, Some(cursor));
        assert_eq!(response.topics[0].error_code, InvalidRequest.code(), "{cursor:?}");
    }
    // A topic that is gone by now: the page goes on behind it.
    let response = ask(&mut client, &[], 10, Some(("b", 5)));
    assert_eq!(told(&response), [("t".to_owned(), 0), ("t".to_owned(), 1)]);
    assert_eq!(told(&ask(&mut client, &["t"], 10, Some(("t", 1)))), [("t".to_owned(), 1)]);
}

#[test]
fn unknown_topics_are_told() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let response = ask(&mut client, &["nobody", "t", "bad name"], 10, None);
    let codes: Vec<(String, i16)> = response
        .topics
        .iter()
        .map(|topic| (topic.name.as_ref().map_or("", |name| &name.0).to_owned(), topic.error_code))
        .collect();
    let expected = [
        ("bad name".to_owned(), InvalidTopicException.code()),
        ("nobody".to_owned(), UnknownTopicOrPartition.code()),
        ("t".to_owned(), 0),
    ];
    assert_eq!(codes, expected);
}
