//! Reading everything that is stored, in passes and a stretch at a time, so that damage is
//! found before somebody needs what is damaged.
//!
//! A pass reads what opening with a snapshot spares reading, and more: headers of segments
//! and groups, every block, its checksum and its leaf hash, which is held against the
//! Merkle tree, and every page of the footers. What it finds is told; nothing is changed,
//! and reads go on.

use crate::clock::system_micros;
use crate::db::database::Database;
use crate::error::{Error, Result};
use crate::journal::{Buffer, Damage, Patrol};
use crate::state::{Pass, State};

/// Places that are told one by one; of more it is told how many there are.
const TOLD: usize = 100;
/// Places that are counted.
const NOTED: usize = 10_000;

/// One stretch of a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScrubStep {
    /// Bytes of blocks read.
    pub bytes: u64,
    /// What was found that had not been found before.
    pub found: Vec<Damage>,
    /// Whether the pass has come to its end.
    pub finished: bool,
}

impl Database {
    /// Read the next stretch of what is stored, about `bytes` of it, and check it. A pass
    /// goes from the first block to the last one there was when it began; after its end
    /// the next one begins. Reads the journal; costs about a millisecond a megabyte beyond
    /// that. One call at a time: another one meanwhile does nothing.
    ///
    /// # Errors
    /// [`Error::Closed`]. What is damaged or cannot be read is in the answer.
    pub fn scrub(&self, bytes: u64) -> Result<ScrubStep> {
        let state = &self.state;
        state.check_open()?;
        let mut step = ScrubStep::default();
        let Some(mut pass) = state.scrub.pass.try_lock() else {
            return Ok(step);
        };
        if pass.seq == 0 {
            pass.until = state.published();
            pass.patrol = Patrol::default();
        }
        let mut buffer = None;
        while pass.seq < pass.until && step.bytes < bytes {
            pass.seq += 1;
            pass.block(state, &mut buffer, &mut step)?;
        }
        if pass.seq >= pass.until {
            let end = pass.patrol.end(&state.segments, &mut buffer);
            pass.note(end, &mut step)?;
            pass.seq = 0;
            step.finished = true;
        }
        let mut stats = state.scrub.stats.lock();
        stats.bytes += step.bytes;
        stats.position = pass.seq;
        stats.damaged = pass.found.len() as u64;
        if step.finished {
            stats.passes += 1;
            stats.finished = Some(system_micros());
        }
        Ok(step)
    }
}

impl Pass {
    fn block(
        &mut self,
        state: &State,
        buffer: &mut Option<Buffer>,
        step: &mut ScrubStep,
    ) -> Result<()> {
        let seq = self.seq;
        let location = state.indexes.blocks.read().get(seq).ok_or(Error::Closed)?;
        step.bytes += u64::from(location.len);
        if self.patrol.leaves_segment(location) {
            let end = self.patrol.end(&state.segments, buffer);
            self.note(end, step)?;
        }
        let checked = match self.patrol.next(&state.segments, buffer, location) {
            Ok(block) => state.check_leaf(seq, block),
            Err(error) => Err(error),
        };
        self.note(checked, step)
    }

    fn note(&mut self, checked: Result<()>, step: &mut ScrubStep) -> Result<()> {
        let damage = match checked {
            Ok(()) => return Ok(()),
            Err(Error::Corrupt {
                path,
                offset,
                reason,
                ..
            }) => Damage {
                path,
                offset,
                reason,
            },
            Err(Error::Io {
                path,
                action,
                source,
            }) => Damage {
                path,
                offset: 0,
                reason: format!("it cannot be read: {action}: {source}"),
            },
            Err(other) => return Err(other),
        };
        let place = (damage.path.clone(), damage.offset);
        if self.found.len() < NOTED && self.found.insert(place) && self.found.len() <= TOLD {
            step.found.push(damage);
        }
        Ok(())
    }
}
