//! DescribeConfigs: the configuration of topics, of this broker, of groups and of client metrics
//! subscriptions, with where each value comes from.
//!
//! Behaviour: what there is to tell about a key is said by [`crate::config::dynamic`]. A broker
//! tells its own configuration only; with an empty name, what was set for all brokers at run time.
//! Sensitive values are null.
//!
//! Version notes: 1+ sources and synonyms on demand (KIP-226); 3+ types, and documentation on
//! demand (KIP-569).

use std::borrow::Cow;
use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use super::configs::{BROKER_LOGGER, check_own_id};
use super::error::{message, meta_code};
use super::{Api, Cx, Reply};
use crate::config::dynamic::{self, Described, Kind, Source};
use crate::coordinator::configs::settings;
use crate::kernel::meta::topics::validate_name;
use crate::kernel::meta::{Error, Image, Resource, ResourceKind};
use crate::log_levels;

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
    let invalid = |message: &str| Err((Code::InvalidRequest.code(), message.to_owned()));
    let refused = |error: Error| (meta_code(&error), error.to_string());
    let broker = &cx.broker.control.live().defaults;
    let settings = |kind| settings(image, &Resource { kind, name: name.into() });
    let kind = match ResourceKind::from_code(resource.resource_type) {
        Some(kind) => kind,
        None if resource.resource_type == BROKER_LOGGER && name.is_empty() => {
            return invalid("Broker id must not be empty");
        }
        None if resource.resource_type == BROKER_LOGGER => {
            check_own_id(cx, name, "Broker").map_err(refused)?;
            return Ok(log_levels::list().into_iter().map(logger).collect());
        }
        None => return invalid(&format!("Unsupported resource type: {}", resource.resource_type)),
    };
    match kind {
        ResourceKind::Topic => {
            validate_name(name).map_err(refused)?;
            if image.topic(name).is_none() {
                return Err((Code::UnknownTopicOrPartition.code(), String::new()));
            }
            Ok(dynamic::describe_topic(&settings(kind), broker))
        }
        ResourceKind::Broker if name.is_empty() => Ok(dynamic::describe_all_brokers(broker)),
        ResourceKind::Broker => {
            check_own_id(cx, name, "Broker").map_err(refused)?;
            Ok(dynamic::describe_broker(broker))
        }
        ResourceKind::Group if name.is_empty() => invalid("Group name must not be empty"),
        ResourceKind::Group => Ok(dynamic::describe_group(&settings(kind), broker)),
        ResourceKind::ClientMetrics if name.is_empty() => {
            invalid("Client metrics subscription name must not be empty")
        }
        ResourceKind::ClientMetrics => Ok(dynamic::describe_client_metrics(&settings(kind))),
    }
}

fn logger((name, level): (&'static str, &'static str)) -> Described {
    Described {
        name: name.into(),
        value: Some(level.to_owned()),
        source: Source::Logger,
        is_sensitive: false,
        read_only: false,
        kind: None,
        documentation: "",
        synonyms: Vec::new(),
    }
}

/// A name as the codec crate has it, without a copy where it is one of the table.
pub(super) fn name(name: Cow<'static, str>) -> StrBytes {
    match name {
        Cow::Borrowed(name) => StrBytes::from_static_str(name),
        Cow::Owned(name) => StrBytes::from_string(name),
    }
}

fn shape(config: Described, shown: Shown) -> DescribeConfigsResourceResult {
    let synonyms = if shown.synonyms { config.synonyms } else { Vec::new() };
    let synonyms = synonyms.into_iter().map(|synonym| {
        DescribeConfigsSynonym::default()
            .with_name(name(synonym.name))
            .with_value(synonym.value.map(StrBytes::from_string))
            .with_source(synonym.source.code())
    });
    let documentation = shown.documentation.then_some(config.documentation);
    DescribeConfigsResourceResult::default()
        .with_name(name(config.name))
        .with_value(config.value.map(StrBytes::from_string))
        .with_read_only(config.read_only)
        .with_config_source(config.source.code())
        .with_is_sensitive(config.is_sensitive)
        .with_synonyms(synonyms.collect())
        .with_config_type(config.kind.map_or(0, Kind::id))
        .with_documentation(documentation.map(StrBytes::from_static_str))
}
