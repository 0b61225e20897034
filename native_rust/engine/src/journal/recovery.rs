//! Opening a journal: read every group, check everything, cut a torn tail.
//!
//! What may be concluded from damage: a group says in its header up to where the
//! journal was durable when it was written, and a segment is begun only when the
//! one before it is durable. So bytes that do not check are a torn tail only if
//! nothing behind them proves that they once were durable: no later segment, and
//! no later group in the same segment that names them as durable. Everything else
//! is corruption and refuses to open. Several groups at the end may have been
//! written without a sync, and the system may have written them back in any
//! order: a group behind a hole is cut with the hole.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::layout::{
    BLOCK_PREFIX, DatabaseId, GROUP_HEADER, GroupHeader, HeaderError, SEGMENT_HEADER,
    SegmentHeader, parse_segment_name,
};
use super::reader::SegmentReader;
use super::segments::Segments;
use super::writer::{Active, Journal, create_segment};
use crate::block::Block;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::index::BlockLocation;
use crate::merkle::{Hash, NodeTable, Tree, leaf_hash};
use crate::planted::{Bug, planted};

/// What opening a journal found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Whether the journal was made by this call.
    pub created: bool,
    /// Blocks read and checked.
    pub blocks: u64,
    /// Commit groups read and checked.
    pub groups: u64,
    /// Segment files.
    pub segments: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes of a torn tail that were cut off.
    pub bytes_cut: u64,
    /// Tree head after the last block.
    pub root: Hash,
    /// How long it took.
    pub elapsed: Duration,
}

/// An open journal.
pub(crate) struct Opened {
    /// Its writing end.
    pub journal: Journal,
    /// Its reading end.
    pub segments: Arc<Segments>,
    /// The kept nodes of its tree.
    pub nodes: NodeTable,
    /// How opening it went.
    pub report: Recovered,
}

/// Open the journal in `dir`, or make an empty one where `dir` has no segment.
/// `replay` is called with every block in order, and its leaf hash is checked
/// through the Merkle root of its group.
///
/// # Errors
/// [`Error::Corrupt`] with the file and offset where the journal is damaged
/// before its durable end; whatever `replay` returns.
pub(crate) fn recover(
    fs: Arc<dyn FileSystem>,
    dir: &Path,
    segment_bytes: u64,
    now: i64,
    mut replay: impl FnMut(&Block<'_>, BlockLocation) -> Result<(), String>,
) -> Result<Opened> {
    let begun = Instant::now();
    let mut first_seqs: Vec<u64> = fs
        .list(dir)
        .map_err(|e| Error::io("list", dir, e))?
        .iter()
        .filter_map(|name| parse_segment_name(name))
        .collect();
    first_seqs.sort_unstable();
    // A crash between making a segment and syncing its header leaves a file
    // that never held a group.
    let mut bytes_cut = 0;
    let mut unfinished = match first_seqs.last() {
        Some(last) => find_unfinished_segment(&*fs, dir, *last)?,
        None => None,
    };
    if unfinished.is_some() {
        first_seqs.pop();
    }
    let created = first_seqs.is_empty();
    if created {
        if let Some(reader) = unfinished.take() {
            bytes_cut += remove(&*fs, dir, &reader)?;
        }
        let header = SegmentHeader {
            database: *uuid::Uuid::new_v4().as_bytes(),
            first_seq: 1,
            position: 0,
            created: now,
            root: Tree::default().root(),
        };
        create_segment(&*fs, dir, &header)?;
        first_seqs.push(1);
    }

    let segments = Arc::new(Segments::default());
    let mut scan = Scan {
        tree: Tree::default(),
        nodes: NodeTable::default(),
        database: None,
        position: 0,
        last_time: i64::MIN,
        groups: 0,
        durable_end: 0,
        replay: &mut replay,
    };
    let mut active = None;
    for (number, first_seq) in first_seqs.iter().enumerate() {
        let is_last = number + 1 == first_seqs.len();
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let mut reader = SegmentReader::open(&*fs, dir, *first_seq)?;
        let (header, end) = scan.segment(&mut reader, number, *first_seq, is_last)?;
        if end < reader.len {
            bytes_cut += reader.len - end;
            if !planted(Bug::KeepTornTail) {
                reader.cut(end)?;
            }
        }
        segments.push(reader.segment.clone());
        active = Some((
            header.database,
            Active {
                segment: reader.segment,
                number,
                position: header.position,
                offset: end,
            },
        ));
        scan.position = header.position + end;
    }
    let Some((database, active)) = active else {
        // `first_seqs` has at least the segment made above.
        return Err(Error::Closed);
    };
    // Only now: what is refused is left as it is.
    if let Some(reader) = unfinished {
        bytes_cut += remove(&*fs, dir, &reader)?;
    }
    // A process that was killed may have left a group, or the name of a segment,
    // that is in memory and not on the medium. Readers are about to see it.
    let proven = scan.durable_end.saturating_sub(active.position);
    if !created && !planted(Bug::UnsettledTail) {
        active.segment.settle(proven, active.offset)?;
        fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    }
    let report = Recovered {
        created,
        blocks: scan.tree.size(),
        groups: scan.groups,
        segments: first_seqs.len() as u64,
        bytes: scan.position,
        bytes_cut,
        root: scan.tree.root(),
        elapsed: begun.elapsed(),
    };
    let nodes = scan.nodes;
    let journal = Journal::resume(
        fs,
        dir.to_owned(),
        database,
        Arc::clone(&segments),
        segment_bytes,
        active,
        scan.tree,
    );
    Ok(Opened {
        journal,
        segments,
        nodes,
        report,
    })
}

/// The last segment if the crash came before its header was durable.
fn find_unfinished_segment(
    fs: &dyn FileSystem,
    dir: &Path,
    first_seq: u64,
) -> Result<Option<SegmentReader>> {
    let mut reader = SegmentReader::open(fs, dir, first_seq)?;
    // Groups are written only behind a durable header, so a file that is longer
    // than a header once had one.
    if reader.len > SEGMENT_HEADER as u64 {
        return Ok(None);
    }
    let whole = match reader.get(0, SEGMENT_HEADER)? {
        Some(bytes) => match bytes.first_chunk() {
            Some(header) => SegmentHeader::decode(header).is_ok(),
            None => false,
        },
        None => false,
    };
    Ok((!whole).then_some(reader))
}

/// Remove a segment, durably; returns the bytes it had.
fn remove(fs: &dyn FileSystem, dir: &Path, reader: &SegmentReader) -> Result<u64> {
    let path = &reader.segment.path;
    fs.remove_file(path)
        .map_err(|e| Error::io("remove", path, e))?;
    fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    Ok(reader.len)
}

/// State carried from group to group.
struct Scan<'a> {
    tree: Tree,
    nodes: NodeTable,
    database: Option<DatabaseId>,
    /// Journal position reached.
    position: u64,
    last_time: i64,
    groups: u64,
    /// Journal position up to which the last group proves all to be durable.
    durable_end: u64,
    replay: &'a mut dyn FnMut(&Block<'_>, BlockLocation) -> Result<(), String>,
}

impl Scan<'_> {
    /// Check and replay one segment; returns its header and the offset at which
    /// its valid groups end.
    fn segment(
        &mut self,
        reader: &mut SegmentReader,
        number: u32,
        first_seq: u64,
        is_last: bool,
    ) -> Result<(SegmentHeader, u64)> {
        let header = match reader.get(0, SEGMENT_HEADER)?.and_then(<[u8]>::first_chunk) {
            Some(bytes) => SegmentHeader::decode(bytes),
            None => return Err(reader.corrupt(0, "the segment is shorter than its header")),
        };
        let header = match header {
            Ok(header) => header,
            Err(HeaderError::Version(found)) => return Err(reader.unsupported(found)),
            Err(HeaderError::Magic) => {
                return Err(reader.corrupt(0, "the file is not a journal segment"));
            }
            Err(HeaderError::Checksum) => {
                return Err(reader.corrupt(0, "the segment header does not match its checksum"));
            }
        };
        let database = *self.database.get_or_insert(header.database);
        if header.database != database {
            return Err(reader.corrupt(0, "the segment belongs to another database"));
        }
        if header.first_seq != first_seq || first_seq != self.tree.size() + 1 {
            let reason = format!(
                "the segment begins with block {}, its name says {first_seq}, the journal before it ends with {}",
                header.first_seq,
                self.tree.size()
            );
            return Err(reader.corrupt(0, reason));
        }
        if header.position != self.position || header.root != self.tree.root() {
            return Err(reader.corrupt(0, "the segment does not continue the one before it"));
        }

        let mut offset = SEGMENT_HEADER as u64;
        while offset < reader.len {
            match self.group(reader, number, &header, offset)? {
                Ok(next) => offset = next,
                Err(reason) if is_last => match reader.later_proof(&header, offset)? {
                    None => break,
                    Some(later) => {
                        let reason = format!(
                            "{reason}, and the group at byte {later} proves that it was durable"
                        );
                        return Err(reader.corrupt(offset, reason));
                    }
                },
                Err(reason) => return Err(reader.corrupt(offset, reason)),
            }
        }
        Ok((header, offset))
    }

    /// Check and replay the group at `offset`. The inner error is for bytes
    /// that could be a torn tail; the outer one is final.
    fn group(
        &mut self,
        reader: &mut SegmentReader,
        number: u32,
        segment: &SegmentHeader,
        offset: u64,
    ) -> Result<Result<u64, &'static str>> {
        let header = match reader
            .get(offset, GROUP_HEADER)?
            .and_then(<[u8]>::first_chunk)
        {
            None => return Ok(Err("a group header is cut short")),
            Some(bytes) => GroupHeader::decode(bytes, &segment.database),
        };
        let header = match header {
            Ok(header) => header,
            Err(HeaderError::Version(found)) => return Err(reader.unsupported(found)),
            Err(_) => return Ok(Err("a group header does not match its checksum")),
        };
        if header.position != segment.position + offset {
            return Ok(Err("a group lies at a place it was not written to"));
        }
        let body_at = offset + GROUP_HEADER as u64;
        let Some(body) = reader.get(body_at, header.body_len as usize)? else {
            return Ok(Err("a group is cut short"));
        };
        if crc32c::crc32c(body) != header.body_crc && !planted(Bug::IgnoreBodyChecksum) {
            return Ok(Err("a group does not match its checksum"));
        }
        // From here on the bytes are what was written: what does not hold now
        // is no torn write.
        if let Err((at, reason)) = self.replay_group(&header, body, number, body_at) {
            return Err(reader.corrupt(at, reason));
        }
        self.groups += 1;
        self.durable_end = header.durable_end;
        Ok(Ok(body_at + u64::from(header.body_len)))
    }

    /// Replay the blocks of a group and check them against its header.
    fn replay_group(
        &mut self,
        header: &GroupHeader,
        body: &[u8],
        number: u32,
        body_at: u64,
    ) -> Result<(), (u64, String)> {
        let mut rest = body;
        let at = |rest: &[u8]| body_at + (body.len() - rest.len()) as u64;
        if header.first_seq != self.tree.size() + 1 {
            return Err((body_at, "a group begins with the wrong block".into()));
        }
        let mut blocks = 0u32;
        for _ in 0..header.transactions {
            let Some(count) = take_u32(&mut rest) else {
                return Err((at(rest), "a transaction is cut short".into()));
            };
            let txn = self.tree.size() + 1;
            for _ in 0..count {
                let here = at(rest);
                let block_bytes = take_record(&mut rest).map_err(|e| (here, e.to_owned()))?;
                let block = Block::decode(block_bytes).map_err(|e| (here, e))?;
                let expected = self.tree.size() + 1;
                if block.seq != expected || block.txn != txn || block.time < self.last_time {
                    return Err((here, format!("block {expected} is out of order")));
                }
                let location = BlockLocation {
                    segment: number,
                    offset: u32::try_from(here)
                        .map_err(|_| (here, "a segment over 4 GiB".to_owned()))?,
                    len: u32::try_from(block_bytes.len()).unwrap_or(u32::MAX),
                };
                (self.replay)(&block, location).map_err(|e| (here, e))?;
                self.last_time = block.time;
                let Self { tree, nodes, .. } = self;
                tree.push_and(leaf_hash(block_bytes), |level, node| {
                    if NodeTable::keeps(level) {
                        nodes.push((level, node));
                    }
                });
                blocks += 1;
            }
        }
        if !rest.is_empty() || blocks != header.blocks || self.tree.size() != header.tree_size {
            return Err((
                body_at,
                "a group holds other blocks than its header says".into(),
            ));
        }
        if self.tree.root() != header.root && !planted(Bug::IgnoreRoot) {
            return Err((body_at, "the Merkle root of a group does not hold".into()));
        }
        Ok(())
    }
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(u32::from_le_bytes(*bytes))
}

/// Step over one block record. Its own CRC is covered by the group's, so it is
/// checked only when blocks are read one at a time.
fn take_record<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let (prefix, tail) = rest
        .split_first_chunk::<BLOCK_PREFIX>()
        .ok_or("a block is cut short")?;
    let [a, b, c, d, ..] = *prefix;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    let (block, tail) = tail.split_at_checked(len).ok_or("a block is cut short")?;
    *rest = tail;
    Ok(block)
}
