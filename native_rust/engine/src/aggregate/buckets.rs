//! Where buckets begin and end.
//!
//! Buckets lie side by side, each from its begin up to the begin of the next.
//!
//! - Milliseconds to hours follow the zone's clock: a bucket begins whenever the
//!   clock reaches or jumps past a multiple of the interval, counted from the
//!   origin's reading. So in the night the clock is put back, an hour that is
//!   read twice is two buckets, and a quarter of a day is one of seven hours; in
//!   UTC all are of one length.
//! - Days, weeks, months and years follow the zone's calendar: a bucket begins at
//!   the origin's time of day, at the first instant it is read on that date. So a
//!   day has 23 or 25 hours where the clock changes, and one that the calendar
//!   leaves out has no bucket. A day of month that a month does not have is its
//!   last.

use jiff::Span;
use jiff::civil::{DateTime, date};

use super::interval::{Interval, Step};
use super::zone::{Period, Zone};
use crate::model::{FIRST_TIMESTAMP, LAST_TIMESTAMP};

/// A bucket's first instant, and the first behind it. Microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span64 {
    pub start: i64,
    pub end: i64,
}

/// The buckets of an interval.
#[derive(Debug)]
pub(super) enum Buckets {
    /// All of one length.
    Even { length: i64, anchor: i64 },
    /// By the clock of a zone.
    Clock(Clock),
    /// By the calendar of a zone.
    Calendar(Calendar),
}

impl Buckets {
    /// Buckets counted from an instant: by default the epoch, as the zone's
    /// calendar and clock show it, and for weeks the Monday before.
    pub(super) fn new(interval: Interval, origin: Option<i64>, zone: &Zone) -> Self {
        let civil = origin.map(|origin| zone.civil(origin));
        let midnight = |year, month, day| date(year, month, day).at(0, 0, 0, 0);
        let calendar = |step, anchor| {
            Self::Calendar(Calendar {
                zone: zone.clone(),
                step,
                anchor,
                last: None,
            })
        };
        match interval.step() {
            Step::Clock(length) if zone.is_utc() => Self::Even {
                length,
                anchor: origin.unwrap_or(0),
            },
            Step::Clock(length) => Self::Clock(Clock {
                zone: zone.clone(),
                length,
                anchor: origin.map_or(0, |at| at + zone.period(at).offset),
                last: None,
            }),
            Step::Days(n) => calendar(Count::Days(n), civil.unwrap_or(midnight(1970, 1, 1))),
            Step::Weeks(n) => {
                let monday = midnight(1969, 12, 29);
                calendar(Count::Days(7 * n), civil.unwrap_or(monday))
            }
            Step::Months(n) => calendar(Count::Months(n), civil.unwrap_or(midnight(1970, 1, 1))),
        }
    }

    /// The bucket that an instant lies in. Quickest from one bucket to the next:
    /// about 5 ns of one length, 30 ns by the clock, 0.5 us by the calendar.
    pub(super) fn around(&mut self, instant: i64) -> Span64 {
        let instant = instant.clamp(FIRST_TIMESTAMP, LAST_TIMESTAMP);
        match self {
            Self::Even { length, anchor } => {
                let start = instant - (instant - *anchor).rem_euclid(*length);
                Span64 {
                    start,
                    end: start + *length,
                }
            }
            Self::Clock(clock) => clock.around(instant),
            Self::Calendar(calendar) => calendar.around(instant),
        }
    }
}

#[derive(Debug)]
pub(super) struct Clock {
    zone: Zone,
    length: i64,
    /// A reading of the clock that buckets are counted from.
    anchor: i64,
    /// The period looked at last, most often that of the next bucket.
    last: Option<Period>,
}

impl Clock {
    fn period(&mut self, instant: i64) -> Period {
        match self.last {
            Some(last) if (last.from..last.to).contains(&instant) => last,
            _ => *self.last.insert(self.zone.period(instant)),
        }
    }

    /// The number of the multiple that the clock has reached.
    fn number(&self, instant: i64, period: Period) -> i64 {
        (instant + period.offset - self.anchor).div_euclid(self.length)
    }

    fn around(&mut self, instant: i64) -> Span64 {
        let here = self.period(instant);
        let number = self.number(instant, here);
        let reading = number * self.length + self.anchor;
        let (start, end) = (reading - here.offset, reading + self.length - here.offset);
        Span64 {
            start: match start >= here.from {
                true => start,
                false => self.start(number, here),
            },
            end: match end < here.to {
                true => end,
                false => self.end(number, here),
            },
        }
    }

    /// Where the bucket begins that is under way when `here` begins.
    fn start(&mut self, number: i64, mut here: Period) -> i64 {
        loop {
            let start = number * self.length + self.anchor - here.offset;
            if start >= here.from {
                return start;
            }
            let before = self.period(here.from - 1);
            if self.number(here.from - 1, before) != number {
                return here.from;
            }
            here = before;
        }
    }

    /// Where the bucket ends that is under way when `here` ends.
    fn end(&mut self, number: i64, mut here: Period) -> i64 {
        loop {
            let end = (number + 1) * self.length + self.anchor - here.offset;
            if end < here.to {
                return end;
            }
            let next = self.period(here.to);
            let reading = here.to + next.offset - self.anchor;
            let begins = reading.rem_euclid(self.length) == 0;
            if begins || reading.div_euclid(self.length) != number {
                return here.to;
            }
            here = next;
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Count {
    Days(i64),
    Months(i64),
}

#[derive(Debug)]
pub(super) struct Calendar {
    zone: Zone,
    step: Count,
    anchor: DateTime,
    /// The bucket found last, by number.
    last: Option<(i64, Span64)>,
}

impl Calendar {
    /// Where bucket `number` begins; beyond the years there are, an end of time.
    fn begin(&self, number: i64) -> i64 {
        let beyond = match number < 0 {
            true => i64::MIN,
            false => i64::MAX,
        };
        let span = match self.step {
            Count::Days(n) => number
                .checked_mul(n)
                .and_then(|n| Span::new().try_days(n).ok()),
            Count::Months(n) => number
                .checked_mul(n)
                .and_then(|n| Span::new().try_months(n).ok()),
        };
        span.and_then(|span| self.anchor.checked_add(span).ok())
            .and_then(|civil| self.zone.instant_of(civil))
            .unwrap_or(beyond)
    }

    /// About the number of the bucket.
    fn guess(&self, instant: i64) -> i64 {
        if let Some((number, last)) = self.last
            && (last.start..last.end.saturating_add(1)).contains(&instant)
        {
            return number + i64::from(instant >= last.end);
        }
        let civil = self.zone.civil(instant);
        match self.step {
            Count::Days(n) => {
                let passed = civil.duration_since(self.anchor);
                passed.as_secs().div_euclid(86_400).div_euclid(n)
            }
            Count::Months(n) => {
                let years = i64::from(civil.year()) - i64::from(self.anchor.year());
                let months = i64::from(civil.month()) - i64::from(self.anchor.month());
                (12 * years + months).div_euclid(n)
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
