//! Index snapshots: damaged, stale, foreign or unfinished, they cost time and nothing
//! else.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use formdb_engine::{Durability, Error, Limits, Transaction};
use serde_json::json;

use super::ask::{compare, compare_as_of, prepare, same, text};
use super::disk::{EIO, ENOSPC, Fault, Image, SimFs};
use super::image::crash_points;
use super::model::Change;
use super::support::journal::is_segment;
use super::workload::{Run, Workload, limits_with_snapshots, open, open_with};
use super::{in_parallel, mixed, random, report, seeds};

const TRANSACTIONS: usize = 24;

/// A closed database and its newest snapshot.
struct Closed {
    run: Run,
    image: Image,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Closed {
    fn new(seed: u64) -> Self {
        let workload = Workload::synced(seed, TRANSACTIONS);
        // Closing gives up a snapshot that is being written, so some have none.
        let closed = (0..20).find_map(|_| {
            let limits = limits_with_snapshots();
            let run = Run::with_limits(&workload, SimFs::new(), 0, TRANSACTIONS, limits).unwrap();
            let image = run.fs.now();
            let is_snapshot = |path: &PathBuf| path.extension().is_some_and(|e| e == "snapshot");
            let files = image.files().into_iter();
            let mut snapshots = files.filter(|(path, _)| is_snapshot(path));
            let (path, bytes) = snapshots.next()?;
            // An older one that was not removed yet would step in for it.
            snapshots.next().is_none().then_some(())?;
            Some((run, image, path, bytes))
        });
        let (run, image, path, bytes) = closed.unwrap();
        Self {
            run,
            image,
            path,
            bytes,
        }
    }

    /// Open an image of it whose journal is whole. Returns whether a snapshot was used.
    fn open(&self, image: Image) -> Result<bool, String> {
        let db = open(&SimFs::of(image)).map_err(text)?;
        self.run.workload.compare(&db, TRANSACTIONS)?;
        let recovered = db.recovered();
        let used = recovered.snapshot.is_some();
        let said = !recovered.snapshots_ignored.is_empty();
        db.close();
        match used || said {
            true => Ok(used),
            false => Err("a snapshot was ignored and nothing said".into()),
        }
    }
}

#[test]
fn an_index_from_a_snapshot_answers_as_one_from_the_journal() {
    let began = Instant::now();
    let (mut opened, mut used) = (0, 0);
    for seed in seeds(16) {
        let closed = Closed::new(seed);
        for image in [
            closed.image.clone(),
            closed.image.without_file(&closed.path),
        ] {
            let db = open(&SimFs::of(image)).unwrap();
            let models = &closed.run.workload.models;
            let check = || {
                compare(&db, &models[TRANSACTIONS])?;
                models
                    .iter()
                    .try_for_each(|model| compare_as_of(&db, model, Some(model.seq)))
            };
            check().unwrap_or_else(|e| panic!("seed {seed}, {:?}: {e}", db.recovered()));
            opened += 1;
            used += usize::from(db.recovered().snapshot.is_some());
            db.close();
        }
    }
    assert_eq!(used * 2, opened, "one of two has a snapshot");
    let figures = [
        ("databases opened", opened),
        ("of them with a snapshot", used),
        ("states of the past compared", opened * (TRANSACTIONS + 1)),
    ];
    report("snapshots", began, &figures);
}

#[test]
fn a_damaged_snapshot_is_ignored_and_said_to_be() {
    let began = Instant::now();
    let (mut flips, mut cuts) = (0, 0);
    for seed in seeds(2) {
        let closed = Closed::new(seed);
        let places: Vec<usize> = (0..closed.bytes.len()).collect();
        let check = |what: &str, at: usize, bytes: Vec<u8>| {
            let image = closed.image.with_file(&closed.path, bytes);
            match closed.open(image) {
                Ok(false) => {}
                Ok(true) => panic!("seed {seed} (FORMDB_SEED), {what} {at} went unnoticed"),
                Err(e) => panic!("seed {seed} (FORMDB_SEED), {what} {at}: {e}"),
            }
            1
        };
        flips += in_parallel(&places, |at| {
            let mut damaged = closed.bytes.clone();
            damaged[*at] ^= 1 << (mixed(seed, *at as u64) % 8);
            check("flip of byte", *at, damaged)
        });
        cuts += in_parallel(&places, |len| {
            check("cut to byte", *len, closed.bytes[..*len].to_vec())
        });
        let longer = [&closed.bytes[..], b"and more"].concat();
        cuts += check("more behind byte", closed.bytes.len(), longer);
    }
    let figures = [("bytes flipped", flips), ("truncations", cuts)];
    report("damaged snapshots", began, &figures);
}

#[test]
fn a_stale_or_foreign_snapshot_is_used_as_far_as_it_fits() {
    let began = Instant::now();
    let mut cases = 0;
    for seed in seeds(8) {
        let (closed, other) = (Closed::new(seed), Closed::new(seed));
        // One of another database, of the same blocks but for their times.
        let foreign = closed.image.with_file(&closed.path, other.bytes.clone());
        assert_eq!(closed.open(foreign), Ok(false), "seed {seed}: foreign");
        // A damaged one beside the newest: older, and as of a block there is not.
        for name in [
            "00000000000000000001.snapshot",
            "00000000000000099999.snapshot",
        ] {
            let image = closed
                .image
                .with_file(&closed.path.with_file_name(name), vec![7; 300]);
            assert_eq!(closed.open(image), Ok(true), "seed {seed}: {name}");
        }
        // One under the name of another, and one that was not finished.
        let renamed = closed.path.with_file_name("00000000000000000002.snapshot");
        let image = closed.image.without_file(&closed.path);
        let image = image.with_file(&renamed, closed.bytes.clone());
        assert_eq!(closed.open(image), Ok(false), "seed {seed}: renamed");
        let unfinished = closed.path.with_file_name("snapshot.tmp");
        let half = closed.bytes[..closed.bytes.len() / 2].to_vec();
        let image = closed.image.with_file(&unfinished, half);
        assert_eq!(closed.open(image), Ok(true), "seed {seed}: unfinished");
        cases += 6;
    }
    report("stale and foreign snapshots", began, &[("cases", cases)]);
}

/// What a snapshot is about was durable: a journal that ends before is damaged.
#[test]
fn a_journal_that_lost_what_a_snapshot_holds_is_refused() {
    let began = Instant::now();
    let (mut cuts, mut refused) = (0, 0);
    for seed in seeds(4) {
        let closed = Closed::new(seed);
        let covered = {
            let db = open(&SimFs::of(closed.image.clone())).unwrap();
            let seq = db.recovered().snapshot.unwrap().seq;
            db.close();
            closed.run.workload.transactions_in(seq).unwrap()
        };
        let mut files = closed.image.files().into_iter();
        let (path, bytes) = files.rfind(|(path, _)| is_segment(path)).unwrap();
        let mut state = mixed(seed, 5);
        for _ in 0..60 {
            let len = random(&mut state) as usize % bytes.len();
            let image = closed.image.with_file(&path, bytes[..len].to_vec());
            match open(&SimFs::of(image)) {
                Ok(db) => {
                    let found = closed.run.identify(&db).unwrap();
                    assert!(
                        found >= covered,
                        "seed {seed}, cut at {len}: {found} of {covered}"
                    );
                    closed.run.workload.compare(&db, found).unwrap();
                }
                Err(Error::Corrupt { .. }) => refused += 1,
                Err(other) => panic!("seed {seed}, cut at {len}: {other}"),
            }
            cuts += 1;
        }
    }
    let figures = [("truncations", cuts), ("refused", refused)];
    report("journals cut before their snapshot", began, &figures);
}

#[test]
fn a_snapshot_that_cannot_be_written_does_no_harm() {
    let began = Instant::now();
    let mut faults = 0;
    for seed in seeds(2) {
        let workload = Workload::synced(seed, TRANSACTIONS);
        let calm = SimFs::new();
        let attempt = |fs: &SimFs| -> Result<usize, String> {
            let db = open_with(fs, limits_with_snapshots()).map_err(text)?;
            let mut acked = 0;
            for (n, changes) in workload.transactions.iter().enumerate() {
                let Ok(transaction) = prepare(&db, changes) else {
                    break;
                };
                if db.write_transaction(transaction).is_ok() {
                    same("acknowledged", acked, n)?;
                    acked += 1;
                }
            }
            workload.compare(&db, acked)?;
            db.close();
            Ok(acked)
        };
        attempt(&calm).unwrap();
        let cases: Vec<(usize, i32, bool)> = (0..calm.tried().0)
            .flat_map(|at| [(at, EIO, false), (at, ENOSPC, true)])
            .collect();
        faults += in_parallel(&cases, |(at, errno, for_ever)| {
            let fs = SimFs::new();
            fs.inject(Fault::Change {
                at: *at,
                for_ever: *for_ever,
                errno: *errno,
                partial: true,
            });
            // Opening may fail too, and then nothing was acknowledged.
            let Ok(acked) = attempt(&fs) else {
                return 1;
            };
            let image = SimFs::of(fs.now());
            let again = || {
                let db = open(&image).map_err(text)?;
                let found = workload.transactions_in(db.info().map_err(text)?.seq)?;
                if found < acked {
                    return Err(format!("{acked} acknowledged, {found} found"));
                }
                workload.compare(&db, found)?;
                db.close();
                Ok(())
            };
            again().unwrap_or_else(|e: String| panic!("seed {seed}, change {at}: {e}"));
            1
        });
    }
    report(
        "failures while snapshots are written",
        began,
        &[("faults", faults)],
    );
}

/// Weak writes, which nothing but the snapshot makes durable.
#[test]
fn a_snapshot_holds_nothing_that_a_crash_takes_back() {
    let began = Instant::now();
    let fs = SimFs::new();
    let limits = Limits {
        segment_bytes: 1 << 20,
        ..limits_with_snapshots()
    };
    let db = open_with(&fs, limits).unwrap();
    let has_snapshot = || {
        let files = fs.now().files();
        files
            .iter()
            .any(|(path, _)| path.extension().is_some_and(|e| e == "snapshot"))
    };
    let mut written = 0;
    while !has_snapshot() {
        assert!(began.elapsed() < Duration::from_secs(30), "no snapshot");
        let feature = json!({"type": "Feature", "id": format!("f{written}"), "geometry": null,
            "properties": {"pad": "x".repeat(300)}});
        let prepared = prepare(&db, &[Change::Put(feature)]).unwrap();
        db.write_transaction(Transaction {
            durability: Durability::None,
            ..prepared
        })
        .unwrap();
        written += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    // Before closing makes all of it durable.
    let (before, log) = fs.history();
    let images = in_parallel(&crash_points(before, &log), |point| {
        let images = point.images(12, 1);
        for (fates, image) in &images {
            let what = format!("after change {}, {fates:?}", point.number);
            let db = open(&SimFs::of(image.clone())).unwrap_or_else(|e| panic!("{what}: {e}"));
            let info = db.info().unwrap();
            assert_eq!(info.seq, info.features, "{what}");
            db.close();
        }
        images.len()
    });
    db.close();
    let figures = [("weak writes", written), ("disk images", images)];
    report("snapshots of weak writes", began, &figures);
}
