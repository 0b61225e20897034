//! Databases that are opened from an index snapshot: they answer like those whose
//! whole journal was read, and a snapshot that is of no use does no harm.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use formdb_engine::fs::{FileSystem, RealFileSystem};
use formdb_engine::{
    Cancel, Database, Durability, EntryQuery, Error, IdempotencyKey, Limits, Transaction,
};
use support::calls::{points, world};
use support::{Crash, ENOSPC, Fault, SimFs, journal};

/// Small segments and frequent snapshots.
fn limits() -> Limits {
    Limits {
        segment_bytes: 16 << 10,
        snapshot_bytes: 8 << 10,
        ..Limits::default()
    }
}

fn open(dir: &Path) -> Database {
    Database::open(Arc::new(RealFileSystem), dir, limits()).unwrap()
}

/// Transaction `n` of a workload that puts, overwrites, deletes and undoes, now and
/// then with a weak write.
fn write(db: &Database, n: u64) {
    let feature = |id: u64| {
        let (lon, lat) = (n % 170, n % 80);
        let text = format!(
            r#"{{"type":"Feature","id":"f{id}","geometry":{{"type":"Point","coordinates":[{lon},{lat}]}},"properties":{{"n":{n}}}}}"#
        );
        db.prepare_features(text.as_bytes()).unwrap().operations
    };
    let mut conditions = Vec::new();
    let operations = match n % 9 {
        0 if n > 20 => {
            let id = format!("f{}", (n - 8) % 12);
            vec![db.prepare_delete_feature(&id, None).unwrap()]
        }
        1 if n > 20 => {
            let start = (n % 150) as i64;
            vec![
                db.prepare_delete_points("s", start, start + 20, None)
                    .unwrap(),
            ]
        }
        2 | 5 => {
            let timestamps: Vec<i64> = (0..20).map(|i| (i * 37 + n as i64) % 200).collect();
            let values = timestamps.iter().map(|t| *t as f64 + n as f64).collect();
            let points = db.prepare_columns("s", timestamps, values, None).unwrap();
            points.operations
        }
        7 if n > 20 => match db.prepare_revert(n - 5, None) {
            Ok((operation, given)) => {
                conditions = given;
                vec![operation]
            }
            Err(_) => feature(n % 12),
        },
        _ => feature(n % 12),
    };
    let transaction = Transaction {
        operations,
        conditions,
        durability: if n % 4 == 1 {
            Durability::None
        } else {
            Durability::Sync
        },
        key: (n % 10 == 3).then(|| key(n)),
        ..Transaction::default()
    };
    // Some are refused, the same ones every time.
    let _ = db.write_transaction(transaction);
}

fn key(n: u64) -> IdempotencyKey {
    IdempotencyKey::new(&format!("key {n}"), &[b"request"])
}

/// All that can be seen of a database as of a sequence.
fn view(db: &Database, at: u64) -> String {
    let features = db.features_in_box(&world(Some(at))).unwrap();
    let features = features.json.to_vec();
    let points = match points(db, "s", Some(at)) {
        Ok(page) => page.points,
        Err(Error::NotFound { .. }) => Vec::new(),
        Err(other) => panic!("{other}"),
    };
    format!("{}\n{points:?}", String::from_utf8(features).unwrap())
}

/// All that can be seen of a database, past and present.
fn everything(db: &Database) -> String {
    let info = db.info().unwrap();
    let mut out = format!(
        "{} {:?} {} {} {} {}\n",
        info.seq, info.root, info.features, info.series, info.points, info.journal_bytes
    );
    for at in (0..=info.seq).rev().step_by(7) {
        out += &view(db, at);
    }
    let entries = EntryQuery {
        limit: 10_000,
        ..EntryQuery::default()
    };
    out += &String::from_utf8(
        db.entries(&entries, &db.budget(Cancel::default()))
            .unwrap()
            .json,
    )
    .unwrap();
    for seq in 1..=info.seq {
        out += &format!("{:?}\n", db.inclusion_proof(seq, None).unwrap());
    }
    out
}

/// The same of the database in `dir`, which is closed again.
fn everything_in(dir: &Path) -> String {
    let db = open(dir);
    let everything = everything(&db);
    db.close();
    everything
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            match fs::copy(entry.path(), target) {
                // A snapshot that was replaced meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}

fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = match fs::read_dir(dir.join("snapshots")) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => Vec::new(),
    };
    paths.sort_unstable();
    paths
}

/// A database that was closed with a snapshot after `transactions` of the workload.
fn closed(dir: &Path, transactions: u64) {
    let db = open(dir);
    for n in 0..transactions {
        write(&db, n);
    }
    let padding = r#"{"type":"Feature","geometry":null,"properties":{}},"#.repeat(1_100);
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        padding.trim_end_matches(',')
    );
    let prepared = db.prepare_features(text.as_bytes()).unwrap();
    db.write(prepared.operations).unwrap();
    db.close();
    assert_eq!(snapshots(dir).len(), 1);
}

#[test]
fn answers_do_not_depend_on_snapshots() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    let db = open(&dir);
    let mut from_snapshot = 0;
    for n in 0..400 {
        write(&db, n);
        if n % 40 != 39 {
            continue;
        }
        // As if the process ended here.
        let expected = everything(&db);
        let seq = db.info().unwrap().seq;
        let (with, without) = (
            tmp.path().join(format!("{n}a")),
            tmp.path().join(format!("{n}b")),
        );
        copy(&dir, &with);
        copy(&with, &without);
        let _ = fs::remove_dir_all(without.join("snapshots"));
        for dir in [with, without] {
            let db = open(&dir);
            let recovered = db.recovered();
            assert_eq!(recovered.snapshots_ignored, [] as [String; 0]);
            let known = recovered.snapshot.map_or(0, |snapshot| snapshot.seq);
            assert_eq!(recovered.blocks_read + known, seq);
            from_snapshot += u64::from(known > 0);
            assert_eq!(everything(&db), expected);
            // Keys and reverts are known as before.
            let (last, root) = (n / 10 * 10 + 3, db.info().unwrap().root);
            let transaction = Transaction {
                operations: vec![db.prepare_delete_feature("none", None).unwrap()],
                key: Some(key(last)),
                ..Transaction::default()
            };
            assert!(db.write_transaction(transaction).unwrap().replayed);
            assert_eq!(db.info().unwrap().root, root);
            for n in n + 1..n + 30 {
                write(&db, n);
            }
            let again = everything(&db);
            db.close();
            assert_eq!(everything_in(&dir), again);
        }
    }
    assert!(from_snapshot >= 5, "{from_snapshot} snapshots were of use");
}

#[test]
fn a_database_that_is_closed_opens_without_reading_its_journal() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    closed(&dir, 50);
    let db = open(&dir);
    let (recovered, seq) = (db.recovered().clone(), db.info().unwrap().seq);
    assert_eq!((recovered.blocks_read, recovered.blocks), (0, seq));
    let used = recovered.snapshot.unwrap();
    let file = fs::metadata(&snapshots(&dir)[0]).unwrap();
    assert_eq!((used.seq, used.bytes), (seq, file.len()));
    // Nothing new: closing takes no other.
    let modified = file.modified().unwrap();
    db.close();
    let file = fs::metadata(&snapshots(&dir)[0]).unwrap();
    assert_eq!(file.modified().unwrap(), modified);
}

#[test]
fn a_damaged_snapshot_costs_time_alone() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    closed(&dir, 60);
    let expected = everything_in(&dir);
    let path = snapshots(&dir).remove(0);
    let bytes = fs::read(&path).unwrap();
    for at in [0, 9, 100, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        fs::write(&path, damaged).unwrap();
        let db = open(&dir);
        let recovered = db.recovered();
        assert_eq!(
            (recovered.snapshot, recovered.snapshots_ignored.len()),
            (None, 1)
        );
        assert_eq!(recovered.blocks_read, recovered.blocks);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(recovered.snapshots_ignored[0].starts_with(name));
        assert_eq!(everything(&db), expected);
        // It is replaced when the database is closed.
        db.close();
        let db = open(&dir);
        assert_eq!(db.recovered().blocks_read, 0);
        db.close();
    }
}

#[test]
fn a_snapshot_of_another_database_is_ignored() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, other) = (tmp.path().join("one"), tmp.path().join("other"));
    closed(&one, 40);
    closed(&other, 80);
    let expected = everything_in(&one);
    let (own, foreign) = (snapshots(&one).remove(0), snapshots(&other).remove(0));
    fs::copy(&foreign, own.with_file_name(foreign.file_name().unwrap())).unwrap();
    let db = open(&one);
    let recovered = db.recovered();
    assert_eq!(recovered.snapshots_ignored.len(), 1);
    assert!(
        recovered
            .snapshot
            .is_some_and(|used| used.seq == db.info().unwrap().seq)
    );
    assert_eq!(everything(&db), expected);
}

/// A snapshot proves that its blocks were on the medium.
#[test]
fn a_journal_that_has_lost_blocks_of_a_snapshot_does_not_open() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    closed(&dir, 60);
    let mut segments: Vec<PathBuf> = fs::read_dir(dir.join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| journal::is_segment(path))
        .collect();
    segments.sort_unstable();
    let last = segments.last().unwrap();
    let bytes = fs::read(last).unwrap();
    fs::write(last, &bytes[..bytes.len() - 1]).unwrap();
    // So does the mark of the close, which is not what is tried here.
    fs::remove_file(dir.join("journal/DURABLE")).unwrap();
    let refused = Database::open(Arc::new(RealFileSystem), &dir, limits()).unwrap_err();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    assert_eq!(fs::read(last).unwrap().len(), bytes.len() - 1);
    // Without it, this looks like a write that was torn.
    fs::remove_dir_all(dir.join("snapshots")).unwrap();
    assert!(open(&dir).recovered().bytes_cut > 0);
}

/// Enough for a snapshot on closing, on a disk in memory.
fn simulated(disk: &SimFs) -> Result<Database, Error> {
    Database::open(
        Arc::new(disk.clone()),
        Path::new("/data/db"),
        Limits::default(),
    )
}

fn fill(db: &Database, round: u64) {
    let feature = |id: u64| {
        format!(
            r#"{{"type":"Feature","id":"f{id}","geometry":{{"type":"Point","coordinates":[{round},{}]}},"properties":{{}}}}"#,
            id % 90
        )
    };
    let features: Vec<String> = (0..1_001).map(feature).collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        features.join(",")
    );
    let prepared = db.prepare_features(text.as_bytes()).unwrap();
    db.write(prepared.operations).unwrap();
}

#[test]
fn a_crash_while_a_snapshot_is_taken_loses_nothing() {
    let disk = SimFs::new();
    for round in 0..2 {
        let db = simulated(&disk).unwrap();
        fill(&db, round);
        let (expected, seq) = (view(&db, 1_001 * (round + 1)), db.info().unwrap().seq);
        let before = disk.changes();
        db.close();
        let after = disk.changes();
        assert!(after > before + 4, "no snapshot was taken");
        for point in before..=after {
            let mut fates = vec![Crash::Kept, Crash::Dropped, Crash::Zeroed];
            fates.extend((1..disk.unsynced(point)).map(Crash::Prefix));
            fates.extend((0..10).map(Crash::Torn));
            fates.extend((0..20).map(Crash::Random));
            for fate in fates {
                let image = disk.crash(point, fate);
                let db = simulated(&image).unwrap();
                assert_eq!(db.info().unwrap().seq, seq, "{point} {fate:?}");
                assert_eq!(view(&db, seq), expected, "{point} {fate:?}");
                db.close();
            }
        }
    }
}

#[test]
fn a_snapshot_that_fails_does_no_harm() {
    let disk = SimFs::new();
    let db = simulated(&disk).unwrap();
    fill(&db, 0);
    let (expected, from) = (view(&db, 1_001), disk.changes());
    db.close();
    let to = disk.changes();
    for at in from..to {
        for partial in [false, true] {
            let disk = SimFs::new();
            let db = simulated(&disk).unwrap();
            fill(&db, 0);
            assert_eq!(disk.changes(), from);
            disk.inject(Fault::Change {
                at,
                for_ever: false,
                errno: ENOSPC,
                partial,
            });
            db.close();
            let db = simulated(&disk).unwrap();
            assert_eq!(view(&db, 1_001), expected);
            db.close();
            let names = FileSystem::list(&disk, Path::new("/data/db/snapshots")).unwrap();
            assert_eq!(names.len(), 1, "{names:?}");
        }
    }
}

/// The names and lengths of the files in `dir`.
fn files(dir: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, entry.metadata().map_or(0, |meta| meta.len()))
    };
    entries.map(file).collect()
}

/// Each snapshot holds everything, so the intervals between them have to grow with it.
#[test]
fn what_snapshots_write_grows_no_faster_than_the_journal() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    let db = open(&dir);
    let mut seen = std::collections::HashMap::new();
    for n in 0..3_000 {
        let text = format!(
            r#"{{"type":"Feature","id":"f{n}","geometry":{{"type":"Point","coordinates":[{},{}]}},"properties":{{}}}}"#,
            n % 170,
            n % 80
        );
        let operations = db.prepare_features(text.as_bytes()).unwrap().operations;
        db.write(operations).unwrap();
        if n % 10 == 0 {
            let finished = files(&dir.join("snapshots"));
            seen.extend(
                finished
                    .into_iter()
                    .filter(|(name, _)| name.ends_with(".snapshot")),
            );
        }
    }
    let journal = db.info().unwrap().journal_bytes;
    let written: u64 = seen.values().sum();
    let last = seen.values().max().copied().unwrap();
    println!(
        "snapshots: {} of {written} bytes beside a journal of {journal}",
        seen.len()
    );
    assert!(seen.len() >= 4, "{seen:?}");
    assert!(
        last > 2 * limits().snapshot_bytes,
        "{last}: the interval had no cause to grow"
    );
    assert!(written <= journal + last, "{written} of {journal}");
    db.close();
}

/// A stop must not wait for a snapshot: the journal has everything.
#[test]
fn a_closing_snapshot_that_takes_too_long_is_given_up() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    let limits = Limits {
        snapshot_bytes: 0,
        closing_snapshot_ms: 0,
        ..limits()
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir, limits).unwrap();
    (0..1_200).for_each(|n| write(&db, n));
    let before = view(&db, db.info().unwrap().seq);
    db.close();
    assert_eq!(files(&dir.join("snapshots")), []);
    let db = open(&dir);
    assert!(db.recovered().snapshot.is_none());
    assert_eq!(view(&db, db.info().unwrap().seq), before);
    db.close();
    assert_eq!(files(&dir.join("snapshots")).len(), 1);
}

/// Whether there is a finished one.
fn is_stored(dir: &Path) -> bool {
    let files = files(&dir.join("snapshots"));
    files.iter().any(|(name, _)| name.ends_with(".snapshot"))
}

/// What took long to replay is replayed once: the indexes are stored when nobody writes.
#[test]
fn a_database_that_was_opened_slowly_is_stored_while_nobody_writes() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    let never = Limits {
        snapshot_bytes: 0,
        closing_snapshot_ms: 0,
        ..limits()
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir, never.clone()).unwrap();
    (0..1_200).for_each(|n| write(&db, n));
    let before = view(&db, db.info().unwrap().seq);
    db.close();
    // Quick enough: it is left as it is.
    let quick = Limits {
        snapshot_bytes: 1 << 40,
        snapshot_replay_ms: 3_600_000,
        closing_snapshot_ms: 0,
        ..limits()
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir, quick.clone()).unwrap();
    assert_eq!(db.recovered().blocks_read, db.recovered().blocks);
    sleep(Duration::from_millis(1_500));
    db.close();
    assert!(!is_stored(&dir));
    let slow = Limits {
        snapshot_replay_ms: 1,
        ..quick
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir, slow).unwrap();
    let begun = Instant::now();
    while !is_stored(&dir) {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(20));
    }
    db.close();
    let db = Database::open(Arc::new(RealFileSystem), &dir, never).unwrap();
    assert_eq!(db.recovered().blocks_read, 0);
    assert_eq!(view(&db, db.info().unwrap().seq), before);
    db.close();
}

/// Few bytes of journal may take long to replay.
#[test]
fn what_takes_long_to_replay_is_stored_beside_writes() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    let limits = Limits {
        snapshot_bytes: 1 << 40,
        snapshot_replay_ms: 1,
        closing_snapshot_ms: 0,
        ..limits()
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir, limits).unwrap();
    let mut written = 0;
    while !is_stored(&dir) {
        assert!(written < 20_000);
        write(&db, written);
        written += 1;
    }
    db.close();
    let db = open(&dir);
    assert!(db.recovered().blocks_read < written);
    db.close();
}
