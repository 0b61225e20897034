//! Random histories, filters and subscribers.

use std::path::Path;
use std::sync::Arc;

use formdb_engine::{Database, Ending, Limits, Live, Since};

use super::followers::{Follower, PATIENCE};
use super::oracles::compared;
use super::plain::{Plain, Words};
use super::support::SimFs;
use super::support::calls::DIR;
use super::workload::{Dice, settle, write};

fn limits(dice: &mut Dice) -> Limits {
    Limits {
        segment_bytes: 8 << 10,
        sync_interval_ms: 2,
        subscription_bytes: match dice.below(3) {
            0 => 1 << 10,
            _ => 16 << 20,
        },
        ..Limits::default()
    }
}

fn open(fs: &SimFs, limits: &Limits) -> Database {
    Database::open(Arc::new(fs.clone()), Path::new(DIR), limits.clone()).unwrap()
}

/// Wait until somebody was told that it ended.
fn ended(follower: &Follower) -> Ending {
    let began = std::time::Instant::now();
    loop {
        if let Some(ending) = follower.ear.told.lock().unwrap().ended {
            return ending;
        }
        assert!(began.elapsed() < PATIENCE, "nobody says that it ended");
        std::thread::yield_now();
    }
}

fn history(seed: u64) -> usize {
    let mut dice = Dice::new(seed, 1);
    let fs = SimFs::new();
    let limits = limits(&mut dice);
    let live = Live::default();
    let mut db = open(&fs, &limits);
    let mut plain = Plain::default();
    let mut followers: Vec<Follower> = Vec::new();
    let mut done = Vec::new();
    for _ in 0..120 {
        match dice.below(10) {
            0..4 => (0..1 + dice.below(12)).for_each(|_| write(&db, &mut dice)),
            4 if followers.len() < 12 => {
                let durable = db.info().unwrap().durable_seq;
                let since = dice.once_in(2).then(|| dice.below(durable + 1));
                let demand = [0, 1, 5, 100, 1_000][dice.below(5) as usize];
                let words = Words::random(&mut dice);
                let proof = dice.once_in(3);
                let begin = Since {
                    seq: since,
                    ..Since::default()
                };
                let one = Follower::with(&live, &db, words, begin, (demand, proof)).unwrap();
                let proved = proof && since.is_some_and(|seq| seq > 0);
                assert_eq!(one.subscription.consistency.is_some(), proved);
                followers.push(one);
            }
            _ if followers.is_empty() => {}
            5 | 6 => {
                let one = dice.below(followers.len() as u64) as usize;
                followers[one].ask(1 + dice.below(20));
            }
            7 => {
                let one = dice.below(followers.len() as u64) as usize;
                let words = Words::random(&mut dice);
                followers[one].change(&db, words);
            }
            8 => {
                // It goes, and comes back for the rest.
                let one = dice.below(followers.len() as u64) as usize;
                let gone = followers.swap_remove(one);
                gone.subscription.end();
                if dice.once_in(2) {
                    // It knows a head, which need not be of the block that it has come to.
                    let size = dice.below(db.info().unwrap().durable_seq + 1);
                    let since = Since {
                        seq: Some(gone.last()),
                        head: Some(db.tree_head(Some(size)).unwrap()),
                        ..Since::default()
                    };
                    let again = Follower::with(&live, &db, gone.words(), since, (1_000, false));
                    let again = again.unwrap();
                    let proof = again.subscription.consistency.as_ref();
                    assert_eq!(proof.map_or(0, |proof| proof.first), size);
                    followers.push(again);
                }
                done.push(gone);
            }
            _ if dice.once_in(6) => {
                db.close();
                for gone in followers.drain(..) {
                    assert_eq!(ended(&gone), Ending::Closed);
                    done.push(gone);
                }
                db = open(&fs, &limits);
                let from = done.len().saturating_sub(4);
                for gone in &done[from..] {
                    let (words, last) = (gone.words(), Some(gone.last()));
                    followers.push(Follower::new(&live, &db, words, last, 50).unwrap());
                }
            }
            _ => std::thread::yield_now(),
        }
    }
    settle(&db);
    plain.read(&db);
    let last = plain.entries.len() as u64;
    let mut events = 0;
    for follower in &followers {
        follower.catch_up(last);
        events += follower.check(&plain, Some(last));
    }
    for follower in &done {
        events += follower.check(&plain, None);
    }
    assert_eq!(live.subscriptions(&db), followers.len());
    for follower in &followers {
        follower.subscription.end();
    }
    assert_eq!(live.subscriptions(&db), 0);
    db.close();
    live.close();
    events
}

/// Whoever catches up passes over long runs of what its filter does not take.
#[test]
fn what_is_rare_is_told_between_long_runs() {
    let mut events = 0;
    for seed in super::oracles_seeds(4) {
        let mut dice = Dice::new(seed, 2);
        let fs = SimFs::new();
        let live = Live::default();
        let db = open(&fs, &Limits::default());
        for _ in 0..8 {
            let (one, many) = (dice.once_in(3), 100 + dice.below(500) as i64);
            let run = (0..many).flat_map(|n| {
                let (id, text) = (
                    format!("run/{}", n % 3),
                    br#"{"type":"Feature","id":"run","geometry":null,"properties":null}"#,
                );
                match one {
                    true => db.prepare_features(text).unwrap().operations,
                    false => {
                        db.prepare_columns(&id, vec![n], vec![1.0], None)
                            .unwrap()
                            .operations
                    }
                }
            });
            db.write(run.collect()).unwrap();
            (0..1 + dice.below(8)).for_each(|_| write(&db, &mut dice));
        }
        settle(&db);
        let mut plain = Plain::default();
        plain.read(&db);
        let last = plain.entries.len() as u64;
        for _ in 0..40 {
            let words = Words::random(&mut dice);
            let since = Some(dice.below(last / 2));
            let follower = Follower::new(&live, &db, words, since, 1_000).unwrap();
            follower.catch_up(last);
            events += follower.check(&plain, Some(last));
            follower.subscription.end();
        }
        db.close();
        live.close();
    }
    assert!(events > 1_000, "{events}");
    compared("events between long runs", events);
}

#[test]
fn each_subscriber_is_told_what_brute_force_finds() {
    let mut events = 0;
    for seed in super::oracles_seeds(60) {
        let told = std::panic::catch_unwind(|| history(seed));
        events += told.unwrap_or_else(|_| panic!("seed {seed}"));
    }
    assert!(events > 1_000);
    compared("events of subscriptions", events);
}
