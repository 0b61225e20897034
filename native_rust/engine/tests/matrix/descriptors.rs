//! A process that may open few files.

use std::time::Instant;

use formdb_engine::Limits;

use super::ask::{compare, text};
use super::disk::SimFs;
use super::report;
use super::workload::{Run, Workload, limits, open_with};

const TRANSACTIONS: usize = 120;

/// Nothing stays in memory, so that everything is read; `most` sealed segments are open.
fn few(most: usize) -> Limits {
    Limits {
        open_files: most,
        body_cache_bytes: 0,
        ..limits()
    }
}

#[test]
fn a_journal_of_many_segments_needs_few_descriptors() {
    let began = Instant::now();
    let workload = Workload::synced(2, TRANSACTIONS);
    let run = Run::with_limits(&workload, SimFs::new(), 0, TRANSACTIONS, few(3)).unwrap();
    let fs = SimFs::of(run.fs.now());
    // The lock, the segment being written, three sealed ones, and one in use.
    fs.limit_descriptors(Some(6));
    let db = open_with(&fs, few(3)).unwrap();
    let segments = db.info().unwrap().segments;
    assert!(segments > 12, "{segments} segments");
    compare(&db, &workload.models[TRANSACTIONS]).unwrap();
    assert!(fs.descriptors() <= 5);
    db.close();
    report(
        "few descriptors",
        began,
        &[("segments", usize::try_from(segments).unwrap())],
    );
}

#[test]
fn without_a_descriptor_left_writes_go_on_and_reads_fail_alone() {
    let began = Instant::now();
    let workload = Workload::synced(2, TRANSACTIONS);
    let (mut tried, mut failed) = (0, 0);
    for spare in 0..4 {
        let fs = SimFs::new();
        let db = open_with(&fs, few(2)).unwrap();
        for n in 0..TRANSACTIONS {
            // Now and then others take all descriptors that there are, or leave a few
            // beside the lock and the segment that is written.
            let scarce = n % 40 > 20;
            fs.limit_descriptors(scarce.then_some(2 + spare));
            let transaction = match workload.prepare(&db, n) {
                Ok(transaction) => transaction,
                // It looks into the block that it undoes.
                Err(error) if error.to_string().contains("ulimit -n") => {
                    fs.limit_descriptors(None);
                    workload.prepare(&db, n).unwrap()
                }
                Err(error) => panic!("transaction {n}: {error}"),
            };
            db.write_transaction(transaction).unwrap();
            tried += 1;
            if let Err(error) = compare(&db, &workload.models[n + 1]) {
                assert!(scarce && error.contains("ulimit -n"), "{n}: {error}");
                failed += 1;
            }
            assert_eq!(db.info().unwrap().poisoned, None, "transaction {n}");
        }
        fs.limit_descriptors(None);
        compare(&db, &workload.models[TRANSACTIONS]).unwrap();
        let segments = db.info().unwrap().segments;
        assert!(segments > 4, "{segments} segments");
        db.close();
        assert_eq!(fs.descriptors(), 0);
        let db = open_with(&SimFs::of(fs.now()), few(2))
            .map_err(text)
            .unwrap();
        compare(&db, &workload.models[TRANSACTIONS]).unwrap();
        db.close();
    }
    assert!(failed > 0, "there were always enough");
    let figures = [("writes", tried), ("reads that failed", failed)];
    report("no descriptors", began, &figures);
}
