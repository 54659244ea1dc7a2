//! AlterPartitionReassignments: both versions; a broker without others grants what is there.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, BrokerId,
};
use protocol_tests::broker::Broker;

use super::requests::*;

type Replicas<'a> = Option<&'a [i32]>;

fn topic(name: &str, partitions: &[(i32, Replicas)]) -> ReassignableTopic {
    let partitions = partitions.iter().map(|(index, replicas)| {
        let replicas = replicas.map(|ids| ids.iter().copied().map(BrokerId).collect());
        ReassignablePartition::default().with_partition_index(*index).with_replicas(replicas)
    });
    ReassignableTopic::default().with_name(topic_name(name)).with_partitions(partitions.collect())
}

fn request(topics: Vec<ReassignableTopic>) -> AlterPartitionReassignmentsRequest {
    AlterPartitionReassignmentsRequest::default().with_topics(topics).with_timeout_ms(TIMEOUT_MS)
}

/// Topic, partition and error code, in the order of the answer.
fn codes(response: &AlterPartitionReassignmentsResponse) -> Vec<(&str, i32, i16)> {
    assert_eq!(response.throttle_time_ms, 0);
    let topics = response.responses.iter();
    topics
        .flat_map(|topic| {
            let name = &*topic.name.0;
            topic.partitions.iter().map(move |p| (name, p.partition_index, p.error_code))
        })
        .collect()
}

#[test]
fn every_version_grants_what_is_there() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    create(&mut client, "u", 2, &[]);
    let (unknown, bad) = (UnknownTopicOrPartition.code(), InvalidReplicaAssignment.code());
    let none = NoReassignmentInProgress.code();
    let own: Replicas = Some(&[1]);
    for version in 0..=1 {
        let topics = vec![
            topic("t", &[(0, own), (1, Some(&[2])), (9, own), (-1, None)]),
            topic("none", &[(0, own), (1, None)]),
            topic("u", &[(0, Some(&[])), (1, Some(&[1, 1])), (0, Some(&[1, 2])), (1, None)]),
            topic("", &[(0, own)]),
        ];
        let response = client.call(request(topics), version);
        assert_eq!((response.error_code, &response.error_message), (0, &None));
        assert!(response.allow_replication_factor_change);
        let expected = [
            ("t", 0, 0),
            ("t", 1, bad),
            ("t", 9, unknown),
            ("t", -1, unknown),
            ("none", 0, unknown),
            ("none", 1, unknown),
            ("u", 0, bad),
            ("u", 1, bad),
            ("u", 0, bad),
            ("u", 1, none),
            ("", 0, unknown),
        ];
        assert_eq!(codes(&response), expected, "v{version}");
        for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
            let has_text = ![0, none].contains(&partition.error_code);
            assert_eq!(partition.error_message.is_some(), has_text);
        }
        let nothing = client.call(request(Vec::new()), version);
        assert_eq!((nothing.error_code, codes(&nothing)), (0, vec![]));
    }
    let partition = &describe_topic(&mut client, "t").partitions[0];
    assert_eq!((partition.leader_epoch, &partition.replica_nodes), (0, &vec![BrokerId(1)]));
}

#[test]
fn the_number_of_replicas_may_be_kept() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let topics = vec![topic("t", &[(0, Some(&[1])), (0, Some(&[1, 2]))])];
    let wanted = request(topics).with_allow_replication_factor_change(false);
    let response = client.call(wanted, 1);
    assert!(!response.allow_replication_factor_change);
    // An unknown broker counts for more than the number.
    let expected = [("t", 0, 0), ("t", 0, InvalidReplicaAssignment.code())];
    assert_eq!(codes(&response), expected);
}

#[test]
fn no_time_is_too_little() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let late = RequestTimedOut.code();
    for version in 0..=1 {
        for timeout in [0, -1] {
            let wanted = request(vec![topic("t", &[(0, Some(&[1]))])]).with_timeout_ms(timeout);
            let response = client.call(wanted, version);
            assert_eq!((response.error_code, codes(&response)), (late, vec![("t", 0, late)]));
        }
    }
}
