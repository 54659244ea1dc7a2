//! Tests of the idempotence window, against the measured answers of Kafka.

use super::*;
use crate::kernel::batch::BatchBuilder;

const DAY_MS: i64 = 86_400_000;

/// The head of a batch of `count` records.
fn batch(id: i64, epoch: i16, sequence: i32, count: i32) -> BatchHeader {
    let mut builder = BatchBuilder::new().producer(id, epoch, sequence);
    for _ in 0..count {
        builder.append(i64::from(sequence) + 1000, None, None, &[]);
    }
    BatchHeader::parse(&builder.build()).unwrap()
}

fn at(base_offset: i64, header: BatchHeader) -> BatchHeader {
    BatchHeader { base_offset, ..header }
}

/// Seven batches of producer 1: sequences 0 to 6 at offsets 100 to 106.
fn seven() -> Producers {
    let mut producers = Producers::new();
    for sequence in 0..7 {
        let header = batch(1, 0, sequence, 1);
        assert_eq!(producers.check(&header), Verdict::Append);
        producers.append(&at(100 + i64::from(sequence), header), 50);
    }
    producers
}

fn out_of_order(expected: i32, found: i32) -> Verdict {
    Verdict::Reject(Error::OutOfOrderSequence { producer_id: 1, expected, found })
}

#[test]
fn the_last_five_batches_are_known() {
    let producers = seven();
    for sequence in 2..7 {
        let offset = 100 + i64::from(sequence);
        let expected = Verdict::Duplicate {
            base_offset: offset,
            last_offset: offset,
            timestamp: 1000 + i64::from(sequence),
        };
        assert_eq!(producers.check(&batch(1, 0, sequence, 1)), expected);
    }
    for sequence in 0..2 {
        assert_eq!(producers.check(&batch(1, 0, sequence, 1)), out_of_order(7, sequence));
    }
}

#[test]
fn gaps_overlaps_and_other_counts_are_out_of_order() {
    let producers = seven();
    assert_eq!(producers.check(&batch(1, 0, 7, 3)), Verdict::Append);
    assert_eq!(producers.check(&batch(1, 0, 8, 1)), out_of_order(7, 8));
    assert_eq!(producers.check(&batch(1, 0, 6, 2)), out_of_order(7, 6));
    assert_eq!(producers.check(&batch(1, 0, 5, 2)), out_of_order(7, 5));
}

#[test]
fn a_duplicate_of_many_records_gets_its_first_offset() {
    let mut producers = Producers::new();
    producers.append(&at(10, batch(1, 0, 0, 3)), 0);
    let expected = Verdict::Duplicate { base_offset: 10, last_offset: 12, timestamp: 1000 };
    assert_eq!(producers.check(&batch(1, 0, 0, 3)), expected);
}

#[test]
fn batches_without_producer_always_pass() {
    let mut producers = seven();
    let before = producers.clone();
    for sequence in [-1, 0, 9] {
        let header = BatchHeader { producer_id: -1, ..batch(1, 0, sequence.max(0), 1) };
        let header = BatchHeader { base_sequence: sequence, ..header };
        assert_eq!(producers.check(&header), Verdict::Append);
        producers.append(&header, 99);
    }
    assert_eq!(producers, before);
}

#[test]
fn an_unknown_producer_may_start_anywhere() {
    let mut producers = seven();
    let header = batch(2, 7, 9, 2);
    assert_eq!(producers.check(&header), Verdict::Append);
    producers.append(&at(200, header), 0);
    assert_eq!(producers.check(&batch(2, 7, 11, 1)), Verdict::Append);
    assert!(matches!(producers.check(&batch(2, 7, 12, 1)), Verdict::Reject(_)));
    assert_eq!(producers.len(), 2);
}

#[test]
fn a_new_epoch_starts_at_zero_and_ends_the_old_one() {
    let mut producers = seven();
    assert_eq!(producers.check(&batch(1, 1, 7, 1)), out_of_order(0, 7));
    // The same sequence numbers under a new epoch are no duplicates.
    assert_eq!(producers.check(&batch(1, 1, 3, 1)), out_of_order(0, 3));
    let header = batch(1, 1, 0, 2);
    assert_eq!(producers.check(&header), Verdict::Append);
    producers.append(&at(200, header), 60);
    let error = Error::InvalidProducerEpoch { producer_id: 1, current: 1, found: 0 };
    for sequence in [0, 6, 7] {
        assert_eq!(producers.check(&batch(1, 0, sequence, 1)), Verdict::Reject(error));
    }
    assert_eq!(producers.check(&batch(1, 1, 2, 1)), Verdict::Append);
    assert_eq!(producers.check(&batch(1, 1, 5, 1)), out_of_order(2, 5));
}

#[test]
fn sequences_wrap_to_zero() {
    let mut producers = Producers::new();
    let header = batch(1, 0, i32::MAX - 1, 1);
    producers.append(&at(0, header), 0);
    assert_eq!(producers.check(&batch(1, 0, i32::MAX, 3)), Verdict::Append);
    producers.append(&at(1, batch(1, 0, i32::MAX, 3)), 0);
    assert_eq!(producers.check(&batch(1, 0, 1, 1)), out_of_order(2, 1));
    assert_eq!(producers.check(&batch(1, 0, 2, 1)), Verdict::Append);
    let duplicate = producers.check(&batch(1, 0, i32::MAX, 3));
    assert!(matches!(duplicate, Verdict::Duplicate { base_offset: 1, last_offset: 3, .. }));
    let mut producers = Producers::new();
    producers.append(&at(0, batch(1, 0, i32::MAX, 1)), 0);
    assert_eq!(producers.check(&batch(1, 0, 0, 1)), Verdict::Append);
}

#[test]
fn idle_producers_expire_unless_in_a_transaction() {
    let mut producers = seven();
    let transactional = BatchHeader { attributes: 1 << 4, ..batch(2, 0, 0, 1) };
    producers.append(&at(200, transactional), 50);
    assert_eq!(producers.expire(50 + DAY_MS - 1, DAY_MS), 0);
    assert_eq!(producers.expire(50 + DAY_MS, DAY_MS), 1);
    // Forgotten, so that any sequence is accepted again.
    assert_eq!(producers.check(&batch(1, 0, 42, 1)), Verdict::Append);
    let marker = BatchHeader { attributes: 0b11 << 4, base_sequence: -1, ..batch(2, 0, 0, 1) };
    producers.append(&at(201, marker), 60);
    assert_eq!(producers.check(&batch(2, 0, 1, 1)), Verdict::Append);
    assert_eq!(producers.expire(60 + DAY_MS, DAY_MS), 1);
    assert!(producers.is_empty());
}

#[test]
fn a_batch_keeps_its_producer_alive() {
    let mut producers = seven();
    producers.append(&at(107, batch(1, 0, 7, 1)), DAY_MS);
    assert_eq!(producers.expire(50 + DAY_MS, DAY_MS), 0);
}

#[test]
fn state_survives_its_bytes() {
    let mut producers = seven();
    let transactional = BatchHeader { attributes: 1 << 4, ..batch(-5 & i64::MAX, 3, 0, 4) };
    producers.append(&at(200, transactional), 77);
    producers.append(&at(300, batch(3, i16::MAX, i32::MAX, 2)), -1);
    let bytes = producers.encode();
    assert_eq!(Producers::decode(&bytes), Ok(producers));
    assert_eq!(Producers::decode(&Producers::new().encode()), Ok(Producers::new()));
}

#[test]
fn a_restart_from_bytes_and_replay_gives_the_same_state() {
    let mut live = Producers::new();
    let heads: Vec<BatchHeader> = (0..40)
        .map(|n: i32| at(i64::from(n) * 10, batch(i64::from(n % 3), 0, n / 3 * 2, 2)))
        .collect();
    let mut middle = Vec::new();
    for (position, header) in heads.iter().enumerate() {
        assert_eq!(live.check(header), Verdict::Append);
        live.append(header, 5);
        if position == 20 {
            middle = live.encode();
        }
    }
    let mut restarted = Producers::decode(&middle).unwrap();
    heads[21..].iter().for_each(|header| restarted.append(header, 5));
    assert_eq!(restarted, live);
    let mut replayed = Producers::new();
    heads.iter().for_each(|header| replayed.append(header, 5));
    assert_eq!(replayed, live);
}

#[test]
fn the_bytes_are_fixed() {
    let mut producers = Producers::new();
    producers.append(&at(7, batch(9, 1, 2, 3)), 4);
    let timestamp = &[0, 0, 0, 0, 0, 0, 0x03, 0xea][..];
    let expected = |version: u8| {
        let of_markers = [timestamp, &[0xff; 4]].concat();
        let of_version = if version == 1 { &[] } else { &of_markers[..] };
        [
            &[version][..],
            &[0, 0, 0, 1],
            &[0, 0, 0, 0, 0, 0, 0, 9],
            &[0, 1],
            &[0, 0, 0, 0, 0, 0, 0, 4],
            of_version,
            &[0xff; 8],
            &[1],
            &[0, 0, 0, 2],
            &[0, 0, 0, 2],
            &[0, 0, 0, 0, 0, 0, 0, 9],
            timestamp,
        ]
        .concat()
    };
    assert_eq!(producers.encode(), with_crc(expected(2)));
    assert_eq!(Producers::decode(&with_crc(expected(1))), Ok(producers));
}

fn with_crc(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

#[test]
fn damaged_bytes_are_errors() {
    let bytes = seven().encode();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(Producers::decode(&damaged), Err(DecodeError::Crc), "byte {at}");
        let cut = Producers::decode(&bytes[..at]).unwrap_err();
        assert_eq!(cut, if at < 4 { DecodeError::Length } else { DecodeError::Crc });
    }
    let body = bytes[..bytes.len() - 4].to_vec();
    for at in 0..body.len() {
        let cut = with_crc(body[..at].to_vec());
        assert_eq!(Producers::decode(&cut), Err(DecodeError::Length), "cut at {at}");
    }
    let longer = with_crc([&body[..], &[0]].concat());
    assert_eq!(Producers::decode(&longer), Err(DecodeError::Length));
    assert_eq!(Producers::decode(&with_crc(vec![3])), Err(DecodeError::Version(3)));
    // A count without producers takes no memory.
    let huge = with_crc(vec![2, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(Producers::decode(&huge), Err(DecodeError::Length));
    let mut six = body;
    six[5 + PRODUCER_SIZE + MARKER_SIZE - 1] = 6;
    assert_eq!(Producers::decode(&with_crc(six)), Err(DecodeError::Length));
}

#[test]
fn a_marker_ends_a_transaction_and_may_begin_an_epoch() {
    let transactional =
        |epoch, sequence| BatchHeader { attributes: 1 << 4, ..batch(1, epoch, sequence, 1) };
    let marker = |epoch| BatchHeader { attributes: 0b11 << 4, ..batch(1, epoch, -1, 1) };
    let mut producers = Producers::new();
    let append = |producers: &mut Producers, offset, header| {
        assert_eq!(producers.check(&header), Verdict::Append);
        producers.append(&at(offset, header), 50);
    };
    append(&mut producers, 10, transactional(0, 0));
    append(&mut producers, 11, transactional(0, 1));
    assert_eq!(producers.first_undecided(), Some(10));
    // With the epoch it has, the sequence goes on behind.
    append(&mut producers, 12, marker(0));
    producers.learn_coordinator(1, 3);
    assert_eq!(producers.first_undecided(), None);
    assert!(producers.last_markers().is_empty());
    assert_eq!(producers.check(&transactional(0, 3)), out_of_order(2, 3));
    append(&mut producers, 13, transactional(0, 2));
    assert_eq!(producers.first_undecided(), Some(13));
    let before = producers.state(1);
    append(&mut producers, 14, marker(1));
    assert_eq!(producers.last_markers(), HashMap::from([(1, 1)]));
    assert!(producers.last_offsets().is_empty());
    let known = producers.known();
    assert_eq!((known[0].epoch, known[0].last_sequence), (1, -1));
    assert_eq!((known[0].last_timestamp, known[0].coordinator_epoch), (999, 3));
    assert_eq!(Producers::decode(&producers.encode()), Ok(producers.clone()));
    // Nobody goes on in the old epoch, and the new one begins at 0.
    let old = Error::InvalidProducerEpoch { producer_id: 1, current: 1, found: 0 };
    assert_eq!(producers.check(&transactional(0, 3)), Verdict::Reject(old));
    assert_eq!(producers.check(&marker(0)), Verdict::Reject(old));
    assert_eq!(producers.check(&transactional(1, 3)), out_of_order(0, 3));
    assert_eq!(producers.check(&transactional(1, 0)), Verdict::Append);
    // An append that came to nothing opens the transaction again.
    producers.put_back(1, before);
    assert_eq!(producers.first_undecided(), Some(13));
    let bytes = producers.encode();
    assert_eq!(Producers::decode(&bytes).unwrap().first_undecided(), Some(13));
    producers.put_back(1, None);
    assert_eq!(producers.first_undecided(), None);
}
