//! Looking into a database that nobody has open: verify it, explain what is wrong
//! with it, salvage what is whole.

mod diagnose;
mod salvage;
mod verify;

use std::path::{Path, PathBuf};

use crate::error::{Entity, Error, Result};
use crate::fs::{FileSystem, Lock};
use crate::journal::Durable;
use crate::opening::{JOURNAL, take_lock};
use crate::snapshot::{self, SNAPSHOTS, file_name};

pub use diagnose::{Diagnosis, diagnose};
pub use salvage::{SalvageReport, salvage};
pub use verify::{VerifyReport, verify};

/// A database folder whose lock is held, so that nobody writes to it meanwhile.
struct Closed {
    journal: PathBuf,
    snapshots: PathBuf,
    _lock: Box<dyn Lock>,
}

impl Closed {
    /// # Errors
    /// [`Error::Locked`] when it is open; [`Error::NotFound`] where there is no
    /// database.
    fn take(fs: &dyn FileSystem, dir: &Path) -> Result<Self> {
        let is_database = match fs.list(dir) {
            Ok(names) => names.iter().any(|name| name == JOURNAL),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
            Err(e) => return Err(Error::io("list", dir, e)),
        };
        if !is_database {
            return Err(Error::NotFound {
                entity: Entity::Database,
                id: dir.display().to_string(),
            });
        }
        Ok(Self {
            _lock: take_lock(fs, dir)?,
            journal: dir.join(JOURNAL),
            snapshots: dir.join(SNAPSHOTS),
        })
    }

    /// The index snapshots, newest first: what each knows to have been durable, or
    /// why it is of no use.
    fn snapshots(&self, fs: &dyn FileSystem) -> Result<Vec<Result<Durable, String>>> {
        let seqs = snapshot::newest_first(fs, &self.snapshots)?;
        let load = |seq| match snapshot::load(fs, &self.snapshots, seq) {
            Ok(loaded) => Ok(Durable {
                database: loaded.start.database,
                position: loaded.position,
            }),
            Err(reason) => Err(format!("{}: {reason}", file_name(seq))),
        };
        Ok(seqs.into_iter().map(load).collect())
    }
}
