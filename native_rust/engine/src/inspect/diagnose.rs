//! What is in a database folder, what is wrong with it, and what to do next, in
//! sentences.

use std::path::Path;

use super::Closed;
use super::beyond::count_beyond;
use super::verify::{VerifyReport, check};
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::journal::{Damage, Examination};
use crate::types::to_hex;

/// A database folder explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Sentences, in the order to be read: what is there, what is wrong, what
    /// opening would do, what to do next.
    pub sentences: Vec<String>,
    /// Whether the database opens with the recovery policy `cut_torn_tail`.
    pub opens: bool,
    /// What was checked; nothing when the folder is no closed database.
    pub report: Option<VerifyReport>,
}

/// Explain the database in `dir`. Checks all of it, as [`crate::verify`] does, and
/// changes nothing.
///
/// # Errors
/// [`Error::Io`]. A folder that is no database, one that is open, and one of a newer
/// format are explained, too.
pub fn diagnose(fs: &dyn FileSystem, dir: &Path) -> Result<Diagnosis> {
    let closed = match Closed::take(fs, dir) {
        Ok(closed) => closed,
        Err(error) => return explain_refusal(dir, error),
    };
    let (report, found) = match check(fs, &closed, &mut |_| {}) {
        Ok(checked) => checked,
        Err(error) => return explain_refusal(dir, error),
    };
    let mut sentences = vec![what_is_there(&report)];
    wrong(&report, &found, &mut sentences);
    let beyond = match report.damage {
        Some(_) => count_beyond(fs, &closed.journal, &found, report.blocks)?,
        None => 0,
    };
    next(dir, &report, beyond, &mut sentences);
    Ok(Diagnosis {
        sentences,
        opens: report.opens(),
        report: Some(report),
    })
}

fn explain_refusal(dir: &Path, error: Error) -> Result<Diagnosis> {
    let dir = dir.display();
    let sentence = match error {
        Error::NotFound { .. } => format!(
            "{dir} holds no database: it has no folder `journal`. If it is the folder of a database, its journal is lost: put it back from a backup. If it is a data folder, name the folder of a database in it."
        ),
        Error::Corrupt {
            path,
            reason,
            advice,
            ..
        } => format!("{}: {reason}. {advice}.", path.display()),
        Error::Lost {
            path,
            reason,
            advice,
        } => format!("{} {reason}. {advice}.", path.display()),
        Error::Locked { holder, .. } => {
            let holder = holder.map_or("another process".into(), |pid| format!("process {pid}"));
            format!(
                "The database in {dir} is open in {holder}: close it, or stop the server, and ask again."
            )
        }
        Error::UnsupportedFormat { .. } => {
            format!("{error}. Open it with the version that wrote it, or a later one.")
        }
        other => return Err(other),
    };
    Ok(Diagnosis {
        sentences: vec![sentence],
        opens: false,
        report: None,
    })
}

fn what_is_there(report: &VerifyReport) -> String {
    if report.blocks == 0 {
        return "The journal holds no whole block.".into();
    }
    format!(
        "The journal holds {} whole blocks in {} transactions, {} commit groups and {} segments, {} bytes; its Merkle root is {}.",
        report.blocks,
        report.transactions,
        report.groups,
        report.segments,
        report.bytes,
        to_hex(&report.root)
    )
}

fn wrong(report: &VerifyReport, found: &Examination, sentences: &mut Vec<String>) {
    if let Some(damage) = &report.damage {
        sentences.push(format!("It is damaged: {}.", place(damage)));
        let bytes: u64 = found.lost.iter().map(|lost| lost.bytes).sum();
        if bytes > 0 {
            sentences.push(format!(
                "Behind the whole blocks lie {bytes} bytes that cannot be proved to follow on them."
            ));
        }
    }
    if let Some(torn) = &report.torn {
        sentences.push(format!(
            "It ends with a torn tail of {} bytes: {}. A crash in the middle of a write leaves that; after a clean stop it is a sign of a failing disk.",
            report.torn_bytes,
            place(torn)
        ));
    }
    for footer in &report.footers {
        sentences.push(format!(
            "Derived data is damaged, no block is lost: {}.",
            place(footer)
        ));
    }
    for footer in &report.footers_missing {
        sentences.push(format!(
            "A crash came before all of a segment was written that can be written again, no block is lost: {}.",
            place(footer)
        ));
    }
    for snapshot in &report.snapshots_damaged {
        sentences.push(format!(
            "An index snapshot is of no use, no block is lost: {snapshot}."
        ));
    }
    if report.is_sound() {
        sentences.push("Everything in it checks.".into());
    }
}

/// `beyond` blocks behind the damage can be read.
fn next(dir: &Path, report: &VerifyReport, beyond: u64, sentences: &mut Vec<String>) {
    if report.damage.is_some() {
        if report.spared {
            sentences.push("Opening succeeds all the same: the index snapshot spares reading what is damaged. Requests that read it are answered with journal_corrupt, and without the snapshot opening is refused.".into());
        } else {
            sentences.push("Opening is refused, and changes nothing.".into());
        }
        sentences.push(format!(
            "What to do: look for a sign that the disk is failing, and keep a copy of {}. If there is a backup, or another copy of the damaged file, put it in place. If there is none, salvage the {} whole blocks into a new folder; the old one is not changed.",
            dir.display(),
            report.blocks
        ));
        if beyond > 0 {
            sentences.push(format!(
                "{beyond} blocks after the damage can be read: with --beyond they follow in the copy as new blocks, but for those that depend on what is lost."
            ));
        }
        return;
    }
    if report.torn.is_some() {
        sentences.push("Opening cuts the torn tail off and reports it; with the recovery policy refuse_torn_tail it is refused.".into());
    }
    if !report.footers.is_empty() {
        sentences.push("Opening rebuilds what is derived where it notices; to be sure, remove the folder `snapshots` first, so that it reads the whole journal.".into());
    } else if !report.snapshots_damaged.is_empty() {
        sentences.push("Opening ignores such snapshots and reads the journal; the next one it takes replaces them.".into());
    }
    if !report.footers_missing.is_empty() {
        sentences.push("Opening writes the footers that are missing.".into());
    }
    if report.is_sound() {
        sentences.push("There is nothing to do.".into());
    }
}

fn place(damage: &Damage) -> String {
    let Damage {
        path,
        offset,
        reason,
    } = damage;
    format!("{}, byte {offset}: {reason}", path.display())
}
