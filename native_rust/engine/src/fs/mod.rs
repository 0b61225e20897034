//! The file-system trait: all the file work the engine does, and nothing else.
//!
//! The journal reaches the disk only through [`FileSystem`] and [`File`], so a
//! test can record every operation, make any of them fail, and build each disk
//! image a crash could leave behind.

mod descriptors;
mod folders;
mod place;
mod real;
mod replace;
mod space;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use descriptors::Descriptors;
pub(crate) use folders::{make_dir, parent, remove_all, sync_dir};
pub(crate) use place::{check_length, check_place};
pub use real::RealFileSystem;
pub(crate) use replace::replace;
pub(crate) use space::Owed;
pub use space::{DiskSpace, Space};

/// A tree of folders and files, as an operating system offers it.
pub trait FileSystem: Debug + Send + Sync + 'static {
    /// Create one folder; its parent exists. An existing folder is no error.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Names (not paths) of the entries of a folder, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Open a file for reading and writing. With `create` it must not exist yet
    /// and is made; without, it must exist.
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn File>>;

    /// Open a file that exists for reading alone: it may lie where nothing can be written.
    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// A file that exists, to be used now and then for as long as it is there: it may
    /// be closed and opened again in between, so any use of it can fail as opening can.
    /// One that may only be read can be read; writing to it fails.
    fn open_on_demand(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        match self.open(path, false) {
            Err(e) if only_to_be_read(&e) => self.open_to_read(path),
            opened => opened,
        }
    }

    /// Rename within one file system, replacing what `to` named.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Give the file `from` a second name, `to`, which is free: both are the same file.
    ///
    /// # Errors
    /// Where the two lie on different file systems, or this one has no such names: the
    /// bytes can be copied then.
    fn hard_link(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Remove a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Remove an empty folder.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Make the entries of a folder (names created, renamed, removed) durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Take the exclusive lock of the folder `dir`. Held until the returned value is
    /// dropped, wherever the folder is moved meanwhile, and whatever becomes of the
    /// files in it. The file `note`, which is made where it is missing, then holds this
    /// process's id, for people and error messages; that is a courtesy, and not being
    /// able to write it is no error: a folder that may only be read is locked as well.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when somebody else holds it.
    fn lock(&self, dir: &Path, note: &Path) -> io::Result<Box<dyn Lock>>;

    /// What `path` names; a symbolic link is not followed.
    fn kind(&self, path: &Path) -> io::Result<Kind>;

    /// Which file or folder `path` leads to, and how long it is.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// The path without links and `..`, of what is there.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    /// How much room there is where `path` lies.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] where there is no bound to speak of.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// Whether an error may be for writing alone.
fn only_to_be_read(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// A file or folder as its name shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Which one it is.
    pub id: FileId,
    /// Length of a file, in bytes; of a folder it says nothing.
    pub len: u64,
}

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Dir,
    /// A file.
    File,
    /// A symbolic link, or something that holds no bytes.
    Other,
}

/// Tells a file from every other one that exists at the same time: device and
/// inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(pub u64, pub u64);

/// One open file.
pub trait File: Debug + Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fill `buf` from `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file ends first.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Write all of `buf` at `offset`, extending the file where needed.
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()>;

    /// Cut or extend the file to `len` bytes.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// `fdatasync`: the bytes, and the length that makes them reachable, are on
    /// the medium when this returns.
    fn sync_data(&self) -> io::Result<()>;

    /// Which file this is, whatever it is called by now.
    fn id(&self) -> io::Result<FileId>;
}

/// A held lock; dropping it releases it.
pub trait Lock: Debug + Send + Sync {
    /// Which folder it is on.
    fn id(&self) -> io::Result<FileId>;
}
