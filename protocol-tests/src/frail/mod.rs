//! A file system of our own that breaks when it is told to: the power goes and what was not synced
//! is lost, a sync fails, there is no room. It lives in memory and is mounted through FUSE, so that
//! the broker's binary runs on it unchanged. It needs root and keeps nothing when it is dropped.

mod serve;
mod tree;

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use tree::Loss;

use crate::chance::Chance;
use tree::Tree;

/// What is to go wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Nothing works any more: there is no power.
    pub dead: bool,
    /// Syncs of files succeed and keep nothing: a fault of the disk that a checker must notice.
    pub lies: bool,
    /// A call that fails with EIO. After a write no other to that file succeeds: of one that comes
    /// to the disk in pieces the first may have got there, and then nobody is told.
    pub failing: Option<Failing>,
    /// Bytes that all files together may have; beyond them writes are short or fail with ENOSPC.
    pub room: Option<u64>,
}

/// What a file system is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// To write to a file.
    Write,
    /// To make a file durable.
    Sync,
    /// To make the names in a folder durable.
    SyncFolder,
    /// To give a file or folder another name.
    Rename,
}

/// Which call fails.
#[derive(Clone, Debug)]
pub struct Failing {
    /// What is asked for.
    pub call: Call,
    /// What is in the path of what it is asked of, with a slash in front. Of a rename it is the old
    /// path.
    pub part: String,
    /// How that path ends.
    pub ending: String,
    /// How many more such calls succeed before.
    pub left: u64,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The file or folder of the call that failed, and when.
    pub failed: Option<(String, Instant)>,
    /// How often that one was synced afterwards.
    pub again: u64,
}

#[derive(Default)]
struct State {
    tree: Tree,
    faults: Faults,
    seen: Seen,
    failed_node: Option<(Call, u64)>,
}

/// For so long a sync that another thread had begun may still arrive behind a failed write.
const CROSSING_MAX: Duration = Duration::from_millis(100);

impl State {
    /// Whether a call of this file or folder has failed, and nobody may sync it any more.
    fn is_behind_failure(&self, node: u64) -> bool {
        let since = self.seen.failed.as_ref().map_or(Duration::ZERO, |(_, at)| at.elapsed());
        match self.failed_node {
            Some((Call::Write, failed)) => failed == node && since > CROSSING_MAX,
            Some((_, failed)) => failed == node,
            None => false,
        }
    }

    /// Whether a call fails, and notes syncs of a file or folder of which a call has failed.
    fn fails(&mut self, call: Call, node: u64) -> bool {
        if self.failed_node == Some((Call::Write, node)) && call == Call::Write {
            return true;
        }
        if matches!(call, Call::Sync | Call::SyncFolder) && self.is_behind_failure(node) {
            self.seen.again += 1;
        }
        let Some(failing) = &mut self.faults.failing else { return false };
        if failing.call != call {
            return false;
        }
        let path = self.tree.path(node);
        if !path.contains(&failing.part) || !path.ends_with(&failing.ending) {
            return false;
        }
        if failing.left > 0 {
            failing.left -= 1;
            return false;
        }
        self.faults.failing = None;
        self.failed_node = Some((call, node));
        self.seen.failed = Some((path, Instant::now()));
        true
    }
}

/// The file system, which may be mounted.
pub struct Frail {
    state: Arc<Mutex<State>>,
    place: PathBuf,
    server: Option<JoinHandle<()>>,
}

/// Lets what this process and its children mount be theirs alone, so that it goes with them. To be
/// called before there are threads.
pub fn keep_mounts_private() -> io::Result<()> {
    // SAFETY: plain system calls; the strings end in a zero byte.
    unsafe {
        checked(libc::unshare(libc::CLONE_NEWNS))?;
        let flags = libc::MS_REC | libc::MS_PRIVATE;
        let none = c"none".as_ptr();
        checked(libc::mount(none, c"/".as_ptr(), std::ptr::null(), flags, std::ptr::null()))
    }
}

/// Whether there is FUSE, and this process may use it.
pub fn is_possible() -> io::Result<()> {
    File::options().read(true).write(true).open("/dev/fuse").map(drop)
}

fn checked(answer: i32) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Mounts a file system of memory with so many bytes.
pub fn mount_memory(place: &Path, bytes: u64) -> io::Result<()> {
    mount(place, c"tmpfs", &format!("size={bytes}"))
}

fn mount(place: &Path, kind: &std::ffi::CStr, options: &str) -> io::Result<()> {
    let place = path_text(place)?;
    let options = CString::new(options)?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    // SAFETY: all strings end in a zero byte and outlive the call.
    checked(unsafe {
        libc::mount(kind.as_ptr(), place.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast())
    })
}

/// Takes a file system away, also one that somebody still uses.
pub fn unmount(place: &Path) -> io::Result<()> {
    let place = path_text(place)?;
    // SAFETY: the string ends in a zero byte.
    checked(unsafe { libc::umount2(place.as_ptr(), libc::MNT_DETACH) })
}

fn path_text(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

impl Frail {
    /// Mounts an empty one on a folder.
    pub fn mount(place: &Path) -> io::Result<Frail> {
        std::fs::create_dir_all(place)?;
        let mut frail = Frail { state: Arc::default(), place: place.to_owned(), server: None };
        frail.restore()?;
        Ok(frail)
    }

    /// Where it is mounted.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Says what is to go wrong from now on. Nothing has so far.
    pub fn set(&self, faults: Faults) {
        let mut state = self.state();
        (state.seen, state.failed_node) = (Seen::default(), None);
        state.faults = faults;
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.state().tree.size()
    }

    /// What happened so far.
    pub fn seen(&self) -> Seen {
        self.state().seen.clone()
    }

    /// Cuts the power: from this moment every call fails, and what no sync covers is lost.
    pub fn cut(&self, loss: Loss, chance: &mut Chance) {
        let mut state = self.state();
        state.faults = Faults { dead: true, ..Faults::default() };
        state.tree.cut(loss, chance);
    }

    /// Mounts it again, with what is left, after the processes that used it have ended.
    pub fn restore(&mut self) -> io::Result<()> {
        self.end();
        let device = File::options().read(true).write(true).open("/dev/fuse")?;
        let number = device.as_raw_fd();
        let options = format!("fd={number},rootmode=40755,user_id=0,group_id=0,allow_other");
        mount(&self.place, c"fuse", &options)?;
        self.set(Faults::default());
        let state = Arc::clone(&self.state);
        let thread = std::thread::Builder::new().name("frail".into());
        self.server = Some(thread.spawn(move || serve::serve(&device, &state))?);
        Ok(())
    }

    fn end(&mut self) {
        if let Some(server) = self.server.take() {
            // The thread ends with the last user of the mount, which may be a while: it only reads
            // the device, which knows.
            let _ = unmount(&self.place);
            drop(server);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Frail {
    fn drop(&mut self) {
        self.end();
    }
}
