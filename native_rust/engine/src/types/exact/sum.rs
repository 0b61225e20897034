//! A sum that is exact whatever is added.

use super::{Accumulator, Pair};

/// The exact sum of finite doubles.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    pair: Pair,
    /// What the pair could not take.
    rest: Option<Box<Accumulator>>,
}

impl Sum {
    /// Adds what a pair holds.
    pub(crate) fn add(&mut self, pair: Pair) {
        match self.pair.plus(pair) {
            Some(sum) => self.pair = sum,
            None => {
                let rest = self.rest.get_or_insert_default();
                rest.add(pair.high);
                rest.add(pair.low);
            }
        }
    }

    /// Adds all of another.
    pub(crate) fn add_sum(&mut self, other: &Self) {
        self.add(other.pair);
        if let Some(rest) = &other.rest {
            self.rest.get_or_insert_default().add_all(rest);
        }
    }

    /// Adds doubles, each of which is below the precision of the one before it.
    pub(crate) fn add_parts(&mut self, [high, low, rest]: [f64; 3]) {
        self.add(Pair { high, low });
        if rest != 0.0 {
            let low = 0.0;
            self.add(Pair { high: rest, low });
        }
    }

    /// Doubles that add up to it, where so many do.
    pub(crate) fn parts(&self) -> Option<[f64; 3]> {
        match self.rest {
            None => Some([self.pair.high, self.pair.low, 0.0]),
            Some(_) => self.exact().expansion(),
        }
    }

    /// Takes all of another off.
    pub(crate) fn take_off(&mut self, other: &Self) {
        let Pair { high, low } = other.pair;
        self.add(Pair {
            high: -high,
            low: -low,
        });
        if let Some(rest) = &other.rest {
            self.rest.get_or_insert_default().take_off(rest);
        }
    }

    /// Adds finite values. Linear.
    pub(crate) fn add_all(&mut self, values: &[f64]) {
        match Pair::of(values) {
            Some(pair) => self.add(pair),
            None => {
                let rest = self.rest.get_or_insert_default();
                values.iter().for_each(|&x| rest.add(x));
            }
        }
    }

    /// The sum, rounded once: infinite if it is beyond the range of doubles.
    pub(crate) fn round(&self) -> f64 {
        match self.rest {
            None => self.pair.round().0,
            Some(_) => self.exact().round(0),
        }
    }

    /// The sum divided by `count`, which is not 0, rounded once. O(1), and
    /// slower where two doubles do not settle the last bit or hold the sum.
    pub(crate) fn mean(&self, count: u64) -> f64 {
        let quick = match self.rest {
            None => quotient(self.pair.round(), count),
            Some(_) => None,
        };
        quick.unwrap_or_else(|| self.exact().quotient(count))
    }

    /// The sum times `factor`, divided by `divisor`, which is not 0, rounded once.
    pub(crate) fn ratio(&self, factor: u64, divisor: u64) -> f64 {
        self.exact().times(factor).quotient(divisor)
    }

    /// All of it in one number.
    pub(crate) fn exact(&self) -> Accumulator {
        let mut all = self.rest.as_deref().cloned().unwrap_or_default();
        all.add(self.pair.high);
        all.add(self.pair.low);
        all
    }
}

/// `(sum + rest) / count`, where `rest` is below the precision of `sum`: the quotient
/// of the sums corrected by its own remainder, which is exact. `None` where the error
/// of the correction, some 2^-52 of it, could reach a number halfway between two
/// doubles, and where a remainder could be too small for a double.
fn quotient((sum, rest): (f64, f64), count: u64) -> Option<f64> {
    const UNSURE: f64 = 1.0 / (1_u64 << 50) as f64;
    if count > 1 << 53 || !(1e-250..1e290).contains(&sum.abs()) {
        return None;
    }
    let count = count as f64;
    let first = sum / count;
    let remainder = (-first).mul_add(count, sum);
    let correction = (remainder + rest) / count;
    let low = first + correction * (1.0 - UNSURE);
    let high = first + correction * (1.0 + UNSURE);
    (low == high).then_some(low)
}

/// The sample standard deviation of `count` values, at least 2, from their sum and
/// the sum of their squares: the root of `(n * squares - sum^2) / (n * (n - 1))`,
/// whose numerator is exact, so that nothing cancels out, rounded once.
pub(crate) fn deviation(count: u64, sum: &Sum, squares: &Accumulator) -> f64 {
    let numerator = squares.times_less_square(count, &sum.exact());
    let count = u128::from(count);
    numerator.root_of_quotient(count * (count - 1))
}

/// The value that lies `part / whole` of the way from one value to another, rounded
/// once. `part` is at most `whole`, which is not 0.
pub(crate) fn between(low: f64, high: f64, part: u64, whole: u64) -> f64 {
    if part == 0 || low.to_bits() == high.to_bits() {
        return low;
    }
    let mut sum = Accumulator::default();
    sum.add_product(low, whole.saturating_sub(part));
    sum.add_product(high, part);
    sum.quotient(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn sum_of(pieces: &[&[f64]]) -> Sum {
        let mut sum = Sum::default();
        pieces.iter().for_each(|piece| sum.add_all(piece));
        sum
    }

    fn deviation_of(values: &[f64]) -> f64 {
        let mut squares = Accumulator::default();
        values.iter().for_each(|&x| squares.add_square(x));
        deviation(values.len() as u64, &sum_of(&[values]), &squares)
    }

    proptest! {
        #[test]
        fn what_is_taken_off_is_gone(
            kept in vec(-1e300..1e300_f64, 0..20),
            gone in vec(prop_oneof![-1e308..1e308_f64, -1e-300..1e-300_f64], 0..20),
        ) {
            let mut sum = sum_of(&[&gone]);
            sum.add_sum(&sum_of(&[&kept]));
            sum.take_off(&sum_of(&[&gone]));
            prop_assert_eq!(sum.round() + 0.0, sum_of(&[&kept]).round() + 0.0);
            if let Some(parts) = sum_of(&[&kept]).parts() {
                let mut sum = sum_of(&[&gone]);
                sum.add_parts(parts);
                sum.take_off(&sum_of(&[&gone]));
                prop_assert_eq!(sum.round() + 0.0, sum_of(&[&kept]).round() + 0.0);
            }
            let mut squares = Accumulator::default();
            let square = |all: &mut Accumulator, values: &[f64]| {
                values.iter().for_each(|&x| all.add_square(x));
            };
            square(&mut squares, &gone);
            let mut other = Accumulator::default();
            square(&mut other, &kept);
            squares.add_all(&other);
            let mut gone_too = Accumulator::default();
            square(&mut gone_too, &gone);
            squares.take_off(&gone_too);
            prop_assert_eq!(squares.round(-600), other.round(-600));
        }
    }

    #[test]
    fn means_and_deviations_at_the_edges_of_the_doubles() {
        let tiny = f64::from_bits(1);
        for value in [0.1, -0.3, f64::MAX, f64::MIN, tiny, 1e-310, 0.0] {
            for count in [1, 2, 3, 7, 1_000] {
                let values = vec![value; count];
                assert_eq!(sum_of(&[&values]).mean(count as u64), value);
                if count > 1 {
                    assert_eq!(deviation_of(&values), 0.0, "{value}");
                }
            }
        }
        let off = [1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0];
        assert_eq!(deviation_of(&off), 1.0);
        assert_eq!(deviation_of(&[tiny, 3.0 * tiny, 5.0 * tiny]), 2.0 * tiny);
        assert_eq!(deviation_of(&[1e300, 2e300, 3e300]), 1e300);
        assert_eq!(deviation_of(&[f64::MAX, f64::MIN]), f64::INFINITY);
        assert_eq!(sum_of(&[&[f64::MAX, f64::MAX, f64::MIN]]).round(), f64::MAX);
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            1 => any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |x| x.is_finite()),
            8 => -1e3..1e3_f64,
        ]
    }

    proptest! {
        /// However it is cut, a sum has the same bits, and so has its mean.
        #[test]
        fn cuts_do_not_count(
            values in vec(number(), 1..200), cuts in vec(0..200_usize, 0..6), wide in any::<bool>(),
        ) {
            let values: Vec<f64> = match wide {
                true => values,
                false => values.into_iter().filter(|x| (1e-9..1e9).contains(&x.abs())).collect(),
            };
            prop_assume!(!values.is_empty());
            let count = values.len() as u64;
            let mut exact = Accumulator::default();
            values.iter().for_each(|&x| exact.add(x));
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(values.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([values.len()]) {
                pieces.push(&values[from..cut]);
                from = cut;
            }
            let sum = sum_of(&pieces);
            prop_assert_eq!(sum.round().to_bits(), exact.round(0).to_bits());
            let all_exact = Sum { pair: Pair::default(), rest: Some(Box::new(exact)) };
            let mean = sum.mean(count);
            prop_assert_eq!(mean.to_bits(), all_exact.mean(count).to_bits());
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!((least..=greatest).contains(&mean), "{least} {mean} {greatest}");
        }

        /// Against two passes over the deviations from the mean.
        #[test]
        fn deviations_agree_with_two_passes(values in vec(-1e3..1e3_f64, 2..200), far in -1e6..1e6_f64) {
            let values: Vec<f64> = values.iter().map(|x| x + far).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
            let expected = (squares / (values.len() - 1) as f64).sqrt();
            let found = deviation_of(&values);
            prop_assert!((found - expected).abs() <= 1e-6 * expected + 1e-9, "{found} {expected}");
        }
    }
}
