//! From a group that is written to the indexes.

use std::collections::HashMap;

use super::committer::Committer;
use super::plan::{Outcome, Resolution, operations};
use super::queue::Pending;
use crate::block::Operation;
use crate::index::Change;
use crate::index::kinds::Kinds;
use crate::journal::WrittenGroup;
use crate::planted::{Bug, planted};

/// Index entries applied under one hold of a write lock: some tens of
/// microseconds, so that no reader on a scheduler waits longer.
const STEP: usize = 32;
/// Points applied under one hold of a series' lock.
const POINT_STEP: usize = 8_192;

impl Committer {
    /// Enter a durable group into the indexes, in short steps. Readers see none
    /// of it before it is published.
    pub(super) fn apply(
        &mut self,
        (pending, resolutions): (&[Pending], &[Resolution]),
        outcomes: &mut [Outcome],
        written: &WrittenGroup,
    ) {
        let transactions = pending.iter().zip(resolutions).zip(&*outcomes);
        let mut written_as = transactions
            .filter(|(_, outcome)| matches!(outcome, Outcome::Committed(_)))
            .flat_map(|(((transaction, _), resolution), _)| {
                let operations = operations(transaction, resolution).enumerate();
                operations.map(|(place, operation)| (place == 0, Kinds::of(operation.kind())))
            });
        for step in written.locations.chunks(1_024) {
            let mut blocks = self.state.indexes.blocks.write();
            let _writing = self.state.indexes.writing();
            for (location, (begins, kinds)) in step.iter().zip(&mut written_as) {
                blocks.push(*location, begins, kinds);
            }
        }
        for step in written.nodes.chunks(1_024) {
            let mut nodes = self.state.indexes.nodes.write();
            let _writing = self.state.indexes.writing();
            for node in step {
                nodes.push(*node);
            }
        }
        // Points that those with a key deleted, by first sequence: one that was sent
        // twice may be answered again in the same group.
        let mut deleted = HashMap::new();
        let transactions = pending.iter().zip(resolutions);
        for (((transaction, _), resolution), outcome) in transactions.zip(outcomes) {
            let ack = match outcome {
                Outcome::Committed(ack) => ack,
                Outcome::Replayed(ack) => {
                    if let Some(points) = deleted.get(&ack.first_seq) {
                        ack.points_deleted = *points;
                    }
                    continue;
                }
                Outcome::Refused(_) | Outcome::Nothing => continue,
            };
            let mut seq = ack.first_seq;
            let operations: Vec<&Operation> = operations(transaction, resolution).collect();
            let mut operations = operations.as_slice();
            if planted(Bug::ApplyHalf) {
                operations = operations.chunks(2).next().unwrap_or_default();
            }
            for step in operations.chunks(STEP) {
                self.apply_features(step, seq);
                self.apply_attributes(step, seq);
                assert!(!planted(Bug::ApplyPanics) || seq < 30, "a planted bug");
                ack.points_deleted += self.apply_points(step, seq);
                self.apply_rest(step, seq);
                seq += step.len() as u64;
            }
            if let Some(key) = &transaction.key {
                let actor = transaction.actor.as_deref();
                self.keys
                    .deleted(key, actor, ack.first_seq, ack.points_deleted);
                deleted.insert(ack.first_seq, ack.points_deleted);
            }
        }
    }

    fn apply_features(&self, step: &[&Operation], first_seq: u64) {
        let indexes = &self.state.indexes;
        let mut features = None;
        for (operation, seq) in step.iter().zip(first_seq..) {
            let change = Change::of_operation(operation);
            if !change.is_about_a_feature() {
                continue;
            }
            indexes.generations.touch_features(seq);
            // In this order, in which they are dropped.
            let (_, features) =
                features.get_or_insert_with(|| (indexes.writing(), indexes.features.write()));
            change.enter_feature(&mut **features, seq);
        }
    }

    fn apply_attributes(&self, step: &[&Operation], first_seq: u64) {
        let indexes = &self.state.indexes;
        for (operation, seq) in step.iter().zip(first_seq..) {
            if let Operation::SetAttributes(_) = operation.effect() {
                let mut attributes = indexes.attributes.write();
                let _writing = indexes.writing();
                indexes.generations.touch_series(seq);
                let change = Change::of_operation(operation);
                change.enter_attributes(&mut attributes, &indexes.series, seq);
            }
        }
    }

    /// Returns how many points were deleted.
    fn apply_points(&mut self, step: &[&Operation], first_seq: u64) -> u64 {
        let indexes = &self.state.indexes;
        let (mut added, mut deleted) = (0, 0);
        for (operation, seq) in step.iter().zip(first_seq..) {
            let change = Change::of_operation(operation);
            if !change.is_about_points() {
                continue;
            }
            indexes.generations.touch_series(seq);
            let points = change.enter_points(&indexes.series, seq, POINT_STEP);
            added += points.added;
            deleted += points.deleted;
        }
        self.points = (self.points + added).saturating_sub(deleted);
        deleted
    }

    fn apply_rest(&self, step: &[&Operation], first_seq: u64) {
        for (operation, seq) in step.iter().zip(first_seq..) {
            let change = Change::of_operation(operation);
            if change.is_about_defaults() {
                let mut defaults = self.state.indexes.defaults.write();
                change.enter_defaults(&mut defaults, seq);
            }
            if let Operation::SetWebhook(_) = operation.effect() {
                let mut webhooks = self.state.indexes.webhooks.write();
                let _writing = self.state.indexes.writing();
                change.enter_webhook(&mut webhooks, seq);
            }
            if let Operation::Revert(revert) = operation {
                self.state.indexes.reverts.write().insert(revert.block, seq);
            }
        }
    }

    /// Move versions that have ended out of the hot index.
    pub(super) fn archive(&self) {
        assert!(!planted(Bug::ArchivePanics), "a planted bug");
        let published = self.state.published();
        loop {
            let mut features = self.state.indexes.features.write();
            let _writing = self.state.indexes.writing();
            if !features.archive(published, STEP) {
                return;
            }
        }
    }
}
