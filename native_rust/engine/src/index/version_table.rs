//! What is set and deleted under an id, and since when: the versions of each, by the
//! sequences of the blocks that set them. What they are is in those blocks. There is a table
//! for the attributes of series, and one for webhooks.

use std::collections::HashMap;
use std::sync::Arc;

use super::features::Newest;
use super::memory;
use super::range::Order;

/// Versions by ids, in order. A deletion is a version too.
#[derive(Debug, Default)]
pub(crate) struct VersionTable {
    ids: HashMap<Arc<str>, Vec<Newest>>,
    versions: usize,
    id_bytes: usize,
}

impl VersionTable {
    /// Enters what block `seq` did, which is above all before it; returns the sequence of
    /// the version before. O(1).
    pub(crate) fn set(&mut self, id: &str, present: bool, seq: u64) -> Option<u64> {
        let version = Newest {
            seq,
            deleted: !present,
        };
        self.versions += 1;
        match self.ids.get_mut(id) {
            Some(versions) => {
                let before = versions.last().map(|version| version.seq);
                versions.push(version);
                before
            }
            None => {
                self.id_bytes += id.len();
                self.ids.insert(id.into(), vec![version]);
                None
            }
        }
    }

    /// The newest version, published or not. O(1).
    pub(crate) fn newest(&self, id: &str) -> Option<Newest> {
        self.ids.get(id)?.last().copied()
    }

    /// The sequence of the version visible at `at`, unless that is a deletion. O(log n)
    /// in the number of versions.
    pub(crate) fn current(&self, id: &str, at: u64) -> Option<u64> {
        let versions = self.ids.get(id)?;
        let end = versions.partition_point(|version| version.seq <= at);
        let version = versions.get(end.checked_sub(1)?)?;
        (!version.deleted).then_some(version.seq)
    }

    /// Sequences of up to `limit` versions after `since` and up to `at`, oldest first.
    pub(crate) fn versions(&self, id: &str, since: u64, at: u64, limit: usize) -> Vec<u64> {
        let found = self.between(id, since, at).iter().take(limit);
        found.map(|version| version.seq).collect()
    }

    /// The same in an order of choice.
    pub(crate) fn within(
        &self,
        id: &str,
        (first, last): (u64, u64),
        order: Order,
        limit: usize,
    ) -> Vec<u64> {
        let found = self.between(id, first.saturating_sub(1), last).iter();
        let seq = |version: &Newest| version.seq;
        match order {
            Order::Ascending => found.take(limit).map(seq).collect(),
            Order::Descending => found.rev().take(limit).map(seq).collect(),
        }
    }

    fn between(&self, id: &str, since: u64, at: u64) -> &[Newest] {
        let versions = self.ids.get(id).map_or(&[][..], Vec::as_slice);
        let place = |seq| versions.partition_point(|version| version.seq <= seq);
        versions.get(place(since)..place(at)).unwrap_or_default()
    }

    /// All ids that have versions, with those, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &[Newest])> {
        let all = self.ids.iter();
        all.map(|(id, versions)| (&**id, versions.as_slice()))
    }

    /// Bytes of memory that it takes, roughly: see [`crate::index::memory`]. O(1).
    pub(crate) fn memory(&self) -> usize {
        memory::of_version_table(self.ids.len(), self.id_bytes, self.versions)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against all writes gone through for each question.
        #[test]
        fn versions_are_as_they_were_written(
            writes in prop::collection::vec((0_u8..4, any::<bool>()), 0..40),
            at in 0_u64..45, since in 0_u64..45, limit in 0_usize..6,
        ) {
            let mut table = VersionTable::default();
            let mut newest: BTreeMap<u8, u64> = BTreeMap::new();
            for (seq, (series, present)) in (1..).zip(&writes) {
                let before = table.set(&format!("s{series}"), *present, seq);
                prop_assert_eq!(before, newest.insert(*series, seq));
            }
            for series in 0..5_u8 {
                let of = (1_u64..).zip(&writes).filter(|(_, (other, _))| *other == series);
                let all: Vec<(u64, bool)> = of.map(|(seq, (_, present))| (seq, *present)).collect();
                let id = format!("s{series}");
                let visible = all.iter().rfind(|(seq, _)| *seq <= at);
                let current = visible.filter(|(_, present)| *present).map(|(seq, _)| *seq);
                prop_assert_eq!(table.current(&id, at), current);
                let inside = all.iter().filter(|(seq, _)| since < *seq && *seq <= at);
                let expected: Vec<u64> = inside.take(limit).map(|(seq, _)| *seq).collect();
                prop_assert_eq!(&table.versions(&id, since, at, limit), &expected);
                let range = (since + 1, at);
                let up = table.within(&id, range, Order::Ascending, usize::MAX);
                let mut down = table.within(&id, range, Order::Descending, usize::MAX);
                let last = table.within(&id, range, Order::Descending, limit);
                prop_assert_eq!(&last[..], &down[..limit.min(down.len())]);
                down.reverse();
                prop_assert_eq!(&up, &down);
                prop_assert_eq!(up.get(..limit).unwrap_or(&up), &expected);
                let last = all.last().map(|(seq, present)| Newest { seq: *seq, deleted: !present });
                prop_assert_eq!(table.newest(&id), last);
                let listed = table.all().find(|(other, _)| *other == id).map(|(_, v)| v.len());
                prop_assert_eq!(listed, (!all.is_empty()).then_some(all.len()));
            }
        }
    }
}
