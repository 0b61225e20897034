//! Opening a database: the newest snapshot that is of use, then the journal behind
//! it, or the whole journal where there is none.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::block::{Block, OpKind};
use crate::clock::{Clock, system_micros};
use crate::committer::Committer;
use crate::error::{Error, Result};
use crate::fs::{FileSystem, Lock};
use crate::index::{BlockLocation, BlockTable, FeatureLoader, TemporalIndex};
use crate::journal::{Opened, RecoverError, RecoverOptions, Recovered, Start, recover};
use crate::limits::Limits;
use crate::model;
use crate::queue::{WriteQueue, write_queue};
use crate::snapshot::{self, SNAPSHOTS, SnapshotUsed, Snapshotter};
use crate::state::{Head, Indexes, State};

/// Folder of the journal inside a database's folder.
const JOURNAL: &str = "journal";
/// Lock file inside a database's folder.
const LOCK: &str = "LOCK";

/// The parts of a database that is ready to run.
pub(crate) struct Opening {
    pub state: Arc<State>,
    pub queue: WriteQueue,
    /// To be run on a thread of its own.
    pub committer: Committer,
    /// What opening found and did.
    pub recovered: Recovered,
}

/// Open the database in `dir`, as [`crate::Database::open`] says.
pub(crate) fn open(fs: Arc<dyn FileSystem>, dir: &Path, limits: Limits) -> Result<Opening> {
    limits.validate()?;
    let begun = Instant::now();
    make_dir(&*fs, dir)?;
    let lock = take_lock(&*fs, dir)?;
    let journal_dir = dir.join(JOURNAL);
    make_dir(&*fs, &journal_dir)?;
    let reading = Reading {
        fs: &fs,
        journal_dir: &journal_dir,
        snapshots_dir: &dir.join(SNAPSHOTS),
        limits: &limits,
    };
    let (opened, replay, snapshot_position) = reading.indexes()?;
    let Opened {
        journal,
        segments,
        nodes,
        report: mut recovered,
    } = opened;
    let Replay {
        features,
        series,
        blocks,
        points,
        last_time,
    } = replay;
    let features = features.finish();
    recovered.elapsed = begun.elapsed();

    let head = Head {
        tree_size: journal.tree().size(),
        root: journal.tree().root(),
        journal_bytes: journal.end(),
        features: features.len() as u64,
        series: series.len() as u64,
        points,
    };
    let indexes = Indexes {
        features,
        series,
        blocks,
        nodes,
    };
    let (queue, intake) = write_queue(&limits);
    let state = Arc::new(State::new(indexes, segments, limits, head));
    let snapshotter = Snapshotter::new(
        fs,
        dir.join(SNAPSHOTS),
        Arc::clone(&state),
        recovered.snapshot.map_or(0, |snapshot| snapshot.seq),
        snapshot_position,
    );
    let committer = Committer {
        state: Arc::clone(&state),
        intake,
        journal,
        clock: Clock::starting_at(last_time),
        points,
        snapshotter,
        lock,
    };
    Ok(Opening {
        state,
        queue,
        committer,
        recovered,
    })
}

/// Make a folder and its name in its parent durable.
fn make_dir(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    fs.create_dir(dir)
        .map_err(|e| Error::io("create", dir, e))?;
    match dir.parent() {
        Some(parent) => fs
            .sync_dir(parent)
            .map_err(|e| Error::io("sync", parent, e)),
        None => Ok(()),
    }
}

fn take_lock(fs: &dyn FileSystem, dir: &Path) -> Result<Box<dyn Lock>> {
    let path = dir.join(LOCK);
    fs.lock(&path).map_err(|e| match e.kind() {
        std::io::ErrorKind::WouldBlock => Error::Locked { path: path.clone() },
        _ => Error::io("lock", &path, e),
    })
}

/// Where everything is read from.
struct Reading<'a> {
    fs: &'a Arc<dyn FileSystem>,
    journal_dir: &'a Path,
    snapshots_dir: &'a Path,
    limits: &'a Limits,
}

impl Reading<'_> {
    /// The journal, the indexes, and the journal position of the snapshot they
    /// come from; 0 if from none.
    fn indexes(&self) -> Result<(Opened, Replay, u64)> {
        let mut ignored = Vec::new();
        let seqs = snapshot::newest_first(&**self.fs, self.snapshots_dir);
        let seqs = seqs.unwrap_or_else(|error| {
            ignored.push(error.to_string());
            Vec::new()
        });
        for seq in seqs {
            match self.from_snapshot(seq) {
                Ok((mut opened, replay, position)) => {
                    opened.report.snapshots_ignored = ignored;
                    return Ok((opened, replay, position));
                }
                Err(reason) => {
                    let name = snapshot::file_name(seq);
                    ignored.push(format!("{name} is ignored: {reason}"));
                }
            }
        }
        let mut replay = Replay::default();
        let mut opened = self
            .replay(None, &mut replay)
            .map_err(|error| match error {
                RecoverError::Failed(error) => error,
                // There was none to refuse.
                RecoverError::StartRefused(_) => Error::Closed,
            })?;
        opened.report.snapshots_ignored = ignored;
        Ok((opened, replay, 0))
    }

    /// The same, from the snapshot as of `seq`, or why that is of no use.
    fn from_snapshot(&self, seq: u64) -> Result<(Opened, Replay, u64), String> {
        let loaded = snapshot::load(&**self.fs, self.snapshots_dir, seq)?;
        let mut replay = Replay {
            features: loaded.features,
            series: loaded.series,
            blocks: loaded.blocks,
            points: loaded.points,
            last_time: loaded.start.last_time,
        };
        let opened = self.replay(Some(loaded.start), &mut replay);
        let mut opened = opened.map_err(|error| match error {
            RecoverError::StartRefused(reason) => reason,
            // What is wrong may be the snapshot. If it is the journal, reading
            // all of it will say so.
            RecoverError::Failed(error) => format!("the journal behind it: {error}"),
        })?;
        opened.report.snapshot = Some(SnapshotUsed {
            seq,
            bytes: loaded.bytes,
        });
        Ok((opened, replay, loaded.position))
    }

    fn replay(
        &self,
        start: Option<Start>,
        replay: &mut Replay,
    ) -> std::result::Result<Opened, RecoverError> {
        let options = RecoverOptions {
            segment_bytes: self.limits.segment_bytes,
            now: system_micros(),
            start,
        };
        recover(
            Arc::clone(self.fs),
            self.journal_dir,
            options,
            |block, location| replay.block(block, location),
        )
    }
}

/// Indexes under construction while the journal is read.
#[derive(Default)]
struct Replay {
    features: FeatureLoader,
    series: TemporalIndex,
    blocks: BlockTable,
    points: u64,
    last_time: i64,
}

impl Replay {
    fn block(&mut self, block: &Block<'_>, location: BlockLocation) -> Result<(), String> {
        self.blocks.push(location);
        self.last_time = block.time;
        match block.op {
            OpKind::PutFeature => {
                let feature = model::stored_feature(block.body).map_err(|e| e.to_string())?;
                let prev = self.features.put(&feature.id, feature.envelope, block.seq);
                if prev != block.prev {
                    return Err(format!(
                        "block {} names {:?} as the version before it, the journal {prev:?}",
                        block.seq, block.prev
                    ));
                }
            }
            OpKind::PutPoints => {
                let batch = model::decode_points(block.body).map_err(|e| e.to_string())?;
                self.points += batch.timestamps.len() as u64;
                let series = self.series.get_or_create(&batch.series);
                series.insert(&batch.timestamps, &batch.values, block.seq, usize::MAX);
            }
        }
        Ok(())
    }
}
