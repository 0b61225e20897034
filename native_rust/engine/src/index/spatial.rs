//! Trees over the envelopes of feature versions.

mod count;
mod events;
mod history;
mod layer;
mod packed;
mod quarters;
mod split;
mod tally;
mod walk;

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use rstar::{AABB, Envelope, ParentNode, RTreeNode, RTreeObject};

use crate::types::Rect;
pub(crate) use count::{CountStep, CountWalk};
use history::History;
use layer::Layer;
use packed::{Node, Packed};
pub(super) use tally::Tally;
pub use walk::Placed;
pub(super) use walk::{Parts, Portions, Step};

/// `end_seq` of a version that nothing has superseded.
pub(super) const ALIVE: u64 = u64::MAX;

/// One version of a feature that has a geometry.
#[derive(Debug, Clone)]
pub(super) struct SpatialEntry {
    envelope: AABB<[f64; 2]>,
    /// Sequence that wrote the version. Names it: no other version has it.
    pub begin_seq: u64,
    /// Sequence that superseded it, or [`ALIVE`].
    pub end_seq: u64,
}

impl SpatialEntry {
    pub(super) fn new(rect: Rect, begin_seq: u64, end_seq: u64) -> Self {
        Self {
            envelope: aabb(&rect),
            begin_seq,
            end_seq,
        }
    }

    /// The version's envelope.
    fn rect(&self) -> Rect {
        rect_of(&self.envelope)
    }

    fn visible(&self, at: u64) -> bool {
        self.begin_seq <= at && at < self.end_seq
    }
}

fn aabb(rect: &Rect) -> AABB<[f64; 2]> {
    AABB::from_corners(rect.min, rect.max)
}

fn rect_of(envelope: &AABB<[f64; 2]>) -> Rect {
    Rect {
        min: envelope.lower(),
        max: envelope.upper(),
    }
}

/// Envelopes of all versions: those that are current in one layer, those that
/// have ended in another, so that history does not slow down the present.
///
/// Invariants:
/// 1. Every version is in exactly one of the layers. It moves from the hot one to
///    the history and never back.
/// 2. `horizon` is no less than the `end_seq` of every version in `history`. So a
///    query at or after it needs only the hot layer.
pub(super) struct SpatialIndex {
    hot: Layer,
    history: History,
    horizon: u64,
}

impl Default for SpatialIndex {
    fn default() -> Self {
        Self::bulk_load(Vec::new(), Vec::new())
    }
}

impl SpatialIndex {
    /// Builds both layers at once. O(n log n).
    pub(super) fn bulk_load(current: Vec<SpatialEntry>, ended: Vec<SpatialEntry>) -> Self {
        Self {
            horizon: ended.iter().map(|entry| entry.end_seq).max().unwrap_or(0),
            hot: Layer::bulk_load(current),
            history: History::build(ended),
        }
    }

    /// The box of what is in the hot layer, and how many entries that has. O(1).
    pub(super) fn area(&self) -> (Option<Rect>, u64) {
        let entries = self.hot.tree.size() as u64;
        let area = (entries > 0).then(|| rect_of(&self.hot.tree.root().envelope()));
        (area, entries)
    }

    /// Enters a version that is current. O(log n).
    pub(super) fn insert(&mut self, rect: Rect, begin_seq: u64) {
        self.hot.insert(SpatialEntry::new(rect, begin_seq, ALIVE));
    }

    /// Marks a current version as superseded by `end_seq`. Cost as [`Layer::end`].
    pub(super) fn end(&mut self, rect: Rect, begin_seq: u64, end_seq: u64) {
        self.hot.end(rect, begin_seq, end_seq);
    }

    /// Moves a superseded version to the history. Cost as [`Layer::end`].
    pub(super) fn archive(&mut self, rect: Rect, begin_seq: u64) {
        if let Some(entry) = self.hot.remove(rect, begin_seq) {
            self.horizon = self.horizon.max(entry.end_seq);
            self.history.insert(entry);
        }
    }

    /// To be called after some versions were moved: has the history packed. O(log n).
    pub(super) fn tend(&mut self) {
        self.history.tend();
    }

    /// See [`History::set_young`].
    #[cfg(test)]
    pub(super) fn pack_from(&mut self, versions: usize) {
        self.history.set_young(versions);
    }

    /// Takes a version out as if it had never been. Cost as [`Layer::end`].
    pub(super) fn forget(&mut self, rect: Rect, begin_seq: u64) {
        self.hot.remove(rect, begin_seq);
    }

    /// The layers that have what is visible at `at`, but for packed trees.
    fn layers(&self, at: u64) -> impl Iterator<Item = &Layer> {
        let history = (at < self.horizon).then(|| self.history.layers());
        std::iter::once(&self.hot).chain(history.into_iter().flatten())
    }

    /// The packed trees that may have what is visible at `at`.
    fn packed(&self, at: u64) -> impl Iterator<Item = &Packed> {
        let history = (at < self.horizon).then(|| self.history.packed(Some(at)));
        history.into_iter().flatten()
    }

    /// Calls `found` with the sequence and the envelope of each version visible at
    /// `at` whose envelope touches one of `pieces`: once each, also when it touches
    /// several, in no order. Ends when `found` breaks.
    ///
    /// Does it in one go, as suits who need not give way to others; [`Parts`] go
    /// in steps.
    pub(super) fn query(
        &self,
        pieces: &[Rect],
        at: u64,
        mut found: impl FnMut(u64, Rect) -> ControlFlow<()>,
    ) {
        for layer in self.layers(at) {
            for (place, piece) in pieces.iter().enumerate() {
                let reported = pieces.get(..place).unwrap_or_default();
                let touching = aabb(piece);
                let walk = (layer.tree).locate_in_envelope_intersecting_int(touching, |entry| {
                    let rect = entry.rect();
                    if reported.iter().any(|r| r.intersects(&rect)) {
                        return ControlFlow::Continue(());
                    }
                    layer.each_visible(entry, at, |begin_seq| found(begin_seq, rect))
                });
                if walk.is_break() {
                    return;
                }
            }
        }
        let mut ended = false;
        for packed in self.packed(at) {
            for (place, piece) in pieces.iter().enumerate() {
                let reported = pieces.get(..place).unwrap_or_default();
                packed.touching(&aabb(piece), Some(at), usize::MAX, |entry| {
                    let rect = entry.rect();
                    if !ended && !reported.iter().any(|r| r.intersects(&rect)) {
                        ended = found(entry.begin_seq, rect).is_break();
                    }
                });
            }
        }
    }

    /// The same of one piece, in one go that is no more than so much work; returns how much
    /// it was, unless it is more.
    fn each_touching(
        &self,
        piece: &Rect,
        at: u64,
        most: usize,
        mut found: impl FnMut(u64, Rect),
    ) -> Option<usize> {
        let trees = (self.layers(at), self.packed(at));
        touching(trees, piece, Some(at), most, |begin_seq, _, rect| {
            found(begin_seq, rect);
        })
    }

    /// Calls `found` with the sequences at which each version began and ended, and its envelope
    /// if that touches a piece: of all that ever were, and otherwise as [`Self::each_touching`].
    fn each_ever(
        &self,
        piece: &Rect,
        most: usize,
        found: impl FnMut(u64, u64, Rect),
    ) -> Option<usize> {
        let layers = std::iter::once(&self.hot).chain(self.history.layers());
        touching(
            (layers, self.history.packed(None)),
            piece,
            None,
            most,
            found,
        )
    }

    /// Calls `found` with the bound, the sequence and the envelope of each version
    /// visible at `at`, least bound first, until it breaks or about so much `work`
    /// is done, in calls of `bound`. In the latter case returns a bound that nothing
    /// it has not been called with is below.
    ///
    /// `bound` gives a rectangle a number no greater than those of the rectangles
    /// in it, or nothing to leave out all of them. Best first (Hjaltason and Samet,
    /// "Distance browsing in spatial databases", 1999): looks into no node that has
    /// a greater bound than the last version asked for.
    pub(super) fn by_bound(
        &self,
        at: u64,
        work: usize,
        bound: impl Fn(&Rect) -> Option<f64>,
        mut found: impl FnMut(f64, u64, Rect) -> ControlFlow<()>,
    ) -> Option<f64> {
        let mut done = 0;
        let mut queue = BinaryHeap::new();
        for layer in self.layers(at) {
            push_nodes(layer, layer.tree.root().children(), &bound, &mut queue);
        }
        for packed in self.packed(at) {
            push_packed((packed, None), at, &bound, &mut queue);
        }
        while let Some(Bounded { bound: least, node }) = queue.pop() {
            if done >= work {
                return Some(least);
            }
            match node {
                Queued::Layer(layer, RTreeNode::Parent(parent)) => {
                    done += parent.children().len();
                    push_nodes(layer, parent.children(), &bound, &mut queue);
                }
                Queued::Layer(layer, RTreeNode::Leaf(entry)) => {
                    let rect = entry.rect();
                    let walk = layer.each_member(entry, at, |begin_seq, end_seq| {
                        done += 1;
                        if done > work {
                            return ControlFlow::Break(Some(least));
                        }
                        match at < end_seq {
                            true => found(least, begin_seq, rect).map_break(|()| None),
                            false => ControlFlow::Continue(()),
                        }
                    });
                    if let ControlFlow::Break(stopped) = walk {
                        return stopped;
                    }
                }
                Queued::Packed(_, Node { level: 0, .. }, version) => {
                    done += 1;
                    if found(least, version.begin_seq, version.rect()).is_break() {
                        return None;
                    }
                }
                Queued::Packed(packed, node, _) => {
                    done += push_packed((packed, Some(node)), at, &bound, &mut queue);
                }
            }
        }
        None
    }
}

/// Calls `found` with the versions of some trees that were there at a sequence, or ever, and
/// touch a piece. Returns the work done, unless it is more than there may be.
fn touching<'t>(
    (layers, packed): (
        impl Iterator<Item = &'t Layer>,
        impl Iterator<Item = &'t Packed>,
    ),
    piece: &Rect,
    at: Option<u64>,
    most: usize,
    mut found: impl FnMut(u64, u64, Rect),
) -> Option<usize> {
    let touching = aabb(piece);
    let mut work = 0;
    let mut stack: Vec<&ParentNode<SpatialEntry>> = Vec::with_capacity(32);
    for layer in layers {
        stack.push(layer.tree.root());
        while let Some(node) = stack.pop() {
            work += node.children().len();
            for child in node.children() {
                match child {
                    RTreeNode::Parent(node) if touching.intersects(&node.envelope()) => {
                        stack.push(node);
                    }
                    RTreeNode::Leaf(entry) if touching.intersects(&entry.envelope) => {
                        let rect = entry.rect();
                        let until = at.unwrap_or(u64::MAX);
                        let walk = layer.each_member(entry, until, |begin_seq, end_seq| {
                            work += 1;
                            if at.is_none_or(|at| at < end_seq) {
                                found(begin_seq, end_seq, rect);
                            }
                            match work > most {
                                true => ControlFlow::Break(()),
                                false => ControlFlow::Continue(()),
                            }
                        });
                        if walk.is_break() {
                            return None;
                        }
                    }
                    _ => {}
                }
            }
            if work > most {
                return None;
            }
        }
    }
    for packed in packed {
        let left = most.saturating_sub(work);
        work += packed.touching(&touching, at, left, |entry| {
            found(entry.begin_seq, entry.end_seq, entry.rect());
        })?;
    }
    Some(work)
}

fn push_nodes<'t>(
    layer: &'t Layer,
    nodes: &'t [RTreeNode<SpatialEntry>],
    bound: impl Fn(&Rect) -> Option<f64>,
    queue: &mut BinaryHeap<Bounded<'t>>,
) {
    for node in nodes {
        if let Some(bound) = bound(&rect_of(&node.envelope())) {
            let node = Queued::Layer(layer, node);
            queue.push(Bounded { bound, node });
        }
    }
}

/// The same of what is below a node of a packed tree and was there at `at`. Returns how many
/// those are.
fn push_packed<'t>(
    (packed, node): (&'t Packed, Option<Node>),
    at: u64,
    bound: impl Fn(&Rect) -> Option<f64>,
    queue: &mut BinaryHeap<Bounded<'t>>,
) -> usize {
    let mut there = 0;
    for (node, entry) in packed.below(node) {
        if !entry.visible(at) {
            continue;
        }
        there += 1;
        if let Some(bound) = bound(&entry.rect()) {
            let node = Queued::Packed(packed, node, entry);
            queue.push(Bounded { bound, node });
        }
    }
    there
}

/// A node in a queue that gives out the least bound first.
struct Bounded<'t> {
    bound: f64,
    node: Queued<'t>,
}

enum Queued<'t> {
    Layer(&'t Layer, &'t RTreeNode<SpatialEntry>),
    Packed(&'t Packed, Node, &'t SpatialEntry),
}

impl Ord for Bounded<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.bound.total_cmp(&self.bound)
    }
}

impl PartialOrd for Bounded<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Bounded<'_> {}

impl PartialEq for Bounded<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

#[cfg(test)]
mod tests;
