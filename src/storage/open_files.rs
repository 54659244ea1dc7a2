//! How many segments are kept open to be written: each partition would keep one, and there may be
//! more partitions than a process may have files. The one that was not used for longest goes first,
//! once all that it holds is on disk. Deliberately counts no readers: their files are as many as
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

/// The open segments of all partitions, oldest first.
pub struct OpenFiles {
    max: usize,
    open: Mutex<VecDeque<Weak<Partition>>>,
}

impl Default for OpenFiles {
    /// As many as half of what the system allows this process.
    fn default() -> OpenFiles {
        OpenFiles::new((disk::open_files_max() / SHARE) as usize)
    }
}

impl OpenFiles {
    /// At most so many, as far as they are not in use.
    pub fn new(max: usize) -> OpenFiles {
        OpenFiles { max, open: Mutex::default() }
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
        (0..open.len()).any(|_| close_oldest(&mut open))
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
