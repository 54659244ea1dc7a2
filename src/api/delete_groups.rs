//! DeleteGroups: groups without members go, with all their offsets.
//!
//! A group that is named twice is answered once.
//!
//! Version notes: 3+ say in words why a group stays.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::groups::{text, wire};
use super::{Api, Cx, Reply, error};
use crate::coordinator::groups::delete::Deleted;
use crate::wire::messages::delete_groups_response::DeletableGroupResult;
use crate::wire::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

/// The API.
pub struct DeleteGroups;

impl Api for DeleteGroups {
    type Request = DeleteGroupsRequest;
    type Response = DeleteGroupsResponse;
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const NAME: &'static str = "DeleteGroups";

    async fn handle(cx: Cx, request: DeleteGroupsRequest) -> Reply<DeleteGroupsResponse> {
        let names: BTreeSet<Arc<str>> =
            request.groups_names.iter().map(text).collect();
        let deleted = cx.broker.groups.delete_groups(names.into_iter().collect());
        Reply::Later(Box::pin(async move { Some(shape(&deleted.await)) }))
    }
}

fn shape(deleted: &[Deleted]) -> DeleteGroupsResponse {
    let results = deleted.iter().map(|(group_id, result)| DeletableGroupResult {
        group_id: wire(group_id),
        error_code: result.as_ref().err().map_or(error::NONE, error::group_code),
        error_message: result.as_ref().err().map(error::message),
    });
    DeleteGroupsResponse { results: results.collect(), ..DeleteGroupsResponse::default() }
}
