//! OffsetForLeaderEpoch: where a leader epoch ends, so that a consumer sees whether what it read
//! was cut off by a change of leader (KIP-320).
//!
//! Behaviour: the answer is the largest known epoch not above the one asked for and the offset
//! behind its last record; -1 and -1 for an epoch that is not known yet.
//!
//! Version notes: 2+ the epoch the client believes in is checked; 3+ the replica that asks; only
//! consumers ask here, so it says nothing new.

use std::ops::RangeInclusive;

use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use super::error::{NONE, storage_code};
use super::list_offsets::check_epoch;
use super::{Api, Cx, Reply, topics};
use crate::kernel::types::{LeaderEpoch, Offset};

/// Stands for "no epoch" in Kafka's messages.
const NO_EPOCH: LeaderEpoch = -1;

/// The API.
pub struct OffsetForLeaderEpoch;

impl Api for OffsetForLeaderEpoch {
    type Request = OffsetForLeaderEpochRequest;
    type Response = OffsetForLeaderEpochResponse;
    const VERSIONS: RangeInclusive<i16> = 2..=4;
    const NAME: &'static str = "OffsetForLeaderEpoch";

    async fn handle(
        cx: Cx,
        request: OffsetForLeaderEpochRequest,
    ) -> Reply<OffsetForLeaderEpochResponse> {
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|wanted| {
                let answer = EpochEndOffset::default().with_partition(wanted.partition);
                match find(&cx, &topic.topic.0, wanted) {
                    Ok((epoch, end_offset)) => answer
                        .with_error_code(NONE)
                        .with_leader_epoch(epoch)
                        .with_end_offset(end_offset),
                    Err(code) => answer.with_error_code(code),
                }
            });
            let partitions = partitions.collect();
            OffsetForLeaderTopicResult::default()
                .with_topic(topic.topic)
                .with_partitions(partitions)
        });
        let topics = topics.collect();
        Reply::Now(OffsetForLeaderEpochResponse::default().with_topics(topics))
    }
}

fn find(
    cx: &Cx,
    topic: &str,
    wanted: &OffsetForLeaderPartition,
) -> Result<(LeaderEpoch, Offset), i16> {
    let partition = topics::resolve(cx, uuid::Uuid::nil(), topic, wanted.partition)?;
    check_epoch(&partition, wanted.current_leader_epoch)?;
    partition.check_online().map_err(|error| storage_code(&error))?;
    let state = partition.state();
    // The current epoch ends where the log does, whether it has records yet or not.
    if wanted.leader_epoch == partition.leader_epoch() {
        return Ok((wanted.leader_epoch, state.log.end_offset()));
    }
    // An older epoch of a log without records has none either: whatever was read is gone.
    let is_older =
        wanted.leader_epoch != NO_EPOCH && wanted.leader_epoch < partition.leader_epoch();
    if is_older && state.log.epochs.entries().is_empty() {
        return Ok((wanted.leader_epoch, state.log.end_offset()));
    }
    Ok(state.log.end_offset_of_epoch(wanted.leader_epoch))
}
