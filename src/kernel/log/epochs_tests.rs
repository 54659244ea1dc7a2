//! Tests of the leader-epoch history, by the rules of KIP-101 and KIP-320.

use super::*;

fn history(entries: &[(i32, i64)]) -> LeaderEpochs {
    let mut epochs = LeaderEpochs::new();
    for (epoch, start_offset) in entries {
        assert!(epochs.assign(*epoch, *start_offset));
    }
    epochs
}

fn pairs(epochs: &LeaderEpochs) -> Vec<(i32, i64)> {
    epochs.entries().iter().map(|e| (e.epoch, e.start_offset)).collect()
}

#[test]
fn end_offsets() {
    let epochs = history(&[(2, 10), (3, 20), (7, 30)]);
    // The newest epoch ends where the log does.
    assert_eq!(epochs.end_offset_for(7, 44), (7, 44));
    assert_eq!(epochs.end_offset_for(3, 44), (3, 30));
    assert_eq!(epochs.end_offset_for(2, 44), (2, 20));
    // Epochs without records: the next lower one with some.
    for epoch in 4..7 {
        assert_eq!(epochs.end_offset_for(epoch, 44), (3, 30));
    }
    // Older than all that is left: the start of the log.
    assert_eq!(epochs.end_offset_for(1, 44), (1, 10));
    assert_eq!(epochs.end_offset_for(0, 44), (0, 10));
    // Newer than all, or none.
    assert_eq!(epochs.end_offset_for(8, 44), (-1, -1));
    assert_eq!(epochs.end_offset_for(-1, 44), (-1, -1));
    // Kafka takes any other negative epoch for an old one.
    assert_eq!(epochs.end_offset_for(-2, 44), (-2, 10));
    assert_eq!(LeaderEpochs::new().end_offset_for(0, 0), (-1, -1));
}

#[test]
fn epochs_of_offsets() {
    let epochs = history(&[(2, 10), (3, 20)]);
    assert_eq!(epochs.epoch_of(9), None);
    assert_eq!(epochs.epoch_of(10), Some(2));
    assert_eq!(epochs.epoch_of(19), Some(2));
    assert_eq!(epochs.epoch_of(20), Some(3));
    assert_eq!(epochs.epoch_of(i64::MAX), Some(3));
    assert_eq!(epochs.latest(), Some(3));
    assert_eq!(LeaderEpochs::new().latest(), None);
}

#[test]
fn an_epoch_that_goes_on_changes_nothing() {
    let mut epochs = history(&[(0, 0)]);
    assert!(!epochs.assign(0, 0));
    assert!(!epochs.assign(0, 500));
    assert!(!epochs.assign(-1, 600));
    assert!(!epochs.assign(1, -1));
    assert_eq!(pairs(&epochs), [(0, 0)]);
}

#[test]
fn contradicting_entries_go() {
    let mut epochs = history(&[(0, 0), (1, 10), (3, 20)]);
    assert!(epochs.assign(2, 15));
    assert_eq!(pairs(&epochs), [(0, 0), (1, 10), (2, 15)]);
    assert!(epochs.assign(5, 10));
    assert_eq!(pairs(&epochs), [(0, 0), (5, 10)]);
    assert!(epochs.assign(5, 8));
    assert_eq!(pairs(&epochs), [(0, 0), (5, 8)]);
    assert!(epochs.assign(6, 0));
    assert_eq!(pairs(&epochs), [(6, 0)]);
}

#[test]
fn a_log_that_lost_its_start() {
    let at = |start| {
        let mut epochs = history(&[(2, 10), (3, 20), (7, 30)]);
        epochs.truncate_from_start(start);
        pairs(&epochs)
    };
    assert_eq!(at(5), [(2, 10), (3, 20), (7, 30)]);
    assert_eq!(at(10), [(2, 10), (3, 20), (7, 30)]);
    assert_eq!(at(15), [(2, 15), (3, 20), (7, 30)]);
    assert_eq!(at(20), [(3, 20), (7, 30)]);
    assert_eq!(at(99), [(7, 99)]);
    let mut none = LeaderEpochs::new();
    none.truncate_from_start(7);
    assert_eq!(none, LeaderEpochs::new());
}

#[test]
fn history_survives_its_bytes() {
    for epochs in [LeaderEpochs::new(), history(&[(2, 10), (3, 20), (i32::MAX, i64::MAX)])] {
        assert_eq!(LeaderEpochs::decode(&epochs.encode()), Ok(epochs));
    }
    let bytes = history(&[(2, 10)]).encode();
    let expected = [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 10];
    assert_eq!(bytes[..13], expected);
    assert_eq!(bytes[13..], crc32c::crc32c(&expected).to_be_bytes());
}

fn with_crc(body: &[u8]) -> Vec<u8> {
    [body, &crc32c::crc32c(body).to_be_bytes()].concat()
}

#[test]
fn damaged_bytes_are_errors() {
    let bytes = history(&[(2, 10), (3, 20)]).encode();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(LeaderEpochs::decode(&damaged), Err(DecodeError::Crc), "byte {at}");
        assert!(LeaderEpochs::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert_eq!(LeaderEpochs::decode(&with_crc(&[])), Err(DecodeError::Length));
    assert_eq!(LeaderEpochs::decode(&with_crc(&[1, 0])), Err(DecodeError::Length));
    assert_eq!(LeaderEpochs::decode(&with_crc(&[9])), Err(DecodeError::Version(9)));
    let mut body = bytes[..bytes.len() - 4].to_vec();
    body[4] = 3;
    assert_eq!(LeaderEpochs::decode(&with_crc(&body)), Err(DecodeError::Order));
    body[1] = 0x80;
    assert_eq!(LeaderEpochs::decode(&with_crc(&body)), Err(DecodeError::Order));
}

#[test]
fn beginnings_that_compaction_took_are_remembered() {
    let kept = history(&[(0, 0), (2, 10), (5, 20)]);
    // The first batches that are left of each epoch, and an epoch that began since.
    let found = history(&[(0, 4), (5, 28), (6, 40)]);
    assert_eq!(pairs(&found.begun_as(&kept)), [(0, 0), (2, 10), (5, 20), (6, 40)]);
    assert_eq!(pairs(&LeaderEpochs::new().begun_as(&kept)), pairs(&kept));
    assert_eq!(found.begun_as(&LeaderEpochs::new()), found);
    // What the batches contradict is of another log.
    for foreign in [history(&[(1, 0), (5, 20)]), history(&[(0, 0), (5, 30)]), history(&[(5, 50)])] {
        assert_eq!(found.begun_as(&foreign), found);
    }
}
