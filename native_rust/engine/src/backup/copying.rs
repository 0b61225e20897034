//! Copying and hashing files, at a pace, until somebody says to stop.

use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::budget::Cancel;
use crate::error::{Error, Result};
use crate::fs::{File, FileSystem};
use crate::journal::Progress;

/// Bytes read at once.
const CHUNK: u64 = 1 << 20;
/// Bytes written until they are synced: who syncs a small file on the same disk meanwhile
/// waits for these and no more.
const SYNC_EVERY: u64 = 4 << 20;
/// The longest pause until the flag is looked at.
const NAP: Duration = Duration::from_millis(50);

/// How far it is, how fast it may be, and whether it is to go on.
pub(super) struct Pace<'a> {
    pub cancel: Cancel,
    per_second: u64,
    begun: Instant,
    /// Bytes since `begun` that took time.
    spent: u64,
    done: u64,
    total: u64,
    tell: &'a mut dyn FnMut(Progress),
}

impl<'a> Pace<'a> {
    /// At most so many bytes a second; 0: any number.
    pub(super) fn new(
        cancel: Cancel,
        per_second: u64,
        total: u64,
        tell: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            cancel,
            per_second,
            begun: Instant::now(),
            spent: 0,
            done: 0,
            total,
            tell,
        }
    }

    /// So many bytes are done, which took reading them; waits where that was too fast.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(super) fn spend(&mut self, bytes: u64) -> Result<()> {
        self.spent += bytes;
        self.skip(bytes)?;
        while let Some(wait) = self.ahead() {
            std::thread::sleep(wait.min(NAP));
            self.look()?;
        }
        Ok(())
    }

    /// By how long it is ahead of its pace.
    fn ahead(&self) -> Option<Duration> {
        if self.per_second == 0 {
            return None;
        }
        let due = Duration::from_secs_f64(self.spent as f64 / self.per_second as f64);
        let wait = due.checked_sub(self.begun.elapsed())?;
        (!wait.is_zero()).then_some(wait)
    }

    /// So many bytes are done without having been read.
    pub(super) fn skip(&mut self, bytes: u64) -> Result<()> {
        self.done = (self.done + bytes).min(self.total);
        (self.tell)(Progress {
            done: self.done,
            total: self.total,
        });
        self.look()
    }

    /// Bytes that are not done yet.
    pub(super) fn left(&self) -> u64 {
        self.total - self.done
    }

    /// # Errors
    /// [`Error::Cancelled`].
    pub(super) fn look(&self) -> Result<()> {
        match self.cancel.is_cancelled() {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }
}

/// The SHA-256 of the first `len` bytes of a file; `each` gets them one part after the
/// other, with their offsets.
pub(super) fn read_through(
    path: &Path,
    file: &dyn File,
    len: u64,
    pace: &mut Pace<'_>,
    each: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut buffer = Vec::new();
    let mut at = 0;
    while at < len {
        let part = CHUNK.min(len - at);
        buffer.resize(usize::try_from(part).unwrap_or(0), 0);
        let read = file.read_exact_at(&mut buffer, at);
        read.map_err(|e| Error::io("read", path, e))?;
        digest.update(&buffer);
        each(at, &buffer)?;
        at += part;
        pace.spend(part)?;
    }
    Ok(digest.finalize().into())
}

/// Copy the first `keep` of the `len` bytes of a file to a new one, durably but for its
/// name. Returns the SHA-256 of all `len` bytes.
pub(super) fn copy(
    fs: &dyn FileSystem,
    from: (&Path, &dyn File),
    len: u64,
    to: &Path,
    keep: u64,
    pace: &mut Pace<'_>,
) -> Result<[u8; 32]> {
    let file = fs.open(to, true).map_err(|e| Error::io("create", to, e))?;
    let sync = || file.sync_data().map_err(|e| Error::io("sync", to, e));
    let mut unsynced = 0;
    let mut each = |at: u64, bytes: &[u8]| {
        let left = usize::try_from(keep.saturating_sub(at)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..left).unwrap_or(bytes);
        if bytes.is_empty() {
            return Ok(());
        }
        let written = file.write_all_at(bytes, at);
        written.map_err(|e| Error::io("write", to, e))?;
        unsynced += bytes.len() as u64;
        if unsynced >= SYNC_EVERY {
            unsynced = 0;
            sync()?;
        }
        Ok(())
    };
    let digest = read_through(from.0, from.1, len, pace, &mut each)?;
    sync()?;
    Ok(digest)
}

/// Open a file to be read.
pub(super) fn open(fs: &dyn FileSystem, path: &Path) -> Result<std::sync::Arc<dyn File>> {
    fs.open_to_read(path)
        .map_err(|e| Error::io("open", path, e))
}

/// The length of an open file.
pub(super) fn length(path: &Path, file: &dyn File) -> Result<u64> {
    file.len().map_err(|e| Error::io("measure", path, e))
}
