//! DescribeQuorum: every version; one voter, and a log that grows with every change.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::describe_quorum_response::PartitionData as Described;
use kafka_protocol::messages::{BrokerId, DescribeQuorumRequest};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::requests::*;

const METADATA: &str = "__cluster_metadata";

fn topic(name: &str, partitions: &[i32]) -> TopicData {
    let partitions = partitions.iter().map(|i| PartitionData::default().with_partition_index(*i));
    TopicData::default().with_topic_name(topic_name(name)).with_partitions(partitions.collect())
}

fn request(topics: Vec<TopicData>) -> DescribeQuorumRequest {
    DescribeQuorumRequest::default().with_topics(topics)
}

fn describe(client: &mut Client) -> Described {
    client.call(request(vec![topic(METADATA, &[0])]), 2).topics[0].partitions[0].clone()
}

#[test]
fn every_version_tells_of_one_voter() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 0..=2 {
        let response = client.call(request(vec![topic(METADATA, &[0])]), version);
        assert_eq!((response.error_code, response.topics.len()), (0, 1), "v{version}");
        assert_eq!(&*response.topics[0].topic_name.0, METADATA);
        let [partition] = &response.topics[0].partitions[..] else { panic!("one is asked for") };
        assert_eq!((partition.partition_index, partition.error_code), (0, 0));
        assert_eq!((partition.leader_id, partition.leader_epoch), (BrokerId(1), 1));
        assert!(partition.high_watermark > 0 && partition.observers.is_empty());
        let [voter] = &partition.current_voters[..] else { panic!("there is one voter") };
        assert_eq!(
            (voter.replica_id, voter.log_end_offset),
            (BrokerId(1), partition.high_watermark)
        );
        assert!(voter.replica_directory_id.is_nil());
        assert_eq!(voter.last_fetch_timestamp > 0, version >= 1);
        assert_eq!(voter.last_caught_up_timestamp > 0, version >= 1);
        if version >= 2 {
            assert_eq!(response.error_message.as_deref(), Some(""));
            assert_eq!(partition.error_message.as_deref(), Some(""));
            let [node] = &response.nodes[..] else { panic!("there is one node") };
            assert_eq!((node.node_id, node.listeners.len()), (BrokerId(1), 1));
            assert_eq!(&*node.listeners[0].host, "127.0.0.1");
            assert!(node.listeners[0].port > 0);
        }
    }
}

#[test]
fn the_log_grows_with_changes_and_stays() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    let before = describe(&mut client).high_watermark;
    create(&mut client, "t", 3, &[("retention.ms", "1000")]);
    let after = describe(&mut client).high_watermark;
    // The topic, its setting, three partitions.
    assert!(after >= before + 5, "{before} {after}");
    broker.kill();
    broker.restart();
    assert!(describe(&mut broker.connect()).high_watermark >= after);
}

#[test]
fn nothing_else_can_be_asked_for() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let unknown = UnknownTopicOrPartition.code();
    for version in 0..=2 {
        for (topics, count) in [
            (vec![topic(METADATA, &[1])], 1),
            (vec![topic("t", &[0])], 1),
            (vec![topic(METADATA, &[0, 0])], 2),
            (vec![topic(METADATA, &[0]), topic("t", &[0])], 2),
            (vec![topic(METADATA, &[])], 0),
            (vec![], 0),
        ] {
            let response = client.call(request(topics.clone()), version);
            assert_eq!((response.error_code, response.topics.len()), (0, topics.len()));
            assert!(response.nodes.is_empty());
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            let partitions: Vec<_> = partitions.collect();
            assert_eq!(partitions.len(), count);
            for partition in partitions {
                assert_eq!((partition.error_code, partition.leader_id), (unknown, BrokerId(0)));
                assert!(partition.current_voters.is_empty());
            }
        }
    }
}
