//! Locks on files, for commands that change one: the system lets go of the lock of a process that
//! ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use formdb_engine::Error;
use rustler::{Env, Resource, ResourceArc, Term};
use std::sync::Mutex;

use crate::answer::{Failure, tagged};

/// The file, until it is unlocked.
struct FileLock(Mutex<Option<File>>);

#[rustler::resource_impl]
impl Resource for FileLock {}

/// `{:ok, lock}`, or `{:ok, nil}` where somebody else has it. The file is made if need be, and stays.
#[rustler::nif(schedule = "DirtyIo")]
fn file_lock<'a>(env: Env<'a>, path: &str) -> Term<'a> {
    tagged(env, try_lock(Path::new(path)))
}

fn try_lock(path: &Path) -> Result<Option<ResourceArc<FileLock>>, Failure> {
    let failed = |e| Failure(Error::io("lock", path, e));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(ResourceArc::new(FileLock(Mutex::new(Some(file)))))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}

/// Lets go of it. Doing so twice does no harm.
#[rustler::nif]
fn file_unlock(lock: ResourceArc<FileLock>) {
    if let Ok(mut file) = lock.0.lock() {
        drop(file.take());
    }
}
