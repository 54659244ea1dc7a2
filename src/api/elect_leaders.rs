//! ElectLeaders: gives partitions their preferred leader, or any if they have none (KIP-460).
//!
//! Behaviour: the rules are the kernel's ([`crate::kernel::meta::election`]). Asked for all
//! partitions, those that need no election are left out of the answer. A timeout of zero or less
//! is over before anything is done.
//!
//! Version notes: 0 knows preferred leaders only; 1+ the type of the election and an error code
//! for the whole.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::error::{NONE, message, meta_code, storage_code};
use super::{Api, Cx, Reply};
use crate::kernel::meta::election::{self, Elected, Election};
use crate::kernel::meta::{Command, Error, Outcome};

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// The API.
pub struct ElectLeaders;

impl Api for ElectLeaders {
    type Request = ElectLeadersRequest;
    type Response = ElectLeadersResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const NAME: &'static str = "ElectLeaders";

    async fn handle(cx: Cx, request: ElectLeadersRequest) -> Reply<ElectLeadersResponse> {
        if request.timeout_ms <= 0 {
            return Reply::Now(refuse(&cx, request, Code::RequestTimedOut.code(), None));
        }
        let election = match request.election_type {
            PREFERRED => Election::Preferred,
            UNCLEAN => Election::Unclean,
            // Nobody is there to be refused.
            _ if request.topic_partitions.as_ref().is_some_and(Vec::is_empty) => {
                return Reply::Now(ElectLeadersResponse::default());
            }
            other => {
                let text = message(format!("Unknown election type {other}"));
                let code = Code::InvalidRequest.code();
                return Reply::Now(refuse(&cx, request, code, Some(text)));
            }
        };
        let partitions = request.topic_partitions.as_ref().map(|topics| {
            let topics = topics.iter().flat_map(|topic| {
                let name: Arc<str> = Arc::from(topic.topic.0.as_str());
                topic.partitions.iter().map(move |index| (name.clone(), *index))
            });
            topics.collect()
        });
        let command = Command::ElectLeaders(election::ElectLeaders { election, partitions });
        Reply::Now(match cx.broker.control.execute(command).await {
            Ok(Outcome::ElectLeaders(answers)) => match request.topic_partitions {
                Some(topics) => shape_named(topics, answers),
                None => shape_all(answers),
            },
            Ok(_) => unreachable!("the outcome has the command's variant"),
            Err(error) => refuse(&cx, request, storage_code(&error), None),
        })
    }
}

fn refuse(
    cx: &Cx,
    request: ElectLeadersRequest,
    code: i16,
    text: Option<StrBytes>,
) -> ElectLeadersResponse {
    let refused = |index| {
        PartitionResult::default()
            .with_partition_id(index)
            .with_error_code(code)
            .with_error_message(text.clone())
    };
    let topics = request.topic_partitions.unwrap_or_default().into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(refused).collect();
        ReplicaElectionResult::default().with_topic(topic.topic).with_partition_result(partitions)
    });
    ElectLeadersResponse::default()
        .with_error_code(if cx.version >= 1 { code } else { NONE })
        .with_replica_election_results(topics.collect())
}

/// Answers the topics of the request, each with its part of the answers.
fn shape_named(topics: Vec<TopicPartitions>, answers: Vec<Elected>) -> ElectLeadersResponse {
    let mut answers = answers.into_iter().map(|(_, index, result)| shape(index, result));
    let topics = topics.into_iter().map(|topic| {
        let answers = answers.by_ref().take(topic.partitions.len()).collect();
        ReplicaElectionResult::default().with_topic(topic.topic).with_partition_result(answers)
    });
    ElectLeadersResponse::default().with_replica_election_results(topics.collect())
}

/// Answers all topics, each with those of its partitions that needed an election.
fn shape_all(answers: Vec<Elected>) -> ElectLeadersResponse {
    let mut topics: Vec<ReplicaElectionResult> = Vec::new();
    for (name, index, result) in answers {
        if topics.last().is_none_or(|topic| *topic.topic.0 != *name) {
            let name = TopicName(StrBytes::from_string(name.to_string()));
            topics.push(ReplicaElectionResult::default().with_topic(name));
        }
        if result != Err(Error::ElectionNotNeeded) {
            let topic = topics.last_mut().expect("one was pushed");
            topic.partition_result.push(shape(index, result));
        }
    }
    ElectLeadersResponse::default().with_replica_election_results(topics)
}

fn shape(index: i32, result: Result<(), Error>) -> PartitionResult {
    let (code, text) = match result {
        Ok(()) => (NONE, None),
        Err(error) => (meta_code(&error), Some(message(&error))),
    };
    PartitionResult::default()
        .with_partition_id(index)
        .with_error_code(code)
        .with_error_message(text)
}
