//! The log of one partition as rules: which segments there are, what offsets come next, when a
//! segment is rolled, what may be deleted. It decides; the storage layer moves the bytes.

pub mod compaction;
pub mod epochs;
pub mod index;
pub mod producers;
pub mod retention;
pub mod rewrite;
pub mod segment;
pub mod soundness;
#[cfg(test)]
mod tests;
pub mod transactions;
pub mod undo;

use self::epochs::LeaderEpochs;
use self::producers::{Producers, Verdict};
use self::segment::Segment;
use crate::kernel::batch::BatchHeader;
use crate::kernel::types::{LeaderEpoch, Offset, TimestampMs};

/// Limits of a log, from the topic's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `segment.bytes`: a segment is rolled before it grows past this many bytes.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment is rolled once its records span more than this many milliseconds.
    pub segment_ms: i64,
    /// `segment.index.bytes`: bounds the number of index entries, at 8 bytes each as in Kafka.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`: an index entry at least each so many bytes.
    pub index_interval_bytes: u64,
    /// `retention.ms`, `None` for no limit.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`, `None` for no limit.
    pub retention_bytes: Option<u64>,
    /// Whether `cleanup.policy` names `delete`.
    pub delete: bool,
}

/// What to do with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Append it at the end, in a new segment if `roll`.
    Append {
        /// Offset of its first record.
        base_offset: Offset,
        /// Whether a segment with this base offset must be started first.
        roll: bool,
    },
    /// It is in the log already: answer with its first offset and append nothing.
    Duplicate {
        /// Offset of its first record.
        base_offset: Offset,
        /// Timestamp it was stored with.
        timestamp: TimestampMs,
    },
    /// It must not be appended.
    Reject(producers::Error),
}

/// The log cannot start at the offset that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartOutOfRange;

/// The log of one partition.
#[derive(Clone, Debug)]
pub struct Log {
    /// Segments in order; never empty, the last is the active one.
    pub segments: Vec<Segment>,
    /// First offset that may be read.
    pub log_start_offset: Offset,
    /// Idempotent producers.
    pub producers: Producers,
    /// Leader epochs and where they began.
    pub epochs: LeaderEpochs,
    /// Limits in force.
    pub limits: Limits,
}

/// Where to look for an offset or a time: a segment and a position at or before the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Base offset of the segment.
    pub segment: Offset,
    /// Where the walk over the batch headers begins; `None` if the index is not in memory.
    pub position: Option<u32>,
    /// Bytes of the segment that may be read.
    pub size: u64,
    /// Offset behind the segment's last record.
    pub end_offset: Offset,
    /// The segment's generation: the place is good for its file only.
    pub generation: u32,
    /// Bytes at the beginning that were not checked when the log was opened.
    pub unread: u64,
}

impl Log {
    /// An empty log that starts at `offset`.
    pub fn empty(offset: Offset, limits: Limits) -> Log {
        Log {
            segments: vec![Segment::empty(offset)],
            log_start_offset: offset,
            producers: Producers::default(),
            epochs: LeaderEpochs::default(),
            limits,
        }
    }

    /// The segment with a base offset, if there is one.
    pub fn segment(&self, base_offset: Offset) -> Option<&Segment> {
        let at = self.segments.binary_search_by_key(&base_offset, |segment| segment.base_offset);
        at.ok().map(|at| &self.segments[at])
    }

    /// The active segment.
    pub fn active(&self) -> &Segment {
        self.segments.last().expect("a log has at least one segment")
    }

    fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log has at least one segment")
    }

    /// Offset after the last record.
    pub fn end_offset(&self) -> Offset {
        self.active().end_offset
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// Says what to do with a batch that a client sent.
    pub fn judge(&self, header: &BatchHeader, now: TimestampMs) -> Judgement {
        match self.producers.check(header) {
            Verdict::Append => {}
            Verdict::Duplicate { base_offset, timestamp, .. } => {
                return Judgement::Duplicate { base_offset, timestamp };
            }
            Verdict::Reject(error) => return Judgement::Reject(error),
        }
        Judgement::Append { base_offset: self.end_offset(), roll: self.must_roll(header, now) }
    }

    /// Whether a batch needs a new segment: size, age by record timestamps, index full, or an
    /// offset too far from the segment's base.
    fn must_roll(&self, header: &BatchHeader, now: TimestampMs) -> bool {
        let active = self.active();
        if active.size == 0 {
            return false;
        }
        let newest = if header.max_timestamp >= 0 { header.max_timestamp } else { now };
        let age = if active.first_timestamp >= 0 {
            newest.saturating_sub(active.first_timestamp)
        } else {
            0
        };
        let last_offset = active.end_offset + i64::from(header.last_offset_delta);
        let entries = active.index.as_ref().map_or(0, |index| index.len() as u64);
        active.size + header.total_size() as u64 > self.limits.segment_bytes
            || age > self.limits.segment_ms
            || (entries + 1) * 8 > self.limits.segment_index_bytes
            || last_offset - active.base_offset > i64::from(i32::MAX)
    }

    /// Starts a new segment at the end.
    pub fn roll(&mut self) {
        let end = self.end_offset();
        assert!(end > self.active().base_offset, "an empty segment is never rolled");
        self.segments.push(Segment::empty(end));
    }

    /// Takes in a batch whose offset and epoch are assigned.
    pub fn append(&mut self, header: &BatchHeader, now: TimestampMs) {
        debug_assert!(header.base_offset >= self.end_offset());
        let interval = self.limits.index_interval_bytes;
        self.epochs.assign(header.leader_epoch, header.base_offset);
        self.producers.append(header, now);
        self.active_mut().append(header, interval);
    }

    /// Takes in what the record of a control batch tells, after its head.
    pub fn learn_marker(&mut self, header: &BatchHeader, batch: &[u8]) {
        if let Some(epoch) = transactions::coordinator_epoch(header, batch) {
            self.producers.learn_coordinator(header.producer_id, epoch);
        }
    }

    /// Goes on behind bytes of the active segment that hold no sound batch.
    pub fn pass_over(&mut self, bytes: u64) {
        self.active_mut().size += bytes;
    }

    /// Goes on at `offset`, the records before which are lost at the end of the active segment.
    pub fn lose_to(&mut self, offset: Offset) {
        let active = self.active_mut();
        active.end_offset = active.end_offset.max(offset);
    }

    /// The whole of the segment with a base offset, if there is one.
    pub fn place_of_segment(&self, base_offset: Offset) -> Option<Place> {
        self.segment(base_offset).map(|segment| segment.place(Some(0)))
    }

    /// Where to look for `offset`, which must lie between the log's start and end. `None` if
    /// nothing is stored there.
    pub fn place_of_offset(&self, offset: Offset) -> Option<Place> {
        let after = self.segments.partition_point(|segment| segment.base_offset <= offset);
        let segment = self.segments[after.saturating_sub(1)..]
            .iter()
            .find(|segment| segment.end_offset > offset)?;
        let delta = index::offset_delta(segment.base_offset, offset.max(segment.base_offset));
        let position = segment.index.as_ref().map(|index| index.position_for_offset(delta));
        Some(segment.place(position))
    }

    /// Where to look for the first record at or behind `from` with a timestamp of at least
    /// `timestamp`. There may be none: what gave the segment its timestamp may lie before `from`.
    pub fn place_of_time(&self, timestamp: TimestampMs, from: Offset) -> Option<Place> {
        let segment = self
            .segments
            .iter()
            .find(|segment| segment.max_timestamp >= timestamp && segment.end_offset > from)?;
        let position = segment.index.as_ref().map(|index| index.position_for_time(timestamp));
        Some(segment.place(position))
    }

    /// The largest timestamp of the segments that hold anything at or behind `from`, `None` if
    /// none does. The record that has it may lie before `from`.
    pub fn max_timestamp(&self, from: Offset) -> Option<TimestampMs> {
        self.segments
            .iter()
            .filter(|segment| segment.end_offset > from)
            .map(|segment| segment.max_timestamp)
            .max()
            .filter(|timestamp| *timestamp >= 0)
    }

    /// Where the log starts if a client deletes the records before `wanted`, or all that it may
    /// read if `None`: never before the start it has, and not behind the high watermark.
    pub fn start_after_deletion(
        &self,
        wanted: Option<Offset>,
        high_watermark: Offset,
    ) -> Result<Offset, StartOutOfRange> {
        let wanted = wanted.unwrap_or(high_watermark);
        if !(0..=high_watermark).contains(&wanted) {
            return Err(StartOutOfRange);
        }
        Ok(wanted.max(self.log_start_offset))
    }

    /// Moves the start forward to `offset`, which may lie inside a batch. The state of producers
    /// stays (KIP-360). An offset behind the end begins a segment there: the log once reached that
    /// far, and no offset is given twice.
    pub fn raise_start(&mut self, offset: Offset) {
        if offset <= self.log_start_offset {
            return;
        }
        if offset > self.end_offset() {
            self.segments.push(Segment::empty(offset));
        }
        self.log_start_offset = offset;
        self.epochs.truncate_from_start(offset);
    }

    /// End offset of a leader epoch, as OffsetForLeaderEpoch answers it (KIP-320).
    pub fn end_offset_of_epoch(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        self.epochs.end_offset_for(epoch, self.end_offset())
    }
}
