//! The backups in a folder.

use std::io::ErrorKind;
use std::path::Path;

use super::manifest::{BackupManifest, MANIFEST, corrupt};
use crate::error::{Error, Result};
use crate::fs::{FileSystem, Kind};

/// A backup that was found in a folder.
#[derive(Debug, Clone)]
pub struct ListedBackup {
    /// Name of its folder.
    pub name: String,
    /// What it says of itself, or why that cannot be read.
    pub manifest: Result<BackupManifest>,
}

/// The backups in `folder` by name; none where there is no such folder. Reads the manifest
/// of each, and nothing of their files. A folder without one is damaged: what else would be
/// there is a backup that has lost it.
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
        let dir = folder.join(&name);
        let manifest = match BackupManifest::read(fs, &dir) {
            Err(Error::NotFound { .. }) if !matches!(fs.kind(&dir), Ok(Kind::Dir)) => return None,
            Err(Error::NotFound { .. }) => Err(corrupt(
                &dir,
                format!("it has no {MANIFEST}, so nothing says what belongs to it"),
            )),
            manifest => manifest,
        };
        Some(ListedBackup { name, manifest })
    };
    Ok(names.into_iter().filter_map(read).collect())
}
