//! Aggregates whose answers are kept from one time to the next.

use std::sync::Arc;

use super::{Aggregate, AggregatePage, Selection};
use crate::budget::{Budget, Cancel};
use crate::cache::results::{CacheKey, Call, Dependency, JsonAnswer};
use crate::db::database::Database;
use crate::error::{Error, Result};

impl Database {
    /// What the points of `[start, end)` come to, in buckets, for each of the
    /// series. A bucket's timestamp is its begin, also where that is before `start`;
    /// points outside the range do not count. Without an interval it is `start`, or
    /// the first point's. No file work.
    ///
    /// 16 points' worth for each chunk of up to 1,024 points, and each point at the edges
    /// of a bucket (`benches/temporal`); rates and percentiles read every point, and
    /// percentiles keep 8 bytes for each one of a bucket. By prefix, O(number of
    /// all series) besides. The lock of a series is held for a short step at a time;
    /// the answer is as of one sequence all the same. It is kept, and given again as
    /// long as the series, or by prefix any series, is not written to.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown series (a prefix nothing begins with has an
    /// empty answer), [`Error::Invalid`] for a bad range, origin or sequence,
    /// [`Error::TooLarge`] for more than [`crate::Limits::buckets`], those of the
    /// [`Budget`], [`Error::MemoryFull`] among them for a percentile of more points
    /// than there is memory for, [`Error::Closed`].
    pub fn aggregate(&self, query: &Aggregate<'_>, budget: &Budget) -> Result<AggregatePage> {
        let key = self.question(Call::Aggregate, query)?;
        self.state.results.get_or(key, &self.state.indexes, || {
            self.work_out_all(query, budget)
        })
    }

    /// As [`Self::aggregate`], as [`AggregatePage::to_json`] gives it.
    ///
    /// # Errors
    /// As [`Self::aggregate`].
    pub fn aggregate_json(&self, query: &Aggregate<'_>, budget: &Budget) -> Result<JsonAnswer> {
        let key = self.question(Call::AggregateJson, query)?;
        self.state.results.get_or(key, &self.state.indexes, || {
            let page = self.work_out_all(query, budget)?;
            Ok(JsonAnswer {
                json: Arc::new(page.to_json(&query.zone)),
                seq: page.seq,
            })
        })
    }

    fn work_out_all(&self, query: &Aggregate<'_>, budget: &Budget) -> Result<AggregatePage> {
        let page = self.work_out(query, usize::MAX, budget)?;
        // Nothing is more work than that.
        page.ok_or(Error::Closed)
    }

    /// The same answer if it is kept, or is no more work than `points` read one by
    /// one; `None` if it is neither. For threads that must not be
    /// kept: there, a prefix or empty buckets to fill in are only answered from memory.
    ///
    /// # Errors
    /// As [`Self::aggregate`].
    pub fn aggregate_in_memory(
        &self,
        query: &Aggregate<'_>,
        points: usize,
    ) -> Result<Option<AggregatePage>> {
        let key = self.question(Call::Aggregate, query)?;
        let budget = self.budget(Cancel::default());
        self.state
            .results
            .get_or_maybe(key, &self.state.indexes, || {
                self.work_out(query, points, &budget)
            })
    }

    /// As [`Self::aggregate_in_memory`], as [`AggregatePage::to_json`] gives it.
    ///
    /// # Errors
    /// As [`Self::aggregate`].
    pub fn aggregate_json_in_memory(
        &self,
        query: &Aggregate<'_>,
        points: usize,
    ) -> Result<Option<JsonAnswer>> {
        let key = self.question(Call::AggregateJson, query)?;
        let budget = self.budget(Cancel::default());
        self.state
            .results
            .get_or_maybe(key, &self.state.indexes, || {
                let page = self.work_out(query, points, &budget)?;
                Ok(page.map(|page| JsonAnswer {
                    json: Arc::new(page.to_json(&query.zone)),
                    seq: page.seq,
                }))
            })
    }

    fn question(&self, call: Call, query: &Aggregate<'_>) -> Result<Option<CacheKey>> {
        let state = &self.state;
        state.check_open()?;
        let source = match (query.as_of, query.series) {
            (Some(_), _) => Dependency::Past,
            (None, Selection::One(id)) => Dependency::Series(state.indexes.series.get(id)),
            (None, Selection::Many(..)) => Dependency::AllSeries,
        };
        Ok(state.results.key(call, source, query))
    }
}
