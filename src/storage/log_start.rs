//! Where a log starts because a client deleted the records before: kept in a file beside the
//! segments, which tell only where their first batch begins. Retention needs no such file, and
//! segments below the start are removed by the janitor.
//!
//! The file `log-start-offset` holds the offset, sealed. It is replaced as a whole, so a crash
//! leaves the old start or the new one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::disk::Disk;
use super::error::{DeletionError, StorageError};
use super::layout;
use super::partition::Partition;
use super::sealed_offset::{decode, encode};
use super::space;
use crate::kernel::types::Offset;

impl Partition {
    /// Where the log would start if a client deleted the records before `wanted`, or all that may
    /// be read if `None`. Changes nothing.
    pub fn start_after_deletion(&self, wanted: Option<Offset>) -> Result<Offset, DeletionError> {
        self.check_online()?;
        let config = self.config();
        if config.cleanup_compact && !config.cleanup_delete {
            return Err(DeletionError::CompactedOnly);
        }
        let start = self.state().log.start_after_deletion(wanted, self.high_watermark());
        start.map_err(|_| DeletionError::OffsetOutOfRange)
    }

    /// Lets the log start at `offset`, on disk and then for readers; nothing happens if it starts
    /// there or behind already. Answers where it starts. The records up to `offset` must be
    /// durable, so that the log cannot end before its start. Waits for the device.
    pub fn delete_before(self: &Arc<Self>, offset: Offset) -> Result<Offset, StorageError> {
        // One writer at a time, and none in a folder that is being removed.
        let _turn = self.sync_turn();
        self.check_online()?;
        if offset <= self.log_start_offset() {
            return Ok(self.log_start_offset());
        }
        if let Err(error) = write(&self.disk, &self.folder, offset) {
            self.poison_unless_it_passes(&error);
            self.check_online()?;
            return Err(match space::is_full(&error) {
                true => StorageError::Full,
                false => error.into(),
            });
        }
        let start = {
            let mut state = self.state();
            state.log.raise_start(offset);
            state.log.log_start_offset
        };
        self.publish_log_start(start);
        Ok(start)
    }
}

/// The start kept in a partition's folder, if there is one. A damaged file is told and counts for
/// nothing: deleted records that are still there come back.
pub fn read(disk: &Disk, folder: &Path) -> io::Result<Option<Offset>> {
    let path = folder.join(layout::LOG_START_OFFSET);
    let bytes = match disk.read_file(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let start = decode(&bytes);
    if start.is_none() {
        tracing::error!(file = %path.display(),
            "the file is damaged; records that were deleted may be there again");
    }
    Ok(start)
}

fn write(disk: &Disk, folder: &Path, start: Offset) -> io::Result<()> {
    disk.replace_file(&folder.join(layout::LOG_START_OFFSET), &encode(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as it was first written.
    const FIXTURE: &[u8] = include_bytes!("fixtures/log-start-offset.bin");

    #[test]
    fn the_first_files_can_still_be_read() {
        assert_eq!(decode(FIXTURE), Some(0x0102_0304_0506_0708));
        assert_eq!(encode(0x0102_0304_0506_0708), FIXTURE);
    }

    #[test]
    fn damage_is_noticed() {
        for at in 0..FIXTURE.len() {
            let mut damaged = FIXTURE.to_vec();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), None);
            assert_eq!(decode(&FIXTURE[..at]), None);
        }
        assert_eq!(decode(&encode(-1)), None);
        assert_eq!(decode(&[FIXTURE, &[0]].concat()), None);
    }
}
