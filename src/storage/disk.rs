//! The disk: every call to the operating system's files goes through here, that of RocksDB and the
//! lock of the data directory excepted. Whole writes, exact reads, syncs and folders; it knows
//! nothing of logs.

pub use std::fs::File;
use std::fs::{self, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::Advice;
use rustix::io::Errno;

#[cfg(test)]
use super::sim_disk::SimDisk;

/// Most pieces the operating system takes in one vectored write.
const PIECES_MAX: usize = 1024;

/// Distance of the bytes that are waited for while a range comes in from the device.
const READ_AHEAD_STEP_BYTES: usize = 64 * 1024;

/// Most threads that wait for the operating system's files at the same time.
const THREADS_MAX: usize = 8;

/// A name in a folder.
#[derive(Debug)]
pub struct Entry {
    /// The last part of its path.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
}

/// What storage reaches its files through. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Disk {
    /// The operating system.
    Os,
    /// The operating system, watched and hindered by a simulation.
    #[cfg(test)]
    Simulated(std::sync::Arc<SimDisk>),
}

impl Disk {
    /// Most threads that wait for it at the same time. What a simulation sees has an order.
    pub fn threads_max(&self) -> usize {
        match self {
            // The system's journal commits once for all that wait.
            Disk::Os => THREADS_MAX,
            #[cfg(test)]
            Disk::Simulated(_) => 1,
        }
    }

    /// Opens a segment for reading and writing, creating it if needed.
    pub fn open_segment(&self, path: &Path) -> io::Result<File> {
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.create()?;
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        self.opened(path, &file, false);
        Ok(file)
    }

    /// Creates an empty file, in the place of one that is there.
    pub fn create_file(&self, path: &Path) -> io::Result<File> {
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.create()?;
        }
        let file = File::create(path)?;
        self.opened(path, &file, true);
        Ok(file)
    }

    /// Opens a segment for reading.
    pub fn open_readonly(&self, path: &Path) -> io::Result<File> {
        self.look()?;
        let file = File::open(path)?;
        self.opened(path, &file, false);
        Ok(file)
    }

    /// Writes all pieces at `position`, whatever the number of system calls it takes.
    pub fn write_all_at(&self, file: &File, pieces: &[&[u8]], position: u64) -> io::Result<()> {
        let mut position = position;
        let mut first = 0;
        let mut skip = 0;
        let mut slices = Vec::with_capacity(pieces.len().min(PIECES_MAX));
        while first < pieces.len() {
            slices.clear();
            slices.push(IoSlice::new(&pieces[first][skip..]));
            slices.extend(pieces[first + 1..].iter().take(PIECES_MAX - 1).map(|p| IoSlice::new(p)));
            let mut written = match self.write_some(file, &slices, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            position += written as u64;
            while first < pieces.len() && written >= pieces[first].len() - skip {
                written -= pieces[first].len() - skip;
                first += 1;
                skip = 0;
            }
            skip += written;
        }
        Ok(())
    }

    /// Reads up to `buffer.len()` bytes at `position`; fewer only at the end of the file.
    pub fn read_at(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.read_some(file, &mut buffer[read..], position + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    /// Everything that is in a file.
    pub fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.look()?;
        fs::read(path)
    }

    /// Bytes of a file.
    pub fn file_size(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    /// Cuts a file, or fills it up with zeros.
    pub fn set_size(&self, file: &File, size: u64) -> io::Result<()> {
        file.set_len(size)?;
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.resized(file, size);
        }
        Ok(())
    }

    /// Makes the contents of a file durable.
    pub fn sync_data(&self, file: &File) -> io::Result<()> {
        match self {
            Disk::Os => file.sync_data(),
            #[cfg(test)]
            Disk::Simulated(disk) => disk.sync(file),
        }
    }

    /// Makes the contents of a file and all that is known of it durable.
    pub fn sync_all(&self, file: &File) -> io::Result<()> {
        match self {
            Disk::Os => file.sync_all(),
            #[cfg(test)]
            Disk::Simulated(disk) => disk.sync(file),
        }
    }

    /// Gives a file or folder another name in the same folder. A file of that name goes.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.rename()?;
        }
        fs::rename(from, to)?;
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.renamed(from, to);
        }
        Ok(())
    }

    /// Removes a file.
    pub fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)?;
        self.removed(path);
        Ok(())
    }

    /// Removes a folder with all that is in it.
    pub fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)?;
        self.removed(path);
        Ok(())
    }

    /// What is in a folder, in order of name; nothing if there is no such folder.
    pub fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.look()?;
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let entry = |found: io::Result<fs::DirEntry>| {
            let path = found?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(Entry { name, path })
        };
        let mut entries = entries.map(entry).collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Makes created, renamed and removed names in a folder durable.
    pub fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let opened = File::open(folder)?;
        match self {
            Disk::Os => opened.sync_all(),
            #[cfg(test)]
            Disk::Simulated(disk) => disk.sync_folder(folder),
        }
    }

    /// Creates a folder with all its parents. Answers the folders that got a new name in them,
    /// which a crash may lose before they are synced.
    pub fn create_folder(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut changed = Vec::new();
        if !folder.is_dir() {
            #[cfg(test)]
            if let Disk::Simulated(disk) = self {
                disk.create()?;
            }
            let missing = folder.ancestors().take_while(|folder| !folder.is_dir());
            changed.extend(missing.filter_map(Path::parent).map(Path::to_owned));
            fs::create_dir_all(folder)?;
            #[cfg(test)]
            if let Disk::Simulated(disk) = self {
                disk.created_folder(folder);
            }
        }
        Ok(changed)
    }

    /// Size of the volume that holds a folder, and how much of it this process may still use, in
    /// bytes.
    pub fn volume(&self, folder: &Path) -> io::Result<(u64, u64)> {
        let volume = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(volume.f_frsize);
        Ok((bytes(volume.f_blocks), bytes(volume.f_bavail)))
    }

    /// Takes blocks for `length` bytes from `position` on; they read as zeros.
    pub fn allocate(&self, file: &File, position: u64, length: u64) -> io::Result<()> {
        let flags = rustix::fs::FallocateFlags::empty();
        Ok(rustix::fs::fallocate(file, flags, position, length)?)
    }

    /// Takes blocks for `length` bytes from `position` on, and leaves the size as it is.
    pub fn allocate_behind(&self, file: &File, position: u64, length: u64) -> io::Result<()> {
        let flags = rustix::fs::FallocateFlags::KEEP_SIZE;
        Ok(rustix::fs::fallocate(file, flags, position, length)?)
    }

    /// Writes a small file so that a crash leaves either the old or the new contents.
    pub fn replace_file(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        let draft = path.with_extension("tmp");
        let written = self.create_file(&draft).and_then(|file| {
            self.write_all_at(&file, &[contents], 0)?;
            self.sync_all(&file)
        });
        if let Err(error) = written {
            // No later attempt must sync this very file, and it may stand on a full disk.
            let _ = self.remove_file(&draft);
            return Err(error);
        }
        self.rename(&draft, path)?;
        match path.parent() {
            Some(folder) => self.sync_folder(folder),
            None => Ok(()),
        }
    }

    /// Reads what is in the page cache at `position`, up to `buffer.len()` bytes; `WouldBlock` if
    /// the device would have to be asked for the first byte.
    pub fn read_resident(
        &self,
        file: &File,
        buffer: &mut [u8],
        position: u64,
    ) -> io::Result<usize> {
        let mut buffers = [io::IoSliceMut::new(buffer)];
        let flags = rustix::io::ReadWriteFlags::NOWAIT;
        match rustix::io::preadv2(file, &mut buffers, position, flags) {
            // The file system cannot say.
            Err(Errno::OPNOTSUPP) => self.read_at(file, buffers[0].as_mut(), position),
            other => other.map_err(io::Error::from),
        }
    }

    fn write_some(
        &self,
        file: &File,
        slices: &[IoSlice<'_>],
        position: u64,
    ) -> Result<usize, Errno> {
        match self {
            Disk::Os => rustix::io::pwritev(file, slices, position),
            #[cfg(test)]
            Disk::Simulated(disk) => disk.write_some(file, slices, position),
        }
    }

    fn read_some(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        match self {
            Disk::Os => file.read_at(buffer, position),
            #[cfg(test)]
            Disk::Simulated(disk) => {
                let length = disk.read_length(buffer.len())?;
                file.read_at(&mut buffer[..length], position)
            }
        }
    }

    /// Lets a simulation keep something from being opened or listed.
    fn look(&self) -> io::Result<()> {
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.look()?;
        }
        Ok(())
    }

    /// Tells a simulation of an open file.
    fn opened(&self, _path: &Path, _file: &File, _is_empty: bool) {
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.opened(_path, _file, _is_empty);
        }
    }

    /// Tells a simulation of a name that is gone.
    fn removed(&self, _path: &Path) {
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.removed(_path);
        }
    }

    /// Lets the page cache forget what it holds of a file from `position` on, but for what is still
    /// to be written: after a failed sync it holds bytes that pass for written and never were.
    pub fn forget_cached(&self, file: &File, position: u64) {
        // It is advice; a file system without a cache has nothing to forget.
        let _ = rustix::fs::fadvise(file, position, None, Advice::DontNeed);
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.forget_cached(file);
        }
    }

    /// Ends the process with one message and code 1: what the broker keeps for itself cannot be
    /// written, so what follows could not be told from what was lost.
    pub fn end_process(&self, reason: &str) -> ! {
        #[cfg(test)]
        if let Disk::Simulated(disk) = self {
            disk.end_process(reason);
        }
        end_process(reason)
    }

    /// Whether a byte of a file can be read without waiting for the device.
    pub fn is_resident(&self, file: &File, position: u64) -> bool {
        let read = self.read_resident(file, &mut [0u8; 1], position);
        !read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Brings a range into the page cache. Waits for the device: never on a network thread.
    pub fn make_resident(&self, file: &File, position: u64, length: u64) -> io::Result<()> {
        // The advice starts the whole read; one byte in each step waits for it without copying all.
        let _ =
            rustix::fs::fadvise(file, position, std::num::NonZero::new(length), Advice::WillNeed);
        let last = position + length - 1;
        for at in (position..last).step_by(READ_AHEAD_STEP_BYTES).chain([last]) {
            self.read_at(file, &mut [0u8; 1], at)?;
        }
        Ok(())
    }
}

/// Asks the operating system to begin writing back a range, so that little is left for a sync.
pub fn start_write_back(file: &File, position: u64, length: u64) {
    use std::os::fd::AsRawFd;
    // SAFETY: plain system call on an open descriptor; it takes no pointers.
    unsafe {
        libc::sync_file_range(
            file.as_raw_fd(),
            position as i64,
            length as i64,
            libc::SYNC_FILE_RANGE_WRITE,
        );
    }
}

/// Ends the process as [`Disk::end_process`] does, for what is not reached through a disk.
pub fn end_process(reason: &str) -> ! {
    tracing::error!("{reason}; the broker stops. Check the disk and start it again");
    // SAFETY: it takes no pointers. Nothing may run after it: the handlers of an orderly exit would
    // still write.
    unsafe { libc::_exit(1) }
}

/// Files that this process may have open.
pub fn open_files_max() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The error of an operation that would open too many files.
pub fn out_of_files() -> io::Error {
    io::Error::from_raw_os_error(libc::EMFILE)
}

/// Whether an operation failed because too many files are open, which passes.
pub fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Lets every other thread of the machine go before the calling one.
pub fn lower_priority() {
    // SAFETY: plain system calls about the calling thread; they take no pointers.
    unsafe {
        let thread = libc::syscall(libc::SYS_gettid) as libc::id_t;
        libc::setpriority(libc::PRIO_PROCESS, thread, 19);
    }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
