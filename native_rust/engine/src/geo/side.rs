//! Sides of edges.

use crate::types::Orientation;

/// A side of an edge, looking from its first end to its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// What [`side`] says of a position on it.
    pub(super) fn orientation(self) -> Orientation {
        match self {
            Self::Left => Orientation::CounterClockwise,
            Self::Right => Orientation::Clockwise,
        }
    }
}
