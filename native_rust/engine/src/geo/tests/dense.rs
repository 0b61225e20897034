//! Shapes of many edges: what a few edges say of them, and a look at each edge.

use super::exact::{Figure, Place};
use super::unions::{collection, cut_figure, figure};
use super::*;
use crate::types::{Orientation, intersects_box, side};

/// Steps that an edge is divided into; a power of two, so that no place is rounded.
const STEPS: i32 = 32;

/// A shape with the same positions, in that many more edges: on the way from one position to
/// the next it stops at places that are on it, sometimes twice, sometimes to go back a step
/// and come again.
fn divided(shape: &Shape, dice: &mut impl FnMut(u32) -> u32) -> Shape {
    let mut line = |line: &Vec<Position>| {
        let mut dense: Vec<Position> = Vec::new();
        for pair in line.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let at = |step: i32| {
                [0, 1]
                    .map(|axis| a[axis] + (b[axis] - a[axis]) * f64::from(step) / f64::from(STEPS))
            };
            for step in 0..STEPS {
                dense.push(at(step));
                match dice(40) {
                    0 => dense.push(at(step)),
                    1 if step > 0 => dense.extend([at(step - 1), at(step)]),
                    _ => {}
                }
            }
        }
        dense.extend(line.last());
        dense
    };
    Shape {
        points: shape.points.clone(),
        lines: shape.lines.iter().map(&mut line).collect(),
        areas: shape
            .areas
            .iter()
            .map(|area| {
                let mut area = area.clone();
                area.rings = area.rings.iter().map(&mut line).collect();
                area
            })
            .collect(),
    }
}

fn dice(mut seed: u64) -> impl FnMut(u32) -> u32 {
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u32 % below
    }
}

/// Small integers as positions in the middle of the plane, or with 0 on the antimeridian.
fn placed(at_seam: bool) -> impl Fn(Place, bool) -> Position + Copy {
    move |[x, y], west| match (at_seam, west) {
        (false, _) => [x as f64, y as f64],
        (true, true) => [180.0 + x as f64, y as f64],
        (true, false) => [x as f64 - 180.0, y as f64],
    }
}

fn check(
    (asked, feature): (&Figure, &Figure),
    at_seam: bool,
    seed: u64,
) -> Result<(), TestCaseError> {
    let mut dice = dice(seed);
    let [ours, theirs] = [asked, feature].map(|figure| {
        let shape = collection(figure, placed(at_seam));
        match dice(4) {
            // One of two is mostly larger.
            0 => shape,
            _ => divided(&shape, &mut dice),
        }
    });
    for (predicate, expected) in [
        (Predicate::Intersects, feature.meets(asked)),
        (Predicate::Within, feature.is_within(asked)),
        (Predicate::Contains, asked.is_within(feature)),
    ] {
        prop_assert_eq!(
            accepts(&ours, &theirs, predicate),
            expected,
            "{:?} {:?} {:?}",
            predicate,
            feature,
            asked
        );
    }
    compared(
        "intersects, within and contains of shapes with many edges",
        3,
    );
    Ok(())
}

/// The edges of rings with the number of their area and ring, looked at one by one.
fn ring_edges(shape: &Shape) -> Vec<(usize, usize, Position, Position)> {
    let mut edges = Vec::new();
    for (area, rings) in shape.areas.iter().enumerate() {
        for (number, ring) in rings.rings.iter().enumerate() {
            let pairs = ring.windows(2).map(|pair| (area, number, pair[0], pair[1]));
            edges.extend(pairs);
        }
    }
    edges
}

/// Whether a point is inside of any area, or else on the rim of any: by all edges.
fn located(shape: &Shape, p: Position) -> (bool, bool) {
    let (mut inside, mut on) = (false, false);
    let edges = ring_edges(shape);
    for (area, rings) in shape.areas.iter().enumerate() {
        let mut held = Vec::new();
        let mut on_area = false;
        for number in 0..rings.rings.len() {
            let mut odd = false;
            for (_, _, a, b) in edges.iter().filter(|e| (e.0, e.1) == (area, number)) {
                let mut envelope = Rect::point(*a);
                envelope.extend(&Rect::point(*b));
                let turn = side(*a, *b, p);
                on_area |= turn == Orientation::Collinear && envelope.contains(&Rect::point(p));
                let rises = b[1] > a[1];
                if (a[1] > p[1]) != (b[1] > p[1]) {
                    odd ^= rises == (turn == Orientation::CounterClockwise)
                        && turn != Orientation::Collinear;
                }
            }
            if odd {
                held.push(number);
            }
        }
        on |= on_area;
        inside |= !on_area && held == [0];
    }
    (inside, on && !inside)
}

/// A ring of a few hundred positions about anything: wild, on a grid, round, tiny, or wide as
/// the world; closed.
fn long_ring() -> impl Strategy<Value = Vec<Position>> {
    let wild = proptest::collection::vec([-20.0..20.0_f64, -20.0..20.0_f64], 17..300);
    let grid = proptest::collection::vec([-4..=4_i32, -4..=4_i32], 17..200).prop_map(|ring| {
        ring.into_iter()
            .map(|p| p.map(f64::from))
            .collect::<Vec<_>>()
    });
    // A walk: positions next to each other are near each other, as those of a coast.
    let walk = (
        proptest::collection::vec([-3..=3_i32, -3..=3_i32], 17..900),
        prop_oneof![Just(1e-12), Just(0.015_625), Just(1.0)],
    )
        .prop_map(|(steps, scale)| {
            let mut at = [0, 0];
            let walk = steps.into_iter().map(|[x, y]| {
                at = [(at[0] + x).clamp(-89, 89), (at[1] + y).clamp(-89, 89)];
                at.map(|n| f64::from(n) * scale)
            });
            walk.collect::<Vec<_>>()
        });
    let round = (17..600_i32, 0.1..80.0_f64, any::<u64>()).prop_map(|(count, size, seed)| {
        let mut dice = dice(seed);
        let spoke = |i: i32| {
            let angle = std::f64::consts::TAU * f64::from(i) / f64::from(count);
            let length = size * (0.7 + 0.3 * f64::from(dice(1_000)) / 1_000.0);
            [length * angle.cos(), length * angle.sin()]
        };
        (0..count).map(spoke).collect::<Vec<_>>()
    });
    // About the world, and to a pole.
    let wide = (20..300_i32, any::<u64>(), any::<bool>()).prop_map(|(count, seed, north)| {
        let mut dice = dice(seed);
        let pole = if north { 90.0 } else { -90.0 };
        let mut ring: Vec<Position> = (0..=count)
            .map(|i| {
                let lon = -180.0 + 360.0 * f64::from(i) / f64::from(count);
                [
                    lon.clamp(-180.0, 180.0),
                    pole * (0.5 + f64::from(dice(9)) / 20.0),
                ]
            })
            .collect();
        ring.extend([[180.0, pole], [-180.0, pole]]);
        ring
    });
    prop_oneof![wild, grid, walk, round, wide].prop_map(|mut ring| {
        ring.push(ring[0]);
        ring
    })
}

fn long_shape() -> impl Strategy<Value = Shape> {
    let area = proptest::collection::vec(long_ring(), 1..=3);
    proptest::collection::vec(area, 1..=3).prop_map(|areas| {
        let areas: Vec<String> = areas
            .iter()
            .map(|rings| {
                let rings: Vec<String> = rings.iter().map(|ring| line_text(ring)).collect();
                format!("[{}]", rings.join(","))
            })
            .collect();
        shape_of(&geometry_text("MultiPolygon", &areas))
    })
}

/// Places that tell: at positions, on edges, level with positions, and anywhere.
fn places(shape: &Shape, seed: u64) -> Vec<Position> {
    let mut dice = dice(seed);
    let edges = ring_edges(shape);
    let count = u32::try_from(edges.len()).unwrap();
    let mut places = Vec::new();
    for turn in 0..48 {
        let (.., a, b) = edges[dice(count) as usize];
        let (.., c, _) = edges[dice(count) as usize];
        places.push(match turn % 4 {
            0 => a,
            1 => [0, 1].map(|i| a[i] + (b[i] - a[i]) / 2.0),
            2 => [c[0], a[1]],
            _ => [0, 1].map(|i| a[i] + (c[i] - a[i]) * f64::from(dice(100)) / 70.0),
        });
    }
    let clamp = |p: Position| [p[0].clamp(-180.0, 180.0), p[1].clamp(-90.0, 90.0)];
    places.into_iter().map(clamp).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(600)))]

    #[test]
    fn many_edges_lie_as_the_few_they_divide(
        asked in figure(0..=5), feature in figure(0..=5), seed in any::<u64>(),
    ) {
        check((&asked, &feature), false, seed)?;
    }

    #[test]
    fn many_edges_at_a_seam_lie_as_the_few_they_divide(
        asked in cut_figure(), feature in cut_figure(), seed in any::<u64>(),
    ) {
        check((&asked, &feature), true, seed)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(200)))]

    /// Points and boxes in shapes of hundreds of edges, against a look at each edge and
    /// against the stored form.
    #[test]
    fn points_and_boxes_lie_as_a_look_at_each_edge_says(shape in long_shape(), seed in any::<u64>()) {
        let prepared = Prepared::new(&shape);
        let budget = Budget::ample();
        let body = body_of(&shape);
        let places = places(&shape, seed);
        for (place, next) in places.iter().zip(places.iter().skip(1)) {
            let (inside, on) = located(&shape, *place);
            let point = Prepared::new(&Shape::point(*place));
            for predicate in [Predicate::Intersects, Predicate::Within, Predicate::Contains] {
                let alone = prepared.accepts_point(*place, predicate, &budget).unwrap();
                prop_assert_eq!(alone, prepared.accepts(&point, predicate, &budget).unwrap());
            }
            if place[0].abs() < 180.0 && place[1].abs() < 90.0 {
                let met = prepared.intersects(&point, &budget).unwrap();
                prop_assert_eq!(met, inside || on, "{:?}", place);
                if !on {
                    let within = prepared.accepts(&point, Predicate::Within, &budget).unwrap();
                    prop_assert_eq!(within, inside, "{:?}", place);
                }
                compared("points in shapes of hundreds of edges", 1);
            }
            let mut rect = Rect::point(*place);
            rect.extend(&Rect::point(*next));
            for rect in [Rect::point(*place), rect] {
                let met = prepared.meets_rects(&[rect], &budget).unwrap();
                prop_assert_eq!(met, intersects_box(&body, &[rect]).unwrap(), "{:?}", rect);
                compared("boxes that meet shapes of hundreds of edges", 1);
            }
        }
    }

    /// The nearest edge is the nearest of all.
    #[test]
    fn the_nearest_of_many_edges_is_that_of_each_alone(
        shape in long_shape(), from in anywhere(), near in any::<bool>(), seed in any::<u64>(),
    ) {
        let from = if near { places(&shape, seed)[3] } else { from };
        let center = Center::new(from);
        let found = distance(&center, &shape).unwrap();
        if found == 0.0 {
            let point = Prepared::new(&Shape::point(from));
            let met = Prepared::new(&shape).intersects(&point, &Budget::ample()).unwrap();
            prop_assert!(met);
            return Ok(());
        }
        let alone = ring_edges(&shape).into_iter().map(|(.., a, b)| {
            let line = Shape { lines: vec![vec![a, b]], ..Shape::default() };
            distance(&center, &line).unwrap()
        });
        prop_assert_eq!(found, alone.fold(f64::INFINITY, f64::min));
        compared("distances to shapes of hundreds of edges", 1);
    }
}

/// A stored feature with this geometry.
fn body_of(shape: &Shape) -> Vec<u8> {
    let areas: Vec<String> = shape
        .areas
        .iter()
        .map(|area| {
            let rings: Vec<String> = area.rings.iter().map(|ring| line_text(ring)).collect();
            format!("[{}]", rings.join(","))
        })
        .collect();
    let geometry = geometry_text("MultiPolygon", &areas);
    let text = format!(r#"{{"geometry":{geometry}}}"#);
    let mut cbor = Vec::new();
    encode_json(
        &Source::new(text.as_bytes()).unwrap().value().unwrap(),
        &mut cbor,
    );
    cbor
}

#[test]
fn a_million_positions_are_prepared_and_asked_in_few_steps() {
    // A star whose spokes are all different: the ray from its middle meets one.
    let count = 1_000_000;
    let mut dice = dice(7);
    let spoke = |i: i32| {
        let angle = std::f64::consts::TAU * f64::from(i) / f64::from(count);
        let length = 50.0 + f64::from(dice(1_000)) / 100.0;
        [length * angle.cos(), length * angle.sin()]
    };
    let mut ring: Vec<Position> = (0..count).map(spoke).collect();
    ring.push(ring[0]);
    let mut envelope = Rect::point(ring[0]);
    ring.iter().for_each(|p| envelope.extend(&Rect::point(*p)));
    let areas = vec![shape::Area {
        rings: vec![ring],
        envelope,
    }];
    let prepared = Prepared::new(&Shape {
        areas,
        ..Shape::default()
    });
    // 16 bytes a position, and an eighth more.
    assert!(prepared.bytes() < 19 * 1_000_000, "{}", prepared.bytes());
    let budget = Budget::ample();
    let held = |p: Position| {
        let point = Prepared::new(&Shape::point(p));
        prepared
            .accepts(&point, Predicate::Within, &budget)
            .unwrap()
    };
    let start = std::time::Instant::now();
    let inside = (0..1_000)
        .filter(|i| held([f64::from(*i) * 0.1 - 40.0, 3.0]))
        .count();
    let took = start.elapsed();
    assert!((880..=1_000).contains(&inside), "{inside}");
    // To look at each edge once takes milliseconds.
    assert!(took.as_millis() < 2_000, "{took:?}");
}
