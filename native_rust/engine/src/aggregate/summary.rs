//! What a whole series comes to.

use std::convert::Infallible;

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::read::json_rows::JsonRows;
use crate::read::points::no_series;
use crate::types::Zone;

use super::STEP;
use super::fold::Fold;

/// A series in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSummary {
    /// The sequence it is as of.
    pub seq: u64,
    /// Number of points, at least 1.
    pub count: u64,
    /// Timestamp and value of the earliest point; of several, the first to arrive.
    pub first: (i64, f64),
    /// Timestamp and value of the latest point; of several, the last to arrive.
    pub last: (i64, f64),
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Arithmetic mean.
    pub avg: f64,
    /// Sum; `None` if it is beyond the range of doubles.
    pub sum: Option<f64>,
    /// Standard deviation of a sample; `None` of one point, or beyond the range.
    pub stddev: Option<f64>,
}

impl Database {
    /// A series in figures, now or as of a sequence. No file work.
    ///
    /// 16 points' worth for each chunk of up to 1,024 points, once
    /// its summary is made (`benches/temporal`); points of chunks that are visible in
    /// part are read. The lock is held for a short step at a time.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Invalid`] for a sequence the
    /// journal has not reached, those of the [`Budget`], [`crate::Error::Closed`].
    pub fn summary(&self, id: &str, as_of: Option<u64>, budget: &Budget) -> Result<SeriesSummary> {
        let state = &self.state;
        state.check_open()?;
        let at = state.at(as_of)?;
        let (_, series) = state.indexes.series.find(id).ok_or_else(|| no_series(id))?;
        let mut fold = Fold::default();
        let mut start = i64::MIN;
        loop {
            budget.check()?;
            let guard = series.read();
            let rest = guard.walk((start, i64::MAX), (at, None), STEP, |points| {
                fold.count += points.values.len() as u64;
                fold.add_ends(&points);
                let work = fold.add_extremes(&points) + fold.add_sum(&points);
                Ok::<_, Infallible>(work + fold.add_squares(&points))
            });
            drop(guard);
            match rest {
                Ok(Some(rest)) => start = rest,
                Ok(None) => break,
                Err(never) => match never {},
            }
        }
        let (first, last) = fold.ends.ok_or_else(|| no_series(id))?;
        let finite = |value: f64| value.is_finite().then_some(value);
        Ok(SeriesSummary {
            seq: at,
            count: fold.count,
            first,
            last,
            min: fold.min,
            max: fold.max,
            avg: fold.mean(),
            sum: finite(fold.sum.round() + 0.0),
            stddev: fold.stddev().and_then(finite),
        })
    }
}

impl SeriesSummary {
    /// `{"count", "first": {"timestamp", "value"}, "last", "min", "max", "avg", "sum",
    /// "stddev"}`, what there is not as null.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut rows = JsonRows::with_capacity(5, &Zone::default());
        rows.text(b"{\"count\":");
        rows.text(self.count.to_string().as_bytes());
        rows.text(b",\"first\":");
        rows.row(0, self.first.0, Some(self.first.1));
        rows.text(b",\"last\":");
        rows.row(0, self.last.0, Some(self.last.1));
        let figures = [
            ("min", Some(self.min)),
            ("max", Some(self.max)),
            ("avg", Some(self.avg)),
            ("sum", self.sum),
            ("stddev", self.stddev),
        ];
        for (name, value) in figures {
            rows.text(format!(",\"{name}\":").as_bytes());
            rows.number(value);
        }
        rows.text(b"}");
        rows.finish()
    }
}
