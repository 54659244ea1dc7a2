//! Opening a partition at start: what its checkpoint says is trusted as far as the files agree,
//! the rest is read, and a torn tail is cut at the last whole batch. Without a checkpoint the whole
//! log is read, with the same result.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, Entry, File};
use super::layout;
use super::log_start;
use super::rocks::Rocks;
use super::schema;
use super::swap;
use crate::kernel::log::index::SparseIndex;
use crate::kernel::log::recovery::{End, walk};
use crate::kernel::log::segment::Segment;
use crate::kernel::log::{Limits, Log};
use crate::kernel::types::{Offset, TimestampMs, TopicIdPartition};

/// Bytes read at a time.
const STEP_BYTES: usize = 1024 * 1024;

/// A recovered log.
pub struct Recovered {
    /// The log.
    pub log: Log,
    /// Segments that were read, with their files: no sync is known to have covered them.
    pub unsynced: Vec<(Offset, Arc<File>)>,
    /// Offset up to which the checkpoint vouched for the disk.
    pub synced_offset: Offset,
    /// Bytes that were read.
    pub scanned_bytes: u64,
    /// Bytes that were cut off the end.
    pub cut_bytes: u64,
}

/// Recovers the log in `folder`, empty if the folder does not exist.
pub fn recover(
    disk: &Disk,
    folder: &Path,
    id: TopicIdPartition,
    limits: Limits,
    rocks: &Rocks,
    now: TimestampMs,
) -> io::Result<Recovered> {
    let files = segment_files(disk, folder)?;
    let (log, scan_from) = match trusted(&files, id, limits, rocks) {
        Some(log) => {
            let from = log.active().base_offset;
            (log, from)
        }
        None => {
            let first = files.first().map_or(0, |(base_offset, _)| *base_offset);
            (Log::empty(first, limits), first)
        }
    };
    let synced_offset = log.end_offset();
    let mut scan = Scan { disk, folder, log, unsynced: Vec::new(), scanned: 0, cut: 0, now };
    for (base_offset, size) in files.iter().filter(|(base, _)| *base >= scan_from) {
        if let Some(bad) = scan.segment(*base_offset, *size)? {
            // From the end backwards, and the cut last: whenever this is interrupted, the next
            // start finds the bad batch again and goes on.
            set_aside_behind(disk, folder, &files, *base_offset)?;
            scan.cut(*base_offset, *size, bad)?;
            break;
        }
    }
    scan.raise_start()?;
    Ok(Recovered {
        log: scan.log,
        unsynced: scan.unsynced,
        synced_offset,
        scanned_bytes: scan.scanned,
        cut_bytes: scan.cut,
    })
}

/// Segment files with their sizes, in order of offset. What a compaction or deletion left
/// unfinished is finished.
fn segment_files(disk: &Disk, folder: &Path) -> io::Result<Vec<(Offset, u64)>> {
    let mut files = Vec::new();
    swap::finish(disk, folder)?;
    for Entry { name, path } in disk.list(folder)? {
        if name.ends_with(layout::DELETED) {
            disk.remove_file(&path)?;
        } else if let Some(base_offset) = layout::segment_base(&name) {
            files.push((base_offset, disk.file_size(&disk.open_readonly(&path)?)?));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The log as the checkpoint describes it, if the files agree: closed segments have the size it
/// says, the active one at least that.
fn trusted(
    files: &[(Offset, u64)],
    id: TopicIdPartition,
    limits: Limits,
    rocks: &Rocks,
) -> Option<Log> {
    let checkpoint = schema::checkpoint::decode(&rocks.get(&schema::checkpoint::key(id))?)?;
    let mut segments = checkpoint.segments;
    // Retention may have removed the oldest files after the checkpoint was stored.
    let oldest = files.first().map_or(Offset::MAX, |(base_offset, _)| *base_offset);
    segments.retain(|segment| segment.base_offset >= oldest);
    let active = segments.last()?.base_offset;
    for segment in &segments {
        let at = files.binary_search_by_key(&segment.base_offset, |(base, _)| *base).ok()?;
        let size = files[at].1;
        let fits =
            if segment.base_offset == active { size >= segment.size } else { size == segment.size };
        if !fits {
            return None;
        }
    }
    let last = segments.last_mut()?;
    let index = rocks.get(&schema::segment_index::key(id, active))?;
    last.index = Some(SparseIndex::decode(&index).ok()?);
    Some(Log {
        log_start_offset: checkpoint.log_start_offset.max(segments[0].base_offset),
        segments,
        producers: checkpoint.producers,
        epochs: checkpoint.epochs,
        limits,
    })
}

struct Scan<'a> {
    disk: &'a Disk,
    folder: &'a Path,
    log: Log,
    unsynced: Vec<(Offset, Arc<File>)>,
    scanned: u64,
    cut: u64,
    now: TimestampMs,
}

impl Scan<'_> {
    /// Reads one segment from where the log ends. Answers why it ended before the file does.
    fn segment(&mut self, base_offset: Offset, size: u64) -> io::Result<Option<End>> {
        // Only the last one stays open: there may be more segments than descriptors.
        for (_, file) in self.unsynced.drain(..) {
            self.disk.sync_data(&file)?;
        }
        if self.log.active().base_offset != base_offset {
            self.begin(base_offset);
        }
        if self.log.active().size == size {
            return Ok(None);
        }
        let path = layout::segment_file(self.folder, base_offset);
        let file = Arc::new(self.disk.open_segment(&path)?);
        self.unsynced.push((base_offset, Arc::clone(&file)));
        let end = self.read_segment(&file)?;
        Ok((self.log.active().size != size).then_some(end))
    }

    /// Cuts a segment behind its last good batch. What is cut is kept in a file beside it, unless
    /// it is just the beginning of a batch that was being written.
    fn cut(&mut self, base_offset: Offset, size: u64, bad: End) -> io::Result<()> {
        let path = layout::segment_file(self.folder, base_offset);
        let file = self.disk.open_segment(&path)?;
        let good = self.log.active().size;
        if bad == End::Corrupt {
            self.keep_tail(&file, good, &path.with_extension("log.tail.cut"))?;
        }
        self.cut += size - good;
        tracing::warn!(file = %path.display(), bytes = size - good, at = good,
            "the segment ends in a torn or corrupt batch, which is cut off");
        self.disk.set_size(&file, good)?;
        self.disk.sync_all(&file)
    }

    fn keep_tail(&self, file: &File, from: u64, path: &Path) -> io::Result<()> {
        let tail = self.disk.create_file(path)?;
        let mut buffer = vec![0u8; STEP_BYTES];
        let mut copied = 0;
        loop {
            let filled = self.disk.read_at(file, &mut buffer, from + copied)?;
            if filled == 0 {
                break;
            }
            self.disk.write_all_at(&tail, &[&buffer[..filled]], copied)?;
            copied += filled as u64;
        }
        self.disk.sync_all(&tail)?;
        self.disk.sync_folder(self.folder)
    }

    /// Starts the log where a client had let it start.
    fn raise_start(&mut self) -> io::Result<()> {
        let Some(start) = log_start::read(self.disk, self.folder)? else { return Ok(()) };
        let end = self.log.end_offset();
        self.log.raise_start(start);
        if start > end {
            tracing::warn!(folder = %self.folder.display(), start, end,
                "the log ends before its start, behind which records are lost");
            self.disk.open_segment(&layout::segment_file(self.folder, start))?;
            self.disk.sync_folder(self.folder)?;
        }
        Ok(())
    }

    fn begin(&mut self, base_offset: Offset) {
        self.log.segments.push(Segment::empty(base_offset));
    }

    fn read_segment(&mut self, file: &File) -> io::Result<End> {
        let mut buffer = vec![0u8; STEP_BYTES];
        loop {
            let position = self.log.active().size;
            let filled = self.disk.read_at(file, &mut buffer, position)?;
            let walked = walk(&mut self.log, &buffer[..filled], self.now);
            self.scanned += walked.valid as u64;
            match walked.end {
                End::Corrupt => return Ok(walked.end),
                // The file ends here, within a batch or behind one.
                End::NeedsMore { .. } if filled < buffer.len() => return Ok(walked.end),
                End::NeedsMore { needed } if needed > buffer.len() => {
                    // One batch larger than the buffer; its length may be garbage.
                    let rest = self.disk.file_size(file)?.saturating_sub(self.log.active().size);
                    if needed as u64 > rest {
                        return Ok(walked.end);
                    }
                    buffer.resize(needed, 0);
                }
                End::NeedsMore { .. } => {}
            }
        }
    }
}

/// What lies behind a cut cannot be trusted to follow it. It is renamed, never removed.
fn set_aside_behind(
    disk: &Disk,
    folder: &Path,
    files: &[(Offset, u64)],
    cut: Offset,
) -> io::Result<()> {
    for (base_offset, _) in files.iter().rev().filter(|(base, _)| *base > cut) {
        let path = layout::segment_file(folder, *base_offset);
        tracing::error!(file = %path.display(),
            "the segment lies behind a corrupt batch; it is set aside as .cut");
        disk.rename(&path, &path.with_extension("log.cut"))?;
    }
    disk.sync_folder(folder)
}
