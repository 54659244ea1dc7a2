//! Heartbeat: a member of a classic group is still there, and learns whether to rejoin.
//!
//! Version notes: 3+ instance IDs (KIP-345).

use std::ops::RangeInclusive;

use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::groups::{optional_text, text};
use super::{Api, Cx, Reply, error};
use crate::kernel::group;

/// The API.
pub struct Heartbeat;

impl Api for Heartbeat {
    type Request = HeartbeatRequest;
    type Response = HeartbeatResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const NAME: &'static str = "Heartbeat";

    async fn handle(cx: Cx, request: HeartbeatRequest) -> Reply<HeartbeatResponse> {
        let beat = cx.broker.groups.heartbeat(group::HeartbeatRequest {
            group_id: text(&request.group_id.0),
            member_id: text(&request.member_id),
            group_instance_id: optional_text(request.group_instance_id.as_ref()),
            generation: request.generation_id,
        });
        Reply::Later(Box::pin(async move {
            let code = beat.await.map_or_else(|error| error::group_code(&error), |()| error::NONE);
            Some(HeartbeatResponse::default().with_error_code(code))
        }))
    }
}
