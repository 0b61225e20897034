//! Taking a backup.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::FILES;
use super::copying::{Pace, copy, length, open, read_through};
use super::list::list_backups;
use super::manifest::{BackupFile, BackupManifest, BackupSegment, MANIFEST, corrupt, hex, place};
use super::source::Source;
use super::target::{name_it, refuse_target};
use super::verify::{check_bytes, open_whole};
use crate::budget::Cancel;
use crate::clock::system_micros;
use crate::db::database::Database;
use crate::error::{Error, Result};
use crate::fs::{FileSystem, Kind, make_dir, parent, sync_dir};
use crate::journal::{Durable, Extent, IDENTITY, Progress, Witness, check_groups};
use crate::open::home::JOURNAL;
use crate::open::locking::LOCK;
use crate::open::making::{Making, sweep};
use crate::types::{Hash, format_timestamp, to_hex};

/// Bytes that stay free on the disk of a backup beside those of its segments: for the side
/// files, the manifest, and what the file system itself needs.
const MARGIN: u64 = 1 << 20;

/// How a backup is taken.
#[derive(Debug, Clone, Default)]
pub struct BackupOptions {
    /// Name of the database, for whoever reads the manifest.
    pub database: String,
    /// Folders of the database beside its journal whose files belong to the backup.
    pub folders: Vec<String>,
    /// Bytes read a second at most; 0: any number.
    pub bytes_per_second: u64,
    /// Ends it: nothing is left of it then.
    pub cancel: Cancel,
}

/// What a backup is of, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// Public id of the log.
    pub log: String,
    /// It ends with the block of this sequence.
    pub tree_size: u64,
    /// Merkle root over the blocks up to there.
    pub root: Hash,
    /// When it was begun, microseconds since the epoch.
    pub time: i64,
    /// Files in it.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes that were written anew.
    pub copied_bytes: u64,
    /// Bytes of files that are in the backup by a second name for them.
    pub linked_bytes: u64,
    /// Name of the backup whose segments were not copied again, if there is one.
    pub previous: Option<String>,
    /// Files of it that do not match its manifest, or cannot be read: these were taken from
    /// the database again.
    pub previous_damaged: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Database {
    /// Take a backup of what is durable now into the folder `to`, while others read and
    /// write. `to` is not there yet; the folder around it is made, too, where only that one
    /// is missing. What is there in the end is the whole backup or nothing; see [`back_up`].
    ///
    /// Reads every byte that no earlier backup beside it has once or twice, and those that
    /// one has once there, at the pace of `options`; writers are not waited for, nor held up by more than the disk is.
    /// `progress` is called every megabyte.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `to` is there, or would lie within a database or a backup;
    /// [`Error::Corrupt`] where a segment is damaged; [`Error::Cancelled`],
    /// [`Error::Closed`], [`Error::Io`].
    pub fn back_up(
        &self,
        to: &Path,
        options: &BackupOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<BackupReport> {
        take(|_| Source::open(self), to, options, progress)
    }
}

/// Take a backup of a database in `from` that nobody has open into the folder `to`, as
/// [`Database::back_up`] does. All of the journal is read and checked before.
///
/// A sealed segment that the newest backup of the same log beside `to` has gets a second
/// name (a hard link), once it was held against its digest. One that it has not, or has
/// damaged, gets a second name, too, where the
/// file system can, and is copied elsewhere. The last segment is copied up to its durable
/// end.
///
/// # Errors
/// As [`Database::back_up`]; [`Error::Locked`] when it is open, [`Error::NotFound`] where
/// there is no database, [`Error::Lost`], [`Error::Corrupt`] where it is damaged.
pub fn back_up(
    fs: &Arc<dyn FileSystem>,
    from: &Path,
    to: &Path,
    options: &BackupOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupReport> {
    take(
        |progress| Source::closed(fs, from, progress),
        to,
        options,
        progress,
    )
}

fn take(
    source: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<Source>,
    to: &Path,
    options: &BackupOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupReport> {
    let begun = Instant::now();
    let time = system_micros();
    let source = source(progress)?;
    let fs = &*source.fs;
    refuse_target(fs, to)?;
    let around = parent(to);
    if fs.kind(&around).is_err() {
        make_dir(fs, &around)?;
    }
    let swept = sweep_backups(fs, &around);
    let previous = previous(&source, &around)?;
    let making = Making::begin(fs, to)?;
    let total = source.extents.iter().map(bytes_of).sum();
    let mut taking = Taking {
        source: &source,
        dir: making.dir(),
        pace: Pace::new(
            options.cancel.clone(),
            options.bytes_per_second,
            total,
            progress,
        ),
        files: Vec::new(),
        copied: 0,
        linked: 0,
        damaged: Vec::new(),
        previous: previous
            .as_ref()
            .map(|(dir, manifest)| (&**dir, segments_of(manifest))),
    };
    let manifest = taking
        .everything(options, time)
        .map_err(|error| taking.told_of_room(error))?;
    let (copied_bytes, linked_bytes) = (taking.copied, taking.linked);
    let previous_damaged = std::mem::take(&mut taking.damaged);
    name_it(fs, making, to)?;
    // It was there for whoever looks for leftovers, and is no part of a backup.
    let _ = fs.remove_file(&to.join(LOCK));
    if !swept {
        sweep_backups(fs, &around);
    }
    let name_of = |(dir, _): (PathBuf, BackupManifest)| {
        let name = dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    Ok(BackupReport {
        log: source.identity.log_hex(),
        tree_size: source.head.0,
        root: source.head.1,
        time,
        files: manifest.files.len() as u64,
        bytes: manifest.bytes(),
        copied_bytes,
        linked_bytes,
        previous: previous.map(name_of),
        previous_damaged,
        elapsed: begun.elapsed(),
    })
}

/// Remove what was left of any backup in a folder that has backups, and says whether it has:
/// in any other one there is nothing to look for but what is left of the one to be made.
fn sweep_backups(fs: &dyn FileSystem, folder: &Path) -> bool {
    let names = fs.list(folder).unwrap_or_default();
    let is_backup = |name: &String| {
        let manifest = folder.join(name).join(MANIFEST);
        !name.starts_with('.') && matches!(fs.kind(&manifest), Ok(Kind::File))
    };
    let has = names.iter().any(is_backup);
    if has {
        sweep(fs, folder, None);
    }
    has
}

/// Bytes that a backup has of a segment.
fn bytes_of(extent: &Extent) -> u64 {
    extent.sealed.unwrap_or(extent.end)
}

/// The backup beside the new one that has most of the same log.
fn previous(source: &Source, around: &Path) -> Result<Option<(PathBuf, BackupManifest)>> {
    let log = source.identity.log_hex();
    let listed = list_backups(&*source.fs, around)?.into_iter();
    let known = listed.filter_map(|found| Some((around.join(found.name), found.manifest.ok()?)));
    let same = known.filter(|(_, found)| found.log == log && found.tree_size <= source.head.0);
    Ok(same.max_by(|(_, a), (_, b)| (a.tree_size, &a.time).cmp(&(b.tree_size, &b.time))))
}

/// Its sealed segments by path.
fn segments_of(manifest: &BackupManifest) -> HashMap<&str, &BackupFile> {
    let sealed = |file: &&BackupFile| file.segment.as_ref().is_some_and(|s| s.sealed);
    let files = manifest.files.iter().filter(sealed);
    files.map(|file| (&*file.path, file)).collect()
}

/// A backup that is being taken.
struct Taking<'a> {
    source: &'a Source,
    dir: &'a Path,
    pace: Pace<'a>,
    files: Vec<BackupFile>,
    copied: u64,
    linked: u64,
    damaged: Vec<String>,
    previous: Option<(&'a Path, HashMap<&'a str, &'a BackupFile>)>,
}

impl Taking<'_> {
    fn everything(&mut self, options: &BackupOptions, time: i64) -> Result<BackupManifest> {
        let source = self.source;
        let fs = &*source.fs;
        let files = self.dir.join(FILES);
        let journal = files.join(JOURNAL);
        for dir in [&files, &journal] {
            fs.create_dir(dir)
                .map_err(|e| Error::io("create", dir, e))?;
        }
        source.identity.write(fs, &files)?;
        self.add(format!("{FILES}/{IDENTITY}"), None)?;
        for extent in &source.extents {
            self.segment(extent, &journal)?;
        }
        if let Some(mark) = self.mark() {
            mark.write(fs, &journal)?;
            self.add(format!("{FILES}/{JOURNAL}/{}", Durable::NAME), None)?;
        }
        sync_dir(fs, &journal)?;
        for folder in &options.folders {
            self.folder(folder, &files)?;
        }
        sync_dir(fs, &files)?;
        let manifest = BackupManifest::new(
            &options.database,
            source.identity.log_hex(),
            source.head,
            format_timestamp(time),
            std::mem::take(&mut self.files),
        );
        manifest.write(fs, self.dir)?;
        self.pace.look()?;
        Ok(manifest)
    }

    /// What is durable: that a backup whose end is cut off is damaged can be seen in it.
    fn mark(&self) -> Option<Durable> {
        let last = self.source.extents.last()?;
        (self.source.head.0 > 0).then(|| Durable {
            database: self.source.identity.database,
            position: last.header.position + last.end,
            head: self.source.head,
            source: Witness::Mark,
        })
    }

    /// Take a segment, and check what was not checked for an earlier backup.
    fn segment(&mut self, extent: &Extent, journal: &Path) -> Result<()> {
        let Some(name) = extent
            .segment
            .path
            .file_name()
            .and_then(|name| name.to_str())
        else {
            return Err(Error::Closed);
        };
        let path = format!("{FILES}/{JOURNAL}/{name}");
        let to = journal.join(name);
        let segment = BackupSegment {
            first_seq: extent.header.first_seq,
            last_seq: extent.head.0,
            root: to_hex(&extent.head.1),
            groups_end: extent.end,
            sealed: extent.sealed.is_some(),
        };
        if let Some(known) = self.linked_again(&path, extent, &segment, &to)? {
            self.files.push(known);
            return Ok(());
        }
        let bytes = bytes_of(extent);
        let fs = &*self.source.fs;
        let from = &extent.segment;
        let sha256 = match self.linked_anew(extent, &to)? {
            true => {
                let file = open(fs, &to)?;
                // The end of a footer is written without one.
                file.sync_data().map_err(|e| Error::io("sync", &to, e))?;
                let digest = read_through(&to, &*file, bytes, &mut self.pace, &mut |_, _| Ok(()))?;
                self.linked += bytes;
                digest
            }
            false => {
                self.check_room(journal, bytes)?;
                let from = (&*from.path, &*from.file);
                let digest = copy(fs, from, bytes, &to, bytes, &mut self.pace)?;
                self.copied += bytes;
                digest
            }
        };
        let pace = &self.pace;
        let mut step = |_| pace.look();
        let head = check_groups(fs, journal, &extent.header, extent.end, &mut step)?;
        if head != extent.head {
            return Err(corrupt(
                &extent.segment.path,
                "its groups do not end with the Merkle root that they ended with when they were written",
            ));
        }
        self.files.push(BackupFile {
            path,
            bytes,
            sha256: hex(sha256),
            segment: Some(segment),
        });
        Ok(())
    }

    /// Check that there is room for so many bytes more. Where the database lies on the same
    /// disk, what has to stay free stays so: it would take no more writes else.
    fn check_room(&self, dir: &Path, bytes: u64) -> Result<()> {
        let fs = &*self.source.fs;
        let device = |path: &Path| fs.stat(path).map(|found| found.id.0);
        let kept = match (device(&self.source.dir), device(dir)) {
            (Ok(database), Ok(backup)) if database != backup => 0,
            _ => self.source.least_free,
        };
        let needed = bytes.saturating_add(kept.max(MARGIN));
        match fs.space(dir) {
            Ok(space) if space.free < needed => Err(self.no_room(space.free, needed, kept)),
            _ => Ok(()),
        }
    }

    fn no_room(&self, free: u64, needed: u64, kept: u64) -> Error {
        Error::NoRoom {
            path: parent(self.dir),
            free,
            needed,
            kept,
        }
    }

    /// The error of a disk that was full all the same: others write to it, or a quota ends
    /// before it does.
    fn told_of_room(&self, error: Error) -> Error {
        match &error {
            Error::Io { source, .. }
                if matches!(
                    source.kind(),
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded
                ) =>
            {
                let free = self.source.fs.space(&parent(self.dir));
                let free = free.map_or(0, |space| space.free);
                self.no_room(free, self.pace.left().max(MARGIN), 0)
            }
            _ => error,
        }
    }

    /// A second name for a segment of an earlier backup, if that has the same. Its bytes are
    /// read: a disk may have changed them since, and every later backup would have the same
    /// file.
    fn linked_again(
        &mut self,
        path: &str,
        extent: &Extent,
        segment: &BackupSegment,
        to: &Path,
    ) -> Result<Option<BackupFile>> {
        let fs = &*self.source.fs;
        let Some((dir, files)) = &self.previous else {
            return Ok(None);
        };
        let same = |file: &&&BackupFile| {
            extent.sealed == Some(file.bytes) && file.segment.as_ref() == Some(segment)
        };
        let Some(known) = files.get(path).filter(same) else {
            return Ok(None);
        };
        let there = place(dir, path);
        let known = (*known).clone();
        let checked = open_whole(fs, dir, &known)
            .and_then(|(path, file)| check_bytes(&path, &*file, &known, &mut self.pace));
        match checked {
            Ok(()) => {}
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(_damaged) => {
                self.damaged.push(known.path);
                return Ok(None);
            }
        }
        if fs.hard_link(&there, to).is_err() {
            return Ok(None);
        }
        self.linked += known.bytes;
        Ok(Some(known))
    }

    /// A second name for the database's own file, if it is sealed and this can be had.
    fn linked_anew(&self, extent: &Extent, to: &Path) -> Result<bool> {
        let fs = &*self.source.fs;
        let from = &extent.segment;
        if extent.sealed.is_none() || fs.hard_link(&from.path, to).is_err() {
            return Ok(false);
        }
        // The name may lead to another file than the one that is open.
        from.check_place(fs, false)?;
        Ok(true)
    }

    /// A folder of side files: those that are there. Each is replaced as a whole, or
    /// written so that it may be read at any moment.
    fn folder(&mut self, name: &str, files: &Path) -> Result<()> {
        let fs = &*self.source.fs;
        let from = self.source.dir.join(name);
        if !matches!(fs.kind(&from), Ok(Kind::Dir)) {
            return Ok(());
        }
        let to = files.join(name);
        fs.create_dir(&to)
            .map_err(|e| Error::io("create", &to, e))?;
        let mut names = fs.list(&from).map_err(|e| Error::io("list", &from, e))?;
        names.sort_unstable();
        for file in names {
            let path = from.join(&file);
            if !matches!(fs.kind(&path), Ok(Kind::File)) {
                continue;
            }
            let opened = match fs.open_to_read(&path) {
                Ok(opened) => opened,
                // It was replaced or removed since.
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(Error::io("open", &path, e)),
            };
            let len = length(&path, &*opened)?;
            let copied = (&*path, &*opened);
            let digest = copy(fs, copied, len, &to.join(&file), len, &mut self.pace)?;
            self.copied += len;
            self.files.push(BackupFile {
                path: format!("{FILES}/{name}/{file}"),
                bytes: len,
                sha256: hex(digest),
                segment: None,
            });
        }
        sync_dir(fs, &to)
    }

    /// Note a file that was just written.
    fn add(&mut self, path: String, segment: Option<BackupSegment>) -> Result<()> {
        let fs = &*self.source.fs;
        let there = place(self.dir, &path);
        let file = open(fs, &there)?;
        let bytes = length(&there, &*file)?;
        let digest = read_through(&there, &*file, bytes, &mut self.pace, &mut |_, _| Ok(()))?;
        self.copied += bytes;
        self.files.push(BackupFile {
            path,
            bytes,
            sha256: hex(digest),
            segment,
        });
        Ok(())
    }
}
