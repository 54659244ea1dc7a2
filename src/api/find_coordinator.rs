//! FindCoordinator: which broker answers for a group. Asking for one creates `__consumer_offsets`.
//! There is no coordinator of transactions or share groups yet; who asks for one is refused.
//!
//! Version notes: 1+ a type of key and an error text; 4+ several keys at once (KIP-699); 6+ share
//! groups (KIP-932).

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::groups::wire;
use super::{Api, Cx, Reply, error};
use crate::random;

/// Key type of groups.
const GROUP: i8 = 0;

/// The API.
pub struct FindCoordinator;

impl Api for FindCoordinator {
    type Request = FindCoordinatorRequest;
    type Response = FindCoordinatorResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const NAME: &'static str = "FindCoordinator";

    async fn handle(cx: Cx, request: FindCoordinatorRequest) -> Reply<FindCoordinatorResponse> {
        let keys = if cx.version < 4 { vec![request.key] } else { request.coordinator_keys };
        let ready = match request.key_type {
            GROUP => prepare(&cx).await,
            _ => Err(Code::InvalidRequest.code()),
        };
        let found = keys.into_iter().map(|key| {
            let found = ready.and_then(|()| check(&cx, &key));
            coordinator(&cx, key, found)
        });
        Reply::Now(shape(found.collect(), cx.version))
    }
}

async fn prepare(cx: &Cx) -> Result<(), i16> {
    let id = random::uuid().map_err(|_| Code::UnknownServerError.code())?;
    cx.broker.groups.create_topic(id).await.map_err(|error| error::group_code(&error))
}

fn check(cx: &Cx, group_id: &str) -> Result<(), i16> {
    match cx.broker.groups.is_coordinator_of(group_id) {
        true => Ok(()),
        false => Err(Code::CoordinatorNotAvailable.code()),
    }
}

fn coordinator(cx: &Cx, key: StrBytes, found: Result<(), i16>) -> Coordinator {
    let coordinator = Coordinator::default().with_key(key);
    match found {
        Ok(()) => {
            let (host, port) = cx.broker.advertised(&cx.connection);
            coordinator
                .with_node_id(BrokerId(cx.broker.config.node_id))
                .with_host(wire(&host))
                .with_port(i32::from(port))
        }
        Err(code) => coordinator
            .with_node_id(BrokerId(-1))
            .with_port(-1)
            .with_error_code(code)
            .with_error_message(Code::try_from_code(code).map(|code| wire(&code.to_string()))),
    }
}

/// Before version 4 there is one coordinator, at the top, and its text names also success.
fn shape(mut found: Vec<Coordinator>, version: i16) -> FindCoordinatorResponse {
    if version >= 4 {
        return FindCoordinatorResponse::default().with_coordinators(found);
    }
    let found = found.pop().unwrap_or_default();
    let message = match found.error_code {
        error::NONE => Some(wire("NONE")),
        _ => found.error_message,
    };
    FindCoordinatorResponse::default()
        .with_error_code(found.error_code)
        .with_error_message(message.filter(|_| version >= 1))
        .with_node_id(found.node_id)
        .with_host(found.host)
        .with_port(found.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use kafka_protocol::protocol::{Decodable, Encodable};

    #[test]
    fn one_answer_at_the_top_before_version_4_and_a_list_from_there() {
        let found = Coordinator::default()
            .with_key(wire("g"))
            .with_node_id(BrokerId(1))
            .with_host(wire("localhost"))
            .with_port(9092);
        for version in FindCoordinator::VERSIONS {
            let mut bytes = BytesMut::new();
            shape(vec![found.clone()], version).encode(&mut bytes, version).unwrap();
            let answer = FindCoordinatorResponse::decode(&mut bytes.freeze(), version).unwrap();
            if version < 4 {
                assert_eq!((answer.node_id.0, answer.port), (1, 9092), "version {version}");
                assert!(answer.coordinators.is_empty());
            } else {
                assert_eq!(answer.coordinators.len(), 1, "version {version}");
                assert_eq!(&*answer.coordinators[0].host, "localhost");
            }
        }
    }
}
