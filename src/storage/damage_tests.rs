//! Logs with damaged batches: what is answered for each offset, whatever is left of RocksDB.

use super::*;
use crate::storage::partitions::Opened;

/// Where a batch lies: its segment file, position and size there, base offset.
#[derive(Clone, Debug)]
struct At {
    file: PathBuf,
    position: usize,
    size: usize,
    base_offset: Offset,
}

fn all_batches(place: &Place) -> Vec<At> {
    let mut found = Vec::new();
    for file in place.segments() {
        let bytes = fs::read(&file).unwrap();
        let mut position = 0;
        for item in crate::kernel::batch::batches(&bytes) {
            let (header, batch) = item.unwrap();
            let (size, base_offset) = (batch.len(), header.base_offset);
            found.push(At { file: file.clone(), position, size, base_offset });
            position += size;
        }
    }
    found
}

fn change(at: &At, byte: usize, change: impl Fn(u8) -> u8) {
    let mut bytes = fs::read(&at.file).unwrap();
    bytes[at.position + byte] = change(bytes[at.position + byte]);
    fs::write(&at.file, bytes).unwrap();
}

fn reopen(open: &Open) -> (Arc<Partition>, Opened) {
    let mut config = TopicConfig::resolve(&BrokerDefaults::default(), &Default::default());
    config.segment_bytes = 4096;
    config.index_interval_bytes = 200;
    let opened = open.partitions.open(ID, &Arc::from("t"), Arc::new(config), 0, NOW).unwrap();
    (open.partitions.get(&ID).unwrap(), opened)
}

/// What a read from an offset with room for much finds: base offsets of its whole batches.
fn range(open: &Open, partition: &Partition, offset: Offset) -> Result<Vec<Offset>, ReadError> {
    let indexes = open.partitions.indexes();
    // As Fetch does: what is in memory first.
    let mut read = reader::read(partition, indexes, offset, 3000, true, Patience::Resident)?;
    if matches!(read, Read::Cold) {
        read = reader::read(partition, indexes, offset, 3000, true, Patience::Wait)?;
    }
    let Read::Slice(slice) = read else { return Ok(Vec::new()) };
    let mut bytes = vec![0; slice.length as usize];
    open.partitions.disk().read_at(&slice.file, &mut bytes, slice.position).unwrap();
    let batches = crate::kernel::batch::batches(&bytes);
    Ok(batches
        .map(|item| {
            let (header, batch) = item.unwrap();
            crate::kernel::batch::check_crc(&header, batch).unwrap();
            header.base_offset
        })
        .collect())
}

/// A closed log of sixty batches of two records each in several segments.
fn filled() -> Place {
    let place = Place::empty();
    let open = place.open();
    let partition = open.partition();
    fill(&partition, 60);
    drop(partition);
    open.close();
    place
}

/// Every offset is answered as it should be if the batch at `lost` is damaged.
fn check(open: &Open, partition: &Partition, lost: Offset, what: &str) {
    for offset in 0..120 {
        match range(open, partition, offset) {
            Err(ReadError::Corrupt) => {
                assert_eq!(offset / 2 * 2, lost, "{what}: {offset} is refused");
            }
            Ok(found) => {
                assert_eq!(found[0], offset / 2 * 2, "{what}");
                assert!(!found.contains(&lost), "{what}: {offset} serves what is damaged");
                assert!(found.windows(2).all(|pair| pair[1] == pair[0] + 2), "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    for time in (0..600).step_by(10) {
        let at = reader::find_time(partition, open.partitions.indexes(), time, 1 << 20).unwrap();
        let batch = time / 10 * 2;
        let expected = if batch == lost { batch + 2 } else { batch };
        if expected < 120 {
            assert_eq!(at, Some((expected, expected * 5)), "{what}: time {time}");
        }
    }
}

#[test]
fn a_damaged_batch_is_refused_and_all_others_are_served() {
    // Byte of the batch, and what becomes of it.
    type Flip = (&'static str, usize, fn(u8) -> u8);
    let damages: [Flip; 9] = [
        ("record", 100, |byte| byte ^ 1),
        ("crc", 18, |byte| byte ^ 0x40),
        ("magic", 16, |_| 1),
        ("huge length", 8, |_| 0x3f),
        ("negative length", 8, |_| 0x80),
        ("small length", 11, |byte| byte ^ 0x18),
        ("huge offset", 3, |_| 1),
        ("other offset", 7, |byte| byte ^ 2),
        ("count", 60, |byte| byte ^ 1),
    ];
    for (what, byte, flip) in damages {
        for (number, forget) in [(7, false), (7, true), (15, false), (15, true), (31, true)] {
            let place = filled();
            let at = all_batches(&place)[number].clone();
            change(&at, byte, flip);
            if forget {
                place.forget_rocks();
            }
            let what = format!("{what} of batch {number}, forget {forget}");
            let open = place.open();
            let (partition, _) = reopen(&open);
            assert_eq!(partition.high_watermark(), 120, "{what}");
            check(&open, &partition, at.base_offset, &what);
            // It goes on, and the next start says the same.
            assert_eq!(append(&partition, batch(5, &[b"next"])).unwrap().base_offset, 120);
            drop(partition);
            open.close();
            let open = place.open();
            let (partition, opened) = reopen(&open);
            assert_eq!(opened.scanned_bytes, 0, "{what}");
            check(&open, &partition, at.base_offset, &what);
        }
    }
}

#[test]
fn the_end_of_a_closed_segment_stays_whatever_is_there() {
    for forget in [false, true] {
        let place = filled();
        let first = place.segments()[0].clone();
        let last = all_batches(&place).into_iter().rfind(|at| at.file == first).unwrap();
        change(&last, 100, |byte| byte ^ 1);
        if forget {
            place.forget_rocks();
        }
        let before = fs::read(&first).unwrap();
        let open = place.open();
        let (partition, opened) = reopen(&open);
        assert_eq!(opened.cut_bytes, 0);
        check(&open, &partition, last.base_offset, "the end");
        assert_eq!(fs::read(&first).unwrap(), before);
        // The same, cut within the batch: what a checkpoint knows of is not read.
        drop(partition);
        drop(open);
        fs::write(&first, &before[..before.len() - 5]).unwrap();
        let open = place.open();
        let (partition, opened) = reopen(&open);
        assert!(opened.scanned_bytes < before.len() as u64 + 1, "{}", opened.scanned_bytes);
        check(&open, &partition, last.base_offset, "the end, cut");
    }
}

#[test]
fn a_log_that_lost_what_was_durable_gives_no_offset_twice() {
    for damage in ["cut", "cut within a batch", "empty", "corrupt and longer", "gone"] {
        let place = filled();
        let all = all_batches(&place);
        let last = all.last().unwrap();
        let bytes = fs::read(&last.file).unwrap();
        let mut kept = last.base_offset;
        match damage {
            "cut" => fs::write(&last.file, &bytes[..last.position]).unwrap(),
            "cut within a batch" => fs::write(&last.file, &bytes[..last.position + 70]).unwrap(),
            "empty" => {
                fs::write(&last.file, b"").unwrap();
                kept = all.iter().find(|at| at.file == last.file).unwrap().base_offset;
            }
            // The checkpoint vouches for its place; the read finds it.
            "corrupt and longer" => {
                change(last, 100, |byte| byte ^ 1);
                let bytes = fs::read(&last.file).unwrap();
                fs::write(&last.file, [&bytes[..], b"garbage"].concat()).unwrap();
            }
            _ => {
                fs::remove_dir_all(layout::partition_folder(&place.folder, ID)).unwrap();
                kept = 0;
            }
        }
        for restart in 0..2 {
            let open = place.open();
            let (partition, _) = reopen(&open);
            assert_eq!(partition.high_watermark(), 120 + restart, "{damage}");
            for offset in 0..120 {
                let found = range(&open, &partition, offset);
                if damage == "gone" {
                    assert!(matches!(found, Err(ReadError::OffsetOutOfRange)), "{found:?}");
                } else if offset < kept {
                    assert_eq!(found.unwrap()[0], offset / 2 * 2, "{damage}");
                } else {
                    assert!(
                        matches!(found, Err(ReadError::Corrupt)),
                        "{damage} {offset} {found:?}"
                    );
                }
            }
            let next = append(&partition, batch(5, &[b"next"])).unwrap().base_offset;
            assert_eq!(next, 120 + restart, "{damage}");
            assert_eq!(range(&open, &partition, next).unwrap(), [next], "{damage}");
            drop(partition);
            open.close();
        }
    }
}

#[test]
fn a_compaction_without_a_checkpoint_costs_the_reading_of_its_segment_only() {
    let place = filled();
    let all = all_batches(&place);
    // The second segment loses a batch, as if it had been swapped right before a crash.
    let file = place.segments()[1].clone();
    let gone = all.iter().filter(|at| at.file == file).nth(2).unwrap().clone();
    let mut bytes = fs::read(&file).unwrap();
    bytes.drain(gone.position..gone.position + gone.size);
    fs::write(&file, &bytes).unwrap();
    let open = place.open();
    let (partition, opened) = reopen(&open);
    assert_eq!((opened.scanned_bytes, opened.cut_bytes), (bytes.len() as u64, 0));
    assert_eq!(partition.high_watermark(), 120);
    let found = range(&open, &partition, gone.base_offset).unwrap();
    assert_eq!(found[0], gone.base_offset + 2, "the next one that is left");
}

/// A log of two segments, 25 batches of two records each. Makes the `nth` unsound, by zeros up to
/// `end`.
fn with_zeros(is_synced: bool, nth: usize, end: impl Fn(&At) -> usize) -> Place {
    let place = Place::empty();
    let open = place.open();
    let partition = open.partition();
    fill(&partition, 25);
    drop(partition);
    match is_synced {
        true => open.close(),
        false => {
            drop(open);
            place.forget_rocks();
        }
    }
    let at = all_batches(&place)[nth].clone();
    let mut bytes = fs::read(&at.file).unwrap();
    bytes[at.position..end(&at)].fill(0);
    fs::write(&at.file, bytes).unwrap();
    place
}

/// The end of the sector in which a batch begins.
fn sector_end(at: &At) -> usize {
    (at.position / 512 + 1) * 512
}

#[test]
fn the_log_ends_before_what_the_power_took_of_its_unsynced_end() {
    // One that leaves a good part of a sector.
    let place = with_zeros(false, 18, |at| sector_end(at) + 512);
    let open = place.open();
    let (partition, opened) = reopen(&open);
    assert_eq!(partition.high_watermark(), 36);
    assert!(opened.cut_bytes > 512);
    assert!(
        place.segments().iter().any(|file| file.ends_with("00000000000000000028.log.tail.cut"))
    );
    assert_eq!(append(&partition, batch(1, &[b"next"])).unwrap().base_offset, 36);
    assert_eq!(range(&open, &partition, 36).unwrap(), [36]);
}

#[test]
fn zeros_in_what_was_synced_are_damage() {
    let place = with_zeros(true, 18, |at| sector_end(at) + 512);
    let open = place.open();
    let (partition, opened) = reopen(&open);
    assert_eq!((partition.high_watermark(), opened.cut_bytes), (50, 0));
    assert!(matches!(range(&open, &partition, 36), Err(ReadError::Corrupt)));
    assert_eq!(range(&open, &partition, 49).unwrap(), [48]);
}

#[test]
fn damage_in_the_unsynced_end_that_no_power_cut_leaves_costs_what_lay_in_it() {
    let place = with_zeros(false, 22, |at| sector_end(at).min(at.position + at.size) - 1);
    let open = place.open();
    let (partition, _) = reopen(&open);
    assert_eq!(partition.high_watermark(), 50);
    assert!(matches!(range(&open, &partition, 45), Err(ReadError::Corrupt)));
    assert_eq!(range(&open, &partition, 46).unwrap()[0], 46);
    assert_eq!(range(&open, &partition, 43).unwrap(), [42]);
}

#[test]
fn flipped_bits_anywhere_never_serve_anything_else() {
    let place = filled();
    let all = all_batches(&place);
    let files = place.segments();
    let contents: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let mut seed = 7u64;
    for round in 0..120 {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let number = (seed >> 33) as usize % files.len();
        let byte = (seed >> 17) as usize % contents[number].len();
        let mut bytes = contents[number].clone();
        bytes[byte] ^= 1 << (seed % 8);
        fs::write(&files[number], &bytes).unwrap();
        let hit = all.iter().find(|at| {
            at.file == files[number] && (at.position..at.position + at.size).contains(&byte)
        });
        let (lost, at) = hit.map(|at| (at.base_offset, byte - at.position)).unwrap();
        let open = place.open();
        let (partition, _) = reopen(&open);
        check(&open, &partition, lost, &format!("round {round}, byte {at} of {lost}"));
        drop(partition);
        open.close();
        fs::write(&files[number], &contents[number]).unwrap();
    }
}
