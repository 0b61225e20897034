//! Leaf hashes by sequence and by hash, from memory and from footers.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::footer::Footer;
use super::footer_check::FooterCheck;
use super::leaves::Leaves;
use super::segment::Segment;
use super::{Group, Opened, RecoverOptions, create, recover};
use crate::budget::{Budget, Cancel};
use crate::error::Error;
use crate::fs::{FileSystem, RealFileSystem};
use crate::limits::{Limits, RecoveryPolicy};
use crate::mem::Memory;
use crate::merkle::leaf_hash;
use crate::types::Hash;
use proptest::prelude::*;

const DATABASE: [u8; 16] = *b"0123456789abcdef";

fn segment(path: &Path) -> Segment {
    let file = RealFileSystem.open(path, true).unwrap();
    Segment::new(path.to_owned(), file, 0)
}

fn leaves(count: u32) -> (Leaves, Vec<Hash>) {
    let mut leaves = Leaves::new(1_000);
    let hashes: Vec<Hash> = (0..count).map(|n| leaf_hash(&n.to_le_bytes())).collect();
    for (hash, n) in hashes.iter().zip(0..) {
        leaves.push(*hash, n * 7);
    }
    (leaves, hashes)
}

/// A footer after `at` bytes of groups, opened again from its file.
fn written(dir: &Path, leaves: &Leaves, at: u64) -> (Segment, Footer) {
    let segment = segment(&dir.join("segment"));
    segment.file.set_len(at).unwrap();
    Footer::write(&segment, &DATABASE, leaves, at).unwrap();
    let len = segment.file.len().unwrap();
    let footer = Footer::open(&segment, len, &DATABASE).unwrap().unwrap();
    (segment, footer)
}

/// Whether a footer is found to be that of some blocks.
fn is_of(footer: &Footer, leaves: &Leaves) -> bool {
    let mut check = FooterCheck::new(footer.clone());
    for (hash, offset) in (0..leaves.len()).filter_map(|index| leaves.get(index)) {
        check.push(&hash, offset);
    }
    check.wrong().is_none()
}

#[test]
fn footers_of_all_sizes_around_a_page_read_back() {
    for count in [0, 1, 126, 127, 128, 1_022, 1_023, 1_024, 2_046, 9_999] {
        let tmp = tempfile::tempdir().unwrap();
        let (leaves, hashes) = leaves(count);
        let (_, footer) = written(tmp.path(), &leaves, 500);
        assert_eq!(footer.first_seq(), 1_000);
        assert_eq!(footer.count(), count);
        assert_eq!(footer.groups_end(), 500);
        assert!(footer.is_whole().unwrap());
        assert!(is_of(&footer, &leaves));
        for (hash, n) in hashes.iter().zip(0..) {
            assert_eq!(footer.hash(n).unwrap(), *hash);
        }
        assert!(footer.hash(count).is_err());
        for learnt in [false, true] {
            if learnt {
                footer.learn(&Budget::ample()).unwrap();
            }
            assert_eq!(footer.is_settled(), learnt);
            for (hash, n) in hashes.iter().zip(0..) {
                assert_eq!(footer.find(hash).unwrap(), Some(n));
                assert!(!footer.lacks(hash));
            }
            for unknown in [[0; 32], [0xff; 32], [0x80; 32], leaf_hash(b"other")] {
                assert_eq!(footer.find(&unknown).unwrap(), None);
            }
        }
    }
}

#[test]
fn what_a_damaged_footer_does_not_say_is_looked_for_in_it() {
    let tmp = tempfile::tempdir().unwrap();
    let (leaves, hashes) = leaves(1_000);
    let (segment, footer) = written(tmp.path(), &leaves, 0);
    // In the first page of hashes, which follows one of offsets.
    let at = 1_000 * 4 + 4 + 700;
    let mut byte = [0];
    segment.file.read_exact_at(&mut byte, at).unwrap();
    segment.file.write_all_at(&[byte[0] ^ 4], at).unwrap();
    let learnt = footer.learn(&Budget::ample());
    assert!(matches!(learnt, Err(Error::Corrupt { .. })), "{learnt:?}");
    assert!(footer.is_settled());
    let mut there = 0;
    for (hash, n) in hashes.iter().zip(0..) {
        assert!(!footer.lacks(hash));
        match footer.find(hash) {
            Ok(found) => {
                assert_eq!(found, Some(n));
                there += 1;
            }
            Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{error}"),
        }
    }
    assert!(there > 100, "{there}");
}

#[test]
fn a_question_that_nobody_waits_for_learns_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let (leaves, _) = leaves(1_000);
    let (_, footer) = written(tmp.path(), &leaves, 0);
    let cancel = Cancel::default();
    let limits = Limits::default();
    let budget = Budget::new(&limits, &Memory::new(&limits), cancel.clone());
    cancel.cancel();
    assert!(matches!(footer.learn(&budget), Err(Error::Cancelled)));
    assert!(!footer.is_settled());
    footer.remember(&leaves);
    assert!(footer.is_settled());
}

#[test]
fn a_footer_of_other_blocks_is_told_apart() {
    let tmp = tempfile::tempdir().unwrap();
    let (own, hashes) = leaves(300);
    let (_, footer) = written(tmp.path(), &own, 0);
    let mut moved = Leaves::new(1_000);
    for (hash, n) in hashes.iter().zip(0..) {
        moved.push(*hash, n * 7 + u32::from(n == 299));
    }
    assert!(!is_of(&footer, &moved));
    assert!(!is_of(&footer, &leaves(299).0));
    assert!(!is_of(&footer, &leaves(301).0));
}

#[test]
fn every_flipped_byte_is_noticed_by_the_trailer_or_a_page() {
    let tmp = tempfile::tempdir().unwrap();
    let (leaves, hashes) = leaves(40);
    let (segment, footer) = written(tmp.path(), &leaves, 100);
    let len = segment.file.len().unwrap();
    let mut byte = [0];
    for at in 100..len {
        segment.file.read_exact_at(&mut byte, at).unwrap();
        segment.file.write_all_at(&[byte[0] ^ 4], at).unwrap();
        let trailer = Footer::open(&segment, len, &DATABASE).unwrap();
        let whole = match trailer {
            Some(footer) => footer.is_whole().unwrap(),
            None => false,
        };
        assert!(!whole, "byte {at}");
        for (hash, n) in hashes.iter().zip(0..) {
            match footer.hash(n) {
                Ok(found) => assert_eq!(found, *hash),
                Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{error}"),
            }
            match footer.find(hash) {
                Ok(found) => assert_eq!(found, Some(n)),
                Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{error}"),
            }
        }
        segment.file.write_all_at(&byte, at).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Hashes that are not spread evenly, as no SHA-256 gives them.
    #[test]
    fn any_hashes_are_found(
        seeds in proptest::collection::btree_set(0u64..5_000, 1..600),
        shift in 0u32..56,
        unknown in 0u64..5_000,
    ) {
        let tmp = tempfile::tempdir().unwrap();
        let hash = |seed: u64| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&(seed << shift).to_be_bytes());
            hash[24..].copy_from_slice(&seed.to_le_bytes());
            hash
        };
        let mut leaves = Leaves::new(1);
        for (seed, n) in seeds.iter().zip(0..) {
            leaves.push(hash(*seed), n);
        }
        let (_, footer) = written(tmp.path(), &leaves, 0);
        for learnt in [false, true] {
            if learnt {
                footer.remember(&leaves);
            }
            for (seed, n) in seeds.iter().zip(0..) {
                prop_assert_eq!(footer.find(&hash(*seed)).unwrap(), Some(n));
                prop_assert_eq!(leaves.find(&hash(*seed)), Some(n));
            }
            if !seeds.contains(&unknown) {
                prop_assert_eq!(footer.find(&hash(unknown)).unwrap(), None);
            }
        }
    }
}

fn open(dir: &Path) -> Opened {
    let options = RecoverOptions {
        segment_bytes: 1 << 20,
        policy: RecoveryPolicy::default(),
        durable: None,
        marked: 0,
        start: None,
    };
    if std::fs::read_dir(dir).unwrap().next().is_none() {
        create(&RealFileSystem, dir, 0).unwrap();
    }
    recover(Arc::new(RealFileSystem), dir, options, |_, _| Ok(())).unwrap()
}

/// Commit `groups` groups of 500 blocks each; returns the leaf hashes.
fn fill(opened: &mut Opened, groups: u32) -> Vec<Hash> {
    let journal = &mut opened.journal;
    let mut group = Group::default();
    let mut hashes = Vec::new();
    for _ in 0..groups {
        group.clear();
        group.begin_transaction();
        let first = journal.tree().size() + 1;
        for seq in first..first + 500 {
            hashes.push(
                group
                    .push_block(|out| super::start_tests::block(seq, first, out))
                    .unwrap(),
            );
        }
        group.end_transaction();
        let written = journal.write(&mut group, 0).unwrap();
        journal.sync().unwrap();
        journal.advance(written);
    }
    hashes
}

fn check(opened: &Opened, hashes: &[Hash]) {
    for (hash, seq) in hashes.iter().zip(1..) {
        let leaves = opened.segments.leaves(seq..seq + 1).unwrap();
        assert_eq!(leaves, [*hash], "block {seq}");
        assert_eq!(
            opened.segments.find_hash(hash, &Budget::ample()).unwrap(),
            Some(seq)
        );
    }
    let behind = hashes.len() as u64 + 1;
    assert_eq!(opened.segments.leaves(1..behind).unwrap(), hashes);
    for nowhere in [behind..behind + 1, 0..1, 1..behind + 1] {
        let found = opened.segments.leaves(nowhere);
        assert!(matches!(found, Err(Error::Closed)));
    }
    // Once more where it is known by what the hashes begin with.
    for _ in 0..2 {
        let found = opened.segments.find_hash(&[1; 32], &Budget::ample());
        assert_eq!(found.unwrap(), None);
    }
}

#[test]
fn leaves_are_the_same_while_segments_are_sealed_behind_the_back_and_after_opening() {
    let tmp = tempfile::tempdir().unwrap();
    let mut opened = open(tmp.path());
    let mut hashes = Vec::new();
    for _ in 0..4 {
        // More than a segment: its footer is being written while this reads.
        hashes.extend(fill(&mut opened, 30));
        check(&opened, &hashes);
    }
    assert!(opened.segments.len() > 3);
    drop(opened);
    let opened = open(tmp.path());
    assert_eq!(
        opened.report.footers_rebuilt, 0,
        "closing waits for footers"
    );
    check(&opened, &hashes);
}

/// Figures for a segment of 256 MiB of small blocks.
/// `cargo test --release -p formdb-engine --lib sealing_costs -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn sealing_costs() {
    let tmp = tempfile::tempdir().unwrap();
    let count = (256 << 20) / 150;
    let begun = Instant::now();
    let (leaves, hashes) = leaves(count);
    println!("{count} blocks; hashed and kept in {:?}", begun.elapsed());
    let begun = Instant::now();
    let mut again = Leaves::new(1);
    for hash in &hashes {
        again.push(*hash, 0);
    }
    println!("kept one in {:?}", begun.elapsed() / count);
    let begun = Instant::now();
    assert!(hashes.iter().all(|hash| again.find(hash).is_some()));
    println!("found one in memory in {:?}", begun.elapsed() / count);
    let begun = Instant::now();
    let order = leaves.order();
    println!("ordered in {:?}", begun.elapsed());
    assert_eq!(order.len(), hashes.len());
    let begun = Instant::now();
    let (_, footer) = written(tmp.path(), &leaves, 0);
    println!("ordered and written in {:?}", begun.elapsed());
    let begun = Instant::now();
    assert!(footer.is_whole().unwrap());
    println!("checked in {:?}", begun.elapsed());
    let begun = Instant::now();
    for hash in hashes.iter().step_by(17) {
        assert!(footer.find(hash).unwrap().is_some());
    }
    let finds = hashes.len().div_ceil(17) as u32;
    println!("found one on disk in {:?}", begun.elapsed() / finds);
    let absent = |n: u32| leaf_hash(&(count + n).to_le_bytes());
    let begun = Instant::now();
    assert!((0..1_000).all(|n| footer.find(&absent(n)).unwrap().is_none()));
    println!("missed one on disk in {:?}", begun.elapsed() / 1_000);
    let begun = Instant::now();
    footer.learn(&Budget::ample()).unwrap();
    println!("learnt in {:?}", begun.elapsed());
    let begun = Instant::now();
    for hash in hashes.iter().step_by(17) {
        assert!(footer.find(hash).unwrap().is_some());
    }
    println!("found one in {:?}", begun.elapsed() / finds);
    let others: Vec<Hash> = (0..100_000).map(absent).collect();
    let begun = Instant::now();
    let taken = others.iter().filter(|hash| !footer.lacks(hash)).count();
    let each = begun.elapsed() / 100_000;
    println!("missed one in {each:?}, {taken} of 100,000 not at once");
    let begun = Instant::now();
    for n in (0..count).step_by(17) {
        assert!(footer.hash(n).is_ok());
    }
    println!("read a leaf hash in {:?}", begun.elapsed() / finds);
}
