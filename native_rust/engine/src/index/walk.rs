//! Walking over the points of a series in columns, a chunk at a time.

use std::convert::Infallible;

use super::chunk::Chunk;
use super::filter::Filter;
use super::range::{End, Order, RangeQuery, Resume, Work};
use super::series::{Part, Series, Subtree, Summary, Then};
use super::summary::{CachedSummary, ValueSummary};
use crate::types::{Counted, ValueFilter};

/// What looking at a chunk costs, counted in points.
const CHUNK_COST: usize = 16;

/// What a walk hands on: points of a series, one after the other, that are all visible and
/// of values that count.
pub(crate) enum Points<'a> {
    /// In columns.
    Stretch(Stretch<'a>),
    /// All of many chunks, by what they come to. Who does not take them so gets them again,
    /// in parts.
    Many(&'a Subtree),
    /// The same of those of many chunks that are visible, where some are not.
    Past(Past<'a>),
}

/// What is visible of many chunks at a sequence.
#[derive(Clone, Copy)]
pub(crate) struct Past<'a> {
    subtree: &'a Subtree,
    at: u64,
}

impl Past<'_> {
    /// What that comes to, and the work that it was to find that out, counted in points; nothing
    /// where it is not kept. If it `may` be, it is kept from now on where it is worth it: not for
    /// a thread that must not wait.
    pub(crate) fn then(&self, may: bool) -> Option<(Then, usize)> {
        self.subtree.then(self.at, may)
    }

    /// The timestamp of the first point of these, and one that none of them is after.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let (_, (last, _)) = self.subtree.ends()?;
        Some((self.subtree.first_at(self.at)?, last))
    }
}

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
            false => count_before(self.timestamps, end),
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
        range: (i64, i64),
        seen: (u64, Option<&ValueFilter>),
        work: usize,
        mut sink: impl FnMut(Stretch<'_>) -> Result<usize, E>,
    ) -> Result<Option<i64>, E> {
        self.walk_many(range, seen, work, |points| match points {
            Points::Stretch(stretch) => sink(stretch).map(Some),
            Points::Many(_) | Points::Past(_) => Ok(None),
        })
    }

    /// The same for a sink that takes all points of many chunks at once, where it is known
    /// what they come to: it says `None` to get them in parts. O(log n) where it takes all
    /// that lie between the ends of the range, once it is known that they are all visible, or how
    /// many are.
    ///
    /// # Errors
    /// The sink's, at once.
    pub(crate) fn walk_many<E>(
        &self,
        (start, end): (i64, i64),
        (at, values): (u64, Option<&ValueFilter>),
        work: usize,
        mut sink: impl FnMut(Points<'_>) -> Result<Option<usize>, E>,
    ) -> Result<Option<i64>, E> {
        if start >= end {
            return Ok(None);
        }
        let filter = Filter::visible_at(at);
        let mut done = 0_usize;
        let (mut strewn, mut taken) = (Taken::default(), Taken::default());
        let from = self.first_fence(start);
        let mut chunks = self.chunks.walk(from, (end, 0), Order::Ascending);
        while let Some(((fence, number), part)) = chunks.next() {
            // Such a fence says that no chunk before has a point at its timestamp.
            if done >= work && number == 0 && fence > start {
                return Ok(Some(fence));
            }
            let chunk = match part {
                Part::Chunk(chunk) => chunk,
                Part::Subtree(subtree) => {
                    let counted = subtree.counted(values);
                    let spared = match counted {
                        _ if subtree.has_none(filter) => Some(0),
                        Counted::None => Some(0),
                        Counted::All if subtree.is_within(start, end) => {
                            sink(match subtree.is_whole(filter) {
                                true => Points::Many(subtree),
                                false => Points::Past(Past { subtree, at }),
                            })?
                        }
                        _ => None,
                    };
                    if let Some(work) = spared {
                        chunks.pass_over();
                        done += CHUNK_COST + work;
                    }
                    continue;
                }
            };
            done += CHUNK_COST;
            if chunk.has_none(filter) {
                continue;
            }
            let counted = chunk.counted(values);
            if counted == Counted::None {
                continue;
            }
            let mut hand_on = |points: Stretch<'_>| -> Result<usize, E> {
                let mut looked = 0;
                let points = match (counted, values) {
                    (Counted::Some, Some(values)) => {
                        looked = points.values.len();
                        taken.fill(&points, values);
                        taken.stretch()
                    }
                    _ => Some(points),
                };
                let Some(points) = points else {
                    return Ok(looked);
                };
                // Points themselves are always taken.
                Ok(looked + sink(Points::Stretch(points))?.unwrap_or(0))
            };
            let range = chunk.count_before(start)..chunk.count_before(end);
            if range.is_empty() {
                continue;
            }
            if chunk.is_whole(filter) {
                done += hand_on(stretch(chunk, range))?;
                continue;
            }
            done += chunk.look_cost(filter);
            // Neighbours of different blocks are one stretch; what is strewn is brought together.
            strewn.clear();
            let mut open = 0..0;
            for source in chunk.sources(range, filter) {
                if source.range.start != open.end {
                    strewn.add(&stretch(chunk, open));
                    open = source.range.start..source.range.start;
                }
                open.end = source.range.end;
            }
            let last = stretch(chunk, open);
            let points = if strewn.values.is_empty() {
                last
            } else {
                strewn.add(&last);
                strewn.stretch().unwrap_or(last)
            };
            if !points.values.is_empty() {
                done += hand_on(points)?;
            }
        }
        Ok(None)
    }

    /// Count and ends of the points visible at `at`; `None` when there are none.
    /// As [`Series::count_from`].
    #[must_use]
    pub fn summary(&self, at: u64) -> Option<Summary> {
        let (first, last) = self.ends(at)?;
        let mut points = 0;
        self.count_from(first, at, usize::MAX, &mut points);
        Some(Summary {
            first,
            last,
            points,
        })
    }

    /// Adds to `count` how many points are visible at `at` from `start` on, as
    /// [`Series::walk_many`], and returns where to go on. O(log n) where few chunks have points
    /// that are visible and others that are not, or where they were counted as of earlier before.
    pub(super) fn count_from(
        &self,
        start: i64,
        at: u64,
        work: usize,
        count: &mut u64,
    ) -> Option<i64> {
        // No stored timestamp is that late.
        let range = (start, i64::MAX);
        let walked = self.walk_many(range, (at, None), work, |points| {
            let (points, work) = match points {
                Points::Stretch(points) => (Some(points.values.len() as u64), 0),
                Points::Many(many) => (many.points(), 0),
                Points::Past(past) => past
                    .then(true)
                    .map_or((None, 0), |(then, work)| (Some(then.points), work)),
            };
            *count += points.unwrap_or(0);
            Ok::<_, Infallible>(points.map(|_| work))
        });
        match walked {
            Ok(rest) => rest,
            Err(never) => match never {},
        }
    }
}

/// How many of these timestamps, which ascend, are before `end`. O(log of that): buckets take a
/// few of many at a time.
fn count_before(timestamps: &[i64], end: i64) -> usize {
    let (mut from, mut to) = (0, 8);
    while timestamps.get(to - 1).is_some_and(|&t| t < end) {
        (from, to) = (to, 2 * to);
    }
    let within = timestamps.get(from..to.min(timestamps.len()));
    from + within.unwrap_or_default().partition_point(|&t| t < end)
}

/// Points of a chunk that count, brought together.
#[derive(Default)]
struct Taken {
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

impl Taken {
    fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }

    /// Takes points after those it has.
    fn add(&mut self, points: &Stretch<'_>) {
        self.timestamps.extend_from_slice(points.timestamps);
        self.values.extend_from_slice(points.values);
    }

    /// Takes the points alone whose values count.
    fn fill(&mut self, points: &Stretch<'_>, filter: &ValueFilter) {
        self.clear();
        for (&timestamp, &value) in points.timestamps.iter().zip(points.values) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn those_before_an_end_are_as_many_as_a_look_at_each_finds(
            mut timestamps in proptest::collection::vec(0..300_i64, 0..200),
            end in -1..302_i64,
        ) {
            timestamps.sort_unstable();
            let expected = timestamps.iter().filter(|&&t| t < end).count();
            prop_assert_eq!(count_before(&timestamps, end), expected);
        }
    }
}
