//! Backups: taking, verifying, listing and restoring them. Each can take minutes, so it has a
//! thread of its own, which sends `{ref, {:progress, done, total}}` on the way, in bytes, and
//! at last `{ref, answer}`. It ends when the process dies that asked for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use formdb_engine::fs::{Descriptors, FileSystem, RealFileSystem};
use formdb_engine::{
    BackupManifest, BackupOptions, BackupReport, Cancel, Error, ListedBackup, Progress,
    RestoreOptions, Result, back_up, list_backups, restore, to_hex, verify_backup,
};
use rustler::{Atom, Encoder, Env, NifMap, Term};

use crate::answer::{Caller, Failure, tagged};
use crate::asking::watched;
use crate::{CatalogRef, atoms};

/// How a backup is taken.
#[derive(NifMap)]
struct OptionsMap {
    database: String,
    folders: Vec<String>,
    bytes_per_second: u64,
}

impl OptionsMap {
    fn options(self, cancel: Cancel) -> BackupOptions {
        BackupOptions {
            database: self.database,
            folders: self.folders,
            bytes_per_second: self.bytes_per_second,
            cancel,
        }
    }
}

/// `BackupReport` as a map; the time in microseconds since the epoch.
#[derive(NifMap)]
struct ReportMap {
    log: String,
    seq: u64,
    root: String,
    time: i64,
    files: u64,
    bytes: u64,
    copied_bytes: u64,
    linked_bytes: u64,
    previous: Option<String>,
    previous_damaged: Vec<String>,
    microseconds: u64,
}

impl From<BackupReport> for ReportMap {
    fn from(report: BackupReport) -> Self {
        Self {
            log: report.log,
            seq: report.tree_size,
            root: to_hex(&report.root),
            time: report.time,
            files: report.files,
            bytes: report.bytes,
            copied_bytes: report.copied_bytes,
            linked_bytes: report.linked_bytes,
            previous: report.previous,
            previous_damaged: report.previous_damaged,
            microseconds: micros(report.elapsed),
        }
    }
}

/// `BackupManifest` as a map; the time as text.
#[derive(NifMap)]
struct ManifestMap {
    database: String,
    log: String,
    seq: u64,
    root: String,
    time: String,
    files: u64,
    bytes: u64,
}

impl From<BackupManifest> for ManifestMap {
    fn from(manifest: BackupManifest) -> Self {
        Self {
            bytes: manifest.bytes(),
            files: manifest.files.len() as u64,
            database: manifest.database,
            log: manifest.log,
            seq: manifest.tree_size,
            root: manifest.root,
            time: manifest.time,
        }
    }
}

/// `RestoreReport` as a map.
#[derive(NifMap)]
struct RestoredMap {
    backup: ManifestMap,
    log: String,
    seq: u64,
    root: String,
    bytes: u64,
    microseconds: u64,
}

fn micros(elapsed: std::time::Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// Of a database that is open in the catalog.
#[rustler::nif]
fn backup_open<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    to: String,
    options: OptionsMap,
    reference: Term<'a>,
) -> Term<'a> {
    let catalog = Arc::clone(&catalog.0);
    in_background(env, reference, move |cancel, progress| {
        let database = catalog.database(&options.database)?;
        let options = options.options(cancel);
        let report = database.back_up(Path::new(&to), &options, progress)?;
        Ok(ReportMap::from(report))
    })
}

/// Of a folder that nobody has open.
#[rustler::nif]
fn backup_closed<'a>(
    env: Env<'a>,
    from: String,
    to: String,
    options: OptionsMap,
    reference: Term<'a>,
) -> Term<'a> {
    in_background(env, reference, move |cancel, progress| {
        let options = options.options(cancel);
        let (from, to) = (Path::new(&from), Path::new(&to));
        let report = back_up(&files(), from, to, &options, progress)?;
        Ok(ReportMap::from(report))
    })
}

#[rustler::nif]
fn backup_verify<'a>(env: Env<'a>, dir: String, reference: Term<'a>) -> Term<'a> {
    in_background(env, reference, move |cancel, progress| {
        let found = verify_backup(&*files(), Path::new(&dir), &cancel, progress)?;
        Ok(ManifestMap::from(found.manifest))
    })
}

#[rustler::nif]
fn backup_restore<'a>(
    env: Env<'a>,
    from: String,
    to: String,
    until: Option<u64>,
    reference: Term<'a>,
) -> Term<'a> {
    in_background(env, reference, move |cancel, progress| {
        let options = RestoreOptions { until, cancel };
        let (from, to) = (PathBuf::from(from), PathBuf::from(to));
        let report = restore(&files(), &from, &to, &options, progress)?;
        Ok(RestoredMap {
            log: report.log,
            seq: report.tree_size,
            root: to_hex(&report.root),
            bytes: report.bytes,
            microseconds: micros(report.elapsed),
            backup: report.manifest.into(),
        })
    })
}

/// `[{name, {:ok, manifest} | {:error, error}}]`
#[rustler::nif(schedule = "DirtyIo")]
fn backup_list<'a>(env: Env<'a>, folder: &str) -> Term<'a> {
    let listed = list_backups(&*files(), Path::new(folder));
    let entry = |ListedBackup { name, manifest }: ListedBackup| {
        let manifest = manifest.map(ManifestMap::from).map_err(Failure);
        (name, tagged(env, manifest))
    };
    let listed: Result<Vec<_>> = listed.map(|all| all.into_iter().map(entry).collect());
    tagged(env, listed.map_err(Failure))
}

/// A journal may have more segments than this process may open files.
pub(crate) fn files() -> Arc<dyn FileSystem> {
    Arc::new(Descriptors::new(Arc::new(RealFileSystem), 0))
}

/// Does `work` on a thread of its own, until it is done or the calling process ends.
pub(crate) fn in_background<'a, T: Encoder>(
    env: Env<'a>,
    reference: Term<'a>,
    work: impl FnOnce(Cancel, &mut dyn FnMut(Progress)) -> Result<T> + Send + 'static,
) -> Term<'a> {
    let caller = Caller::new(env, reference);
    let watch = watched(env);
    let work = move || {
        let mut progress = |Progress { done, total }: Progress| {
            caller.tell((atoms::progress(), done, total));
        };
        let answer = work(watch.cancel(), &mut progress);
        caller.answer(answer.map_err(Failure));
    };
    match thread::Builder::new()
        .name("formdb-backup".into())
        .spawn(work)
    {
        Ok(_) => atoms::ok().to_term(env),
        Err(e) => {
            let error = Error::io("start a thread for", Path::new("a backup"), e);
            tagged::<Atom>(env, Err(Failure(error)))
        }
    }
}
