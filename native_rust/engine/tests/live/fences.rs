//! Fences on features: random walks over the antimeridian and the poles, areas that move,
//! deletes and reverts, held against brute force as they happen, from the journal, and with
//! a seam between.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use formdb_engine::{Database, Limits, Live, LiveFilter, LiveWords, Predicate};
use serde_json::Value;

use super::followers::{Follower, PATIENCE};
use super::oracles::compared;
use super::plain::{Plain, Words};
use super::support::SimFs;
use super::support::calls::DIR;
use super::workload::{Dice, settle, write};

fn open(limits: Limits) -> Database {
    Database::open(Arc::new(SimFs::new()), Path::new(DIR), limits).unwrap()
}

fn put(db: &Database, id: &str, geometry: &str) {
    let text = format!(
        r#"{{"type":"Feature","id":"{id}","geometry":{geometry},"properties":{{"kind":"car"}}}}"#
    );
    db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
        .unwrap();
}

fn point(x: i64, y: i64) -> String {
    format!(r#"{{"type":"Point","coordinates":[{x},{y}]}}"#)
}

/// Where things begin: in the midst, at the antimeridian on both sides, and at a pole.
const HOMES: [[i64; 2]; 5] = [[0, 0], [178, 4], [-178, 4], [5, 88], [3, -3]];

/// Things on their way, each of which goes on from where it is.
struct Walkers([[i64; 2]; 5]);

impl Walkers {
    /// One goes anywhere, or comes back if it is `near` where it is at home.
    fn step(&mut self, db: &Database, dice: &mut Dice, near: bool) {
        let one = dice.below(5) as usize;
        let away = |at: i64, home: i64| ((at - home + 540).rem_euclid(360) - 180).abs();
        let [[x, y], [home_x, home_y]] = [self.0[one], HOMES[one]];
        if near && (away(x, home_x) > 9 || away(y, home_y) > 9) {
            self.0[one] = HOMES[one];
        }
        let far = match dice.below(8) {
            0 => 40,
            1 => 12,
            _ => 3,
        };
        let mut by = || dice.below(2 * far + 1) as i64 - far as i64;
        let [x, y] = self.0[one];
        let x = (x + by() + 540).rem_euclid(360) - 180;
        let y = (y + by()).clamp(-90, 90);
        self.0[one] = [x, y];
        // Both spellings.
        let x = if x == -180 && dice.once_in(2) { 180 } else { x };
        put(db, &format!("f{one}"), &point(x, y));
    }
}

fn history(seed: u64, long: bool) -> Counts {
    let mut dice = Dice::new(seed, 31);
    let db = open(Limits {
        segment_bytes: 32 << 10,
        sync_interval_ms: 2,
        // Some of the areas, or none.
        geometry_cache_bytes: [0, 2_000, 64 << 20][dice.below(3) as usize],
        ..Limits::default()
    });
    let live = Live::default();
    let mut walkers = Walkers(HOMES);
    let (steps, fences) = if long { (6_000, 60) } else { (400, 24) };
    let words: Vec<Words> = (0..fences)
        .map(|n| match n % 2 {
            0 => Words::fence(&mut dice),
            _ => Words::staying(&mut dice),
        })
        .collect();
    let all = u64::MAX / 2;
    let follow =
        |words: &Words, since, demand| Follower::new(&live, &db, words.clone(), since, demand);
    let mut followers: Vec<Follower> = words
        .iter()
        .map(|w| follow(w, None, all).unwrap())
        .collect();
    for _ in 0..steps {
        match dice.below(if long { 100 } else { 10 }) {
            6..9 => write(&db, &mut dice),
            9 => {
                // It begins anywhere, and goes on with what comes.
                let one = &words[dice.below(words.len() as u64) as usize];
                let since = dice.below(db.info().unwrap().durable_seq + 1);
                let demand = match dice.below(3) {
                    0 => dice.below(8),
                    _ => all,
                };
                followers.push(follow(one, Some(since), demand).unwrap());
            }
            _ => walkers.step(&db, &mut dice, long),
        }
    }
    settle(&db);
    followers.extend(words.iter().map(|w| follow(w, Some(0), all).unwrap()));
    let mut plain = Plain::default();
    plain.read(&db);
    let last = plain.entries.len() as u64;
    let mut counts = Counts::default();
    for follower in &followers {
        follower.catch_up(last);
        counts.events += follower.check(&plain, Some(last));
        counts.passages += follower.passages();
    }
    db.close();
    live.close();
    counts
}

/// What was told and is as brute force finds it.
#[derive(Default)]
struct Counts {
    events: usize,
    /// Those that go into an area, out of it or through it, or stay there.
    passages: usize,
}

/// `FORMDB_FENCE_PASSAGES`: how many are to be compared at least.
pub fn wanted() -> usize {
    let text = std::env::var("FORMDB_FENCE_PASSAGES").ok();
    text.map_or(0, |text| text.parse().unwrap())
}

#[test]
fn what_they_tell_is_what_brute_force_finds() {
    let mut counts = Counts::default();
    let mut add = |seed, long| {
        let told = std::panic::catch_unwind(|| history(seed, long));
        let told = told.unwrap_or_else(|_| panic!("seed {seed}"));
        counts.events += told.events;
        counts.passages += told.passages;
        counts.passages
    };
    let seeds = super::oracles_seeds(12);
    let mut passages = 0;
    for seed in seeds.clone() {
        passages = add(seed, false);
    }
    for seed in seeds.end.. {
        if passages >= wanted() {
            break;
        }
        passages = add(seed, true);
    }
    assert!(counts.events > 1_000);
    compared("events of fences", counts.events);
    compared("passages of fences", counts.passages);
}

fn square(from: i64, to: i64) -> String {
    super::workload::rectangle([from, from, to, to])
}

#[test]
fn an_area_that_moves_lists_a_thousand_and_says_that_there_are_more() {
    let db = open(Limits::default());
    let live = Live::default();
    put(&db, "area", &square(0, 10));
    let points: Vec<String> = (0..1_500)
        .map(|n| {
            let (x, y) = (n % 5, n % 7);
            format!(
                r#"{{"type":"Feature","id":"p{n}","geometry":{},"properties":{{}}}}"#,
                point(x, y)
            )
        })
        .collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        points.join(",")
    );
    db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
        .unwrap();
    let words = Words::around("area", &["enter", "exit"]);
    let follower = Follower::new(&live, &db, words.clone(), None, 1_000).unwrap();
    put(&db, "area", &square(20, 30));
    put(&db, "area", "null");
    put(&db, "area", &square(-10, 0));
    settle(&db);
    let mut plain = Plain::default();
    plain.read(&db);
    let last = plain.entries.len() as u64;
    let again = Follower::new(&live, &db, words, Some(0), 1_000_000).unwrap();
    for follower in [&follower, &again] {
        follower.catch_up(last);
        follower.check(&plain, Some(last));
    }
    let told = follower.ear.told.lock().unwrap();
    let events: Vec<Value> = told
        .events
        .iter()
        .map(|(.., json)| serde_json::from_slice(json).unwrap())
        .collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["fence"], serde_json::json!(["exit"]));
    assert_eq!(events[0]["features"].as_array().unwrap().len(), 1_000);
    assert_eq!(events[0]["features"][0]["feature_id"], "p0");
    assert_eq!(events[0]["more"], true);
    // Those on its corner.
    assert_eq!(events[1]["fence"], serde_json::json!(["enter"]));
    assert_eq!(events[1]["more"], false);
}

#[test]
fn more_who_stay_than_are_kept_are_told_all_the_same() {
    const MANY: usize = 6_000;
    let db = open(Limits::default());
    let live = Live::default();
    put(&db, "area", "null");
    let words = Words::around("area", &[]).with_stay("0.3");
    let at = Words::at([0, 0, 10, 10]).with_stay("0.3");
    // One asks for all, one for little at a time.
    let followers = [(&at, u64::MAX / 2), (&at, 2), (&words, 700)]
        .map(|(words, demand)| Follower::new(&live, &db, words.clone(), None, demand).unwrap());
    for n in (0..MANY).step_by(500) {
        let points = (n..n + 500).map(|n| {
            let (x, y) = (n % 5, n % 7);
            format!(
                r#"{{"type":"Feature","id":"p{n}","geometry":{},"properties":{{}}}}"#,
                point(x as i64, y as i64)
            )
        });
        let points: Vec<String> = points.collect();
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{}]}}"#,
            points.join(",")
        );
        db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
            .unwrap();
    }
    // Some go again, and an area comes over all of them.
    for n in (0..MANY).step_by(97) {
        put(&db, &format!("p{n}"), &point(20, 20));
    }
    put(&db, "area", &square(0, 10));
    settle(&db);
    let mut plain = Plain::default();
    plain.read(&db);
    let last = plain.entries.len() as u64;
    let again = Follower::new(&live, &db, at, Some(last - 100), 3_000).unwrap();
    for follower in followers.iter().chain([&again]) {
        follower.catch_up(last);
        compared("events of fences", follower.check(&plain, Some(last)));
    }
    db.close();
    live.close();
    drop((followers, again));
    // What was kept for others is forgotten by a thread of its own.
    let until = Instant::now() + PATIENCE;
    while db.memory().work.used() > 0 {
        assert!(
            Instant::now() < until,
            "{} bytes are held",
            db.memory().work.used()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_is_no_fence_is_refused_with_the_word() {
    let db = open(Limits::default());
    let bbox = Some("0,0,1,1");
    let geometry: Option<&[u8]> = Some(br#"{"type":"Point","coordinates":[0,0]}"#);
    let enter = || LiveWords {
        fence: vec!["enter"],
        ..LiveWords::default()
    };
    let dwell = |text| LiveWords {
        dwell: Some(text),
        bbox,
        ..LiveWords::default()
    };
    let deleted = |passage| LiveWords {
        op: Some("delete_feature"),
        fence: vec![passage],
        bbox,
        ..LiveWords::default()
    };
    for passage in ["exit", "outside"] {
        LiveFilter::new(&deleted(passage), &Limits::default(), db.memory()).unwrap();
    }
    let wrong = [
        (
            LiveWords {
                feature: Some(""),
                ..enter()
            },
            "/feature",
        ),
        (
            LiveWords {
                op: Some("put_points"),
                bbox,
                ..enter()
            },
            "/type",
        ),
        (deleted("enter"), "/type"),
        (deleted("inside"), "/type"),
        (deleted("cross"), "/type"),
        (enter(), "/fence"),
        (dwell("0"), "/dwell"),
        (dwell("-1"), "/dwell"),
        (dwell("NaN"), "/dwell"),
        (dwell("soon"), "/dwell"),
        (dwell("1e9"), "/dwell"),
        (
            LiveWords {
                dwell: Some("5"),
                ..LiveWords::default()
            },
            "/dwell",
        ),
        (
            LiveWords {
                fence: vec!["enter", "leave"],
                bbox,
                ..LiveWords::default()
            },
            "/fence",
        ),
        (
            LiveWords {
                bbox,
                geometry,
                ..enter()
            },
            "/fence",
        ),
        (
            LiveWords {
                bbox,
                feature: Some("a"),
                ..enter()
            },
            "/fence",
        ),
        (
            LiveWords {
                bbox,
                predicate: Some(Predicate::Within),
                ..enter()
            },
            "/predicate",
        ),
        (
            LiveWords {
                bbox,
                series: vec!["s"],
                ..enter()
            },
            "/series_id",
        ),
        (
            LiveWords {
                feature: Some("a"),
                ..LiveWords::default()
            },
            "/feature",
        ),
    ];
    for (words, pointer) in wrong {
        let refused = LiveFilter::new(&words, &Limits::default(), db.memory()).unwrap_err();
        assert_eq!(refused.code(), "invalid_parameter");
        assert_eq!(refused.pointer(), Some(pointer), "{words:?}");
    }
}
