//! The seams of the plane of longitude and latitude: the antimeridian, which is
//! its eastern and its western edge, and the poles, which are its northern and
//! southern ones.

use super::edges::{Edge, GeometryPart};
use super::shape::Position;
use super::side::Side;
use crate::types::Rect;

/// Whether a position lies on a seam.
pub(super) fn on_seam([lon, lat]: Position) -> bool {
    lon.abs() == 180.0 || lat.abs() == 90.0
}

/// The other spellings of what lies on a seam among `edges`: of the antimeridian
/// the same latitudes on the other side, of a pole its whole parallel.
pub(super) fn twins(edges: impl Iterator<Item = Edge>) -> Vec<Edge> {
    let mut twins = Vec::new();
    let mut poles: Vec<(f64, GeometryPart)> = Vec::new();
    for edge in edges {
        let ends = [edge.a, edge.b];
        for east in [180.0, -180.0] {
            let mut other = ends
                .iter()
                .filter(|end| end[0] == east)
                .map(|end| [-east, end[1]]);
            if let Some(first) = other.next() {
                twins.push(Edge {
                    a: first,
                    b: other.next().unwrap_or(first),
                    twin: true,
                    ..edge
                });
            }
        }
        for [_, lat] in ends {
            // By kind: which ring it is does not matter to a twin's place.
            let known = |(pole, part): &(f64, GeometryPart)| {
                *pole == lat && std::mem::discriminant(part) == std::mem::discriminant(&edge.part)
            };
            if lat.abs() == 90.0 && !poles.iter().any(known) {
                poles.push((lat, edge.part));
            }
        }
    }
    twins.extend(poles.into_iter().map(|(lat, part)| Edge {
        a: [-180.0, lat],
        b: [180.0, lat],
        part,
        twin: true,
    }));
    twins
}

/// Whether an edge is one position: it has no length, or runs along a pole.
pub(super) fn is_position(Edge { a, b, .. }: &Edge) -> bool {
    a == b || (a[1] == b[1] && a[1].abs() == 90.0)
}

/// The other spelling of an edge that runs along the antimeridian.
pub(super) fn behind_seam(edge: &Edge) -> Option<Edge> {
    let Edge { a, b, .. } = *edge;
    (a[0] == b[0] && a[0].abs() == 180.0).then(|| Edge {
        a: [-a[0], a[1]],
        b: [-b[0], b[1]],
        ..*edge
    })
}

/// The places in the plane that are one position with this one; of a pole the corners.
pub(super) fn spellings([lon, lat]: Position) -> Vec<Position> {
    match (lon.abs() == 180.0, lat.abs() == 90.0) {
        (_, true) => vec![[180.0, lat], [-180.0, lat]],
        (true, false) => vec![[lon, lat], [-lon, lat]],
        (false, false) => vec![[lon, lat]],
    }
}

/// What holds the edges that have a place on them; of a pole, its parallel.
pub(super) fn around([lon, lat]: Position) -> Rect {
    match lat.abs() == 90.0 {
        true => Rect {
            min: [-180.0, lat],
            max: [180.0, lat],
        },
        false => Rect::point([lon, lat]),
    }
}

/// From a place along an edge that has it: at most to both of its ends.
pub(super) fn ways_from(
    place: Position,
    edge: &Edge,
) -> impl Iterator<Item = (Position, Position)> {
    let Edge { a, b, .. } = *edge;
    let pole = place[1].abs() == 90.0;
    let holds = pole || edge.holds(place);
    [(a, b), (b, a)]
        .into_iter()
        .filter_map(move |(one, other)| match pole {
            true => (one[1] == place[1]).then_some((one, other)),
            false => (holds && place != other).then_some((place, other)),
        })
}

/// The ends of the seams that lead away from a place on the antimeridian.
pub(super) fn seams_from([lon, lat]: Position) -> impl Iterator<Item = Position> {
    let poles = [90.0, -90.0].into_iter();
    poles
        .filter(move |pole| lon.abs() == 180.0 && *pole != lat)
        .map(move |pole| [lon, pole])
}

/// The side of the way from one place to another that is beyond the plane.
pub(super) fn outer_side(from: Position, to: Position) -> Option<Side> {
    if from[0] != to[0] || from[0].abs() != 180.0 {
        return None;
    }
    Some(match (from[0] > 0.0) == (to[1] > from[1]) {
        true => Side::Right,
        false => Side::Left,
    })
}

/// From one place to another.
pub(super) fn way(from: Position, to: Position) -> Edge {
    Edge {
        a: from,
        b: to,
        part: GeometryPart::Line,
        twin: false,
    }
}
