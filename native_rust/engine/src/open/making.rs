//! Folders that are being made or removed: what they are called, whose they are meanwhile,
//! and what becomes of those that a crash has left.
//!
//! Whoever makes a folder holds its lock until it has its final name, and whoever removes
//! one until it is gone. So what is locked is in use, and what is not was left behind.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::locking::{LOCK, holder, take_lock};
use crate::error::{Error, Result};
use crate::fs::{FileSystem, Kind, Lock, parent, remove_all, sync_dir};
use crate::journal::Identity;
use crate::planted::{Bug, planted};

/// Prefix of a folder that is being made; no database name begins like it.
pub(crate) const MAKING: &str = ".new-";
/// Prefix of a folder that is being removed; no database name begins like it.
pub(crate) const PURGED: &str = ".purged-";
/// Hexadecimal digits after either; of a folder that is being made half of them say under
/// which name it will be.
const DIGITS: usize = 32;
/// A folder that was just made and is empty yet may be swept: then another one is made.
const TRIES: usize = 5;

/// A folder that is being made under a hidden name. Its lock file, which is durable before
/// anything else in it is there, marks it as ours. It goes when this is dropped before
/// [`Making::finish`].
#[derive(Debug)]
pub(crate) struct Making<'a> {
    fs: &'a dyn FileSystem,
    hidden: PathBuf,
    to: PathBuf,
    named: bool,
    /// Given back after the folder has its name, or is gone.
    _lock: Box<dyn Lock>,
}

impl<'a> Making<'a> {
    /// Begin the folder `to`, and remove what earlier tries have left of it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn begin(fs: &'a dyn FileSystem, to: &Path) -> Result<Self> {
        let around = parent(to);
        sweep(fs, &around, Some(to));
        let mut tries = 0;
        loop {
            tries += 1;
            let hidden = match planted(Bug::CreateInPlace) {
                true => to.to_owned(),
                false => around.join(format!("{}{}", beginning(to), &random()[DIGITS / 2..])),
            };
            fs.create_dir(&hidden)
                .map_err(|e| Error::io("create", &hidden, e))?;
            match claim(fs, &hidden) {
                Ok(lock) => {
                    return Ok(Self {
                        fs,
                        hidden,
                        to: to.to_owned(),
                        named: false,
                        _lock: lock,
                    });
                }
                Err(e) if e.kind() == ErrorKind::NotFound && tries < TRIES => {}
                Err(e) => {
                    let _ = remove_all(fs, &hidden);
                    return Err(Error::io("lock", &hidden, e));
                }
            }
        }
    }

    /// Where it is until it is finished.
    pub(crate) fn dir(&self) -> &Path {
        &self.hidden
    }

    /// Give it its name, durably.
    ///
    /// # Errors
    /// [`Error::Io`]: it is gone then, or is swept later.
    pub(crate) fn finish(mut self) -> Result<()> {
        let fs = self.fs;
        if self.hidden != self.to {
            fs.rename(&self.hidden, &self.to)
                .map_err(|e| Error::io("rename", &self.hidden, e))?;
        }
        let around = parent(&self.to);
        let synced = sync_dir(fs, &around);
        // It has a name until it is known to have lost that again: who finds it by that name
        // after a crash finds all of it. Else it is swept later.
        self.named = synced.is_ok()
            || fs.rename(&self.to, &self.hidden).is_err()
            || sync_dir(fs, &around).is_err();
        synced
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if !self.named {
            // What cannot be removed is swept later.
            let _ = remove_marked(self.fs, &self.hidden);
        }
    }
}

/// Lock a new folder and mark it.
fn claim(fs: &dyn FileSystem, hidden: &Path) -> std::io::Result<Box<dyn Lock>> {
    let note = hidden.join(LOCK);
    let lock = fs.lock(hidden, &note)?;
    match fs.open(&note, true) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    fs.sync_dir(hidden)?;
    Ok(lock)
}

/// How the hidden names of this folder begin.
fn beginning(to: &Path) -> String {
    let name = to.file_name().unwrap_or(OsStr::new(""));
    let digest = Sha256::digest(name.as_bytes());
    let half = digest.iter().take(DIGITS / 4);
    half.fold(MAKING.to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Digits that nobody else has.
fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// A name in `root` for a folder that is to be removed.
pub(crate) fn purged_name(root: &Path) -> PathBuf {
    root.join(format!("{PURGED}{}", random()))
}

/// A name in `root` for a look whether it can be written.
pub(crate) fn probe_name(root: &Path) -> PathBuf {
    root.join(format!("{MAKING}{}", random()))
}

/// What became of something with the name of a leftover.
#[derive(Debug)]
pub(crate) enum Left {
    /// It is gone.
    Removed,
    /// Somebody makes or removes it.
    InUse,
    /// Nothing shows that this engine has made it: it is as it was.
    NotOurs,
    /// What stands in the way.
    Failed(Error),
}

/// What to do with an entry of a data folder: nothing where its name is another one.
pub(crate) fn sweep_entry(fs: &dyn FileSystem, dir: &Path, name: &str) -> Option<Left> {
    let digits = name
        .strip_prefix(MAKING)
        .or_else(|| name.strip_prefix(PURGED))?;
    let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    Some(match digits.len() == DIGITS && digits.chars().all(digit) {
        true => remove_left(fs, &dir.join(name)),
        false => Left::NotOurs,
    })
}

/// Remove what was left of folders that were being made in `dir`, or of this one only. What
/// cannot be removed is in nobody's way.
pub(crate) fn sweep(fs: &dyn FileSystem, dir: &Path, only: Option<&Path>) {
    let beginning = only.map_or(MAKING.to_owned(), beginning);
    for name in fs.list(dir).unwrap_or_default() {
        if name.starts_with(&beginning) {
            sweep_entry(fs, dir, &name);
        }
    }
}

/// Remove a folder that a crash has left, if it is one of ours and nobody has it.
fn remove_left(fs: &dyn FileSystem, path: &Path) -> Left {
    let gone = |e: &std::io::Error| e.kind() == ErrorKind::NotFound;
    match fs.kind(path) {
        Ok(Kind::Dir) => {}
        Err(e) if gone(&e) => return Left::Removed,
        Ok(_) => return Left::NotOurs,
        Err(e) => return Left::Failed(Error::io("look at", path, e)),
    }
    match fs.list(path) {
        // Made a moment ago, or by who was killed then: there is nothing to lose.
        Ok(names) if names.is_empty() => {
            return match fs.remove_dir(path) {
                Ok(()) => Left::Removed,
                Err(e) if gone(&e) => Left::Removed,
                Err(e) if e.kind() == ErrorKind::DirectoryNotEmpty => Left::InUse,
                Err(e) => Left::Failed(Error::io("remove", path, e)),
            };
        }
        Ok(_) => {}
        Err(e) if gone(&e) => return Left::Removed,
        Err(e) => return Left::Failed(Error::io("list", path, e)),
    }
    if !is_ours(fs, path) {
        return Left::NotOurs;
    }
    let lock = match take_lock(fs, path) {
        Err(Error::Locked { .. }) if !planted(Bug::SweepLocked) => return Left::InUse,
        Err(Error::Locked { .. }) => None,
        Err(error) => return Left::Failed(error),
        Ok(lock) => Some(lock),
    };
    // It may have got its name between the look and the lock.
    let here = fs.stat(path).map(|found| found.id).ok();
    let held = lock.as_ref().and_then(|lock| lock.id().ok());
    if lock.is_some() && (here.is_none() || here != held) {
        return Left::InUse;
    }
    remove_marked(fs, path).map_or_else(Left::Failed, |()| Left::Removed)
}

/// Whether a folder has what marks it as ours: a lock file as the engine writes it, or the
/// identity file of a database.
fn is_ours(fs: &dyn FileSystem, dir: &Path) -> bool {
    let note = dir.join(LOCK);
    let empty = || {
        let len = fs.open(&note, false).and_then(|file| file.len());
        len.is_ok_and(|len| len == 0)
    };
    let marked =
        matches!(fs.kind(&note), Ok(Kind::File)) && (holder(fs, &note).is_some() || empty());
    marked || matches!(Identity::read(fs, dir), Ok(Some(_)))
}

/// Remove a folder whose lock is held, its mark last: what a crash leaves of it is known as
/// ours.
///
/// # Errors
/// The first [`Error::Io`]; what can be removed is gone, but for the mark.
pub(crate) fn remove_marked(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    if !matches!(fs.kind(dir), Ok(Kind::Dir)) {
        // A link, of which what it leads to stays, or nothing.
        return remove_all(fs, dir);
    }
    let names = match fs.list(dir) {
        Ok(names) => names,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io("list", dir, e)),
    };
    let mut failure = None;
    for name in names.iter().filter(|name| *name != LOCK) {
        if let Err(error) = remove_all(fs, &dir.join(name)) {
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)?;
    sync_dir(fs, dir)?;
    remove_all(fs, dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::RealFileSystem;

    #[test]
    fn of_a_link_the_link_is_removed_and_of_a_folder_all_of_it() {
        let tmp = tempfile::tempdir().unwrap();
        let (there, link) = (tmp.path().join("there"), tmp.path().join("link"));
        std::fs::create_dir_all(there.join("deep")).unwrap();
        std::fs::write(there.join("deep/kept"), "text").unwrap();
        std::os::unix::fs::symlink(&there, &link).unwrap();
        remove_marked(&RealFileSystem, &link).unwrap();
        assert!(std::fs::symlink_metadata(&link).is_err());
        assert!(there.join("deep/kept").exists());
        remove_marked(&RealFileSystem, &there).unwrap();
        assert!(!there.exists());
        remove_marked(&RealFileSystem, &there).unwrap();
    }

    #[test]
    fn what_is_made_is_swept_once_its_lock_is_gone() {
        let tmp = tempfile::tempdir().unwrap();
        let to = tmp.path().join("to");
        let making = Making::begin(&RealFileSystem, &to).unwrap();
        std::fs::create_dir(making.dir().join("journal")).unwrap();
        let left = tmp.path().join("left");
        std::fs::create_dir_all(left.join("journal")).unwrap();
        std::fs::write(left.join(LOCK), "7\n").unwrap();
        let other = tmp
            .path()
            .join(format!("{}{}", beginning(&to), &random()[16..]));
        std::fs::rename(&left, &other).unwrap();
        let hidden = making.dir().to_owned();
        sweep(&RealFileSystem, tmp.path(), Some(&to));
        assert!(hidden.exists() && !other.exists());
        making.finish().unwrap();
        assert!(to.join("journal").exists() && !hidden.exists());
        sweep(&RealFileSystem, tmp.path(), None);
        assert!(to.join(LOCK).exists());
    }
}
