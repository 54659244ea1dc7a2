//! Idempotent producers over Produce: the window of five batches, epochs, the wrap of sequences,
//! and that all of it survives whatever happens to the broker.

use std::time::Duration;

use bytes::Bytes;
use felice::kernel::batch::Codec;
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::ProduceRequest;
use protocol_tests::batches::{self, idempotent, time};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::init_producer_id::producer_id;
use super::requests::*;

/// Code and base offset of an append.
fn send(client: &mut Client, batch: Bytes) -> (i16, i64) {
    let answer = try_produce(client, "t", batch);
    (answer.error_code, answer.base_offset)
}

const OUT_OF_ORDER: (i16, i64) = (45, -1);

#[test]
fn codes_are_those_of_kafka() {
    assert_eq!(OutOfOrderSequenceNumber.code(), OUT_OF_ORDER.0);
}

#[test]
fn trap_04_duplicates_of_the_last_five_batches_get_their_offsets() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let id = producer_id(&mut client);
    for batch in 0..8 {
        let expected = (0, i64::from(batch) * 3);
        assert_eq!(send(&mut client, idempotent(id, 0, batch * 3, 3)), expected);
    }
    for batch in 3..8 {
        let expected = (0, i64::from(batch) * 3);
        assert_eq!(send(&mut client, idempotent(id, 0, batch * 3, 3)), expected, "{batch}");
    }
    for batch in 0..3 {
        assert_eq!(send(&mut client, idempotent(id, 0, batch * 3, 3)), OUT_OF_ORDER, "{batch}");
    }
    assert_eq!(list_offset(&mut client, "t", -1), (24, -1), "nothing was appended twice");
}

#[test]
fn what_is_no_duplicate_and_not_next_is_out_of_order() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let id = producer_id(&mut client);
    assert_eq!(send(&mut client, idempotent(id, 0, 0, 3)), (0, 0));
    assert_eq!(send(&mut client, idempotent(id, 0, 3, 3)), (0, 3));
    for (sequence, count) in [(7, 1), (5, 3), (4, 2), (3, 2), (3, 4), (0, 6), (0, 1)] {
        let batch = idempotent(id, 0, sequence, count);
        assert_eq!(send(&mut client, batch), OUT_OF_ORDER, "{sequence} {count}");
    }
    assert_eq!(send(&mut client, idempotent(id, 0, 6, 1)), (0, 6));
}

#[test]
fn trap_04_sequences_wrap_to_zero() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    let id = producer_id(&mut client);
    let last = i32::MAX;
    // A producer that is not known may begin anywhere; its batch holds the wrap.
    assert_eq!(send(&mut client, idempotent(id, 0, last - 1, 3)), (0, 0));
    assert_eq!(send(&mut client, idempotent(id, 0, 0, 1)), OUT_OF_ORDER);
    assert_eq!(send(&mut client, idempotent(id, 0, 1, 2)), (0, 3));
    assert_eq!(send(&mut client, idempotent(id, 0, last - 1, 3)), (0, 0), "a duplicate");
    // The wrap between two batches.
    let other = producer_id(&mut client);
    assert_eq!(send(&mut client, idempotent(other, 0, last - 1, 2)), (0, 5));
    assert_eq!(send(&mut client, idempotent(other, 0, 0, 2)), (0, 7));
    assert_eq!(send(&mut client, idempotent(other, 0, 2, 1)), (0, 9));
}

#[test]
fn epochs_begin_at_zero_and_never_go_back() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let id = producer_id(&mut client);
    assert_eq!(send(&mut client, idempotent(id, 0, 0, 1)), (0, 0));
    assert_eq!(send(&mut client, idempotent(id, 1, 1, 1)), OUT_OF_ORDER);
    assert_eq!(send(&mut client, idempotent(id, 1, 0, 1)), (0, 1));
    let old = send(&mut client, idempotent(id, 0, 1, 1));
    assert_eq!(old, (InvalidProducerEpoch.code(), -1));
    assert_eq!(send(&mut client, idempotent(id, 1, 1, 1)), (0, 2));
    // The same sequence in the new epoch is no duplicate of that in the old one.
    assert_eq!(send(&mut client, idempotent(id, 3, 0, 1)), (0, 3));
}

#[test]
fn partitions_and_producers_do_not_know_each_other() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 3, &[]);
    let ids = [producer_id(&mut client), producer_id(&mut client)];
    for partition in 0..3 {
        for id in ids {
            let request = produce_request("t", partition, -1, idempotent(id, 0, 0, 1));
            let response = client.call(request, 12);
            assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        }
    }
    for partition in 0..3 {
        let response = client.call(list_offsets_request("t", partition, -1), 10);
        assert_eq!(response.topics[0].partitions[0].offset, 2);
    }
}

#[test]
fn five_batches_in_flight_keep_their_order() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let id = producer_id(&mut client);
    let mut frames = Vec::new();
    for sequence in 0..50 {
        let request = produce_request("t", 0, -1, idempotent(id, 0, sequence, 1));
        frames.extend_from_slice(&client.frame(&request, 12));
    }
    client.send_bytes(&frames);
    for sequence in 0..50 {
        let response = client.receive::<ProduceRequest>(12).1;
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!((answer.error_code, answer.base_offset), (0, sequence));
    }
}

#[test]
fn a_failed_batch_fails_those_behind_it_until_it_is_sent_again() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let id = producer_id(&mut client);
    let good: Vec<Bytes> = (0..3).map(|sequence| idempotent(id, 0, sequence, 1)).collect();
    let mut frames = Vec::new();
    for batch in [&good[0], &batches::with_bad_crc(&good[1]), &good[2]] {
        frames.extend_from_slice(&client.frame(&produce_request("t", 0, -1, batch.clone()), 12));
    }
    client.send_bytes(&frames);
    let codes = [0, 1, 2].map(|_| {
        client.receive::<ProduceRequest>(12).1.responses[0].partition_responses[0].error_code
    });
    assert_eq!(codes, [0, CorruptMessage.code(), OutOfOrderSequenceNumber.code()]);
    assert_eq!(send(&mut client, good[1].clone()), (0, 1));
    assert_eq!(send(&mut client, good[2].clone()), (0, 2));
}

#[test]
fn a_duplicate_has_the_append_time_of_the_original() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let id = producer_id(&mut client);
    let first = try_produce(&mut client, "t", idempotent(id, 0, 0, 1));
    std::thread::sleep(Duration::from_millis(5));
    let again = try_produce(&mut client, "t", idempotent(id, 0, 0, 1));
    assert_eq!((again.error_code, again.base_offset), (0, 0));
    assert_eq!(again.log_append_time_ms, first.log_append_time_ms);
    // Where the producer sets the time, Kafka tells that of the duplicate all the same.
    create(&mut client, "u", 1, &[]);
    assert_eq!(try_produce(&mut client, "u", idempotent(id, 0, 0, 1)).log_append_time_ms, -1);
    assert_eq!(try_produce(&mut client, "u", idempotent(id, 0, 0, 1)).log_append_time_ms, time());
}

/// A way to end a broker.
type Ending = (&'static str, fn(&mut Broker));

/// Ways for a broker to end and begin again.
const WAYS: [Ending; 4] = [
    ("stop", |broker| broker.stop()),
    ("kill", |broker| broker.kill()),
    ("stop, RocksDB deleted", |broker| {
        broker.stop();
        std::fs::remove_dir_all(broker.rocksdb_directory()).expect("it is there");
    }),
    ("kill, RocksDB deleted", |broker| {
        broker.kill();
        std::fs::remove_dir_all(broker.rocksdb_directory()).expect("it is there");
    }),
];

#[test]
fn trap_04_the_window_survives_restarts() {
    for (way, end) in WAYS {
        let mut broker = Broker::start(&[]);
        let mut client = broker.connect();
        create(&mut client, "t", 1, &[]);
        let id = producer_id(&mut client);
        for sequence in 0..7 {
            let batch = batches::compressed(&idempotent(id, 2, sequence * 2, 2), Codec::Lz4);
            assert_eq!(send(&mut client, batch), (0, i64::from(sequence) * 2));
        }
        end(&mut broker);
        broker.restart();
        let mut client = broker.connect();
        for sequence in 2..7 {
            let again = send(&mut client, idempotent(id, 2, sequence * 2, 2));
            assert_eq!(again, (0, i64::from(sequence) * 2), "{way}: {sequence}");
        }
        assert_eq!(send(&mut client, idempotent(id, 2, 2, 2)), OUT_OF_ORDER, "{way}");
        assert_eq!(send(&mut client, idempotent(id, 2, 16, 1)), OUT_OF_ORDER, "{way}");
        let old = send(&mut client, idempotent(id, 1, 0, 1));
        assert_eq!(old, (InvalidProducerEpoch.code(), -1), "{way}");
        assert_eq!(send(&mut client, idempotent(id, 2, 14, 1)), (0, 14), "{way}");
    }
}

#[test]
fn trap_04_a_producer_that_was_forgotten_may_go_on() {
    let broker = Broker::start(&[
        "producer.id.expiration.ms=200",
        "producer.id.expiration.check.interval.ms=50",
    ]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let id = producer_id(&mut client);
    // The silence counts from the time of the records, so these are of this moment.
    let batch = |sequence: i32| {
        let mut batch = felice::kernel::batch::BatchBuilder::new().producer(id, 0, sequence);
        batch.append(batches::time() + 60_000, None, Some(b"x"), &[]);
        batch.build()
    };
    assert_eq!(send(&mut client, batch(0)), (0, 0));
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(send(&mut client, batch(9)), (0, 1), "it is unknown, and may begin anywhere");
}
