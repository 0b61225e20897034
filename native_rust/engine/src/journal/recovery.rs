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
//!
//! Everything is read and decided first; only then is anything changed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use super::footer::Footer;
use super::layout::{DatabaseId, GROUP_HEADER, SEGMENT_HEADER, SegmentHeader};
use super::leaves::Leaves;
use super::policy::RecoveryPolicy;
use super::reader::SegmentReader;
use super::scan::{Scan, Tail, read_leaves};
use super::segments::{Hashes, Indexed, Segments};
use super::survey::{Found, Survey, survey};
use super::writer::{Active, End, Journal, LastGroup, create_segment};
use crate::block::Block;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::index::BlockLocation;
use crate::merkle::{Hash, NodeTable, Tree};
use crate::planted::{Bug, planted};
use crate::snapshot::SnapshotUsed;

/// What opening a journal found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Whether the journal was made by this call.
    pub created: bool,
    /// Blocks in the journal.
    pub blocks: u64,
    /// Blocks read and checked; the others came with an index snapshot.
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
    /// The snapshot that spared reading the blocks up to it.
    pub snapshot: Option<SnapshotUsed>,
    /// Snapshots that were of no use, and why.
    pub snapshots_ignored: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// How to open a journal.
#[derive(Debug)]
pub(crate) struct RecoverOptions {
    /// Size at which segments are closed, bytes.
    pub segment_bytes: u64,
    /// What to do with a torn tail.
    pub policy: RecoveryPolicy,
    /// Time for the header of a new journal, microseconds since the epoch.
    pub now: i64,
    /// Up to where somebody knows that all was durable: what is missing or damaged
    /// before it is no torn tail.
    pub durable: Option<Durable>,
    /// Where to begin reading, if not at the journal's beginning.
    pub start: Option<Start>,
}

/// What is known to have been durable of a database's journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durable {
    pub database: DatabaseId,
    /// Journal position up to which it was.
    pub position: u64,
}

/// A place behind a group, and what is known as of it: what an index snapshot
/// brings, so that only the journal behind it is read.
#[derive(Debug)]
pub(crate) struct Start {
    /// Last sequence before it.
    pub seq: u64,
    /// Tree of the blocks up to there.
    pub tree: Tree,
    /// Its kept nodes.
    pub nodes: NodeTable,
    /// The database it belongs to.
    pub database: DatabaseId,
    /// First sequence of the segment it lies in.
    pub segment_first_seq: u64,
    /// Offset in that segment right behind the group that ends with `seq`.
    pub end_offset: u64,
    /// Offset of that group's header.
    pub last_group_offset: u64,
    /// Commit time of block `seq`.
    pub last_time: i64,
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
    /// How opening it went.
    pub report: Recovered,
}

/// Open the journal in `dir`, or make an empty one where `dir` has no segment.
/// `replay` is called with every block in order, or with every block behind the
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
    let begun = Instant::now();
    let mut survey = survey(&*fs, dir)?;
    let mut scan = Scan::new(&mut replay);
    let database = survey.segments.first().map(|found| found.header.database);
    if let Some(known) = options.durable
        && Some(known.database) == database
    {
        scan.durable_end = known.position;
    }
    let mut from = None;
    if let Some(start) = options.start {
        let number = match find_start(&start, &mut survey)? {
            Ok(number) => number,
            Err(reason) => return Err(RecoverError::StartRefused(reason)),
        };
        scan.last_group = Some(LastGroup {
            segment_first_seq: start.segment_first_seq,
            offset: start.last_group_offset,
            end: start.end_offset,
        });
        scan.tree = start.tree;
        scan.nodes = start.nodes;
        scan.last_time = start.last_time;
        from = Some((number, start.end_offset));
    }
    let first = from.map_or(0, |(number, _)| number);
    let last = survey.segments.len().saturating_sub(1);
    let mut tail = None;
    for (number, found) in survey.segments.iter_mut().enumerate().skip(first) {
        let offset = from.take().map(|(_, offset)| offset);
        if number == last {
            let before = offset.unwrap_or(SEGMENT_HEADER as u64);
            scan.leaves = Some(read_leaves(&mut found.reader, &found.header, before)?);
        }
        tail = Some(scan.segment(found, to_number(number), offset)?);
        // All of the segment was read, so all of its footer may be.
        if let (None, Some(footer)) = (offset, &found.footer)
            && !footer.is_whole()?
        {
            found.footer = None;
        }
    }
    let Scan {
        tree,
        nodes,
        groups,
        blocks: blocks_read,
        last_group,
        durable_end,
        leaves,
        ..
    } = scan;

    // All is read; what follows changes files.
    let bytes_cut = clean(&*fs, dir, &survey, tail, options.policy)?;
    let footers_rebuilt = rebuild_footers(&mut survey)?;
    if let Some(found) = survey.segments.last_mut() {
        found.leaves = leaves;
    }
    let created = survey.segments.is_empty();
    if created {
        let header = SegmentHeader {
            database: *uuid::Uuid::new_v4().as_bytes(),
            first_seq: 1,
            position: 0,
            created: options.now,
            root: tree.root(),
        };
        create_segment(&*fs, dir, &header)?;
        survey.segments.push(Found {
            reader: SegmentReader::open(&*fs, dir, 1)?,
            header,
            groups_end: None,
            footer: None,
            leaves: None,
        });
    }
    let segments = Arc::new(Segments::default());
    let mut leaves = Arc::default();
    for found in &mut survey.segments {
        let first_seq = found.header.first_seq;
        segments.push(Indexed {
            segment: found.reader.segment.clone(),
            first_seq,
            hashes: match found.footer.take() {
                Some(footer) => Hashes::Sealed(footer),
                None => {
                    let own = found
                        .leaves
                        .take()
                        .unwrap_or_else(|| Leaves::new(first_seq));
                    leaves = Arc::new(RwLock::new(own));
                    Hashes::Memory(Arc::clone(&leaves))
                }
            },
        });
    }
    let Some(last) = survey.segments.last() else {
        // There is at least the one made above.
        return Err(Error::Closed.into());
    };
    let active = Active {
        segment: last.reader.segment.clone(),
        first_seq: last.header.first_seq,
        number: to_number(survey.segments.len() - 1),
        position: last.header.position,
        offset: tail.map_or(SEGMENT_HEADER as u64, |tail| tail.end),
        leaves,
    };
    if !created && !planted(Bug::UnsettledTail) {
        // A process that was killed may have left a group, or the name of a segment,
        // that is in memory and not on the medium. Readers are about to see it.
        let proven = durable_end.saturating_sub(active.position);
        active.segment.settle(proven, active.offset)?;
        fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    }
    let report = Recovered {
        created,
        blocks: tree.size(),
        blocks_read,
        groups,
        segments: survey.segments.len() as u64,
        bytes: active.position + active.offset,
        bytes_cut,
        footers_rebuilt,
        root: tree.root(),
        snapshot: None,
        snapshots_ignored: Vec::new(),
        elapsed: begun.elapsed(),
    };
    let end = End {
        database: last.header.database,
        active,
        tree,
        last_group,
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
        report,
    })
}

/// The number of the segment that a start lies in, or why the start is not of this
/// journal. Reads one group.
fn find_start(start: &Start, survey: &mut Survey) -> Result<Result<usize, String>> {
    let place = survey
        .segments
        .iter()
        .position(|found| found.header.first_seq == start.segment_first_seq);
    let Some(number) = place else {
        return Ok(Err(format!(
            "the journal has no segment that begins with block {}",
            start.segment_first_seq
        )));
    };
    let next_seq = survey
        .segments
        .get(number + 1)
        .map(|next| next.header.first_seq);
    let Some(Found {
        reader,
        header,
        groups_end,
        ..
    }) = survey.segments.get_mut(number)
    else {
        return Ok(Err("the journal has no such segment".into()));
    };
    if header.database != start.database {
        return Ok(Err("it is of another database".into()));
    }
    if next_seq.is_some_and(|next| next <= start.seq) {
        return Ok(Err(
            "its last block lies in another segment than it says".into()
        ));
    }
    let end = groups_end.unwrap_or(reader.len);
    if start.last_group_offset < SEGMENT_HEADER as u64 || start.end_offset > end {
        return Ok(Err(format!(
            "it ends at byte {} of a segment whose groups end at byte {end}",
            start.end_offset
        )));
    }
    let group = match reader.group(header, start.last_group_offset)? {
        Ok((group, _)) => group,
        Err(reason) => return Ok(Err(format!("its last group does not check: {reason}"))),
    };
    let group_end = start.last_group_offset + GROUP_HEADER as u64 + u64::from(group.body_len);
    let same = group.tree_size == start.seq
        && start.tree.size() == start.seq
        && group.root == start.tree.root()
        && group_end == start.end_offset;
    if !same {
        return Ok(Err(
            "the journal has another group where its last one should be".into(),
        ));
    }
    Ok(Ok(number))
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

/// Write the footers that sealed segments lack; returns how many. Reads those
/// segments once more, which is rare: a crash leaves at most one without. Where a
/// footer cannot be written, what it would hold stays in memory: a full disk must
/// not keep a database from being read.
fn rebuild_footers(survey: &mut Survey) -> Result<u64> {
    let mut rebuilt = 0;
    for found in &mut survey.segments {
        let (Some(end), None) = (found.groups_end, &found.footer) else {
            continue;
        };
        let leaves = read_leaves(&mut found.reader, &found.header, end)?;
        let SegmentReader { segment, len, .. } = &found.reader;
        let cut = match *len > end {
            true => found.reader.cut(end),
            false => Ok(()),
        };
        let written =
            cut.and_then(|()| Footer::write(segment, &found.header.database, &leaves, end));
        match written {
            Ok(footer) => {
                found.footer = Some(footer);
                rebuilt += 1;
            }
            Err(_) => found.leaves = Some(leaves),
        }
    }
    Ok(rebuilt)
}

/// A segment's number, as [`BlockLocation`] has it.
fn to_number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
