//! A small volume of its own for a broker, so that a disk can be full. It takes the right to mount;
//! where that is missing the test says so and has tested nothing.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

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
        let path = CString::new(folder.as_os_str().as_bytes()).expect("a path");
        let size = CString::new(format!("size={mebibytes}m")).expect("an option");
        let kind = c"tmpfs".as_ptr();
        // SAFETY: all pointers are to strings that end in zero and outlive the call.
        let mounted =
            unsafe { libc::mount(kind, path.as_ptr(), kind, 0, size.as_ptr().cast()) } == 0;
        if !mounted {
            let error = io::Error::last_os_error();
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
        let path = CString::new(self.folder.as_os_str().as_bytes()).expect("a path");
        // SAFETY: the pointer is to a string that ends in zero and outlives the call.
        unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
        let _ = fs::remove_dir(&self.folder);
    }
}
