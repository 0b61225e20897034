//! How geometries lie to each other, decided by looking everywhere, in fractions: what
//! the shapes are compared with. Coordinates are small integers; polygons may be
//! anything, by the even-odd rule.

use std::collections::BTreeSet;

type Int = i128;
pub(super) type Place = [Int; 2];

/// Points, lines and polygons, whose union it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Figure {
    pub points: Vec<Place>,
    pub lines: Vec<Vec<Place>>,
    pub areas: Vec<Vec<Vec<Place>>>,
}

/// A position with rational coordinates: `x / w` and `y / w`, with `w > 0`.
#[derive(Debug, Clone, Copy)]
struct Point {
    x: Int,
    y: Int,
    w: Int,
}

/// A fraction, reduced, its denominator positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fraction(Int, Int);

fn divisor(a: Int, b: Int) -> Int {
    if b == 0 { a.abs() } else { divisor(b, a % b) }
}

impl Fraction {
    fn new(n: Int, d: Int) -> Self {
        let by = divisor(n, d) * d.signum();
        Self(n / by, d / by)
    }

    fn half_way(self, other: Self) -> Self {
        Self::new(self.0 * other.1 + other.0 * self.1, 2 * self.1 * other.1)
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0 * other.1).cmp(&(other.0 * self.1))
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Point {
    fn at([x, y]: Place) -> Self {
        Self { x, y, w: 1 }
    }

    fn of(x: Fraction, y: Fraction) -> Self {
        let w = x.1 / divisor(x.1, y.1) * y.1;
        Self {
            x: x.0 * (w / x.1),
            y: y.0 * (w / y.1),
            w,
        }
    }

    /// A share of the way from `a` to `b`.
    fn along([a, b]: Edge, share: Fraction) -> Self {
        let on =
            |axis: usize| Fraction::new(a[axis] * share.1 + (b[axis] - a[axis]) * share.0, share.1);
        Self::of(on(0), on(1))
    }

    /// A little farther towards `to`, and much less to one side.
    fn beside(self, [dx, dy]: Place, left: Int) -> Self {
        let scale = 1 << 34;
        let w = self.w << 34;
        // The step is at most 2^-29 long, that to the side a thousandth of it.
        let (w, scale) = (w << 10, scale << 10);
        Self {
            x: self.x * scale + self.w * (dx * 1024 - left * dy),
            y: self.y * scale + self.w * (dy * 1024 + left * dx),
            w,
        }
    }
}

type Edge = [Place; 2];

fn cross(a: Place, b: Place) -> Int {
    a[0] * b[1] - a[1] * b[0]
}

fn minus(a: Place, b: Place) -> Place {
    [a[0] - b[0], a[1] - b[1]]
}

/// Positive on the left of the edge, zero on its line.
fn side([a, b]: Edge, p: Point) -> Int {
    let d = minus(b, a);
    (d[0] * (p.y - a[1] * p.w) - d[1] * (p.x - a[0] * p.w)).signum()
}

fn holds(edge @ [a, b]: Edge, p: Point) -> bool {
    let between = |axis: usize, at: Int| {
        let (low, high) = (a[axis].min(b[axis]), a[axis].max(b[axis]));
        low * p.w <= at && at <= high * p.w
    };
    side(edge, p) == 0 && between(0, p.x) && between(1, p.y)
}

fn edges(line: &[Place]) -> Vec<Edge> {
    match line {
        [only] => vec![[*only, *only]],
        _ => line.windows(2).map(|pair| [pair[0], pair[1]]).collect(),
    }
}

/// Shares of `edge` at which others meet it, its own ends among them.
fn cuts(edge @ [a, b]: Edge, others: &[Edge]) -> BTreeSet<Fraction> {
    let mut cuts = BTreeSet::from([Fraction(0, 1), Fraction(1, 1)]);
    let d = minus(b, a);
    let axis = usize::from(d[1].abs() > d[0].abs());
    for other @ [c, e] in others {
        for end in [c, e] {
            if a != b && holds(edge, Point::at(*end)) {
                cuts.insert(Fraction::new(end[axis] - a[axis], d[axis]));
            }
        }
        let f = minus(*e, *c);
        let below = cross(d, f);
        if below != 0 {
            let share = Fraction::new(cross(minus(*c, a), f), below);
            if Fraction(0, 1) <= share
                && share <= Fraction(1, 1)
                && holds(*other, Point::along(edge, share))
            {
                cuts.insert(share);
            }
        }
    }
    cuts
}

/// The middles of the pieces between cuts.
fn middles(cuts: &BTreeSet<Fraction>) -> Vec<Fraction> {
    let cuts: Vec<_> = cuts.iter().copied().collect();
    cuts.windows(2)
        .map(|pair| pair[0].half_way(pair[1]))
        .collect()
}

impl Figure {
    fn ring_edges(&self) -> Vec<Edge> {
        let rings = self.areas.iter().flatten();
        rings.flat_map(|ring| edges(ring)).collect()
    }

    fn line_edges(&self) -> Vec<Edge> {
        self.lines.iter().flat_map(|line| edges(line)).collect()
    }

    fn all_edges(&self) -> Vec<Edge> {
        let points = self.points.iter().map(|p| [*p, *p]);
        let mut all: Vec<Edge> = self.ring_edges();
        all.extend(self.line_edges());
        all.extend(points);
        all
    }

    /// Whether a position that is on no ring is inside of an area.
    fn is_inside(&self, p: Point) -> bool {
        let odd = |ring: &Vec<Place>| {
            let crossed = |edge @ [a, b]: &Edge| {
                let above = |end: Place| end[1] * p.w > p.y;
                above(*a) != above(*b) && (side(*edge, p) > 0) == above(*b)
            };
            edges(ring).iter().filter(|edge| crossed(edge)).count() % 2 == 1
        };
        let mut areas = self.areas.iter();
        areas.any(|rings| odd(&rings[0]) && !rings[1..].iter().any(odd))
    }

    fn is_on_ring(&self, p: Point) -> bool {
        self.ring_edges().into_iter().any(|edge| holds(edge, p))
    }

    fn is_on_line(&self, p: Point) -> bool {
        self.line_edges().into_iter().any(|edge| holds(edge, p))
    }

    fn has(&self, p: Point) -> bool {
        self.is_on_ring(p)
            || self.areas_have_off_rings(p)
            || self.is_on_line(p)
            || self.points.iter().any(|q| holds([*q, *q], p))
    }

    /// An area may hold what lies on the ring of another.
    fn areas_have_off_rings(&self, p: Point) -> bool {
        self.areas.iter().any(|rings| {
            let alone = Self {
                areas: vec![rings.clone()],
                ..Self::default()
            };
            !alone.is_on_ring(p) && alone.is_inside(p)
        })
    }

    /// Whether a position that the figure has is in its interior.
    fn is_interior(&self, p: Point) -> bool {
        if self.is_on_ring(p) {
            let through = self.ring_edges().into_iter().filter(|edge| holds(*edge, p));
            let mut ways = through.flat_map(|[a, b]| [minus(a, b), minus(b, a)]);
            // Towards both ends of each edge, where there is one: beyond its end there is
            // ground as well, and looking there does no harm.
            return ways.all(|way| {
                way == [0, 0]
                    || [1, -1].into_iter().all(|left| {
                        let near = p.beside(way, left);
                        self.is_inside(near)
                    })
            });
        }
        if self.is_inside(p) {
            return true;
        }
        if self.is_on_line(p) {
            let lines = self.lines.iter().filter(|line| !line.is_empty());
            let ends = lines.flat_map(|line| [line[0], line[line.len() - 1]]);
            return ends.filter(|end| holds([*end, *end], p)).count() % 2 == 0;
        }
        true
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.all_edges(), other.all_edges());
        let ends = |edges: &[Edge]| {
            edges
                .iter()
                .flatten()
                .copied()
                .map(Point::at)
                .collect::<Vec<_>>()
        };
        ends(&ours).into_iter().any(|p| other.has(p))
            || ends(&theirs).into_iter().any(|p| self.has(p))
            || ours.iter().any(|edge| {
                theirs.iter().any(|other| {
                    let apart = |[a, b]: &Edge, of: &Edge| {
                        side(*of, Point::at(*a)) * side(*of, Point::at(*b)) >= 0
                    };
                    !apart(edge, other) && !apart(other, edge)
                })
            })
    }

    /// Whether all of this belongs to `other`, and their interiors meet.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let theirs = other.all_edges();
        let mut meet = false;
        for edge @ [a, b] in self.all_edges() {
            let mut places = vec![Point::at(a), Point::at(b)];
            let mut inner = Vec::new();
            if a == b {
                inner.push(Point::at(a));
            } else {
                let cuts = cuts(edge, &theirs);
                places.extend(cuts.iter().map(|cut| Point::along(edge, *cut)));
                inner.extend(
                    middles(&cuts)
                        .into_iter()
                        .map(|cut| Point::along(edge, cut)),
                );
            }
            if !places.iter().chain(&inner).all(|p| other.has(*p)) {
                return false;
            }
            meet |= inner.into_iter().any(|p| other.is_interior(p));
        }
        // A place in every face of both together.
        let all = [self.ring_edges(), other.ring_edges()].concat();
        let mut columns = BTreeSet::new();
        for edge @ [a, b] in &all {
            for cut in cuts(*edge, &all) {
                if a != b {
                    let p = Point::along(*edge, cut);
                    columns.insert(Fraction::new(p.x, p.w));
                }
            }
        }
        for x in middles(&columns) {
            let heights: BTreeSet<Fraction> = all
                .iter()
                .filter(|[a, b]| {
                    let before = |end: &Place| Fraction(end[0], 1) < x;
                    before(a) != before(b)
                })
                .map(|[a, b]| {
                    let d = minus(*b, *a);
                    // a.y + d.y (x - a.x) / d.x
                    let n = a[1] * d[0] * x.1 + d[1] * (x.0 - a[0] * x.1);
                    Fraction::new(n, d[0] * x.1)
                })
                .collect();
            for y in middles(&heights) {
                let p = Point::of(x, y);
                if self.is_inside(p) {
                    if !other.is_inside(p) {
                        return false;
                    }
                    meet = true;
                }
            }
        }
        meet
    }
}
