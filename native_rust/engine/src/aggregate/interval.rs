//! How long a bucket is.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, InvalidCode};

/// Longest bucket: all the years there are.
const MOST_YEARS: i64 = 20_000;

/// A duration, or a length of time on the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    count: i64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// What an interval counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Microseconds.
    Fixed(i64),
    /// Days of the calendar, which a time-zone change may make shorter or longer.
    Days(i64),
    /// As days, from a Monday unless an origin is given.
    Weeks(i64),
    /// Months of the calendar.
    Months(i64),
}

impl Unit {
    const ALL: [Self; 8] = [
        Self::Millisecond,
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Millisecond => "ms",
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "mo",
            Self::Year => "y",
        }
    }

    /// Rounded up, so that a count of buckets by it is not too high.
    fn longest(self) -> i64 {
        const DAY: i64 = 86_400_000_000;
        match self {
            Self::Millisecond => 1_000,
            Self::Second => 1_000_000,
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => 31 * DAY,
            Self::Year => 366 * DAY,
        }
    }
}

impl Interval {
    pub(super) fn step(self) -> Step {
        match self.unit {
            Unit::Millisecond | Unit::Second | Unit::Minute | Unit::Hour => {
                Step::Fixed(self.count * self.unit.longest())
            }
            Unit::Day => Step::Days(self.count),
            Unit::Week => Step::Weeks(self.count),
            Unit::Month => Step::Months(self.count),
            Unit::Year => Step::Months(12 * self.count),
        }
    }

    /// Microseconds that it has at most, changes of the clock aside.
    pub(super) fn longest(self) -> i64 {
        self.count * self.unit.longest()
    }
}

impl Interval {
    /// Reads the parameter of that name, which is a length of time.
    ///
    /// # Errors
    /// [`Error::Invalid`] pointing at it, for what is none.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let split = text.bytes().take_while(u8::is_ascii_digit).count();
        let (count, unit) = text.split_at_checked(split).unwrap_or((text, ""));
        let unit = Unit::ALL.into_iter().find(|known| known.name() == unit);
        let count = count.parse::<i64>().ok().filter(|&count| count > 0);
        let shown: String = text.chars().take(64).collect();
        let refuse = |detail| Error::invalid(InvalidCode::Parameter, format!("/{name}"), detail);
        let (Some(count), Some(unit)) = (count, unit) else {
            return Err(refuse(format!(
                "found the {name} {shown:?}; expected a count from 1 on and a unit: \
                 ms, s, m (minutes), h, d, w, mo (months) or y, as in 30s or 1mo"
            )));
        };
        let most = MOST_YEARS * Unit::Year.longest() / unit.longest();
        if count > most {
            return Err(refuse(format!(
                "found the {name} {shown:?}; expected at most {most}{}",
                unit.name()
            )));
        }
        Ok(Self { count, unit })
    }
}

/// A count and a unit: `500ms`, `30s`, `5m`, `1h`, `1d`, `1w`, `1mo`, `1y`.
impl FromStr for Interval {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse("interval", text)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_units() {
        for (text, step) in [
            ("1ms", Step::Fixed(1_000)),
            ("30s", Step::Fixed(30_000_000)),
            ("5m", Step::Fixed(300_000_000)),
            ("36h", Step::Fixed(129_600_000_000)),
            ("1d", Step::Days(1)),
            ("2w", Step::Weeks(2)),
            ("3mo", Step::Months(3)),
            ("20000y", Step::Months(240_000)),
        ] {
            let interval: Interval = text.parse().unwrap();
            assert_eq!(interval.step(), step, "{text}");
            assert_eq!(interval.to_string(), text);
        }
        for text in [
            "",
            "5",
            "m",
            "0s",
            "-1s",
            "1.5h",
            "1 h",
            "1H",
            "1month",
            "1h30m",
            "é",
            "1é",
            "20001y",
            "9223372036854775807ms",
            "99999999999999999999s",
        ] {
            let error = text.parse::<Interval>().unwrap_err();
            assert_eq!(error.pointer(), Some("/interval"), "{text}");
        }
    }
}
