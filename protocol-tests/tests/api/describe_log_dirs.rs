//! DescribeLogDirs: every version, the sizes of partitions, and which are left out.

use felice::wire::messages;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use protocol_tests::batches::{self, records};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::requests::*;

fn topic(name: &str, partitions: &[i32]) -> DescribableLogDirTopic {
    DescribableLogDirTopic::default()
        .with_topic(topic_name(name))
        .with_partitions(partitions.to_vec())
}

fn request(topics: Option<Vec<DescribableLogDirTopic>>) -> DescribeLogDirsRequest {
    DescribeLogDirsRequest::default().with_topics(topics)
}

fn directory(response: &DescribeLogDirsResponse) -> &DescribeLogDirsResult {
    assert_eq!((response.error_code, response.results.len()), (0, 1));
    assert_eq!(response.results[0].error_code, 0);
    &response.results[0]
}

/// Topic, partition and bytes, in order.
fn sizes(response: &DescribeLogDirsResponse) -> Vec<(String, i32, i64)> {
    let topics = directory(response).topics.iter();
    let mut sizes: Vec<_> = topics
        .flat_map(|topic| {
            assert!(!topic.partitions.is_empty());
            topic.partitions.iter().map(|partition| {
                assert_eq!((partition.offset_lag, partition.is_future_key), (0, false));
                (topic.name.to_string(), partition.partition_index, partition.partition_size)
            })
        })
        .collect();
    sizes.sort();
    sizes
}

fn ask(client: &mut Client, topics: &[DescribableLogDirTopic]) -> Vec<(String, i32, i64)> {
    sizes(&client.call(request(Some(topics.to_vec())), 4))
}

#[test]
fn every_version_tells_sizes() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "a", 2, &[]);
    create(&mut client, "b", 1, &[]);
    let (first, second) = (records(3), batches::one(&[7; 5_000]));
    produce(&mut client, "a", first.clone());
    produce(&mut client, "a", second.clone());
    let size = (first.len() + second.len()) as i64;
    let path = std::fs::canonicalize(broker.directory()).expect("it is there");
    for version in 1..=5 {
        let response = match version {
            5 => client.call_newer::<messages::DescribeLogDirsRequest, _>(request(None), 4, 5),
            _ => client.call(request(None), version),
        };
        assert_eq!(response.throttle_time_ms, 0);
        let directory = directory(&response);
        assert!(directory.log_dir.starts_with(path.to_str().expect("a readable path")));
        let all: Vec<_> =
            sizes(&response).into_iter().filter(|(name, ..)| !name.starts_with("__")).collect();
        let expected = [("a", 0, size), ("a", 1, 0), ("b", 0, 0)];
        assert_eq!(all, expected.map(|(name, index, size)| (name.to_owned(), index, size)));
        let (total, usable) = (directory.total_bytes, directory.usable_bytes);
        match version {
            4.. => assert!(total > 0 && usable > 0 && usable <= total, "{total} {usable}"),
            _ => assert_eq!((total, usable), (-1, -1)),
        }
    }
}

#[test]
fn the_directory_takes_new_partitions() {
    let broker = Broker::start(&[]);
    let request = messages::DescribeLogDirsRequest::default();
    let response = broker.connect().call(request, 5);
    assert_eq!((response.error_code, response.results.len()), (0, 1));
    assert!(!response.results[0].is_cordoned);
}

#[test]
fn only_what_is_asked_for_and_there_is_told() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "a", 2, &[]);
    create(&mut client, "b", 2, &[]);
    let told = |pairs: &[(&str, i32)]| -> Vec<(String, i32, i64)> {
        pairs.iter().map(|(name, index)| ((*name).to_owned(), *index, 0)).collect()
    };
    assert_eq!(ask(&mut client, &[topic("a", &[1])]), told(&[("a", 1)]));
    let twice = [topic("a", &[0, 0, 7, -1]), topic("none", &[0]), topic("a", &[1])];
    assert_eq!(ask(&mut client, &twice), told(&[("a", 0), ("a", 1)]));
    assert_eq!(ask(&mut client, &[]), told(&[]));
    assert_eq!(ask(&mut client, &[topic("a", &[]), topic("", &[0])]), told(&[]));
}

#[test]
fn all_segments_count() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("segment.bytes", "1048576")]);
    let batch = batches::one(&vec![7; 600_000]);
    for count in 1..=4 {
        produce(&mut client, "t", batch.clone());
        let size = batch.len() as i64 * count;
        assert_eq!(ask(&mut client, &[topic("t", &[0])]), [("t".to_owned(), 0, size)]);
    }
}
