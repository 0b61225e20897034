//! Walking over the points of a series in columns, a chunk at a time.

use super::chunk::Chunk;
use super::filter::Filter;
use super::range::{End, Order, RangeQuery, Resume, Work};
use super::series::Series;
use super::summary::{CachedSummary, ValueSummary};
use crate::types::{Counted, ValueFilter};

/// What looking at a chunk costs, counted in points.
const CHUNK_COST: usize = 16;

/// Points of a series, one after the other, that are all visible and of values that count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch<'a> {
    /// In order; not empty.
    pub timestamps: &'a [i64],
    /// As many.
    pub values: &'a [f64],
    /// Where these are all the points of a chunk.
    cached: Option<&'a CachedSummary>,
}

impl<'a> Stretch<'a> {
    /// What the values come to, where that is known or worth knowing for later.
    pub(crate) fn summary(&self) -> Option<&'a ValueSummary> {
        self.cached?.of(self.values)
    }

    /// The points before `end`, and the others.
    pub(crate) fn split(self, end: i64) -> (Self, Self) {
        let all = self.timestamps.last().is_none_or(|&last| last < end);
        let count = match all {
            true => self.timestamps.len(),
            false => self.timestamps.partition_point(|&t| t < end),
        };
        let (timestamps, later_timestamps) = self.timestamps.split_at(count);
        let (values, later_values) = self.values.split_at(count.min(self.values.len()));
        let cached = |part: &[i64]| match part.len() == self.timestamps.len() {
            true => self.cached,
            false => None,
        };
        let before = Self {
            timestamps,
            values,
            cached: cached(timestamps),
        };
        let later = Self {
            timestamps: later_timestamps,
            values: later_values,
            cached: cached(later_timestamps),
        };
        (before, later)
    }
}

impl Series {
    /// As [`Series::range`], without where the points were written: appends their
    /// timestamps and values.
    pub fn range_columns(
        &self,
        query: &RangeQuery,
        timestamps: &mut Vec<i64>,
        values: &mut Vec<f64>,
    ) -> Option<Resume> {
        self.read_columns(query, Work::ALL, timestamps, values)
            .resume()
    }

    /// The same, as [`Series::pieces`].
    pub(super) fn read_columns(
        &self,
        query: &RangeQuery,
        work: Work,
        timestamps: &mut Vec<i64>,
        values: &mut Vec<f64>,
    ) -> End {
        let filter = Filter::visible_at(query.at);
        self.pieces(query, filter, work, |chunk, source| {
            let (times, numbers) = chunk.slices(source.range.clone());
            match query.order {
                Order::Ascending => {
                    timestamps.extend_from_slice(times);
                    values.extend_from_slice(numbers);
                }
                Order::Descending => {
                    timestamps.extend(times.iter().rev());
                    values.extend(numbers.iter().rev());
                }
            }
        })
    }

    /// Calls `sink` with the points from `start` on and before `end` that are
    /// visible at `at`, and whose values count, in order, until about `work` is done:
    /// what the sink says, 16 for every chunk, and one for each value that is looked at. Returns the timestamp to start from again if there
    /// may be more: no point at it or later was handed on. Only among points of
    /// one timestamp it does not stop.
    ///
    /// O(log n + chunks in the range), and O(runs) for each of those that shows
    /// some of its points and not all.
    ///
    /// # Errors
    /// The sink's, at once.
    pub(crate) fn walk<E>(
        &self,
        (start, end): (i64, i64),
        (at, values): (u64, Option<&ValueFilter>),
        work: usize,
        mut sink: impl FnMut(Stretch<'_>) -> Result<usize, E>,
    ) -> Result<Option<i64>, E> {
        if start >= end {
            return Ok(None);
        }
        let filter = Filter::visible_at(at);
        let mut done = 0_usize;
        let mut taken = Taken::default();
        let chunks = self.chunks.range(self.first_fence(start)..(end, 0));
        for ((fence, number), chunk) in chunks {
            // Such a fence says that no chunk before has a point at its timestamp.
            if done >= work && number == 0 && fence > start {
                return Ok(Some(fence));
            }
            done += CHUNK_COST;
            if chunk.has_none(filter) {
                continue;
            }
            let counted = chunk.counted(values);
            if counted == Counted::None {
                continue;
            }
            let mut sink = |range: std::ops::Range<usize>| match (counted, values) {
                (Counted::Some, Some(values)) => {
                    let (timestamps, numbers) = chunk.slices(range);
                    taken.fill(timestamps, numbers, values);
                    let looked = numbers.len();
                    match taken.stretch() {
                        Some(stretch) => Ok(looked + sink(stretch)?),
                        None => Ok(looked),
                    }
                }
                _ => sink(stretch(chunk, range)),
            };
            let range = chunk.count_before(start)..chunk.count_before(end);
            if range.is_empty() {
                continue;
            }
            if chunk.is_whole(filter) {
                done += sink(range)?;
                continue;
            }
            done += chunk.look_cost(filter);
            // Neighbours of different blocks are one stretch.
            let mut open = 0..0;
            for source in chunk.sources(range, filter) {
                if source.range.start == open.end {
                    open.end = source.range.end;
                    continue;
                }
                if !open.is_empty() {
                    done += sink(open)?;
                }
                open = source.range;
            }
            if !open.is_empty() {
                done += sink(open)?;
            }
        }
        Ok(None)
    }
}

/// The points of a chunk whose values count, next to each other.
#[derive(Default)]
struct Taken {
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

impl Taken {
    fn fill(&mut self, timestamps: &[i64], values: &[f64], filter: &ValueFilter) {
        self.timestamps.clear();
        self.values.clear();
        for (&timestamp, &value) in timestamps.iter().zip(values) {
            if filter.takes(value) {
                self.timestamps.push(timestamp);
                self.values.push(value);
            }
        }
    }

    fn stretch(&self) -> Option<Stretch<'_>> {
        (!self.values.is_empty()).then_some(Stretch {
            timestamps: &self.timestamps,
            values: &self.values,
            cached: None,
        })
    }
}

/// The points of a chunk at these places.
fn stretch(chunk: &Chunk, range: std::ops::Range<usize>) -> Stretch<'_> {
    let all = range.len() == chunk.len();
    let (timestamps, values) = chunk.slices(range);
    Stretch {
        timestamps,
        values,
        cached: all.then(|| chunk.summary()),
    }
}
