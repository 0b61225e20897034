//! What touched the indexes last.

use std::sync::atomic::{AtomicU64, Ordering};

/// The last sequences that touched an index, applied or still being so.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    features: AtomicU64,
    series: AtomicU64,
}

impl Generations {
    /// The last block that wrote or deleted a feature, of those applied so far.
    pub(crate) fn of_features(&self) -> u64 {
        self.features.load(Ordering::Acquire)
    }

    /// The last block that wrote or deleted points, or set attributes, of those applied so far.
    pub(crate) fn of_series(&self) -> u64 {
        self.series.load(Ordering::Acquire)
    }

    /// Call it before a feature is written or deleted.
    pub(crate) fn touch_features(&self, seq: u64) {
        self.features.store(seq, Ordering::Release);
    }

    /// Call it before points are written or deleted, or attributes are set.
    pub(crate) fn touch_series(&self, seq: u64) {
        self.series.fetch_max(seq, Ordering::Release);
    }
}
