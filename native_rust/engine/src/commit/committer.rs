//! The committer: the one thread that writes to a database.
//!
//! It takes all that waits, makes one group of it, syncs once, applies it to
//! the indexes, publishes it and only then answers. While it waits for the
//! disk the next group gathers in the queue, so the group size follows the
//! load and one caller alone waits for one sync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::block::{Ack, Durability};
use crate::commit::plan::{Outcome, Plan, Resolution};
use crate::commit::queue::{Intake, Pending, Waited};
use crate::commit::snapshotter::Snapshotter;
use crate::error::{Error, Result};
use crate::fs::Lock;
use crate::index::keys::KeyTable;
use crate::journal::{Group, Journal, WrittenGroup};
use crate::limits::Limits;
use crate::mem::Reservation;
use crate::planted::{Bug, planted};
use crate::snapshot::{SnapshotMark, encode_extra};
use crate::state::{Head, State};

/// How long closing waits for the memory to be given back: whoever opens the database
/// again then finds room.
const FREE_WAIT: Duration = Duration::from_secs(1);

/// The committer's own state; lives on its thread.
#[derive(Debug)]
pub(crate) struct Committer {
    pub state: Arc<State>,
    pub intake: Intake,
    pub journal: Journal,
    /// Points in all series.
    pub points: u64,
    pub keys: KeyTable,
    pub snapshotter: Snapshotter,
    /// What the indexes take.
    pub index_memory: Reservation,
    /// When what is written but not synced must be on disk.
    pub sync_by: Option<Instant>,
    /// Whether the last group was of several.
    pub has_company: bool,
    /// Held as long as the database may be written.
    pub lock: Box<dyn Lock>,
}

/// What [`Committer::gather`] came back with.
enum Gathered {
    /// Transactions.
    Work,
    /// Weak writes must go to the disk now.
    SyncDue,
    /// Nobody writes, and the indexes should be stored.
    SnapshotDue,
    /// There is nobody left to serve, or no longer.
    End,
}

impl Committer {
    /// Work until the database is closed, then release the lock.
    pub(crate) fn run(mut self) {
        let mut group = Group::default();
        let mut pending = Vec::new();
        loop {
            let mut due = false;
            match self.gather(&mut pending) {
                Gathered::End => break,
                Gathered::SyncDue => self.sync_now(),
                Gathered::SnapshotDue => due = true,
                Gathered::Work => {
                    self.commit(&mut pending, &mut group);
                    if self.sync_is_due() && !planted(Bug::SyncOnlyWhenIdle) {
                        self.sync_now();
                    }
                }
            }
            // Where the disk has little room left, the journal needs that more.
            due = due || self.snapshotter.due(self.journal.end());
            if due && !self.state.disk.is_low() {
                // A snapshot is of what is durable.
                if !planted(Bug::SnapshotTooEarly) {
                    self.sync_now();
                }
                if let Some(mark) = self.mark() {
                    self.snapshotter.take(mark);
                }
            }
        }
        if self.state.poisoned().is_none() && !planted(Bug::CloseWithoutSync) {
            self.sync_now();
        }
        // What cannot be written then is missed only where something else goes wrong, too.
        let _ = guarded(|| self.journal.mark_durable());
        let until = self.snapshotter.settle();
        let worth = self
            .snapshotter
            .due_on_close(self.journal.tree().size(), self.journal.end());
        let last = (worth && !self.state.disk.is_low())
            .then(|| self.mark())
            .flatten();
        self.snapshotter.close(last, until);
        self.state.watch.closing();
        self.state.close();
        // Before the intake: whoever is answered "closed" may open it again.
        drop(self.journal);
        drop(self.lock);
        free(self.state, self.index_memory);
    }

    /// Wait for work and take what is there, up to a full group: whoever comes next
    /// waits for no more than that.
    fn gather(&mut self, pending: &mut Vec<Pending>) -> Gathered {
        let quiet = self.snapshotter.due_after(self.journal.end());
        let snapshot_by = quiet.map(|quiet| Instant::now() + quiet);
        let until = self.sync_by.into_iter().chain(snapshot_by).min();
        let mut next = match self.intake.wait(until) {
            Waited::Taken(taken) => Some(taken),
            Waited::TimedOut if until == self.sync_by => return Gathered::SyncDue,
            Waited::TimedOut => return Gathered::SnapshotDue,
            Waited::Closed | Waited::Gone => return Gathered::End,
        };
        let Limits {
            group_bytes,
            group_ms,
            ..
        } = self.state.limits;
        let (mut bytes, mut work) = (0, group_ms * 1_000_000);
        let mut has_yielded = !self.has_company;
        while let Some(taken) = next {
            pending.push(taken.item);
            bytes += taken.bytes;
            work = work.saturating_sub(taken.work);
            if bytes >= group_bytes {
                break;
            }
            next = self.intake.poll(work);
            if next.is_none() && !has_yielded {
                // Where cores are short, those who were answered last are still on their way
                // here: they go first, and share this sync. Elsewhere it takes no time.
                std::thread::yield_now();
                has_yielded = true;
                next = self.intake.poll(work);
            }
        }
        self.has_company = pending.len() > 1;
        Gathered::Work
    }

    /// Commit everything pending as one group, or as several where some can be decided on
    /// only once those before are in the indexes, and answer it.
    fn commit(&mut self, pending: &mut Vec<Pending>, group: &mut Group) {
        while !pending.is_empty() {
            let oldest = pending.iter().map(|(_, reply)| reply.since()).min();
            let oldest = oldest.into_iter().chain(self.intake.oldest()).min();
            self.state.counters.oldest.set(oldest);
            self.commit_first(pending, group);
        }
        self.state.counters.oldest.set(self.intake.oldest());
    }

    /// Commit the first of what is pending, and all with it that can be.
    fn commit_first(&mut self, pending: &mut Vec<Pending>, group: &mut Group) {
        let outcome = match self.state.check_writable() {
            Err(refusal) => Err(refusal),
            Ok(()) => guarded(|| self.write(pending, group)).map_err(|error| {
                self.poison(&error);
                Error::Unsettled {
                    cause: Arc::new(error),
                }
            }),
        };
        match outcome {
            Ok(outcomes) => {
                self.state.clock.lock().end_group();
                let now = Instant::now();
                let answered = pending.drain(..outcomes.len());
                let waited = answered
                    .as_slice()
                    .iter()
                    .map(|(_, reply)| now - reply.since());
                waited.for_each(|waited| self.state.counters.commits.observe_duration(waited));
                for ((_, reply), outcome) in answered.zip(outcomes) {
                    reply.send(outcome.answer());
                }
                let archived = guarded(|| {
                    self.archive();
                    Ok(())
                });
                if let Err(error) = archived {
                    self.poison(&error);
                }
            }
            Err(error) => {
                for (_, reply) in pending.drain(..) {
                    reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Refuse writes from now on, for this reason.
    pub(super) fn poison(&self, error: &Error) {
        match error {
            _ if planted(Bug::NoPoison) => {}
            Error::Poisoned { cause } | Error::Failed { cause } => self.state.poison(cause),
            other => self.state.poison(&other.to_string()),
        }
    }

    /// Write, sync, apply, publish.
    fn write(&mut self, pending: &[Pending], group: &mut Group) -> Result<Vec<Outcome>> {
        let time = self.state.clock.lock().begin_group();
        let resolutions = vec![Resolution::new(); pending.len()];
        let mut outcomes = self.plan(pending, &resolutions, group, time)?;
        let written = match group.is_empty() {
            true => None,
            false => Some(self.write_group(group, time)?),
        };
        let accepted = pending
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| !matches!(outcome, Outcome::Refused(_)));
        let levels = accepted.map(|((transaction, _), _)| transaction.durability);
        if !planted(Bug::PublishBeforeSync) {
            self.sync_for(levels, written.is_some())?;
        }
        if written.is_none() && self.journal.durable_head().0 > self.state.durable() {
            // For one that was answered again; what it synced is shown.
            self.state.publish(self.head());
        }
        if let Some(written) = written {
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
            self.apply((pending, &resolutions), &mut outcomes, &written);
            self.snapshotter.entered(begun.elapsed());
            self.journal.advance(written);
            drop(writing);
            self.state.publish(self.head());
            let indexes = self.state.indexes.memory() + self.keys.memory();
            self.index_memory.hold(indexes);
            let committed = outcomes
                .iter()
                .filter(|o| matches!(o, Outcome::Committed(_)))
                .count() as u64;
            if planted(Bug::PublishBeforeSync) {
                self.sync_for([Durability::Sync].into_iter(), true)?;
            }
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
        Ok(outcomes)
    }

    /// Write a group, which takes its part of the disk's room.
    fn write_group(&mut self, group: &mut Group, time: i64) -> Result<WrittenGroup> {
        let written = self.journal.write(group, time)?;
        self.state.disk.wrote(written.bytes());
        Ok(written)
    }

    /// What readers may see now.
    pub(super) fn head(&self) -> Head {
        let (durable_size, root) = self.journal.durable_head();
        Head {
            tree_size: self.journal.tree().size(),
            tree_root: self.journal.tree().root(),
            durable_size,
            root,
            journal_bytes: self.journal.end(),
            features: self.state.indexes.features.read().len() as u64,
            series: self.state.indexes.series.listed() as u64,
            points: self.points,
            times: self.state.indexes.series.times(),
        }
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
        let outcomes = plan.all(transactions, resolutions, group)?;
        drop(features);
        drop(attributes);
        drop(webhooks);
        drop(reverts);
        drop(defaults);
        if planted(Bug::ReplayReadsBlock) {
            for outcome in &outcomes {
                if let Outcome::Replayed(ack) = outcome {
                    crate::state::blocks::read_block(&self.state, ack.first_seq)?;
                }
            }
        }
        let outcomes = outcomes.into_iter();
        Ok(outcomes.map(|outcome| self.with_hash(outcome)).collect())
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

    /// What a snapshot of this moment is about, if all that is published is durable.
    fn mark(&self) -> Option<SnapshotMark> {
        if self.state.poisoned().is_some() {
            return None;
        }
        let journal = self.journal.mark()?;
        let indexes = &self.state.indexes;
        let (attributes, webhooks) = (indexes.attributes.read(), indexes.webhooks.read());
        let defaults = indexes.defaults.read();
        let tables = (&*attributes, &*webhooks, &*defaults);
        let extra = encode_extra(&self.keys, tables, &indexes.reverts.read());
        Some(SnapshotMark {
            journal,
            last_time: self.state.clock.lock().last_group(),
            points: self.points,
            extra,
        })
    }
}

/// Give the memory of a closed database back. Tens of millions of small allocations take
/// many seconds to free, for which no stop has the time: then it goes on in the background,
/// until the process ends.
fn free(state: Arc<State>, memory: Reservation) {
    let (done, freed) = crossbeam_channel::bounded::<()>(0);
    let work = move || {
        state.free();
        state.memory.freed();
        drop((memory, done));
    };
    // Where there can be no thread the memory goes with the last handle.
    let thread = std::thread::Builder::new().name("formdb-free".into());
    if thread.spawn(work).is_ok() {
        // Ends when `done` is dropped.
        let _ = freed.recv_timeout(FREE_WAIT);
    }
}

/// Do `work`, and take a panic in it for a failure: a bug must not end the thread
/// in silence, nor may it go on writing from a state nobody understands.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::Poisoned {
            cause: "the committer panicked; see the log".into(),
        })
    })
}
