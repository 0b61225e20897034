//! The upper nodes of the tree, kept so that a proof hashes little.

use crate::mem::chunked::Chunked;
use crate::types::Hash;

/// Lowest level that is kept. Below it a proof reads up to `2^LOWEST` blocks from
/// the journal; above it, it looks nodes up. Nodes kept take 32 bytes for every
/// eight blocks.
pub(crate) const LOWEST: u32 = 4;

/// A node to be kept: its level, and its hash.
pub(crate) type KeptNode = (u32, Hash);

/// Hashes of all complete subtrees of at least `2^LOWEST` leaves, by level.
#[derive(Debug, Default)]
pub(crate) struct NodeTable {
    levels: Vec<Chunked<Hash>>,
}

impl NodeTable {
    /// Whether nodes of this level are kept.
    pub(crate) fn keeps(level: u32) -> bool {
        level >= LOWEST
    }

    /// Add the next node of its level. Nodes of one level come in order.
    pub(crate) fn push(&mut self, (level, hash): KeptNode) {
        let place = level.saturating_sub(LOWEST) as usize;
        while self.levels.len() <= place {
            self.levels.push(Chunked::default());
        }
        if let Some(nodes) = self.levels.get_mut(place) {
            nodes.push(hash);
        }
    }

    /// The node over the leaves `[index << level, (index + 1) << level)`.
    pub(crate) fn get(&self, level: u32, index: u64) -> Option<Hash> {
        let place = level.checked_sub(LOWEST)?;
        let nodes = self.levels.get(place as usize)?;
        nodes.get(usize::try_from(index).ok()?).copied()
    }
}
