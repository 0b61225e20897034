//! What a filter takes of a block.

use std::sync::Arc;

use super::area_moved::AreaMoved;
use super::fence::{Passages, Reason};
use super::subject::{About, Subject};
use crate::block::OpKind;
use crate::types::Hash;

/// Which of the two versions that a block lies between a filter takes. What a block adds is
/// after it, and what it deletes before; a fence takes those that are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matched {
    /// The one before: of features, one that has left the filter, or was deleted.
    Before,
    /// The one after: of features, one that is new to the filter.
    After,
    /// Both.
    Both,
    /// Neither, of a fence that tells of what is outside.
    Neither,
}

impl Matched {
    /// In JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Both => "both",
            Self::Neither => "neither",
        }
    }

    pub(super) fn new(before: bool, after: bool) -> Option<Self> {
        match (before, after) {
            (false, false) => None,
            (true, false) => Some(Self::Before),
            (false, true) => Some(Self::After),
            (true, true) => Some(Self::Both),
        }
    }

    /// Of a filter that asks nothing of versions.
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let versions = match &subject.about {
            About::Feature(change) => Self::new(change.before.is_some(), change.after.is_some()),
            _ => None,
        };
        versions.unwrap_or(match subject.effect {
            OpKind::DeleteFeature | OpKind::DeletePoints => Self::Before,
            _ => Self::After,
        })
    }
}

/// What a filter takes of a block.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub matched: Matched,
    pub fenced: Option<Fenced>,
}

/// What a fence tells of it.
#[derive(Debug, Clone)]
pub(super) struct Fenced {
    pub told: Passages,
    /// Of those that enter and exit.
    pub reason: Option<Reason>,
    /// Where the area has changed: what by, and what for.
    pub moved: Option<(Hash, Arc<AreaMoved>)>,
}

/// The same for findings that make the same event of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FindingKey {
    matched: Matched,
    told: Passages,
    reason: Option<Reason>,
    filter: Option<Hash>,
}

impl Finding {
    /// Of a filter without a fence.
    pub(super) fn plain(matched: Matched) -> Self {
        Self {
            matched,
            fenced: None,
        }
    }

    pub(super) fn key(&self) -> FindingKey {
        let fenced = self.fenced.as_ref();
        let moved = fenced.and_then(|fenced| fenced.moved.as_ref());
        FindingKey {
            matched: self.matched,
            told: fenced.map_or_else(Passages::default, |fenced| fenced.told),
            reason: fenced.and_then(|fenced| fenced.reason),
            filter: moved.map(|(filter, _)| *filter),
        }
    }

    /// `"matched":"...","fence":[...],"reason":"..."` and what the area has moved.
    pub(super) fn write(&self, json: &mut Vec<u8>) {
        let matched = self.matched.as_str();
        json.extend_from_slice(format!("\"matched\":\"{matched}\"").as_bytes());
        let Some(fenced) = &self.fenced else {
            return;
        };
        let names: Vec<_> = fenced.told.names().collect();
        let names = names.join("\",\"");
        json.extend_from_slice(format!(",\"fence\":[\"{names}\"]").as_bytes());
        if let Some(reason) = fenced.reason {
            let reason = reason.as_str();
            json.extend_from_slice(format!(",\"reason\":\"{reason}\"").as_bytes());
        }
        if let Some((_, moved)) = &fenced.moved {
            moved.write(json);
        }
    }
}
