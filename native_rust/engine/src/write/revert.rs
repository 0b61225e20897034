//! Undoing a block by the inverse of its operation.
//!
//! | block | inverse | refused when |
//! |---|---|---|
//! | put of a feature | put of the version before, or delete | a later version stands |
//! | delete of a feature | put of the version before | a later version stands |
//! | put of points | delete of those points | some of them are deleted |
//! | delete of points | the points it deleted are there again | it deleted none, or more than one block holds |
//! | revert | the inverse of what it did | as for that |
//!
//! And always when it was undone before: even if that was undone again, for then the
//! block that did so stands in its place, and is the one to undo. What was done and undone
//! on top of a block does not stand in its way: a feature is then at its version again
//! ([`Undoing::check_stands`]), and points that came back are the same points, whose place
//! among others, metadata and provenance are those of the block that wrote them
//! (`index/lives.rs`).
//!
//! Nothing is taken back: the journal grows by a block that names the one it undoes.

use crate::block::{Action, Condition, Expected, OpKind, Operation, Revert, readable};
use crate::budget::{Budget, Cancel};
use crate::commit::conditions::{already_reverted, dependent};
use crate::db::database::Database;
use crate::error::{Error, Result};
use crate::index::Point;
use crate::state::State;
use crate::state::blocks::{block_at, damaged, read_block};
use crate::types::{
    DeleteFeature, DeletePoints, MAX_BATCH_POINTS, PointBatch, PointSpan, PutFeature, all_metadata,
    decode_points, stored_delete_feature, stored_delete_points, stored_feature,
};
use crate::write::prepare::{optional_provenance, put_points};

impl Database {
    /// The operation that undoes block `seq`, and what must hold when it is
    /// committed. `provenance` is the text of a JSON object; without one a feature
    /// comes back with the provenance it had. Reads the journal; linear in the
    /// block's size.
    ///
    /// # Errors
    /// [`Error::Irreversible`] with what stands in the way, [`Error::NotFound`] for a
    /// sequence the journal has not reached.
    pub fn prepare_revert(
        &self,
        seq: u64,
        provenance: Option<&[u8]>,
    ) -> Result<(Operation, Vec<Condition>)> {
        let state = &self.state;
        let provenance = optional_provenance(provenance)?;
        self.check_block(seq)?;
        let bytes = read_block(state, seq)?;
        let (block, action) = block_at(state, seq, &bytes)?;
        let budget = self.budget(Cancel::default());
        let undoing = Undoing {
            state,
            budget: &budget,
            seq,
            prev: block.prev,
            provenance,
        };
        let (inverse, condition) = match action.op {
            OpKind::PutFeature | OpKind::DeleteFeature => undoing.feature(&action)?,
            OpKind::PutPoints => undoing.put_points(&action)?,
            OpKind::DeletePoints => undoing.delete_points(&action)?,
            OpKind::Revert => return Err(damaged(state, seq, "a revert of a revert")),
        };
        let conditions = vec![condition, Condition::NotReverted { block: seq }];
        let revert = readable(Operation::Revert(Revert::new(seq, inverse)))?;
        Ok((revert, conditions))
    }
}

struct Undoing<'s> {
    state: &'s State,
    budget: &'s Budget,
    seq: u64,
    prev: Option<u64>,
    provenance: Option<Vec<u8>>,
}

impl Undoing<'_> {
    fn damaged(&self, reason: impl ToString) -> Error {
        damaged(self.state, self.seq, reason)
    }

    fn refused(&self, reason: String) -> Error {
        Error::Irreversible {
            block: self.seq,
            reason,
        }
    }

    fn already(&self) -> Result<()> {
        let none = std::collections::HashMap::new();
        match self.state.indexes.reverts.read().undone(self.seq, &none) {
            Some(undone) => Err(already_reverted(self.seq, undone)),
            None => Ok(()),
        }
    }

    fn feature(self, action: &Action<'_>) -> Result<(Operation, Condition)> {
        self.already()?;
        let id = match action.op {
            OpKind::PutFeature => stored_feature(action.body)
                .map_err(|e| self.damaged(e))?
                .id
                .into_owned(),
            _ => stored_delete_feature(action.body)
                .map_err(|e| self.damaged(e))?
                .to_owned(),
        };
        let newest = self.state.indexes.features.read().newest(&id);
        let newest = newest.map_or(self.seq, |newest| newest.seq);
        self.check_stands(newest)?;
        let condition = Condition::Feature {
            id: id.clone(),
            expected: Expected::ToUndo {
                block: self.seq,
                newest,
            },
        };
        let inverse = match self.before(&id)? {
            Some(feature) => Operation::PutFeature(feature),
            None => Operation::DeleteFeature(DeleteFeature::new(id, self.provenance)),
        };
        Ok((inverse, condition))
    }

    /// Refuse to undo a version of a feature that `newest` does not show: one shows itself
    /// and, where it undoes another, what stood before that other was written. Reads two
    /// blocks for each that was undone since.
    fn check_stands(&self, newest: u64) -> Result<()> {
        let mut seq = newest;
        while seq != self.seq {
            self.budget.step()?;
            let bytes = read_block(self.state, seq)?;
            let (_, action) = block_at(self.state, seq, &bytes)?;
            let before = match action.reverts {
                None => None,
                Some(undone) => {
                    let bytes = read_block(self.state, undone)?;
                    block_at(self.state, undone, &bytes)?.0.prev
                }
            };
            match before.filter(|before| (self.seq..seq).contains(before)) {
                Some(before) => seq = before,
                None => return Err(dependent(self.seq, seq)),
            }
        }
        Ok(())
    }

    /// The version that the block superseded, unless there was none to see.
    fn before(&self, id: &str) -> Result<Option<PutFeature>> {
        let Some(prev) = self.prev else {
            return Ok(None);
        };
        let bytes = read_block(self.state, prev)?;
        let (block, action) = block_at(self.state, prev, &bytes)?;
        if action.op != OpKind::PutFeature {
            return Ok(None);
        }
        let stored = stored_feature(action.body).map_err(|e| damaged(self.state, prev, e))?;
        let provenance = self.provenance.clone();
        Ok(Some(PutFeature {
            id: id.to_owned(),
            envelope: stored.envelope,
            signature: stored.signature,
            body: action.body.to_vec(),
            provenance: provenance.or_else(|| block.provenance.map(<[u8]>::to_vec)),
        }))
    }

    fn put_points(self, action: &Action<'_>) -> Result<(Operation, Condition)> {
        self.already()?;
        let points = decode_points(action.body).map_err(|e| self.damaged(e))?;
        let (Some(first), Some(last)) = (
            points.timestamps.iter().min(),
            points.timestamps.iter().max(),
        ) else {
            return Err(self.refused("it wrote no points".to_owned()));
        };
        let span = PointSpan {
            series: points.series,
            start: *first,
            // Stored timestamps end far before the greatest integer.
            end: last.saturating_add(1),
            block: Some(self.seq),
        };
        let written = points.timestamps.len() as u64;
        let (alive, gone_by) = match self.state.indexes.series.get(&span.series) {
            None => (0, None),
            Some(series) => {
                let series = series.read();
                let at = self.state.published();
                let alive = series.count(span.start, span.end, at, span.block);
                let missing = alive < written;
                let by = missing.then(|| series.deleted_from((span.start, span.end), at, self.seq));
                (alive, by.flatten())
            }
        };
        if alive < written {
            let missing = written - alive;
            return Err(self.refused(match gone_by {
                Some(by) => {
                    format!(
                        "block {by} deleted some of its {written} points; revert that one first"
                    )
                }
                None => format!("{missing} of its {written} points are not there any more"),
            }));
        }
        let condition = Condition::SeriesUndeleted {
            id: span.series.clone(),
            since: self.state.published(),
            block: self.seq,
        };
        let delete = DeletePoints::new(span, self.provenance);
        Ok((Operation::DeletePoints(delete), condition))
    }

    fn delete_points(self, action: &Action<'_>) -> Result<(Operation, Condition)> {
        self.already()?;
        let span = stored_delete_points(action.body).map_err(|e| self.damaged(e))?;
        let mut deleted = Vec::new();
        let mut count = 0;
        if let Some(series) = self.state.indexes.series.get(&span.series) {
            let range = (span.start, span.end);
            series.deleted_by(self.seq, range, self.budget, |points| {
                count += points.len();
                // More are only counted.
                if count <= MAX_BATCH_POINTS {
                    deleted.extend_from_slice(points);
                }
            })?;
        }
        if count == 0 {
            return Err(self.refused("it deleted no points".to_owned()));
        }
        if count > MAX_BATCH_POINTS {
            return Err(self.refused(format!(
                "it deleted {count} points and one block brings back at most {MAX_BATCH_POINTS}; \
                 write them again from a range query as of block {}",
                self.seq - 1
            )));
        }
        let batch = PointBatch {
            series: span.series,
            timestamps: deleted.iter().map(|point| point.timestamp).collect(),
            values: deleted.iter().map(|point| point.value).collect(),
            metadata: self.metadata(&deleted)?,
            provenance: self.provenance,
        };
        let condition = Condition::NotReverted { block: self.seq };
        Ok((put_points(batch), condition))
    }

    /// The metadata of each point, or nothing where none has any. Reads each block that
    /// points are from once.
    fn metadata(&self, points: &[Point]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut by_block: Vec<usize> = (0..points.len()).collect();
        let block = |place: &usize| points.get(*place).map_or(0, |point| point.source.seq);
        by_block.sort_by_key(block);
        let mut all = vec![None; points.len()];
        for places in by_block.chunk_by(|a, b| block(a) == block(b)) {
            self.budget.step()?;
            let Some(seq) = places.first().map(block) else {
                continue;
            };
            let bytes = read_block(self.state, seq)?;
            let (_, action) = block_at(self.state, seq, &bytes)?;
            let stored = all_metadata(action.body).map_err(|e| damaged(self.state, seq, e))?;
            for place in places {
                let index = points.get(*place).map(|point| point.source.index as usize);
                let metadata = index.and_then(|index| stored.get(index)).copied().flatten();
                if let Some(slot) = all.get_mut(*place) {
                    *slot = metadata.map(<[u8]>::to_vec);
                }
            }
        }
        if all.iter().all(Option::is_none) {
            all.clear();
        }
        Ok(all)
    }
}
