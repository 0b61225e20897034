//! What the fences of one database share.

use std::sync::Arc;

use parking_lot::Mutex;

use super::area_moved::AreaMoved;
use super::content::LiveDwell;
use crate::error::Result;
use crate::mem::lru::Lru;
use crate::types::Hash;

/// Changes of areas of which it is kept what they moved.
const MOVES: usize = 256;
/// Entries of which it is kept who stayed, and bytes of those.
const DWELT: usize = 4_096;
const DWELT_BYTES: usize = 8 << 20;

/// By the filter, and the block that has changed its area.
type Moves = Lru<(Hash, u64), Option<Arc<AreaMoved>>>;
/// By the filter, and the block that brought them inside.
type Dwelt = Lru<(Hash, u64), Arc<[LiveDwell]>>;

/// What the fences of one database share.
pub(super) struct Fences {
    moves: Mutex<Moves>,
    dwelt: Mutex<Dwelt>,
}

impl Fences {
    pub(super) fn new() -> Self {
        Self {
            moves: Mutex::new(Lru::new(MOVES, usize::MAX)),
            dwelt: Mutex::new(Lru::new(DWELT, DWELT_BYTES)),
        }
    }

    /// What block `seq` moved into the area of a filter and out of it, or `find` finds. The
    /// same for all who have such a filter.
    ///
    /// # Errors
    /// Those of `find`.
    pub(super) fn moved(
        &self,
        (filter, seq): (Hash, u64),
        find: impl FnOnce() -> Result<Option<AreaMoved>>,
    ) -> Result<Option<Arc<AreaMoved>>> {
        if let Some(known) = self.moves.lock().get(&(filter, seq)) {
            return Ok(known.clone());
        }
        let moved = find()?.map(Arc::new);
        let gone = self.moves.lock().put((filter, seq), moved.clone(), 1);
        drop(gone);
        Ok(moved)
    }

    /// Those who entered by a block and stayed as long as a filter asks, if they are known.
    pub(super) fn dwelt(&self, key: (Hash, u64)) -> Option<Arc<[LiveDwell]>> {
        self.dwelt.lock().get(&key).map(Arc::clone)
    }

    /// Keep them for others who have such a filter.
    pub(super) fn note_dwelt(&self, key: (Hash, u64), dwelt: &Arc<[LiveDwell]>) {
        let bytes = dwelt.iter().map(|dwell| dwell.content.weight()).sum();
        let gone = self.dwelt.lock().put(key, Arc::clone(dwelt), bytes);
        drop(gone);
    }

    /// Forget all.
    pub(super) fn clear(&self) {
        let moves = self.moves.lock().take();
        drop(moves);
        let dwelt = self.dwelt.lock().take();
        drop(dwelt);
    }
}
