//! What points come to by the hour, the weekday or the month that their zone's calendar and
//! clock show.

use std::ops::Range;
use std::str::FromStr;

use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result};
use crate::index::{SharedSeries, Stretch};
use crate::types::{DAY, Date, Zone};

use super::columns::Columns;
use super::fold::{Fold, Needs};
use super::select::{self, Values};
use super::{Aggregate, STEP};

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

/// A group's begin costs about as much as so many points.
const GROUP_COST: usize = 32;

/// The groups of a series, all of them, in their order.
///
/// # Errors
/// Those of the budget.
pub(super) fn series(
    query: &Aggregate<'_>,
    by: GroupBy,
    at: u64,
    series: &SharedSeries,
    budget: &Budget,
) -> Result<Columns> {
    let needs = Needs::of(&query.aggregations);
    let mut groups = Groups::new(by, &query.zone);
    let mut folds: Vec<Fold> = by.numbers().map(|_| Fold::new(needs)).collect();
    let seen = (at, query.values.as_ref());
    let span = (
        query.start.unwrap_or(i64::MIN),
        query.end.unwrap_or(i64::MAX),
    );
    let mut start = span.0;
    loop {
        budget.check()?;
        let guard = series.read();
        let rest = guard.walk((start, span.1), seen, STEP, |points| {
            let mut work = 0;
            groups.split(points, |place, points| {
                if let Some(fold) = folds.get_mut(place) {
                    work += GROUP_COST + fold.add(points, budget);
                }
            });
            // Without the values of some points the others are of no use.
            if needs.values && folds.iter().any(|fold| fold.let_go) {
                let kept = folds.iter_mut().filter(|fold| !fold.let_go);
                kept.for_each(|fold| fold.let_values_go(budget));
            }
            Ok::<_, Error>(work)
        })?;
        drop(guard);
        match rest {
            Some(rest) => start = rest,
            None => break,
        }
    }
    let mut columns = Columns::new(&query.aggregations);
    for (place, (number, mut fold)) in by.numbers().zip(folds).enumerate() {
        columns.push(number, |aggregation| {
            let percent = aggregation.percent().filter(|_| fold.let_go);
            match percent {
                Some(percent) if fold.count > 0 => {
                    let values = Values {
                        series,
                        span,
                        at,
                        values: query.values.as_ref(),
                        group: Some((groups.clone(), place)),
                        budget,
                    };
                    select::percentile(&values, percent).map(Some)
                }
                _ => Ok(fold.value(aggregation, 1)),
            }
        })?;
    }
    columns.each(|aggregation, buckets| {
        Columns::settle(aggregation, buckets);
        Ok(())
    })?;
    Ok(columns)
}
