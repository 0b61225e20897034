//! What is to be told of the records of an upload that are written.

use crate::error::Fault;
use crate::types::Warnings;

/// What is to be told of a record that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordWarning {
    /// As of a [`super::RejectedRecord`].
    pub line: u64,
    /// What that is.
    pub warning: Fault,
}

/// The warnings of an upload: so many are kept as a limit says, all are counted.
#[derive(Debug)]
pub(super) struct RecordWarnings {
    limit: usize,
    kept: usize,
    untold: Vec<RecordWarning>,
    counts: Warnings,
}

impl RecordWarnings {
    /// `limit` is [`crate::Limits::faults`].
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            kept: 0,
            untold: Vec::new(),
            counts: Warnings::new(0),
        }
    }

    /// Adds those of the record in a line.
    pub(super) fn add(&mut self, line: u64, warnings: Warnings) {
        let room = self.limit.saturating_sub(self.kept);
        for warning in warnings.kept().iter().take(room) {
            self.kept += 1;
            let warning = warning.clone();
            self.untold.push(RecordWarning { line, warning });
        }
        self.counts.append(warnings, "");
    }

    /// Those that were not taken yet, and how many there were of each code.
    pub(super) fn take(&mut self) -> (Vec<RecordWarning>, &[(&'static str, u64)]) {
        (std::mem::take(&mut self.untold), self.counts.counts())
    }
}
