//! Memory of the indexes of a database that is being opened.

use std::path::Path;

use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::mem::{Pool, Reservation};

use std::sync::Arc;

/// Blocks between two looks at the memory.
const EVERY: u64 = 1_024;

/// Reserves what indexes come to take while a journal is replayed into them, and says
/// how much the whole of it would need when that is more than there is.
#[derive(Debug)]
pub(crate) struct Growth {
    pool: Arc<Pool>,
    held: Reservation,
    /// What the snapshot took, before the first block was replayed.
    before: usize,
    /// Bytes of the blocks that were replayed.
    replayed: u64,
    /// Bytes of the journal that are to be replayed.
    total: u64,
    /// Why the opening was stopped.
    full: Option<Error>,
}

impl Growth {
    /// Of a database that has reserved nothing yet, and has so many bytes of journal to
    /// replay.
    pub(crate) fn new(pool: &Arc<Pool>, total: u64) -> Self {
        Self {
            pool: Arc::clone(pool),
            held: pool.nothing(),
            before: 0,
            replayed: 0,
            total,
            full: None,
        }
    }

    /// Reserve what a snapshot took.
    ///
    /// # Errors
    /// [`Error::MemoryFull`], as for the others here, which [`Self::stopped`] keeps.
    pub(crate) fn loaded(&mut self, memory: usize) -> Result<()> {
        self.before = memory;
        self.reach(memory)
    }

    /// A block of `len` bytes was replayed; now and then reserve what `memory` says that
    /// is taken.
    ///
    /// # Errors
    /// [`Error::MemoryFull`].
    pub(crate) fn replayed(
        &mut self,
        seq: u64,
        len: u32,
        memory: impl FnOnce() -> usize,
    ) -> Result<()> {
        self.replayed += u64::from(len);
        match seq.is_multiple_of(EVERY) {
            true => self.reach(memory()),
            false => Ok(()),
        }
    }

    /// Everything is replayed, and takes `memory`.
    ///
    /// # Errors
    /// [`Error::MemoryFull`].
    pub(crate) fn finish(mut self, memory: usize) -> Result<Reservation> {
        self.total = self.replayed;
        self.reach(memory)?;
        Ok(self.held)
    }

    /// Why it was stopped, if it was.
    pub(crate) fn stopped(self) -> Option<Error> {
        self.full
    }

    fn reach(&mut self, memory: usize) -> Result<()> {
        let more = memory.saturating_sub(self.held.bytes());
        if self.held.grow(more).is_ok() {
            return Ok(());
        }
        let others = self.pool.used().saturating_sub(self.held.bytes());
        let full = self.pool.full(others, self.needed(memory));
        self.full = Some(full.clone());
        Err(full)
    }

    /// What all of it will take, if the rest is like what came so far.
    fn needed(&self, memory: usize) -> usize {
        let grown = memory.saturating_sub(self.before) as f64;
        let parts = self.total.max(self.replayed) as f64 / self.replayed.max(1) as f64;
        self.before + (grown * parts.max(1.0)) as usize
    }
}

/// Bytes of the files in `dir`; of those that cannot be looked at, none.
pub(crate) fn bytes_in(fs: &dyn FileSystem, dir: &Path) -> u64 {
    let names = fs.list(dir).unwrap_or_default();
    let len = |name: &String| fs.stat(&dir.join(name)).map(|found| found.len);
    names.iter().filter_map(|name| len(name).ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::mem::Memory;

    #[test]
    fn an_opening_that_would_pass_the_limit_says_what_it_needs() {
        let limits = Limits {
            index_bytes: 1 << 20,
            ..Limits::default()
        };
        let pool = Memory::new(&limits).indexes;
        let mut growth = Growth::new(&pool, 10_000_000);
        growth.loaded(100_000).unwrap();
        let mut stopped = None;
        for seq in 1..=100_000 {
            let taken = 100_000 + usize::try_from(seq).unwrap() * 200;
            if let Err(error) = growth.replayed(seq, 100, || taken) {
                stopped = Some((seq, error));
                break;
            }
        }
        let Some((seq, Error::MemoryFull { asked, used, .. })) = stopped else {
            panic!("{stopped:?}");
        };
        assert!(seq < 6_000 && used == 0, "{seq} {used}");
        // 100,000 blocks of 100 bytes, 200 bytes of memory each.
        assert!((20_000_000..20_300_000).contains(&asked), "{asked}");
        assert!(growth.stopped().is_some());
        assert_eq!(pool.used(), 0);
        assert!(Growth::new(&pool, 0).finish(1 << 20).is_ok());
        assert!(Growth::new(&pool, 0).finish((1 << 20) + 1).is_err());
    }
}
