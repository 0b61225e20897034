//! Writing to a database, and comparing all its answers with the model.

use formdb_engine::types::BoundingBox;
use formdb_engine::{
    Area, BoxQuery, Cancel, Database, EntryQuery, Error, Grid, Heatmap, Operation, Order, Point,
    Predicate, RangeQuery, Search, SeriesListQuery, Transaction,
};
use serde_json::Value;

use super::model::{Change, Model};

/// Points of a series in time order.
pub type Points = Vec<(i64, f64)>;

/// Changes as a transaction that the engine takes.
pub fn prepare(db: &Database, changes: &[Change]) -> Result<Transaction, Error> {
    let mut transaction = Transaction::default();
    for change in changes {
        let mut operations: Vec<Operation> = match change {
            Change::Put(feature) => {
                let text = feature.to_string();
                db.prepare_features(text.as_bytes())?.operations
            }
            Change::Delete(id) => vec![db.prepare_delete_feature(id, None)?],
            Change::Points(series, timestamps, values) => {
                db.prepare_columns(series, timestamps.clone(), values.clone(), None)?
                    .operations
            }
            Change::DeletePoints(series, start, end) => {
                vec![db.prepare_delete_points(series, *start, *end, None)?]
            }
            Change::Attributes(series, Some(attributes)) => {
                vec![db.prepare_attributes(series, attributes.to_string().as_bytes())?]
            }
            Change::Attributes(series, None) => vec![db.prepare_delete_attributes(series, None)?],
            Change::Revert(block) => {
                let (operation, conditions) = db.prepare_revert(*block, None)?;
                transaction.conditions.extend(conditions);
                vec![operation]
            }
        };
        transaction.operations.append(&mut operations);
    }
    Ok(transaction)
}

/// Compare every answer of a database with the model.
pub fn compare(db: &Database, model: &Model) -> Result<(), String> {
    let info = db.info().map_err(text)?;
    let features = model.features();
    let alive = |id: &&String| !model.points(id).is_empty();
    let points: usize = model.series.keys().map(|id| model.points(id).len()).sum();
    same("sequence", info.seq, model.seq)?;
    same("number of features", info.features, features.len() as u64)?;
    let listed = model.listed();
    same("number of series", info.series, listed.len() as u64)?;
    same("number of points", info.points, points as u64)?;
    let all = SeriesListQuery {
        prefix: "",
        filters: &[],
        limit: 100_000,
        cursor: None,
        as_of: None,
    };
    let list = db.series_list_with(&all, true, &db.budget(Cancel::default()));
    let list = list.map_err(text)?;
    let found = list.series.iter().map(|entry| &*entry.id);
    let attributes = list.attributes.iter().flatten().map(Option::as_ref);
    let attributes = attributes.map(|json| json.map(|json| parsed::<Value>(json)).transpose());
    let attributes: Vec<Option<Value>> = attributes.collect::<Result<_, _>>()?;
    let expected = listed.iter().map(|id| (*id, model.attributes_of(id)));
    let found = found.zip(attributes.iter().map(Option::as_ref));
    same("series", found.collect::<Vec<_>>(), expected.collect())?;

    let schema = db.schema(None, &db.budget(Cancel::default()));
    let schema: Value = parsed(&schema.map_err(text)?)?;
    let mut types = serde_json::Map::new();
    for (_, feature) in features.values() {
        let name = feature["geometry"]["type"].as_str().unwrap_or("null");
        let count = types.get(name).and_then(Value::as_u64).unwrap_or(0);
        types.insert(name.into(), (count + 1).into());
    }
    let expected = (features.len() as u64, types);
    let counted = &schema["features"];
    let found_types = counted["geometry_types"].as_object().cloned();
    let found = (
        counted["count"].as_u64().unwrap_or(0),
        found_types.unwrap_or_default(),
    );
    same("schema", found, expected)?;

    compare_as_of(db, model, None)?;
    for (id, versions) in &model.versions {
        let chain = db
            .provenance(id, 0, None, 100_000, &db.budget(Cancel::default()))
            .map_err(text)?;
        let chain: Vec<Value> = parsed(&chain.json)?;
        let chain: Vec<u64> = chain.iter().filter_map(|b| b["seq"].as_u64()).collect();
        let expected = versions.iter().map(|(seq, _)| *seq).collect();
        same("versions", (id, chain), (id, expected))?;
    }
    for (id, versions) in &model.attributes {
        let chain = db
            .attributes_provenance(id, 0, None, 100_000, &db.budget(Cancel::default()))
            .map_err(text)?;
        let chain: Vec<Value> = parsed(&chain.json)?;
        let chain = chain.iter().filter_map(|b| b["seq"].as_u64()).collect();
        let expected: Vec<u64> = versions.iter().map(|(seq, _)| *seq).collect();
        same("versions of attributes", (id, chain), (id, expected))?;
    }
    for id in model.series.keys().filter(alive) {
        let backwards: Points = model.points(id).into_iter().rev().collect();
        same("points", range(db, id, Order::Descending, None)?, backwards)?;
    }
    compare_journal(db, model)
}

/// Compare what can be asked as of a sequence with the model at that sequence.
pub fn compare_as_of(db: &Database, model: &Model, as_of: Option<u64>) -> Result<(), String> {
    let page: Vec<Value> = parsed(&world(db, as_of)?)?;
    let expected = model.in_box([-180.0, -90.0, 180.0, 90.0]);
    let places = expected.len() as u64;
    same("features in the world", page.iter().collect(), expected)?;
    let budget = db.budget(Cancel::default());
    let bbox = BoundingBox::parse("-180,-90,180,90").map_err(text)?;
    let search = Search {
        area: Area::Box(bbox),
        predicate: Predicate::Intersects,
        filters: Vec::new(),
        limit: 1,
        cursor: None,
        as_of,
    };
    let (count, _) = db.count(&search, &budget).map_err(text)?;
    same("number of features in the world", count, places)?;
    let everything = Search {
        area: Area::Everything,
        ..search
    };
    let (count, _) = db.count(&everything, &budget).map_err(text)?;
    same(
        "number of all features",
        count,
        model.features().len() as u64,
    )?;
    let heatmap = Heatmap {
        bbox,
        grid: Grid::Degrees {
            lon: 30.0,
            lat: 30.0,
        },
        sum: None,
        filters: Vec::new(),
        as_of,
    };
    let cells = db.heatmap(&heatmap, &budget).map_err(text)?.cells;
    let counted = cells.iter().map(|cell| cell.count).sum();
    same("features in cells of the world", places, counted)?;
    for (id, versions) in &model.versions {
        match versions.last() {
            Some((seq, Some(feature))) => {
                let document = db.feature(id, as_of).map_err(text)?;
                same("sequence of a feature", (id, document.seq), (id, *seq))?;
                same("feature", &parsed::<Value>(&document.json)?, feature)?;
            }
            _ => absent(db.feature(id, as_of))?,
        }
    }
    absent(db.feature("never written", as_of))?;
    for id in model.series.keys() {
        let points = model.points(id);
        let Some(last) = points.last().copied() else {
            absent(db.latest(id, as_of))?;
            continue;
        };
        let latest = db.latest(id, as_of).map_err(text)?;
        same("last point", (latest.timestamp, latest.value), last)?;
        // Its block is where its metadata and provenance are.
        let sources = model.sources(id);
        same("block of the last point", Some(&latest.seq), sources.last())?;
        let found = page_of(db, id, Order::Ascending, as_of)?;
        let found_sources = found.iter().map(|p| p.source.seq).collect();
        same("blocks of the points", (id, found_sources), (id, sources))?;
        let found = found.iter().map(|p| (p.timestamp, p.value)).collect();
        same("points", (id, found), (id, points))?;
    }
    for (id, versions) in &model.attributes {
        match versions.last() {
            Some((seq, Some(attributes))) => {
                let found = db.attributes(id, as_of).map_err(text)?;
                same("sequence of attributes", (id, found.seq), (id, *seq))?;
                same("attributes", &parsed::<Value>(&found.json)?, attributes)?;
            }
            _ => absent(db.attributes(id, as_of))?,
        }
    }
    absent(db.attributes("never written", as_of))?;
    absent(db.latest("never written", as_of))
}

fn compare_journal(db: &Database, model: &Model) -> Result<(), String> {
    let mut query = EntryQuery {
        limit: 100_000,
        ..EntryQuery::default()
    };
    let mut seqs: Vec<u64> = Vec::new();
    loop {
        let page = db
            .entries(&query, &db.budget(Cancel::default()))
            .map_err(text)?;
        let entries: Vec<Value> = parsed(&page.json)?;
        seqs.extend(entries.iter().filter_map(|entry| entry["seq"].as_u64()));
        match page.next {
            Some(next) => query.since = next,
            // Weak writes are not in it before they are on disk.
            None => {
                let info = db.info().map_err(text)?;
                let durable = model.seq.min(info.durable_seq);
                return same("journal", seqs, (1..=durable).collect());
            }
        }
    }
}

fn absent<T>(answer: Result<T, Error>) -> Result<(), String> {
    match answer {
        Err(Error::NotFound { .. }) => Ok(()),
        Err(other) => Err(other.to_string()),
        Ok(_) => Err("there is something that was never written or is deleted".into()),
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

/// A document or a list of them, without the versions that features name.
pub fn parsed<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    fn without_version(document: &mut Value) {
        if let Value::Object(members) = document {
            members.remove("formdb");
        }
    }
    let mut value: Value = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    match &mut value {
        Value::Array(items) => items.iter_mut().for_each(without_version),
        one => without_version(one),
    }
    serde_json::from_value(value).map_err(|e| e.to_string())
}

pub fn text(error: Error) -> String {
    error.to_string()
}

/// All features with a geometry, as the database gives them.
pub fn world(db: &Database, as_of: Option<u64>) -> Result<Vec<u8>, String> {
    let query = BoxQuery {
        bbox: BoundingBox::parse("-180,-90,180,90").map_err(text)?,
        limit: 100_000,
        cursor: None,
        as_of,
    };
    Ok(db.features_in_box(&query).map_err(text)?.json.to_vec())
}

/// All points of a series; none of one that is not there.
pub fn range(
    db: &Database,
    series: &str,
    order: Order,
    as_of: Option<u64>,
) -> Result<Points, String> {
    let points = page_of(db, series, order, as_of)?;
    Ok(points.iter().map(|p| (p.timestamp, p.value)).collect())
}

fn page_of(
    db: &Database,
    series: &str,
    order: Order,
    as_of: Option<u64>,
) -> Result<Vec<Point>, String> {
    let query = RangeQuery {
        series,
        start: i64::MIN,
        end: i64::MAX,
        values: None,
        order,
        limit: 100_000,
        cursor: None,
        as_of,
    };
    match db.range(&query, &db.budget(Cancel::default())) {
        Ok(page) => Ok(page.points),
        Err(Error::NotFound { .. }) => Ok(Vec::new()),
        Err(other) => Err(other.to_string()),
    }
}
