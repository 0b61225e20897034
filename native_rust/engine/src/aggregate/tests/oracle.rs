//! Aggregates the plain way: a list of points, a list of the instants at which
//! buckets begin, and for each bucket the list of its points.

use std::collections::HashMap;
use std::rc::Rc;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::ToPrimitive;

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::aggregate::columns::Bucket;
use crate::aggregate::{Aggregate, Aggregation, Fill, GroupBy};
use crate::index::Order;
use crate::types::FIRST_TIMESTAMP;

/// An origin that questions use: 2020-02-29T05:37:00.000250Z.
pub(super) const ORIGIN: i64 = 1_582_954_620_000_250;

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
        let mut end_seq = 0;
        for row in &mut self.0 {
            let meant = row.0 >= start && row.0 < end && only.is_none_or(|only| only == row.1);
            if meant && row.3 == u64::MAX {
                row.3 = seq;
                end_seq += 1;
            }
        }
        end_seq
    }

    /// The rows of an answer: a bucket's begin, or a group's number, and a value for each
    /// aggregation.
    pub(super) fn rows(
        &self,
        query: &Aggregate<'_>,
        at: u64,
        lengths: Lengths,
        begins: &mut Begins<'_>,
    ) -> Vec<(i64, Vec<Option<f64>>)> {
        let one = |aggregation: Aggregation, begins: &mut Begins<'_>| -> Vec<Bucket> {
            let query = Aggregate {
                aggregations: vec![aggregation],
                ..query.clone()
            };
            match query.group_by {
                Some(by) => self.groups(&query, by, at, begins.zone),
                None => self.answer(&query, at, lengths, begins),
            }
        };
        let columns: Vec<Vec<Bucket>> = query
            .aggregations
            .iter()
            .map(|&aggregation| one(aggregation, begins))
            .collect();
        let mut keys: Vec<i64> = columns.iter().flatten().map(|b| b.timestamp).collect();
        keys.sort_unstable();
        keys.dedup();
        if query.order == Order::Descending {
            keys.reverse();
        }
        let columns: Vec<HashMap<i64, Option<f64>>> = columns
            .into_iter()
            .map(|column| column.into_iter().map(|b| (b.timestamp, b.value)).collect())
            .collect();
        let value = |column: &HashMap<i64, Option<f64>>, key| column.get(&key).copied().flatten();
        let row = |key| (key, columns.iter().map(|c| value(c, key)).collect());
        keys.into_iter().map(row).collect()
    }

    /// Points that are visible and count, in order.
    fn points(&self, query: &Aggregate<'_>, at: u64) -> Vec<(i64, f64)> {
        let values = query.values.as_ref();
        let taken = |value| values.is_none_or(|values| values.takes(value));
        let visible = |row: &&Row| row.1 <= at && at < row.3 && taken(row.2);
        let mut rows: Vec<Row> = self.0.iter().filter(visible).copied().collect();
        rows.sort_by_key(|row| row.0);
        rows.iter().map(|row| (row.0, row.2)).collect()
    }

    fn groups(&self, query: &Aggregate<'_>, by: GroupBy, at: u64, zone: &str) -> Vec<Bucket> {
        let tz = TimeZone::get(zone).unwrap();
        let numbers = match by {
            GroupBy::HourOfDay => 0..=23_i64,
            GroupBy::DayOfWeek => 1..=7,
            GroupBy::Month => 1..=12,
        };
        let range = query.start.unwrap_or(i64::MIN)..query.end.unwrap_or(i64::MAX);
        let mut groups: Vec<(i64, Vec<(i64, f64)>)> = numbers.map(|n| (n, Vec::new())).collect();
        for point in self.points(query, at) {
            let clock = civil(&tz, point.0);
            let number = match by {
                GroupBy::HourOfDay => i64::from(clock.hour()),
                GroupBy::DayOfWeek => i64::from(clock.date().weekday().to_monday_one_offset()),
                GroupBy::Month => i64::from(clock.month()),
            };
            if range.contains(&point.0) {
                let group = groups.iter_mut().find(|group| group.0 == number);
                group.unwrap().1.push(point);
            }
        }
        let row = |(number, points): (i64, Vec<(i64, f64)>)| Bucket {
            timestamp: number,
            value: value_or_zero(query, &points),
        };
        groups.into_iter().map(row).collect()
    }

    fn answer(
        &self,
        query: &Aggregate<'_>,
        at: u64,
        lengths: Lengths,
        begins: &mut Begins<'_>,
    ) -> Vec<Bucket> {
        let aggregation = query.aggregations[0];
        let (start, end) = (
            query.start.unwrap_or(i64::MIN),
            query.end.unwrap_or(i64::MAX),
        );
        let all = self.points(query, at);
        let inside = |point: &&(i64, f64)| point.0 >= start && point.0 < end;
        let points: Vec<(i64, f64)> = all.iter().filter(inside).copied().collect();
        let Some(interval) = lengths.interval else {
            // One bucket, whatever is in it.
            let timestamp = query.start.or(points.first().map(|p| p.0)).or(query.end);
            let value = match (aggregation, points.first(), points.last()) {
                (Aggregation::Coverage, Some(first), Some(last)) => {
                    let begin = query.start.unwrap_or(first.0);
                    let span = (begin, query.end.unwrap_or(last.0 + 1));
                    Some(coverage(&points, span, lengths, begins))
                }
                _ => value_or_zero(query, &points),
            };
            return Vec::from_iter(timestamp.map(|timestamp| Bucket { timestamp, value }));
        };
        // From where to where buckets are wanted, empty ones too: those of all points, which a
        // condition on values does not change.
        let every = self.points(
            &Aggregate {
                values: query.values.clone().filter(|_| query.fill == Fill::None),
                ..query.clone()
            },
            at,
        );
        let within: Vec<&(i64, f64)> = every.iter().filter(inside).collect();
        let first = query.start.or(within.first().map(|p| p.0));
        let last_point = match lengths.window {
            None => within.last().copied(),
            Some(_) => every.last(),
        };
        let last = query.end.map(|end| end - 1).or(last_point.map(|p| p.0));
        let (Some(first), Some(last)) = (first, last) else {
            return Vec::new();
        };
        if first > last {
            return Vec::new();
        }
        let mut starts = vec![begins.around(interval, first).0];
        while let end = begins.around(interval, starts[starts.len() - 1]).1
            && end <= last
        {
            starts.push(end);
        }
        let mut buckets: Vec<(i64, Vec<(i64, f64)>)> = starts
            .into_iter()
            .map(|begin| (begin, Vec::new()))
            .collect();
        // What each bucket is made of; where an end of the range is open it is that of the
        // points.
        let mut spans = HashMap::new();
        for (begin, held) in &mut buckets {
            let ends = begins.around(interval, *begin).1;
            let mut span = match lengths.window {
                Some(window) => (begins.before(interval, window, ends), end.min(ends)),
                None => (start.max(*begin), end.min(ends)),
            };
            let inside = |point: &&(i64, f64)| (span.0..span.1).contains(&point.0);
            held.extend(all.iter().filter(inside));
            if let (None, Some(first), Some(last)) = (lengths.window, within.first(), within.last())
            {
                span.0 = if query.start.is_none() {
                    span.0.max(first.0)
                } else {
                    span.0
                };
                span.1 = if query.end.is_none() {
                    span.1.min(last.0 + 1)
                } else {
                    span.1
                };
            }
            spans.insert(*begin, span);
        }
        if query.fill == Fill::None {
            buckets.retain(|(_, points)| !points.is_empty());
        }
        // What the points before the range make, bucket by bucket, the last first.
        let before = (query.fill == Fill::Previous && !counts(aggregation)).then(|| {
            let mut early: Vec<_> = all.iter().filter(|p| p.0 < start).copied().collect();
            while let Some(&(last, _)) = early.last() {
                let begin = begins.around(interval, last).0;
                let bucket = early.split_off(early.partition_point(|p| p.0 < begin));
                if let Some(value) = value(aggregation, &bucket) {
                    return Some(value);
                }
            }
            None
        });
        let mut answer: Vec<Bucket> = Vec::new();
        for (timestamp, points) in buckets {
            let value = match aggregation {
                Aggregation::Coverage if points.is_empty() => None,
                Aggregation::Coverage => {
                    Some(coverage(&points, spans[&timestamp], lengths, begins))
                }
                aggregation => value(aggregation, &points),
            };
            answer.push(Bucket { timestamp, value });
        }
        if query.fill == Fill::None {
            answer.retain(|bucket| bucket.value.is_some());
        }
        let filled: Vec<Option<f64>> = (0..answer.len())
            .map(|place| {
                answer[place]
                    .value
                    .or_else(|| fill(&answer, place, query, before.flatten()))
            })
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

fn counts(aggregation: Aggregation) -> bool {
    matches!(aggregation, Aggregation::Count | Aggregation::Coverage)
}

/// Slots with a point, of all that touch a span.
fn coverage(
    points: &[(i64, f64)],
    (from, to): (i64, i64),
    lengths: Lengths,
    begins: &mut Begins<'_>,
) -> f64 {
    let slot = lengths.expected.unwrap();
    let mut held: Vec<i64> = points.iter().map(|p| begins.around(slot, p.0).0).collect();
    held.dedup();
    let mut all = 0;
    let mut next = from;
    while next < to {
        all += 1;
        next = begins.around(slot, next).1;
    }
    held.len() as f64 / f64::from(all)
}

fn value_or_zero(query: &Aggregate<'_>, points: &[(i64, f64)]) -> Option<f64> {
    let aggregation = query.aggregations[0];
    let zero = counts(aggregation).then_some(0.0);
    match aggregation {
        Aggregation::Coverage => zero,
        aggregation => value(aggregation, points).or(zero),
    }
}

fn fill(
    buckets: &[Bucket],
    place: usize,
    query: &Aggregate<'_>,
    earlier: Option<f64>,
) -> Option<f64> {
    if counts(query.aggregations[0]) {
        return Some(0.0);
    }
    let before = buckets[..place].iter().rev().find(|b| b.value.is_some());
    let after = buckets[place..].iter().find(|b| b.value.is_some());
    match query.fill {
        Fill::None | Fill::Null => None,
        Fill::Previous => before.map_or(earlier, |before| before.value),
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
        Aggregation::Coverage => unreachable!("it is not of points alone"),
    })
}

/// Zone, interval, origin, and where it is asked about.
type Key = (String, String, Option<i64>, i64);

/// Begins of buckets of the calendar, by trying dates one after the other.
pub(super) type Known = HashMap<Key, Rc<[i64]>>;

/// Lengths of time that a question has, as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    pub interval: Option<&'static str>,
    pub window: Option<&'static str>,
    pub expected: Option<&'static str>,
}

/// Count and unit.
fn parts(length: &str) -> (i64, &str) {
    let digits = length.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    (digits.parse().unwrap(), &length[digits.len()..])
}

/// Where buckets begin.
pub(super) struct Begins<'k> {
    pub zone: &'k str,
    pub origin: Option<i64>,
    /// Where it is asked about.
    pub centre: i64,
    pub known: &'k mut Known,
}

impl Begins<'_> {
    /// Where the window begins that ends at an instant.
    fn before(&self, interval: &str, window: &str, end: i64) -> i64 {
        let by_clock = matches!(parts(interval).1, "ms" | "s" | "m" | "h");
        let (count, unit) = parts(window);
        let day = 86_400_000_000;
        let micros = match unit {
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" if by_clock => day,
            "w" if by_clock => 7 * day,
            _ => 0,
        };
        if micros > 0 {
            return end - count * micros;
        }
        let tz = TimeZone::get(self.zone).unwrap();
        let span = match unit {
            "d" => count.days(),
            "w" => count.weeks(),
            "mo" => count.months(),
            _ => count.years(),
        };
        let earlier = civil(&tz, end).checked_sub(span).unwrap();
        earlier.to_zoned(tz).unwrap().timestamp().as_microsecond()
    }

    /// The begin of the bucket that an instant lies in, and of the next.
    fn around(&mut self, interval: &str, instant: i64) -> (i64, i64) {
        let digits = interval.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let count: i64 = digits.parse().unwrap();
        let unit = &interval[digits.len()..];
        let tz = TimeZone::get(self.zone).unwrap();
        let unit_length = match unit {
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            _ => 0,
        };
        if unit_length > 0 {
            let midnight = date(1970, 1, 1).at(0, 0, 0, 0).to_zoned(tz).unwrap();
            let midnight = midnight.timestamp().as_microsecond();
            let length = count * unit_length;
            let anchor = self.origin.unwrap_or(midnight);
            let number = (instant - anchor).div_euclid(length);
            let begin = anchor + number * length;
            return (begin.max(FIRST_TIMESTAMP), begin + length);
        }
        let (zone, interval) = (self.zone.to_owned(), interval.to_owned());
        let key = (zone, interval, self.origin, self.centre);
        let begins = self
            .known
            .entry(key)
            .or_insert_with(|| by_calendar(&tz, (count, unit), self.origin, self.centre));
        let next = begins.partition_point(|&begin| begin <= instant);
        (begins[next - 1], begins[next])
    }
}

fn instant(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap()
}

/// What calendar and clock show, in the years -9999 to 9999.
fn civil(tz: &TimeZone, micros: i64) -> DateTime {
    match tz == &TimeZone::UTC {
        // The library has no time zones for the first and the last day.
        true => EPOCH + SignedDuration::from_micros(micros),
        false => tz.to_datetime(instant(micros)),
    }
}

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// Every date of some years about an instant is tried.
fn by_calendar(
    tz: &TimeZone,
    (count, unit): (i64, &str),
    origin: Option<i64>,
    centre: i64,
) -> Rc<[i64]> {
    let anchor = match (origin, unit) {
        (Some(origin), _) => civil(tz, origin),
        (None, "w") => date(1970, 1, 5).at(0, 0, 0, 0),
        (None, _) => EPOCH,
    };
    let years = i64::from(civil(tz, centre).year());
    let length = match unit {
        "d" => 1.0,
        "w" => 7.0,
        "mo" => 30.436_875,
        _ => 365.242_5,
    };
    let middle = (years - i64::from(anchor.year())) as f64 * 365.242_5 / length;
    let middle = middle as i64 / count;
    let mut begins = Vec::new();
    for direction in [-1, 1] {
        for n in 0.. {
            let n = (middle + direction * n) * count;
            let span = match unit {
                "d" => n.days(),
                "w" => n.weeks(),
                "mo" => n.months(),
                _ => n.years(),
            };
            let Ok(civil) = anchor.checked_add(span) else {
                begins.push(if direction < 0 {
                    FIRST_TIMESTAMP
                } else {
                    i64::MAX
                });
                break;
            };
            if i64::from(civil.year()).abs_diff(years) > 8 {
                break;
            }
            begins.push(match tz == &TimeZone::UTC {
                true => civil.duration_since(EPOCH).as_micros() as i64,
                false => civil
                    .to_zoned(tz.clone())
                    .unwrap()
                    .timestamp()
                    .as_microsecond(),
            });
        }
    }
    begins.sort_unstable();
    begins.dedup();
    begins.into()
}
