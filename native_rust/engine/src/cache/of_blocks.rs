//! What is made of blocks, in memory: least recently used first to go.
//!
//! Blocks never change, so an entry is never stale: a new version of a feature is another
//! block. Values are made and freed outside of the locks, which are held for moments.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::geo::Prepared;
use crate::mem::lru::Lru;
use crate::types::Hash;

/// A feature as the HTTP API gives it.
#[derive(Debug, PartialEq, Eq)]
pub struct Document {
    /// Sequence of the block it comes from.
    pub seq: u64,
    /// Leaf hash of that block; the document's entity tag.
    pub hash: Hash,
    /// GeoJSON text.
    pub json: Box<[u8]>,
}

/// What an entry costs beyond its value's bytes: map slot, list links, counts.
const OVERHEAD: usize = 160;

/// A cache of what belongs to blocks, by their sequences, bounded in bytes and split over
/// several locks.
#[derive(Debug)]
pub(crate) struct BlockCache<V> {
    shards: Vec<Mutex<Lru<u64, Arc<V>>>>,
    bytes: usize,
}

/// Finished feature documents, each of which is small beside the sixteenth that it may take.
pub(crate) type DocumentCache = BlockCache<Document>;

/// Geometries that are ready to be compared, each of which may take a quarter of it.
pub(crate) type GeometryCache = BlockCache<Prepared>;

impl DocumentCache {
    /// A cache of at most `bytes`.
    pub(crate) fn of_documents(bytes: usize) -> Self {
        Self::new(bytes, 16)
    }

    /// Enter a document, evicting the least recently used ones for it.
    pub(crate) fn insert_document(&self, document: &Arc<Document>) {
        self.insert(document.seq, document, document.json.len());
    }
}

impl GeometryCache {
    /// A cache of at most `bytes`.
    pub(crate) fn of_geometries(bytes: usize) -> Self {
        Self::new(bytes, 4)
    }

    /// Enter the geometry of the version that block `seq` wrote, evicting the least recently
    /// used ones for it.
    pub(crate) fn insert_geometry(&self, seq: u64, geometry: &Arc<Prepared>) {
        self.insert(seq, geometry, geometry.bytes());
    }
}

impl<V> BlockCache<V> {
    fn new(bytes: usize, shards: usize) -> Self {
        let shard = || Mutex::new(Lru::new(usize::MAX, bytes / shards));
        Self {
            shards: (0..shards).map(|_| shard()).collect(),
            bytes,
        }
    }

    fn shard(&self, seq: u64) -> Option<&Mutex<Lru<u64, Arc<V>>>> {
        // Neighbouring sequences are often read together: spread them.
        let number = usize::try_from(seq).unwrap_or(0) % self.shards.len();
        self.shards.get(number)
    }

    /// What block `seq` has, now the most recently used.
    pub(crate) fn get(&self, seq: u64) -> Option<Arc<V>> {
        self.shard(seq)?.lock().get(&seq).cloned()
    }

    fn insert(&self, seq: u64, value: &Arc<V>, bytes: usize) {
        if let Some(shard) = self.shard(seq) {
            let gone = shard.lock().put(seq, Arc::clone(value), bytes + OVERHEAD);
            // Outside of the lock.
            drop(gone);
        }
    }

    /// Bytes held, overhead included.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().bytes()).sum()
    }

    /// Bytes that it may hold.
    pub(crate) fn limit(&self) -> usize {
        self.bytes
    }

    /// Forget everything.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            let all = shard.lock().take();
            drop(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARDS: usize = 16;

    fn document(seq: u64, len: usize) -> Arc<Document> {
        Arc::new(Document {
            seq,
            hash: [0; 32],
            json: vec![b'x'; len].into(),
        })
    }

    #[test]
    fn the_least_recently_used_goes_first_and_the_bound_holds() {
        let bound = SHARDS * 3 * (100 + OVERHEAD);
        let cache = DocumentCache::of_documents(bound);
        let shards = SHARDS as u64;
        // All of one shard, which holds three of them.
        for seq in [0, shards, 2 * shards] {
            cache.insert_document(&document(seq, 100));
        }
        assert!(cache.get(0).is_some());
        cache.insert_document(&document(3 * shards, 100));
        assert!(cache.get(shards).is_none(), "the oldest unused is gone");
        assert!(cache.get(0).is_some(), "the one just read stays");
        for seq in 0..1_000 {
            cache.insert_document(&document(seq, 100));
            assert!(cache.bytes() <= bound);
        }
    }

    #[test]
    fn what_is_larger_than_a_shard_is_not_kept_and_evicts_nothing() {
        let cache = DocumentCache::of_documents(SHARDS * 1_000);
        cache.insert_document(&document(1, 100));
        cache.insert_document(&document(17, 2_000));
        assert!(cache.get(17).is_none());
        assert!(cache.get(1).is_some());
    }

    #[test]
    fn inserting_twice_counts_once() {
        let cache = DocumentCache::of_documents(1 << 20);
        cache.insert_document(&document(1, 100));
        cache.insert_document(&document(1, 100));
        assert_eq!(cache.bytes(), 100 + OVERHEAD);
        cache.clear();
        assert_eq!(cache.bytes(), 0);
    }
}
