//! The versions of a feature, or of the attributes of a series.

use std::ops::Range;

use crate::block::Versioned;
use crate::budget::Budget;
use crate::error::Result;
use crate::state::State;

/// Up to `limit` versions that were written after the start of a range of sequences and up to its end, oldest first, read some at a time.
pub(crate) fn versions(
    state: &State,
    of: Versioned<'_>,
    behind: Range<u64>,
    limit: usize,
    budget: &Budget,
) -> Result<Vec<u64>> {
    /// Read under one hold of the lock.
    const STEP: usize = 1_024;
    let mut versions: Vec<u64> = Vec::new();
    loop {
        budget.check()?;
        let since = versions.last().copied().unwrap_or(behind.start);
        let step = STEP.min(limit - versions.len());
        let indexes = &state.indexes;
        let more = match of {
            Versioned::Feature(id) => {
                let features = indexes.features.read();
                features.versions(id, since, behind.end, step)
            }
            Versioned::Attributes(id) => {
                let attributes = indexes.attributes.read();
                attributes.versions(id, since, behind.end, step)
            }
            Versioned::Webhook(id) => {
                let webhooks = indexes.webhooks.read();
                webhooks.versions(id, since, behind.end, step)
            }
        };
        let last = more.len() < STEP;
        budget.make_room(&mut versions, more.len())?;
        versions.extend(more);
        if last {
            return Ok(versions);
        }
    }
}
