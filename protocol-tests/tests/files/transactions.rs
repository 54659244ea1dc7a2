//! A log with transactions that Kafka wrote: what clients and the tools are told of it.

use std::fs;
use std::path::Path;

use kafka_protocol::messages::DescribeProducersRequest;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use protocol_tests::batches::{heads, records};
use protocol_tests::broker::{Broker, run};
use protocol_tests::client::Client;

use super::tree::segments;
use crate::requests::*;

/// First offset of the transaction that is open, and the end of the log.
const UNDECIDED: i64 = 390;
const END: i64 = 421;

/// A broker whose topic `t` has Kafka's log in the place of its own.
fn with_kafkas_log() -> Broker {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(1));
    broker.stop();
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/compaction/tv2/before.log");
    let own = segments(broker.directory());
    assert_eq!(own.len(), 1);
    fs::copy(recorded, &own[0]).unwrap();
    fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
    broker.restart();
    broker
}

/// Offset of the first batch that a fetch of so many bytes does not give.
fn read_to(client: &mut Client, offset: i64, isolation: i8, bytes: i32) -> i64 {
    let mut request = fetch_request("t", 0, offset).with_isolation_level(isolation);
    request.topics[0].partitions[0].partition_max_bytes = bytes;
    let response = client.call(request, 12);
    let data = &response.responses[0].partitions[0];
    assert_eq!((data.error_code, data.high_watermark), (0, END));
    assert_eq!(data.last_stable_offset, UNDECIDED);
    let bytes = data.records.clone().unwrap_or_default();
    heads(&bytes).last().map_or(offset, |head| head.next_offset())
}

#[test]
fn who_reads_committed_records_stops_before_an_open_transaction() {
    let mut broker = with_kafkas_log();
    for way in ["fresh", "stop", "kill"] {
        match way {
            "stop" => broker.stop(),
            "kill" => broker.kill(),
            _ => {}
        }
        if way != "fresh" {
            broker.restart();
        }
        let mut client = broker.connect();
        for (isolation, end) in [(0, END), (1, UNDECIDED)] {
            assert_eq!(read_to(&mut client, 0, isolation, 1 << 20), end, "{way}");
            assert_eq!(read_to(&mut client, UNDECIDED - 1, isolation, 1 << 20), end, "{way}");
            // However small the steps are, what is not decided is not in any.
            let mut offset = 0;
            while offset < end {
                let next = read_to(&mut client, offset, isolation, 700);
                assert!(next > offset && next <= end, "{way}: from {offset} to {next}");
                offset = next;
            }
            assert_eq!(read_to(&mut client, UNDECIDED, isolation, 1 << 20), end, "{way}");
            let request = list_offsets_request("t", 0, -1).with_isolation_level(isolation);
            let latest = client.call(request, 2).topics[0].partitions[0].offset;
            assert_eq!(latest, end, "{way}");
        }
        assert_eq!(read_to(&mut client, UNDECIDED + 5, 1, 1 << 20), UNDECIDED + 5, "{way}");
    }
}

#[test]
fn producers_are_told_with_their_markers_as_kafka_tells_them() {
    let mut broker = with_kafkas_log();
    for way in ["fresh", "stop"] {
        if way == "stop" {
            broker.stop();
            broker.restart();
        }
        let topic = TopicRequest::default().with_name(topic_name("t"));
        let request = DescribeProducersRequest::default()
            .with_topics(vec![topic.with_partition_indexes(vec![0])]);
        let answer = broker.connect().call(request, 0);
        let told = answer.topics[0].partitions[0].active_producers.iter().map(|producer| {
            (
                producer.producer_id.0,
                producer.producer_epoch,
                producer.last_sequence,
                producer.last_timestamp,
                producer.coordinator_epoch,
                producer.current_txn_start_offset,
            )
        });
        // What Kafka 4.3.1 answered about the same segments.
        let expected = [
            (0, 44, -1, 1_795_296_174_933, 0, -1),
            (1, 12, -1, 1_795_296_172_086, 0, -1),
            (2, 0, 182, 1_795_296_177_285, -1, -1),
            (3, 1, 0, 1_795_296_176_566, 0, UNDECIDED),
            (4, 1, -1, 1_795_296_170_385, 0, -1),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected, "{way}");
    }
}

#[test]
fn markers_are_found_by_their_time_as_records_are() {
    let broker = with_kafkas_log();
    let mut client = broker.connect();
    // What Kafka 4.3.1 answered: the first is a record's time, the second that of a marker.
    let expected =
        [(1_795_296_170_371, (2, 1_795_296_170_385)), (1_795_296_170_386, (3, 1_795_296_170_393))];
    for (time, found) in expected {
        let (offset, timestamp) = list_offset(&mut client, "t", time);
        assert_eq!((offset, timestamp), found);
    }
}

#[test]
fn the_tools_tell_what_markers_do() {
    let mut broker = with_kafkas_log();
    broker.stop();
    let segment = segments(broker.directory()).remove(0);
    let told = |arguments: &[&str]| {
        let output = run(&[&["log"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let check = told(&["check", broker.directory().to_str().unwrap()]);
    assert!(check.trim_end().ends_with("sound"), "{check}");
    let dump = told(&["dump", segment.to_str().unwrap(), "--records"]);
    for line in
        ["    2 at 1795296170385: abort, coordinator epoch 0", "    4 at 1795296170479: commit"]
    {
        assert!(dump.lines().any(|told| told.starts_with(line)), "{line}: {dump}");
    }
    // After compaction some of them have a horizon.
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/compaction/tv2/after-7.log");
    fs::copy(recorded, &segment).unwrap();
    let dump = told(&["dump", segment.to_str().unwrap(), "--records", "--json"]);
    assert!(dump.contains(r#""delete_horizon":18000"#), "{dump}");
    assert!(dump.contains(r#""marker":{"coordinator_epoch":0"#), "{dump}");
}
