//! Counts that the index keeps: how many of the features asked for need not be looked at.

use crate::error::Result;
use crate::index::{CountStep, CountWalk, Hit, Placed};
use crate::state::State;
use crate::types::Rect;

use super::Question;

/// Candidates of which a part is counted.
pub(super) struct Counted {
    /// How many are found for certain.
    pub count: u64,
    /// All others.
    pub rest: Vec<Hit>,
}

impl Question<'_> {
    /// What is known of how many there are without a walk over all candidates, if anything
    /// is. O(log n) of everything; of a box O(sqrt n). No file work.
    ///
    /// # Errors
    /// [`crate::Error::Closed`], those of the budget.
    pub(super) fn counted(&self) -> Result<Option<Counted>> {
        if self.span() != (1, self.at) || !self.conditions.of_properties.is_empty() {
            return Ok(None);
        }
        self.budget.check()?;
        let features = &self.state.indexes.features;
        if self.target.is_everything() {
            let count = features.read().count_at(self.at) as u64;
            let rest = Vec::new();
            return Ok(Some(Counted { count, rest }));
        }
        if !self.target.is_box() {
            return Ok(None);
        }
        let pieces = self.target.pieces();
        let mut rest = Vec::new();
        let count = count_box(self.state, pieces, self.at, |found| {
            self.budget.make_room(&mut rest, found.len())?;
            rest.extend(found.drain(..).map(|placed| Hit::new(placed, pieces)));
            self.budget.check()?;
            Ok(true)
        })?;
        Ok(count.map(|count| Counted { count, rest }))
    }
}

/// How many of what touches one of some pieces as of a sequence need not be looked at; none
/// where that costs as much as to look at all. After each step `rest` is given what is to be
/// looked at, to take it out, and says whether to go on: if not, there is none either. No file
/// work; cost as [`crate::index::FeatureIndex::count_box`].
///
/// # Errors
/// [`crate::Error::Closed`], those of `rest`.
pub(super) fn count_box(
    state: &State,
    pieces: &[Rect],
    at: u64,
    mut rest: impl FnMut(&mut Vec<Placed>) -> Result<bool>,
) -> Result<Option<u64>> {
    let mut walk = CountWalk::new(pieces, at);
    let (mut count, mut found) = (0, Vec::new());
    loop {
        let settle = |_: &_, there| {
            count += there;
            true
        };
        let features = state.indexes.features.read();
        let step = features.count_box(&mut walk, settle, &mut found);
        drop(features);
        match (step, rest(&mut found)?) {
            (CountStep::More, true) => {}
            (CountStep::More, false) | (CountStep::GivenUp, _) => return Ok(None),
            (CountStep::Done, _) => break,
        }
    }
    // Closed on the way, the index was empty from there on.
    state.check_open()?;
    Ok(Some(count))
}
