//! What happens at once: writers, subscribers that fall behind and catch up, changes of
//! filters, ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use formdb_engine::{Database, Limits, Live};

use super::followers::Follower;
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

/// How long it takes until `wanted` subscribers have `count` events, which are one
/// transaction, beside so many others who want none of them.
fn spread(others: usize) -> Duration {
    const WANTED: usize = 10;
    const COUNT: usize = 1_000;
    let db = Database::open(Arc::new(SimFs::new()), Path::new(DIR), Limits::default()).unwrap();
    let live = Live::default();
    let far: Vec<Follower> = (0..others)
        .map(|n| {
            // All over the world, and at the place in question.
            let x = (n % 340) as i64 - 170;
            let y = (n / 340) as i64 % 80 + 5;
            let width = 1 + (n / 27_200) as i64;
            let words = Words::at([x, y, x + width, y + 1]);
            Follower::new(&live, &db, words, None, 1_000_000).unwrap()
        })
        .collect();
    let near: Vec<Follower> = (0..WANTED)
        .map(|n| {
            let words = Words::at([-10 - n as i64, -10, 10, 0]);
            Follower::new(&live, &db, words, None, 1_000_000).unwrap()
        })
        .collect();
    let features: Vec<String> = (0..COUNT)
        .map(|n| {
            format!(
                r#"{{"type":"Feature","id":"f{}","properties":{{}},"geometry":{{"type":"Point","coordinates":[{},-5]}}}}"#,
                n % 100,
                n % 9
            )
        })
        .collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        features.join(",")
    );
    let puts = formdb_engine::Puts {
        duplicates: formdb_engine::Duplicates::Replace,
        ..formdb_engine::Puts::default()
    };
    let mut best = Duration::MAX;
    for round in 1..=5 {
        let operations = db.prepare_features_with(text.as_bytes(), puts).unwrap();
        db.write(operations.operations).unwrap();
        let began = Instant::now();
        let all = |f: &Follower| f.ear.told.lock().unwrap().events.len() == round * COUNT;
        while !near.iter().all(all) {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::yield_now();
        }
        best = best.min(began.elapsed());
    }
    assert!(
        far.iter()
            .all(|f| f.ear.told.lock().unwrap().events.is_empty())
    );
    db.close();
    best
}

#[test]
fn what_few_want_costs_no_more_beside_many() {
    let (few, many) = (spread(0), spread(20_000));
    // Looking at each of them would take a thousand times as long.
    assert!(
        many < 3 * few + Duration::from_millis(5),
        "{few:?} alone, {many:?} beside 20,000"
    );
}
