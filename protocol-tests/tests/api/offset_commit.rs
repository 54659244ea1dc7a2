//! OffsetCommit: every version, who may commit in which state, and what is checked.

use felice::wire::messages::{self, offset_commit_request};
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use protocol_tests::client::{Client, text};
use uuid::Uuid;

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

/// Commits offset 5 in partitions of topics by ID, in version 10. The partitions and codes of every
/// topic that is answered.
fn commit_by_id(
    client: &mut Client,
    group: &str,
    (member_id, generation): (&str, i32),
    topics: &[(Uuid, &[i32])],
) -> Vec<(Uuid, Vec<(i32, i16)>)> {
    let partition = |index: &i32| offset_commit_request::OffsetCommitRequestPartition {
        partition_index: *index,
        committed_offset: 5,
        ..Default::default()
    };
    let topic =
        |(topic_id, partitions): &(Uuid, &[i32])| offset_commit_request::OffsetCommitRequestTopic {
            topic_id: *topic_id,
            partitions: partitions.iter().map(partition).collect(),
            ..Default::default()
        };
    let request = messages::OffsetCommitRequest {
        group_id: text(group),
        member_id: text(member_id),
        generation_id_or_member_epoch: generation,
        topics: topics.iter().map(topic).collect(),
        ..Default::default()
    };
    let response = client.call(request, 10);
    assert_eq!(response.throttle_time_ms, 0);
    let codes = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        (topic.topic_id, partitions.map(|p| (p.partition_index, p.error_code)).collect())
    });
    codes.collect()
}

#[test]
fn version_10_names_topics_by_id() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    let t = create(&mut client, "t", 2, &[]);
    let u = create(&mut client, "u", 1, &[]);
    let unknown = Uuid::from_u128(7);
    let simple = (NOBODY, -1);
    let asked: [(Uuid, &[i32]); 4] =
        [(t, &[0, 9, 1, -1]), (unknown, &[0, 1]), (Uuid::nil(), &[0]), (u, &[0])];
    let (id, partition) = (UnknownTopicId.code(), UnknownTopicOrPartition.code());
    let expected = [
        (t, vec![(0, 0), (9, partition), (1, 0), (-1, partition)]),
        (unknown, vec![(0, id), (1, id)]),
        (Uuid::nil(), vec![(0, id)]),
        (u, vec![(0, 0)]),
    ];
    assert_eq!(commit_by_id(&mut client, "g", simple, &asked), expected);
    assert_eq!((committed(&mut client, "g", "t"), committed(&mut client, "g", "u")), (5, 5));
    // A group that refuses speaks for the rest.
    let missing = GroupIdNotFound.code();
    let found = commit_by_id(&mut client, "nobody", ("x", 3), &asked[1..]);
    assert_eq!(found[..2], expected[1..3]);
    assert_eq!(found[2], (u, vec![(0, missing)]));
    assert!(commit_by_id(&mut client, "nobody", ("x", 3), &[]).is_empty());
    // Members commit in the same way.
    let member_id = stable_group(&mut client, "m");
    let found = commit_by_id(&mut client, "m", (&member_id, 1), &[(t, &[0])]);
    assert_eq!(found, [(t, vec![(0, 0)])]);
    let found = commit_by_id(&mut client, "m", (&member_id, 2), &[(t, &[0])]);
    assert_eq!(found, [(t, vec![(0, IllegalGeneration.code())])]);
}
