//! What compaction makes of logs with transactions in them. Most of it is one property over random
//! histories: a reader notices nothing but that older values of a key are gone.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::kernel::batch::{self, BatchBuilder};
use crate::kernel::log::compaction::{self, KeyMap};
use crate::kernel::log::producers::Producers;
use crate::kernel::log::rewrite::{Cleaned, Round};
use crate::kernel::records::read_records;
use crate::kernel::types::TimestampMs;

const MAX: usize = 1 << 20;
const RETENTION_MS: i64 = 100;
const PRODUCERS: u64 = 4;

/// A small generator of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn is_one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

#[derive(Clone, Copy, Default)]
struct Sender {
    epoch: i16,
    sequence: i32,
    is_open: bool,
}

/// Offset, timestamp, key, value.
type Seen = (Offset, TimestampMs, Vec<u8>, Option<Vec<u8>>);

/// A log, those who write to it, and how far it is cleaned.
struct World {
    batches: Vec<Vec<u8>>,
    senders: [Sender; PRODUCERS as usize],
    producers: Producers,
    end_offset: Offset,
    cleaned_to: Offset,
    now: TimestampMs,
    /// Whether a marker begins a new epoch, as it does since KIP-890.
    raises_epochs: bool,
}

fn header(batch: &[u8]) -> BatchHeader {
    BatchHeader::parse(batch).unwrap()
}

impl World {
    fn new(raises_epochs: bool) -> World {
        World {
            batches: Vec::new(),
            senders: Default::default(),
            producers: Producers::new(),
            end_offset: 0,
            cleaned_to: 0,
            now: 1_000,
            raises_epochs,
        }
    }

    fn push(&mut self, builder: BatchBuilder) {
        let mut batch = builder.build().to_vec();
        batch::set_base_offset(&mut batch, self.end_offset);
        let header = header(&batch);
        self.producers.append(&header, self.now);
        self.end_offset = header.next_offset();
        self.batches.push(batch);
    }

    /// A batch of a sender, or of one without ID.
    fn send(&mut self, sender: Option<usize>, records: &[(String, Option<String>)]) {
        let mut builder = BatchBuilder::new();
        if let Some(number) = sender {
            let sender = &mut self.senders[number];
            builder = builder.producer(number as i64, sender.epoch, sender.sequence);
            if sender.is_open {
                builder = builder.transactional();
            }
            sender.sequence += records.len() as i32;
        }
        for (key, value) in records {
            let value = value.as_deref().map(str::as_bytes);
            builder.append(self.now, Some(key.as_bytes()), value, &[]);
        }
        self.push(builder);
    }

    fn end(&mut self, number: usize, commit: bool) {
        let sender = &mut self.senders[number];
        sender.is_open = false;
        if self.raises_epochs {
            sender.epoch += 1;
            sender.sequence = 0;
        }
        let id = number as i64;
        let mut builder =
            BatchBuilder::new().producer(id, sender.epoch, -1).transactional().control();
        let key = [0, 0, 0, u8::from(commit)];
        builder.append(self.now, Some(&key), Some(&[0, 0, 0, 0, 0, 7]), &[]);
        self.push(builder);
    }

    fn act(&mut self, numbers: &mut Numbers) {
        self.now += numbers.below(40) as i64;
        let number = numbers.below(PRODUCERS) as usize;
        let records: Vec<_> = (0..=numbers.below(3))
            .map(|at| {
                let value = (!numbers.is_one_in(4)).then(|| format!("{}+{at}", self.end_offset));
                (format!("k{}", numbers.below(6)), value)
            })
            .collect();
        match numbers.below(8) {
            0 | 1 => self.end(number, numbers.is_one_in(2)),
            2 => self.send(None, &records),
            3 if numbers.is_one_in(10) => {
                self.producers.expire(self.now, 0);
            }
            3 | 4 => {
                // A transaction begins, or goes on.
                self.senders[number].is_open = true;
                self.send(Some(number), &records);
            }
            _ => self.send(Some(number), &records),
        }
    }

    /// First offset of an open transaction, found without the code under test.
    fn stable_to(&self) -> Offset {
        let mut open = BTreeMap::new();
        for header in self.batches.iter().map(|batch| header(batch)) {
            if header.is_control() {
                open.remove(&header.producer_id);
            } else if header.is_transactional() {
                open.entry(header.producer_id).or_insert(header.base_offset);
            }
        }
        open.into_values().min().unwrap_or(self.end_offset)
    }

    /// What a consumer sees; of transactions only what was committed if `is_committed`.
    fn read(&self, is_committed: bool) -> Vec<Seen> {
        let mut seen = Vec::new();
        for (at, batch) in self.batches.iter().enumerate() {
            let head = header(batch);
            if head.is_control() {
                continue;
            }
            if is_committed && head.is_transactional() {
                let mut behind = self.batches[at..].iter();
                let end = behind.find(|other| {
                    let other = header(other);
                    other.is_control() && other.producer_id == head.producer_id
                });
                if end.and_then(|end| commits(end)) != Some(true) {
                    continue;
                }
            }
            for record in read_records(batch, MAX).map(Result::unwrap) {
                let value = record.value.map(|value| value.to_vec());
                seen.push((record.offset, record.timestamp, record.key.unwrap().to_vec(), value));
            }
        }
        seen
    }

    /// The last value of every key.
    fn table(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut table = BTreeMap::new();
        for (_, _, key, value) in self.read(true) {
            match value {
                Some(value) => table.insert(key, value),
                None => table.remove(&key),
            };
        }
        table
    }

    /// One round up to a random batch below what is undecided.
    fn clean(&mut self, numbers: &mut Numbers) {
        let stable_to = self.stable_to();
        let ends = self.batches.iter().map(|batch| header(batch).next_offset());
        let ends: Vec<_> = ends.filter(|end| *end > self.cleaned_to && *end <= stable_to).collect();
        if !ends.is_empty() {
            let to = ends[numbers.below(ends.len() as u64) as usize];
            self.clean_to(to);
        }
    }

    fn clean_to(&mut self, to: Offset) {
        let from = self.cleaned_to;
        let mut outcomes = Outcomes::default();
        for batch in &self.batches {
            let header = header(batch);
            if header.base_offset >= to && outcomes.is_decided_to(to) {
                break;
            }
            if header.next_offset() > from {
                outcomes.note(&header, batch);
            }
        }
        assert!(outcomes.is_decided_to(to));
        let mut keys = KeyMap::new(1 << 20, [1; 16]);
        let (clean, rest) = {
            let is_inside = |batch: &Vec<u8>| header(batch).base_offset < to;
            self.batches.iter().cloned().partition::<Vec<_>, _>(is_inside)
        };
        for batch in clean.iter().filter(|batch| header(batch).next_offset() > from) {
            let header = header(batch);
            compaction::note_keys(&mut keys, Some(&outcomes), &header, batch, from, MAX).unwrap();
        }
        let last_offsets = self.producers.last_offsets();
        let last_markers = self.producers.last_markers();
        let mut round = Round {
            keys: &keys,
            outcomes: &outcomes,
            last_offsets: &last_offsets,
            last_markers: &last_markers,
            end_offset: to,
            now: self.now,
            delete_retention_ms: RETENTION_MS,
            decompressed_max: MAX,
            keeps_deletions: false,
            traversed: HashSet::new(),
        };
        let mut left = Vec::new();
        for old in clean {
            match round.clean(&header(&old), &old).unwrap() {
                Cleaned::Unchanged => left.push(old),
                Cleaned::Dropped => {}
                Cleaned::Rewritten(new) => {
                    let header = header(&new);
                    batch::check_crc(&header, &new).unwrap();
                    left.push(new);
                }
            }
        }
        left.extend(rest);
        self.batches = left;
        self.cleaned_to = to;
    }
}

/// Whether a marker commits, `None` if it does not tell.
fn commits(marker: &[u8]) -> Option<bool> {
    let record = read_records(marker, MAX).next()?.unwrap();
    Some(record.key.unwrap()[3] == 1)
}

/// What is known of each producer, but for the time of its last batch.
fn known(producers: &Producers) -> BTreeMap<i64, (i16, i32, Option<Offset>)> {
    let known = producers.known().into_iter();
    known
        .map(|one| (one.producer_id, (one.epoch, one.last_sequence, one.transaction_start)))
        .collect()
}

#[test]
fn readers_notice_nothing_but_that_older_values_are_gone() {
    let (mut dropped, mut emptied, mut stamped) = (0, 0, 0);
    for seed in 1..=100 {
        let mut numbers = Numbers(seed);
        let mut world = World::new(seed % 2 == 0);
        for _ in 0..150 {
            world.act(&mut numbers);
            if !numbers.is_one_in(8) {
                continue;
            }
            let (table, before, all) = (world.table(), world.read(true), world.read(false));
            let (stable_to, markers) = (world.stable_to(), count_markers(&world));
            world.clean(&mut numbers);
            let (after, all_after) = (world.read(true), world.read(false));
            assert_eq!(world.table(), table, "seed {seed}");
            assert_eq!(world.stable_to(), stable_to, "seed {seed}");
            assert!(after.iter().all(|record| before.contains(record)), "seed {seed}");
            let behind = |seen: &[Seen]| -> Vec<Seen> {
                seen.iter().filter(|record| record.0 >= world.cleaned_to).cloned().collect()
            };
            assert_eq!(behind(&after), behind(&before), "seed {seed}");
            assert_eq!(behind(&all_after), behind(&all), "seed {seed}");
            // What is left of the cleaned part was committed, and is the newest of its key there.
            let mut newest = BTreeMap::new();
            let cleaned = all_after.iter().filter(|record| record.0 < world.cleaned_to);
            for record in cleaned {
                assert!(after.contains(record), "seed {seed}: {record:?} was aborted");
                assert_eq!(newest.insert(&record.2, record.0), None, "seed {seed}: {record:?}");
            }
            // A start that finds nothing but the log knows what this broker knows.
            let mut replayed = Producers::new();
            world.batches.iter().for_each(|batch| replayed.append(&header(batch), 0));
            let replayed = known(&replayed);
            for (id, producer) in known(&world.producers) {
                let (epoch, last_sequence, start) = replayed[&id];
                assert_eq!((epoch, start), (producer.0, producer.2), "seed {seed}: producer {id}");
                // What was forgotten for its age may be found again.
                let is_known = producer.1 < 0 || producer.1 == last_sequence;
                assert!(is_known, "seed {seed}: producer {id}");
            }
            dropped += markers - count_markers(&world);
            let heads = world.batches.iter().map(|batch| header(batch));
            let controls: Vec<_> = heads.filter(BatchHeader::is_control).collect();
            emptied += controls.iter().filter(|header| header.record_count == 0).count();
            stamped += controls.iter().filter(|header| header.has_delete_horizon()).count();
        }
    }
    // All that can become of markers did.
    assert!(dropped > 100 && emptied > 5 && stamped > 100, "{dropped} {emptied} {stamped}");
}

fn count_markers(world: &World) -> usize {
    world.batches.iter().filter(|batch| header(batch).is_control()).count()
}

#[test]
fn in_the_end_nothing_is_left_of_transactions_but_their_newest_records() {
    for seed in 1..=40 {
        let mut numbers = Numbers(seed);
        let mut world = World::new(seed % 2 == 0);
        for _ in 0..100 {
            world.act(&mut numbers);
            if numbers.is_one_in(20) {
                world.clean(&mut numbers);
            }
        }
        (0..PRODUCERS as usize).for_each(|number| world.end(number, seed % 3 == 0));
        world.producers.expire(world.now, 0);
        let table = world.table();
        for _ in 0..4 {
            for key in 0..6 {
                let value = table.get(format!("k{key}").as_bytes());
                let value = value.map(|value| String::from_utf8(value.clone()).unwrap());
                world.send(None, &[(format!("k{key}"), value)]);
            }
            world.now += 2 * RETENTION_MS;
            world.clean_to(world.end_offset);
        }
        assert_eq!(world.table(), table);
        assert_eq!(count_markers(&world), 0, "seed {seed}");
        let data = world.batches.iter().filter(|batch| header(batch).record_count > 0).count();
        assert!(data <= 6, "seed {seed}: {data}");
    }
}

/// One transaction of a record, ended by a marker, then a record without producer.
fn one_transaction(commit: bool) -> World {
    let mut world = World::new(false);
    world.senders[1].is_open = true;
    world.send(Some(1), &[("a".into(), Some("1".into()))]);
    world.end(1, commit);
    world.send(None, &[("z".into(), Some("2".into()))]);
    world
}

#[test]
fn a_marker_outlives_its_records_by_the_time_of_a_tombstone() {
    for commit in [true, false] {
        let mut world = one_transaction(commit);
        world.producers.expire(world.now, 0);
        world.send(None, &[("a".into(), Some("3".into()))]);
        world.clean_to(world.end_offset);
        // The records went in this round: the marker is as it was.
        let offsets = |world: &World| -> Vec<Offset> {
            world.batches.iter().map(|batch| header(batch).base_offset).collect()
        };
        assert_eq!(offsets(&world), [1, 2, 3]);
        assert!(!header(&world.batches[0]).has_delete_horizon());
        world.send(None, &[("y".into(), Some("4".into()))]);
        world.now += 10;
        let stamped_at = world.now;
        world.clean_to(world.end_offset);
        let marker = header(&world.batches[0]);
        assert!(marker.is_control() && marker.has_delete_horizon() && marker.is_transactional());
        assert_eq!(marker.base_timestamp, stamped_at + RETENTION_MS);
        let record = read_records(&world.batches[0], MAX).next().unwrap().unwrap();
        assert_eq!((record.offset, record.timestamp), (1, 1_000), "its own time is what it was");
        assert_eq!(commits(&world.batches[0]), Some(commit));
        for (later, is_left) in [(RETENTION_MS - 1, true), (1, false)] {
            world.now += later;
            world.send(None, &[("x".into(), Some("5".into()))]);
            world.clean_to(world.end_offset);
            assert_eq!(offsets(&world).contains(&1), is_left);
        }
    }
}

#[test]
fn markers_stay_while_an_older_segment_cannot_be_cleaned() {
    let mut world = one_transaction(true);
    let marker = world.batches[1].clone();
    let (keys, outcomes) = (KeyMap::new(1 << 20, [1; 16]), Outcomes::default());
    let (last_offsets, last_markers) = Default::default();
    let mut round = Round {
        keys: &keys,
        outcomes: &outcomes,
        last_offsets: &last_offsets,
        last_markers: &last_markers,
        end_offset: 3,
        now: world.now,
        delete_retention_ms: RETENTION_MS,
        decompressed_max: MAX,
        keeps_deletions: true,
        traversed: HashSet::new(),
    };
    assert_eq!(round.clean(&header(&marker), &marker), Ok(Cleaned::Unchanged));
    world.now = 0;
}

#[test]
fn what_damage_hides_is_unknown_and_what_follows_it_is_not() {
    let mut world = World::new(false);
    let data = |world: &mut World, sender: usize| {
        world.senders[sender].is_open = true;
        world.send(Some(sender), &[("a".into(), Some("1".into()))]);
    };
    data(&mut world, 1);
    data(&mut world, 2);
    world.end(2, false);
    // A marker of the first one may be lost here.
    let damaged_at = world.end_offset;
    data(&mut world, 1);
    world.end(1, false);
    let mut outcomes = Outcomes::default();
    for batch in &world.batches {
        let header = header(batch);
        if header.base_offset == damaged_at {
            outcomes.pass_over(damaged_at);
        }
        outcomes.note(&header, batch);
    }
    let of = |at: usize| outcomes.of(&header(&world.batches[at]));
    assert_eq!((of(0), of(1), of(3)), (Outcome::Unknown, Outcome::Aborted, Outcome::Aborted));
    assert_eq!(of(2), Outcome::Committed, "markers are judged by themselves");
}

#[test]
fn too_many_transactions_are_unknown_from_the_first_that_does_not_fit() {
    let mut world = World::new(true);
    for _ in 0..3 {
        world.senders[0].is_open = true;
        world.send(Some(0), &[("a".into(), Some("1".into()))]);
        world.end(0, false);
    }
    let mut outcomes = Outcomes::new(2);
    world.batches.iter().for_each(|batch| outcomes.note(&header(batch), batch));
    assert_eq!(outcomes.complete_to(), 4);
    let of = |at: usize| outcomes.of(&header(&world.batches[at]));
    assert_eq!((of(0), of(2), of(4)), (Outcome::Aborted, Outcome::Aborted, Outcome::Unknown));
}

#[test]
fn markers_are_told_from_other_control_batches() {
    let control = |id: i64, key: &[u8]| {
        let mut builder = BatchBuilder::new().control().producer(id, 0, -1);
        builder.append(1, Some(key), Some(b""), &[]);
        builder.build()
    };
    let of = |batch: &[u8]| marker(&header(batch), batch);
    assert_eq!(of(&control(1, &[0, 0, 0, 0])), Some(Marker::Abort));
    assert_eq!(of(&control(1, &[0, 0, 0, 1])), Some(Marker::Commit));
    // A key of a later version may be longer.
    assert_eq!(of(&control(1, &[0, 1, 0, 1, 9])), Some(Marker::Commit));
    for (id, key) in [(1, &[0, 0, 0, 2][..]), (1, &[0]), (-1, &[0, 0, 0, 1])] {
        assert_eq!(of(&control(id, key)), None);
    }
    let mut builder = BatchBuilder::new().producer(1, 0, 0).transactional();
    builder.append(1, Some(&[0, 0, 0, 1]), None, &[]);
    assert_eq!(of(&builder.build()), None, "a record may have any key");
}
