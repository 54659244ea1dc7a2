//! The log is the truth: after a stop, a kill, a lost RocksDB directory or a torn tail, the broker
//! gives the answers that it gave before.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use felice::kernel::batch::{BatchBuilder, Codec};
use kafka_protocol::ResponseError::OffsetOutOfRange;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeGroupsRequest, ListGroupsRequest, MetadataRequest,
};
use protocol_tests::batches::{self, idempotent, records, time};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::group_requests::*;
use super::init_producer_id::producer_id;
use super::requests::*;

/// Topics that hold data, with the settings they were created with.
const TOPICS: [(&str, &[(&str, &str)]); 3] = [
    ("segments", &[("segment.bytes", "1048576"), ("retention.ms", "100000000")]),
    ("codecs", &[("compression.type", "producer"), ("max.message.bytes", "2000000")]),
    ("times", &[("message.timestamp.type", "LogAppendTime")]),
];

/// Leader epochs of all partitions. An unclean end may begin new ones, so they are not compared.
#[derive(Debug)]
struct Epochs(Vec<i32>);

impl PartialEq for Epochs {
    fn eq(&self, _: &Epochs) -> bool {
        true
    }
}

/// Everything that a client can ask and that must not change.
#[derive(Debug, PartialEq)]
struct Answers {
    cluster_id: Option<String>,
    /// Without their leader epochs, which stand beside them.
    topics: Vec<MetadataResponseTopic>,
    leader_epochs: Epochs,
    configs: Vec<(String, Option<String>, i8)>,
    ends: Vec<(i64, i64)>,
    times: Vec<(i64, i64)>,
    records: Vec<Bytes>,
    offsets: Vec<i64>,
    groups: Vec<String>,
    described: Vec<DescribedGroup>,
    duplicates: Vec<(i16, i64)>,
}

fn configs(client: &mut Client, topic: &str) -> Vec<(String, Option<String>, i8)> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(topic))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let result = client.call(request, 4).results.remove(0);
    let configs = result.configs.into_iter().map(|config| {
        (config.name.to_string(), config.value.map(|v| v.to_string()), config.config_source)
    });
    configs.collect()
}

/// Reads a partition from one batch to the next, as a consumer does.
fn read_all(client: &mut Client, topic: &str) -> Vec<Bytes> {
    let end = list_offset(client, topic, -1).0;
    let (mut offset, mut read) = (0, Vec::new());
    while offset < end {
        let records = fetch_records(client, topic, offset);
        let last = batches::heads(&records).last().expect("a batch comes whole").next_offset();
        assert!(last > offset, "reading goes on");
        offset = last;
        read.extend(batches::bodies(&records));
    }
    read
}

fn ask(client: &mut Client, producer: i64) -> Answers {
    let metadata = client.call(MetadataRequest::default().with_topics(None), 12);
    let mut topics = metadata.topics;
    topics.sort_by_key(|topic| topic.name.as_ref().map(|name| name.0.to_string()));
    let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    let leader_epochs = partitions.map(|p| std::mem::replace(&mut p.leader_epoch, -1));
    let leader_epochs = Epochs(leader_epochs.collect());
    let names = TOPICS.map(|(name, _)| name);
    let listed = client.call(ListGroupsRequest::default(), 5);
    let mut groups: Vec<String> =
        listed.groups.iter().map(|group| group.group_id.0.to_string()).collect();
    groups.sort();
    let request =
        DescribeGroupsRequest::default().with_groups(vec![group_id("members"), group_id("a")]);
    let duplicates = (0..5).map(|batch| {
        let answer = try_produce(client, "segments", idempotent(producer, 0, batch, 1));
        (answer.error_code, answer.base_offset)
    });
    let duplicates = duplicates.collect();
    Answers {
        cluster_id: metadata.cluster_id.map(|id| id.to_string()),
        topics,
        leader_epochs,
        configs: names.iter().flat_map(|name| configs(client, name)).collect(),
        ends: names
            .iter()
            .flat_map(|name| [-1, -2, -3].map(|time| list_offset(client, name, time)))
            .collect(),
        times: (0..40)
            .flat_map(|step| names.map(|name| list_offset(client, name, time() + step * 50)))
            .collect(),
        records: names.iter().flat_map(|name| read_all(client, name)).collect(),
        offsets: ["a", "b", "members"].map(|group| committed(client, group, "codecs")).to_vec(),
        groups,
        described: client.call(request, 5).groups,
        duplicates,
    }
}

/// Fills a broker and returns the producer that has sent five batches to the first topic.
fn fill(client: &mut Client) -> i64 {
    for (name, configs) in TOPICS {
        create(client, name, 2, configs);
    }
    for index in 0..50 {
        let mut batch = BatchBuilder::new();
        for record in 0..4 {
            let at = time() + index * 40 + record * 10;
            batch.append(at, Some(b"key"), Some(&[index as u8; 16_000]), &[("h", None)]);
        }
        produce(client, "segments", batch.build());
    }
    let producer = producer_id(client);
    for batch in 0..5 {
        produce(client, "segments", idempotent(producer, 0, batch, 1));
    }
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let batch = batches::at_times(&[time() + 5, time() + 300, time() + 200]);
        produce(client, "codecs", batches::compressed(&batch, codec));
        produce(client, "times", batches::compressed(&records(3), codec));
    }
    commit_simple(client, "a", "codecs", 1);
    commit_simple(client, "a", "codecs", 7);
    commit_simple(client, "b", "codecs", 3);
    let member_id = stable_group(client, "members");
    let request = commit_request("members", &member_id, 1, "codecs", 11);
    assert_eq!(commit(client, 8, request), 0);
    // A group that is at rest is the same after a restart; a member would have to come back.
    let left = client.call(leave_request("members", &[(&member_id, None)]), 5);
    assert_eq!(left.members[0].error_code, 0);
    create(client, "gone", 1, &[]);
    commit_simple(client, "a", "gone", 5);
    delete(client, "gone");
    producer
}

fn delete_rocksdb(broker: &Broker) {
    fs::remove_dir_all(broker.rocksdb_directory()).expect("it is there");
}

#[test]
fn every_kind_of_end_leaves_the_same_answers() {
    let mut broker = coordinator(&[]);
    let mut client = broker.connect();
    let producer = fill(&mut client);
    let before = ask(&mut client, producer);
    assert!(before.duplicates.iter().all(|(code, _)| *code == 0));
    assert_eq!(before.offsets, [7, 3, 11]);
    assert_eq!(before.groups, ["a", "b", "members"]);
    type Ending = (&'static str, fn(&mut Broker));
    let ends: [Ending; 5] = [
        ("kill", |broker| broker.kill()),
        ("stop", |broker| broker.stop()),
        ("stop, RocksDB deleted", |broker| {
            broker.stop();
            delete_rocksdb(broker);
        }),
        ("kill, RocksDB deleted", |broker| {
            broker.kill();
            delete_rocksdb(broker);
        }),
        ("kill again", |broker| broker.kill()),
    ];
    let mut epochs = before.leader_epochs.0.clone();
    for (way, end) in ends {
        end(&mut broker);
        broker.restart();
        let mut client = broker.connect();
        let after = ask(&mut client, producer);
        assert_eq!(after.topics, before.topics, "{way}");
        assert_eq!(after.records.len(), before.records.len(), "{way}");
        let mut pairs = after.leader_epochs.0.iter().zip(&epochs);
        assert!(pairs.all(|(new, old)| new >= old), "{way}: an epoch went back");
        epochs = after.leader_epochs.0.clone();
        assert!(after == before, "{way}:\n{after:#?}\nbut before:\n{before:#?}");
    }
    // And it goes on from there.
    let mut client = broker.connect();
    let end = list_offset(&mut client, "segments", -1).0;
    assert_eq!(produce(&mut client, "segments", idempotent(producer, 0, 5, 1)), end);
    assert!(producer_id(&mut client) > producer);
}

/// The segment file with this content at its end, and its length.
fn file_that_ends_with(directory: &Path, content: &[u8]) -> PathBuf {
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("it can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "log")
                && fs::read(&path).expect("it can be read").ends_with(content)
            {
                return path;
            }
        }
    }
    panic!("no segment ends with the batch");
}

#[test]
fn a_torn_tail_is_cut() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(3));
    let last = batches::one(b"the last one");
    assert_eq!(produce(&mut client, "t", last.clone()), 3);
    broker.kill();
    let path = file_that_ends_with(broker.directory(), &last[16..]);
    let whole = fs::read(&path).expect("it can be read");
    let torn: [(&str, Vec<u8>, i64); 6] = [
        ("garbage behind", [&whole[..], b"garbage"].concat(), 4),
        ("zeros behind", [&whole[..], &[0; 5000]].concat(), 4),
        ("half a batch behind", [&whole[..], &last[..40]].concat(), 4),
        ("a batch that is cut", whole[..whole.len() - 3].to_vec(), 3),
        ("a head that is cut", whole[..whole.len() - last.len() + 20].to_vec(), 3),
        ("a batch with a wrong byte", batches::with_bad_crc(&whole).to_vec(), 3),
    ];
    for (what, content, end) in torn {
        let mut file = OpenOptions::new().write(true).truncate(true).open(&path).expect("it opens");
        file.write_all(&content).expect("there is room");
        drop(file);
        // A checkpoint would know that more was durable once.
        delete_rocksdb(&broker);
        broker.restart();
        let mut client = broker.connect();
        assert_eq!(list_offset(&mut client, "t", -1), (end, -1), "{what}");
        assert_eq!(batches::heads(&fetch_records(&mut client, "t", 0)).len() as i64, end - 2);
        assert_eq!(produce(&mut client, "t", records(2)), end, "{what}");
        let stored = fetch_records(&mut client, "t", end);
        assert_eq!(batches::bodies(&stored), [records(2).slice(16..)], "{what}");
        broker.kill();
    }
}

#[test]
fn what_retention_has_removed_stays_removed() {
    let mut broker = Broker::start(&["log.retention.check.interval.ms=50"]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("segment.bytes", "1048576"), ("retention.bytes", "1048576")]);
    for _ in 0..6 {
        produce(&mut client, "t", batches::one(&vec![7; 600_000]));
    }
    let started = Instant::now();
    // The active segment and the bytes before it stay.
    while list_offset(&mut client, "t", -2).0 < 4 {
        assert!(started.elapsed() < Duration::from_secs(10), "nothing is removed");
        std::thread::sleep(Duration::from_millis(20));
    }
    let start = list_offset(&mut client, "t", -2);
    assert_eq!(start, (4, -1));
    for way in ["kill", "RocksDB deleted"] {
        let data = fetch(&mut client, "t", start.0 - 1);
        assert_eq!((data.error_code, data.log_start_offset), (OffsetOutOfRange.code(), -1));
        let data = fetch(&mut client, "t", start.0);
        assert_eq!((data.error_code, data.log_start_offset), (0, start.0));
        assert_eq!(list_offset(&mut client, "t", 0), (start.0, time()), "{way}");
        assert_eq!(list_offset(&mut client, "t", -1), (6, -1), "{way}");
        broker.kill();
        if way == "RocksDB deleted" {
            delete_rocksdb(&broker);
        }
        broker.restart();
        client = broker.connect();
        assert_eq!(list_offset(&mut client, "t", -2), start, "{way}");
    }
    assert_eq!(try_produce(&mut client, "t", records(1)).log_start_offset, start.0);
}

#[test]
fn topics_survive_a_kill_right_after_their_creation() {
    let mut broker = Broker::start(&[]);
    for round in 0..5 {
        let mut client = broker.connect();
        let name = format!("t{round}");
        let id = create(&mut client, &name, 3, &[("retention.ms", "7777")]);
        if round > 0 {
            delete(&mut client, &format!("t{}", round - 1));
        }
        broker.kill();
        if round % 2 == 1 {
            delete_rocksdb(&broker);
        }
        broker.restart();
        let mut client = broker.connect();
        let topic = describe_topic(&mut client, &name);
        assert_eq!((topic.error_code, topic.topic_id, topic.partitions.len()), (0, id, 3));
        let retention = ("retention.ms".to_owned(), Some("7777".to_owned()), 1);
        assert!(configs(&mut client, &name).contains(&retention));
        let all = client.call(MetadataRequest::default().with_topics(None), 12);
        assert_eq!(all.topics.len(), 1, "what was deleted stays so");
    }
}

#[test]
fn acknowledged_batches_survive_a_kill_under_load() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut acknowledged = 0;
    for _ in 0..5 {
        let mut client = broker.connect();
        let mut frames = Vec::new();
        for _ in 0..200 {
            frames.extend(client.frame(&produce_request("t", 0, -1, records(1)), 12));
        }
        client.send_bytes(&frames);
        for _ in 0..60 {
            let response = client.receive::<kafka_protocol::messages::ProduceRequest>(12).1;
            let answer = &response.responses[0].partition_responses[0];
            assert_eq!(answer.error_code, 0);
            acknowledged = answer.base_offset + 1;
        }
        broker.kill();
        broker.restart();
        let mut client = broker.connect();
        let end = list_offset(&mut client, "t", -1).0;
        assert!(end >= acknowledged, "{acknowledged} were acknowledged, {end} are left");
        assert_eq!(read_all(&mut client, "t").len() as i64, end);
    }
}
