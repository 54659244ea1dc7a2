//! ListGroups: all groups of this broker.
//!
//! Version notes: 4+ filter by state (KIP-518); 5+ by type (KIP-848). Filters ignore case.

use std::ops::RangeInclusive;

use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse};

use super::groups::wire;
use super::{Api, Cx, Reply};
use crate::kernel::group::GroupListing;

/// The API.
pub struct ListGroups;

impl Api for ListGroups {
    type Request = ListGroupsRequest;
    type Response = ListGroupsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const NAME: &'static str = "ListGroups";

    async fn handle(cx: Cx, request: ListGroupsRequest) -> Reply<ListGroupsResponse> {
        let states: Vec<&str> = request.states_filter.iter().map(|state| &**state).collect();
        let types: Vec<&str> = request.types_filter.iter().map(|kind| &**kind).collect();
        let listed = cx.broker.groups.list(&states, &types);
        Reply::Later(Box::pin(async move { Some(shape(&listed.await, cx.version)) }))
    }
}

fn shape(listings: &[GroupListing], version: i16) -> ListGroupsResponse {
    let shape_listing = |listing: &GroupListing| {
        let group = ListedGroup::default()
            .with_group_id(GroupId(wire(&listing.group_id)))
            .with_protocol_type(wire(&listing.protocol_type));
        match version {
            ..4 => group,
            4 => group.with_group_state(wire(listing.state.name())),
            _ => group
                .with_group_state(wire(listing.state.name()))
                .with_group_type(wire(listing.group_type.name())),
        }
    };
    ListGroupsResponse::default().with_groups(listings.iter().map(shape_listing).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::group::{GroupType, State};
    use bytes::BytesMut;
    use kafka_protocol::protocol::{Decodable, Encodable};

    #[test]
    fn every_version_carries_what_it_has_room_for() {
        let listing = GroupListing {
            group_id: "g".into(),
            protocol_type: "consumer".into(),
            state: State::Stable,
            group_type: GroupType::Classic,
        };
        for version in ListGroups::VERSIONS {
            let mut bytes = BytesMut::new();
            shape(std::slice::from_ref(&listing), version).encode(&mut bytes, version).unwrap();
            let answer = ListGroupsResponse::decode(&mut bytes.freeze(), version).unwrap();
            let group = &answer.groups[0];
            assert_eq!(&*group.group_state, if version >= 4 { "Stable" } else { "" });
            assert_eq!(&*group.group_type, if version >= 5 { "classic" } else { "" });
        }
    }
}
