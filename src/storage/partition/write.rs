//! Writing to a partition: appends in order, one vectored write per segment, and what becomes of
//! them if there is no room. Deliberately waits for no disk: that is the flusher's business.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::{Durability, Partition, State, first_undecided};
use crate::kernel::batch::{self, HEADER_SIZE};
use crate::kernel::log::Judgement;
use crate::kernel::log::producers::Error as ProducerError;
use crate::kernel::types::{Offset, TimestampMs};
use crate::storage::append::{AppendResult, Appended, Prepared};
use crate::storage::disk::{self, File, is_out_of_files};
use crate::storage::error::{AppendError, StorageError};
use crate::storage::folders::Moment;
use crate::storage::{layout, space};

/// Bytes written since write-back was last asked for that make it worth asking again.
const WRITE_BACK_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes in the active segment since the last checkpoint that make another one worth storing: so
/// much is read again after a crash.
const CHECKPOINT_BYTES: u64 = 128 * 1024 * 1024;

impl Partition {
    /// Appends batches in order with one vectored write per segment. The order is fixed and the
    /// records can be read when this returns; use [`Partition::durable`] to wait for the disk.
    pub fn append(
        self: &Arc<Self>,
        batches: &mut [Prepared],
        now: TimestampMs,
    ) -> Vec<AppendResult> {
        let refused = |batches: &[Prepared], error: StorageError| -> Vec<AppendResult> {
            batches.iter().map(|_| Err(error.clone().into())).collect()
        };
        let size = batches.iter().map(|batch| batch.header.total_size()).sum();
        if let Err(error) = self.check_room(size) {
            return refused(batches, error);
        }
        let mut state = self.state();
        // Under the mutex: nothing is appended behind a failed write or into a removed folder.
        if let Err(error) = self.check_online() {
            return refused(batches, error);
        }
        let start_offset = state.log.end_offset();
        let State { undo, log, .. } = &mut *state;
        undo.begin(log);
        let (results, bytes, written) = self.append_ordered(&mut state, batches, now);
        let end_offset = state.log.end_offset();
        if let Err(error) = written {
            return refused(batches, self.fail(&mut state, error));
        }
        self.first_undecided.store(first_undecided(&state.log), Ordering::Release);
        self.high_watermark.store(end_offset, Ordering::Release);
        let grown = state.log.active().size.saturating_sub(state.checkpointed_size);
        state.checkpoint_due |= grown >= CHECKPOINT_BYTES;
        let mut sync = state.checkpoint_due;
        if bytes > 0 {
            let forced = state.force.append(end_offset.saturating_sub(self.synced_offset()));
            if forced.is_forced {
                self.forced.store(end_offset, Ordering::Release);
                sync = true;
            }
            if let Some(look) = forced.look {
                self.flusher.look_at(self, look);
            }
        }
        drop(state);
        if sync {
            self.flusher.sync(Arc::clone(self));
        }
        if bytes > 0 {
            let messages = end_offset.saturating_sub(start_offset).unsigned_abs();
            self.traffic.add_in(messages, bytes as u64);
            self.traffic_of_all.add_in(messages, bytes as u64);
            self.fetch_waiters.count(bytes as i64);
        }
        results
    }

    fn append_ordered(
        &self,
        state: &mut State,
        batches: &mut [Prepared],
        now: TimestampMs,
    ) -> (Vec<AppendResult>, usize, std::io::Result<()>) {
        let mut results = Vec::with_capacity(batches.len());
        let mut pending = Pending { first: 0, position: state.log.active().size, bytes: 0 };
        let mut total = 0;
        // Indexes of the batches that are really written, in order.
        let mut accepted: Vec<usize> = Vec::with_capacity(batches.len());
        for at in 0..batches.len() {
            let batch = &mut batches[at];
            let (base_offset, roll) = match self.judge(state, batch, now) {
                Ok(placed) => placed,
                Err(answer) => {
                    results.push(answer);
                    continue;
                }
            };
            if roll {
                let written = self.write(state, batches, &accepted, &pending);
                if let Err(error) = written.and_then(|()| self.trim(state)) {
                    return (results, total, Err(error));
                }
                state.log.roll();
                state.checkpoint_due = true;
                state.checkpointed_size = 0;
                pending = Pending { first: accepted.len(), position: 0, bytes: 0 };
            }
            let batch = &mut batches[at];
            self.assign(batch, base_offset);
            let State { undo, log, .. } = &mut *state;
            undo.note(log, &batch.header);
            log.append(&batch.header, now);
            if batch.header.is_control() {
                log.learn_marker(&batch.header, &[&batch.head[..], &batch.body[..]].concat());
            }
            accepted.push(at);
            pending.bytes += batch.header.total_size();
            total += batch.header.total_size();
            results.push(Ok(Appended {
                base_offset,
                end_offset: batch.header.last_offset() + 1,
                log_start_offset: state.log.log_start_offset,
                duplicate_of: None,
            }));
        }
        let written = self.write(state, batches, &accepted, &pending);
        (results, total, written)
    }

    /// Where a batch goes, or the answer that needs no write.
    fn judge(
        &self,
        state: &State,
        batch: &Prepared,
        now: TimestampMs,
    ) -> Result<(Offset, bool), AppendResult> {
        if batch.header.total_size() as u64 > state.log.limits.segment_bytes {
            return Err(Err(AppendError::RecordListTooLarge));
        }
        match state.log.judge(&batch.header, now) {
            Judgement::Append { base_offset, roll } => Ok((base_offset, roll)),
            Judgement::Duplicate { base_offset, timestamp } => Err(Ok(Appended {
                base_offset,
                // The original may not be on disk yet: wait for all that is there.
                end_offset: state.log.end_offset(),
                log_start_offset: state.log.log_start_offset,
                duplicate_of: Some(timestamp),
            })),
            Judgement::Reject(ProducerError::OutOfOrderSequence { .. }) => {
                Err(Err(AppendError::OutOfOrderSequence))
            }
            Judgement::Reject(ProducerError::InvalidProducerEpoch { .. }) => {
                Err(Err(AppendError::InvalidProducerEpoch))
            }
        }
    }

    fn assign(&self, batch: &mut Prepared, base_offset: Offset) {
        batch.header.base_offset = base_offset;
        batch.header.leader_epoch = self.leader_epoch();
        batch::set_base_offset(&mut batch.head, base_offset);
        batch::set_leader_epoch(&mut batch.head, batch.header.leader_epoch);
    }

    fn write(
        &self,
        state: &mut State,
        batches: &[Prepared],
        accepted: &[usize],
        pending: &Pending,
    ) -> std::io::Result<()> {
        if pending.bytes == 0 {
            return Ok(());
        }
        let file = self.active_file(state)?;
        let mut pieces: Vec<&[u8]> = Vec::with_capacity(2 * (accepted.len() - pending.first));
        for at in &accepted[pending.first..] {
            debug_assert_eq!(batches[*at].head.len(), HEADER_SIZE);
            pieces.push(&batches[*at].head);
            if !batches[*at].body.is_empty() {
                pieces.push(&batches[*at].body);
            }
        }
        self.disk.write_all_at(&file, &pieces, pending.position)?;
        let base_offset = state.log.active().base_offset;
        if state.unsynced.last() != Some(&base_offset) {
            state.unsynced.push(base_offset);
        }
        self.pace_write_back(state, &file, pending.position + pending.bytes as u64);
        Ok(())
    }

    /// Keeps dirty data small, so that a sync has little left to do. Where nobody waits for syncs
    /// the kernel writes back when it sees fit.
    fn pace_write_back(&self, state: &mut State, file: &Arc<File>, end: u64) {
        if state.write_back_from > end {
            state.write_back_from = 0;
        }
        let length = end - state.write_back_from;
        if length >= WRITE_BACK_BYTES && self.durability == Durability::Fsync {
            self.flusher.write_back(Arc::clone(file), state.write_back_from, length);
            state.write_back_from = end;
        }
    }

    pub(super) fn active_file(&self, state: &mut State) -> std::io::Result<Arc<File>> {
        let base_offset = state.log.active().base_offset;
        self.is_used.store(true, Ordering::Relaxed);
        if let Some(file) = state.files.get(&base_offset) {
            return Ok(Arc::clone(file));
        }
        let is_first = state.files.is_empty();
        if is_first {
            // What the broker keeps for itself is let in as long as the system has one.
            if !self.is_vital && !self.open_files.admits() {
                return Err(disk::out_of_files());
            }
            self.disk.create_folder(&self.folder)?;
        }
        let path = layout::segment_file(&self.folder, base_offset);
        let file = match self.disk.open_segment(&path) {
            Err(error) if is_out_of_files(&error) && self.open_files.make_room() => {
                self.disk.open_segment(&path)?
            }
            opened => opened?,
        };
        // One that holds records was there before, under names that were synced with them.
        let is_new = self.disk.file_size(&file)? == 0;
        if is_new {
            state.folders_unsynced.extend(layout::folders_to(&self.folder));
            state.named = Moment::next();
        }
        let file = Arc::new(file);
        let config = self.config();
        if config.preallocate && is_new {
            // Behind the end of the file, so that a reader or a restart sees nothing of it. Where
            // that is not possible the file grows as any other.
            let _ = self.disk.allocate_behind(&file, 0, u64::from(config.segment_bytes));
        }
        state.files.insert(base_offset, Arc::clone(&file));
        if is_first {
            self.open_files.opened(Weak::clone(&self.own));
        }
        Ok(file)
    }

    /// Gives back what was preallocated for the active segment and not used.
    fn trim(&self, state: &mut State) -> std::io::Result<()> {
        let size = state.log.active().size;
        match size > 0 && self.config().preallocate {
            true => self.disk.set_size(&*self.active_file(state)?, size),
            false => Ok(()),
        }
    }

    /// Closes the active segment and starts the next one, on disk too: when the older segments go,
    /// the empty file is all that tells a restart where the log continues. Where there is no room
    /// nothing has happened; any other failure takes the partition offline.
    pub fn roll(&self, state: &mut State) -> std::io::Result<()> {
        let trimmed = self.trim(state);
        let State { undo, log, .. } = &mut *state;
        undo.begin(log);
        log.roll();
        let opened = trimmed.and_then(|()| self.active_file(state));
        let rolled = opened.and_then(|_| self.disk.sync_folder(&self.folder));
        match rolled {
            Ok(()) => {
                state.checkpoint_due = true;
                state.checkpointed_size = 0;
                Ok(())
            }
            Err(error) => {
                let told = std::io::Error::new(error.kind(), error.to_string());
                self.fail(state, error);
                Err(told)
            }
        }
    }

    /// What a failed write means: no room, or no file that could be opened, undoes the append, as
    /// if nobody had asked for it; after anything else nobody knows what the file holds.
    fn fail(&self, state: &mut State, error: std::io::Error) -> StorageError {
        if space::is_full(&error) {
            self.flusher.ran_out_of_space();
            match self.undo(state) {
                Ok(()) => return StorageError::Full,
                Err(error) => self.poison(&error),
            }
        } else if is_out_of_files(&error) {
            match self.undo(state) {
                Ok(()) => return error.into(),
                Err(error) => self.poison(&error),
            }
        }
        self.poison(&error);
        StorageError::Poisoned
    }

    /// Cuts the files back to what they were before the append, and the log with them.
    fn undo(&self, state: &mut State) -> std::io::Result<()> {
        let (base_offset, size) = state.undo.active();
        let State { undo, log, .. } = &mut *state;
        for gone in undo.apply(log) {
            state.forget_file(gone);
            match self.disk.remove_file(&layout::segment_file(&self.folder, gone)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        state.checkpointed_size = state.checkpointed_size.min(size);
        state.write_back_from = state.write_back_from.min(size);
        let Some(file) = state.files.get(&base_offset) else { return Ok(()) };
        self.disk.set_size(file, size)?;
        // Only what is seen to be as it was may go on.
        match self.disk.file_size(file)? == size {
            true => Ok(()),
            false => Err(std::io::Error::other("the file cannot be cut back")),
        }
    }
}

/// The part of an append that waits for the next write.
struct Pending {
    /// First of the accepted batches that is not written.
    first: usize,
    /// Where it goes in the active segment.
    position: u64,
    /// Bytes of all of them.
    bytes: usize,
}
