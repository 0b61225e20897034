//! Panics of the committer's thread, and of the one that syncs for it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};

/// Do `work`, and take a panic in it for a failure: a bug must not end the thread
/// in silence, nor may it go on writing from a state nobody understands.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::Poisoned {
            cause: "the committer panicked; see the log".into(),
        })
    })
}
