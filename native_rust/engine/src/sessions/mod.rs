//! Open transactions: what each holds, and where it stands.
//!
//! A transaction holds no lock of the database. What it costs is the memory of its own
//! writes, so there is a limit on their bytes, on the memory of all that are open in the
//! process, on how many are open, and a lease: one that is not touched for
//! [`crate::Limits::transaction_lease_seconds`] ends as if aborted.

mod contents;
mod duplicates;
#[cfg(test)]
mod model;
mod overlay;
mod status;
mod table;
mod undoing;

use std::time::{Duration, Instant};

pub(crate) use contents::{Addition, Contents, View};
pub use contents::{Additions, Applied};
pub(crate) use overlay::{Found, SeriesOverlay};
pub use status::{Phase, TransactionStatus};
pub(crate) use table::{Committable, New, Using};
pub(crate) use undoing::Undoing;

use crate::error::Result;
use crate::limits::Limits;
use crate::sync;
use table::Table;

/// The transactions of one database.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) table: Table<Contents>,
}

impl Sessions {
    pub(crate) fn new(limits: &Limits) -> Self {
        let lease = Duration::from_secs(limits.transaction_lease_seconds);
        Self {
            table: Table::new(limits.open_transactions, lease, free),
        }
    }

    /// Begin to use one.
    pub(crate) fn enter(&self, id: &str) -> Result<Using<'_, Contents>> {
        self.table.enter(id, Instant::now())
    }

    /// End all that are open, and free what they hold on this thread.
    pub(crate) fn close(&self) {
        let mut after = None;
        loop {
            let (ids, next) = self.table.open(after.as_deref());
            for id in ids {
                let now = Instant::now();
                let _ = self.table.abort(&id, "the database was closed", now);
            }
            match next {
                Some(last) => after = Some(last),
                None => return,
            }
        }
    }
}

/// Free what an ended transaction held; if it is much, on a thread of its own, for this
/// one may be a scheduler.
fn free(contents: Contents) {
    /// Freed by the thread that lets go of it.
    const AT_ONCE: usize = 256 << 10;
    if contents.memory() > AT_ONCE {
        let thread = std::thread::Builder::new().name("formdb-free".to_owned());
        // Where there is no thread to be had, the closure is dropped here, and what it
        // has with it.
        let _ = thread.spawn(move || drop(contents));
    }
}
