//! Days since 1970-01-01 as dates of the proleptic Gregorian calendar, and back.
//!
//! `jiff` has this too, but not for the first and the last day that a timestamp can
//! have, read by the clock of a zone.

/// Microseconds in a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// Days in four hundred years, after which the calendar repeats.
const ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    /// Astronomical: the year before 1 is 0.
    pub year: i64,
    /// From 1 to 12.
    pub month: i64,
    /// From 1 on.
    pub day: i64,
}

/// Days from the begin of March to that of a month, counted from March as 0: months
/// of 31 and 30 days alternate, but for July and August, so 153 days in five months.
fn days_before(month: i64) -> i64 {
    (153 * month + 2) / 5
}

impl Date {
    /// The date so many days after 1970-01-01. O(1). Years begin in March here, so that
    /// the day which some have more is their last.
    pub(crate) fn of(days: i64) -> Self {
        let days = days + EPOCH;
        let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
        // Without the days that leap years have more, and centuries less.
        let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let next_year = i64::from(month >= 10);
        Self {
            year: 400 * era + year + next_year,
            month: month + 3 - 12 * next_year,
            day: day - days_before(month) + 1,
        }
    }

    /// Days from 1970-01-01 on.
    pub(crate) fn days(self) -> i64 {
        let early = i64::from(self.month <= 2);
        let year = self.year - early;
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day = days_before(self.month - 3 + 12 * early) + self.day - 1;
        ERA * era + 365 * year + year / 4 - year / 100 + day - EPOCH
    }

    /// The date so many months later; the last day of the month where it has none of
    /// this number.
    pub(crate) fn plus_months(self, months: i64) -> Self {
        let month = 12 * self.year + self.month - 1 + months;
        let first = |month: i64| Self {
            year: month.div_euclid(12),
            month: month.rem_euclid(12) + 1,
            day: 1,
        };
        let length = first(month + 1).days() - first(month).days();
        Self {
            day: self.day.min(length),
            ..first(month)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use jiff::civil::date;

    #[test]
    fn every_day_is_the_one_that_jiff_counts() {
        let mut known = date(-9999, 1, 1);
        let first = Date {
            year: -9999,
            month: 1,
            day: 1,
        };
        for days in first.days().. {
            let found = Date::of(days);
            let (year, month, day) = (known.year(), known.month(), known.day());
            let expected = (i64::from(year), i64::from(month), i64::from(day));
            assert_eq!((found.year, found.month, found.day), expected);
            assert_eq!(found.days(), days);
            match known.tomorrow() {
                Ok(tomorrow) => known = tomorrow,
                Err(_) => break,
            }
        }
        assert_eq!(known, date(9999, 12, 31));
        let next = Date::of(LAST + 1);
        assert_eq!((next.year, next.month, next.day), (10_000, 1, 1));
    }

    /// Days from 1970 to 9999-12-31.
    const LAST: i64 = 2_932_896;

    #[test]
    fn months_end_on_their_last_day() {
        for (year, month, day) in [(2024, 1, 31), (2024, 2, 29), (-1, 12, 31), (1999, 11, 30)] {
            let start = date(year, month, day);
            for months in -50..50 {
                let expected = start + months.months();
                let found = Date {
                    year: year.into(),
                    month: month.into(),
                    day: day.into(),
                }
                .plus_months(months);
                let (year, month, day) = (expected.year(), expected.month(), expected.day());
                let expected = (i64::from(year), i64::from(month), i64::from(day));
                assert_eq!((found.year, found.month, found.day), expected);
            }
        }
    }
}
