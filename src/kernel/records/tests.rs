//! Tests of the record walk, of decompression and of the readers, on batches of three clients.

use super::*;
use crate::kernel::batch::BatchBuilder;
use crate::kernel::batch::{put_varint, seal, set_max_timestamp};

const CAP: usize = 1 << 20;
const TIME: i64 = 1_700_000_000_000;

macro_rules! fixture {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../fixtures/batches/", $name, ".bin")) as &[u8])
    };
}

const BATCHES: [(&str, &[u8]); 15] = [
    fixture!("java-none"),
    fixture!("java-gzip"),
    fixture!("java-snappy"),
    fixture!("java-lz4"),
    fixture!("java-zstd"),
    fixture!("kafka-python-none"),
    fixture!("kafka-python-gzip"),
    fixture!("kafka-python-snappy"),
    fixture!("kafka-python-lz4"),
    fixture!("kafka-python-zstd"),
    fixture!("librdkafka-none"),
    fixture!("librdkafka-gzip"),
    fixture!("librdkafka-snappy"),
    fixture!("librdkafka-lz4"),
    fixture!("librdkafka-zstd"),
];

fn header(batch: &[u8]) -> BatchHeader {
    BatchHeader::parse(batch).unwrap()
}

fn entries(batch: &[u8], cap: usize) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for_each(&header(batch), batch, cap, |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    })?;
    Ok(entries)
}

/// The head of a batch of `count` records with `body` behind it.
fn with_body(codec: Codec, count: i32, body: &[u8]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for _ in 0..count {
        builder.append(TIME, None, None, &[]);
    }
    let mut batch = builder.build()[..HEADER_SIZE].to_vec();
    batch.extend_from_slice(body);
    seal(&mut batch, codec);
    batch
}

/// A record with these bytes behind its length.
fn record(body: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    put_varint(&mut record, body.len() as i32);
    record.extend_from_slice(body);
    record
}

#[test]
fn walk_of_all_clients_and_codecs() {
    for (name, batch) in BATCHES {
        let entries = entries(batch, CAP).unwrap();
        let timestamps: Vec<i64> = entries.iter().map(|e| e.timestamp - TIME).collect();
        assert_eq!(timestamps, [0, 5, 3, 5], "{name}");
        let keys: Vec<bool> = entries.iter().map(|e| e.has_key).collect();
        assert_eq!(keys, [true, false, true, true], "{name}");
        assert!(entries.iter().all(|e| e.index == e.offset_delta), "{name}");
    }
}

#[test]
fn records_of_all_clients_and_codecs() {
    for (name, batch) in BATCHES {
        let mut moved = batch.to_vec();
        crate::kernel::batch::set_base_offset(&mut moved, 100);
        let records: Vec<Record> = read_records(&moved, CAP).map(Result::unwrap).collect();
        let times = if name.ends_with("none") { 10 } else { 10_000 };
        let header = |key: &'static str, value: Option<&'static [u8]>| Header {
            key: Bytes::from_static(key.as_bytes()),
            value: value.map(Bytes::from_static),
        };
        let record = |delta: i64, timestamp, key, value: Option<Bytes>, headers| Record {
            offset: 100 + delta,
            timestamp: TIME + timestamp,
            key: Option::<&'static [u8]>::map(key, Bytes::from_static),
            value,
            headers,
        };
        let headers = vec![header("h", Some(b"1")), header("h", Some(b"2")), header("n", None)];
        let expected = [
            record(0, 0, Some(b"k1"), Some("v1".into()), headers),
            record(1, 5, None, Some("no key".into()), vec![]),
            record(2, 3, Some(b"gone"), None, vec![]),
            record(3, 5, Some(b"long"), Some("felice ".repeat(times).into()), vec![]),
        ];
        assert_eq!(records, expected, "{name}");
    }
}

#[test]
fn limit_on_decompressed_bytes() {
    for (name, batch) in BATCHES.iter().filter(|(name, _)| !name.ends_with("none")) {
        let size = decompress(&header(batch), batch, CAP).unwrap().len();
        assert!(size > 70_000, "{name}");
        assert_eq!(entries(batch, size).unwrap().len(), 4, "{name}");
        assert_eq!(entries(batch, size - 1), Err(Error::TooLarge), "{name}");
        assert_eq!(decompress(&header(batch), batch, size - 1), Err(Error::TooLarge), "{name}");
        assert_eq!(read_records(batch, 100).next(), Some(Err(Error::TooLarge)), "{name}");
    }
}

#[test]
fn compressed_streams_cut_anywhere_are_errors() {
    for (name, batch) in BATCHES.iter().filter(|(name, _)| !name.ends_with("none")) {
        let codec = header(batch).codec().unwrap();
        for size in (HEADER_SIZE..batch.len()).step_by(1 + batch.len() / 100) {
            let mut cut = batch[..size].to_vec();
            seal(&mut cut, codec);
            let error = entries(&cut, CAP).unwrap_err();
            let known = [Error::Decompress(codec), Error::Truncated];
            assert!(known.contains(&error), "{name} cut at {size}: {error:?}");
        }
    }
}

#[test]
fn the_walk_and_the_reader_agree_on_damaged_bytes() {
    for (name, batch) in BATCHES {
        let codec = header(batch).codec().unwrap();
        for at in (HEADER_SIZE..batch.len().min(HEADER_SIZE + 120)).step_by(4) {
            let mut bad = batch.to_vec();
            bad[at] ^= 0x81;
            seal(&mut bad, codec);
            let walked = entries(&bad, CAP);
            let read: Result<Vec<Record>, Error> = read_records(&bad, CAP).collect();
            assert_eq!(walked.is_ok(), read.is_ok(), "{name} byte {at}");
        }
    }
}

#[test]
fn empty_and_unknown_compression() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let batch = with_body(codec, 1, b"");
        assert_eq!(entries(&batch, CAP), Err(Error::Decompress(codec)));
        let batch = with_body(codec, 1, b"not compressed at all");
        assert_eq!(entries(&batch, CAP), Err(Error::Decompress(codec)));
    }
    let mut batch = with_body(Codec::None, 1, b"x");
    batch[22] = 5;
    assert_eq!(entries(&batch, CAP), Err(Error::UnknownCodec));
}

#[test]
fn a_snappy_block_that_claims_too_much_is_refused_before_memory_is_taken() {
    // A length of 2^32 - 1 in front of nothing.
    let batch = with_body(Codec::Snappy, 1, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]);
    assert_eq!(entries(&batch, usize::MAX), Err(Error::Decompress(Codec::Snappy)));
}

#[test]
fn joined_snappy_frames_and_empty_blocks() {
    let records = [record(&[0, 0, 0, 1, 1, 0]), record(&[0, 0, 2, 1, 1, 0])];
    let mut body = Vec::new();
    for part in &records {
        body.extend_from_slice(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        let block = snap::raw::Encoder::new().compress_vec(part).unwrap();
        body.extend_from_slice(&0u32.to_be_bytes());
        body.extend_from_slice(&(block.len() as u32).to_be_bytes());
        body.extend_from_slice(&block);
    }
    let batch = with_body(Codec::Snappy, 2, &body);
    assert_eq!(entries(&batch, CAP).unwrap().len(), 2);
    let mut negative = body.clone();
    negative[16..20].copy_from_slice(&(-1i32).to_be_bytes());
    let batch = with_body(Codec::Snappy, 2, &negative);
    assert_eq!(entries(&batch, CAP), Err(Error::Decompress(Codec::Snappy)));
}

#[test]
fn joined_gzip_members() {
    use std::io::Write;
    let mut body = Vec::new();
    for delta in [0, 2] {
        let level = flate2::Compression::fast();
        let mut encoder = flate2::write::GzEncoder::new(&mut body, level);
        encoder.write_all(&record(&[0, 0, delta, 1, 1, 0])).unwrap();
        encoder.finish().unwrap();
    }
    let batch = with_body(Codec::Gzip, 2, &body);
    assert_eq!(entries(&batch, CAP).unwrap().len(), 2);
}

#[test]
fn zstd_in_one_piece_and_as_a_stream() {
    // Incompressible bytes, so that the sizes lie around the limit for one piece.
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for size in [0, 1, 1000, 16_000, 16_500, 65_000, 70_000, 300_000] {
        let value: Vec<u8> = (0..size).map(|_| noise()).collect();
        let mut builder = BatchBuilder::new();
        builder.append(TIME, None, Some(&value), &[]);
        builder.append(TIME, Some(b"end"), None, &[]);
        let plain = builder.build();
        for level in [1, 19] {
            let body = zstd::encode_all(&plain[HEADER_SIZE..], level).unwrap();
            let batch = with_body(Codec::Zstd, 2, &body);
            assert_eq!(*decompress(&header(&batch), &batch, CAP).unwrap(), plain[HEADER_SIZE..]);
            assert_eq!(entries(&batch, CAP).unwrap().len(), 2, "{size} bytes");
            let limit = plain.len() - HEADER_SIZE - 1;
            assert_eq!(entries(&batch, limit), Err(Error::TooLarge), "{size} bytes");
        }
    }
}

#[test]
fn a_small_stream_of_many_bytes_stops_at_the_limit() {
    let zeros = vec![0u8; 4 << 20];
    let body = zstd::encode_all(&zeros[..], 1).unwrap();
    assert!(body.len() < 10_000);
    let mut head = Vec::new();
    // One record that claims all of it: attributes, timestamp, offset, key null, a huge value.
    put_varint(&mut head, i32::MAX);
    let batch = with_body(Codec::Zstd, 1, &body);
    // Zeros are records of length 0, which is too short for any.
    assert_eq!(entries(&batch, CAP), Err(Error::Length));
    let mut body = head;
    body.extend_from_slice(&[0, 0, 0, 1]);
    put_varint(&mut body, 1 << 30);
    body.extend_from_slice(&zeros);
    let body = zstd::encode_all(&body[..], 1).unwrap();
    let batch = with_body(Codec::Zstd, 1, &body);
    assert_eq!(entries(&batch, CAP), Err(Error::TooLarge));
    assert_eq!(entries(&batch, 1 << 30), Err(Error::Truncated));
}

#[test]
fn malformed_records() {
    let cases: [(&str, Vec<u8>, Error); 14] = [
        ("nothing", vec![], Error::Truncated),
        ("negative length", vec![1], Error::Length),
        ("length beyond the end", vec![20, 0, 0], Error::Truncated),
        ("no attributes", record(&[]), Error::Truncated),
        ("shorter than its parts", [record(&[0, 0, 0, 1, 1]), vec![0]].concat(), Error::Length),
        ("longer than its parts", record(&[0, 0, 0, 1, 1, 0, 0]), Error::Length),
        ("key beyond the record", record(&[0, 0, 0, 20, 1, 0]), Error::Length),
        ("value beyond the record", record(&[0, 0, 0, 1, 4, 0]), Error::Length),
        ("negative header count", record(&[0, 0, 0, 1, 1, 1]), Error::HeaderCount),
        ("more headers than bytes", record(&[0, 0, 0, 1, 1, 6, 0, 0]), Error::HeaderCount),
        ("null header key", record(&[0, 0, 0, 1, 1, 2, 1, 0]), Error::NullHeaderKey),
        ("trailing bytes", [record(&[0, 0, 0, 1, 1, 0]), vec![0]].concat(), Error::Trailing),
        ("six-byte varint", vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x00], Error::Varint),
        (
            "eleven-byte varlong",
            record(&[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0, 1, 1, 0]),
            Error::Varint,
        ),
    ];
    for (name, body, error) in cases {
        let batch = with_body(Codec::None, 1, &body);
        assert_eq!(entries(&batch, CAP), Err(error), "{name}");
        let last = read_records(&batch, CAP).last();
        assert_eq!(last, Some(Err(error)), "{name}");
        if !body.is_empty() {
            let mut compressed =
                with_body(Codec::None, 1, &zstd::encode_all(&body[..], 1).unwrap());
            seal(&mut compressed, Codec::Zstd);
            assert_eq!(entries(&compressed, CAP), Err(error), "{name} in zstd");
        }
    }
}

#[test]
fn odd_but_accepted_records() {
    let cases: [(&str, Vec<u8>); 5] = [
        ("padded varint", vec![0x8c, 0x80, 0x00, 0, 0, 0, 1, 1, 0]),
        ("key length -2 is null", record(&[0, 0, 0, 3, 1, 0])),
        ("empty header key", record(&[0, 0, 0, 1, 1, 2, 0, 1])),
        ("header key that is not UTF-8", record(&[0, 0, 0, 1, 1, 2, 2, 0xff, 1])),
        ("unused record attributes", record(&[0xff, 0, 0, 1, 1, 0])),
    ];
    for (name, body) in cases {
        let batch = with_body(Codec::None, 1, &body);
        let entries = entries(&batch, CAP).unwrap();
        assert!(!entries[0].has_key, "{name}");
        let record = read_records(&batch, CAP).next().unwrap().unwrap();
        assert_eq!((record.key, record.value), (None, None), "{name}");
    }
}

#[test]
fn a_padded_length_does_not_shift_the_bytes() {
    let batch = with_body(Codec::None, 1, &record(&[0, 0, 0, 0x84, 0x00, b'k', b'y', 2, b'v', 0]));
    let record = read_records(&batch, CAP).next().unwrap().unwrap();
    assert_eq!((record.key, record.value), (Some("ky".into()), Some("v".into())));
}

#[test]
fn timestamp_search_is_exact_inside_the_batch() {
    for (name, batch) in BATCHES {
        let find = |target, from| find_timestamp(batch, TIME + target, from, CAP).unwrap();
        assert_eq!(find(-10, 0), Some((0, TIME)), "{name}");
        assert_eq!(find(1, 0), Some((1, TIME + 5)), "{name}");
        assert_eq!(find(1, 2), Some((2, TIME + 3)), "{name}");
        assert_eq!(find(5, 2), Some((3, TIME + 5)), "{name}");
        assert_eq!(find(6, 0), None, "{name}");
        assert_eq!(find(0, 4), None, "{name}");
    }
}

#[test]
fn the_earliest_of_equal_maximum_timestamps_wins() {
    for (name, batch) in BATCHES {
        assert_eq!(find_max_timestamp(batch, 0, CAP).unwrap(), Some((1, TIME + 5)), "{name}");
    }
    let empty = {
        let mut batch = with_body(Codec::None, 1, b"");
        batch[57..61].copy_from_slice(&0i32.to_be_bytes());
        batch
    };
    assert_eq!(find_max_timestamp(&empty, 0, CAP), Ok(None));
}

#[test]
fn under_log_append_time_all_records_have_the_batch_timestamp() {
    for (name, batch) in BATCHES {
        let mut batch = batch.to_vec();
        set_max_timestamp(&mut batch, TimestampType::LogAppendTime, TIME + 77);
        let found = find_timestamp(&batch, TIME + 50, 0, CAP).unwrap();
        assert_eq!(found, Some((0, TIME + 77)), "{name}");
        assert_eq!(find_max_timestamp(&batch, 0, CAP).unwrap(), Some((0, TIME + 77)), "{name}");
        let records = read_records(&batch, CAP).map(Result::unwrap);
        assert!(records.into_iter().all(|r| r.timestamp == TIME + 77), "{name}");
    }
}

#[test]
fn a_walk_may_stop_early() {
    let (_, batch) = BATCHES[0];
    let mut seen = 0;
    for_each(&header(batch), batch, CAP, |_| {
        seen += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(seen, 1);
}
