//! What a database should hold, in plain maps.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::documents::positions;

/// One operation, as a client would ask for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Write a GeoJSON feature with an id.
    Put(Value),
    /// Delete a feature, which exists.
    Delete(String),
    /// Add points to a series: timestamps and values.
    Points(String, Vec<i64>, Vec<f64>),
    /// Delete the points of a series in a half-open range.
    DeletePoints(String, i64, i64),
    /// Undo a block, which nothing depends on.
    Revert(u64),
}

/// The id of a GeoJSON feature.
pub fn id_of(feature: &Value) -> &str {
    feature["id"].as_str().unwrap()
}

/// A point that was written, and by which block; and, if so, deleted by which.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub timestamp: i64,
    pub value: f64,
    pub written: u64,
    pub deleted: Option<u64>,
}

/// What a block does, a revert's the same as the operation that undoes.
#[derive(Debug, Clone, PartialEq)]
enum Effect {
    Feature(String),
    Points(String),
    DeletedPoints(String),
}

/// A version of a feature: its block, and the feature unless that deleted it.
pub type Version = (u64, Option<Value>);

/// The state behind some number of transactions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub seq: u64,
    /// By id, oldest first.
    pub versions: BTreeMap<String, Vec<Version>>,
    /// By id, in time order, equal timestamps in the order they arrived.
    pub series: BTreeMap<String, Vec<Point>>,
    effects: Vec<Effect>,
    reverted: HashSet<u64>,
}

impl Model {
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            self.seq += 1;
            let effect = match change {
                Change::Put(feature) => self.put(id_of(feature).to_owned(), Some(feature.clone())),
                Change::Delete(id) => self.put(id.clone(), None),
                Change::Points(series, timestamps, values) => {
                    let points = timestamps.iter().copied().zip(values.iter().copied());
                    self.add(series, points.collect())
                }
                Change::DeletePoints(series, start, end) => {
                    self.delete(series, |point| (*start..*end).contains(&point.timestamp))
                }
                Change::Revert(block) => self.undo(*block),
            };
            self.effects.push(effect);
        }
    }

    fn put(&mut self, id: String, feature: Option<Value>) -> Effect {
        let versions = self.versions.entry(id.clone()).or_default();
        versions.push((self.seq, feature));
        Effect::Feature(id)
    }

    fn add(&mut self, series: &str, added: Vec<(i64, f64)>) -> Effect {
        let points = self.series.entry(series.to_owned()).or_default();
        points.extend(added.into_iter().map(|(timestamp, value)| Point {
            timestamp,
            value,
            written: self.seq,
            deleted: None,
        }));
        points.sort_by_key(|point| point.timestamp);
        Effect::Points(series.to_owned())
    }

    fn delete(&mut self, series: &str, which: impl Fn(&Point) -> bool) -> Effect {
        let seq = self.seq;
        for point in self.series.get_mut(series).into_iter().flatten() {
            if point.deleted.is_none() && which(point) {
                point.deleted = Some(seq);
            }
        }
        Effect::DeletedPoints(series.to_owned())
    }

    fn undo(&mut self, block: u64) -> Effect {
        self.reverted.insert(block);
        match self.effects[block as usize - 1].clone() {
            Effect::Feature(id) => {
                let versions = &self.versions[&id];
                let before = versions.iter().rev().find(|(seq, _)| *seq < block);
                let before = before.and_then(|(_, feature)| feature.clone());
                self.put(id, before)
            }
            Effect::Points(series) => self.delete(&series, |point| point.written == block),
            Effect::DeletedPoints(series) => {
                let points = self.series[&series].iter();
                let deleted = points.filter(|point| point.deleted == Some(block));
                let deleted = deleted
                    .map(|point| (point.timestamp, point.value))
                    .collect();
                self.add(&series, deleted)
            }
        }
    }

    /// Whether a block can be undone: nothing came on top of it, and it was not
    /// undone before.
    pub fn can_undo(&self, block: u64) -> bool {
        let Some(effect) = self.effects.get(block as usize - 1) else {
            return false;
        };
        let of = |series: &str| self.series.get(series).into_iter().flatten();
        !self.reverted.contains(&block)
            && match effect {
                Effect::Feature(id) => self.versions[id].last().is_some_and(|v| v.0 == block),
                Effect::Points(id) => of(id).all(|p| p.written != block || p.deleted.is_none()),
                Effect::DeletedPoints(id) => of(id).any(|p| p.deleted == Some(block)),
            }
    }

    /// Features that are there, by id, with the sequence of their version.
    pub fn features(&self) -> BTreeMap<&str, (u64, &Value)> {
        let versions = self.versions.iter();
        let live = versions.filter_map(|(id, versions)| match versions.last() {
            Some((seq, Some(feature))) => Some((id.as_str(), (*seq, feature))),
            _ => None,
        });
        live.collect()
    }

    /// Points of a series that are there; none for a series that is not.
    pub fn points(&self, series: &str) -> Vec<(i64, f64)> {
        let points = self.series.get(series).into_iter().flatten();
        points
            .filter(|point| point.deleted.is_none())
            .map(|point| (point.timestamp, point.value))
            .collect()
    }

    /// Features with a position in `w,s,e,n`, by sequence: of those that are no points
    /// that is told for the whole world only. A box with west beyond east crosses the
    /// antimeridian.
    pub fn in_box(&self, [w, s, e, n]: [f64; 4]) -> Vec<&Value> {
        let world = [w, s, e, n] == [-180.0, -90.0, 180.0, 90.0];
        let inside = |feature: &Value| {
            let geometry = &feature["geometry"];
            let mut all = Vec::new();
            positions(geometry, &mut all);
            if geometry["type"] != "Point" {
                assert!(world || all.is_empty(), "the model knows no relations");
                return !all.is_empty();
            }
            let [x, y] = all[0];
            let across = if w <= e {
                w <= x && x <= e
            } else {
                x >= w || x <= e
            };
            // A pole has every longitude, and the antimeridian two.
            let meridian = x.abs() == 180.0 && (w == -180.0 || e == 180.0);
            (across || y.abs() == 90.0 || meridian) && s <= y && y <= n
        };
        let found = self.features().into_values();
        let mut found: Vec<_> = found.filter(|(_, feature)| inside(feature)).collect();
        found.sort_by_key(|(seq, _)| *seq);
        found.into_iter().map(|(_, feature)| feature).collect()
    }
}
