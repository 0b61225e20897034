//! Taking whole segments and transactions out of a damaged journal.

use std::path::Path;

use super::examine::Examined;
use super::header::DatabaseId;
use super::layout::{
    BLOCK_PREFIX, GROUP_HEADER, SEGMENT_HEADER, SegmentHeader, take_record, take_u32,
};
use super::reader::SegmentReader;
use super::writer::{Group, Journal, create_segment};
use crate::block::Block;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::merkle::Tree;

/// Copy a segment's header and its whole groups to a new file of the same name in
/// `dir`, durably. Its footer is left out.
pub(crate) fn copy_segment(fs: &dyn FileSystem, segment: &Examined, dir: &Path) -> Result<()> {
    const CHUNK: u64 = 1 << 20;
    let mut reader = open(fs, segment)?;
    let copy = create_segment(fs, dir, &segment.header)?;
    let mut at = SEGMENT_HEADER as u64;
    while at < segment.end {
        let len = usize::try_from(CHUNK.min(segment.end - at)).unwrap_or(usize::MAX);
        let Some(bytes) = reader.get(at, len)? else {
            return Err(reader.corrupt(at, "the file became shorter while it was read"));
        };
        copy.file
            .write_all_at(bytes, at)
            .map_err(|e| Error::io("write", &copy.path, e))?;
        at += len as u64;
    }
    copy.sync()
}

/// Make the first segment of a journal in `dir`, of which nothing could be copied.
pub(crate) fn empty_segment(
    fs: &dyn FileSystem,
    dir: &Path,
    database: DatabaseId,
    now: i64,
) -> Result<()> {
    let header = SegmentHeader {
        database,
        first_seq: 1,
        position: 0,
        created: now,
        root: Tree::default().root(),
    };
    create_segment(fs, dir, &header).map(drop)
}

/// Bytes that transactions take up in a journal, with the group header before them.
pub(crate) fn group_bytes(transactions: &[Vec<Vec<u8>>]) -> u64 {
    if transactions.is_empty() {
        return 0;
    }
    let blocks = transactions.iter().flatten();
    let bytes: usize = blocks.map(|block| BLOCK_PREFIX + block.len()).sum();
    (GROUP_HEADER + transactions.len() * size_of::<u32>() + bytes) as u64
}

/// The blocks of each whole transaction that a damaged group at `offset` begins
/// with. What is returned follows on `tree` and `last_time`, and matches the
/// checksums of its blocks; the group's own checksum and root do not vouch for it.
pub(crate) fn whole_transactions(
    fs: &dyn FileSystem,
    segment: &Examined,
    mut seq: u64,
    mut last_time: i64,
) -> Result<Vec<Vec<Vec<u8>>>> {
    let mut reader = open(fs, segment)?;
    let from = segment.end + GROUP_HEADER as u64;
    let mut transactions = Vec::new();
    let Some(len) = reader.len.checked_sub(from) else {
        return Ok(transactions);
    };
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let body = match reader.get(from, len) {
        Ok(Some(body)) => body,
        // A medium that does not give the bytes back.
        Ok(None) | Err(_) => return Ok(transactions),
    };
    let mut rest = body;
    while let Some(blocks) = whole_transaction(&mut rest, &mut seq, &mut last_time) {
        transactions.push(blocks);
    }
    Ok(transactions)
}

/// Commit transactions as one group after a journal's end, durably.
pub(crate) fn append_transactions(
    journal: &mut Journal,
    transactions: &[Vec<Vec<u8>>],
    now: i64,
) -> Result<()> {
    if transactions.is_empty() {
        return Ok(());
    }
    let mut group = Group::default();
    group.clear();
    for blocks in transactions {
        group.begin_transaction();
        for block in blocks {
            group.push_block(|out| out.extend_from_slice(block))?;
        }
        group.end_transaction();
    }
    let written = journal.write(&mut group, now)?;
    journal.sync()?;
    journal.advance(written);
    Ok(())
}

/// The blocks of one transaction, if all of them hold; `seq` is the sequence before
/// it.
pub(super) fn whole_transaction(
    rest: &mut &[u8],
    seq: &mut u64,
    last_time: &mut i64,
) -> Option<Vec<Vec<u8>>> {
    let mut here = *rest;
    let (mut at, mut time) = (*seq, *last_time);
    let count = take_u32(&mut here)?;
    let mut blocks = Vec::new();
    for _ in 0..count {
        let bytes = take_record(&mut here).ok()?;
        let block = Block::decode(bytes).ok()?;
        at += 1;
        if block.seq != at || block.txn != *seq + 1 || block.time < time {
            return None;
        }
        time = block.time;
        blocks.push(bytes.to_vec());
    }
    (*rest, *seq, *last_time) = (here, at, time);
    (count > 0).then_some(blocks)
}

fn open(fs: &dyn FileSystem, segment: &Examined) -> Result<SegmentReader> {
    let dir = segment.path.parent().unwrap_or(Path::new(""));
    SegmentReader::open(fs, dir, segment.header.first_seq)
}
