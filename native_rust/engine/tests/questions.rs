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
use formdb_engine::types::Antimeridian;
use formdb_engine::{
    Aggregate, AggregatePage, Aggregation, Area, Bucket, Budget, Cancel, Database, EntryQuery,
    Error, FeaturePage, Limits, Near, Operation, Order, Predicate, QueryGeometry, RangeQuery,
    Result, Search, Selection, SeriesListQuery, SeriesRangeQuery, SummaryQuery, Zone,
};
use random::Random;
use serde_json::{Value, json};

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

fn all_series(limit: usize, cursor: Option<&str>) -> SeriesListQuery<'_> {
    SeriesListQuery {
        prefix: "",
        filters: &[],
        limit,
        cursor,
        as_of: None,
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
    let parsed = QueryGeometry::parse(
        value.to_string().as_bytes(),
        Antimeridian::AsIs,
        &Limits::default(),
    );
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
    let entries = EntryQuery::default();
    let series = Aggregate::new(Selection::One("series"), Aggregation::Sum);
    let all = Aggregate::new(Selection::Many("", &[]), Aggregation::Median);
    let everything = search(Area::Everything, Predicate::Intersects);
    let near = search(near, Predicate::Intersects);
    let ended: [(&str, Option<Error>); 14] = [
        ("search", db.search(&everything, &gone()).err()),
        ("count", db.count(&everything, &gone()).err()),
        ("nearby", db.count(&near, &gone()).err()),
        ("entries", db.entries(&entries, &gone()).err()),
        (
            "provenance",
            db.provenance("one", 0, None, 1_000, &gone()).err(),
        ),
        ("lineage", db.lineage("one", None, 1_000, &gone()).err()),
        ("find_block", db.find_block(&[7; 32], &gone()).err()),
        ("schema", db.schema(None, &gone()).err()),
        ("aggregate", db.aggregate(&series, &gone()).err()),
        ("aggregate of a prefix", db.aggregate(&all, &gone()).err()),
        (
            "summary",
            db.summary("series", &SummaryQuery::default(), &gone())
                .err(),
        ),
        (
            "series",
            db.series_list(&all_series(1_000, None), &gone()).err(),
        ),
        (
            "written_features",
            db.written_features(1, 299, &gone()).err(),
        ),
        ("heatmap", {
            let heatmap = formdb_engine::Heatmap {
                bbox: formdb_engine::types::BoundingBox::parse("-180,-90,180,90").unwrap(),
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
    let lineage = db.lineage("one", None, 1_000, &fixture.budget()).unwrap();
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
        let bbox = formdb_engine::types::BoundingBox::parse("-10,-10,50,50").unwrap();
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
                ..EntryQuery::default()
            };
            fixture.db.entries(&query, &fixture.budget())
        });
        assert!(all.into_iter().eq(1..=150));
        let versions = pages(&|since| {
            let budget = fixture.budget();
            fixture.db.provenance("f0", since, None, 1_000, &budget)
        });
        assert!(versions.into_iter().eq([1].into_iter().chain(121..=150)));
    }
}

/// A percentile of more values than a question may keep is worked out in several walks,
/// and is the same to the last bit.
#[test]
fn percentiles_of_more_than_the_memory_are_exact() {
    const COUNT: usize = 60_000;
    let fixture = Fixture::new(Limits {
        work_bytes: 1 << 20,
        ..Limits::default()
    });
    let ample = Fixture::new(Limits::default());
    let mut random = Random(77);
    type Value = Box<dyn Fn(&mut Random, usize) -> f64>;
    let shapes: [(&str, Value); 6] = [
        ("even", Box::new(|_, n| (n * 7_919 % COUNT) as f64)),
        ("equal", Box::new(|_, _| 2.5)),
        (
            "two",
            Box::new(|_, n| if n % 2 == 0 { -1e300 } else { 1e300 }),
        ),
        (
            "zeros",
            Box::new(|_, n| if n % 3 == 0 { -0.0 } else { 0.0 }),
        ),
        (
            "near",
            Box::new(|random, _| f64::from_bits(1.0_f64.to_bits() + random.below(70_000))),
        ),
        (
            "any",
            Box::new(|random, n| {
                let value = f64::from_bits(random.number());
                if value.is_finite() { value } else { n as f64 }
            }),
        ),
    ];
    for (series, shape) in &shapes {
        let values: Vec<f64> = (0..COUNT).map(|n| shape(&mut random, n)).collect();
        for (part, batch) in values.chunks(10_000).enumerate() {
            let first = (part * 10_000) as i64;
            for db in [&fixture.db, &ample.db] {
                let timestamps = (first..first + batch.len() as i64).collect();
                let columns = db.prepare_columns(series, timestamps, batch.to_vec(), None);
                db.write(columns.unwrap().operations).unwrap();
            }
        }
        for percent in ["p0", "p0.1", "p25", "median", "p66.6", "p99.99", "p100"] {
            let aggregation = percent.parse().unwrap();
            let mut query = Aggregate::new(Selection::One(series), aggregation);
            let check = |query: &Aggregate<'_>| {
                let page = fixture.db.aggregate(query, &fixture.budget()).unwrap();
                let all = ample.db.aggregate(query, &ample.budget()).unwrap();
                let bits = |page: &AggregatePage| -> Vec<(i64, u64)> {
                    let buckets = &page.series[0].buckets;
                    let bits = |b: &Bucket| (b.timestamp, b.value.unwrap().to_bits());
                    buckets.iter().map(bits).collect()
                };
                assert_eq!(bits(&page), bits(&all), "{series} {percent}");
                assert_eq!(fixture.db.memory().work.used(), 0);
            };
            check(&query);
            // Buckets of which some are small, between ends that cut some.
            query.interval = Some("25ms".parse().unwrap());
            query.start = Some(1_000);
            query.end = Some(51_000);
            check(&query);
        }
    }
    // With less than that left, there is none for it; what needs no memory is answered.
    let work = &fixture.db.memory().work;
    let _others = work.reserve(work.limit() - 100_000).unwrap();
    let query = Aggregate::new(Selection::One("any"), "p12".parse().unwrap());
    let error = fixture.db.aggregate(&query, &fixture.budget()).unwrap_err();
    assert_eq!(error.code(), "memory_full");
    assert!(error.to_string().contains("FORMDB_WORK_BYTES"), "{error}");
    let query = Aggregate::new(Selection::One("any"), Aggregation::Count);
    let count = fixture.db.aggregate(&query, &fixture.budget()).unwrap();
    assert_eq!(count.series[0].buckets[0].value, Some(COUNT as f64));
}

/// How much is on all pages together. `page` takes a cursor and says how much is on the
/// page, how long it is as JSON, and where the next one begins; none is longer than it may
/// be, unless it holds no more than one.
fn over_pages(
    page_bytes: usize,
    mut page: impl FnMut(Option<&str>) -> (usize, usize, Option<String>),
) -> usize {
    let mut sum = 0;
    let mut cursor: Option<String> = None;
    loop {
        let (here, bytes, next) = page(cursor.as_deref());
        assert!(here == 1 || bytes <= page_bytes + 2, "{bytes}");
        sum += here;
        cursor = next;
        if cursor.is_none() {
            return sum;
        }
    }
}

/// Pages of points end at their bytes, however long their rows, and are together the whole.
#[test]
fn pages_of_points_end_at_their_bytes() {
    for page_bytes in [1, 600, 5_000] {
        let fixture = Fixture::new(Limits {
            page_bytes,
            ..Limits::default()
        });
        let ids = ["a", "b\"\"\"\"\"\"", "c"];
        for id in ids {
            // Many of one timestamp, and the longest numbers there are.
            let timestamps: Vec<i64> = (0..300).map(|n| n / 40).collect();
            let values = timestamps.iter().map(|_| -2.225_073_858_507_201_4e-308);
            let columns =
                fixture
                    .db
                    .prepare_columns(id, timestamps.clone(), values.collect(), None);
            fixture.db.write(columns.unwrap().operations).unwrap();
        }
        let begun = fixture.db.begin(formdb_engine::Begin::default()).unwrap();
        let points = json!({"series_id": "a", "timestamp": 3, "value": 1});
        let point = json!([{"op": "put_points", "points": points}]);
        let operations = json!({"operations": point}).to_string();
        let operations = fixture
            .db
            .prepare_operations(operations.as_bytes())
            .unwrap()
            .operations;
        fixture
            .db
            .apply_once(&begun.id, operations, None, formdb_engine::Wait::Allowed)
            .unwrap();
        for order in [Order::Ascending, Order::Descending] {
            for within in [None, Some(&*begun.id)] {
                let points = over_pages(page_bytes, |cursor| {
                    let query = RangeQuery {
                        series: "a",
                        start: 0,
                        end: 100,
                        values: None,
                        order,
                        limit: 1_000,
                        cursor,
                        as_of: None,
                    };
                    let budget = fixture.budget();
                    let page = match within {
                        None => fixture.db.range(&query, &budget).unwrap(),
                        Some(txn) => fixture.db.range_in(txn, &query, &budget).unwrap(),
                    };
                    (
                        page.points.len(),
                        page.to_json(&Zone::default()).len(),
                        page.next,
                    )
                });
                assert_eq!(points, 300 + usize::from(within.is_some()));
            }
            let points = over_pages(page_bytes, |cursor| {
                let query = SeriesRangeQuery {
                    prefix: "",
                    filters: &[],
                    start: 0,
                    end: 100,
                    values: None,
                    order,
                    limit: 1_000,
                    cursor,
                    as_of: None,
                };
                let page = fixture.db.range_by_prefix(&query, &fixture.budget());
                let page = page.unwrap();
                let here = page.series.iter().map(|series| series.points.len()).sum();
                (here, page.to_json(&Zone::default()).len(), page.next)
            });
            assert_eq!(points, 900);
        }
        let series = over_pages(page_bytes, |cursor| {
            let query = all_series(1_000, cursor);
            let page = fixture.db.series_list(&query, &fixture.budget()).unwrap();
            (
                page.series.len(),
                page.to_json(&Zone::default()).len(),
                page.next,
            )
        });
        assert_eq!(series, 3);
    }
}
