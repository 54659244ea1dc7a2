//! What a simulated run knows must be true of each log, whatever the disk did: every promise that
//! was made, and everything that was tried.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::batch::{self, BatchBuilder, BatchHeader};
use crate::kernel::records::read_records;
use crate::kernel::types::{Offset, TimestampMs, TopicIdPartition};
use crate::storage::append::Prepared;
use crate::storage::error::ReadError;
use crate::storage::partition::Partition;
use crate::storage::partitions::Partitions;
use crate::storage::reader;

/// The first known damage that reaches behind an offset: its first offset, and that behind it.
pub fn damage_at(partition: &Partition, offset: Offset) -> Option<(Offset, Offset)> {
    partition.damage_behind(offset).map(|damage| (damage.offset, damage.next_offset))
}

/// All that can be read of a log. Reads of damage are refused, and what is behind it is there.
pub fn read_all(partition: &Partition, all: &Partitions) -> Result<Vec<u8>, String> {
    let mut next = partition.log_start_offset();
    let mut bytes = Vec::new();
    loop {
        let read = reader::replay(partition, all.indexes(), next, |header, batch| {
            bytes.extend_from_slice(batch);
            next = header.next_offset();
            Ok(())
        });
        match read.map_err(|error| (error, damage_at(partition, next))) {
            Ok(()) => return Ok(bytes),
            Err((ReadError::Corrupt, Some((_, behind)))) => next = behind,
            Err((error, _)) => return Err(format!("cannot be read from {next}: {error}")),
        }
    }
}

/// Bytes of one batch after decompression.
const DECOMPRESSED_MAX: usize = 1 << 20;

/// Key and value of a record; without a value it is a tombstone.
type Pair = (u8, Option<u64>);

/// A batch as a producer sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Timestamp of all its records.
    pub timestamp: TimestampMs,
    /// Producer and first sequence, if it is idempotent.
    pub producer: Option<(i64, i32)>,
    /// Its records.
    pub pairs: Vec<Pair>,
    /// Bytes that make each of its values longer.
    pub filler: usize,
}

impl Batch {
    /// The batch on its way into a partition.
    pub fn prepare(&self) -> Prepared {
        let mut builder = BatchBuilder::new();
        if let Some((id, sequence)) = self.producer {
            builder = builder.producer(id, 0, sequence);
        }
        for (key, value) in &self.pairs {
            let value = value.map(|value| {
                let mut bytes = value.to_be_bytes().to_vec();
                bytes.resize(8 + self.filler, 7);
                bytes
            });
            builder.append(self.timestamp, Some(&[*key]), value.as_deref(), &[]);
        }
        let bytes = builder.build();
        Prepared::new(BatchHeader::parse(&bytes).unwrap(), bytes)
    }

    fn end(&self, base_offset: Offset) -> Offset {
        base_offset + self.pairs.len() as Offset
    }
}

/// One log.
#[derive(Debug)]
pub struct LogModel {
    /// Topic and partition.
    pub id: TopicIdPartition,
    /// Whether it is compacted.
    pub compacted: bool,
    /// Everything that was appended, or perhaps was, by first offset.
    pub batches: BTreeMap<Offset, Batch>,
    /// Offset behind the last batch that was accepted.
    pub end: Offset,
    /// Offset behind the last batch that may be there.
    pub end_max: Offset,
    /// Everything before was promised to be durable.
    pub acked: Offset,
    /// Records before were promised to be gone.
    pub start_min: Offset,
    /// No more than those before may be gone.
    pub start_max: Offset,
    /// The high watermark that was last seen in this life of the broker.
    pub high_watermark: Offset,
    /// Whether a write failed in this life of the broker.
    pub failed: bool,
}

/// The rest of a batch that a read found: where it stands, and its records by offset.
type Found = Vec<(Offset, Pair)>;

impl LogModel {
    /// An empty log.
    pub fn new(id: TopicIdPartition, compacted: bool) -> LogModel {
        LogModel {
            id,
            compacted,
            batches: BTreeMap::new(),
            end: 0,
            end_max: 0,
            acked: 0,
            start_min: 0,
            start_max: 0,
            high_watermark: 0,
            failed: false,
        }
    }

    /// Notes a batch that was accepted at an offset.
    pub fn appended(&mut self, base_offset: Offset, batch: Batch) -> Result<(), String> {
        if base_offset != self.end {
            return Err(format!("{base_offset} was given where {} was next", self.end));
        }
        self.end = batch.end(base_offset);
        self.end_max = self.end_max.max(self.end);
        self.batches.insert(base_offset, batch);
        Ok(())
    }

    /// Notes a batch that was refused because the disk failed: it may be there all the same.
    pub fn tried(&mut self, batch: Batch) {
        self.failed = true;
        self.end_max = self.end_max.max(batch.end(self.end));
        self.batches.insert(self.end, batch);
    }

    /// Whether nothing is behind an offset: a crash may have taken the last records, but not the
    /// file of the next.
    pub fn ends_by(&self, offset: Offset) -> bool {
        let last = self.batches.range(..self.end).next_back();
        last.is_none_or(|(base_offset, batch)| batch.end(*base_offset) <= offset)
    }

    /// Whether nothing that must be there lies between two offsets. Compaction may take anything.
    pub fn is_empty_between(&self, from: Offset, to: Offset) -> bool {
        from >= to || self.compacted || self.batches.range(from..to).next().is_none()
    }

    /// The last batch of a producer, with its offset.
    pub fn last_of(&self, producer: i64) -> Option<(Offset, &Batch)> {
        let of_it = |batch: &Batch| batch.producer.is_some_and(|(id, _)| id == producer);
        let accepted = self.batches.range(..self.end).rev();
        accepted.map(|(base, batch)| (*base, batch)).find(|(_, batch)| of_it(batch))
    }

    /// The sequence number that a producer uses next.
    pub fn sequence_of(&self, producer: i64) -> i32 {
        self.last_of(producer).map_or(0, |(_, batch)| {
            batch.producer.map_or(0, |(_, sequence)| sequence) + batch.pairs.len() as i32
        })
    }

    /// Compares batches, read from `offset` on, with what was appended.
    pub fn check_bytes(&self, offset: Offset, bytes: &[u8]) -> Result<Offset, String> {
        let mut next = offset;
        for item in batch::batches(bytes) {
            let (header, bytes) = item.map_err(|error| format!("behind {next}: {error}"))?;
            batch::check_crc(&header, bytes).map_err(|error| format!("at {next}: {error}"))?;
            let missed = self.batches.range(next..header.base_offset.max(next)).next();
            if missed.is_some() && !self.compacted {
                return Err(format!("nothing between {next} and {}", header.base_offset));
            }
            if header.base_offset < next && next > offset {
                return Err(format!("offset {} is there twice", header.base_offset));
            }
            let mut found = Found::new();
            for record in read_records(bytes, DECOMPRESSED_MAX) {
                let record = record.map_err(|error| error.to_string())?;
                let key = record.key.as_deref().and_then(|key| key.first().copied());
                let value = record.value.as_deref().and_then(|value| value.first_chunk());
                let value = value.map(|value| u64::from_be_bytes(*value));
                found.push((record.offset, (key.unwrap_or(u8::MAX), value)));
            }
            self.check_batch(&header, &found)?;
            next = header.next_offset();
        }
        Ok(next)
    }

    fn check_batch(&self, header: &BatchHeader, found: &Found) -> Result<(), String> {
        let base_offset = header.base_offset;
        let known = self.batches.get(&base_offset);
        let known = known.ok_or_else(|| format!("nothing was appended at {base_offset}"))?;
        let all = known.pairs.iter().enumerate();
        let all: Found = all.map(|(at, pair)| (base_offset + at as Offset, *pair)).collect();
        let is_right = match self.compacted {
            true => found.iter().all(|record| all.contains(record)),
            false => *found == all,
        };
        match is_right {
            true => Ok(()),
            false => Err(format!("at {base_offset}: {found:?} instead of {all:?}")),
        }
    }

    /// Compares all of a log, as it was read.
    pub fn check_all(&self, partition: &Partition, bytes: &[u8]) -> Result<(), String> {
        let start = partition.log_start_offset();
        let end = self.check_bytes(start, bytes)?;
        let high_watermark = partition.high_watermark();
        let missed = self.batches.range(end.min(high_watermark)..high_watermark).next();
        if end > high_watermark || (missed.is_some() && !self.compacted) {
            return Err(format!("readable up to {end}, high watermark {high_watermark}"));
        }
        if self.compacted { self.check_newest(start, bytes) } else { Ok(()) }
    }

    /// Of every key the newest value is there, if it is one and behind the start.
    fn check_newest(&self, start: Offset, bytes: &[u8]) -> Result<(), String> {
        let mut newest = BTreeMap::new();
        for (base_offset, batch) in self.batches.range(..self.end) {
            for (at, (key, value)) in batch.pairs.iter().enumerate() {
                newest.insert(*key, (base_offset + at as Offset, *value));
            }
        }
        let mut there = BTreeMap::new();
        for (_, batch) in batch::batches(bytes).filter_map(Result::ok) {
            for record in read_records(batch, DECOMPRESSED_MAX).filter_map(Result::ok) {
                let key = record.key.as_deref().and_then(|key| key.first().copied());
                there.insert(key.unwrap_or(u8::MAX), record.offset);
            }
        }
        for (key, (offset, value)) in newest {
            if value.is_some() && offset >= start && there.get(&key) != Some(&offset) {
                return Err(format!("the newest value of key {key}, at {offset}, is gone"));
            }
        }
        Ok(())
    }

    /// Follows a start of the broker, whose log has to hold what was promised: `bytes`. `kept` says
    /// that nothing was lost with the power: then all that was accepted is there.
    pub fn restarted(
        &mut self,
        partition: &Partition,
        bytes: &[u8],
        kept: bool,
    ) -> Result<(), String> {
        let (start, end) = (partition.log_start_offset(), partition.high_watermark());
        let least = if kept && !self.failed { self.end } else { self.acked };
        if end < least {
            return Err(format!("the log ends at {end}, up to {least} was acknowledged"));
        }
        if end > self.end_max {
            return Err(format!("the log ends at {end}, only {} were tried", self.end_max));
        }
        if start < self.start_min {
            return Err(format!("starts at {start}, deleted up to {}", self.start_min));
        }
        if start > self.start_max {
            return Err(format!("starts at {start}, kept from {} on", self.start_max));
        }
        self.batches.split_off(&end);
        if least == self.acked {
            // Of what was not acknowledged any segment may have lost its end.
            let found = batch::batches(bytes).filter_map(Result::ok);
            let found: BTreeSet<Offset> = found.map(|(header, _)| header.base_offset).collect();
            self.batches.retain(|base, batch| {
                batch.end(*base) <= least || *base < start || found.contains(base)
            });
        }
        (self.end, self.end_max, self.high_watermark) = (end, end, end);
        self.failed = false;
        Ok(())
    }
}
