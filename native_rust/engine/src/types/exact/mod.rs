//! Sums without rounding.
//!
//! The sum of doubles depends on the order they are added in, and the points of a
//! series are added in whatever pieces its chunks happen to be. So sums, and sums
//! of squares, are exact here and rounded once, at the end: the same points give
//! the same bits, however they came, were split, or were deleted around.
//!
//! [`Sum`] does it with pairs of doubles as long as those hold the exact value,
//! which they do unless magnitudes differ by more than about 2^40; only then it
//! goes over to [`Accumulator`], a fixed-point number as wide as the doubles.
//!
//! Means, deviations, percentiles and rates are quotients of such sums, or roots of
//! them, and are rounded once as well.

mod accumulator;
mod pair;
mod quotient;
mod sum;

pub(crate) use accumulator::Accumulator;
pub(crate) use pair::Pair;
pub(crate) use sum::{Sum, between, deviation};
