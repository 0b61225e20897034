//! Finished feature documents in memory, least recently used first to go.
//!
//! A document belongs to a block, and blocks never change, so an entry is never
//! stale: a new version of a feature is another block.

use std::sync::Arc;

use parking_lot::Mutex;

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

/// What an entry costs beyond its text: map slot, list links, counts.
const OVERHEAD: usize = 160;
/// Locks to spread readers over; a power of two.
const SHARDS: usize = 16;

/// A cache bounded in bytes, split over several locks.
#[derive(Debug)]
pub(crate) struct DocumentCache {
    shards: Vec<Mutex<Lru<u64, Arc<Document>>>>,
}

impl DocumentCache {
    /// A cache of at most `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        let shard = || Mutex::new(Lru::new(usize::MAX, bytes / SHARDS));
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
        }
    }

    fn shard(&self, seq: u64) -> Option<&Mutex<Lru<u64, Arc<Document>>>> {
        // Neighbouring sequences are often read together: spread them.
        self.shards.get(usize::try_from(seq).unwrap_or(0) % SHARDS)
    }

    /// The document of block `seq`, now the most recently used.
    pub(crate) fn get(&self, seq: u64) -> Option<Arc<Document>> {
        self.shard(seq)?.lock().get(&seq).cloned()
    }

    /// Enter a document, evicting the least recently used ones for it.
    pub(crate) fn insert(&self, document: &Arc<Document>) {
        let cost = document.json.len() + OVERHEAD;
        if let Some(shard) = self.shard(document.seq) {
            let gone = shard.lock().put(document.seq, Arc::clone(document), cost);
            // Outside of the lock.
            drop(gone);
        }
    }

    /// Bytes held, overhead included.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().bytes()).sum()
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
        let cache = DocumentCache::new(bound);
        let shards = SHARDS as u64;
        // All of one shard, which holds three of them.
        for seq in [0, shards, 2 * shards] {
            cache.insert(&document(seq, 100));
        }
        assert!(cache.get(0).is_some());
        cache.insert(&document(3 * shards, 100));
        assert!(cache.get(shards).is_none(), "the oldest unused is gone");
        assert!(cache.get(0).is_some(), "the one just read stays");
        for seq in 0..1_000 {
            cache.insert(&document(seq, 100));
            assert!(cache.bytes() <= bound);
        }
    }

    #[test]
    fn what_is_larger_than_a_shard_is_not_kept_and_evicts_nothing() {
        let cache = DocumentCache::new(SHARDS * 1_000);
        cache.insert(&document(1, 100));
        cache.insert(&document(17, 2_000));
        assert!(cache.get(17).is_none());
        assert!(cache.get(1).is_some());
    }

    #[test]
    fn inserting_twice_counts_once() {
        let cache = DocumentCache::new(1 << 20);
        cache.insert(&document(1, 100));
        cache.insert(&document(1, 100));
        assert_eq!(cache.bytes(), 100 + OVERHEAD);
        cache.clear();
        assert_eq!(cache.bytes(), 0);
    }
}
