//! Several series at once, by the begin of their ids.

use std::sync::Arc;

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::index::{self, Order, Point, Resume};
use crate::read::cursor::{Asked, Cursor, List};
use crate::read::detailed_points::{DetailedForm, DetailedPage, DetailedRows};
use crate::read::json_rows::{JsonRows, LONGEST_ROW};
use crate::read::page::check_limit;
use crate::read::point_origins::Include;
use crate::read::series_filter::{Chosen, SeriesFilter};
use crate::read::table_rows::{TableForm, TableRows};
use crate::state::CursorKey;
use crate::types::{ValueFilter, Zone};

/// A range query over all series whose ids begin alike.
#[derive(Debug, Clone)]
pub struct SeriesRangeQuery<'a> {
    /// What the ids begin with; all do with nothing.
    pub prefix: &'a str,
    /// What must hold for the series: all of it. At most 64.
    pub filters: &'a [SeriesFilter],
    /// First timestamp, microseconds since the epoch.
    pub start: i64,
    /// First timestamp after the range.
    pub end: i64,
    /// Which values count; all without it.
    pub values: Option<&'a ValueFilter>,
    /// Of the points of each series, by time.
    pub order: Order,
    /// Points in one page, of all series together, at least 1.
    pub limit: usize,
    /// Where the page begins: the `next` of the page before.
    pub cursor: Option<&'a str>,
    /// The sequence to ask as of, by default all there is. A cursor brings its own.
    pub as_of: Option<u64>,
}

/// Points of one series in a page.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoints {
    /// The series' id.
    pub id: Arc<str>,
    /// In the order asked for; not empty.
    pub points: Vec<Point>,
}

/// One page of points of several series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPage {
    /// By id in byte order; those without points in the range are left out. The
    /// last may go on in the next page.
    pub series: Vec<SeriesPoints>,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Database {
    /// Points in `[start, end)` of all series whose ids begin with `prefix` and for which the
    /// filters hold, series
    /// by series, each in order of time; pages show one state of them all, and end at
    /// their limit, or where they would pass [`crate::Limits::page_bytes`] as JSON. No file
    /// work but for filters on attributes.
    ///
    /// O(log of all series), and for each that is read [`Database::range`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad range, limit or cursor, those of the [`Budget`],
    /// [`Error::Closed`].
    pub fn range_by_prefix(
        &self,
        query: &SeriesRangeQuery<'_>,
        budget: &Budget,
    ) -> Result<SeriesPage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        if query.start > query.end {
            return Err(Error::invalid(
                InvalidCode::TimeRange,
                "/start",
                "the start lies after the end",
            ));
        }
        let mut as_of = query.as_of;
        let mut from = None;
        let asked = query.asked(&state.cursors);
        if let Some(Cursor::SeriesPoints { at, edge, skip, id }) =
            asked.open_as_of(state, query.cursor, query.as_of)?
        {
            as_of = Some(at);
            from = Some((id, Resume { edge, skip }));
        }
        let at = state.at(as_of)?;
        let first = from.as_ref().map_or("", |(id, _)| &**id);
        let chosen = Chosen::new(state, query.filters, at)?;
        let mut found = chosen.walk_from((query.prefix, first), budget);
        let mut page = SeriesPage {
            series: Vec::new(),
            seq: at,
            next: None,
        };
        let mut room = Room {
            rows: query.limit,
            bytes: state.limits.page_bytes,
        };
        while let Some((id, series)) = found.next_of(chosen)? {
            let rows = room.for_series(&id, page.series.is_empty());
            let mut range = index::RangeQuery {
                start: query.start,
                end: query.end,
                at,
                values: query.values,
                order: query.order,
                skip: 0,
                // One to see whether there is more.
                limit: rows.max(1),
            };
            if let Some((first, resume)) = &from
                && **first == *id
            {
                range = range.resume(*resume);
            }
            let mut points = Vec::new();
            let resume = series.range(&range, budget, &mut points)?;
            if points.is_empty() {
                continue;
            }
            if rows == 0 {
                page.next = Some(cursor(&asked, at, query.begin(), &id));
                break;
            }
            room.take(&id, points.len());
            if let Some(resume) = resume {
                page.next = Some(cursor(&asked, at, resume, &id));
            }
            page.series.push(SeriesPoints { id, points });
            if page.next.is_some() {
                break;
            }
        }
        Ok(page)
    }
}

impl Database {
    /// As [`Self::range_by_prefix`], with where the points come from. A page also ends where
    /// it would pass [`crate::Limits::page_bytes`] with that. Reads each block of the points
    /// once, unless sequence and id alone are told.
    ///
    /// # Errors
    /// As [`Self::range_by_prefix`], [`Error::Invalid`] for what a table has no column for,
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn range_by_prefix_with_origins(
        &self,
        query: &SeriesRangeQuery<'_>,
        include: &Include,
        (form, zone): (DetailedForm, &Zone),
        budget: &Budget,
    ) -> Result<DetailedPage> {
        let state = &self.state;
        let page = self.range_by_prefix(query, budget)?;
        let asked = query.asked(&state.cursors);
        let mut resumed = None;
        if let Some(Cursor::SeriesPoints { edge, skip, id, .. }) =
            asked.open_as_of(state, query.cursor, query.as_of)?
        {
            resumed = Some((id, Resume { edge, skip }));
        }
        let mut rows = DetailedRows::new(state, include, form, zone, budget)?;
        rows.text(b"[");
        let mut next = page.next;
        for SeriesPoints { id, points } in &page.series {
            let kept = rows.add(id, points, true)?;
            let Some(points) = points.get(..kept).filter(|kept| kept.len() < points.len()) else {
                continue;
            };
            let range = index::RangeQuery {
                start: query.start,
                end: query.end,
                values: query.values,
                at: page.seq,
                order: query.order,
                skip: 0,
                limit: points.len(),
            };
            let range = match &resumed {
                Some((first, resume)) if **first == **id => range.resume(*resume),
                _ => range,
            };
            let behind = range.behind(points).unwrap_or(query.begin());
            next = Some(cursor(&asked, page.seq, behind, id));
            break;
        }
        rows.text(b"]");
        Ok(DetailedPage {
            returned: rows.returned,
            text: rows.finish(),
            seq: page.seq,
            next,
        })
    }
}

/// What a page still takes.
struct Room {
    rows: usize,
    bytes: usize,
}

impl Room {
    /// Bytes of a series without its rows, however its id is written.
    fn head(id: &str) -> usize {
        // A quote, with what stands before it.
        const ESCAPED: usize = 2;
        48 + ESCAPED * id.len()
    }

    /// Rows of a series that there is room for; the first of a page has one in any case.
    fn for_series(&self, id: &str, first: bool) -> usize {
        let bytes = self.bytes.saturating_sub(Self::head(id));
        let rows = self.rows.min(bytes / LONGEST_ROW);
        rows.max(usize::from(first))
    }

    fn take(&mut self, id: &str, rows: usize) {
        self.rows = self.rows.saturating_sub(rows);
        let bytes = Self::head(id) + rows * LONGEST_ROW;
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl SeriesRangeQuery<'_> {
    /// Where a series begins.
    fn begin(&self) -> Resume {
        Resume {
            edge: match self.order {
                Order::Ascending => self.start,
                Order::Descending => self.end,
            },
            skip: 0,
        }
    }

    /// The question that its cursors belong to.
    fn asked(&self, cursors: &CursorKey) -> Asked {
        let Self {
            prefix,
            filters,
            start,
            end,
            values,
            order,
            limit: _,
            cursor: _,
            as_of: _,
        } = self;
        let what = (prefix, filters, start, end, values, order);
        Asked::new(cursors, List::SeriesPoints, &what)
    }
}

fn cursor(asked: &Asked, at: u64, Resume { edge, skip }: Resume, id: &str) -> String {
    let id = id.into();
    asked.seal(&Cursor::SeriesPoints { at, edge, skip, id })
}

impl SeriesPage {
    /// The points of all series as lines. Linear.
    #[must_use]
    pub fn to_table(&self, form: TableForm, zone: &Zone) -> Vec<u8> {
        let mut rows = TableRows::with_capacity(form, self.points(), zone);
        for series in &self.series {
            rows.series(&series.id);
            for point in &series.points {
                rows.row(point.timestamp, Some(point.value));
            }
        }
        rows.finish()
    }

    /// Points in it, of all series.
    #[must_use]
    pub fn points(&self) -> usize {
        self.series.iter().map(|series| series.points.len()).sum()
    }

    /// An array of `{"series_id", "data"}`, the data an array of
    /// `{"timestamp", "value"}`, in local time of `zone`. Linear.
    #[must_use]
    pub fn to_json(&self, zone: &Zone) -> Vec<u8> {
        let mut rows = JsonRows::with_capacity(self.points() + self.series.len(), zone);
        rows.text(b"[");
        for (place, series) in self.series.iter().enumerate() {
            rows.series(place, &series.id);
            rows.text(b"[");
            for (place, point) in series.points.iter().enumerate() {
                rows.row(place, point.timestamp, Some(point.value));
            }
            rows.text(b"]}");
        }
        rows.text(b"]");
        rows.finish()
    }
}
