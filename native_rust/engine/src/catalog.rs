//! All databases of one data folder, by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dashmap::DashMap;

use crate::database::Database;
use crate::error::{Entity, Error, Result};
use crate::fs::FileSystem;
use crate::limits::Limits;
use crate::mem::Memory;
use crate::model::check_database_name;

/// Prefix of a folder that is being removed; no database name begins like it.
const PURGED: &str = ".purged-";

/// A data folder and the databases open in it.
///
/// Looking a database up takes one shard lock of the map for a moment, so reads
/// need no process or handle of their own.
#[derive(Debug)]
pub struct Catalog {
    fs: Arc<dyn FileSystem>,
    root: PathBuf,
    limits: Limits,
    memory: Memory,
    open: DashMap<String, Arc<Database>>,
}

impl Catalog {
    /// The catalog of `root`, which is made where it is missing. Finishes
    /// removals that a crash interrupted.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be made or read.
    pub fn open(fs: Arc<dyn FileSystem>, root: &Path, limits: Limits) -> Result<Self> {
        limits.validate()?;
        fs.create_dir(root)
            .map_err(|e| Error::io("create", root, e))?;
        let catalog = Self {
            memory: Memory::new(&limits),
            fs,
            root: root.to_owned(),
            limits,
            open: DashMap::new(),
        };
        for name in catalog.entries()? {
            if name.starts_with(PURGED) {
                catalog.remove(&catalog.root.join(name))?;
            }
        }
        Ok(catalog)
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

    /// Names of the databases on disk, open or not, sorted.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn list(&self) -> Result<Vec<String>> {
        let mut names = self.entries()?;
        names.retain(|name| check_database_name(name).is_ok());
        names.sort_unstable();
        Ok(names)
    }

    /// Open the database `name`; with `create`, make it where there is none.
    /// Returns the one already open, if it is. Blocks for as long as reading the
    /// journal takes.
    ///
    /// # Errors
    /// [`Error::NotFound`] without `create`; those of [`Database::open`].
    pub fn open_database(&self, name: &str, create: bool) -> Result<Arc<Database>> {
        check_database_name(name)?;
        if let Some(open) = self.open.get(name) {
            return Ok(Arc::clone(&open));
        }
        if !create && !self.list()?.iter().any(|known| known == name) {
            return Err(not_found(name));
        }
        let dir = self.root.join(name);
        let database = Database::open_within(
            Arc::clone(&self.fs),
            &dir,
            self.limits.clone(),
            self.memory.clone(),
        )?;
        let database = Arc::new(database);
        // Whoever was here in between has closed it again: the lock file says so.
        self.open.insert(name.to_owned(), Arc::clone(&database));
        Ok(database)
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

    /// Close the database `name` and wait until it is closed. One that is not
    /// open is no error.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is not a name.
    pub fn close_database(&self, name: &str) -> Result<()> {
        check_database_name(name)?;
        if let Some((_, database)) = self.open.remove(name) {
            database.close();
        }
        Ok(())
    }

    /// Close the database `name` and remove its files. The name is free again
    /// at once, also if a crash interrupts the removal.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`].
    pub fn purge_database(&self, name: &str) -> Result<()> {
        self.close_database(name)?;
        if !self.list()?.iter().any(|known| known == name) {
            return Err(not_found(name));
        }
        let from = self.root.join(name);
        let to = self
            .root
            .join(format!("{PURGED}{}", uuid::Uuid::new_v4().simple()));
        self.fs
            .rename(&from, &to)
            .map_err(|e| Error::io("rename", &from, e))?;
        self.fs
            .sync_dir(&self.root)
            .map_err(|e| Error::io("sync", &self.root, e))?;
        self.remove(&to)
    }

    /// Remove a database's folder: files, and folders of files.
    fn remove(&self, dir: &Path) -> Result<()> {
        let list = |dir: &Path| self.fs.list(dir).map_err(|e| Error::io("list", dir, e));
        for name in list(dir)? {
            let path = dir.join(name);
            // A folder cannot be removed as a file, and only folders can be listed.
            match self.fs.list(&path) {
                Ok(names) => {
                    for name in names {
                        let file = path.join(name);
                        self.fs
                            .remove_file(&file)
                            .map_err(|e| Error::io("remove", &file, e))?;
                    }
                    self.fs
                        .remove_dir(&path)
                        .map_err(|e| Error::io("remove", &path, e))?;
                }
                Err(_) => self
                    .fs
                    .remove_file(&path)
                    .map_err(|e| Error::io("remove", &path, e))?,
            }
        }
        self.fs
            .remove_dir(dir)
            .map_err(|e| Error::io("remove", dir, e))
    }
}

fn not_found(name: &str) -> Error {
    Error::NotFound {
        entity: Entity::Database,
        id: name.to_owned(),
    }
}
