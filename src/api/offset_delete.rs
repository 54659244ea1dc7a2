//! OffsetDelete (KIP-496): stored positions of a group go, except those of topics that it reads.
//!
//! Partitions that do not exist are answered here, unless the group refuses the whole request; then
//! no partition is answered. A topic without partitions is not answered either.

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::groups::text;
use super::{Api, Cx, Reply, error};
use crate::kernel::group::Error;
use crate::kernel::meta::Image;

/// The API.
pub struct OffsetDelete;

impl Api for OffsetDelete {
    type Request = OffsetDeleteRequest;
    type Response = OffsetDeleteResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const NAME: &'static str = "OffsetDelete";

    async fn handle(cx: Cx, request: OffsetDeleteRequest) -> Reply<OffsetDeleteResponse> {
        let image = cx.broker.control.image();
        let topics: Vec<_> =
            request.topics.into_iter().map(|topic| read_topic(&image, topic)).collect();
        let known = topics.iter().flat_map(|topic| {
            let name = text(&topic.name.0);
            let known = topic.partitions.iter().filter(|answer| answer.error_code == error::NONE);
            known.map(move |answer| (name.clone(), answer.partition_index))
        });
        let group_id = text(&request.group_id.0);
        let deleted = cx.broker.groups.delete_offsets(group_id, known.collect());
        Reply::Later(Box::pin(async move { Some(shape(deleted.await, topics)) }))
    }
}

/// The answer for a topic, with the partitions that are already judged.
fn read_topic(image: &Image, topic: OffsetDeleteRequestTopic) -> OffsetDeleteResponseTopic {
    let known = image.topic(&topic.name.0);
    let answers = topic.partitions.iter().map(|partition| {
        let index = partition.partition_index;
        let exists = known.is_some_and(|known| known.partition(index).is_some());
        let code = if exists { error::NONE } else { Code::UnknownTopicOrPartition.code() };
        OffsetDeleteResponsePartition::default().with_partition_index(index).with_error_code(code)
    });
    OffsetDeleteResponseTopic::default().with_name(topic.name).with_partitions(answers.collect())
}

fn shape(
    result: Result<Vec<Result<(), Error>>, Error>,
    mut topics: Vec<OffsetDeleteResponseTopic>,
) -> OffsetDeleteResponse {
    let results = match result {
        Ok(results) => results,
        Err(error) => {
            return OffsetDeleteResponse::default().with_error_code(error::group_code(&error));
        }
    };
    let answers = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    let open = answers.filter(|answer| answer.error_code == error::NONE);
    for (answer, result) in open.zip(results) {
        answer.error_code = result.as_ref().err().map_or(error::NONE, error::group_code);
    }
    topics.retain(|topic| !topic.partitions.is_empty());
    OffsetDeleteResponse::default().with_topics(topics)
}
