use super::*;
use crate::types::json::Source;
use proptest::prelude::*;

fn check(text: &str) -> Result<Option<Rect>> {
    let mut json = Source::new(text.as_bytes())?.value()?;
    check_geometry(&mut json, Antimeridian::Refuse, &Limits::default())
}

/// One geometry of each type, in the shapes of RFC 7946, appendix A.
#[test]
fn every_type_and_its_envelope() {
    for (text, [west, south, east, north]) in [
        (
            r#"{"type":"Point","coordinates":[7.5,46]}"#,
            [7.5, 46.0, 7.5, 46.0],
        ),
        (
            r#"{"type":"Point","coordinates":[-180,-90,8848.86]}"#,
            [-180.0, -90.0, -180.0, -90.0],
        ),
        (
            r#"{"type":"LineString","coordinates":[[4,5],[6,3]]}"#,
            [4.0, 3.0, 6.0, 5.0],
        ),
        (
            r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,0]]]}"#,
            [0.0, 0.0, 4.0, 4.0],
        ),
        (
            r#"{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,9],[0.0,0e0]],
                [[2,2],[2,3],[3,3],[2,2]]]}"#,
            [0.0, 0.0, 9.0, 9.0],
        ),
        (
            r#"{"type":"MultiPoint","coordinates":[[-3,1],[5,-7]]}"#,
            [-3.0, -7.0, 5.0, 1.0],
        ),
        (
            r#"{"type":"MultiLineString","coordinates":[[[0,0],[1,1]],[[2,2],[3,-3]]]}"#,
            [0.0, -3.0, 3.0, 2.0],
        ),
        (
            r#"{"type":"MultiPolygon","coordinates":[[[[170,0],[180,0],[180,1],[170,0]]],
                [[[-180,0],[-170,0],[-180,1],[-180,0]]]]}"#,
            [-180.0, 0.0, 180.0, 1.0],
        ),
        (
            r#"{"type":"GeometryCollection","geometries":[
                {"type":"Point","coordinates":[1,2]},
                {"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[5,0]}]}],
                "bbox":[1,0,5,2],"name":"foreign members are kept"}"#,
            [1.0, 0.0, 5.0, 2.0],
        ),
    ] {
        let rect = Rect {
            min: [west, south],
            max: [east, north],
        };
        assert_eq!(check(text).unwrap(), Some(rect), "{text}");
    }
}

#[test]
fn empty_lists_of_parts_have_no_envelope() {
    for kind in ["MultiPoint", "MultiLineString", "MultiPolygon", "Polygon"] {
        let text = format!(r#"{{"type":"{kind}","coordinates":[]}}"#);
        assert_eq!(check(&text).unwrap(), None);
    }
    assert_eq!(
        check(r#"{"type":"GeometryCollection","geometries":[]}"#).unwrap(),
        None
    );
}

#[test]
fn what_means_the_same_another_way_is_read_so() {
    for (text, expected) in [
        // Rounding beyond the ends.
        (
            r#"{"type":"Point","coordinates":[180.00000000000006,-90.0000000001,5]}"#,
            r#"{"type":"Point","coordinates":[180.0,-90.0,5]}"#,
        ),
        (
            r#"{"type":"LineString","coordinates":[[-180.000000001,1],[-179,90.000000001]]}"#,
            r#"{"type":"LineString","coordinates":[[-180.0,1],[-179,90.0]]}"#,
        ),
        // A measure means nothing, and stays.
        (
            r#"{"type":"Polygon","coordinates":[[[0,0,1,2],[4,0,1,3],[4,4,1,4],[0,0,1,5]]]}"#,
            r#"{"type":"Polygon","coordinates":[[[0,0,1,2],[4,0,1,3],[4,4,1,4],[0,0,1,5]]]}"#,
        ),
        (
            r#"{"type":"GeometryCollection","bbox":null,"crs":null,"geometries":[
                {"type":"Point","coordinates":[1,2],"bbox":null,"name":null}]}"#,
            r#"{"type":"GeometryCollection","geometries":[
                {"type":"Point","coordinates":[1,2],"name":null}]}"#,
        ),
    ] {
        let json = |text| Source::new(str::as_bytes(text)).unwrap().value().unwrap();
        let mut read = json(text);
        let checked = check_geometry(&mut read, Antimeridian::Refuse, &Limits::default());
        assert!(checked.unwrap().is_some());
        assert_eq!(read, json(expected), "{text}");
    }
}

#[test]
fn all_faults_are_told_with_their_places() {
    let text = r#"{"type":"GeometryCollection","geometries":[
        {"type":"Polygon","coordinates":[[[0,0],[200,0],[1,95],["x",0]],[[0,0],[1,0],[1,1],[0,1]],[[0,0]]]},
        {"type":"Circle"},
        {"type":"LineString","coordinates":[[0,0]],"crs":"EPSG:2056","bbox":[5,5,6,6]}]}"#;
    let Error::Faults { faults, total, .. } = check(text).unwrap_err() else {
        panic!("faults");
    };
    assert_eq!(total, faults.len() as u64);
    let told: Vec<(&str, &str)> = faults
        .iter()
        .map(|f| (f.code, f.pointer.as_str()))
        .collect();
    let ring = "/geometries/0/coordinates";
    let line = "/geometries/2";
    assert_eq!(
        told,
        [
            ("invalid_position", format!("{ring}/0/1/0").as_str()),
            ("invalid_position", &format!("{ring}/0/2/1")),
            ("invalid_position", &format!("{ring}/0/3/0")),
            ("invalid_geometry", &format!("{ring}/1/3")),
            ("invalid_geometry", &format!("{ring}/2")),
            ("invalid_geometry", "/geometries/1/type"),
            ("invalid_geometry", &format!("{line}/coordinates")),
            ("unsupported_crs", &format!("{line}/crs")),
            ("invalid_bbox", &format!("{line}/bbox")),
        ]
    );
    let few = Limits {
        faults: 2,
        ..Limits::default()
    };
    let mut json = Source::new(text.as_bytes()).unwrap().value().unwrap();
    let error = check_geometry(&mut json, Antimeridian::Refuse, &few).unwrap_err();
    assert!(matches!(&error, Error::Faults { faults, total: 9, limit: 2 } if faults.len() == 2));
    assert!(error.to_string().contains("FORMDB_FAULTS"), "{error}");
}

#[test]
fn refusals_point_at_the_offending_part() {
    for (text, code, pointer) in [
        ("7", "invalid_geometry", ""),
        ("{}", "invalid_geometry", ""),
        (
            r#"{"type":5,"coordinates":[1,2]}"#,
            "invalid_geometry",
            "/type",
        ),
        (
            r#"{"type":"Circle","coordinates":[1,2]}"#,
            "invalid_geometry",
            "/type",
        ),
        (
            r#"{"type":"point","coordinates":[1,2]}"#,
            "invalid_geometry",
            "/type",
        ),
        (r#"{"type":"Point"}"#, "invalid_geometry", ""),
        (
            r#"{"type":"Point","geometries":[]}"#,
            "invalid_geometry",
            "",
        ),
        (
            r#"{"type":"GeometryCollection","coordinates":[]}"#,
            "invalid_geometry",
            "",
        ),
        (
            r#"{"type":"Point","coordinates":null}"#,
            "invalid_position",
            "/coordinates",
        ),
        (
            r#"{"type":"Point","coordinates":[]}"#,
            "invalid_position",
            "/coordinates",
        ),
        (
            r#"{"type":"Point","coordinates":[1]}"#,
            "invalid_position",
            "/coordinates",
        ),
        (
            r#"{"type":"Point","coordinates":[180.001,2]}"#,
            "invalid_position",
            "/coordinates/0",
        ),
        (
            r#"{"type":"Point","coordinates":[1,-91]}"#,
            "invalid_position",
            "/coordinates/1",
        ),
        (
            r#"{"type":"Point","coordinates":[1e308,-91]}"#,
            "invalid_position",
            "/coordinates/0",
        ),
        (
            r#"{"type":"Point","coordinates":[1,"2"]}"#,
            "invalid_position",
            "/coordinates/1",
        ),
        (
            r#"{"type":"Point","coordinates":[1,2,null]}"#,
            "invalid_position",
            "/coordinates/2",
        ),
        (
            r#"{"type":"LineString","coordinates":[]}"#,
            "invalid_geometry",
            "/coordinates",
        ),
        (
            r#"{"type":"LineString","coordinates":[[1,2]]}"#,
            "invalid_geometry",
            "/coordinates",
        ),
        (
            r#"{"type":"LineString","coordinates":[[1,2],3]}"#,
            "invalid_position",
            "/coordinates/1",
        ),
        (
            r#"{"type":"LineString","coordinates":{}}"#,
            "invalid_geometry",
            "/coordinates",
        ),
        (
            r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]}"#,
            "invalid_geometry",
            "/coordinates/0",
        ),
        (
            r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}"#,
            "invalid_geometry",
            "/coordinates/0/3",
        ),
        (
            r#"{"type":"Polygon","coordinates":[[[0,0,5],[1,0,5],[1,1,5],[0,0]]]}"#,
            "invalid_geometry",
            "/coordinates/0/3",
        ),
        (
            r#"{"type":"MultiPolygon","coordinates":[[],[[[0,0],[1,0],[1,1],[0,99]]]]}"#,
            "invalid_position",
            "/coordinates/1/0/3/1",
        ),
        (
            r#"{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[0,0]},{"type":"X"}]}"#,
            "invalid_geometry",
            "/geometries/1/type",
        ),
        (
            r#"{"type":"Point","coordinates":[1,2],"bbox":[1,2,3]}"#,
            "invalid_bbox",
            "/bbox",
        ),
        (
            r#"{"type":"Point","coordinates":[1,2],"bbox":[1,2,3,"4"]}"#,
            "invalid_bbox",
            "/bbox",
        ),
    ] {
        let error = check(text).unwrap_err();
        assert_eq!(
            (error.code(), error.pointer()),
            (code, Some(pointer)),
            "{text}\n{error}"
        );
    }
}

#[test]
fn collections_nest_to_a_limit() {
    let nested = |levels: usize| {
        let open = r#"{"type":"GeometryCollection","geometries":["#.repeat(levels);
        format!("{open}{}", "]}".repeat(levels))
    };
    assert!(check(&nested(MAX_COLLECTIONS)).is_ok());
    let error = check(&nested(MAX_COLLECTIONS + 1)).unwrap_err();
    assert_eq!(
        error.pointer(),
        Some("/geometries/0".repeat(MAX_COLLECTIONS).as_str())
    );
}

#[test]
fn positions_are_counted_over_the_whole_geometry() {
    let limits = Limits {
        positions: 3,
        ..Limits::default()
    };
    let text = r#"{"type":"GeometryCollection","geometries":[
        {"type":"MultiPoint","coordinates":[[0,0],[1,1],[2,2]]},
        {"type":"LineString","coordinates":[[0,0],[1,1]]}]}"#;
    let mut json = Source::new(text.as_bytes()).unwrap().value().unwrap();
    let error = check_geometry(&mut json, Antimeridian::Refuse, &limits).unwrap_err();
    assert_eq!(error.code(), "too_large");
    let text = error.to_string();
    assert!(
        text.contains("is 5, the limit is 3") && text.contains("positions"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn the_envelope_is_the_extremes(
        positions in proptest::collection::vec((-180.0..=180.0_f64, -90.0..=90.0_f64), 2..20),
    ) {
        let list: Vec<String> = positions.iter().map(|(x, y)| format!("[{x:?},{y:?}]")).collect();
        let text = format!(r#"{{"type":"LineString","coordinates":[{}]}}"#, list.join(","));
        let lon = |f: fn(f64, f64) -> f64| positions.iter().map(|p| p.0).reduce(f).unwrap();
        let lat = |f: fn(f64, f64) -> f64| positions.iter().map(|p| p.1).reduce(f).unwrap();
        let mut json = Source::new(text.as_bytes()).unwrap().value().unwrap();
        let envelope = check_geometry(&mut json, Antimeridian::AsIs, &Limits::default());
        prop_assert_eq!(envelope.unwrap(), Some(Rect {
            min: [lon(f64::min), lat(f64::min)],
            max: [lon(f64::max), lat(f64::max)],
        }));
    }
}
