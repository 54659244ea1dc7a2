//! The check: every batch of every segment is read, and what the next start would do is foretold by
//! the rules that it follows.

use std::fmt::Write;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::Serialize;

use super::Error;
use super::place::{Folder, Place, SegmentFile};
use super::stored::{self, Comparison, Stored};
use crate::kernel::log::soundness::{self, Damage, Expected, Source, Step, Walk};
use crate::kernel::types::{NO_TIMESTAMP, Offset};
use crate::storage::layout;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    path: String,
    /// Whether every batch is sound and a start would change nothing.
    pub sound: bool,
    partitions: Vec<Partition>,
}

#[derive(Debug, Serialize)]
struct Partition {
    folder: String,
    segments: Vec<Segment>,
    /// Bytes that the next start reads; not known of a part.
    to_read: Option<u64>,
    /// What the next start would do, besides reading.
    recovery: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Segment {
    file: String,
    bytes: u64,
    batches: u64,
    records: u64,
    base_offset: Offset,
    next_offset: Offset,
    max_timestamp: i64,
    damage: Vec<Damaged>,
    /// Whether the stored index names batches only; not known without one.
    index_agrees: Option<bool>,
    #[serde(skip)]
    base: Offset,
    /// Where a tail begins that no sound batch follows, and its first offset.
    #[serde(skip)]
    tail: Option<(u64, Offset)>,
    /// The same of what has a sound batch behind, where part of it was never written.
    #[serde(skip)]
    holes: Vec<(u64, Offset)>,
    #[serde(skip)]
    is_snapshot: bool,
}

#[derive(Debug, Serialize)]
struct Damaged {
    position: u64,
    end: u64,
    offset: Offset,
    /// Not known of what lies at the end of the last segment.
    next_offset: Option<Offset>,
    reason: String,
}

/// Checks everything at a place.
pub fn check(place: &Place) -> Result<Report, Error> {
    let mut partitions = Vec::new();
    let rocks = stored::glance(place);
    for folder in &place.folders {
        let stored = rocks.as_ref().zip(folder.id()).map(|(rocks, id)| Stored::of(rocks, id));
        partitions.push(partition(folder, stored.as_ref())?);
    }
    let sound = partitions.iter().all(|partition| {
        partition.recovery.is_empty() && partition.segments.iter().all(Segment::is_sound)
    });
    Ok(Report { path: place.path.display().to_string(), sound, partitions })
}

fn partition(folder: &Folder, stored: Option<&Stored<'_>>) -> Result<Partition, Error> {
    let mut segments = Vec::new();
    for (at, file) in folder.segments.iter().enumerate() {
        let next = folder.segments.get(at + 1).filter(|next| !next.is_snapshot);
        let most_offset =
            next.map_or_else(|| soundness::offset_max(file.base_offset), |next| next.base_offset);
        let index = stored.filter(|_| !file.is_snapshot).and_then(|s| s.index(file.base_offset));
        let read = segment(file, most_offset, index);
        segments.push(read.map_err(|error| Error::Io(file.path.clone(), error))?);
    }
    let mut recovery: Vec<String> =
        folder.others.iter().filter_map(|name| leftover(name)).collect();
    let checkpoint = stored.and_then(Stored::checkpoint);
    let mut to_read = None;
    if !folder.is_part {
        let (known, durable_to) = checkpoint.unwrap_or_default();
        recovery.extend(foretell(&mut segments, durable_to));
        to_read = Some(unvouched(&segments, &known));
    }
    let folder = folder.path.display().to_string();
    Ok(Partition { folder, segments, to_read, recovery })
}

/// What a start does with a file that is no segment.
fn leftover(name: &str) -> Option<String> {
    let does = if name.ends_with(layout::CLEANED) {
        "removes the draft of a compacted segment"
    } else if name.ends_with(layout::SWAP) {
        "puts the compacted segment in the place of those that it was made from"
    } else if name.ends_with(layout::DELETED) {
        "removes what retention or compaction had taken out"
    } else {
        return None;
    };
    Some(format!("{name}: {does}"))
}

/// Bytes that the checkpoint does not vouch for: a start reads them.
fn unvouched(segments: &[Segment], known: &[(Offset, u64)]) -> u64 {
    let Some((active, least)) = known.last() else {
        return segments.iter().filter(|segment| !segment.is_snapshot).map(|s| s.bytes).sum();
    };
    let holds = |segment: &&Segment| segment.base == *active && segment.bytes >= *least;
    let is_trusted = segments.iter().any(|segment| holds(&segment));
    let bytes = segments.iter().filter(|segment| !segment.is_snapshot).map(|segment| {
        match (is_trusted, segment.base == *active) {
            (true, true) => segment.bytes - least,
            (true, false) if known.contains(&(segment.base, segment.bytes)) => 0,
            _ => segment.bytes,
        }
    });
    bytes.sum()
}

/// What a start does about the ends of segments, by the rule of recovery. The log was known to be
/// durable up to an offset.
fn foretell(segments: &mut [Segment], durable_to: Offset) -> Vec<String> {
    let logs: Vec<usize> = (0..segments.len()).filter(|at| !segments[*at].is_snapshot).collect();
    let mut told = Vec::new();
    for (number, at) in logs.iter().enumerate() {
        let behind = &logs[number + 1..];
        let begins_with_hole = |segment: &Segment| {
            let first = segment.holes.first();
            first.is_some_and(|(position, offset)| *position == 0 && *offset >= durable_to)
        };
        let stays = |segment: &Segment| segment.batches > 0 && !begins_with_hole(segment);
        let followed = behind.iter().any(|other| stays(&segments[*other]));
        let mut holes = segments[*at].holes.iter().filter(|_| !followed).copied();
        let hole = holes.find(|(_, offset)| *offset >= durable_to);
        let Some((position, offset)) = hole.or(segments[*at].tail) else { continue };
        let (file, bytes) = (segments[*at].file.clone(), segments[*at].bytes);
        let goes_on = behind.first().is_some_and(|next| segments[*next].base == offset);
        if followed || goes_on {
            if let (Some(next), Some(damage)) =
                (behind.first(), segments[*at].damage.len().checked_sub(1))
            {
                segments[*at].damage[damage].next_offset = Some(segments[*next].base);
            }
            continue;
        }
        if offset < durable_to {
            told.push(format!("{file}: goes on behind offset {durable_to}, for it was durable"));
            continue;
        }
        told.push(format!("{file}: cuts {} bytes at {position}", bytes - position));
        told.extend(behind.iter().map(|at| format!("{}: sets it aside", segments[*at].file)));
        break;
    }
    told
}

fn segment(
    file: &SegmentFile,
    most_offset: Offset,
    mut index: Option<Comparison>,
) -> io::Result<Segment> {
    let open = File::open(&file.path)?;
    let bytes = open.metadata()?.len();
    let mut found = Segment {
        file: file.name(),
        bytes,
        batches: 0,
        records: 0,
        base_offset: file.base_offset,
        next_offset: file.base_offset,
        max_timestamp: NO_TIMESTAMP,
        damage: Vec::new(),
        index_agrees: None,
        base: file.base_offset,
        tail: None,
        holes: Vec::new(),
        is_snapshot: file.is_snapshot,
    };
    let expected = Expected { least_offset: file.base_offset, most_offset, least_epoch: -1 };
    let source = Source::new(bytes, |buffer, position| read_at(&open, buffer, position));
    let mut walk = Walk::new(source, 0, expected);
    loop {
        match walk.step()? {
            Step::Batch { position, header } => {
                index.iter_mut().for_each(|index| index.batch(position, &header));
                found.batches += 1;
                found.records += header.record_count.max(0).unsigned_abs() as u64;
                found.next_offset = header.next_offset();
                found.max_timestamp = found.max_timestamp.max(header.max_timestamp);
            }
            Step::Damage(damage) => {
                index.iter_mut().for_each(|index| index.damage(damage.end));
                if damage.unwritten {
                    found.holes.push((damage.position, damage.offset));
                }
                found.damage.push(damaged(damage));
            }
            Step::Tail { position, offset, fault } => {
                index.iter_mut().for_each(|index| index.damage(bytes));
                found.tail = Some((position, offset));
                let reason = fault.to_string();
                found.damage.push(Damaged {
                    position,
                    end: bytes,
                    offset,
                    next_offset: None,
                    reason,
                });
            }
            Step::End => {
                found.index_agrees = index.map(Comparison::agrees);
                return Ok(found);
            }
        }
    }
}

fn damaged(damage: Damage) -> Damaged {
    Damaged {
        position: damage.position,
        end: damage.end,
        offset: damage.offset,
        next_offset: Some(damage.next_offset),
        reason: damage.fault.to_string(),
    }
}

/// Reads as much of a file as there is room for.
pub fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], position + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

impl Report {
    /// As one JSON object, with a line end.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("there are only strings and numbers");
        text + "\n"
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for partition in &self.partitions {
            // Writing to a string never fails.
            let _ = partition.print(&mut out);
        }
        let sum = |count: fn(&Segment) -> u64| -> u64 {
            self.partitions.iter().flat_map(|partition| &partition.segments).map(count).sum()
        };
        let _ = writeln!(
            out,
            "{}: {} partitions, {} segments, {} batches, {} records, {} bytes, {}",
            self.path,
            self.partitions.len(),
            sum(|_| 1),
            sum(|segment| segment.batches),
            sum(|segment| segment.records),
            sum(|segment| segment.bytes),
            match sum(|segment| segment.damage.len() as u64) {
                0 if self.sound => "sound".to_owned(),
                0 => "sound, but not closed".to_owned(),
                count => format!("{count} damaged"),
            }
        );
        out
    }
}

impl Segment {
    fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.index_agrees != Some(false)
    }
}

impl Partition {
    fn print(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}", self.folder)?;
        for segment in &self.segments {
            writeln!(
                out,
                "  {}: offsets {} to {}, {} batches, {} records, {} bytes, {}",
                segment.file,
                segment.base_offset,
                segment.next_offset,
                segment.batches,
                segment.records,
                segment.bytes,
                match segment.index_agrees {
                    _ if !segment.damage.is_empty() => "damaged",
                    Some(false) => "sound, but its index in RocksDB is not",
                    Some(true) => "sound, indexed",
                    None => "sound",
                }
            )?;
            for damage in &segment.damage {
                let to = damage.next_offset.map_or_else(|| "?".to_owned(), |to| to.to_string());
                let (position, end) = (damage.position, damage.end);
                let (from, reason) = (damage.offset, &damage.reason);
                writeln!(
                    out,
                    "    damaged from {position} to {end}, offsets {from} to {to}: {reason}"
                )?;
            }
        }
        if let Some(bytes) = self.to_read.filter(|bytes| *bytes > 0) {
            writeln!(out, "  the next start: reads {bytes} bytes")?;
        }
        for line in &self.recovery {
            writeln!(out, "  the next start: {line}")?;
        }
        Ok(())
    }
}
