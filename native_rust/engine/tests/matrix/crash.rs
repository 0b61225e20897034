//! Power failures and killed processes at every change of the disk.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::{Duration, Instant};

use formdb_engine::{Durability, Limits};

use super::disk::SimFs;
use super::image::{CrashPoint, Fate};
use super::workload::{Depth, Run, Scene, Workload, limits, limits_of_one, open};
use super::{in_parallel, mixed, random, report, seeds};

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    runs: usize,
    points: usize,
    images: usize,
    deep: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.points += other.points;
        self.images += other.images;
        self.deep += other.deep;
    }
}

/// Check up to `images` disk images of a crash point, each `deep`-th thoroughly.
fn check(run: &Run, point: &CrashPoint, images: usize, deep: usize) -> Tally {
    let seed = run.workload.seed;
    let mut tally = Tally {
        points: 1,
        ..Tally::default()
    };
    for (i, (fates, image)) in point.images(images, seed).into_iter().enumerate() {
        let scene = Scene {
            seed,
            point: point.number,
            fates: &fates,
        };
        let depth = match (point.number + i) % deep {
            0 => Depth::Deep,
            _ => Depth::Shallow,
        };
        let promised = run.promised(point.number);
        if let Err(reason) = run.check(&SimFs::of(image), promised, depth) {
            panic!("{scene}: {reason}");
        }
        tally.images += 1;
        tally.deep += usize::from(depth == Depth::Deep);
    }
    tally
}

fn run(workload: &Arc<Workload>, fs: SimFs, floor: usize, until: usize) -> Run {
    let seed = workload.seed;
    Run::new(workload, fs, floor, until)
        .unwrap_or_else(|e| panic!("seed {seed} (FORMDB_SEED): {e}"))
}

#[test]
fn after_a_power_failure_every_acked_transaction_is_there_and_no_half_of_one() {
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in seeds(30) {
        let workload = Workload::new(seed, 14);
        let run = run(&workload, SimFs::new(), 0, 13);
        let points = run.crash_points();
        all += in_parallel(&points, |point| check(&run, point, 100, 8));
        all.runs += 1;
    }
    let figures = [
        ("workloads", all.runs),
        ("crash points", all.points),
        ("disk images", all.images),
        ("of them written on and opened again", all.deep),
    ];
    report("power failures", began, &figures);
}

#[test]
fn nor_in_a_long_history() {
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in seeds(1) {
        let workload = Workload::new(seed, 241);
        let run = run(&workload, SimFs::new(), 0, 240);
        let points = run.crash_points();
        all += in_parallel(&points, |point| check(&run, point, 6, 40));
        all.runs += 1;
    }
    let figures = [
        ("workloads", all.runs),
        ("crash points", all.points),
        ("disk images", all.images),
    ];
    report("power failures, 240 transactions", began, &figures);
}

/// Crash a run somewhere, by power failure or by a killed process, and go on.
fn go_on(run: &Run, seed: &mut u64, transactions: usize) -> Run {
    let points = run.crash_points();
    let point = &points[random(seed) as usize % points.len()];
    let promised = run.promised(point.number);
    let killed = random(seed).is_multiple_of(2);
    let (fs, fates): (SimFs, Vec<Fate>) = if killed {
        (point.killed(), Vec::new())
    } else {
        let images = point.images(12, *seed);
        let (fates, image) = images[random(seed) as usize % images.len()].clone();
        (SimFs::of(image), fates)
    };
    let scene = Scene {
        seed: run.workload.seed,
        point: point.number,
        fates: &fates,
    };
    let until = (promised + transactions).min(run.workload.transactions.len() - 1);
    // A killed process loses nothing that it acknowledged, at whatever level.
    let acked = if killed {
        run.acked(point.number)
    } else {
        promised
    };
    let until = until.max(acked);
    let next = Run::new(&run.workload, fs, promised, until);
    let next = next.unwrap_or_else(|e| panic!("{scene}: {e}"));
    assert!(
        next.start() >= acked,
        "{scene}: {acked} acknowledged, {} found",
        next.start()
    );
    next
}

#[test]
fn nor_after_crash_upon_crash() {
    let began = Instant::now();
    let (mut all, mut crashes) = (Tally::default(), 0);
    for seed in seeds(24) {
        let workload = Workload::new(seed, 30);
        let mut run = run(&workload, SimFs::new(), 0, 6);
        let mut state = mixed(seed, 7);
        for _ in 0..4 {
            run = go_on(&run, &mut state, 5);
            crashes += 1;
            // The points cover opening it, cutting a torn tail, and writing on.
            let points = run.crash_points();
            all += in_parallel(&points, |point| check(&run, point, 12, 8));
        }
        all.runs += 1;
    }
    let figures = [
        ("workloads", all.runs),
        ("crashes gone on from", crashes),
        ("crash points behind them", all.points),
        ("disk images", all.images),
    ];
    report("crash upon crash", began, &figures);
}

#[test]
fn what_opening_showed_survives_a_crash_of_opening() {
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in seeds(4) {
        let workload = Workload::new(seed, 13);
        let run = run(&workload, SimFs::new(), 0, 12);
        let points = run.crash_points();
        all += in_parallel(&points, |point| {
            let mut tally = Tally {
                points: 1,
                ..Tally::default()
            };
            let mut first = vec![(point.killed(), Vec::new())];
            let images = point.images(8, seed).into_iter();
            first.extend(images.map(|(fates, image)| (SimFs::of(image), fates)));
            for (fs, fates) in first {
                let scene = Scene {
                    seed,
                    point: point.number,
                    fates: &fates,
                };
                let db = open(&fs).unwrap_or_else(|e| panic!("{scene}: {e}"));
                let seen = run.identify(&db).unwrap_or_else(|e| panic!("{scene}: {e}"));
                db.close();
                let (before, log) = fs.history();
                let again = super::image::crash_points(before, &log);
                let last = again.len() - 1;
                for (number, point) in again.iter().enumerate() {
                    let promised = if number == last {
                        seen
                    } else {
                        run.promised(scene.point)
                    };
                    for (fates, image) in point.images(6, seed) {
                        if let Err(e) = run.check(&SimFs::of(image), promised, Depth::Shallow) {
                            panic!("{scene}, then {number}, {fates:?}: {e}");
                        }
                        tally.images += 1;
                    }
                }
            }
            tally
        });
        all.runs += 1;
    }
    let figures = [
        ("crash points", all.points),
        ("disk images behind them", all.images),
    ];
    report("crashes of opening", began, &figures);
}

#[test]
fn what_is_written_at_the_interval_is_there_in_time_though_the_queue_never_runs_empty() {
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in seeds(1) {
        let workload = Workload::weak(seed, 121);
        let limits = Limits {
            sync_interval_ms: 20,
            // The end of a segment would sync, too.
            segment_bytes: 1 << 20,
            ..limits()
        };
        let each = Duration::from_millis(6);
        let times = (each, Duration::from_millis(150));
        let run = Run::busy(&workload, limits, 2, times);
        let run = run.unwrap_or_else(|e| panic!("seed {seed} (FORMDB_SEED): {e}"));
        let points: Vec<CrashPoint> = run.crash_points();
        let some: Vec<&CrashPoint> = points.iter().step_by(2).collect();
        all += in_parallel(&some, |point| check(&run, point, 4, 20));
        all.runs += 1;
    }
    let figures = [
        ("workloads", all.runs),
        ("crash points", all.points),
        ("disk images", all.images),
    ];
    report("power failures, the queue never empty", began, &figures);
}

#[test]
fn nor_where_each_group_is_made_while_the_one_before_it_is_under_way() {
    let began = Instant::now();
    let mut all = Tally::default();
    for seed in seeds(3) {
        let levels = (0..41).map(|n| match (n + seed as usize) % 8 {
            0 => Durability::Interval,
            _ => Durability::Sync,
        });
        let workload = Workload::queued(seed, levels.collect());
        let times = (Duration::from_millis(1), Duration::from_secs(3_600));
        let run = Run::busy(&workload, limits_of_one(), 5, times);
        let run = run.unwrap_or_else(|e| panic!("seed {seed} (FORMDB_SEED): {e}"));
        let points = run.crash_points();
        all += in_parallel(&points, |point| check(&run, point, 12, 20));
        all.runs += 1;
    }
    let figures = [
        ("workloads", all.runs),
        ("crash points", all.points),
        ("disk images", all.images),
    ];
    report("power failures, groups under way", began, &figures);
}

#[test]
fn a_disk_that_does_not_sync_is_noticed() {
    let workload = Workload::new(1, 7);
    let run = run(&workload, SimFs::lying(), 0, 6);
    let points = run.crash_points();
    let last = &points[points.len() - 1];
    let image = last.image(&vec![Fate::Lost; last.pending()]);
    let found = run.check(&SimFs::of(image), run.promised(last.number), Depth::Shallow);
    assert!(found.is_err(), "acked writes were lost and nobody noticed");
}
