//! The engine's in-memory indexes and its cache on their own, without a database.
//!
//! What may take long stands twice (`schedulers`).

mod answers;
mod places;
mod series;

use std::sync::{LockResult, TryLockError, TryLockResult};

use rustler::{Error, NifResult};

use crate::schedulers::On;

/// How often a normal scheduler tries for a lock: some microseconds, which is longer
/// than most holders take.
const TRIES: usize = 100;

/// What is freed by the thread that lets go of it.
const FREED_AT_ONCE: usize = 1_000;

/// A guard, unless that is no matter of a moment on a normal scheduler.
///
/// `std`'s locks: they remember a panic in the middle of a change.
fn lock<G>(
    on: On,
    attempt: impl Fn() -> TryLockResult<G>,
    wait: impl FnOnce() -> LockResult<G>,
) -> NifResult<Option<G>> {
    if on == On::Dirty {
        return wait().map(Some).map_err(|_| broken());
    }
    for _ in 0..TRIES {
        match attempt() {
            Ok(guard) => return Ok(Some(guard)),
            Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            Err(TryLockError::Poisoned(_)) => return Err(broken()),
        }
    }
    Ok(None)
}

/// Raised: an index that a change left half done answers nothing any more.
fn broken() -> Error {
    let reason = "an earlier call failed in the middle of a change; make a new index";
    Error::RaiseTerm(Box::new(reason))
}

/// Frees something large off the schedulers, which run the destructors.
fn free_in_background<T: Send + 'static>(value: T) {
    let thread = std::thread::Builder::new().name("formdb-free".to_owned());
    // Where there is no thread to be had, the closure is dropped here, and the value
    // with it.
    let _ = thread.spawn(move || drop(value));
}
