//! Deletes, the past, reverts, conditions and idempotency keys, through the public
//! interface and again after opening the journal anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use formdb_engine::types::BoundingBox;
use formdb_engine::{
    Ack, BlockFilter, BoxQuery, Cancel, Condition, Database, Durability, EntryQuery, Error,
    Expected, IdempotencyKey, Limits, Operation, Reply, Transaction,
};
use support::SimFs;
use support::calls::{self, code, revert, world};

fn open(fs: &SimFs) -> Database {
    Database::open(
        Arc::new(fs.clone()),
        Path::new("/data/db"),
        Limits::default(),
    )
    .unwrap()
}

fn put(db: &Database, id: &str, lon: i32) -> Ack {
    let text = format!(
        r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Point","coordinates":[{lon},0]}},"properties":{{"lon":{lon}}},"provenance":{{"source":"{lon}"}}}}"#
    );
    let prepared = db.prepare_features(text.as_bytes()).unwrap();
    db.write(prepared.operations).unwrap()
}

fn delete(db: &Database, id: &str) -> Result<Ack, Error> {
    db.write(vec![db.prepare_delete_feature(id, None).unwrap()])
}

fn points(db: &Database, timestamps: &[i64]) -> Ack {
    let values = timestamps.iter().map(|t| *t as f64).collect();
    let prepared = db.prepare_columns("s", timestamps.to_vec(), values, None);
    db.write(prepared.unwrap().operations).unwrap()
}

/// All features in the world and all points of series "s", as of a sequence.
fn view(db: &Database, as_of: Option<u64>) -> (String, Vec<i64>) {
    let features = db.features_in_box(&world(as_of)).unwrap().json.to_vec();
    let points = match calls::points(db, "s", as_of) {
        Ok(page) => page.points.iter().map(|point| point.timestamp).collect(),
        Err(Error::NotFound { .. }) => Vec::new(),
        Err(other) => panic!("{other}"),
    };
    (String::from_utf8(features).unwrap(), points)
}

#[test]
fn every_past_state_stays_readable_also_after_opening_again() {
    let fs = SimFs::new();
    let db = open(&fs);
    let mut views = vec![view(&db, None)];
    let mut step = |db: &Database| views.push(view(db, None));
    put(&db, "a", 1);
    step(&db);
    put(&db, "b", 2);
    step(&db);
    put(&db, "a", 3);
    step(&db);
    points(&db, &[10, 30, 20, 20]);
    step(&db);
    delete(&db, "b").unwrap();
    step(&db);
    points(&db, &[15, 25]);
    step(&db);
    let cut = db.prepare_delete_points("s", 15, 25, None).unwrap();
    let ack = db.write(vec![cut]).unwrap();
    assert_eq!(ack.points_deleted, 3);
    step(&db);
    put(&db, "b", 4);
    step(&db);
    for seq in [7, 5, 3] {
        // A feature written since cannot be reverted; points can.
        match revert(&db, seq) {
            Ok(_) => step(&db),
            Err(error) => assert_eq!((seq, error.code()), (5, "cannot_revert")),
        }
    }
    for round in 0..3 {
        for (seq, expected) in views.iter().enumerate() {
            assert_eq!(
                view(&db, Some(seq as u64)),
                *expected,
                "{round}: as of {seq}"
            );
        }
        assert_eq!(view(&db, None), *views.last().unwrap());
        if round == 0 {
            db.close();
            let again = open(&fs);
            for (seq, expected) in views.iter().enumerate() {
                assert_eq!(
                    view(&again, Some(seq as u64)),
                    *expected,
                    "again: as of {seq}"
                );
            }
            again.close();
            break;
        }
    }
}

#[test]
fn deletes_need_something_to_delete_and_leave_the_versions() {
    let db = open(&SimFs::new());
    assert_eq!(code(delete(&db, "a")), "feature_not_found");
    let first = put(&db, "a", 1);
    delete(&db, "a").unwrap();
    assert_eq!(code(delete(&db, "a")), "feature_not_found");
    assert_eq!(code(db.feature("a", None)), "feature_not_found");
    assert_eq!(db.feature("a", Some(1)).unwrap().hash, first.hash);
    assert_eq!(code(db.feature("a", Some(9))), "invalid_parameter");
    assert_eq!(db.info().unwrap().features, 0);
    put(&db, "a", 2);
    assert_eq!(db.info().unwrap().features, 1);
    let chain = db
        .provenance("a", 0, None, 10, &db.budget(Cancel::default()))
        .unwrap();
    assert_eq!(chain.returned, 3);
    let text = String::from_utf8(chain.json).unwrap();
    assert!(text.contains(r#""op":"delete_feature","prev":1"#), "{text}");
    // Within one transaction, what it wrote itself can be deleted, once.
    let feature = br#"{"type":"Feature","id":"n","geometry":null,"properties":{}}"#;
    let mut operations = db.prepare_features(feature).unwrap().operations;
    operations.push(db.prepare_delete_feature("n", None).unwrap());
    db.write(operations.clone()).unwrap();
    operations.push(db.prepare_delete_feature("n", None).unwrap());
    assert_eq!(code(db.write(operations)), "feature_not_found");
    assert_eq!(
        db.info().unwrap().seq,
        5,
        "a refused transaction writes nothing"
    );
    db.close();
}

/// A feature but for the version that its answer names.
fn own(db: &Database, id: &str) -> serde_json::Value {
    let document = db.feature(id, None).unwrap();
    let mut feature: serde_json::Value = serde_json::from_slice(&document.json).unwrap();
    feature.as_object_mut().unwrap().remove("formdb");
    feature
}

#[test]
fn reverts_restore_exactly_and_say_why_not() {
    let fs = SimFs::new();
    let db = open(&fs);
    put(&db, "a", 1);
    let before = own(&db, "a");
    put(&db, "a", 2);
    let reason = revert(&db, 1).unwrap_err().to_string();
    assert_eq!(
        reason,
        "block 1 cannot be reverted: block 2 depends on it; revert that one first"
    );
    assert_eq!(revert(&db, 2).unwrap().first_seq, 3);
    assert_eq!(own(&db, "a"), before);
    // Undoing the undoing.
    revert(&db, 3).unwrap();
    assert!(own(&db, "a") != before);
    // Undoing a first version deletes, undoing a delete restores.
    put(&db, "b", 7);
    let b = own(&db, "b");
    revert(&db, 5).unwrap();
    assert_eq!(code(db.feature("b", None)), "feature_not_found");
    revert(&db, 6).unwrap();
    assert_eq!(own(&db, "b"), b);
    assert_eq!(code(revert(&db, 99)), "block_not_found");

    // Points: those of the block go, others stay.
    points(&db, &[1, 5, 9]);
    points(&db, &[2, 5]);
    revert(&db, 8).unwrap();
    assert_eq!(view(&db, None).1, [2, 5]);
    let reason = revert(&db, 8).unwrap_err().to_string();
    assert!(
        reason.contains("block 10 has undone it already"),
        "{reason}"
    );
    // Block 10 can be undone, and then block 8 once more.
    revert(&db, 10).unwrap();
    assert_eq!(view(&db, None).1, [1, 2, 5, 5, 9]);
    assert_eq!(code(revert(&db, 8)), "cannot_revert");
    let cut = db.prepare_delete_points("s", 2, 3, None).unwrap();
    db.write(vec![cut]).unwrap();
    let reason = revert(&db, 9).unwrap_err().to_string();
    assert!(
        reason.contains("block 12 deleted some of its 2 points"),
        "{reason}"
    );
    revert(&db, 12).unwrap();
    assert_eq!(view(&db, None).1, [1, 2, 5, 5, 9]);
    assert_eq!(code(revert(&db, 12)), "cannot_revert");
    let seen = view(&db, None);
    db.close();
    let again = open(&fs);
    assert_eq!(view(&again, None), seen);
    assert_eq!(code(revert(&again, 12)), "cannot_revert");
    let query = EntryQuery {
        filter: BlockFilter {
            op: Some("revert".parse().unwrap()),
            ..BlockFilter::default()
        },
        limit: 100,
        ..EntryQuery::default()
    };
    assert_eq!(
        again
            .entries(&query, &again.budget(Cancel::default()))
            .unwrap()
            .returned,
        7
    );
    again.close();
}

#[test]
fn metadata_comes_back_with_reverted_deletes() {
    let db = open(&SimFs::new());
    let text = br#"{"points":[{"series_id":"s","timestamp":1,"value":1,"metadata":{"n":1}},{"series_id":"s","timestamp":2,"value":2}]}"#;
    db.write(db.prepare_points(text).unwrap().operations)
        .unwrap();
    let cut = db
        .prepare_delete_points("s", i64::MIN, i64::MAX, None)
        .unwrap();
    db.write(vec![cut]).unwrap();
    assert_eq!(code(db.latest("s", None)), "series_not_found");
    assert_eq!(db.latest("s", Some(1)).unwrap().value, 2.0);
    revert(&db, 2).unwrap();
    let cut = db.prepare_delete_points("s", 2, 3, None).unwrap();
    db.write(vec![cut]).unwrap();
    let latest = db.latest("s", None).unwrap();
    assert_eq!(latest.metadata.unwrap(), br#"{"n":1}"#);
    db.close();
}

/// Order among equal timestamps, metadata and provenance.
#[test]
fn points_that_are_brought_back_are_those_that_were_there() {
    let fs = SimFs::new();
    let db = open(&fs);
    let put = |value: i64| {
        let text = format!(
            r#"{{"series_id":"s","timestamp":1,"value":{value},"metadata":{{"n":{value}}},"provenance":{{"source":"station {value}"}}}}"#
        );
        db.write(db.prepare_points(text.as_bytes()).unwrap().operations)
            .unwrap();
    };
    put(1);
    put(2);
    put(3);
    let values = |db: &Database, as_of| view(db, as_of).1;
    let first = values(&db, None);
    // Undone and done again, the first one is still the first.
    revert(&db, 1).unwrap();
    revert(&db, 4).unwrap();
    assert_eq!(values(&db, None), first);
    let cut = db.prepare_delete_points("s", 1, 2, None).unwrap();
    db.write(vec![cut]).unwrap();
    revert(&db, 6).unwrap();
    let check = |db: &Database| {
        assert_eq!(values(db, None), first);
        assert_eq!(values(db, Some(4)).len(), 2);
        assert_eq!(values(db, Some(6)).len(), 0);
        let latest = db.latest("s", None).unwrap();
        assert_eq!((latest.value, latest.seq, latest.index), (3.0, 3, 0));
        assert_eq!(latest.metadata.unwrap(), br#"{"n":3}"#);
        assert_eq!(latest.provenance.unwrap(), br#"{"source":"station 3"}"#);
    };
    check(&db);
    db.close();
    let db = open(&fs);
    check(&db);
    // A put whose points were deleted and brought back can be undone.
    revert(&db, 3).unwrap();
    assert_eq!(db.latest("s", None).unwrap().value, 2.0);
    db.close();
}

/// Of deletions of the same points at once the first finds them.
#[test]
fn one_of_many_deletions_of_the_same_points_is_written() {
    let db = Arc::new(open(&SimFs::new()));
    for round in 0..20 {
        points(&db, &[1, 2, 3]);
        let before = db.info().unwrap().seq;
        let (sender, answers) = crossbeam_channel::unbounded();
        for caller in 0..8 {
            let transaction = Transaction {
                operations: vec![db.prepare_delete_points("s", 1, 4, None).unwrap()],
                conditions: vec![Condition::HasPoints {
                    id: "s".into(),
                    start: 1,
                    end: 4,
                }],
                caller,
                ..Transaction::default()
            };
            let sender = sender.clone();
            let reply = Reply::new(move |answer| drop(sender.send(answer)));
            db.submit(transaction, reply).unwrap();
        }
        drop(sender);
        let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(Result::is_ok);
        assert_eq!((done.len(), refused.len()), (1, 7), "round {round}");
        assert_eq!(done[0].as_ref().unwrap().points_deleted, 3);
        let codes = refused.into_iter().map(code);
        assert!(codes.into_iter().all(|code| code == "precondition_failed"));
        assert_eq!(db.info().unwrap().seq, before + 1);
    }
    db.close();
}

fn conditional(db: &Database, id: &str, expected: Expected) -> Result<Ack, Error> {
    let text = format!(r#"{{"type":"Feature","id":"{id}","geometry":null,"properties":{{}}}}"#);
    db.write_transaction(Transaction {
        operations: db.prepare_features(text.as_bytes()).unwrap().operations,
        conditions: vec![Condition::Feature {
            id: id.into(),
            expected,
        }],
        ..Transaction::default()
    })
}

#[test]
fn conditions_hold_or_nothing_is_written() {
    let db = open(&SimFs::new());
    assert_eq!(
        code(conditional(&db, "a", Expected::Exists)),
        "precondition_failed"
    );
    conditional(&db, "a", Expected::Absent).unwrap();
    assert_eq!(
        code(conditional(&db, "a", Expected::Absent)),
        "precondition_failed"
    );
    conditional(&db, "a", Expected::Version(1)).unwrap();
    assert_eq!(
        code(conditional(&db, "a", Expected::Version(1))),
        "precondition_failed"
    );
    assert_eq!(
        code(conditional(&db, "a", Expected::NotAfter(1))),
        "conflict"
    );
    conditional(&db, "a", Expected::NotAfter(2)).unwrap();
    assert_eq!(db.info().unwrap().seq, 3);
    let hash = db.feature("a", None).unwrap().hash;
    assert!(db.match_feature("a", Some(&[[0; 32], hash])).is_ok());
    assert!(db.match_feature("a", None).is_ok());
    assert_eq!(
        code(db.match_feature("a", Some(&[[0; 32]]))),
        "precondition_failed"
    );
    assert_eq!(code(db.match_feature("b", None)), "precondition_failed");
    db.close();
}

/// Of many writers that all saw the same version, one wins.
#[test]
fn one_of_many_writers_of_one_version_wins() {
    let db = open(&SimFs::new());
    conditional(&db, "a", Expected::Absent).unwrap();
    for round in 1..=20 {
        let won = std::thread::scope(|scope| {
            let write = || conditional(&db, "a", Expected::Version(round)).is_ok();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
            threads
                .into_iter()
                .map(|t| t.join().unwrap())
                .filter(|won| *won)
                .count()
        });
        assert_eq!(won, 1);
    }
    assert_eq!(db.info().unwrap().seq, 21);
    db.close();
}

fn keyed(db: &Database, key: &str, request: &str, durability: Durability) -> Result<Ack, Error> {
    let text =
        format!(r#"{{"type":"Feature","id":"{request}","geometry":null,"properties":{{}}}}"#);
    let prepared = db.prepare_features(text.as_bytes()).unwrap();
    let mut operations: Vec<Operation> = prepared.operations;
    operations.extend(operations.clone());
    db.write_transaction(Transaction {
        operations,
        key: Some(IdempotencyKey::new(key, &[request.as_bytes()])),
        durability,
        ..Transaction::default()
    })
}

#[test]
fn a_key_writes_once_also_across_openings() {
    let fs = SimFs::new();
    let mut db = open(&fs);
    let first = keyed(&db, "k", "a", Durability::Sync).unwrap();
    assert_eq!(
        (first.first_seq, first.last_seq, first.replayed),
        (1, 2, false)
    );
    for _ in 0..3 {
        let again = keyed(&db, "k", "a", Durability::None).unwrap();
        assert!(again.replayed);
        assert_eq!(
            Ack {
                replayed: false,
                ..again
            },
            first
        );
        assert_eq!(
            code(keyed(&db, "k", "b", Durability::Sync)),
            "idempotency_key_reused"
        );
        assert_eq!(db.info().unwrap().seq, 2);
        db.close();
        db = open(&fs);
    }
    assert_eq!(
        code(keyed(&db, "", "a", Durability::Sync)),
        "invalid_parameter"
    );
    // Many at once, in one group or several.
    let acks: Vec<Ack> = std::thread::scope(|scope| {
        let write = || keyed(&db, "once", "c", Durability::Sync).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(acks.iter().filter(|ack| !ack.replayed).count(), 1);
    assert!(
        acks.iter()
            .all(|ack| (ack.first_seq, ack.hash) == (3, acks[0].hash))
    );
    assert_eq!(db.info().unwrap().seq, 4);
    db.close();
}

/// Also where the counts come from the journal, from a snapshot, or from a transaction of
/// the same group.
#[test]
fn an_answer_that_is_given_again_counts_what_the_first_one_did() {
    let fs = SimFs::new();
    let open = |snapshot_bytes| {
        let limits = Limits {
            snapshot_bytes,
            ..Limits::default()
        };
        Database::open(Arc::new(fs.clone()), Path::new("/data/db"), limits).unwrap()
    };
    let feature = |db: &Database, id: &str| {
        let text = format!(r#"{{"type":"Feature","id":"{id}","geometry":null,"properties":{{}}}}"#);
        db.prepare_features(text.as_bytes()).unwrap().operations
    };
    let cut = |db: &Database, start, end| db.prepare_delete_points("s", start, end, None).unwrap();
    let db = open(0);
    put(&db, "a", 1);
    put(&db, "gone", 1);
    let undone = put(&db, "b", 1).last_seq;
    delete(&db, "gone").unwrap();
    points(&db, &[1, 2, 3, 4, 5, 6]);
    // One replaces, one comes again, one is new, and the new one is put once more; what is
    // undone replaces nothing. Of its points a deletion finds those that are left.
    let (undoing, conditions) = db.prepare_revert(undone, None).unwrap();
    let mut operations: Vec<Operation> = ["a", "gone", "new", "new"]
        .iter()
        .flat_map(|id| feature(&db, id))
        .collect();
    operations.extend([cut(&db, 2, 4), undoing, cut(&db, 3, 6)]);
    let send = |db: &Database, operations: &[Operation], conditions: &[Condition]| {
        db.write_transaction(Transaction {
            operations: operations.to_vec(),
            conditions: conditions.to_vec(),
            key: Some(IdempotencyKey::new("k", &[b"all"])),
            ..Transaction::default()
        })
        .unwrap()
    };
    let first = send(&db, &operations, &conditions);
    assert_eq!((first.features_replaced, first.points_deleted), (2, 4));
    let again = Ack {
        replayed: true,
        ..first
    };
    let check = |db: &Database| {
        // Written anew, they would count otherwise by now.
        assert_eq!(send(db, &operations, &conditions), again);
        let budget = db.budget(Cancel::default());
        let (ids, replaced) = db
            .written_features(first.first_seq, first.last_seq, &budget)
            .unwrap();
        assert_eq!((ids.len(), replaced), (4, first.features_replaced));
    };
    check(&db);
    put(&db, "new", 1);
    db.close();
    // It takes a snapshot meanwhile.
    let db = open(1);
    check(&db);
    let taken = || {
        let files = fs.files();
        files
            .iter()
            .any(|(path, _)| path.extension().is_some_and(|e| e == "snapshot"))
    };
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !taken() && std::time::Instant::now() < patience {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    db.close();
    let db = open(1);
    assert!(db.recovered().snapshot.is_some());
    check(&db);

    // Of eight at once, one writes, in whatever groups they come.
    points(&db, &[10, 11, 12]);
    let acks: Vec<Ack> = std::thread::scope(|scope| {
        let write = || {
            db.write_transaction(Transaction {
                operations: vec![cut(&db, 10, 12)],
                key: Some(IdempotencyKey::new("cut", &[b"cut"])),
                ..Transaction::default()
            })
            .unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(acks.iter().filter(|ack| !ack.replayed).count(), 1);
    assert!(acks.iter().all(|ack| ack.points_deleted == 2), "{acks:?}");
    db.close();
}

#[test]
fn a_time_names_the_last_block_committed_by_then() {
    let db = open(&SimFs::new());
    assert_eq!(db.seq_at(0).unwrap(), 0);
    let mut times = Vec::new();
    for n in 0..40 {
        times.push(put(&db, "a", n).time);
        if n % 7 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    for time in times
        .iter()
        .flat_map(|t| [t - 1, *t, t + 1])
        .chain([0, i64::MIN])
    {
        let expected = times.iter().filter(|t| **t <= time).count() as u64;
        assert_eq!(db.seq_at(time).unwrap(), expected);
    }
    // A client's clock may be a little ahead: that is waited for. More is refused.
    let ahead = times[39] + 200_000;
    assert_eq!(db.seq_at(ahead).unwrap(), 40);
    assert!(put(&db, "a", 40).time > ahead);
    for time in [times[39] + 3_600_000_000, i64::MAX] {
        let error = db.seq_at(time).unwrap_err();
        assert_eq!(
            (error.code(), error.pointer()),
            ("invalid_parameter", Some("/as_of"))
        );
        assert!(error.to_string().contains("which shows 2"), "{error}");
    }
    db.close();
}

#[test]
fn a_sequence_inside_a_transaction_means_its_end() {
    let fs = SimFs::new();
    let mut db = open(&fs);
    let put = |db: &Database, ids: std::ops::Range<usize>| {
        let features = ids.map(|n| {
            format!(r#"{{"type":"Feature","id":"f{n}","geometry":{{"type":"Point","coordinates":[1,1]}},"properties":{{}}}}"#)
        });
        let features: Vec<String> = features.collect();
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{}]}}"#,
            features.join(",")
        );
        db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
            .unwrap()
    };
    let acks = [
        put(&db, 0..1),
        put(&db, 1..3),
        put(&db, 3..203),
        put(&db, 203..204),
    ];
    let check = |db: &Database| {
        for ack in &acks {
            for seq in ack.first_seq..=ack.last_seq {
                let page = db.features_in_box(&BoxQuery {
                    bbox: BoundingBox::parse("0,0,2,2").unwrap(),
                    limit: 1_000,
                    cursor: None,
                    as_of: Some(seq),
                });
                let page = page.unwrap();
                assert_eq!(
                    (page.seq, page.returned as u64),
                    (ack.last_seq, ack.last_seq)
                );
                let begin = formdb_engine::Begin {
                    read_only: true,
                    as_of: Some(seq),
                    ..Default::default()
                };
                assert_eq!(db.begin(begin).unwrap().seq, ack.last_seq);
                assert_eq!(db.block(seq).unwrap().seq, seq);
                assert_eq!(db.tree_head(Some(seq)).unwrap().tree_size, seq);
            }
            // It is known of one that cannot be seen yet, too.
            assert!(db.has_feature("f203", Some(ack.last_seq)).unwrap() == (ack.last_seq == 204));
        }
        assert!(!db.has_feature("f0", Some(0)).unwrap());
    };
    check(&db);
    // From the journal, and from a snapshot.
    for snapshot_bytes in [0, 1] {
        db.close();
        let limits = Limits {
            snapshot_bytes,
            ..Limits::default()
        };
        db = Database::open(Arc::new(fs.clone()), Path::new("/data/db"), limits).unwrap();
        check(&db);
        let one =
            db.prepare_features(br#"{"type":"Feature","id":"z","geometry":null,"properties":{}}"#);
        db.write(one.unwrap().operations).unwrap();
    }
    db.close();
}

#[test]
fn a_request_that_cannot_be_prepared_any_more_is_answered_again_by_its_key() {
    let fs = SimFs::new();
    let db = open(&fs);
    points(&db, &[1, 2, 3, 4]);
    let key = || IdempotencyKey::new("k", &[b"delete", b"s"]);
    let replay = |db: &Database, key, unknown| {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let send = move |answer| drop(sender.send(answer));
        db.replay(key, None, Durability::Sync, unknown, send)
            .unwrap();
        receiver.recv().unwrap()
    };
    assert_eq!(replay(&db, key(), Ok(None)).unwrap(), None);
    assert_eq!(
        code(replay(&db, key(), Err(Error::ReadOnly))),
        "read_only_transaction"
    );
    let first = db
        .write_transaction(Transaction {
            operations: vec![db.prepare_delete_points("s", 2, 4, None).unwrap()],
            key: Some(key()),
            ..Transaction::default()
        })
        .unwrap();
    assert_eq!(first.points_deleted, 2);
    db.close();
    let db = open(&fs);
    let again = replay(&db, key(), Ok(None)).unwrap().unwrap();
    assert_eq!(
        again,
        Ack {
            replayed: true,
            ..first
        }
    );
    assert_eq!(
        db.points_deleted_by(2, &db.budget(Cancel::default()))
            .unwrap(),
        2
    );
    revert(&db, 2).unwrap();
    assert_eq!(
        db.points_deleted_by(2, &db.budget(Cancel::default()))
            .unwrap(),
        2,
        "also when undone"
    );
    assert_eq!(
        db.points_deleted_by(1, &db.budget(Cancel::default()))
            .unwrap(),
        0
    );
    assert_eq!(
        code(db.points_deleted_by(4, &db.budget(Cancel::default()))),
        "block_not_found"
    );
    let other = IdempotencyKey::new("k", &[b"other"]);
    assert_eq!(code(replay(&db, other, Ok(None))), "idempotency_key_reused");
    assert_eq!(db.seq().unwrap(), 3, "nothing was written");
    put(&db, "a", 1);
    assert!(!db.has_feature("a", Some(3)).unwrap());
    assert!(db.has_feature("a", None).unwrap());
    db.close();
    let closed = db.replay(key(), None, Durability::Sync, Ok(None), |_| {});
    assert_eq!(code(closed), "database_closed");
}

fn derived(db: &Database, id: &str, from: &str) -> Result<Ack, Error> {
    let text = format!(
        r#"{{"type":"Feature","id":"{id}","geometry":null,"properties":{{}},"provenance":{{"derived_from":[{from}]}}}}"#
    );
    db.write(db.prepare_features(text.as_bytes())?.operations)
}

#[test]
fn a_lineage_follows_sequences_and_hashes_back() {
    let db = open(&SimFs::new());
    put(&db, "raw", 1);
    let second = derived(&db, "clean", "1").unwrap();
    points(&db, &[1]);
    let hash = formdb_engine::to_hex(&second.hash);
    let foreign = "ab".repeat(32);
    derived(&db, "map", &format!(r#"3,"{hash}","{foreign}""#)).unwrap();
    derived(&db, "map", "4,1").unwrap();
    let lineage = db
        .lineage("map", None, 10, &db.budget(Cancel::default()))
        .unwrap();
    let blocks: serde_json::Value = serde_json::from_slice(&lineage.json).unwrap();
    let seqs: Vec<u64> = blocks
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    assert_eq!(
        (lineage.elsewhere, lineage.truncated),
        (vec![foreign], false)
    );
    let as_of = |seq| db.lineage("map", Some(seq), 10, &db.budget(Cancel::default()));
    let earlier: serde_json::Value = serde_json::from_slice(&as_of(4).unwrap().json).unwrap();
    assert_eq!(earlier.as_array().unwrap().len(), 3, "{earlier}");
    assert_eq!(code(as_of(3)), "feature_not_found");
    assert!(
        db.lineage("map", None, 2, &db.budget(Cancel::default()))
            .unwrap()
            .truncated
    );
    assert_eq!(
        db.lineage("raw", None, 10, &db.budget(Cancel::default()))
            .unwrap()
            .json,
        b"[]"
    );
    assert_eq!(
        code(db.lineage("none", None, 10, &db.budget(Cancel::default()))),
        "feature_not_found"
    );
    let error = derived(&db, "x", "1,9").unwrap_err();
    assert_eq!(error.pointer(), Some("/provenance/derived_from/1"));
    db.close();
}
