//! PushTelemetry: what is taken when, in which codec, and what becomes of it. The codes are Kafka's
//! own, which leaves the metrics themselves unread, and says that it is too soon to a client that
//! asks because its subscription was refused.

use felice::kernel::batch::Codec;
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::PushTelemetryRequest;
use protocol_tests::batches::{HEAD_SIZE, compressed, with_body};
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;
use uuid::Uuid;

use super::telemetry_requests::{ask, metric, pushed, request, subscribe};

const ZERO: Uuid = Uuid::nil();

fn code(client: &mut Client, request: PushTelemetryRequest) -> i16 {
    let response = client.call(request, 0);
    assert_eq!(response.throttle_time_ms, 0);
    response.error_code
}

/// An instance that may push once, and its subscription.
fn instance(client: &mut Client) -> (Uuid, i32) {
    let response = ask(client, ZERO);
    assert_eq!(response.error_code, 0);
    (response.client_instance_id, response.subscription_id)
}

fn with_subscription(settings: &[&str]) -> (Broker, Client) {
    let broker = Broker::start(settings);
    let mut client = broker.connect();
    subscribe(&mut client, "all", &[("metrics", "*"), ("interval.ms", "3600000")]);
    (broker, client)
}

#[test]
fn a_push_comes_once_per_interval_and_last_of_all() {
    let (_broker, mut client) = with_subscription(&[]);
    let (id, subscription) = instance(&mut client);
    let metrics = pushed(&[metric("a.b", 5, 1.5)]);
    let push = request(id, subscription, &metrics);
    assert_eq!(code(&mut client, push.clone()), 0);
    assert_eq!(code(&mut client, push.clone()), ThrottlingQuotaExceeded.code());
    assert_eq!(ask(&mut client, id).error_code, ThrottlingQuotaExceeded.code());
    // The last push may come at any time, and nothing after it.
    assert_eq!(code(&mut client, push.clone().with_terminating(true)), 0);
    assert_eq!(code(&mut client, push.clone()), InvalidRequest.code());
}

#[test]
fn pushes_that_do_not_fit_are_refused_in_order() {
    let (_broker, mut client) = with_subscription(&["telemetry.max.bytes=100"]);
    let too_large = [0; 101];
    assert_eq!(code(&mut client, request(ZERO, 1, &[])), InvalidRequest.code());
    let (id, subscription) = instance(&mut client);
    let other = request(id, subscription.wrapping_add(1), &too_large).with_compression_type(9);
    assert_eq!(code(&mut client, other), UnknownSubscriptionId.code());
    let (id, subscription) = instance(&mut client);
    let codec = request(id, subscription, &too_large).with_compression_type(5);
    assert_eq!(code(&mut client, codec), UnsupportedCompressionType.code());
    let (id, subscription) = instance(&mut client);
    assert_eq!(code(&mut client, request(id, subscription, &too_large)), TelemetryTooLarge.code());
    // A stranger's subscription is none that it was told.
    let stranger = request(Uuid::from_u128(5), subscription, &[]);
    assert_eq!(code(&mut client, stranger), UnknownSubscriptionId.code());
    // Nothing to tell is fine.
    let (id, subscription) = instance(&mut client);
    assert_eq!(code(&mut client, request(id, subscription, &[])), 0);
}

#[test]
fn a_change_of_subscriptions_is_told() {
    let (_broker, mut client) = with_subscription(&[]);
    let (id, subscription) = instance(&mut client);
    subscribe(&mut client, "all", &[("metrics", "x.")]);
    let push = request(id, subscription, &[]);
    assert_eq!(code(&mut client, push), UnknownSubscriptionId.code());
    let response = ask(&mut client, id);
    assert_ne!(response.subscription_id, subscription);
    assert_eq!(code(&mut client, request(id, response.subscription_id, &[])), 0);
}

#[test]
fn every_codec_is_read_and_garbage_is_not() {
    let (_broker, mut client) = with_subscription(&[]);
    let metrics = pushed(&[metric("a.b", 5, 1.5), metric("a.c", 7, 2.0)]);
    for (number, codec) in [(1, Codec::Gzip), (2, Codec::Snappy), (3, Codec::Lz4), (4, Codec::Zstd)]
    {
        let (id, subscription) = instance(&mut client);
        let compressed = compressed(&with_body(1, 0, &metrics), codec).slice(HEAD_SIZE..);
        let push = request(id, subscription, &compressed).with_compression_type(number);
        assert_eq!(code(&mut client, push), 0, "{codec:?}");
        let (id, subscription) = instance(&mut client);
        let push = request(id, subscription, &metrics).with_compression_type(number);
        assert_eq!(code(&mut client, push), InvalidRecord.code(), "{codec:?}");
    }
    for cut in 1..metrics.len() {
        let (id, subscription) = instance(&mut client);
        let push = request(id, subscription, &metrics[..cut]);
        assert_eq!(code(&mut client, push), InvalidRecord.code(), "cut at {cut}");
    }
}
