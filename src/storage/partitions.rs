//! All partitions on this broker: opened at start, created and removed with their topics, found by
//! topic ID and number.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::cleaning::Cleaning;
use super::damage::Damages;
use super::deleted::Deleted;
use super::disk::Disk;
use super::flusher::{FlusherHandle, sync_in_round};
use super::folders::Round;
use super::index::Indexes;
use super::janitor::Condemned;
use super::layout;
use super::metadata_log;
use super::open_files::OpenFiles;
use super::partition::{Durability, Partition, Parts};
use super::recover::recover;
use super::rocks::Rocks;
use crate::config::dynamic::TopicConfig;
use crate::kernel::log::{Limits, Log};
use crate::kernel::types::{LeaderEpoch, TimestampMs, TopicIdPartition, Uuid};
use crate::metrics::traffic::Traffic;

/// What all partitions share.
pub struct Partitions {
    disk: Disk,
    data: PathBuf,
    rocks: Arc<Rocks>,
    flusher: FlusherHandle,
    indexes: Indexes,
    durability: Durability,
    producer_id_expiration_ms: AtomicI64,
    cleaning: Arc<Cleaning>,
    /// Files that wait to be removed; as many as there were segments at most.
    condemned: Mutex<Vec<Condemned>>,
    pub(super) deleted: Deleted,
    traffic: Arc<Traffic>,
    pub(super) open_files: Arc<OpenFiles>,
    by_id: RwLock<HashMap<TopicIdPartition, Arc<Partition>, BuildHasherDefault<IdHasher>>>,
}

/// Topic IDs are random and no client chooses one, so their own bits are a hash already: they are
/// only mixed with the partition.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            // An odd factor keeps partitions of a topic apart, in the low bits and the high ones.
            let mixed = self.0.rotate_left(26) ^ u64::from_le_bytes(word);
            self.0 = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A partition that is to be opened.
pub struct ToOpen {
    /// Topic ID and partition number.
    pub id: TopicIdPartition,
    /// Topic name.
    pub topic: Arc<str>,
    /// Configuration in force.
    pub config: Arc<TopicConfig>,
    /// Epoch of the leader, that is of this broker.
    pub leader_epoch: LeaderEpoch,
}

/// What opening a partition found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opened {
    /// Bytes that were read because no checkpoint vouched for them.
    pub scanned_bytes: u64,
    /// Bytes that were cut off the end.
    pub cut_bytes: u64,
}

impl Partitions {
    /// No partitions yet, and no producer expires before somebody says when.
    pub fn new(
        disk: Disk,
        data: PathBuf,
        rocks: Arc<Rocks>,
        flusher: FlusherHandle,
        durability: Durability,
        traffic: Arc<Traffic>,
    ) -> Partitions {
        Partitions {
            disk,
            data,
            indexes: Indexes::new(Arc::clone(&rocks)),
            rocks,
            flusher,
            durability,
            producer_id_expiration_ms: AtomicI64::new(i64::MAX),
            cleaning: Arc::default(),
            condemned: Mutex::default(),
            deleted: Deleted::default(),
            traffic,
            open_files: Arc::default(),
            by_id: RwLock::default(),
        }
    }

    /// The partition, if it is on this broker.
    pub fn get(&self, id: &TopicIdPartition) -> Option<Arc<Partition>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All partitions, in order of their IDs.
    pub fn all(&self) -> Vec<Arc<Partition>> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = by_id.values().cloned().collect();
        drop(by_id);
        all.sort_unstable_by_key(|partition| partition.id);
        all
    }

    /// Indexes of closed segments.
    pub fn indexes(&self) -> &Indexes {
        &self.indexes
    }

    /// What the files are reached through.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Absolute path of the folder that holds everything.
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// Size of the volume that holds everything, and how much of it may still be used, in bytes.
    pub fn volume(&self) -> io::Result<(u64, u64)> {
        self.disk.volume(&self.data)
    }

    /// `producer.id.expiration.ms`.
    pub fn producer_id_expiration_ms(&self) -> i64 {
        self.producer_id_expiration_ms.load(Ordering::Relaxed)
    }

    /// Changes `producer.id.expiration.ms`.
    pub fn set_producer_id_expiration_ms(&self, ms: i64) {
        self.producer_id_expiration_ms.store(ms, Ordering::Relaxed);
    }

    /// Limits of compaction, which may change.
    pub fn cleaning(&self) -> &Arc<Cleaning> {
        &self.cleaning
    }

    /// Notes files that are to be removed later.
    pub fn condemn(&self, files: impl IntoIterator<Item = Condemned>) {
        self.condemned.lock().unwrap_or_else(PoisonError::into_inner).extend(files);
    }

    /// Gives out the noted files that nobody wants to keep, and when the first of the others is
    /// due.
    pub fn pardon(
        &self,
        is_kept: impl Fn(&Condemned) -> bool,
    ) -> (Vec<Condemned>, Option<TimestampMs>) {
        let mut condemned = self.condemned.lock().unwrap_or_else(PoisonError::into_inner);
        let given = condemned.extract_if(.., |file| !is_kept(file)).collect();
        (given, condemned.iter().map(|file| file.due).min())
    }

    /// Gives a partition another configuration.
    pub fn configure(&self, id: TopicIdPartition, config: &Arc<TopicConfig>) {
        if let Some(partition) = self.get(&id) {
            partition.configure(Arc::clone(config), self.limits(id, config));
        }
    }

    /// The database.
    pub fn rocks(&self) -> &Arc<Rocks> {
        &self.rocks
    }

    /// Where syncs are asked for.
    pub(super) fn flusher(&self) -> &FlusherHandle {
        &self.flusher
    }

    /// Opens partitions with whatever their folders hold, several at a time, and makes durable what
    /// was read of them. Answers what was found in each, or the first that cannot be opened. Waits
    /// for the device. Nothing else may make names in their folders meanwhile.
    pub fn open_all(
        &self,
        all: &[ToOpen],
        now: TimestampMs,
    ) -> Result<Vec<Opened>, (TopicIdPartition, io::Error)> {
        let (round, next) = (Round::default(), AtomicUsize::new(0));
        let open_some = || {
            let mut opened = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(partition) = all.get(at) else { return opened };
                let found = self.open_one(partition, now, &round);
                if found.is_err() {
                    // The others need not begin what they have not begun.
                    next.store(all.len(), Ordering::Relaxed);
                }
                opened.push((at, found));
            }
        };
        let threads = self.disk.threads_max().min(all.len());
        let mut opened = std::thread::scope(|scope| {
            // This thread is one of them, and all of them if the system has no other.
            let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, open_some).ok();
            let others: Vec<_> = (1..threads).filter_map(spawn).collect();
            let mut opened = open_some();
            for other in others {
                match other.join() {
                    Ok(more) => opened.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            opened
        });
        opened.sort_unstable_by_key(|(at, _)| *at);
        let named =
            opened.into_iter().map(|(at, found)| found.map_err(|error| (all[at].id, error)));
        named.collect()
    }

    fn open_one(&self, wanted: &ToOpen, now: TimestampMs, round: &Round) -> io::Result<Opened> {
        let folder = layout::partition_folder(&self.data, wanted.id);
        let (partition, opened) = self.open_in(folder, wanted, self.durability, now, round)?;
        self.insert(partition);
        Ok(opened)
    }

    /// Opens a partition, for tests of other things.
    #[cfg(test)]
    pub fn open(
        &self,
        id: TopicIdPartition,
        topic: &Arc<str>,
        config: Arc<TopicConfig>,
        leader_epoch: LeaderEpoch,
        now: TimestampMs,
    ) -> io::Result<Opened> {
        let wanted = ToOpen { id, topic: Arc::clone(topic), config, leader_epoch };
        self.open_one(&wanted, now, &Round::default())
    }

    /// Opens a log in a folder of its own choosing, outside the set of partitions.
    pub fn open_alone(
        &self,
        folder: PathBuf,
        wanted: &ToOpen,
        durability: Durability,
        now: TimestampMs,
    ) -> io::Result<(Arc<Partition>, Opened)> {
        self.open_in(folder, wanted, durability, now, &Round::default())
    }

    fn open_in(
        &self,
        folder: PathBuf,
        wanted: &ToOpen,
        durability: Durability,
        now: TimestampMs,
        round: &Round,
    ) -> io::Result<(Arc<Partition>, Opened)> {
        let ToOpen { id, topic, config, leader_epoch } = wanted;
        let (id, config) = (*id, Arc::clone(config));
        let limits = self.limits(id, &config);
        let recovered = recover(&self.disk, &folder, id, limits, &self.rocks, now)?;
        let opened =
            Opened { scanned_bytes: recovered.scanned_bytes, cut_bytes: recovered.cut_bytes };
        let is_damaged = !recovered.damages.is_empty();
        let partition = Partition::new(Parts {
            id,
            topic: Arc::clone(topic),
            folder,
            log: recovered.log,
            unsynced: recovered.unsynced,
            synced_offset: recovered.synced_offset,
            config,
            leader_epoch: *leader_epoch,
            durability,
            flusher: self.flusher.clone(),
            // What the broker tells itself is no traffic.
            traffic: match id.topic_id {
                metadata_log::TOPIC_ID => Arc::default(),
                _ => Arc::clone(&self.traffic),
            },
            disk: self.disk.clone(),
            damages: Damages::new(recovered.damages),
            open_files: Arc::clone(&self.open_files),
        });
        if opened.scanned_bytes > 0 || is_damaged {
            // Make it durable and spare the next start the reading.
            partition.state().checkpoint_due = true;
            sync_in_round(&partition, &self.rocks, round);
            self.open_files.opened(Arc::downgrade(&partition));
        }
        Ok((partition, opened))
    }

    /// Makes an empty partition. Nothing touches the disk before its first append.
    pub fn create(
        &self,
        id: TopicIdPartition,
        topic: &Arc<str>,
        config: Arc<TopicConfig>,
        leader_epoch: LeaderEpoch,
    ) {
        let limits = self.limits(id, &config);
        self.insert(Partition::new(Parts {
            id,
            topic: Arc::clone(topic),
            folder: layout::partition_folder(&self.data, id),
            log: Log::empty(0, limits),
            unsynced: Vec::new(),
            synced_offset: 0,
            config,
            leader_epoch,
            durability: self.durability,
            flusher: self.flusher.clone(),
            traffic: Arc::clone(&self.traffic),
            disk: self.disk.clone(),
            damages: Damages::default(),
            open_files: Arc::clone(&self.open_files),
        }));
    }

    fn insert(&self, partition: Arc<Partition>) {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(partition.id, partition);
    }

    /// Takes the partitions of a topic out of the set.
    pub(super) fn take_out(&self, topic_id: Uuid) -> Vec<Arc<Partition>> {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        let ids: Vec<_> = by_id.keys().filter(|id| id.topic_id == topic_id).copied().collect();
        ids.iter().filter_map(|id| by_id.remove(id)).collect()
    }

    /// Lets go of what is only kept because partitions of deleted topics were once written to.
    pub fn forget_removed(&self) {
        self.open_files.forget_removed();
    }

    /// Limits of a partition's log under a configuration.
    pub fn limits(&self, id: TopicIdPartition, config: &TopicConfig) -> Limits {
        Limits {
            segment_bytes: u64::from(config.segment_bytes),
            segment_ms: longest_segment_ms(config) - jitter_ms(id, config),
            segment_index_bytes: u64::from(config.segment_index_bytes),
            index_interval_bytes: u64::from(config.index_interval_bytes),
            retention_ms: config.retention_ms,
            retention_bytes: config.retention_bytes,
            delete: config.cleanup_delete,
        }
    }
}

/// How long a segment takes records: not longer than they may wait for compaction, which leaves
/// the active segment alone.
fn longest_segment_ms(config: &TopicConfig) -> i64 {
    match config.cleanup_compact {
        true => config.segment_ms.min(config.max_compaction_lag_ms),
        false => config.segment_ms,
    }
}

/// How much earlier than `segment.ms` a partition rolls: up to `segment.jitter.ms`, by an arbitrary
/// share that stays the same, so that partitions do not roll together.
fn jitter_ms(id: TopicIdPartition, config: &TopicConfig) -> i64 {
    let most = config.segment_jitter_ms.clamp(0, longest_segment_ms(config));
    let seed = id.topic_id.0.iter().chain(&id.partition.to_be_bytes()).fold(0u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    });
    // The high half, times the range, over 2^32: at most `most`.
    i64::try_from((u128::from(seed >> 32) * most.unsigned_abs() as u128) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::dynamic::BrokerDefaults;

    #[test]
    fn hashes_of_partitions_differ_where_the_map_looks() {
        use std::hash::BuildHasher;
        let hasher = BuildHasherDefault::<IdHasher>::default();
        let hashes: Vec<u64> = (0..1_000)
            .map(|partition| TopicIdPartition { topic_id: Uuid(*b"0123456789abcdef"), partition })
            .map(|id| hasher.hash_one(id))
            .collect();
        let different = |bits: fn(&u64) -> u64| {
            hashes.iter().map(bits).collect::<std::collections::HashSet<_>>().len()
        };
        // The low bits choose the place in a table of 2048, the high ones tell neighbours apart.
        assert!(different(|hash| hash & 2047) > 600);
        assert_eq!(different(|hash| hash >> 57), 128);
    }

    #[test]
    fn partitions_roll_at_different_times_where_jitter_is_wanted() {
        let mut config = TopicConfig::resolve(&BrokerDefaults::default(), &Default::default());
        let all = |config: &TopicConfig| -> Vec<i64> {
            let ids = (0..100).map(|partition| TopicIdPartition {
                topic_id: Uuid([partition as u8 / 10; 16]),
                partition: partition % 10,
            });
            ids.map(|id| jitter_ms(id, config)).collect()
        };
        assert_eq!(all(&config), [0; 100]);
        config.segment_jitter_ms = 1_000;
        let mut shares = all(&config);
        assert!(shares.iter().all(|share| (0..1_000).contains(share)));
        shares.sort_unstable();
        shares.dedup();
        assert!(shares.len() > 80 && shares[0] < 100 && shares[shares.len() - 1] > 900);
        config.segment_ms = 1;
        assert_eq!(all(&config), [0; 100], "a segment lives for a millisecond at least");
    }
}
