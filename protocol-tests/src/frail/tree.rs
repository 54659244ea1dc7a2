//! Folders and files in memory that know what of them a power cut would leave: contents up to the
//! last sync of the file, names up to the last sync of the folder, and of what came later as much
//! as chance wants. It knows neither processes nor the kernel.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::chance::Chance;

/// The folder that holds all.
pub const ROOT: u64 = 1;
/// What a disk writes as a whole.
const PAGE: usize = 4096;

/// A file or a folder.
pub enum Node {
    /// A folder.
    Folder(Folder),
    /// A file.
    File(File),
}

/// Names, as they are and as the last sync left them.
#[derive(Default)]
pub struct Folder {
    /// What is in it.
    pub entries: BTreeMap<String, u64>,
    synced: BTreeMap<String, u64>,
}

/// Contents, as they are and as the last sync left them.
#[derive(Default)]
pub struct File {
    /// What is in it.
    pub data: Vec<u8>,
    synced: Vec<u8>,
    /// Where the two may differ; the lengths may differ always.
    dirty: Range<usize>,
}

/// What becomes of that which no sync covers when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of it is gone.
    All,
    /// Each file loses all, nothing, or some pages of it; each folder all new names or none.
    Some,
}

/// All nodes. One that lost its name stays, for it may be open.
pub struct Tree {
    nodes: HashMap<u64, Node>,
    next: u64,
}

impl Default for Tree {
    fn default() -> Tree {
        let root = Node::Folder(Folder::default());
        Tree { nodes: HashMap::from([(ROOT, root)]), next: ROOT + 1 }
    }
}

impl File {
    /// Changes a range, growing the file if need be.
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.data.len() < end {
            self.touch(self.data.len()..end);
            self.data.resize(end, 0);
        }
        self.data[at..end].copy_from_slice(bytes);
        self.touch(at..end);
    }

    /// Cuts or grows the file.
    pub fn set_length(&mut self, length: usize) {
        self.touch(length.min(self.data.len())..length.max(self.data.len()));
        self.data.resize(length, 0);
    }

    fn touch(&mut self, range: Range<usize>) {
        self.dirty = match self.dirty.is_empty() {
            true => range,
            false => self.dirty.start.min(range.start)..self.dirty.end.max(range.end),
        };
    }

    /// Makes the contents survive.
    pub fn sync(&mut self) {
        self.synced.resize(self.data.len(), 0);
        let dirty = self.dirty.start.min(self.data.len())..self.dirty.end.min(self.data.len());
        self.synced[dirty.clone()].copy_from_slice(&self.data[dirty]);
        self.dirty = 0..0;
    }

    fn lose(&mut self, loss: Loss, chance: &mut Chance) {
        let kept = match loss {
            Loss::All => 0,
            Loss::Some => chance.below(3),
        };
        match kept {
            0 => self.data.clone_from(&self.synced),
            1 => self.synced.clone_from(&self.data),
            _ => self.lose_pages(chance),
        }
        self.synced.clone_from(&self.data);
        self.dirty = 0..0;
    }

    /// The length is the old or the new one, and each page changed or not, whatever the order.
    fn lose_pages(&mut self, chance: &mut Chance) {
        let length = if chance.coin() { self.data.len() } else { self.synced.len() };
        let mut left = self.synced.clone();
        left.resize(length, 0);
        let dirty = self.dirty.start..self.dirty.end.min(length).min(self.data.len());
        for page in dirty.start / PAGE..dirty.end.div_ceil(PAGE) {
            let range = (page * PAGE).max(dirty.start)..((page + 1) * PAGE).min(dirty.end);
            if chance.coin() && !range.is_empty() {
                left[range.clone()].copy_from_slice(&self.data[range]);
            }
        }
        self.data = left;
    }
}

impl Folder {
    /// Makes the names survive.
    pub fn sync(&mut self) {
        self.synced.clone_from(&self.entries);
    }

    fn lose(&mut self, loss: Loss, chance: &mut Chance) {
        if loss == Loss::Some && chance.coin() {
            return self.sync();
        }
        self.entries.clone_from(&self.synced);
    }
}

impl Tree {
    /// A node.
    pub fn node(&mut self, id: u64) -> Option<&mut Node> {
        self.nodes.get_mut(&id)
    }

    /// A folder.
    pub fn folder(&mut self, id: u64) -> Option<&mut Folder> {
        match self.nodes.get_mut(&id) {
            Some(Node::Folder(folder)) => Some(folder),
            _ => None,
        }
    }

    /// A file.
    pub fn file(&mut self, id: u64) -> Option<&mut File> {
        match self.nodes.get_mut(&id) {
            Some(Node::File(file)) => Some(file),
            _ => None,
        }
    }

    /// Puts something new into a folder, in place of what has the name.
    pub fn add(&mut self, parent: u64, name: &str, node: Node) -> Option<u64> {
        let id = self.next;
        self.folder(parent)?.entries.insert(name.to_owned(), id);
        self.next += 1;
        self.nodes.insert(id, node);
        Some(id)
    }

    /// Bytes of all files that have a name.
    pub fn size(&self) -> u64 {
        let folders = self.nodes.values().filter_map(|node| match node {
            Node::Folder(folder) => Some(folder),
            Node::File(_) => None,
        });
        let named = folders.flat_map(|folder| folder.entries.values());
        let size = |id: &u64| match self.nodes.get(id) {
            Some(Node::File(file)) => file.data.len() as u64,
            _ => 0,
        };
        named.map(size).sum()
    }

    /// Where a node is, empty if it has no name.
    pub fn path(&self, id: u64) -> String {
        let mut path = String::new();
        let mut wanted = id;
        while wanted != ROOT {
            let holder = self.nodes.iter().find_map(|(folder, node)| match node {
                Node::Folder(named) => {
                    let found = named.entries.iter().find(|(_, entry)| **entry == wanted);
                    found.map(|(name, _)| (*folder, name.clone()))
                }
                Node::File(_) => None,
            });
            let Some((folder, name)) = holder else { return String::new() };
            path = format!("/{name}{path}");
            wanted = folder;
        }
        path
    }

    /// Cuts the power: what is left is as a disk would have it.
    pub fn cut(&mut self, loss: Loss, chance: &mut Chance) {
        let mut ids: Vec<u64> = self.nodes.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            match self.nodes.get_mut(&id) {
                Some(Node::Folder(folder)) => folder.lose(loss, chance),
                Some(Node::File(file)) => file.lose(loss, chance),
                None => {}
            }
        }
        self.forget_unnamed();
    }

    fn forget_unnamed(&mut self) {
        let mut kept = HashMap::new();
        let mut next = vec![ROOT];
        while let Some(id) = next.pop() {
            let Some(node) = self.nodes.remove(&id) else { continue };
            if let Node::Folder(folder) = &node {
                next.extend(folder.entries.values());
            }
            kept.insert(id, node);
        }
        self.nodes = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file() -> (Tree, u64) {
        let mut tree = Tree::default();
        let id = tree.add(ROOT, "f", Node::File(File::default())).unwrap();
        (tree, id)
    }

    #[test]
    fn only_what_was_synced_is_left() {
        let (mut tree, id) = with_file();
        tree.file(id).unwrap().write(0, b"kept");
        tree.file(id).unwrap().sync();
        tree.folder(ROOT).unwrap().sync();
        tree.file(id).unwrap().write(2, b"lost and more");
        tree.cut(Loss::All, &mut Chance::new(1));
        assert_eq!(tree.file(id).unwrap().data, b"kept");
    }

    #[test]
    fn a_name_needs_a_sync_of_its_folder() {
        let (mut tree, id) = with_file();
        tree.file(id).unwrap().write(0, b"x");
        tree.file(id).unwrap().sync();
        tree.cut(Loss::All, &mut Chance::new(1));
        assert!(tree.file(id).is_none());
        assert!(tree.folder(ROOT).unwrap().entries.is_empty());
    }

    #[test]
    fn a_cut_that_was_not_synced_is_undone() {
        let (mut tree, id) = with_file();
        tree.folder(ROOT).unwrap().sync();
        tree.file(id).unwrap().write(0, b"0123456789");
        tree.file(id).unwrap().sync();
        tree.file(id).unwrap().set_length(3);
        tree.file(id).unwrap().write(3, b"abc");
        tree.cut(Loss::All, &mut Chance::new(1));
        assert_eq!(tree.file(id).unwrap().data, b"0123456789");
        tree.file(id).unwrap().set_length(3);
        tree.file(id).unwrap().sync();
        tree.cut(Loss::All, &mut Chance::new(1));
        assert_eq!(tree.file(id).unwrap().data, b"012");
    }

    #[test]
    fn chance_keeps_pages_but_never_touches_what_was_synced() {
        let mut ends = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let (mut tree, id) = with_file();
            tree.folder(ROOT).unwrap().sync();
            let file = tree.file(id).unwrap();
            file.write(0, &[1; 5000]);
            file.sync();
            file.write(5000, &[2; 20_000]);
            tree.cut(Loss::Some, &mut Chance::new(seed));
            let data = &tree.file(id).unwrap().data;
            assert!(data[..5000].iter().all(|byte| *byte == 1));
            assert!(data[5000..].iter().all(|byte| [0, 2].contains(byte)));
            let kept = data.iter().filter(|byte| **byte == 2).count();
            ends.insert((data.len(), kept));
        }
        assert!(ends.contains(&(5000, 0)) && ends.contains(&(25_000, 20_000)));
        assert!(ends.len() > 5, "{ends:?}");
    }
}
