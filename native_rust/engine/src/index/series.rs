//! One time series: a B-tree of chunks.

mod as_of;
mod chunks;
mod past;
mod replaced;
mod stored;
mod subtree;

use std::borrow::Cow;
use std::fmt;

use super::chunk::{BlockSource, CAPACITY, Chunk, Deletion, Indexes, Piece, Point, Revival};
use super::filter::Filter;
use super::lives::end_seq;
use super::range::{End, Order, Page, RangeQuery, Resume, Work, sources};
use crate::types::Counted;
use chunks::{Chunks, FIRST};

pub(super) use chunks::Part;
pub(super) use past::Then;
pub use stored::{PartRun, SeriesPart};
pub(crate) use subtree::Subtree;

/// What a series holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Number of points.
    pub points: u64,
    /// Earliest timestamp.
    pub first: i64,
    /// Latest timestamp.
    pub last: i64,
}

/// The points of one block, ascending by timestamp, ready to be entered.
#[derive(Debug)]
pub struct SortedPoints<'a> {
    timestamps: Cow<'a, [i64]>,
    values: Cow<'a, [f64]>,
    /// Place of each in the block, where that is not its place here.
    indexes: Option<Vec<u32>>,
    seq: u64,
}

impl<'a> SortedPoints<'a> {
    /// Takes the columns of block `seq`, sorting them stably if need be. O(n)
    /// for sorted columns, which are not copied; O(n log n) for others.
    ///
    /// # Panics
    /// When the columns differ in length or hold 2^32 points.
    #[must_use]
    pub fn new(timestamps: &'a [i64], values: &'a [f64], seq: u64) -> Self {
        assert_eq!(timestamps.len(), values.len(), "columns of one length");
        assert!(u32::try_from(values.len()).is_ok(), "less than 2^32 points");
        if timestamps.is_sorted() {
            return Self {
                timestamps: Cow::Borrowed(timestamps),
                values: Cow::Borrowed(values),
                indexes: None,
                seq,
            };
        }
        let mut rows: Vec<(i64, u32, f64)> = timestamps
            .iter()
            .zip(0..)
            .zip(values)
            .map(|((&timestamp, index), &value)| (timestamp, index, value))
            .collect();
        rows.sort_unstable_by_key(|&(timestamp, index, _)| (timestamp, index));
        Self {
            timestamps: rows.iter().map(|row| row.0).collect(),
            values: rows.iter().map(|row| row.2).collect(),
            indexes: Some(rows.iter().map(|row| row.1).collect()),
            seq,
        }
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Up to `count` points from place `from` on.
    fn piece(&self, from: usize, count: usize) -> Piece<'_> {
        let to = self.len().min(from.saturating_add(count));
        let indexes = match &self.indexes {
            None => Indexes::From(from as u32),
            Some(indexes) => Indexes::Each(indexes.get(from..to).unwrap_or_default()),
        };
        Piece {
            timestamps: self.timestamps.get(from..to).unwrap_or_default(),
            values: self.values.get(from..to).unwrap_or_default(),
            seq: self.seq,
            indexes,
        }
    }
}

/// Fence of a chunk: a timestamp its points are not before, and a number that
/// orders chunks with the same one.
pub(super) type Fence = (i64, u32);

/// What finding a place and making room in it costs, counted in points copied.
const PLACE_COST: usize = 128;
/// What a new chunk costs beyond that, filled or split off.
const CHUNK_COST: usize = 1_024;

/// The points of one series in order of timestamp, equal ones in order of
/// arrival, each with the block that wrote it.
///
/// Points that arrive in order fill chunks one after the other; a full chunk
/// that a point falls into the middle of is split. Points that are deleted stay,
/// with the sequence that deleted them, and those of later turns where that was undone
/// ([`super::lives`]). 16 bytes a point, and 24 for every place
/// where neighbours do not come from neighbouring places of one block or did not
/// die together: in all, 16 for batches, and 40 for points written one by one.
///
/// Invariants:
/// 1. The first fence is `(i64::MIN, 0)`. The points of a chunk are neither
///    before its fence's timestamp nor after that of the next.
/// 2. The fence `(t, 0)` means that no earlier chunk has a point at `t`; a chunk
///    that goes on with the timestamp the one before it ended on has a fence
///    `(t, n)`, `n > 0`. Hence a split never needs a fence that is taken: the
///    part it takes off begins with a timestamp's first point.
/// 3. No chunk is empty.
#[derive(Default)]
pub struct Series {
    pub(super) chunks: Chunks,
    /// Points that are alive, published or not.
    alive: u64,
    /// Whether it has attributes, published or not.
    has_attributes: bool,
    /// 0 before there is one.
    first_seq: u64,
    touched: u64,
    last_delete: u64,
}

impl Series {
    /// Enters points from place `from` on, until about `work` is done: a point
    /// is one, each place that points go to is 128 more, and a new chunk 1,024.
    /// Returns the place to go on from, `points.len()` when that was the last.
    ///
    /// Points later than all there are cost a copy of the columns; elsewhere,
    /// each place they go to costs O(log n) and a move of up to 1,023 points.
    pub fn insert(&mut self, points: &SortedPoints<'_>, from: usize, work: usize) -> usize {
        let mut next = from;
        let mut done = 0_usize;
        while done < work && next < points.len() {
            let chunks = self.chunks.len();
            let entered = self.insert_piece(points.piece(next, CAPACITY));
            let new_chunks = self.chunks.len() - chunks;
            next += entered;
            self.alive += entered as u64;
            self.touched = self.touched.max(points.seq);
            self.note_first(points.seq);
            done += entered + PLACE_COST + CHUNK_COST * new_chunks;
        }
        next
    }

    pub(super) fn note_first(&mut self, seq: u64) {
        if self.first_seq == 0 || seq < self.first_seq {
            self.first_seq = seq;
        }
    }

    /// Enters the first points of `piece`, those that go to one place, and
    /// returns how many those are.
    fn insert_piece(&mut self, piece: Piece<'_>) -> usize {
        let Some(&timestamp) = piece.timestamps.first() else {
            return 0;
        };
        let fence = self.make_room(timestamp);
        let next_fence = self.chunks.after(fence).map(|(timestamp, _)| timestamp);
        self.chunks.change(fence, |chunk| {
            let place = chunk.count_until(timestamp);
            // Later points of the piece belong after those that stand there.
            let next_point = chunk.timestamp(place);
            let piece = piece
                .before(next_point)
                .before(next_fence)
                .first(chunk.room());
            chunk.insert(place, piece);
            piece.timestamps.len()
        })
    }

    /// Lets the points that `deletion` names and that are alive die, from the
    /// chunk at `from` on, until about `work` is done: a point looked at is one,
    /// and a chunk 128 more. Returns how many died, and the chunk to go on from
    /// if there are more to look at.
    ///
    /// O(log n + chunks in the range), and O(runs) for each of those that has
    /// points to lose.
    pub(super) fn delete(
        &mut self,
        deletion: &Deletion,
        from: Option<Fence>,
        work: usize,
    ) -> (u64, Option<Fence>) {
        let Deletion {
            start, end, seq, ..
        } = *deletion;
        if start >= end {
            return (0, None);
        }
        let mut next = Some(from.unwrap_or_else(|| self.first_fence(start)));
        let mut end_seq = 0;
        let mut done = 0_usize;
        let mut rest = None;
        while let Some(fence) = next.filter(|fence| *fence < (end, 0)) {
            if done >= work {
                rest = Some(fence);
                break;
            }
            let Some(chunk) = self.chunks.get_mut(fence) else {
                break;
            };
            end_seq += chunk.delete(deletion) as u64;
            done += chunk.len() + PLACE_COST;
            next = self.chunks.after(fence);
        }
        self.note_died(end_seq, seq);
        (end_seq, rest)
    }

    /// Takes note of how many points died at `seq`.
    pub(super) fn note_died(&mut self, died: u64, seq: u64) {
        if died > 0 {
            self.alive = self.alive.saturating_sub(died);
            self.touched = self.touched.max(seq);
            self.last_delete = self.last_delete.max(seq);
        }
    }

    /// Whether the points that `revival` names are gone and have these timestamps, in
    /// order.
    pub(super) fn died_by(&self, revival: &Revival, timestamps: &[i64]) -> bool {
        let query = RangeQuery {
            start: revival.start,
            end: revival.end,
            at: revival.seq,
            values: None,
            order: Order::Ascending,
            skip: 0,
            limit: usize::MAX,
        };
        let mut left = timestamps;
        let mut same = true;
        self.pieces(
            &query,
            Filter::DeletedBy(revival.deleted_by),
            Work::ALL,
            |chunk, source| {
                let gone = end_seq(chunk.ends(source)) == Some(revival.deleted_by);
                match left.strip_prefix(chunk.timestamps(source)) {
                    Some(rest) if gone => left = rest,
                    _ => same = false,
                }
            },
        );
        same && left.is_empty()
    }

    /// Brings back the points that `revival` names and that are gone, as
    /// [`Self::delete`].
    pub(super) fn bring_back(
        &mut self,
        revival: &Revival,
        from: Option<Fence>,
        work: usize,
    ) -> (u64, Option<Fence>) {
        let mut next = Some(from.unwrap_or_else(|| self.first_fence(revival.start)));
        let (mut back, mut done) = (0, 0_usize);
        while let Some(fence) = next.filter(|fence| *fence < (revival.end, 0)) {
            if done >= work {
                return (back, Some(fence));
            }
            let Some(chunk) = self.chunks.get_mut(fence) else {
                break;
            };
            let revived = chunk.bring_back(revival) as u64;
            back += revived;
            self.alive += revived;
            done += chunk.len() + PLACE_COST;
            self.touched = self.touched.max(revival.seq);
            next = self.chunks.after(fence);
        }
        (back, None)
    }

    /// The fence of the first chunk that may have points at `start` or later:
    /// some may stand before the fences that name it.
    pub(super) fn first_fence(&self, start: i64) -> Fence {
        self.chunks.before((start, 0)).unwrap_or(FIRST)
    }

    /// The fence of the chunk that a new point at `timestamp` goes to, which has
    /// room for it. The chunk is missing or empty where it is new.
    fn make_room(&mut self, timestamp: i64) -> Fence {
        let fence = self.fence_of(timestamp);
        let Some(chunk) = self.chunks.get(fence) else {
            return fence;
        };
        if chunk.room() > 0 {
            return fence;
        }
        match chunk.last() {
            // Begin another instead of splitting: what comes in order, at the
            // end or into a gap, leaves full chunks behind.
            Some(last) if last < timestamp => (timestamp, 0),
            Some(last) if last == timestamp => match fence {
                (first, number) if first == timestamp => (timestamp, number + 1),
                _ => (timestamp, 1),
            },
            _ => {
                let split = |chunk: &mut Chunk| chunk.split_off(chunk.boundary());
                let tail = self.chunks.change(fence, split);
                let first = tail.timestamp(0).unwrap_or(i64::MAX);
                self.chunks.insert((first, 0), tail);
                if first <= timestamp {
                    (first, 0)
                } else {
                    fence
                }
            }
        }
    }

    /// The last fence at or before `timestamp`, after whose points at that
    /// timestamp the next one goes.
    fn fence_of(&self, timestamp: i64) -> Fence {
        if let Some(last) = self.chunks.last_fence()
            && last.0 <= timestamp
        {
            return last;
        }
        // No number of a fence is that great.
        self.chunks.before((timestamp, u32::MAX)).unwrap_or(FIRST)
    }

    /// Appends the points of a page to `out`, in order, and returns where the
    /// next page begins if there are more.
    ///
    /// O(log n + points read). Points in the range that are not visible at the
    /// query's sequence cost one step for each run of them: where that may be many,
    /// [`super::SharedSeries::range`] lets go of the lock meanwhile.
    pub fn range(&self, query: &RangeQuery, out: &mut Vec<Point>) -> Option<Resume> {
        self.read(query, Filter::visible_at(query.at), Work::ALL, out)
            .resume()
    }

    /// As [`Series::range`], of the points in the range that block `seq` deleted;
    /// the query's own sequence does not count. Every page is the same for ever.
    pub fn deleted_by(&self, seq: u64, query: &RangeQuery, out: &mut Vec<Point>) -> Option<Resume> {
        self.read(query, Filter::DeletedBy(seq), Work::ALL, out)
            .resume()
    }

    /// Appends the points that `filter` takes to `out`, as [`Self::pieces`].
    pub(super) fn read(
        &self,
        query: &RangeQuery,
        filter: Filter,
        work: Work,
        out: &mut Vec<Point>,
    ) -> End {
        match query.order {
            Order::Ascending => self.pieces(query, filter, work, |chunk, source| {
                out.extend(chunk.points(source));
            }),
            Order::Descending => self.pieces(query, filter, work, |chunk, source| {
                out.extend(chunk.points(source).rev());
            }),
        }
    }

    /// Calls `sink` with the points of a page, piece by piece, for as much work as it may
    /// be. A walk in steps hands on nothing of what the next step begins with.
    pub(super) fn pieces(
        &self,
        query: &RangeQuery,
        filter: Filter,
        work: Work,
        sink: impl FnMut(&Chunk, &BlockSource),
    ) -> End {
        if query.start >= query.end {
            return End::All;
        }
        let mut page = Page::new(query, sink);
        let mut looked = 0_usize;
        // Whether to go on at a chunk; `edge` is where another walk could, if it could.
        let stop = |done: usize, edge: Option<i64>| match edge {
            _ if done >= work.most => Some(End::GivenUp),
            Some(edge) if done >= work.step => Some(End::Step(Resume { edge, skip: 0 })),
            _ => None,
        };
        let from = match query.order {
            Order::Ascending => self.first_fence(query.start),
            // Where it begins is seen on the way.
            Order::Descending => FIRST,
        };
        let mut chunks = self.chunks.walk(from, (query.end, 0), query.order);
        // The fence above which everything was looked at, in descending order.
        let mut above = (i64::MAX, 1);
        while let Some((fence, part)) = chunks.next() {
            let edge = match query.order {
                // A fence with this number says that no chunk before has a point at its timestamp.
                Order::Ascending => (fence.1 == 0 && fence.0 > query.start).then_some(fence.0),
                // The first with a fence before the range was the last to look at.
                Order::Descending if above.0 < query.start => break,
                Order::Descending => (above.1 == 0).then_some(above.0),
            };
            if let Some(end) = stop(looked + page.taken(), edge) {
                return end;
            }
            let chunk = match part {
                Part::Chunk(chunk) => chunk,
                Part::Subtree(subtree) => {
                    let counted = subtree.counted(query.values);
                    if subtree.has_none(filter) || counted == Counted::None {
                        chunks.pass_over();
                        above = fence;
                        looked += PASS_COST;
                    }
                    continue;
                }
            };
            above = fence;
            looked += chunk.look_cost(filter);
            let counted = chunk.counted(query.values);
            looked += read_cost(chunk, counted);
            let mut sources = sources(chunk, query, filter);
            let mut add = |source| page.add_counted(chunk, source, counted);
            let full = match query.order {
                Order::Ascending => sources.any(add),
                Order::Descending => sources.rev().any(&mut add),
            };
            if full {
                return End::Full(page.resume());
            }
        }
        End::All
    }

    /// Number of points from `start` on and before `end` that are visible at
    /// `at`, of those that block `only` wrote or brought back if that is given.
    /// O(log n) where all points of the range were written by then and none had died, else
    /// O(log n + chunks in the range), and O(runs) for each of those that shows some of
    /// its points and not all.
    #[must_use]
    pub fn count(&self, start: i64, end: i64, at: u64, only: Option<u64>) -> u64 {
        if start >= end {
            return 0;
        }
        let filter = Filter::visible_at(at);
        let from = self.first_fence(start);
        let mut chunks = self.chunks.walk(from, (end, 0), Order::Ascending);
        let mut count = 0;
        while let Some((_, part)) = chunks.next() {
            let subtree = match part {
                Part::Chunk(chunk) => {
                    count += chunk.count(start, end, at, only) as u64;
                    continue;
                }
                Part::Subtree(subtree) => subtree,
            };
            if subtree.has_none(filter) || !subtree.may_have(only) {
                chunks.pass_over();
            } else if only.is_none()
                && subtree.is_whole(filter)
                && subtree.is_within(start, end)
                && let Some(points) = subtree.points()
            {
                count += points;
                chunks.pass_over();
            }
        }
        count
    }

    /// Calls `found` with the points from `start` on and before `end` that block `of` wrote
    /// or brought back by `at`, those together that fared alike: how many there are, and
    /// which blocks deleted them after that and brought them back, in turn. Costs as much as
    /// [`Self::count`].
    pub fn since(
        &self,
        (start, end): (i64, i64),
        at: u64,
        of: u64,
        mut found: impl FnMut(usize, &[u64]),
    ) {
        if start >= end {
            return;
        }
        let from = self.first_fence(start);
        let mut chunks = self.chunks.walk(from, (end, 0), Order::Ascending);
        while let Some((_, part)) = chunks.next() {
            match part {
                Part::Chunk(chunk) => chunk.since((start, end), at, of, &mut found),
                Part::Subtree(subtree) if !subtree.may_have(Some(of)) => chunks.pass_over(),
                Part::Subtree(_) => {}
            }
        }
    }

    /// Takes note of whether it has attributes.
    pub(super) fn note_attributes(&mut self, present: bool) {
        self.has_attributes = present;
    }

    /// Whether it has points or attributes, published or not. O(1).
    pub(super) fn is_listed(&self) -> bool {
        self.alive > 0 || self.has_attributes
    }

    /// The sequence that wrote the first of its points, published or not.
    #[must_use]
    pub fn first_seq(&self) -> Option<u64> {
        Some(self.first_seq).filter(|first| *first > 0)
    }

    /// The greatest sequence that entered or deleted a point, published or not; 0
    /// if none did.
    #[must_use]
    pub fn touched(&self) -> u64 {
        self.touched
    }

    /// The greatest sequence that deleted a point, published or not; 0 if none
    /// did.
    #[must_use]
    pub fn last_delete(&self) -> u64 {
        self.last_delete
    }

    /// The last point visible at `at`. O(log n), unless many points after it
    /// are later or deleted: then one step for each chunk or run of those, and later for few
    /// subtrees of them.
    #[must_use]
    pub fn latest(&self, at: u64) -> Option<Point> {
        self.first_in(Order::Descending, at, |chunk| chunk.last_visible(at))
    }

    /// What is found in the first chunk in an order that has it; those are passed over that
    /// show no point at `at`.
    fn first_in<T>(&self, order: Order, at: u64, find: impl Fn(&Chunk) -> Option<T>) -> Option<T> {
        let filter = Filter::visible_at(at);
        let mut chunks = self.chunks.walk_all(order);
        while let Some((_, part)) = chunks.next() {
            match part {
                Part::Subtree(subtree) if subtree.has_none(filter) => chunks.pass_over(),
                Part::Subtree(_) => {}
                Part::Chunk(chunk) => {
                    if let Some(found) = find(chunk) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    /// First and last timestamp of the points visible at `at`; `None` when there
    /// are none. O(log n), as [`Series::latest`].
    #[must_use]
    pub fn ends(&self, at: u64) -> Option<(i64, i64)> {
        let first = self.first_in(Order::Ascending, at, |chunk| chunk.first_visible(at))?;
        Some((first, self.latest(at)?.timestamp))
    }

    /// How many points are visible at `at`, if nothing came or went after that, so that they are
    /// those that are alive. O(1).
    pub(super) fn settled(&self, at: u64) -> Option<u64> {
        (self.touched <= at).then_some(self.alive)
    }
}

/// What passing over a subtree costs, counted as in [`Work`].
const PASS_COST: usize = 16;

/// What it costs to look at each value, where that has to be.
fn read_cost(chunk: &Chunk, counted: Counted) -> usize {
    match counted {
        Counted::Some => chunk.len(),
        Counted::None | Counted::All => 0,
    }
}

/// The number of chunks alone: there may be thousands.
impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series")
            .field("chunks", &self.chunks.len())
            .finish()
    }
}

#[cfg(test)]
mod deletion_tests;
#[cfg(test)]
mod past_tests;
#[cfg(test)]
mod subtree_tests;
#[cfg(test)]
mod tests;
