//! RocksDB: folds of the logs, so that a start need not replay them. Everything in it can be
//! rebuilt; a directory that cannot be opened is set aside and made anew. Keys begin with one byte
//! that names their type; each type's form is a file in `schema`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rocksdb::properties::{
    BACKGROUND_ERRORS, COMPACTION_PENDING, CUR_SIZE_ALL_MEM_TABLES, MEM_TABLE_FLUSH_PENDING,
    NUM_RUNNING_COMPACTIONS, NUM_RUNNING_FLUSHES, PropName,
};
use rocksdb::{
    BlockBasedOptions, Cache, DB, Direction, ErrorKind, InfoLogger, IteratorMode, LogLevel,
    Options, WriteBatch,
};

use super::layout;
use super::space::Space;

const WRITE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// What must be in memory to be written to a file before the write buffer is full.
const FLUSH_BYTES_MIN: u64 = 1024 * 1024;
const BLOCK_CACHE_BYTES: usize = 8 * 1024 * 1024;
const OPEN_FILES_MAX: i32 = 64;
const WAL_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How often somebody has to ask whether its own threads have failed, as long as they may have
/// something to do, so that the process ends within a second.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What its own threads have to do, as it counts it.
const WORK: [&PropName; 4] =
    [MEM_TABLE_FLUSH_PENDING, NUM_RUNNING_FLUSHES, COMPACTION_PENDING, NUM_RUNNING_COMPACTIONS];

/// File in the folder of a database that was found corrupt when it was written to.
const FOUND_CORRUPT: &str = "felice-found-corrupt";

/// The open database.
pub struct Rocks {
    db: DB,
    path: PathBuf,
    space: Arc<Space>,
    /// Failures of its own threads that somebody has looked into.
    failures: AtomicU64,
    /// Its own threads may have something to do.
    is_busy: AtomicBool,
    /// Called when they may have something to do again.
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// A database that is only looked at; nothing is written, not even a lock.
pub struct Glance(DB);

impl Glance {
    /// Looks at the database in `path`; `None` if it cannot be opened.
    pub fn at(path: &Path) -> Option<Glance> {
        let mut options = Options::default();
        // Its diary would be a file beside the others.
        options.set_info_logger(InfoLogger::new_stderr_logger(LogLevel::Fatal, None::<&str>));
        options.set_max_open_files(OPEN_FILES_MAX);
        DB::open_for_read_only(&options, path, false).ok().map(Glance)
    }

    /// Reads a key. Damage counts as absence.
    pub fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).ok().flatten()
    }
}

/// The database could be neither opened nor made anew.
#[derive(Debug, thiserror::Error)]
#[error("cannot open RocksDB in {path}: {reason}")]
pub struct OpenError {
    path: PathBuf,
    reason: String,
}

/// Changes that become visible together.
#[derive(Default)]
pub struct Changes(WriteBatch);

impl Changes {
    /// Sets a key.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.put(key, value);
    }

    /// Removes a key.
    pub fn delete(&mut self, key: &[u8]) {
        self.0.delete(key);
    }

    /// Removes all keys from `from` up to, not including, `to`.
    pub fn delete_range(&mut self, from: &[u8], to: &[u8]) {
        self.0.delete_range(from, to);
    }
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(2);
    options.set_max_background_jobs(2);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    options.set_keep_log_file_num(1);
    // An idle broker must not wake up to count.
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(BLOCK_CACHE_BYTES));
    options.set_block_based_table_factory(&blocks);
    options
}

/// Removes a file or folder, if it is there.
fn remove(path: &Path) -> std::io::Result<()> {
    let removed = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
    removed.or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

impl Rocks {
    /// Opens the database in `path`. One that is damaged is set aside under another name, and an
    /// empty one takes its place: its contents are rebuilt from the logs.
    pub fn open(path: &Path, space: Arc<Space>) -> Result<Rocks, OpenError> {
        space.make_room();
        let first = match path.join(FOUND_CORRUPT).exists() {
            false => match DB::open(&options(), path) {
                Ok(db) => return Ok(Rocks::new(db, path, space)),
                Err(error) => error.to_string(),
            },
            true => "an earlier run found it corrupt".to_owned(),
        };
        if space.is_exhausted() {
            // It is not damaged, and another would find no room either.
            return Err(OpenError { path: path.to_owned(), reason: first.to_string() });
        }
        tracing::warn!(path = %path.display(), error = %first,
            "RocksDB cannot be opened; it is rebuilt from the logs");
        let aside = path.with_extension(layout::DAMAGED);
        let reopened = remove(&aside)
            .and_then(|()| std::fs::rename(path, &aside))
            .map_err(|error| error.to_string())
            .and_then(|()| DB::open(&options(), path).map_err(|error| error.to_string()));
        match reopened {
            Ok(db) => Ok(Rocks::new(db, path, space)),
            Err(reason) => Err(OpenError { path: path.to_owned(), reason }),
        }
    }

    fn new(db: DB, path: &Path, space: Arc<Space>) -> Rocks {
        Rocks {
            db,
            path: path.to_owned(),
            space,
            failures: AtomicU64::new(0),
            is_busy: AtomicBool::new(true),
            wake: OnceLock::new(),
        }
    }

    /// The room that it writes in.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Reads a key. Damage is logged and answered as absence, because all can be rebuilt.
    pub fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.db.get(key) {
            Ok(value) => value,
            Err(error) => {
                tracing::warn!(%error, "RocksDB cannot be read; the value is rebuilt");
                None
            }
        }
    }

    /// Applies changes together. A failed write ends the process: what follows could not be
    /// told from what was lost.
    pub fn commit(&self, changes: Changes) {
        self.space.make_room();
        if let Err(error) = self.db.write(changes.0) {
            self.end_process(&error);
        }
        self.note_busy();
    }

    fn note_busy(&self) {
        if !self.is_busy.swap(true, Ordering::AcqRel)
            && let Some(wake) = self.wake.get()
        {
            wake();
        }
    }

    /// Whether somebody has to look: not while nothing is committed.
    pub fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Acquire)
    }

    /// Says what is to be called when somebody has to look again. The first one counts.
    pub fn on_busy(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.wake.set(Box::new(wake));
    }

    /// Ends the process if RocksDB has failed to write files on threads of its own, of which
    /// otherwise only the next commit would hear. To be called every [`LOOK_INTERVAL`] while it is
    /// busy.
    pub fn look(&self) {
        self.is_busy.store(false, Ordering::Release);
        if let Some(error) = self.failure() {
            self.end_process(&error);
        }
        let count = |work| self.db.property_int_value(work).ok().flatten().unwrap_or(1);
        if WORK.into_iter().any(|work| count(work) > 0) {
            self.is_busy.store(true, Ordering::Release);
        }
    }

    /// The failure after which RocksDB takes no more changes, if there is a new one. That there was
    /// no room is none: it looks for some by itself.
    fn failure(&self) -> Option<rocksdb::Error> {
        let count = self.db.property_int_value(BACKGROUND_ERRORS).ok().flatten().unwrap_or(0);
        if self.failures.swap(count, Ordering::Relaxed) == count {
            return None;
        }
        // The count does not say what has failed; a write, even of nothing, does.
        self.db.write(WriteBatch::default()).err().filter(|error| !is_full(error))
    }

    fn end_process(&self, error: &rocksdb::Error) -> ! {
        if error.kind() == ErrorKind::Corruption {
            // Or every start would end like this one.
            let _ = std::fs::write(self.path.join(FOUND_CORRUPT), b"");
        }
        let path = self.path.display();
        super::disk::end_process(&format!("RocksDB in {path} cannot be written: {error}"))
    }

    /// Walks over all pairs whose key begins with `prefix`, in order. Stops early, with `false`,
    /// at damage.
    pub fn scan(&self, prefix: &[u8], mut visit: impl FnMut(&[u8], &[u8])) -> bool {
        for pair in self.db.iterator(IteratorMode::From(prefix, Direction::Forward)) {
            match pair {
                Ok((key, value)) if key.starts_with(prefix) => visit(&key, &value),
                Ok(_) => return true,
                Err(error) => {
                    tracing::warn!(%error, "RocksDB cannot be read; the view is rebuilt");
                    return false;
                }
            }
        }
        true
    }

    /// Makes all that was committed durable: no crash brings back what was before. Waits for the
    /// device. A failure other than a full disk ends the process.
    pub fn sync(&self) -> std::io::Result<()> {
        if let Err(error) = self.db.flush_wal(true) {
            return match is_full(&error) {
                true => Err(std::io::Error::other(error.to_string())),
                false => self.end_process(&error),
            };
        }
        #[cfg(test)]
        self.copy_synced();
        Ok(())
    }

    /// Keeps what a crash would leave at least, where a simulation has made a place for it.
    #[cfg(test)]
    fn copy_synced(&self) {
        let copy = self.path.with_extension("synced");
        if std::fs::remove_dir_all(&copy).is_ok() {
            std::fs::create_dir(&copy).expect("a test has room");
            for file in std::fs::read_dir(&self.path).expect("it is open").flatten() {
                let _ = std::fs::copy(file.path(), copy.join(file.file_name()));
            }
        }
    }

    /// Writes what is in memory to files where that is worth a file, so that a quiet database takes
    /// little memory. Waits for the device.
    pub fn flush_grown(&self) {
        let bytes = self.db.property_int_value(CUR_SIZE_ALL_MEM_TABLES).ok().flatten();
        if bytes.is_some_and(|bytes| bytes >= FLUSH_BYTES_MIN) {
            self.flush();
        }
    }

    /// Writes what is in memory to files and makes the log of changes durable. A failure other than
    /// a full disk ends the process.
    pub fn flush(&self) {
        let flushed = self.db.flush_wal(true).and_then(|()| self.db.flush());
        // A compaction may follow.
        self.note_busy();
        match flushed {
            Err(error) if is_full(&error) => {
                tracing::warn!(%error, "RocksDB cannot be flushed; the next start replays more");
            }
            Err(error) => self.end_process(&error),
            Ok(()) => {}
        }
    }
}

/// Whether there was no room, which RocksDB tells in words alone.
fn is_full(error: &rocksdb::Error) -> bool {
    error.as_ref().contains("No space left on device")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_in_memory_is_written_to_files_and_little_is_not() {
        let folder = std::env::temp_dir().join(format!("felice-grown-{}", std::process::id()));
        let rocks = Rocks::open(&folder, Space::unlimited()).unwrap();
        let in_memory = || rocks.db.property_int_value(CUR_SIZE_ALL_MEM_TABLES).unwrap().unwrap();
        let put = |key: u8, bytes: usize| {
            let mut changes = Changes::default();
            changes.put(&[key], &vec![key; bytes]);
            rocks.commit(changes);
        };
        put(1, 100_000);
        rocks.flush_grown();
        assert!(in_memory() >= 100_000);
        put(2, FLUSH_BYTES_MIN as usize);
        rocks.flush_grown();
        assert!(in_memory() < 100_000);
        assert_eq!(rocks.get(&[1]).map(|value| value.len()), Some(100_000));
        drop(rocks);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nobody_has_to_look_until_something_is_committed() {
        let folder = std::env::temp_dir().join(format!("felice-quiet-{}", std::process::id()));
        let rocks = Rocks::open(&folder, Space::unlimited()).unwrap();
        let calls = Arc::new(AtomicU64::new(0));
        let called = Arc::clone(&calls);
        rocks.on_busy(move || {
            called.fetch_add(1, Ordering::Relaxed);
        });
        while rocks.is_busy() {
            rocks.look();
        }
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        for _ in 0..2 {
            rocks.commit(Changes::default());
            assert!(rocks.is_busy());
            assert_eq!(calls.load(Ordering::Relaxed), 1);
        }
        drop(rocks);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_failed_flush_on_a_thread_of_rocksdb_is_told_once_without_a_commit() {
        let folder = std::env::temp_dir().join(format!("felice-rocks-{}", std::process::id()));
        let rocks = Rocks::open(&folder, Space::unlimited()).unwrap();
        let mut changes = Changes::default();
        changes.put(b"key", b"value");
        rocks.commit(changes);
        assert!(rocks.failure().is_none());
        // The names that its next files would have are those of folders.
        for number in 1..100 {
            std::fs::create_dir_all(folder.join(format!("{number:06}.sst"))).unwrap();
        }
        rocks.db.flush().unwrap_err();
        let mut looks = std::iter::repeat_with(|| rocks.failure());
        let failure = looks.find_map(|found| found).expect("looks do not end");
        assert!(failure.to_string().contains(".sst"), "{failure}");
        assert!(rocks.failure().is_none());
        drop(rocks);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
