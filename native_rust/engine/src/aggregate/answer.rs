//! ResultCache to aggregates, and their JSON.

use std::sync::Arc;

use crate::cache::results::Cacheable;
use crate::read::json_rows::JsonRows;
use crate::read::table_rows::{TableForm, TableRows};
use crate::types::Zone;

use super::columns::{Bucket, Columns};
use super::{Aggregation, GroupBy};

/// The buckets of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesBuckets {
    /// The series' id.
    pub id: Arc<str>,
    /// In the order asked for, with the values of the first aggregation.
    pub buckets: Vec<Bucket>,
    /// The values of each other aggregation, as many as buckets.
    pub more: Vec<Vec<Option<f64>>>,
}

impl SeriesBuckets {
    pub(super) fn new(id: Arc<str>, columns: Columns) -> Self {
        let Columns { buckets, more, .. } = columns;
        Self { id, buckets, more }
    }

    /// The values of all aggregations in a bucket, in their order.
    pub fn values(&self, bucket: usize) -> impl Iterator<Item = Option<f64>> + '_ {
        let first = self.buckets.get(bucket).map(|bucket| bucket.value);
        let more = self
            .more
            .iter()
            .map(move |column| column.get(bucket).copied());
        [first].into_iter().chain(more).map(Option::flatten)
    }
}

/// The answer to an aggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregatePage {
    /// The sequence it is as of.
    pub seq: u64,
    /// Whether one series was asked for by its id: then `series` is that one.
    pub single: bool,
    /// What the values are.
    pub aggregations: Vec<Aggregation>,
    /// What stands in place of timestamps, if that is the number of a group.
    pub group_by: Option<GroupBy>,
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
        let bytes = series.map(|s| {
            let buckets = s.buckets.capacity() * size_of::<Bucket>();
            let more = s.more.iter().map(Vec::capacity).sum::<usize>();
            size_of_val(s) + buckets + more * size_of::<Option<f64>>()
        });
        bytes.sum()
    }
}

impl AggregatePage {
    /// Of a series asked for by its id, an array of `{"timestamp", "value"}`, the
    /// timestamps in ISO 8601, in local time of `zone`, a missing value as null, a count as an
    /// integer. Of groups it is `"group"`, a number, in place of the timestamp; of several
    /// aggregations a member for each, by its name, in place of the value. By prefix, an array
    /// of `{"series_id", "data"}` with such arrays. Linear.
    #[must_use]
    pub fn to_json(&self, zone: &Zone) -> Vec<u8> {
        let cells = self.aggregations.len();
        let buckets: usize = self.series.iter().map(|s| s.buckets.len()).sum();
        let mut rows = JsonRows::with_capacity(buckets * cells + self.series.len(), zone);
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

    fn write(&self, series: &SeriesBuckets, rows: &mut JsonRows) {
        rows.text(b"[");
        match (self.aggregations.as_slice(), self.group_by) {
            (&[aggregation], None) if aggregation != Aggregation::Count => {
                for (place, bucket) in series.buckets.iter().enumerate() {
                    rows.row(place, bucket.timestamp, bucket.value);
                }
            }
            _ => self.write_members(series, rows),
        }
        rows.text(b"]");
    }

    fn write_members(&self, series: &SeriesBuckets, rows: &mut JsonRows) {
        let names = self.names();
        for (place, bucket) in series.buckets.iter().enumerate() {
            match self.group_by {
                None => rows.begin(place, bucket.timestamp),
                Some(_) => rows.begin_group(place, bucket.timestamp),
            }
            for ((name, &aggregation), value) in names
                .iter()
                .zip(&self.aggregations)
                .zip(series.values(place))
            {
                rows.member(name);
                rows.cell(value, aggregation == Aggregation::Count);
            }
            rows.text(b"}");
        }
    }

    /// The buckets of all series as lines. Linear.
    #[must_use]
    pub fn to_table(&self, form: TableForm, zone: &Zone) -> Vec<u8> {
        let names = self.names();
        let buckets: usize = self.series.iter().map(|s| s.buckets.len()).sum();
        let mut rows = TableRows::with_capacity(form, buckets * names.len(), zone);
        for series in self.series.iter() {
            match self.group_by {
                None => rows.series(&series.id),
                Some(_) => rows.series_of_groups(&series.id),
            }
            for (place, bucket) in series.buckets.iter().enumerate() {
                match self.group_by {
                    None => rows.begin(bucket.timestamp),
                    Some(_) => rows.begin_group(bucket.timestamp),
                }
                for ((name, &aggregation), value) in names
                    .iter()
                    .zip(&self.aggregations)
                    .zip(series.values(place))
                {
                    rows.member(name);
                    rows.cell(value, aggregation == Aggregation::Count);
                }
                rows.end();
            }
        }
        rows.finish()
    }

    /// The header of a table with the columns of [`Self::to_table`].
    #[must_use]
    pub fn header(&self, form: TableForm) -> String {
        let id = match form {
            TableForm::Lines => return String::new(),
            TableForm::Csv => "",
            TableForm::CsvOfMany => "series_id,",
        };
        format!("{id}{},{}\n", self.key(), self.names().join(","))
    }

    pub(super) fn key(&self) -> &'static str {
        match self.group_by {
            None => "timestamp",
            Some(_) => "group",
        }
    }

    /// What values are called: one of several by its aggregation.
    fn names(&self) -> Vec<String> {
        match self.aggregations.as_slice() {
            [_] => vec!["value".to_owned()],
            several => several.iter().map(ToString::to_string).collect(),
        }
    }
}
