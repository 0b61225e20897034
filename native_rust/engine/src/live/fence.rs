//! Fences: areas that features go into and out of.

use super::areas::stored_area;
use super::words::LiveWords;
use crate::error::{Error, InvalidCode, Result};
use crate::planted::{Bug, planted};
use crate::search::Target;
use crate::state::State;
use crate::types::{BoundingBox, Rect, point_value_from_text};

/// What can be told of a feature and an area. Each is a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Passages(u8);

impl Passages {
    /// It was not inside, and is.
    pub(super) const ENTER: Self = Self(1);
    /// It was inside, and is not.
    pub(super) const EXIT: Self = Self(2);
    /// A version that is inside.
    pub(super) const INSIDE: Self = Self(4);
    /// A version that is not.
    pub(super) const OUTSIDE: Self = Self(8);
    /// Neither of two versions is inside, and the way between them meets the area.
    pub(super) const CROSS: Self = Self(16);

    const NAMES: [(&'static str, Self); 5] = [
        ("enter", Self::ENTER),
        ("exit", Self::EXIT),
        ("inside", Self::INSIDE),
        ("outside", Self::OUTSIDE),
        ("cross", Self::CROSS),
    ];

    fn parse(name: &str) -> Result<Self> {
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, passage)| *passage).ok_or_else(|| {
            let detail =
                format!("found {name:?}; a fence takes enter, exit, inside, outside and cross");
            refuse("/fence", detail)
        })
    }

    /// All of both.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of both that are the same.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn when(self, holds: bool) -> Self {
        match holds {
            true => self,
            false => Self::default(),
        }
    }

    pub(super) fn any(self) -> bool {
        self.0 != 0
    }

    pub(super) fn has(self, other: Self) -> bool {
        self.and(other).any()
    }

    /// Their names, in a fixed order.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let held = Self::NAMES.iter().filter(move |(_, one)| self.has(*one));
        held.map(|(name, _)| *name)
    }
}

/// Why a feature is inside now, or is not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    /// It was not there before.
    Created,
    /// Its place has changed.
    Moved,
    /// Its place was inside before and after; what else is asked of it has changed.
    Changed,
    /// It is not there any more.
    Deleted,
    /// The area has changed.
    Area,
}

impl Reason {
    /// In JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Moved => "moved",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Area => "area",
        }
    }
}

/// What one asks of an area.
#[derive(Debug)]
pub(super) struct Fence {
    pub asked: Passages,
    pub area: FenceArea,
    /// How many microseconds one who enters has to stay to be told of.
    pub dwell: Option<i64>,
}

#[derive(Debug)]
pub(super) enum FenceArea {
    Fixed(Target),
    /// The geometry of the feature with that id, as of each moment. It is not looked at
    /// itself.
    Stored(String),
}

/// An area as of a moment.
pub(super) enum Now<'a> {
    /// Nothing is inside.
    Nowhere,
    Fixed(&'a Target),
    Stored(Box<Target>),
}

impl Fence {
    /// Of the names of what is asked, one or several, or how long one has to stay, the areas
    /// that are given otherwise, and the id of a feature.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a pointer to the word.
    pub(super) fn new(words: &LiveWords<'_>, areas: &mut Vec<Target>) -> Result<Option<Self>> {
        let LiveWords {
            fence: names,
            feature,
            predicate,
            ..
        } = words;
        let feature = *feature;
        let dwell = words.dwell.map(micros).transpose()?;
        if names.is_empty() && dwell.is_none() {
            return match feature {
                None => Ok(None),
                Some(_) => Err(refuse(
                    "/feature",
                    "feature names the area of a fence; say with fence or dwell what is to be told of it",
                )),
            };
        }
        let passages = names.iter().map(|name| Passages::parse(name));
        let asked = passages.reduce(|all, one| Ok(all?.or(one?)));
        let asked = asked.unwrap_or(Ok(Passages::default()))?;
        if predicate.is_some() {
            let detail = "what has a position in common with the area of a fence is inside; leave predicate out";
            return Err(refuse("/predicate", detail));
        }
        if feature == Some("") {
            let detail = "found an id without a character, which nothing has; give that of the feature that is the area";
            return Err(refuse("/feature", detail));
        }
        let area = match (areas.pop(), feature) {
            (Some(target), None) => FenceArea::Fixed(target),
            (None, Some(id)) => FenceArea::Stored(id.to_owned()),
            (None, None) => {
                let detail = "a fence needs an area; give bbox, geometry or feature";
                let pointer = if names.is_empty() { "/dwell" } else { "/fence" };
                return Err(refuse(pointer, detail));
            }
            (Some(_), Some(_)) => return Err(several()),
        };
        match areas.is_empty() {
            true => Ok(Some(Self { asked, area, dwell })),
            false => Err(several()),
        }
    }

    /// The id of the feature that is the area.
    pub(super) fn feature(&self) -> Option<&str> {
        match &self.area {
            FenceArea::Fixed(_) => None,
            FenceArea::Stored(id) => Some(id),
        }
    }

    /// The area as of a block. May read the journal.
    ///
    /// # Errors
    /// Those of [`stored_area`], [`Error::Closed`].
    pub(super) fn area_at(&self, state: &State, seq: u64) -> Result<Now<'_>> {
        let id = match &self.area {
            FenceArea::Fixed(target) => return Ok(Now::Fixed(target)),
            FenceArea::Stored(id) => id,
        };
        let seq = match planted(Bug::AreaOfLater) {
            true => state.published(),
            false => seq,
        };
        let placed = state.indexes.features.read().placed(id, seq);
        // Closed on the way, the index was empty.
        state.check_open()?;
        match placed {
            Some((version, Some(_))) => Ok(match stored_area(state, version)? {
                Some(target) => Now::Stored(Box::new(target)),
                None => Now::Nowhere,
            }),
            _ => Ok(Now::Nowhere),
        }
    }
}

impl Now<'_> {
    pub(super) fn target(&self) -> Option<&Target> {
        match self {
            Now::Nowhere => None,
            Now::Fixed(target) => Some(target),
            Now::Stored(target) => Some(target),
        }
    }
}

/// The rectangles that what meets a geometry with this envelope touches one of.
pub(super) fn pieces_of(envelope: Rect) -> Vec<Rect> {
    let Rect { min, max } = envelope;
    // Stored positions are in range.
    let spelled = BoundingBox::new(min[0], min[1], max[0], max[1]);
    spelled.map_or_else(|_| vec![envelope], |bbox| bbox.pieces().to_vec())
}

/// Seconds as microseconds.
fn micros(text: &str) -> Result<i64> {
    /// Thirty days: where a subscription begins, the versions of so long are looked at.
    const LONGEST: f64 = 2_592_000.0;
    let seconds = point_value_from_text(text).ok();
    let seconds = seconds.filter(|seconds| (0.001..=LONGEST).contains(seconds));
    seconds
        .map(|seconds| (seconds * 1e6).round() as i64)
        .ok_or_else(|| {
            let detail = format!("found {text:?}; give seconds, from 0.001 to 2592000");
            refuse("/dwell", detail)
        })
}

fn several() -> Error {
    let detail = "a fence has one area; give one of bbox, geometry and feature";
    refuse("/fence", detail)
}

fn refuse(pointer: &'static str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Parameter, pointer, detail)
}
