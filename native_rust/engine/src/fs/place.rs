//! Whether an open file or folder is still what its name leads to.

use std::io;
use std::path::Path;

use super::{FileId, Stat};
use crate::error::{Error, Result};
use crate::planted::{Bug, planted};

const PUT_BACK: &str = "What was acknowledged is in the files that were there: put them back, then close the database and open it again";
const CUT: &str = "What was acknowledged is there: close the database and open it again, which cuts off what others have added";

/// Check that the file or folder that `path` leads to is the one that is open: what is
/// written to a file that was removed, or moved with its folder, is lost to everybody
/// who looks for it here.
///
/// # Errors
/// [`Error::Lost`] when there is none or another one. A look that fails for another
/// reason says nothing.
pub(crate) fn check_place(
    found: &io::Result<Stat>,
    open: &io::Result<FileId>,
    path: &Path,
) -> Result<()> {
    let reason = match (found, open) {
        (Ok(found), Ok(open)) if found.id != *open => "was replaced while it was open",
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
    Err(lost(path, reason.into(), PUT_BACK))
}

/// Check that a file that is open is as long as what was written to it: `expected`
/// bytes, or more while `growing`.
///
/// # Errors
/// [`Error::Lost`] when it is not.
pub(crate) fn check_length(found: u64, expected: u64, growing: bool, path: &Path) -> Result<()> {
    let right = found == expected || (growing && found > expected);
    if right || planted(Bug::IgnoreLength) {
        return Ok(());
    }
    Err(lost(
        path,
        format!(
            "has {found} bytes where {expected} were written: it was changed while it was open"
        ),
        if found > expected { CUT } else { PUT_BACK },
    ))
}

fn lost(path: &Path, reason: String, advice: &'static str) -> Error {
    Error::Lost {
        path: path.to_owned(),
        reason,
        advice,
    }
}
