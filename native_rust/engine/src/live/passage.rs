//! How features go into areas and out of them, block by block.
//!
//! A fence keeps no state. Each block lies between two versions of a feature, and each of
//! these lies to the area as of that moment: so what a fence tells can be worked out from
//! the journal by anyone, from any block on.

use super::area_moved::AreaMoved;
use super::features::Features;
use super::fence::{Fence, Now, Passages, Reason};
use super::fences::Fences;
use super::finding::{Fenced, Finding, Look};
use super::matched::Matched;
use super::subject::{FeatureChange, Version};
use crate::budget::Budget;
use crate::error::Result;
use crate::geo::Path;
use crate::search::Target;
use crate::state::State;
use crate::types::Hash;

/// A filter's fence, with what it asks of features besides.
pub(super) struct Fencing<'f> {
    pub fence: &'f Fence,
    pub features: &'f Features,
    /// Names the filter.
    pub digest: Hash,
}

/// A version as a fence sees it.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// It is there, and is what the filter asks for besides.
    fits: bool,
    /// It fits, and is inside.
    inside: bool,
}

impl Fencing<'_> {
    /// What is told of a block.
    ///
    /// # Errors
    /// Those of reading blocks and of the budget, [`crate::Error::MemoryFull`].
    pub(super) fn look(
        &self,
        (state, fences): (&State, &Fences),
        (change, seq): (&FeatureChange<'_>, u64),
        budget: &Budget,
    ) -> Result<Look> {
        let (fence, features) = (self.fence, self.features);
        if fence.feature() == Some(&change.id) {
            let moves = Passages::ENTER.or(Passages::EXIT);
            let finding = match fence.asked.has(moves) {
                true => self.area_changed((state, fences), (change, seq), budget)?,
                false => None,
            };
            // Who that is, is found once they are due.
            let enters = change
                .after
                .as_ref()
                .is_some_and(|area| area.rect.is_some());
            return Ok(Look { finding, enters });
        }
        if !features.takes(&change.id) {
            return Ok(Look::default());
        }
        let now = fence.area_at(state, seq)?;
        let place = Place {
            state,
            now: &now,
            budget,
        };
        let before = place.see(features, &change.before)?;
        let after = place.see(features, &change.after)?;
        let outside = before.fits && after.fits && !before.inside && !after.inside;
        let crosses = outside
            && fence.asked.has(Passages::CROSS)
            && place.is_crossed(&change.before, &change.after)?;
        let told = Passages::ENTER
            .when(!before.inside && after.inside)
            .or(Passages::EXIT.when(before.inside && !after.inside))
            .or(Passages::INSIDE.when(after.inside))
            .or(Passages::OUTSIDE.when(after.fits && !after.inside))
            .or(Passages::CROSS.when(crosses))
            .and(fence.asked);
        let enters = !before.inside && after.inside;
        if !told.any() {
            let finding = None;
            return Ok(Look { finding, enters });
        }
        let reason = if told.has(Passages::ENTER) {
            Some(place.reason(Reason::Created, &change.before, before)?)
        } else if told.has(Passages::EXIT) {
            Some(place.reason(Reason::Deleted, &change.after, after)?)
        } else {
            None
        };
        let fenced = Fenced {
            told,
            reason,
            moved: None,
        };
        let matched = Matched::new(before.inside, after.inside).unwrap_or(Matched::Neither);
        let finding = Some(Finding::of_fence(matched, fenced));
        Ok(Look { finding, enters })
    }

    /// Whether a version is inside the area as of block `at`.
    ///
    /// # Errors
    /// As [`Fencing::look`].
    pub(super) fn is_inside(
        &self,
        state: &State,
        version: &Option<Version<'_>>,
        at: u64,
        budget: &Budget,
    ) -> Result<bool> {
        let now = self.fence.area_at(state, at)?;
        let place = Place {
            state,
            now: &now,
            budget,
        };
        Ok(place.see(self.features, version)?.inside)
    }

    fn area_changed(
        &self,
        (state, fences): (&State, &Fences),
        (change, seq): (&FeatureChange<'_>, u64),
        budget: &Budget,
    ) -> Result<Option<Finding>> {
        let find = || {
            let filter = (self.features, self.fence.asked);
            AreaMoved::find(state, filter, (change, seq), budget)
        };
        let moved = fences.moved((self.digest, seq), find)?;
        Ok(moved.map(|moved| {
            let (left, come) = (
                moved.told.has(Passages::EXIT),
                moved.told.has(Passages::ENTER),
            );
            let matched = Matched::new(left, come).unwrap_or(Matched::Neither);
            let fenced = Fenced {
                told: moved.told,
                reason: Some(Reason::Area),
                moved: Some((self.digest, moved)),
            };
            Finding::of_fence(matched, fenced)
        }))
    }
}

/// The area as of a block.
struct Place<'a> {
    state: &'a State,
    now: &'a Now<'a>,
    budget: &'a Budget,
}

impl Place<'_> {
    fn see(&self, features: &Features, version: &Option<Version<'_>>) -> Result<Seen> {
        let Some(version) = version else {
            return Ok(Seen::default());
        };
        let fits = features.fits(self.state, version)?;
        Ok(Seen {
            fits,
            inside: fits && self.holds(version)?,
        })
    }

    fn holds(&self, version: &Version<'_>) -> Result<bool> {
        match self.now.target() {
            Some(target) => version.lies(self.state, target, self.budget),
            None => Ok(false),
        }
    }

    /// Of a passage between being inside and the other version.
    fn reason(&self, none: Reason, other: &Option<Version<'_>>, seen: Seen) -> Result<Reason> {
        Ok(match other {
            None => none,
            Some(other) if !seen.fits && self.holds(other)? => Reason::Changed,
            Some(_) => Reason::Moved,
        })
    }

    /// Of versions that are not inside.
    fn is_crossed(
        &self,
        before: &Option<Version<'_>>,
        after: &Option<Version<'_>>,
    ) -> Result<bool> {
        let (Some(target), Some(path)) = (self.now.target(), way(before, after)) else {
            return Ok(false);
        };
        Target::is_met_by(target, &path, self.budget)
    }
}

/// The way between two versions that are positions.
pub(super) fn way(before: &Option<Version<'_>>, after: &Option<Version<'_>>) -> Option<Path> {
    let position = |version: &Option<Version<'_>>| {
        let rect = version.as_ref()?.rect?;
        (rect.min == rect.max).then_some(rect.min)
    };
    Path::new(position(before)?, position(after)?)
}
