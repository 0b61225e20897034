//! What a transaction has written so far, arranged for reading.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::block::{Operation, Spans, Versioned};
use crate::index::{Point, PointRef};
use crate::types::{OnDuplicate, PointBatch, Which};

/// Own writes by what they are about.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    /// Newest operation on each feature, as its place among the operations.
    features: HashMap<String, usize>,
    /// Sequences of the versions that those hide.
    hidden: HashSet<u64>,
    series: HashMap<String, SeriesOverlay>,
    /// As `features`, of the attributes of series.
    attributes: HashMap<String, usize>,
}

/// Own writes to one series.
#[derive(Debug, Default)]
pub(crate) struct SeriesOverlay {
    /// Deletions, which hit everything that was there before them.
    pub deletes: Spans,
    /// Timestamps at which own points are in place of those that were there before them.
    pub replaced: Spans,
    /// Whether blocks were undone that are about it.
    pub undoes: bool,
    /// Points that are left of the own ones, by timestamp and order of arrival.
    pub points: BTreeMap<(i64, u64), f64>,
    arrived: u64,
}

/// What an operation finds in the database as it was when the transaction began.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    /// The version of a feature that it writes over.
    Version(u64),
    /// The points that it may not be a duplicate of, or that it deletes by its id.
    Points(Vec<Point>),
    /// The places of those points of it that are no duplicates.
    New(Vec<usize>),
}

impl SeriesOverlay {
    /// Whether a point of before is deleted.
    pub(crate) fn hits(&self, point: &Point) -> bool {
        let PointRef { seq, index } = point.source;
        self.deletes.hit(point.timestamp, (seq, index)) || self.replaced.hit_own(point.timestamp)
    }

    /// Whether an own point of an earlier layer is.
    pub(crate) fn hits_own(&self, timestamp: i64) -> bool {
        self.deletes.hit_own(timestamp) || self.replaced.hit_own(timestamp)
    }

    fn put(&mut self, batch: &PointBatch, place: usize) {
        if let (Some(timestamp), Some(value)) =
            (batch.timestamps.get(place), batch.values.get(place))
        {
            self.points.insert((*timestamp, self.arrived), *value);
            self.arrived += 1;
        }
    }

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
            Operation::PutPoints {
                batch, duplicates, ..
            } => {
                let replaced = match duplicates.on_duplicate {
                    Some(OnDuplicate::Replace) => SPAN,
                    _ => 0,
                };
                SERIES + batch.series.len() + (POINT + replaced) * batch.timestamps.len()
            }
            Operation::DeletePoints(delete) => SERIES + SPAN + 2 * delete.span.series.len(),
            Operation::SetAttributes(set) => FEATURE + set.series.len(),
            Operation::SetDefaults(_) | Operation::SetWebhook(_) | Operation::Revert(_) => 0,
        }
    }

    /// Note the operation at place `place`.
    pub(crate) fn note(&mut self, operation: &Operation, place: usize, found: &Found) {
        if let Found::Version(seq) = found {
            self.hidden.insert(*seq);
        }
        if let (Operation::Revert(_), Some(series)) = (operation, operation.series()) {
            self.series.entry(series.to_owned()).or_default().undoes = true;
        }
        match operation.effect() {
            Operation::PutFeature(feature) => {
                self.features.insert(feature.id.clone(), place);
            }
            Operation::DeleteFeature(delete) => {
                self.features.insert(delete.id.clone(), place);
            }
            Operation::PutPoints {
                batch, duplicates, ..
            } => {
                let series = self.series.entry(batch.series.clone()).or_default();
                match (found, duplicates.on_duplicate) {
                    (Found::New(places), _) => {
                        places.iter().for_each(|place| series.put(batch, *place));
                    }
                    (_, on_duplicate) => {
                        for (place, &timestamp) in batch.timestamps.iter().enumerate() {
                            if on_duplicate == Some(OnDuplicate::Replace) {
                                let end = timestamp.saturating_add(1);
                                series.delete_own(timestamp, end);
                                series.replaced.add_all(timestamp, end);
                            }
                            series.put(batch, place);
                        }
                    }
                }
            }
            Operation::DeletePoints(delete) => {
                let span = &delete.span;
                let series = self.series.entry(span.series.clone()).or_default();
                // One that names a block cannot mean points that have none yet.
                if span.which == Which::All {
                    series.delete_own(span.start, span.end);
                }
                series.deletes.add(span.start, span.end, &span.which);
            }
            Operation::SetAttributes(set) => {
                self.attributes.insert(set.series.clone(), place);
            }
            Operation::SetDefaults(_) | Operation::SetWebhook(_) | Operation::Revert(_) => {}
        }
    }

    /// Note what `later` has noted, whose operations are later ones.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.features.extend(later.features);
        self.attributes.extend(later.attributes);
        self.hidden.extend(later.hidden);
        for (id, later) in later.series {
            let series = self.series.entry(id).or_default();
            for (start, end) in later.deletes.of_all().chain(later.replaced.of_all()) {
                series.delete_own(start, end);
            }
            series.deletes.absorb(later.deletes);
            series.replaced.absorb(later.replaced);
            series.undoes |= later.undoes;
            for ((timestamp, _), value) in later.points {
                series.points.insert((timestamp, series.arrived), value);
                series.arrived += 1;
            }
        }
    }

    /// Place of the newest operation on what has versions.
    pub(crate) fn newest(&self, of: Versioned<'_>) -> Option<usize> {
        match of {
            Versioned::Feature(id) => self.features.get(id).copied(),
            Versioned::Attributes(id) => self.attributes.get(id).copied(),
            // No transaction that stays open writes them.
            Versioned::Webhook(_) => None,
        }
    }

    /// Series whose attributes were set or deleted.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str)
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
