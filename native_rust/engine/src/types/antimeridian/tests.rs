use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::budget::Budget;
use crate::geo::{Predicate, Prepared, Shape};
use crate::limits::Limits;
use crate::testing::oracles::{cases, compared};
use crate::types::cbor::{encode_json, write_json};
use crate::types::{Source, check_geometry};

/// The geometry that another is read as.
fn read(geometry: &Value, antimeridian: Antimeridian) -> Result<Value, Error> {
    let text = geometry.to_string();
    let mut json = Source::new(text.as_bytes()).unwrap().value().unwrap();
    check_geometry(&mut json, antimeridian, &Limits::default())?;
    let (mut cbor, mut out) = (Vec::new(), Vec::new());
    encode_json(&json, &mut cbor);
    write_json(&cbor, &mut out).unwrap();
    Ok(serde_json::from_slice(&out).unwrap())
}

fn cut(geometry: &Value) -> Value {
    read(geometry, Antimeridian::Cut).unwrap()
}

fn polygon(rings: Value) -> Value {
    json!({"type": "Polygon", "coordinates": rings})
}

/// Whether it is refused by default, and stays as it is where that is asked for.
fn is_refused(geometry: &Value) -> bool {
    assert_eq!(&read(geometry, Antimeridian::AsIs).unwrap(), geometry);
    match read(geometry, Antimeridian::Refuse) {
        Ok(read) => {
            assert_eq!(&read, geometry);
            false
        }
        Err(error) => {
            assert_eq!(error.code(), "antimeridian_crossing");
            assert!(error.to_string().contains("antimeridian=cut"), "{error}");
            true
        }
    }
}

#[test]
fn edges_wider_than_half_the_earth_are_refused_unless_they_go_around_it() {
    for (geometry, refused) in [
        // A footprint across the antimeridian that was not cut.
        (
            polygon(json!([[
                [-179, 0],
                [170, 0],
                [170, 5],
                [-179, 5],
                [-179, 0]
            ]])),
            true,
        ),
        (
            json!({"type": "LineString", "coordinates": [[179, 0], [-179, 1]]}),
            true,
        ),
        (
            json!({"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]], [[-100, 0], [100, 0]]]}),
            true,
        ),
        (
            json!({"type": "MultiPoint", "coordinates": [[179, 0], [-179, 1]]}),
            false,
        ),
        (
            json!({"type": "LineString", "coordinates": [[-90, 0], [90, 0]]}),
            false,
        ),
        (
            json!({"type": "LineString", "coordinates": [[-180, 0], [180, 0]]}),
            false,
        ),
        // Around the world, and Antarctica as Natural Earth has it.
        (
            polygon(json!([[
                [-180, -10],
                [180, -10],
                [180, 10],
                [-180, 10],
                [-180, -10]
            ]])),
            false,
        ),
        (
            polygon(json!([[
                [-180, -84],
                [-90, -70],
                [0, -72],
                [90, -68],
                [180, -84],
                [180, -90],
                [-179.99999999999994, -90],
                [-180, -90],
                [-180, -84]
            ]])),
            false,
        ),
        (
            polygon(json!([[[-170, 90], [170, 90], [0, 0], [-170, 90]]])),
            false,
        ),
    ] {
        assert_eq!(is_refused(&geometry), refused, "{geometry}");
        if !refused {
            assert_eq!(cut(&geometry), geometry);
        }
    }
    let pointed = read(
        &polygon(json!([
            [[0, 0], [1, 0], [-179.5, 1], [0, 1], [0, 0]],
            [[0.0, 0.0], [0.1, 0.0], [0.1, 0.1], [0.0, 0.0]]
        ])),
        Antimeridian::Refuse,
    );
    assert_eq!(pointed.unwrap_err().pointer(), Some("/coordinates/0/2"));
}

#[test]
fn what_crosses_is_cut_into_what_rfc_7946_has_of_it() {
    for (geometry, expected) in [
        (
            json!({"type": "LineString", "coordinates": [[170, 45], [-170, 45]]}),
            json!({"type": "MultiLineString", "coordinates": [[[170, 45], [180.0, 45.0]], [[-180.0, 45.0], [-170, 45]]]}),
        ),
        // Altitudes are between those of the ends.
        (
            json!({"type": "LineString", "coordinates": [[-178, 2, 10, 7], [178, 0, 30, 9]]}),
            json!({"type": "MultiLineString", "coordinates": [
                [[-178, 2, 10, 7], [-180.0, 1.0, 20.0, 8.0]], [[180.0, 1.0, 20.0, 8.0], [178, 0, 30, 9]]]}),
        ),
        // A line that only touches it from one side, with the sign of the other.
        (
            json!({"type": "LineString", "coordinates": [[-180, 2], [170, 0]]}),
            json!({"type": "LineString", "coordinates": [[180.0, 2.0], [170, 0]]}),
        ),
        (
            polygon(json!([[
                [-179, 0],
                [-179, 4],
                [177, 4],
                [177, 0],
                [-179, 0]
            ]])),
            json!({"type": "MultiPolygon", "coordinates": [
                [[[180.0, 4.0], [177, 4], [177, 0], [180.0, 0.0], [180.0, 4.0]]],
                [[[-180.0, 0.0], [-179, 0], [-179, 4], [-180.0, 4.0], [-180.0, 0.0]]]]}),
        ),
        // One that is on one side only, with vertices that have the sign of the other.
        (
            polygon(json!([[
                [-180, 0],
                [179, 0],
                [179, 4],
                [-180, 4],
                [-180, 0]
            ]])),
            polygon(json!([[
                [180.0, 0.0],
                [179, 0],
                [179, 4],
                [180.0, 4.0],
                [180.0, 0.0]
            ]])),
        ),
        // The ring of Taveuni at 1:10 million in the npm package world-atlas, shortened.
        (
            polygon(json!([[
                [-180, -16.54],
                [180, -16.54],
                [179.9, -16.52],
                [180, -16.49],
                [-180, -16.54]
            ]])),
            polygon(json!([[
                [180.0, -16.54],
                [179.9, -16.52],
                [180, -16.49],
                [180.0, -16.54]
            ]])),
        ),
        // Around a pole: the nearer one.
        (
            polygon(json!([[[0, 80], [90, 80], [180, 80], [-90, 80], [0, 80]]])),
            polygon(json!([[
                [-180.0, 80.0],
                [-90, 80],
                [0, 80],
                [90, 80],
                [180, 80],
                [180.0, 90.0],
                [-180.0, 90.0],
                [-180.0, 80.0]
            ]])),
        ),
        (
            polygon(json!([[
                [-180, -84.7],
                [-60, -70],
                [60, -70],
                [180, -84.7],
                [-180, -84.7]
            ]])),
            polygon(json!([[
                [-180.0, -84.7],
                [-60, -70],
                [60, -70],
                [180, -84.7],
                [180.0, -90.0],
                [-180.0, -90.0],
                [-180.0, -84.7]
            ]])),
        ),
    ] {
        let found = cut(&geometry);
        assert_eq!(found, expected, "{geometry}");
        // And is then as it should have come.
        assert!(!is_refused(&found));
        assert_eq!(cut(&found), found);
    }
}

#[test]
fn holes_stay_with_what_they_are_in() {
    let ring = |w: i32, s: i32, e: i32, n: i32| {
        let lon = |x: i32| if x > 180 { x - 360 } else { x };
        json!([
            [lon(w), s],
            [lon(e), s],
            [lon(e), n],
            [lon(w), n],
            [lon(w), s]
        ])
    };
    // On the east, on the west, and across.
    let holed = polygon(json!([
        ring(170, 0, 190, 20),
        ring(172, 2, 174, 4),
        ring(184, 2, 186, 4),
        ring(178, 10, 182, 12)
    ]));
    let found = cut(&holed);
    let lands: Vec<usize> = found["coordinates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|polygon| polygon.as_array().unwrap().len())
        .collect();
    assert_eq!(lands, [2, 2]);
    // Between two rings around a pole.
    let belt = polygon(json!([
        [[0, 60], [120, 60], [-120, 60], [0, 60]],
        [[0, 80], [120, 80], [-120, 80], [0, 80]]
    ]));
    for (geometry, inside, outside) in [
        (
            &holed,
            [[179.0, 5.0], [-179.0, 15.0]],
            [[173.0, 3.0], [-178.5, 11.0]],
        ),
        (
            &belt,
            [[0.0, 70.0], [180.0, 75.0]],
            [[0.0, 85.0], [10.0, 90.0]],
        ),
    ] {
        let found = cut(geometry);
        assert!(inside.into_iter().all(|p| holds(&found, p)), "{found}");
        assert!(!outside.into_iter().any(|p| holds(&found, p)), "{found}");
    }
}

#[test]
fn what_cannot_be_cut_says_why() {
    let twice = polygon(json!([[
        [0, 60],
        [120, 60],
        [-120, 60],
        [0, 61],
        [120, 61],
        [-120, 61],
        [0, 60]
    ]]));
    let error = read(&twice, Antimeridian::Cut).unwrap_err();
    assert!(
        error.to_string().contains("around the earth 2 times"),
        "{error}"
    );
    assert_eq!(error.pointer(), Some("/coordinates"));
}

#[test]
fn boxes_are_those_of_what_was_cut() {
    let mut footprint = polygon(json!([[
        [-179, 0],
        [-179, 4],
        [170, 4],
        [170, 0],
        [-179, 0]
    ]]));
    footprint["bbox"] = json!([-179, 0, 10, 170, 4, 20]);
    assert_eq!(
        cut(&footprint)["bbox"],
        json!([170.0, 0.0, 10, -179.0, 4.0, 20])
    );
    let both = json!({"type": "GeometryCollection", "bbox": [-179, 0, 170, 4], "geometries": [
        {"type": "Point", "coordinates": [-160, 9]}, footprint]});
    assert_eq!(cut(&both)["bbox"], json!([170.0, 0.0, -160.0, 9.0]));
    let mut cap = polygon(json!([[[0, 80], [120, 80], [-120, 80], [0, 80]]]));
    cap["bbox"] = json!([-120, 80, 120, 80]);
    assert_eq!(cut(&cap)["bbox"], json!([-180.0, 80.0, 180.0, 90.0]));
}

/// The pole that is within a ring after it was cut.
fn pole_of(ring: &[[f64; 2]]) -> f64 {
    let found = cut(&polygon(json!([ring])));
    let [south, north] = [-90.0, 90.0].map(|pole| holds(&found, [0.0, pole]));
    assert_ne!(south, north, "{found}");
    if north { 90.0 } else { -90.0 }
}

/// The same ring, closed, that begins at another of its positions, or goes the other way.
fn begun_at(ring: &[[f64; 2]], place: usize, reversed: bool) -> Vec<[f64; 2]> {
    let mut ring: Vec<[f64; 2]> = ring.split_last().unwrap().1.to_vec();
    let place = place % ring.len();
    ring.rotate_left(place);
    ring.push(ring[0]);
    if reversed {
        ring.reverse();
    }
    ring
}

/// The same ring with so many more positions on each of its edges.
fn drawn_densely(ring: &[[f64; 2]], more: impl Fn(usize) -> usize) -> Vec<[f64; 2]> {
    let mut dense = Vec::new();
    for (i, pair) in ring.windows(2).enumerate() {
        let [[x, y], [to_x, to_y]] = [pair[0], pair[1]];
        let width = match to_x - x {
            wide if wide.abs() > 180.0 => wide - 360.0_f64.copysign(wide),
            width => width,
        };
        dense.push([x, y]);
        for n in 1..=more(i) {
            let share = n as f64 / (more(i) + 1) as f64;
            dense.push([wrapped(x + share * width), y + share * (to_y - y)]);
        }
    }
    dense.push(ring[0]);
    dense
}

#[test]
fn which_pole_a_ring_holds_does_not_depend_on_how_it_is_drawn() {
    let crown = [
        [-150.0, -40.0],
        [-90.0, 85.0],
        [-30.0, -40.0],
        [30.0, 85.0],
        [90.0, -40.0],
        [150.0, -40.0],
        [-150.0, -40.0],
    ];
    // What a satellite sees on half an orbit across the north pole: its ends reach far into
    // the south, but they are short.
    let swath = [
        [10.0, -80.0],
        [12.0, 0.0],
        [20.0, 80.0],
        [160.0, 80.0],
        [168.0, 0.0],
        [170.0, -80.0],
        [-170.0, -80.0],
        [-168.0, 0.0],
        [-160.0, 80.0],
        [-20.0, 80.0],
        [-12.0, 0.0],
        [-10.0, -80.0],
        [10.0, -80.0],
    ];
    // In balance.
    let wave = [
        [-135.0, 50.1],
        [-45.0, -50.1],
        [45.0, 50.1],
        [135.0, -50.1],
        [-135.0, 50.1],
    ];
    let flat = [[-120.0, 0.0], [0.0, 0.0], [120.0, 0.0], [-120.0, 0.0]];
    for (ring, always) in [
        (&crown[..], false),
        (&swath[..], false),
        (&wave[..], true),
        (&flat[..], true),
    ] {
        let mirrored: Vec<[f64; 2]> = ring.iter().map(|[x, y]| [*x, -y]).collect();
        for place in 0..ring.len() {
            for reversed in [false, true] {
                let again = begun_at(ring, place, reversed);
                assert_eq!(pole_of(&again), 90.0, "{again:?}");
                let south = if always { 90.0 } else { -90.0 };
                let again = begun_at(&mirrored, place, reversed);
                assert_eq!(pole_of(&again), south, "{again:?}");
            }
            let dense = drawn_densely(ring, |i| if i == place { 40 } else { 0 });
            assert_eq!(pole_of(&dense), 90.0, "{dense:?}");
        }
    }
    let found = cut(&polygon(json!([swath])));
    assert!(holds(&found, [0.0, 0.0]) && holds(&found, [180.0, -70.0]));
    assert!(!holds(&found, [90.0, 0.0]));
}

fn holds(geometry: &Value, p: [f64; 2]) -> bool {
    let text = geometry.to_string();
    let mut cbor = Vec::new();
    encode_json(
        &Source::new(text.as_bytes()).unwrap().value().unwrap(),
        &mut cbor,
    );
    let shape = Shape::of_geometry(&cbor).unwrap();
    Prepared::new(&shape)
        .accepts(
            &Prepared::new(&Shape::point(p)),
            Predicate::Intersects,
            &Budget::ample(),
        )
        .unwrap()
}

/// Within the plane.
fn wrapped(lon: f64) -> f64 {
    (lon + 540.0).rem_euclid(360.0) - 180.0
}

/// Whether a ring holds a position in a plane that goes on for ever.
fn ring_holds(ring: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    let crossed = |(a, b): &(&[f64; 2], &[f64; 2])| {
        (a[1] > y) != (b[1] > y) && a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) > x
    };
    edges.filter(crossed).count() % 2 == 1
}

/// That a polygon holds after the cut what it held before, in places that are given as shares of its
/// box or of a triangular hole.
fn check_cut(
    ring: &[[f64; 2]],
    holes: &[Vec<[f64; 2]>],
    middle: f64,
    places: &[(f64, f64)],
    signs: &[bool],
) -> Result<(), TestCaseError> {
    // The antimeridian may be written as 180 and as -180.
    let written = |ring: &[[f64; 2]]| -> Vec<[f64; 2]> {
        let open = ring.iter().zip(signs.iter().cycle());
        let mut written: Vec<[f64; 2]> = open
            .map(|([x, y], east)| match wrapped(*x) {
                x if x == -180.0 && *east => [180.0, *y],
                x => [x, *y],
            })
            .collect();
        written.push(written[0]);
        written
    };
    let rings = std::iter::once(ring).chain(holes.iter().map(Vec::as_slice));
    let rings: Vec<Vec<[f64; 2]>> = rings.map(written).collect();
    let found = cut(&polygon(json!(rings)));
    let (extent, count) = (|axis: usize| ring.iter().map(move |p| p[axis]), holes.len());
    let least = |axis| extent(axis).fold(f64::INFINITY, f64::min);
    let most = |axis| extent(axis).fold(f64::NEG_INFINITY, f64::max);
    for (n, (x, y)) in places.iter().enumerate() {
        // Half of them somewhere in the box, the others in holes.
        let place = match holes.get(n / 2 % count).filter(|_| n % 2 == 0) {
            Some(hole) => [0, 1].map(|axis| {
                let (s, t) = if x + y > 1.0 {
                    (1.0 - x, 1.0 - y)
                } else {
                    (*x, *y)
                };
                let from = |corner: usize| hole[corner][axis] - hole[0][axis];
                hole[0][axis] + s * from(1) + t * from(2)
            }),
            None => [(0, x), (1, y)]
                .map(|(axis, share)| least(axis) + share * (most(axis) - least(axis))),
        };
        let held = ring_holds(ring, place) && !holes.iter().any(|hole| ring_holds(hole, place));
        let at = [wrapped(place[0]), place[1]];
        prop_assert_eq!(
            holds(&found, at),
            held,
            "{:?} of {:?} around {}: {}",
            place,
            rings,
            middle,
            found
        );
        compared("places in rings with holes that were cut", 1);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(2_000)))]

    /// A star that lies anywhere, as it comes from a writer that knows of no
    /// antimeridian, holds after it was cut what it held before.
    #[test]
    fn cutting_changes_no_place(
        middle in prop_oneof![Just(180.0), -180.0..180.0_f64],
        spokes in proptest::collection::vec(5..60_i32, 3..12),
        places in proptest::collection::vec([-90.0..90.0_f64, -65.0..65.0_f64], 12),
    ) {
        let turn = std::f64::consts::TAU / spokes.len() as f64;
        let spoke = |(i, length): (usize, &i32)| {
            let (sin, cos) = (i as f64 * turn).sin_cos();
            [middle + cos * f64::from(*length), sin * f64::from(*length)]
        };
        let ring: Vec<[f64; 2]> = spokes.iter().enumerate().map(spoke).collect();
        let closed = ring.iter().chain(ring.first());
        let written: Vec<[f64; 2]> = closed.map(|[x, y]| [wrapped(*x), *y]).collect();
        let geometry = polygon(json!([written]));
        let found = cut(&geometry);
        for [x, y] in places {
            let place = [middle + x, y];
            let held = ring_holds(&ring, place);
            prop_assert_eq!(holds(&found, [wrapped(place[0]), y]), held, "{:?} {}", place, found);
            compared("places in rings that were cut", 1);
        }
    }

    /// What is in a hole is outside after the cut, too, however the hole touches the ring
    /// around it, or the antimeridian, and wherever it begins.
    #[test]
    fn cutting_loses_no_hole(
        middle in prop_oneof![Just(180.0), 150.0..210.0_f64],
        spokes in proptest::collection::vec(5..60_i32, 3..12),
        turns in proptest::collection::vec((0..3_usize, any::<bool>(), any::<bool>()), 12),
        places in proptest::collection::vec((0.01..0.99_f64, 0.01..0.99_f64), 24),
    ) {
        let turn = std::f64::consts::TAU / spokes.len() as f64;
        let spoke = |i: usize, share: f64| {
            let length = f64::from(spokes[i % spokes.len()]) * share;
            let (sin, cos) = (i as f64 * turn).sin_cos();
            [middle + cos * length, sin * length]
        };
        let ring: Vec<[f64; 2]> = (0..spokes.len()).map(|i| spoke(i, 1.0)).collect();
        // One in each sector of the star, which may touch its tip.
        let hole = |i: usize| {
            let (place, reversed, touches) = turns[i];
            let (a, b) = (spoke(i, 0.5), spoke(i + 1, 0.5));
            let tip = spoke(i, if touches { 1.0 } else { 0.8 });
            let mut hole = vec![tip, spoke(i, 0.3), [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0]];
            hole.rotate_left(place);
            if reversed {
                hole.reverse();
            }
            hole
        };
        let holes: Vec<Vec<[f64; 2]>> = (0..spokes.len()).map(hole).collect();
        check_cut(&ring, &holes, middle, &places, &[false])?;
    }

    /// The same on a grid, where edges lie on each other and on the antimeridian.
    #[test]
    fn cutting_loses_no_hole_on_a_grid(
        west in 170..=179_i32, east in 181..=190_i32,
        first in 0..4_usize, reversed in any::<bool>(),
        signs in proptest::collection::vec(any::<bool>(), 4),
        corners in proptest::collection::vec((170..=190_i32, 0..=10_i32), 3),
        places in proptest::collection::vec((0.01..0.99_f64, 0.01..0.99_f64), 24),
    ) {
        let mut ring = [[west, 0], [east, 0], [east, 10], [west, 10]].map(|p| p.map(f64::from));
        ring.rotate_left(first);
        if reversed {
            ring.reverse();
        }
        let corner = |(x, y): &(i32, i32)| [f64::from((*x).clamp(west, east)), f64::from(*y)];
        let hole: Vec<[f64; 2]> = corners.iter().map(corner).collect();
        let [a, b, c] = [hole[0], hole[1], hole[2]];
        // One that is flat has no inside.
        if (b[0] - a[0]) * (c[1] - a[1]) == (c[0] - a[0]) * (b[1] - a[1]) {
            return Ok(());
        }
        check_cut(&ring, &[hole], 180.0, &places, &signs)?;
    }

    /// Around a pole, what is nearer to it than the ring is inside.
    #[test]
    fn a_ring_around_a_pole_holds_it(
        heights in proptest::collection::vec(40..80_i32, 4..12),
        first in -180.0..180.0_f64, north in any::<bool>(), turned in any::<bool>(),
        places in proptest::collection::vec([0.0..1.0_f64, 20.0..89.0_f64], 12),
    ) {
        let sign = if north { 1.0 } else { -1.0 };
        let step = 360.0 / heights.len() as f64;
        let mut written: Vec<[f64; 2]> = heights
            .iter()
            .enumerate()
            .map(|(i, height)| [wrapped(first + i as f64 * step), sign * f64::from(*height)])
            .collect();
        written.push(written[0]);
        if turned {
            written.reverse();
        }
        let found = cut(&polygon(json!([written])));
        prop_assert!(holds(&found, [first, sign * 90.0]));
        prop_assert!(!holds(&found, [first, sign * -90.0]));
        for [along, lat] in places {
            let at = along * heights.len() as f64;
            let i = (at as usize).min(heights.len() - 1);
            let (a, b) = (f64::from(heights[i]), f64::from(heights[(i + 1) % heights.len()]));
            let height = a + (at - i as f64) * (b - a);
            if (lat - height).abs() > 1e-6 {
                let place = [wrapped(first + along * 360.0), sign * lat];
                prop_assert_eq!(holds(&found, place), lat > height, "{:?} {}", place, found);
                compared("places in rings around poles", 1);
            }
        }
    }

    /// A ring around the earth holds the same, wherever it begins, whichever way it goes and
    /// however many positions are on its edges: the smaller side of it.
    #[test]
    fn a_ring_around_the_earth_holds_the_smaller_side(
        steps in proptest::collection::vec((1..20_i32, -60..=60_i32), 3..12),
        first in prop_oneof![Just(180), -180..180_i32],
        place in 0..12_usize, reversed in any::<bool>(),
        more in proptest::collection::vec(0..5_usize, 12),
        places in proptest::collection::vec([-180.0..180.0_f64, -89.0..89.0_f64], 12),
    ) {
        let whole: i32 = steps.iter().map(|(width, _)| width).sum();
        // A step of half the earth has two short ways.
        prop_assume!(steps.iter().all(|(width, _)| width * 2 < whole));
        let mut ring: Vec<[f64; 2]> = Vec::new();
        let mut until = 0;
        for (width, height) in &steps {
            let along = f64::from(until) * 360.0 / f64::from(whole);
            ring.push([wrapped(f64::from(first) + along), f64::from(*height)]);
            until += width;
        }
        ring.push(ring[0]);
        // Between two positions the latitude is in the mean that in the middle.
        let next = |i: usize| steps[(i + 1) % steps.len()].1;
        let area: i32 = steps.iter().enumerate().map(|(i, (width, height))| width * (height + next(i))).sum();
        let pole = if area < 0 { -90.0 } else { 90.0 };
        prop_assert_eq!(pole_of(&ring), pole, "{:?}", ring);
        let found = cut(&polygon(json!([ring])));
        let turned = begun_at(&ring, place, reversed);
        let dense = drawn_densely(&turned, |i| more[i % more.len()]);
        for again in [turned, dense] {
            let again_cut = cut(&polygon(json!([again])));
            prop_assert_eq!(pole_of(&again), pole, "{:?}", again);
            for p in &places {
                prop_assert_eq!(holds(&found, *p), holds(&again_cut, *p), "{:?} {:?}", p, again);
                compared("places in rings that are drawn in two ways", 1);
            }
        }
    }
}
