//! The data path on real files: append, read, recover, retain, fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::append::{Appended, Prepared};
use super::disk::Disk;
use super::error::{AppendError, ReadError, StorageError};
use super::flusher::sync_partition;
use super::metadata_log::{self, MetadataLog};
use super::open_files::OpenFiles;
use super::partition::{Durability, Partition};
use super::partitions::ToOpen;
use super::reader::{self, Patience, Read};
use super::{janitor, layout};
use crate::config::dynamic::{BrokerDefaults, TopicConfig};
use crate::kernel::batch::{BatchBuilder, BatchHeader};
use crate::kernel::meta::{Image, Record};
use crate::kernel::types::{Offset, TopicIdPartition, Uuid};

#[path = "damage_tests.rs"]
mod damage_tests;
pub mod place;

use place::{Open, Place};

const ID: TopicIdPartition = TopicIdPartition { topic_id: Uuid([7; 16]), partition: 0 };
const NOW: i64 = 1_000_000;

impl Place {
    fn segments(&self) -> Vec<PathBuf> {
        let folder = layout::partition_folder(&self.folder, ID);
        let mut files: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Open {
    fn partition(&self) -> Arc<Partition> {
        let mut config = TopicConfig::resolve(&BrokerDefaults::default(), &Default::default());
        config.segment_bytes = 4096;
        config.index_interval_bytes = 200;
        config.retention_ms = Some(1000);
        config.file_delete_delay_ms = 0;
        self.partitions.open(ID, &Arc::from("t"), Arc::new(config), 0, NOW).unwrap();
        self.partitions.get(&ID).unwrap()
    }

    /// Stops as the broker does: everything synced and checkpointed.
    fn close(mut self) {
        janitor::checkpoint_grown(&self.partitions);
        self.flusher.stop();
        self.partitions.rocks().flush();
    }
}

fn batch(timestamp: i64, values: &[&[u8]]) -> Prepared {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(timestamp, None, Some(value), &[]);
    }
    prepared(builder)
}

fn prepared(builder: BatchBuilder) -> Prepared {
    let bytes = builder.build();
    Prepared::new(BatchHeader::parse(&bytes).unwrap(), bytes)
}

fn append(partition: &Arc<Partition>, batch: Prepared) -> Result<Appended, AppendError> {
    partition.append(&mut [batch], NOW).pop().unwrap()
}

fn fill(partition: &Arc<Partition>, batches: i64) {
    let value = [1u8; 100];
    for n in 0..batches {
        append(partition, batch(n * 10, &[&value, &value])).unwrap();
    }
}

/// Base offset of the first batch that a read from `offset` finds.
fn found(open: &Open, partition: &Partition, offset: Offset) -> Option<Offset> {
    let indexes = open.partitions.indexes();
    match reader::read(partition, indexes, offset, 1, true, Patience::Wait).unwrap() {
        Read::Slice(slice) => {
            let mut head = [0u8; 61];
            Disk::Os.read_at(&slice.file, &mut head, slice.position).unwrap();
            let header = BatchHeader::parse(&head).unwrap();
            assert_eq!(slice.length, header.total_size() as u64);
            Some(header.base_offset)
        }
        Read::Empty => None,
        Read::Cold => panic!("a patient read is never cold"),
    }
}

/// What clients could observe of a partition.
fn answers(open: &Open, partition: &Partition) -> Vec<String> {
    let end = partition.high_watermark();
    let mut answers = vec![format!("{} {end}", partition.log_start_offset())];
    for offset in partition.log_start_offset()..=end {
        answers.push(format!("{:?}", found(open, partition, offset)));
    }
    for time in (0..1000).step_by(35) {
        let at = reader::find_time(partition, open.partitions.indexes(), time, 1 << 20).unwrap();
        answers.push(format!("{time} {at:?}"));
    }
    let newest = reader::find_max_time(partition, open.partitions.indexes(), 1 << 20).unwrap();
    answers.push(format!("{newest:?}"));
    answers
}

#[test]
fn every_offset_and_time_is_found_in_any_state_of_rocksdb() {
    let place = Place::empty();
    let open = place.open();
    let partition = open.partition();
    fill(&partition, 60);
    let live = answers(&open, &partition);
    assert!(place.segments().len() > 3);
    assert!(live.contains(&"0 Some((0, 0))".to_owned()) && live.contains(&"0 120".to_owned()));
    assert!(live.contains(&"35 Some((8, 40))".to_owned()), "the first record of at least 35");
    drop(partition);
    open.close();

    let clean = place.open();
    let reopened = clean.partition();
    assert!(reopened.state().unsynced.is_empty(), "a clean stop leaves nothing to scan");
    assert_eq!(answers(&clean, &reopened), live);
    drop(reopened);
    clean.close();

    place.forget_rocks();
    let rebuilt = place.open();
    let reopened = rebuilt.partition();
    assert_eq!(answers(&rebuilt, &reopened), live);
}

#[test]
fn what_is_appended_after_a_checkpoint_is_scanned() {
    let place = Place::empty();
    let open = place.open();
    let partition = open.partition();
    fill(&partition, 30);
    janitor::checkpoint_grown(&open.partitions);
    fill(&partition, 30);
    let live = answers(&open, &partition);
    // A crash: nothing is stored any more.
    drop(partition);
    drop(open);
    let again = place.open();
    let reopened = again.partition();
    assert_eq!(answers(&again, &reopened), live);
}

#[test]
fn a_torn_or_corrupt_tail_is_cut_at_the_last_whole_batch() {
    for damage in 0..3 {
        let place = Place::empty();
        let open = place.open();
        let partition = open.partition();
        fill(&partition, 5);
        drop(partition);
        drop(open);
        place.forget_rocks();
        let file = place.segments().pop().unwrap();
        let mut bytes = fs::read(&file).unwrap();
        match damage {
            0 => bytes.truncate(bytes.len() - 1),
            1 => *bytes.last_mut().unwrap() ^= 1,
            _ => bytes.extend_from_slice(&[9; 300]),
        }
        fs::write(&file, &bytes).unwrap();
        let again = place.open();
        let reopened = again.partition();
        let end = if damage == 2 { 10 } else { 8 };
        assert_eq!(reopened.high_watermark(), end, "damage {damage}");
        let next = append(&reopened, batch(5, &[b"next"])).unwrap();
        assert_eq!(next.base_offset, end);
        assert_eq!(found(&again, &reopened, end), Some(end));
    }
}

#[test]
fn idempotent_producers_survive_a_restart() {
    let place = Place::empty();
    let send = |partition: &Arc<Partition>, sequence: i32| {
        let mut builder = BatchBuilder::new().producer(5, 0, sequence);
        builder.append(1, None, Some(b"v"), &[]);
        append(partition, prepared(builder))
    };
    let open = place.open();
    let partition = open.partition();
    for sequence in 0..4 {
        send(&partition, sequence).unwrap();
    }
    drop(partition);
    open.close();
    for forget in [false, true] {
        if forget {
            place.forget_rocks();
        }
        let open = place.open();
        let partition = open.partition();
        let duplicate = send(&partition, 2).unwrap();
        assert_eq!((duplicate.base_offset, partition.high_watermark()), (2, 4));
        assert!(duplicate.duplicate_of.is_some());
        assert!(matches!(send(&partition, 9), Err(AppendError::OutOfOrderSequence)));
    }
}

#[test]
fn retention_removes_files_and_the_start_survives() {
    let place = Place::empty();
    let open = place.open();
    let partition = open.partition();
    fill(&partition, 60);
    let before = place.segments().len();
    // Batches are 10 ms apart, segments are kept for 1000 ms after their newest record.
    janitor::retain(&open.partitions, 1300);
    let start = partition.log_start_offset();
    assert!(start > 0);
    let early = reader::read(&partition, open.partitions.indexes(), 0, 1, true, Patience::Wait);
    assert!(matches!(early, Err(ReadError::OffsetOutOfRange)));
    assert_eq!(janitor::remove_condemned(&open.partitions, 1300), None);
    assert!(place.segments().len() < before);
    let live = answers(&open, &partition);
    drop(partition);
    drop(open);
    let again = place.open();
    let reopened = again.partition();
    assert_eq!(reopened.log_start_offset(), start);
    assert_eq!(answers(&again, &reopened), live);
}

#[test]
fn an_expired_active_segment_is_rolled_and_removed() {
    let place = Place::empty();
    let open = place.open();
    let partition = open.partition();
    fill(&partition, 3);
    janitor::retain(&open.partitions, 1_000_000);
    assert_eq!((partition.log_start_offset(), partition.high_watermark()), (6, 6));
    drop(partition);
    drop(open);
    // The offsets go on where they were, although no record is left.
    place.forget_rocks();
    let open = place.open();
    let partition = open.partition();
    assert_eq!((partition.log_start_offset(), partition.high_watermark()), (6, 6));
    assert_eq!(append(&partition, batch(1, &[b"x"])).unwrap().base_offset, 6);
    drop(partition);
    drop(open);
    place.forget_rocks();
    let again = place.open();
    let reopened = again.partition();
    assert_eq!((reopened.log_start_offset(), reopened.high_watermark()), (6, 7));
}

#[test]
fn the_first_failed_write_is_the_last() {
    let place = Place::empty();
    let open = place.open();
    let partition = open.partition();
    // A file where the folder should be: the segment cannot be created.
    let folder = layout::partition_folder(&place.folder, ID);
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::write(&folder, b"in the way").unwrap();
    let failed = append(&partition, batch(1, &[b"x"]));
    assert!(matches!(failed, Err(AppendError::Storage(StorageError::Poisoned))));
    fs::remove_file(&folder).unwrap();
    let again = append(&partition, batch(1, &[b"x"]));
    assert!(matches!(again, Err(AppendError::Storage(StorageError::Poisoned))));
    let read = reader::read(&partition, open.partitions.indexes(), 0, 1, true, Patience::Wait);
    assert!(matches!(read, Err(ReadError::Storage(StorageError::Poisoned))));
}

#[test]
fn durability_follows_the_order() {
    let place = Place::empty();
    let open = place.open();
    let partition = open.partition();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let appended = append(&partition, batch(1, &[b"x"])).unwrap();
    assert_eq!(partition.high_watermark(), 1);
    runtime.block_on(partition.durable(appended.end_offset)).unwrap();
    assert_eq!(partition.synced_offset(), 1);
    partition.mark_deleted();
    let gone = runtime.block_on(partition.durable(2));
    assert!(matches!(gone, Err(StorageError::Deleted)));
}

#[test]
fn a_deleted_topic_leaves_nothing_behind() {
    let place = Place::empty();
    let open = place.open();
    let partition = open.partition();
    fill(&partition, 40);
    sync_partition(&partition, open.partitions.rocks());
    let condemned = open.partitions.remove_topic(ID.topic_id).unwrap().unwrap();
    assert!(open.partitions.get(&ID).is_none());
    assert!(condemned.exists() && !layout::topic_folder(&place.folder, ID.topic_id).exists());
    janitor::sweep_topics(&Disk::Os, &place.folder, |_| false).unwrap();
    assert!(!condemned.exists());
    let mut keys = 0;
    open.partitions.rocks().scan(&[], |_, _| keys += 1);
    assert_eq!(keys, 0);
    drop(partition);
    open.partitions.forget_removed();
    assert!(!open.partitions.open_files.make_room(), "a partition that is gone has its place yet");
}

fn metadata(open: &Open, folder: &Path) -> (MetadataLog, Image) {
    let config = TopicConfig::resolve(&BrokerDefaults::default(), &Default::default());
    let wanted = ToOpen {
        id: TopicIdPartition { topic_id: metadata_log::TOPIC_ID, partition: 0 },
        topic: Arc::from("__cluster_metadata"),
        config: Arc::new(config),
        leader_epoch: metadata_log::LEADER_EPOCH,
    };
    let folder = folder.join(layout::METADATA_LOG);
    let opened = open.partitions.open_alone(folder, &wanted, Durability::Fsync, NOW);
    let (partition, _) = opened.unwrap();
    MetadataLog::open(partition, open.partitions.indexes()).unwrap()
}

fn commit(log: &MetadataLog, image: &mut Image, level: i16) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let record = Record::FeatureLevel { name: format!("f{level}").into(), level };
    image.revision = runtime.block_on(log.commit(std::slice::from_ref(&record), NOW)).unwrap();
    image.apply(&record).unwrap();
}

#[test]
fn metadata_is_the_newest_snapshot_and_what_follows() {
    let place = Place::empty();
    let open = place.open();
    let (log, mut image) = metadata(&open, &place.folder);
    (1..10).for_each(|level| commit(&log, &mut image, level));
    log.snapshot(&image, &open.partitions, NOW).unwrap();
    drop(log);
    drop(open);
    let open = place.open();
    let (log, again) = metadata(&open, &place.folder);
    assert_eq!((&again, log.partition().log_start_offset()), (&image, 9));
    (10..15).for_each(|level| commit(&log, &mut image, level));
    drop(log);
    drop(open);
    for forget in [false, true] {
        if forget {
            place.forget_rocks();
        }
        let open = place.open();
        let (log, again) = metadata(&open, &place.folder);
        assert_eq!(again, image);
        assert_eq!(log.partition().high_watermark(), 14);
    }
    let open = place.open();
    let (log, mut again) = metadata(&open, &place.folder);
    commit(&log, &mut again, 15);
    log.snapshot(&again, &open.partitions, NOW).unwrap();
    let names: Vec<String> = fs::read_dir(place.folder.join(layout::METADATA_LOG))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.contains(&"00000000000000000015-0000000001.checkpoint".to_owned()), "{names:?}");
    assert_eq!(names.iter().filter(|name| name.ends_with(".checkpoint")).count(), 1);
}

#[test]
fn partitions_are_opened_together_and_the_one_that_cannot_be_is_named() {
    let place = Place::empty();
    let open = place.open();
    let config = TopicConfig::resolve(&BrokerDefaults::default(), &Default::default());
    let (config, topic) = (Arc::new(config), Arc::<str>::from("t"));
    let id = |partition| TopicIdPartition { partition, ..ID };
    for partition in 1..30 {
        open.partitions.create(id(partition), &topic, Arc::clone(&config), 0);
        let partition = open.partitions.get(&id(partition)).unwrap();
        append(&partition, batch(NOW, &[b"x"])).unwrap();
    }
    drop(open);
    let wanted = |partition| ToOpen {
        id: id(partition),
        topic: Arc::clone(&topic),
        config: Arc::clone(&config),
        leader_epoch: 0,
    };
    let all: Vec<ToOpen> = (1..31).map(wanted).collect();
    let open = place.open();
    let opened = open.partitions.open_all(&all, NOW).unwrap();
    assert_eq!(opened.iter().filter(|opened| opened.scanned_bytes > 0).count(), 29);
    for partition in open.partitions.all().iter().filter(|p| (1..30).contains(&p.id.partition)) {
        // What was read is durable before anything follows it.
        assert_eq!((partition.high_watermark(), partition.synced_offset()), (1, 1));
    }
    fs::write(layout::partition_folder(&place.folder, id(30)), b"").unwrap();
    let (named, _) = open.partitions.open_all(&all, NOW).unwrap_err();
    assert_eq!(named, id(30));
}

#[test]
fn files_that_are_not_used_are_closed_and_opened_again() {
    let place = Place::empty();
    let mut open = place.open();
    open.partitions.open_files = Arc::new(OpenFiles::new(2, 4));
    let config = TopicConfig::resolve(&BrokerDefaults::default(), &Default::default());
    let config = Arc::new(config);
    let make = |partition| {
        let id = TopicIdPartition { partition, ..ID };
        open.partitions.create(id, &Arc::from("t"), Arc::clone(&config), 0);
        open.partitions.get(&id).unwrap()
    };
    let all: Vec<Arc<Partition>> = (0..9).map(make).collect();
    for round in 0..3 {
        for partition in &all {
            append(partition, batch(NOW, &[b"x"])).unwrap();
            sync_partition(partition, open.partitions.rocks());
            assert_eq!(found(&open, partition, round), Some(round));
        }
        let count = all.iter().filter(|partition| !partition.state().files.is_empty()).count();
        // One that was just used gets a second chance.
        assert!((1..=4).contains(&count), "{count} of 9 are open");
    }
    // Where all that are open wait for a sync, another has to wait as well.
    let turns: Vec<_> = all.iter().map(|partition| partition.sync_turn()).collect();
    let refused: Vec<_> = all.iter().map(|p| append(p, batch(NOW, &[b"x"])).err()).collect();
    drop(turns);
    let count = refused.iter().flatten().count();
    assert!((5..9).contains(&count), "{refused:?}");
    all.iter().for_each(|partition| sync_partition(partition, open.partitions.rocks()));
    for (partition, refused) in all.iter().zip(refused) {
        assert_eq!(partition.high_watermark(), if refused.is_some() { 3 } else { 4 });
        if refused.is_some() {
            append(partition, batch(NOW, &[b"x"])).unwrap();
            sync_partition(partition, open.partitions.rocks());
        }
    }
    // What no sync covers is never let go of.
    let unsynced = &all[0];
    let turn = unsynced.sync_turn();
    append(unsynced, batch(NOW, &[b"x"])).unwrap();
    while open.partitions.open_files.make_room() {}
    assert!(!unsynced.close_idle());
    drop(turn);
    assert_eq!(found(&open, unsynced, 4), Some(4));
}
