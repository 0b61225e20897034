//! Whether an open file still has the name that it was opened by.

use std::io;
use std::path::Path;

use super::FileId;
use crate::error::{Error, Result};
use crate::planted::{Bug, planted};

/// Check that the file that `path` leads to is the one that is open: what is written
/// to a file that was removed, or moved with its folder, is lost to everybody who
/// looks for it here.
///
/// # Errors
/// [`Error::Lost`] when there is none or another one. A look that fails for another
/// reason says nothing.
pub(crate) fn check_place(
    found: io::Result<FileId>,
    open: io::Result<FileId>,
    path: &Path,
) -> Result<()> {
    let reason = match (found, open) {
        (Ok(found), Ok(open)) if found != open => "was replaced while it was open",
        (Err(e), _)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            "was removed or moved while it was open"
        }
        _ => return Ok(()),
    };
    if planted(Bug::IgnoreVanished) {
        return Ok(());
    }
    Err(Error::Lost {
        path: path.to_owned(),
        reason: reason.into(),
        advice: "What was acknowledged is in the files that were there: put them back, then close the database and open it again",
    })
}
