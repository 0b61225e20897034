//! Tree heads and proofs of a database's journal.

use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::merkle::{ConsistencyProof, Hashes, InclusionProof, consistency, inclusion, root_of};
use crate::state::State;
use crate::types::Hash;

/// Size and root of the RFC 6962 tree over the blocks 1 to `tree_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of blocks.
    pub tree_size: u64,
    /// The Merkle root over them.
    pub root: Hash,
}

impl Database {
    /// The tree head at a size, by default that of all durable blocks, for which
    /// nothing is read. Otherwise reads up to 15 blocks.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a size the journal has not reached.
    pub fn tree_head(&self, size: Option<u64>) -> Result<TreeHead> {
        let state = &self.state;
        state.check_open()?;
        let head = state.head();
        let tree_size = check_size(size, 0, head.durable_size, "/tree_size")?;
        let root = if tree_size == head.durable_size {
            head.root
        } else {
            root_of(&Stored(state), tree_size)?
        };
        Ok(TreeHead { tree_size, root })
    }

    /// The proof that block `seq` is in the tree of a size, by default that of all
    /// durable blocks. Reads a few dozen blocks, whatever the size.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a size the journal has not reached and for a block
    /// that is not in the tree of that size.
    pub fn inclusion_proof(&self, seq: u64, size: Option<u64>) -> Result<InclusionProof> {
        let state = &self.state;
        state.check_open()?;
        let size = check_size(size, 1, state.durable(), "/tree_size")?;
        let seq = check_size(Some(seq), 1, size, "/seq")?;
        included(state, seq, size)
    }

    /// The proof that the journal at size `second`, by default all that is
    /// durable, was only appended to since size `first`. Reads a few dozen blocks.
    ///
    /// # Errors
    /// [`Error::Invalid`] for sizes the journal has not reached, or in the wrong
    /// order.
    pub fn consistency_proof(&self, first: u64, second: Option<u64>) -> Result<ConsistencyProof> {
        let state = &self.state;
        state.check_open()?;
        let second = check_size(second, 1, state.durable(), "/second")?;
        let first = check_size(Some(first), 1, second, "/first")?;
        consistency(&Stored(state), first, second)
    }
}

/// The proof that block `seq`, from 1, is in the tree of a size, which it is not after.
pub(crate) fn included(state: &State, seq: u64, size: u64) -> Result<InclusionProof> {
    inclusion(&Stored(state), seq - 1, size)
}

fn check_size(given: Option<u64>, min: u64, max: u64, pointer: &str) -> Result<u64> {
    let size = given.unwrap_or(max);
    if size < min || size > max {
        let name = pointer.trim_start_matches('/');
        let detail = if max < min {
            "the journal is empty: there is nothing to prove yet".to_owned()
        } else {
            format!("{name} is {size}; give one from {min} to {max}")
        };
        return Err(Error::invalid(InvalidCode::Parameter, pointer, detail));
    }
    Ok(size)
}

/// The tree as it is stored: upper nodes in memory, leaves in the journal. Each
/// look-up takes the lock for itself, so none is held while a file is read.
struct Stored<'a>(&'a State);

impl Hashes for Stored<'_> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        self.0.indexes.nodes.read().get(level, index)
    }

    fn leaf(&self, index: u64) -> Result<Hash> {
        self.0.leaf(index + 1)
    }
}
