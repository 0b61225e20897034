//! Which blocks somebody who catches up has to look at: those that the indexes name where
//! a filter names features or series, else all, but for those that are of other kinds.

use std::collections::VecDeque;

use super::features::FeatureHandle;
use super::filter::{Handle, LiveFilter};
use crate::budget::Budget;
use crate::error::Result;
use crate::index::Order;
use crate::read::selection::{BlockFilter, Candidates, SeriesNames};
use crate::state::State;

/// Sequences that are gathered at a time, at most, of one name.
const MANY: usize = 4_096;
/// Sequences that one keeps who waits for a turn.
const KEEPS: usize = 64;
/// So many blocks are looked at one by one in less time than it takes to gather some.
const FEW: u64 = 256;

/// Blocks to look at.
#[derive(Debug, Default)]
pub(super) struct Upcoming {
    /// Ascending.
    next: VecDeque<u64>,
    /// Up to here there are no others.
    until: u64,
}

/// What is gathered of one name after a block: sequences, and up to where there are no
/// others of it.
type Part = (Vec<u64>, u64);

impl Upcoming {
    /// The next block after `after` that a filter may take, up to `last`; always for the same
    /// filter. Costs as [`Candidates`] does, and only once for some thousand blocks.
    pub(super) fn next(
        &mut self,
        state: &State,
        filter: &LiveFilter,
        (after, last): (u64, u64),
        budget: &Budget,
    ) -> Result<Option<u64>> {
        loop {
            while self.next.front().is_some_and(|seq| *seq <= after) {
                self.next.pop_front();
            }
            if let Some(seq) = self.next.front() {
                return Ok((*seq <= last).then_some(*seq));
            }
            let from = after.max(self.until);
            if from >= last {
                return Ok(None);
            }
            let blocks = state.indexes.blocks.read();
            let run = blocks.nearest(filter.kinds(), from + 1, Order::Ascending);
            drop(blocks);
            let begin = run.map_or(u64::MAX, |(begin, _)| begin);
            let from = from.max(begin - 1).min(last);
            self.until = from;
            if from == last {
                // Closed on the way, the indexes were empty.
                state.check_open()?;
                return Ok(None);
            }
            if last - from <= FEW || !self.gather(state, filter, (from, last), budget)? {
                return Ok(Some(from + 1));
            }
        }
    }

    /// Hold little memory, until it is its turn again: thousands may wait.
    pub(super) fn rest(&mut self) {
        if self.next.len() > KEEPS {
            self.next.truncate(KEEPS);
            self.until = self.next.back().copied().unwrap_or_default();
        }
        self.next.shrink_to_fit();
    }

    /// False where the indexes are of no help.
    fn gather(
        &mut self,
        state: &State,
        filter: &LiveFilter,
        range: (u64, u64),
        budget: &Budget,
    ) -> Result<bool> {
        let parts: Vec<Part> = match filter.handle() {
            Handle::Parts {
                features: Some(FeatureHandle::Ids(ids)),
                series: [],
            } => {
                let many = (2 * MANY / ids.len().max(1)).max(16);
                let parts = ids.iter().map(|id| {
                    budget.step()?;
                    Ok(versions(state, id, range, many))
                });
                parts.collect::<Result<_>>()?
            }
            Handle::Parts {
                features: None,
                series,
            } if !series.contains(&SeriesNames::Prefix(String::new())) => {
                let parts = series
                    .iter()
                    .map(|names| blocks(state, names, range, budget));
                parts.collect::<Result<_>>()?
            }
            _ => return Ok(false),
        };
        // Closed on the way, the indexes were empty.
        state.check_open()?;
        let until = parts
            .iter()
            .map(|(_, until)| *until)
            .min()
            .unwrap_or(range.1);
        let mut all: Vec<u64> = parts.into_iter().flat_map(|(seqs, _)| seqs).collect();
        all.retain(|seq| *seq <= until);
        all.sort_unstable();
        all.dedup();
        self.next = all.into();
        self.until = until;
        Ok(true)
    }
}

fn versions(state: &State, id: &str, (from, last): (u64, u64), many: usize) -> Part {
    let seqs = state.indexes.features.read().versions(id, from, last, many);
    let until = seqs.last().copied().filter(|_| seqs.len() == many);
    (seqs, until.unwrap_or(last))
}

fn blocks(
    state: &State,
    names: &SeriesNames,
    (from, last): (u64, u64),
    budget: &Budget,
) -> Result<Part> {
    let filter = BlockFilter {
        series: Some(names.clone()),
        ..BlockFilter::default()
    };
    let mut candidates = Candidates::new(
        state,
        &filter,
        (from + 1, last),
        last,
        Order::Ascending,
        budget,
    )?;
    let mut seqs = Vec::new();
    while seqs.len() < MANY
        && let Some(seq) = candidates.next()?
    {
        seqs.push(seq);
    }
    let until = seqs.last().copied().filter(|_| seqs.len() == MANY);
    Ok((seqs, until.unwrap_or(last)))
}
