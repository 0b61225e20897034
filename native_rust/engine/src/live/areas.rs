//! Areas of fences that are stored features, prepared once for all fences that have them.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::geo::Predicate;
use crate::mem::Reservation;
use crate::mem::lru::Lru;
use crate::read::features::feature_block;
use crate::search::{Area, Target, of_version};
use crate::state::State;
use crate::state::blocks::read_block;

/// Areas that are kept at most.
const MOST: usize = 1 << 20;
/// What is kept of a geometry takes so many times its stored form, and so much besides.
const TIMES: usize = 8;
const BESIDES: usize = 512;

/// The areas of one database, by the block that wrote the version.
pub(super) struct Areas(Mutex<Lru<u64, Option<Held>>>);

/// An area that stays as long as somebody has it.
#[derive(Debug, Clone)]
pub(super) struct Held(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    target: Target,
    _held: Reservation,
}

impl Held {
    pub(super) fn target(&self) -> &Target {
        &self.0.target
    }
}

impl Areas {
    /// Room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Mutex::new(Lru::new(MOST, bytes)))
    }

    /// The geometry of the version of a feature that block `seq` wrote; none where it has no
    /// position. Reads the journal, unless it is known.
    ///
    /// # Errors
    /// [`Error::MemoryFull`]; those of reading blocks.
    pub(super) fn get(&self, state: &State, seq: u64) -> Result<Option<Held>> {
        if let Some(known) = self.0.lock().get(&seq) {
            return Ok(known.clone());
        }
        let bytes = read_block(state, seq)?;
        let (_, body) = feature_block(state, seq, &bytes)?;
        let size = body.len() * TIMES + BESIDES;
        let held = match state.memory.work.reserve(size) {
            Err(Error::MemoryFull { .. }) => {
                self.clear();
                state.memory.work.reserve(size)?
            }
            held => held?,
        };
        let geometry = of_version(state, seq, body)?;
        let prepared = geometry.map(|geometry| {
            let area = Area::Geometry(Arc::new(geometry));
            let target = Target::new(&area, Predicate::Intersects);
            Held(Arc::new(Prepared {
                target,
                _held: held,
            }))
        });
        let gone = self.0.lock().put(seq, prepared.clone(), size);
        drop(gone);
        Ok(prepared)
    }

    /// Forget all.
    pub(super) fn clear(&self) {
        let prepared = self.0.lock().take();
        drop(prepared);
    }
}
