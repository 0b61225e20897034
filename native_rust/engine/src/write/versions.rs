//! What features are read beside: the versions that documents name which come back, and
//! where the others lie.

use std::cell::Cell;

use crate::budget::Budget;
use crate::error::Result;
use crate::read::features::document;
use crate::state::State;
use crate::types::{Rect, Stored, Surroundings};

/// The features of a database, of whose versions so many are read as a budget allows.
#[derive(Debug)]
pub(super) struct StoredFeatures<'s> {
    state: &'s State,
    budget: &'s Budget,
    surroundings: &'s Cell<Surroundings>,
}

impl<'s> StoredFeatures<'s> {
    /// `surroundings` begin as [`surroundings`], and take in what is read.
    pub(super) fn new(
        state: &'s State,
        budget: &'s Budget,
        surroundings: &'s Cell<Surroundings>,
    ) -> Self {
        Self {
            state,
            budget,
            surroundings,
        }
    }
}

/// Where the features of a database lie. O(1).
pub(super) fn surroundings(state: &State) -> Surroundings {
    let (area, features) = state.indexes.features.read().area();
    Surroundings::new(area, features)
}

impl Stored for StoredFeatures<'_> {
    fn log(&self) -> &str {
        &self.state.log
    }

    fn see(&self, id: &str, seq: u64, see: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool> {
        self.state.check_open()?;
        // What is not published is nobody's answer.
        let version = seq <= self.state.published()
            && self.state.indexes.features.read().current(id, seq) == Some(seq);
        if version {
            // Each may be long.
            self.budget.check()?;
            see(&document(self.state, seq)?.json)?;
        }
        Ok(version)
    }

    fn looks_swapped(&self, envelope: &Rect) -> bool {
        let mut surroundings = self.surroundings.get();
        let swapped = surroundings.show_as_swapped(envelope);
        if !swapped {
            surroundings.add(envelope);
            self.surroundings.set(surroundings);
        }
        swapped
    }
}
