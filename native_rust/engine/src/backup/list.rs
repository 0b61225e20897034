//! The backups in a folder.

use std::io::ErrorKind;
use std::path::Path;

use super::manifest::BackupManifest;
use crate::error::{Error, Result};
use crate::fs::FileSystem;

/// A backup that was found in a folder.
#[derive(Debug, Clone)]
pub struct ListedBackup {
    /// Name of its folder.
    pub name: String,
    /// What it says of itself, or why that cannot be read.
    pub manifest: Result<BackupManifest>,
}

/// The backups in `folder` by name; none where there is no such folder. Reads the manifest
/// of each, and nothing of their files.
///
/// # Errors
/// [`Error::Io`].
pub fn list_backups(fs: &dyn FileSystem, folder: &Path) -> Result<Vec<ListedBackup>> {
    let mut names = match fs.list(folder) {
        Ok(names) => names,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", folder, e)),
    };
    // Hidden ones are being made, or were left by a crash.
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    let read = |name: String| {
        let manifest = BackupManifest::read(fs, &folder.join(&name));
        match manifest {
            Err(Error::NotFound { .. }) => None,
            manifest => Some(ListedBackup { name, manifest }),
        }
    };
    Ok(names.into_iter().filter_map(read).collect())
}
