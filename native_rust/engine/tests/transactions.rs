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
use std::thread::JoinHandle;
use std::time::Duration;

use formdb_engine::{
    Ack, Begin, BoxQuery, Cancel, Commit, Database, Durability, Error, IdempotencyKey, Limits,
    Order, Phase, RangeQuery, Reply, Transaction, Wait,
};
use oracles::{cases, compared};
use proptest::prelude::*;
use support::calls::{code, world};
use support::disk::{Fault, Op, Pages, SimFs};

fn open(limits: Limits) -> Arc<Database> {
    open_on(&SimFs::new(), limits)
}

fn open_on(fs: &SimFs, limits: Limits) -> Arc<Database> {
    Arc::new(Database::open(Arc::new(fs.clone()), Path::new("/data/db"), limits).unwrap())
}

fn begin(db: &Database) -> String {
    db.begin(Begin::default()).unwrap().id
}

fn commit(db: &Arc<Database>, id: &str) -> Result<Option<Ack>, Error> {
    commit_with(db, id, Durability::Sync)
}

fn commit_with(db: &Arc<Database>, id: &str, durability: Durability) -> Result<Option<Ack>, Error> {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let reply = Reply::new(move |answer| drop(sender.send(answer)));
    let options = Transaction {
        durability,
        ..Transaction::default()
    };
    match db.commit(id, options, reply)? {
        Commit::Nothing { .. } => Ok(None),
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
    let operations = db.prepare_operations(text.as_bytes())?.operations;
    db.apply(txn, operations)
}

fn put_op(id: &str, lon: i64) -> String {
    format!(r#"{{"op":"put_feature","feature":{}}}"#, feature(id, lon))
}

fn put(db: &Database, id: &str, lon: i64) {
    let prepared = db.prepare_features(feature(id, lon).as_bytes()).unwrap();
    db.write(prepared.operations).unwrap();
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

/// A database whose next sync waits, a transaction of it that is being committed meanwhile,
/// and two commits of that: the first, and one that was sent again.
type UnderWay = (
    SimFs,
    Arc<Database>,
    String,
    [JoinHandle<Result<Option<Ack>, Error>>; 2],
);

/// `before`: what somebody else writes, who is served first.
fn under_way(before: Option<&str>) -> UnderWay {
    let fs = SimFs::new();
    let db = open_on(&fs, Limits::default());
    put(&db, "a", 1);
    let txn = begin(&db);
    apply(&db, &txn, &put_op("a", 2)).unwrap();
    fs.hold(|op| matches!(op, Op::SyncData(_)));
    if let Some(id) = before {
        let prepared = db.prepare_features(feature(id, 3).as_bytes()).unwrap();
        let write = Transaction {
            operations: prepared.operations,
            ..Transaction::default()
        };
        db.submit(write, Reply::new(|_| {})).unwrap();
        assert!(fs.await_held(), "nothing is synced");
    }
    let committing = || {
        let (db, txn) = (Arc::clone(&db), txn.clone());
        std::thread::spawn(move || commit(&db, &txn))
    };
    let first = committing();
    while db.transaction(&txn).unwrap().phase != Phase::Committing {
        std::thread::yield_now();
    }
    assert!(fs.await_held(), "nothing is synced");
    let commits = [first, committing()];
    std::thread::sleep(Duration::from_millis(50));
    for commit in &commits {
        assert!(!commit.is_finished(), "it is answered before it is known");
    }
    (fs, db, txn, commits)
}

#[test]
fn a_commit_that_is_sent_again_while_it_is_under_way_is_answered_as_the_first() {
    let (fs, db, txn, commits) = under_way(None);
    let read = db.feature_in(&txn, "a").map(|_| 0);
    for refused in [
        apply(&db, &txn, &put_op("b", 2)),
        db.abort(&txn).map(|()| 0),
        read,
    ] {
        let refusal = refused.unwrap_err();
        assert_eq!(refusal.code(), "transaction_committing");
        assert!(!refusal.to_string().contains("begin another"), "{refusal}");
    }
    fs.release();
    let acks = commits.map(|commit| commit.join().unwrap().unwrap().unwrap());
    let [first, again] = acks;
    assert_eq!((first.first_seq, first.replayed), (2, false));
    let marked = Ack {
        replayed: true,
        ..first
    };
    assert_eq!(again, marked);
    assert_eq!(commit(&db, &txn).unwrap().unwrap(), marked);
    // What has landed is nothing to begin anew.
    for refusal in [
        apply(&db, &txn, &put_op("b", 2)).unwrap_err(),
        db.abort(&txn).unwrap_err(),
    ] {
        assert_eq!(refusal.code(), "transaction_not_found");
        assert!(!refusal.to_string().contains("begin another"), "{refusal}");
    }
    db.close();
    assert_eq!(db.memory().work.used(), 0);
}

#[test]
fn a_commit_that_is_refused_is_refused_the_same_way_when_it_is_sent_again() {
    let (fs, db, txn, commits) = under_way(Some("a"));
    fs.release();
    for commit in commits {
        assert_eq!(code(commit.join().unwrap()), "conflict");
    }
    assert_eq!(code(commit(&db, &txn)), "conflict");
    assert_eq!(
        code(apply(&db, &txn, &put_op("b", 2))),
        "transaction_not_found"
    );
    // What wrote nothing can be aborted again.
    db.abort(&txn).unwrap();
    assert_eq!(code(commit(&db, &txn)), "conflict");
    db.close();
}

/// Nobody knows what became of it, so nobody is told that it is gone.
#[test]
fn a_commit_that_the_disk_failed_is_never_said_to_be_gone() {
    let (fs, db, txn, commits) = under_way(None);
    fs.inject(Fault::Sync {
        at: fs.tried().2,
        pages: Pages::Kept,
    });
    fs.release();
    let refusals = commits.map(|commit| commit.join().unwrap().unwrap_err());
    let late = commit(&db, &txn).unwrap_err();
    for refusal in refusals.into_iter().chain([late]) {
        assert!(matches!(refusal, Error::Unsettled { .. }), "{refusal}");
    }
    let phase = db.transaction(&txn).unwrap().phase;
    assert!(matches!(phase, Phase::Unsettled(_)), "{phase:?}");
    let refusal = db.abort(&txn).unwrap_err().to_string();
    assert!(!refusal.contains("begin another"), "{refusal}");
    assert!(refusal.contains("is open"), "{refusal}");
    db.close();
}

#[test]
fn a_commit_that_is_sent_again_promises_what_is_asked_for_then() {
    let db = open(Limits::default());
    let txn = begin(&db);
    apply(&db, &txn, &put_op("a", 1)).unwrap();
    let weak = commit_with(&db, &txn, Durability::None).unwrap().unwrap();
    assert_eq!(db.info().unwrap().durable_seq, 0);
    let same = commit_with(&db, &txn, Durability::None).unwrap().unwrap();
    assert_eq!((same.hash, db.info().unwrap().durable_seq), (weak.hash, 0));
    let kept = commit(&db, &txn).unwrap().unwrap();
    assert_eq!((kept.hash, kept.replayed), (weak.hash, true));
    assert_eq!(db.info().unwrap().durable_seq, 1);
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
    let conflict = commit(&db, &one).unwrap_err();
    assert_eq!(conflict.code(), "conflict");
    // What to do next is said once, now and when it is asked for again.
    let again = commit(&db, &one).unwrap_err();
    for refusal in [conflict.to_string(), again.to_string()] {
        assert_eq!(refusal.matches("begin another").count(), 1, "{refusal}");
    }
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

/// Two transactions that each read what the other writes: both commit (write skew), unless
/// they write what they rely on, too. docs/API.md has this example.
#[test]
fn what_is_only_read_may_change_before_the_commit_unless_it_is_written_too() {
    let db = open(Limits::default());
    let on_call = |who: &str, on: bool| {
        format!(
            r#"{{"op":"put_feature","feature":{{"type":"Feature","id":"{who}","geometry":null,"properties":{{"on_call":{on}}}}}}}"#
        )
    };
    let shift = r#"{"op":"put_feature","feature":{"type":"Feature","id":"shift","geometry":null,"properties":{}}}"#;
    let both = || {
        let all = format!("{},{},{shift}", on_call("ana", true), on_call("bo", true));
        let txn = begin(&db);
        apply(&db, &txn, &all).unwrap();
        commit(&db, &txn).unwrap();
    };
    let is_on_call = |txn: Option<&str>, who: &str| {
        let document = match txn {
            None => db.feature(who, None).unwrap().json.to_vec(),
            Some(txn) => db.feature_in(txn, who).unwrap().json,
        };
        String::from_utf8_lossy(&document).contains(r#""on_call":true"#)
    };
    for guarded in [false, true] {
        both();
        // Each leaves, seeing that the other one stays.
        let leaving = ["ana", "bo"].map(|who| (who, begin(&db)));
        for (who, txn) in &leaving {
            let other = if *who == "ana" { "bo" } else { "ana" };
            assert!(is_on_call(Some(txn), other));
            let leave = on_call(who, false);
            let operations = match guarded {
                true => format!("{leave},{shift}"),
                false => leave,
            };
            apply(&db, txn, &operations).unwrap();
        }
        let [(_, first), (_, second)] = &leaving;
        commit(&db, first).unwrap();
        let late = commit(&db, second);
        let left = [is_on_call(None, "ana"), is_on_call(None, "bo")];
        match guarded {
            false => assert!(late.is_ok() && left == [false, false]),
            true => {
                assert_eq!(code(late), "conflict");
                assert_eq!(left, [false, true]);
            }
        }
    }
    db.close();
}

#[test]
fn what_cannot_be_deleted_is_refused_at_once_and_ends_nothing() {
    let db = open(Limits::default());
    put(&db, "a", 1);
    let txn = begin(&db);
    let delete = |id: &str| format!(r#"{{"op":"delete_feature","id":"{id}"}}"#);
    apply(&db, &txn, &put_op("b", 2)).unwrap();
    // Not there before, deleted by an earlier call, or by an earlier operation.
    let absent = [
        format!("{},{}", put_op("c", 3), delete("d")),
        format!("{},{}", delete("a"), delete("a")),
        format!("{},{},{}", put_op("c", 3), delete("c"), delete("c")),
    ];
    for operations in &absent {
        assert_eq!(code(apply(&db, &txn, operations)), "feature_not_found");
    }
    apply(&db, &txn, &format!("{},{}", delete("a"), delete("b"))).unwrap();
    assert_eq!(code(apply(&db, &txn, &delete("b"))), "feature_not_found");
    assert_eq!(db.transaction(&txn).unwrap().operations, 3);
    commit(&db, &txn).unwrap();
    assert!(!db.has_feature("a", None).unwrap() && !db.has_feature("b", None).unwrap());
    db.close();
}

#[test]
fn a_commit_of_nothing_is_answered_again_as_such() {
    let db = open(Limits::default());
    let txn = begin(&db);
    for replayed in [false, true, true] {
        let never = Reply::new(|_| panic!("nothing was queued"));
        let done = db.commit(&txn, Transaction::default(), never).unwrap();
        assert_eq!(done, Commit::Nothing { replayed });
    }
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
fn an_actor_is_bounded_and_counts() {
    let db = open(Limits {
        transaction_bytes: 4_000,
        ..Limits::default()
    });
    let with = |len: usize| Begin {
        actor: Some("x".repeat(len).into()),
        ..Begin::default()
    };
    assert_eq!(code(db.begin(with(1_025))), "invalid_parameter");
    let prepared = db.prepare_features(feature("a", 1).as_bytes()).unwrap();
    let write = |len: usize| {
        db.write_transaction(Transaction {
            operations: prepared.operations.clone(),
            actor: with(len).actor,
            ..Transaction::default()
        })
    };
    assert_eq!(code(write(1_025)), "invalid_parameter");
    write(1_024).unwrap();
    // It is written into every block.
    let txn = db.begin(with(1_024)).unwrap().id;
    for n in 0..3 {
        apply(&db, &txn, &put_op("a", n)).unwrap();
    }
    assert_eq!(code(apply(&db, &txn, &put_op("a", 3))), "too_large");
    db.close();
}

#[test]
fn operations_that_are_sent_again_with_their_key_are_added_once() {
    let db = open(Limits::default());
    let txn = begin(&db);
    let send = |key: &str, operations: &str| {
        let text = format!(r#"{{"operations":[{operations}]}}"#);
        let operations = db.prepare_operations(text.as_bytes())?.operations;
        let key = Some(IdempotencyKey::new(key, &[text.as_bytes()]));
        let applied = db.apply_once(&txn, operations, key, Wait::Never)?;
        Ok::<_, Error>(applied.unwrap())
    };
    let nameless =
        r#"{"op":"put_feature","feature":{"type":"Feature","geometry":null,"properties":{}}}"#;
    let both = format!("{},{nameless}", put_op("a", 1));
    let first = send("one", &both).unwrap();
    assert_eq!((first.operations, first.replayed), (2, false));
    assert_eq!(first.feature_ids.len(), 2);
    let between = send("two", nameless).unwrap();
    let again = send("one", &both).unwrap();
    assert_eq!(again.feature_ids, first.feature_ids);
    assert_eq!((again.operations, again.replayed), (2, true));
    assert_ne!(between.feature_ids[0], first.feature_ids[1]);
    assert_eq!(code(send("one", nameless)), "idempotency_key_reused");
    assert_eq!(code(send("", nameless)), "invalid_parameter");
    assert_eq!(db.transaction(&txn).unwrap().operations, 3);
    let ack = commit(&db, &txn).unwrap().unwrap();
    assert_eq!((ack.first_seq, ack.last_seq), (1, 3));
    assert_eq!(code(send("one", &both)), "transaction_not_found");
    db.close();
}

/// A read of a transaction waits for the disk: everything else in it and beside it goes
/// on, and the read sees what was there when it began.
#[test]
fn nothing_waits_for_a_read_in_a_transaction() {
    let fs = SimFs::new();
    let limits = Limits {
        body_cache_bytes: 0,
        ..Limits::default()
    };
    let db = open_on(&fs, limits);
    put(&db, "a", 1);
    put(&db, "b", 2);
    let (txn, other) = (begin(&db), begin(&db));
    apply(&db, &txn, &put_op("own", 3)).unwrap();
    for ends in ["commit", "abort"] {
        let txn = if ends == "commit" { &txn } else { &other };
        let before = db.transaction(txn).unwrap().operations;
        fs.hold_reads();
        let read = {
            let (db, txn) = (Arc::clone(&db), txn.clone());
            std::thread::spawn(move || {
                db.features_in_box_in(&txn, &world(None), &db.budget(Cancel::default()))
            })
        };
        assert!(fs.await_held(), "nothing is read");
        // None of this comes back before the release, if it waits for the read.
        assert_eq!(db.transaction(txn).unwrap().phase, Phase::Open);
        let later = db.prepare_features(feature("later", 4).as_bytes()).unwrap();
        let applied = db.apply_once(txn, later.operations, None, Wait::Never);
        assert_eq!(applied.unwrap().unwrap().operations, before + 1);
        let delete = r#"{"op":"delete_feature","id":"a"}"#;
        assert_eq!(apply(&db, txn, delete).unwrap(), before + 2);
        let third = begin(&db);
        db.abort(&third).unwrap();
        put(&db, "elsewhere", 5);
        match ends {
            "commit" => drop(commit(&db, txn).unwrap().unwrap()),
            _ => db.abort(txn).unwrap(),
        }
        assert!(!read.is_finished());
        fs.release();
        let page = read.join().unwrap().unwrap();
        assert_eq!(page.returned, 2 + before, "{page:?}");
    }
    assert_eq!(code(db.feature("a", None)), "feature_not_found");
    assert_eq!(db.feature("own", None).unwrap().seq, 4);
    db.close();
    assert_eq!(db.memory().work.used(), 0);
}

#[test]
fn a_read_in_a_transaction_ends_at_its_time() {
    let fs = SimFs::new();
    let limits = Limits {
        body_cache_bytes: 0,
        query_timeout_ms: 50,
        ..Limits::default()
    };
    let db = open_on(&fs, limits);
    let many: Vec<String> = (0..3_000).map(|n| feature(&n.to_string(), 1)).collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        many.join(",")
    );
    db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
        .unwrap();
    let txn = begin(&db);
    fs.hold_reads();
    let read = {
        let (db, txn) = (Arc::clone(&db), txn.clone());
        let query = BoxQuery {
            limit: 3_000,
            ..world(None)
        };
        std::thread::spawn(move || {
            db.features_in_box_in(&txn, &query, &db.budget(Cancel::default()))
        })
    };
    assert!(fs.await_held(), "nothing is read");
    std::thread::sleep(Duration::from_millis(100));
    fs.release();
    assert_eq!(code(read.join().unwrap()), "query_timeout");
    // The transaction is as it was.
    apply(&db, &txn, &put_op("own", 3)).unwrap();
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
                    r#"{{"op":"delete_points","series_id":"s","start":{start},"end":{end}}}"#
                ))
            }
        }
    }
}

/// Page through everything that a transaction, or everybody, sees.
fn seen(db: &Database, txn: Option<&str>, order: Order, limit: usize) -> Model {
    let mut features = BTreeMap::new();
    let mut query = BoxQuery {
        limit,
        ..world(None)
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
            values: None,
            order,
            limit,
            cursor: cursor.as_deref(),
            as_of: None,
        };
        let page = match txn {
            Some(txn) => db.range_in(txn, &range, &db.budget(Cancel::default())),
            None => db.range(&range, &db.budget(Cancel::default())),
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
                let operations = db.prepare_operations(text.as_bytes()).unwrap().operations;
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
