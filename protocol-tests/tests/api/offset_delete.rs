//! OffsetDelete: which offsets may go, and what is answered for the rest.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{DeleteGroupsRequest, OffsetDeleteRequest, OffsetDeleteResponse};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::group_requests::*;
use super::requests::*;

/// Topics and the partitions of each.
type Topics = [(&'static str, &'static [i32])];

fn delete_offsets(client: &mut Client, group: &str, topics: &Topics) -> OffsetDeleteResponse {
    let topics = topics.iter().map(|(name, partitions)| {
        let partitions = partitions
            .iter()
            .map(|index| OffsetDeleteRequestPartition::default().with_partition_index(*index));
        OffsetDeleteRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(partitions.collect())
    });
    let request =
        OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(topics.collect());
    let response = client.call(request, 0);
    assert_eq!(response.throttle_time_ms, 0);
    response
}

/// Every partition that is answered, as topic, index and code.
fn codes(response: &OffsetDeleteResponse) -> Vec<(String, i32, i16)> {
    assert_eq!(response.error_code, 0);
    let topics = response.topics.iter();
    let codes = topics.flat_map(|topic| {
        let name = topic.name.to_string();
        let partitions = topic.partitions.iter();
        partitions.map(move |answer| (name.clone(), answer.partition_index, answer.error_code))
    });
    codes.collect()
}

fn expected(codes: &[(&str, i32, i16)]) -> Vec<(String, i32, i16)> {
    codes.iter().map(|(topic, index, code)| ((*topic).to_owned(), *index, *code)).collect()
}

#[test]
fn every_partition_is_judged_for_itself() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    commit_simple(&mut client, "g", "t", 3);
    let topics: [(&str, &[i32]); 2] = [("t", &[1, 0, 9, 0, -1]), ("nobody", &[0])];
    let response = delete_offsets(&mut client, "g", &topics);
    let unknown = UnknownTopicOrPartition.code();
    // A partition without an offset, or named twice, has nothing left of it afterwards.
    let judged = [
        ("t", 1, 0),
        ("t", 0, 0),
        ("t", 9, unknown),
        ("t", 0, 0),
        ("t", -1, unknown),
        ("nobody", 0, unknown),
    ];
    assert_eq!(codes(&response), expected(&judged));
    assert_eq!(committed(&mut client, "g", "t"), -1);
    // The group stays for a while without any.
    assert_eq!(codes(&delete_offsets(&mut client, "g", &topics)), expected(&judged));
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id("g")]);
    assert_eq!(client.call(request, 2).results[0].error_code, 0);
    assert_eq!(delete_offsets(&mut client, "g", &topics).error_code, GroupIdNotFound.code());
}

#[test]
fn a_topic_without_partitions_is_not_answered() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    commit_simple(&mut client, "g", "t", 3);
    let cases: [&Topics; 2] = [&[], &[("t", &[])]];
    for topics in cases {
        assert!(codes(&delete_offsets(&mut client, "g", topics)).is_empty());
    }
    assert_eq!(committed(&mut client, "g", "t"), 3);
}

#[test]
fn offsets_of_topics_that_members_read_stay() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    create(&mut client, "other", 1, &[]);
    let member_id = stable_group(&mut client, "g");
    for topic in ["t", "other"] {
        assert_eq!(commit(&mut client, 8, commit_request("g", &member_id, 1, topic, 5)), 0);
    }
    let both: [(&str, &[i32]); 2] = [("t", &[0]), ("other", &[0])];
    let response = delete_offsets(&mut client, "g", &both);
    let subscribed = GroupSubscribedToTopic.code();
    assert_eq!(codes(&response), expected(&[("t", 0, subscribed), ("other", 0, 0)]));
    assert_eq!(committed(&mut client, "g", "t"), 5);
    assert_eq!(committed(&mut client, "g", "other"), -1);
    client.call(leave_request("g", &[(&member_id, None)]), 5);
    assert_eq!(codes(&delete_offsets(&mut client, "g", &both[..1])), expected(&[("t", 0, 0)]));
    assert_eq!(committed(&mut client, "g", "t"), -1);
}

#[test]
fn a_group_may_refuse_all_of_it() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let connect = join_request("connect", NOBODY).with_protocol_type(text("connect"));
    assert_eq!(client.call(connect, 3).error_code, 0);
    let cases: [&Topics; 3] = [&[], &[("t", &[0])], &[("nobody", &[0])]];
    for (group, code) in
        [("", InvalidGroupId), ("nobody", GroupIdNotFound), ("connect", NonEmptyGroup)]
    {
        for topics in cases {
            let response = delete_offsets(&mut client, group, topics);
            assert_eq!(response.error_code, code.code(), "{group:?} {topics:?}");
            assert!(response.topics.is_empty(), "{group:?} {topics:?}");
        }
    }
}

#[test]
fn without_a_coordinator_there_are_no_offsets_to_delete() {
    let broker = Broker::start(&[]);
    let response = delete_offsets(&mut broker.connect(), "g", &[]);
    assert_eq!(response.error_code, NotCoordinator.code());
}
