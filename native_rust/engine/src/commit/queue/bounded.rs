//! The bounded queue itself, of items of any kind: places, the channel, the closing.
//!
//! Invariants:
//! 1. A place is counted from before it is checked against the bounds until its holder
//!    lets go of it: whoever was refused it, or the committer as it takes the item. So the
//!    bounds hold however many come at once.
//! 2. What is sent is taken by the committer or dropped, with the committer's end at the
//!    latest; what could not be sent is given back. Dropping an item has to tell its
//!    caller, as [`super::Reply`] does.
//! 3. The message that closes the queue always fits, is sent once, and wakes the
//!    committer.

use std::sync::Arc;
use std::time::Instant;

use super::sync::{
    AtomicBool, AtomicUsize, Ordering, Receiver, RecvTimeoutError, Sender, unbounded,
};
use crate::commit::turns::{Filed, Turns};
use crate::error::{Error, Result};
use crate::planted::{Bug, planted};

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub items: usize,
    /// An empty queue takes one item of more bytes.
    pub bytes: usize,
}

/// Whose turn an item is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Items of one caller are taken in their order.
    pub caller: u64,
    /// Roughly how long it takes, in nanoseconds.
    pub work: u64,
    /// After all that was sent before it, whoever sent that.
    pub last: bool,
    /// When it was handed in.
    pub since: Instant,
}

impl From<Turn> for Filed {
    fn from(turn: Turn) -> Self {
        Self {
            caller: turn.caller,
            work: turn.work,
            since: turn.since,
        }
    }
}

/// The callers' end.
#[derive(Debug)]
pub(super) struct Entrance<T> {
    sender: Sender<Message<T>>,
    waiting: Arc<Waiting>,
    closing: AtomicBool,
    bounds: Bounds,
}

/// The committer's end. What callers send is put in order here, on the committer's
/// thread, so that no caller ever waits for a lock.
#[derive(Debug)]
pub(crate) struct Intake<T> {
    receiver: Receiver<Message<T>>,
    turns: Turns<Queued<T>>,
    /// Everything before the closing is in `turns`.
    closing: bool,
}

/// A place in the queue for one item; dropping it gives it up.
#[derive(Debug)]
pub(super) struct Seat<'q, T> {
    entrance: &'q Entrance<T>,
    place: QueueSlot,
}

/// An item that the committer takes, and what it takes up. Its place is given up when
/// this is dropped.
#[derive(Debug)]
pub(crate) struct Taken<T> {
    pub item: T,
    pub bytes: usize,
    pub work: u64,
    _place: QueueSlot,
}

/// What waiting for an item ended with.
#[derive(Debug)]
pub(crate) enum Waited<T> {
    Taken(Taken<T>),
    /// All that was sent before the queue was closed has been taken.
    Closed,
    TimedOut,
    /// The callers' end is gone.
    Gone,
}

#[derive(Debug)]
enum Message<T> {
    Item(Turn, Queued<T>),
    /// Finish what was sent before this, then end.
    Close,
}

#[derive(Debug)]
struct Queued<T> {
    item: T,
    place: QueueSlot,
}

/// What waits and was not taken yet.
#[derive(Debug)]
struct Waiting {
    items: AtomicUsize,
    bytes: AtomicUsize,
}

/// What is counted for one item, until this is dropped.
#[derive(Debug)]
struct QueueSlot {
    waiting: Arc<Waiting>,
    bytes: usize,
}

impl Drop for QueueSlot {
    fn drop(&mut self) {
        self.waiting.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.waiting.items.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Make a queue.
pub(super) fn bounded<T>(bounds: Bounds) -> (Entrance<T>, Intake<T>) {
    // Unbounded underneath: the bounds are counted, so that the closing always fits.
    let (sender, receiver) = unbounded();
    let entrance = Entrance {
        sender,
        waiting: Arc::new(Waiting {
            items: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }),
        closing: AtomicBool::new(false),
        bounds,
    };
    let intake = Intake {
        receiver,
        turns: Turns::default(),
        closing: false,
    };
    (entrance, intake)
}

impl<T> Entrance<T> {
    /// A place for an item of so many bytes. Never blocks.
    ///
    /// # Errors
    /// [`Error::Busy`] when too much waits, [`Error::Closed`].
    pub(super) fn admit(&self, bytes: usize) -> Result<Seat<'_, T>> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        let busy = |limit: usize, unit| Error::Busy {
            limit: limit as u64,
            unit,
        };
        let Bounds {
            items: most,
            bytes: most_bytes,
        } = self.bounds;
        let (items, queued) = match planted(Bug::CountLate) {
            false => self.count(bytes),
            true => self.counted(),
        };
        let place = QueueSlot {
            waiting: Arc::clone(&self.waiting),
            bytes,
        };
        if planted(Bug::CountLate) {
            self.count(bytes);
        }
        if items >= most {
            return Err(busy(most, "transactions"));
        }
        if queued > 0 && queued + bytes > most_bytes {
            return Err(busy(most_bytes, "bytes"));
        }
        Ok(Seat {
            entrance: self,
            place,
        })
    }

    /// Count one more item. Returns what waited before it.
    fn count(&self, bytes: usize) -> (usize, usize) {
        let items = self.waiting.items.fetch_add(1, Ordering::AcqRel);
        (items, self.waiting.bytes.fetch_add(bytes, Ordering::AcqRel))
    }

    /// Items that wait, and their bytes.
    pub(super) fn counted(&self) -> (usize, usize) {
        let items = self.waiting.items.load(Ordering::Relaxed);
        (items, self.waiting.bytes.load(Ordering::Relaxed))
    }

    /// Refuse what comes from now on and have the committer end after what was sent.
    /// Never blocks; does something only the first time.
    pub(super) fn close(&self) {
        if !self.closing.swap(true, Ordering::AcqRel) && !planted(Bug::CloseUnheard) {
            // An error says that the committer has ended already.
            let _ = self.sender.send(Message::Close);
        }
    }
}

impl<T> Seat<'_, T> {
    /// Put an item there. Never blocks. The item is given back where the committer has
    /// ended.
    pub(super) fn send(self, turn: Turn, item: T) -> std::result::Result<(), T> {
        let place = self.place;
        let message = Message::Item(turn, Queued { item, place });
        match self.entrance.sender.send(message) {
            Err(refused) => match refused.0 {
                Message::Item(_, queued) if planted(Bug::LateIsQueued) => {
                    std::mem::forget(queued);
                    Ok(())
                }
                Message::Item(_, queued) => Err(queued.item),
                Message::Close => Ok(()),
            },
            Ok(()) => Ok(()),
        }
    }
}

impl<T> Intake<T> {
    /// Wait for an item, at most until `deadline`.
    pub(crate) fn wait(&mut self, deadline: Option<Instant>) -> Waited<T> {
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

    /// When the oldest of the items came that were put in order and not taken yet.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.turns.oldest()
    }

    /// The item whose turn it is, if there is one and it takes at most so much work.
    pub(crate) fn poll(&mut self, most_work: u64) -> Option<Taken<T>> {
        while !self.closing
            && let Ok(message) = self.receiver.try_recv()
        {
            self.file(message);
        }
        let work = self.turns.next_work().filter(|work| *work <= most_work)?;
        let Queued { item, place } = self.turns.pop()?;
        Some(Taken {
            item,
            bytes: place.bytes,
            work,
            _place: place,
        })
    }

    /// Whether something waits of what it has looked at so far.
    pub(crate) fn has_more(&self) -> bool {
        self.turns.next_work().is_some()
    }

    fn file(&mut self, message: Message<T>) {
        let (turn, queued) = match message {
            Message::Item(turn, queued) => (turn, queued),
            // What comes after it was sent too late, and is dropped.
            Message::Close => {
                self.closing = true;
                return;
            }
        };
        match turn.last {
            true => self.turns.push_last(turn.into(), queued),
            false => self.turns.push(turn.into(), queued),
        }
    }
}
