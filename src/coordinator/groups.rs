//! The group coordinator: finds the partition of `__consumer_offsets` that a group belongs to,
//! lets the kernel judge each request there, and sends the answers out once they are durable. It
//! keeps the deadlines and the RocksDB view; it holds no rules.

mod shard;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::shard::{Shard, Waiting};
use super::control::Control;
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::kernel::group::{
    CommitRequest, Config, Error, Event, FetchedTopics, GroupDescription, GroupListing,
    HeartbeatRequest, JoinFailed, JoinRequest, Joined, LeaveResult, LeavingMember, Response,
    SyncRequest, Synced, Ticket,
};
use crate::kernel::meta::command::{CreateTopics, Defaults, NewTopic, PARTITIONS_PER_REQUEST_MAX};
use crate::kernel::meta::{Command, Outcome};
use crate::kernel::types::{PartitionIndex, TimestampMs, TopicIdPartition, Uuid};
use crate::storage::partitions::Partitions;
use crate::storage::rocks::Changes;

/// Topic that groups and offsets are stored in.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// How long changes are gathered before the RocksDB view takes them: so much is replayed from the
/// log after a crash.
const VIEW_INTERVAL: Duration = Duration::from_secs(1);

/// Longest sleep of the task that waits for deadlines, for clocks that are set.
const SLEEP_MS_MAX: i64 = 60_000;

/// Largest group record, and half of the smallest segment at most.
const RECORD_BYTES_MAX: usize = 1_000_000;

/// Handle to all groups of this broker. Cheap to clone.
#[derive(Clone)]
pub struct GroupCoordinator {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    control: Control,
    partitions: Arc<Partitions>,
    config: Config,
    topic: TopicSettings,
    shards: RwLock<HashMap<TopicIdPartition, Arc<Shard>>>,
    /// The deadline that the task sleeps to.
    armed: AtomicI64,
    deadline_is_earlier: Notify,
    view_is_behind: AtomicBool,
    view_fell_behind: Notify,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// What `__consumer_offsets` is created with.
struct TopicSettings {
    partition_count: i32,
    replication_factor: i16,
    segment_bytes: u32,
}

impl GroupCoordinator {
    /// No groups yet: `open` brings them.
    pub fn new(
        clock: Clock,
        control: Control,
        partitions: Arc<Partitions>,
        config: &NodeConfig,
    ) -> GroupCoordinator {
        let topic = TopicSettings {
            partition_count: config.offsets.topic_partitions,
            replication_factor: config.offsets.topic_replication_factor,
            segment_bytes: config.offsets.topic_segment_bytes,
        };
        GroupCoordinator {
            shared: Arc::new(Shared {
                clock,
                control,
                partitions,
                config: kernel_config(config),
                topic,
                shards: RwLock::default(),
                armed: AtomicI64::new(i64::MAX),
                deadline_is_earlier: Notify::new(),
                view_is_behind: AtomicBool::new(false),
                view_fell_behind: Notify::new(),
                tasks: Mutex::default(),
            }),
        }
    }

    /// Loads all groups and starts their deadlines. To be called once, before requests come.
    pub async fn open(&self) {
        self.load_all().await;
        let deadlines = tokio::spawn(run_deadlines(Arc::clone(&self.shared)));
        let view = tokio::spawn(run_view(Arc::clone(&self.shared)));
        self.lock_tasks().extend([deadlines, view]);
    }

    /// Stops the deadlines and brings the view up to date, so that the next start replays nothing.
    pub async fn close(&self) {
        let tasks = std::mem::take(&mut *self.lock_tasks());
        for task in tasks {
            task.abort();
            // An aborted task says so; there is nothing to do about it.
            let _ = task.await;
        }
        self.shared.update_view().await;
    }

    fn lock_tasks(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes every partition of the offsets topic ready. Reads files, so not on a Tokio thread.
    async fn load_all(&self) {
        let shared = Arc::clone(&self.shared);
        let loaded = tokio::task::spawn_blocking(move || {
            let Some((topic_id, count)) = shared.offsets_topic() else { return };
            for partition in 0..count {
                // A partition that cannot be read is offline, and its groups with it.
                let _ = shared.shard(TopicIdPartition { topic_id, partition });
            }
        });
        if loaded.await.is_err() {
            tracing::error!("the groups could not be loaded");
        }
    }

    /// Creates the offsets topic, unless it exists. `topic_id` must be random and new.
    pub async fn create_topic(&self, topic_id: Uuid) -> Result<(), Error> {
        if self.shared.offsets_topic().is_some() {
            return Ok(());
        }
        let settings = &self.shared.topic;
        let brokers = self.shared.control.image().brokers().len();
        let replicas_max = i16::try_from(brokers.max(1)).unwrap_or(i16::MAX);
        let replication_factor = settings.replication_factor.min(replicas_max);
        let config = |key: &str, value: String| (Arc::from(key), Some(Arc::from(value)));
        let topic = NewTopic {
            name: Arc::from(OFFSETS_TOPIC),
            id: topic_id,
            partition_count: settings.partition_count,
            replication_factor,
            assignments: Vec::new(),
            configs: vec![
                config("cleanup.policy", "compact".into()),
                config("compression.type", "producer".into()),
                config("segment.bytes", settings.segment_bytes.to_string()),
            ],
        };
        let command = Command::CreateTopics(CreateTopics {
            topics: vec![topic],
            validate_only: false,
            defaults: Defaults { partition_count: settings.partition_count, replication_factor },
            partitions_max: PARTITIONS_PER_REQUEST_MAX,
        });
        match self.shared.control.execute(command).await {
            Ok(Outcome::CreateTopics(results)) => {
                for (_, result) in results {
                    if let Err(error) = result
                        && self.shared.offsets_topic().is_none()
                    {
                        tracing::error!(%error, "{OFFSETS_TOPIC} cannot be created");
                        return Err(Error::CoordinatorNotAvailable);
                    }
                }
            }
            Ok(_) => unreachable!("the outcome has the command's variant"),
            Err(error) => {
                tracing::error!(%error, "{OFFSETS_TOPIC} cannot be created");
                return Err(Error::CoordinatorNotAvailable);
            }
        }
        self.load_all().await;
        Ok(())
    }

    /// Whether this broker answers for a group.
    pub fn is_coordinator_of(&self, group_id: &str) -> bool {
        self.shared.shard_of(group_id).is_ok()
    }

    /// JoinGroup. When this returns its place in the order is fixed; the answer follows.
    pub fn join(
        &self,
        request: JoinRequest,
    ) -> impl Future<Output = Result<Joined, JoinFailed>> + Send + use<> {
        let group_id = Arc::clone(&request.group_id);
        let member_id = Arc::clone(&request.member_id);
        let request = Box::new(request);
        let asked = self.ask(&group_id, |ticket| Event::Join { ticket, request });
        async move {
            match answer(asked).await {
                Ok(Response::Join(result)) => result,
                other => Err(JoinFailed { error: misanswered(other), member_id }),
            }
        }
    }

    /// SyncGroup.
    pub fn sync(
        &self,
        request: SyncRequest,
    ) -> impl Future<Output = Result<Synced, Error>> + Send + use<> {
        let group_id = Arc::clone(&request.group_id);
        let request = Box::new(request);
        let asked = self.ask(&group_id, |ticket| Event::Sync { ticket, request });
        async move {
            match answer(asked).await {
                Ok(Response::Sync(result)) => result,
                other => Err(misanswered(other)),
            }
        }
    }

    /// Heartbeat.
    pub fn heartbeat(
        &self,
        request: HeartbeatRequest,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let group_id = Arc::clone(&request.group_id);
        let asked = self.ask(&group_id, |ticket| Event::Heartbeat { ticket, request });
        async move {
            match answer(asked).await {
                Ok(Response::Heartbeat(result)) => result,
                other => Err(misanswered(other)),
            }
        }
    }

    /// LeaveGroup.
    pub fn leave(
        &self,
        group_id: Arc<str>,
        members: Vec<LeavingMember>,
    ) -> impl Future<Output = Result<Vec<LeaveResult>, Error>> + Send + use<> {
        let id = Arc::clone(&group_id);
        let asked = self.ask(&id, |ticket| Event::Leave { ticket, group_id, members });
        async move {
            match answer(asked).await {
                Ok(Response::Leave(result)) => result,
                other => Err(misanswered(other)),
            }
        }
    }

    /// OffsetCommit: one result for each partition, in order.
    pub fn commit(
        &self,
        request: CommitRequest,
    ) -> impl Future<Output = Result<Vec<Result<(), Error>>, Error>> + Send + use<> {
        let group_id = Arc::clone(&request.group_id);
        let request = Box::new(request);
        let asked = self.ask(&group_id, |ticket| Event::CommitOffsets { ticket, request });
        async move {
            match answer(asked).await {
                Ok(Response::Commit(result)) => result,
                other => Err(misanswered(other)),
            }
        }
    }

    /// OffsetFetch: the named partitions in order, or all. What it shows is durable.
    pub fn fetch(
        &self,
        group_id: &str,
        topics: Option<&[(Arc<str>, Vec<PartitionIndex>)]>,
    ) -> impl Future<Output = Result<FetchedTopics, Error>> + Send + use<> {
        let read = self
            .shared
            .shard_of(group_id)
            .map(|shard| shard.read(|groups| groups.fetch_offsets(group_id, topics)));
        async move { read?.settled().await }
    }

    /// A group, `None` if it does not exist.
    pub fn describe(&self, group_id: &str) -> Result<Option<GroupDescription>, Error> {
        let shard = self.shared.shard_of(group_id)?;
        Ok(shard.look(|groups| groups.describe(group_id)))
    }

    /// All groups in one of the states and of one of the types.
    pub fn list(&self, states: &[&str], types: &[&str]) -> Vec<GroupListing> {
        let shards = self.shared.all_shards();
        shards.iter().flat_map(|shard| shard.look(|groups| groups.list(states, types))).collect()
    }

    /// Topics are gone; their committed offsets go too.
    pub fn topics_deleted(&self, topics: &[Arc<str>]) {
        for shard in self.shared.all_shards() {
            self.shared.step(&shard, Event::TopicsDeleted(topics.to_vec()));
        }
    }

    fn ask(&self, group_id: &str, event: impl FnOnce(Ticket) -> Event) -> Result<Waiting, Error> {
        let shard = self.shared.shard_of(group_id)?;
        let (ticket, waiting) = Shard::wait(&shard);
        self.shared.step(&shard, event(ticket));
        Ok(waiting)
    }
}

async fn answer(asked: Result<Waiting, Error>) -> Result<Response, Error> {
    asked?.answer().await
}

fn misanswered(result: Result<Response, Error>) -> Error {
    match result {
        Err(error) => error,
        Ok(response) => unreachable!("the kernel answers in kind, not with {response:?}"),
    }
}

fn kernel_config(config: &NodeConfig) -> Config {
    let (groups, offsets) = (&config.groups, &config.offsets);
    let interval_ms = offsets.retention_check_interval_ms;
    Config {
        session_timeout_ms_min: groups.session_timeout_ms_min,
        session_timeout_ms_max: groups.session_timeout_ms_max,
        initial_rebalance_delay_ms: i64::from(groups.initial_rebalance_delay_ms),
        group_size_max: groups.size_max as usize,
        offset_metadata_max: offsets.metadata_bytes_max,
        offsets_retention_ms: offsets.retention_ms,
        offsets_retention_check_interval_ms: i64::try_from(interval_ms).unwrap_or(i64::MAX),
        record_bytes_max: RECORD_BYTES_MAX.min(offsets.topic_segment_bytes as usize / 2),
        ..Config::default()
    }
}

impl Shared {
    /// The topic's ID and number of partitions, if it exists.
    fn offsets_topic(&self) -> Option<(Uuid, i32)> {
        let image = self.control.image();
        image.topic(OFFSETS_TOPIC).map(|topic| (topic.id, topic.partition_count()))
    }

    fn shard_of(&self, group_id: &str) -> Result<Arc<Shard>, Error> {
        let (topic_id, count) = self.offsets_topic().ok_or(Error::NotCoordinator)?;
        let partition = partition_of(group_id, count);
        self.shard(TopicIdPartition { topic_id, partition })
    }

    /// The groups of a partition. They are loaded here only if the topic was just created, when
    /// there is nothing to read yet.
    fn shard(&self, id: TopicIdPartition) -> Result<Arc<Shard>, Error> {
        let known = self.shards.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(shard) = known {
            return Ok(shard);
        }
        let partition = self.partitions.get(&id).ok_or(Error::NotCoordinator)?;
        let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(shard) = shards.get(&id) {
            return Ok(Arc::clone(shard));
        }
        let loaded = Shard::load(partition, &self.partitions, self.config.clone());
        let shard = Arc::new(loaded.map_err(|error| {
            tracing::error!(partition = id.partition, %error, "groups cannot be loaded");
            Error::NotCoordinator
        })?);
        shards.insert(id, Arc::clone(&shard));
        drop(shards);
        self.step(&shard, Event::Loaded);
        Ok(shard)
    }

    fn all_shards(&self) -> Vec<Arc<Shard>> {
        self.shards.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Lets an event happen, and tells the tasks what has changed for them.
    fn step(&self, shard: &Shard, event: Event) {
        let stepped = shard.step(self.clock.now(), event);
        if stepped.deadline.is_some_and(|at| at < self.armed.load(Ordering::Acquire)) {
            self.deadline_is_earlier.notify_one();
        }
        if stepped.has_changes && !self.view_is_behind.swap(true, Ordering::AcqRel) {
            self.view_fell_behind.notify_one();
        }
    }

    /// Ticks what is due, and arms the next deadline.
    fn tick(&self) -> TimestampMs {
        // Nothing is armed while the shards are asked, so that whoever sets a deadline meanwhile
        // wakes the task again.
        self.armed.store(i64::MAX, Ordering::Release);
        let now = self.clock.now();
        let mut earliest = i64::MAX;
        for shard in self.all_shards() {
            if shard.deadline().is_some_and(|at| at <= now) {
                self.step(&shard, Event::Tick);
            }
            earliest = earliest.min(shard.deadline().unwrap_or(i64::MAX));
        }
        self.armed.fetch_min(earliest, Ordering::AcqRel);
        earliest
    }

    /// Brings the RocksDB view up to what is durable in the log.
    async fn update_view(&self) {
        self.view_is_behind.store(false, Ordering::Release);
        let mut changes = Changes::default();
        let mut has_any = false;
        for shard in self.all_shards() {
            has_any |= shard.add_durable_changes(&mut changes).await;
        }
        if has_any {
            let rocks = Arc::clone(self.partitions.rocks());
            let committed = tokio::task::spawn_blocking(move || rocks.commit(changes));
            if committed.await.is_err() {
                tracing::error!("the view of the groups could not be written");
            }
        }
    }
}

async fn run_deadlines(shared: Arc<Shared>) {
    loop {
        let earliest = shared.tick();
        let delay_ms = earliest.saturating_sub(shared.clock.now()).clamp(0, SLEEP_MS_MAX);
        let delay = Duration::from_millis(delay_ms.unsigned_abs());
        if earliest == i64::MAX {
            shared.deadline_is_earlier.notified().await;
        } else {
            // Cancel-safe: `Notify` keeps a permit that was not taken, a sleep has no effects.
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = shared.deadline_is_earlier.notified() => {}
            }
        }
    }
}

async fn run_view(shared: Arc<Shared>) {
    loop {
        shared.view_fell_behind.notified().await;
        tokio::time::sleep(VIEW_INTERVAL).await;
        shared.update_view().await;
    }
}

/// Kafka's choice: the Java hash code of the name, without its sign, modulo the count.
fn partition_of(group_id: &str, count: i32) -> PartitionIndex {
    let hash = group_id
        .encode_utf16()
        .fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % count.max(1)
}

#[cfg(test)]
mod tests {
    use super::partition_of;

    #[test]
    fn groups_go_where_kafka_puts_them() {
        // Java: "".hashCode() = 0, "test".hashCode() = 3556498, "connect-cluster" negative,
        // "polygenelubricants".hashCode() = Integer.MIN_VALUE.
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("test", 50), 3_556_498 % 50);
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        assert_eq!(partition_of("f\u{fc}r", 50), ((102 * 31 + 252) * 31 + 114) % 50);
        assert!((0..50).contains(&partition_of("connect-cluster", 50)));
    }
}
