//! Heartbeat: every version, and what it says in which state.

use std::time::{Duration, Instant};

use kafka_protocol::ResponseError::*;
use protocol_tests::client::text;

use super::group_requests::*;

#[test]
fn every_version_keeps_a_member_alive() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    let member_id = stable_group(&mut client, "g");
    for version in 0..=4 {
        let answer = client.call(heartbeat_request("g", &member_id, 1), version);
        assert_eq!((answer.error_code, answer.throttle_time_ms), (0, 0), "v{version}");
        for (group, member_id, generation, code) in [
            ("", member_id.as_str(), 1, InvalidGroupId),
            ("unknown", &member_id, 1, UnknownMemberId),
            ("g", "x", 1, UnknownMemberId),
            ("g", &member_id, 0, IllegalGeneration),
            ("g", &member_id, 2, IllegalGeneration),
        ] {
            let answer = client.call(heartbeat_request(group, member_id, generation), version);
            assert_eq!(answer.error_code, code.code(), "v{version} {group:?} {generation}");
        }
    }
}

#[test]
fn while_the_leader_assigns_all_is_well() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    let member_id = join(&mut client, 5, "g").member_id.to_string();
    assert_eq!(heartbeat(&mut client, "g", &member_id, 1), 0);
}

#[test]
fn an_unknown_instance_is_an_unknown_member() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    let member_id = stable_group(&mut client, "g");
    let request = heartbeat_request("g", &member_id, 1).with_group_instance_id(Some(text("i")));
    for version in 3..=4 {
        let code = client.call(request.clone(), version).error_code;
        assert_eq!(code, UnknownMemberId.code(), "v{version}");
    }
}

#[test]
fn a_silent_member_is_dropped_and_the_others_are_told() {
    let broker = coordinator(&["group.min.session.timeout.ms=100"]);
    let mut client = broker.connect();
    let request = join_request("g", NOBODY).with_session_timeout_ms(300);
    let joined = client.call(request, 3);
    let member_id = joined.member_id.to_string();
    let assignments = [(member_id.as_str(), b"mine".as_slice())];
    assert_eq!(client.call(sync_request("g", &member_id, 1, &assignments), 5).error_code, 0);
    // Heartbeats keep it for longer than its session.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(600) {
        assert_eq!(heartbeat(&mut client, "g", &member_id, 1), 0);
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(heartbeat(&mut client, "g", &member_id, 1), UnknownMemberId.code());
}
