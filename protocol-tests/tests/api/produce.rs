//! Produce: every version, the order of checks, what is stored, and what the answer says.

use std::time::Duration;

use bytes::Bytes;
use felice::kernel::batch::{BatchBuilder, Codec};
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::TransactionalId;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use protocol_tests::batches::{self, records, time};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};
use uuid::Uuid;

use super::requests::*;

/// Sends records for partition 0 in a version, by ID where the version has IDs.
fn produce_in(
    client: &mut Client,
    version: i16,
    topic: (&str, Uuid),
    acks: i16,
    records: Bytes,
) -> PartitionProduceResponse {
    let mut request = produce_request(topic.0, 0, acks, records);
    if version >= 13 {
        request.topic_data[0].name = topic_name("");
        request.topic_data[0].topic_id = topic.1;
    }
    let response = client.call(request, version);
    assert_eq!((response.throttle_time_ms, response.node_endpoints.len()), (0, 0));
    let answered = &response.responses[0];
    match version {
        13.. => assert_eq!(answered.topic_id, topic.1),
        _ => assert_eq!(&*answered.name.0, topic.0),
    }
    answered.partition_responses[0].clone()
}

#[test]
fn every_version_appends() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 1, &[]);
    let mut expected = 0;
    for version in 3..=13 {
        for acks in [1, -1] {
            let answer = produce_in(&mut client, version, ("t", id), acks, records(3));
            assert_eq!((answer.index, answer.error_code), (0, 0), "v{version}");
            assert_eq!(answer.base_offset, expected, "v{version}");
            assert_eq!(answer.log_append_time_ms, -1, "CreateTime has no append time");
            assert_eq!(answer.log_start_offset, if version >= 5 { 0 } else { -1 });
            assert_eq!((answer.record_errors.len(), answer.error_message), (0, None));
            expected += 3;
        }
    }
    let stored = fetch_records(&mut client, "t", 0);
    let heads = batches::heads(&stored);
    assert_eq!(heads.len(), 22);
    let offsets: Vec<i64> = heads.iter().map(|head| head.base_offset).collect();
    assert_eq!(offsets, (0..22).map(|batch| batch * 3).collect::<Vec<i64>>());
    assert!(heads.iter().all(|head| head.leader_epoch == 0), "the leader's epoch is stored");
    assert!(batches::bodies(&stored).iter().all(|body| body == &records(3)[16..]));
}

#[test]
fn versions_before_the_floor_close_the_connection() {
    let broker = Broker::start(&[]);
    for version in 0..3 {
        let mut client = broker.connect();
        // acks, timeout, no topics: a whole request of these versions.
        let frame = client.frame_of(0, version, 1, &[0, 1, 0, 0, 0, 100, 0, 0, 0, 0]);
        client.send_bytes(&frame);
        client.expect_closed();
    }
}

#[test]
fn batches_of_all_clients_are_stored_as_they_were_sent() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("retention.ms", "-1")]);
    let mut sent = Vec::new();
    for maker in ["java", "kafka-python", "librdkafka"] {
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let batch = batches::fixture(maker, codec);
            let offset = produce(&mut client, "t", batch.clone());
            assert_eq!(offset, 4 * sent.len() as i64, "{maker} {codec}");
            sent.push(batch.slice(16..));
        }
    }
    let stored = fetch_records(&mut client, "t", 0);
    assert_eq!(batches::bodies(&stored), sent);
}

#[test]
fn trap_05_repeated_headers_null_headers_and_null_values_come_back() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut batch = BatchBuilder::new();
    let headers: [(&str, Option<&[u8]>); 4] =
        [("h", Some(b"1")), ("a", None), ("h", Some(b"2")), ("", Some(b""))];
    batch.append(time(), None, None, &headers);
    batch.append(time() + 1, Some(b""), Some(b""), &[("h", Some(b"1")), ("h", Some(b"1"))]);
    let batch = batch.build();
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let batch = batches::compressed(&batch, codec);
        let offset = produce(&mut client, "t", batch.clone());
        let stored = fetch_records(&mut client, "t", offset);
        assert_eq!(batches::bodies(&stored), [batch.slice(16..)], "{codec:?}");
    }
}

#[test]
fn bad_records_have_the_code_that_kafka_gives_them() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let good = records(2);
    let bad_crc = batches::with_bad_crc(&good);
    let two = [&good[..], &good[..]].concat();
    let zstd = batches::compressed(&good, Codec::Zstd);
    let cases: Vec<(&str, Bytes, i16)> = vec![
        ("bad CRC", bad_crc, CorruptMessage.code()),
        ("empty", Bytes::new(), InvalidRecord.code()),
        ("cut short", good.slice(..good.len() - 1), InvalidRecord.code()),
        ("two batches", two.into(), InvalidRecord.code()),
        ("magic 0", set(&good, batches::MAGIC_AT, &[0]), InvalidRecord.code()),
        ("magic 1", set(&good, batches::MAGIC_AT, &[1]), InvalidRecord.code()),
        ("magic 3", set(&good, batches::MAGIC_AT, &[3]), CorruptMessage.code()),
        ("magic -1", set(&good, batches::MAGIC_AT, &[0xff]), CorruptMessage.code()),
        ("length below the minimum", set(&good, 8, &[0, 0, 0, 13]), CorruptMessage.code()),
        ("base offset", set(&good, 0, &7i64.to_be_bytes()), InvalidRecord.code()),
        ("count too large", count(&good, 3, 2), InvalidRecord.code()),
        ("count too small", count(&good, 1, 0), InvalidRecord.code()),
        ("count and delta disagree", count(&good, 2, 2), InvalidRecord.code()),
        ("no records", count(&good, 0, -1), InvalidRecord.code()),
        ("control batch", batches::with_attributes(&good, 0x20), InvalidRecord.code()),
        ("producer ID without sequence", batches::idempotent(7, 0, -1, 1), InvalidRecord.code()),
        ("codec 5", batches::with_body(1, 5, b"xxxx"), CorruptMessage.code()),
        ("codec 7", batches::with_body(1, 7, b"xxxx"), CorruptMessage.code()),
        ("empty gzip", batches::with_body(1, 1, b""), CorruptMessage.code()),
        ("broken zstd", batches::with_body(1, 4, b"not zstd"), CorruptMessage.code()),
        ("cut zstd", batches::with_body(2, 4, &zstd[61..zstd.len() - 4]), CorruptMessage.code()),
        ("garbage records", batches::with_body(1, 0, b"\x7fgarbage"), InvalidRecord.code()),
    ];
    // What Kafka refuses before it asks the log has no log start offset.
    let before = ["bad CRC", "empty", "cut short", "two batches", "length below the minimum"];
    for (what, batch, code) in cases {
        let answer = try_produce(&mut client, "t", batch);
        assert_eq!(answer.error_code, code, "{what}");
        assert_eq!((answer.base_offset, answer.log_append_time_ms), (-1, -1), "{what}");
        let start = if before.contains(&what) || what.starts_with("magic") { -1 } else { 0 };
        assert_eq!(answer.log_start_offset, start, "{what}");
    }
    assert_eq!(produce(&mut client, "t", good), 0, "none of them was appended");
}

/// Some bytes replaced outside the CRC, or with a CRC that is not looked at.
fn set(batch: &[u8], at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = batch.to_vec();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    batch.into()
}

fn count(batch: &[u8], count: i32, last_offset_delta: i32) -> Bytes {
    let batch = batches::patched(batch, batches::COUNT_AT, &count.to_be_bytes());
    batches::patched(&batch, batches::LAST_OFFSET_DELTA_AT, &last_offset_delta.to_be_bytes())
}

#[test]
fn odd_records_that_kafka_takes_are_taken() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let good = records(2);
    let mut odd_times = BatchBuilder::new();
    odd_times.append(-1, None, Some(b"no time"), &[]);
    let unchecked = [&good[..], b"stray"].concat();
    let cases: Vec<(&str, Bytes)> = vec![
        ("stray bytes behind the batch", unchecked.into()),
        ("timestamp -1", odd_times.build()),
        ("unused attribute bits", batches::with_attributes(&good, 0x0180)),
        ("delete horizon bit", batches::with_attributes(&good, 0x0040)),
        ("sequence without producer ID", batches::idempotent(-1, -1, 5, 1)),
        ("unknown producer in the middle", batches::idempotent(7_000_000, 0, 9, 1)),
    ];
    for (what, batch) in cases {
        let answer = try_produce(&mut client, "t", batch);
        assert_eq!(answer.error_code, 0, "{what}: {:?}", answer.error_message);
    }
}

/// A batch of one record without key and value, with one header: these bytes as its key and value.
fn with_header(header: &[u8]) -> Bytes {
    // Attributes, timestamp and offset deltas, null key, empty value, one header.
    let record = [&[0, 0, 0, 1, 0, 2], header].concat();
    // Lengths are zigzag numbers, where a small one is its double.
    let length = u8::try_from(record.len() * 2).expect("it is small");
    batches::with_body(1, 0, &[&[length], &record[..]].concat())
}

#[test]
fn header_keys_may_be_anything_but_null() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let good: [(&str, &[u8]); 3] =
        [("not UTF-8", b"\x02\xff\x01"), ("empty", b"\x00\x00"), ("null value", b"\x02h\x01")];
    for (what, header) in good {
        let batch = with_header(header);
        let offset = produce(&mut client, "t", batch.clone());
        let stored = fetch_records(&mut client, "t", offset);
        assert_eq!(batches::bodies(&stored), [batch.slice(16..)], "{what}");
    }
    let null = try_produce(&mut client, "t", with_header(b"\x01\x01"));
    assert_eq!(null.error_code, InvalidRecord.code());
}

#[test]
fn offsets_inside_an_uncompressed_batch_are_stored_as_sent() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let good = records(2);
    // The offset delta is the fourth byte of a short record: length, attributes, time, offset.
    let second = batches::HEAD_SIZE + 1 + usize::from(good[batches::HEAD_SIZE]) / 2;
    for (first_delta, second_delta) in [(0, 0), (2, 0), (2, 4), (1, 3)] {
        let batch = batches::patched(&good, batches::HEAD_SIZE + 3, &[first_delta]);
        let batch = batches::patched(&batch, second + 3, &[second_delta]);
        let offset = produce(&mut client, "t", batch.clone());
        let stored = fetch_records(&mut client, "t", offset);
        assert_eq!(batches::bodies(&stored), [batch.slice(16..)]);
        // Compressed ones are put right.
        let packed = batches::compressed(&batch, Codec::Gzip);
        let offset = produce(&mut client, "t", packed);
        let head = batches::heads(&fetch_records(&mut client, "t", offset))[0];
        assert_eq!((head.record_count, head.last_offset_delta), (2, 1));
        assert_eq!(head.codec(), Some(Codec::Gzip));
    }
}

#[test]
fn a_wrong_largest_timestamp_is_corrected() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let good = batches::at_times(&[time(), time() + 5, time() + 2]);
    let wrong = batches::patched(&good, batches::MAX_TIMESTAMP_AT, &(time() + 99).to_be_bytes());
    produce(&mut client, "t", wrong);
    let stored = fetch_records(&mut client, "t", 0);
    assert_eq!(batches::bodies(&stored), [good.slice(16..)]);
    assert_eq!(list_offset(&mut client, "t", time() + 6), (-1, -1));
}

#[test]
fn timestamps_out_of_range_are_named_record_by_record() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let window = [
        ("message.timestamp.before.max.ms", "120000"),
        ("message.timestamp.after.max.ms", "60000"),
    ];
    let id = create(&mut client, "t", 1, &window);
    let times = [time(), time() - 3_600_000, time() + 5, time() + 3_600_000];
    for version in [7, 8, 12, 13] {
        let batch = batches::at_times(&times);
        let answer = produce_in(&mut client, version, ("t", id), 1, batch);
        assert_eq!(answer.error_code, InvalidTimestamp.code());
        let named: Vec<i32> = answer.record_errors.iter().map(|error| error.batch_index).collect();
        match version {
            ..8 => assert!(named.is_empty() && answer.error_message.is_none()),
            _ => {
                assert_eq!(named, [1, 3], "v{version}");
                let message = answer.record_errors[0].batch_index_error_message.as_ref();
                assert!(message.is_some_and(|message| message.contains("out of range")));
                assert!(answer.error_message.is_some());
            }
        }
    }
    // The default window ends in an hour.
    create(&mut client, "default", 1, &[]);
    let late = try_produce(&mut client, "default", batches::at_times(&[time() + 7_200_000]));
    assert_eq!(late.error_code, InvalidTimestamp.code());
    assert_eq!(produce(&mut client, "default", batches::at_times(&[time() + 3_000_000])), 0);
    assert_eq!(produce(&mut client, "default", batches::at_times(&[0])), 1);
}

#[test]
fn a_compacted_topic_wants_keys() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("cleanup.policy", "compact")]);
    for codec in [Codec::None, Codec::Gzip] {
        let mut batch = BatchBuilder::new();
        batch.append(time(), None, Some(b"a"), &[]);
        batch.append(time(), Some(b"key"), Some(b"b"), &[]);
        batch.append(time(), None, None, &[]);
        let answer = try_produce(&mut client, "t", batches::compressed(&batch.build(), codec));
        assert_eq!(answer.error_code, InvalidRecord.code());
        let named: Vec<i32> = answer.record_errors.iter().map(|error| error.batch_index).collect();
        assert_eq!(named, [0, 2]);
    }
    assert_eq!(produce(&mut client, "t", records(1)), 0);
}

#[test]
fn log_append_time_is_the_brokers() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let answer = try_produce(&mut client, "t", records(2));
    assert_eq!(answer.error_code, 0);
    assert!(answer.log_append_time_ms >= time() + 60_000);
    let head = batches::heads(&fetch_records(&mut client, "t", 0))[0];
    assert_eq!(head.base_timestamp, time(), "the first timestamp stays");
    assert_eq!(head.max_timestamp, answer.log_append_time_ms);
    assert_eq!(head.attributes, 8);
    assert_eq!(
        list_offset(&mut client, "t", time() + 1),
        (0, answer.log_append_time_ms),
        "all records have the append time"
    );
    // A client that claims the append time itself is refused there, and taken elsewhere.
    let claimed = batches::with_attributes(&records(1), 8);
    let refused = try_produce(&mut client, "t", claimed.clone());
    assert_eq!(refused.error_code, InvalidTimestamp.code());
    create(&mut client, "u", 1, &[]);
    produce(&mut client, "u", claimed);
    assert_eq!(batches::heads(&fetch_records(&mut client, "u", 0))[0].attributes, 0);
}

#[test]
fn zstd_needs_version_7() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 1, &[]);
    let batch = batches::compressed(&records(1), Codec::Zstd);
    let answer = produce_in(&mut client, 6, ("t", id), 1, batch.clone());
    assert_eq!(answer.error_code, UnsupportedCompressionType.code());
    assert_eq!(produce_in(&mut client, 7, ("t", id), 1, batch).error_code, 0);
}

#[test]
fn a_topics_codec_replaces_the_producers() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for (name, codec) in [
        ("gzip", Codec::Gzip),
        ("snappy", Codec::Snappy),
        ("lz4", Codec::Lz4),
        ("zstd", Codec::Zstd),
        ("uncompressed", Codec::None),
    ] {
        create(&mut client, name, 1, &[("compression.type", name)]);
        produce(&mut client, name, records(100));
        produce(&mut client, name, batches::compressed(&records(100), Codec::Lz4));
        let stored = fetch_records(&mut client, name, 0);
        let heads = batches::heads(&stored);
        assert_eq!(heads.len(), 2);
        assert!(heads.iter().all(|head| head.codec() == Some(codec)), "{name}");
        assert!(heads.iter().all(|head| head.record_count == 100), "{name}");
    }
}

#[test]
fn sizes_are_limited() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let limit = batches::one(&[7; 1000]).len();
    let small = limit.to_string();
    create(&mut client, "t", 1, &[("max.message.bytes", small.as_str())]);
    assert_eq!(produce(&mut client, "t", batches::one(&[7; 1000])), 0);
    let answer = try_produce(&mut client, "t", batches::one(&[7; 1001]));
    assert_eq!(answer.error_code, MessageTooLarge.code());
    // The size is judged before the CRC, as it is sent.
    let broken = batches::with_bad_crc(&batches::one(&[7; 1001]));
    assert_eq!(try_produce(&mut client, "t", broken).error_code, MessageTooLarge.code());
    let large = [("segment.bytes", "1048576"), ("max.message.bytes", "4000000")];
    create(&mut client, "segment", 1, &large);
    let answer = try_produce(&mut client, "segment", batches::one(&[7; 1 << 20]));
    assert_eq!(answer.error_code, RecordListTooLarge.code());
}

#[test]
fn checks_come_in_kafkas_order() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 1, &[]);
    // Make the internal topic.
    create(&mut client, "__consumer_offsets", 1, &[]);
    let bad_crc = batches::with_bad_crc(&records(1));
    let nobody = ("nobody", Uuid::from_bytes([9; 16]));
    let code = |client: &mut Client, version, topic, acks, batch: &Bytes| {
        produce_in(client, version, topic, acks, batch.clone()).error_code
    };
    // Existence comes before acks, acks before the topic's kind and the records.
    let client = &mut client;
    assert_eq!(code(client, 12, nobody, 5, &bad_crc), UnknownTopicOrPartition.code());
    assert_eq!(code(client, 13, nobody, 5, &bad_crc), UnknownTopicId.code());
    assert_eq!(code(client, 12, ("t", id), 5, &bad_crc), InvalidRequiredAcks.code());
    assert_eq!(code(client, 12, ("t", id), -2, &bad_crc), InvalidRequiredAcks.code());
    let internal = ("__consumer_offsets", Uuid::nil());
    assert_eq!(code(client, 12, internal, 1, &bad_crc), InvalidTopicException.code());
    assert_eq!(code(client, 12, ("t", id), 1, &bad_crc), CorruptMessage.code());
    let beyond = client.call(produce_request("t", 7, 1, records(1)), 12);
    let beyond = &beyond.responses[0].partition_responses[0];
    assert_eq!((beyond.index, beyond.error_code), (7, UnknownTopicOrPartition.code()));
}

#[test]
fn an_empty_transactional_id_does_not_matter_to_other_batches() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for (version, offset) in (3..=12).zip(0..) {
        let request = produce_request("t", 0, 1, records(1));
        let request = request.with_transactional_id(Some(TransactionalId(text(""))));
        let answer = client.call(request, version).responses[0].partition_responses[0].clone();
        assert_eq!((answer.error_code, answer.base_offset), (0, offset), "v{version}");
    }
}

#[test]
fn a_topic_without_partitions_is_not_answered() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut request = produce_request("t", 0, 1, records(1));
    request.topic_data[0].partition_data.clear();
    assert!(client.call(request, 12).responses.is_empty());
    let mut request = list_offsets_request("t", 0, -1);
    request.topics[0].partitions.clear();
    assert!(client.call(request, 10).topics.is_empty());
}

#[test]
fn transactional_batches_have_no_transaction_to_belong_to() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut batch = BatchBuilder::new().producer(5, 0, 0).transactional();
    batch.append(time(), None, Some(b"a"), &[]);
    let batch = batch.build();
    let mut code = |version: i16, id: Option<&str>, batch: &Bytes| {
        let request = produce_request("t", 0, -1, batch.clone());
        let request = request.with_transactional_id(id.map(|id| TransactionalId(text(id))));
        client.call(request, version).responses[0].partition_responses[0].error_code
    };
    assert_eq!(code(9, None, &batch), TransactionalIdAuthorizationFailed.code());
    let control = batches::with_attributes(&batch, 0x20);
    assert_eq!(code(12, None, &control), TransactionalIdAuthorizationFailed.code());
    assert_eq!(code(9, Some(""), &batch), InvalidRequest.code());
    assert_eq!(code(9, Some("x"), &batch), InvalidTxnState.code());
    assert_eq!(code(12, Some("x"), &batch), InvalidProducerIdMapping.code());
}

#[test]
fn a_partition_given_twice_is_appended_to_once() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    let mut request = produce_request("t", 0, -1, records(1));
    for index in [1, 0] {
        let data = PartitionProduceData::default().with_index(index).with_records(Some(records(1)));
        request.topic_data[0].partition_data.push(data);
    }
    let response = client.call(request, 12);
    let answers = &response.responses[0].partition_responses;
    let mut indexes: Vec<i32> = answers.iter().map(|answer| answer.index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1]);
    assert_eq!(list_offset(&mut client, "t", -1), (1, -1));
}

#[test]
fn null_records_are_answered() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut request = produce_request("t", 0, 1, Bytes::new());
    request.topic_data[0].partition_data[0].records = None;
    let response = client.call(request, 12);
    let code = response.responses[0].partition_responses[0].error_code;
    assert_eq!(code, InvalidRequest.code());
}

#[test]
fn acks_0_has_no_answer_and_an_error_closes() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    client.send(&produce_request("t", 0, 0, records(2)), 12);
    client.expect_silence(Duration::from_millis(50));
    // The next answer belongs to the next request.
    assert_eq!(list_offset(&mut client, "t", -1), (2, -1));
    let bad_crc = batches::with_bad_crc(&records(1));
    client.send(&produce_request("t", 0, 0, bad_crc), 12);
    client.expect_closed();
    let mut client = broker.connect();
    client.send(&produce_request("nobody", 0, 0, records(1)), 12);
    client.expect_closed();
    assert_eq!(list_offset(&mut broker.connect(), "t", -1), (2, -1));
}

#[test]
fn min_insync_replicas_above_the_replication_factor_is_capped() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("min.insync.replicas", "2")]);
    assert_eq!(produce(&mut client, "t", records(1)), 0);
}

#[test]
fn a_decompression_bomb_is_refused() {
    let broker = Broker::start(&["decompression.max.bytes=2097152"]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let bomb = batches::compressed(&batches::one(&vec![0; 16 << 20]), Codec::Zstd);
    assert!(bomb.len() < 100_000);
    assert_eq!(try_produce(&mut client, "t", bomb).error_code, MessageTooLarge.code());
    assert_eq!(produce(&mut client, "t", records(1)), 0);
}
