//! Undoing, and undoing that, in any order: a block is undone once or refused, and
//! every state that there was can still be asked for.

use std::path::Path;
use std::time::Instant;

use formdb_engine::{Cancel, Database, Error, Transaction, Undo, verify};

use super::model::{Change, Model};
use super::steps::{Step, run};
use super::workload::DIR;
use super::{mixed, random, report, seeds};

/// Few features and points, so that undoing mostly finds something in its way.
fn change(state: &mut u64) -> Change {
    let mut below = |n: u64| random(state) % n;
    let (id, series) = (format!("f{}", below(2)), format!("s{}", below(2)));
    let start = below(6) as i64;
    match below(10) {
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
        7 => Change::Attributes(series, Some(serde_json::json!({"n": below(100)}))),
        8 => Change::Attributes(series, None),
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

/// Of features, of points and of attributes alike.
#[test]
fn undoing_the_same_deletion_again_is_refused() {
    let point = Change::Points("s".into(), vec![1], vec![1.0]);
    let feature = serde_json::json!({
        "type": "Feature", "id": "f", "geometry": null, "properties": null,
    });
    let attributes = Change::Attributes("s".into(), Some(serde_json::json!({"unit": "m"})));
    for (put, delete) in [
        (point, Change::DeletePoints("s".into(), 0, 9)),
        (Change::Put(feature), Change::Delete("f".into())),
        (attributes, Change::Attributes("s".into(), None)),
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
            let change = match random(&mut state) % 5 {
                0 => Change::Put(serde_json::json!({
                    "type": "Feature", "id": "f", "geometry": null, "properties": {"n": n},
                })),
                1 if !model.features().is_empty() => Change::Delete("f".into()),
                3 => Change::Attributes("s".into(), Some(serde_json::json!({"n": n}))),
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

/// Many at once: refused where undoing them one after the other, the last one first, would
/// be, and else what a history without them leaves.
#[test]
fn undoing_many_is_a_history_without_them() {
    let began = Instant::now();
    let (mut done, mut refused, mut replayed) = (0, 0, 0);
    for seed in seeds(250) {
        let mut state = mixed(seed, 13);
        let fs = super::disk::SimFs::new();
        let db = super::workload::open(&fs).unwrap();
        let (mut model, mut log) = (Model::default(), Vec::new());
        for _ in 0..24 {
            let change = match random(&mut state) % 3 {
                0 if model.seq > 0 => Change::Revert(1 + random(&mut state) % model.seq),
                _ => change(&mut state),
            };
            if write(&db, &mut model, change.clone()).is_ok() {
                log.push(change);
            }
            if !random(&mut state).is_multiple_of(3) || model.seq == 0 {
                continue;
            }
            let set = some_blocks(&mut state, model.seq);
            let expected = many(&model, &set);
            let text = serde_json::json!({ "sequences": set }).to_string();
            let undo = Undo::parse(text.as_bytes(), true).unwrap();
            let budget = db.budget(Cancel::default());
            let outline = db.outline_undo(&undo, &budget).unwrap();
            let prepared = db.prepare_undo(&undo, None, &budget);
            let told = || format!("seed {seed}: {set:?} of {log:#?}");
            let Some((blocks, after)) = expected else {
                assert_eq!(prepared.unwrap_err().code(), "cannot_revert", "{}", told());
                assert!(outline.conflict_count > 0 && outline.reverted == 0);
                refused += 1;
                continue;
            };
            let prepared = prepared.unwrap_or_else(|e| panic!("{e}: {}", told()));
            let listed: Vec<u64> = outline.operations.iter().map(|o| o.reverts).collect();
            assert_eq!(
                (&listed, outline.conflict_count),
                (&blocks, 0),
                "{}",
                told()
            );
            assert_eq!(prepared.unchanged, outline.unchanged);
            let transaction = Transaction {
                operations: prepared.operations,
                conditions: prepared.conditions,
                ..Transaction::default()
            };
            db.write_transaction(transaction).unwrap();
            replayed += usize::from(is_replay(&log, &set, &after));
            log.extend(blocks.into_iter().map(Change::Revert));
            model = after;
            super::ask::compare(&db, &model)
                .unwrap_or_else(|e| panic!("seed {seed}: {e}: {set:?} of {log:#?}"));
            done += 1;
        }
        db.close();
        let report = verify(&fs, Path::new(DIR), &mut |_| {}).unwrap();
        assert!(report.is_sound(), "seed {seed}: {report:?}");
        let db = super::workload::open(&fs).unwrap();
        super::ask::compare(&db, &model).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    assert!(done.min(refused).min(replayed) > 0);
    let figures = [("done", done), ("refused", refused), ("replayed", replayed)];
    report("undoing many", began, &figures);
}

/// A range, or some.
fn some_blocks(state: &mut u64, last: u64) -> Vec<u64> {
    let first = 1 + random(state) % last;
    match random(state) % 2 {
        0 => (first..=(first + random(state) % 6).min(last)).collect(),
        _ => {
            let mut some: Vec<u64> = (0..5).map(|_| 1 + random(state) % last).collect();
            some.sort_unstable();
            some.dedup();
            some
        }
    }
}

/// The blocks by undoing which a set is undone, and what there is then; nothing if it
/// cannot be.
fn many(model: &Model, set: &[u64]) -> Option<(Vec<u64>, Model)> {
    // Whether a block's doing stands if some are left out.
    fn stands(model: &Model, block: u64, without: &[u64]) -> bool {
        let undone = model.undone(block);
        !without.contains(&block) && !undone.is_some_and(|by| stands(model, by, without))
    }
    let mut blocks = Vec::new();
    for block in 1..=model.seq {
        // The last of a chain, all of which together make a difference or none.
        let root = (1..block).all(|earlier| model.undone(earlier) != Some(block));
        if !root || stands(model, block, &[]) == stands(model, block, set) {
            continue;
        }
        let mut last = block;
        while let Some(by) = model.undone(last) {
            last = by;
        }
        match set.contains(&last) {
            true if model.did_nothing(last) => {}
            true => blocks.push(last),
            false => return None,
        }
    }
    blocks.sort_unstable_by(|a, b| b.cmp(a));
    let mut after = model.clone();
    for block in &blocks {
        if !after.can_undo(*block) {
            return None;
        }
        after.apply(&[Change::Revert(*block)]);
    }
    (!blocks.is_empty()).then_some((blocks, after))
}

/// Whether a history without a set of blocks could be held against what there is: not where
/// a later deletion would hit points that one of them deleted before it.
fn is_replay(log: &[Change], set: &[u64], after: &Model) -> bool {
    let mut rest = Model::default();
    let mut places = std::collections::BTreeMap::new();
    let deletes = |change: &Change| matches!(change, Change::DeletePoints(..));
    let blocks = (1_u64..).zip(log);
    let mut later = blocks.clone().skip_while(|(seq, _)| !set.contains(seq));
    if later.any(|(seq, change)| !set.contains(&seq) && deletes(change)) {
        return false;
    }
    for (seq, change) in blocks.filter(|(seq, _)| !set.contains(seq)) {
        let change = match change {
            Change::Revert(block) => match places.get(block) {
                Some(place) => Change::Revert(*place),
                None => continue,
            },
            other => other.clone(),
        };
        rest.apply(&[change]);
        places.insert(seq, rest.seq);
    }
    let features = |model: &Model| -> Vec<(String, serde_json::Value)> {
        let features = model.features().into_iter();
        features
            .map(|(id, (_, f))| (id.to_owned(), f.clone()))
            .collect()
    };
    assert_eq!(features(&rest), features(after), "{set:?} of {log:#?}");
    for id in ["s0", "s1"] {
        let attributes = (rest.attributes_of(id), after.attributes_of(id));
        assert_eq!(attributes.0, attributes.1, "{set:?} of {log:#?}");
        assert_eq!(rest.points(id), after.points(id), "{set:?} of {log:#?}");
    }
    true
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
