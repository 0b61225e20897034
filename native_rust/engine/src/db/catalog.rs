//! All databases of one data folder, by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::Mutex;

use crate::budget::Cancel;
use crate::db::database::Database;
use crate::error::{Entity, Error, Result};
use crate::fs::{self, Descriptors, DiskSpace, FileSystem, Kind, Lock};
use crate::limits::Limits;
use crate::mem::Memory;
use crate::open::home;
use crate::open::locking;
use crate::open::making::{self, Left};
use crate::planted::{Bug, planted};
use crate::state::Ending;
use crate::types::check_database_name;

/// A data folder and the databases open in it.
///
/// The folder is held by a lock of its own for as long as the catalog lives: nobody
/// else opens it. Looking a database up takes one shard lock of the map for a moment,
/// so reads need no process or handle of their own.
#[derive(Debug)]
pub struct Catalog {
    fs: Arc<dyn FileSystem>,
    root: PathBuf,
    limits: Limits,
    memory: Memory,
    disk: Arc<DiskSpace>,
    open: DashMap<String, Arc<Database>>,
    /// Names that somebody is opening, closing or purging, or once was.
    turns: DashMap<String, Arc<Turn>>,
    /// Held while a database is made, so that their number is kept.
    making: Mutex<()>,
    /// Of the data folder, until the catalog is closed.
    lock: Mutex<Option<Box<dyn Lock>>>,
    warnings: Vec<String>,
}

/// Who opens, closes or purges one name takes turns. Other names do not wait.
#[derive(Debug, Default)]
struct Turn {
    taken: Mutex<()>,
    /// Ends an opening that somebody waits for to be over.
    opening: Mutex<Cancel>,
}

impl Catalog {
    /// The catalog of `root`, which is made where it is missing, and held from now on.
    /// Removes what interrupted creations and removals have left; what cannot be
    /// removed stays until the next time, see [`Catalog::warnings`].
    ///
    /// # Errors
    /// [`Error::Locked`] when another catalog holds it; [`Error::Io`] when the folder
    /// cannot be made, read or written.
    pub fn open(fs: Arc<dyn FileSystem>, root: &Path, limits: Limits) -> Result<Self> {
        limits.validate()?;
        let fs: Arc<dyn FileSystem> = Arc::new(Descriptors::new(fs, limits.open_files));
        home::make_data_dir(&*fs, root)?;
        let lock = match locking::take_lock(&*fs, root) {
            Err(Error::Locked { .. }) if planted(Bug::ShareDataFolder) => {
                let other = root.join(".planted");
                fs::make_dir(&*fs, &other)?;
                locking::take_lock(&*fs, &other)?
            }
            taken => taken?,
        };
        let mut catalog = Self {
            memory: Memory::new(&limits),
            disk: Arc::new(DiskSpace::new(limits.min_free_bytes)),
            fs,
            root: root.to_owned(),
            limits,
            open: DashMap::new(),
            turns: DashMap::new(),
            making: Mutex::default(),
            lock: Mutex::new(Some(lock)),
            warnings: Vec::new(),
        };
        catalog.tidy()?;
        catalog.disk.look(&*catalog.fs, root);
        Ok(catalog)
    }

    /// Remove leftovers, and note what is in the way.
    fn tidy(&mut self) -> Result<()> {
        for name in self.entries()? {
            let path = self.root.join(&name);
            match making::sweep_entry(&*self.fs, &self.root, &name) {
                Some(Left::Failed(error)) => self.warnings.push(format!(
                    "what is left of a removed database stays until the next start: {error}"
                )),
                Some(Left::NotOurs) => self.warnings.push(format!(
                    "{} is named as what is being made or removed here, and nothing in it shows that it is that: it is left as it is",
                    path.display()
                )),
                Some(Left::Removed | Left::InUse) | None => {}
            }
            if check_database_name(&name).is_ok() && !self.is_dir(&path) {
                self.warnings.push(format!(
                    "{} has the name of a database and is no folder: it is ignored",
                    path.display()
                ));
            }
        }
        Ok(())
    }

    /// Sentences about what opening the data folder met and passed over.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Close all databases and give the data folder back. Nothing is opened any more;
    /// later calls do nothing.
    pub fn close(&self) {
        // First, so that nothing is opened after.
        let lock = self.lock.lock().take();
        for name in self.turns_and_open() {
            self.in_turn(&name, true, |_| self.close_open(&name));
        }
        drop(lock);
    }

    /// Names that are open, or that somebody is opening.
    fn turns_and_open(&self) -> Vec<String> {
        let turns = self.turns.iter().map(|turn| turn.key().clone());
        let open = self.open.iter().map(|open| open.key().clone());
        turns.chain(open).collect()
    }

    fn entries(&self) -> Result<Vec<String>> {
        self.fs
            .list(&self.root)
            .map_err(|e| Error::io("list", &self.root, e))
    }

    /// The pools of memory that all of them share.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What is known of the disk that the data folder lies on.
    #[must_use]
    pub fn disk(&self) -> &DiskSpace {
        &self.disk
    }

    /// Names of the databases on disk, open or not, sorted. One look at each.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn list(&self) -> Result<Vec<String>> {
        let mut names = self.entries()?;
        names
            .retain(|name| check_database_name(name).is_ok() && self.is_dir(&self.root.join(name)));
        names.sort_unstable();
        Ok(names)
    }

    /// Whether there is a database `name` on disk, open or not.
    #[must_use]
    pub fn exists(&self, name: &str) -> bool {
        check_database_name(name).is_ok() && self.is_dir(&self.root.join(name))
    }

    /// A folder, or a link to one.
    fn is_dir(&self, path: &Path) -> bool {
        match self.fs.kind(path) {
            Ok(Kind::Dir) => true,
            Ok(Kind::Other) => self.fs.list(path).is_ok(),
            Ok(Kind::File) | Err(_) => false,
        }
    }

    /// Check that the data folder is still the one that was opened, and so are the
    /// folders of all open databases: those that are not take no more writes. And look how
    /// much room the disk has. A few microseconds for each; may block.
    ///
    /// # Errors
    /// [`Error::Lost`] when the data folder was removed or replaced; [`Error::Closed`].
    pub fn check(&self) -> Result<()> {
        let held = self.lock.lock().as_ref().map(|lock| lock.id());
        let held = held.ok_or(Error::Closed)?;
        fs::check_place(&self.fs.stat(&self.root), &held, &self.root)?;
        self.disk.look(&*self.fs, &self.root);
        // The map's locks are not held while files are looked at.
        let open: Vec<_> = self.open.iter().map(|open| Arc::clone(&open)).collect();
        for database in open {
            database.check_place();
        }
        Ok(())
    }

    /// Do something that others must not do to the same name meanwhile; with
    /// `give_up`, an opening under way is ended first.
    fn in_turn<T>(&self, name: &str, give_up: bool, work: impl FnOnce(&Turn) -> T) -> T {
        let turn = Arc::clone(&self.turns.entry(name.to_owned()).or_default());
        if give_up {
            turn.opening.lock().cancel();
        }
        let taken = turn.taken.lock();
        let result = work(&turn);
        drop(taken);
        drop(turn);
        // The last one out: who comes next begins anew.
        self.turns
            .remove_if(name, |_, turn| Arc::strong_count(turn) == 1);
        result
    }

    /// Open the database `name`; with `create`, make it where there is none; what
    /// fails of that is undone. Returns the one already open, if it is. Blocks for as
    /// long as reading the journal takes, or as somebody else opens or closes it.
    ///
    /// # Errors
    /// [`Error::NotFound`] without `create`; [`Error::DiskFull`] with it; [`Error::TooLarge`] when there are as many
    /// databases as the limits allow; those of [`Database::open`].
    pub fn open_database(&self, name: &str, create: bool) -> Result<Arc<Database>> {
        check_database_name(name)?;
        if let Some(open) = self.open.get(name) {
            return Ok(Arc::clone(&open));
        }
        self.in_turn(name, false, |turn| {
            if let Some(open) = self.open.get(name) {
                return Ok(Arc::clone(&open));
            }
            if self.lock.lock().is_none() {
                return Err(Error::Closed);
            }
            let database = match self.exists(name) {
                true => self.read(name, turn)?,
                false if create => self.make(name, turn)?,
                false => return Err(not_found(name)),
            };
            let database = Arc::new(database);
            self.open.insert(name.to_owned(), Arc::clone(&database));
            Ok(database)
        })
    }

    fn read(&self, name: &str, turn: &Turn) -> Result<Database> {
        let cancel = Cancel::default();
        *turn.opening.lock() = cancel.clone();
        Database::open_within(
            Arc::clone(&self.fs),
            &self.root.join(name),
            self.limits.clone(),
            self.memory.clone(),
            Arc::clone(&self.disk),
            &cancel,
        )
    }

    /// Make an empty database, or nothing.
    fn make(&self, name: &str, turn: &Turn) -> Result<Database> {
        let _making = self.making.lock();
        self.check()?;
        self.disk.check()?;
        let (limit, actual) = (self.limits.databases as u64, self.list()?.len() as u64 + 1);
        if actual > limit {
            return Err(Error::TooLarge {
                what: "the number of databases",
                actual,
                limit,
                setting: "databases",
            });
        }
        self.read(name, turn).inspect_err(|_| {
            if self.exists(name) {
                // Nobody has written to it. What cannot be removed is a database
                // without a block.
                let _ = self.discard(&self.root.join(name));
            }
        })
    }

    /// The open database `name`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none open by that name.
    pub fn database(&self, name: &str) -> Result<Arc<Database>> {
        self.open
            .get(name)
            .map(|open| Arc::clone(&open))
            .ok_or_else(|| not_found(name))
    }

    /// Close the database `name` and wait until it is closed. One that is being opened
    /// is given up. One that is not open is no error.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is not a name.
    pub fn close_database(&self, name: &str) -> Result<()> {
        check_database_name(name)?;
        self.in_turn(name, true, |_| self.close_open(name));
        Ok(())
    }

    fn close_open(&self, name: &str) {
        if let Some((_, database)) = self.open.remove(name) {
            database.close();
        }
    }

    /// Close the database `name` and remove its files. The name is free again
    /// at once, also if a crash interrupts the removal, or if files cannot be removed:
    /// returned is why, and the next opening of the data folder tries again. Who follows
    /// it is told [`Ending::Purged`].
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Locked`] when another process has the database
    /// open, and [`Error::Io`]: nothing was removed then.
    pub fn purge_database(&self, name: &str) -> Result<Option<Error>> {
        check_database_name(name)?;
        self.in_turn(name, true, |_| {
            let open = self.open.remove(name);
            let watch = open.as_ref().map(|(_, database)| &database.state.watch);
            if let Some((_, database)) = &open {
                database.state.watch.hold();
                database.close();
            }
            let purged = match self.exists(name) {
                true => self.discard(&self.root.join(name)),
                false => Err(not_found(name)),
            };
            if let Some(watch) = watch {
                watch.released(match purged {
                    Ok(_) => Ending::Purged,
                    Err(_) => Ending::Closed,
                });
            }
            purged
        })
    }

    /// Remove a database's folder, if nobody has it open; returns what stands in the
    /// way of its files.
    fn discard(&self, dir: &Path) -> Result<Option<Error>> {
        let lock = match locking::take_lock(&*self.fs, dir) {
            Err(Error::Locked { .. }) if planted(Bug::PurgeLocked) => None,
            taken => Some(taken?),
        };
        let to = making::purged_name(&self.root);
        self.fs
            .rename(dir, &to)
            .map_err(|e| Error::io("rename", dir, e))?;
        self.fs
            .sync_dir(&self.root)
            .map_err(|e| Error::io("sync", &self.root, e))?;
        let left = making::remove_marked(&*self.fs, &to).err();
        drop(lock);
        Ok(left)
    }
}

fn not_found(name: &str) -> Error {
    Error::NotFound {
        entity: Entity::Database,
        id: name.to_owned(),
    }
}
