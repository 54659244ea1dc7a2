//! What compaction leaves of logs with transactions, held byte for byte against what Kafka's own
//! cleaner left of the same logs at the same times: `data/compaction`. Files are no part of it.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use felice::kernel::batch::{self, BatchHeader};
use felice::kernel::log::compaction::{self, KeyMap};
use felice::kernel::log::producers::Producers;
use felice::kernel::log::rewrite::{Cleaned, Round};
use felice::kernel::log::transactions::Outcomes;
use felice::kernel::types::Offset;

const DECOMPRESSED_MAX: usize = 1 << 20;
const DELETE_RETENTION_MS: i64 = 10_000;

type Batches = Vec<(BatchHeader, Vec<u8>)>;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/compaction").join(name)
}

fn batches(bytes: &[u8]) -> Batches {
    let batches = batch::batches(bytes).map(|item| item.expect("the log is sound"));
    let batches: Batches = batches.map(|(header, batch)| (header, batch.to_vec())).collect();
    assert_eq!(batches.iter().map(|(_, batch)| batch.len()).sum::<usize>(), bytes.len());
    batches
}

/// One line of `rounds.txt`: first dirty offset, first offset that is left alone, time.
fn rounds(text: &str) -> Vec<(Offset, Offset, i64)> {
    let numbers = |line: &str| -> Vec<i64> {
        line.split(' ').map(|word| word.parse().expect("it is a number")).collect()
    };
    let rounds = text.lines().map(|line| match numbers(line)[..] {
        [from, to, end, now] if to == end => (from, to, now),
        _ => panic!("not a whole round: {line}"),
    });
    rounds.collect()
}

/// Cleans a log from its start to `to`, all of which was cleaned before up to `from`.
fn clean(log: Batches, producers: &Producers, (from, to, now): (Offset, Offset, i64)) -> Batches {
    let mut outcomes = Outcomes::default();
    for (header, batch) in log.iter().filter(|(header, _)| header.next_offset() > from) {
        if header.base_offset >= to && outcomes.is_decided_to(to) {
            break;
        }
        outcomes.note(header, batch);
    }
    let mut keys = KeyMap::new(1 << 20, [7; 16]);
    let (clean, rest): (Batches, Batches) =
        log.into_iter().partition(|(header, _)| header.base_offset < to);
    for (header, batch) in clean.iter().filter(|(header, _)| header.next_offset() > from) {
        let outcomes = Some(&outcomes);
        compaction::note_keys(&mut keys, outcomes, header, batch, from, DECOMPRESSED_MAX)
            .expect("the batch can be read");
    }
    let mut round = Round {
        keys: &keys,
        outcomes: &outcomes,
        last_offsets: &producers.last_offsets(),
        last_markers: &producers.last_markers(),
        end_offset: to,
        now,
        delete_retention_ms: DELETE_RETENTION_MS,
        decompressed_max: DECOMPRESSED_MAX,
        keeps_deletions: false,
        traversed: HashSet::new(),
    };
    let mut left = Vec::new();
    for (header, batch) in clean {
        match round.clean(&header, &batch).expect("the batch can be read") {
            Cleaned::Unchanged => left.push((header, batch)),
            Cleaned::Rewritten(batch) => left.extend(batches(&batch)),
            Cleaned::Dropped => {}
        }
    }
    left.extend(rest);
    left
}

/// What there is to see of a batch, for a difference that a person can read.
fn told((header, batch): &(BatchHeader, Vec<u8>)) -> String {
    let (first, last) = (header.base_offset, header.last_offset());
    let (producer, epoch) = (header.producer_id, header.producer_epoch);
    let (records, attributes) = (header.record_count, header.attributes);
    let times = (header.base_timestamp, header.max_timestamp);
    format!(
        "{first} to {last}: {records} records, producer {producer} epoch {epoch}, \
         attributes {attributes:#x}, times {times:?}: {batch:02x?}"
    )
}

fn check(name: &str) {
    let folder = folder(name);
    let mut log = batches(&fs::read(folder.join("before.log")).expect("the log is there"));
    let mut producers = Producers::new();
    log.iter().for_each(|(header, _)| producers.append(header, 0));
    let text = fs::read_to_string(folder.join("rounds.txt")).expect("the rounds are there");
    let mut compared = 0;
    for (at, round) in rounds(&text).into_iter().enumerate() {
        log = clean(log, &producers, round);
        let Ok(expected) = fs::read(folder.join(format!("after-{}.log", at + 1))) else { continue };
        let cleaned = log.iter().filter(|(header, _)| header.base_offset < round.1);
        let ours: Vec<String> = cleaned.map(told).collect();
        let kafkas: Vec<String> = batches(&expected).iter().map(told).collect();
        for (ours, kafkas) in ours.iter().zip(&kafkas) {
            assert_eq!(ours, kafkas, "{name}, round {}", at + 1);
        }
        assert_eq!(ours.len(), kafkas.len(), "{name}, round {}", at + 1);
        compared += 1;
    }
    assert_eq!(compared, 4);
}

#[test]
fn what_is_left_is_what_kafka_leaves_when_markers_keep_the_epoch() {
    check("tv1");
}

#[test]
fn what_is_left_is_what_kafka_leaves_when_markers_raise_the_epoch() {
    check("tv2");
}
