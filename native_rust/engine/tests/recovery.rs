//! Crash points, disk images, injected faults and damaged bytes: after each, the
//! database is a prefix of what was written and holds all that was acknowledged,
//! or says exactly why it will not open.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

mod support;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use formdb_engine::model::BoundingBox;
use formdb_engine::{BoxQuery, Database, Error, Limits, Order, RangeQuery};
use support::{Fate, Fault, SimFs, random};

const DIR: &str = "/data/db";

/// Small segments, so that a short workload rotates.
fn limits() -> Limits {
    Limits {
        segment_bytes: 4_096,
        ..Limits::default()
    }
}

fn open(fs: &SimFs) -> Result<Database, Error> {
    Database::open(Arc::new(fs.clone()), Path::new(DIR), limits())
}

/// Transaction `n`: features (some overwrite earlier ones) or points.
fn write(db: &Database, n: usize) -> Result<(), Error> {
    let operations = if n % 3 == 2 {
        let timestamps: Vec<i64> = (0..n as i64).map(|i| (i * 7) % 50).collect();
        let values = timestamps.iter().map(|t| *t as f64 + n as f64).collect();
        db.prepare_columns("s", timestamps, values, None)?
            .operations
    } else {
        let feature = |i: usize| {
            format!(
                r#"{{"type":"Feature","id":"f{}","geometry":{{"type":"Point","coordinates":[{},{}]}},"properties":{{"n":{n},"pad":"{}"}}}}"#,
                (n + i) % 17,
                n % 180,
                i % 90,
                "x".repeat(n * 13 % 700)
            )
        };
        let count = if n % 5 == 4 { 11 } else { 1 + n % 4 };
        let all: Vec<String> = (0..count).map(feature).collect();
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{}]}}"#,
            all.join(",")
        );
        db.prepare_features(text.as_bytes())?.operations
    };
    db.write(operations).map(drop)
}

/// All that can be seen of a database.
#[derive(Debug, Clone, PartialEq)]
struct View {
    root: String,
    seq: u64,
    features: Vec<u8>,
    points: Vec<(i64, u64)>,
}

fn view(db: &Database) -> View {
    let info = db.info().unwrap();
    let world = BoxQuery {
        bbox: BoundingBox::parse("-180,-90,180,90").unwrap(),
        limit: 10_000,
        cursor: None,
        as_of: None,
    };
    let range = RangeQuery {
        series: "s",
        start: i64::MIN,
        end: i64::MAX,
        order: Order::Ascending,
        limit: 100_000,
        cursor: None,
        as_of: None,
    };
    let points = match db.range(&range) {
        Ok(page) => {
            let points = page.points.iter();
            points.map(|p| (p.timestamp, p.value.to_bits())).collect()
        }
        Err(Error::NotFound { .. }) => Vec::new(),
        Err(other) => panic!("{other}"),
    };
    View {
        root: formdb_engine::to_hex(&info.root),
        seq: info.seq,
        features: db.features_in_box(&world).unwrap().json,
        points,
    }
}

/// A workload and what the database looked like after each transaction.
struct History {
    fs: SimFs,
    /// View after 0, 1, 2... transactions.
    views: Vec<View>,
    /// Changes of the file system when each was acknowledged.
    acked_at: Vec<usize>,
}

fn run(fs: SimFs, transactions: usize) -> History {
    let db = open(&fs).unwrap();
    let mut views = vec![view(&db)];
    let mut acked_at = Vec::new();
    for n in 0..transactions {
        write(&db, n).unwrap();
        acked_at.push(fs.changes());
        views.push(view(&db));
    }
    db.close();
    History {
        fs,
        views,
        acked_at,
    }
}

impl History {
    fn acked(&self, point: usize) -> usize {
        self.acked_at.iter().filter(|at| **at <= point).count()
    }

    /// Open a disk image and compare.
    fn check(&self, point: usize, fate: Fate) {
        let image = self.fs.crash(point, fate);
        let db = open(&image).unwrap_or_else(|e| panic!("point {point}, {fate:?}: {e}"));
        let seen = view(&db);
        let prefix = self.views.iter().position(|view| *view == seen);
        let prefix = prefix.unwrap_or_else(|| panic!("point {point}, {fate:?}: not a prefix"));
        let acked = self.acked(point);
        assert!(
            prefix >= acked,
            "point {point}, {fate:?}: {acked} acknowledged, {prefix} found"
        );
        // It takes writes again, and opening once more changes nothing.
        write(&db, prefix).unwrap();
        let after = view(&db);
        db.close();
        drop(db);
        let db = open(&image).unwrap();
        assert_eq!(view(&db), after, "point {point}, {fate:?}");
        assert_eq!(db.recovered().bytes_cut, 0);
    }
}

fn fates(history: &History, point: usize) -> Vec<Fate> {
    let mut fates = vec![Fate::Kept, Fate::Dropped, Fate::Zeroed];
    fates.extend((1..history.fs.unsynced(point)).map(Fate::Prefix));
    fates.extend((0..4).map(Fate::Torn));
    fates.extend((0..6).map(|i| Fate::Random((point * 31 + i) as u64)));
    fates
}

#[test]
fn after_a_crash_at_any_point_every_acked_write_is_there_and_no_half_of_one() {
    let history = run(SimFs::new(), 40);
    let points = history.fs.changes();
    let mut images = 0;
    for point in 0..=points {
        for fate in fates(&history, point) {
            history.check(point, fate);
            images += 1;
        }
    }
    println!("{points} crash points, {images} disk images");
    assert!(
        points > 90 && images > 1_000,
        "{points} points, {images} images"
    );
}

#[test]
fn a_crash_during_recovery_loses_nothing_either() {
    let history = run(SimFs::new(), 12);
    let mut images = 0;
    for point in 0..=history.fs.changes() {
        // A write cut short makes recovery write too: it removes the tail.
        let first = history.fs.crash(point, Fate::Torn(1));
        drop(open(&first));
        for again in 0..=first.changes() {
            for fate in [Fate::Kept, Fate::Dropped, Fate::Random(again as u64)] {
                let second = first.crash(again, fate);
                let db = open(&second).unwrap_or_else(|e| panic!("{point}/{again} {fate:?}: {e}"));
                let seen = view(&db);
                let prefix = history.views.iter().position(|view| *view == seen);
                assert!(
                    prefix.is_some_and(|prefix| prefix >= history.acked(point)),
                    "{point}/{again} {fate:?}"
                );
                images += 1;
            }
        }
    }
    println!("{images} images of a crash during recovery");
    assert!(images > 100);
}

#[test]
fn the_harness_notices_a_disk_that_does_not_sync() {
    let history = run(SimFs::lying(), 6);
    let last = history.fs.changes();
    let caught = catch_unwind(AssertUnwindSafe(|| history.check(last, Fate::Dropped)));
    assert!(caught.is_err(), "acked writes were lost and nobody noticed");
}

#[test]
fn after_a_failed_operation_writes_are_refused_reads_go_on_and_nothing_acked_is_lost() {
    let calm = run(SimFs::new(), 10);
    let total = calm.fs.changes();
    let begin = {
        let fs = SimFs::new();
        open(&fs).unwrap().close();
        fs.changes()
    };
    let mut tried = 0;
    for at in begin..total {
        for (kind, for_ever, partial) in [
            (io::ErrorKind::StorageFull, false, true),
            (io::ErrorKind::StorageFull, true, true),
            (io::ErrorKind::Other, false, false),
            (io::ErrorKind::Other, true, false),
        ] {
            let fs = SimFs::new();
            let db = open(&fs).unwrap();
            fs.inject(Fault {
                at,
                for_ever,
                kind,
                partial,
            });
            let mut acked = 0;
            let mut failure = None;
            for n in 0..10 {
                match write(&db, n) {
                    Ok(()) => {
                        assert!(failure.is_none(), "a write after a failed one was taken");
                        acked += 1;
                    }
                    Err(error) => {
                        failure.get_or_insert(error);
                    }
                }
            }
            let failure = failure.unwrap_or_else(|| panic!("change {at} did not fail"));
            assert!(matches!(failure, Error::Io { .. }), "{failure}");
            assert!(matches!(write(&db, 99), Err(Error::Poisoned { .. })));
            assert_eq!(view(&db).seq, db.info().unwrap().seq, "reads go on");
            assert!(db.info().unwrap().poisoned.is_some());
            db.close();
            for fate in [Fate::Kept, Fate::Dropped, Fate::Zeroed, Fate::Torn(1)] {
                let image = fs.crash(fs.changes(), fate);
                let db = open(&image).unwrap_or_else(|e| panic!("{at} {kind:?} {fate:?}: {e}"));
                // Block times differ from run to run, so counts are compared.
                let found = view(&db).seq;
                let counts: Vec<u64> = calm.views.iter().map(|view| view.seq).collect();
                let prefix = counts.iter().position(|seq| *seq == found);
                assert!(
                    prefix.is_some_and(|prefix| prefix >= acked),
                    "{at} {kind:?} {fate:?}: {acked} acked, {prefix:?} found"
                );
                tried += 1;
            }
        }
    }
    println!("{tried} disk images behind injected faults");
}

#[test]
fn every_flipped_bit_is_an_error_or_a_torn_tail_never_another_answer() {
    let history = run(SimFs::new(), 14);
    let files = history.fs.files();
    let journal: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|e| e == "journal"))
        .collect();
    assert!(journal.len() >= 2, "the workload rotates");
    let last = &journal[journal.len() - 1].0;
    let (mut refused, mut cut, mut rebuilt) = (0, 0, 0);
    let mut seed = 42;
    for (path, bytes) in &journal {
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (random(&mut seed) % 8);
            match open(&history.fs.with_file(path, damaged)) {
                Err(Error::Corrupt { path: named, .. }) => {
                    assert_eq!(named, *path, "byte {at}");
                    refused += 1;
                }
                Err(other) => panic!("byte {at} of {path:?}: {other}"),
                Ok(db) if path != last => {
                    // A footer is derived data.
                    assert_eq!(db.recovered().footers_rebuilt, 1, "byte {at} of {path:?}");
                    assert_eq!(view(&db), history.views[history.views.len() - 1]);
                    rebuilt += 1;
                }
                Ok(db) => {
                    // Only the very last group can pass for a torn tail.
                    assert_eq!(path, last, "byte {at} went unnoticed");
                    assert!(db.recovered().bytes_cut > 0, "byte {at} of {path:?}");
                    assert_eq!(view(&db), history.views[history.views.len() - 2]);
                    cut += 1;
                }
            }
        }
    }
    println!("{refused} flips refused, {cut} taken for a torn tail, {rebuilt} footers rebuilt");
    assert!(refused > cut);
}

#[test]
fn every_truncation_is_a_prefix_or_an_error() {
    let history = run(SimFs::new(), 14);
    for (path, bytes) in history.fs.files() {
        let newest = history.fs.files().last().unwrap().0 == path;
        for len in 0..bytes.len() {
            match open(&history.fs.with_file(&path, bytes[..len].to_vec())) {
                // The segment before it is sealed, so the newest had a header.
                Err(Error::Corrupt { .. }) => assert!(!newest || len < 128, "cut at {len}"),
                Err(other) => panic!("cut at {len} of {path:?}: {other}"),
                Ok(db) if db.recovered().footers_rebuilt > 0 => {
                    assert!(!newest, "{path:?} cut at {len}");
                    assert_eq!(&view(&db), history.views.last().unwrap());
                }
                Ok(db) => {
                    assert!(newest, "{path:?} cut at {len} went unnoticed");
                    assert!(history.views.contains(&view(&db)), "cut at {len}");
                }
            }
        }
    }
}

#[test]
fn a_missing_segment_is_an_error() {
    let history = run(SimFs::new(), 30);
    let files = history.fs.files();
    assert!(files.len() >= 3);
    for (path, _) in &files[..files.len() - 1] {
        let opened = open(&history.fs.without_file(path));
        assert!(matches!(opened, Err(Error::Corrupt { .. })), "{path:?}");
    }
}

#[test]
fn a_database_is_open_once() {
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    assert!(matches!(open(&fs), Err(Error::Locked { .. })));
    db.close();
    assert!(open(&fs).is_ok());
    assert!(matches!(write(&db, 0), Err(Error::Closed)));
    assert!(matches!(db.info(), Err(Error::Closed)));
}
