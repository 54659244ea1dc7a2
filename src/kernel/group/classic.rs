//! One classic group: its members, its states and its protocols. Requests are judged in `join`,
//! `sync` and `session`, generations follow each other in `rebalance`; this file holds what they
//! share.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::consumer_protocol;
use super::event::{Effect, JoinFailed, Joined, JoinedMember, Response, Synced};
use super::member::Member;
use super::offsets::CommittedOffsets;
use super::rebalance::InitialDelay;
use super::records::{self, GroupValue, MemberValue};
use super::timers::Timer;
use super::{Error, Step};
use crate::kernel::types::TimestampMs;

/// Protocol type of consumers, whose metadata names the topics they read.
pub(super) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// State of a group, by Kafka's names. A group that does not exist is `Dead`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No members.
    Empty,
    /// Members are joining.
    PreparingRebalance,
    /// Members wait for the leader's assignment.
    CompletingRebalance,
    /// Members have their assignments.
    Stable,
    /// Not there.
    Dead,
}

impl State {
    /// Kafka's name of the state.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
            State::Dead => "Dead",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A classic group, or a group that only stores offsets.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: Arc<str>,
    pub(super) state: State,
    pub(super) previous_state: State,
    /// Since when the group is in its state, -1 if an old record does not tell.
    pub(super) state_since: TimestampMs,
    pub(super) generation: i32,
    /// None for a group that only stores offsets.
    pub(super) protocol_type: Option<Arc<str>>,
    pub(super) protocol_name: Option<Arc<str>>,
    pub(super) leader: Option<Arc<str>>,
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// Member IDs by instance ID (KIP-345).
    pub(super) static_members: HashMap<Arc<str>, Arc<str>>,
    /// IDs that were given out and have not come back yet (KIP-394).
    pub(super) pending_joins: HashSet<Arc<str>>,
    /// Members of this generation that have not synced yet.
    pub(super) pending_syncs: BTreeSet<Arc<str>>,
    /// How many members support each protocol.
    protocol_counts: HashMap<Arc<str>, usize>,
    /// How many members have a parked JoinGroup.
    pub(super) awaiting_join: usize,
    /// A member joined during the current piece of the initial delay.
    pub(super) new_member_added: bool,
    pub(super) initial_delay: Option<InitialDelay>,
    /// Topics the members read; none if it is not known.
    pub(super) subscribed_topics: Option<BTreeSet<Arc<str>>>,
    /// A record of this group is in the log, so its end needs a tombstone.
    pub(super) is_recorded: bool,
    pub(super) offsets: CommittedOffsets,
}

impl Group {
    pub(super) fn new(id: Arc<str>, now: TimestampMs) -> Group {
        Group {
            id,
            state: State::Empty,
            previous_state: State::Empty,
            state_since: now,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: HashMap::new(),
            pending_joins: HashSet::new(),
            pending_syncs: BTreeSet::new(),
            protocol_counts: HashMap::new(),
            awaiting_join: 0,
            new_member_added: false,
            initial_delay: None,
            subscribed_topics: None,
            is_recorded: false,
            offsets: CommittedOffsets::default(),
        }
    }

    /// Whether nothing would be lost without this group.
    pub(super) fn is_vacant(&self) -> bool {
        self.state == State::Empty
            && self.pending_joins.is_empty()
            && self.offsets.is_empty()
            && !self.is_recorded
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub(super) fn is_consumer(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// Whether a member with these protocols can be in the group.
    pub(super) fn supports_protocols(
        &self,
        protocol_type: &str,
        protocols: &[(Arc<str>, Bytes)],
    ) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|(name, _)| self.is_supported_by_all(name))
    }

    fn is_supported_by_all(&self, protocol: &str) -> bool {
        self.protocol_counts.get(protocol) == Some(&self.members.len())
    }

    /// Judges who a request says it is from.
    pub(super) fn validate_member(
        &self,
        member_id: &str,
        group_instance_id: Option<&str>,
    ) -> Result<(), Error> {
        if let Some(instance_id) = group_instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(Error::UnknownMemberId),
                Some(current) if **current != *member_id => return Err(Error::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(Error::UnknownMemberId) }
    }

    /// Puts a member into the group. The first member decides the protocol type and leads.
    pub(super) fn add_member(&mut self, member: Member, protocol_type: &Arc<str>) {
        if self.members.is_empty() {
            self.protocol_type = Some(Arc::clone(protocol_type));
        }
        if self.state == State::PreparingRebalance && self.previous_state == State::Empty {
            self.new_member_added = true;
        }
        if let Some(instance_id) = &member.group_instance_id {
            self.static_members.insert(Arc::clone(instance_id), Arc::clone(&member.id));
        }
        self.pending_joins.remove(&member.id);
        self.leader.get_or_insert_with(|| Arc::clone(&member.id));
        self.insert_member(member);
    }

    /// Stores a member and counts what it supports and waits for.
    pub(super) fn insert_member(&mut self, member: Member) {
        for (name, _) in &member.protocols {
            *self.protocol_counts.entry(Arc::clone(name)).or_default() += 1;
        }
        self.awaiting_join += usize::from(member.awaiting_join.is_some());
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// Takes a member out to be changed and put back, or to be dropped.
    pub(super) fn take_member(&mut self, member_id: &str) -> Option<Member> {
        let member = self.members.remove(member_id)?;
        if self.members.is_empty() {
            // An empty map keeps room for several members: much where a thousand groups are empty.
            self.members = BTreeMap::new();
        }
        for (name, _) in &member.protocols {
            if let Some(count) = self.protocol_counts.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    self.protocol_counts.remove(name);
                }
            }
        }
        self.awaiting_join -= usize::from(member.awaiting_join.is_some());
        Some(member)
    }

    /// Drops a member, whose waiting requests are told that it is unknown, so that a client that
    /// is still there joins anew. The caller decides whether the group rebalances.
    pub(super) fn remove_member(&mut self, step: &mut Step<'_>, member_id: &str) {
        if let Some(member) = self.take_member(member_id) {
            if let Some(ticket) = member.awaiting_join {
                step.reply(ticket, join_failed(Error::UnknownMemberId, ""));
            }
            if let Some(ticket) = member.awaiting_sync {
                step.reply(ticket, Response::Sync(Err(Error::UnknownMemberId)));
            }
            if let Some(instance_id) = &member.group_instance_id {
                self.static_members.remove(instance_id);
            }
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_joins.remove(member_id);
        self.pending_syncs.remove(member_id);
        step.timers.cancel(&self.session_timer(member_id));
    }

    pub(super) fn session_timer(&self, member_id: &str) -> Timer {
        Timer::Session(Arc::clone(&self.id), Arc::from(member_id))
    }

    /// Starts a member's session anew.
    pub(super) fn restart_session(&self, step: &mut Step<'_>, member_id: &str) {
        if let Some(member) = self.members.get(member_id) {
            step.schedule(
                Timer::Session(Arc::clone(&self.id), Arc::clone(&member.id)),
                i64::from(member.session_timeout_ms),
            );
        }
    }

    pub(super) fn transition(&mut self, step: &Step<'_>, state: State) {
        self.previous_state = self.state;
        self.state = state;
        self.state_since = step.now.date;
    }

    pub(super) fn has_all_members_joined(&self) -> bool {
        self.members.len() == self.awaiting_join && self.pending_joins.is_empty()
    }

    /// The current generation as one member is told about it.
    pub(super) fn joined(&self, member_id: &str) -> Joined {
        Joined {
            member_id: Arc::from(member_id),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_else(|| Arc::from("")),
            skip_assignment: false,
            members: if self.is_leader(member_id) { self.joined_members() } else { Vec::new() },
        }
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        let joined_member = |member: &Member| JoinedMember {
            member_id: Arc::clone(&member.id),
            group_instance_id: member.group_instance_id.clone(),
            metadata: member.metadata(self.protocol_name.as_deref()),
        };
        self.members.values().map(joined_member).collect()
    }

    /// Every member votes for the first of its protocols that all support; most votes win. A tie
    /// goes to the protocol that comes first in the leader's list.
    pub(super) fn select_protocol(&self) -> Option<Arc<str>> {
        let mut votes: HashMap<&str, usize> = HashMap::new();
        for member in self.members.values() {
            let choice = member.protocols.iter().find(|(name, _)| self.is_supported_by_all(name));
            if let Some((name, _)) = choice {
                *votes.entry(name).or_default() += 1;
            }
        }
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader))?;
        let mut best: Option<(&Arc<str>, usize)> = None;
        for (name, _) in &leader.protocols {
            let count = votes.get(&**name).copied().unwrap_or(0);
            if count > best.map_or(0, |(_, most)| most) {
                best = Some((name, count));
            }
        }
        best.map(|(name, _)| Arc::clone(name))
    }

    /// The topics the members read, if this is a consumer group whose metadata can be read.
    pub(super) fn read_subscribed_topics(&self) -> Option<BTreeSet<Arc<str>>> {
        if !self.is_consumer() {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(self.protocol_name.as_deref());
            consumer_protocol::read_topics(&metadata, &mut topics).ok()?;
        }
        Some(topics)
    }

    /// Whether the group reads a topic. A consumer group whose subscriptions are unknown might.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.is_consumer(),
        }
    }

    /// Forgets the assignments and sends everybody who waits for one away.
    pub(super) fn fail_syncs(&mut self, step: &mut Step<'_>, error: Error) {
        let mut answered = Vec::new();
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if let Some(ticket) = member.awaiting_sync.take() {
                step.reply(ticket, Response::Sync(Err(error)));
                answered.push(Arc::clone(&member.id));
            }
        }
        for member_id in answered {
            self.restart_session(step, &member_id);
        }
    }

    /// Hands out the assignments: the group is stable.
    pub(super) fn become_stable(&mut self, step: &mut Step<'_>) {
        self.transition(step, State::Stable);
        let mut answered = Vec::new();
        for member in self.members.values_mut() {
            if let Some(ticket) = member.awaiting_sync.take() {
                let synced = Synced {
                    protocol_type: self.protocol_type.clone(),
                    protocol_name: self.protocol_name.clone(),
                    assignment: member.assignment.clone(),
                };
                step.reply(ticket, Response::Sync(Ok(synced)));
                answered.push(Arc::clone(&member.id));
            }
        }
        for member_id in answered {
            self.restart_session(step, &member_id);
        }
    }

    /// After loading, every session starts.
    pub(super) fn start_sessions(&mut self, step: &mut Step<'_>) {
        for member_id in self.members.keys() {
            self.restart_session(step, member_id);
        }
        if self.members.len() > step.config.group_size_max {
            self.prepare_rebalance(step);
        }
    }

    /// Sends everybody who waits to look for the new coordinator.
    pub(super) fn dismiss_all(&mut self, out: &mut Vec<Effect>) {
        for member in self.members.values_mut() {
            if let Some(ticket) = member.awaiting_join.take() {
                let response = join_failed(Error::NotCoordinator, &member.id);
                out.push(Effect::Reply { ticket, response });
            }
            if let Some(ticket) = member.awaiting_sync.take() {
                let response = Response::Sync(Err(Error::NotCoordinator));
                out.push(Effect::Reply { ticket, response });
            }
        }
        self.awaiting_join = 0;
    }

    /// Whether the log takes the group's record.
    pub(super) fn fits(&self, step: &Step<'_>) -> bool {
        let length = self.to_record().value.map_or(0, |value| value.len());
        length <= step.config.record_bytes_max
    }

    /// The group as it is stored.
    pub(super) fn to_record(&self) -> records::Record {
        let member_value = |member: &Member| MemberValue {
            member_id: Arc::clone(&member.id),
            group_instance_id: member.group_instance_id.clone(),
            client_id: Arc::clone(&member.client_id),
            client_host: Arc::clone(&member.client_host),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(self.protocol_name.as_deref()),
            assignment: member.assignment.clone(),
        };
        let value = GroupValue {
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| Arc::from("")),
            generation: self.generation,
            protocol: self.protocol_name.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since,
            members: self.members.values().map(member_value).collect(),
        };
        records::group(&self.id, &value)
    }
}

/// The answer to a JoinGroup that is refused.
pub(super) fn join_failed(error: Error, member_id: &str) -> Response {
    Response::Join(Err(JoinFailed { error, member_id: Arc::from(member_id) }))
}
