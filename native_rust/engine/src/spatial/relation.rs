//! Which shapes meet, and which lie in which.
//!
//! A shape is a closed set: points, lines, and areas with their boundaries. What
//! its interior is follows OGC 06-103r4, section 6.1.15: of an area what lies off
//! its rings, of a line all but its ends (an end that an even number of lines
//! share is none), of a point the point. Sides of lines are decided by exact
//! predicates. Where an edge crosses another is computed in doubles: so a gap in
//! the middle of an edge counts from about 10^-13 degrees on, 10 nanometres.

use std::cmp::Ordering;

use geo::Orientation;

use super::edges::{Edge, Edges, Part, side};
use super::seam::{Seam, on_seam, twins};
use super::shape::{Area, Position, Shape};
use crate::budget::Budget;
use crate::error::Result;
use crate::model::Rect;

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
    /// Only for a shape that touches a seam of the plane.
    seam: Option<Seam>,
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
enum Place {
    Inside,
    Boundary,
    Outside,
}

impl Prepared {
    /// O(n log n) in the positions, some 100 ns each; nothing to speak of for a few.
    pub(crate) fn new(shape: Shape) -> Self {
        let mut touches = false;
        let edges = Edges::new(&shape, |edges| {
            touches = edges.iter().any(|e| on_seam(e.a) || on_seam(e.b));
            if touches { twins(edges) } else { Vec::new() }
        });
        let seam = touches.then(|| Seam::new(edges.iter()));
        let ends = odd_ends(&shape);
        Self {
            shape,
            edges,
            seam,
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
            seam: None,
            ends: Vec::new(),
        };
        // What lies on a seam is on the rim of the plane, inside of nothing.
        theirs.holds_start_of(&self.shape, budget)
    }

    /// Whether a part of a shape begins inside of an area of this one.
    fn holds_start_of(&self, shape: &Shape, budget: &Budget) -> Result<bool> {
        for p in starts(shape) {
            budget.step()?;
            if self.locate(p, None, budget)? == Place::Inside {
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
            if matches!(edge.part, Part::Ring { .. }) {
                continue;
            }
            match other.covers_edge(edge, None, budget)? {
                Some(found) => cover = cover.or(found),
                None => return Ok(false),
            }
        }
        for (area, number) in self.shape.areas.iter().zip(0..) {
            match self.area_in(area, number, other, budget)? {
                Some(found) => cover = cover.or(found),
                None => return Ok(false),
            }
        }
        // A shape without positions covers nothing and lies in nothing.
        Ok(cover == Cover::Interior)
    }

    /// Whether one of this shape's areas lies in one of `other`'s: two areas that
    /// only touch do not make one that holds what lies across them.
    fn area_in(
        &self,
        area: &Area,
        number: u32,
        other: &Self,
        budget: &Budget,
    ) -> Result<Option<Cover>> {
        let Some(inside) = inside_of(area, budget)? else {
            // Without an inside it is the line it collapses to.
            return self.ring_in(number, other, None, budget);
        };
        for (outer, place) in other.shape.areas.iter().zip(0..) {
            budget.step()?;
            if outer.envelope.contains(&area.envelope)
                && other.locate(inside, Some(place), budget)? == Place::Inside
                && self.ring_in(number, other, Some(place), budget)?.is_some()
                && !self.is_entered(area, number, other, place, budget)?
            {
                return Ok(Some(Cover::Interior));
            }
        }
        Ok(None)
    }

    /// Whether the rings of one of this shape's areas belong to `other`, or to one of
    /// its areas.
    fn ring_in(
        &self,
        number: u32,
        other: &Self,
        only: Option<u32>,
        budget: &Budget,
    ) -> Result<Option<Cover>> {
        let mut cover = Cover::Boundary;
        for edge in self.edges.iter() {
            budget.step()?;
            let own = matches!(edge.part, Part::Ring { area, .. } if area == number);
            if edge.twin || !own {
                continue;
            }
            match other.covers_edge(edge, only, budget)? {
                Some(found) => cover = cover.or(found),
                None => return Ok(None),
            }
        }
        Ok(Some(cover))
    }

    /// Whether a ring of the area `outer` of `other` runs through the inside of an
    /// area of this shape: then that is not all inside `outer`.
    fn is_entered(
        &self,
        area: &Area,
        number: u32,
        other: &Self,
        outer: u32,
        budget: &Budget,
    ) -> Result<bool> {
        other.edges.near(&area.envelope, budget, |edge| {
            let ring = matches!(edge.part, Part::Ring { area, .. } if area == outer);
            if !ring || edge.twin {
                return Ok(false);
            }
            self.pieces(edge, Some(number), budget)?
                .any(budget, |piece| {
                    let inside = || self.locate(piece.middle, Some(number), budget);
                    Ok(piece.along.is_empty() && inside()? == Place::Inside)
                })
        })
    }

    /// Whether all of an edge belongs to this shape, or to one of its areas.
    fn covers_edge(
        &self,
        edge: &Edge,
        only: Option<u32>,
        budget: &Budget,
    ) -> Result<Option<Cover>> {
        let first = self.covers_position(edge.a, only, budget)?;
        if edge.a == edge.b || first.is_none() {
            return Ok(first);
        }
        if self.covers_position(edge.b, only, budget)?.is_none() {
            return Ok(None);
        }
        // The ends do not speak for what lies between them.
        let mut cover = Cover::Boundary;
        let pieces = self.pieces(edge, only, budget)?;
        let uncovered = pieces.any(budget, |piece| {
            let found = self.covers_piece(&piece, only, budget)?;
            cover = found.map_or(cover, |found| cover.or(found));
            Ok(found.is_none())
        })?;
        Ok((!uncovered).then_some(cover))
    }

    /// A piece of an edge that no edge of this shape divides.
    fn covers_piece(
        &self,
        piece: &Piece,
        only: Option<u32>,
        budget: &Budget,
    ) -> Result<Option<Cover>> {
        let mut cover = None;
        let mut beside = Vec::new();
        for part in &piece.along {
            match part {
                Part::Ring { area, .. } => {
                    cover = cover.or(Some(Cover::Boundary));
                    beside.push(*area);
                }
                _ => return Ok(Some(Cover::Interior)),
            }
        }
        let middle = piece.middle;
        if cover.is_some() && self.is_inside_seam(middle, budget)? {
            return Ok(Some(Cover::Interior));
        }
        if only.is_some() && cover.is_some() {
            return Ok(cover);
        }
        Ok(match self.locate_beside(middle, only, &beside, budget)? {
            Place::Inside => Some(Cover::Interior),
            Place::Boundary => cover.or(Some(Cover::Boundary)),
            Place::Outside => cover,
        })
    }

    /// Whether what bounds areas there is inside of them, because they go on behind a
    /// seam.
    fn is_inside_seam(&self, p: Position, budget: &Budget) -> Result<bool> {
        let Some(seam) = &self.seam else {
            return Ok(false);
        };
        budget.steps(seam.len())?;
        Ok(seam.is_inside(p))
    }

    fn covers_position(
        &self,
        p: Position,
        only: Option<u32>,
        budget: &Budget,
    ) -> Result<Option<Cover>> {
        let mut cover = None;
        let inside = self.edges.near(&Rect::point(p), budget, |edge| {
            if !of(edge, only) || !edge.holds(p) {
                return Ok(false);
            }
            cover = cover.or(Some(Cover::Boundary));
            Ok(match edge.part {
                Part::Point => true,
                Part::Line => !self.is_end(p, budget)?,
                Part::Ring { .. } => self.is_inside_seam(p, budget)?,
            })
        })?;
        if inside || self.locate(p, only, budget)? == Place::Inside {
            return Ok(Some(Cover::Interior));
        }
        Ok(cover)
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

    fn locate(&self, p: Position, only: Option<u32>, budget: &Budget) -> Result<Place> {
        self.locate_beside(p, only, &[], budget)
    }

    /// Where a position lies to the areas, or to one of them, but those of
    /// `beside` left out: inside of any, else on the boundary of any. Exact.
    ///
    /// Counts the edges that a ray eastwards crosses, ring by ring. Of the two ends
    /// of an edge the lower counts, so a ray through a shared end crosses once or
    /// not at all.
    fn locate_beside(
        &self,
        p: Position,
        only: Option<u32>,
        beside: &[u32],
        budget: &Budget,
    ) -> Result<Place> {
        let ray = Rect {
            min: p,
            max: [f64::INFINITY, p[1]],
        };
        let mut crossed: Vec<(u32, u32)> = Vec::new();
        let mut bounds: Vec<u32> = Vec::new();
        self.edges.near(&ray, budget, |edge| {
            let Part::Ring { area, ring } = edge.part else {
                return Ok(false);
            };
            budget.steps(beside.len())?;
            if edge.twin || !of(edge, only) || beside.contains(&area) {
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
                return Ok(Place::Inside);
            }
        }
        Ok(match bounds.is_empty() {
            true => Place::Outside,
            false => Place::Boundary,
        })
    }

    /// An edge divided where this shape's edges, or those of one of its areas, meet
    /// it.
    fn pieces<'e>(&self, edge: &'e Edge, only: Option<u32>, budget: &Budget) -> Result<Pieces<'e>> {
        let mut pieces = Pieces::new(edge);
        self.edges.near(&edge.envelope(), budget, |other| {
            if of(other, only) {
                pieces.divide_by(other);
            }
            Ok(false)
        })?;
        Ok(pieces)
    }
}

fn of(edge: &Edge, only: Option<u32>) -> bool {
    match (only, edge.part) {
        (None, _) => true,
        (Some(only), Part::Ring { area, .. }) => area == only,
        (Some(_), _) => false,
    }
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

/// A position well inside an area, `None` if it has no inside: the middle of the
/// widest stretch that is inside on one of the parallels half way between
/// neighbouring latitudes of its positions.
fn inside_of(area: &Area, budget: &Budget) -> Result<Option<Position>> {
    /// Parallels tried. The first will do for all but degenerate areas.
    const TRIED: usize = 64;
    let positions = area.rings.iter().flatten();
    let mut latitudes: Vec<f64> = positions.map(|p| p[1]).collect();
    latitudes.sort_unstable_by(f64::total_cmp);
    latitudes.dedup();
    let mut bands: Vec<(f64, f64)> = latitudes
        .windows(2)
        .filter_map(|pair| match pair {
            [low, high] => Some((high - low, low + (high - low) / 2.0)),
            _ => None,
        })
        .collect();
    bands.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    for (_, latitude) in bands.into_iter().take(TRIED) {
        let mut crossings: Vec<(f64, usize)> = Vec::new();
        for (number, ring) in area.rings.iter().enumerate() {
            budget.steps(ring.len())?;
            for pair in ring.windows(2) {
                if let [a, b] = pair
                    && (a[1] > latitude) != (b[1] > latitude)
                {
                    let along = (latitude - a[1]) / (b[1] - a[1]);
                    crossings.push((a[0] + along * (b[0] - a[0]), number));
                }
            }
        }
        crossings.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut outer = false;
        let mut holes: Vec<usize> = Vec::new();
        let mut widest = (0.0, None);
        for pair in crossings.windows(2) {
            let [(from, ring), (to, _)] = pair else { break };
            budget.steps(holes.len())?;
            match holes.iter().position(|hole| hole == ring) {
                Some(open) => drop(holes.swap_remove(open)),
                None if *ring > 0 => holes.push(*ring),
                None => outer = !outer,
            }
            if outer && holes.is_empty() && to - from > widest.0 {
                widest = (to - from, Some([from + (to - from) / 2.0, latitude]));
            }
        }
        if widest.1.is_some() {
            return Ok(widest.1);
        }
    }
    Ok(None)
}

/// An edge divided where others meet it.
struct Pieces<'e> {
    edge: &'e Edge,
    /// Where it is divided, as a share of its length.
    cuts: Vec<f64>,
    /// What runs along it, and from where to where.
    along: Vec<(f64, f64, Part)>,
}

/// A piece of an edge.
struct Piece {
    middle: Position,
    /// The edges that it runs along.
    along: Vec<Part>,
}

impl<'e> Pieces<'e> {
    fn new(edge: &'e Edge) -> Self {
        Self {
            edge,
            cuts: vec![0.0, 1.0],
            along: Vec::new(),
        }
    }

    /// A position on the edge as a share of its length.
    fn share(&self, p: Position) -> f64 {
        let Edge { a, b, .. } = self.edge;
        let axis = usize::from((b[1] - a[1]).abs() > (b[0] - a[0]).abs());
        ((p[axis] - a[axis]) / (b[axis] - a[axis])).clamp(0.0, 1.0)
    }

    fn divide_by(&mut self, other: &Edge) {
        let Edge { a, b, .. } = *self.edge;
        let (from, to) = (side(a, b, other.a), side(a, b, other.b));
        let collinear = Orientation::Collinear;
        if from == collinear && to == collinear {
            let (first, last) = (self.share(other.a), self.share(other.b));
            let (first, last) = (first.min(last), first.max(last));
            self.cuts.extend([first, last]);
            if first < last {
                self.along.push((first, last, other.part));
            }
        } else if from == collinear {
            self.cuts.push(self.share(other.a));
        } else if to == collinear {
            self.cuts.push(self.share(other.b));
        } else if from != to && side(other.a, other.b, a) != side(other.a, other.b, b) {
            let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
            let [ox, oy] = [other.b[0] - other.a[0], other.b[1] - other.a[1]];
            let share = ((other.a[0] - a[0]) * oy - (other.a[1] - a[1]) * ox) / (dx * oy - dy * ox);
            if share.is_finite() {
                self.cuts.push(share.clamp(0.0, 1.0));
            }
        }
    }

    fn into_pieces(mut self) -> impl Iterator<Item = Piece> {
        self.cuts.sort_unstable_by(f64::total_cmp);
        self.cuts.dedup();
        let Edge { a, b, .. } = *self.edge;
        let cuts = self.cuts;
        let along = self.along;
        (1..cuts.len()).filter_map(move |end| {
            let (from, to) = (*cuts.get(end - 1)?, *cuts.get(end)?);
            let share = from + (to - from) / 2.0;
            let runs = |(first, last, part): &(f64, f64, Part)| {
                (*first <= share && share <= *last).then_some(*part)
            };
            Some(Piece {
                middle: [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])],
                along: along.iter().filter_map(runs).collect(),
            })
        })
    }

    /// Whether `test` says so of a piece.
    fn any(self, budget: &Budget, mut test: impl FnMut(Piece) -> Result<bool>) -> Result<bool> {
        // What one piece costs to make.
        let cost = self.along.len() + 1;
        for piece in self.into_pieces() {
            budget.steps(cost)?;
            if test(piece)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
