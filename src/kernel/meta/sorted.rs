//! A sorted map whose copy is cheap: the entries lie in shared chunks, a copy shares them all and
//! a change copies one chunk. It exists because the metadata image is copied for each change while
//! readers keep the older copies. It is not a general collection: no entry interface, no ranges
//! beyond what the image asks for.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Entries per chunk at which a chunk is split in two.
const CHUNK_ENTRIES_MAX: usize = 128;

/// A sorted map with copy-on-write chunks.
#[derive(Clone)]
pub struct SortedMap<K, V> {
    /// Never holds an empty chunk; keys ascend within and across chunks.
    chunks: Vec<Arc<Vec<(K, V)>>>,
    length: usize,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap { chunks: Vec::new(), length: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> SortedMap<K, V> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Index of the only chunk that may hold the key.
    fn chunk_of<Q: Ord + ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        let after = self
            .chunks
            .partition_point(|chunk| chunk.first().is_some_and(|(first, _)| first.borrow() <= key));
        after.checked_sub(1)
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(usize, usize)>
    where
        K: Borrow<Q>,
    {
        let chunk = self.chunk_of(key)?;
        let entry = self.chunks[chunk].binary_search_by(|(k, _)| k.borrow().cmp(key)).ok()?;
        Some((chunk, entry))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).map(|(chunk, entry)| &self.chunks[chunk][entry].1)
    }

    /// Whether the key is present.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_some()
    }

    /// The value of a key, to be changed; copies the chunk if another map shares it.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (chunk, entry) = self.find(key)?;
        Some(&mut Arc::make_mut(&mut self.chunks[chunk])[entry].1)
    }

    /// Sets the value of a key and returns the value it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(index) = self.chunk_of(&key).or((!self.chunks.is_empty()).then_some(0)) else {
            self.chunks.push(Arc::new(vec![(key, value)]));
            self.length = 1;
            return None;
        };
        let chunk = Arc::make_mut(&mut self.chunks[index]);
        match chunk.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(entry) => Some(std::mem::replace(&mut chunk[entry].1, value)),
            Err(entry) => {
                chunk.insert(entry, (key, value));
                self.length += 1;
                if chunk.len() > CHUNK_ENTRIES_MAX {
                    let upper = chunk.split_off(chunk.len() / 2);
                    self.chunks.insert(index + 1, Arc::new(upper));
                }
                None
            }
        }
    }

    /// Removes a key and returns the value it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (chunk, entry) = self.find(key)?;
        let entries = Arc::make_mut(&mut self.chunks[chunk]);
        let (_, value) = entries.remove(entry);
        if entries.is_empty() {
            self.chunks.remove(chunk);
        }
        self.length -= 1;
        Some(value)
    }

    /// All entries in ascending order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().map(|(key, value)| (key, value)))
    }

    /// The entries whose key is at least `key`, in ascending order.
    pub fn iter_from<Q: Ord + ?Sized>(
        &self,
        key: &Q,
    ) -> impl Iterator<Item = (&K, &V)> + use<'_, K, V, Q>
    where
        K: Borrow<Q>,
    {
        let first = self.chunk_of(key).unwrap_or(0);
        let skipped = self
            .chunks
            .get(first)
            .map_or(0, |chunk| chunk.partition_point(|(candidate, _)| candidate.borrow() < key));
        let chunks = &self.chunks[first.min(self.chunks.len())..];
        chunks.iter().flat_map(|chunk| chunk.iter().map(|(k, v)| (k, v))).skip(skipped)
    }

    /// All values in ascending order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for SortedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Clone + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn behaves_as_a_sorted_map_and_leaves_copies_alone() {
        let mut map = SortedMap::default();
        let mut model = BTreeMap::new();
        let mut copies = Vec::new();
        let mut state: u64 = 7;
        for step in 0..6000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let key = (state >> 40) % 900;
            // Grow first, then shrink to nothing, so that chunks split and vanish.
            if (state >> 33) % 10 < if step < 3000 { 7 } else { 2 } {
                assert_eq!(map.insert(key, step), model.insert(key, step));
            } else {
                assert_eq!(map.remove(&key), model.remove(&key));
            }
            assert_eq!(map.len(), model.len());
            assert_eq!(map.get(&key), model.get(&key));
            if step % 500 == 0 {
                copies.push((map.clone(), model.clone()));
            }
        }
        copies.push((map, model));
        for (map, model) in copies {
            assert!(map.iter().eq(model.iter()));
            for from in [0, 1, 450, 899, 2000] {
                assert!(map.iter_from(&from).eq(model.range(from..)));
            }
        }
    }
}
