//! The greatest of many values that change, and the next that is great enough.

use super::chunked::Chunked;

/// Values or nodes that have a node above them together. Divides the length of the chunks
/// that they lie in, so that they stand next to each other.
const FAN_OUT: usize = 64;

/// A list of values that grows at its end, and above it levels of nodes, each the greatest of
/// the 64 below it: a 64th more memory than the values.
///
/// Invariants:
/// 1. `levels[0]` are the values; a node of `levels[n + 1]` is the greatest of its
///    [`FAN_OUT`] in `levels[n]`.
/// 2. The last level has at most so many.
#[derive(Debug)]
pub(crate) struct Greatest<T> {
    levels: Vec<Chunked<T>>,
}

impl<T> Default for Greatest<T> {
    fn default() -> Self {
        Self { levels: Vec::new() }
    }
}

impl<T: Copy + Ord> Greatest<T> {
    /// Appends a value. O(1) in the long run.
    pub(crate) fn push(&mut self, value: T) {
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Chunked::default());
            }
            let Some(nodes) = self.levels.get_mut(level) else {
                return;
            };
            let place = nodes.push(value);
            if self.levels.len() == level + 1 {
                if place < FAN_OUT {
                    return;
                }
                // A node for all that were there; the new one has its own.
                let mut above = Chunked::default();
                if let Some(greatest) = self.of_part(level, 0) {
                    above.push(greatest);
                }
                self.levels.push(above);
            }
            if !place.is_multiple_of(FAN_OUT) {
                return self.raise(level + 1, place / FAN_OUT, value);
            }
        }
    }

    /// Lets a node and those above it be no less than `value`.
    fn raise(&mut self, from: usize, mut place: usize, value: T) {
        for nodes in self.levels.iter_mut().skip(from) {
            match nodes.get_mut(place) {
                Some(node) if *node < value => *node = value,
                _ => return,
            }
            place /= FAN_OUT;
        }
    }

    /// Puts a value in the place of one that is there. O(log n), and less for one that is
    /// greater than before or was not the greatest of its neighbours.
    pub(crate) fn set(&mut self, mut place: usize, mut value: T) {
        for level in 0..self.levels.len() {
            let Some(node) = self
                .levels
                .get_mut(level)
                .and_then(|nodes| nodes.get_mut(place))
            else {
                return;
            };
            let before = std::mem::replace(node, value);
            place /= FAN_OUT;
            if before < value {
                return self.raise(level + 1, place, value);
            }
            let above = self
                .levels
                .get(level + 1)
                .and_then(|nodes| nodes.get(place));
            if before == value || above.is_none_or(|above| *above != before) {
                return;
            }
            match self.of_part(level, place) {
                Some(greatest) => value = greatest,
                None => return,
            }
        }
    }

    pub(crate) fn get(&self, place: usize) -> Option<T> {
        self.levels.first()?.get(place).copied()
    }

    /// The greatest of all. O(1).
    pub(crate) fn greatest(&self) -> Option<T> {
        self.of_part(self.levels.len().checked_sub(1)?, 0)
    }

    /// The greatest of the values or nodes of a level that have this node above them.
    fn of_part(&self, level: usize, above: usize) -> Option<T> {
        let nodes = self.levels.get(level)?.part(above * FAN_OUT, FAN_OUT);
        nodes.iter().copied().max()
    }

    /// The first place from `from` on whose value is `least` or greater. O(log n).
    pub(crate) fn next(&self, mut from: usize, least: T) -> Option<usize> {
        let mut level = 0;
        // Up, until there is one among the neighbours.
        let mut found = loop {
            let nodes = self.levels.get(level)?;
            let neighbours = nodes.part(from, FAN_OUT - from % FAN_OUT);
            if let Some(place) = neighbours.iter().position(|node| *node >= least) {
                break from + place;
            }
            from = from / FAN_OUT + 1;
            level += 1;
        };
        while level > 0 {
            level -= 1;
            let below = self.levels.get(level)?.part(found * FAN_OUT, FAN_OUT);
            found = found * FAN_OUT + below.iter().position(|node| *node >= least)?;
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Random;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Against a vector, with enough values for several levels, most of them few.
        #[test]
        fn agrees_with_a_vector(seed in any::<u64>(), steps in 0_usize..10_000, many in 1_u64..200) {
            let mut random = Random(seed);
            let mut values = Greatest::default();
            let mut plain: Vec<u64> = Vec::new();
            for step in 0..steps {
                let most = random.below(many);
                let value = random.below(1 + most);
                if plain.is_empty() || random.below(3) != 0 {
                    values.push(value);
                    plain.push(value);
                } else {
                    let place = random.below(plain.len() as u64) as usize;
                    values.set(place, value);
                    plain[place] = value;
                }
                if step % 97 != 0 {
                    continue;
                }
                prop_assert_eq!(values.greatest(), plain.iter().copied().max());
                let from = random.below(plain.len() as u64 + 2) as usize;
                prop_assert_eq!(values.get(from), plain.get(from).copied());
                for least in [0, many / 2, many * 9 / 10, many] {
                    let next = plain.iter().skip(from).position(|value| *value >= least);
                    prop_assert_eq!(values.next(from, least), next.map(|place| from + place));
                }
            }
        }
    }
}
