//! Blocks that no index shows: deletions of points that found none.
//!
//! A block that wrote a version or a point has left its sequence there. Whoever looks for
//! the blocks that are about a series by that would miss one that changed nothing, so these
//! few are kept beside the series.

use parking_lot::RwLock;

use super::range::Order;

/// Their sequences, ascending.
#[derive(Debug, Default)]
pub(super) struct Traceless(RwLock<Vec<u64>>);

impl Traceless {
    /// Take note of a block, which comes after those before.
    pub(super) fn push(&self, seq: u64) {
        self.0.write().push(seq);
    }

    /// Up to `limit` of those from one sequence to another, the first in that order.
    pub(super) fn within(&self, (first, last): (u64, u64), order: Order, limit: usize) -> Vec<u64> {
        let seqs = self.0.read();
        let from = seqs.partition_point(|seq| *seq < first);
        let to = seqs.partition_point(|seq| *seq <= last).max(from);
        let found = seqs.get(from..to).unwrap_or_default();
        match order {
            Order::Ascending => found.iter().take(limit).copied().collect(),
            Order::Descending => found.iter().rev().take(limit).copied().collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.read().len()
    }
}

/// The blocks of a snapshot that have left a trace in an index: a bit each.
#[derive(Debug)]
pub(crate) struct Traces(Vec<u64>);

impl Traces {
    /// Of blocks up to `last`, none of which has left one so far.
    pub(crate) fn up_to(last: u64) -> Self {
        let words = usize::try_from(last / 64).map_or(0, |words| words + 1);
        Self(vec![0; words])
    }

    /// Block `seq` has.
    pub(crate) fn note(&mut self, seq: u64) {
        let word = usize::try_from(seq / 64)
            .ok()
            .and_then(|word| self.0.get_mut(word));
        if let Some(word) = word {
            *word |= 1 << (seq % 64);
        }
    }

    /// Those of blocks 1 to `last` that have not.
    pub(crate) fn missing(&self, last: u64) -> impl Iterator<Item = u64> {
        let words = (0_u64..)
            .zip(&self.0)
            .filter(|(_, word)| **word != u64::MAX);
        let bits = words.flat_map(|(place, word)| {
            (0..64)
                .filter(move |bit| word >> bit & 1 == 0)
                .map(move |bit| place * 64 + bit)
        });
        bits.filter(move |seq| (1..=last).contains(seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_without_a_trace_are_those_that_none_was_noted_of() {
        for last in [0, 1, 63, 64, 65, 1_000] {
            let mut traces = Traces::up_to(last);
            let gone = |seq: u64| seq % 7 == 3 || seq == last;
            (1..=last)
                .filter(|seq| !gone(*seq))
                .for_each(|seq| traces.note(seq));
            traces.note(last + 1_000);
            let expected: Vec<u64> = (1..=last).filter(|seq| gone(*seq)).collect();
            assert_eq!(traces.missing(last).collect::<Vec<_>>(), expected);
            let traceless = Traceless::default();
            expected.iter().for_each(|seq| traceless.push(*seq));
            let within = |order, limit| traceless.within((4, 500), order, limit);
            let mut some: Vec<u64> = expected
                .into_iter()
                .filter(|seq| (4..=500).contains(seq))
                .collect();
            assert_eq!(within(Order::Ascending, usize::MAX), some);
            assert_eq!(within(Order::Ascending, 2), &some[..some.len().min(2)]);
            some.reverse();
            assert_eq!(within(Order::Descending, 2), &some[..some.len().min(2)]);
        }
    }
}
