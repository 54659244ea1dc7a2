//! AlterConfigs: replaces all configurations of topics, brokers, groups and client metrics
//! subscriptions: what a request does not name goes back to its default. Kept for old clients;
//! IncrementalAlterConfigs (KIP-339) took its place.
//!
//! Behaviour: as there, and with the same checks.
//!
//! Version notes: 2+ is flexible; all versions say the same.

use std::ops::RangeInclusive;

use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};

use super::configs::{Alteration, alter};
use super::{Api, Cx, Reply};

/// The API.
pub struct AlterConfigs;

impl Api for AlterConfigs {
    type Request = AlterConfigsRequest;
    type Response = AlterConfigsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const NAME: &'static str = "AlterConfigs";

    async fn handle(cx: Cx, request: AlterConfigsRequest) -> Reply<AlterConfigsResponse> {
        let alterations = request.resources.iter().map(read).collect();
        let verdicts = alter(&cx, alterations, request.validate_only).await;
        let responses = request.resources.into_iter().zip(verdicts);
        let responses = responses.map(|(resource, (code, message))| {
            AlterConfigsResourceResponse::default()
                .with_error_code(code)
                .with_error_message(message)
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name)
        });
        Reply::Now(AlterConfigsResponse::default().with_responses(responses.collect()))
    }
}

fn read(resource: &AlterConfigsResource) -> Alteration {
    let keys = resource.configs.iter();
    Alteration {
        kind: resource.resource_type,
        name: resource.resource_name.clone(),
        keys: keys.map(|config| (config.name.clone(), None, config.value.clone())).collect(),
        replaces: true,
    }
}
