//! The committer: the one thread that writes to a database.
//!
//! It takes all that waits, makes one group of it, syncs once, applies it to
//! the indexes, publishes it and only then answers. While it waits for the
//! disk the next group gathers in the queue, so the group size follows the
//! load and one caller alone waits for one sync.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::block::{Operation, Stamp, encode_block};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::fs::Lock;
use crate::journal::{Group, Journal, Written};
use crate::queue::{Ack, Intake, Message, Reply, Transaction};
use crate::snapshot::{Mark, Snapshotter};
use crate::state::{Head, State};

/// Index entries applied under one hold of a write lock: some tens of
/// microseconds, so that no reader on a scheduler waits longer.
const STEP: usize = 32;
/// Points applied under one hold of a series' lock.
const POINT_STEP: usize = 8_192;

/// The committer's own state; lives on its thread.
#[derive(Debug)]
pub(crate) struct Committer {
    pub state: Arc<State>,
    pub intake: Intake,
    pub journal: Journal,
    pub clock: Clock,
    /// Points in all series.
    pub points: u64,
    pub snapshotter: Snapshotter,
    /// Held as long as the database may be written.
    pub lock: Box<dyn Lock>,
}

/// A queued transaction and where its answer goes.
type Pending = (Transaction, Reply);

impl Committer {
    /// Work until the database is closed, then release the lock.
    pub(crate) fn run(mut self) {
        let mut group = Group::default();
        let mut pending = Vec::new();
        while let Some(closing) = self.gather(&mut pending) {
            self.commit(&mut pending, &mut group);
            if closing {
                break;
            }
            self.snapshot_if_due();
        }
        let last = self.last_snapshot();
        self.snapshotter.close(last);
        self.state.close();
        // Before the intake: whoever is answered "closed" may open it again.
        drop(self.journal);
        drop(self.lock);
    }

    /// Wait for work and take what is there, up to a full group. Returns
    /// whether to end after it, or nothing when there is nobody left to serve.
    fn gather(&self, pending: &mut Vec<Pending>) -> Option<bool> {
        let mut gathered = 0;
        let mut next = Some(self.intake.wait()?);
        while let Some(message) = next {
            match message {
                Message::Close => return Some(true),
                Message::Write {
                    transaction,
                    bytes,
                    reply,
                } => {
                    pending.push((transaction, reply));
                    gathered += bytes;
                }
            }
            if gathered >= self.state.limits.group_bytes {
                break;
            }
            next = self.intake.poll();
        }
        Some(false)
    }

    /// Commit everything pending as one group and answer it.
    fn commit(&mut self, pending: &mut Vec<Pending>, group: &mut Group) {
        if pending.is_empty() {
            return;
        }
        let outcome = match self.state.check_writable() {
            Err(refusal) => Err(refusal),
            Ok(()) => {
                guarded(|| self.write(pending, group)).inspect_err(|error| self.poison(error))
            }
        };
        match outcome {
            Ok(acks) => {
                for ((_, reply), ack) in pending.drain(..).zip(acks) {
                    reply.send(Ok(ack));
                }
                let retired = guarded(|| {
                    self.retire();
                    Ok(())
                });
                if let Err(error) = retired {
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
    fn poison(&self, error: &Error) {
        match error {
            Error::Poisoned { cause } => self.state.poison(cause),
            other => self.state.poison(&other.to_string()),
        }
    }

    /// Write, sync, apply, publish.
    fn write(&mut self, pending: &[Pending], group: &mut Group) -> Result<Vec<Ack>> {
        let time = self.clock.now();
        let acks = self.encode(pending, group, time);
        let written = self.journal.write(group, time)?;
        written.segment.sync()?;
        self.apply(pending, &acks, &written);
        self.journal.advance(written);
        self.points += pending.iter().map(|(t, _)| count_points(t)).sum::<u64>();
        self.state.publish(self.head());
        let counters = &self.state.counters;
        counters.groups.fetch_add(1, Ordering::Relaxed);
        counters
            .transactions
            .fetch_add(pending.len() as u64, Ordering::Relaxed);
        Ok(acks)
    }

    /// What readers may see now.
    fn head(&self) -> Head {
        let tree = self.journal.tree();
        Head {
            tree_size: tree.size(),
            root: tree.root(),
            journal_bytes: self.journal.end(),
            features: self.state.features.read().len() as u64,
            series: self.state.series.len() as u64,
            points: self.points,
        }
    }

    /// Give every operation its sequence and turn it into a block.
    fn encode(&self, pending: &[Pending], group: &mut Group, time: i64) -> Vec<Ack> {
        group.clear();
        // Ids written by this group so far: not in the index yet.
        let mut written: HashMap<&str, u64> = HashMap::new();
        let mut seq = self.journal.tree().size();
        let features = self.state.features.read();
        let mut acks = Vec::with_capacity(pending.len());
        for (transaction, _) in pending {
            let first_seq = seq + 1;
            let mut first_hash = None;
            group.begin_transaction();
            for operation in &transaction.operations {
                seq += 1;
                let prev = match operation {
                    Operation::PutPoints { .. } => None,
                    Operation::PutFeature(feature) => match written.entry(&feature.id) {
                        Entry::Occupied(mut earlier) => Some(earlier.insert(seq)),
                        Entry::Vacant(slot) => {
                            slot.insert(seq);
                            features.newest(&feature.id).map(|version| version.seq)
                        }
                    },
                };
                let stamp = Stamp {
                    seq,
                    txn: first_seq,
                    time,
                    prev,
                };
                let hash = group.push_block(|out| {
                    encode_block(stamp, transaction.actor.as_ref(), operation, out);
                });
                first_hash.get_or_insert(hash);
            }
            group.end_transaction();
            acks.push(Ack {
                first_seq,
                last_seq: seq,
                time,
                hash: first_hash.unwrap_or_default(),
            });
        }
        acks
    }

    /// Enter a durable group into the indexes, in short steps. Readers see none
    /// of it before it is published.
    fn apply(&self, pending: &[Pending], acks: &[Ack], written: &Written) {
        for step in written.locations.chunks(1_024) {
            let mut blocks = self.state.blocks.write();
            for location in step {
                blocks.push(*location);
            }
        }
        for step in written.nodes.chunks(1_024) {
            let mut nodes = self.state.nodes.write();
            for node in step {
                nodes.push(*node);
            }
        }
        for ((transaction, _), ack) in pending.iter().zip(acks) {
            let mut seq = ack.first_seq;
            for step in transaction.operations.chunks(STEP) {
                self.apply_features(step, seq);
                self.apply_points(step, seq);
                seq += step.len() as u64;
            }
        }
    }

    fn apply_features(&self, step: &[Operation], first_seq: u64) {
        let mut features = None;
        for (operation, seq) in step.iter().zip(first_seq..) {
            if let Operation::PutFeature(feature) = operation {
                features
                    .get_or_insert_with(|| self.state.features.write())
                    .put(&feature.id, feature.envelope, seq);
            }
        }
    }

    fn apply_points(&self, step: &[Operation], first_seq: u64) {
        for (operation, seq) in step.iter().zip(first_seq..) {
            if let Operation::PutPoints { batch, .. } = operation {
                let series = self.state.series.get_or_create(&batch.series);
                series.insert(&batch.timestamps, &batch.values, seq, POINT_STEP);
            }
        }
    }

    /// Have a snapshot taken in the background when it is time.
    fn snapshot_if_due(&mut self) {
        if self.snapshotter.due(self.journal.end())
            && self.state.check_writable().is_ok()
            && let Some(mark) = self.mark()
        {
            self.snapshotter.take(mark);
        }
    }

    /// What a snapshot of this moment is about: the last group is durable and
    /// published.
    fn mark(&self) -> Option<Mark> {
        let group = self.journal.last_group()?;
        Some(Mark {
            database: group.database,
            tree: self.journal.tree().clone(),
            segment_first_seq: group.segment_first_seq,
            last_group_offset: group.offset,
            end_offset: group.end_offset,
            position: self.journal.end(),
            last_time: self.clock.last(),
            points: self.points,
            extra: Vec::new(),
        })
    }

    /// The mark of the snapshot to be taken before the database is closed.
    fn last_snapshot(&self) -> Option<Mark> {
        let due = self
            .snapshotter
            .due_on_close(self.journal.tree().size(), self.journal.end());
        if due && self.state.check_writable().is_ok() {
            self.mark()
        } else {
            None
        }
    }

    /// Move versions that have ended out of the hot index.
    fn retire(&self) {
        let published = self.state.published();
        while self.state.features.write().retire(published, STEP) {}
    }
}

/// Do `work`, and take a panic in it for a failure: a bug must not end the thread
/// in silence, nor may it go on writing from a state nobody understands.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::Poisoned {
            cause: "the committer panicked; see the log".into(),
        })
    })
}

fn count_points(transaction: &Transaction) -> u64 {
    let points = transaction
        .operations
        .iter()
        .map(|operation| match operation {
            Operation::PutFeature(_) => 0,
            Operation::PutPoints { batch, .. } => batch.timestamps.len() as u64,
        });
    points.sum()
}
