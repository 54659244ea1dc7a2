//! When a log is due, what becomes one segment, and the map of keys.

use super::*;
use crate::kernel::log::Limits as LogLimits;
use crate::kernel::types::NO_TIMESTAMP;

fn log(segments: &[(Offset, Offset, u64, TimestampMs)]) -> Log {
    let limits = LogLimits {
        segment_bytes: 1000,
        segment_ms: 10_000,
        segment_index_bytes: 1 << 20,
        index_interval_bytes: 100,
        retention_ms: None,
        retention_bytes: None,
        delete: false,
    };
    let mut log = Log::empty(segments[0].0, limits);
    log.segments = segments
        .iter()
        .map(|(base, end, size, timestamp)| Segment {
            end_offset: *end,
            size: *size,
            max_timestamp: *timestamp,
            first_timestamp: *timestamp,
            ..Segment::empty(*base)
        })
        .collect();
    log
}

fn limits() -> Limits {
    Limits { lag_ms_min: 0, lag_ms_max: i64::MAX, dirty_ratio_min: 0.5, delete_retention_ms: 1 }
}

/// Three closed segments and the active one.
fn sample() -> Log {
    log(&[(0, 10, 100, 1_000), (10, 20, 100, 2_000), (20, 30, 200, 3_000), (30, 40, 900, 4_000)])
}

#[test]
fn a_log_is_due_by_the_share_that_is_dirty() {
    let due = |cleaned_to| due(&sample(), cleaned_to, 40, &limits(), 5_000);
    let all = due(0).unwrap();
    assert_eq!((all.dirty_from, all.dirty_to, all.dirty_ratio), (0, 30, 1.0));
    assert_eq!(due(10).unwrap().dirty_ratio, 0.75);
    assert_eq!(due(20), None, "half of it is not more than half");
    assert_eq!(due(30), None);
    assert_eq!(due(1_000), None);
}

#[test]
fn the_active_segment_and_what_is_not_stable_stay() {
    assert_eq!(due(&sample(), 0, 25, &limits(), 5_000).unwrap().dirty_to, 20);
    assert_eq!(due(&sample(), 0, 5, &limits(), 5_000), None);
    assert_eq!(due(&log(&[(0, 10, 100, 1)]), 0, 10, &limits(), 5_000), None);
}

#[test]
fn young_records_stay_and_old_ones_cannot_wait() {
    let young = Limits { lag_ms_min: 2_500, ..limits() };
    assert_eq!(due(&sample(), 0, 40, &young, 5_000).unwrap().dirty_to, 20);
    let old = Limits { lag_ms_max: 1_500, ..limits() };
    assert_eq!(due(&sample(), 20, 40, &old, 4_500), None, "exactly as old as it may be");
    let due_now = due(&sample(), 20, 40, &old, 4_501).unwrap();
    assert!(due_now.is_overdue && due_now.dirty_ratio == 0.5);
    let never = Limits { dirty_ratio_min: f64::NAN, ..limits() };
    assert_eq!(due(&sample(), 0, 40, &never, 5_000), None);
}

#[test]
fn a_log_start_behind_the_last_cleaning_counts() {
    let mut log = sample();
    log.log_start_offset = 15;
    let due = due(&log, 5, 40, &limits(), 5_000).unwrap();
    assert_eq!((due.dirty_from, due.dirty_ratio), (15, 0.75));
}

#[test]
fn records_without_timestamps_are_never_overdue() {
    let old = Limits { lag_ms_max: 1, ..limits() };
    let log = log(&[(0, 10, 100, NO_TIMESTAMP), (10, 20, 300, NO_TIMESTAMP), (20, 20, 0, -1)]);
    assert!(!due(&log, 0, 20, &old, 5_000).unwrap().is_overdue);
}

#[test]
fn neighbours_become_one_up_to_the_size_and_span_of_a_segment() {
    let all = sample().segments;
    assert!(joins(&all[0], &all[1], 200));
    assert!(!joins(&all[0], &all[1], 199));
    let far = i64::from(i32::MAX);
    let wide = log(&[(10, 20, 1, 1), (20, far + 10, 1, 1), (20, far + 11, 1, 1)]).segments;
    assert!(joins(&wide[0], &wide[1], 1_000));
    assert!(!joins(&wide[0], &wide[2], 1_000));
}

#[test]
fn the_map_knows_the_newest_offset_of_every_key() {
    let mut keys = KeyMap::new(1 << 20, [7; 16]);
    assert!(keys.is_empty());
    for offset in 0..20_000 {
        keys.put(&(offset % 5_000).to_string().into_bytes(), offset);
    }
    // An older record that comes later changes nothing.
    keys.put(b"4999", 3);
    assert_eq!(keys.len(), 5_000);
    for key in 0..5_000 {
        assert_eq!(keys.get(key.to_string().as_bytes()), Some(15_000 + key), "{key}");
    }
    assert_eq!(keys.get(b"none"), None);
    assert_eq!(keys.get(b""), None);
}

#[test]
fn the_map_says_when_it_is_full() {
    let mut keys = KeyMap::new(2_048 * KEY_SIZE, [7; 16]);
    let mut count = 0usize;
    while keys.has_room(1) {
        keys.put(&count.to_be_bytes(), 1);
        count += 1;
    }
    assert!((1_800..2_048).contains(&count), "{count}");
    assert!(!keys.has_room(1) && keys.has_room(0));
    assert_eq!(keys.get(&0usize.to_be_bytes()), Some(1));
    assert_eq!(keys.get(&count.to_be_bytes()), None, "a search in a full map ends");
}
