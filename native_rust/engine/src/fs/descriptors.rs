//! A bounded number of open files.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use lru::LruCache;
use parking_lot::Mutex;

use super::{File, FileId, FileSystem, Kind, Lock, Space, Stat};
use crate::error::out_of_descriptors;

/// A file system over another one, on which files that are opened on demand share a
/// bounded number of descriptors: the least recently used one is closed for the next.
///
/// Files in use by a call at that moment stay open until it ends, so there may be as
/// many more as there are such calls. Whenever the system has no descriptor left, some
/// of these are closed and the call is tried again.
#[derive(Debug, Clone)]
pub struct Descriptors(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    fs: Arc<dyn FileSystem>,
    open: Mutex<LruCache<u64, Arc<dyn File>>>,
    files: AtomicU64,
}

/// Files kept open where the process has no limit on them.
const UNLIMITED: u64 = 65_536;

impl Descriptors {
    /// Over `fs`, with `most` files kept open on demand; 0: a quarter of what the
    /// process may open by its present limit.
    #[must_use]
    pub fn new(fs: Arc<dyn FileSystem>, most: usize) -> Self {
        let most = NonZeroUsize::new(most).unwrap_or_else(quarter_of_the_limit);
        Self(Arc::new(Shared {
            fs,
            open: Mutex::new(LruCache::new(most)),
            files: AtomicU64::new(0),
        }))
    }
}

fn quarter_of_the_limit() -> NonZeroUsize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let limit = limit.current.unwrap_or(UNLIMITED).min(UNLIMITED);
    let quarter = usize::try_from(limit / 4).unwrap_or(usize::MAX);
    NonZeroUsize::new(quarter).unwrap_or(NonZeroUsize::MIN)
}

impl Shared {
    /// Do something that takes a descriptor; where there is none, give some back first.
    fn attempt<T>(&self, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
        loop {
            match work() {
                Err(e) if out_of_descriptors(&e) && self.give_back() => {}
                other => return other,
            }
        }
    }

    /// Close half of the files; false where there is none to close.
    fn give_back(&self) -> bool {
        let mut open = self.open.lock();
        let some = open.len().div_ceil(2);
        for _ in 0..some {
            open.pop_lru();
        }
        some > 0
    }
}

impl FileSystem for Descriptors {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.fs.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.0.attempt(|| self.0.fs.list(path))
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn File>> {
        self.0.attempt(|| self.0.fs.open(path, create))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.0.attempt(|| self.0.fs.open_to_read(path))
    }

    fn open_on_demand(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(OnDemand {
            shared: Arc::clone(&self.0),
            number: self.0.files.fetch_add(1, Ordering::Relaxed),
            path: path.to_owned(),
            id: OnceLock::new(),
            unsynced: Mutex::new(None),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.fs.rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.fs.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.fs.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.0.fs.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.attempt(|| self.0.fs.sync_dir(path))
    }

    fn lock(&self, dir: &Path, note: &Path) -> io::Result<Box<dyn Lock>> {
        self.0.attempt(|| self.0.fs.lock(dir, note))
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        self.0.fs.kind(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.0.fs.stat(path)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.fs.resolve(path)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        self.0.fs.space(path)
    }
}

/// A file that is open while it is used, and as long as there is room: for reading, and for
/// writing while there is something to be synced.
#[derive(Debug)]
struct OnDemand {
    shared: Arc<Shared>,
    number: u64,
    path: PathBuf,
    /// Which file it was when it was first opened.
    id: OnceLock<FileId>,
    /// The open file while it has writes that were not synced: a failed write-back is
    /// told to the descriptors that are open at that time.
    unsynced: Mutex<Option<Arc<dyn File>>>,
}

impl OnDemand {
    fn file(&self) -> io::Result<Arc<dyn File>> {
        if let Some(file) = &*self.unsynced.lock() {
            return Ok(Arc::clone(file));
        }
        if let Some(file) = self.shared.open.lock().get(&self.number) {
            return Ok(Arc::clone(file));
        }
        let file = self.opened(|fs| fs.open_to_read(&self.path))?;
        let mut open = self.shared.open.lock();
        open.put(self.number, Arc::clone(&file));
        Ok(file)
    }

    /// The file, if it is the one that it was.
    fn opened(
        &self,
        open: impl Fn(&dyn FileSystem) -> io::Result<Arc<dyn File>>,
    ) -> io::Result<Arc<dyn File>> {
        let file = self.shared.attempt(|| open(&*self.shared.fs))?;
        let id = file.id()?;
        match *self.id.get_or_init(|| id) == id {
            true => Ok(file),
            false => Err(io::Error::other(
                "the file was replaced while it was in use",
            )),
        }
    }

    /// Change the file, and keep it open until that is synced.
    fn change(&self, work: impl FnOnce(&dyn File) -> io::Result<()>) -> io::Result<()> {
        let mut unsynced = self.unsynced.lock();
        let file = match &*unsynced {
            Some(file) => Arc::clone(file),
            None => self.opened(|fs| fs.open(&self.path, false))?,
        };
        *unsynced = Some(Arc::clone(&file));
        drop(unsynced);
        work(&*file)
    }
}

impl File for OnDemand {
    fn len(&self) -> io::Result<u64> {
        self.file()?.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.file()?.read_exact_at(buf, offset)
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.change(|file| file.write_all_at(buf, offset))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|file| file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file()?.sync_data()?;
        *self.unsynced.lock() = None;
        Ok(())
    }

    fn id(&self) -> io::Result<FileId> {
        // Whichever it was: no descriptor is taken to say so once more.
        match self.id.get() {
            Some(id) => Ok(*id),
            None => self.file()?.id(),
        }
    }
}

impl Drop for OnDemand {
    fn drop(&mut self) {
        self.shared.open.lock().pop(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::RealFileSystem;

    fn open_files(dir: &Path) -> usize {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        links
            .filter_map(|link| std::fs::read_link(link.unwrap().path()).ok())
            .filter(|target| target.starts_with(dir))
            .count()
    }

    #[test]
    fn no_more_files_are_open_than_were_asked_for_and_all_can_be_used() {
        let tmp = tempfile::tempdir().unwrap();
        let fs = Descriptors::new(Arc::new(RealFileSystem), 5);
        let files: Vec<_> = (0..40u8)
            .map(|n| {
                let path = tmp.path().join(format!("{n}"));
                std::fs::write(&path, [n]).unwrap();
                fs.open_on_demand(&path).unwrap()
            })
            .collect();
        assert_eq!(open_files(tmp.path()), 0);
        for _ in 0..3 {
            for (file, n) in files.iter().zip(0u8..) {
                let mut byte = [0];
                file.read_exact_at(&mut byte, 0).unwrap();
                assert_eq!(byte, [n]);
                assert!(open_files(tmp.path()) <= 5);
            }
        }
        // What is written and not synced stays open, however many others are used.
        files[7].write_all_at(b"seven", 0).unwrap();
        let written = |target: &Path| target.ends_with("7");
        let is_open = || {
            let links = std::fs::read_dir("/proc/self/fd").unwrap();
            let mut targets =
                links.filter_map(|link| std::fs::read_link(link.unwrap().path()).ok());
            targets.any(|target| target.starts_with(tmp.path()) && written(&target))
        };
        let use_others = || {
            files
                .iter()
                .skip(8)
                .for_each(|file| assert!(file.len().unwrap() > 0))
        };
        use_others();
        assert!(is_open());
        files[7].sync_data().unwrap();
        use_others();
        assert!(!is_open());
        // One that was replaced is not taken for the one it was.
        std::fs::rename(tmp.path().join("7"), tmp.path().join("aside")).unwrap();
        std::fs::write(tmp.path().join("new"), b"other").unwrap();
        std::fs::rename(tmp.path().join("new"), tmp.path().join("7")).unwrap();
        let error = files[7].len().unwrap_err();
        assert!(error.to_string().contains("replaced"), "{error}");
        drop(files);
        assert_eq!(open_files(tmp.path()), 0);
    }
}
