//! PushTelemetry: takes metrics of a client, which `/metrics` shows (KIP-714).
//!
//! Behaviour, in Kafka's order: an instance ID of zero, or one that has pushed for the last time,
//! is INVALID_REQUEST; before the interval is over THROTTLING_QUOTA_EXCEEDED, except for the last
//! push; an old subscription UNKNOWN_SUBSCRIPTION_ID; then the codec and the size. Metrics that
//! cannot be read are INVALID_RECORD.

use std::ops::RangeInclusive;

use kafka_protocol::messages::{PushTelemetryRequest, PushTelemetryResponse};

use super::error::{NONE, telemetry_code};
use super::get_telemetry_subscriptions::client;
use super::topics::id_from_wire;
use super::{Api, Cx, Reply};
use crate::kernel::batch::Codec;
use crate::kernel::telemetry::instances::Push;

/// The API.
pub struct PushTelemetry;

impl Api for PushTelemetry {
    type Request = PushTelemetryRequest;
    type Response = PushTelemetryResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const NAME: &'static str = "PushTelemetry";

    async fn handle(cx: Cx, request: PushTelemetryRequest) -> Reply<PushTelemetryResponse> {
        let codec = match request.compression_type {
            number @ 0..=4 => Codec::of_attributes(number.into()),
            _ => None,
        };
        let push = Push {
            instance: id_from_wire(request.client_instance_id),
            subscription_id: request.subscription_id,
            terminating: request.terminating,
            is_codec_known: codec.is_some(),
            bytes: request.metrics.len(),
        };
        let telemetry = &cx.broker.telemetry;
        let pushed = telemetry.push(push, codec, request.metrics, &client(&cx)).await;
        let code = pushed.map_or_else(|error| telemetry_code(&error), |()| NONE);
        Reply::Now(PushTelemetryResponse::default().with_error_code(code))
    }
}
