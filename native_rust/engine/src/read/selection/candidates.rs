//! The blocks that a filter may take, found by the indexes where it names a feature or
//! series, or a kind of operation, and one after the other where it does not.

use super::filter::{BlockFilter, SeriesNames};
use super::nearest::Nearest;
use crate::budget::Budget;
use crate::error::{Entity, Error, Result};
use crate::index::kinds::{GROUP, Kinds};
use crate::index::{InOrder, NamedSeries, Order};
use crate::read::moments::last_by;
use crate::state::State;
use crate::state::blocks::{block_at, read_block};

/// Sequences that are gathered from an index at a time.
const MANY: usize = 4_096;
/// Versions read under one hold of the lock.
const STEP: usize = 1_024;
/// Runs of blocks that are counted at most, to see whether they have fewer blocks than there
/// are series with a prefix.
const FEW: usize = 16;
/// All of time: no stored timestamp is that late.
const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

/// Sequences in a range, in order, that a filter may take: all that it takes are among
/// them. No file work but to find the ends of times and transactions.
///
/// Versions of a feature cost O(1) each. The blocks of a series are found by going through
/// its chunks, some thousand blocks at a time: O(chunks), and O(runs) of those chunks that
/// have such blocks. Those of several series cost a look at each of them. Everything else
/// is every block.
///
/// Of all of these, runs of blocks are passed over among which there are none of the kinds
/// that the filter takes: O(log n) a run, however many they are.
#[derive(Debug)]
pub(crate) struct Candidates<'q> {
    state: &'q State,
    budget: &'q Budget,
    order: Order,
    source: Source<'q>,
    /// The kinds of operations that the filter takes.
    kinds: Kinds,
    /// The last run of blocks among which such were.
    run: (u64, u64),
    /// What is left, nothing where the first is above the last.
    left: (u64, u64),
    /// Gathered, the next at the end.
    next: Vec<u64>,
    /// Whether more may have to be gathered after those.
    more: bool,
}

#[derive(Debug)]
enum Source<'q> {
    Every,
    Feature(&'q str),
    Series(Option<NamedSeries>),
    Prefix(&'q str),
}

impl<'q> Candidates<'q> {
    /// Those from one sequence to another, both included. The last one is visible to
    /// whoever asks.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a transaction whose block is not there by then; those of
    /// reading blocks.
    pub(crate) fn new(
        state: &'q State,
        filter: &'q BlockFilter,
        (mut first, mut last): (u64, u64),
        shown: u64,
        order: Order,
        budget: &'q Budget,
    ) -> Result<Self> {
        filter.check()?;
        first = first.max(1);
        last = last.min(shown);
        if let Some(seq) = filter.transaction {
            if !(1..=shown).contains(&seq) {
                let id = seq.to_string();
                let entity = Entity::Block;
                return Err(Error::NotFound { entity, id });
            }
            let (begin, end) = transaction_of(state, seq, budget)?;
            (first, last) = (first.max(begin), last.min(end));
        }
        if let Some((start, end)) = filter.times {
            // Commit times never decrease.
            let before = |time: i64| last_by(state, time.saturating_sub(1), last);
            (first, last) = (first.max(before(start)? + 1), before(end)?);
        }
        let source = match (&filter.feature, &filter.series) {
            (Some(id), None) => Source::Feature(id),
            (None, Some(SeriesNames::One(id))) => Source::Series(state.indexes.series.find(id)),
            // Of all series: they are most blocks, or there are few.
            (None, Some(SeriesNames::Prefix(prefix))) if !prefix.is_empty() => {
                Source::Prefix(prefix)
            }
            // No block is about a feature and a series.
            (Some(_), Some(_)) => {
                last = 0;
                Source::Every
            }
            _ => Source::Every,
        };
        let mut candidates = Self {
            state,
            budget,
            order,
            source,
            kinds: filter.kinds(),
            run: (0, 0),
            left: (first, last),
            next: Vec::new(),
            more: true,
        };
        if let Source::Prefix(prefix) = candidates.source
            && candidates.are_fewer_than_series(prefix)?
        {
            candidates.source = Source::Every;
        }
        Ok(candidates)
    }

    /// The next one, if there is one.
    ///
    /// # Errors
    /// Those of the budget; [`Error::Closed`].
    pub(crate) fn next(&mut self) -> Result<Option<u64>> {
        let seq = loop {
            self.budget.step()?;
            self.pass_over();
            let (first, last) = self.left;
            if first > last {
                break None;
            }
            let seq = match (&self.source, self.order) {
                (Source::Every, Order::Ascending) => first,
                (Source::Every, Order::Descending) => last,
                _ => match self.gathered()? {
                    Some(seq) => seq,
                    None => break None,
                },
            };
            let (begin, end) = self.run;
            let may_be = (begin..=end).contains(&seq);
            self.left = match (self.order, may_be) {
                (Order::Ascending, true) => (seq + 1, last),
                (Order::Descending, true) => (first, seq - 1),
                (Order::Ascending, false) => (seq, last),
                (Order::Descending, false) => (first, seq),
            };
            if may_be {
                break Some(seq);
            }
        };
        if seq.is_none() {
            // Closed on the way, the indexes were empty.
            self.state.check_open()?;
        }
        Ok(seq)
    }

    /// Leave out what comes next and is of other kinds.
    fn pass_over(&mut self) {
        let (first, last) = self.left;
        let (begin, end) = self.run;
        let next = match self.order {
            Order::Ascending => first,
            Order::Descending => last,
        };
        if first > last || (begin..=end).contains(&next) {
            return;
        }
        if self.kinds == Kinds::ALL {
            self.run = self.left;
            return;
        }
        let blocks = self.state.indexes.blocks.read();
        self.left = match blocks.nearest(self.kinds, next, self.order) {
            Some(run) => {
                self.run = run;
                match self.order {
                    Order::Ascending => (first.max(run.0), last),
                    Order::Descending => (first, last.min(run.1)),
                }
            }
            None => (1, 0),
        };
    }

    /// Whether there are fewer blocks in the runs that are left than series with a prefix.
    fn are_fewer_than_series(&self, prefix: &str) -> Result<bool> {
        let Some(runs) = self.count_runs() else {
            return Ok(false);
        };
        let series = &self.state.indexes.series;
        let mut found = InOrder::after(series, prefix, None, self.budget);
        for _ in 0..runs * GROUP {
            if found.next()?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many runs are left among whose blocks there are some of the kinds; nothing if
    /// there are more than a few.
    fn count_runs(&self) -> Option<usize> {
        let (mut next, last) = self.left;
        let blocks = self.state.indexes.blocks.read();
        for runs in 0..=FEW {
            let run = blocks.nearest(self.kinds, next, Order::Ascending);
            match run.filter(|(begin, _)| *begin <= last) {
                Some((_, end)) => next = end + 1,
                None => return Some(runs),
            }
        }
        None
    }

    /// The next of what the indexes name, which is among what is left.
    fn gathered(&mut self) -> Result<Option<u64>> {
        let (first, last) = self.left;
        let passed = |seq: &mut u64| !(first..=last).contains(seq);
        while self.next.pop_if(passed).is_some() {}
        if self.next.is_empty() && self.more {
            self.gather()?;
        }
        Ok(self.next.last().copied())
    }

    fn gather(&mut self) -> Result<()> {
        let (first, last) = self.left;
        self.budget.check()?;
        self.budget.make_room(&mut self.next, MANY)?;
        let series = &self.state.indexes.series;
        let mut nearest = Nearest::new(self.order, MANY);
        match &self.source {
            Source::Every => return Ok(()),
            Source::Feature(id) => {
                let features = self.state.indexes.features.read();
                let found = match self.order {
                    Order::Ascending => features.versions(id, first - 1, last, STEP),
                    Order::Descending => features.latest_versions(id, first - 1, last, STEP),
                };
                drop(features);
                self.more = found.len() == STEP;
                self.next.extend(found.into_iter().rev());
                return Ok(());
            }
            Source::Series(one) => {
                if let Some(one) = one {
                    self.blocks_of(one, (first, last), &mut nearest)?;
                }
            }
            Source::Prefix(prefix) => {
                let mut found = InOrder::after(series, prefix, None, self.budget);
                while let Some(one) = found.next()? {
                    let range = nearest.within((first, last));
                    self.blocks_of(&one, range, &mut nearest)?;
                }
            }
        }
        // Whose they are their bodies say.
        for seq in series.traceless((first, last), self.order, MANY) {
            nearest.add(seq, 0);
        }
        self.more = nearest.is_full();
        let found = nearest.into_stack().into_iter();
        self.next.extend(found.map(|(seq, _)| seq));
        Ok(())
    }

    /// Adds the blocks of a range that wrote, deleted or brought back points of a series, or
    /// set its attributes.
    fn blocks_of(
        &self,
        (id, series): &NamedSeries,
        range: (u64, u64),
        nearest: &mut Nearest,
    ) -> Result<()> {
        let attributes = self.state.indexes.attributes.read();
        let set = attributes.within(id, range, self.order, MANY);
        drop(attributes);
        set.into_iter().for_each(|seq| nearest.add(seq, 0));
        series.touched_by(range, ALWAYS, self.budget, |seq, points| {
            nearest.add(seq, points as u64);
            nearest.within(range)
        })
    }
}

/// First and last block of the transaction that a block belongs to.
pub(crate) fn transaction_of(state: &State, seq: u64, budget: &Budget) -> Result<(u64, u64)> {
    let bytes = read_block(state, seq)?;
    let first = block_at(state, seq, &bytes)?.0.txn;
    budget.step()?;
    Ok((first, state.indexes.blocks.read().end_of(seq)))
}
