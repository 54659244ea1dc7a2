//! GetTelemetrySubscriptions: which clients are told to push what. The answers are Kafka's own,
//! but for the numbers of subscriptions.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::{ApiVersionsRequest, GetTelemetrySubscriptionsResponse};
use protocol_tests::broker::Broker;
use protocol_tests::client::text;
use uuid::Uuid;

use super::telemetry_requests::{ask, subscribe, unsubscribe};

fn metrics(response: &GetTelemetrySubscriptionsResponse) -> Vec<&str> {
    let mut metrics: Vec<&str> = response.requested_metrics.iter().map(|name| &**name).collect();
    metrics.sort_unstable();
    metrics
}

#[test]
fn without_subscriptions_nothing_is_asked_for() {
    let broker = Broker::start(&["telemetry.max.bytes=12345"]);
    let mut client = broker.connect();
    let response = ask(&mut client, Uuid::nil());
    assert_eq!((response.throttle_time_ms, response.error_code), (0, 0));
    assert!(!response.client_instance_id.is_nil());
    assert_eq!(response.accepted_compression_types, [4, 3, 1, 2]);
    assert_eq!((response.push_interval_ms, response.telemetry_max_bytes), (300_000, 12_345));
    assert!(response.delta_temporality && response.requested_metrics.is_empty());
    let other = ask(&mut client, Uuid::nil());
    assert_ne!(other.client_instance_id, response.client_instance_id);
    // One of its own choosing is as good.
    let own = Uuid::from_u128(7);
    assert_eq!(ask(&mut client, own).client_instance_id, own);
}

#[test]
fn subscriptions_that_match_are_put_together() {
    let broker = Broker::start(&[]);
    let mut admin = broker.connect();
    subscribe(&mut admin, "a", &[("metrics", "x.,y."), ("interval.ms", "5000")]);
    subscribe(&mut admin, "b", &[("metrics", "y.,z."), ("match", "client_id=app-.*")]);
    let everything = [("metrics", "*"), ("interval.ms", "900"), ("match", "client_id=all")];
    subscribe(&mut admin, "c", &everything);
    let by_software = "client_software_name=felice-test,client_software_version=1\\..*";
    subscribe(&mut admin, "d", &[("metrics", "s."), ("match", by_software)]);
    let by_address = "client_source_address=127\\.0\\.0\\.1,client_source_port=[0-9]+";
    let by_address = [("metrics", "p."), ("match", by_address), ("interval.ms", "6000")];
    subscribe(&mut admin, "e", &by_address);
    let other = [("metrics", "n."), ("match", "client_source_address=10\\..*,client_id=.*")];
    subscribe(&mut admin, "f", &other);
    for (client_id, expected, interval_ms) in [
        ("other", &["p.", "x.", "y."][..], 5000),
        ("app-1", &["p.", "x.", "y.", "z."], 5000),
        ("my-app-1", &["p.", "x.", "y."], 5000),
        ("all", &["*"], 900),
    ] {
        let response = ask(&mut broker.connect().named(client_id), Uuid::nil());
        assert_eq!(metrics(&response), expected, "{client_id}");
        assert_eq!(response.push_interval_ms, interval_ms, "{client_id}");
    }
    let mut client = broker.connect();
    let software = ApiVersionsRequest::default()
        .with_client_software_name(text("felice-test"))
        .with_client_software_version(text("1.2"));
    assert_eq!(client.call(software, 3).error_code, 0);
    assert_eq!(metrics(&ask(&mut client, Uuid::nil())), ["p.", "s.", "x.", "y."]);
}

#[test]
fn asking_too_often_is_refused_until_something_changes() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let first = ask(&mut client, Uuid::nil());
    let instance = first.client_instance_id;
    let again = ask(&mut client, instance);
    assert_eq!(again.error_code, ThrottlingQuotaExceeded.code());
    assert!(again.client_instance_id.is_nil() && again.accepted_compression_types.is_empty());
    subscribe(&mut client, "a", &[("metrics", "x.")]);
    let changed = ask(&mut client, instance);
    assert_eq!((changed.error_code, metrics(&changed)), (0, vec!["x."]));
    assert_ne!(changed.subscription_id, first.subscription_id);
    assert_eq!(ask(&mut client, instance).error_code, ThrottlingQuotaExceeded.code());
    unsubscribe(&mut client, "a", "metrics");
    let back = ask(&mut client, instance);
    assert_eq!((back.error_code, back.subscription_id), (0, first.subscription_id));
}
