//! ListConfigResources: names what configurations can be described of (KIP-1142).
//!
//! Behaviour: topics and brokers, their loggers, and those groups and client metrics subscriptions
//! that have configurations. A kind that cannot be listed makes the whole answer an error.
//!
//! Version notes: 0 was ListClientMetricsResources (KIP-714) and knows those only; 1+ any kinds.

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::list_config_resources_response::ConfigResource;
use kafka_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use kafka_protocol::protocol::StrBytes;

use super::configs::BROKER_LOGGER;
use super::{Api, Cx, Reply};
use crate::kernel::meta::{Image, ResourceKind};

/// Every kind, in the order of Kafka's answers.
const KINDS: [i8; 5] = [
    ResourceKind::Group as i8,
    ResourceKind::ClientMetrics as i8,
    BROKER_LOGGER,
    ResourceKind::Broker as i8,
    ResourceKind::Topic as i8,
];

/// The API.
pub struct ListConfigResources;

impl Api for ListConfigResources {
    type Request = ListConfigResourcesRequest;
    type Response = ListConfigResourcesResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const NAME: &'static str = "ListConfigResources";

    async fn handle(
        cx: Cx,
        request: ListConfigResourcesRequest,
    ) -> Reply<ListConfigResourcesResponse> {
        let wanted = match (cx.version, request.resource_types.as_slice()) {
            (0, _) => &[ResourceKind::ClientMetrics as i8],
            (_, []) => &KINDS[..],
            (_, types) => types,
        };
        let response = ListConfigResourcesResponse::default();
        if wanted.iter().any(|kind| !KINDS.contains(kind)) {
            return Reply::Now(response.with_error_code(Code::UnsupportedVersion.code()));
        }
        let image = cx.broker.control.image();
        let kinds = KINDS.iter().filter(|kind| wanted.contains(kind));
        let resources = kinds.flat_map(|kind| {
            names(&image, *kind).into_iter().map(|name| {
                let resource = ConfigResource::default().with_resource_name(name);
                // Version 0 has no field for it.
                if cx.version == 0 { resource } else { resource.with_resource_type(*kind) }
            })
        });
        Reply::Now(response.with_config_resources(resources.collect()))
    }
}

fn names(image: &Image, kind: i8) -> Vec<StrBytes> {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    match ResourceKind::from_code(kind) {
        Some(ResourceKind::Topic) => image.topics().map(|topic| text(&topic.name)).collect(),
        Some(kind @ (ResourceKind::Group | ResourceKind::ClientMetrics)) => {
            image.configured_of(kind).map(|(resource, _)| text(&resource.name)).collect()
        }
        // Each broker has its loggers.
        Some(ResourceKind::Broker) | None => {
            image.brokers().map(|broker| text(&broker.broker_id.to_string())).collect()
        }
    }
}
