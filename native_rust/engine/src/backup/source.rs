//! What a backup is taken of: a database at one moment, be it open or not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::fs::FileSystem;
use crate::inspect::{Closed, examine_closed};
use crate::journal::{Extent, Identity, Progress, TreeHead};
use crate::state::blocks::location;

const ADVICE: &str = "Nothing was copied: a backup is of what is whole. Run `mix formdb.doctor` on the database's folder: it says what is damaged, and can copy what is whole into a new folder";

/// A database as of one durable group.
pub(super) struct Source {
    pub fs: Arc<dyn FileSystem>,
    pub dir: PathBuf,
    pub identity: Identity,
    /// Its segments; the last ends with the last block.
    pub extents: Vec<Extent>,
    pub head: TreeHead,
    /// Bytes of its disk that are to stay free.
    pub least_free: u64,
    /// That nobody opens it meanwhile, where nobody has.
    _closed: Option<Closed>,
}

impl Source {
    /// What is durable of an open database now. Holds no lock beyond a look at where the
    /// last block lies: what it found is never changed by those who write on.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Failed`], [`Error::Corrupt`], [`Error::Io`].
    pub(super) fn open(database: &Database) -> Result<Self> {
        let state = &database.state;
        state.check_open()?;
        let head = state.head();
        let head = (head.durable_size, head.root);
        let last = match head.0 {
            0 => None,
            seq => Some(location(state, seq)?),
        };
        let (fs, dir) = database.place().dir();
        Ok(Self {
            fs: Arc::clone(fs),
            dir: dir.to_owned(),
            identity: database.place().identity().clone(),
            extents: state.segments.extents(last, head)?,
            head,
            least_free: state.limits.min_free_bytes,
            _closed: None,
        })
    }

    /// A database that nobody has open, all of which is read and checked.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::NotFound`], [`Error::Lost`], [`Error::Corrupt`] where it
    /// is damaged, [`Error::UnsupportedFormat`], [`Error::Io`].
    pub(super) fn closed(
        fs: &Arc<dyn FileSystem>,
        dir: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self> {
        let (closed, report, found) = examine_closed(&**fs, dir, progress)?;
        if let Some(damage) = report.damage {
            return Err(Error::Corrupt {
                path: damage.path,
                offset: damage.offset,
                reason: damage.reason,
                advice: ADVICE,
            });
        }
        let Some(identity) = Identity::read(&**fs, dir)? else {
            let detail = format!(
                "{} has no identity file, which the first opening by this build gives it: open it once",
                dir.display()
            );
            return Err(Error::invalid(InvalidCode::Parameter, "/from", detail));
        };
        Ok(Self {
            fs: Arc::clone(fs),
            dir: dir.to_owned(),
            identity,
            extents: found.extents(&**fs)?,
            head: (found.tree.size(), found.tree.root()),
            least_free: 0,
            _closed: Some(closed),
        })
    }
}
