//! Fetch: incremental sessions (KIP-227).

use std::time::{Duration, Instant};

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::fetch_request::{FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use protocol_tests::batches::{self, records};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;
use uuid::Uuid;

use super::requests::*;

const VERSION: i16 = 12;

fn request(id: i32, epoch: i32, topics: Vec<FetchTopic>) -> FetchRequest {
    FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_session_id(id)
        .with_session_epoch(epoch)
        .with_topics(topics)
}

fn ask(client: &mut Client, id: i32, epoch: i32, topics: Vec<FetchTopic>) -> FetchResponse {
    client.call(request(id, epoch, topics), VERSION)
}

/// Partition and error code of everything answered.
fn answered(response: &FetchResponse) -> Vec<(i32, i16)> {
    assert_eq!(response.error_code, 0);
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| (partition.partition_index, partition.error_code)).collect()
}

fn refused(response: &FetchResponse) -> i16 {
    assert_eq!((response.session_id, response.responses.len()), (0, 0), "an error has no body");
    response.error_code
}

/// A topic `t` of three partitions and a session on all of them at their end.
fn session(client: &mut Client) -> i32 {
    create(client, "t", 3, &[]);
    let response = ask(client, 0, 0, vec![fetch_topic("t", &[(0, 0), (1, 0), (2, 0)])]);
    assert_eq!(answered(&response), [(0, 0), (1, 0), (2, 0)], "the first answer is full");
    assert!(response.session_id > 0);
    response.session_id
}

fn produce_to(client: &mut Client, partition: i32) {
    let response = client.call(produce_request("t", partition, -1, records(1)), 12);
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
}

#[test]
fn every_version_has_sessions() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 1, &[]);
    for version in 7..=18 {
        let mut topic = fetch_topic("t", &[(0, 0)]);
        if version >= 13 {
            topic.topic = topic_name("");
            topic.topic_id = id;
        }
        let first = client.call(request(0, 0, vec![topic.clone()]), version);
        assert!(first.session_id > 0, "v{version}");
        assert_eq!(answered(&first), [(0, 0)]);
        let next = client.call(request(first.session_id, 1, vec![]), version);
        assert_eq!(next.session_id, first.session_id, "v{version}");
        assert_eq!(answered(&next), [], "v{version}: nothing is new");
        let closed = client.call(request(first.session_id, -1, vec![topic]), version);
        assert_eq!(closed.session_id, 0, "v{version}");
        assert_eq!(answered(&closed), [(0, 0)]);
    }
}

#[test]
fn an_answer_names_what_is_new() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = session(&mut client);
    assert_eq!(answered(&ask(&mut client, id, 1, vec![])), []);
    produce_to(&mut client, 1);
    let response = ask(&mut client, id, 2, vec![]);
    assert_eq!(answered(&response), [(1, 0)]);
    assert_eq!(response.responses[0].partitions[0].high_watermark, 1);
    // Records come again until the client asks for the next offset.
    assert_eq!(answered(&ask(&mut client, id, 3, vec![])), [(1, 0)]);
    let moved = vec![fetch_topic("t", &[(1, 1)])];
    assert_eq!(answered(&ask(&mut client, id, 4, moved)), []);
    produce_to(&mut client, 2);
    produce_to(&mut client, 0);
    let mut both = answered(&ask(&mut client, id, 5, vec![]));
    both.sort_unstable();
    assert_eq!(both, [(0, 0), (2, 0)]);
}

#[test]
fn trap_09_an_empty_incremental_request_waits() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = session(&mut client);
    let started = Instant::now();
    let waiting = request(id, 1, vec![]).with_max_wait_ms(200).with_min_bytes(1);
    assert_eq!(answered(&client.call(waiting, VERSION)), []);
    assert!(started.elapsed() >= Duration::from_millis(195), "{:?}", started.elapsed());
    let waiting = request(id, 2, vec![]).with_max_wait_ms(20_000).with_min_bytes(1);
    client.send(&waiting, VERSION);
    client.expect_silence(Duration::from_millis(30));
    produce_to(&mut broker.connect(), 2);
    assert_eq!(answered(&client.receive::<FetchRequest>(VERSION).1), [(2, 0)]);
}

#[test]
fn partitions_are_added_and_forgotten() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = session(&mut client);
    create(&mut client, "u", 1, &[]);
    // A partition that is new to the session is answered, with or without records.
    let added = ask(&mut client, id, 1, vec![fetch_topic("u", &[(0, 0)])]);
    assert_eq!(answered(&added), [(0, 0)]);
    assert_eq!(&*added.responses[0].topic.0, "u");
    produce_to(&mut client, 0);
    produce_to(&mut client, 1);
    let forgotten =
        ForgottenTopic::default().with_topic(topic_name("t")).with_partitions(vec![0, 2]);
    let request = request(id, 2, vec![]).with_forgotten_topics_data(vec![forgotten]);
    assert_eq!(answered(&client.call(request, VERSION)), [(1, 0)]);
    assert_eq!(answered(&ask(&mut client, id, 3, vec![])), [(1, 0)]);
}

#[test]
fn a_session_that_forgets_everything_is_closed() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = session(&mut client);
    let all = ForgottenTopic::default().with_topic(topic_name("t")).with_partitions(vec![0, 1, 2]);
    let last = request(id, 1, vec![]).with_forgotten_topics_data(vec![all]);
    let closed = client.call(last, VERSION);
    assert_eq!((closed.error_code, closed.session_id, closed.responses.len()), (0, 0, 0));
    assert_eq!(refused(&ask(&mut client, id, 2, vec![])), FetchSessionIdNotFound.code());
}

#[test]
fn a_wrong_epoch_is_refused_and_the_session_survives() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = session(&mut client);
    for epoch in [2, 7] {
        let code = refused(&ask(&mut client, id, epoch, vec![]));
        assert_eq!(code, InvalidFetchSessionEpoch.code());
    }
    assert_eq!(answered(&ask(&mut client, id, 1, vec![])), []);
    let again = refused(&ask(&mut client, id, 1, vec![]));
    assert_eq!(again, InvalidFetchSessionEpoch.code());
    assert_eq!(answered(&ask(&mut client, id, 2, vec![])), []);
}

#[test]
fn unknown_sessions_are_refused() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = session(&mut client);
    let other = if id == 12_345 { 54_321 } else { 12_345 };
    for (id, epoch) in [(other, 1), (0, 1), (0, -2)] {
        let code = refused(&ask(&mut client, id, epoch, vec![]));
        assert_eq!(code, FetchSessionIdNotFound.code(), "{id} {epoch}");
    }
}

#[test]
fn a_full_request_closes_or_replaces_its_session() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = session(&mut client);
    let whole = || vec![fetch_topic("t", &[(0, 0), (1, 0)])];
    let replaced = ask(&mut client, id, 0, whole());
    assert_eq!(answered(&replaced), [(0, 0), (1, 0)]);
    assert!(replaced.session_id > 0 && replaced.session_id != id);
    let gone = refused(&ask(&mut client, id, 1, vec![]));
    assert_eq!(gone, FetchSessionIdNotFound.code());
    let id = replaced.session_id;
    assert_eq!(answered(&ask(&mut client, id, 1, vec![])), []);
    let closed = ask(&mut client, id, -1, whole());
    assert_eq!((closed.session_id, answered(&closed)), (0, vec![(0, 0), (1, 0)]));
    let gone = refused(&ask(&mut client, id, 2, vec![]));
    assert_eq!(gone, FetchSessionIdNotFound.code());
}

#[test]
fn a_session_may_begin_empty_and_move_between_connections() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let empty = ask(&mut client, 0, 0, vec![]);
    assert!(empty.session_id > 0);
    let mut other = broker.connect();
    let added = ask(&mut other, empty.session_id, 1, vec![fetch_topic("t", &[(0, 0)])]);
    assert_eq!(answered(&added), [(0, 0)]);
    assert_eq!(answered(&ask(&mut client, empty.session_id, 2, vec![])), []);
}

#[test]
fn errors_are_repeated() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let code = UnknownTopicOrPartition.code();
    let first = ask(&mut client, 0, 0, vec![fetch_topic("t", &[(0, 0), (5, 0)])]);
    assert_eq!(answered(&first), [(0, 0), (5, code)]);
    for epoch in 1..4 {
        let next = ask(&mut client, first.session_id, epoch, vec![]);
        assert_eq!(answered(&next), [(5, code)]);
    }
    let mut unknown = fetch_topic("", &[(0, 0)]);
    unknown.topic_id = Uuid::from_bytes([9; 16]);
    let first = client.call(request(0, 0, vec![unknown]), 13);
    assert_eq!(answered(&first), [(0, UnknownTopicId.code())]);
    for epoch in 1..4 {
        let next = client.call(request(first.session_id, epoch, vec![]), 13);
        assert_eq!(answered(&next), [(0, UnknownTopicId.code())]);
    }
}

#[test]
fn an_error_ends_when_the_topic_is_there() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let code = UnknownTopicOrPartition.code();
    let first = ask(&mut client, 0, 0, vec![fetch_topic("t", &[(0, 0)])]);
    assert_eq!(answered(&first), [(0, code)]);
    create(&mut client, "t", 1, &[]);
    assert_eq!(answered(&ask(&mut client, first.session_id, 1, vec![])), [(0, 0)]);
    assert_eq!(answered(&ask(&mut client, first.session_id, 2, vec![])), []);
}

#[test]
fn names_and_ids_do_not_mix_in_a_session() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = session(&mut client);
    let code = refused(&client.call(request(id, 1, vec![]), 13));
    assert_eq!(code, FetchSessionTopicIdError.code());
}

#[test]
fn without_a_free_place_there_is_no_session() {
    let broker = Broker::start(&["max.incremental.fetch.session.cache.slots=1"]);
    let mut client = broker.connect();
    let id = session(&mut client);
    let second = ask(&mut client, 0, 0, vec![fetch_topic("t", &[(0, 0)])]);
    assert_eq!((second.session_id, answered(&second)), (0, vec![(0, 0)]));
    assert_eq!(answered(&ask(&mut client, id, 1, vec![])), []);
    ask(&mut client, id, -1, vec![]);
    let third = ask(&mut client, 0, 0, vec![fetch_topic("t", &[(0, 0)])]);
    assert!(third.session_id > 0);
}

#[test]
fn the_first_with_records_gets_a_whole_batch_in_session_order() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = session(&mut client);
    for partition in 0..3 {
        produce_to(&mut client, partition);
    }
    let small = request(id, 1, vec![]).with_max_bytes(1);
    let response = client.call(small, VERSION);
    let partitions = &response.responses[0].partitions;
    let with_records =
        partitions.iter().filter(|p| p.records.as_ref().is_some_and(|r| r.len() > 1));
    let whole: Vec<_> = with_records.collect();
    assert_eq!(whole.len(), 1);
    let stored = whole[0].records.as_ref().expect("it has records");
    assert_eq!(batches::heads(stored).len(), 1);
}
