//! Interactive transactions: what they see, what they conflict with, how they end.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

#[path = "support/oracles.rs"]
mod oracles;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use formdb_engine::model::BoundingBox;
use formdb_engine::{
    Ack, Begin, BoxQuery, Cancel, Commit, Database, Error, IdempotencyKey, Limits, Order, Phase,
    RangeQuery, Reply, Transaction,
};
use oracles::{cases, compared};
use proptest::prelude::*;
use support::SimFs;

fn open(limits: Limits) -> Arc<Database> {
    Arc::new(Database::open(Arc::new(SimFs::new()), Path::new("/data/db"), limits).unwrap())
}

fn begin(db: &Database) -> String {
    db.begin(Begin::default()).unwrap().id
}

fn commit(db: &Arc<Database>, id: &str) -> Result<Option<Ack>, Error> {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let reply = Reply::new(move |answer| drop(sender.send(answer)));
    match db.commit(id, Transaction::default(), reply)? {
        Commit::Nothing => Ok(None),
        Commit::Again(ack) => Ok(Some(ack)),
        Commit::Queued => receiver.recv().unwrap().map(Some),
    }
}

fn feature(id: &str, lon: i64) -> String {
    format!(
        r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Point","coordinates":[{lon},0]}},"properties":{{}}}}"#
    )
}

fn apply(db: &Database, txn: &str, operations: &str) -> Result<usize, Error> {
    let text = format!(r#"{{"operations":[{operations}]}}"#);
    let (operations, _) = db.prepare_operations(text.as_bytes())?;
    db.apply(txn, operations)
}

fn put_op(id: &str, lon: i64) -> String {
    format!(r#"{{"op":"put_feature","feature":{}}}"#, feature(id, lon))
}

fn put(db: &Database, id: &str, lon: i64) {
    let prepared = db.prepare_features(feature(id, lon).as_bytes()).unwrap();
    db.write(prepared.operations).unwrap();
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn a_transaction_sees_its_own_writes_and_nobody_elses_until_it_commits() {
    let db = open(Limits::default());
    put(&db, "a", 1);
    let txn = begin(&db);
    apply(&db, &txn, &put_op("b", 2)).unwrap();
    put(&db, "c", 3);
    assert!(db.feature_in(&txn, "b").unwrap().version.is_none());
    assert_eq!(code(db.feature_in(&txn, "c")), "feature_not_found");
    assert_eq!(code(db.feature("b", None)), "feature_not_found");
    let status = db.transaction(&txn).unwrap();
    assert_eq!(
        (status.seq, status.operations, status.phase),
        (1, 1, Phase::Open)
    );
    let ack = commit(&db, &txn).unwrap().unwrap();
    assert_eq!((ack.first_seq, ack.last_seq), (3, 3));
    assert_eq!(db.feature("b", None).unwrap().seq, 3);
    // Asking again gives the same answer.
    let again = commit(&db, &txn).unwrap().unwrap();
    assert_eq!(
        (again.first_seq, again.hash, again.replayed),
        (3, ack.hash, true)
    );
    assert!(matches!(
        db.transaction(&txn).unwrap().phase,
        Phase::Committed(_)
    ));
    assert_eq!(
        code(apply(&db, &txn, &put_op("d", 2))),
        "transaction_not_found"
    );
    assert_eq!(code(db.abort(&txn)), "transaction_not_found");
    db.close();
}

#[test]
fn a_refused_commit_is_not_answered_besides() {
    let db = open(Limits::default());
    let txn = begin(&db);
    apply(&db, &txn, &put_op("a", 1)).unwrap();
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let reply = Reply::new(move |answer| drop(sender.send(answer)));
    let options = Transaction {
        key: Some(IdempotencyKey::new("\n", &[])),
        ..Transaction::default()
    };
    assert_eq!(code(db.commit(&txn, options, reply)), "invalid_parameter");
    assert!(receiver.recv().is_err(), "its reply was dropped unanswered");
    db.close();
}

#[test]
fn those_that_are_open_are_listed_and_no_others() {
    let db = open(Limits {
        transaction_lease_seconds: 1,
        ..Limits::default()
    });
    let (one, two, three) = (begin(&db), begin(&db), begin(&db));
    db.abort(&one).unwrap();
    commit(&db, &two).unwrap();
    assert_eq!(db.open_transactions(), [three]);
    std::thread::sleep(Duration::from_millis(1_050));
    assert!(db.open_transactions().is_empty());
    db.close();
}

#[test]
fn the_first_committer_wins_and_the_other_writes_nothing() {
    let db = open(Limits::default());
    put(&db, "a", 1);
    let (one, two, other) = (begin(&db), begin(&db), begin(&db));
    for txn in [&one, &two] {
        let both = format!("{},{}", put_op("a", 5), put_op(&format!("own-{txn}"), 6));
        apply(&db, txn, &both).unwrap();
    }
    apply(&db, &other, &put_op("b", 5)).unwrap();
    commit(&db, &two).unwrap();
    assert_eq!(code(commit(&db, &one)), "conflict");
    assert_eq!(db.info().unwrap().seq, 3);
    assert!(matches!(
        db.transaction(&one).unwrap().phase,
        Phase::Aborted(_)
    ));
    // What shares no entity does not conflict.
    commit(&db, &other).unwrap();
    assert_eq!(db.info().unwrap().seq, 4);
    db.close();
}

#[test]
fn points_conflict_only_with_deletes() {
    let db = open(Limits::default());
    let point = |t: i64| {
        format!(r#"{{"op":"put_points","points":{{"series_id":"s","timestamp":{t},"value":1}}}}"#)
    };
    let cut = r#"{"op":"delete_points","series_id":"s","start":"1970-01-01","end":"1970-01-02"}"#;
    let (adds, more, cuts) = (begin(&db), begin(&db), begin(&db));
    apply(&db, &adds, &point(1)).unwrap();
    apply(&db, &more, &point(1)).unwrap();
    apply(&db, &cuts, cut).unwrap();
    commit(&db, &adds).unwrap();
    commit(&db, &more).unwrap();
    assert_eq!(code(commit(&db, &cuts)), "conflict");
    let cuts = begin(&db);
    apply(&db, &cuts, cut).unwrap();
    assert_eq!(commit(&db, &cuts).unwrap().unwrap().points_deleted, 2);
    db.close();
}

#[test]
fn read_only_ones_pin_a_sequence_and_refuse_writes() {
    let db = open(Limits::default());
    put(&db, "a", 1);
    put(&db, "a", 2);
    let pin = |as_of| {
        let begin = Begin {
            read_only: true,
            as_of,
            ..Begin::default()
        };
        db.begin(begin)
    };
    let (now, past) = (pin(None).unwrap().id, pin(Some(1)).unwrap().id);
    put(&db, "a", 3);
    let version = |txn: &str| db.feature_in(txn, "a").unwrap().version.unwrap().0;
    assert_eq!((version(&now), version(&past)), (2, 1));
    assert_eq!(
        code(apply(&db, &now, &put_op("b", 1))),
        "read_only_transaction"
    );
    assert_eq!(commit(&db, &now).unwrap(), None);
    assert_eq!(code(pin(Some(9))), "invalid_parameter");
    let begin = Begin {
        as_of: Some(1),
        ..Begin::default()
    };
    assert_eq!(code(db.begin(begin)), "invalid_parameter");
    db.close();
}

#[test]
fn number_bytes_and_time_are_bounded() {
    let db = open(Limits {
        open_transactions: 2,
        transaction_bytes: 2_000,
        transaction_lease_seconds: 1,
        ..Limits::default()
    });
    let (one, two) = (begin(&db), begin(&db));
    assert_eq!(code(db.begin(Begin::default())), "busy");
    for n in 0..10 {
        apply(&db, &one, &put_op(&n.to_string(), n)).unwrap();
    }
    let many: Vec<String> = (0..20).map(|n| put_op("x", n)).collect();
    assert_eq!(code(apply(&db, &one, &many.join(","))), "too_large");
    assert_eq!(db.transaction(&one).unwrap().operations, 10);
    db.abort(&two).unwrap();
    db.abort(&two).unwrap();
    std::thread::sleep(Duration::from_millis(1_100));
    let refused = apply(&db, &one, &put_op("x", 1)).unwrap_err();
    assert!(
        refused.to_string().contains("its lease has ended"),
        "{refused}"
    );
    // Those that ended made room.
    begin(&db);
    begin(&db);
    assert_eq!(code(db.transaction("txn_0")), "transaction_not_found");
    db.close();
}

#[test]
fn errors_point_into_the_list_of_operations() {
    let db = open(Limits::default());
    for (operations, pointer) in [
        (r#"{"op":"put_feature"}"#, "/operations/0"),
        (r#"{"op":"nonsense"}"#, "/operations/0/op"),
        (r#"{"op":7}"#, "/operations/0/op"),
        (
            r#"{"op":"delete_feature","id":"a"},{"op":"put_feature","feature":{"type":"Feature","geometry":{"type":"Point","coordinates":[200,0]},"properties":{}}}"#,
            "/operations/1/feature/geometry/coordinates/0",
        ),
        (
            r#"{"op":"delete_points","series_id":"s","start":"yesterday"}"#,
            "/operations/0/start",
        ),
        (
            r#"{"op":"put_points","points":{"series_id":"","timestamp":1,"value":1}}"#,
            "/operations/0/points/series_id",
        ),
    ] {
        let text = format!(r#"{{"operations":[{operations}]}}"#);
        let error = db.prepare_operations(text.as_bytes()).unwrap_err();
        assert_eq!(error.pointer(), Some(pointer), "{operations}: {error}");
    }
    db.close();
}

/// What a transaction is asked to do.
#[derive(Debug, Clone)]
enum Step {
    Put(u8, i8),
    Delete(u8),
    Points(Vec<i8>),
    Cut(i8, i8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..6u8, -9..9i8).prop_map(|(id, lon)| Step::Put(id, lon)),
        (0..6u8).prop_map(Step::Delete),
        prop::collection::vec(0..20i8, 1..5).prop_map(Step::Points),
        (0..20i8, 0..20i8).prop_map(|(a, b)| Step::Cut(a.min(b), a.max(b))),
    ];
    prop::collection::vec(step, 0..12)
}

/// Plain maps: place of each feature, and points in order of time and arrival.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    features: BTreeMap<u8, i8>,
    points: Vec<i8>,
}

impl Model {
    fn step(&mut self, step: &Step) -> Option<String> {
        match step {
            Step::Put(id, lon) => {
                self.features.insert(*id, *lon);
                Some(put_op(&id.to_string(), i64::from(*lon)))
            }
            Step::Delete(id) => {
                self.features.remove(id)?;
                Some(format!(r#"{{"op":"delete_feature","id":"{id}"}}"#))
            }
            Step::Points(times) => {
                self.points.extend(times);
                self.points.sort_unstable();
                let points: Vec<String> = times
                    .iter()
                    .map(|t| format!(r#"{{"series_id":"s","timestamp":{t},"value":{t}}}"#))
                    .collect();
                let list = points.join(",");
                Some(format!(
                    r#"{{"op":"put_points","points":{{"points":[{list}]}}}}"#
                ))
            }
            Step::Cut(start, end) => {
                self.points.retain(|t| !(start..end).contains(&t));
                Some(format!(
                    r#"{{"op":"delete_points","series_id":"s","start":"{start}","end":"{end}"}}"#
                ))
            }
        }
    }
}

/// Page through everything that a transaction, or everybody, sees.
fn seen(db: &Database, txn: Option<&str>, order: Order, limit: usize) -> Model {
    let mut features = BTreeMap::new();
    let mut query = BoxQuery {
        bbox: BoundingBox::parse("-180,-90,180,90").unwrap(),
        limit,
        cursor: None,
        as_of: None,
    };
    loop {
        let page = match txn {
            Some(txn) => db
                .features_in_box_in(txn, &query, &db.budget(Cancel::default()))
                .unwrap(),
            None => db.features_in_box(&query).unwrap(),
        };
        let list: serde_json::Value = serde_json::from_slice(&page.json).unwrap();
        for feature in list.as_array().unwrap() {
            let id: u8 = feature["id"].as_str().unwrap().parse().unwrap();
            let lon = feature["geometry"]["coordinates"][0].as_i64().unwrap();
            assert!(features.insert(id, lon as i8).is_none(), "{id} twice");
            if let Some(txn) = txn {
                let one = db.feature_in(txn, &id.to_string()).unwrap().json;
                let one: serde_json::Value = serde_json::from_slice(&one).unwrap();
                assert_eq!(one, *feature);
            }
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    let mut points = Vec::new();
    let mut cursor = None;
    loop {
        let range = RangeQuery {
            series: "s",
            start: i64::MIN,
            end: i64::MAX,
            order,
            limit,
            cursor: cursor.as_deref(),
            as_of: None,
        };
        let page = match txn {
            Some(txn) => db.range_in(txn, &range),
            None => db.range(&range),
        };
        let page = match page {
            Ok(page) => page,
            Err(Error::NotFound { .. }) => break,
            Err(other) => panic!("{other}"),
        };
        points.extend(page.points.iter().map(|point| point.timestamp as i8));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    if order == Order::Descending {
        points.reverse();
    }
    Model { features, points }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(300)))]

    #[test]
    fn what_a_transaction_sees_is_what_it_leaves(
        before in steps(),
        own in steps(),
        others in prop::collection::vec(10..20u8, 0..3),
        limit in 1..8usize,
    ) {
        let db = open(Limits::default());
        let mut model = Model::default();
        for step in &before {
            if let Some(operation) = model.step(step) {
                let text = format!(r#"{{"operations":[{operation}]}}"#);
                let (operations, _) = db.prepare_operations(text.as_bytes()).unwrap();
                db.write(operations).unwrap();
            }
        }
        let txn = begin(&db);
        for id in &others {
            put(&db, &id.to_string(), 1);
        }
        let untouched = seen(&db, None, Order::Ascending, 100);
        let mut wrote = false;
        for step in &own {
            if let Some(operation) = model.step(step) {
                apply(&db, &txn, &operation).unwrap();
                wrote = true;
            }
            for order in [Order::Ascending, Order::Descending] {
                prop_assert_eq!(&seen(&db, Some(&txn), order, limit), &model);
                compared("boxes and ranges in a transaction, in pages", 2);
            }
        }
        prop_assert_eq!(seen(&db, None, Order::Ascending, limit), untouched);
        let answer = commit(&db, &txn).unwrap();
        prop_assert_eq!(answer.is_some(), wrote);
        for id in others {
            model.features.insert(id, 1);
        }
        prop_assert_eq!(seen(&db, None, Order::Ascending, limit), model);
        db.close();
    }
}
