//! Writing a snapshot while the database goes on.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::frames::{FrameKind, FrameWriter};
use super::records::{Totals, VersionCodec, groups, put_id, put_kinds, put_locations, put_part};
use super::wire::put_bytes;
use super::{SnapshotMark, WrittenSnapshot, file_name, parse_file_name};
use crate::error::{Error, Result};
use crate::fs::{FileSystem, make_dir};
use crate::index::kinds::Kinds;
use crate::index::{Indexes, SeriesPart, SharedSeries, VersionCursor};
use crate::journal::BlockLocation;
use crate::merkle::LOWEST;
use crate::types::Hash;

/// Name of a snapshot that is not finished yet.
const UNFINISHED: &str = "snapshot.tmp";

/// How much is done at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    /// Versions, ids and nodes read under one hold of a lock.
    pub entries: u32,
    /// Block locations read under one hold of a lock.
    pub blocks: u64,
    /// Points read under one hold of a series' lock.
    pub points: usize,
    /// Bytes of payload at which a frame is closed.
    pub frame: usize,
}

impl Default for Steps {
    /// Each a short hold of a lock: a block is a copy, and points cost most where they
    /// came alone. Frames are long enough for a
    /// disk to write them at full speed, and little beside the indexes.
    fn default() -> Self {
        Self {
            entries: 1_024,
            blocks: 4_096,
            points: 4_096,
            frame: 256 << 10,
        }
    }
}

/// When taking a snapshot is given up: once somebody says so, or after some time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    told: Arc<AtomicBool>,
    after: Option<Instant>,
}

impl Stop {
    /// Give up then.
    pub(crate) fn at(instant: Instant) -> Self {
        Self {
            after: Some(instant),
            ..Self::default()
        }
    }

    /// Give up now.
    pub(crate) fn now(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    fn is_due(&self) -> bool {
        self.told.load(Ordering::Relaxed) || self.after.is_some_and(|at| at <= Instant::now())
    }
}

/// Write the snapshot that `mark` is about into `dir`, which is made where it is
/// missing, and remove all others once it is durable.
///
/// The indexes are read in short holds of their locks, as of the mark's sequence,
/// which must be published and durable; writers go on in between. Memory: less
/// than a megabyte. Linear in features and points.
///
/// # Errors
/// [`Error::Io`]; [`Error::Closed`] once `stop` says so. What was written of the
/// file is removed.
pub(crate) fn write(
    fs: &dyn FileSystem,
    dir: &Path,
    indexes: &Indexes,
    mark: &SnapshotMark,
    stop: &Stop,
) -> Result<WrittenSnapshot> {
    write_in_steps(fs, dir, indexes, mark, stop, Steps::default())
}

/// [`write`], doing so much at a time.
pub(super) fn write_in_steps(
    fs: &dyn FileSystem,
    dir: &Path,
    indexes: &Indexes,
    mark: &SnapshotMark,
    stop: &Stop,
    steps: Steps,
) -> Result<WrittenSnapshot> {
    let begun = Instant::now();
    let seq = mark.journal.tree.size();
    debug_assert!(seq <= indexes.published(), "a snapshot of the future");
    make_dir(fs, dir)?;
    let unfinished = dir.join(UNFINISHED);
    remove(fs, dir, &[UNFINISHED.to_owned()])?;
    let written = Writing {
        frames: FrameWriter::create(fs, &unfinished, &mark.header(), steps.frame)?,
        steps,
        totals: Totals::default(),
        indexes,
        seq,
        stop,
    };
    let bytes = match written.all(mark) {
        Ok(bytes) => bytes,
        Err(error) => {
            // The first failure is the one to tell of.
            let _ = fs.remove_file(&unfinished);
            return Err(error);
        }
    };
    if let Err(error) = indexes.check_whole() {
        let _ = fs.remove_file(&unfinished);
        return Err(error);
    }
    let path = dir.join(file_name(seq));
    fs.rename(&unfinished, &path)
        .map_err(|e| Error::io("rename", &unfinished, e))?;
    fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    remove_others(fs, dir, seq)?;
    Ok(WrittenSnapshot {
        seq,
        bytes,
        elapsed: begun.elapsed(),
    })
}

/// Remove those of `names` that are in `dir`.
fn remove(fs: &dyn FileSystem, dir: &Path, names: &[String]) -> Result<()> {
    let there = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    for name in there.iter().filter(|name| names.contains(name)) {
        let path = dir.join(name);
        fs.remove_file(&path)
            .map_err(|e| Error::io("remove", &path, e))?;
    }
    Ok(())
}

/// Remove all snapshots but that of `seq`.
fn remove_others(fs: &dyn FileSystem, dir: &Path, seq: u64) -> Result<()> {
    let there = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    let is_other = |name: &&String| parse_file_name(name).is_some_and(|other| other != seq);
    let others: Vec<String> = there.iter().filter(is_other).cloned().collect();
    remove(fs, dir, &others)
}

/// A snapshot being written.
struct Writing<'a> {
    frames: FrameWriter,
    totals: Totals,
    steps: Steps,
    indexes: &'a Indexes,
    seq: u64,
    stop: &'a Stop,
}

impl Writing<'_> {
    /// Everything after the header. Returns the length of the file.
    fn all(mut self, mark: &SnapshotMark) -> Result<u64> {
        self.versions()?;
        self.ids()?;
        self.blocks()?;
        self.kinds()?;
        self.nodes()?;
        self.series()?;
        for bytes in mark.extra.chunks(self.steps.frame) {
            self.totals.extra += bytes.len() as u64;
            self.frames
                .records(FrameKind::Extra, |out| put_bytes(bytes, out))?;
        }
        let totals = self.totals;
        self.frames.records(FrameKind::End, |out| totals.put(out))?;
        self.frames.finish()
    }

    /// Between any two holds of a lock.
    fn check_stop(&self) -> Result<()> {
        match self.stop.is_due() {
            true => Err(Error::Closed),
            // Of indexes that may be half-written there is no snapshot.
            false => self.indexes.check_whole(),
        }
    }

    fn versions(&mut self) -> Result<()> {
        let mut cursor = VersionCursor::default();
        let mut codec = VersionCodec::default();
        let step = self.steps.entries as usize;
        let mut versions = Vec::with_capacity(step);
        let mut more = true;
        while more {
            self.check_stop()?;
            versions.clear();
            more = self.indexes.features.read().stored_versions(
                &mut cursor,
                self.seq,
                step,
                &mut versions,
            );
            self.totals.versions += versions.len() as u64;
            let oldest = versions.iter().filter(|version| version.oldest);
            self.totals.ids += oldest.count() as u64;
            self.frames.records(FrameKind::Versions, |out| {
                for version in &versions {
                    codec.put(version, out);
                }
            })?;
        }
        Ok(())
    }

    /// The ids of the features whose versions were written.
    fn ids(&mut self) -> Result<()> {
        let count = u32::try_from(self.totals.ids).unwrap_or(u32::MAX);
        let mut ids = Vec::new();
        let steps = self.steps.entries;
        for from in (0..count).step_by(steps as usize) {
            self.check_stop()?;
            ids.clear();
            let step = steps.min(count - from);
            let features = self.indexes.features.read();
            features.stored_ids(from, step, |id| put_id(id, &mut ids));
            drop(features);
            self.frames
                .records(FrameKind::Ids, |out| out.extend_from_slice(&ids))?;
        }
        Ok(())
    }

    fn blocks(&mut self) -> Result<()> {
        let mut locations: Vec<(BlockLocation, bool)> = Vec::new();
        let mut next = 1;
        while next <= self.seq {
            self.check_stop()?;
            locations.clear();
            let step = next..=self.seq.min(next + self.steps.blocks - 1);
            let blocks = self.indexes.blocks.read();
            locations.extend(step.map_while(|seq| Some((blocks.get(seq)?, blocks.begins(seq)))));
            drop(blocks);
            if locations.is_empty() {
                // Closed, and its memory given back.
                return Err(Error::Closed);
            }
            next += locations.len() as u64;
            self.totals.blocks += locations.len() as u64;
            self.frames
                .records(FrameKind::Blocks, |out| put_locations(&locations, out))?;
        }
        Ok(())
    }

    /// What kinds of operations are among the blocks of each group. The last one may have
    /// those of later blocks, too: whoever looks for some looks at the blocks.
    fn kinds(&mut self) -> Result<()> {
        let count = groups(self.seq);
        let mut kinds: Vec<Kinds> = Vec::new();
        let mut next = 0;
        while next < count {
            self.check_stop()?;
            kinds.clear();
            let step = next..count.min(next + u64::from(self.steps.entries));
            let blocks = self.indexes.blocks.read();
            let group = |number: u64| blocks.kinds(usize::try_from(number).ok()?);
            kinds.extend(step.map_while(group));
            drop(blocks);
            if kinds.is_empty() {
                return Err(Error::Closed);
            }
            next += kinds.len() as u64;
            self.totals.kinds += kinds.len() as u64;
            self.frames
                .records(FrameKind::Kinds, |out| put_kinds(&kinds, out))?;
        }
        Ok(())
    }

    /// The nodes of the lowest level kept: the others follow from them.
    fn nodes(&mut self) -> Result<()> {
        let count = self.seq >> LOWEST;
        let mut nodes: Vec<Hash> = Vec::new();
        let mut next = 0;
        while next < count {
            self.check_stop()?;
            nodes.clear();
            let step = next..count.min(next + u64::from(self.steps.entries));
            let table = self.indexes.nodes.read();
            nodes.extend(step.map_while(|index| table.get(LOWEST, index)));
            drop(table);
            if nodes.is_empty() {
                return Err(Error::Closed);
            }
            next += nodes.len() as u64;
            self.totals.nodes += nodes.len() as u64;
            self.frames.records(FrameKind::Nodes, |out| {
                out.extend_from_slice(nodes.as_flattened());
            })?;
        }
        Ok(())
    }

    fn series(&mut self) -> Result<()> {
        let mut last: Option<Arc<str>> = None;
        loop {
            // Those that are made meanwhile have nothing to store, wherever they come.
            let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let some = self.steps.entries as usize;
            let mut found = self.indexes.series.in_order(from, some).peekable();
            if found.peek().is_none() {
                return Ok(());
            }
            for (id, series) in found {
                self.parts(&id, &series)?;
                last = Some(id);
            }
        }
    }

    /// One series, unless it has no points yet.
    fn parts(&mut self, id: &str, series: &SharedSeries) -> Result<()> {
        let mut part = SeriesPart::default();
        let mut resume = None;
        loop {
            self.check_stop()?;
            resume = series
                .read()
                .stored_part(self.seq, resume, self.steps.points, &mut part);
            if !part.timestamps.is_empty() {
                self.totals.parts += 1;
                self.frames
                    .records(FrameKind::Series, |out| put_part(id, &mut part, out))?;
            }
            if resume.is_none() {
                return Ok(());
            }
        }
    }
}
