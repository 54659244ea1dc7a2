//! DescribeConfigs: the configuration of topics and of this broker, with where each value comes
//! from.
//!
//! Behaviour: what there is to tell about a key is said by [`crate::config::dynamic`]. A broker
//! tells its own configuration only; with an empty name, what was set for all brokers at run time.
//! Sensitive values are null.
//!
//! Version notes: 1+ sources and synonyms on demand (KIP-226); 3+ types, and documentation on
//! demand (KIP-569).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use super::error::{message, meta_code};
use super::{Api, Cx, Reply};
use crate::config::dynamic::{self, Described};
use crate::kernel::meta::topics::validate_name;
use crate::kernel::meta::{Image, Resource};
use crate::kernel::types::NodeId;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

/// The API.
pub struct DescribeConfigs;

impl Api for DescribeConfigs {
    type Request = DescribeConfigsRequest;
    type Response = DescribeConfigsResponse;
    const VERSIONS: RangeInclusive<i16> = 1..=4;
    const NAME: &'static str = "DescribeConfigs";

    async fn handle(cx: Cx, request: DescribeConfigsRequest) -> Reply<DescribeConfigsResponse> {
        let image = cx.broker.control.image();
        let shown = Shown {
            synonyms: request.include_synonyms,
            documentation: request.include_documentation,
        };
        let results = request.resources.iter().map(|resource| {
            let result = DescribeConfigsResult::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            match describe(&cx, &image, resource) {
                Ok(configs) => {
                    let listed = configs.into_iter().filter(|config| is_listed(resource, config));
                    result
                        // Kafka's is empty, not null.
                        .with_error_message(Some(StrBytes::default()))
                        .with_configs(listed.map(|config| shape(config, shown)).collect())
                }
                Err((code, text)) => {
                    result.with_error_code(code).with_error_message(Some(message(text)))
                }
            }
        });
        let results = results.collect();
        Reply::Now(DescribeConfigsResponse::default().with_results(results))
    }
}

/// What is told about a key besides its value.
#[derive(Clone, Copy)]
struct Shown {
    synonyms: bool,
    documentation: bool,
}

fn is_listed(resource: &DescribeConfigsResource, config: &Described) -> bool {
    match &resource.configuration_keys {
        // An empty list asks for all as well, as in Kafka.
        Some(keys) => keys.is_empty() || keys.iter().any(|key| **key == *config.name),
        None => true,
    }
}

/// The configuration of a resource, or Kafka's code and a message.
fn describe(
    cx: &Cx,
    image: &Image,
    resource: &DescribeConfigsResource,
) -> Result<Vec<Described>, (i16, String)> {
    let name: &str = &resource.resource_name;
    let invalid = |message: String| Err((Code::InvalidRequest.code(), message));
    match resource.resource_type {
        TOPIC => {
            validate_name(name).map_err(|error| (meta_code(&error), error.to_string()))?;
            if image.topic(name).is_none() {
                return Err((Code::UnknownTopicOrPartition.code(), String::new()));
            }
            let configs = image.configs(&Resource::topic(name));
            let overrides: BTreeMap<String, String> = configs
                .iter()
                .flat_map(|configs| configs.iter())
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect();
            Ok(dynamic::describe_topic(&overrides, cx.broker.control.defaults()))
        }
        // Nothing can be set for all brokers at run time yet, so nothing is.
        BROKER if name.is_empty() => Ok(Vec::new()),
        BROKER => {
            check_own_id(cx, name)?;
            Ok(dynamic::describe_broker(cx.broker.control.defaults()))
        }
        // Neither can anything be set for these yet.
        CLIENT_METRICS | GROUP if !name.is_empty() => Ok(Vec::new()),
        CLIENT_METRICS | GROUP => invalid("The resource has no name.".to_owned()),
        // Log levels are not settings of Felice's.
        BROKER_LOGGER => {
            check_own_id(cx, name)?;
            Ok(Vec::new())
        }
        other => invalid(format!("Unsupported resource type: {other}")),
    }
}

fn check_own_id(cx: &Cx, name: &str) -> Result<(), (i16, String)> {
    let own = cx.broker.config.node_id;
    let message = match name.parse::<NodeId>() {
        Ok(id) if id == own => return Ok(()),
        Ok(id) => format!("Unexpected broker id, expected {own}, but received {id}"),
        Err(_) => format!("Broker id must be an integer, but it is: {name}"),
    };
    Err((Code::InvalidRequest.code(), message))
}

fn shape(config: Described, shown: Shown) -> DescribeConfigsResourceResult {
    let synonyms = if shown.synonyms { config.synonyms } else { Vec::new() };
    let synonyms = synonyms.into_iter().map(|synonym| {
        DescribeConfigsSynonym::default()
            .with_name(StrBytes::from_static_str(synonym.name))
            .with_value(synonym.value.map(StrBytes::from_string))
            .with_source(synonym.source.code())
    });
    let documentation = shown.documentation.then_some(config.documentation);
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(config.name))
        .with_value(config.value.map(StrBytes::from_string))
        .with_read_only(config.read_only)
        .with_config_source(config.source.code())
        .with_is_sensitive(config.is_sensitive)
        .with_synonyms(synonyms.collect())
        .with_config_type(config.kind.id())
        .with_documentation(documentation.map(StrBytes::from_static_str))
}
