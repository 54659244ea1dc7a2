//! Compaction as consumers see it: the newest value of every key stays, at its offset, also after
//! a kill; the broker's own offsets topic is compacted like any other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use felice::kernel::batch::{self, BatchBuilder};
use felice::kernel::records::read_records;
use protocol_tests::batches::time;
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::config_requests::*;
use super::group_requests::*;
use super::requests::*;

const SETTINGS: [&str; 3] = [
    "log.cleaner.backoff.ms=100",
    "log.segment.delete.delay.ms=0",
    "offsets.topic.num.partitions=1",
];

const CONFIGS: [(&str, &str); 5] = [
    ("file.delete.delay.ms", "0"),
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.01"),
    ("segment.bytes", "1048576"),
    ("delete.retention.ms", "0"),
];

/// A batch with a value of 4 KiB for each of 50 keys.
fn round(number: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    let value = format!("{number:04096}");
    for key in 0..50 {
        let key = format!("key{key}");
        builder.append(time(), Some(key.as_bytes()), Some(value.as_bytes()), &[]);
    }
    builder.build()
}

/// All records a consumer sees: how many, and the newest value of each key.
fn read(client: &mut Client, topic: &str) -> (usize, BTreeMap<Bytes, Option<Bytes>>) {
    let end = list_offset(client, topic, -1).0;
    let (mut count, mut table, mut next) = (0, BTreeMap::new(), 0);
    while next < end {
        let fetched = fetch_records(client, topic, next);
        let before = next;
        for (_, batch) in batch::batches(&fetched).map(Result::unwrap) {
            for record in read_records(batch, 1 << 24).map(Result::unwrap) {
                if record.offset >= next {
                    count += 1;
                    next = record.offset + 1;
                    table.insert(record.key.unwrap(), record.value);
                }
            }
        }
        // What is left may be batches without records.
        if next == before {
            break;
        }
    }
    (count, table)
}

/// Bytes of all segments, and how many files there are.
fn disk(directory: &Path) -> (u64, usize) {
    let mut sum = (0, 0);
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let data = entry.metadata().unwrap();
        let inner = if data.is_dir() { disk(&entry.path()) } else { (data.len(), 1) };
        sum = (sum.0 + inner.0, sum.1 + inner.1);
    }
    sum
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_newest_value_of_each_key_stays() {
    let mut broker = Broker::start(&SETTINGS);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &CONFIGS);
    for number in 0..40 {
        produce(&mut client, "t", round(number));
    }
    // Keys that are deleted, and enough behind them to close their segment.
    let mut builder = BatchBuilder::new();
    builder.append(time(), Some(b"key7"), None, &[]);
    builder.append(time(), Some(b"gone"), None, &[]);
    produce(&mut client, "t", builder.build());
    for number in 40..52 {
        let mut builder = BatchBuilder::new();
        let value = number.to_string().repeat(102_400);
        builder.append(time(), Some(b"large"), Some(value.as_bytes()), &[]);
        produce(&mut client, "t", builder.build());
    }
    let end = list_offset(&mut client, "t", -1).0;
    let topics = broker.directory().join("topics");
    wait_for("8 MiB shrink to the newest values", || disk(&topics).0 < 3 << 20);
    let (count, table) = read(&mut client, "t");
    assert!(count < 200, "{count} records are left of {end}");
    let value = |key: &str| table.get(key.as_bytes()).cloned().flatten();
    assert_eq!(value("key0"), Some(Bytes::from(format!("{:04096}", 39))));
    assert_eq!(value("large"), Some(Bytes::from("51".repeat(102_400))));
    assert_eq!(value("key7"), None);
    assert_eq!(list_offset(&mut client, "t", -1).0, end);
    assert_eq!(list_offset(&mut client, "t", -2).0, 0, "the log starts where it did");
    broker.kill();
    fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(list_offset(&mut client, "t", -1).0, end);
    assert_eq!(list_offset(&mut client, "t", -2).0, 0);
    let (_, after) = read(&mut client, "t");
    let alive = |table: BTreeMap<Bytes, Option<Bytes>>| -> Vec<_> {
        table.into_iter().filter(|(_, value)| value.is_some()).collect()
    };
    assert_eq!(alive(after), alive(table));
}

#[test]
fn killed_while_it_compacts_the_broker_loses_nothing() {
    let mut broker = Broker::start(&["log.cleaner.backoff.ms=1"]);
    create(&mut broker.connect(), "t", 1, &CONFIGS);
    let mut number = 0;
    for kill in 0..6 {
        let mut client = broker.connect();
        for _ in 0..12 {
            produce(&mut client, "t", round(number));
            number += 1;
        }
        std::thread::sleep(Duration::from_millis(7 * kill));
        broker.kill();
        broker.restart();
        let mut client = broker.connect();
        assert_eq!(list_offset(&mut client, "t", -1).0, 50 * number as i64);
        let (_, table) = read(&mut client, "t");
        assert_eq!(table.len(), 50);
        let newest = Some(Bytes::from(format!("{:04096}", number - 1)));
        assert!(table.values().all(|value| *value == newest), "after kill {kill}");
    }
}

#[test]
fn the_offsets_topic_is_compacted_too() {
    let settings = [&SETTINGS[..], &["offsets.topic.segment.bytes=1048576"]].concat();
    let mut broker = coordinator(&settings);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    commit_simple(&mut client, "quiet", "t", 77);
    let note = text(&"n".repeat(4_000));
    for offset in 0..1_000 {
        let mut request = commit_request("busy", NOBODY, -1, "t", offset);
        request.topics[0].partitions[0].committed_metadata = Some(note.clone());
        assert_eq!(commit(&mut client, 8, request), 0);
    }
    let topics = broker.directory().join("topics");
    wait_for("4 MB of commits shrink", || disk(&topics).0 < 2 << 20);
    for _ in 0..2 {
        assert_eq!(committed(&mut client, "busy", "t"), 999);
        assert_eq!(committed(&mut client, "quiet", "t"), 77);
        broker.kill();
        fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
        broker.restart();
        client = broker.connect();
    }
}

#[test]
fn the_limits_of_the_cleaner_change_while_it_waits() {
    let broker = Broker::start(&["log.cleaner.backoff.ms=3600000", "log.cleaner.threads=2"]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &CONFIGS);
    for number in 0..12 {
        produce(&mut client, "t", round(number));
    }
    let topics = broker.directory().join("topics");
    std::thread::sleep(Duration::from_millis(500));
    let before = disk(&topics).0;
    assert!(before > 2 << 20, "nobody looks for an hour: {before}");
    // First so slowly that it never ends, then without limit; a cleaning that runs obeys at once.
    set(&mut client, BROKER, "1", "log.cleaner.io.max.bytes.per.second", "1000");
    set(&mut client, BROKER, "1", "log.cleaner.threads", "4");
    set(&mut client, BROKER, "1", "log.cleaner.backoff.ms", "10");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(disk(&topics).0, before, "a thousand bytes a second");
    unset(&mut client, BROKER, "1", "log.cleaner.io.max.bytes.per.second");
    wait_for("the log shrinks", || disk(&topics).0 < before);
    let (_, table) = read(&mut client, "t");
    assert_eq!(table.len(), 50);
}
