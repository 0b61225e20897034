//! What the points of a bucket come to.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::budget::Budget;
use crate::error::{Error, InvalidCode};
use crate::exact::{Accumulator, Sum, deviation};
use crate::index::{Stretch, extremes};

/// What is made of the points of a bucket.
///
/// Sums, means and deviations are worked out without rounding and rounded once at
/// the end: the same points give the same answer, to the last bit, however they
/// were written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregation {
    /// Number of points.
    Count,
    /// Sum of the values.
    Sum,
    /// Arithmetic mean.
    Avg,
    /// Least value.
    Min,
    /// Greatest value.
    Max,
    /// Value of the earliest point; of several, of the one that arrived first.
    First,
    /// Value of the latest point; of several, of the one that arrived last.
    Last,
    /// Standard deviation of a sample, with n - 1; of a single point there is none.
    Stddev,
    /// The 50th percentile.
    Median,
    /// This percentile, 0 to 100, interpolated linearly between the two nearest
    /// values: that at place `(n - 1) * p / 100` of the sorted ones, from 0 (NumPy's
    /// default, type 7 of R. Hyndman and Y. Fan, "Sample quantiles", 1996).
    Percentile(f64),
    /// `Delta` by the seconds between the two points. A counter that was reset is
    /// not made up for. Of points at one timestamp there is none.
    Rate,
    /// `Last` less `First`.
    Delta,
}

/// By the bits of a percentile.
impl Hash for Aggregation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        if let Self::Percentile(percent) = self {
            percent.to_bits().hash(state);
        }
    }
}

/// `count`, `sum`, `avg`, `min`, `max`, `first`, `last`, `stddev`, `median`, `rate`,
/// `delta`, or `p` and a number from 0 to 100, as `p95` and `p99.9`.
impl FromStr for Aggregation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "first" => Self::First,
            "last" => Self::Last,
            "stddev" => Self::Stddev,
            "median" => Self::Median,
            "rate" => Self::Rate,
            "delta" => Self::Delta,
            _ => Self::Percentile(percentile(text).ok_or_else(|| {
                let shown: String = text.chars().take(64).collect();
                let detail = format!(
                    "found the aggregation {shown:?}; expected count, sum, avg, min, max, first, \
                     last, stddev, median, rate, delta or a percentile such as p95 or p99.9"
                );
                Error::invalid(InvalidCode::Parameter, "/aggregation", detail)
            })?),
        })
    }
}

fn percentile(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('p')?;
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if digits.len() > 32
        || !digits.starts_with(|c: char| c.is_ascii_digit())
        || !digits.bytes().all(plain)
    {
        return None;
    }
    let percent: f64 = digits.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent)
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Stddev => "stddev",
            Self::Median => "median",
            Self::Percentile(percent) => return write!(f, "p{percent}"),
            Self::Rate => "rate",
            Self::Delta => "delta",
        })
    }
}

/// The earliest and the latest of some points: timestamp and value.
pub(super) type Ends = ((i64, f64), (i64, f64));

/// The points of a bucket, as far as they were seen.
#[derive(Debug)]
pub(super) struct Fold {
    pub count: u64,
    pub ends: Option<Ends>,
    pub sum: Sum,
    pub min: f64,
    pub max: f64,
    pub squares: Option<Box<Accumulator>>,
    values: Vec<f64>,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            count: 0,
            ends: None,
            sum: Sum::default(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            squares: None,
            values: Vec::new(),
        }
    }
}

/// What a summary saves from being looked at costs about as much as so many points.
const SUMMARY_COST: usize = 16;

impl Fold {
    /// Takes the points that `function` is to be made of. Returns the work done,
    /// counted in points.
    ///
    /// # Errors
    /// [`Error::MemoryFull`] where every value must be kept.
    pub(super) fn add(
        &mut self,
        function: Aggregation,
        points: &Stretch<'_>,
        budget: &Budget,
    ) -> Result<usize, Error> {
        self.count += points.values.len() as u64;
        Ok(match function {
            Aggregation::Count => SUMMARY_COST,
            Aggregation::First | Aggregation::Last | Aggregation::Delta | Aggregation::Rate => {
                self.add_ends(points);
                SUMMARY_COST
            }
            Aggregation::Sum | Aggregation::Avg => self.add_sum(points),
            Aggregation::Min | Aggregation::Max => self.add_extremes(points),
            Aggregation::Stddev => self.add_sum(points) + self.add_squares(points),
            Aggregation::Median | Aggregation::Percentile(_) => {
                budget.make_room(&mut self.values, points.values.len())?;
                self.values.extend_from_slice(points.values);
                points.values.len()
            }
        })
    }

    pub(super) fn add_ends(&mut self, points: &Stretch<'_>) {
        let times = points.timestamps.first().zip(points.timestamps.last());
        let values = points.values.first().zip(points.values.last());
        if let Some(((&first, &last), (&first_value, &last_value))) = times.zip(values) {
            let earliest = self
                .ends
                .map_or((first, first_value), |(earliest, _)| earliest);
            self.ends = Some((earliest, (last, last_value)));
        }
    }

    pub(super) fn add_sum(&mut self, points: &Stretch<'_>) -> usize {
        match points.summary().and_then(|summary| summary.sum) {
            Some(pair) => {
                self.sum.add(pair);
                SUMMARY_COST
            }
            None => {
                self.sum.add_all(points.values);
                points.values.len()
            }
        }
    }

    pub(super) fn add_extremes(&mut self, points: &Stretch<'_>) -> usize {
        let ((min, max), work) = match points.summary() {
            Some(summary) => ((summary.min, summary.max), SUMMARY_COST),
            None => (extremes(points.values), points.values.len()),
        };
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        work
    }

    pub(super) fn add_squares(&mut self, points: &Stretch<'_>) -> usize {
        let sum = self.squares.get_or_insert_default();
        let squares = points.summary().and_then(|s| s.squares(points.values));
        match squares {
            Some(parts) => {
                parts.iter().for_each(|&part| sum.add(part));
                SUMMARY_COST
            }
            None => {
                points.values.iter().for_each(|&x| sum.add_square(x));
                4 * points.values.len()
            }
        }
    }

    /// What the points come to, and begins anew. `None` where there is no such
    /// thing, as of no points. Infinite where it is beyond the range of doubles.
    pub(super) fn finish(&mut self, function: Aggregation) -> Option<f64> {
        let value = match self.count {
            0 => None,
            _ => self.value(function),
        };
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        *self = Self {
            values,
            ..Self::default()
        };
        // Zero has no sign: which of two zeros comes first does not count.
        value.map(|value| value + 0.0)
    }

    fn value(&mut self, function: Aggregation) -> Option<f64> {
        let first = |((_, first), _): Ends| first;
        let last = |(_, (_, last)): Ends| last;
        match function {
            Aggregation::Count => Some(self.count as f64),
            Aggregation::Sum => Some(self.sum.round()),
            Aggregation::Avg => Some(self.sum.mean(self.count)),
            Aggregation::Min => Some(self.min),
            Aggregation::Max => Some(self.max),
            Aggregation::First => self.ends.map(first),
            Aggregation::Last => self.ends.map(last),
            Aggregation::Delta => self.ends.map(|ends| last(ends) - first(ends)),
            Aggregation::Rate => rate(self.ends?),
            Aggregation::Stddev => self.stddev(),
            Aggregation::Median => quantile(&mut self.values, 50.0),
            Aggregation::Percentile(percent) => quantile(&mut self.values, percent),
        }
    }

    pub(super) fn stddev(&self) -> Option<f64> {
        let squares = self.squares.as_deref()?;
        (self.count > 1).then(|| deviation(self.count, &self.sum, squares))
    }
}

fn rate(((start, first), (end, last)): Ends) -> Option<f64> {
    let seconds = end.abs_diff(start) as f64 / 1e6;
    (seconds > 0.0).then(|| (last - first) / seconds)
}

/// A percentile of values, which it reorders. O(n).
fn quantile(values: &mut [f64], percent: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = last as f64 * percent / 100.0;
    let below = (place as usize).min(last);
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().fold(f64::INFINITY, f64::min);
    Some(between(low, high, place - below as f64))
}

/// The value that lies this part of the way from one value to another. Neither
/// overflows nor leaves their range.
pub(super) fn between(low: f64, high: f64, part: f64) -> f64 {
    if part <= 0.0 || low == high {
        return low;
    }
    let value = low * (1.0 - part) + high * part;
    value.clamp(low.min(high), low.max(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for text in [
            "count", "sum", "avg", "min", "max", "first", "last", "stddev", "median", "rate",
            "delta", "p0", "p50", "p99.9", "p100",
        ] {
            let read: Aggregation = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        for text in [
            "", "p", "p-1", "p101", "p+5", "p1e1", "pinf", "pNaN", "p.5", "mean", "SUM",
        ] {
            let error = text.parse::<Aggregation>().unwrap_err();
            assert_eq!(error.pointer(), Some("/aggregation"), "{text}");
        }
    }

    #[test]
    fn percentiles_lie_between_the_nearest_values() {
        for (percent, expected) in [
            (0.0, 1.0),
            (25.0, 1.75),
            (50.0, 2.5),
            (75.0, 3.25),
            (100.0, 4.0),
            (99.0, 3.97),
        ] {
            let found = quantile(&mut [4.0, 1.0, 3.0, 2.0], percent);
            assert_eq!(found, Some(expected), "{percent}");
        }
        assert_eq!(quantile(&mut [7.0], 99.9), Some(7.0));
        assert_eq!(quantile(&mut [], 50.0), None);
        assert_eq!(quantile(&mut [f64::MIN, f64::MAX], 50.0), Some(0.0));
        assert_eq!(quantile(&mut [0.1; 9], 33.3), Some(0.1));
    }
}
