//! The groups of one partition of `__consumer_offsets`: the kernel behind a mutex, the requests
//! that wait for it, and what the RocksDB view does not have yet. A failed append is the end of a
//! shard: the partition is offline, and everybody is sent away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::kernel::batch::{BatchBuilder, BatchHeader};
use crate::kernel::group::records::Record;
use crate::kernel::group::{Config, Effect, Error, Event, Groups, Now, Response, Ticket};
use crate::kernel::log::transactions::{Outcome, Outcomes};
use crate::kernel::records::read_records;
use crate::kernel::types::{Offset, TimestampMs, TopicIdPartition};
use crate::storage::append::Prepared;
use crate::storage::error::{AppendError, ReadError, StorageError};
use crate::storage::partition::Partition;
use crate::storage::partitions::Partitions;
use crate::storage::reader;
use crate::storage::rocks::{Changes, Rocks};
use crate::storage::schema::{group_record, prefix_end};

/// Records of one step are split into batches of about this size.
const BATCH_BYTES: usize = 512 * 1024;

/// Bound for batches that somebody else wrote compressed.
const DECOMPRESSED_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) struct Shard {
    partition: Arc<Partition>,
    state: Mutex<State>,
}

struct State {
    groups: Groups,
    waiting: HashMap<Ticket, oneshot::Sender<Settling<Response>>>,
    next_ticket: Ticket,
    /// End of the last batch: what must be durable before any answer leaves.
    end_offset: Offset,
    /// Size at which a batch is full; with one more record it still fits a segment.
    batch_bytes: usize,
    /// Newest value of each key that the view does not have yet.
    changes: HashMap<Bytes, Option<Bytes>>,
}

/// What a step means for the tasks of the coordinator.
pub(super) struct Stepped {
    /// In elapsed time.
    pub(super) deadline: Option<i64>,
    pub(super) has_changes: bool,
    /// The groups are not what the log says: they are to be loaded again.
    pub(super) is_void: bool,
}

/// Why records were not appended.
enum Failed {
    /// No room, which passes.
    Full,
    Other(String),
}

impl From<String> for Failed {
    fn from(reason: String) -> Failed {
        Failed::Other(reason)
    }
}

/// Something that may be told once the log is durable up to an offset.
pub(super) struct Settling<T> {
    partition: Arc<Partition>,
    end_offset: Offset,
    value: T,
}

impl<T> Settling<T> {
    pub(super) fn value(&self) -> &T {
        &self.value
    }

    pub(super) async fn settled(self) -> Result<T, Error> {
        match self.partition.durable(self.end_offset).await {
            Ok(()) => Ok(self.value),
            Err(_) => Err(Error::NotCoordinator),
        }
    }
}

/// A request that waits for its answer.
pub(super) struct Waiting {
    answer: oneshot::Receiver<Settling<Response>>,
    _parked: Parked,
}

/// Tells the kernel if the answer is no longer wanted.
struct Parked {
    shard: Arc<Shard>,
    ticket: Ticket,
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.shard.abandon(self.ticket);
    }
}

impl Waiting {
    pub(super) async fn answer(mut self) -> Result<Response, Error> {
        match (&mut self.answer).await {
            Ok(settling) => settling.settled().await,
            Err(_) => Err(Error::NotCoordinator),
        }
    }
}

impl Shard {
    /// Reads the view and what the log holds beyond it. `Event::Loaded` must follow.
    pub(super) fn load(
        partition: Arc<Partition>,
        partitions: &Partitions,
        config: Config,
    ) -> Result<Shard, ReadError> {
        let segment_bytes = partition.config().segment_bytes as usize;
        let config = Config {
            // A record must fit a segment of the topic as it was created, with room for a batch.
            record_bytes_max: config.record_bytes_max.min(segment_bytes / 2),
            ..config
        };
        let mut state = State {
            batch_bytes: BATCH_BYTES.min(segment_bytes / 4),
            groups: Groups::new(config.clone()),
            waiting: HashMap::new(),
            next_ticket: 0,
            end_offset: partition.high_watermark(),
            changes: HashMap::new(),
        };
        let applied = load_view(&partition, partitions.rocks(), &mut state.groups);
        if applied.is_none() {
            forget_view(&partition, partitions.rocks());
            state.groups = Groups::new(config);
        }
        state.replay_all(&partition, partitions, applied).inspect_err(|error| {
            if let ReadError::Storage(StorageError::Io(error)) = error {
                // The disk failed, not the log: another start may read it.
                partition.end_if_vital("read", error);
            }
        })?;
        let skipped = state.groups.skipped_records();
        if skipped > 0 {
            tracing::warn!(
                partition = partition.id.partition,
                records = skipped,
                "records of __consumer_offsets cannot be read and are passed over"
            );
        }
        Ok(Shard { partition, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers somebody who waits for an answer.
    pub(super) fn wait(shard: &Arc<Shard>) -> (Ticket, Waiting) {
        let (sender, answer) = oneshot::channel();
        let mut state = shard.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.insert(ticket, sender);
        (ticket, Waiting { answer, _parked: Parked { shard: Arc::clone(shard), ticket } })
    }

    fn abandon(&self, ticket: Ticket) {
        let mut state = self.lock();
        if state.waiting.remove(&ticket).is_some() {
            // Time stands still here: a vanished client changes nothing before its session ends.
            let never = Now { date: TimestampMs::MIN, elapsed: i64::MIN };
            state.groups.step(never, Event::Abandon { ticket }, &mut Vec::new());
        }
    }

    /// Lets an event happen: the records it leads to are appended in order, and its answers go to
    /// those who wait, who let them out once everything so far is durable.
    pub(super) fn step(&self, now: Now, event: Event) -> Stepped {
        let mut effects = Vec::new();
        let mut state = self.lock();
        state.groups.step(now, event, &mut effects);
        let mut records = Vec::new();
        let mut replies = Vec::new();
        for effect in effects {
            match effect {
                Effect::Append(record) => records.push(record),
                Effect::Reply { ticket, response } => replies.push((ticket, response)),
            }
        }
        if let Err(error) = state.append(&self.partition, records, now.date) {
            let is_deleted = matches!(self.partition.check_online(), Err(StorageError::Deleted));
            if let (Failed::Other(error), false) = (&error, is_deleted) {
                tracing::error!(partition = self.partition.id.partition, %error,
                    "groups cannot be stored: they are unavailable until the broker is restarted");
            }
            state.groups.step(now, Event::Unload, &mut Vec::new());
            // Everybody who waits sees that nobody will answer.
            state.waiting.clear();
            let is_void = matches!(error, Failed::Full);
            return Stepped { deadline: None, has_changes: false, is_void };
        }
        let end_offset = state.end_offset;
        for (ticket, value) in replies {
            let partition = Arc::clone(&self.partition);
            if let Some(waiting) = state.waiting.remove(&ticket) {
                // A receiver that is gone belongs to a closed connection.
                let _ = waiting.send(Settling { partition, end_offset, value });
            }
        }
        let has_changes = !state.changes.is_empty();
        Stepped { deadline: state.groups.next_deadline(), has_changes, is_void: false }
    }

    /// Where its records are.
    pub(super) fn id(&self) -> TopicIdPartition {
        self.partition.id
    }

    /// Whether its records find room on the disk, as far as is known.
    pub(super) fn has_room(&self) -> bool {
        !matches!(self.partition.check_room(0), Err(StorageError::Full))
    }

    pub(super) fn deadline(&self) -> Option<i64> {
        self.lock().groups.next_deadline()
    }

    /// Asks the groups something that must be durable before it is told.
    pub(super) fn read<T>(&self, ask: impl FnOnce(&Groups) -> T) -> Settling<T> {
        let state = self.lock();
        let partition = Arc::clone(&self.partition);
        Settling { partition, end_offset: state.end_offset, value: ask(&state.groups) }
    }

    /// Asks the groups something.
    pub(super) fn look<T>(&self, ask: impl FnOnce(&Groups) -> T) -> T {
        ask(&self.lock().groups)
    }

    /// Requests that wait for their answer.
    pub(super) fn waiting_count(&self) -> usize {
        self.lock().waiting.len()
    }

    /// What the view does not have, once it is durable: the view must never be ahead of the log.
    pub(super) async fn durable_changes(&self) -> Option<Taken> {
        let (changes, end_offset) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.changes), state.end_offset)
        };
        if changes.is_empty() || self.partition.durable(end_offset).await.is_err() {
            return None;
        }
        Some(Taken { id: self.partition.id, changes, end_offset })
    }
}

/// Changes that the view is to take.
pub(super) struct Taken {
    id: TopicIdPartition,
    changes: HashMap<Bytes, Option<Bytes>>,
    end_offset: Offset,
}

impl Taken {
    /// Adds them. There may be many: not for a thread that others wait for.
    pub(super) fn add_to(self, changes: &mut Changes) {
        for (key, value) in self.changes {
            let key = group_record::key(self.id, &key);
            match value {
                Some(value) => changes.put(&key, &group_record::encode(&key, &value)),
                None => changes.delete(&key),
            }
        }
        let applied = group_record::encode_applied(self.end_offset);
        changes.put(&group_record::applied_key(self.id), &applied);
    }
}

impl State {
    fn append(
        &mut self,
        partition: &Arc<Partition>,
        records: Vec<Record>,
        now: TimestampMs,
    ) -> Result<(), Failed> {
        if records.is_empty() {
            return Ok(());
        }
        let mut batches = Vec::new();
        let mut builder = BatchBuilder::new();
        for record in &records {
            builder.append(now, Some(&record.key), record.value.as_deref(), &[]);
            if builder.total_size() >= self.batch_bytes {
                batches.push(prepare(std::mem::take(&mut builder))?);
            }
        }
        if builder.record_count() > 0 {
            batches.push(prepare(builder)?);
        }
        for result in partition.append(&mut batches, now) {
            let appended = result.map_err(|error| match error {
                AppendError::Storage(StorageError::Full) => Failed::Full,
                error => Failed::Other(error.to_string()),
            })?;
            self.end_offset = self.end_offset.max(appended.end_offset);
        }
        self.changes.extend(records.into_iter().map(|record| (record.key, record.value)));
        Ok(())
    }

    /// Takes in what the log holds beyond the view, or all of it.
    ///
    /// The view follows the durable log within a second or two. What is damaged beyond it is what a
    /// crash tore of records that nobody had been answered for: it is passed over. Damage in what
    /// may long have been answered is not.
    fn replay_all(
        &mut self,
        partition: &Partition,
        partitions: &Partitions,
        applied: Option<Offset>,
    ) -> Result<(), ReadError> {
        let from = applied.unwrap_or(partition.log_start_offset());
        let walk = Walk { partition, partitions, passes_over: applied.is_some() };
        let mut first = None;
        walk.batches_from(from, |header, batch| {
            if header.is_transactional() {
                first.get_or_insert(header.base_offset);
            }
            if first.is_none() && !header.is_control() {
                self.replay(batch);
            }
        })?;
        // Only Kafka may have written some so far.
        let Some(first) = first else { return Ok(()) };
        // As in Kafka they count where they stand, but only if they were committed. What is open
        // has no effect, for nobody here could end it.
        let mut outcomes = Outcomes::default();
        walk.batches_from(first, |header, batch| outcomes.note(header, batch))?;
        walk.batches_from(first, |header, batch| {
            if !header.is_control() && outcomes.of(header) == Outcome::Committed {
                self.replay(batch);
            }
        })
    }

    /// Takes in one batch of the log that the view does not have.
    fn replay(&mut self, batch: &[u8]) {
        for record in read_records(batch, DECOMPRESSED_BYTES_MAX) {
            let Ok(record) = record else {
                tracing::warn!("a batch of __consumer_offsets cannot be read to its end");
                return;
            };
            let Some(key) = record.key else { continue };
            let (key, value) = (owned(&key), record.value.as_ref().map(owned));
            self.changes.insert(key.clone(), value.clone());
            self.groups.step(Now::default(), Event::Replay { key, value }, &mut Vec::new());
        }
    }
}

/// A copy that does not keep its batch in memory.
fn owned(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn prepare(builder: BatchBuilder) -> Result<Prepared, String> {
    let batch = builder.build();
    let header = BatchHeader::parse(&batch).map_err(|error| error.to_string())?;
    Ok(Prepared::new(header, batch))
}

/// A walk over the log of the groups.
struct Walk<'a> {
    partition: &'a Partition,
    partitions: &'a Partitions,
    /// Whether damage is passed over.
    passes_over: bool,
}

impl Walk<'_> {
    /// Shows every batch from an offset on.
    fn batches_from(
        &self,
        from: Offset,
        mut visit: impl FnMut(&BatchHeader, &[u8]),
    ) -> Result<(), ReadError> {
        let (partition, indexes) = (self.partition, self.partitions.indexes());
        let mut next = from;
        loop {
            let replayed = reader::replay(partition, indexes, next, |header, batch| {
                visit(header, batch);
                next = header.next_offset();
                Ok(())
            });
            let damage = partition.damage_behind(next).filter(|_| self.passes_over);
            match (replayed, damage) {
                (Err(ReadError::Corrupt), Some(damage)) => {
                    tracing::warn!(
                        partition = partition.id.partition,
                        offset = damage.offset,
                        next_offset = damage.next_offset,
                        "records of groups that were torn by a crash are passed over"
                    );
                    next = damage.next_offset;
                }
                (replayed, _) => return replayed,
            }
        }
    }
}

/// Replays the view. Tells up to which offset of the log it goes, unless it cannot be used: it is
/// not there, damaged, or ahead of a log that lost its end.
fn load_view(partition: &Partition, rocks: &Rocks, groups: &mut Groups) -> Option<Offset> {
    let id = partition.id;
    let applied = rocks.get(&group_record::applied_key(id))?;
    let applied = group_record::decode_applied(&applied)?;
    if applied > partition.high_watermark() || applied < partition.log_start_offset() {
        return None;
    }
    let prefix = group_record::prefix(id);
    let mut is_sound = true;
    let is_whole = rocks.scan(&prefix, |key, stored| {
        let Some(value) = group_record::decode(key, stored) else {
            is_sound = false;
            return;
        };
        let key = Bytes::copy_from_slice(&key[prefix.len()..]);
        let value = Some(Bytes::copy_from_slice(value));
        groups.step(Now::default(), Event::Replay { key, value }, &mut Vec::new());
    });
    if !is_sound {
        tracing::warn!(
            partition = id.partition,
            "the view of the groups is damaged; it is rebuilt from the log"
        );
    }
    (is_whole && is_sound).then_some(applied)
}

fn forget_view(partition: &Partition, rocks: &Rocks) {
    if rocks.get(&group_record::applied_key(partition.id)).is_none()
        && partition.high_watermark() == 0
    {
        // A new partition has left nothing behind.
        return;
    }
    let mut changes = Changes::default();
    delete_view(partition.id, &mut changes);
    rocks.commit(changes);
}

/// Removes the view of a partition.
pub(super) fn delete_view(id: TopicIdPartition, changes: &mut Changes) {
    let prefix = group_record::prefix(id);
    changes.delete(&group_record::applied_key(id));
    changes.delete_range(&prefix, &prefix_end(&prefix));
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
