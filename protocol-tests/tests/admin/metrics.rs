//! Metrics: the page agrees with the table, and the figures with what was done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use felice::metrics::table::{self, Kind};
use kafka_protocol::messages::{MetadataRequest, ProduceRequest};
use protocol_tests::batches::{one, records, with_bad_crc};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;
use protocol_tests::http::{get, series};
use uuid::Uuid;

use crate::group_requests::{commit_request, coordinator, stable_group};
use crate::requests::{create, delete, fetch_records, produce, produce_request, try_produce};
use crate::telemetry_requests::{ask, metric, pushed, request, subscribe};
use crate::{ADMIN, start};

fn page(broker: &Broker) -> String {
    let answer = get(broker.admin_address(), "/metrics");
    assert_eq!(answer.status, 200);
    let openmetrics = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.head.contains(openmetrics), "{}", answer.head);
    assert!(answer.body.ends_with("\n# EOF\n"));
    answer.body
}

fn value(metrics: &str, name: &str) -> f64 {
    series(metrics, name).unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
}

/// The page once it shows something.
fn page_when(broker: &Broker, is_shown: impl Fn(&str) -> bool) -> String {
    for _ in 0..1000 {
        let metrics = page(broker);
        if is_shown(&metrics) {
            return metrics;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it is never shown:\n{}", page(broker));
}

/// Makes the broker do at least one thing of every kind.
fn exercise(broker: &Broker) {
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    produce(&mut client, "t", records(3));
    fetch_records(&mut client, "t", 0);
    try_produce(&mut client, "missing", one(b"x"));
    let member = stable_group(&mut client, "g");
    let answer = client.call(commit_request("g", &member, 1, "t", 1), 7);
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    push_metrics(&mut client);
}

/// Makes a client push a gauge and what came to a sum.
fn push_metrics(client: &mut Client) {
    subscribe(client, "all", &[("metrics", "*")]);
    let told = ask(client, Uuid::nil());
    let metrics = pushed(&[metric("a.gauge", 5, 1.5), metric("a.sum", 7, 2.0)]);
    let push = request(told.client_instance_id, told.subscription_id, &metrics);
    assert_eq!(client.call(push.clone(), 0).error_code, 0);
    assert_eq!(client.call(push.clone(), 0).error_code, 89, "too soon");
    assert_eq!(client.call(push.with_terminating(true), 0).error_code, 0);
}

#[test]
fn what_clients_push_is_shown() {
    let broker = coordinator(&[ADMIN]);
    push_metrics(&mut broker.connect());
    let metrics = page(&broker);
    for (name, expected) in [
        ("felice_client_instances", 1.0),
        ("felice_client_pushes_total", 2.0),
        ("felice_client_telemetry_refused_total", 1.0),
        ("felice_client_series_dropped_total", 0.0),
    ] {
        assert_eq!(value(&metrics, name), expected, "{name}");
    }
    for (name, metric, expected) in [
        ("felice_client_metric", "a.gauge", "1.5"),
        ("felice_client_metric_sum_total", "a.sum", "4.0"),
    ] {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{{")));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{metrics}"));
        for part in ["client_id=\"protocol-tests\"", "attributes=\"topic=t\"", metric] {
            assert!(line.contains(part), "{line}");
        }
        assert!(line.ends_with(&format!(" {expected}")), "{line}");
    }
}

#[test]
fn the_page_shows_the_table() {
    let broker = coordinator(&[ADMIN]);
    exercise(&broker);
    let metrics = page(&broker);
    let mut shown: BTreeMap<&str, &str> = BTreeMap::new();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(shown.insert(name, kind).is_none(), "{name} is there twice");
    }
    let kind = |kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let family = |name: &'static str| name.strip_suffix("_total").unwrap_or(name);
    let expected: BTreeMap<&str, &str> =
        table::rows().map(|row| (family(row.name), kind(row.kind))).collect();
    assert_eq!(shown, expected);
    for row in table::rows() {
        let own = |line: &&str| line.starts_with(row.name) && !line.starts_with('#');
        let series: Vec<&str> = metrics.lines().filter(own).collect();
        let labels = labels(series.first().unwrap_or_else(|| panic!("no {}", row.name)));
        let expected: BTreeSet<&str> = row.labels.iter().copied().collect();
        assert_eq!(labels, expected, "{}", row.name);
    }
}

/// Names of the labels of a series, but the bounds of a histogram.
fn labels(line: &str) -> BTreeSet<&str> {
    let Some((_, rest)) = line.split_once('{') else { return BTreeSet::new() };
    let (inside, _) = rest.split_once('}').unwrap();
    let names = inside.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name);
    names.filter(|name| *name != "le").collect()
}

#[test]
fn records_and_bytes_are_counted_in_and_out() {
    let broker = start(&[]);
    let mut client = broker.connect();
    create(&mut client, "a", 1, &[]);
    create(&mut client, "b", 1, &[]);
    let (three, two) = (records(3), records(2));
    produce(&mut client, "a", three.clone());
    produce(&mut client, "a", three.clone());
    produce(&mut client, "b", two.clone());
    let (of_a, of_b) = (2.0 * three.len() as f64, two.len() as f64);
    assert_eq!(fetch_records(&mut client, "a", 0).len() as f64, of_a);
    let bad = with_bad_crc(&two);
    assert_eq!(try_produce(&mut client, "b", bad).error_code, 2);
    let metrics = page(&broker);
    for (name, expected) in [
        ("felice_messages_in_total", 8.0),
        ("felice_bytes_in_total", of_a + of_b),
        ("felice_bytes_out_total", of_a),
        ("felice_bytes_rejected_total", of_b),
        ("felice_topic_messages_in_total{topic=\"a\"}", 6.0),
        ("felice_topic_messages_in_total{topic=\"b\"}", 2.0),
        ("felice_topic_bytes_in_total{topic=\"b\"}", of_b),
        ("felice_topic_bytes_out_total{topic=\"a\"}", of_a),
        ("felice_topic_bytes_out_total{topic=\"b\"}", 0.0),
        ("felice_partition_end_offset{topic=\"a\",partition=\"0\"}", 6.0),
        ("felice_partition_high_watermark{topic=\"a\",partition=\"0\"}", 6.0),
        ("felice_partition_start_offset{topic=\"a\",partition=\"0\"}", 0.0),
        ("felice_partition_size_bytes{topic=\"a\",partition=\"0\"}", of_a),
        ("felice_log_size_bytes", of_a + of_b),
        ("felice_topics", 2.0),
        ("felice_partitions", 2.0),
        ("felice_partitions_offline", 0.0),
        ("felice_partitions_under_replicated", 0.0),
        ("felice_produce_failed_total", 0.0),
        ("felice_request_errors_total{api=\"Produce\",error=\"CORRUPT_MESSAGE\"}", 1.0),
    ] {
        assert_eq!(value(&metrics, name), expected, "{name}");
    }
    delete(&mut client, "a");
    let metrics = page(&broker);
    assert_eq!(value(&metrics, "felice_messages_in_total"), 8.0, "totals never shrink");
    assert_eq!(series(&metrics, "felice_topic_messages_in_total{topic=\"a\"}"), None);
}

#[test]
fn every_request_is_counted_and_timed_once() {
    let broker = start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    // Pipelined requests of two APIs in turns, with and without an answer.
    for acks in [1, 1, 0, 1, -1, 0, 1] {
        client.send(&produce_request("t", 0, acks, one(b"x")), 9);
        client.send(&produce_request("t", 0, 1, one(b"x")), 9);
        client.send(&MetadataRequest::default(), 9);
    }
    for acks in [1, 1, 0, 1, -1, 0, 1] {
        if acks != 0 {
            client.receive::<ProduceRequest>(9);
        }
        client.receive::<ProduceRequest>(9);
        client.receive::<MetadataRequest>(9);
    }
    // The last answer may be here before it is counted.
    let counted = "felice_request_time_seconds_count{api=\"Metadata\",phase=\"total\"}";
    let metrics = page_when(&broker, |metrics| series(metrics, counted) == Some(7.0));
    for (api, count) in [("Produce", 14.0), ("Metadata", 7.0), ("CreateTopics", 1.0)] {
        let label = format!("api=\"{api}\"");
        assert_eq!(value(&metrics, &format!("felice_requests_total{{{label}}}")), count);
        for phase in ["queue", "local", "remote", "send", "total"] {
            let labels = format!("{{{label},phase=\"{phase}\"}}");
            let timed = value(&metrics, &format!("felice_request_time_seconds_count{labels}"));
            assert_eq!(timed, count, "{api} {phase}");
        }
        let sum = |phase: &str| {
            let labels = format!("{{{label},phase=\"{phase}\"}}");
            value(&metrics, &format!("felice_request_time_seconds_sum{labels}"))
        };
        let parts = sum("queue") + sum("local") + sum("remote") + sum("send");
        assert!((sum("total") - parts).abs() < 1e-6, "{api}: {} is not {parts}", sum("total"));
    }
    assert!(value(&metrics, "felice_log_flush_time_seconds_count") >= 1.0);
}

#[test]
fn connections_and_their_bytes_are_counted() {
    let broker = start(&[]);
    let mut clients: Vec<_> = (0..3).map(|_| broker.connect()).collect();
    let frame = clients[0].frame(&MetadataRequest::default(), 9);
    let mut answered = 0;
    for client in &mut clients {
        client.send_bytes(&frame);
        answered += 4 + client.receive_frame().len();
    }
    let out = "felice_network_bytes_out_total{listener=\"PLAINTEXT\"}";
    let metrics = page_when(&broker, |metrics| series(metrics, out) == Some(answered as f64));
    let of = |name: &str| value(&metrics, &format!("felice_{name}{{listener=\"PLAINTEXT\"}}"));
    assert_eq!((of("connections"), of("connections_opened_total")), (3.0, 3.0));
    assert_eq!(of("network_bytes_in_total"), 3.0 * frame.len() as f64);
    assert_eq!(of("network_bytes_out_total"), answered as f64);
    clients[0].send_bytes(&[0x7f, 0xff, 0xff, 0xff]);
    clients[0].expect_closed();
    clients[1].send_bytes(&[0, 0, 0, 4, 0x7f, 0xff, 0, 0]);
    clients[1].expect_closed();
    let metrics = page(&broker);
    assert_eq!(value(&metrics, "felice_requests_refused_total"), 2.0);
}

#[test]
fn groups_have_states_members_and_lag() {
    let broker = coordinator(&[ADMIN]);
    exercise(&broker);
    let metrics = page(&broker);
    let of_partition = "{group=\"g\",topic=\"t\",partition=\"0\"}";
    for (name, expected) in [
        ("felice_groups{state=\"Stable\"}".to_owned(), 1.0),
        ("felice_group_members{group=\"g\"}".to_owned(), 1.0),
        (format!("felice_group_offset{of_partition}"), 1.0),
        (format!("felice_group_lag{of_partition}"), 2.0),
        ("felice_groups_unlisted".to_owned(), 0.0),
    ] {
        assert_eq!(value(&metrics, &name), expected, "{name}");
    }
    let unknown = "{api=\"Produce\",error=\"UNKNOWN_TOPIC_OR_PARTITION\"}";
    assert_eq!(value(&metrics, &format!("felice_request_errors_total{unknown}")), 1.0);
}

#[test]
fn what_has_no_room_is_counted() {
    let broker = coordinator(&[ADMIN, "metrics.series.max=1"]);
    exercise(&broker);
    stable_group(&mut broker.connect(), "h");
    let metrics = page(&broker);
    let count = |name: &str| metrics.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(count("felice_partition_end_offset{"), 1);
    assert_eq!(count("felice_topic_bytes_in_total{"), 1);
    assert_eq!(count("felice_group_members{"), 1);
    // Two of t, three of __consumer_offsets.
    assert_eq!(value(&metrics, "felice_partitions"), 5.0);
    assert_eq!(value(&metrics, "felice_partitions_unlisted"), 4.0);
    assert_eq!(value(&metrics, "felice_groups_unlisted"), 1.0);
    assert_eq!(value(&metrics, "felice_groups{state=\"Stable\"}"), 2.0);
}
