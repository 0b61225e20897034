//! Collections, shapes that touch, and what lies across seams, against looking
//! everywhere in fractions.

use super::exact::{Figure, Place};
use super::*;

fn place(x: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = Place> {
    (x, 0..=5_i32).prop_map(|(x, y)| [x.into(), y.into()])
}

/// A ring about anything: a box, a triangle, or any polygon, which may cross itself, run
/// back on itself and be flat.
fn ring(x: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = Vec<Place>> {
    let boxed = (place(x.clone()), place(x.clone()))
        .prop_map(|([x, y], [z, w])| vec![[x, y], [z, y], [z, w], [x, w], [x, y]]);
    let any = proptest::collection::vec(place(x), 3..=6).prop_map(|mut ring| {
        ring.push(ring[0]);
        ring
    });
    prop_oneof![2 => boxed, 1 => any]
}

/// One part of a figure.
fn part(x: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = Figure> {
    let area = proptest::collection::vec(ring(x.clone()), 1..=2).prop_map(|rings| Figure {
        areas: vec![rings],
        ..Figure::default()
    });
    let line = proptest::collection::vec(place(x.clone()), 2..=4).prop_map(|line| Figure {
        lines: vec![line],
        ..Figure::default()
    });
    let point = place(x).prop_map(|point| Figure {
        points: vec![point],
        ..Figure::default()
    });
    prop_oneof![4 => area, 2 => line, 1 => point]
}

fn union(parts: Vec<Figure>) -> Figure {
    parts.into_iter().fold(Figure::default(), |mut all, part| {
        all.points.extend(part.points);
        all.lines.extend(part.lines);
        all.areas.extend(part.areas);
        all
    })
}

/// Of one part, which is often within, or of some.
pub(super) fn figure(x: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = Figure> {
    let sizes = prop_oneof![1..=1_usize, 2..=4_usize];
    sizes
        .prop_flat_map(move |size| proptest::collection::vec(part(x.clone()), size).prop_map(union))
}

/// On either side of 0, nothing across it.
pub(super) fn cut_figure() -> impl Strategy<Value = Figure> {
    let part = || prop_oneof![part(-4..=0), part(0..=4)];
    proptest::collection::vec(part(), 1..=4).prop_map(union)
}

/// The figure as a GeometryCollection; `to` says where a position of a part is that has
/// one west of 0 or not.
pub(super) fn collection(figure: &Figure, to: impl Fn(Place, bool) -> Position) -> Shape {
    let text = |parts: &[Place]| {
        let west = parts.iter().any(|p| p[0] < 0);
        line_text(&parts.iter().map(|p| to(*p, west)).collect::<Vec<_>>())
    };
    let geometry = |kind: &str, coordinates: String| {
        format!(r#"{{"type":"{kind}","coordinates":{coordinates}}}"#)
    };
    let mut parts = Vec::new();
    for point in &figure.points {
        parts.push(geometry("MultiPoint", text(&[*point])));
    }
    for line in &figure.lines {
        parts.push(geometry("LineString", text(line)));
    }
    for rings in &figure.areas {
        // Holes go where the outer ring is.
        let all = rings.concat();
        let west = all.iter().any(|p| p[0] < 0);
        let ring =
            |ring: &Vec<Place>| line_text(&ring.iter().map(|p| to(*p, west)).collect::<Vec<_>>());
        let rings: Vec<String> = rings.iter().map(ring).collect();
        parts.push(geometry("Polygon", format!("[{}]", rings.join(","))));
    }
    let parts = parts.join(",");
    shape_of(&format!(
        r#"{{"type":"GeometryCollection","geometries":[{parts}]}}"#
    ))
}

fn check(
    what: &'static str,
    (asked, feature): (&Figure, &Figure),
    to: impl Fn(Place, bool) -> Position + Copy,
) -> Result<(), TestCaseError> {
    let (ours, theirs) = (collection(asked, to), collection(feature, to));
    let (within, contains) = (feature.is_within(asked), asked.is_within(feature));
    let parts = |figure: &Figure| figure.areas.len() + figure.lines.len() + figure.points.len();
    compared(
        "of those within a union",
        usize::from(within && parts(asked) > 1),
    );
    for (predicate, expected) in [
        (Predicate::Intersects, feature.meets(asked)),
        (Predicate::Within, within),
        (Predicate::Contains, contains),
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
    compared(what, 3);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(3_000)))]

    #[test]
    fn collections_are_the_unions_of_their_parts(asked in figure(0..=5), feature in figure(0..=5)) {
        let plain = |[x, y]: Place, _| [x as f64, y as f64];
        check("intersects, within and contains of collections", (&asked, &feature), plain)?;
    }

    /// What is cut at the antimeridian lies as the same figure cut anywhere else.
    #[test]
    fn a_seam_makes_no_difference(asked in cut_figure(), feature in cut_figure()) {
        let at_seam = |[x, y]: Place, west: bool| {
            let seam = if west { 180.0 } else { -180.0 };
            [seam + x as f64, y as f64]
        };
        check("intersects, within and contains at the antimeridian", (&asked, &feature), at_seam)?;
    }

    /// A pole is surrounded when wedges leave out no longitude.
    #[test]
    fn a_pole_is_inside_of_what_lies_all_around_it(
        wedges in proptest::collection::vec((-6..=6_i32, -6..=6_i32, 0..=3_u8), 1..=6),
        lon in -6..=6_i32, north in any::<bool>(),
    ) {
        let pole = if north { 90.0 } else { -90.0 };
        let degrees = |n: i32| f64::from(n) * 30.0;
        let mut covered = [false; 12];
        let mut areas = Vec::new();
        for (from, to, kind) in wedges {
            let (from, to) = (from.min(to), from.max(to));
            let (west, east) = (degrees(from), degrees(to));
            let low = pole * 0.75;
            let mut ring = match kind {
                // It narrows to a point, which is all longitudes at once and takes up none.
                0 => vec![[west, low], [east, low], [east, pole]],
                _ => vec![[west, low], [east, low], [east, pole], [west, pole]],
            };
            ring.push(ring[0]);
            areas.push(line_text(&ring));
            if kind > 0 {
                (from..to).for_each(|n| covered[(n + 6) as usize] = true);
            }
        }
        let areas: Vec<String> = areas.into_iter().map(|ring| format!("[{ring}]")).collect();
        let asked = shape_of(&geometry_text("MultiPolygon", &areas));
        let point = Shape::point([degrees(lon), pole]);
        let surrounded = covered.iter().all(|covered| *covered);
        prop_assert!(accepts(&asked, &point, Predicate::Intersects));
        prop_assert_eq!(accepts(&asked, &point, Predicate::Within), surrounded, "{:?}", areas);
        let spoke = shape("LineString", &format!("[[0,{pole}],[180,{pole}]]"));
        prop_assert_eq!(accepts(&asked, &spoke, Predicate::Within), surrounded);
        compared("poles in areas", 3);
    }

    /// A segment whose ends are strictly inside of a convex ring is inside, wherever
    /// doubles put its middle.
    #[test]
    fn a_convex_ring_holds_what_its_sides_hold(
        corners in proptest::array::uniform3([12.3456..12.3556_f64, -45.599..-45.593_f64]),
        ends in proptest::array::uniform2([0.0..1.0_f64, 0.0..1.0_f64]),
        near in 0..3_usize,
    ) {
        let [a, b, c] = corners;
        // Ends close to one side, or anywhere.
        let end = |[s, t]: Position| {
            let t = if near == 0 { t } else { t * 1e-15 };
            let on = |axis: usize| {
                let side = a[axis] + s * (b[axis] - a[axis]);
                side + t * (c[axis] - side)
            };
            [on(0), on(1)]
        };
        let [p, q] = ends.map(end);
        let turn = crate::types::side(a, b, c);
        let inside = |p: Position| {
            [(a, b), (b, c), (c, a)]
                .into_iter()
                .all(|(from, to)| crate::types::side(from, to, p) == turn)
        };
        if inside(p) && inside(q) {
            let ring = Shape::default();
            let ring = Shape { areas: polygon_shape(&[a, b, c, a]).areas, ..ring };
            let line = Shape { lines: vec![vec![p, q]], ..Shape::default() };
            prop_assert!(accepts(&ring, &line, Predicate::Within));
            compared("segments in convex rings", 1);
        }
    }
}

fn polygon_shape(ring: &[Position]) -> Shape {
    shape("Polygon", &format!("[{}]", line_text(ring)))
}

#[test]
fn what_lies_across_areas_that_touch_is_in_their_union() {
    let boxes = |kind: &str| match kind {
        "MultiPolygon" => shape(
            kind,
            "[[[[0,0],[6,0],[6,4],[0,4],[0,0]]],[[[4,0],[10,0],[10,4],[4,4],[4,0]]]]",
        ),
        _ => shape_of(
            r#"{"type":"GeometryCollection","geometries":[
                {"type":"Polygon","coordinates":[[[0,0],[6,0],[6,4],[0,4],[0,0]]]},
                {"type":"Polygon","coordinates":[[[4,0],[10,0],[10,4],[4,4],[4,0]]]}]}"#,
        ),
    };
    let across = shape("Polygon", "[[[3,1],[7,1],[7,3],[3,3],[3,1]]]");
    let beyond = shape("Polygon", "[[[3,1],[11,1],[11,3],[3,3],[3,1]]]");
    for kind in ["MultiPolygon", "GeometryCollection"] {
        assert!(accepts(&across, &boxes(kind), Predicate::Contains));
        assert!(accepts(&boxes(kind), &across, Predicate::Within));
        assert!(!accepts(&boxes(kind), &beyond, Predicate::Within));
    }
    // Beside each other, with a gap that is a hole of their union.
    let ring = shape(
        "MultiPolygon",
        "[[[[0,0],[5,0],[5,1],[1,1],[1,4],[5,4],[5,5],[0,5],[0,0]]],[[[5,0],[6,0],[6,5],[5,5],[5,0]]]]",
    );
    assert!(!accepts(&ring, &across, Predicate::Within));
    let frame = shape(
        "LineString",
        "[[0.5,0.5],[5.5,0.5],[5.5,4.5],[0.5,4.5],[0.5,0.5]]",
    );
    assert!(accepts(&ring, &frame, Predicate::Within));
    let foot = shape("Polygon", "[[[4,0],[6,0],[6,1],[4,1],[4,0]]]");
    assert!(accepts(&ring, &foot, Predicate::Within));
}

#[test]
fn the_tip_of_a_notch_is_boundary_on_a_seam_too() {
    let notched = shape(
        "MultiPolygon",
        "[[[[170,-10],[180,-10],[180,10],[170,10],[170,-10]]],\
          [[[-180,-10],[-170,-10],[-180,0],[-170,10],[-180,10],[-180,-10]]]]",
    );
    for (lat, expected) in [(0.0, false), (5.0, true), (10.0, false)] {
        for lon in [180.0, -180.0] {
            let point = Shape::point([lon, lat]);
            assert_eq!(
                accepts(&point, &notched, Predicate::Contains),
                expected,
                "{lon} {lat}"
            );
        }
    }
}

#[test]
fn ends_strictly_inside_need_no_rounded_middle() {
    let ring = polygon_shape(&[
        [12.3456, -45.595],
        [12.352599999999999, -45.599000000000004],
        [12.355599999999999, -45.593],
        [12.3456, -45.595],
    ]);
    let line = Shape {
        lines: vec![vec![[12.3546, -45.595], [12.353599999999998, -45.597]]],
        ..Shape::default()
    };
    assert!(accepts(&ring, &line, Predicate::Within));
}
