//! From what waits to groups that are written, synced, entered and answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::committer::Committer;
use super::flight::{Flight, refuse};
use super::guard::guarded;
use super::plan::{Outcome, Plan, Resolution};
use super::queue::Pending;
use crate::block::{Ack, Durability};
use crate::error::{Error, Result};
use crate::journal::{Group, WrittenGroup};
use crate::planted::{Bug, planted};
use crate::state::Head;

impl Committer {
    /// Commit everything pending as one group, or as several where some can be decided on
    /// only once those before are in the indexes, and answer it; the last of them may be under
    /// way yet.
    pub(super) fn commit(&mut self, pending: &mut Vec<Pending>, group: &mut Group) {
        while !pending.is_empty() {
            let oldest = pending.iter().map(|(_, reply)| reply.since()).min();
            let oldest = oldest.into_iter().chain(self.oldest()).min();
            self.state.counters.oldest.set(oldest);
            self.commit_first(pending, group);
        }
        self.state.counters.oldest.set(self.oldest());
    }

    /// When the oldest was handed in of those that wait and those under way.
    fn oldest(&self) -> Option<Instant> {
        let under_way = self.flight.as_ref().and_then(Flight::oldest);
        under_way.into_iter().chain(self.intake.oldest()).min()
    }

    /// Commit the first of what is pending, and all with it that can be.
    fn commit_first(&mut self, pending: &mut Vec<Pending>, group: &mut Group) {
        if let Err(refusal) = self.state.check_writable() {
            self.land();
            return refuse(pending.drain(..), &refusal);
        }
        let time = self.state.clock.lock().begin_group();
        let resolutions = vec![Resolution::new(); pending.len()];
        let planned = guarded(|| self.plan(pending, &resolutions, group, time));
        // What it was decided by is on the disk before it is, or is not, and nor is it.
        self.land();
        if let Some(cause) = self.state.poisoned()
            && !planted(Bug::WriteAfterFailure)
        {
            return refuse(pending.drain(..), &Error::Poisoned { cause });
        }
        let written = planned.and_then(|outcomes| {
            guarded(|| self.write((pending, &resolutions), outcomes, group, time))
        });
        match written {
            Ok((outcomes, true)) => {
                let pending = pending.drain(..outcomes.len()).collect();
                self.flight = Some(Flight { pending, outcomes });
            }
            Ok((outcomes, false)) => self.answer(pending.drain(..outcomes.len()), outcomes),
            Err(error) => self.fail(pending.drain(..), error),
        }
    }

    /// Answer a group that is seen.
    pub(super) fn answer(
        &mut self,
        pending: impl Iterator<Item = Pending>,
        outcomes: Vec<Outcome>,
    ) {
        self.state.clock.lock().end_group();
        let now = Instant::now();
        let commits = &self.state.counters.commits;
        let answers: Vec<_> = pending.zip(outcomes).collect();
        for ((_, reply), _) in &answers {
            commits.observe_duration(now - reply.since());
        }
        let together = answers.len();
        for ((_, reply), outcome) in answers {
            reply.send(outcome.answer(), together);
        }
        let archived = guarded(|| {
            self.archive();
            Ok(())
        });
        if let Err(error) = archived {
            self.poison(&error);
        }
    }

    /// Write, sync, apply, publish. Whether the sync is under way yet comes with the outcomes:
    /// then it is not published.
    fn write(
        &mut self,
        (pending, resolutions): (&[Pending], &[Resolution]),
        outcomes: Vec<Outcome>,
        group: &mut Group,
        time: i64,
    ) -> Result<(Vec<Outcome>, bool)> {
        if planted(Bug::ReplayReadsBlock) {
            for outcome in &outcomes {
                if let Outcome::Replayed(ack) = outcome {
                    crate::state::blocks::read_block(&self.state, ack.first_seq)?;
                }
            }
        }
        let outcomes = outcomes.into_iter();
        let mut outcomes: Vec<_> = outcomes.map(|outcome| self.with_hash(outcome)).collect();
        let written = match group.is_empty() {
            true => None,
            false => Some(self.write_group(group, time)?),
        };
        let accepted = pending
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| !matches!(outcome, Outcome::Refused(_)));
        let levels = accepted.map(|((transaction, _), _)| transaction.durability);
        let mut under_way = false;
        if !planted(Bug::PublishBeforeSync) {
            under_way = written.is_some() && self.begin_sync(levels.clone());
            if !under_way {
                self.sync_for(levels, written.is_some())?;
            }
        }
        if written.is_none() && self.journal.durable_head().0 > self.state.durable() {
            // For one that was answered again; what it synced is shown.
            self.state.publish(self.head());
        }
        let Some(written) = written else {
            return Ok((outcomes, false));
        };
        if planted(Bug::PublishBeforeApply) {
            let tree_size = self.journal.tree().size() + written.locations.len() as u64;
            self.state.publish(Head {
                tree_size,
                ..self.head()
            });
        }
        let state = Arc::clone(&self.state);
        let writing = state.indexes.writing();
        let begun = Instant::now();
        let first_seq = self.journal.tree().size() + 1;
        self.state.indexes.features.write().begin_group(first_seq);
        self.apply((pending, resolutions), &mut outcomes, &written);
        self.snapshotter.entered(begun.elapsed());
        self.journal.advance(written);
        drop(writing);
        if !under_way {
            self.state.publish(self.head());
        }
        if planted(Bug::PublishBeforeSync) {
            self.sync_for([Durability::Sync].into_iter(), true)?;
        }
        self.count(&outcomes);
        Ok((outcomes, under_way))
    }

    /// Count a group, and what the indexes take with it.
    fn count(&mut self, outcomes: &[Outcome]) {
        let indexes = self.state.indexes.memory() + self.keys.memory();
        self.index_memory.hold(indexes);
        let committed = outcomes
            .iter()
            .filter(|o| matches!(o, Outcome::Committed(_)))
            .count() as u64;
        let counters = &self.state.counters;
        counters.groups.fetch_add(1, Ordering::Relaxed);
        counters
            .transactions
            .fetch_add(committed, Ordering::Relaxed);
        counters.group_sizes.observe(committed);
        counters
            .index_bytes
            .store(indexes as u64, Ordering::Relaxed);
    }

    /// Write a group, which takes its part of the disk's room, as does the footer that will
    /// tell of it.
    fn write_group(&mut self, group: &mut Group, time: i64) -> Result<WrittenGroup> {
        let before = self.journal.footer_bytes(0);
        let written = self.journal.write(group, time)?;
        self.state.disk.wrote(written.bytes());
        if self.journal.footer_bytes(0) < before {
            // The segment has ended: its footer is being written.
            self.state.disk.wrote(before);
        }
        let footer = self.journal.footer_bytes(written.locations.len() as u64);
        self.footer_room.set(footer);
        Ok(written)
    }

    /// Decide what becomes of each transaction and encode those that are accepted.
    fn plan(
        &mut self,
        pending: &[Pending],
        resolutions: &[Resolution],
        group: &mut Group,
        time: i64,
    ) -> Result<Vec<Outcome>> {
        let features = self.state.indexes.features.read();
        let attributes = self.state.indexes.attributes.read();
        let webhooks = self.state.indexes.webhooks.read();
        let reverts = self.state.indexes.reverts.read();
        let defaults = self.state.indexes.defaults.read();
        let mut plan = Plan::new(
            (&features, &self.state.indexes.series, &attributes),
            (&reverts, &defaults, &webhooks),
            &mut self.keys,
            self.journal.tree().size(),
            time,
        );
        let transactions = pending.iter().map(|(transaction, _)| transaction);
        plan.all(transactions, resolutions, group)
    }

    /// The hash of a transaction that is answered again, where it was not committed in
    /// this group: from the leaves of the tree, as its block need not be readable. What
    /// cannot be told is that one request's failure.
    fn with_hash(&self, outcome: Outcome) -> Outcome {
        let Outcome::Replayed(ack) = outcome else {
            return outcome;
        };
        if ack.first_seq > self.state.published() {
            return Outcome::Replayed(ack);
        }
        match self.state.leaf(ack.first_seq) {
            Ok(hash) => Outcome::Replayed(Ack { hash, ..ack }),
            Err(error) => Outcome::Refused(error),
        }
    }
}
