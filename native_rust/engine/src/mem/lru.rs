//! Entries in order of use, bounded in number and in bytes.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;

use lru::LruCache;

/// A map bounded in entries and in bytes: the least recently used go first. Under no lock
/// of its own: what goes is handed to the caller, who frees it outside of his.
pub(crate) struct Lru<K: Hash + Eq, V> {
    entries: LruCache<K, LruEntry<V>>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

struct LruEntry<V> {
    value: V,
    bytes: usize,
}

impl<K: Hash + Eq, V> Lru<K, V> {
    /// An empty map of so many entries and bytes at most.
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            entries: LruCache::unbounded(),
            bytes: 0,
            max_entries,
            max_bytes,
        }
    }

    /// The value of a key, which is now the most recently used. O(1).
    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Enter a value that counts as so many bytes, as the most recently used, in place of
    /// what its key had. One that alone passes a bound is not entered, and nothing makes
    /// room for it. O(1), and O(1) for each that goes. Returns what its key had and what
    /// made room, for the caller to free.
    pub(crate) fn put(&mut self, key: K, value: V, bytes: usize) -> (Option<V>, Vec<(K, V)>) {
        let (replaced, mut evicted) = (self.remove(&key), Vec::new());
        if self.max_entries == 0 || bytes > self.max_bytes {
            return (replaced, evicted);
        }
        while !self.has_room(bytes) {
            let Some((key, least)) = self.entries.pop_lru() else {
                break;
            };
            self.bytes -= least.bytes;
            evicted.push((key, least.value));
        }
        self.bytes += bytes;
        self.entries.put(key, LruEntry { value, bytes });
        (replaced, evicted)
    }

    /// Whether an entry of so many bytes would make none go. O(1).
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.entries.len() < self.max_entries && self.bytes.saturating_add(bytes) <= self.max_bytes
    }

    /// Take out the value of a key. O(1).
    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entry = self.entries.pop(key)?;
        self.bytes -= entry.bytes;
        Some(entry.value)
    }

    /// Take out everything.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self::new(self.max_entries, self.max_bytes);
        std::mem::replace(self, empty)
    }

    /// Entries now.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Figures, not contents.
impl<K: Hash + Eq, V> fmt::Debug for Lru<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, bytes) = (self.len(), self.bytes);
        f.debug_struct("Lru")
            .field("entries", &entries)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}
