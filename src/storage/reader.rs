//! Finding records in segment files: an offset or a time is looked up in the sparse index, then
//! batch headers are walked to the exact batch. Nothing here copies records; a read answers with a
//! range of a file. A read that would wait for the device says so instead, unless told to wait.
//!
//! What is served was checked: by whoever appended it, or when it was first read since the start,
//! and again whenever it comes from the device. Damaged batches are refused, those around them are
//! served.

use std::io;
use std::sync::Arc;

use super::damage;
use super::disk::File;
use super::error::ReadError;
use super::index::Indexes;
use super::partition::Partition;
use crate::kernel::batch::{self, BatchHeader, HEADER_SIZE};
use crate::kernel::log::Place;
use crate::kernel::log::index::{SparseIndex, offset_delta};
use crate::kernel::log::soundness::{Damage, Expected, Fault, Source, Step, Walk};
use crate::kernel::records;
use crate::kernel::types::{LeaderEpoch, Offset, TimestampMs};

/// Bytes read at a time while walking headers: an index interval of small batches fits.
const WINDOW_BYTES: usize = 8 * 1024;

/// A range of a segment file that holds whole batches, but for the last one.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The segment.
    pub file: Arc<File>,
    /// Where the first batch begins.
    pub position: u64,
    /// Bytes.
    pub length: u64,
}

/// What a read found.
#[derive(Debug)]
pub enum Read {
    /// Records from the batch that holds the offset on.
    Slice(Slice),
    /// Nothing is stored at or behind the offset yet, or nothing fits.
    Empty,
    /// The device must be asked; repeat where waiting is allowed.
    Cold,
}

/// How a read may go about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Only what is in memory.
    Resident,
    /// Wait for the device.
    Wait,
}

/// Reads from `offset` on, at most `bytes_max` bytes, or one whole batch if `whole_batch`.
pub fn read(
    partition: &Partition,
    indexes: &Indexes,
    offset: Offset,
    bytes_max: u64,
    whole_batch: bool,
    patience: Patience,
) -> Result<Read, ReadError> {
    read_to(partition, indexes, offset, Offset::MAX, bytes_max, whole_batch, patience)
}

/// The same for a reader that is not to see the batch that begins at `end`, nor what follows.
pub fn read_to(
    partition: &Partition,
    indexes: &Indexes,
    offset: Offset,
    end: Offset,
    bytes_max: u64,
    whole_batch: bool,
    patience: Patience,
) -> Result<Read, ReadError> {
    partition.check_online()?;
    let high_watermark = partition.high_watermark();
    if offset < partition.log_start_offset() || offset > high_watermark {
        return Err(ReadError::OffsetOutOfRange);
    }
    if offset >= high_watermark.min(end) {
        return Ok(Read::Empty);
    }
    let Some((place, file)) = partition.locate(|log| log.place_of_offset(offset))? else {
        return Ok(Read::Empty);
    };
    if place.size == 0 && offset < place.segment {
        // A crash took the end of the segment before, but not the file of this one.
        return Ok(Read::Empty);
    }
    let look_up = |place: &Place, offset: Offset| {
        let delta = offset_delta(place.segment, offset.max(place.segment));
        let by_offset = |index: &SparseIndex| index.position_for_offset(delta);
        start(partition, indexes, place, &file, patience, by_offset)
    };
    let Some(from) = look_up(&place, offset)? else { return Ok(Read::Cold) };
    let segment = Opened { partition, place: &place, file: &file, patience };
    let mut bound = None;
    if end < place.end_offset {
        let located = partition.locate(|log| log.place_of_offset(end))?.map(|(place, _)| place);
        let key = |place: &Place| (place.segment, place.generation);
        // Compaction may have put another file there since.
        let at_end = located.filter(|located| key(located) == key(&place)).unwrap_or(place);
        let Some(near) = look_up(&at_end, end)? else { return Ok(Read::Cold) };
        bound = Some((near, end));
    }
    let range = || segment.range(from, offset, bound, bytes_max, whole_batch);
    Ok(segment.persist(from, range)?.unwrap_or(Read::Cold))
}

/// Where the header walk begins, or `None` if that would mean waiting.
fn start(
    partition: &Partition,
    indexes: &Indexes,
    place: &Place,
    file: &File,
    patience: Patience,
    look_up: impl Fn(&SparseIndex) -> u32,
) -> Result<Option<u64>, ReadError> {
    if let Some(position) = place.position {
        return Ok(Some(u64::from(position)));
    }
    let cached = indexes.cached(partition.id, place);
    let index = match (cached, patience) {
        (Some(index), _) => index,
        (None, Patience::Resident) => return Ok(None),
        (None, Patience::Wait) => indexes.load(partition, place, file)?,
    };
    Ok(Some(u64::from(look_up(&index))))
}

/// Finds the first readable record with a timestamp of at least `timestamp`, exact inside the
/// batch. `None` if there is none. Waits for the device.
pub fn find_time(
    partition: &Partition,
    indexes: &Indexes,
    timestamp: TimestampMs,
    decompressed_max: usize,
) -> Result<Option<(Offset, TimestampMs)>, ReadError> {
    let log_start = partition.log_start_offset();
    let mut from = log_start;
    // What makes a segment or a batch look right may lie before the log's start, or be damaged: go
    // on behind it.
    loop {
        partition.check_online()?;
        let located = partition.locate(|log| log.place_of_time(timestamp, from))?;
        let Some((place, file)) = located else { return Ok(None) };
        let segment = Opened { partition, place: &place, file: &file, patience: Patience::Wait };
        let Some(found) = batch_at_time(&segment, indexes, timestamp, from)? else {
            from = place.end_offset;
            continue;
        };
        let Some(bytes) = segment.batch(&found)? else { continue };
        let record = records::find_timestamp(&bytes, timestamp, log_start, decompressed_max)
            .map_err(|_| ReadError::Corrupt)?;
        if record.is_some() {
            return Ok(record);
        }
        from = found.header.next_offset();
    }
}

/// Finds the earliest readable record with the largest timestamp. Waits for the device.
pub fn find_max_time(
    partition: &Partition,
    indexes: &Indexes,
    decompressed_max: usize,
) -> Result<Option<(Offset, TimestampMs)>, ReadError> {
    let log_start = partition.log_start_offset();
    let Some(newest) = partition.state().log.max_timestamp(log_start) else { return Ok(None) };
    if let Some(found) = find_time(partition, indexes, newest, decompressed_max)? {
        return Ok(Some(found));
    }
    // The record that has it lies before the log's start.
    match max_time_behind(partition, indexes, log_start, decompressed_max)? {
        Some(newest) => find_time(partition, indexes, newest, decompressed_max),
        None => Ok(None),
    }
}

/// The largest timestamp at or behind `log_start`, which lies inside a segment: of that segment
/// every batch counts for itself.
fn max_time_behind(
    partition: &Partition,
    indexes: &Indexes,
    log_start: Offset,
    decompressed_max: usize,
) -> Result<Option<TimestampMs>, ReadError> {
    let located = partition.locate(|log| log.place_of_offset(log_start))?;
    let Some((place, file)) = located else { return Ok(None) };
    let mut largest = partition.state().log.max_timestamp(place.end_offset);
    let segment = Opened { partition, place: &place, file: &file, patience: Patience::Wait };
    let by_offset =
        |index: &SparseIndex| index.position_for_offset(offset_delta(place.segment, log_start));
    let mut from = start(partition, indexes, &place, &file, Patience::Wait, by_offset)?;
    while let Some(position) = from {
        let Some(found) = segment.find(position, |head| head.last_offset() >= log_start)? else {
            break;
        };
        let header = &found.header;
        let newest = if header.base_offset < log_start {
            let Some(bytes) = segment.batch(&found)? else { continue };
            let found = records::find_max_timestamp(&bytes, log_start, decompressed_max);
            found.map_err(|_| ReadError::Corrupt)?.map(|(_, timestamp)| timestamp)
        } else {
            Some(header.max_timestamp).filter(|_| header.record_count > 0)
        };
        largest = largest.max(newest);
        from = Some(found.position + header.total_size() as u64);
    }
    Ok(largest.filter(|timestamp| *timestamp >= 0))
}

/// The first batch of a segment that reaches `timestamp` and, with its last record, `from`.
fn batch_at_time(
    segment: &Opened<'_>,
    indexes: &Indexes,
    timestamp: TimestampMs,
    from: Offset,
) -> Result<Option<Found>, ReadError> {
    let Opened { partition, place, file, patience } = *segment;
    let by_time = |index: &SparseIndex| index.position_for_time(timestamp);
    let position = start(partition, indexes, place, file, patience, by_time)?.unwrap_or(0);
    segment.find(position, |head| head.max_timestamp >= timestamp && head.last_offset() >= from)
}

/// Reads all whole batches of a partition from `offset` on, in order, until `visit` has seen the
/// last one. For folds at start; waits for the device.
pub fn replay(
    partition: &Partition,
    indexes: &Indexes,
    offset: Offset,
    mut visit: impl FnMut(&BatchHeader, &[u8]) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    const STEP_BYTES: u64 = 1024 * 1024;
    let mut next = offset.max(partition.log_start_offset());
    loop {
        let read = read(partition, indexes, next, STEP_BYTES, true, Patience::Wait)?;
        let Read::Slice(slice) = read else { return Ok(()) };
        let mut bytes = vec![0u8; slice.length as usize];
        let filled = partition.disk.read_at(&slice.file, &mut bytes, slice.position)?;
        let before = next;
        for item in batch::batches(&bytes[..filled]) {
            let (header, batch) = item.map_err(|_| ReadError::Corrupt)?;
            batch::check_crc(&header, batch).map_err(|_| ReadError::Corrupt)?;
            if header.last_offset() >= next {
                visit(&header, batch)?;
                next = header.next_offset();
            }
        }
        if next == before {
            return Err(ReadError::Corrupt);
        }
    }
}

/// Why an attempt at a segment did not succeed.
enum ReadFailure {
    /// The device would have to be asked.
    Cold,
    /// Some head does not fit its place: the segment must be looked through.
    Suspect,
    /// Damage was found and noted that was not known before: try again.
    Noted,
    Failed(ReadError),
}

impl From<io::Error> for ReadFailure {
    fn from(error: io::Error) -> ReadFailure {
        match error.kind() {
            io::ErrorKind::WouldBlock => ReadFailure::Cold,
            _ => ReadFailure::Failed(error.into()),
        }
    }
}

/// A batch in a segment.
struct Found {
    position: u64,
    header: BatchHeader,
    /// Offset behind the batch before.
    least_offset: Offset,
}

/// A segment that is being read.
struct Opened<'a> {
    partition: &'a Partition,
    place: &'a Place,
    file: &'a Arc<File>,
    patience: Patience,
}

impl Opened<'_> {
    fn key(&self) -> damage::Key {
        (self.place.segment, self.place.generation)
    }

    /// Repeats an attempt as long as it fails for damage that was not known; `None` if it would
    /// have to wait. `from` is where its walk begins.
    fn persist<T>(
        &self,
        from: u64,
        attempt: impl Fn() -> Result<T, ReadFailure>,
    ) -> Result<Option<T>, ReadError> {
        loop {
            match attempt() {
                Ok(done) => return Ok(Some(done)),
                Err(ReadFailure::Cold) => return Ok(None),
                Err(ReadFailure::Failed(error)) => return Err(error),
                Err(ReadFailure::Noted) => {}
                // Looking for damage takes the device.
                Err(ReadFailure::Suspect) if self.patience == Patience::Resident => {
                    return Ok(None);
                }
                Err(ReadFailure::Suspect) if self.look_through(from)? => {}
                Err(ReadFailure::Suspect) => return Err(ReadError::Corrupt),
            }
        }
    }

    /// The first batch at or behind `from` that is wanted, damaged ones passed over. Waits.
    fn find(
        &self,
        from: u64,
        wanted: impl Fn(&BatchHeader) -> bool,
    ) -> Result<Option<Found>, ReadError> {
        let find = || {
            let damages = self.partition.damages.of(self.key());
            Window::new(self, &damages).find(from, None, &wanted)
        };
        Ok(self.persist(from, find)?.flatten())
    }

    /// The bytes of a batch, or `None` if it was found damaged just now.
    fn batch(&self, found: &Found) -> Result<Option<Vec<u8>>, ReadError> {
        let mut bytes = vec![0u8; found.header.total_size()];
        let read = self.partition.disk.read_at(self.file, &mut bytes, found.position)?;
        if read == bytes.len() && batch::check_crc(&found.header, &bytes).is_ok() {
            return Ok(Some(bytes));
        }
        if self.look_through(found.position)? { Ok(None) } else { Err(ReadError::Corrupt) }
    }

    /// The range that answers a read from `offset` on. `bound` is an offset that must not be in it,
    /// and a position at or before its batch.
    fn range(
        &self,
        from: u64,
        offset: Offset,
        bound: Option<(u64, Offset)>,
        bytes_max: u64,
        whole_batch: bool,
    ) -> Result<Read, ReadFailure> {
        let Place { size, unread, .. } = *self.place;
        let damages = self.partition.damages.of(self.key());
        let wanted = |header: &BatchHeader| header.last_offset() >= offset;
        let found = Window::new(self, &damages).find(from, Some(offset), &wanted)?;
        // The segment reaches behind the offset, so something holds it.
        let found = found.ok_or(ReadFailure::Suspect)?;
        let (position, batch_size) = (found.position, found.header.total_size() as u64);
        if !whole_batch && bytes_max < batch_size {
            return Ok(Read::Empty);
        }
        let least = if whole_batch { batch_size } else { 0 };
        let behind = damages.iter().map(|damage| damage.position).filter(|at| *at > position);
        let mut end = behind.min().unwrap_or(size);
        if let Some((near, offset)) = bound {
            let wanted = |header: &BatchHeader| header.last_offset() >= offset;
            let bound = Window::new(self, &damages).find(near.max(position), None, &wanted)?;
            end = bound.map_or(end, |bound| end.min(bound.position));
        }
        let mut length = bytes_max.max(least).min(end - position);
        if length == 0 {
            return Ok(Read::Empty);
        }
        let disk = &self.partition.disk;
        if self.patience == Patience::Wait {
            disk.make_resident(self.file, position, length)?;
            length = length.min(self.sound_from(&found, length)? - position);
        } else {
            let to = (position + length).min(unread);
            let is_read =
                position >= unread || self.partition.damages.is_sound(self.key(), position, to);
            // The first byte was read just now; what lies between came or went with the ends.
            if !is_read || !disk.is_resident(self.file, position + length - 1) {
                return Err(ReadFailure::Cold);
            }
        }
        Ok(Read::Slice(Slice { file: Arc::clone(self.file), position, length }))
    }

    /// Where the sound batches end that begin with the one that was found, at least `length` bytes
    /// behind it unless damage comes before.
    fn sound_from(&self, found: &Found, length: u64) -> Result<u64, ReadFailure> {
        let Found { position, header, least_offset } = found;
        let epoch = self.partition.state().log.epochs.epoch_of(header.base_offset);
        let mut walk = self.walk(*position, *least_offset, epoch.unwrap_or(-1));
        let mut sound = *position;
        let mut is_new = false;
        while sound < position + length {
            match walk.step()? {
                Step::Batch { position, header } => sound = position + header.total_size() as u64,
                other => {
                    is_new = self.note(sound, *least_offset, &other);
                    break;
                }
            }
        }
        if sound > *position {
            self.partition.damages.note_sound(self.key(), *position, sound);
            return Ok(sound);
        }
        Err(if is_new { ReadFailure::Noted } else { ReadFailure::Failed(ReadError::Corrupt) })
    }

    fn walk(
        &self,
        position: u64,
        least_offset: Offset,
        least_epoch: LeaderEpoch,
    ) -> Walk<impl FnMut(&mut [u8], u64) -> io::Result<usize>> {
        let read = |buffer: &mut [u8], at| self.partition.disk.read_at(self.file, buffer, at);
        let most_offset = self.place.end_offset;
        let expected = Expected { least_offset, most_offset, least_epoch };
        Walk::new(Source::new(self.place.size, read), position, expected)
    }

    /// Looks through a segment from a batch on for damage that is not known yet. Says whether there
    /// was any.
    fn look_through(&self, from: u64) -> Result<bool, ReadError> {
        let damages = self.partition.damages.of(self.key());
        let known = damages.iter().find(|known| known.position <= from && from < known.end);
        let (from, least_offset) =
            known.map_or((from, self.place.segment), |known| (known.end, known.next_offset));
        let mut walk = self.walk(from, least_offset, -1);
        let (mut end, mut next_offset) = (from, least_offset);
        loop {
            match walk.step()? {
                Step::Batch { position, header } => {
                    end = position + header.total_size() as u64;
                    next_offset = header.next_offset();
                }
                Step::Damage(damage) if !self.note(end, next_offset, &Step::Damage(damage)) => {
                    (end, next_offset) = (damage.end, damage.next_offset);
                }
                Step::Damage(_) => return Ok(true),
                last => return Ok(self.note(end, next_offset, &last)),
            }
        }
    }

    /// Notes what a walk came upon at `position`. Says whether it was damage that was not known.
    fn note(&self, position: u64, offset: Offset, step: &Step) -> bool {
        let (end, next_offset) = (self.place.size, self.place.end_offset);
        let damage = match *step {
            Step::Damage(damage) => damage,
            Step::Tail { position, offset, fault } => {
                Damage { position, end, offset, next_offset, fault, unwritten: false }
            }
            // The file ends before the segment does.
            Step::End if offset < next_offset => {
                let fault = Fault::Torn;
                Damage { position, end, offset, next_offset, fault, unwritten: false }
            }
            Step::Batch { .. } | Step::End => return false,
        };
        self.partition.damages.note(&self.partition.folder, self.key(), damage)
    }
}

/// A moving window over a segment file while its headers are walked.
struct Window<'a> {
    segment: &'a Opened<'a>,
    damages: &'a [Damage],
    bytes: [u8; WINDOW_BYTES],
    from: u64,
    filled: usize,
}

impl<'a> Window<'a> {
    fn new(segment: &'a Opened<'a>, damages: &'a [Damage]) -> Window<'a> {
        Window { segment, damages, bytes: [0; WINDOW_BYTES], from: 0, filled: 0 }
    }

    /// The first batch at or behind `from` that is wanted. Damage is passed over, but for that
    /// which `offset` is lost with.
    fn find(
        &mut self,
        from: u64,
        offset: Option<Offset>,
        wanted: &impl Fn(&BatchHeader) -> bool,
    ) -> Result<Option<Found>, ReadFailure> {
        let place = self.segment.place;
        let (mut position, mut least_offset) = (from, place.segment);
        loop {
            let is_here = |damage: &&Damage| {
                damage.position <= position
                    && (position < damage.end || position == damage.position)
            };
            if let Some(damage) = self.damages.iter().find(is_here) {
                if offset.is_some_and(|offset| offset < damage.next_offset) {
                    return Err(ReadFailure::Failed(ReadError::Corrupt));
                }
                least_offset = damage.next_offset;
                if position == damage.end {
                    return Ok(None);
                }
                position = damage.end;
                continue;
            }
            if position + HEADER_SIZE as u64 > place.size {
                return Ok(None);
            }
            let header = self.header(position)?;
            let behind = position + header.total_size() as u64;
            let fits = behind <= place.size
                && header.base_offset >= least_offset
                && header.last_offset_delta >= 0
                && header.next_offset() <= place.end_offset;
            if !fits {
                return Err(ReadFailure::Suspect);
            }
            if wanted(&header) {
                return Ok(Some(Found { position, header, least_offset }));
            }
            (position, least_offset) = (behind, header.next_offset());
        }
    }

    fn header(&mut self, position: u64) -> Result<BatchHeader, ReadFailure> {
        let inside = position >= self.from
            && position + HEADER_SIZE as u64 <= self.from + self.filled as u64;
        if !inside {
            self.fill(position)?;
        }
        let at = (position - self.from) as usize;
        BatchHeader::parse(&self.bytes[at..self.filled]).map_err(|_| ReadFailure::Suspect)
    }

    fn fill(&mut self, position: u64) -> Result<(), ReadFailure> {
        let Opened { partition, place, file, patience } = *self.segment;
        let length = (place.size - position).min(WINDOW_BYTES as u64) as usize;
        let bytes = &mut self.bytes[..length];
        let read = match patience {
            Patience::Resident => partition.disk.read_resident(file, bytes, position),
            Patience::Wait => partition.disk.read_at(file, bytes, position),
        };
        self.from = position;
        self.filled = read?;
        if self.filled < HEADER_SIZE {
            // The rest of the header lies on a page that is not in memory, or is not there.
            return Err(match patience {
                Patience::Resident => ReadFailure::Cold,
                Patience::Wait => ReadFailure::Suspect,
            });
        }
        Ok(())
    }
}
