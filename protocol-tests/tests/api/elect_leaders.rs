//! ElectLeaders: every version; on a broker without others every partition has its leader.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};
use protocol_tests::broker::Broker;

use super::requests::*;

fn topic(name: &str, partitions: &[i32]) -> TopicPartitions {
    TopicPartitions::default().with_topic(topic_name(name)).with_partitions(partitions.to_vec())
}

fn request(topics: Option<Vec<TopicPartitions>>) -> ElectLeadersRequest {
    ElectLeadersRequest::default().with_topic_partitions(topics).with_timeout_ms(TIMEOUT_MS)
}

/// Topic, partition and error code, in the order of the answer.
fn codes(response: &ElectLeadersResponse) -> Vec<(&str, i32, i16)> {
    assert_eq!(response.throttle_time_ms, 0);
    let topics = response.replica_election_results.iter();
    topics
        .flat_map(|topic| {
            let name = &*topic.topic.0;
            topic.partition_result.iter().map(move |p| (name, p.partition_id, p.error_code))
        })
        .collect()
}

/// Version 0 knows no types, the others both.
fn versions_and_types() -> impl Iterator<Item = (i16, i8)> {
    [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)].into_iter()
}

#[test]
fn every_version_tells_that_no_election_is_needed() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    let unneeded = ElectionNotNeeded.code();
    let unknown = UnknownTopicOrPartition.code();
    for (version, kind) in versions_and_types() {
        let topics = vec![topic("t", &[0, 1, 9, -1]), topic("none", &[0])];
        let wanted = request(Some(topics)).with_election_type(kind);
        let response = client.call(wanted, version);
        assert_eq!(response.error_code, 0);
        let expected = [
            ("t", 0, unneeded),
            ("t", 1, unneeded),
            ("t", 9, unknown),
            ("t", -1, unknown),
            ("none", 0, unknown),
        ];
        assert_eq!(codes(&response), expected, "v{version} {kind}");
        let results = &response.replica_election_results;
        let mut texts = results.iter().flat_map(|topic| &topic.partition_result);
        assert!(texts.all(|partition| partition.error_message.is_some()));
        let empty = request(Some(vec![topic("t", &[])])).with_election_type(kind);
        let empty = client.call(empty, version).replica_election_results;
        assert_eq!((empty.len(), empty[0].partition_result.len()), (1, 0));
        let nothing = client.call(request(Some(Vec::new())).with_election_type(kind), version);
        assert_eq!((nothing.error_code, codes(&nothing)), (0, vec![]));
    }
    let leaders = describe_topic(&mut client, "t").partitions;
    assert!(leaders.iter().all(|partition| partition.leader_epoch == 0), "nothing has changed");
}

#[test]
fn asked_for_all_only_topics_are_left() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "a", 2, &[]);
    create(&mut client, "b", 1, &[]);
    for (version, kind) in versions_and_types() {
        let response = client.call(request(None).with_election_type(kind), version);
        assert_eq!((response.error_code, codes(&response)), (0, vec![]));
        let topics = response.replica_election_results.iter().map(|topic| &*topic.topic.0);
        let mut topics: Vec<_> = topics.filter(|name| !name.starts_with("__")).collect();
        topics.sort_unstable();
        assert_eq!(topics, ["a", "b"]);
    }
}

#[test]
fn a_partition_given_twice_is_answered_twice() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    let twice = vec![topic("t", &[0, 0]), topic("t", &[0, 1])];
    let response = client.call(request(Some(twice)), 2);
    let unneeded = ElectionNotNeeded.code();
    let expected = [("t", 0, unneeded), ("t", 0, unneeded), ("t", 0, unneeded), ("t", 1, unneeded)];
    assert_eq!(codes(&response), expected);
    let topics = &response.replica_election_results;
    assert_eq!(topics.len(), 2, "a topic that is named twice is answered twice");
    // One that is named without partitions is answered without them.
    let nothing = client.call(request(Some(vec![topic("t", &[])])), 2).replica_election_results;
    assert_eq!((&*nothing[0].topic.0, nothing[0].partition_result.len()), ("t", 0));
}

#[test]
fn an_unknown_type_is_refused() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let invalid = InvalidRequest.code();
    for version in 1..=2 {
        for kind in [2, -1] {
            let ask = |topics| request(topics).with_election_type(kind);
            let response = client.call(ask(Some(vec![topic("t", &[0, 9])])), version);
            assert_eq!(response.error_code, invalid);
            assert_eq!(codes(&response), [("t", 0, invalid), ("t", 9, invalid)]);
            let response = client.call(ask(None), version);
            assert_eq!((response.error_code, codes(&response)), (invalid, vec![]));
            let response = client.call(ask(Some(Vec::new())), version);
            assert_eq!((response.error_code, codes(&response)), (0, vec![]));
        }
    }
}

#[test]
fn no_time_is_too_little() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let late = RequestTimedOut.code();
    for version in 0..=2 {
        for timeout in [0, -1] {
            let top = if version >= 1 { late } else { 0 };
            let wanted = request(Some(vec![topic("t", &[0])])).with_timeout_ms(timeout);
            let response = client.call(wanted, version);
            assert_eq!((response.error_code, codes(&response)), (top, vec![("t", 0, late)]));
            let response = client.call(request(None).with_timeout_ms(timeout), version);
            assert_eq!((response.error_code, codes(&response)), (top, vec![]));
        }
    }
}
