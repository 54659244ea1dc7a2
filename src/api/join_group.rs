//! JoinGroup: a member asks to be in the next generation of a classic group.
//!
//! Version notes: 0 has no rebalance timeout, the session timeout stands in; 4+ a dynamic member
//! is first told its ID (KIP-394); 5+ instance IDs (KIP-345); 7+ protocol type and a nullable
//! protocol name (KIP-559); 8+ a reason, which is only logged (KIP-800); 9+ a replaced leader is
//! told to skip the assignment (KIP-814), before that it is told that the old ID leads.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;

use super::groups::{optional_text, optional_wire, text, wire};
use super::{Api, Cx, Reply, error};
use crate::random;
use crate::kernel::group::{JoinFailed, JoinRequest, Joined, JoinedMember};

/// The API.
pub struct JoinGroup;

impl Api for JoinGroup {
    type Request = JoinGroupRequest;
    type Response = JoinGroupResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=9;
    const NAME: &'static str = "JoinGroup";

    async fn handle(cx: Cx, request: JoinGroupRequest) -> Reply<JoinGroupResponse> {
        let Ok(id) = random::uuid() else {
            let failed = failure(&request.member_id, cx.version);
            return Reply::Now(failed.with_error_code(Code::UnknownServerError.code()));
        };
        tracing::debug!(group = %request.group_id.0, member = %request.member_id,
            reason = request.reason.as_deref(), "join");
        let joined = cx.broker.groups.join(read(&cx, request, id.0));
        let version = cx.version;
        Reply::Later(Box::pin(async move { Some(shape(joined.await, version)) }))
    }
}

fn read(cx: &Cx, request: JoinGroupRequest, random: [u8; 16]) -> JoinRequest {
    let group_instance_id = optional_text(request.group_instance_id.as_ref());
    let name = group_instance_id.as_ref().unwrap_or(&cx.client_id);
    let random = uuid::Uuid::from_bytes(random);
    let protocols = request.protocols.iter();
    JoinRequest {
        group_id: text(&request.group_id.0),
        member_id: text(&request.member_id),
        new_member_id: Arc::from(format!("{name}-{random}")),
        group_instance_id,
        client_id: Arc::clone(&cx.client_id),
        client_host: Arc::from(format!("/{}", cx.connection.peer.ip().to_canonical())),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if cx.version == 0 { -1 } else { request.rebalance_timeout_ms },
        protocol_type: text(&request.protocol_type),
        protocols: protocols.map(|p| (text(&p.name), p.metadata.clone())).collect(),
        require_known_member_id: cx.version >= 4,
        supports_skip_assignment: cx.version >= 9,
    }
}

fn shape(result: Result<Joined, JoinFailed>, version: i16) -> JoinGroupResponse {
    let joined = match result {
        Ok(joined) => joined,
        Err(JoinFailed { error, member_id }) => {
            return failure(&wire(&member_id), version).with_error_code(error::group_code(&error));
        }
    };
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(optional_wire(joined.protocol_type.as_ref()))
        .with_protocol_name(protocol_name(joined.protocol_name.as_ref(), version))
        .with_leader(wire(&joined.leader))
        .with_skip_assignment(version >= 9 && joined.skip_assignment)
        .with_member_id(wire(&joined.member_id))
        .with_members(joined.members.into_iter().map(|m| shape_member(m, version)).collect())
}

fn shape_member(member: JoinedMember, version: i16) -> JoinGroupResponseMember {
    let instance_id = member.group_instance_id.as_ref().filter(|_| version >= 5);
    JoinGroupResponseMember::default()
        .with_member_id(wire(&member.member_id))
        .with_group_instance_id(optional_wire(instance_id))
        .with_metadata(member.metadata)
}

fn failure(member_id: &StrBytes, version: i16) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_generation_id(-1)
        .with_protocol_name(protocol_name(None, version))
        .with_member_id(member_id.clone())
}

/// Null is not allowed before version 7.
fn protocol_name(name: Option<&Arc<str>>, version: i16) -> Option<StrBytes> {
    match (name, version) {
        (None, ..7) => Some(StrBytes::default()),
        (name, _) => optional_wire(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::group::Error;
    use bytes::{Bytes, BytesMut};
    use kafka_protocol::protocol::{Decodable, Encodable};

    fn through_the_wire(response: &JoinGroupResponse, version: i16) -> JoinGroupResponse {
        let mut bytes = BytesMut::new();
        response.encode(&mut bytes, version).unwrap();
        JoinGroupResponse::decode(&mut bytes.freeze(), version).unwrap()
    }

    #[test]
    fn every_version_carries_an_answer_and_a_refusal() {
        let joined = Joined {
            member_id: "m".into(),
            generation: 3,
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            leader: "m".into(),
            skip_assignment: true,
            members: vec![JoinedMember {
                member_id: "m".into(),
                group_instance_id: Some("i".into()),
                metadata: Bytes::from_static(b"x"),
            }],
        };
        for version in JoinGroup::VERSIONS {
            let answer = through_the_wire(&shape(Ok(joined.clone()), version), version);
            assert_eq!((answer.error_code, answer.generation_id), (0, 3), "version {version}");
            assert_eq!(answer.protocol_name.as_deref(), Some("range"));
            assert_eq!(answer.protocol_type.is_some(), version >= 7);
            assert_eq!(answer.skip_assignment, version >= 9);
            assert_eq!(answer.members[0].group_instance_id.is_some(), version >= 5);

            let failed = JoinFailed { error: Error::MemberIdRequired, member_id: "m-1".into() };
            let answer = through_the_wire(&shape(Err(failed), version), version);
            assert_eq!((answer.error_code, answer.generation_id), (79, -1));
            assert_eq!(&*answer.member_id, "m-1");
            assert_eq!(answer.protocol_name.is_none(), version >= 7);
        }
    }
}
