//! How long a search may go on.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::limits::Limits;

/// Steps from one look at the clock to the next; a step reads one feature or none.
const STEPS: u32 = 64;

/// When a search ends, whether it is done or not.
#[derive(Debug)]
pub(super) struct Deadline {
    start: Instant,
    limit_ms: u64,
    steps: Cell<u32>,
}

impl Deadline {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            start: Instant::now(),
            limit_ms: limits.query_timeout_ms,
            steps: Cell::new(0),
        }
    }

    /// One step more.
    ///
    /// # Errors
    /// [`Error::Timeout`] once the time is over.
    pub(super) fn step(&self) -> Result<()> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps % STEPS);
        let limit_ms = self.limit_ms;
        if steps == STEPS && self.start.elapsed() > Duration::from_millis(limit_ms) {
            return Err(Error::Timeout { limit_ms });
        }
        Ok(())
    }
}
