//! The end of a group that is under way: on the disk, seen and answered; or failed.

use std::sync::Arc;

use super::committer::Committer;
use super::flight::{Flight, refuse};
use super::guard::guarded;
use super::queue::Pending;
use crate::error::{Error, Result};
use crate::planted::{Bug, planted};

impl Committer {
    /// Wait until the group under way is on the disk, then show and answer it, or fail it.
    pub(super) fn land(&mut self) {
        let Some(Flight { pending, outcomes }) = self.flight.take() else {
            return;
        };
        let landed = match planted(Bug::LandUnsynced) {
            true => Ok(()),
            false => self.landed(),
        };
        match landed {
            Ok(()) => {
                self.state.publish(self.head());
                self.answer(pending.into_iter(), outcomes);
            }
            Err(error) => self.fail(pending.into_iter(), error),
        }
    }

    fn landed(&mut self) -> Result<()> {
        let (synced, took) = self.syncer.end()?;
        self.observe_sync(took);
        guarded(|| self.journal.synced(&synced))
    }

    /// Of these nobody knows whether they are written, nor where the journal ends.
    pub(super) fn fail(&self, pending: impl Iterator<Item = Pending>, error: Error) {
        self.poison(&error);
        let unsettled = Error::Unsettled {
            cause: Arc::new(error),
        };
        refuse(pending, &unsettled);
    }
}
