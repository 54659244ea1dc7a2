//! Compaction on real files: what stays, what readers see meanwhile, and crashes in the middle.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::clock::Manual;
use crate::config::dynamic::{BrokerDefaults, TopicConfig};
use crate::kernel::batch::{self, BatchBuilder};
use crate::kernel::log::producers::Known;
use crate::kernel::records::read_records;
use crate::kernel::types::Uuid;
use crate::storage::append::Prepared;
use crate::storage::cleaning::Settings;
use crate::storage::disk::Disk;
use crate::storage::flusher::Flusher;
use crate::storage::layout;
use crate::storage::reader;
use crate::storage::tests::place::{Open, Place};

const ID: TopicIdPartition = TopicIdPartition { topic_id: Uuid([9; 16]), partition: 0 };
const NOW: i64 = 1_000_000;
const MAX: usize = 1 << 20;

struct House {
    partitions: Arc<Partitions>,
    partition: Arc<Partition>,
    clock: Clock,
    // Ends before its folder goes.
    _flusher: Flusher,
    place: Place,
}

const SETTINGS: Settings = Settings {
    threads: 1,
    backoff: Duration::ZERO,
    key_bytes_max: 0,
    bytes_per_second_max: u64::MAX,
};

fn open_at(place: Place) -> House {
    open_with(place, 1_000)
}

fn open_with(place: Place, delete_retention_ms: i64) -> House {
    let Open { partitions, flusher } = place.open();
    let mut config = TopicConfig::resolve(&BrokerDefaults::default(), &BTreeMap::new());
    config.segment_bytes = 4096;
    config.index_interval_bytes = 200;
    config.cleanup_compact = true;
    config.cleanup_delete = false;
    config.min_cleanable_dirty_ratio = 0.0;
    config.delete_retention_ms = delete_retention_ms;
    config.file_delete_delay_ms = 0;
    partitions.open(ID, &Arc::from("t"), Arc::new(config), 0, NOW).unwrap();
    let partition = partitions.get(&ID).unwrap();
    let partitions = Arc::new(partitions);
    let clock = Clock::Manual(Arc::new(Manual::at(NOW)));
    House { partitions, partition, clock, _flusher: flusher, place }
}

impl House {
    fn new() -> House {
        open_at(Place::empty())
    }

    fn worker(&self) -> Worker {
        self.partitions.cleaning().change(Settings { key_bytes_max: 1 << 20, ..SETTINGS });
        let partitions = Arc::clone(&self.partitions);
        Worker::new(0, partitions, self.clock.clone(), MAX, [3; 16])
    }

    /// Appends a batch: a record with `key`, and one that makes it large.
    fn put(&self, producer: i64, sequence: i32, key: &str, value: Option<&str>) {
        let mut builder = BatchBuilder::new().producer(producer, 0, sequence);
        let filler = [1u8; 100];
        builder.append(NOW, Some(key.as_bytes()), value.map(str::as_bytes), &[]);
        builder.append(NOW, Some(format!("{key}-filler").as_bytes()), Some(&filler), &[]);
        let bytes = builder.build();
        let batch = Prepared::new(BatchHeader::parse(&bytes).unwrap(), bytes);
        self.partition.append(&mut [batch], NOW).pop().unwrap().unwrap();
    }

    fn fill(&self, from: i32, count: i32) {
        for n in from..from + count {
            self.put(5, 2 * n, &format!("key{}", n % 7), Some(&n.to_string()));
        }
    }

    /// Offset, key and value of every record that a consumer sees.
    fn records(&self) -> Vec<(Offset, String, Option<String>)> {
        let mut records = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        reader::replay(&self.partition, self.partitions.indexes(), 0, |_, batch| {
            for record in read_records(batch, MAX).map(Result::unwrap) {
                let value = record.value.as_deref().map(text);
                records.push((record.offset, text(&record.key.unwrap()), value));
            }
            Ok(())
        })
        .unwrap();
        records
    }

    /// The last value of each key, tombstones aside: what a reader of a compacted topic builds.
    fn table(&self) -> BTreeMap<String, String> {
        let mut table = BTreeMap::new();
        for (_, key, value) in self.records() {
            match value {
                Some(value) => table.insert(key, value),
                None => table.remove(&key),
            };
        }
        table
    }

    fn files(&self) -> Vec<String> {
        let folder = &self.partition.folder;
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            names.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name != layout::LEADER_EPOCHS);
        names.sort();
        names
    }

    /// Stops without storing anything, as a crash does, and opens what is on the disk.
    fn crash(self) -> House {
        open_at(self.leave())
    }

    /// The same, and RocksDB is lost.
    fn crash_without_rocks(self) -> House {
        let place = self.leave();
        place.forget_rocks();
        open_at(place)
    }

    fn leave(self) -> Place {
        let House { place, .. } = self;
        place
    }
}

#[test]
fn the_newest_record_of_each_key_stays_where_it_was() {
    let house = House::new();
    house.fill(0, 200);
    let before = house.records();
    let (table, end) = (house.table(), house.partition.high_watermark());
    let segments = house.files().len();
    assert!(segments > 5);
    assert!(house.worker().clean_dirtiest());
    let after = house.records();
    assert!(after.len() < before.len() / 4, "{} of {}", after.len(), before.len());
    assert!(after.iter().all(|record| before.contains(record)), "offsets are what they were");
    assert_eq!(house.table(), table);
    assert_eq!(house.partition.high_watermark(), end);
    assert_eq!(house.partition.log_start_offset(), 0);
    assert!(house.files().len() < segments);
    assert!(house.files().iter().all(|name| name.ends_with(".log")), "{:?}", house.files());
    assert!(!house.worker().clean_dirtiest(), "there is nothing left to do");
    // Every offset that was given away can still be asked for.
    for offset in 0..=end {
        let indexes = house.partitions.indexes();
        let patience = reader::Patience::Wait;
        reader::read(&house.partition, indexes, offset, 1, true, patience).unwrap();
    }
    let house = house.crash();
    assert_eq!(house.records(), after);
    assert!(house.partition.state().unsynced.is_empty(), "nothing had to be read again");
}

#[test]
fn without_rocksdb_the_compacted_log_reads_the_same() {
    let house = House::new();
    house.fill(0, 200);
    assert!(house.worker().clean_dirtiest());
    house.fill(200, 5);
    let after = house.records();
    let house = house.crash_without_rocks();
    assert_eq!(house.records(), after);
    // The producer's last batch is known: a repetition is a duplicate, the next one fits.
    house.put(5, 2 * 204, "x", None);
    assert_eq!(house.records(), after);
    house.put(5, 2 * 205, "x", None);
    assert_eq!(house.records().len(), after.len() + 2);
    let again = house.worker().clean_dirtiest();
    assert!(again && house.table().len() == 15, "{:?}", house.table());
}

#[test]
fn a_silent_producer_is_remembered_by_an_empty_batch() {
    let house = House::new();
    house.put(77, 0, "key0", Some("old"));
    house.fill(0, 200);
    assert!(house.worker().clean_dirtiest());
    assert!(house.records().iter().all(|(_, _, value)| value.as_deref() != Some("old")));
    let house = house.crash_without_rocks();
    let before = house.records().len();
    house.put(77, 0, "key0", Some("old"));
    assert_eq!(house.records().len(), before, "still a duplicate");
}

#[test]
fn tombstones_outlive_their_first_cleaning_for_a_while() {
    let house = House::new();
    house.fill(0, 50);
    house.put(5, 100, "key3", None);
    house.fill(51, 50);
    house.put(5, 202, "gone", None);
    house.fill(102, 50);
    assert!(house.worker().clean_dirtiest());
    let is_there = |house: &House| house.records().iter().any(|(_, key, _)| key == "gone");
    assert!(is_there(&house));
    for (later, expected) in [(999, true), (1_002, false)] {
        let Clock::Manual(clock) = &house.clock else { unreachable!() };
        clock.advance(later);
        // A producer of its own, so that the sequence begins anew.
        for n in 0..50 {
            house.put(later, 2 * n, "fresh", Some("1"));
        }
        assert!(house.worker().clean_dirtiest());
        assert_eq!(is_there(&house), expected, "{later}");
    }
}

#[test]
fn a_reader_keeps_the_file_it_has_open() {
    let house = House::new();
    house.fill(0, 200);
    let indexes = house.partitions.indexes();
    let patience = reader::Patience::Wait;
    let read = reader::read(&house.partition, indexes, 0, 4096, true, patience).unwrap();
    let reader::Read::Slice(slice) = read else { panic!("there are records") };
    let bytes = |slice: &reader::Slice| {
        let mut bytes = vec![0; slice.length as usize];
        assert_eq!(Disk::Os.read_at(&slice.file, &mut bytes, slice.position).unwrap(), bytes.len());
        bytes
    };
    let before = bytes(&slice);
    assert!(house.worker().clean_dirtiest());
    assert_eq!(bytes(&slice), before);
}

#[test]
fn a_crash_at_any_step_of_a_swap_loses_nothing() {
    // What is on the disk after the steps of a swap: draft, complete draft, some and all of the
    // old files on their way out.
    for step in 0..4 {
        let house = House::new();
        house.fill(0, 200);
        let (table, before) = (house.table(), house.records());
        let folder = house.partition.folder.clone();
        let olds: Vec<PathBuf> = house.files().iter().map(|name| folder.join(name)).collect();
        let originals: Vec<Vec<u8>> = olds.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(house.worker().clean_dirtiest());
        let compacted = fs::read(&olds[0]).unwrap();
        let after = house.records();
        // Put everything back as it was before the swap, then go `step` steps.
        for (path, bytes) in olds.iter().zip(&originals) {
            fs::write(path, bytes).unwrap();
        }
        let remaining: Vec<_> = house.files();
        assert_eq!(remaining.len(), olds.len());
        let ending = if step == 0 { layout::CLEANED } else { layout::SWAP };
        fs::write(olds[0].with_extension(format!("log{ending}")), &compacted).unwrap();
        let replaced = olds.len() - 1;
        let renamed = [0, 0, 1, replaced][step];
        for path in &olds[..renamed] {
            fs::rename(path, path.with_extension("log.deleted")).unwrap();
        }
        let house = house.crash_without_rocks();
        assert_eq!(house.table(), table, "step {step}");
        assert_eq!(house.records(), if step == 0 { before } else { after }, "step {step}");
        assert!(house.files().iter().all(|name| name.ends_with(".log")), "{:?}", house.files());
    }
}

#[test]
fn a_damaged_segment_stays_as_it_is_and_the_others_are_cleaned() {
    let house = House::new();
    house.put(5, 0, "gone", Some("old"));
    house.fill(1, 200);
    house.put(5, 402, "gone", None);
    house.fill(202, 100);
    let damaged = [0, 3].map(|at| house.partition.folder.join(&house.files()[at]));
    let bytes = damaged.clone().map(|path| {
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, &bytes).unwrap();
        bytes
    });
    let files = house.files().len();
    let mut worker = house.worker();
    let mut rounds = 0;
    while worker.clean_dirtiest() {
        rounds += 1;
        assert!(rounds < 10, "it ends");
    }
    assert!(house.files().len() < files, "the others became fewer");
    assert_eq!(damaged.map(|path| fs::read(path).unwrap()), bytes, "nothing was touched");
    // What is deleted does not come back while the damaged segment has it, however late it is.
    let Clock::Manual(clock) = &house.clock else { panic!("tests have no other") };
    clock.advance(NOW);
    house.fill(302, 100);
    while worker.clean_dirtiest() {}
    let tombstone = |(header, bytes): (BatchHeader, &[u8])| {
        let is_sound = batch::check_crc(&header, bytes).is_ok();
        is_sound && read_records(bytes, MAX).any(|record| record.unwrap().value.is_none())
    };
    let names = house.files();
    let files = names.iter().map(|name| fs::read(house.partition.folder.join(name)).unwrap());
    let kept = files.filter(|bytes| batch::batches(bytes).flatten().any(tombstone));
    assert_eq!(kept.count(), 1);
}

#[test]
fn leader_epochs_begin_where_they_did_although_their_first_batches_are_gone() {
    let house = House::new();
    for epoch in 0..4 {
        house.partition.raise_leader_epoch(epoch);
        house.fill(epoch * 60, 60);
    }
    let epochs = house.partition.state().log.epochs.clone();
    assert_eq!(epochs.entries().len(), 4);
    assert!(house.worker().clean_dirtiest());
    let house = house.crash_without_rocks();
    assert_eq!(house.partition.state().log.epochs, epochs);
    // Without the file they begin with what is left, and a damaged one counts for nothing.
    let kept = house.partition.folder.join(layout::LEADER_EPOCHS);
    let bytes = fs::read(&kept).unwrap();
    let place = house.leave();
    fs::write(&kept, &bytes[1..]).unwrap();
    place.forget_rocks();
    let house = open_at(place);
    assert_ne!(house.partition.state().log.epochs, epochs);
}

#[test]
fn more_keys_than_memory_are_cleaned_in_several_rounds() {
    let house = House::new();
    for n in 0..6_000 {
        house.put(5, 2 * n, &format!("key{}", n % 3_000), Some("x"));
    }
    let table = house.table();
    let mut worker = house.worker();
    // Room for 1,800 keys, of 6,000.
    let key_bytes_max = 2_048 * compaction::KEY_SIZE;
    house.partitions.cleaning().change(Settings { key_bytes_max, ..SETTINGS });
    let mut rounds = 0;
    while worker.clean_dirtiest() {
        rounds += 1;
        assert!(rounds < 100, "every round gets further");
    }
    assert!(rounds > 3, "{rounds}");
    assert_eq!(house.table(), table);
    let dirty = house.records().len();
    assert!(dirty < 6_100, "{dirty} of 12,000 are left");
}

#[test]
fn retention_or_deletion_in_between_wins() {
    let house = House::new();
    house.fill(0, 200);
    let mut worker = house.worker();
    let due = worker.due(&house.partition).unwrap();
    house.partition.mark_deleted();
    assert!(matches!(worker.clean(&house.partition, &due), Err(Error::Overtaken)));
    assert!(house.files().iter().all(|name| name.ends_with(".log")));
}

/// Writes a log of Kafka's as segments of 2,000 bytes, as it had them.
fn write_recorded(folder: &Path, log: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    let mut segment = (0, Vec::new());
    for (header, batch) in batch::batches(log).map(Result::unwrap) {
        if segment.1.len() + batch.len() > 2_000 {
            fs::write(layout::segment_file(folder, segment.0), &segment.1).unwrap();
            segment = (header.base_offset, Vec::new());
        }
        segment.1.extend_from_slice(batch);
    }
    fs::write(layout::segment_file(folder, segment.0), &segment.1).unwrap();
}

#[test]
fn of_a_log_with_transactions_stays_what_kafka_lets_stay() {
    for name in ["tv1", "tv2"] {
        let recorded = Path::new(env!("CARGO_MANIFEST_DIR"));
        let recorded = recorded.join("protocol-tests/data/compaction").join(name);
        let place = Place::empty();
        let log = fs::read(recorded.join("before.log")).unwrap();
        write_recorded(&layout::partition_folder(&place.folder, ID), &log);
        let mut house = open_with(place, 10_000);
        let known = house.partition.state().log.producers.known();
        assert_eq!((known.len(), house.partition.last_stable_offset()), (5, 390));
        let rounds = fs::read_to_string(recorded.join("rounds.txt")).unwrap();
        for (at, round) in rounds.lines().enumerate() {
            let words: Vec<i64> = round.split(' ').map(|word| word.parse().unwrap()).collect();
            let (dirty_from, dirty_to, now) = (words[0], words[1], words[3]);
            let Clock::Manual(clock) = &house.clock else { unreachable!() };
            clock.advance(now - house.clock.now());
            let due = Due { dirty_from, dirty_to, dirty_ratio: 1.0, is_overdue: false };
            house.worker().clean(&house.partition, &due).unwrap();
            if let Ok(expected) = fs::read(recorded.join(format!("after-{}.log", at + 1))) {
                let names = house.files().into_iter();
                let names = names.filter(|name| layout::segment_base(name).unwrap() < dirty_to);
                let left = names.map(|name| fs::read(house.partition.folder.join(name)).unwrap());
                assert!(left.flatten().eq(expected), "{name}, round {}", at + 1);
            }
        }
        // A start that finds no fold reads the same of what is left.
        let place = house.leave();
        place.forget_rocks();
        house = open_with(place, 10_000);
        assert_eq!(house.partition.last_stable_offset(), 390);
        let again = house.partition.state().log.producers.known();
        for (known, again) in known.iter().zip(&again) {
            let told = |one: &Known| (one.producer_id, one.epoch, one.last_sequence);
            assert_eq!(told(again), told(known), "{name}");
            assert_eq!(again.transaction_start, known.transaction_start);
        }
    }
}

/// A small generator of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Appends a batch as it is and gives it as it was stored.
fn append(house: &House, builder: BatchBuilder) -> Vec<u8> {
    let bytes = builder.build();
    let mut stored = bytes.to_vec();
    let batch = Prepared::new(BatchHeader::parse(&bytes).unwrap(), bytes);
    let appended = house.partition.append(&mut [batch], NOW).pop().unwrap().unwrap();
    batch::set_base_offset(&mut stored, appended.base_offset);
    stored
}

/// Offset, key, value.
type Seen = (Offset, Vec<u8>, Option<Vec<u8>>);

/// The records that are committed, found by looking for the next marker.
fn committed(log: &[Vec<u8>]) -> Vec<Seen> {
    let head = |batch: &[u8]| BatchHeader::parse(batch).unwrap();
    let mut seen = Vec::new();
    for (at, batch) in log.iter().enumerate().filter(|(_, batch)| !head(batch).is_control()) {
        let is_end = |other: &&Vec<u8>| {
            head(other).is_control() && head(other).producer_id == head(batch).producer_id
        };
        let end = log[at..].iter().find(is_end);
        let key = end.and_then(|end| read_records(end, MAX).next()).map(|record| record.unwrap());
        let is_commit = key.is_some_and(|record| record.key.unwrap()[3] == 1);
        if is_commit || !head(batch).is_transactional() {
            for record in read_records(batch, MAX).map(Result::unwrap) {
                let value = record.value.map(|value| value.to_vec());
                seen.push((record.offset, record.key.unwrap().to_vec(), value));
            }
        }
    }
    seen
}

/// Sends batches of four producers, in and out of transactions, and takes down what was stored.
fn act(house: &House, numbers: &mut Numbers, senders: &mut [(i16, i32, bool); 4]) -> Vec<u8> {
    let number = numbers.below(4) as usize;
    let (epoch, sequence, is_open) = &mut senders[number];
    if *is_open && numbers.below(5) == 0 {
        (*is_open, *epoch, *sequence) = (false, *epoch + 1, 0);
        let marker = BatchBuilder::new().producer(number as i64, *epoch, -1);
        let mut marker = marker.transactional().control();
        let key = [0, 0, 0, numbers.below(2) as u8];
        marker.append(NOW, Some(&key), Some(&[0, 0, 0, 0, 0, 7]), &[]);
        return append(house, marker);
    }
    *is_open |= numbers.below(3) == 0;
    let mut builder = BatchBuilder::new().producer(number as i64, *epoch, *sequence);
    if *is_open {
        builder = builder.transactional();
    }
    for _ in 0..=numbers.below(3) {
        let key = format!("key{}", numbers.below(20));
        let value = vec![b'v'; numbers.below(200) as usize];
        let value = (numbers.below(4) > 0).then_some(&value[..]);
        builder.append(NOW, Some(key.as_bytes()), value, &[]);
    }
    *sequence += builder.record_count();
    append(house, builder)
}

#[test]
fn readers_of_committed_records_lose_nothing_to_compactions_and_crashes() {
    let mut rounds = 0;
    for seed in 1..=2 {
        let mut numbers = Numbers(seed);
        let (mut house, mut written) = (House::new(), Vec::new());
        let mut senders = [(0, 0, false); 4];
        for step in 0..400 {
            written.push(act(&house, &mut numbers, &mut senders));
            match numbers.below(60) {
                0 => house = house.crash(),
                1 => house = house.crash_without_rocks(),
                2..=5 => {
                    let Clock::Manual(clock) = &house.clock else { unreachable!() };
                    clock.advance(step);
                    rounds += i32::from(house.worker().clean_dirtiest());
                }
                _ => continue,
            }
            let mut left = Vec::new();
            reader::replay(&house.partition, house.partitions.indexes(), 0, |_, batch| {
                left.push(batch.to_vec());
                Ok(())
            })
            .unwrap();
            let (before, after) = (committed(&written), committed(&left));
            assert!(after.iter().all(|record| before.contains(record)), "seed {seed}, {step}");
            let table = |seen: &[Seen]| -> BTreeMap<_, _> {
                let newest: BTreeMap<Vec<u8>, _> =
                    seen.iter().map(|(_, key, value)| (key.clone(), value.clone())).collect();
                newest.into_iter().filter(|(_, value)| value.is_some()).collect()
            };
            assert_eq!(table(&after), table(&before), "seed {seed}, step {step}");
            let stored = house.partitions.rocks().get(&schema::cleaned_to::key(ID));
            let cleaned_to = stored.and_then(|value| schema::cleaned_to::decode(&value));
            let Some(cleaned_to) = cleaned_to else { continue };
            assert!(cleaned_to <= house.partition.last_stable_offset());
            let behind = |seen: &[Seen]| -> Vec<_> {
                seen.iter().filter(|record| record.0 >= cleaned_to).cloned().collect()
            };
            assert_eq!(behind(&after), behind(&before), "seed {seed}, step {step}");
        }
    }
    assert!(rounds > 15, "{rounds}");
}
