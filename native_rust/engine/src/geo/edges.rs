//! The edges of a shape, found by place.
//!
//! Positions stay in the order of their line or ring, with a [tree of boxes](Packed) over
//! each: 16 bytes for an edge and some 2 for the boxes. A ray through a ring looks at those
//! edges only whose boxes hold its beginning: what lies wholly beyond that is a run of edges
//! whose ends alone say whether it is crossed an odd number of times.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::types::{Orientation, side};

use super::packed::{Below, FAN, Node, Packed, boxes_over, build};
use super::shape::{Position, Shape, envelope};
use crate::budget::Budget;
use crate::error::Result;
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

/// A line, a ring, or all points: a position of which each edge goes on to the next.
#[derive(Debug)]
struct Chain {
    part: GeometryPart,
    /// Its positions.
    first: u32,
    len: u32,
    /// Where the boxes over its edges begin.
    boxes: u32,
    envelope: Rect,
}

impl Chain {
    fn positions(&self) -> Range<usize> {
        let first = self.first as usize;
        first..first + self.len as usize
    }

    /// A lone position of a line is an edge without length, as each point is.
    fn edges(&self) -> usize {
        let len = self.len as usize;
        match self.part {
            GeometryPart::Point => len,
            _ => len.saturating_sub(1).max(len.min(1)),
        }
    }
}

/// All edges of a shape.
#[derive(Debug)]
pub(super) struct Edges {
    positions: Vec<Position>,
    /// Those next to each other in the plane are mostly next to each other here.
    chains: Vec<Chain>,
    over_chains: Vec<Rect>,
    /// Over the edges of each chain.
    boxes: Vec<Rect>,
    twins: Vec<Edge>,
    over_twins: Vec<Rect>,
    /// How many edges there are, but for twins.
    len: usize,
    has_rings: bool,
}

impl Edges {
    /// The edges of `shape`, each in its place. O(n), and O(n log n) in the number of its
    /// points, lines and rings.
    pub(super) fn new(shape: &Shape, twins: impl FnOnce(&Self) -> Vec<Edge>) -> Self {
        let lines = shape.lines.iter().map(|line| (GeometryPart::Line, line));
        let rings = shape.areas.iter().zip(0..).flat_map(|(area, number)| {
            let rings = area.rings.iter().zip(0..);
            rings.map(move |(ring, place)| {
                let part = GeometryPart::Ring {
                    area: number,
                    ring: place,
                };
                (part, ring)
            })
        });
        let mut points = shape.points.clone();
        sort_by_place(&mut points, |p| *p);
        let all_points = (!points.is_empty()).then_some((GeometryPart::Point, &points));
        let parts = lines.chain(rings).chain(all_points);
        let mut parts: Vec<(GeometryPart, &[Position], Rect)> = parts
            .filter_map(|(part, line)| envelope(line).map(|envelope| (part, &line[..], envelope)))
            .collect();
        sort_by_place(&mut parts, |(_, _, Rect { min, max })| {
            [0, 1].map(|axis| min[axis] + (max[axis] - min[axis]) / 2.0)
        });

        let count = parts.iter().map(|(_, positions, _)| positions.len()).sum();
        let mut edges = Self {
            positions: Vec::with_capacity(count),
            chains: Vec::with_capacity(parts.len()),
            over_chains: Vec::with_capacity(boxes_over(parts.len())),
            boxes: Vec::new(),
            twins: Vec::new(),
            over_twins: Vec::new(),
            len: 0,
            has_rings: shape.areas.iter().any(|area| !area.rings.is_empty()),
        };
        for (part, positions, envelope) in parts {
            // Fewer than 2^28 positions make a geometry.
            let start = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
            edges.chains.push(Chain {
                part,
                first: start(edges.positions.len()),
                len: start(positions.len()),
                boxes: 0,
                envelope,
            });
            edges.positions.extend_from_slice(positions);
        }
        let boxes = edges.chains.iter().map(|chain| boxes_over(chain.edges()));
        let mut boxes = Vec::with_capacity(boxes.sum());
        let mut chains = std::mem::take(&mut edges.chains);
        for chain in &mut chains {
            chain.boxes = u32::try_from(boxes.len()).unwrap_or(u32::MAX);
            let envelope = |number: usize| {
                let mut edge = edges.run(chain, number..number + 1);
                edge.next().map(|edge| edge.envelope())
            };
            build(chain.edges(), envelope, &mut boxes);
        }
        let envelope = |number: usize| chains.get(number).map(|chain| chain.envelope);
        build(chains.len(), envelope, &mut edges.over_chains);
        edges.len = chains.iter().map(Chain::edges).sum();
        edges.boxes = boxes;
        edges.chains = chains;
        edges.twins = twins(&edges);
        let twin = |number: usize| edges.twins.get(number).map(Edge::envelope);
        build(edges.twins.len(), twin, &mut edges.over_twins);
        edges
    }

    /// All but twins.
    pub(super) fn iter(&self) -> impl Iterator<Item = Edge> {
        let chains = self.chains.iter();
        chains.flat_map(|chain| self.run(chain, 0..chain.edges()))
    }

    /// How many there are, twins among them.
    pub(super) fn len(&self) -> usize {
        self.len + self.twins.len()
    }

    /// Whether there are areas.
    pub(super) fn has_rings(&self) -> bool {
        self.has_rings
    }

    /// The envelopes of the outer rings of areas.
    pub(super) fn outer_rings(&self) -> impl Iterator<Item = &Rect> {
        let is_outer = |chain: &&Chain| matches!(chain.part, GeometryPart::Ring { ring: 0, .. });
        let outer = self.chains.iter().filter(is_outer);
        outer.map(|chain| &chain.envelope)
    }

    /// A position of each part and ring.
    pub(super) fn starts(&self) -> impl Iterator<Item = Position> {
        self.chains.iter().flat_map(|chain| {
            let positions = self.positions.get(chain.positions()).unwrap_or_default();
            let several = chain.part == GeometryPart::Point;
            let count = if several { positions.len() } else { 1 };
            positions.iter().take(count).copied()
        })
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let rects = self.over_chains.capacity() + self.boxes.capacity();
        self.positions.capacity() * size_of::<Position>()
            + self.chains.capacity() * size_of::<Chain>()
            + (rects + self.over_twins.capacity()) * size_of::<Rect>()
            + self.twins.capacity() * size_of::<Edge>()
    }

    /// Some edges of a chain, by their numbers.
    fn run(&self, chain: &Chain, numbers: Range<usize>) -> impl Iterator<Item = Edge> {
        let positions = self.positions.get(chain.positions()).unwrap_or_default();
        let next = match chain.part {
            _ if chain.len == 1 => numbers.clone(),
            GeometryPart::Point => numbers.clone(),
            _ => numbers.start + 1..numbers.end + 1,
        };
        let from = positions.get(numbers).unwrap_or_default();
        let to = positions.get(next).unwrap_or_default();
        let part = chain.part;
        from.iter().zip(to).map(move |(a, b)| Edge {
            a: *a,
            b: *b,
            part,
            twin: false,
        })
    }

    fn over_chains(&self) -> Packed<'_> {
        Packed::new(&self.over_chains, self.chains.len())
    }

    fn over_edges(&self, chain: &Chain) -> Packed<'_> {
        let boxes = self.boxes.get(chain.boxes as usize..).unwrap_or_default();
        Packed::new(boxes, chain.edges())
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
        let mut enter =
            |envelope: &Rect, _: Range<usize>| Ok(Below::look_if(envelope.intersects(rect)));
        let mut look = |edge: Edge| {
            if !edge.envelope().intersects(rect) {
                return Ok(false);
            }
            budget.step()?;
            found(&edge)
        };
        let tree = self.over_chains();
        let met = tree.walk(tree.root(), budget, &mut enter.clone(), &mut |numbers| {
            for chain in self.chains.get(numbers).unwrap_or_default() {
                if !chain.envelope.intersects(rect) {
                    continue;
                }
                let tree = self.over_edges(chain);
                let mut edges = |numbers| any(self.run(chain, numbers), &mut look);
                if tree.walk(tree.root(), budget, &mut enter.clone(), &mut edges)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        if met || self.twins.is_empty() {
            return Ok(met);
        }
        let tree = Packed::new(&self.over_twins, self.twins.len());
        tree.walk(tree.root(), budget, &mut enter, &mut |numbers| {
            let twins = self.twins.get(numbers).unwrap_or_default();
            any(twins.iter().copied(), &mut look)
        })
    }

    /// Whether the envelope of an edge touches `rect`.
    ///
    /// # Errors
    /// Those of the budget, at its end.
    pub(super) fn touch(&self, rect: &Rect, budget: &Budget) -> Result<bool> {
        self.near(rect, budget, |_| Ok(true))
    }

    /// Calls `run` with boxes of edges, larger ones before those in them, and `edge` with
    /// the edges of those that it wants looked at, all but twins, until one of both stops.
    /// Returns whether one has.
    ///
    /// # Errors
    /// Those of both and of the budget, at once.
    pub(super) fn each_run(
        &self,
        budget: &Budget,
        mut run: impl FnMut(&Rect) -> Result<Below>,
        mut edge: impl FnMut(&Edge) -> Result<bool>,
    ) -> Result<bool> {
        for chain in &self.chains {
            budget.step()?;
            match run(&chain.envelope)? {
                Below::Look => {}
                Below::Pass => continue,
                Below::Stop => return Ok(true),
            }
            let tree = self.over_edges(chain);
            let mut enter = |rect: &Rect, _: Range<usize>| run(rect);
            let mut look = |numbers| any(self.run(chain, numbers), |one| edge(&one));
            if tree.walk(tree.root(), budget, &mut enter, &mut look)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes along a ray from `p` eastwards, ring by ring: gives each that may have `p`
    /// inside, or on it, to `ring`, with its area, its number, and what the ray met of it.
    /// Rings are closed, so one that lies wholly to the east is crossed as often there as
    /// back. O(log n) where few boxes hold `p`.
    ///
    /// # Errors
    /// Those of the budget, at once.
    pub(super) fn along_ray<R: Ray>(
        &self,
        p: Position,
        budget: &Budget,
        begin: impl Fn() -> R,
        mut ring: impl FnMut((u32, u32), R),
    ) -> Result<()> {
        let here = Rect::point(p);
        let mut enter =
            |envelope: &Rect, _: Range<usize>| Ok(Below::look_if(envelope.contains(&here)));
        let tree = self.over_chains();
        tree.walk(tree.root(), budget, &mut enter, &mut |numbers| {
            for chain in self.chains.get(numbers).unwrap_or_default() {
                let GeometryPart::Ring { area, ring: number } = chain.part else {
                    continue;
                };
                if chain.envelope.contains(&here) {
                    let mut ray = begin();
                    let tree = self.over_edges(chain);
                    self.along_edges(chain, (&tree, tree.root()), p, budget, &mut ray)?;
                    ring((area, number), ray);
                }
            }
            Ok(false)
        })?;
        Ok(())
    }

    fn along_edges<R: Ray>(
        &self,
        chain: &Chain,
        (tree, node): (&Packed<'_>, Node),
        p: Position,
        budget: &Budget,
        ray: &mut R,
    ) -> Result<()> {
        budget.step()?;
        if node.level == 0 {
            for edge in self.run(chain, tree.items(node)) {
                let Edge { a, b, .. } = edge;
                if (a[1] < p[1] && b[1] < p[1])
                    || (p[1] < a[1] && p[1] < b[1])
                    || (a[0] < p[0] && b[0] < p[0])
                {
                    continue;
                }
                match p[0] < a[0] && p[0] < b[0] {
                    true => ray.beyond(a, b),
                    false => ray.beside(&edge),
                }
            }
            return Ok(());
        }
        let positions = self.positions.get(chain.positions()).unwrap_or_default();
        for (below, &Rect { min, max }) in tree.below(node) {
            if p[1] < min[1] || max[1] < p[1] || max[0] < p[0] {
                continue;
            }
            if min[0] <= p[0] {
                self.along_edges(chain, (tree, below), p, budget, ray)?;
                continue;
            }
            let numbers = tree.items(below);
            if let (Some(a), Some(b)) = (positions.get(numbers.start), positions.get(numbers.end)) {
                ray.beyond(*a, *b);
            }
        }
        Ok(())
    }

    /// The least that `distance` says of an edge, which is told the edge and the least
    /// until then, and says that where the edge is no nearer; infinity where there is no
    /// edge. `bound` is no more than that of any edge in a box, nor is what `closer` says,
    /// which takes longer: it is told the box and that bound. Twins count for nothing.
    ///
    /// # Errors
    /// Those of the budget, at once.
    pub(super) fn least(
        &self,
        budget: &Budget,
        (bound, closer): (impl Fn(&Rect) -> f64, impl Fn(&Rect, f64) -> f64),
        mut distance: impl FnMut(&Edge, f64) -> f64,
    ) -> Result<f64> {
        let mut best = f64::INFINITY;
        let mut queue = BinaryHeap::new();
        let push = |queue: &mut BinaryHeap<Nearest>, best: f64, rect: &Rect, what: What| {
            let bound = bound(rect);
            if bound < best {
                let rect = *rect;
                queue.push(Nearest { bound, rect, what });
            }
        };
        let chains = self.over_chains();
        // Looked at first, and then there is nothing yet that it could be too far for.
        queue.push(Nearest {
            bound: 0.0,
            rect: Rect::point([0.0, 0.0]),
            what: What::Chains(chains.root()),
        });
        while let Some(Nearest { bound, rect, what }) = queue.pop() {
            if bound >= best {
                break;
            }
            budget.step()?;
            if best.is_finite() && closer(&rect, bound) >= best {
                continue;
            }
            match what {
                What::Chains(node) if node.level > 0 => {
                    for (below, rect) in chains.below(node) {
                        push(&mut queue, best, rect, What::Chains(below));
                    }
                }
                What::Chains(node) => {
                    for number in chains.items(node) {
                        if let Some(chain) = self.chains.get(number) {
                            let root = self.over_edges(chain).root();
                            push(&mut queue, best, &chain.envelope, What::Edges(number, root));
                        }
                    }
                }
                What::Edges(number, node) => {
                    let Some(chain) = self.chains.get(number) else {
                        continue;
                    };
                    let tree = self.over_edges(chain);
                    if node.level > 0 {
                        for (below, rect) in tree.below(node) {
                            push(&mut queue, best, rect, What::Edges(number, below));
                        }
                        continue;
                    }
                    for edge in self.run(chain, tree.items(node)) {
                        push(&mut queue, best, &edge.envelope(), What::Edge(edge));
                    }
                }
                What::Edge(edge) => best = distance(&edge, best),
            }
        }
        Ok(best)
    }
}

/// What a ray meets of a ring.
pub(super) trait Ray {
    /// Edges from one position to another that lie wholly to the east of its beginning.
    fn beyond(&mut self, from: Position, to: Position);

    /// An edge whose envelope has its beginning.
    fn beside(&mut self, edge: &Edge);
}

/// What may have the nearest edge, and no nearer one than the bound.
#[derive(Debug)]
struct Nearest {
    bound: f64,
    rect: Rect,
    what: What,
}

#[derive(Debug)]
enum What {
    Chains(Node),
    /// Of a chain.
    Edges(usize, Node),
    Edge(Edge),
}

/// The least bound is the greatest, and comes out first.
impl Ord for Nearest {
    fn cmp(&self, other: &Self) -> Ordering {
        other.bound.total_cmp(&self.bound)
    }
}

impl PartialOrd for Nearest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Nearest {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Nearest {}

/// Calls `found` until it says true, and returns whether it did.
fn any(
    edges: impl Iterator<Item = Edge>,
    mut found: impl FnMut(Edge) -> Result<bool>,
) -> Result<bool> {
    for edge in edges {
        if found(edge)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts what is many next to what lies near it: along a curve that goes through the quarters
/// of the plane one after the other, and through those of each in the same way (G. M. Morton,
/// 1966).
fn sort_by_place<T>(items: &mut [T], place: impl Fn(&T) -> Position) {
    if items.len() <= FAN {
        return;
    }
    // Every other bit.
    let spread = |degrees: f64, bound: f64| {
        let share = (degrees + bound) / (2.0 * bound);
        let mut bits = (share * f64::from(u32::MAX)) as u64;
        for (shift, mask) in [
            (16, 0x0000_ffff_0000_ffff),
            (8, 0x00ff_00ff_00ff_00ff),
            (4, 0x0f0f_0f0f_0f0f_0f0f),
            (2, 0x3333_3333_3333_3333),
            (1, 0x5555_5555_5555_5555),
        ] {
            bits = (bits | bits << shift) & mask;
        }
        bits
    };
    items.sort_by_cached_key(|item| {
        let [lon, lat] = place(item);
        spread(lon, 180.0) | spread(lat, 90.0) << 1
    });
}
