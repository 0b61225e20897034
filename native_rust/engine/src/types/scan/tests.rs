use super::*;
use crate::testing::oracles::{cases, compared};
use crate::types::cbor::encode_json;
use crate::types::json::Source;
use geo::Coord;
use geo::{BoundingRect, Geometry, Intersects};
use proptest::prelude::*;

fn body(geometry: &str) -> Vec<u8> {
    let text = format!(
        r#"{{"type":"Feature","id":"a","geometry":{geometry},"properties":{{"z":1}},"bbox":[]}}"#
    );
    let mut out = Vec::new();
    encode_json(
        &Source::new(text.as_bytes()).unwrap().value().unwrap(),
        &mut out,
    );
    out
}

fn rect([west, south, east, north]: [f64; 4]) -> Rect {
    Rect {
        min: [west, south],
        max: [east, north],
    }
}

fn meets(geometry: &str, bounds: [f64; 4]) -> bool {
    intersects_box(&body(geometry), &[rect(bounds)]).unwrap()
}

#[test]
fn boundaries_count_and_holes_do_not() {
    let polygon = r#"{"type":"Polygon","coordinates":[
        [[0,0],[10,0],[10,10],[0,10],[0,0]],[[2,2],[2,8],[8,8],[8,2],[2,2]]]}"#;
    for (bounds, expected) in [
        ([-5.0, -5.0, 20.0, 20.0], true),
        ([0.5, 0.5, 1.5, 1.5], true),
        ([3.0, 3.0, 7.0, 7.0], false),
        ([2.0, 3.0, 7.0, 7.0], true),
        ([3.0, 3.0, 8.5, 4.0], true),
        ([5.0, 5.0, 5.0, 5.0], false),
        ([8.0, 8.0, 8.0, 8.0], true),
        ([9.0, 9.0, 9.0, 9.0], true),
        ([10.0, 10.0, 12.0, 12.0], true),
        ([10.1, 10.0, 12.0, 12.0], false),
        ([-1.0, 5.0, 0.0, 6.0], true),
        ([-180.0, 90.0, 180.0, 90.0], false),
        ([-180.0, 10.0, 180.0, 10.0], true),
    ] {
        assert_eq!(meets(polygon, bounds), expected, "{bounds:?}");
    }
}

#[test]
fn lines_cross_touch_and_miss() {
    let line = r#"{"type":"LineString","coordinates":[[0,0],[10,10],[20,10,5]]}"#;
    for (bounds, expected) in [
        ([4.0, 0.0, 12.0, 3.0], false),
        ([4.0, 3.0, 12.0, 4.0], true),
        ([5.0, 4.0, 6.0, 4.9], false),
        ([3.0, 3.0, 3.0, 3.0], true),
        ([3.0, 3.5, 3.0, 3.5], false),
        ([12.0, 10.0, 13.0, 11.0], true),
        ([1.0, 5.0, 5.0, 9.0], true),
        ([1.0, 5.1, 5.0, 9.0], false),
        ([15.0, 0.0, 15.0, 20.0], true),
    ] {
        assert_eq!(meets(line, bounds), expected, "{bounds:?}");
    }
}

#[test]
fn rounding_decides_nothing() {
    // The diagonal misses the corner by one unit in the last place: a plain cross
    // product of doubles is zero here.
    let line = r#"{"type":"LineString","coordinates":[[0.1,0.1],[0.7,0.7]]}"#;
    let above = 0.3_f64.next_up();
    assert!(meets(line, [0.3, 0.3, 0.3, 0.3]));
    assert!(!meets(line, [0.3, above, 0.3, above]));
    assert!(!meets(line, [0.2, above, 0.3, 0.5]));
    assert!(meets(line, [0.2, 0.3, 0.3, 0.5]));
}

#[test]
fn every_rectangle_is_tried_and_null_meets_none() {
    let point = r#"{"type":"Point","coordinates":[180,5]}"#;
    let rects = [
        rect([-180.0, 0.0, -170.0, 9.0]),
        rect([180.0, 0.0, 180.0, 9.0]),
    ];
    assert!(intersects_box(&body(point), &rects).unwrap());
    assert!(!intersects_box(&body(point), &rects[..1]).unwrap());
    assert!(!intersects_box(&body(point), &[]).unwrap());
    assert!(!meets("null", [-180.0, -90.0, 180.0, 90.0]));
    for empty in [
        r#"{"type":"MultiPoint","coordinates":[]}"#,
        r#"{"type":"Polygon","coordinates":[]}"#,
        r#"{"type":"GeometryCollection","geometries":[]}"#,
    ] {
        assert!(!meets(empty, [-180.0, -90.0, 180.0, 90.0]));
        assert_eq!(stored_feature(&body(empty)).unwrap().envelope, None);
    }
}

#[test]
fn damaged_shapes_are_errors() {
    for geometry in [
        r#"{"type":"Circle","coordinates":[1,2]}"#,
        r#"{"type":"Point","coordinates":[1]}"#,
        r#"{"type":"Point","coordinates":[1,2,3,"4"]}"#,
        r#"{"type":"Point","coordinates":["1","2"]}"#,
        r#"{"type":"LineString","coordinates":[[[1,2]]]}"#,
        "7",
    ] {
        assert!(
            intersects_box(&body(geometry), &[rect([0.0; 4])]).is_err(),
            "{geometry}"
        );
    }
    let deep = format!(
        "{}{}",
        r#"{"type":"GeometryCollection","geometries":["#.repeat(40),
        "]}".repeat(40)
    );
    assert!(intersects_box(&body(&deep), &[rect([0.0; 4])]).is_err());
    assert!(stored_feature(&body(&deep)).is_err());
    let deep = format!(
        r#"{{"type":"Polygon","coordinates":{}{}}}"#,
        "[".repeat(90),
        "]".repeat(90)
    );
    assert!(stored_feature(&body(&deep)).is_err());
    assert!(stored_feature(&[0xa0]).is_err());
    assert!(intersects_box(&[0xa0], &[]).is_err());
}

type Line = Vec<(i32, i32)>;

/// A polygon between two chains over x = 0..n, one above and one below zero, so
/// always simple; with a hole of the same signature, one unit inside, where it fits.
fn polygon() -> impl Strategy<Value = Vec<Line>> {
    let chains = proptest::collection::vec((2..6_i32, 2..6_i32), 4..7);
    (chains, -4..4_i32, -4..4_i32, any::<bool>()).prop_map(|(heights, dx, dy, hole)| {
        let ring = |from: usize, to: usize, inset: i32| {
            let top = (from..to).map(|x| (x as i32 + dx, heights[x].0 - inset + dy));
            let bottom = (from..to)
                .rev()
                .map(|x| (x as i32 + dx, inset - heights[x].1 + dy));
            let mut ring: Line = top.chain(bottom).collect();
            ring.push(ring[0]);
            ring
        };
        let mut rings = vec![ring(0, heights.len(), 0)];
        if hole {
            rings.push(ring(1, heights.len() - 1, 1));
        }
        rings
    })
}

fn line() -> impl Strategy<Value = Line> {
    proptest::collection::vec((-6..=6_i32, -6..=6_i32), 2..5)
}

/// Geometries on a small integer grid, so that touching is common.
fn geometry() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    let simple = prop_oneof![
        (-6..=6, -6..=6).prop_map(|p: (i32, i32)| json!({"type":"Point","coordinates":p})),
        line().prop_map(|l| json!({"type":"LineString","coordinates":l})),
        polygon().prop_map(|p| json!({"type":"Polygon","coordinates":p})),
        line().prop_map(|l| json!({"type":"MultiPoint","coordinates":l})),
        proptest::collection::vec(line(), 0..3)
            .prop_map(|l| json!({"type":"MultiLineString","coordinates":l})),
        proptest::collection::vec(polygon(), 0..3)
            .prop_map(|p| json!({"type":"MultiPolygon","coordinates":p})),
    ];
    simple.prop_recursive(2, 6, 3, |inner| {
        proptest::collection::vec(inner, 0..3)
            .prop_map(|g| serde_json::json!({"type":"GeometryCollection","geometries":g}))
    })
}

/// The same geometry as `geo` knows it.
fn to_geo(value: &serde_json::Value) -> Geometry {
    fn numbers(value: &serde_json::Value) -> Coord {
        Coord {
            x: value[0].as_f64().unwrap(),
            y: value[1].as_f64().unwrap(),
        }
    }
    fn list<T>(value: &serde_json::Value, each: impl Fn(&serde_json::Value) -> T) -> Vec<T> {
        value.as_array().unwrap().iter().map(each).collect()
    }
    fn line(value: &serde_json::Value) -> geo::LineString {
        geo::LineString::new(list(value, numbers))
    }
    fn polygon(value: &serde_json::Value) -> geo::Polygon {
        let mut rings = list(value, line);
        let exterior = rings.remove(0);
        geo::Polygon::new(exterior, rings)
    }
    let coordinates = &value["coordinates"];
    match value["type"].as_str().unwrap() {
        "Point" => Geometry::Point(numbers(coordinates).into()),
        "LineString" => Geometry::LineString(line(coordinates)),
        "Polygon" => Geometry::Polygon(polygon(coordinates)),
        "MultiPoint" => Geometry::MultiPoint(list(coordinates, numbers).into()),
        "MultiLineString" => {
            Geometry::MultiLineString(geo::MultiLineString::new(list(coordinates, line)))
        }
        "MultiPolygon" => {
            Geometry::MultiPolygon(geo::MultiPolygon::new(list(coordinates, polygon)))
        }
        _ => Geometry::GeometryCollection(geo::GeometryCollection::new_from(list(
            &value["geometries"],
            to_geo,
        ))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(2_000)))]

    #[test]
    fn the_geo_crate_agrees(
        geometry in geometry(),
        // Halves, so that boxes also fall between the lines of the grid.
        corners in proptest::array::uniform4(-14..=14_i32),
    ) {
        let [a, b, c, d] = corners.map(|n| f64::from(n) / 2.0);
        let ours = rect([a.min(b), c.min(d), a.max(b), c.max(d)]);
        let body = body(&geometry.to_string());
        let geo = to_geo(&geometry);
        let theirs = geo::Rect::new(Coord { x: a, y: c }, Coord { x: b, y: d });
        prop_assert_eq!(intersects_box(&body, &[ours]).unwrap(), geo.intersects(&theirs));
        let envelope = geo.bounding_rect().map(|r| Rect {
            min: [r.min().x, r.min().y],
            max: [r.max().x, r.max().y],
        });
        prop_assert_eq!(stored_feature(&body).unwrap().envelope, envelope);
        compared("geometries that meet a box, and their envelopes", 2);
        // A rectangle that holds the envelope meets all there is.
        if let Some(envelope) = envelope {
            prop_assert!(intersects_box(&body, &[envelope]).unwrap());
        }
    }

    #[test]
    fn damaged_bytes_never_panic(
        geometry in geometry(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = body(&geometry.to_string());
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = intersects_box(&body, &[rect([-1.0, -1.0, 1.0, 1.0])]);
        let _ = stored_feature(&body);
    }
}
