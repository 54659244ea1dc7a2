//! DeleteGroups: every version, which groups may go, and that their offsets go with them.

use felice::wire::messages;
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::{DeleteGroupsRequest, DescribeGroupsRequest};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::group_requests::*;
use super::requests::*;

/// Deletes groups and returns their codes, sorted by name.
fn delete_groups(client: &mut Client, version: i16, groups: &[&str]) -> Vec<(String, i16)> {
    let mut codes: Vec<_> = if version < 3 {
        let names = groups.iter().map(|group| group_id(group)).collect();
        let request = DeleteGroupsRequest::default().with_groups_names(names);
        let response = client.call(request, version);
        assert_eq!(response.throttle_time_ms, 0);
        let results = response.results.iter();
        results.map(|result| (result.group_id.to_string(), result.error_code)).collect()
    } else {
        let names = groups.iter().map(|group| text(group)).collect();
        let request = messages::DeleteGroupsRequest { groups_names: names };
        let response = client.call(request, version);
        assert_eq!(response.throttle_time_ms, 0);
        for result in &response.results {
            // What fails is explained.
            let message = result.error_message.as_deref().unwrap_or("");
            assert_eq!(message.is_empty(), result.error_code == 0, "{result:?}");
        }
        let results = response.results.iter();
        results.map(|result| (result.group_id.to_string(), result.error_code)).collect()
    };
    codes.sort();
    codes
}

fn state_of(client: &mut Client, group: &str) -> String {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
    client.call(request, 5).groups[0].group_state.to_string()
}

fn codes(expected: &[(&str, i16)]) -> Vec<(String, i16)> {
    expected.iter().map(|(group, code)| ((*group).to_owned(), *code)).collect()
}

#[test]
fn every_version_deletes_what_has_no_members() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    stable_group(&mut client, "stable");
    join(&mut client, 5, "completing");
    for version in 0..=3 {
        let left = stable_group(&mut client, "left");
        let request = commit_request("left", &left, 1, "t", 4);
        assert_eq!(commit(&mut client, 8, request), 0);
        client.call(leave_request("left", &[(&left, None)]), 5);
        commit_simple(&mut client, "simple", "t", 3);
        commit_simple(&mut client, "", "t", 3);
        let all = ["stable", "completing", "left", "simple", "nobody", ""];
        let expected = [
            ("", 0),
            ("completing", NonEmptyGroup.code()),
            ("left", 0),
            ("nobody", GroupIdNotFound.code()),
            ("simple", 0),
            ("stable", NonEmptyGroup.code()),
        ];
        assert_eq!(delete_groups(&mut client, version, &all), codes(&expected), "v{version}");
        for group in ["left", "simple", ""] {
            assert_eq!(state_of(&mut client, group), "Dead", "v{version} {group:?}");
            assert_eq!(committed(&mut client, group, "t"), -1, "v{version} {group:?}");
        }
        let again = delete_groups(&mut client, version, &["", "simple"]);
        let missing = GroupIdNotFound.code();
        assert_eq!(again, codes(&[("", missing), ("simple", missing)]), "v{version}");
    }
    assert_eq!(state_of(&mut client, "stable"), "Stable");
}

#[test]
fn a_group_that_is_named_twice_is_answered_once() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in 0..=3 {
        commit_simple(&mut client, "g", "t", 3);
        assert_eq!(delete_groups(&mut client, version, &["g", "g"]), codes(&[("g", 0)]));
        assert!(delete_groups(&mut client, version, &[]).is_empty());
    }
}

#[test]
fn a_group_whose_topic_is_gone_can_be_deleted() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    commit_simple(&mut client, "g", "t", 3);
    delete(&mut client, "t");
    assert_eq!(delete_groups(&mut client, 2, &["g"]), codes(&[("g", 0)]));
    assert_eq!(state_of(&mut client, "g"), "Dead");
}

#[test]
fn without_a_coordinator_groups_cannot_be_deleted() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let expected = codes(&[("a", NotCoordinator.code()), ("b", NotCoordinator.code())]);
    assert_eq!(delete_groups(&mut client, 2, &["a", "b"]), expected);
}

#[test]
fn deleted_groups_stay_deleted_after_a_crash() {
    let mut broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for group in ["gone", "kept"] {
        commit_simple(&mut client, group, "t", 3);
    }
    assert_eq!(delete_groups(&mut client, 2, &["gone"]), codes(&[("gone", 0)]));
    broker.kill();
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(committed(&mut client, "gone", "t"), -1);
    assert_eq!(committed(&mut client, "kept", "t"), 3);
    assert_eq!(state_of(&mut client, "gone"), "Dead");
}
