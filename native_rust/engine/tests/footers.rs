//! Footers of sealed segments: derived data, so that whatever becomes of them, no
//! answer changes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::path::PathBuf;

use formdb_engine::{Database, Error, Hash, InclusionProof};
use support::calls::{DIR, open_in};
use support::{ENOSPC, Fault, SimFs, journal};

fn open(fs: &SimFs) -> Result<Database, Error> {
    open_in(fs, DIR)
}

fn segments(fs: &SimFs) -> Vec<(PathBuf, Vec<u8>)> {
    journal::segments(fs, DIR)
}

fn write(db: &Database, n: usize) {
    let text = format!(
        r#"{{"type":"Feature","id":"f{n}","geometry":null,"properties":{{"pad":"{}"}}}}"#,
        "x".repeat(n * 37 % 300)
    );
    db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
        .unwrap();
}

/// A database of several segments, closed.
fn filled() -> SimFs {
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    for n in 0..60 {
        write(&db, n);
    }
    assert!(db.info().unwrap().segments > 3);
    db.close();
    fs
}

/// Where the groups of segment `number` end: the positions in the headers say so.
fn groups_end(segments: &[(PathBuf, Vec<u8>)], number: usize) -> usize {
    let position = |n: usize| u64::from_le_bytes(segments[n].1[40..48].try_into().unwrap());
    usize::try_from(position(number + 1) - position(number)).unwrap()
}

/// Everything that leaf hashes go into.
fn proofs(db: &Database) -> (Hash, Vec<InclusionProof>) {
    let seq = db.info().unwrap().seq;
    let proofs = (1..=seq).map(|n| db.inclusion_proof(n, None).unwrap());
    (db.info().unwrap().root, proofs.collect())
}

#[test]
fn all_segments_but_the_last_have_one_and_opening_has_nothing_to_do() {
    let fs = filled();
    let before = segments(&fs);
    for (number, (path, bytes)) in before.iter().enumerate() {
        let sealed = bytes[bytes.len() - 64..].starts_with(b"FORMDBJF");
        assert_eq!(sealed, number + 1 < before.len(), "{path:?}");
    }
    let db = open(&fs).unwrap();
    assert_eq!(db.recovered().footers_rebuilt, 0);
    let (root, proofs) = proofs(&db);
    assert_eq!(proofs.len(), 60);
    assert!(proofs.iter().all(|proof| proof.root == root));
    db.close();
    assert_eq!(segments(&fs), before);
}

#[test]
fn a_damaged_or_missing_footer_is_rebuilt_to_the_same_bytes() {
    let fs = filled();
    let whole = segments(&fs);
    let expected = proofs(&open(&fs).unwrap());
    let (path, bytes) = &whole[1];
    let end = groups_end(&whole, 1);
    let mut images = 0;
    let mut check = |damaged: Vec<u8>, what: &str| {
        let image = fs.with_file(path, damaged);
        let db = open(&image).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(db.recovered().footers_rebuilt, 1, "{what}");
        assert_eq!(db.recovered().bytes_cut, 0, "{what}");
        assert_eq!(proofs(&db), expected, "{what}");
        db.close();
        assert_eq!(segments(&image), whole, "{what}");
        images += 1;
    };
    for at in end..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        check(damaged, &format!("byte {at} flipped"));
        check(bytes[..at].to_vec(), &format!("cut at {at}"));
    }
    let mut longer = bytes.clone();
    longer.extend_from_slice(&bytes[end..]);
    check(longer, "two footers");
    println!("{images} damaged footers rebuilt");
}

#[test]
fn a_sealed_last_segment_means_that_its_successor_is_missing() {
    let fs = filled();
    let files = segments(&fs);
    let (last, before) = (files.len() - 1, files.len() - 2);
    let image = fs.without_file(&files[last].0);
    match open(&image) {
        Err(Error::Corrupt {
            path,
            offset,
            reason,
            advice,
        }) => {
            assert_eq!(path, files[before].0);
            assert_eq!(offset, groups_end(&files, before) as u64);
            assert!(reason.contains("missing"), "{reason}");
            assert!(advice.contains("formdb.doctor"), "{advice}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(segments(&image), files[..last], "it was changed");
    // Its header gone is no crash while it was made either.
    match open(&fs.with_file(&files[last].0, vec![0; 100])) {
        Err(Error::Corrupt { path, .. }) => assert_eq!(path, files[last].0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_middle_segment_is_named() {
    let fs = filled();
    let files = segments(&fs);
    match open(&fs.without_file(&files[1].0)) {
        Err(Error::Corrupt { path, reason, .. }) => {
            assert_eq!(path, files[2].0);
            assert!(
                reason.contains("a segment between them is missing"),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_disk_does_not_keep_a_database_without_a_footer_from_being_read() {
    let fs = filled();
    let whole = segments(&fs);
    let expected = proofs(&open(&fs).unwrap());
    let cut = whole[1].1[..groups_end(&whole, 1)].to_vec();
    let mut opened = 0;
    // The first changes of an opening are not about the footer.
    for skipped in 0..6 {
        let image = fs.with_file(&whole[1].0, cut.clone());
        image.inject(Fault::Change {
            at: image.changes() + skipped,
            for_ever: false,
            errno: ENOSPC,
            partial: true,
        });
        let Ok(db) = open(&image) else { continue };
        if db.recovered().footers_rebuilt > 0 {
            continue;
        }
        opened += 1;
        assert_eq!(proofs(&db), expected);
        write(&db, 60);
        db.close();
        // The next opening has room for it.
        assert_eq!(open(&image).unwrap().recovered().footers_rebuilt, 1);
    }
    assert!(opened > 0);
}
