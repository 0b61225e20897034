//! What a subscriber wants to hear of.

use super::crossings::Crossings;
use super::features::{FeatureHandle, Features};
use super::fence::{Fence, FenceArea, Passages};
use super::fences::Fences;
use super::finding::{Finding, Look};
use super::level::Level;
use super::matched::Matched;
use super::passage::Fencing;
use super::subject::{About, Subject};
use super::words::LiveWords;
use crate::block::OpKind;
use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result};
use crate::index::kinds::Kinds;
use crate::limits::Limits;
use crate::mem::{Memory, Reservation};
use crate::read::selection::SeriesNames;
use crate::state::State;
use crate::types::Hash;

/// Ids of features, and of series, in one filter.
const MAX_IDS: usize = 1_000;

/// What a subscriber wants to hear of: blocks about features, of which all that is said
/// of features has to hold before or after, and blocks about series. One that says
/// something of features alone leaves out those about series, and the other way round. One
/// that says nothing takes every block.
#[derive(Debug)]
pub struct LiveFilter {
    op: Option<OpKind>,
    series: Vec<SeriesNames>,
    features: Option<Features>,
    fence: Option<Fence>,
    level: Option<Level>,
    digest: Hash,
    _held: Reservation,
}

/// What the blocks that a filter takes can be found by.
pub(super) enum Handle<'f> {
    /// It may take any.
    Any,
    Parts {
        features: Option<FeatureHandle<'f>>,
        series: &'f [SeriesNames],
    },
}

impl LiveFilter {
    /// What the words say. Linear in them, and O(n log n) in the positions of the geometry.
    /// Holds some times the memory that they have.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a pointer to the word, also where no block could be taken, [`Error::Faults`] of a geometry,
    /// [`Error::MemoryFull`].
    pub fn new(words: &LiveWords<'_>, limits: &Limits, memory: &Memory) -> Result<Self> {
        /// The parts of a geometry that are kept beside its text.
        const TIMES: usize = 8;
        let held = memory.filters.reserve(words.bytes() * TIMES + 512)?;
        let op = words.op.map(str::parse).transpose()?;
        for (ids, pointer) in [(&words.series, "/series_id"), (&words.ids, "/ids")] {
            let many = ids.len();
            if many > MAX_IDS {
                let detail = format!("found {many} ids; give up to {MAX_IDS}");
                return Err(Error::invalid(InvalidCode::Parameter, pointer, detail));
            }
            if ids.contains(&"") {
                let detail = "found an id without a character, which nothing has; leave it out";
                return Err(Error::invalid(InvalidCode::Parameter, pointer, detail));
            }
        }
        let mut features = Features::new(words, limits)?;
        let places = &mut features.places;
        let fence = Fence::new(words, places)?;
        if let Some(fence) = &fence {
            if !words.series.is_empty() {
                let detail = "a fence is about features; leave series_id out";
                return Err(Error::invalid(InvalidCode::Parameter, "/series_id", detail));
            }
            features.look_for(fence.feature());
        }
        let level = Level::new(words)?;
        if level.is_some() && words.series.is_empty() {
            let detail = "a level is one of series; give series_id";
            return Err(Error::invalid(InvalidCode::Parameter, "/series_id", detail));
        }
        let asks = fence.is_some() || features.asks();
        check_type(op, asks, !words.series.is_empty())?;
        check_passing(op, fence.as_ref(), level.is_some() && !asks)?;
        Ok(Self {
            op,
            series: words
                .series
                .iter()
                .map(|id| SeriesNames::parse(id))
                .collect(),
            features: asks.then_some(features),
            fence,
            level,
            digest: words.digest(),
            _held: held,
        })
    }

    /// The kinds of operations that are among the blocks it takes, or has to see.
    pub(super) fn kinds(&self) -> Kinds {
        // Who stays is told by all that comes.
        if self.dwell().is_some() {
            return Kinds::ALL;
        }
        // What is undone and what undoes are of its type.
        let by = |op| Kinds::of(op).or(Kinds::of(OpKind::Revert));
        let op = self.op.map_or(Kinds::ALL, by);
        op.and(match (&self.features, self.series.is_empty()) {
            (None, true) => Kinds::ALL,
            (Some(_), true) => Kinds::OF_FEATURES,
            (None, false) => Kinds::OF_SERIES,
            (Some(_), false) => Kinds::OF_FEATURES.or(Kinds::OF_SERIES),
        })
    }

    /// The same for filters that say the same.
    pub(super) fn digest(&self) -> Hash {
        self.digest
    }

    pub(super) fn handle(&self) -> Handle<'_> {
        match &self.features {
            None if self.series.is_empty() => Handle::Any,
            features => Handle::Parts {
                features: features
                    .as_ref()
                    .map(|features| self.feature_handle(features)),
                series: &self.series,
            },
        }
    }

    fn feature_handle<'f>(&'f self, features: &'f Features) -> FeatureHandle<'f> {
        let Some(fence) = &self.fence else {
            return features.handle();
        };
        if !features.ids.is_empty() {
            return FeatureHandle::Ids(&features.ids);
        }
        if fence.asked.has(Passages::OUTSIDE) {
            return FeatureHandle::Any;
        }
        let paths = fence.asked.has(Passages::CROSS);
        match &fence.area {
            FenceArea::Fixed(target) => FeatureHandle::Place {
                pieces: target.pieces(),
                paths,
            },
            FenceArea::Stored(id) => FeatureHandle::Stored { id, paths },
        }
    }

    /// For how many microseconds what enters its fence has to stay to be told of, if that is
    /// asked for.
    pub(super) fn dwell(&self) -> Option<i64> {
        self.fence.as_ref()?.dwell
    }

    /// The fence in which somebody may stay.
    pub(super) fn staying(&self) -> Option<Fencing<'_>> {
        let fence = self.fence.as_ref().filter(|fence| fence.dwell.is_some())?;
        Some(Fencing {
            fence,
            features: self.features.as_ref()?,
            digest: self.digest,
        })
    }

    /// Whether all that a fence's area holds has to be looked at for a block.
    pub(super) fn is_heavy(&self, subject: &Subject<'_>) -> bool {
        let moves = Passages::ENTER.or(Passages::EXIT);
        match (&self.fence, &subject.about) {
            (Some(fence), About::Feature(change)) => {
                fence.feature() == Some(&change.id) && fence.asked.has(moves)
            }
            // Some thousand points.
            (None, About::Series(_)) => self.level.is_some() && subject.bytes.len() > 16 << 10,
            _ => false,
        }
    }

    /// Whether it takes a block, and how. Reads the version before a block where its
    /// envelope leaves open whether it matches.
    ///
    /// # Errors
    /// Those of reading blocks, and of the budget.
    pub(super) fn find(
        &self,
        (state, fences): (&State, &Fences),
        subject: &Subject<'_>,
        budget: &Budget,
    ) -> Result<Look> {
        let does = |op| op == subject.block.op || op == subject.effect;
        let mut look = Look::default();
        let taken = self.op.is_none_or(does);
        // Who stays is there whatever brought it there.
        if taken || self.dwell().is_some() {
            look = self.look((state, fences), subject, budget)?;
        }
        if !taken {
            look.finding = None;
        }
        Ok(look)
    }

    fn look(
        &self,
        (state, fences): (&State, &Fences),
        subject: &Subject<'_>,
        budget: &Budget,
    ) -> Result<Look> {
        let plain = || Some(Finding::plain(Matched::of(subject)));
        match (&self.features, &subject.about) {
            (None, _) if self.series.is_empty() => Ok(plain().into()),
            (Some(features), About::Feature(change)) => match &self.fence {
                None => {
                    let matched = features.matched(state, change, budget)?;
                    Ok(matched.map(Finding::plain).into())
                }
                Some(fence) => {
                    let digest = self.digest;
                    let fencing = Fencing {
                        fence,
                        features,
                        digest,
                    };
                    let seq = subject.block.seq;
                    fencing.look((state, fences), (change, seq), budget)
                }
            },
            (_, About::Series(id)) => {
                let taken = self.series.iter().any(|names| names.takes(id));
                if let Some(level) = self.level.as_ref().filter(|_| taken) {
                    let block = (id.as_str(), subject.block.seq, subject.bytes);
                    let crossings = Crossings::find(state, level, block, budget)?;
                    let matched = Matched::of(subject);
                    let finding = crossings
                        .map(|crossings| Finding::of_level(matched, self.digest, crossings));
                    return Ok(finding.into());
                }
                Ok(taken.then(plain).flatten().into())
            }
            _ => Ok(Look::default()),
        }
    }
}

/// That some block can be of this type and about what a filter asks of: of features, or of
/// series. Whoever waits for none would wait for ever.
fn check_type(op: Option<OpKind>, features: bool, series: bool) -> Result<()> {
    let about = match op {
        Some(OpKind::PutFeature | OpKind::DeleteFeature) if series && !features => "features",
        Some(OpKind::PutPoints | OpKind::DeletePoints | OpKind::SetAttributes)
            if features && !series =>
        {
            "series"
        }
        Some(OpKind::SetDefaults | OpKind::SetWebhook) if features || series => "the database",
        _ => return Ok(()),
    };
    let detail = format!(
        "blocks of this type are about {about}, and the rest of the filter takes none of those, so nothing would ever come; leave one of both out"
    );
    Err(Error::invalid(InvalidCode::Parameter, "/type", detail))
}

/// That blocks of this type can be what a fence tells of, or a level.
fn check_passing(op: Option<OpKind>, fence: Option<&Fence>, level: bool) -> Result<()> {
    let leaves = Passages::EXIT.or(Passages::OUTSIDE);
    let detail = match (op, fence) {
        (Some(OpKind::DeleteFeature), Some(fence))
            if fence.dwell.is_none() && !fence.asked.has(leaves) =>
        {
            "what is deleted is outside, so nothing would ever come; ask for exit or outside, or leave type out"
        }
        (Some(OpKind::SetAttributes), _) if level => {
            "attributes have no values that pass a level, so nothing would ever come; leave type out"
        }
        _ => return Ok(()),
    };
    Err(Error::invalid(InvalidCode::Parameter, "/type", detail))
}
