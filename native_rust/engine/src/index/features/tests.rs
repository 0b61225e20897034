mod counts;
mod walk;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::testing::Random;
use crate::testing::oracles::{cases, compared};
use counts::{agrees, counted, mapped};

/// What the index is compared with: every version, in order, in a plain vector.
#[derive(Default)]
struct Model {
    versions: Vec<Row>,
}

#[derive(Debug, Clone)]
struct Row {
    id: String,
    envelope: Option<Rect>,
    signature: u8,
    begin_seq: u64,
    tombstone: bool,
}

/// One of a few signatures: of any geometry, with or without a property.
fn signature(n: u8) -> FeatureSignature {
    let property = [0, 0x61, b'a' + n / 8];
    let bytes = [&[n % 8], &property[..]].concat();
    FeatureSignature::from_bytes(&bytes[..if n.is_multiple_of(5) { 1 } else { 4 }]).unwrap()
}

fn sorted(signatures: impl IntoIterator<Item = (FeatureSignature, u64)>) -> Vec<(Vec<u8>, u64)> {
    let rows = signatures.into_iter();
    let mut rows: Vec<_> = rows.map(|(s, n)| (s.as_bytes().to_vec(), n)).collect();
    rows.sort();
    rows
}

impl Model {
    fn newest(&self, id: &str, at: u64) -> Option<&Row> {
        self.versions
            .iter()
            .rfind(|v| v.id == id && v.begin_seq <= at)
    }

    fn visible(&self, at: u64) -> impl Iterator<Item = &Row> {
        self.versions.iter().filter(move |row| {
            let newest = self.newest(&row.id, at);
            !row.tombstone && newest.is_some_and(|newest| newest.begin_seq == row.begin_seq)
        })
    }

    fn signatures(&self) -> Vec<(Vec<u8>, u64)> {
        let mut counts = HashMap::new();
        for row in self.visible(u64::MAX) {
            *counts
                .entry(signature(row.signature).as_bytes().to_vec())
                .or_default() += 1;
        }
        let mut rows: Vec<_> = counts.into_iter().collect();
        rows.sort();
        rows
    }

    fn query(&self, pieces: &[Rect], at: u64) -> Vec<Hit> {
        let mut hits: Vec<Hit> = self
            .visible(at)
            .filter_map(|row| {
                let rect = row.envelope?;
                let touches =
                    |p: &&Rect| (0..2).all(|a| p.min[a] <= rect.max[a] && rect.min[a] <= p.max[a]);
                let holds =
                    |p: &Rect| (0..2).all(|a| p.min[a] <= rect.min[a] && rect.max[a] <= p.max[a]);
                pieces.iter().find(touches)?;
                Some(Hit {
                    seq: row.begin_seq,
                    certain: rect.min == rect.max || pieces.iter().any(holds),
                })
            })
            .collect();
        hits.sort_unstable();
        hits
    }
}

fn hits(index: &FeatureIndex, pieces: &[Rect], at: u64) -> Vec<Hit> {
    let mut found = Vec::new();
    let mut walk = BoxWalk::new(pieces, at);
    while index.walk_box(&mut walk, &mut found) {}
    let mut hits: Vec<Hit> = found.into_iter().map(|v| Hit::new(v, pieces)).collect();
    hits.sort_unstable();
    hits
}

/// Rectangles on a coarse grid, so that edges and corners do coincide; many are
/// points or segments.
fn rect() -> impl Strategy<Value = Rect> {
    (-4..=4_i8, -4..=4_i8, 0..=3_i8, 0..=3_i8).prop_map(|(x, y, w, h)| Rect {
        min: [f64::from(x), f64::from(y)],
        max: [f64::from(x + w), f64::from(y + h)],
    })
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, Option<Rect>, u8),
    Delete(u8),
    /// Publish everything, then archive so many.
    Archive(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..12_u8, proptest::option::weighted(0.85, rect()), 0..16_u8)
            .prop_map(|(id, envelope, signature)| Step::Put(id, envelope, signature)),
        2 => (0..13_u8).prop_map(Step::Delete),
        1 => (0..6_usize).prop_map(Step::Archive),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(300)))]

    #[test]
    fn agrees_with_a_scan_at_every_sequence(
        steps in proptest::collection::vec(step(), 0..120),
        boxes in proptest::collection::vec(proptest::collection::vec(rect(), 0..4), 1..6),
        young in 1..9_usize,
    ) {
        let mut model = Model::default();
        let mut index = FeatureIndex::default();
        index.pack_from(young);
        let mut loader = FeatureLoader::default();
        let mut seq = 0;
        for step in steps {
            match step {
                Step::Put(id, envelope, made) => {
                    // Gaps: other kinds of blocks lie between.
                    seq += 1 + u64::from(id % 3);
                    let id = format!("f{id}");
                    let before = model.newest(&id, seq);
                    let newest = before.map(|v| Newest { seq: v.begin_seq, deleted: v.tombstone });
                    prop_assert_eq!(index.newest(&id), newest);
                    let before = before.map(|v| v.begin_seq);
                    let of = signature(made);
                    prop_assert_eq!(index.put(&id, envelope, &of, seq), before);
                    prop_assert_eq!(loader.put(&id, envelope, &of, seq), before);
                    let tombstone = false;
                    model.versions.push(Row { id, envelope, signature: made, begin_seq: seq, tombstone });
                }
                Step::Delete(id) => {
                    seq += 1 + u64::from(id % 3);
                    let id = format!("f{id}");
                    let before = model.newest(&id, seq).map(|v| v.begin_seq);
                    prop_assert_eq!(index.delete(&id, seq), before);
                    prop_assert_eq!(loader.delete(&id, seq), before);
                    if before.is_some() {
                        let (envelope, signature, tombstone) = (None, 0, true);
                        model.versions.push(Row { id, envelope, signature, begin_seq: seq, tombstone });
                    }
                }
                Step::Archive(max) => {
                    let left = index.archive(seq, max);
                    prop_assert_eq!(left, !index.ended.is_empty());
                }
            }
            prop_assert_eq!(sorted(index.signatures(u64::MAX)), model.signatures());
        }
        let loaded = loader.finish();
        let features = model.visible(u64::MAX).count();
        for index in [&index, &loaded] {
            prop_assert_eq!(index.len(), features);
            prop_assert_eq!(sorted(index.signatures(u64::MAX)), model.signatures());
            for at in 0..=seq + 1 {
                for pieces in &boxes {
                    prop_assert_eq!(hits(index, pieces, at), model.query(pieces, at), "at {}", at);
                }
                compared("boxes in the index of features", boxes.len());
                for pieces in &boxes {
                    let counted = counted(index, pieces, at);
                    let expected = model.query(pieces, at);
                    prop_assert!(agrees(&counted, &expected), "at {at}: {counted:?}, {expected:?}");
                }
                compared("boxes counted in the index of features", boxes.len());
                if let Some(pieces) = boxes.get(at as usize % 8) {
                    let map = mapped(index, pieces, at, 2.0);
                    prop_assert_eq!(map, model.mapped(pieces, at, 2.0), "at {}", at);
                    compared("maps of boxes in the index of features", 1);
                }
                prop_assert_eq!(index.count_at(at), model.visible(at).count());
                for (first, last) in [(0, u64::MAX), (at / 3, at / 2), (at / 2 + 1, seq)] {
                    let within = |row: &&Row| (first..=last).contains(&row.begin_seq);
                    let expected = model.visible(at).filter(within);
                    let expected: Vec<_> = expected.map(|v| (v.begin_seq, v.envelope)).collect();
                    let mut found = Vec::new();
                    index.in_order((first, last), at, |seq, rect| {
                        found.push((seq, rect));
                        true
                    });
                    prop_assert_eq!(found, expected, "at {}", at);
                    let written = model.versions.iter().filter(within).filter(|v| !v.tombstone);
                    prop_assert_eq!(index.written_between((first, last)), written.count());
                }
                compared("features in the order of their sequences", 3);
                for id in 0..13 {
                    let id = format!("f{id}");
                    let expected = model.visible(at).find(|v| v.id == id).map(|v| v.begin_seq);
                    prop_assert_eq!(index.current(&id, at), expected);
                    let versions = model.versions.iter().filter(|v| v.id == id && v.begin_seq <= at);
                    let versions: Vec<u64> = versions.map(|v| v.begin_seq).collect();
                    prop_assert_eq!(&index.versions(&id, 0, at, usize::MAX), &versions);
                    let since = at / 2;
                    let behind = versions.into_iter().filter(|begin_seq| *begin_seq > since);
                    prop_assert!(index.versions(&id, since, at, 3).into_iter().eq(behind.take(3)));
                }
                compared("features by id and their versions", 2 * 13);
            }
        }
    }

    /// Enough entries for trees of several levels, which the other test has not.
    #[test]
    fn large_trees_lose_nothing(seed in any::<u64>(), updates in 0..3_000_u64) {
        let mut random = Random(seed);
        let last = 3_000 + updates;
        // Newest version of each feature.
        let mut newest = HashMap::new();
        let signature = signature(1);
        let mut index = FeatureIndex::default();
        index.pack_from(100);
        for seq in 1..=last {
            let id = if seq <= 3_000 { seq } else { random.below(3_000) + 1 };
            let rect = random.rect();
            index.put(&id.to_string(), Some(rect), &signature, seq);
            newest.insert(id, (seq, rect));
            if seq.is_multiple_of(7) {
                index.archive(seq - 1, 5);
            }
        }
        for _ in 0..20 {
            let piece = random.rect();
            let found: Vec<u64> = hits(&index, &[piece], last).iter().map(|hit| hit.seq).collect();
            let mut expected: Vec<u64> = newest.values()
                .filter(|(_, rect)| rect.intersects(&piece))
                .map(|(seq, _)| *seq)
                .collect();
            expected.sort_unstable();
            let (count, beside) = counted(&index, &[piece], last);
            prop_assert_eq!(count as usize + beside.len(), expected.len());
            prop_assert_eq!(found, expected);
        }
        compared("boxes in large trees", 20);
    }
}

impl Random {
    fn rect(&mut self) -> Rect {
        let mut number = |bound| self.below(bound) as f64;
        let min = [number(360) - 180.0, number(180) - 90.0];
        let size = [number(4), number(3)];
        Rect {
            min,
            max: [min[0] + size[0], min[1] + size[1]],
        }
    }

    fn anywhere(&mut self) -> [f64; 2] {
        let mut unit = || self.below(1 << 40) as f64 / (1_u64 << 40) as f64;
        [unit() * 360.0 - 180.0, unit() * 180.0 - 90.0]
    }
}

/// The next version of feature "a".
fn put(index: &mut FeatureIndex, envelope: Option<Rect>, seq: u64) -> Option<u64> {
    index.put("a", envelope, &signature(1), seq)
}

#[test]
fn features_without_geometry_are_found_by_id_alone() {
    let mut index = FeatureIndex::default();
    let world = Rect {
        min: [-180.0, -90.0],
        max: [180.0, 90.0],
    };
    assert_eq!(put(&mut index, None, 1), None);
    assert_eq!(put(&mut index, Some(Rect::point([1.0, 1.0])), 2), Some(1));
    assert_eq!(put(&mut index, None, 3), Some(2));
    assert_eq!(index.len(), 1);
    for _ in 0..2 {
        for at in 0..4 {
            let expected = if at == 2 { vec![2] } else { vec![] };
            let found = hits(&index, &[world], at);
            assert_eq!(found.iter().map(|h| h.seq).collect::<Vec<_>>(), expected);
            assert_eq!(index.current("a", at), (at > 0).then_some(at));
        }
        assert!(!index.archive(3, 10));
    }
    assert_eq!(index.current("b", 3), None);
}

#[test]
fn a_version_takes_sixteen_bytes() {
    assert_eq!(size_of::<Version>(), 16);
}

#[test]
fn a_deleted_feature_comes_back_as_a_new_version() {
    let place = Rect::point([1.0, 1.0]);
    let seqs = |index: &FeatureIndex, at| -> Vec<u64> {
        hits(index, &[place], at).iter().map(|h| h.seq).collect()
    };
    let mut index = FeatureIndex::default();
    assert_eq!(index.delete("a", 1), None);
    assert_eq!((index.newest("a"), index.len()), (None, 0));
    put(&mut index, Some(place), 2);
    assert_eq!((index.delete("a", 3), index.len()), (Some(2), 0));
    assert_eq!((index.delete("a", 4), index.len()), (Some(3), 0));
    let newest = Newest {
        seq: 4,
        deleted: true,
    };
    assert_eq!(index.newest("a"), Some(newest));
    // Not without its place alone: that is no tombstone.
    assert_eq!((put(&mut index, None, 5), index.len()), (Some(4), 1));
    assert_eq!((put(&mut index, Some(place), 6), index.len()), (Some(5), 1));
    assert_eq!(index.versions("a", 0, 6, 9), [2, 3, 4, 5, 6]);
    assert_eq!(index.versions("a", 2, 5, 2), [3, 4]);
    assert_eq!(index.versions("a", 5, 5, 2), [0; 0]);
    for _ in 0..2 {
        let found: Vec<Vec<u64>> = (1..=6).map(|at| seqs(&index, at)).collect();
        assert_eq!(found, [vec![], vec![2], vec![], vec![], vec![], vec![6]]);
        let current: Vec<Option<u64>> = (1..=6).map(|at| index.current("a", at)).collect();
        assert_eq!(current, [None, Some(2), None, None, Some(5), Some(6)]);
        assert!(!index.archive(6, 10));
    }
}

#[test]
fn versions_that_end_after_the_published_sequence_stay_hot() {
    let place = Rect::point([0.0, 0.0]);
    let mut index = FeatureIndex::default();
    put(&mut index, Some(place), 1);
    put(&mut index, Some(place), 2);
    put(&mut index, Some(place), 3);
    assert!(!index.archive(1, 10));
    assert_eq!(index.ended.len(), 2);
    assert!(!index.archive(2, 10));
    assert_eq!(index.ended.len(), 1);
    assert!(index.archive(3, 0));
    assert!(!index.archive(3, 1));
    assert!(index.ended.is_empty());
}

/// Figures for planning; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings"]
fn a_million_points() {
    const N: u64 = 1_000_000;
    let mut random = Random(1);
    let features: Vec<(String, Rect)> = (0..N)
        .map(|n| (format!("us{n:08x}"), Rect::point(random.anywhere())))
        .collect();
    let mut index = FeatureIndex::default();
    let signature = signature(1);
    let mut slowest = Duration::ZERO;
    let start = Instant::now();
    for ((id, rect), seq) in features.iter().zip(1..) {
        let before = Instant::now();
        index.put(id, Some(*rect), &signature, seq);
        slowest = slowest.max(before.elapsed());
    }
    println!(
        "put: {:?} each, slowest {slowest:?}",
        start.elapsed() / N as u32
    );

    let start = Instant::now();
    let mut loader = FeatureLoader::default();
    for ((id, rect), seq) in features.iter().zip(1..) {
        loader.put(id, Some(*rect), &signature, seq);
    }
    println!("load, ids and versions: {:?}", start.elapsed());
    let loaded = loader.finish();
    println!("load, all: {:?}", start.elapsed());

    for (name, index) in [("put", &index), ("loaded", &loaded)] {
        let (mut found, mut hits) = (0, Vec::new());
        let start = Instant::now();
        for _ in 0..20_000 {
            let [x, y] = random.anywhere();
            let piece = Rect {
                min: [x, y],
                max: [x + 3.6, y + 1.8],
            };
            hits.clear();
            let mut walk = BoxWalk::new(&[piece], N);
            while index.walk_box(&mut walk, &mut hits) {}
            found += hits.len();
        }
        println!(
            "box, {name}: {:?} each, {} hits",
            start.elapsed() / 20_000,
            found / 20_000
        );
    }

    let start = Instant::now();
    for (id, _) in features.iter().step_by(10) {
        assert!(index.current(id, N).is_some());
    }
    println!("current: {:?} each", start.elapsed() / (N / 10) as u32);

    let start = Instant::now();
    for ((id, _), seq) in features.iter().step_by(10).zip(N + 1..) {
        index.put(id, Some(Rect::point(random.anywhere())), &signature, seq);
    }
    println!(
        "put again, elsewhere: {:?} each",
        start.elapsed() / (N / 10) as u32
    );
    let mut slowest = Duration::ZERO;
    let start = Instant::now();
    loop {
        let before = Instant::now();
        let more = index.archive(2 * N, 32);
        slowest = slowest.max(before.elapsed());
        if !more {
            break;
        }
    }
    println!(
        "archive: {:?} each, slowest 32 {slowest:?}",
        start.elapsed() / (N / 10) as u32
    );
}

/// Of a feature with very many versions any is found in few steps, and a page of them is
/// read as a page, also where they came from a snapshot.
#[test]
fn any_of_very_many_versions_is_found_in_few_steps() {
    const VERSIONS: u64 = 100_000;
    let mut index = FeatureIndex::default();
    for version in 1..=VERSIONS {
        index.put("a", None, &signature(1), 2 * version);
    }
    let mut restorer = FeatureRestorer::default();
    let (mut cursor, mut stored) = (VersionCursor::default(), Vec::new());
    while index.stored_versions(&mut cursor, u64::MAX, 10_000, &mut stored) {}
    stored.iter().for_each(|v| restorer.version(v).unwrap());
    let mut ids = restorer.versions_done().unwrap();
    ids.id("a");
    let mut restored = ids.finish().unwrap();
    for version in 1..=1_000 {
        let seq = 2 * (VERSIONS + version);
        index.put("a", None, &signature(1), seq);
        restored.put("a", None, &signature(1), seq);
    }
    for index in [index, restored.finish()] {
        let newest = index.latest("a").unwrap();
        let mut most = 0;
        for at in (1..2 * VERSIONS + 2_000).step_by(997) {
            let steps = std::cell::Cell::new(0);
            let wanted = |older: &Older| {
                steps.set(steps.get() + 1);
                older.version.begin_seq <= at
            };
            let found = index.back_to(newest, wanted, newest.begin_seq <= at);
            let version = at / 2 * 2;
            assert_eq!(found.map(|v| v.begin_seq), Some(version).filter(|v| *v > 0));
            assert_eq!(index.current("a", at), found.map(|v| v.begin_seq));
            let page: Vec<u64> = (1..=5).map(|n| version + 2 * n).collect();
            let end = 2 * (VERSIONS + 1_000);
            let page: Vec<u64> = page.into_iter().filter(|seq| *seq <= end).collect();
            assert_eq!(index.versions("a", at, u64::MAX, 5), page);
            most = most.max(steps.get());
        }
        // A jump and a step back that is too far at each of some 17 levels, up and down.
        assert!(most <= 6 * 17, "{most} steps");
    }
}
