//! What fences tell, by looking at every feature for every block. All is on a grid, so that
//! nothing is rounded.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::plain::Words;

/// West, south, east and north; a point has no extent.
pub type Rect = [i64; 4];

/// The rectangle that a point or a rectangle is.
pub fn rects_of(geometry: &Value) -> Option<[Rect; 1]> {
    let number = |value: &Value| value.as_f64().unwrap() as i64;
    let coordinates = &geometry["coordinates"];
    Some(match geometry["type"].as_str()? {
        "Point" => {
            let [x, y] = [0, 1].map(|i| number(&coordinates[i]));
            [[x, y, x, y]]
        }
        _ => {
            let [from, to] = [0, 2].map(|i| &coordinates[0][i]);
            [[
                number(&from[0]),
                number(&from[1]),
                number(&to[0]),
                number(&to[1]),
            ]]
        }
    })
}

/// With the other spellings of what is on the antimeridian and at the poles.
pub fn spelled(rects: &[Rect]) -> Vec<Rect> {
    let mut all = rects.to_vec();
    for [w, s, e, n] in rects {
        if *e == 180 {
            all.push([-180, *s, -180, *n]);
        }
        if *w == -180 {
            all.push([180, *s, 180, *n]);
        }
        if *n == 90 {
            all.push([-180, 90, 180, 90]);
        }
        if *s == -90 {
            all.push([-180, -90, 180, -90]);
        }
    }
    all
}

/// Whether some of these and some of those have a position in common.
pub fn touch(some: &[Rect], others: &[Rect]) -> bool {
    let meet = |a: &Rect, b: &Rect| a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
    some.iter().any(|a| others.iter().any(|b| meet(a, b)))
}

/// Whether the way between two points meets one of these, spelled in all ways.
fn crosses(from: [i64; 2], to: [i64; 2], areas: &[Rect]) -> bool {
    let ([mut x0, y0], [mut x1, y1]) = (from, to);
    if y0.abs() == 90 {
        x0 = x1;
    } else if y1.abs() == 90 {
        x1 = x0;
    }
    if x1 - x0 > 180 {
        x1 -= 360;
    }
    if x0 - x1 > 180 {
        x1 += 360;
    }
    (-1..=1).any(|turn| {
        let (x0, x1) = (x0 + 360 * turn, x1 + 360 * turn);
        areas.iter().any(|[w, s, e, n]| {
            let apart = x0.max(x1) < *w || x0.min(x1) > *e || y0.max(y1) < *s || y0.min(y1) > *n;
            // On which side of the line each corner is.
            let sides = [(w, s), (e, s), (e, n), (w, n)]
                .map(|(x, y)| ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)).signum());
            !(apart || sides.iter().all(|s| *s > 0) || sides.iter().all(|s| *s < 0))
        })
    })
}

fn point_of(feature: Option<&Value>) -> Option<[i64; 2]> {
    let [[w, s, e, n]] = rects_of(&feature?["geometry"])?;
    (w == e && s == n).then_some([w, s])
}

/// All features after a block, and the blocks that wrote them.
#[derive(Default)]
pub struct World(HashMap<String, (u64, Value)>);

impl World {
    pub fn enter(&mut self, id: &str, after: Option<&Value>, seq: u64) {
        match after {
            Some(after) => self.0.insert(id.to_owned(), (seq, after.clone())),
            None => self.0.remove(id),
        };
    }

    fn area(&self, words: &Words) -> Vec<Rect> {
        match &words.feature {
            None => spelled(&words.areas().concat()),
            Some(id) => area_of(self.0.get(id).map(|(_, feature)| feature)),
        }
    }

    /// What a fence tells of the block that the world is after.
    pub fn told(
        &self,
        words: &Words,
        (id, before, after): (&str, Option<&Value>, Option<&Value>),
        seq: u64,
    ) -> Option<Value> {
        let asked = |name: &&str| words.fence.contains(name);
        if words.feature.as_deref() == Some(id) {
            return self.moved(words, (area_of(before), area_of(after)), id);
        }
        if !words.is_named(id) {
            return None;
        }
        let area = self.area(words);
        let lies = |version: Option<&Value>| version.is_some_and(|v| is_in(v, &area));
        let fits = |version: Option<&Value>| version.is_some_and(|v| words.has_properties(v));
        let was = lies(before) && fits(before);
        let is = lies(after) && fits(after);
        let crossed = || match (point_of(before), point_of(after)) {
            (Some(from), Some(to)) => !lies(before) && !lies(after) && crosses(from, to, &area),
            _ => false,
        };
        let mut told = Vec::new();
        if !was && is {
            told.push("enter");
        }
        if was && !is {
            told.push("exit");
        }
        if is {
            told.push("inside");
        }
        if fits(after) && !is {
            told.push("outside");
        }
        if fits(before) && fits(after) && crossed() {
            told.push("cross");
        }
        told.retain(asked);
        if told.is_empty() {
            return None;
        }
        let reason = match (told[0], before, after) {
            ("enter", None, _) => Some("created"),
            ("exit", _, None) => Some("deleted"),
            ("enter", ..) if lies(before) => Some("changed"),
            ("exit", ..) if lies(after) => Some("changed"),
            ("enter" | "exit", ..) => Some("moved"),
            _ => None,
        };
        let matched = match (was, is) {
            (false, false) => "neither",
            (true, false) => "before",
            (false, true) => "after",
            (true, true) => "both",
        };
        let mut event = json!({"matched": matched, "fence": told});
        if let Some(reason) = reason {
            event["reason"] = json!(reason);
        }
        assert!(self.0.values().all(|(at, _)| *at <= seq));
        Some(event)
    }

    /// Who enters the area and who leaves it by the block that the world is after; of those
    /// that an area brings inside the first 1,000.
    pub fn passages(
        &self,
        words: &Words,
        (id, before, after): (&str, Option<&Value>, Option<&Value>),
    ) -> (Vec<String>, Vec<String>) {
        let (mut entered, mut left) = (Vec::new(), Vec::new());
        if words.feature.as_deref() != Some(id) {
            let area = self.area(words);
            let is = |version: Option<&Value>| {
                version.is_some_and(|v| is_in(v, &area) && words.has_properties(v))
            };
            match (words.is_named(id), is(before), is(after)) {
                (true, false, true) => entered.push(id.to_owned()),
                (true, true, false) => left.push(id.to_owned()),
                _ => {}
            }
            return (entered, left);
        }
        let (from, to) = (area_of(before), area_of(after));
        let mut all: Vec<(&u64, &String, &Value)> = self
            .0
            .iter()
            .map(|(id, (seq, feature))| (seq, id, feature))
            .collect();
        all.sort_by_key(|(seq, ..)| **seq);
        for (_, other, feature) in all {
            if other == id || !words.is_named(other) || !words.has_properties(feature) {
                continue;
            }
            match (is_in(feature, &from), is_in(feature, &to)) {
                (false, true) => entered.push(other.clone()),
                (true, false) => left.push(other.clone()),
                _ => {}
            }
        }
        entered.truncate(1_000);
        (entered, left)
    }

    fn moved(&self, words: &Words, (from, to): (Vec<Rect>, Vec<Rect>), id: &str) -> Option<Value> {
        let mut listed: Vec<(u64, Value)> = Vec::new();
        for (other, (seq, feature)) in &self.0 {
            if other == id || !words.is_named(other) || !words.has_properties(feature) {
                continue;
            }
            let name = match (is_in(feature, &from), is_in(feature, &to)) {
                (false, true) => "enter",
                (true, false) => "exit",
                _ => continue,
            };
            if words.fence.contains(&name) {
                let entry = json!({"feature_id": other, "seq": seq, "fence": name});
                listed.push((*seq, entry));
            }
        }
        listed.sort_by_key(|(seq, _)| *seq);
        let has = |name: &str| listed.iter().any(|(_, entry)| entry["fence"] == name);
        let (fence, matched) = match (has("enter"), has("exit")) {
            (true, true) => (json!(["enter", "exit"]), "both"),
            (true, false) => (json!(["enter"]), "after"),
            (false, true) => (json!(["exit"]), "before"),
            (false, false) => return None,
        };
        let more = listed.len() > 1_000;
        let features: Vec<Value> = listed.into_iter().take(1_000).map(|(_, e)| e).collect();
        Some(json!({
            "matched": matched, "fence": fence, "reason": "area", "features": features, "more": more
        }))
    }
}

fn area_of(feature: Option<&Value>) -> Vec<Rect> {
    let rects = feature.and_then(|feature| rects_of(&feature["geometry"]));
    spelled(&rects.into_iter().flatten().collect::<Vec<_>>())
}

fn is_in(feature: &Value, area: &[Rect]) -> bool {
    rects_of(&feature["geometry"]).is_some_and(|own| touch(&spelled(&own), area))
}
