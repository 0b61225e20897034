//! Undoing blocks within a transaction.
//!
//! What is undone is what was there when the transaction began: planning it takes no notice
//! of what the transaction itself has written since, so that must not be about the same.

use std::collections::HashSet;
use std::ops::Range;

use crate::block::{Condition, Operation, Versioned};
use crate::error::{Error, Result};

/// Operations that undo blocks together, by what was there when the transaction began.
#[derive(Debug, Clone)]
pub(crate) struct Undoing {
    /// Their places among those that are added with them.
    pub operations: Range<usize>,
    /// What must hold when they are committed.
    pub conditions: Vec<Condition>,
}

/// Refuse to undo what the transaction has written: in operations of before, as `written` and
/// `undone` say, or in those of the same call.
///
/// # Errors
/// [`Error::Irreversible`].
pub(super) fn check_undoing(
    operations: &[Operation],
    undoing: &[Undoing],
    written: impl Fn(&Subject<'_>) -> bool,
    undone: &HashSet<u64>,
) -> Result<()> {
    let mut own = Own::default();
    let mut next = 0;
    for Undoing {
        operations: places, ..
    } in undoing
    {
        let before = operations.get(next..places.start);
        before
            .into_iter()
            .flatten()
            .for_each(|operation| own.note(operation));
        let all = operations.get(places.clone()).unwrap_or_default();
        for operation in all {
            let block = undone_block(operation).unwrap_or_default();
            let subject = subject(operation);
            let what = if own.undone.contains(&block) || undone.contains(&block) {
                "undoes it".to_owned()
            } else if own.has_written(&subject) || written(&subject) {
                match subject {
                    Subject::Version(of) => format!("writes {} {:?}", of.entity(), of.id()),
                    Subject::Points(id) | Subject::Deletion(id) => {
                        format!("deletes points of series {id:?}")
                    }
                    Subject::Defaults => "sets the defaults".to_owned(),
                }
            } else {
                continue;
            };
            let reason = format!(
                "the transaction {what} before that, and what is undone is what was there when it \
                 began; undo first, and all at once"
            );
            return Err(Error::Irreversible { block, reason });
        }
        all.iter().for_each(|operation| own.note(operation));
        next = places.end;
    }
    Ok(())
}

/// What earlier operations of one call are about.
#[derive(Default)]
struct Own<'o> {
    versions: HashSet<Versioned<'o>>,
    /// Series that points are deleted from.
    series: HashSet<&'o str>,
    defaults: bool,
    /// Blocks that are undone.
    undone: HashSet<u64>,
}

impl<'o> Own<'o> {
    fn has_written(&self, subject: &Subject<'_>) -> bool {
        match subject {
            Subject::Version(of) => self.versions.contains(of),
            Subject::Points(id) | Subject::Deletion(id) => self.series.contains(id),
            Subject::Defaults => self.defaults,
        }
    }

    fn note(&mut self, operation: &'o Operation) {
        match subject(operation) {
            Subject::Version(of) => self.versions.insert(of),
            Subject::Deletion(id) => self.series.insert(id),
            Subject::Points(_) => false,
            Subject::Defaults => !std::mem::replace(&mut self.defaults, true),
        };
        self.undone.extend(undone_block(operation));
    }
}

/// What an operation is about.
pub(super) enum Subject<'o> {
    Version(Versioned<'o>),
    /// It adds points to a series.
    Points(&'o str),
    /// It deletes points of a series.
    Deletion(&'o str),
    /// It sets the defaults of the database.
    Defaults,
}

fn subject(operation: &Operation) -> Subject<'_> {
    if let Some((of, _)) = operation.version() {
        return Subject::Version(of);
    }
    match operation.effect() {
        Operation::PutPoints { batch, .. } => Subject::Points(&batch.series),
        Operation::DeletePoints(delete) => Subject::Deletion(&delete.span.series),
        Operation::SetDefaults(_) => Subject::Defaults,
        _ => unreachable!("the effect of a revert is none, and the others have versions"),
    }
}

/// The block that an operation undoes.
pub(super) fn undone_block(operation: &Operation) -> Option<u64> {
    match operation {
        Operation::Revert(revert) => Some(revert.block),
        _ => None,
    }
}
