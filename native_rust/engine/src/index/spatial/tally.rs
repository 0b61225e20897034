//! How many features are where, kept while they come, move and go, so that few of them have to
//! be looked at to count a large box.

use super::{ALIVE, Placed, SpatialEntry, SpatialIndex};
use crate::mem::chunked::Chunked;
use crate::types::Rect;

/// Features of a cell from which on it is divided. Few in unit tests, which so have many cells.
const DIVIDED: u32 = if cfg!(test) { 4 } else { 512 };
/// The same of places that all have the same features: then nothing helps.
const NEVER: u32 = u32::MAX;
/// How often a cell is divided at most: those that are left are a micrometre wide.
const DEPTH: u32 = 44;
/// Work of looking through one cell, beyond which another way is better, and of one step.
const STUCK: usize = 16_384;
const STEP: usize = if cfg!(test) { 7 } else { 2_048 };

/// Counts of current versions with a place in a quadtree (R. Finkel and J. Bentley, "Quad
/// Trees", 1974) over the lower corners of their envelopes. A cell with many is divided. Each
/// has the bounds of all envelopes that ever were in it, so a cell whose bounds lie in a box
/// adds its count, and only at the edge of the box versions are looked at: O(sqrt n). Less
/// than a byte a feature.
///
/// A count is that of now: it holds as of a sequence if the last change of the cell is not
/// after that. Where it is, the versions of the cell are looked at.
///
/// Invariants:
/// 1. Every version that was current at `since` or began later is counted, until it ends, in
///    the cells that its lower corner lies in, whose bounds hold its envelope.
/// 2. The same of the cells below a cell and `divided`, when they were made.
#[derive(Debug, Default)]
pub(in crate::index) struct Tally {
    cells: Chunked<Cell>,
    since: u64,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    bounds: Rect,
    count: u32,
    /// With how many it is divided.
    most: u32,
    /// The last block that changed it.
    changed: u64,
    /// The first of the four cells below, which lie next to each other; 0: there are none.
    below: u32,
    /// The last block before there were.
    divided: u64,
}

/// What is left to do of counting the versions that touch one of some pieces and are visible
/// at a sequence.
#[derive(Debug)]
pub(crate) struct CountWalk {
    pieces: Vec<Rect>,
    at: u64,
    /// Pieces and cells.
    tasks: Vec<(usize, u32)>,
    /// Versions counted, all of which lie in a piece.
    pub(crate) counted: u64,
    spent: usize,
}

/// How a step of counting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountStep {
    /// There is more to do.
    More,
    /// That was all.
    Done,
    /// It costs as much as looking at all of them, or it was too long ago: that is to be
    /// done.
    GivenUp,
}

impl CountWalk {
    /// One that has not begun.
    pub(crate) fn new(pieces: &[Rect], at: u64) -> Self {
        Self {
            pieces: pieces.to_vec(),
            at,
            tasks: (0..pieces.len()).map(|piece| (piece, 0)).collect(),
            counted: 0,
            spent: 0,
        }
    }
}

/// A quarter of a quarter of the plane of longitude and latitude; those at the edge go on
/// beyond it.
#[derive(Clone, Copy)]
struct Square {
    min: [f64; 2],
    max: [f64; 2],
}

const ALL: Square = Square {
    min: [-180.0, -90.0],
    max: [180.0, 90.0],
};

impl Square {
    fn middle(&self, axis: usize) -> f64 {
        self.min[axis] + (self.max[axis] - self.min[axis]) / 2.0
    }

    /// Becomes the quarter that a corner lies in, and returns its number.
    fn enter(&mut self, corner: [f64; 2]) -> u32 {
        let high = [0, 1].map(|axis| corner[axis] >= self.middle(axis));
        *self = self.quarter(high);
        u32::from(high[0]) + 2 * u32::from(high[1])
    }

    fn quarter(mut self, high: [bool; 2]) -> Self {
        for (axis, high) in high.into_iter().enumerate() {
            let middle = self.middle(axis);
            match high {
                true => self.min[axis] = middle,
                false => self.max[axis] = middle,
            }
        }
        self
    }
}

impl Cell {
    fn of(entries: &[SpatialEntry], changed: u64) -> Self {
        let mut cell = Self {
            bounds: Rect {
                min: [f64::INFINITY; 2],
                max: [f64::NEG_INFINITY; 2],
            },
            count: entries.len() as u32,
            most: DIVIDED,
            changed,
            below: 0,
            divided: 0,
        };
        entries.iter().for_each(|entry| cell.widen(&entry.rect()));
        cell
    }

    fn widen(&mut self, rect: &Rect) {
        for axis in [0, 1] {
            self.bounds.min[axis] = self.bounds.min[axis].min(rect.min[axis]);
            self.bounds.max[axis] = self.bounds.max[axis].max(rect.max[axis]);
        }
    }
}

impl Tally {
    /// Of these current versions, which it puts in another order, as of all blocks up to
    /// `since`. O(n log n).
    pub(in crate::index) fn build(current: &mut [SpatialEntry], since: u64) -> Self {
        let mut tally = Self {
            cells: Chunked::default(),
            since,
        };
        tally.cells.push(Cell::of(current, since));
        tally.divide(0, (ALL, 0), current, since);
        tally
    }

    /// Divides a cell, which has these versions, and those that come of it.
    fn divide(&mut self, cell: u32, square: (Square, u32), entries: &mut [SpatialEntry], seq: u64) {
        let mut parts = vec![(cell, square, entries)];
        while let Some((cell, (square, depth), entries)) = parts.pop() {
            let below = self.cells.len() as u32;
            let Some(divided) = self.cells.get_mut(cell as usize) else {
                return;
            };
            if divided.count < DIVIDED {
                continue;
            }
            let corner = entries.first().map(|entry| entry.rect().min);
            let alike = |entry: &SpatialEntry| Some(entry.rect().min) == corner;
            if depth == DEPTH || entries.iter().all(alike) {
                let twice = divided.count.saturating_mul(2);
                divided.most = if twice > STUCK as u32 { NEVER } else { twice };
                continue;
            }
            (divided.below, divided.divided) = (below, seq);
            let changed = divided.changed;
            let is_low = |axis: usize| {
                let middle = square.middle(axis);
                move |entry: &SpatialEntry| entry.rect().min[axis] < middle
            };
            let south = partition(entries, is_low(1));
            let (south, north) = entries.split_at_mut(south);
            for (half, high) in [(south, false), (north, true)] {
                let west = partition(half, is_low(0));
                let (west, east) = half.split_at_mut(west);
                for (quarter, east) in [(west, false), (east, true)] {
                    let number = self.cells.push(Cell::of(quarter, changed));
                    let square = (square.quarter([east, high]), depth + 1);
                    parts.push((number as u32, square, quarter));
                }
            }
        }
    }

    /// Counts a version that began at `seq` and that the index has already, with what was
    /// superseded there.
    pub(in crate::index) fn add(&mut self, rect: &Rect, seq: u64, index: &SpatialIndex) {
        if self.cells.len() == 0 {
            self.cells.push(Cell::of(&[], 0));
        }
        let (mut square, mut depth, mut place) = (ALL, 0, 0_u32);
        loop {
            let Some(cell) = self.cells.get_mut(place as usize) else {
                return;
            };
            cell.widen(rect);
            cell.count += 1;
            cell.changed = seq;
            if cell.below == 0 {
                break;
            }
            place = cell.below + square.enter(rect.min);
            depth += 1;
        }
        let Some(cell) = self.cells.get(place as usize).copied() else {
            return;
        };
        if cell.count < cell.most {
            return;
        }
        let mut entries = Vec::with_capacity(cell.count as usize);
        let found = index.each_touching(&cell.bounds, ALIVE - 1, STUCK, |begin_seq, rect| {
            if self.holds(place, rect.min) {
                entries.push(SpatialEntry::new(rect, begin_seq, ALIVE));
            }
        });
        match found {
            Some(_) if entries.len() == cell.count as usize => {
                self.divide(place, (square, depth), &mut entries, seq);
            }
            // Later, when there are more.
            _ => {
                if let Some(cell) = self.cells.get_mut(place as usize) {
                    cell.most = cell.most.saturating_mul(2);
                }
            }
        }
    }

    /// Counts a version no longer that ended at `seq`.
    pub(in crate::index) fn remove(&mut self, rect: &Rect, seq: u64) {
        let (mut square, mut place) = (ALL, 0_u32);
        while let Some(cell) = self.cells.get_mut(place as usize) {
            cell.count = cell.count.saturating_sub(1);
            cell.changed = seq;
            if cell.below == 0 {
                return;
            }
            place = cell.below + square.enter(rect.min);
        }
    }

    /// Whether a corner lies in a cell.
    fn holds(&self, cell: u32, corner: [f64; 2]) -> bool {
        let (mut square, mut place) = (ALL, 0_u32);
        while place != cell {
            match self.cells.get(place as usize) {
                Some(above) if above.below > 0 => place = above.below + square.enter(corner),
                _ => return false,
            }
        }
        true
    }

    /// Does the next step of counting: adds to `walk` what is counted, and appends to `found`
    /// what has to be looked at. All steps together have each version once, whatever is
    /// written in between. Gives up with more than `most` work.
    pub(in crate::index) fn step(
        &self,
        index: &SpatialIndex,
        walk: &mut CountWalk,
        most: usize,
        found: &mut Vec<Placed>,
    ) -> CountStep {
        if walk.at < self.since {
            return CountStep::GivenUp;
        }
        let until = walk.spent.saturating_add(STEP);
        while walk.spent < until {
            let Some((piece, place)) = walk.tasks.pop() else {
                return CountStep::Done;
            };
            walk.spent += 1;
            let (before, rest) = walk.pieces.split_at(piece);
            let (Some(rect), Some(cell)) = (rest.first(), self.cells.get(place as usize)) else {
                continue;
            };
            let unchanged = cell.changed <= walk.at;
            if unchanged && cell.count == 0 || !rect.intersects(&cell.bounds) {
                continue;
            }
            let alone = !before.iter().any(|piece| piece.intersects(&cell.bounds));
            if unchanged && alone && rect.contains(&cell.bounds) {
                walk.counted += u64::from(cell.count);
                continue;
            }
            if cell.below > 0 && cell.divided <= walk.at {
                walk.tasks.extend((0..4).map(|n| (piece, cell.below + n)));
                continue;
            }
            let region = Rect {
                min: [0, 1].map(|axis| rect.min[axis].max(cell.bounds.min[axis])),
                max: [0, 1].map(|axis| rect.max[axis].min(cell.bounds.max[axis])),
            };
            let work = index.each_touching(&region, walk.at, STUCK, |seq, rect| {
                if self.holds(place, rect.min) && !before.iter().any(|p| p.intersects(&rect)) {
                    found.push(Placed { seq, rect });
                }
            });
            match work {
                Some(work) if walk.spent + work <= most => walk.spent += work,
                _ => return CountStep::GivenUp,
            }
        }
        match walk.tasks.is_empty() {
            true => CountStep::Done,
            false => CountStep::More,
        }
    }
}

/// Puts the entries of which something holds before all others, and returns how many those
/// are.
fn partition(entries: &mut [SpatialEntry], holds: impl Fn(&SpatialEntry) -> bool) -> usize {
    let mut count = 0;
    for place in 0..entries.len() {
        if entries.get(place).is_some_and(&holds) {
            entries.swap(place, count);
            count += 1;
        }
    }
    count
}
