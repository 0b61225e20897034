//! Reading the newest snapshot that is of use and the journal after it, or all of the journal.

use crate::budget::Cancel;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::index::memory;
use crate::journal::{Durable, Opened, RecoverError, RecoverOptions, Start, Witness, recover};
use crate::limits::Limits;
use crate::mem::Pool;
use crate::open::growth::{self, Growth};
use crate::snapshot::{self, SnapshotUsed};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rebuild::Rebuild;
/// Where everything is read from, and what was found out.
pub(super) struct Reading<'a> {
    pub(super) fs: &'a Arc<dyn FileSystem>,
    pub(super) journal_dir: &'a Path,
    pub(super) snapshots_dir: &'a Path,
    pub(super) limits: &'a Limits,
    /// What the mark or the newest whole snapshot says, be that of use or not, whichever
    /// is later: blocks up to there were durable.
    pub(super) durable: Option<Durable>,
    /// Journal position of the mark.
    pub(super) marked: u64,
    /// Journal position of the last snapshot that was tried.
    pub(super) snapshot_position: u64,
    /// How long it took to read the journal and enter what it says.
    pub(super) replayed: Duration,
    /// Why snapshots were of no use.
    pub(super) ignored: Vec<String>,
    /// The one that was.
    pub(super) used: Option<SnapshotUsed>,
    /// Why the indexes could not grow.
    pub(super) full: Option<Error>,
    /// Set when the database is to be closed before it is open.
    pub(super) cancel: &'a Cancel,
    /// What the indexes take their memory from.
    pub(super) memory: &'a Arc<Pool>,
}

impl Reading<'_> {
    /// The journal and the indexes.
    pub(super) fn indexes(&mut self) -> Result<(Opened, Rebuild)> {
        let seqs = snapshot::newest_first(&**self.fs, self.snapshots_dir);
        let seqs = seqs.unwrap_or_else(|error| {
            self.ignored.push(error.to_string());
            Vec::new()
        });
        for seq in seqs {
            if self.cancel.is_cancelled() {
                return Err(Error::Closed);
            }
            match self.with_snapshot(seq) {
                Ok(read) => return Ok(read),
                Err(reason) => {
                    // Reading more of the journal would take as much.
                    if let Some(full) = self.full.take() {
                        return Err(full);
                    }
                    let name = snapshot::file_name(seq);
                    self.ignored.push(format!("{name} is ignored: {reason}"));
                }
            }
        }
        let mut replay = Rebuild::new(self.limits, self.growth(0));
        match self.replay(None, &mut replay) {
            Ok(opened) => Ok((opened, replay)),
            Err(RecoverError::Failed(error)) => Err(replay.growth.stopped().unwrap_or(error)),
            // There was none to refuse.
            Err(RecoverError::StartRefused(_)) => Err(Error::Closed),
        }
    }

    /// The same, from the snapshot as of `seq`, or why that is of no use.
    fn with_snapshot(&mut self, seq: u64) -> Result<(Opened, Rebuild), String> {
        let mut growth = self.growth(0);
        let path = self.snapshots_dir.join(snapshot::file_name(seq));
        let len = self.fs.stat(&path).map(|found| found.len);
        // It is packed: what it is unpacked to takes more than that.
        let least = len.map_or(0, |len| usize::try_from(len).unwrap_or(usize::MAX));
        if let Err(full) = growth.loaded(least) {
            self.full = growth.stopped();
            return Err(full.to_string());
        }
        let loaded = snapshot::load(&**self.fs, self.snapshots_dir, seq)?;
        drop(growth);
        let mut growth = self.growth(loaded.position);
        let (features, series) = (&loaded.features, &loaded.series);
        let blocks = memory::of_blocks(loaded.start.tree.size());
        if let Err(full) = growth.loaded(features.memory() + series.memory() + blocks) {
            self.full = growth.stopped();
            return Err(full.to_string());
        }
        let start = &loaded.start;
        let durable = Durable {
            database: start.database,
            position: loaded.position,
            head: (start.seq, start.tree.root()),
            source: Witness::Snapshot,
        };
        self.durable = Durable::later(self.durable, Some(durable));
        self.snapshot_position = loaded.position;
        let mut replay = Rebuild {
            features: loaded.features,
            series: loaded.series,
            blocks: loaded.blocks,
            points: loaded.points,
            last_time: loaded.start.last_time,
            ..Rebuild::new(self.limits, growth)
        };
        let Rebuild {
            keys,
            attributes,
            webhooks,
            defaults,
            reverts,
            series,
            ..
        } = &mut replay;
        let tables = (&mut *attributes, webhooks, defaults);
        snapshot::decode_extra(&loaded.extra, seq, keys, tables, reverts)?;
        // Those of them that have no points are in no other part of it.
        for (id, versions) in attributes.all() {
            let present = versions.last().is_some_and(|version| !version.deleted);
            series.note_attributes(id, present);
        }
        let opened = match self.replay(Some(loaded.start), &mut replay) {
            Ok(opened) => opened,
            Err(RecoverError::StartRefused(reason)) => return Err(reason),
            // What is wrong may be the snapshot. If it is the journal, reading all
            // of it will say so.
            Err(RecoverError::Failed(error)) => {
                self.full = replay.growth.stopped();
                return Err(format!("the journal after it does not open: {error}"));
            }
        };
        self.used = Some(SnapshotUsed {
            seq,
            bytes: loaded.bytes,
        });
        Ok((opened, replay))
    }

    /// Of a journal that is read from this position on.
    fn growth(&self, position: u64) -> Growth {
        let total = growth::bytes_in(&**self.fs, self.journal_dir);
        Growth::new(self.memory, total.saturating_sub(position))
    }

    fn replay(
        &mut self,
        start: Option<Start>,
        replay: &mut Rebuild,
    ) -> std::result::Result<Opened, RecoverError> {
        let options = RecoverOptions {
            segment_bytes: self.limits.segment_bytes,
            policy: self.limits.recovery,
            durable: self.durable,
            marked: self.marked,
            start,
        };
        let begun = Instant::now();
        let read = recover(
            Arc::clone(self.fs),
            self.journal_dir,
            options,
            |block, location| match self.cancel.is_cancelled() {
                true => Err("reading it was given up".into()),
                false => replay.block(block, location),
            },
        );
        self.replayed = begun.elapsed();
        read
    }
}
