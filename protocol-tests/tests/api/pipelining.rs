//! Many requests on one connection: order of effects and of answers, whatever way the bytes come.

use std::time::{Duration, Instant};

use bytes::Buf;
use kafka_protocol::messages::{FetchRequest, ListOffsetsRequest, MetadataRequest, ProduceRequest};
use protocol_tests::batches::{self, records};
use protocol_tests::broker::Broker;

use super::requests::*;

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let first = 2;
    let mut frames = Vec::new();
    for round in 0..100 {
        let acks = if round % 2 == 0 { 1 } else { -1 };
        frames.extend(client.frame(&produce_request("t", 0, acks, records(1)), 12));
        frames.extend(client.frame(&MetadataRequest::default().with_topics(None), 12));
        frames.extend(client.frame(&fetch_request("t", 0, round), 12));
        frames.extend(client.frame(&list_offsets_request("t", 0, -1), 10));
    }
    client.send_bytes(&frames);
    for round in 0..100 {
        let at = first + 4 * round as i32;
        let (correlation_id, produced) = client.receive::<ProduceRequest>(12);
        assert_eq!(correlation_id, at);
        assert_eq!(produced.responses[0].partition_responses[0].base_offset, round);
        assert_eq!(client.receive::<MetadataRequest>(12).0, at + 1);
        // A later request sees what an earlier one did.
        let (correlation_id, fetched) = client.receive::<FetchRequest>(12);
        assert_eq!(correlation_id, at + 2);
        let data = &fetched.responses[0].partitions[0];
        assert_eq!(data.error_code, 0);
        assert!(data.high_watermark > round, "{} in round {round}", data.high_watermark);
        let stored = data.records.as_ref().expect("there are records");
        assert_eq!(batches::heads(stored)[0].base_offset, round);
        let (correlation_id, listed) = client.receive::<ListOffsetsRequest>(10);
        assert_eq!(correlation_id, at + 3);
        assert!(listed.topics[0].partitions[0].offset > round);
    }
}

#[test]
fn nothing_overtakes_a_long_poll() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let waiting = fetch_request("t", 0, 0).with_max_wait_ms(300).with_min_bytes(1);
    let started = Instant::now();
    client.send(&waiting, 12);
    client.send(&MetadataRequest::default().with_topics(None), 12);
    client.expect_silence(Duration::from_millis(100));
    assert_eq!(client.receive::<FetchRequest>(12).1.error_code, 0);
    assert!(started.elapsed() >= Duration::from_millis(295));
    assert_eq!(client.receive::<MetadataRequest>(12).1.topics.len(), 1);
}

#[test]
fn frames_may_come_in_pieces() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut frame = client.frame(&produce_request("t", 0, -1, records(2)), 12);
    frame.extend(client.frame(&list_offsets_request("t", 0, -1), 10));
    for byte in frame.chunks(1) {
        client.send_bytes(byte);
    }
    assert_eq!(client.receive::<ProduceRequest>(12).1.responses.len(), 1);
    assert_eq!(client.receive::<ListOffsetsRequest>(10).1.topics[0].partitions[0].offset, 2);
}

#[test]
fn large_frames_come_through() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("max.message.bytes", "20000000")]);
    let large = batches::one(&vec![7; 16 << 20]);
    assert_eq!(produce(&mut client, "t", large.clone()), 0);
    let stored = fetch_records(&mut client, "t", 0);
    assert_eq!(batches::bodies(&stored), [large.slice(16..)]);
}

#[test]
fn acks_0_leaves_no_gap_among_the_answers() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut frames = Vec::new();
    for acks in [0, 1, 0, 0, -1, 0] {
        frames.extend(client.frame(&produce_request("t", 0, acks, records(1)), 12));
    }
    frames.extend(client.frame(&list_offsets_request("t", 0, -1), 10));
    client.send_bytes(&frames);
    for offset in [1, 4] {
        let response = client.receive::<ProduceRequest>(12).1;
        assert_eq!(response.responses[0].partition_responses[0].base_offset, offset);
    }
    assert_eq!(client.receive::<ListOffsetsRequest>(10).1.topics[0].partitions[0].offset, 6);
}

#[test]
fn what_came_before_a_bad_frame_is_answered() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut frames = client.frame(&produce_request("t", 0, -1, records(1)), 12);
    frames.extend(client.frame_of(999, 0, 1, b""));
    frames.extend(client.frame(&produce_request("t", 0, -1, records(1)), 12));
    client.send_bytes(&frames);
    // The batch is appended in any case; its answer may be lost with the connection.
    while let Some(mut frame) = client.try_receive_frame() {
        assert_eq!(frame.get_i32(), 2, "only the first request may be answered");
    }
    assert_eq!(list_offset(&mut broker.connect(), "t", -1), (1, -1));
}

#[test]
fn a_client_that_has_ended_sending_gets_its_answers() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for _ in 0..10 {
        client.send(&produce_request("t", 0, -1, records(1)), 12);
    }
    client.finish_sending();
    for offset in 0..10 {
        let response = client.receive::<ProduceRequest>(12).1;
        assert_eq!(response.responses[0].partition_responses[0].base_offset, offset);
    }
    client.expect_closed();
}

#[test]
fn trap_14_offsets_are_dense_under_many_producers() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let mut offsets: Vec<i64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = broker.connect();
                    let produced = (0..50).map(|_| produce(&mut client, "t", records(3)));
                    produced.collect::<Vec<i64>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends well")).collect()
    });
    offsets.sort_unstable();
    assert_eq!(offsets, (0..200).map(|batch| batch * 3).collect::<Vec<i64>>());
    let stored = fetch_records(&mut client, "t", 0);
    let mut next = 0;
    for head in batches::heads(&stored) {
        assert_eq!(head.base_offset, next);
        next = head.next_offset();
    }
    assert_eq!(next, 600);
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let broker = Broker::start(&[]);
    let mut producer = broker.connect();
    create(&mut producer, "t", 1, &[("max.message.bytes", "2000000")]);
    produce(&mut producer, "t", batches::one(&vec![7; 1 << 20]));
    let before = broker.resident_bytes();
    let mut client = broker.connect();
    let count = 300;
    let mut frames = Vec::new();
    for _ in 0..count {
        frames.extend(client.frame(&fetch_request("t", 0, 0), 12));
    }
    client.send_bytes(&frames);
    std::thread::sleep(Duration::from_millis(300));
    let grown = broker.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for answers of 300 MiB that nobody reads");
    // Others are served meanwhile, and the answers come once they are read.
    assert_eq!(list_offset(&mut producer, "t", -1), (1, -1));
    for _ in 0..count {
        let frame = client.receive_frame();
        assert!(frame.len() > 1 << 20);
    }
}
