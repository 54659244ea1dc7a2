//! Short forms of the requests of group members, for the tests of the group APIs.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::requests::topic_name;

/// A broker that has been asked for a coordinator, as every client does before anything else.
pub fn coordinator(settings: &[&str]) -> Broker {
    let broker = Broker::start(settings);
    let request = FindCoordinatorRequest::default().with_key(text("g"));
    assert_eq!(broker.connect().call(request, 3).error_code, 0);
    broker
}

/// Asks for a coordinator, as every client does before anything else.
pub fn find_coordinator(client: &mut Client) {
    let request = FindCoordinatorRequest::default().with_key(text("g"));
    assert_eq!(client.call(request, 3).error_code, 0);
}

/// "No member ID was given yet".
pub const NOBODY: &str = "";

/// A group ID in the codec crate's form.
pub fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

/// A subscription of the consumer protocol to one topic, version 0.
pub fn subscription(topic: &str) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(1);
    bytes.put_i16(i16::try_from(topic.len()).expect("names are short"));
    bytes.put_slice(topic.as_bytes());
    bytes.put_i32(-1);
    bytes.freeze()
}

/// A JoinGroup request of a consumer of topic `t` with the protocol `range`.
pub fn join_request(group: &str, member_id: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(subscription("t"));
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_member_id(text(member_id))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

/// A JoinGroup request of a static member.
pub fn static_join_request(group: &str, member_id: &str, instance: &str) -> JoinGroupRequest {
    join_request(group, member_id).with_group_instance_id(Some(text(instance)))
}

/// Joins in a version, with the detour over MEMBER_ID_REQUIRED where there is one.
pub fn join(client: &mut Client, version: i16, group: &str) -> JoinGroupResponse {
    let first = client.call(join_request(group, NOBODY), version);
    if version < 4 {
        return first;
    }
    assert_eq!(first.error_code, 79, "a member ID is required from version 4 on");
    let member_id = first.member_id.to_string();
    client.call(join_request(group, &member_id), version)
}

/// A SyncGroup request, with an assignment for each member of `assignments`.
pub fn sync_request(
    group: &str,
    member_id: &str,
    generation: i32,
    assignments: &[(&str, &'static [u8])],
) -> SyncGroupRequest {
    let assignments = assignments.iter().map(|(member_id, assignment)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(member_id))
            .with_assignment(Bytes::from_static(assignment))
    });
    SyncGroupRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(generation)
        .with_member_id(text(member_id))
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(assignments.collect())
}

/// A SyncGroup request as versions before 5 can carry it.
pub fn old_sync_request(
    group: &str,
    member_id: &str,
    generation: i32,
    assignments: &[(&str, &'static [u8])],
) -> SyncGroupRequest {
    sync_request(group, member_id, generation, assignments)
        .with_protocol_type(None)
        .with_protocol_name(None)
}

/// Makes a stable group of one member, whose ID is returned. Its generation is 1.
pub fn stable_group(client: &mut Client, group: &str) -> String {
    let joined = join(client, 5, group);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    let member_id = joined.member_id.to_string();
    let assignments = [(member_id.as_str(), b"mine".as_slice())];
    let synced = client.call(sync_request(group, &member_id, 1, &assignments), 5);
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, b"mine".as_slice()));
    member_id
}

/// A Heartbeat request.
pub fn heartbeat_request(group: &str, member_id: &str, generation: i32) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(generation)
        .with_member_id(text(member_id))
}

/// Code of a heartbeat.
pub fn heartbeat(client: &mut Client, group: &str, member_id: &str, generation: i32) -> i16 {
    client.call(heartbeat_request(group, member_id, generation), 4).error_code
}

/// A LeaveGroup request of version 3 or later.
pub fn leave_request(group: &str, members: &[(&str, Option<&str>)]) -> LeaveGroupRequest {
    let members = members.iter().map(|(member_id, instance)| {
        MemberIdentity::default()
            .with_member_id(text(member_id))
            .with_group_instance_id(instance.map(text))
    });
    LeaveGroupRequest::default().with_group_id(group_id(group)).with_members(members.collect())
}

/// An OffsetCommit request for partition 0 of a topic.
pub fn commit_request(
    group: &str,
    member_id: &str,
    generation: i32,
    topic: &str,
    offset: i64,
) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1)
        .with_committed_metadata(Some(text("note")));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(text(member_id))
        .with_topics(vec![topic])
}

/// Code of the only partition of a commit.
pub fn commit(client: &mut Client, version: i16, request: OffsetCommitRequest) -> i16 {
    let response = client.call(request, version);
    assert_eq!(response.throttle_time_ms, 0);
    response.topics[0].partitions[0].error_code
}

/// Commits without a group's members, which must succeed.
pub fn commit_simple(client: &mut Client, group: &str, topic: &str, offset: i64) {
    let request = commit_request(group, NOBODY, -1, topic, offset);
    assert_eq!(commit(client, 8, request), 0);
}

/// The committed offset of partition 0 of a topic, or -1.
pub fn committed(client: &mut Client, group: &str, topic: &str) -> i64 {
    let topics = OffsetFetchRequestTopics::default()
        .with_name(topic_name(topic))
        .with_partition_indexes(vec![0]);
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_topics(Some(vec![topics]));
    let response = client.call(OffsetFetchRequest::default().with_groups(vec![group]), 8);
    assert_eq!(response.groups[0].error_code, 0);
    let partition = &response.groups[0].topics[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    partition.committed_offset
}
