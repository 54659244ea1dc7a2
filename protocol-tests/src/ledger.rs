//! What clients were told about one partition, and whether what the broker has agrees with it. The
//! judge of every fault that is put upon the broker: pure, so that planted faults can be shown to
//! be found. A record's value is a function of its producer, partition and place, so that a foreign
//! byte in it is noticed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

/// Bytes that name a record at the beginning of its value.
const NAME_SIZE: usize = 16;
/// Most bytes of a value, but of one in so many.
const VALUE_MAX: usize = 400;
const LARGE_EVERY: u64 = 997;
/// Bytes of that one.
const LARGE: usize = 60_000;

/// A record: the producer that sent it and its place among the records of that producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The producer.
    pub producer: u32,
    /// Its records before this one in this partition.
    pub sequence: u64,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An acknowledged record is not at its offset.
    Lost,
    /// An offset was acknowledged for two records.
    Reused,
    /// Offsets are not dense.
    Gap,
    /// A record is there twice.
    Duplicate,
    /// Records of one producer are not in the order in which it sent them.
    Order,
    /// A record is not what was sent, or was never sent.
    Foreign,
    /// A consumer saw another record at this offset.
    Changed,
    /// The high watermark went back.
    Watermark,
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: Kind,
    /// Where, for people.
    pub text: String,
}

/// A record as the broker served it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its offset.
    pub offset: i64,
    /// Its value.
    pub value: Vec<u8>,
}

/// What was said about one partition.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    partition: u32,
    sent: HashMap<u32, u64>,
    acknowledged: BTreeMap<i64, Name>,
    /// Offsets of those that were acknowledged and need not be durable.
    accepted: BTreeSet<i64>,
    seen: BTreeMap<i64, Name>,
    /// The last one that the consumer was told.
    high_watermark: i64,
    /// Behind all that was acknowledged or seen.
    reached: i64,
    /// The power went, and nobody has looked since.
    is_torn: bool,
    /// Offsets that the power took from between others.
    holes: BTreeSet<i64>,
    faults: Vec<Fault>,
}

/// The value of a record.
pub fn value(partition: u32, name: Name) -> Vec<u8> {
    let mut value = Vec::with_capacity(VALUE_MAX);
    value.extend(name.producer.to_be_bytes());
    value.extend(partition.to_be_bytes());
    value.extend(name.sequence.to_be_bytes());
    let mut state = name.sequence ^ u64::from(name.producer) << 40 ^ u64::from(partition) << 48;
    let mut next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) as usize
    };
    let length = match name.sequence % LARGE_EVERY {
        0 if name.sequence > 0 => LARGE,
        _ => NAME_SIZE + next() % (VALUE_MAX - NAME_SIZE),
    };
    while value.len() < length {
        value.push(next() as u8);
    }
    value
}

/// The record that a value is, byte by byte.
fn name_of(partition: u32, bytes: &[u8]) -> Option<Name> {
    let producer = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let sequence = u64::from_be_bytes(bytes.get(8..NAME_SIZE)?.try_into().ok()?);
    let name = Name { producer, sequence };
    (value(partition, name) == bytes).then_some(name)
}

impl Ledger {
    /// Of a partition of which nothing is known.
    pub fn new(partition: u32) -> Ledger {
        Ledger { partition, ..Ledger::default() }
    }

    /// A producer is about to send records up to this place.
    pub fn send(&mut self, producer: u32, end: u64) {
        let sent = self.sent.entry(producer).or_default();
        *sent = end.max(*sent);
    }

    /// The broker acknowledged records of a producer that follow each other.
    pub fn acknowledge(&mut self, base_offset: i64, first: Name, count: u64) {
        for index in 0..count {
            let name = Name { sequence: first.sequence + index, ..first };
            let offset = base_offset + index as i64;
            match self.acknowledged.insert(offset, name) {
                Some(other) if other != name => {
                    let text = format!("offset {offset} is that of {other:?} and of {name:?}");
                    self.add(Kind::Reused, text);
                }
                _ => {}
            }
        }
        self.reach(base_offset + count as i64);
    }

    /// As [`Ledger::acknowledge`], but only until the power goes: the answer to acks=1.
    pub fn accept(&mut self, base_offset: i64, first: Name, count: u64) {
        self.acknowledge(base_offset, first, count);
        self.accepted.extend(base_offset..base_offset + count as i64);
    }

    /// A consumer was served a record.
    pub fn see(&mut self, served: &Served) {
        let Some(name) = self.known(served) else { return };
        match self.seen.insert(served.offset, name) {
            Some(other) if other != name => {
                let text = format!("offset {}: {name:?}, before {other:?}", served.offset);
                self.add(Kind::Changed, text);
            }
            _ => {}
        }
        self.reach(served.offset + 1);
    }

    /// The consumer, always the same one, was told a high watermark.
    pub fn watermark(&mut self, offset: i64) {
        if offset < self.high_watermark {
            let text = format!("{offset} after {}", self.high_watermark);
            self.add(Kind::Watermark, text);
        }
        self.high_watermark = offset;
    }

    fn reach(&mut self, offset: i64) {
        self.reached = self.reached.max(offset);
    }

    /// The power went: what was served or accepted but never acknowledged as durable may be gone,
    /// and others in its place, or none if what came behind it is still there.
    pub fn power_cut(&mut self) {
        self.is_torn = true;
        for offset in std::mem::take(&mut self.accepted) {
            self.acknowledged.remove(&offset);
        }
        self.seen.retain(|offset, _| self.acknowledged.contains_key(offset));
        self.reached = self.acknowledged.last_key_value().map_or(0, |(last, _)| last + 1);
        self.high_watermark = self.high_watermark.min(self.reached);
    }

    /// How many records were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// The record, if it was sent and is intact.
    fn known(&mut self, served: &Served) -> Option<Name> {
        let name = name_of(self.partition, &served.value);
        let sent = name
            .filter(|name| self.sent.get(&name.producer).is_some_and(|sent| name.sequence < *sent));
        if sent.is_none() {
            let text = format!("offset {}: {name:?} was never sent like this", served.offset);
            self.add(Kind::Foreign, text);
        }
        sent
    }

    /// Holds the whole log, as the broker served it from `start` to `end`, against what was said.
    /// Answers everything that was ever wrong, and begins anew.
    pub fn judge(&mut self, start: i64, end: i64, log: &[Served]) -> Vec<Fault> {
        self.high_watermark = self.high_watermark.max(self.reached);
        self.watermark(end);
        let mut wanted = start;
        let mut there = BTreeMap::new();
        for served in log {
            self.miss(wanted..served.offset);
            wanted = served.offset + 1;
            if let Some(name) = self.known(served) {
                there.insert(served.offset, name);
            }
        }
        self.miss(wanted..end);
        self.is_torn = false;
        self.judge_order(&there);
        let lost: Vec<String> = self
            .acknowledged
            .range(start..)
            .filter(|(offset, name)| there.get(offset) != Some(name))
            .map(|(offset, name)| format!("offset {offset}: {name:?}, {:?}", there.get(offset)))
            .collect();
        lost.into_iter().for_each(|text| self.add(Kind::Lost, text));
        let changed: Vec<String> = self
            .seen
            .range(start..)
            .filter(|(offset, name)| there.get(offset) != Some(name))
            .map(|(offset, name)| format!("offset {offset}: {name:?}, {:?}", there.get(offset)))
            .collect();
        changed.into_iter().for_each(|text| self.add(Kind::Changed, text));
        std::mem::take(&mut self.faults)
    }

    /// Offsets are not there between those that are; the other way round they come twice.
    fn miss(&mut self, offsets: Range<i64>) {
        if self.is_torn {
            self.holes.extend(offsets.clone());
        }
        let is_known = offsets.clone().all(|offset| self.holes.contains(&offset));
        if offsets.start > offsets.end || !is_known {
            self.add(Kind::Gap, format!("offset {} instead of {}", offsets.end, offsets.start));
        }
    }

    fn judge_order(&mut self, there: &BTreeMap<i64, Name>) {
        let mut last: HashMap<u32, u64> = HashMap::new();
        let mut known = BTreeSet::new();
        for (offset, name) in there {
            if !known.insert(*name) {
                self.add(Kind::Duplicate, format!("offset {offset}: {name:?} once more"));
            } else if last.get(&name.producer).is_some_and(|last| *last > name.sequence) {
                self.add(Kind::Order, format!("offset {offset}: {name:?}"));
            }
            last.insert(name.producer, name.sequence);
        }
    }

    fn add(&mut self, kind: Kind, text: String) {
        self.faults.push(Fault { kind, text: format!("partition {}: {text}", self.partition) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two producers, thirty batches of two records, all acknowledged and half of them seen.
    fn good() -> (Ledger, Vec<Served>) {
        let mut ledger = Ledger::new(7);
        let mut log = Vec::new();
        for batch in 0..30u64 {
            let first = Name { producer: (batch % 2) as u32, sequence: batch / 2 * 2 };
            ledger.send(first.producer, first.sequence + 2);
            ledger.acknowledge(log.len() as i64, first, 2);
            for index in 0..2 {
                let name = Name { sequence: first.sequence + index, ..first };
                log.push(Served { offset: log.len() as i64, value: value(7, name) });
            }
        }
        log[..30].iter().for_each(|served| ledger.see(served));
        (ledger, log)
    }

    fn renumbered(mut log: Vec<Served>) -> Vec<Served> {
        (0..).zip(&mut log).for_each(|(offset, served)| served.offset = offset);
        log
    }

    fn kinds((mut ledger, log): (Ledger, Vec<Served>)) -> BTreeSet<Kind> {
        let end = log.last().map_or(0, |served| served.offset + 1);
        ledger.judge(0, end, &log).iter().map(|fault| fault.kind).collect()
    }

    #[test]
    fn a_run_in_which_nothing_went_wrong_is_found_good() {
        assert_eq!(kinds(good()), BTreeSet::new());
    }

    #[test]
    fn an_acknowledged_batch_that_was_dropped_is_found() {
        let (ledger, mut log) = good();
        log.drain(40..42);
        assert!(kinds((ledger.clone(), log.clone())).contains(&Kind::Gap));
        assert!(kinds((ledger, renumbered(log))).contains(&Kind::Lost));
    }

    #[test]
    fn a_tail_that_was_dropped_is_found_behind_a_power_cut_too() {
        let (mut ledger, mut log) = good();
        log.truncate(58);
        assert!(kinds((ledger.clone(), log.clone())).contains(&Kind::Watermark));
        ledger.power_cut();
        assert!(kinds((ledger, log)).contains(&Kind::Lost));
    }

    #[test]
    fn an_offset_that_was_given_twice_is_found() {
        let (mut ledger, log) = good();
        ledger.send(1, 100);
        ledger.acknowledge(12, Name { producer: 1, sequence: 99 }, 1);
        assert!(kinds((ledger, log)).contains(&Kind::Reused));
    }

    #[test]
    fn a_record_that_is_there_twice_is_found() {
        let (ledger, mut log) = good();
        log.push(log[59].clone());
        assert_eq!(kinds((ledger, renumbered(log))), BTreeSet::from([Kind::Duplicate]));
    }

    #[test]
    fn records_in_the_wrong_order_are_found() {
        let (ledger, mut log) = good();
        let (one, other) = (log[40].value.clone(), log[44].value.clone());
        (log[40].value, log[44].value) = (other, one);
        assert_eq!(kinds((ledger, log)), BTreeSet::from([Kind::Order, Kind::Lost]));
    }

    #[test]
    fn every_flipped_bit_of_a_value_is_found() {
        let (ledger, log) = good();
        for bit in 0..log[50].value.len() * 8 {
            let mut log = log.clone();
            log[50].value[bit / 8] ^= 1 << (bit % 8);
            assert!(kinds((ledger.clone(), log)).contains(&Kind::Foreign), "bit {bit}");
        }
    }

    #[test]
    fn a_record_that_was_never_sent_is_found() {
        let (ledger, mut log) = good();
        let name = Name { producer: 1, sequence: 30 };
        log.push(Served { offset: 60, value: value(7, name) });
        assert_eq!(kinds((ledger, log)), BTreeSet::from([Kind::Foreign]));
    }

    #[test]
    fn another_record_than_a_consumer_saw_is_found() {
        let (mut ledger, log) = good();
        let name = Name { producer: 3, sequence: 0 };
        ledger.send(3, 1);
        ledger.see(&Served { offset: 60, value: value(7, name) });
        let mut log = log;
        ledger.send(3, 2);
        let other = Name { producer: 3, sequence: 1 };
        log.push(Served { offset: 60, value: value(7, other) });
        assert_eq!(kinds((ledger, log)), BTreeSet::from([Kind::Changed]));
    }

    #[test]
    fn what_was_only_seen_may_go_with_the_power() {
        let (mut ledger, log) = good();
        ledger.send(3, 1);
        ledger.see(&Served { offset: 60, value: value(7, Name { producer: 3, sequence: 0 }) });
        ledger.power_cut();
        assert_eq!(kinds((ledger, log)), BTreeSet::new());
    }

    #[test]
    fn what_was_accepted_may_go_with_the_power_and_nothing_else() {
        let (mut ledger, log) = good();
        ledger.send(3, 1);
        ledger.accept(60, Name { producer: 3, sequence: 0 }, 1);
        assert!(kinds((ledger.clone(), log.clone())).contains(&Kind::Lost));
        ledger.power_cut();
        assert_eq!(kinds((ledger, log)), BTreeSet::new());
    }

    #[test]
    fn a_hole_is_excused_by_the_power_and_only_if_nobody_was_promised_what_was_there() {
        let (mut ledger, log) = good();
        for sequence in 0..3 {
            let name = Name { producer: 3, sequence };
            ledger.send(3, sequence + 1);
            ledger.accept(60 + sequence as i64, name, 1);
        }
        let last = value(7, Name { producer: 3, sequence: 2 });
        let log = [log, vec![Served { offset: 62, value: last }]].concat();
        let kinds = |ledger: &mut Ledger, log: &[Served]| -> BTreeSet<Kind> {
            ledger.judge(0, 63, log).iter().map(|fault| fault.kind).collect()
        };
        assert!(kinds(&mut ledger.clone(), &log).contains(&Kind::Gap));
        ledger.power_cut();
        assert_eq!(kinds(&mut ledger, &log), BTreeSet::new());
        assert_eq!(kinds(&mut ledger, &log), BTreeSet::new(), "it stays");
        let later = [&log[..40], &log[42..]].concat();
        assert!(kinds(&mut ledger.clone(), &later).contains(&Kind::Gap));
        ledger.power_cut();
        assert_eq!(kinds(&mut ledger, &later), BTreeSet::from([Kind::Lost]));
    }

    #[test]
    fn a_high_watermark_that_goes_back_is_found() {
        let (mut ledger, log) = good();
        ledger.watermark(60);
        ledger.watermark(59);
        assert_eq!(kinds((ledger, log)), BTreeSet::from([Kind::Watermark]));
    }
}
