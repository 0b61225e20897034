//! Points for whose timestamps their series has points already: what becomes of them, and
//! of those, is decided here, on the committer's thread, where all that is before them is
//! known. So two who write the same point at once cannot both be the first.

use std::collections::HashMap;

use super::conditions::Before;
use crate::block::{Operation, Transaction, put_points};
use crate::error::{Error, Result};
use crate::index::pending::{Pending, Sorted};
use crate::index::{Point, PointRef};
use crate::types::{Defaults, DeletePoints, OnDuplicate, PointBatch, PointSpan, point_id};

/// An operation of a transaction as it is written.
#[derive(Debug, Clone)]
pub(crate) enum Settled {
    /// As it was given, the one at this place.
    Given(usize),
    /// In place of one that was given, or beside it.
    Made(Operation),
}

/// What a transaction comes to.
#[derive(Debug)]
pub(crate) enum Settlement {
    /// What was given.
    AsGiven,
    /// These, which may be none.
    As(Vec<Settled>),
    /// That cannot be told before the group so far is in the indexes.
    Later,
}

impl Before<'_, '_> {
    /// Whether a point is there.
    pub(super) fn has_point(&self, series: &str, timestamp: i64, source: PointRef) -> bool {
        let mut there = false;
        let group = self.written.pending(series);
        self.there(series, &[timestamp], &[group.as_deref()], |point| {
            there |= point.source == source;
        });
        there
    }

    /// Calls `found` with the points at `timestamps`, which ascend, that are there after
    /// what is pending, the earlier of it first.
    fn there(
        &self,
        series: &str,
        timestamps: &[i64],
        pending: &[Option<&Pending>],
        mut found: impl FnMut(Point),
    ) {
        let spared = |from: usize, point: &Point| {
            let later = pending.iter().skip(from).flatten();
            later.into_iter().all(|pending| pending.spares(point))
        };
        if let Some(series) = self.series.get(series) {
            series.read().there(timestamps, u64::MAX, |point| {
                if spared(0, &point) {
                    found(point);
                }
            });
        }
        for (n, layer) in pending.iter().enumerate() {
            let Some(layer) = layer.filter(|layer| !layer.is_empty()) else {
                continue;
            };
            for timestamp in timestamps {
                layer.each(*timestamp, |point| {
                    if spared(n + 1, &point) {
                        found(point);
                    }
                });
            }
        }
    }

    /// What a transaction comes to whose first block would be `first_seq`. Linear in the
    /// points that are not simply kept: O(log n) each.
    ///
    /// # Errors
    /// [`Error::PointExists`]; [`Error::Conflict`] for what cannot be decided within the
    /// transaction.
    pub(super) fn settle(
        &self,
        transaction: &Transaction,
        first_seq: u64,
        defaults: Defaults,
    ) -> Result<Settlement> {
        let asked = |operation: &Operation| match operation {
            Operation::PutPoints { duplicates, .. } => {
                duplicates.on_duplicate.unwrap_or(defaults.on_duplicate)
            }
            _ => OnDuplicate::Keep,
        };
        let operations = &transaction.operations;
        if operations.iter().all(|o| asked(o) == OnDuplicate::Keep) {
            return Ok(Settlement::AsGiven);
        }
        let mut own: HashMap<&str, Pending> = HashMap::new();
        let (mut settled, mut as_given) = (Vec::with_capacity(operations.len()), true);
        for (n, operation) in operations.iter().enumerate() {
            let seq = first_seq + settled.len() as u64;
            let first = settled.len();
            match operation {
                Operation::PutPoints {
                    batch, duplicates, ..
                } if asked(operation) != OnDuplicate::Keep => {
                    let group = self.written.pending(&batch.series);
                    let layers = [group.as_deref(), own.get(&*batch.series)];
                    let unclear = |layer: &Option<&Pending>| layer.is_some_and(|l| l.unclear);
                    let points = Sorted::new(&batch.timestamps);
                    match asked(operation) {
                        OnDuplicate::Replace => {
                            settled.push(Settled::Given(n));
                            let replaced = match layers.iter().any(unclear) {
                                // Where nothing is, nothing is deleted.
                                true => points.timestamps.clone(),
                                false => {
                                    let mut replaced = points.repeated.clone();
                                    self.there(
                                        &batch.series,
                                        &points.timestamps,
                                        &layers,
                                        |point| {
                                            replaced.push(point.timestamp);
                                        },
                                    );
                                    replaced.sort_unstable();
                                    replaced.dedup();
                                    replaced
                                }
                            };
                            if !replaced.is_empty() {
                                as_given = false;
                                settled.push(Settled::Made(replacing(batch, seq, replaced)));
                            }
                        }
                        _ if unclear(&layers[1]) => {
                            let detail = format!(
                                "series {:?} has points that the transaction brings back or undoes before \
                                 it puts others, which are to be no duplicates; commit that first, then",
                                batch.series
                            );
                            return Err(Error::Conflict { detail });
                        }
                        _ if unclear(&layers[0]) => return Ok(Settlement::Later),
                        asked => {
                            let mut there: HashMap<i64, Point> = HashMap::new();
                            self.there(&batch.series, &points.timestamps, &layers, |point| {
                                there.entry(point.timestamp).or_insert(point);
                            });
                            let kept = points.new_ones(batch, seq, &mut there);
                            if let (OnDuplicate::Refuse, Some((place, point))) =
                                (asked, &kept.refused)
                            {
                                return Err(Error::PointExists {
                                    pointer: duplicates.pointers.of(*place),
                                    series: batch.series.clone(),
                                    found: point_id(point.source.seq, point.source.index),
                                    value: point.value,
                                });
                            }
                            match kept.places.len() {
                                count if count == batch.timestamps.len() => {
                                    settled.push(Settled::Given(n))
                                }
                                0 => as_given = false,
                                _ => {
                                    as_given = false;
                                    settled.push(Settled::Made(put_points(kept.of(batch))));
                                }
                            }
                        }
                    }
                }
                _ => settled.push(Settled::Given(n)),
            }
            if operations.len() > 1
                && let Some(series) = operation.series()
            {
                let pending = own.entry(series).or_default();
                for (made, seq) in settled.iter().skip(first).zip(seq..) {
                    match made {
                        Settled::Given(_) => pending.note(operation, seq),
                        Settled::Made(made) => pending.note(made, seq),
                    }
                }
            }
        }
        Ok(match as_given {
            true => Settlement::AsGiven,
            false => Settlement::As(settled),
        })
    }
}

/// What deletes the points in whose place block `seq` puts the batch.
fn replacing(batch: &PointBatch, seq: u64, timestamps: Vec<i64>) -> Operation {
    let span = PointSpan::replaced(batch.series.clone(), seq, timestamps);
    Operation::DeletePoints(DeletePoints::new(span, batch.provenance.clone()))
}
