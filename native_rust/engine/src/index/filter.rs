//! Which points a walk over a series is after, by when they were written, deleted and
//! brought back.

use super::lives::{alive_at, end_seq, revivals};

/// Later than any deletion.
const NEVER: u64 = u64::MAX;

/// Which points a walk is after, by the sequences that wrote and deleted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// Those visible at a sequence: written by then, and not deleted then.
    VisibleAt(u64),
    /// Those written by a sequence, deleted or not.
    WrittenBy(u64),
    /// Those that one block deleted, brought back or not.
    DeletedBy(u64),
    /// Those that one of the blocks from one sequence to another wrote, deleted or brought
    /// back.
    TouchedBy(u64, u64),
    /// Those visible at one of two sequences and not at the other.
    Changed(u64, u64),
}

impl Filter {
    /// Those visible at `at`, which may be any number.
    pub(super) fn visible_at(at: u64) -> Self {
        // The greatest number is no sequence: it stands for being alive.
        Self::VisibleAt(at.min(NEVER - 1))
    }

    /// Whether it takes points written by block `seq` with these [`super::lives`] ends.
    pub(super) fn takes(self, seq: u64, ends: &[u64]) -> bool {
        match self {
            Self::VisibleAt(at) => seq <= at && alive_at(ends, at),
            Self::WrittenBy(at) => seq <= at,
            Self::DeletedBy(by) => ends.iter().step_by(2).any(|end_seq| *end_seq == by),
            Self::TouchedBy(first, last) => {
                let within = |seq: u64| (first..=last).contains(&seq);
                within(seq) || ends.iter().any(|end| within(*end))
            }
            Self::Changed(one, other) => {
                let visible = |at| Self::visible_at(at).takes(seq, ends);
                visible(one) != visible(other)
            }
        }
    }

    /// Whether it takes every point between `bounds`: if not, it may yet.
    pub(super) fn takes_all(self, bounds: &Bounds) -> bool {
        match self {
            Self::VisibleAt(at) => bounds.max_seq <= at && at < bounds.min_died,
            Self::WrittenBy(at) => bounds.max_seq <= at,
            Self::DeletedBy(seq) => bounds.min_died == seq && bounds.max_died == seq,
            Self::TouchedBy(first, last) => first <= bounds.min_seq && bounds.max_seq <= last,
            Self::Changed(one, other) => {
                let (one, other) = (Self::visible_at(one), Self::visible_at(other));
                one.takes_all(bounds) && other.takes_none(bounds)
                    || one.takes_none(bounds) && other.takes_all(bounds)
            }
        }
    }

    /// Whether it takes none: if not, it may yet.
    pub(super) fn takes_none(self, bounds: &Bounds) -> bool {
        match self {
            Self::VisibleAt(at) => at < bounds.min_seq || bounds.max_died <= at,
            Self::WrittenBy(at) => at < bounds.min_seq,
            Self::DeletedBy(seq) => seq < bounds.min_died || bounds.max_died < seq,
            Self::TouchedBy(first, last) => last < bounds.min_seq || bounds.last() < first,
            Self::Changed(one, other) => {
                let (one, other) = (Self::visible_at(one), Self::visible_at(other));
                one.takes_all(bounds) && other.takes_all(bounds)
                    || one.takes_none(bounds) && other.takes_none(bounds)
            }
        }
    }
}

/// Between what sequences some points, as those of a chunk, were written or brought back, first
/// deleted, and deleted for good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub min_seq: u64,
    pub max_seq: u64,
    pub min_died: u64,
    pub max_died: u64,
}

impl Default for Bounds {
    /// Those of no points.
    fn default() -> Self {
        Self {
            min_seq: u64::MAX,
            max_seq: 0,
            min_died: NEVER,
            max_died: 0,
        }
    }
}

impl Bounds {
    /// Takes in points written by block `seq` with these ends.
    pub(super) fn widen(&mut self, seq: u64, ends: &[u64]) {
        let last = revivals(ends).next_back().unwrap_or(seq);
        self.min_seq = self.min_seq.min(seq);
        self.max_seq = self.max_seq.max(last);
        self.min_died = self.min_died.min(ends.first().copied().unwrap_or(NEVER));
        self.max_died = self.max_died.max(end_seq(ends).unwrap_or(NEVER));
    }

    /// Takes in the points that others are the bounds of.
    pub(super) fn take_in(&mut self, others: &Self) {
        self.min_seq = self.min_seq.min(others.min_seq);
        self.max_seq = self.max_seq.max(others.max_seq);
        self.min_died = self.min_died.min(others.min_died);
        self.max_died = self.max_died.max(others.max_died);
    }

    /// What no block lies after that wrote, deleted or brought back one of the points.
    fn last(&self) -> u64 {
        match (self.min_died, self.max_died) {
            (NEVER, _) => self.max_seq,
            // When those that are there again had been deleted is not kept.
            (_, NEVER) => NEVER,
            (_, died) => self.max_seq.max(died),
        }
    }

    /// Whether some of the points may be there now.
    pub(super) fn some_alive(&self) -> bool {
        self.max_died == NEVER
    }

    /// Whether some of the points may be of this block.
    pub(super) fn may_have(&self, block: Option<u64>) -> bool {
        block.is_none_or(|block| (self.min_seq..=self.max_seq).contains(&block))
    }
}
