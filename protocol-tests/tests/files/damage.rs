//! Damaged files under a broker: the batch that is hit is refused, all others are served, and what
//! RocksDB holds makes no difference.

use std::fs;

use kafka_protocol::ResponseError::CorruptMessage;
use kafka_protocol::messages::OffsetForLeaderEpochRequest;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use protocol_tests::batches::{self, idempotent, time};
use protocol_tests::broker::{Broker, run};
use protocol_tests::client::Client;

use super::tree::{Folder, below, copy, segments};
use crate::group_requests::*;
use crate::init_producer_id::producer_id;
use crate::requests::*;

/// Batches of one record each in the topic of these tests, in three segments.
const COUNT: i64 = 30;

/// A stopped broker whose topic `t` has a record every 10 ms, some 90 KB each.
fn stopped() -> Broker {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("segment.bytes", "1048576")]);
    for n in 0..COUNT {
        let mut batch = felice::kernel::batch::BatchBuilder::new();
        batch.append(time() + 10 * n, Some(b"key"), Some(&[n as u8; 90_000]), &[]);
        produce(&mut client, "t", batch.build());
    }
    broker.stop();
    broker
}

/// Where the batches lie: file, position, size.
fn places(broker: &Broker) -> Vec<(std::path::PathBuf, usize, usize)> {
    let mut places = Vec::new();
    for file in segments(broker.directory()) {
        let mut position = 0;
        for head in batches::heads(&fs::read(&file).unwrap()) {
            places.push((file.clone(), position, head.total_size()));
            position += head.total_size();
        }
    }
    places
}

fn check(client: &mut Client, lost: i64, what: &str) {
    for offset in 0..COUNT {
        let answer = fetch(client, "t", offset);
        if offset == lost {
            assert_eq!(answer.error_code, CorruptMessage.code(), "{what}: {offset}");
            assert!(answer.records.is_none_or(|records| records.is_empty()));
            continue;
        }
        assert_eq!(answer.error_code, 0, "{what}: {offset}");
        let records = answer.records.unwrap();
        let head = batches::heads(&records)[0];
        assert_eq!(head.base_offset, offset, "{what}");
        let value = records[head.total_size() - 2];
        assert_eq!(value, offset as u8, "{what}: the record of {offset}");
    }
    for offset in 0..COUNT {
        let expected = if offset == lost { offset + 1 } else { offset };
        let found = list_offset(client, "t", time() + 10 * offset);
        assert_eq!(found, (expected, time() + 10 * expected), "{what}");
    }
    assert_eq!(list_offset(client, "t", -1).0, COUNT, "{what}");
    assert_eq!(list_offset(client, "t", -3).0, COUNT - 1, "{what}");
}

#[test]
fn a_damaged_batch_is_refused_and_all_others_are_served() {
    let mut broker = stopped();
    let places = places(&broker);
    assert_eq!(places.len() as i64, COUNT);
    assert!(places.iter().filter(|(_, position, _)| *position == 0).count() >= 3);
    let kept = Folder::new();
    copy(broker.directory(), kept.path());
    let damages: [(&str, usize, u8); 6] = [
        ("record", 5000, 1),
        ("length", 8, 0x20),
        ("length that leads astray", 10, 0x40),
        ("magic", 16, 1),
        ("offset", 4, 1),
        ("leader epoch", 15, 1),
    ];
    for (round, (what, byte, bit)) in damages.into_iter().enumerate() {
        // At the beginning, in the middle and at the end of a closed segment.
        let lost = [0, 4, 10, 13, 14, 7][round];
        let (file, position, _) = &places[lost];
        fs::remove_dir_all(broker.directory()).unwrap();
        copy(kept.path(), broker.directory());
        let mut bytes = fs::read(file).unwrap();
        bytes[position + byte] ^= bit;
        fs::write(file, bytes).unwrap();
        if round % 2 == 1 && what != "leader epoch" {
            fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
        }
        broker.restart();
        let mut client = broker.connect();
        check(&mut client, lost as i64, what);
        let log = broker.log();
        let told = log.lines().filter(|line| {
            line.contains(file.to_str().unwrap()) && line.contains(&format!("position={position}"))
        });
        assert!(told.count() >= 1, "{what}: {} at {position} is not in\n{log}", file.display());
        broker.stop();
    }
}

#[test]
fn a_topic_with_damage_takes_and_keeps_new_records() {
    let mut broker = stopped();
    let (file, position, _) = places(&broker)[3].clone();
    let mut bytes = fs::read(&file).unwrap();
    bytes[position + 100] ^= 1;
    fs::write(&file, bytes).unwrap();
    fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
    for round in 0..3 {
        broker.restart();
        let mut client = broker.connect();
        assert_eq!(fetch(&mut client, "t", 3).error_code, CorruptMessage.code());
        assert_eq!(produce(&mut client, "t", batches::one(b"new")), COUNT + round);
        let stored = fetch_records(&mut client, "t", COUNT + round);
        assert_eq!(batches::bodies(&stored), [batches::one(b"new").slice(16..)]);
        if round == 1 { broker.kill() } else { broker.stop() }
    }
}

/// What RocksDB could be wrong about.
#[derive(Debug, PartialEq)]
struct Answers {
    ends: Vec<(i64, i64)>,
    times: Vec<(i64, i64)>,
    committed: Vec<i64>,
    duplicates: Vec<(i16, i64)>,
    epochs: Vec<(i32, i64)>,
}

/// What OffsetForLeaderEpoch tells of partition 0 of a topic.
pub fn epoch_end(client: &mut Client, topic: &str, epoch: i32) -> (i32, i64) {
    let partition = OffsetForLeaderPartition::default().with_leader_epoch(epoch);
    let topic = OffsetForLeaderTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![topic]);
    let answer = client.call(request, 4).topics.remove(0).partitions.remove(0);
    assert_eq!(answer.error_code, 0);
    (answer.leader_epoch, answer.end_offset)
}

fn ask(client: &mut Client, producer: i64) -> Answers {
    let duplicates = (0..5).map(|batch| {
        let answer = try_produce(client, "t", idempotent(producer, 0, batch, 1));
        (answer.error_code, answer.base_offset)
    });
    Answers {
        duplicates: duplicates.collect(),
        ends: [-1, -2, -3].map(|which| list_offset(client, "t", which)).to_vec(),
        times: (0..40).map(|n| list_offset(client, "t", time() + 7 * n)).collect(),
        committed: (0..20).map(|n| committed(client, &format!("g{n}"), "t")).collect(),
        // Later epochs may have begun since.
        epochs: (0..3).map(|epoch| epoch_end(client, "t", epoch)).collect(),
    }
}

#[test]
fn a_rocksdb_that_is_gone_cut_or_garbage_changes_no_answer() {
    let mut broker = coordinator(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("segment.bytes", "1048576")]);
    // Each unclean end begins a leader epoch.
    for round in 0..3 {
        for n in 0..8 {
            let mut batch = felice::kernel::batch::BatchBuilder::new();
            let at = time() + 100 * round + 10 * n;
            batch.append(at, Some(b"key"), Some(&[n as u8; 90_000]), &[]);
            produce(&mut client, "t", batch.build());
        }
        broker.kill();
        broker.restart();
        client = broker.connect();
    }
    let producer = producer_id(&mut client);
    for batch in 0..5 {
        produce(&mut client, "t", idempotent(producer, 0, batch, 1));
    }
    for n in 0..20 {
        commit_simple(&mut client, &format!("g{n}"), "t", 100 + n);
    }
    let before = ask(&mut client, producer);
    assert!(before.duplicates.iter().all(|(code, _)| *code == 0), "{before:?}");
    assert_eq!(before.epochs.iter().map(|(_, end)| *end).collect::<Vec<_>>(), [8, 16, 24]);
    broker.stop();
    let kept = Folder::new();
    copy(broker.directory(), kept.path());
    type Loss = fn(&std::path::Path);
    let losses: [(&str, Loss); 6] = [
        ("gone", |folder| fs::remove_dir_all(folder).unwrap()),
        ("cut", |folder| spoil(folder, "", |bytes| bytes[..bytes.len() / 2].to_vec())),
        ("garbage", |folder| spoil(folder, "", |bytes| vec![0x5a; bytes.len()])),
        ("empty", |folder| spoil(folder, "", |_| Vec::new())),
        ("tables are garbage", |folder| spoil(folder, "sst", flip_some)),
        ("a file", |folder| {
            fs::remove_dir_all(folder).unwrap();
            fs::write(folder, "not a folder").unwrap();
        }),
    ];
    for (what, lose) in losses {
        fs::remove_dir_all(broker.directory()).unwrap();
        copy(kept.path(), broker.directory());
        lose(&broker.rocksdb_directory());
        broker.restart();
        let after = ask(&mut broker.connect(), producer);
        assert_eq!(after, before, "{what}");
        broker.kill();
        broker.restart();
        assert_eq!(ask(&mut broker.connect(), producer), before, "{what}, after a kill");
        broker.kill();
    }
}

/// Changes every file below a folder that has an ending.
fn spoil(folder: &std::path::Path, ending: &str, change: fn(Vec<u8>) -> Vec<u8>) {
    for path in below(folder).into_iter().filter(|path| path.is_file()) {
        let has = path.extension().is_some_and(|found| found.to_string_lossy() == ending);
        if ending.is_empty() || has {
            let bytes = fs::read(&path).unwrap();
            fs::write(path, change(bytes)).unwrap();
        }
    }
}

fn flip_some(mut bytes: Vec<u8>) -> Vec<u8> {
    let data = bytes.len().saturating_sub(200);
    bytes[..data].iter_mut().step_by(50).for_each(|byte| *byte ^= 0x10);
    bytes
}

#[test]
fn a_damaged_metadata_log_is_told_and_left_as_it_is() {
    // In the middle after a stop, and in the last batch after a kill: what was durable is no tail.
    for is_killed in [false, true] {
        let mut broker = Broker::start(&[]);
        let mut client = broker.connect();
        for n in 0..5 {
            create(&mut client, &format!("t{n}"), 1, &[]);
        }
        if is_killed {
            // The checkpoint follows the answer.
            std::thread::sleep(std::time::Duration::from_millis(300));
            broker.kill();
        } else {
            broker.stop();
        }
        let folder = broker.directory().join("__cluster_metadata-0");
        let mut files = below(&folder).into_iter();
        let file = files.find(|path| path.to_string_lossy().ends_with(".log")).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        let hit = if is_killed { bytes.len() - 3 } else { bytes.len() / 2 };
        bytes[hit] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let data = broker.directory().to_str().unwrap();
        let output = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{told}");
        assert!(told.contains("metadata log") && told.contains("position="), "{told}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
}

#[test]
fn leader_epochs_end_where_the_log_was_cut() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for _ in 0..4 {
        produce(&mut client, "t", batches::records(2));
    }
    assert_eq!(epoch_end(&mut client, "t", 0), (0, 8));
    broker.kill();
    fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
    let file = segments(broker.directory()).remove(0);
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 20]).unwrap();
    broker.restart();
    client = broker.connect();
    // A consumer at 8 in epoch 0 learns that the log now ends before.
    assert_eq!(epoch_end(&mut client, "t", 0), (0, 6));
    assert_eq!(epoch_end(&mut client, "t", 1), (1, 6));
    assert_eq!(produce(&mut client, "t", batches::records(3)), 6);
    for end in ["stop", "kill", "stop, RocksDB deleted", "kill"] {
        assert_eq!(epoch_end(&mut client, "t", 0), (0, 6), "{end}");
        assert_eq!(epoch_end(&mut client, "t", 1), (1, 9), "{end}");
        if end == "kill" {
            broker.kill()
        } else {
            broker.stop()
        }
        if end == "stop, RocksDB deleted" {
            fs::remove_dir_all(broker.rocksdb_directory()).unwrap();
        }
        broker.restart();
        client = broker.connect();
    }
    assert_eq!(batches::heads(&fetch_records(&mut client, "t", 6))[0].leader_epoch, 1);
}
