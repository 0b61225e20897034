//! Snapshots of the indexes, so that opening need not read the whole journal.
//!
//! A snapshot is derived data: the journal has everything. It is checked in every
//! byte before it is used, and one that does not check, or does not fit the
//! journal, is ignored: losing it costs time. It is as of a sequence, history
//! included: it holds what blocks up to that one did, and nothing of later ones,
//! though those are written while it is being taken.
//!
//! [`write()`] takes one; [`newest_first`] and [`load()`] find it again.

mod extra;
mod frames;
mod load;
mod log;
mod outline;
mod records;
#[cfg(test)]
mod tests;
mod wire;
mod write;

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::journal;
use crate::merkle::LOWEST;
use crate::types::Hash;
use frames::Header;

pub(crate) use extra::{decode_extra, encode_extra};
pub(crate) use load::load;
pub(crate) use log::SnapshotLog;
pub(crate) use outline::{Outline, outline};
pub(crate) use write::{Stop, write};

/// Folder of the snapshots inside a database's folder.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// The moment a snapshot is about: a group that is durable and published.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotMark {
    /// Where it is in the journal.
    pub journal: journal::Checkpoint,
    /// Commit time of the group.
    pub last_time: i64,
    /// Points alive in all series.
    pub points: u64,
    /// A section for what else is known at that sequence, kept as it is.
    pub extra: Vec<u8>,
}

impl SnapshotMark {
    fn header(&self) -> Header {
        let journal::Checkpoint {
            database,
            tree,
            last_group:
                journal::LastGroup {
                    segment_first_seq,
                    offset,
                    end,
                },
            position,
        } = &self.journal;
        let mut low_peaks: [Hash; LOWEST as usize] = Default::default();
        for (level, slot) in (0..LOWEST).zip(&mut low_peaks) {
            *slot = tree.peak(level).unwrap_or_default();
        }
        Header {
            database: *database,
            seq: tree.size(),
            segment_first_seq: *segment_first_seq,
            last_group_offset: *offset,
            end_offset: *end,
            position: *position,
            last_time: self.last_time,
            points: self.points,
            root: tree.root(),
            low_peaks,
        }
    }
}

/// A snapshot that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrittenSnapshot {
    /// The sequence it is as of.
    pub seq: u64,
    /// Length of the file.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// The snapshot a database was opened from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotUsed {
    /// The sequence it is as of: only blocks after it were read.
    pub seq: u64,
    /// Bytes read of it.
    pub bytes: u64,
}

/// The sequences of the snapshots in `dir`, the newest first; none where there is
/// no such folder.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be read.
pub(crate) fn newest_first(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<u64>> {
    let names = match fs.list(dir) {
        Ok(names) => names,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", dir, e)),
    };
    let mut seqs: Vec<u64> = names.iter().filter_map(|n| parse_file_name(n)).collect();
    seqs.sort_unstable_by(|a, b| b.cmp(a));
    Ok(seqs)
}

/// Name of the snapshot as of `seq`.
pub(crate) fn file_name(seq: u64) -> String {
    format!("{seq:020}.snapshot")
}

/// The inverse of [`file_name`].
fn parse_file_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".snapshot")?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}
