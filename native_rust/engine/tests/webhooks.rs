//! Webhooks against a plain model: every version, as of every block, over snapshots and
//! openings; what undoes blocks leaves them alone.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::{
    Ack, BlockFilter, Cancel, Condition, Database, EntryQuery, Error, Expected, Limits, Operation,
    Reply, Transaction, Undo, verify,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn open(path: &Path) -> Database {
    // A snapshot after each write, if the one before is done.
    let limits = Limits {
        snapshot_bytes: 1,
        ..Limits::default()
    };
    Database::open(Arc::new(RealFileSystem), path, limits).unwrap()
}

fn commit(db: &Database, transaction: Transaction) -> Result<Ack, Error> {
    let (sent, answer) = std::sync::mpsc::channel();
    db.submit(
        transaction,
        Reply::new(move |result| drop(sent.send(result))),
    )?;
    answer.recv().unwrap()
}

fn write(db: &Database, operation: Operation) -> Result<Ack, Error> {
    commit(
        db,
        Transaction {
            operations: vec![operation],
            ..Transaction::default()
        },
    )
}

fn set(db: &Database, id: &str, webhook: &Value) -> Result<Ack, Error> {
    let text = webhook.to_string();
    write(db, db.prepare_webhook(id, Some(text.as_bytes())).unwrap())
}

fn feature(db: &Database, id: &str) -> Ack {
    let text = format!(r#"{{"type":"Feature","id":"{id}","geometry":null,"properties":{{}}}}"#);
    let mut prepared = db.prepare_features(text.as_bytes()).unwrap();
    write(db, prepared.operations.pop().unwrap()).unwrap()
}

/// Id, sequence and webhook of those there are, page by page.
fn listed(db: &Database, as_of: Option<u64>) -> Vec<(String, u64, Value)> {
    let budget = db.budget(Cancel::default());
    let (mut all, mut since) = (Vec::new(), 0);
    loop {
        let page = db.webhooks(since, as_of, &budget).unwrap();
        let entries: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
        all.extend(entries.iter().map(|entry| {
            assert_eq!(entry["op"], "set_webhook");
            let body = &entry["body"];
            let id = body["id"].as_str().unwrap().to_owned();
            (id, entry["seq"].as_u64().unwrap(), body["webhook"].clone())
        }));
        match page.next {
            Some(next) => since = next,
            None => return all,
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(u8, u8),
    Delete(u8),
    Feature,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8, 0..9_u8).prop_map(|(id, n)| Step::Set(id, n)),
        3 => (0..4_u8).prop_map(Step::Delete),
        2 => Just(Step::Feature),
        2 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn webhooks_are_as_they_were_set(steps in prop::collection::vec(step(), 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut db = open(&path);
        let mut model: BTreeMap<String, (u64, Value)> = BTreeMap::new();
        let mut past = vec![model.clone()];
        for step in steps {
            match step {
                Step::Set(id, n) => {
                    let (id, webhook) = (format!("wh_{id}"), json!({"n": n, "filter": {"ids": "a"}}));
                    let ack = set(&db, &id, &webhook).unwrap();
                    model.insert(id, (ack.first_seq, webhook));
                    past.push(model.clone());
                }
                Step::Delete(id) => {
                    let id = format!("wh_{id}");
                    let delete = db.prepare_webhook(&id, None).unwrap();
                    match (write(&db, delete), model.remove(&id)) {
                        (Ok(_), Some(_)) => past.push(model.clone()),
                        (Err(error), None) => prop_assert_eq!(error.code(), "webhook_not_found"),
                        (found, there) => prop_assert!(false, "{:?} {:?}", found, there),
                    }
                }
                Step::Feature => {
                    feature(&db, "a");
                    past.push(model.clone());
                }
                Step::Reopen => {
                    db.close();
                    db = open(&path);
                }
            }
        }
        for round in 0..2 {
            for (at, model) in past.iter().enumerate() {
                let mut expected: Vec<(String, u64, Value)> = model
                    .iter()
                    .map(|(id, (seq, webhook))| (id.clone(), *seq, webhook.clone()))
                    .collect();
                expected.sort_by_key(|(_, seq, _)| *seq);
                prop_assert_eq!(listed(&db, Some(at as u64)), expected);
            }
            if round == 0 {
                db.close();
                db = open(&path);
            }
        }
        db.close();
        let fs: Arc<dyn formdb_engine::fs::FileSystem> = Arc::new(RealFileSystem);
        let sound = verify(&*fs, &path, &mut |_| {}).unwrap().is_sound();
        prop_assert!(sound);
    }
}

#[test]
fn undoing_leaves_webhooks_alone() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("db"));
    feature(&db, "a");
    let set = set(&db, "wh", &json!({"n": 1})).unwrap();
    feature(&db, "b");
    let refusal = db.prepare_revert(set.first_seq, None).unwrap_err();
    assert_eq!(refusal.code(), "cannot_revert");
    assert!(refusal.to_string().contains("webhook"), "{refusal}");
    let budget = db.budget(Cancel::default());
    let undo = |text: &str| {
        let undo = Undo::parse(text.as_bytes(), false).unwrap();
        db.prepare_undo(&undo, None, &budget)
    };
    // Who names blocks is told, who chooses by a filter means what was written.
    let error = undo(r#"{"first_seq":1,"last_seq":3}"#).unwrap_err();
    assert_eq!(error.code(), "cannot_revert");
    let prepared =
        undo(r#"{"first_seq":1,"last_seq":3,"filter":{"start":"2000-01-01T00:00:00Z"}}"#).unwrap();
    assert_eq!((prepared.operations.len(), prepared.unchanged), (2, 0));
    let error = undo(r#"{"filter":{"op":"set_webhook"}}"#).unwrap_err();
    assert_eq!(error.code(), "cannot_revert");
    assert_eq!(listed(&db, None).len(), 1);
}

#[test]
fn a_webhook_is_set_under_conditions_and_is_about_no_series() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("db"));
    let ack = set(&db, "wh", &json!({"n": 1})).unwrap();
    let set_if = |expected| {
        let operation = db.prepare_webhook("wh", Some(b"{\"n\":2}")).unwrap();
        let id = "wh".to_owned();
        commit(
            &db,
            Transaction {
                operations: vec![operation],
                conditions: vec![Condition::Webhook { id, expected }],
                ..Transaction::default()
            },
        )
    };
    let error = set_if(Expected::Absent).unwrap_err();
    assert_eq!(error.code(), "precondition_failed");
    set_if(Expected::Version(ack.first_seq)).unwrap();
    let error = set_if(Expected::Version(ack.first_seq)).unwrap_err();
    assert_eq!(error.code(), "precondition_failed");
    let entries = |filter| {
        let query = EntryQuery {
            filter,
            bodies: false,
            ..EntryQuery::default()
        };
        let page = db.entries(&query, &db.budget(Cancel::default())).unwrap();
        serde_json::from_slice::<Vec<Value>>(&page.json).unwrap()
    };
    let all = entries(BlockFilter {
        op: Some("set_webhook".parse().unwrap()),
        ..BlockFilter::default()
    });
    let about: Vec<&Value> = all.iter().map(|entry| &entry["webhook_id"]).collect();
    assert_eq!(about, ["wh", "wh"]);
    let of_feature = BlockFilter {
        feature: Some("wh".into()),
        ..BlockFilter::default()
    };
    assert_eq!(entries(of_feature), Vec::<Value>::new());
}
