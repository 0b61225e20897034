//! Open transactions hold the memory that a setting allows, and no more, in bytes that
//! the allocator has counted.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use formdb_engine::{Begin, Commit, Database, Error, Limits, Operation, Reply, Transaction};
use support::SimFs;

/// The system's allocator, counting.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system's own; only a counter stands beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;

fn open(work_bytes: usize) -> Arc<Database> {
    let limits = Limits {
        work_bytes,
        body_cache_bytes: 0,
        query_cache_bytes: 0,
        ..Limits::default()
    };
    Arc::new(Database::open(Arc::new(SimFs::new()), Path::new("/data/db"), limits).unwrap())
}

/// What compresses to nearly nothing.
fn points(db: &Database, series: &str, count: i64) -> Vec<Operation> {
    let values = vec![1.0; count as usize];
    let prepared = db.prepare_columns(series, (0..count).collect(), values, None);
    prepared.unwrap().operations
}

fn features(db: &Database, count: usize, pad: usize) -> Vec<Operation> {
    let pad = "x".repeat(pad);
    let one = |n| {
        format!(
            r#"{{"type":"Feature","id":"feature {n}","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{"pad":"{pad}"}},"provenance":{{"source":"s{n}"}}}}"#
        )
    };
    let all: Vec<String> = (0..count).map(one).collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        all.join(",")
    );
    db.prepare_features(text.as_bytes()).unwrap().operations
}

fn deletes(db: &Database, count: usize) -> Vec<Operation> {
    let delete = |n: usize| {
        let (start, end) = (10 * n as i64, 10 * n as i64 + 5);
        [
            db.prepare_delete_points("s", start, end, None).unwrap(),
            db.prepare_delete_feature(&format!("feature {n}"), None)
                .unwrap(),
        ]
    };
    (0..count).flat_map(delete).collect()
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "not so after 20 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One test, since the allocator counts for all of the process.
#[test]
fn open_transactions_take_the_memory_that_is_counted_and_no_more_than_allowed() {
    counted_is_what_is_taken();
    forty_stay_within_the_bound();
    memory_comes_back_on_every_way_out();
}

fn counted_is_what_is_taken() {
    let db = open(1 << 30);
    // What is to be deleted.
    let operations = features(&db, 20_000, 0);
    db.write_transaction(Transaction {
        operations,
        ..Transaction::default()
    })
    .unwrap();
    let kinds: [(&str, Vec<Operation>); 5] = [
        ("points", points(&db, "s", 300_000)),
        ("small features", features(&db, 20_000, 0)),
        ("large features", features(&db, 500, 20_000)),
        ("deletes", deletes(&db, 20_000)),
        (
            "short series",
            (0..20_000)
                .flat_map(|n| points(&db, &format!("series {n}"), 1))
                .collect(),
        ),
    ];
    for (what, operations) in kinds {
        let txn = db.begin(Begin::default()).unwrap().id;
        // They are there before they are applied, and counted only then.
        let before = ALLOCATED.load(Ordering::Relaxed);
        let copy = operations.clone();
        drop(operations);
        db.apply(&txn, copy).unwrap();
        let after = ALLOCATED.load(Ordering::Relaxed);
        let held = db.memory().work.used();
        db.abort(&txn).unwrap();
        eventually("the memory is given back", || db.memory().work.used() == 0);
        eventually("the memory is freed", || {
            ALLOCATED.load(Ordering::Relaxed) < before
        });
        let freed = after - ALLOCATED.load(Ordering::Relaxed);
        println!("{what}: {freed} bytes taken, {held} counted");
        assert!(held * 10 >= freed * 9, "{what}: {held} of {freed} counted");
        assert!(held <= 3 * freed, "{what}: {held} counted, {freed} taken");
    }
    db.close();
}

fn forty_stay_within_the_bound() {
    const BOUND: usize = 64 * MIB;
    let db = open(BOUND);
    let before = ALLOCATED.load(Ordering::Relaxed);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..40 {
        let txn = db.begin(Begin::default()).unwrap().id;
        match db.apply(&txn, points(&db, "s", 150_000)) {
            Ok(_) => taken += 1,
            Err(Error::MemoryFull { setting, .. }) => {
                assert_eq!(setting, "work_bytes");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
        let allocated = ALLOCATED.load(Ordering::Relaxed).saturating_sub(before);
        assert!(allocated < BOUND + 16 * MIB, "{allocated} bytes are taken");
    }
    assert!(
        taken >= 3 && refused >= 20,
        "{taken} taken, {refused} refused"
    );
    // Plain writes are refused too, and reads go on.
    let full = db.memory().work.limit() - db.memory().work.used();
    let large = features(&db, 1, full.max(1) + 1_000);
    assert_eq!(db.write(large).unwrap_err().code(), "memory_full");
    for txn in db.open_transactions() {
        db.abort(&txn).unwrap();
    }
    eventually("all is given back", || db.memory().work.used() == 0);
    db.write(points(&db, "s", 150_000)).unwrap();
    db.close();
}

fn memory_comes_back_on_every_way_out() {
    let db = open(256 * MIB);
    let used = || db.memory().work.used();
    let begun = || {
        let txn = db.begin(Begin::default()).unwrap().id;
        db.apply(&txn, features(&db, 100, 100)).unwrap();
        assert!(used() > 100 * 100);
        txn
    };
    let commit = |txn: &str| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let reply = Reply::new(move |answer| drop(sender.send(answer)));
        match db.commit(txn, Transaction::default(), reply)? {
            Commit::Queued => receiver.recv().unwrap().map(|_| ()),
            _ => Ok(()),
        }
    };
    let (first, second) = (begun(), begun());
    commit(&first).unwrap();
    assert_eq!(commit(&second).unwrap_err().code(), "conflict");
    assert_eq!(used(), 0, "after a commit and a conflict");
    let txn = begun();
    commit(&txn).unwrap();
    commit(&txn).unwrap();
    assert_eq!(used(), 0, "after a commit that was asked for twice");
    let txn = begun();
    let one = used();
    assert!(db.apply(&txn, points(&db, "s", 20_000_000)).is_err());
    assert_eq!(used(), one, "after a refused apply");
    db.abort(&txn).unwrap();
    assert_eq!(used(), 0, "after an abort");
    let txn = begun();
    let options = Transaction {
        key: Some(formdb_engine::IdempotencyKey::new("\n", &[])),
        ..Transaction::default()
    };
    let reply = Reply::new(|_| panic!("it is refused at once"));
    db.commit(&txn, options, reply).unwrap_err();
    assert_eq!(used(), 0, "after a refused commit");
    begun();
    let pool = Arc::clone(&db.memory().work);
    db.close();
    assert_eq!(pool.used(), 0, "after closing");
}
