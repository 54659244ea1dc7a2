//! LeaveGroup: members of a classic group go, or an administrator removes them.
//!
//! Version notes: 0–2 name one member and answer at the top; 3+ name several, also static ones by
//! their instance ID alone, and answer for each (KIP-345); 5+ a reason, which is only logged
//! (KIP-800).

use std::ops::RangeInclusive;

use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::groups::{optional_text, optional_wire, text, wire};
use super::{Api, Cx, Reply, error};
use crate::kernel::group::{Error, LeaveResult, LeavingMember};

/// The API.
pub struct LeaveGroup;

impl Api for LeaveGroup {
    type Request = LeaveGroupRequest;
    type Response = LeaveGroupResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const NAME: &'static str = "LeaveGroup";

    async fn handle(cx: Cx, request: LeaveGroupRequest) -> Reply<LeaveGroupResponse> {
        let version = cx.version;
        let members = read(&request, version);
        let left = cx.broker.groups.leave(text(&request.group_id.0), members);
        Reply::Later(Box::pin(async move { Some(shape(left.await, version)) }))
    }
}

fn read(request: &LeaveGroupRequest, version: i16) -> Vec<LeavingMember> {
    if version < 3 {
        let member_id = text(&request.member_id);
        return vec![LeavingMember { member_id, group_instance_id: None }];
    }
    let members = request.members.iter().map(|member| {
        tracing::debug!(group = %request.group_id.0, member = %member.member_id,
            reason = member.reason.as_deref(), "leave");
        LeavingMember {
            member_id: text(&member.member_id),
            group_instance_id: optional_text(member.group_instance_id.as_ref()),
        }
    });
    members.collect()
}

fn shape(result: Result<Vec<LeaveResult>, Error>, version: i16) -> LeaveGroupResponse {
    let response = LeaveGroupResponse::default();
    let results = match result {
        Ok(results) => results,
        Err(error) => return response.with_error_code(error::group_code(&error)),
    };
    let code = |result: &LeaveResult| result.error.as_ref().map_or(error::NONE, error::group_code);
    if version < 3 {
        return response.with_error_code(results.first().map_or(error::NONE, code));
    }
    let members = results.iter().map(|result| {
        MemberResponse::default()
            .with_member_id(wire(&result.member.member_id))
            .with_group_instance_id(optional_wire(result.member.group_instance_id.as_ref()))
            .with_error_code(code(result))
    });
    response.with_members(members.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use kafka_protocol::protocol::{Decodable, Encodable};

    #[test]
    fn errors_are_at_the_top_before_version_3_and_with_the_member_from_there() {
        let member = LeavingMember { member_id: "m".into(), group_instance_id: Some("i".into()) };
        let results = vec![LeaveResult { member, error: Some(Error::UnknownMemberId) }];
        for version in LeaveGroup::VERSIONS {
            let mut bytes = BytesMut::new();
            shape(Ok(results.clone()), version).encode(&mut bytes, version).unwrap();
            let answer = LeaveGroupResponse::decode(&mut bytes.freeze(), version).unwrap();
            let members: Vec<i16> = answer.members.iter().map(|m| m.error_code).collect();
            if version < 3 {
                assert_eq!((answer.error_code, members), (25, vec![]));
            } else {
                assert_eq!((answer.error_code, members), (0, vec![25]));
            }
        }
    }
}
