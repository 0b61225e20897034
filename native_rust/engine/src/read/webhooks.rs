//! The webhooks of a database, as its journal has them.

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::read::journal::{Entries, EntryPage, Parts};
use crate::read::selection::BlockFilter;

impl Database {
    /// The webhooks there are, as of a sequence if asked for: of each the block that set it
    /// last, as [`Database::entries`] has it, of those after sequence `since`, oldest first;
    /// `next` is the `since` of the next page. Reads those blocks; O(n) in the webhooks there
    /// ever were.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a sequence the journal has not reached, those of the
    /// budget and of reading the journal.
    pub fn webhooks(&self, since: u64, as_of: Option<u64>, budget: &Budget) -> Result<EntryPage> {
        let state = &self.state;
        state.check_open()?;
        let webhooks = state.indexes.webhooks.read();
        // What is shown is durable, as all of the journal.
        let at = state.at(as_of)?.min(state.durable());
        let current = |(id, _)| webhooks.current(id, at).filter(|seq| *seq > since);
        let mut found: Vec<u64> = webhooks.all().filter_map(current).collect();
        drop(webhooks);
        found.sort_unstable();
        let mut entries = Entries::new(state, at, budget);
        let mut last = since;
        for seq in found {
            if !entries.add(seq, Parts::All, &BlockFilter::default())? {
                return Ok(entries.finish(Some(last)));
            }
            last = seq;
        }
        Ok(entries.finish(None))
    }
}
