//! The edges of a shape, found by place.

use std::ops::ControlFlow;

use crate::types::{Orientation, side};
use rstar::{AABB, RTree, RTreeObject};

use super::shape::{Position, Shape};
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::types::Rect;

/// What an edge is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GeometryPart {
    /// A point: the edge has no length.
    Point,
    Line,
    /// Ring `ring` of area `area`; ring 0 is the outer one.
    Ring {
        area: u32,
        ring: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub a: Position,
    pub b: Position,
    pub part: GeometryPart,
    /// The other spelling of an edge on a seam of the plane. It belongs to the
    /// shape like any edge, but does not bound its areas.
    pub twin: bool,
}

impl Edge {
    pub(super) fn envelope(&self) -> Rect {
        let mut envelope = Rect::point(self.a);
        envelope.extend(&Rect::point(self.b));
        envelope
    }

    /// Whether the two have a position in common. Exact.
    pub(super) fn meets(&self, other: &Self) -> bool {
        if !self.envelope().intersects(&other.envelope()) {
            return false;
        }
        let sides = |of: &Self, from: &Self| {
            let first = side(from.a, from.b, of.a);
            let second = side(from.a, from.b, of.b);
            first == second && first != Orientation::Collinear
        };
        !sides(self, other) && !sides(other, self)
    }

    /// Whether the position lies on it. Exact.
    pub(super) fn holds(&self, p: Position) -> bool {
        self.envelope().contains(&Rect::point(p))
            && side(self.a, self.b, p) == Orientation::Collinear
    }
}

/// All edges of a shape; with a tree over them when they are many.
#[derive(Debug)]
pub(super) struct Edges {
    list: Vec<Edge>,
    tree: Option<RTree<Placed>>,
}

/// An edge of the list by its number.
#[derive(Debug)]
struct Placed {
    envelope: AABB<Position>,
    number: u32,
}

impl RTreeObject for Placed {
    type Envelope = AABB<Position>;

    fn envelope(&self) -> Self::Envelope {
        self.envelope
    }
}

impl Edges {
    /// The edges of `shape`; O(n log n).
    pub(super) fn new(shape: &Shape, twins: impl FnOnce(&[Edge]) -> Vec<Edge>) -> Self {
        /// Up to here a scan is as quick as the tree.
        const FEW: usize = 32;
        let mut list = Vec::new();
        let point = |p: &Position| Edge {
            a: *p,
            b: *p,
            part: GeometryPart::Point,
            twin: false,
        };
        list.extend(shape.points.iter().map(point));
        for line in &shape.lines {
            push(line, GeometryPart::Line, &mut list);
        }
        for (area, number) in shape.areas.iter().zip(0..) {
            for (ring, place) in area.rings.iter().zip(0..) {
                let part = GeometryPart::Ring {
                    area: number,
                    ring: place,
                };
                push(ring, part, &mut list);
            }
        }
        let other = twins(&list);
        list.extend(other);
        let placed = |(edge, number): (&Edge, u32)| {
            let Rect { min, max } = edge.envelope();
            Placed {
                envelope: AABB::from_corners(min, max),
                number,
            }
        };
        let tree = (list.len() > FEW)
            .then(|| RTree::bulk_load(list.iter().zip(0..).map(placed).collect()));
        Self { list, tree }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Edge> {
        self.list.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Calls `found` with each edge whose envelope touches `rect` until it says true,
    /// and returns whether it did.
    ///
    /// # Errors
    /// Those of `found` and of the budget, at once.
    pub(super) fn near(
        &self,
        rect: &Rect,
        budget: &Budget,
        mut found: impl FnMut(&Edge) -> Result<bool>,
    ) -> Result<bool> {
        let mut look = |edge: &Edge| -> ControlFlow<Result<(), Error>> {
            match budget.step().and_then(|()| found(edge)) {
                Ok(false) => ControlFlow::Continue(()),
                Ok(true) => ControlFlow::Break(Ok(())),
                Err(error) => ControlFlow::Break(Err(error)),
            }
        };
        let walk = match &self.tree {
            None => {
                let mut list = self.list.iter();
                list.by_ref()
                    .filter(|edge| rect.intersects(&edge.envelope()))
                    .try_for_each(look)
            }
            Some(tree) => {
                let envelope = AABB::from_corners(rect.min, rect.max);
                tree.locate_in_envelope_intersecting_int(envelope, |placed| {
                    match self.list.get(placed.number as usize) {
                        Some(edge) => look(edge),
                        None => ControlFlow::Continue(()),
                    }
                })
            }
        };
        match walk {
            ControlFlow::Continue(()) => Ok(false),
            ControlFlow::Break(stopped) => stopped.map(|()| true),
        }
    }
}

/// The edges of one line or ring; a lone position is an edge without length.
fn push(line: &[Position], part: GeometryPart, list: &mut Vec<Edge>) {
    let edge = |a: Position, b: Position| Edge {
        a,
        b,
        part,
        twin: false,
    };
    if let [only] = line {
        list.push(edge(*only, *only));
    }
    for pair in line.windows(2) {
        if let [a, b] = pair {
            list.push(edge(*a, *b));
        }
    }
}
