//! Counts that the index keeps: how many of the features asked for need not be looked at.

use crate::error::Result;
use crate::index::{CountStep, CountWalk, Hit};

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
        let mut walk = CountWalk::new(pieces, self.at);
        let (mut count, mut rest, mut found) = (0, Vec::new(), Vec::new());
        loop {
            self.budget.check()?;
            let settle = |_: &_, there| {
                count += there;
                true
            };
            let step = features.read().count_box(&mut walk, settle, &mut found);
            self.budget.make_room(&mut rest, found.len())?;
            rest.extend(found.drain(..).map(|placed| Hit::new(placed, pieces)));
            match step {
                CountStep::More => {}
                CountStep::GivenUp => return Ok(None),
                CountStep::Done => break,
            }
        }
        // Closed on the way, the index was empty from there on.
        self.state.check_open()?;
        Ok(Some(Counted { count, rest }))
    }
}
