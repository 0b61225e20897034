//! For the unit tests: see there, and seeds for those that have a generator of their own.

#[path = "../../tests/support/oracles.rs"]
mod shared;

use std::ops::Range;
use std::time::SystemTime;

pub(crate) use shared::{cases, compared};

/// Seeds of so many [`cases`]: the same in every usual run, others each time when
/// `FORMDB_SOAK` is set. Failures name theirs; `FORMDB_SEED` has that alone tried again.
pub(crate) fn seeds(few: u32) -> Range<u64> {
    let seed = std::env::var("FORMDB_SEED").ok();
    if let Some(seed) = seed.and_then(|text| text.parse().ok()) {
        return seed..seed + 1;
    }
    let first = match std::env::var_os("FORMDB_SOAK") {
        None => 0,
        Some(_) => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.unwrap_or_default().as_micros() as u64
        }
    };
    first..first + u64::from(cases(few))
}
