//! What a change of an area moves into it and out of it.

use std::collections::BinaryHeap;

use super::areas::stored_area;
use super::features::Features;
use super::fence::Passages;
use super::subject::{FeatureChange, Version};
use crate::budget::Budget;
use crate::error::Result;
use crate::index::Placed;
use crate::mem::Reservation;
use crate::planted::{Bug, planted};
use crate::search::{Target, each_in_box};
use crate::state::State;

/// Features that one event lists.
const LISTED: usize = 1_000;
/// Features that a change of an area brought inside or outside.
#[derive(Debug)]
pub(super) struct AreaMoved {
    /// What is told of any of them, listed or not.
    pub told: Passages,
    /// Those whose versions are the oldest: sequence, id, and what is told of it.
    listed: Vec<(u64, String, Passages)>,
    /// Whether there are others.
    more: bool,
    _held: Reservation,
}

impl AreaMoved {
    /// Looks at each feature that touches the area before or after a block that has
    /// changed it. Linear in them, and reads those whose envelopes leave it open.
    ///
    /// # Errors
    /// Those of reading blocks and of the budget, [`crate::Error::MemoryFull`].
    pub(super) fn find(
        state: &State,
        (features, asked): (&Features, Passages),
        (change, seq): (&FeatureChange<'_>, u64),
        budget: &Budget,
    ) -> Result<Option<Self>> {
        let version = |version: &Option<Version<'_>>| match version {
            Some(version) if version.rect.is_some() => stored_area(state, version.seq),
            _ => Ok(None),
        };
        let (before, after) = (version(&change.before)?, version(&change.after)?);
        let targets = [&before, &after].map(Option::as_ref);
        let mut found = Found::default();
        let mut look = |placed: Placed| -> Result<()> {
            // The area itself.
            if placed.seq == seq && !planted(Bug::AreaIsItself) {
                return Ok(());
            }
            let version = Version::stored(placed);
            let inside = |target: Option<&Target>| match target {
                Some(target) => version.lies(state, target, budget),
                None => Ok(false),
            };
            let [was, is] = targets;
            let (was, is) = (inside(was)?, inside(is)?);
            let passage = Passages::ENTER
                .when(!was && is)
                .or(Passages::EXIT.when(was && !is))
                .and(asked);
            if passage.any() && features.fits(state, &version)? {
                found.add(placed.seq, passage);
            }
            Ok(())
        };
        if features.ids.is_empty() {
            let pieces: Vec<_> = targets
                .into_iter()
                .flatten()
                .flat_map(|target| target.pieces().iter().copied())
                .collect();
            each_in_box(state, &pieces, seq, budget, look)?;
        } else {
            for id in features.ids.iter().filter(|id| **id != change.id) {
                budget.step()?;
                let placed = state.indexes.features.read().placed(id, seq);
                state.check_open()?;
                if let Some((seq, Some(rect))) = placed {
                    look(Placed { seq, rect })?;
                }
            }
        }
        found.list(state, budget)
    }

    /// The ids of those that are listed.
    pub(super) fn into_ids(self) -> Vec<String> {
        self.listed.into_iter().map(|(_, id, _)| id).collect()
    }

    /// `,"features":[{"feature_id","seq","fence"},...],"more":...`
    pub(super) fn write(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(b",\"features\":[");
        for (place, (seq, id, passage)) in self.listed.iter().enumerate() {
            if place > 0 {
                json.push(b',');
            }
            json.extend_from_slice(b"{\"feature_id\":");
            let _ = serde_json::to_writer(&mut *json, id);
            let name = passage.names().next().unwrap_or_default();
            json.extend_from_slice(format!(",\"seq\":{seq},\"fence\":\"{name}\"}}").as_bytes());
        }
        json.extend_from_slice(format!("],\"more\":{}", self.more).as_bytes());
    }
}

/// The oldest of what is found.
#[derive(Default)]
struct Found {
    told: Passages,
    /// The youngest first.
    oldest: BinaryHeap<(u64, bool)>,
    more: bool,
}

impl Found {
    fn add(&mut self, seq: u64, passage: Passages) {
        self.told = self.told.or(passage);
        self.oldest.push((seq, passage == Passages::ENTER));
        if self.oldest.len() > LISTED {
            self.oldest.pop();
            self.more = true;
        }
    }

    fn list(self, state: &State, budget: &Budget) -> Result<Option<AreaMoved>> {
        /// What an entry takes beside its id.
        const ENTRY: usize = 64;
        if !self.told.any() {
            return Ok(None);
        }
        let mut listed = Vec::with_capacity(self.oldest.len());
        let mut bytes = 0;
        for (seq, enters) in self.oldest.into_sorted_vec() {
            budget.step()?;
            let id = super::subject::feature_id(state, seq)?;
            bytes += id.len() + ENTRY;
            let passage = match enters {
                true => Passages::ENTER,
                false => Passages::EXIT,
            };
            listed.push((seq, id, passage));
        }
        Ok(Some(AreaMoved {
            told: self.told,
            listed,
            more: self.more,
            _held: state.memory.work.reserve(bytes)?,
        }))
    }
}
