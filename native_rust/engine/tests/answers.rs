//! Kept answers: never stale, forgotten only when what they came from is written to,
//! and within their bounds.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/random.rs"]
mod random;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::BoundingBox;
use formdb_engine::{
    Aggregate, Aggregation, Area, Cancel, Database, Durability, Error, Filter, Grid, Heatmap,
    Limits, Near, Operation, Predicate, ResultCacheStats, Search, Selection, Transaction,
};
use parking_lot::Mutex;
use random::Random;
use serde_json::Value;

const SERIES: [&str; 3] = ["s0", "s1", "s2"];
const SECOND: i64 = 1_000_000;

struct Fixture {
    _tmp: tempfile::TempDir,
    db: Database,
}

fn open(limits: Limits) -> Fixture {
    let tmp = tempfile::tempdir().unwrap();
    let db = Database::open(Arc::new(RealFileSystem), &tmp.path().join("db"), limits).unwrap();
    Fixture { _tmp: tmp, db }
}

/// What a block did.
#[derive(Debug, Clone)]
enum Change {
    Put {
        id: String,
        x: i32,
        n: i32,
    },
    Delete {
        id: String,
    },
    Points {
        series: usize,
        points: Vec<(i64, i32)>,
    },
    DeletePoints {
        series: usize,
        start: i64,
        end: i64,
    },
}

impl Change {
    fn operation(&self, db: &Database) -> Operation {
        match self {
            Self::Put { id, x, n } => {
                let text = format!(
                    r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Point","coordinates":[{x},0]}},"properties":{{"n":{n}}}}}"#
                );
                let mut prepared = db.prepare_features(text.as_bytes()).unwrap();
                prepared.operations.pop().unwrap()
            }
            Self::Delete { id } => db.prepare_delete_feature(id, None).unwrap(),
            Self::Points { series, points } => {
                let (times, values) = points.iter().map(|&(t, v)| (t, f64::from(v))).unzip();
                let prepared = db.prepare_columns(SERIES[*series], times, values, None);
                prepared.unwrap().operations.pop().unwrap()
            }
            Self::DeletePoints { series, start, end } => db
                .prepare_delete_points(SERIES[*series], *start, *end, None)
                .unwrap(),
        }
    }

    /// Commits it, and returns its sequence.
    fn commit(&self, db: &Database) -> u64 {
        let transaction = Transaction {
            operations: vec![self.operation(db)],
            durability: Durability::None,
            ..Transaction::default()
        };
        db.write_transaction(transaction).unwrap().last_seq
    }
}

/// Features by id with sequence, longitude and number; points by series.
#[derive(Default)]
struct Model {
    features: BTreeMap<String, (u64, i32, i32)>,
    series: [Vec<(i64, i32)>; 3],
}

impl Model {
    fn apply(&mut self, seq: u64, change: &Change) {
        match change {
            Change::Put { id, x, n } => {
                self.features.insert(id.clone(), (seq, *x, *n));
            }
            Change::Delete { id } => {
                self.features.remove(id);
            }
            Change::Points { series, points } => self.series[*series].extend(points),
            Change::DeletePoints { series, start, end } => {
                self.series[*series].retain(|(t, _)| !(*start..*end).contains(t));
            }
        }
    }

    /// Ids in order of sequence.
    fn ids(&self, wanted: impl Fn(i32, i32) -> bool) -> String {
        let found = self.features.iter().filter(|(_, f)| wanted(f.1, f.2));
        let mut found: Vec<_> = found.map(|(id, f)| (f.0, id.as_str())).collect();
        found.sort_unstable();
        let ids: Vec<&str> = found.into_iter().map(|(_, id)| id).collect();
        ids.join(" ")
    }

    fn answer(&self, question: usize) -> String {
        let sum = |series: &[(i64, i32)]| series.iter().map(|p| i64::from(p.1)).sum::<i64>();
        match question {
            0 => self.ids(|x, _| (-20..=20).contains(&x)),
            1 => self.ids(|x, n| (0..=60).contains(&x) && n >= 5),
            2 => {
                let here = self.features.values();
                let count = here.filter(|f| (-60..=0).contains(&f.1)).count();
                count.to_string()
            }
            3 => {
                let mut cells = BTreeMap::new();
                for (_, x, _) in self.features.values() {
                    *cells.entry(x.div_euclid(30)).or_insert(0) += 1;
                }
                format!("{:?}", Vec::from_iter(cells.values()))
            }
            4 => {
                let mut near: Vec<_> = self.features.iter().collect();
                near.sort_unstable_by_key(|(_, f)| (f.1.abs(), f.0));
                let ids: Vec<&str> = near.iter().take(3).map(|(id, _)| id.as_str()).collect();
                ids.join(" ")
            }
            5 | 6 if self.series[question - 5].is_empty() => "none".into(),
            5 => sum(&self.series[0]).to_string(),
            6 => {
                let mut buckets = BTreeMap::new();
                for (t, _) in &self.series[1] {
                    *buckets.entry(t.div_euclid(10 * SECOND)).or_insert(0) += 1;
                }
                format!("{:?}", Vec::from_iter(buckets.values()))
            }
            _ => {
                let series = SERIES.iter().zip(&self.series);
                let shown = series.filter(|(_, points)| !points.is_empty());
                let rows = shown.map(|(id, points)| format!("{id}={}", sum(points)));
                Vec::from_iter(rows).join(" ")
            }
        }
    }
}

const QUESTIONS: usize = 8;

fn search(area: Area, filters: Vec<Filter>) -> Search {
    Search {
        area,
        predicate: Predicate::Intersects,
        filters,
        limit: 1_000,
        cursor: None,
        as_of: None,
    }
}

fn bbox(text: &str) -> Area {
    Area::Box(BoundingBox::parse(text).unwrap())
}

fn aggregate<'a>(series: &'a str, aggregation: Aggregation) -> Aggregate<'a> {
    Aggregate::new(Selection::parse(series), aggregation)
}

fn rows(json: &[u8]) -> Vec<Value> {
    serde_json::from_slice(json).unwrap()
}

fn ids(json: &[u8]) -> String {
    let rows = rows(json);
    Vec::from_iter(rows.iter().map(|row| row["id"].as_str().unwrap())).join(" ")
}

/// The answer in words, and the sequence it is as of.
fn ask(db: &Database, question: usize) -> (String, u64) {
    let page = |search: &Search| {
        let page = match db.search_in_memory(search).unwrap() {
            Some(page) => page,
            None => db.search(search, &db.budget(Cancel::default())).unwrap(),
        };
        (ids(&page.json), page.seq)
    };
    let counts = |json: &[u8], name: &str| {
        let rows = rows(json);
        let counts = rows.iter().map(|row| row[name].as_u64().unwrap());
        format!("{:?}", Vec::from_iter(counts))
    };
    // Of a series without a point: it was so just now, whenever that is.
    let none = |error: Error| match error {
        Error::NotFound { .. } => ("none".to_owned(), u64::MAX),
        other => panic!("{other}"),
    };
    match question {
        0 => page(&search(bbox("-20,-1,20,1"), vec![])),
        1 => {
            let filter = Filter::parse("prop.n", "gte:5").unwrap();
            page(&search(bbox("0,-1,60,1"), vec![filter]))
        }
        2 => {
            let search = search(bbox("-60,-1,0,1"), vec![]);
            let (count, seq) = match db.count_in_memory(&search).unwrap() {
                Some(counted) => counted,
                None => db.count(&search, &db.budget(Cancel::default())).unwrap(),
            };
            (count.to_string(), seq)
        }
        3 => {
            let heatmap = Heatmap {
                bbox: BoundingBox::parse("-180,-90,180,90").unwrap(),
                grid: Grid::Degrees {
                    lon: 30.0,
                    lat: 180.0,
                },
                sum: None,
                filters: vec![],
                as_of: None,
            };
            let answer = db
                .heatmap_json(&heatmap, &db.budget(Cancel::default()))
                .unwrap();
            (counts(&answer.json, "count"), answer.seq)
        }
        4 => page(&search(
            Area::Near(Near {
                point: [0.0, 0.0],
                k: Some(3),
                radius: None,
            }),
            vec![],
        )),
        5 => db
            .aggregate(
                &aggregate("s0", Aggregation::Sum),
                &db.budget(Cancel::default()),
            )
            .map_or_else(none, |page| {
                let sum = page.series[0].buckets[0].value.unwrap();
                (sum.to_string(), page.seq)
            }),
        6 => {
            let query = Aggregate {
                interval: Some("10s".parse().unwrap()),
                ..aggregate("s1", Aggregation::Count)
            };
            let answer = db.aggregate_json_in_memory(&query, usize::MAX);
            answer.map_or_else(none, |answer| {
                let answer = answer.unwrap();
                (counts(&answer.json, "value"), answer.seq)
            })
        }
        _ => {
            let page = db
                .aggregate(
                    &aggregate("s*", Aggregation::Sum),
                    &db.budget(Cancel::default()),
                )
                .unwrap();
            let row = |s: &formdb_engine::SeriesBuckets| {
                format!("{}={}", s.id, s.buckets[0].value.unwrap())
            };
            (
                Vec::from_iter(page.series.iter().map(row)).join(" "),
                page.seq,
            )
        }
    }
}

/// A change to what only `writer` changes; `live` are its features.
fn change(writer: usize, random: &mut Random, live: &mut Vec<String>) -> Change {
    let number = |random: &mut Random, bound| random.below(bound) as i32;
    match random.below(8) {
        0..3 => {
            let id = format!("w{writer}-{}", random.below(30));
            if !live.contains(&id) {
                live.push(id.clone());
            }
            Change::Put {
                id,
                x: number(random, 160) - 80,
                n: number(random, 10),
            }
        }
        3 if !live.is_empty() => {
            let place = random.below(live.len() as u64) as usize;
            Change::Delete {
                id: live.swap_remove(place),
            }
        }
        4 => {
            let start = random.below(60) as i64 * SECOND;
            Change::DeletePoints {
                series: writer,
                start,
                end: start + random.below(60) as i64 * SECOND,
            }
        }
        _ => Change::Points {
            series: writer,
            points: (0..=random.below(20))
                .map(|_| (random.below(60) as i64 * SECOND, number(random, 100)))
                .collect(),
        },
    }
}

/// Writers and readers race; then the changes are replayed into a model, which must
/// have given every answer at its sequence. And none may be older than what was
/// acknowledged before the question was asked.
fn race(limits: Limits, seed: u64) -> ResultCacheStats {
    const WRITERS: usize = 3;
    const READERS: usize = 2;
    const CHANGES: usize = 400;
    let Fixture { _tmp, db } = open(limits);
    let log = Mutex::new(BTreeMap::new());
    let acknowledged = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let (db, log, acknowledged) = (&db, &log, &acknowledged);
        let (done, answers) = (&done, &answers);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let mut random = Random(seed * 31 + writer as u64);
                    let mut live = Vec::new();
                    for _ in 0..CHANGES {
                        let change = change(writer, &mut random, &mut live);
                        let seq = change.commit(db);
                        log.lock().insert(seq, change);
                        acknowledged.fetch_max(seq, Ordering::SeqCst);
                        if random.below(4) == 0 {
                            std::thread::sleep(Duration::from_micros(random.below(600)));
                        }
                    }
                })
            })
            .collect();
        for reader in 0..READERS {
            scope.spawn(move || {
                let mut random = Random(seed * 77 + reader as u64);
                let mut seen: HashMap<(usize, u64), String> = HashMap::new();
                while !done.load(Ordering::SeqCst) {
                    let question = random.below(QUESTIONS as u64) as usize;
                    let least = acknowledged.load(Ordering::SeqCst);
                    let (answer, seq) = ask(db, question);
                    assert!(seq >= least, "asked behind {least}, answered as of {seq}");
                    if seq == u64::MAX {
                        continue;
                    }
                    let first = seen
                        .entry((question, seq))
                        .or_insert_with(|| answer.clone());
                    assert_eq!(*first, answer, "question {question} as of {seq}");
                }
                answers.lock().extend(seen);
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    let log = log.into_inner();
    assert_eq!(log.len(), WRITERS * CHANGES);
    let mut answers = answers.into_inner();
    answers.sort_unstable_by_key(|((_, seq), _)| *seq);
    let mut model = Model::default();
    let mut changes = log.iter().peekable();
    for ((question, seq), answer) in &answers {
        while let Some((at, change)) = changes.next_if(|(at, _)| *at <= seq) {
            model.apply(*at, change);
        }
        assert_eq!(
            model.answer(*question),
            *answer,
            "question {question} as of {seq}"
        );
    }
    let stats = db.info().unwrap().query_cache;
    println!(
        "answers: {} compared with a model, {stats:?}",
        answers.len()
    );
    assert!(answers.len() > 500);
    stats
}

/// With `FORMDB_SOAK` seconds, again and again for as long, with other changes.
#[test]
fn no_answer_is_stale_while_writers_and_readers_race() {
    let soak = std::env::var("FORMDB_SOAK").map_or(0, |text| text.parse().unwrap());
    let until = Instant::now() + Duration::from_secs(soak);
    for seed in (10..).take_while(|_| Instant::now() < until) {
        println!("answers: seed {seed}");
        race(Limits::default(), seed);
    }
    let stats = race(Limits::default(), 1);
    assert!(stats.hits > 100 && stats.misses > 100, "{stats:?}");
    assert!(stats.invalidations > 50, "{stats:?}");
    assert_eq!((stats.evictions, stats.expirations), (0, 0));
}

#[test]
fn nor_in_a_cache_too_small_or_too_short_lived() {
    let small = Limits {
        query_cache_entries: 3,
        ..Limits::default()
    };
    let stats = race(small, 2);
    assert!(stats.evictions > 10 && stats.entries <= 3, "{stats:?}");
    let short = Limits {
        query_cache_ttl_ms: 1,
        ..Limits::default()
    };
    let stats = race(short, 3);
    assert!(stats.expirations > 10, "{stats:?}");
}

#[test]
fn a_write_invalidates_what_it_touched_and_nothing_else() {
    let Fixture { _tmp, db } = open(Limits::default());
    let put = |n: i32| Change::Put {
        id: "a".into(),
        x: n,
        n,
    };
    let points = |series| Change::Points {
        series,
        points: vec![(SECOND, 1)],
    };
    for change in [put(1), points(0), points(1), points(2)] {
        change.commit(&db);
    }
    // Which of the questions are answered from the cache.
    let hits = || -> Vec<usize> {
        let hit = |question: &usize| {
            let before = db.info().unwrap().query_cache;
            let (_, seq) = ask(&db, *question);
            let after = db.info().unwrap().query_cache;
            assert_eq!(seq, db.info().unwrap().seq, "answers are as of now");
            assert_eq!(before.hits + before.misses + 1, after.hits + after.misses);
            after.hits > before.hits
        };
        (0..QUESTIONS).filter(hit).collect()
    };
    assert_eq!(hits(), [] as [usize; 0]);
    assert_eq!(hits(), [0, 1, 2, 3, 4, 5, 6, 7]);
    put(2).commit(&db);
    assert_eq!(
        hits(),
        [5, 6, 7],
        "a feature: only what is about features goes"
    );
    points(0).commit(&db);
    assert_eq!(
        hits(),
        [0, 1, 2, 3, 4, 6],
        "a series: itself, and all of them"
    );
    points(2).commit(&db);
    assert_eq!(hits(), [0, 1, 2, 3, 4, 5, 6]);
    let gone = Change::DeletePoints {
        series: 1,
        start: 0,
        end: 2 * SECOND,
    };
    gone.commit(&db);
    assert_eq!(ask(&db, 6).0, "none");
    assert_eq!(ask(&db, 7).0, "s0=2 s2=2");
    let stats = db.info().unwrap().query_cache;
    assert_eq!(stats.invalidations, 5 + 2 + 1 + 2);
}

#[test]
fn answers_about_the_past_hold_whatever_is_written() {
    let Fixture { _tmp, db } = open(Limits::default());
    let put = |id: &str| Change::Put {
        id: id.into(),
        x: 1,
        n: 1,
    };
    put("a").commit(&db);
    put("b").commit(&db);
    let past = Search {
        as_of: Some(1),
        ..search(bbox("0,-1,2,1"), vec![])
    };
    let mut paged = search(bbox("0,-1,2,1"), vec![]);
    paged.limit = 1;
    paged.cursor = db
        .search(&paged, &db.budget(Cancel::default()))
        .unwrap()
        .next;
    assert!(paged.cursor.is_some());
    for id in ["c", "d", "e"] {
        let page = db.search(&past, &db.budget(Cancel::default())).unwrap();
        assert_eq!((ids(&page.json).as_str(), page.seq), ("a", 1));
        let page = db.search(&paged, &db.budget(Cancel::default())).unwrap();
        assert_eq!((ids(&page.json).as_str(), page.seq), ("b", 2));
        put(id).commit(&db);
    }
    let stats = db.info().unwrap().query_cache;
    assert_eq!((stats.hits, stats.misses, stats.invalidations), (4, 3, 0));
}

#[test]
fn the_pages_behind_a_kept_one_are_as_of_its_sequence() {
    let Fixture { db, _tmp } = open(Limits::default());
    for n in 0..5 {
        let id = format!("f{n}");
        Change::Put { id, x: n, n }.commit(&db);
    }
    let near = Area::Near(Near {
        point: [0.0, 0.0],
        k: None,
        radius: Some(1e6),
    });
    for area in [bbox("-1,-1,9,1"), near] {
        let first = Search {
            limit: 2,
            ..search(area, vec![])
        };
        let before = db.search(&first, &db.budget(Cancel::default())).unwrap();
        // It leaves the answer as it is.
        let points = Change::Points {
            series: 0,
            points: vec![(0, 1)],
        };
        let seq = points.commit(&db);
        let hits = db.info().unwrap().query_cache.hits;
        let mut page = db.search(&first, &db.budget(Cancel::default())).unwrap();
        assert_eq!(db.info().unwrap().query_cache.hits, hits + 1);
        assert_eq!((page.seq, &page.json), (seq, &before.json));
        let mut found = ids(&page.json);
        while let Some(next) = page.next {
            let cursor = Some(next);
            page = db
                .search(
                    &Search {
                        cursor,
                        ..first.clone()
                    },
                    &db.budget(Cancel::default()),
                )
                .unwrap();
            assert_eq!(page.seq, seq);
            found = format!("{found} {}", ids(&page.json));
        }
        assert_eq!(found, "f0 f1 f2 f3 f4");
    }
}

#[test]
fn other_parameters_are_other_questions() {
    let Fixture { _tmp, db } = open(Limits::default());
    for n in 0..9 {
        let id = n.to_string();
        Change::Put { id, x: n, n }.commit(&db);
    }
    let base = || search(bbox("0,-1,8,1"), vec![]);
    let filter = |key, text| vec![Filter::parse(key, text).unwrap()];
    let near = |k, radius| {
        let point = [0.0, 0.0];
        search(Area::Near(Near { point, k, radius }), vec![])
    };
    let questions = [
        base(),
        Search { limit: 3, ..base() },
        Search { limit: 4, ..base() },
        Search {
            as_of: Some(5),
            ..base()
        },
        Search {
            as_of: Some(6),
            ..base()
        },
        Search {
            predicate: Predicate::Within,
            ..base()
        },
        search(bbox("0,-1,7,1"), vec![]),
        search(Area::Everything, filter("prop.n", "lt:2")),
        search(Area::Everything, filter("prop.n", "lt:6")),
        search(Area::Everything, filter("prop.n\\.", "exists:false")),
        near(Some(2), None),
        near(None, Some(300_000.0)),
        near(Some(1), Some(300_000.0)),
    ];
    let first: Vec<_> = questions
        .iter()
        .map(|q| db.search(q, &db.budget(Cancel::default())).unwrap())
        .collect();
    let again: Vec<_> = questions
        .iter()
        .map(|q| db.search(q, &db.budget(Cancel::default())).unwrap())
        .collect();
    assert_eq!(first, again);
    let counts = Vec::from_iter(first.iter().map(|page| page.returned));
    assert_eq!(counts, [9, 3, 4, 5, 6, 7, 8, 2, 6, 9, 2, 3, 1]);
    let stats = db.info().unwrap().query_cache;
    let all = questions.len() as u64;
    assert_eq!((stats.entries, stats.misses, stats.hits), (all, all, all));
    // A count of the same is another question still.
    assert_eq!(
        db.count(&base(), &db.budget(Cancel::default())).unwrap(),
        (9, 9)
    );
    assert_eq!(
        db.count(&questions[1], &db.budget(Cancel::default()))
            .unwrap(),
        (9, 9)
    );
    let stats = db.info().unwrap().query_cache;
    assert_eq!((stats.misses, stats.hits), (all + 1, all + 1));
}

#[test]
fn the_cache_can_be_off_and_keeps_no_answer_above_its_share() {
    for limits in [
        Limits {
            query_cache_bytes: 0,
            ..Limits::default()
        },
        Limits {
            query_cache_entries: 0,
            ..Limits::default()
        },
    ] {
        let Fixture { _tmp, db } = open(limits);
        Change::Put {
            id: "a".into(),
            x: 1,
            n: 1,
        }
        .commit(&db);
        assert_eq!(ask(&db, 0), ask(&db, 0));
        assert_eq!(db.info().unwrap().query_cache, ResultCacheStats::default());
    }
    let Fixture { _tmp, db } = open(Limits {
        query_cache_bytes: 16 << 10,
        ..Limits::default()
    });
    for n in 0..60 {
        let id = format!("feature-{n}");
        Change::Put { id, x: n, n }.commit(&db);
    }
    let large = search(bbox("0,-1,60,1"), vec![]);
    let small = search(bbox("0,-1,3,1"), vec![]);
    for _ in 0..2 {
        assert_eq!(
            db.search(&large, &db.budget(Cancel::default()))
                .unwrap()
                .returned,
            60
        );
        assert_eq!(
            db.search(&small, &db.budget(Cancel::default()))
                .unwrap()
                .returned,
            4
        );
    }
    let stats = db.info().unwrap().query_cache;
    assert_eq!(
        (stats.entries, stats.hits, stats.misses),
        (1, 1, 3),
        "{stats:?}"
    );
    assert!(stats.bytes <= 16 << 10);
    // A question too long to be kept is answered all the same.
    let long = format!("in:{}", vec!["9999"; 1_000].join(","));
    let filters = vec![Filter::parse("prop.n", &long).unwrap()];
    for _ in 0..2 {
        let page = db.search(
            &search(Area::Everything, filters.clone()),
            &db.budget(Cancel::default()),
        );
        assert_eq!(page.unwrap().returned, 0);
    }
    assert_eq!(db.info().unwrap().query_cache, stats);
}

#[test]
fn a_full_cache_takes_what_is_asked_for_again() {
    let Fixture { _tmp, db } = open(Limits {
        query_cache_entries: 10,
        ..Limits::default()
    });
    let put = |n: i32| Change::Put {
        id: n.to_string(),
        x: n,
        n,
    };
    put(1).commit(&db);
    let ask = |limit| {
        let question = Search {
            limit,
            ..search(bbox("0,-1,9,1"), vec![])
        };
        let before = db.info().unwrap().query_cache.hits;
        assert_eq!(
            db.search(&question, &db.budget(Cancel::default()))
                .unwrap()
                .returned,
            1
        );
        db.info().unwrap().query_cache.hits > before
    };
    let kept: Vec<bool> = (1..=10).chain(1..=10).map(ask).collect();
    assert_eq!(kept, [[false; 10], [true; 10]].concat());
    // What is asked once changes nothing.
    assert!(!(11..=1_000).any(ask) && (1..=10).all(ask));
    assert_eq!(db.info().unwrap().query_cache.evictions, 0);
    // What is asked again takes the place of the one used least recently.
    assert_eq!([ask(2_000), ask(2_000), ask(2_000)], [false, false, true]);
    assert!((2..=10).all(ask));
    assert_eq!(db.info().unwrap().query_cache.evictions, 1);
    assert!(!ask(1));
    // A question whose answer a write has touched is known still.
    put(1).commit(&db);
    assert_eq!([ask(5), ask(5)], [false, true]);
}
