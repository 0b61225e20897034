//! Leaf hashes that the Merkle tree vouches for, and blocks held against them.
//!
//! A checksum says that bytes are what somebody wrote; the tree says that they are
//! what was committed. The hashes of all whole subtrees of sixteen leaves are in memory
//! (they come from reading the journal, or from a snapshot whose root is that of its
//! last group), so a leaf hash is right if the sixteen it belongs to make up their node.
//! Those come from one page of a footer; where that is damaged, from the sixteen blocks.

use std::ops::Range;

use super::State;
use super::proved_leaves::{GROUP, Proved};
use crate::error::{Error, Result};
use crate::merkle::{Hashes, LOWEST, Tree, leaf_hash, root_of};
use crate::planted::{Bug, planted};
use crate::types::Hash;

impl State {
    /// The leaf hash of a visible block, of which the tree says that it is right. From
    /// memory, or one small read and some microseconds of hashing.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where neither the footer nor the blocks are what the tree was
    /// made of; [`Error::Io`], [`Error::Closed`].
    pub(crate) fn leaf(&self, seq: u64) -> Result<Hash> {
        let index = seq.checked_sub(1).ok_or(Error::Closed)?;
        let group = index >> LOWEST;
        let place = usize::try_from(index).unwrap_or(0) % GROUP;
        if let Some(leaf) = self.proved.get(group, place) {
            return Ok(leaf);
        }
        if let Some(leaf) = self.segments.leaf_in_memory(seq) {
            return Ok(leaf);
        }
        let group = self.prove(group, seq)?;
        let Some(leaf) = group.leaves.get(place).copied() else {
            // This process has written it just now, and the tree that is shown does not
            // have it yet.
            let mut leaves = self.segments.leaves(seq..seq + 1)?;
            return leaves.pop().ok_or(Error::Closed);
        };
        self.proved.keep(group);
        Ok(leaf)
    }

    /// Refuse the bytes of block `seq` unless they are what the tree was made of.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; those of [`State::leaf`].
    pub(crate) fn check_leaf(&self, seq: u64, bytes: &[u8]) -> Result<()> {
        if planted(Bug::IgnoreLeaf) || leaf_hash(bytes) == self.leaf(seq)? {
            return Ok(());
        }
        Err(self.not_committed(seq, "its bytes match their checksum, but not the Merkle tree: they are not what was committed"))
    }

    /// The leaves of a group, from its footer or its blocks.
    fn prove(&self, group: u64, seq: u64) -> Result<Proved> {
        let first = (group << LOWEST) + 1;
        let vouched = self.vouched(group);
        let seqs = first..first + vouched.len();
        let stored = match self.segments.leaves(seqs.clone()) {
            Ok(leaves) => Some(leaves),
            // The blocks say the same.
            Err(Error::Corrupt { .. } | Error::Io { .. }) => None,
            Err(other) => return Err(other),
        };
        if let Some(leaves) = stored
            && (planted(Bug::TrustFooter) || self.holds(&vouched, group, &leaves)?)
        {
            return Ok(Proved { group, leaves });
        }
        let leaves = self.leaves_of_blocks(seqs.clone())?;
        if self.holds(&vouched, group, &leaves)? {
            return Ok(Proved { group, leaves });
        }
        let reason = format!(
            "neither the segment's footer nor the blocks {first} to {} are what the Merkle tree was made of",
            seqs.end - 1
        );
        Err(self.not_committed(seq, &reason))
    }

    /// What says whether a group's leaves are right.
    fn vouched(&self, group: u64) -> Vouched {
        // A group has its node before the sequence after it is published. While it is
        // being committed it has one before its last leaves are in memory, so until then
        // the tree that is shown has to do.
        let head = self.head();
        let whole = (group + 1) << LOWEST <= head.tree_size;
        let node = self.indexes.nodes.read().get(LOWEST, group);
        match node.filter(|_| whole) {
            Some(node) => Vouched::Node(node),
            None => Vouched::Root {
                size: head.tree_size,
                root: head.tree_root,
                leaves: head.tree_size.saturating_sub(group << LOWEST),
            },
        }
    }

    fn holds(&self, vouched: &Vouched, group: u64, leaves: &[Hash]) -> Result<bool> {
        match vouched {
            Vouched::Node(node) => {
                let mut tree = Tree::default();
                leaves.iter().for_each(|leaf| tree.push(*leaf));
                Ok(leaves.len() == GROUP && tree.root() == *node)
            }
            Vouched::Root { size, root, .. } => {
                let last = LastGroup {
                    state: self,
                    first: group << LOWEST,
                    leaves,
                };
                Ok(root_of(&last, *size)? == *root)
            }
        }
    }

    /// The leaf hashes of blocks, from their bytes.
    fn leaves_of_blocks(&self, seqs: Range<u64>) -> Result<Vec<Hash>> {
        let leaf = |seq| {
            if let Some(leaf) = self.segments.leaf_in_memory(seq) {
                return Ok(leaf);
            }
            let location = self.indexes.blocks.read().get(seq).ok_or(Error::Closed)?;
            Ok(leaf_hash(&self.segments.read_block(location)?))
        };
        seqs.map(leaf).collect()
    }

    fn not_committed(&self, seq: u64, reason: &str) -> Error {
        match self.indexes.blocks.read().get(seq) {
            Some(location) => self
                .segments
                .corrupt(location, &format!("block {seq}: {reason}")),
            None => Error::Closed,
        }
    }
}

/// What a group's leaves are held against.
enum Vouched {
    /// Their node.
    Node(Hash),
    /// The last group has none yet: the root of the tree that ends with so many of its
    /// leaves.
    Root { size: u64, root: Hash, leaves: u64 },
}

impl Vouched {
    /// Leaves of the group that it says something about.
    fn len(&self) -> u64 {
        match self {
            Self::Node(_) => GROUP as u64,
            Self::Root { leaves, .. } => (*leaves).min(GROUP as u64),
        }
    }
}

/// The tree with the leaves of its last group.
struct LastGroup<'a> {
    state: &'a State,
    first: u64,
    leaves: &'a [Hash],
}

impl Hashes for LastGroup<'_> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        self.state.indexes.nodes.read().get(level, index)
    }

    fn leaf(&self, index: u64) -> Result<Hash> {
        let place = index
            .checked_sub(self.first)
            .and_then(|place| usize::try_from(place).ok());
        let leaf = place.and_then(|place| self.leaves.get(place));
        leaf.copied().ok_or(Error::Closed)
    }
}
