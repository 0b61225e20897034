//! Chunks that follow each other, in a B+-tree whose nodes know what is below them.
//!
//! Like the summaries of chunks, what a node knows is made by readers, who hold the shared
//! lock, and forgotten by whoever changes a chunk below it, who holds the exclusive one. So
//! it costs nothing for series that nobody asks about, and next to nothing to write to the
//! others. A walk that has gone through all children of a node leaves behind what they come
//! to together (see [`Subtree::settle`]).

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use super::Fence;
use super::past::Past;
use crate::index::chunk::Chunk;
use crate::index::filter::{Bounds, Filter};
use crate::index::summary::{greatest, least};
use crate::types::exact::{Accumulator, Sum};
use crate::types::{Counted, ValueFilter};

/// Most children of a node. In tests of this crate few chunks make deep trees.
const FAN_OUT: usize = if cfg!(test) { 4 } else { 32 };

/// Chunks that follow each other: all that a series has after its first, or a part of them.
pub(crate) struct Subtree {
    /// One for each child: that of the first chunk in it.
    pub(super) fences: Vec<Fence>,
    pub(super) children: Children,
    pub(super) known: Known,
}

pub(super) enum Children {
    Chunks(Vec<Chunk>),
    Subtrees(Vec<Subtree>),
}

/// What was found out about all points of a subtree.
#[derive(Default)]
pub(super) struct Known {
    /// Without it there is nothing else.
    cover: OnceLock<Cover>,
    totals: OnceLock<Totals>,
    /// The sum of the squares, as doubles that add up to it, where so many do.
    squares: OnceLock<Option<[f64; 4]>>,
    /// What was there as of earlier: nothing where that takes too much memory to keep.
    pub(super) past: OnceLock<Option<Box<Past>>>,
    /// Whether that was asked for once.
    pub(super) past_asked: AtomicBool,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Cover {
    bounds: Bounds,
    pub(super) points: u64,
    /// Timestamp and value of the first point and of the last.
    ends: Option<((i64, f64), (i64, f64))>,
}

/// What the values of all points of a subtree come to, of those that died too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals {
    /// Doubles that add up to their sum, where so many do.
    pub sum: Option<[f64; 3]>,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

impl Subtree {
    /// Of one chunk.
    pub(super) fn of(fence: Fence, chunk: Chunk) -> Self {
        Self {
            fences: vec![fence],
            children: Children::Chunks(vec![chunk]),
            known: Known::default(),
        }
    }

    /// Of two that follow each other.
    pub(super) fn join(head: Self, (fence, tail): (Fence, Self)) -> Self {
        Self {
            fences: head
                .fences
                .first()
                .copied()
                .into_iter()
                .chain([fence])
                .collect(),
            children: Children::Subtrees(vec![head, tail]),
            known: Known::default(),
        }
    }

    /// The fence of its first chunk.
    pub(super) fn first_fence(&self) -> Option<Fence> {
        self.fences.first().copied()
    }

    /// The fence of its last chunk.
    pub(super) fn last_fence(&self) -> Option<Fence> {
        match &self.children {
            Children::Chunks(_) => self.fences.last().copied(),
            Children::Subtrees(subtrees) => subtrees.last()?.last_fence(),
        }
    }

    /// The greatest fence before another.
    pub(super) fn before(&self, fence: Fence) -> Option<Fence> {
        let place = self.fences.partition_point(|f| *f < fence).checked_sub(1)?;
        match &self.children {
            Children::Chunks(_) => self.fences.get(place).copied(),
            Children::Subtrees(subtrees) => subtrees.get(place)?.before(fence),
        }
    }

    /// The least fence after another.
    pub(super) fn after(&self, fence: Fence) -> Option<Fence> {
        let place = self.fences.partition_point(|f| *f <= fence);
        let next = self.fences.get(place).copied();
        match &self.children {
            Children::Chunks(_) => next,
            Children::Subtrees(subtrees) => {
                let within = place.checked_sub(1).and_then(|place| subtrees.get(place));
                within.and_then(|subtree| subtree.after(fence)).or(next)
            }
        }
    }

    /// The child that a fence belongs to.
    fn place(&self, fence: Fence) -> usize {
        let behind = self.fences.partition_point(|f| *f <= fence);
        behind.saturating_sub(1)
    }

    pub(super) fn get(&self, fence: Fence) -> Option<&Chunk> {
        let place = self.place(fence);
        match &self.children {
            Children::Chunks(chunks) => {
                let here = self.fences.get(place) == Some(&fence);
                chunks.get(place).filter(|_| here)
            }
            Children::Subtrees(subtrees) => subtrees.get(place)?.get(fence),
        }
    }

    /// A chunk that is to be changed.
    pub(super) fn get_mut(&mut self, fence: Fence) -> Option<&mut Chunk> {
        self.known.forget();
        let place = self.place(fence);
        match &mut self.children {
            Children::Chunks(chunks) => {
                let here = self.fences.get(place) == Some(&fence);
                chunks.get_mut(place).filter(|_| here)
            }
            Children::Subtrees(subtrees) => subtrees.get_mut(place)?.get_mut(fence),
        }
    }

    /// Puts a chunk at a fence that is not taken. Returns what then is too much for one node:
    /// the second part, and its fence.
    pub(super) fn insert(&mut self, fence: Fence, chunk: Chunk) -> Option<(Fence, Self)> {
        self.known.forget();
        let place = match &mut self.children {
            Children::Chunks(chunks) => {
                let place = self.fences.partition_point(|f| *f < fence);
                reserve(chunks);
                chunks.insert(place, chunk);
                self.fences.insert(place, fence);
                place
            }
            Children::Subtrees(subtrees) => {
                let behind = self.fences.partition_point(|f| *f <= fence);
                let place = behind.saturating_sub(1);
                if let Some(first) = self.fences.get_mut(place) {
                    *first = fence.min(*first);
                }
                let (fence, tail) = subtrees.get_mut(place)?.insert(fence, chunk)?;
                reserve(subtrees);
                subtrees.insert(place + 1, tail);
                self.fences.insert(place + 1, fence);
                place + 1
            }
        };
        let count = self.fences.len();
        if count <= FAN_OUT {
            return None;
        }
        // What comes in order leaves full nodes behind.
        let at = if place + 1 == count { place } else { count / 2 };
        let fences = self.fences.split_off(at);
        let children = match &mut self.children {
            Children::Chunks(chunks) => Children::Chunks(chunks.split_off(at)),
            Children::Subtrees(subtrees) => Children::Subtrees(subtrees.split_off(at)),
        };
        let tail = Self {
            fences,
            children,
            known: Known::default(),
        };
        Some((tail.first_fence()?, tail))
    }

    /// The children that may have chunks with fences from one on and before another.
    pub(super) fn within(&self, (from, until): (Fence, Fence)) -> Range<usize> {
        let begin = match &self.children {
            Children::Chunks(_) => self.fences.partition_point(|f| *f < from),
            Children::Subtrees(_) => self.place(from),
        };
        begin..self.fences.partition_point(|f| *f < until).max(begin)
    }
}

/// Makes room for one more child than a node has for long, and no more than that.
fn reserve<T>(children: &mut Vec<T>) {
    if children.len() == FAN_OUT {
        children.reserve_exact(1);
    }
}

impl Known {
    fn forget(&mut self) {
        if self.cover.get_mut().is_some() {
            *self = Self::default();
        }
    }
}

impl Subtree {
    /// Puts together what its children come to, as far as that is known of all of them. The
    /// values of a chunk are summed up by whoever reads them, and not here.
    pub(super) fn settle(&self) {
        if self.cover().is_none() {
            return;
        }
        if self.known.totals.get().is_none() {
            let Some(totals) = self.total_children() else {
                return;
            };
            let _ = self.known.totals.set(totals);
        }
        if self.known.squares.get().is_none()
            && let Some(squares) = self.square_children()
        {
            let _ = self.known.squares.set(squares);
        }
    }

    /// What lies between its ends, if that is known or that of its children is.
    pub(super) fn cover(&self) -> Option<&Cover> {
        if self.known.cover.get().is_none() {
            // Another reader may have been quicker, with the same.
            let _ = self.known.cover.set(self.cover_children()?);
        }
        self.known.cover.get()
    }

    fn cover_children(&self) -> Option<Cover> {
        let mut all = Cover::default();
        match &self.children {
            Children::Chunks(chunks) => {
                for chunk in chunks {
                    all.bounds.take_in(chunk.bounds());
                    all.points += chunk.len() as u64;
                }
                let edges = |chunk: Option<&Chunk>| chunk.and_then(Chunk::edges);
                let (first, last) = (edges(chunks.first()), edges(chunks.last()));
                all.ends = first.zip(last).map(|(first, last)| (first.0, last.1));
            }
            Children::Subtrees(subtrees) => {
                for subtree in subtrees {
                    let cover = subtree.known.cover.get()?;
                    all.bounds.take_in(&cover.bounds);
                    all.points += cover.points;
                    all.ends = match (all.ends, cover.ends) {
                        (Some((first, _)), Some((_, last))) => Some((first, last)),
                        (before, here) => before.or(here),
                    };
                }
            }
        }
        Some(all)
    }

    fn total_children(&self) -> Option<Totals> {
        let mut sum = Some(Sum::default());
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut widen = |(low, high)| {
            min = least(min, low);
            max = greatest(max, high);
        };
        match &self.children {
            Children::Chunks(chunks) => {
                for chunk in chunks {
                    widen(chunk.known(sum.as_mut()?)?);
                }
            }
            Children::Subtrees(subtrees) => {
                for subtree in subtrees {
                    let totals = subtree.known.totals.get()?;
                    widen((totals.min, totals.max));
                    match totals.sum {
                        Some(parts) => sum.iter_mut().for_each(|sum| sum.add_parts(parts)),
                        None => sum = None,
                    }
                }
            }
        }
        Some(Totals {
            sum: sum.and_then(|sum| sum.parts()),
            min,
            max,
        })
    }

    /// `None` where that of a child is not known.
    fn square_children(&self) -> Option<Option<[f64; 4]>> {
        let mut all = Accumulator::default();
        let mut fits = true;
        match &self.children {
            Children::Chunks(chunks) => {
                for chunk in chunks {
                    chunk.known_squares(&mut all)?;
                }
            }
            Children::Subtrees(subtrees) => {
                for subtree in subtrees {
                    match subtree.known.squares.get()? {
                        Some(parts) => parts.iter().for_each(|&part| all.add(part)),
                        None => fits = false,
                    }
                }
            }
        }
        Some(fits.then(|| all.expansion()).flatten())
    }

    /// Whether it is known that `filter` takes no point.
    pub(in crate::index) fn has_none(&self, filter: Filter) -> bool {
        let cover = self.known.cover.get();
        cover.is_some_and(|cover| filter.takes_none(&cover.bounds))
    }

    /// Whether it is known that `filter` takes every point.
    pub(in crate::index) fn is_whole(&self, filter: Filter) -> bool {
        let cover = self.known.cover.get();
        cover.is_some_and(|cover| filter.takes_all(&cover.bounds))
    }

    /// Whether some of the points may be of this block.
    pub(super) fn may_have(&self, block: Option<u64>) -> bool {
        let cover = self.known.cover.get();
        cover.is_none_or(|cover| cover.bounds.may_have(block))
    }

    /// Which of its values count, as far as that is known.
    pub(in crate::index) fn counted(&self, values: Option<&ValueFilter>) -> Counted {
        match (values, self.known.totals.get()) {
            (None, _) => Counted::All,
            (Some(filter), Some(totals)) => filter.of_span((totals.min, totals.max)),
            (Some(_), None) => Counted::Some,
        }
    }

    /// How many points it has, if that is known.
    pub(crate) fn points(&self) -> Option<u64> {
        self.known.cover.get().map(|cover| cover.points)
    }

    /// What the values come to, if that is known.
    pub(crate) fn totals(&self) -> Option<Totals> {
        self.known.totals.get().copied()
    }

    /// The sum of the squares of the values, as doubles that add up to it, if that is known
    /// and so many do.
    pub(crate) fn squares(&self) -> Option<[f64; 4]> {
        self.known.squares.get().copied().flatten()
    }

    /// Timestamp and value of the first point and of the last, if that is known.
    pub(crate) fn ends(&self) -> Option<((i64, f64), (i64, f64))> {
        self.known.cover.get()?.ends
    }

    pub(super) fn last_chunk(&self) -> Option<&Chunk> {
        match &self.children {
            Children::Chunks(chunks) => chunks.last(),
            Children::Subtrees(subtrees) => subtrees.last()?.last_chunk(),
        }
    }

    /// Whether it is known, or found out from its children, that all its points are from one
    /// timestamp on and before another.
    pub(in crate::index) fn is_within(&self, start: i64, end: i64) -> bool {
        let ends = self.cover().and_then(|cover| cover.ends);
        ends.is_some_and(|((first, _), (last, _))| start <= first && last < end)
    }
}
