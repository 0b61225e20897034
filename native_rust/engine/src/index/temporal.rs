//! All series of a database, by id.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::vec::IntoIter;

use dashmap::DashMap;
use parking_lot::RwLock;

use super::chunk::PointRef;
use super::memory::{self, Held};
use super::range::Order;
use super::series::{SeriesPart, Summary};
use super::shared_series::SharedSeries;
use super::times::Times;
use super::traceless::Traceless;
use crate::budget::Budget;
use crate::error::Result;
use crate::mem::ids::number_of;
use crate::types::{PointSpan, Which};

/// A series with its id.
pub(crate) type NamedSeries = (Arc<str>, Arc<SharedSeries>);

/// One series in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesEntry {
    /// The series' id.
    pub id: Arc<str>,
    /// What it holds, if it has points.
    pub summary: Option<Summary>,
}

/// What all series hold together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Series that have points or attributes.
    pub series: u64,
    /// Points in all of them.
    pub points: u64,
    /// Their earliest and latest timestamp; absent without points.
    pub ends: Option<(i64, i64)>,
}

/// Series by id. Looking one up takes a shard of the map for a moment only; no
/// guard of the map outlives a call.
#[derive(Debug)]
pub struct TemporalIndex {
    series: DashMap<Arc<str>, Arc<SharedSeries>>,
    /// The same in the order of their ids, for walks. Its lock is held for some series at
    /// a time, and never together with a shard of the map.
    order: RwLock<BTreeMap<Arc<str>, Arc<SharedSeries>>>,
    /// Blocks about points that have left no trace in any series.
    traceless: Traceless,
    /// How many have points or attributes, published or not.
    listed: AtomicUsize,
    /// From when to when the points of each are, published or not.
    times: Times,
    size: Size,
}

/// What its memory is estimated from.
#[derive(Debug, Default)]
struct Size {
    series: AtomicUsize,
    id_bytes: AtomicUsize,
    points: AtomicUsize,
    /// Points that stand as they stand in one block.
    runs: AtomicUsize,
}

/// Shards of the map. One that is full moves its entries at once, under its lock: with
/// so many, some ten thousand of ten million.
const SHARDS: usize = 512;

impl Default for TemporalIndex {
    fn default() -> Self {
        Self {
            series: DashMap::with_shard_amount(SHARDS),
            order: RwLock::default(),
            traceless: Traceless::default(),
            listed: AtomicUsize::default(),
            times: Times::default(),
            size: Size::default(),
        }
    }
}

impl TemporalIndex {
    /// Enters the points of block `seq` into the series `id`, as
    /// [`SharedSeries::insert`], and counts what they take.
    pub fn insert(&self, id: &str, timestamps: &[i64], values: &[f64], seq: u64, step: usize) {
        let series = self.get_or_create(id);
        self.listing(&series, || series.insert(timestamps, values, seq, step));
        self.widen(&series, timestamps);
        self.count(timestamps.len(), 1);
    }

    /// Takes note of points that were entered.
    fn widen(&self, series: &SharedSeries, timestamps: &[i64]) {
        let times = timestamps.iter().copied();
        if let Some(times) = times.clone().min().zip(times.max()) {
            self.times.widen(series.number, times);
        }
    }

    /// Enters the points of block `seq`, which undoes the deletion of block `deleted_by`.
    /// They are those that it deleted, which come back where they were, with the block
    /// they are from. Where they are not, as in a copy of what a damaged journal still
    /// held, they are entered as new ones.
    pub fn bring_back(
        &self,
        id: &str,
        (timestamps, values): (&[i64], &[f64]),
        deleted_by: u64,
        seq: u64,
        step: usize,
    ) {
        let series = self.get_or_create(id);
        self.listing(&series, || {
            if series.bring_back(timestamps, deleted_by, seq, step) {
                self.count(0, 2);
            } else {
                series.insert(timestamps, values, seq, step);
                self.count(timestamps.len(), 1);
            }
        });
        self.widen(&series, timestamps);
    }

    /// Lets the points of a span die at `seq`, those that are alive, and returns how many
    /// did. Lets readers in after every `step` of work, as [`SharedSeries::insert`].
    pub fn delete(&self, span: &PointSpan, seq: u64, step: usize) -> u64 {
        let Some(series) = self.get(&span.series) else {
            return 0;
        };
        let &PointSpan { start, end, .. } = span;
        // What dies in the middle of a run leaves three of it.
        let (died, runs) = self.listing(&series, || match &span.which {
            Which::All => (series.delete(start, end, None, seq, step), 2),
            Which::Of(block) => (series.delete(start, end, Some(*block), seq, step), 2),
            Which::One { block, place } => {
                let source = PointRef {
                    seq: *block,
                    index: *place,
                };
                (series.delete_one(start, source, seq), 2)
            }
            Which::Replaced { by, timestamps } => {
                let died = series.replace(timestamps, *by, seq, step);
                (died, 2 * timestamps.len())
            }
        });
        self.count(0, runs);
        if died > 0 {
            self.narrow(&series, span);
        }
        died
    }

    /// Looks anew from when to when the points of a series are, from which those of a span
    /// were taken. O(log n + chunks that have no points now, from where the first or the last
    /// point was).
    fn narrow(&self, series: &SharedSeries, span: &PointSpan) {
        let Some((first, last)) = self.times.get(series.number) else {
            return;
        };
        if span.end <= first || last < span.start || first < span.start && span.end <= last {
            return;
        }
        let all = matches!(span.which, Which::All);
        let from = match all && span.start <= first {
            true => first.max(span.end),
            false => first,
        };
        let until = match all && last < span.end {
            true => last.saturating_add(1).min(span.start),
            false => last.saturating_add(1),
        };
        self.times
            .set(series.number, series.alive_within(from, until));
    }

    /// Takes note of block `seq`, which is above all those before and has left no trace: it
    /// deleted points, and there were none.
    pub(crate) fn note_traceless(&self, seq: u64) {
        self.traceless.push(seq);
    }

    /// Up to `limit` such blocks of a range of sequences, in order. O(log n + limit).
    pub(crate) fn traceless(&self, range: (u64, u64), order: Order, limit: usize) -> Vec<u64> {
        self.traceless.within(range, order, limit)
    }

    /// Takes note of whether a series has attributes, which it may have without points.
    pub(crate) fn note_attributes(&self, id: &str, present: bool) {
        let series = self.get_or_create(id);
        self.listing(&series, || series.note_attributes(present));
    }

    /// Appends the next part of a snapshot to one of its series.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn restore(
        &self,
        series: &SharedSeries,
        part: &SeriesPart,
    ) -> Result<(), &'static str> {
        self.count(part.timestamps.len(), part.runs.len());
        self.listing(series, || series.restore(part))?;
        if let Some(times) = part.times() {
            self.times.widen(series.number, times);
        }
        Ok(())
    }

    /// Does what changes a series, which only one thread does, and keeps the number of those
    /// that have something.
    fn listing<T>(&self, series: &SharedSeries, change: impl FnOnce() -> T) -> T {
        let before = series.is_listed();
        let changed = change();
        match (before, series.is_listed()) {
            (false, true) => self.listed.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.listed.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
        changed
    }

    /// Number of series that have points or attributes, those of unpublished blocks
    /// included. O(1).
    pub(crate) fn listed(&self) -> usize {
        self.listed.load(Ordering::Relaxed)
    }

    /// What a series shows at `at`. O(1) where nothing came or went after that; else as
    /// [`Series::summary`](super::series::Series::summary).
    ///
    /// # Errors
    /// Those of the budget.
    pub(crate) fn summary(
        &self,
        series: &SharedSeries,
        at: u64,
        budget: &Budget,
    ) -> Result<Option<Summary>> {
        // Before the look whether something came since: the series is changed before they are.
        let times = self.times.get(series.number);
        let Some(points) = series.settled(at) else {
            return series.summary(at, budget);
        };
        Ok(times.map(|(first, last)| Summary {
            points,
            first,
            last,
        }))
    }

    /// The earliest and the latest timestamp of all points that are alive, published or
    /// not. O(1).
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        self.times.all()
    }

    /// Counts what points take.
    fn count(&self, points: usize, runs: usize) {
        self.size.points.fetch_add(points, Ordering::Relaxed);
        self.size.runs.fetch_add(runs, Ordering::Relaxed);
    }

    /// Bytes of memory that it takes, roughly and rather more: see
    /// [`crate::index::memory`]. O(1).
    pub(crate) fn memory(&self) -> usize {
        memory::bytes(self.figures()) + self.traceless.len() * size_of::<u64>()
    }

    /// The same of series and of their points. O(1).
    pub(crate) fn figures(&self) -> (Held, Held) {
        let Size {
            series,
            id_bytes,
            points,
            runs,
        } = &self.size;
        let [series, id_bytes, points, runs] =
            [series, id_bytes, points, runs].map(|count| count.load(Ordering::Relaxed));
        memory::of_series(series, id_bytes, points, runs)
    }

    /// The series `id`, if anything was ever entered. It may have nothing to
    /// show yet at the published sequence. O(1).
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<SharedSeries>> {
        self.series.get(id).map(|series| Arc::clone(&series))
    }

    /// As [`Self::get`], with its id. O(1).
    #[must_use]
    pub fn find(&self, id: &str) -> Option<(Arc<str>, Arc<SharedSeries>)> {
        let found = self.series.get(id)?;
        Some((Arc::clone(found.key()), Arc::clone(&found)))
    }

    /// The series `id`, made where it is missing, which only one thread does: O(1), and
    /// O(log n) to make it.
    #[must_use]
    pub fn get_or_create(&self, id: &str) -> Arc<SharedSeries> {
        if let Some(series) = self.get(id) {
            return series;
        }
        let id: Arc<str> = id.into();
        let mut new = false;
        let number = number_of(self.len());
        let made = self.series.entry(Arc::clone(&id)).or_insert_with(|| {
            new = true;
            Arc::new(SharedSeries::numbered(number))
        });
        let series = Arc::clone(&made);
        // Whoever looks something up must not wait for a walk.
        drop(made);
        if new {
            self.times.push();
            self.size.series.fetch_add(1, Ordering::Relaxed);
            self.size.id_bytes.fetch_add(id.len(), Ordering::Relaxed);
            self.order.write().insert(id, Arc::clone(&series));
        }
        series
    }

    /// The first `count` series from that id on, by id in byte order. They may have nothing
    /// to show at the published sequence. O(log n + count).
    pub(crate) fn in_order(&self, from: Bound<&str>, count: usize) -> IntoIter<NamedSeries> {
        let order = self.order.read();
        let series = order.range::<str, _>((from, Bound::Unbounded)).take(count);
        let found: Vec<NamedSeries> = series
            .map(|(id, series)| (Arc::clone(id), Arc::clone(series)))
            .collect();
        found.into_iter()
    }

    /// Number of series that ever had anything, those of unpublished blocks included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.size.series.load(Ordering::Relaxed)
    }

    /// Whether there never was one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all series; those somebody still holds live until they let go.
    ///
    /// A shard is taken out under its lock and freed outside of it: somebody on a
    /// thread that must not wait may be about to look something up.
    pub fn clear(&self) {
        let order = std::mem::take(&mut *self.order.write());
        self.times.clear();
        self.size.series.store(0, Ordering::Relaxed);
        for shard in self.series.shards() {
            let taken = std::mem::take(&mut *shard.write());
            drop(taken);
        }
        drop(order);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64};

    use super::super::{Order, Point, RangeQuery};
    use super::*;

    #[test]
    fn lists_in_order_what_is_visible() {
        let index = TemporalIndex::default();
        for (seq, id) in (1..).zip(["b", "a", "ab", "c"]) {
            index.get_or_create(id).insert(&[7, 5], &[0.0, 1.0], seq, 1);
        }
        index.get_or_create("a").insert(&[9], &[2.0], 5, 1);
        let _empty = index.get_or_create("d");
        let budget = Budget::ample();
        let list = |at, after, limit| -> Vec<(String, u64, i64, i64)> {
            let room = |entries: &[SeriesEntry], _: &str| entries.len() < limit;
            let listed = index.list(("", after), at, &budget, room);
            let (entries, more) = listed.unwrap();
            assert!(!more || entries.len() == limit);
            let row = |e: SeriesEntry| {
                let Summary {
                    points,
                    first,
                    last,
                } = e.summary.unwrap();
                (e.id.to_string(), points, first, last)
            };
            entries.into_iter().map(row).collect()
        };
        let row = |id: &str, points, last| (id.to_owned(), points, 5, last);
        assert_eq!(
            list(5, None, 9),
            [
                row("a", 3, 9),
                row("ab", 2, 7),
                row("b", 2, 7),
                row("c", 2, 7)
            ]
        );
        assert_eq!(list(5, Some("a"), 2), [row("ab", 2, 7), row("b", 2, 7)]);
        assert_eq!(list(5, Some("aa"), 1), [row("ab", 2, 7)]);
        assert_eq!(list(2, None, 9), [row("a", 2, 7), row("b", 2, 7)]);
        assert_eq!(list(0, None, 9), []);
        let extent = |at| {
            let extent = index.extent(at, &budget, |_| false).unwrap();
            (extent.series, extent.ends)
        };
        assert_eq!(extent(0), (0, None));
        assert_eq!(extent(2), (2, Some((5, 7))));
        assert_eq!(extent(5), (4, Some((5, 9))));
        index.get_or_create("ab").insert(&[1], &[3.0], 6, 1);
        index.get_or_create("a").delete(8, 10, None, 7, 1);
        assert_eq!(extent(6), (4, Some((1, 9))));
        assert_eq!(extent(7), (4, Some((1, 7))));
        assert_eq!(index.len(), 5);
        assert!(index.get("e").is_none());
        index.clear();
        assert!(index.is_empty() && index.get("a").is_none());
    }

    /// A reader that takes the lock and then loads the published sequence sees
    /// each block whole or not at all, though they are entered in small steps.
    #[test]
    fn readers_see_whole_blocks() {
        const POINTS: i64 = 3_000;
        let series = SharedSeries::default();
        let published = AtomicU64::new(0);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for seq in 1..=20 {
                    // Interleaved with what is there: no point goes to the end.
                    let timestamps: Vec<i64> = (0..POINTS).map(|n| n * 20 - seq as i64).collect();
                    let values = vec![seq as f64; timestamps.len()];
                    series.insert(&timestamps, &values, seq, 500);
                    published.store(seq, Ordering::Release);
                }
                done.store(true, Ordering::Release);
            });
            let mut out = Vec::new();
            loop {
                let last = done.load(Ordering::Acquire);
                let guard = series.read();
                let at = published.load(Ordering::Acquire);
                let query = RangeQuery {
                    start: i64::MIN,
                    end: i64::MAX,
                    at,
                    values: None,
                    order: Order::Ascending,
                    skip: 0,
                    limit: usize::MAX,
                };
                out.clear();
                assert_eq!(guard.range(&query, &mut out), None);
                assert_eq!(out.len() as u64, at * POINTS as u64);
                assert!(out.is_sorted_by_key(|point: &Point| point.timestamp));
                if last {
                    break;
                }
            }
        });
        assert_eq!(
            series.read().summary(20).unwrap().points,
            20 * POINTS as u64
        );
    }
}
