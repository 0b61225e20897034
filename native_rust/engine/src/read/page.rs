//! One page of features.

use std::sync::Arc;

use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result};
use crate::read::cursor::{Asked, Cursor};
use crate::state::State;

/// One page of features, in the order of their sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeaturePage {
    /// A JSON array of features.
    pub json: Arc<Vec<u8>>,
    /// Features in it.
    pub returned: usize,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
    /// The question that it belongs to, where there is one.
    pub(crate) asked: Option<Asked>,
}

/// A page being filled: it ends at a number of features and at a number of bytes.
pub(crate) struct Page<'q> {
    limit: usize,
    bytes: usize,
    budget: &'q Budget,
    json: Vec<u8>,
    returned: usize,
    last_seq: u64,
    more: bool,
}

impl<'q> Page<'q> {
    pub(crate) fn new(limit: usize, state: &State, budget: &'q Budget) -> Self {
        Self {
            limit,
            bytes: state.limits.page_bytes,
            budget,
            json: vec![b'['],
            returned: 0,
            last_seq: 0,
            more: false,
        }
    }

    /// Make room for so many bytes at once.
    ///
    /// # Errors
    /// [`Error::MemoryFull`].
    pub(crate) fn make_room(&mut self, bytes: usize) -> Result<()> {
        self.budget.make_room(&mut self.json, bytes)
    }

    /// Features in it so far.
    pub(crate) fn returned(&self) -> usize {
        self.returned
    }

    /// Add the feature of a sequence; false when the page was full already. The first
    /// has a place however large it is.
    ///
    /// # Errors
    /// [`Error::MemoryFull`].
    pub(crate) fn push(&mut self, json: &[u8], seq: u64) -> Result<bool> {
        let bytes = self.json.len() + json.len();
        if self.returned == self.limit || (self.returned > 0 && bytes > self.bytes) {
            self.more = true;
            return Ok(false);
        }
        // With the comma before it and the bracket after.
        self.budget.make_room(&mut self.json, json.len() + 2)?;
        if self.returned > 0 {
            self.json.push(b',');
        }
        self.json.extend_from_slice(json);
        self.returned += 1;
        self.last_seq = seq;
        Ok(true)
    }

    /// The page as of a sequence, with the cursor of the next one where there are more.
    pub(crate) fn finish(self, at: u64, asked: impl FnOnce() -> Asked) -> FeaturePage {
        let after = self.last_seq;
        let next = self.more.then_some(Cursor::Features { at, after });
        self.finish_with(at, next, asked)
    }

    /// The page with that cursor.
    pub(crate) fn finish_with(
        mut self,
        at: u64,
        next: Option<Cursor>,
        asked: impl FnOnce() -> Asked,
    ) -> FeaturePage {
        self.json.push(b']');
        let next = next.map(|next| (asked(), next));
        FeaturePage {
            json: Arc::new(self.json),
            returned: self.returned,
            seq: at,
            next: next.as_ref().map(|(asked, next)| asked.seal(next)),
            asked: next.map(|(asked, _)| asked),
        }
    }
}

/// Refuse a limit of a page that is none.
pub(crate) fn check_limit(limit: usize, max: usize) -> Result<()> {
    if limit == 0 || limit > max {
        let detail =
            format!("the limit is {limit}; give one from 1 to {max} (setting FORMDB_PAGE_ITEMS)");
        return Err(Error::invalid(InvalidCode::Parameter, "/limit", detail));
    }
    Ok(())
}
