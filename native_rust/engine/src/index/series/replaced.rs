//! Points by their timestamps and by where they were written: which are there, and letting
//! them die in favour of others.

use std::ops::Range;

use super::super::chunk::{Chunk, Point, PointRef};
use super::super::filter::Filter;
use super::super::lives::end_seq;
use super::{Fence, PLACE_COST, Series};

/// Points that are there now.
const NOW: Filter = Filter::VisibleAt(u64::MAX - 1);

impl Series {
    /// Calls `found` with all points at `timestamps`, which ascend, that are there at
    /// sequence `at`; in order. O(log n) a timestamp, and O(1) where they are later than all
    /// there are.
    pub(crate) fn there(&self, timestamps: &[i64], at: u64, mut found: impl FnMut(Point)) {
        let filter = Filter::visible_at(at);
        let mut next = 0;
        while let Some((fence, group)) = self.group(timestamps, next) {
            let Some(chunk) = self.chunks.get(fence) else {
                break;
            };
            for &timestamp in timestamps.get(group.clone()).unwrap_or_default() {
                let places = chunk.places(timestamp);
                if places.start == 0 {
                    self.there_before(fence, timestamp, filter, &mut found);
                }
                for source in chunk.sources(places, filter) {
                    chunk.points(&source).for_each(&mut found);
                }
            }
            next = group.end;
        }
    }

    /// The same of one timestamp in the chunks before `fence`.
    fn there_before(
        &self,
        fence: Fence,
        timestamp: i64,
        filter: Filter,
        found: &mut impl FnMut(Point),
    ) {
        let mut chunks = Vec::new();
        let mut next = self.chunks.before(fence);
        while let Some(fence) = next
            && let Some(chunk) = self.chunks.get(fence)
            && chunk.last() == Some(timestamp)
        {
            chunks.push(chunk);
            next = self.chunks.before(fence);
        }
        while let Some(chunk) = chunks.pop() {
            for source in chunk.sources(chunk.places(timestamp), filter) {
                chunk.points(&source).for_each(&mut *found);
            }
        }
    }

    /// Timestamps from place `next` on whose last points are in one chunk: its fence, and
    /// their places.
    fn group(&self, timestamps: &[i64], next: usize) -> Option<(Fence, Range<usize>)> {
        let &first = timestamps.get(next)?;
        let fence = self.fence_of(first);
        let count = match self.chunks.after(fence) {
            None => timestamps.len() - next,
            Some((until, _)) => timestamps
                .get(next..)
                .unwrap_or_default()
                .partition_point(|timestamp| *timestamp < until),
        };
        Some((fence, next..next + count.max(1)))
    }

    /// At each of `timestamps`, which ascend, lets all points die at `seq` that are there
    /// but the last one of block `by`, and does nothing where that has none; from place
    /// `from` on, until about `work` is done, as [`Series::insert`]. Returns how many died,
    /// and the place to go on from.
    pub(in super::super) fn replace(
        &mut self,
        (timestamps, by): (&[i64], u64),
        seq: u64,
        from: usize,
        work: usize,
    ) -> (u64, usize) {
        let (mut died, mut done, mut next) = (0, 0, from);
        while done < work
            && let Some((fence, group)) = self.group(timestamps, next)
        {
            // A chunk has its fill of work, so no more than that of timestamps is taken.
            let end = group.end.min(next + work.saturating_sub(done).max(1));
            let Some(chunk) = self.chunks.get_mut(fence) else {
                return (died, timestamps.len());
            };
            let mut dying = Vec::new();
            let mut earlier = None;
            for &timestamp in timestamps.get(next..end).unwrap_or_default() {
                let places = chunk.places(timestamp);
                let Some(last) = chunk.last_of(places.clone(), by) else {
                    continue;
                };
                if places.start == 0 {
                    earlier = Some(timestamp);
                }
                dying.push(places.start..last);
                dying.push(last + 1..places.end);
            }
            died += chunk.turn_places(&dying, seq, |_, ends| end_seq(ends).is_none()) as u64;
            done += end - next + PLACE_COST + chunk.len();
            next = end;
            let mut before = self.chunks.before(fence);
            while let Some(timestamp) = earlier
                && let Some(fence) = before
                && let Some(chunk) = self.chunks.get_mut(fence)
                && chunk.last() == Some(timestamp)
            {
                let places = chunk.places(timestamp);
                died += chunk.turn_places(&[places], seq, |_, ends| end_seq(ends).is_none()) as u64;
                done += chunk.len();
                before = self.chunks.before(fence);
            }
        }
        self.note_died(died, seq);
        (died, next)
    }

    /// Lets one point die at `seq`, if it is there. Returns how many did.
    pub(in super::super) fn delete_one(
        &mut self,
        timestamp: i64,
        source: PointRef,
        seq: u64,
    ) -> u64 {
        let mut next = self.chunks.before((timestamp, u32::MAX));
        let mut died = 0;
        while died == 0
            && let Some(fence) = next
            && let Some(chunk) = self.chunks.get_mut(fence)
        {
            let places = chunk.places(timestamp);
            if let Some(place) = chunk.place_of(places.clone(), source) {
                let one = place..place + 1;
                died = chunk.turn_places(&[one], seq, |_, _| true) as u64;
            }
            if places.start > 0 {
                break;
            }
            next = self.chunks.before(fence);
        }
        self.note_died(died, seq);
        died
    }
}

impl Chunk {
    /// The places of the points at a timestamp.
    fn places(&self, timestamp: i64) -> Range<usize> {
        self.count_before(timestamp)..self.count_until(timestamp)
    }

    /// The place of the last point that is there now, of those that block `by` wrote.
    fn last_of(&self, places: Range<usize>, by: u64) -> Option<usize> {
        let mut sources = self.sources(places, NOW).rev();
        sources
            .find(|source| source.seq == by)
            .map(|source| source.range.end - 1)
    }

    /// The place of a point that is there now.
    fn place_of(&self, places: Range<usize>, point: PointRef) -> Option<usize> {
        self.sources(places, NOW).find_map(|source| {
            let nth = point.index.checked_sub(source.index)? as usize;
            let here = source.seq == point.seq && nth < source.range.len();
            here.then_some(source.range.start + nth)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::range::{Order, RangeQuery};
    use super::super::SortedPoints;
    use super::*;

    /// All points that are there, as timestamp, block and place.
    fn alive(series: &Series) -> Vec<(i64, u64, u32)> {
        let query = RangeQuery {
            start: i64::MIN,
            end: i64::MAX,
            at: u64::MAX,
            order: Order::Ascending,
            skip: 0,
            limit: usize::MAX,
            values: None,
        };
        let mut out = Vec::new();
        series.range(&query, &mut out);
        let row = |p: &Point| (p.timestamp, p.source.seq, p.source.index);
        out.iter().map(row).collect()
    }

    fn replace(series: &mut Series, timestamps: &[i64], by: u64, seq: u64, work: usize) -> u64 {
        let (mut died, mut next) = (0, 0);
        while next < timestamps.len() {
            let (more, place) = series.replace((timestamps, by), seq, next, work);
            (died, next) = (died + more, place);
        }
        died
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Few timestamps with thousands of points each, so that those of one span chunks.
        #[test]
        fn the_last_of_a_block_is_left(
            blocks in prop::collection::vec((0_i64..40, 1_i64..60, 1_usize..1_500), 1..8),
            work in 1_usize..5_000,
            one in any::<prop::sample::Index>(),
        ) {
            let (mut series, mut plain, mut seq) = (Series::default(), Vec::new(), 0);
            for (first, spread, count) in blocks {
                seq += 1;
                let times: Vec<i64> = (0..count as i64).map(|i| first + (i * 7) % spread).collect();
                let values = vec![0.5; count];
                let sorted = SortedPoints::new(&times, &values, seq);
                series.insert(&sorted, 0, usize::MAX);
                plain.extend(times.iter().zip(0..).map(|(t, place)| (*t, seq, place)));
                plain.sort_unstable();
                prop_assert_eq!(&alive(&series), &plain);
                let mut at = times.clone();
                at.sort_unstable();
                at.dedup();
                let mut there = Vec::new();
                series.there(&at, u64::MAX, |p| there.push((p.timestamp, p.source.seq, p.source.index)));
                let own: Vec<_> = plain.iter().copied().filter(|(t, ..)| at.binary_search(t).is_ok()).collect();
                prop_assert_eq!(&there, &own);
                let by = seq;
                seq += 1;
                let died = replace(&mut series, &at, by, seq, work);
                let before = plain.len();
                let last = |t: i64| own.iter().filter(|(at, s, _)| *at == t && *s == by).map(|p| p.2).max();
                plain.retain(|(t, s, place)| last(*t).is_none_or(|last| (*s, *place) == (by, last)));
                prop_assert_eq!(died as usize, before - plain.len());
                prop_assert_eq!(&alive(&series), &plain);
            }
            let (timestamp, block, place) = plain.remove(one.index(plain.len()));
            let source = PointRef { seq: block, index: place };
            seq += 1;
            prop_assert_eq!(series.delete_one(timestamp, source, seq), 1);
            prop_assert_eq!(series.delete_one(timestamp, source, seq + 1), 0);
            prop_assert_eq!(&alive(&series), &plain);
        }
    }
}
