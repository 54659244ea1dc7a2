//! From one generation of a group to the next: the join phase, its end, and members that never
//! fetch their assignment.

use std::sync::Arc;

use super::classic::{Group, State};
use super::event::Response;
use super::member::Member;
use super::timers::Timer;
use super::{Error, Step};

/// How the first join phase of an empty group is stretched while members keep coming.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialDelay {
    delay_ms: i64,
    remaining_ms: i64,
}

impl Group {
    /// The longest rebalance timeout of all members.
    fn rebalance_timeout_ms(&self) -> i64 {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        i64::from(longest.unwrap_or(0).max(0))
    }

    /// After a member came, changed or went: a settled group starts to rebalance, a rebalancing one
    /// may be done.
    pub(super) fn rebalance_or_complete_join(&mut self, step: &mut Step<'_>) {
        match self.state {
            State::Empty | State::CompletingRebalance | State::Stable => {
                self.prepare_rebalance(step);
            }
            State::PreparingRebalance | State::Dead => self.maybe_complete_join(step),
        }
    }

    /// Ends the join phase if everybody is there. The first join phase of an empty group ends only
    /// by its timer, so that members that start together need one rebalance.
    pub(super) fn maybe_complete_join(&mut self, step: &mut Step<'_>) {
        if self.state == State::PreparingRebalance
            && self.previous_state != State::Empty
            && self.has_all_members_joined()
        {
            self.complete_join(step);
        }
    }

    /// Opens a join phase.
    pub(super) fn prepare_rebalance(&mut self, step: &mut Step<'_>) {
        if self.state == State::CompletingRebalance {
            self.fail_syncs(step, Error::RebalanceInProgress);
        }
        self.pending_syncs.clear();
        step.timers.cancel(&Timer::Sync(Arc::clone(&self.id)));
        let timeout_ms = self.rebalance_timeout_ms();
        let is_initial = self.state == State::Empty;
        self.transition(step, State::PreparingRebalance);
        if is_initial {
            let delay_ms = step.config.initial_rebalance_delay_ms;
            let remaining_ms = timeout_ms.saturating_sub(delay_ms).max(0);
            self.new_member_added = false;
            self.initial_delay = Some(InitialDelay { delay_ms, remaining_ms });
            step.schedule(Timer::Join(Arc::clone(&self.id)), delay_ms);
        } else if self.has_all_members_joined() {
            self.complete_join(step);
        } else {
            self.initial_delay = None;
            step.schedule(Timer::Join(Arc::clone(&self.id)), timeout_ms);
        }
    }

    /// The join phase took as long as it may.
    pub(super) fn join_phase_expired(&mut self, step: &mut Step<'_>) {
        if self.state != State::PreparingRebalance {
            return;
        }
        match self.initial_delay {
            Some(InitialDelay { delay_ms, remaining_ms })
                if self.new_member_added && remaining_ms != 0 =>
            {
                self.new_member_added = false;
                let next_delay_ms = step.config.initial_rebalance_delay_ms.min(remaining_ms);
                self.initial_delay = Some(InitialDelay {
                    delay_ms: next_delay_ms,
                    remaining_ms: remaining_ms.saturating_sub(delay_ms).max(0),
                });
                step.schedule(Timer::Join(Arc::clone(&self.id)), next_delay_ms);
            }
            _ => self.complete_join(step),
        }
    }

    /// Ends the join phase: dynamic members that did not come back are out, static ones stay until
    /// their session ends.
    pub(super) fn complete_join(&mut self, step: &mut Step<'_>) {
        step.timers.cancel(&Timer::Join(Arc::clone(&self.id)));
        self.initial_delay = None;
        let missing: Vec<Arc<str>> = self
            .members
            .values()
            .filter(|member| member.awaiting_join.is_none() && member.group_instance_id.is_none())
            .map(|member| Arc::clone(&member.id))
            .collect();
        for member_id in missing {
            self.remove_member(step, &member_id);
        }
        if self.members.is_empty() {
            self.become_empty(step);
        } else if self.elect_joined_leader() {
            self.start_generation(step);
        } else {
            // Only static members that did not come back are left: their sessions decide.
            let timeout_ms = self.rebalance_timeout_ms().max(1);
            step.schedule(Timer::Join(Arc::clone(&self.id)), timeout_ms);
        }
    }

    /// Keeps the leader if it came back, else takes a member that did. False if none did.
    fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |member: &Member| member.awaiting_join.is_some();
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        if leader.is_some_and(has_joined) {
            return true;
        }
        match self.members.values().find(|member| has_joined(member)) {
            Some(member) => {
                self.leader = Some(Arc::clone(&member.id));
                true
            }
            None => false,
        }
    }

    fn become_empty(&mut self, step: &mut Step<'_>) {
        self.generation = next_generation(self.generation);
        self.protocol_name = None;
        self.leader = None;
        self.pending_syncs.clear();
        self.transition(step, State::Empty);
        self.subscribed_topics = self.read_subscribed_topics();
        step.append(self.to_record());
        self.is_recorded = true;
    }

    fn start_generation(&mut self, step: &mut Step<'_>) {
        self.generation = next_generation(self.generation);
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.read_subscribed_topics();
        self.transition(step, State::CompletingRebalance);
        self.pending_syncs = self.members.keys().cloned().collect();
        let member_ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for member_id in member_ids {
            let response = Response::Join(Ok(self.joined(&member_id)));
            self.answer_join(step, &member_id, response);
            self.restart_session(step, &member_id);
            if let Some(member) = self.members.get_mut(&member_id) {
                member.is_new = false;
            }
        }
        step.schedule(Timer::Sync(Arc::clone(&self.id)), self.rebalance_timeout_ms());
    }

    fn answer_join(&mut self, step: &mut Step<'_>, member_id: &str, response: Response) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        if let Some(ticket) = member.awaiting_join.take() {
            self.awaiting_join -= 1;
            step.reply(ticket, response);
        }
    }

    /// Members that never synced are out, and the rest rebalances.
    pub(super) fn sync_phase_expired(&mut self, step: &mut Step<'_>) {
        let is_settled = matches!(self.state, State::CompletingRebalance | State::Stable);
        if !is_settled || self.pending_syncs.is_empty() {
            return;
        }
        for member_id in std::mem::take(&mut self.pending_syncs) {
            self.remove_member(step, &member_id);
        }
        self.prepare_rebalance(step);
    }
}

/// Generations count up from 1 and start again there.
fn next_generation(generation: i32) -> i32 {
    generation.checked_add(1).unwrap_or(1)
}
