//! The way from one position to another.

use super::shape::{Position, Shape};
use crate::planted::{Bug, planted};
use crate::types::Rect;

/// The straight line in longitude and latitude between two positions, the shorter way
/// round. A pole has the longitude of the other end, or of the later one where both are.
///
/// Where it crosses the antimeridian, or runs along it, it is there once as it continues in
/// the east and once as it does in the west, beyond the plane: so nothing is rounded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path(Vec<[Position; 2]>);

impl Path {
    /// None where both are one place.
    pub(crate) fn new(mut from: Position, mut to: Position) -> Option<Self> {
        let is_pole = |position: Position| position[1].abs() == 90.0;
        if is_pole(from) {
            from[0] = to[0];
        } else if is_pole(to) {
            to[0] = from[0];
        }
        // Half a turn goes the way that is written.
        to[0] += match to[0] - from[0] {
            _ if planted(Bug::PathTheLongWay) => 0.0,
            east if east > 180.0 => -360.0,
            west if west < -180.0 => 360.0,
            _ => 0.0,
        };
        if from == to {
            return None;
        }
        let shifted = [-360.0, 0.0, 360.0].map(|by| [from, to].map(|[lon, lat]| [lon + by, lat]));
        let (west, east) = (from[0].min(to[0]), from[0].max(to[0]));
        let is_here = [
            east - 360.0 >= -180.0,
            west <= 180.0 && east >= -180.0,
            west + 360.0 <= 180.0,
        ];
        let here = shifted.into_iter().zip(is_here).filter(|(_, here)| *here);
        Some(Self(here.map(|(line, _)| line).collect()))
    }

    /// What meets it touches one of them.
    pub(crate) fn envelopes(&self) -> impl Iterator<Item = Rect> {
        self.0.iter().map(|[from, to]| {
            let mut rect = Rect::point(*from);
            rect.extend(&Rect::point(*to));
            rect
        })
    }

    /// As lines.
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            lines: self.0.iter().map(|line| line.to_vec()).collect(),
            ..Shape::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(from: Position, to: Position) -> Vec<[Position; 2]> {
        Path::new(from, to).map_or_else(Vec::new, |path| path.0)
    }

    #[test]
    fn it_goes_the_shorter_way_and_is_there_on_both_sides_of_the_antimeridian() {
        assert_eq!(lines([1.0, 2.0], [3.0, 4.0]), [[[1.0, 2.0], [3.0, 4.0]]]);
        let both = [[[-181.0, 0.0], [-179.0, 2.0]], [[179.0, 0.0], [181.0, 2.0]]];
        assert_eq!(lines([179.0, 0.0], [-179.0, 2.0]), both);
        let back = [[[-179.0, 2.0], [-181.0, 0.0]], [[181.0, 2.0], [179.0, 0.0]]];
        assert_eq!(lines([-179.0, 2.0], [179.0, 0.0]), back);
        // Half a turn, as written.
        assert_eq!(
            lines([-90.0, 0.0], [90.0, 0.0]),
            [[[-90.0, 0.0], [90.0, 0.0]]]
        );
        // It ends on the antimeridian, or runs along it, however that is spelled.
        assert_eq!(lines([170.0, 0.0], [-180.0, 0.0]).len(), 2);
        assert_eq!(lines([180.0, 0.0], [-180.0, 1.0]).len(), 2);
    }

    #[test]
    fn a_pole_is_one_place_at_every_longitude() {
        assert_eq!(
            lines([5.0, 89.0], [170.0, 90.0]),
            [[[5.0, 89.0], [5.0, 90.0]]]
        );
        assert_eq!(
            lines([170.0, -90.0], [5.0, 0.0]),
            [[[5.0, -90.0], [5.0, 0.0]]]
        );
        assert_eq!(
            lines([7.0, -90.0], [9.0, 90.0]),
            [[[9.0, -90.0], [9.0, 90.0]]]
        );
        assert!(Path::new([7.0, 90.0], [9.0, 90.0]).is_none());
        assert!(Path::new([180.0, 3.0], [-180.0, 3.0]).is_none());
        assert!(Path::new([1.0, 3.0], [1.0, 3.0]).is_none());
    }
}
