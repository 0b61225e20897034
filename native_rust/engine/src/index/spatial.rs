//! R*-trees over the envelopes of feature versions.

use std::ops::ControlFlow;

use rstar::{
    AABB, Envelope, RStarInsertionStrategy, RTree, RTreeObject, RTreeParams, SelectionFunction,
};

use crate::model::Rect;

/// `died` of a version that nothing has superseded.
pub(super) const ALIVE: u64 = u64::MAX;

/// One version of a feature that has a geometry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    envelope: AABB<[f64; 2]>,
    /// Sequence that wrote the version. Names it: no other version has it.
    pub born: u64,
    /// Sequence that superseded it, or [`ALIVE`].
    pub died: u64,
}

impl Entry {
    pub(super) fn new(rect: Rect, born: u64, died: u64) -> Self {
        Self {
            envelope: aabb(&rect),
            born,
            died,
        }
    }

    /// The version's envelope.
    pub(super) fn rect(&self) -> Rect {
        Rect {
            min: self.envelope.lower(),
            max: self.envelope.upper(),
        }
    }

    fn visible(&self, at: u64) -> bool {
        self.born <= at && at < self.died
    }
}

impl RTreeObject for Entry {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        self.envelope
    }
}

fn aabb(rect: &Rect) -> AABB<[f64; 2]> {
    AABB::from_corners(rect.min, rect.max)
}

/// Node sizes. A node of at most 15 overflows at 16, which is what its vector
/// has room for, so none is ever doubled to 32. Measured with a million random
/// points against other sizes: a tenth less memory than 5..=16, and fewer levels
/// to read than with rstar's own 3..=6, which takes a quarter more memory and
/// twice the time for a box of 100 hits.
struct Nodes;

impl RTreeParams for Nodes {
    const MIN_SIZE: usize = 7;
    const MAX_SIZE: usize = 15;
    const REINSERTION_COUNT: usize = 4;
    type DefaultInsertionStrategy = RStarInsertionStrategy;
}

type Tree = RTree<Entry, Nodes>;

/// Envelopes of all versions: those that are current in one tree, those that
/// have ended in another, so that history does not slow down the present.
///
/// Invariants:
/// 1. Every version is in exactly one of the trees.
/// 2. `horizon` is no less than the `died` of every version in `history`. So a
///    query at or after it needs only the hot tree.
pub(super) struct SpatialIndex {
    hot: Tree,
    history: Tree,
    horizon: u64,
}

impl Default for SpatialIndex {
    fn default() -> Self {
        Self::bulk_load(Vec::new(), Vec::new())
    }
}

impl SpatialIndex {
    /// Builds both trees at once: a third of the time of inserting one by one,
    /// and well packed. O(n log n).
    pub(super) fn bulk_load(current: Vec<Entry>, ended: Vec<Entry>) -> Self {
        Self {
            horizon: ended.iter().map(|entry| entry.died).max().unwrap_or(0),
            hot: RTree::bulk_load_with_params(current),
            history: RTree::bulk_load_with_params(ended),
        }
    }

    /// Enters a version that is current. O(log n).
    pub(super) fn insert(&mut self, rect: Rect, born: u64) {
        self.hot.insert(Entry::new(rect, born, ALIVE));
    }

    /// Marks a current version as superseded by `died`. O(log n), and linear in
    /// the number of versions that share its very place.
    pub(super) fn end(&mut self, rect: Rect, born: u64, died: u64) {
        let version = Version::new(rect, born);
        if let Some(entry) = self.hot.locate_with_selection_function_mut(version).next() {
            entry.died = died;
        }
    }

    /// Moves a superseded version to the history. Cost as [`Self::end`].
    pub(super) fn retire(&mut self, rect: Rect, born: u64) {
        let version = Version::new(rect, born);
        if let Some(entry) = self.hot.remove_with_selection_function(version) {
            self.horizon = self.horizon.max(entry.died);
            self.history.insert(entry);
        }
    }

    /// Calls `found` with each version visible at `at` whose envelope touches
    /// one of `pieces`: once each, also when it touches several, in no order.
    /// Ends when `found` breaks.
    pub(super) fn query(
        &self,
        pieces: &[Rect],
        at: u64,
        mut found: impl FnMut(&Entry) -> ControlFlow<()>,
    ) {
        let trees = [
            Some(&self.hot),
            (at < self.horizon).then_some(&self.history),
        ];
        for tree in trees.into_iter().flatten() {
            for (place, piece) in pieces.iter().enumerate() {
                let reported = pieces.get(..place).unwrap_or_default();
                let walk = tree.locate_in_envelope_intersecting_int(aabb(piece), |entry| {
                    if entry.visible(at) && !reported.iter().any(|r| r.intersects(&entry.rect())) {
                        return found(entry);
                    }
                    ControlFlow::Continue(())
                });
                if walk.is_break() {
                    return;
                }
            }
        }
    }
}

/// Selects one version by its envelope and sequence.
struct Version {
    envelope: AABB<[f64; 2]>,
    born: u64,
}

impl Version {
    fn new(rect: Rect, born: u64) -> Self {
        Self {
            envelope: aabb(&rect),
            born,
        }
    }
}

impl SelectionFunction<Entry> for Version {
    fn should_unpack_parent(&self, envelope: &AABB<[f64; 2]>) -> bool {
        envelope.contains_envelope(&self.envelope)
    }

    fn should_unpack_leaf(&self, entry: &Entry) -> bool {
        entry.born == self.born
    }
}

#[cfg(test)]
mod tests {
    use rstar::RTreeNode;

    use super::*;

    #[test]
    fn a_leaf_takes_no_more_than_an_inner_node() {
        // A vector and an envelope; the tag hides in the vector.
        assert_eq!(size_of::<RTreeNode<Entry>>(), 24 + 32);
    }

    #[test]
    fn the_present_does_not_look_at_history() {
        let place = Rect::point([1.0, 2.0]);
        let mut index = SpatialIndex::default();
        index.insert(place, 1);
        for born in 2..=50 {
            index.insert(place, born);
            index.end(place, born - 1, born);
        }
        let hits = |index: &SpatialIndex, at| {
            let mut hits = Vec::new();
            index.query(&[place], at, |entry| {
                hits.push(entry.born);
                ControlFlow::Continue(())
            });
            hits
        };
        assert_eq!((index.hot.size(), index.history.size()), (50, 0));
        for born in 1..50 {
            index.retire(place, born);
            assert_eq!(hits(&index, 50), [50]);
            assert_eq!(hits(&index, born), [born]);
        }
        assert_eq!((index.hot.size(), index.history.size()), (1, 49));
        assert_eq!(index.horizon, 50);
        assert_eq!(hits(&index, 0), [] as [u64; 0]);
    }
}
