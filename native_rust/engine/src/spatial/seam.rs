//! The seams of the plane of longitude and latitude: the antimeridian, which is
//! its eastern and its western edge, and the poles, which are its northern and
//! southern ones.

use super::edges::{Edge, Part};
use super::shape::Position;

/// Whether a position lies on a seam.
pub(super) fn on_seam([lon, lat]: Position) -> bool {
    lon.abs() == 180.0 || lat.abs() == 90.0
}

/// The other spellings of what lies on a seam among `edges`: of the antimeridian
/// the same latitudes on the other side, of a pole its whole parallel.
pub(super) fn twins(edges: &[Edge]) -> Vec<Edge> {
    let mut twins = Vec::new();
    let mut poles: Vec<(f64, Part)> = Vec::new();
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
                    ..*edge
                });
            }
        }
        for [_, lat] in ends {
            // By kind: which ring it is does not matter to a twin's place.
            let known = |(pole, part): &(f64, Part)| {
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

/// Where areas end on a seam, and so go on behind it if they begin there: those
/// places are inside of them.
#[derive(Debug, Default)]
pub(super) struct Seam {
    /// Latitudes at 180 degrees of longitude that rings run along, sorted and merged.
    east: Vec<[f64; 2]>,
    west: Vec<[f64; 2]>,
    /// Whether rings run along the whole parallel of the pole.
    north: bool,
    south: bool,
}

impl Seam {
    pub(super) fn new<'e>(edges: impl Iterator<Item = &'e Edge>) -> Self {
        let (mut east, mut west, mut north, mut south) = (vec![], vec![], vec![], vec![]);
        for Edge { a, b, part, twin } in edges {
            if *twin || !matches!(part, Part::Ring { .. }) {
                continue;
            }
            for (axis, bound, list) in [
                (0, 180.0, &mut east),
                (0, -180.0, &mut west),
                (1, 90.0, &mut north),
                (1, -90.0, &mut south),
            ] {
                if a[axis] == bound && b[axis] == bound {
                    let (from, to) = (a[1 - axis], b[1 - axis]);
                    list.push([from.min(to), from.max(to)]);
                }
            }
        }
        let whole = |list: Vec<[f64; 2]>| merged(list) == [[-180.0, 180.0]];
        Self {
            east: merged(east),
            west: merged(west),
            north: whole(north),
            south: whole(south),
        }
    }

    /// Stretches that [`Seam::is_inside`] looks at.
    pub(super) fn len(&self) -> usize {
        self.east.len() + self.west.len()
    }

    /// Whether a position on the boundary of areas is inside of what they make
    /// together, because they go on behind the seam.
    pub(super) fn is_inside(&self, [lon, lat]: Position) -> bool {
        let within = |list: &[[f64; 2]]| list.iter().any(|[from, to]| *from < lat && lat < *to);
        if lat == 90.0 {
            return self.north;
        }
        if lat == -90.0 {
            return self.south;
        }
        lon.abs() == 180.0 && within(&self.east) && within(&self.west)
    }
}

/// Intervals that touch become one.
fn merged(mut list: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    list.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]));
    let mut merged: Vec<[f64; 2]> = Vec::new();
    for next in list {
        match merged.last_mut() {
            Some(last) if next[0] <= last[1] => last[1] = last[1].max(next[1]),
            _ => merged.push(next),
        }
    }
    merged
}
