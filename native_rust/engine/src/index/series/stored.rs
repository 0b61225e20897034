//! Reading the points out for a snapshot, and taking them in from one.

use super::{Filter, Order, RangeQuery, Resume, Series};
use crate::index::chunk::{Chunk, Columns};
use crate::index::range::Work;

/// Some points of a series as a snapshot has them, in order of timestamp, equal
/// ones in order of arrival, and in which blocks they came and went.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct SeriesPart {
    /// Microseconds since the epoch.
    pub timestamps: Vec<i64>,
    /// As many values.
    pub values: Vec<f64>,
    /// One after the other, they cover all points.
    pub runs: Vec<PartRun>,
}

/// Points of one block that stand as they stand in it, and that died together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRun {
    /// Number of points.
    pub len: u32,
    /// Sequence of their block.
    pub seq: u64,
    /// Sequences of the blocks that deleted them and brought them back, in turn.
    pub ends: Vec<u64>,
    /// Place of the first in their block.
    pub index: u32,
}

impl SeriesPart {
    /// From when to when its points are that are alive.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let mut from = 0;
        let mut times: Option<(i64, i64)> = None;
        for run in &self.runs {
            let to = from + run.len as usize;
            let points = self.timestamps.get(from..to).unwrap_or_default();
            if let (true, Some(&first), Some(&last)) = (
                run.ends.len().is_multiple_of(2),
                points.first(),
                points.last(),
            ) {
                times = Some((times.map_or(first, |(earliest, _)| earliest), last));
            }
            from = to;
        }
        times
    }
}

impl PartRun {
    /// How many of its points are alive.
    pub(crate) fn alive(&self) -> u64 {
        match self.ends.len().is_multiple_of(2) {
            true => u64::from(self.len),
            false => 0,
        }
    }

    /// The last block that concerns them.
    pub(crate) fn last(&self) -> u64 {
        self.ends
            .last()
            .map_or(self.seq, |last| self.seq.max(*last))
    }
}

impl Series {
    /// Fills `part` with up to `limit` points that blocks up to `by` wrote, deleted
    /// or not, from `resume` on. Returns where the next part begins, if there is
    /// one, whatever was written in between. Deletions after `by` do not count.
    /// O(log n + points).
    pub fn stored_part(
        &self,
        by: u64,
        resume: Option<Resume>,
        limit: usize,
        part: &mut SeriesPart,
    ) -> Option<Resume> {
        part.timestamps.clear();
        part.values.clear();
        part.runs.clear();
        let all = RangeQuery {
            start: i64::MIN,
            // No stored timestamp is that late.
            end: i64::MAX,
            at: by,
            values: None,
            order: Order::Ascending,
            skip: 0,
            limit,
        };
        let query = resume.map_or(all, |resume| all.resume(resume));
        let end = self.pieces(&query, Filter::WrittenBy(by), Work::ALL, |chunk, source| {
            let Columns { timestamps, values } = chunk.columns(source);
            part.timestamps.extend_from_slice(timestamps);
            part.values.extend_from_slice(values);
            if !timestamps.is_empty() {
                let ends = chunk.ends(source);
                let by_then = ends.partition_point(|end| *end <= by);
                part.runs.push(PartRun {
                    len: timestamps.len() as u32,
                    seq: source.seq,
                    ends: ends.get(..by_then).unwrap_or_default().to_vec(),
                    index: source.index,
                });
            }
        });
        end.resume()
    }

    /// Appends the next part of a snapshot. Linear in points and runs.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn restore(&mut self, part: &SeriesPart) -> Result<(), &'static str> {
        let columns = (part.timestamps.len(), part.values.len());
        let covered: u64 = part.runs.iter().map(|run| u64::from(run.len)).sum();
        if columns.0 != columns.1 || columns.0 as u64 != covered {
            return Err("the columns of a series differ in length");
        }
        let last = self.chunks.last().and_then(Chunk::last);
        let first = part.timestamps.first().copied();
        if !part.timestamps.is_sorted() || first.is_some() && first < last {
            return Err("the points of a series are out of order");
        }
        let mut from = 0;
        for run in &part.runs {
            let ends = run.ends.iter();
            let turns: Vec<&u64> = std::iter::once(&run.seq).chain(ends).collect();
            if !turns.is_sorted_by(|one, next| one < next) {
                return Err("a point was deleted before it was written");
            }
            if run.index.checked_add(run.len).is_none() {
                return Err("a block has more points than blocks have");
            }
            self.append(part, from, run);
            self.alive += run.alive();
            self.note_first(run.seq);
            from += run.len as usize;
            let deaths = run.ends.iter().step_by(2);
            self.touched = self.touched.max(run.last());
            self.last_delete = self.last_delete.max(deaths.max().copied().unwrap_or(0));
        }
        Ok(())
    }

    /// Appends the points of a run, which stand in `part` from place `from` on.
    fn append(&mut self, part: &SeriesPart, from: usize, run: &PartRun) {
        let to = from + run.len as usize;
        let (mut next, mut index) = (from, run.index);
        while let Some(&timestamp) = part.timestamps.get(next..to).and_then(<[i64]>::first) {
            let fence = self.make_room(timestamp);
            let end = self.chunks.change(fence, |chunk| {
                let end = to.min(next + chunk.room());
                let points = Columns {
                    timestamps: part.timestamps.get(next..end).unwrap_or_default(),
                    values: part.values.get(next..end).unwrap_or_default(),
                };
                chunk.append(points, run.seq, &run.ends, index);
                end
            });
            index = index.saturating_add((end - next) as u32);
            next = end;
        }
    }
}
