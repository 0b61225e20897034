//! Following a database: every block that a filter takes, in order, each once, whatever
//! happens in between.
//!
//! A subscription keeps no queue. It is a place in the journal, and so many events that may
//! be sent. One that has seen all there is is fed by the matcher of its database, which
//! looks at each new block once, for all of them (`matcher`, `index`). One that has not is
//! fed from the journal by a few threads that all databases share (`turn`, `pool`), until
//! it has. Only what is durable is told.

mod area_moved;
mod areas;
mod content;
mod crossings;
mod dwell;
mod features;
mod feed;
mod fence;
mod fences;
mod filter;
mod finding;
mod hub;
mod index;
mod kept;
mod level;
mod matched;
mod matcher;
#[cfg(test)]
mod model;
mod outbox;
mod passage;
mod pool;
mod seat;
mod since;
mod stay;
mod subject;
mod subscriber;
mod turn;
mod upcoming;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::db::database::Database;
use crate::error::{Error, Result};
use crate::merkle::ConsistencyProof;
use crate::state::State;
use crate::sync;
pub use content::{Content, EventText, LiveDwell, LiveEvent};
pub use filter::LiveFilter;
use hub::{Call, Hub, Job};
use kept::Kept;
pub use matched::Matched;
use pool::Pool;
use seat::{Changed, Owner, Seat};
use since::Beginning;
pub use since::Since;
use subscriber::Subscriber;
pub use subscriber::{ChangeAnswer, Sink};
pub use words::LiveWords;

/// How long closing waits for threads to end.
const CLOSING: Duration = Duration::from_secs(2);

/// The subscriptions to the databases of a catalog.
pub struct Live {
    pool: Arc<Pool<Job>>,
    kept: Arc<Kept>,
    /// By the address of what they are of.
    hubs: Mutex<HashMap<usize, Arc<Hub>>>,
    numbers: AtomicU64,
}

/// What one subscribes to.
#[derive(Debug)]
pub struct Follow {
    /// What to hear of.
    pub filter: LiveFilter,
    /// From where on.
    pub since: Since,
    /// How many events may be sent; [`Subscription::ask`] adds to them.
    pub demand: u64,
    /// How many bytes of them may be under way, if that is less than
    /// [`Limits::subscription_bytes`](crate::Limits::subscription_bytes).
    pub bytes: Option<u64>,
    /// Whether each event comes with a proof that it is in the journal; and a subscription
    /// that goes on after a block with one that the journal up to there was only added to.
    pub proof: bool,
}

/// How a subscription is getting on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionInfo {
    /// All blocks up to here are decided on, and what was found in them was sent.
    pub seq: u64,
    /// Events that were sent.
    pub delivered: u64,
    /// Events that may be sent yet.
    pub demand: u64,
    /// Whether it was told that it lags, and not since that it is live.
    pub lagging: bool,
}

/// A subscription. Dropping it does not end it.
#[derive(Debug, Clone)]
pub struct Subscription {
    hub: Arc<Hub>,
    subscriber: Arc<Subscriber>,
    /// The block after which it begins.
    pub since: u64,
    /// The proof that the journal of today only added to what the subscriber knew, if there
    /// is something that it knew.
    pub consistency: Option<ConsistencyProof>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            pool: Pool::new(turn::turn),
            kept: Arc::default(),
            hubs: Mutex::default(),
            numbers: AtomicU64::new(0),
        }
    }
}

impl Live {
    /// Send the blocks of a database that a filter takes to a sink, from the block after
    /// `since` on, until one of them ends. Reads as [`Since`] says.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a block that the journal has not reached;
    /// [`Error::LogDiverged`] where it is not that block; [`Error::Busy`] where there are as
    /// many subscriptions as may be; [`Error::MemoryFull`]; [`Error::Corrupt`] and
    /// [`Error::Io`] where what comes after cannot be read; [`Error::Closed`],
    /// [`Error::Failed`].
    pub fn subscribe(
        &self,
        database: &Database,
        follow: Follow,
        sink: Box<dyn Sink>,
    ) -> Result<Subscription> {
        let state = &database.state;
        state.check_open()?;
        let durable = state.durable();
        let beginning = follow.since.begin(database, durable, follow.proof)?;
        let behind = beginning.seq < durable;
        self.enter(state, (beginning, behind), follow, sink)
    }

    fn enter(
        &self,
        state: &Arc<State>,
        (beginning, behind): (Beginning, bool),
        follow: Follow,
        sink: Box<dyn Sink>,
    ) -> Result<Subscription> {
        let Beginning {
            seq: since,
            consistency,
        } = beginning;
        self.pool.start(state.limits.catch_up_threads)?;
        let hub = self.hub(state);
        // Who is inside already is found in a turn.
        let fed = behind || follow.filter.dwell().is_some();
        let owner = match fed {
            true => Owner::Pool,
            false => Owner::Joining,
        };
        let most_bytes = state.limits.subscription_bytes as u64;
        let bytes = follow
            .bytes
            .map_or(most_bytes, |bytes| bytes.min(most_bytes));
        let credit = (follow.demand, bytes);
        let seat = Seat::new(owner, hub.shared(follow.filter), since, behind, credit);
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let held = state.memory.work.reserve(subscriber::BYTES)?;
        let subscriber = Subscriber::new(number, seat, follow.proof, sink, held);
        let subscriber = Arc::new(subscriber);
        hub.enter(&subscriber, || start(&hub))?;
        // Closed on the way, there may have been nobody yet who is told.
        if let Err(closed) = state.check_open() {
            subscriber.leave();
            hub.forget(&subscriber);
            return Err(closed);
        }
        match fed {
            true => hub.catch_up(Arc::clone(&subscriber)),
            false => hub.call(Call::Join(Arc::clone(&subscriber))),
        }
        Ok(Subscription {
            hub,
            subscriber,
            since,
            consistency,
        })
    }

    fn hub(&self, state: &Arc<State>) -> Arc<Hub> {
        let address = Arc::as_ptr(state) as usize;
        let mut hubs = self.hubs.lock();
        if let Some(hub) = hubs.get(&address) {
            return Arc::clone(hub);
        }
        hubs.retain(|_, hub| !hub.is_over());
        let group = self.numbers.fetch_add(1, Ordering::Relaxed) as usize;
        let hub = Hub::new(state, &self.pool, &self.kept, group);
        hubs.insert(address, Arc::clone(&hub));
        hub
    }

    /// How many subscriptions a database has.
    #[must_use]
    pub fn subscriptions(&self, database: &Database) -> usize {
        let hubs = self.hubs.lock();
        let hub = hubs.get(&(Arc::as_ptr(&database.state) as usize));
        hub.map_or(0, |hub| hub.len())
    }

    /// End the threads, of databases that are closed, and wait for that, two seconds at the
    /// most. Nobody can subscribe any more.
    pub fn close(&self) {
        let until = Instant::now() + CLOSING;
        self.pool.close();
        let hubs: Vec<_> = self.hubs.lock().drain().map(|(_, hub)| hub).collect();
        for hub in hubs {
            hub.join(until);
        }
        self.pool.join(until);
    }
}

impl Drop for Live {
    /// Only signals: a destructor may run on any thread, a scheduler among them.
    fn drop(&mut self) {
        self.pool.close();
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hub")
    }
}

/// A thread that looks at each new block of a database.
fn start(hub: &Arc<Hub>) -> Result<()> {
    let hub = Arc::clone(hub);
    let builder = std::thread::Builder::new().name("formdb-match".into());
    let spawned = builder.spawn(move || matcher::run(&hub));
    spawned.map(drop).map_err(|error| {
        let what = std::path::Path::new("subscriptions");
        Error::io("start a thread for", what, error)
    })
}

impl Subscription {
    /// So many events more may be sent. Never waits.
    pub fn ask(&self, count: u64) {
        if self.subscriber.seat.ask(count) {
            self.hub.catch_up(Arc::clone(&self.subscriber));
        }
    }

    /// Take another filter. Returns the last block that the old one decides on, or nothing:
    /// then `answer` is called with it. There is no gap.
    ///
    /// # Errors
    /// [`Error::Closed`] when it has ended.
    pub fn change(&self, filter: LiveFilter, answer: ChangeAnswer) -> Result<Option<u64>> {
        let filter = self.hub.shared(filter);
        match self.subscriber.seat.change(filter, answer) {
            Changed::At(seq, answer) => {
                answer.disarm();
                Ok(Some(seq))
            }
            Changed::Later(Owner::Joining | Owner::Matcher) => {
                self.hub.call(Call::Change(Arc::clone(&self.subscriber)));
                Ok(None)
            }
            Changed::Later(_) => Ok(None),
            Changed::Ended(answer) => {
                answer.disarm();
                Err(Error::Closed)
            }
        }
    }

    /// End it. When this returns nothing is sent any more. Waits for what is being sent, a
    /// fraction of a millisecond.
    pub fn end(&self) {
        self.subscriber.leave();
        self.hub.forget(&self.subscriber);
    }

    /// How it is getting on.
    #[must_use]
    pub fn info(&self) -> SubscriptionInfo {
        let standing = self.subscriber.seat.standing(|| self.hub.position());
        SubscriptionInfo {
            seq: standing.position,
            delivered: standing.delivered,
            demand: standing.demand,
            lagging: standing.lagging,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::RealFileSystem;
    use crate::limits::Limits;
    use crate::state::Ending;

    struct Nobody;

    impl Sink for Nobody {
        fn events(&self, _events: &[LiveEvent]) -> bool {
            true
        }

        fn dwelt(&self, _dwells: &[LiveDwell]) -> bool {
            true
        }

        fn lagging(&self, _seq: u64) -> bool {
            true
        }

        fn live(&self, _seq: u64) -> bool {
            true
        }

        fn ended(&self, _ending: Ending) {}
    }

    #[test]
    fn one_that_was_closed_before_anybody_is_told_refuses() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits::default();
        let path = dir.path().join("db");
        let db = Database::open(Arc::new(RealFileSystem), &path, limits.clone()).unwrap();
        let live = Live::default();
        let follow = Follow {
            filter: LiveFilter::new(&LiveWords::default(), &limits, db.memory()).unwrap(),
            since: Since::default(),
            demand: 1,
            bytes: None,
            proof: false,
        };
        let beginning = follow.since.begin(&db, 0, false).unwrap();
        db.close();
        let entered = live.enter(&db.state, (beginning, false), follow, Box::new(Nobody));
        assert_eq!(entered.err().unwrap().code(), "database_closed");
        assert_eq!(live.subscriptions(&db), 0);
        live.close();
        assert_eq!(db.memory().work.used(), 0);
    }
}
