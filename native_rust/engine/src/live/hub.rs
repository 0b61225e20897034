//! What the subscriptions of one database share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::fences::Fences;
use super::filter::LiveFilter;
use super::kept::Kept;
use super::pool::Pool;
use super::subscriber::Subscriber;
use super::upcoming::Upcoming;
use crate::budget::Cancel;
use crate::error::{Error, Result};
use crate::state::{Ending, State, Watcher};
use crate::types::Hash;

/// How long a database that is closed waits until those who follow it have what is durable.
const CLOSING: Duration = Duration::from_millis(500);

/// Somebody who has fallen behind.
pub(super) struct Job {
    pub hub: Arc<Hub>,
    pub subscriber: Arc<Subscriber>,
    pub upcoming: Upcoming,
}

/// What the matcher is asked to do.
pub(super) enum Call {
    /// Feed this one, which belongs to it now.
    Join(Arc<Subscriber>),
    /// The filter of this one is to change.
    Change(Arc<Subscriber>),
    /// Forget this one, which has ended.
    Leave(Arc<Subscriber>),
}

/// What the matcher has to do.
pub(super) struct Work {
    pub calls: Vec<Call>,
    pub ending: Option<Ending>,
}

pub(super) struct Hub {
    pub state: Arc<State>,
    pub pool: Arc<Pool<Job>>,
    /// Ends long looks at geometries when the database is closed.
    pub cancel: Cancel,
    /// Events that others of the same database may want, too.
    pub kept: Arc<Kept>,
    pub fences: Fences,
    /// The same for subscribers of one database, and for no others.
    pub group: usize,
    members: Mutex<Members>,
    filters: Mutex<HashMap<Hash, Weak<LiveFilter>>>,
    signal: Mutex<Signal>,
    wake: Condvar,
    /// The matcher waits.
    idle: Condvar,
    /// Whether the matcher is called from what it does.
    called: AtomicBool,
    /// The block up to which the matcher has come.
    position: AtomicU64,
}

#[derive(Default)]
struct Members {
    all: HashMap<u64, Arc<Subscriber>>,
    /// Whether there is a matcher: there is one as long as there are members.
    running: bool,
    /// Why there can be no members any more.
    ended: Option<Ending>,
}

#[derive(Default)]
struct Signal {
    calls: Vec<Call>,
    ending: Option<Ending>,
    /// Whether the matcher waits for something to do.
    waiting: bool,
    /// As of [`Members`].
    running: bool,
}

impl Hub {
    pub(super) fn new(
        state: &Arc<State>,
        pool: &Arc<Pool<Job>>,
        kept: &Arc<Kept>,
        group: usize,
    ) -> Arc<Self> {
        let hub = Arc::new(Self {
            state: Arc::clone(state),
            pool: Arc::clone(pool),
            cancel: Cancel::default(),
            kept: Arc::clone(kept),
            fences: Fences::new(),
            group,
            members: Mutex::default(),
            filters: Mutex::default(),
            signal: Mutex::default(),
            wake: Condvar::new(),
            idle: Condvar::new(),
            called: AtomicBool::new(false),
            position: AtomicU64::new(state.durable()),
        });
        let watcher: Weak<dyn Watcher> = Arc::downgrade(&hub) as Weak<dyn Watcher>;
        state.watch.set(watcher);
        hub
    }

    /// A filter that says the same, if somebody has one: it is kept in memory once.
    pub(super) fn shared(&self, filter: LiveFilter) -> Arc<LiveFilter> {
        let wanted = self.len();
        let mut filters = self.filters.lock();
        let digest = filter.digest();
        if let Some(known) = filters.get(&digest).and_then(Weak::upgrade) {
            return known;
        }
        let filter = Arc::new(filter);
        // Now and then, so that it costs nothing for each.
        if filters.len() > 2 * wanted + 64 {
            filters.retain(|_, filter| filter.strong_count() > 0);
        }
        filters.insert(digest, Arc::downgrade(&filter));
        filter
    }

    /// Take in a subscriber; `start` makes a matcher if there is none.
    ///
    /// # Errors
    /// [`Error::Busy`] where there are as many as may be, [`Error::Closed`], those of `start`.
    pub(super) fn enter(
        &self,
        subscriber: &Arc<Subscriber>,
        start: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let mut members = self.members.lock();
        if members.ended.is_some() {
            return Err(Error::Closed);
        }
        let limit = self.state.limits.subscriptions;
        if members.all.len() >= limit {
            return Err(Error::Busy {
                limit: limit as u64,
                unit: "subscriptions",
            });
        }
        if !members.running {
            start()?;
            members.running = true;
            self.signal.lock().running = true;
        }
        members
            .all
            .insert(subscriber.number, Arc::clone(subscriber));
        Ok(())
    }

    /// Forget a subscriber that has ended.
    pub(super) fn forget(&self, subscriber: &Arc<Subscriber>) {
        // Until both is done the matcher does not end.
        let mut members = self.members.lock();
        if members.all.remove(&subscriber.number).is_some() {
            self.call(Call::Leave(Arc::clone(subscriber)));
        }
    }

    /// For the matcher: whether it may end, as there is nobody left. It is gone then.
    pub(super) fn is_deserted(&self) -> bool {
        let mut members = self.members.lock();
        let mut signal = self.signal.lock();
        if members.all.is_empty() && signal.calls.is_empty() {
            (members.running, signal.running) = (false, false);
            // It is not for those who come later.
            signal.ending = None;
            self.idle.notify_all();
        }
        !members.running
    }

    /// Tell all subscribers that nothing more comes.
    pub(super) fn tell_all(&self, ending: Ending) {
        let all = std::mem::take(&mut self.members.lock().all);
        for subscriber in all.values() {
            subscriber.end(ending);
        }
    }

    /// Subscribers now.
    pub(super) fn len(&self) -> usize {
        self.members.lock().all.len()
    }

    /// Whether there can be no subscriber any more, nor a matcher.
    pub(super) fn is_over(&self) -> bool {
        let members = self.members.lock();
        // One that was made as the database closed is not told.
        let ended = members.ended.is_some() || self.state.check_not_closed().is_err();
        ended && !members.running
    }

    /// Ask the matcher for something.
    pub(super) fn call(&self, call: Call) {
        let mut signal = self.signal.lock();
        signal.calls.push(call);
        self.called.store(true, Ordering::Release);
        if signal.waiting {
            self.wake.notify_one();
        }
    }

    /// Have a subscriber fed from the journal: it belongs to the pool.
    pub(super) fn catch_up(self: &Arc<Self>, subscriber: Arc<Subscriber>) {
        let job = Job {
            hub: Arc::clone(self),
            subscriber,
            upcoming: Upcoming::default(),
        };
        self.pool.push(self.group, job);
    }

    /// For the matcher: whether it is called from what it does. Some nanoseconds.
    pub(super) fn is_called(&self) -> bool {
        self.called.load(Ordering::Acquire)
    }

    /// For the matcher: wait until there is something to do, or for so long; `reads`: new
    /// blocks are.
    pub(super) fn work(&self, position: u64, reads: bool, longest: Option<Duration>) -> Work {
        let until = longest.and_then(|longest| Instant::now().checked_add(longest));
        self.position.store(position, Ordering::Release);
        let mut signal = self.signal.lock();
        while signal.calls.is_empty()
            && signal.ending.is_none()
            && !(reads && self.state.durable() > position)
        {
            signal.waiting = true;
            self.idle.notify_all();
            match until {
                None => self.wake.wait(&mut signal),
                Some(until) => {
                    if self.wake.wait_until(&mut signal, until).timed_out() {
                        break;
                    }
                }
            }
        }
        signal.waiting = false;
        self.called.store(false, Ordering::Release);
        Work {
            calls: std::mem::take(&mut signal.calls),
            ending: signal.ending.take(),
        }
    }

    /// The block up to which the matcher has come.
    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Wait until the matcher has ended, if it has been told to.
    pub(super) fn join(&self, until: Instant) {
        while self.members.lock().running && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Watcher for Hub {
    fn durable(&self) {
        // Who waits has looked before at how far it is, under this lock.
        let signal = self.signal.lock();
        if signal.waiting {
            self.wake.notify_one();
        }
    }

    fn closing(&self) {
        let until = Instant::now() + CLOSING;
        let mut signal = self.signal.lock();
        let behind = |signal: &Signal| {
            let idle = signal.waiting && signal.calls.is_empty();
            signal.running && !(idle && self.position() >= self.state.durable())
        };
        while behind(&signal) && !self.idle.wait_until(&mut signal, until).timed_out() {}
    }

    fn ended(&self, ending: Ending) {
        let mut members = self.members.lock();
        if ending != Ending::Failed {
            members.ended = Some(ending);
            self.cancel.cancel();
        }
        if !members.running {
            return;
        }
        // Until both is done the matcher does not end.
        let mut signal = self.signal.lock();
        drop(members);
        signal.ending = Some(ending);
        self.called.store(true, Ordering::Release);
        if signal.waiting {
            self.wake.notify_one();
        }
    }
}
