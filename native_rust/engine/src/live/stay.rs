//! Who stays inside an area, and since when: from the versions of features and of the area.

use super::area_moved::AreaMoved;
use super::fence::Passages;
use super::filter::LiveFilter;
use super::passage::Fencing;
use super::subject::{About, Subject, Version, feature_id};
use crate::block::Block;
use crate::budget::Budget;
use crate::error::Result;
use crate::index::Placed;
use crate::planted::{Bug, planted};
use crate::read::moments::last_by;
use crate::search::each_in_box;
use crate::state::State;
use crate::state::blocks::{damaged, read_block};

/// Versions of one feature that are looked at in one go.
const MANY: usize = 1_024;

/// A block by which something entered, and the time of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub seq: u64,
    pub time: i64,
}

/// What there is to know of a fence with a stay.
pub(super) struct Stay<'a> {
    pub state: &'a State,
    pub fencing: Fencing<'a>,
    pub budget: &'a Budget,
}

/// When a block was committed. Reads it.
///
/// # Errors
/// Those of reading blocks.
pub(super) fn time_of(state: &State, seq: u64) -> Result<i64> {
    let bytes = read_block(state, seq)?;
    let block = Block::decode(&bytes).map_err(|e| damaged(state, seq, e))?;
    Ok(block.time)
}

impl<'a> Stay<'a> {
    /// None where the filter asks for no stay.
    pub(super) fn new(
        state: &'a State,
        filter: &'a LiveFilter,
        budget: &'a Budget,
    ) -> Option<Self> {
        Some(Self {
            state,
            fencing: filter.staying()?,
            budget,
        })
    }

    /// The blocks after `since` by which what is inside at block `at` entered and has not
    /// left since: the first `most` of them, and whether there are more. Looks at what is in
    /// the area, and at the versions of that after `since`.
    ///
    /// # Errors
    /// Those of reading blocks and of the budget.
    pub(super) fn entries(&self, since: u64, at: u64, most: usize) -> Result<(Vec<Entry>, bool)> {
        let mut seqs = std::collections::BTreeSet::new();
        let mut more = false;
        let mut found = |seq| {
            seqs.insert(seq);
            if seqs.len() > most {
                seqs.pop_last();
                more = true;
            }
        };
        let features = self.fencing.features;
        let area = self.fencing.fence.feature();
        if !features.ids.is_empty() {
            for id in features.ids.iter().filter(|id| Some(id.as_str()) != area) {
                self.budget.step()?;
                if self.is_inside(id, at)? {
                    self.entered(id, since, at)?
                        .into_iter()
                        .for_each(&mut found);
                }
            }
        } else {
            let moved = self.changes(None, since, at, 1)?;
            let now = self.fencing.fence.area_at(self.state, at)?;
            let Some(target) = now.target() else {
                return Ok((Vec::new(), false));
            };
            each_in_box(self.state, target.pieces(), at, self.budget, |placed| {
                // What was there before, in an area that stood still, did not enter.
                if placed.seq <= since && moved.is_empty() {
                    return Ok(());
                }
                if !self.holds(&Some(Version::stored(placed)), at)? {
                    return Ok(());
                }
                let id = feature_id(self.state, placed.seq)?;
                if Some(id.as_str()) != area {
                    self.entered(&id, since, at)?
                        .into_iter()
                        .for_each(&mut found);
                }
                Ok(())
            })?;
        }
        let entries = seqs.into_iter().map(|seq| {
            let time = time_of(self.state, seq)?;
            Ok(Entry { seq, time })
        });
        Ok((entries.collect::<Result<_>>()?, more))
    }

    /// Those who entered by a block, of an area that moved the first 1,000. Reads it.
    ///
    /// # Errors
    /// Those of reading blocks and of the budget.
    pub(super) fn who(&self, seq: u64) -> Result<Vec<String>> {
        let bytes = read_block(self.state, seq)?;
        let subject = Subject::read(self.state, seq, &bytes)?;
        let About::Feature(change) = &subject.about else {
            return Ok(Vec::new());
        };
        let (features, fence) = (self.fencing.features, self.fencing.fence);
        if fence.feature() != Some(&change.id) {
            return Ok(vec![change.id.clone()]);
        }
        let asked = (features, Passages::ENTER);
        let moved = AreaMoved::find(self.state, asked, (change, seq), self.budget)?;
        Ok(moved.map_or_else(Vec::new, AreaMoved::into_ids))
    }

    /// Whether it takes long to say whether those who entered by a block are inside still.
    ///
    /// # Errors
    /// Those of reading blocks.
    pub(super) fn is_long(&self, entry: Entry, at: u64) -> Result<bool> {
        const LONG: usize = 64;
        let id = feature_id(self.state, entry.seq)?;
        if self.fencing.fence.feature() == Some(&id) {
            return Ok(true);
        }
        Ok(self.changes(Some(&id), entry.seq, at, LONG)?.len() >= LONG)
    }

    /// Whether a feature that was inside at block `seq` was so all the time up to `at`.
    ///
    /// # Errors
    /// Those of reading blocks and of the budget.
    pub(super) fn stays(&self, id: &str, seq: u64, at: u64) -> Result<bool> {
        if planted(Bug::StayThoughGone) {
            return Ok(true);
        }
        let mut from = seq;
        loop {
            let changes = self.changes(Some(id), from, at, MANY)?;
            let Some(last) = changes.last().copied() else {
                return Ok(true);
            };
            for seq in changes {
                self.budget.step()?;
                if !self.is_inside(id, seq)? {
                    return Ok(false);
                }
            }
            from = last;
        }
    }

    /// The block after `since` by which a feature that is inside at block `at` entered for the
    /// last time.
    fn entered(&self, id: &str, since: u64, at: u64) -> Result<Option<u64>> {
        let mut until = at;
        loop {
            let changes = self.last_changes(id, since, until, MANY);
            self.state.check_open()?;
            let Some(first) = changes.last().copied() else {
                return Ok(None);
            };
            for seq in changes {
                self.budget.step()?;
                if !self.is_inside(id, seq - 1)? {
                    return Ok(Some(seq));
                }
            }
            until = first - 1;
        }
    }

    /// Up to `many` blocks after `since` and up to `at` that change a feature or the area,
    /// the first ones, ascending. All there are if they are fewer.
    fn changes(&self, id: Option<&str>, since: u64, at: u64, many: usize) -> Result<Vec<u64>> {
        let features = self.state.indexes.features.read();
        let of = |id: Option<&str>| {
            id.map_or_else(Vec::new, |id| features.versions(id, since, at, many))
        };
        let mut all = of(id);
        all.extend(of(self.fencing.fence.feature()));
        drop(features);
        // Closed on the way, the index was empty.
        self.state.check_open()?;
        all.sort_unstable();
        all.truncate(many);
        Ok(all)
    }

    /// The same of the last ones, descending.
    fn last_changes(&self, id: &str, since: u64, at: u64, many: usize) -> Vec<u64> {
        let features = self.state.indexes.features.read();
        let mut all = features.latest_versions(id, since, at, many);
        if let Some(area) = self.fencing.fence.feature() {
            all.extend(features.latest_versions(area, since, at, many));
        }
        drop(features);
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.truncate(many);
        all
    }

    fn is_inside(&self, id: &str, at: u64) -> Result<bool> {
        let placed = self.state.indexes.features.read().placed(id, at);
        self.state.check_open()?;
        let version =
            placed.and_then(|(seq, rect)| Some(Version::stored(Placed { seq, rect: rect? })));
        self.holds(&version, at)
    }

    fn holds(&self, version: &Option<Version<'_>>, at: u64) -> Result<bool> {
        self.fencing.is_inside(self.state, version, at, self.budget)
    }

    /// The last block whose entries are due by the time of block `at`, as far as they are for
    /// stays of so many microseconds. Reads some thirty blocks.
    ///
    /// # Errors
    /// Those of reading blocks.
    pub(super) fn since(&self, micros: i64, at: u64) -> Result<u64> {
        match at {
            0 => Ok(0),
            at => {
                let time = time_of(self.state, at)?.saturating_sub(micros);
                last_by(self.state, time, at)
            }
        }
    }
}
