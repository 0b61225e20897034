//! Verifying a backup without restoring it.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::FILES;
use super::copying::{Pace, length, read_through};
use super::manifest::{BackupFile, BackupManifest, corrupt, hex, place};
use crate::budget::Cancel;
use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, Kind};
use crate::inspect::verify;
use crate::journal::{Identity, Progress};
use crate::open::locking::LOCK;
use crate::types::to_hex;

/// What a backup that is whole holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupCheck {
    /// What it says of itself, all of which holds.
    pub manifest: BackupManifest,
    /// Transactions in it.
    pub transactions: u64,
}

/// Check every byte of the backup in `dir`: the digest of each file, that there are no others,
/// and all that a journal says of itself, up to the Merkle root, which has to be that of the
/// manifest. Reads everything twice, and changes nothing.
///
/// # Errors
/// [`Error::NotFound`] where there is no backup; [`Error::Corrupt`] for the first thing that
/// does not hold; [`Error::Locked`] while it is verified elsewhere; [`Error::Cancelled`],
/// [`Error::UnsupportedFormat`], [`Error::Io`].
pub fn verify_backup(
    fs: &dyn FileSystem,
    dir: &Path,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupCheck> {
    let manifest = BackupManifest::read(fs, dir)?;
    check_names(fs, dir, &manifest)?;
    let half = manifest.bytes();
    let total = half * 2;
    let mut first = |Progress { done, .. }: Progress| progress(Progress { done, total });
    let mut pace = Pace::new(cancel.clone(), 0, half, &mut first);
    for file in &manifest.files {
        let (path, opened) = open_whole(fs, dir, file)?;
        check_bytes(&path, &*opened, file, &mut pace)?;
    }
    let files = dir.join(FILES);
    check_log(fs, &files, &manifest)?;
    let mut second = |found: Progress| {
        let done = half + found.done.min(half);
        progress(Progress { done, total });
    };
    let report = verify(fs, &files, &mut second)?;
    if let Some(damage) = report.damage.or(report.torn) {
        return Err(Error::Corrupt {
            path: damage.path,
            offset: damage.offset,
            reason: damage.reason,
            advice: super::manifest::ADVICE,
        });
    }
    if report.blocks != manifest.tree_size || to_hex(&report.root) != manifest.root {
        let reason = format!(
            "it names {} blocks with the Merkle root {}, and the journal has {} with {}",
            manifest.tree_size,
            manifest.root,
            report.blocks,
            to_hex(&report.root)
        );
        return Err(corrupt(dir, reason));
    }
    Ok(BackupCheck {
        manifest,
        transactions: report.transactions,
    })
}

/// Open a file of the backup in `dir`, which has to be as long as the manifest says.
pub(super) fn open_whole(
    fs: &dyn FileSystem,
    dir: &Path,
    file: &BackupFile,
) -> Result<(PathBuf, Arc<dyn File>)> {
    let path = place(dir, &file.path);
    let opened = match fs.open_to_read(&path) {
        Ok(opened) => opened,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(corrupt(&path, "it is missing"));
        }
        Err(e) => return Err(Error::io("open", &path, e)),
    };
    let len = length(&path, &*opened)?;
    match len == file.bytes {
        true => Ok((path, opened)),
        false => {
            let reason = format!("it has {len} bytes, expected {}", file.bytes);
            Err(corrupt(&path, reason))
        }
    }
}

/// Hold the bytes of a file against its digest.
pub(super) fn check_bytes(
    path: &Path,
    opened: &dyn File,
    file: &BackupFile,
    pace: &mut Pace<'_>,
) -> Result<()> {
    let digest = read_through(path, opened, file.bytes, pace, &mut |_, _| Ok(()))?;
    check_digest(path, file, digest)
}

pub(super) fn check_digest(path: &Path, file: &BackupFile, digest: [u8; 32]) -> Result<()> {
    match hex(digest) == file.sha256 {
        true => Ok(()),
        false => Err(corrupt(
            path,
            "it does not match its SHA-256 in the manifest",
        )),
    }
}

/// Check that the identity file is of the log that the manifest names.
pub(super) fn check_log(
    fs: &dyn FileSystem,
    files: &Path,
    manifest: &BackupManifest,
) -> Result<Identity> {
    match Identity::read(fs, files)? {
        Some(identity) if identity.log_hex() == manifest.log => Ok(identity),
        _ => Err(corrupt(
            files,
            "its identity file is missing or of another log than the manifest names",
        )),
    }
}

/// Check that there are no files but those of the manifest.
fn check_names(fs: &dyn FileSystem, dir: &Path, manifest: &BackupManifest) -> Result<()> {
    let known: BTreeSet<&str> = manifest.files.iter().map(|file| &*file.path).collect();
    let mut folders = vec![FILES.to_owned()];
    while let Some(folder) = folders.pop() {
        let there = place(dir, &folder);
        let names = fs.list(&there).map_err(|e| Error::io("list", &there, e))?;
        for name in names {
            let path = format!("{folder}/{name}");
            match fs.kind(&place(dir, &path)) {
                Ok(Kind::Dir) => folders.push(path),
                // Of who verifies it.
                _ if known.contains(&*path) || path == format!("{FILES}/{LOCK}") => {}
                _ => return Err(corrupt(&place(dir, &path), "the manifest does not have it")),
            }
        }
    }
    Ok(())
}
