//! DeleteTopics: every version, by name and by ID, and what is left of a deleted topic.

use std::fs;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use protocol_tests::batches::records;
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;
use uuid::Uuid;

use super::requests::*;

fn by_names(names: &[&str], version: i16) -> DeleteTopicsRequest {
    let request = DeleteTopicsRequest::default().with_timeout_ms(TIMEOUT_MS);
    match version {
        ..6 => request.with_topic_names(names.iter().map(|name| topic_name(name)).collect()),
        _ => request.with_topics(
            names
                .iter()
                .map(|name| DeleteTopicState::default().with_name(Some(topic_name(name))))
                .collect(),
        ),
    }
}

fn by_id(id: Uuid) -> DeleteTopicState {
    DeleteTopicState::default().with_name(None).with_topic_id(id)
}

fn codes(response: &DeleteTopicsResponse) -> Vec<i16> {
    response.responses.iter().map(|answer| answer.error_code).collect()
}

fn exists(client: &mut Client, name: &str) -> bool {
    describe_topic(client, name).error_code == 0
}

#[test]
fn every_version_deletes_by_name() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 1..=6 {
        let id = create(&mut client, "t", 2, &[]);
        produce(&mut client, "t", records(1));
        let response = client.call(by_names(&["t", "nobody"], version), version);
        assert_eq!(response.throttle_time_ms, 0);
        assert_eq!(response.responses.len(), 2);
        for answer in &response.responses {
            match answer.name.as_ref().map(|name| &*name.0) {
                Some("t") => {
                    assert_eq!((answer.error_code, &answer.error_message), (0, &None));
                    assert_eq!(answer.topic_id, if version >= 6 { id } else { Uuid::nil() });
                }
                Some("nobody") => {
                    assert_eq!(answer.error_code, UnknownTopicOrPartition.code());
                    assert_eq!(answer.error_message.is_some(), version >= 5, "v{version}");
                }
                other => panic!("an answer for {other:?}"),
            }
        }
        assert!(!exists(&mut client, "t"), "v{version}");
    }
}

#[test]
fn topics_are_deleted_by_id() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 1, &[]);
    let unknown = Uuid::from_bytes([9; 16]);
    let request = DeleteTopicsRequest::default()
        .with_timeout_ms(TIMEOUT_MS)
        .with_topics(vec![by_id(id), by_id(unknown)]);
    let response = client.call(request, 6);
    let answer = |id: Uuid| {
        let answer = response.responses.iter().find(|answer| answer.topic_id == id);
        answer.expect("every ID is answered")
    };
    assert_eq!(answer(id).error_code, 0);
    assert_eq!(answer(id).name, Some(topic_name("t")));
    assert_eq!(answer(unknown).error_code, UnknownTopicId.code());
    assert!(!exists(&mut client, "t"));
}

#[test]
fn a_topic_given_twice_is_not_deleted() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 1, &[]);
    for topics in [
        by_names(&["t", "t"], 6).topics,
        vec![by_id(id), by_id(id)],
        vec![by_names(&["t"], 6).topics.remove(0), by_id(id)],
        vec![by_names(&["t"], 6).topics.remove(0).with_topic_id(id)],
        vec![by_id(Uuid::nil())],
    ] {
        let request = by_names(&[], 6).with_topics(topics.clone());
        let codes = codes(&client.call(request, 6));
        assert!(!codes.is_empty());
        assert!(codes.iter().all(|code| *code == InvalidRequest.code()), "{topics:?}: {codes:?}");
    }
    // Given by ID and by name, it is answered with both.
    let both = vec![by_id(id), by_names(&["t"], 6).topics.remove(0)];
    let answer = client.call(by_names(&[], 6).with_topics(both), 6).responses;
    assert_eq!(
        (answer.len(), &answer[0].name, answer[0].topic_id),
        (1, &Some(topic_name("t")), id)
    );
    assert!(exists(&mut client, "t"));
}

#[test]
fn deletion_can_be_forbidden() {
    let broker = Broker::start(&["delete.topic.enable=false"]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in 1..=6 {
        let code = if version < 3 { InvalidRequest } else { TopicDeletionDisabled };
        assert_eq!(codes(&client.call(by_names(&["t"], version), version)), [code.code()]);
    }
    assert!(exists(&mut client, "t"));
}

#[test]
fn no_time_is_too_little() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for timeout in [0, -1] {
        let request = by_names(&["t"], 6).with_timeout_ms(timeout);
        assert_eq!(codes(&client.call(request, 6)), [RequestTimedOut.code()]);
    }
    assert!(exists(&mut client, "t"));
}

#[test]
fn trap_15_a_recreated_topic_is_another_one() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    let old = create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(5));
    delete(&mut client, "t");
    let new = create(&mut client, "t", 1, &[]);
    assert_ne!(old, new);
    assert_eq!(list_offset(&mut client, "t", -1), (0, -1));
    let mut request = fetch_request("", 0, 0);
    request.topics[0].topic_id = old;
    let response = client.call(request, 13);
    assert_eq!(response.responses[0].partitions[0].error_code, UnknownTopicId.code());
    assert_eq!(produce(&mut client, "t", records(1)), 0);
    broker.kill();
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(describe_topic(&mut client, "t").topic_id, new);
    assert_eq!(list_offset(&mut client, "t", -1), (1, -1));
}

#[test]
fn the_files_of_a_deleted_topic_go() {
    let broker = Broker::start(&["log.segment.delete.delay.ms=0"]);
    let mut client = broker.connect();
    let before = files(&broker);
    create(&mut client, "t", 3, &[]);
    produce(&mut client, "t", records(5));
    assert!(files(&broker) > before);
    delete(&mut client, "t");
    let started = Instant::now();
    while files(&broker) > before {
        assert!(started.elapsed() < Duration::from_secs(10), "files are left");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Number of segment files in the data directory.
fn files(broker: &Broker) -> usize {
    fn count(directory: &std::path::Path) -> usize {
        let Ok(entries) = fs::read_dir(directory) else { return 0 };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths
            .map(|path| match path.is_dir() {
                true => count(&path),
                false => usize::from(path.extension().is_some_and(|end| end == "log")),
            })
            .sum()
    }
    count(broker.directory()) - count(&broker.rocksdb_directory())
}
