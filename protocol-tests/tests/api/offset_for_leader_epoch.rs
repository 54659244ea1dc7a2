//! OffsetForLeaderEpoch: every version, known and unknown epochs.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::EpochEndOffset;
use kafka_protocol::messages::{BrokerId, OffsetForLeaderEpochRequest};
use protocol_tests::batches::records;
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::requests::*;

fn ask(
    client: &mut Client,
    version: i16,
    (topic, partition): (&str, i32),
    current: i32,
    epoch: i32,
) -> EpochEndOffset {
    let wanted = OffsetForLeaderPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(current)
        .with_leader_epoch(epoch);
    let topics =
        OffsetForLeaderTopic::default().with_topic(topic_name(topic)).with_partitions(vec![wanted]);
    let request = OffsetForLeaderEpochRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(vec![topics]);
    let response = client.call(request, version);
    assert_eq!(response.throttle_time_ms, 0);
    assert_eq!(&*response.topics[0].topic.0, topic);
    let answer = response.topics[0].partitions[0].clone();
    assert_eq!(answer.partition, partition);
    answer
}

#[test]
fn every_version_tells_where_epochs_end() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for end in [0, 4, 8] {
        for version in 2..=4 {
            for current in [-1, 0] {
                let answer = ask(&mut client, version, ("t", 0), current, 0);
                assert_eq!(answer.error_code, 0, "v{version}");
                assert_eq!((answer.leader_epoch, answer.end_offset), (0, end), "v{version}");
            }
        }
        produce(&mut client, "t", records(4));
    }
}

#[test]
fn trap_13_an_unknown_epoch_is_no_error() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(4));
    for version in 2..=4 {
        for epoch in [-1, 1, 7] {
            let answer = ask(&mut client, version, ("t", 0), -1, epoch);
            assert_eq!(answer.error_code, 0, "v{version} {epoch}");
            assert_eq!((answer.leader_epoch, answer.end_offset), (-1, -1), "v{version} {epoch}");
        }
    }
}

#[test]
fn the_epoch_a_client_believes_in_is_checked() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in 2..=4 {
        let newer = ask(&mut client, version, ("t", 0), 1, 0);
        assert_eq!(newer.error_code, UnknownLeaderEpoch.code());
        assert_eq!((newer.leader_epoch, newer.end_offset), (-1, -1));
        let older = ask(&mut client, version, ("t", 0), -2, 0);
        assert_eq!(older.error_code, FencedLeaderEpoch.code());
    }
}

#[test]
fn unknown_partitions_are_told() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in 2..=4 {
        for topic in [("nobody", 0), ("t", 1), ("t", -1)] {
            let answer = ask(&mut client, version, topic, -1, 0);
            assert_eq!(answer.error_code, UnknownTopicOrPartition.code(), "v{version}");
            assert_eq!((answer.leader_epoch, answer.end_offset), (-1, -1));
        }
    }
}

#[test]
fn trap_13_epochs_never_go_back_and_survive_restarts() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut last = 0;
    for _ in 0..3 {
        produce(&mut client, "t", records(1));
        let epoch = describe_topic(&mut client, "t").partitions[0].leader_epoch;
        assert!(epoch >= last, "{epoch} after {last}");
        last = epoch;
        broker.kill();
        broker.restart();
        client = broker.connect();
    }
    let answer = ask(&mut client, 4, ("t", 0), -1, last);
    assert_eq!((answer.error_code, answer.leader_epoch, answer.end_offset), (0, last, 3));
}
