//! The bounded queue between callers and the committer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::conditions::Condition;
use crate::error::{Error, InvalidCode, Result};
use crate::keys::IdempotencyKey;
use crate::limits::Limits;
use crate::mem::{Pool, Reservation};
use crate::merkle::Hash;
use crate::operation::Operation;
use crate::turns::Turns;

/// Bytes of an actor, the longest there is.
pub const MAX_ACTOR: usize = 1_024;

/// Operations that become durable and visible together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// At least one; applied in this order.
    pub operations: Vec<Operation>,
    /// The authenticated subject, recorded in every block. At most [`MAX_ACTOR`] bytes.
    pub actor: Option<Arc<str>>,
    /// What must hold when it is committed, or nothing is written.
    pub conditions: Vec<Condition>,
    /// A second transaction with this key is answered as the first was.
    pub key: Option<IdempotencyKey>,
    /// What the answer promises.
    pub durability: Durability,
    /// Whose it is, as a number of the caller's choice. Transactions of one caller are
    /// committed in the order in which they were submitted; of several, small ones go
    /// before large ones that were submitted earlier, so that a bulk load does not keep
    /// the others waiting.
    pub caller: u64,
}

impl Transaction {
    /// Nanoseconds that committing it takes, roughly: hashing and writing its bytes,
    /// and entering it into the indexes.
    fn work(&self, bytes: usize) -> u64 {
        const BYTE: u64 = 2;
        const OPERATION: u64 = 2_000;
        const POINT: u64 = 40;
        let points = |operation: &Operation| match operation.effect() {
            Operation::PutPoints { batch, .. } => batch.timestamps.len() as u64,
            _ => 0,
        };
        let points: u64 = self.operations.iter().map(points).sum();
        BYTE * bytes as u64 + OPERATION * self.operations.len() as u64 + POINT * points
    }

    /// Bytes of memory that it takes.
    fn memory(&self) -> usize {
        let operations: usize = self.operations.iter().map(Operation::memory).sum();
        operations + self.conditions.len() * size_of::<Condition>()
    }
}

/// Bytes of operations, encoded as blocks of this actor.
pub(crate) fn encoded_len(operations: &[Operation], actor: Option<&str>) -> usize {
    let actor = actor.map_or(0, str::len);
    let lengths = operations.iter().map(|o| o.encoded_len() + actor);
    lengths.sum()
}

/// Refuse a transaction of more encoded bytes than the limit.
pub(crate) fn check_size(bytes: usize, limit: usize) -> Result<()> {
    if bytes > limit {
        return Err(Error::TooLarge {
            what: "the transaction in bytes",
            actual: bytes as u64,
            limit: limit as u64,
            setting: "transaction_bytes",
        });
    }
    Ok(())
}

/// Refuse an actor that is too long.
pub(crate) fn check_actor(actor: Option<&str>) -> Result<()> {
    match actor.map_or(0, str::len) {
        0..=MAX_ACTOR => Ok(()),
        len => {
            let detail = format!("the actor has {len} bytes; give at most {MAX_ACTOR}");
            Err(Error::invalid(InvalidCode::Parameter, "/actor", detail))
        }
    }
}

/// What an acknowledged write promises.
///
/// Whatever the level, transactions are whole and in order: a crash takes back
/// only a last part of them, and never one that was followed by an acknowledged
/// `Sync`. Readers see a write of a weaker level as soon as it is acknowledged,
/// and so may see one that a crash of the machine takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It is on disk: it survives the loss of power.
    #[default]
    Sync,
    /// It is with the operating system, and on disk within
    /// [`Limits::sync_interval_ms`]: it survives the end of the process, and the
    /// loss of power once that time has passed.
    Interval,
    /// It is with the operating system, which writes it out when it likes: it
    /// survives the end of the process. It is on disk after the next `Sync` write,
    /// at the end of a segment and on closing.
    None,
}

impl std::str::FromStr for Durability {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "sync" => Ok(Self::Sync),
            "interval" => Ok(Self::Interval),
            "none" => Ok(Self::None),
            other => {
                let detail = format!("found {other:?}; expected sync, interval or none");
                Err(Error::invalid(
                    InvalidCode::Parameter,
                    "/durability",
                    detail,
                ))
            }
        }
    }
}

/// Proof that a transaction is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Sequence of its first block.
    pub first_seq: u64,
    /// Sequence of its last block.
    pub last_seq: u64,
    /// Commit time, microseconds since the epoch.
    pub time: i64,
    /// Leaf hash of its first block.
    pub hash: Hash,
    /// Points that its operations deleted.
    pub points_deleted: u64,
    /// Features that it put where there was one of that id, its own among them.
    pub features_replaced: u64,
    /// Whether an earlier transaction with its idempotency key was answered again.
    pub replayed: bool,
}

/// Where the answer to a transaction goes.
///
/// It is called exactly once, on the committer thread, without any lock held.
/// A reply that is dropped unanswered, because the committer ended, answers
/// [`Error::Closed`], so no caller waits for ever.
pub struct Reply(Option<Box<dyn FnOnce(Result<Ack>) + Send>>);

impl Reply {
    /// Answer by calling `f`, which must not block.
    pub fn new(f: impl FnOnce(Result<Ack>) + Send + 'static) -> Self {
        Self(Some(Box::new(f)))
    }

    /// The same, but that `f` sees the answer first. When it is never answered, `f` is
    /// not called either.
    pub(crate) fn after(mut self, f: impl FnOnce(&Result<Ack>) + Send + 'static) -> Self {
        match self.0.take() {
            None => Self(None),
            Some(then) => Self::new(move |answer| {
                f(&answer);
                then(answer);
            }),
        }
    }

    /// The same, and give memory back when it is answered, or will not be.
    pub(crate) fn holding(mut self, memory: Reservation) -> Self {
        match self.0.take() {
            None => Self(None),
            Some(then) => Self::new(move |answer| {
                drop(memory);
                then(answer);
            }),
        }
    }

    pub(crate) fn send(mut self, answer: Result<Ack>) {
        if let Some(f) = self.0.take() {
            f(answer);
        }
    }

    /// Never answer: the caller gets the refusal as a return value instead.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f(Err(Error::Closed));
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// What the committer is asked to do.
#[derive(Debug)]
pub(crate) enum Message {
    Write {
        transaction: Transaction,
        bytes: usize,
        /// Roughly how long it takes to commit, in nanoseconds.
        work: u64,
        reply: Reply,
    },
    /// Finish what was queued before this, then end.
    Close,
}

/// The callers' end.
#[derive(Debug)]
pub(crate) struct WriteQueue {
    sender: Sender<Message>,
    waiting: Arc<Waiting>,
    closing: AtomicBool,
    max_transactions: usize,
    max_bytes: usize,
    max_transaction_bytes: usize,
    memory: Arc<Pool>,
}

/// A place in the queue for one transaction; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Seat<'q> {
    queue: &'q WriteQueue,
    bytes: usize,
}

/// The committer's end. What callers send is put in order here, on the committer's
/// thread, so that no caller ever waits for a lock.
#[derive(Debug)]
pub(crate) struct Intake {
    receiver: Receiver<Message>,
    turns: Turns<Taken>,
    /// Everything before the closing is in `turns`.
    closing: bool,
    waiting: Arc<Waiting>,
}

/// A transaction that the committer takes, and what it takes up.
#[derive(Debug)]
pub(crate) struct Taken {
    pub transaction: Transaction,
    pub reply: Reply,
    pub bytes: usize,
    pub work: u64,
}

/// What waiting for a transaction ended with.
#[derive(Debug)]
pub(crate) enum Waited {
    Taken(Taken),
    /// All that was queued before the database was closed has been taken.
    Closed,
    TimedOut,
    /// Every sender is gone.
    Gone,
}

/// What is queued and not yet taken.
#[derive(Debug, Default)]
struct Waiting {
    transactions: AtomicUsize,
    bytes: AtomicUsize,
}

/// Make a queue of the size the limits allow. What waits in it takes its memory from
/// a pool.
pub(crate) fn write_queue(limits: &Limits, memory: &Arc<Pool>) -> (WriteQueue, Intake) {
    // Unbounded underneath: the bounds are counted in `WriteQueue`, so that the
    // message that closes the database always fits.
    let (sender, receiver) = crossbeam_channel::unbounded();
    let waiting = Arc::new(Waiting::default());
    let queue = WriteQueue {
        sender,
        waiting: Arc::clone(&waiting),
        closing: AtomicBool::new(false),
        max_transactions: limits.queue_transactions,
        max_bytes: limits.queue_bytes,
        max_transaction_bytes: limits.transaction_bytes,
        memory: Arc::clone(memory),
    };
    let intake = Intake {
        receiver,
        turns: Turns::default(),
        closing: false,
        waiting,
    };
    (queue, intake)
}

impl WriteQueue {
    /// Queue a transaction. Never blocks.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full, [`Error::TooLarge`],
    /// [`Error::MemoryFull`], [`Error::Closed`]; `reply` is not called then.
    pub(crate) fn submit(&self, transaction: Transaction, reply: Reply) -> Result<()> {
        let admitted = self.admit(&transaction).and_then(|place| {
            let memory = self.memory.reserve(transaction.memory())?;
            Ok((place, memory))
        });
        match admitted {
            Ok((place, memory)) => place.send(transaction, reply.holding(memory)),
            Err(refusal) => {
                reply.disarm();
                Err(refusal)
            }
        }
    }

    /// A place for a transaction whose memory somebody has reserved.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub(crate) fn admit(&self, transaction: &Transaction) -> Result<Seat<'_>> {
        let actor = transaction.actor.as_deref();
        let bytes = encoded_len(&transaction.operations, actor);
        check_size(bytes, self.max_transaction_bytes)?;
        if self.closing.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        let busy = |limit: usize, unit| Error::Busy {
            limit: limit as u64,
            unit,
        };
        let transactions = self.waiting.transactions.fetch_add(1, Ordering::AcqRel);
        let queued = self.waiting.bytes.fetch_add(bytes, Ordering::AcqRel);
        let place = Seat { queue: self, bytes };
        if transactions >= self.max_transactions {
            return Err(busy(self.max_transactions, "transactions"));
        }
        // An empty queue takes one transaction of any allowed size.
        if queued > 0 && queued + bytes > self.max_bytes {
            return Err(busy(self.max_bytes, "bytes"));
        }
        Ok(place)
    }

    fn release(&self, bytes: usize) {
        self.waiting.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.waiting.transactions.fetch_sub(1, Ordering::AcqRel);
    }

    /// Transactions waiting.
    pub(crate) fn len(&self) -> usize {
        self.waiting.transactions.load(Ordering::Relaxed)
    }

    /// Refuse what comes from now on and have the committer end behind what is
    /// queued. Never blocks; does something only the first time.
    pub(crate) fn close(&self) {
        if !self.closing.swap(true, Ordering::AcqRel) {
            // An error says that the committer has ended already.
            let _ = self.sender.send(Message::Close);
        }
    }
}

impl Seat<'_> {
    /// Put a transaction there. Never blocks.
    ///
    /// # Errors
    /// [`Error::Closed`]; `reply` is not called then.
    pub(crate) fn send(self, transaction: Transaction, reply: Reply) -> Result<()> {
        let message = Message::Write {
            work: transaction.work(self.bytes),
            transaction,
            bytes: self.bytes,
            reply,
        };
        // Fails only when the committer has ended; dropping the message would
        // answer through the reply, so it is taken apart.
        match self.queue.sender.send(message) {
            // The place is the committer's to give up.
            Ok(()) => std::mem::forget(self),
            Err(refused) => {
                if let Message::Write { reply, .. } = refused.0 {
                    reply.disarm();
                }
                return Err(Error::Closed);
            }
        }
        Ok(())
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.queue.release(self.bytes);
    }
}

impl Intake {
    /// Wait for a transaction, at most until `deadline`.
    pub(crate) fn wait(&mut self, deadline: Option<Instant>) -> Waited {
        loop {
            if let Some(taken) = self.poll(u64::MAX) {
                return Waited::Taken(taken);
            }
            if self.closing {
                return Waited::Closed;
            }
            let received = match deadline {
                None => self.receiver.recv().map_err(|_| Waited::Gone),
                Some(deadline) => self.receiver.recv_deadline(deadline).map_err(|e| match e {
                    RecvTimeoutError::Timeout => Waited::TimedOut,
                    RecvTimeoutError::Disconnected => Waited::Gone,
                }),
            };
            match received {
                Ok(message) => self.file(message),
                Err(other) => return other,
            }
        }
    }

    /// The transaction whose turn it is, if there is one and it takes at most so much
    /// work.
    pub(crate) fn poll(&mut self, most_work: u64) -> Option<Taken> {
        while !self.closing
            && let Ok(message) = self.receiver.try_recv()
        {
            self.file(message);
        }
        self.turns.next_work().filter(|work| *work <= most_work)?;
        let taken = self.turns.pop()?;
        self.waiting.bytes.fetch_sub(taken.bytes, Ordering::AcqRel);
        self.waiting.transactions.fetch_sub(1, Ordering::AcqRel);
        Some(taken)
    }

    fn file(&mut self, message: Message) {
        let (transaction, bytes, work, reply) = match message {
            // What comes behind it was sent too late, and is answered so.
            Message::Close => {
                self.closing = true;
                return;
            }
            Message::Write {
                transaction,
                bytes,
                work,
                reply,
            } => (transaction, bytes, work, reply),
        };
        // A question for what became of a key: whatever is queued may have that key.
        let asks = transaction.operations.is_empty();
        let caller = transaction.caller;
        let taken = Taken {
            transaction,
            reply,
            bytes,
            work,
        };
        match asks {
            true => self.turns.push_last(caller, work, taken),
            false => self.turns.push(caller, work, taken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::Memory;
    use crate::model::{FeatureShape, GeometryType, PutFeature};

    fn transaction(bytes: usize) -> Transaction {
        Transaction {
            operations: vec![Operation::PutFeature(PutFeature {
                id: "a".into(),
                envelope: None,
                shape: FeatureShape::unknown(GeometryType::Null),
                body: vec![0; bytes],
                provenance: None,
            })],
            ..Transaction::default()
        }
    }

    fn answers() -> (Reply, Receiver<Result<Ack>>) {
        let (sender, receiver) = crossbeam_channel::unbounded();
        (
            Reply::new(move |answer| drop(sender.send(answer))),
            receiver,
        )
    }

    #[test]
    fn both_bounds_refuse_without_answering_and_free_up_again() {
        let limits = Limits {
            queue_transactions: 2,
            queue_bytes: 1_000,
            transaction_bytes: 5_000,
            ..Limits::default()
        };
        let (queue, mut intake) = write_queue(&limits, &Memory::new(&limits).work);
        // An empty queue takes one transaction above the byte bound.
        queue.submit(transaction(3_000), answers().0).unwrap();
        let (reply, receiver) = answers();
        let refused = queue.submit(transaction(1), reply);
        assert!(matches!(refused, Err(Error::Busy { unit: "bytes", .. })));
        assert!(receiver.recv().is_err(), "a refused write is not answered");
        drop(intake.poll(u64::MAX));
        queue.submit(transaction(1), answers().0).unwrap();
        queue.submit(transaction(1), answers().0).unwrap();
        let refused = queue.submit(transaction(1), answers().0);
        assert!(matches!(
            refused,
            Err(Error::Busy {
                unit: "transactions",
                ..
            })
        ));
        let refused = queue.submit(transaction(6_000), answers().0);
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn a_small_write_goes_before_what_a_loader_has_queued_and_a_question_for_a_key_behind_it() {
        let limits = Limits::default();
        let (queue, mut intake) = write_queue(&limits, &Memory::new(&limits).work);
        let of = |caller, bytes| Transaction {
            caller,
            ..transaction(bytes)
        };
        for _ in 0..20 {
            queue.submit(of(1, 100_000), answers().0).unwrap();
        }
        let question = Transaction::default();
        queue.submit(question, answers().0).unwrap();
        queue.submit(of(2, 10), answers().0).unwrap();
        let Waited::Taken(first) = intake.wait(None) else {
            panic!("there is nothing");
        };
        assert_eq!(first.transaction.caller, 2);
        assert!(
            intake.poll(10_000).is_none(),
            "it takes more work than that"
        );
        let rest: Vec<Taken> = std::iter::from_fn(|| intake.poll(u64::MAX)).collect();
        assert_eq!(rest.len(), 21);
        let last = rest.last().map(|taken| taken.transaction.operations.len());
        assert_eq!(last, Some(0));
    }

    #[test]
    fn what_the_committer_never_took_is_answered_closed() {
        let (queue, intake) =
            write_queue(&Limits::default(), &Memory::new(&Limits::default()).work);
        let (reply, receiver) = answers();
        queue.submit(transaction(1), reply).unwrap();
        queue.close();
        assert!(matches!(
            queue.submit(transaction(1), answers().0),
            Err(Error::Closed)
        ));
        drop(intake);
        assert!(matches!(receiver.recv(), Ok(Err(Error::Closed))));
    }
}
