//! DeleteTopics: deletes topics, each for itself; when the answer leaves, no later request sees
//! them. Topics the broker keeps state in may be deleted too, as in Kafka.
//!
//! Behaviour: a topic given twice, or by name and by ID, is not deleted (INVALID_REQUEST). A
//! timeout of zero or less is over before anything is done.
//!
//! Version notes: 1–5 names only; 3+ TOPIC_DELETION_DISABLED, INVALID_REQUEST before; 5+ error
//! messages (KIP-599); 6+ names or IDs (KIP-516).

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::error::{NONE, message, meta_code, storage_code};
use super::throttle;
use super::topics::{id_from_wire, id_to_wire};
use super::{Api, Cx, Reply};
use crate::kernel::meta::command::{DeletedTopic, TopicRef};
use crate::kernel::meta::{self, Command, Outcome};
use crate::storage::error::StorageError;

/// First version that knows THROTTLING_QUOTA_EXCEEDED (KIP-599).
const STRICT_QUOTA_SINCE: i16 = 5;

/// The API.
pub struct DeleteTopics;

impl Api for DeleteTopics {
    type Request = DeleteTopicsRequest;
    type Response = DeleteTopicsResponse;
    const VERSIONS: RangeInclusive<i16> = 1..=6;
    const NAME: &'static str = "DeleteTopics";

    async fn handle(cx: Cx, request: DeleteTopicsRequest) -> Reply<DeleteTopicsResponse> {
        let timeout_ms = request.timeout_ms;
        let (topics, mut results) = read(request);
        let mut delay_ms = 0;
        if !cx.broker.config.topics.delete_enable {
            let code = match cx.version {
                ..3 => Code::InvalidRequest,
                _ => Code::TopicDeletionDisabled,
            };
            results.extend(topics.iter().map(|topic| refused(topic, code.code())));
        } else if timeout_ms <= 0 {
            let code = Code::RequestTimedOut.code();
            results.extend(topics.iter().map(|topic| refused(topic, code)));
        } else {
            let mut command = Command::DeleteTopics(topics.clone());
            let throttled = throttle::changes(&cx, STRICT_QUOTA_SINCE, &mut command);
            delay_ms = throttled.delay_ms;
            match delete(&cx, command).await {
                Ok(answers) => {
                    results.extend(answers.into_iter().map(shape));
                    results.extend(throttled.refused.iter().map(above_quota));
                }
                Err(error) => {
                    let code = storage_code(&error);
                    results.extend(topics.iter().map(|topic| refused(topic, code)));
                }
            }
        }
        let response = DeleteTopicsResponse::default().with_throttle_time_ms(delay_ms);
        Reply::Now(response.with_responses(results))
    }
}

/// Deletes topics, and then the offsets that groups committed for them. Detached, so that a
/// connection that closes meanwhile does not leave the offsets behind.
async fn delete(cx: &Cx, command: Command) -> Result<Vec<DeletedTopic>, StorageError> {
    let broker = Arc::clone(&cx.broker);
    let deleted = tokio::spawn(async move {
        let Outcome::DeleteTopics(answers) = broker.control.execute(command).await? else {
            unreachable!("the outcome has the command's variant")
        };
        let gone = answers.iter().filter(|topic| topic.result.is_ok());
        let names: Vec<_> = gone.filter_map(|topic| topic.name.clone()).collect();
        broker.groups.topics_deleted(&names).await;
        Ok(answers)
    });
    deleted.await.unwrap_or(Err(StorageError::Poisoned))
}

/// The topics to delete, and the answers to those that are named in no proper way.
fn read(request: DeleteTopicsRequest) -> (Vec<TopicRef>, Vec<DeletableTopicResult>) {
    let mut topics: Vec<_> = request.topic_names.iter().map(by_name).collect();
    let mut results = Vec::new();
    for topic in request.topics {
        let message = match (&topic.name, topic.topic_id.is_nil()) {
            (Some(name), true) => {
                topics.push(by_name(name));
                continue;
            }
            (None, false) => {
                topics.push(TopicRef::Id(id_from_wire(topic.topic_id)));
                continue;
            }
            (Some(_), false) => "You may not specify both topic name and topic id.",
            (None, true) => "Neither topic name nor id were specified.",
        };
        results.push(
            DeletableTopicResult::default()
                .with_name(topic.name)
                .with_topic_id(topic.topic_id)
                .with_error_code(Code::InvalidRequest.code())
                .with_error_message(Some(StrBytes::from_static_str(message))),
        );
    }
    (topics, results)
}

fn by_name(name: &TopicName) -> TopicRef {
    TopicRef::Name(Arc::from(name.0.as_str()))
}

fn wire_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn refused(topic: &TopicRef, code: i16) -> DeletableTopicResult {
    let answer = DeletableTopicResult::default().with_error_code(code).with_error_message(None);
    match topic {
        TopicRef::Name(name) => answer.with_name(Some(wire_name(name))),
        TopicRef::Id(id) => answer.with_name(None).with_topic_id(id_to_wire(*id)),
    }
}

fn above_quota(topic: &TopicRef) -> DeletableTopicResult {
    let error = meta::Error::QuotaExceeded;
    refused(topic, meta_code(&error)).with_error_message(Some(message(&error)))
}

fn shape(deleted: DeletedTopic) -> DeletableTopicResult {
    let (code, message) = match &deleted.result {
        Ok(()) => (NONE, None),
        Err(error) => (meta_code(error), Some(StrBytes::from_string(error.to_string()))),
    };
    DeletableTopicResult::default()
        .with_name(deleted.name.as_deref().map(wire_name))
        .with_topic_id(id_to_wire(deleted.id))
        .with_error_code(code)
        .with_error_message(message)
}
