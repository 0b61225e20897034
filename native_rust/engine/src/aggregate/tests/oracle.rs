//! Aggregates the plain way: a list of points, a list of the instants at which
//! buckets begin, and for each bucket the list of its points.

use std::collections::HashMap;
use std::rc::Rc;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::ToPrimitive;

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::aggregate::answer::Bucket;
use crate::aggregate::{Aggregate, Aggregation, Fill};
use crate::index::Order;

/// An origin that questions use: 2020-02-29T05:37:00.000250Z.
pub(super) const ORIGIN: i64 = 1_582_954_620_000_250;

const DAY: i64 = 86_400_000_000;

/// A point: timestamp, sequence, value, and the sequence that deleted it.
type Row = (i64, u64, f64, u64);

/// Points in order of arrival.
#[derive(Default)]
pub(super) struct Model(Vec<Row>);

impl Model {
    pub(super) fn insert(&mut self, timestamps: &[i64], values: &[f64], seq: u64) {
        let rows = timestamps.iter().zip(values);
        self.0.extend(rows.map(|(&t, &v)| (t, seq, v, u64::MAX)));
    }

    pub(super) fn delete(&mut self, start: i64, end: i64, only: Option<u64>, seq: u64) -> u64 {
        let mut died = 0;
        for row in &mut self.0 {
            let meant = row.0 >= start && row.0 < end && only.is_none_or(|only| only == row.1);
            if meant && row.3 == u64::MAX {
                row.3 = seq;
                died += 1;
            }
        }
        died
    }

    /// `begins` gives the begins of all buckets that have anything to do with a range,
    /// if there are buckets.
    pub(super) fn answer(
        &self,
        query: &Aggregate<'_>,
        at: u64,
        begins: impl FnOnce(i64, i64) -> Option<Rc<[i64]>>,
    ) -> Vec<Bucket> {
        let (start, end) = (
            query.start.unwrap_or(i64::MIN),
            query.end.unwrap_or(i64::MAX),
        );
        let visible = |row: &&Row| row.1 <= at && at < row.3 && row.0 >= start && row.0 < end;
        let mut rows: Vec<Row> = self.0.iter().filter(visible).copied().collect();
        rows.sort_by_key(|row| row.0);
        let points: Vec<(i64, f64)> = rows.iter().map(|row| (row.0, row.2)).collect();
        // From where to where buckets are wanted, empty ones too.
        let first = query.start.or(points.first().map(|p| p.0));
        let last = query.end.map(|end| end - 1).or(points.last().map(|p| p.0));
        let (Some(first), Some(last)) = (first, last) else {
            return Vec::new();
        };
        // Towards an open end there are none without points.
        let last = match (query.end, points.last()) {
            (None, None) => return Vec::new(),
            _ => last,
        };
        if first > last {
            return Vec::new();
        }
        let mut buckets: Vec<(i64, Vec<(i64, f64)>)> = match begins(first, last) {
            None => vec![(first, points)],
            Some(begins) => {
                let before = begins.iter().rposition(|&begin| begin <= first).unwrap();
                let wanted = begins[before..].iter().take_while(|&&begin| begin <= last);
                let mut buckets: Vec<_> = wanted.map(|&begin| (begin, Vec::new())).collect();
                let mut place = 0;
                for point in points {
                    while buckets.get(place + 1).is_some_and(|next| next.0 <= point.0) {
                        place += 1;
                    }
                    buckets[place].1.push(point);
                }
                buckets
            }
        };
        if query.fill == Fill::None {
            buckets.retain(|(_, points)| !points.is_empty());
        }
        let value = |points: &[(i64, f64)]| value(query.aggregation, points);
        let mut answer: Vec<Bucket> = buckets
            .iter()
            .map(|(timestamp, points)| Bucket {
                timestamp: *timestamp,
                value: value(points),
            })
            .collect();
        if query.fill == Fill::None {
            answer.retain(|bucket| bucket.value.is_some());
        }
        let filled: Vec<Option<f64>> = (0..answer.len())
            .map(|place| answer[place].value.or_else(|| fill(&answer, place, query)))
            .collect();
        for (bucket, value) in answer.iter_mut().zip(filled) {
            bucket.value = value;
        }
        if query.order == Order::Descending {
            answer.reverse();
        }
        answer
    }
}

fn fill(buckets: &[Bucket], place: usize, query: &Aggregate<'_>) -> Option<f64> {
    if query.aggregation == Aggregation::Count {
        return Some(0.0);
    }
    let before = buckets[..place].iter().rev().find(|b| b.value.is_some());
    let after = buckets[place..].iter().find(|b| b.value.is_some());
    match query.fill {
        Fill::None | Fill::Null => None,
        Fill::Previous => before?.value,
        Fill::Linear => {
            let (low, high) = (before?, after?);
            let (a, b) = (low.value?, high.value?);
            let whole = high.timestamp - low.timestamp;
            let part = buckets[place].timestamp - low.timestamp;
            Some(between(a, b, part.into(), whole.into()))
        }
    }
}

/// The double nearest to a fraction.
fn rounded(numerator: BigInt, denominator: impl Into<BigInt>) -> f64 {
    let nearest = BigRational::new(numerator, denominator.into()).to_f64();
    nearest.unwrap()
}

/// What lies `part / whole` of the way between two values.
fn between(low: f64, high: f64, part: i128, whole: i128) -> f64 {
    if part == 0 || low.to_bits() == high.to_bits() {
        return low;
    }
    let exact = |x| BigRational::from_float(x).unwrap();
    let parts = |n: i128| BigRational::from_integer(n.into());
    let sum = exact(low) * parts(whole - part) + exact(high) * parts(part);
    (sum / parts(whole)).to_f64().unwrap()
}

/// The double nearest to the root of a fraction.
fn rounded_root(numerator: BigInt, denominator: impl Into<BigInt>) -> f64 {
    let square = BigRational::new(numerator, denominator.into());
    let exact = |x| BigRational::from_float(x).unwrap();
    // No root of such fractions lies just in the middle between two doubles.
    let is_below = |root: f64| {
        let middle = (exact(root) + exact(root.next_up())) / BigRational::from_integer(2.into());
        &middle * &middle < square
    };
    let mut root = square.to_f64().unwrap().sqrt();
    while root > 0.0 && !is_below(root.next_down()) {
        root = root.next_down();
    }
    while is_below(root) {
        root = root.next_up();
    }
    root
}

/// Of values that are eighths.
fn value(aggregation: Aggregation, points: &[(i64, f64)]) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let n = points.len() as i128;
    let eighths = |value: f64| (value * 8.0) as i128;
    let sum: i128 = points.iter().map(|p| eighths(p.1)).sum();
    let mut sorted: Vec<f64> = points.iter().map(|p| p.1).collect();
    sorted.sort_by(f64::total_cmp);
    let quantile = |percent: &str| {
        let (percent, tenths) = percent.split_once('.').unwrap_or((percent, "0"));
        let place =
            (n - 1) * (10 * percent.parse::<i128>().unwrap() + tenths.parse::<i128>().unwrap());
        let at = |place: i128| sorted[place as usize];
        between(
            at(place / 1_000),
            at((place + 999) / 1_000),
            place % 1_000,
            1_000,
        )
    };
    Some(match aggregation {
        Aggregation::Count => n as f64,
        Aggregation::Sum => sum as f64 / 8.0,
        Aggregation::Avg => rounded(sum.into(), 8 * n),
        Aggregation::Min => sorted[0],
        Aggregation::Max => sorted[sorted.len() - 1],
        Aggregation::First => first.1,
        Aggregation::Last => last.1,
        Aggregation::Delta => (eighths(last.1) - eighths(first.1)) as f64 / 8.0,
        Aggregation::Rate if first.0 == last.0 => return None,
        Aggregation::Rate => {
            let growth = points.windows(2).map(|pair| {
                let (before, after) = (eighths(pair[0].1), eighths(pair[1].1));
                match after < before {
                    true => after,
                    false => after - before,
                }
            });
            let grown: i128 = growth.sum();
            rounded(BigInt::from(grown) * 1_000_000, 8 * (last.0 - first.0))
        }
        Aggregation::Stddev if points.len() < 2 => return None,
        Aggregation::Stddev => {
            let squares: i128 = points.iter().map(|p| eighths(p.1).pow(2)).sum();
            rounded_root((n * squares - sum * sum).into(), 64 * n * (n - 1))
        }
        Aggregation::Median => quantile("50"),
        Aggregation::Percentile(percent) => quantile(&percent.to_string()),
    })
}

/// Zone, interval, origin and the middle of the time that is covered.
type Key = (String, String, Option<i64>, i64);

/// Where buckets begin, by trying instants and calendar dates one after the other.
#[derive(Default)]
pub(super) struct Begins {
    /// Those of long intervals.
    known: HashMap<Key, Rc<[i64]>>,
}

/// A zone, and a time about which all questions are asked.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub zone: &'a str,
    pub centre: i64,
    /// Divides the changes of the clock, in microseconds.
    pub grain: i64,
}

impl Begins {
    /// Those from the last at or before `from` on, at least up to `to`.
    pub(super) fn find(
        &mut self,
        place: Place<'_>,
        interval: &str,
        origin: Option<i64>,
        (from, to): (i64, i64),
    ) -> Rc<[i64]> {
        let digits = interval.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let count: i64 = digits.parse().unwrap();
        let unit = &interval[digits.len()..];
        let tz = TimeZone::get(place.zone).unwrap();
        let length = match unit {
            "ms" => count * 1_000,
            "s" => count * 1_000_000,
            "m" => count * 60_000_000,
            "h" => count * 3_600_000_000,
            _ => 0,
        };
        if length > 0 && length < 1_800_000_000 {
            return by_clock(&tz, length, origin, place.grain, from - length, to);
        }
        let (middle, half) = match length {
            0 => (0, 0),
            _ => (place.centre, 170 * DAY),
        };
        let key = (place.zone.to_owned(), interval.to_owned(), origin, middle);
        let begins = self.known.entry(key).or_insert_with(|| match length {
            0 => by_calendar(&tz, count, unit, origin),
            _ => by_clock(
                &tz,
                length,
                origin,
                place.grain,
                middle - half,
                middle + half,
            ),
        });
        Rc::clone(begins)
    }
}

fn instant(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap()
}

/// What the clock reads, in microseconds as if that were UTC.
fn reading(tz: &TimeZone, micros: i64) -> i64 {
    micros + i64::from(tz.to_offset(instant(micros)).seconds()) * 1_000_000
}

/// Every instant at which the clock may read a multiple or change is tried.
fn by_clock(
    tz: &TimeZone,
    length: i64,
    origin: Option<i64>,
    grain: i64,
    from: i64,
    to: i64,
) -> Rc<[i64]> {
    let anchor = origin.map_or(0, |origin| reading(tz, origin));
    let step = gcd(length, grain);
    let mut tried: Vec<i64> = Vec::new();
    let mut multiple = from - (from - anchor).rem_euclid(step);
    while multiple <= to {
        tried.push(multiple);
        multiple += step;
    }
    let mut change = from - from.rem_euclid(grain);
    while change <= to {
        tried.push(change);
        change += grain;
    }
    tried.sort_unstable();
    tried.dedup();
    tried.retain(|&micros| {
        let now = reading(tz, micros) - anchor;
        let before = reading(tz, micros - 1) - anchor;
        now.rem_euclid(length) == 0 || now.div_euclid(length) != before.div_euclid(length)
    });
    tried.into()
}

/// Every date from 1895 to 2045 is tried.
fn by_calendar(tz: &TimeZone, count: i64, unit: &str, origin: Option<i64>) -> Rc<[i64]> {
    let anchor = match (origin, unit) {
        (Some(origin), _) => tz.to_datetime(instant(origin)),
        (None, "w") => date(1970, 1, 5).at(0, 0, 0, 0),
        (None, _) => date(1970, 1, 1).at(0, 0, 0, 0),
    };
    let mut begins = Vec::new();
    for direction in [-1, 1] {
        for n in 0.. {
            let n = direction * n * count;
            let span = match unit {
                "d" => n.days(),
                "w" => n.weeks(),
                "mo" => n.months(),
                _ => n.years(),
            };
            let civil: DateTime = anchor + span;
            if !(1895..2045).contains(&civil.year()) {
                break;
            }
            begins.push(
                civil
                    .to_zoned(tz.clone())
                    .unwrap()
                    .timestamp()
                    .as_microsecond(),
            );
        }
    }
    begins.sort_unstable();
    begins.dedup();
    begins.into()
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
