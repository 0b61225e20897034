//! Opening a database: the newest snapshot that is of use, then the journal after
//! it, or the whole journal where there is none.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::report::Recovered;
use crate::block::{Block, Effect, IdempotencyKey};
use crate::budget::Cancel;
use crate::clock::{Clock, system_micros};
use crate::commit::committer::Committer;
use crate::commit::queue::{WriteQueue, write_queue};
use crate::commit::snapshotter::Snapshotter;
use crate::error::{Error, Result};
use crate::fs::{FileSystem, make_dir};
use crate::index::Change;
use crate::index::Rebuilt;
use crate::index::keys::{KeyEntry, KeyTable};
use crate::index::reverts::RevertTable;
use crate::index::{BlockTable, FeatureLoader, TemporalIndex, memory};
use crate::journal::BlockLocation;
use crate::journal::{
    self, Durable, IDENTITY, Identity, Opened, RecoverError, RecoverOptions, Source, Start, recover,
};
use crate::limits::Limits;
use crate::mem::{Memory, Pool};
use crate::open::growth::{self, Growth};
use crate::open::home::{self, JOURNAL, Place};
use crate::planted::{Bug, planted};
use crate::snapshot::{self, SNAPSHOTS, SnapshotUsed};
use crate::state::CursorKey;
use crate::state::blocks::{damaged, read_block};
use crate::state::{Head, State};

/// The parts of a database that is ready to run.
pub(crate) struct Opening {
    pub state: Arc<State>,
    pub queue: WriteQueue,
    /// To be run on a thread of its own.
    pub committer: Committer,
    /// What opening found and did.
    pub recovered: Recovered,
    pub place: Place,
}

/// Open the database in `dir`, as [`crate::Database::open`] says.
pub(crate) fn open(
    fs: Arc<dyn FileSystem>,
    dir: &Path,
    limits: Limits,
    memory: Memory,
    cancel: &Cancel,
) -> Result<Opening> {
    limits.validate()?;
    let begun = Instant::now();
    let created = home::create(&*fs, dir, system_micros())?;
    let journal_dir = dir.join(JOURNAL);
    check_journal(&*fs, dir, &journal_dir)?;
    let lock = home::take_lock(&*fs, dir)?;
    let identity = Identity::read(&*fs, dir)?;
    let mark = Durable::read(&*fs, &journal_dir)?;
    let snapshots_dir = dir.join(SNAPSHOTS);
    let mut reading = Reading {
        fs: &fs,
        journal_dir: &journal_dir,
        snapshots_dir: &snapshots_dir,
        limits: &limits,
        durable: mark,
        marked: mark.map_or(0, |mark| mark.position),
        snapshot_position: 0,
        ignored: Vec::new(),
        used: None,
        cancel,
        memory: &memory.indexes,
        full: None,
    };
    let read = reading.indexes();
    if cancel.is_cancelled() {
        return Err(Error::Closed);
    }
    let (opened, replay) = read?;
    let snapshot_position = reading.snapshot_position;
    let Opened {
        journal,
        segments,
        nodes,
        database,
        created: since,
        report,
    } = opened;
    let identity = identify(&*fs, dir, identity, Identity::new(database, since))?;
    let cursors = CursorKey::new(&identity.database, &identity.log);
    let place = Place::new(&fs, dir, &*lock, identity)?;
    let mut recovered = Recovered::new(report, reading.used);
    recovered.created = created;
    recovered.snapshots_ignored = reading.ignored;
    let Replay {
        growth,
        features,
        series,
        blocks,
        reverts,
        keys,
        points,
        last_time,
    } = replay;
    let features = features.finish();

    let head = Head {
        tree_size: journal.tree().size(),
        tree_root: journal.tree().root(),
        durable_size: journal.tree().size(),
        root: journal.tree().root(),
        journal_bytes: journal.end(),
        features: features.len() as u64,
        series: series.len() as u64,
        points,
    };
    let indexes = Rebuilt {
        features,
        series,
        blocks,
        nodes,
        reverts,
    };
    let (queue, intake) = write_queue(&limits, &memory.work);
    let clock = Clock::new(last_time, &limits);
    let mut state = State::new(indexes, segments, limits, memory, head, clock);
    state.cursors = cursors;
    let state = Arc::new(state);
    give_shapes(&state)?;
    recovered.elapsed = begun.elapsed();
    let index_memory = growth.finish(state.indexes.memory() + keys.memory())?;
    let used = recovered.snapshot.map(|used| (used, snapshot_position));
    let snapshotter = Snapshotter::new(fs, snapshots_dir, Arc::clone(&state), used);
    let committer = Committer {
        state: Arc::clone(&state),
        intake,
        journal,
        points,
        keys,
        snapshotter,
        index_memory,
        sync_by: None,
        lock,
    };
    Ok(Opening {
        state,
        queue,
        committer,
        recovered,
        place,
    })
}

/// Check that the journal is there.
fn check_journal(fs: &dyn FileSystem, dir: &Path, journal_dir: &Path) -> Result<()> {
    match home::check(fs, dir) {
        Err(Error::Lost { .. }) if planted(Bug::LostJournalOpens) => {
            make_dir(fs, journal_dir)?;
            journal::create(fs, journal_dir, system_micros()).map(|_| ())
        }
        checked => checked,
    }
}

/// The identity of the database in `dir`, whose journal says that it is `new`: the
/// one it had, or this one where it was made before there were identity files.
fn identify(
    fs: &dyn FileSystem,
    dir: &Path,
    known: Option<Identity>,
    new: Identity,
) -> Result<Identity> {
    match known {
        Some(known) if known.database == new.database => Ok(known),
        Some(_) => Err(Error::Corrupt {
            path: dir.join(IDENTITY),
            offset: 0,
            reason: "the identity file is of one database and the journal of another".into(),
            advice: "Nothing was changed. Put the journal back that belongs to this folder, or, if the journal is the right one, remove the identity file: then opening gives the database a new log id",
        }),
        None => new.write(fs, dir).map(|()| new),
    }
}

/// Read the shapes of features that came without one, from blocks that the tree vouches
/// for.
fn give_shapes(state: &State) -> Result<()> {
    let without: Vec<(u32, u64)> = state.indexes.features.read().without_shape().collect();
    for (number, seq) in without {
        let bytes = read_block(state, seq)?;
        let block = Block::decode(&bytes).map_err(|reason| damaged(state, seq, reason))?;
        let effect = block.effect().map_err(|e| damaged(state, seq, e))?;
        if let Effect::PutFeature(feature) = effect {
            let mut features = state.indexes.features.write();
            features.set_shape(number, &feature.shape);
        }
    }
    Ok(())
}

/// Where everything is read from, and what was found out.
struct Reading<'a> {
    fs: &'a Arc<dyn FileSystem>,
    journal_dir: &'a Path,
    snapshots_dir: &'a Path,
    limits: &'a Limits,
    /// What the mark or the newest whole snapshot says, be that of use or not, whichever
    /// is later: blocks up to there were durable.
    durable: Option<Durable>,
    /// Journal position of the mark.
    marked: u64,
    /// Journal position of the last snapshot that was tried.
    snapshot_position: u64,
    /// Why snapshots were of no use.
    ignored: Vec<String>,
    /// The one that was.
    used: Option<SnapshotUsed>,
    /// Why the indexes could not grow.
    full: Option<Error>,
    /// Set when the database is to be closed before it is open.
    cancel: &'a Cancel,
    /// What the indexes take their memory from.
    memory: &'a Arc<Pool>,
}

impl Reading<'_> {
    /// The journal and the indexes.
    fn indexes(&mut self) -> Result<(Opened, Replay)> {
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
        let mut replay = Replay::new(self.limits, self.growth(0));
        match self.replay(None, &mut replay) {
            Ok(opened) => Ok((opened, replay)),
            Err(RecoverError::Failed(error)) => Err(replay.growth.stopped().unwrap_or(error)),
            // There was none to refuse.
            Err(RecoverError::StartRefused(_)) => Err(Error::Closed),
        }
    }

    /// The same, from the snapshot as of `seq`, or why that is of no use.
    fn with_snapshot(&mut self, seq: u64) -> Result<(Opened, Replay), String> {
        let mut growth = self.growth(0);
        let path = self.snapshots_dir.join(snapshot::file_name(seq));
        let len = self.fs.open(&path, false).and_then(|file| file.len());
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
            source: Source::Snapshot,
        };
        self.durable = Durable::later(self.durable, Some(durable));
        self.snapshot_position = loaded.position;
        let mut replay = Replay {
            features: loaded.features,
            series: loaded.series,
            blocks: loaded.blocks,
            points: loaded.points,
            last_time: loaded.start.last_time,
            ..Replay::new(self.limits, growth)
        };
        let Replay { keys, reverts, .. } = &mut replay;
        snapshot::decode_extra(&loaded.extra, keys, reverts)?;
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
        &self,
        start: Option<Start>,
        replay: &mut Replay,
    ) -> std::result::Result<Opened, RecoverError> {
        let options = RecoverOptions {
            segment_bytes: self.limits.segment_bytes,
            policy: self.limits.recovery,
            durable: self.durable,
            marked: self.marked,
            start,
        };
        recover(
            Arc::clone(self.fs),
            self.journal_dir,
            options,
            |block, location| match self.cancel.is_cancelled() {
                true => Err("reading it was given up".into()),
                false => replay.block(block, location),
            },
        )
    }
}

/// What is rebuilt while the journal is read.
struct Replay {
    growth: Growth,
    features: FeatureLoader,
    series: TemporalIndex,
    blocks: BlockTable,
    reverts: RevertTable,
    keys: KeyTable,
    points: u64,
    last_time: i64,
}

impl Replay {
    fn new(limits: &Limits, growth: Growth) -> Self {
        Self {
            growth,
            features: FeatureLoader::default(),
            series: TemporalIndex::default(),
            blocks: BlockTable::default(),
            reverts: RevertTable::default(),
            keys: KeyTable::new(limits),
            points: 0,
            last_time: 0,
        }
    }

    fn block(&mut self, block: &Block<'_>, location: BlockLocation) -> Result<(), String> {
        self.blocks.push(location, block.seq == block.txn);
        self.last_time = block.time;
        let (features, series) = (&self.features, &self.series);
        let tables = self.keys.memory() + self.reverts.memory();
        let taken = || features.memory() + series.memory() + memory::of_blocks(block.seq) + tables;
        let room = self.growth.replayed(block.seq, location.len, taken);
        room.map_err(|full| full.to_string())?;
        if planted(Bug::ReplayHalf) && block.seq > block.txn {
            return Ok(());
        }
        let seq = block.seq;
        let effect = block.effect().map_err(|e| e.to_string())?;
        let reverted = block.action().map_err(|e| e.to_string())?.reverts;
        if let Some(reverted) = reverted {
            self.reverts.insert(reverted, seq);
        }
        self.key(block)?;
        let points = self.points;
        let living = self.features.living();
        self.enter(block, &effect, reverted)?;
        if let Some(entry) = self.keys.last_mut(block.txn) {
            entry.last_seq = seq;
            if matches!(effect, Effect::DeletePoints(_)) {
                entry.points_deleted += points.saturating_sub(self.points);
            }
            // One that was there leaves as many as there were.
            let put = matches!(effect, Effect::PutFeature(_)) && reverted.is_none();
            entry.features_replaced += u64::from(put && self.features.living() == living);
        }
        Ok(())
    }

    /// Enters into the indexes what a block did.
    fn enter(
        &mut self,
        block: &Block<'_>,
        effect: &Effect<'_>,
        reverted: Option<u64>,
    ) -> Result<(), String> {
        let change = Change::of_effect(effect, reverted);
        if change.is_about_a_feature() {
            let before = change.enter_feature(&mut self.features, block.seq);
            return same_version(block.seq, block.prev, before);
        }
        let points = change.enter_points(&self.series, block.seq, usize::MAX);
        self.points = (self.points + points.added).saturating_sub(points.deleted);
        Ok(())
    }

    /// The idempotency key of the block's transaction.
    fn key(&mut self, block: &Block<'_>) -> Result<(), String> {
        let Some((text, request)) = block.key else {
            return Ok(());
        };
        let request = request
            .try_into()
            .map_err(|_| "an idempotency key with a digest of another length")?;
        if planted(Bug::ForgetKeys) {
            return Ok(());
        }
        self.keys.insert(KeyEntry {
            key: IdempotencyKey {
                text: text.into(),
                request,
            },
            first_seq: block.seq,
            last_seq: block.seq,
            time: block.time,
            points_deleted: 0,
            features_replaced: 0,
        });
        Ok(())
    }
}

/// The version that a block names as the one before must be the one there is.
fn same_version(seq: u64, named: Option<u64>, there: Option<u64>) -> Result<(), String> {
    if named == there {
        return Ok(());
    }
    Err(format!(
        "block {seq} names {named:?} as the version before it, the journal {there:?}"
    ))
}
