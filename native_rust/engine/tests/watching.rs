//! What is measured of a database, and what happens as its disk fills.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use formdb_engine::fs::Space;
use formdb_engine::{
    Ack, Begin, Catalog, Commit, Database, Error, Limits, Reply, Result, Transaction,
};
use support::SimFs;
use support::disk::Op;

const MIB: u64 = 1 << 20;
const LEAST: u64 = 10 * MIB;

fn catalog(fs: &SimFs, limits: Limits) -> Catalog {
    Catalog::open(Arc::new(fs.clone()), Path::new("/data"), limits).unwrap()
}

fn limits() -> Limits {
    Limits {
        min_free_bytes: LEAST,
        ..Limits::default()
    }
}

fn put(database: &Database, id: &str) -> Result<Ack> {
    let text = format!(
        r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{"pad":"{}"}}}}"#,
        "x".repeat(1_000)
    );
    database.write(database.prepare_features(text.as_bytes())?.operations)
}

fn free(fs: &SimFs, bytes: u64) {
    fs.set_space(Some(Space {
        free: bytes,
        total: 100 * MIB,
    }));
}

fn is_full<T: std::fmt::Debug>(result: Result<T>) -> bool {
    let full = matches!(&result, Err(Error::DiskFull { least: LEAST, .. }));
    assert!(full, "{result:?}");
    full
}

#[test]
fn a_disk_with_little_room_takes_no_writes_until_it_has_more() {
    let fs = SimFs::new();
    free(&fs, 50 * MIB);
    let catalog = catalog(&fs, limits());
    let database = catalog.open_database("a", true).unwrap();
    put(&database, "before").unwrap();
    let begun = database.begin(Begin::default()).unwrap();
    let later = br#"{"type":"Feature","id":"later","geometry":null,"properties":{}}"#;
    let operations = database.prepare_features(later).unwrap().operations;
    database.apply(&begun.id, operations).unwrap();

    free(&fs, LEAST - 1);
    catalog.check().unwrap();
    let changes = fs.changes();
    assert!(catalog.disk().is_low());
    assert!(is_full(put(&database, "after")));
    // A delete is a block, too.
    let delete = database.prepare_delete_feature("before", None).unwrap();
    assert!(is_full(database.write(vec![delete])));
    assert!(is_full(catalog.open_database("b", true)));
    let commit = |reply| database.commit(&begun.id, Transaction::default(), reply);
    assert!(is_full(commit(Reply::new(|_| {}))));
    assert_eq!(fs.changes(), changes, "nothing was written");
    assert_eq!(catalog.list().unwrap(), ["a"]);
    assert_eq!(database.feature("before", None).unwrap().seq, 1);
    assert_eq!(database.info().unwrap().poisoned, None);

    free(&fs, LEAST + MIB);
    catalog.check().unwrap();
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let reply = Reply::new(move |answer| drop(sender.send(answer)));
    assert!(matches!(commit(reply), Ok(Commit::Queued)));
    assert_eq!(receiver.recv().unwrap().unwrap().first_seq, 2);
    assert_eq!(put(&database, "after").unwrap().first_seq, 3);
    catalog.open_database("b", true).unwrap();
}

#[test]
fn what_was_written_since_the_last_look_counts() {
    let fs = SimFs::new();
    free(&fs, LEAST + 3_000);
    let catalog = catalog(&fs, limits());
    let database = catalog.open_database("a", true).unwrap();
    let written = (0..10).take_while(|n| put(&database, &n.to_string()).is_ok());
    let written = written.count();
    assert!((1..=3).contains(&written), "{written}");
    let known = catalog.disk().space().unwrap();
    assert!(known.free < LEAST && known.total == 100 * MIB);
}

#[test]
fn room_for_the_footers_of_segments_is_not_free() {
    let fs = SimFs::new();
    free(&fs, 50 * MIB);
    let limits = Limits {
        segment_bytes: MIB,
        ..limits()
    };
    let catalog = catalog(&fs, limits);
    let missing = || {
        // What was written is forgotten with a look, as the simulated disk stays as it is.
        catalog.check().unwrap();
        50 * MIB - catalog.disk().space().unwrap().free
    };
    let database = catalog.open_database("a", true).unwrap();
    assert_eq!(missing(), 0);
    let mut most = 0;
    let ended = (1..5_000).find(|n| {
        put(&database, &n.to_string()).unwrap();
        let ends = missing() < most;
        most = most.max(missing());
        ends
    });
    // One for each block, from its hash and its place.
    let blocks = ended.unwrap() as u64 - 1;
    assert_eq!(most, 41 * blocks);
    assert_eq!(missing(), 41);
    // Who opens it again owes the same; a closed one nothing.
    catalog.close_database("a").unwrap();
    assert_eq!(missing(), 0);
    catalog.open_database("a", false).unwrap();
    assert_eq!(missing(), 41);
}

#[test]
fn no_snapshot_is_taken_from_a_disk_with_little_room() {
    let snapshots = |fs: &SimFs| {
        let now = fs.now();
        let names = now.nodes.keys().map(|path| path.display().to_string());
        names.filter(|name| name.ends_with(".snapshot")).count()
    };
    for (room, expected) in [(50 * MIB, 1), (LEAST - 1, 0)] {
        let fs = SimFs::new();
        free(&fs, 50 * MIB);
        let catalog = catalog(&fs, limits());
        let database = catalog.open_database("a", true).unwrap();
        for n in 0..1_100 {
            put(&database, &n.to_string()).unwrap();
        }
        free(&fs, room);
        catalog.check().unwrap();
        catalog.close();
        assert_eq!(snapshots(&fs), expected);
    }
}

#[test]
fn a_file_system_that_cannot_say_and_a_bound_of_nothing_refuse_nothing() {
    let unknown = SimFs::new();
    let full = SimFs::new();
    free(&full, 0);
    let unbounded = Limits {
        min_free_bytes: 0,
        ..Limits::default()
    };
    for (fs, limits) in [(unknown, limits()), (full, unbounded)] {
        let catalog = catalog(&fs, limits);
        let database = catalog.open_database("a", true).unwrap();
        put(&database, "a").unwrap();
        assert!(!catalog.disk().is_low());
    }
}

#[test]
fn commits_syncs_and_groups_are_counted_by_how_long_and_how_large_they_are() {
    let fs = SimFs::new();
    fs.slow_down(Duration::from_millis(3));
    let catalog = catalog(&fs, limits());
    let database = catalog.open_database("a", true).unwrap();
    for n in 0..5 {
        put(&database, &n.to_string()).unwrap();
    }
    let figures = database.figures().unwrap();
    let count = |counts: &[u64]| counts.iter().sum::<u64>();
    assert_eq!(count(&figures.commits.counts), 5);
    assert_eq!(count(&figures.syncs.counts), 5);
    // Each group was one transaction.
    assert_eq!(figures.group_sizes.counts[0], 5);
    assert_eq!(figures.group_sizes.sum, 5);
    // Of the buckets only those are used whose bound is above what each change takes.
    let faster = figures
        .syncs
        .bounds
        .partition_point(|bound| *bound < 3_000_000);
    assert_eq!(count(&figures.syncs.counts[..faster]), 0);
    // A commit is a write and a sync.
    assert!(figures.commits.sum >= figures.syncs.sum + 5 * 3_000_000);
    assert_eq!(figures.oldest, None);
    assert_eq!((figures.snapshots, figures.snapshot), (0, None));
    assert!(figures.opening > Duration::from_millis(3));
    let info = database.info().unwrap();
    assert!(info.index_bytes >= 5 * 180);
    assert!((5 * 180..=info.index_bytes).contains(&info.index.features.bytes));
    assert_eq!(figures.open_transactions, 0);
    let begun = database.begin(Begin::default()).unwrap();
    assert_eq!(database.figures().unwrap().open_transactions, 1);
    database.abort(&begun.id).unwrap();
    assert_eq!(database.figures().unwrap().open_transactions, 0);
}

#[test]
fn the_oldest_transaction_is_known_while_the_disk_hangs() {
    let fs = SimFs::new();
    let catalog = catalog(&fs, limits());
    let database = catalog.open_database("a", true).unwrap();
    put(&database, "a").unwrap();
    fs.hold(|op| matches!(op, Op::SyncData(_)));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| put(&database, "b").unwrap());
        assert!(fs.await_held());
        let second = scope.spawn(|| put(&database, "c").unwrap());
        let mut figures = database.figures().unwrap();
        while figures.queued_bytes == 0 {
            std::thread::yield_now();
            figures = database.figures().unwrap();
        }
        assert!(figures.queued_bytes > 1_000);
        std::thread::sleep(Duration::from_millis(20));
        let age = database.figures().unwrap().oldest.unwrap();
        assert!(age >= Duration::from_millis(20), "{age:?}");
        fs.release();
        first.join().unwrap();
        second.join().unwrap();
    });
    // Who is answered may look before the committer has written down that nothing waits.
    let rested = || {
        let after = database.figures().unwrap();
        (after.oldest, after.queued_bytes) == (None, 0)
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !rested() {
        assert!(Instant::now() < deadline, "{:?}", database.figures());
        std::thread::yield_now();
    }
}
