//! Series in the order of their ids, some at a time.

use std::sync::Arc;

use super::shared_series::SharedSeries;
use super::temporal::{SeriesEntry, TemporalIndex};
use crate::budget::Budget;
use crate::error::Result;

/// A series with its id.
type NamedSeries = (Arc<str>, Arc<SharedSeries>);

/// Goes through the series whose ids begin alike, by id in byte order. They may have
/// nothing to show at the published sequence.
///
/// The map has no order, so the least ids are gathered by looking at all: O(n) in the
/// number of all series, and memory for those that are gathered. Each time it is four
/// times as many as the time before, so that reading all costs some log n of such
/// looks.
#[derive(Debug)]
pub struct InOrder<'q> {
    index: &'q TemporalIndex,
    prefix: &'q str,
    budget: &'q Budget,
    /// Where to go on.
    from: From,
    /// What is gathered, the next at the end.
    next: Vec<NamedSeries>,
    /// How many to gather when those are used up; none when there are no more.
    many: Option<usize>,
}

/// Which id may come next.
#[derive(Debug)]
enum From {
    At(Box<str>),
    Behind(Arc<str>),
}

impl From {
    fn takes(&self, id: &str) -> bool {
        match self {
            Self::At(first) => id >= &**first,
            Self::Behind(last) => id > &**last,
        }
    }
}

impl<'q> InOrder<'q> {
    /// The series whose ids begin with `prefix`, from after the id `after` on, which
    /// need not exist. `many` is how many of them are probably wanted.
    #[must_use]
    pub fn after(
        index: &'q TemporalIndex,
        prefix: &'q str,
        after: Option<&str>,
        many: usize,
        budget: &'q Budget,
    ) -> Self {
        let from = match after {
            None => From::At("".into()),
            Some(after) => From::Behind(after.into()),
        };
        Self {
            index,
            prefix,
            budget,
            from,
            next: Vec::new(),
            many: Some(many.max(1)),
        }
    }

    /// As [`InOrder::after`], the id `first` with them.
    #[must_use]
    pub fn starting_at(
        index: &'q TemporalIndex,
        prefix: &'q str,
        first: &str,
        many: usize,
        budget: &'q Budget,
    ) -> Self {
        Self {
            from: From::At(first.into()),
            ..Self::after(index, prefix, None, many, budget)
        }
    }

    /// The next one, if there is one.
    ///
    /// # Errors
    /// Those of the budget.
    pub fn next(&mut self) -> Result<Option<NamedSeries>> {
        self.budget.step()?;
        if self.next.is_empty()
            && let Some(many) = self.many.take()
        {
            self.gather(many)?;
        }
        let next = self.next.pop();
        if let Some((id, _)) = &next {
            self.from = From::Behind(Arc::clone(id));
        }
        Ok(next)
    }

    /// Gathers the next `many`.
    fn gather(&mut self, many: usize) -> Result<()> {
        // None at it or after it is among them.
        let mut bound: Option<Arc<str>> = None;
        let next = &mut self.next;
        for entry in self.index.iter() {
            self.budget.step()?;
            let id = entry.key();
            if !id.starts_with(self.prefix)
                || !self.from.takes(id)
                || bound.as_ref().is_some_and(|bound| id >= bound)
            {
                continue;
            }
            self.budget.make_room(next, 1)?;
            next.push((Arc::clone(id), Arc::clone(entry.value())));
            // Room for twice as many: then cutting costs no more than gathering.
            if next.len() > many.saturating_mul(2) {
                let (_, first_left_out, _) =
                    next.select_nth_unstable_by(many, |(a, _), (b, _)| a.cmp(b));
                bound = Some(Arc::clone(&first_left_out.0));
                next.truncate(many);
            }
        }
        self.budget.check()?;
        next.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        if bound.is_some() || next.len() > many {
            let more = next.len().saturating_sub(many);
            next.drain(..more);
            self.many = Some(many.saturating_mul(4));
        }
        Ok(())
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
    pub fn list(
        &self,
        (prefix, after): (&str, Option<&str>),
        at: u64,
        many: usize,
        budget: &Budget,
        mut room: impl FnMut(&[SeriesEntry], &str) -> bool,
    ) -> Result<(Vec<SeriesEntry>, bool)> {
        let mut found = InOrder::after(self, prefix, after, many, budget);
        let mut entries = Vec::new();
        while let Some((id, series)) = found.next()? {
            if series.latest(at, budget)?.is_none() {
                continue;
            }
            if !room(&entries, &id) {
                return Ok((entries, true));
            }
            if let Some(summary) = series.read().summary(at) {
                budget.make_room(&mut entries, 1)?;
                entries.push(SeriesEntry { id, summary });
            }
        }
        Ok((entries, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_come_in_order_however_many_are_gathered_at_a_time() {
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
        for many in [1, 10, 4_999, 5_000, 5_001, 100_000] {
            let walk = InOrder::after(&index, "s", None, many, &budget);
            assert_eq!(all(walk), ids);
            let middle = &ids[2_500];
            let walk = InOrder::after(&index, "s", Some(middle), many, &budget);
            assert_eq!(all(walk), ids[2_501..]);
            let walk = InOrder::starting_at(&index, "s", middle, many, &budget);
            assert_eq!(all(walk), ids[2_500..]);
        }
        assert_eq!(
            all(InOrder::after(&index, "s12", None, 2, &budget)).len(),
            ids.iter().filter(|id| id.starts_with("s12")).count()
        );
    }
}
