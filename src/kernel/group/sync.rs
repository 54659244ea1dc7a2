//! SyncGroup: the leader's assignment reaches every member.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::classic::{Group, State};
use super::event::{Effect, Response, SyncRequest, Synced, Ticket};
use super::timers::Timer;
use super::{Error, Groups, Now, Step};

impl Groups {
    pub(super) fn sync(
        &mut self,
        now: Now,
        ticket: Ticket,
        request: &SyncRequest,
        out: &mut Vec<Effect>,
    ) {
        let mut step = Step { now, config: &self.config, timers: &mut self.timers, out };
        if request.group_id.is_empty() {
            return step.reply(ticket, Response::Sync(Err(Error::InvalidGroupId)));
        }
        match self.groups.get_mut(&request.group_id) {
            Some(group) => group.sync(&mut step, ticket, request),
            None => step.reply(ticket, Response::Sync(Err(Error::UnknownMemberId))),
        }
    }
}

impl Group {
    fn sync(&mut self, step: &mut Step<'_>, ticket: Ticket, request: &SyncRequest) {
        if let Err(error) = self.validate_sync(request) {
            return step.reply(ticket, Response::Sync(Err(error)));
        }
        self.pending_syncs.remove(&request.member_id);
        if self.pending_syncs.is_empty() {
            step.timers.cancel(&Timer::Sync(Arc::clone(&self.id)));
        }
        let Some(member) = self.members.get_mut(&request.member_id) else { return };
        if self.state == State::Stable {
            let synced = Synced {
                protocol_type: self.protocol_type.clone(),
                protocol_name: self.protocol_name.clone(),
                assignment: member.assignment.clone(),
            };
            return step.reply(ticket, Response::Sync(Ok(synced)));
        }
        // A request that was parked before is one the client has given up.
        if let Some(earlier) = member.awaiting_sync.replace(ticket) {
            step.reply(earlier, Response::Sync(Err(Error::RebalanceInProgress)));
        }
        if self.is_leader(&request.member_id) {
            self.take_assignments(step, request);
        }
    }

    fn validate_sync(&self, request: &SyncRequest) -> Result<(), Error> {
        if self.state == State::Empty {
            return Err(Error::UnknownMemberId);
        }
        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation != self.generation {
            return Err(Error::IllegalGeneration);
        }
        let differs = |named: &Option<Arc<str>>, actual: &Option<Arc<str>>| {
            named.is_some() && named != actual
        };
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol_name)
        {
            return Err(Error::InconsistentGroupProtocol);
        }
        if self.state == State::PreparingRebalance {
            return Err(Error::RebalanceInProgress);
        }
        Ok(())
    }

    /// The leader has spoken. Members it forgot get an empty assignment. A group whose record is
    /// too large for the log is told so and rebalances, as its members may become fewer.
    fn take_assignments(&mut self, step: &mut Step<'_>, request: &SyncRequest) {
        let assignments: HashMap<&str, &Bytes> =
            request.assignments.iter().map(|(id, assignment)| (&**id, assignment)).collect();
        for member in self.members.values_mut() {
            let assignment = assignments.get(&*member.id);
            member.assignment =
                assignment.map(|bytes| Bytes::copy_from_slice(bytes)).unwrap_or_default();
        }
        if !self.fits(step) {
            self.fail_syncs(step, Error::RecordTooLarge);
            return self.prepare_rebalance(step);
        }
        step.append(self.to_record());
        self.is_recorded = true;
        self.become_stable(step);
    }
}
