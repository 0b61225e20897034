//! Which shapes meet, and which lie in which.
//!
//! A shape is a closed set: points, lines, and areas with their boundaries. It is the
//! union of its parts: areas that touch along an edge are one area there, and what lies
//! across the edge lies in it. What its interior is follows OGC 06-103r4, section
//! 6.1.15: of an area what areas are all around of, of a line all but its ends (an end
//! that an even number of lines share is none), of a point the point; what is on the
//! boundary of areas is boundary, whatever lines and points are there too. Sides of lines
//! are decided by exact predicates. Where an edge crosses another is computed in
//! doubles: so a gap in the middle of an edge counts from about 10^-12 degrees on.

use std::cmp::Ordering;

use crate::types::{Orientation, side};

use super::beside::{Piece, common, either, is_inside, pieces};
use super::edges::{Edge, Edges, GeometryPart};
use super::seam::{
    around, behind_seam, is_position, on_seam, outer_side, seams_from, spellings, twins, ways_from,
};
use super::shape::{Position, Shape};
use super::side::Side;
use crate::budget::Budget;
use crate::error::Result;
use crate::types::Rect;

/// How a feature must lie to the geometry that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Predicate {
    /// They have a position in common; boundaries count.
    #[default]
    Intersects,
    /// The feature lies in the geometry, and their interiors meet: what only
    /// touches the boundary is not within.
    Within,
    /// The geometry lies in the feature, and their interiors meet.
    Contains,
}

/// A shape with what it takes to compare it with others.
#[derive(Debug)]
pub(crate) struct Prepared {
    shape: Shape,
    edges: Edges,
    touches_seam: bool,
    /// Ends of lines that are boundary, in [`order`].
    ends: Vec<Position>,
}

/// How what a shape covers lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    /// On the boundary alone.
    Boundary,
    /// Somewhere in the interior.
    Interior,
}

impl Cover {
    fn or(self, other: Self) -> Self {
        match self {
            Self::Boundary => other,
            Self::Interior => self,
        }
    }
}

/// Where a position lies to areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PointLocation {
    Inside,
    Boundary,
    Outside,
}

impl Prepared {
    /// O(n log n) in the positions; nothing to speak of for a few.
    pub(crate) fn new(shape: Shape) -> Self {
        let mut touches_seam = false;
        let edges = Edges::new(&shape, |edges| {
            touches_seam = edges.iter().any(|e| on_seam(e.a) || on_seam(e.b));
            match touches_seam {
                true => twins(edges),
                false => Vec::new(),
            }
        });
        let ends = odd_ends(&shape);
        Self {
            shape,
            edges,
            touches_seam,
            ends,
        }
    }

    /// Whether `feature` lies to this shape as the predicate says.
    ///
    /// For features of m and a shape of n positions `Intersects` takes O(m log n)
    /// and the other two O(m log n + n log m) where boundaries do not run together,
    /// and up to O(m n) where edges lie side by side.
    ///
    /// # Errors
    /// Those of the budget, at its end.
    pub(crate) fn accepts(
        &self,
        feature: Shape,
        predicate: Predicate,
        budget: &Budget,
    ) -> Result<bool> {
        match predicate {
            Predicate::Intersects => self.intersects(&feature, budget),
            Predicate::Within => Self::new(feature).is_within(self, budget),
            Predicate::Contains => self.is_within(&Self::new(feature), budget),
        }
    }

    /// Whether the two have a position in common. Exact.
    ///
    /// # Errors
    /// Those of the budget, at its end.
    pub(crate) fn intersects(&self, other: &Shape, budget: &Budget) -> Result<bool> {
        let theirs = Edges::new(other, |_| Vec::new());
        let (few, many) = if theirs.len() < self.edges.len() {
            (&theirs, &self.edges)
        } else {
            (&self.edges, &theirs)
        };
        for edge in few.iter() {
            budget.step()?;
            if many.near(&edge.envelope(), budget, |other| Ok(edge.meets(other)))? {
                return Ok(true);
            }
        }
        // If no edges meet, one lies wholly inside an area of the other, or they
        // are apart: then any position of each part tells which.
        if self.holds_start_of(other, budget)? {
            return Ok(true);
        }
        if other.areas.is_empty() {
            return Ok(false);
        }
        let theirs = Self {
            shape: Shape::default(),
            edges: theirs,
            touches_seam: false,
            ends: Vec::new(),
        };
        // What lies on a seam is on the rim of the plane, inside of nothing.
        theirs.holds_start_of(&self.shape, budget)
    }

    /// Whether a part of a shape begins inside of an area of this one.
    fn holds_start_of(&self, shape: &Shape, budget: &Budget) -> Result<bool> {
        for p in starts(shape) {
            budget.step()?;
            if self.locate(p, budget)? == PointLocation::Inside {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether all of this shape belongs to `other` and their interiors meet.
    fn is_within(&self, other: &Self, budget: &Budget) -> Result<bool> {
        let mut cover = Cover::Boundary;
        for edge in self.edges.iter().filter(|edge| !edge.twin) {
            budget.step()?;
            let found = match edge.part {
                GeometryPart::Ring { .. } if !is_position(edge) => {
                    self.ring_edge_in(edge, other, budget)?
                }
                _ => other.covers_edge(edge, budget)?,
            };
            match found {
                Some(found) => cover = cover.or(found),
                None => return Ok(false),
            }
        }
        // A shape without positions covers nothing and lies in nothing.
        Ok(cover == Cover::Interior && !self.is_entered(other, budget)?)
    }

    /// How an edge of one of this shape's rings, and the inside beside it, lie in `other`.
    fn ring_edge_in(&self, edge: &Edge, other: &Self, budget: &Budget) -> Result<Option<Cover>> {
        let theirs = other.beside(edge, budget)?;
        if theirs.iter().all(|piece| piece.left && piece.right) {
            return Ok(Some(Cover::Interior));
        }
        let ours = pieces(&self.edges, edge, budget)?;
        let mut cover = Cover::Boundary;
        for (ours, theirs) in common(&ours, &theirs) {
            match of_piece(&theirs) {
                Some(found) if !leaves(&ours, &theirs) => cover = cover.or(found),
                _ => return Ok(None),
            }
            if ours.left || ours.right {
                cover = Cover::Interior;
            }
        }
        Ok(Some(cover))
    }

    /// Whether a ring of `other` runs through the inside of this shape's areas with the
    /// outside of `other` beside it: then that lies within them.
    fn is_entered(&self, other: &Self, budget: &Budget) -> Result<bool> {
        for area in &self.shape.areas {
            let entered = other.edges.near(&area.envelope, budget, |edge| {
                let ring = matches!(edge.part, GeometryPart::Ring { .. });
                if !ring || edge.twin || edge.a == edge.b {
                    return Ok(false);
                }
                let ours = pieces(&self.edges, edge, budget)?;
                if !ours.iter().any(|piece| piece.left || piece.right) {
                    return Ok(false);
                }
                let theirs = pieces(&other.edges, edge, budget)?;
                Ok(common(&ours, &theirs).any(|(ours, theirs)| leaves(&ours, &theirs)))
            })?;
            if entered {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether all of an edge belongs to this shape.
    fn covers_edge(&self, edge: &Edge, budget: &Budget) -> Result<Option<Cover>> {
        if is_position(edge) {
            return self.covers_position(edge.a, budget);
        }
        let mut cover = Cover::Boundary;
        for piece in self.beside(edge, budget)? {
            match of_piece(&piece) {
                Some(found) => cover = cover.or(found),
                None => return Ok(None),
            }
        }
        Ok(Some(cover))
    }

    /// The pieces of an edge. What lies behind a seam is beside an edge on it, too.
    fn beside(&self, edge: &Edge, budget: &Budget) -> Result<Vec<Piece>> {
        let here = pieces(&self.edges, edge, budget)?;
        match behind_seam(edge) {
            Some(twin) if self.touches_seam => {
                Ok(either(&here, &pieces(&self.edges, &twin, budget)?))
            }
            _ => Ok(here),
        }
    }

    fn covers_position(&self, p: Position, budget: &Budget) -> Result<Option<Cover>> {
        let (mut ring, mut line, mut point) = (false, false, false);
        self.edges.near(&Rect::point(p), budget, |edge| {
            if edge.holds(p) {
                match edge.part {
                    GeometryPart::Ring { .. } => ring = true,
                    GeometryPart::Line => line = true,
                    GeometryPart::Point => point = true,
                }
            }
            Ok(false)
        })?;
        // Of what has several kinds of parts, its areas count before the others.
        let interior = if ring {
            self.is_surrounded(p, budget)?
        } else if self.locate(p, budget)? == PointLocation::Inside {
            true
        } else if line {
            !self.is_end(p, budget)?
        } else if point {
            true
        } else {
            return Ok(None);
        };
        Ok(Some(match interior {
            true => Cover::Interior,
            false => Cover::Boundary,
        }))
    }

    /// Whether the ground all around a position on a ring is inside of areas, as it is
    /// between two that touch: then so is the position. Looks beside each edge that
    /// begins there; a seam is one.
    fn is_surrounded(&self, p: Position, budget: &Budget) -> Result<bool> {
        let outside = |from: Position, to: Position| -> Result<bool> {
            let outer = outer_side(from, to);
            for side in [Side::Left, Side::Right] {
                let inside = || is_inside(&self.edges, from, to, side, budget);
                if outer != Some(side) && !inside()? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        // Rings that are nothing but this position have no ground beside them.
        let mut any = false;
        for place in spellings(p) {
            let found = self.edges.near(&around(place), budget, |edge| {
                if !matches!(edge.part, GeometryPart::Ring { .. }) || edge.twin || is_position(edge)
                {
                    return Ok(false);
                }
                for (from, to) in ways_from(place, edge) {
                    any = true;
                    if outside(from, to)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            })?;
            if found {
                return Ok(false);
            }
        }
        if !any {
            return Ok(true);
        }
        for place in spellings(p) {
            for to in seams_from(place) {
                if outside(place, to)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether a position on a line is boundary. The spellings of a position on a
    /// seam are one position.
    fn is_end(&self, [lon, lat]: Position, budget: &Budget) -> Result<bool> {
        if lat.abs() == 90.0 {
            budget.steps(self.ends.len())?;
            return Ok(self.ends.iter().filter(|end| end[1] == lat).count() % 2 == 1);
        }
        let has = |p: Position| self.ends.binary_search_by(|end| order(end, &p)).is_ok();
        Ok(has([lon, lat]) != (lon.abs() == 180.0 && has([-lon, lat])))
    }

    /// Where a position lies to the areas: inside of any, else on the boundary of any.
    /// Exact.
    ///
    /// Counts the edges that a ray eastwards crosses, ring by ring. Of the two ends
    /// of an edge the lower counts, so a ray through a shared end crosses once or
    /// not at all.
    fn locate(&self, p: Position, budget: &Budget) -> Result<PointLocation> {
        let ray = Rect {
            min: p,
            max: [f64::INFINITY, p[1]],
        };
        let mut crossed: Vec<(u32, u32)> = Vec::new();
        let mut bounds: Vec<u32> = Vec::new();
        self.edges.near(&ray, budget, |edge| {
            let GeometryPart::Ring { area, ring } = edge.part else {
                return Ok(false);
            };
            if edge.twin {
                return Ok(false);
            }
            if edge.holds(p) {
                bounds.push(area);
            } else if crosses_east_of(p, edge) {
                crossed.push((area, ring));
            }
            Ok(false)
        })?;
        crossed.sort_unstable();
        // The rings that hold the position, by area; ring 0 sorts first.
        let mut holding = crossed
            .chunk_by(|a, b| a == b)
            .filter(|crossings| crossings.len() % 2 == 1)
            .filter_map(|crossings| crossings.first().copied())
            .peekable();
        while let Some((area, ring)) = holding.next() {
            let in_hole = holding.next_if(|next| next.0 == area).is_some();
            while holding.next_if(|next| next.0 == area).is_some() {}
            budget.steps(bounds.len())?;
            if ring == 0 && !in_hole && !bounds.contains(&area) {
                return Ok(PointLocation::Inside);
            }
        }
        Ok(match bounds.is_empty() {
            true => PointLocation::Outside,
            false => PointLocation::Boundary,
        })
    }
}

/// How a piece of an edge belongs to a shape; `None` if it does not.
fn of_piece(piece: &Piece) -> Option<Cover> {
    match (piece.left, piece.right) {
        (true, true) => Some(Cover::Interior),
        (false, false) if piece.line && !piece.ring => Some(Cover::Interior),
        (left, right) => (left || right || piece.ring).then_some(Cover::Boundary),
    }
}

/// Whether one shape is inside beside a piece where the other is outside.
fn leaves(ours: &Piece, theirs: &Piece) -> bool {
    (ours.left && !theirs.left) || (ours.right && !theirs.right)
}

/// Whether the edge crosses the ray from `p` eastwards; `p` is not on it.
fn crosses_east_of(p: Position, edge: &Edge) -> bool {
    let Edge { a, b, .. } = *edge;
    if (a[1] > p[1]) == (b[1] > p[1]) {
        return false;
    }
    let west = if b[1] > a[1] {
        Orientation::CounterClockwise
    } else {
        Orientation::Clockwise
    };
    side(a, b, p) == west
}

/// A position of each part and ring.
fn starts(shape: &Shape) -> impl Iterator<Item = Position> {
    let lines = shape.lines.iter();
    let rings = shape.areas.iter().flat_map(|area| &area.rings);
    let firsts = lines.chain(rings).filter_map(|line| line.first());
    shape.points.iter().chain(firsts).copied()
}

/// Ends that an odd number of lines have.
fn odd_ends(shape: &Shape) -> Vec<Position> {
    let ends = |line: &Vec<Position>| [line.first().copied(), line.last().copied()];
    let mut all: Vec<Position> = shape.lines.iter().flat_map(ends).flatten().collect();
    all.sort_unstable_by(order);
    all.chunk_by(|a, b| a == b)
        .filter(|same| same.len() % 2 == 1)
        .filter_map(|same| same.first().copied())
        .collect()
}

fn order(a: &Position, b: &Position) -> Ordering {
    a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]))
}
