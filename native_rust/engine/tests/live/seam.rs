//! What happens at once: writers, subscribers that fall behind and catch up, changes of
//! filters, ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use formdb_engine::{Database, Duplicates, Limits, Live, Puts};

use super::followers::{Follower, PATIENCE};
use super::oracles::{cases, compared};
use super::plain::{Plain, Words};
use super::support::SimFs;
use super::support::calls::DIR;
use super::workload::{Dice, settle, write};

/// Somebody who asks for little at a time, takes other filters, goes and comes back.
fn restless(live: &Live, db: &Database, seed: u64, stop: &AtomicBool) -> Vec<(Follower, bool)> {
    let mut dice = Dice::new(seed, 7);
    let mut all = Vec::new();
    let mut follower = Follower::new(live, db, Words::random(&mut dice), None, 3).unwrap();
    while !stop.load(Ordering::Relaxed) {
        match dice.below(40) {
            0 => {
                let words = Words::random(&mut dice);
                follower.change(db, words);
            }
            1 => {
                follower.subscription.end();
                let (words, last) = (follower.words(), Some(follower.last()));
                let next = Follower::new(live, db, words, last, dice.below(50)).unwrap();
                all.push((std::mem::replace(&mut follower, next), false));
            }
            2 => std::thread::sleep(Duration::from_micros(dice.below(3_000))),
            _ => {
                follower.ask(1 + dice.below(40));
                std::thread::sleep(Duration::from_micros(dice.below(200)));
            }
        }
    }
    all.push((follower, true));
    all
}

#[test]
fn nothing_is_missed_while_everything_happens_at_once() {
    let fs = SimFs::new();
    let limits = Limits {
        segment_bytes: 64 << 10,
        sync_interval_ms: 2,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(fs), Path::new(DIR), limits).unwrap();
    let live = Live::default();
    let stop = AtomicBool::new(false);
    let (db, live, stop) = (&db, &live, &stop);
    let time = Duration::from_millis(u64::from(cases(1_500)));
    let followers = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|n| {
                scope.spawn(move || {
                    let mut dice = Dice::new(n, 3);
                    while !stop.load(Ordering::Relaxed) {
                        write(db, &mut dice);
                    }
                })
            })
            .collect();
        let restless: Vec<_> = (0..8)
            .map(|seed| scope.spawn(move || restless(live, db, seed, stop)))
            .collect();
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        let all = restless.into_iter().map(|one| one.join().unwrap());
        all.flatten().collect::<Vec<_>>()
    });
    settle(db);
    let mut plain = Plain::default();
    plain.read(db);
    let last = plain.entries.len() as u64;
    let mut events = 0;
    for (follower, current) in &followers {
        if *current {
            follower.catch_up(last);
        }
        events += follower.check(&plain, current.then_some(last));
    }
    assert!(
        last > 500 && events > 1_000,
        "{last} blocks, {events} events"
    );
    compared("events of subscriptions", events);
    db.close();
    live.close();
}

/// Ten subscribers who want what is written, beside many who want none of it.
struct Crowd {
    db: Database,
    _live: Live,
    near: Vec<Follower>,
    far: Vec<Follower>,
    text: String,
    rounds: usize,
}

impl Crowd {
    const EVENTS: usize = 1_000;

    fn new(others: usize) -> Self {
        let db = Database::open(Arc::new(SimFs::new()), Path::new(DIR), Limits::default()).unwrap();
        let live = Live::default();
        let follow = |at| Follower::new(&live, &db, Words::at(at), None, u64::MAX / 2).unwrap();
        // All over the north, each at a place of its own.
        let far = (0..others as i64).map(|n| {
            let (x, y) = (n % 340 - 170, n / 340 % 80 + 5);
            follow([x, y, x + 1 + n / 27_200, y + 1])
        });
        let far = far.collect();
        let near = (0..10).map(|n| follow([-10 - n, -10, 10, 0])).collect();
        let features: Vec<String> = (0..Self::EVENTS)
            .map(|n| {
                format!(
                    r#"{{"type":"Feature","id":"f{}","properties":{{}},"geometry":{{"type":"Point","coordinates":[{},-5]}}}}"#,
                    n % 100,
                    n % 9
                )
            })
            .collect();
        Self {
            text: format!(
                r#"{{"type":"FeatureCollection","features":[{}]}}"#,
                features.join(",")
            ),
            _live: live,
            db,
            near,
            far,
            rounds: 0,
        }
    }

    /// Write one transaction; how long it takes from there until all ten have its events.
    fn round(&mut self) -> Duration {
        let puts = Puts {
            duplicates: Duplicates::Replace,
            ..Puts::default()
        };
        let prepared = self.db.prepare_features_with(self.text.as_bytes(), puts);
        let operations = prepared.unwrap().operations;
        let began = Instant::now();
        self.db.write(operations).unwrap();
        self.rounds += 1;
        let expected = self.rounds * Self::EVENTS;
        let has_all = |one: &Follower| one.ear.told.lock().unwrap().events.len() == expected;
        while !self.near.iter().all(has_all) {
            assert!(began.elapsed() < PATIENCE);
            std::thread::yield_now();
        }
        for one in &self.near {
            one.ask(Self::EVENTS as u64);
        }
        began.elapsed()
    }
}

#[test]
fn what_few_want_costs_no_more_beside_many() {
    let (mut alone, mut beside) = (Crowd::new(0), Crowd::new(20_000));
    let (mut few, mut many) = (Duration::MAX, Duration::MAX);
    for _ in 0..12 {
        few = few.min(alone.round());
        many = many.min(beside.round());
    }
    let none = |one: &Follower| one.ear.told.lock().unwrap().events.is_empty();
    assert!(beside.far.iter().all(none));
    // Looking at each of them would take a thousand times as long.
    let most = 4 * few + Duration::from_millis(10);
    assert!(many < most, "{few:?} alone, {many:?} beside 20,000");
}
