//! How many segments are kept open to be written: each partition would keep one, and there may be
//! more partitions than a process may have files. The one that was not used for longest goes first,
//! once all that it holds is on disk; until then appends that need another one are refused, so that
//! there are files left for the syncs. Deliberately counts no readers: their files are as many as
//! the answers that are on their way.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::disk;
use super::partition::Partition;

/// Partitions that are looked at when one more file is opened. Those in use are passed over, so
/// this bounds how long an append may search.
const LOOKS_MAX: usize = 32;

/// Part of all files that this process may open.
const SHARE: u64 = 2;

/// Files that are left to RocksDB, folders that are synced, readers and the last connections, where
/// there are so many.
const OTHERS: u64 = 128;

/// Part of all files that segments get at least.
const SHARE_MIN: u64 = 4;

/// The open segments of all partitions, oldest first.
pub struct OpenFiles {
    /// So many are kept.
    max: usize,
    /// So many there are at most.
    most: usize,
    open: Mutex<VecDeque<Weak<Partition>>>,
}

impl Default for OpenFiles {
    /// As many as half of what the system allows this process.
    fn default() -> OpenFiles {
        let all = disk::open_files_max();
        let most = all.saturating_sub(OTHERS).max(all / SHARE_MIN);
        OpenFiles::new((all / SHARE).min(most) as usize, most as usize)
    }
}

impl OpenFiles {
    /// At most `max` are kept, as far as they are not in use, and never more than `most`.
    pub fn new(max: usize, most: usize) -> OpenFiles {
        OpenFiles { max, most, open: Mutex::default() }
    }

    /// Whether there may be one more, in the place of another if need be.
    pub fn admits(&self) -> bool {
        self.lock().len() < self.most || self.make_room()
    }

    /// A partition has opened the file that it writes to.
    pub fn opened(&self, partition: Weak<Partition>) {
        let mut open = self.lock();
        open.push_back(partition);
        for _ in 0..LOOKS_MAX.min(open.len()) {
            if open.len() <= self.max {
                return;
            }
            close_oldest(&mut open);
        }
    }

    /// The system has no file left: closes one, if there is one that can be spared.
    pub fn make_room(&self) -> bool {
        let mut open = self.lock();
        // All that were just used get their second chance, and then the oldest goes all the same.
        (0..2 * open.len()).any(|_| close_oldest(&mut open))
    }

    /// Forgets partitions that are gone: their places keep their memory.
    pub fn forget_removed(&self) {
        let mut open = self.lock();
        open.retain(|partition| partition.strong_count() > 0);
        open.shrink_to_fit();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Weak<Partition>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the oldest, or puts it behind all others.
fn close_oldest(open: &mut VecDeque<Weak<Partition>>) -> bool {
    let Some(oldest) = open.pop_front() else { return false };
    let Some(partition) = oldest.upgrade() else { return true };
    let is_closed = partition.close_idle();
    if !is_closed {
        open.push_back(oldest);
    }
    is_closed
}
