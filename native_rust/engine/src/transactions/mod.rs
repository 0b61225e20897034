//! Interactive transactions: begin, apply, read your own writes, commit or abort.
//!
//! A transaction sees the database as of the sequence it began at, and its own
//! writes on top. Nothing of it is written before the commit, which is one queued
//! [`Transaction`] with the condition that nobody else has since written what it
//! writes: the first committer wins, the other gets [`Error::Conflict`]. Points that
//! are only added conflict with nothing.

mod again;
mod reads;

use std::sync::Arc;
use std::time::Instant;

pub use reads::OwnDocument;

use crate::block::{Ack, IdempotencyKey, Operation, Transaction, Versioned, check_actor};
use crate::commit::queue::{Reply, Seat};
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::index::pending::Sorted;
use crate::mem::Reservation;
use crate::sessions::{
    Addition, Additions, Applied, Committable, Contents, Found, New, Phase, TransactionStatus,
    Using,
};
use crate::state::State;
use crate::types::{OnDuplicate, Which};

/// How to begin a transaction.
#[derive(Debug, Clone, Default)]
pub struct Begin {
    /// Refuse writes; only pin the sequence.
    pub read_only: bool,
    /// The authenticated subject, recorded in every block. At most
    /// [`crate::MAX_ACTOR`] bytes.
    pub actor: Option<Arc<str>>,
    /// The sequence to see, by default the last one.
    pub as_of: Option<u64>,
}

/// How a commit began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// It waits for the committer, which will answer; or for the commit that is under way, and
    /// is answered as that is.
    Queued,
    /// It was committed before: the same answer again.
    Again(Ack),
    /// It was read-only or empty, and has ended: now, or with an earlier commit.
    Nothing {
        /// Whether with an earlier one.
        replayed: bool,
    },
}

/// Whether a call may wait for another one in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It may, for as long as that takes to add what it was given.
    Allowed,
    /// It must not.
    Never,
}

impl Database {
    /// Begin a transaction. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many are open; [`Error::Invalid`] for an `as_of` the
    /// journal has not reached, or a long actor; [`Error::Closed`]; [`Error::Poisoned`]
    /// unless it is read-only.
    pub fn begin(&self, begin: Begin) -> Result<TransactionStatus> {
        let state = &self.state;
        if begin.read_only {
            state.check_open()?;
        } else {
            state.check_writable()?;
        }
        check_actor(begin.actor.as_deref())?;
        let seq = state.at(begin.as_of)?;
        if begin.as_of.is_some() && !begin.read_only {
            let detail =
                "as_of is for a read-only transaction; one that writes sees the last state";
            return Err(Error::invalid(InvalidCode::Parameter, "/as_of", detail));
        }
        let new = New {
            id: format!("txn_{}", uuid::Uuid::new_v4().simple()),
            actor: begin.actor.clone(),
            seq,
            read_only: begin.read_only,
            held: Contents::new(begin.actor),
        };
        self.sessions.table.begin(new, Instant::now())
    }

    /// Refuse a transaction that another actor began, as one that never was; that of nobody
    /// too. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn check_transaction_of(&self, id: &str, actor: &str) -> Result<()> {
        self.sessions.table.check_actor(id, actor)
    }

    /// Add operations to a transaction, all or none, and begin its lease anew.
    /// Returns how many it holds then.
    ///
    /// # Errors
    /// Those of [`Database::apply_once`].
    pub fn apply(&self, id: &str, operations: Vec<Operation>) -> Result<usize> {
        let applied = self.apply_once(id, operations, None, Wait::Allowed)?;
        Ok(applied.map_or(0, |applied| applied.operations))
    }

    /// Add operations to a transaction, all or none, and begin its lease anew. What is
    /// refused leaves it as it was, and open. A second
    /// call with the same key adds nothing and is answered as the first was, for as
    /// long as the transaction is open. `None` if it would have to wait and must not:
    /// then nothing was added. Linear in the operations.
    ///
    /// # Errors
    /// [`Error::Ended`] and [`Error::Committing`] when it is not open; [`Error::NotFound`] for
    /// one that never was, and for a feature that is to be deleted and that the transaction does not see; [`Error::Irreversible`] for a block that is to
    /// be undone after the transaction has written what it is about; [`Error::ReadOnly`],
    /// [`Error::TooLarge`], [`Error::MemoryFull`], [`Error::KeyReused`].
    pub fn apply_once(
        &self,
        id: &str,
        added: impl Into<Additions>,
        key: Option<IdempotencyKey>,
        wait: Wait,
    ) -> Result<Option<Applied>> {
        let state = &self.state;
        state.check_writable()?;
        key.as_ref().map_or(Ok(()), IdempotencyKey::check)?;
        let using = self.sessions.enter(id)?;
        if using.read_only {
            return Err(Error::ReadOnly);
        }
        let mut added = added.into();
        let defaults = state.indexes.defaults.read().at(using.seq);
        for operation in &mut added.operations {
            // What it sees is what it writes.
            if let Operation::PutPoints { duplicates, .. } = operation {
                duplicates.on_duplicate.get_or_insert(defaults.on_duplicate);
            }
        }
        let found = found(state, &added.operations, using.seq);
        let mut contents = match wait {
            Wait::Allowed => using.held().lock(),
            Wait::Never => match using.held().try_lock() {
                Some(contents) => contents,
                None => return Ok(None),
            },
        };
        self.check_whole(id, &contents)?;
        if let Some(key) = &key
            && let Some(applied) = contents.replay(key)?
        {
            return Ok(Some(applied));
        }
        let addition = Addition { added, found, key };
        let applied = contents.add(addition, &state.limits, &state.memory.work)?;
        using.added(contents.figures())?;
        Ok(Some(applied))
    }

    /// Refuse a transaction to which something was added in part, and end it.
    fn check_whole(&self, id: &str, contents: &Contents) -> Result<()> {
        let Err(reason) = contents.check() else {
            return Ok(());
        };
        let now = Instant::now();
        self.sessions.table.abort(id, reason, now)?;
        self.sessions.enter(id).map(|_| ())
    }

    /// What there is to know of a transaction; of the last 1,024 that ended too. Does
    /// not touch the lease. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn transaction(&self, id: &str) -> Result<TransactionStatus> {
        self.sessions.table.status(id, Instant::now())
    }

    /// Hand a transaction to the committer; if it is queued, `reply` is called as in
    /// [`Database::submit`], otherwise it is not. After [`Error::Busy`],
    /// [`Error::MemoryFull`] and [`Error::DiskFull`] the transaction is still open; after any other refusal it
    /// has ended. One that is being committed already, or was, is answered as that commit is,
    /// whatever that is. Waits for what is being added to it.
    ///
    /// # Errors
    /// Those of [`Database::submit`], [`Error::NotFound`], [`Error::Ended`]; through `reply`
    /// [`Error::Conflict`].
    pub fn commit(
        self: &Arc<Self>,
        id: &str,
        options: Transaction,
        reply: Reply,
    ) -> Result<Commit> {
        let mut reply = Some(reply);
        let commit = self.hand_over(id, options, &mut reply);
        // Who is not told through it is told by what this returns.
        reply.into_iter().for_each(Reply::disarm);
        commit
    }

    /// Take what it holds out of a transaction, which is being committed from then on, and
    /// queue it.
    fn hand_over(
        self: &Arc<Self>,
        id: &str,
        options: Transaction,
        reply: &mut Option<Reply>,
    ) -> Result<Commit> {
        let table = &self.sessions.table;
        let using = match table.enter_to_commit(id, Instant::now())? {
            Committable::Entered(using) => using,
            Committable::Committed(ack) => return self.commit_again(id, ack, &options, reply),
        };
        let mut contents = using.held().lock();
        match using.phase()? {
            Phase::Open => {}
            // It is in the queue, since this has what it held.
            Phase::Committing => return self.commit_after(id, &options, reply),
            _ => return self.commit_again(id, table.answer(id)?, &options, reply),
        }
        self.check_whole(id, &contents)?;
        if using.read_only || contents.figures().operations == 0 {
            using.end(Phase::Committed(None))?;
            return Ok(Commit::Nothing { replayed: false });
        }
        using.commit()?;
        match self.take(&using, &mut contents, options) {
            Ok(taken) => {
                contents.clear();
                self.queue_commit(id, taken, reply)?;
                Ok(Commit::Queued)
            }
            Err(
                refusal @ (Error::Busy { .. } | Error::MemoryFull { .. } | Error::DiskFull { .. }),
            ) => {
                using.reopen();
                Err(refusal)
            }
            Err(refusal) => {
                table.settle(id, &Err(refusal.clone()));
                Err(refusal)
            }
        }
    }

    fn queue_commit(
        self: &Arc<Self>,
        id: &str,
        (place, transaction, memory): (Seat<'_>, Transaction, Reservation),
        reply: &mut Option<Reply>,
    ) -> Result<()> {
        let Some(reply) = reply.take() else {
            unreachable!("it is taken once");
        };
        let database = Arc::clone(self);
        let own = id.to_owned();
        let settle = move |answer: &Result<Ack>| database.sessions.table.settle(&own, answer);
        let reply = reply.after(settle).holding(memory);
        place.send(transaction, reply).inspect_err(|refusal| {
            self.sessions.table.settle(id, &Err(refusal.clone()));
        })
    }

    fn take(
        &self,
        using: &Using<'_, Contents>,
        contents: &mut Contents,
        options: Transaction,
    ) -> Result<(Seat<'_>, Transaction, Reservation)> {
        let mut taken = contents.take(&self.state.memory.work)?;
        let mut transaction = Transaction {
            operations: std::mem::take(&mut taken.operations),
            actor: contents.actor(),
            conditions: contents.conditions(using.seq),
            ..options
        };
        match self.admit(&transaction) {
            Ok(place) => Ok((place, transaction, taken.memory)),
            Err(refusal) => {
                taken.operations = std::mem::take(&mut transaction.operations);
                contents.put_back(taken);
                Err(refusal)
            }
        }
    }

    /// End a transaction without writing anything. One that has ended without a
    /// commit is no error. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that never was; [`Error::Ended`] for one that was committed,
    /// or may have been; [`Error::Committing`].
    pub fn abort(&self, id: &str) -> Result<()> {
        let now = Instant::now();
        self.sessions.table.abort(id, "it was aborted", now)
    }

    /// Ids of the transactions that have not ended, once those whose lease has ended
    /// have. Linear in their number.
    pub fn open_transactions(&self) -> Vec<String> {
        self.end_expired();
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (ids, next) = self.sessions.table.open(after.as_deref());
            all.extend(ids);
            match next {
                Some(last) => after = Some(last),
                None => return all,
            }
        }
    }

    /// End the transactions whose lease has ended, and free what they held.
    pub fn end_expired(&self) {
        let now = Instant::now();
        while self.sessions.table.lapse(now) {}
    }
}

/// What operations find in the database as of `seq`: the versions that those on features
/// write over, and the points that others may not be duplicates of.
fn found(state: &State, operations: &[Operation], seq: u64) -> Vec<Found> {
    /// Features looked up under one hold of the index's lock.
    const STEP: usize = 256;
    let mut found = Vec::with_capacity(operations.len());
    for step in operations.chunks(STEP) {
        let features = state.indexes.features.read();
        let attributes = state.indexes.attributes.read();
        found.extend(step.iter().map(|operation| {
            let version = operation.version().and_then(|(of, _)| match of {
                Versioned::Feature(id) => features.current(id, seq),
                Versioned::Attributes(id) => attributes.current(id, seq),
                // No transaction that stays open writes them.
                Versioned::Webhook(_) => None,
            });
            version.map_or(Found::Nothing, Found::Version)
        }));
    }
    for (operation, found) in operations.iter().zip(&mut found) {
        let timestamps = match operation {
            Operation::PutPoints {
                batch, duplicates, ..
            } if matches!(
                duplicates.on_duplicate,
                Some(OnDuplicate::Ignore | OnDuplicate::Refuse)
            ) =>
            {
                Sorted::new(&batch.timestamps).timestamps
            }
            Operation::DeletePoints(delete) if matches!(delete.span.which, Which::One { .. }) => {
                vec![delete.span.start]
            }
            _ => continue,
        };
        let mut points = Vec::new();
        if let Some(series) = operation
            .series()
            .and_then(|id| state.indexes.series.get(id))
        {
            series
                .read()
                .there(&timestamps, seq, |point| points.push(point));
        }
        *found = Found::Points(points);
    }
    found
}
