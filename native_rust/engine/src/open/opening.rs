//! Opening a database: the newest snapshot that is of use, then the journal after
//! it, or the whole journal where there is none.

use super::reading::Reading;
use super::rebuild::Rebuild;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::report::Recovered;
use crate::block::{Block, Effect};
use crate::budget::Cancel;
use crate::clock::{Clock, system_micros};
use crate::commit::committer::Committer;
use crate::commit::flight::Syncer;
use crate::commit::queue::{WriteQueue, write_queue};
use crate::commit::snapshotter::Snapshotter;
use crate::error::{Error, Result};
use crate::fs::{DiskSpace, FileSystem, Owed, make_dir};
use crate::index::Rebuilt;
use crate::journal::{self, Durable, IDENTITY, Identity, Opened};
use crate::limits::Limits;
use crate::mem::Memory;
use crate::open::home::{self, DatabaseFolder, JOURNAL};
use crate::open::locking;
use crate::planted::{Bug, planted};
use crate::snapshot::SNAPSHOTS;
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
    pub place: DatabaseFolder,
}

/// Open the database in `dir`, as [`crate::Database::open`] says.
pub(crate) fn open(
    fs: Arc<dyn FileSystem>,
    dir: &Path,
    limits: Limits,
    memory: Memory,
    disk: Arc<DiskSpace>,
    cancel: &Cancel,
) -> Result<Opening> {
    limits.validate()?;
    let begun = Instant::now();
    let created = home::create(&*fs, dir, system_micros())?;
    let journal_dir = dir.join(JOURNAL);
    check_journal(&*fs, dir, &journal_dir)?;
    let lock = locking::take_lock(&*fs, dir)?;
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
        replayed: Duration::ZERO,
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
    let (snapshot_position, replayed) = (reading.snapshot_position, reading.replayed);
    let Opened {
        journal,
        segments,
        nodes,
        database,
        created: since,
        report,
    } = opened;
    let identity = identify(&*fs, dir, identity, Identity::new(database, since))?;
    let log = identity.log_hex();
    let cursors = CursorKey::new(&identity.database, &identity.log);
    let place = DatabaseFolder::new(&fs, dir, &*lock, identity)?;
    let mut recovered = Recovered::new(report, reading.used);
    recovered.created = created;
    recovered.snapshots_ignored = reading.ignored;
    let Rebuild {
        growth,
        features,
        series,
        attributes,
        webhooks,
        blocks,
        reverts,
        defaults,
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
        series: series.listed() as u64,
        points,
        times: series.times(),
    };
    let indexes = Rebuilt {
        features,
        series,
        attributes,
        webhooks,
        blocks,
        nodes,
        reverts,
        defaults,
    };
    let (queue, intake) = write_queue(&limits, &memory.work);
    let clock = Clock::new(last_time, &limits);
    let mut state = State::new(indexes, segments, limits, memory, disk, head, clock);
    state.cursors = cursors;
    state.log = log;
    let state = Arc::new(state);
    give_signatures(&state)?;
    recovered.elapsed = begun.elapsed();
    let index_memory = growth.finish(state.indexes.memory() + keys.memory())?;
    let index_bytes = index_memory.bytes() as u64;
    state
        .counters
        .index_bytes
        .store(index_bytes, Ordering::Relaxed);
    let used = recovered.snapshot.map(|used| (used, snapshot_position));
    let replayed = (replayed, journal.end());
    let snapshotter = Snapshotter::new(fs, snapshots_dir, Arc::clone(&state), used, replayed);
    let mut footer_room = Owed::new(Arc::clone(&state.disk));
    footer_room.set(journal.footer_bytes(0));
    let committer = Committer {
        state: Arc::clone(&state),
        intake,
        journal,
        points,
        keys,
        snapshotter,
        index_memory,
        sync_by: None,
        has_company: false,
        has_backlog: false,
        // Not known yet.
        sync_took: Duration::from_millis(1),
        syncer: Syncer::default(),
        flight: None,
        footer_room,
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

/// Read the signatures of features that came without one, from blocks that the tree vouches
/// for.
fn give_signatures(state: &State) -> Result<()> {
    let without: Vec<(u32, u64)> = state.indexes.features.read().without_signature().collect();
    for (number, seq) in without {
        let bytes = read_block(state, seq)?;
        let block = Block::decode(&bytes).map_err(|reason| damaged(state, seq, reason))?;
        let effect = block.effect().map_err(|e| damaged(state, seq, e))?;
        if let Effect::PutFeature(feature) = effect {
            let mut features = state.indexes.features.write();
            features.set_signature(number, &feature.signature);
        }
    }
    Ok(())
}
