//! ResultCache to aggregates, and their JSON.

use std::sync::Arc;

use crate::cache::results::Cacheable;
use crate::read::json_rows::JsonRows;
use crate::read::table_rows::{TableForm, TableRows};
use crate::types::Zone;

use super::Aggregation;

/// What the points of a bucket come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Where it begins, microseconds since the epoch.
    pub timestamp: i64,
    /// `None` where there is no such value and none was filled in, and where it is
    /// beyond the range of doubles.
    pub value: Option<f64>,
}

/// The buckets of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesBuckets {
    /// The series' id.
    pub id: Arc<str>,
    /// In the order asked for.
    pub buckets: Vec<Bucket>,
}

/// The answer to an aggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregatePage {
    /// The sequence it is as of.
    pub seq: u64,
    /// Whether one series was asked for by its id: then `series` is that one.
    pub single: bool,
    /// What the values are.
    pub aggregation: Aggregation,
    /// By id in byte order.
    pub series: Arc<Vec<SeriesBuckets>>,
}

impl Cacheable for AggregatePage {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn as_of(&self, seq: u64) -> Self {
        Self {
            seq,
            ..self.clone()
        }
    }

    fn bytes(&self) -> usize {
        let series = self.series.iter();
        let bytes = series.map(|s| size_of_val(s) + s.buckets.capacity() * size_of::<Bucket>());
        bytes.sum()
    }
}

impl AggregatePage {
    /// Of a series asked for by its id, an array of `{"timestamp", "value"}`, the
    /// timestamps in ISO 8601, in local time of `zone`, a missing value as null, a count as an integer.
    /// By prefix, an array of `{"series_id", "data"}` with such arrays. Linear.
    #[must_use]
    pub fn to_json(&self, zone: &Zone) -> Vec<u8> {
        let buckets: usize = self.series.iter().map(|s| s.buckets.len()).sum();
        let mut rows = JsonRows::with_capacity(buckets + self.series.len(), zone);
        if self.single {
            match self.series.first() {
                Some(series) => self.write(series, &mut rows),
                None => rows.text(b"[]"),
            }
            return rows.finish();
        }
        rows.text(b"[");
        for (place, series) in self.series.iter().enumerate() {
            rows.series(place, &series.id);
            self.write(series, &mut rows);
            rows.text(b"}");
        }
        rows.text(b"]");
        rows.finish()
    }

    /// The buckets of all series as lines. Linear.
    #[must_use]
    pub fn to_table(&self, form: TableForm, zone: &Zone) -> Vec<u8> {
        let buckets = self.series.iter().map(|s| s.buckets.len()).sum();
        let mut rows = TableRows::with_capacity(form, buckets, zone);
        for series in self.series.iter() {
            rows.series(&series.id);
            for bucket in &series.buckets {
                match (self.aggregation, bucket.value) {
                    (Aggregation::Count, Some(count)) => rows.count(bucket.timestamp, count as u64),
                    (_, value) => rows.row(bucket.timestamp, value),
                }
            }
        }
        rows.finish()
    }

    fn write(&self, series: &SeriesBuckets, rows: &mut JsonRows) {
        rows.text(b"[");
        for (place, bucket) in series.buckets.iter().enumerate() {
            match (self.aggregation, bucket.value) {
                (Aggregation::Count, Some(count)) => {
                    rows.count(place, bucket.timestamp, count as u64);
                }
                (_, value) => rows.row(place, bucket.timestamp, value),
            }
        }
        rows.text(b"]");
    }
}
