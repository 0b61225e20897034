//! Subscriptions, held against brute force over the journal.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod bounds;
mod fence_rules;
mod fences;
mod followers;
mod levels;
#[path = "../support/oracles.rs"]
mod oracles;
mod plain;
#[cfg(feature = "planted-bugs")]
mod planted;
mod proofs;
mod properties;
mod seam;
mod stays;
#[path = "../support/mod.rs"]
mod support;
mod workload;

/// Seeds for so many cases.
fn oracles_seeds(few: u32) -> std::ops::Range<u64> {
    let seed = std::env::var("FORMDB_SEED").ok();
    match seed.and_then(|text| text.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..u64::from(oracles::cases(few)),
    }
}
