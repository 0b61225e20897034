//! Folders whose names last, and those that are removed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{FileSystem, Kind};
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

/// Remove a folder and all that is in it, links and not what they lead to. What
/// cannot be removed stays, and all else goes.
///
/// # Errors
/// The first [`Error::Io`].
pub(crate) fn remove_all(fs: &dyn FileSystem, path: &Path) -> Result<()> {
    let mut failure = None;
    let mut note = |result: Result<()>| {
        if let Err(error) = result {
            failure.get_or_insert(error);
        }
    };
    // Folders are on the list twice: to be emptied, and then to be removed. A list
    // and no recursion: how deep they lie is not ours to say.
    let mut left = vec![(path.to_owned(), false)];
    while let Some((path, emptied)) = left.pop() {
        match fs.kind(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => note(Err(Error::io("look at", &path, e))),
            Ok(Kind::Dir) if emptied => {
                note(
                    fs.remove_dir(&path)
                        .map_err(|e| Error::io("remove", &path, e)),
                );
            }
            Ok(Kind::Dir) => match fs.list(&path) {
                Ok(names) => {
                    left.push((path.clone(), true));
                    left.extend(names.into_iter().map(|name| (path.join(name), false)));
                }
                Err(e) => note(Err(Error::io("list", &path, e))),
            },
            Ok(_) => note(
                fs.remove_file(&path)
                    .map_err(|e| Error::io("remove", &path, e)),
            ),
        }
    }
    failure.map_or(Ok(()), Err)
}
