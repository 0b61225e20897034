//! What the tests that hold answers against brute force have in common: how many cases
//! they try, and a line that says how many answers they compared.

use std::cell::RefCell;
use std::io::Write;

/// How many cases to try where a usual run of the tests tries `few`: 50 times as many for
/// each 300 seconds of `FORMDB_SOAK`.
///
/// What takes no part in it are the tests of the reliability matrix, which look at the
/// clock, and property tests that leave the number to `PROPTEST_CASES`.
pub fn cases(few: u32) -> u32 {
    let Ok(text) = std::env::var("FORMDB_SOAK") else {
        return few;
    };
    let seconds: u32 = text
        .parse()
        .unwrap_or_else(|_| panic!("FORMDB_SOAK is {text:?}; it takes a number of seconds"));
    few.saturating_mul((seconds / 6).max(1))
}

/// Counts answers that were compared with an oracle's, each one. When the test ends a line
/// says how many those were, past the capture of the test runner.
pub fn compared(what: &'static str, count: usize) {
    TALLY.with_borrow_mut(|tally| {
        match tally.0.iter_mut().find(|(name, _)| *name == what) {
            Some((_, sum)) => *sum += count,
            None => tally.0.push((what, count)),
        };
    });
}

thread_local! {
    static TALLY: RefCell<Tally> = const { RefCell::new(Tally(Vec::new())) };
}

/// Every test has a thread, and with it a tally of its own.
struct Tally(Vec<(&'static str, usize)>);

impl Drop for Tally {
    fn drop(&mut self) {
        for (what, count) in &self.0 {
            let line = format!("oracles: {what}: {count} comparisons\n");
            // Nobody to tell if the terminal is gone.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}
