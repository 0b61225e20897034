//! What a question must not ask at once.

use super::interval::Step;
use super::{Aggregate, Aggregation, Fill};
use crate::error::{Error, InvalidCode, Result};
use crate::index::Order;
use crate::types::is_timestamp;

pub(super) fn check(query: &Aggregate<'_>) -> Result<()> {
    check_order(query.start, query.end)?;
    if let Some(origin) = query.origin.filter(|origin| !is_timestamp(*origin)) {
        let detail =
            format!("found the origin {origin}; expected a time in the years -9999 to 9999");
        return refuse("/origin", detail);
    }
    check_expected(query)?;
    check_window(query)?;
    check_groups(query)
}

/// Refuses a range that ends before it begins.
pub(super) fn check_order(start: Option<i64>, end: Option<i64>) -> Result<()> {
    match (start, end) {
        (Some(start), Some(end)) if start > end => Err(Error::invalid(
            InvalidCode::TimeRange,
            "/start",
            "the start lies after the end",
        )),
        _ => Ok(()),
    }
}

fn refuse(pointer: &str, detail: impl Into<String>) -> Result<()> {
    Err(Error::invalid(InvalidCode::Parameter, pointer, detail))
}

fn check_expected(query: &Aggregate<'_>) -> Result<()> {
    let coverage = query.aggregations.contains(&Aggregation::Coverage);
    match (coverage, query.expected) {
        (true, None) => refuse(
            "/expected",
            "coverage is a part of the values that are expected; give expected, the time from one \
             to the next, such as expected=1h",
        ),
        (false, Some(_)) => refuse(
            "/expected",
            "expected is for aggregation=coverage; ask for that, or leave expected out",
        ),
        _ => Ok(()),
    }
}

fn check_window(query: &Aggregate<'_>) -> Result<()> {
    let Some(window) = query.window else {
        return Ok(());
    };
    let Some(interval) = query.interval else {
        return refuse(
            "/window",
            "a window ends where a bucket does; give interval, too, or leave window out",
        );
    };
    if let (Step::Months(_), Step::Fixed(_)) = (window.step(), interval.step()) {
        return refuse(
            "/window",
            format!(
                "found the window {window} with the interval {interval}; months and years go with \
                 an interval of days, weeks, months or years"
            ),
        );
    }
    match query.fill {
        Fill::None | Fill::Null => Ok(()),
        Fill::Previous | Fill::Linear => refuse(
            "/fill",
            "with a window fill is none or null: the window before has values of its own",
        ),
    }
}

fn check_groups(query: &Aggregate<'_>) -> Result<()> {
    if query.group_by.is_none() {
        return Ok(());
    }
    let about_buckets = [
        ("interval", query.interval.is_some()),
        ("window", query.window.is_some()),
        ("origin", query.origin.is_some()),
        ("fill", query.fill != Fill::None),
        ("order", query.order != Order::Ascending),
    ];
    for (name, given) in about_buckets {
        if given {
            let detail = format!("{name} is about buckets, and group_by has groups; give one");
            return refuse(&format!("/{name}"), detail);
        }
    }
    let apart = |aggregation: &&Aggregation| {
        use Aggregation::{Coverage, Delta, Rate};
        matches!(aggregation, Rate | Delta | Coverage)
    };
    match query.aggregations.iter().find(apart) {
        Some(aggregation) => refuse(
            "/aggregation",
            format!("{aggregation} is of a stretch of time, and the points of a group are not"),
        ),
        None => Ok(()),
    }
}
