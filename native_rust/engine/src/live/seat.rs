//! Where a subscription stands: who feeds it, up to which block, and what may still be
//! sent.
//!
//! One has no queue. Whoever feeds it owns it: the matcher, when it has seen all there is;
//! a thread of the pool, when it has fallen behind; nobody, when it may be sent nothing.
//! The owner alone moves it on, and hands it over under this one lock, which nobody holds
//! while waiting for anything.

use super::sync::Mutex;
use crate::planted::{Bug, planted};

/// Who feeds a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The list of what the matcher is to do.
    Joining,
    /// The matcher, the one thread that looks at each new block: it has seen all there is.
    Matcher,
    /// A thread that reads the journal, or the queue before those.
    Pool,
    /// It may be sent nothing until it asks for more.
    Nobody,
    /// It has ended.
    Ended,
}

/// The place of a subscription with a filter `F`; a change of it is answered by `R`.
#[derive(Debug)]
pub(super) struct Seat<F, R>(Mutex<Place<F, R>>);

#[derive(Debug)]
struct Place<F, R> {
    owner: Owner,
    filter: F,
    /// Those that are to come into force, and who waits for that.
    changes: Vec<(F, R)>,
    /// All blocks up to here are decided on.
    position: u64,
    /// The block of its last event, or where it began.
    last: u64,
    /// Whether it is to be told when it has seen all there is.
    behind: bool,
    /// Whether it was told that it lags.
    told: bool,
    credit: Credit,
    delivered: u64,
}

/// What may still be sent.
#[derive(Debug)]
struct Credit {
    events: u64,
    /// Sent and not asked for again, and how many bytes those have, roughly.
    sent: u64,
    sent_bytes: u64,
    most_bytes: u64,
}

impl Credit {
    fn is_there(&self) -> bool {
        self.events > 0 && (self.sent == 0 || self.sent_bytes < self.most_bytes)
    }

    /// Whoever asks for so many more is done with as many, the oldest: of how many bytes is
    /// not kept, so they count as the average of what was sent.
    fn ask(&mut self, count: u64) {
        self.events = self.events.saturating_add(count);
        let done = count.min(self.sent);
        if let Some(average) = self.sent_bytes.checked_div(self.sent) {
            self.sent_bytes -= average * done;
        }
        self.sent -= done;
        if self.sent == 0 {
            self.sent_bytes = 0;
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is to be sent; the one before it was of this block.
    After(u64),
    /// It may not be sent now.
    Short,
    /// Nobody wants it any more.
    Ended,
}

/// What becomes of a subscription that may not be sent what comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It waits until it asks for more.
    Waits,
    /// It has asked for more by now: it belongs to the pool, and somebody has to tell it.
    Pool,
    Ended,
}

/// What became of a change of the filter.
#[derive(Debug)]
pub(super) enum Changed<R> {
    /// It holds for all blocks after this one.
    At(u64, R),
    /// The owner will see to it.
    Later(Owner),
    Ended(R),
}

/// What whoever takes a subscription over has to know.
#[derive(Debug)]
pub(super) struct Begun<F, R> {
    pub filter: F,
    pub position: u64,
    /// Those whose changes of the filter hold from here on.
    pub changed: Vec<R>,
}

/// How a subscription is getting on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// All blocks up to here are decided on, and what was found in them was sent.
    pub position: u64,
    pub delivered: u64,
    pub demand: u64,
    pub lagging: bool,
}

impl<F: Clone, R> Seat<F, R> {
    /// A subscription to all after block `since`, which belongs to `owner`. `behind`: it is
    /// to be told when it has seen what there is already.
    pub(super) fn new(
        owner: Owner,
        filter: F,
        since: u64,
        behind: bool,
        credit: (u64, u64),
    ) -> Self {
        let (events, most_bytes) = credit;
        Self(Mutex::new(Place {
            owner,
            filter,
            changes: Vec::new(),
            position: since,
            last: since,
            behind,
            told: false,
            credit: Credit {
                events,
                sent: 0,
                sent_bytes: 0,
                most_bytes,
            },
            delivered: 0,
        }))
    }

    /// The subscriber asks for so many more. True: it belongs to the pool now, and
    /// the caller has to tell it.
    pub(super) fn ask(&self, count: u64) -> bool {
        let mut place = self.0.lock();
        place.credit.ask(count);
        let wakes = place.owner == Owner::Nobody && place.credit.is_there();
        if wakes {
            place.owner = Owner::Pool;
        }
        wakes
    }

    /// For the owner: an event of block `seq` with so many bytes is there.
    pub(super) fn take(&self, seq: u64, bytes: usize) -> Taken {
        self.take_one(Some(seq), bytes)
    }

    /// The same of one that is of no block.
    pub(super) fn take_beside(&self, bytes: usize) -> Taken {
        self.take_one(None, bytes)
    }

    fn take_one(&self, seq: Option<u64>, bytes: usize) -> Taken {
        let mut place = self.0.lock();
        if place.owner == Owner::Ended {
            return Taken::Ended;
        }
        if !place.credit.is_there() {
            return Taken::Short;
        }
        place.credit.events -= 1;
        place.credit.sent += 1;
        place.credit.sent_bytes += bytes as u64;
        place.delivered += 1;
        let last = place.last;
        Taken::After(std::mem::replace(&mut place.last, seq.unwrap_or(last)))
    }

    /// For the owner: it goes on from `position` once it may. What was taken for it has
    /// been sent. Those who are returned wait for changes that hold from there on.
    pub(super) fn rest(&self, position: u64) -> (Rest, Vec<R>) {
        let mut place = self.0.lock();
        if place.owner == Owner::Ended {
            return (Rest::Ended, Vec::new());
        }
        place.position = position;
        let asked = place.credit.is_there() && !planted(Bug::RestUnasked);
        let (rest, owner) = match asked {
            true => (Rest::Pool, Owner::Pool),
            false => (Rest::Waits, Owner::Nobody),
        };
        place.owner = owner;
        match planted(Bug::RestUnchanged) {
            true => (rest, Vec::new()),
            false => (rest, place.settle()),
        }
    }

    /// For the owner: it belongs to somebody else, who goes on from `position`. False if it
    /// has ended.
    pub(super) fn hand(&self, owner: Owner, position: u64) -> bool {
        let mut place = self.0.lock();
        if place.owner == Owner::Ended {
            return false;
        }
        place.position = position;
        place.owner = owner;
        true
    }

    /// For `owner`, which goes on with it now: changes of the filter come into force.
    /// Nothing if it belongs to somebody else, or has ended.
    pub(super) fn begin(&self, owner: Owner) -> Option<Begun<F, R>> {
        let mut place = self.0.lock();
        if place.owner != owner {
            return None;
        }
        let before = place.filter.clone();
        let changed = place.settle();
        Some(Begun {
            filter: match planted(Bug::BeginUnchanged) {
                true => before,
                false => place.filter.clone(),
            },
            position: place.position,
            changed,
        })
    }

    /// The filter is to be another. The owner has to be told of [`Changed::Later`].
    pub(super) fn change(&self, filter: F, answer: R) -> Changed<R> {
        let mut place = self.0.lock();
        match place.owner {
            Owner::Nobody => {
                place.filter = filter;
                Changed::At(place.position, answer)
            }
            Owner::Ended => Changed::Ended(answer),
            owner => {
                place.changes.push((filter, answer));
                Changed::Later(owner)
            }
        }
    }

    /// For the matcher: the filter that holds for all blocks after `position`, if it is
    /// another, and who waits for that.
    pub(super) fn changed(&self, position: u64) -> Option<(F, Vec<R>)> {
        let mut place = self.0.lock();
        if place.owner != Owner::Matcher || place.changes.is_empty() {
            return None;
        }
        place.position = position;
        let changed = place.settle();
        Some((place.filter.clone(), changed))
    }

    /// For the owner: whether the subscriber is to be told that it lags.
    pub(super) fn lags(&self) -> bool {
        let mut place = self.0.lock();
        place.behind = true;
        !std::mem::replace(&mut place.told, true)
    }

    /// For the owner: whether the subscriber is to be told that it has seen all there is.
    pub(super) fn caught_up(&self) -> bool {
        let mut place = self.0.lock();
        place.told = false;
        std::mem::take(&mut place.behind)
    }

    /// Nothing more is to be sent.
    pub(super) fn end(&self) {
        self.0.lock().owner = Owner::Ended;
    }

    /// Those who wait for changes of one that has ended.
    pub(super) fn unanswered(&self) -> Vec<R> {
        let changes = std::mem::take(&mut self.0.lock().changes);
        changes.into_iter().map(|(_, answer)| answer).collect()
    }

    /// How it is getting on. `matcher` is how far that has come: what it found up to there
    /// it has sent. It is asked first: whoever belongs to it after that has been sent all up
    /// to there, and whoever does not any more may lack what came since.
    pub(super) fn standing(&self, matcher: impl Fn() -> u64) -> Standing {
        let seen = matcher();
        let place = self.0.lock();
        let (owner, position) = (place.owner, place.position);
        let mut standing = Standing {
            position,
            delivered: place.delivered,
            demand: place.credit.events,
            lagging: place.told,
        };
        drop(place);
        if owner == Owner::Matcher {
            let seen = match planted(Bug::SeenAfter) {
                true => matcher(),
                false => seen,
            };
            standing.position = position.max(seen);
        }
        standing
    }
}

impl<F, R> Place<F, R> {
    /// Changes come into force; who waits for them.
    fn settle(&mut self) -> Vec<R> {
        let mut settled = Vec::new();
        for (filter, answer) in self.changes.drain(..) {
            self.filter = filter;
            settled.push(answer);
        }
        settled
    }
}
