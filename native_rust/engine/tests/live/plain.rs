//! What a filter takes, by looking at every entry of the journal.

use std::collections::HashMap;

use formdb_engine::{Cancel, Database, EntryQuery, LiveFilter, LiveWords, Predicate};
use serde_json::{Value, json};

use super::fence_rules::{World, rects_of, spelled, touch};
use super::levels::{AllPoints, Level, Points};
use super::proofs::{Roots, hash};
use super::stays::{Item, Stays};
use super::workload::{Dice, KINDS, SERIES, corners, rectangle};

/// A filter in words that own what they say.
#[derive(Debug, Clone, Default)]
pub struct Words {
    op: Option<&'static str>,
    series: Vec<String>,
    ids: Vec<String>,
    /// West may be greater than east.
    bbox: Option<[i64; 4]>,
    /// A rectangle.
    geometry: Option<[i64; 4]>,
    predicate: Option<Predicate>,
    properties: Vec<(&'static str, String)>,
    pub fence: Vec<&'static str>,
    pub feature: Option<String>,
    /// Seconds.
    pub dwell: Option<&'static str>,
    pub level: Option<Level>,
}

impl Words {
    /// In a box.
    pub fn at(bbox: [i64; 4]) -> Self {
        Self {
            bbox: Some(bbox),
            ..Self::default()
        }
    }

    /// What a fence tells of the area that a feature is.
    pub fn around(feature: &str, fence: &[&'static str]) -> Self {
        Self {
            fence: fence.to_vec(),
            feature: Some(feature.into()),
            ..Self::default()
        }
    }

    /// How series pass a level.
    pub fn level(dice: &mut Dice) -> Self {
        let names = ["a/x", "a*", "*", "b", "none"];
        Self {
            series: vec![dice.pick(&names).to_owned()],
            level: Some(Level::random(dice)),
            ..Self::default()
        }
    }

    /// With those who stay so many seconds.
    pub fn with_stay(self, seconds: &'static str) -> Self {
        Self {
            dwell: Some(seconds),
            ..self
        }
    }

    pub fn random(dice: &mut Dice) -> Self {
        let mut words = Self::default();
        if dice.once_in(6) {
            return words;
        }
        if dice.once_in(2) {
            return Self::fence(dice);
        }
        if dice.once_in(4) {
            words.op = Some(dice.pick(&[
                "put_feature",
                "delete_feature",
                "put_points",
                "delete_points",
                "set_attributes",
                "revert",
                "set_defaults",
            ]));
        }
        if dice.once_in(3) {
            let names = ["a/x", "a*", "*", "é*", "a/*", "b/x", "none", "a"];
            words.series = (0..1 + dice.below(2))
                .map(|_| dice.pick(&names).to_owned())
                .collect();
            if dice.once_in(2) {
                return words.that_can_be();
            }
        }
        if dice.once_in(4) {
            words.ids = (0..1 + dice.below(3))
                .map(|_| format!("f{}", dice.below(9)))
                .collect();
        }
        if dice.once_in(2) {
            words.bbox = Some(match dice.below(4) {
                0 => [174, 0, -174, 10],
                _ => corners(dice),
            });
        }
        if dice.once_in(4) {
            words.geometry = Some(corners(dice));
        }
        if (words.bbox.is_some() || words.geometry.is_some()) && dice.once_in(3) {
            words.predicate = Some(match dice.below(3) {
                0 => Predicate::Intersects,
                1 => Predicate::Within,
                _ => Predicate::Contains,
            });
        }
        if dice.once_in(3) {
            words.properties.push(match dice.below(4) {
                0 => ("prop.kind", dice.pick(&KINDS).to_owned()),
                1 => ("prop.n", format!("gte:{}", dice.below(6))),
                2 => ("prop.n", "exists:false".into()),
                _ => ("prop.kind", format!("in:{},ship", KINDS[0])),
            });
        }
        words.that_can_be()
    }

    /// Without the type where no block could be taken, which is refused.
    fn that_can_be(mut self) -> Self {
        let (features, series) = (self.asks_of_features(), !self.series.is_empty());
        let never = match self.op {
            Some("put_feature" | "delete_feature") => series && !features,
            Some("put_points" | "delete_points" | "set_attributes") => features && !series,
            Some("set_defaults") => features || series,
            _ => false,
        };
        if never {
            self.op = None;
        }
        self
    }

    /// A fence.
    pub fn fence(dice: &mut Dice) -> Self {
        let all = ["enter", "exit", "inside", "outside", "cross"];
        let mut words = Self {
            fence: (0..1 + dice.below(3)).map(|_| dice.pick(&all)).collect(),
            ..Self::default()
        };
        match dice.below(4) {
            0 => {
                words.bbox = Some(match dice.below(6) {
                    0 => [174, 0, -174, 10],
                    1 => [170, 4, 180, 90],
                    2 => [-20, -90, 20, -88],
                    _ => corners(dice),
                });
            }
            1 => {
                words.geometry = Some(match dice.below(6) {
                    0 => [-180, 4, -176, 90],
                    1 => [170, -90, 180, 6],
                    _ => corners(dice),
                });
            }
            _ => words.feature = Some(format!("f{}", dice.below(9))),
        }
        if dice.once_in(4) {
            words.ids = (0..1 + dice.below(4))
                .map(|_| format!("f{}", dice.below(9)))
                .collect();
        }
        if dice.once_in(4) {
            words.properties = vec![("prop.kind", dice.pick(&KINDS).to_owned())];
        }
        if dice.once_in(8) {
            words.op = Some(dice.pick(&["put_feature", "delete_feature", "revert"]));
        }
        // What is deleted does no more than leave: a fence that asks for something else is refused.
        let leaves = |passage: &&str| ["exit", "outside"].contains(passage);
        if words.op == Some("delete_feature") && !words.fence.iter().any(leaves) {
            words.op = None;
        }
        words
    }

    /// A fence that tells who stays, and perhaps nothing else.
    pub fn staying(dice: &mut Dice) -> Self {
        let seconds = ["0.001", "0.004", "0.02", "0.1", "0.4"];
        let mut words = Self::fence(dice);
        words.dwell = Some(dice.pick(&seconds));
        if dice.once_in(2) {
            words.fence.clear();
        }
        words
    }

    pub fn filter(&self, db: &Database) -> LiveFilter {
        let list = |texts: &'_ [String]| -> Vec<String> { texts.to_vec() };
        let (series, ids) = (list(&self.series), list(&self.ids));
        let bbox = self.bbox.map(|[w, s, e, n]| format!("{w},{s},{e},{n}"));
        let geometry = self.geometry.map(rectangle);
        let level = self.level.as_ref().map(Level::texts).unwrap_or_default();
        let [above, below, outside, hysteresis, least] = &level;
        let words = LiveWords {
            above: above.as_deref(),
            below: below.as_deref(),
            outside: outside.as_deref(),
            hysteresis: hysteresis.as_deref(),
            least: least.as_deref(),
            op: self.op,
            series: series.iter().map(String::as_str).collect(),
            ids: ids.iter().map(String::as_str).collect(),
            bbox: bbox.as_deref(),
            geometry: geometry.as_ref().map(|text| text.as_bytes()),
            predicate: self.predicate,
            properties: self
                .properties
                .iter()
                .map(|(key, text)| (*key, text.as_str()))
                .collect(),
            fence: self.fence.clone(),
            feature: self.feature.as_deref(),
            dwell: self.dwell,
            ..LiveWords::default()
        };
        LiveFilter::new(
            &words,
            &super::support::calls::small_segments(),
            db.memory(),
        )
        .unwrap()
    }

    fn asks_of_features(&self) -> bool {
        !self.ids.is_empty()
            || self.bbox.is_some()
            || self.geometry.is_some()
            || !self.properties.is_empty()
    }

    /// What it tells of an entry.
    fn told(&self, entry: &Entry, world: &World) -> Option<Value> {
        let op = entry.json["op"].as_str().unwrap();
        if self
            .op
            .is_some_and(|wanted| wanted != op && wanted != entry.effect)
        {
            return None;
        }
        if let Some(level) = &self.level {
            let matched = self.matched(entry)?;
            let mut told = level.told(entry.points.as_ref()?)?;
            told["matched"] = json!(matched);
            return Some(told);
        }
        if self.fence.is_empty() && self.dwell.is_none() {
            return Some(json!({"matched": self.matched(entry)?}));
        }
        match &entry.about {
            About::Feature { id, before, after } => {
                let change = (id.as_str(), before.as_ref(), after.as_ref());
                world.told(self, change, entry.seq)
            }
            _ => None,
        }
    }

    /// Which versions it takes of an entry.
    fn matched(&self, entry: &Entry) -> Option<&'static str> {
        let plain = match (&entry.about, entry.effect.as_str()) {
            (About::Feature { before, after, .. }, _) => {
                sides(before.is_some(), after.is_some()).unwrap_or("before")
            }
            (_, "delete_points") => "before",
            _ => "after",
        };
        if !self.asks_of_features() && self.series.is_empty() {
            return Some(plain);
        }
        match &entry.about {
            About::Feature { id, before, after } => {
                if !self.asks_of_features() || !self.ids.is_empty() && !self.ids.contains(id) {
                    return None;
                }
                let holds =
                    |version: &Option<Value>| version.as_ref().is_some_and(|v| self.holds(v));
                sides(holds(before), holds(after))
            }
            About::Series(id) => {
                let takes = |name: &String| match name.strip_suffix('*') {
                    Some(prefix) => id.starts_with(prefix),
                    None => name == id,
                };
                self.series.iter().any(takes).then_some(plain)
            }
            About::Other => None,
        }
    }

    fn holds(&self, feature: &Value) -> bool {
        let predicate = self.predicate.unwrap_or(Predicate::Intersects);
        self.areas()
            .iter()
            .all(|area| lies(&feature["geometry"], area, predicate))
            && self.has_properties(feature)
    }

    /// The rectangles of each area that is fixed.
    pub fn areas(&self) -> Vec<Vec<[i64; 4]>> {
        let boxes = self.bbox.map(|[w, s, e, n]| match w > e {
            true => vec![[w, s, 180, n], [-180, s, e, n]],
            false => vec![[w, s, e, n]],
        });
        let areas = boxes
            .into_iter()
            .chain(self.geometry.map(|area| vec![area]));
        areas.collect()
    }

    pub fn is_named(&self, id: &str) -> bool {
        self.ids.is_empty() || self.ids.iter().any(|named| named == id)
    }

    pub fn has_properties(&self, feature: &Value) -> bool {
        self.properties.iter().all(|(key, text)| {
            let value = &feature["properties"][&key[5..]];
            match text.split_once(':') {
                Some(("gte", number)) => value
                    .as_f64()
                    .is_some_and(|n| n >= number.parse::<f64>().unwrap()),
                Some(("exists", _)) => value.is_null(),
                Some((_, list)) => list.split(',').any(|one| value == one),
                None => value == text.as_str(),
            }
        })
    }
}

fn sides(before: bool, after: bool) -> Option<&'static str> {
    match (before, after) {
        (false, false) => None,
        (true, false) => Some("before"),
        (false, true) => Some("after"),
        (true, true) => Some("both"),
    }
}

/// Whether a point or a rectangle lies to rectangles as asked.
fn lies(geometry: &Value, areas: &[[i64; 4]], predicate: Predicate) -> bool {
    let Some([mut own]) = rects_of(geometry) else {
        return false;
    };
    if predicate == Predicate::Intersects {
        return touch(&spelled(&[own]), areas);
    }
    let point = own[0] == own[2];
    let inside = |inner: &[i64; 4], outer: &[i64; 4]| {
        inner[0] >= outer[0] && inner[1] >= outer[1] && inner[2] <= outer[2] && inner[3] <= outer[3]
    };
    // The one across the antimeridian goes on beyond it.
    let areas = match areas {
        [west, east] => {
            if own[0] < 0 {
                (own[0], own[2]) = (own[0] + 360, own[2] + 360);
            }
            vec![[west[0], west[1], east[2] + 360, east[3]]]
        }
        areas => areas.to_vec(),
    };
    areas.iter().any(|area| match predicate {
        Predicate::Intersects => unreachable!(),
        // One on the boundary is not within.
        Predicate::Within if point => {
            area[0] < own[0] && own[0] < area[2] && area[1] < own[1] && own[1] < area[3]
        }
        Predicate::Within => inside(&own, area),
        Predicate::Contains => !point && inside(area, &own),
    })
}

enum About {
    Feature {
        id: String,
        before: Option<Value>,
        after: Option<Value>,
    },
    Series(String),
    Other,
}

pub struct Entry {
    pub seq: u64,
    pub json: Value,
    effect: String,
    about: About,
    /// Where they are asked for.
    points: Option<Points>,
}

/// The journal as it is.
#[derive(Default)]
pub struct Plain {
    pub entries: Vec<Entry>,
    pub roots: Roots,
    features: HashMap<String, Value>,
    points: AllPoints,
}

impl Plain {
    /// Read what has come.
    pub fn read(&mut self, db: &Database) {
        loop {
            let query = EntryQuery {
                since: self.entries.len() as u64,
                ..EntryQuery::default()
            };
            let page = db.entries(&query, &db.budget(Cancel::default())).unwrap();
            let entries: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
            entries.into_iter().for_each(|json| self.enter(json));
            if page.next.is_none() {
                return;
            }
        }
    }

    fn enter(&mut self, json: Value) {
        let (mut effect, mut body) = (json["op"].as_str().unwrap().to_owned(), &json["body"]);
        if effect == "revert" {
            effect = body["op"].as_str().unwrap().to_owned();
            body = &body["body"];
        }
        let about = match effect.as_str() {
            "put_feature" | "delete_feature" => {
                let id = body["id"].as_str().unwrap().to_owned();
                let after = (effect == "put_feature").then(|| body.clone());
                let before = match &after {
                    Some(after) => self.features.insert(id.clone(), after.clone()),
                    None => self.features.remove(&id),
                };
                About::Feature { id, before, after }
            }
            "set_defaults" => About::Other,
            _ => About::Series(body["series_id"].as_str().unwrap().to_owned()),
        };
        let seq = json["seq"].as_u64().unwrap();
        assert_eq!(seq, self.entries.len() as u64 + 1);
        self.roots.push(hash(&json["hash"]));
        let reverts = json["body"]["reverts"].as_u64();
        let points = match effect.as_str() {
            "put_points" | "delete_points" => Some(self.points.enter(body, seq, reverts)),
            _ => None,
        };
        self.entries.push(Entry {
            seq,
            json,
            effect,
            about,
            points,
        });
    }

    /// What a filter tells of the blocks after one and up to another, and who is found to
    /// have stayed after that.
    pub fn told(&self, words: &Words, since: u64, until: u64) -> Vec<Item> {
        let mut world = World::default();
        let mut stays = Stays::new(words);
        let mut told = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.seq <= until) {
            let due = stays.due(&entry.json["time"]);
            if entry.seq > since {
                told.extend(due);
            }
            if let About::Feature { id, before, after } = &entry.about {
                world.enter(id, after.as_ref(), entry.seq);
                if words.dwell.is_some() {
                    let change = (id.as_str(), before.as_ref(), after.as_ref());
                    stays.pass(
                        world.passages(words, change),
                        entry.seq,
                        &entry.json["time"],
                    );
                }
            }
            if entry.seq > since {
                let event = words.told(entry, &world);
                told.extend(event.map(|event| Item::Event(entry.seq, event)));
            }
        }
        told.extend(stays.rest());
        told
    }

    /// The event of a block as JSON.
    pub fn event(&self, seq: u64, told: &Value) -> Value {
        let entry = &self.entries[seq as usize - 1];
        let mut json = entry.json.clone();
        for (member, value) in told.as_object().unwrap() {
            json[member] = value.clone();
        }
        if json["op"] == "revert" {
            json["effect"] = json!(entry.effect);
        }
        json
    }
}

/// A series that nobody writes to.
pub fn is_known(id: &str) -> bool {
    SERIES.contains(&id)
}
