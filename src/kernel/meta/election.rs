//! Elections of leaders on demand: which replica a partition gets as its leader, if it needs one.
//! Elections that follow the failure of a broker are no concern of this module.

use std::sync::Arc;

use super::command::Error;
use super::image::Image;
use super::record::{PartitionChangeRecord, Record};
use crate::kernel::types::PartitionIndex;

/// Who may be elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// The first replica, if it is in sync.
    Preferred,
    /// Any replica, for a partition that has no leader: an in-sync one rather than one that would
    /// lose records.
    Unclean,
}

/// Arguments of [`super::Command::ElectLeaders`].
#[derive(Clone, Debug, PartialEq)]
pub struct ElectLeaders {
    /// Who may be elected.
    pub election: Election,
    /// Topics and partitions, each as often as it is given; `None` for all there are.
    pub partitions: Option<Vec<(Arc<str>, PartitionIndex)>>,
}

/// A partition with the answer to its election.
pub type Elected = (Arc<str>, PartitionIndex, Result<(), Error>);

/// Judges the elections and adds the records of those that are held.
pub(super) fn elect(
    image: &Image,
    request: &ElectLeaders,
    records: &mut Vec<Record>,
) -> Vec<Elected> {
    let mut elect = |name: &Arc<str>, index| {
        let result = elect_one(image, request.election, name, index);
        let result = result.map(|change| records.push(Record::PartitionChange(change)));
        (name.clone(), index, result)
    };
    match &request.partitions {
        Some(partitions) => partitions.iter().map(|(name, index)| elect(name, *index)).collect(),
        None => image
            .topics()
            .flat_map(|topic| (0..topic.partition_count()).map(move |index| (&topic.name, index)))
            .map(|(name, index)| elect(name, index))
            .collect(),
    }
}

fn elect_one(
    image: &Image,
    election: Election,
    name: &Arc<str>,
    index: PartitionIndex,
) -> Result<PartitionChangeRecord, Error> {
    let topic = image.topic(name).ok_or_else(|| Error::UnknownTopic(name.clone()))?;
    let unknown = || Error::UnknownPartitionOf(name.clone(), index);
    let partition = topic.partition(index).ok_or_else(unknown)?;
    let preferred = partition.replicas.first().copied();
    let is_needed = match election {
        Election::Preferred => partition.leader() != preferred,
        Election::Unclean => partition.leader().is_none(),
    };
    if !is_needed {
        return Err(Error::ElectionNotNeeded);
    }
    let mut change = PartitionChangeRecord {
        partition_index: index,
        topic_id: topic.id,
        ..PartitionChangeRecord::default()
    };
    let in_sync = |id: &i32| partition.isr.contains(id) && image.is_active(*id);
    match election {
        Election::Preferred => {
            let leader = preferred.filter(in_sync).ok_or(Error::PreferredLeaderNotAvailable)?;
            change.leader = Some(leader);
        }
        Election::Unclean => {
            let mut replicas = partition.replicas.iter().copied();
            if let Some(leader) = replicas.clone().find(in_sync) {
                change.leader = Some(leader);
            } else {
                let leader = replicas.find(|id| image.is_active(*id));
                let leader = leader.ok_or(Error::EligibleLeadersNotAvailable)?;
                change.leader = Some(leader);
                // What it has is what there is from now on.
                change.isr = Some(vec![leader]);
                change.leader_recovery_state = Some(1);
            }
        }
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::meta::command::AnyConfig;
    use crate::kernel::meta::record::{
        NO_LEADER, PartitionRecord, RegisterBrokerRecord, TopicRecord,
    };
    use crate::kernel::meta::{Command, Outcome, Partition, decide};
    use crate::kernel::types::{NodeId, Uuid};

    const TOPIC: Uuid = Uuid([1; 16]);

    /// Brokers 1 to 3, the third fenced, and a topic with one partition.
    fn image(replicas: &[NodeId], isr: &[NodeId], leader: NodeId) -> Image {
        let mut image = Image::default();
        let brokers = (1..=3).map(|broker_id| {
            let fenced = broker_id == 3;
            let record = RegisterBrokerRecord { broker_id, fenced, ..Default::default() };
            Record::RegisterBroker(record)
        });
        let state = Partition {
            replicas: replicas.to_vec(),
            isr: isr.to_vec(),
            leader,
            ..Partition::default()
        };
        let partition = PartitionRecord { partition_index: 0, topic_id: TOPIC, state };
        let topic = Record::Topic(TopicRecord { name: "t".into(), topic_id: TOPIC });
        for record in brokers.chain([topic, Record::Partition(partition)]) {
            image.apply(&record).expect("the record fits");
        }
        image
    }

    fn run(image: &Image, election: Election) -> Result<PartitionChangeRecord, Error> {
        let request = ElectLeaders { election, partitions: None };
        let decision = decide(image, &Command::ElectLeaders(request), &AnyConfig);
        let Outcome::ElectLeaders(mut answers) = decision.outcome else {
            panic!("not an answer to ElectLeaders")
        };
        let (name, index, result) = answers.remove(0);
        assert_eq!((&*name, index, answers.len()), ("t", 0, 0));
        result.map(|()| match &decision.records[..] {
            [Record::PartitionChange(change)] => change.clone(),
            other => panic!("not one change: {other:?}"),
        })
    }

    #[test]
    fn the_preferred_replica_takes_over_if_it_is_in_sync() {
        let elect = |replicas, isr, leader| {
            run(&image(replicas, isr, leader), Election::Preferred).map(|change| change.leader)
        };
        assert_eq!(elect(&[1, 2], &[1, 2], 2), Ok(Some(1)));
        assert_eq!(elect(&[1, 2], &[1, 2], NO_LEADER), Ok(Some(1)));
        assert_eq!(elect(&[1, 2], &[1, 2], 1), Err(Error::ElectionNotNeeded));
        assert_eq!(elect(&[1, 2], &[2], 2), Err(Error::PreferredLeaderNotAvailable));
        assert_eq!(elect(&[3, 2], &[3, 2], 2), Err(Error::PreferredLeaderNotAvailable));
    }

    #[test]
    fn an_unclean_election_takes_whom_it_gets() {
        let elect = |replicas, isr, leader| run(&image(replicas, isr, leader), Election::Unclean);
        assert_eq!(elect(&[1, 2], &[1, 2], 2), Err(Error::ElectionNotNeeded));
        let clean = elect(&[3, 2, 1], &[1], NO_LEADER).expect("there is one in sync");
        assert_eq!((clean.leader, clean.isr, clean.leader_recovery_state), (Some(1), None, None));
        let unclean = elect(&[3, 2], &[3], NO_LEADER).expect("there is one");
        assert_eq!((unclean.leader, unclean.isr), (Some(2), Some(vec![2])));
        assert_eq!(unclean.leader_recovery_state, Some(1));
        let nobody = elect(&[3], &[3], NO_LEADER);
        assert_eq!(nobody, Err(Error::EligibleLeadersNotAvailable));
    }

    #[test]
    fn what_is_unknown_is_told() {
        let image = image(&[1], &[1], 1);
        let partitions = [("t", 1), ("t", -1), ("none", 0)].map(|(name, at)| (name.into(), at));
        let request =
            ElectLeaders { election: Election::Preferred, partitions: Some(partitions.to_vec()) };
        let mut records = Vec::new();
        let answers = elect(&image, &request, &mut records);
        let errors: Vec<_> = answers.into_iter().map(|(_, _, result)| result).collect();
        let partition = |index| Err(Error::UnknownPartitionOf("t".into(), index));
        let topic = Err(Error::UnknownTopic("none".into()));
        assert_eq!(errors, [partition(1), partition(-1), topic]);
        assert_eq!(records, []);
    }
}
