//! SyncGroup: the leader hands in the assignment, every member fetches its own.
//!
//! Version notes: 3+ instance IDs (KIP-345); 5+ the member names the protocol it believes in, and
//! must (KIP-559).

use std::ops::RangeInclusive;

use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use super::groups::{optional_text, optional_wire, text};
use super::{Api, Cx, Reply, error};
use crate::kernel::group::{Error, SyncRequest, Synced};

/// The API.
pub struct SyncGroup;

impl Api for SyncGroup {
    type Request = SyncGroupRequest;
    type Response = SyncGroupResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const NAME: &'static str = "SyncGroup";

    async fn handle(cx: Cx, request: SyncGroupRequest) -> Reply<SyncGroupResponse> {
        let names_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
        if cx.version >= 5 && !names_protocol {
            return Reply::Now(shape(Err(Error::InconsistentGroupProtocol)));
        }
        let synced = cx.broker.groups.sync(read(request));
        Reply::Later(Box::pin(async move { Some(shape(synced.await)) }))
    }
}

fn read(request: SyncGroupRequest) -> SyncRequest {
    let assignments = request.assignments.iter();
    SyncRequest {
        group_id: text(&request.group_id.0),
        member_id: text(&request.member_id),
        group_instance_id: optional_text(request.group_instance_id.as_ref()),
        generation: request.generation_id,
        protocol_type: optional_text(request.protocol_type.as_ref()),
        protocol_name: optional_text(request.protocol_name.as_ref()),
        assignments: assignments.map(|a| (text(&a.member_id), a.assignment.clone())).collect(),
    }
}

fn shape(result: Result<Synced, Error>) -> SyncGroupResponse {
    match result {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(optional_wire(synced.protocol_type.as_ref()))
            .with_protocol_name(optional_wire(synced.protocol_name.as_ref()))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error::group_code(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{Bytes, BytesMut};
    use kafka_protocol::protocol::{Decodable, Encodable};

    #[test]
    fn every_version_carries_an_assignment() {
        let synced = Synced {
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignment: Bytes::from_static(b"x"),
        };
        for version in SyncGroup::VERSIONS {
            for result in [Ok(synced.clone()), Err(Error::RebalanceInProgress)] {
                let code = if result.is_ok() { 0 } else { 27 };
                let mut bytes = BytesMut::new();
                shape(result).encode(&mut bytes, version).unwrap();
                let answer = SyncGroupResponse::decode(&mut bytes.freeze(), version).unwrap();
                assert_eq!(answer.error_code, code, "version {version}");
                assert_eq!(answer.protocol_name.is_some(), version >= 5 && code == 0);
                assert_eq!(answer.assignment.is_empty(), code != 0);
            }
        }
    }
}
