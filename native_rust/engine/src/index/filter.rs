//! Which points a walk over a series is after, by when they were written and deleted.

/// `died` of points that nothing has deleted.
pub(super) const ALIVE: u64 = u64::MAX;

/// Which points a walk is after, by the sequences that wrote and deleted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// Those visible at a sequence: written by then, not deleted by then.
    VisibleAt(u64),
    /// Those written by a sequence, deleted or not.
    WrittenBy(u64),
    /// Those that one block deleted.
    DeletedBy(u64),
}

impl Filter {
    /// Those visible at `at`, which may be any number.
    pub(super) fn visible_at(at: u64) -> Self {
        // The greatest number is no sequence: it stands for being alive.
        Self::VisibleAt(at.min(ALIVE - 1))
    }

    /// Whether it takes points written by block `seq` and deleted by block `died`.
    pub(super) fn takes(self, seq: u64, died: u64) -> bool {
        match self {
            Self::VisibleAt(at) => seq <= at && at < died,
            Self::WrittenBy(at) => seq <= at,
            Self::DeletedBy(by) => died == by,
        }
    }

    /// Whether it takes every point between `bounds`: if not, it may yet.
    pub(super) fn takes_all(self, bounds: &Bounds) -> bool {
        match self {
            Self::VisibleAt(at) => bounds.max_seq <= at && at < bounds.min_died,
            Self::WrittenBy(at) => bounds.max_seq <= at,
            Self::DeletedBy(seq) => bounds.min_died == seq && bounds.max_died == seq,
        }
    }

    /// Whether it takes none: if not, it may yet.
    pub(super) fn takes_none(self, bounds: &Bounds) -> bool {
        match self {
            Self::VisibleAt(at) => at < bounds.min_seq || bounds.max_died <= at,
            Self::WrittenBy(at) => at < bounds.min_seq,
            Self::DeletedBy(seq) => seq < bounds.min_died || bounds.max_died < seq,
        }
    }
}

/// Between what sequences the points of a chunk were written and deleted.
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
            min_died: ALIVE,
            max_died: 0,
        }
    }
}

impl Bounds {
    /// Takes in points written by block `seq` and deleted by block `died`.
    pub(super) fn widen(&mut self, seq: u64, died: u64) {
        self.min_seq = self.min_seq.min(seq);
        self.max_seq = self.max_seq.max(seq);
        self.min_died = self.min_died.min(died);
        self.max_died = self.max_died.max(died);
    }
}
