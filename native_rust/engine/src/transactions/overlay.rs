//! What a transaction has written so far, arranged for reading.

use std::collections::{BTreeMap, HashMap};

use crate::model::PointSpan;
use crate::operation::Operation;

/// Own writes by what they are about.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// Newest operation on each feature, as its place among the operations.
    features: HashMap<String, usize>,
    series: HashMap<String, SeriesOverlay>,
}

/// Own writes to one series.
#[derive(Debug, Default)]
pub(super) struct SeriesOverlay {
    /// Deletions, which hit everything that was there before the transaction.
    deletes: Vec<PointSpan>,
    /// Points that are left of the own ones, by timestamp and order of arrival.
    pub points: BTreeMap<(i64, u64), f64>,
    arrived: u64,
}

impl SeriesOverlay {
    /// Whether the own deletions spare a point that block `seq` wrote.
    pub(super) fn spares(&self, timestamp: i64, seq: u64) -> bool {
        !self.deletes.iter().any(|span| {
            (span.start..span.end).contains(&timestamp)
                && span.block.is_none_or(|block| block == seq)
        })
    }

    /// Whether anything was deleted.
    fn deletes(&self) -> bool {
        !self.deletes.is_empty()
    }
}

impl Overlay {
    /// Note the operation at place `place`.
    pub(super) fn note(&mut self, operation: &Operation, place: usize) {
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
                if span.block.is_none() && span.start < span.end {
                    let own = series.points.range((span.start, 0)..(span.end, 0));
                    let own: Vec<(i64, u64)> = own.map(|(key, _)| *key).collect();
                    for key in own {
                        series.points.remove(&key);
                    }
                }
                series.deletes.push(span.clone());
            }
            Operation::Revert(_) => {}
        }
    }

    /// Place of the newest operation on feature `id`.
    pub(super) fn feature(&self, id: &str) -> Option<usize> {
        self.features.get(id).copied()
    }

    /// Features written or deleted.
    pub(super) fn features(&self) -> impl Iterator<Item = &str> {
        self.features.keys().map(String::as_str)
    }

    /// Places of the newest operation on each feature, ascending.
    pub(super) fn feature_places(&self) -> Vec<usize> {
        let mut places: Vec<usize> = self.features.values().copied().collect();
        places.sort_unstable();
        places
    }

    /// Own writes to series `id`.
    pub(super) fn series(&self, id: &str) -> Option<&SeriesOverlay> {
        self.series.get(id)
    }

    /// Series from which points were deleted.
    pub(super) fn series_deleted_from(&self) -> impl Iterator<Item = &str> {
        let deleted = self.series.iter().filter(|(_, series)| series.deletes());
        deleted.map(|(id, _)| id.as_str())
    }
}
