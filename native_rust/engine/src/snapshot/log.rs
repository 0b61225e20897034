//! How taking snapshots goes.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::WrittenSnapshot;
use crate::error::{Error, Result};

/// How taking snapshots went since the database was opened.
#[derive(Debug, Default)]
pub(crate) struct SnapshotLog {
    outcome: Mutex<SnapshotOutcome>,
}

/// The last of each kind.
#[derive(Debug, Default, Clone)]
pub(crate) struct SnapshotOutcome {
    /// The last one taken.
    pub written: Option<WrittenSnapshot>,
    /// Why the last attempt failed, if it did.
    pub failure: Option<Arc<str>>,
    /// When the last one was taken, by the system's clock.
    pub at: Option<SystemTime>,
    /// How many were taken, and how many attempts failed.
    pub taken: u64,
    pub failures: u64,
}

impl SnapshotLog {
    pub(crate) fn outcome(&self) -> SnapshotOutcome {
        self.outcome.lock().clone()
    }

    pub(crate) fn note(&self, result: Result<WrittenSnapshot>) {
        match result {
            Ok(written) => {
                let mut outcome = self.outcome.lock();
                outcome.written = Some(written);
                outcome.failure = None;
                outcome.at = Some(SystemTime::now());
                outcome.taken += 1;
            }
            // Told to stop: no failure.
            Err(Error::Closed) => {}
            Err(error) => self.note_failure(&error.to_string()),
        }
    }

    pub(crate) fn note_failure(&self, cause: &str) {
        let mut outcome = self.outcome.lock();
        outcome.failure = Some(cause.into());
        outcome.failures += 1;
    }
}
