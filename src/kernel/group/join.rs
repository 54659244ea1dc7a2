//! JoinGroup: who gets into a group, who waits for the join phase to end, and who is answered at
//! once. The join phase itself is in `classic`.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::classic::{CONSUMER_PROTOCOL_TYPE, Group, State, join_failed};
use super::consumer_protocol;
use super::event::{Effect, JoinRequest, Response, Ticket};
use super::member::Member;
use super::records;
use super::{Config, Error, Groups, Now, Step};

/// IDs that a group may have given out to members that did not come back yet, where the members
/// of a group are not limited.
const PENDING_JOINS_MAX: usize = 100_000;

impl Groups {
    pub(super) fn join(
        &mut self,
        now: Now,
        ticket: Ticket,
        request: &JoinRequest,
        out: &mut Vec<Effect>,
    ) {
        let mut step = Step { now, config: &self.config, timers: &mut self.timers, out };
        if let Err(error) = validate_join(&self.config, request) {
            return step.reply(ticket, join_failed(error, &request.member_id));
        }
        let group_id = &request.group_id;
        let groups_count = self.groups.len();
        let group = match self.groups.get_mut(group_id) {
            Some(group) => group,
            // Only a member without an ID founds a group: another one has lost its group.
            None if !request.member_id.is_empty() => {
                let response = join_failed(Error::UnknownMemberId, &request.member_id);
                return step.reply(ticket, response);
            }
            None if groups_count >= self.config.groups_max => {
                return step.reply(ticket, join_failed(Error::TooManyGroups, ""));
            }
            None => self
                .groups
                .entry(Arc::clone(group_id))
                .or_insert_with(|| Group::new(Arc::clone(group_id), now.date)),
        };
        group.join(&mut step, ticket, request);
        self.remove_if_vacant(group_id);
    }
}

/// Checks that need no group.
fn validate_join(config: &Config, request: &JoinRequest) -> Result<(), Error> {
    if request.group_id.is_empty() {
        return Err(Error::InvalidGroupId);
    }
    let sessions = config.session_timeout_ms_min..=config.session_timeout_ms_max;
    if !sessions.contains(&request.session_timeout_ms) {
        return Err(Error::InvalidSessionTimeout);
    }
    let texts = [
        Some(&request.group_id),
        Some(&request.member_id),
        Some(&request.new_member_id),
        Some(&request.client_id),
        Some(&request.client_host),
        Some(&request.protocol_type),
        request.group_instance_id.as_ref(),
    ];
    let mut texts = texts.into_iter().flatten().chain(request.protocols.iter().map(|(n, _)| n));
    if !texts.all(|text| records::fits(text)) {
        return Err(Error::InvalidRequest);
    }
    validate_protocols(config, request)
}

/// A protocol named twice or metadata that is no subscription would make the vote or the topics of
/// the group meaningless. Metadata that just ends early is let in, as Kafka does.
///
/// What one member brings is bounded by what a record takes: with more, its group could never be
/// stored, and no member would get an assignment.
fn validate_protocols(config: &Config, request: &JoinRequest) -> Result<(), Error> {
    let sizes = || request.protocols.iter().map(|(_, metadata)| metadata.len());
    let bytes_max = config.record_bytes_max;
    if sizes().any(|size| size > bytes_max) || sizes().sum::<usize>() > 4 * bytes_max {
        return Err(Error::RecordTooLarge);
    }
    let mut names = HashSet::with_capacity(request.protocols.len());
    for (name, metadata) in &request.protocols {
        if !names.insert(name) {
            return Err(Error::InvalidRequest);
        }
        if *request.protocol_type == *CONSUMER_PROTOCOL_TYPE {
            let topics = consumer_protocol::read_topics(metadata, &mut BTreeSet::new());
            if topics == Err(consumer_protocol::Error::Corrupt) {
                return Err(Error::InvalidRequest);
            }
        }
    }
    Ok(())
}

impl Group {
    fn join(&mut self, step: &mut Step<'_>, ticket: Ticket, request: &JoinRequest) {
        if !self.has_room_for(step.config, &request.member_id) {
            // A member that finds the group full while it rejoins is out.
            self.remove_member(step, &request.member_id);
            step.reply(ticket, join_failed(Error::GroupMaxSizeReached, ""));
            return self.maybe_complete_join(step);
        }
        if !self.supports_protocols(&request.protocol_type, &request.protocols) {
            let error = Error::InconsistentGroupProtocol;
            return step.reply(ticket, join_failed(error, &request.member_id));
        }
        if !request.member_id.is_empty() {
            return self.join_existing(step, ticket, request);
        }
        let replaced = request
            .group_instance_id
            .as_ref()
            .and_then(|instance_id| self.static_members.get(instance_id).cloned());
        match replaced {
            Some(old_id) => self.replace_static_member(step, ticket, request, &old_id),
            None if request.group_instance_id.is_none() && request.require_known_member_id => {
                self.give_member_id(step, ticket, request);
            }
            None => self.join_new(step, ticket, request, Arc::clone(&request.new_member_id)),
        }
    }

    /// While members rejoin, those that wait count, so that the last to rejoin are kept out of a
    /// group whose limit was lowered; otherwise the members count.
    fn has_room_for(&self, config: &Config, member_id: &str) -> bool {
        let member = self.members.get(member_id);
        match self.state {
            State::Empty | State::Dead => true,
            State::PreparingRebalance => {
                member.is_some_and(|member| member.awaiting_join.is_some())
                    || self.awaiting_join < config.group_size_max
            }
            State::CompletingRebalance | State::Stable => {
                member.is_some() || self.members.len() < config.group_size_max
            }
        }
    }

    /// KIP-394: a dynamic member first learns its ID, so that a client that times out and retries
    /// does not leave a row of dead members behind.
    fn give_member_id(&mut self, step: &mut Step<'_>, ticket: Ticket, request: &JoinRequest) {
        if self.pending_joins.len() >= step.config.group_size_max.min(PENDING_JOINS_MAX) {
            return step.reply(ticket, join_failed(Error::GroupMaxSizeReached, ""));
        }
        let member_id = &request.new_member_id;
        self.pending_joins.insert(Arc::clone(member_id));
        step.schedule(self.session_timer(member_id), i64::from(request.session_timeout_ms));
        step.reply(ticket, join_failed(Error::MemberIdRequired, member_id));
    }

    fn join_new(
        &mut self,
        step: &mut Step<'_>,
        ticket: Ticket,
        request: &JoinRequest,
        member_id: Arc<str>,
    ) {
        let mut member = Member::from_request(Arc::clone(&member_id), request);
        member.awaiting_join = Some(ticket);
        self.add_member(member, &request.protocol_type);
        // A new member cannot heartbeat before it is answered. Its parked request times out so
        // that clients that gave up and came back with a new ID do not pile up.
        let timeout_ms = step.config.new_member_join_timeout_ms;
        step.schedule(self.session_timer(&member_id), timeout_ms);
        self.rebalance_or_complete_join(step);
    }

    fn join_existing(&mut self, step: &mut Step<'_>, ticket: Ticket, request: &JoinRequest) {
        let member_id = &request.member_id;
        if self.pending_joins.contains(member_id) && request.group_instance_id.is_none() {
            return self.join_new(step, ticket, request, Arc::clone(member_id));
        }
        if let Err(error) = self.validate_member(member_id, request.group_instance_id.as_deref()) {
            return step.reply(ticket, join_failed(error, member_id));
        }
        let is_unchanged =
            self.members.get(member_id).is_some_and(|member| member.matches(&request.protocols));
        match self.state {
            // It may have missed the answer, or it is a follower that lost track: the current
            // generation still holds for it.
            State::CompletingRebalance if is_unchanged => {
                step.reply(ticket, Response::Join(Ok(self.joined(member_id))));
            }
            State::Stable if is_unchanged && !self.is_leader(member_id) => {
                step.reply(ticket, Response::Join(Ok(self.joined(member_id))));
            }
            // A leader rejoins to make the group rebalance, for instance because a topic has grown.
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {
                self.update_member(step, ticket, request);
                self.rebalance_or_complete_join(step);
            }
            State::Empty | State::Dead => {
                step.reply(ticket, join_failed(Error::UnknownMemberId, member_id));
            }
        }
    }

    /// Takes over what a member rejoins with, and parks its request. A request that was parked
    /// before is one the client has given up; it gets an answer all the same.
    fn update_member(&mut self, step: &mut Step<'_>, ticket: Ticket, request: &JoinRequest) {
        let Some(mut member) = self.take_member(&request.member_id) else { return };
        member.update(request);
        if let Some(earlier) = member.awaiting_join.replace(ticket) {
            step.reply(earlier, join_failed(Error::RebalanceInProgress, &request.member_id));
        }
        self.insert_member(member);
    }

    /// KIP-345: a static member came back without its ID. It gets a new one and takes over the
    /// place of the old one, which is fenced from here on.
    fn replace_static_member(
        &mut self,
        step: &mut Step<'_>,
        ticket: Ticket,
        request: &JoinRequest,
        old_id: &Arc<str>,
    ) {
        let old_leader = self.leader.clone();
        let new_id = Arc::clone(&request.new_member_id);
        self.swap_member_id(step, old_id, &new_id, ticket, request);
        match self.state {
            State::Stable if self.select_protocol() == self.protocol_name && self.fits(step) => {
                self.answer_static_rejoin(step, ticket, request, old_leader, &new_id);
            }
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(step),
            State::PreparingRebalance | State::Empty | State::Dead => {
                self.maybe_complete_join(step);
            }
        }
    }

    fn swap_member_id(
        &mut self,
        step: &mut Step<'_>,
        old_id: &Arc<str>,
        new_id: &Arc<str>,
        ticket: Ticket,
        request: &JoinRequest,
    ) {
        let Some(mut member) = self.take_member(old_id) else { return };
        if let Some(parked) = member.awaiting_join.replace(ticket) {
            step.reply(parked, join_failed(Error::FencedInstanceId, old_id));
        }
        if let Some(parked) = member.awaiting_sync.take() {
            step.reply(parked, Response::Sync(Err(Error::FencedInstanceId)));
        }
        member.id = Arc::clone(new_id);
        member.is_new = false;
        member.update(request);
        if let Some(instance_id) = &member.group_instance_id {
            self.static_members.insert(Arc::clone(instance_id), Arc::clone(new_id));
        }
        if self.is_leader(old_id) {
            self.leader = Some(Arc::clone(new_id));
        }
        if self.pending_syncs.remove(old_id) {
            self.pending_syncs.insert(Arc::clone(new_id));
        }
        self.insert_member(member);
        step.timers.cancel(&self.session_timer(old_id));
        self.restart_session(step, new_id);
    }

    /// The group stays stable: its record is written with the new member ID, and the member goes
    /// on in the same generation. Clients that know KIP-814 are told not to assign anew; others are
    /// told that the leader is the old one, so that they do not take themselves for the leader.
    fn answer_static_rejoin(
        &mut self,
        step: &mut Step<'_>,
        ticket: Ticket,
        request: &JoinRequest,
        old_leader: Option<Arc<str>>,
        new_id: &Arc<str>,
    ) {
        step.append(self.to_record());
        self.is_recorded = true;
        if let Some(member) = self.members.get_mut(new_id) {
            member.awaiting_join = None;
            self.awaiting_join -= 1;
        }
        let mut joined = self.joined(new_id);
        if request.supports_skip_assignment {
            joined.skip_assignment = self.is_leader(new_id);
        } else {
            joined.leader = old_leader.unwrap_or_else(|| Arc::from(""));
            joined.members = Vec::new();
        }
        step.reply(ticket, Response::Join(Ok(joined)));
    }

    /// A session ended: nothing was heard of a member, or of somebody who was given an ID.
    pub(super) fn session_expired(&mut self, step: &mut Step<'_>, member_id: &Arc<str>) {
        if self.pending_joins.remove(member_id) {
            if self.state == State::PreparingRebalance && self.has_all_members_joined() {
                self.complete_join(step);
            }
            return;
        }
        let Some(member) = self.members.get(member_id) else { return };
        // A member whose request is parked is alive as far as anybody can tell; its session
        // restarts with the answer. Only a new member's request may be parked for too long.
        if member.is_awaiting() && !member.is_new {
            return;
        }
        self.remove_member(step, member_id);
        match self.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(step),
            State::PreparingRebalance if self.has_all_members_joined() => self.complete_join(step),
            State::PreparingRebalance | State::Empty | State::Dead => {}
        }
    }
}
