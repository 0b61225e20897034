//! The end of a journal that is missing: what was durable when a database was closed, or
//! when it first acknowledged a write, is never taken for a tail that a crash has torn.

use std::path::{Path, PathBuf};
use std::time::Instant;

use formdb_engine::{Error, Limits};

use super::disk::{Image, SimFs};
use super::support::journal::is_segment;
use super::workload::{DIR, Run, Workload, limits, open_with};
use super::{in_parallel, report, seeds};

fn mark() -> PathBuf {
    Path::new(DIR).join("journal/DURABLE")
}

/// The last segment of the journal, with its bytes.
fn last_segment(image: &Image) -> (PathBuf, Vec<u8>) {
    let files = image.files().into_iter();
    let mut segments = files.filter(|(path, _)| is_segment(path));
    segments.next_back().unwrap()
}

/// Open an image, which is refused for this file, and left as it is.
fn refused(image: &Image, limits: &Limits, file: &Path) -> Result<(), String> {
    let fs = SimFs::of(image.clone());
    match open_with(&fs, limits.clone()) {
        Err(Error::Corrupt { path, .. }) if path == file => {}
        Err(other) => return Err(format!("refused for another reason: {other}")),
        Ok(db) => {
            let (seq, cut) = (db.info().unwrap().seq, db.recovered().bytes_cut);
            return Err(format!("it opens with {seq} blocks, {cut} bytes cut"));
        }
    }
    match fs.now() == *image {
        true => Ok(()),
        false => Err("something was changed".into()),
    }
}

#[test]
fn what_is_cut_from_a_journal_that_was_closed_is_missed() {
    let began = Instant::now();
    let (mut databases, mut cuts) = (0, 0);
    for seed in seeds(3) {
        // Small ones, which take no snapshot on closing, of one segment and of more.
        for transactions in [1, 3, 24] {
            let workload = Workload::synced(seed, transactions);
            let run = Run::with_limits(&workload, SimFs::new(), 0, transactions, limits());
            let image = run.unwrap().fs.now();
            let (path, bytes) = last_segment(&image);
            // As far as its header: what is cut off that was refused at any time.
            let lengths: Vec<usize> = (128..bytes.len()).collect();
            cuts += in_parallel(&lengths, |len| {
                let cut = image.with_file(&path, bytes[..*len].to_vec());
                let checked = refused(&cut, &limits(), &path);
                checked.unwrap_or_else(|e| {
                    panic!("seed {seed} (FORMDB_SEED), {transactions}, cut to {len}: {e}")
                });
                1
            });
            // Where the mark went too nothing tells what is missing.
            let unmarked = image.without_file(&mark());
            let cut = unmarked.with_file(&path, bytes[..128].to_vec());
            let db = open_with(&SimFs::of(cut), limits()).unwrap();
            assert!(db.info().unwrap().seq < workload.models[transactions].seq);
            databases += 1;
        }
    }
    let figures = [("databases", databases), ("cuts, each refused", cuts)];
    report("journals cut after a close", began, &figures);
}

#[test]
fn a_database_that_acknowledged_a_write_does_not_open_empty() {
    for seed in seeds(4) {
        let workload = Workload::synced(seed, 1);
        let run = Run::with_limits(&workload, SimFs::new(), 0, 1, limits()).unwrap();
        // Killed at any time after the answer, before it was closed.
        let points = run.crash_points();
        let acked = points.iter().filter(|point| run.promised(point.number) > 0);
        let mut tried = 0;
        for point in acked {
            let images = point.images(8, seed).into_iter().map(|(_, image)| image);
            for image in images.chain([point.killed().now()]) {
                let (path, bytes) = last_segment(&image);
                let cut = image.with_file(&path, bytes[..128].to_vec());
                let checked = refused(&cut, &limits(), &path);
                checked.unwrap_or_else(|e| {
                    panic!(
                        "seed {seed} (FORMDB_SEED), after change {}: {e}",
                        point.number
                    )
                });
                tried += 1;
            }
        }
        assert!(tried > 0, "seed {seed}");
    }
}

#[test]
fn the_end_of_another_history_is_not_taken_for_this_one() {
    for seed in seeds(4) {
        let workload = Workload::synced(seed, 6);
        let limits = Limits {
            segment_bytes: 1 << 20,
            ..limits()
        };
        let run = Run::with_limits(&workload, SimFs::new(), 0, 6, limits.clone()).unwrap();
        let image = run.fs.now();
        // The same database as it went on from a copy: the same writes at other times.
        let points = run.crash_points();
        let copy = points.iter().find(|point| run.promised(point.number) >= 2);
        let copy = copy.unwrap().killed();
        let other = Run::with_limits(&workload, copy, 2, 6, limits.clone()).unwrap();
        let (path, bytes) = last_segment(&other.fs.now());
        let mixed = image.with_file(&path, bytes);
        refused(&mixed, &limits, &path).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

#[test]
fn a_damaged_mark_is_an_error_and_says_what_to_do() {
    let workload = Workload::synced(1, 2);
    let run = Run::with_limits(&workload, SimFs::new(), 0, 2, limits()).unwrap();
    let image = run.fs.now();
    let file = mark();
    let bytes = image
        .files()
        .into_iter()
        .find(|(path, _)| *path == file)
        .unwrap()
        .1;
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        refused(&image.with_file(&file, damaged), &limits(), &file).unwrap();
    }
    refused(
        &image.with_file(&file, bytes[..40].to_vec()),
        &limits(),
        &file,
    )
    .unwrap();
    let fs = SimFs::of(image.with_file(&file, Vec::new()));
    let error = open_with(&fs, limits()).unwrap_err().to_string();
    assert!(error.contains("remove it"), "{error}");
    // That of another database is none of this one.
    let other = Run::with_limits(&workload, SimFs::new(), 0, 2, limits()).unwrap();
    let (path, _) = last_segment(&image);
    let foreign = other.fs.now().files();
    let foreign = foreign.into_iter().find(|(path, _)| *path == file).unwrap();
    refused(&image.with_file(&file, foreign.1), &limits(), &path).unwrap();
    // Without it, as in a database of an earlier build, all that is there opens, and the
    // next close writes one.
    let fs = SimFs::of(image.without_file(&file));
    let db = open_with(&fs, limits()).unwrap();
    assert_eq!(run.identify(&db).unwrap(), 2);
    db.close();
    assert!(fs.now().files().iter().any(|(path, _)| *path == file));
}
