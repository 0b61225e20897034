//! A series under its lock.

use super::chunk::{Deletion, Point, PointRef, Revival};
use super::filter::Filter;
use super::lives::end_seq;
use super::range::{End, Order, RangeQuery, Resume, Work};
use super::series::{Series, SeriesPart, SortedPoints, Summary};
use crate::budget::Budget;
use crate::error::Result;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Points that are read under one hold of the lock.
const PAGE: usize = 1_024;
/// Work that is done under one hold of the lock: see [`Work`].
const STEP: usize = 8_192;
/// Chunks that are gone through under one hold of the lock.
const FEW_CHUNKS: usize = 4;
/// Work that is done on a thread that must not be kept.
const AT_ONCE: usize = 16_384;

/// A series under its lock. One thread writes; readers hold the lock for a page.
#[derive(Debug, Default)]
pub struct SharedSeries {
    /// Its number in the order in which series were made.
    pub(super) number: u32,
    series: RwLock<Series>,
}

impl SharedSeries {
    /// An empty one.
    pub(super) fn numbered(number: u32) -> Self {
        Self {
            number,
            series: RwLock::default(),
        }
    }

    /// The series, for reading. Load the published sequence after this.
    pub fn read(&self) -> RwLockReadGuard<'_, Series> {
        self.series.read()
    }

    /// As [`Series::note_attributes`].
    pub(super) fn note_attributes(&self, present: bool) {
        self.series.write().note_attributes(present);
    }

    /// As [`Series::is_listed`].
    pub(super) fn is_listed(&self) -> bool {
        self.series.read().is_listed()
    }

    /// Enters the points of block `seq`, letting readers in after every `step`
    /// of work in the sense of [`Series::insert`]. Sorts outside the lock.
    ///
    /// # Panics
    /// As [`SortedPoints::new`].
    pub fn insert(&self, timestamps: &[i64], values: &[f64], seq: u64, step: usize) {
        let points = SortedPoints::new(timestamps, values, seq);
        let mut next = 0;
        while next < points.len() {
            let mut series = self.series.write();
            next = series.insert(&points, next, step.max(1));
            // Fair: otherwise this thread is back before a reader has woken up.
            RwLockWriteGuard::unlock_fair(series);
        }
    }

    /// Lets every point from `start` on and before `end` that is alive die at
    /// `seq`, or only those that block `only` wrote. Returns how many. Lets
    /// readers in after every `step` of work: a point looked at is one.
    ///
    /// `seq` is above all those before it.
    pub fn delete(&self, start: i64, end: i64, only: Option<u64>, seq: u64, step: usize) -> u64 {
        let deletion = Deletion {
            start,
            end,
            only,
            seq,
        };
        let mut end_seq = 0;
        let mut from = None;
        loop {
            let mut series = self.series.write();
            let (more_died, rest) = series.delete(&deletion, from, step.max(1));
            RwLockWriteGuard::unlock_fair(series);
            end_seq += more_died;
            if rest.is_none() {
                return end_seq;
            }
            from = rest;
        }
    }

    /// As [`Series::replace`]: returns how many died. Lets readers in as [`Self::delete`].
    pub(super) fn replace(&self, timestamps: &[i64], by: u64, seq: u64, step: usize) -> u64 {
        let (mut died, mut next) = (0, 0);
        while next < timestamps.len() {
            let mut series = self.series.write();
            let (more, place) = series.replace((timestamps, by), seq, next, step.max(1));
            RwLockWriteGuard::unlock_fair(series);
            (died, next) = (died + more, place);
        }
        died
    }

    /// As [`Series::delete_one`].
    pub(super) fn delete_one(&self, timestamp: i64, source: PointRef, seq: u64) -> u64 {
        self.series.write().delete_one(timestamp, source, seq)
    }

    /// Brings back, at `seq`, the points that block `deleted_by` deleted, if they are
    /// these, in the order of a range. Returns whether they are. Lets readers in as
    /// [`Self::delete`].
    pub(super) fn bring_back(
        &self,
        timestamps: &[i64],
        deleted_by: u64,
        seq: u64,
        step: usize,
    ) -> bool {
        let (Some(&start), Some(&last)) = (timestamps.first(), timestamps.last()) else {
            return false;
        };
        let (start, end) = (start.min(last), last.max(start).saturating_add(1));
        let revival = Revival {
            start,
            end,
            deleted_by,
            seq,
        };
        if !self.read().died_by(&revival, timestamps) {
            return false;
        }
        let mut from = None;
        loop {
            let mut series = self.series.write();
            let (_, rest) = series.bring_back(&revival, from, step.max(1));
            RwLockWriteGuard::unlock_fair(series);
            if rest.is_none() {
                return true;
            }
            from = rest;
        }
    }

    /// The series, for restoring it from a snapshot.
    pub(super) fn restore(&self, part: &SeriesPart) -> Result<(), &'static str> {
        self.series.write().restore(part)
    }

    /// As [`Series::range`], in short holds of the lock. What is visible at the query's
    /// sequence stays, so all of it is of one state if that is published.
    ///
    /// # Errors
    /// Those of the budget, from whose memory the points are taken.
    pub fn range(
        &self,
        query: &RangeQuery,
        budget: &Budget,
        out: &mut Vec<Point>,
    ) -> Result<Option<Resume>> {
        let filter = Filter::visible_at(query.at);
        self.in_steps(query, budget, |query| {
            budget.make_room(out, query.limit)?;
            let before = out.len();
            let end = self.read().read(query, filter, Work::steps(STEP), out);
            Ok((end, out.len() - before))
        })
    }

    /// As [`Self::range`], without where the points were written.
    ///
    /// # Errors
    /// As [`Self::range`].
    pub fn range_columns(
        &self,
        query: &RangeQuery,
        budget: &Budget,
        timestamps: &mut Vec<i64>,
        values: &mut Vec<f64>,
    ) -> Result<Option<Resume>> {
        self.in_steps(query, budget, |query| {
            budget.make_room(timestamps, query.limit)?;
            budget.make_room(values, query.limit)?;
            let before = values.len();
            let series = self.read();
            let end = series.read_columns(query, Work::steps(STEP), timestamps, values);
            Ok((end, values.len() - before))
        })
    }

    /// The same page, if that is no more work than a short step; `None` if it is.
    pub fn range_at_once(
        &self,
        query: &RangeQuery,
        out: &mut Vec<Point>,
    ) -> Option<Option<Resume>> {
        // Those are passed over one chunk after the other.
        if query.skip > AT_ONCE as u64 {
            return None;
        }
        let filter = Filter::visible_at(query.at);
        match self.read().read(query, filter, Work::at_most(AT_ONCE), out) {
            End::GivenUp => None,
            end => Some(end.resume()),
        }
    }

    /// The last point visible at `at`, as [`Series::latest`], in short holds of the lock.
    ///
    /// # Errors
    /// Those of the budget.
    pub fn latest(&self, at: u64, budget: &Budget) -> Result<Option<Point>> {
        let mut found = Vec::new();
        self.range(&last_at(at), budget, &mut found)?;
        Ok(found.pop())
    }

    /// As [`Series::settled`].
    pub(super) fn settled(&self, at: u64) -> Option<u64> {
        self.read().settled(at)
    }

    /// As [`Series::summary`], in short holds of the lock.
    ///
    /// # Errors
    /// Those of the budget.
    pub(super) fn summary(&self, at: u64, budget: &Budget) -> Result<Option<Summary>> {
        let series = self.read();
        if series.first_seq().is_none_or(|first| at < first) {
            return Ok(None);
        }
        if series.chunks.len() <= FEW_CHUNKS {
            return Ok(series.summary(at));
        }
        drop(series);
        let mut first = Vec::new();
        let query = RangeQuery {
            order: Order::Ascending,
            ..last_at(at)
        };
        self.range(&query, budget, &mut first)?;
        let (Some(first), Some(last)) = (first.pop(), self.latest(at, budget)?) else {
            return Ok(None);
        };
        let mut points = 0;
        let mut rest = Some(first.timestamp);
        while let Some(start) = rest {
            budget.check()?;
            rest = self.read().count_from(start, at, STEP, &mut points);
        }
        Ok(Some(Summary {
            first: first.timestamp,
            last: last.timestamp,
            points,
        }))
    }

    /// First and last timestamp of its points from `start` on and before `end` that are alive.
    /// O(log n + chunks there without such points).
    pub(super) fn alive_within(&self, start: i64, end: i64) -> Option<(i64, i64)> {
        let one = |order| {
            let query = RangeQuery {
                start,
                end,
                order,
                ..last_at(u64::MAX)
            };
            let mut found = Vec::new();
            self.read().range(&query, &mut found);
            found.pop().map(|point: Point| point.timestamp)
        };
        one(Order::Ascending).zip(one(Order::Descending))
    }

    /// Whether a point is visible at `at`, if that can be told at once, as
    /// [`Self::range_at_once`].
    pub fn shows_at_once(&self, at: u64) -> Option<bool> {
        let mut found = Vec::new();
        self.range_at_once(&last_at(at), &mut found)?;
        Some(!found.is_empty())
    }

    /// Reads a page in steps: `step` says how each of them ended, and how many points it
    /// has read.
    fn in_steps(
        &self,
        query: &RangeQuery,
        budget: &Budget,
        mut step: impl FnMut(&RangeQuery) -> Result<(End, usize)>,
    ) -> Result<Option<Resume>> {
        let mut left = query.limit;
        let mut query = *query;
        loop {
            budget.check()?;
            query.limit = left.min(PAGE);
            let (end, read) = step(&query)?;
            left -= read.min(left);
            match end {
                End::All | End::GivenUp => return Ok(None),
                End::Full(resume) if left == 0 => return Ok(Some(resume)),
                End::Full(resume) | End::Step(resume) => query = query.resume(resume),
            }
        }
    }

    /// Calls `found` with the points from `start` on and before `end` that block `seq`
    /// deleted, in order and some at a time, read in short holds of the lock.
    ///
    /// # Errors
    /// Those of the budget.
    pub fn deleted_by(
        &self,
        seq: u64,
        (start, end): (i64, i64),
        budget: &Budget,
        mut found: impl FnMut(&[Point]),
    ) -> Result<()> {
        let query = RangeQuery {
            start,
            end,
            at: seq,
            values: None,
            order: Order::Ascending,
            skip: 0,
            limit: usize::MAX,
        };
        let mut points = Vec::new();
        self.in_steps(&query, budget, |query| {
            points.clear();
            let filter = Filter::DeletedBy(seq);
            let end = self
                .read()
                .read(query, filter, Work::steps(STEP), &mut points);
            found(&points);
            Ok((end, points.len()))
        })?;
        Ok(())
    }
}

impl SharedSeries {
    /// Whether a point was written by `at`, deleted since or not. O(1).
    pub fn began_by(&self, at: u64) -> bool {
        self.read().first_seq().is_some_and(|first| first <= at)
    }

    /// The block by which a point that was written ended, if it did by `at`: of one that was
    /// brought back since, none. In short holds of the lock; O(log n + points of its timestamp).
    ///
    /// # Errors
    /// Those of the budget.
    pub fn ended_by(
        &self,
        (timestamp, point): (i64, PointRef),
        at: u64,
        budget: &Budget,
    ) -> Result<Option<u64>> {
        let query = RangeQuery {
            start: timestamp,
            end: timestamp.saturating_add(1),
            values: None,
            at,
            order: Order::Ascending,
            skip: 0,
            limit: usize::MAX,
        };
        let mut ended = None;
        self.in_steps(&query, budget, |query| {
            let mut read = 0;
            let series = self.read();
            let filter = Filter::WrittenBy(at);
            let end = series.pieces(query, filter, Work::steps(STEP), |chunk, source| {
                read += source.range.len();
                if source.seq == point.seq && chunk.points(source).any(|p| p.source == point) {
                    let ends = chunk.ends(source);
                    let by_then = ends.partition_point(|end| *end <= at);
                    ended = end_seq(ends.get(..by_then).unwrap_or_default());
                }
            });
            Ok((end, read))
        })?;
        Ok(ended)
    }

    /// Appends the points of a page that are visible at one of two sequences and not at the
    /// other, each with whether it is at the later one named, and returns where the next page
    /// begins. In short holds of the lock.
    ///
    /// # Errors
    /// Those of the budget, from whose memory the points are taken.
    pub fn changed(
        &self,
        (from, to): (u64, u64),
        query: &RangeQuery,
        budget: &Budget,
        out: &mut Vec<(bool, Point)>,
    ) -> Result<Option<Resume>> {
        let there = Filter::visible_at(to);
        self.in_steps(query, budget, |query| {
            budget.make_room(out, query.limit)?;
            let before = out.len();
            let series = self.read();
            let filter = Filter::Changed(from, to);
            let end = series.pieces(query, filter, Work::steps(STEP), |chunk, source| {
                let came = there.takes(source.seq, chunk.ends(source));
                out.extend(chunk.points(source).map(|point| (came, point)));
            });
            Ok((end, out.len() - before))
        })
    }

    /// Calls `found` with each block from one sequence to another that wrote, deleted or
    /// brought back points from `start` on and before `end`, and how many: a block may come
    /// several times. It says which sequences it still wants of these, never more than before:
    /// chunks without such are passed over. In no order, read in short holds of the lock;
    /// O(log n + chunks of the times), and O(runs) of those with such points.
    ///
    /// # Errors
    /// Those of the budget.
    pub fn touched_by(
        &self,
        mut wanted: (u64, u64),
        (start, end): (i64, i64),
        budget: &Budget,
        mut found: impl FnMut(u64, usize) -> (u64, u64),
    ) -> Result<()> {
        let query = RangeQuery {
            start,
            end,
            values: None,
            at: wanted.1,
            order: Order::Ascending,
            skip: 0,
            limit: usize::MAX,
        };
        self.in_steps(&query, budget, |query| {
            let mut read = 0;
            let series = self.read();
            let filter = Filter::TouchedBy(wanted.0, wanted.1);
            let end = series.pieces(query, filter, Work::steps(STEP), |chunk, source| {
                let points = source.range.len();
                read += points;
                if points == 0 {
                    return;
                }
                let turns = std::iter::once(source.seq).chain(chunk.ends(source).iter().copied());
                for seq in turns {
                    if (wanted.0..=wanted.1).contains(&seq) {
                        wanted = found(seq, points);
                    }
                }
            });
            Ok((end, read))
        })?;
        Ok(())
    }
}

/// For the last point that is visible at `at`.
fn last_at(at: u64) -> RangeQuery<'static> {
    RangeQuery {
        start: i64::MIN,
        // No stored timestamp is that late.
        end: i64::MAX,
        at,
        values: None,
        order: Order::Descending,
        skip: 0,
        limit: 1,
    }
}
