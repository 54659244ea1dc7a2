//! CreatePartitions: adds partitions to topics, each topic for itself; when the answer leaves they
//! take records.
//!
//! Behaviour: the rules are the kernel's ([`crate::kernel::meta::topics`]). A timeout of zero or
//! less is over before anything is done, as in Kafka. The broker's own
//! topics do not grow, unlike Kafka's, where the groups and transactions in there get lost.
//!
//! Version notes: none of them differ here but in encoding.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::error::{NONE, message, meta_code, storage_code};
use super::throttle;
use super::{Api, Cx, Reply};
use crate::kernel::meta::command::{self, MorePartitions, TopicRef};
use crate::kernel::meta::{self, Command, Outcome};

/// First version that knows THROTTLING_QUOTA_EXCEEDED (KIP-599).
const STRICT_QUOTA_SINCE: i16 = 3;

/// The API.
pub struct CreatePartitions;

impl Api for CreatePartitions {
    type Request = CreatePartitionsRequest;
    type Response = CreatePartitionsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const NAME: &'static str = "CreatePartitions";

    async fn handle(cx: Cx, request: CreatePartitionsRequest) -> Reply<CreatePartitionsResponse> {
        if request.timeout_ms <= 0 {
            return Reply::Now(refuse(&request, Code::RequestTimedOut.code()));
        }
        let mut command = Command::CreatePartitions(command::CreatePartitions {
            topics: request.topics.iter().map(read).collect(),
            validate_only: request.validate_only,
            partitions_max: command::PARTITIONS_PER_REQUEST_MAX,
        });
        let throttled = throttle::changes(&cx, STRICT_QUOTA_SINCE, &mut command);
        Reply::Now(match cx.broker.control.execute(command).await {
            Ok(Outcome::CreatePartitions(answers)) => {
                let refused = throttled.refused.iter().filter_map(TopicRef::name);
                let refused =
                    refused.map(|name| (Arc::clone(name), Err(meta::Error::QuotaExceeded)));
                let results = answers.into_iter().chain(refused).map(|(name, result)| match result {
                    Ok(()) => shape(&name, NONE, None),
                    Err(error) => shape(&name, meta_code(&error), Some(message(&error))),
                });
                CreatePartitionsResponse::default()
                    .with_throttle_time_ms(throttled.delay_ms)
                    .with_results(results.collect())
            }
            Ok(_) => unreachable!("the outcome has the command's variant"),
            Err(error) => refuse(&request, storage_code(&error)),
        })
    }
}

fn read(topic: &CreatePartitionsTopic) -> MorePartitions {
    let assignments = topic.assignments.as_ref().map(|assignments| {
        let replicas = assignments.iter().map(|a| a.broker_ids.iter().map(|id| id.0).collect());
        replicas.collect()
    });
    MorePartitions {
        name: Arc::from(topic.name.0.as_str()),
        partition_count: topic.count,
        assignments,
    }
}

fn refuse(request: &CreatePartitionsRequest, code: i16) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|topic| shape(&topic.name.0, code, None));
    CreatePartitionsResponse::default().with_results(results.collect())
}

fn shape(name: &str, code: i16, text: Option<StrBytes>) -> CreatePartitionsTopicResult {
    CreatePartitionsTopicResult::default()
        .with_name(TopicName(StrBytes::from_string(name.to_owned())))
        .with_error_code(code)
        .with_error_message(text)
}
