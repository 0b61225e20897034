//! Single writes while somebody loads in bulk: they wait for the commit group that is
//! under way and for their own, whatever the loader has queued.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use formdb_engine::{Database, Error, Limits, Reply, Transaction};
use support::SimFs;

/// Points in each transaction of the loader, and how many of those it keeps queued.
const POINTS: usize = 5_000;
const QUEUED: u64 = 100;

fn points(db: &Database, series: &str, from: i64, count: usize) -> Transaction {
    let timestamps = (from..).take(count).collect();
    let values = (0..count).map(|n| n as f64).collect();
    let prepared = db.prepare_columns(series, timestamps, values, None);
    Transaction {
        operations: prepared.unwrap().operations,
        ..Transaction::default()
    }
}

#[test]
fn a_single_write_waits_for_no_more_than_the_group_under_way_and_its_own() {
    let db = Database::open(
        Arc::new(SimFs::new()),
        Path::new("/data/db"),
        Limits::default(),
    )
    .unwrap();
    let (ended, loaded) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut waits, mut groups, mut beside) = (Vec::new(), Vec::new(), 0);
    std::thread::scope(|scope| {
        // Four callers that always have something waiting.
        for loader in 1..=4 {
            let (db, ended, loaded) = (&db, &ended, &loaded);
            scope.spawn(move || {
                let name = format!("load {loader}");
                for n in 0.. {
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                    while db.info().unwrap().queued > QUEUED {
                        std::thread::sleep(Duration::from_micros(100));
                    }
                    let transaction = Transaction {
                        caller: loader,
                        ..points(db, &name, n * POINTS as i64, POINTS)
                    };
                    match db.submit(transaction, Reply::new(|answer| assert!(answer.is_ok()))) {
                        Ok(()) => loaded.fetch_add(1, Ordering::Relaxed),
                        Err(Error::Busy { .. }) => continue,
                        Err(other) => panic!("{other}"),
                    };
                }
            });
        }
        while db.info().unwrap().queued < QUEUED {
            std::thread::sleep(Duration::from_millis(1));
        }
        for n in 0..40 {
            // Where the committer is quicker than the loaders.
            let patience = Instant::now() + Duration::from_secs(1);
            while db.info().unwrap().queued * 2 <= QUEUED && Instant::now() < patience {
                std::thread::yield_now();
            }
            let before = db.info().unwrap();
            beside += usize::from(before.queued * 2 > QUEUED);
            let single = Transaction {
                caller: 9,
                ..points(&db, "single", n, 1)
            };
            let began = Instant::now();
            db.write_transaction(single).unwrap();
            waits.push(began.elapsed());
            groups.push(db.info().unwrap().groups - before.groups);
        }
        ended.store(true, Ordering::Relaxed);
    });
    db.close();
    waits.sort_unstable();
    groups.sort_unstable();
    println!(
        "{} loaded meanwhile; median wait {:?}, longest {:?}; groups {groups:?}",
        loaded.into_inner(),
        waits[waits.len() / 2],
        waits[waits.len() - 1],
    );
    assert!(beside > 20, "the queue was full {beside} times of 40");
    // The one under way, its own, and those that end while this thread waits for a core:
    // on a busy machine a few waits are long, but no machine makes most of them so.
    assert!(groups[groups.len() / 2] <= 2, "{groups:?}");
    // Groups go on while the one who waited is not given a processor, which others may have.
    assert!(groups[groups.len() * 3 / 4] <= 10, "{groups:?}");
}
