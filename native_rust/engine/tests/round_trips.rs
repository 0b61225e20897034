//! A feature that was read, changed and written again is stored as what the client meant:
//! without what the answer had added.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::Antimeridian;
use formdb_engine::{
    Area, Cancel, Database, Error, Fault, Framing, Limits, Near, Predicate, PreparedFeatures,
    Reply, Search, Transaction, UploadForm, UploadOptions,
};
use serde_json::{Value, json};

struct Place {
    _dir: tempfile::TempDir,
    db: Database,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, Limits::default()).unwrap();
    Place { _dir: dir, db }
}

impl Place {
    fn prepare(&self, document: &Value) -> Result<PreparedFeatures, Error> {
        self.db.prepare_features(document.to_string().as_bytes())
    }

    /// Writes it, and says what was taken off.
    fn write(&self, document: &Value) -> Vec<Fault> {
        let prepared = self.prepare(document).unwrap();
        self.db.write(prepared.operations).unwrap();
        prepared.warnings.kept().to_vec()
    }

    fn get(&self, id: &str) -> Value {
        let document = self.db.feature(id, None).unwrap();
        serde_json::from_slice(&document.json).unwrap()
    }

    fn nearby(&self) -> Vec<Value> {
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
        let budget = self.db.budget(Cancel::default());
        let page = self.db.search(&search, &budget).unwrap();
        serde_json::from_slice(&page.json).unwrap()
    }
}

fn feature(id: &str, more: Value) -> Value {
    let mut feature = json!({
        "type": "Feature", "id": id, "properties": {"n": 1},
        "geometry": {"type": "Point", "coordinates": [0.0, 1.0]},
    });
    let Value::Object(more) = more else {
        return feature;
    };
    feature.as_object_mut().unwrap().extend(more);
    feature
}

fn without(mut document: Value, names: &[&str]) -> Value {
    for name in names {
        document.as_object_mut().unwrap().remove(*name);
    }
    document
}

#[test]
fn the_provenance_of_the_version_before_is_not_that_of_the_next() {
    let place = place();
    place.write(&feature(
        "a",
        json!({"provenance": {"agent": "Ana", "n": 1.5}}),
    ));
    let mut came = place.get("a");
    assert_eq!(came["formdb"]["seq"], 1);
    came["properties"]["n"] = json!(2);
    let warnings = place.write(&came);
    assert_eq!(
        (warnings[0].code, warnings[0].pointer.as_str()),
        ("answer_members", "/formdb")
    );
    assert!(
        warnings[0].detail.contains("\"provenance\""),
        "{warnings:?}"
    );
    assert_eq!(
        place.get("a"),
        feature("a", json!({"properties": {"n": 2}}))
    );

    // One that was changed is that of the change.
    came["provenance"] = json!({"agent": "Ben"});
    let warnings = place.write(&came);
    assert!(
        !warnings[0].detail.contains("\"provenance\""),
        "{warnings:?}"
    );
    assert_eq!(place.get("a")["provenance"], json!({"agent": "Ben"}));
    // Without the member, one that is equal is the document's own.
    assert!(
        place
            .write(&without(place.get("a"), &["formdb"]))
            .is_empty()
    );
    assert_eq!(place.get("a")["provenance"], json!({"agent": "Ben"}));
    // A feature to which nothing is added is told as it is.
    place.write(&feature("plain", json!({})));
    assert_eq!(place.get("plain"), feature("plain", json!({})));
}

#[test]
fn a_distance_that_was_added_is_taken_off_and_one_that_was_there_is_kept() {
    let place = place();
    place.write(&feature("a", json!({})));
    place.write(&feature(
        "b",
        json!({"distance": "far", "provenance": {"agent": "Ana"}}),
    ));
    let found = place.nearby();
    for came in &found {
        assert_eq!(came["formdb"].as_object().unwrap().len(), 2);
        assert!(came["distance"].is_number());
        let warnings = place.write(came);
        assert_eq!(warnings.len(), 1);
    }
    assert_eq!(place.get("a"), feature("a", json!({})));
    // What the version had of its own is not known to be another's.
    assert!(place.get("b")["distance"].is_number());
    assert_eq!(place.get("b").get("provenance"), None);
}

#[test]
fn each_feature_of_a_collection_is_held_against_its_own_version() {
    let place = place();
    let ana = json!({"provenance": {"agent": "Ana"}});
    place.write(&feature("a", ana.clone()));
    place.write(&feature("b", ana.clone()));
    place.write(&feature("b", json!({"provenance": {"agent": "Ben"}})));
    let mut b = place.get("b");
    b["provenance"] = json!({"agent": "Ana"});
    let features = json!([feature("new", json!({})), place.get("a"), b]);
    let both = json!({"type": "FeatureCollection", "features": features,
        "provenance": {"agent": "Cem"}});
    let warnings = place.write(&both);
    let pointers: Vec<&str> = warnings.iter().map(|w| w.pointer.as_str()).collect();
    assert_eq!(pointers, ["/features/1/formdb", "/features/2/formdb"]);
    // What has none of its own has that of the collection.
    assert_eq!(place.get("a")["provenance"], json!({"agent": "Cem"}));
    assert_eq!(place.get("b")["provenance"], json!({"agent": "Ana"}));

    let operations = json!({"operations": [
        {"op": "delete_feature", "id": "new"},
        {"op": "put_feature", "feature": place.get("a")},
    ]});
    let text = operations.to_string();
    let prepared = place.db.prepare_operations(text.as_bytes()).unwrap();
    assert_eq!(
        prepared.warnings.kept()[0].pointer,
        "/operations/1/feature/formdb"
    );
    place.db.write(prepared.operations).unwrap();
    assert_eq!(place.get("a"), feature("a", json!({})));
    let times = formdb_engine::types::TimeReading::default();
    let unread = place
        .db
        .prepare_operations_in(text.as_bytes(), &times, None);
    assert!(
        unread.unwrap().is_none(),
        "no file is read where blocking is not safe"
    );
}

#[test]
fn an_upload_tells_what_was_taken_off_by_its_lines() {
    let place = place();
    place.write(&feature("a", json!({"provenance": {"agent": "Ana"}})));
    let mut upload = place
        .db
        .upload(UploadOptions {
            form: UploadForm::Features(Framing::Lines, Antimeridian::Refuse),
            stop: false,
            record_bytes: 1 << 20,
            on_duplicate: None,
            provenance: None,
            key: None,
        })
        .unwrap();
    let budget = upload.budget(Cancel::default());
    let text = format!("{}\n{}\n", feature("b", json!({})), place.get("a"));
    upload.feed(&mut text.as_bytes(), &budget).unwrap();
    upload.end(&budget).unwrap();
    let (warnings, counts) = upload.take_warnings();
    assert_eq!((warnings.len(), warnings[0].line), (1, 2));
    assert_eq!(counts, [("answer_members", 1)]);
    let (sender, receiver) = std::sync::mpsc::channel();
    let reply = Reply::new(move |answer| drop(sender.send(answer)));
    let transaction = Transaction::default();
    upload.submit(&place.db, transaction, reply).unwrap();
    receiver.recv().unwrap().unwrap();
    assert_eq!(place.get("a"), feature("a", json!({})));
}

#[test]
fn the_member_of_answers_is_reserved() {
    let place = place();
    place.write(&feature("a", json!({"provenance": {"agent": "Ana"}})));
    place.write(&feature("b", json!({})));
    let log = place.get("a")["formdb"]["log"].clone();
    for value in [
        json!(null),
        json!(7),
        json!({}),
        json!({"log": log}),
        json!({"log": log, "seq": 1, "more": 1}),
        json!({"log": log, "seq": "1"}),
        // Of another feature, not reached, none.
        json!({"log": log, "seq": 2}),
        json!({"log": log, "seq": 9}),
        json!({"log": log, "seq": 0}),
    ] {
        let error = place
            .prepare(&feature("a", json!({"formdb": value})))
            .unwrap_err();
        let found = (error.code(), error.pointer());
        assert_eq!(found, ("invalid_feature", Some("/formdb")), "{value}");
    }
    // A feature that was copied from another database keeps its provenance.
    let foreign = json!({"log": "0".repeat(32), "seq": 1});
    let copied = feature(
        "c",
        json!({"formdb": foreign, "provenance": {"agent": "Ana"}}),
    );
    assert_eq!(place.write(&copied)[0].code, "other_database");
    assert_eq!(place.get("c")["provenance"], json!({"agent": "Ana"}));

    let patch = |text: &str| {
        let patched = place
            .db
            .prepare_patch("a", text.as_bytes(), Antimeridian::Refuse);
        patched.map(|(prepared, _)| place.db.write(prepared.operations).unwrap())
    };
    let error = patch(r#"{"formdb":null}"#).unwrap_err();
    assert_eq!(error.pointer(), Some("/formdb"));
    patch(r#"{"properties":{"n":2}}"#).unwrap();
    assert_eq!(
        place.get("a"),
        feature("a", json!({"properties": {"n": 2}}))
    );
}
