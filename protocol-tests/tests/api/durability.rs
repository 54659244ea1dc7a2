//! When records are on the disk: what each `durability` waits for, and what `flush.messages` and
//! `flush.ms` of a topic add. Syncs are counted by the broker's own metric.

use std::time::{Duration, Instant};

use kafka_protocol::messages::ProduceRequest;
use protocol_tests::batches::{one, records};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;
use protocol_tests::http;

use super::config_requests::*;
use super::group_requests::*;
use super::requests::*;

const ADMIN: &str = "admin.listener=127.0.0.1:0";

/// Syncs of segments since the start.
fn syncs(broker: &Broker) -> f64 {
    let page = http::get(broker.admin_address(), "/metrics").body;
    http::series(&page, "felice_log_flush_time_seconds_count").expect("the metric is there")
}

/// Appends one record and waits for the answer.
fn produce_acks(client: &mut Client, topic: &str, acks: i16) {
    let answer = client.call::<ProduceRequest>(produce_request(topic, 0, acks, one(b"x")), 9);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
}

/// Syncs that some appends lead to.
fn syncs_of(broker: &Broker, count: usize, mut append: impl FnMut()) -> f64 {
    let before = syncs(broker);
    (0..count).for_each(|_| append());
    syncs(broker) - before
}

/// Waits until there was one more sync than `before`.
fn wait_for_sync(broker: &Broker, before: f64) {
    let begun = Instant::now();
    while syncs(broker) <= before {
        assert!(begun.elapsed() < Duration::from_secs(10), "there is no sync");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn each_durability_waits_for_what_it_says() {
    for (durability, all) in [("fsync", 4.0), ("os", 0.0), ("none", 0.0)] {
        let broker = coordinator(&[ADMIN, &format!("durability={durability}")]);
        let mut client = broker.connect();
        create(&mut client, "t", 1, &[]);
        let count = syncs_of(&broker, 4, || produce_acks(&mut client, "t", 1));
        assert_eq!(count, 0.0, "{durability}, acks=1");
        let count = syncs_of(&broker, 4, || produce_acks(&mut client, "t", -1));
        assert_eq!(count, all, "{durability}, acks=all");
        // Offsets and metadata follow the same setting.
        let count = syncs_of(&broker, 1, || {
            commit_simple(&mut client, "g", "t", 1);
            create(&mut client, "u", 1, &[]);
        });
        assert_eq!(count > 0.0, all > 0.0, "{durability}, groups and metadata: {count}");
    }
}

#[test]
fn flush_messages_makes_every_answer_wait_whatever_the_acks() {
    for (durability, expected) in [("fsync", 4.0), ("os", 4.0), ("none", 0.0)] {
        let broker = Broker::start(&[ADMIN, &format!("durability={durability}")]);
        let mut client = broker.connect();
        create(&mut client, "t", 1, &[("flush.messages", "1")]);
        let count = syncs_of(&broker, 4, || produce_acks(&mut client, "t", 1));
        assert_eq!(count, expected, "{durability}");
    }
}

#[test]
fn flush_messages_counts_records_and_is_in_force_at_once() {
    let broker = Broker::start(&[ADMIN, "durability=os"]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("flush.messages", "3")]);
    let count = syncs_of(&broker, 9, || produce_acks(&mut client, "t", 1));
    assert_eq!(count, 3.0, "every third record");
    let three = || assert!(produce(&mut client, "t", records(3)) >= 0);
    let count = syncs_of(&broker, 2, three);
    assert_eq!(count, 2.0, "records count, not batches");
    unset(&mut client, TOPIC, "t", "flush.messages");
    assert_eq!(syncs_of(&broker, 9, || produce_acks(&mut client, "t", 1)), 0.0);
    // The broker's key is the default of all topics, and what waits already is not forgotten.
    let before = syncs(&broker);
    set(&mut client, BROKER, "1", "log.flush.interval.messages", "1");
    wait_for_sync(&broker, before);
    assert_eq!(syncs_of(&broker, 4, || produce_acks(&mut client, "t", 1)), 4.0);
}

#[test]
fn flush_ms_syncs_what_nobody_waits_for() {
    let broker = Broker::start(&[ADMIN, "durability=os"]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[("flush.ms", "50")]);
    for acks in [1, -1] {
        let before = syncs(&broker);
        produce_acks(&mut client, "t", acks);
        wait_for_sync(&broker, before);
    }
    // Where it was not set before, and what is unsynced already.
    create(&mut client, "u", 1, &[]);
    let before = syncs(&broker);
    produce_acks(&mut client, "u", 1);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(syncs(&broker), before);
    set(&mut client, BROKER, "1", "log.flush.interval.ms", "100");
    wait_for_sync(&broker, before);
    let before = syncs(&broker);
    produce_acks(&mut client, "u", 1);
    wait_for_sync(&broker, before);
}
