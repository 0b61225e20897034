//! Moving aggregates: each bucket has the value of the points of a window that ends with it.
//!
//! The points are read once, and gathered in parts such that a window is some parts next to
//! each other: wherever a bucket ends or a window begins, a part ends. Parts that come into
//! the window are added to what is known of it, and those that leave it are taken off again,
//! which exact sums allow. The least and the greatest value stand first in queues of those
//! that no later one beats. So it is O(points + buckets), however long the window is; but
//! percentiles and coverage are worked out for each window anew.

use std::collections::VecDeque;

use super::buckets::{Buckets, Span64};
use super::columns::Columns;
use super::fold::{Aggregation, Ends, Fold, Needs, Whole};
use super::interval::{Interval, Step};
use super::run::Run;
use super::{Fill, STEP};
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::index::{Order, Points, SharedSeries};
use crate::types::exact::{Accumulator, Sum};
use crate::types::{DAY, Date, FIRST_TIMESTAMP, LAST_TIMESTAMP, Zone};

/// How long a window is.
#[derive(Debug, Clone)]
struct Length {
    step: Step,
    zone: Zone,
}

impl Length {
    /// With buckets that are durations so are the days of a window.
    fn new(window: Interval, interval: Interval, zone: &Zone) -> Self {
        let step = match (interval.step(), window.step()) {
            (Step::Fixed(_), Step::Days(n)) => Step::Fixed(n * DAY),
            (Step::Fixed(_), Step::Weeks(n)) => Step::Fixed(7 * n * DAY),
            (_, step) => step,
        };
        Self {
            step,
            zone: zone.clone(),
        }
    }

    /// Where the window begins that ends at an instant.
    fn before(&self, end: i64) -> i64 {
        self.moved(end, -1)
    }

    /// The instant so many times the length later.
    fn moved(&self, instant: i64, times: i64) -> i64 {
        let reading = || self.zone.reading(instant);
        let days = |n: i64| self.zone.instant_of(reading() + times * n * DAY);
        match self.step {
            Step::Fixed(length) => instant.saturating_add(times * length),
            Step::Days(n) => days(n),
            Step::Weeks(n) => days(7 * n),
            Step::Months(n) => {
                let reading = reading();
                let date = Date::of(reading.div_euclid(DAY)).plus_months(times * n);
                let moved = date.days() * DAY + reading.rem_euclid(DAY);
                self.zone.instant_of(moved)
            }
        }
    }
}

/// Where windows begin.
struct Begins {
    buckets: Buckets,
    length: Length,
    /// Where a window begins, and the next one.
    last: (i64, i64),
}

impl Begins {
    /// The first begin of a window after an instant. Quickest in order of time.
    fn after(&mut self, instant: i64) -> i64 {
        let (begin, end) = self.last;
        if (begin..end).contains(&instant) {
            return end;
        }
        let mut bucket = self.buckets.around(self.length.moved(instant, 1));
        // Off by a few at most.
        while bucket.start > FIRST_TIMESTAMP && self.length.before(bucket.start) > instant {
            bucket = self.buckets.around(bucket.start - 1);
        }
        let mut end = self.length.before(bucket.end);
        while end <= instant {
            if bucket.end > LAST_TIMESTAMP {
                return i64::MAX;
            }
            bucket = self.buckets.around(bucket.end);
            end = self.length.before(bucket.end);
        }
        self.last = (self.length.before(bucket.start), end);
        end
    }
}

/// Some points next to each other; not none.
struct Part {
    ends: Ends,
    count: u64,
    sum: Sum,
    lost: Sum,
    min: f64,
    max: f64,
    squares: Option<Squares>,
}

/// A sum of squares.
enum Squares {
    /// As doubles that add up to it.
    Few([f64; 3]),
    Any(Box<Accumulator>),
}

impl Squares {
    fn of(sum: Box<Accumulator>, budget: &Budget) -> Result<Self> {
        match sum.as_ref().clone().expansion() {
            Some(few) => Ok(Self::Few(few)),
            None => {
                budget.hold(size_of::<Accumulator>())?;
                Ok(Self::Any(sum))
            }
        }
    }
}

impl Part {
    fn of(fold: &mut Fold, budget: &Budget) -> Result<Option<Self>> {
        let Some(ends) = fold.ends else {
            return Ok(None);
        };
        let squares = fold.squares.take();
        let part = Self {
            ends,
            count: fold.count,
            sum: std::mem::take(&mut fold.sum),
            lost: std::mem::take(&mut fold.lost),
            min: fold.min,
            max: fold.max,
            squares: squares.map(|sum| Squares::of(sum, budget)).transpose()?,
        };
        fold.clear();
        Ok(Some(part))
    }

    fn start(&self) -> i64 {
        self.ends.0.0
    }
}

/// What a counter had reached at the end of a part, if it began anew before the next.
fn lost_between(before: &Part, after: &Part) -> Option<f64> {
    let (before, after) = (before.ends.1.1, after.ends.0.1);
    (after < before).then_some(before)
}

/// A window that moves over parts.
struct Moving<'p> {
    parts: &'p [Part],
    needs: Needs,
    /// The parts in it.
    from: usize,
    to: usize,
    /// What they come to, but for the ends, the least and the greatest.
    all: Fold,
    /// Parts whose least, and whose greatest, no later part beats.
    least: VecDeque<usize>,
    greatest: VecDeque<usize>,
}

impl<'p> Moving<'p> {
    fn new(parts: &'p [Part], needs: Needs) -> Self {
        Self {
            parts,
            needs,
            from: 0,
            to: 0,
            all: Fold::new(needs),
            least: VecDeque::new(),
            greatest: VecDeque::new(),
        }
    }

    /// Moves it on to the parts from one begin on and before an end. Returns whether there
    /// are any.
    fn go(&mut self, start: i64, end: i64, budget: &Budget) -> Result<bool> {
        while let Some(part) = self.parts.get(self.to).filter(|part| part.start() < end) {
            budget.step()?;
            self.add(self.to, part);
            self.to += 1;
        }
        while let Some(part) = self
            .parts
            .get(self.from)
            .filter(|part| part.start() < start)
        {
            budget.step()?;
            self.take_off(self.from, part);
            self.from += 1;
        }
        Ok(self.from < self.to)
    }

    fn add(&mut self, place: usize, part: &Part) {
        self.all.count += part.count;
        if self.needs.sum {
            self.all.sum.add_sum(&part.sum);
        }
        if self.needs.resets {
            self.all.lost.add_sum(&part.lost);
            let before = place.checked_sub(1).filter(|before| *before >= self.from);
            let before = before.and_then(|before| self.parts.get(before));
            if let Some(lost) = before.and_then(|before| lost_between(before, part)) {
                self.all.lost.add_all(&[lost]);
            }
        }
        if let Some(squares) = &part.squares {
            let all = self.all.squares.get_or_insert_default();
            match squares {
                Squares::Few(few) => few.iter().for_each(|&x| all.add(x)),
                Squares::Any(sum) => all.add_all(sum),
            }
        }
        if self.needs.extremes {
            let parts = self.parts;
            let beaten = |queue: &VecDeque<usize>, beats: fn(&Part, &Part) -> bool| {
                let last = queue.back().and_then(|last| parts.get(*last));
                last.is_some_and(|last| beats(part, last))
            };
            while beaten(&self.least, |new, old| new.min.total_cmp(&old.min).is_le()) {
                self.least.pop_back();
            }
            while beaten(&self.greatest, |new, old| {
                new.max.total_cmp(&old.max).is_ge()
            }) {
                self.greatest.pop_back();
            }
            self.least.push_back(place);
            self.greatest.push_back(place);
        }
    }

    fn take_off(&mut self, place: usize, part: &Part) {
        self.all.count -= part.count;
        if self.needs.sum {
            self.all.sum.take_off(&part.sum);
        }
        if self.needs.resets {
            self.all.lost.take_off(&part.lost);
            let after = Some(place + 1).filter(|after| *after < self.to);
            let after = after.and_then(|after| self.parts.get(after));
            if let Some(lost) = after.and_then(|after| lost_between(part, after)) {
                self.all.lost.add_all(&[-lost]);
            }
        }
        if let (Some(squares), Some(all)) = (&part.squares, &mut self.all.squares) {
            match squares {
                Squares::Few(few) => few.iter().for_each(|&x| all.add(-x)),
                Squares::Any(sum) => all.take_off(sum),
            }
        }
        for queue in [&mut self.least, &mut self.greatest] {
            if queue.front() == Some(&place) {
                queue.pop_front();
            }
        }
    }

    /// What the points in it come to.
    fn value(&mut self, aggregation: Aggregation) -> Option<f64> {
        let parts = self.parts;
        let part = |place: Option<usize>| place.and_then(|place| parts.get(place));
        let first = part(Some(self.from))?;
        let last = part(self.to.checked_sub(1))?;
        self.all.ends = Some((first.ends.0, last.ends.1));
        if let Some(least) = part(self.least.front().copied()) {
            self.all.min = least.min;
        }
        if let Some(greatest) = part(self.greatest.front().copied()) {
            self.all.max = greatest.max;
        }
        self.all.value(aggregation, 1)
    }
}

/// Whether it is worked out for each window anew.
fn anew(aggregation: Aggregation) -> bool {
    aggregation.percent().is_some() || aggregation == Aggregation::Coverage
}

impl Run<'_> {
    /// The buckets of a series, each with what the points of its window come to, in order
    /// of time. None where neither buckets nor a window are asked for.
    pub(super) fn windows(&mut self, series: &SharedSeries) -> Result<Columns> {
        let query = self.query;
        let mut out = Columns::new(&query.aggregations);
        let (Some(interval), Some(window)) = (query.interval, query.window) else {
            return Ok(out);
        };
        self.check_span()?;
        self.take_room(1)?;
        let range = (
            query.start.unwrap_or(i64::MIN),
            query.end.unwrap_or(i64::MAX),
        );
        // As many empty ones as there are without conditions on values.
        let values = query.values.as_ref().filter(|_| query.fill == Fill::None);
        let first = match query.start {
            Some(start) => Some(start),
            None => self.first_point(series, range, values, Order::Ascending)?,
        };
        let last = match query.end {
            Some(end) => Some(end.saturating_sub(1)),
            None => self.first_point(series, (i64::MIN, i64::MAX), values, Order::Descending)?,
        };
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(out);
        };
        if first > last {
            return Ok(out);
        }
        let mut buckets = Buckets::new(interval, query.origin, &query.zone);
        let length = Length::new(window, interval, &query.zone);
        let begins = Begins {
            buckets: buckets.clone(),
            length: length.clone(),
            last: (0, 0),
        };
        let (first, last) = (buckets.around(first), buckets.around(last));
        let parts = self.parts(series, (first, last), range.1, begins)?;
        let mut moving = Moving::new(&parts, self.gathered());
        let mut bucket = first;
        loop {
            self.budget.step()?;
            let span = (length.before(bucket.end), bucket.end.min(range.1));
            let some = moving.go(span.0, bucket.end, self.budget)?;
            if some || query.fill != Fill::None {
                let values = match some {
                    true => self.values_anew(series, span)?,
                    false => Vec::new(),
                };
                let mut values = values.into_iter();
                out.push(bucket.start, |aggregation| {
                    Ok(match anew(aggregation) {
                        true => values.next().flatten(),
                        false if some => moving.value(aggregation),
                        false => None,
                    })
                })?;
                if query.fill != Fill::None || !out.drop_empty() {
                    self.take_room(query.aggregations.len())?;
                }
            }
            let next = match (some, query.fill) {
                // To where the next point is.
                (false, Fill::None) => match parts.get(moving.to) {
                    Some(part) => buckets.around(part.start().max(bucket.end)),
                    None => break,
                },
                _ => buckets.around(bucket.end),
            };
            // Beyond the years there are, buckets stay where they are.
            if next.start > last.start || next.start <= bucket.start {
                break;
            }
            bucket = next;
        }
        Ok(out)
    }

    /// What is gathered of parts: their ends always.
    fn gathered(&self) -> Needs {
        Needs {
            ends: true,
            values: false,
            slots: false,
            ..Needs::of(&self.query.aggregations)
        }
    }

    /// The values of a window that are worked out anew.
    fn values_anew(&self, series: &SharedSeries, span: (i64, i64)) -> Result<Vec<Option<f64>>> {
        let wanted = self.query.aggregations.iter().copied();
        let wanted: Vec<Aggregation> = wanted.filter(|a| anew(*a)).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.of_span(series, span, wanted)?;
        let first = found.buckets.first().and_then(|bucket| bucket.value);
        let more = found
            .more
            .iter()
            .map(|column| column.first().copied().flatten());
        Ok([first].into_iter().chain(more).collect())
    }

    /// The points of all windows, in parts.
    fn parts(
        &mut self,
        series: &SharedSeries,
        (first, last): (Span64, Span64),
        end: i64,
        mut begins: Begins,
    ) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        let mut fold = Fold::new(self.gathered());
        let mut ends = begins.buckets.clone();
        let mut start = begins.length.before(first.end);
        let last_begin = begins.length.before(last.end);
        // Where a part ends that begins at an instant.
        let mut part_end = |instant: i64| {
            let bucket = match instant < first.end {
                true => first.end,
                false => ends.around(instant).end,
            };
            let window = match instant < last_begin {
                true => begins.after(instant),
                false => i64::MAX,
            };
            // Beyond the years there are, a part takes what comes.
            match bucket.min(window) {
                end if end > instant => end,
                _ => i64::MAX,
            }
        };
        let mut open = i64::MIN;
        let seen = (self.at, self.query.values.as_ref());
        let budget = self.budget;
        loop {
            budget.check()?;
            let guard = series.read();
            let rest = guard.walk_many((start, end), seen, STEP, |points| {
                let mut work = 0;
                let mut rest = match points {
                    Points::Stretch(points) => points,
                    many => {
                        let Some(whole) = Whole::of(&many, fold.needs(), true) else {
                            return Ok(None);
                        };
                        let (first, last) = whole.span();
                        let new = first >= open;
                        let end = if new { part_end(first) } else { open };
                        if last >= end {
                            return Ok(None);
                        }
                        if new {
                            budget.make_room(&mut parts, 1)?;
                            parts.extend(Part::of(&mut fold, budget)?);
                            open = end;
                            work += PART_COST;
                        }
                        return Ok(Some(work + fold.add_whole(&whole)));
                    }
                };
                while let Some(&timestamp) = rest.timestamps.first() {
                    if timestamp >= open {
                        budget.make_room(&mut parts, 1)?;
                        parts.extend(Part::of(&mut fold, budget)?);
                        open = part_end(timestamp);
                        work += PART_COST;
                    }
                    let (here, later) = rest.split(open);
                    work += fold.add(&here, budget);
                    rest = later;
                }
                Ok::<_, Error>(Some(work))
            })?;
            drop(guard);
            match rest {
                Some(rest) => start = rest,
                None => break,
            }
        }
        budget.make_room(&mut parts, 1)?;
        parts.extend(Part::of(&mut fold, budget)?);
        Ok(parts)
    }
}

/// A part's begin costs about as much as so many points.
const PART_COST: usize = 64;
