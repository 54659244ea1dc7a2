//! DeleteRecords: every version, where the start of a log may go and where not, what every other
//! API then tells of it, and that it stays there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use felice::kernel::batch::Codec;
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use protocol_tests::batches::{self, at_times, idempotent, records, time};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::group_requests::*;
use super::init_producer_id::producer_id;
use super::requests::*;

fn topic(name: &str, partitions: &[(i32, i64)]) -> DeleteRecordsTopic {
    let partitions = partitions.iter().map(|(partition, offset)| {
        DeleteRecordsPartition::default().with_partition_index(*partition).with_offset(*offset)
    });
    DeleteRecordsTopic::default().with_name(topic_name(name)).with_partitions(partitions.collect())
}

fn request(topics: Vec<DeleteRecordsTopic>) -> DeleteRecordsRequest {
    DeleteRecordsRequest::default().with_topics(topics).with_timeout_ms(TIMEOUT_MS)
}

/// Error code and low watermark of partition 0.
fn ask(client: &mut Client, name: &str, offset: i64) -> (i16, i64) {
    let response = client.call(request(vec![topic(name, &[(0, offset)])]), 2);
    let answer = &response.topics[0].partitions[0];
    (answer.error_code, answer.low_watermark)
}

fn start_of(client: &mut Client, name: &str) -> i64 {
    list_offset(client, name, -2).0
}

#[test]
fn every_version_deletes() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    produce(&mut client, "t", records(10));
    for version in 0..=2 {
        let to = i64::from(version) * 3 + 1;
        let wanted = request(vec![topic("t", &[(0, to), (1, -1)])]);
        let response = client.call(wanted, version);
        assert_eq!((response.throttle_time_ms, response.topics.len()), (0, 1), "v{version}");
        assert_eq!(&*response.topics[0].name.0, "t");
        let mut answers: Vec<_> = response.topics[0]
            .partitions
            .iter()
            .map(|p| (p.partition_index, p.error_code, p.low_watermark))
            .collect();
        answers.sort_unstable();
        assert_eq!(answers, [(0, 0, to), (1, 0, 0)], "v{version}");
        assert_eq!(start_of(&mut client, "t"), to);
    }
}

#[test]
fn the_start_moves_forward_up_to_the_high_watermark() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    assert_eq!(ask(&mut client, "t", 0), (0, 0), "nothing is there");
    assert_eq!(ask(&mut client, "t", -1), (0, 0));
    assert_eq!(ask(&mut client, "t", 1), (OffsetOutOfRange.code(), -1));
    produce(&mut client, "t", records(10));
    for (offset, answer) in [
        (3, (0, 3)),
        (3, (0, 3)),
        // Backwards is no error and does nothing.
        (1, (0, 3)),
        (0, (0, 3)),
        (11, (OffsetOutOfRange.code(), -1)),
        (i64::MAX, (OffsetOutOfRange.code(), -1)),
        (-2, (OffsetOutOfRange.code(), -1)),
        (i64::MIN, (OffsetOutOfRange.code(), -1)),
        (9, (0, 9)),
        (10, (0, 10)),
        (-1, (0, 10)),
    ] {
        assert_eq!(ask(&mut client, "t", offset), answer, "to {offset}");
    }
    assert_eq!(start_of(&mut client, "t"), 10);
    assert_eq!(list_offset(&mut client, "t", -1).0, 10);
    assert_eq!(produce(&mut client, "t", records(1)), 10);
    assert_eq!(ask(&mut client, "t", -1), (0, 11));
}

#[test]
fn what_cannot_be_is_refused() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    create(&mut client, "compacted", 1, &[("cleanup.policy", "compact")]);
    create(&mut client, "both", 1, &[("cleanup.policy", "compact,delete")]);
    create(&mut client, "kept", 1, &[("cleanup.policy", "")]);
    for name in ["compacted", "both", "kept"] {
        produce(&mut client, name, records(2));
    }
    for (name, partition, offset, code) in [
        ("unknown", 0, 0, UnknownTopicOrPartition.code()),
        ("", 0, 0, UnknownTopicOrPartition.code()),
        ("t", 1, 0, UnknownTopicOrPartition.code()),
        ("t", -1, 0, UnknownTopicOrPartition.code()),
        ("__consumer_offsets", 0, 0, InvalidTopicException.code()),
        ("__consumer_offsets", 99, 0, UnknownTopicOrPartition.code()),
        ("compacted", 0, 1, PolicyViolation.code()),
        // The policy is judged before the offset.
        ("compacted", 0, 99, PolicyViolation.code()),
        ("both", 0, 1, 0),
        ("kept", 0, 1, 0),
    ] {
        for version in 0..=2 {
            let wanted = request(vec![topic(name, &[(partition, offset)])]);
            let response = client.call(wanted, version);
            let answer = &response.topics[0].partitions[0];
            assert_eq!(&*response.topics[0].name.0, name);
            let told = (answer.partition_index, answer.error_code, answer.low_watermark);
            let low = if code == 0 { offset } else { -1 };
            assert_eq!(told, (partition, code, low), "{name} v{version}");
        }
    }
    assert!(client.call(request(Vec::new()), 2).topics.is_empty());
}

#[test]
fn no_time_is_enough() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(3));
    for (timeout, to) in [(0, 1), (-1, 2)] {
        let wanted = request(vec![topic("t", &[(0, to)])]).with_timeout_ms(timeout);
        let answer = &client.call(wanted, 2).topics[0].partitions[0];
        assert_eq!((answer.error_code, answer.low_watermark), (0, to));
    }
}

#[test]
fn a_partition_given_twice_goes_to_the_last_offset() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(9));
    let twice = vec![topic("t", &[(0, 5), (0, 2)]), topic("t", &[(0, 3)])];
    let response = client.call(request(twice), 2);
    assert_eq!((response.topics.len(), response.topics[0].partitions.len()), (1, 1));
    let answer = &response.topics[0].partitions[0];
    assert_eq!((answer.error_code, answer.low_watermark), (0, 3));
}

#[test]
fn reading_respects_the_start_inside_a_batch() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(4));
    produce(&mut client, "t", records(4));
    assert_eq!(ask(&mut client, "t", 6), (0, 6));
    for offset in [0, 4, 5] {
        let answer = fetch(&mut client, "t", offset);
        assert_eq!(answer.error_code, OffsetOutOfRange.code());
        assert_eq!((answer.high_watermark, answer.log_start_offset), (-1, -1));
    }
    let answer = fetch(&mut client, "t", 6);
    assert_eq!((answer.error_code, answer.log_start_offset, answer.high_watermark), (0, 6, 8));
    // The whole batch is sent; the client leaves out what it did not ask for.
    let records = answer.records.expect("there are records");
    assert_eq!(batches::heads(&records)[0].base_offset, 4);
    assert_eq!(try_produce(&mut client, "t", batches::one(b"x")).log_start_offset, 6);
}

#[test]
fn times_are_found_behind_the_start() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for codec in [Codec::None, Codec::Zstd] {
        let name = format!("t{codec:?}");
        create(&mut client, &name, 1, &[]);
        for times in [[50, 40, 30], [20, 45, 10], [44, 5, 46]] {
            let times = times.map(|after| time() + after);
            produce(&mut client, &name, batches::compressed(&at_times(&times), codec));
        }
        let find = |client: &mut Client, wanted: i64| list_offset(client, &name, wanted);
        assert_eq!(find(&mut client, time() + 45), (0, time() + 50));
        for (start, wanted, found) in [
            (1, 41, Some((4, 45))),
            (1, 40, Some((1, 40))),
            (4, 20, Some((4, 45))),
            (4, 45, Some((4, 45))),
            (4, 46, Some((8, 46))),
            (5, 45, Some((8, 46))),
            (5, 10, Some((5, 10))),
            (7, 44, Some((8, 46))),
            (7, 47, None),
            (9, 0, None),
        ] {
            assert_eq!(ask(&mut client, &name, start), (0, start));
            let found = found.map_or((-1, -1), |(offset, after)| (offset, time() + after));
            assert_eq!(find(&mut client, time() + wanted), found, "{start} {wanted} {codec:?}");
        }
    }
}

#[test]
fn the_largest_time_is_one_that_can_be_read() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("segment.bytes", "1048576")]);
    produce(&mut client, "t", at_times(&[time() + 90, time() + 80, time() + 70]));
    produce(&mut client, "t", at_times(&[time() + 60, time() + 75]));
    produce(&mut client, "t", batches::one(&vec![7; 700_000]));
    produce(&mut client, "t", batches::one(&vec![7; 700_000]));
    for (start, offset, after) in [(0, 0, 90), (1, 1, 80), (2, 4, 75), (3, 4, 75), (5, 5, 0)] {
        assert_eq!(ask(&mut client, "t", start), (0, start));
        let found = list_offset(&mut client, "t", -3);
        assert_eq!(found, (offset, time() + after), "from {start}");
    }
    assert_eq!(ask(&mut client, "t", -1), (0, 7));
    assert_eq!(list_offset(&mut client, "t", -3), (-1, -1));
}

#[test]
fn the_start_survives_whatever_happens() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let producer = producer_id(&mut client);
    for batch in 0..5 {
        produce(&mut client, "t", idempotent(producer, 0, batch * 4, 4));
    }
    for (way, to) in [("stop", 3), ("kill", 4), ("kill", 9), ("RocksDB deleted", 14)] {
        assert_eq!(ask(&mut client, "t", to), (0, to));
        match way {
            "stop" => broker.stop(),
            _ => broker.kill(),
        }
        if way == "RocksDB deleted" {
            fs::remove_dir_all(broker.rocksdb_directory()).expect("it is there");
        }
        broker.restart();
        client = broker.connect();
        assert_eq!(start_of(&mut client, "t"), to, "{way}");
        assert_eq!(list_offset(&mut client, "t", -1).0, 20, "{way}");
        let below = fetch(&mut client, "t", to - 1);
        assert_eq!(below.error_code, OffsetOutOfRange.code(), "{way}");
        assert_eq!(fetch(&mut client, "t", to).log_start_offset, to, "{way}");
        // The producer is still known: its last batch is a duplicate.
        let again = try_produce(&mut client, "t", idempotent(producer, 0, 16, 4));
        assert_eq!((again.error_code, again.base_offset), (0, 16), "{way}");
    }
    assert_eq!(ask(&mut client, "t", -1), (0, 20));
    broker.kill();
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(list_offset(&mut client, "t", -1).0, 20, "the log goes on where it was");
    assert_eq!(start_of(&mut client, "t"), 20);
}

/// Files with an ending in the folders of partitions.
fn files(broker: &Broker, ending: &str) -> Vec<PathBuf> {
    let (mut open, mut found) = (vec![broker.directory().join("topics")], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("it can be read").flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => open.push(path),
                false if path.to_string_lossy().ends_with(ending) => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

fn number_of(path: &Path) -> String {
    path.file_stem().expect("it has a name").to_string_lossy().into_owned()
}

#[test]
fn segments_below_the_start_go() {
    let settings = ["log.retention.check.interval.ms=50", "log.segment.delete.delay.ms=0"];
    let mut broker = Broker::start(&settings);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("segment.bytes", "1048576"), ("retention.ms", "-1")]);
    for _ in 0..6 {
        produce(&mut client, "t", batches::one(&vec![7; 600_000]));
    }
    let wait_for = |count: usize| {
        let started = Instant::now();
        while files(&broker, ".log").len() != count {
            assert!(started.elapsed() < Duration::from_secs(10), "{count} segments are to be left");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    wait_for(6);
    assert_eq!(ask(&mut client, "t", 3), (0, 3));
    wait_for(3);
    assert_eq!(ask(&mut client, "t", -1), (0, 6));
    // The last one goes too; an empty one tells where the log continues.
    wait_for(1);
    let left = files(&broker, ".log");
    assert_eq!(number_of(&left[0]), format!("{:020}", 6));
    for round in 0..2 {
        broker.kill();
        fs::remove_dir_all(broker.rocksdb_directory()).expect("it is there");
        broker.restart();
        let mut client = broker.connect();
        assert_eq!(start_of(&mut client, "t"), 6 + round);
        assert_eq!(produce(&mut client, "t", records(1)), 6 + round);
        assert_eq!(ask(&mut client, "t", -1), (0, 7 + round));
    }
}

#[test]
fn a_start_behind_the_end_of_the_log_begins_there() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(5));
    produce(&mut client, "t", records(5));
    assert_eq!(ask(&mut client, "t", 8), (0, 8));
    broker.kill();
    // As if the tail had never reached the disk.
    let segment = files(&broker, ".log").remove(0);
    let whole = fs::read(&segment).expect("it can be read");
    let first = batches::heads(&whole)[0].total_size();
    fs::write(&segment, &whole[..first]).expect("there is room");
    for _ in 0..2 {
        broker.restart();
        let mut client = broker.connect();
        assert_eq!(start_of(&mut client, "t"), 8);
        assert_eq!(list_offset(&mut client, "t", -1).0, 8);
        broker.kill();
    }
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(produce(&mut client, "t", records(1)), 8);
    assert_eq!(batches::heads(&fetch_records(&mut client, "t", 8))[0].base_offset, 8);
}

#[test]
fn a_damaged_start_is_told_and_lost() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(5));
    assert_eq!(ask(&mut client, "t", 4), (0, 4));
    broker.kill();
    let path = files(&broker, "log-start-offset").remove(0);
    let mut bytes = fs::read(&path).expect("it can be read");
    bytes[5] ^= 1;
    fs::write(&path, &bytes).expect("there is room");
    fs::remove_dir_all(broker.rocksdb_directory()).expect("it is there");
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(start_of(&mut client, "t"), 0);
    assert!(broker.log().contains("log-start-offset"));
    assert_eq!(ask(&mut client, "t", 2), (0, 2));
}

#[test]
fn groups_keep_their_offsets() {
    let broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(9));
    commit_simple(&mut client, "g", "t", 3);
    assert_eq!(ask(&mut client, "t", -1), (0, 9));
    assert_eq!(committed(&mut client, "g", "t"), 3);
}
