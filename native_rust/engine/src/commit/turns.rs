//! Whose turn it is, of those who wait to be committed.
//!
//! Callers share the committer by the work they ask of it (weighted fair queueing: A.
//! Demers, S. Keshav and S. Shenker, "Analysis and Simulation of a Fair Queueing
//! Algorithm", 1989). Each item is filed under the moment at which it would be done if
//! all who wait were served at once, each at the same rate, and the earliest goes first.
//! So one small write goes before the large ones that a loader has waiting, a loader is
//! never starved by small writes, and what one caller asks for stays in its order.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

use crate::planted::{Bug, planted};

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
    arrivals: u64,
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
            arrivals: 0,
            forget_at: REMEMBERED,
        }
    }
}

impl<T> Turns<T> {
    /// File an item of `caller`.
    pub(crate) fn push(&mut self, caller: u64, work: u64, item: T) {
        self.file(caller, 0, work, item);
    }

    /// The same, after everything that waits.
    pub(crate) fn push_last(&mut self, caller: u64, work: u64, item: T) {
        self.file(caller, self.latest, work, item);
    }

    fn file(&mut self, caller: u64, earliest: u64, work: u64, item: T) {
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
        self.arrivals += 1;
        self.heap.push(Reverse(Waiting {
            done: known.done,
            arrival: self.arrivals,
            caller,
            work,
            item: Box::new(item),
        }));
    }

    /// The work of the item whose turn it is.
    pub(crate) fn next_work(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(next)| next.work)
    }

    /// Take the item whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let Reverse(next) = self.heap.pop()?;
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

    #[test]
    fn a_small_one_goes_before_the_large_ones_that_others_have_waiting() {
        let mut turns = Turns::default();
        // Of one loader, and of sixty-four.
        for callers in [1, 64] {
            for n in 0..640 {
                turns.push(1 + n % callers, LARGE, "large");
            }
            for _ in 0..10 {
                assert_eq!(turns.pop(), Some("large"));
                turns.push(1_000, SMALL, "small");
                assert_eq!(turns.pop(), Some("small"));
            }
            assert_eq!(std::iter::from_fn(|| turns.pop()).count(), 630);
            assert!(turns.callers.is_empty() && turns.active == 0);
        }
    }

    #[test]
    fn a_large_one_is_not_starved_by_small_ones_without_end() {
        let mut turns = Turns::default();
        turns.push(0, 100 * SMALL, u64::MAX);
        let mut served = 0;
        for caller in 1.. {
            turns.push(caller, SMALL, caller);
            turns.push(caller + (1 << 40), SMALL, caller);
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
            turns.push(n % 3, 1 + n * 7_919 % 1_000, n);
        }
        turns.push_last(9, 0, 1_000);
        let order: Vec<u64> = std::iter::from_fn(|| turns.pop()).collect();
        assert_eq!(order.len(), 101);
        assert_eq!(order.last(), Some(&1_000));
        for caller in 0..3 {
            let own = order.iter().filter(|n| **n < 100 && **n % 3 == caller);
            assert!(own.is_sorted());
        }
    }
}
