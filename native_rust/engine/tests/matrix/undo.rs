//! Undoing, and undoing that, in any order: a block is undone once or refused, and
//! every state that there was can still be asked for.

use std::time::Instant;

use formdb_engine::{Database, Error};

use super::model::{Change, Model};
use super::steps::{Step, run};
use super::{mixed, random, report, seeds};

/// Few features and points, so that undoing mostly finds something in its way.
fn change(state: &mut u64) -> Change {
    let mut below = |n: u64| random(state) % n;
    let (id, series) = (format!("f{}", below(2)), format!("s{}", below(2)));
    let start = below(6) as i64;
    match below(8) {
        0..3 => Change::Put(serde_json::json!({
            "type": "Feature", "id": id, "properties": {"n": below(100)},
            "geometry": {"type": "Point", "coordinates": [below(10), below(10)]},
        })),
        3 => Change::Delete(id),
        4..7 => {
            let count = 1 + below(3);
            let timestamps = (0..count).map(|_| below(6) as i64).collect();
            let values = (0..count).map(|_| below(100) as f64).collect();
            Change::Points(series, timestamps, values)
        }
        _ => Change::DeletePoints(series, start, start + below(6) as i64),
    }
}

fn steps(seed: u64) -> Vec<Step> {
    let mut state = mixed(seed, 11);
    let mut steps = vec![Step::Write(vec![change(&mut state)])];
    for _ in 0..40 {
        let step = match random(&mut state) % 10 {
            0..2 => Step::Write(vec![change(&mut state)]),
            2 => Step::Past(random(&mut state) as usize),
            3 => Step::Close,
            _ => Step::Try(random(&mut state) as usize),
        };
        steps.push(step);
    }
    // Everything that ever was, before and after an opening.
    let past = (0..42).map(Step::Past);
    steps.push(Step::Compare);
    steps.extend(past.clone());
    steps.push(Step::Close);
    steps.extend(past);
    steps
}

#[test]
fn a_block_is_undone_once_however_often_that_is_undone() {
    let began = Instant::now();
    let mut runs = 0;
    for seed in seeds(200) {
        if let Err(reason) = run(&steps(seed)) {
            panic!("seed {seed} (FORMDB_SEED): {reason}\n{:#?}", steps(seed));
        }
        runs += 1;
    }
    report("undo of undo", began, &[("runs", runs)]);
}

/// Of features and of points alike.
#[test]
fn undoing_the_same_deletion_again_is_refused() {
    let point = Change::Points("s".into(), vec![1], vec![1.0]);
    let feature = serde_json::json!({
        "type": "Feature", "id": "f", "geometry": null, "properties": null,
    });
    for (put, delete) in [
        (point, Change::DeletePoints("s".into(), 0, 9)),
        (Change::Put(feature), Change::Delete("f".into())),
    ] {
        let fs = super::disk::SimFs::new();
        let db = super::workload::open(&fs).unwrap();
        let write = |change: &Change| {
            let changes = std::slice::from_ref(change);
            super::ask::prepare(&db, changes).and_then(|t| db.write_transaction(t))
        };
        write(&put).unwrap();
        write(&delete).unwrap();
        // Block 3 brings it back, 4 takes it away again, 5 brings it back.
        for (block, done) in [(2, true), (3, true), (2, false), (4, true), (2, false)] {
            let undone = write(&Change::Revert(block));
            let undone = undone.map(drop).map_err(|e| (e.code(), e.to_string()));
            match undone {
                Ok(()) => assert!(done, "block {block} was undone again"),
                Err((code, reason)) => {
                    assert!(!done && code == "cannot_revert", "block {block}: {reason}");
                    assert!(reason.contains("block 3 has undone it already"), "{reason}");
                }
            }
        }
        let found = super::ask::range(&db, "s", formdb_engine::Order::Ascending, None).unwrap();
        assert_eq!(found.len(), usize::from(matches!(put, Change::Points(..))));
    }
}

/// What was done and undone on top of a block does not stand in its way, and whatever
/// refuses names a block by undoing which one gets on.
#[test]
fn whoever_does_what_a_refusal_says_gets_every_block_undone() {
    let began = Instant::now();
    let (mut undone, mut advised) = (0, 0);
    for seed in seeds(60) {
        let mut state = mixed(seed, 12);
        let fs = super::disk::SimFs::new();
        let db = super::workload::open(&fs).unwrap();
        let mut model = Model::default();
        for n in 0..12 {
            let change = match random(&mut state) % 4 {
                0 => Change::Put(serde_json::json!({
                    "type": "Feature", "id": "f", "geometry": null, "properties": {"n": n},
                })),
                1 if !model.features().is_empty() => Change::Delete("f".into()),
                2 => Change::DeletePoints("s".into(), 1, 1 + (random(&mut state) % 3) as i64),
                _ => Change::Points("s".into(), vec![1, 1, 2], vec![f64::from(n); 3]),
            };
            write(&db, &mut model, change).unwrap();
            let block = 1 + random(&mut state) % model.seq;
            let _ = write(&db, &mut model, Change::Revert(block));
        }
        db.close();
        let db = super::workload::open(&fs).unwrap();
        for first in 1..=model.seq {
            advised += undo(&db, &mut model, first).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            undone += 1;
        }
        super::ask::compare(&db, &model).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        db.close();
    }
    let figures = [("blocks", undone), ("refusals followed", advised)];
    report("refusals of undoing", began, &figures);
}

fn write(db: &Database, model: &mut Model, change: Change) -> Result<(), Error> {
    let changes = [change];
    let transaction = super::ask::prepare(db, &changes)?;
    db.write_transaction(transaction)?;
    model.apply(&changes);
    Ok(())
}

/// Undo a block, and before it what is said to stand in the way. Returns how often
/// something did.
fn undo(db: &Database, model: &mut Model, first: u64) -> Result<usize, String> {
    let mut block = first;
    for advised in 0..60 {
        let refusal = match write(db, model, Change::Revert(block)) {
            Ok(()) if block == first => return Ok(advised),
            Ok(()) => {
                block = first;
                continue;
            }
            Err(refusal) => refusal.to_string(),
        };
        // Blocks that the reason names, after the one that it is about.
        let named: Vec<u64> = refusal
            .split("block ")
            .skip(2)
            .filter_map(|rest| {
                rest.split(|c: char| !c.is_ascii_digit())
                    .next()?
                    .parse()
                    .ok()
            })
            .collect();
        let is_undone = refusal.contains("has undone it already") && named.len() == 1;
        if is_undone || refusal.contains("it deleted no points") {
            return match block == first {
                true => Ok(advised),
                false => Err(format!("advice for {first} leads to: {refusal}")),
            };
        }
        block = *named.last().ok_or_else(|| refusal.clone())?;
        if block <= first {
            return Err(refusal);
        }
    }
    Err(format!("block {first} is never undone"))
}
