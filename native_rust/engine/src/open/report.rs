//! What an opening did.

use std::time::Duration;

use crate::journal::ReadReport;
use crate::snapshot::SnapshotUsed;
use crate::types::Hash;

/// What opening a database found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Whether the database was made by this call.
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

impl Recovered {
    /// Of a journal that was read with the help of a snapshot, or without.
    pub(super) fn new(read: ReadReport, snapshot: Option<SnapshotUsed>) -> Self {
        let ReadReport {
            blocks,
            blocks_read,
            groups,
            segments,
            bytes,
            bytes_cut,
            footers_rebuilt,
            root,
        } = read;
        Self {
            created: false,
            blocks,
            blocks_read,
            groups,
            segments,
            bytes,
            bytes_cut,
            footers_rebuilt,
            root,
            snapshot,
            snapshots_ignored: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }
}
