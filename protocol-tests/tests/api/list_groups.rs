//! ListGroups: every version and its filters.

use kafka_protocol::messages::ListGroupsRequest;
use protocol_tests::client::{Client, text};

use super::group_requests::*;
use super::requests::*;

/// A stable group, one that is completing its rebalance, and one of offsets alone.
fn groups(client: &mut Client) {
    create(client, "t", 1, &[]);
    stable_group(client, "stable");
    join(client, 5, "completing");
    commit_simple(client, "simple", "t", 1);
}

fn listed(client: &mut Client, version: i16, states: &[&str], types: &[&str]) -> Vec<String> {
    let texts = |words: &[&str]| words.iter().map(|word| text(word)).collect();
    let request = ListGroupsRequest::default()
        .with_states_filter(texts(states))
        .with_types_filter(texts(types));
    let response = client.call(request, version);
    assert_eq!((response.error_code, response.throttle_time_ms), (0, 0));
    let lines = response.groups.iter().map(|group| {
        let parts = [&group.group_id.0, &group.protocol_type, &group.group_state];
        let parts = parts.iter().map(|part| part.as_str()).chain([group.group_type.as_str()]);
        parts.collect::<Vec<_>>().join(":")
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

#[test]
fn every_version_lists_all_groups() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    groups(&mut client);
    for version in 0..=5 {
        let expected = match version {
            ..4 => ["completing:consumer::", "simple:::", "stable:consumer::"],
            4 => [
                "completing:consumer:CompletingRebalance:",
                "simple::Empty:",
                "stable:consumer:Stable:",
            ],
            _ => [
                "completing:consumer:CompletingRebalance:classic",
                "simple::Empty:classic",
                "stable:consumer:Stable:classic",
            ],
        };
        assert_eq!(listed(&mut client, version, &[], &[]), expected, "v{version}");
    }
}

#[test]
fn filters_ignore_case() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    groups(&mut client);
    let count = |client: &mut Client, states: &[&str], types: &[&str]| {
        listed(client, 5, states, types).len()
    };
    assert_eq!(count(&mut client, &["stable"], &[]), 1);
    assert_eq!(count(&mut client, &["STABLE", "empty"], &[]), 2);
    assert_eq!(count(&mut client, &["nonsense"], &[]), 0);
    assert_eq!(count(&mut client, &[], &["Classic"]), 3);
    assert_eq!(count(&mut client, &[], &["consumer"]), 0);
    assert_eq!(count(&mut client, &["stable"], &["classic", "consumer"]), 1);
    assert_eq!(listed(&mut client, 4, &["stable"], &[]), ["stable:consumer:Stable:"]);
}

#[test]
fn without_groups_there_is_nothing_to_list() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    for version in 0..=5 {
        assert!(listed(&mut client, version, &[], &[]).is_empty(), "v{version}");
    }
}
