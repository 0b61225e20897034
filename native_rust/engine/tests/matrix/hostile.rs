//! Hostile documents through every way in, and every answer about them held against
//! plain JSON: what was accepted is read by every reader, for ever.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use formdb_engine::fs::FileSystem;
use formdb_engine::types::{Antimeridian, BoundingBox};
use formdb_engine::{
    Area, Begin, Cancel, Commit, Database, Error, Filter, Grid, Heatmap, Near, Operation,
    Predicate, QueryGeometry, Reach, Reply, Search, Transaction, salvage, verify,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::ask::{parsed, same, text};
use super::disk::SimFs;
use super::documents::{Choices, LEVELS, Place, WORDS, each_member, given_back, positions};
use super::model::{Change, Model};
use super::workload::{DIR, limits_with_snapshots, open_with};
use super::{report, seeds};

/// What was tried, over all cases.
#[derive(Default)]
struct Tally {
    sent: usize,
    accepted: usize,
    answers: usize,
    /// Words that occurred at a level in a document that was accepted.
    seen: BTreeSet<(usize, String)>,
}

/// A database and the plain JSON it should hold.
struct Pair {
    fs: SimFs,
    db: Arc<Database>,
    model: Model,
    past: Vec<Model>,
    /// The last point of each series: when, its metadata and provenance.
    last: BTreeMap<String, (i64, Option<Value>, Option<Value>)>,
    answers: usize,
    seen: Vec<Value>,
    sent: usize,
    accepted: usize,
}

fn open(fs: &SimFs) -> Result<Arc<Database>, String> {
    open_with(fs, limits_with_snapshots())
        .map(Arc::new)
        .map_err(text)
}

/// RFC 7396, but for the geometry, which is one value.
fn patched(mut feature: Value, patch: &Value) -> Value {
    fn merge(target: &mut Value, patch: &Value) {
        let Value::Object(patch) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = Value::Object(Map::new());
        }
        for (name, value) in patch {
            match value {
                Value::Null => drop(target.as_object_mut().unwrap().remove(name)),
                value => merge(&mut target[name.as_str()], value),
            }
        }
    }
    let mut patch = patch.clone();
    let geometry = patch.as_object_mut().unwrap().remove("geometry");
    feature.as_object_mut().unwrap().remove("provenance");
    let id = feature["id"].clone();
    merge(&mut feature, &patch);
    // A feature cannot lose its id.
    let members = feature.as_object_mut().unwrap();
    members.entry("id").or_insert(id);
    if let Some(geometry) = geometry {
        feature["geometry"] = geometry;
    }
    given_back(feature)
}

/// A refusal that tells the client which part of its document to mend.
fn check_refusal(error: &Error, document: &Value) -> Result<(), String> {
    let pointers: Vec<&String> = match error {
        Error::Invalid { pointer, .. } => vec![pointer],
        Error::Faults { faults, total, .. } => {
            same("faults", faults.len() as u64, *total)?;
            faults.iter().map(|fault| &fault.pointer).collect()
        }
        _ => return Err(format!("{error} of {document}")),
    };
    for pointer in pointers {
        // What is missing is not there, but what it should be in is.
        let around = pointer.rsplit_once('/').map_or("", |(around, _)| around);
        if document.pointer(around).is_none() {
            return Err(format!("{pointer} is nowhere in {document}: {error}"));
        }
    }
    Ok(())
}

impl Pair {
    fn new() -> Result<Self, String> {
        let fs = SimFs::new();
        Ok(Self {
            db: open(&fs)?,
            fs,
            model: Model::default(),
            past: Vec::new(),
            last: BTreeMap::new(),
            answers: 0,
            seen: Vec::new(),
            sent: 0,
            accepted: 0,
        })
    }

    /// Commit what was accepted, and have the model do the same.
    fn commit(
        &mut self,
        operations: Vec<Operation>,
        changes: &[Change],
        documents: &[Value],
    ) -> Result<(), String> {
        let ack = self.db.write(operations).map_err(text)?;
        same("first block", ack.first_seq, self.model.seq + 1)?;
        self.accept(changes, documents);
        same("last block", ack.last_seq, self.model.seq)
    }

    fn accept(&mut self, changes: &[Change], documents: &[Value]) {
        self.past.push(self.model.clone());
        self.model.apply(changes);
        self.accepted += documents.len();
        self.seen.extend_from_slice(documents);
    }

    /// Whether a document was accepted; if not, the refusal has to make sense.
    fn sent<T>(
        &mut self,
        result: Result<T, Error>,
        request: &Value,
        documents: usize,
    ) -> Result<Option<T>, String> {
        self.sent += documents;
        match result {
            Ok(prepared) => Ok(Some(prepared)),
            Err(error) => check_refusal(&error, request).map(|()| None),
        }
    }

    fn post(&mut self, feature: Value) -> Result<(), String> {
        let prepared = self.db.prepare_features(feature.to_string().as_bytes());
        match self.sent(prepared, &feature, 1)? {
            None => Ok(()),
            Some(prepared) => {
                let change = Change::Put(given_back(feature.clone()));
                self.commit(prepared.operations, &[change], &[feature])
            }
        }
    }

    fn post_many(&mut self, features: Vec<Value>) -> Result<(), String> {
        let collection = json!({"type": "FeatureCollection", "features": features, "id": {}});
        let prepared = self.db.prepare_features(collection.to_string().as_bytes());
        let Some(prepared) = self.sent(prepared, &collection, features.len())? else {
            return Ok(());
        };
        let ids: BTreeSet<&String> = prepared.ids.iter().collect();
        same("ids of a collection", ids.len(), features.len())?;
        let puts = features.iter().cloned().map(|f| Change::Put(given_back(f)));
        let puts: Vec<Change> = puts.collect();
        self.commit(prepared.operations, &puts, &features)
    }

    fn put(&mut self, id: &str, mut feature: Value) -> Result<(), String> {
        feature.as_object_mut().unwrap().remove("id");
        let prepared =
            self.db
                .prepare_feature_as(id, feature.to_string().as_bytes(), Antimeridian::Refuse);
        let Some(prepared) = self.sent(prepared, &feature, 1)? else {
            return Ok(());
        };
        feature["id"] = json!(id);
        let change = Change::Put(given_back(feature.clone()));
        self.commit(prepared.operations, &[change], &[feature])
    }

    fn patch(&mut self, id: &str, patch: Value) -> Result<(), String> {
        let Some((_, feature)) = self.model.features().get(id).copied() else {
            return Ok(());
        };
        let expected = patched(feature.clone(), &patch);
        self.sent += 1;
        let text = patch.to_string();
        match self
            .db
            .prepare_patch(id, text.as_bytes(), Antimeridian::Refuse)
        {
            Ok((prepared, _)) => self.commit(
                prepared.operations,
                &[Change::Put(expected.clone())],
                &[expected],
            ),
            Err(Error::Invalid { .. } | Error::Faults { .. }) => Ok(()),
            Err(other) => Err(format!("{other} of {patch}")),
        }
    }

    /// A transaction that puts a feature, deletes another, and adds a point.
    fn transaction(&mut self, feature: Value, id: &str, point: Value) -> Result<(), String> {
        let mut operations = vec![
            json!({"op": "put_feature", "feature": feature, "id": [], "points": 7}),
            json!({"op": "put_points", "points": point, "feature": {"type": 1}}),
        ];
        let mut changes = vec![Change::Put(given_back(feature.clone()))];
        changes.extend(point_change(&point));
        if feature["id"] != id && self.model.features().contains_key(id) {
            operations.push(json!({"op": "delete_feature", "id": id, "feature": null}));
            changes.push(Change::Delete(id.to_owned()));
        }
        let request = json!({"operations": operations, "op": 1});
        let prepared = self.db.prepare_operations(request.to_string().as_bytes());
        let Some(prepared) = self.sent(prepared, &request, 2)? else {
            return Ok(());
        };
        let operations = prepared.operations;
        let txn = self.db.begin(Begin::default()).map_err(text)?.id;
        self.db.apply(&txn, operations).map_err(text)?;
        let own = self.db.feature_in(&txn, feature["id"].as_str().unwrap());
        same(
            "own feature",
            &parsed::<Value>(&own.map_err(text)?.json)?,
            &given_back(feature.clone()),
        )?;
        let (sender, receiver) = std::sync::mpsc::channel();
        let reply = Reply::new(move |answer| drop(sender.send(answer)));
        let commit = self.db.commit(&txn, Transaction::default(), reply);
        same("commit", commit.map_err(text)?, Commit::Queued)?;
        receiver.recv().map_err(|e| e.to_string())?.map_err(text)?;
        self.note_points(&point);
        self.accept(&changes, &[feature, point]);
        Ok(())
    }

    /// Points in one of their shapes.
    fn points(&mut self, points: Vec<Value>, shape: usize) -> Result<(), String> {
        let request = match (shape, points.as_slice()) {
            (0, [point, ..]) => point.clone(),
            _ => json!({"points": points}),
        };
        let count = if shape == 0 { 1 } else { points.len() };
        let prepared = self.db.prepare_points(request.to_string().as_bytes());
        let Some(prepared) = self.sent(prepared, &request, count)? else {
            return Ok(());
        };
        // One block for points of one series and provenance, so the model asks.
        let mut changes: Vec<Change> = Vec::new();
        for operation in &prepared.operations {
            let Operation::PutPoints { batch, .. } = operation else {
                return Err("points that are none".into());
            };
            let (series, timestamps) = (batch.series.clone(), batch.timestamps.clone());
            changes.push(Change::Points(series, timestamps, batch.values.clone()));
        }
        let points = &points[..count];
        let total: usize = prepared
            .operations
            .iter()
            .map(|o| match o {
                Operation::PutPoints { batch, .. } => batch.timestamps.len(),
                _ => 0,
            })
            .sum();
        same("points", total, count)?;
        points.iter().for_each(|point| self.note_points(point));
        self.commit(prepared.operations, &changes, points)
    }

    fn note_points(&mut self, point: &Value) {
        let series = point["series_id"].as_str().unwrap().to_owned();
        let part = |name| point.get(name).cloned();
        let timestamp = point["timestamp"].as_i64().unwrap();
        let before = self.last.get(&series).map_or(i64::MIN, |last| last.0);
        if timestamp >= before {
            let last = (timestamp, part("metadata"), part("provenance"));
            self.last.insert(series, last);
        }
    }

    fn step(&mut self, number: usize, bytes: &[u8]) -> Result<(), String> {
        let mut choices = Choices(bytes);
        let kind = choices.below(16);
        let (id, place) = (format!("f{}", choices.below(12)), choices.place());
        match kind {
            0..5 => {
                let feature = choices.feature(&id, place);
                self.post(feature)
            }
            5 => {
                let count = 2 + choices.below(3);
                let ids = (0..count).map(|i| format!("f{}", i + choices.below(9)));
                let ids: Vec<String> = ids.collect();
                let features = ids.iter().map(|id| choices.feature(id, place));
                self.post_many(features.collect())
            }
            6 | 7 => {
                let feature = choices.feature(&id, place);
                self.put(&id, feature)
            }
            8..11 => {
                let patch = choices.patch(place);
                self.patch(&id, patch)
            }
            11 => {
                let other = format!("f{}", choices.below(12));
                let point = choices.point(&format!("t{number}"), number as i64);
                let feature = choices.feature(&id, place);
                self.transaction(feature, &other, point)
            }
            12 | 13 => {
                let count = 1 + choices.below(3);
                let series = format!("s{number}");
                let points = (0..count).map(|i| choices.point(&series, i as i64));
                let points = points.collect();
                self.points(points, choices.below(2))
            }
            14 if self.model.features().contains_key(id.as_str()) => {
                let provenance = choices.provenance().to_string();
                match self
                    .db
                    .prepare_delete_feature(&id, Some(provenance.as_bytes()))
                {
                    Ok(delete) => self.commit(vec![delete], &[Change::Delete(id)], &[]),
                    Err(Error::Invalid { .. }) => Ok(()),
                    Err(other) => Err(other.to_string()),
                }
            }
            _ => {
                let last = self.model.seq.max(1);
                let block = last - (choices.below(6) as u64).min(last - 1);
                if !self.model.can_undo(block) {
                    return Ok(());
                }
                let (revert, _) = self.db.prepare_revert(block, None).map_err(text)?;
                self.commit(vec![revert], &[Change::Revert(block)], &[])
            }
        }
    }

    /// Every answer about what there is now.
    fn compare(&mut self) -> Result<(), String> {
        let model = &self.model;
        let features = model.features();
        let world = "-180,-90,180,90";
        let mut places: BTreeMap<Place, Vec<(u64, &str)>> = BTreeMap::new();
        for (id, (seq, feature)) in &features {
            let mut all = Vec::new();
            positions(&feature["geometry"], &mut all);
            if let Some(first) = all.first() {
                let place = first.map(|n| (n / 10.0).floor() as i64 * 10 + 5);
                places.entry(place).or_default().push((*seq, *id));
            }
            let document = self.db.feature(id, None).map_err(text)?;
            same("feature", &parsed::<Value>(&document.json)?, *feature)?;
        }
        let mut everywhere: Vec<(u64, &str)> = places.values().flatten().copied().collect();
        everywhere.sort_unstable();
        let search = |area, predicate, filters: Vec<Filter>| Search {
            area,
            predicate,
            filters,
            limit: 1_000,
            cursor: None,
            as_of: None,
        };
        let found = |search: &Search| -> Result<Vec<String>, String> {
            let page = self
                .db
                .search(search, &self.db.budget(Cancel::default()))
                .map_err(text)?;
            let features: Vec<Value> = parsed(&page.json)?;
            let ids = features
                .iter()
                .map(|f| f["id"].as_str().unwrap().to_owned());
            let ids: Vec<String> = ids.collect();
            let (count, _) = self
                .db
                .count(search, &self.db.budget(Cancel::default()))
                .map_err(text)?;
            same("count", count, ids.len() as u64)?;
            Ok(ids)
        };
        let ids = |of: &[(u64, &str)]| {
            of.iter()
                .map(|(_, id)| (*id).to_owned())
                .collect::<Vec<_>>()
        };
        let bbox = |text: &str| BoundingBox::parse(text).unwrap();
        let all = search(Area::Box(bbox(world)), Predicate::Intersects, vec![]);
        same("the world", found(&all)?, ids(&everywhere))?;
        for (place, here) in &mut places {
            here.sort_unstable();
            let [w, s] = place.map(|n| n - 1);
            let [e, n] = place.map(|n| n + 4);
            let corners = format!("{w},{s},{e},{n}");
            let ring = json!({"type": "Polygon", "geometries": "x", "coordinates":
                [[[w, s], [e, s], [e, n], [w, n], [w, s]]]});
            let limits = formdb_engine::Limits::default();
            let ring =
                QueryGeometry::parse(ring.to_string().as_bytes(), Antimeridian::AsIs, &limits)
                    .map_err(text)?;
            let ring = Arc::new(ring);
            for predicate in [Predicate::Intersects, Predicate::Within] {
                let of_box = search(Area::Box(bbox(&corners)), predicate, vec![]);
                same("a box", found(&of_box)?, ids(here))?;
                let area = Area::Geometry(Arc::clone(&ring));
                same(
                    "a polygon",
                    found(&search(area, predicate, vec![]))?,
                    ids(here),
                )?;
            }
            let near = Near {
                point: place.map(|n| n as f64),
                k: None,
                radius: Some(450_000.0),
            };
            let mut near = found(&search(Area::Near(near), Predicate::Intersects, vec![]))?;
            let mut expected = ids(here);
            near.sort();
            expected.sort();
            same("near", near, expected)?;
        }
        let heatmap = Heatmap {
            bbox: bbox(world),
            grid: Grid::Degrees {
                lon: 10.0,
                lat: 10.0,
            },
            sum: None,
            filters: Vec::new(),
            as_of: None,
        };
        let cells = self
            .db
            .heatmap(&heatmap, &self.db.budget(Cancel::default()))
            .map_err(text)?
            .cells;
        let cells: BTreeMap<Place, usize> = cells
            .iter()
            .map(|cell| (cell.bounds.min.map(|n| n as i64 + 5), cell.count as usize))
            .collect();
        let expected: BTreeMap<Place, usize> =
            places.iter().map(|(p, here)| (*p, here.len())).collect();
        same("heatmap", cells, expected)?;
        for (outer, inner) in [
            ("type", "geometry"),
            ("geometry", "coordinates"),
            ("n", "id"),
        ] {
            let lookup = |feature: &Value, path: &[&str]| {
                let mut value = feature.get("properties");
                for name in path {
                    value = value.and_then(Value::as_object).and_then(|m| m.get(*name));
                }
                value.cloned()
            };
            for path in [&[outer][..], &[outer, inner][..]] {
                let key = format!("prop.{}", path.join("."));
                for (expression, holds) in [
                    ("exists", (|_| true) as fn(&Value) -> bool),
                    ("eq:5", |value| value.as_f64() == Some(5.0)),
                ] {
                    let filter = Filter::parse(&key, expression).map_err(text)?;
                    let area = Area::Everything;
                    let found = found(&search(area, Predicate::Intersects, vec![filter]))?;
                    let mut expected: Vec<(u64, &str)> = features
                        .iter()
                        .filter(|(_, (_, f))| lookup(f, path).is_some_and(|v| holds(&v)))
                        .map(|(id, (seq, _))| (*seq, *id))
                        .collect();
                    expected.sort_unstable();
                    same(&key, found, ids(&expected))?;
                }
            }
        }
        let schema: Value = parsed(
            &self
                .db
                .schema(None, &self.db.budget(Cancel::default()))
                .map_err(text)?,
        )?;
        let mut types: BTreeMap<&str, u64> = BTreeMap::new();
        let mut names: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, feature) in features.values() {
            *types
                .entry(feature["geometry"]["type"].as_str().unwrap_or("null"))
                .or_default() += 1;
            for name in feature["properties"].as_object().into_iter().flatten() {
                *names.entry(name.0).or_default() += 1;
            }
        }
        same(
            "types",
            &schema["features"]["geometry_types"],
            &json!(types),
        )?;
        let counted = schema["features"]["properties"].as_object().unwrap();
        let counted = counted
            .iter()
            .map(|(name, what)| (name.as_str(), what["count"].as_u64().unwrap()));
        same("names", counted.collect::<BTreeMap<_, _>>(), names)?;
        for (series, (_, metadata, provenance)) in &self.last {
            let Ok(latest) = self.db.latest(series, None) else {
                // It was undone.
                continue;
            };
            let json = |text: Option<Vec<u8>>| text.map(|t| parsed::<Value>(&t)).transpose();
            let alive = model.points(series).len();
            let written = model.series[series].len();
            if alive == written {
                same("metadata", &json(latest.metadata)?, metadata)?;
                same("provenance", &json(latest.provenance)?, provenance)?;
            }
        }
        self.answers += 20 + 6 * places.len() + features.len();
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), String> {
        self.db.close();
        self.db = open(&self.fs)?;
        same("bytes cut", self.db.recovered().bytes_cut, 0)?;
        self.compare()
    }

    /// Opened with a snapshot and without, verified, salvaged: always the same.
    fn for_ever(&mut self) -> Result<(), String> {
        self.compare()?;
        for past in self.past.iter().step_by(7) {
            compare_as_of_any(&self.db, past)?;
        }
        self.reopen()?;
        self.db.close();
        let dir = Path::new(DIR);
        let report = verify(&self.fs, dir, &mut |_| {}).map_err(text)?;
        if !report.is_sound() {
            return Err(format!("{report:?}"));
        }
        let files: Arc<dyn FileSystem> = Arc::new(self.fs.clone());
        let copy = Path::new("/data/copy");
        if self.model.seq > 0 {
            salvage(&files, dir, copy, Reach::Provable, &mut |_| {}).map_err(text)?;
            let db = Database::open(files, copy, limits_with_snapshots()).map_err(text)?;
            same("salvaged", db.info().map_err(text)?.root, report.root)?;
            db.close();
        }
        let mut image = self.fs.now();
        for (path, _) in image.files() {
            if path.starts_with(dir.join("snapshots")) {
                image = image.without_file(&path);
            }
        }
        self.fs = SimFs::of(image);
        self.db = open(&self.fs)?;
        self.compare()?;
        self.db.close();
        Ok(())
    }
}

/// The features of a state that is past.
fn compare_as_of_any(db: &Database, past: &Model) -> Result<(), String> {
    if past.seq == 0 {
        return Ok(());
    }
    for (id, (_, feature)) in past.features() {
        let document = db.feature(id, Some(past.seq)).map_err(text)?;
        same("feature as of", &parsed::<Value>(&document.json)?, feature)?;
    }
    Ok(())
}

fn point_change(point: &Value) -> Option<Change> {
    let series = point["series_id"].as_str()?.to_owned();
    let (timestamp, value) = (point["timestamp"].as_i64()?, point["value"].as_f64()?);
    Some(Change::Points(series, vec![timestamp], vec![value]))
}

fn run(steps: &[Vec<u8>], tally: &RefCell<Tally>) -> Result<(), String> {
    let mut pair = Pair::new()?;
    for (number, bytes) in steps.iter().enumerate() {
        pair.step(number, bytes)
            .map_err(|e| format!("step {number}: {e}"))?;
        if number % 16 == 15 {
            pair.compare()
                .map_err(|e| format!("after step {number}: {e}"))?;
        }
    }
    pair.for_ever()?;
    let mut tally = tally.borrow_mut();
    tally.sent += pair.sent;
    tally.accepted += pair.accepted;
    tally.answers += pair.answers;
    for document in &pair.seen {
        each_member(document, &mut |level, name| {
            tally.seen.insert((level, name.to_owned()));
        });
    }
    Ok(())
}

#[test]
fn what_is_accepted_is_read_by_every_reader_for_ever() {
    const CASES: u32 = 430;
    let began = Instant::now();
    let tally = RefCell::new(Tally::default());
    for seed in seeds(1) {
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            max_shrink_iters: 2_000,
            ..Config::default()
        };
        let bytes: Vec<u8> = (0..4).flat_map(|i| (seed + i).to_le_bytes()).collect();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let document = proptest::collection::vec(any::<u8>(), 30..160);
        let result = runner.run(&proptest::collection::vec(document, 40..64), |steps| {
            run(&steps, &tally).map_err(TestCaseError::fail)
        });
        if let Err(TestError::Fail(reason, _)) = result {
            panic!("seed {seed} (FORMDB_SEED): {reason}");
        }
        result.unwrap();
    }
    let Tally {
        sent,
        accepted,
        answers,
        seen,
    } = tally.into_inner();
    report(
        "documents",
        began,
        &[
            ("sent", sent),
            ("% accepted", accepted * 100 / sent.max(1)),
            ("answers compared", answers),
        ],
    );
    assert!(sent >= 20_000, "{sent} documents");
    assert!(accepted * 2 >= sent, "{accepted} of {sent} accepted");
    for (level, name) in LEVELS.iter().enumerate() {
        for word in WORDS {
            assert!(
                seen.contains(&(level, word.to_owned())),
                "no {word:?} at {name}"
            );
        }
    }
}
