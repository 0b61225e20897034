//! Interactive transactions at once: no update is lost, and nobody sees half of one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use formdb_engine::{Ack, Begin, Database, Durability, Error, Phase, Reply, Transaction};
use serde_json::{Value, json};

use super::ask::{parsed, text};
use super::disk::SimFs;
use super::image::{Fate, crash_points};
use super::workload::{limits, open, open_with};
use super::{mixed, random, report, seeds};

const ACCOUNTS: u64 = 5;
const EACH: i64 = 100;
const THREADS: u64 = 4;
const TRANSFERS: usize = 60;

fn account(n: u64, balance: i64) -> Vec<u8> {
    let properties = json!({"balance": balance});
    let id = format!("a{n}");
    json!({"type": "Feature", "id": id, "geometry": null, "properties": properties})
        .to_string()
        .into_bytes()
}

fn balance(db: &Database, txn: &str, n: u64) -> Result<i64, Error> {
    let json = db.feature_in(txn, &format!("a{n}"))?.json;
    let feature: Value = parsed(&json).unwrap();
    Ok(feature["properties"]["balance"].as_i64().unwrap())
}

fn commit(db: &Arc<Database>, txn: &str) -> Result<Ack, Error> {
    let (sender, receiver) = mpsc::channel();
    let reply = Reply::new(move |answer| drop(sender.send(answer)));
    db.commit(txn, Transaction::default(), reply)?;
    receiver.recv().unwrap()
}

/// Move some from one account to another, reading what was put on the way. False when
/// another transaction came first.
fn transfer(db: &Arc<Database>, state: &mut u64) -> Result<bool, Error> {
    let (from, to) = (random(state) % ACCOUNTS, random(state) % ACCOUNTS);
    let amount = (random(state) % 10) as i64;
    let txn = db.begin(Begin::default())?.id;
    for (account_of, change) in [(from, -amount), (to, amount)] {
        let balance = balance(db, &txn, account_of)? + change;
        let put = db.prepare_features(&account(account_of, balance))?;
        db.apply(&txn, put.operations)?;
    }
    match random(state) % 8 {
        0 => db.abort(&txn).map(|()| false),
        _ => match commit(db, &txn) {
            Ok(_) => Ok(true),
            Err(Error::Conflict { .. }) => Ok(false),
            Err(other) => Err(other),
        },
    }
}

#[test]
fn first_committer_wins_and_no_update_is_lost() {
    let began = Instant::now();
    let (mut committed, mut refused, mut sums) = (0, 0, 0);
    for seed in seeds(2) {
        let fs = SimFs::new();
        let db = Arc::new(open(&fs).unwrap());
        for n in 0..ACCOUNTS {
            let put = db.prepare_features(&account(n, EACH)).unwrap();
            db.write(put.operations).unwrap();
        }
        let first = db.info().unwrap().seq;
        let ended = AtomicBool::new(false);
        let total = |txn: &str| {
            (0..ACCOUNTS)
                .map(|n| balance(&db, txn, n))
                .sum::<Result<i64, _>>()
        };
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let db = &db;
                    scope.spawn(move || {
                        let mut state = mixed(seed, thread);
                        let mut counts = (0, 0);
                        while counts.0 < TRANSFERS {
                            match transfer(db, &mut state).unwrap() {
                                true => counts.0 += 1,
                                false => counts.1 += 1,
                            }
                        }
                        counts
                    })
                })
                .collect();
            let reader = scope.spawn(|| {
                let mut sums = 0;
                while !ended.load(Ordering::Relaxed) {
                    let read_only = Begin {
                        read_only: true,
                        ..Begin::default()
                    };
                    let txn = db.begin(read_only).unwrap().id;
                    assert_eq!(total(&txn).unwrap(), EACH * ACCOUNTS as i64, "seed {seed}");
                    db.abort(&txn).unwrap();
                    sums += 1;
                }
                sums
            });
            for writer in writers {
                let (done, lost) = writer.join().unwrap();
                committed += done;
                refused += lost;
            }
            ended.store(true, Ordering::Relaxed);
            sums += reader.join().unwrap();
        });
        // Two blocks each, and none of those refused.
        let blocks = db.info().unwrap().seq - first;
        assert_eq!(blocks, 2 * THREADS * TRANSFERS as u64, "seed {seed}");
        let txn = db.begin(Begin::default()).unwrap().id;
        assert_eq!(total(&txn).unwrap(), EACH * ACCOUNTS as i64, "seed {seed}");
        db.close();
    }
    let figures = [
        ("committed", committed),
        ("refused or aborted", refused),
        ("sums read on the way", sums),
    ];
    report("transfers", began, &figures);
}

/// A weak write of level `interval` is on the disk once its time has passed.
#[test]
fn an_interval_write_is_durable_after_its_interval() {
    let began = Instant::now();
    let mut writes = 0;
    for seed in seeds(5) {
        let fs = SimFs::new();
        let limits = formdb_engine::Limits {
            sync_interval_ms: 20,
            ..limits()
        };
        let db = open_with(&fs, limits).unwrap();
        let mut state = mixed(seed, 1);
        for n in 0..4 {
            let put = db.prepare_features(&account(n, random(&mut state) as i64));
            let transaction = Transaction {
                operations: put.unwrap().operations,
                durability: Durability::Interval,
                ..Transaction::default()
            };
            fs.hold(|op| op.is_sync());
            db.write_transaction(transaction).unwrap();
            assert!(fs.await_held(), "seed {seed}: no sync by the clock");
            fs.release();
            // A later sync has the earlier one after it.
            let put = db.prepare_features(&account(n, 0)).unwrap();
            let later = Transaction {
                operations: put.operations,
                durability: Durability::None,
                ..Transaction::default()
            };
            let seq = db.write_transaction(later).unwrap().first_seq - 1;
            let (before, log) = fs.history();
            let points = crash_points(before, &log);
            let point = &points[points.len() - 1];
            let lost = point.image(&vec![Fate::Lost; point.pending()]);
            let found = open(&SimFs::of(lost)).map_err(text).unwrap();
            assert!(
                found.info().unwrap().seq >= seq,
                "seed {seed}: {seq} was lost"
            );
            found.close();
            writes += 1;
        }
        db.close();
    }
    report("writes synced by the clock", began, &[("writes", writes)]);
}

fn ended(db: &Database, txn: &str) -> bool {
    matches!(db.transaction(txn).unwrap().phase, Phase::Aborted(_))
}

/// Transactions that are aborted while they commit end one way: what was said to be
/// aborted is nowhere, in no image that a crash leaves either, and what was said to be
/// committed is.
#[test]
fn aborted_while_it_commits_it_ends_one_way() {
    let began = Instant::now();
    let (mut aborted, mut committed, mut images) = (0, 0, 0);
    for seed in seeds(2) {
        let fs = SimFs::new();
        let db = Arc::new(open(&fs).unwrap());
        let mut state = mixed(seed, 9);
        // What was said of each, and after how many changes of the disk.
        let mut said = Vec::new();
        for n in 0..150 {
            let txn = db.begin(Begin::default()).unwrap().id;
            let put = db.prepare_features(&account(n, 1)).unwrap();
            db.apply(&txn, put.operations).unwrap();
            let commit = {
                let (db, txn) = (Arc::clone(&db), txn.clone());
                let spins = random(&mut state) % 3_000;
                std::thread::spawn(move || {
                    (0..spins).for_each(|_| std::hint::spin_loop());
                    commit(&db, &txn)
                })
            };
            (0..random(&mut state) % 3_000).for_each(|_| std::hint::spin_loop());
            let abort = db.abort(&txn);
            let commit = commit.join().unwrap();
            let known = db.feature(&format!("a{n}"), None).is_ok();
            assert_eq!(commit.is_ok(), abort.is_err(), "seed {seed}: {abort:?}");
            assert_eq!(known, commit.is_ok(), "seed {seed}: {commit:?}");
            assert_eq!(ended(&db, &txn), abort.is_ok(), "seed {seed}");
            match abort.is_ok() {
                true => aborted += 1,
                false => committed += 1,
            }
            said.push((n, commit.is_ok(), fs.changes()));
        }
        db.close();
        let (before, log) = fs.history();
        let points = crash_points(before, &log);
        for point in points.iter().step_by(points.len() / 40 + 1) {
            for (_, image) in point.images(4, seed) {
                let found = open(&SimFs::of(image)).map_err(text).unwrap();
                for (n, was_committed, changes) in &said {
                    let there = found.feature(&format!("a{n}"), None).is_ok();
                    assert!(*was_committed || !there, "seed {seed}: a{n} was aborted");
                    let promised = *was_committed && *changes <= point.number;
                    assert!(there || !promised, "seed {seed}: a{n} was committed");
                }
                found.close();
                images += 1;
            }
        }
    }
    let figures = [
        ("aborted", aborted),
        ("committed", committed),
        ("images", images),
    ];
    report("aborted while they commit", began, &figures);
}

fn constant(db: &Database, count: i64) -> Vec<formdb_engine::Operation> {
    let values = vec![1.0; count as usize];
    let prepared = db.prepare_columns("s", (0..count).collect(), values, None);
    prepared.unwrap().operations
}

/// Of points that compress to nothing the memory is counted, not the compressed bytes.
#[test]
fn memory_is_counted_as_memory() {
    let db = Arc::new(open(&SimFs::new()).unwrap());
    let txn = db.begin(Begin::default()).unwrap().id;
    db.apply(&txn, constant(&db, 100_000)).unwrap();
    let used = db.memory().work.used();
    assert!(used > 100_000 * 16, "{used} bytes for 100,000 points");
    commit(&db, &txn).unwrap();
    assert_eq!(db.memory().work.used(), 0);
    db.close();
}

/// While much is added to a transaction, it says where it stands and others begin.
#[test]
fn nobody_waits_for_what_is_being_added() {
    let db = Arc::new(open(&SimFs::new()).unwrap());
    let txn = db.begin(Begin::default()).unwrap().id;
    let mut best = None;
    // Others load the machine: once is enough.
    for _ in 0..5 {
        let operations = constant(&db, 1_000_000);
        let adding = {
            let (db, txn) = (Arc::clone(&db), txn.clone());
            std::thread::spawn(move || {
                let began = Instant::now();
                db.apply(&txn, operations).unwrap();
                began.elapsed()
            })
        };
        // On a thread of its own, so that two who wait for each other are noticed.
        let (answer, answers) = crossbeam_channel::bounded(1);
        let asking = (Arc::clone(&db), txn.clone());
        std::thread::spawn(move || {
            let (db, txn) = asking;
            let mut worst = std::time::Duration::ZERO;
            let mut asked = 0;
            while !adding.is_finished() {
                let began = Instant::now();
                db.transaction(&txn).unwrap();
                let other = db.begin(Begin::default()).unwrap().id;
                db.abort(&other).unwrap();
                worst = worst.max(began.elapsed());
                asked += 1;
            }
            let _ = answer.send((asked, worst, adding.join().unwrap()));
        });
        let patience = std::time::Duration::from_secs(30);
        let Ok((asked, worst, took)) = answers.recv_timeout(patience) else {
            panic!("nothing ends");
        };
        if asked > 10 && worst < took / 4 {
            db.abort(&txn).unwrap();
            db.close();
            return;
        }
        best = Some((asked, worst, took));
    }
    panic!("(asked, worst wait, added in): {best:?}");
}
