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
use crate::journal::{Damage, DatabaseId, Durable, IDENTITY, Identity, Witness, would_open};
use crate::open::home::{self, JOURNAL};
use crate::open::locking::take_lock;
use crate::snapshot::{self, Outline, SNAPSHOTS, file_name};

pub use beyond::{Appended, LeftOut};
pub use diagnose::{Diagnosis, diagnose};
pub use salvage::{Reach, SalvageReport, salvage};
pub use verify::{VerifyReport, verify};
pub(crate) use verify::{examine_closed, verify_held};

/// What an index snapshot that is whole says about the journal.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// The sequence it is as of.
    seq: u64,
    durable: Durable,
}

fn durable(outline: &Outline) -> Durable {
    let start = &outline.start;
    Durable {
        database: start.database,
        position: outline.position,
        head: (start.seq, start.tree.root()),
        source: Witness::Snapshot,
    }
}

/// Damage as something to be told; any other error stays one.
fn as_damage<T>(read: Result<T>) -> Result<Result<T, Damage>> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Corrupt {
            path,
            offset,
            reason,
            ..
        }) => Ok(Err(Damage {
            path,
            offset,
            reason,
        })),
        Err(other) => Err(other),
    }
}

/// A database folder whose lock is held, so that nobody writes to it meanwhile.
pub(crate) struct Closed {
    dir: PathBuf,
    journal: PathBuf,
    snapshots: PathBuf,
    /// Nothing where the caller holds it.
    _lock: Option<Box<dyn Lock>>,
}

impl Closed {
    /// # Errors
    /// [`Error::Locked`] when it is open; [`Error::NotFound`] where there is no
    /// database; [`Error::Lost`] where there was one, and its journal is missing.
    fn take(fs: &dyn FileSystem, dir: &Path) -> Result<Self> {
        let names = match fs.list(dir) {
            Ok(names) => names,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::io("list", dir, e)),
        };
        let has = |name: &str| names.iter().any(|there| there == name);
        // What only a database has; a data folder has a lock file, too.
        if ![JOURNAL, SNAPSHOTS, IDENTITY].into_iter().any(has) {
            return Err(Error::NotFound {
                entity: Entity::Database,
                id: dir.display().to_string(),
            });
        }
        home::check(fs, dir)?;
        Ok(Self {
            _lock: Some(take_lock(fs, dir)?),
            ..Self::held(dir)
        })
    }

    /// One whose lock the caller holds.
    fn held(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            journal: dir.join(JOURNAL),
            snapshots: dir.join(SNAPSHOTS),
            _lock: None,
        }
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

    /// The mark of what is durable, if there is one; the inner error is what is wrong
    /// with it, for which opening is refused.
    fn mark(&self, fs: &dyn FileSystem) -> Result<Result<Option<Durable>, Damage>> {
        as_damage(Durable::read(fs, &self.journal))
    }

    /// What is wrong with the identity file beside the journal of `database`, for which
    /// opening is refused.
    fn wrong_identity(
        &self,
        fs: &dyn FileSystem,
        database: Option<DatabaseId>,
    ) -> Result<Option<Damage>> {
        Ok(match as_damage(Identity::read(fs, &self.dir))? {
            Err(damage) => Some(damage),
            Ok(Some(identity)) if database.is_some_and(|known| known != identity.database) => {
                Some(Damage {
                    path: self.dir.join(IDENTITY),
                    offset: 0,
                    reason: "the identity file is of one database and the journal of another"
                        .into(),
                })
            }
            Ok(_) => None,
        })
    }

    /// Whether opening with the snapshot as of `seq` succeeds, where the mark says
    /// `mark`: it spares reading what may be damaged.
    fn opens_from(&self, fs: &dyn FileSystem, seq: u64, mark: Option<Durable>) -> bool {
        let Ok(outline) = snapshot::outline(fs, &self.snapshots, seq, true) else {
            return false;
        };
        let known = Durable::later(mark, Some(durable(&outline)));
        would_open(fs, &self.journal, known, outline.start).is_ok()
    }
}
