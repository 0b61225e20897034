//! The reliability matrix: everything that can happen to a disk, a process or a
//! file system while a database is written, and what has to hold afterwards.
//!
//! Each test prints on one line what it tried. Short by default; with
//! `FORMDB_SOAK=SECONDS` each test goes on for as long, with fresh seeds.
//! `FORMDB_SEED=N` runs one seed again: failures name theirs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

mod ask;
mod backups;
mod concurrency;
mod crash;
mod damage;
mod descriptors;
mod documents;
mod durable_end;
mod faults;
mod folders;
mod forged;
mod generate;
mod hostile;
mod model;
#[cfg(feature = "planted-bugs")]
mod planted;
mod properties;
mod salvage;
mod snapshots;
mod steps;
#[path = "../support/mod.rs"]
mod support;
mod transactions;
mod undo;
mod workload;

use std::io::Write;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::rng::{mixed, random};
use support::{disk, image};

/// Seeds to try: the first few of a fixed row, or fresh ones for as long as
/// `FORMDB_SOAK` says, or the one that `FORMDB_SEED` names.
pub fn seeds(few: u64) -> Box<dyn Iterator<Item = u64>> {
    let number = |name: &str| -> Option<u64> {
        let text = std::env::var(name).ok()?;
        Some(
            text.parse()
                .unwrap_or_else(|_| panic!("{name} is {text:?}; it takes a number")),
        )
    };
    if let Some(seed) = number("FORMDB_SEED") {
        return Box::new(std::iter::once(seed));
    }
    match number("FORMDB_SOAK") {
        None => Box::new(1..=few),
        Some(seconds) => {
            let end = Instant::now() + Duration::from_secs(seconds);
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let first = now.unwrap_or_default().as_micros() as u64;
            Box::new((first..).take_while(move |_| Instant::now() < end))
        }
    }
}

/// Do `work` for all of `items`, on as many threads as there are cores, and add up
/// what it returns.
pub fn in_parallel<I: Sync, T: Default + AddAssign + Send>(
    items: &[I],
    work: impl Fn(&I) -> T + Sync,
) -> T {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut sum = T::default();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            sum += work(item);
        }
        sum
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut sum = worker();
        for worker in workers {
            match worker.join() {
                Ok(more) => sum += more,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        sum
    })
}

/// Print a line of figures, past the capture of the test runner.
pub fn report(what: &str, began: Instant, figures: &[(&str, usize)]) {
    let figures: Vec<String> = figures
        .iter()
        .map(|(name, count)| format!("{} {name}", grouped(*count)))
        .collect();
    let line = format!(
        "matrix: {what}: {} ({:.1} s)\n",
        figures.join(", "),
        began.elapsed().as_secs_f64()
    );
    // Nobody to tell if the terminal is gone.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// 12345 as "12,345".
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
