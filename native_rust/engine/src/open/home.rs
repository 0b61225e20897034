//! A database's folder: what is in it, how it is made, whose it is, and what may not
//! be missing.
//!
//! Made by one rename: under a hidden name first, with its lock file, identity file
//! and empty first segment, all of it synced. So a folder with the name of a database
//! had a journal, and one without has lost it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::fs::{self, FileId, FileSystem, Kind, Lock, make_dir, parent, sync_dir};
use crate::journal::{self, Identity, Segments};
use crate::open::making::{Making, probe_name};
use crate::planted::{Bug, planted};

/// Folder of the journal inside a database's folder.
pub(crate) const JOURNAL: &str = "journal";

const ADVICE: &str = "Nothing was changed. Put back what is missing from a backup; to start again under this name, purge the database, which removes its folder";

/// Make the folder of an empty database where there is nothing of that name; returns
/// whether it did. What fails is undone. The name of the folder is durable then, also
/// where it was there: whoever gave it that name may have been killed before its sync.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn create(fs: &dyn FileSystem, dir: &Path, now: i64) -> Result<bool> {
    match fs.kind(dir) {
        Ok(Kind::File) => {
            let taken = std::io::Error::new(ErrorKind::AlreadyExists, "a file has that name");
            return Err(Error::io("create", dir, taken));
        }
        Ok(_) => {
            if !planted(Bug::FoundNameNotSynced) {
                sync_dir(fs, &parent(dir))?;
            }
            return Ok(false);
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(Error::io("look at", dir, e)),
    }
    let making = Making::begin(fs, dir)?;
    make(fs, making.dir(), now)?;
    making.finish().map(|()| true)
}

/// Everything that a database begins with beside its lock file, durably.
fn make(fs: &dyn FileSystem, dir: &Path, now: i64) -> Result<()> {
    let journal_dir = dir.join(JOURNAL);
    fs.create_dir(&journal_dir)
        .map_err(|e| Error::io("create", &journal_dir, e))?;
    let database = journal::create(fs, &journal_dir, now)?;
    // Its last step is to sync the folder.
    Identity::new(database, now).write(fs, dir)
}

/// Make a data folder where it is missing, and see that its name is durable and that it
/// can be written.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn make_data_dir(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    match fs.kind(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => make_dir(fs, dir)?,
        _ => {
            fs.create_dir(dir)
                .map_err(|e| Error::io("create", dir, e))?;
            // Whoever made it may have been killed before its name was durable. Who may
            // not even open the folder around it has not made it.
            let parent = parent(dir);
            match fs.sync_dir(&parent) {
                Err(e) if e.kind() != ErrorKind::PermissionDenied => {
                    return Err(Error::io("sync", &parent, e));
                }
                _ => {}
            }
        }
    }
    let probe = probe_name(dir);
    let removed = fs.create_dir(&probe).and_then(|()| fs.remove_dir(&probe));
    match removed {
        // By the server that has the folder.
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|e| Error::io("write to", dir, e)),
    }
}

/// The folder of an open database, to see whether it is still where it was, with what it
/// had in it.
#[derive(Debug)]
pub(crate) struct DatabaseFolder {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    id: FileId,
    identity: Identity,
    /// Number of the sealed segment to look at next.
    next: AtomicUsize,
}

/// Sealed segments looked at in one check; the next check goes on after them.
const SEGMENTS: usize = 1_000;

impl DatabaseFolder {
    /// Of a database's folder, whose lock is held.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn new(
        fs: &Arc<dyn FileSystem>,
        dir: &Path,
        lock: &dyn Lock,
        identity: Identity,
    ) -> Result<Self> {
        Ok(Self {
            id: lock.id().map_err(|e| Error::io("look at", dir, e))?,
            fs: Arc::clone(fs),
            dir: dir.to_owned(),
            identity,
            next: AtomicUsize::new(0),
        })
    }

    /// Where it lies, and on what.
    pub(crate) fn dir(&self) -> (&Arc<dyn FileSystem>, &Path) {
        (&self.fs, &self.dir)
    }

    /// Which database it is.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Check that the folder and the segments in it are where they were, and as long as
    /// they were written: of the sealed ones a thousand at a time. An identity file that
    /// is missing is written again. A look at the file system for each.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub(crate) fn check(&self, segments: &Segments) -> Result<()> {
        fs::check_place(&self.fs.stat(&self.dir), &Ok(self.id), &self.dir)?;
        let from = self.next.load(Ordering::Relaxed);
        let next = segments.check_places(&*self.fs, from, SEGMENTS)?;
        self.next.store(next, Ordering::Relaxed);
        self.identity.restore(&*self.fs, &self.dir);
        Ok(())
    }
}

/// Check that a database's folder has its journal.
///
/// # Errors
/// [`Error::Lost`] where it has not, [`Error::Io`].
pub(crate) fn check(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    let lost = |what: &str| {
        let names = fs.list(dir).unwrap_or_default();
        let beside = match names.is_empty() {
            true => "it is empty".to_owned(),
            false => format!("what is there: {}", sorted(names).join(", ")),
        };
        Err(Error::Lost {
            path: dir.to_owned(),
            reason: format!("has lost its journal: {what}; {beside}"),
            advice: ADVICE,
        })
    };
    let journal_dir = dir.join(JOURNAL);
    match fs.kind(&journal_dir) {
        Ok(Kind::File) => return lost("`journal` is a file and no folder"),
        Ok(Kind::Dir | Kind::Other) => {}
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return lost("the folder `journal` is missing");
        }
        Err(e) => return Err(Error::io("look at", &journal_dir, e)),
    }
    match journal::has_segments(fs, &journal_dir)? {
        true => Ok(()),
        false => lost("the folder `journal` has no segment"),
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}
