//! What a question may still spend: time, memory, and whether anybody wants the answer.
//!
//! Every loop that grows with its input takes a [`Budget`] and calls
//! [`Budget::step`]; what grows with the input holds its bytes by [`Budget::hold`]
//! before it takes them. Whoever asked has a [`Cancel`] and calls it when nobody
//! waits for the answer any more.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::mem::{Memory, Reservation};

/// Steps from one look at the clock to the next; a step is some microseconds at most.
const STEPS: usize = 64;

/// Ends a question from outside. Clones are of the same question.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// End the question at its next look.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one question may spend.
#[derive(Debug)]
pub struct Budget {
    start: Instant,
    limit: Duration,
    cancel: Cancel,
    steps: Cell<usize>,
    held: RefCell<Reservation>,
}

impl Budget {
    /// The time that the limits give, from now on, and memory out of the pool for
    /// work.
    #[must_use]
    pub fn new(limits: &Limits, memory: &Memory, cancel: Cancel) -> Self {
        Self {
            start: Instant::now(),
            limit: Duration::from_millis(limits.query_timeout_ms),
            cancel,
            steps: Cell::new(0),
            held: RefCell::new(memory.work.nothing()),
        }
    }

    /// No end of its own, only that nobody waits any more: for parts of a body, each of
    /// which is bounded, and which have to come in time.
    #[must_use]
    pub fn without_end(memory: &Memory, cancel: Cancel) -> Self {
        Self {
            start: Instant::now(),
            limit: Duration::MAX,
            cancel,
            steps: Cell::new(0),
            held: RefCell::new(memory.work.nothing()),
        }
    }

    /// So much time from now on: for what is done otherwise where that is not enough.
    #[must_use]
    pub fn brief(memory: &Memory, limit: Duration, cancel: Cancel) -> Self {
        Self {
            start: Instant::now(),
            limit,
            cancel,
            steps: Cell::new(0),
            held: RefCell::new(memory.work.nothing()),
        }
    }

    /// One step more; looks at the clock and at the flag now and then.
    ///
    /// # Errors
    /// [`Error::Timeout`] once the time is over, [`Error::Cancelled`].
    pub fn step(&self) -> Result<()> {
        self.steps(1)
    }

    /// So many steps at once.
    ///
    /// # Errors
    /// As [`Budget::step`].
    pub fn steps(&self, count: usize) -> Result<()> {
        let steps = self.steps.get().saturating_add(count);
        if steps < STEPS {
            self.steps.set(steps);
            return Ok(());
        }
        self.steps.set(0);
        self.check()
    }

    /// Look now: after a step that may have been long.
    ///
    /// # Errors
    /// [`Error::Timeout`] once the time is over, [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if self.start.elapsed() > self.limit {
            let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
            return Err(Error::Timeout { limit_ms });
        }
        Ok(())
    }

    /// Count `bytes` that the question is about to take, until it has ended.
    ///
    /// # Errors
    /// [`Error::MemoryFull`]: then do not take them.
    pub fn hold(&self, bytes: usize) -> Result<()> {
        self.held.borrow_mut().grow(bytes)
    }

    /// Give back `bytes` of what it holds: what they were for is gone.
    pub fn give_back(&self, bytes: usize) {
        let mut held = self.held.borrow_mut();
        let left = held.bytes().saturating_sub(bytes);
        held.shrink_to(left);
    }

    /// Does a part of the work, and gives back what it held when it has ended: for one whose
    /// answer is small.
    pub fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.held.borrow().bytes();
        let found = work();
        self.held.borrow_mut().shrink_to(before);
        found
    }

    /// Bytes that one question should hold no more of if it can do with less: an eighth
    /// of the pool, so that some of them do not take all of it from the others.
    #[must_use]
    pub fn share(&self) -> usize {
        self.held.borrow().limit() / 8
    }

    /// Make room for `more` items in a vector that grows with the input: counted,
    /// and taken only if the system has it. As they are pushed one by one the room
    /// doubles, so the cost of each stays the same.
    ///
    /// # Errors
    /// [`Error::MemoryFull`].
    pub fn make_room<T>(&self, items: &mut Vec<T>, more: usize) -> Result<()> {
        if items.capacity() - items.len() >= more {
            return Ok(());
        }
        let more = more.max(items.len());
        let bytes = more.saturating_mul(size_of::<T>());
        let mut held = self.held.borrow_mut();
        held.grow(bytes)?;
        items
            .try_reserve_exact(more)
            .map_err(|_| held.refusal(bytes))
    }
}

#[cfg(test)]
impl Budget {
    /// More than any test needs.
    pub(crate) fn ample() -> Self {
        let limits = Limits::default();
        Self::new(&limits, &Memory::new(&limits), Cancel::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_question_ends_within_a_few_steps() {
        let limits = Limits::default();
        let cancel = Cancel::default();
        let budget = Budget::new(&limits, &Memory::new(&limits), cancel.clone());
        assert!((0..1_000).all(|_| budget.step().is_ok()));
        cancel.cancel();
        let ended = (0..STEPS).find_map(|_| budget.step().err());
        assert!(matches!(ended, Some(Error::Cancelled)));
    }

    #[test]
    fn a_question_ends_at_its_time() {
        let limits = Limits {
            query_timeout_ms: 1,
            ..Limits::default()
        };
        let budget = Budget::new(&limits, &Memory::new(&limits), Cancel::default());
        std::thread::sleep(Duration::from_millis(5));
        assert!(matches!(
            budget.steps(usize::MAX),
            Err(Error::Timeout { limit_ms: 1 })
        ));
    }

    #[test]
    fn what_a_part_of_the_work_holds_is_given_back_when_it_ends() {
        let budget = Budget::ample();
        budget.hold(100).unwrap();
        budget.aside(|| budget.hold(1_000)).unwrap();
        assert_eq!(budget.held.borrow().bytes(), 100);
    }

    #[test]
    fn memory_is_held_until_the_question_ends() {
        let limits = Limits {
            work_bytes: 1 << 20,
            ..Limits::default()
        };
        let memory = Memory::new(&limits);
        let budget = Budget::new(&limits, &memory, Cancel::default());
        let mut numbers: Vec<u64> = Vec::new();
        budget.make_room(&mut numbers, 1_000).unwrap();
        assert_eq!(memory.work.used(), 8_000);
        assert!(budget.make_room(&mut numbers, 1 << 20).is_err());
        assert_eq!(memory.work.used(), 8_000);
        budget.make_room(&mut numbers, 10).unwrap();
        assert_eq!(memory.work.used(), 8_000);
        drop(budget);
        assert_eq!(memory.work.used(), 0);
    }
}
