//! Random features, filters and places, a database of such features, and what a scan
//! needs of them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::block::Operation;
use crate::budget::Cancel;
use crate::db::database::Database;
use crate::fs::RealFileSystem;
use crate::geo::Shape;
use crate::limits::Limits;
use crate::read::journal::EntryQuery;
use crate::search::{Filter, Search};
use crate::types::cbor::encode_json;
use crate::types::{Antimeridian, BoundingBox, Rect, Source, format_timestamp, parse_timestamp};
use crate::write::prepare::Puts;

pub(super) use crate::testing::Random;

impl Random {
    pub(super) fn chance(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// In `[-bound, bound]`, often on a coarse grid that has the bounds on it.
    fn coordinate(&mut self, bound: f64) -> f64 {
        if self.chance(3) {
            (self.number() as f64 / u64::MAX as f64 * 2.0 - 1.0) * bound
        } else {
            (self.below(13) as f64 - 6.0) * bound / 6.0
        }
    }

    pub(super) fn position(&mut self) -> [f64; 2] {
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

    pub(super) fn geometry(&mut self, depth: u64) -> Value {
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
            "tags": (0..self.below(4)).map(|_| self.text(&["a", "b", "5"])).collect::<Vec<_>>(),
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

    /// One of properties, or of the sequence as of `at`.
    fn filter(&mut self, at: u64) -> Condition {
        let number = self.below(20) as f64 / 2.0;
        let (key, expression) = match self.below(18) {
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
            13 => ("prop.kind", "contains:a".to_owned()),
            14 => ("prop.kind", "starts:qu".to_owned()),
            15 => ("prop.tags", format!("has:{}", self.text(&["a", "5", "c"]))),
            16 => ("prop.kind", "in: blast , \"5\"".to_owned()),
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

    pub(super) fn bbox(&mut self) -> BoundingBox {
        let (a, b) = (self.position(), self.position());
        BoundingBox::new(a[0], a[1].min(b[1]), b[0], a[1].max(b[1])).unwrap()
    }
}

/// Key and expression of a filter.
pub(super) type Condition = (String, String);

/// A version of a feature as a scan sees it.
pub(super) struct Row {
    pub id: String,
    pub seq: u64,
    /// When the next version superseded it.
    end_seq: u64,
    /// When it was committed.
    time: i64,
    pub shape: Option<Shape>,
    /// Where it is if it is a Point.
    pub point: Option<[f64; 2]>,
    pub properties: Value,
}

impl Row {
    pub(super) fn envelope(&self) -> Option<Rect> {
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

pub(super) struct Fixture {
    pub db: Database,
    rows: Vec<Row>,
    /// When each block was committed.
    times: Vec<i64>,
    /// The last blocks of the transactions, from the first on.
    ends: Vec<u64>,
    _dir: tempfile::TempDir,
}

impl Fixture {
    /// A database of random features, some of them written again or deleted.
    pub(super) fn new(random: &mut Random, writes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
        let mut rows: Vec<Row> = Vec::new();
        let mut operations: Vec<Operation> = Vec::new();
        let mut ends = Vec::new();
        for seq in 1..=writes {
            let id = format!("f{}", random.below(writes));
            let living = rows
                .iter_mut()
                .find(|row| row.id == id && row.end_seq == u64::MAX);
            if let Some(row) = living {
                row.end_seq = seq;
                if random.chance(2) {
                    // What is not committed yet cannot be deleted.
                    if !operations.is_empty() {
                        let ack = db.write(std::mem::take(&mut operations)).unwrap();
                        ends.push(ack.last_seq);
                    }
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
            // Some go the long way round.
            let puts = Puts {
                antimeridian: Antimeridian::AsIs,
                ..Puts::default()
            };
            let prepared = db.prepare_features_with(text.as_bytes(), puts);
            operations.extend(prepared.unwrap().operations);
            rows.push(Row {
                id,
                seq,
                end_seq: u64::MAX,
                time: 0,
                shape: (!geometry.is_null()).then(|| shape(&geometry)),
                point: (geometry["type"] == "Point").then(|| {
                    let number = |place: usize| geometry["coordinates"][place].as_f64().unwrap();
                    [number(0), number(1)]
                }),
                properties,
            });
        }
        ends.push(db.write(operations).unwrap().last_seq);
        assert_eq!(db.info().unwrap().seq, writes);
        let times = commit_times(&db);
        for row in &mut rows {
            row.time = times[row.seq as usize - 1];
        }
        Self {
            db,
            rows,
            times,
            ends,
            _dir: dir,
        }
    }

    /// A sequence to ask as of: mostly the last.
    pub(super) fn at(&self, random: &mut Random) -> u64 {
        let last = self.times.len() as u64;
        match random.chance(3) {
            true => random.below(last + 1),
            false => last,
        }
    }

    /// The same as an option, which is not given where that is the last.
    pub(super) fn as_of(&self, at: u64) -> Option<u64> {
        (at < self.times.len() as u64).then_some(at)
    }

    pub(super) fn conditions(&self, random: &mut Random, at: u64, count: u64) -> Vec<Condition> {
        let of_time = |random: &mut Random| {
            let time = self.times[random.below(self.times.len() as u64) as usize];
            let time = format_timestamp(time + random.below(3) as i64 - 1);
            let op = random.text(&["since", "until"]);
            ("time".to_owned(), format!("{op}:{time}"))
        };
        let condition = |_| match random.chance(14) {
            true => of_time(random),
            false => random.filter(at),
        };
        (0..count).map(condition).collect()
    }

    /// The sequence that an answer as of `at` is of: the end of its transaction, of which
    /// nobody sees a half.
    pub(super) fn end_of(&self, at: u64) -> u64 {
        let end = self.ends.iter().find(|end| at <= **end);
        if at == 0 { 0 } else { *end.unwrap() }
    }

    /// What there is as of `at`.
    pub(super) fn visible(&self, at: u64) -> impl Iterator<Item = &Row> {
        let at = self.end_of(at);
        let rows = self.rows.iter();
        rows.filter(move |row| row.seq <= at && at < row.end_seq)
    }

    /// The feature of an id as of `at`.
    pub(super) fn feature(&self, id: &str, at: u64) -> Option<&Row> {
        self.visible(at).find(|row| row.id == id)
    }

    /// An id that is, was, will be, or is none.
    pub(super) fn id(&self, random: &mut Random) -> String {
        format!("f{}", random.below(self.times.len() as u64))
    }

    /// All pages of a search: ids, and the features themselves.
    pub(super) fn pages(&self, search: &Search) -> (Vec<String>, Vec<Value>) {
        let mut search = search.clone();
        let mut features = Vec::new();
        loop {
            let page = self
                .db
                .search(&search, &self.db.budget(Cancel::default()))
                .unwrap();
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

/// When each block was committed, from the first on.
fn commit_times(db: &Database) -> Vec<i64> {
    let query = EntryQuery::default();
    let blocks: Vec<Value> = serde_json::from_slice(
        &db.entries(&query, &db.budget(Cancel::default()))
            .unwrap()
            .json,
    )
    .unwrap();
    let time = |block: &Value| parse_timestamp(block["time"].as_str().unwrap()).unwrap();
    blocks.iter().map(time).collect()
}

pub(super) fn filters(conditions: &[Condition]) -> Vec<Filter> {
    let filter = |(key, expression): &Condition| Filter::parse(key, expression).unwrap();
    conditions.iter().map(filter).collect()
}

pub(super) fn shape(geometry: &Value) -> Shape {
    let text = geometry.to_string();
    let mut cbor = Vec::new();
    encode_json(
        &Source::new(text.as_bytes()).unwrap().value().unwrap(),
        &mut cbor,
    );
    Shape::of_geometry(&cbor).unwrap()
}

/// What the documentation of [`Filter`] says, over JSON.
pub(super) fn holds((key, expression): &Condition, row: &Row) -> bool {
    let ops = [
        "eq", "ne", "gt", "gte", "lt", "lte", "in", "has", "contains", "starts", "exists", "since",
        "until",
    ];
    let (op, text) = match expression.split_once(':') {
        Some((op, text)) if ops.contains(&op) => (op, text),
        _ => ("eq", expression.as_str()),
    };
    let found = match key.strip_prefix("prop.") {
        Some(path) => row
            .properties
            .pointer(&format!("/{}", path.replace('.', "/")))
            .cloned(),
        None if key == "time" => Some(json!(format_timestamp(row.time))),
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
        "in" => text.split(',').map(str::trim).any(equals),
        "has" => found
            .as_ref()
            .and_then(Value::as_array)
            .is_some_and(|items| items.contains(&json!(text))),
        "contains" => found
            .as_ref()
            .is_some_and(|f| f.as_str().is_some_and(|f| f.contains(text))),
        "starts" => found
            .as_ref()
            .is_some_and(|f| f.as_str().is_some_and(|f| f.starts_with(text))),
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
