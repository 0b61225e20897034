//! What is done and asked, at random: crowded timestamps and those at the ends of time,
//! ids that are the begin of others.

use formdb_engine::{Aggregation, Order, ValueFilter};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Many begin alike; some are what a prefix or an escape might be taken for.
pub const IDS: [&str; 8] = ["a", "ab", "abc", "a*b", "aé", "a\u{10ffff}", "b", "ÿ"];
pub const PREFIXES: [&str; 8] = ["", "a", "ab", "a*", "aé", "b", "x", "a\u{10ffff}"];

/// Microseconds between timestamps of the grid.
pub const GRID: i64 = 250_000;
/// The first and last instants of the years -9999 to 9999, as far as points may lie there.
pub const FIRST: i64 = -377_705_116_800_000_000;
pub const LAST: i64 = 253_402_300_799_999_999;

/// Intervals and their microseconds.
pub const INTERVALS: [(&str, i64); 7] = [
    ("7ms", 7_000),
    ("500ms", 500_000),
    ("1s", 1_000_000),
    ("90s", 90_000_000),
    ("1h", 3_600_000_000),
    ("36h", 36 * 3_600_000_000),
    ("1d", 24 * 3_600_000_000),
];

#[derive(Debug, Clone)]
pub enum Step {
    Write(&'static str, Vec<(i64, i32)>),
    Delete(&'static str, i64, i64),
    Reopen,
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => (-3..12_i64).prop_map(|n| n * GRID),
        4 => (-300..300_i64).prop_map(|n| n * GRID),
        1 => select(vec![FIRST, FIRST + 1, -1, 0, 1, LAST - 1, LAST]),
    ]
}

/// A bound of a range.
fn edge() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => timestamp(),
        1 => timestamp().prop_map(|t| t + 1),
        1 => select(vec![i64::MIN, i64::MAX]),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let points = |count| vec((timestamp(), -4_000..4_000_i32), count);
    prop_oneof![
        8 => (select(&IDS[..]), points(1..12_usize)).prop_map(|(id, p)| Step::Write(id, p)),
        2 => (select(&IDS[..]), points(100..400_usize), any::<bool>()).prop_map(|(id, mut p, sorted)| {
            if sorted {
                p.sort_by_key(|p| p.0);
            }
            Step::Write(id, p)
        }),
        4 => (select(&IDS[..]), timestamp(), timestamp())
            .prop_map(|(id, a, b)| Step::Delete(id, a.min(b), a.max(b))),
        1 => Just(Step::Reopen),
    ]
}

/// Conditions on values: none mostly; such as hold for few, for most and for all.
const CONDITIONS: [&[&str]; 8] = [
    &[],
    &[],
    &["gt:0"],
    &["gte:-100", "lt:250.5"],
    &["ne:0", "lte:480"],
    &["lt:-495"],
    &["gte:-500"],
    &["in:0,1,2.5,-3,7,7.125,100", "ne:7"],
];

impl About {
    pub fn filter(&self) -> Option<ValueFilter> {
        (!self.values.is_empty()).then(|| ValueFilter::parse(self.values).unwrap())
    }

    /// Whether a value counts, the plain way.
    pub fn takes(&self, value: f64) -> bool {
        self.values.iter().all(|condition| {
            let (word, numbers) = condition.split_once(':').unwrap();
            let mut numbers = numbers.split(',').map(|n| n.parse::<f64>().unwrap());
            match word {
                "gt" => numbers.all(|n| value > n),
                "gte" => numbers.all(|n| value >= n),
                "lt" => numbers.all(|n| value < n),
                "lte" => numbers.all(|n| value <= n),
                "ne" => numbers.all(|n| value != n),
                _ => numbers.any(|n| value == n),
            }
        })
    }
}

/// What all questions of one round are about.
#[derive(Debug, Clone)]
pub struct About {
    pub series: &'static str,
    pub prefix: &'static str,
    pub start: i64,
    pub end: i64,
    /// Conditions on values, which are eighths from -500 to 500.
    pub values: &'static [&'static str],
    pub order: Order,
    pub limit: usize,
    /// Which sequence, of those there are; `None`: as of now.
    pub at: Option<prop::sample::Index>,
    pub aggregation: Aggregation,
    pub interval: Option<(&'static str, i64)>,
}

pub fn about() -> impl Strategy<Value = About> {
    use Aggregation::{Avg, Count, Delta, First, Last, Max, Median, Min, Sum};
    let series = (select(&IDS[..]), select(&PREFIXES[..]));
    let limit = prop_oneof![3 => 1..9_usize, 1 => 9..300_usize, 1 => Just(10_000_usize)];
    let range = (
        edge(),
        edge(),
        select(vec![Order::Ascending, Order::Descending]),
        limit,
    );
    let values = select(&CONDITIONS[..]);
    let at = proptest::option::of(any::<prop::sample::Index>());
    let aggregation = select(vec![Count, Sum, Avg, Min, Max, First, Last, Delta, Median]);
    let interval = proptest::option::weighted(0.8, select(&INTERVALS[..]));
    (series, range, values, at, aggregation, interval).prop_map(
        |((series, prefix), (a, b, order, limit), values, at, aggregation, interval)| About {
            series,
            prefix,
            start: a.min(b),
            end: a.max(b),
            values,
            order,
            limit,
            at,
            aggregation,
            interval,
        },
    )
}
