//! Reading a time range page by page.

use std::ops::Range;

use super::chunk::{BlockSource, Chunk, Point};
use super::filter::Filter;
use crate::types::{Counted, ValueFilter};

/// Which way a range is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// By timestamp, equal ones in order of arrival.
    Ascending,
    /// Exactly the reverse.
    Descending,
}

/// A page of a time range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RangeQuery<'v> {
    /// First timestamp that counts.
    pub start: i64,
    /// First timestamp that no longer counts. Not after `start`: no points.
    pub end: i64,
    /// Points that are not visible at this sequence do not count.
    pub at: u64,
    /// Those with other values do not count either, if it is given.
    pub values: Option<&'v ValueFilter>,
    /// Which way to read.
    pub order: Order,
    /// How many of the points of the first timestamp in that order (`start`, or
    /// `end - 1` when descending) to pass over: those earlier pages had.
    pub skip: u64,
    /// Most points to read.
    pub limit: usize,
}

impl RangeQuery<'_> {
    /// The same range from `resume` on, never more than it.
    #[must_use]
    pub fn resume(self, resume: Resume) -> Self {
        let Resume { edge, skip } = resume;
        let (start, end) = match self.order {
            Order::Ascending => (self.start.max(edge), self.end),
            Order::Descending => (self.start, self.end.min(edge)),
        };
        Self {
            start,
            end,
            skip,
            ..self
        }
    }

    /// Where the page after these points begins, the first ones of the range.
    #[must_use]
    pub fn behind(&self, points: &[Point]) -> Option<Resume> {
        let last = points.last()?.timestamp;
        let same = points.iter().rev().take_while(|p| p.timestamp == last);
        let earlier = if last == self.first_timestamp() {
            self.skip
        } else {
            0
        };
        Some(Resume {
            edge: match self.order {
                Order::Ascending => last,
                // Of a point in the range, so there is a timestamp after it.
                Order::Descending => last.saturating_add(1),
            },
            skip: earlier.saturating_add(same.count() as u64),
        })
    }

    /// The timestamp `skip` is about.
    fn first_timestamp(&self) -> i64 {
        match self.order {
            Order::Ascending => self.start,
            Order::Descending => self.end.saturating_sub(1),
        }
    }
}

/// Where the next page of a range begins. With the same `at`, pages neither skip
/// nor repeat a point, whatever is written between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// The `start` of the next page, or its `end` when descending.
    pub edge: i64,
    /// Its `skip`.
    pub skip: u64,
}

/// How much work a walk may do under one hold of the lock: a point that is read is one,
/// a run of points that is passed over too, and a chunk 64 more, or 16 where none of its
/// points is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    /// It stops at the next place from which another walk can go on.
    pub step: usize,
    /// It is given up, wherever it is.
    pub most: usize,
}

impl Work {
    /// However much it is.
    pub(super) const ALL: Self = Self::steps(usize::MAX);

    /// In steps, but all of it in the end.
    pub(super) const fn steps(step: usize) -> Self {
        Self {
            step,
            most: usize::MAX,
        }
    }

    /// That much, or none.
    pub(super) const fn at_most(most: usize) -> Self {
        Self {
            step: usize::MAX,
            most,
        }
    }
}

/// How a walk for a page came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There are no more points.
    All,
    /// The page is full, and a point is left over: where the next page begins.
    Full(Resume),
    /// The step is done: where to go on for the same page.
    Step(Resume),
    /// It is more work than it may be.
    GivenUp,
}

impl End {
    /// Where the next page begins, after a walk that was not bounded.
    pub(super) fn resume(self) -> Option<Resume> {
        match self {
            Self::Full(resume) | Self::Step(resume) => Some(resume),
            Self::All | Self::GivenUp => None,
        }
    }
}

/// What a query reads of a chunk, of the points that `filter` takes.
pub(super) fn sources<'a>(
    chunk: &'a Chunk,
    query: &RangeQuery<'_>,
    filter: Filter,
) -> impl DoubleEndedIterator<Item = BlockSource> + use<'a> {
    let range = match chunk.has_none(filter) {
        // Spare the look for its places.
        true => 0..0,
        false => chunk.count_before(query.start)..chunk.count_before(query.end),
    };
    chunk.sources(range, filter)
}

/// Where values stand next to each other that count.
fn counted_runs(values: &[f64], filter: &ValueFilter) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (place, _) in values.iter().enumerate().filter(|(_, x)| filter.takes(**x)) {
        match runs.last_mut() {
            Some(run) if run.end == place => run.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

/// A page being read: what goes into it is handed on piece by piece.
pub(super) struct Page<'a, F> {
    query: &'a RangeQuery<'a>,
    /// How many more points it takes.
    room: usize,
    /// Points at the first timestamp yet to be passed over.
    skip: u64,
    /// Where the page after this one begins.
    last: i64,
    same: u64,
    sink: F,
}

impl<'a, F: FnMut(&Chunk, &BlockSource)> Page<'a, F> {
    /// `sink` is called with pieces in the order of the query; those of a
    /// descending one are ascending in themselves.
    pub(super) fn new(query: &'a RangeQuery<'a>, sink: F) -> Self {
        Self {
            query,
            room: query.limit,
            skip: query.skip,
            last: query.first_timestamp(),
            same: query.skip,
            sink,
        }
    }

    /// Points in it.
    pub(super) fn taken(&self) -> usize {
        self.query.limit - self.room
    }

    /// Adds the points of a source whose values count, until the page is full. Returns
    /// whether some were left over. Linear, unless `counted` says it of all.
    pub(super) fn add_counted(
        &mut self,
        chunk: &Chunk,
        source: BlockSource,
        counted: Counted,
    ) -> bool {
        let values = match (counted, self.query.values) {
            (Counted::None, _) => return false,
            (Counted::Some, Some(values)) => values,
            _ => return self.add(chunk, source),
        };
        let runs = counted_runs(chunk.columns(&source).values, values);
        let part = |run: Range<usize>| {
            let mut part = source.clone();
            part.drop_last(source.range.len() - run.end);
            part.drop_first(run.start);
            part
        };
        match self.query.order {
            Order::Ascending => runs.into_iter().any(|run| self.add(chunk, part(run))),
            Order::Descending => runs.into_iter().rev().any(|run| self.add(chunk, part(run))),
        }
    }

    /// Adds points until the page is full. Returns whether some were left over.
    fn add(&mut self, chunk: &Chunk, mut source: BlockSource) -> bool {
        self.pass_over(chunk, &mut source);
        let left_over = source.range.len().saturating_sub(self.room);
        match self.query.order {
            Order::Ascending => source.drop_last(left_over),
            Order::Descending => source.drop_first(left_over),
        }
        self.room -= source.range.len();
        self.note_last(chunk.timestamps(&source));
        (self.sink)(chunk, &source);
        left_over > 0
    }

    /// Takes off `source` what earlier pages had of the first timestamp.
    fn pass_over(&mut self, chunk: &Chunk, source: &mut BlockSource) {
        if self.skip == 0 {
            return;
        }
        let first = self.query.first_timestamp();
        let timestamps = chunk.timestamps(source);
        let at_first = match self.query.order {
            Order::Ascending => timestamps.partition_point(|&t| t <= first),
            Order::Descending => timestamps.len() - timestamps.partition_point(|&t| t < first),
        };
        let passed = at_first.min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        match self.query.order {
            Order::Ascending => source.drop_first(passed),
            Order::Descending => source.drop_last(passed),
        }
        self.skip -= passed as u64;
    }

    /// Remembers the last timestamp of the page and how many points it has there.
    fn note_last(&mut self, added: &[i64]) {
        let last = match self.query.order {
            Order::Ascending => added.last(),
            Order::Descending => added.first(),
        };
        let Some(&last) = last else { return };
        let same = match self.query.order {
            Order::Ascending => added.len() - added.partition_point(|&t| t < last),
            Order::Descending => added.partition_point(|&t| t <= last),
        };
        let before = if last == self.last { self.same } else { 0 };
        self.last = last;
        self.same = before.saturating_add(same as u64);
    }

    /// Where the page after this one begins.
    pub(super) fn resume(&self) -> Resume {
        Resume {
            edge: match self.query.order {
                Order::Ascending => self.last,
                // Of a point in the range, so there is a timestamp after it.
                Order::Descending => self.last.saturating_add(1),
            },
            skip: self.same,
        }
    }
}
