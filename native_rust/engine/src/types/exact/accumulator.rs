//! A fixed-point number wide enough for any sum of doubles and of their products.
//!
//! The "small superaccumulator" of R. Neal, "Fast exact summation using small and
//! large superaccumulators" (2015), made wide enough for products.

/// Bits of a digit.
const DIGIT: u32 = 32;
const MASK: i64 = 0xffff_ffff;
/// Place of the bit that stands for 1. The lowest bit of a double, 2^-1074, is the
/// first of a digit, so that a product of digits of sums has a place, too.
const ONE: i32 = 2_162;
/// Up to 2^2048, the square of a double, with 2^128 for their number and its
/// square, and two digits for signs.
const DIGITS: usize = 140;
/// Additions after which carries are moved on: each adds less than 2^32 to a
/// digit, which has 63 bits.
const CARRY_AFTER: u32 = 1 << 30;

/// A sum of doubles and of products of doubles, exact. 1.1 KB.
#[derive(Debug, Clone)]
pub(crate) struct Accumulator {
    /// Signed, in base 2^32, not normalized.
    digits: [i64; DIGITS],
    /// Those between may differ from 0.
    low: usize,
    high: usize,
    additions: u32,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self {
            digits: [0; DIGITS],
            low: DIGITS,
            high: 0,
            additions: 0,
        }
    }
}

/// Sign and absolute value of an [`Accumulator`].
pub(super) struct Normal {
    pub(super) negative: bool,
    digits: [u32; DIGITS],
    /// Those between may differ from 0.
    low: usize,
    high: usize,
}

/// A finite double as `mantissa * 2^exponent`, and whether it is negative.
fn parts(x: f64) -> (u64, i32, bool) {
    let bits = x.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let (mantissa, exponent) = match exponent {
        0 => (fraction, -1_074),
        _ => (fraction | 1 << 52, exponent - 1_075),
    };
    (mantissa, exponent, x.is_sign_negative())
}

/// `mantissa * 2^exponent`, where that is exact or beyond the range.
pub(super) fn scaled(mantissa: u64, exponent: i32) -> f64 {
    let mantissa = mantissa as f64;
    match exponent {
        ..-1_022 => mantissa * f64::from_bits(1 << (exponent + 1_074).max(0)),
        -1_022..=1_023 => mantissa * f64::from_bits(((exponent + 1_023) as u64) << 52),
        _ if mantissa == 0.0 => 0.0,
        _ => f64::INFINITY,
    }
}

impl Accumulator {
    /// Adds a finite double. O(1).
    pub(crate) fn add(&mut self, x: f64) {
        self.add_scaled(x, 0);
    }

    /// Adds `x * 2^exponent`.
    fn add_scaled(&mut self, x: f64, exponent: i32) {
        let (mantissa, own, negative) = parts(x);
        self.add_bits(mantissa, own + exponent + ONE, negative);
    }

    /// Adds the square of a finite double. O(1).
    pub(crate) fn add_square(&mut self, x: f64) {
        let (mantissa, exponent, _) = parts(x);
        let square = u128::from(mantissa) * u128::from(mantissa);
        let place = 2 * exponent + ONE;
        self.add_bits(square as u64, place, false);
        self.add_bits((square >> 64) as u64, place + 64, false);
    }

    /// Adds the product of a finite double and an integer. O(1).
    pub(crate) fn add_product(&mut self, x: f64, factor: u64) {
        let (mantissa, exponent, negative) = parts(x);
        let product = u128::from(mantissa) * u128::from(factor);
        let place = exponent + ONE;
        self.add_bits(product as u64, place, negative);
        self.add_bits((product >> 64) as u64, place + 64, negative);
    }

    /// Adds an integer whose lowest bit has this place.
    fn add_bits(&mut self, bits: u64, place: i32, negative: bool) {
        let Ok(place) = usize::try_from(place) else {
            return;
        };
        let (first, shift) = (place / DIGIT as usize, place as u32 % DIGIT);
        let Some(digits) = self.digits.get_mut(first..first + 3) else {
            return;
        };
        let bits = u128::from(bits) << shift;
        for (digit, shift) in digits.iter_mut().zip([0, DIGIT, 2 * DIGIT]) {
            let part = (bits >> shift) as i64 & MASK;
            *digit += if negative { -part } else { part };
        }
        self.low = self.low.min(first);
        self.high = self.high.max(first + 2);
        self.additions += 1;
        if self.additions == CARRY_AFTER {
            self.carry();
        }
    }

    /// Adds all of another. O(digits).
    pub(crate) fn add_all(&mut self, other: &Self) {
        self.combine(other, |own, other| own + other);
    }

    /// Takes all of another off. O(digits).
    pub(crate) fn take_off(&mut self, other: &Self) {
        self.combine(other, |own, other| own - other);
    }

    fn combine(&mut self, other: &Self, with: fn(i64, i64) -> i64) {
        if self.additions + other.additions >= CARRY_AFTER {
            self.carry();
        }
        let digits = self.digits.iter_mut().zip(&other.digits);
        for (digit, other) in digits.take(other.high + 1).skip(other.low) {
            *digit = with(*digit, *other);
        }
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self.additions += other.additions + 1;
    }

    fn carry(&mut self) {
        let mut carry = 0;
        for digit in self.digits.iter_mut().skip(self.low) {
            let value = *digit + carry;
            *digit = value & MASK;
            carry = value >> DIGIT;
        }
        // Of a negative number: the last digit keeps the sign.
        if let Some(last) = self.digits.last_mut() {
            *last += carry << DIGIT;
        }
        self.high = DIGITS - 1;
        self.additions = 0;
    }

    pub(super) fn normal(&self) -> Normal {
        let mut normal = Normal {
            negative: false,
            digits: [0; DIGITS],
            low: self.low,
            // What the digits themselves do not hold fits into two more.
            high: (self.high + 2).min(DIGITS - 1),
        };
        if self.digits_into(&mut normal) < 0 {
            normal.negative = true;
            self.digits_into(&mut normal);
        }
        normal
    }

    /// Carries everything on, and returns what is carried out at the top.
    fn digits_into(&self, normal: &mut Normal) -> i64 {
        let mut carry = 0;
        for place in normal.low..=normal.high {
            let own = self.digits.get(place).copied().unwrap_or(0);
            let value = carry + if normal.negative { -own } else { own };
            if let Some(digit) = normal.digits.get_mut(place) {
                *digit = (value & MASK) as u32;
            }
            carry = value >> DIGIT;
        }
        carry
    }

    /// The value as `mantissa * 2^exponent` with up to 53 bits, none of them below
    /// `2^lowest`, rounded once, half to even, and whether it is negative.
    pub(crate) fn round_to(&self, lowest: i32) -> (u64, i32, bool) {
        let normal = self.normal();
        let Some(top) = normal.top_bit() else {
            return (0, 0, false);
        };
        let last = (top - 52).max(lowest + ONE).max(0);
        let mut mantissa = normal.bits(last);
        let half = last > 0 && normal.bits(last - 1) & 1 == 1;
        if half && (mantissa & 1 == 1 || normal.any_below(last - 1)) {
            mantissa += 1;
        }
        (mantissa, last - ONE, normal.negative)
    }

    /// The value divided by `2^scale`, rounded once.
    pub(crate) fn round(&self, scale: i32) -> f64 {
        let (mantissa, exponent, negative) = self.round_to(scale - 1_074);
        let value = scaled(mantissa, exponent - scale);
        if negative { -value } else { value }
    }

    /// Takes the value as doubles, each the rest after those before it, rounded.
    /// `None` if there is a rest after the last, or one is beyond the range.
    pub(crate) fn expansion<const N: usize>(mut self) -> Option<[f64; N]> {
        let mut parts = [0.0; N];
        for part in &mut parts {
            *part = self.round(0);
            if !part.is_finite() {
                return None;
            }
            self.add(-*part);
        }
        self.normal().top_bit().is_none().then_some(parts)
    }

    /// `factor` times the value.
    pub(crate) fn times(&self, factor: u64) -> Self {
        let mut result = Self::default();
        let own = self.normal();
        for (place, digit) in own.nonzero() {
            let product = u128::from(digit) * u128::from(factor);
            result.add_bits(product as u64, place, own.negative);
            result.add_bits((product >> 64) as u64, place + 64, own.negative);
        }
        result
    }

    /// `factor` times the value, less the square of `sum`.
    pub(crate) fn times_less_square(&self, factor: u64, sum: &Self) -> Self {
        let mut result = self.times(factor);
        let sum = sum.normal();
        for (a_place, a) in sum.nonzero() {
            for (b_place, b) in sum.nonzero() {
                result.add_bits(a * b, a_place + b_place - ONE, true);
            }
        }
        result
    }
}

impl Normal {
    /// Number of the first digit, from the top, that is not 0.
    pub(super) fn top_digit(&self) -> Option<usize> {
        (0..=self.high).rev().find(|&place| self.digit(place) != 0)
    }

    /// A digit; those beyond the lowest are 0.
    pub(super) fn digit(&self, place: usize) -> u32 {
        self.digits.get(place).copied().unwrap_or(0)
    }

    /// Whether a digit below number `place` is not 0.
    pub(super) fn any_digit_below(&self, place: usize) -> bool {
        self.digits.iter().take(place).any(|&digit| digit != 0)
    }

    /// The exponent of the lowest bit of digit number `place`.
    pub(super) fn exponent(place: usize) -> i32 {
        place as i32 * DIGIT as i32 - ONE
    }

    /// Digits other than 0 with their lowest bit's place.
    fn nonzero(&self) -> impl Iterator<Item = (i32, u64)> {
        let digits = self.digits.iter().enumerate();
        digits
            .take(self.high + 1)
            .skip(self.low)
            .filter(|(_, digit)| **digit != 0)
            .map(|(place, &digit)| (place as i32 * DIGIT as i32, u64::from(digit)))
    }

    fn top_bit(&self) -> Option<i32> {
        let (place, digit) = self.nonzero().last()?;
        Some(place + digit.ilog2() as i32)
    }

    /// The 64 bits from this place on.
    fn bits(&self, place: i32) -> u64 {
        let place = usize::try_from(place).unwrap_or(0);
        let (first, shift) = (place / DIGIT as usize, place as u32 % DIGIT);
        let mut bits = 0;
        for (digit, at) in self.digits.iter().skip(first).zip([0, DIGIT, 2 * DIGIT]) {
            bits |= u128::from(*digit) << at;
        }
        (bits >> shift) as u64
    }

    /// Whether a bit below this place is set.
    fn any_below(&self, place: i32) -> bool {
        let lowest = self.nonzero().next();
        lowest.is_some_and(|(at, digit)| at + (digit.trailing_zeros() as i32) < place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn sum(values: &[f64]) -> f64 {
        let mut sum = Accumulator::default();
        values.iter().for_each(|&x| sum.add(x));
        sum.round(0)
    }

    #[test]
    fn rounds_once() {
        let tiny = f64::from_bits(1);
        let half_ulp = f64::EPSILON / 2.0;
        for (values, expected) in [
            (&[][..], 0.0),
            (&[-0.0, -0.0], 0.0),
            (&[0.1; 10], 1.0),
            (&[1e308, 1e308, -1e308, -1e308, 3.0], 3.0),
            (&[1e100, 1.0, -1e100], 1.0),
            (&[1.0, half_ulp], 1.0),
            (&[1.0, half_ulp, tiny], 1.0 + f64::EPSILON),
            (&[1.0 + f64::EPSILON, half_ulp], 1.0 + 2.0 * f64::EPSILON),
            (
                &[tiny, tiny, -f64::MIN_POSITIVE],
                -f64::MIN_POSITIVE + 2.0 * tiny,
            ),
            (&[f64::MAX, tiny, -f64::MAX], tiny),
            (&[f64::MAX, f64::MAX], f64::INFINITY),
            (&[-f64::MAX, -f64::MAX], f64::NEG_INFINITY),
            (&[f64::MAX, 9.9e291], f64::MAX),
            (&[f64::MAX, 1e292], f64::INFINITY),
        ] {
            let found = sum(values);
            assert_eq!(found.to_bits(), expected.to_bits(), "{values:?}: {found}");
        }
    }

    #[test]
    fn carries_move_on() {
        let mut sum = Accumulator::default();
        sum.add(-1.5);
        sum.add(1e-300);
        sum.carry();
        sum.add(0.5);
        sum.carry();
        assert_eq!(sum.round(0), -1.0);
        sum.add(1.0);
        assert_eq!(sum.round(0), 1e-300);
    }

    /// Finite doubles of every magnitude, or of one.
    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>()
                .prop_map(f64::from_bits)
                .prop_filter("finite", |x| x.is_finite()),
            -1e3..1e3_f64,
            (-50..50_i32).prop_map(f64::from),
        ]
    }

    proptest! {
        #[test]
        fn order_does_not_count_and_what_is_taken_off_is_gone(
            values in vec(number(), 0..20), other in vec(number(), 0..20), at in 0..20_usize,
        ) {
            let mut there = Accumulator::default();
            values.iter().chain(&other).for_each(|&x| there.add(x));
            other.iter().rev().for_each(|&x| there.add(-x));
            let mut turned = values.clone();
            turned.rotate_left(at.min(values.len()));
            prop_assert_eq!(there.round(0).to_bits(), sum(&turned).to_bits());
        }

        #[test]
        fn integers_agree_with_integers(values in vec(-(1_i64 << 53)..1 << 53, 0..40)) {
            let mut sum = Accumulator::default();
            let mut squares = Accumulator::default();
            for &n in &values {
                sum.add(n as f64);
                squares.add_square(n as f64);
            }
            let n = values.len() as u64;
            let total: i128 = values.iter().map(|&n| i128::from(n)).sum();
            let square: i128 = values.iter().map(|&n| i128::from(n).pow(2)).sum();
            prop_assert_eq!(sum.round(0), total as f64);
            prop_assert_eq!(squares.round(0), square as f64);
            // Stays inside 128 bits: at most 40 * 40 * 2^106.
            let rest = i128::from(n) * square - total.pow(2);
            prop_assert_eq!(squares.times_less_square(n, &sum).round(0), rest as f64);
            let [a, b, c] = sum.expansion().unwrap();
            prop_assert_eq!(a as i128 + b as i128, total);
            prop_assert_eq!(c, 0.0);
        }
    }
}
