//! What a question costs does not grow with what is not asked for: lists, counts and
//! descriptions at two sizes, one many times the other.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::BoundingBox;
use formdb_engine::{
    Aggregate, Aggregation, Area, BlockFilter, Budget, Cancel, Database, EntryQuery, Filter, Grid,
    Heatmap, Limits, Order, Predicate, RangeQuery, Search, Selection, SeriesListQuery, SeriesNames,
    SeriesProvenanceQuery, SummaryQuery, Undo, leaf_hash,
};

/// Features and series at first, and how many times as many in the end.
const FEW: usize = 2_000;
const TIMES: usize = 32;

/// Times of what may cost that much more, with 32 times as many.
const NO_MORE_THAN: u32 = 6;

fn features(db: &Database, from: usize, to: usize) {
    for first in (from..to).step_by(2_000) {
        let features: Vec<String> = (first..(first + 2_000).min(to))
            .map(|n| {
                let (lon, lat) = (n * 7_919 % 3_600, n * 104_729 % 1_700);
                format!(
                    r#"{{"type":"Feature","id":"f{n}","geometry":{{"type":"Point","coordinates":[{},{}]}},"properties":{{"n":{n}}}}}"#,
                    lon as f64 / 10.0 - 180.0,
                    lat as f64 / 10.0 - 85.0
                )
            })
            .collect();
        let text = features.join(",");
        let text = format!(r#"{{"type":"FeatureCollection","features":[{text}]}}"#);
        let prepared = db.prepare_features(text.as_bytes()).unwrap();
        db.write(prepared.operations).unwrap();
    }
}

fn series(db: &Database, from: usize, to: usize) {
    for first in (from..to).step_by(2_000) {
        let points: Vec<String> = (first..(first + 2_000).min(to))
            .map(|n| {
                format!(
                    r#"{{"series_id":"s{n:07}","timestamp":"2024-01-01T00:00:00Z","value":{n}}}"#
                )
            })
            .collect();
        let text = format!(r#"{{"points":[{}]}}"#, points.join(","));
        let prepared = db.prepare_points(text.as_bytes()).unwrap();
        db.write(prepared.operations).unwrap();
    }
}

fn list(filters: Vec<Filter>, as_of: Option<u64>) -> Search {
    Search {
        area: Area::Everything,
        predicate: Predicate::Intersects,
        filters,
        limit: 50,
        cursor: None,
        as_of,
    }
}

/// The shortest of some times.
fn least(mut ask: impl FnMut()) -> Duration {
    let times = (0..15).map(|_| {
        let begun = Instant::now();
        ask();
        begun.elapsed()
    });
    times.min().unwrap()
}

type Ask = Box<dyn Fn(&Database, &Budget)>;

/// A database that is filled at two sizes, in a folder of its own.
struct World {
    db: Database,
    limits: Limits,
    dir: tempfile::TempDir,
}

impl World {
    /// An empty one that keeps no answers.
    fn new(limits: Limits) -> Self {
        let limits = Limits {
            query_cache_bytes: 0,
            ..limits
        };
        let dir = tempfile::tempdir().unwrap();
        let db = open(&dir, &limits);
        Self { db, limits, dir }
    }

    /// Closes it and opens it from its snapshot.
    fn open_again(&mut self) {
        self.db.close();
        self.db = open(&self.dir, &self.limits);
        assert!(self.db.recovered().snapshot.is_some());
    }
}

fn open(dir: &tempfile::TempDir, limits: &Limits) -> Database {
    let path = dir.path().join("db");
    Database::open(Arc::new(RealFileSystem), &path, limits.clone()).unwrap()
}

/// Has `fill` make a world of `few` and then of [`TIMES`] as many, asks each time what it says,
/// and panics where that takes more than [`NO_MORE_THAN`] times as long as at first, or as
/// `short`, which is long enough to tell.
fn compare(
    mut world: World,
    few: usize,
    short: Duration,
    fill: impl Fn(&mut World, usize, usize) -> Vec<(String, Ask)>,
) {
    let mut before: Vec<Duration> = Vec::new();
    for (from, to) in [(0, few), (few, few * TIMES)] {
        let asked = fill(&mut world, from, to);
        let budget = world.db.budget(Cancel::default());
        let times = asked
            .iter()
            .map(|(_, ask)| least(|| ask(&world.db, &budget)));
        let times: Vec<Duration> = times.collect();
        for ((name, _), (few, many)) in asked.iter().zip(before.iter().zip(&times)) {
            println!("growth: {name}: {few:?}, {many:?}");
            let most = (*few).max(short) * NO_MORE_THAN;
            assert!(*many < most, "{name}: {few:?} grew to {many:?}");
        }
        before = times;
    }
    // Everything was worked out each time.
    assert_eq!(world.db.info().unwrap().query_cache.hits, 0);
    world.db.close();
}

fn named(questions: Vec<(&str, Ask)>) -> Vec<(String, Ask)> {
    let questions = questions.into_iter();
    questions
        .map(|(name, ask)| (name.to_owned(), ask))
        .collect()
}

/// Long enough to tell of what costs next to nothing.
const SHORT: Duration = Duration::from_micros(20);

/// Every question, by name.
fn questions(size: usize) -> Vec<(String, Ask)> {
    let search = |search: Search, found: usize| -> Ask {
        Box::new(move |db, budget| {
            let page = db.search(&search, budget).unwrap();
            assert_eq!(page.returned, found);
        })
    };
    let all = size as u64;
    // Before those of the second size there are the series of the first.
    let last = all + if size > FEW { FEW as u64 } else { 0 };
    let questions: Vec<(&str, Ask)> = vec![
        ("the first page of all", search(list(Vec::new(), None), 50)),
        (
            "the first page as of early",
            search(list(Vec::new(), Some(1_000)), 50),
        ),
        (
            "a page of what was written last",
            search(
                list(
                    vec![Filter::parse("seq", &format!("gt:{}", last - 10)).unwrap()],
                    None,
                ),
                10,
            ),
        ),
        (
            "a later page",
            Box::new(|db, budget| {
                let first = db.search(&list(Vec::new(), None), budget).unwrap();
                let later = Search {
                    cursor: first.next,
                    ..list(Vec::new(), None)
                };
                assert_eq!(db.search(&later, budget).unwrap().returned, 50);
            }),
        ),
        (
            "how many there are",
            Box::new(move |db, budget| {
                let count = db.count(&list(Vec::new(), None), budget).unwrap();
                assert_eq!(count.0, all);
            }),
        ),
        (
            "how many there were",
            Box::new(|db, budget| {
                let count = db.count(&list(Vec::new(), Some(1_000)), budget);
                // Of the transaction that block is in.
                assert_eq!(count.unwrap().0, FEW as u64);
            }),
        ),
        (
            "the description",
            Box::new(move |db, budget| {
                let schema = db.schema(None, budget).unwrap();
                let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
                assert_eq!(schema["series"]["points"], all);
            }),
        ),
        (
            "a page of series",
            Box::new(move |db, budget| {
                let after = format!("s{:07}", all / 2);
                let query = SeriesListQuery {
                    prefix: &after[..5],
                    filters: &[],
                    limit: 20,
                    cursor: None,
                    as_of: None,
                };
                assert_eq!(db.series_list(&query, budget).unwrap().series.len(), 20);
            }),
        ),
    ];
    named(questions)
}

#[test]
fn questions_cost_the_same_however_much_there_is() {
    let limits = Limits {
        snapshot_bytes: 0,
        ..Limits::default()
    };
    compare(World::new(limits), FEW, SHORT, |world, from, to| {
        features(&world.db, from, to);
        series(&world.db, from, to);
        questions(to)
    });
}

/// Features with these numbers, each in a place of its own.
fn scattered(db: &Database, numbers: impl Iterator<Item = usize>, seed: u64) {
    let features: Vec<String> = numbers
        .map(|n| {
            let mixed = (n as u64 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let [x, y] = [mixed >> 32, mixed & 0xffff_ffff].map(|bits| bits as f64 / (1_u64 << 32) as f64);
            format!(
                r#"{{"type":"Feature","id":"f{n}","geometry":{{"type":"Point","coordinates":[{},{}]}},"properties":{{}}}}"#,
                x * 359.8 - 179.9,
                y * 170.0 - 85.0
            )
        })
        .collect();
    let text = features.join(",");
    let text = format!(r#"{{"type":"FeatureCollection","features":[{text}]}}"#);
    let prepared = db.prepare_features(text.as_bytes()).unwrap();
    db.write(prepared.operations).unwrap();
}

/// Writes features, and then has every tenth of all move. Returns the sequence before that.
fn scatter(db: &Database, from: usize, to: usize) -> u64 {
    for first in (from..to).step_by(2_000) {
        scattered(db, first..(first + 2_000).min(to), 0);
    }
    let before = db.info().unwrap().seq;
    for first in (0..to).step_by(20_000) {
        scattered(db, (first..(first + 20_000).min(to)).step_by(10), 1 << 40);
    }
    before
}

/// Questions for everything by place, now and as of sequences at which so many features were
/// there: by name.
fn questions_by_place(states: &[(&'static str, Option<u64>, usize)]) -> Vec<(String, Ask)> {
    let world = BoundingBox::new(-179.95, -89.0, 179.95, 89.0).unwrap();
    let quarter = BoundingBox::new(-97.3, -47.9, 83.1, 41.7).unwrap();
    let mut questions: Vec<(String, Ask)> = Vec::new();
    for &(when, as_of, there) in states {
        for (name, bbox) in [("everything", world), ("a quarter", quarter)] {
            let search = Search {
                area: Area::Box(bbox),
                ..list(Vec::new(), as_of)
            };
            questions.push((
                format!("how many in a box of {name}, {when}"),
                Box::new(move |db, budget| {
                    let count = db.count(&search, budget).unwrap().0 as usize;
                    match name {
                        "everything" => assert_eq!(count, there),
                        _ => assert!((there / 6..there / 2).contains(&count), "{count}"),
                    }
                }),
            ));
        }
        for (name, grid) in [
            (
                "cells of 20 degrees",
                Grid::Degrees {
                    lon: 20.0,
                    lat: 20.0,
                },
            ),
            ("tiles", Grid::Tiles { zoom: 4 }),
        ] {
            let heatmap = Heatmap {
                bbox: world,
                grid,
                sum: None,
                filters: Vec::new(),
                as_of,
            };
            questions.push((
                format!("a heatmap of everything in {name}, {when}"),
                Box::new(move |db, budget| {
                    let page = db.heatmap(&heatmap, budget).unwrap();
                    let count: u64 = page.cells.iter().map(|cell| cell.count).sum();
                    assert_eq!(count as usize, there);
                }),
            ));
        }
    }
    questions
}

#[test]
fn what_is_and_was_where_costs_little_however_much_there_is() {
    // More at first than what is looked at rather than counted.
    const FEW: usize = 8_000;
    // Going through all of them takes ten times as long as six times this.
    const SHORT: Duration = Duration::from_micros(400);
    let limits = Limits {
        snapshot_bytes: 0,
        ..Limits::default()
    };
    compare(World::new(limits), FEW, SHORT, |world, from, to| {
        let near = scatter(&world.db, from, to);
        questions_by_place(&[
            ("now", None, to),
            ("as of before many moved", Some(near), to),
            ("as of early", Some(2_000), 2_000),
        ])
    });
}

/// Figures: what these questions take of `FEATURES`, a million without. Run with
/// `--release -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings"]
fn place_figures() {
    let count = std::env::var("FEATURES").map_or(1_000_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let limits = Limits {
        query_cache_bytes: 0,
        ..Limits::default()
    };
    let open = || Database::open(Arc::new(RealFileSystem), &path, limits.clone()).unwrap();
    let db = open();
    let begun = Instant::now();
    let near = scatter(&db, 0, count);
    println!("{count} features written in {:?}", begun.elapsed());
    let early = (count / 10) as u64;
    let states = [
        ("now", None, count),
        ("as of before many moved", Some(near), count),
        (
            "as of early",
            Some(early),
            (early as usize).next_multiple_of(2_000),
        ),
    ];
    let ask = |db: &Database| {
        let budget = db.budget(Cancel::default());
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        println!("pages of memory, all and resident: {pages}");
        for (name, ask) in questions_by_place(&states) {
            println!("{name}: {:?}", least(|| ask(db, &budget)));
        }
    };
    ask(&db);
    db.close();
    let begun = Instant::now();
    let db = open();
    println!("opened in {:?}", begun.elapsed());
    ask(&db);
    db.close();
}

/// Points of a series at first, and in each block.
const POINTS: usize = 40_000;
const BLOCK: i64 = 10_000;
/// Microseconds from each to the next.
const APART: i64 = 1_000;

/// Writes points of two series, one of which comes in an order that jumps about.
fn points(db: &Database, from: i64, to: i64) {
    let jumping = |n: i64| (n - from) * 7_919 % (to - from) + from;
    for first in (from..to).step_by(BLOCK as usize) {
        let numbers = first..first + BLOCK;
        for (id, numbers) in [
            ("in order", numbers.clone().collect::<Vec<i64>>()),
            ("jumping", numbers.map(jumping).collect()),
        ] {
            let values = numbers.iter().map(|n| (n % 1_000) as f64 / 8.0).collect();
            let times = numbers.iter().map(|n| n * APART).collect();
            let prepared = db.prepare_columns(id, times, values, None).unwrap();
            db.write(prepared.operations).unwrap();
        }
    }
}

/// Questions for all points of a series, by name.
fn questions_for_points(size: i64) -> Vec<(String, Ask)> {
    // Every second block is of the points in order, from the first on.
    let (first, blocks) = (POINTS as i64, 2 * (size / BLOCK) as u64);
    let (then, early) = (first / 2, Some((first / BLOCK) as u64));
    // How many points there were in order, and jumping.
    let now = ("now", None, size, size);
    let was_early = ("as of early", early, then, then);
    let near = ("as of near the end", Some(blocks - 1), size, size - BLOCK);
    let middle = ("as of the middle", Some(blocks / 2), size / 2, size / 2);
    let mut questions: Vec<(String, Ask)> = Vec::new();
    for id in ["in order", "jumping"] {
        for aggregation in [
            Aggregation::Count,
            Aggregation::Avg,
            Aggregation::Max,
            Aggregation::Stddev,
            Aggregation::Last,
        ] {
            questions.push((
                format!("{aggregation} of all points, {id}"),
                Box::new(move |db, budget| {
                    let query = Aggregate::new(Selection::One(id), aggregation);
                    let page = db.aggregate(&query, budget).unwrap();
                    let value = page.series[0].buckets[0].value.unwrap();
                    if aggregation == Aggregation::Count {
                        assert_eq!(value, size as f64);
                    }
                }),
            ));
        }
        questions.push((
            format!("means of all points in ten parts, {id}"),
            Box::new(move |db, budget| {
                let query = Aggregate {
                    interval: Some(format!("{}ms", size / 10).parse().unwrap()),
                    ..Aggregate::new(Selection::One(id), Aggregation::Avg)
                };
                let page = db.aggregate(&query, budget).unwrap();
                assert_eq!(page.series[0].buckets.len(), 10);
            }),
        ));
        questions.push((
            format!("a summary, {id}"),
            Box::new(move |db, budget| {
                let summary = db.summary(id, &SummaryQuery::default(), budget).unwrap();
                assert_eq!(summary.count, size as u64);
            }),
        ));
    }
    for (when, as_of, _, jumping) in [near, middle] {
        for aggregation in [Aggregation::Count, Aggregation::Avg] {
            questions.push((
                format!("{aggregation} of all points, jumping, {when}"),
                Box::new(move |db, budget| {
                    let query = Aggregate {
                        as_of,
                        ..Aggregate::new(Selection::One("jumping"), aggregation)
                    };
                    let page = db.aggregate(&query, budget).unwrap();
                    let value = page.series[0].buckets[0].value.unwrap();
                    if aggregation == Aggregation::Count {
                        assert_eq!(value, jumping as f64);
                    }
                }),
            ));
        }
    }
    for (when, as_of, in_order, jumping) in [now, was_early, near, middle] {
        questions.push((
            format!("the list of both series, {when}"),
            Box::new(move |db, budget| {
                let query = SeriesListQuery {
                    prefix: "",
                    filters: &[],
                    limit: 20,
                    cursor: None,
                    as_of,
                };
                let page = db.series_list(&query, budget).unwrap();
                let points = page.series.iter().map(|s| s.summary.unwrap().points as i64);
                assert!(points.eq([in_order, jumping]));
            }),
        ));
    }
    for (when, as_of, there, _) in [now, was_early, near] {
        questions.push((
            format!("means of all points in a hundred parts, in order, {when}"),
            Box::new(move |db, budget| {
                let query = Aggregate {
                    as_of,
                    interval: Some(format!("{}ms", there / 100).parse().unwrap()),
                    ..Aggregate::new(Selection::One("in order"), Aggregation::Avg)
                };
                let page = db.aggregate(&query, budget).unwrap();
                assert_eq!(page.series[0].buckets.len(), 100);
            }),
        ));
    }
    questions.push((
        "what wrote all points in order, a page of ten".into(),
        Box::new(move |db, budget| {
            let query = SeriesProvenanceQuery {
                series: "in order",
                start: 0,
                end: size * APART,
                since: 0,
                as_of: None,
                limit: 10,
            };
            let page = db.series_provenance(&query, budget).unwrap();
            assert_eq!(page.returned as i64, (size / BLOCK).min(10));
        }),
    ));
    questions.push((
        "a mean as of early".into(),
        Box::new(move |db, budget| {
            let query = Aggregate {
                as_of: early,
                ..Aggregate::new(Selection::One("in order"), Aggregation::Avg)
            };
            assert_eq!(db.aggregate(&query, budget).unwrap().series.len(), 1);
        }),
    ));
    questions.push((
        "a summary as of early".into(),
        Box::new(move |db, budget| {
            let query = SummaryQuery {
                as_of: early,
                ..SummaryQuery::default()
            };
            let summary = db.summary("in order", &query, budget).unwrap();
            assert_eq!(summary.count, then as u64);
        }),
    ));
    questions.push((
        "the last points as of early".into(),
        Box::new(move |db, budget| {
            let query = RangeQuery {
                series: "in order",
                start: 0,
                end: size * APART,
                values: None,
                order: Order::Descending,
                limit: 50,
                cursor: None,
                as_of: early,
            };
            let page = db.range(&query, budget).unwrap();
            assert_eq!(page.points[0].timestamp, (then - 1) * APART);
        }),
    ));
    questions
}

#[test]
fn what_all_points_come_to_costs_the_same_however_many_there_are() {
    let limits = Limits {
        snapshot_bytes: 0,
        ..Limits::default()
    };
    compare(World::new(limits), POINTS, SHORT, |world, from, to| {
        points(&world.db, from as i64, to as i64);
        questions_for_points(to as i64)
    });
}

/// Figures: what these questions take of two series of `POINTS` each, ten million without. Run
/// with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings"]
fn point_figures() {
    let count = std::env::var("POINTS").map_or(10_000_000, |text| text.parse().unwrap());
    let world = World::new(Limits::default());
    let begun = Instant::now();
    points(&world.db, 0, count);
    println!("{count} points written in {:?}", begun.elapsed());
    for (name, ask) in questions_for_points(count) {
        let budget = world.db.budget(Cancel::default());
        let times: Vec<Duration> = (0..3)
            .map(|_| {
                let begun = Instant::now();
                ask(&world.db, &budget);
                begun.elapsed()
            })
            .collect();
        let later = least(|| ask(&world.db, &budget));
        println!("{name}: {times:?} at first, {later:?}");
    }
    let resident = std::fs::read_to_string("/proc/self/statm").unwrap();
    println!("pages of memory, all and resident: {resident}");
    world.db.close();
}

/// Questions for what is rare in the journal, by name: one block of them is there.
fn rare_questions() -> Vec<(String, Ask)> {
    let page = |filter: BlockFilter, order: Order, found: usize| -> Ask {
        let query = EntryQuery {
            filter,
            order,
            ..EntryQuery::default()
        };
        // All pages.
        Box::new(move |db, budget| {
            let (mut query, mut returned) = (query.clone(), 0);
            loop {
                let page = db.entries(&query, budget).unwrap();
                returned += page.returned;
                match (page.next, query.order) {
                    (None, _) => break,
                    (Some(next), Order::Ascending) => query.since = next,
                    (Some(next), Order::Descending) => query.until = next,
                }
            }
            assert_eq!(returned, found);
        })
    };
    let of = |op: &str| BlockFilter {
        op: Some(op.parse().unwrap()),
        ..BlockFilter::default()
    };
    let set = || of("set_attributes");
    let questions: Vec<(&str, Ask)> = vec![
        ("a rare type", page(set(), Order::Ascending, 1)),
        (
            "a rare type, newest first",
            page(set(), Order::Descending, 1),
        ),
        (
            "a type that there is none of",
            page(of("set_webhook"), Order::Ascending, 0),
        ),
        (
            "a rare type within a time",
            page(
                BlockFilter {
                    times: Some((0, i64::MAX)),
                    ..set()
                },
                Order::Ascending,
                1,
            ),
        ),
        (
            "a rare type among many series",
            page(
                BlockFilter {
                    series: Some(SeriesNames::Prefix("s".into())),
                    ..set()
                },
                Order::Ascending,
                1,
            ),
        ),
        (
            "a rare type of one feature",
            page(
                BlockFilter {
                    feature: Some("f1".into()),
                    ..of("delete_feature")
                },
                Order::Ascending,
                0,
            ),
        ),
        (
            "undoing a rare type",
            Box::new(|db, budget| {
                let undo = Undo::parse(br#"{"filter":{"op":"set_attributes"}}"#, false).unwrap();
                assert_eq!(db.outline_undo(&undo, budget).unwrap().reverted, 1);
            }),
        ),
        (
            "a hash that is not there",
            Box::new(|db, budget| {
                let found = db.find_block(&leaf_hash(b"none of them"), budget);
                assert_eq!(found.unwrap(), None);
            }),
        ),
        (
            "the hash of the first block",
            Box::new(|db, budget| {
                let hash = db.block(1).unwrap().hash;
                assert_eq!(db.find_block(&hash, budget).unwrap(), Some(1));
            }),
        ),
    ];
    named(questions)
}

#[test]
fn what_is_rare_in_the_journal_costs_the_same_however_long_it_is() {
    let limits = Limits {
        // A few of them at first.
        segment_bytes: 256 << 10,
        ..Limits::default()
    };
    compare(World::new(limits), FEW, SHORT, |world, from, to| {
        features(&world.db, from, to);
        if from == 0 {
            let set = world.db.prepare_attributes("s1", br#"{"unit":"mm"}"#);
            world.db.write(vec![set.unwrap()]).unwrap();
        }
        series(&world.db, from, to);
        println!("growth: {} segments", world.db.info().unwrap().segments);
        // From a snapshot: no footer was read.
        world.open_again();
        rare_questions()
    });
}

/// Figures: what these questions take in a journal of `BLOCKS` blocks, a million without.
/// Run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings"]
fn rare_figures() {
    let blocks = std::env::var("BLOCKS").map_or(1_000_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let limits = Limits {
        segment_bytes: 16 << 20,
        ..Limits::default()
    };
    let open = || {
        let begun = Instant::now();
        let db = Database::open(Arc::new(RealFileSystem), &path, limits.clone()).unwrap();
        println!(
            "opened in {:?}, {:?}",
            begun.elapsed(),
            db.recovered().snapshot
        );
        db
    };
    let db = open();
    let begun = Instant::now();
    features(&db, 0, blocks / 2);
    let set = db.prepare_attributes("s1", br#"{"unit":"mm"}"#).unwrap();
    db.write(vec![set]).unwrap();
    series(&db, 0, blocks / 2);
    println!("{blocks} blocks written in {:?}", begun.elapsed());
    let ask = |db: &Database| {
        for (name, ask) in rare_questions() {
            let budget = db.budget(Cancel::default());
            let begun = Instant::now();
            ask(db, &budget);
            let first = begun.elapsed();
            println!(
                "{name}: {first:?} at first, {:?}",
                least(|| ask(db, &budget))
            );
        }
    };
    ask(&db);
    db.close();
    let db = open();
    println!("{} segments", db.info().unwrap().segments);
    ask(&db);
    db.close();
}
