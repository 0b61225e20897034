//! What a transaction has written so far, arranged for reading.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::spans::Spans;
use crate::block::Operation;

/// Own writes by what they are about.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    /// Newest operation on each feature, as its place among the operations.
    features: HashMap<String, usize>,
    /// Sequences of the versions that those hide.
    hidden: HashSet<u64>,
    series: HashMap<String, SeriesOverlay>,
}

/// Own writes to one series.
#[derive(Debug, Default)]
pub(crate) struct SeriesOverlay {
    /// Deletions, which hit everything that was there before them.
    pub deletes: Spans,
    /// Points that are left of the own ones, by timestamp and order of arrival.
    pub points: BTreeMap<(i64, u64), f64>,
    arrived: u64,
}

impl SeriesOverlay {
    fn delete_own(&mut self, start: i64, end: i64) {
        if start < end {
            let own = self.points.range((start, 0)..(end, 0));
            let own: Vec<(i64, u64)> = own.map(|(key, _)| *key).collect();
            for key in own {
                self.points.remove(&key);
            }
        }
    }
}

impl Overlay {
    /// Bytes of memory that the entries of an operation take, at most: measured, with
    /// what hash tables and B-trees leave empty.
    pub(crate) fn memory_of(operation: &Operation) -> usize {
        /// A place in each of the two tables of features.
        const FEATURE: usize = 160;
        /// A place in the table of series, and the first nodes of its own trees. Nobody
        /// looks whether the series is there already.
        const SERIES: usize = 480;
        /// Of a B-tree that is filled in order: its nodes are half full.
        const POINT: usize = 56;
        const SPAN: usize = 96;
        match operation.effect() {
            Operation::PutFeature(feature) => FEATURE + feature.id.len(),
            Operation::DeleteFeature(delete) => FEATURE + delete.id.len(),
            Operation::PutPoints { batch, .. } => {
                SERIES + batch.series.len() + POINT * batch.timestamps.len()
            }
            Operation::DeletePoints(delete) => SERIES + SPAN + 2 * delete.span.series.len(),
            Operation::Revert(_) => 0,
        }
    }

    /// Note the operation at place `place`; `hidden` is the version of a feature that
    /// was there before the transaction.
    pub(crate) fn note(&mut self, operation: &Operation, place: usize, hidden: Option<u64>) {
        self.hidden.extend(hidden);
        match operation.effect() {
            Operation::PutFeature(feature) => {
                self.features.insert(feature.id.clone(), place);
            }
            Operation::DeleteFeature(delete) => {
                self.features.insert(delete.id.clone(), place);
            }
            Operation::PutPoints { batch, .. } => {
                let series = self.series.entry(batch.series.clone()).or_default();
                for (timestamp, value) in batch.timestamps.iter().zip(&batch.values) {
                    series.points.insert((*timestamp, series.arrived), *value);
                    series.arrived += 1;
                }
            }
            Operation::DeletePoints(delete) => {
                let span = &delete.span;
                let series = self.series.entry(span.series.clone()).or_default();
                // One that names a block cannot mean points that have none yet.
                if span.block.is_none() {
                    series.delete_own(span.start, span.end);
                }
                series.deletes.add(span.start, span.end, span.block);
            }
            Operation::Revert(_) => {}
        }
    }

    /// Note what `later` has noted, whose operations are later ones.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.features.extend(later.features);
        self.hidden.extend(later.hidden);
        for (id, later) in later.series {
            let series = self.series.entry(id).or_default();
            for (start, end) in later.deletes.of_all() {
                series.delete_own(start, end);
            }
            series.deletes.absorb(later.deletes);
            for ((timestamp, _), value) in later.points {
                series.points.insert((timestamp, series.arrived), value);
                series.arrived += 1;
            }
        }
    }

    /// Place of the newest operation on feature `id`.
    pub(crate) fn feature(&self, id: &str) -> Option<usize> {
        self.features.get(id).copied()
    }

    /// Features written or deleted.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        self.features.keys().map(String::as_str)
    }

    /// Whether the version of block `seq` has been written over.
    pub(crate) fn hides(&self, seq: u64) -> bool {
        self.hidden.contains(&seq)
    }

    /// Own writes to series `id`.
    pub(crate) fn series(&self, id: &str) -> Option<&SeriesOverlay> {
        self.series.get(id)
    }

    /// Series from which points were deleted.
    pub(crate) fn series_deleted_from(&self) -> impl Iterator<Item = &str> {
        let deleted = self.series.iter();
        let deleted = deleted.filter(|(_, series)| !series.deletes.is_empty());
        deleted.map(|(id, _)| id.as_str())
    }
}
