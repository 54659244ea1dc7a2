//! Requests of telemetry and subscriptions, and the metrics that they carry, for several modules.

use bytes::Bytes;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse,
    IncrementalAlterConfigsRequest, PushTelemetryRequest,
};
use protocol_tests::client::{Client, text};
use uuid::Uuid;

/// Kafka's number for client metrics among resources.
const CLIENT_METRICS: i8 = 16;
const SET: i8 = 0;
const DELETE: i8 = 1;

fn alter(client: &mut Client, name: &str, operation: i8, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(key, value)| {
        AlterableConfig::default()
            .with_name(text(key))
            .with_value(Some(text(value)))
            .with_config_operation(operation)
    });
    let resource = AlterConfigsResource::default()
        .with_resource_type(CLIENT_METRICS)
        .with_resource_name(text(name))
        .with_configs(configs.collect());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let response = client.call(request, 1);
    assert_eq!(response.responses[0].error_code, 0, "{:?}", response.responses[0].error_message);
}

/// Sets up a subscription.
pub fn subscribe(client: &mut Client, name: &str, configs: &[(&str, &str)]) {
    alter(client, name, SET, configs);
}

/// Takes one setting of a subscription away.
pub fn unsubscribe(client: &mut Client, name: &str, key: &str) {
    alter(client, name, DELETE, &[(key, "")]);
}

/// Asks for the subscription of an instance, zero for a new one.
pub fn ask(client: &mut Client, instance: Uuid) -> GetTelemetrySubscriptionsResponse {
    let request = GetTelemetrySubscriptionsRequest::default().with_client_instance_id(instance);
    client.call(request, 0)
}

/// A field of a protobuf message that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field =
        vec![number << 3 | 2, (bytes.len() & 0x7f) as u8 | 0x80, (bytes.len() >> 7) as u8];
    field.extend_from_slice(bytes);
    field
}

/// A metric with one point: `kind` 5 is a gauge, 7 a sum of which the growth is told.
pub fn metric(name: &str, kind: u8, value: f64) -> Vec<u8> {
    let attribute = [field(1, b"topic"), field(2, &field(1, b"t"))].concat();
    let mut point = field(7, &attribute);
    point.push(4 << 3 | 1);
    point.extend(value.to_le_bytes());
    let mut data = field(1, &point);
    data.extend([2 << 3, 1]);
    [field(1, name.as_bytes()), field(kind, &data)].concat()
}

/// What a client pushes: some metrics.
pub fn pushed(metrics: &[Vec<u8>]) -> Vec<u8> {
    let scope: Vec<u8> = metrics.iter().flat_map(|metric| field(2, metric)).collect();
    field(1, &field(2, &scope))
}

/// A push without compression.
pub fn request(instance: Uuid, subscription: i32, metrics: &[u8]) -> PushTelemetryRequest {
    PushTelemetryRequest::default()
        .with_client_instance_id(instance)
        .with_subscription_id(subscription)
        .with_metrics(Bytes::copy_from_slice(metrics))
}
