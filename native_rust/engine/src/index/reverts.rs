//! Which blocks have been undone by which.

use std::collections::HashMap;

use crate::index::memory;

/// Block to the last one that undid it.
#[derive(Debug, Default, Clone)]
pub(crate) struct RevertTable {
    by: HashMap<u64, u64>,
}

impl RevertTable {
    /// Block `by` undoes `block`.
    pub(crate) fn insert(&mut self, block: u64, by: u64) {
        self.by.insert(block, by);
    }

    /// The last block that undid `block`.
    pub(crate) fn by(&self, block: u64) -> Option<u64> {
        self.by.get(&block).copied()
    }

    /// Bytes of memory that it takes, roughly: see [`crate::index::memory`]. O(1).
    pub(crate) fn memory(&self) -> usize {
        memory::of_reverts(self.by.len())
    }

    /// All pairs of a block and the one that undid it.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.by.iter().map(|(block, by)| (*block, *by))
    }

    /// What stands in the way of undoing `block`: nothing, unless it was undone before,
    /// even if that was undone again. For what it did is then what another block does
    /// now, which can be undone in its place. `newer` is what comes on top of the table.
    pub(crate) fn undone(&self, block: u64, newer: &HashMap<u64, u64>) -> Option<Undone> {
        let by = |block: u64| newer.get(&block).or_else(|| self.by.get(&block)).copied();
        let first = by(block)?;
        // Each link leads to a later block, so this ends.
        let mut undone = Undone {
            by: first,
            last: first,
            stands: false,
        };
        while let Some(next) = by(undone.last) {
            undone.last = next;
            undone.stands = !undone.stands;
        }
        Some(undone)
    }
}

/// How a block was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undone {
    /// The block that undid it.
    pub by: u64,
    /// The last block of the chain: it undid the one that undid the one... that undid
    /// this one.
    pub last: u64,
    /// Whether what the block did is done again, by the last one of the chain.
    pub stands: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_undone_is_not_undone_again_but_what_undid_it_is() {
        let mut table = RevertTable::default();
        let none = HashMap::new();
        let undone = |by, last, stands| Some(Undone { by, last, stands });
        assert_eq!(table.undone(1, &none), None);
        table.insert(1, 5);
        assert_eq!(table.undone(1, &none), undone(5, 5, false));
        assert_eq!(table.undone(5, &none), None);
        // Block 8 of the group undoes 5: what 1 did stands again, as what 8 did.
        let newer = HashMap::from([(5, 8)]);
        assert_eq!(table.undone(1, &newer), undone(5, 8, true));
        assert_eq!(table.undone(5, &newer), undone(8, 8, false));
        assert_eq!(table.undone(8, &newer), None);
        table.insert(5, 8);
        table.insert(8, 9);
        assert_eq!(table.undone(1, &none), undone(5, 9, false));
        assert_eq!(table.undone(5, &none), undone(8, 9, true));
        assert_eq!(table.undone(9, &none), None);
    }
}
