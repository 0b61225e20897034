use geo::algorithm::line_measures::{Distance, Geodesic};
use geo::{
    Coord, Geometry, Intersects, LineString, MultiLineString, MultiPoint, MultiPolygon, Point,
    Polygon, Relate, Validation,
};
use proptest::prelude::*;

use super::shape::Position;
use super::*;
use crate::budget::Budget;
use crate::testing::oracles::{cases, compared};
use crate::types::cbor::encode_json;
use crate::types::{BoundingBox, Rect, Source};

mod dense;
mod exact;
mod unions;

/// A shape from the coordinates of a geometry.
fn shape(kind: &str, coordinates: &str) -> Shape {
    let text = format!(r#"{{"type":"{kind}","coordinates":{coordinates}}}"#);
    shape_of(&text)
}

fn shape_of(geometry: &str) -> Shape {
    let mut cbor = Vec::new();
    let source = Source::new(geometry.as_bytes()).unwrap();
    encode_json(&source.value().unwrap(), &mut cbor);
    Shape::of_geometry(&cbor).unwrap()
}

fn accepts(asked: &Shape, feature: &Shape, predicate: Predicate) -> bool {
    let budget = Budget::ample();
    let [asked, prepared] = [asked, feature].map(Prepared::new);
    let accepts = asked.accepts(&prepared, predicate, &budget).unwrap();
    if let (&[point], [], []) = (&*feature.points, &*feature.lines, &*feature.areas) {
        let alone = asked.accepts_point(point, predicate, &budget).unwrap();
        assert_eq!(alone, accepts, "{predicate:?} {asked:?} {point:?}");
    }
    accepts
}

fn line_text(line: &[Position]) -> String {
    let positions: Vec<String> = line.iter().map(|[x, y]| format!("[{x},{y}]")).collect();
    format!("[{}]", positions.join(","))
}

/// The same as a GeoJSON geometry of the general type.
fn geometry_text(kind: &str, parts: &[String]) -> String {
    format!(r#"{{"type":"{kind}","coordinates":[{}]}}"#, parts.join(","))
}

/// A geometry as ours and as the one of the `geo` crate.
#[derive(Debug, Clone)]
struct Both {
    ours: Shape,
    theirs: Geometry<f64>,
}

fn coord([x, y]: Position) -> Coord<f64> {
    Coord { x, y }
}

fn line_string(line: &[Position]) -> LineString<f64> {
    line.iter().copied().map(coord).collect()
}

fn points(points: Vec<Position>) -> Both {
    let parts: Vec<String> = points.iter().map(|[x, y]| format!("[{x},{y}]")).collect();
    let theirs: Vec<Point<f64>> = points.iter().map(|p| Point(coord(*p))).collect();
    Both {
        ours: shape_of(&geometry_text("MultiPoint", &parts)),
        theirs: Geometry::MultiPoint(MultiPoint(theirs)),
    }
}

fn lines(lines: Vec<Vec<Position>>) -> Both {
    let parts: Vec<String> = lines.iter().map(|line| line_text(line)).collect();
    let theirs = lines.iter().map(|line| line_string(line)).collect();
    Both {
        ours: shape_of(&geometry_text("MultiLineString", &parts)),
        theirs: Geometry::MultiLineString(MultiLineString(theirs)),
    }
}

fn polygons(polygons: Vec<Vec<Vec<Position>>>) -> Both {
    let part = |rings: &Vec<Vec<Position>>| {
        let rings: Vec<String> = rings.iter().map(|ring| line_text(ring)).collect();
        format!("[{}]", rings.join(","))
    };
    let parts: Vec<String> = polygons.iter().map(part).collect();
    let theirs = polygons.iter().map(|rings| {
        let mut rings = rings.iter().map(|ring| line_string(ring));
        Polygon::new(rings.next().unwrap(), rings.collect())
    });
    Both {
        theirs: Geometry::MultiPolygon(MultiPolygon(theirs.collect())),
        ours: shape_of(&geometry_text("MultiPolygon", &parts)),
    }
}

/// Positions on a coarse grid: so much touches and coincides.
fn position() -> impl Strategy<Value = Position> {
    [0..=6_i32, 0..=6_i32].prop_map(|p| p.map(f64::from))
}

/// A ring: a box, a triangle or a star about the middle of the grid, either way round.
fn ring() -> impl Strategy<Value = Vec<Position>> {
    let boxed = (position(), 1..=6_i32, 1..=6_i32).prop_map(|([x, y], w, h)| {
        let (w, h) = (x + f64::from(w), y + f64::from(h));
        vec![[x, y], [w, y], [w, h], [x, h], [x, y]]
    });
    let triangle = [position(), position(), position()]
        .prop_filter("a triangle with an inside", |[a, b, c]| {
            (b[0] - a[0]) * (c[1] - a[1]) != (b[1] - a[1]) * (c[0] - a[0])
        })
        .prop_map(|[a, b, c]| vec![a, b, c, a]);
    let star = proptest::collection::vec(1..=3_i32, 8).prop_map(|radii| {
        let steps = [
            [1, 0],
            [1, 1],
            [0, 1],
            [-1, 1],
            [-1, 0],
            [-1, -1],
            [0, -1],
            [1, -1],
        ];
        let spoke = |(r, [x, y]): (i32, [i32; 2])| [f64::from(3 + r * x), f64::from(3 + r * y)];
        let mut ring: Vec<Position> = radii.into_iter().zip(steps).map(spoke).collect();
        ring.push(ring[0]);
        ring
    });
    (prop_oneof![boxed, triangle, star], any::<bool>()).prop_map(|(mut ring, turned)| {
        if turned {
            ring.reverse();
        }
        ring
    })
}

/// A polygon of up to two holes; the `geo` crate says later whether it is valid.
fn polygon() -> impl Strategy<Value = Vec<Vec<Position>>> {
    let frame = (7..=9_i32).prop_map(|size| {
        let (low, high) = (f64::from(6 - size), f64::from(size));
        vec![
            [low, low],
            [high, low],
            [high, high],
            [low, high],
            [low, low],
        ]
    });
    prop_oneof![
        2 => ring().prop_map(|ring| vec![ring]),
        1 => (frame, proptest::collection::vec(ring(), 1..=2)).prop_map(|(frame, mut holes)| {
            holes.insert(0, frame);
            holes
        }),
    ]
}

fn geometry() -> impl Strategy<Value = Both> {
    let line = proptest::collection::vec(position(), 2..=4);
    prop_oneof![
        1 => proptest::collection::vec(position(), 1..=3).prop_map(points),
        1 => proptest::collection::vec(line, 1..=3).prop_map(lines),
        4 => proptest::collection::vec(polygon(), 1..=2).prop_map(polygons),
    ]
    .prop_filter("valid by the rules of OGC", |both| both.theirs.is_valid())
}

/// Whether all crossings of edges of the two lie where doubles can be. Elsewhere the
/// matrix is wrong: it takes a line that another crosses for two that just miss it.
fn crosses_exactly(a: &Shape, b: &Shape) -> bool {
    let edges = |shape: &Shape| {
        let rings = shape.areas.iter().flat_map(|area| &area.rings);
        let lines = shape.lines.iter().chain(rings);
        lines
            .flat_map(|line| line.windows(2).map(|pair| [pair[0], pair[1]]))
            .collect::<Vec<_>>()
    };
    let all = [edges(a), edges(b)].concat();
    let exact = |[a, b]: &[Position; 2], [c, d]: &[Position; 2]| {
        let cross = |p: [f64; 2], q: [f64; 2]| (p[0] * q[1] - p[1] * q[0]) as i64;
        let minus = |p: &Position, q: &Position| [p[0] - q[0], p[1] - q[1]];
        let below = cross(minus(b, a), minus(d, c));
        let above = cross(minus(c, a), minus(d, c));
        let (mut divisor, mut rest) = (below.abs(), above.abs());
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        below == 0 || (below / divisor).unsigned_abs().is_power_of_two()
    };
    all.iter()
        .all(|one| all.iter().all(|other| exact(one, other)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(4_000)))]

    /// On valid geometries of one kind, the answers of the `geo` crate's DE-9IM matrix.
    #[test]
    fn relations_are_those_of_the_intersection_matrix(
        asked in proptest::collection::vec(geometry(), 3),
        features in proptest::collection::vec(geometry(), 3),
    ) {
        for asked in &asked {
            let prepared = Prepared::new(&asked.ours);
            let budget = Budget::ample();
            for feature in &features {
                let ours = Prepared::new(&feature.ours);
                if !crosses_exactly(&feature.ours, &asked.ours) {
                    let ours = prepared.intersects(&ours, &budget).unwrap();
                    prop_assert_eq!(ours, feature.theirs.intersects(&asked.theirs));
                    compared("intersections of two geometries", 1);
                    continue;
                }
                let matrix = feature.theirs.relate(&asked.theirs);
                for (predicate, expected) in [
                    (Predicate::Intersects, matrix.is_intersects()),
                    (Predicate::Within, matrix.is_within()),
                    (Predicate::Contains, matrix.is_contains()),
                ] {
                    let found = prepared.accepts(&ours, predicate, &budget).unwrap();
                    prop_assert_eq!(found, expected, "{:?} {:?} {:?}", predicate, feature.theirs, asked.theirs);
                }
                compared("intersects, within and contains of two geometries", 3);
            }
        }
    }
}

#[test]
fn seams_of_the_plane_are_inside_of_what_goes_on_behind_them() {
    // Ten degrees on either side of the antimeridian, as RFC 7946 writes it.
    let band = shape(
        "MultiPolygon",
        "[[[[170,0],[180,0],[180,10],[170,10],[170,0]]],\
          [[[-180,0],[-170,0],[-170,10],[-180,10],[-180,0]]]]",
    );
    let east = shape("Polygon", "[[[170,0],[180,0],[180,10],[170,10],[170,0]]]");
    let cap = shape(
        "Polygon",
        "[[[-180,60],[180,60],[180,90],[-180,90],[-180,60]]]",
    );
    // Nothing but one position, which is what a point there is, too.
    let speck =
        |lon: f64, lat: f64| shape("Polygon", &format!("[{}]", line_text(&[[lon, lat]; 5])));
    let point = |lon: f64, lat: f64| Shape::point([lon, lat]);
    use Predicate::{Contains, Intersects, Within};
    for (asked, feature, predicate, expected) in [
        (&speck(7.0, 5.0), point(7.0, 5.0), Within, true),
        (&speck(180.0, 5.0), point(-180.0, 5.0), Within, true),
        (&speck(0.0, 90.0), point(50.0, 90.0), Within, true),
        (&band, point(180.0, 5.0), Within, true),
        (&band, point(-180.0, 5.0), Within, true),
        (&band, point(180.0, 10.0), Within, false),
        (&band, point(180.0, 10.0), Intersects, true),
        (&east, point(-180.0, 5.0), Intersects, true),
        (&east, point(-180.0, 5.0), Within, false),
        (&cap, point(12.0, 90.0), Within, true),
        (&cap, point(180.0, 75.0), Within, true),
        (&cap, point(0.0, 60.0), Within, false),
        (&cap, point(0.0, -90.0), Intersects, false),
        (&point(-180.0, 3.0), point(180.0, 3.0), Within, true),
        (&point(40.0, 90.0), point(-7.0, 90.0), Contains, true),
        (&point(40.0, 90.0), point(-7.0, -90.0), Contains, false),
        (
            &band,
            shape("LineString", "[[180,2],[180,8]]"),
            Within,
            true,
        ),
        (
            &band,
            shape("LineString", "[[-180,2],[-180,12]]"),
            Within,
            false,
        ),
        (
            &band,
            shape("LineString", "[[0,10],[180,10]]"),
            Within,
            false,
        ),
        (
            &east,
            shape("LineString", "[[-180,2],[-180,8]]"),
            Within,
            false,
        ),
        (
            &east,
            shape("LineString", "[[-180,2],[-180,8]]"),
            Intersects,
            true,
        ),
        (
            &shape("LineString", "[[-180,2],[-180,8]]"),
            shape("LineString", "[[180,3],[180,8]]"),
            Within,
            true,
        ),
        (&band, band.clone(), Contains, true),
        (&east, band.clone(), Contains, true),
        (&band, east.clone(), Contains, false),
        (&point(180.0, 5.0), band.clone(), Contains, true),
    ] {
        assert_eq!(
            accepts(asked, &feature, predicate),
            expected,
            "{predicate:?} {feature:?} {asked:?}"
        );
    }
}

#[test]
fn degenerate_and_crossing_areas_are_what_the_even_odd_rule_makes_of_them() {
    use Predicate::{Contains, Intersects, Within};
    let square = shape("Polygon", "[[[0,0],[4,0],[4,4],[0,4],[0,0]]]");
    let bow_tie = shape("Polygon", "[[[0,0],[4,4],[4,0],[0,4],[0,0]]]");
    let flat = shape("Polygon", "[[[1,1],[2,1],[3,1],[1,1]]]");
    let dot = shape("Polygon", "[[[1,1],[1,1],[1,1],[1,1]]]");
    let empty = shape("MultiPolygon", "[]");
    let hole = shape(
        "Polygon",
        "[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[3,1],[3,3],[1,3],[1,1]]]",
    );
    let plug = shape("Polygon", "[[[1,1],[3,1],[3,3],[1,3],[1,1]]]");
    let pair = shape_of(
        r#"{"type":"GeometryCollection","geometries":[
            {"type":"Polygon","coordinates":[[[0,0],[2,0],[2,4],[0,4],[0,0]]]},
            {"type":"Point","coordinates":[3,3]}]}"#,
    );
    for (asked, feature, predicate, expected) in [
        (&bow_tie, Shape::point([0.5, 2.0]), Within, true),
        (&bow_tie, Shape::point([2.0, 0.5]), Intersects, false),
        (&bow_tie, Shape::point([2.0, 2.0]), Within, false),
        (
            &bow_tie,
            shape("LineString", "[[0.5,2],[3.5,2]]"),
            Within,
            true,
        ),
        (
            &bow_tie,
            shape("LineString", "[[0.5,2],[2,1]]"),
            Within,
            false,
        ),
        (&square, bow_tie.clone(), Within, true),
        (&bow_tie, square.clone(), Within, false),
        (&square, flat.clone(), Within, true),
        (
            &flat,
            shape("LineString", "[[1,1],[2,1]]"),
            Intersects,
            true,
        ),
        (&square, dot.clone(), Within, true),
        (&dot, square.clone(), Contains, true),
        (&square, empty.clone(), Within, false),
        (&empty, square.clone(), Contains, false),
        (&empty, empty.clone(), Intersects, false),
        (&hole, plug.clone(), Within, false),
        (&hole, plug.clone(), Intersects, true),
        (&hole, hole.clone(), Within, true),
        (&square, hole.clone(), Within, true),
        (&hole, square.clone(), Within, false),
        (&square, pair.clone(), Within, true),
        (&pair, Shape::point([3.0, 3.0]), Within, true),
        (&pair, Shape::point([3.0, 2.0]), Intersects, false),
    ] {
        assert_eq!(
            accepts(asked, &feature, predicate),
            expected,
            "{predicate:?} {feature:?} {asked:?}"
        );
    }
}

/// As docs/API.md says: there is no inside beside such edges, but they are edges.
#[test]
fn edges_of_holes_count_wherever_they_run() {
    use Predicate::{Contains, Intersects, Within};
    let leaving = shape(
        "Polygon",
        "[[[0,0],[2,0],[2,2],[0,2],[0,0]],[[1,1],[5,1],[5,1.5],[1,1.5],[1,1]]]",
    );
    let overlapping = shape(
        "Polygon",
        "[[[0,0],[6,0],[6,6],[0,6],[0,0]],[[1,1],[4,1],[4,4],[1,4],[1,1]],[[2,2],[5,2],[5,5],[2,5],[2,2]]]",
    );
    let square = shape("Polygon", "[[[0,0],[3,0],[3,3],[0,3],[0,0]]]");
    let wide = shape("Polygon", "[[[0,0],[6,0],[6,3],[0,3],[0,0]]]");
    let point = |x, y| Shape::point([x, y]);
    for (asked, feature, predicate, expected) in [
        // On an edge outside of the first ring, and beside it.
        (&leaving, point(4.0, 1.0), Intersects, true),
        (&leaving, point(4.0, 1.2), Intersects, false),
        (&leaving, point(4.0, 1.0), Within, false),
        (&point(4.0, 1.0), leaving.clone(), Contains, false),
        (
            &shape("LineString", "[[0.5,1],[4,1]]"),
            leaving.clone(),
            Contains,
            true,
        ),
        (
            &shape("LineString", "[[3,1],[4,1]]"),
            leaving.clone(),
            Contains,
            false,
        ),
        (&square, leaving.clone(), Within, false),
        (&wide, leaving.clone(), Within, true),
        // On an edge in the other hole, and beside it.
        (&overlapping, point(3.0, 2.0), Intersects, true),
        (&overlapping, point(3.0, 2.0), Within, false),
        (&overlapping, point(3.0, 3.0), Intersects, false),
        (&overlapping, point(4.5, 3.0), Intersects, false),
        (&overlapping, point(5.5, 3.0), Within, true),
    ] {
        assert_eq!(
            accepts(asked, &feature, predicate),
            expected,
            "{predicate:?} {feature:?} {asked:?}"
        );
    }
    let east = distance(&Center::new([4.0, 1.0]), &leaving);
    assert_eq!(east, Some(0.0));
}

/// The distance from a position to a shape.
fn distance(center: &Center, shape: &Shape) -> Option<f64> {
    center
        .distance_to(&Prepared::new(shape), &Budget::ample())
        .unwrap()
}

/// Anywhere, and often on a seam or a quarter of the earth away.
fn anywhere() -> impl Strategy<Value = Position> {
    let lon = prop_oneof![
        2 => -180.0..=180.0_f64,
        1 => (-4..=4_i32).prop_map(|n| f64::from(n) * 45.0),
    ];
    let lat = prop_oneof![
        2 => -90.0..=90.0_f64,
        1 => (-4..=4_i32).prop_map(|n| f64::from(n) * 22.5),
    ];
    (lon, lat).prop_map(|(lon, lat)| [lon, lat])
}

/// The least distance of many places on an edge.
fn sampled(from: Position, edge: [Position; 2], samples: u32) -> f64 {
    (0..=samples)
        .map(|i| {
            let share = f64::from(i) / f64::from(samples);
            let at = |axis: usize| edge[0][axis] + share * (edge[1][axis] - edge[0][axis]);
            let place = Point::new(at(0).clamp(-180.0, 180.0), at(1).clamp(-90.0, 90.0));
            Geodesic.distance(Point(coord(from)), place)
        })
        .fold(f64::INFINITY, f64::min)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(4_000)))]

    #[test]
    fn bounds_hold_every_distance(
        from in anywhere(), a in anywhere(), b in anywhere(),
        shares in proptest::array::uniform2(prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64]),
        scale in prop_oneof![Just(1.0), Just(0.01), Just(1e-4)],
    ) {
        let b = [0, 1].map(|i| (a[i] + scale * (b[i] - a[i])).clamp([-180.0, -90.0][i], [180.0, 90.0][i]));
        let mut rect = Rect::point(a);
        rect.extend(&Rect::point(b));
        let center = Center::new(from);
        let axis = |i: usize| (rect.min[i] + shares[i] * (rect.max[i] - rect.min[i])).min(rect.max[i]);
        let inside = [axis(0), axis(1)];
        let distance = center.distance(inside);
        let (least, most) = (center.at_least(&rect), center.at_most(&rect));
        prop_assert!(least <= distance && distance <= most, "{least} {distance} {most}");
        let closely = center.at_least_closely(&rect, least);
        prop_assert!(least <= closely && closely <= distance, "{least} {closely} {distance}");
        // The bound of a position is no idle one.
        let point = center.at_least(&Rect::point(inside));
        prop_assert!(point >= distance * 0.9966 - 1.001, "{point} {distance}");
        compared("bounds of distances", 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(4_000)))]

    #[test]
    fn surroundings_hold_what_is_near(
        from in anywhere(), a in anywhere(), b in anywhere(),
        small in any::<bool>(), share in prop_oneof![Just(1.0), Just(1.000001), 1.0..3.0_f64],
    ) {
        let mut rect = Rect::point(a);
        if !small {
            rect.extend(&Rect::point(b));
        }
        let center = Center::new(from);
        let least = center.at_least(&rect);
        let around = center.surroundings(least * share);
        prop_assert!(BoundingBox::new(around.west, around.south, around.east, around.north).is_ok());
        prop_assert!(around.pieces().iter().any(|piece| piece.intersects(&rect)), "{around:?}");
        // Not much wider: its own edges are no farther than the corner of a square.
        let (south, north) = (around.south, around.north);
        for edge in [south, north].into_iter().filter(|edge| edge.abs() < 90.0) {
            let distance = center.distance([from[0], edge]);
            prop_assert!(distance <= least * share * 1.004 + 3.0, "{distance} {least} {around:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    #[test]
    fn the_nearest_place_of_an_edge_is_found(
        from in anywhere(), a in anywhere(), b in anywhere(),
        scale in prop_oneof![Just(1.0), Just(0.1), Just(0.001)],
    ) {
        // Long edges, and short ones near the position.
        let b = if scale < 1.0 {
            [0, 1].map(|i| (a[i] + scale * (b[i] - a[i])).clamp([-180.0, -90.0][i], [180.0, 90.0][i]))
        } else {
            b
        };
        let line = Shape { lines: vec![vec![a, b]], ..Shape::default() };
        let found = distance(&Center::new(from), &line).unwrap();
        let coarse = sampled(from, [a, b], 4_000);
        prop_assert!(found <= coarse + 1e-6, "{found} {coarse}");
        // Between two samples the distance falls by no more than half their gap.
        let length = (a[0] - b[0]).hypot(a[1] - b[1]) * 112_000.0;
        prop_assert!(found >= coarse - length / 8_000.0 - 1e-6, "{found} {coarse}");
        compared("distances to edges", 1);
    }
}

#[test]
fn distances_to_shapes() {
    let center = Center::new([13.4, 52.5]);
    let inside = shape("Polygon", "[[[13,52],[14,52],[14,53],[13,53],[13,52]]]");
    assert_eq!(distance(&center, &inside), Some(0.0));
    let around = shape(
        "Polygon",
        "[[[13,52],[14,52],[14,53],[13,53],[13,52]],[[13.3,52.4],[13.5,52.4],[13.5,52.6],[13.3,52.6],[13.3,52.4]]]",
    );
    // In the hole: to its nearest side, which is 0.1 degrees of longitude away.
    let side = distance(&center, &around).unwrap();
    let west = Geodesic.distance(Point::new(13.4, 52.5), Point::new(13.3, 52.5));
    assert!((side - west).abs() < 5.0 && side <= west, "{side} {west}");
    assert_eq!(distance(&center, &Shape::default()), None);
    // Over the antimeridian and over the pole.
    let fiji = Center::new([179.5, -17.0]);
    let across = distance(&fiji, &Shape::point([-179.5, -17.0])).unwrap();
    assert!((across - 106_541.0).abs() < 100.0, "{across}");
    let north = Center::new([0.0, 89.0]);
    let over = distance(&north, &Shape::point([180.0, 89.0])).unwrap();
    assert!((over - 223_388.0).abs() < 100.0, "{over}");
    // The pole is one place, and the antimeridian one line.
    let pole = Center::new([0.0, 90.0]);
    let cap = shape(
        "Polygon",
        "[[[-180,60],[180,60],[180,90],[-180,90],[-180,60]]]",
    );
    assert_eq!(distance(&pole, &cap), Some(0.0));
    assert_eq!(
        distance(&Center::new([180.0, 5.0]), &Shape::point([-180.0, 5.0])),
        Some(0.0)
    );
    // A quarter of the meridian, which is well known.
    let quarter = pole.distance([77.0, 0.0]);
    assert!((quarter - 10_001_965.729).abs() < 1e-3, "{quarter}");
}
