//! What the points of a bucket come to.

use std::fmt;
use std::str::FromStr;

use super::buckets::Buckets;
use super::percent::{DECIMALS, Percent};
use crate::budget::Budget;
use crate::error::{Error, InvalidCode};
use crate::index::{Past, Points, Stretch, Subtree, extremes, greatest, least};
use crate::types::exact::{Accumulator, Sum, between, deviation};

/// What is made of the points of a bucket.
///
/// What is worked out (sums, means, deviations, percentiles, rates) is so without
/// rounding and rounded once at the end: the same points give the same answer, to the
/// last bit, however they were written. What is the value of a point (`First`, `Last`,
/// `Min`, `Max`, percentiles that need no interpolation) is that value, the sign of a
/// zero included; a zero that is worked out has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// This percentile, interpolated linearly between the two nearest values: that at
    /// place `(n - 1) * p / 100` of the sorted ones, from 0 (NumPy's default, type 7 of
    /// R. Hyndman and Y. Fan, "Sample quantiles", 1996). -0.0 sorts before 0.0.
    Percentile(Percent),
    /// What a counter grew by, by the seconds between the first point and the last. A
    /// value below the one before it is a counter that began anew from 0: it grew by
    /// that value. Of points at one timestamp there is none.
    Rate,
    /// `Last` less `First`, whatever lies between.
    Delta,
    /// Which part of the values that were expected is there, from 0 to 1: the number of
    /// slots with a point by that of all slots. See [`super::Aggregate::expected`].
    Coverage,
}

/// `count`, `sum`, `avg`, `min`, `max`, `first`, `last`, `stddev`, `median`, `rate`,
/// `delta`, `coverage`, or `p` and a number from 0 to 100, as `p95` and `p99.9`.
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
            "coverage" => Self::Coverage,
            _ => {
                let percent = text.strip_prefix('p').and_then(Percent::parse);
                Self::Percentile(percent.ok_or_else(|| {
                    let shown: String = text.chars().take(64).collect();
                    let detail = format!(
                        "found the aggregation {shown:?}; expected count, sum, avg, min, max, \
                         first, last, stddev, median, rate, delta, coverage or a percentile such as p95 or \
                         p99.9, from p0 to p100, with up to {DECIMALS} digits after the point"
                    );
                    Error::invalid(InvalidCode::Parameter, "/aggregation", detail)
                })?)
            }
        })
    }
}

/// Aggregations that one question may ask for.
const MOST: usize = 16;

impl Aggregation {
    /// Reads several, with commas between them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that there is not, one that stands twice, and more
    /// than 16.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let refuse = |detail| {
            Err(Error::invalid(
                InvalidCode::Parameter,
                "/aggregation",
                detail,
            ))
        };
        let mut list = Vec::new();
        for name in text.split(',') {
            if list.len() == MOST {
                let count = text.split(',').count();
                return refuse(format!("found {count} aggregations; give at most {MOST}"));
            }
            let aggregation: Self = name.trim().parse()?;
            if list.contains(&aggregation) {
                return refuse(format!(
                    "found the aggregation {aggregation} twice; give it once"
                ));
            }
            list.push(aggregation);
        }
        Ok(list)
    }

    /// Whether it is 0 where there are no points.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Count | Self::Coverage)
    }

    /// Of a percentile, which one.
    pub(super) fn percent(self) -> Option<Percent> {
        match self {
            Self::Median => Some(Percent::MEDIAN),
            Self::Percentile(percent) => Some(percent),
            _ => None,
        }
    }
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
            Self::Coverage => "coverage",
        })
    }
}

/// The earliest and the latest of some points: timestamp and value.
pub(super) type Ends = ((i64, f64), (i64, f64));

/// What is gathered of points.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    pub ends: bool,
    pub resets: bool,
    pub sum: bool,
    pub extremes: bool,
    pub squares: bool,
    pub values: bool,
    pub slots: bool,
}

impl Needs {
    pub(super) fn of(aggregations: &[Aggregation]) -> Self {
        let mut needs = Self::default();
        for aggregation in aggregations {
            match aggregation {
                Aggregation::Count => {}
                Aggregation::First | Aggregation::Last | Aggregation::Delta => needs.ends = true,
                Aggregation::Rate => (needs.ends, needs.resets) = (true, true),
                Aggregation::Sum | Aggregation::Avg => needs.sum = true,
                Aggregation::Min | Aggregation::Max => needs.extremes = true,
                Aggregation::Stddev => (needs.sum, needs.squares) = (true, true),
                Aggregation::Median | Aggregation::Percentile(_) => needs.values = true,
                Aggregation::Coverage => (needs.ends, needs.slots) = (true, true),
            }
        }
        needs
    }
}

/// What points of many chunks come to, as far as a [`Fold`] needs it.
pub(super) struct Whole {
    points: u64,
    /// Timestamps that they lie between, both included: the first one is that of a point.
    span: (i64, i64),
    ends: Option<Ends>,
    sum: Option<[f64; 3]>,
    extremes: Option<(f64, f64)>,
    squares: Option<[f64; 4]>,
    /// What it was to find that out.
    work: usize,
}

impl Whole {
    /// Of these, all or those that were there at a sequence, if all that is needed of them is
    /// known. Of none, nothing. What was there `may` be kept from now on, as [`Past::then`] says.
    pub(super) fn of(points: &Points<'_>, needs: Needs, may: bool) -> Option<Self> {
        if needs.values || needs.resets || needs.slots {
            return None;
        }
        let whole = match points {
            Points::Stretch(_) => return None,
            Points::Many(many) => Self::of_all(many)?,
            // What else is needed is not kept.
            Points::Past(_) if needs.ends || needs.extremes || needs.squares => return None,
            Points::Past(past) => Self::of_past(past, may)?,
        };
        let known = !(needs.sum && whole.sum.is_none()
            || needs.extremes && whole.extremes.is_none()
            || needs.squares && whole.squares.is_none());
        known.then_some(whole)
    }

    fn of_all(many: &Subtree) -> Option<Self> {
        let totals = many.totals();
        let ends = many.ends()?;
        Some(Self {
            points: many.points()?,
            span: (ends.0.0, ends.1.0),
            ends: Some(ends),
            sum: totals.and_then(|totals| totals.sum),
            extremes: totals.map(|totals| (totals.min, totals.max)),
            squares: many.squares(),
            work: 0,
        })
    }

    fn of_past(past: &Past<'_>, may: bool) -> Option<Self> {
        let (then, work) = past.then(may)?;
        Some(Self {
            points: then.points,
            span: past.span()?,
            ends: None,
            sum: then.sum,
            extremes: None,
            squares: None,
            work,
        })
    }

    /// The timestamp of the first point, and one that none is after.
    pub(super) fn span(&self) -> (i64, i64) {
        self.span
    }
}

/// The points of a bucket, as far as they were seen.
#[derive(Debug)]
pub(super) struct Fold {
    needs: Needs,
    pub count: u64,
    pub ends: Option<Ends>,
    pub sum: Sum,
    /// What a counter had reached each time before it began anew.
    pub lost: Sum,
    pub min: f64,
    pub max: f64,
    pub squares: Option<Box<Accumulator>>,
    values: Vec<f64>,
    /// Whether the values were too many to keep.
    pub let_go: bool,
    /// Slots with a point, and the begin of the last one.
    pub slots: u64,
    slot: Option<i64>,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            needs: Needs::default(),
            count: 0,
            ends: None,
            sum: Sum::default(),
            lost: Sum::default(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            squares: None,
            values: Vec::new(),
            let_go: false,
            slots: 0,
            slot: None,
        }
    }
}

/// What a summary saves from being looked at costs about as much as so many points.
const SUMMARY_COST: usize = 16;
/// What finding a slot costs, in points.
const SLOT_COST: usize = 4;

impl Fold {
    pub(super) fn new(needs: Needs) -> Self {
        Self {
            needs,
            ..Self::default()
        }
    }

    /// Takes points. Returns the work that was, counted in points. Values that there is no
    /// memory for are let go: then their percentiles are to be found otherwise.
    pub(super) fn add(&mut self, points: &Stretch<'_>, budget: &Budget) -> usize {
        let needs = self.needs;
        let count = points.values.len();
        let mut work = 0;
        self.count += count as u64;
        if needs.values && !self.let_go {
            let kept = (self.values.len() + count) * size_of::<f64>();
            let room = budget.make_room(&mut self.values, count);
            if kept > budget.share() || room.is_err() {
                self.let_values_go(budget);
            } else {
                self.values.extend_from_slice(points.values);
            }
            work += count;
        }
        if needs.resets {
            self.add_resets(points.values);
            work += count;
        }
        if needs.ends {
            self.add_ends(points);
        }
        if needs.sum {
            work += self.add_sum(points);
        }
        if needs.extremes {
            work += self.add_extremes(points);
        }
        if needs.squares {
            work += self.add_squares(points);
        }
        work.max(SUMMARY_COST)
    }

    /// Takes points of many chunks. Returns the work that was, as [`Self::add`].
    pub(super) fn add_whole(&mut self, whole: &Whole) -> usize {
        let needs = self.needs;
        let mut work = SUMMARY_COST + whole.work;
        self.count += whole.points;
        if let (true, Some((first, last))) = (needs.ends, whole.ends) {
            let earliest = self.ends.map_or(first, |(earliest, _)| earliest);
            self.ends = Some((earliest, last));
        }
        if let (true, Some(parts)) = (needs.sum, whole.sum) {
            self.sum.add_parts(parts);
            work += SUMMARY_COST;
        }
        if let (true, Some((min, max))) = (needs.extremes, whole.extremes) {
            self.min = least(self.min, min);
            self.max = greatest(self.max, max);
        }
        if let (true, Some(parts)) = (needs.squares, whole.squares) {
            let sum = self.squares.get_or_insert_default();
            parts.iter().for_each(|&part| sum.add(part));
            work += SUMMARY_COST;
        }
        work
    }

    /// What it needs to know.
    pub(super) fn needs(&self) -> Needs {
        self.needs
    }

    /// Counts the slots that points lie in. Called with all points, in order.
    pub(super) fn add_slots(&mut self, points: &Stretch<'_>, slots: &mut Buckets) -> usize {
        let mut rest = points.timestamps;
        let mut work = 0;
        while let Some(&first) = rest.first() {
            let slot = slots.around(first);
            if self.slot != Some(slot.start) {
                self.slot = Some(slot.start);
                self.slots += 1;
            }
            let later = rest.iter().position(|&t| t >= slot.end);
            // Beyond the years there are, a slot takes what comes.
            let later = later.map_or(rest.len(), |later| later.max(1));
            rest = rest.get(later..).unwrap_or_default();
            work += SLOT_COST;
        }
        work
    }

    /// Gives back the memory of values that are too many to keep.
    pub(super) fn let_values_go(&mut self, budget: &Budget) {
        let values = std::mem::take(&mut self.values);
        budget.give_back(values.capacity() * size_of::<f64>());
        self.let_go = true;
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
        self.min = least(self.min, min);
        self.max = greatest(self.max, max);
        work
    }

    /// Adds what a counter had reached each time before it began anew. Called
    /// before the ends know these points.
    fn add_resets(&mut self, values: &[f64]) {
        let mut before = self.ends.map_or(f64::NEG_INFINITY, |(_, (_, last))| last);
        for &value in values {
            if value < before {
                self.lost.add_all(&[before]);
            }
            before = value;
        }
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

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        *self = Self {
            values,
            ..Self::new(self.needs)
        };
    }

    /// What the points come to, of which so many slots were expected to have one. `None`
    /// where there is no such thing, as of no points, and of a percentile whose values were
    /// let go. Infinite where it is beyond the range of doubles.
    pub(super) fn value(&mut self, function: Aggregation, expected: u64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let first = |((_, first), _): Ends| first;
        let last = |(_, (_, last)): Ends| last;
        // A zero that is worked out has no sign.
        match function {
            Aggregation::Count => Some(self.count as f64),
            Aggregation::Sum => Some(self.sum.round() + 0.0),
            Aggregation::Avg => Some(self.mean()),
            Aggregation::Min => Some(self.min),
            Aggregation::Max => Some(self.max),
            Aggregation::First => self.ends.map(first),
            Aggregation::Last => self.ends.map(last),
            Aggregation::Delta => self.ends.map(|ends| last(ends) - first(ends) + 0.0),
            Aggregation::Rate => self.rate(),
            Aggregation::Stddev => self.stddev(),
            Aggregation::Coverage => Some(self.slots as f64 / expected as f64),
            Aggregation::Median | Aggregation::Percentile(_) => {
                let percent = function.percent().filter(|_| !self.let_go)?;
                quantile(&mut self.values, percent)
            }
        }
    }

    pub(super) fn stddev(&self) -> Option<f64> {
        let squares = self.squares.as_deref()?;
        (self.count > 1).then(|| deviation(self.count, &self.sum, squares))
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum.mean(self.count) + 0.0
    }

    /// Of the ends, and what was lost at resets between them.
    fn rate(&self) -> Option<f64> {
        let ((start, first), (end, last)) = self.ends?;
        let micros = end.abs_diff(start);
        if micros == 0 {
            return None;
        }
        let mut grown = self.lost.clone();
        grown.add_all(&[last, -first]);
        Some(grown.ratio(1_000_000, micros) + 0.0)
    }
}

/// A percentile of values, which it reorders. O(n).
fn quantile(values: &mut [f64], percent: Percent) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let (below, part, whole) = percent.place(last);
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp);
    Some(between(low, high.unwrap_or(low), part, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for text in [
            "count", "sum", "avg", "min", "max", "first", "last", "stddev", "median", "rate",
            "delta", "coverage", "p0", "p50", "p99.9", "p100",
        ] {
            let read: Aggregation = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        for text in [
            "",
            "p",
            "p-1",
            "p101",
            "p+5",
            "p1e1",
            "pinf",
            "pNaN",
            "p.5",
            "mean",
            "SUM",
            "p100.001",
            "p5.",
            "p1.2.3",
            "p0.0000000000001",
        ] {
            let error = text.parse::<Aggregation>().unwrap_err();
            assert_eq!(error.pointer(), Some("/aggregation"), "{text}");
        }
    }

    #[test]
    fn lists_of_names() {
        let list = Aggregation::parse_list("avg, p95,count").unwrap();
        let names: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["avg", "p95", "count"]);
        let many: Vec<String> = (0..17).map(|n| format!("p{n}")).collect();
        assert_eq!(
            Aggregation::parse_list(&many[..16].join(","))
                .unwrap()
                .len(),
            16
        );
        for text in ["", "avg,", "avg,avg", "p5,p5.0", "avg;p95", &many.join(",")] {
            let error = Aggregation::parse_list(text).unwrap_err();
            assert_eq!(error.pointer(), Some("/aggregation"), "{text}");
        }
    }

    #[test]
    fn percentiles_lie_between_the_nearest_values() {
        let quantile =
            |values: &mut [f64], percent: &str| quantile(values, Percent::parse(percent).unwrap());
        for (percent, expected) in [
            ("0", 1.0),
            ("25", 1.75),
            ("50", 2.5),
            ("75", 3.25),
            ("100", 4.0),
            ("99", 3.97),
            ("99.9", 3.997),
        ] {
            let found = quantile(&mut [4.0, 1.0, 3.0, 2.0], percent);
            assert_eq!(found, Some(expected), "{percent}");
        }
        assert_eq!(quantile(&mut [7.0], "99.9"), Some(7.0));
        assert_eq!(quantile(&mut [], "50"), None);
        assert_eq!(quantile(&mut [f64::MIN, f64::MAX], "50"), Some(0.0));
        assert_eq!(quantile(&mut [0.1; 9], "33.3"), Some(0.1));
        assert_eq!(quantile(&mut [46.0, -25.0], "95"), Some(42.45));
        let sign = |x: Option<f64>| x.unwrap().is_sign_negative();
        assert!(sign(quantile(&mut [0.0, -0.0, 1.0], "0")));
        assert!(!sign(quantile(&mut [0.0, -0.0, 1.0], "50")));
    }

    #[test]
    fn a_counter_that_begins_anew_grew_by_what_it_shows() {
        let mut fold = Fold::default();
        // In two pieces: 5 to 9, anew to 2, on to 4, anew to 1.
        for (from, values) in [(0, &[5.0, 9.0, 2.0][..]), (3, &[4.0, 1.0])] {
            let timestamps: Vec<i64> = (from..).take(values.len()).map(|n| n * 1_000_000).collect();
            fold.add_resets(values);
            let rows = timestamps.iter().copied().zip(values.iter().copied());
            for point in rows {
                let earliest = fold.ends.map_or(point, |(earliest, _)| earliest);
                fold.ends = Some((earliest, point));
            }
        }
        assert_eq!(fold.rate(), Some((4.0 + 2.0 + 2.0 + 1.0) / 4.0));
    }
}
