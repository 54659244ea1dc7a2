//! Those who wait for a partition: fetches for more records, answers for the disk. Deliberately
//! knows neither log nor files; whoever moves the log tells it how far things are.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::error::StorageError;
use crate::kernel::types::Offset;

/// Someone who waits for new records, in one partition or several.
pub struct FetchWaiter {
    wanted: AtomicI64,
    wake: Notify,
}

impl FetchWaiter {
    /// Waits for `bytes` more bytes.
    pub fn new(bytes: i64) -> Arc<FetchWaiter> {
        Arc::new(FetchWaiter { wanted: AtomicI64::new(bytes), wake: Notify::new() })
    }

    /// Counts bytes that can now be read; wakes once there are enough.
    pub fn add(&self, bytes: i64) {
        if self.wanted.fetch_sub(bytes, Ordering::AcqRel) <= bytes {
            self.wake.notify_one();
        }
    }

    /// Sets how many more bytes are wanted.
    pub fn want(&self, bytes: i64) {
        self.wanted.store(bytes, Ordering::Release);
    }

    /// Completes when enough bytes have been counted, or at once if they were before.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}

/// The fetches that wait for one partition.
#[derive(Default)]
pub(super) struct Fetches(Mutex<Vec<Arc<FetchWaiter>>>);

impl Fetches {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<FetchWaiter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, waiter: &Arc<FetchWaiter>) {
        self.lock().push(Arc::clone(waiter));
    }

    pub(super) fn remove(&self, waiter: &Arc<FetchWaiter>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, waiter));
    }

    /// Tells all of them that so many bytes more can be read.
    pub(super) fn count(&self, bytes: i64) {
        for waiter in self.lock().iter() {
            waiter.add(bytes);
        }
    }
}

struct SyncWaiter {
    end_offset: Offset,
    done: oneshot::Sender<Result<(), StorageError>>,
}

/// The answers that wait until one partition is on disk up to an offset.
#[derive(Default)]
pub(super) struct Syncs(Mutex<Vec<SyncWaiter>>);

impl Syncs {
    fn lock(&self) -> MutexGuard<'_, Vec<SyncWaiter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers one that waits for everything below `end_offset`, unless `check` fails, which is
    /// asked under the lock that failing takes too: nobody waits for ever.
    pub(super) fn add(
        &self,
        end_offset: Offset,
        check: impl FnOnce() -> Result<(), StorageError>,
    ) -> Result<oneshot::Receiver<Result<(), StorageError>>, StorageError> {
        let (done, result) = oneshot::channel();
        let mut waiters = self.lock();
        check()?;
        waiters.push(SyncWaiter { end_offset, done });
        Ok(result)
    }

    /// Everything below `end_offset` is on disk.
    pub(super) fn reached(&self, end_offset: Offset) {
        let mut waiters = self.lock();
        let mut at = 0;
        while at < waiters.len() {
            if waiters[at].end_offset <= end_offset {
                // A receiver that is gone belongs to a closed connection.
                let _ = waiters.swap_remove(at).done.send(Ok(()));
            } else {
                at += 1;
            }
        }
    }

    /// Nothing more will be on disk.
    pub(super) fn fail(&self, error: &StorageError) {
        for waiter in self.lock().drain(..) {
            let _ = waiter.done.send(Err(error.clone()));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }
}
