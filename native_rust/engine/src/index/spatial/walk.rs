//! Finding what touches a box in steps, so that a lock need not be held for long.

use std::collections::HashSet;
use std::ops::Bound;

use rstar::{Envelope, ParentNode, RTreeNode};

use super::layer::{BUCKET, Key, Layer, key};
use super::split::BoxPart;
use super::split::{Divided, divide};
use super::{SpatialEntry, SpatialIndex, aabb};
use crate::types::Rect;

/// How much work is done at a time. It is counted in nodes, entries and members of
/// crowds that are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portions {
    /// A step ends once so much is done.
    pub step: usize,
    /// For one part of the box. One that takes more is divided.
    pub part: usize,
    /// For a part that division does not help, because many envelopes overlap there.
    pub stuck: usize,
    /// What looking at a version costs when all of them are gone through instead.
    pub scan: usize,
}

impl Default for Portions {
    /// Short holds of the lock, and six times as long where envelopes overlap by the
    /// thousands.
    fn default() -> Self {
        Self {
            step: 2_048,
            part: 2_048,
            stuck: 12_288,
            scan: 1,
        }
    }
}

/// Finding an entry in the tree costs so much more than looking at a version when all
/// of them are gone through.
const TREE_COST: usize = 3;

/// What is left to do of a question for all versions that touch one of some pieces
/// and are visible at a sequence.
///
/// The box is walked part by part. What touches several parts, or several pieces,
/// belongs to the part that holds the lower corner of what it has in common with the
/// first piece it touches. That corner does not depend on how the tree is built: so
/// every version is found once, though the tree changes between two steps. Parts
/// are disjoint: their edges lie on neighbouring doubles.
///
/// Between two steps a version that has ended may move from the hot layer to the
/// history. A step looks into both, if the history may have something visible, under
/// one hold of the caller's lock: so it is found wherever it is.
#[derive(Debug)]
pub(crate) struct Parts {
    pieces: Vec<Rect>,
    at: u64,
    portions: Portions,
    tasks: Vec<Task>,
    /// Work done in all steps.
    spent: usize,
}

#[derive(Debug)]
enum Task {
    BoxPart(BoxPart),
    /// The versions with just this envelope that were written after a sequence.
    EnvelopeBucket {
        rect: Rect,
        after: u64,
    },
}

/// A version of a feature, and where it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Sequence that wrote it.
    pub seq: u64,
    /// Its envelope.
    pub rect: Rect,
}

/// How a step of a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do.
    More,
    /// That was all.
    Done,
    /// It is cheaper to go through all versions, and take those that
    /// [`Parts::wants`].
    Scan,
}

/// What came of walking a part.
enum Walked {
    /// All is found but these crowds.
    Whole(Vec<Rect>),
    /// It is too much work. Whether division will not help.
    TooMuch(bool),
}

impl Parts {
    pub(crate) fn new(pieces: &[Rect], at: u64, portions: Portions) -> Self {
        let part = |(piece, rect): (usize, &Rect)| {
            Task::BoxPart(BoxPart {
                rect: *rect,
                piece,
                work: portions.part,
                entries: 0.0,
            })
        };
        Self {
            pieces: pieces.to_vec(),
            at,
            portions,
            tasks: pieces.iter().enumerate().map(part).collect(),
            spent: 0,
        }
    }

    /// The sequence it is asked as of.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Work done so far.
    #[cfg(test)]
    pub(crate) fn spent(&self) -> usize {
        self.spent
    }

    /// Whether a version is still to be found.
    pub(crate) fn wants(&self, seq: u64, rect: &Rect) -> bool {
        let Some(first) = self.pieces.iter().position(|piece| piece.intersects(rect)) else {
            return false;
        };
        self.tasks.iter().any(|task| match task {
            Task::BoxPart(part) => part.piece == first && self.is_of(part, rect),
            Task::EnvelopeBucket { rect: own, after } => own == rect && *after < seq,
        })
    }

    /// Whether what touches a part and its piece belongs to it, if not to the piece
    /// before.
    fn is_of(&self, part: &BoxPart, rect: &Rect) -> bool {
        let Some(piece) = self.pieces.get(part.piece) else {
            return false;
        };
        let corner = [0, 1].map(|axis| rect.min[axis].max(piece.min[axis]));
        part.rect.contains(&Rect::point(corner))
    }

    fn belongs(&self, part: &BoxPart, rect: &Rect) -> bool {
        let before = self.pieces.get(..part.piece).unwrap_or_default();
        self.is_of(part, rect) && !before.iter().any(|piece| piece.intersects(rect))
    }

    fn push(&mut self, part: BoxPart) {
        self.tasks.push(Task::BoxPart(part));
    }
}

impl SpatialIndex {
    /// Does the next step of a walk: appends versions to `found`, each in one step of
    /// all, in no order.
    ///
    /// `versions` is how many there are to go through otherwise. A step is about as
    /// much work as [`Portions`] says, whatever there is in the box.
    pub(crate) fn step(&self, walk: &mut Parts, versions: usize, found: &mut Vec<Placed>) -> Step {
        let until = walk.spent.saturating_add(walk.portions.step);
        let scan = versions.saturating_mul(walk.portions.scan);
        while walk.spent < until {
            let go_on = match walk.tasks.pop() {
                None => return Step::Done,
                Some(Task::EnvelopeBucket { rect, after }) => self.bucket(walk, rect, after, found),
                Some(Task::BoxPart(part)) => self.part(walk, part, scan, found),
            };
            if !go_on {
                return Step::Scan;
            }
        }
        match walk.tasks.is_empty() {
            true => Step::Done,
            false => Step::More,
        }
    }

    /// Whether the history may have what is visible at `at`.
    pub(crate) fn needs_history(&self, at: u64) -> bool {
        at < self.horizon
    }

    /// Finds what belongs to a part, or divides it. Returns false if it is better to
    /// scan, which is so much work.
    fn part(
        &self,
        walk: &mut Parts,
        mut part: BoxPart,
        scan: usize,
        found: &mut Vec<Placed>,
    ) -> bool {
        if walk.spent > scan.max(16 * walk.portions.part) {
            // More than expected, and now as much as a scan would have been.
            walk.push(part);
            return false;
        }
        if part.entries <= part.work as f64 / 2.0 {
            let length = found.len();
            match self.touching(walk, &part, found) {
                Walked::Whole(crowds) => {
                    let crowds = crowds.into_iter();
                    let tasks = crowds.map(|rect| Task::EnvelopeBucket { rect, after: 0 });
                    walk.tasks.extend(tasks);
                }
                Walked::TooMuch(stuck) => {
                    found.truncate(length);
                    match stuck && part.work < walk.portions.stuck {
                        true => part.work = walk.portions.stuck,
                        false => part.entries = f64::INFINITY,
                    }
                    walk.push(part);
                }
            }
            return true;
        }
        let at = walk.at;
        let Divided {
            parts,
            entries,
            work,
        } = divide(
            self.layers(at),
            (self.packed(at), at),
            &part,
            walk.portions.part * 2 / 5,
        );
        walk.spent += work;
        if entries > (scan / TREE_COST) as f64 {
            walk.push(part);
            return false;
        }
        match parts.len() {
            0..=1 if part.work >= walk.portions.stuck => {
                walk.push(part);
                return false;
            }
            0..=1 => {
                part.work = walk.portions.stuck;
                part.entries = 0.0;
                walk.push(part);
            }
            _ => parts.into_iter().for_each(|part| walk.push(part)),
        }
        true
    }

    /// Appends what belongs to a part, but for crowds.
    fn touching(&self, walk: &mut Parts, part: &BoxPart, found: &mut Vec<Placed>) -> Walked {
        let length = found.len();
        let touching = aabb(&part.rect);
        // What touches all of the first piece belongs to it.
        let all = part.piece == 0 && walk.pieces.first() == Some(&part.rect);
        let mut crowds: Vec<Rect> = Vec::new();
        // Entries that begin outside of the part: they would be looked at again in
        // most parts of it.
        let (mut entries, mut outside, mut work) = (0_usize, 0_usize, 0_usize);
        let mut take = |entry: &SpatialEntry| {
            let rect = entry.rect();
            if !part.rect.intersects(&rect) {
                return;
            }
            entries += 1;
            let begins = |axis: usize| part.rect.min[axis] <= rect.min[axis];
            outside += usize::from(!(begins(0) && begins(1)));
            let is_crowd = entry.begin_seq == BUCKET;
            if (is_crowd || entry.visible(walk.at)) && (all || walk.belongs(part, &rect)) {
                match is_crowd {
                    true => crowds.push(rect),
                    false => found.push(Placed {
                        seq: entry.begin_seq,
                        rect,
                    }),
                }
            }
        };
        let mut whole = true;
        let mut stack: Vec<&ParentNode<SpatialEntry>> = Vec::with_capacity(32);
        for layer in self.layers(walk.at) {
            stack.push(layer.tree.root());
            while let Some(node) = stack.pop() {
                work += node.children().len();
                if work > part.work {
                    whole = false;
                    stack.clear();
                    break;
                }
                for child in node.children() {
                    match child {
                        RTreeNode::Parent(node) => {
                            let envelope = node.envelope();
                            if touching.intersects(&envelope) {
                                stack.push(node);
                            }
                        }
                        RTreeNode::Leaf(entry) => take(entry),
                    }
                }
            }
        }
        for packed in self.packed(walk.at) {
            let most = part.work.saturating_sub(work);
            let done = packed.touching(&touching, Some(walk.at), most, &mut take);
            whole &= done.is_some();
            work += done.unwrap_or(most);
        }
        if !whole {
            walk.spent += work;
            return Walked::TooMuch(2 * outside > entries);
        }
        walk.spent += work;
        if !crowds.is_empty() {
            // What is no bucket in one layer may be one in the other. It is found with
            // that: before the next step it may go there.
            let keys: HashSet<Key> = crowds.iter().map(key).collect();
            let mut own = found.split_off(length);
            own.retain(|version| !keys.contains(&key(&version.rect)));
            found.append(&mut own);
            crowds.sort_unstable_by_key(key);
            crowds.dedup();
        }
        Walked::Whole(crowds)
    }

    /// Appends the next members of a bucket, in order of sequence over both layers.
    /// Returns false if it is better to scan.
    fn bucket(&self, walk: &mut Parts, rect: Rect, after: u64, found: &mut Vec<Placed>) -> bool {
        let at = walk.at;
        let length = found.len();
        // What is after it is for the next step.
        let mut last = at;
        for layer in self.layers(at) {
            let Some(bucket) = layer.bucket(&rect) else {
                let Some(work) = not_crowded(layer, &rect, walk.portions.stuck, |entry| {
                    if after < entry.begin_seq && entry.visible(at) {
                        found.push(Placed {
                            seq: entry.begin_seq,
                            rect,
                        });
                    }
                }) else {
                    found.truncate(length);
                    walk.tasks.push(Task::EnvelopeBucket { rect, after });
                    return false;
                };
                walk.spent += work;
                continue;
            };
            // None after what another layer has left for the next step.
            let members = bucket.range((Bound::Excluded(after.min(last)), Bound::Included(last)));
            for ((begin_seq, end_seq), count) in members.zip(1..) {
                walk.spent += 1;
                if at < *end_seq {
                    found.push(Placed {
                        seq: *begin_seq,
                        rect,
                    });
                }
                if count == walk.portions.part {
                    last = last.min(*begin_seq);
                    break;
                }
            }
            walk.spent += 1;
        }
        let own = aabb(&rect);
        for packed in self.packed(at) {
            // These have no crowds, from which a step could take a part.
            let most = walk.portions.part;
            let Some(work) = packed.touching(&own, Some(at), most, |entry| {
                if entry.envelope == own && after < entry.begin_seq {
                    found.push(Placed {
                        seq: entry.begin_seq,
                        rect,
                    });
                }
            }) else {
                found.truncate(length);
                walk.tasks.push(Task::EnvelopeBucket { rect, after });
                return false;
            };
            walk.spent += work;
        }
        if last < at {
            let mut own = found.split_off(length);
            own.retain(|version| version.seq <= last);
            found.append(&mut own);
            walk.tasks.push(Task::EnvelopeBucket { rect, after: last });
        }
        true
    }
}

/// Calls `found` with the entries that have an envelope, in a layer where that has no
/// bucket. Returns the work done, unless it is more than there may be.
fn not_crowded(
    layer: &Layer,
    rect: &Rect,
    most: usize,
    mut found: impl FnMut(&SpatialEntry),
) -> Option<usize> {
    let own = aabb(rect);
    let mut work = 0;
    let mut stack: Vec<&ParentNode<SpatialEntry>> = vec![layer.tree.root()];
    while let Some(node) = stack.pop() {
        work += node.children().len();
        if work > most {
            return None;
        }
        for child in node.children() {
            match child {
                RTreeNode::Parent(node) if node.envelope().contains_envelope(&own) => {
                    stack.push(node);
                }
                RTreeNode::Leaf(entry) if entry.envelope == own => found(entry),
                _ => {}
            }
        }
    }
    Some(work)
}
