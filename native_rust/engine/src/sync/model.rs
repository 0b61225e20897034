//! The same as in [`super`], under `shuttle`.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

pub(crate) use crossbeam_channel::RecvTimeoutError;
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::sync::{Condvar, MutexGuard};

use crate::planted::{self, Bug};

/// As `parking_lot`'s: a panic does not lock it for good.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As `crossbeam_channel`'s: what nobody has received is dropped with the receiver. Has
/// one sender and one receiver.
pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(Channel {
        inner: Mutex::new(Inner {
            queue: VecDeque::new(),
            sender: true,
            receiver: true,
        }),
        sent: Condvar::new(),
    });
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

#[derive(Debug)]
struct Channel<T> {
    inner: Mutex<Inner<T>>,
    sent: Condvar,
}

#[derive(Debug)]
struct Inner<T> {
    queue: VecDeque<T>,
    sender: bool,
    receiver: bool,
}

#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Channel<T>>);

#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Channel<T>>);

/// What could not be sent.
#[derive(Debug)]
pub(crate) struct SendError<T>(pub T);

impl<T> Sender<T> {
    pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
        let mut inner = self.0.inner.lock();
        if !inner.receiver {
            return Err(SendError(message));
        }
        inner.queue.push_back(message);
        drop(inner);
        self.0.sent.notify_one();
        Ok(())
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, RecvTimeoutError> {
        self.take(false)
    }

    /// The deadline is there, or not: that is tried too.
    pub(crate) fn recv_deadline(&self, _: Instant) -> Result<T, RecvTimeoutError> {
        self.take(shuttle::rand::Rng::r#gen(&mut shuttle::rand::thread_rng()))
    }

    pub(crate) fn try_recv(&self) -> Result<T, RecvTimeoutError> {
        self.take(true)
    }

    fn take(&self, in_time: bool) -> Result<T, RecvTimeoutError> {
        let mut inner = self.0.inner.lock();
        loop {
            if let Some(message) = inner.queue.pop_front() {
                return Ok(message);
            }
            if !inner.sender {
                return Err(RecvTimeoutError::Disconnected);
            }
            if in_time {
                return Err(RecvTimeoutError::Timeout);
            }
            let waited = self.0.sent.wait(inner);
            inner = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.inner.lock().sender = false;
        self.0.sent.notify_one();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut inner = self.0.inner.lock();
        inner.receiver = false;
        let left = std::mem::take(&mut inner.queue);
        drop(inner);
        drop(left);
    }
}

/// Try `run` in so many random orders, and in as many in which few turns are taken but
/// those at rare moments (probabilistic concurrency testing).
pub(crate) fn orders(run: fn(), orders: usize) {
    shuttle::check_random(run, orders);
    shuttle::check_pct(run, orders, 3);
}

/// What `shuttle` says where two threads fail in one order: the words are lost then.
const UNTOLD: &str = "a task was still unwinding a panic";

/// Plant a bug: one of so many orders must fail, with one of these words.
pub(crate) fn notices(bug: Bug, words: &[&str], run: fn(), tried: usize) {
    let _here = planted::here(bug);
    let panic = std::panic::catch_unwind(|| orders(run, tried));
    let Err(panic) = panic else {
        panic!("{bug:?} is planted, and no order shows it");
    };
    let text = panic.downcast_ref::<String>().cloned();
    let said = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
    let said = said.unwrap_or_default();
    assert!(
        said.contains(UNTOLD) || words.iter().any(|words| said.contains(words)),
        "{bug:?} is planted, and it says {said:?}"
    );
}
