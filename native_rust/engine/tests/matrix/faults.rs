//! Operations of the file system that fail, and what a kernel may make of a
//! failed sync.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use formdb_engine::{Database, Durability, Error, IdempotencyKey, Limits, Reply};

use super::ask::{compare, prepare, text};
use super::disk::{EINTR, EIO, ENOSPC, Fault, Pages, SimFs};
use super::generate::transaction;
use super::image::crash_points;
use super::model::Model;
use super::support::journal::is_segment;
use super::workload::{Depth, Run, Workload, limits, limits_of_one, open, open_with};
use super::{in_parallel, report, seeds};

const TRANSACTIONS: usize = 10;

/// What a workload came to on a disk with a fault.
#[derive(Default)]
struct Outcome {
    acked: usize,
    /// Those that must survive the loss of power.
    durable: usize,
    failure: Option<Error>,
}

/// Open, write one transaction after the other, and close. Checks that after a
/// failed write no other is taken while reads go on.
fn attempt(fs: &SimFs, workload: &Workload) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    let db = match open(fs) {
        Ok(db) => db,
        Err(error) => {
            outcome.failure = Some(error);
            return Ok(outcome);
        }
    };
    for n in 0..TRANSACTIONS {
        let transaction = workload.prepare(&db, n).map_err(text)?;
        match db.write_transaction(transaction) {
            Ok(_) => outcome.acked += 1,
            Err(error) => {
                outcome.failure = Some(error);
                break;
            }
        }
        if workload.levels[n] == Durability::Sync {
            outcome.durable = outcome.acked;
        }
        workload.compare(&db, outcome.acked)?;
    }
    if outcome.failure.is_some() {
        for n in 0..3 {
            let changes = transaction(workload.seed, n, &Model::default());
            let another = prepare(&db, &changes).map_err(text)?;
            match db.write_transaction(another) {
                Err(Error::Poisoned { .. }) => {}
                Err(other) => return Err(format!("not poisoned: {other}")),
                Ok(_) => return Err("a write after a failed one was taken".into()),
            }
            match compare(&db, &workload.models[outcome.acked]) {
                // A weak write whose page the kernel dropped is gone, and said to be.
                Err(e) if outcome.acked > outcome.durable && e.starts_with("cannot read") => {}
                compared => compared?,
            }
        }
    }
    let poisoned = db.info().map_err(text)?.poisoned;
    let failure = &outcome.failure;
    if poisoned.is_some() != failure.is_some() {
        return Err(format!("failure {failure:?}, poisoned {poisoned:?}"));
    }
    db.close();
    Ok(outcome)
}

/// Check the images a crash leaves once a workload has ended: what was durable is
/// there, at most what was acknowledged and the one more that failed. Returns the
/// number of images.
fn crash_after(fs: &SimFs, workload: &Arc<Workload>, outcome: &Outcome) -> Result<usize, String> {
    let &Outcome { acked, durable, .. } = outcome;
    let (before, log) = fs.history();
    let points = crash_points(before, &log);
    let last = &points[points.len() - 1];
    let mut images = 0;
    for (fates, image) in last.images(12, workload.seed) {
        let check = || {
            let db = open(&SimFs::of(image)).map_err(text)?;
            let found = workload.transactions_in(db.info().map_err(text)?.seq)?;
            if !(durable..=acked + 1).contains(&found) {
                return Err(format!("{durable} durable, {acked} acked, {found} found"));
            }
            workload.compare(&db, found)?;
            db.close();
            Ok(())
        };
        check().map_err(|e| format!("{fates:?}: {e}"))?;
        images += 1;
    }
    // The process ends, another one goes on, and then the power fails.
    let until = acked + 4;
    let run = Run::new(workload, last.killed(), durable, until)?;
    for point in run.crash_points() {
        for (fates, image) in point.images(4, workload.seed) {
            let promised = run.promised(point.number);
            run.check(&SimFs::of(image), promised, Depth::Shallow)
                .map_err(|e| format!("gone on, after change {}, {fates:?}: {e}", point.number))?;
            images += 1;
        }
    }
    Ok(images)
}

#[test]
fn after_a_failed_change_writes_are_refused_reads_go_on_and_nothing_acked_is_lost() {
    let began = Instant::now();
    let (mut faults, mut images) = (0, 0);
    for seed in seeds(3) {
        let workload = Workload::new(seed, TRANSACTIONS + 5);
        let calm = SimFs::new();
        attempt(&calm, &workload).unwrap();
        let mut all = Vec::new();
        for at in 0..calm.tried().0 {
            for (errno, partial) in [(EIO, false), (ENOSPC, false), (ENOSPC, true), (EINTR, true)] {
                all.extend([false, true].map(|for_ever| Fault::Change {
                    at,
                    for_ever,
                    errno,
                    partial,
                }));
            }
        }
        images += in_parallel(&all, |fault| {
            let fs = SimFs::new();
            fs.inject(*fault);
            let tried = attempt(&fs, &workload).and_then(|outcome| {
                if fs.failed() == 0 {
                    return Err("nothing failed".into());
                }
                match outcome.failure.as_ref().map(Error::code) {
                    // None: closing failed, and there is nobody to tell.
                    Some("io_error") | None => crash_after(&fs, &workload, &outcome),
                    other => Err(format!("failed with {other:?}")),
                }
            });
            tried.unwrap_or_else(|e| panic!("seed {seed} (FORMDB_SEED), {fault:?}: {e}"))
        });
        faults += all.len();
    }
    let figures = [("faults", faults), ("disk images behind them", images)];
    report("failed changes", began, &figures);
}

#[test]
fn whatever_a_failed_sync_did_to_its_pages_nothing_acked_or_seen_is_lost() {
    let began = Instant::now();
    let (mut faults, mut images) = (0, 0);
    for seed in seeds(6) {
        let workload = Workload::new(seed, TRANSACTIONS + 5);
        let calm = SimFs::new();
        attempt(&calm, &workload).unwrap();
        let pages = [Pages::Kept, Pages::Lost, Pages::Reverted];
        let syncs = 0..calm.tried().2;
        let all: Vec<Fault> = syncs
            .flat_map(|at| pages.map(|pages| Fault::Sync { at, pages }))
            .collect();
        images += in_parallel(&all, |fault| {
            let fs = SimFs::new();
            fs.inject(*fault);
            let tried = attempt(&fs, &workload).and_then(|outcome| {
                match outcome.failure.as_ref().map(Error::code) {
                    Some("io_error") | None => crash_after(&fs, &workload, &outcome),
                    other => Err(format!("failed with {other:?}")),
                }
            });
            tried.unwrap_or_else(|e| panic!("seed {seed} (FORMDB_SEED), {fault:?}: {e}"))
        });
        faults += all.len();
    }
    let figures = [
        ("failed syncs", faults),
        ("disk images behind them", images),
    ];
    report("failed syncs", began, &figures);
}

/// Queue all of a workload at once, in an order in which some are made while others are
/// under way, and wait for the answers. Checks that from the first that failed on all did, and
/// that what is seen is what was acknowledged.
fn attempt_at_once(fs: &SimFs, workload: &Workload) -> Result<usize, String> {
    let Ok(db) = open_with(fs, limits_of_one()) else {
        return Ok(0);
    };
    fs.slow_down(Duration::from_micros(300));
    let (sender, receiver) = mpsc::channel();
    let mut sent = 0;
    for n in 0..workload.transactions.len() {
        while db.info().map_err(text)?.queued >= 4 {
            std::thread::sleep(Duration::from_micros(20));
        }
        let sender = sender.clone();
        let reply = Reply::new(move |answer| drop(sender.send(answer)));
        match db.submit(workload.prepare(&db, n).map_err(text)?, reply) {
            Ok(()) => sent += 1,
            Err(Error::Poisoned { .. }) => break,
            Err(other) => return Err(text(other)),
        }
    }
    drop(sender);
    let answers: Vec<_> = receiver.iter().collect();
    if answers.len() != sent {
        return Err(format!("{sent} sent, {} answered", answers.len()));
    }
    let acked = answers.iter().take_while(|answer| answer.is_ok()).count();
    for answer in answers.get(acked..).unwrap_or_default() {
        match answer {
            Err(Error::Unsettled { .. } | Error::Poisoned { .. }) => {}
            other => return Err(format!("after one that failed: {other:?}")),
        }
    }
    fs.slow_down(Duration::ZERO);
    workload.compare(&db, acked)?;
    db.close();
    Ok(acked)
}

#[test]
fn where_a_group_fails_while_the_next_one_is_made_both_do() {
    let began = Instant::now();
    let (mut faults, mut images, mut failed) = (0, 0, 0);
    for seed in seeds(3) {
        let workload = Workload::queued(seed, vec![Durability::Sync; 24]);
        let calm = SimFs::new();
        assert_eq!(attempt_at_once(&calm, &workload), Ok(24));
        let pages = [Pages::Kept, Pages::Lost, Pages::Reverted];
        let syncs = (0..calm.tried().2).flat_map(|at| pages.map(|pages| Fault::Sync { at, pages }));
        let changes = (0..calm.tried().0).map(|at| Fault::Change {
            at,
            for_ever: false,
            errno: EIO,
            partial: true,
        });
        for fault in syncs.chain(changes) {
            let fs = SimFs::new();
            fs.inject(fault);
            let check = || {
                let acked = attempt_at_once(&fs, &workload)?;
                let (before, log) = fs.history();
                let points = crash_points(before, &log);
                let last = &points[points.len() - 1];
                for (fates, image) in last.images(6, seed) {
                    let db = open(&SimFs::of(image)).map_err(text)?;
                    let found = workload.transactions_in(db.info().map_err(text)?.seq)?;
                    if found < acked {
                        return Err(format!("{fates:?}: {acked} acked, {found} found"));
                    }
                    workload.compare(&db, found)?;
                    db.close();
                    images += 1;
                }
                Ok(acked)
            };
            let mut check = check;
            let acked =
                check().unwrap_or_else(|e| panic!("seed {seed} (FORMDB_SEED), {fault:?}: {e}"));
            faults += 1;
            failed += usize::from(acked < 24);
        }
    }
    let figures = [
        ("faults", faults),
        ("with which writes failed", failed),
        ("disk images behind them", images),
    ];
    report("failures of groups under way", began, &figures);
}

#[test]
fn a_failed_read_is_an_error_of_that_read_alone() {
    let began = Instant::now();
    // Nothing stays in memory, so that every document is read; and no segment is begun,
    // for which the one before it is opened.
    let limits = Limits {
        body_cache_bytes: 0,
        segment_bytes: 1 << 20,
        ..limits()
    };
    let open = |fs: &SimFs| open_with(fs, limits.clone());
    let (mut faults, mut errors) = (0, 0);
    for seed in seeds(1) {
        let workload = Workload::new(seed, TRANSACTIONS + 1);
        let run = Run::new(&workload, SimFs::new(), 0, TRANSACTIONS).unwrap();
        let image = run.fs.now();
        let model = &workload.models[TRANSACTIONS];
        let calm = SimFs::of(image.clone());
        compare(&open(&calm).unwrap(), model).unwrap();
        let all: Vec<(usize, bool)> = (0..calm.tried().1)
            .flat_map(|at| [(at, false), (at, true)])
            .collect();
        errors += in_parallel(&all, |(at, for_ever)| {
            let fs = SimFs::of(image.clone());
            fs.inject(Fault::Read {
                at: *at,
                for_ever: *for_ever,
                errno: EIO,
            });
            let tried = || {
                let db = match open(&fs) {
                    Ok(db) => db,
                    Err(Error::Io { .. }) => return Ok(1),
                    Err(other) => return Err(format!("refused with {other}")),
                };
                let answered = compare(&db, model);
                let ignored = !db.recovered().snapshots_ignored.is_empty();
                match &answered {
                    // It was the reading of snapshots that failed, on opening.
                    Ok(()) if ignored => return Ok(0),
                    // What failed once was read again, or from the blocks where it was in
                    // a footer: the answers are right.
                    Ok(()) if !for_ever => {}
                    Err(e) if e.starts_with("cannot read") => {}
                    _ => return Err(format!("answered {answered:?}")),
                }
                if !for_ever {
                    compare(&db, model)?;
                }
                let more = prepare(&db, &workload.transactions[TRANSACTIONS]).map_err(text)?;
                db.write(more.operations).map_err(text)?;
                db.close();
                Ok(usize::from(answered.is_err()))
            };
            tried().unwrap_or_else(|e: String| panic!("seed {seed} (FORMDB_SEED), read {at}: {e}"))
        });
        faults += all.len();
    }
    let figures = [("faults", faults), ("errors", errors)];
    report("failed reads", began, &figures);
}

#[test]
fn a_block_that_cannot_be_read_does_not_harm_a_request_that_is_sent_again() {
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    let write = |db: &Database, id: &str, key: Option<&str>, pad: usize| {
        let pad = "x".repeat(pad);
        let text = format!(
            r#"{{"type":"Feature","id":"{id}","geometry":null,"properties":{{"pad":"{pad}"}}}}"#
        );
        let mut operations = Vec::new();
        for _ in 0..1 + pad.len() % 2 * 1_000 {
            operations.extend(db.prepare_features(text.as_bytes())?.operations);
        }
        db.write_transaction(formdb_engine::Transaction {
            operations,
            key: key.map(|key| IdempotencyKey::new(key, &[])),
            ..formdb_engine::Transaction::default()
        })
    };
    let first = write(&db, "damaged", Some("a key"), 0).unwrap();
    for n in 0..10 {
        write(&db, &n.to_string(), None, 1_000).unwrap();
    }
    // Enough blocks for a snapshot, so that the first segment is not read again.
    write(&db, "many", None, 1).unwrap();
    db.close();
    let image = fs.now();
    let of_the_first = |(path, bytes): &(PathBuf, Vec<u8>)| {
        let at = bytes.windows(7).position(|window| window == b"damaged");
        at.filter(|_| is_segment(path))
            .map(|at| (path.clone(), bytes.clone(), at))
    };
    let (path, mut bytes, at) = image.files().iter().find_map(of_the_first).unwrap();
    bytes[at] ^= 1;
    let db = open(&SimFs::of(image.with_file(&path, bytes))).unwrap();
    assert!(matches!(
        db.feature("damaged", None),
        Err(Error::Corrupt { .. })
    ));
    let again = write(&db, "damaged", Some("a key"), 0).unwrap();
    assert!(again.replayed);
    assert_eq!((again.hash, again.first_seq), (first.hash, first.first_seq));
    assert_eq!(db.info().unwrap().poisoned, None);
    write(&db, "more", None, 0).unwrap();
    db.close();
}

#[test]
fn a_database_is_open_once() {
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    assert!(matches!(open(&fs), Err(Error::Locked { .. })));
    db.close();
    assert!(open(&fs).is_ok());
    let transaction = prepare(&db, &transaction(1, 0, &Model::default())).unwrap();
    assert!(matches!(
        db.write(transaction.operations),
        Err(Error::Closed)
    ));
    assert!(matches!(db.info(), Err(Error::Closed)));
}
