//! Quotas at work: who is told to wait, for how long, and that the broker waits too. How delays
//! are computed is tested in the kernel.

use std::time::{Duration, Instant};

use kafka_protocol::ResponseError::ThrottlingQuotaExceeded;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, FetchResponse,
    MetadataRequest, ProduceRequest,
};
use protocol_tests::batches::records;
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::alter_client_quotas::{all, alter};
use super::requests::*;

fn limit(broker: &Broker, client_id: &str, key: &str, value: f64) {
    let mut admin = broker.connect().named("admin");
    assert_eq!(alter(&mut admin, &[("client-id", Some(client_id))], &[(key, Some(value))]), 0);
}

/// How long a call takes that is answered only when the connection is read from again.
fn held(client: &mut Client) -> Duration {
    let started = Instant::now();
    client.call(MetadataRequest::default().with_topics(Some(vec![])), 12);
    started.elapsed()
}

fn assert_held(client: &mut Client, told_ms: i32) {
    let held = held(client);
    // The broker's clock began to run when it answered.
    assert!(held + Duration::from_millis(50) > Duration::from_millis(told_ms as u64), "{held:?}");
}

#[test]
fn a_producer_above_its_rate_is_told_and_held() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for (client_id, version) in [("p3", 3), ("p8", 8), ("p9", 9), ("p12", 12)] {
        let mut producer = broker.connect().named(client_id);
        let request = produce_request("t", 0, 1, records(100));
        // A rate that is taken over ten seconds at first, and exceeded by half a second's.
        let bytes = (producer.frame(&request, version).len() - 4) as f64;
        let rate = (bytes / 10.5).floor();
        limit(&broker, client_id, "producer_byte_rate", rate);
        let response = producer.call(request.clone(), version);
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        let delay_ms = ((bytes / rate - 10.0) * 1000.0).round() as i32;
        assert_eq!(response.throttle_time_ms, delay_ms, "v{version}");
        assert_held(&mut producer, delay_ms);
        // Others are not held.
        assert_eq!(client.call(request, version).throttle_time_ms, 0);
    }
    assert_eq!(list_offset(&mut client, "t", -1).0, 800);
}

#[test]
fn requests_behind_a_delayed_one_are_all_answered() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect().named("c");
    create(&mut client, "t", 1, &[]);
    let request = produce_request("t", 0, 1, records(10));
    let frame = client.frame(&request, 9);
    limit(&broker, "c", "producer_byte_rate", ((frame.len() - 4) as f64 / 10.2).floor());
    // They arrive together, and the client closes its side behind them.
    let mut bytes = client.frame(&request, 9);
    let next = MetadataRequest::default().with_topics(Some(vec![]));
    bytes.extend((0..3).flat_map(|_| client.frame(&next, 12)));
    client.send_bytes(&bytes);
    client.finish_sending();
    let (first, response) = client.receive::<ProduceRequest>(9);
    assert!(response.throttle_time_ms > 0);
    for expected in first + 1..first + 4 {
        assert_eq!(client.receive::<MetadataRequest>(12).0, expected);
    }
    client.expect_closed();
}

fn fetched(response: &FetchResponse) -> usize {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.filter_map(|partition| partition.records.as_ref()).map(|records| records.len()).sum()
}

#[test]
fn a_consumer_above_its_rate_gets_an_empty_answer() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(1000));
    for (client_id, version) in [("c4", 4), ("c11", 11), ("c12", 12)] {
        let mut consumer = broker.connect().named(client_id);
        let request = fetch_request("t", 0, 0);
        let whole = fetched(&consumer.call(request.clone(), version));
        limit(&broker, client_id, "consumer_byte_rate", (2.0 * whole as f64 / 10.5).floor());
        let response = consumer.call(request.clone(), version);
        assert_eq!((response.throttle_time_ms, fetched(&response)), (0, whole), "v{version}");
        // A new session would be one that knows no partition.
        let request = request.with_session_epoch(0);
        let response = consumer.call(request, version);
        assert!((1..=520).contains(&response.throttle_time_ms), "{response:?}");
        assert_eq!((response.error_code, response.session_id), (0, 0));
        assert!(response.responses.is_empty());
        assert_held(&mut consumer, response.throttle_time_ms);
    }
}

#[test]
fn a_throttled_session_goes_on() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut consumer = broker.connect().named("c");
    let opened = consumer.call(fetch_request("t", 0, 0).with_session_epoch(0), 12);
    let session = opened.session_id;
    assert_ne!(session, 0);
    produce(&mut client, "t", records(1000));
    let next = |epoch| {
        let request = fetch_request("t", 0, 0).with_topics(vec![]);
        request.with_session_id(session).with_session_epoch(epoch)
    };
    let whole = fetched(&consumer.call(next(1), 12));
    limit(&broker, "c", "consumer_byte_rate", (2.0 * whole as f64 / 10.2).floor());
    assert_eq!(fetched(&consumer.call(next(2), 12)), whole);
    let response = consumer.call(next(3), 12);
    assert!(response.throttle_time_ms > 0 && response.responses.is_empty(), "{response:?}");
    assert_eq!((response.error_code, response.session_id), (0, session));
    let response = consumer.call(next(4), 12);
    assert_eq!((response.error_code, response.session_id), (0, session));
}

#[test]
fn a_batch_above_the_whole_window_still_gets_through() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(1000));
    let whole = fetched(&client.call(fetch_request("t", 0, 0), 12));
    limit(&broker, "c", "consumer_byte_rate", (whole as f64 / 10.5).floor());
    let response = broker.connect().named("c").call(fetch_request("t", 0, 0), 12);
    // Kafka withholds it for ever.
    assert_eq!(fetched(&response), whole);
    assert!(response.throttle_time_ms > 0);
}

#[test]
fn a_client_above_its_share_of_time_is_told_in_any_answer() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect().named("busy");
    create(&mut client, "t", 1, &[]);
    limit(&broker, "busy", "request_percentage", 0.000_001);
    let mut metadata = |version| {
        let request = MetadataRequest::default().with_topics(Some(vec![]));
        client.call(request, version).throttle_time_ms
    };
    // The time of a request counts when the next one is answered.
    let told: Vec<i32> = [3, 9, 12].map(&mut metadata).into();
    assert!(told.contains(&1000) && told.iter().all(|told| *told <= 1000), "{told:?}");
    let response = client.call(produce_request("t", 0, -1, records(1)), 9);
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    assert_eq!(response.throttle_time_ms, 1000);
    let response = client.call(fetch_request("t", 0, 0), 12);
    assert_eq!((response.throttle_time_ms, response.responses.len()), (1000, 0));
}

/// Five partitions a second, saved up for eleven seconds.
const PARTITIONS: f64 = 5.0;
const SAVED: i32 = 55;

fn delay_of(partitions: i32) -> i32 {
    (f64::from(partitions) / PARTITIONS * 1000.0) as i32
}

#[test]
fn changes_above_the_quota_are_refused_or_delayed() {
    let broker = Broker::start(&[]);
    for (client_id, strict) in [("strict", true), ("old", false)] {
        limit(&broker, client_id, "controller_mutation_rate", PARTITIONS);
        let connect = || broker.connect().named(client_id);
        let [a, b, c] = ["a", "b", "c"].map(|name| format!("{client_id}-{name}"));
        let topics = vec![new_topic(&a, SAVED, &[]), new_topic(&b, 3, &[]), new_topic(&c, 1, &[])];
        let request =
            CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(TIMEOUT_MS);
        let response = connect().call(request, if strict { 6 } else { 5 });
        let error = if strict { ThrottlingQuotaExceeded.code() } else { 0 };
        let mut codes: Vec<_> =
            response.topics.iter().map(|t| (t.name.0.to_string(), t.error_code)).collect();
        codes.sort();
        assert_eq!(codes, [(a.clone(), 0), (b.clone(), 0), (c, error)]);
        let owed = if strict { 3 } else { 4 };
        let told = response.throttle_time_ms;
        assert!((1..=delay_of(owed)).contains(&told), "told {told} of {owed}");

        let more = CreatePartitionsTopic::default()
            .with_name(topic_name(&b))
            .with_count(5)
            .with_assignments(None);
        let request =
            CreatePartitionsRequest::default().with_topics(vec![more]).with_timeout_ms(TIMEOUT_MS);
        let response = connect().call(request, if strict { 3 } else { 2 });
        assert_eq!(response.results[0].error_code, error);
        assert!(response.throttle_time_ms > 0);

        let names = vec![topic_name(&a)];
        let request =
            DeleteTopicsRequest::default().with_topic_names(names).with_timeout_ms(TIMEOUT_MS);
        let response = connect().call(request, if strict { 5 } else { 4 });
        assert_eq!(response.responses[0].error_code, error);
        assert!(response.throttle_time_ms > 0);
    }
    let mut client = broker.connect();
    let exists = |client: &mut Client, name| describe_topic(client, name).error_code == 0;
    assert!(exists(&mut client, "strict-a") && !exists(&mut client, "strict-c"));
    assert!(!exists(&mut client, "old-a") && exists(&mut client, "old-c"));
    assert_eq!(describe_topic(&mut client, "strict-b").partitions.len(), 3);
    assert_eq!(describe_topic(&mut client, "old-b").partitions.len(), 5);
}

#[test]
fn an_address_that_connects_too_often_is_turned_away() {
    let broker = Broker::start(&[]);
    let mut admin = broker.connect();
    let ip = [("ip", Some("127.0.0.1"))];
    assert_eq!(alter(&mut admin, &ip, &[("connection_creation_rate", Some(1.0))]), 0);
    let answered = |client: &mut Client| {
        let request = MetadataRequest::default().with_topics(Some(vec![]));
        let frame = client.frame(&request, 12);
        client.send_bytes(&frame);
        client.try_receive_frame().is_some()
    };
    let mut clients: Vec<Client> = (0..20).map(|_| broker.connect()).collect();
    let served = clients.iter_mut().filter_map(|client| answered(client).then_some(())).count();
    // Ten seconds' worth, and one more for each second that went by.
    assert!((10..15).contains(&served), "{served}");
    assert_eq!(all(&mut admin), ["ip=127.0.0.1 connection_creation_rate=1"]);
    assert_eq!(alter(&mut admin, &ip, &[("connection_creation_rate", None)]), 0);
    assert!(answered(&mut broker.connect()));
}
