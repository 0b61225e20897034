//! The versions that documents name which come back, looked up in the journal.

use crate::budget::Budget;
use crate::error::Result;
use crate::read::features::document;
use crate::state::State;
use crate::types::Versions;

/// The versions of a database, of which so many are read as a budget allows.
#[derive(Debug)]
pub(super) struct StoredVersions<'s> {
    state: &'s State,
    budget: &'s Budget,
}

impl<'s> StoredVersions<'s> {
    pub(super) fn new(state: &'s State, budget: &'s Budget) -> Self {
        Self { state, budget }
    }
}

impl Versions for StoredVersions<'_> {
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
}
