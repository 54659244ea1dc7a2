//! InitProducerId: every version; IDs are never given twice, whatever happens to the broker.

use std::collections::HashSet;

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProducerId, TransactionalId,
};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

fn request() -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1)
}

/// A fresh producer ID.
pub fn producer_id(client: &mut Client) -> i64 {
    let response = client.call(request(), 4);
    assert_eq!(response.error_code, 0);
    response.producer_id.0
}

fn check(response: &InitProducerIdResponse, seen: &mut HashSet<i64>, version: i16) {
    assert_eq!((response.error_code, response.throttle_time_ms), (0, 0), "v{version}");
    assert!(response.producer_id.0 >= 0);
    assert_eq!(response.producer_epoch, 0, "v{version}");
    assert!(seen.insert(response.producer_id.0), "v{version}: given twice");
}

#[test]
fn every_version_gives_a_fresh_id() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let mut seen = HashSet::new();
    for version in 0..=5 {
        for _ in 0..3 {
            check(&client.call(request(), version), &mut seen, version);
        }
    }
}

#[test]
fn a_producer_that_names_its_id_gets_another() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let mut seen = HashSet::new();
    for version in 3..=5 {
        let first = client.call(request(), version);
        check(&first, &mut seen, version);
        let again = request().with_producer_id(first.producer_id).with_producer_epoch(0);
        check(&client.call(again, version), &mut seen, version);
    }
}

#[test]
fn trap_04_ids_stay_unique_across_kills() {
    let mut broker = Broker::start(&[]);
    let mut seen = HashSet::new();
    for round in 0..4 {
        let mut client = broker.connect();
        for _ in 0..1_200 {
            assert!(seen.insert(producer_id(&mut client)), "round {round}: given twice");
        }
        if round % 2 == 0 {
            broker.kill();
        } else {
            broker.stop();
            std::fs::remove_dir_all(broker.rocksdb_directory()).expect("it is there");
        }
        broker.restart();
    }
}

#[test]
fn an_empty_transactional_id_is_refused() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 0..=5 {
        let empty = request().with_transactional_id(Some(TransactionalId(text(""))));
        let response = client.call(empty, version);
        assert_eq!(response.error_code, InvalidRequest.code(), "v{version}");
        assert_eq!((response.producer_id.0, response.producer_epoch), (-1, -1));
    }
}

#[test]
fn a_transactional_id_is_refused_for_good_while_there_are_no_transactions() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 0..=5 {
        let named = request().with_transactional_id(Some(TransactionalId(text("x"))));
        let response = client.call(named, version);
        assert_eq!(response.error_code, UnsupportedVersion.code(), "v{version}");
        assert_eq!((response.producer_id.0, response.producer_epoch), (-1, -1));
    }
}
