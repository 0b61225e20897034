//! Verifying, explaining and salvaging databases, whole and damaged.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use formdb_engine::fs::FileSystem;
use formdb_engine::{
    Ack, Cancel, Database, EntryQuery, Error, Hash, Limits, Progress, Reach, RecoveryPolicy,
    SalvageReport, VerifyReport, diagnose, salvage, verify,
};
use support::calls::{DIR, open_in, points, small_segments};
use support::journal::{self, groups};
use support::{Crash, SimFs, random};

const NEW: &str = "/data/new";

fn segments(fs: &SimFs) -> Vec<(PathBuf, Vec<u8>)> {
    journal::segments(fs, DIR)
}

/// Transaction `n`: features, a deletion or points.
fn write(db: &Database, n: usize) -> Ack {
    let operations = match n % 4 {
        3 => {
            let timestamps: Vec<i64> = (0..n as i64).collect();
            let values = timestamps.iter().map(|t| *t as f64).collect();
            db.prepare_columns("s", timestamps, values, None)
                .unwrap()
                .operations
        }
        _ => {
            let features: Vec<String> = (0..=n % 3)
                .map(|i| {
                    format!(
                        r#"{{"type":"Feature","id":"f{}","geometry":null,"properties":{{"pad":"{}"}}}}"#,
                        (n + i) % 9,
                        "x".repeat(n * 37 % 300)
                    )
                })
                .collect();
            let text = format!(
                r#"{{"type":"FeatureCollection","features":[{}]}}"#,
                features.join(",")
            );
            db.prepare_features(text.as_bytes()).unwrap().operations
        }
    };
    db.write(operations).unwrap()
}

struct Filled {
    fs: SimFs,
    /// Last sequence and root after each transaction.
    states: Vec<(u64, Hash)>,
    /// Every block as JSON, in order.
    entries: Vec<u8>,
    segments: Vec<(PathBuf, Vec<u8>)>,
}

/// As a crash leaves it, not a close: nothing marks its end.
fn filled() -> Filled {
    let mut filled = closed();
    filled.fs = filled
        .fs
        .without_file(&Path::new(DIR).join("journal/DURABLE"));
    filled
}

/// As it was closed: with a mark of its end.
fn closed() -> Filled {
    let fs = SimFs::new();
    let db = open_in(&fs, DIR).unwrap();
    let mut states = vec![(0, db.info().unwrap().root)];
    for n in 0..40 {
        let ack = write(&db, n);
        states.push((ack.last_seq, db.info().unwrap().root));
    }
    assert!(db.info().unwrap().segments > 3);
    let entries = entries(&db);
    db.close();
    let segments = segments(&fs);
    Filled {
        fs,
        states,
        entries,
        segments,
    }
}

fn entries(db: &Database) -> Vec<u8> {
    let query = EntryQuery {
        limit: 10_000,
        ..EntryQuery::default()
    };
    db.entries(&query, &db.budget(Cancel::default()))
        .unwrap()
        .json
}

fn check(fs: &SimFs) -> VerifyReport {
    verify(fs, Path::new(DIR), &mut |_| {}).unwrap()
}

fn sentences(fs: &SimFs) -> String {
    let diagnosis = diagnose(fs, Path::new(DIR)).unwrap();
    diagnosis.sentences.join("\n")
}

fn rescue(fs: &SimFs) -> Result<SalvageReport, Error> {
    let shared: Arc<dyn FileSystem> = Arc::new(fs.clone());
    salvage(
        &shared,
        Path::new(DIR),
        Path::new(NEW),
        Reach::Provable,
        &mut |_| {},
    )
}

impl Filled {
    fn flipped(&self, number: usize, at: usize) -> SimFs {
        let (path, bytes) = &self.segments[number];
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        self.fs.with_file(path, damaged)
    }

    /// What a salvaged database may hold: a beginning of the transactions.
    fn check_salvaged(&self, fs: &SimFs, report: &SalvageReport, what: &str) -> usize {
        let before = segments(fs);
        let db = open_in(fs, NEW).unwrap_or_else(|e| panic!("{what}: {e}"));
        let info = db.info().unwrap();
        let state = (info.seq, info.root);
        let found = self.states.iter().position(|known| *known == state);
        let found = found.unwrap_or_else(|| panic!("{what}: {} is no prefix", info.seq));
        assert_eq!(state, (report.blocks, report.root), "{what}");
        assert_eq!(found as u64, report.transactions, "{what}");
        let json = entries(&db);
        let shared = json.len().saturating_sub(1);
        assert_eq!(json[..shared], self.entries[..shared], "{what}");
        assert_eq!(db.recovered().bytes_cut, 0, "{what}");
        assert_eq!(db.recovered().footers_rebuilt, 0, "{what}");
        // It takes writes, as any database.
        write(&db, 1);
        db.close();
        assert_eq!(segments(fs), before, "{what}: the old one was changed");
        found
    }
}

#[test]
fn a_whole_database_verifies_and_there_is_nothing_to_do() {
    let filled = filled();
    let mut told = Vec::new();
    let report = verify(&filled.fs, Path::new(DIR), &mut |p: Progress| told.push(p)).unwrap();
    let (seq, root) = filled.states[40];
    assert!(report.is_sound() && report.opens());
    assert_eq!((report.blocks, report.root), (seq, root));
    assert_eq!((report.transactions, report.groups), (40, 40));
    assert_eq!(report.segments, filled.segments.len() as u64);
    assert_eq!((report.damage, report.torn), (None, None));
    let last = told.last().unwrap();
    let total: usize = filled.segments.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!((last.done, last.total), (total as u64, total as u64));
    let text = sentences(&filled.fs);
    assert!(text.contains("Everything in it checks."), "{text}");
    assert!(text.contains("nothing to do"), "{text}");
    // Nothing was changed, and it still opens.
    assert_eq!(segments(&filled.fs), filled.segments);
    let db = open_in(&filled.fs, DIR).unwrap();
    assert_eq!(db.info().unwrap().root, root);
    // An open database is left alone.
    let open = verify(&filled.fs, Path::new(DIR), &mut |_| {});
    assert!(matches!(open, Err(Error::Locked { .. })));
    assert!(sentences(&filled.fs).contains("is open"));
}

#[test]
fn flips_are_found_and_told_as_opening_would_and_the_rest_salvaged() {
    let filled = filled();
    let (mut damaged, mut torn, mut derived, mut kept) = (0, 0, 0, 0);
    for (number, (path, bytes)) in filled.segments.iter().enumerate() {
        for at in (number % 3..bytes.len()).step_by(3) {
            let image = filled.flipped(number, at);
            let what = format!("byte {at} of {path:?}");
            let report = check(&image);
            assert!(!report.is_sound(), "{what} went unnoticed");
            // What it says is what opening does.
            let saved = image.copy();
            let opened = open_in(&saved, DIR);
            assert_eq!(report.opens(), opened.is_ok(), "{what}: {report:?}");
            match opened {
                Ok(db) => {
                    assert_eq!(db.recovered().bytes_cut, report.torn_bytes, "{what}");
                    let footers = report.footers.len() as u64;
                    assert_eq!(db.recovered().footers_rebuilt, footers, "{what}");
                    torn += usize::from(report.torn.is_some());
                    derived += footers;
                }
                Err(Error::Corrupt { path, offset, .. }) => {
                    let told = report.damage.clone().unwrap();
                    assert_eq!((told.path, told.offset), (path, offset), "{what}");
                    damaged += 1;
                }
                Err(other) => panic!("{what}: {other}"),
            }
            // Salvaging all of them would take long.
            if at % 20 == 0 {
                let saved = rescue(&image).unwrap_or_else(|e| panic!("{what}: {e}"));
                kept += filled.check_salvaged(&image, &saved, &what);
            }
        }
    }
    println!("{damaged} damaged, {torn} torn, {derived} footers; {kept} transactions salvaged");
    assert!(damaged > 0 && torn > 0 && derived > 0);
}

/// A crash leaves a sealed segment without its footer, or with a part of it; the trailer, of 64
/// bytes, comes last.
#[test]
fn a_footer_that_a_crash_kept_from_being_written_is_a_note_and_a_damaged_one_is_not() {
    const TRAILER: usize = 64;
    let filled = filled();
    let (path, whole) = &filled.segments[1];
    let trailer = whole.len() - TRAILER;
    let groups_end = u64::from_le_bytes(whole[trailer + 24..trailer + 32].try_into().unwrap());
    let groups_end = usize::try_from(groups_end).unwrap();
    let mut zeros = whole.clone();
    zeros[trailer..].fill(0);
    let cut = (groups_end..whole.len()).map(|at| whole[..at].to_vec());
    let mut images = 0;
    for bytes in cut.chain([zeros]) {
        let what = format!("{} bytes of {}", bytes.len(), whole.len());
        let image = filled.fs.with_file(path, bytes);
        let report = check(&image);
        assert!(report.is_sound() && report.opens(), "{what}: {report:?}");
        let missing: Vec<_> = report.footers_missing.iter().map(|d| d.offset).collect();
        assert_eq!(missing, [groups_end as u64], "{what}");
        let text = sentences(&image);
        assert!(
            text.contains("Opening writes the footers"),
            "{what}: {text}"
        );
        let db = open_in(&image, DIR).unwrap();
        assert_eq!(db.recovered().footers_rebuilt, 1, "{what}");
        db.close();
        assert!(check(&image).footers_missing.is_empty(), "{what}");
        images += 1;
    }
    // The trailer is there and says something else, or what it says is not so.
    let mut damaged = vec![[whole.as_slice(), &[0; 4]].concat()];
    for at in (groups_end..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        damaged.push(bytes);
    }
    for bytes in damaged {
        let report = check(&filled.fs.with_file(path, bytes));
        assert!(!report.is_sound() && report.opens(), "{report:?}");
        assert_eq!((report.footers.len(), report.footers_missing.len()), (1, 0));
    }
    println!("{images} footers that were not written to their end");
}

#[test]
fn nothing_before_the_damage_is_lost_nor_the_transactions_before_it_in_its_group() {
    let filled = filled();
    let (_, bytes) = &filled.segments[1];
    let position = |n: usize| u64::from_le_bytes(bytes[n..n + 8].try_into().unwrap());
    for group in groups(bytes) {
        // The last byte of the group: nothing of its only transaction holds.
        let image = filled.flipped(1, group.end - 1);
        let group = group.start;
        let report = rescue(&image).unwrap();
        let before = position(group + 40) - 1;
        assert_eq!(report.blocks, before);
        assert_eq!(report.unproved_transactions, 0);
        let damage = report.damage.clone().unwrap();
        assert_eq!(damage.offset, group as u64);
        let lost: u64 = report.lost.iter().map(|lost| lost.bytes).sum();
        let behind = filled.segments[1..].iter().map(|(_, b)| b.len() as u64);
        assert_eq!(lost, behind.sum::<u64>() - group as u64);
        filled.check_salvaged(&image, &report, "last byte");
        // Its header alone: the transaction in it is whole.
        let image = filled.flipped(1, group + 60);
        let report = rescue(&image).unwrap();
        assert_eq!(report.unproved_transactions, 1);
        assert_eq!(report.blocks, position(group + 48));
        filled.check_salvaged(&image, &report, "header");
    }
}

#[test]
fn a_damaged_segment_header_costs_nothing() {
    let filled = filled();
    for number in 0..filled.segments.len() {
        for at in [0, 9, 20, 33, 45, 60, 125] {
            let image = filled.flipped(number, at);
            let report = rescue(&image).unwrap();
            assert_eq!(report.blocks, filled.states[40].0, "byte {at} of {number}");
            assert!(report.damage.is_some());
            assert_eq!(report.lost, []);
            filled.check_salvaged(&image, &report, "header");
        }
    }
}

#[test]
fn a_missing_segment_ends_what_can_be_salvaged() {
    let filled = filled();
    let files = &filled.segments;
    for (path, bytes) in files.iter().skip(1) {
        let image = filled.fs.without_file(path);
        let report = check(&image);
        assert!(!report.opens());
        let text = sentences(&image);
        assert!(text.contains("missing"), "{text}");
        assert!(text.contains("salvage"), "{text}");
        let first = u64::from_le_bytes(bytes[32..40].try_into().unwrap());
        let saved = rescue(&image).unwrap();
        assert_eq!(saved.blocks, first - 1);
        let found = filled.check_salvaged(&image, &saved, "missing");
        assert!(found > 0);
    }
    // Without the first there is nothing.
    let image = filled.fs.without_file(&files[0].0);
    assert!(matches!(rescue(&image), Err(Error::Invalid { .. })));
    assert!(matches!(
        image.list(Path::new(NEW)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound
    ));
}

#[test]
fn random_damage_is_told_as_opening_would_and_salvage_gives_a_prefix() {
    let (crashed, closed) = (filled(), closed());
    let mut seed = 7;
    let mut salvaged = 0;
    for round in 0..400 {
        let filled = if round % 2 == 0 { &crashed } else { &closed };
        let mut image = filled.fs.copy();
        for _ in 0..=random(&mut seed) % 3 {
            let files = segments(&image);
            let (path, bytes) = &files[random(&mut seed) as usize % files.len()];
            let mut bytes = bytes.clone();
            if bytes.is_empty() {
                continue;
            }
            let at = random(&mut seed) as usize % bytes.len();
            let end = (at + random(&mut seed) as usize % 900).min(bytes.len());
            match random(&mut seed) % 4 {
                0 => bytes.truncate(at),
                1 => bytes[at..end].fill(0),
                2 => drop(bytes.drain(at..end)),
                _ => bytes[at] ^= 0x10,
            }
            image = image.with_file(path, bytes);
        }
        let what = format!("round {round}");
        let report = check(&image);
        let copy = image.copy();
        assert_eq!(
            report.opens(),
            open_in(&copy, DIR).is_ok(),
            "{what}: {report:?}"
        );
        match rescue(&image) {
            Ok(report) => {
                filled.check_salvaged(&image, &report, &what);
                salvaged += 1;
            }
            Err(Error::Invalid { .. }) => assert_eq!(report.blocks, 0, "{what}"),
            Err(other) => panic!("{what}: {other}"),
        }
    }
    assert!(salvaged > 300, "{salvaged}");
}

#[test]
fn a_torn_tail_is_told_and_a_cautious_policy_leaves_it() {
    let filled = filled();
    let (path, bytes) = filled.segments.last().unwrap();
    let last = groups(bytes).pop().unwrap().start;
    let image = filled.fs.with_file(path, bytes[..bytes.len() - 3].to_vec());
    let report = check(&image);
    assert!(report.opens() && !report.is_sound());
    assert_eq!(report.torn.unwrap().offset, last as u64);
    assert_eq!(report.torn_bytes, (bytes.len() - 3 - last) as u64);
    let text = sentences(&image);
    assert!(text.contains("torn tail"), "{text}");
    assert!(text.contains("cuts"), "{text}");
    let cautious = Limits {
        recovery: RecoveryPolicy::RefuseTornTail,
        ..small_segments()
    };
    let opened = Database::open(Arc::new(image.clone()), Path::new(DIR), cautious);
    assert!(matches!(opened, Err(Error::TornTail { .. })));
    assert!(open_in(&image, DIR).is_ok());
    // After a close it is none.
    let closed = closed();
    let (path, bytes) = closed.segments.last().unwrap();
    let image = closed.fs.with_file(path, bytes[..bytes.len() - 3].to_vec());
    let report = check(&image);
    assert!(!report.opens() && report.torn.is_none());
    let text = sentences(&image);
    assert!(
        text.contains("DURABLE") && text.contains("Opening is refused"),
        "{text}"
    );
}

#[test]
fn what_lies_beside_the_journal_is_looked_at_as_opening_does() {
    let filled = closed();
    let other = closed();
    for name in ["IDENTITY", "journal/DURABLE"] {
        let file = Path::new(DIR).join(name);
        let files = other.fs.files();
        let foreign = &files.iter().find(|(path, _)| *path == file).unwrap().1;
        for wrong in [foreign.clone(), foreign[..30].to_vec()] {
            let image = filled.fs.with_file(&file, wrong);
            let report = check(&image);
            assert!(!report.is_sound() && !report.opens(), "{name}: {report:?}");
            let text = sentences(&image);
            assert!(text.contains("Opening is refused"), "{text}");
            assert!(matches!(open_in(&image, DIR), Err(Error::Corrupt { .. })));
        }
    }
    // A database that has lost its journal is one.
    for left in ["", "snapshots"] {
        let fs = SimFs::new();
        open_in(&fs, DIR).unwrap().close();
        fs.rename(&Path::new(DIR).join("journal"), Path::new("/data/moved"))
            .unwrap();
        if !left.is_empty() {
            fs.create_dir(&Path::new(DIR).join(left)).unwrap();
        }
        let verified = verify(&fs, Path::new(DIR), &mut |_| {});
        assert!(matches!(verified, Err(Error::Lost { .. })), "{verified:?}");
        assert!(sentences(&fs).contains("lost its journal"));
    }
}

#[test]
fn what_is_no_database_is_told_so_and_left_alone() {
    let fs = SimFs::new();
    assert!(matches!(
        verify(&fs, Path::new(DIR), &mut |_| {}),
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        verify(&fs, Path::new("/data"), &mut |_| {}),
        Err(Error::NotFound { .. })
    ));
    assert!(sentences(&fs).contains("no database"));
    assert_eq!(fs.changes(), 0);
    // An empty database is one.
    open_in(&fs, DIR).unwrap().close();
    let report = check(&fs);
    assert!(report.is_sound());
    assert_eq!(report.blocks, 0);
}

#[test]
fn salvage_never_writes_into_what_is_there() {
    let filled = filled();
    open_in(&filled.fs, NEW).unwrap().close();
    let before = filled.fs.files();
    assert!(matches!(rescue(&filled.fs), Err(Error::Invalid { .. })));
    assert_eq!(filled.fs.files(), before);
}

#[test]
fn a_salvage_that_was_cut_short_is_no_database() {
    let filled = filled();
    let image = filled.flipped(1, 2_000);
    let began = image.changes();
    rescue(&image).unwrap();
    for point in began..image.changes() {
        for fate in [Crash::Kept, Crash::Dropped, Crash::Random(point as u64)] {
            let crashed = image.crash(point, fate);
            let verified = verify(&crashed, Path::new(NEW), &mut |_| {});
            match verified {
                Err(Error::NotFound { .. }) => {}
                // Its name came last: then all of it is there.
                other => assert!(other.unwrap().is_sound(), "{point} {fate:?}"),
            }
            assert_eq!(segments(&crashed), segments(&image));
        }
    }
}

#[test]
fn points_are_salvaged_too() {
    let filled = filled();
    let image = filled.flipped(2, 1_000);
    rescue(&image).unwrap();
    let db = open_in(&image, NEW).unwrap();
    assert!(!points(&db, "s", None).unwrap().points.is_empty());
}
