//! Histograms that are filled while work goes on, and read when somebody asks.
//!
//! An observation is a search among a dozen and a half bounds and two additions to
//! counters: some ten nanoseconds. Readers take the counters as they are, each by itself.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets of durations, in nanoseconds: from 50 us, which a sync of a
/// fast disk takes, to 10 s.
pub(crate) const DURATIONS: &[u64] = &[
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Those of the transactions in a group.
pub(crate) const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384];

/// Counts of observed values by size.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is beyond the last.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a histogram has counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramFigures {
    /// Upper bounds of the buckets, each in its bucket: nanoseconds, or a number.
    pub bounds: &'static [u64],
    /// Values in each bucket, and last those beyond all bounds.
    pub counts: Vec<u64>,
    /// Sum of all values.
    pub sum: u64,
}

impl Histogram {
    /// With these bounds, which ascend.
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Count a value.
    pub(crate) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Count a duration, in nanoseconds.
    pub(crate) fn observe_duration(&self, duration: Duration) {
        self.observe(nanos(duration));
    }

    /// What it has counted.
    pub(crate) fn figures(&self) -> HistogramFigures {
        HistogramFigures {
            bounds: self.bounds,
            counts: self
                .counts
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
                .collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// A moment that others read, or none.
#[derive(Debug, Default)]
pub(crate) struct Since(AtomicU64);

/// Moments are counted from here.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

impl Since {
    /// It is this moment now.
    pub(crate) fn set(&self, moment: Option<Instant>) {
        // 0 is none.
        let nanos = moment.map_or(0, |moment| nanos(moment - origin()).max(1));
        self.0.store(nanos, Ordering::Relaxed);
    }

    /// How long ago it is.
    pub(crate) fn age(&self) -> Option<Duration> {
        let nanos = self.0.load(Ordering::Relaxed);
        (nanos > 0).then(|| {
            origin()
                .elapsed()
                .saturating_sub(Duration::from_nanos(nanos))
        })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_is_in_its_bucket_and_one_beyond_all_in_the_last() {
        let histogram = Histogram::new(&[1, 10]);
        for value in [0, 1, 2, 10, 11, 1_000] {
            histogram.observe(value);
        }
        let figures = histogram.figures();
        assert_eq!(figures.counts, [2, 2, 2]);
        assert_eq!(figures.sum, 1_024);
        assert_eq!(figures.bounds, [1, 10]);
        assert!(DURATIONS.is_sorted() && SIZES.is_sorted());
    }

    #[test]
    fn the_age_of_a_moment_grows_until_there_is_none() {
        let since = Since::default();
        assert_eq!(since.age(), None);
        since.set(Some(Instant::now()));
        let first = since.age().unwrap();
        std::thread::sleep(Duration::from_millis(2));
        assert!(since.age().unwrap() >= first + Duration::from_millis(2));
        since.set(None);
        assert_eq!(since.age(), None);
    }
}
