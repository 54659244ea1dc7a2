//! Whether a partition may get other replicas. Nothing here moves data: without replication only
//! the replicas that a partition has can be asked for, so every change is judged and none is made.

use super::command::Error;
use super::image::Image;
use super::topics::check_replicas;
use crate::kernel::types::{NodeId, PartitionIndex};

/// Judges the replicas asked for; `None` asks to cancel a reassignment, of which there is none.
/// `may_change_count` allows another number of replicas (KIP-860).
pub fn judge(
    image: &Image,
    name: &str,
    index: PartitionIndex,
    replicas: Option<&[NodeId]>,
    may_change_count: bool,
) -> Result<(), Error> {
    let topic = image.topic(name).ok_or_else(|| Error::UnknownTopic(name.into()))?;
    let unknown = || Error::UnknownPartitionOf(name.into(), index);
    let partition = topic.partition(index).ok_or_else(unknown)?;
    let Some(replicas) = replicas else { return Err(Error::NoReassignmentInProgress) };
    check_replicas(image, replicas, None)?;
    if !may_change_count && replicas.len() != partition.replicas.len() {
        return Err(Error::InvalidReplicationFactor(format!(
            "The partition has {} replica(s), and {} were asked for.",
            partition.replicas.len(),
            replicas.len()
        )));
    }
    if replicas != partition.replicas {
        let text = "Partitions cannot be moved between brokers.";
        return Err(Error::InvalidReplicaAssignment(text.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::meta::Partition;
    use crate::kernel::meta::record::{PartitionRecord, Record, RegisterBrokerRecord, TopicRecord};
    use crate::kernel::types::Uuid;

    #[test]
    fn only_the_replicas_there_are_can_be_asked_for() {
        let mut image = Image::default();
        for broker_id in [1, 2] {
            let broker = RegisterBrokerRecord { broker_id, ..Default::default() };
            image.apply(&Record::RegisterBroker(broker)).expect("the record fits");
        }
        let topic_id = Uuid([1; 16]);
        let topic = Record::Topic(TopicRecord { name: "t".into(), topic_id });
        let state = Partition { replicas: vec![1], isr: vec![1], leader: 1, ..Default::default() };
        let partition = PartitionRecord { partition_index: 0, topic_id, state };
        for record in [topic, Record::Partition(partition)] {
            image.apply(&record).expect("the record fits");
        }
        let judge = |replicas: &[NodeId], may| judge(&image, "t", 0, Some(replicas), may);
        assert_eq!(judge(&[1], true), Ok(()));
        assert_eq!(judge(&[1], false), Ok(()));
        for bad in [[2].as_slice(), &[2, 1], &[1, 1], &[7], &[]] {
            assert!(matches!(judge(bad, true), Err(Error::InvalidReplicaAssignment(_))), "{bad:?}");
        }
        assert!(matches!(judge(&[1, 2], false), Err(Error::InvalidReplicationFactor(_))));
    }
}
