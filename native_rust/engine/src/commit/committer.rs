//! The committer: the one thread that writes to a database.
//!
//! It takes all that waits, makes one group of it, syncs once, applies it to
//! the indexes, publishes it and only then answers. While it waits for the
//! disk the next group gathers in the queue, so the group size follows the
//! load and one caller alone waits for one sync. Where more waits than a group
//! takes, the sync has a thread of its own: meanwhile the group is applied, unseen,
//! and the next one is decided on and encoded (see `flight`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commit::flight::{Flight, Syncer};
use crate::commit::guard::guarded;
use crate::commit::queue::{Intake, Pending, Taken, Waited};
use crate::commit::snapshotter::Snapshotter;
use crate::error::Error;
use crate::fs::{Lock, Owed};
use crate::index::keys::KeyTable;
use crate::journal::{Group, Journal};
use crate::mem::Reservation;
use crate::planted::{Bug, planted};
use crate::snapshot::{SnapshotMark, encode_extra};
use crate::state::{Head, State};

/// How long closing waits for the memory to be given back: whoever opens the database
/// again then finds room.
const FREE_WAIT: Duration = Duration::from_secs(1);

/// Work that is decided on while a group is under way, where syncing takes less than that.
const BESIDE: Duration = Duration::from_millis(1);

/// The committer's own state; lives on its thread.
#[derive(Debug)]
pub(crate) struct Committer {
    pub state: Arc<State>,
    pub intake: Intake,
    pub journal: Journal,
    /// Points in all series.
    pub points: u64,
    pub keys: KeyTable,
    pub snapshotter: Snapshotter,
    /// What the indexes take.
    pub index_memory: Reservation,
    /// When what is written but not synced must be on disk.
    pub sync_by: Option<Instant>,
    /// Whether the last group was of several.
    pub has_company: bool,
    /// Whether more waited than the last group could take.
    pub has_backlog: bool,
    /// How long the last syncs took, on average.
    pub sync_took: Duration,
    pub syncer: Syncer,
    /// The group whose sync is under way.
    pub flight: Option<Flight>,
    /// The footer that the journal's last segment will have.
    pub footer_room: Owed,
    /// Held as long as the database may be written.
    pub lock: Box<dyn Lock>,
}

/// What [`Committer::gather`] came back with.
enum Gathered {
    /// Transactions.
    Work,
    /// Weak writes must go to the disk now.
    SyncDue,
    /// Nobody writes, and the indexes should be stored.
    SnapshotDue,
    /// There is nobody left to serve, or no longer.
    End,
}

impl Committer {
    /// Work until the database is closed, then release the lock.
    pub(crate) fn run(mut self) {
        let mut group = Group::default();
        let mut pending = Vec::new();
        loop {
            let mut due = false;
            match self.gather(&mut pending) {
                Gathered::End => break,
                Gathered::SyncDue => self.sync_now(),
                Gathered::SnapshotDue => due = true,
                Gathered::Work => {
                    self.commit(&mut pending, &mut group);
                    if self.sync_is_due() && !planted(Bug::SyncOnlyWhenIdle) {
                        self.sync_now();
                    }
                }
            }
            // Where the disk has little room left, the journal needs that more.
            due = due || self.snapshotter.due(self.journal.end());
            if due && !self.state.disk.is_low() {
                // A snapshot is of what is durable, and seen.
                self.land();
                if !planted(Bug::SnapshotTooEarly) {
                    self.sync_now();
                }
                if let Some(mark) = self.mark() {
                    self.snapshotter.take(mark);
                }
            }
        }
        if self.state.poisoned().is_none() && !planted(Bug::CloseWithoutSync) {
            self.sync_now();
        }
        // What cannot be written then is missed only where something else goes wrong, too.
        let _ = guarded(|| self.journal.mark_durable());
        let until = self.snapshotter.settle();
        let worth = self
            .snapshotter
            .due_on_close(self.journal.tree().size(), self.journal.end());
        let last = (worth && !self.state.disk.is_low())
            .then(|| self.mark())
            .flatten();
        self.snapshotter.close(last, until);
        self.state.watch.closing();
        self.state.close();
        // Before the intake: whoever is answered "closed" may open it again.
        drop(self.syncer);
        drop(self.journal);
        drop(self.lock);
        free(self.state, self.index_memory);
    }

    /// Wait for work and take what is there, up to a full group: whoever comes next
    /// waits for no more than that. While a group is under way it is what can be decided on
    /// in about the time that its sync takes, since those of that group are answered only
    /// then; without any it lands.
    fn gather(&mut self, pending: &mut Vec<Pending>) -> Gathered {
        if self.flight.is_some() {
            let most = self.state.limits.group_ms * 1_000_000;
            let beside = most.min(self.sync_took.max(BESIDE).as_nanos() as u64);
            if let Some(first) = self.intake.poll(beside) {
                self.take(first, beside, pending);
                return Gathered::Work;
            }
            self.land();
        }
        let quiet = self.snapshotter.due_after(self.journal.end());
        let snapshot_by = quiet.map(|quiet| Instant::now() + quiet);
        let until = self.sync_by.into_iter().chain(snapshot_by).min();
        let first = match self.intake.wait(until) {
            Waited::Taken(taken) => taken,
            Waited::TimedOut if until == self.sync_by => return Gathered::SyncDue,
            Waited::TimedOut => return Gathered::SnapshotDue,
            Waited::Closed | Waited::Gone => return Gathered::End,
        };
        self.take(first, self.state.limits.group_ms * 1_000_000, pending);
        Gathered::Work
    }

    /// Take the first, and what waits with it, of so much work together.
    fn take(&mut self, first: Taken, mut work: u64, pending: &mut Vec<Pending>) {
        let group_bytes = self.state.limits.group_bytes;
        let mut bytes = 0;
        let mut has_yielded = !self.has_company;
        let mut next = Some(first);
        while let Some(taken) = next {
            pending.push(taken.item);
            bytes += taken.bytes;
            work = work.saturating_sub(taken.work);
            if bytes >= group_bytes {
                break;
            }
            next = self.intake.poll(work);
            if next.is_none() && !has_yielded {
                // Where cores are short, those who were answered last are still on their way
                // here: they go first, and share this sync. Elsewhere it takes no time.
                std::thread::yield_now();
                has_yielded = true;
                next = self.intake.poll(work);
            }
        }
        self.has_company = pending.len() > 1;
        self.has_backlog = self.intake.has_more();
    }

    /// Refuse writes from now on, for this reason.
    pub(super) fn poison(&self, error: &Error) {
        match error {
            _ if planted(Bug::NoPoison) => {}
            Error::Poisoned { cause } | Error::Failed { cause } => self.state.poison(cause),
            other => self.state.poison(&other.to_string()),
        }
    }

    /// What readers may see now.
    pub(super) fn head(&self) -> Head {
        let (durable_size, root) = self.journal.durable_head();
        Head {
            tree_size: self.journal.tree().size(),
            tree_root: self.journal.tree().root(),
            durable_size,
            root,
            journal_bytes: self.journal.end(),
            features: self.state.indexes.features.read().len() as u64,
            series: self.state.indexes.series.listed() as u64,
            points: self.points,
            times: self.state.indexes.series.times(),
        }
    }

    /// What a snapshot of this moment is about, if all that is published is durable.
    fn mark(&self) -> Option<SnapshotMark> {
        if self.state.poisoned().is_some() {
            return None;
        }
        let journal = self.journal.mark()?;
        let indexes = &self.state.indexes;
        let (attributes, webhooks) = (indexes.attributes.read(), indexes.webhooks.read());
        let defaults = indexes.defaults.read();
        let tables = (&*attributes, &*webhooks, &*defaults);
        let extra = encode_extra(&self.keys, tables, &indexes.reverts.read());
        Some(SnapshotMark {
            journal,
            last_time: self.state.clock.lock().last_group(),
            points: self.points,
            extra,
        })
    }
}

/// Give the memory of a closed database back. Tens of millions of small allocations take
/// many seconds to free, for which no stop has the time: then it goes on in the background,
/// until the process ends.
fn free(state: Arc<State>, memory: Reservation) {
    let (done, freed) = crossbeam_channel::bounded::<()>(0);
    let work = move || {
        state.free();
        state.memory.freed();
        drop((memory, done));
    };
    // Where there can be no thread the memory goes with the last handle.
    let thread = std::thread::Builder::new().name("formdb-free".into());
    if thread.spawn(work).is_ok() {
        // Ends when `done` is dropped.
        let _ = freed.recv_timeout(FREE_WAIT);
    }
}
