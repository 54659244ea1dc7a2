//! GetTelemetrySubscriptions: tells a client which of its metrics to push, and how often (KIP-714).
//!
//! Behaviour: a client without an instance ID gets one. Asked again before the interval is over, or
//! before a change of the subscriptions, the answer is THROTTLING_QUOTA_EXCEEDED.

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse};
use kafka_protocol::protocol::StrBytes;

use super::error::telemetry_code;
use super::topics::{id_from_wire, id_to_wire};
use super::{Api, Cx, Reply};
use crate::coordinator::telemetry::Client;
use crate::kernel::batch::Codec;
use crate::random;

/// Codecs that are taken, the best first, as Kafka lists them.
const CODECS: [Codec; 4] = [Codec::Zstd, Codec::Lz4, Codec::Gzip, Codec::Snappy];

/// The API.
pub struct GetTelemetrySubscriptions;

impl Api for GetTelemetrySubscriptions {
    type Request = GetTelemetrySubscriptionsRequest;
    type Response = GetTelemetrySubscriptionsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const NAME: &'static str = "GetTelemetrySubscriptions";

    async fn handle(
        cx: Cx,
        request: GetTelemetrySubscriptionsRequest,
    ) -> Reply<GetTelemetrySubscriptionsResponse> {
        let response = GetTelemetrySubscriptionsResponse::default();
        let mut instance = id_from_wire(request.client_instance_id);
        if instance.is_zero() {
            instance = match random::uuid() {
                Ok(id) => id,
                Err(_) => {
                    return Reply::Now(response.with_error_code(Code::UnknownServerError.code()));
                }
            };
        }
        let telemetry = &cx.broker.telemetry;
        Reply::Now(match telemetry.ask(instance, &client(&cx)) {
            Ok(subscription) => {
                let metrics = subscription.metrics.iter();
                let metrics = metrics.map(|name| StrBytes::from_string(name.to_string()));
                let codecs = CODECS.map(|codec| codec.number() as i8);
                response
                    .with_client_instance_id(id_to_wire(instance))
                    .with_subscription_id(subscription.id)
                    .with_accepted_compression_types(codecs.into())
                    .with_push_interval_ms(subscription.interval_ms)
                    .with_telemetry_max_bytes(telemetry.bytes_max() as i32)
                    .with_delta_temporality(true)
                    .with_requested_metrics(metrics.collect())
            }
            Err(error) => response.with_error_code(telemetry_code(&error)),
        })
    }
}

/// What subscriptions may ask about the client.
pub(super) fn client(cx: &Cx) -> Client {
    let peer = cx.connection.peer;
    let told = cx.connection.client.told();
    Client {
        id: cx.client_id.clone(),
        software: (told.software_name, told.software_version),
        source: (peer.ip().to_canonical().to_string(), peer.port()),
    }
}
