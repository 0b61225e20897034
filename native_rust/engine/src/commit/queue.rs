//! The bounded queue between callers and the committer.

mod bounded;
#[cfg(test)]
mod model;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::block::Ack;
use crate::block::Transaction;
use crate::block::check_size;
use crate::block::encoded_len;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::mem::Pool;
use crate::sync;
use bounded::{Bounds, Entrance, Turn, bounded};

/// Where the answer to a transaction goes.
///
/// It is called exactly once, on the committer thread, without any lock held.
/// A reply that is dropped unanswered, because the committer ended, answers
/// [`Error::Closed`], so no caller waits for ever.
pub struct Reply {
    answer: Option<Answer>,
    /// When it was made, which is when its transaction was handed in.
    since: Instant,
}

/// Called with the answer, and with how many are given one after the other of which it is one.
type Answer = Box<dyn FnOnce(Result<Ack>, usize) + Send>;

impl Reply {
    /// Answer by calling `f`, which must not block.
    pub fn new(f: impl FnOnce(Result<Ack>) + Send + 'static) -> Self {
        Self::of_several(|answer, _together| f(answer))
    }

    /// The same. `f` is also told how many answers the committer gives one after the other, of
    /// which this is one: so they may be sent on together.
    pub fn of_several(f: impl FnOnce(Result<Ack>, usize) + Send + 'static) -> Self {
        Self {
            answer: Some(Box::new(f)),
            since: Instant::now(),
        }
    }

    /// When its transaction was handed in.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// What `wrap` makes of the way to answer, if it is still to be answered.
    fn wrapped(mut self, wrap: impl FnOnce(Answer) -> Answer) -> Self {
        Self {
            answer: self.answer.take().map(wrap),
            since: self.since,
        }
    }

    /// The same, but that `f` sees the answer first. When it is never answered, `f` is
    /// not called either.
    pub(crate) fn after(self, f: impl FnOnce(&Result<Ack>) + Send + 'static) -> Self {
        self.wrapped(|then| {
            Box::new(move |answer, together| {
                f(&answer);
                then(answer, together);
            })
        })
    }

    /// The same, but that the answer is what `f` makes of it.
    pub(crate) fn through(
        self,
        f: impl FnOnce(Result<Ack>) -> Result<Ack> + Send + 'static,
    ) -> Self {
        self.wrapped(|then| Box::new(move |answer, together| then(f(answer), together)))
    }

    /// The same, and give memory back when it is answered, or will not be.
    pub(crate) fn holding(self, memory: impl Send + 'static) -> Self {
        self.wrapped(|then| {
            Box::new(move |answer, together| {
                drop(memory);
                then(answer, together);
            })
        })
    }

    /// Answer, as one of so many who are answered now.
    pub(crate) fn send(mut self, answer: Result<Ack>, together: usize) {
        if let Some(f) = self.answer.take() {
            f(answer, together);
        }
    }

    /// Never answer: the caller gets the refusal as a return value instead.
    pub(crate) fn disarm(mut self) {
        self.answer = None;
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(f) = self.answer.take() {
            f(Err(Error::Closed), 1);
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// A queued transaction and where its answer goes.
pub(crate) type Pending = (Transaction, Reply);
/// The committer's end.
pub(crate) type Intake = bounded::Intake<Pending>;
/// What the committer takes.
pub(crate) type Taken = bounded::Taken<Pending>;
/// What the committer's waiting ended with.
pub(crate) type Waited = bounded::Waited<Pending>;

/// The callers' end.
#[derive(Debug)]
pub(crate) struct WriteQueue {
    entrance: Entrance<Pending>,
    max_transaction_bytes: usize,
    memory: Arc<Pool>,
}

/// A place in the queue for one transaction; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Seat<'q> {
    seat: bounded::Seat<'q, Pending>,
    bytes: usize,
}

/// Make a queue of the size the limits allow. What waits in it takes its memory from
/// a pool.
pub(crate) fn write_queue(limits: &Limits, memory: &Arc<Pool>) -> (WriteQueue, Intake) {
    let (entrance, intake) = bounded(Bounds {
        items: limits.queue_transactions,
        bytes: limits.queue_bytes,
    });
    let queue = WriteQueue {
        entrance,
        max_transaction_bytes: limits.transaction_bytes,
        memory: Arc::clone(memory),
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
        let seat = self.entrance.admit(bytes)?;
        Ok(Seat { seat, bytes })
    }

    /// Transactions waiting, and their encoded bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        self.entrance.counted()
    }

    /// Refuse what comes from now on and have the committer end after what is
    /// queued. Never blocks; does something only the first time.
    pub(crate) fn close(&self) {
        self.entrance.close();
    }
}

impl Seat<'_> {
    /// Put a transaction there. Never blocks.
    ///
    /// # Errors
    /// [`Error::Closed`]; `reply` is not called then.
    pub(crate) fn send(self, transaction: Transaction, reply: Reply) -> Result<()> {
        let turn = Turn {
            caller: transaction.caller,
            work: transaction.work(self.bytes),
            // A question for what became of something that is queued before it.
            last: transaction.operations.is_empty(),
            since: reply.since(),
        };
        // Dropping what was refused would answer through the reply.
        self.seat
            .send(turn, (transaction, reply))
            .map_err(|(_, reply)| {
                reply.disarm();
                Error::Closed
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Operation;
    use crate::mem::Memory;
    use crate::types::{FeatureSignature, GeometryType, PutFeature};

    fn transaction(bytes: usize) -> Transaction {
        Transaction {
            operations: vec![Operation::PutFeature(PutFeature {
                id: "a".into(),
                envelope: None,
                signature: FeatureSignature::unknown(GeometryType::Null),
                body: vec![0; bytes],
                provenance: None,
            })],
            ..Transaction::default()
        }
    }

    fn answers() -> (Reply, crossbeam_channel::Receiver<Result<Ack>>) {
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
        assert_eq!(queue.waiting().0, 2);
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
        assert_eq!(first.item.0.caller, 2);
        assert!(
            intake.poll(10_000).is_none(),
            "it takes more work than that"
        );
        let rest: Vec<_> = std::iter::from_fn(|| intake.poll(u64::MAX)).collect();
        assert_eq!(rest.len(), 21);
        let last = rest.last().map(|taken| taken.item.0.operations.len());
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
