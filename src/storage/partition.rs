//! One partition: its log's rules, its files, and those who wait for it. Appends are ordered under
//! one mutex; durability follows through the flusher; readers wait for a number of bytes.

mod write;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Instant;

use super::damage::Damages;
use super::disk::{Disk, File, is_out_of_files};
use super::error::StorageError;
use super::flusher::FlusherHandle;
use super::folders::Moment;
use super::force::{Force, Found};
use super::layout;
use super::open_files::OpenFiles;
use super::space;
use super::waiters::{FetchWaiter, Fetches, Syncs};
use crate::config::dynamic::TopicConfig;
use crate::kernel::log::soundness::Damage;
use crate::kernel::log::undo::Undo;
use crate::kernel::log::{Limits, Log, Place};
use crate::kernel::types::{LeaderEpoch, Offset, TopicIdPartition};
use crate::metrics::histogram::Histogram;
use crate::metrics::traffic::Traffic;

/// When an append counts as durable: Felice's `durability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After a sync of the file.
    Fsync,
    /// Once the operating system has it, as Kafka does by default.
    Os,
    /// No promise: for brokers that are thrown away.
    None,
}

/// Topics that the broker keeps its own state in. A failed write of theirs ends the process.
pub const VITAL: [&str; 4] =
    ["__cluster_metadata", "__consumer_offsets", "__transaction_state", "__share_group_state"];

/// One partition of a topic on this broker.
pub struct Partition {
    /// Topic ID and partition number.
    pub id: TopicIdPartition,
    /// Topic name.
    pub topic: Arc<str>,
    /// Folder of the segment files; created with the first append.
    pub folder: PathBuf,
    /// What its files are reached through.
    pub disk: Disk,
    /// What of its files is damaged.
    pub(crate) damages: Damages,
    own: Weak<Partition>,
    open_files: Arc<OpenFiles>,
    /// The file that is written was asked for since somebody looked whether it can be spared.
    is_used: AtomicBool,
    traffic: Traffic,
    traffic_of_all: Arc<Traffic>,
    durability: Durability,
    is_vital: bool,
    flusher: FlusherHandle,
    config: RwLock<Arc<TopicConfig>>,
    leader_epoch: AtomicI32,
    state: Mutex<State>,
    high_watermark: AtomicI64,
    /// First offset of the earliest open transaction, the largest number without one.
    first_undecided: AtomicI64,
    log_start_offset: AtomicI64,
    poisoned: AtomicBool,
    deleted: AtomicBool,
    /// Offset up to which everything is on disk.
    synced: AtomicI64,
    /// Offset up to which the topic's own limits want a sync before any answer.
    forced: AtomicI64,
    sync_waiters: Syncs,
    sync_turn: Mutex<()>,
    fetch_waiters: Fetches,
}

/// The part of a partition behind its mutex.
pub struct State {
    /// Segments, producers and epochs.
    pub log: Log,
    /// Open files by base offset: the active segment, and closed ones not yet synced.
    pub files: HashMap<Offset, Arc<File>>,
    /// Closed segments that readers have open, so that many answers share one descriptor.
    pub(super) readers: HashMap<Offset, Weak<File>>,
    /// Segments with bytes that no sync has covered.
    pub unsynced: Vec<Offset>,
    /// Folders of which it is not known that a sync covers all names in them.
    pub folders_unsynced: Vec<PathBuf>,
    /// When the newest of those names was made.
    pub(super) named: Moment,
    /// Whether the flusher has been asked to store a checkpoint.
    pub checkpoint_due: bool,
    /// Size of the active segment when the last checkpoint was captured.
    pub checkpointed_size: u64,
    /// When the topic wants a sync that no producer asked for.
    pub force: Force,
    write_back_from: u64,
    /// How the log was before the append that runs.
    undo: Undo,
}

/// What a partition is made of when it is opened.
pub struct Parts {
    /// Topic ID and partition number.
    pub id: TopicIdPartition,
    /// Topic name.
    pub topic: Arc<str>,
    /// Folder of the segment files.
    pub folder: PathBuf,
    /// The recovered log, or an empty one.
    pub log: Log,
    /// Segments, with their open files, that recovery read but no sync is known to have covered.
    pub unsynced: Vec<(Offset, Arc<File>)>,
    /// Offset up to which everything is known to be on disk.
    pub synced_offset: Offset,
    /// Configuration in force.
    pub config: Arc<TopicConfig>,
    /// Epoch of the leader, that is of this broker.
    pub leader_epoch: LeaderEpoch,
    /// When an append counts as durable.
    pub durability: Durability,
    /// Where syncs are asked for.
    pub flusher: FlusherHandle,
    /// Where what passes through all partitions is counted.
    pub traffic: Arc<Traffic>,
    /// What its files are reached through.
    pub disk: Disk,
    /// What recovery found damaged.
    pub(crate) damages: Damages,
    /// Where open files are counted.
    pub(crate) open_files: Arc<OpenFiles>,
}

/// What [`Partition`] tells without its mutex.
fn first_undecided(log: &Log) -> Offset {
    log.producers.first_undecided().unwrap_or(Offset::MAX)
}

impl Partition {
    /// Puts a partition together.
    pub fn new(parts: Parts) -> Arc<Partition> {
        let write_back_from = parts.log.active().size;
        let force = Force::new(&parts.config, parts.durability);
        let read = !parts.unsynced.is_empty();
        let folders = if read { layout::folders_to(&parts.folder) } else { Vec::new() };
        let is_vital = VITAL.contains(&&*parts.topic);
        Arc::new_cyclic(|own| Partition {
            own: Weak::clone(own),
            open_files: parts.open_files,
            is_used: AtomicBool::new(false),
            id: parts.id,
            topic: parts.topic,
            folder: parts.folder,
            disk: parts.disk,
            damages: parts.damages,
            traffic: Traffic::default(),
            traffic_of_all: parts.traffic,
            durability: parts.durability,
            is_vital,
            flusher: parts.flusher,
            config: RwLock::new(parts.config),
            leader_epoch: AtomicI32::new(parts.leader_epoch),
            high_watermark: AtomicI64::new(parts.log.end_offset()),
            first_undecided: AtomicI64::new(first_undecided(&parts.log)),
            log_start_offset: AtomicI64::new(parts.log.log_start_offset),
            state: Mutex::new(State {
                log: parts.log,
                unsynced: parts.unsynced.iter().map(|(base, _)| *base).collect(),
                files: parts.unsynced.into_iter().collect(),
                readers: HashMap::new(),
                folders_unsynced: folders,
                named: Moment::default(),
                checkpoint_due: false,
                checkpointed_size: write_back_from,
                force,
                write_back_from,
                undo: Undo::default(),
            }),
            poisoned: AtomicBool::new(false),
            deleted: AtomicBool::new(false),
            synced: AtomicI64::new(parts.synced_offset),
            forced: AtomicI64::new(-1),
            sync_waiters: Syncs::default(),
            sync_turn: Mutex::new(()),
            fetch_waiters: Fetches::default(),
        })
    }

    /// Configuration in force.
    pub fn config(&self) -> Arc<TopicConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration in force, with the limits that follow from it.
    pub fn configure(self: &Arc<Self>, config: Arc<TopicConfig>, limits: Limits) {
        // Under the mutex of the log: an append sees the old ones or the new ones.
        let mut state = self.state();
        state.log.limits = limits;
        state.force = Force::new(&config, self.durability);
        // What came under the old limits may be late under the new ones.
        let sync = state.force.is_set() && !state.unsynced.is_empty();
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        drop(state);
        if sync {
            self.flusher.sync(Arc::clone(self));
        }
    }

    /// Epoch of the leader.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch.load(Ordering::Acquire)
    }

    /// Follows the metadata to a newer leader epoch.
    pub fn raise_leader_epoch(&self, epoch: LeaderEpoch) {
        self.leader_epoch.fetch_max(epoch, Ordering::AcqRel);
    }

    /// Offset after the last record that consumers may read.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark.load(Ordering::Acquire)
    }

    /// First offset of an open transaction, or the high watermark.
    pub fn last_stable_offset(&self) -> Offset {
        // In this order: what raised the high watermark has told of its transaction before.
        let high_watermark = self.high_watermark();
        let first_undecided = self.first_undecided.load(Ordering::Acquire);
        first_undecided.max(self.log_start_offset()).min(high_watermark)
    }

    /// First offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset.load(Ordering::Acquire)
    }

    /// Offset up to which everything is on disk.
    pub fn synced_offset(&self) -> Offset {
        self.synced.load(Ordering::Acquire)
    }

    /// The log behind the mutex. Held for memory work and page-cache writes only.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the partition's topic was deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Whether the partition can be used.
    pub fn check_online(&self) -> Result<(), StorageError> {
        if self.deleted.load(Ordering::Acquire) {
            return Err(StorageError::Deleted);
        }
        if self.poisoned.load(Ordering::Acquire) {
            return Err(StorageError::Poisoned);
        }
        Ok(())
    }

    /// The first known damage that reaches behind an offset.
    pub fn damage_behind(&self, offset: Offset) -> Option<Damage> {
        let state = self.state();
        let segments = state.log.segments.iter();
        let damages = segments.flat_map(|s| self.damages.of((s.base_offset, s.generation)));
        damages.filter(|damage| damage.next_offset > offset).min_by_key(|damage| damage.offset)
    }

    /// Looks a place up and opens the segment it lies in, as it is at this moment.
    pub fn locate(
        &self,
        look_up: impl FnOnce(&Log) -> Option<Place>,
    ) -> std::io::Result<Option<(Place, Arc<File>)>> {
        let mut state = self.state();
        let Some(place) = look_up(&state.log) else { return Ok(None) };
        let file = self.segment_handle(&mut state, place.segment)?;
        Ok(Some((place, file)))
    }

    /// Opens a segment that is to be read; the active one's handle is shared with the writer.
    fn segment_handle(&self, state: &mut State, base_offset: Offset) -> std::io::Result<Arc<File>> {
        if state.log.active().base_offset == base_offset {
            return self.active_file(state);
        }
        if let Some(file) = state.files.get(&base_offset) {
            return Ok(Arc::clone(file));
        }
        if let Some(file) = state.readers.get(&base_offset).and_then(Weak::upgrade) {
            return Ok(file);
        }
        let path = layout::segment_file(&self.folder, base_offset);
        let file = Arc::new(self.disk.open_readonly(&path)?);
        state.readers.retain(|_, reader| reader.strong_count() > 0);
        state.readers.insert(base_offset, Arc::downgrade(&file));
        Ok(file)
    }

    /// Closes the file that is written, which the next append opens again, if it was not used since
    /// the last call and all of it is on disk. Asks for that otherwise.
    pub(super) fn close_idle(&self) -> bool {
        if self.is_used.swap(false, Ordering::Relaxed) {
            return false;
        }
        // Never waits: the one that asks holds the mutex of another partition.
        let Ok(mut state) = self.state.try_lock() else { return false };
        let is_synced = state.unsynced.is_empty() && state.folders_unsynced.is_empty();
        if is_synced {
            state.files.clear();
        } else if let Some(own) = self.own.upgrade() {
            self.flusher.sync(own);
        }
        is_synced
    }

    /// Whether the broker keeps its own state here.
    pub(super) fn is_vital(&self) -> bool {
        self.is_vital
    }

    /// Ends the process if the broker keeps its own state here, which cannot be read or written.
    pub fn end_if_vital(&self, done: &str, error: &std::io::Error) {
        if self.is_vital && self.flusher.is_vital_to_process() {
            let (topic, partition, folder) =
                (&self.topic, self.id.partition, self.folder.display());
            let what = format!("{topic}-{partition} in {folder}");
            self.disk.end_process(&format!("{what} cannot be {done}: {error}"));
        }
    }

    /// Takes the partition offline after a failed write or sync: the first failure is the last. A
    /// broker that cannot keep its own state any more ends with it.
    pub fn poison(&self, error: &std::io::Error) {
        // Before others find it offline and have something to say of that, too.
        self.end_if_vital("written", error);
        if self.poisoned.swap(true, Ordering::AcqRel) {
            return;
        }
        let folder = self.folder.display();
        tracing::error!(topic = %self.topic, partition = self.id.partition, %folder, %error,
            "a write failed: the partition is offline until the broker is restarted");
        self.sync_waiters.fail(&StorageError::Poisoned);
        self.fetch_waiters.count(i64::MAX / 2);
    }

    /// Takes the partition offline unless there was only no room, or no file that could be opened,
    /// which passes.
    pub fn poison_unless_it_passes(&self, error: &std::io::Error) {
        if space::is_full(error) {
            self.flusher.ran_out_of_space();
        } else if !is_out_of_files(error) {
            self.poison(error);
        }
    }

    /// Whether there is room for so many bytes, as far as that can be known before they are
    /// written. What the broker keeps for itself is let into the reserve.
    pub fn check_room(&self, bytes: usize) -> Result<(), StorageError> {
        let space = self.flusher.space();
        let is_admitted = match self.is_vital {
            true => space.admits_vital(),
            false => space.admits(bytes),
        };
        if is_admitted {
            return Ok(());
        }
        self.check_online()?;
        self.flusher.watch_space();
        Err(StorageError::Full)
    }

    /// Ends the partition's life with its topic.
    pub fn mark_deleted(&self) {
        // An append that has begun ends first; a later one sees the mark.
        let state = self.state();
        self.deleted.store(true, Ordering::Release);
        drop(state);
        self.sync_waiters.fail(&StorageError::Deleted);
        self.fetch_waiters.count(i64::MAX / 2);
    }

    /// The second moment of a write: completes when everything below `end_offset` is durable, at
    /// once if neither `durability` nor the topic asks for a sync.
    pub async fn durable(self: &Arc<Self>, end_offset: Offset) -> Result<(), StorageError> {
        let is_awaited = self.durability == Durability::Fsync || self.is_forced(end_offset);
        if !is_awaited || self.synced_offset() >= end_offset {
            return self.check_online();
        }
        let result = self.sync_waiters.add(end_offset, || self.check_online())?;
        self.flusher.sync(Arc::clone(self));
        result.await.unwrap_or(Err(StorageError::Poisoned))
    }

    /// Whether the topic wants what ends at `end_offset` on disk before anybody is answered, even
    /// those who did not ask for it (`flush.messages`).
    pub fn is_forced(&self, end_offset: Offset) -> bool {
        self.forced.load(Ordering::Acquire) >= end_offset
    }

    /// Whether a sync is due because time has passed (`flush.ms`), for the flusher, which was told
    /// to look at `at`.
    pub fn look(&self, at: Instant, now: Instant) -> Found {
        self.state().force.look(at, now)
    }

    /// What passed through it since it was opened.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Counts bytes that are on their way to a consumer.
    pub fn count_out(&self, bytes: u64) {
        self.traffic.add_out(bytes);
        self.traffic_of_all.add_out(bytes);
    }

    /// How many wait for a sync.
    pub fn syncs_waiting(&self) -> usize {
        self.sync_waiters.count()
    }

    /// Where its syncs are asked for.
    pub(super) fn flusher(&self) -> &FlusherHandle {
        &self.flusher
    }

    /// When an append counts as durable.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Where the time of each sync is counted.
    pub fn flush_times(&self) -> &Histogram {
        self.flusher.times()
    }

    /// Lets the sync that somebody is about to wait for store a checkpoint too, where such waits
    /// are for syncs.
    pub fn checkpoint_with_sync(&self) {
        if self.durability == Durability::Fsync {
            self.state().checkpoint_due = true;
        }
    }

    /// Asks for a sync without waiting for it, so that those of several partitions run together.
    pub fn ask_sync(self: &Arc<Self>) {
        if self.durability == Durability::Fsync {
            self.flusher.sync(Arc::clone(self));
        }
    }

    /// Called by the flusher: everything below `end_offset` is on disk.
    pub fn mark_synced(&self, end_offset: Offset) {
        self.synced.fetch_max(end_offset, Ordering::AcqRel);
        self.sync_waiters.reached(end_offset);
    }

    /// Held over a whole sync: one that finds nothing left to do must not report success while
    /// another is still at work on the same bytes. Taken before the mutex of the log.
    pub fn sync_turn(&self) -> MutexGuard<'_, ()> {
        self.sync_turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a fetch that waits for new records.
    pub fn watch(&self, waiter: &Arc<FetchWaiter>) {
        self.fetch_waiters.add(waiter);
    }

    /// Removes a fetch that waits no longer.
    pub fn unwatch(&self, waiter: &Arc<FetchWaiter>) {
        self.fetch_waiters.remove(waiter);
    }

    /// Moves the first readable offset after old segments were removed.
    pub fn publish_log_start(&self, offset: Offset) {
        self.log_start_offset.fetch_max(offset, Ordering::AcqRel);
    }
}
