//! Holding what an index snapshot spares reading against the Merkle tree that the
//! snapshot brings.
//!
//! Every segment header has the root of all blocks before it. With the kept nodes of
//! the tree that root is known without reading the blocks: from the nodes, and from
//! up to fifteen leaf hashes, which one page of the footer before has. Where there are
//! none, because a segment begins after a whole group of sixteen, the leaves of that
//! group are held against its node. So a segment of another history of the same
//! database is refused before anything of it is shown: its last leaf is another.
//! Single blocks are held against the tree when they are read.

use std::ops::{Range, RangeInclusive};

use super::leaves::Leaves;
use super::survey::Survey;
use crate::error::Result;
use crate::merkle::{Hashes, LOWEST, NodeTable, Tree, tree_of};
use crate::planted::{Bug, planted};
use crate::types::Hash;

/// The tree before a segment: kept nodes, and the leaves behind the last of them.
struct Before<'a> {
    nodes: &'a NodeTable,
    first: u64,
    leaves: Vec<Hash>,
}

impl Hashes for Before<'_> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        self.nodes.get(level, index)
    }

    fn leaf(&self, index: u64) -> Result<Hash> {
        let place = index
            .checked_sub(self.first)
            .and_then(|place| usize::try_from(place).ok());
        let leaf = place.and_then(|place| self.leaves.get(place));
        // A hash that no leaf has: the root will not hold.
        Ok(leaf.copied().unwrap_or_default())
    }
}

/// The tree of all blocks before segment `number`. Reads a page of a footer.
///
/// # Errors
/// [`crate::Error::Corrupt`] where neither footer nor blocks can be read.
pub(super) fn tree_before(survey: &mut Survey, number: usize, nodes: &NodeTable) -> Result<Tree> {
    let size = survey
        .segments
        .get(number)
        .map_or(0, |found| found.header.first_seq - 1);
    let first = size >> LOWEST << LOWEST;
    let before = Before {
        nodes,
        first,
        leaves: leaves(survey, first..size)?,
    };
    tree_of(&before, size)
}

/// The leaf hashes with these indexes, from footers or else blocks; none that a leaf has
/// for one that is not there.
fn leaves(survey: &mut Survey, indexes: Range<u64>) -> Result<Vec<Hash>> {
    let mut leaves = Vec::new();
    for index in indexes {
        let behind = survey
            .segments
            .partition_point(|found| found.header.first_seq <= index + 1);
        let Some(found) = survey.segments.get_mut(behind.saturating_sub(1)) else {
            break;
        };
        let place = u32::try_from(index + 1 - found.header.first_seq).unwrap_or(u32::MAX);
        leaves.push(found.leaf(place)?.unwrap_or_default());
    }
    Ok(leaves)
}

/// Whether the last of so many leaves are those of the tree, where that takes more than
/// its root: the kept nodes alone make it up after a whole group.
fn ends_as_kept(survey: &mut Survey, size: u64, nodes: &NodeTable) -> Result<bool> {
    let groups = size >> LOWEST;
    let Some(group) = groups.checked_sub(1).filter(|_| groups << LOWEST == size) else {
        return Ok(true);
    };
    let mut tree = Tree::default();
    for leaf in leaves(survey, group << LOWEST..size)? {
        tree.push(leaf);
    }
    Ok(nodes.get(LOWEST, group) == Some(tree.root()))
}

/// Check the root in the headers of these segments against the leaves before them;
/// returns the tree before the last one.
///
/// # Errors
/// [`crate::Error::Corrupt`] for a segment that is not of this history.
pub(super) fn check_headers(
    survey: &mut Survey,
    numbers: RangeInclusive<usize>,
    nodes: &NodeTable,
) -> Result<Tree> {
    let mut tree = Tree::default();
    for number in numbers {
        tree = tree_before(survey, number, nodes)?;
        let ends_as_kept = ends_as_kept(survey, tree.size(), nodes)?;
        let Some(found) = survey.segments.get(number) else {
            break;
        };
        let continues = found.header.root == tree.root() && ends_as_kept;
        if !continues && !planted(Bug::IgnoreSegmentRoot) {
            let reason = "the segment does not continue the blocks before it: the Merkle root in its header is not theirs";
            return Err(found.reader.corrupt(0, reason));
        }
    }
    Ok(tree)
}

/// Check leaves that follow on `tree` against the kept nodes they make up, and
/// against the root at their end; returns the index of the first that may be wrong.
pub(super) fn check_leaves(
    mut tree: Tree,
    leaves: &Leaves,
    nodes: &NodeTable,
    root: &Hash,
) -> Result<(), u32> {
    let mut first = 0;
    for index in 0..leaves.len() {
        let Some((leaf, _)) = leaves.get(index) else {
            break;
        };
        let mut made = None;
        tree.push_and(leaf, |level, node| {
            if level == LOWEST {
                made = Some(node);
            }
        });
        if let Some(node) = made {
            let group = (tree.size() - 1) >> LOWEST;
            if nodes.get(LOWEST, group) != Some(node) {
                return Err(first);
            }
            first = index + 1;
        }
    }
    match tree.root() == *root {
        true => Ok(()),
        false => Err(first.min(leaves.len().saturating_sub(1))),
    }
}
