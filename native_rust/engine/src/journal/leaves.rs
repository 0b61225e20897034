//! Places and leaf hashes of one segment's blocks, in memory.

use hashbrown::HashTable;

use crate::mem::chunked::Chunked;
use crate::types::Hash;

/// Places and leaf hashes of a segment's blocks, by sequence and by hash: what its
/// footer will hold.
///
/// Some 50 bytes a block, for the segment being written alone. No push moves more
/// than a 256th of the table: it is done under a lock.
#[derive(Default)]
pub(super) struct Leaves {
    first_seq: u64,
    blocks: Chunked<(Hash, u32)>,
    /// By the first byte of the hash: four other bytes of it, and the index into
    /// `blocks`. The bytes spare a look at the hash when a table grows.
    shards: Vec<HashTable<(u32, u32)>>,
}

impl Leaves {
    /// Of a segment that begins with block `first_seq`.
    pub(super) fn new(first_seq: u64) -> Self {
        Self {
            first_seq,
            blocks: Chunked::default(),
            shards: (0..=u8::MAX).map(|_| HashTable::new()).collect(),
        }
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// Number of blocks. A segment is below 4 GiB and a block has more than a byte.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.blocks.len()).unwrap_or(u32::MAX)
    }

    /// Add the next block: its leaf hash and the offset of its record.
    pub(super) fn push(&mut self, hash: Hash, offset: u32) {
        let index = self.len();
        self.blocks.push((hash, offset));
        let tag = tag(&hash);
        if let Some(shard) = self.shards.get_mut(usize::from(hash[0])) {
            shard.insert_unique(spread(tag), (tag, index), |(tag, _)| spread(*tag));
        }
    }

    /// Leaf hash and record offset of the block at `index`.
    pub(super) fn get(&self, index: u32) -> Option<(Hash, u32)> {
        self.blocks.get(index as usize).copied()
    }

    /// The block with this hash, by its index. O(1).
    pub(super) fn find(&self, hash: &Hash) -> Option<u32> {
        let wanted = tag(hash);
        let is_it = |(tag, index): &(u32, u32)| {
            *tag == wanted && self.get(*index).is_some_and(|(found, _)| found == *hash)
        };
        let shard = self.shards.get(usize::from(hash[0]))?;
        shard.find(spread(wanted), is_it).map(|(_, index)| *index)
    }

    fn hash(&self, index: u32) -> Hash {
        self.get(index).map_or([0; 32], |(hash, _)| hash)
    }

    /// Indices of all blocks in the order of their hashes. O(n log n).
    pub(super) fn order(&self) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.blocks.len());
        let mut keyed = Vec::new();
        for shard in &self.shards {
            keyed.extend(shard.iter().map(|(_, index)| {
                let hash = self.hash(*index);
                (key(&hash), *index)
            }));
            // Two hashes hardly ever begin with the same eight bytes.
            keyed.sort_unstable_by(|a: &(u64, u32), b| {
                let rest = || self.hash(a.1).cmp(&self.hash(b.1));
                a.0.cmp(&b.0).then_with(rest)
            });
            order.extend(keyed.drain(..).map(|(_, index)| index));
        }
        order
    }
}

impl std::fmt::Debug for Leaves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leaves({} from {})", self.blocks.len(), self.first_seq)
    }
}

/// The first bytes of a hash, ordered as hashes are.
pub(super) fn key(hash: &Hash) -> u64 {
    hash.first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Bytes of a hash that did not choose the shard.
fn tag(hash: &Hash) -> u32 {
    hash.last_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// A tag's bits over all that a table looks at (Fibonacci hashing).
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;

    #[test]
    fn blocks_are_found_by_index_and_by_hash_and_ordered_by_hash() {
        let mut leaves = Leaves::new(7);
        let hashes: Vec<Hash> = (0u32..10_000)
            .map(|n| leaf_hash(&n.to_le_bytes()))
            .collect();
        for (hash, n) in hashes.iter().zip(0..) {
            leaves.push(*hash, n * 3);
        }
        assert_eq!((leaves.first_seq(), leaves.len()), (7, 10_000));
        for (hash, n) in hashes.iter().zip(0..) {
            assert_eq!(leaves.get(n), Some((*hash, n * 3)));
            assert_eq!(leaves.find(hash), Some(n));
        }
        assert_eq!(leaves.find(&[7; 32]), None);
        let mut sorted = hashes.clone();
        sorted.sort_unstable();
        let ordered = leaves.order().into_iter();
        assert!(ordered.map(|n| hashes[n as usize]).eq(sorted));
    }
}
