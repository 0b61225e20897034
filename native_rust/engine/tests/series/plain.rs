//! Answers the plain way, from a list of points.

use std::collections::BTreeMap;

use formdb_engine::{Aggregation, Bucket, Order, Point};

use super::questions::{About, FIRST};

/// A point of the list, in order of arrival.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub series: &'static str,
    pub timestamp: i64,
    pub value: f64,
    /// The block that wrote it, and the one that deleted it.
    pub seq: u64,
    pub died: u64,
}

/// Timestamp, value, and the block that wrote it.
pub type Plain = (i64, f64, u64);

pub fn plain(point: &Point) -> Plain {
    (point.timestamp, point.value, point.source.seq)
}

/// The points in the range, in the order asked for.
pub fn inside(rows: &[Row], about: &About) -> Vec<Plain> {
    let range = about.start..about.end;
    let counts = |row: &&Row| range.contains(&row.timestamp) && about.takes(row.value);
    let rows = rows.iter().filter(counts);
    let mut points: Vec<Plain> = rows.map(|r| (r.timestamp, r.value, r.seq)).collect();
    if about.order == Order::Descending {
        points.reverse();
    }
    points
}

pub fn buckets(rows: &[Row], about: &About) -> Vec<Bucket> {
    let ascending = About {
        order: Order::Ascending,
        ..about.clone()
    };
    let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (timestamp, value, _) in inside(rows, &ascending) {
        let begin = match about.interval {
            None => about.start,
            Some((_, length)) => FIRST.max(timestamp - timestamp.rem_euclid(length)),
        };
        buckets.entry(begin).or_default().push(value);
    }
    if about.interval.is_none() {
        buckets.entry(about.start).or_default();
    }
    let mut buckets: Vec<Bucket> = buckets
        .into_iter()
        .map(|(timestamp, values)| Bucket {
            timestamp,
            value: match (about.aggregation, values.is_empty()) {
                (Aggregation::Count, true) => Some(0.0),
                (_, true) => None,
                (aggregation, false) => Some(value(aggregation, &values)),
            },
        })
        .collect();
    if about.order == Order::Descending {
        buckets.reverse();
    }
    buckets
}

/// Values are eighths, so no sum of them is rounded.
fn value(aggregation: Aggregation, values: &[f64]) -> f64 {
    let (first, last) = (values[0], values[values.len() - 1]);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let sum: f64 = values.iter().sum();
    match aggregation {
        Aggregation::Count => values.len() as f64,
        Aggregation::Sum => sum,
        Aggregation::Avg => sum / values.len() as f64,
        Aggregation::Min => sorted[0],
        Aggregation::Max => sorted[sorted.len() - 1],
        Aggregation::First => first,
        Aggregation::Last => last,
        Aggregation::Delta => last - first,
        Aggregation::Median => (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0,
        other => panic!("{other} is not asked for"),
    }
}
