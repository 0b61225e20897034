//! How taking snapshots goes.

use std::sync::Arc;

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
}

impl SnapshotLog {
    pub(crate) fn outcome(&self) -> SnapshotOutcome {
        self.outcome.lock().clone()
    }

    pub(crate) fn note(&self, result: Result<WrittenSnapshot>) {
        match result {
            Ok(written) => {
                *self.outcome.lock() = SnapshotOutcome {
                    written: Some(written),
                    failure: None,
                };
            }
            // Told to stop: no failure.
            Err(Error::Closed) => {}
            Err(error) => self.note_failure(&error.to_string()),
        }
    }

    pub(crate) fn note_failure(&self, cause: &str) {
        self.outcome.lock().failure = Some(cause.into());
    }
}
