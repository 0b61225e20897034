//! Interactive transactions: begin, apply, read your own writes, commit or abort.
//!
//! A transaction sees the database as of the sequence it began at, and its own
//! writes on top. Nothing of it is written before the commit, which is one queued
//! [`Transaction`] with the condition that nobody else has since written what it
//! writes: the first committer wins, the other gets [`Error::Conflict`]. Points that
//! are only added conflict with nothing.
//!
//! A transaction holds no lock. What it costs is its own writes, so there is a limit
//! on their bytes, on how many transactions are open, and a lease: one that is not
//! touched for [`crate::Limits::transaction_lease_seconds`] ends as if aborted.

mod operations;
mod overlay;
mod reads;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub use reads::OwnDocument;

use crate::conditions::{Condition, Expected};
use crate::database::Database;
use crate::error::{Entity, Error, InvalidCode, Result};
use crate::limits::Limits;
use crate::operation::Operation;
use crate::queue::{Ack, Reply, Transaction};
use overlay::Overlay;

/// How to begin a transaction.
#[derive(Debug, Clone, Default)]
pub struct Begin {
    /// Refuse writes; only pin the sequence.
    pub read_only: bool,
    /// The authenticated subject, recorded in every block.
    pub actor: Option<Arc<str>>,
    /// The sequence to see, by default the last one.
    pub as_of: Option<u64>,
}

/// What there is to know of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionStatus {
    /// Its id, `txn_` and 32 hexadecimal digits.
    pub id: String,
    /// The sequence it sees.
    pub seq: u64,
    /// Whether it can write.
    pub read_only: bool,
    /// Operations it holds.
    pub operations: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Until its lease ends, in milliseconds; 0 when it has ended.
    pub expires_in_ms: u64,
    /// Where it stands.
    pub phase: Phase,
}

/// Where a transaction stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It takes operations.
    Open,
    /// It was handed to the committer, which has not answered yet.
    Committing,
    /// It was committed; `None`: and had written nothing.
    Committed(Option<Ack>),
    /// It was aborted, its lease ended, or its commit was refused; with the reason.
    Aborted(String),
}

/// How a commit began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// It waits for the committer, which will answer.
    Queued,
    /// It was committed before: the same answer again.
    Again(Ack),
    /// It was read-only or empty, and has ended.
    Nothing,
}

/// Ended transactions that are remembered, so that a caller who lost the answer can
/// ask again.
const REMEMBERED: usize = 1_024;

/// The transactions of one database.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    open: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<String, Arc<Mutex<Session>>>,
    ended: VecDeque<TransactionStatus>,
}

impl Table {
    fn end(&mut self, status: TransactionStatus) {
        self.sessions.remove(&status.id);
        self.ended.push_back(status);
        while self.ended.len() > REMEMBERED {
            self.ended.pop_front();
        }
    }
}

/// One transaction that is open.
#[derive(Debug)]
struct Session {
    id: String,
    seq: u64,
    read_only: bool,
    actor: Option<Arc<str>>,
    operations: Vec<Operation>,
    bytes: usize,
    overlay: Overlay,
    lease: Duration,
    expires: Instant,
    phase: Phase,
}

impl Session {
    fn status(&self) -> TransactionStatus {
        let left = match self.phase {
            Phase::Open => self.expires.saturating_duration_since(Instant::now()),
            _ => Duration::ZERO,
        };
        TransactionStatus {
            id: self.id.clone(),
            seq: self.seq,
            read_only: self.read_only,
            operations: self.operations.len(),
            bytes: self.bytes,
            expires_in_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            phase: self.phase.clone(),
        }
    }

    fn expired(&self) -> bool {
        self.phase == Phase::Open && self.expires <= Instant::now()
    }

    /// Begin the lease anew.
    fn touch(&mut self) {
        self.expires = Instant::now() + self.lease;
    }

    /// Refuse anything but an open transaction.
    fn check_open(&self) -> Result<()> {
        match &self.phase {
            Phase::Open if !self.expired() => Ok(()),
            Phase::Open => Err(ended(&self.id, "its lease has ended")),
            Phase::Committing => Err(ended(&self.id, "it is being committed")),
            Phase::Committed(_) => Err(ended(&self.id, "it was committed")),
            Phase::Aborted(reason) => Err(ended(&self.id, reason)),
        }
    }

    /// Take operations, all or none.
    fn apply(&mut self, operations: Vec<Operation>, limits: &Limits) -> Result<usize> {
        self.check_open()?;
        if self.read_only {
            return Err(Error::ReadOnly);
        }
        let bytes = self.bytes + operations.iter().map(Operation::encoded_len).sum::<usize>();
        if bytes > limits.transaction_bytes {
            return Err(Error::TooLarge {
                what: "the transaction in bytes",
                actual: bytes as u64,
                limit: limits.transaction_bytes as u64,
                setting: "transaction_bytes",
            });
        }
        self.touch();
        self.bytes = bytes;
        for operation in operations {
            self.overlay.note(&operation, self.operations.len());
            self.operations.push(operation);
        }
        Ok(self.operations.len())
    }

    /// What must hold for its writes to be what its reader has seen.
    fn conditions(&self) -> Vec<Condition> {
        let features = self.overlay.features().map(|id| Condition::Feature {
            id: id.to_owned(),
            expected: Expected::NotAfter(self.seq),
        });
        let series = self.overlay.series_deleted_from();
        let series = series.map(|id| Condition::SeriesUntouched {
            id: id.to_owned(),
            since: self.seq,
        });
        features.chain(series).collect()
    }
}

fn ended(id: &str, reason: &str) -> Error {
    Error::NotFound {
        entity: Entity::Transaction,
        id: format!("{id} ({reason})"),
    }
}

impl Database {
    /// Begin a transaction.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many are open; [`Error::Invalid`] for an `as_of` the
    /// journal has not reached; [`Error::Closed`]; [`Error::Poisoned`] unless it is
    /// read-only.
    pub fn begin(&self, begin: Begin) -> Result<TransactionStatus> {
        let state = &self.state;
        if begin.read_only {
            state.check_open()?;
        } else {
            state.check_writable()?;
        }
        self.end_expired();
        let seq = state.at(begin.as_of)?;
        if begin.as_of.is_some() && !begin.read_only {
            let detail =
                "as_of is for a read-only transaction; one that writes sees the last state";
            return Err(Error::invalid(InvalidCode::Parameter, "/as_of", detail));
        }
        let lease = Duration::from_secs(state.limits.transaction_lease_seconds);
        let session = Session {
            id: format!("txn_{}", uuid::Uuid::new_v4().simple()),
            seq,
            read_only: begin.read_only,
            actor: begin.actor,
            operations: Vec::new(),
            bytes: 0,
            overlay: Overlay::default(),
            lease,
            expires: Instant::now() + lease,
            phase: Phase::Open,
        };
        let status = session.status();
        let mut table = self.transactions.open.lock();
        let limit = state.limits.open_transactions;
        if table.sessions.len() >= limit {
            return Err(Error::Busy {
                limit: limit as u64,
                unit: "open transactions",
            });
        }
        let session = Arc::new(Mutex::new(session));
        table.sessions.insert(status.id.clone(), session);
        Ok(status)
    }

    fn session(&self, id: &str) -> Result<Arc<Mutex<Session>>> {
        let table = self.transactions.open.lock();
        if let Some(session) = table.sessions.get(id) {
            return Ok(Arc::clone(session));
        }
        let reason = match table.ended.iter().rev().find(|status| status.id == id) {
            None => return Err(unknown(id)),
            Some(status) => match &status.phase {
                Phase::Aborted(reason) => reason.clone(),
                _ => "it was committed".to_owned(),
            },
        };
        Err(ended(id, &reason))
    }

    /// Add operations to a transaction, all or none, and begin its lease anew.
    /// Returns how many it holds then.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not open, [`Error::ReadOnly`],
    /// [`Error::TooLarge`].
    pub fn apply(&self, id: &str, operations: Vec<Operation>) -> Result<usize> {
        self.state.check_writable()?;
        let session = self.session(id)?;
        let mut session = session.lock();
        session.apply(operations, &self.state.limits)
    }

    /// What there is to know of a transaction; of the last 1,024 that ended too. Does
    /// not touch the lease.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn transaction(&self, id: &str) -> Result<TransactionStatus> {
        self.end_expired();
        let table = self.transactions.open.lock();
        if let Some(session) = table.sessions.get(id) {
            return Ok(session.lock().status());
        }
        let ended = table.ended.iter().rev().find(|status| status.id == id);
        ended.cloned().ok_or_else(|| unknown(id))
    }

    /// Hand a transaction to the committer; if it is queued, `reply` is called as in
    /// [`Database::submit`], otherwise it is not. After [`Error::Busy`] the
    /// transaction is still open; after any other refusal it has ended.
    ///
    /// # Errors
    /// Those of [`Database::submit`], [`Error::NotFound`]; through `reply`
    /// [`Error::Conflict`].
    pub fn commit(
        self: &Arc<Self>,
        id: &str,
        options: Transaction,
        reply: Reply,
    ) -> Result<Commit> {
        match self.hand_over(id, options) {
            Ok(Handed::Transaction(transaction)) => {
                self.submit_commit(id, transaction, reply)?;
                Ok(Commit::Queued)
            }
            Ok(Handed::Done(commit)) => {
                reply.disarm();
                Ok(commit)
            }
            Err(refusal) => {
                reply.disarm();
                Err(refusal)
            }
        }
    }

    fn hand_over(&self, id: &str, options: Transaction) -> Result<Handed> {
        if let Ok(TransactionStatus {
            phase: Phase::Committed(ack),
            ..
        }) = self.transaction(id)
        {
            let replayed = true;
            return Ok(Handed::Done(match ack {
                Some(ack) => Commit::Again(Ack { replayed, ..ack }),
                None => Commit::Nothing,
            }));
        }
        let session = self.session(id)?;
        let mut session = session.lock();
        session.check_open()?;
        if session.read_only || session.operations.is_empty() {
            session.phase = Phase::Committed(None);
            let status = session.status();
            drop(session);
            self.transactions.open.lock().end(status);
            return Ok(Handed::Done(Commit::Nothing));
        }
        session.phase = Phase::Committing;
        Ok(Handed::Transaction(Transaction {
            operations: session.operations.clone(),
            actor: session.actor.clone(),
            conditions: session.conditions(),
            ..options
        }))
    }

    fn submit_commit(
        self: &Arc<Self>,
        id: &str,
        transaction: Transaction,
        reply: Reply,
    ) -> Result<()> {
        let database = Arc::clone(self);
        let own = id.to_owned();
        let reply = reply.after(move |answer| {
            let phase = match answer {
                Ok(ack) => Phase::Committed(Some(*ack)),
                Err(error) => Phase::Aborted(error.to_string()),
            };
            database.end(&own, phase);
        });
        match self.submit(transaction, reply) {
            Ok(()) => Ok(()),
            Err(busy @ Error::Busy { .. }) => {
                let session = self.session(id)?;
                let mut session = session.lock();
                session.phase = Phase::Open;
                session.touch();
                Err(busy)
            }
            Err(refusal) => {
                self.end(id, Phase::Aborted(refusal.to_string()));
                Err(refusal)
            }
        }
    }

    /// End a transaction without writing anything. One that has ended without a
    /// commit is no error.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that was committed, is being committed or never
    /// was.
    pub fn abort(&self, id: &str) -> Result<()> {
        if let Phase::Aborted(_) = self.transaction(id)?.phase {
            return Ok(());
        }
        self.session(id)?.lock().check_open()?;
        self.end(id, Phase::Aborted("it was aborted".to_owned()));
        Ok(())
    }

    /// Move a transaction to those that have ended.
    fn end(&self, id: &str, phase: Phase) {
        let mut table = self.transactions.open.lock();
        if let Some(session) = table.sessions.get(id).cloned() {
            let mut session = session.lock();
            session.phase = phase;
            let status = session.status();
            drop(session);
            table.end(status);
        }
    }

    /// Ids of the transactions that have not ended, once those whose lease has ended
    /// have.
    pub fn open_transactions(&self) -> Vec<String> {
        self.end_expired();
        let table = self.transactions.open.lock();
        table.sessions.keys().cloned().collect()
    }

    /// End the transactions whose lease has ended.
    pub fn end_expired(&self) {
        let mut table = self.transactions.open.lock();
        let expired: Vec<TransactionStatus> = table
            .sessions
            .values()
            .filter_map(|session| {
                // One that is in use is not idle.
                let mut session = session.try_lock()?;
                session.expired().then(|| {
                    session.phase = Phase::Aborted("its lease has ended".to_owned());
                    session.status()
                })
            })
            .collect();
        for status in expired {
            table.end(status);
        }
    }
}

/// What a commit comes down to.
enum Handed {
    Transaction(Transaction),
    Done(Commit),
}

fn unknown(id: &str) -> Error {
    Error::NotFound {
        entity: Entity::Transaction,
        id: id.to_owned(),
    }
}
