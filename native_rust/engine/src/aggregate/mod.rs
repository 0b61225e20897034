//! Temporal aggregation: what the points of a time range come to, bucket by bucket.
//!
//! A walk over the chunks of a series feeds one bucket after the other. Chunks that
//! lie in a bucket whole, and of which every point is visible, are taken by their
//! summaries; of others, the values are read.

mod answer;
mod buckets;
mod cached;
mod check;
mod columns;
mod fold;
mod group;
mod grouped;
mod interval;
mod many;
mod percent;
mod run;
mod select;
mod summary;
mod wide;
mod window;

use std::sync::Arc;

pub use answer::{AggregatePage, SeriesBuckets};
pub use columns::Bucket;
pub use fold::Aggregation;
pub use group::GroupBy;
pub use interval::Interval;
pub use many::{SeriesPage, SeriesPoints, SeriesRangeQuery};
pub use percent::Percent;
pub use summary::{SeriesSummary, SummaryPage, SummaryQuery};
pub use wide::{WidePage, WideQuery};

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::index::{InOrder, Order, SharedSeries, TemporalIndex};
use crate::read::points::no_series;
use crate::read::series_filter::{Chosen, SeriesFilter, narrowed};
use crate::types::{ValueFilter, Zone};

use run::Run;

/// Work done in one hold of a series' lock, counted in points.
const STEP: usize = 1 << 15;

/// Which series are meant.
#[derive(Debug, Clone, Copy, PartialEq, Hash)]
pub enum Selection<'a> {
    /// The one with this id.
    One(&'a str),
    /// All whose ids begin like this and for which all of these hold. At most 64.
    Many(&'a str, &'a [SeriesFilter]),
}

impl<'a> Selection<'a> {
    /// An id, or with a `*` at the end all ids that begin with what stands before.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Many(prefix, &[]),
            None => Self::One(text),
        }
    }
}

/// What becomes of buckets without a value. A count is never without: there it is 0.
/// Without an interval the one bucket is always there, whatever it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fill {
    /// They are left out.
    #[default]
    None,
    /// They have the value null.
    Null,
    /// They have the value of the bucket before, also of one before the range, as its
    /// points before the range make it; null if there is none.
    Previous,
    /// They have a value on the straight line between those of the nearest buckets
    /// on both sides, by the begins of the buckets; null if there is none on a side.
    Linear,
}

/// `none`, `null`, `previous` or `linear`.
impl std::str::FromStr for Fill {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "none" => Self::None,
            "null" => Self::Null,
            "previous" => Self::Previous,
            "linear" => Self::Linear,
            _ => {
                let shown: String = text.chars().take(64).collect();
                let detail =
                    format!("found the fill {shown:?}; expected none, null, previous or linear");
                return Err(Error::invalid(InvalidCode::Parameter, "/fill", detail));
            }
        })
    }
}

/// A question for what the points of a time range come to.
#[derive(Debug, Clone, Hash)]
pub struct Aggregate<'a> {
    /// Of which series: each has an answer of its own.
    pub series: Selection<'a>,
    /// First timestamp, microseconds since the epoch; `None`: the series' first.
    pub start: Option<i64>,
    /// First timestamp after the range; `None`: after the series' last.
    pub end: Option<i64>,
    /// Which values count; all without it.
    pub values: Option<ValueFilter>,
    /// What to make of the points of a bucket; not none.
    pub aggregations: Vec<Aggregation>,
    /// How long a bucket is; `None`: the range is one bucket.
    pub interval: Option<Interval>,
    /// With an interval, the length of the window that ends where a bucket does: then it
    /// has what the points of that come to, also of those before the range.
    pub window: Option<Interval>,
    /// Instead of an interval, what the points are put together by.
    pub group_by: Option<GroupBy>,
    /// For the coverage: slots of this length, counted as buckets are, each of which should
    /// have a point. One that a bucket or the range cuts counts with the part inside. Where
    /// an end of the range is open, it is that of the points.
    pub expected: Option<Interval>,
    /// The instant buckets are counted from; `None`: 1970-01-01T00:00 as the zone's
    /// clock reads it, for weeks the Monday before.
    pub origin: Option<i64>,
    /// The zone whose calendar buckets of days and more follow.
    pub zone: Zone,
    /// What becomes of buckets without a value. Those between the range's ends count,
    /// and where an end is open, those up to the last with points.
    pub fill: Fill,
    /// Of the buckets, by time.
    pub order: Order,
    /// The sequence to ask as of, by default all there is.
    pub as_of: Option<u64>,
}

impl<'a> Aggregate<'a> {
    /// One value over all points of a series, in UTC, as of now.
    #[must_use]
    pub fn new(series: Selection<'a>, aggregation: Aggregation) -> Self {
        Self {
            series,
            start: None,
            end: None,
            values: None,
            aggregations: vec![aggregation],
            interval: None,
            window: None,
            group_by: None,
            expected: None,
            origin: None,
            zone: Zone::default(),
            fill: Fill::None,
            order: Order::Ascending,
            as_of: None,
        }
    }
}

impl Database {
    /// [`Database::aggregate`], worked out. `None` when that is more work than `points`
    /// read one by one.
    fn work_out(
        &self,
        query: &Aggregate<'_>,
        points: usize,
        budget: &Budget,
    ) -> Result<Option<AggregatePage>> {
        let state = &self.state;
        // Before any lock: the points of what is published by now stay.
        let at = state.at(query.as_of)?;
        let filters = match query.series {
            Selection::One(_) => &[],
            Selection::Many(_, filters) => filters,
        };
        let chosen = Chosen::new(state, filters, at)?;
        let series = &state.indexes.series;
        let limit = state.limits.buckets;
        series.aggregate(query, (at, |id| chosen.takes(id)), limit, points, budget)
    }
}

impl TemporalIndex {
    /// As [`Database::aggregate_in_memory`], of what is visible at `at`, with up to
    /// `limit` series and buckets; the query's own sequence does not count. Whether the filters
    /// on a series hold is asked of `chosen`.
    ///
    /// # Errors
    /// As [`Database::aggregate`].
    pub fn aggregate(
        &self,
        query: &Aggregate<'_>,
        (at, chosen): (u64, impl Fn(&str) -> Result<bool>),
        limit: usize,
        points: usize,
        budget: &Budget,
    ) -> Result<Option<AggregatePage>> {
        check::check(query)?;
        // How many empty buckets there are to fill in is not known beforehand, nor how
        // many series a prefix names, nor how far back windows reach.
        let prefix = matches!(query.series, Selection::Many(..));
        let empty = query.interval.is_some() && query.fill != Fill::None;
        let long = query.window.is_some() || query.group_by.is_some();
        if points < usize::MAX && (prefix || empty || long) {
            return Ok(None);
        }
        let mut run = Run::new(query, at, limit, points, budget);
        let mut answers = Vec::new();
        match query.series {
            Selection::One(id) => {
                let (id, series) = self.find(id).ok_or_else(|| no_series(id))?;
                let Some(found) = run.series(&series)? else {
                    return Ok(None);
                };
                // Empty ones, too, may be wanted of a series that has points.
                if found
                    .buckets
                    .iter()
                    .all(|bucket| bucket.value.is_none_or(|v| v == 0.0))
                {
                    let shown = match points {
                        usize::MAX => Some(is_shown(&series, at, budget)?),
                        _ => series.shows_at_once(at),
                    };
                    match shown {
                        Some(true) => {}
                        Some(false) => return Err(no_series(&id)),
                        None => return Ok(None),
                    }
                }
                answers.push(SeriesBuckets::new(id, found));
            }
            Selection::Many(prefix, filters) => {
                let prefix = narrowed(prefix, filters);
                let mut found = prefix.map(|prefix| InOrder::after(self, prefix, None, budget));
                while let Some(found) = &mut found
                    && let Some((id, series)) = found.next()?
                {
                    if !chosen(&id)? || !is_shown(&series, at, budget)? {
                        continue;
                    }
                    let Some(found) = run.series(&series)? else {
                        return Ok(None);
                    };
                    answers.push(SeriesBuckets::new(id, found));
                }
            }
        }
        Ok(Some(AggregatePage {
            seq: at,
            single: matches!(query.series, Selection::One(_)),
            aggregations: query.aggregations.clone(),
            group_by: query.group_by,
            series: Arc::new(answers),
        }))
    }
}

/// Whether a series has a point at this sequence.
fn is_shown(series: &SharedSeries, at: u64, budget: &Budget) -> Result<bool> {
    Ok(series.latest(at, budget)?.is_some())
}

#[cfg(test)]
mod tests;
