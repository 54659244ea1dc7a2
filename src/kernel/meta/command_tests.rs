//! Tests of the decisions, by the answers Kafka 4.3 gives to the same requests.

use std::sync::Arc;

use super::command::*;
use super::image::*;
use super::record::{
    ConfigRecord, PartitionRecord, ProducerIdsRecord, Record, RegisterBrokerRecord, TopicRecord,
};
use crate::kernel::types::{TopicIdPartition, Uuid};

fn id(byte: u8) -> Uuid {
    Uuid([byte; 16])
}

/// Knows the keys `retention.ms`, a number, and `cleanup.policy`, a list.
struct Rules;

impl ConfigRules for Rules {
    fn check(&self, resource: &Resource, configs: &Configs) -> Result<(), Error> {
        for (key, value) in configs {
            match &**key {
                "cleanup.policy" if resource.kind == ResourceKind::Topic => {}
                "retention.ms" if value.parse::<i64>().is_ok() => {}
                _ => return Err(Error::InvalidConfig(format!("bad config {key}"))),
            }
        }
        Ok(())
    }

    fn list_default(&self, _: ResourceKind, key: &str, change: &str) -> Result<&str, Error> {
        match key {
            "cleanup.policy" => Ok("delete"),
            _ => Err(Error::InvalidConfig(format!("no {change} to {key}"))),
        }
    }
}

fn broker(broker_id: i32) -> Record {
    Record::RegisterBroker(RegisterBrokerRecord {
        broker_id,
        broker_epoch: 7,
        log_dirs: vec![id(200 + broker_id as u8)],
        ..RegisterBrokerRecord::default()
    })
}

fn image_of(records: &[Record]) -> Image {
    let mut image = Image::default();
    for record in records {
        image.apply(record).expect("the record fits");
        image.revision += 1;
    }
    image
}

/// One broker, number 1, and the topics `first.a` and `second`.
fn small_image() -> Image {
    let mut image = image_of(&[broker(1)]);
    let topics = [new_topic("first.a", 3, 1), new_topic("second", 1, 1)];
    let decision = decide(&image, &create(&topics), &Rules);
    for record in &decision.records {
        image.apply(record).expect("the record fits");
        image.revision += 1;
    }
    image
}

fn new_topic(name: &str, partition_count: i32, replication_factor: i16) -> NewTopic {
    let first = name.bytes().next().unwrap_or(0);
    NewTopic {
        name: name.into(),
        id: id(first),
        partition_count,
        replication_factor,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

fn assigned(assignments: &[(i32, &[i32])]) -> NewTopic {
    let assignments = assignments.iter().map(|(p, replicas)| (*p, replicas.to_vec())).collect();
    NewTopic { assignments, ..new_topic("new", -1, -1) }
}

fn configured(topic: NewTopic, key: &str, value: Option<&str>) -> NewTopic {
    NewTopic { configs: vec![(key.into(), value.map(Arc::from))], ..topic }
}

fn create(topics: &[NewTopic]) -> Command {
    Command::CreateTopics(CreateTopics {
        topics: topics.to_vec(),
        validate_only: false,
        defaults: Defaults { partition_count: 2, replication_factor: 1 },
        partitions_max: PARTITIONS_PER_REQUEST_MAX,
    })
}

fn created(decision: Decision) -> Vec<(Arc<str>, Result<CreatedTopic, Error>)> {
    match decision.outcome {
        Outcome::CreateTopics(answers) => answers,
        other => panic!("not an answer to CreateTopics: {other:?}"),
    }
}

/// The variant of the error that a single topic is refused with.
fn refusal(image: &Image, topic: NewTopic) -> Error {
    let decision = decide(image, &create(&[topic]), &Rules);
    assert_eq!(decision.records, []);
    let mut answers = created(decision);
    assert_eq!(answers.len(), 1);
    answers.remove(0).1.expect_err("the topic is refused")
}

#[test]
fn a_created_topic_gets_its_record_its_configs_and_its_partitions() {
    let image = image_of(&[broker(1)]);
    let topic = configured(new_topic("t", -1, -1), "retention.ms", Some("5"));
    let decision = decide(&image, &create(&[topic]), &Rules);
    let state = Partition {
        replicas: vec![1],
        isr: vec![1],
        leader: 1,
        directories: vec![id(201)],
        ..Partition::default()
    };
    let partition = |partition| {
        let state = state.clone();
        Record::Partition(PartitionRecord { partition_index: partition, topic_id: id(b't'), state })
    };
    let expected = [
        Record::Topic(TopicRecord { name: "t".into(), topic_id: id(b't') }),
        Record::Config(ConfigRecord {
            resource_type: 2,
            resource_name: "t".into(),
            name: "retention.ms".into(),
            value: Some("5".into()),
        }),
        partition(0),
        partition(1),
    ];
    assert_eq!(decision.records, expected);
    let answer = CreatedTopic {
        id: id(b't'),
        partition_count: 2,
        replication_factor: 1,
        configs: Configs::from([("retention.ms".into(), "5".into())]),
    };
    assert_eq!(created(decision), [("t".into(), Ok(answer))]);
}

#[test]
fn validate_only_answers_as_if_and_changes_nothing() {
    let image = small_image();
    let Command::CreateTopics(request) = create(&[new_topic("t", 4, 1)]) else { unreachable!() };
    let command = Command::CreateTopics(CreateTopics { validate_only: true, ..request });
    let decision = decide(&image, &command, &Rules);
    assert_eq!(decision.records, []);
    let answer = created(decision).remove(0).1.expect("the topic could be created");
    assert_eq!((answer.partition_count, answer.id), (4, id(b't')));
}

#[test]
fn names_are_refused_as_kafka_refuses_them() {
    let image = small_image();
    let long = "a".repeat(250);
    for name in ["", ".", "..", "a b", "ä", "a/b", &long, "first_a", "first_a"] {
        let error = refusal(&image, new_topic(name, 1, 1));
        assert!(matches!(error, Error::InvalidTopicName(_)), "{name}: {error}");
    }
    assert_eq!(refusal(&image, new_topic("second", 1, 1)), Error::TopicExists("second".into()));
    assert_eq!(refusal(&image, new_topic("first.a", 1, 1)), Error::TopicExists("first.a".into()));
    let error = refusal(&image, new_topic("__cluster_metadata", 1, 1));
    assert!(matches!(error, Error::InvalidRequest(_)));
    for name in [&long[1..], "...", "first-a", "__consumer_offsets"] {
        let decision = decide(&image, &create(&[new_topic(name, 1, 1)]), &Rules);
        assert!(created(decision)[0].1.is_ok(), "{name}");
    }
}

#[test]
fn names_that_collide_within_one_request_are_both_created() {
    let image = image_of(&[broker(1)]);
    let second = NewTopic { id: id(9), ..new_topic("a_b", 1, 1) };
    let decision = decide(&image, &create(&[new_topic("a.b", 1, 1), second]), &Rules);
    assert_eq!(decision.records.len(), 4);
    assert!(created(decision).iter().all(|(_, result)| result.is_ok()));
}

#[test]
fn a_name_given_twice_is_refused_once_and_leaves_the_others_alone() {
    let image = small_image();
    let topics = [new_topic("d", 1, 1), new_topic("ok", 1, 1), new_topic("d", 2, 1)];
    let answers = created(decide(&image, &create(&topics), &Rules));
    let names: Vec<_> = answers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["d", "ok"]);
    assert!(matches!(answers[0].1, Err(Error::InvalidRequest(_))));
    assert!(answers[1].1.is_ok());
}

#[test]
fn counts_are_judged_after_configs_and_in_kafkas_order() {
    let image = small_image();
    for (partitions, replicas) in [(0, 1), (-2, 1), (0, 3), (0, -1), (i32::MIN, 1)] {
        let error = refusal(&image, new_topic("new", partitions, replicas));
        assert!(matches!(error, Error::InvalidPartitions(_)), "{partitions} {replicas}");
    }
    for (partitions, replicas) in [(1, 0), (1, -2), (1, 2), (1, i16::MAX), (0, 0), (0, -2)] {
        let error = refusal(&image, new_topic("new", partitions, replicas));
        assert!(matches!(error, Error::InvalidReplicationFactor(_)), "{partitions} {replicas}");
    }
    for (key, value) in [("retention.ms", Some("x")), ("nope", Some("1")), ("retention.ms", None)] {
        let error = refusal(&image, configured(new_topic("new", 0, 9), key, value));
        assert!(matches!(error, Error::InvalidConfig(_)), "{key}");
    }
    let exists = configured(new_topic("second", 0, 9), "nope", Some("1"));
    assert_eq!(refusal(&image, exists), Error::TopicExists("second".into()));
}

#[test]
fn assignments_are_refused_as_kafka_refuses_them() {
    let image = small_image();
    let bad: [&[(i32, &[i32])]; 8] = [
        &[(0, &[1]), (2, &[1])],
        &[(1, &[1])],
        &[(-1, &[1])],
        &[(0, &[7])],
        &[(0, &[1, 1])],
        &[(0, &[])],
        &[(0, &[1]), (1, &[1, 2])],
        &[(0, &[1]), (0, &[1])],
    ];
    for assignments in bad {
        let error = refusal(&image, assigned(assignments));
        assert!(matches!(error, Error::InvalidReplicaAssignment(_)), "{assignments:?}");
    }
    for (partitions, replicas) in [(1, -1), (-1, 1)] {
        let topic = NewTopic {
            partition_count: partitions,
            replication_factor: replicas,
            ..assigned(&[(0, &[1])])
        };
        assert!(matches!(refusal(&image, topic), Error::InvalidRequest(_)));
    }
}

#[test]
fn an_assignment_by_hand_is_followed() {
    let image = image_of(&[broker(1), broker(2)]);
    let decision = decide(&image, &create(&[assigned(&[(1, &[2, 1]), (0, &[1, 2])])]), &Rules);
    let leaders: Vec<_> = decision
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Partition(record) => {
                Some((record.partition_index, record.state.replicas.clone()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(leaders, [(0, vec![1, 2]), (1, vec![2, 1])]);
}

#[test]
fn partitions_of_a_request_are_limited_in_total() {
    let image = small_image();
    let answers = created(decide(&image, &create(&[new_topic("t", 10_001, 1)]), &Rules));
    assert!(matches!(answers[0].1, Err(Error::PolicyViolation(_))));
    let topics = [new_topic("t", 6000, 1), new_topic("u", 4001, 1)];
    let decision = decide(&image, &create(&topics), &Rules);
    assert_eq!(decision.records, []);
    let refused = |result: &Result<_, _>| matches!(result, Err(Error::PolicyViolation(_)));
    assert!(created(decision).iter().all(|(_, result)| refused(result)));
    let topics = [new_topic("t", 6000, 1), new_topic("u", 4000, 1)];
    assert_eq!(decide(&image, &create(&topics), &Rules).records.len(), 10_002);
}

fn deleted(image: &Image, topics: &[TopicRef]) -> (Vec<Record>, Vec<DeletedTopic>) {
    let decision = decide(image, &Command::DeleteTopics(topics.to_vec()), &Rules);
    match decision.outcome {
        Outcome::DeleteTopics(answers) => (decision.records, answers),
        other => panic!("not an answer to DeleteTopics: {other:?}"),
    }
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let image = small_image();
    let (by_name, by_id) = (TopicRef::Name("first.a".into()), TopicRef::Id(id(b's')));
    let (records, answers) = deleted(&image, &[by_name, by_id]);
    let remove = |byte| Record::RemoveTopic { topic_id: id(byte) };
    assert_eq!(records, [remove(b'f'), remove(b's')]);
    let answer =
        |name: &str, byte| DeletedTopic { name: Some(name.into()), id: id(byte), result: Ok(()) };
    assert_eq!(answers, [answer("first.a", b'f'), answer("second", b's')]);
}

#[test]
fn unknown_and_repeated_topics_are_not_deleted() {
    let image = small_image();
    let name = |name: &str| TopicRef::Name(name.into());
    let (records, answers) = deleted(
        &image,
        &[
            name("none"),
            TopicRef::Id(id(9)),
            name("second"),
            TopicRef::Id(id(b's')),
            name("twice"),
            name("twice"),
        ],
    );
    assert_eq!(records, []);
    let results: Vec<_> =
        answers.iter().map(|answer| (answer.name.as_deref(), answer.result.clone())).collect();
    assert_eq!(results[0], (Some("none"), Err(Error::UnknownTopic("none".into()))));
    assert_eq!(results[1], (None, Err(Error::UnknownTopicId(id(9)))));
    assert!(matches!(results[2], (Some("second"), Err(Error::InvalidRequest(_)))));
    assert!(matches!(results[3], (Some("twice"), Err(Error::InvalidRequest(_)))));
    assert_eq!(results.len(), 4);
}

#[test]
fn partitions_are_added_behind_the_present_ones() {
    let image = small_image();
    let more = |name: &str, partition_count, assignments: Option<&[&[i32]]>| MorePartitions {
        name: name.into(),
        partition_count,
        assignments: assignments.map(|all| all.iter().map(|one| one.to_vec()).collect()),
    };
    let run = |topics: &[MorePartitions]| {
        let command = Command::CreatePartitions(CreatePartitions {
            topics: topics.to_vec(),
            validate_only: false,
            partitions_max: 100,
        });
        let decision = decide(&image, &command, &Rules);
        match decision.outcome {
            Outcome::CreatePartitions(answers) => (decision.records, answers),
            other => panic!("not an answer to CreatePartitions: {other:?}"),
        }
    };
    let (records, answers) = run(&[more("first.a", 5, None)]);
    assert_eq!(answers, [("first.a".into(), Ok(()))]);
    let numbers: Vec<_> = records
        .iter()
        .map(|record| match record {
            Record::Partition(record) => (record.topic_id, record.partition_index),
            other => panic!("not a partition: {other:?}"),
        })
        .collect();
    assert_eq!(numbers, [(id(b'f'), 3), (id(b'f'), 4)]);

    let refused = |topic| run(&[topic]).1.remove(0).1.expect_err("it is refused");
    for count in [-1, 0, 2, 3] {
        let error = refused(more("first.a", count, None));
        assert!(matches!(error, Error::InvalidPartitions(_)), "{count}");
    }
    assert_eq!(refused(more("zz", 7, None)), Error::UnknownTopic("zz".into()));
    assert!(matches!(refused(more("second", i32::MAX, None)), Error::PolicyViolation(_)));
    for assignments in [&[&[1][..]][..], &[&[1], &[9]], &[&[1], &[]]] {
        let error = refused(more("first.a", 5, Some(assignments)));
        assert!(matches!(error, Error::InvalidReplicaAssignment(_)), "{assignments:?}");
    }
    let (records, answers) = run(&[more("second", 2, None), more("second", 3, None)]);
    assert_eq!((records.len(), answers.len()), (0, 1));
    assert!(matches!(answers[0].1, Err(Error::InvalidRequest(_))));
}

#[test]
fn producer_ids_come_in_blocks_that_never_overlap() {
    let mut image = small_image();
    let command = Command::AllocateProducerIds { broker_id: 1, block_size: 1000 };
    for first in [0, 1000, 2000] {
        let decision = decide(&image, &command, &Rules);
        let block = ProducerIdBlock { first, count: 1000 };
        assert_eq!(decision.outcome, Outcome::AllocateProducerIds(Ok(block)));
        let record =
            ProducerIdsRecord { broker_id: 1, broker_epoch: 7, next_producer_id: first + 1000 };
        assert_eq!(decision.records, [Record::ProducerIds(record.clone())]);
        image.apply(&decision.records[0]).expect("the record fits");
    }
    let last =
        ProducerIdsRecord { broker_id: 1, broker_epoch: 7, next_producer_id: i64::MAX - 999 };
    image.apply(&Record::ProducerIds(last)).expect("the record fits");
    let decision = decide(&image, &command, &Rules);
    assert_eq!(decision.outcome, Outcome::AllocateProducerIds(Err(Error::ProducerIdsExhausted)));
    assert_eq!(decision.records, []);
}

#[test]
fn a_registration_gets_the_offset_of_its_record_as_epoch() {
    let mut image = Image::default();
    image.revision = 41;
    let broker = RegisterBrokerRecord { broker_id: 3, ..RegisterBrokerRecord::default() };
    let decision = decide(&image, &Command::RegisterBroker(broker.clone()), &Rules);
    assert_eq!(decision.outcome, Outcome::RegisterBroker(42));
    let record = RegisterBrokerRecord { broker_epoch: 42, ..broker };
    assert_eq!(decision.records, [Record::RegisterBroker(record)]);
}

#[test]
fn leader_epochs_rise_while_leaders_stay() {
    let mut image = small_image();
    let good = TopicIdPartition { topic_id: id(b'f'), partition: 2 };
    let bad = TopicIdPartition { topic_id: id(b'f'), partition: 3 };
    let decision = decide(&image, &Command::BumpLeaderEpochs(vec![good, bad]), &Rules);
    assert_eq!(
        decision.outcome,
        Outcome::BumpLeaderEpochs(vec![Ok(1), Err(Error::UnknownPartition(bad))])
    );
    for record in &decision.records {
        image.apply(record).expect("the record fits");
    }
    let partition = image.partition(&good).expect("the partition");
    assert_eq!((partition.leader(), partition.leader_epoch), (Some(1), 1));
}

#[test]
fn replicas_go_to_active_brokers_of_different_racks() {
    let racked = |broker_id: i32, rack: &str, fenced| {
        Record::RegisterBroker(RegisterBrokerRecord {
            broker_id,
            rack: Some(rack.into()),
            fenced,
            ..RegisterBrokerRecord::default()
        })
    };
    let image = image_of(&[
        racked(1, "a", false),
        racked(2, "a", false),
        racked(3, "b", false),
        racked(4, "b", false),
        racked(5, "b", true),
    ]);
    let decision = decide(&image, &create(&[new_topic("t", 4, 2)]), &Rules);
    let mut leaders = Vec::new();
    for record in &decision.records {
        let Record::Partition(record) = record else { continue };
        let replicas = &record.state.replicas;
        assert_ne!(replicas[0] <= 2, replicas[1] <= 2, "one replica in each rack: {replicas:?}");
        assert_eq!(record.state.directories, [Uuid::ZERO; 2]);
        leaders.push(record.state.leader);
    }
    leaders.sort();
    assert_eq!(leaders, [1, 2, 3, 4]);
    let error = refusal(&image, new_topic("u", 1, 5));
    assert!(matches!(error, Error::InvalidReplicationFactor(_)));
}

#[test]
fn a_configuration_that_is_too_long_is_refused() {
    let image = image_of(&[broker(1)]);
    for (length, fits) in [(i16::MAX as usize, true), (i16::MAX as usize + 1, false)] {
        let value: Arc<str> = Arc::from("x".repeat(length));
        let configs = vec![("cleanup.policy".into(), Some(Arc::clone(&value)))];
        let topic = NewTopic { configs, ..new_topic("t", 1, 1) };
        let answers = created(decide(&image, &create(&[topic]), &Rules));
        assert_eq!(answers[0].1.is_ok(), fits);
        assert_eq!(super::topics::check_length("cleanup.policy", &value).is_ok(), fits);
    }
}

#[test]
fn only_a_broker_that_has_stopped_is_unregistered() {
    let mut image = small_image();
    let fenced =
        RegisterBrokerRecord { broker_id: 2, broker_epoch: 9, fenced: true, ..Default::default() };
    image.apply(&Record::RegisterBroker(fenced)).expect("the record fits");
    let run = |id| {
        let decision = decide(&image, &Command::UnregisterBroker(id), &Rules);
        let Outcome::UnregisterBroker(result) = decision.outcome else { panic!("another answer") };
        result.map(|()| decision.records)
    };
    assert_eq!(run(2), Ok(vec![Record::UnregisterBroker { broker_id: 2, broker_epoch: 9 }]));
    assert!(matches!(run(1), Err(Error::InvalidRequest(_))));
    assert_eq!(run(7), Err(Error::UnknownBroker(7)));
}
