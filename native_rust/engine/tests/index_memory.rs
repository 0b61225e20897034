//! What the indexes take: the estimate, the bound on it, and that it is given back.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use formdb_engine::fs::RealFileSystem;
use formdb_engine::temporal::TemporalIndex;
use formdb_engine::{Database, Durability, Error, IdempotencyKey, Limits, Transaction};

/// The system's allocator, with a count of what it has handed out.
struct Counting;

static HANDED_OUT: AtomicIsize = AtomicIsize::new(0);
/// With what glibc's allocator adds: a word before each, 32 bytes at least, in steps of 16.
static TAKEN: AtomicIsize = AtomicIsize::new(0);

fn count(bytes: usize, sign: isize) {
    let taken = (bytes + 8).next_multiple_of(16).max(32).cast_signed();
    HANDED_OUT.fetch_add(sign * bytes.cast_signed(), Ordering::Relaxed);
    TAKEN.fetch_add(sign * taken, Ordering::Relaxed);
}

// SAFETY: every call is passed on as it came.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One at a time: they count what the process holds.
static TURN: Mutex<()> = Mutex::new(());

fn limits() -> Limits {
    Limits {
        snapshot_bytes: 0,
        body_cache_bytes: 0,
        query_cache_bytes: 0,
        ..Limits::default()
    }
}

fn open(dir: &Path, limits: Limits) -> Result<Database, Error> {
    Database::open(Arc::new(RealFileSystem), dir, limits)
}

/// Features `from..to`, in one transaction, each at a place of its own.
fn features(db: &Database, from: usize, to: usize, moved: f64) -> Result<(), Error> {
    let features: Vec<String> = (from..to)
        .map(|n| {
            let (lon, lat) = ((n * 7919 % 3_400) as f64 / 10.0 - 170.0, (n * 104_729 % 1_600) as f64 / 10.0 - 80.0);
            format!(
                r#"{{"type":"Feature","id":"feature-{n}","geometry":{{"type":"Point","coordinates":[{},{lat}]}},"properties":{{}}}}"#,
                lon + moved
            )
        })
        .collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        features.join(",")
    );
    db.write(db.prepare_features(text.as_bytes())?.operations)
        .map(drop)
}

fn columns(db: &Database, series: &str, from: i64, count: i64) -> Result<(), Error> {
    let timestamps: Vec<i64> = (from..from + count).map(|n| n * 1_000_000).collect();
    let values = timestamps.iter().map(|t| *t as f64).collect();
    db.write(
        db.prepare_columns(series, timestamps, values, None)?
            .operations,
    )
    .map(drop)
}

/// A new version of the one feature that there is, under a key.
fn keyed(db: &Database, key: &str) {
    let put = br#"{"type":"Feature","id":"f","geometry":null,"properties":null}"#;
    db.write_transaction(Transaction {
        operations: db.prepare_features(put).unwrap().operations,
        key: Some(IdempotencyKey::new(key, &[put])),
        durability: Durability::None,
        ..Transaction::default()
    })
    .unwrap();
}

/// The estimate is not far from what was handed out, whatever the indexes hold, after
/// writing as after opening; and closing gives it back.
#[test]
fn the_estimate_is_near_what_is_taken_and_closing_gives_it_back() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    type Fill = fn(&Database);
    let fills: [(&str, Fill); 6] = [
        ("features", |db| {
            (0..20).for_each(|n| features(db, n * 1_500, (n + 1) * 1_500, 0.0).unwrap())
        }),
        ("versions", |db| {
            (0..30).for_each(|round| features(db, 0, 1_000, f64::from(round) / 10.0).unwrap());
        }),
        ("points in columns", |db| {
            (0..40).for_each(|n| columns(db, "s", n * 10_000, 10_000).unwrap())
        }),
        ("points alone", |db| {
            (0..6_000).for_each(|n| columns(db, "s", n, 1).unwrap())
        }),
        ("series", |db| {
            (0..6_000).for_each(|n| columns(db, &format!("series-{n}"), n, 1).unwrap())
        }),
        ("keys", |db| {
            (0..4_000).for_each(|n| keyed(db, &format!("{n:0>200}")));
        }),
    ];
    for (what, fill) in fills {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("db");
        let before = HANDED_OUT.load(Ordering::Relaxed);
        let db = open(&dir, limits()).unwrap();
        let (empty, base) = (
            HANDED_OUT.load(Ordering::Relaxed) - before,
            db.memory().indexes.used(),
        );
        fill(&db);
        for moment in ["written", "opened"] {
            let db = match moment {
                "written" => &db,
                _ => {
                    db.close();
                    &open(&dir, limits()).unwrap()
                }
            };
            let held = HANDED_OUT.load(Ordering::Relaxed) - before - empty;
            let estimate = db.memory().indexes.used() - base;
            let ratio = estimate as f64 / held as f64;
            println!("memory: {what}, {moment}: {estimate} estimated, {held} held, {ratio:.2}");
            // Apart from what does not grow: tables that have a size from the start.
            let least = (held - 400_000) as f64 * 0.8;
            assert!(estimate as f64 >= least && ratio < 2.0, "{what}, {moment}");
            if moment == "opened" {
                db.close();
            }
        }
        let left = HANDED_OUT.load(Ordering::Relaxed) - before;
        assert!(left < empty + 300_000, "{what}: {left} bytes are left");
    }
}

/// What indexes take for each of what they hold, with the allocator's own: the figures in
/// PERFORMANCE.md.
#[test]
fn a_series_with_one_point_takes_little() {
    const SERIES: usize = 50_000;
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let index = TemporalIndex::default();
    // Not in order, as names rarely come.
    let name = |n: usize| format!("series-{:05}", n * 7_919 % SERIES);
    let before = TAKEN.load(Ordering::Relaxed);
    for (n, seq) in (0..SERIES).zip(1..) {
        index.insert(&name(n), &[7], &[1.0], seq, 1_000);
    }
    let each = (TAKEN.load(Ordering::Relaxed) - before) / SERIES as isize;
    println!("memory: a series with one point takes {each} bytes");
    assert!(each <= 400, "{each}");
    let before = TAKEN.load(Ordering::Relaxed);
    for (n, seq) in (0..SERIES).zip(SERIES as u64..) {
        index.insert(&name(n), &[8], &[1.0], seq, 1_000);
    }
    let second = (TAKEN.load(Ordering::Relaxed) - before) / SERIES as isize;
    println!("memory: a second point that comes alone takes {second} bytes");
    assert!(second <= 120, "{second}");
}

/// Beyond the bound what adds is refused; reading and deleting go on, and make no room
/// only in that the past is kept.
#[test]
fn beyond_the_bound_writes_that_add_are_refused() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("db");
    let small = Limits {
        index_bytes: 2 << 20,
        closing_snapshot_ms: 0,
        ..limits()
    };
    let db = open(&dir, small.clone()).unwrap();
    let mut written = 0;
    let refused = loop {
        match features(&db, written, written + 500, 0.0) {
            Ok(()) => written += 500,
            Err(error) => break error,
        }
        assert!(written < 100_000, "nothing was refused");
    };
    assert!(
        matches!(
            refused,
            Error::MemoryFull {
                setting: "index_bytes",
                limit: 2_097_152,
                ..
            }
        ),
        "{refused}"
    );
    // It says what helps: time does not.
    let refusal = refused.to_string();
    assert!(
        refusal.contains("purge") && !refusal.contains("try again"),
        "{refusal}"
    );
    assert!(written > 2_000, "{written}");
    assert!(db.memory().indexes.used() <= db.memory().indexes.limit());
    assert!(matches!(
        columns(&db, "s", 0, 100_000),
        Err(Error::MemoryFull { .. })
    ));
    db.write(vec![db.prepare_delete_feature("feature-7", None).unwrap()])
        .unwrap();
    assert!(db.feature("feature-8", None).is_ok());
    db.close();

    // It opens again within the same bound, from journal and from snapshot, and not
    // within half of it.
    for from in ["journal", "snapshot"] {
        let db = open(&dir, small.clone()).unwrap();
        let used = db.recovered().snapshot.is_some();
        assert_eq!(used, from == "snapshot");
        db.close();
        let half = Limits {
            index_bytes: 1 << 20,
            ..small.clone()
        };
        let Err(Error::MemoryFull { asked, .. }) = open(&dir, half) else {
            panic!("it opened from the {from}");
        };
        println!("memory: opening from the {from} needs {asked}");
        assert!((1_200_000..4_000_000).contains(&asked), "{from}: {asked}");
        // Leaves a snapshot.
        open(&dir, limits()).unwrap().close();
    }
}
