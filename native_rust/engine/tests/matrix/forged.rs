//! Blocks that an index snapshot spares reading, with checksums made to fit what was
//! never committed: only the Merkle tree tells.
//!
//! A forged block costs the requests that read it, and nothing else. A segment of
//! another history of the same database is not opened.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use formdb_engine::fs::FileSystem;
use formdb_engine::{
    Cancel, Database, Durability, Error, InclusionProof, Limits, Transaction, to_hex,
};
use serde_json::json;

use super::ask::prepare;
use super::damage::{blocks, reseal};
use super::disk::{Image, Op, SimFs};
use super::image::{Fate, crash_points};
use super::model::Change;
use super::support::journal::{groups, is_segment};
use super::workload::{DIR, Run, Workload, limits_with_snapshots, open, open_with};
use super::{in_parallel, random, report, seeds};

const TRANSACTIONS: usize = 60;

/// What a reader may be told of one block.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    block: Vec<u8>,
    proof: InclusionProof,
}

/// A database with a snapshot, closed, and what it says about each block.
struct Closed {
    run: Run,
    image: Image,
    /// Segments with their bytes, in order.
    segments: Vec<(PathBuf, Vec<u8>)>,
    told: Vec<Told>,
}

impl Closed {
    fn new(seed: u64) -> Self {
        let workload = Workload::synced(seed, TRANSACTIONS);
        Self::of(|| {
            Run::with_limits(
                &workload,
                SimFs::new(),
                0,
                TRANSACTIONS,
                limits_with_snapshots(),
            )
        })
    }

    fn of(run: impl Fn() -> Result<Run, String>) -> Self {
        // Closing gives up a snapshot that is being written, so some have none.
        let closed = (0..20).find_map(|_| {
            let run = run().unwrap();
            let image = run.fs.now();
            let is = |extension: &str| {
                let files = image.files().into_iter();
                let is = move |path: &PathBuf| path.extension().is_some_and(|e| e == extension);
                files.filter(move |(path, _)| is(path)).collect::<Vec<_>>()
            };
            let (segments, snapshots) = (is("journal"), is("snapshot"));
            (snapshots.len() == 1 && segments.len() >= 4).then_some((run, image, segments))
        });
        let (run, image, segments) = closed.unwrap();
        let db = open(&SimFs::of(image.clone())).unwrap();
        assert!(db.recovered().snapshot.is_some());
        let told = (1..=db.seq().unwrap()).map(|seq| tell(&db, seq).unwrap());
        let told = told.collect();
        db.close();
        Self {
            run,
            image,
            segments,
            told,
        }
    }
}

fn tell(db: &Database, seq: u64) -> Result<Told, Error> {
    Ok(Told {
        block: db.block(seq)?.cbor,
        proof: db.inclusion_proof(seq, None)?,
    })
}

#[derive(Debug, Default)]
struct Tally {
    opened: usize,
    refused: usize,
    blocks_refused: usize,
}

/// Read all of a database of which the block `forged` was changed. Whatever it says
/// of any block must be what was committed; `spared` says which blocks it must still
/// give.
fn read(closed: &Closed, db: &Database, spared: impl Fn(u64) -> bool, what: &str) -> usize {
    let mut refused = 0;
    for (told, seq) in closed.told.iter().zip(1..) {
        match tell(db, seq) {
            Ok(now) => assert_eq!(now, *told, "{what}: block {seq} is another"),
            Err(Error::Corrupt { path, .. }) => {
                assert!(!spared(seq), "{what}: block {seq} of {path:?} is refused");
                assert!(closed.segments.iter().any(|(segment, _)| *segment == path));
                refused += 1;
            }
            Err(other) => panic!("{what}: block {seq}: {other}"),
        }
        let hash = told.proof.leaf_hash;
        match db.find_block(&hash, &db.budget(Cancel::default())) {
            Ok(found) => assert!(found.is_none_or(|found| found == seq), "{what}: {seq}"),
            Err(Error::Corrupt { .. }) => assert!(!spared(seq), "{what}: hash of {seq}"),
            Err(other) => panic!("{what}: {}: {other}", to_hex(&hash)),
        }
    }
    // It takes writes, and everything else goes on.
    let feature = br#"{"type":"Feature","id":"after","geometry":null,"properties":{}}"#;
    let prepared = db.prepare_features(feature).unwrap();
    db.write(prepared.operations).unwrap();
    assert!(db.feature("after", None).is_ok(), "{what}");
    refused
}

/// Give the block at place `n` of a sealed segment other bytes and checksums that fit
/// them; with `footer` its leaf hash there, too.
fn forge(segment: &mut [u8], n: usize, byte: u64, footer: bool) -> bool {
    let places = groups(segment)
        .into_iter()
        .flat_map(|group| {
            let blocks = blocks(segment, group.start).into_iter();
            blocks.map(move |(_, block)| (group.start, block))
        })
        .collect::<Vec<_>>();
    let (group, block) = places[n].clone();
    // Not in the head of the block: what cannot be decoded is found out anyway.
    let at = block.start + block.len() / 2 + byte as usize % (block.len() / 2);
    segment[at] ^= 1;
    let sealed = segment.len() >= 64 && segment[segment.len() - 64..].starts_with(b"FORMDBJF");
    let leaf = formdb_engine::leaf_hash(&segment[block]);
    reseal(segment, group);
    if footer && sealed {
        reseal_footer(segment, n, leaf);
    }
    sealed
}

/// Put a leaf hash in the page of hashes in a footer that has at most one of them.
fn reseal_footer(segment: &mut [u8], n: usize, leaf: [u8; 32]) {
    let trailer = segment.len() - 64;
    let word = |at: usize| u64::from_le_bytes(segment[at..at + 8].try_into().unwrap());
    let (first_seq, footer) = (word(trailer + 16), word(trailer + 24) as usize);
    let count = u32::from_le_bytes(segment[trailer + 32..trailer + 36].try_into().unwrap());
    let count = count as usize;
    assert!(count <= 127, "the hashes fill more than a page");
    let page = footer + 4 * count + 4;
    segment[page + 32 * n..page + 32 * (n + 1)].copy_from_slice(&leaf);
    let crc = crc32c::crc32c(&segment[16..32]);
    let crc = crc32c::crc32c_append(crc, &first_seq.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &(page as u64).to_le_bytes());
    let end = page + 32 * count;
    let crc = crc32c::crc32c_append(crc, &segment[page..end]);
    segment[end..end + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Wait until a snapshot is there.
fn await_snapshot(fs: &SimFs) {
    let began = Instant::now();
    let names = || fs.list(&Path::new(DIR).join("snapshots")).unwrap();
    while !names().iter().any(|name| name.ends_with(".snapshot")) {
        assert!(began.elapsed() < Duration::from_secs(30), "no snapshot");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The sequence that a segment begins with, from its name.
fn first_seq(path: &Path) -> Option<u64> {
    is_segment(path).then(|| path.file_stem()?.to_str()?.parse().ok())?
}

#[test]
fn a_forged_block_is_never_given_and_costs_nothing_but_itself() {
    let began = Instant::now();
    let (mut forged, mut all) = (0, Tally::default());
    for seed in seeds(3) {
        let closed = Closed::new(seed);
        let mut cases = Vec::new();
        let mut first = 1;
        for (path, content) in &closed.segments {
            let counts = groups(content).into_iter();
            let count: usize = counts.map(|group| blocks(content, group.start).len()).sum();
            for n in 0..count {
                cases.push((path, content, n, first + n as u64, false));
                cases.push((path, content, n, first + n as u64, true));
            }
            first += count as u64;
        }
        forged += cases.len();
        let tallies = std::sync::Mutex::new(Vec::new());
        in_parallel(&cases, |(path, content, n, seq, footer)| {
            let mut state = seed + seq;
            let mut bytes = content.to_vec();
            let sealed = forge(&mut bytes, *n, random(&mut state), *footer);
            let what = format!("seed {seed} (FORMDB_SEED), block {seq}, footer {footer}");
            let mut tally = Tally::default();
            match open(&SimFs::of(closed.image.with_file(path, bytes))) {
                Ok(db) => {
                    assert!(db.recovered().snapshot.is_some(), "{what}");
                    let group = |seq: u64| (seq - 1) / 16;
                    let spared = |other: u64| match footer {
                        false => other != *seq,
                        // Nothing says which of the sixteen is wrong.
                        true => group(other) != group(*seq),
                    };
                    tally.blocks_refused = read(&closed, &db, spared, &what);
                    assert!(tally.blocks_refused > 0, "{what} went unnoticed");
                    tally.opened = 1;
                    db.close();
                }
                // It lies after the snapshot, or in the segment that is written to,
                // or right before a segment whose header has the root.
                Err(Error::Corrupt { .. }) => tally.refused = 1,
                Err(other) => panic!("{what}: {other}"),
            }
            assert!(sealed || tally.refused == 1, "{what}: {tally:?}");
            tallies.lock().unwrap().push(tally);
            1
        });
        for tally in tallies.into_inner().unwrap() {
            all.opened += tally.opened;
            all.refused += tally.refused;
            all.blocks_refused += tally.blocks_refused;
        }
    }
    assert!(all.opened > 0 && all.refused > 0);
    let figures = [
        ("forged", forged),
        ("opened", all.opened),
        ("blocks not given then", all.blocks_refused),
        ("not opened", all.refused),
    ];
    report("forged blocks", began, &figures);
}

/// Small segments, and a snapshot after a few of them.
fn small_limits() -> Limits {
    Limits {
        segment_bytes: 4_096,
        snapshot_bytes: 20_000,
        ..limits_with_snapshots()
    }
}

/// The next snapshot waits at its beginning.
fn hold_snapshots(fs: &SimFs) {
    fs.hold(|op| matches!(op, Op::CreateFile(path, _) if path.ends_with("snapshot.tmp")));
}

/// The leaves of the last group, if it is not whole, are part of every proof. Those of a
/// segment that was sealed after the snapshot was taken are read by nobody else.
#[test]
fn leaves_of_the_last_group_before_the_snapshot_are_checked_when_opened() {
    let fs = SimFs::new();
    let limits = small_limits();
    let db = open_with(&fs, limits.clone()).unwrap();
    hold_snapshots(&fs);
    for n in 0..30 {
        let properties = json!({"pad": "x".repeat(700)});
        let feature = json!({"type": "Feature", "id": format!("f{n}"), "geometry": null, "properties": properties});
        let prepared = prepare(&db, &[Change::Put(feature)]).unwrap();
        db.write_transaction(prepared).unwrap();
    }
    assert!(fs.await_held(), "no snapshot is taken");
    fs.release();
    await_snapshot(&fs);
    let image = fs.now();
    db.close();
    let db = open_with(&SimFs::of(image.clone()), limits.clone()).unwrap();
    let taken_at = db.recovered().snapshot.unwrap().seq;
    db.close();
    let mut refused = 0;
    for (path, content) in image.files() {
        let Some(first) = first_seq(&path) else {
            continue;
        };
        let count: usize = groups(&content)
            .into_iter()
            .map(|group| blocks(&content, group.start).len())
            .sum();
        let seqs = first..first + count as u64;
        for seq in seqs.clone().filter(|seq| (17..=taken_at).contains(seq)) {
            let mut bytes = content.clone();
            let sealed = forge(&mut bytes, (seq - first) as usize, seq, true);
            match open_with(&SimFs::of(image.with_file(&path, bytes)), limits.clone()) {
                Err(Error::Corrupt { .. }) => {
                    refused += usize::from(sealed && seqs.contains(&taken_at))
                }
                other => panic!("block {seq}, snapshot of {taken_at}: {:?}", other.err()),
            }
        }
    }
    assert!(
        refused > 0,
        "the snapshot of {taken_at} lies in no sealed segment"
    );
}

/// A version that was written while a snapshot was taken, and that a crash took back, had
/// the shape of its feature: the one before it is read from its block.
#[test]
fn a_shape_that_a_snapshot_lacks_is_that_of_what_was_committed() {
    let fs = SimFs::new();
    let limits = small_limits();
    let db = open_with(&fs, limits.clone()).unwrap();
    let put = |id: &str, name: &str, durability| {
        let properties = json!({name: "x".repeat(700)});
        let feature =
            json!({"type": "Feature", "id": id, "geometry": null, "properties": properties});
        let prepared = prepare(&db, &[Change::Put(feature)]).unwrap();
        let transaction = Transaction {
            durability,
            ..prepared
        };
        db.write_transaction(transaction).unwrap();
    };
    hold_snapshots(&fs);
    put("f", "first", Durability::Sync);
    for n in 0..40 {
        put(&format!("other {n}"), "other", Durability::Sync);
    }
    assert!(fs.await_held(), "no snapshot is taken");
    put("f", "second", Durability::None);
    fs.release();
    await_snapshot(&fs);
    let (before, log) = fs.history();
    let crashed = crash_points(before, &log).pop().unwrap();
    let image = crashed.image(&vec![Fate::Lost; crashed.pending()]);
    db.close();
    let crashed = SimFs::of(image);
    let db = open_with(&crashed, limits.clone()).unwrap();
    assert!(db.recovered().snapshot.is_some());
    assert_eq!(db.info().unwrap().seq, 41);
    let schema = db.schema(None, &db.budget(Cancel::default())).unwrap();
    let schema = String::from_utf8(schema).unwrap();
    assert!(
        schema.contains("first") && !schema.contains("second"),
        "{schema}"
    );
    db.close();
    // Another one with a checksum that fits it is not taken. What a crash took of the
    // footers is there again.
    let image = crashed.now();
    let path = Path::new(DIR).join("journal/00000000000000000001.journal");
    let files = image.files();
    let mut bytes = files.into_iter().find(|(file, _)| *file == path).unwrap().1;
    assert!(forge(&mut bytes, 0, 0, false));
    let forged = SimFs::of(image.with_file(&path, bytes));
    match open_with(&forged, limits) {
        Err(Error::Corrupt { path: named, .. }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_segment_of_a_diverged_copy_is_not_opened() {
    let began = Instant::now();
    let (mut tried, mut same) = (0, 0);
    for seed in seeds(6) {
        let closed = Closed::new(seed);
        // The same database as it went on from a crash on its way.
        let points = closed.run.crash_points();
        for part in [3, 5, 7] {
            let crashed = &points[points.len() * part / 10];
            let other = Run::with_limits(
                &closed.run.workload,
                crashed.killed(),
                0,
                TRANSACTIONS,
                limits_with_snapshots(),
            );
            let image = other.unwrap().fs.now();
            let files = image.files();
            let last = closed.segments.len() - 1;
            for (path, content) in &closed.segments[..last] {
                let there = files.iter().find(|(name, _)| name == path);
                let Some((_, bytes)) = there else { continue };
                if bytes == content {
                    same += 1;
                    continue;
                }
                tried += 1;
                let what = format!("seed {seed} (FORMDB_SEED), {path:?}");
                let fs = SimFs::of(closed.image.with_file(path, bytes.clone()));
                match open(&fs) {
                    // Its blocks differ from those of the segment after it.
                    Err(Error::Corrupt { path: named, .. }) => {
                        let number = |name| {
                            let found = closed.segments.iter().position(|(path, _)| *path == name);
                            found.unwrap()
                        };
                        let (told, changed) = (number(named), number(path.clone()));
                        assert!(told == changed || told == changed + 1, "{what}: {told}");
                    }
                    Err(other) => panic!("{what}: {other}"),
                    Ok(db) => {
                        // Only blocks in the middle may be others, if anything is.
                        read(&closed, &db, |_| false, &what);
                        panic!("{what} was opened");
                    }
                }
            }
        }
    }
    assert!(tried > 0, "no history diverged");
    let figures = [("segments put in", tried), ("the same in both", same)];
    report("segments of a diverged copy", began, &figures);
}

/// The root of all blocks up to its end comes from kept nodes alone, whatever it holds.
#[test]
fn a_segment_of_a_diverged_copy_that_ends_with_a_whole_group_is_not_opened() {
    let first = Path::new(DIR).join("journal/00000000000000000001.journal");
    let fs = SimFs::new();
    open(&fs).unwrap().close();
    let empty = fs.now();
    // Sixteen blocks that fill a segment, and more segments after them.
    let history = |name: &str| {
        let fs = SimFs::of(empty.clone());
        let db = open_with(&fs, limits_with_snapshots()).unwrap();
        let put = |n: usize| {
            let pad = "x".repeat(300);
            Change::Put(
                json!({"type": "Feature", "id": format!("{name}{n}"), "geometry": null, "properties": {"pad": pad}}),
            )
        };
        let write = |changes: &[Change]| {
            let transaction = prepare(&db, changes).unwrap();
            db.write_transaction(transaction).unwrap();
        };
        write(&(0..16).map(put).collect::<Vec<_>>());
        (16..60).for_each(|n| write(&[put(n)]));
        db.close();
        fs.now()
    };
    let bytes_of = |image: &Image| {
        let files = image.files().into_iter();
        let mut segments = files.filter(|(path, _)| *path == first);
        segments.next().unwrap().1
    };
    let other = bytes_of(&history("b"));
    // Closing gives up a snapshot that is being written, so some have none.
    let with_snapshot = (0..20).find_map(|_| {
        let image = history("a");
        let db = open(&SimFs::of(image.clone())).unwrap();
        let snapshot = db.recovered().snapshot.is_some();
        db.close();
        snapshot.then_some(image)
    });
    let image = with_snapshot.unwrap();
    assert_eq!(bytes_of(&image).len(), other.len());
    let behind = Path::new(DIR).join("journal/00000000000000000017.journal");
    match open(&SimFs::of(image.with_file(&first, other))) {
        Err(Error::Corrupt { path, .. }) => assert_eq!(path, behind),
        other => panic!("opened, or refused with {:?}", other.err()),
    }
}

/// What is in the same group of sixteen as a damaged footer page is read all the same.
#[test]
fn a_damaged_page_of_leaf_hashes_costs_nothing() {
    let closed = Closed::new(1);
    let mut image = closed.image.clone();
    for (path, content) in &closed.segments {
        let trailer = content.len() - 64;
        if content[trailer..].starts_with(b"FORMDBJF") {
            let word = content[trailer + 24..trailer + 32].try_into().unwrap();
            let count = content[trailer + 32..trailer + 36].try_into().unwrap();
            let page = u64::from_le_bytes(word) as usize + 4 * u32::from_le_bytes(count) as usize;
            let mut bytes = content.clone();
            bytes[page + 20] ^= 1;
            image = image.with_file(path, bytes);
        }
    }
    let fs = SimFs::of(image);
    let db = open(&fs).unwrap();
    for (told, seq) in closed.told.iter().zip(1..) {
        assert_eq!(tell(&db, seq).unwrap(), *told);
    }
    db.close();
}
