//! What whole series, or ranges of them, come to.

use std::convert::Infallible;
use std::sync::Arc;

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::index::{Points, SharedSeries};
use crate::read::cursor::List;
use crate::read::json_rows::JsonRows;
use crate::read::points::no_series;
use crate::read::series_filter::Chosen;
use crate::read::series_list::{LONG_ROW, SeriesListQuery, SeriesPager};
use crate::read::table_rows::write_cell;
use crate::types::{TimeWriter, ValueFilter, Zone};

use super::STEP;
use super::check::check_order;
use super::fold::{Fold, Needs, Whole};

/// Which points figures are made of.
#[derive(Debug, Clone, Copy, Default, Hash)]
pub struct SummaryQuery<'a> {
    /// First timestamp, microseconds since the epoch; `None`: the series' first.
    pub start: Option<i64>,
    /// First timestamp after the range; `None`: after the series' last.
    pub end: Option<i64>,
    /// Which values count; all without it.
    pub values: Option<&'a ValueFilter>,
    /// The sequence to ask as of, by default all there is. That of a list, and a cursor,
    /// stand instead of it.
    pub as_of: Option<u64>,
}

/// A series in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSummary {
    /// The sequence it is as of.
    pub seq: u64,
    /// Number of points. Without any there are no other figures.
    pub count: u64,
    /// Timestamp and value of the earliest point; of several, the first to arrive.
    pub first: Option<(i64, f64)>,
    /// Timestamp and value of the latest point; of several, the last to arrive.
    pub last: Option<(i64, f64)>,
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// Arithmetic mean.
    pub avg: Option<f64>,
    /// Sum; `None` if it is beyond the range of doubles.
    pub sum: Option<f64>,
    /// Standard deviation of a sample; `None` of one point, or beyond the range.
    pub stddev: Option<f64>,
}

/// One page of series in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryPage {
    /// By id in byte order.
    pub series: Vec<(Arc<str>, SeriesSummary)>,
    /// The sequence the answer is as of.
    pub seq: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Database {
    /// A series in figures, now or as of a sequence, or what a part of its points come to.
    /// No file work.
    ///
    /// O(log n) where all points of the range were there then, and no other; else 64 points'
    /// worth for each chunk of up to 1,024 points. The first times, each point. The lock of the series is held for a short step at a time.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Invalid`] for a bad range or a sequence
    /// the journal has not reached, those of the [`Budget`], [`crate::Error::Closed`].
    pub fn summary(
        &self,
        id: &str,
        query: &SummaryQuery<'_>,
        budget: &Budget,
    ) -> Result<SeriesSummary> {
        let state = &self.state;
        state.check_open()?;
        check_order(query.start, query.end)?;
        let at = state.at(query.as_of)?;
        let (_, series) = state.indexes.series.find(id).ok_or_else(|| no_series(id))?;
        let summary = of(&series, query, at, budget)?;
        if summary.count == 0 && series.latest(at, budget)?.is_none() {
            return Err(no_series(id));
        }
        Ok(summary)
    }

    /// The same of each series that is asked for, those without such points
    /// too. Pages are as those of [`Database::series_list`].
    ///
    /// # Errors
    /// As [`Self::summary`], and [`crate::Error::Invalid`] for a bad limit or cursor.
    pub fn summary_list(
        &self,
        list: &SeriesListQuery<'_>,
        query: &SummaryQuery<'_>,
        budget: &Budget,
    ) -> Result<SummaryPage> {
        check_order(query.start, query.end)?;
        let what = (query.start, query.end, query.values);
        let mut pager = SeriesPager::new(self, list, List::Summaries, &what)?;
        let at = pager.at();
        let chosen = Chosen::new(&self.state, list.filters, at)?;
        let after = pager.after();
        let mut found = chosen.walk_after((list.prefix, after.as_deref()), budget);
        let mut series = Vec::new();
        while let Some(((id, points), _)) = pager.next_shown(&mut found, chosen, budget)? {
            if !pager.take(&id, LONG_ROW) {
                break;
            }
            budget.hold(LONG_ROW + id.len())?;
            series.push((id, of(&points, query, at, budget)?));
        }
        Ok(SummaryPage {
            series,
            seq: at,
            next: pager.next(),
        })
    }
}

fn of(
    series: &SharedSeries,
    query: &SummaryQuery<'_>,
    at: u64,
    budget: &Budget,
) -> Result<SeriesSummary> {
    let mut fold = Fold::new(Needs {
        ends: true,
        sum: true,
        extremes: true,
        squares: true,
        ..Needs::default()
    });
    let mut start = query.start.unwrap_or(i64::MIN);
    let end = query.end.unwrap_or(i64::MAX);
    loop {
        budget.check()?;
        let guard = series.read();
        let rest = guard.walk_many((start, end), (at, query.values), STEP, |points| {
            Ok::<_, Infallible>(match points {
                Points::Stretch(points) => Some(fold.add(&points, budget)),
                many => {
                    let whole = Whole::of(&many, fold.needs(), true);
                    whole.map(|whole| fold.add_whole(&whole))
                }
            })
        });
        drop(guard);
        match rest {
            Ok(Some(rest)) => start = rest,
            Ok(None) => break,
            Err(never) => match never {},
        }
    }
    let some = |value: f64| (fold.count > 0).then_some(value);
    let finite = |value: f64| value.is_finite().then_some(value);
    Ok(SeriesSummary {
        seq: at,
        count: fold.count,
        first: fold.ends.map(|(first, _)| first),
        last: fold.ends.map(|(_, last)| last),
        min: some(fold.min),
        max: some(fold.max),
        avg: fold.ends.map(|_| fold.mean()),
        sum: some(fold.sum.round() + 0.0).and_then(finite),
        stddev: fold.stddev().and_then(finite),
    })
}

impl SeriesSummary {
    /// `{"count", "first": {"timestamp", "value"}, "last", "min", "max", "avg", "sum",
    /// "stddev"}`, what there is not as null.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut rows = JsonRows::with_capacity(5, &Zone::default());
        rows.text(b"{");
        self.write(&mut rows);
        rows.text(b"}");
        rows.finish()
    }

    fn write(&self, rows: &mut JsonRows) {
        rows.text(b"\"count\":");
        rows.count(self.count);
        for (name, point) in [("first", self.first), ("last", self.last)] {
            rows.member(name);
            match point {
                Some((timestamp, value)) => rows.row(0, timestamp, Some(value)),
                None => rows.text(b"null"),
            }
        }
        for (name, value) in self.figures() {
            rows.member(name);
            rows.number(value);
        }
    }

    fn figures(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("min", self.min),
            ("max", self.max),
            ("avg", self.avg),
            ("sum", self.sum),
            ("stddev", self.stddev),
        ]
    }
}

impl SummaryPage {
    /// An array of objects as [`SeriesSummary::to_json`] has them, each with its
    /// `"series_id"` first, times in local time of `zone`. Linear.
    #[must_use]
    pub fn to_json(&self, zone: &Zone) -> Vec<u8> {
        let mut rows = JsonRows::with_capacity(5 * self.series.len(), zone);
        rows.text(b"[");
        for (place, (id, summary)) in self.series.iter().enumerate() {
            rows.id(place, id);
            rows.text(b",");
            summary.write(&mut rows);
            rows.text(b"}");
        }
        rows.text(b"]");
        rows.finish()
    }

    /// Rows of CSV: id, count, timestamp and value of the first and of the last point, least,
    /// greatest, mean, sum, deviation; what there is not is empty. Linear.
    #[must_use]
    pub fn to_csv(&self, zone: &Zone) -> Vec<u8> {
        let mut times = TimeWriter::new(zone);
        let mut out = Vec::new();
        for (id, summary) in &self.series {
            write_cell(id, &mut out);
            out.extend_from_slice(format!(",{}", summary.count).as_bytes());
            for point in [summary.first, summary.last] {
                out.push(b',');
                if let Some((timestamp, _)) = point {
                    times.write(timestamp, &mut out);
                }
                number(point.map(|(_, value)| value), &mut out);
            }
            for (_, value) in summary.figures() {
                number(value, &mut out);
            }
            out.push(b'\n');
        }
        out
    }
}

/// A comma, and the number if there is one.
fn number(value: Option<f64>, out: &mut Vec<u8>) {
    out.push(b',');
    if let Some(value) = value {
        // Writing numbers into memory has no way to fail.
        let _ = serde_json::to_writer(out, &value);
    }
}
