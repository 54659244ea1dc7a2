//! IncrementalAlterConfigs: sets, deletes and edits single configurations of topics, brokers,
//! groups and client metrics subscriptions (KIP-339).
//!
//! Behaviour: each resource is changed as a whole or not at all, and each for itself. The rules are
//! the kernel's ([`crate::kernel::meta::command::ConfigChange`]) and the table's
//! ([`crate::config::dynamic`]). What was changed is in force when the answer leaves.
//!
//! Version notes: 1+ is flexible and otherwise the same.

use std::ops::RangeInclusive;

use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use super::configs::{Alteration, alter};
use super::{Api, Cx, Reply};

/// The API.
pub struct IncrementalAlterConfigs;

impl Api for IncrementalAlterConfigs {
    type Request = IncrementalAlterConfigsRequest;
    type Response = IncrementalAlterConfigsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const NAME: &'static str = "IncrementalAlterConfigs";

    async fn handle(
        cx: Cx,
        request: IncrementalAlterConfigsRequest,
    ) -> Reply<IncrementalAlterConfigsResponse> {
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
        Reply::Now(IncrementalAlterConfigsResponse::default().with_responses(responses.collect()))
    }
}

fn read(resource: &AlterConfigsResource) -> Alteration {
    let keys = resource.configs.iter().map(|config| {
        (config.name.clone(), Some(config.config_operation), config.value.clone())
    });
    Alteration {
        kind: resource.resource_type,
        name: resource.resource_name.clone(),
        keys: keys.collect(),
        replaces: false,
    }
}
