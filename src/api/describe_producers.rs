//! DescribeProducers: who writes to a partition with a producer ID (KIP-664).
//!
//! Behaviour: a partition given several times is answered once, so that the answer stays in
//! proportion to what there is. The coordinator's epoch is that of the last marker, -1 without one.
//!
//! Version notes: there is one version.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerId, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::error::{message, meta_code, storage_code};
use super::{Api, Cx, Reply, topics};
use crate::kernel::log::producers::Known;
use crate::kernel::meta::topics::validate_name;
use crate::kernel::types::PartitionIndex;

const NO_OFFSET: i64 = -1;

/// The API.
pub struct DescribeProducers;

impl Api for DescribeProducers {
    type Request = DescribeProducersRequest;
    type Response = DescribeProducersResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const NAME: &'static str = "DescribeProducers";

    async fn handle(cx: Cx, request: DescribeProducersRequest) -> Reply<DescribeProducersResponse> {
        let mut wanted: BTreeMap<TopicName, BTreeSet<PartitionIndex>> = BTreeMap::new();
        for topic in request.topics {
            wanted.entry(topic.name).or_default().extend(topic.partition_indexes);
        }
        let topics = wanted.into_iter().map(|(name, indexes)| {
            let partitions = indexes.into_iter().map(|index| describe(&cx, &name, index));
            let partitions = partitions.collect();
            TopicResponse::default().with_name(name).with_partitions(partitions)
        });
        Reply::Now(DescribeProducersResponse::default().with_topics(topics.collect()))
    }
}

fn describe(cx: &Cx, topic: &TopicName, index: PartitionIndex) -> PartitionResponse {
    let answer = PartitionResponse::default().with_partition_index(index).with_error_message(None);
    if let Err(error) = validate_name(topic) {
        return answer
            .with_error_code(meta_code(&error))
            .with_error_message(Some(message(&error)));
    }
    let partition = match topics::resolve(cx, uuid::Uuid::nil(), topic, index) {
        Ok(partition) => partition,
        Err(code) => {
            let text = "This server does not host this topic-partition.";
            debug_assert_eq!(code, Code::UnknownTopicOrPartition.code());
            return answer
                .with_error_code(code)
                .with_error_message(Some(StrBytes::from_static_str(text)));
        }
    };
    if let Err(error) = partition.check_online() {
        return answer.with_error_code(storage_code(&error));
    }
    let known = partition.state().log.producers.known();
    answer.with_active_producers(known.into_iter().map(shape).collect())
}

fn shape(producer: Known) -> ProducerState {
    ProducerState::default()
        .with_producer_id(ProducerId(producer.producer_id))
        .with_producer_epoch(i32::from(producer.epoch))
        .with_last_sequence(producer.last_sequence)
        .with_last_timestamp(producer.last_timestamp)
        .with_coordinator_epoch(producer.coordinator_epoch)
        .with_current_txn_start_offset(producer.transaction_start.unwrap_or(NO_OFFSET))
}
