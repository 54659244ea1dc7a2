//! The one thread per data directory that waits for the disk. It groups syncs: at most one is in
//! flight per partition, and everything that arrived meanwhile shares the next. Checkpoints are
//! its work too, because only it knows what is on disk. While RocksDB has something to do it is
//! asked twice a second whether its threads have failed.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::checkpoint;
use super::disk::{self, Disk, File, is_out_of_files};
use super::folders::{Moment, Round};
use super::force::Found;
use super::partition::{Durability, Partition};
use super::rocks::{self, Rocks};
use super::space::Space;
use crate::kernel::types::Offset;
use crate::metrics::histogram::Histogram;

/// How long a sync of a folder waits for one of the process's files, all of which are in use, and
/// how long between two attempts.
const FILE_PATIENCE: Duration = Duration::from_secs(30);
const FILE_INTERVAL: Duration = Duration::from_millis(5);

/// Wait between two looks for room on a full disk.
const ROOM_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Work {
    partitions: Vec<Arc<Partition>>,
    queued: HashSet<usize>,
    write_backs: Vec<(Arc<File>, u64, u64)>,
    /// When to look whether `flush.ms` of a partition is over; at most one look for each.
    looks: BTreeMap<(Instant, usize), Weak<Partition>>,
    stop: bool,
}

impl Work {
    fn is_none(&self, now: Instant) -> bool {
        self.partitions.is_empty()
            && self.write_backs.is_empty()
            && !self.stop
            && self.looks.first_key_value().is_none_or(|((at, _), _)| *at > now)
    }

    /// Takes the looks whose time has come.
    fn due_looks(&mut self, now: Instant) -> Vec<(Instant, Weak<Partition>)> {
        let mut due = Vec::new();
        while let Some(first) = self.looks.first_entry().filter(|first| first.key().0 <= now) {
            let ((at, _), partition) = first.remove_entry();
            due.push((at, partition));
        }
        due
    }
}

struct Shared {
    work: Mutex<Work>,
    wake: Condvar,
    times: Arc<Histogram>,
    space: Arc<Space>,
    /// Whether the process ends with a partition that the broker keeps its own state in.
    is_vital_to_process: AtomicBool,
    /// Folders of which a sync has failed: none is asked for again.
    failed_folders: Mutex<HashSet<PathBuf>>,
}

/// Where syncs are asked for. Cheap to clone.
#[derive(Clone)]
pub struct FlusherHandle {
    shared: Arc<Shared>,
}

/// The running flusher.
pub struct Flusher {
    handle: FlusherHandle,
    thread: Option<JoinHandle<()>>,
}

impl FlusherHandle {
    fn new(times: Arc<Histogram>, space: Arc<Space>) -> FlusherHandle {
        let shared = Shared {
            work: Mutex::default(),
            wake: Condvar::new(),
            times,
            space,
            is_vital_to_process: AtomicBool::new(false),
            failed_folders: Mutex::default(),
        };
        FlusherHandle { shared: Arc::new(shared) }
    }

    /// Asks for a sync of everything the partition has appended so far.
    pub fn sync(&self, partition: Arc<Partition>) {
        let mut work = self.shared.lock();
        if work.queued.insert(Arc::as_ptr(&partition) as usize) {
            work.partitions.push(partition);
            self.shared.wake.notify_one();
        }
    }

    /// The room on the volume.
    pub fn space(&self) -> &Space {
        &self.shared.space
    }

    /// Lets the flusher look for room, at once and then again and again until there is some.
    pub fn watch_space(&self) {
        let _work = self.shared.lock();
        self.shared.wake.notify_one();
    }

    /// Notes that a write found no room.
    pub fn ran_out_of_space(&self) {
        self.shared.space.ran_out();
        self.watch_space();
    }

    /// From now on the process ends when the broker's own state cannot be written.
    pub fn end_process_with_vital(&self) {
        self.shared.is_vital_to_process.store(true, Ordering::Relaxed);
    }

    /// Whether the process is to end when the broker's own state cannot be written.
    pub fn is_vital_to_process(&self) -> bool {
        self.shared.is_vital_to_process.load(Ordering::Relaxed)
    }

    /// Asks to look at a partition then, whether its `flush.ms` is over.
    pub fn look_at(&self, partition: &Arc<Partition>, at: Instant) {
        let mut work = self.shared.lock();
        let is_first = work.looks.first_key_value().is_none_or(|((first, _), _)| at < *first);
        let place = Arc::as_ptr(partition) as usize;
        work.looks.insert((at, place), Arc::downgrade(partition));
        if is_first {
            self.shared.wake.notify_one();
        }
    }

    /// Syncs a folder that all partitions lie in: a failure ends the process.
    pub(super) fn sync_shared(&self, disk: &Disk, folder: &Path) -> std::io::Result<()> {
        let synced = self.shared.sync_folder(disk, folder);
        if let Err(error) = &synced {
            self.shared.failed_folders().insert(folder.to_owned());
            if self.is_vital_to_process() {
                let folder = folder.display();
                disk.end_process(&format!("the folder {folder} cannot be synced: {error}"));
            }
        }
        synced
    }

    /// Where the time of each sync of a file is counted.
    pub fn times(&self) -> &Histogram {
        &self.shared.times
    }

    /// Asks for early write-back of a range; nobody waits for it.
    pub fn write_back(&self, file: Arc<File>, position: u64, length: u64) {
        let mut work = self.shared.lock();
        work.write_backs.push((file, position, length));
        self.shared.wake.notify_one();
    }
}

impl Flusher {
    /// Starts the thread. How long each sync of a file takes is counted in `times`; `space` is
    /// watched while room is short.
    pub fn start(
        rocks: Arc<Rocks>,
        times: Arc<Histogram>,
        space: Arc<Space>,
    ) -> std::io::Result<Flusher> {
        let handle = FlusherHandle::new(times, space);
        let shared = Arc::clone(&handle.shared);
        let woken = Arc::downgrade(&shared);
        rocks.on_busy(move || {
            if let Some(shared) = woken.upgrade() {
                let _work = shared.lock();
                shared.wake.notify_one();
            }
        });
        let thread = std::thread::Builder::new()
            .name("felice-flusher".into())
            .spawn(move || run(&shared, &rocks))?;
        Ok(Flusher { handle, thread: Some(thread) })
    }

    /// One without a thread, that does what it is told when it is told to.
    #[cfg(test)]
    pub fn stepped(space: Arc<Space>) -> Flusher {
        Flusher { handle: FlusherHandle::new(Arc::default(), space), thread: None }
    }

    /// Syncs what was asked for, one partition after the other. Answers how many they were.
    #[cfg(test)]
    pub fn step(&self, rocks: &Rocks) -> usize {
        let mut work = self.handle.shared.lock();
        let partitions = std::mem::take(&mut work.partitions);
        work.queued.clear();
        work.write_backs.clear();
        drop(work);
        self.handle.space().look();
        partitions.iter().for_each(|partition| sync_partition(partition, rocks));
        partitions.len()
    }

    /// Where syncs are asked for.
    pub fn handle(&self) -> FlusherHandle {
        self.handle.clone()
    }

    /// Finishes what was asked for and ends the thread.
    pub fn stop(&mut self) {
        let mut work = self.handle.shared.lock();
        work.stop = true;
        drop(work);
        self.handle.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed_folders(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.failed_folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Syncs a folder of which no sync has failed.
    fn sync_folder(&self, disk: &Disk, folder: &Path) -> std::io::Result<()> {
        if self.failed_folders().contains(folder) {
            return Err(std::io::Error::other("an earlier sync of a folder failed"));
        }
        let begun = Instant::now();
        loop {
            match disk.sync_folder(folder) {
                // It was not opened, so no sync has failed.
                Err(error) if is_out_of_files(&error) && begun.elapsed() < FILE_PATIENCE => {
                    std::thread::sleep(FILE_INTERVAL);
                }
                synced => return synced,
            }
        }
    }

    /// Waits for work, and while RocksDB has some until `due` at most. Where nothing is going on
    /// the thread sleeps until somebody asks.
    fn wait(&self, rocks: &Rocks, due: Instant) -> MutexGuard<'_, Work> {
        let mut work = self.lock();
        loop {
            let is_short = self.space.is_low() && !self.space.look();
            let now = Instant::now();
            let due = rocks.is_busy().then_some(due);
            if !work.is_none(now) || due.is_some_and(|due| now >= due) {
                return work;
            }
            let look = work.looks.first_key_value().map(|((at, _), _)| *at);
            let room = is_short.then(|| now + ROOM_INTERVAL);
            work = match look.into_iter().chain(room).chain(due).min() {
                Some(next) => {
                    let waited = self.wake.wait_timeout(work, next.duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(work).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn run(shared: &Arc<Shared>, rocks: &Rocks) {
    let handle = FlusherHandle { shared: Arc::clone(shared) };
    let mut look = Instant::now() + rocks::LOOK_INTERVAL;
    loop {
        let mut work = shared.wait(rocks, look);
        let now = Instant::now();
        let looks = work.due_looks(now);
        let mut partitions = std::mem::take(&mut work.partitions);
        let write_backs = std::mem::take(&mut work.write_backs);
        work.queued.clear();
        let stop = work.stop;
        drop(work);
        if now >= look {
            rocks.look();
            look = now + rocks::LOOK_INTERVAL;
        }
        for (at, partition) in looks {
            let Some(partition) = partition.upgrade() else { continue };
            match partition.look(at, now) {
                Found::Due => partitions.push(partition),
                Found::Later(at) => handle.look_at(&partition, at),
                Found::Nothing => {}
            }
        }
        sync_group(&partitions, rocks);
        for (file, position, length) in write_backs {
            disk::start_write_back(&file, position, length);
        }
        if stop && partitions.is_empty() {
            return;
        }
    }
}

fn sync_group(partitions: &[Arc<Partition>], rocks: &Rocks) {
    let round = Round::default();
    let sync = |partition: &Arc<Partition>| sync_in_round(partition, rocks, &round);
    if partitions.len() <= 2 {
        partitions.iter().for_each(sync);
        return;
    }
    let threads = partitions[0].disk.threads_max();
    let share = partitions.len().div_ceil(threads);
    std::thread::scope(|scope| {
        for part in partitions.chunks(share) {
            let sync_part = || part.iter().for_each(sync);
            // A system that has no thread left gets its syncs all the same, one after the other.
            if std::thread::Builder::new().spawn_scoped(scope, sync_part).is_err() {
                sync_part();
            }
        }
    });
}

/// What one sync of a partition covers.
struct Covered {
    files: Vec<Arc<File>>,
    segments: Vec<Offset>,
    end_offset: Offset,
    folders: Vec<PathBuf>,
    named: Moment,
    checkpoint: Option<checkpoint::Captured>,
}

/// Syncs one partition, wakes those who waited, and stores a checkpoint if one is due.
pub fn sync_partition(partition: &Arc<Partition>, rocks: &Rocks) {
    sync_in_round(partition, rocks, &Round::default());
}

/// Syncs one of several partitions, which share what syncs of folders they need.
pub fn sync_in_round(partition: &Arc<Partition>, rocks: &Rocks, round: &Round) {
    let _turn = partition.sync_turn();
    if partition.check_online().is_err() {
        return;
    }
    let covered = {
        let mut state = partition.state();
        let segments = std::mem::take(&mut state.unsynced);
        state.force.begin_sync();
        Covered {
            files: segments.iter().filter_map(|base| state.files.get(base).cloned()).collect(),
            end_offset: state.log.end_offset(),
            folders: std::mem::take(&mut state.folders_unsynced),
            named: state.named,
            checkpoint: std::mem::take(&mut state.checkpoint_due)
                .then(|| checkpoint::capture(&mut state)),
            segments,
        }
    };
    debug_assert_eq!(covered.files.len(), covered.segments.len());
    // Where no promise is made, what was written is as good as synced.
    let is_promised = partition.durability() != Durability::None;
    let synced = match is_promised {
        true => sync_files(&covered, partition, round),
        false => Ok(()),
    };
    if let Err(error) = synced {
        if partition.is_deleted() {
            // The folder went with its topic.
            return;
        }
        partition.poison(&error);
        return;
    }
    let mut checkpoint = covered.checkpoint;
    let store = |captured| checkpoint::store(partition, rocks, captured);
    if partition.is_vital() {
        // Whoever is told that the metadata has changed may rely on a start that knows it too.
        checkpoint.take().into_iter().for_each(store);
    }
    partition.mark_synced(covered.end_offset);
    checkpoint.into_iter().for_each(store);
}

/// Syncs a folder that leads to a partition. Where it is not the topic's own, all partitions lie in
/// it.
fn sync_folder(partition: &Partition, folder: &Path) -> std::io::Result<()> {
    let flusher = partition.flusher();
    let is_own = partition.folder.ancestors().take(2).any(|own| own == folder);
    if !is_own {
        return flusher.sync_shared(&partition.disk, folder);
    }
    let synced = flusher.shared.sync_folder(&partition.disk, folder);
    if synced.is_err() && !partition.is_deleted() {
        flusher.shared.failed_folders().insert(folder.to_owned());
    }
    synced
}

fn sync_files(covered: &Covered, partition: &Partition, round: &Round) -> std::io::Result<()> {
    let (disk, times) = (&partition.disk, partition.flush_times());
    for file in &covered.files {
        let begun = Instant::now();
        disk.sync_data(file)?;
        times.observe(begun.elapsed(), 1);
    }
    for folder in &covered.folders {
        round.cover(folder, covered.named, || sync_folder(partition, folder))?;
    }
    Ok(())
}
