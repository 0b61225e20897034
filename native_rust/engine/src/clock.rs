//! Commit times: microseconds since the epoch that never decrease.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since the epoch, UTC, of the system's clock.
pub(crate) fn system_micros() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|d| i64::try_from(d.as_micros()).ok())
        .unwrap_or(0)
}

/// The system's clock, held back from going backwards.
#[derive(Debug)]
pub(crate) struct Clock {
    last: i64,
}

impl Clock {
    /// A clock that never shows less than `last`.
    pub(crate) fn starting_at(last: i64) -> Self {
        Self { last }
    }

    /// The time it showed last.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }

    pub(crate) fn now(&mut self) -> i64 {
        self.last = self.last.max(system_micros());
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_rather_than_go_back() {
        let future = system_micros() + 3_600_000_000;
        let mut clock = Clock::starting_at(future);
        assert_eq!(clock.now(), future);
        let mut clock = Clock::starting_at(0);
        assert!(clock.now() > 0);
    }
}
