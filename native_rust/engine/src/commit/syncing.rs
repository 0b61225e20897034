//! When the committer syncs: at once, by a time, or not on its own account.

use std::time::{Duration, Instant};

use super::committer::Committer;
use super::guard::guarded;
use crate::block::Durability;
use crate::error::Result;
use crate::planted::{Bug, planted};

/// A shorter sync is not worth another thread, whose waking takes processors that callers
/// need.
const WORTH: Duration = Duration::from_micros(250);

impl Committer {
    /// Begin to sync a group that was written, on another thread, where any of it asks for
    /// that and more waits than it could take. Where nothing waits the next group would be of
    /// those few who come meanwhile: callers who each wait for their answer would from then on
    /// make two groups by turns, each of half of them, for twice the syncs.
    pub(super) fn begin_sync(&mut self, mut levels: impl Iterator<Item = Durability>) -> bool {
        let pays = self.has_backlog && self.sync_took >= WORTH;
        let pays = pays && levels.any(|level| level == Durability::Sync);
        let begun = pays
            && !planted(Bug::AckBeforeSync)
            && self.syncer.begin(self.journal.unsynced()).is_ok();
        if begun {
            self.sync_by = None;
        }
        begun
    }

    /// Sync, or note by when to, as the levels of a group ask for.
    pub(super) fn sync_for(
        &mut self,
        levels: impl Iterator<Item = Durability> + Clone,
        written: bool,
    ) -> Result<()> {
        let has = |level| levels.clone().any(|other| other == level);
        if has(Durability::Sync) {
            // Also for a transaction that was only answered again: its first
            // answer may have promised less.
            if (written || self.journal.is_dirty()) && !planted(Bug::AckBeforeSync) {
                self.sync_journal()?;
            }
            self.sync_by = None;
        } else if has(Durability::Interval) {
            // Half of what is promised: the other half is for the group that may be
            // under way then, and for the sync itself.
            let wait = Duration::from_millis(self.state.limits.sync_interval_ms) / 2;
            self.sync_by.get_or_insert_with(|| Instant::now() + wait);
        }
        Ok(())
    }

    /// Sync the journal, and measure how long that takes.
    fn sync_journal(&mut self) -> Result<()> {
        let begun = Instant::now();
        self.journal.sync()?;
        self.observe_sync(begun.elapsed());
        Ok(())
    }

    pub(super) fn observe_sync(&mut self, took: Duration) {
        self.state.counters.syncs.observe_duration(took);
        self.sync_took = (self.sync_took * 7 + took) / 8;
    }

    pub(super) fn sync_is_due(&self) -> bool {
        self.sync_by.is_some_and(|by| by <= Instant::now())
    }

    /// Sync what weak writes have left, and poison the database if that fails.
    pub(super) fn sync_now(&mut self) {
        self.land();
        self.sync_by = None;
        if self.state.poisoned().is_some() || !self.journal.is_dirty() {
            return;
        }
        let synced = guarded(|| self.sync_journal());
        match synced {
            Ok(()) => self.state.publish(self.head()),
            Err(error) => self.poison(&error),
        }
    }
}
