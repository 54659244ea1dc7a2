//! OffsetCommit: every version, who may commit in which state, and what is checked.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use protocol_tests::client::text;

use super::group_requests::*;
use super::requests::*;

#[test]
fn every_version_commits_with_and_without_members() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let member_id = stable_group(&mut client, "g");
    for version in 2..=9 {
        let offset = i64::from(version) * 10;
        let request = commit_request("g", &member_id, 1, "t", offset);
        assert_eq!(commit(&mut client, version, request), 0, "v{version}");
        assert_eq!(committed(&mut client, "g", "t"), offset);
        let request = commit_request("simple", NOBODY, -1, "t", offset + 1);
        assert_eq!(commit(&mut client, version, request), 0, "v{version}");
        assert_eq!(committed(&mut client, "simple", "t"), offset + 1);
    }
}

#[test]
fn an_unknown_group_with_a_generation_is_refused() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in 2..=9 {
        let code = commit(&mut client, version, commit_request("nobody", "x", 3, "t", 1));
        let expected = if version >= 9 { GroupIdNotFound } else { IllegalGeneration };
        assert_eq!(code, expected.code(), "v{version}");
    }
}

#[test]
fn odd_commits_that_kafka_takes_are_taken() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for (group, member_id, offset) in [("", "", 5), ("new", "any", 6), ("negative", "", -7)] {
        let request = commit_request(group, member_id, -1, "t", offset);
        assert_eq!(commit(&mut client, 8, request), 0, "{group:?}");
        assert_eq!(committed(&mut client, group, "t"), offset, "{group:?}");
    }
}

#[test]
fn members_are_checked() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let completing = join(&mut client, 5, "completing").member_id.to_string();
    let stable = stable_group(&mut client, "stable");
    for version in 2..=9 {
        for (group, member_id, generation, code) in [
            ("completing", completing.as_str(), 1, RebalanceInProgress),
            ("completing", "x", 1, UnknownMemberId),
            ("completing", &completing, 0, IllegalGeneration),
            ("stable", "x", 1, UnknownMemberId),
            ("stable", "", -1, UnknownMemberId),
            ("stable", &stable, 2, IllegalGeneration),
            ("stable", &stable, -1, IllegalGeneration),
        ] {
            let request = commit_request(group, member_id, generation, "t", 1);
            let found = commit(&mut client, version, request);
            assert_eq!(found, code.code(), "v{version} {group} {member_id:?} {generation}");
        }
    }
    assert_eq!(committed(&mut client, "stable", "t"), -1);
}

#[test]
fn an_instance_is_checked() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let member_id = stable_group(&mut client, "g");
    for version in 7..=9 {
        let request = commit_request("g", &member_id, 1, "t", 1);
        let request = request.with_group_instance_id(Some(text("i")));
        assert_eq!(commit(&mut client, version, request), UnknownMemberId.code(), "v{version}");
    }
}

#[test]
fn every_partition_is_judged_for_itself() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 3, &[]);
    for version in 2..=9 {
        let mut request = commit_request("g", NOBODY, -1, "t", 1);
        let partition = |index: i32, metadata: Option<&str>| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(7)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(metadata.map(text))
        };
        let long = "x".repeat(4097);
        request.topics[0].partitions = vec![
            partition(0, Some(&long)),
            partition(1, Some(&long[1..])),
            partition(2, None),
            partition(3, None),
            partition(-1, None),
        ];
        let mut nobody = request.topics[0].clone();
        nobody.name = topic_name("nobody");
        nobody.partitions = vec![partition(0, None)];
        request.topics.push(nobody);
        let response = client.call(request, version);
        let unknown = UnknownTopicOrPartition.code();
        let codes = |topic: &str| {
            let found = response.topics.iter().find(|found| &*found.name.0 == topic);
            let partitions = &found.expect("every topic is answered").partitions;
            let mut codes: Vec<_> =
                partitions.iter().map(|p| (p.partition_index, p.error_code)).collect();
            codes.sort_unstable();
            codes
        };
        let large = OffsetMetadataTooLarge.code();
        let expected = [(-1, unknown), (0, large), (1, 0), (2, 0), (3, unknown)];
        assert_eq!(codes("t"), expected, "v{version}");
        assert_eq!(codes("nobody"), [(0, unknown)], "v{version}");
    }
}
