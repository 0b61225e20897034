//! Where something may be made.

use std::io::ErrorKind;
use std::path::Path;

use super::FILES;
use super::manifest::MANIFEST;
use crate::error::{Error, InvalidCode, Result};
use crate::fs::{FileSystem, Kind, parent};
use crate::journal::{Identity, has_segments};
use crate::open::home::JOURNAL;
use crate::open::making::Making;

fn refuse<T>(detail: String) -> Result<T> {
    Err(Error::invalid(InvalidCode::Parameter, "/to", detail))
}

/// Refuse what is no name, a name that something has, and a place within a database or a
/// backup, whose files are all known.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Io`].
pub(super) fn refuse_target(fs: &dyn FileSystem, to: &Path) -> Result<()> {
    if to.as_os_str().is_empty() {
        return refuse(
            "the name of the new folder is empty: name a folder that is not there".into(),
        );
    }
    refuse_taken(fs, to)?;
    let mut around = parent(to);
    let found = loop {
        match fs.resolve(&around) {
            Ok(found) => break found,
            Err(e) if e.kind() == ErrorKind::NotFound && around != Path::new(".") => {
                around = parent(&around);
            }
            Err(e) => return Err(Error::io("look at", &around, e)),
        }
    };
    let is = |path: &Path, kind| fs.kind(path).is_ok_and(|found| found == kind);
    // The outermost first: the files of a backup are those of a database.
    let around: Vec<_> = found.ancestors().collect();
    for dir in around.into_iter().rev() {
        let what = if is(&dir.join(MANIFEST), Kind::File) && is(&dir.join(FILES), Kind::Dir) {
            "backup"
        } else if matches!(Identity::read(fs, dir), Ok(Some(_)))
            || has_segments(fs, &dir.join(JOURNAL)).unwrap_or(false)
        {
            "database"
        } else {
            continue;
        };
        return refuse(format!(
            "{} would lie within the {what} {}, whose files are all its own: name a folder elsewhere",
            to.display(),
            dir.display()
        ));
    }
    Ok(())
}

/// Refuse a name that something has.
fn refuse_taken(fs: &dyn FileSystem, to: &Path) -> Result<()> {
    match fs.kind(to) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("look at", to, e)),
        Ok(_) => refuse(format!(
            "{} is there already, and nothing is written over: name a folder that is not there",
            to.display()
        )),
    }
}

/// Give a finished folder its name, which may have been taken meanwhile.
pub(super) fn name_it(fs: &dyn FileSystem, making: Making<'_>, to: &Path) -> Result<()> {
    refuse_taken(fs, to)?;
    making.finish()
}
