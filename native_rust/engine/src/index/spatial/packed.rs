//! Versions that have ended, in a tree that is built once: by place and by time.

use rstar::{AABB, Envelope};

use super::SpatialEntry;

/// Entries or nodes below a node.
const FAN_OUT: usize = 16;

/// A static tree over versions that never change, in which a version's time is a dimension
/// like those of its place: a node has the sequence at which the first of the versions below
/// it began and the one at which the last ended, and so looks like a version itself. What is
/// asked as of a sequence passes over all nodes in which nothing was there then.
///
/// Entries lie in the order of a k-d tree (J. Bentley, "Multidimensional binary search trees
/// used for associative searching", 1975) over the middle of the envelope, begin and end,
/// whose left halves are full; so 16 neighbours, and 16 times 16, are near each other. All
/// nodes are full, too, and need no pointers: 51 bytes a version.
///
/// Invariant: entry `n` of `levels[l + 1]` spans the entries `16 n` to `16 n + 15` of
/// `levels[l]`; the last level has at most 16.
#[derive(Debug)]
pub(super) struct Packed {
    levels: Vec<Box<[SpatialEntry]>>,
}

/// A place in a [`Packed`] tree; those of level 0 are versions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub level: usize,
    place: usize,
}

impl Packed {
    /// O(n log n).
    pub(super) fn build(mut entries: Vec<SpatialEntry>) -> Self {
        arrange(&mut entries);
        let mut levels = vec![entries.into_boxed_slice()];
        while let Some(last) = levels.last()
            && last.len() > FAN_OUT
        {
            let above = last.chunks(FAN_OUT).map(span).collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// All versions.
    pub(super) fn entries(&self) -> &[SpatialEntry] {
        self.levels.first().map_or(&[], |entries| entries)
    }

    /// Whether it may have a version that was there at `at`. O(1).
    pub(super) fn may_show(&self, at: u64) -> bool {
        let last = self.levels.last();
        last.is_some_and(|nodes| nodes.iter().any(|node| node.visible(at)))
    }

    /// What is below a node, or the uppermost nodes.
    pub(super) fn below(
        &self,
        node: Option<Node>,
    ) -> impl ExactSizeIterator<Item = (Node, &SpatialEntry)> {
        let (level, first, count) = match node {
            None => (self.levels.len().saturating_sub(1), 0, FAN_OUT),
            Some(Node { level: 0, .. }) => (0, 0, 0),
            Some(Node { level, place }) => (level - 1, place * FAN_OUT, FAN_OUT),
        };
        let entries = self
            .levels
            .get(level)
            .and_then(|entries| entries.get(first..));
        let entries = entries.unwrap_or_default();
        let entries = entries.get(..count).unwrap_or(entries);
        let node = move |(offset, entry)| {
            let place = first + offset;
            (Node { level, place }, entry)
        };
        entries.iter().enumerate().map(node)
    }

    /// Calls `found` with the versions whose envelope meets another and that were there at a
    /// sequence, or ever. Returns the work done, unless it is more than there may be.
    pub(super) fn touching(
        &self,
        envelope: &AABB<[f64; 2]>,
        at: Option<u64>,
        most: usize,
        mut found: impl FnMut(&SpatialEntry),
    ) -> Option<usize> {
        let mut work = 0;
        let mut stack = Vec::with_capacity(64);
        stack.push(None);
        while let Some(node) = stack.pop() {
            let below = self.below(node);
            work += below.len();
            if work > most {
                return None;
            }
            for (node, entry) in below {
                let there = at.is_none_or(|at| entry.visible(at));
                if !there || !envelope.intersects(&entry.envelope) {
                    continue;
                }
                match node.level {
                    0 => found(entry),
                    _ => stack.push(Some(node)),
                }
            }
        }
        Some(work)
    }
}

/// What stands for some versions or nodes.
fn span(entries: &[SpatialEntry]) -> SpatialEntry {
    let mut all = SpatialEntry {
        envelope: AABB::new_empty(),
        begin_seq: u64::MAX,
        end_seq: 0,
    };
    for entry in entries {
        all.envelope.merge(&entry.envelope);
        all.begin_seq = all.begin_seq.min(entry.begin_seq);
        all.end_seq = all.end_seq.max(entry.end_seq);
    }
    all
}

/// Puts entries in the order of a k-d tree. O(n log n).
fn arrange(entries: &mut [SpatialEntry]) {
    let middle = |entry: &SpatialEntry, axis: usize| {
        entry.envelope.lower()[axis] / 2.0 + entry.envelope.upper()[axis] / 2.0
    };
    let mut parts = vec![(entries, 0_usize)];
    while let Some((part, axis)) = parts.pop() {
        if part.len() <= FAN_OUT {
            continue;
        }
        // A power of two, so that the nodes of every level end where a part does.
        let left = part.len().next_power_of_two() / 2;
        match axis {
            0 => part.select_nth_unstable_by_key(left, |entry| entry.begin_seq),
            1 => part.select_nth_unstable_by(left, |a, b| middle(a, 0).total_cmp(&middle(b, 0))),
            2 => part.select_nth_unstable_by_key(left, |entry| entry.end_seq),
            _ => part.select_nth_unstable_by(left, |a, b| middle(a, 1).total_cmp(&middle(b, 1))),
        };
        let (left, right) = part.split_at_mut(left);
        parts.push((left, (axis + 1) % 4));
        parts.push((right, (axis + 1) % 4));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::spatial::aabb;
    use crate::testing::Random;
    use crate::testing::oracles::{cases, compared};
    use crate::types::Rect;

    fn rect(random: &mut Random, size: u64) -> Rect {
        let min = [0, 1].map(|_| random.below(200) as f64 - 100.0);
        let max = min.map(|n| n + random.below(size) as f64);
        Rect { min, max }
    }

    /// Features that move now and then, each version until the next.
    fn versions(random: &mut Random, features: u64, count: u64) -> Vec<SpatialEntry> {
        let mut newest: Vec<Option<(u64, Rect)>> = vec![None; features as usize];
        let mut versions = Vec::new();
        for seq in 1..=count {
            let place = random.below(features) as usize;
            let next = (seq, rect(random, 3));
            if let Some((begin_seq, rect)) = newest[place].replace(next) {
                versions.push(SpatialEntry::new(rect, begin_seq, seq));
            }
        }
        versions
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(60)))]

        #[test]
        fn agrees_with_a_scan(seed in any::<u64>(), features in 1_u64..60, count in 0_u64..3_000) {
            let mut random = Random(seed);
            let plain = versions(&mut random, features, count);
            let packed = Packed::build(plain.clone());
            prop_assert_eq!(packed.entries().len(), plain.len());
            for _ in 0..30 {
                let at = random.below(count + 2);
                let area = aabb(&rect(&mut random, 120));
                let mut found = Vec::new();
                let done = packed.touching(&area, Some(at), usize::MAX, |entry| found.push(entry.begin_seq));
                prop_assert!(done.is_some());
                found.sort_unstable();
                let there = plain.iter().filter(|v| v.visible(at) && area.intersects(&v.envelope));
                let mut expected: Vec<u64> = there.map(|version| version.begin_seq).collect();
                expected.sort_unstable();
                prop_assert!(expected.is_empty() || packed.may_show(at));
                prop_assert_eq!(found, expected);
                compared("boxes in packed trees", 1);
            }
        }
    }

    #[test]
    fn what_was_there_costs_little_however_many_versions_there_were() {
        let mut random = Random(7);
        let mut most = Vec::new();
        for count in [2_000_u64, 128_000] {
            let packed = Packed::build(versions(&mut random, 100, count));
            let world = aabb(&Rect {
                min: [-200.0; 2],
                max: [200.0; 2],
            });
            let works = (8..=14).map(|part| {
                let mut found = 0;
                let at = Some(count / 22 * part);
                let work = packed.touching(&world, at, usize::MAX, |_| found += 1);
                assert!((90..=100).contains(&found), "{found}");
                work.unwrap()
            });
            most.push(works.max().unwrap());
        }
        // 64 times as many versions.
        assert!(most[1] < 6 * most[0], "{most:?}");
    }
}
