//! Looking into a database that nobody has open: verify it, explain what is wrong
//! with it, salvage what is whole.

mod beyond;
mod chains;
mod diagnose;
mod salvage;
mod verify;

use std::path::{Path, PathBuf};

use crate::error::{Entity, Error, Result};
use crate::fs::{FileSystem, Lock};
use crate::home::{JOURNAL, LOCK, take_lock};
use crate::journal::{Durable, would_open};
use crate::snapshot::{self, Outline, SNAPSHOTS, file_name};

pub use beyond::{Appended, LeftOut};
pub use diagnose::{Diagnosis, diagnose};
pub use salvage::{Reach, SalvageReport, salvage};
pub use verify::{VerifyReport, verify};

/// What an index snapshot that is whole says about the journal.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// The sequence it is as of.
    seq: u64,
    durable: Durable,
}

fn durable(outline: &Outline) -> Durable {
    Durable {
        database: outline.start.database,
        position: outline.position,
    }
}

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
        let names = match fs.list(dir) {
            Ok(names) => names,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::io("list", dir, e)),
        };
        let has = |name: &str| names.iter().any(|there| there == name);
        if !has(JOURNAL) {
            if [LOCK, SNAPSHOTS].into_iter().any(has) {
                return Err(Error::Corrupt {
                    path: dir.join(JOURNAL),
                    offset: 0,
                    reason: "the database has lost its journal: the folder is not there".into(),
                    advice: "Put it back from a backup: it has all of the data",
                });
            }
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
    fn snapshots(&self, fs: &dyn FileSystem) -> Result<Vec<Result<Known, String>>> {
        let seqs = snapshot::newest_first(fs, &self.snapshots)?;
        let check = |seq| match snapshot::outline(fs, &self.snapshots, seq, false) {
            Ok(outline) => Ok(Known {
                seq,
                durable: durable(&outline),
            }),
            Err(reason) => Err(format!("{}: {reason}", file_name(seq))),
        };
        Ok(seqs.into_iter().map(check).collect())
    }

    /// Whether opening with the snapshot as of `seq` succeeds: it spares reading what
    /// may be damaged.
    fn opens_from(&self, fs: &dyn FileSystem, seq: u64) -> bool {
        let Ok(outline) = snapshot::outline(fs, &self.snapshots, seq, true) else {
            return false;
        };
        let durable = durable(&outline);
        would_open(fs, &self.journal, durable, outline.start).is_ok()
    }
}
