//! Tests of the image: following Kafka's records, snapshots, transactions, refusals.

use bytes::Bytes;
use std::sync::Arc;

use super::image::*;
use super::record::*;
use crate::kernel::types::{TopicIdPartition, Uuid};

fn id(byte: u8) -> Uuid {
    Uuid([byte; 16])
}

fn topic(name: &str, byte: u8) -> Record {
    Record::Topic(TopicRecord { name: name.into(), topic_id: id(byte) })
}

fn partition(byte: u8, partition: i32) -> Record {
    let state = Partition { replicas: vec![1], isr: vec![1], leader: 1, ..Partition::default() };
    Record::Partition(PartitionRecord { partition_index: partition, topic_id: id(byte), state })
}

fn config(kind: ResourceKind, name: &str, key: &str, value: Option<&str>) -> Record {
    Record::Config(ConfigRecord {
        resource_type: kind as i8,
        resource_name: name.into(),
        name: key.into(),
        value: value.map(Arc::from),
    })
}

fn fold(records: &[Record]) -> Image {
    let mut image = Image::default();
    for record in records {
        image.apply(record).expect("the record fits");
    }
    image
}

fn kafkas_snapshot() -> Vec<Vec<u8>> {
    let lines = include_str!("fixtures/snapshot.hex").lines();
    let byte = |line: &str, at| u8::from_str_radix(&line[at..at + 2], 16).expect("two hex digits");
    let value = |line: &str| (0..line.len()).step_by(2).map(|at| byte(line, at)).collect();
    lines.filter(|line| !line.starts_with('#')).map(value).collect()
}

#[test]
fn a_snapshot_of_kafkas_folds_to_the_cluster_it_describes_and_back() {
    let values = kafkas_snapshot();
    let records: Vec<_> =
        values.iter().map(|value| Record::decode(value).expect("a record of Kafka's")).collect();
    let image = fold(&records);
    let names: Vec<_> = image.topics().map(|topic| &*topic.name).collect();
    assert!(names.is_sorted() && names.contains(&"first.a"));
    let first = image.topic("first.a").expect("the topic");
    assert_eq!(first.id, Uuid::parse("MOXZ-Q35TxyYVE2SGvOrVQ").expect("an ID"));
    assert_eq!((first.partition_count(), first.replication_factor()), (5, 1));
    assert_eq!(first.partition(4).and_then(Partition::leader), Some(1));
    assert_eq!(first.partition(5), None);
    assert_eq!(first.partition(-1), None);
    assert_eq!(image.feature_level("metadata.version"), 30);
    assert_eq!(
        image.config(&Resource::topic("first.a"), "cleanup.policy"),
        Some(&"compact".into())
    );
    assert_eq!(image.config(&Resource::default_broker(), "min.insync.replicas"), Some(&"1".into()));
    assert!(image.is_active(1) && !image.is_active(2));

    // Kafka orders by hash where this broker orders by name; the records are the same.
    let mut theirs = values;
    let mut ours: Vec<_> =
        image.to_records().iter().map(|record| record.encode().to_vec()).collect();
    assert_eq!(ours[0], theirs[0], "both begin with metadata.version");
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

fn random_record(numbers: &mut Numbers, image: &Image) -> Record {
    let byte = numbers.below(40) as u8 + 1;
    let name = format!("topic-{byte}");
    let known = image.topic_by_id(&id(byte)).cloned();
    match (numbers.below(10), known) {
        (0..=1, Some(_)) => Record::RemoveTopic { topic_id: id(byte) },
        (_, None) => topic(&name, byte),
        (2..=4, Some(topic)) => partition(byte, topic.partition_count()),
        (5, Some(topic)) if topic.partition_count() > 0 => {
            Record::PartitionChange(PartitionChangeRecord {
                partition_index: 0,
                topic_id: id(byte),
                leader: Some(numbers.below(4) as i32 - 1),
                eligible_leader_replicas: Some(vec![numbers.below(3) as i32]),
                ..PartitionChangeRecord::default()
            })
        }
        (6, _) => Record::FeatureLevel {
            name: ["a", "metadata.version", "z"][numbers.below(3) as usize].into(),
            level: numbers.below(3) as i16,
        },
        (7, _) => Record::RegisterBroker(RegisterBrokerRecord {
            broker_id: numbers.below(3) as i32,
            rack: Some("r".into()),
            cordoned_log_dirs: Some(vec![id(byte)]),
            ..RegisterBrokerRecord::default()
        }),
        (8, _) => match numbers.below(3) {
            0 => Record::Unknown { api_key: 14, version: 0, body: Bytes::from(vec![byte]) },
            1 => config(ResourceKind::Group, &name, "k", Some("v")),
            _ => Record::ProducerIds(ProducerIdsRecord {
                broker_id: 1,
                broker_epoch: 1,
                next_producer_id: numbers.below(9000) as i64,
            }),
        },
        _ => {
            let value = (numbers.below(3) > 0).then_some("value");
            let key = ["x", "y"][numbers.below(2) as usize];
            config(ResourceKind::Topic, &name, key, value)
        }
    }
}

#[test]
fn folding_a_snapshot_gives_an_equal_image() {
    let mut numbers = Numbers(1);
    let mut image = Image::default();
    for step in 0..4000 {
        let record = random_record(&mut numbers, &image);
        image.apply(&record).expect("the record fits");
        if step % 50 == 0 {
            let again = fold(&image.to_records());
            assert_eq!(again, image, "after {step} records");
            assert_eq!(
                image.partition_count(),
                image.topics().map(|topic| topic.partitions.len()).sum::<usize>()
            );
        }
    }
    assert!(image.topic_count() > 10 && image.partition_count() > 10);
}

#[test]
fn a_copy_stays_as_it_was() {
    let mut image = fold(&[topic("a", 1), partition(1, 0)]);
    let before = image.clone();
    image.apply(&partition(1, 1)).expect("the record fits");
    image.apply(&config(ResourceKind::Topic, "a", "k", Some("v"))).expect("the record fits");
    assert_eq!(before.partition_count(), 1);
    assert_eq!(before.configs(&Resource::topic("a")), None);
    assert_eq!(image.topic("a").map(|topic| topic.partition_count()), Some(2));
}

#[test]
fn a_transaction_takes_effect_at_its_end_or_not_at_all() {
    let begin = Record::BeginTransaction { name: None };
    let abort = Record::AbortTransaction { reason: None };
    let mut image = fold(&[begin.clone(), topic("a", 1), partition(1, 0)]);
    assert!(image.in_transaction() && image.topic("a").is_none());
    image.apply(&Record::EndTransaction).expect("the record fits");
    assert!(!image.in_transaction());
    assert_eq!(image.topic("a").map(|topic| topic.partition_count()), Some(1));

    let image = fold(&[begin.clone(), topic("a", 1), abort.clone()]);
    assert_eq!(image, Image::default());

    for records in [&[begin.clone(), begin][..], &[Record::EndTransaction], &[abort]] {
        let mut image = fold(
            &records[1..]
                .iter()
                .filter(|record| matches!(record, Record::BeginTransaction { .. }))
                .cloned()
                .collect::<Vec<_>>(),
        );
        assert_eq!(image.apply(&records[0]), Err(Mismatch::Transaction));
    }
}

#[test]
fn naming_a_leader_raises_the_leader_epoch_and_every_change_the_partition_epoch() {
    let mut image = fold(&[topic("a", 1), partition(1, 0)]);
    let change = |leader, isr| {
        Record::PartitionChange(PartitionChangeRecord {
            partition_index: 0,
            topic_id: id(1),
            leader,
            isr,
            ..PartitionChangeRecord::default()
        })
    };
    let target = TopicIdPartition { topic_id: id(1), partition: 0 };
    let mut epochs = Vec::new();
    for record in [change(Some(1), None), change(None, Some(vec![])), change(Some(-1), None)] {
        image.apply(&record).expect("the record fits");
        let state = image.partition(&target).expect("the partition");
        epochs.push((state.leader(), state.leader_epoch, state.partition_epoch, state.isr.len()));
    }
    assert_eq!(epochs, [(Some(1), 1, 1, 1), (Some(1), 1, 2, 0), (None, 2, 3, 0)]);
}

#[test]
fn a_removed_topic_takes_its_configs_along_and_the_name_may_return() {
    let set = config(ResourceKind::Topic, "a", "k", Some("v"));
    let mut image = fold(&[topic("a", 1), partition(1, 0), set]);
    image.apply(&Record::RemoveTopic { topic_id: id(1) }).expect("the record fits");
    assert_eq!(image, Image::default());
    image.apply(&topic("a", 2)).expect("the record fits");
    assert_eq!(image.topic_by_id(&id(1)), None);
    assert_eq!(image.topic("a").map(|topic| topic.id), Some(id(2)));
    assert_eq!(image.configs(&Resource::topic("a")), None);
}

#[test]
fn registrations_change_only_under_their_epoch() {
    let broker = RegisterBrokerRecord {
        broker_id: 1,
        broker_epoch: 5,
        fenced: true,
        ..RegisterBrokerRecord::default()
    };
    let mut image = fold(&[Record::RegisterBroker(broker)]);
    assert!(!image.is_active(1));
    let change = |broker_epoch, fenced, in_controlled_shutdown| {
        Record::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
            broker_id: 1,
            broker_epoch,
            fenced,
            in_controlled_shutdown,
            ..BrokerRegistrationChangeRecord::default()
        })
    };
    let stale = change(4, Some(false), false);
    assert_eq!(image.apply(&stale), Err(Mismatch::UnknownBroker { id: 1, epoch: 4 }));
    image.apply(&change(5, Some(false), false)).expect("the record fits");
    assert!(image.is_active(1));
    image.apply(&change(5, None, true)).expect("the record fits");
    assert!(!image.is_active(1));
    let gone = Record::UnregisterBroker { broker_id: 1, broker_epoch: 5 };
    image.apply(&gone).expect("the record fits");
    assert_eq!(image.brokers().len(), 0);
}

#[test]
fn records_that_do_not_fit_are_refused() {
    let target = TopicIdPartition { topic_id: id(1), partition: 2 };
    let mut image = fold(&[topic("a", 1), partition(1, 0)]);
    let change = Record::PartitionChange(PartitionChangeRecord {
        partition_index: 2,
        topic_id: id(1),
        ..PartitionChangeRecord::default()
    });
    let cases = [
        (topic("a", 2), Mismatch::TopicExists("a".into())),
        (topic("b", 1), Mismatch::TopicExists("b".into())),
        (partition(1, 2), Mismatch::PartitionGap(target)),
        (partition(1, i32::MIN), {
            Mismatch::PartitionGap(TopicIdPartition { partition: i32::MIN, ..target })
        }),
        (partition(9, 0), Mismatch::UnknownTopic(id(9))),
        (change, Mismatch::UnknownPartition(target)),
        (Record::RemoveTopic { topic_id: id(9) }, Mismatch::UnknownTopic(id(9))),
    ];
    let before = image.clone();
    for (record, mismatch) in cases {
        assert_eq!(image.apply(&record), Err(mismatch));
        assert_eq!(image, before);
    }
    let odd = Record::Config(ConfigRecord {
        resource_type: 3,
        resource_name: "a".into(),
        name: "k".into(),
        value: None,
    });
    assert_eq!(image.apply(&odd), Err(Mismatch::UnknownResourceType(3)));
}
