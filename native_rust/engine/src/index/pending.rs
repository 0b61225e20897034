//! What operations that are not in the indexes have done to the points of a series, and
//! which points of a batch are no duplicates of what is there.

use std::collections::{BTreeMap, HashMap};

use super::chunk::{Point, PointRef};
use crate::block::{Operation, Spans};
use crate::types::{PointBatch, PointSpan, Which};

/// What operations that are not in the indexes yet have done to the points of a series.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Points that were put and are there, in order, with their values.
    put: BTreeMap<(i64, u64, u32), f64>,
    /// What was deleted of what there was before.
    deleted: Spans,
    /// Whether what there is cannot be told: points were brought back, or deleted by the
    /// block that they are of.
    pub(crate) unclear: bool,
}

impl Pending {
    /// Note what the operation of block `seq` does.
    pub(crate) fn note(&mut self, operation: &Operation, seq: u64) {
        match operation {
            Operation::PutPoints { batch, .. } => {
                let points = batch.timestamps.iter().zip(&batch.values).zip(0..);
                let points =
                    points.map(|((timestamp, value), place)| ((*timestamp, seq, place), *value));
                self.put.extend(points);
            }
            Operation::DeletePoints(delete) => self.delete(&delete.span),
            // That of a put deletes what is of it, that of a deletion brings back.
            Operation::Revert(_) => self.unclear = true,
            _ => {}
        }
    }

    /// Whether nothing of it is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.put.is_empty()
    }

    /// Note that block `seq` puts those points of a batch that stand at these places.
    pub(crate) fn put(&mut self, batch: &PointBatch, places: &[usize], seq: u64) {
        for place in places {
            let point = batch.timestamps.get(*place).zip(batch.values.get(*place));
            if let Some((timestamp, value)) = point {
                self.put.insert((*timestamp, seq, *place as u32), *value);
            }
        }
    }

    /// Note what is deleted.
    pub(crate) fn delete(&mut self, span: &PointSpan) {
        let &PointSpan { start, end, .. } = span;
        self.deleted.add(start, end, &span.which);
        let kept = |timestamp: i64, seq: u64, place: u32| match &span.which {
            Which::All | Which::Replaced { .. } => false,
            Which::Of(block) => seq != *block,
            Which::One { block, place: one } => {
                (seq, place) != (*block, *one) || timestamp != start
            }
        };
        match &span.which {
            Which::Replaced { by, timestamps } => {
                for timestamp in timestamps {
                    let mut at: Vec<_> = self.at(*timestamp).map(|(key, _)| key).collect();
                    if at.last().is_some_and(|(_, seq, _)| seq == by) {
                        at.pop();
                    }
                    for key in at {
                        self.put.remove(&key);
                    }
                }
            }
            _ if start < end => {
                let inside = self.put.range((start, 0, 0)..(end, 0, 0));
                let gone: Vec<_> = inside
                    .map(|(key, _)| *key)
                    .filter(|(timestamp, seq, place)| !kept(*timestamp, *seq, *place))
                    .collect();
                for key in gone {
                    self.put.remove(&key);
                }
            }
            _ => {}
        }
    }

    fn at(&self, timestamp: i64) -> impl Iterator<Item = ((i64, u64, u32), f64)> {
        let range = (timestamp, 0, 0)..=(timestamp, u64::MAX, u32::MAX);
        self.put.range(range).map(|(key, value)| (*key, *value))
    }

    pub(crate) fn spares(&self, point: &Point) -> bool {
        let PointRef { seq, index } = point.source;
        !self.deleted.hit(point.timestamp, (seq, index))
    }

    /// Calls `found` with those that are there at a timestamp.
    pub(crate) fn each(&self, timestamp: i64, mut found: impl FnMut(Point)) {
        for ((timestamp, seq, index), value) in self.at(timestamp) {
            let source = PointRef { seq, index };
            found(Point {
                timestamp,
                value,
                source,
            });
        }
    }
}

/// The timestamps of a batch.
pub(crate) struct Sorted {
    /// Ascending, without repetition.
    pub timestamps: Vec<i64>,
    /// Those that the batch has more than once.
    pub repeated: Vec<i64>,
}

impl Sorted {
    pub(crate) fn new(timestamps: &[i64]) -> Self {
        let mut sorted = timestamps.to_vec();
        if !sorted.is_sorted() {
            sorted.sort_unstable();
        }
        let mut repeated: Vec<i64> = sorted
            .windows(2)
            .filter(|pair| pair.first() == pair.last())
            .filter_map(|pair| pair.first().copied())
            .collect();
        repeated.dedup();
        sorted.dedup();
        Self {
            timestamps: sorted,
            repeated,
        }
    }

    /// The places of the points at whose timestamps there are none, be they in `there` or
    /// earlier ones of the batch, which are put into it.
    pub(crate) fn new_ones(
        &self,
        batch: &PointBatch,
        seq: u64,
        there: &mut HashMap<i64, Point>,
    ) -> NewOnes {
        let mut new = NewOnes {
            places: Vec::new(),
            refused: None,
        };
        let points = batch.timestamps.iter().zip(&batch.values);
        for (place, (timestamp, value)) in points.enumerate() {
            match there.get(timestamp) {
                Some(point) => {
                    new.refused.get_or_insert((place, *point));
                }
                None => {
                    new.places.push(place);
                    if self.repeated.binary_search(timestamp).is_ok() {
                        let point = Point {
                            timestamp: *timestamp,
                            value: *value,
                            source: PointRef {
                                seq,
                                index: place as u32,
                            },
                        };
                        there.insert(*timestamp, point);
                    }
                }
            }
        }
        new
    }
}

/// Points of a batch that are no duplicates.
pub(crate) struct NewOnes {
    pub places: Vec<usize>,
    /// The first that is one, and what stands there.
    pub refused: Option<(usize, Point)>,
}

impl NewOnes {
    /// A batch of them alone.
    pub(crate) fn of(&self, batch: &PointBatch) -> PointBatch {
        let places = || self.places.iter();
        let metadata = places().map(|place| batch.metadata.get(*place).cloned().flatten());
        let metadata: Vec<_> = metadata.collect();
        let any = metadata.iter().any(Option::is_some);
        PointBatch {
            series: batch.series.clone(),
            timestamps: places()
                .filter_map(|p| batch.timestamps.get(*p).copied())
                .collect(),
            values: places()
                .filter_map(|p| batch.values.get(*p).copied())
                .collect(),
            metadata: if any { metadata } else { Vec::new() },
            provenance: batch.provenance.clone(),
        }
    }
}
