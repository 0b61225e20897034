//! What fences cost: a thousand things that move, beside ten, ten thousand and a hundred
//! thousand fences, of which each move concerns a few; from the journal to the last event,
//! and with the writing of the moves. The events are counted against brute force.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first surprise, and criterion's macro writes no docs"
)]

#[path = "../tests/support/random.rs"]
mod random;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use formdb_engine::fs::RealFileSystem;
use formdb_engine::{
    Database, Duplicates, Ending, Follow, Limits, Live, LiveDwell, LiveEvent, LiveFilter,
    LiveWords, Puts, Since, Sink, Subscription,
};
use random::Random;

const THINGS: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(120);

struct Counter(Arc<AtomicU64>);

impl Sink for Counter {
    fn events(&self, events: &[LiveEvent]) -> bool {
        self.0.fetch_add(events.len() as u64, Ordering::Relaxed);
        true
    }

    fn dwelt(&self, _dwells: &[LiveDwell]) -> bool {
        true
    }

    fn lagging(&self, _seq: u64) -> bool {
        true
    }

    fn live(&self, _seq: u64) -> bool {
        true
    }

    fn ended(&self, _ending: Ending) {}
}

/// Squares side by side, each with a fence; things move by half of one.
struct Fleet {
    db: Database,
    live: Live,
    told: Arc<AtomicU64>,
    fences: Vec<Subscription>,
    /// Squares on each side.
    across: usize,
    side: f64,
    places: Vec<[f64; 2]>,
    random: Random,
    expected: u64,
}

impl Fleet {
    fn new(folder: &Path, many: usize, stored: bool) -> Self {
        // Nobody asks for more.
        let limits = Limits {
            subscription_bytes: 64 << 30,
            ..Limits::default()
        };
        let db = Database::open(Arc::new(RealFileSystem), folder, limits).unwrap();
        let across = (many as f64).sqrt().ceil() as usize;
        let side = 100.0 / across as f64;
        let mut fleet = Self {
            db,
            live: Live::default(),
            told: Arc::default(),
            fences: Vec::new(),
            across,
            side,
            places: Vec::new(),
            random: Random(9),
            expected: 0,
        };
        fleet.places = (0..THINGS)
            .map(|_| [fleet.between(0.0, 100.0), fleet.between(0.0, 50.0)])
            .collect();
        fleet.write();
        let squares: Vec<String> = (0..many).map(|n| fleet.square(n)).collect();
        if stored {
            for (chunk, first) in squares.chunks(1_000).zip((0..).step_by(1_000)) {
                let features = chunk.iter().zip(first..).map(|(geometry, n)| {
                    format!(
                        r#"{{"type":"Feature","id":"a{n}","geometry":{geometry},"properties":null}}"#
                    )
                });
                fleet.put(&features.collect::<Vec<_>>());
            }
        }
        for (n, square) in squares.iter().enumerate() {
            let id = format!("a{n}");
            let words = LiveWords {
                fence: vec!["enter", "exit"],
                geometry: (!stored).then_some(square.as_bytes()),
                feature: stored.then_some(&id),
                ..LiveWords::default()
            };
            let follow = Follow {
                filter: LiveFilter::new(&words, &Limits::default(), fleet.db.memory()).unwrap(),
                since: Since::default(),
                demand: u64::MAX / 2,
                bytes: None,
                proof: false,
            };
            let sink = Box::new(Counter(Arc::clone(&fleet.told)));
            let subscription = fleet.live.subscribe(&fleet.db, follow, sink).unwrap();
            fleet.fences.push(subscription);
        }
        // Something that concerns nobody, once all are fed by the matcher.
        fleet.write();
        let last = fleet.db.info().unwrap().seq;
        let until = Instant::now() + PATIENCE;
        while !fleet.fences.iter().all(|one| one.info().seq >= last) {
            assert!(Instant::now() < until, "not all begin");
            std::thread::sleep(Duration::from_millis(10));
        }
        fleet
    }

    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (self.random.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Ones that do not touch.
    fn square(&self, n: usize) -> String {
        let (column, row) = ((n % self.across) as f64, (n / self.across) as f64);
        let (x, y) = (column * self.side, row * self.side / 2.0);
        let (e, n) = (x + 0.99 * self.side, y + 0.495 * self.side);
        format!(
            r#"{{"type":"Polygon","coordinates":[[[{x},{y}],[{e},{y}],[{e},{n}],[{x},{n}],[{x},{y}]]]}}"#
        )
    }

    /// The square that a place is in.
    fn in_square(&self, [x, y]: [f64; 2]) -> Option<usize> {
        let (column, row) = ((x / self.side).floor(), (2.0 * y / self.side).floor());
        let inside = x - column * self.side <= 0.99 * self.side
            && y - row * self.side / 2.0 <= 0.495 * self.side;
        let number = row as usize * self.across + column as usize;
        let there = column >= 0.0 && (column as usize) < self.across;
        (inside && there && number < self.fences.len()).then_some(number)
    }

    fn put(&self, features: &[String]) {
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{}]}}"#,
            features.join(",")
        );
        let puts = Puts {
            duplicates: Duplicates::Replace,
            ..Puts::default()
        };
        let prepared = self.db.prepare_features_with(text.as_bytes(), puts);
        self.db.write(prepared.unwrap().operations).unwrap();
    }

    /// Every thing where it is.
    fn write(&self) {
        let features: Vec<String> = self.places.iter().enumerate().map(feature).collect();
        self.put(&features);
    }

    /// Move every thing, and count what is to be told.
    fn step(&mut self) {
        for n in 0..THINGS {
            let by = 0.5 * self.side;
            let [x, y] = self.places[n];
            let to = [
                (x + self.between(-by, by)).clamp(0.0, 100.0),
                (y + self.between(-by, by) / 2.0).clamp(0.0, 50.0),
            ];
            let (from, into) = (self.in_square([x, y]), self.in_square(to));
            if from != into {
                self.expected += u64::from(from.is_some()) + u64::from(into.is_some());
            }
            self.places[n] = to;
        }
    }

    /// Wait until everybody has seen everything.
    fn settled(&self) {
        let last = self.db.info().unwrap().seq;
        let until = Instant::now() + PATIENCE;
        while self.fences.last().unwrap().info().seq < last
            || self.told.load(Ordering::Relaxed) < self.expected
        {
            assert!(
                Instant::now() < until,
                "block {last}, {} of {} events, {:?}",
                self.told.load(Ordering::Relaxed),
                self.expected,
                self.fences.last().map(Subscription::info)
            );
            std::thread::yield_now();
        }
        assert_eq!(self.told.load(Ordering::Relaxed), self.expected);
    }
}

fn feature((n, [x, y]): (usize, &[f64; 2])) -> String {
    let mut text = String::new();
    let geometry = format!(r#"{{"type":"Point","coordinates":[{x},{y}]}}"#);
    let _ = write!(
        text,
        r#"{{"type":"Feature","id":"t{n}","geometry":{geometry},"properties":null}}"#
    );
    text
}

fn fences(c: &mut Criterion) {
    let mut group = c.benchmark_group("fences");
    group.throughput(Throughput::Elements(THINGS as u64));
    group.sample_size(20);
    for stored in [false, true] {
        for many in [10, 10_000, 100_000] {
            let folder = tempfile::tempdir().unwrap();
            let mut fleet = Fleet::new(&folder.path().join("db"), many, stored);
            let name = if stored { "stored" } else { "fixed" };
            group.bench_function(BenchmarkId::new(name, many), |b| {
                b.iter_custom(|rounds| {
                    let mut took = Duration::ZERO;
                    for _ in 0..rounds {
                        fleet.step();
                        let began = Instant::now();
                        fleet.write();
                        fleet.settled();
                        took += began.elapsed();
                    }
                    took
                });
            });
            fleet.db.close();
            fleet.live.close();
        }
    }
    group.finish();
}

criterion_group!(benches, fences);
criterion_main!(benches);
