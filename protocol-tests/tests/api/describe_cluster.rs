//! DescribeCluster: every version and endpoint type.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::{DescribeClusterRequest, MetadataRequest};
use protocol_tests::broker::Broker;

#[test]
fn every_version_describes_the_cluster() {
    let mut broker = Broker::start(&["broker.rack=left"]);
    let mut client = broker.connect();
    let metadata = client.call(MetadataRequest::default().with_topics(None), 12);
    let cluster_id = metadata.cluster_id.expect("a cluster has an ID");
    assert_eq!(cluster_id.len(), 22, "16 bytes in base 64");
    broker.kill();
    broker.restart();
    let mut client = broker.connect();
    for version in 0..=2 {
        for with_operations in [false, true] {
            let request = DescribeClusterRequest::default()
                .with_endpoint_type(1)
                .with_include_cluster_authorized_operations(with_operations)
                .with_include_fenced_brokers(version >= 2);
            let response = client.call(request, version);
            assert_eq!((response.error_code, response.throttle_time_ms), (0, 0), "v{version}");
            assert_eq!(response.error_message, None);
            assert_eq!(response.cluster_id, cluster_id, "it survives a restart");
            assert_eq!((response.endpoint_type, response.controller_id.0), (1, 1));
            assert_eq!(response.brokers.len(), 1);
            let node = &response.brokers[0];
            assert_eq!((node.broker_id.0, &*node.host), (1, "127.0.0.1"));
            assert_eq!(node.port, i32::from(broker.address().port()));
            assert_eq!((node.rack.as_deref(), node.is_fenced), (Some("left"), false));
            let operations = if with_operations { 0b1_1111_1010_0000 } else { i32::MIN };
            assert_eq!(response.cluster_authorized_operations, operations);
        }
    }
}

#[test]
fn controllers_are_not_here() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 1..=2 {
        for (endpoint, code) in [
            (2, MismatchedEndpointType),
            (0, UnsupportedEndpointType),
            (3, UnsupportedEndpointType),
        ] {
            let request = DescribeClusterRequest::default().with_endpoint_type(endpoint);
            let response = client.call(request, version);
            assert_eq!(response.error_code, code.code(), "v{version} {endpoint}");
            assert!(response.error_message.is_some() && response.brokers.is_empty());
        }
    }
}
