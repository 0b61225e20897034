//! The list of series, in pages of one state.

use std::hash::Hash;
use std::sync::Arc;

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::index::{NamedSeries, Point, SeriesEntry, SharedSeries};
use crate::read::cursor::{Asked, Cursor, List};
use crate::read::page::check_limit;
use crate::read::series_filter::{Chosen, SeriesFilter, Walk};
use crate::read::table_rows::write_cell;
use crate::types::{TimeWriter, Zone};

/// Which series to list.
#[derive(Debug, Clone, Copy)]
pub struct SeriesListQuery<'a> {
    /// What their ids begin with; all do with nothing.
    pub prefix: &'a str,
    /// What must hold for them: all of it. At most 64.
    pub filters: &'a [SeriesFilter],
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
    /// The attributes of each, as a JSON object, if that was asked for: nothing for one
    /// that has none.
    pub attributes: Option<Vec<Option<Vec<u8>>>>,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Database {
    /// Series that have points or attributes, with how many points and from when to when.
    /// Pages show one state, and end at their limit, or where they would pass
    /// [`crate::Limits::page_bytes`] as JSON, or have passed over
    /// [`crate::Limits::page_items`] series that are not wanted: such a page may be empty and
    /// have a next one. No file work but for filters on attributes.
    ///
    /// O(log of all series), and for those listed O(1), or O(log of their chunks) where points
    /// came or went since. With filters each series is looked at whose id begins so, up to the
    /// last one of the page, and its attributes are read from the journal.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a bad limit, sequence or cursor, those of the
    /// [`Budget`], [`crate::Error::Closed`]; with filters [`crate::Error::Corrupt`] and
    /// [`crate::Error::Io`].
    pub fn series_list(
        &self,
        query: &SeriesListQuery<'_>,
        budget: &Budget,
    ) -> Result<SeriesListPage> {
        self.series_list_with(query, false, budget)
    }

    /// The same, and if `include` says so with their attributes, which it reads from the
    /// journal.
    ///
    /// # Errors
    /// As [`Database::series_list`], and [`crate::Error::Corrupt`], [`crate::Error::Io`].
    pub fn series_list_with(
        &self,
        query: &SeriesListQuery<'_>,
        include: bool,
        budget: &Budget,
    ) -> Result<SeriesListPage> {
        let mut pager = SeriesPager::new(self, query, List::Series, &include)?;
        let (at, after) = (pager.at(), pager.after());
        let chosen = Chosen::new(&self.state, query.filters, at)?;
        let mut found = chosen.walk_after((query.prefix, after.as_deref()), budget);
        let indexes = &self.state.indexes;
        let wanted = |id: &str, points: &SharedSeries| {
            let summary = indexes.series.summary(points, at, budget)?;
            let version = indexes.attributes.read().current(id, at);
            if summary.is_none() && version.is_none() {
                return Ok(None);
            }
            let document = chosen.document(id, version, include)?;
            Ok(document.map(|document| (summary, document)))
        };
        let (mut series, mut documents) = (Vec::new(), Vec::new());
        while let Some(((id, _), (summary, document))) = pager.next_wanted(&mut found, wanted)? {
            if !pager.take(&id, document.as_ref().map_or(0, Vec::len)) {
                break;
            }
            budget.make_room(&mut series, 1)?;
            series.push(SeriesEntry { id, summary });
            if include {
                budget.make_room(&mut documents, 1)?;
                documents.push(document);
            }
        }
        budget.hold(pager.bytes())?;
        Ok(SeriesListPage {
            series,
            attributes: include.then_some(documents),
            seq: at,
            next: pager.next(),
        })
    }
}

/// Bytes that the row of a series has at most, with the comma before it.
fn row_bytes(id: &str) -> usize {
    // A quote in the id, with what stands before it.
    const ESCAPED: usize = 2;
    180 + ESCAPED * id.len()
}

/// Bytes of a usual row of JSON.
const ROW: usize = 128;

/// The first times of series lie near each other, and so do the last ones.
struct Ends {
    first: TimeWriter,
    last: TimeWriter,
}

impl Ends {
    fn new(zone: &Zone) -> Self {
        Self {
            first: TimeWriter::new(zone),
            last: TimeWriter::new(zone),
        }
    }
}

impl SeriesListPage {
    /// Rows of CSV: id, points, first and last timestamp in local time of `zone`.
    #[must_use]
    pub fn to_csv(&self, zone: &Zone) -> Vec<u8> {
        let mut ends = Ends::new(zone);
        let mut out = Vec::new();
        for SeriesEntry { id, summary } in &self.series {
            write_cell(id, &mut out);
            match summary {
                Some(summary) => {
                    out.extend_from_slice(format!(",{},", summary.points).as_bytes());
                    ends.first.write(summary.first, &mut out);
                    out.push(b',');
                    ends.last.write(summary.last, &mut out);
                }
                None => out.extend_from_slice(b",0,,"),
            }
            out.push(b'\n');
        }
        out
    }

    /// A JSON array of `{"series_id", "points", "first", "last", "attributes"?}`, the ends in
    /// ISO 8601, in local time of `zone`, and null for a series without points.
    #[must_use]
    pub fn to_json(&self, zone: &Zone) -> Vec<u8> {
        let mut ends = Ends::new(zone);
        let mut out = Vec::with_capacity(self.series.len() * ROW + 2);
        out.push(b'[');
        for (place, SeriesEntry { id, summary }) in self.series.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"series_id\":");
            // Writing text into memory has no way to fail.
            let _ = serde_json::to_writer(&mut out, &**id);
            match summary {
                Some(summary) => {
                    out.extend_from_slice(b",\"points\":");
                    let _ = serde_json::to_writer(&mut out, &summary.points);
                    out.extend_from_slice(b",\"first\":\"");
                    ends.first.write(summary.first, &mut out);
                    out.extend_from_slice(b"\",\"last\":\"");
                    ends.last.write(summary.last, &mut out);
                    out.push(b'"');
                }
                None => out.extend_from_slice(b",\"points\":0,\"first\":null,\"last\":null"),
            }
            if let Some(attributes) = &self.attributes {
                out.extend_from_slice(b",\"attributes\":");
                let attributes = attributes.get(place).and_then(Option::as_ref);
                out.extend_from_slice(attributes.map_or(b"null", |json| json.as_slice()));
            }
            out.push(b'}');
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
    last: Option<Arc<str>>,
    rows: usize,
    bytes: usize,
    most_bytes: usize,
    /// How many more series may be passed over.
    passing: usize,
    more: bool,
}

impl SeriesPager {
    /// For a question, which is a list, the series it is about, and `what` else it asks.
    pub(crate) fn new(
        database: &Database,
        query: &SeriesListQuery<'_>,
        list: List,
        what: &impl Hash,
    ) -> Result<Self> {
        let state = &database.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        let what = (query.prefix, query.filters, what);
        let asked = Asked::new(&state.cursors, list, &what);
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

    /// The next series that `wanted` takes, with what that makes of it. Others, such as all that
    /// were made later, are passed over, as many in a page as one may have items: then the page
    /// ends, and the next one goes on after them.
    pub(crate) fn next_wanted<T>(
        &mut self,
        found: &mut Walk<'_>,
        mut wanted: impl FnMut(&str, &SharedSeries) -> Result<Option<T>>,
    ) -> Result<Option<(NamedSeries, T)>> {
        while let Some((id, points)) = found.next()? {
            if let Some(made) = wanted(&id, &points)? {
                return Ok(Some(((id, points), made)));
            }
            self.passing = self.passing.saturating_sub(1);
            if self.passing == 0 {
                self.last = Some(id);
                self.more = true;
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The next series of those chosen that shows a point, and its last one.
    pub(crate) fn next_shown(
        &mut self,
        found: &mut Walk<'_>,
        chosen: Chosen<'_>,
        budget: &Budget,
    ) -> Result<Option<(NamedSeries, Point)>> {
        let at = self.at;
        self.next_wanted(found, |id, points| {
            let last = match points.began_by(at) {
                true => points.latest(at, budget)?,
                false => None,
            };
            match last {
                Some(last) if chosen.takes(id)? => Ok(Some(last)),
                _ => Ok(None),
            }
        })
    }

    /// Takes the row of a series, which has so many bytes beside those it has in the list, if
    /// there is room; if not, there is a next page. The first has a place in any case.
    pub(crate) fn take(&mut self, id: &Arc<str>, more: usize) -> bool {
        let bytes = self.bytes + row_bytes(id) + more;
        let room = self.rows > 0 && bytes <= self.most_bytes;
        if !room && self.last.is_some() {
            self.more = true;
            return false;
        }
        self.rows = self.rows.saturating_sub(1);
        self.bytes = bytes;
        self.last = Some(Arc::clone(id));
        true
    }

    /// Bytes of the rows that it has taken.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Cursor of the next page, if there is one.
    pub(crate) fn next(&self) -> Option<String> {
        let after = self.last.as_deref().filter(|_| self.more)?.into();
        Some(self.asked.seal(&Cursor::Series { at: self.at, after }))
    }
}

/// Bytes that a row of figures has at most beyond that of the list.
pub(crate) const LONG_ROW: usize = 400;
