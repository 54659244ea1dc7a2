//! A folder for tests and the storage in it, on the system's disk and a real RocksDB, opened as
//! often as a test wants. Deliberately knows no topic.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::storage::disk::Disk;
use crate::storage::flusher::Flusher;
use crate::storage::layout;
use crate::storage::partition::Durability;
use crate::storage::partitions::Partitions;
use crate::storage::rocks::Rocks;
use crate::storage::space::Space;

static PLACES: AtomicU32 = AtomicU32::new(0);

/// A folder that goes when it is dropped.
pub struct Place {
    /// Where it is.
    pub folder: PathBuf,
}

/// All partitions, of which there is none yet, and the thread that syncs them.
pub struct Open {
    /// The partitions.
    pub partitions: Partitions,
    /// The thread; it ends when this is dropped.
    pub flusher: Flusher,
}

impl Place {
    /// A new, empty folder.
    pub fn empty() -> Place {
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        let name = format!("felice-place-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // One that was left behind by a process that was killed.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Place { folder }
    }

    /// Opens what is in it, as a start of the broker does.
    pub fn open(&self) -> Open {
        let space = Space::unlimited();
        let rocks = Rocks::open(&self.folder.join(layout::ROCKS), Arc::clone(&space)).unwrap();
        let rocks = Arc::new(rocks);
        let flusher = Flusher::start(Arc::clone(&rocks), Arc::default(), space).unwrap();
        let (folder, handle) = (self.folder.clone(), flusher.handle());
        let durability = Durability::Fsync;
        let partitions =
            Partitions::new(Disk::Os, folder, rocks, handle, durability, Arc::default());
        Open { partitions, flusher }
    }

    /// Loses all that can be rebuilt.
    pub fn forget_rocks(&self) {
        std::fs::remove_dir_all(self.folder.join(layout::ROCKS)).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary directory harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
