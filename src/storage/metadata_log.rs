//! The metadata log `__cluster_metadata-0` and its snapshots, in Kafka's KRaft formats. Commits
//! are appended and synced here; what they mean is the kernel's matter. The image is always the
//! newest snapshot plus the records behind it, so RocksDB holds no copy.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::append::Prepared;
use super::disk::{Disk, Entry};
use super::error::{AppendError, ReadError, StorageError};
use super::index::Indexes;
use super::layout;
use super::partition::Partition;
use super::partitions::Partitions;
use super::reader;
use crate::kernel::batch::{self, BatchBuilder, BatchHeader};
use crate::kernel::log::retention;
use crate::kernel::meta::{Image, Record};
use crate::kernel::records;
use crate::kernel::types::{Offset, TimestampMs, Uuid};

/// The topic ID Kafka gives the metadata log.
pub const TOPIC_ID: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// Size of its segments, as in Kafka.
pub const SEGMENT_BYTES: u32 = 1 << 30;
/// The leader epoch of a log that has only ever had one writer.
pub const LEADER_EPOCH: i32 = 1;
/// Most records in one batch, as in Kafka.
const BATCH_RECORDS_MAX: usize = 10_000;
/// Metadata records are written uncompressed; this bounds reading foreign ones.
const DECOMPRESSED_MAX: usize = 64 * 1024 * 1024;
const SNAPSHOT_HEADER: i16 = 3;
const SNAPSHOT_FOOTER: i16 = 4;

/// The metadata log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A record is not what it should be.
    #[error("the metadata log {0} is damaged: {1}")]
    Damaged(PathBuf, String),
    /// The storage failed.
    #[error(
        "the metadata log cannot be read: {0}. `felice log check` tells where it is damaged; \
         nothing is served without it, so restore it from a copy"
    )]
    Read(#[from] ReadError),
    /// The operating system refused.
    #[error("the metadata log cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// The open metadata log.
pub struct MetadataLog {
    partition: Arc<Partition>,
    removed_topics: Vec<Uuid>,
    /// Bytes of log behind the newest snapshot.
    bytes_since_snapshot: AtomicU64,
}

impl MetadataLog {
    /// Folds the newest snapshot and the log behind it into an image.
    pub fn open(
        partition: Arc<Partition>,
        indexes: &Indexes,
    ) -> Result<(MetadataLog, Image), Error> {
        let mut image = newest_snapshot(&partition.disk, &partition.folder)?;
        let damaged = |reason: String| Error::Damaged(partition.folder.clone(), reason);
        let start = partition.log_start_offset();
        if start > image.revision + 1 {
            let reason = format!("records {} to {} are missing", image.revision + 1, start - 1);
            return Err(damaged(reason));
        }
        let (mut failure, mut removed_topics) = (None, Vec::new());
        reader::replay(&partition, indexes, image.revision + 1, |header, bytes| {
            if failure.is_none() {
                failure = fold(&mut image, header, bytes, &mut removed_topics).err();
            }
            Ok(())
        })?;
        if let Some(reason) = failure {
            return Err(damaged(reason));
        }
        // A removal inside an aborted transaction never took effect.
        removed_topics.retain(|id| image.topic_by_id(id).is_none());
        let bytes_since_snapshot = AtomicU64::new(partition.state().log.size());
        Ok((MetadataLog { partition, removed_topics, bytes_since_snapshot }, image))
    }

    /// Topics whose removal stands in the log behind the newest snapshot: a stop right after it
    /// may have left their files.
    pub fn removed_topics(&self) -> &[Uuid] {
        &self.removed_topics
    }

    /// Ends a change that a crash cut short: a log that ends inside a transaction takes nothing
    /// else. What the transaction had begun never took effect.
    pub async fn abort_unfinished(
        &self,
        image: &mut Image,
        now: TimestampMs,
    ) -> Result<(), StorageError> {
        if !image.in_transaction() {
            return Ok(());
        }
        let abort = Record::AbortTransaction { reason: Some("the broker was stopped".into()) };
        image.revision = self.commit(std::slice::from_ref(&abort), now).await?;
        image.apply(&abort).expect("a transaction is open");
        Ok(())
    }

    /// Appends records and waits until they are on disk. Returns the offset of the last one.
    pub async fn commit(
        &self,
        records: &[Record],
        now: TimestampMs,
    ) -> Result<Offset, StorageError> {
        let mut batches = Vec::new();
        for records in records.chunks(BATCH_RECORDS_MAX) {
            let bytes = batch_of(records, now);
            let header = BatchHeader::parse(&bytes).map_err(|_| StorageError::Poisoned)?;
            self.bytes_since_snapshot.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            batches.push(Prepared::new(header, bytes));
        }
        // All of them or, on a full disk, none.
        let end = match self.partition.append(&mut batches, now).pop() {
            Some(Ok(appended)) => appended.end_offset,
            Some(Err(AppendError::Storage(error))) => return Err(error),
            _ => return Err(StorageError::Poisoned),
        };
        // A start that knows how far the log was durable does not take damage for a torn end.
        self.partition.checkpoint_with_sync();
        self.partition.durable(end).await?;
        Ok(end - 1)
    }

    /// Whether the log has outgrown `bytes_max` since the newest snapshot.
    pub fn is_snapshot_due(&self, bytes_max: u64) -> bool {
        self.bytes_since_snapshot.load(Ordering::Relaxed) >= bytes_max
    }

    /// Writes a snapshot of `image` and drops the log and the snapshots before it. Waits for the
    /// device. Nothing may be committed meanwhile.
    pub fn snapshot(
        &self,
        image: &Image,
        partitions: &Partitions,
        now: TimestampMs,
    ) -> io::Result<()> {
        // Deleted topics stand in what is dropped, and nowhere else.
        partitions.settle_deleted()?;
        let disk = &self.partition.disk;
        let end = image.revision + 1;
        let path = self.partition.folder.join(format!("{end:020}-{LEADER_EPOCH:010}.checkpoint"));
        disk.replace_file(&path, &snapshot_bytes(image, now))
            .inspect_err(|error| self.partition.poison_unless_it_passes(error))?;
        let removed = {
            let mut state = self.partition.state();
            if state.log.end_offset() != end || state.log.active().size == 0 {
                Vec::new()
            } else {
                self.partition.roll(&mut state)?;
                let closed = state.log.segments.len() - 1;
                let removed = retention::remove_oldest(&mut state.log, closed);
                state.unsynced.retain(|base| !removed.contains(base));
                removed.iter().for_each(|base| drop(state.files.remove(base)));
                state.checkpoint_due = true;
                removed
            }
        };
        self.partition.publish_log_start(end);
        // The checkpoint must not name removed files; one that does is ignored at start.
        super::flusher::sync_partition(&self.partition, partitions.rocks());
        for base in removed {
            disk.remove_file(&layout::segment_file(&self.partition.folder, base))?;
        }
        for (offset, older) in snapshots(disk, &self.partition.folder)? {
            if offset < end {
                disk.remove_file(&older)?;
            }
        }
        self.bytes_since_snapshot.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// The log as a partition, for the flusher and for shutdown.
    pub fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }
}

fn batch_of(records: &[Record], now: TimestampMs) -> bytes::Bytes {
    let mut builder = BatchBuilder::new();
    for record in records {
        builder.append(now, None, Some(&record.encode()), &[]);
    }
    builder.build()
}

fn fold(
    image: &mut Image,
    header: &BatchHeader,
    bytes: &[u8],
    removed_topics: &mut Vec<Uuid>,
) -> Result<(), String> {
    if header.is_control() {
        image.revision = header.last_offset();
        return Ok(());
    }
    for item in records::read_records(bytes, DECOMPRESSED_MAX) {
        let item = item.map_err(|error| error.to_string())?;
        if item.offset <= image.revision {
            continue;
        }
        let value = item.value.ok_or("a record has no value")?;
        let record = Record::decode(&value).map_err(|error| error.to_string())?;
        image.apply(&record).map_err(|error| format!("offset {}: {error}", item.offset))?;
        image.revision = item.offset;
        if let Record::RemoveTopic { topic_id } = record {
            removed_topics.push(topic_id);
        }
    }
    Ok(())
}

/// Snapshot files with the offset behind their last record.
fn snapshots(disk: &Disk, folder: &Path) -> io::Result<Vec<(Offset, PathBuf)>> {
    let mut found = Vec::new();
    for Entry { name, path } in disk.list(folder)? {
        let offset = name.strip_suffix(".checkpoint").and_then(|name| name.split_once('-'));
        if let Some(Ok(offset)) = offset.map(|(offset, _)| offset.parse()) {
            found.push((offset, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn newest_snapshot(disk: &Disk, folder: &Path) -> Result<Image, Error> {
    let Some((end, path)) = snapshots(disk, folder)?.pop() else {
        return Ok(Image::default());
    };
    let damaged = |reason: String| Error::Damaged(path.clone(), reason);
    let bytes = disk.read_file(&path)?;
    let mut image = Image::default();
    let mut whole = 0;
    let mut footer = false;
    for item in batch::batches(&bytes) {
        let (header, batch) = item.map_err(|error| damaged(error.to_string()))?;
        batch::check_crc(&header, batch).map_err(|error| damaged(error.to_string()))?;
        footer = header.is_control();
        fold(&mut image, &header, batch, &mut Vec::new()).map_err(damaged)?;
        whole += batch.len();
    }
    if whole != bytes.len() || !footer {
        return Err(damaged("it ends too early".to_owned()));
    }
    image.revision = end - 1;
    Ok(image)
}

fn snapshot_bytes(image: &Image, now: TimestampMs) -> Vec<u8> {
    let records = image.to_records();
    // SnapshotHeaderRecord: version 0, last contained log timestamp, no tags. The footer has only
    // its version and no tags.
    let mut header = vec![0, 0];
    header.extend_from_slice(&now.to_be_bytes());
    header.push(0);
    let mut batches = vec![control(SNAPSHOT_HEADER, &header, now)];
    batches.extend(records.chunks(BATCH_RECORDS_MAX).map(|part| batch_of(part, now)));
    batches.push(control(SNAPSHOT_FOOTER, &[0, 0, 0], now));
    let mut out = Vec::new();
    let mut offset = 0;
    for bytes in batches {
        let mut bytes = bytes.to_vec();
        batch::set_base_offset(&mut bytes, offset);
        batch::set_leader_epoch(&mut bytes, LEADER_EPOCH);
        offset += batch::batches(&bytes)
            .filter_map(Result::ok)
            .map(|(header, _)| i64::from(header.last_offset_delta) + 1)
            .sum::<Offset>();
        out.extend_from_slice(&bytes);
    }
    out
}

fn control(kind: i16, value: &[u8], now: TimestampMs) -> bytes::Bytes {
    let mut key = vec![0, 0];
    key.extend_from_slice(&kind.to_be_bytes());
    let mut builder = BatchBuilder::new().control();
    builder.append(now, Some(&key), Some(value), &[]);
    builder.build()
}
