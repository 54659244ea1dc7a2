//! Batches on their way into a partition, and the drain that gathers those which arrived together
//! so that each partition sees one vectored write.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::error::AppendError;
use super::partition::Partition;
use crate::kernel::batch::{BatchHeader, HEADER_SIZE};
use crate::kernel::types::{Offset, TimestampMs};

/// A validated batch. The client's bytes are never copied or re-encoded: only the header is held
/// apart, because offset and leader epoch are written into it.
pub struct Prepared {
    /// The header as parsed.
    pub header: BatchHeader,
    /// The header's bytes, ready to be patched.
    pub head: [u8; HEADER_SIZE],
    /// Everything behind the header.
    pub body: Bytes,
}

impl Prepared {
    /// Takes exactly one whole batch whose header was parsed from it.
    pub fn new(header: BatchHeader, batch: Bytes) -> Prepared {
        let mut head = [0u8; HEADER_SIZE];
        head.copy_from_slice(&batch[..HEADER_SIZE]);
        Prepared { header, head, body: batch.slice(HEADER_SIZE..header.total_size()) }
    }
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset after its last record: what must be durable before `acks=all` is answered.
    pub end_offset: Offset,
    /// First readable offset of the partition at that moment.
    pub log_start_offset: Offset,
    /// The timestamp it was stored with earlier, if this batch is a duplicate.
    pub duplicate_of: Option<TimestampMs>,
}

/// Result of an append.
pub type AppendResult = Result<Appended, AppendError>;

struct Staged {
    partition: Arc<Partition>,
    batch: Prepared,
    is_awaited: bool,
    done: oneshot::Sender<AppendResult>,
}

/// Batches staged by the requests of one connection that arrived together.
#[derive(Default)]
pub struct Drain {
    staged: Mutex<Vec<Staged>>,
}

impl Drain {
    /// Queues a batch behind those staged before it. Its result follows when the drain commits.
    /// `is_awaited` says that somebody will wait until it is durable: the sync begins with the
    /// commit, so that those of several partitions run side by side.
    pub fn stage(
        &self,
        partition: Arc<Partition>,
        batch: Prepared,
        is_awaited: bool,
    ) -> oneshot::Receiver<AppendResult> {
        let (done, result) = oneshot::channel();
        self.lock().push(Staged { partition, batch, is_awaited, done });
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Staged>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends everything staged, one write per partition, in the order it was staged.
    pub fn commit(&self, now: TimestampMs) {
        let mut staged = std::mem::take(&mut *self.lock());
        // The sort is stable: batches of one partition keep the order they were staged in.
        staged.sort_by_key(|entry| Arc::as_ptr(&entry.partition) as usize);
        let mut staged = staged.into_iter().peekable();
        while let Some(first) = staged.next() {
            let partition = first.partition;
            let (mut batches, mut answers) = (vec![first.batch], vec![first.done]);
            let mut is_awaited = first.is_awaited;
            while let Some(next) = staged.next_if(|next| Arc::ptr_eq(&next.partition, &partition)) {
                batches.push(next.batch);
                answers.push(next.done);
                is_awaited |= next.is_awaited;
            }
            for (done, result) in answers.into_iter().zip(partition.append(&mut batches, now)) {
                // A receiver that is gone belongs to a closed connection: nobody waits.
                let _ = done.send(result);
            }
            if is_awaited {
                partition.ask_sync();
            }
        }
    }
}
