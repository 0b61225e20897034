//! Candidates in the order of their sequences, some at a time: what a page of the list of all
//! features is made of, and a search among few blocks.

use crate::budget::Budget;
use crate::error::Result;
use crate::index::{Hit, Placed};
use crate::state::State;
use crate::types::Rect;

use super::Question;

/// Versions taken under the first hold of the lock, and under a later one: pages mostly are
/// short. Few in unit tests.
const SOME: usize = if cfg!(test) { 3 } else { 128 };
const MORE: usize = if cfg!(test) { 7 } else { 1_024 };

/// Blocks among which a search looks at every version rather than at the place it is about.
const FEW_BLOCKS: usize = if cfg!(test) { 20 } else { 1_024 };

impl Question<'_> {
    /// Whether its candidates are found in the order of their sequences without looking at
    /// many others: those of everything, and those written by few blocks. O(log n).
    pub(super) fn is_in_order(&self) -> bool {
        let span = self.span();
        let all = self.target.is_everything();
        all || span != (1, self.at) && {
            let features = self.state.indexes.features.read();
            features.written_between(span) <= FEW_BLOCKS
        }
    }

    /// Calls `found` with the candidates after a sequence, in order, until it answers false.
    /// After about so many versions looked at it ends, and returns the last one. No file
    /// work. O(log n) for each version looked at.
    ///
    /// # Errors
    /// [`crate::Error::Closed`], and those of `found` and of the budget.
    pub(super) fn candidates_in_order(
        &self,
        after: u64,
        most: usize,
        mut found: impl FnMut(Hit) -> Result<bool>,
    ) -> Result<Option<u64>> {
        let (first, last) = self.span();
        let first = first.max(after.saturating_add(1));
        let all = self.target.is_everything();
        each_version(
            self.state,
            (first, last),
            (self.at, most),
            self.budget,
            |seq, rect| match rect {
                _ if all => found(Hit { seq, certain: true }),
                Some(rect) => match self.target.look(Placed { seq, rect }, self.budget)? {
                    Some(hit) => found(hit),
                    None => Ok(true),
                },
                None => Ok(true),
            },
        )
    }
}

/// Calls `found` with the sequence and the envelope of each version that is visible at `at`
/// and was written by a block of a range, in order and without the lock, until it answers
/// false, or for about `most` of them: then returns the last one.
fn each_version(
    state: &State,
    (mut first, last): (u64, u64),
    (at, most): (u64, usize),
    budget: &Budget,
    mut found: impl FnMut(u64, Option<Rect>) -> Result<bool>,
) -> Result<Option<u64>> {
    let mut portion = SOME;
    let mut looked = 0;
    let mut versions = Vec::with_capacity(SOME);
    while first <= last {
        budget.check()?;
        let features = state.indexes.features.read();
        features.in_order((first, last), at, |seq, rect| {
            versions.push((seq, rect));
            versions.len() < portion
        });
        drop(features);
        let whole = versions.len() == portion;
        looked += versions.len();
        first = versions.last().map_or(first, |(seq, _)| seq + 1);
        for (seq, rect) in versions.drain(..) {
            if !found(seq, rect)? {
                return Ok(None);
            }
        }
        if !whole {
            break;
        }
        if looked >= most {
            return Ok(Some(first - 1));
        }
        portion = MORE;
    }
    // Closed on the way, the index was empty from there on.
    state.check_open()?;
    Ok(None)
}
