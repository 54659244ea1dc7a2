//! Finding records in segment files: an offset or a time is looked up in the sparse index, then
//! batch headers are walked to the exact batch. Nothing here copies records; a read answers with a
//! range of a file. A read that would wait for the device says so instead, unless told to wait.

use std::io;
use std::sync::Arc;

use super::disk::{Disk, File};
use super::error::ReadError;
use super::index::Indexes;
use super::partition::Partition;
use crate::kernel::batch::{self, BatchHeader, HEADER_SIZE};
use crate::kernel::log::Place;
use crate::kernel::log::index::{SparseIndex, offset_delta};
use crate::kernel::records;
use crate::kernel::types::{Offset, TimestampMs};

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
    partition.check_online()?;
    let end = partition.high_watermark();
    if offset < partition.log_start_offset() || offset > end {
        return Err(ReadError::OffsetOutOfRange);
    }
    if offset == end {
        return Ok(Read::Empty);
    }
    let Some((place, file)) = partition.locate(|log| log.place_of_offset(offset))? else {
        return Ok(Read::Empty);
    };
    let by_offset = |index: &SparseIndex| {
        index.position_for_offset(offset_delta(place.segment, offset.max(place.segment)))
    };
    let Some(from) = start(partition, indexes, &place, &file, patience, by_offset)? else {
        return Ok(Read::Cold);
    };
    let mut window = Window::new(&partition.disk, &file, place.size, patience);
    let found = match window.find(from, |header| header.last_offset() >= offset) {
        Ok(found) => found,
        Err(ReadFailure::Cold) => return Ok(Read::Cold),
        Err(ReadFailure::Failed(error)) => return Err(error),
    };
    let Some((position, header)) = found else { return Ok(Read::Empty) };
    if !whole_batch && bytes_max < header.total_size() as u64 {
        return Ok(Read::Empty);
    }
    let least = if whole_batch { header.total_size() as u64 } else { 0 };
    let length = bytes_max.max(least).min(place.size - position);
    if length == 0 {
        return Ok(Read::Empty);
    }
    if patience == Patience::Wait {
        partition.disk.make_resident(&file, position, length)?;
    } else if !partition.disk.is_resident(&file, position + length - 1) {
        // The first byte was read just now; what lies between came or went with the ends.
        return Ok(Read::Cold);
    }
    Ok(Read::Slice(Slice { file, position, length }))
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
    // What makes a segment or a batch look right may lie before the log's start: go on behind it.
    loop {
        partition.check_online()?;
        let located = partition.locate(|log| log.place_of_time(timestamp, from))?;
        let Some(located) = located else { return Ok(None) };
        let end_offset = located.0.end_offset;
        let Some(found) = batch_at_time(partition, indexes, located, timestamp, from)? else {
            from = end_offset;
            continue;
        };
        let (file, position, header) = found;
        let bytes = read_batch(&partition.disk, &file, position, &header)?;
        let record = records::find_timestamp(&bytes, timestamp, log_start, decompressed_max)
            .map_err(|_| ReadError::Corrupt)?;
        if record.is_some() {
            return Ok(record);
        }
        from = header.next_offset();
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
    let mut window = Window::new(&partition.disk, &file, place.size, Patience::Wait);
    let by_offset =
        |index: &SparseIndex| index.position_for_offset(offset_delta(place.segment, log_start));
    let mut from = start(partition, indexes, &place, &file, Patience::Wait, by_offset)?;
    while let Some(position) = from {
        let found = window.find(position, |header| header.last_offset() >= log_start);
        let Some((position, header)) = found? else { break };
        let newest = if header.base_offset < log_start {
            let bytes = read_batch(&partition.disk, &file, position, &header)?;
            let found = records::find_max_timestamp(&bytes, log_start, decompressed_max);
            found.map_err(|_| ReadError::Corrupt)?.map(|(_, timestamp)| timestamp)
        } else {
            Some(header.max_timestamp).filter(|_| header.record_count > 0)
        };
        largest = largest.max(newest);
        from = Some(position + header.total_size() as u64);
    }
    Ok(largest.filter(|timestamp| *timestamp >= 0))
}

type FoundBatch = (Arc<File>, u64, BatchHeader);

/// The first batch of a segment that reaches `timestamp` and, with its last record, `from`.
fn batch_at_time(
    partition: &Partition,
    indexes: &Indexes,
    (place, file): (Place, Arc<File>),
    timestamp: TimestampMs,
    from: Offset,
) -> Result<Option<FoundBatch>, ReadError> {
    let by_time = |index: &SparseIndex| index.position_for_time(timestamp);
    let position = start(partition, indexes, &place, &file, Patience::Wait, by_time)?.unwrap_or(0);
    let mut window = Window::new(&partition.disk, &file, place.size, Patience::Wait);
    let wanted =
        |header: &BatchHeader| header.max_timestamp >= timestamp && header.last_offset() >= from;
    let found = window.find(position, wanted)?;
    Ok(found.map(|(position, header)| (file, position, header)))
}

fn read_batch(
    disk: &Disk,
    file: &File,
    position: u64,
    header: &BatchHeader,
) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0u8; header.total_size()];
    let read = disk.read_at(file, &mut bytes, position)?;
    if read < bytes.len() || batch::check_crc(header, &bytes).is_err() {
        return Err(ReadError::Corrupt);
    }
    Ok(bytes)
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

enum ReadFailure {
    Cold,
    Failed(ReadError),
}

impl From<ReadFailure> for ReadError {
    /// For readers that wait, which nothing is too cold for.
    fn from(failure: ReadFailure) -> ReadError {
        match failure {
            ReadFailure::Cold => ReadError::Corrupt,
            ReadFailure::Failed(error) => error,
        }
    }
}

/// A moving window over a segment file while its headers are walked.
struct Window<'a> {
    disk: &'a Disk,
    file: &'a File,
    end: u64,
    patience: Patience,
    bytes: [u8; WINDOW_BYTES],
    from: u64,
    filled: usize,
}

impl<'a> Window<'a> {
    fn new(disk: &'a Disk, file: &'a File, end: u64, patience: Patience) -> Window<'a> {
        Window { disk, file, end, patience, bytes: [0; WINDOW_BYTES], from: 0, filled: 0 }
    }

    /// The first batch at or behind `from` that is wanted.
    fn find(
        &mut self,
        from: u64,
        wanted: impl Fn(&BatchHeader) -> bool,
    ) -> Result<Option<(u64, BatchHeader)>, ReadFailure> {
        let mut position = from;
        while position + HEADER_SIZE as u64 <= self.end {
            let header = self.header(position)?;
            if wanted(&header) {
                return Ok(Some((position, header)));
            }
            position += header.total_size() as u64;
        }
        Ok(None)
    }

    fn header(&mut self, position: u64) -> Result<BatchHeader, ReadFailure> {
        let inside = position >= self.from
            && position + HEADER_SIZE as u64 <= self.from + self.filled as u64;
        if !inside {
            self.fill(position)?;
        }
        let at = (position - self.from) as usize;
        BatchHeader::parse(&self.bytes[at..self.filled])
            .map_err(|_| ReadFailure::Failed(ReadError::Corrupt))
    }

    fn fill(&mut self, position: u64) -> Result<(), ReadFailure> {
        let length = (self.end - position).min(WINDOW_BYTES as u64) as usize;
        let bytes = &mut self.bytes[..length];
        let read = match self.patience {
            Patience::Resident => self.disk.read_resident(self.file, bytes, position),
            Patience::Wait => self.disk.read_at(self.file, bytes, position),
        };
        self.from = position;
        self.filled = match read {
            Ok(read) if read >= HEADER_SIZE => read,
            Ok(_) if self.patience == Patience::Wait => {
                return Err(ReadFailure::Failed(ReadError::Corrupt));
            }
            // The rest of the header lies on a page that is not in memory.
            Ok(_) => return Err(ReadFailure::Cold),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(ReadFailure::Cold);
            }
            Err(error) => return Err(ReadFailure::Failed(error.into())),
        };
        Ok(())
    }
}
