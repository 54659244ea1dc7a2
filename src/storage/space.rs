//! Whether there is room on the volume: Produce is refused while less is free than metadata,
//! offsets and RocksDB may need, so that a full disk stops producers and nothing else. It costs an
//! append two numbers in memory; the volume is asked after so many bytes, and by the flusher while
//! room is short. Where others fill the volume to the last byte, a file that is kept for that day
//! gives its blocks to RocksDB, which cannot be refused. Deliberately refuses nothing itself.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::disk::Disk;
use super::layout;

/// Bytes that may be written at least before the volume is asked again.
const STEP_BYTES_MIN: u64 = 64 * 1024;

/// Bytes that may be written at most before the volume is asked again: others write to it too.
const STEP_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes that must be free for groups and metadata to be written at all.
const VITAL_BYTES: u64 = 256 * 1024;

/// Size of the file whose blocks are given away, at most; and its share of the reserve.
const BALLAST_BYTES_MAX: u64 = 8 * 1024 * 1024;
const BALLAST_SHARE: u64 = 4;

/// Share of a small volume that is kept back at most.
const RESERVE_SHARE: u64 = 10;

/// The room on the volume that holds everything.
pub struct Space {
    disk: Disk,
    folder: PathBuf,
    reserve_bytes: u64,
    /// Bytes that may be written before the volume is asked again.
    step: AtomicI64,
    /// Less is free than the reserve.
    is_low: AtomicBool,
    /// Nothing is free.
    is_out: AtomicBool,
    /// Bytes that somebody was refused: so much must be free before anybody is admitted again.
    wanted: AtomicU64,
    /// Blocks are kept for RocksDB.
    has_ballast: AtomicBool,
}

impl Space {
    /// The room on the volume of `folder`, of which `reserve_bytes` are kept back, or a tenth of
    /// the volume if that is less.
    pub fn new(disk: Disk, folder: PathBuf, reserve_bytes: u64) -> Space {
        let (is_low, is_out) = (AtomicBool::new(false), AtomicBool::new(false));
        let has_ballast = disk.open_readonly(&folder.join(layout::BALLAST)).is_ok();
        let space = Space {
            disk,
            folder,
            reserve_bytes,
            step: AtomicI64::new(0),
            is_low,
            is_out,
            wanted: AtomicU64::new(STEP_BYTES_MIN),
            has_ballast: AtomicBool::new(has_ballast),
        };
        space.look();
        space
    }

    /// Room without end, for tests of other things.
    #[cfg(test)]
    pub fn unlimited() -> std::sync::Arc<Space> {
        std::sync::Arc::new(Space::new(Disk::Os, std::env::temp_dir(), 0))
    }

    /// Whether producers may write so many bytes now.
    pub fn admits(&self, bytes: usize) -> bool {
        if self.is_low.load(Ordering::Relaxed) {
            return false;
        }
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if self.step.fetch_sub(bytes, Ordering::Relaxed) > bytes {
            return true;
        }
        self.look_for(bytes.unsigned_abs())
    }

    /// Whether groups and metadata can be written.
    pub fn admits_vital(&self) -> bool {
        !self.is_out.load(Ordering::Relaxed)
    }

    /// Whether producers are refused.
    pub fn is_low(&self) -> bool {
        self.is_low.load(Ordering::Relaxed)
    }

    /// A write found no room at all.
    pub fn ran_out(&self) {
        self.is_out.store(true, Ordering::Relaxed);
        self.tell(true, 0);
    }

    /// Asks the volume. Answers whether producers may write.
    pub fn look(&self) -> bool {
        self.look_for(self.wanted.load(Ordering::Relaxed))
    }

    /// Sees to it that RocksDB finds room for a little, if need be in the place of the ballast.
    pub fn make_room(&self) {
        if self.is_exhausted() && self.has_ballast.swap(false, Ordering::Relaxed) {
            tracing::warn!(folder = %self.folder.display(),
                "the disk is full: the blocks of .ballast go to RocksDB");
            // What cannot be removed frees nothing; RocksDB says so next.
            let _ = self.disk.remove_file(&self.folder.join(layout::BALLAST));
        }
    }

    /// Whether next to nothing is free.
    pub fn is_exhausted(&self) -> bool {
        self.volume().1 < VITAL_BYTES
    }

    /// Keeps blocks for RocksDB, unless they are kept already or room is short.
    pub fn take_ballast(&self) {
        if self.has_ballast.load(Ordering::Relaxed) {
            return;
        }
        let Ok((total, free)) = self.disk.volume(&self.folder) else { return };
        let reserve = self.reserve(total);
        let bytes = BALLAST_BYTES_MAX.min(reserve / BALLAST_SHARE);
        if bytes == 0 || free <= reserve.saturating_add(bytes) {
            return;
        }
        let path = self.folder.join(layout::BALLAST);
        let file = self.disk.create_file(&path);
        match file.and_then(|file| self.disk.allocate(&file, 0, bytes)) {
            Ok(()) => self.has_ballast.store(true, Ordering::Relaxed),
            Err(error) => {
                tracing::debug!(%error, "no blocks can be kept for a full disk");
                // It holds nothing; one that stays counts for nothing.
                let _ = self.disk.remove_file(&path);
            }
        }
    }

    /// Its size, and what is free. One that cannot be asked has room without end: a write that
    /// fails says otherwise.
    fn volume(&self) -> (u64, u64) {
        self.disk.volume(&self.folder).unwrap_or((u64::MAX, u64::MAX))
    }

    fn reserve(&self, total: u64) -> u64 {
        self.reserve_bytes.min(total / RESERVE_SHARE)
    }

    /// Asks the volume whether so many bytes may be written.
    fn look_for(&self, bytes: u64) -> bool {
        let (total, free) = self.volume();
        let reserve = self.reserve(total);
        let room = free.saturating_sub(reserve);
        if free >= VITAL_BYTES.min(reserve) {
            self.is_out.store(false, Ordering::Relaxed);
        }
        // Half of it, because others write too, and because what is written takes whole blocks.
        let step = (room / 2).clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
        self.step.store(i64::try_from(step).unwrap_or(i64::MAX), Ordering::Relaxed);
        let wanted = bytes.clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
        let is_low = room < wanted;
        self.wanted.store(if is_low { wanted } else { STEP_BYTES_MIN }, Ordering::Relaxed);
        self.tell(is_low, free);
        room >= bytes
    }

    fn tell(&self, is_low: bool, free: u64) {
        if self.is_low.swap(is_low, Ordering::Relaxed) == is_low {
            return;
        }
        let folder = self.folder.display();
        match is_low {
            true => tracing::warn!(%folder, free, "the disk is full: producers are refused until \
                there is room again"),
            false => tracing::info!(%folder, free, "there is room on the disk again"),
        }
    }
}

/// Whether a write failed because there is no room, on the volume or within a limit, which passes.
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(reserve_bytes: u64) -> Space {
        Space::new(Disk::Os, std::env::temp_dir(), reserve_bytes)
    }

    #[test]
    fn a_volume_with_room_admits_until_it_is_asked_again() {
        let space = space(0);
        assert!(space.admits(1) && space.admits_vital());
        assert!(space.admits(usize::try_from(STEP_BYTES_MAX).unwrap()), "it was asked");
        assert!(!space.admits(usize::MAX / 2), "nothing has so much room");
        assert!(space.look() && space.admits(1));
    }

    #[test]
    fn what_found_no_room_stops_everything_until_somebody_looks() {
        let space = space(1024);
        space.ran_out();
        assert!(!space.admits(1) && !space.admits_vital() && space.is_low());
        assert!(space.look() && space.admits_vital() && !space.is_low());
    }
}
