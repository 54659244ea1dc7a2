//! Groups and committed offsets that an administrator deletes. The rules are the kernel's.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use super::{GroupCoordinator, answer, misanswered, partition_of};
use crate::kernel::group::{Error, Event, Response};
use crate::kernel::types::{PartitionIndex, TopicIdPartition};

/// A group, and whether it was deleted.
pub type Deleted = (Arc<str>, Result<(), Error>);

impl GroupCoordinator {
    /// DeleteGroups: one result for each group, in order of their partitions of the offsets topic.
    pub fn delete_groups(
        &self,
        group_ids: Vec<Arc<str>>,
    ) -> impl Future<Output = Vec<Deleted>> + Send + use<> {
        let topic = self.shared.offsets_topic();
        let count = topic.map_or(1, |(_, count)| count);
        let mut by_partition: BTreeMap<PartitionIndex, Vec<Arc<str>>> = BTreeMap::new();
        for group_id in group_ids {
            by_partition.entry(partition_of(&group_id, count)).or_default().push(group_id);
        }
        let ask = |(partition, group_ids): (PartitionIndex, Vec<Arc<str>>)| {
            let shard = topic.ok_or(Error::NotCoordinator).and_then(|(topic_id, _)| {
                self.shared.shard(TopicIdPartition { topic_id, partition })
            });
            let asked = shard.map(|shard| {
                let group_ids = group_ids.clone();
                self.ask_shard(&shard, |ticket| Event::DeleteGroups { ticket, group_ids })
            });
            (group_ids, asked)
        };
        let asked: Vec<_> = by_partition.into_iter().map(ask).collect();
        async move {
            let mut deleted = Vec::new();
            for (group_ids, asked) in asked {
                let results = match answer(asked).await {
                    Ok(Response::DeleteGroups(results)) => results,
                    other => vec![Err(misanswered(other)); group_ids.len()],
                };
                deleted.extend(group_ids.into_iter().zip(results));
            }
            deleted
        }
    }

    /// OffsetDelete: one result for each partition, in order.
    pub fn delete_offsets(
        &self,
        group_id: Arc<str>,
        partitions: Vec<(Arc<str>, PartitionIndex)>,
    ) -> impl Future<Output = Result<Vec<Result<(), Error>>, Error>> + Send + use<> {
        let id = Arc::clone(&group_id);
        let asked = self.ask(&id, |ticket| Event::DeleteOffsets { ticket, group_id, partitions });
        async move {
            match answer(asked).await {
                Ok(Response::DeleteOffsets(result)) => result,
                other => Err(misanswered(other)),
            }
        }
    }
}
