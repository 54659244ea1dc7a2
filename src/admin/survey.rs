//! The state of all partitions at one time, for metrics and pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::Broker;
use crate::kernel::types::{Offset, TopicIdPartition};
use crate::storage::error::StorageError;
use crate::storage::partition::Partition;

/// One partition.
#[derive(Clone, Debug)]
pub(super) struct PartitionNow {
    pub(super) topic: Arc<str>,
    pub(super) index: i32,
    pub(super) size: u64,
    pub(super) segments: usize,
    pub(super) producers: usize,
    pub(super) start: Offset,
    pub(super) end: Offset,
    pub(super) high_watermark: Offset,
    pub(super) is_offline: bool,
    pub(super) syncs_waiting: usize,
    pub(super) messages_in: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// Sums over the partitions of a topic, or of all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) partitions: usize,
    pub(super) offline: usize,
    pub(super) size: u64,
    pub(super) segments: usize,
    pub(super) producers: usize,
    pub(super) records: u64,
    pub(super) syncs_waiting: usize,
    pub(super) messages_in: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl Sum {
    fn add(&mut self, partition: &PartitionNow) {
        self.partitions += 1;
        self.offline += usize::from(partition.is_offline);
        self.size += partition.size;
        self.segments += partition.segments;
        self.producers += partition.producers;
        self.records += (partition.high_watermark - partition.start).max(0).unsigned_abs();
        self.syncs_waiting += partition.syncs_waiting;
        self.messages_in += partition.messages_in;
        self.bytes_in += partition.bytes_in;
        self.bytes_out += partition.bytes_out;
    }
}

/// All partitions, by topic and number.
pub(super) fn partitions(broker: &Broker) -> Vec<PartitionNow> {
    let all = broker.partitions.all();
    let mut seen: Vec<PartitionNow> = all.iter().filter_map(|one| look(one)).collect();
    seen.sort_unstable_by(|a, b| (&*a.topic, a.index).cmp(&(&*b.topic, b.index)));
    seen
}

/// `None` for a partition whose topic is being deleted.
fn look(partition: &Partition) -> Option<PartitionNow> {
    let is_offline = match partition.check_online() {
        Ok(()) | Err(StorageError::Full) => false,
        Err(StorageError::Deleted) => return None,
        Err(StorageError::Poisoned | StorageError::Io(_)) => true,
    };
    let (size, segments, producers, end) = {
        let state = partition.state();
        let size = state.log.segments.iter().map(|segment| segment.size).sum();
        let producers = state.log.producers.len();
        (size, state.log.segments.len(), producers, state.log.end_offset())
    };
    let traffic = partition.traffic();
    Some(PartitionNow {
        topic: Arc::clone(&partition.topic),
        index: partition.id.partition,
        size,
        segments,
        producers,
        start: partition.log_start_offset(),
        end,
        high_watermark: partition.high_watermark(),
        is_offline,
        syncs_waiting: partition.syncs_waiting(),
        messages_in: traffic.messages_in(),
        bytes_in: traffic.bytes_in(),
        bytes_out: traffic.bytes_out(),
    })
}

/// All partitions together.
pub(super) fn sum<'a>(partitions: impl IntoIterator<Item = &'a PartitionNow>) -> Sum {
    let mut sum = Sum::default();
    partitions.into_iter().for_each(|partition| sum.add(partition));
    sum
}

/// The partitions of each topic together.
pub(super) fn by_topic(partitions: &[PartitionNow]) -> BTreeMap<&str, Sum> {
    let mut topics: BTreeMap<&str, Sum> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().add(partition);
    }
    topics
}

/// Records between a committed offset and the end of its partition; `None` if there is no such
/// partition.
pub(super) fn lag(broker: &Broker, topic: &str, index: i32, offset: Offset) -> Option<u64> {
    let topic_id = broker.control.image().topic(topic)?.id;
    let partition = broker.partitions.get(&TopicIdPartition { topic_id, partition: index })?;
    Some(partition.high_watermark().saturating_sub(offset).max(0).unsigned_abs())
}
