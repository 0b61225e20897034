//! Boxes counted and maps drawn by what the index has counted, against a scan.

use std::collections::BTreeMap;

use super::walk::{hard_pieces, hard_rect};
use super::*;
use crate::index::{CountStep, CountWalk, Placed};

/// The hits of a box by counting it, but for those that are counted: numbers stand for them.
pub(super) fn counted(index: &FeatureIndex, pieces: &[Rect], at: u64) -> (u64, Vec<Hit>) {
    let mut counting = Counting::new(pieces, at);
    while counting.step(index) {}
    (counting.count, counting.hits())
}

/// Whether what was counted and what was found is what a scan finds.
pub(super) fn agrees((count, found): &(u64, Vec<Hit>), expected: &[Hit]) -> bool {
    let certain = expected.iter().filter(|hit| hit.certain).count();
    let among = found.iter().all(|hit| expected.contains(hit));
    let own = found.iter().filter(|hit| hit.certain).count();
    among && expected.len() - certain == found.len() - own && *count as usize + own == certain
}

/// A count on its way.
struct Counting {
    pieces: Vec<Rect>,
    at: u64,
    walk: CountWalk,
    count: u64,
    found: Vec<Placed>,
}

impl Counting {
    fn new(pieces: &[Rect], at: u64) -> Self {
        Self {
            pieces: pieces.to_vec(),
            at,
            walk: CountWalk::new(pieces, at),
            count: 0,
            found: Vec::new(),
        }
    }

    /// Whether there is more to do.
    fn step(&mut self, index: &FeatureIndex) -> bool {
        let pieces = &self.pieces;
        let settle = |bounds: &Rect, there: u64| {
            assert!(pieces.iter().any(|piece| piece.contains(bounds)));
            self.count += there;
            true
        };
        go_on(index.count_box(&mut self.walk, settle, &mut self.found))
    }

    fn hits(&self) -> Vec<Hit> {
        let found = self.found.iter();
        let mut hits: Vec<Hit> = found.map(|v| Hit::new(*v, &self.pieces)).collect();
        hits.sort_unstable();
        hits
    }
}

fn go_on(step: CountStep) -> bool {
    assert_ne!(step, CountStep::GivenUp);
    step == CountStep::More
}

type Map = BTreeMap<(i64, i64), u64>;

/// In the place of a tile, of what is wider than half the earth.
const WIDE: (i64, i64) = (i64::MAX, i64::MAX);

/// Which of the tiles of a map a position is in, of so many degrees.
fn tile_of([x, y]: [f64; 2], step: f64) -> (i64, i64) {
    ((x / step).floor() as i64, (y / step).floor() as i64)
}

/// A map on its way: how many versions have their middles in which tiles, where those lie in a
/// piece.
struct Mapping {
    pieces: Vec<Rect>,
    at: u64,
    step: f64,
    walk: CountWalk,
    map: Map,
    /// How many were looked at.
    looked: usize,
}

impl Mapping {
    fn new(pieces: &[Rect], at: u64, step: f64) -> Self {
        Self {
            pieces: pieces.to_vec(),
            at,
            step,
            walk: CountWalk::of_middles(pieces, at),
            map: Map::new(),
            looked: 0,
        }
    }

    fn step(&mut self, index: &FeatureIndex) -> bool {
        let settle = |bounds: &Rect, there: u64| {
            let tile = tile_of(bounds.min, self.step);
            let one = tile == tile_of(bounds.max, self.step);
            if one {
                *self.map.entry(tile).or_default() += there;
            }
            one
        };
        let mut found = Vec::new();
        let more = go_on(index.count_box(&mut self.walk, settle, &mut found));
        self.looked += found.len();
        for placed in found {
            let tile = match placed.rect.is_wide() {
                true => WIDE,
                false => tile_of(placed.rect.middle(), self.step),
            };
            *self.map.entry(tile).or_default() += 1;
        }
        more
    }
}

/// A whole map.
pub(super) fn mapped(index: &FeatureIndex, pieces: &[Rect], at: u64, step: f64) -> Map {
    let mut mapping = Mapping::new(pieces, at, step);
    while mapping.step(index) {}
    mapping.map
}

impl Model {
    /// The same by a scan.
    pub(super) fn mapped(&self, pieces: &[Rect], at: u64, step: f64) -> Map {
        let mut map = Map::new();
        for envelope in self.visible(at).filter_map(|row| row.envelope) {
            if envelope.is_wide() {
                *map.entry(WIDE).or_default() += 1;
                continue;
            }
            let middle = envelope.middle();
            let point = Rect::point(middle);
            if pieces.iter().any(|piece| piece.contains(&point)) {
                *map.entry(tile_of(middle, step)).or_default() += 1;
            }
        }
        map
    }
}

/// Many at few places, on lines of maps and at the ends of the earth.
fn hard_place(random: &mut Random) -> Rect {
    let lon = [-180.0, -90.0, -22.5, 0.0, 11.25, 20.0, 179.5, 180.0];
    let lat = [-90.0, -85.5, -10.0, 0.0, 15.0, 66.0, 89.0, 90.0];
    match random.below(4) {
        0 => hard_rect(random),
        1 => Rect::point([lon[random.below(8) as usize], lat[random.below(8) as usize]]),
        2 => Rect::point([random.below(40) as f64 / 1e6 + 2.0, 48.0]),
        _ => random.rect(),
    }
}

const WORLD: Rect = Rect {
    min: [-180.0, -90.0],
    max: [180.0, 90.0],
};

/// What is on its way.
enum Under {
    Count(Counting),
    Map(Mapping),
}

impl Under {
    fn step(&mut self, index: &FeatureIndex) -> bool {
        match self {
            Self::Count(counting) => counting.step(index),
            Self::Map(mapping) => mapping.step(index),
        }
    }

    fn agrees(&self, model: &Model) -> bool {
        match self {
            Self::Count(counting) => {
                let expected = model.query(&counting.pieces, counting.at);
                agrees(&(counting.count, counting.hits()), &expected)
            }
            Self::Map(mapping) => {
                let Mapping {
                    pieces,
                    at,
                    step,
                    map,
                    ..
                } = mapping;
                *map == model.mapped(pieces, *at, *step)
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    #[test]
    fn counts_with_writes_in_between_are_those_of_a_scan(
        seed in any::<u64>(), ids in 1..200_u64, steps in 1..700_u64, patience in 1..30_u64,
    ) {
        let mut random = Random(seed);
        let mut model = Model::default();
        let mut index = FeatureIndex::default();
        index.pack_from(1 + random.below(60) as usize);
        index.tally.set_history([0, 40, 100, 10_000][random.below(4) as usize]);
        let mut walks: Vec<Under> = Vec::new();
        let begin = |random: &mut Random, last: u64| {
            let pieces = match random.below(4) {
                0 => vec![WORLD],
                _ => hard_pieces(random),
            };
            let at = random.below(last + 1);
            match random.below(2) {
                0 => Under::Count(Counting::new(&pieces, at)),
                _ => Under::Map(Mapping::new(&pieces, at, [20.0, 5.0, 22.5, 7.0][at as usize % 4])),
            }
        };
        for seq in 1..=steps {
            let id = format!("f{}", random.below(ids));
            let tombstone = random.below(6) == 0;
            let envelope = (!tombstone && random.below(20) > 0).then(|| hard_place(&mut random));
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
                walks.push(begin(&mut random, seq));
            }
            if walks.is_empty() {
                continue;
            }
            let turn = random.below(walks.len() as u64) as usize;
            if !walks[turn].step(&index) {
                prop_assert!(walks.swap_remove(turn).agrees(&model));
                compared("counts with writes in between", 1);
            }
        }
        // The same after loading, and with more after that.
        let mut loader = FeatureLoader::default();
        let loaded = steps / 2;
        for row in model.versions.iter().filter(|row| row.begin_seq <= loaded) {
            enter(&mut loader, row);
        }
        let mut later = loader.finish();
        later.pack_from(9);
        for row in model.versions.iter().filter(|row| row.begin_seq > loaded) {
            enter(&mut later, row);
        }
        for _ in 0..20 {
            walks.push(begin(&mut random, steps));
        }
        for mut walk in walks {
            while walk.step(&index) {}
            prop_assert!(walk.agrees(&model));
            compared("counts with writes in between", 1);
        }
        for _ in 0..20 {
            let mut walk = begin(&mut random, steps);
            while walk.step(&later) {}
            prop_assert!(walk.agrees(&model));
            compared("counts after loading", 1);
        }
    }
}

fn enter(index: &mut impl EnterVersions, row: &Row) {
    match row.tombstone {
        true => index.delete(&row.id, row.begin_seq),
        false => index.put(&row.id, row.envelope, &signature(1), row.begin_seq),
    };
}

/// Of a world of many features, of which half moved on and a quarter is gone, nothing is looked
/// at to count all as of any time, nor to map it along lines of maps.
#[test]
fn what_was_everywhere_is_known() {
    const COUNT: u64 = 20_000;
    let mut random = Random(17);
    let mut index = FeatureIndex::default();
    let mut loader = FeatureLoader::default();
    let mut seq = 0;
    let mut counts = vec![0_u64];
    for round in 0..3 {
        for n in 0..COUNT {
            let there = *counts.last().unwrap();
            let id = n.to_string();
            match (round, n % 4) {
                (0, _) | (1, 0..2) => {
                    seq += 1;
                    let [x, y] = random.anywhere();
                    let place = Some(Rect::point([x, y.clamp(-89.9, 89.9)]));
                    index.put(&id, place, &signature(1), seq);
                    loader.put(&id, place, &signature(1), seq);
                    counts.push(there + u64::from(round == 0));
                }
                (2, 3) => {
                    seq += 1;
                    index.delete(&id, seq);
                    loader.delete(&id, seq);
                    counts.push(there - 1);
                }
                _ => {}
            }
            index.archive(seq, 3);
        }
    }
    for index in [index, loader.finish()] {
        for at in (0..=seq).step_by(997) {
            let (count, looked) = counted(&index, &[WORLD], at);
            assert_eq!(
                (count, looked.len()),
                (counts[at as usize], 0),
                "as of {at}"
            );
            for step in [90.0, 45.0, 20.0, 10.0] {
                let mut mapping = Mapping::new(&[WORLD], at, step);
                while mapping.step(&index) {}
                let all: u64 = mapping.map.values().sum();
                assert_eq!(all, counts[at as usize], "as of {at}");
                // Some lines of whole degrees come late.
                assert!(mapping.looked < 40, "{} as of {at}", mapping.looked);
            }
        }
    }
}
