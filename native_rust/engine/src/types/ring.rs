//! Whether a ring meets itself, as no ring of a polygon should (OGC Simple Features, 6.1.11).

use super::bbox::Rect;
use super::orientation::{Orientation, side};

/// Positions of the longest ring that is looked at.
pub(crate) const RING_POSITIONS: usize = 10_000;
/// Edges of the longest chain.
const CHAIN: usize = 32;
/// Comparisons for each edge on the average, and for a whole ring besides. Beyond them a ring is not
/// looked at further: many edges lie side by side, and the work would grow with their square.
const COMPARISONS: usize = 8;
const COMPARISONS_OF_RING: usize = 1_024;

type Position = [f64; 2];

/// Looks at one ring after the other, in memory that is kept.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    positions: Vec<Position>,
    chains: Vec<Chain>,
    /// The chains before the one at hand that may still meet it.
    open: Vec<Chain>,
}

/// Successive edges that go on in one direction along either axis, so that none meets
/// another but where they follow each other.
#[derive(Debug, Clone, Copy)]
struct Chain {
    first: usize,
    /// The edge after the last one.
    end: usize,
    area: Rect,
}

impl Rings {
    /// Begin a ring.
    pub(crate) fn begin(&mut self) {
        self.positions.clear();
    }

    /// Add its next position; one that is that before it again makes no edge.
    pub(crate) fn push(&mut self, position: Position) {
        if self.positions.last() != Some(&position) {
            self.positions.push(position);
        }
    }

    /// Where two edges of the ring begin that meet although they are not neighbours, or are
    /// neighbours and lie on each other. Exact. `None` also for a ring that is too long, or where
    /// too many edges lie side by side. Some 10 to 25 ns a position, several
    /// hundred where it gives up.
    pub(crate) fn crossing(&mut self) -> Option<[Position; 2]> {
        let Self {
            positions,
            chains,
            open,
        } = self;
        let edges = positions.len().checked_sub(1)?;
        if positions.len() > RING_POSITIONS || edges < 2 {
            return None;
        }
        let area = chain_up(positions, chains)?;
        let width = area.max[0] - area.min[0];
        let along = |[x, y]: Position| {
            if area.max[1] - area.min[1] > width {
                y
            } else {
                x
            }
        };
        let low = |chain: &Chain| along(chain.area.min);
        chains.sort_unstable_by(|a, b| low(a).total_cmp(&low(b)).then(a.first.cmp(&b.first)));
        open.clear();
        let mut left = edges * COMPARISONS + COMPARISONS_OF_RING;
        for chain in chains.iter() {
            let mut met = None;
            left = left.checked_sub(open.len())?;
            open.retain(|other| {
                if met.is_none() && left > 0 && other.area.intersects(&chain.area) {
                    met = meeting(positions, [other, chain], &mut left);
                }
                along(other.area.max) >= low(chain)
            });
            if let Some((one, other)) = met {
                let begin = |edge| positions.get(edge).copied();
                return Some([begin(one.min(other))?, begin(one.max(other))?]);
            }
            open.push(*chain);
        }
        None
    }
}

/// The chains of a ring, and the box of all of them.
fn chain_up(positions: &[Position], chains: &mut Vec<Chain>) -> Option<Rect> {
    chains.clear();
    let mut all = Rect::point(*positions.first()?);
    let mut chain: Option<Chain> = None;
    // Which ways the chain goes, a bit each: to higher and lower numbers along either axis.
    let mut ways = 0;
    for (number, ends) in positions.windows(2).enumerate() {
        let [from, to] = ends else { continue };
        let ahead = way(from[0], to[0]) | way(from[1], to[1]) << 2;
        let turns = [0b0011, 0b1100]
            .iter()
            .any(|both| (ways | ahead) & both == *both);
        match &mut chain {
            Some(chain) if !turns && number - chain.first < CHAIN => {
                chain.end = number + 1;
                chain.area.extend(&Rect::point(*to));
                ways |= ahead;
            }
            begun => {
                chains.extend(*begun);
                *begun = Some(Chain {
                    first: number,
                    end: number + 1,
                    area: box_of((*from, *to)),
                });
                ways = ahead;
            }
        }
        all.extend(&Rect::point(*to));
    }
    chains.extend(chain);
    Some(all)
}

/// Bit 0 where numbers go up, bit 1 where they go down.
fn way(from: f64, to: f64) -> u8 {
    u8::from(to > from) | u8::from(to < from) << 1
}

/// Edges of two chains that meet. Takes what it compares from `left`.
fn meeting(
    positions: &[Position],
    [a, b]: [&Chain; 2],
    left: &mut usize,
) -> Option<(usize, usize)> {
    let edges = positions.len() - 1;
    for one in a.first..a.end {
        let this = ends(positions, one)?;
        *left = left.saturating_sub(1);
        if !box_of(this).intersects(&b.area) {
            continue;
        }
        *left = left.saturating_sub(b.end - b.first);
        for other in b.first..b.end {
            let that = ends(positions, other)?;
            if box_of(this).intersects(&box_of(that)) && meet(this, that, one, other, edges) {
                return Some((one, other));
            }
        }
    }
    None
}

fn box_of((from, to): (Position, Position)) -> Rect {
    Rect {
        min: [from[0].min(to[0]), from[1].min(to[1])],
        max: [from[0].max(to[0]), from[1].max(to[1])],
    }
}

fn ends(positions: &[Position], edge: usize) -> Option<(Position, Position)> {
    match positions.get(edge..edge + 2) {
        Some([from, to]) => Some((*from, *to)),
        _ => None,
    }
}

/// Whether two edges of a ring whose boxes meet do so themselves, neighbours elsewhere than
/// where they follow each other.
fn meet(
    a: (Position, Position),
    b: (Position, Position),
    a_number: usize,
    b_number: usize,
    edges: usize,
) -> bool {
    let follows = |first: usize, second: usize| (first + 1) % edges == second;
    // A ring of two edges goes there and back again.
    if edges == 2 {
        return true;
    }
    if follows(a_number, b_number) {
        return turns_back(a, b);
    }
    if follows(b_number, a_number) {
        return turns_back(b, a);
    }
    let apart = |(from, to): (Position, Position), other: (Position, Position)| {
        let (first, second) = (side(from, to, other.0), side(from, to, other.1));
        first == second && first != Orientation::Collinear
    };
    !apart(a, b) && !apart(b, a)
}

/// Whether an edge goes back on the one before it.
fn turns_back(before: (Position, Position), edge: (Position, Position)) -> bool {
    let ([ax, ay], [bx, by], [cx, cy]) = (before.0, before.1, edge.1);
    side(before.0, before.1, edge.1) == Orientation::Collinear
        && ((bx - ax) * (cx - bx) < 0.0 || (by - ay) * (cy - by) < 0.0)
}

#[cfg(test)]
mod tests;
