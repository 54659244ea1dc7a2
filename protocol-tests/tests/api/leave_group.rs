//! LeaveGroup: every version, one member or several, and the place of errors.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::LeaveGroupRequest;
use protocol_tests::client::{Client, text};

use super::group_requests::*;

/// The top code, and that of each member.
fn leave(client: &mut Client, version: i16, group: &str, member_id: &str) -> (i16, Vec<i16>) {
    let request = match version {
        ..3 => LeaveGroupRequest::default()
            .with_group_id(group_id(group))
            .with_member_id(text(member_id)),
        _ => leave_request(group, &[(member_id, None)]),
    };
    let response = client.call(request, version);
    assert_eq!(response.throttle_time_ms, 0);
    for member in &response.members {
        assert_eq!(&*member.member_id, member_id);
    }
    (response.error_code, response.members.iter().map(|member| member.error_code).collect())
}

#[test]
fn every_version_lets_a_member_go() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    for version in 0..=5 {
        let group = format!("g{version}");
        let member_id = stable_group(&mut client, &group);
        let gone = leave(&mut client, version, &group, &member_id);
        assert_eq!(gone, (0, if version < 3 { vec![] } else { vec![0] }), "v{version}");
        assert_eq!(heartbeat(&mut client, &group, &member_id, 1), UnknownMemberId.code());
    }
}

#[test]
fn errors_are_at_the_top_before_version_3_and_with_the_member_from_there() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    stable_group(&mut client, "g");
    let unknown = UnknownMemberId.code();
    for version in 0..=5 {
        for group in ["g", "unknown"] {
            let answer = leave(&mut client, version, group, "x");
            let expected = if version < 3 { (unknown, vec![]) } else { (0, vec![unknown]) };
            assert_eq!(answer, expected, "v{version} {group}");
        }
        let (code, _) = leave(&mut client, version, "", "x");
        assert_eq!(code, InvalidGroupId.code(), "v{version}");
    }
}

#[test]
fn an_administrator_removes_static_members_by_instance() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    for version in 3..=5 {
        let group = format!("g{version}");
        let joined = client.call(static_join_request(&group, NOBODY, "i"), 5);
        let request = leave_request(&group, &[("", Some("other")), ("", Some("i"))]);
        let response = client.call(request, version);
        assert_eq!(response.error_code, 0);
        let members: Vec<_> = response
            .members
            .iter()
            .map(|member| (member.group_instance_id.as_deref(), member.error_code))
            .collect();
        let expected = [(Some("other"), UnknownMemberId.code()), (Some("i"), 0)];
        assert_eq!(members, expected, "v{version}");
        let code = heartbeat(&mut client, &group, &joined.member_id, 1);
        assert_eq!(code, UnknownMemberId.code());
    }
}

#[test]
fn a_static_member_with_another_id_is_fenced() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    let joined = client.call(static_join_request("g", NOBODY, "i"), 5);
    assert_eq!(joined.error_code, 0);
    let response = client.call(leave_request("g", &[("x", Some("i"))]), 5);
    assert_eq!(response.members[0].error_code, FencedInstanceId.code());
}

#[test]
fn a_member_that_leaves_starts_a_rebalance_for_the_others() {
    let broker = coordinator(&[]);
    let (mut one, mut two) = (broker.connect(), broker.connect());
    let first = one.call(static_join_request("g", NOBODY, "i"), 5).member_id.to_string();
    two.send(&static_join_request("g", NOBODY, "j"), 5);
    two.expect_silence(std::time::Duration::from_millis(30));
    let again = one.call(static_join_request("g", &first, "i"), 5);
    let second = two.receive::<kafka_protocol::messages::JoinGroupRequest>(5).1.member_id;
    assert_eq!(again.generation_id, 2);
    let assignments = [(first.as_str(), b"x".as_slice()), (&second, b"y".as_slice())];
    let request = sync_request("g", &first, 2, &assignments);
    assert_eq!(one.call(request.with_group_instance_id(Some(text("i"))), 5).error_code, 0);
    assert_eq!(leave(&mut two, 3, "g", &second), (0, vec![0]));
    assert_eq!(heartbeat(&mut one, "g", &first, 2), RebalanceInProgress.code());
}
