//! Which versions a filter takes.

use super::subject::{About, Subject};
use crate::block::OpKind;

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
