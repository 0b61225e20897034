//! What a filter takes of a block.

use std::sync::Arc;

use super::area_moved::AreaMoved;
use super::crossings::Crossings;
use super::fence::{Passages, Reason};
use super::matched::Matched;
use crate::types::Hash;

/// What a filter sees in a block.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What it takes.
    pub finding: Option<Finding>,
    /// Whether something may have entered its fence.
    pub enters: bool,
}

/// What a filter takes of a block.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub matched: Matched,
    pub fenced: Option<Fenced>,
    /// How a series passes a level, and what for.
    crossings: Option<(Hash, Arc<Crossings>)>,
}

impl From<Option<Finding>> for Look {
    fn from(finding: Option<Finding>) -> Self {
        let enters = false;
        Self { finding, enters }
    }
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
            crossings: None,
        }
    }

    /// Of a fence.
    pub(super) fn of_fence(matched: Matched, fenced: Fenced) -> Self {
        Self {
            fenced: Some(fenced),
            ..Self::plain(matched)
        }
    }

    /// Of the level that a filter has.
    pub(super) fn of_level(matched: Matched, filter: Hash, crossings: Crossings) -> Self {
        Self {
            crossings: Some((filter, Arc::new(crossings))),
            ..Self::plain(matched)
        }
    }

    pub(super) fn key(&self) -> FindingKey {
        let fenced = self.fenced.as_ref();
        let moved = fenced.and_then(|fenced| fenced.moved.as_ref());
        FindingKey {
            matched: self.matched,
            told: fenced.map_or_else(Passages::default, |fenced| fenced.told),
            reason: fenced.and_then(|fenced| fenced.reason),
            filter: match &self.crossings {
                Some((filter, _)) => Some(*filter),
                None => moved.map(|(filter, _)| *filter),
            },
        }
    }

    /// `"matched":"...","fence":[...],"reason":"..."` and what the area has moved.
    pub(super) fn write(&self, json: &mut Vec<u8>) {
        let matched = self.matched.as_str();
        json.extend_from_slice(format!("\"matched\":\"{matched}\"").as_bytes());
        if let Some((_, crossings)) = &self.crossings {
            crossings.write(json);
        }
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
