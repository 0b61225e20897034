//! Which points a series has as of one sequence and not as of another.

use std::collections::HashMap;

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::index::{self, Order, Point};
use crate::read::cursor::{Asked, Cursor, List};
use crate::read::json_rows::JsonRows;
use crate::read::page::check_limit;
use crate::read::points::{no_series, rows_in};
use crate::types::{Zone, check_range};

/// Which changes of a series to list.
#[derive(Debug, Clone, Copy)]
pub struct SeriesDiffQuery<'a> {
    /// Series id.
    pub series: &'a str,
    /// First timestamp, microseconds since the epoch.
    pub start: i64,
    /// First timestamp after the range.
    pub end: i64,
    /// The sequence that is compared with another, which may be the earlier one.
    pub from: u64,
    /// That other, by default all there is. A cursor brings its own.
    pub to: Option<u64>,
    /// Points looked at for one page, at least 1.
    pub limit: usize,
    /// Where the page begins: the `next` of the page before.
    pub cursor: Option<&'a str>,
}

/// One page of changes, by time; those of one time are on one page.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesDiff {
    /// Points that there are as of `to` and not as of `from`.
    pub added: Vec<Point>,
    /// Points that there are as of `from` and not as of `to`.
    pub removed: Vec<Point>,
    /// The sequence that is compared.
    pub from: u64,
    /// The one that it is compared with.
    pub to: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Database {
    /// The points by which a range of a series differs from one sequence to another: what was
    /// there and is not, and what is there and was not. A point that was deleted and written
    /// again with the same value is no difference. A page ends at its limit, counted with
    /// such points, or where it could pass [`crate::Limits::page_bytes`], so it may be empty and still have
    /// a next one. No file work; O(log n + chunks of the range), and O(runs) of those that
    /// have such points.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for a series that there was at neither, and
    /// [`crate::Error::Invalid`] for a bad range, limit, cursor or sequence; those of the
    /// [`Budget`], [`crate::Error::Closed`].
    pub fn series_diff(&self, query: &SeriesDiffQuery<'_>, budget: &Budget) -> Result<SeriesDiff> {
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        check_range(query.start, query.end)?;
        let SeriesDiffQuery {
            series: id,
            start,
            end,
            ..
        } = *query;
        let from = state.at(Some(query.from))?;
        let asked = Asked::new(&state.cursors, List::SeriesDiff, &(id, start, end, from));
        let mut range = index::RangeQuery {
            start,
            end,
            values: None,
            at: 0,
            order: Order::Ascending,
            skip: 0,
            limit: query.limit.min(rows_in(state.limits.page_bytes)),
        };
        let mut to = query.to;
        if let Some(Cursor::Points { at, edge, .. }) =
            asked.open_as_of(state, query.cursor, query.to)?
        {
            to = Some(at);
            range.start = range.start.max(edge);
        }
        let to = state.at(to)?;
        let series = state.indexes.series.get(id).ok_or_else(|| no_series(id))?;
        if !series.began_by(from.max(to)) {
            return Err(no_series(id));
        }
        let mut found = Vec::new();
        let resume = series.changed((from, to), &range, budget, &mut found)?;
        let mut next = None;
        if let Some(resume) = resume {
            // The others of the last time.
            let time = resume.edge;
            let rest = index::RangeQuery {
                end: time.saturating_add(1),
                limit: usize::MAX,
                ..range.resume(resume)
            };
            series.changed((from, to), &rest, budget, &mut found)?;
            let edge = time.saturating_add(1);
            let cursor = Cursor::Points {
                at: to,
                edge,
                skip: 0,
            };
            next = Some(asked.seal(&cursor)).filter(|_| edge < end);
        }
        let (added, removed) = without_pairs(found);
        Ok(SeriesDiff {
            added,
            removed,
            from,
            to,
            next,
        })
    }
}

/// Points that came and points that went, without those pairs of one time and value.
fn without_pairs(found: Vec<(bool, Point)>) -> (Vec<Point>, Vec<Point>) {
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for group in found.chunk_by(|(_, one), (_, other)| one.timestamp == other.timestamp) {
        let mut balance: HashMap<u64, i64> = HashMap::new();
        for (came, point) in group {
            *balance.entry(point.value.to_bits()).or_default() += if *came { 1 } else { -1 };
        }
        // The last ones that came and the first ones that went are left.
        for (came, point) in group.iter().rev() {
            let left = balance.entry(point.value.to_bits()).or_default();
            if *came && *left > 0 {
                *left -= 1;
                added.push(*point);
            }
        }
        for (came, point) in group {
            let left = balance.entry(point.value.to_bits()).or_default();
            if !came && *left < 0 {
                *left += 1;
                removed.push(*point);
            }
        }
    }
    // Those of one time in the order in which they arrived.
    added.sort_by_key(|point| (point.timestamp, point.source.seq, point.source.index));
    (added, removed)
}

impl SeriesDiff {
    /// Those that were added and those that were removed, each a JSON array of
    /// `{"timestamp", "value"}`, in local time of `zone`. Linear.
    #[must_use]
    pub fn to_json(&self, zone: &Zone) -> (Vec<u8>, Vec<u8>) {
        let list = |points: &[Point]| {
            let mut rows = JsonRows::with_capacity(points.len(), zone);
            rows.text(b"[");
            for (place, point) in points.iter().enumerate() {
                rows.row(place, point.timestamp, Some(point.value));
            }
            rows.text(b"]");
            rows.finish()
        };
        (list(&self.added), list(&self.removed))
    }
}
