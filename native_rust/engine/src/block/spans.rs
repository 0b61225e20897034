//! Spans of time from which points of a series have been deleted.

use std::collections::{BTreeMap, HashSet};

use crate::types::Which;

/// Deletions of one series. Half-open spans, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    /// Of all points: start and end of spans that do not touch.
    all: BTreeMap<i64, i64>,
    /// Of the points of one block: start, end, block.
    of_blocks: Vec<(i64, i64, u64)>,
    /// Single points: block, and place among what it wrote.
    points: HashSet<(u64, u32)>,
}

impl Spans {
    /// Delete these from `start` on and before `end`. For those that a block replaces, at
    /// their timestamps, all that was there before.
    pub(crate) fn add(&mut self, start: i64, end: i64, which: &Which) {
        match which {
            Which::All => self.add_all(start, end),
            Which::Of(block) if start < end => self.of_blocks.push((start, end, *block)),
            Which::Of(_) => {}
            Which::One { block, place } => {
                self.points.insert((*block, *place));
            }
            Which::Replaced { timestamps, .. } => timestamps
                .iter()
                .for_each(|timestamp| self.add_all(*timestamp, timestamp.saturating_add(1))),
        }
    }

    /// Delete all from `start` on and before `end`.
    pub(crate) fn add_all(&mut self, start: i64, end: i64) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        // Each span that is taken in is gone, so this is O(log n) for each one added.
        while let Some((&first, &last)) = self.all.range(..=end).next_back()
            && last >= start
        {
            self.all.remove(&first);
            (start, end) = (start.min(first), end.max(last));
        }
        self.all.insert(start, end);
    }

    /// Delete what `later` deletes.
    pub(crate) fn absorb(&mut self, later: Self) {
        for (start, end) in later.all {
            self.add_all(start, end);
        }
        self.of_blocks.extend(later.of_blocks);
        self.points.extend(later.points);
    }

    /// Whether nothing is deleted.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.of_blocks.is_empty() && self.points.is_empty()
    }

    /// Whether a point of the transaction's own, from before these, is deleted.
    /// O(log n).
    pub(crate) fn hit_own(&self, timestamp: i64) -> bool {
        let before = self.all.range(..=timestamp).next_back();
        before.is_some_and(|(_, end)| timestamp < *end)
    }

    /// Whether a point is deleted that stands at `place` of block `seq`.
    pub(crate) fn hit(&self, timestamp: i64, (seq, place): (u64, u32)) -> bool {
        let of_block = |&(start, end, block): &(i64, i64, u64)| {
            block == seq && (start..end).contains(&timestamp)
        };
        self.hit_own(timestamp)
            || self.points.contains(&(seq, place))
            || self.of_blocks.iter().any(of_block)
    }

    /// The spans of all points, in order.
    pub(crate) fn of_all(&self) -> impl Iterator<Item = (i64, i64)> {
        self.all.iter().map(|(start, end)| (*start, *end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_touch_become_one_and_hit_what_each_of_them_hits() {
        let mut state = 7_u64;
        let mut random = move |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % n
        };
        for _ in 0..500 {
            let (mut spans, mut plain) = (Spans::default(), Vec::new());
            for _ in 0..random(12) {
                let start = random(40) as i64;
                let end = start + random(8) as i64;
                let block = (random(4) == 0).then(|| random(3));
                let which = block.map_or(Which::All, Which::Of);
                spans.add(start, end, &which);
                plain.push((start, end, block));
            }
            for t in -1..50 {
                let own = plain
                    .iter()
                    .any(|(s, e, b)| b.is_none() && (*s..*e).contains(&t));
                assert_eq!(spans.hit_own(t), own, "{plain:?} at {t}");
                for seq in 0..3 {
                    let hit = plain.iter().any(|(s, e, b)| {
                        b.is_none_or(|block| block == seq) && (*s..*e).contains(&t)
                    });
                    assert_eq!(spans.hit(t, (seq, 0)), hit, "{plain:?} at {t} of {seq}");
                }
            }
            let ends: Vec<(i64, i64)> = spans.of_all().collect();
            assert!(ends.windows(2).all(|w| w[0].1 < w[1].0), "{ends:?}");
            let one = Which::One { block: 7, place: 1 };
            spans.add(60, 61, &one);
            assert!(spans.hit(60, (7, 1)) && !spans.hit(60, (7, 0)));
        }
    }
}
