//! Databases written by earlier builds. Of each version of the format there is one:
//! every answer is still the one that was checked in with it. Another holds what an
//! earlier build took and could not read.
//!
//! A fixture stays as it is for as long as its version can be read. While version 1
//! is not released and its bytes, or the blocks there are, still change, it is
//! written anew, with what is expected of it, by
//!
//! ```text
//! FORMDB_WRITE_FIXTURE=v1 cargo test -p formdb-engine --test fixtures -- --ignored
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use formdb_engine::fs::{FileSystem, RealFileSystem};
use formdb_engine::types::{BoundingBox, OnDuplicate, TimeReading, point_id};
use formdb_engine::{
    Ack, Area, Cancel, Database, EntryQuery, Grid, Heatmap, IdempotencyKey, Near, Operation,
    Predicate, Reach, Search, Transaction, salvage, to_hex, verify,
};
use serde_json::{Value, json};
use support::calls::{self, revert, small_segments, world};

/// Folder of a fixture: `db` is the database, `expected.json` its answers.
fn fixture(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(version)
}

fn open(dir: &Path) -> Database {
    Database::open(Arc::new(RealFileSystem), dir, small_segments()).unwrap()
}

/// Every answer that the stored bytes decide.
fn answers(db: &Database) -> Value {
    let info = db.info().unwrap();
    let everything = EntryQuery {
        limit: 10_000,
        ..EntryQuery::default()
    };
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let heads = (0..=info.seq).map(|size| to_hex(&db.tree_head(Some(size)).unwrap().root));
    let features_at = |seq| {
        let mut features = json(&db.features_in_box(&world(Some(seq))).unwrap().json);
        // Builds before this member wrote what is expected.
        for feature in features.as_array_mut().unwrap() {
            feature.as_object_mut().unwrap().remove("formdb");
        }
        features
    };
    let points_at = |series, seq| match calls::points(db, series, Some(seq)) {
        Ok(page) => {
            let points = page.points.iter();
            points
                .map(|p| json!([p.timestamp, p.value, p.source.seq, p.source.index]))
                .collect()
        }
        Err(error) => json!(error.code()),
    };
    let moments = (1..=info.seq).step_by(5).chain([info.seq]);
    let moments = moments.map(|seq| {
        json!({
            "seq": seq,
            "features": features_at(seq),
            "raw": points_at("raw", seq),
            "packed": points_at("packed", seq),
        })
    });
    json!({
        "seq": info.seq,
        "root": to_hex(&info.root),
        "features": info.features,
        "series": info.series,
        "points": info.points,
        "journal_bytes": info.journal_bytes,
        "segments": info.segments,
        "entries": json(&db.entries(&everything, &db.budget(Cancel::default())).unwrap().json),
        "tree_heads": heads.collect::<Vec<_>>(),
        "moments": moments.collect::<Vec<_>>(),
        "versions": json(&db.provenance("berlin", 0, None, 100, &db.budget(Cancel::default())).unwrap().json),
    })
}

/// The files of a folder and their bytes.
fn journal(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(dir.join("journal")).unwrap();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read(&path).unwrap())
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let segments = paths.filter(|path| path.extension().is_some_and(|e| e == "journal"));
    let mut files: Vec<_> = segments.map(read).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("journal")).unwrap();
    for (name, bytes) in journal(from) {
        fs::write(to.join("journal").join(name), bytes).unwrap();
    }
}

#[test]
fn version_1_is_read_as_it_was_written() {
    let fixture = fixture("v1");
    let text = fs::read(fixture.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&text).unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    copy(&fixture.join("db"), &dir);
    let report = verify(&RealFileSystem, &dir, &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(to_hex(&report.root), expected["root"]);
    for _ in 0..2 {
        let db = open(&dir);
        assert_eq!(db.recovered().bytes_cut, 0);
        assert_eq!(db.recovered().footers_rebuilt, 0);
        let answers = answers(&db);
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&answers[key], value, "{key}");
        }
        assert_eq!(answers, expected);
        db.close();
    }
    assert_eq!(
        journal(&dir),
        journal(&fixture.join("db")),
        "it was changed"
    );
    // Its keys are still known, and it can be written on.
    let db = open(&dir);
    let before = db.info().unwrap().seq;
    write(&db, features(&db, "later", 1), None);
    assert_eq!(db.info().unwrap().seq, before + 1);
}

#[test]
fn the_fixture_has_everything_the_format_has() {
    let fixture = fixture("v1");
    let files = journal(&fixture.join("db"));
    assert!(files.len() >= 3, "several segments");
    let all: Vec<u8> = files.into_iter().flat_map(|(_, bytes)| bytes).collect();
    let has = |text: &str| {
        all.windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    for text in [
        "put_feature",
        "delete_feature",
        "put_points",
        "delete_points",
        "set_defaults",
        "revert",
        "place",
        "by",
        "pco",
        "raw",
        "meta",
        "key",
        "actor",
        "prev",
        "provenance",
        "FORMDBJF",
    ] {
        assert!(has(text), "no {text}");
    }
}

/// Features whose geometries have foreign members with the names that other types
/// have for theirs. The readers of earlier builds took them for geometry, and refused
/// to open a journal with them. It was written by such a build.
const FOREIGN_MEMBERS: [&str; 9] = [
    r#"{"type":"Feature","id":"s","geometry":{"type":"Point","coordinates":[7.4,46.9],"geometries":null},"properties":null}"#,
    r#"{"type":"Feature","id":"t","geometry":{"type":"Point","coordinates":[8.5,47.4]},"properties":null}"#,
    r#"{"type":"Feature","id":"x","geometry":{"type":"GeometryCollection","coordinates":[1,1],"geometries":[{"type":"LineString","coordinates":[[0,0],[2,2]]}]},"properties":null}"#,
    r#"{"type":"Feature","id":"y","geometry":{"type":"Point","coordinates":[1,1],"geometries":[{"type":"Point","coordinates":[50,50]}]},"properties":null}"#,
    r#"{"type":"Feature","id":"n","geometry":{"type":"GeometryCollection","coordinates":"none","geometries":[{"type":"Point","coordinates":[20,20],"geometries":[1]},{"type":"GeometryCollection","geometries":[],"coordinates":[[[60,60]]]}]},"properties":{"type":"Point"}}"#,
    r#"{"type":"Feature","id":"l","geometry":{"type":"LineString","coordinates":[[30,30],[31,31]],"geometries":[[[1]]]},"properties":{"geometry":{"type":"Point"}}}"#,
    r#"{"type":"Feature","id":"written over","geometry":{"type":"Point","coordinates":[3,3],"geometries":"many"},"properties":null}"#,
    r#"{"type":"Feature","id":"deleted","geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]],"geometries":7},"properties":null}"#,
    r#"{"type":"Feature","id":"brought back","geometry":{"type":"MultiPoint","coordinates":[[40,40]],"geometries":[{"type":"Point","coordinates":[70,70]}]},"properties":null}"#,
];

#[test]
fn geometries_with_foreign_members_are_read_by_their_type() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    copy(&fixture("foreign_members").join("db"), &dir);
    let report = verify(&RealFileSystem, &dir, &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let salvaged = tmp.path().join("salvaged");
    let files: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    salvage(&files, &dir, &salvaged, Reach::Provable, &mut |_| {}).unwrap();
    let mut all = Vec::new();
    for (dir, times) in [(&dir, 3), (&salvaged, 1)] {
        // The second time from a snapshot.
        for _ in 0..times {
            let db = open(dir);
            all.push(answers_about_foreign_members(&db));
            db.close();
        }
    }
    let expected = json!({
        "around": {
            "0,0,4,4": ["x", "y"], "45,45,55,55": [], "59,59,71,71": [],
            "7,46,9,48": ["s", "t"], "19,19,21,21": ["n"], "29,29,41,41": ["l", "brought back"],
        },
        "within 0,0,4,4": ["x", "y"],
        "near 1,1": ["x", "y"],
        "cells": [
            [0.0, 0.0, 2], [20.0, 20.0, 1], [30.0, 30.0, 1], [0.0, 40.0, 2], [40.0, 40.0, 1],
        ],
        "types": {
            "GeometryCollection": 2, "LineString": 1, "MultiPoint": 1, "Point": 3, "null": 1,
        },
    });
    for answers in all {
        assert_eq!(answers, expected);
    }
    // As they came.
    let db = open(&dir);
    for text in FOREIGN_MEMBERS {
        let sent: Value = serde_json::from_str(text).unwrap();
        let id = sent["id"].as_str().unwrap();
        if !["deleted", "written over"].contains(&id) {
            let stored = db.feature(id, None).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&stored.json).unwrap(), sent);
        }
    }
}

fn answers_about_foreign_members(db: &Database) -> Value {
    let ids = |json: &[u8]| -> Value {
        let features: Vec<Value> = serde_json::from_slice(json).unwrap();
        features
            .iter()
            .map(|feature| feature["id"].clone())
            .collect()
    };
    let search = |area, predicate| {
        let search = Search {
            area,
            predicate,
            filters: Vec::new(),
            limit: 100,
            cursor: None,
            as_of: None,
        };
        ids(&db
            .search(&search, &db.budget(Cancel::default()))
            .unwrap()
            .json)
    };
    let bbox = |text| BoundingBox::parse(text).unwrap();
    let boxes = [
        "0,0,4,4",
        "45,45,55,55",
        "59,59,71,71",
        "7,46,9,48",
        "19,19,21,21",
        "29,29,41,41",
    ];
    let around = boxes.map(|text| {
        let found = search(Area::Box(bbox(text)), Predicate::Intersects);
        (text.to_owned(), found)
    });
    let near = Near {
        point: [1.0, 1.0],
        k: None,
        radius: Some(500_000.0),
    };
    let heatmap = Heatmap {
        bbox: bbox("-180,-90,180,90"),
        grid: Grid::Degrees {
            lon: 10.0,
            lat: 10.0,
        },
        sum: None,
        filters: Vec::new(),
        as_of: None,
    };
    let cells = db
        .heatmap(&heatmap, &db.budget(Cancel::default()))
        .unwrap()
        .cells;
    let cells = cells
        .iter()
        .map(|cell| json!([cell.bounds.min[0], cell.bounds.min[1], cell.count]));
    let schema: Value =
        serde_json::from_slice(&db.schema(None, &db.budget(Cancel::default())).unwrap()).unwrap();
    json!({
        "around": Value::Object(around.into_iter().collect()),
        "within 0,0,4,4": search(Area::Box(bbox("0,0,4,4")), Predicate::Within),
        "near 1,1": search(Area::Near(near), Predicate::Intersects),
        "cells": cells.collect::<Vec<_>>(),
        "types": schema["features"]["geometry_types"],
    })
}

#[test]
#[ignore = "replaces the fixture, which only a build that wrote such blocks should"]
fn write_fixture_of_foreign_members() {
    if std::env::var("FORMDB_WRITE_FIXTURE").as_deref() != Ok("foreign_members") {
        return;
    }
    let dir = fixture("foreign_members").join("db");
    fs::create_dir_all(dir.parent().unwrap()).unwrap();
    let db = open(&dir);
    let put = |text: &str| {
        write(
            &db,
            db.prepare_features(text.as_bytes()).unwrap().operations,
            None,
        )
    };
    for text in FOREIGN_MEMBERS {
        put(text);
    }
    put(r#"{"type":"Feature","id":"written over","geometry":null,"properties":null}"#);
    write(
        &db,
        vec![db.prepare_delete_feature("deleted", None).unwrap()],
        None,
    );
    let deleted = db.prepare_delete_feature("brought back", None).unwrap();
    let deleted = write(&db, vec![deleted], None).first_seq;
    let (operation, _) = db.prepare_revert(deleted, None).unwrap();
    write(&db, vec![operation], None);
    db.close();
    fs::remove_file(dir.join("LOCK")).unwrap();
    let _ = fs::remove_dir_all(dir.join("snapshots"));
}

fn features(db: &Database, id: &str, n: i32) -> Vec<Operation> {
    let text = format!(
        r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"LineString","coordinates":[[{n},1.5],[{n}.25,-2]]}},"properties":{{"n":{n},"pad":"{}"}},"provenance":{{"source":"fixture","confidence":0.5}}}}"#,
        "x".repeat(200)
    );
    db.prepare_features(text.as_bytes()).unwrap().operations
}

fn write(db: &Database, operations: Vec<Operation>, key: Option<&str>) -> Ack {
    let transaction = Transaction {
        operations,
        actor: key.map(|_| "ops@example".into()),
        key: key.map(|key| IdempotencyKey::new(key, &[b"fixture"])),
        ..Transaction::default()
    };
    db.write_transaction(transaction).unwrap()
}

#[test]
#[ignore = "replaces the fixture of the current version"]
fn write_fixture() {
    // Not by accident, with all tests that are ignored.
    if std::env::var("FORMDB_WRITE_FIXTURE").as_deref() != Ok("v1") {
        return;
    }
    let fixture = fixture("v1");
    let _ = fs::remove_dir_all(&fixture);
    let dir = fixture.join("db");
    fs::create_dir_all(&fixture).unwrap();
    let db = open(&dir);
    let points = |text: &str| db.prepare_points(text.as_bytes()).unwrap().operations;
    for n in 0..12 {
        write(&db, features(&db, &format!("f{}", n % 5), n), None);
    }
    write(&db, features(&db, "berlin", 13), Some("first key"));
    write(
        &db,
        points(
            r#"{"points":[
                {"series_id":"raw","timestamp":1000000,"value":1.5,"metadata":{"unit":"m"}},
                {"series_id":"raw","timestamp":500000,"value":-0.25},
                {"series_id":"raw","timestamp":1000000,"value":2}]}"#,
        ),
        Some("second key"),
    );
    // Enough of them, and regular enough, to be worth compressing.
    let packed = db.prepare_columns(
        "packed",
        (0..400).map(|n| n * 60_000_000).collect(),
        (0..400).map(|n| f64::from(n % 24) * 0.5).collect(),
        None,
    );
    write(&db, packed.unwrap().operations, None);
    // One transaction of several operations.
    let mut many = features(&db, "berlin", 14);
    many.extend(features(&db, "f1", 99));
    many.extend(points(
        r#"{"series_id":"raw","timestamp":"2026-01-01T00:00:00Z","value":7}"#,
    ));
    write(&db, many, None);
    let deleted = write(
        &db,
        vec![
            db.prepare_delete_feature("f2", Some(br#"{"note":"gone"}"#))
                .unwrap(),
        ],
        None,
    );
    let cut = write(
        &db,
        vec![
            db.prepare_delete_points("packed", 0, 600_000_000, None)
                .unwrap(),
        ],
        None,
    );
    for seq in [deleted.first_seq, cut.first_seq] {
        revert(&db, seq).unwrap();
    }
    let whole = r#"{"type":"Feature","id":7,"bbox":[-1,-2,3,4],"geometry":null,"properties":null,"foreign":[1,2.0,"\u00e9",{"a":null}]}"#;
    write(
        &db,
        db.prepare_features(whole.as_bytes()).unwrap().operations,
        None,
    );
    write(
        &db,
        vec![db.prepare_delete_feature("berlin", None).unwrap()],
        None,
    );
    // Points that were replaced, few and many, one by its id, and what holds by default.
    let replace = |text: &str| {
        let prepared = db.prepare_points(text.as_bytes()).unwrap();
        let asked = Some(OnDuplicate::Replace);
        write(&db, prepared.on_duplicate(asked).operations, None);
    };
    replace(
        r#"{"points":[
            {"series_id":"raw","timestamp":1000000,"value":3,"provenance":{"agent":"Ana"}},
            {"series_id":"raw","timestamp":1000000,"value":4,"provenance":{"agent":"Ana"}}]}"#,
    );
    let again: Vec<i64> = (0..200).map(|n| n * 60_000_000).collect();
    replace(&json!({"series_id": "packed", "timestamps": again, "values": again}).to_string());
    let last = db.latest("raw", None).unwrap();
    let id = point_id(last.seq, last.index);
    let text = br#"{"value":8,"metadata":{"unit":"m"}}"#;
    let correction = db
        .prepare_put_point("raw", &id, text, &TimeReading::default(), None)
        .unwrap();
    write(&db, correction.operations, None);
    for word in ["ignore", "keep"] {
        let text = format!(r#"{{"on_duplicate":"{word}"}}"#);
        let defaults = db.prepare_defaults(text.as_bytes()).unwrap();
        write(&db, vec![defaults], None);
    }
    let mut text = serde_json::to_string(&answers(&db)).unwrap();
    text.push('\n');
    fs::write(fixture.join("expected.json"), text).unwrap();
    db.close();
    fs::remove_file(dir.join("LOCK")).unwrap();
    let _ = fs::remove_dir_all(dir.join("snapshots"));
}
