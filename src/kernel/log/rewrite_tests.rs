//! What is left of batches.

use super::*;
use crate::kernel::batch::BatchBuilder;
use crate::kernel::log::compaction::note_keys;
use crate::kernel::records::read_records;

const MAX: usize = 1 << 20;

type Sent<'a> = (&'a str, Option<&'a str>);

/// A batch of records with the given keys at `base_offset`, a second apart from time 1,000.
fn batch(base_offset: Offset, records: &[Sent<'_>], codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new().producer(9, 2, 40);
    for (at, (key, value)) in records.iter().enumerate() {
        let value = value.map(str::as_bytes);
        let headers: &[(&str, Option<&[u8]>)] = &[("h", Some(b"1")), ("h", None)];
        builder.append(1_000 * (at as i64 + 1), Some(key.as_bytes()), value, headers);
    }
    let plain = builder.build();
    let mut head = [0; HEADER_SIZE];
    head.copy_from_slice(&plain[..HEADER_SIZE]);
    let mut batch = recompress::encode(&head, codec, None, &plain[HEADER_SIZE..]).unwrap();
    batch::set_base_offset(&mut batch, base_offset);
    batch
}

fn keys(batches: &[&[u8]]) -> KeyMap {
    let mut keys = KeyMap::new(1 << 20, [1; 16]);
    for batch in batches {
        let header = BatchHeader::parse(batch).unwrap();
        note_keys(&mut keys, None, &header, batch, 0, MAX).unwrap();
    }
    keys
}

struct Clean<'a> {
    keys: &'a KeyMap,
    last_offsets: LastOffsets,
    end_offset: Offset,
    now: TimestampMs,
}

impl Clean<'_> {
    fn with(keys: &KeyMap) -> Clean<'_> {
        Clean { keys, last_offsets: LastOffsets::new(), end_offset: -1, now: 50_000 }
    }

    fn clean(&self, batch: &[u8]) -> Cleaned {
        let mut round = Round {
            keys: self.keys,
            outcomes: &Outcomes::default(),
            last_offsets: &self.last_offsets,
            last_markers: &LastMarkers::new(),
            end_offset: self.end_offset,
            now: self.now,
            delete_retention_ms: 100,
            decompressed_max: MAX,
            keeps_deletions: false,
            traversed: HashSet::new(),
        };
        round.clean(&BatchHeader::parse(batch).unwrap(), batch).unwrap()
    }
}

fn rewritten(cleaned: Cleaned) -> (BatchHeader, Vec<u8>) {
    let Cleaned::Rewritten(batch) = cleaned else { panic!("{cleaned:?}") };
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!(header.total_size(), batch.len());
    batch::check_crc(&header, &batch).unwrap();
    (header, batch)
}

#[test]
fn only_the_newest_record_of_a_key_stays() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let first = batch(10, &[("a", Some("1")), ("b", Some("2")), ("c", Some("3"))], codec);
        let second = batch(13, &[("a", Some("4")), ("c", Some("5"))], codec);
        let keys = keys(&[&first, &second]);
        let (header, left) = rewritten(Clean::with(&keys).clean(&first));
        let records: Vec<_> = read_records(&left, MAX).map(Result::unwrap).collect();
        assert_eq!(records.len(), 1, "{codec:?}");
        assert_eq!(records[0].offset, 11);
        assert_eq!(records[0].timestamp, 2_000);
        assert_eq!(records[0].value.as_deref(), Some(&b"2"[..]));
        assert_eq!(records[0].headers.len(), 2, "headers may repeat");
        // Everything that tells where the batch stood stays.
        let before = BatchHeader::parse(&first).unwrap();
        assert_eq!((header.base_offset, header.last_offset()), (10, 12));
        assert_eq!((header.producer_id, header.producer_epoch), (9, 2));
        assert_eq!((header.base_sequence, header.last_sequence()), (40, 42));
        assert_eq!(header.codec(), Some(codec));
        assert_eq!(header.base_timestamp, before.base_timestamp);
        assert_eq!((before.max_timestamp, header.max_timestamp), (3_000, 2_000));
        assert_eq!(Clean::with(&keys).clean(&second), Cleaned::Unchanged);
    }
}

#[test]
fn what_the_map_has_not_seen_stays() {
    let first = batch(0, &[("a", Some("1"))], Codec::None);
    let later = batch(1, &[("a", Some("2"))], Codec::None);
    let keys = keys(&[&first]);
    assert_eq!(Clean::with(&keys).clean(&later), Cleaned::Unchanged);
    assert_eq!(Clean::with(&keys).clean(&first), Cleaned::Unchanged);
}

#[test]
fn a_batch_without_records_goes_unless_it_is_the_last_of_its_kind() {
    let first = batch(0, &[("a", Some("1")), ("b", Some("2"))], Codec::Zstd);
    let second = batch(2, &[("a", Some("3")), ("b", Some("4"))], Codec::None);
    let keys = keys(&[&first, &second]);
    assert_eq!(Clean::with(&keys).clean(&first), Cleaned::Dropped);
    let of_producer = Clean { last_offsets: [(9, 1)].into(), ..Clean::with(&keys) };
    let of_round = Clean { end_offset: 2, ..Clean::with(&keys) };
    for kept in [&of_producer, &of_round] {
        let (header, left) = rewritten(kept.clean(&first));
        assert_eq!((left.len(), header.record_count), (HEADER_SIZE, 0));
        assert_eq!((header.base_offset, header.next_offset()), (0, 2));
        assert_eq!((header.last_sequence(), header.codec()), (41, Some(Codec::None)));
        assert_eq!((header.base_timestamp, header.max_timestamp), (-1, 2_000));
        // Once it is no longer the last one it goes, and until then it stays as it is.
        assert_eq!(kept.clean(&left), Cleaned::Unchanged);
        assert_eq!(Clean::with(&keys).clean(&left), Cleaned::Dropped);
    }
    let other = Clean { last_offsets: [(9, 3), (8, 1)].into(), ..Clean::with(&keys) };
    assert_eq!(other.clean(&first), Cleaned::Dropped);
}

#[test]
fn a_tombstone_gets_a_horizon_and_goes_behind_it() {
    for codec in [Codec::None, Codec::Lz4] {
        let batch = batch(0, &[("a", None), ("b", Some("2")), ("c", None)], codec);
        let later = self::batch(3, &[("c", Some("3"))], codec);
        let keys = keys(&[&batch, &later]);
        let (header, left) = rewritten(Clean::with(&keys).clean(&batch));
        assert!(header.has_delete_horizon());
        assert_eq!(header.base_timestamp, 50_100);
        let records: Vec<_> = read_records(&left, MAX).map(Result::unwrap).collect();
        let seen: Vec<_> = records.iter().map(|r| (r.offset, r.timestamp)).collect();
        assert_eq!(seen, [(0, 1_000), (1, 2_000)], "the timestamps are what they were");
        assert_eq!(records[0].value, None);
        let at = |now| Clean { now, ..Clean::with(&keys) }.clean(&left);
        assert_eq!(at(50_099), Cleaned::Unchanged);
        let (header, left) = rewritten(at(50_100));
        let records: Vec<_> = read_records(&left, MAX).map(Result::unwrap).collect();
        assert_eq!((records.len(), records[0].offset, records[0].timestamp), (1, 1, 2_000));
        assert!(header.has_delete_horizon(), "the other records count from it");
    }
}

#[test]
fn records_without_key_go_and_control_batches_that_end_nothing_stay() {
    let mut builder = BatchBuilder::new();
    builder.append(1, None, Some(b"x"), &[]);
    let keyless = builder.build();
    let other = batch(1, &[("a", Some("1"))], Codec::None);
    let keys = keys(&[&keyless, &other]);
    assert_eq!(Clean::with(&keys).clean(&keyless), Cleaned::Dropped);
    let mut builder = BatchBuilder::new().control();
    builder.append(1, Some(b"\0\0\0\0"), Some(b"\0\0\0\0\0\0"), &[]);
    assert_eq!(Clean::with(&keys).clean(&builder.build()), Cleaned::Unchanged);
}

#[test]
fn a_batch_that_cannot_be_read_is_an_error() {
    let mut broken = batch(0, &[("a", Some("1"))], Codec::Gzip);
    let keys = keys(&[&broken]);
    let end = broken.len();
    broken[end - 9..].fill(0xff);
    let header = BatchHeader::parse(&broken).unwrap();
    let mut round = Round {
        keys: &keys,
        outcomes: &Outcomes::default(),
        last_offsets: &LastOffsets::new(),
        last_markers: &LastMarkers::new(),
        end_offset: -1,
        now: 0,
        delete_retention_ms: 0,
        decompressed_max: MAX,
        keeps_deletions: false,
        traversed: HashSet::new(),
    };
    assert!(round.clean(&header, &broken).is_err());
}
