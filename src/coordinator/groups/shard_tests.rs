//! A shard on real files and a real RocksDB: what was answered is there after a restart, with the
//! view, without it, and with one that is behind or ahead of the log.

use std::collections::BTreeMap;

use super::*;
use crate::config::dynamic::{BrokerDefaults, TopicConfig};
use crate::kernel::group::records::{self, OffsetValue};
use crate::kernel::group::{CommitPartition, CommitRequest};
use crate::kernel::types::{TopicIdPartition, Uuid};
use crate::storage::flusher::Flusher;
use crate::storage::tests::place::{Open, Place};

/// A moment at which both clocks show the same.
fn at(ms: i64) -> Now {
    Now { date: ms, elapsed: ms }
}

const ID: TopicIdPartition = TopicIdPartition { topic_id: Uuid([7; 16]), partition: 0 };

/// The partition of one shard.
struct Stand {
    partitions: Partitions,
    // Ends before its folder goes.
    _flusher: Flusher,
    _place: Place,
}

impl Stand {
    fn new() -> Stand {
        let place = Place::empty();
        let Open { partitions, flusher } = place.open();
        let config = TopicConfig::resolve(&BrokerDefaults::default(), &BTreeMap::new());
        partitions.create(ID, &Arc::from("__consumer_offsets"), Arc::new(config), 0);
        Stand { partitions, _flusher: flusher, _place: place }
    }

    fn load(&self) -> Arc<Shard> {
        let partition = self.partitions.get(&ID).unwrap();
        let shard = Shard::load(partition, &self.partitions, Config::default()).unwrap();
        shard.step(at(1), Event::Loaded);
        Arc::new(shard)
    }

    async fn update_view(&self, shard: &Shard) {
        let mut changes = Changes::default();
        shard.durable_changes().await.expect("something has changed").add_to(&mut changes);
        self.partitions.rocks().commit(changes);
    }
}

/// A commit by nobody in particular.
fn request(offsets: Vec<CommitPartition>) -> Box<CommitRequest> {
    Box::new(CommitRequest {
        group_id: "g".into(),
        member_id: "".into(),
        group_instance_id: None,
        generation: -1,
        retention_ms: None,
        offsets,
    })
}

async fn commit(shard: &Arc<Shard>, offset: Offset) {
    let (ticket, waiting) = Shard::wait(shard);
    let request = request(vec![CommitPartition {
        topic: "t".into(),
        topic_id: Uuid::ZERO,
        partition: 0,
        offset,
        leader_epoch: 3,
        metadata: "m".into(),
    }]);
    shard.step(at(5), Event::CommitOffsets { ticket, request });
    assert_eq!(waiting.answer().await, Ok(Response::Commit(Ok(vec![Ok(())]))));
}

fn committed(shard: &Shard) -> Offset {
    let topics = [(Arc::from("t"), vec![0])];
    shard.look(|groups| groups.fetch_offsets("g", Some(&topics)))[0].1[0].offset
}

#[tokio::test]
async fn answers_are_there_after_a_restart_with_any_view() {
    let stand = Stand::new();
    let shard = stand.load();
    assert_eq!(committed(&shard), -1);
    commit(&shard, 10).await;
    // No view at all.
    assert_eq!(committed(&stand.load()), 10);
    stand.update_view(&shard).await;
    assert_eq!(committed(&stand.load()), 10);
    // A view that is behind.
    commit(&shard, 11).await;
    assert_eq!(committed(&stand.load()), 11);
    // One that claims more than the log has is not believed.
    let mut changes = Changes::default();
    changes.put(&group_record::applied_key(ID), &group_record::encode_applied(99));
    changes.put(&group_record::key(ID, b"garbage"), b"garbage");
    stand.partitions.rocks().commit(changes);
    let mut reloaded = stand.load();
    assert_eq!(committed(&reloaded), 11);
    assert_eq!(reloaded.look(Groups::skipped_records), 0);
    // Nor is one with a value that nobody wrote.
    for damage in [applied_value as fn(&Stand), record_value] {
        stand.update_view(&reloaded).await;
        damage(&stand);
        reloaded = stand.load();
        assert_eq!(committed(&reloaded), 11);
        assert_eq!(reloaded.look(Groups::skipped_records), 0);
    }
}

fn applied_value(stand: &Stand) {
    let mut changes = Changes::default();
    changes.put(&group_record::applied_key(ID), &[1, 0, 0, 0, 0, 0, 0, 0, 2]);
    stand.partitions.rocks().commit(changes);
}

/// Flips a bit in every value.
fn record_value(stand: &Stand) {
    let mut changes = Changes::default();
    let flip = |key: &[u8], value: &[u8]| {
        let mut value = value.to_vec();
        value[3] ^= 1;
        changes.put(key, &value);
    };
    assert!(stand.partitions.rocks().scan(&group_record::prefix(ID), flip));
    stand.partitions.rocks().commit(changes);
}

#[tokio::test]
async fn tombstones_leave_the_view() {
    let stand = Stand::new();
    let shard = stand.load();
    commit(&shard, 10).await;
    stand.update_view(&shard).await;
    shard.step(at(6), Event::TopicsDeleted(vec!["t".into()]));
    stand.update_view(&shard).await;
    let mut records = 0;
    let prefix = group_record::prefix(ID);
    assert!(stand.partitions.rocks().scan(&prefix, |_, _| records += 1));
    assert_eq!(records, 0);
    assert_eq!(committed(&stand.load()), -1);
}

#[tokio::test]
async fn a_shard_that_cannot_store_sends_everybody_away() {
    let stand = Stand::new();
    let shard = stand.load();
    commit(&shard, 10).await;
    stand.partitions.get(&ID).unwrap().poison(&std::io::Error::other("a test"));
    let (ticket, waiting) = Shard::wait(&shard);
    let group_ids = vec!["g".into()];
    shard.step(at(7), Event::DeleteGroups { ticket, group_ids });
    assert_eq!(waiting.answer().await, Err(Error::NotCoordinator));
    assert_eq!(shard.deadline(), None);
}

#[tokio::test]
async fn many_records_of_one_step_are_all_stored() {
    let stand = Stand::new();
    let shard = stand.load();
    let (ticket, waiting) = Shard::wait(&shard);
    let offsets = (0..20_000).map(|partition| CommitPartition {
        topic: "a-topic-with-a-long-name".into(),
        topic_id: Uuid::ZERO,
        partition,
        offset: i64::from(partition),
        leader_epoch: -1,
        metadata: "some metadata".into(),
    });
    let request = request(offsets.collect());
    shard.step(at(5), Event::CommitOffsets { ticket, request });
    assert!(waiting.answer().await.is_ok());
    let fetched = stand.load().look(|groups| groups.fetch_offsets("g", None));
    assert_eq!(fetched[0].1.len(), 20_000);
}

/// Appends a batch with an offset committed in a transaction of a producer, or the marker that ends
/// one: `Err` with whether it commits.
fn append(stand: &Stand, producer_id: i64, sequence: i32, what: Result<Offset, bool>) {
    let mut builder = BatchBuilder::new().producer(producer_id, 0, sequence).transactional();
    match what {
        Ok(offset) => {
            let value = OffsetValue {
                offset,
                leader_epoch: -1,
                metadata: "".into(),
                commit_timestamp: 5,
                expire_timestamp: None,
                topic_id: Uuid::ZERO,
            };
            let record = records::offset("g", "t", 0, &value);
            builder.append(5, Some(&record.key), record.value.as_deref(), &[]);
        }
        Err(commit) => {
            builder = builder.control();
            builder.append(5, Some(&[0, 0, 0, u8::from(commit)]), Some(&[0; 6]), &[]);
        }
    }
    let partition = stand.partitions.get(&ID).unwrap();
    partition.append(&mut [prepare(builder).unwrap()], 5).remove(0).unwrap();
}

#[tokio::test]
async fn of_offsets_in_transactions_those_count_that_were_committed() {
    let stand = Stand::new();
    commit(&stand.load(), 10).await;
    append(&stand, 1, 0, Ok(20));
    append(&stand, 2, 0, Ok(30));
    assert_eq!(committed(&stand.load()), 10, "nothing is decided");
    append(&stand, 2, -1, Err(false));
    assert_eq!(committed(&stand.load()), 10);
    append(&stand, 1, -1, Err(true));
    assert_eq!(committed(&stand.load()), 20, "the later one was aborted");
    // A transaction that ends later does not take back what was committed behind its offsets.
    append(&stand, 1, 1, Ok(40));
    commit(&stand.load(), 50).await;
    append(&stand, 1, -1, Err(true));
    assert_eq!(committed(&stand.load()), 50);
    append(&stand, 2, 1, Ok(60));
    append(&stand, 2, -1, Err(true));
    let shard = stand.load();
    assert_eq!(committed(&shard), 60);
    stand.update_view(&shard).await;
    assert_eq!(committed(&stand.load()), 60);
}

#[tokio::test]
async fn what_a_crash_tore_behind_the_view_is_passed_over_and_other_damage_is_not() {
    let stand = Stand::new();
    let shard = stand.load();
    commit(&shard, 10).await;
    stand.update_view(&shard).await;
    commit(&shard, 11).await;
    commit(&shard, 12).await;
    let partition = stand.partitions.get(&ID).unwrap();
    let segment = partition.folder.join("00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    let second = bytes.len() / 3;
    bytes[second + 70] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    stand.partitions.open(ID, &partition.topic, partition.config(), 0, 0).unwrap();
    assert_eq!(committed(&stand.load()), 12);
    // Without the view it may have been answered for long ago.
    forget_view(&partition, stand.partitions.rocks());
    let partition = stand.partitions.get(&ID).unwrap();
    let loaded = Shard::load(partition, &stand.partitions, Config::default());
    assert!(matches!(loaded, Err(ReadError::Corrupt)));
}
