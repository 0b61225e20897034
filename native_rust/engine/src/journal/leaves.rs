//! Places and leaf hashes of one segment's blocks, in memory.

use hashbrown::HashTable;

use crate::index::Chunked;
use crate::merkle::Hash;

/// Places and leaf hashes of a segment's blocks, by sequence and by hash: what its
/// footer will hold.
///
/// Some 45 bytes a block, for the segment being written alone. No push moves more
/// than a 256th of the table: it is done under a lock.
#[derive(Default)]
pub(super) struct Leaves {
    first_seq: u64,
    blocks: Chunked<(Hash, u32)>,
    /// Indices into `blocks` by the first byte of the hash.
    shards: Vec<HashTable<u32>>,
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
        let Self { blocks, shards, .. } = self;
        if let Some(shard) = shards.get_mut(usize::from(hash[0])) {
            shard.insert_unique(spread(&hash), index, |&other| {
                blocks
                    .get(other as usize)
                    .map_or(0, |(hash, _)| spread(hash))
            });
        }
    }

    /// Leaf hash and record offset of the block at `index`.
    pub(super) fn get(&self, index: u32) -> Option<(Hash, u32)> {
        self.blocks.get(index as usize).copied()
    }

    /// The block with this hash, by its index. O(1).
    pub(super) fn find(&self, hash: &Hash) -> Option<u32> {
        let is_it = |index: &u32| self.get(*index).is_some_and(|(found, _)| found == *hash);
        let shard = self.shards.get(usize::from(hash[0]))?;
        shard.find(spread(hash), is_it).copied()
    }

    /// Indices of all blocks in the order of their hashes. O(n log n).
    pub(super) fn order(&self) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.blocks.len());
        let mut keyed = Vec::new();
        for shard in &self.shards {
            keyed.extend(shard.iter().filter_map(|index| {
                let (hash, _) = self.blocks.get(*index as usize)?;
                Some((hash, *index))
            }));
            keyed.sort_unstable();
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

/// Bits of a hash for the table; the first byte has chosen the shard.
fn spread(hash: &Hash) -> u64 {
    hash.last_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
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
