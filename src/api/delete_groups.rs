//! DeleteGroups: groups without members go, with all their offsets.
//!
//! A group that is named twice is answered once.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse, GroupId};

use super::groups::{text, wire};
use super::{Api, Cx, Reply, error};
use crate::coordinator::groups::delete::Deleted;

/// The API.
pub struct DeleteGroups;

impl Api for DeleteGroups {
    type Request = DeleteGroupsRequest;
    type Response = DeleteGroupsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const NAME: &'static str = "DeleteGroups";

    async fn handle(cx: Cx, request: DeleteGroupsRequest) -> Reply<DeleteGroupsResponse> {
        let names: BTreeSet<Arc<str>> =
            request.groups_names.iter().map(|name| text(&name.0)).collect();
        let deleted = cx.broker.groups.delete_groups(names.into_iter().collect());
        Reply::Later(Box::pin(async move { Some(shape(&deleted.await)) }))
    }
}

fn shape(deleted: &[Deleted]) -> DeleteGroupsResponse {
    let results = deleted.iter().map(|(group_id, result)| {
        DeletableGroupResult::default()
            .with_group_id(GroupId(wire(group_id)))
            .with_error_code(result.as_ref().err().map_or(error::NONE, error::group_code))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}
