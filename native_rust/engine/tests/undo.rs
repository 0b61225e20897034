//! Undoing many blocks: how they are chosen, what they cost, and what may come in between.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use formdb_engine::{
    Ack, Cancel, Database, EntryQuery, Error, Limits, Operation, PreparedUndo, Transaction, Undo,
};
use support::SimFs;
use support::calls::{code, world};

fn open(limits: Limits) -> Database {
    Database::open(Arc::new(SimFs::new()), Path::new("/data/db"), limits).unwrap()
}

fn write(db: &Database, actor: &str, operations: Vec<Operation>) -> Ack {
    db.write_transaction(Transaction {
        operations,
        actor: Some(actor.into()),
        ..Transaction::default()
    })
    .unwrap()
}

fn feature(db: &Database, id: &str, source: &str) -> Vec<Operation> {
    let text = format!(
        r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{}},"provenance":{{"source":"{source}","run":7}}}}"#
    );
    db.prepare_features(text.as_bytes()).unwrap().operations
}

fn points(db: &Database, series: &str, timestamps: &[i64]) -> Vec<Operation> {
    let values = timestamps.iter().map(|t| *t as f64).collect();
    let prepared = db.prepare_columns(series, timestamps.to_vec(), values, None);
    prepared.unwrap().operations
}

fn prepared(db: &Database, what: &serde_json::Value) -> Result<PreparedUndo, Error> {
    let undo = Undo::parse(what.to_string().as_bytes(), true)?;
    db.prepare_undo(&undo, None, &db.budget(Cancel::default()))
}

fn undo(db: &Database, what: &serde_json::Value) -> Result<Ack, Error> {
    let PreparedUndo {
        operations,
        conditions,
        ..
    } = prepared(db, what)?;
    db.write_transaction(Transaction {
        operations,
        conditions,
        ..Transaction::default()
    })
}

/// The blocks that would be undone, ascending.
fn chosen(db: &Database, what: &serde_json::Value) -> Vec<u64> {
    let undo = Undo::parse(what.to_string().as_bytes(), true).unwrap();
    let outline = db.outline_undo(&undo, &db.budget(Cancel::default()));
    let outline = outline.unwrap();
    assert_eq!(outline.reverted, outline.operations.len());
    let mut blocks: Vec<u64> = outline.operations.iter().map(|o| o.reverts).collect();
    blocks.reverse();
    blocks
}

/// Actor, source, entity and commit time of a block.
type Written = (&'static str, Option<String>, String, i64);

#[test]
fn a_filter_means_the_blocks_of_which_all_of_it_holds() {
    let db = open(Limits::default());
    let mut all = Vec::new();
    let actors = ["ana", "ben"];
    for n in 0..40_usize {
        let (actor, source) = (actors[n % 2], format!("s{}", n % 3));
        let (entity, operations) = match n % 4 {
            0..3 => {
                let id = format!("f{n}");
                let operations = feature(&db, &id, &source);
                (id, operations)
            }
            _ => ("p".to_owned(), points(&db, "p", &[n as i64])),
        };
        let source = (n % 4 < 3).then_some(source);
        let time = write(&db, actor, operations).time;
        all.push((actor, source, entity, time));
    }
    let middle = all[19].3;
    let matching = |holds: &dyn Fn(&Written) -> bool| -> Vec<u64> {
        let blocks = (1..).zip(&all).filter(|(_, block)| holds(block));
        blocks.map(|(seq, _)| seq).collect()
    };
    let from = |source: &Option<String>, wanted: &str| source.as_deref() == Some(wanted);
    for (filter, expected) in [
        (
            serde_json::json!({"actor": "ana"}),
            matching(&|b| b.0 == "ana"),
        ),
        (
            serde_json::json!({"actor": "ben", "provenance": {"source": "s1", "run": 7}}),
            matching(&|b| b.0 == "ben" && from(&b.1, "s1")),
        ),
        (
            serde_json::json!({"series_id": "p"}),
            matching(&|b| b.2 == "p"),
        ),
        (
            serde_json::json!({"feature_id": "f5"}),
            matching(&|b| b.2 == "f5"),
        ),
        (
            serde_json::json!({"start": middle}),
            matching(&|b| b.3 >= middle),
        ),
        (
            serde_json::json!({"end": middle, "actor": "ana"}),
            matching(&|b| b.3 < middle && b.0 == "ana"),
        ),
        (
            serde_json::json!({"op": "put_points", "actor": "ben"}),
            matching(&|b| b.0 == "ben" && b.2 == "p"),
        ),
        (serde_json::json!({"op": "revert"}), Vec::new()),
        (serde_json::json!({"provenance": {"run": 8}}), Vec::new()),
        (serde_json::json!({"start": all[39].3 + 1}), Vec::new()),
    ] {
        assert_eq!(
            chosen(&db, &serde_json::json!({ "filter": filter })),
            expected,
            "{filter}"
        );
        let part = serde_json::json!({"filter": filter, "first_seq": 5, "last_seq": 30});
        let within = expected
            .iter()
            .copied()
            .filter(|seq| (5..=30).contains(seq));
        assert_eq!(chosen(&db, &part), within.collect::<Vec<_>>(), "{part}");
    }
}

/// What reverts have as provenance is that of their caller, or of what comes back, so they
/// are met by filters, too. However often and in whatever way the same filter was undone and
/// done again: it undoes what still stands of the blocks that it means, or says by which
/// block one gets on, and asked again it changes nothing.
#[test]
fn a_filter_undoes_what_it_means_and_never_itself() {
    let (mut undone, mut advised, mut nothing) = (0, 0, 0);
    for seed in 0..150 {
        let mut state: u64 = seed * 77 + 5;
        let mut below = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let db = open(Limits::default());
        for _ in 0..14 {
            let source = ["x", "y"][below(2) as usize];
            let given = [None, Some("x"), Some("y")][below(3) as usize];
            let last = db.seq().unwrap();
            match below(7) {
                0..3 => {
                    let id = format!("f{}", below(2));
                    let mut operations = feature(&db, &id, source);
                    if below(3) == 0 {
                        operations.extend(points_of(&db, below(3) as i64, source));
                    }
                    write(&db, "ana", operations);
                }
                3 => {
                    write(&db, "ana", points_of(&db, below(3) as i64, source));
                }
                4 => {
                    let provenance = format!(r#"{{"source":"{source}"}}"#);
                    let id = format!("f{}", below(2));
                    let delete = db.prepare_delete_feature(&id, Some(provenance.as_bytes()));
                    if let Ok(delete) = delete {
                        // It may be gone already.
                        let _ = db.write_transaction(Transaction {
                            operations: vec![delete],
                            ..Transaction::default()
                        });
                    }
                }
                5 if last > 0 => {
                    let _ = undo(&db, &request(&serde_json::json!([1 + below(last)]), given));
                }
                _ => {
                    let _ = undo(&db, &filtered(source, given));
                }
            }
        }
        for source in ["x", "y", "x"] {
            // The reverts have what the filter asks for.
            let what = filtered(source, Some(source));
            let refused = match get_on(&db, &what, 0, &mut advised) {
                Ok(()) => {
                    undone += 1;
                    undo(&db, &what).unwrap_err()
                }
                Err(refused) => {
                    nothing += 1;
                    refused
                }
            };
            assert!(only_nothing(&refused), "seed {seed}: {refused}");
            let last = db.seq().unwrap();
            assert!(only_nothing(&undo(&db, &what).unwrap_err()), "seed {seed}");
            assert_eq!(db.seq().unwrap(), last);
            let standing = standing_of(&db, source);
            assert_eq!(standing, [] as [u64; 0], "seed {seed}, {source}");
        }
    }
    println!("{undone} undone, {nothing} with nothing to undo, {advised} refusals followed");
    assert!(undone > 100 && advised > 10 && nothing > 10);
}

fn points_of(db: &Database, time: i64, source: &str) -> Vec<Operation> {
    let text = format!(
        r#"{{"series_id":"p","timestamps":[{time}],"values":[1],"provenance":{{"source":"{source}"}}}}"#
    );
    db.prepare_points(text.as_bytes()).unwrap().operations
}

fn request(sequences: &serde_json::Value, source: Option<&str>) -> serde_json::Value {
    let provenance = source.map(|source| serde_json::json!({ "source": source }));
    serde_json::json!({"sequences": sequences, "provenance": provenance})
}

fn filtered(source: &str, given: Option<&str>) -> serde_json::Value {
    let provenance = given.map(|source| serde_json::json!({ "source": source }));
    serde_json::json!({
        "filter": {"provenance": {"source": source}}, "provenance": provenance,
    })
}

fn only_nothing(refused: &Error) -> bool {
    match refused {
        Error::Obstructed { obstacles, .. } => {
            obstacles.iter().all(|o| o.code == "nothing_to_undo")
        }
        _ => false,
    }
}

/// Undoes what is asked for, and before it what is said to be in its way.
fn get_on(
    db: &Database,
    what: &serde_json::Value,
    depth: usize,
    advised: &mut usize,
) -> Result<(), Error> {
    assert!(depth < 20, "no end of refusals");
    for _ in 0..40 {
        let refused = match undo(db, what) {
            Ok(_) => return Ok(()),
            Err(refused) if only_nothing(&refused) => return Err(refused),
            Err(refused) => refused,
        };
        let Error::Obstructed { obstacles, .. } = &refused else {
            panic!("{refused}");
        };
        let advice = obstacles.iter().find(|obstacle| obstacle.by.is_some());
        let advice = advice.unwrap_or_else(|| panic!("no advice: {refused}"));
        *advised += 1;
        // What is said to be undone first can be.
        let first = match advice.transaction {
            Some(transaction) => serde_json::json!({ "transaction": transaction }),
            None => request(&serde_json::json!([advice.by]), None),
        };
        get_on(db, &first, depth + 1, advised).unwrap_or_else(|e| panic!("{refused}: {e}"));
    }
    panic!("no end of refusals: {what}");
}

/// The blocks with a source that are no reverts, and whose doing stands.
fn standing_of(db: &Database, source: &str) -> Vec<u64> {
    let all = EntryQuery {
        limit: 10_000,
        ..EntryQuery::default()
    };
    let entries = db
        .entries(&all, &db.budget(Cancel::default()))
        .unwrap()
        .json;
    let entries: Vec<serde_json::Value> = serde_json::from_slice(&entries).unwrap();
    let seq = |entry: &serde_json::Value| entry["seq"].as_u64().unwrap();
    let undoers: HashMap<u64, u64> = entries
        .iter()
        .filter_map(|entry| Some((entry["body"]["reverts"].as_u64()?, seq(entry))))
        .collect();
    let stands = |entry: &&serde_json::Value| {
        let (mut block, mut stands) = (seq(entry), true);
        while let Some(by) = undoers.get(&block) {
            (block, stands) = (*by, !stands);
        }
        stands
    };
    let meant = |entry: &&serde_json::Value| {
        entry["op"] != "revert" && entry["provenance"]["source"] == source
    };
    entries
        .iter()
        .filter(meant)
        .filter(stands)
        .map(seq)
        .collect()
}

/// What comes between looking and committing is seen by the committer.
#[test]
fn nothing_comes_between() {
    let db = open(Limits::default());
    write(&db, "ana", feature(&db, "a", "x"));
    write(&db, "ana", feature(&db, "b", "x"));
    write(&db, "ana", points(&db, "p", &[1, 2, 3]));
    write(
        &db,
        "ana",
        vec![db.prepare_delete_points("p", 0, 2, None).unwrap()],
    );
    let all = serde_json::json!({"first_seq": 1, "last_seq": 4});
    let between: [&dyn Fn() -> Vec<Operation>; 3] = [
        &|| feature(&db, "b", "y"),
        &|| vec![db.prepare_delete_points("p", 2, 3, None).unwrap()],
        &|| {
            prepared(&db, &serde_json::json!({"sequences": [4]}))
                .unwrap()
                .operations
        },
    ];
    for other in between {
        let late = prepared(&db, &all).unwrap();
        let seq = write(&db, "ben", other()).last_seq;
        let transaction = Transaction {
            operations: late.operations,
            conditions: late.conditions,
            ..Transaction::default()
        };
        assert_eq!(code(db.write_transaction(transaction)), "cannot_revert");
        undo(&db, &serde_json::json!({ "sequences": [seq] })).unwrap();
        assert_eq!(db.seq().unwrap(), seq + 1);
    }
    // Points that are added meanwhile are not in the way.
    let late = prepared(&db, &serde_json::json!({"sequences": [3, 10]})).unwrap();
    write(&db, "ben", points(&db, "p", &[9]));
    db.write_transaction(Transaction {
        operations: late.operations,
        conditions: late.conditions,
        ..Transaction::default()
    })
    .unwrap();
    let left = support::calls::points(&db, "p", None).unwrap().points;
    assert_eq!(left.iter().map(|p| p.timestamp).collect::<Vec<_>>(), [9]);
}

#[test]
fn a_hundred_thousand_blocks_are_undone_or_refused() {
    const COUNT: usize = 100_000;
    let db = open(Limits {
        revert_blocks: COUNT,
        ..Limits::default()
    });
    for version in 0..2 {
        for part in 0..COUNT / 2_000 {
            let all: Vec<String> = (0..1_000)
                .map(|n| {
                    format!(
                        r#"{{"type":"Feature","id":"f{part}-{n}","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{"v":{version}}}}}"#
                    )
                })
                .collect();
            let text = format!(
                r#"{{"type":"FeatureCollection","features":[{}]}}"#,
                all.join(",")
            );
            let operations = db.prepare_features(text.as_bytes()).unwrap().operations;
            write(&db, "ana", operations);
        }
    }
    write(&db, "ana", feature(&db, "more", "x"));
    let all = serde_json::json!({"first_seq": 1, "last_seq": COUNT});
    let began = Instant::now();
    let prepared = prepared(&db, &all).unwrap();
    let planned = began.elapsed();
    assert_eq!(prepared.operations.len(), COUNT);
    db.write_transaction(Transaction {
        operations: prepared.operations,
        conditions: prepared.conditions,
        ..Transaction::default()
    })
    .unwrap();
    println!(
        "{COUNT} blocks: planned in {planned:?}, done in {:?}",
        began.elapsed()
    );
    assert_eq!(db.info().unwrap().features, 1);
    assert_eq!(db.features_in_box(&world(None)).unwrap().returned, 1);
    assert_eq!(db.memory().work.used(), 0);

    let more = serde_json::json!({"first_seq": 1, "last_seq": COUNT + 1});
    let refusal = undo(&db, &more).unwrap_err();
    assert_eq!(refusal.code(), "too_large");
    assert!(
        refusal.to_string().contains("FORMDB_REVERT_BLOCKS"),
        "{refusal}"
    );

    // One that nobody waits for ends.
    let cancel = Cancel::default();
    let budget = db.budget(cancel.clone());
    cancel.cancel();
    let back = serde_json::json!({"first_seq": COUNT + 2, "last_seq": 2 * COUNT + 1});
    let back = Undo::parse(back.to_string().as_bytes(), false).unwrap();
    assert_eq!(code(db.prepare_undo(&back, None, &budget)), "cancelled");
    let prepared = db.prepare_undo(&back, None, &db.budget(Cancel::default()));
    assert_eq!(prepared.unwrap().operations.len(), COUNT);
}

#[test]
fn what_stands_in_the_way_is_told_up_to_a_limit() {
    let db = open(Limits {
        faults: 3,
        ..Limits::default()
    });
    for n in 0..5 {
        write(&db, "ana", feature(&db, &format!("f{n}"), "x"));
    }
    for n in 0..5 {
        write(&db, "ana", feature(&db, &format!("f{n}"), "y"));
    }
    let refusal = undo(&db, &serde_json::json!({"sequences": [5, 1, 2, 3, 4]})).unwrap_err();
    let Error::Obstructed {
        obstacles,
        total,
        limit,
    } = refusal
    else {
        panic!("{refusal}");
    };
    assert_eq!((total, limit), (5, 3));
    let told = obstacles.iter();
    let told: Vec<_> = told.map(|o| (o.pointer.as_str(), o.seq, o.by)).collect();
    let expected = [1, 2, 3].map(|n| {
        (
            ["/sequences/1", "/sequences/2", "/sequences/3"][n - 1],
            n as u64,
            n as u64 + 5,
        )
    });
    assert_eq!(
        told,
        expected.map(|(pointer, seq, by)| (pointer, Some(seq), Some(by)))
    );
}
