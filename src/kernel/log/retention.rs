//! Which segments may go: by age, by size, and those that lie below the log's start.

use super::Log;
use super::segment::Segment;
use crate::kernel::types::{Offset, TimestampMs};

/// Number of segments, counted from the oldest, that retention lets go at `now`. The active
/// segment counts among them only if it has expired as a whole: the caller rolls it first.
pub fn expired(log: &Log, now: TimestampMs) -> usize {
    let below_start = below_start(log);
    if !log.limits.delete {
        return below_start;
    }
    below_start.max(by_age(log, now)).max(by_size(log))
}

fn below_start(log: &Log) -> usize {
    let below = |segment: &&Segment| segment.end_offset <= log.log_start_offset;
    match log.segments.iter().take_while(below).count() {
        // An empty active segment has nothing to lose.
        all if all == log.segments.len() && log.active().size == 0 => all - 1,
        count => count,
    }
}

fn by_age(log: &Log, now: TimestampMs) -> usize {
    let Some(retention_ms) = log.limits.retention_ms else { return 0 };
    let active = log.active().base_offset;
    // A segment of records without timestamps, or of the future, never expires by age. One that
    // compaction has emptied goes with its neighbour.
    let old = |segment: &&Segment| match segment.size {
        0 => segment.base_offset != active,
        _ => segment.max_timestamp >= 0 && now.saturating_sub(segment.max_timestamp) > retention_ms,
    };
    log.segments.iter().take_while(old).count()
}

fn by_size(log: &Log) -> usize {
    let Some(retained) = log.limits.retention_bytes else { return 0 };
    let mut excess = log.size().saturating_sub(retained);
    let mut count = 0;
    for segment in log.segments.iter().take(log.segments.len() - 1) {
        if segment.size > excess {
            break;
        }
        excess -= segment.size;
        count += 1;
    }
    count
}

/// Removes the `count` oldest segments from the log and moves its start. Returns their base
/// offsets so that the caller can delete the files. The active segment must have been rolled.
pub fn remove_oldest(log: &mut Log, count: usize) -> Vec<Offset> {
    assert!(count < log.segments.len(), "the active segment stays");
    let removed = log.segments.drain(..count).map(|segment| segment.base_offset).collect();
    let first = log.segments[0].base_offset;
    log.log_start_offset = log.log_start_offset.max(first);
    log.epochs.truncate_from_start(log.log_start_offset);
    removed
}
