//! Series in the order of their ids, some at a time.

use std::ops::Bound;
use std::sync::Arc;
use std::vec::IntoIter;

#[cfg(test)]
use super::temporal::SeriesEntry;
use super::temporal::{Extent, NamedSeries, TemporalIndex};
use crate::budget::Budget;
use crate::error::Result;

/// Series that are taken under one hold of the lock: some microseconds.
const SOME: usize = 128;

/// Goes through the series whose ids begin alike, by id in byte order: O(log n) to
/// begin, and O(1) for each. They may have nothing to show at the published sequence.
#[derive(Debug)]
pub struct InOrder<'q> {
    index: &'q TemporalIndex,
    prefix: &'q str,
    budget: &'q Budget,
    /// From where on to look for more, if there may be more.
    from: Option<From>,
    next: IntoIter<NamedSeries>,
}

#[derive(Debug)]
enum From {
    At(Box<str>),
    Behind(Arc<str>),
}

impl<'q> InOrder<'q> {
    /// The series whose ids begin with `prefix`, from after the id `after` on, which
    /// need not exist.
    #[must_use]
    pub fn after(
        index: &'q TemporalIndex,
        prefix: &'q str,
        after: Option<&str>,
        budget: &'q Budget,
    ) -> Self {
        let walk = Self::starting_at(index, prefix, prefix, budget);
        match after {
            // One before the prefix is none of those.
            Some(after) if after >= prefix => Self {
                from: Some(From::Behind(after.into())),
                ..walk
            },
            _ => walk,
        }
    }

    /// As [`InOrder::after`], the id `first` with them.
    #[must_use]
    pub fn starting_at(
        index: &'q TemporalIndex,
        prefix: &'q str,
        first: &str,
        budget: &'q Budget,
    ) -> Self {
        Self {
            index,
            prefix,
            budget,
            from: Some(From::At(first.max(prefix).into())),
            next: Vec::new().into_iter(),
        }
    }

    /// The next one, if there is one.
    ///
    /// # Errors
    /// Those of the budget.
    pub fn next(&mut self) -> Result<Option<NamedSeries>> {
        self.budget.step()?;
        if self.next.len() == 0
            && let Some(from) = self.from.take()
        {
            let bound = match &from {
                From::At(id) => Bound::Included(&**id),
                From::Behind(id) => Bound::Excluded(&**id),
            };
            self.next = self.index.in_order(bound, SOME);
            if self.next.len() == SOME {
                let last = self.next.as_slice().last();
                self.from = last.map(|(id, _)| From::Behind(Arc::clone(id)));
            }
        }
        let next = self.next.next();
        if next
            .as_ref()
            .is_some_and(|(id, _)| !id.starts_with(self.prefix))
        {
            self.next = Vec::new().into_iter();
            self.from = None;
            return Ok(None);
        }
        Ok(next)
    }
}

impl TemporalIndex {
    /// Series that show a point at `at` and whose ids begin with a prefix, by id in byte
    /// order, after another id, which need not exist; for as long as there is `room` beside
    /// those before. And whether there are more. Some `many` are probably wanted.
    ///
    /// O(n) in the number of series, and [`Series::summary`] for each one listed: not
    /// for a thread that must not wait.
    ///
    /// # Errors
    /// Those of the budget.
    #[cfg(test)]
    pub(crate) fn list(
        &self,
        (prefix, after): (&str, Option<&str>),
        at: u64,
        budget: &Budget,
        mut room: impl FnMut(&[SeriesEntry], &str) -> bool,
    ) -> Result<(Vec<SeriesEntry>, bool)> {
        let mut found = InOrder::after(self, prefix, after, budget);
        let mut entries = Vec::new();
        while let Some((id, series)) = found.next()? {
            if series.latest(at, budget)?.is_none() {
                continue;
            }
            if !room(&entries, &id) {
                return Ok((entries, true));
            }
            let summary = series.read().summary(at);
            budget.make_room(&mut entries, 1)?;
            entries.push(SeriesEntry { id, summary });
        }
        Ok((entries, false))
    }

    /// How many series show a point at `at` or have attributes, how many points those are,
    /// and from when to when.
    ///
    /// O(n) in the number of series, [`Series::summary`] for each: not for a thread
    /// that must not wait.
    ///
    /// # Errors
    /// Those of the budget.
    pub fn extent(
        &self,
        at: u64,
        budget: &Budget,
        has_attributes: impl Fn(&str) -> bool,
    ) -> Result<Extent> {
        let mut all = InOrder::after(self, "", None, budget);
        let mut extent = Extent::default();
        while let Some((id, series)) = all.next()? {
            let summary = series.summary(at, budget)?;
            extent.series += u64::from(summary.is_some() || has_attributes(&id));
            if let Some(summary) = summary {
                let (first, last) = (summary.first, summary.last);
                extent.points += summary.points;
                let (begin, end) = extent.ends.unwrap_or((first, last));
                extent.ends = Some((begin.min(first), end.max(last)));
            }
        }
        Ok(extent)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// The shortest of some times that a page in the middle takes.
    fn page_time(index: &TemporalIndex, series: usize) -> Duration {
        let budget = Budget::ample();
        let times = (0..50).map(|_| {
            let begun = Instant::now();
            let after = format!("s{:07}", series / 2);
            let room = |entries: &[SeriesEntry], _: &str| entries.len() < 100;
            let page = index.list(("s", Some(&after)), 1, &budget, room);
            assert_eq!(page.unwrap().0.len(), 100);
            begun.elapsed()
        });
        times.min().unwrap()
    }

    #[test]
    fn a_page_costs_the_same_however_many_series_there_are() {
        let index = TemporalIndex::default();
        let mut times = Vec::new();
        for (from, to) in [(0, 3_000), (3_000, 100_000)] {
            for n in from..to {
                index.insert(&format!("s{n:07}"), &[7], &[1.0], 1, 1);
            }
            times.push(page_time(&index, to));
        }
        // 33 times as many.
        assert!(times[1] < 8 * times[0], "{times:?}");
    }

    #[test]
    fn all_come_in_order() {
        let index = TemporalIndex::default();
        let mut ids: Vec<String> = (0..5_000)
            .map(|n| format!("s{}", n * 7_919 % 5_003))
            .collect();
        for id in &ids {
            let _new = index.get_or_create(id);
        }
        let _other = index.get_or_create("t1");
        ids.sort_unstable();
        let budget = Budget::ample();
        let all = |mut walk: InOrder<'_>| {
            let mut found = Vec::new();
            while let Some((id, _)) = walk.next().unwrap() {
                found.push(id.to_string());
            }
            found
        };
        let (middle, behind) = (&ids[2_500], format!("{}!", ids[2_500]));
        let after = |prefix, id| all(InOrder::after(&index, prefix, id, &budget));
        assert_eq!(after("s", None), ids);
        assert_eq!(after("s", Some("r")), ids);
        assert_eq!(after("s", Some(middle)), ids[2_501..]);
        assert_eq!(after("s", Some(&behind)), ids[2_501..]);
        let none: [String; 0] = [];
        assert_eq!(after("s", Some("t")), none);
        let walk = InOrder::starting_at(&index, "s", middle, &budget);
        assert_eq!(all(walk), ids[2_500..]);
        for prefix in ["s12", "s1", "s4999", "t", "u", ""] {
            let with = |id: &&String| id.starts_with(prefix);
            let mut expected: Vec<&String> = ids.iter().filter(with).collect();
            let t1 = "t1".to_owned();
            expected.extend(Some(&t1).filter(with));
            assert_eq!(after(prefix, None).iter().collect::<Vec<_>>(), expected);
        }
    }
}
