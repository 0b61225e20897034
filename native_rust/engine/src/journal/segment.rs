//! One segment file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::fs::{self, File, FileSystem};

/// One segment file and where it lies. The one that is written is always open; a
/// sealed one is on demand.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub path: PathBuf,
    pub file: Arc<dyn File>,
    /// Length up to which it was written: that of the file, but for what is being
    /// written this moment.
    written: Arc<AtomicU64>,
}

impl Segment {
    /// A file of which so many bytes are written.
    pub(super) fn new(path: PathBuf, file: Arc<dyn File>, written: u64) -> Self {
        Self {
            path,
            file,
            written: Arc::new(AtomicU64::new(written)),
        }
    }

    /// Note that it is written up to there.
    pub(super) fn wrote(&self, end: u64) {
        self.written.store(end, Ordering::Release);
    }

    /// Make what was written to it durable. Blocks for a disk sync.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(|e| Error::io("sync", &self.path, e))
    }

    /// The same file, open for as long as anybody has it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn held(&self, fs: &dyn FileSystem) -> Result<Self> {
        let file = fs.open(&self.path, false);
        Ok(Self {
            file: file.map_err(|e| Error::io("open", &self.path, e))?,
            ..self.clone()
        })
    }

    /// The same file, open only while it is used and as long as there is room.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn on_demand(&self, fs: &dyn FileSystem) -> Result<Self> {
        let file = fs.open_on_demand(&self.path);
        Ok(Self {
            file: file.map_err(|e| Error::io("open", &self.path, e))?,
            ..self.clone()
        })
    }

    /// Check that its path still leads to it, and that it is as long as it was written,
    /// or longer while it is `growing`. One look at the file system, or two.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub(crate) fn check_place(&self, fs: &dyn FileSystem, growing: bool) -> Result<()> {
        let written = self.written.load(Ordering::Acquire);
        let found = fs.stat(&self.path);
        fs::check_place(&found, &self.file.id(), &self.path)?;
        found.map_or(Ok(()), |found| {
            fs::check_length(found.len, written, growing, &self.path)
        })
    }

    /// Check that it is as long as it was written, whatever its name leads to.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub(super) fn check_length(&self) -> Result<()> {
        let written = self.written.load(Ordering::Acquire);
        self.file.len().map_or(Ok(()), |len| {
            fs::check_length(len, written, false, &self.path)
        })
    }

    /// Make the bytes in `[from, to)` durable, whatever became of them before: after
    /// a failed sync a kernel may hold pages that it takes for written although they
    /// are not, and that no later sync writes. So they are written once more.
    pub(crate) fn settle(&self, from: u64, to: u64) -> Result<()> {
        const CHUNK: u64 = 1 << 20;
        let mut buffer = Vec::new();
        let mut at = from;
        while at < to {
            let len = (to - at).min(CHUNK);
            buffer.resize(usize::try_from(len).unwrap_or(0), 0);
            self.file
                .read_exact_at(&mut buffer, at)
                .map_err(|e| Error::io("read", &self.path, e))?;
            self.file
                .write_all_at(&buffer, at)
                .map_err(|e| Error::io("write", &self.path, e))?;
            at += len;
        }
        self.sync()
    }
}
