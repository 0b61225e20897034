//! The list of series, in pages of one state.

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::index::SeriesEntry;
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
    /// JSON. No file work.
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
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        let asked = Asked::new(&state.cursors, List::Series, &query.prefix);
        let (as_of, after) = match asked.open_as_of(state, query.cursor, query.as_of)? {
            Some(Cursor::Series { at, after }) => (Some(at), Some(after)),
            _ => (query.as_of, None),
        };
        let at = state.at(as_of)?;
        let room = |entries: &[SeriesEntry], bytes: &mut usize, id: &str| {
            *bytes += row_bytes(id);
            entries.is_empty() || entries.len() < query.limit && *bytes <= state.limits.page_bytes
        };
        let mut bytes = 0;
        let (series, more) = state.indexes.series.list(
            (query.prefix, after.as_deref()),
            at,
            budget,
            |entries, id| room(entries, &mut bytes, id),
        )?;
        let last = series.last().filter(|_| more);
        let next = last.map(|last| {
            let after = (*last.id).into();
            asked.seal(&Cursor::Series { at, after })
        });
        budget.hold(bytes.min(state.limits.page_bytes))?;
        Ok(SeriesListPage {
            series,
            seq: at,
            next,
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
