//! The group coordinator: finds the partition of `__consumer_offsets` that a group belongs to,
//! lets the kernel judge each request there, and sends the answers out once they are durable. It
//! keeps the deadlines and the RocksDB view; it holds no rules.

pub mod delete;
mod shard;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use self::shard::{Shard, Waiting};
use super::control::Control;
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::kernel::group::glance::Glance;
use crate::kernel::group::{
    CommitRequest, Config, Error, Event, FetchedTopics, GroupDescription, GroupListing, Groups,
    HeartbeatRequest, JoinFailed, JoinRequest, Joined, LeaveResult, LeavingMember, Now, Response,
    SyncRequest, Synced, Ticket,
};
use crate::kernel::meta::command::{CreateTopics, Defaults, NewTopic, PARTITIONS_PER_REQUEST_MAX};
use crate::kernel::meta::{Command, Outcome};
use crate::kernel::types::{PartitionIndex, TopicIdPartition, Uuid};
use crate::storage::partitions::Partitions;
use crate::storage::rocks::Changes;

/// Topic that groups and offsets are stored in.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// How long changes are gathered before the RocksDB view takes them: so much is replayed from the
/// log after a crash.
const VIEW_INTERVAL: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 1000 });

/// Wait before deadlines that a full disk held up are looked at again.
const ROOM_INTERVAL_MS: i64 = 1_000;

/// Largest group record; of a topic with small segments half a segment.
const RECORD_BYTES_MAX: usize = 1_000_000;

/// Kafka's lower limit of `segment.bytes`.
const SEGMENT_BYTES_MIN: u32 = 1024 * 1024;

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
    /// None for a partition that cannot be read: it is not tried again before the next start.
    shards: RwLock<HashMap<TopicIdPartition, Option<Arc<Shard>>>>,
    /// The deadline that the task sleeps to, in elapsed time.
    armed: AtomicI64,
    deadline_is_earlier: Notify,
    view_is_behind: AtomicBool,
    view_fell_behind: Notify,
    /// Held while the view is written: an older value must not land on a newer one.
    view_writer: tokio::sync::Mutex<()>,
    /// Turns true when the tasks are to end, between two updates of the view.
    closing: watch::Sender<bool>,
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
            // Smaller than any topic's segments may be, it would keep the topic from being created.
            segment_bytes: config.offsets.topic_segment_bytes.max(SEGMENT_BYTES_MIN),
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
                view_writer: tokio::sync::Mutex::default(),
                closing: watch::Sender::new(false),
                tasks: Mutex::default(),
            }),
        }
    }

    /// Loads all groups and starts their deadlines. To be called once, before requests come.
    pub async fn open(&self) {
        self.load().await;
        let deadlines = tokio::spawn(run_deadlines(Arc::clone(&self.shared)));
        let view = tokio::spawn(run_view(Arc::clone(&self.shared)));
        self.lock_tasks().extend([deadlines, view]);
    }

    /// Loads all groups, and lets nothing happen by itself.
    pub(crate) async fn load(&self) {
        self.load_all().await;
        self.forget_missing_topics();
    }

    /// Stops the deadlines and brings the view up to date, so that the next start replays nothing.
    pub async fn close(&self) {
        // An update of the view that was cut short would lose what it had taken from the shards,
        // and the next one would step over it.
        self.shared.closing.send_replace(true);
        let tasks = std::mem::take(&mut *self.lock_tasks());
        for task in tasks {
            // A task that failed says so; there is nothing to do about it.
            let _ = task.await;
        }
        self.shared.update_view().await;
    }

    /// Forgets the offsets of topics that are gone: a crash may have come between the end of a
    /// topic and that of its offsets, and a new topic of that name must not inherit them.
    fn forget_missing_topics(&self) {
        let image = self.shared.control.image();
        for shard in self.shared.all_shards() {
            let mut topics = shard.look(Groups::topics_with_offsets);
            topics.retain(|topic| image.topic(topic).is_none());
            if !topics.is_empty() {
                self.shared.step(&shard, Event::TopicsDeleted(topics));
            }
        }
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

    /// A group, `None` if it does not exist. What it shows is durable.
    pub fn describe(
        &self,
        group_id: &str,
    ) -> impl Future<Output = Result<Option<GroupDescription>, Error>> + Send + use<> {
        let read = self.shared.shard_of(group_id).map(|shard| shard.read(|g| g.describe(group_id)));
        async move { read?.settled().await }
    }

    /// All groups in one of the states and of one of the types. What it shows is durable; groups
    /// of a partition that is offline are left out.
    pub fn list(
        &self,
        states: &[&str],
        types: &[&str],
    ) -> impl Future<Output = Vec<GroupListing>> + Send + use<> {
        let shards = self.shared.all_shards();
        let read: Vec<_> =
            shards.iter().map(|shard| shard.read(|groups| groups.list(states, types))).collect();
        async move {
            let mut all = Vec::new();
            for listings in read {
                // An empty list tells nothing that could be lost.
                if !listings.value().is_empty() {
                    all.extend(listings.settled().await.unwrap_or_default());
                }
            }
            all
        }
    }

    /// All groups at one glance. Not everything in it need be durable.
    pub fn glance(&self, mut seen: Glance) -> Glance {
        self.shared.all_shards().iter().for_each(|shard| shard.look(|g| g.glance(&mut seen)));
        seen
    }

    /// Requests that wait for their answer.
    pub fn requests_waiting(&self) -> usize {
        self.shared.all_shards().iter().map(|shard| shard.waiting_count()).sum()
    }

    /// Topics are gone; their committed offsets go too. With the offsets topic go all groups.
    pub async fn topics_deleted(&self, topics: &[Arc<str>]) {
        if topics.iter().any(|name| **name == *OFFSETS_TOPIC) {
            self.shared.drop_old_shards().await;
        }
        for shard in self.shared.all_shards() {
            self.shared.step(&shard, Event::TopicsDeleted(topics.to_vec()));
        }
    }

    fn ask(&self, group_id: &str, event: impl FnOnce(Ticket) -> Event) -> Result<Waiting, Error> {
        let shard = self.shared.shard_of(group_id)?;
        // Nothing is begun that cannot be kept.
        if !shard.has_room() {
            return Err(Error::CoordinatorNotAvailable);
        }
        Ok(self.ask_shard(&shard, event))
    }

    fn ask_shard(&self, shard: &Arc<Shard>, event: impl FnOnce(Ticket) -> Event) -> Waiting {
        let (ticket, waiting) = Shard::wait(shard);
        self.shared.step(shard, event(ticket));
        waiting
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
        record_bytes_max: RECORD_BYTES_MAX,
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
        if let Some(known) = known {
            return known.ok_or(Error::NotCoordinator);
        }
        let partition = self.partitions.get(&id).ok_or(Error::NotCoordinator)?;
        let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shards.get(&id) {
            return known.clone().ok_or(Error::NotCoordinator);
        }
        let loaded = Shard::load(partition, &self.partitions, self.config.clone());
        let loaded = loaded.inspect_err(|error| {
            tracing::error!(partition = id.partition, %error,
                "groups cannot be loaded: they are unavailable until the broker is restarted");
        });
        let shard = loaded.ok().map(Arc::new);
        shards.insert(id, shard.clone());
        drop(shards);
        let shard = shard.ok_or(Error::NotCoordinator)?;
        self.step(&shard, Event::Loaded);
        Ok(shard)
    }

    /// In order of their partitions: the same events have the same effects in the same order.
    fn all_shards(&self) -> Vec<Arc<Shard>> {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = shards.values().flatten().cloned().collect();
        drop(shards);
        all.sort_unstable_by_key(|shard| shard.id());
        all
    }

    fn now(&self) -> Now {
        Now { date: self.clock.now(), elapsed: self.clock.elapsed() }
    }

    /// Lets an event happen, and tells the tasks what has changed for them.
    fn step(&self, shard: &Shard, event: Event) {
        let stepped = shard.step(self.now(), event);
        if stepped.is_void {
            // Whoever asks next finds them as they are in the log.
            self.shards.write().unwrap_or_else(PoisonError::into_inner).remove(&shard.id());
        }
        if stepped.deadline.is_some_and(|at| at < self.armed.load(Ordering::Acquire)) {
            self.deadline_is_earlier.notify_one();
        }
        if stepped.has_changes && !self.view_is_behind.swap(true, Ordering::AcqRel) {
            self.view_fell_behind.notify_one();
        }
    }

    /// Ticks what is due, and arms the next deadline.
    fn tick(&self) -> i64 {
        // Nothing is armed while the shards are asked, so that whoever sets a deadline meanwhile
        // wakes the task again.
        self.armed.store(i64::MAX, Ordering::Release);
        let now = self.clock.elapsed();
        let mut earliest = i64::MAX;
        for shard in self.all_shards() {
            if shard.deadline().is_some_and(|at| at <= now) {
                if !shard.has_room() {
                    earliest = earliest.min(now.saturating_add(ROOM_INTERVAL_MS));
                    continue;
                }
                self.step(&shard, Event::Tick);
            }
            earliest = earliest.min(shard.deadline().unwrap_or(i64::MAX));
        }
        self.armed.fetch_min(earliest, Ordering::AcqRel);
        earliest
    }

    /// Lets go of the groups of an offsets topic that was deleted, and of their view. Those who
    /// wait are sent away, to found their groups again in a new topic.
    async fn drop_old_shards(&self) {
        let current = self.offsets_topic().map(|(id, _)| id);
        let old: Vec<_> = {
            let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
            shards.extract_if(|id, _| Some(id.topic_id) != current).collect()
        };
        for (_, shard) in &old {
            if let Some(shard) = shard {
                self.step(shard, Event::Unload);
            }
        }
        let _writer = self.view_writer.lock().await;
        self.change_view(move |changes| {
            old.iter().for_each(|(id, _)| shard::delete_view(*id, changes));
        })
        .await;
    }

    /// Brings the RocksDB view up to what is durable in the log.
    async fn update_view(&self) {
        let _writer = self.view_writer.lock().await;
        self.view_is_behind.store(false, Ordering::Release);
        let mut taken = Vec::new();
        for shard in self.all_shards() {
            taken.extend(shard.durable_changes().await);
        }
        if !taken.is_empty() {
            self.change_view(|changes| taken.into_iter().for_each(|taken| taken.add_to(changes)))
                .await;
        }
    }

    /// Writes to the view. What many groups changed takes milliseconds to gather already.
    async fn change_view(&self, fill: impl FnOnce(&mut Changes) + Send + 'static) {
        let rocks = Arc::clone(self.partitions.rocks());
        let committed = tokio::task::spawn_blocking(move || {
            let mut changes = Changes::default();
            fill(&mut changes);
            rocks.commit(changes);
        });
        if committed.await.is_err() {
            tracing::error!("the view of the groups could not be written");
        }
    }
}

async fn run_deadlines(shared: Arc<Shared>) {
    let mut closing = shared.closing.subscribe();
    loop {
        let earliest = shared.tick();
        let delay_ms = earliest.saturating_sub(shared.clock.elapsed()).max(0);
        let delay = Duration::from_millis(delay_ms.unsigned_abs());
        // Cancel-safe: `Notify` keeps a permit that was not taken, the others have no effects.
        tokio::select! {
            () = closed(&mut closing) => return,
            () = tokio::time::sleep(delay), if earliest < i64::MAX => {}
            () = shared.deadline_is_earlier.notified() => {}
        }
    }
}

/// Completes when the coordinator closes.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // The sender lives as long as the tasks do.
    let _ = closing.wait_for(|closing| *closing).await;
}

async fn run_view(shared: Arc<Shared>) {
    let mut closing = shared.closing.subscribe();
    loop {
        // Cancel-safe: the arms only wait, and `Notify` keeps a permit that was not taken.
        tokio::select! {
            () = closed(&mut closing) => return,
            () = shared.view_fell_behind.notified() => {}
        }
        tokio::select! {
            () = closed(&mut closing) => return,
            () = tokio::time::sleep(VIEW_INTERVAL) => {}
        }
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
pub(crate) mod tests;
