//! Writing a small file in one step.

use std::io::ErrorKind;
use std::path::Path;

use super::FileSystem;
use crate::error::{Error, Result};

/// Put a file with these bytes in the place of `name` in `dir`, durably: a crash leaves
/// the file that was there, or this one, whole. It is written as `name.tmp` first, over
/// what a crash may have left of that.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn replace(fs: &dyn FileSystem, dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let partial = dir.join(format!("{name}.tmp"));
    match fs.remove_file(&partial) {
        // Durably: or the name below could be given to what was left.
        Ok(()) => sync(fs, dir)?,
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(Error::io("remove", &partial, e)),
    }
    let file = fs
        .open(&partial, true)
        .map_err(|e| Error::io("create", &partial, e))?;
    file.write_all_at(bytes, 0)
        .map_err(|e| Error::io("write", &partial, e))?;
    file.sync_data()
        .map_err(|e| Error::io("sync", &partial, e))?;
    fs.rename(&partial, &dir.join(name))
        .map_err(|e| Error::io("rename", &partial, e))?;
    sync(fs, dir)
}

fn sync(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))
}
