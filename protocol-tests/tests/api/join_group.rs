//! JoinGroup: every version, member IDs, static members, and what is refused.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::JoinGroupRequest;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol_tests::client::text;

use super::group_requests::*;

#[test]
fn every_version_joins() {
    let broker = coordinator(&[]);
    for version in 0..=9 {
        let mut client = broker.connect().named("me");
        let group = format!("g{version}");
        let joined = join(&mut client, version, &group);
        assert_eq!((joined.error_code, joined.throttle_time_ms), (0, 0), "v{version}");
        assert_eq!(joined.generation_id, 1, "v{version}");
        assert!(joined.member_id.starts_with("me-"), "{}", joined.member_id);
        assert_eq!(joined.member_id.len(), 3 + 36, "the client ID and a UUID");
        assert_eq!(joined.leader, joined.member_id);
        assert_eq!(joined.protocol_name.as_deref(), Some("range"));
        let kind = joined.protocol_type.as_deref();
        assert_eq!(kind, if version >= 7 { Some("consumer") } else { None }, "v{version}");
        assert!(!joined.skip_assignment);
        assert_eq!(joined.members.len(), 1);
        assert_eq!(joined.members[0].member_id, joined.member_id);
        assert_eq!(joined.members[0].metadata, subscription("t"));
        assert_eq!(joined.members[0].group_instance_id, None);
    }
}

#[test]
fn a_new_member_is_given_its_id_first() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    for version in 4..=9 {
        let first = client.call(join_request("g", NOBODY), version);
        assert_eq!(first.error_code, MemberIdRequired.code(), "v{version}");
        assert_eq!((first.generation_id, first.members.len()), (-1, 0));
        assert!(first.member_id.starts_with("protocol-tests-"));
        assert_eq!(first.protocol_name.is_none(), version >= 7, "v{version}");
        assert_eq!(&*first.leader, "");
    }
}

#[test]
fn a_static_member_is_not() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    for version in 5..=9 {
        let group = format!("g{version}");
        let joined = client.call(static_join_request(&group, NOBODY, "i"), version);
        assert_eq!((joined.error_code, joined.generation_id), (0, 1), "v{version}");
        assert!(joined.member_id.starts_with("i-"), "{}", joined.member_id);
        assert_eq!(joined.members[0].group_instance_id.as_deref(), Some("i"));
    }
}

#[test]
fn two_members_share_a_generation_and_the_leader_knows_both() {
    let broker = coordinator(&[]);
    let (mut one, mut two) = (broker.connect(), broker.connect());
    for version in [0, 2, 4, 5, 7, 9] {
        let group = format!("g{version}");
        let leader = join(&mut one, version, &group).member_id.to_string();
        // The second one waits until the first has joined again.
        let second = match version {
            0..4 => NOBODY.to_owned(),
            _ => two.call(join_request(&group, NOBODY), version).member_id.to_string(),
        };
        two.send(&join_request(&group, &second), version);
        two.expect_silence(Duration::from_millis(30));
        assert_eq!(heartbeat(&mut one, &group, &leader, 1), RebalanceInProgress.code());
        let first = one.call(join_request(&group, &leader), version);
        let second = two.receive::<JoinGroupRequest>(version).1;
        for joined in [&first, &second] {
            assert_eq!((joined.error_code, joined.generation_id), (0, 2), "v{version}");
            assert_eq!(&*joined.leader, leader, "v{version}");
        }
        let mut known: Vec<&str> = first.members.iter().map(|m| &*m.member_id).collect();
        known.sort_unstable();
        let mut both = vec![leader.as_str(), &second.member_id];
        both.sort_unstable();
        assert_eq!(known, both, "v{version}");
        assert!(second.members.is_empty(), "only the leader needs to know");
    }
}

#[test]
fn the_protocol_is_one_that_all_members_have() {
    let broker = coordinator(&[]);
    let (mut one, mut two) = (broker.connect(), broker.connect());
    let with = |request: JoinGroupRequest, names: &[&str]| {
        let protocols = names.iter().map(|name| {
            JoinGroupRequestProtocol::default()
                .with_name(text(name))
                .with_metadata(subscription(name))
        });
        request.with_protocols(protocols.collect())
    };
    let first = one.call(with(join_request("g", NOBODY), &["a", "b"]), 3);
    assert_eq!(first.protocol_name.as_deref(), Some("a"));
    let refused = two.call(with(join_request("g", NOBODY), &["c"]), 3);
    assert_eq!(refused.error_code, InconsistentGroupProtocol.code());
    let other = with(join_request("g", NOBODY), &["a"]).with_protocol_type(text("connect"));
    assert_eq!(two.call(other, 3).error_code, InconsistentGroupProtocol.code());
    two.send(&with(join_request("g", NOBODY), &["c", "b"]), 3);
    two.expect_silence(Duration::from_millis(30));
    let again = one.call(with(join_request("g", &first.member_id), &["a", "b"]), 3);
    assert_eq!(again.protocol_name.as_deref(), Some("b"));
    let member = again.members.iter().find(|m| m.member_id != first.member_id);
    assert_eq!(member.expect("there are two").metadata, subscription("b"));
    assert_eq!(two.receive::<JoinGroupRequest>(3).1.generation_id, again.generation_id);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    let protocol = |name: &str, metadata: Bytes| {
        JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(metadata)
    };
    let good = subscription("t");
    let twice = vec![protocol("range", good.clone()), protocol("range", good)];
    let garbage = Bytes::from_static(b"\x00\x00\x7f\x7f\x7f\x7f");
    for version in 0..=9 {
        for (request, code) in [
            (join_request("", NOBODY), InvalidGroupId),
            (join_request("g", NOBODY).with_session_timeout_ms(5_999), InvalidSessionTimeout),
            (join_request("g", NOBODY).with_session_timeout_ms(1_800_001), InvalidSessionTimeout),
            (join_request("g", "unknown"), UnknownMemberId),
            (join_request("g", NOBODY).with_protocols(vec![]), InconsistentGroupProtocol),
            (join_request("g", NOBODY).with_protocol_type(text("")), InconsistentGroupProtocol),
            // Kafka never answers these two.
            (join_request("g", NOBODY).with_protocols(twice.clone()), InvalidRequest),
            (
                join_request("g", NOBODY).with_protocols(vec![protocol("range", garbage.clone())]),
                InvalidRequest,
            ),
        ] {
            let answer = client.call(request, version);
            // A group of nobody has no protocols that could differ, so the ID may come first.
            let required = version >= 4 && code == InconsistentGroupProtocol;
            if required && answer.error_code == MemberIdRequired.code() {
                continue;
            }
            assert_eq!(answer.error_code, code.code(), "v{version}");
            assert_eq!((answer.generation_id, answer.members.len()), (-1, 0));
        }
    }
}

#[test]
fn a_full_group_takes_nobody() {
    let broker = coordinator(&["group.max.size=1"]);
    let mut client = broker.connect();
    join(&mut client, 3, "g");
    let code = client.call(join_request("g", NOBODY), 3).error_code;
    assert_eq!(code, GroupMaxSizeReached.code());
}

#[test]
fn trap_11_a_rebalance_timeout_of_minus_1_does_not_last_for_ever() {
    let broker = coordinator(&[]);
    let (mut one, mut two) = (broker.connect(), broker.connect());
    // Version 0 has none: its session timeout counts.
    let first = one.call(join_request("g", NOBODY).with_session_timeout_ms(6_000), 0);
    assert_eq!(first.error_code, 0);
    let request = join_request("g", NOBODY).with_session_timeout_ms(6_000);
    let started = Instant::now();
    two.send(&request.with_rebalance_timeout_ms(-1), 1);
    // The first one does not come back; the second must not wait for it for ever.
    let joined = two.receive::<JoinGroupRequest>(1).1;
    assert_eq!(joined.error_code, 0);
    assert_eq!(joined.leader, joined.member_id);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_static_member_that_comes_back_keeps_the_generation() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    for version in 5..=9 {
        let group = format!("g{version}");
        let first = client.call(static_join_request(&group, NOBODY, "i"), version);
        let old = first.member_id.to_string();
        let assignments = [(old.as_str(), b"mine".as_slice())];
        let request = sync_request(&group, &old, 1, &assignments);
        let request = request.with_group_instance_id(Some(text("i")));
        assert_eq!(client.call(request, 5).error_code, 0);
        let back = client.call(static_join_request(&group, NOBODY, "i"), version);
        assert_eq!((back.error_code, back.generation_id), (0, 1), "v{version}");
        let new = back.member_id.to_string();
        assert_ne!(new, old);
        // KIP-814: from version 9 on the leader is told that it need not assign again.
        let leader = if version >= 9 { &new } else { &old };
        assert_eq!((&*back.leader, back.skip_assignment), (leader.as_str(), version >= 9));
        // The old ID is fenced with its instance and unknown without.
        let fenced = heartbeat_request(&group, &old, 1).with_group_instance_id(Some(text("i")));
        assert_eq!(client.call(fenced, 4).error_code, FencedInstanceId.code());
        assert_eq!(heartbeat(&mut client, &group, &old, 1), UnknownMemberId.code());
        let stale = client.call(static_join_request(&group, &old, "i"), version);
        assert_eq!(stale.error_code, FencedInstanceId.code());
        let request = sync_request(&group, &new, 1, &[]);
        let synced = client.call(request.with_group_instance_id(Some(text("i"))), 5);
        assert_eq!((synced.error_code, &synced.assignment[..]), (0, b"mine".as_slice()));
    }
}

#[test]
fn a_member_that_joins_again_unchanged_gets_the_same_answer() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    let joined = join(&mut client, 5, "g");
    let again = client.call(join_request("g", &joined.member_id), 5);
    assert_eq!((again.error_code, again.generation_id), (0, 1));
    assert_eq!(again.members.len(), 1);
}
