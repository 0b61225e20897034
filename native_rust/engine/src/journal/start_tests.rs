//! Opening from a start in the middle of the journal.

use std::path::Path;
use std::sync::Arc;

use super::layout::{parse_segment_name, segment_name};
use super::{
    Checkpoint, Durable, Group, Journal, LastGroup, Opened, RecoverError, RecoverOptions, Start,
    Witness, create, recover,
};
use crate::block::Operation;
use crate::block::{Stamp, encode_block};
use crate::error::Error;
use crate::fs::RealFileSystem;
use crate::limits::RecoveryPolicy;
use crate::merkle::{NodeTable, Tree};
use crate::types::{FeatureSignature, GeometryType, PutFeature};

fn options(start: Option<Start>) -> RecoverOptions {
    RecoverOptions {
        segment_bytes: 4_096,
        policy: RecoveryPolicy::default(),
        durable: None,
        marked: 0,
        start,
    }
}

/// Open, and list the blocks that were replayed.
fn open(dir: &Path, options: RecoverOptions) -> Result<(Opened, Vec<u64>), RecoverError> {
    if std::fs::read_dir(dir).unwrap().next().is_none() {
        create(&RealFileSystem, dir, 0)?;
    }
    let mut seen = Vec::new();
    let opened = recover(Arc::new(RealFileSystem), dir, options, |block, _| {
        seen.push(block.seq);
        Ok(())
    })?;
    Ok((opened, seen))
}

/// The bytes of some block.
pub(super) fn block(seq: u64, txn: u64, out: &mut Vec<u8>) {
    let operation = Operation::PutFeature(PutFeature {
        id: "a".into(),
        envelope: None,
        signature: FeatureSignature::unknown(GeometryType::Null),
        body: vec![0xa1, 0x62, b'i', b'd', 0x61, b'a'],
        provenance: None,
    });
    let stamp = Stamp {
        seq,
        txn,
        time: i64::try_from(seq).unwrap(),
        prev: None,
    };
    encode_block(stamp, None, None, &operation, out);
}

/// Commit a group of `blocks` blocks.
fn commit(journal: &mut Journal, group: &mut Group, blocks: u64) {
    group.clear();
    group.begin_transaction();
    let first = journal.tree().size() + 1;
    for seq in first..first + blocks {
        group.push_block(|out| block(seq, first, out)).unwrap();
    }
    group.end_transaction();
    let written = journal.write(group, 0).unwrap();
    assert!(journal.is_dirty());
    assert!(journal.mark().is_none(), "what is not durable has no mark");
    journal.sync().unwrap();
    journal.advance(written);
}

/// A journal of several segments, and the mark after each of its groups.
fn journal(dir: &Path) -> Vec<Checkpoint> {
    let (mut opened, _) = open(dir, options(None)).unwrap();
    assert!(opened.journal.mark().is_none(), "an empty journal has none");
    let mut group = Group::default();
    let marks = (0..80).map(|n| {
        commit(&mut opened.journal, &mut group, n % 7 + 1);
        opened.journal.mark().unwrap()
    });
    let marks: Vec<Checkpoint> = marks.collect();
    let segments = marks.iter().map(|mark| mark.last_group.segment_first_seq);
    assert!(segments.collect::<std::collections::BTreeSet<_>>().len() > 3);
    marks
}

/// The start at a mark, as a snapshot would bring it.
fn start(dir: &Path, mark: &Checkpoint) -> Start {
    let mut tree = Tree::default();
    let mut nodes = NodeTable::default();
    let mut last_time = 0;
    let (opened, _) = open(dir, options(None)).unwrap();
    let leaves = opened.segments;
    let mut seq = 0;
    drop(opened.journal);
    let full = recover(
        Arc::new(RealFileSystem),
        dir,
        options(None),
        |block, place| {
            if block.seq <= mark.tree.size() {
                let bytes = leaves.read_block(place).map_err(|e| e.to_string())?;
                tree.push_and(crate::merkle::leaf_hash(&bytes), |level, node| {
                    if NodeTable::keeps(level) {
                        nodes.push((level, node));
                    }
                });
                seq = block.seq;
                last_time = block.time;
            }
            Ok(())
        },
    );
    assert!(full.is_ok());
    assert_eq!(tree, mark.tree);
    Start {
        seq,
        tree,
        nodes,
        database: mark.database,
        segment_first_seq: mark.last_group.segment_first_seq,
        end_offset: mark.last_group.end,
        last_group_offset: mark.last_group.offset,
        last_time,
    }
}

#[test]
fn only_what_lies_behind_the_start_is_read_and_the_end_is_the_same() {
    let tmp = tempfile::tempdir().unwrap();
    let marks = journal(tmp.path());
    let (full, all) = open(tmp.path(), options(None)).unwrap();
    let last = all.len() as u64;
    assert_eq!(last, marks.last().unwrap().tree.size());
    for mark in &marks {
        let start = start(tmp.path(), mark);
        let seq = start.seq;
        let (opened, seen) = open(tmp.path(), options(Some(start))).unwrap();
        assert_eq!(seen, (seq + 1..=last).collect::<Vec<_>>());
        assert_eq!(opened.report.root, full.report.root);
        assert_eq!(opened.report.blocks, last);
        assert_eq!(opened.report.blocks_read, last - seq);
        assert_eq!(opened.report.bytes, full.report.bytes);
        let again = opened.journal.mark().unwrap();
        assert_eq!(again.last_group, marks.last().unwrap().last_group);
        assert_eq!(again.position, marks.last().unwrap().position);
        for level in 4..10 {
            for index in 0..100 {
                assert_eq!(opened.nodes.get(level, index), full.nodes.get(level, index));
            }
        }
    }
}

#[test]
fn writing_goes_on_behind_a_start() {
    let tmp = tempfile::tempdir().unwrap();
    let marks = journal(tmp.path());
    let start = start(tmp.path(), &marks[40]);
    let (mut opened, _) = open(tmp.path(), options(Some(start))).unwrap();
    commit(&mut opened.journal, &mut Group::default(), 3);
    let root = opened.journal.tree().root();
    drop(opened);
    let (full, all) = open(tmp.path(), options(None)).unwrap();
    assert_eq!(full.report.root, root);
    assert_eq!(all.len() as u64, marks.last().unwrap().tree.size() + 3);
}

#[test]
fn a_start_that_is_not_of_this_journal_is_refused_before_anything_is_replayed() {
    let tmp = tempfile::tempdir().unwrap();
    let marks = journal(tmp.path());
    let mark = &marks[40];
    type Break = fn(&mut Start);
    let wrong: [(&str, Break); 8] = [
        ("database", |s| s.database[0] ^= 1),
        ("segment", |s| s.segment_first_seq += 1),
        ("end", |s| s.end_offset += 1),
        ("far end", |s| s.end_offset = u64::MAX),
        ("group", |s| s.last_group_offset -= 1),
        ("header", |s| s.last_group_offset = 0),
        ("seq", |s| s.seq -= 1),
        ("tree", |s| s.tree.push([0; 32])),
    ];
    for (what, break_it) in wrong {
        let mut start = start(tmp.path(), mark);
        break_it(&mut start);
        match open(tmp.path(), options(Some(start))) {
            Err(RecoverError::StartRefused(reason)) => assert!(!reason.is_empty()),
            other => panic!("{what}: {:?}", other.map(|(_, seen)| seen)),
        }
    }
    // The group before it has another tree.
    let mut other = start(tmp.path(), mark);
    let LastGroup { offset, end, .. } = marks[39].last_group;
    (other.last_group_offset, other.end_offset) = (offset, end);
    assert!(matches!(
        open(tmp.path(), options(Some(other))),
        Err(RecoverError::StartRefused(_))
    ));
}

#[test]
fn a_journal_that_ends_before_what_is_known_to_be_durable_does_not_open() {
    let tmp = tempfile::tempdir().unwrap();
    let marks = journal(tmp.path());
    let last = marks.last().unwrap();
    let known = || RecoverOptions {
        durable: Some(Durable {
            database: last.database,
            position: last.position,
            head: (last.tree.size(), last.tree.root()),
            source: Witness::Snapshot,
        }),
        ..options(None)
    };
    assert!(open(tmp.path(), known()).is_ok());
    let path = tmp
        .path()
        .join(segment_name(last.last_group.segment_first_seq));
    let bytes = std::fs::read(&path).unwrap();
    let at = usize::try_from(last.last_group.offset).unwrap();
    // Its last group lost, then damaged.
    let mut damaged = bytes.clone();
    damaged[at + 100] ^= 1;
    for bytes in [&bytes[..at], &damaged] {
        std::fs::write(&path, bytes).unwrap();
        match open(tmp.path(), known()) {
            Err(RecoverError::Failed(Error::Corrupt { offset, .. })) => {
                assert_eq!(offset, last.last_group.offset);
            }
            other => panic!("{:?}", other.map(|(_, seen)| seen)),
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "it was changed");
    }
    // Nobody knows: a torn tail.
    let (opened, _) = open(tmp.path(), options(None)).unwrap();
    assert!(opened.report.bytes_cut > 0);
}

#[test]
fn the_policy_may_refuse_a_torn_tail() {
    let tmp = tempfile::tempdir().unwrap();
    let marks = journal(tmp.path());
    let last = marks.last().unwrap().last_group;
    let path = tmp.path().join(segment_name(last.segment_first_seq));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let refuse = || RecoverOptions {
        policy: RecoveryPolicy::RefuseTornTail,
        ..options(None)
    };
    match open(tmp.path(), refuse()) {
        Err(RecoverError::Failed(error @ Error::TornTail { .. })) => {
            let text = error.to_string();
            assert!(text.contains(&format!("byte {}", last.offset)), "{text}");
            assert!(text.contains("doctor"), "{text}");
        }
        other => panic!("{:?}", other.map(|(_, seen)| seen)),
    }
    assert_eq!(std::fs::read(&path).unwrap().len(), bytes.len() - 1);
    assert!(open(tmp.path(), options(None)).is_ok());
    assert!(open(tmp.path(), refuse()).is_ok());
}

#[test]
fn only_what_was_being_made_is_made_anew() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    journal(dir);
    let names = std::fs::read_dir(dir).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let last = names.filter_map(|name| parse_segment_name(&name));
    let last = last.max().unwrap();
    let first = dir.join(segment_name(1));
    let header = std::fs::read(&first).unwrap()[..128].to_vec();
    // What a crash leaves: the beginning of a header, or a length without its bytes.
    let begun: [&[u8]; 5] = [
        &header[..0],
        &header[..5],
        &header[..100],
        &[0; 77],
        &[0; 128],
    ];
    let foreign: [&[u8]; 3] = [b"some text\n", &[1; 128], &[0, 0, 0, 7]];
    let next = dir.join(segment_name(last + 1_000));
    for bytes in begun {
        std::fs::write(&next, bytes).unwrap();
        drop(open(dir, options(None)).unwrap());
        assert!(!next.exists(), "it held no group");
    }
    let refused = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).unwrap();
        let refusal = open(dir, options(None)).err().unwrap();
        assert!(
            matches!(refusal, RecoverError::Failed(Error::Corrupt { .. })),
            "{refusal:?}"
        );
        assert_eq!(std::fs::read(path).unwrap(), bytes, "nothing was changed");
    };
    for bytes in foreign {
        refused(&next, bytes);
    }
    // The first segment is whole before the database gets its name: beside others and
    // alone, it was cut or overwritten.
    std::fs::remove_file(&next).unwrap();
    for bytes in begun.into_iter().chain(foreign) {
        refused(&first, bytes);
    }
    for entry in std::fs::read_dir(dir).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for bytes in begun.into_iter().chain(foreign) {
        refused(&first, bytes);
    }
    std::fs::write(&first, header).unwrap();
    assert!(open(dir, options(None)).is_ok());
}
