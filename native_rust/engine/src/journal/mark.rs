//! Places in the journal, and what is known as of them.

use super::header::DatabaseId;
use crate::merkle::Tree;
use crate::types::Hash;

/// Size and root of a tree.
pub(crate) type TreeHead = (u64, Hash);

/// Where a group lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastGroup {
    /// First sequence of its segment.
    pub segment_first_seq: u64,
    /// Offset of its header.
    pub offset: u64,
    /// Offset right after it.
    pub end: u64,
}

/// A durable place in the journal: what an index snapshot needs to find it again.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub database: DatabaseId,
    /// The tree up to there; its size is the last sequence.
    pub tree: Tree,
    /// The group that ends there.
    pub last_group: LastGroup,
    /// Journal position of that end.
    pub position: u64,
}
