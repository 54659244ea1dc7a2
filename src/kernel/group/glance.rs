//! All groups at one glance, for metrics. A bounded number is shown one by one; all are counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Groups;
use crate::kernel::types::{Offset, PartitionIndex};

/// What several sets of groups showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Number of groups in each state, by Kafka's name of it.
    pub states: BTreeMap<&'static str, usize>,
    /// Groups that are shown one by one.
    pub groups: Vec<GroupGlance>,
    /// Groups that are not, or of which offsets were left out.
    pub unlisted: usize,
    /// Groups and offsets that may still be shown.
    groups_left: usize,
    offsets_left: usize,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupGlance {
    /// Name of the group.
    pub id: Arc<str>,
    /// Kafka's name of its state.
    pub state: &'static str,
    /// Number of members.
    pub member_count: usize,
    /// Committed offsets.
    pub offsets: Vec<(Arc<str>, PartitionIndex, Offset)>,
}

impl Glance {
    /// Nothing seen yet. At most so many groups are shown one by one, and so many offsets of all
    /// of them together.
    pub fn new(groups_max: usize, offsets_max: usize) -> Glance {
        Glance { groups_left: groups_max, offsets_left: offsets_max, ..Glance::default() }
    }
}

impl Groups {
    /// Adds these groups to a glance.
    pub fn glance(&self, seen: &mut Glance) {
        for group in self.groups.values() {
            let state = group.state.name();
            *seen.states.entry(state).or_default() += 1;
            if seen.groups_left == 0 {
                seen.unlisted += 1;
                continue;
            }
            seen.groups_left -= 1;
            let all = group.offsets.iter();
            let mut offsets: Vec<_> = all.take(seen.offsets_left.saturating_add(1)).collect();
            if offsets.len() > seen.offsets_left {
                offsets.truncate(seen.offsets_left);
                seen.unlisted += 1;
            }
            seen.offsets_left -= offsets.len();
            let (id, member_count) = (Arc::clone(&group.id), group.members.len());
            seen.groups.push(GroupGlance { id, state, member_count, offsets });
        }
    }
}
