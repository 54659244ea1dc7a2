//! DescribeGroups: every version, groups with members, without, and without existence.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::DescribeGroupsRequest;
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use protocol_tests::client::{Client, text};

use super::group_requests::*;
use super::requests::*;

fn describe(client: &mut Client, version: i16, group: &str) -> DescribedGroup {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
    let response = client.call(request, version);
    assert_eq!((response.throttle_time_ms, response.groups.len()), (0, 1));
    let described = response.groups[0].clone();
    assert_eq!(&*described.group_id.0, group);
    described
}

#[test]
fn every_version_describes_members() {
    let broker = coordinator(&[]);
    let mut client = broker.connect().named("me");
    let member_id = client.call(static_join_request("g", NOBODY, "i"), 5).member_id.to_string();
    let assignments = [(member_id.as_str(), b"mine".as_slice())];
    let request = sync_request("g", &member_id, 1, &assignments);
    client.call(request.with_group_instance_id(Some(text("i"))), 5);
    for version in 0..=6 {
        let group = describe(&mut client, version, "g");
        assert_eq!((group.error_code, &*group.group_state), (0, "Stable"), "v{version}");
        assert_eq!((&*group.protocol_type, &*group.protocol_data), ("consumer", "range"));
        assert_eq!(group.authorized_operations, i32::MIN, "v{version}");
        assert_eq!(group.members.len(), 1);
        let member = &group.members[0];
        assert_eq!(&*member.member_id, member_id);
        let instance = if version >= 4 { Some("i") } else { None };
        assert_eq!(member.group_instance_id.as_deref(), instance, "v{version}");
        assert_eq!((&*member.client_id, &*member.client_host), ("me", "/127.0.0.1"));
        assert_eq!(member.member_metadata, subscription("t"));
        assert_eq!(&member.member_assignment[..], b"mine");
    }
}

#[test]
fn operations_are_told_on_demand() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    stable_group(&mut client, "g");
    for version in 3..=6 {
        let request = DescribeGroupsRequest::default()
            .with_groups(vec![group_id("g")])
            .with_include_authorized_operations(true);
        let group = client.call(request, version).groups[0].clone();
        // Read, delete, describe, describe configs, alter configs.
        assert_eq!(group.authorized_operations, 0b1101_0100_1000, "v{version}");
    }
}

#[test]
fn a_group_that_is_not_there_is_dead() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    for version in 0..=6 {
        let group = describe(&mut client, version, "nobody");
        assert_eq!(&*group.group_state, "Dead", "v{version}");
        let code = if version >= 6 { GroupIdNotFound.code() } else { 0 };
        assert_eq!(group.error_code, code, "v{version}");
        let message = group.error_message.filter(|message| !message.is_empty());
        assert_eq!(message.is_some(), version >= 6, "v{version}");
        assert!(group.members.is_empty());
    }
}

#[test]
fn states_have_their_names() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    commit_simple(&mut client, "empty", "t", 1);
    assert_eq!(&*describe(&mut client, 5, "empty").group_state, "Empty");
    join(&mut client, 3, "g");
    assert_eq!(&*describe(&mut client, 5, "g").group_state, "CompletingRebalance");
    let mut other = broker.connect();
    other.send(&join_request("g", NOBODY), 3);
    other.expect_silence(std::time::Duration::from_millis(30));
    assert_eq!(&*describe(&mut client, 5, "g").group_state, "PreparingRebalance");
}
