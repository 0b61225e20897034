//! Which kinds of operations occur where in the journal, so that what is rare in it is found
//! without reading what lies between.

use super::range::Order;
use crate::block::OpKind;
use crate::mem::chunked::Chunked;

/// Kinds of operations: a bit for each. The bits stand in snapshots (docs/FORMAT.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// None of them.
    pub(crate) const NONE: Self = Self(0);
    /// All that there are.
    pub(crate) const ALL: Self = Self(0xff);

    /// What blocks are that are about a feature.
    pub(crate) const OF_FEATURES: Self = Self::of(OpKind::PutFeature)
        .or(Self::of(OpKind::DeleteFeature))
        .or(Self::of(OpKind::Revert));
    /// What blocks are that are about a series.
    pub(crate) const OF_SERIES: Self = Self::of(OpKind::PutPoints)
        .or(Self::of(OpKind::DeletePoints))
        .or(Self::of(OpKind::SetAttributes))
        .or(Self::of(OpKind::Revert));

    /// This one alone.
    pub(crate) const fn of(op: OpKind) -> Self {
        Self(match op {
            OpKind::PutFeature => 1,
            OpKind::DeleteFeature => 1 << 1,
            OpKind::PutPoints => 1 << 2,
            OpKind::DeletePoints => 1 << 3,
            OpKind::SetAttributes => 1 << 4,
            OpKind::SetDefaults => 1 << 5,
            OpKind::SetWebhook => 1 << 6,
            OpKind::Revert => 1 << 7,
        })
    }

    /// Those of either.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// All but these.
    pub(crate) const fn others(self) -> Self {
        Self(Self::ALL.0 & !self.0)
    }

    fn meets(self, other: Self) -> bool {
        self.and(other) != Self::NONE
    }

    /// As snapshots have them.
    pub(crate) fn to_bytes(self) -> [u8; 2] {
        self.0.to_le_bytes()
    }

    /// The inverse of [`Self::to_bytes`]; nothing for what is no kind, or none at all.
    pub(crate) fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        let kinds = Self(u16::from_le_bytes(bytes));
        let known = kinds.or(Self::ALL) == Self::ALL;
        (known && kinds != Self::NONE).then_some(kinds)
    }
}

/// Blocks of which is known together what kinds of operations they are.
pub(crate) const GROUP: usize = 64;
/// The top one has an entry for 16 million blocks, and is gone through as it is.
const LEVELS: usize = 4;

/// The kinds of operations in each 64 blocks, in each 64 of those, and so on: a thirtieth of
/// a byte a block.
#[derive(Debug, Default)]
pub(super) struct KindTable {
    levels: [Chunked<Kinds>; LEVELS],
    blocks: usize,
}

impl KindTable {
    /// The next block is one of these.
    pub(super) fn push(&mut self, kinds: Kinds) {
        self.enter(self.blocks, kinds);
        self.blocks += 1;
    }

    /// Among the blocks of a group there are also such. Does nothing for a group that is
    /// not there.
    pub(super) fn add(&mut self, group: usize, kinds: Kinds) {
        if group * GROUP < self.blocks {
            self.enter(group * GROUP, kinds);
        }
    }

    /// The kinds that may be in a group.
    pub(super) fn get(&self, group: usize) -> Option<Kinds> {
        let [groups, ..] = &self.levels;
        groups.get(group).copied()
    }

    /// The first group in an order, from this one on, in which such may be. O(log n).
    pub(super) fn find(&self, wanted: Kinds, from: usize, order: Order) -> Option<usize> {
        let (mut level, mut place) = (0, from);
        loop {
            let kinds = self.levels.get(level)?;
            // Those below one entry of the next level, or all.
            let (begin, end) = match level + 1 == LEVELS {
                true => (0, kinds.len()),
                false => (place / GROUP * GROUP, (place / GROUP + 1) * GROUP),
            };
            let such = |kinds: &Kinds| kinds.meets(wanted);
            let found = match order {
                Order::Ascending => {
                    let rest = kinds.part(place, end.saturating_sub(place));
                    rest.iter().position(such).map(|n| place + n)
                }
                Order::Descending => {
                    let rest = kinds.part(begin, (place + 1).saturating_sub(begin));
                    rest.iter().rposition(such).map(|n| begin + n)
                }
            };
            (level, place) = match (found, order) {
                (Some(found), _) if level == 0 => return Some(found),
                (Some(found), Order::Ascending) => (level - 1, found * GROUP),
                (Some(found), Order::Descending) => (level - 1, found * GROUP + GROUP - 1),
                (None, Order::Ascending) => (level + 1, end / GROUP),
                (None, Order::Descending) => (level + 1, (begin / GROUP).checked_sub(1)?),
            };
        }
    }

    fn enter(&mut self, block: usize, kinds: Kinds) {
        let mut place = block;
        for level in &mut self.levels {
            place /= GROUP;
            match level.get_mut(place) {
                // So do those above.
                Some(there) if there.or(kinds) == *there => return,
                Some(there) => *there = there.or(kinds),
                None => {
                    level.push(kinds);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    const OPS: [OpKind; 8] = [
        OpKind::PutFeature,
        OpKind::DeleteFeature,
        OpKind::PutPoints,
        OpKind::DeletePoints,
        OpKind::SetAttributes,
        OpKind::SetDefaults,
        OpKind::SetWebhook,
        OpKind::Revert,
    ];

    #[test]
    fn each_kind_has_its_bit() {
        let all = OPS.map(Kinds::of);
        for (n, kinds) in all.iter().enumerate() {
            assert_eq!(kinds.to_bytes(), [1 << n, 0]);
            assert_eq!(Kinds::from_bytes([1 << n, 0]), Some(*kinds));
            assert_eq!(kinds.others().and(*kinds), Kinds::NONE);
            assert_eq!(kinds.others().or(*kinds), Kinds::ALL);
        }
        assert_eq!(all.iter().fold(Kinds::NONE, |a, b| a.or(*b)), Kinds::ALL);
        assert_eq!(Kinds::from_bytes([0, 0]), None);
        assert_eq!(Kinds::from_bytes([1, 1]), None);
    }

    /// Blocks of which most are alike, in runs of all lengths.
    fn journal(random: &mut Random, blocks: usize) -> Vec<Kinds> {
        let mut all = Vec::new();
        while all.len() < blocks {
            let rare = random.below(3) == 0;
            let op = OPS[if rare { random.below(8) } else { 2 } as usize];
            let most = [3, 100, 5_000, 300_000][random.below(4) as usize];
            let run = 1 + random.below(if rare { 3 } else { most }) as usize;
            all.extend(std::iter::repeat_n(
                Kinds::of(op),
                run.min(blocks - all.len()),
            ));
        }
        all
    }

    #[test]
    fn groups_are_those_that_a_walk_finds() {
        let mut random = Random(7);
        let mut compared = 0;
        for blocks in [0, 1, 63, 64, 65, 4_095, 4_097, 300_000, 700_001] {
            let journal = journal(&mut random, blocks);
            let mut table = KindTable::default();
            // As a snapshot brings them: the blocks, and what the groups have.
            let mut loaded = KindTable::default();
            for kinds in &journal {
                table.push(*kinds);
                loaded.push(Kinds::NONE);
            }
            let groups: Vec<Kinds> = journal
                .chunks(GROUP)
                .map(|group| group.iter().fold(Kinds::NONE, |a, b| a.or(*b)))
                .collect();
            for (n, kinds) in groups.iter().enumerate() {
                loaded.add(n, *kinds);
                assert_eq!(table.get(n), Some(*kinds));
            }
            loaded.add(groups.len(), Kinds::ALL);
            assert_eq!(table.get(groups.len()), None);
            for _ in 0..400 {
                let from = random.below(groups.len() as u64 + 70) as usize;
                let one = Kinds::of(OPS[random.below(8) as usize]);
                let wanted = one.or(Kinds::of(OPS[random.below(8) as usize]));
                for wanted in [one, wanted, one.others()] {
                    let such = |n: &usize| groups.get(*n).is_some_and(|kinds| kinds.meets(wanted));
                    let next = (from..groups.len()).find(such);
                    let last = (0..=from).rev().find(such);
                    for table in [&table, &loaded] {
                        assert_eq!(table.find(wanted, from, Order::Ascending), next);
                        assert_eq!(table.find(wanted, from, Order::Descending), last);
                    }
                    compared += usize::from(next.is_some()) + usize::from(last.is_some());
                }
            }
        }
        assert!(compared > 5_000, "{compared}");
    }
}
