//! Recompute everything a closed database says about itself.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Closed;
use super::chains::{Chains, second_beginning};
use crate::block::Block;
use crate::error::Result;
use crate::fs::FileSystem;
use crate::journal::{Damage, Durable, Examination, Progress, examine};
use crate::types::Hash;

/// What verifying a database found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Segments with whole groups.
    pub segments: u64,
    /// Whole commit groups.
    pub groups: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Blocks in them.
    pub blocks: u64,
    /// Bytes of the journal up to the end of the last whole group.
    pub bytes: u64,
    /// Merkle root over these blocks.
    pub root: Hash,
    /// A torn tail: bytes at the end that no group holds and nothing proves to have
    /// been durable. Opening cuts it off.
    pub torn: Option<Damage>,
    /// Length of the torn tail.
    pub torn_bytes: u64,
    /// The first thing for which opening is refused that reads it.
    pub damage: Option<Damage>,
    /// Whether opening does not read what is damaged, since an index snapshot spares it.
    pub spared: bool,
    /// Footers of sealed segments that are damaged. No data is lost: opening rebuilds them.
    pub footers: Vec<Damage>,
    /// Footers of sealed segments that were not written to their end, as after a crash: nothing
    /// is wrong, and opening writes them.
    pub footers_missing: Vec<Damage>,
    /// Index snapshots that are whole.
    pub snapshots: u64,
    /// Index snapshots that are of no use, and why. No data is lost: opening
    /// ignores them.
    pub snapshots_damaged: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl VerifyReport {
    /// Whether everything that is there holds, derived data included.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_none()
            && self.torn.is_none()
            && self.footers.is_empty()
            && self.snapshots_damaged.is_empty()
    }

    /// Whether it opens with the recovery policy `cut_torn_tail`.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.damage.is_none() || self.spared
    }
}

/// Check every byte of the database in `dir`, which is not open: headers and
/// checksums of all segments, groups and blocks, sequences, commit times, what each
/// block says and which version it names as the one before, the Merkle root of every
/// group, footers and snapshots. Changes nothing.
///
/// Reads everything once. Takes nine bytes of memory a block, eight more a block of the
/// largest segment, and some megabytes; `progress` is called every few megabytes.
///
/// # Errors
/// [`crate::Error::Locked`] when it is open, [`crate::Error::NotFound`] where there
/// is no database, [`crate::Error::UnsupportedFormat`], [`crate::Error::Io`]. Damage
/// is no error but in the report.
pub fn verify(
    fs: &dyn FileSystem,
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport> {
    let closed = Closed::take(fs, dir)?;
    check(fs, &closed, progress).map(|(report, _)| report)
}

/// The same of one that the caller is making, whose lock it holds.
pub(crate) fn verify_held(
    fs: &dyn FileSystem,
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport> {
    check(fs, &Closed::held(dir), progress).map(|(report, _)| report)
}

/// The same, with what was found in its journal; its lock is held until the first value is
/// dropped.
pub(crate) fn examine_closed(
    fs: &dyn FileSystem,
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Closed, VerifyReport, Examination)> {
    let closed = Closed::take(fs, dir)?;
    let (report, found) = check(fs, &closed, progress)?;
    Ok((closed, report, found))
}

/// The same for one whose lock is held.
pub(super) fn check(
    fs: &dyn FileSystem,
    closed: &Closed,
    progress: &mut dyn FnMut(Progress),
) -> Result<(VerifyReport, Examination)> {
    let begun = Instant::now();
    let snapshots = closed.snapshots(fs)?;
    let known = snapshots
        .iter()
        .find_map(|known| known.as_ref().ok())
        .copied();
    let mark = closed.mark(fs)?;
    let marked = mark.as_ref().ok().copied().flatten();
    let durable = Durable::later(marked, known.map(|known| known.durable));
    let mut chains = Chains::default();
    let mut found = examine(fs, &closed.journal, durable, progress, &mut |block, _| {
        chains.block(block)
    })?;
    if let Some(seq) = chains.second_beginning(found.tree.size()) {
        // Never, but for a bug: once more, up to there.
        let mut refuse = |block: &Block<'_>, _| match block.seq == seq {
            true => Err(second_beginning(seq)),
            false => Ok(()),
        };
        found = examine(fs, &closed.journal, durable, progress, &mut refuse)?;
    }
    drop(chains);
    // For these opening is refused, whatever it reads.
    let beside = match mark {
        Err(damage) => Some(damage),
        Ok(_) => closed.wrong_identity(fs, found.database)?,
    };
    let spared = found.damage.is_some()
        && beside.is_none()
        && known.is_some_and(|known| closed.opens_from(fs, known.seq, marked));
    found.damage = found.damage.or(beside);
    let end = found
        .segments
        .last()
        .map_or(0, |last| last.header.position + last.end);
    let of_torn = |path: &Path| found.torn.as_ref().is_some_and(|torn| torn.path == path);
    let torn_bytes = found.lost.iter().filter(|lost| of_torn(&lost.path));
    let report = VerifyReport {
        segments: found.segments.len() as u64,
        groups: found.groups,
        transactions: found.transactions,
        blocks: found.tree.size(),
        bytes: end,
        root: found.tree.root(),
        torn: found.torn.clone(),
        torn_bytes: torn_bytes.map(|lost| lost.bytes).sum(),
        damage: found.damage.clone(),
        spared,
        footers: found.footers.clone(),
        footers_missing: found.footers_missing.clone(),
        snapshots: snapshots.iter().filter(|known| known.is_ok()).count() as u64,
        snapshots_damaged: snapshots.into_iter().filter_map(Result::err).collect(),
        elapsed: begun.elapsed(),
    };
    Ok((report, found))
}
