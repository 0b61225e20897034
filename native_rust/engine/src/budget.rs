//! What a question may still spend.
//!
//! Every loop that grows with its input takes a [`Budget`] and calls
//! [`Budget::step`]; whoever asked holds a [`Cancel`] and calls it when nobody waits
//! for the answer any more.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::limits::Limits;

/// Steps from one look at the clock to the next; a step is some microseconds at most.
const STEPS: u32 = 64;

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

/// The time that one question has, and whether anybody still wants the answer.
#[derive(Debug)]
pub struct Budget {
    start: Instant,
    limit_ms: u64,
    cancel: Cancel,
    steps: Cell<u32>,
}

impl Budget {
    /// The time that the limits give, from now on.
    #[must_use]
    pub fn new(limits: &Limits, cancel: Cancel) -> Self {
        Self {
            start: Instant::now(),
            limit_ms: limits.query_timeout_ms,
            cancel,
            steps: Cell::new(0),
        }
    }

    /// One step more; looks at the clock and at the flag now and then.
    ///
    /// # Errors
    /// [`Error::Timeout`] once the time is over, [`Error::Cancelled`].
    pub fn step(&self) -> Result<()> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps % STEPS);
        if steps == STEPS { self.check() } else { Ok(()) }
    }

    /// Look now: after a step that may have been long.
    ///
    /// # Errors
    /// [`Error::Timeout`] once the time is over, [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let limit_ms = self.limit_ms;
        if self.start.elapsed() > Duration::from_millis(limit_ms) {
            return Err(Error::Timeout { limit_ms });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_question_ends_within_a_few_steps() {
        let cancel = Cancel::default();
        let budget = Budget::new(&Limits::default(), cancel.clone());
        assert!((0..1_000).all(|_| budget.step().is_ok()));
        cancel.cancel();
        let ended = (0..STEPS).find_map(|_| budget.step().err());
        assert!(matches!(ended, Some(Error::Cancelled)));
    }

    #[test]
    fn time_that_is_over_is_noticed_at_once_by_a_check() {
        let limits = Limits {
            query_timeout_ms: 1,
            ..Limits::default()
        };
        let budget = Budget::new(&limits, Cancel::default());
        std::thread::sleep(Duration::from_millis(3));
        assert!(matches!(
            budget.check(),
            Err(Error::Timeout { limit_ms: 1 })
        ));
    }
}
