//! Levels of series: points in order and out of it, of equal times, replaced, deleted and
//! brought back, held against brute force over all points as of each block.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::{Cancel, Database, Limits, Live, LiveFilter, LiveWords, Operation, Undo};
use serde_json::{Value, json};

use super::followers::Follower;
use super::oracles::compared;
use super::plain::{Plain, Words};
use super::stays::micros;
use super::support::SimFs;
use super::support::calls::DIR;
use super::workload::{Dice, settle};

/// A level in numbers.
#[derive(Debug, Clone)]
pub struct Level {
    word: &'static str,
    low: f64,
    high: f64,
    hysteresis: f64,
    /// Microseconds.
    least: i64,
}

/// The points of a series before a block and after it, in order, and the times of the block.
pub struct Points {
    before: Vec<(i64, f64)>,
    after: Vec<(i64, f64)>,
    /// None of a delete.
    own: Option<Vec<i64>>,
}

/// A point that was written.
struct Written {
    time: i64,
    value: f64,
    /// The block that wrote it, and the last one that brought it back.
    seq: u64,
    back: u64,
    /// The block that deleted it, if it is not there.
    gone: Option<u64>,
}

/// All points that were ever written, by their series and in the order of that.
#[derive(Default)]
pub struct AllPoints(HashMap<String, Vec<Written>>);

/// One time or several.
fn times(body: &Value) -> Vec<i64> {
    match &body["timestamps"] {
        Value::Array(times) => times.iter().map(micros).collect(),
        _ => vec![micros(&body["timestamp"])],
    }
}

fn values(body: &Value) -> Vec<f64> {
    match &body["values"] {
        Value::Array(values) => values.iter().map(|v| v.as_f64().unwrap()).collect(),
        _ => vec![body["value"].as_f64().unwrap()],
    }
}

impl AllPoints {
    /// Do what a block does, which may revert another.
    pub fn enter(&mut self, body: &Value, seq: u64, reverts: Option<u64>) -> Points {
        let id = body["series_id"].as_str().unwrap().to_owned();
        let all = self.0.entry(id).or_default();
        let before = there(all);
        // A span has a start.
        let is_put = body["start"].is_null();
        match reverts {
            None if is_put => {
                let points = times(body).into_iter().zip(values(body));
                all.extend(points.map(|(time, value)| Written {
                    time,
                    value,
                    seq,
                    back: seq,
                    gone: None,
                }));
            }
            Some(block) if is_put => {
                for point in all.iter_mut().filter(|point| point.gone == Some(block)) {
                    (point.gone, point.back) = (None, seq);
                }
            }
            _ => delete(all, body, seq),
        }
        let own = is_put.then(|| {
            let mut times = times(body);
            times.sort_unstable();
            times.dedup();
            times
        });
        Points {
            before,
            after: there(all),
            own,
        }
    }
}

fn delete(all: &mut [Written], body: &Value, seq: u64) {
    let (start, end) = (micros(&body["start"]), micros(&body["end"]));
    let (block, by) = (body["block"].as_u64(), body["replaced_by"].as_u64());
    let replaced = by.map(|_| times(body));
    // Of the block that replaces them the last of each time stays.
    let lasts: HashMap<i64, usize> = (all.iter().enumerate())
        .filter(|(_, point)| Some(point.seq) == by)
        .map(|(place, point)| (point.time, place))
        .collect();
    for (place, point) in all.iter_mut().enumerate() {
        let within = point.time >= start && point.time < end && point.gone.is_none();
        let meant = match (block, &replaced) {
            (Some(block), _) => point.seq == block || point.back == block,
            (_, Some(times)) => {
                times.contains(&point.time) && lasts.get(&point.time) != Some(&place)
            }
            _ => true,
        };
        if within && meant {
            point.gone = Some(seq);
        }
    }
}

/// Those that are there, by time and then as they came.
fn there(all: &[Written]) -> Vec<(i64, f64)> {
    let there = all.iter().filter(|point| point.gone.is_none());
    let mut points: Vec<(i64, f64)> = there.map(|point| (point.time, point.value)).collect();
    points.sort_by_key(|(time, _)| *time);
    points
}

impl Level {
    pub fn random(dice: &mut Dice) -> Self {
        let word = dice.pick(&["above", "below", "outside"]);
        let at = dice.below(9) as f64;
        Self {
            word,
            low: if word == "above" {
                f64::NEG_INFINITY
            } else {
                at
            },
            high: match word {
                "above" => at,
                "below" => f64::INFINITY,
                _ => at + 4.0,
            },
            hysteresis: [0.0, 0.0, 1.0, 2.0][dice.below(4) as usize],
            least: [0, 0, 5, 20][dice.below(4) as usize],
        }
    }

    /// `above`, `below`, `outside`, `hysteresis` and `for` as texts.
    pub fn texts(&self) -> [Option<String>; 5] {
        let of = |word: &str, text: String| (self.word == word).then_some(text);
        [
            of("above", self.high.to_string()),
            of("below", self.low.to_string()),
            of("outside", format!("{},{}", self.low, self.high)),
            (self.hysteresis > 0.0).then(|| self.hysteresis.to_string()),
            (self.least > 0).then(|| (self.least as f64 / 1e6).to_string()),
        ]
    }

    /// Since when a series is beyond the level after its points up to a time.
    fn beyond(&self, points: &[(i64, f64)], until: i64) -> Option<i64> {
        let mut beyond = None;
        for (time, value) in points.iter().filter(|(time, _)| *time <= until) {
            if *value > self.high || *value < self.low {
                beyond = beyond.or(Some(*time));
            } else if *value <= self.high - self.hysteresis && *value >= self.low + self.hysteresis
            {
                beyond = None;
            }
        }
        beyond
    }

    /// The same if it is so for long enough at the last of these points.
    fn counted(&self, points: &[(i64, f64)], until: i64) -> Option<i64> {
        let last = points.iter().rfind(|(time, _)| *time <= until)?.0;
        self.beyond(points, until)
            .filter(|since| last - since >= self.least)
    }

    pub fn told(&self, points: &Points) -> Option<Value> {
        let Points { before, after, own } = points;
        let stood = self.counted(before, i64::MAX).is_some();
        let stands = self.counted(after, i64::MAX).is_some();
        let name = |beyond: bool| if beyond { self.word } else { "back" };
        let mut listed = Vec::new();
        for time in own.iter().flatten() {
            let Some(present) = after.iter().rfind(|(t, _)| t == time) else {
                continue;
            };
            let previous = after.iter().rfind(|(t, _)| t < time);
            let was = self.counted(after, time - 1).is_some();
            let is = self.counted(after, *time);
            if was == is.is_some() {
                continue;
            }
            let mut point = json!({
                "timestamp": time, "value": present.1, "fence": name(is.is_some()),
                "previous": previous.map(|(t, v)| json!({"timestamp": t, "value": v})),
            });
            if let Some(since) = is {
                point["since"] = json!(since);
            }
            if before.iter().any(|(t, _)| t > time) {
                point["late"] = json!(true);
            }
            listed.push(point);
        }
        if listed.is_empty() && stood == stands {
            return None;
        }
        let mut names: Vec<&str> = [true, false].map(name).to_vec();
        names.retain(|name| listed.iter().any(|point| point["fence"] == *name));
        let mut told = json!({"points": listed, "more": false, "stands": name(stands)});
        if names.is_empty() {
            names.push(name(stands));
            told["reason"] = json!(if own.is_some() { "changed" } else { "deleted" });
        }
        told["fence"] = json!(names);
        Some(told)
    }
}

/// Times as numbers.
pub fn in_numbers(mut told: Value) -> Value {
    let points = told.get_mut("points").and_then(Value::as_array_mut);
    for point in points.into_iter().flatten() {
        let at = |value: &mut Value| {
            if value.is_string() {
                *value = micros(value).into();
            }
        };
        at(&mut point["timestamp"]);
        if let Some(since) = point.get_mut("since") {
            at(since);
        }
        if let Some(previous) = point["previous"].get_mut("timestamp") {
            at(previous);
        }
    }
    told
}

fn put(db: &Database, dice: &mut Dice, ends: &mut [i64; 3]) -> Vec<Operation> {
    let one = dice.below(3) as usize;
    let most = if dice.once_in(3) { 12 } else { 2 };
    let count = 1 + dice.below(most) as i64;
    let late = dice.once_in(4);
    let mut time = match late {
        true => dice.below(ends[one] as u64 + 1) as i64,
        false => ends[one],
    };
    let mut times = Vec::new();
    for _ in 0..count {
        time += dice.below(4) as i64;
        times.push(time);
    }
    ends[one] = ends[one].max(time);
    if dice.once_in(5) {
        times.reverse();
    }
    let values = times.iter().map(|_| dice.below(13) as f64).collect();
    let id = ["a/x", "a/y", "b"][one];
    db.prepare_columns(id, times, values, None)
        .unwrap()
        .operations
}

fn history(seed: u64) -> (usize, usize) {
    let mut dice = Dice::new(seed, 53);
    let limits = Limits {
        segment_bytes: 32 << 10,
        sync_interval_ms: 2,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(SimFs::new()), Path::new(DIR), limits).unwrap();
    let live = Live::default();
    let words: Vec<Words> = (0..24).map(|_| Words::level(&mut dice)).collect();
    let all = u64::MAX / 2;
    let follow =
        |words: &Words, since| Follower::new(&live, &db, words.clone(), since, all).unwrap();
    let mut followers: Vec<Follower> = words.iter().map(|w| follow(w, None)).collect();
    let mut ends = [0; 3];
    for _ in 0..300 {
        let operations = match dice.below(12) {
            0 => {
                let id = dice.pick(&["a/x", "a/y", "b"]);
                let start = dice.below(600) as i64;
                let end = start + 1 + dice.below(300) as i64;
                db.prepare_delete_points(id, start, end, None)
                    .into_iter()
                    .collect()
            }
            1 => {
                let seq = 1 + dice.below(db.info().unwrap().seq.max(1));
                let text = format!(r#"{{"sequences":[{seq}]}}"#);
                let undo = Undo::parse(text.as_bytes(), true).unwrap();
                let undone = db.prepare_undo(&undo, None, &db.budget(Cancel::default()));
                undone.map_or_else(|_| Vec::new(), |prepared| prepared.operations)
            }
            2 => {
                let one = &words[dice.below(words.len() as u64) as usize];
                let since = dice.below(db.info().unwrap().durable_seq + 1);
                followers.push(follow(one, Some(since)));
                continue;
            }
            // Those of equal times replace each other, or stand beside each other.
            3 => {
                let word = dice.pick(&["keep", "replace"]);
                let text = format!(r#"{{"on_duplicate":"{word}"}}"#);
                vec![db.prepare_defaults(text.as_bytes()).unwrap()]
            }
            _ => put(&db, &mut dice, &mut ends),
        };
        if !operations.is_empty() {
            let _ = db.write(operations);
        }
    }
    settle(&db);
    followers.extend(words.iter().map(|w| follow(w, Some(0))));
    let mut plain = Plain::default();
    plain.read(&db);
    let last = plain.entries.len() as u64;
    let (mut events, mut passages) = (0, 0);
    for follower in &followers {
        follower.catch_up(last);
        events += follower.check(&plain, Some(last));
        passages += follower.passages();
    }
    db.close();
    live.close();
    (events, passages)
}

#[test]
fn what_is_told_of_them_is_what_brute_force_finds() {
    let (mut events, mut passages) = (0, 0);
    let few = super::oracles_seeds(12);
    for seed in few.start.. {
        if seed >= few.end && passages >= super::fences::wanted() {
            break;
        }
        let told = std::panic::catch_unwind(|| history(seed));
        let told = told.unwrap_or_else(|_| panic!("seed {seed}"));
        events += told.0;
        passages += told.1;
    }
    assert!(events > 1_000);
    compared("events of levels", events);
    compared("passages of levels", passages);
}

#[test]
fn what_is_no_level_is_refused_with_the_word() {
    let db = Database::open(Arc::new(SimFs::new()), Path::new(DIR), Limits::default()).unwrap();
    let of = |above, below, outside, hysteresis, least| LiveWords {
        series: vec!["s"],
        above,
        below,
        outside,
        hysteresis,
        least,
        ..LiveWords::default()
    };
    let fence = LiveWords {
        fence: vec!["enter"],
        bbox: Some("0,0,1,1"),
        above: Some("1"),
        ..LiveWords::default()
    };
    let typed = |op| LiveWords {
        op: Some(op),
        ..of(Some("1"), None, None, None, None)
    };
    for op in ["put_points", "delete_points", "revert"] {
        LiveFilter::new(&typed(op), &Limits::default(), db.memory()).unwrap();
    }
    let wrong = [
        (typed("put_feature"), "/type"),
        (typed("set_attributes"), "/type"),
        (typed("set_defaults"), "/type"),
        (of(Some("warm"), None, None, None, None), "/above"),
        (of(Some("NaN"), None, None, None, None), "/above"),
        (of(Some("1"), Some("2"), None, None, None), "/below"),
        (of(None, None, Some("3"), None, None), "/outside"),
        (of(None, None, Some("5,3"), None, None), "/outside"),
        (of(None, None, Some("3,5"), Some("1.5"), None), "/outside"),
        (of(Some("1"), None, None, Some("-1"), None), "/hysteresis"),
        (of(Some("1"), None, None, None, Some("-1")), "/for"),
        (of(None, None, None, Some("1"), None), "/hysteresis"),
        (of(None, None, None, None, Some("1")), "/for"),
        (
            LiveWords {
                series: Vec::new(),
                ..of(Some("1"), None, None, None, None)
            },
            "/series_id",
        ),
        (fence, "/series_id"),
    ];
    for (words, pointer) in wrong {
        let refused = LiveFilter::new(&words, &Limits::default(), db.memory()).unwrap_err();
        assert_eq!(refused.code(), "invalid_parameter");
        assert_eq!(refused.pointer(), Some(pointer), "{words:?}");
    }
}
