//! Putting a compacted segment in the place of those it was made from, so that a crash at any
//! moment leaves either the old ones or the new one.
//!
//! `BASE.log.cleaned` is a draft and worth nothing. Renamed to `BASE.log.swap` it is complete and
//! durable, and stands for all segments from its base to its end; from then on the swap is
//! carried out, by a later start if need be: the old files get the ending of removed ones, the new
//! one its name.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, Entry};
use super::layout;
use super::partition::{Partition, State};
use crate::kernel::log::Log;
use crate::kernel::log::segment::Segment;
use crate::kernel::log::soundness::{Expected, Source, Step, Walk, offset_max};
use crate::kernel::types::Offset;

/// The draft of a compacted segment.
pub fn draft_file(folder: &Path, base_offset: Offset) -> PathBuf {
    with_ending(folder, base_offset, layout::CLEANED)
}

fn with_ending(folder: &Path, base_offset: Offset, ending: &str) -> PathBuf {
    layout::segment_file(folder, base_offset).with_extension(format!("log{ending}"))
}

/// What became of a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The new segment is in its place; these files of the old ones are to be removed.
    Done(Vec<PathBuf>),
    /// The old segments are no longer what the new one was made from; the draft is removed.
    Overtaken,
}

/// Puts `new`, whose draft is complete and synced, in the place of the segments `old`, which begin
/// with it. Readers that have an old file open go on reading it.
pub fn install(partition: &Arc<Partition>, old: &[Segment], new: Segment) -> io::Result<Swap> {
    let (disk, folder) = (&partition.disk, &partition.folder);
    let base_offset = new.base_offset;
    let draft = draft_file(folder, base_offset);
    let swap = with_ending(folder, base_offset, layout::SWAP);
    if partition.check_online().is_err() {
        disk.remove_file(&draft)?;
        return Ok(Swap::Overtaken);
    }
    disk.rename(&draft, &swap)?;
    disk.sync_folder(folder).inspect_err(|error| partition.poison(error))?;
    // No checkpoint is captured before and stored after: it would name the old files.
    let turn = partition.sync_turn();
    let mut state = partition.state();
    let Some(range) = unchanged(&state.log, old).filter(|_| partition.check_online().is_ok())
    else {
        drop(state);
        disk.remove_file(&swap)?;
        return Ok(Swap::Overtaken);
    };
    if let Err(error) = rename_all(disk, folder, old, base_offset) {
        // Which files there are is for the next start to find out.
        drop(state);
        partition.poison(&error);
        return Err(error);
    }
    for segment in old {
        state.forget_file(segment.base_offset);
        partition.damages.forget(segment.base_offset);
    }
    let generation = old[0].generation + 1;
    state.log.segments.splice(range, [Segment { generation, ..new }]);
    state.checkpoint_due = true;
    drop(state);
    drop(turn);
    disk.sync_folder(folder).inspect_err(|error| partition.poison(error))?;
    let condemned = |old: &Segment| with_ending(folder, old.base_offset, layout::DELETED);
    Ok(Swap::Done(old.iter().map(condemned).collect()))
}

impl State {
    /// Lets go of a segment's file, which is about to be removed.
    pub fn forget_file(&mut self, base_offset: Offset) {
        self.unsynced.retain(|base| *base != base_offset);
        self.files.remove(&base_offset);
        self.readers.remove(&base_offset);
    }
}

/// Where the segments `old` are in the log, if they still are what they were.
fn unchanged(log: &Log, old: &[Segment]) -> Option<Range<usize>> {
    let is_first = |segment: &Segment| segment.base_offset == old[0].base_offset;
    let first = log.segments.iter().position(is_first)?;
    let range = first..first + old.len();
    let identity = |segment: &Segment| (segment.base_offset, segment.size, segment.generation);
    let known = log.segments.get(range.clone())?;
    known.iter().map(identity).eq(old.iter().map(identity)).then_some(range)
}

fn rename_all(disk: &Disk, folder: &Path, old: &[Segment], base_offset: Offset) -> io::Result<()> {
    for segment in old {
        condemn(disk, folder, segment.base_offset)?;
    }
    let swap = with_ending(folder, base_offset, layout::SWAP);
    disk.rename(&swap, &layout::segment_file(folder, base_offset))
}

fn condemn(disk: &Disk, folder: &Path, base_offset: Offset) -> io::Result<()> {
    let condemned = with_ending(folder, base_offset, layout::DELETED);
    disk.rename(&layout::segment_file(folder, base_offset), &condemned)
}

/// Carries out at start what a crash interrupted: drafts go, swaps are completed.
pub fn finish(disk: &Disk, folder: &Path) -> io::Result<()> {
    let mut swaps = Vec::new();
    let mut segments = Vec::new();
    for Entry { name, path } in disk.list(folder)? {
        if name.ends_with(layout::CLEANED) {
            disk.remove_file(&path)?;
        } else if let Some(base_offset) = layout::segment_base(&name) {
            segments.push(base_offset);
        } else if let Some(name) = name.strip_suffix(layout::SWAP) {
            swaps.extend(layout::segment_base(name));
        }
    }
    for base_offset in swaps {
        let swap = with_ending(folder, base_offset, layout::SWAP);
        let end_offset = end_offset(disk, &swap, base_offset)?;
        // An empty one replaces nothing but the file of its own name.
        for replaced in segments
            .iter()
            .filter(|other| **other == base_offset || (base_offset..end_offset).contains(other))
        {
            condemn(disk, folder, *replaced)?;
        }
        disk.rename(&swap, &layout::segment_file(folder, base_offset))?;
        disk.sync_folder(folder)?;
        tracing::info!(folder = %folder.display(), base_offset, "completed a compaction");
    }
    Ok(())
}

/// Offset behind the last sound batch of a segment file.
fn end_offset(disk: &Disk, path: &Path, base_offset: Offset) -> io::Result<Offset> {
    let file = disk.open_readonly(path)?;
    let source = Source::new(disk.file_size(&file)?, |buffer, at| disk.read_at(&file, buffer, at));
    let most_offset = offset_max(base_offset);
    let expected = Expected { least_offset: base_offset, most_offset, least_epoch: -1 };
    let mut walk = Walk::new(source, 0, expected);
    let mut end_offset = base_offset;
    loop {
        match walk.step()? {
            Step::Batch { header, .. } => end_offset = header.next_offset(),
            // Recovery reads the segment next, and tells.
            Step::Damage(_) => {}
            Step::Tail { .. } | Step::End => return Ok(end_offset),
        }
    }
}
