//! Writing the footer of a segment that is full.
//!
//! For 256 MiB of small blocks that is a second of sorting and writing, for which
//! no commit should wait: it has a thread of its own. For a small segment, starting
//! a thread costs more than the footer.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::RwLock;

use super::footer::Footer;
use super::header::DatabaseId;
use super::leaves::Leaves;
use super::prove::{check_leaves, tree_before};
use super::reader::SegmentReader;
use super::segment::Segment;
use super::segments::Segments;
use super::survey::Survey;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::merkle::NodeTable;

/// Blocks up to which the caller writes the footer itself: some milliseconds.
const INLINE: u32 = 4_096;

/// A footer to be written.
#[derive(Clone)]
pub(super) struct Job {
    pub fs: Arc<dyn FileSystem>,
    pub segments: Arc<Segments>,
    /// The segment's number.
    pub number: u32,
    pub segment: Segment,
    pub database: DatabaseId,
    pub leaves: Arc<RwLock<Leaves>>,
    /// Where its groups end.
    pub groups_end: u64,
}

impl Job {
    fn run(self) -> Result<()> {
        // A footer after a hole would hide that something is missing.
        self.segment.check_length()?;
        // Nobody writes to it any more, so readers never wait for this lock.
        let leaves = self.leaves.read();
        let footer = Footer::write(&self.segment, &self.database, &leaves, self.groups_end)?;
        footer.remember(&leaves);
        // Nothing is written to it any more, so it need not stay open.
        let segment = self.segment.on_demand(&*self.fs)?;
        // Which file that is is told by its name: it must still be this one's.
        self.segment.check_place(&*self.fs, false)?;
        self.segments.seal(self.number, footer.through(segment));
        Ok(())
    }
}

/// The footer being written in the background, at most one.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    thread: Option<JoinHandle<Result<()>>>,
}

impl Sealing {
    /// Write a footer, after the one before it.
    pub(super) fn begin(&mut self, job: Job) -> Result<()> {
        self.finish()?;
        if job.leaves.read().len() <= INLINE {
            return job.run();
        }
        let background = job.clone();
        let thread = std::thread::Builder::new()
            .name("formdb-seal".into())
            .spawn(move || background.run());
        match thread {
            Ok(thread) => {
                self.thread = Some(thread);
                Ok(())
            }
            // There is none to be had: commits wait this once.
            Err(_) => job.run(),
        }
    }

    /// How the one before went, if it is done.
    pub(super) fn poll(&mut self) -> Result<()> {
        match &self.thread {
            Some(thread) if thread.is_finished() => self.finish(),
            _ => Ok(()),
        }
    }

    /// Wait for it.
    pub(super) fn finish(&mut self) -> Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(Error::Poisoned {
                cause: "writing the footer of a segment panicked; see the log".into(),
            }),
        }
    }
}

impl Drop for Sealing {
    /// Nothing may write to the database's files once its lock is released. What
    /// went wrong is put right by opening it.
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// Write the footers that sealed segments lack; returns how many. Reads those
/// segments once more, which is rare: a crash leaves at most one without. Where a
/// footer cannot be written, what it would hold stays in memory: a full disk must
/// not keep a database from being read.
///
/// # Errors
/// [`Error::Corrupt`] where the blocks are not those of the tree with the kept `nodes`.
pub(super) fn rebuild_footers(
    fs: &dyn FileSystem,
    survey: &mut Survey,
    nodes: &NodeTable,
) -> Result<u64> {
    let mut rebuilt = 0;
    for number in 0..survey.segments.len() {
        let next = survey.segments.get(number + 1);
        let Some(root) = next.map(|next| next.header.root) else {
            break;
        };
        if survey
            .segments
            .get(number)
            .is_none_or(|found| found.footer.is_some())
        {
            continue;
        }
        let tree = tree_before(survey, number, nodes)?;
        let Some(found) = survey.segments.get_mut(number) else {
            break;
        };
        let Some(end) = found.groups_end else {
            continue;
        };
        found.leaves()?;
        let Some(leaves) = found.leaves.take() else {
            continue;
        };
        check_leaves(tree, &leaves, nodes, &root)
            .map_err(|index| other_blocks(&found.reader, &leaves, index))?;
        let SegmentReader { segment, len, .. } = &found.reader;
        let cut = match *len > end {
            true => found.reader.cut(end),
            false => Ok(()),
        };
        let written =
            cut.and_then(|()| Footer::write(segment, &found.header.database, &leaves, end));
        match written {
            Ok(footer) => {
                let segment = segment.on_demand(fs)?;
                found.reader.segment = segment.clone();
                found.footer = Some(footer.through(segment));
                rebuilt += 1;
            }
            Err(_) => found.leaves = Some(leaves),
        }
    }
    Ok(rebuilt)
}

/// The error for blocks that are not those of the tree, from the one at `index` on.
pub(super) fn other_blocks(reader: &SegmentReader, leaves: &Leaves, index: u32) -> Error {
    let offset = leaves.get(index).map_or(0, |(_, offset)| offset);
    let seq = leaves.first_seq() + u64::from(index);
    let reason = format!(
        "from block {seq} on there are other blocks than those that the Merkle tree was made of"
    );
    reader.corrupt(u64::from(offset), reason)
}
