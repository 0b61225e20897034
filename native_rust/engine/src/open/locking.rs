//! Locks of folders: of databases, of data folders, and of what is being made.

use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};
use crate::fs::{FileSystem, Lock};

/// File inside a database's folder, and inside a data folder, that names the process
/// which has the folder locked.
pub(crate) const LOCK: &str = "LOCK";

/// Take the lock of a database's folder, or of a data folder.
///
/// # Errors
/// [`Error::Locked`], which names its holder.
pub(crate) fn take_lock(fs: &dyn FileSystem, dir: &Path) -> Result<Box<dyn Lock>> {
    let note = dir.join(LOCK);
    fs.lock(dir, &note).map_err(|e| match e.kind() {
        ErrorKind::WouldBlock => Error::Locked {
            holder: holder(fs, &note),
            path: dir.to_owned(),
        },
        _ => Error::io("lock", dir, e),
    })
}

/// The process id that a lock file names.
pub(crate) fn holder(fs: &dyn FileSystem, path: &Path) -> Option<u32> {
    // Digits of a 32-bit number and a line's end.
    const MOST: u64 = 16;
    let file = fs.open_to_read(path).ok()?;
    let len = file.len().ok().filter(|len| *len <= MOST)?;
    let mut text = vec![0; usize::try_from(len).ok()?];
    file.read_exact_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}
