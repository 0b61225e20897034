//! The operating system's own files.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{File, FileId, FileSystem, Kind, Lock, Space, Stat};

/// [`FileSystem`] over `std::fs`.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFileSystem;

impl FileSystem for RealFileSystem {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        // Files within it may be readable: nobody else gets there.
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(create)
            .open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(RealFile(fs::File::open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn lock(&self, dir: &Path, note: &Path) -> io::Result<Box<dyn Lock>> {
        // The folder itself: a file in it could be removed, and the next one to come
        // would lock another one of that name.
        let folder = fs::File::open(dir)?;
        match folder.try_lock() {
            Ok(()) => {
                let _ = fs::write(note, format!("{}\n", std::process::id()));
                Ok(Box::new(RealLock(folder)))
            }
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(e)) => Err(e),
        }
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let found = fs::symlink_metadata(path)?.file_type();
        Ok(if found.is_dir() {
            Kind::Dir
        } else if found.is_file() {
            Kind::File
        } else {
            Kind::Other
        })
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let found = fs::metadata(path)?;
        Ok(Stat {
            id: id_of(&found),
            len: found.len(),
        })
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(path)?;
        Ok(Space {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}

fn id_of(found: &fs::Metadata) -> FileId {
    FileId(found.dev(), found.ino())
}

#[derive(Debug)]
struct RealFile(fs::File);

impl File for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(buf, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn id(&self) -> io::Result<FileId> {
        self.0.metadata().map(|found| id_of(&found))
    }
}

/// The advisory lock of the open file description; the kernel releases it with
/// the process, however that ends.
#[derive(Debug)]
struct RealLock(fs::File);

impl Lock for RealLock {
    fn id(&self) -> io::Result<FileId> {
        self.0.metadata().map(|found| id_of(&found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stays_locked_without_the_file_that_names_the_process() {
        let tmp = tempfile::tempdir().unwrap();
        let note = tmp.path().join("LOCK");
        let lock = || RealFileSystem.lock(tmp.path(), &note);
        let held = lock().unwrap();
        let pid = format!("{}\n", std::process::id());
        assert_eq!(fs::read_to_string(&note).unwrap(), pid);
        assert_eq!(
            held.id().unwrap(),
            RealFileSystem.stat(tmp.path()).unwrap().id
        );
        fs::remove_file(&note).unwrap();
        let refused = lock().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        assert!(!note.exists(), "who does not hold it leaves no name");
        drop(held);
        lock().unwrap();
    }
}
