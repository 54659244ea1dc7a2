//! AlterPartitionReassignments: gives partitions other replicas (KIP-455).
//!
//! Behaviour: a broker without others has nowhere to move a partition to. Replicas that a
//! partition has already are granted at once, all others are refused, and no reassignment is ever
//! in progress. A timeout of zero or less is over before anything is done.
//!
//! Version notes: 1+ may forbid another number of replicas (KIP-860).

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::error::{NONE, message, meta_code};
use super::{Api, Cx, Reply};
use crate::kernel::meta::{Error, Image, reassignment};
use crate::kernel::types::NodeId;

/// The API.
pub struct AlterPartitionReassignments;

impl Api for AlterPartitionReassignments {
    type Request = AlterPartitionReassignmentsRequest;
    type Response = AlterPartitionReassignmentsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const NAME: &'static str = "AlterPartitionReassignments";

    async fn handle(
        cx: Cx,
        request: AlterPartitionReassignmentsRequest,
    ) -> Reply<AlterPartitionReassignmentsResponse> {
        let may_change_count = cx.version < 1 || request.allow_replication_factor_change;
        let response = AlterPartitionReassignmentsResponse::default()
            .with_allow_replication_factor_change(may_change_count)
            // Kafka's is empty where nothing was asked for.
            .with_error_message(request.topics.is_empty().then(StrBytes::default));
        if request.timeout_ms <= 0 {
            let code = Code::RequestTimedOut.code();
            let refused = answer(request.topics, |_, _| (code, None));
            return Reply::Now(response.with_error_code(code).with_responses(refused));
        }
        let image = cx.broker.control.image();
        let judged = answer(request.topics, |name, partition| {
            match judge(&image, name, partition, may_change_count) {
                Ok(()) => (NONE, None),
                // The code says it all, and Kafka's tools print a text only if there is one.
                Err(error @ Error::NoReassignmentInProgress) => (meta_code(&error), None),
                Err(error) => (meta_code(&error), Some(message(&error))),
            }
        });
        Reply::Now(response.with_responses(judged))
    }
}

fn judge(
    image: &Image,
    name: &str,
    partition: &ReassignablePartition,
    may_change_count: bool,
) -> Result<(), Error> {
    let replicas: Option<Vec<NodeId>> =
        partition.replicas.as_ref().map(|replicas| replicas.iter().map(|id| id.0).collect());
    let index = partition.partition_index;
    reassignment::judge(image, name, index, replicas.as_deref(), may_change_count)
}

/// One answer for each partition, in the order of the request.
fn answer(
    topics: Vec<ReassignableTopic>,
    judge: impl Fn(&str, &ReassignablePartition) -> (i16, Option<StrBytes>),
) -> Vec<ReassignableTopicResponse> {
    let topics = topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let (code, text) = judge(&topic.name, partition);
            ReassignablePartitionResponse::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
                .with_error_message(text)
        });
        let partitions = partitions.collect();
        ReassignableTopicResponse::default().with_name(topic.name).with_partitions(partitions)
    });
    topics.collect()
}
