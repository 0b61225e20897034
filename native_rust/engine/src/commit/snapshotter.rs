//! Taking snapshots in the background.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::fs::FileSystem;
use crate::snapshot::{SnapshotMark, SnapshotUsed, Stop, write};
use crate::state::State;

/// A database that is closed takes a last snapshot if so many blocks came since the
/// one before, ...
const CLOSING_BLOCKS: u64 = 1_000;
/// ... or so many bytes of journal.
const CLOSING_BYTES: u64 = 1 << 20;

/// How long nobody has to write until one is taken for that reason, at least.
const QUIET: Duration = Duration::from_secs(1);
/// Bytes of journal that are read and checked in a millisecond, at least, until what they
/// say can be entered.
const READ_PER_MS: u64 = 200_000;
/// How often closing looks whether the one that is being taken is done.
const LOOK: Duration = Duration::from_millis(5);

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
    /// How long it took to enter what came after the last one begun, ...
    entering: Duration,
    /// ... without the reading of the journal from this position on.
    unread: u64,
}

impl Snapshotter {
    /// For the database of `state`, which was opened from the snapshot `used`, at this
    /// position of the journal, or from none. What came after that, up to another position,
    /// took a time to replay.
    pub(crate) fn new(
        fs: Arc<dyn FileSystem>,
        dir: PathBuf,
        state: Arc<State>,
        used: Option<(SnapshotUsed, u64)>,
        replayed: (Duration, u64),
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
            entering: replayed.0,
            unread: replayed.1,
        }
    }

    /// Takes note of how long it took to enter what was written.
    pub(crate) fn entered(&mut self, time: Duration) {
        self.entering += time;
    }

    /// How long it would take to replay the journal after the last one, up to `position`.
    fn replay_time(&self, position: u64) -> Duration {
        let unread = position.saturating_sub(self.unread);
        self.entering + Duration::from_millis(unread / READ_PER_MS)
    }

    /// How long the last one took.
    fn last_took(&self) -> Duration {
        let written = self.state.snapshots.outcome().written;
        written.map_or(Duration::ZERO, |last| last.elapsed)
    }

    /// Whether one should be taken now that the journal reaches `position`. O(1).
    ///
    /// Each is written whole. So the next one waits until the journal has grown by as
    /// much as the last one takes: what is written as snapshots grows like the journal
    /// and no faster, and what opening reads after one is no more than it reads of it. Or
    /// until replaying what came would take twice as long as the last one took: there are
    /// writes that take few bytes and long.
    pub(crate) fn due(&self, position: u64) -> bool {
        let least = self.state.limits.snapshot_bytes;
        if least == 0 || self.busy() {
            return false;
        }
        let written = self.state.snapshots.outcome().written;
        let every = least.max(written.map_or(self.opened_bytes, |last| last.bytes));
        position.saturating_sub(self.begun.position) >= every
            || self.replays_long(position) && self.replay_time(position) > 2 * self.last_took()
    }

    /// How long nobody has to write until one should be taken, if the journal reaches
    /// `position` then: as long as the last one took, so that most of the time none is taken.
    pub(crate) fn due_after(&self, position: u64) -> Option<Duration> {
        let wanted =
            self.state.limits.snapshot_bytes > 0 && !self.busy() && self.replays_long(position);
        wanted.then(|| self.last_took().max(QUIET))
    }

    /// Whether replaying the journal up to `position` would take longer than it should.
    fn replays_long(&self, position: u64) -> bool {
        let limit = self.state.limits.snapshot_replay_ms;
        limit > 0 && self.replay_time(position) > Duration::from_millis(limit)
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
        (self.entering, self.unread) = (Duration::ZERO, self.begun.position);
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

    /// Let what is being taken come to its end, and stop it where it does not within
    /// [`crate::Limits::closing_snapshot_ms`]: closing must not wait for a large one, and the
    /// journal has everything. Returns until when a last one may be taken.
    pub(crate) fn settle(&mut self) -> Instant {
        let now = Instant::now();
        let time = Duration::from_millis(self.state.limits.closing_snapshot_ms);
        let until = now.checked_add(time).unwrap_or(now);
        while self.busy() && Instant::now() < until {
            sleep(LOOK);
        }
        self.stop.now();
        self.join();
        until
    }

    /// Take a last one, of `mark`, on this thread, if it is done by then; not, if the one
    /// before took far longer. Call it while the indexes are still there.
    pub(crate) fn close(self, mark: Option<SnapshotMark>, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        if let Some(mark) = mark
            && self.last_took() <= 2 * left
        {
            let stop = Stop::at(until);
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
