//! Short forms of the requests about configurations, and what their answers hold.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use protocol_tests::client::{Client, text};

/// Kafka's numbers of the kinds of resources.
pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;
pub const LOGGER: i8 = 8;
pub const METRICS: i8 = 16;
pub const GROUP: i8 = 32;

/// Kafka's numbers of the operations.
pub const SET: i8 = 0;
pub const DELETE: i8 = 1;
pub const APPEND: i8 = 2;
pub const SUBTRACT: i8 = 3;

/// A resource with its changes, each a key, an operation and a value.
pub fn altered(kind: i8, name: &str, ops: &[(&str, i8, Option<&str>)]) -> AlterConfigsResource {
    let configs = ops.iter().map(|(key, op, value)| {
        AlterableConfig::default()
            .with_name(text(key))
            .with_config_operation(*op)
            .with_value(value.map(text))
    });
    AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.collect())
}

/// Code and text of the answer about each resource, in order.
pub fn alter(
    client: &mut Client,
    version: i16,
    resources: Vec<AlterConfigsResource>,
) -> Vec<(i16, Option<String>)> {
    let named: Vec<_> =
        resources.iter().map(|r| (r.resource_type, r.resource_name.clone())).collect();
    let request = IncrementalAlterConfigsRequest::default().with_resources(resources);
    let response = client.call(request, version);
    assert_eq!(response.throttle_time_ms, 0);
    let told: Vec<_> =
        response.responses.iter().map(|r| (r.resource_type, r.resource_name.clone())).collect();
    assert_eq!(told, named, "each resource is answered in the order of the request");
    let answers = response.responses.iter();
    answers.map(|r| (r.error_code, r.error_message.as_ref().map(|m| m.to_string()))).collect()
}

/// Sets one key, which must succeed.
pub fn set(client: &mut Client, kind: i8, name: &str, key: &str, value: &str) {
    let answers = alter(client, 1, vec![altered(kind, name, &[(key, SET, Some(value))])]);
    assert_eq!(answers, [(0, None)], "{key} of {name:?}");
}

/// Deletes one key, which must succeed.
pub fn unset(client: &mut Client, kind: i8, name: &str, key: &str) {
    let answers = alter(client, 1, vec![altered(kind, name, &[(key, DELETE, None)])]);
    assert_eq!(answers, [(0, None)], "{key} of {name:?}");
}

/// Value and source of one key as it is described; `None` if it is not.
pub fn described(
    client: &mut Client,
    kind: i8,
    name: &str,
    key: &str,
) -> Option<(Option<String>, i8)> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(vec![text(key)]));
    let response = client.call(DescribeConfigsRequest::default().with_resources(vec![resource]), 4);
    assert_eq!(response.results[0].error_code, 0, "{:?}", response.results[0].error_message);
    let config = response.results[0].configs.first()?;
    Some((config.value.as_ref().map(|value| value.to_string()), config.config_source))
}

/// The same as short texts, as `value@source`.
pub fn shown(client: &mut Client, kind: i8, name: &str, key: &str) -> String {
    match described(client, kind, name, key) {
        Some((value, source)) => format!("{}@{source}", value.as_deref().unwrap_or("null")),
        None => "nothing".to_owned(),
    }
}
