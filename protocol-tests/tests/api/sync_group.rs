//! SyncGroup: every version, who may ask, and waiting for the leader.

use std::time::Duration;

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::{JoinGroupRequest, SyncGroupRequest};
use protocol_tests::client::text;

use super::group_requests::*;

#[test]
fn every_version_hands_out_the_assignment() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    for version in 0..=5 {
        let group = format!("g{version}");
        let member_id = join(&mut client, 5, &group).member_id.to_string();
        let assignments = [(member_id.as_str(), b"mine".as_slice())];
        let request = match version {
            5 => sync_request(&group, &member_id, 1, &assignments),
            _ => old_sync_request(&group, &member_id, 1, &assignments),
        };
        let synced = client.call(request, version);
        assert_eq!((synced.error_code, synced.throttle_time_ms), (0, 0), "v{version}");
        assert_eq!(&synced.assignment[..], b"mine");
        if version >= 5 {
            assert_eq!(synced.protocol_type.as_deref(), Some("consumer"));
            assert_eq!(synced.protocol_name.as_deref(), Some("range"));
        }
        // Who asks again is told again.
        let again = client.call(old_sync_request(&group, &member_id, 1, &[]), 4);
        assert_eq!(&again.assignment[..], b"mine");
    }
}

#[test]
fn followers_wait_for_their_leader() {
    let broker = coordinator(&[]);
    let (mut one, mut two) = (broker.connect(), broker.connect());
    let leader = join(&mut one, 3, "g").member_id.to_string();
    two.send(&join_request("g", NOBODY), 3);
    two.expect_silence(Duration::from_millis(30));
    let again = one.call(join_request("g", &leader), 3);
    assert_eq!(again.generation_id, 2);
    let follower = two.receive::<JoinGroupRequest>(3).1.member_id.to_string();
    two.send(&sync_request("g", &follower, 2, &[]), 5);
    two.expect_silence(Duration::from_millis(30));
    // The leader forgets the follower: it gets nothing, and no error.
    let assignments = [(leader.as_str(), b"all".as_slice())];
    let synced = one.call(sync_request("g", &leader, 2, &assignments), 5);
    assert_eq!(&synced.assignment[..], b"all");
    let synced = two.receive::<SyncGroupRequest>(5).1;
    assert_eq!((synced.error_code, synced.assignment.len()), (0, 0));
}

#[test]
fn strangers_are_refused() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    let member_id = join(&mut client, 5, "g").member_id.to_string();
    for version in 0..=5 {
        let refused = |group: &str, member_id: &str, generation: i32, code: i16| {
            let mut client = broker.connect();
            let request = match version {
                5 => sync_request(group, member_id, generation, &[]),
                _ => old_sync_request(group, member_id, generation, &[]),
            };
            let answer = client.call(request, version);
            assert_eq!(answer.error_code, code, "v{version} {group:?} {member_id:?}");
            assert!(answer.assignment.is_empty());
        };
        refused("", "x", 1, InvalidGroupId.code());
        refused("unknown", "x", 1, UnknownMemberId.code());
        refused("g", "x", 1, UnknownMemberId.code());
        refused("g", &member_id, 2, IllegalGeneration.code());
        refused("g", &member_id, 0, IllegalGeneration.code());
    }
}

#[test]
fn version_5_checks_the_protocol() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    let member_id = join(&mut client, 5, "g").member_id.to_string();
    let good = || sync_request("g", &member_id, 1, &[]);
    for request in [
        good().with_protocol_type(Some(text("connect"))),
        good().with_protocol_name(Some(text("sticky"))),
        good().with_protocol_type(None),
        good().with_protocol_name(None),
    ] {
        let code = client.call(request, 5).error_code;
        assert_eq!(code, InconsistentGroupProtocol.code());
    }
    assert_eq!(client.call(good(), 5).error_code, 0);
}
