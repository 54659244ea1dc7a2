//! Which batches of a segment file are sound, and where the next sound one begins behind one that
//! is not. A checksum covers all of a batch but its first 21 bytes: base offset, length and leader
//! epoch are held against the batches around it.
//!
//! It reads through a function of the caller's and changes nothing; what becomes of an unsound
//! batch is decided elsewhere.

use std::io;

use crate::kernel::batch::{self, ATTRIBUTES_AT, BatchHeader, HEADER_SIZE, MAGIC, MAGIC_AT};
use crate::kernel::types::{LeaderEpoch, Offset};

#[cfg(test)]
#[path = "soundness_tests.rs"]
mod tests;

/// Bytes read at a time.
const STEP_BYTES: usize = 1024 * 1024;

/// Bytes of batches that are checked in vain before a search is given up: records may be made to
/// look like batches.
const SEARCH_BYTES_MAX: u64 = 1 << 30;

/// Bytes that a device writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// Bytes at the beginning of a batch that are never all zero: its offset and its length.
const NONZERO_BYTES: u64 = 12;

/// The largest offset that may follow the last record of a segment.
pub fn offset_max(base_offset: Offset) -> Offset {
    base_offset.saturating_add(i64::from(i32::MAX)).saturating_add(1)
}

/// Why a batch is not sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The head is none of a batch of format v2.
    #[error("{0}")]
    Head(batch::Error),
    /// The file ends within the batch.
    #[error("the file ends within the batch")]
    Torn,
    /// The offsets do not fit between those around.
    #[error("the offsets do not fit their place")]
    Offset,
    /// The leader epoch does not fit between those around.
    #[error("the leader epoch does not fit its place")]
    Epoch,
    /// The checksum is not that of the bytes.
    #[error("the CRC-32C is not that of the bytes")]
    Crc,
}

/// What must hold of a batch because of where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its base offset is at least this.
    pub least_offset: Offset,
    /// The offset behind its last record is at most this.
    pub most_offset: Offset,
    /// Its leader epoch is at least this.
    pub least_epoch: LeaderEpoch,
}

impl Expected {
    /// What the offsets and the epoch of a head have against them.
    fn fault(&self, header: &BatchHeader) -> Option<Fault> {
        let fits = header.base_offset >= self.least_offset
            && header.last_offset_delta >= 0
            && header.next_offset() <= self.most_offset;
        if !fits {
            return Some(Fault::Offset);
        }
        (header.leader_epoch < self.least_epoch).then_some(Fault::Epoch)
    }
}

/// Bytes of a segment that hold no sound batch, with sound ones or nothing behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where they begin.
    pub position: u64,
    /// Where they end.
    pub end: u64,
    /// First offset that is lost with them.
    pub offset: Offset,
    /// First offset behind that is not.
    pub next_offset: Offset,
    /// What is wrong with the first batch.
    pub fault: Fault,
    /// Whether part of it never reached the device: it was appended and not synced, and so was all
    /// that is behind.
    pub unwritten: bool,
}

/// What a walk comes upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A sound batch.
    Batch {
        /// Where it begins.
        position: u64,
        /// Its head.
        header: BatchHeader,
    },
    /// Something else, with a sound batch behind.
    Damage(Damage),
    /// Something else, with nothing sound behind it in this file.
    Tail {
        /// Where it begins.
        position: u64,
        /// First offset that is lost with it.
        offset: Offset,
        /// What is wrong.
        fault: Fault,
    },
    /// The end of the file, right behind a batch.
    End,
}

/// A walk over all batches of a segment.
pub struct Walk<R> {
    source: Source<R>,
    position: u64,
    expected: Expected,
}

impl<R: FnMut(&mut [u8], u64) -> io::Result<usize>> Walk<R> {
    /// Begins at `position`, where a batch that is `expected` begins.
    pub fn new(source: Source<R>, position: u64, expected: Expected) -> Walk<R> {
        Walk { source, position, expected }
    }

    /// The bytes of the batch that the last step came upon.
    pub fn batch(&mut self, position: u64, header: &BatchHeader) -> io::Result<&[u8]> {
        let size = header.total_size();
        let bytes = self.source.bytes(position, size)?;
        bytes.get(..size).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Takes the next step. There is none behind a tail or the end.
    pub fn step(&mut self) -> io::Result<Step> {
        let (position, offset) = (self.position, self.expected.least_offset);
        if position >= self.source.size() {
            return Ok(Step::End);
        }
        match self.source.check(position, &self.expected)? {
            Ok(header) => {
                self.position += header.total_size() as u64;
                self.expected.least_offset = header.next_offset();
                self.expected.least_epoch = header.leader_epoch.max(self.expected.least_epoch);
                Ok(Step::Batch { position, header })
            }
            Err(fault) => match self.source.next_sound(position, &self.expected)? {
                Some((end, header)) => {
                    let unwritten = self.source.lacks_sectors(position, end)?;
                    self.position = end;
                    self.expected.least_offset = header.base_offset;
                    let next_offset = header.base_offset;
                    let damage = Damage { position, end, offset, next_offset, fault, unwritten };
                    Ok(Step::Damage(damage))
                }
                None => {
                    self.position = self.source.size();
                    Ok(Step::Tail { position, offset, fault })
                }
            },
        }
    }
}

/// A segment file while its batches are checked, one window after the other.
pub struct Source<R> {
    read: R,
    size: u64,
    window: Vec<u8>,
    from: u64,
}

impl<R: FnMut(&mut [u8], u64) -> io::Result<usize>> Source<R> {
    /// The first `size` bytes of a file, which `read` reads at a position: as many as there is room
    /// for, fewer only at the file's end.
    pub fn new(size: u64, read: R) -> Source<R> {
        Source { read, size, window: Vec::new(), from: 0 }
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes at `position`, at least `least` of them unless the file ends before.
    fn bytes(&mut self, position: u64, least: usize) -> io::Result<&[u8]> {
        let inside = position >= self.from
            && position + least as u64 <= self.from + self.window.len() as u64;
        if !inside {
            let rest = self.size.saturating_sub(position);
            let length = rest.min(STEP_BYTES.max(least) as u64) as usize;
            self.window.resize(length, 0);
            let filled = (self.read)(&mut self.window, position)?;
            self.window.truncate(filled);
            self.from = position;
        }
        Ok(&self.window[(position - self.from) as usize..])
    }

    /// The head at `position`.
    pub fn head(&mut self, position: u64) -> io::Result<Result<BatchHeader, Fault>> {
        Ok(BatchHeader::parse(self.bytes(position, HEADER_SIZE)?).map_err(|error| match error {
            batch::Error::Truncated => Fault::Torn,
            error => Fault::Head(error),
        }))
    }

    /// Checks the batch at `position`.
    pub fn check(
        &mut self,
        position: u64,
        expected: &Expected,
    ) -> io::Result<Result<BatchHeader, Fault>> {
        let header = match self.head(position)? {
            Ok(header) => header,
            Err(fault) => return Ok(Err(fault)),
        };
        if let Some(fault) = expected.fault(&header) {
            return Ok(Err(fault));
        }
        let behind = position + header.total_size() as u64;
        if behind > self.size {
            return Ok(Err(Fault::Torn));
        }
        if !self.crc_fits(position, &header)? {
            return Ok(Err(Fault::Crc));
        }
        Ok(match self.contradiction(behind, &header, expected)? {
            Some(fault) => Err(fault),
            None => Ok(header),
        })
    }

    /// What the batch behind a whole one has against its offset or epoch, which no checksum covers.
    /// A batch that follows right on the one before is believed more than the one behind.
    fn contradiction(
        &mut self,
        behind: u64,
        header: &BatchHeader,
        expected: &Expected,
    ) -> io::Result<Option<Fault>> {
        let Ok(next) = self.head(behind)? else { return Ok(None) };
        if expected.fault(&next).is_some() {
            return Ok(None);
        }
        let fault = if header.base_offset > expected.least_offset
            && next.base_offset < header.next_offset()
        {
            Fault::Offset
        } else if next.leader_epoch < header.leader_epoch {
            Fault::Epoch
        } else {
            return Ok(None);
        };
        let is_whole = behind + next.total_size() as u64 <= self.size;
        Ok((is_whole && self.crc_fits(behind, &next)?).then_some(fault))
    }

    /// Whether the checksum of a whole batch is that of its bytes.
    fn crc_fits(&mut self, position: u64, header: &BatchHeader) -> io::Result<bool> {
        let end = position + header.total_size() as u64;
        let (mut at, mut crc) = (position + ATTRIBUTES_AT as u64, 0);
        while at < end {
            let wanted = (end - at).min(STEP_BYTES as u64) as usize;
            let bytes = self.bytes(at, wanted)?;
            if bytes.is_empty() {
                return Ok(false);
            }
            let piece = &bytes[..bytes.len().min(wanted)];
            crc = crc32c::crc32c_append(crc, piece);
            at += piece.len() as u64;
        }
        Ok(crc == header.crc)
    }

    /// Whether a sector between `from`, where a batch should begin, and `to` was never written. A
    /// log only grows, so what a power cut took of it is zeros to the end of a sector.
    fn lacks_sectors(&mut self, from: u64, to: u64) -> io::Result<bool> {
        let mut at = from;
        loop {
            let end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
            if end > to {
                return Ok(false);
            }
            let length = (end - at) as usize;
            let bytes = self.bytes(at, length)?;
            let Some(sector) = bytes.get(..length) else { return Ok(false) };
            if end - at >= NONZERO_BYTES && sector.iter().all(|byte| *byte == 0) {
                return Ok(true);
            }
            at = end;
        }
    }

    /// The first sound batch behind the unsound one at `bad`, with its position. Where the unsound
    /// one says that it ends is believed only if the batch there goes on with its offsets; else
    /// every byte may begin the next.
    fn next_sound(
        &mut self,
        bad: u64,
        expected: &Expected,
    ) -> io::Result<Option<(u64, BatchHeader)>> {
        if let Ok(claim) = self.head(bad)? {
            let behind = bad + claim.total_size() as u64;
            if behind < self.size
                && let Ok(header) = self.check(behind, expected)?
                && header.base_offset == claim.next_offset()
            {
                return Ok(Some((behind, header)));
            }
        }
        let mut searched = 0;
        let mut position = bad + 1;
        while position + HEADER_SIZE as u64 <= self.size && searched < SEARCH_BYTES_MAX {
            let bytes = self.bytes(position, HEADER_SIZE)?;
            if bytes.len() < HEADER_SIZE {
                // The file is shorter than it was.
                break;
            }
            let Some(skip) = candidate(bytes, expected) else {
                position += bytes.len().saturating_sub(HEADER_SIZE - 1).max(1) as u64;
                continue;
            };
            position += skip as u64;
            match self.check(position, expected)? {
                Ok(header) => return Ok(Some((position, header))),
                Err(_) => {
                    searched += self.head(position)?.map_or(0, |head| head.total_size() as u64);
                    position += 1;
                }
            }
        }
        Ok(None)
    }
}

/// Where the first head in `bytes` begins that may be one of a batch in this place.
fn candidate(bytes: &[u8], expected: &Expected) -> Option<usize> {
    let last = bytes.len().checked_sub(HEADER_SIZE)?;
    (0..=last).find(|at| {
        bytes[at + MAGIC_AT] == MAGIC as u8
            && BatchHeader::parse(&bytes[*at..]).is_ok_and(|head| expected.fault(&head).is_none())
    })
}
