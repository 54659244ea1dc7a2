//! A disk that fails on purpose, for tests: the real files in one folder are its page cache, and
//! beside them it keeps what a power cut would leave. Faults and what survives are drawn from a
//! seed. It knows nothing of logs, and RocksDB is not behind it.
//!
//! What it may do is what a journaling file system may: of bytes that no sync has covered any part
//! may be lost, by sectors; names of one folder survive up to some change; what a failed sync did
//! not write stays in the page cache, passes for clean, and is gone after the cut.

mod chance;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

pub use self::chance::Chance;
use super::layout;

/// Bytes that a device writes as a whole.
const SECTOR_BYTES: usize = 512;

/// Names in the root that no power cut touches: their fate is drawn by whoever owns them.
const NOT_SIMULATED: &str = "rocksdb";

/// How often calls fail, of 10,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// EIO on a write.
    pub write_fails: u32,
    /// ENOSPC on a write.
    pub write_full: u32,
    /// Fewer bytes written or read than there are.
    pub short: u32,
    /// EINTR.
    pub interrupted: u32,
    /// EIO on a sync of a file.
    pub sync_fails: u32,
    /// EIO on a sync of a folder.
    pub folder_sync_fails: u32,
    /// EIO on a read, and on opening or listing what is to be read.
    pub read_fails: u32,
    /// EIO on a rename, which does not happen.
    pub rename_fails: u32,
    /// EIO on opening what is to be written, and on making a folder.
    pub create_fails: u32,
}

/// A mistake built in, to see that it is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plant {
    /// None.
    #[default]
    Sound,
    /// Syncs of files report success and do nothing.
    SyncSkipped,
    /// One write after so many reports success and does nothing.
    WriteSwallowed(u32),
    /// One write after so many begins at the offset of the batch before it.
    OffsetReused(u32),
}

#[derive(Debug)]
enum Change {
    Write { position: usize, bytes: Vec<u8> },
    SetSize(usize),
}

#[derive(Debug, Default)]
struct FileNode {
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// Whether a write or sync failed in this life of the process.
    failed: bool,
    /// Whether it is a segment of a topic, in which mistakes are planted.
    is_planted: bool,
    /// The first bytes of the last write.
    last_head: [u8; 8],
}

#[derive(Debug)]
enum NameChange {
    Put(String, usize),
    Remove(String),
    Rename(String, String),
}

#[derive(Debug, Default)]
struct FolderNode {
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    unsynced: Vec<NameChange>,
    /// Whether a sync failed in this life of the process.
    failed: bool,
}

#[derive(Debug)]
enum Node {
    File(FileNode),
    Folder(FolderNode),
}

#[derive(Debug)]
struct State {
    chance: Chance,
    faults: Faults,
    plant: Plant,
    /// The first is the root.
    nodes: Vec<Node>,
    by_inode: HashMap<u64, usize>,
    calls: u64,
    violations: Vec<String>,
    /// Why the process has ended, if it has.
    ended: Option<String>,
}

/// What unwinds instead of the end of the process.
pub struct Ended;

/// The disk.
#[derive(Debug)]
pub struct SimDisk {
    root: PathBuf,
    state: Mutex<State>,
}

fn apply(image: &mut Vec<u8>, change: &Change) {
    match change {
        Change::SetSize(size) => image.resize(*size, 0),
        Change::Write { position, bytes } => {
            let end = position + bytes.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[*position..end].copy_from_slice(bytes);
        }
    }
}

/// What of an unsynced change reaches the device when the power goes.
fn apply_torn(image: &mut Vec<u8>, change: &Change, chance: &mut Chance) {
    let Change::Write { position, bytes } = change else {
        if chance.happens(5_000) {
            apply(image, change);
        }
        return;
    };
    match chance.below(4) {
        0 => {}
        1 => apply(image, change),
        // Only the beginning.
        2 => {
            let bytes = bytes[..chance.below(bytes.len() + 1)].to_vec();
            apply(image, &Change::Write { position: *position, bytes });
        }
        // Any of its sectors; the size may know of all.
        _ => {
            let mut at = 0;
            while at < bytes.len() {
                let to = bytes.len().min(at + SECTOR_BYTES - (position + at) % SECTOR_BYTES);
                if chance.happens(5_000) {
                    let bytes = bytes[at..to].to_vec();
                    apply(image, &Change::Write { position: position + at, bytes });
                }
                at = to;
            }
            if chance.happens(3_000) && image.len() < position + bytes.len() {
                image.resize(position + bytes.len(), 0);
            }
        }
    }
}

impl FolderNode {
    fn change(&mut self, change: NameChange) {
        FolderNode::carry_out(&mut self.names, &change);
        self.unsynced.push(change);
    }

    fn carry_out(names: &mut BTreeMap<String, usize>, change: &NameChange) {
        match change {
            NameChange::Put(name, node) => {
                names.insert(name.clone(), *node);
            }
            NameChange::Remove(name) => {
                names.remove(name);
            }
            NameChange::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            FolderNode::carry_out(&mut self.durable, &change);
        }
    }
}

impl State {
    fn folder(&mut self, at: usize) -> &mut FolderNode {
        match &mut self.nodes[at] {
            Node::Folder(folder) => folder,
            Node::File(_) => panic!("a file was used as a folder"),
        }
    }

    fn file(&mut self, file: &File) -> &mut FileNode {
        let inode = file.metadata().expect("an open file has metadata").ino();
        let at = self.by_inode[&inode];
        match &mut self.nodes[at] {
            Node::File(file) => file,
            Node::Folder(_) => panic!("a folder was used as a file"),
        }
    }

    fn add(&mut self, folder: usize, name: &str, node: Node) -> usize {
        let at = self.nodes.len();
        self.nodes.push(node);
        self.folder(folder).change(NameChange::Put(name.to_owned(), at));
        at
    }

    /// The node that a power cut leaves, with all below it.
    fn surviving(&mut self, at: usize, nodes: &mut Vec<Node>) -> usize {
        let mut image = match &mut self.nodes[at] {
            Node::File(file) => {
                let mut image = std::mem::take(&mut file.durable);
                for change in std::mem::take(&mut file.unsynced) {
                    apply_torn(&mut image, &change, &mut self.chance);
                }
                let is_planted = file.is_planted;
                let file = FileNode { durable: image, is_planted, ..FileNode::default() };
                nodes.push(Node::File(file));
                return nodes.len() - 1;
            }
            Node::Folder(folder) => std::mem::take(folder),
        };
        let kept = self.chance.below(image.unsynced.len() + 1);
        for change in &image.unsynced[..kept] {
            FolderNode::carry_out(&mut image.durable, change);
        }
        let here = nodes.len();
        nodes.push(Node::Folder(FolderNode::default()));
        let mut names = BTreeMap::new();
        for (name, node) in image.durable {
            names.insert(name, self.surviving(node, nodes));
        }
        let durable = names.clone();
        nodes[here] = Node::Folder(FolderNode { names, durable, ..FolderNode::default() });
        here
    }
}

impl SimDisk {
    /// A disk whose only folder is `root`, which must be empty.
    pub fn new(root: &Path, seed: u64, faults: Faults, plant: Plant) -> SimDisk {
        let state = State {
            chance: Chance::new(seed),
            faults,
            plant,
            nodes: vec![Node::Folder(FolderNode::default())],
            by_inode: HashMap::new(),
            calls: 0,
            violations: Vec::new(),
            ended: None,
        };
        SimDisk { root: root.to_owned(), state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        state
    }

    /// Sets how often calls fail from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// What was done that must never be: a second sync behind a failed one.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// The process ends: what runs is unwound, and whoever drives it has to notice.
    pub fn end_process(&self, reason: &str) -> ! {
        self.lock().ended.get_or_insert_with(|| reason.to_owned());
        std::panic::resume_unwind(Box::new(Ended))
    }

    /// Why the process has ended, if it has.
    pub fn ended(&self) -> Option<String> {
        self.lock().ended.clone()
    }

    /// The process begins anew, on the same machine.
    pub fn restart(&self) {
        let mut state = self.lock();
        state.ended = None;
        for node in &mut state.nodes {
            match node {
                Node::File(file) => file.failed = false,
                Node::Folder(folder) => folder.failed = false,
            }
        }
    }

    fn fails(&self, share: impl Fn(&Faults) -> u32) -> io::Result<()> {
        let mut state = self.lock();
        let share = share(&state.faults);
        let fails = share > 0 && state.chance.happens(share);
        if fails { Err(Errno::IO.into()) } else { Ok(()) }
    }

    /// Whether something can be opened or listed to be read.
    pub fn look(&self) -> io::Result<()> {
        self.fails(|faults| faults.read_fails)
    }

    /// Whether a name can be changed.
    pub fn rename(&self) -> io::Result<()> {
        self.fails(|faults| faults.rename_fails)
    }

    /// Whether a file can be opened to be written, or a folder made.
    pub fn create(&self) -> io::Result<()> {
        self.fails(|faults| faults.create_fails)
    }

    /// The power goes, and the machine comes back. No file may be open.
    pub fn crash(&self) {
        let mut state = self.lock();
        let mut nodes = Vec::new();
        state.surviving(0, &mut nodes);
        state.nodes = nodes;
        state.by_inode.clear();
        for entry in fs::read_dir(&self.root).expect("the root is there").flatten() {
            if !entry.file_name().to_string_lossy().starts_with(NOT_SIMULATED) {
                fs::remove_dir_all(entry.path())
                    .or_else(|_| fs::remove_file(entry.path()))
                    .expect("a test's own files can be removed");
            }
        }
        self.write_out(&state.nodes, 0, &self.root);
    }

    fn write_out(&self, nodes: &[Node], at: usize, path: &Path) {
        match &nodes[at] {
            Node::File(file) => fs::write(path, &file.durable).expect("a test has room"),
            Node::Folder(folder) => {
                fs::create_dir_all(path).expect("a test has room");
                for (name, node) in &folder.names {
                    self.write_out(nodes, *node, &path.join(name));
                }
            }
        }
    }

    /// Node of the folder that a path lies in, and the path's last part.
    fn place<'a>(&self, state: &mut State, path: &'a Path) -> (usize, &'a str) {
        let inner = path.strip_prefix(&self.root).expect("all files lie in the root");
        let mut parts: Vec<&str> = inner.iter().filter_map(|part| part.to_str()).collect();
        let name = parts.pop().expect("the root itself is no file");
        let mut at = 0;
        for part in parts {
            at = state.folder(at).names[part];
        }
        (at, name)
    }

    fn node(&self, state: &mut State, path: &Path) -> usize {
        if path == self.root {
            return 0;
        }
        let (folder, name) = self.place(state, path);
        state.folder(folder).names[name]
    }

    /// Notes that a file was opened, and made if it was not there.
    pub fn opened(&self, path: &Path, file: &File, truncated: bool) {
        let mut state = self.lock();
        let (folder, name) = self.place(&mut state, path);
        let known = state.folder(folder).names.get(name).copied();
        let at = match known {
            Some(at) => at,
            None => {
                let is_planted = path.starts_with(self.root.join(layout::TOPICS));
                let node = FileNode { is_planted, ..FileNode::default() };
                state.add(folder, name, Node::File(node))
            }
        };
        let inode = file.metadata().expect("an open file has metadata").ino();
        state.by_inode.insert(inode, at);
        if truncated && known.is_some() {
            state.file(file).unsynced.push(Change::SetSize(0));
        }
    }

    /// Some of a vectored write.
    pub fn write_some(
        &self,
        file: &File,
        slices: &[IoSlice<'_>],
        position: u64,
    ) -> Result<usize, Errno> {
        let mut state = self.lock();
        let faults = state.faults;
        if state.chance.happens(faults.interrupted) {
            return Err(Errno::INTR);
        }
        if state.chance.happens(faults.write_fails) {
            state.file(file).failed = true;
            return Err(Errno::IO);
        }
        if state.chance.happens(faults.write_full) {
            return Err(Errno::NOSPC);
        }
        let mut bytes = slices.concat_bytes();
        let whole = bytes.len();
        if state.spoils(file, &mut bytes) {
            return Ok(whole);
        }
        if state.chance.happens(faults.short) {
            let some = 1 + state.chance.below(bytes.len());
            bytes.truncate(some);
        }
        file.write_all_at(&bytes, position).expect("a test has room");
        let written = bytes.len();
        let change = Change::Write { position: position as usize, bytes };
        state.file(file).unsynced.push(change);
        Ok(written)
    }

    /// How many bytes of so many a read is to bring.
    pub fn read_length(&self, length: usize) -> Result<usize, io::Error> {
        let mut state = self.lock();
        let faults = state.faults;
        if state.chance.happens(faults.interrupted) {
            return Err(Errno::INTR.into());
        }
        if faults.read_fails > 0 && state.chance.happens(faults.read_fails) {
            return Err(Errno::IO.into());
        }
        match state.chance.happens(faults.short) {
            true => Ok(1 + state.chance.below(length)),
            false => Ok(length),
        }
    }

    /// Notes a new size.
    pub fn resized(&self, file: &File, size: u64) {
        self.lock().file(file).unsynced.push(Change::SetSize(size as usize));
    }

    /// Makes the contents of a file durable.
    pub fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.lock();
        if state.file(file).failed {
            state.violations.push("a file was synced after a write or sync of it failed".into());
        }
        if state.plant == Plant::SyncSkipped && state.file(file).is_planted {
            return Ok(());
        }
        let faults = state.faults;
        let fails = state.chance.happens(faults.sync_fails);
        let mut image = std::mem::take(&mut state.file(file).durable);
        for change in std::mem::take(&mut state.file(file).unsynced) {
            match fails {
                true => apply_torn(&mut image, &change, &mut state.chance),
                false => apply(&mut image, &change),
            }
        }
        let node = state.file(file);
        node.durable = image;
        node.failed |= fails;
        if fails { Err(Errno::IO.into()) } else { Ok(()) }
    }

    /// Leaves in the page cache what is durable or is still to be written.
    pub fn forget_cached(&self, file: &File) {
        let mut state = self.lock();
        let node = state.file(file);
        let mut image = node.durable.clone();
        node.unsynced.iter().for_each(|change| apply(&mut image, change));
        // It may be open for reading only.
        let name = format!("/proc/self/fd/{}", file.as_raw_fd());
        fs::write(name, &image).expect("a test has room");
    }

    /// Makes the names in a folder durable.
    pub fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let faults = state.faults;
        let at = self.node(&mut state, path);
        if state.folder(at).failed {
            let folder = path.strip_prefix(&self.root).unwrap_or(path).display();
            let violation = format!("the folder {folder:?} was synced after a sync of it failed");
            state.violations.push(violation);
        }
        if state.chance.happens(faults.folder_sync_fails) {
            state.folder(at).failed = true;
            return Err(Errno::IO.into());
        }
        state.folder(at).sync();
        Ok(())
    }

    /// Notes a new folder.
    pub fn created_folder(&self, path: &Path) {
        let mut state = self.lock();
        let inner = path.strip_prefix(&self.root).expect("all folders lie in the root");
        let mut at = 0;
        for part in inner.iter().filter_map(|part| part.to_str()) {
            at = match state.folder(at).names.get(part) {
                Some(known) => *known,
                None => state.add(at, part, Node::Folder(FolderNode::default())),
            };
        }
    }

    /// Notes another name.
    pub fn renamed(&self, from: &Path, to: &Path) {
        let mut state = self.lock();
        let (folder, old) = self.place(&mut state, from);
        let (other, new) = self.place(&mut state, to);
        assert_eq!(folder, other, "names change within their folder");
        state.folder(folder).change(NameChange::Rename(old.to_owned(), new.to_owned()));
    }

    /// Notes that a name is gone, with all below it.
    pub fn removed(&self, path: &Path) {
        let mut state = self.lock();
        let (folder, name) = self.place(&mut state, path);
        let at = state.folder(folder).names[name];
        state.empty(at);
        state.folder(folder).change(NameChange::Remove(name.to_owned()));
    }
}

impl State {
    fn empty(&mut self, at: usize) {
        let Node::Folder(folder) = &self.nodes[at] else { return };
        let inner: Vec<_> = folder.names.iter().map(|(name, at)| (name.clone(), *at)).collect();
        for (name, node) in inner {
            self.empty(node);
            self.folder(at).change(NameChange::Remove(name));
        }
    }

    /// Does what was planted to a write; says whether it is not to happen at all.
    fn spoils(&mut self, file: &File, bytes: &mut [u8]) -> bool {
        let node = self.file(file);
        let Some(head) = bytes.first_chunk::<8>().filter(|_| node.is_planted) else { return false };
        let previous = std::mem::replace(&mut node.last_head, *head);
        match &mut self.plant {
            Plant::WriteSwallowed(0) => {
                self.plant = Plant::Sound;
                return true;
            }
            Plant::OffsetReused(0) if previous != [0; 8] => {
                self.plant = Plant::Sound;
                bytes[..8].copy_from_slice(&previous);
            }
            Plant::WriteSwallowed(left) | Plant::OffsetReused(left) => {
                *left = left.saturating_sub(1);
            }
            Plant::Sound | Plant::SyncSkipped => {}
        }
        false
    }
}

trait ConcatBytes {
    fn concat_bytes(&self) -> Vec<u8>;
}

impl ConcatBytes for [IoSlice<'_>] {
    fn concat_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|slice| slice.iter().copied()).collect()
    }
}
