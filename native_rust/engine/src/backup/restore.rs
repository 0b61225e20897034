//! Making a database of a backup.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::FILES;
use super::copying::{Pace, copy};
use super::manifest::{BackupFile, BackupManifest, BackupSegment, corrupt, place};
use super::target::{name_it, refuse_target};
use super::verify::{check_bytes, check_digest, check_log, open_whole};
use crate::budget::Cancel;
use crate::clock::system_micros;
use crate::error::{Error, InvalidCode, Result};
use crate::fs::{FileSystem, make_dir, parent, replace, sync_dir};
use crate::journal::{
    Cut, IDENTITY, Identity, Journal, Progress, RecoverError, RecoverOptions, append_transactions,
    cut_at, recover,
};
use crate::limits::{Limits, RecoveryPolicy};
use crate::open::home::JOURNAL;
use crate::open::making::Making;
use crate::types::{Hash, format_timestamp, to_hex};

/// Name of the file that says of which log a restored database is a copy.
const RESTORED: &str = "RESTORED.json";

/// How a backup is restored.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// The last block to restore: where it lies within a transaction, the transaction
    /// before ends the database. Nothing: all blocks.
    pub until: Option<u64>,
    /// Ends it: nothing is left of it then.
    pub cancel: Cancel,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// The backup.
    pub manifest: BackupManifest,
    /// Public id of the log that the database has now.
    pub log: String,
    /// It ends with the block of this sequence.
    pub tree_size: u64,
    /// Merkle root over the blocks up to there: that of the original at this size.
    pub root: Hash,
    /// Bytes of its journal.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// What a restored database has of where it comes from.
#[derive(Serialize)]
struct Restored<'a> {
    database: &'a str,
    log: &'a str,
    tree_size: u64,
    root: String,
    time: String,
}

/// Make a database in the folder `to`, which is not there yet, of the backup in `from`.
/// Every file is held against its digest, and the blocks against the Merkle root. What is
/// there in the end is the whole database or nothing. It has a log id of its own, also where
/// all of it was restored: the original may have gone on after the backup, so whoever
/// follows by sequence may have seen other blocks than those to come.
///
/// Reads everything once from the backup and once from the copy. `progress` is called every
/// megabyte.
///
/// # Errors
/// [`Error::Invalid`] where `to` is there, or would lie
/// within a database or a backup, or the backup ends before `until`;
/// [`Error::NotFound`] where there is no backup; [`Error::Corrupt`] where it is damaged;
/// [`Error::Cancelled`], [`Error::UnsupportedFormat`], [`Error::Io`].
pub fn restore(
    fs: &Arc<dyn FileSystem>,
    from: &Path,
    to: &Path,
    options: &RestoreOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<RestoreReport> {
    let begun = Instant::now();
    let manifest = BackupManifest::read(&**fs, from)?;
    let until = options.until.unwrap_or(manifest.tree_size);
    if until > manifest.tree_size {
        let detail = format!(
            "the backup ends with block {}, expected at most that, and not {until}",
            manifest.tree_size
        );
        return Err(Error::invalid(InvalidCode::Parameter, "/until", detail));
    }
    refuse_target(&**fs, to)?;
    let around = parent(to);
    if fs.kind(&around).is_err() {
        make_dir(&**fs, &around)?;
    }
    let making = Making::begin(&**fs, to)?;
    let wanted = |file: &&BackupFile| {
        let segment = file.segment.as_ref();
        segment.is_none_or(|segment| segment.first_seq <= until.max(1))
    };
    let total = manifest
        .files
        .iter()
        .filter(wanted)
        .map(|file| file.bytes)
        .sum();
    let mut restoring = Restoring {
        fs,
        from,
        dir: making.dir(),
        manifest: &manifest,
        until,
        pace: Pace::new(options.cancel.clone(), 0, total, progress),
    };
    let (log, tree_size, root, bytes) = restoring.everything()?;
    name_it(&**fs, making, to)?;
    Ok(RestoreReport {
        log,
        tree_size,
        root,
        bytes,
        manifest,
        elapsed: begun.elapsed(),
    })
}

/// A backup that is being restored.
struct Restoring<'a> {
    fs: &'a Arc<dyn FileSystem>,
    from: &'a Path,
    dir: &'a Path,
    manifest: &'a BackupManifest,
    until: u64,
    pace: Pace<'a>,
}

impl Restoring<'_> {
    fn everything(&mut self) -> Result<(String, u64, Hash, u64)> {
        let fs = &**self.fs;
        let journal_dir = self.dir.join(JOURNAL);
        fs.create_dir(&journal_dir)
            .map_err(|e| Error::io("create", &journal_dir, e))?;
        let mut cut = Cut::default();
        let manifest = self.manifest;
        for file in &manifest.files {
            match &file.segment {
                Some(segment) if segment.first_seq <= self.until.max(1) => {
                    if let Some(here) = self.segment(file, segment)? {
                        cut = here;
                    }
                }
                Some(_) => {}
                None => self.side_file(file)?,
            }
        }
        sync_dir(fs, &journal_dir)?;
        let mut journal = self.open(&journal_dir)?;
        append_transactions(&mut journal, &cut.more, system_micros())?;
        let (tree_size, root) = (journal.tree().size(), journal.tree().root());
        self.check_root(tree_size, &root)?;
        journal.mark_durable()?;
        let bytes = journal.end();
        drop(journal);
        let old = check_log(fs, &self.from.join(FILES), manifest)?;
        let identity = Identity::new(old.database, old.created);
        identity.write(fs, self.dir)?;
        let restored = Restored {
            database: &manifest.database,
            log: &manifest.log,
            tree_size,
            root: to_hex(&root),
            time: format_timestamp(system_micros()),
        };
        let mut text = serde_json::to_vec_pretty(&restored).unwrap_or_default();
        text.push(b'\n');
        replace(fs, self.dir, RESTORED, &text)?;
        self.pace.look()?;
        Ok((identity.log_hex(), tree_size, root, bytes))
    }

    /// Copy a segment as far as it is wanted; where it is the last one, says how far that
    /// was.
    fn segment(&mut self, file: &BackupFile, segment: &BackupSegment) -> Result<Option<Cut>> {
        open_whole(&**self.fs, self.from, file)?;
        let last = segment.last_seq >= self.until;
        let cut = match last {
            true => {
                let dir = parent(&place(self.from, &file.path));
                let end = segment.groups_end;
                Some(cut_at(
                    &**self.fs,
                    &dir,
                    segment.first_seq,
                    end,
                    self.until,
                )?)
            }
            false => None,
        };
        // The last segment of a journal has no footer.
        let keep = cut.as_ref().map_or(file.bytes, |cut| cut.offset);
        self.copy(file, keep)?;
        Ok(cut)
    }

    /// Copy the identity of webhooks and the like. What is of the log itself is made anew.
    fn side_file(&mut self, file: &BackupFile) -> Result<()> {
        let inner = file.path.strip_prefix(FILES).unwrap_or_default();
        let inner = inner.trim_start_matches('/');
        match inner.split_once('/') {
            Some((JOURNAL, _)) => self.check(file),
            None if inner == IDENTITY => self.check(file),
            None => self.copy(file, file.bytes),
            Some((folder, _)) => {
                let dir = self.dir.join(folder);
                let fs = &**self.fs;
                fs.create_dir(&dir)
                    .map_err(|e| Error::io("create", &dir, e))?;
                self.copy(file, file.bytes)?;
                sync_dir(fs, &dir)
            }
        }
    }

    /// Copy the first bytes of a file, all of which has to match its digest.
    fn copy(&mut self, file: &BackupFile, keep: u64) -> Result<()> {
        let fs = &**self.fs;
        let (from, opened) = open_whole(fs, self.from, file)?;
        let inner = file.path.strip_prefix(FILES).unwrap_or_default();
        let to = place(self.dir, inner.trim_start_matches('/'));
        let pace = &mut self.pace;
        let digest = copy(fs, (&from, &*opened), file.bytes, &to, keep, pace)?;
        check_digest(&from, file, digest)
    }

    /// Hold a file that is not copied against its digest.
    fn check(&mut self, file: &BackupFile) -> Result<()> {
        let (path, opened) = open_whole(&**self.fs, self.from, file)?;
        check_bytes(&path, &*opened, file, &mut self.pace)
    }

    /// Open the copy, which reads and checks all of it and writes the footers it lacks.
    fn open(&self, dir: &Path) -> Result<Journal> {
        let options = RecoverOptions {
            segment_bytes: Limits::default().segment_bytes,
            policy: RecoveryPolicy::RefuseTornTail,
            durable: None,
            marked: 0,
            start: None,
        };
        let cancel = self.pace.cancel.clone();
        let replay = |_: &crate::block::Block<'_>, _| match cancel.is_cancelled() {
            true => Err("the restore was stopped".to_owned()),
            false => Ok(()),
        };
        let opened = recover(Arc::clone(self.fs), dir, options, replay);
        self.pace.look()?;
        match opened {
            Ok(opened) => Ok(opened.journal),
            Err(RecoverError::Failed(error)) => Err(error),
            Err(RecoverError::StartRefused(cause)) => Err(Error::Poisoned {
                cause: cause.into(),
            }),
        }
    }

    /// All of it has the root of the manifest; less of it has one that the journal proved.
    fn check_root(&self, tree_size: u64, root: &Hash) -> Result<()> {
        let whole = self.until == self.manifest.tree_size;
        let expected = self.manifest.root_hash();
        match !whole || (tree_size == self.until && Some(*root) == expected) {
            true => Ok(()),
            false => Err(corrupt(
                self.from,
                format!(
                    "its journal has {tree_size} blocks with the Merkle root {}, its manifest says {} with {}",
                    to_hex(root),
                    self.manifest.tree_size,
                    self.manifest.root
                ),
            )),
        }
    }
}
