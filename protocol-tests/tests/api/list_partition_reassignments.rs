//! ListPartitionReassignments: a broker without others moves nothing.

use kafka_protocol::messages::ListPartitionReassignmentsRequest;
use kafka_protocol::messages::list_partition_reassignments_request as wire;
use protocol_tests::broker::Broker;

use super::requests::*;

fn topic(name: &str, partitions: &[i32]) -> wire::ListPartitionReassignmentsTopics {
    wire::ListPartitionReassignmentsTopics::default()
        .with_name(topic_name(name))
        .with_partition_indexes(partitions.to_vec())
}

#[test]
fn every_version_lists_none() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 2, &[]);
    let named = vec![topic("t", &[0, 0, 5]), topic("none", &[0]), topic("t", &[1])];
    for topics in [None, Some(Vec::new()), Some(named), Some(vec![topic("", &[])])] {
        for timeout in [TIMEOUT_MS, 0] {
            let request = ListPartitionReassignmentsRequest::default()
                .with_topics(topics.clone())
                .with_timeout_ms(timeout);
            let response = client.call(request, 0);
            assert_eq!((response.throttle_time_ms, response.error_code), (0, 0));
            assert_eq!((response.error_message, response.topics.len()), (None, 0));
        }
    }
}
