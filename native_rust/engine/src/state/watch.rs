//! Who is told how a database goes on.

use std::fmt;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

/// Why nothing more comes of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was closed. It can be opened again.
    Closed,
    /// It was closed and its files were removed.
    Purged,
    /// It takes no writes any more, or cannot be read, until it is opened again.
    Failed,
}

/// Is told how a database goes on, on the committer's thread.
pub(crate) trait Watcher: Send + Sync {
    /// More is durable, and visible to readers. May not block.
    fn durable(&self);

    /// It is about to be closed: what is durable can still be read. May take a moment.
    fn closing(&self);

    /// Nothing more comes. May not block.
    fn ended(&self, ending: Ending);
}

/// The watcher of a database, if it has one.
#[derive(Default)]
pub(crate) struct Watch {
    watcher: RwLock<Option<Weak<dyn Watcher>>>,
    /// Whether somebody else tells how it ended.
    held: AtomicBool,
}

impl Watch {
    /// Tell `watcher` from now on, in the place of whoever was told before.
    pub(crate) fn set(&self, watcher: Weak<dyn Watcher>) {
        *self.watcher.write() = Some(watcher);
    }

    /// More is durable. Some 20 ns where nobody watches.
    pub(crate) fn durable(&self) {
        self.tell(|watcher| watcher.durable());
    }

    /// It is about to be closed: what is durable can still be read, for a moment.
    pub(crate) fn closing(&self) {
        self.tell(|watcher| watcher.closing());
    }

    /// Nothing more comes, unless [`Watch::hold`] was called.
    pub(crate) fn ended(&self, ending: Ending) {
        if !self.held.load(Ordering::Acquire) {
            self.tell(|watcher| watcher.ended(ending));
        }
    }

    /// Have [`Watch::ended`] do nothing until [`Watch::released`] says how it ended.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::Release);
    }

    /// See [`Watch::hold`].
    pub(crate) fn released(&self, ending: Ending) {
        self.held.store(false, Ordering::Release);
        self.ended(ending);
    }

    fn tell(&self, what: impl FnOnce(&dyn Watcher)) {
        let watcher = self.watcher.read().as_ref().and_then(Weak::upgrade);
        if let Some(watcher) = watcher {
            what(&*watcher);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
