//! What the spatial index and searches over features cost, at growing sizes: ten
//! thousand and a million places, and ten million with `FORMDB_BENCH_LARGE` set.
//! Each benchmark checks the answer it times before timing it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark stops at the first surprise, and criterion's macro writes no docs"
)]

#[path = "../tests/support/random.rs"]
mod random;

use std::fmt::Write;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::{Antimeridian, BoundingBox, Rect};
use formdb_engine::{
    Area, Budget, Cancel, Database, Filter, Limits, Memory, Near, PlaceIndex, Predicate,
    QueryGeometry, Search,
};
use random::Random;

impl Random {
    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn place(&mut self) -> [f64; 2] {
        [self.between(-180.0, 180.0), self.between(-90.0, 90.0)]
    }
}

fn places(count: usize) -> Vec<(String, Rect)> {
    let mut random = Random(7);
    (0..count)
        .map(|i| (format!("feature-{i}"), Rect::point(random.place())))
        .collect()
}

/// Boxes that hold about so many of `count` places.
fn boxes(count: usize, hits: f64) -> Vec<[Rect; 1]> {
    let side = (hits / count as f64).sqrt();
    let mut random = Random(8);
    let at = |random: &mut Random, span: f64| {
        let from = random.between(-span / 2.0, span / 2.0 * (1.0 - 2.0 * side));
        (from, from + span * side)
    };
    (0..1_000)
        .map(|_| {
            let (west, east) = at(&mut random, 360.0);
            let (south, north) = at(&mut random, 180.0);
            [Rect {
                min: [west, south],
                max: [east, north],
            }]
        })
        .collect()
}

fn index(c: &mut Criterion) {
    let large = std::env::var("FORMDB_BENCH_LARGE").is_ok();
    let sizes: &[usize] = match large {
        true => &[10_000, 1_000_000, 10_000_000],
        false => &[10_000, 1_000_000],
    };
    let mut group = c.benchmark_group("index");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(2));
    for &count in sizes {
        let places = places(count);
        let pairs = || places.iter().map(|(id, rect)| (id.as_str(), *rect));
        // One place in or out, of all there are; each round with all of them.
        group.bench_function(BenchmarkId::new("insert", count), |b| {
            b.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                let mut left = times;
                while left > 0 {
                    let mut index = PlaceIndex::default();
                    let start = Instant::now();
                    for (id, rect) in pairs().take(usize::try_from(left).unwrap()) {
                        index.insert(id, rect);
                        left -= 1;
                    }
                    spent += start.elapsed();
                }
                spent
            });
        });
        let mut index = PlaceIndex::default();
        for (id, rect) in pairs() {
            index.insert(id, rect);
        }
        assert_eq!(index.len(), count);
        group.bench_function(BenchmarkId::new("replace", count), |b| {
            let mut next = (0..count).cycle();
            let mut random = Random(9);
            b.iter(|| {
                let (id, _) = &places[next.next().unwrap()];
                assert!(index.insert(id, Rect::point(random.place())));
            });
        });
        group.bench_function(BenchmarkId::new("bulk load, each", count), |b| {
            b.iter_custom(|times| {
                let start = Instant::now();
                black_box(PlaceIndex::bulk_load(pairs()).len());
                let each = start.elapsed().as_secs_f64() / count as f64;
                Duration::from_secs_f64(each * times as f64)
            });
        });
        let mut index = PlaceIndex::default();
        for (id, rect) in pairs() {
            index.insert(id, rect);
        }
        for hits in [38.0, 258.0] {
            let boxes = boxes(count, hits);
            let found = |index: &PlaceIndex, piece: &[Rect; 1], out: &mut Vec<u8>| {
                index.query_box(piece, |id, _| {
                    out.extend_from_slice(id.as_bytes());
                    out.push(0);
                    ControlFlow::Continue(())
                });
            };
            let mut out = Vec::new();
            found(&index, &boxes[0], &mut out);
            let expected = places.iter().filter(|p| boxes[0][0].intersects(&p.1));
            assert_eq!(out.iter().filter(|b| **b == 0).count(), expected.count());
            group.bench_function(BenchmarkId::new(format!("box of {hits}"), count), |b| {
                let mut boxes = boxes.iter().cycle();
                b.iter(|| {
                    out.clear();
                    found(&index, boxes.next().unwrap(), &mut out);
                    out.len()
                });
            });
        }
        let mut random = Random(10);
        let limits = Limits::default();
        let budget = Budget::new(&limits, &Memory::new(&limits), Cancel::default());
        let nearest = index
            .nearby([10.0, 20.0], 10, f64::INFINITY, &budget)
            .unwrap();
        assert_eq!(nearest.len(), 10);
        assert!(nearest.is_sorted_by(|a, b| a.0 <= b.0));
        group.bench_function(BenchmarkId::new("nearby 10", count), |b| {
            b.iter(|| {
                index
                    .nearby(random.place(), 10, f64::INFINITY, &budget)
                    .unwrap()
                    .len()
            });
        });
        group.bench_function(BenchmarkId::new("remove", count), |b| {
            b.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                let mut left = times;
                while left > 0 {
                    let mut index = PlaceIndex::bulk_load(pairs());
                    let start = Instant::now();
                    for (id, _) in pairs().take(usize::try_from(left).unwrap()) {
                        assert!(index.remove(id));
                        left -= 1;
                    }
                    spent += start.elapsed();
                }
                spent
            });
        });
    }
    group.finish();
}

/// Searches of a database with 100,000 features, a fifth of them polygons.
fn search(c: &mut Criterion) {
    const COUNT: usize = 100_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let limits = |query_cache_bytes| Limits {
        query_cache_bytes,
        ..Limits::default()
    };
    // Answers are to be worked out.
    let db = Database::open(Arc::new(RealFileSystem), &path, limits(0)).unwrap();
    let mut random = Random(11);
    let mut text = String::from(r#"{"type":"FeatureCollection","features":["#);
    for i in 0..COUNT {
        let comma = if i > 0 { "," } else { "" };
        let [x, y] = random.place().map(|n| n * 0.99);
        let geometry = match i % 5 {
            0 => format!(
                r#"{{"type":"Polygon","coordinates":[[[{x},{y}],[{},{y}],[{},{}],[{x},{}],[{x},{y}]]]}}"#,
                x + 0.1,
                x + 0.1,
                y + 0.1,
                y + 0.1
            ),
            _ => format!(r#"{{"type":"Point","coordinates":[{x},{y}]}}"#),
        };
        write!(
            text,
            r#"{comma}{{"type":"Feature","id":"f{i}","geometry":{geometry},"properties":{{"mag":{},"place":"somewhere"}}}}"#,
            i % 10
        )
        .unwrap();
    }
    text.push_str("]}");
    db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
        .unwrap();

    let bbox = BoundingBox::parse("0,0,10,10").unwrap();
    let ring = "[[[0,0],[10,0],[10,10],[5,12],[0,10],[0,0]]]";
    let geometry = format!(r#"{{"type":"Polygon","coordinates":{ring}}}"#);
    let geometry =
        QueryGeometry::parse(geometry.as_bytes(), Antimeridian::AsIs, &Limits::default()).unwrap();
    let geometry = Area::Geometry(Arc::new(geometry));
    let near = Area::Near(Near {
        point: [10.0, 20.0],
        k: Some(10),
        radius: None,
    });
    let mag = || vec![Filter::parse("prop.mag", "gte:5").unwrap()];
    let mut group = c.benchmark_group("search");
    group.sample_size(20);
    for (name, area, predicate, filters) in [
        ("box of 150", Area::Box(bbox), Predicate::Intersects, vec![]),
        (
            "box of 150, filtered",
            Area::Box(bbox),
            Predicate::Intersects,
            mag(),
        ),
        (
            "polygon of 170",
            geometry.clone(),
            Predicate::Intersects,
            vec![],
        ),
        ("within polygon", geometry, Predicate::Within, vec![]),
        ("nearby 10", near, Predicate::Intersects, vec![]),
    ] {
        let question = Search {
            area,
            predicate,
            filters,
            limit: 1_000,
            cursor: None,
            as_of: None,
        };
        let found = db
            .search(&question, &db.budget(Cancel::default()))
            .unwrap()
            .returned;
        assert!(found >= 10, "{name}: {found}");
        assert_eq!(
            db.count(&question, &db.budget(Cancel::default()))
                .unwrap()
                .0,
            found as u64
        );
        group.bench_function(name, |b| {
            b.iter(|| {
                db.search(&question, &db.budget(Cancel::default()))
                    .unwrap()
                    .returned
            })
        });
        group.bench_function(format!("{name}, counted"), |b| {
            b.iter(|| db.count(&question, &db.budget(Cancel::default())).unwrap());
        });
    }
    let mut question = Search {
        area: Area::Box(BoundingBox::parse("-180,-90,180,90").unwrap()),
        predicate: Predicate::Intersects,
        filters: mag(),
        limit: 100,
        cursor: None,
        as_of: None,
    };
    assert_eq!(
        db.count(&question, &db.budget(Cancel::default()))
            .unwrap()
            .0,
        COUNT as u64 / 2
    );
    group.bench_function("half of 100,000, filtered, counted", |b| {
        b.iter(|| {
            db.count(&question, &db.budget(Cancel::default()))
                .unwrap()
                .0
        });
    });
    question.filters.clear();
    assert_eq!(
        db.count(&question, &db.budget(Cancel::default()))
            .unwrap()
            .0,
        COUNT as u64
    );
    group.bench_function("all of 100,000, counted", |b| {
        b.iter(|| {
            db.count(&question, &db.budget(Cancel::default()))
                .unwrap()
                .0
        });
    });
    // A page in the middle of everything.
    question.cursor = db
        .search(&question, &db.budget(Cancel::default()))
        .unwrap()
        .next;
    assert!(question.cursor.is_some());
    group.bench_function("second page of 100 in 100,000", |b| {
        b.iter(|| {
            db.search(&question, &db.budget(Cancel::default()))
                .unwrap()
                .returned
        });
    });
    db.close();
    // And to be kept.
    let db = Database::open(Arc::new(RealFileSystem), &path, limits(64 << 20)).unwrap();
    question.area = Area::Box(bbox);
    question.cursor = None;
    question.limit = 1_000;
    let found = db.search(&question, &db.budget(Cancel::default())).unwrap();
    let in_memory = |question: &Search| db.search_in_memory(question).unwrap().unwrap();
    group.bench_function("box of 150, asked again", |b| {
        b.iter(|| in_memory(&question).returned);
    });
    assert_eq!(in_memory(&question), found);
    group.bench_function("box of 150, another each time", |b| {
        b.iter(|| {
            question.limit = 1_000 + (question.limit + 1) % 90_000;
            in_memory(&question).returned
        });
    });
    group.finish();
    db.close();
}

criterion_group!(benches, index, search);
criterion_main!(benches);
