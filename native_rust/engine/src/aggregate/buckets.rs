//! Where buckets begin and end.
//!
//! Buckets lie side by side, each from its begin up to the begin of the next.
//!
//! - Milliseconds to hours are durations: all buckets are of this length, whatever a
//!   clock shows, and one begins at the origin.
//! - Days, weeks, months and years follow the zone's calendar: a bucket begins at
//!   the origin's time of day, at the first instant it is read on that date. So a
//!   day has 23 or 25 hours where the clock changes, and one that the calendar
//!   leaves out has no bucket. A day of month that a month does not have is its
//!   last.

use super::interval::{Interval, Step};
use crate::budget::Budget;
use crate::error::Result;
use crate::types::{DAY, Date, FIRST_TIMESTAMP, LAST_TIMESTAMP, Zone};

/// The Monday before 1970, as a reading of calendar and clock.
const MONDAY: i64 = -3 * DAY;

/// A bucket's first instant, and the first after it. Microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span64 {
    pub start: i64,
    pub end: i64,
}

/// The buckets of an interval.
#[derive(Debug, Clone)]
pub(super) enum Buckets {
    /// All of one length.
    Even {
        length: i64,
        anchor: i64,
        /// Where the one begins that follows the one found last.
        next: i64,
    },
    /// By the calendar of a zone.
    Calendar(Calendar),
}

impl Buckets {
    /// Buckets counted from an instant: by default the begin of 1970, as the zone's
    /// calendar and clock show it, and for weeks the Monday before.
    pub(super) fn new(interval: Interval, origin: Option<i64>, zone: &Zone) -> Self {
        let reading = origin.map(|origin| zone.reading(origin));
        let calendar = |step, default| {
            Self::Calendar(Calendar {
                zone: zone.clone(),
                step,
                anchor: reading.unwrap_or(default),
                last: None,
            })
        };
        match interval.step() {
            Step::Fixed(length) => {
                let anchor = origin.unwrap_or_else(|| zone.instant_of(0));
                Self::Even {
                    length,
                    anchor,
                    next: anchor,
                }
            }
            Step::Days(n) => calendar(Count::Days(n), 0),
            Step::Weeks(n) => calendar(Count::Days(7 * n), MONDAY),
            Step::Months(n) => calendar(Count::Months(n), 0),
        }
    }

    /// The bucket that an instant lies in; one that begins before the first timestamp
    /// there is begins with that. Quickest from one bucket to the next, and of one
    /// length rather than by the calendar.
    pub(super) fn around(&mut self, instant: i64) -> Span64 {
        let instant = instant.clamp(FIRST_TIMESTAMP, LAST_TIMESTAMP);
        let span = match self {
            Self::Even {
                length,
                anchor,
                next,
            } => {
                // A division takes longer than all the rest.
                let start = match (0..*length).contains(&(instant - *next)) {
                    true => *next,
                    false => instant - (instant - *anchor).rem_euclid(*length),
                };
                *next = start + *length;
                Span64 { start, end: *next }
            }
            Self::Calendar(calendar) => calendar.around(instant),
        };
        Span64 {
            start: span.start.max(FIRST_TIMESTAMP),
            ..span
        }
    }
}

impl Buckets {
    /// How many there are of which a part lies from `start` on and before `end`. O(1) of
    /// those of one length.
    ///
    /// # Errors
    /// Those of the budget.
    pub(super) fn count(&mut self, start: i64, end: i64, budget: &Budget) -> Result<u64> {
        if start >= end {
            return Ok(0);
        }
        if let Self::Even { length, anchor, .. } = self {
            let number = |instant: i64| (instant - *anchor).div_euclid(*length);
            return Ok(number(end - 1).abs_diff(number(start)) + 1);
        }
        let mut count = 0;
        let mut next = start;
        while next < end {
            budget.step()?;
            count += 1;
            let after = self.around(next).end;
            // Beyond the years there are, buckets stay where they are.
            if after <= next {
                break;
            }
            next = after;
        }
        Ok(count)
    }
}

#[derive(Debug, Clone, Copy)]
enum Count {
    Days(i64),
    Months(i64),
}

#[derive(Debug, Clone)]
pub(super) struct Calendar {
    zone: Zone,
    step: Count,
    /// What calendar and clock show where buckets are counted from.
    anchor: i64,
    /// The bucket found last, by number.
    last: Option<(i64, Span64)>,
}

impl Calendar {
    /// Where bucket `number` begins.
    fn begin(&self, number: i64) -> i64 {
        let reading = match self.step {
            Count::Days(n) => self.anchor.saturating_add(number.saturating_mul(n * DAY)),
            Count::Months(n) => {
                let day = self.anchor.div_euclid(DAY);
                let date = Date::of(day).plus_months(number * n);
                date.days() * DAY + self.anchor.rem_euclid(DAY)
            }
        };
        self.zone.instant_of(reading)
    }

    /// About the number of the bucket.
    fn guess(&self, instant: i64) -> i64 {
        if let Some((number, last)) = self.last
            && (last.start..last.end.saturating_add(1)).contains(&instant)
        {
            return number + i64::from(instant >= last.end);
        }
        let reading = self.zone.reading(instant);
        match self.step {
            Count::Days(n) => (reading - self.anchor).div_euclid(n * DAY),
            Count::Months(n) => {
                let month = |reading: i64| {
                    let date = Date::of(reading.div_euclid(DAY));
                    12 * date.year + date.month
                };
                (month(reading) - month(self.anchor)).div_euclid(n)
            }
        }
    }

    fn around(&mut self, instant: i64) -> Span64 {
        let mut number = self.guess(instant);
        let mut start = self.begin(number);
        // Off by one or two at most.
        while start > instant {
            number -= 1;
            start = self.begin(number);
        }
        let mut end = self.begin(number + 1);
        while end <= instant {
            number += 1;
            start = end;
            end = self.begin(number + 1);
        }
        let span = Span64 { start, end };
        self.last = Some((number, span));
        span
    }
}

#[cfg(test)]
mod tests;
