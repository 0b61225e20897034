//! Quotients of exact numbers, and roots of quotients, rounded once, half to even.

use super::Accumulator;
use super::accumulator::{Normal, scaled};

/// Bits of the fraction of a double, with the one that is not stored.
const PRECISION: i32 = 53;
/// The exponent of the least double.
const LOWEST: i32 = -1_074;

/// The first bits of a number other than 0: `bits * 2^exponent`, and more after if
/// `inexact`. The top bit of `bits` is set.
struct Head {
    bits: u128,
    exponent: i32,
    inexact: bool,
}

impl Accumulator {
    /// The value divided by `divisor`, which is not 0. O(1).
    pub(crate) fn quotient(&self, divisor: u64) -> f64 {
        let normal = self.normal();
        let value = Head::of_quotient(&normal, u128::from(divisor)).map_or(0.0, |h| h.round());
        if normal.negative { -value } else { value }
    }

    /// The root of the value, which is not negative, divided by `divisor`, which is
    /// from 1 to 2^96. O(1).
    pub(crate) fn root_of_quotient(&self, divisor: u128) -> f64 {
        let head = Head::of_quotient(&self.normal(), divisor);
        head.map_or(0.0, |head| head.root().round())
    }
}

impl Head {
    /// Long division, until there are 128 bits; `None` of 0.
    fn of_quotient(normal: &Normal, divisor: u128) -> Option<Self> {
        let mut place = normal.top_digit()?;
        let (mut bits, mut rest) = (0_u128, 0_u128);
        let mut below = 0;
        // Digits after the last are 0: what is divided is as long as it takes.
        loop {
            let digit = match below {
                0 => normal.digit(place),
                _ => 0,
            };
            rest = rest << 32 | u128::from(digit);
            let quotient = rest / divisor;
            rest %= divisor;
            let missing = bits.leading_zeros();
            if missing >= 32 {
                bits = bits << 32 | quotient;
            } else {
                bits = bits << missing | quotient >> (32 - missing);
                let cut = quotient & ((1 << (32 - missing)) - 1);
                return Some(Self {
                    bits,
                    exponent: Normal::exponent(place) - 32 * below + (32 - missing as i32),
                    inexact: cut != 0 || rest != 0 || normal.any_digit_below(place),
                });
            }
            match place {
                0 => below += 1,
                _ => place -= 1,
            }
        }
    }

    /// The root, with 63 bits or more.
    fn root(self) -> Self {
        // Half of an odd exponent is no integer.
        let odd = self.exponent & 1;
        let square = self.bits >> odd;
        let root = square.isqrt();
        let inexact = self.inexact || self.bits & odd as u128 != 0 || root * root != square;
        let zeros = root.leading_zeros();
        Self {
            bits: root << zeros,
            exponent: (self.exponent + odd) / 2 - zeros as i32,
            inexact,
        }
    }

    fn round(&self) -> f64 {
        let top = self.exponent + 127;
        // The exponent of the last bit that is kept.
        let last = (top - (PRECISION - 1)).max(LOWEST);
        let cut = last - self.exponent;
        let Ok(cut @ 1..=128) = u32::try_from(cut) else {
            // Below half of the least double.
            return 0.0;
        };
        let mantissa = self.bits.checked_shr(cut).unwrap_or(0) as u64;
        let half = self.bits >> (cut - 1) & 1 == 1;
        let more = self.inexact || self.bits & ((1 << (cut - 1)) - 1) != 0;
        let up = half && (more || mantissa & 1 == 1);
        scaled(mantissa + u64::from(up), last)
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;
    use num_rational::BigRational;
    use num_traits::{Signed, Zero};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::{Sum, between, deviation};
    use super::*;
    use crate::testing::oracles::compared;

    fn exact(x: f64) -> BigRational {
        BigRational::from_float(x).unwrap()
    }

    fn integer(n: u64) -> BigRational {
        BigRational::from_integer(BigInt::from(n))
    }

    /// The doubles beside `x`, which is not negative: what lies beyond the greatest is
    /// taken for a double, too.
    fn neighbours(x: f64) -> (BigRational, BigRational) {
        let beyond = exact(2_f64.powi(1_023)) * integer(2);
        let below = match x {
            0.0 => -exact(f64::from_bits(1)),
            _ => exact(x.next_down()),
        };
        let above = match x.next_up() {
            up if up.is_finite() => exact(up),
            _ => beyond,
        };
        (below, above)
    }

    /// Whether `found` is the double nearest to a number of which `compare` tells how
    /// it compares with others, half to even.
    fn is_nearest(found: f64, compare: impl Fn(&BigRational) -> std::cmp::Ordering) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let two = integer(2);
        if found.is_infinite() {
            let (_, beyond) = neighbours(f64::MAX);
            return compare(&((exact(f64::MAX) + beyond) / two)) != Less;
        }
        let (below, above) = neighbours(found);
        let even = found.to_bits() & 1 == 0;
        let low = compare(&((&below + exact(found)) / &two));
        let high = compare(&((exact(found) + above) / &two));
        (low == Greater || low == Equal && even) && (high == Less || high == Equal && even)
    }

    fn is_rounded(found: f64, value: &BigRational) -> bool {
        let magnitude = value.abs();
        (found == 0.0 || found.is_sign_negative() == value.is_negative())
            && is_nearest(found.abs(), |other| magnitude.cmp(other))
    }

    fn is_rounded_root(found: f64, square: &BigRational) -> bool {
        is_nearest(found, |other| match other.is_negative() {
            true => std::cmp::Ordering::Greater,
            false => square.cmp(&(other * other)),
        })
    }

    #[test]
    fn the_oracle_knows_a_rounded_number() {
        let third = integer(1) / integer(3);
        assert!(is_rounded(1.0 / 3.0, &third));
        assert!(!is_rounded((1.0_f64 / 3.0).next_up(), &third));
        assert!(is_rounded_root(2_f64.sqrt(), &integer(2)));
        assert!(!is_rounded_root(2_f64.sqrt().next_down(), &integer(2)));
        assert!(is_rounded(0.0, &(exact(f64::from_bits(1)) / integer(2))));
        assert!(!is_rounded(
            f64::from_bits(1),
            &(exact(f64::from_bits(1)) / integer(2))
        ));
    }

    /// Finite doubles of every size, those at the ends among them, and plain ones.
    fn number() -> impl Strategy<Value = f64> {
        let end = prop::sample::select(vec![
            0.0,
            -0.0,
            f64::from_bits(1),
            f64::MIN_POSITIVE,
            f64::MIN_POSITIVE.next_down(),
            f64::MAX,
            f64::MAX.next_down(),
            1.0,
            9_007_199_254_740_991.0,
            0.1,
        ]);
        prop_oneof![
            2 => any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |x| x.is_finite()),
            1 => (end, any::<bool>()).prop_map(|(x, minus)| if minus { -x } else { x }),
            3 => (-10_000..10_000_i32).prop_map(|n| f64::from(n) / 100.0),
            2 => -1e3..1e3_f64,
            1 => (0..64_u64).prop_map(f64::from_bits),
        ]
    }

    /// Of one size or of all.
    fn numbers() -> impl Strategy<Value = Vec<f64>> {
        prop_oneof![
            vec(number(), 2..12),
            vec(
                (-10_000..10_000_i32).prop_map(|n| f64::from(n) / 10.0),
                2..40
            ),
            vec((0..64_u64).prop_map(f64::from_bits), 2..12),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn means_and_deviations_are_rounded_once(values in numbers(), copies in 1..1_000_000_u64) {
            let mut sum = Sum::default();
            sum.add_all(&values);
            let total: BigRational = values.iter().map(|&x| exact(x)).sum();
            let count = values.len() as u64;
            for count in [count, copies] {
                let mean = sum.mean(count);
                prop_assert!(is_rounded(mean, &(&total / integer(count))), "{values:?}: {mean}");
            }
            let mut squares = Accumulator::default();
            values.iter().for_each(|&x| squares.add_square(x));
            let found = deviation(count, &sum, &squares);
            let mean = total / integer(count);
            let variance: BigRational =
                values.iter().map(|&x| (exact(x) - &mean) * (exact(x) - &mean)).sum();
            let variance = variance / integer(count - 1);
            prop_assert!(is_rounded_root(found, &variance), "{values:?}: {found}");
            compared("means and deviations against exact fractions", 3);
        }

        #[test]
        fn what_lies_between_is_rounded_once(
            low in number(), high in number(), whole in 1..=100_000_000_000_000_u64, part in any::<u64>(),
        ) {
            let part = part % (whole + 1);
            let found = between(low, high, part, whole);
            let value = (exact(low) * integer(whole - part) + exact(high) * integer(part))
                / integer(whole);
            prop_assert!(is_rounded(found, &value), "{low} {high} {part}/{whole}: {found}");
            prop_assert!(value.is_zero() || (low.min(high)..=low.max(high)).contains(&found));
            compared("values between two against exact fractions", 1);
        }

        #[test]
        fn ratios_are_rounded_once(values in numbers(), factor in any::<u64>(), divisor in 1..=u64::MAX) {
            let mut sum = Sum::default();
            sum.add_all(&values);
            let total: BigRational = values.iter().map(|&x| exact(x)).sum();
            let found = sum.ratio(factor, divisor);
            let value = total * integer(factor) / integer(divisor);
            prop_assert!(is_rounded(found, &value), "{values:?} {factor}/{divisor}: {found}");
            compared("ratios against exact fractions", 1);
        }
    }
}
