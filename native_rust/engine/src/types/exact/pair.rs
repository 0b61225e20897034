//! Two doubles that hold a sum exactly, or say that they cannot.

/// Independent sums that a slice is added up in, for the processor's sake.
const LANES: usize = 8;

/// The exact number `high + low`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Pair {
    pub(crate) high: f64,
    pub(crate) low: f64,
}

/// `a + b`, rounded, and the error (D. Knuth, "The Art of Computer Programming",
/// vol. 2, 4.2.2, theorem B). The error is exact unless the sum overflows.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

impl Pair {
    /// The sum of a slice, if a pair holds it exactly. Linear.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        if values.len() < LANES {
            return Self::of_few(values);
        }
        let mut high = [0.0; LANES];
        let mut low = [0.0; LANES];
        let mut lost = [0.0; LANES];
        let mut add = |row: &[f64; LANES]| {
            let sums = high.iter_mut().zip(&mut low).zip(&mut lost);
            for (((high, low), lost), &x) in sums.zip(row) {
                let (sum, error) = two_sum(*high, x);
                let (errors, error) = two_sum(*low, error);
                *high = sum;
                *low = errors;
                *lost += error.abs();
            }
        };
        let (rows, rest) = values.as_chunks::<LANES>();
        rows.iter().for_each(&mut add);
        if !rest.is_empty() {
            // Zeros change no sum.
            let mut row = [0.0; LANES];
            row.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = x);
            add(&row);
        }
        // Not a number, should anything have overflowed.
        if lost.iter().sum::<f64>() != 0.0 {
            return None;
        }
        let lane = |n: usize| Self {
            high: high[n],
            low: low[n],
        };
        // Two by two: one after the other, each would wait for the one before.
        let half = |n: usize| {
            lane(n)
                .plus(lane(n + 1))?
                .plus(lane(n + 2).plus(lane(n + 3))?)
        };
        half(0)?.plus(half(4)?)
    }

    /// The same, one value after the other.
    fn of_few(values: &[f64]) -> Option<Self> {
        let mut sum = Self::default();
        let mut lost = 0.0;
        for &x in values {
            let (high, error) = two_sum(sum.high, x);
            let (low, error) = two_sum(sum.low, error);
            sum = Self { high, low };
            lost += error.abs();
        }
        // Not a number, should anything have overflowed.
        (lost == 0.0).then_some(sum)
    }

    /// An integer of 64 bits, with sign or without.
    pub(crate) fn of_integer(n: i128) -> Self {
        let high = n as f64;
        // What was rounded off has at most 12 bits.
        let low = (n - high as i128) as f64;
        Self { high, low }
    }

    /// The sum of two, if a pair holds it exactly.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let (high, error) = two_sum(self.high, other.high);
        let (low, lost) = two_sum(self.low, other.low);
        let (low, lost_too) = two_sum(low, error);
        (lost == 0.0 && lost_too == 0.0).then_some(Self { high, low })
    }

    /// Rounded, and the rest, which is exact.
    pub(crate) fn round(self) -> (f64, f64) {
        two_sum(self.high, self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::exact::Accumulator;

    #[test]
    fn says_when_it_cannot_hold_a_sum() {
        assert_eq!(Pair::of(&[]).unwrap().round(), (0.0, 0.0));
        assert_eq!(Pair::of(&[0.1; 10]).unwrap().round().0, 1.0);
        let mut far = vec![1e300, 1.0, 1e-300];
        assert_eq!(Pair::of(&far), None);
        far.resize(40, 0.0);
        assert_eq!(Pair::of(&far), None);
        assert_eq!(Pair::of(&[f64::MAX; 2]), None);
        assert_eq!(Pair::of(&[f64::MAX; 16]), None);
        // Few are added up in another way.
        for count in 1..=2 * LANES {
            let values: Vec<f64> = (1..=count).map(|n| 1.0 / n as f64).collect();
            let mut exact = Accumulator::default();
            values.iter().for_each(|&x| exact.add(x));
            let sum = Pair::of(&values).unwrap();
            let mut found = Accumulator::default();
            found.add(sum.high);
            found.add(sum.low);
            found.take_off(&exact);
            assert_eq!(found.round(-600), 0.0, "{count}");
        }
        let integer = i128::from(u64::MAX);
        assert_eq!(
            Pair::of_integer(integer),
            Pair {
                high: 2_f64.powi(64),
                low: -1.0
            }
        );
        let three: Vec<f64> = (0..1_000).map(|n| f64::from(n) / 7.0).collect();
        assert!(Pair::of(&three).is_some());
    }
}
