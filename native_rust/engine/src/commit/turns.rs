//! Whose turn it is, of those who wait to be committed.
//!
//! Callers share the committer by the work they ask of it (weighted fair queueing: A.
//! Demers, S. Keshav and S. Shenker, "Analysis and Simulation of a Fair Queueing
//! Algorithm", 1989). Each item is filed under the moment at which it would be done if
//! all who wait were served at once, each at the same rate, and the earliest goes first.
//! So one small write goes before the large ones that a loader has waiting, a loader is
//! never starved by small writes, and what one caller asks for stays in its order.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Instant;

use crate::planted::{Bug, planted};

/// Whose an item is, and since when it waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filed {
    /// Items of one caller stay in their order.
    pub caller: u64,
    /// The work it takes, in nanoseconds.
    pub work: u64,
    /// When it was handed in.
    pub since: Instant,
}

/// Items with the work each takes, in nanoseconds, in the order in which they are to be
/// done. Each call is O(log n) in the number of items.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    heap: BinaryHeap<Reverse<Waiting<T>>>,
    callers: HashMap<u64, Caller>,
    /// Callers with something waiting.
    active: u64,
    /// Work done for each who waits, since there was anybody.
    now: u64,
    /// The latest moment that anything is filed under.
    latest: u64,
    arrivals: Arrivals,
    /// Callers known at which those that are owed nothing are forgotten.
    forget_at: usize,
}

/// Shares that the work done is divided into at most. So a large item waits for at most
/// so many times its own work, however many callers keep coming with small ones.
const SHARES: u64 = 1_024;
/// Callers that are remembered in any case.
const REMEMBERED: usize = 1_024;

#[derive(Debug, Default)]
struct Caller {
    /// When the last of its items would be done.
    done: u64,
    waiting: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    done: u64,
    arrival: u64,
    caller: u64,
    work: u64,
    // After a pointer: the heap moves its items about.
    item: Box<T>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            callers: HashMap::new(),
            active: 0,
            now: 0,
            latest: 0,
            arrivals: Arrivals::default(),
            forget_at: REMEMBERED,
        }
    }
}

impl<T> Turns<T> {
    /// File an item of `caller`.
    pub(crate) fn push(&mut self, filed: Filed, item: T) {
        self.file(filed, 0, item);
    }

    /// The same, after everything that waits.
    pub(crate) fn push_last(&mut self, filed: Filed, item: T) {
        self.file(filed, self.latest, item);
    }

    fn file(&mut self, filed: Filed, earliest: u64, item: T) {
        let Filed {
            caller,
            work,
            since,
        } = filed;
        let known = self.callers.entry(caller).or_default();
        let work = work.max(1);
        let done = match planted(Bug::ForgetOrder) {
            true => 0,
            false => known.done,
        };
        let begins = self.now.max(done).max(earliest);
        known.done = begins.saturating_add(work);
        if known.waiting == 0 {
            self.active += 1;
        }
        known.waiting += 1;
        self.latest = self.latest.max(known.done);
        let arrival = self.arrivals.note(since);
        self.heap.push(Reverse(Waiting {
            done: known.done,
            arrival,
            caller,
            work,
            item: Box::new(item),
        }));
    }

    /// When the one came that has waited for longest. Those that wait have come in the order
    /// in which they were handed in, or nearly.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.arrivals.waiting.front().copied().flatten()
    }

    /// The work of the item whose turn it is.
    pub(crate) fn next_work(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(next)| next.work)
    }

    /// Take the item whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let Reverse(next) = self.heap.pop()?;
        self.arrivals.forget(next.arrival);
        // Served at once, all who wait would have got this share.
        self.now += (next.work / self.active.clamp(1, SHARES)).max(1);
        if let Some(caller) = self.callers.get_mut(&next.caller) {
            caller.waiting -= 1;
            if caller.waiting == 0 {
                self.active -= 1;
                if caller.done <= self.now {
                    self.callers.remove(&next.caller);
                }
            }
        }
        if self.heap.is_empty() {
            // Nobody waits, so nobody is owed anything.
            self.callers.clear();
            (self.now, self.latest) = (0, 0);
        } else if self.callers.len() > self.forget_at {
            let now = self.now;
            self.callers
                .retain(|_, caller| caller.waiting > 0 || caller.done > now);
            self.forget_at = self.callers.len() * 2 + REMEMBERED;
        }
        Some(*next.item)
    }
}

/// When those came that wait, in the order of their arrival.
#[derive(Debug, Default)]
struct Arrivals {
    /// How many have come that are not in `waiting` any more.
    gone: u64,
    /// Of those that were taken before others that came earlier: none.
    waiting: VecDeque<Option<Instant>>,
}

impl Arrivals {
    /// Note one; returns its number.
    fn note(&mut self, since: Instant) -> u64 {
        self.waiting.push_back(Some(since));
        self.gone + self.waiting.len() as u64 - 1
    }

    /// It was taken.
    fn forget(&mut self, arrival: u64) {
        let place = usize::try_from(arrival - self.gone).ok();
        if let Some(since) = place.and_then(|place| self.waiting.get_mut(place)) {
            *since = None;
        }
        while let Some(None) = self.waiting.front() {
            self.waiting.pop_front();
            self.gone += 1;
        }
    }
}

impl<T> Waiting<T> {
    fn place(&self) -> (u64, u64) {
        (self.done, self.arrival)
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl<T> Eq for Waiting<T> {}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: u64 = 1_000_000;
    const SMALL: u64 = 1_000;

    fn of(caller: u64, work: u64) -> Filed {
        Filed {
            caller,
            work,
            since: Instant::now(),
        }
    }

    #[test]
    fn a_small_one_goes_before_the_large_ones_that_others_have_waiting() {
        let mut turns = Turns::default();
        // Of one loader, and of sixty-four.
        for callers in [1, 64] {
            for n in 0..640 {
                turns.push(of(1 + n % callers, LARGE), "large");
            }
            for _ in 0..10 {
                assert_eq!(turns.pop(), Some("large"));
                turns.push(of(1_000, SMALL), "small");
                assert_eq!(turns.pop(), Some("small"));
            }
            assert_eq!(std::iter::from_fn(|| turns.pop()).count(), 630);
            assert!(turns.callers.is_empty() && turns.active == 0);
        }
    }

    #[test]
    fn a_large_one_is_not_starved_by_small_ones_without_end() {
        let mut turns = Turns::default();
        turns.push(of(0, 100 * SMALL), u64::MAX);
        let mut served = 0;
        for caller in 1.. {
            turns.push(of(caller, SMALL), caller);
            turns.push(of(caller + (1 << 40), SMALL), caller);
            match turns.pop() {
                Some(u64::MAX) => break,
                _ => served += SMALL,
            }
        }
        assert!(served < 2 * SHARES * 100 * SMALL, "{served}");
    }

    #[test]
    fn what_one_caller_asks_for_stays_in_its_order_and_what_goes_last_is_behind_all() {
        let mut turns = Turns::default();
        for n in 0..100u64 {
            turns.push(of(n % 3, 1 + n * 7_919 % 1_000), n);
        }
        turns.push_last(of(9, 0), 1_000);
        let order: Vec<u64> = std::iter::from_fn(|| turns.pop()).collect();
        assert_eq!(order.len(), 101);
        assert_eq!(order.last(), Some(&1_000));
        for caller in 0..3 {
            let own = order.iter().filter(|n| **n < 100 && **n % 3 == caller);
            assert!(own.is_sorted());
        }
    }

    #[test]
    fn the_oldest_is_the_first_that_came_of_those_that_wait() {
        let mut turns = Turns::default();
        assert_eq!(turns.oldest(), None);
        let moments: Vec<_> = [LARGE, SMALL, SMALL]
            .into_iter()
            .zip(0..)
            .map(|(work, caller)| {
                let filed = of(caller, work);
                turns.push(filed, caller);
                filed.since
            })
            .collect();
        for (taken, oldest) in [(1, Some(moments[0])), (2, Some(moments[0])), (0, None)] {
            assert_eq!(turns.pop(), Some(taken));
            assert_eq!(turns.oldest(), oldest);
        }
        assert!(turns.arrivals.waiting.is_empty());
        let filed = of(0, 1);
        turns.push(filed, 7);
        assert_eq!(turns.oldest(), Some(filed.since));
    }
}
