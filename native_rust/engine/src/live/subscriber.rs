//! One subscription, and where its events go.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::content::{LiveDwell, LiveEvent};
use super::dwell::Dwelling;
use super::filter::LiveFilter;
use super::outbox::Outbox;
use super::seat::Seat;
use crate::error::{Error, Result};
use crate::mem::Reservation;
use crate::state::Ending;

/// What one takes of memory, beside its filter: with the process it is for, and its places
/// in all lists.
pub(super) const BYTES: usize = 5_120;

/// Where the events of a subscription go. All calls are made on threads of the engine, one
/// at a time, and under no lock that others wait for; none of them may block. It is dropped
/// when the subscription has ended, on any thread.
pub trait Sink: Send {
    /// The next events, at least one. False: there is nobody any more.
    fn events(&self, events: &[LiveEvent]) -> bool;

    /// Who has stayed inside a fence, at least one. False: there is nobody any more.
    fn dwelt(&self, dwells: &[LiveDwell]) -> bool;

    /// It has been sent all it asked for, and more has come: it has seen everything up to
    /// this block. False: there is nobody any more.
    fn lagging(&self, seq: u64) -> bool;

    /// It has seen everything up to this block, and more comes as it happens. False: there
    /// is nobody any more.
    fn live(&self, seq: u64) -> bool;

    /// Nothing more comes. The last call.
    fn ended(&self, ending: Ending);
}

/// Who waits for a change of a filter: is told the last block that the old one decided on,
/// on a thread of the engine.
pub struct ChangeAnswer(Option<Box<dyn FnOnce(Result<u64>) + Send>>);

impl ChangeAnswer {
    /// Answer by calling `tell`, which must not block.
    pub fn new(tell: impl FnOnce(Result<u64>) + Send + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    pub(super) fn send(mut self, answer: Result<u64>) {
        if let Some(tell) = self.0.take() {
            tell(answer);
        }
    }

    /// The caller is answered by a return value instead.
    pub(super) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for ChangeAnswer {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(Err(Error::Closed));
        }
    }
}

impl fmt::Debug for ChangeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeAnswer")
    }
}

/// One subscription.
pub(super) struct Subscriber {
    pub number: u64,
    pub seat: Seat<Arc<LiveFilter>, ChangeAnswer>,
    /// Whether events come with proofs.
    pub proof: bool,
    /// For the owner alone.
    pub dwelling: Mutex<Dwelling>,
    /// There as long as something may be sent; held while it is.
    sink: Mutex<Option<Box<dyn Sink>>>,
    _held: Reservation,
}

impl Subscriber {
    /// `held`: [`BYTES`].
    pub(super) fn new(
        number: u64,
        seat: Seat<Arc<LiveFilter>, ChangeAnswer>,
        proof: bool,
        sink: Box<dyn Sink>,
        held: Reservation,
    ) -> Self {
        Self {
            number,
            seat,
            proof,
            dwelling: Mutex::default(),
            sink: Mutex::new(Some(sink)),
            _held: held,
        }
    }

    /// Send what is there, if anything is. False: there is nobody any more.
    pub(super) fn deliver(&self, outbox: &Outbox) -> bool {
        outbox.is_empty()
            || self
                .send(|sink| outbox.send(|events| sink.events(events), |dwells| sink.dwelt(dwells)))
    }

    pub(super) fn lagging(&self, seq: u64) -> bool {
        self.send(|sink| sink.lagging(seq))
    }

    pub(super) fn live(&self, seq: u64) -> bool {
        self.send(|sink| sink.live(seq))
    }

    fn send(&self, what: impl FnOnce(&dyn Sink) -> bool) -> bool {
        self.sink.lock().as_deref().is_some_and(what)
    }

    /// Tell that nothing more comes; nothing does. On a thread of the engine.
    pub(super) fn end(&self, ending: Ending) {
        self.seat.end();
        let sink = self.sink.lock().take();
        if let Some(sink) = sink {
            sink.ended(ending);
        }
        self.forgotten();
    }

    /// Nothing more is sent. Waits for what is being sent. On any thread;
    /// [`Subscriber::forgotten`] is still to be called.
    pub(super) fn leave(&self) {
        self.seat.end();
        let sink = self.sink.lock().take();
        drop(sink);
    }

    /// Answer those who wait for a change of the filter of one that has ended. On a thread
    /// of the engine.
    pub(super) fn forgotten(&self) {
        drop(self.seat.unanswered());
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("number", &self.number)
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}
