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

use std::cell::Cell;
use std::cmp::Ordering;

use crate::types::{Orientation, segment_meets, side};

use super::beside::{Piece, common, either, is_inside, pieces};
use super::edges::{Edge, Edges, GeometryPart, Ray};
use super::packed::{Below, FAN};
use super::seam::{
    around, behind_seam, is_position, on_seam, outer_side, seams_from, spellings, twins, ways_from,
};
use super::shape::{Position, Shape};
use super::side::Side;
use crate::budget::Budget;
use crate::error::Result;
use crate::types::{BoundingBox, Rect};

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

/// A shape with what it takes to compare it with others: some 18 bytes a position.
#[derive(Debug)]
pub(crate) struct Prepared {
    edges: Edges,
    /// What holds all of it, in the plane; none without positions.
    envelope: Option<Rect>,
    pieces: Vec<Rect>,
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
    /// O(n) in the positions, and O(n log n) in the number of points, lines and rings;
    /// nothing to speak of for a few.
    pub(crate) fn new(shape: &Shape) -> Self {
        let mut touches_seam = false;
        let edges = Edges::new(shape, |edges| {
            touches_seam = edges.iter().any(|e| on_seam(e.a) || on_seam(e.b));
            match touches_seam {
                true => twins(edges.iter()),
                false => Vec::new(),
            }
        });
        let envelopes = shape.envelopes();
        let envelope = envelopes.iter().copied().reduce(|mut all, rect| {
            all.extend(&rect);
            all
        });
        Self {
            edges,
            envelope,
            pieces: envelopes.iter().flat_map(spelled).collect(),
            touches_seam,
            ends: odd_ends(shape),
        }
    }

    /// Rectangles of which whatever lies to the shape as any predicate says touches one:
    /// they hold the shape, with the other spellings of what lies on a seam.
    pub(crate) fn pieces(&self) -> &[Rect] {
        &self.pieces
    }

    /// Whether it has no position.
    pub(crate) fn is_empty(&self) -> bool {
        self.envelope.is_none()
    }

    /// All edges of it.
    pub(super) fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.edges.bytes()
            + self.pieces.capacity() * size_of::<Rect>()
            + self.ends.capacity() * size_of::<Position>()
            + size_of::<Self>()
    }

    /// Whether `feature` lies to this shape as the predicate says.
    ///
    /// For shapes of n and m edges it takes O(log n) where one of them is a position.
    /// Otherwise `Intersects` takes O(min(n, m) log (n + m)), and the other two O((n + m)
    /// log (n + m)) where boundaries do not run together, and up to O(m n) where many edges
    /// lie side by side, or their envelopes over each other.
    ///
    /// # Errors
    /// Those of the budget, at its end.
    pub(crate) fn accepts(
        &self,
        feature: &Self,
        predicate: Predicate,
        budget: &Budget,
    ) -> Result<bool> {
        match predicate {
            Predicate::Intersects => self.intersects(feature, budget),
            Predicate::Within => feature.is_within(self, budget),
            Predicate::Contains => self.is_within(feature, budget),
        }
    }

    /// As [`Prepared::accepts`] of a feature that is one position. O(log n).
    ///
    /// # Errors
    /// Those of the budget, at its end.
    pub(crate) fn accepts_point(
        &self,
        p: Position,
        predicate: Predicate,
        budget: &Budget,
    ) -> Result<bool> {
        match predicate {
            Predicate::Intersects => {
                let here = Rect::point(p);
                Ok(self.edges.near(&here, budget, |edge| Ok(edge.holds(p)))?
                    || self.locate(p, budget)? == PointLocation::Inside)
            }
            Predicate::Within => Ok(self.covers_position(p, budget)? == Some(Cover::Interior)),
            Predicate::Contains => self.is_within(&Self::new(&Shape::point(p)), budget),
        }
    }

    /// Whether the two have a position in common. Exact.
    ///
    /// # Errors
    /// Those of the budget, at its end.
    pub(crate) fn intersects(&self, other: &Self, budget: &Budget) -> Result<bool> {
        let (few, many) = match other.edges.len() < self.edges.len() {
            true => (&other.edges, &self.edges),
            false => (&self.edges, &other.edges),
        };
        // Of a few edges each is looked for at once.
        let each = few.len() <= FAN;
        let beside = |rect: &Rect| Ok(Below::look_if(each || many.touch(rect, budget)?));
        let meets =
            |edge: &Edge| many.near(&edge.envelope(), budget, |other| Ok(edge.meets(other)));
        // If no edges meet, one lies wholly inside an area of the other, or they
        // are apart: then any position of each part tells which. What lies on a seam
        // is on the rim of the plane, inside of nothing.
        Ok(few.each_run(budget, beside, meets)?
            || self.holds_start_of(other, budget)?
            || other.holds_start_of(self, budget)?)
    }

    /// Whether it has a position in common with one of the closed rectangles, in the plane:
    /// what lies on a seam has the spelling that it has. Exact, and O(log n) for a rectangle
    /// that few edges are near.
    ///
    /// # Errors
    /// Those of the budget, at its end.
    pub(crate) fn meets_rects(&self, rects: &[Rect], budget: &Budget) -> Result<bool> {
        for rect in rects {
            let meets = |edge: &Edge| Ok(!edge.twin && segment_meets(edge.a, edge.b, rect));
            if self.edges.near(rect, budget, meets)?
                || self.locate(rect.min, budget)? == PointLocation::Inside
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a part of a shape begins inside of an area of this one.
    fn holds_start_of(&self, other: &Self, budget: &Budget) -> Result<bool> {
        if !self.edges.has_rings() {
            return Ok(false);
        }
        for p in other.edges.starts() {
            budget.step()?;
            if self.locate(p, budget)? == PointLocation::Inside {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether all of this shape belongs to `other` and their interiors meet.
    fn is_within(&self, other: &Self, budget: &Budget) -> Result<bool> {
        let (Some(ours), Some(theirs)) = (&self.envelope, &other.envelope) else {
            // A shape without positions covers nothing and lies in nothing.
            return Ok(false);
        };
        // What is on a seam lies at several places of the plane.
        if !(self.touches_seam || other.touches_seam || theirs.contains(ours)) {
            return Ok(false);
        }
        let cover = Cell::new(Cover::Boundary);
        // Where no edge of `other` is near, all is inside of it or all outside.
        let beside = |rect: &Rect| {
            if other.edges.touch(rect, budget)? {
                return Ok(Below::Look);
            }
            if other.locate(rect.min, budget)? == PointLocation::Inside {
                cover.set(Cover::Interior);
                return Ok(Below::Pass);
            }
            let behind = on_seam(rect.min) || on_seam(rect.max);
            Ok(if behind { Below::Look } else { Below::Stop })
        };
        let leaves = self.edges.each_run(budget, beside, |edge| {
            let found = match edge.part {
                GeometryPart::Ring { .. } if !is_position(edge) => {
                    self.ring_edge_in(edge, other, budget)?
                }
                _ => other.covers_edge(edge, budget)?,
            };
            cover.set(cover.get().or(found.unwrap_or(Cover::Boundary)));
            Ok(found.is_none())
        })?;
        Ok(!leaves && cover.get() == Cover::Interior && !self.is_entered(other, budget)?)
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
        for area in self.edges.outer_rings() {
            let beside = |rect: &Rect| {
                let near = rect.intersects(area)
                    && (self.edges.touch(rect, budget)?
                        || self.locate(rect.min, budget)? != PointLocation::Outside);
                Ok(Below::look_if(near))
            };
            let entered = other.edges.each_run(budget, beside, |edge| {
                let ring = matches!(edge.part, GeometryPart::Ring { .. });
                if !ring || edge.a == edge.b || !edge.envelope().intersects(area) {
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
        if !self.edges.has_rings() {
            return Ok(PointLocation::Outside);
        }
        let begin = || LocatingRay {
            p,
            odd: false,
            on: false,
        };
        // The rings that hold the position, by area; ring 0 sorts first.
        let mut holding: Vec<(u32, u32, bool)> = Vec::new();
        self.edges
            .along_ray(p, budget, begin, |(area, ring), ray| {
                if ray.odd || ray.on {
                    holding.push((area, ring, ray.on));
                }
            })?;
        holding.sort_unstable();
        let mut bounds = false;
        for area in holding.chunk_by(|a, b| a.0 == b.0) {
            let on = area.iter().any(|(.., on)| *on);
            bounds |= on;
            if !on && matches!(area, [(_, 0, _)]) {
                return Ok(PointLocation::Inside);
            }
        }
        Ok(match bounds {
            true => PointLocation::Boundary,
            false => PointLocation::Outside,
        })
    }
}

/// A ray that tells where its beginning lies to a ring.
struct LocatingRay {
    p: Position,
    /// Whether the ring is crossed an odd number of times.
    odd: bool,
    /// Whether the position is on the ring.
    on: bool,
}

impl Ray for LocatingRay {
    fn beyond(&mut self, from: Position, to: Position) {
        self.odd ^= (from[1] > self.p[1]) != (to[1] > self.p[1]);
    }

    fn beside(&mut self, edge: &Edge) {
        match edge.holds(self.p) {
            true => self.on = true,
            false => self.odd ^= crosses_east_of(self.p, edge),
        }
    }
}

/// A rectangle as a box, with the other spellings of its edges on the antimeridian and at
/// the poles.
fn spelled(rect: &Rect) -> Vec<Rect> {
    let Rect { min, max } = *rect;
    // Positions are in range.
    let spelled = BoundingBox::new(min[0], min[1], max[0], max[1]);
    spelled.map_or_else(|_| vec![*rect], |bbox| bbox.pieces().to_vec())
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
