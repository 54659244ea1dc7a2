//! A small volume of its own for a broker, so that a disk can be full. It takes the right to mount;
//! where that is missing the test says so and has tested nothing.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::frail;

/// Makes the folders of one test process different.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A mounted volume in memory. It goes with this value.
pub struct Volume {
    folder: PathBuf,
}

impl Volume {
    /// Mounts one of so many mebibytes; `None`, said aloud, where that is not allowed.
    pub fn mount(mebibytes: u32) -> Option<Volume> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("felice-volume-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder in the temporary directory");
        if let Err(error) = frail::mount_memory(&folder, u64::from(mebibytes) << 20) {
            eprintln!("SKIPPED: no volume of its own can be mounted: {error}");
            let _ = fs::remove_dir(&folder);
            return None;
        }
        Some(Volume { folder })
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fills it to the last byte. What it takes is free again when `free` is called.
    pub fn fill(&self) {
        let mut file = File::create(self.folder.join("hog")).expect("a file");
        while file.write_all(&[b'x'; 4096]).is_ok() {}
    }

    /// Takes back what `fill` wrote.
    pub fn free(&self) {
        fs::remove_file(self.folder.join("hog")).expect("it was filled");
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Nobody can do anything about one that stays.
        let _ = frail::unmount(&self.folder);
        let _ = fs::remove_dir(&self.folder);
    }
}
