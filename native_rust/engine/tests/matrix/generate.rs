//! The transactions of a workload, decided by a seed.

use std::sync::LazyLock;

use formdb_engine::Database;
use serde_json::{Value, json};

use super::disk::SimFs;
use super::documents::{Choices, given_back};
use super::model::{Change, Model};
use super::workload::open;
use super::{mixed, random};

/// Judges documents; nothing is written to it.
static JUDGE: LazyLock<Database> = LazyLock::new(|| open(&SimFs::new()).unwrap());
/// What decides a hostile document.
const CHOICES: usize = 96;

/// The `n`-th transaction of the workload `seed` on top of `model`: new features and
/// new versions of old ones, small and large, plain and hostile, points of few and of
/// many, deletions, mixtures, attributes; or the undoing of one block.
pub fn transaction(seed: u64, n: usize, model: &Model) -> Vec<Change> {
    let mut state = mixed(seed, n as u64);
    let mut changes = Maker {
        state: &mut state,
        n,
        model: model.clone(),
        changes: Vec::new(),
    };
    match random(changes.state) % 15 {
        0..4 => (0..1 + changes.below(3)).for_each(|_| changes.put(300)),
        4 => (0..11).for_each(|_| changes.put(60)),
        5 | 6 => changes.points(30),
        7 => changes.points(300),
        8 => {
            changes.put(100);
            changes.points(20);
            changes.put(100);
            changes.delete();
            changes.points(20);
        }
        9 => changes.put(3_000),
        10 => changes.delete(),
        11 => changes.delete_points(),
        12 => (0..1 + changes.below(3)).for_each(|_| changes.attributes()),
        _ => changes.revert(),
    }
    changes.changes
}

struct Maker<'s> {
    state: &'s mut u64,
    n: usize,
    /// With the changes so far.
    model: Model,
    changes: Vec<Change>,
}

impl Maker<'_> {
    fn below(&mut self, n: usize) -> usize {
        random(self.state) as usize % n.max(1)
    }

    fn push(&mut self, change: Change) {
        self.model.apply(std::slice::from_ref(&change));
        self.changes.push(change);
    }

    fn put(&mut self, pad: usize) {
        if self.below(3) == 0
            && let Some(feature) = self.hostile()
        {
            return self.push(Change::Put(feature));
        }
        let pad = "x".repeat(self.below(pad + 1));
        let (x, y) = (self.below(361) as f64, self.below(181) as f64);
        let geometry = match self.below(8) {
            0 => Value::Null,
            _ => json!({"type": "Point", "coordinates": [x - 180.0, y - 90.0]}),
        };
        let mut feature = json!({
            "type": "Feature",
            "id": format!("f{}", self.below(17)),
            "geometry": geometry,
            "properties": {"n": self.n, "pad": pad},
        });
        if self.below(4) == 0 {
            feature["provenance"] = json!({"source": "matrix", "n": self.n});
        }
        self.push(Change::Put(feature));
    }

    /// A document with words that mean something where they mean nothing, unless it is
    /// one that is refused.
    fn hostile(&mut self) -> Option<Value> {
        let bytes: Vec<u8> = (0..CHOICES).map(|_| random(self.state) as u8).collect();
        let id = format!("f{}", self.below(17));
        let mut choices = Choices(&bytes);
        let place = choices.place();
        let feature = choices.feature(&id, place);
        let accepted = JUDGE.prepare_features(feature.to_string().as_bytes());
        accepted.ok().map(|_| given_back(feature))
    }

    fn points(&mut self, most: usize) {
        let count = 1 + self.below(most);
        let timestamps = (0..count).map(|_| self.below(50) as i64 * 1_000_000);
        let timestamps: Vec<i64> = timestamps.collect();
        let values = (0..count).map(|i| (i + self.n) as f64 / 4.0).collect();
        let series = format!("s{}", self.below(3));
        self.push(Change::Points(series, timestamps, values));
    }

    /// Delete a feature that is there; write one where there is none.
    fn delete(&mut self) {
        let ids: Vec<String> = self
            .model
            .features()
            .into_keys()
            .map(str::to_owned)
            .collect();
        match ids.get(self.below(ids.len())) {
            Some(id) => self.push(Change::Delete(id.clone())),
            None => self.put(100),
        }
    }

    fn delete_points(&mut self) {
        let start = self.below(50) as i64 * 1_000_000;
        let end = start + self.below(30) as i64 * 1_000_000;
        let series = format!("s{}", self.below(3));
        self.push(Change::DeletePoints(series, start, end));
    }

    /// Set the attributes of a series, which may have no points, or delete those it has.
    fn attributes(&mut self) {
        let series = format!("s{}", self.below(5));
        let attributes = match (self.below(4), self.model.attributes_of(&series)) {
            (0, Some(_)) => None,
            (1, _) => Some(json!({})),
            _ => {
                let pad = "y".repeat(self.below(200));
                Some(json!({"unit": "m", "n": self.n, "feature": "f1", "pad": pad}))
            }
        };
        self.push(Change::Attributes(series, attributes));
    }

    /// Undo one of the last blocks that can be undone.
    fn revert(&mut self) {
        let last = self.model.seq;
        let blocks: Vec<u64> = (1..=last)
            .rev()
            .filter(|block| self.model.can_undo(*block))
            .take(5)
            .collect();
        match blocks.get(self.below(blocks.len())) {
            Some(block) => self.push(Change::Revert(*block)),
            None => self.put(100),
        }
    }
}
