//! How much room the disk of a data folder has, and whether that is enough to write.
//!
//! A write that a full disk cuts short ends with a database that takes no more writes until
//! it is opened again. So they are refused while there is still room: for what was let in
//! before, and for whatever else has to be written.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::FileSystem;
use crate::error::{Error, Result};

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What this process may still write.
    pub free: u64,
    /// What there is in all.
    pub total: u64,
}

/// What is known of the room on the disk of a data folder. Looking at it is for a timer:
/// checks read what it found, less what was written since.
#[derive(Debug)]
pub struct DiskSpace {
    /// Below so many free bytes nothing is written; 0: never mind.
    least: u64,
    /// As of the last look; [`UNKNOWN`] before the first, or where it failed.
    free: AtomicU64,
    total: AtomicU64,
    /// What is still to be written for what was written.
    owed: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;

impl DiskSpace {
    /// Of a disk that nobody has looked at yet.
    #[must_use]
    pub fn new(least: u64) -> Self {
        Self {
            least,
            free: AtomicU64::new(UNKNOWN),
            total: AtomicU64::new(UNKNOWN),
            owed: AtomicU64::new(0),
        }
    }

    /// Look how much room there is where `path` lies. A file system that cannot say refuses
    /// nothing. One call of the system; may block.
    pub(crate) fn look(&self, fs: &dyn FileSystem, path: &Path) {
        let unknown = Space {
            free: UNKNOWN,
            total: UNKNOWN,
        };
        let Space { free, total } = fs.space(path).unwrap_or(unknown);
        self.free.store(free, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// So many bytes were written since the last look.
    pub(crate) fn wrote(&self, bytes: u64) {
        let less = |free| (free != UNKNOWN).then(|| u64::saturating_sub(free, bytes));
        let _ = self
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.left() < self.least
    }

    /// Free bytes that nothing is meant for.
    fn left(&self) -> u64 {
        let free = self.free.load(Ordering::Relaxed);
        match free == UNKNOWN {
            true => UNKNOWN,
            false => free.saturating_sub(self.owed.load(Ordering::Relaxed)),
        }
    }

    /// Check that there is room to write.
    ///
    /// # Errors
    /// [`Error::DiskFull`].
    pub(crate) fn check(&self) -> Result<()> {
        match self.is_low() {
            false => Ok(()),
            true => Err(Error::DiskFull {
                free: self.left(),
                least: self.least,
            }),
        }
    }

    /// What is known, if anything is; free is what nothing is meant for.
    #[must_use]
    pub fn space(&self) -> Option<Space> {
        let free = self.left();
        let total = self.total.load(Ordering::Relaxed);
        (free != UNKNOWN).then_some(Space { free, total })
    }

    /// Free bytes below which nothing is written.
    #[must_use]
    pub fn least(&self) -> u64 {
        self.least
    }
}

/// Bytes that a database is still to write for what it has written: they are not free for
/// others. Given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Owed {
    space: Arc<DiskSpace>,
    bytes: u64,
}

impl Owed {
    pub(crate) fn new(space: Arc<DiskSpace>) -> Self {
        Self { space, bytes: 0 }
    }

    /// So many in all, from now on.
    pub(crate) fn set(&mut self, bytes: u64) {
        self.space.owed.fetch_add(bytes, Ordering::Relaxed);
        self.space.owed.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.set(0);
    }
}
