//! Reading series: ranges and the latest point.

use crate::block::{Block, OpKind};
use crate::cursor::Cursor;
use crate::database::Database;
use crate::error::{Entity, Error, InvalidCode, Result};
use crate::features::{check_limit, damaged, other_cursor, read_block};
use crate::model::{point_metadata, write_json, write_timestamp};

pub use crate::index::Order;

/// A range query over one series.
#[derive(Debug, Clone)]
pub struct RangeQuery<'a> {
    /// Series id.
    pub series: &'a str,
    /// First timestamp, microseconds since the epoch.
    pub start: i64,
    /// First timestamp behind the range.
    pub end: i64,
    /// Ascending or descending by time.
    pub order: Order,
    /// Points in one page, at least 1.
    pub limit: usize,
    /// Where the page begins: the `next` of the page before.
    pub cursor: Option<&'a str>,
}

/// One page of points.
#[derive(Debug, Clone, PartialEq)]
pub struct PointPage {
    /// Microseconds since the epoch.
    pub timestamps: Vec<i64>,
    /// As many values.
    pub values: Vec<f64>,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// The last point of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// Microseconds since the epoch.
    pub timestamp: i64,
    /// Its value.
    pub value: f64,
    /// Sequence of its block.
    pub seq: u64,
    /// Its place in that block, from 0.
    pub index: u32,
    /// Its metadata as JSON text, where it has any.
    pub metadata: Option<Vec<u8>>,
    /// Its provenance as JSON text, where it has any.
    pub provenance: Option<Vec<u8>>,
}

impl Database {
    /// Points of a series in `[start, end)`; those with equal timestamps in the
    /// order they arrived (descending: the reverse). No file work.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown series, [`Error::Invalid`] for a bad
    /// range, limit or cursor, [`Error::Closed`].
    pub fn range(&self, query: &RangeQuery<'_>) -> Result<PointPage> {
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
        let (at, edge, skip) = match query.cursor.map(Cursor::decode).transpose()? {
            None => (u64::MAX, None, 0),
            Some(Cursor::Points { at, from, skip }) => (at, Some(from), skip),
            Some(Cursor::Features { .. }) => return Err(other_cursor()),
        };
        // The page begins inside the range, at the edge it is read from.
        let (start, end) = match (query.order, edge) {
            (_, None) => (query.start, query.end),
            (Order::Ascending, Some(from)) => (query.start.max(from), query.end),
            (Order::Descending, Some(from)) => (query.start, query.end.min(from.saturating_add(1))),
        };
        let mut page = PointPage {
            timestamps: Vec::new(),
            values: Vec::new(),
            seq: 0,
            next: None,
        };
        let series = state
            .series
            .get(query.series)
            .ok_or_else(|| no_series(query.series))?;
        {
            let series = series.read();
            // Under the lock: see the invariants of `State`.
            page.seq = at.min(state.published());
            if series.first_seq() > page.seq {
                return Err(no_series(query.series));
            }
            series.range(
                start..end,
                page.seq,
                query.order,
                usize::try_from(skip).unwrap_or(usize::MAX),
                // One more tells whether there is a next page.
                query.limit + 1,
                &mut page.timestamps,
                &mut page.values,
            );
        }
        if page.timestamps.len() > query.limit {
            page.timestamps.truncate(query.limit);
            page.values.truncate(query.limit);
            page.next = Some(next_cursor(&page, edge, skip).encode());
        }
        Ok(page)
    }

    /// The last point of a series: of the greatest timestamp, the one that
    /// arrived last. May read the journal, for metadata and provenance.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn latest(&self, series_id: &str) -> Result<Latest> {
        let state = &self.state;
        state.check_open()?;
        let found = state.series.get(series_id).and_then(|series| {
            let series = series.read();
            series.latest(state.published())
        });
        let (timestamp, value, place) = found.ok_or_else(|| no_series(series_id))?;
        let bytes = read_block(state, place.seq)?;
        let block = Block::decode(&bytes).map_err(|e| damaged(state, place.seq, e))?;
        if block.seq != place.seq || block.op != OpKind::PutPoints {
            return Err(damaged(state, place.seq, "another block lies at its place"));
        }
        let metadata = point_metadata(block.body, place.index as usize)
            .map_err(|e| damaged(state, place.seq, e))?;
        let json = |cbor: &[u8]| {
            let mut text = Vec::new();
            write_json(cbor, &mut text)
                .map(|_| text)
                .map_err(|e| damaged(state, place.seq, e))
        };
        Ok(Latest {
            timestamp,
            value,
            seq: place.seq,
            index: place.index,
            metadata: metadata.map(json).transpose()?,
            provenance: block.provenance.map(json).transpose()?,
        })
    }
}

impl PointPage {
    /// The points as a JSON array of `{"timestamp", "value"}`, timestamps in
    /// ISO 8601, UTC. About 100 ns a point.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + self.timestamps.len() * 56);
        out.push(b'[');
        for (i, (timestamp, value)) in self.timestamps.iter().zip(&self.values).enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"timestamp\":\"");
            write_timestamp(*timestamp, &mut out);
            out.extend_from_slice(b"\",\"value\":");
            write_number(*value, &mut out);
            out.push(b'}');
        }
        out.push(b']');
        out
    }
}

/// A finite float as JSON.
fn write_number(value: f64, out: &mut Vec<u8>) {
    // Writing a number into memory has no way to fail.
    let _ = serde_json::to_writer(out, &value);
}

/// The cursor behind a full page: at its last timestamp, past the points of it
/// that pages so far have shown.
fn next_cursor(page: &PointPage, edge: Option<i64>, skipped: u64) -> Cursor {
    let from = page.timestamps.last().copied().unwrap_or_default();
    let run = page
        .timestamps
        .iter()
        .rev()
        .take_while(|timestamp| **timestamp == from)
        .count();
    let before = if run == page.timestamps.len() && edge == Some(from) {
        skipped
    } else {
        0
    };
    Cursor::Points {
        at: page.seq,
        from,
        skip: before + run as u64,
    }
}

fn no_series(id: &str) -> Error {
    Error::NotFound {
        entity: Entity::Series,
        id: id.to_owned(),
    }
}
