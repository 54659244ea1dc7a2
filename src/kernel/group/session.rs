//! Heartbeat and LeaveGroup: members stay and members go.

use std::sync::Arc;

use super::classic::{Group, State};
use super::event::{Effect, HeartbeatRequest, LeaveResult, LeavingMember, Response, Ticket};
use super::{Error, Groups, Now, Step};

impl Groups {
    pub(super) fn heartbeat(
        &mut self,
        now: Now,
        request: &HeartbeatRequest,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        if request.group_id.is_empty() {
            return Err(Error::InvalidGroupId);
        }
        let group = self.groups.get(&request.group_id).ok_or(Error::UnknownMemberId)?;
        group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation != group.generation {
            return Err(Error::IllegalGeneration);
        }
        let mut step = Step { now, config: &self.config, timers: &mut self.timers, out };
        group.restart_session(&mut step, &request.member_id);
        match group.state {
            State::PreparingRebalance => Err(Error::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
            State::Empty | State::Dead => Err(Error::UnknownMemberId),
        }
    }

    pub(super) fn leave(
        &mut self,
        now: Now,
        ticket: Ticket,
        group_id: &Arc<str>,
        members: Vec<LeavingMember>,
        out: &mut Vec<Effect>,
    ) {
        let mut step = Step { now, config: &self.config, timers: &mut self.timers, out };
        if group_id.is_empty() {
            return step.reply(ticket, Response::Leave(Err(Error::InvalidGroupId)));
        }
        let Some(group) = self.groups.get_mut(group_id) else {
            let unknown = |member| LeaveResult { member, error: Some(Error::UnknownMemberId) };
            let results = members.into_iter().map(unknown).collect();
            return step.reply(ticket, Response::Leave(Ok(results)));
        };
        let results: Vec<LeaveResult> = members
            .into_iter()
            .map(|member| {
                let error = group.leave(&mut step, &member).err();
                LeaveResult { member, error }
            })
            .collect();
        let any_left = results.iter().any(|result| result.error.is_none());
        step.reply(ticket, Response::Leave(Ok(results)));
        if any_left && group.state != State::Empty {
            group.rebalance_or_complete_join(&mut step);
        }
        self.remove_if_vacant(group_id);
    }
}

impl Group {
    /// An administrator removes a static member by its instance ID alone; everybody else leaves
    /// with the member ID, also somebody who was only given one so far.
    fn leave(&mut self, step: &mut Step<'_>, leaving: &LeavingMember) -> Result<(), Error> {
        let instance_id = leaving.group_instance_id.as_deref();
        let member_id = if leaving.member_id.is_empty() {
            let found = instance_id.and_then(|instance_id| self.static_members.get(instance_id));
            Arc::clone(found.ok_or(Error::UnknownMemberId)?)
        } else {
            Arc::clone(&leaving.member_id)
        };
        if !self.pending_joins.contains(&member_id) {
            self.validate_member(&member_id, instance_id)?;
        }
        self.remove_member(step, &member_id);
        Ok(())
    }
}
