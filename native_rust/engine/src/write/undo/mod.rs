//! Undoing blocks, one or many as one transaction.
//!
//! Nothing is taken back: the journal grows by a block for each one that is undone, which
//! names it and holds the inverse of what it did (`inverse`). Undone blocks are chosen by
//! what a client asks for (`select`, `filter`); which of them make a difference, and what stands in
//! the way, is worked out from which block undid which and from the versions that came
//! after (`chains`, `plan`):
//!
//! - what a feature or a point is afterwards is what it was before the first of the blocks
//!   that are undone. What came later must be undone with it, or have been undone;
//! - a block is undone once. If that is undone in turn, the block that did so stands in its
//!   place, and is the one to undo;
//! - a transaction is undone as a whole, unless a part of it is asked for by name.
//!
//! The blocks are undone in the opposite order, so that each finds what it left. All of
//! this is checked once more on the committer's thread, by conditions.

mod chains;
mod filter;
mod inverse;
mod obstacles;
mod plan;
mod select;

use serde::Serialize;

pub(crate) use inverse::{attributes_version, version};
pub use select::Undo;

use crate::block::{Condition, Operation, check_size};
use crate::budget::{Budget, Cancel};
use crate::db::database::Database;
use crate::error::{Error, Obstacle, Result};
use inverse::inverse;
use plan::{Plan, Step, Target, plan};
use select::Selection;

/// Blocks ready to be undone, all or none.
#[derive(Debug, Clone, Default)]
pub struct PreparedUndo {
    /// One for each block that is undone, the last one first.
    pub operations: Vec<Operation>,
    /// What must hold when they are committed.
    pub conditions: Vec<Condition>,
    /// Blocks that were asked for and need not be undone: others have undone them, what
    /// undid them is undone with them, or they did nothing.
    pub unchanged: usize,
}

/// What undoing would do, and what stands in its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoOutline {
    /// How many blocks would be undone; 0 if anything stands in the way.
    pub reverted: usize,
    /// [`PreparedUndo::unchanged`].
    pub unchanged: usize,
    /// What the blocks would be that are written, in order, up to [`Self::LISTED`].
    pub operations: Vec<OutlinedOperation>,
    /// What stands in the way, up to [`crate::Limits::faults`].
    pub conflicts: Vec<Obstacle>,
    /// How many things do.
    pub conflict_count: u64,
}

impl UndoOutline {
    /// How many operations are listed.
    pub const LISTED: usize = 1_000;

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Text and numbers in memory have no way to fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A block that would be written to undo another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutlinedOperation {
    /// The block that it undoes.
    pub reverts: u64,
    /// What it would do.
    pub op: &'static str,
    /// The feature that it writes or deletes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_id: Option<String>,
    /// The series whose points it deletes or brings back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series_id: Option<String>,
    /// How many those are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<usize>,
}

impl Database {
    /// The operation that undoes block `seq`, whatever becomes of the rest of its
    /// transaction, and what must hold when it is committed. `provenance` is the text of a
    /// JSON object; without one a feature comes back with the provenance it had. Reads the
    /// journal.
    ///
    /// # Errors
    /// As [`Self::prepare_undo`].
    pub fn prepare_revert(
        &self,
        seq: u64,
        provenance: Option<&[u8]>,
    ) -> Result<(Operation, Vec<Condition>)> {
        let undo = Undo::block(seq, provenance, true)?;
        let budget = self.budget(Cancel::default());
        let mut prepared = self.prepare_undo(&undo, None, &budget)?;
        match prepared.operations.pop() {
            Some(operation) => Ok((operation, prepared.conditions)),
            None => Err(Error::Closed),
        }
    }

    /// What undoes the blocks that are asked for, of those up to `at`. Reads each of them,
    /// and the versions that come back; their bytes are held by the budget.
    ///
    /// # Errors
    /// [`Error::Irreversible`] for one block, [`Error::Obstructed`] for several: what stands
    /// in the way; [`Error::NotFound`] for a block that is not there; [`Error::TooLarge`];
    /// those of the budget.
    pub fn prepare_undo(
        &self,
        undo: &Undo,
        at: Option<u64>,
        budget: &Budget,
    ) -> Result<PreparedUndo> {
        let plan = self.plan_undo(undo, at, budget)?;
        let operations = self.carry_out(undo, &plan, budget)?;
        let refusal = match undo.what {
            Selection::Block(_) => plan.obstacles.of_one(),
            _ => plan.obstacles.of_all(),
        };
        match refusal {
            Some(refusal) => Err(refusal),
            None => Ok(PreparedUndo {
                operations,
                conditions: plan.conditions,
                unchanged: plan.unchanged,
            }),
        }
    }

    /// What [`Self::prepare_undo`] would prepare, in outline. Costs as much.
    ///
    /// # Errors
    /// Those of [`Self::prepare_undo`] but for what stands in the way.
    pub fn outline_undo(&self, undo: &Undo, budget: &Budget) -> Result<UndoOutline> {
        let plan = self.plan_undo(undo, None, budget)?;
        let operations = self.carry_out(undo, &plan, budget)?;
        let (conflicts, conflict_count) = plan.obstacles.into_parts();
        Ok(UndoOutline {
            reverted: operations.len(),
            unchanged: plan.unchanged,
            operations: operations
                .iter()
                .zip(&plan.steps)
                .take(UndoOutline::LISTED)
                .map(|(operation, step)| OutlinedOperation::of(operation, step))
                .collect(),
            conflicts,
            conflict_count,
        })
    }

    fn plan_undo(&self, undo: &Undo, at: Option<u64>, budget: &Budget) -> Result<Plan> {
        let state = &self.state;
        state.check_open()?;
        plan(state, undo, state.at(at)?, budget)
    }

    /// The operations of a plan; none if something stands in its way.
    fn carry_out(&self, undo: &Undo, plan: &Plan, budget: &Budget) -> Result<Vec<Operation>> {
        let mut operations = Vec::new();
        if !plan.obstacles.is_empty() {
            return Ok(operations);
        }
        budget.make_room(&mut operations, plan.steps.len())?;
        let mut bytes = 0;
        for step in &plan.steps {
            budget.step()?;
            let operation = inverse(&self.state, step, undo.provenance.as_ref(), budget)?;
            bytes += operation.encoded_len();
            check_size(bytes, self.state.limits.transaction_bytes)?;
            budget.hold(operation.memory())?;
            operations.push(operation);
        }
        Ok(operations)
    }
}

impl OutlinedOperation {
    fn of(operation: &Operation, step: &Step) -> Self {
        let (feature_id, series_id, points) = match &step.target {
            Target::Feature { id, .. } => (Some(id.clone()), None, None),
            Target::Attributes { series, .. } => (None, Some(series.clone()), None),
            Target::Defaults { .. } => (None, None, None),
            Target::Points { span, count } | Target::Deletion { span, count } => {
                (None, Some(span.series.clone()), Some(*count))
            }
        };
        Self {
            reverts: step.block,
            op: operation.effect().kind().as_str(),
            feature_id,
            series_id,
            points,
        }
    }
}
