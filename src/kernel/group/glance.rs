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
    /// The only group that is of interest.
    only: Option<Arc<str>>,
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

    /// The same for one group; others are not even counted.
    pub fn of(id: &str, offsets_max: usize) -> Glance {
        Glance { only: Some(Arc::from(id)), ..Glance::new(1, offsets_max) }
    }
}

impl Groups {
    /// Adds these groups to a glance.
    pub fn glance(&self, seen: &mut Glance) {
        for group in self.groups.values() {
            if seen.only.as_ref().is_some_and(|only| *only != group.id) {
                continue;
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::group::{CommitPartition, CommitRequest, Config, Event, Now};
    use crate::kernel::types::Uuid;

    /// Groups without members, each with offsets of so many partitions of topic `t`.
    fn groups(offset_counts: &[(&str, i32)]) -> Groups {
        let mut groups = Groups::new(Config::default());
        groups.step(Now::default(), Event::Loaded, &mut Vec::new());
        for (id, count) in offset_counts {
            let offset = |partition| CommitPartition {
                topic: "t".into(),
                topic_id: Uuid::ZERO,
                partition,
                offset: 10 + i64::from(partition),
                leader_epoch: -1,
                metadata: "".into(),
            };
            let request = CommitRequest {
                group_id: (*id).into(),
                member_id: "".into(),
                group_instance_id: None,
                generation: -1,
                retention_ms: None,
                offsets: (0..*count).map(offset).collect(),
            };
            let event = Event::CommitOffsets { ticket: 0, request: Box::new(request) };
            groups.step(Now::default(), event, &mut Vec::new());
        }
        groups
    }

    fn shown(seen: &Glance) -> Vec<(&str, usize)> {
        let mut shown: Vec<_> = seen.groups.iter().map(|g| (&*g.id, g.offsets.len())).collect();
        shown.sort_unstable();
        shown
    }

    #[test]
    fn a_glance_shows_what_it_has_room_for_and_counts_the_rest() {
        let all = groups(&[("a", 2), ("b", 1)]);
        let more = groups(&[("c", 3)]);
        let mut seen = Glance::new(3, 6);
        all.glance(&mut seen);
        more.glance(&mut seen);
        assert_eq!(shown(&seen), [("a", 2), ("b", 1), ("c", 3)]);
        assert_eq!((seen.states["Empty"], seen.unlisted), (3, 0));
        let a = seen.groups.iter().find(|group| &*group.id == "a").unwrap();
        assert_eq!(a.offsets, [("t".into(), 0, 10), ("t".into(), 1, 11)]);

        let mut seen = Glance::new(3, 5);
        more.glance(&mut seen);
        all.glance(&mut seen);
        let offsets: usize = shown(&seen).iter().map(|(_, count)| count).sum();
        assert_eq!((offsets, seen.groups.len(), seen.unlisted), (5, 3, 1));

        let mut seen = Glance::new(1, 100);
        more.glance(&mut seen);
        all.glance(&mut seen);
        assert_eq!(shown(&seen), [("c", 3)]);
        assert_eq!((seen.states["Empty"], seen.unlisted), (3, 2));
    }

    #[test]
    fn a_glance_of_one_group_shows_no_other() {
        let all = groups(&[("a", 1), ("b", 1)]);
        let mut seen = Glance::of("b", 100);
        all.glance(&mut seen);
        assert_eq!(shown(&seen), [("b", 1)]);
        assert_eq!((seen.states["Empty"], seen.unlisted), (1, 0));
        let mut seen = Glance::of("c", 100);
        all.glance(&mut seen);
        assert_eq!(seen.groups, []);
    }
}
