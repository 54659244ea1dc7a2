//! Records become groups and offsets again.

use std::sync::Arc;

use super::Groups;
use super::classic::{Group, State};
use super::member::{Member, effective_rebalance_timeout_ms};
use super::records::{self, Entry, GroupValue, MemberValue};
use crate::kernel::types::TimestampMs;

impl Groups {
    /// Takes in one record. Records of other kinds and records that cannot be read are passed
    /// over; the latter are counted.
    pub(super) fn replay(&mut self, now: TimestampMs, key: &[u8], value: Option<&[u8]>) {
        match records::decode(key, value) {
            Ok(Some(Entry::Offset { group_id, topic, partition, value })) => {
                match value {
                    Some(value) => {
                        self.group_or_new(&group_id, now).offsets.insert(topic, partition, value);
                    }
                    None => {
                        if let Some(group) = self.groups.get_mut(&group_id) {
                            group.offsets.remove(&topic, partition);
                        }
                    }
                }
                self.remove_if_vacant(&group_id);
            }
            Ok(Some(Entry::Group { group_id, value })) => {
                let before = self.groups.remove(&group_id);
                let mut group = match value {
                    Some(value) => Group::from_record(Arc::clone(&group_id), value),
                    None => Group::new(Arc::clone(&group_id), now),
                };
                group.offsets = before.map(|group| group.offsets).unwrap_or_default();
                if !group.is_vacant() {
                    self.groups.insert(group_id, group);
                }
            }
            Ok(None) => {}
            Err(_) => self.skipped_records = self.skipped_records.saturating_add(1),
        }
    }

    /// A group that stores offsets, founded if it is not there.
    pub(super) fn group_or_new(&mut self, group_id: &Arc<str>, now: TimestampMs) -> &mut Group {
        self.groups
            .entry(Arc::clone(group_id))
            .or_insert_with(|| Group::new(Arc::clone(group_id), now))
    }
}

impl Group {
    fn from_record(group_id: Arc<str>, value: GroupValue) -> Group {
        let mut group = Group::new(group_id, value.current_state_timestamp);
        group.is_recorded = true;
        group.generation = value.generation;
        group.state = if value.members.is_empty() { State::Empty } else { State::Stable };
        group.protocol_type = Some(value.protocol_type).filter(|name| !name.is_empty());
        group.protocol_name = value.protocol;
        for member in value.members {
            let member = group.member_from_record(member);
            if let Some(instance_id) = &member.group_instance_id {
                group.static_members.insert(Arc::clone(instance_id), Arc::clone(&member.id));
            }
            // A record that names a member twice was not written by a coordinator; the last wins.
            group.take_member(&member.id);
            group.insert_member(member);
        }
        // A leader that is no member would leave the group without one for ever.
        let leader = value.leader.filter(|leader| group.members.contains_key(leader));
        group.leader = leader.or_else(|| group.members.keys().next().cloned());
        group.subscribed_topics = group.read_subscribed_topics();
        group
    }

    fn member_from_record(&self, value: MemberValue) -> Member {
        let protocol = self.protocol_name.clone().unwrap_or_else(|| Arc::from(""));
        Member {
            id: value.member_id,
            group_instance_id: value.group_instance_id,
            client_id: value.client_id,
            client_host: value.client_host,
            rebalance_timeout_ms: effective_rebalance_timeout_ms(
                value.rebalance_timeout_ms,
                value.session_timeout_ms,
            ),
            session_timeout_ms: value.session_timeout_ms,
            protocols: vec![(protocol, value.subscription)],
            assignment: value.assignment,
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
        }
    }
}
