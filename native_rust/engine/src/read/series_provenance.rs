//! The blocks that made the points of a range what they are.

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::index::Order;
use crate::read::journal::{Entries, EntryPage, Parts};
use crate::read::page::check_limit;
use crate::read::points::no_series;
use crate::read::selection::{BlockFilter, Nearest};
use crate::types::check_range;

/// Whose blocks to list.
#[derive(Debug, Clone, Copy)]
pub struct SeriesProvenanceQuery<'a> {
    /// Series id.
    pub series: &'a str,
    /// First timestamp, microseconds since the epoch.
    pub start: i64,
    /// First timestamp after the range.
    pub end: i64,
    /// Only blocks after this sequence; 0 for all.
    pub since: u64,
    /// Only blocks up to this one.
    pub as_of: Option<u64>,
    /// Blocks in one page, at least 1.
    pub limit: usize,
}

impl Database {
    /// The blocks that wrote, deleted or brought back points of a range, oldest first: each
    /// without its body, with how many `points` of the range that were. A page also ends at
    /// a number of bytes. Reads the journal. A page costs O(log n + chunks with points of its
    /// blocks) where points came in the order of time; else O(chunks of the range), and O(runs)
    /// of those that have such points.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for an unknown series, [`crate::Error::Invalid`] for a bad
    /// range or limit, those of the [`Budget`], [`crate::Error::Closed`],
    /// [`crate::Error::Corrupt`], [`crate::Error::Io`].
    pub fn series_provenance(
        &self,
        query: &SeriesProvenanceQuery<'_>,
        budget: &Budget,
    ) -> Result<EntryPage> {
        /// What a sequence with its count takes while they are gathered.
        const GATHERED: usize = 48;
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        check_range(query.start, query.end)?;
        let unknown = || no_series(query.series);
        let series = state.indexes.series.get(query.series).ok_or_else(unknown)?;
        let at = state.at(query.as_of)?;
        // One more than the page has says that there are more.
        let limit = query.limit.saturating_add(1);
        budget.hold(limit.saturating_mul(GATHERED))?;
        let mut nearest = Nearest::new(Order::Ascending, limit);
        let blocks = (query.since.saturating_add(1), at);
        series.touched_by(blocks, (query.start, query.end), budget, |seq, points| {
            nearest.add(seq, points as u64);
            nearest.within(blocks)
        })?;
        let mut blocks = nearest.into_stack();
        if blocks.is_empty() && !series.began_by(at) {
            return Err(unknown());
        }
        let mut entries = Entries::new(state, at, budget);
        let every = BlockFilter::default();
        let mut last = None;
        while let Some((seq, points)) = blocks.pop() {
            if entries.returned == query.limit
                || !entries.add(seq, Parts::Touched(points), &every)?
            {
                return Ok(entries.finish(last));
            }
            last = Some(seq);
        }
        Ok(entries.finish(None))
    }
}
