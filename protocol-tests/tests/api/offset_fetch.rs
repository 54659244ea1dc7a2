//! OffsetFetch: every version, one group or several, some topics or all, by name or by ID.

use felice::wire::messages::{self, offset_fetch_request, offset_fetch_response};
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::OffsetFetchRequest;
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use protocol_tests::client::{Client, text};
use uuid::Uuid;

use super::group_requests::*;
use super::requests::*;

/// Partition, offset, leader epoch, metadata and code.
type Answer = (String, i32, i64, i32, Option<String>, i16);

/// Asks for partitions of `t`, or for everything, in a version. A group must have no error.
fn fetch_in(
    client: &mut Client,
    version: i16,
    group: &str,
    partitions: Option<&[i32]>,
) -> Vec<Answer> {
    if version < 8 {
        let topics = partitions.map(|partitions| {
            vec![
                OffsetFetchRequestTopic::default()
                    .with_name(topic_name("t"))
                    .with_partition_indexes(partitions.to_vec()),
            ]
        });
        let request =
            OffsetFetchRequest::default().with_group_id(group_id(group)).with_topics(topics);
        let response = client.call(request, version);
        assert_eq!((response.error_code, response.throttle_time_ms), (0, 0), "v{version}");
        let answers = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|p| {
                let metadata = p.metadata.as_ref().map(|text| text.to_string());
                let (index, offset) = (p.partition_index, p.committed_offset);
                let name = topic.name.0.to_string();
                (name, index, offset, p.committed_leader_epoch, metadata, p.error_code)
            })
        });
        return answers.collect();
    }
    let topics = partitions.map(|partitions| {
        vec![
            OffsetFetchRequestTopics::default()
                .with_name(topic_name("t"))
                .with_partition_indexes(partitions.to_vec()),
        ]
    });
    let asked =
        OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(topics);
    let response = client.call(OffsetFetchRequest::default().with_groups(vec![asked]), version);
    assert_eq!((response.groups.len(), response.throttle_time_ms), (1, 0));
    let answered = &response.groups[0];
    assert_eq!((&*answered.group_id.0, answered.error_code), (group, 0), "v{version}");
    let answers = answered.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|p| {
            let metadata = p.metadata.as_ref().map(|text| text.to_string());
            let (index, offset) = (p.partition_index, p.committed_offset);
            let name = topic.name.0.to_string();
            (name, index, offset, p.committed_leader_epoch, metadata, p.error_code)
        })
    });
    answers.collect()
}

/// Offset 5 with epoch 0 and a note in partition 0 of `t`, 6 without epoch in partition 0 of `u`.
fn prepare(client: &mut Client) {
    create(client, "t", 2, &[]);
    create(client, "u", 1, &[]);
    let mut request = commit_request("g", NOBODY, -1, "t", 5);
    request.topics[0].partitions[0].committed_leader_epoch = 0;
    assert_eq!(commit(client, 8, request), 0);
    commit_simple(client, "g", "u", 6);
}

#[test]
fn every_version_fetches_what_was_committed() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    prepare(&mut client);
    for version in 1..=9 {
        let epoch = if version >= 5 { 0 } else { -1 };
        let note = Some("note".to_owned());
        let nothing = |partition| ("t".to_owned(), partition, -1, -1, Some(String::new()), 0);
        let found = fetch_in(&mut client, version, "g", Some(&[0, 1, 7]));
        let first = ("t".to_owned(), 0, 5, epoch, note.clone(), 0);
        assert_eq!(found, [first.clone(), nothing(1), nothing(7)], "v{version}");
        // A group that does not exist has no offsets, and that is no error.
        let found = fetch_in(&mut client, version, "nobody", Some(&[0]));
        assert_eq!(found, [nothing(0)], "v{version}");
        if version >= 2 {
            let mut all = fetch_in(&mut client, version, "g", None);
            all.sort();
            assert_eq!(all, [first, ("u".to_owned(), 0, 6, -1, note, 0)], "v{version}");
            assert!(fetch_in(&mut client, version, "nobody", None).is_empty(), "v{version}");
        }
        assert!(fetch_in(&mut client, version, "g", Some(&[])).is_empty(), "v{version}");
    }
}

/// Asks for partitions of topics by ID, or for everything, in version 10. The group must have no
/// error.
fn fetch_by_id(
    client: &mut Client,
    group: &str,
    topics: Option<&[(Uuid, &[i32])]>,
) -> Vec<offset_fetch_response::OffsetFetchResponseTopics> {
    let topic =
        |(topic_id, partitions): &(Uuid, &[i32])| offset_fetch_request::OffsetFetchRequestTopics {
            topic_id: *topic_id,
            partition_indexes: partitions.to_vec(),
            ..Default::default()
        };
    let group = offset_fetch_request::OffsetFetchRequestGroup {
        group_id: text(group),
        topics: topics.map(|topics| topics.iter().map(topic).collect()),
        ..Default::default()
    };
    let request = messages::OffsetFetchRequest { groups: vec![group], ..Default::default() };
    let mut response = client.call(request, 10);
    assert_eq!((response.groups.len(), response.groups[0].error_code), (1, 0));
    response.groups.remove(0).topics
}

#[test]
fn version_10_names_topics_by_id() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    prepare(&mut client);
    let [t, u] = ["t", "u"].map(|name| describe_topic(&mut client, name).topic_id);
    let unknown = Uuid::from_u128(7);
    let asked: [(Uuid, &[i32]); 4] =
        [(unknown, &[0]), (t, &[0, 1, 9]), (Uuid::nil(), &[1]), (u, &[0])];
    let answers = |topics: &[offset_fetch_response::OffsetFetchResponseTopics]| {
        let answers = topics.iter().flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions
                .map(|p| (topic.topic_id, p.partition_index, p.committed_offset, p.error_code))
        });
        answers.collect::<Vec<_>>()
    };
    let missing = UnknownTopicId.code();
    let found = fetch_by_id(&mut client, "g", Some(&asked));
    assert_eq!(found[0].partitions[0].committed_leader_epoch, 0);
    assert_eq!(found[0].partitions[0].metadata.as_deref(), Some("note"));
    assert_eq!(found[0].partitions[1].metadata.as_deref(), Some(""));
    // What is not known comes last, as from Kafka.
    let expected = [
        (t, 0, 5, 0),
        (t, 1, -1, 0),
        (t, 9, -1, 0),
        (u, 0, 6, 0),
        (unknown, 0, -1, missing),
        (Uuid::nil(), 1, -1, missing),
    ];
    assert_eq!(answers(&found), expected);
    let nobody = fetch_by_id(&mut client, "nobody", Some(&asked[..2]));
    let expected = [(t, 0, -1, 0), (t, 1, -1, 0), (t, 9, -1, 0), (unknown, 0, -1, missing)];
    assert_eq!(answers(&nobody), expected);
    assert_eq!(answers(&fetch_by_id(&mut client, "g", None)), [(t, 0, 5, 0), (u, 0, 6, 0)]);
    assert!(fetch_by_id(&mut client, "nobody", None).is_empty());
    // The ID goes with the topic.
    delete(&mut client, "t");
    let new = create(&mut client, "t", 1, &[]);
    let found = fetch_by_id(&mut client, "g", Some(&[(t, &[0]), (new, &[0])]));
    assert_eq!(answers(&found), [(new, 0, -1, 0), (t, 0, -1, missing)]);
}

#[test]
fn several_groups_are_answered_each_for_itself() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    prepare(&mut client);
    for version in 8..=9 {
        let asked = ["g", "nobody", ""].map(|group| {
            OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(None)
        });
        let request =
            OffsetFetchRequest::default().with_groups(asked.to_vec()).with_require_stable(true);
        let response = client.call(request, version);
        let answers: Vec<_> = response
            .groups
            .iter()
            .map(|group| (&*group.group_id.0, group.error_code, group.topics.len()))
            .collect();
        assert_eq!(answers, [("g", 0, 2), ("nobody", 0, 0), ("", 0, 0)], "v{version}");
    }
}

#[test]
fn offsets_go_with_their_topic() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    prepare(&mut client);
    delete(&mut client, "t");
    create(&mut client, "t", 1, &[]);
    assert_eq!(committed(&mut client, "g", "t"), -1);
    assert_eq!(committed(&mut client, "g", "u"), 6);
}

#[test]
fn offsets_survive_a_kill() {
    let mut broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for round in 0..5 {
        for offset in 0..20 {
            let request = commit_request("g", NOBODY, -1, "t", round * 100 + offset);
            assert_eq!(commit(&mut client, 8, request), 0);
        }
        broker.kill();
        broker.restart();
        client = broker.connect();
        assert_eq!(committed(&mut client, "g", "t"), round * 100 + 19);
    }
}
