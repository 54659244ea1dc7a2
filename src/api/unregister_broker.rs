//! UnregisterBroker: removes the registration of a broker that is gone for good (KIP-631).
//!
//! Behaviour: the broker that answers is not gone, and is not removed (INVALID_REQUEST). Kafka
//! would remove it and leave the cluster without its partitions' leader.
//!
//! Version notes: there is one version.

use std::ops::RangeInclusive;

use kafka_protocol::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use super::error::{message, meta_code, storage_code};
use super::{Api, Cx, Reply};
use crate::kernel::meta::{Command, Outcome};

/// The API.
pub struct UnregisterBroker;

impl Api for UnregisterBroker {
    type Request = UnregisterBrokerRequest;
    type Response = UnregisterBrokerResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const NAME: &'static str = "UnregisterBroker";

    async fn handle(cx: Cx, request: UnregisterBrokerRequest) -> Reply<UnregisterBrokerResponse> {
        let command = Command::UnregisterBroker(request.broker_id.0);
        let response = UnregisterBrokerResponse::default().with_error_message(None);
        Reply::Now(match cx.broker.control.execute(command).await {
            Ok(Outcome::UnregisterBroker(Ok(()))) => response,
            Ok(Outcome::UnregisterBroker(Err(error))) => response
                .with_error_code(meta_code(&error))
                .with_error_message(Some(message(&error))),
            Ok(_) => unreachable!("the outcome has the command's variant"),
            Err(error) => response.with_error_code(storage_code(&error)),
        })
    }
}
