//! What can go wrong in storage, as far as callers tell it apart.

use std::sync::Arc;

/// A storage operation failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// An earlier write or sync of this partition failed; nothing more is accepted.
    #[error("partition is offline after a failed write")]
    Poisoned,
    /// There is no room on the disk; nothing was written. It passes.
    #[error("the disk is full; try again when there is room")]
    Full,
    /// The operating system refused.
    #[error("{0}")]
    Io(Arc<std::io::Error>),
    /// The partition's topic was deleted.
    #[error("partition was deleted")]
    Deleted,
}

impl From<std::io::Error> for StorageError {
    fn from(error: std::io::Error) -> Self {
        StorageError::Io(Arc::new(error))
    }
}

/// A read failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset lies before the log's start or behind its end.
    #[error("offset out of range")]
    OffsetOutOfRange,
    /// The bytes on disk are not what was written.
    #[error("corrupt batch")]
    Corrupt,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        ReadError::Storage(error.into())
    }
}

/// An append was refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// An idempotent producer skipped or repeated a sequence number.
    #[error("out of order sequence number")]
    OutOfOrderSequence,
    /// The producer was fenced by a newer epoch.
    #[error("invalid producer epoch")]
    InvalidProducerEpoch,
    /// The batch is larger than a segment may be.
    #[error("batch is larger than segment.bytes")]
    RecordListTooLarge,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Records cannot be deleted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeletionError {
    /// The offset lies behind the high watermark, or nowhere.
    #[error("offset out of range")]
    OffsetOutOfRange,
    /// `cleanup.policy` is `compact` alone: the topic keeps the last record of each key.
    #[error("a compacted topic keeps its records")]
    CompactedOnly,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
