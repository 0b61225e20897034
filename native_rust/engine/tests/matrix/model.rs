//! What a database should hold, in plain maps, and how to ask a real one.

use std::collections::BTreeMap;

use formdb_engine::model::BoundingBox;
use formdb_engine::{
    BoxQuery, Database, EntryQuery, Error, Operation, Order, RangeQuery, Transaction,
};
use serde_json::{Value, json};

use super::random;

/// One operation, as a client would ask for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A GeoJSON feature with an id.
    Put(Value),
    /// A series, timestamps and values.
    Points(String, Vec<i64>, Vec<f64>),
}

/// The id of a GeoJSON feature.
pub fn id_of(feature: &Value) -> &str {
    feature["id"].as_str().unwrap()
}

/// Changes as operations that the engine takes.
pub fn prepare(db: &Database, changes: &[Change]) -> Result<Transaction, Error> {
    let mut operations: Vec<Operation> = Vec::new();
    for change in changes {
        operations.extend(match change {
            Change::Put(feature) => {
                let text = serde_json::to_vec(feature).unwrap();
                db.prepare_features(&text)?.operations
            }
            Change::Points(series, timestamps, values) => {
                db.prepare_columns(series, timestamps.clone(), values.clone(), None)?
                    .operations
            }
        });
    }
    Ok(Transaction {
        operations,
        actor: None,
        ..Transaction::default()
    })
}

/// Points of a series in time order, equal timestamps in the order they arrived.
pub type Points = Vec<(i64, f64)>;

/// The state behind some number of transactions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub seq: u64,
    /// Features by id, with the sequence of their newest version.
    pub features: BTreeMap<String, (u64, Value)>,
    pub versions: BTreeMap<String, Vec<u64>>,
    pub series: BTreeMap<String, Points>,
}

impl Model {
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            self.seq += 1;
            match change {
                Change::Put(feature) => {
                    let id = id_of(feature).to_owned();
                    self.versions.entry(id.clone()).or_default().push(self.seq);
                    self.features.insert(id, (self.seq, feature.clone()));
                }
                Change::Points(series, timestamps, values) => {
                    let points = self.series.entry(series.clone()).or_default();
                    points.extend(timestamps.iter().copied().zip(values.iter().copied()));
                    points.sort_by_key(|(timestamp, _)| *timestamp);
                }
            }
        }
    }

    /// Features with a point geometry in `w,s,e,n`, by sequence. A box with west
    /// beyond east crosses the antimeridian.
    pub fn in_box(&self, [w, s, e, n]: [f64; 4]) -> Vec<&Value> {
        let inside = |feature: &Value| {
            let position = &feature["geometry"]["coordinates"];
            let (Some(x), Some(y)) = (position[0].as_f64(), position[1].as_f64()) else {
                return false;
            };
            let across = if w <= e {
                w <= x && x <= e
            } else {
                x >= w || x <= e
            };
            // A pole has every longitude, and the antimeridian two.
            let across =
                across || y.abs() == 90.0 || (x.abs() == 180.0 && (w == -180.0 || e == 180.0));
            across && s <= y && y <= n
        };
        let mut found: Vec<&(u64, Value)> =
            self.features.values().filter(|(_, f)| inside(f)).collect();
        found.sort_by_key(|(seq, _)| *seq);
        found.into_iter().map(|(_, feature)| feature).collect()
    }

    /// Compare every answer of a database with this.
    pub fn compare(&self, db: &Database) -> Result<(), String> {
        let info = db.info().map_err(text)?;
        same("sequence", info.seq, self.seq)?;
        same(
            "number of features",
            info.features,
            self.features.len() as u64,
        )?;
        same("number of series", info.series, self.series.len() as u64)?;
        let points: usize = self.series.values().map(Vec::len).sum();
        same("number of points", info.points, points as u64)?;

        let page: Vec<Value> = parsed(&world(db)?)?;
        let expected = self.in_box([-180.0, -90.0, 180.0, 90.0]);
        same("features in the world", page.iter().collect(), expected)?;
        for (id, (seq, feature)) in &self.features {
            let document = db.feature(id, None).map_err(text)?;
            same("sequence of a feature", (id, document.seq), (id, *seq))?;
            same("feature", &parsed::<Value>(&document.json)?, feature)?;
            let chain = db.provenance(id, 0, 100_000).map_err(text)?;
            let chain: Vec<Value> = parsed(&chain.json)?;
            let chain: Vec<u64> = chain.iter().filter_map(|b| b["seq"].as_u64()).collect();
            same("versions", (id, &chain), (id, &self.versions[id]))?;
        }
        absent("feature", db.feature("never written", None))?;
        for (id, points) in &self.series {
            same(
                "points",
                (id, &range(db, id, Order::Ascending)?),
                (id, points),
            )?;
            let backwards: Points = points.iter().rev().copied().collect();
            same("points", range(db, id, Order::Descending)?, backwards)?;
            let latest = db.latest(id, None).map_err(text)?;
            let last = points.last().copied();
            same("last point", Some((latest.timestamp, latest.value)), last)?;
        }
        absent("series", db.latest("never written", None))?;
        let ids: Vec<String> = db
            .series(None, 100_000, None)
            .map_err(text)?
            .into_iter()
            .map(|entry| entry.id.to_string())
            .collect();
        same("series", ids, self.series.keys().cloned().collect())?;
        self.compare_journal(db)
    }

    fn compare_journal(&self, db: &Database) -> Result<(), String> {
        let mut query = EntryQuery {
            since: 0,
            until: u64::MAX,
            op: None,
            limit: 100_000,
        };
        let mut seqs: Vec<u64> = Vec::new();
        loop {
            let page = db.entries(&query).map_err(text)?;
            let entries: Vec<Value> = parsed(&page.json)?;
            seqs.extend(entries.iter().filter_map(|entry| entry["seq"].as_u64()));
            match page.next {
                Some(next) => query.since = next,
                None => return same("journal", seqs, (1..=self.seq).collect()),
            }
        }
    }
}

fn absent<T>(what: &str, answer: Result<T, Error>) -> Result<(), String> {
    match answer {
        Err(Error::NotFound { .. }) => Ok(()),
        Err(other) => Err(other.to_string()),
        Ok(_) => Err(format!("there is a {what} that was never written")),
    }
}

pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let shown = |value: &T| format!("{value:?}").chars().take(400).collect::<String>();
    let (found, wanted) = (shown(&found), shown(&wanted));
    Err(format!("{what}: found {found}, expected {wanted}"))
}

fn parsed<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|e| e.to_string())
}

pub fn text(error: Error) -> String {
    error.to_string()
}

/// All features with a geometry, as the database gives them.
pub fn world(db: &Database) -> Result<Vec<u8>, String> {
    let query = BoxQuery {
        bbox: BoundingBox::parse("-180,-90,180,90").map_err(text)?,
        limit: 100_000,
        cursor: None,
        as_of: None,
    };
    Ok(db.features_in_box(&query).map_err(text)?.json)
}

/// All points of a series.
pub fn range(db: &Database, series: &str, order: Order) -> Result<Points, String> {
    let query = RangeQuery {
        series,
        start: i64::MIN,
        end: i64::MAX,
        order,
        limit: 100_000,
        cursor: None,
        as_of: None,
    };
    let page = db.range(&query).map_err(text)?;
    let points = page.points.iter();
    Ok(points.map(|p| (p.timestamp, p.value)).collect())
}

/// The `n`-th transaction of the workload `seed`: new features and new versions
/// of old ones, small and large, points of few and of many, and mixtures.
pub fn transaction(seed: u64, n: usize) -> Vec<Change> {
    let mut seed = super::mixed(seed, n as u64);
    let feature = |seed: &mut u64, pad: u64| {
        let pad = "x".repeat(random(seed) as usize % (pad as usize + 1));
        let (x, y) = (random(seed) % 361, random(seed) % 181);
        let geometry = match random(seed) % 8 {
            0 => Value::Null,
            _ => json!({"type": "Point", "coordinates": [x as f64 - 180.0, y as f64 - 90.0]}),
        };
        let mut feature = json!({
            "type": "Feature",
            "id": format!("f{}", random(seed) % 17),
            "geometry": geometry,
            "properties": {"n": n, "pad": pad},
        });
        if random(seed).is_multiple_of(4) {
            feature["provenance"] = json!({"source": "matrix", "n": n});
        }
        Change::Put(feature)
    };
    let points = |seed: &mut u64, most: u64| {
        let count = 1 + random(seed) % most;
        let timestamps = (0..count).map(|_| (random(seed) % 50) as i64 * 1_000_000);
        let timestamps: Vec<i64> = timestamps.collect();
        let values = (0..count).map(|i| (i + n as u64) as f64 / 4.0).collect();
        Change::Points(format!("s{}", random(seed) % 3), timestamps, values)
    };
    match random(&mut seed) % 10 {
        0..4 => (0..1 + random(&mut seed) % 3)
            .map(|_| feature(&mut seed, 300))
            .collect(),
        4 => (0..11).map(|_| feature(&mut seed, 60)).collect(),
        5 | 6 => vec![points(&mut seed, 30)],
        7 => vec![points(&mut seed, 300)],
        8 => vec![
            feature(&mut seed, 100),
            points(&mut seed, 20),
            feature(&mut seed, 100),
            points(&mut seed, 20),
        ],
        _ => vec![feature(&mut seed, 3_000)],
    }
}
