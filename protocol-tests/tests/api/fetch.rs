//! Fetch: every version, limits, errors and waiting. Sessions have a file of their own.

use std::time::{Duration, Instant};

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse};
use protocol_tests::batches::{self, records};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;
use uuid::Uuid;

use super::requests::*;

/// Fetches in a version, by ID where the version has IDs.
fn fetch_in(
    client: &mut Client,
    version: i16,
    topic: (&str, Uuid),
    mut request: FetchRequest,
) -> FetchResponse {
    if version >= 13 {
        for wanted in &mut request.topics {
            wanted.topic = topic_name("");
            wanted.topic_id = topic.1;
        }
    }
    let response = client.call(request, version);
    for answered in &response.responses {
        match version {
            13.. => assert_eq!(answered.topic_id, topic.1),
            _ => assert_eq!(&*answered.topic.0, topic.0),
        }
    }
    response
}

fn only(response: &FetchResponse) -> &PartitionData {
    assert_eq!((response.responses.len(), response.responses[0].partitions.len()), (1, 1));
    &response.responses[0].partitions[0]
}

#[test]
fn trap_10_every_version_reads() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(3));
    produce(&mut client, "t", records(2));
    let whole = fetch_records(&mut client, "t", 0);
    assert_eq!(batches::heads(&whole).len(), 2);
    for version in 4..=18 {
        for isolation in [0, 1] {
            let request = fetch_request("t", 0, 0).with_isolation_level(isolation);
            let response = fetch_in(&mut client, version, ("t", id), request);
            assert_eq!((response.throttle_time_ms, response.error_code), (0, 0), "v{version}");
            assert_eq!((response.session_id, response.node_endpoints.len()), (0, 0));
            let data = only(&response);
            assert_eq!((data.partition_index, data.error_code), (0, 0), "v{version}");
            assert_eq!((data.high_watermark, data.last_stable_offset), (5, 5), "v{version}");
            assert_eq!(data.log_start_offset, if version >= 5 { 0 } else { -1 }, "v{version}");
            assert_eq!(data.preferred_read_replica.0, -1, "v{version}");
            assert_eq!(data.records.as_ref(), Some(&whole), "v{version}");
            // Aborted transactions are a matter of read_committed alone.
            let aborted = data.aborted_transactions.as_ref().map(Vec::len);
            assert_eq!(aborted, (isolation == 1).then_some(0), "v{version}");
        }
    }
}

#[test]
fn trap_06_aborted_transactions_are_told_to_readers_of_committed_records_alone() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(3));
    for offset in [0, 3] {
        let request = fetch_request("t", 0, offset);
        let uncommitted = client.call(request.clone(), 12);
        assert_eq!(only(&uncommitted).aborted_transactions, None);
        let committed = client.call(request.with_isolation_level(1), 12);
        assert_eq!(only(&committed).aborted_transactions, Some(Vec::new()));
    }
}

#[test]
fn every_version_tells_errors() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(3));
    let nobody = ("nobody", Uuid::from_bytes([9; 16]));
    for version in 4..=18 {
        let unknown = if version >= 13 { UnknownTopicId } else { UnknownTopicOrPartition };
        for (topic, partition, offset, code) in [
            (("t", id), 0, 4, OffsetOutOfRange),
            (("t", id), 0, -1, OffsetOutOfRange),
            (("t", id), 1, 0, UnknownTopicOrPartition),
            (("t", id), -1, 0, UnknownTopicOrPartition),
            (nobody, 0, 0, unknown),
        ] {
            // An error is not waited for.
            let request = fetch_request(topic.0, partition, offset).with_max_wait_ms(20_000);
            let response = fetch_in(&mut client, version, topic, request.with_min_bytes(1));
            let data = only(&response);
            assert_eq!(data.error_code, code.code(), "v{version} {topic:?} {partition} {offset}");
            assert_eq!(data.partition_index, partition);
            assert_eq!((data.high_watermark, data.last_stable_offset), (-1, -1));
            assert_eq!(data.log_start_offset, -1);
            assert!(data.records.as_ref().is_none_or(|records| records.is_empty()));
        }
    }
    let request = fetch_request("t", 0, 0);
    let response = fetch_in(&mut client, 13, ("t", Uuid::nil()), request);
    assert_eq!(only(&response).error_code, UnknownTopicId.code());
}

#[test]
fn the_end_of_the_log_is_empty_and_no_error() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for end in [0, 3] {
        let data = fetch(&mut client, "t", end);
        assert_eq!((data.error_code, data.high_watermark, data.log_start_offset), (0, end, 0));
        assert_eq!(data.last_stable_offset, end);
        assert_eq!(data.records.map(|records| records.len()), Some(0));
        produce(&mut client, "t", records(3));
    }
}

#[test]
fn reading_begins_at_the_batch_that_holds_the_offset() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for _ in 0..3 {
        produce(&mut client, "t", records(10));
    }
    for (offset, first) in [(0, 0), (9, 0), (10, 10), (15, 10), (29, 20)] {
        let heads = batches::heads(&fetch_records(&mut client, "t", offset));
        assert_eq!(heads[0].base_offset, first);
        assert_eq!(heads.last().map(|head| head.last_offset()), Some(29));
    }
}

fn limited(client: &mut Client, partition_bytes: i32, bytes: i32) -> Vec<usize> {
    let mut topic = fetch_topic("t", &[(0, 0), (1, 0), (2, 0)]);
    for partition in &mut topic.partitions {
        partition.partition_max_bytes = partition_bytes;
    }
    let request = FetchRequest::default()
        .with_max_bytes(bytes)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let response = client.call(request, 12);
    let partitions = &response.responses[0].partitions;
    assert!(partitions.iter().all(|partition| partition.error_code == 0));
    assert_eq!(partitions.iter().map(|p| p.partition_index).collect::<Vec<_>>(), [0, 1, 2]);
    partitions.iter().map(|p| p.records.as_ref().map_or(0, |records| records.len())).collect()
}

#[test]
fn limits_cut_at_exactly_their_bytes() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 3, &[]);
    let size = records(10).len();
    for partition in [1, 2] {
        for _ in 0..4 {
            client.call(produce_request("t", partition, 1, records(10)), 12);
        }
    }
    let large = 1 << 20;
    let bytes = size as i32;
    // Partition 0 is empty, so the first that has records is partition 1.
    assert_eq!(limited(&mut client, large, large), [0, 4 * size, 4 * size]);
    assert_eq!(limited(&mut client, bytes + 7, large), [0, size + 7, size + 7]);
    assert_eq!(limited(&mut client, 3 * bytes, large), [0, 3 * size, 3 * size]);
    // Only the first one that has records gets a batch that is too large.
    assert_eq!(limited(&mut client, 7, large), [0, size, 0]);
    assert_eq!(limited(&mut client, 0, large), [0, size, 0]);
    assert_eq!(limited(&mut client, large, 7), [0, size, 0]);
    assert_eq!(limited(&mut client, large, 0), [0, size, 0]);
    // What the first one leaves of the whole is the limit of the next.
    assert_eq!(limited(&mut client, large, 4 * bytes), [0, 4 * size, 0]);
    assert_eq!(limited(&mut client, large, 5 * bytes + 9), [0, 4 * size, size + 9]);
    assert_eq!(limited(&mut client, 2 * bytes, 3 * bytes), [0, 2 * size, size]);
}

#[test]
fn the_broker_limits_an_answer() {
    let broker = Broker::start(&["fetch.max.bytes=2048"]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for _ in 0..10 {
        produce(&mut client, "t", batches::one(&[7; 1000]));
    }
    let data = fetch(&mut client, "t", 0);
    assert_eq!(data.records.map(|records| records.len()), Some(2048));
}

#[test]
fn a_partition_given_twice_is_read_from_its_last_offset() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for _ in 0..3 {
        produce(&mut client, "t", records(1));
    }
    for epoch in [-1, 0] {
        let request = FetchRequest::default()
            .with_max_bytes(1 << 20)
            .with_session_epoch(epoch)
            .with_topics(vec![fetch_topic("t", &[(0, 0), (0, 2)])]);
        let response = client.call(request, 12);
        let stored = only(&response).records.clone().expect("there are records");
        assert_eq!(batches::heads(&stored)[0].base_offset, 2);
    }
}

#[test]
fn trap_13_leader_epochs_are_checked() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(3));
    let mut ask = |version: i16, current: i32, last: i32, offset: i64| {
        let mut request = fetch_request("t", 0, offset).with_max_wait_ms(20_000).with_min_bytes(1);
        let partition = &mut request.topics[0].partitions[0];
        partition.current_leader_epoch = current;
        partition.last_fetched_epoch = last;
        only(&client.call(request, version)).clone()
    };
    for version in [9, 11, 12] {
        assert_eq!(ask(version, 0, -1, 0).error_code, 0);
        assert_eq!(ask(version, 1, -1, 0).error_code, UnknownLeaderEpoch.code());
        assert_eq!(ask(version, -2, -1, 0).error_code, 0);
    }
    assert_eq!(ask(12, 0, 0, 0).error_code, 0);
    assert_eq!(ask(12, 0, 1, 0).error_code, OffsetOutOfRange.code());
    // Beyond the end of its epoch a consumer is told where its history parted.
    let diverged = ask(12, 0, 0, 9);
    assert_eq!(diverged.error_code, 0);
    assert_eq!((diverged.diverging_epoch.epoch, diverged.diverging_epoch.end_offset), (0, 3));
}

#[test]
fn a_replica_is_not_served() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", records(1));
    for replica in [0, 1, 7] {
        let mut request = fetch_request("t", 0, 0).with_replica_id(BrokerId(replica));
        let response = client.call(request.clone(), 12);
        assert_eq!(only(&response).error_code, NotLeaderOrFollower.code(), "{replica}");
        assert_eq!(only(&response).high_watermark, -1);
        request.topics[0].partitions[0].partition = 1;
        let response = client.call(request, 12);
        assert_eq!(only(&response).error_code, UnknownTopicOrPartition.code());
    }
    let consumer = fetch_request("t", 0, 0).with_replica_id(BrokerId(-2));
    assert_eq!(only(&client.call(consumer, 12)).error_code, 0);
}

#[test]
fn nonsense_is_refused() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in [4, 6] {
        let response = client.call(fetch_request("t", 0, 0).with_isolation_level(2), version);
        assert_eq!(only(&response).error_code, InvalidRequest.code());
        let response = client.call(fetch_request("t", 0, 0).with_max_bytes(-1), version);
        assert_eq!(only(&response).error_code, InvalidRequest.code());
    }
    for version in [7, 12] {
        let response = client.call(fetch_request("t", 0, 0).with_isolation_level(-1), version);
        assert_eq!(response.error_code, InvalidRequest.code());
        let response = client.call(fetch_request("t", 0, 0).with_max_bytes(-1), version);
        assert_eq!(response.error_code, InvalidRequest.code());
    }
}

/// A request that waits for as many bytes.
fn waiting(offset: i64, bytes: usize, wait_ms: i32) -> FetchRequest {
    fetch_request("t", 0, offset).with_max_wait_ms(wait_ms).with_min_bytes(bytes as i32)
}

#[test]
fn a_long_poll_ends_when_there_is_enough() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let mut producer = broker.connect();
    create(&mut client, "t", 1, &[]);
    let size = records(1).len();
    for version in [4, 11, 12] {
        let end = list_offset(&mut producer, "t", -1).0;
        client.send(&waiting(end, 2 * size, 20_000), version);
        client.expect_silence(Duration::from_millis(30));
        produce(&mut producer, "t", records(1));
        // Half of it is not enough.
        client.expect_silence(Duration::from_millis(30));
        let produced = Instant::now();
        produce(&mut producer, "t", records(1));
        let response = client.receive::<FetchRequest>(version).1;
        assert!(produced.elapsed() < Duration::from_secs(2), "{:?}", produced.elapsed());
        let data = only(&response);
        assert_eq!(data.records.as_ref().map(|records| records.len()), Some(2 * size));
        assert_eq!(data.high_watermark, end + 2);
    }
}

#[test]
fn a_long_poll_ends_when_its_time_is_up() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let started = Instant::now();
    let response = client.call(waiting(0, 1, 200), 12);
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(195), "{elapsed:?}");
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    assert_eq!((only(&response).error_code, only(&response).high_watermark), (0, 0));
    // Too few bytes leave then too.
    produce(&mut client, "t", records(1));
    let response = client.call(waiting(0, 1 << 20, 100), 12);
    assert_eq!(only(&response).records.as_ref().map(|r| r.len()), Some(records(1).len()));
}

#[test]
fn nothing_is_waited_for_without_need() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let started = Instant::now();
    client.call(waiting(0, 1, 0), 12);
    client.call(waiting(0, 1, -5), 12);
    client.call(waiting(0, 0, 20_000), 12);
    let nothing = FetchRequest::default().with_max_wait_ms(20_000).with_min_bytes(1);
    let response = client.call(nothing.with_max_bytes(1000).with_session_epoch(-1), 12);
    assert_eq!(response.responses.len(), 0);
    produce(&mut client, "t", records(1));
    client.call(waiting(0, 1, 20_000), 12);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_long_poll_ends_when_its_topic_is_deleted() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let id = create(&mut client, "t", 1, &[]);
    let mut request = waiting(0, 1, 10_000);
    request.topics[0].topic = topic_name("");
    request.topics[0].topic_id = id;
    client.send(&request, 13);
    client.expect_silence(Duration::from_millis(30));
    let deleted = Instant::now();
    delete(&mut broker.connect(), "t");
    let response = client.receive::<FetchRequest>(13).1;
    assert!(deleted.elapsed() < Duration::from_secs(5), "{:?}", deleted.elapsed());
    let code = only(&response).error_code;
    assert!([UnknownTopicId.code(), UnknownTopicOrPartition.code()].contains(&code), "{code}");
}

#[test]
fn a_long_poll_does_not_hold_up_the_end_of_the_broker() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    client.send(&waiting(0, 1, 20_000), 12);
    client.expect_silence(Duration::from_millis(30));
    let stopped = Instant::now();
    broker.stop();
    assert!(stopped.elapsed() < Duration::from_secs(3), "{:?}", stopped.elapsed());
}
