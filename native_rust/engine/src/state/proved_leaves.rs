//! Leaf hashes that were held against the tree lately.

use parking_lot::Mutex;

use crate::merkle::LOWEST;
use crate::types::Hash;

/// Leaves that are proved together.
pub(super) const GROUP: usize = 1 << LOWEST;
/// Groups that are remembered, each in its place: half a kilobyte each.
const SLOTS: usize = 64;

/// Groups of leaves that were proved last. Blocks are often read in order.
#[derive(Debug)]
pub(crate) struct ProvedLeaves {
    slots: Vec<Mutex<Option<Proved>>>,
}

#[derive(Debug)]
pub(super) struct Proved {
    pub(super) group: u64,
    /// All of the group, or those there were.
    pub(super) leaves: Vec<Hash>,
}

impl Default for ProvedLeaves {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl ProvedLeaves {
    fn slot(&self, group: u64) -> Option<&Mutex<Option<Proved>>> {
        self.slots.get(usize::try_from(group).unwrap_or(0) % SLOTS)
    }

    pub(super) fn get(&self, group: u64, place: usize) -> Option<Hash> {
        let slot = self.slot(group)?.lock();
        let proved = slot.as_ref().filter(|proved| proved.group == group)?;
        proved.leaves.get(place).copied()
    }

    pub(super) fn keep(&self, proved: Proved) {
        if let Some(slot) = self.slot(proved.group) {
            *slot.lock() = Some(proved);
        }
    }

    /// Forget everything.
    pub(crate) fn clear(&self) {
        for slot in &self.slots {
            *slot.lock() = None;
        }
    }
}
