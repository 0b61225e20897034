//! Walks in steps, with writes in between, against a scan.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;

use super::*;
use crate::index::Placed;
use crate::index::spatial::Portions;

/// So little that everything is divided, and what cannot be, is scanned.
const TINY: [Portions; 6] = [
    portions(1, 1, 1, 1),
    portions(8, 8, 16, 1),
    portions(50, 20, 400, 1),
    // The same when a scan is the last resort.
    portions(1, 16, 16, 1_000),
    portions(30, 40, 40, 1_000),
    portions(50, 20, 400, 1_000),
];

const fn portions(step: usize, part: usize, stuck: usize, scan: usize) -> Portions {
    Portions {
        step,
        part,
        stuck,
        scan,
    }
}

/// Envelopes that are hard to tell apart: at one place, on edges, over one another.
pub(super) fn hard_rect(random: &mut Random) -> Rect {
    let mut number = |bound| random.below(bound) as f64;
    match number(10) as u8 {
        // Two zeros, which are one place.
        0..=2 => Rect::point([0.0, [0.0, -0.0][number(2) as usize]]),
        3 => Rect::point([180.0, number(3) - 1.0]),
        // Neighbouring doubles.
        4 => Rect::point([1.0 + f64::EPSILON * number(40), 2.0]),
        // Over nearly everything.
        5..=6 => Rect {
            min: [-180.0 + number(4), -90.0 + number(4)],
            max: [180.0 - number(4), 90.0 - number(4)],
        },
        7 => Rect {
            min: [-4.0, -4.0],
            max: [4.0, 4.0],
        },
        _ => {
            let min = [number(9) - 4.0, number(9) - 4.0];
            let max = [min[0] + number(3), min[1] + number(3)];
            Rect { min, max }
        }
    }
}

/// Some pieces, which may touch, overlap, or be a line or a point.
pub(super) fn hard_pieces(random: &mut Random) -> Vec<Rect> {
    let mut piece = || match random.below(4) {
        0 => Rect {
            min: [-180.0, -90.0],
            max: [180.0, 90.0],
        },
        _ => hard_rect(random),
    };
    let mut pieces = vec![piece()];
    for _ in 0..pieces[0].min[0].abs() as u64 % 3 {
        pieces.push(piece());
    }
    pieces
}

/// A walk on its way.
struct Walking {
    pieces: Vec<Rect>,
    at: u64,
    walk: BoxWalk,
    found: Vec<Placed>,
}

impl Walking {
    fn hits(self) -> Vec<Hit> {
        let Self { pieces, found, .. } = self;
        let mut hits: Vec<Hit> = found.into_iter().map(|v| Hit::new(v, &pieces)).collect();
        hits.sort_unstable();
        hits
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn steps_with_writes_in_between_find_what_a_scan_finds(
        seed in any::<u64>(), ids in 1..300_u64, steps in 1..900_u64, patience in 1..40_u64,
    ) {
        let mut random = Random(seed);
        let mut model = Model::default();
        let mut index = FeatureIndex::default();
        index.pack_from(1 + random.below(60) as usize);
        let mut walks: Vec<Walking> = Vec::new();
        for seq in 1..=steps {
            let id = format!("f{}", random.below(ids));
            let tombstone = random.below(6) == 0;
            let envelope = (!tombstone && random.below(20) > 0).then(|| hard_rect(&mut random));
            if !tombstone {
                index.put(&id, envelope, &signature(1), seq);
            } else if index.delete(&id, seq).is_none() {
                continue;
            }
            model.versions.push(Row { id, envelope, signature: 1, begin_seq: seq, tombstone });
            if random.below(3) == 0 {
                index.archive(seq, random.below(20) as usize);
            }
            if random.below(patience) == 0 {
                let pieces = hard_pieces(&mut random);
                let at = match random.below(3) {
                    0 => random.below(seq + 1),
                    _ => seq,
                };
                let portions = TINY[random.below(6) as usize];
                let walk = BoxWalk::in_portions(&pieces, at, portions);
                walks.push(Walking { pieces, at, walk, found: Vec::new() });
            }
            if walks.is_empty() {
                continue;
            }
            let turn = random.below(walks.len() as u64) as usize;
            let Walking { walk, found, .. } = &mut walks[turn];
            if !index.walk_box(walk, found) {
                let done = walks.swap_remove(turn);
                let expected = model.query(&done.pieces, done.at);
                prop_assert_eq!(done.hits(), expected);
            }
        }
        for mut walking in walks {
            while index.walk_box(&mut walking.walk, &mut walking.found) {}
            let expected = model.query(&walking.pieces, walking.at);
            prop_assert_eq!(walking.hits(), expected);
        }
        // The same after loading, where crowds are made another way, with and without
        // division.
        let mut loader = FeatureLoader::default();
        for row in &model.versions {
            match row.tombstone {
                true => loader.delete(&row.id, row.begin_seq),
                false => loader.put(&row.id, row.envelope, &signature(1), row.begin_seq),
            };
        }
        let loaded = loader.finish();
        for portions in TINY.into_iter().chain([Portions::default()]) {
            let pieces = hard_pieces(&mut random);
            let at = random.below(steps + 1);
            let mut found = Vec::new();
            let mut walk = BoxWalk::in_portions(&pieces, at, portions);
            while loaded.walk_box(&mut walk, &mut found) {}
            let walking = Walking { walk, at, found, pieces };
            let expected = model.query(&walking.pieces, at);
            prop_assert_eq!(walking.hits(), expected);
        }
    }
}

/// One thread moves and deletes features all the time; others search as of a
/// sequence that was published when they began.
#[test]
fn searches_while_others_write_find_what_was_there() {
    const IDS: u64 = 3_000;
    const WRITES: u64 = 40_000;
    let index = RwLock::new(FeatureIndex::default());
    index.write().pack_from(500);
    let published = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    // What every sequence wrote: feature and envelope.
    let mut random = Random(5);
    let writes: Vec<(u64, Option<Rect>)> = (0..WRITES)
        .map(|n| {
            let id = if n < IDS { n } else { random.below(IDS) };
            let alive = n < IDS || random.below(8) > 0;
            let place = match random.below(3) {
                0 => hard_rect(&mut random),
                1 => Rect::point(random.anywhere()),
                _ => random.rect(),
            };
            (id, alive.then_some(place))
        })
        .collect();
    let expected = |pieces: &[Rect], at: u64| {
        let mut newest = vec![None; IDS as usize];
        for ((id, envelope), seq) in writes.iter().zip(1..=at) {
            newest[*id as usize] = envelope.map(|rect| Placed { seq, rect });
        }
        let newest = newest.into_iter().flatten();
        let touching = newest.filter(|v| pieces.iter().any(|piece| piece.intersects(&v.rect)));
        let mut hits: Vec<Hit> = touching.map(|v| Hit::new(v, pieces)).collect();
        hits.sort_unstable();
        hits
    };
    let searches = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for reader in 0..3 {
            let (index, published, done) = (&index, &published, &done);
            let (expected, searches) = (&expected, &searches);
            scope.spawn(move || {
                let mut random = Random(100 + reader);
                while !done.load(Ordering::Relaxed) {
                    let pieces = hard_pieces(&mut random);
                    let features = index.read();
                    let at = published.load(Ordering::Acquire);
                    drop(features);
                    let portions = TINY[1 + random.below(5) as usize];
                    let mut walk = BoxWalk::in_portions(&pieces, at, portions);
                    let mut found = Vec::new();
                    while index.read().walk_box(&mut walk, &mut found) {}
                    let walking = Walking {
                        walk,
                        at,
                        found,
                        pieces,
                    };
                    let hits = expected(&walking.pieces, at);
                    assert_eq!(walking.hits(), hits, "as of {at}");
                    searches.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (group, from) in writes.chunks(50).zip((1..).step_by(50)) {
            for ((id, envelope), seq) in group.iter().zip(from..) {
                let mut features = index.write();
                match envelope {
                    Some(_) => drop(features.put(&id.to_string(), *envelope, &signature(1), seq)),
                    None => drop(features.delete(&id.to_string(), seq)),
                }
            }
            let last = from + group.len() as u64 - 1;
            published.store(last, Ordering::Release);
            while index.write().archive(last, 7) {}
            // Not so fast that no search sees the beginning.
            while searches.load(Ordering::Relaxed) < from / 400 {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(searches.load(Ordering::Relaxed) >= 100);
}

/// The most work in one step, and all of it, and what is found.
fn steps_of(index: &FeatureIndex, pieces: &[Rect], at: u64) -> (usize, usize, usize) {
    let mut walk = BoxWalk::new(pieces, at);
    let mut found = Vec::new();
    let (mut most, mut before) = (0, 0);
    loop {
        let more = index.walk_box(&mut walk, &mut found);
        most = most.max(walk.parts.spent() - before);
        before = walk.parts.spent();
        if !more {
            return (most, before, found.len());
        }
    }
}

#[test]
fn no_step_does_more_than_its_portion() {
    const COUNT: u64 = 60_000;
    // What a step may come to: its portion, and the last thing it does, which is a
    // part or dividing one.
    let Portions {
        step, part, stuck, ..
    } = Portions::default();
    let divided = step + 2 * 15 * 150;
    let world = Rect {
        min: [-180.0, -90.0],
        max: [180.0, 90.0],
    };
    let within = |x: f64, size: f64| Rect {
        min: [x, x],
        max: [x + size, x + size],
    };
    type RectOf = fn(&mut Random, u64) -> Rect;
    let data: [(&str, RectOf, usize); 6] = [
        (
            "everywhere",
            |random, _| Rect::point(random.anywhere()),
            divided,
        ),
        ("squares", |random, _| random.rect(), divided),
        (
            "clusters",
            |random, n| {
                let [x, y] = random.anywhere();
                let scale = 0.1_f64.powi(n as i32 % 8);
                Rect::point([x * scale, y * scale])
            },
            divided,
        ),
        // What has ended there is in no crowd once it is packed.
        ("one place", |_, _| Rect::point([5.0, 5.0]), step + stuck),
        (
            "few places",
            |random, _| Rect::point([random.below(20) as f64, 5.0]),
            step + stuck,
        ),
        (
            "over one another",
            |random, _| {
                let [x, y] = random.anywhere().map(|n| n / 90.0);
                Rect {
                    min: [x - 30.0, y - 30.0],
                    max: [x + 30.0, y + 30.0],
                }
            },
            step + stuck,
        ),
    ];
    for (name, place, most) in data {
        let mut random = Random(3);
        let mut index = FeatureIndex::default();
        let mut rects = Vec::new();
        let mut seq = 0;
        for n in 0..COUNT {
            seq += 1;
            let rect = place(&mut random, n);
            index.put(&n.to_string(), Some(rect), &signature(1), seq);
            rects.push(rect);
        }
        let first = seq;
        // A third moves by a little, and is history.
        for n in (0..COUNT).step_by(3) {
            seq += 1;
            let Rect { min, max } = rects[n as usize];
            let moved = Rect {
                min: min.map(|x| x + 1e-9),
                max: max.map(|x| x + 1e-9),
            };
            index.put(&n.to_string(), Some(moved), &signature(1), seq);
        }
        while index.archive(seq, 1_000) {}
        for piece in [
            world,
            within(-5.0, 30.0),
            within(0.0, 5.0),
            within(-1e-3, 2e-3),
        ] {
            for at in [first, seq] {
                let (largest, all, found) = steps_of(&index, &[piece], at);
                assert!(largest <= most, "{name} {piece:?} {at}: {largest} > {most}");
                if at == first {
                    let expected = rects.iter().filter(|rect| rect.intersects(&piece)).count();
                    assert_eq!(found, expected, "{name}");
                }
                // Not much in vain: what is found, or what a scan would be.
                let enough = 6 * found.min(COUNT as usize / 6) + 16 * part + 2 * divided + stuck;
                assert!(
                    all <= enough,
                    "{name} {piece:?} {at}: {all} > {enough} for {found}"
                );
            }
        }
    }
}

/// How long a writer waits for the lock, and a reader of one feature after it, while
/// another thread asks for the whole world in one go and in steps. Run with
/// `--release -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings"]
fn waiting_behind_a_world_of_a_million() {
    const N: u64 = 1_000_000;
    let world = Rect {
        min: [-180.0, -90.0],
        max: [180.0, 90.0],
    };
    let country = Rect {
        min: [0.0, 0.0],
        max: [80.0, 40.0],
    };
    for loaded in [true, false] {
        let mut random = Random(1);
        let mut loader = FeatureLoader::default();
        let mut index = FeatureIndex::default();
        for seq in 1..=N {
            let (id, place) = (seq.to_string(), Some(Rect::point(random.anywhere())));
            match loaded {
                true => loader.put(&id, place, &signature(1), seq),
                false => index.put(&id, place, &signature(1), seq),
            };
        }
        let index = RwLock::new(if loaded { loader.finish() } else { index });
        for (name, piece) in [("world", world), ("a tenth", country)] {
            for in_steps in [false, true] {
                let done = AtomicBool::new(false);
                let (mut turns, mut found) = (0_u32, 0);
                let mut holds = Vec::new();
                let start = Instant::now();
                let (writer, reader) = std::thread::scope(|scope| {
                    let worst = |write: bool| {
                        let (index, done) = (&index, &done);
                        move || {
                            let mut waits = Vec::new();
                            while !done.load(Ordering::Relaxed) {
                                let before = Instant::now();
                                match write {
                                    true => drop(index.write()),
                                    false => drop(index.read().current("7", N)),
                                }
                                waits.push(before.elapsed());
                                std::thread::sleep(Duration::from_micros(300));
                            }
                            shares(waits)
                        }
                    };
                    let writer = scope.spawn(worst(true));
                    let reader = scope.spawn(worst(false));
                    while start.elapsed() < Duration::from_secs(4) {
                        turns += 1;
                        if in_steps {
                            let mut walk = BoxWalk::new(&[piece], N);
                            let mut versions = Vec::new();
                            found = 0;
                            let mut more = true;
                            while more {
                                let features = index.read();
                                let held = Instant::now();
                                more = features.walk_box(&mut walk, &mut versions);
                                holds.push(held.elapsed());
                                drop(features);
                                found += versions.drain(..).count();
                            }
                        } else {
                            found = 0;
                            let features = index.read();
                            let held = Instant::now();
                            features.spatial.query(&[piece], N, |_, _| {
                                found += 1;
                                std::ops::ControlFlow::Continue(())
                            });
                            holds.push(held.elapsed());
                        }
                    }
                    done.store(true, Ordering::Relaxed);
                    (writer.join().unwrap(), reader.join().unwrap())
                });
                let each = start.elapsed() / turns;
                println!(
                    "{name} of {found}, loaded {loaded}, in steps {in_steps}: {each:?}; half, \
                     99 % and all holds are up to {:?}, waits of the writer {writer:?}, of \
                     the reader {reader:?}",
                    shares(holds)
                );
            }
        }
    }
}

fn shares(mut times: Vec<Duration>) -> [Duration; 3] {
    times.sort();
    [0.5, 0.99, 0.999_999].map(|share| times[(times.len() as f64 * share) as usize])
}

/// Where thousands of envelopes lie over one another, parts of the box would each have
/// all of them: so they are not looked at again and again.
#[test]
fn overlapping_envelopes_are_not_divided() {
    let mut random = Random(9);
    let mut index = FeatureIndex::default();
    for seq in 1..=100_000 {
        let rect = match seq % 20 {
            0 => {
                let [x, y] = random.anywhere().map(|n| n / 90.0);
                Rect {
                    min: [x - 5.0, y - 5.0],
                    max: [x + 5.0, y + 5.0],
                }
            }
            _ => Rect::point(random.anywhere()),
        };
        index.put(&seq.to_string(), Some(rect), &signature(1), seq);
    }
    let piece = Rect {
        min: [-0.1, -0.1],
        max: [0.1, 0.1],
    };
    let (_, all, found) = steps_of(&index, &[piece], 100_000);
    assert!(found >= 5_000, "{found}");
    assert!(all < 2 * found, "{all} for {found}");
}
