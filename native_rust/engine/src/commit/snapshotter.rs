//! Taking snapshots in the background.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::Error;
use crate::fs::FileSystem;
use crate::snapshot::{SnapshotMark, SnapshotUsed, Stop, write};
use crate::state::State;

/// A database that is closed takes a last snapshot if so many blocks came since the
/// one before, ...
const CLOSING_BLOCKS: u64 = 1_000;
/// ... or so many bytes of journal.
const CLOSING_BYTES: u64 = 1 << 20;

/// Where in the journal a snapshot stands.
#[derive(Debug, Clone, Copy, Default)]
struct SnapshotPosition {
    seq: u64,
    position: u64,
}

/// Takes the snapshots of one database, one at a time, on a thread of their own.
///
/// What goes wrong is noted in [`State::snapshots`] and does no other harm: the
/// next one is tried when it is due again.
#[derive(Debug)]
pub(crate) struct Snapshotter {
    fs: Arc<dyn FileSystem>,
    /// Folder of the snapshots.
    dir: PathBuf,
    state: Arc<State>,
    stop: Stop,
    running: Option<JoinHandle<()>>,
    /// Where the last one stands that was begun.
    begun: SnapshotPosition,
    /// Where the one stands that the database was opened from.
    opened: SnapshotPosition,
    /// Its length.
    opened_bytes: u64,
}

impl Snapshotter {
    /// For the database of `state`, which was opened from the snapshot `used`, at this
    /// position of the journal, or from none.
    pub(crate) fn new(
        fs: Arc<dyn FileSystem>,
        dir: PathBuf,
        state: Arc<State>,
        used: Option<(SnapshotUsed, u64)>,
    ) -> Self {
        let opened = used.map_or_else(SnapshotPosition::default, |(snapshot, position)| {
            SnapshotPosition {
                seq: snapshot.seq,
                position,
            }
        });
        Self {
            fs,
            dir,
            state,
            stop: Stop::default(),
            running: None,
            begun: opened,
            opened,
            opened_bytes: used.map_or(0, |(snapshot, _)| snapshot.bytes),
        }
    }

    /// Whether one should be taken now that the journal reaches `position`. O(1).
    ///
    /// Each is written whole. So the next one waits until the journal has grown by as
    /// much as the last one takes: what is written as snapshots grows like the journal
    /// and no faster, and what opening reads after one is no more than it reads of it.
    pub(crate) fn due(&self, position: u64) -> bool {
        let least = self.state.limits.snapshot_bytes;
        let written = self.state.snapshots.outcome().written;
        let every = least.max(written.map_or(self.opened_bytes, |last| last.bytes));
        least > 0 && position.saturating_sub(self.begun.position) >= every && !self.busy()
    }

    fn busy(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|thread| !thread.is_finished())
    }

    /// Begin to take the snapshot of `mark`, unless one is being taken. Returns at
    /// once.
    pub(crate) fn take(&mut self, mark: SnapshotMark) {
        if self.busy() {
            return;
        }
        self.join();
        self.begun = place_of(&mark);
        let (fs, dir) = (Arc::clone(&self.fs), self.dir.clone());
        let (state, stop) = (Arc::clone(&self.state), self.stop.clone());
        let thread = std::thread::Builder::new()
            .name("formdb-snapshot".into())
            .spawn(move || {
                let result = write(&*fs, &dir, &state.indexes, &mark, &stop);
                state.snapshots.note(result);
            });
        match thread {
            Ok(thread) => self.running = Some(thread),
            Err(e) => {
                let error = Error::io("start the snapshot thread for", &self.dir, e);
                self.state.snapshots.note(Err(error));
            }
        }
    }

    /// Whether a last one is worth its time when the database is closed with block
    /// `seq`, where the journal reaches `position`.
    pub(crate) fn due_on_close(&self, seq: u64, position: u64) -> bool {
        let written = self.state.snapshots.outcome().written;
        let last = match written {
            Some(written) if written.seq == self.begun.seq => self.begun,
            // The last one begun has failed or is not done.
            _ => self.opened,
        };
        seq.saturating_sub(last.seq) >= CLOSING_BLOCKS
            || position.saturating_sub(last.position) >= CLOSING_BYTES
    }

    /// Stop what is being taken, and take a last one, of `mark`, on this thread, if
    /// that takes no longer than [`crate::Limits::closing_snapshot_ms`]: a stop must not
    /// wait for a large one, and the journal has everything.
    /// Call it while the indexes are still there.
    pub(crate) fn close(mut self, mark: Option<SnapshotMark>) {
        self.stop.now();
        self.join();
        if let Some(mark) = mark {
            let time = Duration::from_millis(self.state.limits.closing_snapshot_ms);
            let stop = Stop::after(time);
            let result = write(&*self.fs, &self.dir, &self.state.indexes, &mark, &stop);
            self.state.snapshots.note(result);
        }
    }

    fn join(&mut self) {
        if let Some(thread) = self.running.take()
            && thread.join().is_err()
        {
            let log = &self.state.snapshots;
            log.note_failure("taking a snapshot panicked; see the log");
        }
    }
}

fn place_of(mark: &SnapshotMark) -> SnapshotPosition {
    SnapshotPosition {
        seq: mark.journal.tree.size(),
        position: mark.journal.position,
    }
}
