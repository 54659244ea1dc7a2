//! Tests of what Produce accepts, against the measured answers of Kafka.

use super::*;
use crate::kernel::batch::{BatchBuilder, HEADER_SIZE, check_crc, seal};
use crate::kernel::recompress::recompress;
use crate::kernel::records::{Record, read_records};

const NOW: i64 = 1_700_000_000_000;
const GZIP: &[u8] = include_bytes!("fixtures/batches/java-gzip.bin");
const ZSTD: &[u8] = include_bytes!("fixtures/batches/librdkafka-zstd.bin");

fn rules() -> Rules {
    Rules {
        max_message_bytes: 1_048_588,
        segment_bytes: 1 << 30,
        compacted: false,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: 3_600_000,
        decompressed_max: 1 << 20,
        zstd_allowed: true,
        header_only: false,
        compression: None,
    }
}

/// Three records, the second the newest.
fn batch() -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.append(NOW, Some(b"a"), Some(b"1"), &[("h", Some(b"x")), ("h", None)]);
    builder.append(NOW + 9, Some(b"b"), None, &[]);
    builder.append(NOW + 2, Some(b"c"), Some(b"3"), &[]);
    builder.build().to_vec()
}

fn put(batch: &mut [u8], at: usize, bytes: &[u8]) {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The batch with other bytes in its head and a CRC that fits.
fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut batch = batch();
    put(&mut batch, at, bytes);
    let crc = crc32c::crc32c(&batch[21..]);
    put(&mut batch, 17, &crc.to_be_bytes());
    batch
}

fn rejected(records: &[u8], rules: &Rules) -> Rejection {
    validate(records, rules, NOW).unwrap_err()
}

#[test]
fn a_good_batch_stays_as_it_is() {
    let batch = batch();
    let validated = validate(&batch, &rules(), NOW).unwrap();
    assert_eq!(validated.header, BatchHeader::parse(&batch).unwrap());
    assert_eq!(validated.size, batch.len());
    assert_eq!((validated.patch, validated.rebuild), (None, None));
    assert_eq!(validated.log_append_time, -1);
    for batch in [GZIP, ZSTD] {
        let validated = validate(batch, &rules(), NOW).unwrap();
        assert_eq!((validated.patch, validated.rebuild), (None, None));
    }
}

#[test]
fn exactly_one_batch() {
    let one = batch();
    assert_eq!(rejected(b"", &rules()), Rejection::NoBatch);
    for size in 1..one.len() {
        assert_eq!(rejected(&one[..size], &rules()), Rejection::NoBatch, "{size} bytes");
    }
    assert_eq!(rejected(&one.repeat(2), &rules()), Rejection::SeveralBatches);
    for stray in [&[0xff_u8; 5][..], &one[..11], &one[..16], &one[..one.len() - 1]] {
        let validated = validate(&[&one, stray].concat(), &rules(), NOW).unwrap();
        assert_eq!(validated.size, one.len(), "{} stray bytes", stray.len());
    }
    assert_eq!(rejected(&[&one[..], &[0; 12]].concat(), &rules()), Rejection::Length(0));
}

#[test]
fn magic_and_length() {
    for magic in [0, 1] {
        assert_eq!(rejected(&changed(16, &[magic]), &rules()), Rejection::OldMagic(magic as i8));
    }
    for magic in [3i8, -1] {
        let records = changed(16, &[magic as u8]);
        assert_eq!(rejected(&records, &rules()), Rejection::UnknownMagic(magic));
    }
    for length in [-1i32, 0, 13, 14, 48] {
        let mut records = batch();
        put(&mut records, 8, &length.to_be_bytes());
        // What is left over must not look like a second batch.
        records.truncate(12 + length.max(5) as usize);
        assert_eq!(rejected(&records, &rules()), Rejection::Length(length), "{length}");
    }
    let mut records = batch();
    put(&mut records, 8, &i32::MAX.to_be_bytes());
    assert_eq!(rejected(&records, &rules()), Rejection::NoBatch);
}

#[test]
fn zstd_needs_a_new_request() {
    let rules = Rules { zstd_allowed: false, ..rules() };
    assert_eq!(rejected(ZSTD, &rules), Rejection::ZstdTooOld);
    validate(GZIP, &rules, NOW).unwrap();
}

#[test]
fn head_of_the_batch() {
    let mut moved = batch();
    put(&mut moved, 0, &5i64.to_be_bytes());
    assert_eq!(rejected(&moved, &rules()), Rejection::BaseOffset(5));
    let size = batch().len();
    let small = Rules { max_message_bytes: size - 1, ..rules() };
    assert_eq!(rejected(&batch(), &small), Rejection::TooLarge { size, max: size - 1 });
    validate(&batch(), &Rules { max_message_bytes: size, ..rules() }, NOW).unwrap();
    let segment = Rules { segment_bytes: size - 1, ..rules() };
    assert_eq!(rejected(&batch(), &segment), Rejection::LargerThanSegment { size, max: size - 1 });
    let mut damaged = batch();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(rejected(&damaged, &rules()), Rejection::Crc);
    assert_eq!(rejected(&changed(22, &[0x20]), &rules()), Rejection::ControlBatch);
}

#[test]
fn counts_must_agree() {
    for (count, delta) in [(0i32, -1i32), (3, 1), (2, 2), (-1, -2), (4, 2), (0, 2)] {
        let mut records = changed(57, &count.to_be_bytes());
        put(&mut records, 23, &delta.to_be_bytes());
        seal(&mut records, Codec::None);
        let expected = Rejection::RecordCount { record_count: count, last_offset_delta: delta };
        assert_eq!(rejected(&records, &rules()), expected);
    }
    for (count, error) in [(2i32, records::Error::Trailing), (4, records::Error::Truncated)] {
        let mut records = changed(57, &count.to_be_bytes());
        put(&mut records, 23, &(count - 1).to_be_bytes());
        seal(&mut records, Codec::None);
        assert_eq!(rejected(&records, &rules()), Rejection::Malformed(error));
    }
}

#[test]
fn sequences_and_producer_ids() {
    let records = changed(43, &7i64.to_be_bytes());
    assert_eq!(rejected(&records, &rules()), Rejection::Sequence(-1));
    // A sequence without producer ID is accepted, as is any sequence with one.
    validate(&changed(53, &9i32.to_be_bytes()), &rules(), NOW).unwrap();
    let mut records = changed(43, &7i64.to_be_bytes());
    put(&mut records, 53, &9i32.to_be_bytes());
    seal(&mut records, Codec::None);
    validate(&records, &rules(), NOW).unwrap();
}

#[test]
fn compression_that_cannot_be_undone() {
    for number in [5u8, 6, 7] {
        assert_eq!(rejected(&changed(22, &[number]), &rules()), Rejection::UnknownCodec);
    }
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut records = batch();
        seal(&mut records, codec);
        assert_eq!(rejected(&records, &rules()), Rejection::Undecompressable, "{}", codec.name());
        records.truncate(HEADER_SIZE);
        seal(&mut records, codec);
        assert_eq!(rejected(&records, &rules()), Rejection::Undecompressable, "{}", codec.name());
    }
    let tight = Rules { decompressed_max: 50_000, ..rules() };
    assert_eq!(rejected(GZIP, &tight), Rejection::DecompressedTooLarge { max: 50_000 });
}

#[test]
fn odd_but_accepted_heads() {
    // Unused attribute bits, the delete horizon, a foreign leader epoch.
    validate(&changed(21, &[0xff, 0x40]), &rules(), NOW).unwrap();
    validate(&changed(12, &[0, 0, 0, 9]), &rules(), NOW).unwrap();
}

#[test]
fn null_header_keys_are_malformed() {
    let mut records = batch();
    let at = records.windows(2).position(|w| w == [2, b'h']).unwrap();
    records[at] = 1;
    seal(&mut records, Codec::None);
    assert!(matches!(rejected(&records, &rules()), Rejection::Malformed(_)));
}

#[test]
fn compacted_topics_need_keys() {
    let mut builder = BatchBuilder::new();
    for key in [Some(&b"k"[..]), None, Some(b""), None] {
        builder.append(NOW, key, Some(b"v"), &[]);
    }
    let records = builder.build();
    validate(&records, &rules(), NOW).unwrap();
    let compacted = Rules { compacted: true, ..rules() };
    let missing = |index| RecordError { index, cause: RecordCause::MissingKey };
    let expected = Rejection::InvalidRecords(vec![missing(1), missing(3)]);
    assert_eq!(rejected(&records, &compacted), expected);
    let later = NOW - rules().after_max_ms - 1;
    let Err(Rejection::InvalidTimestamps(errors)) = validate(&records, &compacted, later) else {
        panic!("one bad timestamp makes the whole an INVALID_TIMESTAMP");
    };
    assert_eq!(errors.len(), 4);
    assert_eq!(errors[1], missing(1));
    let (min, max) = (later.saturating_sub(i64::MAX), NOW - 1);
    assert_eq!(errors[0].cause, RecordCause::Timestamp { timestamp: NOW, min, max });
}

#[test]
fn record_errors_are_bounded() {
    let mut builder = BatchBuilder::new();
    for _ in 0..5000 {
        builder.append(NOW, None, None, &[]);
    }
    let compacted = Rules { compacted: true, ..rules() };
    let Rejection::InvalidRecords(errors) = rejected(&builder.build(), &compacted) else {
        panic!("records without key");
    };
    assert_eq!(errors.len(), RECORD_ERRORS_MAX);
}

#[test]
fn timestamp_window() {
    let rules = Rules { before_max_ms: 100, after_max_ms: 10, ..rules() };
    let at = |timestamp| {
        let mut builder = BatchBuilder::new();
        builder.append(timestamp, None, None, &[]);
        validate(&builder.build(), &rules, NOW)
    };
    for timestamp in [NOW - 100, NOW, NOW + 10, -1] {
        at(timestamp).unwrap();
    }
    for timestamp in [NOW - 101, NOW + 11, 0, -2, i64::MIN, i64::MAX] {
        let cause = RecordCause::Timestamp { timestamp, min: NOW - 100, max: NOW + 10 };
        let expected = Rejection::InvalidTimestamps(vec![RecordError { index: 0, cause }]);
        assert_eq!(at(timestamp), Err(expected));
    }
}

#[test]
fn a_wrong_maximum_timestamp_is_corrected() {
    for records in [changed(35, &1i64.to_be_bytes()), changed(35, &i64::MAX.to_be_bytes())] {
        let validated = validate(&records, &rules(), NOW).unwrap();
        assert_eq!(validated.header.max_timestamp, NOW + 9);
        let mut stored = records.clone();
        validated.patch.unwrap().apply(&mut stored);
        assert_eq!(stored, batch());
    }
}

#[test]
fn log_append_time() {
    let rules = Rules { timestamp_type: TimestampType::LogAppendTime, ..rules() };
    let mut records = batch();
    // Far outside the window, which does not apply.
    let later = NOW + (1 << 40);
    let validated = validate(&records, &rules, later).unwrap();
    assert_eq!((validated.log_append_time, validated.header.max_timestamp), (later, later));
    validated.patch.unwrap().apply(&mut records);
    let header = BatchHeader::parse(&records).unwrap();
    check_crc(&header, &records).unwrap();
    assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!((header.base_timestamp, header.max_timestamp), (NOW, later));
    // A producer that says LogAppendTime itself is refused there.
    let Rejection::InvalidTimestamps(errors) = rejected(&records, &rules) else {
        panic!("the timestamp type is the topic's to say");
    };
    assert_eq!(errors.len(), 3);
    assert!(errors.iter().all(|e| e.cause == RecordCause::TimestampType));
}

#[test]
fn log_append_time_bit_on_a_create_time_topic_is_cleared() {
    let records = changed(22, &[0x08]);
    let validated = validate(&records, &rules(), NOW).unwrap();
    let mut stored = records.clone();
    validated.patch.unwrap().apply(&mut stored);
    assert_eq!(stored, batch());
    assert_eq!(validated.header.attributes, 0);
    // Without any timestamp nothing excuses the bit.
    let mut records = changed(22, &[0x08]);
    put(&mut records, 35, &(-1i64).to_be_bytes());
    seal(&mut records, Codec::None);
    assert!(matches!(rejected(&records, &rules()), Rejection::InvalidTimestamps(_)));
}

fn records_of(batch: &[u8]) -> Vec<Record> {
    read_records(batch, 1 << 20).map(Result::unwrap).collect()
}

#[test]
fn compression_type_of_the_topic() {
    for (codec, expected) in [(Codec::Gzip, false), (Codec::Zstd, true), (Codec::None, true)] {
        let rules = Rules { compression: Some(codec), ..rules() };
        let validated = validate(GZIP, &rules, NOW).unwrap();
        assert_eq!(validated.rebuild.is_some(), expected, "{}", codec.name());
        if let Some(rebuild) = validated.rebuild {
            assert_eq!(rebuild, Rebuild { codec, renumber: false });
            let rebuilt = recompress(GZIP, rebuild, None, 1 << 20).unwrap();
            rules.check_size(rebuilt.len()).unwrap();
            assert_eq!(records_of(&rebuilt), records_of(GZIP));
        }
    }
    let rules = Rules { compression: Some(Codec::None), ..rules() };
    assert_eq!(validate(&batch(), &rules, NOW).unwrap().rebuild, None);
    let tight = Rules { max_message_bytes: 100, ..rules };
    assert_eq!(tight.check_size(101), Err(Rejection::TooLarge { size: 101, max: 100 }));
    let tight = Rules { segment_bytes: 100, ..rules };
    assert_eq!(tight.check_size(101), Err(Rejection::LargerThanSegment { size: 101, max: 100 }));
    assert_eq!(tight.check_size(100), Ok(()));
}

#[test]
fn offsets_inside_a_batch() {
    let mut records = batch();
    assert_eq!(records[HEADER_SIZE + 3], 0);
    records[HEADER_SIZE + 3] = 8;
    seal(&mut records, Codec::None);
    // Uncompressed ones are stored as sent, compressed ones repaired.
    assert_eq!(validate(&records, &rules(), NOW).unwrap().rebuild, None);
    let compress = Rebuild { codec: Codec::Zstd, renumber: false };
    let compressed = recompress(&records, compress, None, 1 << 20).unwrap();
    let rebuild = validate(&compressed, &rules(), NOW).unwrap().rebuild.unwrap();
    assert_eq!(rebuild, Rebuild { codec: Codec::Zstd, renumber: true });
    let repaired = recompress(&compressed, rebuild, None, 1 << 20).unwrap();
    assert_eq!(records_of(&repaired), records_of(&batch()));
}

#[test]
fn records_may_be_trusted() {
    let mut records = batch();
    records.truncate(HEADER_SIZE + 3);
    seal(&mut records, Codec::None);
    assert!(matches!(rejected(&records, &rules()), Rejection::Malformed(_)));
    let trusting = Rules { header_only: true, ..rules() };
    assert_eq!(validate(&records, &trusting, NOW).unwrap().patch, None);
}
