//! What held for requests that did not say otherwise, and since when.

use crate::types::Defaults;

/// The defaults of a database, in all their versions.
#[derive(Debug, Default, Clone)]
pub(crate) struct DefaultsTable {
    /// Which block set them to what, ascending.
    versions: Vec<(u64, Defaults)>,
}

impl DefaultsTable {
    /// Block `seq`, which comes after all others, sets them.
    pub(crate) fn set(&mut self, seq: u64, defaults: Defaults) {
        self.versions.push((seq, defaults));
    }

    /// Those as of a sequence. O(log n).
    pub(crate) fn at(&self, seq: u64) -> Defaults {
        let count = self.versions.partition_point(|(set, _)| *set <= seq);
        let last = count.checked_sub(1).and_then(|n| self.versions.get(n));
        last.map(|(_, defaults)| *defaults).unwrap_or_default()
    }

    /// The block that set them last, published or not.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.versions.last().map(|(seq, _)| *seq)
    }

    /// The blocks that set them after sequence `since` and up to `at`, ascending.
    pub(crate) fn between(&self, since: u64, at: u64) -> impl Iterator<Item = u64> {
        let first = self.versions.partition_point(|(set, _)| *set <= since);
        let after = self.versions.get(first..).unwrap_or_default();
        after
            .iter()
            .map(|(seq, _)| *seq)
            .take_while(move |seq| *seq <= at)
    }

    /// All versions, ascending by the blocks that set them.
    pub(crate) fn versions(&self) -> &[(u64, Defaults)] {
        &self.versions
    }

    /// Bytes of memory that it takes. O(1).
    pub(crate) fn memory(&self) -> usize {
        self.versions.capacity() * size_of::<(u64, Defaults)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::OnDuplicate;

    #[test]
    fn defaults_hold_from_the_block_that_set_them_on() {
        let mut table = DefaultsTable::default();
        let of = |on_duplicate| Defaults { on_duplicate };
        assert_eq!(table.newest(), None);
        table.set(3, of(OnDuplicate::Replace));
        table.set(7, of(OnDuplicate::Ignore));
        let at = |seq| table.at(seq).on_duplicate;
        assert_eq!([at(0), at(2)], [OnDuplicate::Keep; 2]);
        assert_eq!([at(3), at(6)], [OnDuplicate::Replace; 2]);
        assert_eq!([at(7), at(u64::MAX)], [OnDuplicate::Ignore; 2]);
        assert_eq!(table.newest(), Some(7));
        assert!(table.between(0, 9).eq([3, 7]));
        assert_eq!(table.between(3, 6).next(), None);
        assert!(table.between(2, 6).eq([3]));
    }
}
