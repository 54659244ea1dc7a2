//! Questions about groups. They change nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::Groups;
use super::classic::{Group, State};
use super::event::{FetchedTopics, GroupDescription, GroupListing, GroupType, MemberDescription};
use super::member::Member;
use crate::kernel::types::PartitionIndex;

impl Groups {
    /// Committed offsets of the named partitions in that order, or of all. A partition without one,
    /// or a group that does not exist, has the offset -1.
    pub fn fetch_offsets(
        &self,
        group_id: &str,
        topics: Option<&[(Arc<str>, Vec<PartitionIndex>)]>,
    ) -> FetchedTopics {
        let none = super::offsets::CommittedOffsets::default();
        let offsets = self.groups.get(group_id).map_or(&none, |group| &group.offsets);
        let Some(topics) = topics else { return offsets.fetch_all() };
        let fetch_topic = |(topic, partitions): &(Arc<str>, Vec<PartitionIndex>)| {
            let fetched = partitions.iter().map(|partition| offsets.fetch(topic, *partition));
            (Arc::clone(topic), fetched.collect())
        };
        topics.iter().map(fetch_topic).collect()
    }

    /// A group, if it exists.
    pub fn describe(&self, group_id: &str) -> Option<GroupDescription> {
        self.groups.get(group_id).map(Group::describe)
    }

    /// All groups in one of the given states and of one of the given types, sorted by ID. An empty
    /// list lets everything through; upper and lower case are the same, and a name that means
    /// nothing matches nothing (KIP-518, KIP-848).
    pub fn list(&self, states: &[&str], types: &[&str]) -> Vec<GroupListing> {
        let matches = |filter: &[&str], name: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        self.groups
            .values()
            .map(Group::list)
            .filter(|listing| matches(states, listing.state.name()))
            .filter(|listing| matches(types, listing.group_type.name()))
            .collect()
    }

    /// Names of the topics that any group has committed offsets of, in ascending order.
    pub fn topics_with_offsets(&self) -> Vec<Arc<str>> {
        let names = self.groups.values().flat_map(|group| group.offsets.topics());
        names.cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// How many groups there are.
    pub fn count(&self) -> usize {
        self.groups.len()
    }
}

impl Group {
    fn list(&self) -> GroupListing {
        GroupListing {
            group_id: Arc::clone(&self.id),
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| Arc::from("")),
            state: self.state,
            group_type: GroupType::Classic,
        }
    }

    /// Metadata means something only while the group is stable. The assignment is the last one,
    /// also while the members rejoin, as Kafka shows it.
    fn describe(&self) -> GroupDescription {
        let is_stable = self.state == State::Stable;
        let protocol_name = self.protocol_name.clone().filter(|_| is_stable);
        let describe_member = |member: &Member| MemberDescription {
            member_id: Arc::clone(&member.id),
            group_instance_id: member.group_instance_id.clone(),
            client_id: Arc::clone(&member.client_id),
            client_host: Arc::clone(&member.client_host),
            metadata: if is_stable {
                member.metadata(protocol_name.as_deref())
            } else {
                Bytes::new()
            },
            assignment: member.assignment.clone(),
        };
        GroupDescription {
            state: self.state,
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| Arc::from("")),
            members: self.members.values().map(describe_member).collect(),
            protocol_name: protocol_name.unwrap_or_else(|| Arc::from("")),
            generation: self.generation,
            leader: self.leader.clone(),
        }
    }
}
