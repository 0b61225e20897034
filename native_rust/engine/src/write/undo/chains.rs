//! What undoing a set of blocks comes to, worked out from numbers alone.
//!
//! A block, the one that undid it, the one that undid that, and so on are a *chain*. What
//! its first block did stands as long as the chain has an odd number of blocks, and only
//! the last one can be undone. A set of blocks is undone by undoing the last blocks of the
//! chains for which that makes a difference; what a feature or a point is then is what it
//! was before the first of those, if nothing else that came after it stands.

use std::collections::HashSet;

use crate::budget::Budget;
use crate::error::Result;

/// What becomes of a set of blocks that are to be undone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    /// Those to undo, ascending: last blocks of their chains.
    pub live: Vec<u64>,
    /// Last blocks of chains for which there is nothing to do, since others have undone
    /// them, or since what undid them is undone with them.
    pub settled: Vec<u64>,
    /// A block that was undone, and the one outside of the set that did again what it had
    /// done.
    pub again: Vec<(u64, u64)>,
}

/// What becomes of `set`, ascending and without repetition; `undone` is the block that
/// undid another. Where one outside of the set does again what a block of it had done, that
/// one is to undo if the set `follows` its chains, and in the way otherwise. O(set + chains).
pub(super) fn resolve(
    set: &[u64],
    follows: bool,
    undone: impl Fn(u64) -> Option<u64>,
    budget: &Budget,
) -> Result<Resolved> {
    let mut resolved = Resolved::default();
    let mut known = HashSet::new();
    for &first in set {
        budget.step()?;
        // A chain ascends, so the first of it in the set comes first, and decides: what
        // that one did is not to stand, nor anything that is built on it.
        if known.contains(&first) {
            continue;
        }
        let (mut last, mut stands) = (first, true);
        while let Some(next) = undone(last) {
            budget.step()?;
            known.insert(next);
            (last, stands) = (next, !stands);
        }
        match (stands, set.binary_search(&last)) {
            (false, _) => resolved.settled.push(last),
            (true, Ok(_)) => resolved.live.push(last),
            (true, Err(_)) if follows => resolved.live.push(last),
            (true, Err(_)) => resolved.again.push((first, last)),
        }
    }
    resolved.live.sort_unstable();
    Ok(resolved)
}

/// The later versions of a feature, one after the other: which of them stand in the way.
#[derive(Debug, Default)]
pub(super) struct Later {
    /// Those that undid an earlier one of them.
    undoers: HashSet<u64>,
}

impl Later {
    /// Whether version `seq`, which comes after the first one that is to be undone, would
    /// still stand: it is not to be undone itself, and no pair of one version and another
    /// that undid it. `undone` is the block that undid it; `leaves` says which ones are to be
    /// undone. Ascending.
    pub(super) fn stands(
        &mut self,
        seq: u64,
        undone: Option<u64>,
        leaves: impl Fn(u64) -> bool,
    ) -> bool {
        if self.undoers.remove(&seq) || leaves(seq) {
            return false;
        }
        match undone.filter(|undoer| !leaves(*undoer)) {
            Some(undoer) => !self.undoers.insert(undoer),
            None => true,
        }
    }
}

/// The block that keeps points from being undone that deletions and what undid those, in
/// turn, came after (`since`): one that deletes them for good, or again once what undid it
/// `leaves`.
pub(super) fn deletion_in_the_way(since: &[u64], leaves: impl Fn(u64) -> bool) -> Option<u64> {
    since.chunks(2).find_map(|turn| match *turn {
        [deleted, back] => leaves(back).then_some(deleted),
        [deleted] => (!leaves(deleted)).then_some(deleted),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use proptest::prelude::*;

    /// One thing with versions: `None` writes it, `Some` undoes an earlier block.
    type History = Vec<Option<u64>>;

    /// What stands after a history without some of its blocks, oldest first; the last of
    /// them is what is seen. What undoes a block that is left out does nothing.
    fn replay(history: &History, without: &BTreeSet<u64>) -> Vec<u64> {
        let mut standing: BTreeMap<u64, bool> = BTreeMap::new();
        let root = |mut seq: u64| {
            let mut flips = false;
            while let Some(Some(target)) = history.get(seq as usize - 1) {
                (seq, flips) = (*target, !flips);
            }
            (seq, flips)
        };
        let mut effective = BTreeSet::new();
        for (seq, undoes) in (1..).zip(history) {
            if without.contains(&seq) {
                continue;
            }
            match undoes {
                None => standing.insert(seq, true),
                Some(target) if !effective.contains(target) => continue,
                Some(_) => {
                    let (first, flips) = root(seq);
                    standing.insert(first, !flips)
                }
            };
            effective.insert(seq);
        }
        let there = standing.into_iter().filter(|(_, stands)| *stands);
        there.map(|(seq, _)| seq).collect()
    }

    /// A history in which each block undoes one that can be undone, and what undid which.
    fn history(choices: &[(bool, usize)]) -> (History, BTreeMap<u64, u64>) {
        let (mut history, mut undone): (History, _) = (Vec::new(), BTreeMap::new());
        for (seq, (undo, which)) in (1_u64..).zip(choices) {
            // Only what is seen, or what undid something that was on top of that.
            let now = replay(&history, &BTreeSet::new());
            let can = |block: &u64| {
                let before = |len: u64| replay(&history[..len as usize].to_vec(), &BTreeSet::new());
                !undone.contains_key(block) && before(*block) == now
            };
            let open: Vec<u64> = (1..seq).filter(can).collect();
            match open.get(which % open.len().max(1)) {
                Some(block) if *undo => {
                    undone.insert(*block, seq);
                    history.push(Some(*block));
                }
                _ => history.push(None),
            }
        }
        (history, undone)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Undoing a set of blocks is refused, or leads to where the history without them
        /// does, which is where it was before the first of those that make a difference.
        #[test]
        fn undoing_is_replaying_without(
            choices in prop::collection::vec((any::<bool>(), 0_usize..20), 1..14),
            chosen in prop::collection::vec(any::<bool>(), 14),
        ) {
            let (history, undone) = history(&choices);
            let all = 1..=history.len() as u64;
            let set: Vec<u64> = all.zip(chosen).filter(|(_, c)| *c).map(|(s, _)| s).collect();
            let by = |seq: u64| undone.get(&seq).copied();
            let resolved = resolve(&set, false, by, &Budget::ample()).unwrap();
            let now = replay(&history, &BTreeSet::new());
            let without = replay(&history, &set.iter().copied().collect());
            // Those it undoes are the ends of chains that stand differently without the set.
            let root = |mut seq: u64| {
                while let Some(Some(target)) = history.get(seq as usize - 1) {
                    seq = *target;
                }
                seq
            };
            let differs = |seq: &u64| now.contains(seq) != without.contains(seq);
            let mut changed: Vec<u64> = (1..=history.len() as u64).filter(differs).collect();
            let live = resolved.live.iter().map(|seq| root(*seq));
            let mut found: Vec<u64> =
                live.chain(resolved.again.iter().map(|(_, last)| root(*last))).collect();
            found.sort_unstable();
            changed.sort_unstable();
            prop_assert_eq!(found, changed);
            let Some(&first) = resolved.live.first() else {
                return Ok(());
            };
            let before = replay(&history[..first as usize - 1].to_vec(), &BTreeSet::new());
            let leaves = |seq: u64| resolved.live.contains(&seq);
            let mut later = Later::default();
            let versions = first + 1..=history.len() as u64;
            let stand = versions.filter(|seq| later.stands(*seq, by(*seq), leaves));
            let in_the_way: Vec<u64> = stand.collect();
            if resolved.again.is_empty() && in_the_way.is_empty() {
                prop_assert_eq!(&before, &without, "{:?} without {:?}", &history, &set);
            }
            // Nothing is refused that leaves no trace of its own.
            if resolved.again.is_empty() && !in_the_way.is_empty() {
                let own = |seq: &u64| *seq > first && without.contains(seq) != before.contains(seq);
                let trace = (1..=history.len() as u64).any(|seq| own(&seq))
                    || without != before
                    || in_the_way.iter().any(|seq| history[*seq as usize - 1].is_some());
                prop_assert!(trace, "{:?} without {:?}: {:?}", &history, &set, in_the_way);
            }
        }
    }

    #[test]
    fn a_pair_that_is_undone_together_needs_nothing() {
        let by = |seq: u64| (seq == 2).then_some(3);
        let resolve = |set: &[u64]| resolve(set, false, by, &Budget::ample()).unwrap();
        assert_eq!(resolve(&[2, 3]).settled, [3]);
        assert_eq!(resolve(&[2]).settled, [3]);
        assert_eq!(resolve(&[3]).live, [3]);
        assert_eq!(resolve(&[1, 3]).live, [1, 3]);
    }

    #[test]
    fn a_set_that_follows_means_what_does_it_now() {
        let by = |seq: u64| (2..4).contains(&seq).then_some(seq + 1);
        let resolve = |follows| resolve(&[1, 2], follows, by, &Budget::ample()).unwrap();
        assert_eq!(resolve(true).live, [1, 4]);
        assert!(resolve(true).again.is_empty());
        assert_eq!(
            (resolve(false).live, resolve(false).again),
            (vec![1], vec![(2, 4)])
        );
    }

    #[test]
    fn points_are_kept_by_what_deletes_them_in_the_end() {
        let way = |since: &[u64], leaving: &[u64]| {
            deletion_in_the_way(since, |seq| leaving.contains(&seq))
        };
        assert_eq!(way(&[], &[]), None);
        assert_eq!(way(&[5], &[]), Some(5));
        assert_eq!(way(&[5], &[5]), None);
        assert_eq!(way(&[5, 6], &[]), None);
        // Without 6 the deletion of 5 stands again.
        assert_eq!(way(&[5, 6], &[6]), Some(5));
        assert_eq!(way(&[5, 6, 7], &[7]), None);
        assert_eq!(way(&[5, 6, 7], &[]), Some(7));
    }
}
