//! Places the replicas of new partitions on brokers: round robin from a starting point, so that
//! leaders and replicas spread evenly, in an order of brokers that alternates between racks. It
//! does not weigh load or disk space, and does not check an assignment made by hand.

use super::image::Image;
use crate::kernel::types::NodeId;

/// The brokers that may hold new partitions, in the order in which partitions go round them.
///
/// Brokers of one rack stand as far apart as the racks allow, so that the replicas of a partition,
/// which take neighbours, land in different racks. Fenced brokers are left out.
pub fn candidates(image: &Image) -> Vec<NodeId> {
    let mut racks: Vec<(Option<&str>, Vec<NodeId>)> = Vec::new();
    for broker in image.brokers().filter(|broker| image.is_active(broker.broker_id)) {
        let rack = broker.rack.as_deref();
        match racks.iter_mut().find(|(known, _)| *known == rack) {
            Some((_, brokers)) => brokers.push(broker.broker_id),
            None => racks.push((rack, vec![broker.broker_id])),
        }
    }
    racks.sort();
    let rounds = racks.iter().map(|(_, brokers)| brokers.len()).max().unwrap_or(0);
    let mut order = Vec::new();
    for round in 0..rounds {
        order.extend(racks.iter().filter_map(|(_, brokers)| brokers.get(round)));
    }
    order
}

/// The replicas of the partitions from `first` up to, but without, `end`, leader first.
///
/// Partition 0 begins at broker number `start` of the order, each further one at the next. After
/// each full round the followers move on by one, so that no two brokers share all partitions.
/// `None` if there are fewer brokers than replicas.
///
/// # Panics
/// If no replica is wanted.
pub fn place(
    brokers: &[NodeId],
    start: usize,
    first: usize,
    end: usize,
    replication_factor: usize,
) -> Option<Vec<Vec<NodeId>>> {
    assert!(replication_factor > 0, "a partition has at least one replica");
    let count = brokers.len();
    if replication_factor > count {
        return None;
    }
    let replicas = |partition: usize| {
        let leader = (start % count + partition) % count;
        let shift = if replication_factor == count { 0 } else { partition / count };
        let follower = |position: usize| {
            let distance = 1 + (shift + position - 1) % (count - 1);
            brokers[(leader + distance) % count]
        };
        let mut replicas = Vec::with_capacity(replication_factor);
        replicas.push(brokers[leader]);
        replicas.extend((1..replication_factor).map(follower));
        replicas
    };
    Some((first..end).map(replicas).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn partitions_spread_evenly_over_brokers_without_repeats() {
        let brokers = [1, 2, 3, 4];
        let placed = place(&brokers, 6, 0, 12, 3).expect("three replicas fit on four brokers");
        assert_eq!(placed.len(), 12);
        let mut leaders = HashMap::new();
        for replicas in &placed {
            assert_eq!(replicas.iter().collect::<HashSet<_>>().len(), 3);
            *leaders.entry(replicas[0]).or_insert(0) += 1;
        }
        assert!(brokers.iter().all(|broker| leaders[broker] == 3));
        assert_eq!(placed[0], [3, 4, 1]);
        assert_eq!(placed[4], [3, 1, 2]);
    }

    #[test]
    fn later_partitions_continue_the_round() {
        let brokers = [5, 6, 7];
        let whole = place(&brokers, 1, 0, 9, 2).expect("two replicas fit on three brokers");
        let tail = place(&brokers, 1, 4, 9, 2).expect("two replicas fit on three brokers");
        assert_eq!(whole[4..], tail[..]);
    }

    #[test]
    fn one_broker_takes_everything_but_no_second_replica() {
        assert_eq!(place(&[9], usize::MAX, 0, 3, 1), Some(vec![vec![9]; 3]));
        assert_eq!(place(&[9], 0, 0, 3, 2), None);
        assert_eq!(place(&[], 0, 0, 1, 1), None);
    }
}
