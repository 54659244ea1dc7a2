//! What a client may cost the broker: frames, connections, idle time, memory.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use protocol_tests::batches::records;
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::requests::*;

/// Whether the broker still answers.
fn is_alive(broker: &Broker) -> bool {
    let request = MetadataRequest::default().with_topics(None);
    broker.connect().call(request, 12).brokers.len() == 1
}

#[test]
fn a_frame_that_is_too_large_closes_the_connection() {
    let broker = Broker::start(&[]);
    for length in [(100 << 20) + 1, i32::MAX, -1, i32::MIN] {
        let mut client = broker.connect();
        client.send_bytes(&length.to_be_bytes());
        client.expect_closed();
    }
    assert!(is_alive(&broker));
}

#[test]
fn the_largest_frame_can_be_set() {
    let broker = Broker::start(&["socket.request.max.bytes=1000"]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let size = |client: &mut Client, bytes: usize| {
        let batch = protocol_tests::batches::one(&vec![7; bytes]);
        client.frame(&produce_request("t", 0, 1, batch), 12)
    };
    let overhead = size(&mut client, 500).len() - 4 - 500;
    let fitting = size(&mut client, 1000 - overhead);
    assert_eq!(fitting.len(), 1004);
    client.send_bytes(&fitting);
    client.receive_frame();
    let too_large = size(&mut client, 1001 - overhead);
    client.send_bytes(&too_large);
    client.expect_closed();
}

#[test]
fn frames_too_short_for_a_header_close_the_connection() {
    let broker = Broker::start(&[]);
    for length in 0..8_usize {
        let mut client = broker.connect();
        let mut frame = (length as i32).to_be_bytes().to_vec();
        frame.extend_from_slice(&[0, 18, 0, 0, 0, 0, 0, 7][..length]);
        client.send_bytes(&frame);
        client.expect_closed();
    }
    assert!(is_alive(&broker));
}

#[test]
fn bodies_that_lie_close_the_connection_and_nothing_else() {
    let broker = Broker::start(&[]);
    let mut witness = broker.connect();
    create(&mut witness, "t", 1, &[]);
    for (key, version, body) in [
        // Metadata v1 with 2^31-1 topics.
        (3, 1, b"\x7f\xff\xff\xff".as_slice()),
        // Metadata v1 with a topic name that is longer than the frame.
        (3, 1, b"\x00\x00\x00\x01\x7f\xffab"),
        // Metadata v1 with a null topic name, where there can be none.
        (3, 1, b"\x00\x00\x00\x01\xff\xff"),
        // Produce v3 cut short.
        (0, 3, b"\xff\xff\x00\x01\x00\x00"),
        // CreateTopics v2 with a negative number of topics below -1.
        (19, 2, b"\xff\xff\xff\xfe\x00\x00\x00\x00\x00"),
    ] {
        let mut client = broker.connect();
        let frame = client.frame_of(key, version, 1, body);
        client.send_bytes(&frame);
        client.expect_closed();
    }
    assert_eq!(produce(&mut witness, "t", records(1)), 0);
}

#[test]
fn announcing_much_takes_no_memory() {
    let broker = Broker::start(&[]);
    let before = broker.resident_bytes();
    let announced = (99_i32 << 20).to_be_bytes();
    let mut connections = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(broker.address()).expect("it listens");
        stream.write_all(&announced).expect("it reads");
        // A Produce header, and the beginning of a body.
        stream.write_all(b"\x00\x00\x00\x0c\x00\x00\x00\x01\xff\xff\x00").expect("it reads");
        stream.write_all(&[1; 4096]).expect("it reads");
        connections.push(stream);
    }
    std::thread::sleep(Duration::from_millis(300));
    let grown = broker.resident_bytes().saturating_sub(before);
    assert!(grown < 24 << 20, "{grown} bytes for 40 announcements of 99 MiB");
    assert!(is_alive(&broker));
}

#[test]
fn connections_are_limited() {
    for limit in ["max.connections=3", "max.connections.per.ip=3"] {
        let broker = Broker::start(&[limit]);
        let mut clients: Vec<Client> = (0..3).map(|_| broker.connect()).collect();
        for client in &mut clients {
            assert_eq!(client.call(ApiVersionsRequest::default(), 0).error_code, 0);
        }
        let mut refused = TcpStream::connect(broker.address()).expect("the port is open");
        refused.set_read_timeout(Some(Duration::from_secs(5))).expect("it takes a timeout");
        let read = refused.read(&mut [0]);
        assert!(read.is_err() || read.is_ok_and(|read| read == 0), "{limit}");
        // Room that is given up can be taken.
        clients.pop();
        let started = Instant::now();
        loop {
            let mut client = broker.connect();
            let frame = client.frame(&ApiVersionsRequest::default(), 0);
            client.send_bytes(&frame);
            if client.try_receive_frame().is_some() {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(5), "{limit}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn idle_connections_are_closed() {
    let broker = Broker::start(&["connections.max.idle.ms=300"]);
    let mut idle = broker.connect();
    let mut busy = broker.connect();
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(800) {
        assert_eq!(busy.call(ApiVersionsRequest::default(), 0).error_code, 0);
        std::thread::sleep(Duration::from_millis(50));
    }
    idle.expect_closed();
}

#[test]
fn a_waiting_client_is_not_idle() {
    let broker = Broker::start(&["connections.max.idle.ms=200"]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let waiting = fetch_request("t", 0, 0).with_max_wait_ms(700).with_min_bytes(1);
    assert_eq!(client.call(waiting, 12).error_code, 0);
}
