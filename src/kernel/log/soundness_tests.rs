//! Bits flipped one by one, files cut everywhere, holes, and records that look like batches.

use super::*;
use crate::kernel::batch::{BatchBuilder, batches, set_base_offset, set_leader_epoch};

const ANY: Expected = Expected { least_offset: 100, most_offset: 1000, least_epoch: 1 };

/// Five batches of two records each from offset 100 on, in epoch 1.
fn segment() -> Vec<u8> {
    let mut out = Vec::new();
    for n in 0..5i64 {
        let mut builder = BatchBuilder::new();
        for value in [[n as u8; 100], [7; 100]] {
            builder.append(n, Some(b"key"), Some(&value), &[]);
        }
        let mut batch = builder.build().to_vec();
        set_base_offset(&mut batch, 100 + 2 * n);
        set_leader_epoch(&mut batch, 1);
        out.extend_from_slice(&batch);
    }
    out
}

fn source(bytes: &[u8]) -> Source<impl FnMut(&mut [u8], u64) -> io::Result<usize> + '_> {
    Source::new(bytes.len() as u64, |buffer, position| {
        let rest = bytes.get(position as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    })
}

/// Base offsets of the sound batches, and what lies between and behind them.
fn walk(bytes: &[u8]) -> (Vec<Offset>, Vec<(u64, Fault)>) {
    let mut walk = Walk::new(source(bytes), 0, ANY);
    let (mut sound, mut faults) = (Vec::new(), Vec::new());
    loop {
        match walk.step().unwrap() {
            Step::Batch { header, .. } => sound.push(header.base_offset),
            Step::Damage(damage) => faults.push((damage.position, damage.fault)),
            Step::Tail { position, fault, .. } => faults.push((position, fault)),
            Step::End => return (sound, faults),
        }
    }
}

/// Whether what lies between the sound batches lacks sectors.
fn unwritten(bytes: &[u8]) -> Vec<bool> {
    let mut walk = Walk::new(source(bytes), 0, Expected { least_offset: 0, ..ANY });
    let mut found = Vec::new();
    loop {
        match walk.step().unwrap() {
            Step::Damage(damage) => found.push(damage.unwritten),
            Step::Batch { .. } => {}
            Step::Tail { .. } | Step::End => return found,
        }
    }
}

#[test]
fn zeros_to_the_end_of_a_sector_were_never_written() {
    let batch = |offset: i64, size: usize| {
        let mut builder = BatchBuilder::new();
        builder.append(1, None, Some(&vec![7; size]), &[]);
        let mut batch = builder.build().to_vec();
        set_base_offset(&mut batch, offset);
        set_leader_epoch(&mut batch, 1);
        batch
    };
    let whole = [batch(100, 100), batch(101, 3000), batch(102, 100)].concat();
    let begin = batch(100, 100).len();
    let damaged = |from: usize, to: usize| {
        let mut bytes = whole.clone();
        bytes[from..to].fill(0);
        unwritten(&bytes)
    };
    assert_eq!(damaged(0, 0), Vec::<bool>::new());
    assert_eq!(damaged(begin, 512), [true], "from the batch's beginning");
    assert_eq!(damaged(begin, 511), [false], "not to the end of a sector");
    assert_eq!(damaged(1024, 1536), [true], "one sector in the middle");
    assert_eq!(damaged(1030, 1540), [false], "no whole sector");
    // The zeros that any batch begins with say nothing.
    let short = batch(100, 512 - 5 - batch(100, 0).len() - 2);
    let mut bytes = [short.clone(), batch(101, 3000), batch(102, 100)].concat();
    assert_eq!(short.len(), 507);
    bytes[700] ^= 1;
    assert_eq!(unwritten(&bytes), [false]);
}

#[test]
fn a_flipped_bit_costs_its_batch_and_no_other() {
    let whole = segment();
    assert_eq!(walk(&whole), (vec![100, 102, 104, 106, 108], vec![]));
    let starts: Vec<usize> = batches(&whole)
        .map(|item| item.unwrap().1.as_ptr() as usize - whole.as_ptr() as usize)
        .collect();
    for at in 0..whole.len() {
        for bit in [1, 128] {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            let (sound, faults) = walk(&bytes);
            let hit = starts.partition_point(|start| *start <= at) - 1;
            // The last batch of all has nothing behind it that could contradict.
            let unseen = hit == 4 && (at - starts[4] < 8 || (12..16).contains(&(at - starts[4])));
            if unseen && sound.len() == 5 {
                continue;
            }
            let kept: Vec<Offset> =
                (0..5).filter(|n| *n != hit as i64).map(|n| 100 + 2 * n).collect();
            assert_eq!(sound, kept, "byte {at} of batch {hit}, bit {bit}");
            assert_eq!(faults.len(), 1);
            assert_eq!(faults[0].0, starts[hit] as u64);
        }
    }
}

#[test]
fn a_torn_end_has_nothing_sound_behind_it() {
    let whole = segment();
    for length in 0..whole.len() {
        let (sound, faults) = walk(&whole[..length]);
        assert_eq!(sound.len(), batches(&whole[..length]).count(), "{length}");
        assert!(faults.len() <= 1 && faults.iter().all(|(_, fault)| *fault == Fault::Torn));
    }
    let mut zeros = whole.clone();
    zeros.extend_from_slice(&[0; 3 << 20]);
    assert_eq!(walk(&zeros).0.len(), 5);
}

#[test]
fn sound_batches_are_found_behind_a_hole() {
    let whole = segment();
    let size = whole.len() / 5;
    let mut bytes = whole.clone();
    bytes[size..3 * size + 10].fill(0);
    assert_eq!(
        walk(&bytes),
        (vec![100, 108], vec![(size as u64, Fault::Head(batch::Error::Magic(0)))])
    );
}

#[test]
fn records_that_look_like_batches_are_searched_within_a_bound() {
    // Every 64 bytes a head that fits its place and claims all that follows.
    let mut bytes = segment();
    bytes[0] ^= 1;
    let mut head = bytes[..HEADER_SIZE].to_vec();
    set_base_offset(&mut head, 500);
    let mut all = vec![9; 8];
    while all.len() < 4 << 20 {
        let length = (4 << 20) - all.len() as i32 - 12;
        head[8..12].copy_from_slice(&length.to_be_bytes());
        all.extend_from_slice(&head);
        all.extend_from_slice(&[0; 3]);
    }
    assert_eq!(walk(&all).0, [0i64; 0]);
}
