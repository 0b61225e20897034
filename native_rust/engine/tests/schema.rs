//! What a database says it holds, compared with the documents themselves, through
//! overwrites, deletes and reverts, and again after opening the journal anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::{Cancel, Database, Duplicates, Limits, Puts};
use serde_json::{Value, json};
use support::calls::revert;
use support::random;
use tempfile::tempdir;

fn open(dir: &Path) -> Database {
    Database::open(Arc::new(RealFileSystem), &dir.join("db"), Limits::default()).unwrap()
}

fn schema(db: &Database) -> Value {
    serde_json::from_slice(&db.schema(None, &db.budget(Cancel::default())).unwrap()).unwrap()
}

fn put(db: &Database, features: &[Value]) {
    let collection = json!({"type": "FeatureCollection", "features": features}).to_string();
    // Of two with one id the later holds.
    let puts = Puts {
        duplicates: Duplicates::Replace,
        ..Puts::default()
    };
    let prepared = db.prepare_features_with(collection.as_bytes(), puts);
    db.write(prepared.unwrap().operations).unwrap();
}

fn feature(id: &str, geometry: &Value, properties: &Value) -> Value {
    json!({"type": "Feature", "id": id, "geometry": geometry, "properties": properties})
}

fn delete(db: &Database, id: &str) {
    let delete = db.prepare_delete_feature(id, None).unwrap();
    db.write(vec![delete]).unwrap();
}

fn points(db: &Database, series: &str, timestamps: &[i64]) {
    let values = timestamps.iter().map(|t| *t as f64).collect();
    let prepared = db.prepare_columns(series, timestamps.to_vec(), values, None);
    db.write(prepared.unwrap().operations).unwrap();
}

fn point() -> Value {
    json!({"type": "Point", "coordinates": [1, 2]})
}

#[test]
fn says_what_is_there_and_again_after_opening() {
    let dir = tempdir().unwrap();
    let db = open(dir.path());
    let empty = r#"{"seq":0,"features":{"count":0,"geometry_types":{},"properties":{}},"series":{"count":0,"points":0}}"#;
    assert_eq!(
        String::from_utf8(db.schema(None, &db.budget(Cancel::default())).unwrap()).unwrap(),
        empty
    );
    let line = json!({"type": "LineString", "coordinates": [[0, 0], [1, 1]]});
    put(
        &db,
        &[
            feature(
                "a",
                &point(),
                &json!({"mag": 4.5, "place": "é \"q\"\n", "at": null}),
            ),
            feature(
                "b",
                &point(),
                &json!({"mag": 3, "place": ["x"], "ok": false}),
            ),
            feature("c", &line, &json!({"mag": "?", "at": {"year": 1}})),
            feature("d", &Value::Null, &Value::Null),
        ],
    );
    points(&db, "s", &[0, 1_000_000, -1]);
    points(&db, "t", &[5]);
    let expected = concat!(
        r#"{"seq":6,"features":{"count":4,"#,
        r#""geometry_types":{"null":1,"Point":2,"LineString":1},"properties":{"#,
        r#""at":{"count":2,"types":{"null":1,"object":1}},"#,
        r#""mag":{"count":3,"types":{"number":2,"string":1}},"#,
        r#""ok":{"count":1,"types":{"boolean":1}},"#,
        r#""place":{"count":2,"types":{"string":1,"array":1}}}},"#,
        r#""series":{"count":2,"points":4,"first":"1969-12-31T23:59:59.999999Z","#,
        r#""last":"1970-01-01T00:00:01.000000Z"}}"#,
    );
    assert_eq!(
        String::from_utf8(db.schema(None, &db.budget(Cancel::default())).unwrap()).unwrap(),
        expected
    );
    db.close();
    let db = open(dir.path());
    assert_eq!(
        String::from_utf8(db.schema(None, &db.budget(Cancel::default())).unwrap()).unwrap(),
        expected
    );

    delete(&db, "c");
    delete(&db, "b");
    put(&db, &[feature("a", &Value::Null, &json!({"mag": null}))]);
    let cut = db.prepare_delete_points("s", 0, 2_000_000, None).unwrap();
    db.write(vec![cut]).unwrap();
    let cut = db.prepare_delete_points("t", 0, 9, None).unwrap();
    db.write(vec![cut]).unwrap();
    let now = json!({
        "seq": 11,
        "features": {
            "count": 2,
            "geometry_types": {"null": 2},
            "properties": {"mag": {"count": 1, "types": {"null": 1}}}
        },
        "series": {"count": 1, "points": 1, "first": "1969-12-31T23:59:59.999999Z",
            "last": "1969-12-31T23:59:59.999999Z"}
    });
    assert_eq!(schema(&db), now);
    db.close();
    let db = open(dir.path());
    assert_eq!(schema(&db), now);
    // Reverts bring back what was.
    for seq in [11, 10, 9, 8, 7] {
        revert(&db, seq).unwrap();
    }
    let mut then: Value = serde_json::from_str(expected).unwrap();
    then["seq"] = json!(16);
    assert_eq!(schema(&db), then);
    db.close();
    assert_eq!(
        db.schema(None, &db.budget(Cancel::default()))
            .unwrap_err()
            .code(),
        "database_closed"
    );
    let db = open(dir.path());
    assert_eq!(schema(&db), then);
    db.close();
}

#[test]
fn a_feature_too_wide_counts_by_its_geometry_and_says_so() {
    let dir = tempdir().unwrap();
    let mut db = open(dir.path());
    let names = |count: usize| -> Value {
        let names = (0..count).map(|n| (format!("p{n}"), json!(n)));
        Value::Object(names.collect())
    };
    put(&db, &[feature("wide", &point(), &names(256))]);
    let all = schema(&db);
    assert_eq!(
        all["features"]["properties"].as_object().unwrap().len(),
        256
    );
    assert_eq!(all["features"].get("properties_truncated"), None);
    put(&db, &[feature("wider", &point(), &names(257))]);
    for _ in 0..2 {
        let all = schema(&db);
        assert_eq!(all["features"]["geometry_types"], json!({"Point": 2}));
        assert_eq!(all["features"]["properties"]["p9"]["count"], 1);
        assert_eq!(all["features"]["properties"].get("p256"), None);
        assert_eq!(all["features"]["properties_truncated"], true);
        db.close();
        db = open(dir.path());
    }
    put(&db, &[feature("wider", &point(), &names(1))]);
    let all = schema(&db);
    assert_eq!(all["features"]["properties"]["p0"]["count"], 2);
    assert_eq!(all["features"].get("properties_truncated"), None);
    db.close();
}

/// Counts from the documents.
fn counted(features: &BTreeMap<String, Value>) -> Value {
    let mut geometries: BTreeMap<String, u64> = BTreeMap::new();
    let mut properties: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for feature in features.values() {
        let kind = feature["geometry"]["type"].as_str().unwrap_or("null");
        *geometries.entry(kind.to_owned()).or_default() += 1;
        for (name, value) in feature["properties"].as_object().into_iter().flatten() {
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            let types = properties.entry(name.clone()).or_default();
            *types.entry(kind).or_default() += 1;
        }
    }
    let with_count = |(name, types): (String, BTreeMap<&str, u64>)| {
        let count: u64 = types.values().sum();
        (name, json!({"count": count, "types": types}))
    };
    let properties: serde_json::Map<String, Value> =
        properties.into_iter().map(with_count).collect();
    json!({
        "count": features.len(),
        "geometry_types": geometries,
        "properties": properties
    })
}

fn some_feature(id: &str, state: &mut u64) -> Value {
    let ring = json!([[0, 0], [1, 0], [1, 1], [0, 0]]);
    let geometry = match random(state) % 4 {
        0 => Value::Null,
        1 => json!({"type": "Polygon", "coordinates": [ring]}),
        2 => json!({"type": "GeometryCollection", "geometries": [point()]}),
        _ => point(),
    };
    let mut properties = serde_json::Map::new();
    for name in ["a", "b", "longer", "é"] {
        let value = match random(state) % 9 {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-7.25),
            3 => json!("text"),
            4 => json!([1, [2]]),
            5 => json!({"deep": {"er": 1}}),
            _ => continue,
        };
        properties.insert(name.to_owned(), value);
    }
    feature(id, &geometry, &Value::Object(properties))
}

#[test]
fn agrees_with_the_documents_through_writes_deletes_and_reopening() {
    let dir = tempdir().unwrap();
    let mut db = open(dir.path());
    let mut model: BTreeMap<String, Value> = BTreeMap::new();
    let mut state = 0x5c4e_3a11;
    let mut past = Vec::new();
    for round in 0..150 {
        let id = |n: u64| format!("f{}", n % 25);
        match random(&mut state) % 8 {
            0 | 1 => {
                let gone = id(random(&mut state));
                if model.remove(&gone).is_some() {
                    delete(&db, &gone);
                }
            }
            2 => {
                // What it undoes stays undone: write, then take back.
                let id = id(random(&mut state));
                put(&db, &[some_feature(&id, &mut state)]);
                revert(&db, db.info().unwrap().seq).unwrap();
            }
            3 => {
                // Of one id twice in a transaction the later holds.
                let id = id(random(&mut state));
                let both = [(); 2].map(|()| some_feature(&id, &mut state));
                put(&db, &both);
                model.insert(id, both[1].clone());
            }
            _ => {
                let ids: Vec<String> = (0..5).map(|_| id(random(&mut state))).collect();
                let features: Vec<Value> =
                    ids.iter().map(|id| some_feature(id, &mut state)).collect();
                put(&db, &features);
                model.extend(ids.into_iter().zip(features));
            }
        }
        if round % 30 == 29 {
            db.close();
            db = open(dir.path());
        }
        let timestamps: Vec<i64> = (0..random(&mut state) % 9).map(|n| n as i64).collect();
        let series = format!("s{}", random(&mut state) % 3);
        match random(&mut state) % 4 {
            0 if !timestamps.is_empty() => points(&db, &series, &timestamps),
            1 if db
                .summary(
                    &series,
                    &formdb_engine::SummaryQuery::default(),
                    &db.budget(Cancel::default()),
                )
                .is_ok() =>
            {
                let cut = db.prepare_delete_points(&series, 0, 4, None).unwrap();
                db.write(vec![cut]).unwrap();
            }
            _ => (),
        }
        let now = schema(&db);
        assert_eq!(now["features"], counted(&model), "round {round}");
        past.push(now);
    }
    assert!(model.len() > 10);
    for then in past {
        let at = then["seq"].as_u64().unwrap();
        let found = db.schema(Some(at), &db.budget(Cancel::default())).unwrap();
        let found: Value = serde_json::from_slice(&found).unwrap();
        assert_eq!(found, then, "as of {at}");
    }
    let ahead = db.schema(Some(1 << 40), &db.budget(Cancel::default()));
    assert_eq!(ahead.unwrap_err().code(), "invalid_parameter");
    db.close();
}

/// A reader never sees counts that do not add up, whatever is being written.
#[test]
fn adds_up_while_features_are_written() {
    let dir = tempdir().unwrap();
    let db = open(dir.path());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..40 {
                let name = format!("p{}", round % 3);
                let of = |n| feature(&format!("f{n}"), &point(), &json!({ name.as_str(): n }));
                let features: Vec<Value> = (0..100).map(of).collect();
                put(&db, &features);
            }
        });
        loop {
            let done = writer.is_finished();
            let features = &schema(&db)["features"];
            let count = features["count"].as_u64().unwrap();
            let points = features["geometry_types"]["Point"].as_u64().unwrap_or(0);
            let properties = features["properties"].as_object().unwrap();
            let named: u64 = properties
                .values()
                .map(|p| p["count"].as_u64().unwrap())
                .sum();
            assert_eq!((points, named), (count, count));
            if done {
                assert_eq!(count, 100);
                break;
            }
        }
    });
    db.close();
}
