//! How many features were where as of any sequence, kept while they come, move and go, so that
//! few of them have to be looked at to count a large box or to draw a map.

use super::events::{Event, counts_of, ends, events_of, peak_of, place_of};
use super::quarters::{Code, DEPTH, code_of, prefix, quarter};
use super::{ALIVE, SpatialEntry, SpatialIndex};
use crate::mem::ascending::Ascending;
use crate::mem::chunked::Chunked;
use crate::mem::digits::Digits;
use crate::types::Rect;

/// Features that are in a cell at once from which on it is divided. Few in unit tests, which
/// so have many cells.
const DIVIDED: u32 = if cfg!(test) { 4 } else { 128 };
/// The same of places that all have the same features: then nothing helps.
const NEVER: u32 = u32::MAX;
/// Work of looking through one cell, beyond which another way is better.
pub(super) const STUCK: usize = 16_384;
/// Work of finding all versions that ever were in a cell, beyond which it is divided with those
/// that are there.
const HISTORY: usize = 16_384;

/// Counts of versions with a place in a quadtree (R. Finkel and J. Bentley, "Quad Trees",
/// 1974) over the middles of their envelopes. A cell with many is divided.
///
/// Versions began in an order, and ended in one. A cell that is divided knows of those in it
/// which quarter they began in, and which those ended in that did, in these orders. So from how
/// many had begun and ended in a cell by some time follows how many had in each of its quarters
/// (a wavelet tree: R. Grossi, A. Gupta and J. Vitter, "High-order entropy-compressed text
/// indexes", 2003); and in all of it, from the timeline. What began and did not end was there:
/// counts are those as of any sequence.
///
/// Each cell has the bounds of all envelopes that ever were in it, and of their middles. So one
/// whose bounds lie in a box adds its count, and only at the edge of the box versions are looked
/// at: O(sqrt n). Some 5 bytes a version of ten million, and 3 more for one that has ended.
///
/// Invariants:
/// 1. A version is counted in the cells that the code of its middle leads to. Their bounds hold
///    its envelope.
/// 2. A cell knows its quarters from its first version on, or from when there were `known_from`:
///    then those that had ended are in none, and the others began in each before all later ones.
#[derive(Debug)]
pub(in crate::index) struct Tally {
    cells: Chunked<Cell>,
    divisions: Chunked<Division>,
    /// The sequences at which versions without a place began, and at which such ended.
    nowhere: [Ascending; 2],
    /// [`HISTORY`].
    history: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub bounds: Rect,
    pub middles: Rect,
    /// How many versions began in it, and how many of those have ended.
    begun: u32,
    ended: u32,
    /// With how many that are there it is divided.
    most: u32,
    /// The first of the four cells below, which lie next to each other; 0: there are none.
    below: u32,
}

/// Which quarters of a cell its versions began in and ended in.
#[derive(Debug, Default)]
struct Division {
    begun: Digits,
    ended: Digits,
    /// How many versions had begun in the cell, and how many had ended, from which on the
    /// quarters are known; 0: all are.
    known_from: u32,
    skipped: u32,
}

/// A cell, and how many versions had begun in it and ended by some time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub place: u32,
    pub depth: u32,
    /// The quarters that lead to it.
    code: Code,
    begun: u32,
    ended: u32,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            cells: Chunked::default(),
            divisions: Chunked::default(),
            nowhere: Default::default(),
            history: HISTORY,
        }
    }
}

impl Default for Cell {
    fn default() -> Self {
        let none = Rect {
            min: [f64::INFINITY; 2],
            max: [f64::NEG_INFINITY; 2],
        };
        Self {
            bounds: none,
            middles: none,
            begun: 0,
            ended: 0,
            most: DIVIDED,
            below: 0,
        }
    }
}

impl Cell {
    fn take_in(&mut self, rect: &Rect) {
        self.bounds.extend(rect);
        self.middles.extend(&Rect::point(rect.middle()));
    }

    fn current(&self) -> u32 {
        self.begun.saturating_sub(self.ended)
    }
}

impl Division {
    /// Where the quarters stand of the first versions that began and ended in the cell, if
    /// they are known.
    fn known(&self, begun: u32, ended: u32) -> Option<(usize, usize)> {
        let known = self.known_from <= begun && self.skipped <= ended;
        known.then(|| {
            let place = |count: u32| (count - self.skipped) as usize;
            (place(begun), place(ended))
        })
    }
}

/// The index of the division that made these cells.
fn division_of(below: u32) -> usize {
    (below as usize - 1) / 4
}

impl Counted {
    /// How many versions were in the cell.
    pub(super) fn there(&self) -> u64 {
        u64::from(self.begun.saturating_sub(self.ended))
    }

    /// Whether a version is counted in it.
    pub(super) fn holds(&self, rect: &Rect) -> bool {
        prefix(code_of(rect.middle()), self.depth) == self.code
    }
}

impl Tally {
    /// Of these versions, and of the sequences at which others without a place began and
    /// ended. O(n log n).
    pub(in crate::index) fn build<'e>(
        entries: impl Iterator<Item = &'e SpatialEntry> + Clone,
        nowhere: [Ascending; 2],
    ) -> Self {
        let mut tally = Self {
            nowhere,
            ..Self::default()
        };
        tally.cells.push(Cell::default());
        let events = events_of(entries.clone().map(|entry| {
            let code = code_of(entry.rect().middle());
            (code, entry.begin_seq, entry.end_seq)
        }));
        if let Some(cell) = tally.cells.get_mut(0) {
            (cell.begun, cell.ended) = counts_of(&events);
        }
        tally.divide(0, 0, events, Division::default());
        tally.fit(0, 0, 1, entries.map(SpatialEntry::rect));
        tally
    }

    /// Lets cells be divided with all that ever was in them only if that is less work.
    #[cfg(test)]
    pub(in crate::index) fn set_history(&mut self, work: usize) {
        self.history = work;
    }

    /// Counts a version that began at `seq` and that the index has already, with what ended
    /// there.
    pub(in crate::index) fn begin(&mut self, rect: Option<&Rect>, seq: u64, index: &SpatialIndex) {
        let [nowhere, _] = &mut self.nowhere;
        let Some(rect) = rect else {
            return nowhere.push(seq);
        };
        if self.cells.len() == 0 {
            self.cells.push(Cell::default());
        }
        let code = code_of(rect.middle());
        let (mut place, mut depth) = (0, 0);
        while let Some(cell) = self.cells.get_mut(place as usize) {
            cell.take_in(rect);
            cell.begun += 1;
            if cell.below == 0 {
                if cell.current() >= cell.most {
                    self.divide_leaf((place, depth), code, index);
                }
                return;
            }
            let entered = quarter(code, depth);
            let below = cell.below;
            if let Some(division) = self.divisions.get_mut(division_of(below)) {
                division.begun.push(entered);
            }
            (place, depth) = (below + entered, depth + 1);
        }
    }

    /// Counts that a version ended at `seq`.
    pub(in crate::index) fn end(&mut self, rect: Option<&Rect>, seq: u64) {
        let [_, nowhere] = &mut self.nowhere;
        let Some(rect) = rect else {
            return nowhere.push(seq);
        };
        let code = code_of(rect.middle());
        let (mut place, mut depth) = (0, 0);
        while let Some(cell) = self.cells.get_mut(place as usize) {
            cell.ended += 1;
            if cell.below == 0 {
                return;
            }
            let entered = quarter(code, depth);
            let below = cell.below;
            if let Some(division) = self.divisions.get_mut(division_of(below)) {
                division.ended.push(entered);
            }
            (place, depth) = (below + entered, depth + 1);
        }
    }

    /// Divides a cell without quarters, with all versions that ever were in it or, where those
    /// are too many, with those that are there.
    fn divide_leaf(&mut self, (place, depth): (u32, u32), code: Code, index: &SpatialIndex) {
        let Some(&cell) = self.cells.get(place as usize) else {
            return;
        };
        let own = |rect: &Rect| {
            let own = code_of(rect.middle());
            (prefix(own, depth) == prefix(code, depth)).then_some(own)
        };
        let mut versions = Vec::new();
        let all = index.each_ever(&cell.bounds, self.history, |begin_seq, end_seq, rect| {
            if let Some(code) = own(&rect) {
                versions.push((code, begin_seq, end_seq, rect));
            }
        });
        let mut division = Division::default();
        let is_all = all.is_some() && {
            // Some ended before the cell came to be, where that knows only later ones.
            versions.sort_unstable_by_key(|(_, _, end_seq, _)| *end_seq);
            let before = versions.len().saturating_sub(cell.begun as usize);
            versions.drain(..before);
            let ended = versions
                .iter()
                .filter(|(_, _, end_seq, _)| *end_seq < ALIVE);
            versions.len() == cell.begun as usize && ended.count() == cell.ended as usize
        };
        if !is_all {
            versions.clear();
            let now = index.each_touching(&cell.bounds, ALIVE - 1, STUCK, |begin_seq, rect| {
                if let Some(code) = own(&rect) {
                    versions.push((code, begin_seq, ALIVE, rect));
                }
            });
            if now.is_none() || versions.len() != cell.current() as usize {
                // Later, when there are more.
                if let Some(cell) = self.cells.get_mut(place as usize) {
                    cell.most = cell.most.saturating_mul(2);
                }
                return;
            }
            (division.known_from, division.skipped) = (cell.begun, cell.ended);
        }
        let first = self.cells.len();
        let events = events_of(
            versions
                .iter()
                .map(|(code, begin_seq, end_seq, _)| (*code, *begin_seq, *end_seq)),
        );
        self.divide(place, depth, events, division);
        let rects = versions.iter().map(|(_, _, _, rect)| *rect);
        self.fit(place, depth, first, rects);
    }

    /// Divides a cell, of which these are the events in their order, and those that come of
    /// it.
    fn divide(&mut self, place: u32, depth: u32, mut events: Vec<Event>, division: Division) {
        let mut sorted = Vec::new();
        let mut first = Some(division);
        let mut parts = vec![(place, depth, 0..events.len())];
        while let Some((place, depth, range)) = parts.pop() {
            let mut division = first.take().unwrap_or_default();
            let start = range.start;
            let Some(events) = events.get_mut(range) else {
                return;
            };
            let peak = peak_of(events);
            let below = self.cells.len() as u32;
            let Some(cell) = self.cells.get_mut(place as usize) else {
                return;
            };
            if peak < DIVIDED {
                continue;
            }
            let one = events.first().map(place_of);
            if depth == DEPTH || events.iter().all(|event| Some(place_of(event)) == one) {
                let twice = peak.saturating_mul(2);
                cell.most = if twice > STUCK as u32 { NEVER } else { twice };
                continue;
            }
            cell.below = below;
            let entered = |event: &Event| quarter(place_of(event), depth);
            for event in events.iter() {
                match ends(event) {
                    false => division.begun.push(entered(event)),
                    true => division.ended.push(entered(event)),
                }
            }
            self.divisions.push(division);
            sorted.clear();
            for number in 0..4 {
                let from = sorted.len();
                sorted.extend(events.iter().filter(|event| entered(event) == number));
                let own = sorted.get(from..).unwrap_or_default();
                let (begun, ended) = counts_of(own);
                let cell = self.cells.push(Cell {
                    begun,
                    ended,
                    ..Cell::default()
                });
                parts.push((cell as u32, depth + 1, start + from..start + sorted.len()));
            }
            events.copy_from_slice(&sorted);
        }
    }

    /// Gives the cells from number `first` on, all of which are below one, the bounds of these
    /// versions, which are all of it.
    fn fit(&mut self, place: u32, depth: u32, first: usize, rects: impl Iterator<Item = Rect>) {
        for rect in rects {
            let code = code_of(rect.middle());
            let (mut place, mut depth) = (place, depth);
            while let Some(cell) = self.cells.get_mut(place as usize) {
                if cell.below == 0 {
                    cell.take_in(&rect);
                    break;
                }
                (place, depth) = (cell.below + quarter(code, depth), depth + 1);
            }
        }
        // Those below a cell come after it.
        let cells = (first as u32..self.cells.len() as u32).rev();
        for place in cells.chain([place]) {
            let below = self.cells.get(place as usize).map_or(0, |cell| cell.below);
            let numbers = (0..4).filter(|_| below > 0);
            for number in numbers {
                let child = self.cells.get((below + number) as usize).copied();
                if let Some((cell, child)) = self.cells.get_mut(place as usize).zip(child) {
                    cell.bounds.extend(&child.bounds);
                    cell.middles.extend(&child.middles);
                }
            }
        }
    }

    /// All of it, as of a sequence by which so many versions had begun and ended, with and
    /// without a place.
    pub(super) fn all(&self, at: u64, (begun, ended): (usize, usize)) -> Counted {
        let [began, gone] = &self.nowhere;
        Counted {
            place: 0,
            depth: 0,
            code: 0,
            begun: begun.saturating_sub(began.count_until(at)) as u32,
            ended: ended.saturating_sub(gone.count_until(at)) as u32,
        }
    }

    pub(super) fn cell(&self, counted: &Counted) -> Option<&Cell> {
        self.cells.get(counted.place as usize)
    }

    /// The quarters of a cell, if it was divided by then or is known as if it had been. O(1).
    pub(super) fn quarters(&self, counted: &Counted) -> Option<[Counted; 4]> {
        let below = self.cell(counted)?.below;
        if below == 0 {
            return None;
        }
        let division = self.divisions.get(division_of(below))?;
        let (begun, ended) = division.known(counted.begun, counted.ended)?;
        let (begun, ended) = (division.begun.ranks(begun), division.ended.ranks(ended));
        Some([0, 1, 2, 3].map(|number| Counted {
            place: below + number,
            depth: counted.depth + 1,
            code: counted.code << 2 | u64::from(number),
            begun: begun[number as usize],
            ended: ended[number as usize],
        }))
    }
}
