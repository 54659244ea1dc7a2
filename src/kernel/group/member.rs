//! One member of a classic group: who it is, what it supports, and which of its requests wait.
//! What a member may do is decided by the group, not here.

use std::sync::Arc;

use bytes::Bytes;

use super::event::{JoinRequest, Ticket};

/// A member of a classic group.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: Arc<str>,
    pub(super) group_instance_id: Option<Arc<str>>,
    pub(super) client_id: Arc<str>,
    pub(super) client_host: Arc<str>,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    /// Supported protocols with their metadata, best first, no name twice.
    pub(super) protocols: Vec<(Arc<str>, Bytes)>,
    pub(super) assignment: Bytes,
    /// A parked JoinGroup.
    pub(super) awaiting_join: Option<Ticket>,
    /// A parked SyncGroup.
    pub(super) awaiting_sync: Option<Ticket>,
    /// It has not been through a join phase: it cannot heartbeat yet, so it may expire while its
    /// JoinGroup is parked.
    pub(super) is_new: bool,
}

impl Member {
    /// A member that joins for the first time.
    pub(super) fn from_request(id: Arc<str>, request: &JoinRequest) -> Member {
        let mut member = Member {
            id,
            group_instance_id: request.group_instance_id.clone(),
            client_id: Arc::clone(&request.client_id),
            client_host: Arc::clone(&request.client_host),
            rebalance_timeout_ms: 0,
            session_timeout_ms: 0,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: true,
        };
        member.update(request);
        member
    }

    /// Takes over what a rejoin may change. The metadata is copied, because a slice would keep the
    /// whole request frame in memory for as long as the member lives.
    pub(super) fn update(&mut self, request: &JoinRequest) {
        self.client_id = Arc::clone(&request.client_id);
        self.client_host = Arc::clone(&request.client_host);
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms =
            effective_rebalance_timeout_ms(request.rebalance_timeout_ms, self.session_timeout_ms);
        self.protocols = request
            .protocols
            .iter()
            .map(|(name, metadata)| (Arc::clone(name), Bytes::copy_from_slice(metadata)))
            .collect();
    }

    /// Whether a rejoin brings the same protocols with the same metadata in the same order.
    pub(super) fn matches(&self, protocols: &[(Arc<str>, Bytes)]) -> bool {
        self.protocols == protocols
    }

    /// Metadata for a protocol, empty if the member does not support it.
    pub(super) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| Some(&**name) == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// Whether a request of this member waits.
    pub(super) fn is_awaiting(&self) -> bool {
        self.awaiting_join.is_some() || self.awaiting_sync.is_some()
    }
}

/// A negative rebalance timeout stands for the session timeout: version 0 of JoinGroup and old
/// records have none, and taken literally it would end every join phase at once.
pub(super) fn effective_rebalance_timeout_ms(rebalance_ms: i32, session_ms: i32) -> i32 {
    if rebalance_ms < 0 { session_ms } else { rebalance_ms }
}
