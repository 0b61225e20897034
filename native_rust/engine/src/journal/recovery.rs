//! Opening a journal: read every group, check everything, cut a torn tail.
//!
//! What may be concluded from damage: a group says in its header up to where the
//! journal was durable when it was written, and a segment is begun only when the
//! one before it is durable. So bytes that do not check are a torn tail only if
//! nothing after them proves that they once were durable: no later segment, and
//! no later group in the same segment that names them as durable. Everything else
//! is corruption and refuses to open. Several groups at the end may have been
//! written without a sync, and the system may have written them back in any
//! order: a group after a hole is cut with the hole.
//!
//! Everything is read and decided first; only then is anything changed.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use super::durable::{Durable, Witness};
use super::header::DatabaseId;
use super::layout::{SEGMENT_HEADER, SegmentHeader};
use super::leaves::Leaves;
use super::location::BlockLocation;
use super::mark::LastGroup;
use super::prove::{check_headers, check_leaves};
use super::read_leaves::read_leaves;
use super::reader::{ADVICE, SegmentReader};
use super::scan::{Replay, Scan, Tail};
use super::sealing::{other_blocks, rebuild_footers};
use super::segments::{Hashes, Indexed, Segments};
use super::start::{Start, find_start};
use super::survey::{FoundSegment, Survey, survey};
use super::writer::{Active, End, Journal, create_segment};
use crate::block::Block;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::limits::RecoveryPolicy;
use crate::merkle::{NodeTable, Tree};
use crate::planted::{Bug, planted};
use crate::types::Hash;

/// What reading a journal found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadReport {
    /// Blocks in the journal.
    pub blocks: u64,
    /// Blocks read and checked; the others are before the start.
    pub blocks_read: u64,
    /// Commit groups read and checked.
    pub groups: u64,
    /// Segment files.
    pub segments: u64,
    /// Bytes of the journal.
    pub bytes: u64,
    /// Bytes of a torn tail that were cut off.
    pub bytes_cut: u64,
    /// Footers of sealed segments that were missing or damaged and were written
    /// anew from the groups.
    pub footers_rebuilt: u64,
    /// Tree head after the last block.
    pub root: Hash,
}

/// How to open a journal.
#[derive(Debug)]
pub(crate) struct RecoverOptions {
    /// Size at which segments are closed, bytes.
    pub segment_bytes: u64,
    /// What to do with a torn tail.
    pub policy: RecoveryPolicy,
    /// Up to where somebody knows that all was durable: what is missing or damaged
    /// before it is no torn tail.
    pub durable: Option<Durable>,
    /// Journal position of the mark; 0 where there is none.
    pub marked: u64,
    /// Where to begin reading, if not at the journal's beginning.
    pub start: Option<Start>,
}

/// Why a journal was not opened.
#[derive(Debug)]
pub(crate) enum RecoverError {
    /// The journal is not the one that the start is of, and why. Nothing was
    /// replayed nor changed; it may open without a start.
    StartRefused(String),
    /// It does not open.
    Failed(Error),
}

impl From<Error> for RecoverError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Its writing end.
    pub journal: Journal,
    /// Its reading end.
    pub segments: Arc<Segments>,
    /// The kept nodes of its tree.
    pub nodes: NodeTable,
    /// The id in its headers, and when the first of them was written.
    pub database: DatabaseId,
    pub created: i64,
    /// How opening it went.
    pub report: ReadReport,
}

/// Open the journal in `dir`, which has a segment. `replay` is called with every block in order, or with every block after the
/// start, and its leaf hash is checked through the Merkle root of its group.
///
/// # Errors
/// [`Error::Corrupt`] with the file and offset where the journal is damaged
/// before its durable end, [`Error::TornTail`] where the policy says so, whatever
/// `replay` returns; [`RecoverError::StartRefused`] for a start that is not of this
/// journal.
pub(crate) fn recover(
    fs: Arc<dyn FileSystem>,
    dir: &Path,
    options: RecoverOptions,
    mut replay: impl FnMut(&Block<'_>, BlockLocation) -> Result<(), String>,
) -> Result<Opened, RecoverError> {
    let RecoverOptions {
        durable,
        start,
        marked,
        ..
    } = options;
    let (mut survey, scan, tail) = read(&*fs, dir, durable, start, &mut replay)?;
    let Scan {
        tree,
        nodes,
        groups,
        blocks: blocks_read,
        last_group,
        leaves,
        durable_end,
        ..
    } = scan;
    let nodes = nodes.unwrap_or_default();

    // All is read; what follows changes files.
    let bytes_cut = clean(&*fs, dir, &survey, tail, options.policy)?;
    if let Some(found) = survey.segments.last_mut() {
        found.leaves = leaves;
    }
    let Some(last) = survey.segments.last() else {
        return Err(RecoverError::Failed(Error::Lost {
            path: dir.to_owned(),
            reason: "has no segment".into(),
            advice: ADVICE,
        }));
    };
    let (database, position) = (last.header.database, last.header.position);
    let offset = tail.map_or(SEGMENT_HEADER as u64, |tail| tail.end);
    if !planted(Bug::UnsettledTail) {
        // A process that was killed may have left a group, or the name of a segment,
        // that is in memory and not on the medium. Readers are about to see it, and
        // a footer says that the next segment is durable.
        let proven = durable_end.saturating_sub(position);
        last.reader.segment.settle(proven, offset)?;
        fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    }
    let footers_rebuilt = rebuild_footers(&*fs, &mut survey, &nodes)?;
    let Survey { segments: list, .. } = survey;
    let created = list.first().map_or(0, |first| first.header.created);
    let (segments, active) = share(&*fs, list, offset)?;
    let Some(active) = active else {
        // The last segment has no footer.
        return Err(Error::Closed.into());
    };
    let report = ReadReport {
        blocks: tree.size(),
        blocks_read,
        groups,
        segments: segments.len() as u64,
        bytes: active.position + active.offset,
        bytes_cut,
        footers_rebuilt,
        root: tree.root(),
    };
    let end = End {
        database,
        active,
        tree,
        last_group,
        marked,
    };
    let journal = Journal::resume(
        fs,
        dir.to_owned(),
        Arc::clone(&segments),
        options.segment_bytes,
        end,
    );
    Ok(Opened {
        journal,
        segments,
        nodes,
        database,
        created,
        report,
    })
}

/// Whether opening the journal in `dir` from a start succeeds, as far as reading it
/// goes. Changes nothing.
///
/// # Errors
/// Those of [`recover`].
pub(crate) fn would_open(
    fs: &dyn FileSystem,
    dir: &Path,
    durable: Option<Durable>,
    start: Start,
) -> Result<(), RecoverError> {
    let mut pass = |_: &Block<'_>, _| Ok(());
    read(fs, dir, durable, Some(start), &mut pass).map(drop)
}

/// Read and check a journal, from a start on if there is one. Changes nothing.
fn read<'a>(
    fs: &dyn FileSystem,
    dir: &Path,
    durable: Option<Durable>,
    start: Option<Start>,
    replay: &'a mut Replay<'a>,
) -> Result<(Survey, Scan<'a>, Option<Tail>), RecoverError> {
    let mut survey = survey(fs, dir)?;
    let mut scan = Scan::new(replay);
    if let (Some(known), Some(first)) = (durable, survey.segments.first()) {
        if known.database == first.header.database {
            scan.known(known);
        } else if known.source == Witness::Mark {
            let reason = "the journal is of one database and the file DURABLE beside it of another";
            return Err(first.reader.corrupt(0, reason).into());
        }
    }
    scan.nodes = Some(NodeTable::default());
    let mut from = None;
    let (mut before_start, no_nodes) = (Tree::default(), NodeTable::default());
    if let Some(start) = start {
        let number = match find_start(&start, &mut survey)? {
            Ok(number) => number,
            Err(reason) => return Err(RecoverError::StartRefused(reason)),
        };
        before_start = check_headers(&mut survey, 1..=number, &start.nodes)?;
        scan.last_group = Some(LastGroup {
            segment_first_seq: start.segment_first_seq,
            offset: start.last_group_offset,
            end: start.end_offset,
        });
        scan.tree = start.tree;
        scan.nodes = Some(start.nodes);
        scan.last_time = start.last_time;
        from = Some((number, start.end_offset));
    }
    let started = from.is_some();
    let first = from.map_or(0, |(number, _)| number);
    let last = survey.segments.len().saturating_sub(1);
    let mut tail = None;
    for (number, found) in survey.segments.iter_mut().enumerate().skip(first) {
        let offset = from.take().map(|(_, offset)| offset);
        if number == last {
            let before = offset.unwrap_or(SEGMENT_HEADER as u64);
            let leaves = read_leaves(&mut found.reader, &found.header, before)?;
            if offset.is_some() {
                let tree = std::mem::take(&mut before_start);
                let nodes = scan.nodes.as_ref().unwrap_or(&no_nodes);
                check_leaves(tree, &leaves, nodes, &scan.tree.root())
                    .map_err(|index| other_blocks(&found.reader, &leaves, index))?;
            }
            scan.leaves = Some(leaves);
        }
        tail = Some(scan.segment(found, to_number(number), offset)?);
        // All of the segment was read, so all of its footer may be.
        if let (None, Some(footer)) = (offset, &found.footer)
            && !footer.is_whole()?
        {
            found.footer = None;
        }
    }
    if started {
        // What comes after the start continues its tree, but the leaves before it in its
        // own segment were not read. In a group that is not whole they are part of every
        // proof.
        let nodes = scan.nodes.as_ref().unwrap_or(&no_nodes);
        check_headers(&mut survey, first + 1..=last, nodes)?;
    }
    Ok((survey, scan, tail))
}

/// Remove what a crash left behind, if the policy lets it; returns its bytes.
fn clean(
    fs: &dyn FileSystem,
    dir: &Path,
    survey: &Survey,
    tail: Option<Tail>,
    policy: RecoveryPolicy,
) -> Result<u64> {
    let mut removed = 0;
    if let (Some(found), Some(Tail { end, torn: Some(_) })) = (survey.segments.last(), tail) {
        let bytes = found.reader.len - end;
        if policy == RecoveryPolicy::RefuseTornTail {
            return Err(Error::TornTail {
                path: found.reader.segment.path.clone(),
                offset: end,
                bytes,
            });
        }
        if !planted(Bug::KeepTornTail) {
            found.reader.cut(end)?;
        }
        removed += bytes;
    }
    if let Some(unfinished) = &survey.unfinished {
        fs.remove_file(&unfinished.path)
            .map_err(|e| Error::io("remove", &unfinished.path, e))?;
        fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
        removed += unfinished.bytes;
    }
    Ok(removed)
}

/// Make a journal without a block in the empty folder `dir`, durably; returns the
/// random id that it gets.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn create(fs: &dyn FileSystem, dir: &Path, now: i64) -> Result<DatabaseId> {
    let database = *uuid::Uuid::new_v4().as_bytes();
    let header = SegmentHeader {
        database,
        first_seq: 1,
        position: 0,
        created: now,
        root: Tree::default().root(),
    };
    create_segment(fs, dir, &header).map(|_| database)
}

/// The reading end, and of the last segment, which ends at `offset`, the writing
/// end.
fn share(
    fs: &dyn FileSystem,
    list: Vec<FoundSegment>,
    offset: u64,
) -> Result<(Arc<Segments>, Option<Active>)> {
    let segments = Arc::new(Segments::default());
    let mut active = None;
    for (number, found) in list.into_iter().enumerate() {
        let SegmentReader { mut segment, .. } = found.reader;
        let SegmentHeader {
            first_seq,
            position,
            ..
        } = found.header;
        let groups_end = found.groups_end;
        let hashes = match found.footer {
            Some(footer) => Hashes::Sealed(footer),
            None => {
                let leaves = found.leaves.unwrap_or_else(|| Leaves::new(first_seq));
                let leaves = Arc::new(RwLock::new(leaves));
                if groups_end.is_none() {
                    segment = segment.held(fs)?;
                }
                active = Some(Active {
                    segment: segment.clone(),
                    first_seq,
                    number: to_number(number),
                    position,
                    offset,
                    leaves: Arc::clone(&leaves),
                });
                Hashes::Memory(leaves)
            }
        };
        segments.push(Indexed {
            segment,
            first_seq,
            hashes,
        });
    }
    Ok((segments, active))
}

/// A segment's number, as [`BlockLocation`] has it.
fn to_number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
