//! Which hour, weekday or month their zone's calendar and clock show for points.

use std::ops::Range;
use std::str::FromStr;

use crate::error::{Error, InvalidCode, Result};
use crate::index::Stretch;
use crate::types::{DAY, Date, Zone};

const HOUR: i64 = DAY / 24;

/// What points are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// 0 to 23.
    HourOfDay,
    /// 1, a Monday, to 7.
    DayOfWeek,
    /// 1 to 12.
    Month,
}

/// `hour_of_day`, `day_of_week` or `month`.
impl FromStr for GroupBy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "hour_of_day" => Self::HourOfDay,
            "day_of_week" => Self::DayOfWeek,
            "month" => Self::Month,
            _ => {
                let shown: String = text.chars().take(64).collect();
                let detail = format!(
                    "found the group {shown:?}; expected hour_of_day, day_of_week or month"
                );
                return Err(Error::invalid(InvalidCode::Parameter, "/group_by", detail));
            }
        })
    }
}

impl GroupBy {
    /// The numbers of the groups.
    pub(super) fn numbers(self) -> Range<i64> {
        match self {
            Self::HourOfDay => 0..24,
            Self::DayOfWeek => 1..8,
            Self::Month => 1..13,
        }
    }

    /// The place of the group that a reading of calendar and clock belongs to, and the
    /// first reading after it that may be of another.
    fn of(self, reading: i64) -> (usize, i64) {
        let day = reading.div_euclid(DAY);
        let (place, end) = match self {
            Self::HourOfDay => {
                let hour = reading.div_euclid(HOUR);
                (hour.rem_euclid(24), (hour + 1) * HOUR)
            }
            // 1970 began on a Thursday.
            Self::DayOfWeek => ((day + 3).rem_euclid(7), (day + 1) * DAY),
            Self::Month => {
                let date = Date::of(day);
                let first = Date { day: 1, ..date };
                (date.month - 1, first.plus_months(1).days() * DAY)
            }
        };
        (usize::try_from(place).unwrap_or(0), end)
    }
}

/// Finds the groups that points belong to.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    by: GroupBy,
    zone: Zone,
    /// A span of time with one offset, and that.
    offset: (Range<i64>, i64),
}

impl Groups {
    pub(super) fn new(by: GroupBy, zone: &Zone) -> Self {
        Self {
            by,
            zone: zone.clone(),
            offset: (0..0, 0),
        }
    }

    /// The place of the group that an instant belongs to, and the first instant after it
    /// that may be of another. Quickest in order of time.
    fn around(&mut self, instant: i64) -> (usize, i64) {
        if !self.offset.0.contains(&instant) {
            self.offset = self.zone.offset_around(instant);
        }
        let (span, offset) = &self.offset;
        let (place, end) = self.by.of(instant.saturating_add(*offset));
        let end = end.saturating_sub(*offset);
        // Beyond the years there are, no clock changes.
        let end = if span.end > instant {
            end.min(span.end)
        } else {
            end
        };
        (place, end)
    }

    /// Calls `found` with the points of each group, as they come.
    pub(super) fn split(
        &mut self,
        points: Stretch<'_>,
        mut found: impl FnMut(usize, &Stretch<'_>),
    ) {
        let mut rest = points;
        while let Some(&first) = rest.timestamps.first() {
            let (place, end) = self.around(first);
            let (here, later) = rest.split(end);
            found(place, &here);
            rest = later;
        }
    }
}
