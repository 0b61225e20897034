//! Copy what is whole of a damaged database into a new one.

use std::path::Path;
use std::sync::Arc;

use super::Closed;
use super::beyond::{Appended, Appending, Kept, count_beyond};
use super::verify::check;
use crate::block::Block;
use crate::clock::system_micros;
use crate::error::{Error, InvalidCode, Result};
use crate::fs::FileSystem;
use crate::fs::make_dir;
use crate::journal::{
    Damage, Examination, Examined, Journal, Lost, Progress, RecoverError, RecoverOptions,
    append_transactions, copy_segment, empty_segment, readable_blocks, recover, whole_transactions,
};
use crate::limits::Limits;
use crate::limits::RecoveryPolicy;
use crate::open::home::JOURNAL;
use crate::types::{Hash, to_hex};

/// The journal while it is being copied; it gets its name when it is complete.
const PARTIAL: &str = "journal.partial";

/// What was salvaged, and what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvageReport {
    /// Blocks copied as they were: all from 1 up to this sequence.
    pub blocks: u64,
    /// Transactions copied.
    pub transactions: u64,
    /// Of them, those at the beginning of a damaged group. Their blocks match their
    /// own checksums and follow on the others, but the checksum and the Merkle root
    /// of their group vouch for them no more.
    pub unproved_transactions: u64,
    /// Merkle root over all blocks of the copy: that of the old journal at this size, if
    /// nothing was written anew.
    pub root: Hash,
    /// What was read after the damage and written anew, if that was asked for.
    pub appended: Option<Appended>,
    /// Blocks behind the damage that can be read, where that was not asked for.
    pub beyond: u64,
    /// What was wrong with the old journal.
    pub damage: Option<Damage>,
    /// Bytes that were not copied as they were.
    pub lost: Vec<Lost>,
}

/// How much of a damaged journal to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The longest beginning of whole transactions that can be proved.
    Provable,
    /// What can be read after it, too: as new blocks, in the old order, of which the
    /// provenance key `salvaged` says what they were.
    Beyond,
}

/// Copy the longest beginning of whole transactions that can be proved from the
/// database in `from` into a new database in `to`. Blocks keep their bytes, hashes
/// and sequences, and the database its id. With [`Reach::Beyond`] what can be read
/// after the damage follows as new blocks; ids of features are in memory meanwhile.
/// `from` is not changed; it must not be open. `progress` is called every few
/// megabytes.
///
/// # Errors
/// [`Error::Invalid`] when `to` is there and not empty, or when nothing can be
/// salvaged; [`Error::Locked`], [`Error::NotFound`], [`Error::UnsupportedFormat`],
/// [`Error::Io`].
pub fn salvage(
    fs: &Arc<dyn FileSystem>,
    from: &Path,
    to: &Path,
    reach: Reach,
    progress: &mut dyn FnMut(Progress),
) -> Result<SalvageReport> {
    match fs.list(to) {
        Ok(names) if !names.is_empty() => {
            let detail = format!(
                "{} is not empty; name a folder that does not exist yet",
                to.display()
            );
            return Err(Error::invalid(InvalidCode::Parameter, "/to", detail));
        }
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(Error::io("list", to, e)),
    }
    let closed = Closed::take(&**fs, from)?;
    let (_, found) = check(&**fs, &closed, progress)?;
    let beyond = found.database.filter(|_| reach == Reach::Beyond);
    if found.segments.is_empty() && beyond.is_none() {
        let reason = found
            .damage
            .map_or("it is empty".into(), |damage| damage.reason);
        let detail = format!(
            "there is nothing to salvage in {}: {reason}",
            from.display()
        );
        return Err(Error::invalid(InvalidCode::Parameter, "/from", detail));
    }
    make_dir(&**fs, to)?;
    let partial = to.join(PARTIAL);
    make_dir(&**fs, &partial)?;
    for segment in &found.segments {
        copy_segment(&**fs, segment, &partial)?;
    }
    if let (Some(database), true) = (beyond, found.segments.is_empty()) {
        empty_segment(&**fs, &partial, database, system_micros())?;
    }
    let mut kept = beyond.map(|_| Kept::default());
    let mut journal = reopen(fs, &partial, &found, &mut kept)?;
    let more = match found.segments.last() {
        Some(last) if !found.lost.is_empty() => {
            whole_transactions(&**fs, last, found.tree.size(), found.last_time)?
        }
        _ => Vec::new(),
    };
    append_transactions(&mut journal, &more, found.last_time)?;
    let blocks = journal.tree().size();
    let appended = match (beyond, kept) {
        (Some(database), Some(mut kept)) => {
            for block in more.iter().flatten() {
                note(&mut kept, block, &partial)?;
            }
            let now = system_micros().max(found.last_time);
            let mut appending = Appending::new(&mut journal, kept, now);
            let stretches = &found.lost;
            let mut add = |block: &Block<'_>, bytes: &[u8]| appending.add(block, bytes);
            readable_blocks(&**fs, &closed.journal, &database, stretches, &mut add)?;
            Some(appending.finish()?)
        }
        _ => None,
    };
    let beyond = match appended {
        Some(_) => 0,
        None => count_beyond(&**fs, &closed.journal, &found, blocks)?,
    };
    let root = journal.tree().root();
    drop(journal);
    let complete = to.join(JOURNAL);
    fs.rename(&partial, &complete)
        .map_err(|e| Error::io("rename", &partial, e))?;
    fs.sync_dir(to).map_err(|e| Error::io("sync", to, e))?;
    let mut lost = found.lost;
    if let Some(last) = found.segments.last() {
        forget_salvaged(&mut lost, last, &more);
    }
    Ok(SalvageReport {
        blocks,
        transactions: found.transactions + more.len() as u64,
        unproved_transactions: more.len() as u64,
        root,
        appended,
        beyond,
        damage: found.damage.or(found.torn),
        lost,
    })
}

/// Open the copy, which reads and checks all of it and writes its footers.
fn reopen(
    fs: &Arc<dyn FileSystem>,
    dir: &Path,
    found: &Examination,
    kept: &mut Option<Kept>,
) -> Result<Journal> {
    let options = RecoverOptions {
        segment_bytes: Limits::default().segment_bytes,
        policy: RecoveryPolicy::RefuseTornTail,
        durable: None,
        marked: 0,
        start: None,
    };
    let replay = |block: &Block<'_>, _| match kept {
        Some(kept) => kept.block(block),
        None => Ok(()),
    };
    let opened = match recover(Arc::clone(fs), dir, options, replay) {
        Ok(opened) => opened,
        Err(RecoverError::Failed(error)) => return Err(error),
        Err(RecoverError::StartRefused(cause)) => {
            return Err(Error::Poisoned {
                cause: cause.into(),
            });
        }
    };
    let (copied, expected) = (opened.report.root, found.tree.root());
    if copied != expected {
        return Err(Error::Corrupt {
            path: dir.to_owned(),
            offset: 0,
            reason: format!(
                "the copy has the Merkle root {}, expected {}",
                to_hex(&copied),
                to_hex(&expected)
            ),
            advice: "The medium of the new folder does not return what is written to it: use another one",
        });
    }
    Ok(opened.journal)
}

/// Enter a block of the copy in what it holds.
fn note(kept: &mut Kept, bytes: &[u8], dir: &Path) -> Result<()> {
    let noted = Block::decode(bytes).and_then(|block| kept.block(&block));
    noted.map_err(|reason| Error::Corrupt {
        path: dir.to_owned(),
        offset: 0,
        reason,
        advice: "Salvage without what lies after the damage",
    })
}

/// Take the bytes of salvaged transactions off what was lost.
fn forget_salvaged(lost: &mut Vec<Lost>, last: &Examined, more: &[Vec<Vec<u8>>]) {
    let bytes = crate::journal::group_bytes(more);
    if bytes == 0 {
        return;
    }
    for lost in lost.iter_mut().filter(|lost| lost.path == last.path) {
        lost.from += bytes;
        lost.bytes = lost.bytes.saturating_sub(bytes);
    }
    lost.retain(|lost| lost.bytes > 0);
}
