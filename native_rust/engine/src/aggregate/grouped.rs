//! What points come to by the hour, the weekday or the month that their zone's calendar and
//! clock show.

use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::index::SharedSeries;

use super::columns::Columns;
use super::fold::{Fold, Needs};
use super::group::{GroupBy, Groups};
use super::select::{self, Values};
use super::{Aggregate, STEP};

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
