//! DescribeCluster: the cluster's ID and its brokers (KIP-700).
//!
//! Behaviour: the controller named is a broker that takes every request, as KRaft brokers forward
//! them; here that is the broker that was asked. Controllers (endpoint type 2) cannot be asked for
//! on a broker's listener.
//!
//! Version notes: 1+ endpoint type (KIP-919); 2+ fenced brokers on demand (KIP-1073).

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Api, Cx, Reply};
use crate::kernel::meta::Image;
use crate::kernel::types::NodeId;

/// Bits of the operations a cluster has: create, alter, describe, cluster action, describe
/// configs, alter configs, idempotent write. Without an authorizer everybody may do all.
pub(super) const CLUSTER_OPERATIONS: i32 =
    1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

/// Stands for "operations were not asked for".
pub(super) const OPERATIONS_UNASKED: i32 = i32::MIN;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// The API.
pub struct DescribeCluster;

impl Api for DescribeCluster {
    type Request = DescribeClusterRequest;
    type Response = DescribeClusterResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const NAME: &'static str = "DescribeCluster";

    async fn handle(cx: Cx, request: DescribeClusterRequest) -> Reply<DescribeClusterResponse> {
        Reply::Now(match request.endpoint_type {
            BROKERS => describe(&cx, &request),
            CONTROLLERS => refuse(
                Code::MismatchedEndpointType,
                "The request was sent to an endpoint of type BROKER, but the type CONTROLLER was \
                 asked for.",
            ),
            _ => refuse(Code::UnsupportedEndpointType, "Unsupported endpoint type."),
        })
    }
}

fn refuse(code: Code, message: &'static str) -> DescribeClusterResponse {
    DescribeClusterResponse::default()
        .with_error_code(code.code())
        .with_error_message(Some(StrBytes::from_static_str(message)))
}

fn describe(cx: &Cx, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    let image = cx.broker.control.image();
    let brokers = nodes(cx, &image)
        .into_iter()
        .filter(|node| request.include_fenced_brokers || !node.is_fenced)
        .map(|node| {
            DescribeClusterBroker::default()
                .with_broker_id(BrokerId(node.id))
                .with_host(node.host)
                .with_port(node.port)
                .with_rack(node.rack)
                .with_is_fenced(node.is_fenced)
        })
        .collect();
    let operations = match request.include_cluster_authorized_operations {
        true => CLUSTER_OPERATIONS,
        false => OPERATIONS_UNASKED,
    };
    DescribeClusterResponse::default()
        .with_error_message(None)
        .with_cluster_id(StrBytes::from_string(cx.broker.cluster_id.clone()))
        .with_controller_id(BrokerId(cx.broker.config.node_id))
        .with_brokers(brokers)
        .with_cluster_authorized_operations(operations)
}

/// A broker as clients of one listener see it.
pub(super) struct Node {
    /// Broker ID.
    pub id: NodeId,
    /// Host to connect to.
    pub host: StrBytes,
    /// Port to connect to.
    pub port: i32,
    /// Rack, if the broker has one.
    pub rack: Option<StrBytes>,
    /// Whether the broker may not lead.
    pub is_fenced: bool,
}

/// All brokers that have the listener the client came in on, in ascending order of their IDs.
pub(super) fn nodes(cx: &Cx, image: &Image) -> Vec<Node> {
    let listener = &cx.broker.config.listeners[cx.connection.listener].name;
    let node = |id: NodeId| {
        let broker = image.broker(id)?;
        let (host, port) = if id == cx.broker.config.node_id {
            cx.broker.advertised(&cx.connection)
        } else {
            let end_point = broker.end_points.iter().find(|point| *point.name == **listener)?;
            (end_point.host.to_string(), end_point.port)
        };
        Some(Node {
            id,
            host: StrBytes::from_string(host),
            port: i32::from(port),
            rack: broker.rack.as_deref().map(|rack| StrBytes::from_string(rack.to_owned())),
            is_fenced: broker.fenced,
        })
    };
    image.brokers().filter_map(|broker| node(broker.broker_id)).collect()
}
