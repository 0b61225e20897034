//! What lies on either side of an edge, piece by piece.
//!
//! Nothing is decided at a rounded position. Which rings hold the ground beside the
//! beginning of an edge, and which of them cross it on the way, on its left and on its
//! right, is told by exact predicates. Only how far along the edge a ring crosses it is
//! rounded, to about 10^-15 of its length; pieces shorter than that are none.

use crate::types::{Orientation, side};

use super::edges::{Edge, Edges, GeometryPart, Ray};
use super::seam::way;
use super::shape::Position;
use super::side::Side;
use crate::budget::Budget;
use crate::error::Result;

/// As a share of the edge, what is not longer than this is rounding.
const SHORTEST: f64 = 4e-15;

/// A piece of an edge that no ring crosses.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Piece {
    /// Where it ends, as a share of the edge. It begins where the one before ends.
    end: f64,
    /// Whether the ground on that side is inside of an area.
    pub left: bool,
    pub right: bool,
    /// Whether it runs along a ring.
    pub ring: bool,
    /// Whether it runs along a line.
    pub line: bool,
}

impl Piece {
    /// On an edge with two names: what is beside or along either of them.
    fn or(self, other: Self) -> Self {
        Self {
            end: self.end.min(other.end),
            left: self.left || other.left,
            right: self.right || other.right,
            ring: self.ring || other.ring,
            line: self.line || other.line,
        }
    }
}

/// The pieces of two divisions of an edge that lie on each other.
pub(super) fn common<'p>(
    first: &'p [Piece],
    second: &'p [Piece],
) -> impl Iterator<Item = (Piece, Piece)> + 'p {
    let (mut i, mut j, mut from) = (0, 0, 0.0);
    std::iter::from_fn(move || {
        loop {
            let (one, other) = (*first.get(i)?, *second.get(j)?);
            let until = one.end.min(other.end);
            i += usize::from(one.end <= until);
            j += usize::from(other.end <= until);
            if until - from > SHORTEST {
                from = until;
                return Some((one, other));
            }
        }
    })
}

/// As [`common`], of an edge with two names.
pub(super) fn either(first: &[Piece], second: &[Piece]) -> Vec<Piece> {
    common(first, second)
        .map(|(one, other)| one.or(other))
        .collect()
}

/// The pieces of `edge`, which has a length, among `edges`: at least one. O(log n)
/// and what lies in its envelope.
///
/// # Errors
/// Those of the budget, at its end.
pub(super) fn pieces(edges: &Edges, edge: &Edge, budget: &Budget) -> Result<Vec<Piece>> {
    let mut around = Around::at_beginning(edges, edge, budget)?;
    let mut cuts: Vec<Cut> = Vec::new();
    let mut along: Vec<(f64, f64, bool)> = Vec::new();
    edges.near(&edge.envelope(), budget, |other| {
        let ends = [other.a, other.b].map(|end| side(edge.a, edge.b, end));
        if ends == [Orientation::Collinear; 2] {
            let shares = [share(edge, other.a), share(edge, other.b)];
            let (first, last) = (shares[0].min(shares[1]), shares[0].max(shares[1]));
            if first < last {
                along.push((first, last, matches!(other.part, GeometryPart::Ring { .. })));
                cuts.extend([first, last].map(|share| Cut { share, ring: None }));
            }
        } else if let GeometryPart::Ring { area, ring } = other.part
            && !other.twin
            && let Some(share) = crossing(edge, other, ends)
        {
            let crosses = Side::BOTH
                .map(|side| (ends[0] == side.orientation()) != (ends[1] == side.orientation()));
            let ring = Some(((area, ring), crosses));
            cuts.push(Cut { share, ring });
        }
        Ok(false)
    })?;
    cuts.sort_unstable_by(|a, b| a.share.total_cmp(&b.share));
    let mut cuts = cuts.into_iter().peekable();
    let mut pieces = Vec::new();
    let mut from = 0.0;
    loop {
        while let Some(cut) = cuts.next_if(|cut| cut.share - from <= SHORTEST) {
            if let Some((ring, crosses)) = cut.ring {
                around.cross(ring, crosses);
            }
        }
        let end = cuts.peek().map_or(1.0, |cut| cut.share);
        if end - from <= SHORTEST && !pieces.is_empty() {
            break;
        }
        budget.steps(along.len() + around.len() + 1)?;
        let middle = from + (end - from) / 2.0;
        let runs = |of_ring: bool| {
            let mut along = along.iter();
            along.any(|(first, last, ring)| *ring == of_ring && *first <= middle && middle <= *last)
        };
        pieces.push(Piece {
            end,
            left: around.is_inside(Side::Left),
            right: around.is_inside(Side::Right),
            ring: runs(true),
            line: runs(false),
        });
        if end >= 1.0 {
            break;
        }
        from = end;
    }
    if let Some(last) = pieces.last_mut() {
        last.end = 1.0;
    }
    Ok(pieces)
}

/// Whether the ground at `from`, just beside the way to `to`, is inside of an area.
///
/// # Errors
/// Those of the budget, at its end.
pub(super) fn is_inside(
    edges: &Edges,
    from: Position,
    to: Position,
    side: Side,
    budget: &Budget,
) -> Result<bool> {
    Ok(Around::at_beginning(edges, &way(from, to), budget)?.is_inside(side))
}

/// Where an edge is divided, and by which ring on which sides.
struct Cut {
    share: f64,
    ring: Option<(Ring, [bool; 2])>,
}

/// A ring of an area, by their numbers.
type Ring = (u32, u32);

/// The rings that hold the ground on either side of a place on an edge, sorted.
struct Around([Vec<Ring>; 2]);

impl Around {
    /// Just after the first end of an edge. Counts the edges that rays eastwards
    /// cross, ring by ring.
    fn at_beginning(edges: &Edges, edge: &Edge, budget: &Budget) -> Result<Self> {
        let begin = || BesideRay {
            edge,
            odd: [false; 2],
        };
        let mut around = [Vec::new(), Vec::new()];
        edges.along_ray(edge.a, budget, begin, |ring, BesideRay { odd, .. }| {
            for (around, odd) in around.iter_mut().zip(odd) {
                if odd {
                    around.push(ring);
                }
            }
        })?;
        around.iter_mut().for_each(|around| around.sort_unstable());
        Ok(Self(around))
    }

    fn cross(&mut self, ring: Ring, crosses: [bool; 2]) {
        for (around, crosses) in self.0.iter_mut().zip(crosses) {
            match around.binary_search(&ring) {
                _ if !crosses => {}
                Ok(at) => drop(around.remove(at)),
                Err(at) => around.insert(at, ring),
            }
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether an area's outer ring, which is number 0, holds it and none of its others.
    fn is_inside(&self, side: Side) -> bool {
        let [left, right] = &self.0;
        let around = if side == Side::Left { left } else { right };
        let mut areas = around.chunk_by(|a, b| a.0 == b.0);
        areas.any(|rings| matches!(rings, [(_, 0)]))
    }
}

/// Of the rays that begin on either side of an edge, just after its first end: whether they
/// cross a ring an odd number of times.
struct BesideRay<'e> {
    edge: &'e Edge,
    odd: [bool; 2],
}

impl Ray for BesideRay<'_> {
    fn beyond(&mut self, from: Position, to: Position) {
        for (side, odd) in Side::BOTH.into_iter().zip(&mut self.odd) {
            *odd ^= is_above(self.edge, side, from) != is_above(self.edge, side, to);
        }
    }

    fn beside(&mut self, other: &Edge) {
        for (side, odd) in Side::BOTH.into_iter().zip(&mut self.odd) {
            *odd ^= is_crossed(self.edge, side, other);
        }
    }
}

/// Whether a position lies north of a ray that begins on one side of an edge, just after its
/// first end. Of what lies at the very latitude of that end, the ray passes above or below, as
/// the edge leads.
fn is_above(edge: &Edge, from: Side, position: Position) -> bool {
    let Edge { a, b, .. } = *edge;
    let above = match b[1] == a[1] {
        true => (b[0] > a[0]) == (from == Side::Left),
        false => b[1] > a[1],
    };
    match above {
        true => position[1] > a[1],
        false => position[1] >= a[1],
    }
}

/// Whether a ray eastwards crosses `other` that begins on one side of `edge`, just
/// after its first end: farther along the edge than away from it. Exact.
fn is_crossed(edge: &Edge, from: Side, other: &Edge) -> bool {
    let Edge { a, b, .. } = *edge;
    let rises = is_above(edge, from, other.b);
    if is_above(edge, from, other.a) == rises {
        return false;
    }
    let collinear = Orientation::Collinear;
    let mut beside = side(other.a, other.b, a);
    if beside == collinear {
        beside = side(other.a, other.b, b);
    }
    if beside == collinear {
        // The two run along each other: not level, since a ray crosses `other`.
        let same_way = (b[1] > a[1]) == rises;
        beside = match (from == Side::Left) == same_way {
            true => Orientation::CounterClockwise,
            false => Orientation::Clockwise,
        };
    }
    let west = match rises {
        true => Orientation::CounterClockwise,
        false => Orientation::Clockwise,
    };
    beside == west
}

/// Where `other`, whose `ends` lie so to `edge`, meets its line strictly between its
/// ends. That it does is exact.
fn crossing(edge: &Edge, other: &Edge, ends: [Orientation; 2]) -> Option<f64> {
    let (from, to) = (
        side(other.a, other.b, edge.a),
        side(other.a, other.b, edge.b),
    );
    let collinear = Orientation::Collinear;
    if from == to || from == collinear || to == collinear || ends[0] == ends[1] {
        return None;
    }
    if ends[0] == collinear {
        return Some(share(edge, other.a));
    }
    if ends[1] == collinear {
        return Some(share(edge, other.b));
    }
    // The same two positions give the same number, whichever of them is named first.
    let (first, second) = match other.a.partial_cmp(&other.b) {
        Some(std::cmp::Ordering::Greater) => (other.b, other.a),
        _ => (other.a, other.b),
    };
    let (from, to) = (area(first, second, edge.a), area(first, second, edge.b));
    Some((from / (from - to)).clamp(0.0, 1.0))
}

/// A position on the line of an edge as a share of the edge.
fn share(edge: &Edge, p: Position) -> f64 {
    let Edge { a, b, .. } = *edge;
    let axis = usize::from((b[1] - a[1]).abs() > (b[0] - a[0]).abs());
    ((p[axis] - a[axis]) / (b[axis] - a[axis])).clamp(0.0, 1.0)
}

/// Twice the area of a triangle, signed, to nearly all digits of a double: worked out
/// with twice as many, since it may be the small difference of large products.
fn area(from: Position, to: Position, p: Position) -> f64 {
    let (dx, ex) = difference(to[0], from[0]);
    let (dy, ey) = difference(to[1], from[1]);
    let (px, qx) = difference(p[0], from[0]);
    let (py, qy) = difference(p[1], from[1]);
    let (left, right) = (dx * py, dy * px);
    let (high, low) = difference(left, right);
    let lost = dx.mul_add(py, -left) - dy.mul_add(px, -right);
    high + (low + (lost + ((dx * qy + ex * py) - (dy * qx + ey * px))))
}

/// `a - b`, rounded, and the error (D. Knuth, "The Art of Computer Programming", vol. 2,
/// 4.2.2, theorem B).
fn difference(a: f64, b: f64) -> (f64, f64) {
    let rounded = a - b;
    let b_part = a - rounded;
    let a_part = rounded + b_part;
    (rounded, (a - a_part) + (b_part - b))
}
