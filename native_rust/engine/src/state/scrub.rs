//! How far the scrub of a database has come.

use std::collections::BTreeSet;
use std::path::PathBuf;

use parking_lot::Mutex;

use crate::journal::Patrol;

/// What was read through of a database since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScrubStats {
    /// Whole passes.
    pub passes: u64,
    /// Bytes of blocks read in all.
    pub bytes: u64,
    /// The block up to which the pass under way has come; 0 between passes.
    pub position: u64,
    /// When the last whole pass ended, microseconds since the epoch.
    pub finished: Option<i64>,
    /// Places at which something does not hold; at most 10,000 are counted.
    pub damaged: u64,
}

/// How far the passes of a database are.
#[derive(Debug, Default)]
pub(crate) struct Scrub {
    pub(crate) pass: Mutex<Pass>,
    pub(crate) stats: Mutex<ScrubStats>,
}

#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// Last block that was read, and the last one to be read.
    pub(crate) seq: u64,
    pub(crate) until: u64,
    pub(crate) patrol: Patrol,
    /// What was found since the database was opened: damage does not heal.
    pub(crate) found: BTreeSet<(PathBuf, u64)>,
}

impl Scrub {
    pub(crate) fn stats(&self) -> ScrubStats {
        self.stats.lock().clone()
    }
}
