//! Data directories that earlier versions wrote, kept in `data/directories/`: every later version
//! gives the answers that they gave, from the whole directory and from its logs alone.
//!
//! `cargo test -p protocol-tests --test api write_a_data_directory -- --ignored` writes one more,
//! by the name in `FELICE_FIXTURE`. What is there is never written again.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use felice::kernel::batch::{BatchBuilder, Codec, batches as walk};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DescribeClusterRequest};
use protocol_tests::batches::{compressed, idempotent};
use protocol_tests::broker::{Broker, run};
use protocol_tests::client::Client;

use super::damage::epoch_end;
use super::tree::{Folder, below, copy};
use crate::group_requests::*;
use crate::requests::*;

/// Time of the first record, in November 2023.
const BEGIN: i64 = 1_700_000_000_000;

/// Nothing in a fixture may come of age.
const SETTINGS: [&str; 4] = [
    "offsets.retention.minutes=2147483647",
    "producer.id.expiration.ms=2147483647",
    "log.cleaner.backoff.ms=100",
    "metadata.log.max.record.bytes.between.snapshots=600",
];

/// Topics with their settings.
const TOPICS: [(&str, &[(&str, &str)]); 3] = [
    ("segments", &[("retention.ms", "-1"), ("segment.ms", "2500")]),
    ("codecs", &[("retention.ms", "-1"), ("compression.type", "producer")]),
    (
        "table",
        &[
            ("cleanup.policy", "compact"),
            ("segment.ms", "100"),
            ("min.cleanable.dirty.ratio", "0.01"),
        ],
    ),
];

/// The producer that has sent its sequences 0 to 4 to `codecs`.
const PRODUCER: i64 = 77;

fn folders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/directories")
}

fn batch(from: i64, keys: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for (at, key) in keys.iter().enumerate() {
        let value = format!("{from} {key}");
        let time = BEGIN + 1000 * from + at as i64;
        builder.append(time, Some(key.as_bytes()), Some(value.as_bytes()), &[("h", Some(b"v"))]);
    }
    builder.build()
}

/// Everything that clients of the fixture's broker were told, a line each.
fn answers(client: &mut Client) -> String {
    let mut out = String::new();
    let cluster = client.call(DescribeClusterRequest::default(), 0);
    writeln!(out, "cluster {}", &*cluster.cluster_id).unwrap();
    for (name, _) in TOPICS {
        writeln!(out, "{name} {}", describe_topic(client, name).topic_id).unwrap();
        let ends = [-1, -2, -3].map(|which| list_offset(client, name, which));
        writeln!(out, "{name} ends {ends:?}").unwrap();
        for step in 0..14 {
            let found = list_offset(client, name, BEGIN + 700 * step);
            writeln!(out, "{name} at {step}: {found:?}").unwrap();
        }
        let mut next = ends[1].0;
        while next < ends[0].0 {
            let records = fetch_records(client, name, next);
            for (head, batch) in walk(&records).map(Result::unwrap) {
                let (from, to, crc) = (head.base_offset, head.last_offset(), crc32c::crc32c(batch));
                if from >= next {
                    writeln!(out, "{name} {from} to {to}: {crc:08x}").unwrap();
                }
                next = head.next_offset();
            }
        }
        // Later epochs may begin with every start that has to read.
        let end = epoch_end(client, name, 0);
        writeln!(out, "{name} epoch 0 ends {end:?}").unwrap();
    }
    for group in ["a", "b", "c"] {
        let offset = committed(client, group, "codecs");
        writeln!(out, "group {group}: {offset}").unwrap();
    }
    for sequence in 0..5 {
        let answer = try_produce(client, "codecs", idempotent(PRODUCER, 0, sequence, 1));
        let told = (answer.error_code, answer.base_offset);
        writeln!(out, "producer {PRODUCER} sequence {sequence}: {told:?}").unwrap();
    }
    out
}

/// A broker on a copy of a data directory.
fn on_copy_of(folder: &Path) -> Broker {
    let mut broker = Broker::start(&SETTINGS);
    broker.stop();
    fs::remove_dir_all(broker.directory()).unwrap();
    copy(folder, broker.directory());
    broker
}

#[test]
fn directories_of_all_versions_give_the_answers_they_gave() {
    let mut count = 0;
    for folder in fs::read_dir(folders()).unwrap().map(|entry| entry.unwrap().path()) {
        let expected = fs::read_to_string(folder.join("answers.txt")).unwrap();
        let mut broker = on_copy_of(&folder.join("data"));
        let data = broker.directory().to_str().unwrap();
        let checked = run(&["log", "check", data]);
        let told = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert_eq!(checked.status.code(), Some(0), "{told}");
        for way in ["as it is", "without RocksDB", "after a kill"] {
            broker.restart();
            assert_eq!(answers(&mut broker.connect()), expected, "{}, {way}", folder.display());
            match way {
                "as it is" => {
                    let log = broker.log();
                    let read = "read what no checkpoint covered";
                    assert!(!log.contains(read) && !log.contains("rebuilt"), "{log}");
                    broker.stop();
                    fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
                }
                _ => broker.kill(),
            }
        }
        count += 1;
    }
    assert!(count > 0, "there is a fixture");
}

#[test]
#[ignore = "writes a fixture, once for each format"]
fn write_a_data_directory() {
    let name = std::env::var("FELICE_FIXTURE").expect("FELICE_FIXTURE names it");
    let target = folders().join(name);
    assert!(!target.exists(), "what is there is never written again");
    let mut broker = coordinator(&SETTINGS);
    let mut client = broker.connect();
    for (name, configs) in TOPICS {
        create(&mut client, name, 1, configs);
    }
    for n in 0..8 {
        produce(&mut client, "segments", batch(n, &["a", "b", "c"]));
    }
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        produce(&mut client, "codecs", compressed(&batch(3, &["x", "y"]), codec));
    }
    for n in 0..6 {
        produce(&mut client, "table", batch(n, &["one", "two", "three"][..1 + n as usize % 3]));
    }
    // A later leader epoch.
    broker.kill();
    broker.restart();
    client = broker.connect();
    produce(&mut client, "segments", batch(8, &["d"]));
    produce(&mut client, "table", batch(8, &["one", "two", "four"]));
    produce(&mut client, "table", batch(9, &["five"]));
    for sequence in 0..5 {
        produce(&mut client, "codecs", idempotent(PRODUCER, 0, sequence, 1));
    }
    delete_before(&mut client, "segments", 4);
    commit_simple(&mut client, "a", "codecs", 3);
    commit_simple(&mut client, "a", "codecs", 5);
    commit_simple(&mut client, "b", "codecs", 7);
    let begun = Instant::now();
    while !broker.log().contains("compacted") {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is compacted");
        std::thread::sleep(Duration::from_millis(50));
    }
    let answers = answers(&mut client);
    broker.stop();
    let kept = Folder::new();
    copy(broker.directory(), kept.path());
    for path in below(kept.path()).into_iter().filter(|path| path.is_file()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == ".ballast" || name == ".lock" || name == "LOCK" || name.starts_with("LOG") {
            fs::remove_file(path).unwrap();
        }
    }
    copy(kept.path(), &target.join("data"));
    fs::write(target.join("answers.txt"), answers).unwrap();
}

fn delete_before(client: &mut Client, topic: &str, offset: i64) {
    let partition = DeleteRecordsPartition::default().with_offset(offset);
    let topic =
        DeleteRecordsTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    let request =
        DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
    assert_eq!(client.call(request, 2).topics[0].partitions[0].error_code, 0);
}
