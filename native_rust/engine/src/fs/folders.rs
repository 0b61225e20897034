//! Folders whose names last.

use std::path::{Path, PathBuf};

use super::FileSystem;
use crate::error::{Error, Result};

/// Make a folder and its name in its parent durable.
pub(crate) fn make_dir(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    fs.create_dir(dir)
        .map_err(|e| Error::io("create", dir, e))?;
    sync_dir(fs, &parent(dir))
}

/// Make the names in a folder durable.
pub(crate) fn sync_dir(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))
}

/// The folder around this one.
pub(crate) fn parent(dir: &Path) -> PathBuf {
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
