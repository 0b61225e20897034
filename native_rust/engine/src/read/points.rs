//! Reading series: ranges and the latest point.

use std::sync::Arc;

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Entity, Error, Result};
use crate::read::cursor::{Asked, Cursor, List};
use crate::read::json_rows::{JsonRows, LONGEST_ROW};
use crate::read::page::check_limit;
use crate::read::table_rows::{TableForm, TableRows};
use crate::types::{ValueFilter, Zone, check_range};

use crate::index::{self, Resume, SharedSeries};
pub use crate::index::{Order, Point, PointRef, SeriesEntry, Summary};

/// A range query over one series.
#[derive(Debug, Clone)]
pub struct RangeQuery<'a> {
    /// Series id.
    pub series: &'a str,
    /// First timestamp, microseconds since the epoch.
    pub start: i64,
    /// First timestamp after the range.
    pub end: i64,
    /// Which values count; all without it.
    pub values: Option<&'a ValueFilter>,
    /// Ascending or descending by time.
    pub order: Order,
    /// Points in one page, at least 1.
    pub limit: usize,
    /// Where the page begins: the `next` of the page before.
    pub cursor: Option<&'a str>,
    /// The sequence to ask as of, by default all there is. A cursor brings its own.
    pub as_of: Option<u64>,
}

/// Points of a page that is made where nobody may be kept: terms of so many take some 0.1 ms.
const POINTS_AT_ONCE: usize = 1_000;

/// One page of points.
#[derive(Debug, Clone, PartialEq)]
pub struct PointPage {
    /// In the order asked for.
    pub points: Vec<Point>,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Database {
    /// Points of a series in `[start, end)`; those with equal timestamps in the
    /// order they arrived (descending: the reverse). A page ends at its limit, or where
    /// it would pass [`crate::Limits::page_bytes`] as JSON. No file work, and the series'
    /// lock is held for a short step at a time.
    ///
    /// O(log n + points read). Points of the range that are not visible at the sequence
    /// it is as of cost as much where they came alone, and less in batches. So do those whose
    /// values do not count, unless what is known of a chunk tells.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown series, [`Error::Invalid`] for a bad
    /// range, limit or cursor, those of the [`Budget`], [`Error::Closed`].
    pub fn range(&self, query: &RangeQuery<'_>, budget: &Budget) -> Result<PointPage> {
        self.range_as(query, None, budget)
    }

    /// The same, asked in the transaction `txn`.
    pub(crate) fn range_as(
        &self,
        query: &RangeQuery<'_>,
        txn: Option<&str>,
        budget: &Budget,
    ) -> Result<PointPage> {
        let range = self.range_query(query, txn)?;
        let series = self.series_of(query)?;
        let mut points = Vec::new();
        let resume = series.range(&range, budget, &mut points)?;
        if points.is_empty() && series.latest(range.at, budget)?.is_none() {
            return Err(no_series(query.series));
        }
        Ok(self.point_page((query, txn), points, range.at, resume))
    }

    /// The same page if it is no more than a short step of work and has at most 1,000 points,
    /// whatever its limit; `None` if not: then [`Database::range`] has it. For threads that must
    /// not be kept.
    ///
    /// # Errors
    /// As [`Database::range`].
    pub fn range_in_memory(&self, query: &RangeQuery<'_>) -> Result<Option<PointPage>> {
        let mut range = self.range_query(query, None)?;
        range.limit = range.limit.min(POINTS_AT_ONCE + 1);
        let series = self.series_of(query)?;
        let mut points = Vec::new();
        let Some(resume) = series.range_at_once(&range, &mut points) else {
            return Ok(None);
        };
        if points.len() > POINTS_AT_ONCE {
            return Ok(None);
        }
        if points.is_empty() {
            match series.shows_at_once(range.at) {
                None => return Ok(None),
                Some(false) => return Err(no_series(query.series)),
                Some(true) => {}
            }
        }
        Ok(Some(self.point_page(
            (query, None),
            points,
            range.at,
            resume,
        )))
    }

    fn series_of(&self, query: &RangeQuery<'_>) -> Result<Arc<SharedSeries>> {
        let series = self.state.indexes.series.get(query.series);
        series.ok_or_else(|| no_series(query.series))
    }

    /// The range a query asks for, resumed by its cursor, as of the sequence it is pinned
    /// to, and with no more points than a page may have bytes for.
    pub(crate) fn range_query<'v>(
        &self,
        query: &RangeQuery<'v>,
        txn: Option<&str>,
    ) -> Result<index::RangeQuery<'v>> {
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        check_range(query.start, query.end)?;
        let mut range = index::RangeQuery {
            start: query.start,
            end: query.end,
            at: u64::MAX,
            values: query.values,
            order: query.order,
            skip: 0,
            limit: query.limit.min(rows_in(state.limits.page_bytes)),
        };
        let mut as_of = query.as_of;
        if query.cursor.is_some()
            && let Some(Cursor::Points { at, edge, skip }) =
                self.asked((query, txn))
                    .open_as_of(state, query.cursor, query.as_of)?
        {
            range = range.resume(Resume { edge, skip });
            as_of = Some(at);
        }
        // Before any lock: the points of what is published by now stay.
        range.at = state.at(as_of)?;
        Ok(range)
    }
}

/// One page of points as columns, without where they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPage {
    /// Microseconds since the epoch, in the order asked for.
    pub timestamps: Vec<i64>,
    /// As many values.
    pub values: Vec<f64>,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Database {
    /// As [`Self::range`], the points as columns: a copy of the index's own
    /// (`benches/temporal`).
    ///
    /// # Errors
    /// As [`Self::range`].
    pub fn range_columns(&self, query: &RangeQuery<'_>, budget: &Budget) -> Result<ColumnPage> {
        let range = self.range_query(query, None)?;
        let series = self.series_of(query)?;
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        let resume = series.range_columns(&range, budget, &mut timestamps, &mut values)?;
        if timestamps.is_empty() && series.latest(range.at, budget)?.is_none() {
            return Err(no_series(query.series));
        }
        Ok(ColumnPage {
            timestamps,
            values,
            seq: range.at,
            next: self.point_cursor((query, None), range.at, resume),
        })
    }
}

impl ColumnPage {
    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// All timestamps as signed 64-bit integers, then all values as 64-bit floats,
    /// little-endian: 16 bytes a point.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 16 * self.len()];
        let (words, _) = bytes.as_chunks_mut::<8>();
        let timestamps = self.timestamps.iter().map(|t| t.to_le_bytes());
        let values = self.values.iter().map(|v| v.to_le_bytes());
        for (word, bytes) in words.iter_mut().zip(timestamps.chain(values)) {
            *word = bytes;
        }
        bytes
    }
}

impl PointPage {
    /// The points as a JSON array of `{"timestamp", "value"}`, timestamps in
    /// ISO 8601, in local time of `zone`. Linear (`benches/temporal`).
    #[must_use]
    pub fn to_json(&self, zone: &Zone) -> Vec<u8> {
        let mut rows = JsonRows::with_capacity(self.points.len(), zone);
        rows.text(b"[");
        for (place, point) in self.points.iter().enumerate() {
            rows.row(place, point.timestamp, Some(point.value));
        }
        rows.text(b"]");
        rows.finish()
    }
}

impl PointPage {
    /// The points of the series `id` as lines. Linear.
    #[must_use]
    pub fn to_table(&self, id: &str, form: TableForm, zone: &Zone) -> Vec<u8> {
        let mut rows = TableRows::with_capacity(form, self.points.len(), zone);
        rows.series(id);
        for point in &self.points {
            rows.row(point.timestamp, Some(point.value));
        }
        rows.finish()
    }
}

/// Rows of points that a page of so many bytes has room for, however long they are; at
/// least one.
pub(crate) fn rows_in(bytes: usize) -> usize {
    (bytes / LONGEST_ROW).max(1)
}

/// A question for points, and the transaction that it is asked in.
type InTransaction<'q> = (&'q RangeQuery<'q>, Option<&'q str>);

impl Database {
    /// The question that cursors of a range belong to.
    fn asked(&self, (query, txn): InTransaction<'_>) -> Asked {
        let RangeQuery {
            series,
            start,
            end,
            values,
            order,
            limit: _,
            cursor: _,
            as_of: _,
        } = query;
        let what = (series, start, end, values, order, txn);
        Asked::new(&self.state.cursors, List::Points, &what)
    }

    pub(crate) fn point_cursor(
        &self,
        asked: InTransaction<'_>,
        at: u64,
        resume: Option<Resume>,
    ) -> Option<String> {
        let Resume { edge, skip } = resume?;
        Some(self.asked(asked).seal(&Cursor::Points { at, edge, skip }))
    }

    fn point_page(
        &self,
        asked: InTransaction<'_>,
        points: Vec<Point>,
        seq: u64,
        resume: Option<Resume>,
    ) -> PointPage {
        PointPage {
            points,
            seq,
            next: self.point_cursor(asked, seq, resume),
        }
    }
}

pub(crate) fn no_series(id: &str) -> Error {
    Error::NotFound {
        entity: Entity::Series,
        id: id.to_owned(),
    }
}
