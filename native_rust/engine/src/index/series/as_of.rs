//! Subtrees as of earlier sequences, of whose chunks many have points that were there and others
//! that were not.
//!
//! What was there after each block is made by the second question that finds a subtree as the
//! first left it: that one looked at all points as well, and this one takes a few times as long.
//! From there up, each level is put together of the one below. It is forgotten as all that is
//! known of a subtree.

use std::sync::atomic::Ordering;

use super::past::{Past, Then};
use super::subtree::{Children, Subtree};
use crate::index::chunk::Chunk;
use crate::index::filter::Filter;

/// Chunks of a node with some points that were there and others that were not, up to which it
/// is as well to look at these.
const FEW: usize = 1;

/// Points of children that have nothing kept, of which that is made together with what is kept
/// of their parent, at most.
const ALONG: usize = 1 << 17;

impl Subtree {
    /// What was there at `at`, where that is kept or, if it `may` be, is to be kept from now on;
    /// and the work that was, counted in points.
    pub(crate) fn then(&self, at: u64, may: bool) -> Option<(Then, usize)> {
        let mut work = 0;
        if self.known.past.get().is_none() {
            if !may {
                return None;
            }
            work = self.worth_keeping(at)?;
            self.keep();
        }
        let past = self.known.past.get()?.as_ref()?;
        Some((past.at(at), work))
    }

    /// The timestamp of the first point that was there at `at`. O(log n), and one step for
    /// each run that comes before it in its chunk.
    pub(crate) fn first_at(&self, at: u64) -> Option<i64> {
        let filter = Filter::visible_at(at);
        match &self.children {
            Children::Chunks(chunks) => chunks.iter().find_map(|chunk| chunk.first_visible(at)),
            Children::Subtrees(subtrees) => {
                let mut may = subtrees.iter().filter(|subtree| !subtree.has_none(filter));
                may.find_map(|subtree| subtree.first_at(at))
            }
        }
    }

    /// Whether it is worth keeping what was there, and what work it is to find it out: if many
    /// chunks are mixed at `at`, or most children have it and the others are few points.
    fn worth_keeping(&self, at: u64) -> Option<usize> {
        match &self.children {
            Children::Chunks(chunks) => {
                let points = self.points_in()?;
                let filter = Filter::visible_at(at);
                let is_mixed = |chunk: &&Chunk| !chunk.has_none(filter) && !chunk.is_whole(filter);
                let many = chunks.iter().filter(is_mixed).nth(FEW).is_some();
                // The first question costs no more than it did.
                let again = many && self.known.past_asked.swap(true, Ordering::Relaxed);
                again.then_some(points)
            }
            Children::Subtrees(subtrees) => {
                let (mut lacking, mut points, mut blocks) = (0, 0, 0);
                for subtree in subtrees {
                    match subtree.known.past.get() {
                        Some(past) => blocks += past.as_ref().map_or(0, |past| past.len()),
                        None => {
                            lacking += 1;
                            points += subtree.points_in()?;
                        }
                    }
                }
                let few = 2 * lacking <= subtrees.len() && points <= ALONG;
                few.then_some(points + blocks)
            }
        }
    }

    fn points_in(&self) -> Option<usize> {
        usize::try_from(self.cover()?.points).ok()
    }

    /// Keeps what was there after each block, if that is not too much.
    fn keep(&self) {
        let Some(points) = self.points_in() else {
            return;
        };
        let past = match &self.children {
            Children::Chunks(chunks) => Past::of(chunks, points),
            Children::Subtrees(subtrees) => {
                let lacking = subtrees.iter().filter(|s| s.known.past.get().is_none());
                lacking.for_each(Self::keep);
                let pasts = subtrees.iter().map(|s| s.known.past.get()?.as_deref());
                let pasts: Option<Vec<&Past>> = pasts.collect();
                pasts.and_then(|pasts| Past::joined(&pasts, points))
            }
        };
        // Another reader may have been quicker, with the same.
        let _ = self.known.past.set(past.map(Box::new));
    }
}
