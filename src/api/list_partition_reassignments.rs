//! ListPartitionReassignments: partitions whose replicas are changing (KIP-455).
//!
//! Behaviour: told is what the metadata says; this broker starts no reassignment, so there is none
//! unless its metadata log came from elsewhere. Partitions that are unknown or at rest are left
//! out. Nothing is waited for, so the timeout does not matter.
//!
//! Version notes: there is one version.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use kafka_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use kafka_protocol::messages::{
    BrokerId, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{Api, Cx, Reply};
use crate::kernel::meta::{Partition, Topic};
use crate::kernel::types::{NodeId, PartitionIndex};

/// The API.
pub struct ListPartitionReassignments;

impl Api for ListPartitionReassignments {
    type Request = ListPartitionReassignmentsRequest;
    type Response = ListPartitionReassignmentsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const NAME: &'static str = "ListPartitionReassignments";

    async fn handle(
        cx: Cx,
        request: ListPartitionReassignmentsRequest,
    ) -> Reply<ListPartitionReassignmentsResponse> {
        let image = cx.broker.control.image();
        let topics = match request.topics {
            None => image.topics().filter_map(|topic| ongoing(topic, None)).collect(),
            Some(topics) => {
                let mut wanted: BTreeMap<TopicName, BTreeSet<PartitionIndex>> = BTreeMap::new();
                for topic in topics {
                    wanted.entry(topic.name).or_default().extend(topic.partition_indexes);
                }
                let known = wanted.iter().filter_map(|(name, indexes)| {
                    ongoing(image.topic(name)?, Some(indexes))
                });
                known.collect()
            }
        };
        let response = ListPartitionReassignmentsResponse::default().with_error_message(None);
        Reply::Now(response.with_topics(topics))
    }
}

/// The reassignments of a topic, if there are any; of all its partitions if none are named.
fn ongoing(
    topic: &Topic,
    wanted: Option<&BTreeSet<PartitionIndex>>,
) -> Option<OngoingTopicReassignment> {
    let partitions = (0..).zip(&topic.partitions);
    let changing: Vec<_> = partitions
        .filter(|(index, _)| wanted.is_none_or(|wanted| wanted.contains(index)))
        .filter(|(_, p)| !(p.adding_replicas.is_empty() && p.removing_replicas.is_empty()))
        .map(|(index, partition)| shape(index, partition))
        .collect();
    let name = TopicName(StrBytes::from_string(topic.name.to_string()));
    (!changing.is_empty())
        .then(|| OngoingTopicReassignment::default().with_name(name).with_partitions(changing))
}

fn shape(index: PartitionIndex, partition: &Partition) -> OngoingPartitionReassignment {
    let brokers = |ids: &[NodeId]| ids.iter().copied().map(BrokerId).collect();
    OngoingPartitionReassignment::default()
        .with_partition_index(index)
        .with_replicas(brokers(&partition.replicas))
        .with_adding_replicas(brokers(&partition.adding_replicas))
        .with_removing_replicas(brokers(&partition.removing_replicas))
}
