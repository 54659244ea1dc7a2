//! Committed offsets of a group: who may commit, and when offsets go: by request, with their
//! topic, or by age. Whether topics exist is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::classic::{Group, State};
use super::event::{CommitPartition, CommitRequest, Effect, FetchedOffset, FetchedTopics};
use super::records::{self, OffsetValue};
use super::{Config, Error, Groups, Now, Step};
use crate::kernel::types::{Offset, PartitionIndex, TimestampMs};

/// Committed offsets by topic and partition.
#[derive(Debug, Default)]
pub(super) struct CommittedOffsets {
    topics: BTreeMap<Arc<str>, BTreeMap<PartitionIndex, OffsetValue>>,
}

impl CommittedOffsets {
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.topics.keys()
    }

    /// Topic, partition and offset of each, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Arc<str>, PartitionIndex, Offset)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            let one = |(partition, value): (&PartitionIndex, &OffsetValue)| {
                (Arc::clone(topic), *partition, value.offset)
            };
            partitions.iter().map(one)
        })
    }

    pub(super) fn insert(
        &mut self,
        topic: Arc<str>,
        partition: PartitionIndex,
        value: OffsetValue,
    ) {
        self.topics.entry(topic).or_default().insert(partition, value);
    }

    pub(super) fn remove(&mut self, topic: &str, partition: PartitionIndex) -> bool {
        let Some(partitions) = self.topics.get_mut(topic) else { return false };
        let removed = partitions.remove(&partition).is_some();
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        removed
    }

    fn get(&self, topic: &str, partition: PartitionIndex) -> Option<&OffsetValue> {
        self.topics.get(topic)?.get(&partition)
    }

    /// One partition as OffsetFetch shows it.
    pub(super) fn fetch(&self, topic: &str, partition: PartitionIndex) -> FetchedOffset {
        match self.get(topic, partition) {
            Some(value) => fetched(partition, value),
            None => FetchedOffset::nothing(partition),
        }
    }

    /// All partitions as OffsetFetch shows them.
    pub(super) fn fetch_all(&self) -> FetchedTopics {
        let fetch_topic = |(topic, partitions): (&Arc<str>, &BTreeMap<_, OffsetValue>)| {
            let fetched =
                |(partition, value): (&PartitionIndex, &OffsetValue)| fetched(*partition, value);
            (Arc::clone(topic), partitions.iter().map(fetched).collect())
        };
        self.topics.iter().map(fetch_topic).collect()
    }

    /// Names of the partitions for which `is_chosen` says yes.
    fn select(
        &self,
        mut is_chosen: impl FnMut(&str, &OffsetValue) -> bool,
    ) -> Vec<(Arc<str>, PartitionIndex)> {
        let mut chosen = Vec::new();
        for (topic, partitions) in &self.topics {
            for (partition, value) in partitions {
                if is_chosen(topic, value) {
                    chosen.push((Arc::clone(topic), *partition));
                }
            }
        }
        chosen
    }
}

fn fetched(partition: PartitionIndex, value: &OffsetValue) -> FetchedOffset {
    FetchedOffset {
        partition,
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        topic_id: value.topic_id,
        metadata: Arc::clone(&value.metadata),
    }
}

impl Groups {
    pub(super) fn commit_offsets(
        &mut self,
        now: Now,
        request: &CommitRequest,
        out: &mut Vec<Effect>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        if !records::fits(&request.group_id) {
            return Err(Error::InvalidRequest);
        }
        match self.groups.get(&request.group_id) {
            Some(group) => group.validate_commit(request)?,
            // A client that manages its partitions itself needs no group to commit to.
            None if request.generation >= 0 => return Err(Error::GroupIdNotFound),
            None if self.groups.len() >= self.config.groups_max => {
                return Err(Error::TooManyGroups);
            }
            None => {}
        }
        let results: Vec<Result<(), Error>> =
            request.offsets.iter().map(|offset| validate_offset(&self.config, offset)).collect();
        self.group_or_new(&request.group_id, now.date);
        let Some(group) = self.groups.get_mut(&request.group_id) else { return Ok(results) };
        let mut step = Step { now, config: &self.config, timers: &mut self.timers, out };
        if matches!(group.state, State::Stable | State::PreparingRebalance) {
            group.restart_session(&mut step, &request.member_id);
        }
        for (offset, result) in request.offsets.iter().zip(&results) {
            if result.is_ok() {
                group.commit(&mut step, offset, request.retention_ms);
            }
        }
        self.remove_if_vacant(&request.group_id);
        Ok(results)
    }

    /// Deletes an empty group with its offsets. The group without a name may have offsets too.
    pub(super) fn delete_group(
        &mut self,
        group_id: &str,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        let group = self.groups.get_mut(group_id).ok_or(Error::GroupIdNotFound)?;
        if group.state != State::Empty {
            return Err(Error::NonEmptyGroup);
        }
        let all = group.offsets.select(|_, _| true);
        group.remove_offsets(&all, out);
        group.delete_record(out);
        self.groups.remove(group_id);
        Ok(())
    }

    /// Deletes some offsets of a group, except those of topics that its consumers read. A group
    /// that is left with nothing can still be deleted, until ages are looked at again.
    pub(super) fn delete_offsets(
        &mut self,
        group_id: &str,
        partitions: &[(Arc<str>, PartitionIndex)],
        out: &mut Vec<Effect>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        if group_id.is_empty() {
            return Err(Error::InvalidGroupId);
        }
        let group = self.groups.get_mut(group_id).ok_or(Error::GroupIdNotFound)?;
        if group.state != State::Empty && !group.is_consumer() {
            return Err(Error::NonEmptyGroup);
        }
        let mut results = Vec::with_capacity(partitions.len());
        for name in partitions {
            if group.is_subscribed_to(&name.0) {
                results.push(Err(Error::GroupSubscribedToTopic));
            } else {
                group.remove_offsets(std::slice::from_ref(name), out);
                results.push(Ok(()));
            }
        }
        Ok(results)
    }

    /// The offsets of deleted topics go, whoever reads them, but not the groups.
    pub(super) fn delete_topics(&mut self, topics: &[Arc<str>], out: &mut Vec<Effect>) {
        for group in self.groups.values_mut() {
            let gone = group.offsets.select(|topic, _| topics.iter().any(|name| **name == *topic));
            group.remove_offsets(&gone, out);
        }
    }

    /// Offsets that are too old go, and so do empty groups that have no offsets left.
    pub(super) fn expire_offsets(&mut self, now: TimestampMs, out: &mut Vec<Effect>) {
        let retention_ms = self.config.offsets_retention_ms;
        self.groups.retain(|_, group| {
            let expired = group.expired_offsets(now, retention_ms);
            group.remove_offsets(&expired, out);
            let is_over = group.state == State::Empty
                && group.pending_joins.is_empty()
                && group.offsets.is_empty();
            if is_over {
                group.delete_record(out);
            }
            !is_over
        });
    }
}

fn validate_offset(config: &Config, offset: &CommitPartition) -> Result<(), Error> {
    // Kafka counts UTF-16 units, of which there are never more than bytes.
    let metadata = &offset.metadata;
    let is_long = metadata.len() > config.offset_metadata_max
        && metadata.encode_utf16().count() > config.offset_metadata_max;
    if is_long || !records::fits(metadata) {
        return Err(Error::OffsetMetadataTooLarge);
    }
    if records::fits(&offset.topic) { Ok(()) } else { Err(Error::InvalidRequest) }
}

impl Group {
    /// Without a generation anybody may commit to an empty group. In a group with members only a
    /// member of this generation may, and not while it still waits for its assignment.
    fn validate_commit(&self, request: &CommitRequest) -> Result<(), Error> {
        if request.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        let is_anonymous = request.generation < 0
            && request.member_id.is_empty()
            && request.group_instance_id.is_none();
        if is_anonymous {
            return Err(Error::UnknownMemberId);
        }
        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation != self.generation {
            return Err(Error::IllegalGeneration);
        }
        if self.state == State::CompletingRebalance {
            return Err(Error::RebalanceInProgress);
        }
        Ok(())
    }

    fn commit(&mut self, step: &mut Step<'_>, commit: &CommitPartition, retention_ms: Option<i64>) {
        let expire_timestamp =
            retention_ms.map(|retention_ms| step.now.date.saturating_add(retention_ms).max(0));
        let value = OffsetValue {
            offset: commit.offset,
            // The only format of the record that holds an expiry has no room for the epoch. To
            // forget it now gives the same answer before and after a restart.
            leader_epoch: if expire_timestamp.is_some() { -1 } else { commit.leader_epoch },
            metadata: Arc::clone(&commit.metadata),
            commit_timestamp: step.now.date,
            expire_timestamp,
            topic_id: commit.topic_id,
        };
        step.append(records::offset(&self.id, &commit.topic, commit.partition, &value));
        self.offsets.insert(Arc::clone(&commit.topic), commit.partition, value);
    }

    fn remove_offsets(&mut self, names: &[(Arc<str>, PartitionIndex)], out: &mut Vec<Effect>) {
        for (topic, partition) in names {
            if self.offsets.remove(topic, *partition) {
                let tombstone = records::offset_tombstone(&self.id, topic, *partition);
                out.push(Effect::Append(tombstone));
            }
        }
    }

    fn delete_record(&mut self, out: &mut Vec<Effect>) {
        if self.is_recorded {
            out.push(Effect::Append(records::group_tombstone(&self.id)));
            self.is_recorded = false;
        }
    }

    /// KIP-211: age counts from when the group became empty, or from the commit if the group is
    /// none with members. A stable consumer group loses only what it no longer reads; other groups
    /// with members lose nothing.
    fn expired_offsets(
        &self,
        now: TimestampMs,
        retention_ms: i64,
    ) -> Vec<(Arc<str>, PartitionIndex)> {
        let is_simple = self.protocol_type.is_none();
        let since_empty = !is_simple && self.state == State::Empty && self.state_since >= 0;
        let is_considered = is_simple
            || self.state == State::Empty
            || (self.state == State::Stable && self.is_consumer());
        if !is_considered {
            return Vec::new();
        }
        self.offsets.select(|topic, value| {
            let base = if since_empty { self.state_since } else { value.commit_timestamp };
            let expires_at =
                value.expire_timestamp.unwrap_or_else(|| base.saturating_add(retention_ms));
            now >= expires_at && !self.is_subscribed_to(topic)
        })
    }
}
