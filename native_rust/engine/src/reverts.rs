//! Which blocks have been undone by which.

use std::collections::HashMap;

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

    /// All pairs of a block and the one that undid it.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.by.iter().map(|(block, by)| (*block, *by))
    }

    /// The block that has undone `block`, unless that one has been undone itself,
    /// and so on. `newer` is what comes on top of the table.
    pub(crate) fn undone(&self, block: u64, newer: &HashMap<u64, u64>) -> Option<u64> {
        let by = |block: u64| newer.get(&block).or_else(|| self.by.get(&block)).copied();
        let first = by(block)?;
        // Each link leads to a later block, so this ends. An even number of links
        // behind the first leaves it standing.
        let mut links = 0;
        let mut last = first;
        while let Some(next) = by(last) {
            last = next;
            links += 1;
        }
        (links % 2 == 0).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undoing_what_undid_brings_it_back() {
        let mut table = RevertTable::default();
        let none = HashMap::new();
        assert_eq!(table.undone(1, &none), None);
        table.insert(1, 5);
        assert_eq!(table.undone(1, &none), Some(5));
        assert_eq!(table.undone(5, &none), None);
        // Block 8 of the group undoes 5: 1 stands again.
        let newer = HashMap::from([(5, 8)]);
        assert_eq!(table.undone(1, &newer), None);
        assert_eq!(table.undone(5, &newer), Some(8));
        table.insert(5, 8);
        table.insert(8, 9);
        assert_eq!(table.undone(1, &none), Some(5));
        assert_eq!(table.undone(5, &none), None);
        assert_eq!(table.undone(8, &none), Some(9));
    }
}
