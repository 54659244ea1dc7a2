//! DescribeGroups: state and members of classic groups.
//!
//! Version notes: 3+ the operations the client may do, if it asks; 4+ instance IDs (KIP-345); a
//! group that does not exist is `Dead`, from 6 on with an error (KIP-1043).

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};

use super::groups::{optional_wire, wire};
use super::{Api, Cx, Reply, error};
use crate::kernel::group::{Error, GroupDescription, MemberDescription, State};

/// Bits of the operations that Kafka knows on groups: read, delete, describe, and describe and
/// alter configs. Without access rules everybody may do them all.
const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

/// The API.
pub struct DescribeGroups;

impl Api for DescribeGroups {
    type Request = DescribeGroupsRequest;
    type Response = DescribeGroupsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const NAME: &'static str = "DescribeGroups";

    async fn handle(cx: Cx, request: DescribeGroupsRequest) -> Reply<DescribeGroupsResponse> {
        let with_operations = cx.version >= 3 && request.include_authorized_operations;
        let asked = request.groups.into_iter().map(|group_id| {
            let described = cx.broker.groups.describe(&group_id.0);
            (group_id, described)
        });
        let asked: Vec<_> = asked.collect();
        Reply::Later(Box::pin(async move {
            let mut groups = Vec::with_capacity(asked.len());
            for (group_id, described) in asked {
                let group = shape(group_id, described.await, cx.version);
                groups.push(match with_operations && group.error_code == error::NONE {
                    true => group.with_authorized_operations(ALL_OPERATIONS),
                    false => group,
                });
            }
            Some(DescribeGroupsResponse::default().with_groups(groups))
        }))
    }
}

fn shape(
    group_id: GroupId,
    described: Result<Option<GroupDescription>, Error>,
    version: i16,
) -> DescribedGroup {
    let missing = wire(&format!("Group {} not found.", &*group_id.0));
    let response = DescribedGroup::default().with_group_id(group_id);
    match described {
        Err(error) => response.with_error_code(error::group_code(&error)),
        Ok(Some(group)) => response
            .with_group_state(wire(group.state.name()))
            .with_protocol_type(wire(&group.protocol_type))
            .with_protocol_data(wire(&group.protocol_name))
            .with_members(group.members.into_iter().map(|m| shape_member(m, version)).collect()),
        Ok(None) => {
            let response = response.with_group_state(wire(State::Dead.name()));
            if version < 6 {
                return response;
            }
            response.with_error_code(Code::GroupIdNotFound.code()).with_error_message(Some(missing))
        }
    }
}

fn shape_member(member: MemberDescription, version: i16) -> DescribedGroupMember {
    let instance_id = member.group_instance_id.as_ref().filter(|_| version >= 4);
    DescribedGroupMember::default()
        .with_member_id(wire(&member.member_id))
        .with_group_instance_id(optional_wire(instance_id))
        .with_client_id(wire(&member.client_id))
        .with_client_host(wire(&member.client_host))
        .with_member_metadata(member.metadata)
        .with_member_assignment(member.assignment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{Bytes, BytesMut};
    use kafka_protocol::protocol::{Decodable, Encodable};

    fn through_the_wire(
        described: Result<Option<GroupDescription>, Error>,
        version: i16,
    ) -> DescribedGroup {
        let group = shape(GroupId(wire("g")), described, version);
        let mut bytes = BytesMut::new();
        let response = DescribeGroupsResponse::default().with_groups(vec![group]);
        response.encode(&mut bytes, version).unwrap();
        let mut response = DescribeGroupsResponse::decode(&mut bytes.freeze(), version).unwrap();
        response.groups.remove(0)
    }

    #[test]
    fn every_version_carries_members() {
        let member = MemberDescription {
            member_id: "m".into(),
            group_instance_id: Some("i".into()),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            metadata: Bytes::from_static(b"x"),
            assignment: Bytes::from_static(b"y"),
        };
        let group = GroupDescription {
            state: State::Stable,
            protocol_type: "consumer".into(),
            protocol_name: "range".into(),
            members: vec![member],
            generation: 1,
            leader: None,
        };
        for version in DescribeGroups::VERSIONS {
            let answer = through_the_wire(Ok(Some(group.clone())), version);
            assert_eq!(&*answer.group_state, "Stable", "version {version}");
            assert_eq!(answer.members[0].group_instance_id.is_some(), version >= 4);
            let missing = through_the_wire(Ok(None), version);
            assert_eq!(&*missing.group_state, "Dead");
            assert_eq!(missing.error_code, if version >= 6 { 69 } else { 0 });
        }
    }
}
