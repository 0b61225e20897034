//! What is measured of an open database, for whoever watches it.

use std::time::{Duration, SystemTime};

use super::database::Database;
use crate::error::Result;
use crate::measure::HistogramFigures;

/// What is measured of an open database, since it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// How long transactions waited from their submission to their answer, in nanoseconds;
    /// those that the committer refused are among them.
    pub commits: HistogramFigures,
    /// How long syncs of the journal took, in nanoseconds.
    pub syncs: HistogramFigures,
    /// Transactions committed in one group.
    pub group_sizes: HistogramFigures,
    /// Encoded bytes of the transactions that wait for the committer.
    pub queued_bytes: u64,
    /// How long the oldest transaction waits that has no answer yet: one that waits for the
    /// committer, or for the disk.
    pub oldest: Option<Duration>,
    /// Transactions that are open.
    pub open_transactions: u64,
    /// How long opening took.
    pub opening: Duration,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Attempts to take one that failed.
    pub snapshot_failures: u64,
    /// The last one taken, if one was.
    pub snapshot: Option<SnapshotFigures>,
}

/// A snapshot that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotFigures {
    /// When it was done, by the system's clock.
    pub at: SystemTime,
    /// How long it took.
    pub elapsed: Duration,
    /// Its length.
    pub bytes: u64,
}

impl Database {
    /// What is measured. A lock is held for moments only.
    ///
    /// # Errors
    /// [`crate::Error::Closed`].
    pub fn figures(&self) -> Result<Figures> {
        let state = &self.state;
        state.check_not_closed()?;
        let counters = &state.counters;
        let snapshots = state.snapshots.outcome();
        let last = snapshots.written.zip(snapshots.at);
        Ok(Figures {
            commits: counters.commits.figures(),
            syncs: counters.syncs.figures(),
            group_sizes: counters.group_sizes.figures(),
            queued_bytes: self.queue.waiting().1 as u64,
            oldest: counters.oldest.age(),
            open_transactions: self.sessions.table.count() as u64,
            opening: self.recovered().elapsed,
            snapshots: snapshots.taken,
            snapshot_failures: snapshots.failures,
            snapshot: last.map(|(written, at)| SnapshotFigures {
                at,
                elapsed: written.elapsed,
                bytes: written.bytes,
            }),
        })
    }
}
