//! Tests of the batch head, against batches that other implementations wrote.

use super::*;

const JAVA: &[u8] = include_bytes!("fixtures/batches/java-none.bin");

fn two_batches() -> Vec<u8> {
    [JAVA, include_bytes!("fixtures/batches/librdkafka-zstd.bin")].concat()
}

#[test]
fn head_of_a_java_batch() {
    let header = BatchHeader::parse(JAVA).unwrap();
    assert_eq!(header.base_offset, 0);
    assert_eq!(header.total_size(), JAVA.len());
    assert_eq!(header.magic, 2);
    assert_eq!(header.codec(), Some(Codec::None));
    assert_eq!(header.timestamp_type(), TimestampType::CreateTime);
    assert_eq!((header.last_offset_delta, header.record_count), (3, 4));
    assert_eq!((header.last_offset(), header.next_offset()), (3, 4));
    assert_eq!(header.base_timestamp, 1_700_000_000_000);
    assert_eq!(header.max_timestamp, 1_700_000_000_005);
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (-1, -1, -1));
    assert!(!header.has_producer_id() && !header.is_transactional() && !header.is_control());
    assert!(!header.has_delete_horizon());
    assert_eq!(header.last_sequence(), NO_SEQUENCE);
    check_crc(&header, JAVA).unwrap();
}

#[test]
fn codecs_and_crcs_of_all_fixtures() {
    for (batch, codec) in [
        (&include_bytes!("fixtures/batches/java-gzip.bin")[..], Codec::Gzip),
        (include_bytes!("fixtures/batches/java-snappy.bin"), Codec::Snappy),
        (include_bytes!("fixtures/batches/librdkafka-lz4.bin"), Codec::Lz4),
        (include_bytes!("fixtures/batches/kafka-python-zstd.bin"), Codec::Zstd),
    ] {
        let header = BatchHeader::parse(batch).unwrap();
        assert_eq!(header.codec(), Some(codec), "{}", codec.name());
        check_crc(&header, batch).unwrap();
    }
    assert_eq!(Codec::of_attributes(5), None);
    assert_eq!(Codec::of_attributes(0x78), Some(Codec::None));
}

#[test]
fn flags() {
    let header = BatchHeader { attributes: 0b0111_1000, ..BatchHeader::parse(JAVA).unwrap() };
    assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
    assert!(header.is_transactional() && header.is_control() && header.has_delete_horizon());
}

#[test]
fn broken_heads_are_errors() {
    for size in 0..HEADER_SIZE {
        assert_eq!(BatchHeader::parse(&JAVA[..size]), Err(Error::Truncated));
    }
    let mut batch = JAVA.to_vec();
    batch[16] = 1;
    assert_eq!(BatchHeader::parse(&batch), Err(Error::Magic(1)));
    let mut batch = JAVA.to_vec();
    for length in [i32::MIN, -1, 0, 48] {
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        assert_eq!(BatchHeader::parse(&batch), Err(Error::Length(length)));
    }
    batch[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!(header.total_size(), 12 + i32::MAX as usize);
    assert_eq!(check_crc(&header, &batch), Err(Error::Truncated));
}

#[test]
fn each_byte_after_the_crc_is_covered_by_it() {
    let header = BatchHeader::parse(JAVA).unwrap();
    for at in 21..JAVA.len() {
        let mut batch = JAVA.to_vec();
        batch[at] ^= 0x40;
        assert_eq!(check_crc(&header, &batch), Err(Error::Crc), "byte {at}");
    }
}

#[test]
fn offset_and_epoch_are_patched_outside_the_crc() {
    let mut batch = JAVA.to_vec();
    set_base_offset(&mut batch, 1 << 40);
    set_leader_epoch(&mut batch, 7);
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!((header.base_offset, header.leader_epoch), (1 << 40, 7));
    assert_eq!(header.last_offset(), (1 << 40) + 3);
    check_crc(&header, &batch).unwrap();
    assert_eq!(batch[16..], JAVA[16..]);
}

#[test]
fn maximum_timestamp_is_patched_with_its_crc() {
    let mut batch = JAVA.to_vec();
    set_max_timestamp(&mut batch, TimestampType::LogAppendTime, 42);
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!((header.max_timestamp, header.base_timestamp), (42, 1_700_000_000_000));
    check_crc(&header, &batch).unwrap();
    let expected = BatchHeader::parse(JAVA).unwrap();
    let expected = expected.with_max_timestamp(TimestampType::LogAppendTime, 42);
    assert_eq!(BatchHeader { crc: expected.crc, ..header }, expected);
    set_max_timestamp(&mut batch, TimestampType::CreateTime, 1_700_000_000_005);
    assert_eq!(batch, JAVA);
}

#[test]
fn sequences_wrap_to_zero() {
    let at = |base_sequence, last_offset_delta| {
        let header = BatchHeader::parse(JAVA).unwrap();
        BatchHeader { base_sequence, last_offset_delta, ..header }.last_sequence()
    };
    assert_eq!(at(0, 3), 3);
    assert_eq!(at(i32::MAX - 3, 3), i32::MAX);
    assert_eq!(at(i32::MAX - 2, 3), 0);
    assert_eq!(at(i32::MAX, 3), 2);
    assert_eq!(at(-1, 3), NO_SEQUENCE);
    assert_eq!(sequence_after(2, -3), i32::MAX);
}

#[test]
fn offsets_at_the_edge_do_not_overflow() {
    let header = BatchHeader::parse(JAVA).unwrap();
    let header = BatchHeader { base_offset: i64::MAX, ..header };
    assert_eq!((header.last_offset(), header.next_offset()), (i64::MAX, i64::MAX));
}

#[test]
fn batches_end_before_a_partial_one() {
    let bytes = two_batches();
    for size in 0..bytes.len() {
        let mut all = batches(&bytes[..size]);
        let count = all.by_ref().map(Result::unwrap).count();
        assert_eq!(count, usize::from(size >= JAVA.len()), "{size} bytes");
        assert_eq!(all.position(), count * JAVA.len());
    }
    let mut all = batches(&bytes);
    let (first, batch) = all.next().unwrap().unwrap();
    assert_eq!((first.codec(), batch), (Some(Codec::None), JAVA));
    let (second, batch) = all.next().unwrap().unwrap();
    assert_eq!((second.codec(), batch), (Some(Codec::Zstd), &bytes[JAVA.len()..]));
    assert!(all.next().is_none());
    assert_eq!(all.position(), bytes.len());
}

#[test]
fn batches_end_at_an_error() {
    let mut bytes = two_batches();
    bytes[JAVA.len() + 16] = 9;
    let mut all = batches(&bytes);
    assert!(all.next().unwrap().is_ok());
    assert_eq!(all.next(), Some(Err(Error::Magic(9))));
    assert_eq!(all.next(), None);
}

#[test]
fn builder_writes_the_very_bytes_of_the_java_client() {
    let mut builder = BatchBuilder::new();
    let timestamp = 1_700_000_000_000;
    let headers = [("h", Some(&b"1"[..])), ("h", Some(b"2")), ("n", None)];
    builder.append(timestamp, Some(b"k1"), Some(b"v1"), &headers);
    builder.append(timestamp + 5, None, Some(b"no key"), &[]);
    builder.append(timestamp + 3, Some(b"gone"), None, &[]);
    builder.append(timestamp + 5, Some(b"long"), Some("felice ".repeat(10).as_bytes()), &[]);
    assert_eq!(builder.record_count(), 4);
    assert_eq!(builder.total_size(), JAVA.len());
    let mut batch = builder.build().to_vec();
    // The Java client leaves the leader epoch 0 where nobody gave it one.
    set_leader_epoch(&mut batch, BatchHeader::parse(JAVA).unwrap().leader_epoch);
    assert_eq!(batch, JAVA);
}

#[test]
fn builder_sets_flags_and_producer() {
    let mut builder = BatchBuilder::new().control().transactional().producer(9, 3, 17);
    builder.append(5, Some(b"\0\0\0\x01"), Some(b""), &[]);
    let batch = builder.build();
    let header = BatchHeader::parse(&batch).unwrap();
    assert!(header.is_control() && header.is_transactional() && header.has_producer_id());
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (9, 3, 17));
    assert_eq!((header.max_timestamp, header.leader_epoch), (5, -1));
    check_crc(&header, &batch).unwrap();
}

#[test]
fn varints_of_every_length() {
    let mut out = Vec::new();
    put_varint(&mut out, i32::MIN);
    put_varint(&mut out, -1);
    put_varint(&mut out, 64);
    assert_eq!(out, [0xff, 0xff, 0xff, 0xff, 0x0f, 0x01, 0x80, 0x01]);
    out.clear();
    put_varlong(&mut out, i64::MIN);
    assert_eq!(out, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
}
