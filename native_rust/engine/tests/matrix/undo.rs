//! Undoing, and undoing that, in any order: a block is undone once or refused, and
//! every state that there was can still be asked for.

use std::time::Instant;

use super::model::Change;
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
    // Everything that ever was, before and behind an opening.
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
