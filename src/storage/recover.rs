//! Opening a partition at start: what its checkpoint says is trusted as far as the files agree, the
//! rest is read. A tail that a crash explains is cut: it lies behind all that was known to be
//! durable, and nothing sound follows it. Damage anywhere else stays and is remembered. Without a
//! checkpoint the whole log is read, with the same result.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::damage;
use super::disk::{Disk, Entry, File};
use super::epoch_history;
use super::layout;
use super::log_start;
use super::rocks::Rocks;
use super::schema;
use super::schema::checkpoint::Checkpoint;
use super::swap;
use crate::kernel::log::index::SparseIndex;
use crate::kernel::log::segment::Segment;
use crate::kernel::log::soundness::{Damage, Expected, Fault, Source, Step, Walk, offset_max};
use crate::kernel::log::{Limits, Log};
use crate::kernel::types::{Offset, TimestampMs, TopicIdPartition};

/// Bytes copied at a time.
const STEP_BYTES: usize = 1024 * 1024;

/// Base offset and bytes of a segment file.
type SegmentFile = (Offset, u64);

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
    /// What is damaged and stays, by base offset of the segment.
    pub damages: Vec<(Offset, Damage)>,
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
    let stored = rocks.get(&schema::checkpoint::key(id));
    let checkpoint = stored.and_then(|value| schema::checkpoint::decode(&value));
    // The log reached that far, and every byte of it was on disk.
    let durable_to =
        checkpoint.as_ref().and_then(|known| known.segments.last()).map(|s| s.end_offset);
    let first = files.first().map_or(0, |(base_offset, _)| *base_offset);
    let mut scan = Scan {
        place: Place { disk, folder, now },
        log: Log::empty(first, limits),
        unsynced: Vec::new(),
        scanned: 0,
        cut: 0,
        damages: Vec::new(),
        durable_to,
    };
    let scan_from = match checkpoint.and_then(|known| trusted(&files, known)) {
        Some((known, segments)) => {
            scan.take(id, rocks, known, segments, &files)?;
            scan.log.active().base_offset
        }
        None => first,
    };
    let synced_offset = scan.log.end_offset();
    scan.rest(&files, scan_from)?;
    scan.raise_to_durable(files.is_empty())?;
    scan.remember_epochs()?;
    scan.raise_start()?;
    Ok(Recovered {
        log: scan.log,
        unsynced: scan.unsynced,
        synced_offset,
        scanned_bytes: scan.scanned,
        cut_bytes: scan.cut,
        damages: scan.damages,
    })
}

/// Segment files with their sizes, in order of offset. What a compaction or deletion left
/// unfinished is finished.
fn segment_files(disk: &Disk, folder: &Path) -> io::Result<Vec<SegmentFile>> {
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

/// A closed segment of a log whose checkpoint is trusted.
enum Closed {
    /// It is as the checkpoint says.
    Known(Segment),
    /// Its file is another: a compaction was not checkpointed, or somebody cut it.
    Changed(SegmentFile),
}

/// The checkpoint and the closed segments, if the active segment's file holds what it says.
fn trusted(files: &[SegmentFile], known: Checkpoint) -> Option<(Checkpoint, Vec<Closed>)> {
    let active = known.segments.last()?;
    let at = files.binary_search_by_key(&active.base_offset, |(base, _)| *base).ok()?;
    if files[at].1 < active.size {
        return None;
    }
    let closed = files[..=at].windows(2).map(|pair| {
        // A compaction may have made one of several and of the same size as the first.
        let is_known = |two: &&[Segment]| {
            (two[0].base_offset, two[0].size) == pair[0] && two[1].base_offset == pair[1].0
        };
        let found = known.segments.windows(2).find(is_known);
        found.map_or(Closed::Changed(pair[0]), |two| Closed::Known(two[0].clone()))
    });
    let closed: Vec<Closed> = closed.collect();
    Some((known, closed))
}

/// Where a log lies.
struct Place<'a> {
    disk: &'a Disk,
    folder: &'a Path,
    now: TimestampMs,
}

struct Scan<'a> {
    place: Place<'a>,
    log: Log,
    unsynced: Vec<(Offset, Arc<File>)>,
    scanned: u64,
    cut: u64,
    damages: Vec<(Offset, Damage)>,
    durable_to: Option<Offset>,
}

/// What lies behind the last sound batch of a file.
#[derive(Clone, Copy)]
struct Tail {
    position: u64,
    offset: Offset,
    fault: Fault,
}

impl Scan<'_> {
    /// Takes the log as its checkpoint tells it. Closed segments whose files are others than it
    /// knows are read, one by one.
    fn take(
        &mut self,
        id: TopicIdPartition,
        rocks: &Rocks,
        known: Checkpoint,
        closed: Vec<Closed>,
        files: &[SegmentFile],
    ) -> io::Result<()> {
        let mut active = known.segments.last().expect("trusted checkpoints have one").clone();
        let index = rocks.get(&schema::segment_index::key(id, active.base_offset));
        match index.and_then(|bytes| SparseIndex::decode(&bytes).ok()) {
            Some(index) => active.index = Some(index),
            None => {
                active = self.read_alone((active.base_offset, active.size), active.end_offset)?
            }
        }
        let gone = |segment: &&Segment| {
            let oldest = files.first().map_or(Offset::MAX, |(base, _)| *base);
            segment.base_offset > oldest
                && !files.iter().any(|(base, _)| *base == segment.base_offset)
        };
        let mut segments = Vec::with_capacity(closed.len() + 1);
        for (at, segment) in closed.into_iter().enumerate() {
            segments.push(match segment {
                Closed::Known(segment) => segment,
                Closed::Changed(file) => self.read_alone(file, files[at + 1].0)?,
            });
        }
        segments.push(active);
        let covers =
            |segment: &Segment, offset| (segment.base_offset..segment.end_offset).contains(&offset);
        let lost = |gone: &&Segment| !segments.iter().any(|s| covers(s, gone.base_offset));
        for segment in known.segments.iter().filter(gone).filter(lost) {
            tracing::error!(folder = %self.place.folder.display(), offset = segment.base_offset,
                next_offset = segment.end_offset, "a segment is gone, and its records with it");
        }
        self.log.log_start_offset = known.log_start_offset.max(segments[0].base_offset);
        self.log.segments = segments;
        self.log.producers = known.producers;
        self.log.epochs = known.epochs;
        // An older checkpoint may tell of a start that retention has moved since.
        self.log.epochs.truncate_from_start(self.log.log_start_offset);
        Ok(())
    }

    /// What there is to know of one segment, the first `size` bytes of its file, if `next_offset`
    /// follows it. It is not cut: the log went on behind it.
    fn read_alone(&mut self, file: SegmentFile, next_offset: Offset) -> io::Result<Segment> {
        let (base_offset, size) = file;
        let mut alone = Log::empty(base_offset, self.log.limits);
        let expected =
            Expected { least_offset: base_offset, most_offset: next_offset, least_epoch: -1 };
        self.scanned += size;
        let tail = self.place.walk(&mut alone, size, expected, None, &mut self.damages)?;
        if let Some(tail) = tail {
            self.damages.push(self.place.keep_tail(&mut alone, size, &tail, next_offset));
        }
        Ok(alone.segments.remove(0))
    }

    /// Reads what no checkpoint vouched for.
    fn rest(&mut self, files: &[SegmentFile], scan_from: Offset) -> io::Result<()> {
        let from = files.partition_point(|(base_offset, _)| *base_offset < scan_from);
        for (at, (base_offset, size)) in files.iter().enumerate().skip(from) {
            let next = files.get(at + 1).map(|(next, _)| *next);
            let durable_to = self.durable_to.unwrap_or(0);
            let is_followed = self.place.any_stays(&files[at + 1..], durable_to)?;
            let cut_from = (!is_followed).then_some(durable_to);
            let (size, tail) = self.segment(*base_offset, *size, next, cut_from)?;
            let Some(tail) = tail else { continue };
            let followed = match next {
                // Where the next one begins right behind, no offset lies in the tail.
                Some(next) if is_followed || next == tail.offset => Some(next),
                _ => self.durable_to.filter(|durable_to| tail.offset < *durable_to),
            };
            if let Some(next_offset) = followed {
                let kept = self.place.keep_tail(&mut self.log, size, &tail, next_offset);
                self.damages.push(kept);
                continue;
            }
            // From the end backwards, and the cut last: whenever this is interrupted, the next
            // start finds the bad batch again and goes on.
            self.place.set_aside_behind(files, *base_offset)?;
            self.place.cut(*base_offset, size, &tail)?;
            self.cut += size - tail.position;
            return Ok(());
        }
        Ok(())
    }

    /// Reads one segment from where the log ends. Answers its size and what lies behind its last
    /// batch that stays.
    fn segment(
        &mut self,
        base_offset: Offset,
        size: u64,
        next: Option<Offset>,
        cut_from: Option<Offset>,
    ) -> io::Result<(u64, Option<Tail>)> {
        // Only the last one stays open: there may be more segments than descriptors.
        for (_, file) in self.unsynced.drain(..) {
            self.place.disk.sync_data(&file)?;
        }
        if self.log.active().base_offset != base_offset {
            self.log.segments.push(Segment::empty(base_offset));
        }
        if self.log.active().size == size {
            return Ok((size, None));
        }
        let path = layout::segment_file(self.place.folder, base_offset);
        let file = Arc::new(self.place.disk.open_segment(&path)?);
        self.place.disk.forget_cached(&file, self.log.active().size);
        // What was only in memory may have made it longer.
        let size = self.place.disk.file_size(&file)?.min(size);
        self.unsynced.push((base_offset, file));
        let expected = Expected {
            least_offset: self.log.end_offset(),
            most_offset: next.unwrap_or_else(|| offset_max(base_offset)),
            least_epoch: self.log.epochs.latest().unwrap_or(-1),
        };
        self.scanned += size.saturating_sub(self.log.active().size);
        let tail = self.place.walk(&mut self.log, size, expected, cut_from, &mut self.damages)?;
        Ok((size, tail))
    }

    /// Gives no offset twice: where the checkpoint knows more of the log than its files hold, it
    /// goes on behind, and what is missing is damaged.
    fn raise_to_durable(&mut self, is_gone: bool) -> io::Result<()> {
        let Some(durable_to) = self.durable_to else { return Ok(()) };
        let (base_offset, size) = (self.log.active().base_offset, self.log.active().size);
        let end = self.log.end_offset();
        // A tail that is kept ends there already, and still needs a segment behind it.
        let is_kept = |(_, damage): &(Offset, Damage)| damage.next_offset == end;
        let is_behind_tail = durable_to == end && self.damages.last().is_some_and(is_kept);
        if base_offset >= durable_to || (durable_to <= end && !is_behind_tail) {
            return Ok(());
        }
        if is_gone {
            tracing::error!(folder = %self.place.folder.display(), next_offset = durable_to,
                "all segments are gone, and the records before this offset with them");
            self.log = Log::empty(durable_to, self.log.limits);
        } else {
            if durable_to > end {
                let tail = Tail { position: size, offset: end, fault: Fault::Torn };
                let kept = self.place.keep_tail(&mut self.log, size, &tail, durable_to);
                self.damages.push(kept);
            }
            self.log.segments.push(Segment::empty(durable_to));
        }
        self.place.begin_segment(durable_to)
    }

    /// Corrects the beginnings of leader epochs that compaction has taken the batches of.
    fn remember_epochs(&mut self) -> io::Result<()> {
        if let Some(kept) = epoch_history::read(self.place.disk, self.place.folder)? {
            self.log.epochs = self.log.epochs.begun_as(&kept);
            self.log.epochs.truncate_from_start(self.log.log_start_offset);
        }
        Ok(())
    }

    /// Starts the log where a client had let it start.
    fn raise_start(&mut self) -> io::Result<()> {
        let start = log_start::read(self.place.disk, self.place.folder)?;
        let Some(start) = start else { return Ok(()) };
        let end = self.log.end_offset();
        self.log.raise_start(start);
        if start > end {
            tracing::warn!(folder = %self.place.folder.display(), start, end,
                "the log ends before its start, behind which records are lost");
            self.place.begin_segment(start)?;
        }
        Ok(())
    }
}

impl Place<'_> {
    /// Takes every sound batch of the active segment's file into `log`, from where that ends. From
    /// `cut_from` on nothing is known to have been durable: where the power left a hole there,
    /// nothing behind it was synced or promised either, and it is no part of the log.
    fn walk(
        &self,
        log: &mut Log,
        size: u64,
        expected: Expected,
        cut_from: Option<Offset>,
        damages: &mut Vec<(Offset, Damage)>,
    ) -> io::Result<Option<Tail>> {
        let (base_offset, begin) = (log.active().base_offset, log.active().size);
        let file = self.disk.open_readonly(&layout::segment_file(self.folder, base_offset))?;
        let source = Source::new(size, |buffer, at| self.disk.read_at(&file, buffer, at));
        let mut walk = Walk::new(source, begin, expected);
        loop {
            match walk.step()? {
                // What was appended once is taken as it stands. Producers count as active now:
                // expiring them by their records' own timestamps would forget those that send old
                // data.
                Step::Batch { position, header } => {
                    log.append(&header, self.now);
                    if header.is_control() {
                        log.learn_marker(&header, walk.batch(position, &header)?);
                    }
                }
                Step::Damage(Damage { position, offset, fault, unwritten: true, .. })
                    if cut_from.is_some_and(|from| offset >= from) =>
                {
                    return Ok(Some(Tail { position, offset, fault }));
                }
                Step::Damage(damage) => {
                    damage::tell(self.folder, base_offset, &damage);
                    log.pass_over(damage.end - damage.position);
                    damages.push((base_offset, damage));
                }
                Step::Tail { position, offset, fault } => {
                    return Ok(Some(Tail { position, offset, fault }));
                }
                Step::End => return Ok(None),
            }
        }
    }

    /// Whether anything stays of any of these files, which nothing else follows: a sound batch with
    /// no hole before it that the power left in what is not known to have been durable.
    fn any_stays(&self, files: &[SegmentFile], durable_to: Offset) -> io::Result<bool> {
        for (base_offset, size) in files.iter().filter(|(_, size)| *size > 0) {
            let file = self.disk.open_readonly(&layout::segment_file(self.folder, *base_offset))?;
            let source = Source::new(*size, |buffer, at| self.disk.read_at(&file, buffer, at));
            let expected = Expected {
                least_offset: *base_offset,
                most_offset: offset_max(*base_offset),
                least_epoch: -1,
            };
            match Walk::new(source, 0, expected).step()? {
                Step::Tail { .. } => {}
                Step::Damage(damage) if damage.unwritten && damage.offset >= durable_to => {}
                Step::Batch { .. } | Step::Damage(_) | Step::End => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Keeps what lies behind the last sound batch of the active segment, which `next_offset`
    /// follows.
    fn keep_tail(
        &self,
        log: &mut Log,
        size: u64,
        tail: &Tail,
        next_offset: Offset,
    ) -> (Offset, Damage) {
        let (base_offset, Tail { position, offset, fault }) = (log.active().base_offset, *tail);
        let damage = Damage { position, end: size, offset, next_offset, fault, unwritten: false };
        damage::tell(self.folder, base_offset, &damage);
        log.pass_over(size - position);
        log.lose_to(next_offset);
        (base_offset, damage)
    }

    /// Cuts a segment behind its last sound batch. What is cut is kept in a file beside it, unless
    /// it is just the beginning of a batch that was being written.
    fn cut(&self, base_offset: Offset, size: u64, tail: &Tail) -> io::Result<()> {
        let path = layout::segment_file(self.folder, base_offset);
        let file = self.disk.open_segment(&path)?;
        let good = tail.position;
        if tail.fault != Fault::Torn {
            self.copy_tail(&file, good, &path.with_extension("log.tail.cut"))?;
        }
        tracing::warn!(file = %path.display(), bytes = size - good, at = good, reason = %tail.fault,
            "the log ends in a torn or corrupt batch, which is cut off");
        self.disk.set_size(&file, good)?;
        self.disk.sync_all(&file)
    }

    fn copy_tail(&self, file: &File, from: u64, path: &Path) -> io::Result<()> {
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

    /// Creates the empty file of a segment that the log goes on with.
    fn begin_segment(&self, base_offset: Offset) -> io::Result<()> {
        // With the folder, of which the same may be true.
        self.disk.create_folder(self.folder)?;
        self.disk.open_segment(&layout::segment_file(self.folder, base_offset))?;
        self.disk.sync_folder(self.folder)
    }

    /// What lies behind a cut cannot be trusted to follow it. It is renamed, never removed.
    fn set_aside_behind(&self, files: &[SegmentFile], cut: Offset) -> io::Result<()> {
        for (base_offset, _) in files.iter().rev().filter(|(base, _)| *base > cut) {
            let path = layout::segment_file(self.folder, *base_offset);
            tracing::warn!(file = %path.display(),
                "the segment lies behind a cut and holds nothing sound; it is set aside as .cut");
            self.disk.rename(&path, &path.with_extension("log.cut"))?;
        }
        self.disk.sync_folder(self.folder)
    }
}
