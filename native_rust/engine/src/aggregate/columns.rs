//! The buckets of a series, with a value for each aggregation.

use super::fold::Aggregation;
use crate::error::Result;

/// What the points of a bucket, or of a group, come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Where it begins, microseconds since the epoch; of a group its number.
    pub timestamp: i64,
    /// `None` where there is no such value and none was filled in, and where it is
    /// beyond the range of doubles.
    pub value: Option<f64>,
}

/// Buckets in order, being put together.
#[derive(Debug)]
pub(super) struct Columns {
    aggregations: Vec<Aggregation>,
    /// With the values of the first aggregation.
    pub buckets: Vec<Bucket>,
    /// Those of each other one, as many as buckets.
    pub more: Vec<Vec<Option<f64>>>,
}

impl Columns {
    pub(super) fn new(aggregations: &[Aggregation]) -> Self {
        Self {
            aggregations: aggregations.to_vec(),
            buckets: Vec::new(),
            more: vec![Vec::new(); aggregations.len().saturating_sub(1)],
        }
    }

    /// Adds a bucket, of which `value` says what each aggregation is.
    ///
    /// # Errors
    /// Its own.
    pub(super) fn push(
        &mut self,
        timestamp: i64,
        mut value: impl FnMut(Aggregation) -> Result<Option<f64>>,
    ) -> Result<()> {
        let mut columns = self.more.iter_mut();
        for (place, &aggregation) in self.aggregations.iter().enumerate() {
            let value = value(aggregation)?;
            match place {
                0 => self.buckets.push(Bucket { timestamp, value }),
                _ => columns.next().into_iter().for_each(|c| c.push(value)),
            }
        }
        Ok(())
    }

    /// Takes the last bucket off if it has no value at all. Returns whether it has not.
    pub(super) fn drop_empty(&mut self) -> bool {
        let last = self
            .more
            .iter()
            .map(|column| column.last().copied().flatten());
        let first = self.buckets.last().and_then(|bucket| bucket.value);
        let empty = first.is_none() && last.flatten().next().is_none();
        if empty {
            self.buckets.pop();
            self.more.iter_mut().for_each(|column| {
                column.pop();
            });
        }
        empty
    }

    /// Sets the value of an aggregation in a bucket.
    pub(super) fn set(&mut self, bucket: usize, aggregation: Aggregation, value: f64) {
        let place = self.aggregations.iter().position(|a| *a == aggregation);
        let cell = match place {
            Some(0) => self.buckets.get_mut(bucket).map(|bucket| &mut bucket.value),
            Some(place) => self
                .more
                .get_mut(place - 1)
                .and_then(|column| column.get_mut(bucket)),
            None => None,
        };
        if let Some(cell) = cell {
            *cell = Some(value);
        }
    }

    /// Calls `change` with the buckets as they are with the values of each aggregation.
    ///
    /// # Errors
    /// Its own.
    pub(super) fn each(
        &mut self,
        mut change: impl FnMut(Aggregation, &mut [Bucket]) -> Result<()>,
    ) -> Result<()> {
        let mut aggregations = self.aggregations.iter().copied();
        if let Some(first) = aggregations.next() {
            change(first, &mut self.buckets)?;
        }
        for (aggregation, column) in aggregations.zip(&mut self.more) {
            let rows = self.buckets.iter().zip(&*column);
            let mut buckets: Vec<Bucket> = rows
                .map(|(&Bucket { timestamp, .. }, &value)| Bucket { timestamp, value })
                .collect();
            change(aggregation, &mut buckets)?;
            for (cell, bucket) in column.iter_mut().zip(buckets) {
                *cell = bucket.value;
            }
        }
        Ok(())
    }

    pub(super) fn reverse(&mut self) {
        self.buckets.reverse();
        self.more.iter_mut().for_each(|column| column.reverse());
    }

    /// What there is none of is 0 where it counts, and what is beyond the range of doubles
    /// is none.
    pub(super) fn settle(aggregation: Aggregation, buckets: &mut [Bucket]) {
        for Bucket { value, .. } in buckets {
            *value = match aggregation.counts() {
                true => value.or(Some(0.0)),
                false => value.filter(|value| value.is_finite()),
            };
        }
    }
}
