//! InitProducerId: gives a producer its ID and epoch.
//!
//! Behaviour: without a transactional ID each request gets a fresh producer ID with epoch 0, also
//! one that names the ID it had (KIP-360). An empty transactional ID, and a producer ID without
//! epoch or the other way round, is INVALID_REQUEST.
//! Transactions do not exist yet: a transactional ID is answered with UNSUPPORTED_VERSION, which
//! clients take as final and do not retry.
//!
//! Version notes: 3+ requests name the ID and epoch the producer had; 6 (two-phase commit,
//! KIP-939) is not served.

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::error::meta_code;
use super::error::storage_code;
use super::{Api, Cx, Reply};
use crate::coordinator::ids::IdError;

/// The API.
pub struct InitProducerId;

impl Api for InitProducerId {
    type Request = InitProducerIdRequest;
    type Response = InitProducerIdResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const NAME: &'static str = "InitProducerId";

    async fn handle(cx: Cx, request: InitProducerIdRequest) -> Reply<InitProducerIdResponse> {
        Reply::Now(match &request.transactional_id {
            Some(id) if id.0.is_empty() => refuse(Code::InvalidRequest.code()),
            _ if is_halved(&request) => refuse(Code::InvalidRequest.code()),
            Some(_) => refuse(Code::UnsupportedVersion.code()),
            None => match cx.broker.producer_ids.next().await {
                Ok(id) => InitProducerIdResponse::default().with_producer_id(ProducerId(id)),
                Err(IdError::Refused(error)) => refuse(meta_code(&error)),
                Err(IdError::Storage(error)) => refuse(storage_code(&error)),
            },
        })
    }
}

/// Whether the request names a producer ID without epoch or an epoch without producer ID.
fn is_halved(request: &InitProducerIdRequest) -> bool {
    (request.producer_id.0 == -1) != (request.producer_epoch == -1)
}

fn refuse(code: i16) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(code)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1)
}
