//! Writes that are acknowledged before they are on disk: a crash takes back a last
//! part of them, never one before an acknowledged sync, and a hole between them is
//! no damage.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use formdb_engine::{
    Budget, Cancel, Database, Durability, EntryQuery, Error, Hash, Limits, Reply, Transaction,
};
use support::calls::{DIR, open_in};
use support::{Crash, EIO, Fault, SimFs, journal};

fn open(fs: &SimFs) -> Result<Database, Error> {
    open_in(fs, DIR)
}

fn write(db: &Database, n: usize, durability: Durability) {
    db.write_transaction(transaction(db, n, durability))
        .unwrap();
}

fn transaction(db: &Database, n: usize, durability: Durability) -> Transaction {
    let text = format!(
        r#"{{"type":"Feature","id":"f{n}","geometry":null,"properties":{{"pad":"{}"}}}}"#,
        "x".repeat(n * 37 % 500)
    );
    let operations = db.prepare_features(text.as_bytes()).unwrap().operations;
    Transaction {
        operations,
        durability,
        ..Transaction::default()
    }
}

/// The root after each block, of a database that was closed.
fn roots(fs: &SimFs) -> Vec<Hash> {
    let db = open(fs).unwrap();
    let seqs = 0..=db.seq().unwrap();
    seqs.map(|seq| db.tree_head(Some(seq)).unwrap().root)
        .collect()
}

struct Run {
    fs: SimFs,
    /// Root after 0, 1, 2... transactions.
    roots: Vec<Hash>,
    /// Changes of the file system at each acknowledgement, and whether it promised
    /// durability.
    acks: Vec<(usize, Durability)>,
}

fn run(levels: impl Iterator<Item = Durability>) -> Run {
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    let mut acks = Vec::new();
    for (n, level) in levels.enumerate() {
        write(&db, n, level);
        acks.push((fs.changes(), level));
    }
    db.close();
    let roots = roots(&fs.crash(fs.changes(), Crash::Kept));
    Run { fs, roots, acks }
}

impl Run {
    /// Open an image and return how many transactions it has.
    fn found(&self, point: usize, fate: Crash) -> usize {
        let image = self.fs.crash(point, fate);
        let db = open(&image).unwrap_or_else(|e| panic!("point {point}, {fate:?}: {e}"));
        let root = db.info().unwrap().root;
        let found = self.roots.iter().position(|known| *known == root);
        let found = found.unwrap_or_else(|| panic!("point {point}, {fate:?}: not a prefix"));
        let synced = self
            .acks
            .iter()
            .rposition(|(at, level)| *at <= point && *level == Durability::Sync);
        let synced = synced.map_or(0, |place| place + 1);
        assert!(
            found >= synced,
            "point {point}, {fate:?}: {synced} synced, {found} found"
        );
        // What is cut stays cut, and it takes writes again.
        write(&db, 1_000, Durability::Sync);
        db.close();
        drop(db);
        let db = open(&image).unwrap_or_else(|e| panic!("point {point}, {fate:?}, again: {e}"));
        assert_eq!(db.info().unwrap().seq, found as u64 + 1);
        assert_eq!(db.recovered().bytes_cut, 0);
        found
    }
}

#[test]
fn a_crash_takes_back_a_last_part_of_weak_writes_and_no_synced_one() {
    let levels = (0..60).map(|n| match n % 9 {
        8 => Durability::Sync,
        _ => Durability::None,
    });
    let run = run(levels);
    let (mut lost, mut kept) = (0, 0);
    for point in 0..=run.fs.changes() {
        let written = run.acks.iter().filter(|(at, _)| *at <= point).count();
        let mut fates = vec![Crash::Kept, Crash::Dropped, Crash::Zeroed, Crash::Torn(0)];
        fates.extend((0..12).map(|i| Crash::Random((point * 17 + i) as u64)));
        for fate in fates {
            match run.found(point, fate) {
                found if found < written => lost += 1,
                _ => kept += 1,
            }
        }
    }
    println!("{lost} images lost weak writes, {kept} lost none");
    assert!(lost > 100 && kept > 100, "{lost} lost, {kept} kept");
}

#[test]
fn a_hole_between_groups_that_were_never_synced_is_cut_with_what_lies_behind_it() {
    let run = run([Durability::Sync, Durability::None, Durability::None].into_iter());
    // As of the last acknowledgement, before closing syncs.
    let image = run.fs.crash(run.acks[2].0, Crash::Kept);
    // The mark of the first group says of it what the next one does.
    let mark = image
        .files()
        .into_iter()
        .find(|(path, _)| path.ends_with("DURABLE"));
    let image = image.without_file(&mark.unwrap().0);
    let (path, bytes) = image
        .files()
        .into_iter()
        .find(|(path, _)| journal::is_segment(path))
        .unwrap();
    let groups: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(b"FDBG"))
        .collect();
    assert_eq!(groups.len(), 3);
    let flipped = |at: usize| {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        open(&image.with_file(&path, damaged))
    };
    // The second was never proved to be durable: it goes, and the third with it.
    let db = flipped(groups[1] + 100).unwrap();
    assert_eq!(db.info().unwrap().root, run.roots[1]);
    assert_eq!(db.recovered().bytes_cut, (bytes.len() - groups[1]) as u64);
    // The first was: the group after it says so.
    match flipped(groups[0] + 100) {
        Err(Error::Corrupt { offset, reason, .. }) => {
            assert_eq!(offset, groups[0] as u64);
            assert!(reason.contains("proves"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_read_back_is_made_durable_before_anything_is_built_on_it() {
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    write(&db, 0, Durability::Sync);
    write(&db, 1, Durability::None);
    assert_eq!(db.info().unwrap().seq, 2);
    // The process ends before its weak write reaches the disk: closing cannot sync.
    fs.inject(fault(fs.changes(), true));
    db.close();
    drop(db);
    fs.inject(fault(usize::MAX, false));
    // The next process finds it in the system's memory.
    let db = open(&fs).unwrap();
    let info = db.info().unwrap();
    assert_eq!((info.seq, info.durable_seq), (2, 2));
    let opened = fs.changes();
    drop(db);
    let db = open(&fs.crash(opened, Crash::Dropped)).unwrap();
    assert_eq!(db.info().unwrap().root, info.root);
}

fn fault(at: usize, for_ever: bool) -> Fault {
    Fault::Change {
        at,
        for_ever,
        errno: EIO,
        partial: false,
    }
}

fn budget(db: &Database) -> Budget {
    db.budget(Cancel::default())
}

/// Sequences of the blocks that the journal shows.
fn journal(db: &Database) -> Vec<u64> {
    let page = db.entries(&EntryQuery::default(), &budget(db));
    let entries: Vec<serde_json::Value> = serde_json::from_slice(&page.unwrap().json).unwrap();
    entries.iter().filter_map(|e| e["seq"].as_u64()).collect()
}

#[test]
fn a_weak_write_is_seen_by_queries_at_once_and_by_what_promises_durability_once_it_is_durable() {
    let fs = SimFs::new();
    let limits = Limits {
        sync_interval_ms: 3_600_000,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(fs), Path::new(DIR), limits).unwrap();
    let mut first = transaction(&db, 0, Durability::Sync);
    first.key = Some(formdb_engine::IdempotencyKey::new("first", &[]));
    db.write_transaction(first.clone()).unwrap();
    let durable_root = db.info().unwrap().root;
    let mut hashes = Vec::new();
    for (n, level) in [(1, Durability::None), (2, Durability::Interval)] {
        let ack = db.write_transaction(transaction(&db, n, level)).unwrap();
        hashes.push(ack.hash);
    }
    let info = db.info().unwrap();
    assert_eq!((info.seq, info.durable_seq, info.features), (3, 1, 3));
    assert_eq!(info.root, durable_root);
    assert!(db.feature("f2", None).is_ok() && db.feature("f2", Some(3)).is_ok());
    assert_eq!(
        db.provenance("f2", 0, None, 10, &budget(&db))
            .unwrap()
            .returned,
        1
    );
    assert_eq!(journal(&db), [1]);
    assert_eq!(db.tree_head(None).unwrap().tree_size, 1);
    assert!(db.tree_head(Some(2)).is_err());
    assert!(db.inclusion_proof(2, None).is_err());
    assert!(db.consistency_proof(1, Some(3)).is_err());
    assert!(matches!(db.block(2), Err(Error::NotFound { .. })));
    assert_eq!(db.find_block(&hashes[0], &budget(&db)).unwrap(), None);
    // A sync for anybody is one for all before it; here of a write that is answered
    // again.
    assert!(db.write_transaction(first).unwrap().replayed);
    let info = db.info().unwrap();
    assert_eq!((info.seq, info.durable_seq), (3, 3));
    assert_ne!(info.root, durable_root);
    assert_eq!(journal(&db), [1, 2, 3]);
    assert_eq!(db.tree_head(None).unwrap().root, info.root);
    assert_eq!(db.find_block(&hashes[0], &budget(&db)).unwrap(), Some(2));
    assert!(db.inclusion_proof(2, None).is_ok());
    db.close();
}

const INTERVAL: Duration = Duration::from_millis(40);

#[test]
fn what_is_written_at_the_interval_is_durable_in_time_though_the_queue_never_runs_empty() {
    // On a machine with other things to do the writer may not keep up.
    let kept_full = (0..10).any(|_| queue_is_kept_full_for_a_while());
    assert!(kept_full, "the queue was often empty, ten times over");
}

/// Write at the interval for a second, and check that all becomes durable in time.
/// Whether there was always more to write meanwhile.
fn queue_is_kept_full_for_a_while() -> bool {
    let limits = Limits {
        sync_interval_ms: INTERVAL.as_millis() as u64,
        ..Limits::default()
    };
    let fs = SimFs::new();
    let db = Database::open(Arc::new(fs.clone()), Path::new(DIR), limits).unwrap();
    // Slower than the writer, so that transactions gather meanwhile.
    fs.slow_down(Duration::from_millis(2));
    let ended = AtomicBool::new(false);
    let began = Instant::now();
    let (mut longest, mut idle, mut looks) = (Duration::ZERO, 0, 0);
    std::thread::scope(|scope| {
        // A few hundred transactions wait at any time.
        let some = (0..50).map(|n| transaction(&db, n, Durability::Interval));
        let some: Vec<Transaction> = some.collect();
        let (db, ended) = (&db, &ended);
        scope.spawn(move || {
            for weak in some.iter().cycle() {
                while db.info().unwrap().queued > 500 {
                    std::thread::yield_now();
                }
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                db.submit(weak.clone(), Reply::new(|answer| assert!(answer.is_ok())))
                    .unwrap();
            }
        });
        let (mut behind, mut since) = (0, Instant::now());
        while began.elapsed() < INTERVAL * 25 {
            let info = db.info().unwrap();
            looks += 1;
            idle += u64::from(info.queued == 0);
            if info.durable_seq >= behind {
                (behind, since) = (info.seq, Instant::now());
            }
            longest = longest.max(since.elapsed());
            std::thread::sleep(Duration::from_millis(1));
        }
        ended.store(true, Ordering::Relaxed);
    });
    let info = db.info().unwrap();
    println!("{} written, longest not durable {longest:?}", info.seq);
    // Generous: this machine may have other things to do.
    assert!(longest < INTERVAL * 8, "{longest:?} until it was durable");
    db.close();
    idle * 4 < looks
}
