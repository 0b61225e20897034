//! What polygons of many positions cost: coasts as rough as real ones, of a thousand to two
//! hundred thousand positions, asked for points, boxes, what is nearest, and each other; and
//! what the first look at one costs. With `FORMDB_BENCH_BORDERS` naming a file of GeoJSON,
//! such as the borders of countries, points in those. Each benchmark checks the answer it
//! times before timing it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first surprise, and criterion's macro writes no docs"
)]

#[path = "../tests/support/random.rs"]
mod random;

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::{Antimeridian, BoundingBox};
use formdb_engine::{Area, Cancel, Database, Limits, Near, Predicate, Puts, QueryGeometry, Search};
use random::Random;

type Position = [f64; 2];

/// A closed coast about a middle, of so many positions, each way between two of which was
/// divided by a place that is off it by up to a quarter of its length.
fn coast(middle: Position, size: f64, positions: usize, seed: u64) -> Vec<Position> {
    let mut random = Random(seed);
    let mut share = || (random.number() >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
    let spoke = |i: usize| {
        let angle = std::f64::consts::TAU * i as f64 / 16.0;
        [angle.cos() * size, angle.sin() * size]
    };
    let mut ring: Vec<Position> = (0..16).map(spoke).collect();
    while ring.len() < positions {
        let mut finer = Vec::with_capacity(ring.len() * 2);
        for (i, a) in ring.iter().enumerate() {
            let b = ring[(i + 1) % ring.len()];
            let off = share() * 0.5;
            let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
            finer.push(*a);
            finer.push([a[0] + dx / 2.0 - dy * off, a[1] + dy / 2.0 + dx * off]);
        }
        ring = finer;
    }
    // The first of the finest ones, so that there are as many as asked for.
    let every = ring.len() as f64 / positions as f64;
    let mut ring: Vec<Position> = (0..positions)
        .map(|i| ring[(i as f64 * every) as usize])
        .map(|[x, y]| [x + middle[0], y + middle[1]])
        .collect();
    ring.push(ring[0]);
    ring
}

fn polygon(ring: &[Position]) -> String {
    let mut text = String::from(r#"{"type":"Polygon","coordinates":[["#);
    for (i, [x, y]) in ring.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        write!(text, "{comma}[{x:.7},{y:.7}]").unwrap();
    }
    text.push_str("]]}");
    text
}

fn database(dir: &std::path::Path, limits: Limits) -> Database {
    // Answers are to be worked out.
    let limits = Limits {
        query_cache_bytes: 0,
        ..limits
    };
    Database::open(Arc::new(RealFileSystem), dir, limits).unwrap()
}

fn write(db: &Database, text: &str) {
    let puts = Puts {
        antimeridian: Antimeridian::Cut,
        ..Puts::default()
    };
    let prepared = db.prepare_features_with(text.as_bytes(), puts).unwrap();
    db.write(prepared.operations).unwrap();
}

fn geometry(text: &str) -> Area {
    let geometry = QueryGeometry::parse(text.as_bytes(), Antimeridian::AsIs, &Limits::default());
    Area::Geometry(Arc::new(geometry.unwrap()))
}

fn point([x, y]: Position) -> Area {
    geometry(&format!(r#"{{"type":"Point","coordinates":[{x},{y}]}}"#))
}

fn search(area: Area, predicate: Predicate) -> Search {
    Search {
        area,
        predicate,
        filters: vec![],
        limit: 10,
        cursor: None,
        as_of: None,
    }
}

/// The count as a server asks for it: what is in memory first.
fn count(db: &Database, search: &Search) -> u64 {
    match db.count_in_memory(search).unwrap() {
        Some((count, _)) => count,
        None => db.count(search, &db.budget(Cancel::default())).unwrap().0,
    }
}

fn coasts(c: &mut Criterion) {
    let mut group = c.benchmark_group("coast");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(2));
    for positions in [1_000, 40_000, 200_000] {
        let dir = tempfile::tempdir().unwrap();
        let db = database(&dir.path().join("db"), Limits::default());
        let ring = coast([10.0, 20.0], 10.0, positions, 5);
        let feature = format!(
            r#"{{"type":"Feature","id":"coast","geometry":{},"properties":{{}}}}"#,
            polygon(&ring)
        );
        write(&db, &feature);
        let inside = search(point([12.3, 21.9]), Predicate::Contains);
        let outside = search(point([18.9, 28.9]), Predicate::Contains);
        assert_eq!((count(&db, &inside), count(&db, &outside)), (1, 0));
        assert!(db.count_in_memory(&inside).unwrap().is_some());
        let mut named = |name: &str, question: &Search, expected: u64| {
            assert_eq!(count(&db, question), expected, "{name}");
            group.bench_function(BenchmarkId::new(name, positions), |b| {
                b.iter(|| count(&db, question));
            });
        };
        named("a point inside", &inside, 1);
        named("a point outside", &outside, 0);
        let [x, y] = ring[positions / 3];
        let bbox = BoundingBox::new(x - 0.01, y - 0.01, x + 0.01, y + 0.01).unwrap();
        let at_rim = search(Area::Box(bbox), Predicate::Intersects);
        named("a box on its rim", &at_rim, 1);
        let near = |point| {
            let near = Near {
                point,
                k: Some(1),
                radius: Some(3e6),
            };
            search(Area::Near(near), Predicate::Intersects)
        };
        named("how far it is", &near([25.0, 27.0]), 1);

        // Two of them: one in the other, one that crosses it, and one beside it.
        let at = |middle, size| geometry(&polygon(&coast(middle, size, positions, 9)));
        let smaller = search(at([10.0, 20.0], 5.0), Predicate::Contains);
        named("another inside", &smaller, 1);
        let crossing = search(at([17.0, 20.0], 5.0), Predicate::Contains);
        named("another that leaves it", &crossing, 0);
        let same = search(geometry(&polygon(&ring)), Predicate::Within);
        named("itself", &same, 1);
        let beside = search(at([10.0, 37.0], 8.2), Predicate::Intersects);
        let met = count(&db, &beside);
        named("another beside it", &beside, met);

        let dir = tempfile::tempdir().unwrap();
        let limits = Limits {
            geometry_cache_bytes: 0,
            ..Limits::default()
        };
        let db = database(&dir.path().join("db"), limits);
        write(&db, &feature);
        assert_eq!(count(&db, &inside), 1);
        group.bench_function(BenchmarkId::new("a first look", positions), |b| {
            b.iter(|| count(&db, &inside));
        });
    }
    group.finish();
}

/// Points in the polygons of a file: median, 99 of 100, and the longest.
fn borders(_: &mut Criterion) {
    let Ok(path) = std::env::var("FORMDB_BENCH_BORDERS") else {
        return;
    };
    let text = std::fs::read_to_string(&path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let db = database(&dir.path().join("db"), Limits::default());
    write(&db, &text);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut middles = Vec::new();
    for feature in value["features"].as_array().unwrap() {
        let mut ring = &feature["geometry"]["coordinates"][0];
        while ring[0][0].is_array() {
            ring = &ring[0];
        }
        let at = |i: usize| ring[i % ring.as_array().unwrap().len()].clone();
        let (a, b) = (at(0), at(ring.as_array().unwrap().len() / 2));
        let middle = |axis: usize| (a[axis].as_f64().unwrap() + b[axis].as_f64().unwrap()) / 2.0;
        middles.push([middle(0), middle(1)]);
    }
    let mut random = Random(3);
    let mut questions = Vec::new();
    for _ in 0..10_000 {
        let mut near = |bound: f64| (random.below(1_000) as f64 / 1_000.0 - 0.5) * bound;
        let (dx, dy) = (near(0.2), near(0.2));
        let [x, y] = middles[random.below(middles.len() as u64) as usize];
        let place = [(x + dx).clamp(-180.0, 180.0), (y + dy).clamp(-90.0, 90.0)];
        questions.push(search(point(place), Predicate::Contains));
    }
    let run = |name: &str| {
        let mut took: Vec<Duration> = Vec::new();
        let (mut found, mut in_memory) = (0, 0);
        for question in &questions {
            let start = Instant::now();
            let known = db.count_in_memory(question).unwrap();
            in_memory += u64::from(known.is_some());
            found += known.map_or_else(|| count(&db, question), |known| known.0);
            took.push(start.elapsed());
        }
        took.sort_unstable();
        let (half, most, last) = (took[5_000], took[9_900], took[9_999]);
        println!(
            "{path}, {name}: {half:?} median, {most:?} of 99 %, {last:?} at most; \
             {found} found, {in_memory} in memory, {} KiB kept",
            db.info().unwrap().geometry_cache_bytes >> 10
        );
    };
    run("first");
    run("again");
    run("again");
}

criterion_group!(benches, borders, coasts);
criterion_main!(benches);
