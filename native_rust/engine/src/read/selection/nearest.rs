//! The blocks nearest to one end of the journal, of many that come in no order.

use std::collections::BTreeMap;

use crate::index::Order;

/// Up to so many sequences, the least or the greatest of those that were added, each with
/// a count. Adding one is O(log limit).
#[derive(Debug)]
pub(crate) struct Nearest {
    order: Order,
    limit: usize,
    counts: BTreeMap<u64, u64>,
}

impl Nearest {
    /// The least in ascending order, the greatest in descending.
    pub(crate) fn new(order: Order, limit: usize) -> Self {
        Self {
            order,
            limit: limit.max(1),
            counts: BTreeMap::new(),
        }
    }

    /// Add to the count of `seq`. Once it is full, what lies beyond is left out, and so is
    /// what it held of that.
    pub(crate) fn add(&mut self, seq: u64, count: u64) {
        if self.is_full() && self.farthest().is_some_and(|far| self.beyond(seq, far)) {
            return;
        }
        *self.counts.entry(seq).or_default() += count;
        if self.counts.len() > self.limit {
            match self.order {
                Order::Ascending => self.counts.pop_last(),
                Order::Descending => self.counts.pop_first(),
            };
        }
    }

    /// The part of a range of sequences that may still be added to it.
    pub(crate) fn within(&self, (first, last): (u64, u64)) -> (u64, u64) {
        match (self.farthest().filter(|_| self.is_full()), self.order) {
            (None, _) => (first, last),
            (Some(far), Order::Ascending) => (first, last.min(far)),
            (Some(far), Order::Descending) => (first.max(far), last),
        }
    }

    /// Whether it has as many as it takes: there may be others.
    pub(crate) fn is_full(&self) -> bool {
        self.counts.len() >= self.limit
    }

    /// Those it has with their counts, the first in its order at the end.
    pub(crate) fn into_stack(self) -> Vec<(u64, u64)> {
        let ascending = self.counts.into_iter();
        match self.order {
            Order::Ascending => ascending.rev().collect(),
            Order::Descending => ascending.collect(),
        }
    }

    fn farthest(&self) -> Option<u64> {
        let end = match self.order {
            Order::Ascending => self.counts.last_key_value(),
            Order::Descending => self.counts.first_key_value(),
        };
        end.map(|(seq, _)| *seq)
    }

    fn beyond(&self, seq: u64, far: u64) -> bool {
        match self.order {
            Order::Ascending => seq > far,
            Order::Descending => seq < far,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn those_that_are_kept_are_the_nearest_and_counted_in_full(
            added in prop::collection::vec((1_u64..40, 1_u64..5), 0..200),
            limit in 1_usize..20,
            descending: bool,
        ) {
            let order = if descending { Order::Descending } else { Order::Ascending };
            let mut all: BTreeMap<u64, u64> = BTreeMap::new();
            let mut nearest = Nearest::new(order, limit);
            for (seq, count) in added {
                let (first, last) = nearest.within((1, 40));
                prop_assert!(nearest.counts.len() < limit || (first..=last).contains(&seq)
                    || !nearest.counts.contains_key(&seq));
                *all.entry(seq).or_default() += count;
                nearest.add(seq, count);
            }
            let mut expected: Vec<(u64, u64)> = match descending {
                true => all.into_iter().rev().take(limit).collect(),
                false => all.into_iter().take(limit).collect(),
            };
            expected.reverse();
            prop_assert_eq!(nearest.into_stack(), expected);
        }
    }
}
