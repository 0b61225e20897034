//! Every question ends: at its time, when nobody waits for it, and when its answer
//! would take more memory than there is; and no page of an answer is unbounded.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/random.rs"]
mod random;

use std::sync::Arc;
use std::time::{Duration, Instant};

use formdb_engine::fs::RealFileSystem;
use formdb_engine::{
    Aggregate, Aggregation, Area, Budget, Cancel, Database, EntryQuery, Error, FeaturePage, Limits,
    Near, Operation, Predicate, QueryGeometry, Result, Search, Selection,
};
use random::Random;
use serde_json::{Value, json};

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }
}

struct Fixture {
    db: Database,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn new(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let db = Database::open(Arc::new(RealFileSystem), &path, limits).unwrap();
        Self { db, _dir: dir }
    }

    fn put(&self, features: &[Value]) {
        let collection = json!({"type": "FeatureCollection", "features": features});
        let text = collection.to_string();
        let prepared = self.db.prepare_features(text.as_bytes()).unwrap();
        self.db.write(prepared.operations).unwrap();
    }

    fn put_points(&self, series: &str, count: usize) {
        let points: Vec<Value> = (0..count)
            .map(|n| json!({"timestamp": n, "value": (n * 7_919 % count) as f64}))
            .collect();
        for batch in points.chunks(10_000) {
            let points: Vec<Value> = batch
                .iter()
                .map(|point| {
                    let mut point = point.clone();
                    point["series_id"] = json!(series);
                    point
                })
                .collect();
            let prepared = self
                .db
                .prepare_points(json!({"points": points}).to_string().as_bytes())
                .unwrap();
            let operations: Vec<Operation> = prepared.operations;
            self.db.write(operations).unwrap();
        }
    }

    fn budget(&self) -> Budget {
        self.db.budget(Cancel::default())
    }
}

fn search(area: Area, predicate: Predicate) -> Search {
    Search {
        area,
        predicate,
        filters: Vec::new(),
        limit: 1_000,
        cursor: None,
        as_of: None,
    }
}

/// So many diagonals side by side: the envelopes of two such sheaves that are
/// shifted a little all overlap, and nothing meets.
fn sheaf(count: usize, shift: f64) -> Value {
    let line = |n: usize| {
        let x = (n as f64 + shift) / count as f64;
        json!([[x, 0.0], [x + 20.0, 20.0]])
    };
    let lines: Vec<Value> = (0..count).map(line).collect();
    json!({"type": "MultiLineString", "coordinates": lines})
}

/// A polygon whose rim runs to and fro so many times: the envelopes of all its edges
/// overlap.
fn zigzag(turns: usize) -> Value {
    let mut ring = vec![[-1.0, -1.0]];
    for n in 0..turns {
        let x = n as f64 / turns as f64;
        ring.extend([[x, 0.0], [x + 20.0, 20.0]]);
    }
    ring.extend([[30.0, -1.0], [-1.0, -1.0]]);
    json!({"type": "Polygon", "coordinates": [ring]})
}

fn geometry(value: &Value) -> Area {
    let parsed = QueryGeometry::parse(value.to_string().as_bytes(), &Limits::default());
    Area::Geometry(Arc::new(parsed.unwrap()))
}

fn feature(id: &str, geometry: &Value) -> Value {
    json!({"type": "Feature", "id": id, "geometry": geometry, "properties": {}})
}

/// Far longer than any of the limits here, even on a machine that does much else.
const SOON: Duration = Duration::from_secs(4);

fn ends_at_its_time<T: std::fmt::Debug>(question: impl FnOnce() -> Result<T>) {
    let start = Instant::now();
    let ended = question();
    assert!(matches!(ended, Err(Error::Timeout { .. })), "{ended:?}");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn one_pair_of_geometries_ends_at_its_time() {
    let limits = Limits {
        query_timeout_ms: 50,
        ..Limits::default()
    };
    let fixture = Fixture::new(limits);
    fixture.put(&[feature("sheaf", &sheaf(8_000, 0.0))]);
    let sheaves = geometry(&sheaf(8_000, 0.5));
    for predicate in [
        Predicate::Intersects,
        Predicate::Within,
        Predicate::Contains,
    ] {
        let search = search(sheaves.clone(), predicate);
        if predicate == Predicate::Intersects {
            ends_at_its_time(|| fixture.db.search(&search, &fixture.budget()));
            ends_at_its_time(|| fixture.db.count(&search, &fixture.budget()));
        } else {
            // The first edge decides.
            let ample = Budget::new(&Limits::default(), fixture.db.memory(), Cancel::default());
            assert_eq!(fixture.db.count(&search, &ample).unwrap().0, 0);
        }
    }
    // Every edge of one against every edge of the other.
    fixture.put(&[feature("zigzag", &zigzag(8_000))]);
    let zigzags = search(geometry(&zigzag(8_000)), Predicate::Within);
    ends_at_its_time(|| fixture.db.count(&zigzags, &fixture.budget()));
}

#[test]
fn a_question_that_nobody_waits_for_ends() {
    let fixture = Fixture::new(Limits::default());
    fixture.put(&[feature("sheaf", &sheaf(8_000, 0.0))]);
    let search = search(geometry(&sheaf(8_000, 0.5)), Predicate::Intersects);
    let cancel = Cancel::default();
    let budget = fixture.db.budget(cancel.clone());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            cancel.cancel();
        });
        let start = Instant::now();
        let ended = fixture.db.search(&search, &budget);
        assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    });
}

#[test]
fn questions_of_every_kind_look_at_their_budget() {
    let fixture = Fixture::new(Limits::default());
    let derived = |n: usize| {
        let mut feature = feature("one", &json!({"type": "Point", "coordinates": [0, 0]}));
        feature["provenance"] = json!({"derived_from": [n]});
        feature
    };
    for n in 1..300 {
        if n == 1 {
            fixture.put(&[feature("one", &Value::Null)]);
        } else {
            fixture.put(&[derived(n - 1)]);
        }
    }
    fixture.put_points("series", 10_000);
    for n in 0..200 {
        fixture.put_points(&format!("more {n}"), 1);
    }
    let db = &fixture.db;
    let gone = || {
        let cancel = Cancel::default();
        cancel.cancel();
        db.budget(cancel)
    };
    let near = Area::Near(Near {
        point: [1.0, 1.0],
        k: None,
        radius: Some(1e7),
    });
    let entries = EntryQuery {
        since: 0,
        until: u64::MAX,
        op: None,
        limit: 1_000,
    };
    let series = Aggregate::new(Selection::One("series"), Aggregation::Sum);
    let all = Aggregate::new(Selection::Prefix(""), Aggregation::Median);
    let everything = search(Area::Everything, Predicate::Intersects);
    let near = search(near, Predicate::Intersects);
    let ended: [(&str, Option<Error>); 14] = [
        ("search", db.search(&everything, &gone()).err()),
        ("count", db.count(&everything, &gone()).err()),
        ("nearby", db.count(&near, &gone()).err()),
        ("entries", db.entries(&entries, &gone()).err()),
        ("provenance", db.provenance("one", 0, 1_000, &gone()).err()),
        ("lineage", db.lineage("one", 1_000, &gone()).err()),
        ("find_block", db.find_block(&[7; 32], &gone()).err()),
        ("schema", db.schema(&gone()).err()),
        ("aggregate", db.aggregate(&series, &gone()).err()),
        ("aggregate of a prefix", db.aggregate(&all, &gone()).err()),
        ("summary", db.summary("series", None, &gone()).err()),
        (
            "series",
            db.series_by_prefix("", None, 1_000, None, &gone()).err(),
        ),
        (
            "written_features",
            db.written_features(1, 299, &gone()).err(),
        ),
        ("heatmap", {
            let heatmap = formdb_engine::Heatmap {
                bbox: formdb_engine::model::BoundingBox::parse("-180,-90,180,90").unwrap(),
                grid: formdb_engine::Grid::Tiles { zoom: 1 },
                sum: None,
                filters: Vec::new(),
                as_of: None,
            };
            db.heatmap(&heatmap, &gone()).err()
        }),
    ];
    for (what, error) in ended {
        assert!(matches!(error, Some(Error::Cancelled)), "{what}: {error:?}");
    }
    // With a client that waits they are answered.
    assert_eq!(db.count(&everything, &fixture.budget()).unwrap().0, 1);
    let lineage = db.lineage("one", 1_000, &fixture.budget()).unwrap();
    assert!(!lineage.truncated);
    assert_eq!(db.memory().work.used(), 0, "all is given back");
}

/// Features, versions and blocks of very different sizes.
fn uneven(random: &mut Random, count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| {
            let size = match random.below(8) {
                0 => 3_000,
                1 => 40_000,
                _ => 100,
            };
            let note = "x".repeat(random.below(size) as usize);
            json!({"type": "Feature", "id": format!("f{n}"),
                "geometry": {"type": "Point", "coordinates": [random.below(90), 10]},
                "properties": {"note": note}, "provenance": {"note": note}})
        })
        .collect()
}

#[test]
fn pages_that_end_at_their_bytes_are_together_the_whole() {
    for seed in 0..4 {
        let mut random = Random(seed);
        let page_bytes = [1, 900, 5_000, 70_000][seed as usize];
        let fixture = Fixture::new(Limits {
            page_bytes,
            ..Limits::default()
        });
        let features = uneven(&mut random, 120);
        for batch in features.chunks(7) {
            fixture.put(batch);
        }
        for n in 0..30 {
            let mut version = features[usize::try_from(random.below(120)).unwrap()].clone();
            version["id"] = json!("f0");
            version["properties"]["version"] = json!(n);
            fixture.put(&[version]);
        }
        let bounded = |json: &[u8], returned: usize| {
            assert!(
                returned <= 1 || json.len() <= page_bytes + 2,
                "{}",
                json.len()
            );
            serde_json::from_slice::<Vec<Value>>(json).unwrap()
        };
        // Searches.
        let near = Area::Near(Near {
            point: [30.0, 0.0],
            k: None,
            radius: Some(3e7),
        });
        let bbox = formdb_engine::model::BoundingBox::parse("-10,-10,50,50").unwrap();
        for area in [Area::Everything, Area::Box(bbox), near] {
            let mut search = search(area, Predicate::Intersects);
            let (expected, _) = fixture.db.count(&search, &fixture.budget()).unwrap();
            let mut ids = Vec::new();
            loop {
                let page: FeaturePage = fixture.db.search(&search, &fixture.budget()).unwrap();
                let features = bounded(&page.json, page.returned);
                assert_eq!(features.len(), page.returned);
                assert!(page.returned > 0);
                ids.extend(features.iter().map(|f| f["id"].to_string()));
                search.cursor = page.next;
                if search.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(ids.len() as u64, expected);
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len() as u64, expected, "none twice");
        }
        // The journal, and the versions of a feature.
        let pages = |page: &dyn Fn(u64) -> Result<formdb_engine::EntryPage>| {
            let mut seqs = Vec::new();
            let mut since = Some(0);
            while let Some(from) = since {
                let page = page(from).unwrap();
                let blocks = bounded(&page.json, page.returned);
                seqs.extend(blocks.iter().map(|block| block["seq"].as_u64().unwrap()));
                since = page.next;
            }
            seqs
        };
        let all = pages(&|since| {
            let query = EntryQuery {
                since,
                until: u64::MAX,
                op: None,
                limit: 1_000,
            };
            fixture.db.entries(&query, &fixture.budget())
        });
        assert!(all.into_iter().eq(1..=150));
        let versions = pages(&|since| {
            let budget = fixture.budget();
            fixture.db.provenance("f0", since, 1_000, &budget)
        });
        assert!(versions.into_iter().eq([1].into_iter().chain(121..=150)));
    }
}

#[test]
fn percentiles_take_the_memory_there_is_and_no_more() {
    let fixture = Fixture::new(Limits {
        work_bytes: 1 << 20,
        ..Limits::default()
    });
    fixture.put_points("few", 50_000);
    fixture.put_points("many", 250_000);
    let median = |series| {
        let query = Aggregate::new(Selection::One(series), Aggregation::Median);
        fixture.db.aggregate(&query, &fixture.budget())
    };
    let few = median("few").unwrap();
    assert_eq!(few.series[0].buckets[0].value, Some(24_999.5));
    let error = median("many").unwrap_err();
    assert_eq!(error.code(), "memory_full");
    assert!(error.to_string().contains("FORMDB_WORK_BYTES"), "{error}");
    assert_eq!(fixture.db.memory().work.used(), 0);
    // What needs no memory is answered.
    let query = Aggregate::new(Selection::One("many"), Aggregation::Count);
    let count = fixture.db.aggregate(&query, &fixture.budget()).unwrap();
    assert_eq!(count.series[0].buckets[0].value, Some(250_000.0));
}
