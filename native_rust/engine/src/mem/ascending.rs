//! Ascending numbers in four bytes each.

use super::chunked::CHUNK;

/// An append-only list of numbers that never descend, in which places are found by number.
///
/// Numbers are kept as distances from the first of their run. A run is full with 4,096, or
/// where the next number is too far away.
#[derive(Debug, Default)]
pub(crate) struct Ascending {
    runs: Vec<Run>,
    len: usize,
}

#[derive(Debug)]
struct Run {
    /// Numbers in the runs before.
    start: usize,
    base: u64,
    distances: Vec<u32>,
}

impl Ascending {
    /// Appends a number, which is none less than the last. O(1).
    pub(crate) fn push(&mut self, number: u64) {
        let start = self.len;
        self.len += 1;
        if let Some(run) = self
            .runs
            .last_mut()
            .filter(|run| run.distances.len() < CHUNK)
            && let Ok(distance) = u32::try_from(number.saturating_sub(run.base))
        {
            run.distances.push(distance);
            return;
        }
        self.runs.push(Run {
            start,
            base: number,
            distances: vec![0],
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number at a place. O(1), and O(log n) where runs are short.
    pub(crate) fn get(&self, place: usize) -> Option<u64> {
        let likely = self.runs.get(place / CHUNK);
        let run = match likely {
            Some(run) if run.start <= place && place - run.start < run.distances.len() => run,
            _ => {
                let after = self.runs.partition_point(|run| run.start <= place);
                self.runs.get(after.checked_sub(1)?)?
            }
        };
        let distance = run.distances.get(place - run.start)?;
        Some(run.base + u64::from(*distance))
    }

    /// How many numbers are no greater than `number`. O(log n).
    pub(crate) fn count_until(&self, number: u64) -> usize {
        let after = self.runs.partition_point(|run| run.base <= number);
        let Some(run) = after.checked_sub(1).and_then(|last| self.runs.get(last)) else {
            return 0;
        };
        let within = |distance: &u32| run.base + u64::from(*distance) <= number;
        run.start + run.distances.partition_point(within)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_those_of_a_vector(
            gaps in prop::collection::vec(prop_oneof![20 => 0_u64..3, 1 => Just(1_u64 << 31), 1 => Just(1_u64 << 40)], 0..200),
            repeat in 1_usize..60,
        ) {
            let mut ascending = Ascending::default();
            let mut plain = Vec::new();
            let mut number = 0;
            for gap in gaps.iter().cycle().take(gaps.len() * repeat) {
                number += gap;
                ascending.push(number);
                plain.push(number);
            }
            prop_assert_eq!(ascending.len(), plain.len());
            for place in (0..plain.len() + 2).step_by(1 + repeat / 3) {
                prop_assert_eq!(ascending.get(place), plain.get(place).copied());
            }
            for number in plain.iter().step_by(1 + repeat / 3) {
                for number in [number.saturating_sub(1), *number, number + 1] {
                    let expected = plain.partition_point(|other| *other <= number);
                    prop_assert_eq!(ascending.count_until(number), expected);
                }
            }
            prop_assert_eq!(ascending.count_until(u64::MAX), plain.len());
        }
    }
}
