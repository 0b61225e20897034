//! Every kind of search against a scan of all features that uses no index.

use serde_json::{Value, json};

use super::*;
use crate::fs::RealFileSystem;
use crate::limits::Limits;
use crate::model::cbor::encode_json;
use crate::model::{BoundingBox, Rect, Source, format_timestamp, parse_timestamp};
use crate::operation::Operation;
use crate::spatial::{Center, Prepared, Shape};

/// Random numbers from a seed (Steele and others, "Fast splittable pseudorandom
/// number generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// In `[-bound, bound]`, often on a coarse grid that has the bounds on it.
    fn coordinate(&mut self, bound: f64) -> f64 {
        if self.chance(3) {
            (self.next() as f64 / u64::MAX as f64 * 2.0 - 1.0) * bound
        } else {
            (self.below(13) as f64 - 6.0) * bound / 6.0
        }
    }

    fn position(&mut self) -> [f64; 2] {
        [self.coordinate(180.0), self.coordinate(90.0)]
    }

    fn text(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len() as u64) as usize]
    }

    /// A rectangle as a ring, either way round, and perhaps with no inside.
    fn ring(&mut self) -> Vec<[f64; 2]> {
        let (a, b) = (self.position(), self.position());
        let b = if self.chance(2) {
            // A small one: large ones meet everything.
            let near = |a: f64, bound: f64, n: u64| (a + n as f64 * bound / 18.0).min(bound);
            [
                near(a[0], 180.0, self.below(3)),
                near(a[1], 90.0, self.below(3)),
            ]
        } else {
            b
        };
        let mut ring = vec![a, [b[0], a[1]], b, [a[0], b[1]], a];
        if self.chance(4) {
            // A triangle.
            ring.remove(3);
        }
        if self.chance(2) {
            ring.reverse();
        }
        ring
    }

    fn geometry(&mut self, depth: u64) -> Value {
        let kind =
            |kind: &str, coordinates: Value| json!({"type": kind, "coordinates": coordinates});
        match self.below(10 + depth) {
            0 => {
                let [x, y] = self.position();
                kind("Point", json!([x, y, 12.5]))
            }
            1..=2 => kind("Point", json!(self.position())),
            3 => kind("MultiPoint", json!([self.position(), self.position()])),
            4 => kind("LineString", json!([self.position(), self.position()])),
            5 => {
                let p = self.position();
                kind(
                    "MultiLineString",
                    json!([[p, self.position(), self.position()], [p, p]]),
                )
            }
            6 => kind("Polygon", json!([self.ring()])),
            7 => {
                // A frame about a third of its size.
                let [x, y] = [self.coordinate(120.0), self.coordinate(60.0)];
                let square = |d: f64| {
                    json!([
                        [x - d, y - d],
                        [x + d, y - d],
                        [x + d, y + d],
                        [x - d, y + d],
                        [x - d, y - d]
                    ])
                };
                kind("Polygon", json!([square(30.0), square(10.0)]))
            }
            8 => {
                // Across the antimeridian, in two parts.
                let (w, s, h) = (30.0 * self.below(3) as f64, self.coordinate(60.0), 15.0);
                let part =
                    |a: f64, b: f64| json!([[[a, s], [b, s], [b, s + h], [a, s + h], [a, s]]]);
                kind(
                    "MultiPolygon",
                    json!([part(150.0 - w, 180.0), part(-180.0, w - 150.0)]),
                )
            }
            9 => {
                // About a pole.
                let (pole, rim) = if self.chance(2) {
                    (90.0, 60.0)
                } else {
                    (-90.0, -75.0)
                };
                kind(
                    "Polygon",
                    json!([[
                        [-180, rim],
                        [180, rim],
                        [180, pole],
                        [-180, pole],
                        [-180, rim]
                    ]]),
                )
            }
            10 => kind("MultiPolygon", json!([])),
            _ => {
                let parts: Vec<Value> = (0..self.below(3)).map(|_| self.geometry(0)).collect();
                json!({"type": "GeometryCollection", "geometries": parts})
            }
        }
    }

    fn properties(&mut self) -> Value {
        let mut properties = json!({
            "mag": (self.below(20) as f64) / 2.0,
            "count": self.below(5),
            "kind": self.text(&["quake", "blast", "5", "true"]),
            "deep": {"er": {"n": self.below(3)}},
            "when": self.text(&["2024-01-01T00:00:00Z", "2024-06-01T02:00:00+02:00", "soon"]),
        });
        for name in ["mag", "count", "kind", "deep"] {
            match self.below(8) {
                0 => drop(properties.as_object_mut().unwrap().remove(name)),
                1 => properties[name] = Value::Null,
                2 => properties[name] = json!(true),
                _ => {}
            }
        }
        properties
    }

    fn filter(&mut self, at: u64) -> (String, String) {
        let number = self.below(20) as f64 / 2.0;
        let (key, expression) = match self.below(14) {
            0 => ("prop.mag", format!("gte:{number}")),
            1 => ("prop.mag", format!("lt:{number}")),
            2 => ("prop.mag", format!("gt:{number:e}")),
            3 => ("prop.mag", format!("{number}")),
            4 => ("prop.count", format!("lte:{}", self.below(5))),
            5 => ("prop.count", "in:1,3,true".to_owned()),
            6 => (
                "prop.kind",
                format!("ne:{}", self.text(&["quake", "5", "\"5\"", "null"])),
            ),
            7 => ("prop.kind", "in:\"quake\",blast".to_owned()),
            8 => ("prop.kind", "gte:c".to_owned()),
            9 => ("prop.deep.er.n", format!("{}", self.below(3))),
            10 => ("prop.deep", format!("exists:{}", self.chance(2))),
            11 => ("prop.when", "since:2024-06-01T00:00:00Z".to_owned()),
            12 => ("prop.when", "until:2024-06-01T00:00:00Z".to_owned()),
            _ => (
                "seq",
                format!(
                    "{}:{}",
                    self.text(&["gt", "gte", "lt", "lte"]),
                    self.below(at + 2)
                ),
            ),
        };
        (key.to_owned(), expression)
    }

    fn bbox(&mut self) -> BoundingBox {
        let (a, b) = (self.position(), self.position());
        BoundingBox::new(a[0], a[1].min(b[1]), b[0], a[1].max(b[1])).unwrap()
    }
}

/// A version of a feature as a scan sees it.
struct Row {
    id: String,
    seq: u64,
    /// When the next version superseded it.
    died: u64,
    shape: Option<Shape>,
    properties: Value,
}

impl Row {
    fn envelope(&self) -> Option<Rect> {
        let shape = self.shape.as_ref()?;
        let positions = shape.points.iter();
        let rings = shape.areas.iter().flat_map(|area| &area.rings);
        let positions = positions.chain(shape.lines.iter().chain(rings).flatten());
        positions.map(|p| Rect::point(*p)).reduce(|mut all, p| {
            all.extend(&p);
            all
        })
    }
}

struct Fixture {
    db: Database,
    rows: Vec<Row>,
    _dir: tempfile::TempDir,
}

impl Fixture {
    /// A database of random features, some of them written again or deleted.
    fn new(random: &mut Random, writes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
        let mut rows: Vec<Row> = Vec::new();
        let mut operations: Vec<Operation> = Vec::new();
        for seq in 1..=writes {
            let id = format!("f{}", random.below(writes));
            let living = rows
                .iter_mut()
                .find(|row| row.id == id && row.died == u64::MAX);
            if let Some(row) = living {
                row.died = seq;
                if random.chance(2) {
                    // What is not committed yet cannot be deleted.
                    db.write(std::mem::take(&mut operations)).ok();
                    operations.push(db.prepare_delete_feature(&id, None).unwrap());
                    continue;
                }
            }
            let geometry = match random.chance(12) {
                true => Value::Null,
                false => random.geometry(4),
            };
            let properties = random.properties();
            let feature = json!({
                "type": "Feature", "id": id, "geometry": geometry, "properties": properties,
            });
            let text = feature.to_string();
            operations.extend(db.prepare_features(text.as_bytes()).unwrap().operations);
            rows.push(Row {
                id,
                seq,
                died: u64::MAX,
                shape: (!geometry.is_null()).then(|| shape(&geometry)),
                properties,
            });
        }
        db.write(operations).unwrap();
        assert_eq!(db.info().unwrap().seq, writes);
        Self {
            db,
            rows,
            _dir: dir,
        }
    }

    fn visible(&self, at: u64) -> impl Iterator<Item = &Row> {
        let rows = self.rows.iter();
        rows.filter(move |row| row.seq <= at && at < row.died)
    }

    /// All pages of a search: ids, and the features themselves.
    fn pages(&self, search: &Search) -> (Vec<String>, Vec<Value>) {
        let mut search = search.clone();
        let mut features = Vec::new();
        loop {
            let page = self.db.search(&search).unwrap();
            let found: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
            assert_eq!(found.len(), page.returned);
            assert!(page.returned <= search.limit);
            assert!(page.returned == search.limit || page.next.is_none());
            features.extend(found);
            let Some(next) = page.next else { break };
            search.cursor = Some(next);
            // The cursor has its own.
            search.as_of = None;
        }
        let id = |feature: &Value| feature["id"].as_str().unwrap().to_owned();
        (features.iter().map(id).collect(), features)
    }
}

fn shape(geometry: &Value) -> Shape {
    let text = geometry.to_string();
    let mut cbor = Vec::new();
    encode_json(
        &Source::new(text.as_bytes()).unwrap().value().unwrap(),
        &mut cbor,
    );
    Shape::of_geometry(&cbor).unwrap()
}

/// What the documentation of [`Filter`] says, over JSON.
fn holds(key: &str, expression: &str, row: &Row) -> bool {
    let ops = [
        "eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "since", "until",
    ];
    let (op, text) = match expression.split_once(':') {
        Some((op, text)) if ops.contains(&op) => (op, text),
        _ => ("eq", expression),
    };
    let found = match key.strip_prefix("prop.") {
        Some(path) => row
            .properties
            .pointer(&format!("/{}", path.replace('.', "/")))
            .cloned(),
        None => Some(json!(row.seq)),
    };
    let equals = |text: &str| match (&found, text.strip_prefix('"')) {
        (Some(Value::String(found)), Some(quoted)) => found == quoted.trim_end_matches('"'),
        (_, Some(_)) | (None, None) => false,
        (Some(Value::String(found)), None) => found == text,
        (Some(Value::Number(n)), None) => text.parse() == Ok(n.as_f64().unwrap()),
        (Some(Value::Null), None) => text == "null",
        (Some(Value::Bool(found)), None) => text.parse() == Ok(*found),
        (Some(_), None) => false,
    };
    let order = || match (&found, text.parse::<f64>()) {
        (Some(Value::Number(n)), Ok(value)) => n.as_f64().unwrap().partial_cmp(&value),
        (Some(Value::String(found)), Err(_)) => Some(found.as_str().cmp(text)),
        _ => None,
    };
    let time = || {
        found
            .as_ref()
            .and_then(Value::as_str)
            .and_then(parse_timestamp)
    };
    match op {
        "eq" => equals(text),
        "ne" => !equals(text),
        "in" => text.split(',').any(equals),
        "gt" => order().is_some_and(|o| o.is_gt()),
        "gte" => order().is_some_and(|o| o.is_ge()),
        "lt" => order().is_some_and(|o| o.is_lt()),
        "lte" => order().is_some_and(|o| o.is_le()),
        "exists" => found.is_some() == (text == "true"),
        "since" => time().is_some_and(|t| t >= parse_timestamp(text).unwrap()),
        "until" => time().is_some_and(|t| t < parse_timestamp(text).unwrap()),
        other => panic!("{other}"),
    }
}

/// How often to go through everything; each time with another seed.
fn rounds(few: u64) -> u64 {
    match std::env::var("FORMDB_SOAK") {
        Ok(_) => few * 50,
        Err(_) => few,
    }
}

#[test]
fn searches_find_what_a_scan_finds() {
    const WRITES: u64 = 70;
    for seed in 0..rounds(30) {
        let mut random = Random(seed);
        let fixture = Fixture::new(&mut random, WRITES);
        for turn in 0..1_200 {
            let at = if random.chance(3) {
                random.below(WRITES + 1)
            } else {
                WRITES
            };
            let predicate = match random.below(3) {
                0 => Predicate::Intersects,
                1 => Predicate::Within,
                _ => Predicate::Contains,
            };
            // Where, and the same without any index.
            let (area, target) = match random.below(6) {
                0 => (Area::Everything, None),
                1..=2 => {
                    let bbox = random.bbox();
                    (
                        Area::Box(bbox),
                        Some(Prepared::new(Shape::rects(&bbox.parts()))),
                    )
                }
                _ => {
                    let geometry = random.geometry(2);
                    let text = geometry.to_string();
                    match QueryGeometry::parse(text.as_bytes(), &Limits::default()) {
                        Ok(parsed) => (
                            Area::Geometry(Arc::new(parsed)),
                            Some(Prepared::new(shape(&geometry))),
                        ),
                        Err(error) => {
                            assert!(error.to_string().contains("no position"), "{error} {text}");
                            continue;
                        }
                    }
                }
            };
            let filters: Vec<(String, String)> = (0..random.below(5).saturating_sub(2))
                .map(|_| random.filter(at))
                .collect();
            let search = Search {
                area,
                predicate,
                filters: filters
                    .iter()
                    .map(|(k, e)| Filter::parse(k, e).unwrap())
                    .collect(),
                limit: if random.chance(2) {
                    1_000
                } else {
                    1 + random.below(9) as usize
                },
                cursor: None,
                as_of: (at < WRITES).then_some(at),
            };
            let expected: Vec<&str> = fixture
                .visible(at)
                .filter(|row| {
                    let lies = |target: &Prepared| {
                        let shape = row.shape.clone();
                        shape.is_some_and(|shape| target.accepts(shape, predicate))
                    };
                    target.as_ref().is_none_or(lies)
                        && filters.iter().all(|(key, text)| holds(key, text, row))
                })
                .map(|row| row.id.as_str())
                .collect();
            let (found, _) = fixture.pages(&search);
            assert_eq!(
                found, expected,
                "seed {seed} turn {turn} {search:?} {filters:?}"
            );
            if random.chance(4) {
                let count = fixture.db.count(&search).unwrap();
                assert_eq!(
                    count,
                    (expected.len() as u64, at),
                    "seed {seed} turn {turn}"
                );
            }
        }
    }
}

#[test]
fn nearby_finds_the_nearest() {
    const WRITES: u64 = 70;
    for seed in 0..rounds(12) {
        let mut random = Random(seed + 1_000_000);
        let fixture = Fixture::new(&mut random, WRITES);
        for turn in 0..200 {
            let at = if random.chance(3) {
                random.below(WRITES + 1)
            } else {
                WRITES
            };
            let point = random.position();
            let k = random.chance(2).then(|| 1 + random.below(30) as usize);
            let radius = (k.is_none() || random.chance(2))
                .then(|| [0.0, 1e5, 3e6, 9e6, 3e7][random.below(5) as usize]);
            let filters: Vec<(String, String)> = (0..random.below(4).saturating_sub(2))
                .map(|_| random.filter(at))
                .collect();
            let search = Search {
                area: Area::Near(Near { point, k, radius }),
                predicate: Predicate::Intersects,
                filters: filters
                    .iter()
                    .map(|(k, e)| Filter::parse(k, e).unwrap())
                    .collect(),
                limit: if random.chance(2) {
                    1_000
                } else {
                    1 + random.below(9) as usize
                },
                cursor: None,
                as_of: (at < WRITES).then_some(at),
            };
            let center = Center::new(point);
            let mut expected: Vec<(f64, u64, &str)> = fixture
                .visible(at)
                .filter(|row| filters.iter().all(|(key, text)| holds(key, text, row)))
                .filter_map(|row| {
                    let distance = center.distance_to(row.shape.as_ref()?)?;
                    Some((distance, row.seq, row.id.as_str()))
                })
                .filter(|(distance, ..)| radius.is_none_or(|radius| *distance <= radius))
                .collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            expected.truncate(k.unwrap_or(usize::MAX));
            let (_, features) = fixture.pages(&search);
            let found: Vec<(f64, &str)> = features
                .iter()
                .map(|f| (f["distance"].as_f64().unwrap(), f["id"].as_str().unwrap()))
                .collect();
            let expected: Vec<(f64, &str)> = expected.iter().map(|e| (e.0, e.2)).collect();
            // Points at no distance may be found by their position or by their shape.
            assert_eq!(
                found.len(),
                expected.len(),
                "seed {seed} turn {turn} {search:?}"
            );
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found.0 - expected.0).abs() < 1e-6,
                    "seed {seed} turn {turn} {search:?}"
                );
            }
            assert_eq!(found, expected, "seed {seed} turn {turn} {search:?}");
            let count = fixture.db.count(&search).unwrap();
            assert_eq!(
                count,
                (expected.len() as u64, at),
                "seed {seed} turn {turn}"
            );
        }
    }
}

#[test]
fn heatmaps_count_every_feature_once() {
    const WRITES: u64 = 70;
    for seed in 0..rounds(10) {
        let mut random = Random(seed + 2_000_000);
        let fixture = Fixture::new(&mut random, WRITES);
        for turn in 0..200 {
            let at = if random.chance(3) {
                random.below(WRITES + 1)
            } else {
                WRITES
            };
            let bbox = random.bbox();
            let grid = match random.below(3) {
                0 => Grid::Tiles {
                    zoom: random.below(7) as u8,
                },
                1 => Grid::Degrees {
                    lon: 30.0,
                    lat: 15.0,
                },
                _ => Grid::Degrees {
                    lon: 7.0,
                    lat: 11.3,
                },
            };
            let filters: Vec<(String, String)> = (0..random.below(3).saturating_sub(1))
                .map(|_| random.filter(at))
                .collect();
            let summed = random.chance(3);
            let heatmap = Heatmap {
                bbox,
                grid,
                sum: summed.then(|| "count".to_owned()),
                filters: filters
                    .iter()
                    .map(|(k, e)| Filter::parse(k, e).unwrap())
                    .collect(),
                as_of: (at < WRITES).then_some(at),
            };
            let page = fixture.db.heatmap(&heatmap).unwrap();
            assert_eq!(page.seq, at);
            let mut left = page.cells.clone();
            for row in fixture.visible(at) {
                let Some(Rect { min, max }) = row.envelope() else {
                    continue;
                };
                let [mut lon, lat] = [0, 1].map(|i| min[i] + (max[i] - min[i]) / 2.0);
                let value = row.properties["count"].as_f64();
                let inside = bbox
                    .pieces()
                    .iter()
                    .any(|p| p.contains(&Rect::point([lon, lat])));
                if !inside
                    || summed && value.is_none()
                    || !filters.iter().all(|(key, text)| holds(key, text, row))
                {
                    continue;
                }
                if lat.abs() == 90.0 {
                    lon = bbox.west;
                }
                if lon == 180.0 {
                    lon = -180.0;
                }
                // Half-open cells, of which the northernmost have the pole.
                let holding: Vec<&mut Cell> = left
                    .iter_mut()
                    .filter(|cell| {
                        let Rect { min, max } = cell.bounds;
                        min[0] <= lon
                            && lon < max[0]
                            && min[1] <= lat
                            && (lat < max[1] || lat == 90.0 && max[1] == 90.0)
                    })
                    .collect();
                assert_eq!(
                    holding.len(),
                    1,
                    "seed {seed} turn {turn} {lon} {lat} {heatmap:?}"
                );
                for cell in holding {
                    cell.count -= 1;
                    cell.sum = cell.sum.map(|sum| sum - value.unwrap());
                }
            }
            for cell in left {
                assert_eq!(
                    (cell.count, cell.sum.unwrap_or(0.0)),
                    (0, 0.0),
                    "seed {seed} turn {turn}"
                );
            }
        }
    }
}

/// A database with points at one place that have these values.
fn values_at_one_place(values: &[f64]) -> (Database, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    let feature = |(n, value): (usize, &f64)| {
        json!({
            "type": "Feature", "id": format!("f{n}"), "properties": {"value": value},
            "geometry": {"type": "Point", "coordinates": [1, 2]},
        })
    };
    let features: Vec<Value> = values.iter().enumerate().map(feature).collect();
    let text = json!({"type": "FeatureCollection", "features": features}).to_string();
    let prepared = db.prepare_features(text.as_bytes()).unwrap();
    db.write(prepared.operations).unwrap();
    (db, dir)
}

#[test]
fn sums_are_rounded_once() {
    let tenth = [0.1; 10];
    for (values, expected) in [
        (&[1e16, 1.0, -1e16][..], 1.0),
        (&[1.0, 1e16, -1e16], 1.0),
        (&[1e300, 1e16, 1.0, -1e16, -1e300, 1e-300], 1.0),
        (&[1e308, 1e308, -1e308], 1e308),
        (&tenth, 1.0),
    ] {
        let (db, _dir) = values_at_one_place(values);
        let heatmap = Heatmap {
            bbox: BoundingBox::parse("0,0,9,9").unwrap(),
            grid: Grid::Tiles { zoom: 3 },
            sum: Some("value".to_owned()),
            filters: Vec::new(),
            as_of: None,
        };
        let cells = db.heatmap(&heatmap).unwrap().cells;
        let found: Vec<_> = cells.iter().map(|cell| (cell.count, cell.sum)).collect();
        assert_eq!(found, [(values.len() as u64, Some(expected))], "{values:?}");
        // What was there when the first two were.
        let two = Heatmap {
            as_of: Some(2),
            ..heatmap
        };
        match values[0] + values[1] {
            sum if sum.is_finite() => {
                assert_eq!(db.heatmap(&two).unwrap().cells[0].sum, Some(sum));
            }
            _ => {
                let refusal = db.heatmap(&two).unwrap_err().to_string();
                assert!(refusal.contains("beyond the range"), "{refusal}");
            }
        }
    }
}

#[test]
fn commit_times_select_versions() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    let mut times = Vec::new();
    for n in 0..20 {
        let text = format!(
            r#"{{"type":"Feature","id":"f{n}","geometry":{{"type":"Point","coordinates":[{n},0]}}}}"#
        );
        let prepared = db.prepare_features(text.as_bytes()).unwrap();
        let ack = db.write(prepared.operations).unwrap();
        times.push(ack.time);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    for area in [
        Area::Everything,
        Area::Box(BoundingBox::parse("-1,-1,20,1").unwrap()),
        Area::Near(Near {
            point: [0.0, 0.0],
            k: Some(100),
            radius: None,
        }),
    ] {
        for offset in [-1, 0, 1] {
            for (n, time) in times.iter().enumerate() {
                let text = format_timestamp(time + offset);
                let count = |op: &str, as_of: u64| {
                    let search = Search {
                        area: area.clone(),
                        predicate: Predicate::Intersects,
                        filters: vec![Filter::parse("time", &format!("{op}:{text}")).unwrap()],
                        limit: 100,
                        cursor: None,
                        as_of: Some(as_of),
                    };
                    let found = db.search(&search).unwrap().returned as u64;
                    assert_eq!(db.count(&search).unwrap().0, found);
                    found
                };
                let before = n as u64 + u64::from(offset > 0);
                assert_eq!(count("until", 20), before);
                assert_eq!(count("since", 20), 20 - before);
                assert_eq!(count("since", 1), 1_u64.saturating_sub(before));
            }
        }
    }
}

#[test]
fn a_distance_takes_the_place_of_one_the_feature_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    for text in [
        r#"{"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[0,0]},"properties":{"distance":7},"distance":"far"}"#,
        r#"{"type":"Feature","id":"b","geometry":{"type":"Point","coordinates":[0,1]},"properties":{"distance":7}}"#,
    ] {
        db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
            .unwrap();
    }
    let search = Search {
        area: Area::Near(Near {
            point: [0.0, 0.0],
            k: Some(9),
            radius: None,
        }),
        predicate: Predicate::Intersects,
        filters: Vec::new(),
        limit: 9,
        cursor: None,
        as_of: None,
    };
    let page = db.search(&search).unwrap();
    let text = String::from_utf8(page.json).unwrap();
    let found: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(text.matches("\"distance\"").count(), 4, "{text}");
    assert_eq!(found[0]["distance"], json!(0.0));
    assert_eq!(found[0]["properties"]["distance"], json!(7));
    let metres = found[1]["distance"].as_f64().unwrap();
    assert!((metres - 110_574.388_557).abs() < 1e-5, "{metres}");
    // Members keep their values, and the text is what Source takes.
    assert!(Source::new(text.as_bytes()).unwrap().value().is_ok());
}

#[test]
fn refusals_name_what_they_refuse() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    let search = |area: Area| Search {
        area,
        predicate: Predicate::Intersects,
        filters: Vec::new(),
        limit: 9,
        cursor: None,
        as_of: None,
    };
    let near = |point, k, radius| search(Area::Near(Near { point, k, radius }));
    for (search, text) in [
        (near([181.0, 0.0], Some(1), None), "the point is 181,0"),
        (near([0.0, f64::NAN], Some(1), None), "the point is 0,NaN"),
        (near([0.0, 0.0], None, None), "neither k nor radius"),
        (near([0.0, 0.0], Some(0), None), "k is 0"),
        (near([0.0, 0.0], None, Some(-1.0)), "the radius is -1"),
        (
            Search {
                limit: 0,
                ..search(Area::Everything)
            },
            "the limit is 0",
        ),
        (
            Search {
                as_of: Some(3),
                ..search(Area::Everything)
            },
            "as_of is 3",
        ),
    ] {
        let message = db.search(&search).unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
    }
    let geometry =
        |text: &str| QueryGeometry::parse(text.as_bytes(), &Limits::default()).unwrap_err();
    let error = geometry(
        r#"{"type":"Feature","geometry":{"type":"LineString","coordinates":[[0,0],[0,91]]}}"#,
    );
    assert_eq!(error.pointer(), Some("/geometry/coordinates/1/1"));
    let error = geometry(r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}"#);
    assert_eq!(error.pointer(), Some("/coordinates/0/3"));
    assert!(
        geometry(r#"{"type":"Feature","geometry":null}"#)
            .to_string()
            .contains("geometry")
    );
    let heatmap = |grid| Heatmap {
        bbox: BoundingBox::parse("-180,-90,180,90").unwrap(),
        grid,
        sum: None,
        filters: Vec::new(),
        as_of: None,
    };
    for (grid, text) in [
        (Grid::Tiles { zoom: 25 }, "zoom level is 25"),
        (Grid::Tiles { zoom: 10 }, "1048576"),
        (Grid::Degrees { lon: 0.0, lat: 1.0 }, "width of a cell is 0"),
        (
            Grid::Degrees {
                lon: 1.0,
                lat: f64::INFINITY,
            },
            "height of a cell is inf",
        ),
    ] {
        let message = db.heatmap(&heatmap(grid)).unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
    }
}
