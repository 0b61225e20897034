//! The list of series, in pages of one state.

use std::hash::Hash;

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::index::{InOrder, NamedSeries, Point, SeriesEntry};
use crate::read::cursor::{Asked, Cursor, List};
use crate::read::page::check_limit;
use crate::read::table_rows::write_cell;
use crate::types::{TimeWriter, Zone};

/// Which series to list.
#[derive(Debug, Clone, Copy)]
pub struct SeriesListQuery<'a> {
    /// What their ids begin with; all do with nothing.
    pub prefix: &'a str,
    /// Series in one page, at least 1.
    pub limit: usize,
    /// Where the page begins: the `next` of the page before.
    pub cursor: Option<&'a str>,
    /// The sequence to ask as of, by default all there is. A cursor brings its own.
    pub as_of: Option<u64>,
}

/// One page of the list of series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesListPage {
    /// By id in byte order.
    pub series: Vec<SeriesEntry>,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Database {
    /// Series that have points, with how many and from when to when. Pages show one state,
    /// and end at their limit, or where they would pass [`crate::Limits::page_bytes`] as
    /// JSON, or have passed over [`crate::Limits::page_items`] series without points: such a
    /// page may be empty and have a next one. No file work.
    ///
    /// O(log of all series), and of the chunks of those listed.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a bad limit, sequence or cursor, those of the
    /// [`Budget`], [`crate::Error::Closed`].
    pub fn series_list(
        &self,
        query: &SeriesListQuery<'_>,
        budget: &Budget,
    ) -> Result<SeriesListPage> {
        let mut pager = SeriesPager::new(self, query, List::Series, &query.prefix)?;
        let at = pager.at();
        let index = &self.state.indexes.series;
        let mut found = InOrder::after(index, query.prefix, pager.after().as_deref(), budget);
        let mut series = Vec::new();
        while let Some(((id, points), _)) = pager.next_shown(&mut found, budget)? {
            if !pager.take(&id, 0) {
                break;
            }
            if let Some(summary) = points.read().summary(at) {
                budget.make_room(&mut series, 1)?;
                series.push(SeriesEntry { id, summary });
            }
        }
        budget.hold(pager.bytes())?;
        Ok(SeriesListPage {
            series,
            seq: at,
            next: pager.next(),
        })
    }
}

/// Bytes that the row of a series has at most, with the comma before it.
fn row_bytes(id: &str) -> usize {
    // A quote in the id, with what stands before it.
    const ESCAPED: usize = 2;
    140 + ESCAPED * id.len()
}

impl SeriesListPage {
    /// Rows of CSV: id, points, first and last timestamp in local time of `zone`.
    #[must_use]
    pub fn to_csv(&self, zone: &Zone) -> Vec<u8> {
        let mut times = TimeWriter::new(zone);
        let mut out = Vec::new();
        for SeriesEntry { id, summary } in &self.series {
            write_cell(id, &mut out);
            out.extend_from_slice(format!(",{},", summary.points).as_bytes());
            times.write(summary.first, &mut out);
            out.push(b',');
            times.write(summary.last, &mut out);
            out.push(b'\n');
        }
        out
    }

    /// A JSON array of `{"series_id", "points", "first", "last"}`, the ends in ISO 8601, in
    /// local time of `zone`.
    #[must_use]
    pub fn to_json(&self, zone: &Zone) -> Vec<u8> {
        let mut times = TimeWriter::new(zone);
        let mut out = vec![b'['];
        for (place, SeriesEntry { id, summary }) in self.series.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"series_id\":");
            // Writing text into memory has no way to fail.
            let _ = serde_json::to_writer(&mut out, &**id);
            let points = summary.points;
            out.extend_from_slice(format!(",\"points\":{points},\"first\":\"").as_bytes());
            times.write(summary.first, &mut out);
            out.extend_from_slice(b"\",\"last\":\"");
            times.write(summary.last, &mut out);
            out.extend_from_slice(b"\"}");
        }
        out.push(b']');
        out
    }
}

/// What goes page by page through series whose ids begin with a prefix: where a page
/// begins, what it still takes, and where the next one begins.
pub(crate) struct SeriesPager {
    asked: Asked,
    at: u64,
    /// The last series before the page.
    after: Option<Box<str>>,
    last: Option<Box<str>>,
    rows: usize,
    bytes: usize,
    most_bytes: usize,
    /// How many more series may be passed over.
    passing: usize,
    more: bool,
}

impl SeriesPager {
    /// For a question, which is a list and `what` else it asks.
    pub(crate) fn new(
        database: &Database,
        query: &SeriesListQuery<'_>,
        list: List,
        what: &impl Hash,
    ) -> Result<Self> {
        let state = &database.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        let asked = Asked::new(&state.cursors, list, what);
        let (as_of, after) = match asked.open_as_of(state, query.cursor, query.as_of)? {
            Some(Cursor::Series { at, after }) => (Some(at), Some(after)),
            _ => (query.as_of, None),
        };
        Ok(Self {
            asked,
            at: state.at(as_of)?,
            after,
            last: None,
            rows: query.limit,
            bytes: 0,
            most_bytes: state.limits.page_bytes,
            passing: state.limits.page_items,
            more: false,
        })
    }

    /// The sequence that the page is as of.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The series that the page begins after.
    pub(crate) fn after(&self) -> Option<Box<str>> {
        self.after.clone()
    }

    /// The next series that shows a point, and its last one. Those that have none, such as all
    /// that were made later, are passed over, as many in a page as one may have items: then the
    /// page ends, and the next one goes on after them.
    pub(crate) fn next_shown(
        &mut self,
        found: &mut InOrder<'_>,
        budget: &Budget,
    ) -> Result<Option<(NamedSeries, Point)>> {
        while let Some((id, points)) = found.next()? {
            if points.began_by(self.at)
                && let Some(last) = points.latest(self.at, budget)?
            {
                return Ok(Some(((id, points), last)));
            }
            self.passing = self.passing.saturating_sub(1);
            if self.passing == 0 {
                self.last = Some((*id).into());
                self.more = true;
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Takes the row of a series, which has so many bytes beside those it has in the list, if
    /// there is room; if not, there is a next page. The first has a place in any case.
    pub(crate) fn take(&mut self, id: &str, more: usize) -> bool {
        let bytes = self.bytes + row_bytes(id) + more;
        let room = self.rows > 0 && bytes <= self.most_bytes;
        if !room && self.last.is_some() {
            self.more = true;
            return false;
        }
        self.rows = self.rows.saturating_sub(1);
        self.bytes = bytes;
        self.last = Some(id.into());
        true
    }

    /// Bytes of the rows that it has taken.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Cursor of the next page, if there is one.
    pub(crate) fn next(&self) -> Option<String> {
        let after = self.last.clone().filter(|_| self.more)?;
        Some(self.asked.seal(&Cursor::Series { at: self.at, after }))
    }
}

/// Bytes that a row of figures has at most beyond that of the list.
pub(crate) const LONG_ROW: usize = 400;
