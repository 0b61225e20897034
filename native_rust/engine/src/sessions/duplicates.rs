//! Points that a transaction puts which has points at their timestamps already: as it sees
//! the database. What becomes of them is decided once more when it is committed.

use std::collections::HashMap;

use super::overlay::{Found, SeriesOverlay};
use crate::block::Operation;
use crate::error::{Entity, Error, Result};
use crate::index::pending::{Pending, Sorted};
use crate::index::{Point, PointRef};
use crate::types::{OnDuplicate, PointSpan, Which, point_id};

/// What operations that are to be added find, after the transaction's own so far; `layers`
/// are those of a series, the oldest first.
///
/// # Errors
/// [`Error::PointExists`]; [`Error::NotFound`] for a point that is to be deleted by its id;
/// [`Error::Conflict`] for what cannot be told in the transaction.
pub(super) fn settle<'v>(
    operations: &[Operation],
    found: Vec<Found>,
    layers: impl Fn(&str) -> Vec<&'v SeriesOverlay>,
) -> Result<Vec<Found>> {
    let looks = |found: &Found| matches!(found, Found::Points(_));
    if !found.iter().any(looks) {
        return Ok(found);
    }
    // Those of the same call, under numbers that no block has yet.
    let mut call: HashMap<&str, Pending> = HashMap::new();
    let mut settled = Vec::with_capacity(found.len());
    for ((operation, found), seq) in operations.iter().zip(found).zip(u64::MAX / 2..) {
        let Some(series) = operation.series() else {
            settled.push(found);
            continue;
        };
        let layers = layers(series);
        let pending = call.entry(series).or_default();
        let found = match found {
            Found::Points(points) => {
                let there = There {
                    points,
                    layers: &layers,
                    pending,
                };
                there.settle(operation, seq)?
            }
            found => found,
        };
        match (operation, &found) {
            (Operation::PutPoints { batch, .. }, Found::New(places)) => {
                pending.put(batch, places, seq);
            }
            (
                Operation::PutPoints {
                    batch, duplicates, ..
                },
                _,
            ) if duplicates.on_duplicate == Some(OnDuplicate::Replace) => {
                pending.note(operation, seq);
                let timestamps = Sorted::new(&batch.timestamps).timestamps;
                pending.delete(&PointSpan::replaced(series.to_owned(), seq, timestamps));
            }
            _ => pending.note(operation, seq),
        }
        settled.push(found);
    }
    Ok(settled)
}

/// What is there for an operation.
struct There<'v> {
    /// In the database, as of the transaction's beginning.
    points: Vec<Point>,
    /// Own ones of earlier calls.
    layers: &'v [&'v SeriesOverlay],
    /// And of this one.
    pending: &'v Pending,
}

impl There<'_> {
    fn settle(self, operation: &Operation, seq: u64) -> Result<Found> {
        match operation {
            Operation::DeletePoints(delete) => {
                if let Which::One { block, place } = delete.span.which
                    && !self.stored().any(|point| {
                        point.source
                            == PointRef {
                                seq: block,
                                index: place,
                            }
                    })
                {
                    return Err(Error::NotFound {
                        entity: Entity::Point,
                        id: point_id(block, place),
                    });
                }
                Ok(Found::Nothing)
            }
            Operation::PutPoints {
                batch, duplicates, ..
            } => {
                if self.pending.unclear || self.layers.iter().any(|layer| layer.undoes) {
                    let detail = format!(
                        "series {:?} has points that the transaction undoes or brings back before it puts \
                         others, which are to be no duplicates; commit that first",
                        batch.series
                    );
                    return Err(Error::Conflict { detail });
                }
                let points = Sorted::new(&batch.timestamps);
                let mut there: HashMap<i64, Point> = HashMap::new();
                for point in self.stored() {
                    there.entry(point.timestamp).or_insert(*point);
                }
                for timestamp in &points.timestamps {
                    if let Some(point) = self.own(*timestamp) {
                        there.entry(*timestamp).or_insert(point);
                    }
                }
                let new = points.new_ones(batch, seq, &mut there);
                match new.refused {
                    Some((place, point))
                        if duplicates.on_duplicate == Some(OnDuplicate::Refuse) =>
                    {
                        Err(Error::PointExists {
                            pointer: duplicates.pointers.of(place),
                            series: batch.series.clone(),
                            found: match point.source.seq < u64::MAX / 2 {
                                true => point_id(point.source.seq, point.source.index),
                                false => "of this transaction".to_owned(),
                            },
                            value: point.value,
                        })
                    }
                    _ => Ok(Found::New(new.places)),
                }
            }
            _ => Ok(Found::Nothing),
        }
    }

    /// Those of the database that the transaction has not deleted.
    fn stored(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| {
            self.pending.spares(point) && !self.layers.iter().any(|layer| layer.hits(point))
        })
    }

    /// An own point at a timestamp.
    fn own(&self, timestamp: i64) -> Option<Point> {
        let mut own = None;
        self.pending
            .each(timestamp, |point| own = own.or(Some(point)));
        let at = (timestamp, 0)..=(timestamp, u64::MAX);
        let own_of = |number: usize, layer: &SeriesOverlay| {
            let later = self.layers.iter().skip(number + 1);
            let spared = !later.into_iter().any(|later| later.hits_own(timestamp));
            let value = layer
                .points
                .range(at.clone())
                .next()
                .map(|(_, value)| *value);
            let point = value.filter(|_| spared).map(|value| Point {
                timestamp,
                value,
                source: PointRef {
                    seq: u64::MAX / 2,
                    index: 0,
                },
            });
            point.filter(|point| self.pending.spares(point))
        };
        let mut layers = self.layers.iter().enumerate();
        own.or_else(|| layers.find_map(|(number, layer)| own_of(number, layer)))
    }
}
