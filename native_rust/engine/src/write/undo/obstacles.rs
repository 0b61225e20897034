//! What stands in the way of undoing blocks, in numbers and in words.

use crate::error::{Error, Obstacle};

/// A block that stands in the way, and the first and the last one of its transaction, which
/// is undone as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocker {
    pub by: u64,
    pub transaction: (u64, u64),
}

impl Blocker {
    /// The first block of its transaction, if that has others.
    fn one_of(self) -> Option<u64> {
        let (first, last) = self.transaction;
        (first < last).then_some(first)
    }

    /// What it did, and what to do.
    fn text(self, did: &str) -> String {
        let Self { by, transaction } = self;
        match self.one_of() {
            None => format!("block {by} {did}; revert that one first"),
            Some(first) => format!(
                "block {by}, of the transaction of blocks {first} to {}, {did}; revert that \
                 transaction first",
                transaction.1
            ),
        }
    }
}

/// Why a block cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// A later version of the feature stands.
    Later(Blocker),
    /// Points that it wrote were deleted, so many in all.
    Deleted { by: Blocker, written: usize },
    /// Points that it wrote are not there.
    Missing { missing: usize, written: usize },
    /// It was undone, and this block does again what it did.
    Again { by: u64, last: u64 },
    /// It deleted more points than one block brings back.
    Many { points: usize, limit: usize },
    /// Others of its transaction would be left as they are.
    Half { first: u64, last: u64, left: u64 },
    /// It is about a webhook.
    Webhook,
    /// It is a deletion of points, of which there were none.
    Nothing,
    /// A block has undone it.
    Undone(u64),
    /// No block is meant at all.
    NoBlock,
}

impl Reason {
    fn code(&self) -> &'static str {
        match self {
            Self::Later(_) => "later_write",
            Self::Deleted { .. } | Self::Missing { .. } => "points_deleted",
            Self::Again { .. } => "done_again",
            Self::Many { .. } => "too_many_points",
            Self::Half { .. } => "partial_transaction",
            Self::Webhook => "about_webhook",
            Self::Nothing | Self::Undone(_) | Self::NoBlock => "nothing_to_undo",
        }
    }

    fn by(&self) -> Option<u64> {
        match *self {
            Self::Later(blocker) | Self::Deleted { by: blocker, .. } => Some(blocker.by),
            Self::Undone(by) => Some(by),
            Self::Again { last, .. } => Some(last),
            _ => None,
        }
    }

    fn transaction(&self) -> Option<u64> {
        match *self {
            Self::Later(blocker) | Self::Deleted { by: blocker, .. } => blocker.one_of(),
            _ => None,
        }
    }

    pub(super) fn text(&self, block: u64) -> String {
        match self {
            Self::Later(blocker) => blocker.text("depends on it"),
            Self::Deleted { by, written } => {
                by.text(&format!("deleted some of its {written} points"))
            }
            Self::Missing { missing, written } => {
                format!("{missing} of its {written} points are not there any more")
            }
            Self::Again { by, last } => format!(
                "block {by} has undone it already, and block {last} does again what it did; revert \
                 that one"
            ),
            Self::Many { points, limit } => format!(
                "it deleted {points} points and one block brings back at most {limit}; write them \
                 again from a range query as of block {}",
                block - 1
            ),
            Self::Half { first, last, left } => format!(
                "it belongs to the transaction of blocks {first} to {last}, of which {left} more \
                 would be left as they are; undo the transaction as a whole, or ask for \
                 partial=true"
            ),
            Self::Webhook => "it registers, changes or deletes a webhook, which only the calls of \
                 webhooks do; leave it out"
                .to_owned(),
            Self::Nothing => "it deleted no points".to_owned(),
            Self::NoBlock => "no block is meant".to_owned(),
            Self::Undone(by) => format!("block {by} has undone it already"),
        }
    }
}

/// All that stands in the way: so many are kept as a limit says, all are counted.
#[derive(Debug)]
pub(super) struct Obstacles {
    limit: usize,
    kept: Vec<Obstacle>,
    /// The last one, which may not have been kept.
    last: Option<(u64, Reason)>,
    total: u64,
}

impl Obstacles {
    /// `limit` is [`crate::Limits::faults`].
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            kept: Vec::new(),
            last: None,
            total: 0,
        }
    }

    fn detail(block: u64, reason: &Reason) -> String {
        match reason {
            Reason::NoBlock => "there is no block of this kind".to_owned(),
            _ => format!("block {block} cannot be reverted: {}", reason.text(block)),
        }
    }

    pub(super) fn add(&mut self, block: u64, reason: Reason, pointer: impl FnOnce() -> String) {
        self.total += 1;
        if self.are_kept() {
            self.kept.push(Obstacle {
                code: reason.code(),
                pointer: pointer(),
                seq: (block > 0).then_some(block),
                by: reason.by(),
                transaction: reason.transaction(),
                detail: Self::detail(block, &reason),
            });
        }
        self.last = Some((block, reason));
    }

    /// Whether the next one is told of.
    pub(super) fn are_kept(&self) -> bool {
        self.kept.len() < self.limit
    }

    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Those that are kept, and how many there are.
    pub(super) fn into_parts(self) -> (Vec<Obstacle>, u64) {
        (self.kept, self.total)
    }

    /// The refusal of a block that was to be undone by itself: the last one, by which its
    /// undoing would begin.
    pub(super) fn of_one(self) -> Option<Error> {
        let (block, reason) = self.last?;
        let reason = reason.text(block);
        Some(Error::Irreversible { block, reason })
    }

    /// The refusal of several.
    pub(super) fn of_all(self) -> Option<Error> {
        (self.total > 0).then_some(Error::Obstructed {
            obstacles: self.kept,
            total: self.total,
            limit: self.limit as u64,
        })
    }
}
