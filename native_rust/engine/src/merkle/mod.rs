//! The RFC 6962 Merkle tree over all blocks, grown one leaf at a time.
//!
//! Leaf and node hashes are domain-separated as in RFC 6962 section 2.1, so the
//! roots are those that any transparency-log verifier computes.

mod nodes;
mod proof;

use sha2::{Digest, Sha256};

use crate::types::Hash;

pub(crate) use nodes::{KeptNode, LOWEST, NodeTable};
pub use proof::{ConsistencyProof, InclusionProof};
pub(crate) use proof::{Hashes, consistency, inclusion, root_of, tree_of};

/// RFC 6962 leaf hash of a block: `SHA-256(0x00 || bytes)`.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update([0x00]);
    sha.update(bytes);
    sha.finalize().into()
}

/// RFC 6962 interior node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut sha = Sha256::new();
    sha.update([0x01]);
    sha.update(left);
    sha.update(right);
    sha.finalize().into()
}

/// A tree that is only ever appended to, kept as the roots of its perfect
/// subtrees, largest first: one per set bit of its size.
///
/// Appending costs one node hash amortised, the root one per set bit, and the
/// memory is 32 bytes per set bit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    peaks: Vec<Hash>,
}

impl Tree {
    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Append a leaf by its leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_and(leaf, |_, _| {});
    }

    /// Append a leaf, and call `made` with every node it completes and the level
    /// of that node: its subtree has `2^level` leaves.
    pub(crate) fn push_and(&mut self, leaf: Hash, made: impl FnMut(u32, Hash)) {
        self.grow(0, leaf, made);
    }

    /// As [`Tree::push_and`], of the node of a whole subtree of `2^level` leaves,
    /// which is passed to `made`, too. The size is a multiple of that.
    pub(crate) fn push_subtree(&mut self, level: u32, node: Hash, mut made: impl FnMut(u32, Hash)) {
        made(level, node);
        self.grow(level, node, made);
    }

    fn grow(&mut self, level: u32, mut node: Hash, mut made: impl FnMut(u32, Hash)) {
        // Every trailing one bit of the size is a peak of equal height that the
        // new subtree merges with, as a carry does in a binary counter.
        let merges = (self.size >> level).trailing_ones();
        for above in (level..level + merges).map(|level| level + 1) {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
                made(above, node);
            }
        }
        self.peaks.push(node);
        self.size += 1 << level;
    }

    /// The root of the perfect subtree of `2^level` leaves that the tree ends
    /// with, but for smaller ones.
    pub(crate) fn peak(&self, level: u32) -> Option<Hash> {
        if self.size >> level & 1 == 0 {
            return None;
        }
        let larger = (self.size >> level).count_ones() as usize;
        self.peaks.get(larger - 1).copied()
    }

    /// The RFC 6962 tree head; of the empty tree, `SHA-256("")`.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Sha256::digest([]).into(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::to_hex;

    /// The recursive definition of RFC 6962 section 2.1.
    fn definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            _ => {
                let half = leaves.len().next_power_of_two() / 2;
                node_hash(&definition(&leaves[..half]), &definition(&leaves[half..]))
            }
        }
    }

    #[test]
    fn roots_follow_the_definition_at_every_size() {
        let mut tree = Tree::default();
        let mut leaves = Vec::new();
        for n in 0u32..600 {
            assert_eq!(tree.root(), definition(&leaves), "size {n}");
            assert_eq!(tree.size(), u64::from(n));
            let leaf = leaf_hash(&n.to_le_bytes());
            leaves.push(leaf);
            tree.push(leaf);
        }
    }

    #[test]
    fn subtrees_add_up_to_the_same_tree() {
        let leaf = |n: u64| leaf_hash(&n.to_le_bytes());
        for size in [0, 1, 7, 8, 9, 63, 64, 65, 300, 1 << 10] {
            for level in 0..5 {
                let (mut whole, mut pieces) = (Tree::default(), Tree::default());
                let (mut of_whole, mut of_pieces) = (Vec::new(), Vec::new());
                for n in 0..size {
                    whole.push_and(leaf(n), |level, node| of_whole.push((level, node)));
                }
                let mut subtree = Tree::default();
                for n in 0..size >> level << level {
                    subtree.push(leaf(n));
                    if subtree.size() == 1 << level {
                        let node = std::mem::take(&mut subtree).root();
                        pieces
                            .push_subtree(level, node, |level, node| of_pieces.push((level, node)));
                    }
                }
                for level in (0..level).rev() {
                    if let Some(peak) = whole.peak(level) {
                        pieces.push_subtree(level, peak, |_, _| {});
                    }
                }
                assert_eq!(pieces, whole);
                of_whole.retain(|(made, _)| *made >= level.max(1));
                of_pieces.retain(|(made, _)| *made >= 1);
                assert_eq!(of_pieces, of_whole);
            }
        }
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        // Leaves and roots of the reference tests of Certificate Transparency.
        let leaves: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[
                0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
                0x6e, 0x6f,
            ],
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Tree::default();
        assert_eq!(
            to_hex(&tree.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (leaf, root) in leaves.iter().zip(roots) {
            tree.push(leaf_hash(leaf));
            assert_eq!(to_hex(&tree.root()), root);
        }
    }
}
