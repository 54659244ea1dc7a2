//! AlterReplicaLogDirs: every version; the one directory there is holds every partition already.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic,
};
use kafka_protocol::messages::{AlterReplicaLogDirsRequest, DescribeLogDirsRequest};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::requests::*;

fn directory(path: &str, topics: &[(&str, &[i32])]) -> AlterReplicaLogDir {
    let topics = topics.iter().map(|(name, partitions)| {
        AlterReplicaLogDirTopic::default()
            .with_name(topic_name(name))
            .with_partitions(partitions.to_vec())
    });
    AlterReplicaLogDir::default().with_path(text(path)).with_topics(topics.collect())
}

/// Topic, partition and error code, in order.
fn ask(
    client: &mut Client,
    version: i16,
    dirs: Vec<AlterReplicaLogDir>,
) -> Vec<(String, i32, i16)> {
    let response = client.call(AlterReplicaLogDirsRequest::default().with_dirs(dirs), version);
    assert_eq!(response.throttle_time_ms, 0);
    let mut answers: Vec<_> = response
        .results
        .iter()
        .flat_map(|topic| {
            let name = topic.topic_name.to_string();
            topic.partitions.iter().map(move |p| (name.clone(), p.partition_index, p.error_code))
        })
        .collect();
    answers.sort();
    answers
}

fn told(answers: &[(&str, i32, i16)]) -> Vec<(String, i32, i16)> {
    answers.iter().map(|(name, index, code)| ((*name).to_owned(), *index, *code)).collect()
}

fn own_directory(client: &mut Client) -> String {
    let request = DescribeLogDirsRequest::default().with_topics(Some(Vec::new()));
    client.call(request, 4).results[0].log_dir.to_string()
}

#[test]
fn every_version_answers_by_directory() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    let own = own_directory(&mut client);
    let (unknown, missing) = (UnknownTopicOrPartition.code(), LogDirNotFound.code());
    for version in 1..=2 {
        let topics: [(&str, &[i32]); 2] = [("t", &[0, 9]), ("none", &[0])];
        let answers = ask(&mut client, version, vec![directory(&own, &topics)]);
        assert_eq!(answers, told(&[("none", 0, unknown), ("t", 0, 0), ("t", 9, unknown)]));
        // Every other directory is unknown, and that counts first.
        for path in [format!("{own}/"), "/none".to_owned(), "relative".to_owned(), String::new()] {
            let answers = ask(&mut client, version, vec![directory(&path, &topics)]);
            let expected = [("none", 0, missing), ("t", 0, missing), ("t", 9, missing)];
            assert_eq!(answers, told(&expected), "{path}");
        }
        assert_eq!(ask(&mut client, version, Vec::new()), []);
        assert_eq!(ask(&mut client, version, vec![directory(&own, &[("t", &[])])]), []);
    }
}

#[test]
fn the_last_directory_of_a_partition_counts() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let own = own_directory(&mut client);
    let twice = vec![directory(&own, &[("t", &[0, 0])]), directory("/none", &[("t", &[0])])];
    assert_eq!(ask(&mut client, 2, twice.clone()), told(&[("t", 0, LogDirNotFound.code())]));
    let twice = twice.into_iter().rev().collect();
    assert_eq!(ask(&mut client, 2, twice), told(&[("t", 0, 0)]));
}
