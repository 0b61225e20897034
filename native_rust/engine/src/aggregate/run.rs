//! From points to buckets: one question, series by series.

use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::index::{Order, Points, RangeQuery, SharedSeries, Stretch};
use crate::types::exact::between;
use crate::types::{FIRST_TIMESTAMP, LAST_TIMESTAMP, ValueFilter};

use super::buckets::{Buckets, Span64};
use super::columns::{Bucket, Columns};
use super::fold::{Fold, Needs, Whole};
use super::grouped;
use super::select::{self, Values};
use super::{Aggregate, Aggregation, Fill, STEP};

/// A bucket's begin costs about as much as so many points.
const BUCKET_COST: usize = 64;

/// A question on its way through the series it is asked of.
pub(super) struct Run<'q> {
    pub(super) query: &'q Aggregate<'q>,
    pub(super) at: u64,
    /// From where to where there are points to gather, and buckets where empty ones are
    /// wanted.
    start: Option<i64>,
    end: Option<i64>,
    buckets: Option<Buckets>,
    /// Where a point is expected in each, if that is asked for.
    slots: Option<Buckets>,
    fold: Fold,
    limit: usize,
    /// How many more series and buckets the answer takes.
    room: usize,
    /// How many more points may be read.
    work: usize,
    pub(super) budget: &'q Budget,
}

/// The answer for one series being put together.
struct Filling {
    out: Columns,
    /// The bucket that points go to.
    open: Option<Span64>,
    /// Where the bucket begins that follows the last in `out`, if empty ones are
    /// wanted and it is known.
    next: Option<i64>,
    /// Buckets whose percentiles are yet to be found: their places, and from when to when.
    pending: Vec<(usize, (i64, i64))>,
}

impl<'q> Run<'q> {
    pub(super) fn new(
        query: &'q Aggregate<'q>,
        at: u64,
        limit: usize,
        work: usize,
        budget: &'q Budget,
    ) -> Self {
        let buckets = |interval| Buckets::new(interval, query.origin, &query.zone);
        Self {
            query,
            at,
            start: query.start,
            end: query.end,
            buckets: query.interval.map(buckets),
            slots: query.expected.map(buckets),
            fold: Fold::new(Needs::of(&query.aggregations)),
            limit,
            room: limit,
            work,
            budget,
        }
    }

    /// The buckets of a series, in the order asked for. `None` when that is more
    /// work than is left.
    pub(super) fn series(&mut self, series: &SharedSeries) -> Result<Option<Columns>> {
        if let Some(by) = self.query.group_by {
            self.take_room(1 + by.numbers().count() * self.query.aggregations.len())?;
            return grouped::series(self.query, by, self.at, series, self.budget).map(Some);
        }
        let windowed = self.query.window.is_some();
        let found = match windowed {
            true => self.windows(series).map(Some),
            false => self.reach(series).and_then(|()| self.gather(series)),
        };
        let Some(mut out) = found? else {
            return Ok(None);
        };
        let kind = self.query.fill;
        out.each(|aggregation, buckets| {
            let before = match buckets.first() {
                Some(Bucket { value: None, .. }) => self.value_before(series, aggregation)?,
                _ => None,
            };
            fill(buckets, aggregation, kind, before);
            Ok(())
        })?;
        if self.query.order == Order::Descending {
            out.reverse();
        }
        Ok(Some(out))
    }

    /// As [`Self::series`], in order of time, nothing filled in.
    pub(super) fn gather(&mut self, series: &SharedSeries) -> Result<Option<Columns>> {
        self.check_span()?;
        self.take_room(1)?;
        let mut filling = Filling {
            out: Columns::new(&self.query.aggregations),
            open: None,
            next: self.first_wanted(),
            pending: Vec::new(),
        };
        let mut start = self.start.unwrap_or(i64::MIN);
        let end = self.end.unwrap_or(i64::MAX);
        loop {
            self.budget.check()?;
            let step = self.work.min(STEP);
            let mut done = 0;
            let seen = (self.at, self.query.values.as_ref());
            let guard = series.read();
            let walked = guard.walk_many((start, end), seen, step, |points| {
                let more = match points {
                    Points::Stretch(points) => Some(self.take(points, &mut filling)?),
                    many => self.take_many(&many, &mut filling)?,
                };
                done += more.unwrap_or(0);
                Ok::<_, Error>(more)
            });
            drop(guard);
            self.spend(done);
            let bounded = self.work < usize::MAX;
            if bounded && (self.fold.let_go || !filling.pending.is_empty()) {
                return Ok(None);
            }
            self.select(series, &mut filling)?;
            match walked? {
                Some(_) if self.work == 0 => return Ok(None),
                Some(rest) => start = rest,
                None => break,
            }
        }
        self.close(&mut filling, true)?;
        self.select(series, &mut filling)?;
        if let Some(end) = self.end {
            self.fill_up_to(end, &mut filling)?;
        }
        let mut out = filling.out;
        if self.buckets.is_none()
            && out.buckets.is_empty()
            && let Some(timestamp) = self.start.or(self.end)
        {
            self.take_room(self.query.aggregations.len())?;
            out.push(timestamp, |_| Ok(None))?;
        }
        Ok(Some(out))
    }

    /// Works out the percentiles of buckets whose values were too many to keep.
    fn select(&self, series: &SharedSeries, filling: &mut Filling) -> Result<()> {
        for (bucket, span) in std::mem::take(&mut filling.pending) {
            let values = Values {
                series,
                span,
                at: self.at,
                values: self.query.values.as_ref(),
                group: None,
                budget: self.budget,
            };
            for &aggregation in &self.query.aggregations {
                if let Some(percent) = aggregation.percent() {
                    let value = select::percentile(&values, percent)?;
                    filling.out.set(bucket, aggregation, value);
                }
            }
        }
        Ok(())
    }

    /// What some of the aggregations are of all points of a span.
    pub(super) fn of_span(
        &self,
        series: &SharedSeries,
        (start, end): (i64, i64),
        aggregations: Vec<Aggregation>,
    ) -> Result<Columns> {
        let bucket = Aggregate {
            start: Some(start),
            end: Some(end),
            interval: None,
            window: None,
            aggregations,
            ..self.query.clone()
        };
        let mut run = Run::new(&bucket, self.at, self.limit, usize::MAX, self.budget);
        // Else each window would hold what the ones before it held.
        let found = self.budget.aside(|| run.gather(series))?;
        Ok(found.unwrap_or_else(|| Columns::new(&bucket.aggregations)))
    }

    /// The value of the last bucket before the range that has one, of its points before
    /// the range, if that is what empty buckets are filled with.
    fn value_before(
        &mut self,
        series: &SharedSeries,
        aggregation: Aggregation,
    ) -> Result<Option<f64>> {
        let query = self.query;
        let wanted = query.fill == Fill::Previous && !aggregation.counts();
        let (Some(mut end), true) = (query.start, wanted) else {
            return Ok(None);
        };
        loop {
            let before = (i64::MIN, end);
            let values = query.values.as_ref();
            let Some(point) = self.first_point(series, before, values, Order::Descending)? else {
                return Ok(None);
            };
            let Some(buckets) = &mut self.buckets else {
                return Ok(None);
            };
            let span = buckets.around(point);
            let found = self.of_span(series, (span.start, end.min(span.end)), vec![aggregation])?;
            let value = found.buckets.first().and_then(|bucket| bucket.value);
            // One point has no deviation: then the bucket before counts.
            if value.is_some() || span.start <= FIRST_TIMESTAMP {
                return Ok(value);
            }
            end = span.start;
        }
    }

    /// Sets from where to where buckets are wanted. With empty ones an end that is open is
    /// that of all points, also of those that do not count: so a question with a condition on
    /// values has the buckets of the one without.
    fn reach(&mut self, series: &SharedSeries) -> Result<()> {
        let query = self.query;
        (self.start, self.end) = (query.start, query.end);
        if query.fill == Fill::None || query.interval.is_none() || query.values.is_none() {
            return Ok(());
        }
        let range = (
            query.start.unwrap_or(i64::MIN),
            query.end.unwrap_or(i64::MAX),
        );
        if query.start.is_none() {
            self.start = self.first_point(series, range, None, Order::Ascending)?;
        }
        if query.end.is_none() {
            let last = self.first_point(series, range, None, Order::Descending)?;
            self.end = last.map(|last| last + 1);
        }
        Ok(())
    }

    /// The timestamp of the first point in a span, in an order, with such a value.
    pub(super) fn first_point(
        &self,
        series: &SharedSeries,
        (start, end): (i64, i64),
        values: Option<&ValueFilter>,
        order: Order,
    ) -> Result<Option<i64>> {
        let query = RangeQuery {
            start,
            end,
            at: self.at,
            values,
            order,
            skip: 0,
            limit: 1,
        };
        let mut found = Vec::new();
        series.range(&query, self.budget, &mut found)?;
        Ok(found.pop().map(|point| point.timestamp))
    }

    fn spend(&mut self, work: usize) {
        if self.work < usize::MAX {
            self.work = self.work.saturating_sub(work.max(1));
        }
    }

    /// Refuses at once what cannot fit.
    pub(super) fn check_span(&self) -> Result<()> {
        let (Some(start), Some(end)) = (self.start, self.end) else {
            return Ok(());
        };
        match self.query.interval {
            Some(interval) if self.query.fill != Fill::None => {
                let least = end.abs_diff(start) / interval.longest().unsigned_abs().max(1);
                let least = least.saturating_mul(self.query.aggregations.len() as u64);
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

    pub(super) fn take_room(&mut self, count: usize) -> Result<()> {
        match self.room.checked_sub(count) {
            Some(room) => self.room = room,
            None => return Err(self.too_many((self.limit - self.room + count) as u64)),
        }
        Ok(())
    }

    /// The begin of the range's first bucket, if empty ones are wanted from there on.
    fn first_wanted(&mut self) -> Option<i64> {
        let start = self.start.filter(|_| self.query.fill != Fill::None)?;
        if self.end.is_some_and(|end| start >= end) {
            return None;
        }
        Some(match &mut self.buckets {
            Some(buckets) => buckets.around(start).start,
            None => start,
        })
    }

    /// Takes points into the buckets they belong to. Returns the work done.
    fn take(&mut self, points: Stretch<'_>, filling: &mut Filling) -> Result<usize> {
        let mut work = 0;
        let mut rest = points;
        while let Some(&first) = rest.timestamps.first() {
            let open = match filling.open {
                Some(open) if first < open.end => open,
                _ => {
                    self.close(filling, false)?;
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
            work += self.fold.add(&here, self.budget);
            if let Some(slots) = &mut self.slots {
                work += self.fold.add_slots(&here, slots);
            }
            rest = later;
        }
        Ok(work)
    }

    /// Takes points of many chunks, where they belong to one bucket and what is made of
    /// them is known. Returns the work done.
    fn take_many(&mut self, many: &Points<'_>, filling: &mut Filling) -> Result<Option<usize>> {
        let bounded = self.work < usize::MAX;
        let Some(whole) = Whole::of(many, self.fold.needs(), !bounded) else {
            return Ok(None);
        };
        let (first, last) = whole.span();
        let open = filling.open.filter(|open| first < open.end);
        if last >= open.unwrap_or_else(|| self.bucket(first)).end {
            return Ok(None);
        }
        let mut work = 0;
        if open.is_none() {
            self.close(filling, false)?;
            work += BUCKET_COST;
            self.open(first, filling)?;
        }
        Ok(Some(work + self.fold.add_whole(&whole)))
    }

    /// The bucket of a timestamp.
    fn bucket(&mut self, timestamp: i64) -> Span64 {
        match &mut self.buckets {
            Some(buckets) => buckets.around(timestamp),
            None => Span64 {
                start: self.start.unwrap_or(timestamp),
                end: i64::MAX,
            },
        }
    }

    fn open(&mut self, first: i64, filling: &mut Filling) -> Result<Span64> {
        let span = self.bucket(first);
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
            self.take_room(self.query.aggregations.len())?;
            self.budget.step()?;
            filling.out.push(start, |_| Ok(None))?;
            let after = self
                .buckets
                .as_mut()
                .map(|buckets| buckets.around(start).end);
            // Beyond the years there are, buckets stay where they are.
            filling.next = after.filter(|&after| after > start);
        }
        Ok(())
    }

    /// Ends the open bucket, if there is one; `last` says that no point comes after it.
    fn close(&mut self, filling: &mut Filling, last: bool) -> Result<()> {
        let Some(open) = filling.open.take() else {
            return Ok(());
        };
        let expected = self.expected(open, filling.out.buckets.is_empty(), last)?;
        let fold = &mut self.fold;
        filling.out.push(open.start, |aggregation| {
            Ok(fold.value(aggregation, expected))
        })?;
        let wanted = self.query.fill != Fill::None;
        if wanted && self.buckets.is_some() {
            filling.next = Some(open.end);
        } else {
            filling.next = None;
        }
        if self.fold.let_go {
            // Beyond the years there are, a bucket takes what comes.
            let end = self.end.unwrap_or(i64::MAX);
            let until = match self.buckets {
                Some(_) if open.end > open.start && !last => open.end.min(end),
                _ => end,
            };
            let from = self.start.map_or(open.start, |s| s.max(open.start));
            let place = filling.out.buckets.len() - 1;
            filling.pending.push((place, (from, until)));
            self.take_room(self.query.aggregations.len())?;
        } else if wanted || self.buckets.is_none() || !filling.out.drop_empty() {
            self.take_room(self.query.aggregations.len())?;
        }
        self.fold.clear();
        Ok(())
    }

    /// Slots in the part of a bucket that lies in the range. Where an end of that is open
    /// it is that of the points.
    fn expected(&mut self, bucket: Span64, first: bool, last: bool) -> Result<u64> {
        let (Some(slots), Some(ends)) = (&mut self.slots, self.fold.ends) else {
            return Ok(0);
        };
        let ((begin, _), (end, _)) = ends;
        let start = match self.start {
            Some(start) => bucket.start.max(start),
            None if first => begin,
            None => bucket.start,
        };
        let until = match self.end {
            Some(until) => bucket.end.min(until),
            None if last => end + 1,
            None => bucket.end,
        };
        slots.count(start, until, self.budget)
    }
}

/// Gives the buckets without a value, in order of time, the one they are to have. What
/// is beyond the range of doubles is none, and neither is what would come of it. `before`
/// is the value of the bucket before them all.
fn fill(buckets: &mut [Bucket], aggregation: Aggregation, fill: Fill, before: Option<f64>) {
    match fill {
        _ if aggregation.counts() => {}
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
    Columns::settle(aggregation, buckets);
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
