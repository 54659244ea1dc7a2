//! CreateTopics: creates topics, each for itself; the answer leaves when they are durable and every
//! later request sees them.
//!
//! Behaviour: the rules are the kernel's ([`crate::kernel::meta::topics`]). A timeout of zero or
//! less is over before anything is done, as in Kafka.
//!
//! Version notes: 4+ counts of -1 for the broker's defaults (KIP-464), taken in every version;
//! 5+ answers hold counts and configurations (KIP-525); 7+ topic IDs (KIP-516).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::error::{message, meta_code, storage_code};
use super::throttle;
use super::topics::id_to_wire;
use super::{Api, Cx, Reply};
use crate::config::dynamic;
use crate::kernel::meta::command::{self, CreatedTopic, Defaults, NewTopic, TopicRef};
use crate::kernel::meta::{self, Command, Outcome};
use crate::kernel::types::Uuid;

/// First version that knows THROTTLING_QUOTA_EXCEEDED (KIP-599).
const STRICT_QUOTA_SINCE: i16 = 6;

/// The API.
pub struct CreateTopics;

impl Api for CreateTopics {
    type Request = CreateTopicsRequest;
    type Response = CreateTopicsResponse;
    const VERSIONS: RangeInclusive<i16> = 2..=7;
    const NAME: &'static str = "CreateTopics";

    async fn handle(cx: Cx, request: CreateTopicsRequest) -> Reply<CreateTopicsResponse> {
        if request.timeout_ms <= 0 {
            return Reply::Now(refuse(&request, Code::RequestTimedOut.code(), None));
        }
        let topics: Option<Vec<_>> = request.topics.iter().map(read).collect();
        let Some(topics) = topics else {
            return Reply::Now(refuse(&request, Code::UnknownServerError.code(), None));
        };
        let mut command = Command::CreateTopics(command(&cx, topics, request.validate_only));
        let throttled = throttle::changes(&cx, STRICT_QUOTA_SINCE, &mut command);
        Reply::Now(match cx.broker.control.execute(command).await {
            Ok(Outcome::CreateTopics(answers)) => {
                let refused = throttled.refused.iter().filter_map(TopicRef::name);
                let refused =
                    refused.map(|name| (Arc::clone(name), Err(meta::Error::QuotaExceeded)));
                let answers = answers.into_iter().chain(refused);
                let results = answers.map(|(name, result)| shape(&cx, &name, result));
                CreateTopicsResponse::default()
                    .with_throttle_time_ms(throttled.delay_ms)
                    .with_topics(results.collect())
            }
            Ok(_) => unreachable!("the outcome has the command's variant"),
            Err(error) => refuse(&request, storage_code(&error), Some(message(&error))),
        })
    }
}

/// The command that creates topics on this broker's terms.
pub(super) fn command(
    cx: &Cx,
    topics: Vec<NewTopic>,
    validate_only: bool,
) -> command::CreateTopics {
    command::CreateTopics {
        topics,
        validate_only,
        defaults: Defaults {
            partition_count: cx.broker.config.topics.partitions,
            replication_factor: cx.broker.config.topics.replication_factor,
        },
        partitions_max: command::PARTITIONS_PER_REQUEST_MAX,
    }
}

/// Reads a topic; `None` if the system gives no random number for its ID.
fn read(topic: &CreatableTopic) -> Option<NewTopic> {
    let text = |text: &StrBytes| Arc::<str>::from(&**text);
    let assignments = topic.assignments.iter().map(|assignment| {
        (assignment.partition_index, assignment.broker_ids.iter().map(|id| id.0).collect())
    });
    let configs = topic.configs.iter();
    Some(NewTopic {
        name: text(&topic.name.0),
        id: crate::random::uuid().ok()?,
        partition_count: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: configs.map(|c| (text(&c.name), c.value.as_ref().map(text))).collect(),
    })
}

fn refuse(
    request: &CreateTopicsRequest,
    code: i16,
    message: Option<StrBytes>,
) -> CreateTopicsResponse {
    let refused = |topic: &CreatableTopic| {
        CreatableTopicResult::default()
            .with_name(topic.name.clone())
            .with_error_code(code)
            .with_error_message(message.clone())
    };
    CreateTopicsResponse::default().with_topics(request.topics.iter().map(refused).collect())
}

fn shape(
    cx: &Cx,
    name: &Arc<str>,
    result: Result<CreatedTopic, meta::Error>,
) -> CreatableTopicResult {
    let answer = CreatableTopicResult::default()
        .with_name(TopicName(StrBytes::from_string(name.to_string())));
    let created = match result {
        Ok(created) => created,
        Err(error) => {
            return answer
                .with_topic_id(id_to_wire(Uuid::ZERO))
                .with_error_code(meta_code(&error))
                .with_error_message(Some(message(&error)));
        }
    };
    let configs = if cx.version >= 5 { describe(cx, &created) } else { Vec::new() };
    answer
        .with_topic_id(id_to_wire(created.id))
        .with_error_message(None)
        .with_num_partitions(created.partition_count)
        .with_replication_factor(created.replication_factor)
        .with_configs(Some(configs))
}

fn describe(cx: &Cx, created: &CreatedTopic) -> Vec<CreatableTopicConfigs> {
    let overrides: BTreeMap<String, String> =
        created.configs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    dynamic::describe_topic(&overrides, &cx.broker.control.live().defaults)
        .into_iter()
        .map(|config| {
            CreatableTopicConfigs::default()
                .with_name(super::describe_configs::name(config.name))
                .with_value(config.value.map(StrBytes::from_string))
                .with_read_only(config.read_only)
                .with_config_source(config.source.code())
                .with_is_sensitive(config.is_sensitive)
        })
        .collect()
}
