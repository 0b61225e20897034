//! A run of consecutive points of a series, in columns.

use std::ops::Range;

use smallvec::SmallVec;

use super::filter::{Bounds, Filter};
use super::lives::{Life, Lives, end_seq, revivals};
use super::summary::CachedSummary;
use crate::types::exact::{Accumulator, Sum};
use crate::types::{Counted, ValueFilter};

/// Most points a chunk holds.
pub(super) const CAPACITY: usize = 1_024;

/// Where a point was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointRef {
    /// Sequence of its block.
    pub seq: u64,
    /// Its place among the points of that block, in the order they were given.
    pub index: u32,
}

/// One point of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Microseconds since the epoch, UTC.
    pub timestamp: i64,
    /// Its value.
    pub value: f64,
    /// Where it was written.
    pub source: PointRef,
}

/// Timestamps, and as many values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns<'a> {
    pub timestamps: &'a [i64],
    pub values: &'a [f64],
}

/// Points of one block to be entered, ascending by timestamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub timestamps: &'a [i64],
    pub values: &'a [f64],
    pub seq: u64,
    pub indexes: Indexes<'a>,
}

/// Places of the points of a [`Piece`] in their block.
#[derive(Debug, Clone, Copy)]
pub(super) enum Indexes<'a> {
    /// One after the other from this one.
    From(u32),
    /// Each its own.
    Each(&'a [u32]),
}

impl Piece<'_> {
    /// Those of its points that are before `limit`, if there is one.
    pub(super) fn before(self, limit: Option<i64>) -> Self {
        match limit {
            Some(limit) => self.first(self.timestamps.partition_point(|&t| t < limit)),
            None => self,
        }
    }

    /// At most its first `count` points.
    pub(super) fn first(self, count: usize) -> Self {
        let count = count.min(self.timestamps.len());
        Self {
            timestamps: self.timestamps.get(..count).unwrap_or_default(),
            values: self.values.get(..count).unwrap_or_default(),
            indexes: match self.indexes {
                Indexes::Each(indexes) => Indexes::Each(indexes.get(..count).unwrap_or_default()),
                from => from,
            },
            ..self
        }
    }
}

/// The points a block deletes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deletion {
    /// First timestamp that goes.
    pub start: i64,
    /// First timestamp that stays.
    pub end: i64,
    /// The block whose points alone go, if not all do: those that it wrote or brought
    /// back.
    pub only: Option<u64>,
    /// Sequence of the block that deletes.
    pub seq: u64,
}

/// The points a block brings back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Revival {
    /// First timestamp.
    pub start: i64,
    /// First timestamp after.
    pub end: i64,
    /// The block whose deletion it undoes.
    pub deleted_by: u64,
    /// Sequence of the block that brings them back.
    pub seq: u64,
}

/// Up to [`CAPACITY`] points: sorted columns of timestamps and values, and where
/// they come from as runs, since most chunks are filled by a few blocks.
///
/// Invariants:
/// 1. The columns are of one length; timestamps ascend, and equal ones stand in
///    order of arrival.
/// 2. Runs are in order of `start`, the first at 0; they cover all points.
/// 3. `bounds` are those of the runs.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    // Of few points and runs, which most series have, in the place of where they would be.
    timestamps: SmallVec<[i64; 2]>,
    values: SmallVec<[f64; 2]>,
    runs: SmallVec<[Run; 1]>,
    /// Those of the runs.
    lives: Lives,
    bounds: Bounds,
    /// Of the values, all of them: whatever changes the columns empties it.
    summary: CachedSummary,
}

/// Points that stand here as they stand in their block, and that died together.
#[derive(Debug, Clone, Copy)]
struct Run {
    seq: u64,
    life: Life,
    /// Place of the first in the block.
    index: u32,
    /// Place of the first in the chunk. It ends where the next run starts.
    start: u32,
}

impl Run {
    /// Whether `next`, which starts where this one ends, only continues it.
    fn goes_on_as(&self, next: &Self) -> bool {
        (self.seq, self.life) == (next.seq, next.life)
            && self.index.checked_add(next.start - self.start) == Some(next.index)
    }
}

/// A part of a run: points `range` of the chunk, written by block `seq`, where
/// they stand from place `index` on.
#[derive(Debug, Clone)]
pub(super) struct BlockSource {
    pub range: Range<usize>,
    pub seq: u64,
    pub index: u32,
    life: Life,
}

impl BlockSource {
    pub(super) fn drop_first(&mut self, count: usize) {
        self.range.start += count;
        self.index += count as u32;
    }

    pub(super) fn drop_last(&mut self, count: usize) {
        self.range.end -= count;
    }
}

impl Chunk {
    pub(super) fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// The timestamp at `place`, if there is a point.
    pub(super) fn timestamp(&self, place: usize) -> Option<i64> {
        self.timestamps.get(place).copied()
    }

    /// The last timestamp.
    pub(super) fn last(&self) -> Option<i64> {
        self.timestamps.last().copied()
    }

    /// How many more points it takes.
    pub(super) fn room(&self) -> usize {
        CAPACITY - self.len()
    }

    /// Number of points at `at` or earlier ones.
    pub(super) fn count_until(&self, at: i64) -> usize {
        self.timestamps.partition_point(|&t| t <= at)
    }

    /// Number of points before `at`. O(1) where that is all or none.
    pub(super) fn count_before(&self, at: i64) -> usize {
        match (self.timestamps.first(), self.timestamps.last()) {
            (Some(&first), _) if at <= first => 0,
            (_, Some(&last)) if last < at => self.len(),
            _ => self.timestamps.partition_point(|&t| t < at),
        }
    }

    /// Enters a piece that belongs between points `place - 1` and `place`, and
    /// for which there is room.
    pub(super) fn insert(&mut self, place: usize, piece: Piece<'_>) {
        debug_assert!(piece.timestamps.len() <= self.room());
        let length = piece.timestamps.len();
        if length == 0 {
            return;
        }
        self.summary = CachedSummary::default();
        let next_run = self.break_runs(place);
        for run in self.runs.iter_mut().skip(next_run) {
            run.start += length as u32;
        }
        let run = |place: usize, index| Run {
            seq: piece.seq,
            life: Life::ALIVE,
            index,
            start: place as u32,
        };
        match piece.indexes {
            Indexes::From(index) => {
                self.insert_run(next_run, run(place, index));
            }
            Indexes::Each(indexes) => {
                let mut next_run = next_run;
                for (place, &index) in (place..).zip(indexes) {
                    next_run = self.insert_run(next_run, run(place, index));
                }
            }
        }
        insert_slice(&mut self.timestamps, place, piece.timestamps);
        insert_slice(&mut self.values, place, piece.values);
        self.bounds.widen(piece.seq, &[]);
    }

    /// Makes a run start at `place`, unless that is the end, and returns the
    /// number of runs before `place`.
    fn break_runs(&mut self, place: usize) -> usize {
        let next = self.runs.partition_point(|r| (r.start as usize) < place);
        let starts_here = match self.runs.get(next) {
            Some(run) => run.start as usize == place,
            None => place >= self.len(),
        };
        if let Some(run) = next.checked_sub(1).and_then(|last| self.runs.get(last))
            && !starts_here
        {
            let tail = Run {
                index: run.index + (place as u32 - run.start),
                start: place as u32,
                ..*run
            };
            self.runs.insert(next, tail);
        }
        next
    }

    /// Inserts a run before run `next`, or lets the run before go on where the new
    /// one only continues it. Returns the number of the run after it.
    fn insert_run(&mut self, next: usize, run: Run) -> usize {
        let before = next.checked_sub(1).and_then(|last| self.runs.get(last));
        if before.is_some_and(|before| before.goes_on_as(&run)) {
            return next;
        }
        self.runs.insert(next, run);
        next + 1
    }

    /// Appends points of block `seq`, for which there is room, that stand in it from
    /// place `index` on and that the blocks of `ends` deleted and brought back in turn.
    pub(super) fn append(&mut self, points: Columns<'_>, seq: u64, ends: &[u64], index: u32) {
        debug_assert!(points.timestamps.len() <= self.room());
        let place = self.len();
        let run = Run {
            seq,
            life: self.lives.of(ends),
            index,
            start: place as u32,
        };
        self.insert_run(self.runs.len(), run);
        insert_slice(&mut self.timestamps, place, points.timestamps);
        insert_slice(&mut self.values, place, points.values);
        self.bounds.widen(seq, ends);
    }

    /// Takes off the points from `place` on, as a chunk of their own.
    pub(super) fn split_off(&mut self, place: usize) -> Self {
        self.summary = CachedSummary::default();
        let next_run = self.break_runs(place);
        let mut runs: SmallVec<[Run; 1]> = self.runs.drain(next_run..).collect();
        for run in &mut runs {
            run.start -= place as u32;
        }
        let mut tail = Self {
            timestamps: self.timestamps.drain(place..).collect(),
            values: self.values.drain(place..).collect(),
            runs,
            lives: self.lives.clone(),
            ..Self::default()
        };
        for half in [&mut tail, self] {
            half.lives
                .tidy(half.runs.iter_mut().map(|run| &mut run.life));
            half.set_bounds();
        }
        tail
    }

    fn set_bounds(&mut self) {
        self.bounds = Bounds::default();
        for run in &self.runs {
            self.bounds.widen(run.seq, self.lives.ends(&run.life));
        }
    }

    /// Lets the points that `deletion` names and that are alive die. Returns how
    /// many those are.
    pub(super) fn delete(&mut self, deletion: &Deletion) -> usize {
        let &Deletion {
            start,
            end,
            only,
            seq,
        } = deletion;
        if !self.bounds.some_alive() || !self.bounds.may_have(only) {
            return 0;
        }
        self.turn((start, end), seq, |written, ends| {
            end_seq(ends).is_none() && is_of(written, ends, only)
        })
    }

    /// Brings back the points that `revival` names and that are gone. Returns how many
    /// those are.
    pub(super) fn bring_back(&mut self, revival: &Revival) -> usize {
        let &Revival {
            start,
            end,
            deleted_by,
            seq,
        } = revival;
        if Filter::DeletedBy(deleted_by).takes_none(&self.bounds) {
            return 0;
        }
        self.turn((start, end), seq, |_, ends| {
            end_seq(ends) == Some(deleted_by)
        })
    }

    /// Lets the lives of those points in a range take a turn, at `seq`, for which
    /// `which` holds. Returns how many those are.
    fn turn(
        &mut self,
        (start, end): (i64, i64),
        seq: u64,
        which: impl Fn(u64, &[u64]) -> bool,
    ) -> usize {
        let range = self.count_before(start)..self.count_before(end);
        self.turn_places(&[range], seq, which)
    }

    /// The same of places, ranges that ascend.
    pub(super) fn turn_places(
        &mut self,
        places: &[Range<usize>],
        seq: u64,
        which: impl Fn(u64, &[u64]) -> bool,
    ) -> usize {
        let (mut turned, mut joined) = (0, None);
        for range in places.iter().filter(|range| !range.is_empty()) {
            let from = self.break_runs(range.start);
            let to = self.break_runs(range.end);
            for number in from..to {
                let end = self.end_of_run(number);
                if let Some(run) = self.runs.get_mut(number)
                    && which(run.seq, self.lives.ends(&run.life))
                {
                    run.life = self.lives.turned(run.life, seq);
                    turned += end - run.start as usize;
                }
            }
            let first = joined.map_or(from, |(first, _)| first);
            joined = Some((first, to));
        }
        let Some((from, to)) = joined else {
            return 0;
        };
        self.join_runs(from, to);
        self.lives
            .tidy(self.runs.iter_mut().map(|run| &mut run.life));
        self.set_bounds();
        turned
    }

    /// Makes one of the runs from number `from` to `to`, and those next to them,
    /// where one only continues the other.
    fn join_runs(&mut self, from: usize, to: usize) {
        let from = from.saturating_sub(1);
        let to = self.runs.len().min(to + 1);
        let mut place = 0;
        let mut before: Option<Run> = None;
        self.runs.retain(|run| {
            let continues = before.is_some_and(|before| before.goes_on_as(run));
            let keep = !(continues && place > from && place < to);
            if keep {
                before = Some(*run);
            }
            place += 1;
            keep
        });
    }

    /// The place after the last point of a run.
    fn end_of_run(&self, number: usize) -> usize {
        let next = self.runs.get(number + 1);
        next.map_or(self.len(), |next| next.start as usize)
    }

    /// Where to split: nearest to the middle such that no timestamp stands on
    /// both sides; 0 when there is only one timestamp.
    pub(super) fn boundary(&self) -> usize {
        let differs = |place: &usize| {
            let pair = place
                .checked_sub(1)
                .and_then(|p| self.timestamps.get(p..=*place));
            pair.is_some_and(|pair| pair.first() != pair.last())
        };
        let middle = self.len() / 2;
        let below = (1..=middle).rev().find(differs);
        let above = (middle..self.len()).find(differs);
        match (below, above) {
            (Some(below), Some(above)) if middle - below > above - middle => above,
            (below, above) => below.or(above).unwrap_or(0),
        }
    }

    /// The sources of the points in `range` that `filter` takes, in order.
    pub(super) fn sources(
        &self,
        range: Range<usize>,
        filter: Filter,
    ) -> impl DoubleEndedIterator<Item = BlockSource> + use<'_> {
        let first = self
            .runs
            .partition_point(|run| run.start as usize <= range.start)
            .saturating_sub(1);
        let last = match filter.takes_none(&self.bounds) {
            // Spare the walk.
            true => first,
            false => self
                .runs
                .partition_point(|run| (run.start as usize) < range.end),
        };
        (first..last).filter_map(move |number| {
            let run = self
                .runs
                .get(number)
                .filter(|run| filter.takes(run.seq, self.lives.ends(&run.life)))?;
            let start = (run.start as usize).max(range.start);
            Some(BlockSource {
                range: start..self.end_of_run(number).min(range.end),
                seq: run.seq,
                life: run.life,
                index: run.index + (start as u32 - run.start),
            })
        })
    }

    /// Sequences of the blocks that deleted the points of `source` and brought them
    /// back, in turn.
    pub(super) fn ends<'a>(&'a self, source: &'a BlockSource) -> &'a [u64] {
        self.lives.ends(&source.life)
    }

    /// The timestamps of the points of `source`.
    pub(super) fn timestamps(&self, source: &BlockSource) -> &[i64] {
        let range = source.range.clone();
        self.timestamps.get(range).unwrap_or_default()
    }

    /// The columns of `source`.
    pub(super) fn columns(&self, source: &BlockSource) -> Columns<'_> {
        Columns {
            timestamps: self.timestamps(source),
            values: self.values.get(source.range.clone()).unwrap_or_default(),
        }
    }

    /// Timestamps and values of the points in `range`.
    pub(super) fn slices(&self, range: Range<usize>) -> (&[i64], &[f64]) {
        let timestamps = self.timestamps.get(range.clone()).unwrap_or_default();
        (timestamps, self.values.get(range).unwrap_or_default())
    }

    /// Whether `filter` takes every point.
    pub(super) fn is_whole(&self, filter: Filter) -> bool {
        filter.takes_all(&self.bounds)
    }

    /// Whether `filter` takes no point, which may be so as well if this says no.
    pub(super) fn has_none(&self, filter: Filter) -> bool {
        filter.takes_none(&self.bounds)
    }

    /// What a look at it costs, counted in points that are read: see
    /// [`super::range::Work`].
    pub(super) fn look_cost(&self, filter: Filter) -> usize {
        match (self.has_none(filter), self.is_whole(filter)) {
            (true, _) => 16,
            (_, true) => 64,
            _ => 64 + self.runs.len(),
        }
    }

    /// The summary of its values, to be made when it is asked for.
    pub(super) fn summary(&self) -> &CachedSummary {
        &self.summary
    }

    /// Which of its values count.
    pub(super) fn counted(&self, values: Option<&ValueFilter>) -> Counted {
        let Some(filter) = values else {
            return Counted::All;
        };
        let known = self.summary.of(&self.values);
        known.map_or(Counted::Some, |known| {
            filter.of_span((known.min, known.max))
        })
    }

    /// Between what its points were written and deleted.
    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Adds its values to a sum and returns the least and the greatest, if its summary is made
    /// or as good as that: see [`CachedSummary::known`].
    pub(super) fn known(&self, sum: &mut Sum) -> Option<(f64, f64)> {
        self.summary.known(&self.values, sum)
    }

    /// The same of the squares of its values.
    pub(super) fn known_squares(&self, squares: &mut Accumulator) -> Option<()> {
        self.summary.known_squares(&self.values, squares)
    }

    /// Timestamp and value of the first point and of the last.
    pub(super) fn edges(&self) -> Option<((i64, f64), (i64, f64))> {
        let first = (*self.timestamps.first()?, *self.values.first()?);
        Some((first, (*self.timestamps.last()?, *self.values.last()?)))
    }

    /// The points of `source`, in order.
    pub(super) fn points(&self, source: &BlockSource) -> impl DoubleEndedIterator<Item = Point> {
        let Columns { timestamps, values } = self.columns(source);
        let &BlockSource { seq, index, .. } = source;
        let rows = timestamps.iter().zip(values).enumerate();
        rows.map(move |(nth, (&timestamp, &value))| Point {
            timestamp,
            value,
            source: PointRef {
                seq,
                index: index + nth as u32,
            },
        })
    }

    /// Timestamp of the first point visible at `at`.
    pub(super) fn first_visible(&self, at: u64) -> Option<i64> {
        let all = 0..self.len();
        let source = self.sources(all, Filter::visible_at(at)).next()?;
        self.timestamps(&source).first().copied()
    }

    /// The last point visible at `at`.
    pub(super) fn last_visible(&self, at: u64) -> Option<Point> {
        let all = 0..self.len();
        let source = self.sources(all, Filter::visible_at(at)).next_back()?;
        self.points(&source).next_back()
    }

    /// Number of points from `start` on and before `end` that are visible at `at`, of
    /// those that block `only` wrote or brought back if that is given. O(1) where that is
    /// all or none.
    pub(super) fn count(&self, start: i64, end: i64, at: u64, only: Option<u64>) -> usize {
        let Bounds {
            min_seq, max_seq, ..
        } = self.bounds;
        if !self.bounds.may_have(only) {
            return 0;
        }
        let range = self.count_before(start)..self.count_before(end);
        let filter = Filter::visible_at(at);
        if filter.takes_all(&self.bounds) && (only.is_none() || min_seq == max_seq) {
            return range.len();
        }
        self.sources(range, filter)
            .filter(|source| is_of(source.seq, self.ends(source), only))
            .map(|source| source.range.len())
            .sum()
    }

    /// Calls `found` with points that block `of` wrote or brought back by `at`: how many
    /// there are, and which blocks deleted them after that and brought them back, in turn.
    pub(super) fn since(
        &self,
        range: (i64, i64),
        at: u64,
        of: u64,
        found: &mut impl FnMut(usize, &[u64]),
    ) {
        if !self.bounds.may_have(Some(of)) {
            return;
        }
        let range = self.count_before(range.0)..self.count_before(range.1);
        for source in self.sources(range, Filter::WrittenBy(at)) {
            let ends = self.ends(&source);
            let by_then = ends.partition_point(|end| *end <= at);
            let ends = ends.get(..by_then).unwrap_or_default();
            let since = match source.seq == of {
                true => Some(0),
                false => revivals(ends)
                    .position(|back| back == of)
                    .map(|nth| 2 * nth + 2),
            };
            if let Some(since) = since.and_then(|since| ends.get(since..)) {
                found(source.range.len(), since);
            }
        }
    }
}

/// Whether points written by block `written`, with these ends, are of block `block`: it
/// wrote them or brought them back.
fn is_of(written: u64, ends: &[u64], block: Option<u64>) -> bool {
    block.is_none_or(|block| block == written || revivals(ends).any(|back| back == block))
}

/// Inserts `items` at `place`. The column never grows past [`CAPACITY`], where
/// `Vec` would double what a batch of odd size had filled.
fn insert_slice<T: Copy>(column: &mut SmallVec<[T; 2]>, place: usize, items: &[T]) {
    let needed = column.len() + items.len();
    if needed > column.capacity() {
        // CAPACITY is a power of two, so this does not pass it.
        column.reserve_exact(needed.next_power_of_two() - column.len());
    }
    if place == column.len() {
        column.extend_from_slice(items);
    } else {
        column.insert_from_slice(place, items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_nearest_to_the_middle_between_timestamps() {
        for (timestamps, boundary) in [
            (&[1, 1, 1, 1, 1, 1, 1, 1][..], 0),
            (&[1, 2, 3, 4, 5, 6, 7, 8], 4),
            (&[1, 1, 1, 1, 1, 1, 1, 2], 7),
            (&[1, 2, 2, 2, 2, 2, 2, 2], 1),
            (&[1, 2, 2, 2, 2, 3, 3, 3], 5),
            (&[1, 1, 1, 2, 2, 2, 2, 3], 3),
            (&[1], 0),
        ] {
            let mut chunk = Chunk::default();
            let piece = Piece {
                timestamps,
                values: &vec![0.0; timestamps.len()],
                seq: 1,
                indexes: Indexes::From(0),
            };
            chunk.insert(0, piece);
            assert_eq!(chunk.boundary(), boundary, "{timestamps:?}");
        }
    }

    #[test]
    fn points_keep_their_source_when_others_come_between() {
        let piece = |timestamps, seq, indexes| Piece {
            timestamps,
            values: &[0.5; 8][..timestamps.len()],
            seq,
            indexes,
        };
        let mut chunk = Chunk::default();
        chunk.insert(0, piece(&[10, 20, 30, 40], 1, Indexes::From(100)));
        chunk.insert(2, piece(&[21, 22, 23], 2, Indexes::Each(&[7, 8, 3])));
        chunk.insert(7, piece(&[50], 1, Indexes::From(104)));
        let refs = |chunk: &Chunk, at| -> Vec<(i64, u64, u32)> {
            let sources = chunk.sources(0..chunk.len(), Filter::visible_at(at));
            let points = sources.flat_map(|s| chunk.points(&s).collect::<Vec<_>>());
            let row = |p: Point| (p.timestamp, p.source.seq, p.source.index);
            points.map(row).collect()
        };
        let first = [(10, 1, 100), (20, 1, 101)];
        let second = [(21, 2, 7), (22, 2, 8), (23, 2, 3)];
        let third = [(30, 1, 102), (40, 1, 103), (50, 1, 104)];
        assert_eq!(refs(&chunk, 2), [&first[..], &second, &third].concat());
        assert_eq!(refs(&chunk, 1), [&first[..], &third].concat());
        assert_eq!(refs(&chunk, 0), []);
        // Consecutive places of one block are one run.
        assert_eq!(chunk.runs.len(), 4);

        let tail = chunk.split_off(4);
        assert_eq!(refs(&chunk, 2), [&first[..], &second[..2]].concat());
        assert_eq!(refs(&tail, 2), [&second[2..], &third].concat());
        assert_eq!((chunk.bounds.min_seq, chunk.bounds.max_seq), (1, 2));
        let visible = |at| tail.count(i64::MIN, i64::MAX, at, None);
        assert_eq!((visible(1), visible(2)), (3, 4));
    }
}
