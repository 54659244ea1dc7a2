//! Which leader epoch a partition's offsets were written in, and where each epoch ends, as
//! OffsetForLeaderEpoch asks (KIP-101, KIP-320).
//!
//! It deliberately does not decide who leads: it records what the log's batches say, and can be
//! rebuilt from their heads.

use crate::kernel::types::{LeaderEpoch, Offset};

#[cfg(test)]
#[path = "epochs_tests.rs"]
mod tests;

/// Stands for "no epoch" in Kafka's messages.
pub const NO_EPOCH: LeaderEpoch = -1;

/// Stands for "no offset" in Kafka's messages.
pub const NO_OFFSET: Offset = -1;

/// Version byte of the encoded history.
const VERSION: u8 = 1;

/// Bytes of an encoded entry.
const ENTRY_SIZE: usize = 4 + 8;

/// Encoded history that cannot be read; the log has to be replayed instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not hold whole entries.
    #[error("leader epochs of a wrong length")]
    Length,
    /// Another format.
    #[error("leader epochs of unknown version {0}")]
    Version(u8),
    /// The bytes are damaged.
    #[error("leader epochs with a wrong CRC-32C")]
    Crc,
    /// Epochs or offsets do not grow.
    #[error("leader epochs out of order")]
    Order,
}

/// An epoch and the first offset written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The epoch, at least 0.
    pub epoch: LeaderEpoch,
    /// Offset of its first record, at least 0.
    pub start_offset: Offset,
}

/// The leader epochs of one partition's log. Epochs and start offsets grow together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<Epoch>,
}

impl LeaderEpochs {
    /// An empty log's.
    pub fn new() -> LeaderEpochs {
        LeaderEpochs::default()
    }

    /// The epochs, oldest first.
    pub fn entries(&self) -> &[Epoch] {
        &self.entries
    }

    /// The newest epoch with records.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// Notes that `epoch` begins at `start_offset`, or goes on there. Entries that contradict it
    /// are of a log that was cut since, and go. Negative values are of no epoch. Says whether
    /// anything changed.
    pub fn assign(&mut self, epoch: LeaderEpoch, start_offset: Offset) -> bool {
        if epoch < 0 || start_offset < 0 {
            return false;
        }
        if let Some(last) = self.entries.last()
            && last.epoch == epoch
            && last.start_offset <= start_offset
        {
            return false;
        }
        while self
            .entries
            .pop_if(|last| last.epoch >= epoch || last.start_offset >= start_offset)
            .is_some()
        {}
        self.entries.push(Epoch { epoch, start_offset });
        true
    }

    /// The epoch that the record at `offset` was written in.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.start_offset <= offset);
        after.checked_sub(1).map(|at| self.entries[at].epoch)
    }

    /// Answers OffsetForLeaderEpoch: the largest known epoch not above `epoch`, and the offset
    /// where it ends. (-1, -1) for an epoch above all known ones. For one below all of them the
    /// answer is itself and the start of the oldest: its records are gone from the log.
    pub fn end_offset_for(
        &self,
        epoch: LeaderEpoch,
        log_end_offset: Offset,
    ) -> (LeaderEpoch, Offset) {
        if epoch == NO_EPOCH {
            return (NO_EPOCH, NO_OFFSET);
        }
        if self.latest() == Some(epoch) {
            return (epoch, log_end_offset);
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let Some(next) = self.entries.get(above) else { return (NO_EPOCH, NO_OFFSET) };
        let known = above.checked_sub(1).map_or(epoch, |at| self.entries[at].epoch);
        (known, next.start_offset)
    }

    /// The same epochs with the beginnings that `kept` knows, which may lie before the first
    /// batches that are left of them. A history that contradicts the batches counts for nothing.
    pub fn begun_as(&self, kept: &LeaderEpochs) -> LeaderEpochs {
        let newest = kept.latest().unwrap_or(NO_EPOCH);
        let (old, new): (Vec<Epoch>, Vec<Epoch>) =
            self.entries.iter().partition(|entry| entry.epoch <= newest);
        let agrees = |entry: &Epoch| kept.epoch_of(entry.start_offset) == Some(entry.epoch);
        let last_start = kept.entries.last().map_or(NO_OFFSET, |last| last.start_offset);
        let follows = new.first().is_none_or(|entry| entry.start_offset > last_start);
        if !old.iter().all(agrees) || !follows {
            return self.clone();
        }
        LeaderEpochs { entries: kept.entries.iter().copied().chain(new).collect() }
    }

    /// Follows a log whose records below `log_start_offset` are gone: the epoch of the first
    /// record that is left begins there.
    pub fn truncate_from_start(&mut self, log_start_offset: Offset) {
        let after = self.entries.partition_point(|entry| entry.start_offset <= log_start_offset);
        let Some(at) = after.checked_sub(1) else { return };
        self.entries.drain(..at);
        self.entries[0].start_offset = log_start_offset;
    }

    /// The history as bytes, big-endian: version (u8), for each epoch: epoch (i32), start offset
    /// (i64). At the end a CRC-32C of all bytes before it (u32).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(5 + self.entries.len() * ENTRY_SIZE);
        out.push(VERSION);
        for entry in &self.entries {
            out.extend_from_slice(&entry.epoch.to_be_bytes());
            out.extend_from_slice(&entry.start_offset.to_be_bytes());
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads what `encode` wrote.
    pub fn decode(bytes: &[u8]) -> Result<LeaderEpochs, DecodeError> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(DecodeError::Length)?;
        if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return Err(DecodeError::Crc);
        }
        let (version, body) = body.split_first().ok_or(DecodeError::Length)?;
        if *version != VERSION {
            return Err(DecodeError::Version(*version));
        }
        let (chunks, []) = body.as_chunks::<ENTRY_SIZE>() else {
            return Err(DecodeError::Length);
        };
        let mut entries: Vec<Epoch> = Vec::with_capacity(chunks.len());
        for [a, b, c, d, offset @ ..] in chunks {
            let epoch = i32::from_be_bytes([*a, *b, *c, *d]);
            let start_offset = i64::from_be_bytes(*offset);
            let grows = |l: &Epoch| l.epoch < epoch && l.start_offset < start_offset;
            if epoch < 0 || start_offset < 0 || !entries.last().is_none_or(grows) {
                return Err(DecodeError::Order);
            }
            entries.push(Epoch { epoch, start_offset });
        }
        Ok(LeaderEpochs { entries })
    }
}
