//! The rules of a partition's log.

use super::retention;
use super::*;
use crate::kernel::batch::BatchBuilder;

fn limits() -> Limits {
    Limits {
        segment_bytes: 1000,
        segment_ms: 10_000,
        segment_index_bytes: 1 << 20,
        index_interval_bytes: 100,
        retention_ms: Some(50_000),
        retention_bytes: None,
        delete: true,
    }
}

fn batch(records: usize, timestamp: i64, value_bytes: usize) -> BatchHeader {
    let mut builder = BatchBuilder::new();
    let value = vec![7u8; value_bytes];
    for _ in 0..records {
        builder.append(timestamp, None, Some(&value), &[]);
    }
    BatchHeader::parse(&builder.build()).unwrap()
}

fn append(log: &mut Log, mut header: BatchHeader, now: i64) -> Offset {
    let Judgement::Append { base_offset, roll } = log.judge(&header, now) else {
        panic!("a batch without a producer is always appended")
    };
    if roll {
        log.roll();
    }
    header.base_offset = base_offset;
    header.leader_epoch = 0;
    log.append(&header, now);
    base_offset
}

#[test]
fn offsets_are_dense_over_segments() {
    let mut log = Log::empty(0, limits());
    let offsets: Vec<_> = (0..20).map(|n| append(&mut log, batch(3, n, 40), n)).collect();
    assert_eq!(offsets, (0..20).map(|n| 3 * n).collect::<Vec<_>>());
    assert!(log.segments.len() > 3);
    for pair in log.segments.windows(2) {
        assert_eq!(pair[0].end_offset, pair[1].base_offset);
        assert!(pair[0].size <= 1000);
    }
    for offset in 0..60 {
        let place = log.place_of_offset(offset).unwrap();
        let segment = log.segments.iter().find(|s| s.base_offset == place.segment).unwrap();
        assert!((segment.base_offset..segment.end_offset).contains(&offset));
    }
    assert_eq!(log.place_of_offset(60), None);
}

#[test]
fn a_segment_is_rolled_by_the_age_of_its_records() {
    let mut log = Log::empty(0, limits());
    append(&mut log, batch(1, 1_000, 10), 1_000);
    append(&mut log, batch(1, 11_000, 10), 11_000);
    assert_eq!(log.segments.len(), 1);
    append(&mut log, batch(1, 11_001, 10), 11_001);
    assert_eq!(log.segments.len(), 2);
}

#[test]
fn old_segments_expire_and_the_start_follows() {
    let mut log = Log::empty(0, limits());
    for time in [0, 20_000, 40_000] {
        append(&mut log, batch(1, time, 10), time);
    }
    assert_eq!(retention::expired(&log, 50_000), 0);
    assert_eq!(retention::expired(&log, 50_001), 1);
    assert_eq!(retention::expired(&log, 100_000), 3);
    assert_eq!(retention::remove_oldest(&mut log, 1), [0]);
    assert_eq!(log.log_start_offset, 1);
    log.limits.delete = false;
    assert_eq!(retention::expired(&log, 100_000), 0);
}

#[test]
fn size_retention_keeps_at_least_what_is_asked() {
    let mut log = Log::empty(0, limits());
    for n in 0..20 {
        append(&mut log, batch(3, 0, 40), n);
    }
    log.limits.retention_ms = None;
    log.limits.retention_bytes = Some(1500);
    let count = retention::expired(&log, 0);
    assert!(count > 0);
    retention::remove_oldest(&mut log, count);
    assert!(log.size() >= 1500);
    assert!(log.size() - log.segments[0].size < 1500);
}

#[test]
fn walking_the_stored_bytes_gives_the_same_log() {
    let mut log = Log::empty(0, Limits { segment_bytes: 1 << 30, ..limits() });
    let mut bytes = Vec::new();
    for n in 0..50 {
        let mut builder = BatchBuilder::new().producer(9, 0, n * 2);
        builder.append(n.into(), Some(b"k"), Some(&[1; 30]), &[]);
        builder.append(n.into(), None, None, &[]);
        let mut batch = builder.build().to_vec();
        let mut header = BatchHeader::parse(&batch).unwrap();
        let Judgement::Append { base_offset, .. } = log.judge(&header, n.into()) else {
            panic!("the sequence is in order")
        };
        crate::kernel::batch::set_base_offset(&mut batch, base_offset);
        crate::kernel::batch::set_leader_epoch(&mut batch, 0);
        header = BatchHeader::parse(&batch).unwrap();
        log.append(&header, 1_000);
        bytes.extend_from_slice(&batch);
    }
    let again = walked(&bytes, log.limits);
    assert_eq!(again.segments, log.segments);
    assert_eq!(again.producers.encode(), log.producers.encode());
    // A torn tail is left out, whole batches before it stay.
    let torn = walked(&bytes[..bytes.len() - 1], log.limits);
    assert_eq!(torn.end_offset(), log.end_offset() - 2);
    // So is a corrupt one.
    let at = bytes.len() - 5;
    bytes[at] ^= 1;
    assert_eq!(walked(&bytes, log.limits).end_offset(), log.end_offset() - 2);
}

fn walked(bytes: &[u8], limits: Limits) -> Log {
    use soundness::{Expected, Source, Step, Walk};
    let mut log = Log::empty(0, limits);
    let expected = Expected { least_offset: 0, most_offset: 1000, least_epoch: -1 };
    let source = Source::new(bytes.len() as u64, |buffer, position| {
        let rest = &bytes[position as usize..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    });
    let mut walk = Walk::new(source, 0, expected);
    while let Step::Batch { header, .. } = walk.step().unwrap() {
        log.append(&header, 1_000);
    }
    log
}

#[test]
fn a_deletion_moves_the_start_between_itself_and_the_high_watermark() {
    let mut log = Log::empty(0, limits());
    append(&mut log, batch(10, 0, 10), 0);
    log.raise_start(4);
    for (wanted, start) in [
        (Some(7), Ok(7)),
        (Some(9), Ok(9)),
        (None, Ok(9)),
        (Some(4), Ok(4)),
        (Some(0), Ok(4)),
        (Some(10), Err(StartOutOfRange)),
        (Some(-1), Err(StartOutOfRange)),
    ] {
        assert_eq!(log.start_after_deletion(wanted, 9), start, "{wanted:?}");
    }
    log.raise_start(3);
    assert_eq!(log.log_start_offset, 4, "it never moves back");
}

#[test]
fn segments_below_the_start_go_whatever_their_policy() {
    let mut log = Log::empty(0, limits());
    for n in 0..9 {
        append(&mut log, batch(3, 0, 90), n);
    }
    log.limits.delete = false;
    let bases: Vec<_> = log.segments.iter().map(|segment| segment.base_offset).collect();
    assert!(bases.len() > 3);
    log.raise_start(bases[2] - 1);
    assert_eq!(retention::expired(&log, 0), 1);
    log.raise_start(bases[2]);
    assert_eq!(retention::expired(&log, 0), 2);
    log.raise_start(27);
    assert_eq!(retention::expired(&log, 0), log.segments.len(), "the active one too");
    log.roll();
    assert_eq!(retention::expired(&log, 0), log.segments.len() - 1, "but not an empty one");
    assert_eq!((log.max_timestamp(27), log.place_of_time(0, 27)), (None, None));
}

#[test]
fn a_start_behind_the_end_begins_a_segment() {
    let mut log = Log::empty(0, limits());
    append(&mut log, batch(3, 0, 10), 0);
    log.raise_start(8);
    assert_eq!((log.log_start_offset, log.end_offset(), log.segments.len()), (8, 8, 2));
    assert_eq!(log.place_of_offset(8), None);
    assert_eq!(append(&mut log, batch(1, 0, 10), 0), 8);
    assert_eq!(retention::expired(&log, 0), 1);
}

fn batch_of(producer_id: i64, base_sequence: i32) -> BatchHeader {
    let mut header = batch(1, 5_000, 200);
    (header.producer_id, header.producer_epoch) = (producer_id, 0);
    header.base_sequence = base_sequence;
    header
}

#[test]
fn an_append_that_found_no_room_leaves_the_log_as_it_was() {
    let mut log = Log::empty(7, limits());
    append(&mut log, batch_of(1, 0), 1);
    append(&mut log, batch(3, 6_000, 50), 1);
    let mut undo = undo::Undo::default();
    for round in 0..2 {
        let before = log.clone();
        undo.begin(&log);
        // Enough for several segments, a new producer, one that is known, and a new epoch.
        for sequence in 0..8 {
            for mut header in [batch_of(1, sequence + 1 + round), batch_of(2, sequence)] {
                let Judgement::Append { base_offset, roll } = log.judge(&header, 9) else {
                    panic!("the producer goes on")
                };
                if roll {
                    log.roll();
                }
                (header.base_offset, header.leader_epoch) = (base_offset, 3);
                undo.note(&log, &header);
                log.append(&header, 9);
            }
        }
        assert_eq!(undo.active(), (before.active().base_offset, before.active().size));
        let added = log.segments[before.segments.len()..].iter().map(|s| s.base_offset);
        let added: Vec<_> = added.collect();
        assert!(added.len() >= 2, "{round}: {}", added.len());
        assert_eq!(undo.apply(&mut log), added);
        assert_eq!(log.segments, before.segments);
        assert_eq!(log.producers, before.producers);
        assert_eq!(log.epochs, before.epochs);
        assert_eq!(undo.apply(&mut log), [0; 0], "once is enough");
        append(&mut log, batch_of(1, 1 + round), 2);
    }
}
