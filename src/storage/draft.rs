//! A compacted segment that is being written: batches go in, a synced file comes out. Deliberately
//! decides nothing, and is worth nothing before `swap` has put it in its place.

use std::io;
use std::path::Path;

use super::disk::{Disk, File};
use crate::kernel::batch::BatchHeader;
use crate::kernel::log::rewrite::Cleaned;
use crate::kernel::log::segment::Segment;
use crate::kernel::types::Offset;

/// Bytes written at a time.
const STEP_BYTES: usize = 1024 * 1024;

/// A compacted segment that is being written.
pub struct Draft {
    disk: Disk,
    file: File,
    /// What is known of it so far.
    pub segment: Segment,
    interval: u64,
    pending: Vec<u8>,
    written: u64,
    /// Whether it differs from what it is made from.
    pub changed: bool,
}

impl Draft {
    /// Makes an empty one. An index entry is due every `interval` bytes.
    pub fn create(
        disk: &Disk,
        path: &Path,
        base_offset: Offset,
        interval: u64,
    ) -> io::Result<Draft> {
        let file = disk.create_file(path)?;
        let disk = disk.clone();
        let pending = Vec::with_capacity(STEP_BYTES);
        let segment = Segment::empty(base_offset);
        Ok(Draft { disk, file, segment, interval, pending, written: 0, changed: false })
    }

    /// Takes in what was made of a batch.
    pub fn add(&mut self, header: &BatchHeader, batch: &[u8], cleaned: Cleaned) -> io::Result<()> {
        self.changed |= cleaned != Cleaned::Unchanged;
        match cleaned {
            Cleaned::Dropped => return Ok(()),
            Cleaned::Unchanged => self.push(header, batch),
            Cleaned::Rewritten(batch) => {
                let header = BatchHeader::parse(&batch).expect("it was just encoded");
                self.push(&header, &batch);
            }
        }
        if self.pending.len() >= STEP_BYTES { self.write() } else { Ok(()) }
    }

    fn push(&mut self, header: &BatchHeader, batch: &[u8]) {
        self.segment.append(header, self.interval);
        self.pending.extend_from_slice(batch);
    }

    fn write(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.disk.write_all_at(&self.file, &[&self.pending], self.written)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Writes what is left, and waits until all of it is on the device.
    pub fn finish(&mut self) -> io::Result<()> {
        self.write()?;
        self.disk.sync_data(&self.file)
    }
}
