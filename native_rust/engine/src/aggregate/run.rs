//! From points to buckets: one question, series by series.

use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::index::{Order, RangeQuery, SharedSeries, Stretch};
use crate::types::exact::between;
use crate::types::{FIRST_TIMESTAMP, LAST_TIMESTAMP};

use super::answer::Bucket;
use super::buckets::{Buckets, Span64};
use super::fold::{Added, Fold};
use super::percent::Percent;
use super::select::{self, Values};
use super::{Aggregate, Aggregation, Fill, STEP};

/// A bucket's begin costs about as much as so many points.
const BUCKET_COST: usize = 64;

/// A question on its way through the series it is asked of.
pub(super) struct Run<'q> {
    query: &'q Aggregate<'q>,
    at: u64,
    buckets: Option<Buckets>,
    fold: Fold,
    limit: usize,
    /// How many more series and buckets the answer takes.
    room: usize,
    /// How many more points may be read.
    work: usize,
    budget: &'q Budget,
}

/// Why a walk was ended.
enum Stop {
    /// The values of this bucket are too many to keep.
    TooMany(Span64),
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The answer for one series being put together.
#[derive(Default)]
struct Filling {
    out: Vec<Bucket>,
    /// The bucket that points go to.
    open: Option<Span64>,
    /// Where the bucket begins that follows the last in `out`, if empty ones are
    /// wanted and it is known.
    next: Option<i64>,
}

impl<'q> Run<'q> {
    pub(super) fn new(
        query: &'q Aggregate<'q>,
        at: u64,
        limit: usize,
        work: usize,
        budget: &'q Budget,
    ) -> Self {
        let interval = query.interval;
        Self {
            query,
            at,
            buckets: interval.map(|i| Buckets::new(i, query.origin, &query.zone)),
            fold: Fold::default(),
            limit,
            room: limit,
            work,
            budget,
        }
    }

    /// The buckets of a series, in the order asked for. `None` when that is more
    /// work than is left.
    pub(super) fn series(&mut self, series: &SharedSeries) -> Result<Option<Vec<Bucket>>> {
        let Some(mut out) = self.gather(series)? else {
            return Ok(None);
        };
        let before = match out.first() {
            Some(Bucket { value: None, .. }) => self.value_before(series)?,
            _ => None,
        };
        fill(&mut out, self.query.aggregation, self.query.fill, before);
        if self.query.order == Order::Descending {
            out.reverse();
        }
        Ok(Some(out))
    }

    /// As [`Self::series`], in order of time, nothing filled in.
    fn gather(&mut self, series: &SharedSeries) -> Result<Option<Vec<Bucket>>> {
        self.check_span()?;
        self.take_room()?;
        let mut filling = Filling {
            next: self.first_wanted(),
            ..Filling::default()
        };
        let mut start = self.query.start.unwrap_or(i64::MIN);
        let end = self.query.end.unwrap_or(i64::MAX);
        loop {
            self.budget.check()?;
            let step = self.work.min(STEP);
            let mut done = 0;
            let seen = (self.at, self.query.values.as_ref());
            let guard = series.read();
            let walked = guard.walk((start, end), seen, step, |points| {
                let more = self.take(points, &mut filling)?;
                done += more;
                Ok(more)
            });
            drop(guard);
            self.spend(done);
            match walked {
                Ok(Some(_)) | Err(Stop::TooMany(_)) if self.work == 0 => return Ok(None),
                Ok(Some(rest)) => start = rest,
                Ok(None) => break,
                Err(Stop::TooMany(_)) if self.work < usize::MAX => return Ok(None),
                Err(Stop::TooMany(open)) => {
                    start = self.select(series, open, end)?;
                    self.close(&mut filling)?;
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        self.close(&mut filling)?;
        if let Some(end) = self.query.end {
            self.fill_up_to(end, &mut filling)?;
        }
        let mut out = filling.out;
        if self.buckets.is_none() && out.is_empty() {
            self.take_room()?;
            let timestamp = self.query.start.or(self.query.end);
            out.extend(timestamp.map(|timestamp| Bucket {
                timestamp,
                value: None,
            }));
        }
        Ok(Some(out))
    }

    /// Works out the percentile of a bucket whose values are too many to keep. Returns
    /// where the points after it begin.
    fn select(&mut self, series: &SharedSeries, open: Span64, end: i64) -> Result<i64> {
        let from = self.query.start.map_or(open.start, |s| s.max(open.start));
        let to = match self.buckets {
            // Beyond the years there are, a bucket takes what comes.
            Some(_) if open.end > from => open.end.min(end),
            _ => end,
        };
        let values = Values {
            series,
            span: (from, to),
            at: self.at,
            values: self.query.values.as_ref(),
            budget: self.budget,
        };
        let percent = self.query.aggregation.percent();
        let percent = percent.unwrap_or(Percent::MEDIAN);
        self.fold
            .select(self.budget, || select::percentile(&values, percent))?;
        Ok(to)
    }

    /// The value of the last bucket before the range that has one, of its points before
    /// the range, if that is what empty buckets are filled with.
    fn value_before(&mut self, series: &SharedSeries) -> Result<Option<f64>> {
        let query = self.query;
        let wanted = query.fill == Fill::Previous && query.aggregation != Aggregation::Count;
        let (Some(mut end), Some(buckets), true) = (query.start, &mut self.buckets, wanted) else {
            return Ok(None);
        };
        let mut last = Vec::new();
        loop {
            self.budget.check()?;
            let before = RangeQuery {
                start: i64::MIN,
                end,
                at: self.at,
                values: query.values.as_ref(),
                order: Order::Descending,
                skip: 0,
                limit: 1,
            };
            series.read().range(&before, &mut last);
            let Some(point) = last.pop() else {
                return Ok(None);
            };
            let span = buckets.around(point.timestamp);
            let bucket = Aggregate {
                start: Some(span.start),
                end: Some(end.min(span.end)),
                interval: None,
                ..query.clone()
            };
            let mut run = Run::new(&bucket, self.at, self.limit, usize::MAX, self.budget);
            let found = run.gather(series)?;
            let value = found.and_then(|buckets| buckets.first()?.value);
            // One point has no deviation: then the bucket before counts.
            if value.is_some() || span.start <= FIRST_TIMESTAMP {
                return Ok(value);
            }
            end = span.start;
        }
    }

    fn spend(&mut self, work: usize) {
        if self.work < usize::MAX {
            self.work = self.work.saturating_sub(work.max(1));
        }
    }

    /// Refuses at once what cannot fit.
    fn check_span(&self) -> Result<()> {
        let (Some(start), Some(end)) = (self.query.start, self.query.end) else {
            return Ok(());
        };
        match self.query.interval {
            Some(interval) if self.query.fill != Fill::None => {
                let least = end.abs_diff(start) / interval.longest().unsigned_abs().max(1);
                match least > self.limit as u64 {
                    true => Err(self.too_many(least)),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn too_many(&self, actual: u64) -> Error {
        Error::TooLarge {
            what: "the number of series and buckets in the answer",
            actual,
            limit: self.limit as u64,
            setting: "buckets",
        }
    }

    fn take_room(&mut self) -> Result<()> {
        match self.room.checked_sub(1) {
            Some(room) => self.room = room,
            None => return Err(self.too_many(self.limit as u64 + 1)),
        }
        Ok(())
    }

    /// The begin of the range's first bucket, if empty ones are wanted from there on.
    fn first_wanted(&mut self) -> Option<i64> {
        let start = self.query.start.filter(|_| self.query.fill != Fill::None)?;
        if self.query.end.is_some_and(|end| start >= end) {
            return None;
        }
        Some(match &mut self.buckets {
            Some(buckets) => buckets.around(start).start,
            None => start,
        })
    }

    /// Takes points into the buckets they belong to. Returns the work done.
    fn take(&mut self, points: Stretch<'_>, filling: &mut Filling) -> Result<usize, Stop> {
        let mut work = 0;
        let mut rest = points;
        while let Some(&first) = rest.timestamps.first() {
            let open = match filling.open {
                Some(open) if first < open.end => open,
                _ => {
                    self.close(filling)?;
                    work += BUCKET_COST;
                    self.open(first, filling)?
                }
            };
            let (here, later) = rest.split(open.end);
            // Beyond the years there are, a bucket takes what comes.
            let (here, later) = match here.timestamps.is_empty() {
                true => (later, here),
                false => (here, later),
            };
            match self.fold.add(self.query.aggregation, &here, self.budget) {
                Added::Work(more) => work += more,
                Added::TooMany => return Err(Stop::TooMany(open)),
            }
            rest = later;
        }
        Ok(work)
    }

    fn open(&mut self, first: i64, filling: &mut Filling) -> Result<Span64> {
        let span = match &mut self.buckets {
            Some(buckets) => buckets.around(first),
            None => Span64 {
                start: self.query.start.unwrap_or(first),
                end: i64::MAX,
            },
        };
        if filling.next.is_some() {
            self.fill_up_to(span.start, filling)?;
        }
        filling.open = Some(span);
        Ok(span)
    }

    /// Adds the empty buckets that begin before `end`.
    fn fill_up_to(&mut self, end: i64, filling: &mut Filling) -> Result<()> {
        let end = end.min(LAST_TIMESTAMP + 1);
        while let Some(start) = filling.next.filter(|&next| next < end) {
            self.take_room()?;
            self.budget.step()?;
            filling.out.push(Bucket {
                timestamp: start,
                value: None,
            });
            let after = self
                .buckets
                .as_mut()
                .map(|buckets| buckets.around(start).end);
            // Beyond the years there are, buckets stay where they are.
            filling.next = after.filter(|&after| after > start);
        }
        Ok(())
    }

    /// Ends the open bucket, if there is one.
    fn close(&mut self, filling: &mut Filling) -> Result<()> {
        let Some(open) = filling.open.take() else {
            return Ok(());
        };
        let aggregation = self.query.aggregation;
        let value = self.fold.finish(aggregation);
        let wanted = self.query.fill != Fill::None;
        if wanted && self.buckets.is_some() {
            filling.next = Some(open.end);
        } else {
            filling.next = None;
        }
        if value.is_some() || wanted || self.buckets.is_none() {
            self.take_room()?;
            filling.out.push(Bucket {
                timestamp: open.start,
                value,
            });
        }
        Ok(())
    }
}

/// Gives the buckets without a value, in order of time, the one they are to have. What
/// is beyond the range of doubles is none, and neither is what would come of it. `before`
/// is the value of the bucket before them all.
fn fill(buckets: &mut [Bucket], aggregation: Aggregation, fill: Fill, before: Option<f64>) {
    if aggregation == Aggregation::Count {
        for bucket in buckets {
            bucket.value.get_or_insert(0.0);
        }
        return;
    }
    match fill {
        Fill::None | Fill::Null => {}
        Fill::Previous => {
            let mut last = before;
            for bucket in buckets.iter_mut() {
                bucket.value = bucket.value.or(last);
                last = bucket.value;
            }
        }
        Fill::Linear => fill_lines(buckets),
    }
    for bucket in buckets {
        bucket.value = bucket.value.filter(|value| value.is_finite());
    }
}

fn fill_lines(buckets: &mut [Bucket]) {
    // The last bucket with a value: its place, begin and value.
    let mut before: Option<(usize, i64, f64)> = None;
    for place in 0..buckets.len() {
        let Some(&Bucket { timestamp, value }) = buckets.get(place) else {
            return;
        };
        let Some(value) = value else { continue };
        if let Some((from, begin, first)) = before {
            let whole = timestamp.abs_diff(begin);
            let known = first.is_finite() && value.is_finite();
            for gap in buckets
                .iter_mut()
                .take(place)
                .skip(from + 1)
                .filter(|_| known)
            {
                let part = gap.timestamp.abs_diff(begin);
                gap.value = Some(between(first, value, part, whole));
            }
        }
        before = Some((place, timestamp, value));
    }
}
