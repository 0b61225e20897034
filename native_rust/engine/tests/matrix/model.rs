//! What a database should hold, in plain maps.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Set the attributes of a series, or delete them, which it has then.
    Attributes(String, Option<Value>),
    /// Undo a block, which nothing depends on.
    Revert(u64),
}

/// The id of a GeoJSON feature.
pub fn id_of(feature: &Value) -> &str {
    feature["id"].as_str().unwrap()
}

/// A point that was written, and by which block; and which ones deleted it and brought it
/// back, in turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub timestamp: i64,
    pub value: f64,
    pub written: u64,
    pub ends: Vec<u64>,
}

impl Point {
    fn is_there(&self) -> bool {
        self.ends.len().is_multiple_of(2)
    }

    /// Whether `block` wrote it or brought it back.
    fn is_of(&self, block: u64) -> bool {
        let mut back = self.ends.iter().skip(1).step_by(2);
        self.written == block || back.any(|seq| *seq == block)
    }

    fn deleted(&self) -> Option<u64> {
        self.ends.last().copied().filter(|_| !self.is_there())
    }
}

/// What a block does, a revert's the same as the operation that undoes.
#[derive(Debug, Clone, PartialEq)]
enum Effect {
    Feature(String),
    Attributes(String),
    Points(String),
    DeletedPoints(String),
}

/// A version of a feature, or of attributes: its block, and what it wrote unless that
/// deleted it.
pub type Version = (u64, Option<Value>);

/// The state after some number of transactions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub seq: u64,
    /// By id, oldest first.
    pub versions: BTreeMap<String, Vec<Version>>,
    /// By id, in time order, equal timestamps in the order they arrived.
    pub series: BTreeMap<String, Vec<Point>>,
    /// Of the attributes of series, by id, oldest first.
    pub attributes: BTreeMap<String, Vec<Version>>,
    effects: Vec<Effect>,
    /// Blocks that were undone, by the one that did so.
    reverts: BTreeMap<u64, u64>,
}

/// What was there before a block.
fn before(versions: &[Version], block: u64) -> Option<Value> {
    let before = versions.iter().rev().find(|(seq, _)| *seq < block);
    before.and_then(|(_, value)| value.clone())
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
                Change::Attributes(series, attributes) => {
                    self.set_attributes(series.clone(), attributes.clone())
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

    fn set_attributes(&mut self, series: String, attributes: Option<Value>) -> Effect {
        let versions = self.attributes.entry(series.clone()).or_default();
        versions.push((self.seq, attributes));
        Effect::Attributes(series)
    }

    fn add(&mut self, series: &str, added: Vec<(i64, f64)>) -> Effect {
        let points = self.series.entry(series.to_owned()).or_default();
        points.extend(added.into_iter().map(|(timestamp, value)| Point {
            timestamp,
            value,
            written: self.seq,
            ends: Vec::new(),
        }));
        points.sort_by_key(|point| point.timestamp);
        Effect::Points(series.to_owned())
    }

    fn delete(&mut self, series: &str, which: impl Fn(&Point) -> bool) -> Effect {
        let seq = self.seq;
        for point in self.series.get_mut(series).into_iter().flatten() {
            if point.is_there() && which(point) {
                point.ends.push(seq);
            }
        }
        Effect::DeletedPoints(series.to_owned())
    }

    fn undo(&mut self, block: u64) -> Effect {
        self.reverts.insert(self.seq, block);
        match self.effects[block as usize - 1].clone() {
            Effect::Feature(id) => {
                let before = before(&self.versions[&id], block);
                self.put(id, before)
            }
            Effect::Attributes(series) => {
                let before = before(&self.attributes[&series], block);
                self.set_attributes(series, before)
            }
            Effect::Points(series) => self.delete(&series, |point| point.is_of(block)),
            Effect::DeletedPoints(series) => {
                let points = self.series.get_mut(&series).into_iter().flatten();
                for point in points.filter(|point| point.deleted() == Some(block)) {
                    point.ends.push(self.seq);
                }
                Effect::Points(series)
            }
        }
    }

    /// Whether the newest version of a feature shows that of `block`: it is that one or,
    /// where it undid another, what was there before that other shows it.
    fn shows(&self, versions: &[Version], block: u64) -> bool {
        let mut seq = versions.last().map_or(0, |(seq, _)| *seq);
        while seq > block {
            let undone = self.reverts.get(&seq);
            let mut before = versions.iter().rev();
            let before = undone.and_then(|undone| before.find(|(other, _)| other < undone));
            match before {
                Some((before, _)) => seq = *before,
                None => return false,
            }
        }
        seq == block
    }

    /// Whether a block can be undone: nothing that stands came on top of it, and it was not
    /// undone before.
    pub fn can_undo(&self, block: u64) -> bool {
        let Some(effect) = self.effects.get(block as usize - 1) else {
            return false;
        };
        let of = |series: &str| self.series.get(series).into_iter().flatten();
        !self.reverts.values().any(|undone| *undone == block)
            && match effect {
                Effect::Feature(id) => self.shows(&self.versions[id], block),
                Effect::Attributes(id) => self.shows(&self.attributes[id], block),
                Effect::Points(id) => of(id).all(|p| !p.is_of(block) || p.is_there()),
                Effect::DeletedPoints(id) => of(id).any(|p| p.deleted() == Some(block)),
            }
    }

    /// The block that undid another.
    pub fn undone(&self, block: u64) -> Option<u64> {
        let mut reverts = self.reverts.iter();
        reverts.find_map(|(by, undone)| (*undone == block).then_some(*by))
    }

    /// Whether a block deleted points of a series that had none to delete.
    pub fn did_nothing(&self, block: u64) -> bool {
        let Some(Effect::DeletedPoints(id)) = self.effects.get(block as usize - 1) else {
            return false;
        };
        let mut points = self.series.get(id).into_iter().flatten();
        !points.any(|point| point.ends.iter().step_by(2).any(|seq| *seq == block))
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

    /// The attributes of a series, if it has any.
    pub fn attributes_of(&self, series: &str) -> Option<&Value> {
        self.attributes.get(series)?.last()?.1.as_ref()
    }

    /// Series that have points or attributes, in order.
    pub fn listed(&self) -> Vec<&str> {
        let all: BTreeSet<&String> = self.series.keys().chain(self.attributes.keys()).collect();
        let listed = |id: &&str| !self.points(id).is_empty() || self.attributes_of(id).is_some();
        all.into_iter().map(String::as_str).filter(listed).collect()
    }

    /// Points of a series that are there; none for a series that is not.
    pub fn points(&self, series: &str) -> Vec<(i64, f64)> {
        let points = self.series.get(series).into_iter().flatten();
        points
            .filter(|point| point.is_there())
            .map(|point| (point.timestamp, point.value))
            .collect()
    }

    /// The blocks that the points of a series which are there are from.
    pub fn sources(&self, series: &str) -> Vec<u64> {
        let points = self.series.get(series).into_iter().flatten();
        let there = points.filter(|point| point.is_there());
        there.map(|point| point.written).collect()
    }

    /// Features with a position in `w,s,e,n`, by sequence, of those that it
    /// [knows](Self::knows). A box with west beyond east crosses the antimeridian.
    pub fn in_box(&self, [w, s, e, n]: [f64; 4]) -> Vec<&Value> {
        let inside = |feature: &Value| {
            let geometry = &feature["geometry"];
            let mut all = Vec::new();
            positions(geometry, &mut all);
            if all.is_empty() || !Self::knows([w, s, e, n], feature) {
                return false;
            }
            if geometry["type"] != "Point" {
                return true;
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

    /// Whether the model can tell if a feature meets a box: it knows no relations but that
    /// of points, and that all the world holds everything.
    pub fn knows(edges: [f64; 4], feature: &Value) -> bool {
        edges == [-180.0, -90.0, 180.0, 90.0] || feature["geometry"]["type"] == "Point"
    }
}
