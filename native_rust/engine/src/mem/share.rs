//! What holders of one kind may have of a pool together.
//!
//! Each of them gathers until it has something whole, so all could wait for room that none
//! gives back. Therefore a part is kept for the first of those who wait: it is the only one
//! that may go beyond the common part, so that it gets on, and then the next one. One that gets
//! on slowly waits again behind the others, until the last of the room is used: who has begun
//! on that keeps its turn, as it would not help anybody but the next who has it too.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::pool::{Pool, Reservation};
use crate::error::Result;

/// How long one is the first.
const TURN: Duration = Duration::from_secs(1);

/// A part of a pool.
#[derive(Debug)]
pub(crate) struct Share {
    pool: Arc<Pool>,
    /// Bytes that all may have.
    common: usize,
    /// Bytes that there are with what is kept for the first who waits.
    most: usize,
    /// Where the last of the room begins.
    last: usize,
    used: AtomicUsize,
    numbers: AtomicU64,
    line: Mutex<Line>,
}

/// Those who wait.
#[derive(Debug)]
struct Line {
    waiting: VecDeque<u64>,
    /// Since when the first is the first.
    since: Instant,
}

impl Line {
    fn leave(&mut self, number: u64) {
        if self.waiting.front() == Some(&number) {
            self.since = Instant::now();
        }
        self.waiting.retain(|other| *other != number);
    }

    /// Whether it is the turn of this one, which waits from now on.
    /// `turns` says whether there are turns, which end.
    fn is_first(&mut self, number: u64, turns: bool) -> bool {
        if self.waiting.is_empty() {
            self.since = Instant::now();
        }
        if !self.waiting.contains(&number) {
            self.waiting.push_back(number);
        }
        if turns && self.since.elapsed() > TURN {
            self.waiting.rotate_left(1);
            self.since = Instant::now();
        }
        self.waiting.front() == Some(&number)
    }
}

impl Share {
    /// Half of the pool, and a quarter more for the first who waits: a quarter at least is
    /// left for what else there is.
    pub(super) fn new(pool: &Arc<Pool>) -> Arc<Self> {
        let eighth = pool.limit() / 8;
        Arc::new(Self {
            pool: Arc::clone(pool),
            common: 4 * eighth,
            last: 5 * eighth,
            most: 6 * eighth,
            used: AtomicUsize::new(0),
            numbers: AtomicU64::new(0),
            line: Mutex::new(Line {
                waiting: VecDeque::new(),
                since: Instant::now(),
            }),
        })
    }

    /// A holder of so many bytes, which may be of the part that is kept: there is no use in
    /// waiting before one has begun.
    ///
    /// # Errors
    /// [`crate::Error::MemoryFull`].
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Held> {
        let mut held = Held {
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
            reservation: self.pool.nothing(),
            share: Arc::clone(self),
            waits: false,
        };
        held.take(bytes, self.most)?;
        Ok(held)
    }
}

/// Bytes of a [`Share`] that somebody holds; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Held {
    share: Arc<Share>,
    reservation: Reservation,
    number: u64,
    waits: bool,
}

impl Held {
    /// Bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.reservation.bytes()
    }

    /// Bytes that it can have at most, once nobody else has any.
    pub(crate) fn limit(&self) -> usize {
        self.share.most
    }

    /// Hold `bytes` more. One that is refused waits until it tries again and is not, or
    /// [`Self::leave`]s. Linear in how many wait, if there is too little for all.
    ///
    /// # Errors
    /// [`crate::Error::MemoryFull`]; it holds then what it held before.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<()> {
        let Err(refusal) = self.take(bytes, self.share.common) else {
            return Ok(());
        };
        self.waits = true;
        let turns = self.share.used.load(Ordering::Relaxed) <= self.share.last;
        if !self.share.line.lock().is_first(self.number, turns) {
            return Err(refusal);
        }
        let taken = self.take(bytes, self.share.most);
        if taken.is_err() {
            // Others may do with less.
            let mut line = self.share.line.lock();
            line.leave(self.number);
            line.is_first(self.number, turns);
        }
        taken
    }

    /// Wait no longer: it has what it wanted, or wants nothing for now.
    pub(crate) fn leave(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.share.line.lock().leave(self.number);
        }
    }

    fn take(&mut self, bytes: usize, limit: usize) -> Result<()> {
        let used = &self.share.used;
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        if let Err(used) = used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, fits) {
            return Err(self.share.pool.full_of(used, bytes, limit));
        }
        let grown = self.reservation.grow(bytes);
        if grown.is_err() {
            used.fetch_sub(bytes, Ordering::AcqRel);
        }
        grown
    }

    /// Hold exactly `bytes`, beyond the limits if need be: of what is there already.
    pub(crate) fn hold(&mut self, bytes: usize) {
        let more = bytes.saturating_sub(self.bytes());
        self.share.used.fetch_add(more, Ordering::AcqRel);
        self.reservation.hold(bytes.max(self.bytes()));
        self.shrink_to(bytes);
    }

    /// Give back all but `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes().saturating_sub(bytes);
        self.reservation.shrink_to(bytes);
        self.share.used.fetch_sub(less, Ordering::AcqRel);
    }

    /// A holder of its own for `bytes` of these, or for all if there are fewer.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        Self {
            share: Arc::clone(&self.share),
            reservation: self.reservation.split(bytes),
            number: self.share.numbers.fetch_add(1, Ordering::Relaxed),
            waits: false,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leave();
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::mem::Memory;

    fn share() -> (Memory, Arc<Share>) {
        let limits = Limits {
            work_bytes: 800,
            ..Limits::default()
        };
        let memory = Memory::new(&limits);
        let share = Arc::clone(&memory.uploads);
        (memory, share)
    }

    #[test]
    fn the_first_who_waits_gets_what_is_kept_and_then_the_next() {
        let (memory, share) = share();
        let [mut a, mut b, mut c] = [100, 100, 100].map(|bytes| share.reserve(bytes).unwrap());
        c.grow(100).unwrap();
        assert!(c.grow(300).is_err(), "more than there is");
        // It stays behind those who wait for less.
        assert!(a.grow(150).is_err(), "it is the turn of the other");
        c.leave();
        a.grow(150).unwrap();
        assert!(b.grow(1).is_err());
        drop(a);
        b.grow(10).unwrap();
        b.leave();
        assert_eq!(memory.work.used(), 310);
        let half = b.split(50);
        drop((b, c));
        assert_eq!((memory.work.used(), half.bytes()), (50, 50));
        drop(half);
        assert_eq!(memory.work.used(), 0);
        assert_eq!(share.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_quarter_is_left_for_what_else_there_is() {
        let (memory, share) = share();
        let mut all = share.reserve(0).unwrap();
        while all.grow(10).is_ok() {}
        assert_eq!(all.bytes(), 600);
        assert!(share.reserve(1).is_err());
        let other = memory.work.reserve(200).unwrap();
        // Of what is there already.
        all.hold(700);
        assert_eq!((memory.work.used(), all.bytes()), (900, 700));
        all.hold(10);
        assert_eq!(memory.work.used(), 210);
        drop((all, other));
        assert_eq!(memory.work.used(), 0);
    }

    #[test]
    fn who_gets_on_slowly_is_the_first_for_a_while_only() {
        let (_memory, share) = share();
        let [mut slow, mut other] = [200, 200].map(|bytes| share.reserve(bytes).unwrap());
        slow.grow(1).unwrap();
        assert!(other.grow(1).is_err());
        share.line.lock().since -= 2 * TURN;
        other.grow(1).unwrap();
        assert!(slow.grow(1).is_err());
        // With the last of the room it stays the first.
        other.grow(110).unwrap();
        share.line.lock().since -= 2 * TURN;
        assert!(slow.grow(1).is_err());
        other.grow(1).unwrap();
        drop(other);
        slow.grow(1).unwrap();
    }
}
