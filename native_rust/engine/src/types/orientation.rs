//! On which side of a line a position is, exactly: J. R. Shewchuk, "Adaptive Precision
//! Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997.

use robust::{Coord, orient2d};

/// How three positions follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orientation {
    CounterClockwise,
    Clockwise,
    Collinear,
}

/// Whether `position` is to the left of the line from one position to another
/// (counter-clockwise), to its right, or on it. Exact for finite coordinates.
pub(crate) fn side(from: [f64; 2], to: [f64; 2], position: [f64; 2]) -> Orientation {
    let coord = |[x, y]: [f64; 2]| Coord { x, y };
    let turn = orient2d(coord(from), coord(to), coord(position));
    if turn > 0.0 {
        Orientation::CounterClockwise
    } else if turn < 0.0 {
        Orientation::Clockwise
    } else {
        Orientation::Collinear
    }
}
