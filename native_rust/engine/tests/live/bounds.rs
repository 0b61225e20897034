//! What is refused, what ends, and what slow subscribers cost.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use formdb_engine::{
    Database, Durability, Ending, Error, Limits, Live, LiveFilter, LiveWords, Transaction,
};

use super::followers::{Follower, PATIENCE};
use super::plain::{Plain, Words};
use super::support::calls::DIR;
use super::support::{EIO, Fault, SimFs};

fn open(fs: &SimFs, limits: Limits) -> Database {
    Database::open(Arc::new(fs.clone()), Path::new(DIR), limits).unwrap()
}

/// One feature with so many bytes of text.
fn put(db: &Database, id: usize, bytes: usize) -> Result<u64, Error> {
    let text = format!(
        r#"{{"type":"Feature","id":"f{id}","geometry":null,"properties":{{"text":"{}"}}}}"#,
        "x".repeat(bytes)
    );
    let ack = db.write(db.prepare_features(text.as_bytes())?.operations)?;
    Ok(ack.last_seq)
}

fn follow(live: &Live, db: &Database, since: Option<u64>, demand: u64) -> Follower {
    Follower::new(live, db, Words::default(), since, demand).unwrap()
}

fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn events(follower: &Follower) -> usize {
    follower.ear.told.lock().unwrap().events.len()
}

fn ended(follower: &Follower) -> Option<Ending> {
    follower.ear.told.lock().unwrap().ended
}

#[test]
fn filters_have_memory_of_their_own() {
    let limits = Limits {
        filter_bytes: 1 << 16,
        ..Limits::default()
    };
    let db = open(&SimFs::new(), limits.clone());
    // Some 3,000 bytes of text.
    let area = |shift: usize| {
        let ring: Vec<String> = (0..=200)
            .map(|n| {
                let angle = f64::from(n % 200) * std::f64::consts::TAU / 200.0;
                format!("[{:.3},{:.3}]", angle.cos() + shift as f64, angle.sin())
            })
            .collect();
        format!(
            r#"{{"type":"Polygon","coordinates":[[{}]]}}"#,
            ring.join(",")
        )
    };
    let filter = |text: &str| {
        let words = LiveWords {
            geometry: Some(text.as_bytes()),
            ..LiveWords::default()
        };
        LiveFilter::new(&words, &limits, db.memory())
    };
    let used = db.memory().work.used();
    let kept: Vec<LiveFilter> = (0..).map_while(|n| filter(&area(n)).ok()).collect();
    assert!((1..8).contains(&kept.len()), "{} filters", kept.len());
    let refused = filter(&area(90)).unwrap_err();
    assert_eq!(refused.code(), "memory_full");
    assert!(
        refused.to_string().contains("FORMDB_FILTER_BYTES"),
        "{refused}"
    );
    // Writes do not wait for those who follow.
    assert_eq!(db.memory().work.used(), used);
    drop(kept);
    filter(&area(90)).unwrap();
}

#[test]
fn a_type_that_nothing_else_in_the_filter_goes_with() {
    let db = open(&SimFs::new(), Limits::default());
    let filter = |op, ids: &[&'static str], series: &[&'static str]| {
        let words = LiveWords {
            op: Some(op),
            ids: ids.to_vec(),
            series: series.to_vec(),
            ..LiveWords::default()
        };
        LiveFilter::new(&words, &Limits::default(), db.memory())
    };
    let (ids, series) = (&["a"][..], &["s"][..]);
    for (op, ids, series) in [
        ("put_feature", &[][..], series),
        ("delete_feature", &[], series),
        ("put_points", ids, &[]),
        ("delete_points", ids, &[]),
        ("set_attributes", ids, &[]),
        ("set_defaults", ids, &[]),
        ("set_defaults", &[], series),
    ] {
        let refused = filter(op, ids, series).unwrap_err();
        assert_eq!(refused.pointer(), Some("/type"), "{op}");
    }
    for (op, ids, series) in [
        ("put_feature", ids, &[][..]),
        ("put_feature", ids, series),
        ("put_points", ids, series),
        ("set_attributes", &[], series),
        ("set_defaults", &[], &[]),
        ("revert", ids, &[]),
        ("revert", &[], series),
    ] {
        filter(op, ids, series).unwrap();
    }
    assert_eq!(
        filter("put_feature", &[""], &[]).unwrap_err().pointer(),
        Some("/ids")
    );
}

#[test]
fn as_many_as_the_limit_says() {
    let limits = Limits {
        subscriptions: 3,
        ..Limits::default()
    };
    let db = open(&SimFs::new(), limits);
    let live = Live::default();
    let all: Vec<Follower> = (0..3).map(|_| follow(&live, &db, None, 9)).collect();
    let refused = Follower::new(&live, &db, Words::default(), None, 9);
    assert_eq!(refused.err().unwrap().code(), "busy");
    all[0].subscription.end();
    let more = follow(&live, &db, None, 9);
    put(&db, 1, 0).unwrap();
    until("all get it", || {
        all[1..].iter().chain([&more]).all(|f| events(f) == 1)
    });
    assert_eq!(events(&all[0]), 0);
    db.close();
    let gone = Follower::new(&live, &db, Words::default(), None, 9);
    assert_eq!(gone.err().unwrap().code(), "database_closed");
}

#[test]
fn who_subscribes_while_it_closes_is_refused_or_told() {
    let fs = SimFs::new();
    let limits = Limits {
        body_cache_bytes: 0,
        ..Limits::default()
    };
    let db = open(&fs, limits.clone());
    for n in 0..3 {
        put(&db, n, 0).unwrap();
    }
    db.close();
    let (db, live) = (open(&fs, limits), Live::default());
    // It reads the block after the first, and meanwhile the database is closed.
    fs.hold_reads();
    let subscribed = std::thread::scope(|scope| {
        let follow = || Follower::new(&live, &db, Words::default(), Some(1), 9);
        let follower = scope.spawn(follow);
        assert!(fs.await_held());
        let closer = scope.spawn(|| db.close());
        until("it is closed", || db.info().is_err());
        fs.release();
        closer.join().unwrap();
        follower.join().unwrap()
    });
    match subscribed {
        Err(refused) => assert_eq!(refused.code(), "database_closed"),
        Ok(told) => until("it is told", || ended(&told) == Some(Ending::Closed)),
    }
    live.close();
    assert_eq!(db.memory().work.used(), 0);
}

#[test]
fn a_failed_write_ends_them_and_what_is_there_can_be_followed() {
    let fs = SimFs::new();
    let db = open(&fs, Limits::default());
    let live = Live::default();
    let (fast, slow) = (follow(&live, &db, None, 9), follow(&live, &db, None, 0));
    for n in 0..5 {
        put(&db, n, 0).unwrap();
    }
    until("it gets what is there", || events(&fast) == 5);
    fs.inject(Fault::Change {
        at: fs.changes(),
        for_ever: true,
        errno: EIO,
        partial: false,
    });
    put(&db, 9, 0).unwrap_err();
    until("both are told", || {
        [&fast, &slow]
            .iter()
            .all(|f| ended(f) == Some(Ending::Failed))
    });
    let again = follow(&live, &db, Some(0), 9);
    until("it gets what is there", || events(&again) == 5);
    db.close();
    until("it is told", || ended(&again) == Some(Ending::Closed));
}

#[test]
fn a_journal_that_cannot_be_read_ends_who_needs_it() {
    let fs = SimFs::new();
    let limits = Limits {
        segment_bytes: 8 << 10,
        open_files: 2,
        ..Limits::default()
    };
    let db = open(&fs, limits);
    let live = Live::default();
    for n in 0..200 {
        put(&db, n, 300).unwrap();
    }
    let now = follow(&live, &db, None, 1_000);
    let behind = follow(&live, &db, Some(0), 5);
    until("it gets what it asked for", || events(&behind) == 5);
    fs.inject(Fault::Read {
        at: 0,
        for_ever: true,
        errno: EIO,
    });
    behind.ask(1_000);
    until("it is told", || ended(&behind) == Some(Ending::Failed));
    let refused = Follower::new(&live, &db, Words::default(), Some(150), 9);
    assert_eq!(refused.err().unwrap().code(), "io_error");
    assert_eq!(ended(&now), None);
    until("it is forgotten", || live.subscriptions(&db) == 1);
}

#[test]
fn who_is_gone_is_forgotten() {
    let db = open(&SimFs::new(), Limits::default());
    let live = Live::default();
    let (one, other) = (follow(&live, &db, None, 9), follow(&live, &db, None, 9));
    one.ear
        .deaf
        .store(true, std::sync::atomic::Ordering::Relaxed);
    put(&db, 1, 0).unwrap();
    until("it is forgotten", || live.subscriptions(&db) == 1);
    put(&db, 2, 0).unwrap();
    until("the other gets it", || events(&other) == 2);
    assert_eq!(events(&one), 1);
}

#[test]
fn events_that_have_no_room_in_memory_come_later() {
    let limits = Limits {
        work_bytes: 4 << 20,
        ..Limits::default()
    };
    let db = open(&SimFs::new(), limits);
    let live = Live::default();
    let follower = follow(&live, &db, None, 1_000);
    put(&db, 1, 0).unwrap();
    until("it gets it", || events(&follower) == 1);
    let pool = Arc::clone(&db.memory().work);
    let mut all = pool.nothing();
    while all.grow(64 << 10).is_ok() {}
    let weak = Transaction {
        operations: db
            .prepare_features(&feature_of(200_000))
            .map_or_else(|_| Vec::new(), |prepared| prepared.operations),
        durability: Durability::Sync,
        ..Transaction::default()
    };
    // A write needs room, too: give it some, and take it away again.
    all.shrink_to(all.bytes() - (1 << 20));
    db.write_transaction(weak).unwrap();
    while all.grow(16 << 10).is_ok() {}
    std::thread::sleep(Duration::from_millis(30));
    drop(all);
    until("it gets it in the end", || events(&follower) == 2);
    let mut plain = Plain::default();
    plain.read(&db);
    follower.catch_up(2);
    follower.check(&plain, Some(2));
}

fn feature_of(bytes: usize) -> Vec<u8> {
    let text = "x".repeat(bytes);
    format!(r#"{{"type":"Feature","id":"a","geometry":null,"properties":{{"t":"{text}"}}}}"#).into()
}

/// A database, and somebody who keeps up with it.
struct Kept {
    db: Database,
    live: Live,
    fast: Follower,
    written: usize,
}

impl Kept {
    fn new() -> Self {
        let limits = Limits {
            body_cache_bytes: 0,
            ..Limits::default()
        };
        let (db, live) = (open(&SimFs::new(), limits), Live::default());
        let fast = follow(&live, &db, None, u64::MAX / 2);
        Self {
            db,
            live,
            fast,
            written: 0,
        }
    }

    /// How long it takes until a write is heard of.
    fn latency(&mut self) -> Duration {
        let began = Instant::now();
        put(&self.db, self.written % 10, 20_000).unwrap();
        self.written += 1;
        until("it gets it", || events(&self.fast) == self.written);
        self.fast.ask(1);
        began.elapsed()
    }
}

#[test]
fn stalled_subscribers_hold_no_more_than_their_place() {
    const STALLED: usize = 200;
    const EVENTS: usize = 200;
    let (mut alone, mut beside) = (Kept::new(), Kept::new());
    let stalled: Vec<Follower> = (0..STALLED)
        .map(|_| follow(&beside.live, &beside.db, None, 3))
        .collect();
    for _ in 0..5 {
        alone.latency();
        beside.latency();
    }
    let before = beside.db.memory().work.used();
    let (mut without, mut with): (Vec<_>, Vec<_>) = (0..EVENTS)
        .map(|_| (alone.latency(), beside.latency()))
        .unzip();
    let after = beside.db.memory().work.used();
    // What they were sent is 3 events of 20 KB, once for all; what the hub keeps is bounded.
    assert!(
        after < before + (10 << 20),
        "{before} and then {after} bytes"
    );
    without.sort_unstable();
    with.sort_unstable();
    let (without, with) = (without[EVENTS / 2], with[EVENTS / 2]);
    let most = 3 * without + Duration::from_millis(5);
    assert!(with < most, "{without:?} alone, {with:?} beside them");
    for one in &stalled {
        assert_eq!(events(one), 3);
        let seen = one.last();
        let notices = one.ear.told.lock().unwrap().notices.clone();
        assert_eq!(notices, [("lagging", seen)]);
    }
    let last = beside.db.info().unwrap().seq;
    let mut plain = Plain::default();
    plain.read(&beside.db);
    for one in stalled.iter().take(2) {
        one.catch_up(last);
        one.check(&plain, Some(last));
    }
}
