//! Roots and proofs of RFC 6962, sections 2.1.1 and 2.1.2, at any tree size.
//!
//! A hash over a range of leaves is put together from kept nodes; only where the
//! range begins or ends inside a subtree below them are leaves asked for. So a
//! proof costs O(log n) look-ups and a few dozen leaf hashes, whatever n is.

use std::ops::Range;

use super::nodes::LOWEST;
use super::{Tree, node_hash};
use crate::error::Result;
use crate::types::Hash;

/// That a block is in the tree of a given size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Place of the leaf, from 0: the block's sequence less one.
    pub leaf_index: u64,
    /// Size of the tree it is proved for.
    pub tree_size: u64,
    /// Leaf hash of the block.
    pub leaf_hash: Hash,
    /// Root of the tree of that size.
    pub root: Hash,
    /// Sibling hashes from the leaf up.
    pub path: Vec<Hash>,
}

/// That the tree of one size is a beginning of the tree of a later size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The earlier size.
    pub first: u64,
    /// The later size.
    pub second: u64,
    /// Root of the earlier tree.
    pub first_root: Hash,
    /// Root of the later tree.
    pub second_root: Hash,
    /// Node hashes in the order of RFC 6962, section 2.1.2.
    pub path: Vec<Hash>,
}

/// Where a proof takes its hashes from.
pub(crate) trait Hashes {
    /// The node over the leaves `[index << level, (index + 1) << level)`, if its
    /// level is kept.
    fn node(&self, level: u32, index: u64) -> Option<Hash>;

    /// The leaf hash at an index, from 0.
    fn leaf(&self, index: u64) -> Result<Hash>;
}

/// The RFC 6962 tree head over the first `size` leaves.
pub(crate) fn root_of(hashes: &impl Hashes, size: u64) -> Result<Hash> {
    range_hash(hashes, 0..size)
}

/// The tree over the first `size` leaves.
pub(crate) fn tree_of(hashes: &impl Hashes, size: u64) -> Result<Tree> {
    let mut tree = Tree::default();
    for level in (LOWEST..u64::BITS).rev() {
        let at = tree.size();
        if size >> level & 1 == 0 {
            continue;
        }
        match hashes.node(level, at >> level) {
            Some(node) => tree.push_subtree(level, node, |_, _| {}),
            None => break,
        }
    }
    for index in tree.size()..size {
        tree.push(hashes.leaf(index)?);
    }
    Ok(tree)
}

/// The audit path of leaf `index` in the tree of `size`; `index < size`.
pub(crate) fn inclusion(hashes: &impl Hashes, index: u64, size: u64) -> Result<InclusionProof> {
    let mut path = Vec::new();
    let mut range = 0..size;
    // From the root down, the sibling of each subtree that holds the leaf.
    while range.end - range.start > 1 {
        let middle = split(&range);
        let (inside, sibling) = if index < middle {
            (range.start..middle, middle..range.end)
        } else {
            (middle..range.end, range.start..middle)
        };
        path.push(range_hash(hashes, sibling)?);
        range = inside;
    }
    path.reverse();
    Ok(InclusionProof {
        leaf_index: index,
        tree_size: size,
        leaf_hash: hashes.leaf(index)?,
        root: range_hash(hashes, 0..size)?,
        path,
    })
}

/// The proof that the tree of `first` leaves begins the one of `second`;
/// `1 <= first <= second`.
pub(crate) fn consistency(
    hashes: &impl Hashes,
    first: u64,
    second: u64,
) -> Result<ConsistencyProof> {
    let mut path = Vec::new();
    let mut range = 0..second;
    // From the root down to the subtree that the earlier tree ends with.
    while first < range.end {
        let middle = split(&range);
        if first <= middle {
            path.push(range_hash(hashes, middle..range.end)?);
            range = range.start..middle;
        } else {
            path.push(range_hash(hashes, range.start..middle)?);
            range = middle..range.end;
        }
    }
    // The verifier knows that subtree's hash only if it is the whole earlier tree.
    if range.start > 0 {
        path.push(range_hash(hashes, range)?);
    }
    path.reverse();
    Ok(ConsistencyProof {
        first,
        second,
        first_root: range_hash(hashes, 0..first)?,
        second_root: range_hash(hashes, 0..second)?,
        path,
    })
}

/// Where RFC 6962 splits a range of at least two leaves: after the largest power
/// of two that is less than its length.
fn split(range: &Range<u64>) -> u64 {
    let len = range.end - range.start;
    range.start + (len.next_power_of_two() >> 1)
}

/// The tree head over a range of leaves that RFC 6962's splitting gives: its
/// start is a multiple of the power of two its length rounds up to.
fn range_hash(hashes: &impl Hashes, range: Range<u64>) -> Result<Hash> {
    // Subtrees from left to right, each the largest that fits; their heads are
    // joined from the right.
    let mut heads = Vec::new();
    let mut at = range.start;
    while range.end - at >= 1 << LOWEST {
        let level = (range.end - at).ilog2();
        heads.push(match hashes.node(level, at >> level) {
            Some(hash) => hash,
            None => leaves_hash(hashes, at..at + (1 << level))?,
        });
        at += 1 << level;
    }
    if at < range.end || heads.is_empty() {
        heads.push(leaves_hash(hashes, at..range.end)?);
    }
    let mut heads = heads.into_iter().rev();
    let last = heads.next().unwrap_or_default();
    Ok(heads.fold(last, |right, left| node_hash(&left, &right)))
}

/// The tree head over leaves, each asked for.
fn leaves_hash(hashes: &impl Hashes, range: Range<u64>) -> Result<Hash> {
    let mut tree = Tree::default();
    for index in range {
        tree.push(hashes.leaf(index)?);
    }
    Ok(tree.root())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::{NodeTable, leaf_hash};
    use super::*;

    /// Leaves, and the nodes a writer would have kept.
    struct Grown {
        leaves: Vec<Hash>,
        nodes: NodeTable,
        asked: Cell<usize>,
    }

    impl Hashes for Grown {
        fn node(&self, level: u32, index: u64) -> Option<Hash> {
            self.nodes.get(level, index)
        }

        fn leaf(&self, index: u64) -> Result<Hash> {
            self.asked.set(self.asked.get() + 1);
            Ok(self.leaves[index as usize])
        }
    }

    fn grown(size: u64) -> Grown {
        let mut tree = Tree::default();
        let mut nodes = NodeTable::default();
        let mut leaves = Vec::new();
        for n in 0..size {
            let leaf = leaf_hash(&n.to_le_bytes());
            leaves.push(leaf);
            tree.push_and(leaf, |level, hash| {
                if NodeTable::keeps(level) {
                    nodes.push((level, hash));
                }
            });
        }
        let asked = Cell::new(0);
        Grown {
            leaves,
            nodes,
            asked,
        }
    }

    fn root(leaves: &[Hash]) -> Hash {
        let mut tree = Tree::default();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        tree.root()
    }

    /// The verifier of RFC 9162, section 2.1.3.2: bit by bit from the leaf up, a
    /// different way than the one the proof was made by.
    fn verifies_inclusion(proof: &InclusionProof) -> bool {
        let (mut node, mut last) = (proof.leaf_index, proof.tree_size - 1);
        let mut hash = proof.leaf_hash;
        for sibling in &proof.path {
            if last == 0 {
                return false;
            }
            if node % 2 == 1 || node == last {
                hash = node_hash(sibling, &hash);
                while node % 2 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node_hash(&hash, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        last == 0 && hash == proof.root
    }

    /// The verifier of RFC 9162, section 2.1.4.2.
    fn verifies_consistency(proof: &ConsistencyProof) -> bool {
        if proof.first == proof.second {
            return proof.path.is_empty() && proof.first_root == proof.second_root;
        }
        let mut path = proof.path.clone();
        if proof.first.is_power_of_two() {
            path.insert(0, proof.first_root);
        }
        let (mut node, mut last) = (proof.first - 1, proof.second - 1);
        while node % 2 == 1 {
            node >>= 1;
            last >>= 1;
        }
        let Some((start, rest)) = path.split_first() else {
            return false;
        };
        let (mut first, mut second) = (*start, *start);
        for sibling in rest {
            if last == 0 {
                return false;
            }
            if node % 2 == 1 || node == last {
                first = node_hash(sibling, &first);
                second = node_hash(sibling, &second);
                while node % 2 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                second = node_hash(&second, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        last == 0 && first == proof.first_root && second == proof.second_root
    }

    #[test]
    fn every_inclusion_proof_verifies_and_no_altered_one_does() {
        let tree = grown(150);
        for size in 1..=150u64 {
            for index in 0..size {
                let proof = inclusion(&tree, index, size).unwrap();
                assert_eq!(proof.root, root(&tree.leaves[..size as usize]));
                assert!(verifies_inclusion(&proof), "{index} of {size}");
                for place in 0..proof.path.len() {
                    let mut altered = proof.clone();
                    altered.path[place][7] ^= 1;
                    assert!(!verifies_inclusion(&altered));
                }
            }
        }
    }

    #[test]
    fn every_consistency_proof_verifies_and_no_altered_one_does() {
        let tree = grown(150);
        for second in 1..=150u64 {
            for first in 1..=second {
                let proof = consistency(&tree, first, second).unwrap();
                assert_eq!(proof.first_root, root(&tree.leaves[..first as usize]));
                assert!(verifies_consistency(&proof), "{first} to {second}");
                let mut altered = proof.clone();
                altered.first_root[0] ^= 1;
                assert!(!verifies_consistency(&altered));
            }
        }
    }

    #[test]
    fn a_proof_in_a_large_tree_asks_for_few_leaves() {
        const SIZE: u64 = 100_003;
        let tree = grown(SIZE);
        for index in [0, 1, 49_999, SIZE - 17, SIZE - 1] {
            let proof = inclusion(&tree, index, SIZE).unwrap();
            assert!(verifies_inclusion(&proof), "{index}");
            assert!(proof.path.len() <= 17);
        }
        let asked = tree.asked.get();
        assert!(asked < 5 * 64, "{asked} leaves");
    }

    #[test]
    fn the_paths_are_those_of_rfc_6962() {
        // The example tree of section 2.1.3: seven leaves, d0 to d6.
        let tree = grown(7);
        let d = &tree.leaves;
        let (g, h, i) = (
            node_hash(&d[0], &d[1]),
            node_hash(&d[2], &d[3]),
            node_hash(&d[4], &d[5]),
        );
        let (j, k, l) = (d[6], node_hash(&g, &h), node_hash(&i, &d[6]));
        let path = |index| inclusion(&tree, index, 7).unwrap().path;
        assert_eq!(path(0), [d[1], h, l]);
        assert_eq!(path(3), [d[2], g, l]);
        assert_eq!(path(4), [d[5], j, k]);
        assert_eq!(path(6), [i, k]);
        let proof = |first| consistency(&tree, first, 7).unwrap().path;
        assert_eq!(proof(3), [d[2], d[3], g, l]);
        assert_eq!(proof(4), [l]);
        assert_eq!(proof(6), [i, j, k]);
        assert_eq!(root_of(&tree, 7).unwrap(), root(d));
    }
}
