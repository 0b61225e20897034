//! Questions for features by place, and for all of them.

use std::ops::ControlFlow;

use super::{EnvelopeRef, FeatureIndex, VersionCursor};
use crate::index::spatial::{CountStep, CountWalk, Parts, Placed, Portions, Step};
use crate::types::Rect;

/// What a box query found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Sequence of the feature's version.
    pub seq: u64,
    /// Whether the envelope alone settles it: the feature does intersect the
    /// box, its geometry need not be looked at.
    pub certain: bool,
}

impl Hit {
    /// What touches one of the pieces of a box.
    #[must_use]
    pub fn new(Placed { seq, rect }: Placed, pieces: &[Rect]) -> Self {
        Self {
            seq,
            // A geometry whose envelope is one position is that position,
            // and one whose envelope a piece contains lies in the piece.
            certain: rect.min == rect.max || pieces.iter().any(|piece| piece.contains(&rect)),
        }
    }
}

/// How far a question for all versions has come whose envelopes touch one of some
/// pieces and that are visible at a sequence.
#[derive(Debug)]
pub struct BoxWalk {
    pub(super) parts: Parts,
    /// Once that is cheaper: how far all features have been gone through.
    scan: Option<VersionCursor>,
    scan_step: usize,
}

impl BoxWalk {
    /// A walk that has not begun. Any sequence will do; one before the last
    /// superseded version was archived costs a look into history as well.
    #[must_use]
    pub fn new(pieces: &[Rect], at: u64) -> Self {
        Self::in_portions(pieces, at, Portions::default())
    }

    pub(super) fn in_portions(pieces: &[Rect], at: u64, portions: Portions) -> Self {
        Self {
            parts: Parts::new(pieces, at, portions),
            scan: None,
            // An entry of the tree costs more.
            scan_step: 2 * portions.step,
        }
    }
}

impl FeatureIndex {
    /// Does the next step of a walk: appends what it finds to `found`, each version
    /// in one step of all, in no order, and returns whether there may be more.
    ///
    /// A superset of the features that intersect a piece: those that [`Hit::new`] is
    /// not certain of need an exact test.
    ///
    /// Give up the lock between two steps: whatever is written meanwhile, all steps
    /// together find what was visible at the walk's sequence. A step is short,
    /// and longer where thousands of different envelopes overlap. All of them
    /// take O(log n + hits) (`benches/spatial`); where the box holds a good part of all
    /// features, O(features) instead, each of which takes less.
    pub fn walk_box(&self, walk: &mut BoxWalk, found: &mut Vec<Placed>) -> bool {
        let parts = &mut walk.parts;
        let Some(cursor) = &mut walk.scan else {
            let features = self.current.len();
            let scanned = match self.spatial.needs_history(parts.at()) {
                false => features,
                // Of some, an older version has to be looked for.
                true => features + self.superseded.len().min(3 * features),
            };
            match self.spatial.step(parts, scanned, found) {
                Step::Done => return false,
                Step::More => {}
                Step::Scan => walk.scan = Some(VersionCursor::default()),
            }
            return true;
        };
        self.visible(cursor, parts.at(), walk.scan_step, |seq, rect| {
            if let Some(rect) = rect
                && parts.wants(seq, &rect)
            {
                found.push(Placed { seq, rect });
            }
        })
    }

    /// Calls `found` with the bound and the version of each feature visible at `at`
    /// that has an envelope, least bound first, until it breaks or about so much
    /// `work` is done, in calls of `bound`. In the latter case returns a bound that
    /// nothing it has not been called with is below.
    ///
    /// `bound` gives a rectangle a number no greater than those of the rectangles
    /// in it, or nothing to leave out all of them. About 15 calls of `bound` for
    /// every node of the R-tree that holds lower bounds than the last version asked
    /// for.
    pub fn by_bound(
        &self,
        at: u64,
        work: usize,
        bound: impl Fn(&Rect) -> Option<f64>,
        mut found: impl FnMut(f64, Placed) -> ControlFlow<()>,
    ) -> Option<f64> {
        let found = |bound, seq, rect| found(bound, Placed { seq, rect });
        self.spatial.by_bound(at, work, bound, found)
    }

    /// Calls `found` with the sequence and the envelope of the version of each
    /// feature visible at `at`, those without geometry among them, looking at `steps`
    /// features. Returns whether there may be more: go on with the same `cursor` and
    /// `at`, whatever was written in between. O(1) a feature, and O(log n) where
    /// it had n versions since.
    pub fn visible(
        &self,
        cursor: &mut VersionCursor,
        at: u64,
        steps: usize,
        mut found: impl FnMut(u64, Option<Rect>),
    ) -> bool {
        for _ in 0..steps {
            let newest = self.current.get(cursor.number as usize);
            let Some(version) = newest.and_then(|newest| self.version_at(newest, at)) else {
                // Numbers are in order of the first versions: the rest is later.
                return false;
            };
            if !version.envelope.is_tombstone() {
                found(version.begin_seq, self.envelopes.get(version.envelope));
            }
            cursor.number += 1;
        }
        true
    }

    /// Calls `found` with the sequence and the envelope of the version of each feature that
    /// is visible at `at` and was written by a block from `first` to `last`, in order, for as
    /// long as it says; those without geometry among them. O(log n) for each, whatever ended
    /// between them.
    pub fn in_order(
        &self,
        (first, last): (u64, u64),
        at: u64,
        mut found: impl FnMut(u64, Option<Rect>) -> bool,
    ) {
        self.timeline.each((first, last), at, |seq, tag| {
            found(seq, self.envelopes.get(EnvelopeRef(tag)))
        });
    }

    /// How many features are visible at `at`. O(log n).
    #[must_use]
    pub fn count_at(&self, at: u64) -> usize {
        self.timeline.count(at)
    }

    /// How many versions were written by blocks from `first` to `last`, but for tombstones.
    /// O(log n).
    #[must_use]
    pub fn written_between(&self, (first, last): (u64, u64)) -> usize {
        self.timeline.written((first, last))
    }

    /// Does the next step of counting what lies in a box: offers `settle` bounds that lie in it
    /// and how many lie within those, and appends to `found` what has to be looked at, among it
    /// all that it does not take. Give up the lock between two steps. O(sqrt n) for a box of any
    /// size as of any sequence, and no more work than there are features.
    pub(crate) fn count_box(
        &self,
        walk: &mut CountWalk,
        settle: impl FnMut(&Rect, u64) -> bool,
        found: &mut Vec<Placed>,
    ) -> CountStep {
        let written = self.timeline.until(walk.at());
        let most = walk.worth(self.current.len());
        self.tally
            .step(&self.spatial, walk, (written, most), settle, found)
    }
}
