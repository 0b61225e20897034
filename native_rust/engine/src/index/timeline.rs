//! Versions in the order of the blocks that wrote them, and which of them were there when.

use crate::mem::ascending::Ascending;
use crate::mem::chunked::Chunked;
use crate::mem::greatest::Greatest;

/// In the place of the number of an ending: of a version that has none.
const ALIVE: u32 = u32::MAX;
/// One version, to build a [`Timeline`] of many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub begin_seq: u64,
    /// Sequence that ended it, if one did.
    pub end_seq: Option<u64>,
    pub tag: u32,
}

/// Versions by the sequences that wrote them, each with what ended it and a tag.
///
/// A version is there at `at` from the sequence that wrote it until the one that ended it.
/// Endings are numbered in their order. So those at `at` are, of the versions written by
/// then, the ones whose ending has at least the number of the first one after `at`; and how
/// many they are is the difference of two counts. A tree with the greatest number below each
/// node leads from one of them to the next, whatever lies between. 12 bytes a version, and 4
/// more for one that has ended.
///
/// Invariants:
/// 1. `ends[0]` and `tags` have an element for each of `begins`.
/// 2. A node of `ends[level + 1]` is the greatest of its [`FAN_OUT`] nodes in `ends[level]`;
///    the last level has at most so many.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    begins: Ascending,
    tags: Chunked<u32>,
    /// The number of its ending, or [`ALIVE`].
    ends: Greatest<u32>,
    endings: Ascending,
}

impl Timeline {
    /// Of versions in any order. O(n log n), and O(n) for those in runs that are in order.
    pub(super) fn build(mut spans: Vec<Span>) -> Self {
        spans.sort_by_key(|span| span.begin_seq);
        let mut timeline = Self::default();
        for span in &spans {
            timeline.begin(span.begin_seq, span.tag);
        }
        let ended = spans.iter().zip(0_usize..);
        let mut ended: Vec<(u64, usize)> = ended
            .filter_map(|(span, place)| Some((span.end_seq?, place)))
            .collect();
        drop(spans);
        ended.sort_unstable();
        for (end_seq, place) in ended {
            timeline.end_at(place, end_seq);
        }
        timeline
    }

    /// Enters a version written by `seq`, which is above all those before. O(1).
    pub(super) fn begin(&mut self, seq: u64, tag: u32) {
        self.begins.push(seq);
        self.tags.push(tag);
        self.ends.push(ALIVE);
    }

    /// Lets the version written by `begin_seq` end at `seq`, which is above all before.
    /// O(log n).
    pub(super) fn end(&mut self, begin_seq: u64, seq: u64) {
        let place = self.begins.count_until(begin_seq).checked_sub(1);
        if let Some(place) = place.filter(|place| self.begins.get(*place) == Some(begin_seq)) {
            self.end_at(place, seq);
        }
    }

    fn end_at(&mut self, place: usize, seq: u64) {
        let number = self.endings.len() as u32;
        self.endings.push(seq);
        self.ends.set(place, number);
    }

    /// How many versions are there at `at`. O(log n).
    pub(super) fn count(&self, at: u64) -> usize {
        let (begun, ended) = self.until(at);
        begun - ended
    }

    /// How many versions had begun by `at`, and how many had ended. O(log n).
    pub(super) fn until(&self, at: u64) -> (usize, usize) {
        (self.begins.count_until(at), self.endings.count_until(at))
    }

    /// How many versions were written from one sequence to another, whenever they ended.
    /// O(log n).
    pub(super) fn written(&self, (first, last): (u64, u64)) -> usize {
        let before = self.begins.count_until(first.saturating_sub(1));
        self.begins.count_until(last).saturating_sub(before)
    }

    /// Calls `found` with the sequence and the tag of each version that is there at `at` and
    /// was written by a block from `first` to `last`, in order, for as long as it says.
    /// O(log n) for each.
    pub(super) fn each(
        &self,
        (first, last): (u64, u64),
        at: u64,
        mut found: impl FnMut(u64, u32) -> bool,
    ) {
        let least = self.endings.count_until(at) as u32;
        let end = self.begins.count_until(last.min(at));
        let mut next = match first {
            0 => 0,
            first => self.begins.count_until(first - 1),
        };
        while let Some(place) = self.ends.next(next, least).filter(|place| *place < end)
            && let Some((seq, tag)) = self.begins.get(place).zip(self.tags.get(place))
            && found(seq, *tag)
        {
            next = place + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Random;
    use crate::testing::oracles::{cases, compared};

    fn check(timeline: &Timeline, spans: &[Span], last: u64, random: &mut Random) {
        for at in [
            0,
            1,
            last / 2,
            last,
            last + 1,
            u64::MAX,
            random.below(last + 1),
        ] {
            let there = |span: &&Span| {
                span.begin_seq <= at && span.end_seq.is_none_or(|end_seq| at < end_seq)
            };
            assert_eq!(timeline.count(at), spans.iter().filter(there).count());
            let mut ends = [random.below(last + 2), random.below(last + 2)];
            ends.sort_unstable();
            for (first, until) in [(0, u64::MAX), (ends[0], ends[1]), (ends[1], ends[0])] {
                let within = |span: &&Span| (first..=until).contains(&span.begin_seq);
                let expected: Vec<(u64, u32)> = spans
                    .iter()
                    .filter(within)
                    .filter(there)
                    .map(|span| (span.begin_seq, span.tag))
                    .collect();
                let mut found = Vec::new();
                timeline.each((first, until), at, |seq, tag| {
                    found.push((seq, tag));
                    true
                });
                assert_eq!(found, expected, "{first}..={until} at {at}");
                assert_eq!(
                    timeline.written((first, until)),
                    spans.iter().filter(within).count()
                );
                compared("versions in the order of their sequences", 1);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(60)))]

        /// Against all versions gone through, with enough of them for several levels.
        #[test]
        fn agrees_with_a_scan(seed in any::<u64>(), steps in 0_u64..9_000, lasting in 1_u64..40) {
            let mut random = Random(seed);
            let mut timeline = Timeline::default();
            let mut spans: Vec<Span> = Vec::new();
            let mut alive: Vec<usize> = Vec::new();
            let mut seq = 0;
            for step in 0..steps {
                seq += 1 + random.below(3);
                // Some end for good, some go on as another version.
                if !alive.is_empty() && random.below(lasting) != 0 {
                    let place = alive.swap_remove(random.below(alive.len() as u64) as usize);
                    spans[place].end_seq = Some(seq);
                    timeline.end(spans[place].begin_seq, seq);
                    if random.below(4) == 0 {
                        continue;
                    }
                }
                alive.push(spans.len());
                timeline.begin(seq, step as u32);
                spans.push(Span { begin_seq: seq, end_seq: None, tag: step as u32 });
            }
            check(&timeline, &spans, seq, &mut random);
            let mut shuffled = spans.clone();
            for place in 1..shuffled.len() {
                shuffled.swap(place, random.below(place as u64 + 1) as usize);
            }
            check(&Timeline::build(shuffled), &spans, seq, &mut random);
        }
    }

    #[test]
    fn what_is_there_is_found_among_a_million_that_were() {
        let mut timeline = Timeline::default();
        timeline.begin(1, 0);
        for seq in 2..=1_000_000 {
            timeline.begin(seq, seq as u32);
            if seq != 500_000 {
                timeline.end(seq - 1, seq);
            }
        }
        let mut found = Vec::new();
        let begun = std::time::Instant::now();
        for at in 600_000..601_000 {
            timeline.each((1, u64::MAX), at, |seq, _| {
                found.push(seq);
                true
            });
        }
        // Walked over, it would take a thousand times as long.
        assert!(begun.elapsed() < std::time::Duration::from_millis(200));
        let expected = (600_000..601_000).flat_map(|at| [499_999, at]);
        assert!(found.into_iter().eq(expected));
    }
}
