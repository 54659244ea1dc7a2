//! The one thread per data directory that waits for the disk. It groups syncs: at most one is in
//! flight per partition, and everything that arrived meanwhile shares the next. Checkpoints are
//! its work too, because only it knows what is on disk.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::checkpoint;
use super::disk::{self, Disk, File};
use super::partition::Partition;
use super::rocks::Rocks;
use crate::kernel::types::Offset;
use crate::metrics::histogram::Histogram;

/// Most threads that sync files at the same time: journal commits coalesce.
const SYNC_THREADS_MAX: usize = 8;

#[derive(Default)]
struct Work {
    partitions: Vec<Arc<Partition>>,
    queued: HashSet<usize>,
    write_backs: Vec<(Arc<File>, u64, u64)>,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    work: Mutex<Work>,
    wake: Condvar,
    times: Arc<Histogram>,
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
    /// Asks for a sync of everything the partition has appended so far.
    pub fn sync(&self, partition: Arc<Partition>) {
        let mut work = self.shared.work.lock().unwrap_or_else(PoisonError::into_inner);
        if work.queued.insert(Arc::as_ptr(&partition) as usize) {
            work.partitions.push(partition);
            self.shared.wake.notify_one();
        }
    }

    /// Where the time of each sync of a file is counted.
    pub fn times(&self) -> &Histogram {
        &self.shared.times
    }

    /// Asks for early write-back of a range; nobody waits for it.
    pub fn write_back(&self, file: Arc<File>, position: u64, length: u64) {
        let mut work = self.shared.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.write_backs.push((file, position, length));
        self.shared.wake.notify_one();
    }
}

impl Flusher {
    /// Starts the thread. How long each sync of a file takes is counted in `times`.
    pub fn start(rocks: Arc<Rocks>, times: Arc<Histogram>) -> std::io::Result<Flusher> {
        let handle = FlusherHandle { shared: Arc::new(Shared { times, ..Shared::default() }) };
        let shared = Arc::clone(&handle.shared);
        let thread = std::thread::Builder::new()
            .name("felice-flusher".into())
            .spawn(move || run(&shared, &rocks))?;
        Ok(Flusher { handle, thread: Some(thread) })
    }

    /// Where syncs are asked for.
    pub fn handle(&self) -> FlusherHandle {
        self.handle.clone()
    }

    /// Finishes what was asked for and ends the thread.
    pub fn stop(&mut self) {
        let mut work = self.handle.shared.work.lock().unwrap_or_else(PoisonError::into_inner);
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

fn run(shared: &Shared, rocks: &Rocks) {
    loop {
        let mut work = shared.work.lock().unwrap_or_else(PoisonError::into_inner);
        while work.partitions.is_empty() && work.write_backs.is_empty() && !work.stop {
            work = shared.wake.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
        let partitions = std::mem::take(&mut work.partitions);
        let write_backs = std::mem::take(&mut work.write_backs);
        work.queued.clear();
        let stop = work.stop;
        drop(work);
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
    if partitions.len() <= 2 {
        partitions.iter().for_each(|partition| sync_partition(partition, rocks));
        return;
    }
    let share = partitions.len().div_ceil(SYNC_THREADS_MAX);
    std::thread::scope(|scope| {
        for part in partitions.chunks(share) {
            let sync_part = || part.iter().for_each(|partition| sync_partition(partition, rocks));
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
    checkpoint: Option<checkpoint::Captured>,
}

/// Syncs one partition, wakes those who waited, and stores a checkpoint if one is due.
pub fn sync_partition(partition: &Arc<Partition>, rocks: &Rocks) {
    let _turn = partition.sync_turn();
    if partition.check_online().is_err() {
        return;
    }
    let covered = {
        let mut state = partition.state();
        let segments = std::mem::take(&mut state.unsynced);
        Covered {
            files: segments.iter().filter_map(|base| state.files.get(base).cloned()).collect(),
            end_offset: state.log.end_offset(),
            folders: std::mem::take(&mut state.folders_unsynced),
            checkpoint: std::mem::take(&mut state.checkpoint_due)
                .then(|| checkpoint::capture(&mut state)),
            segments,
        }
    };
    debug_assert_eq!(covered.files.len(), covered.segments.len());
    if let Err(error) = sync_files(&covered, &partition.disk, partition.flush_times()) {
        if partition.is_deleted() {
            // The folder went with its topic.
            return;
        }
        partition.poison(&error);
        return;
    }
    partition.mark_synced(covered.end_offset);
    if let Some(captured) = covered.checkpoint {
        checkpoint::store(partition, rocks, captured);
    }
}

fn sync_files(covered: &Covered, disk: &Disk, times: &Histogram) -> std::io::Result<()> {
    for file in &covered.files {
        let begun = Instant::now();
        disk.sync_data(file)?;
        times.observe(begun.elapsed(), 1);
    }
    for folder in &covered.folders {
        disk.sync_folder(folder)?;
    }
    Ok(())
}
