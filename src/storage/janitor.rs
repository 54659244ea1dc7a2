//! Housekeeping of logs: retention, producers that went silent, checkpoints of logs that grew.
//! Runs on a blocking thread now and then; it decides nothing that the kernel does not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::checkpoint;
use super::disk::Disk;
use super::flusher::sync_partition;
use super::layout;
use super::partition::Partition;
use super::partitions::Partitions;
use crate::kernel::log::retention;
use crate::kernel::types::{Offset, TimestampMs};

/// A file that no reader will look for again, to be removed after `file.delete.delay.ms`.
pub struct Condemned {
    /// The renamed file.
    pub path: PathBuf,
    /// When it may be removed.
    pub due: TimestampMs,
}

/// Applies retention to every partition. The files are to be removed later.
pub fn retain(partitions: &Partitions, now: TimestampMs) {
    for partition in partitions.all() {
        match retain_partition(&partition, now) {
            Ok(files) if files.is_empty() => {}
            Ok(files) => {
                // What a checkpoint no longer names must not come back after a crash.
                partition.state().folders_unsynced.push(partition.folder.clone());
                sync_partition(&partition, partitions.rocks());
                let log_start_offset = partition.log_start_offset();
                checkpoint::forget_indexes(&partition, partitions.rocks(), log_start_offset);
                partitions.condemn(files);
            }
            Err(error) => {
                tracing::warn!(topic = %partition.topic, partition = partition.id.partition,
                    %error, "old segments cannot be removed; tried again later");
            }
        }
    }
}

fn retain_partition(
    partition: &Arc<Partition>,
    now: TimestampMs,
) -> std::io::Result<Vec<Condemned>> {
    if partition.check_online().is_err() {
        return Ok(Vec::new());
    }
    let mut condemned = Vec::new();
    let log_start_offset = {
        let mut state = partition.state();
        let count = retention::expired(&state.log, now);
        if count == 0 {
            return Ok(Vec::new());
        }
        if count == state.log.segments.len() {
            partition.roll(&mut state)?;
        }
        let mut renamed = 0;
        for segment in &state.log.segments[..count] {
            match condemn(partition, segment.base_offset) {
                Ok(file) => condemned.extend(file),
                Err(error) if renamed == 0 => return Err(error),
                // It stays part of the log with all behind it, until the next time.
                Err(_) => break,
            }
            renamed += 1;
        }
        let removed = retention::remove_oldest(&mut state.log, renamed);
        for base in &removed {
            state.forget_file(*base);
            partition.damages.forget(*base);
        }
        state.checkpoint_due = true;
        state.checkpointed_size = 0;
        tracing::info!(topic = %partition.topic, partition = partition.id.partition,
            segments = removed.len(), log_start_offset = state.log.log_start_offset,
            "removed old segments");
        state.log.log_start_offset
    };
    partition.publish_log_start(log_start_offset);
    let due = now.saturating_add(partition.config().file_delete_delay_ms);
    Ok(condemned.into_iter().map(|path| Condemned { path, due }).collect())
}

/// Gives the file of a segment, if there is one, the ending of removed ones.
fn condemn(partition: &Partition, base_offset: Offset) -> std::io::Result<Option<PathBuf>> {
    let path = layout::segment_file(&partition.folder, base_offset);
    let renamed = path.with_extension(format!("log{}", layout::DELETED));
    match partition.disk.rename(&path, &renamed) {
        Ok(()) => Ok(Some(renamed)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the files whose time has come, or all of them on a full disk. Answers when the next one
/// is due.
pub fn remove_condemned(partitions: &Partitions, now: TimestampMs) -> Option<TimestampMs> {
    let is_full = partitions.rocks().space().is_low();
    let (due, next) = partitions.pardon(|file| !is_full && file.due > now);
    for file in due {
        match partitions.disk().remove_file(&file.path) {
            // It went with its topic.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(file = %file.path.display(), %error,
                "an old segment cannot be removed; the next start removes it"),
            Ok(()) => {}
        }
    }
    next
}

/// Time until a file is due.
pub fn wait_ms(due: TimestampMs, now: TimestampMs) -> Duration {
    Duration::from_millis(due.saturating_sub(now).max(1).unsigned_abs())
}

/// Lets every partition forget the producers that went silent.
pub fn expire_producers(partitions: &Partitions, now: TimestampMs) {
    for partition in partitions.all() {
        let idle_ms_max = partitions.producer_id_expiration_ms();
        partition.state().log.producers.expire(now, idle_ms_max);
    }
}

/// Stores checkpoints of the logs that grew since their last one, so that a restart reads little.
pub fn checkpoint_grown(partitions: &Partitions) {
    partitions.rocks().space().take_ballast();
    for partition in partitions.all() {
        let grown = {
            let mut state = partition.state();
            let grown = state.log.active().size != state.checkpointed_size;
            state.checkpoint_due |= grown;
            grown
        };
        if grown {
            sync_partition(&partition, partitions.rocks());
        }
    }
}

/// Removes the folders of deleted topics that an earlier run left behind, and names folders that
/// belong to no topic.
pub fn sweep_topics(
    disk: &Disk,
    data: &std::path::Path,
    is_known: impl Fn(&str) -> bool,
) -> std::io::Result<()> {
    let topics = data.join(layout::TOPICS);
    for entry in disk.list(&topics)? {
        if entry.name.ends_with(layout::DELETED) {
            disk.remove_folder(&entry.path)?;
        } else if !is_known(&entry.name) {
            tracing::warn!(folder = %entry.path.display(),
                "the folder belongs to no topic of this broker; it is left as it is");
        }
    }
    Ok(())
}
