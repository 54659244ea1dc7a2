//! Settings of a topic that other tests do not reach: each changes what the broker does with
//! records and segments, at once where it is changed. The codes and texts of what is refused are
//! those that Kafka 4.3.1 gave to the same requests.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use felice::kernel::batch::BatchBuilder;
use kafka_protocol::ResponseError::InvalidConfig;
use protocol_tests::batches::{at_times, one, time};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::config_requests::*;
use super::requests::*;

/// Segment files below a folder.
fn segments(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().map_while(Result::ok);
    let count = |path: &Path| match path.is_dir() {
        true => segments(path),
        false => usize::from(path.extension().is_some_and(|ending| ending == "log")),
    };
    entries.map(|entry| count(&entry.path())).sum()
}

/// Segments of a topic that is produced to.
fn segments_of(broker: &Broker, topic: felice::kernel::types::Uuid) -> usize {
    segments(&broker.directory().join("topics").join(topic.to_string()))
}

fn create_with(
    client: &mut Client,
    name: &str,
    settings: &[(&str, &str)],
) -> felice::kernel::types::Uuid {
    felice::kernel::types::Uuid(*create(client, name, 1, settings).as_bytes())
}

#[test]
fn levels_of_compression_change_what_is_stored() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let mut builder = BatchBuilder::new();
    for number in 0_u64..4_000 {
        // Text with some order in it.
        let value = format!("{:x} {}", number.wrapping_mul(0x9e37_79b9) >> 7, number % 97);
        builder.append(time(), None, Some(value.as_bytes()), &[]);
    }
    let batch = builder.build();
    for (codec, least, most) in [("gzip", "1", "9"), ("lz4", "1", "17"), ("zstd", "-50", "19")] {
        let key = format!("compression.{codec}.level");
        let settings = [("compression.type", codec), (&*key, least)];
        create(&mut client, codec, 1, &settings);
        let offset = produce(&mut client, codec, batch.clone());
        let large = fetch_records(&mut client, codec, offset).len();
        set(&mut client, TOPIC, codec, &key, most);
        let offset = produce(&mut client, codec, batch.clone());
        let small = fetch_records(&mut client, codec, offset).len();
        assert!(small < large && large < batch.len(), "{codec}: {least} {large}, {most} {small}");
    }
}

#[test]
fn a_segment_ends_with_its_time_its_size_and_its_index() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    // By the time of records, as in Kafka.
    let id = create_with(&mut client, "time", &[("segment.ms", "1000")]);
    for (later, expected) in [(0, 1), (1_000, 1), (1_001, 2), (2_001, 2), (2_002, 3)] {
        produce(&mut client, "time", at_times(&[time() + later - 10_000]));
        assert_eq!(segments_of(&broker, id), expected, "{later}");
    }
    set(&mut client, TOPIC, "time", "segment.ms", "100000");
    produce(&mut client, "time", at_times(&[time()]));
    assert_eq!(segments_of(&broker, id), 3);
    // A jitter of all of it may leave anything from one millisecond on, always the same.
    let settings = [("segment.ms", "1000"), ("segment.jitter.ms", "1000")];
    let id = create_with(&mut client, "jitter", &settings);
    let ends_by = |client: &mut Client, later: i64| {
        produce(client, "jitter", at_times(&[time() + later - 10_000]));
        segments_of(&broker, id)
    };
    assert_eq!(ends_by(&mut client, 0), 1);
    assert_eq!(ends_by(&mut client, 1_001), 2);
    // One entry of 8 bytes for each batch, ten of them at most.
    let settings = [("index.interval.bytes", "0"), ("segment.index.bytes", "80")];
    let id = create_with(&mut client, "index", &settings);
    (0..30).for_each(|_| drop(try_produce(&mut client, "index", one(b"x"))));
    let with_small_index = segments_of(&broker, id);
    assert!((2..=5).contains(&with_small_index), "{with_small_index}");
    set(&mut client, TOPIC, "index", "index.interval.bytes", "1000000");
    (0..5).for_each(|_| drop(try_produce(&mut client, "index", one(b"x"))));
    let before = segments_of(&broker, id);
    (0..30).for_each(|_| drop(try_produce(&mut client, "index", one(b"x"))));
    assert!(segments_of(&broker, id) <= before + 1, "entries are rare now");
}

#[test]
fn a_partition_is_cut_to_its_bytes() {
    let broker = Broker::start(&["log.retention.check.interval.ms=50"]);
    let mut client = broker.connect();
    let settings = [("segment.bytes", "1048576"), ("retention.bytes", "2000000")];
    let id = create_with(&mut client, "t", &settings);
    let large = one(&vec![b'x'; 500_000]);
    (0..10).for_each(|_| assert!(produce(&mut client, "t", large.clone()) >= 0));
    let begun = Instant::now();
    while segments_of(&broker, id) > 2 {
        assert!(begun.elapsed() < Duration::from_secs(10), "old segments stay");
        std::thread::sleep(Duration::from_millis(20));
    }
    let start = list_offset(&mut client, "t", -2).0;
    // Segments of two records: what goes leaves at least the limit.
    assert_eq!(start, 6);
}

#[test]
fn settings_of_other_machines_are_answered_as_by_kafka() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut judge = |key: &str, value: &str| {
        let change = altered(TOPIC, "t", &[(key, SET, Some(value))]);
        let (code, text) = alter(&mut client, 1, vec![change]).remove(0);
        (code, text.unwrap_or_default())
    };
    for (key, value) in [
        ("remote.storage.enable", "false"),
        ("remote.log.copy.disable", "true"),
        ("remote.log.delete.on.disable", "true"),
        ("local.retention.ms", "9999999999999"),
        ("local.retention.bytes", "5"),
        ("min.insync.replicas", "2"),
        ("unclean.leader.election.enable", "true"),
        ("leader.replication.throttled.replicas", "0:1"),
        ("follower.replication.throttled.replicas", "*"),
    ] {
        assert_eq!(judge(key, value), (0, String::new()), "{key}");
    }
    let disabled = "Tiered Storage functionality is disabled in the broker. Topic cannot be \
                    configured with remote log storage.";
    assert_eq!(judge("remote.storage.enable", "true"), (InvalidConfig.code(), disabled.to_owned()));
    for (key, value, rule) in [
        ("local.retention.ms", "-3", "at least -2"),
        ("flush.messages", "0", "at least 1"),
        ("flush.ms", "-1", "at least 0"),
        ("file.delete.delay.ms", "-1", "at least 0"),
        ("segment.index.bytes", "3", "at least 4"),
        ("index.interval.bytes", "-1", "at least 0"),
        ("segment.jitter.ms", "-1", "at least 0"),
        ("segment.ms", "0", "at least 1"),
        ("segment.bytes", "1048575", "at least 1048576"),
    ] {
        let said = format!("Invalid value {value} for configuration {key}: Value must be {rule}");
        assert_eq!(judge(key, value), (InvalidConfig.code(), said));
    }
    // One replica is all there are: Kafka asks for no more than that.
    assert_eq!(try_produce(&mut client, "t", one(b"x")).error_code, 0);
}
