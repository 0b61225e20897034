//! What entering points costs, in the index alone, and reading and aggregating a
//! series, through an open database.
//! `FORMDB_BENCH_LARGE=1` adds 10 million points.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark stops at the first surprise, and criterion's macro writes no docs"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use formdb_engine::fs::RealFileSystem;
use formdb_engine::temporal::SharedSeries;
use formdb_engine::{
    Aggregate, Aggregation, Cancel, Database, Fill, Limits, Order, RangeQuery, Selection,
    SummaryQuery, ValueFilter, Zone,
};

/// Seconds between points: 10,080 a week.
const MINUTE: i64 = 60_000_000;
const WEEK: i64 = 7 * 24 * 60 * MINUTE;
const BATCH: i64 = 10_000;

fn sizes() -> Vec<i64> {
    let mut sizes = vec![10_080, 1_000_000];
    if std::env::var_os("FORMDB_BENCH_LARGE").is_some() {
        sizes.push(10_000_000);
    }
    sizes
}

/// The value of point `n`.
fn value(n: i64) -> f64 {
    (n * 7_919 % 1_000) as f64 / 10.0
}

fn write(database: &Database, numbers: impl Iterator<Item = i64>) {
    let numbers: Vec<i64> = numbers.collect();
    let timestamps: Vec<String> = numbers.iter().map(|n| (n * MINUTE).to_string()).collect();
    let values: Vec<String> = numbers.iter().map(|&n| value(n).to_string()).collect();
    let text = format!(
        "{{\"series_id\":\"s\",\"timestamps\":[{}],\"values\":[{}]}}",
        timestamps.join(","),
        values.join(",")
    );
    let points = database.prepare_points(text.as_bytes()).unwrap();
    database.write(points.operations).unwrap();
}

/// A database with one series of `n` points, a minute apart.
fn filled(n: i64) -> (tempfile::TempDir, Database) {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("bench");
    // Answers are to be worked out.
    let limits = Limits {
        query_cache_bytes: 0,
        ..Limits::default()
    };
    let database = Database::open(Arc::new(RealFileSystem), &dir, limits).unwrap();
    for from in (0..n).step_by(BATCH as usize) {
        write(&database, from..n.min(from + BATCH));
    }
    assert_eq!(
        database
            .summary(
                "s",
                &SummaryQuery::default(),
                &database.budget(Cancel::default())
            )
            .unwrap()
            .count,
        n as u64
    );
    (tmp, database)
}

fn settings<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500));
    group
}

fn inserts(c: &mut Criterion) {
    let mut group = settings(c, "insert");
    group.sample_size(10);
    for n in sizes() {
        let in_order: Vec<i64> = (0..n).collect();
        // 7,919 is prime: each number once.
        let shuffled: Vec<i64> = (0..n).map(|i| i * 7_919 % n).collect();
        let values: Vec<f64> = (0..n).map(value).collect();
        group.throughput(Throughput::Elements(n as u64));
        for (name, timestamps, batch) in [
            ("in order, batches of 1,000", &in_order, 1_000),
            ("in order, one by one", &in_order, 1),
            ("shuffled, batches of 1,000", &shuffled, 1_000),
            ("shuffled, one by one", &shuffled, 1),
        ] {
            let enter = |series: SharedSeries| {
                let batches = timestamps.chunks(batch).zip(values.chunks(batch));
                for ((timestamps, values), seq) in batches.zip(1..) {
                    series.insert(timestamps, values, seq, 8_192);
                }
                series
            };
            let summary = enter(SharedSeries::default())
                .read()
                .summary(u64::MAX)
                .unwrap();
            assert_eq!(
                (summary.points, summary.first, summary.last),
                (n as u64, 0, n - 1)
            );
            group.bench_function(BenchmarkId::new(name, n), |b| {
                b.iter_batched(SharedSeries::default, enter, BatchSize::PerIteration);
            });
        }
    }
    group.finish();
}

fn ranges(c: &mut Criterion) {
    let mut group = settings(c, "range");
    for n in sizes() {
        let (_tmp, database) = filled(n);
        for count in [60, 1_440, 10_000] {
            let mut from = 0;
            let mut next = || {
                from = (from + 7_919) % (n - count + 1);
                RangeQuery {
                    series: "s",
                    start: from * MINUTE,
                    end: (from + count) * MINUTE,
                    values: None,
                    order: Order::Ascending,
                    limit: 100_000,
                    cursor: None,
                    as_of: None,
                }
            };
            let page = database
                .range(&next(), &database.budget(Cancel::default()))
                .unwrap();
            assert_eq!(page.points.len() as i64, count);
            let columns = database
                .range_columns(&next(), &database.budget(Cancel::default()))
                .unwrap();
            assert_eq!(columns.len() as i64, count);
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::new(format!("{count} points"), n), |b| {
                b.iter(|| {
                    black_box(
                        database
                            .range(&next(), &database.budget(Cancel::default()))
                            .unwrap(),
                    )
                });
            });
            group.bench_function(BenchmarkId::new(format!("{count} as columns"), n), |b| {
                b.iter(|| {
                    black_box(
                        database
                            .range_columns(&next(), &database.budget(Cancel::default()))
                            .unwrap()
                            .to_bytes(),
                    )
                });
            });
            group.bench_function(BenchmarkId::new(format!("{count} as JSON"), n), |b| {
                b.iter(|| {
                    black_box(
                        database
                            .range(&next(), &database.budget(Cancel::default()))
                            .unwrap()
                            .to_json(&Zone::default()),
                    )
                });
            });
        }
    }
    group.finish();
}

fn aggregates(c: &mut Criterion) {
    let mut group = settings(c, "aggregate");
    for n in sizes() {
        let (_tmp, database) = filled(n);
        for name in ["count", "avg", "max", "stddev", "p95", "rate"] {
            let aggregation: Aggregation = name.parse().unwrap();
            let mut from = 0;
            let mut next = || {
                from = (from + 7_919 * MINUTE) % (n * MINUTE - WEEK + 1);
                Aggregate {
                    start: Some(from),
                    end: Some(from + WEEK),
                    ..Aggregate::new(Selection::One("s"), aggregation)
                }
            };
            if name == "avg" {
                let query = next();
                let first = (query.start.unwrap() + MINUTE - 1) / MINUTE;
                let sum: f64 = (first..first + 10_080).map(|n| value(n) * 10.0).sum();
                let found = database
                    .aggregate(&query, &database.budget(Cancel::default()))
                    .unwrap()
                    .series[0]
                    .buckets[0];
                assert!((found.value.unwrap() - sum / 100_800.0).abs() < 1e-9);
            }
            group.bench_function(BenchmarkId::new(format!("week, {name}"), n), |b| {
                b.iter(|| {
                    black_box(
                        database
                            .aggregate(&next(), &database.budget(Cancel::default()))
                            .unwrap(),
                    )
                });
            });
        }
        for (interval, zone, fill) in [
            ("5m", "UTC", Fill::None),
            ("1h", "UTC", Fill::None),
            ("1h", "Europe/Berlin", Fill::Linear),
            ("1d", "Europe/Berlin", Fill::None),
        ] {
            let query = Aggregate {
                start: Some(0),
                end: Some(WEEK),
                interval: Some(interval.parse().unwrap()),
                zone: Zone::parse(zone).unwrap(),
                fill,
                ..Aggregate::new(Selection::One("s"), Aggregation::Avg)
            };
            let name = format!("week by {interval} in {zone}, avg");
            group.bench_function(BenchmarkId::new(name, n), |b| {
                b.iter(|| {
                    black_box(
                        database
                            .aggregate(&query, &database.budget(Cancel::default()))
                            .unwrap(),
                    )
                });
            });
            let page = database
                .aggregate(&query, &database.budget(Cancel::default()))
                .unwrap();
            let name = format!("week by {interval} in {zone}, its JSON");
            group.bench_function(BenchmarkId::new(name, n), |b| {
                b.iter(|| black_box(page.to_json(&Zone::default())))
            });
        }
        group.bench_function(BenchmarkId::new("summary of all", n), |b| {
            b.iter(|| {
                black_box(
                    database
                        .summary(
                            "s",
                            &SummaryQuery::default(),
                            &database.budget(Cancel::default()),
                        )
                        .unwrap(),
                )
            });
        });
    }
    group.finish();
}

/// Questions about all points of a series.
fn questions(c: &mut Criterion) {
    let mut group = settings(c, "whole series");
    group.sample_size(10);
    for n in sizes() {
        let (_tmp, database) = filled(n);
        let by = |aggregations: &str, interval: Option<&str>| Aggregate {
            aggregations: Aggregation::parse_list(aggregations).unwrap(),
            interval: interval.map(|text| text.parse().unwrap()),
            ..Aggregate::new(Selection::One("s"), Aggregation::Count)
        };
        let length = |text: &str| Some(text.parse().unwrap());
        let value = |text: &str| Some(ValueFilter::parse(&[text]).unwrap());
        let questions = [
            ("avg by 6h", by("avg", Some("6h"))),
            ("avg, max, count by 6h", by("avg,max,count", Some("6h"))),
            ("avg, p95 by 6h", by("avg,p95", Some("6h"))),
            (
                "count by 6h of half the values",
                Aggregate {
                    values: value("gte:50"),
                    ..by("count", Some("6h"))
                },
            ),
            (
                "count of none of the values",
                Aggregate {
                    values: value("gt:1e9"),
                    ..by("count", None)
                },
            ),
            (
                "avg by 6h over 48h",
                Aggregate {
                    window: length("48h"),
                    ..by("avg", Some("6h"))
                },
            ),
            (
                "avg, max by 1d over 365d",
                Aggregate {
                    window: length("365d"),
                    ..by("avg,max", Some("1d"))
                },
            ),
            (
                "median by 1d over 8d",
                Aggregate {
                    window: length("8d"),
                    ..by("median", Some("1d"))
                },
            ),
            (
                "avg by hour of day",
                Aggregate {
                    group_by: Some("hour_of_day".parse().unwrap()),
                    zone: Zone::parse("Europe/Berlin").unwrap(),
                    ..by("avg", None)
                },
            ),
            (
                "coverage of minutes by 1d",
                Aggregate {
                    expected: length("1m"),
                    ..by("coverage", Some("1d"))
                },
            ),
        ];
        for (name, query) in questions {
            group.bench_function(BenchmarkId::new(name, n), |b| {
                b.iter(|| {
                    let budget = database.budget(Cancel::default());
                    black_box(database.aggregate(&query, &budget).unwrap())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, inserts, ranges, aggregates, questions);
criterion_main!(benches);
