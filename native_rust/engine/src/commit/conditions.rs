//! What must hold for a transaction to be committed.
//!
//! Conditions are checked on the committer thread against everything before the
//! transaction, those before it in its own group included. So nothing can come
//! between the check and the write.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;

use crate::block::Condition;
use crate::block::Expected;
use crate::block::{Operation, Transaction, Versioned};
use crate::error::{Entity, Error, Result};
use crate::index::defaults::DefaultsTable;
use crate::index::pending::Pending;
use crate::index::reverts::{RevertTable, Undone};
use crate::index::{FeatureIndex, Newest, PointRef, TemporalIndex, VersionTable};
use crate::types::{Defaults, Which, point_id};

/// What the transactions of a group so far have changed, on top of the indexes.
#[derive(Debug, Default)]
pub(crate) struct GroupWrites<'a> {
    versions: HashMap<Versioned<'a>, Newest>,
    series: HashMap<&'a str, SeriesWrites<'a>>,
    reverts: HashMap<u64, u64>,
    defaults: Option<(u64, Defaults)>,
}

/// What the group has done to a series.
#[derive(Debug, Default)]
struct SeriesWrites<'a> {
    /// Last block that touched it.
    touched: u64,
    /// Last block that deleted from it.
    deleted: u64,
    /// In order, with their sequences.
    operations: Vec<(&'a Operation, u64)>,
    /// What so many of them have done to its points: worked out when it is asked for.
    pending: RefCell<(usize, Pending)>,
}

/// Everything before the transaction that is looked at.
pub(crate) struct Before<'i, 'a> {
    pub features: &'i FeatureIndex,
    pub series: &'i TemporalIndex,
    pub attributes: &'i VersionTable,
    pub webhooks: &'i VersionTable,
    pub reverts: &'i RevertTable,
    pub defaults: &'i DefaultsTable,
    pub written: &'i GroupWrites<'a>,
}

impl<'a> GroupWrites<'a> {
    /// Make room for what a transaction of these operations writes: a table that grows by
    /// doubling is moved, and its memory cleared, again and again.
    pub(crate) fn reserve(&mut self, operations: impl Iterator<Item = &'a Operation>) {
        let versions = operations.filter(|operation| operation.version().is_some());
        self.versions.reserve(versions.count());
    }

    /// Note what `operation` of block `seq` does. `series` says whether anybody
    /// will ask about series.
    pub(crate) fn note(&mut self, operation: &'a Operation, seq: u64, series: bool) {
        if let Operation::Revert(revert) = operation {
            self.reverts.insert(revert.block, seq);
        }
        if let Some((versioned, deleted)) = operation.version() {
            self.versions.insert(versioned, Newest { seq, deleted });
        }
        let effect = operation.effect();
        match effect {
            Operation::PutPoints { batch, .. } if series => {
                let writes = self.series.entry(&batch.series).or_default();
                writes.touched = seq;
                writes.operations.push((operation, seq));
            }
            Operation::DeletePoints(delete) if series => {
                let writes = self.series.entry(&delete.span.series).or_default();
                (writes.touched, writes.deleted) = (seq, seq);
                writes.operations.push((operation, seq));
            }
            Operation::SetDefaults(set) => self.defaults = Some((seq, set.defaults)),
            _ => {}
        }
    }

    /// What the group has done to the points of a series, if anything.
    pub(super) fn pending(&self, id: &str) -> Option<Ref<'_, Pending>> {
        let writes = self.series.get(id)?;
        let mut pending = writes.pending.borrow_mut();
        let (noted, state) = &mut *pending;
        for (operation, seq) in writes.operations.iter().skip(*noted) {
            state.note(operation, *seq);
        }
        *noted = writes.operations.len();
        drop(pending);
        Some(Ref::map(writes.pending.borrow(), |(_, state)| state))
    }
}

impl<'a> Before<'_, 'a> {
    /// The newest version of a feature, or of attributes.
    pub(crate) fn newest(&self, versioned: Versioned<'_>) -> Option<Newest> {
        let written = self.written.versions.get(&versioned).copied();
        written.or_else(|| match versioned {
            Versioned::Feature(id) => self.features.newest(id),
            Versioned::Attributes(series) => self.attributes.newest(series),
            Versioned::Webhook(id) => self.webhooks.newest(id),
        })
    }

    /// The block that set the defaults last, and those.
    pub(crate) fn newest_defaults(&self) -> Option<(u64, Defaults)> {
        let known = || self.defaults.versions().last().copied();
        self.written.defaults.or_else(known)
    }

    fn series(&self, id: &str) -> (u64, u64) {
        let (touched, deleted) = self.series.get(id).map_or((0, 0), |series| {
            let series = series.read();
            (series.touched(), series.last_delete())
        });
        match self.written.series.get(id) {
            None => (touched, deleted),
            Some(written) => (touched.max(written.touched), deleted.max(written.deleted)),
        }
    }

    /// Whether the series has a point in this range. Of a group that has written to it
    /// many times only the last of those are looked at, and a deletion of nothing may
    /// pass: it then does nothing.
    fn has_points(&self, id: &str, range: (i64, i64)) -> bool {
        /// So that a group of deletions of one series is not quadratic.
        const LAST: usize = 64;
        let written = self.written.series.get(id);
        let operations = written.map_or(&[][..], |written| &written.operations);
        // What of the range no later operation deletes.
        let mut left = vec![range];
        for (operation, _) in operations.iter().rev().take(LAST) {
            match operation.effect() {
                Operation::PutPoints { batch, .. } => {
                    let inside = |t: &i64| left.iter().any(|(start, end)| start <= t && t < end);
                    if batch.timestamps.iter().any(inside) {
                        return true;
                    }
                }
                Operation::DeletePoints(delete) if delete.span.which == Which::All => {
                    let gone = (delete.span.start, delete.span.end);
                    left = left
                        .into_iter()
                        .flat_map(|part| without(part, gone))
                        .collect();
                }
                _ => {}
            }
            if left.is_empty() {
                return false;
            }
        }
        let Some(series) = self.series.get(id) else {
            return false;
        };
        let series = series.read();
        let mut parts = left.into_iter();
        parts.any(|(start, end)| series.count(start, end, u64::MAX, None) > 0)
    }

    fn is_reverted(&self, block: u64) -> Option<Undone> {
        self.reverts.undone(block, &self.written.reverts)
    }

    /// Check the conditions of a transaction, and that what it deletes is there.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn admit(&self, transaction: &'a Transaction) -> Result<()> {
        for condition in &transaction.conditions {
            self.check(condition)?;
        }
        // What the transaction itself has written and deleted so far.
        let mut own: HashMap<Versioned<'_>, bool> = HashMap::new();
        for operation in &transaction.operations {
            let Some((versioned, deleted)) = operation.version() else {
                continue;
            };
            let before = own.insert(versioned, !deleted);
            let there = || {
                let newest = self.newest(versioned);
                newest.is_some_and(|newest| !newest.deleted)
            };
            if deleted && !before.unwrap_or_else(there) {
                return Err(versioned.not_found());
            }
        }
        Ok(())
    }

    fn check(&self, condition: &Condition) -> Result<()> {
        match condition {
            Condition::Feature { id, expected } => {
                self.check_version(Versioned::Feature(id), *expected)
            }
            Condition::Attributes { id, expected } => {
                self.check_version(Versioned::Attributes(id), *expected)
            }
            Condition::Webhook { id, expected } => {
                self.check_version(Versioned::Webhook(id), *expected)
            }
            Condition::SeriesUntouched { id, since } => match self.series(id) {
                (touched, _) if touched <= *since => Ok(()),
                (touched, _) => Err(written_after("series", id, touched)),
            },
            Condition::SeriesUndeleted { id, since, block } => match self.series(id) {
                (_, deleted) if deleted <= *since => Ok(()),
                (_, deleted) => Err(dependent(*block, deleted)),
            },
            Condition::HasPoints { id, start, end } => match self.has_points(id, (*start, *end)) {
                true => Ok(()),
                false => Err(Error::Precondition {
                    detail: format!("series {id:?}: expected points to delete, there are none"),
                }),
            },
            Condition::HasPoint {
                id,
                timestamp,
                block,
                place,
            } => {
                let source = PointRef {
                    seq: *block,
                    index: *place,
                };
                match self.has_point(id, *timestamp, source) {
                    true => Ok(()),
                    false => Err(Error::NotFound {
                        entity: Entity::Point,
                        id: point_id(*block, *place),
                    }),
                }
            }
            Condition::DefaultsToUndo { block, newest } => {
                match self.newest_defaults().map_or(0, |(seq, _)| seq) {
                    seq if seq == *newest => Ok(()),
                    later => Err(dependent(*block, later)),
                }
            }
            Condition::NotReverted { block } => match self.is_reverted(*block) {
                None => Ok(()),
                Some(undone) => Err(already_reverted(*block, undone)),
            },
        }
    }

    fn check_version(&self, of: Versioned<'_>, expected: Expected) -> Result<()> {
        let newest = self.newest(of);
        let there = newest.filter(|newest| !newest.deleted);
        let is_at = |seq| newest.is_some_and(|newest| newest.seq == seq);
        let holds = match expected {
            Expected::Version(seq) | Expected::ToUndo { newest: seq, .. } => is_at(seq),
            Expected::Exists => there.is_some(),
            Expected::Absent => there.is_none(),
            Expected::NotAfter(seq) => newest.is_none_or(|newest| newest.seq <= seq),
        };
        if holds {
            return Ok(());
        }
        let found = match newest {
            None => "there is none".to_owned(),
            Some(Newest { seq, deleted: true }) => format!("block {seq} deleted it"),
            Some(Newest { seq, .. }) => format!("it is at the version of block {seq}"),
        };
        let newest = newest.map_or(0, |newest| newest.seq);
        let what = match of {
            Versioned::Feature(_) => "feature of that id",
            Versioned::Attributes(_) | Versioned::Webhook(_) => "version of it",
        };
        Err(match expected {
            Expected::NotAfter(_) => conflict(of, newest),
            Expected::ToUndo { block, .. } => dependent(block, newest),
            Expected::Version(seq) => {
                precondition(of, &format!("the version of block {seq}"), &found)
            }
            Expected::Exists => precondition(of, &format!("a {what}"), &found),
            Expected::Absent => precondition(of, &format!("no {what}"), &found),
        })
    }
}

/// What is left of a half-open range without another.
fn without((start, end): (i64, i64), gone: (i64, i64)) -> impl Iterator<Item = (i64, i64)> {
    let parts = [(start, end.min(gone.0)), (start.max(gone.1), end)];
    parts.into_iter().filter(|(start, end)| start < end)
}

/// A feature is not what the caller expected, or attributes.
pub(crate) fn precondition(of: Versioned<'_>, expected: &str, found: &str) -> Error {
    let (entity, id) = (of.entity(), of.id());
    Error::Precondition {
        detail: format!(
            "{entity} {id:?}: expected {expected}, {found}; read it again, then decide"
        ),
    }
}

fn conflict(of: Versioned<'_>, seq: u64) -> Error {
    written_after(&of.entity().to_string(), of.id(), seq)
}

fn written_after(kind: &str, id: &str, seq: u64) -> Error {
    Error::Conflict {
        detail: format!("{kind} {id:?} was written by block {seq} after the transaction began"),
    }
}

pub(crate) fn dependent(block: u64, later: u64) -> Error {
    Error::Irreversible {
        block,
        reason: format!("block {later} depends on it; revert that one first"),
    }
}

pub(crate) fn already_reverted(block: u64, undone: Undone) -> Error {
    let Undone { by, last, stands } = undone;
    let reason = match stands {
        false => format!("block {by} has undone it already"),
        true => format!(
            "block {by} has undone it already, and block {last} does again what it did; \
             revert that one"
        ),
    };
    Error::Irreversible { block, reason }
}
