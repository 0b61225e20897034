//! What the values of a chunk come to, worked out once.
//!
//! Summaries are made when an aggregate first asks for them, not when points are
//! entered: that keeps inserts as they were, and costs nothing for series that
//! nobody aggregates. Readers make them under the shared lock; writers, who hold
//! the exclusive one, empty them.

use std::sync::OnceLock;

use crate::types::exact::{Accumulator, Pair, Sum};

/// Below this a summary costs more memory and time than it saves.
const WORTHWHILE: usize = 128;

/// Place for the summary of a column: 16 bytes, and 80 more once there is one.
#[derive(Debug, Default)]
pub(crate) struct CachedSummary(OnceLock<Box<ValueSummary>>);

/// What a column of values comes to.
#[derive(Debug)]
pub(crate) struct ValueSummary {
    /// The sum, where a pair holds it.
    pub sum: Option<Pair>,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// Made apart, since few ask for it and it takes longest.
    squares: OnceLock<Option<[f64; 3]>>,
}

impl CachedSummary {
    /// The summary of `values`, the column it belongs to; `None` if that is short.
    /// Linear the first time.
    pub(crate) fn of(&self, values: &[f64]) -> Option<&ValueSummary> {
        if values.len() < WORTHWHILE {
            return None;
        }
        Some(self.0.get_or_init(|| {
            let (min, max) = extremes(values);
            Box::new(ValueSummary {
                sum: Pair::of(values),
                min,
                max,
                squares: OnceLock::new(),
            })
        }))
    }

    /// Adds `values`, the column it belongs to, to a sum and returns the least and the
    /// greatest of them, unless a summary is worth its while and yet to be made. O(1), and
    /// linear for few values and for those whose sum no pair holds.
    pub(crate) fn known(&self, values: &[f64], sum: &mut Sum) -> Option<(f64, f64)> {
        let known = self.0.get();
        if known.is_none() && values.len() >= WORTHWHILE {
            return None;
        }
        match known.and_then(|known| known.sum) {
            Some(pair) => sum.add(pair),
            None => sum.add_all(values),
        }
        Some(known.map_or_else(|| extremes(values), |known| (known.min, known.max)))
    }

    /// The same of the squares of the values.
    pub(crate) fn known_squares(&self, values: &[f64], sum: &mut Accumulator) -> Option<()> {
        let known = match self.0.get() {
            Some(known) => *known.squares.get()?,
            None if values.len() < WORTHWHILE => None,
            None => return None,
        };
        match known {
            Some(parts) => parts.iter().for_each(|&part| sum.add(part)),
            None => values.iter().for_each(|&x| sum.add_square(x)),
        }
        Some(())
    }
}

impl ValueSummary {
    /// The sum of the squares of `values`, the column it belongs to, as three
    /// doubles that add up to it, where three do. Linear the first time.
    pub(crate) fn squares(&self, values: &[f64]) -> Option<[f64; 3]> {
        *self.squares.get_or_init(|| {
            let mut squares = Accumulator::default();
            values.iter().for_each(|&x| squares.add_square(x));
            squares.expansion()
        })
    }
}

/// The least and the greatest of some values; of none, infinities the wrong way
/// round. Linear, twice where one of the two is zero.
pub(crate) fn extremes(values: &[f64]) -> (f64, f64) {
    // Lanes, which the processor compares at once.
    let mut min = [f64::INFINITY; 8];
    let mut max = [f64::NEG_INFINITY; 8];
    let (rows, rest) = values.as_chunks::<8>();
    for row in rows {
        for ((&x, min), max) in row.iter().zip(&mut min).zip(&mut max) {
            *min = if x < *min { x } else { *min };
            *max = if x > *max { x } else { *max };
        }
    }
    let of = |lanes: [f64; 8], pick: fn(f64, f64) -> f64, none: f64| {
        let found = lanes.iter().chain(rest).copied().fold(none, pick);
        match found == 0.0 {
            // Comparing did not tell the two zeros apart.
            true => values
                .iter()
                .copied()
                .filter(|&x| x == 0.0)
                .fold(found, pick),
            false => found,
        }
    };
    (
        of(min, least, f64::INFINITY),
        of(max, greatest, f64::NEG_INFINITY),
    )
}

/// The lesser of two finite values or infinities; -0.0 is less than 0.0.
pub(crate) fn least(a: f64, b: f64) -> f64 {
    if a.total_cmp(&b).is_le() { a } else { b }
}

/// The greater of two, as [`least`].
pub(crate) fn greatest(a: f64, b: f64) -> f64 {
    if a.total_cmp(&b).is_ge() { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_zeros_are_told_apart() {
        for (values, min, max) in [
            (&[-0.0][..], -0.0, -0.0),
            (&[0.0, -0.0], -0.0, 0.0),
            (&[-0.0, 0.0], -0.0, 0.0),
            (&[1.0, -0.0, 0.0], -0.0, 1.0),
            (&[-1.0, -0.0], -1.0, -0.0),
            (
                &[-0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0],
                -0.0,
                -0.0,
            ),
            (&[], f64::INFINITY, f64::NEG_INFINITY),
        ] {
            let (least, greatest) = extremes(values);
            let found = (least.to_bits(), greatest.to_bits());
            assert_eq!(found, (f64::to_bits(min), f64::to_bits(max)), "{values:?}");
        }
    }
}
