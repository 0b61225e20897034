use super::*;
use crate::types::scan::stored_feature;
use proptest::prelude::*;
use serde_json::{Value, json};

fn one(text: &str) -> Result<PutFeature> {
    match parse_features(text.as_bytes(), &Limits::default())? {
        Features::One(feature) => Ok(feature),
        Features::Many(_) => panic!("a collection"),
    }
}

fn many(text: &str) -> Result<Vec<PutFeature>> {
    match parse_features(text.as_bytes(), &Limits::default())? {
        Features::Many(features) => Ok(features),
        Features::One(_) => panic!("one feature"),
    }
}

fn json_of(feature: &PutFeature) -> Value {
    let mut out = Vec::new();
    feature_to_json(&feature.body, feature.provenance.as_deref(), &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn room() -> Room {
    Room::new(&crate::mem::Memory::new(&Limits::default()).work)
}

#[test]
fn everything_a_feature_holds_comes_back() {
    let text = r#"{"type":"Feature","id":"q/1","bbox":[10,20,-5.5,11,21,100],
        "geometry":{"type":"LineString","coordinates":[[10,20,-5.5],[11,21.0,1e2]],"tag":"x"},
        "properties":{"mag":4.5,"n":-3,"big":18446744073709551615,"name":"Łódź \"q\"\n","list":[null,true,{}]},
        "title":"foreign","provenance":{"source":"usgs","confidence":0.9}}"#;
    let feature = one(text).unwrap();
    assert_eq!(feature.id, "q/1");
    assert_eq!(
        feature.envelope,
        Some(Rect {
            min: [10.0, 20.0],
            max: [11.0, 21.0]
        })
    );
    let expected: Value = serde_json::from_str(text).unwrap();
    assert_eq!(json_of(&feature), expected);
    let body: Value = {
        let mut out = Vec::new();
        feature_to_json(&feature.body, None, &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    };
    assert_eq!(body.get("provenance"), None, "the body is without it");
}

#[test]
fn ids_are_kept_as_they_came_and_found_by_their_text() {
    for (id, text) in [
        ("\"a\"", "a"),
        ("\"\\u00e9\"", "é"),
        ("7", "7"),
        ("-7", "-7"),
        ("18446744073709551615", "18446744073709551615"),
        ("7.0", "7"),
        ("1e20", "100000000000000000000"),
        ("0.1", "0.1"),
        ("\"7\"", "7"),
    ] {
        let source = format!(r#"{{"type":"Feature","geometry":null,"properties":null,"id":{id}}}"#);
        let feature = one(&source).unwrap();
        assert_eq!(feature.id, text);
        let expected: Value = serde_json::from_str(id).unwrap();
        assert_eq!(json_of(&feature)["id"], expected);
        assert_eq!(stored_feature(&feature.body).unwrap().id, text);
    }
    // Of zero there is one, which is a number.
    for id in ["-0", "-0.0", "-0e0", "-0.000e5"] {
        let source = format!(r#"{{"type":"Feature","geometry":null,"id":{id}}}"#);
        let feature = one(&source).unwrap();
        assert_eq!(
            (feature.id.as_str(), &json_of(&feature)["id"]),
            ("0", &json!(0))
        );
        assert_eq!(stored_feature(&feature.body).unwrap().id, "0");
    }
    // What a double rounds is kept as text.
    for (id, text) in [
        ("9007199254740993.0", "9007199254740993"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
    ] {
        let feature = one(&format!(
            r#"{{"type":"Feature","geometry":null,"id":{id}}}"#
        ))
        .unwrap();
        assert_eq!(feature.id, text);
        assert_eq!(json_of(&feature)["id"], json!(text));
        assert_eq!(stored_feature(&feature.body).unwrap().id, text);
    }
    let feature = one(r#"{"type":"Feature","geometry":null,"properties":{}}"#).unwrap();
    assert!(feature.id.starts_with("feat_"));
    assert_eq!(json_of(&feature)["id"], json!(feature.id));
}

#[test]
fn integers_beyond_64_bits_are_refused_wherever_they_stand() {
    const BIG: &str = "18446744073709551616";
    for (members, pointer) in [
        (r#""properties":{"a":{"b":[0,BIG]}}"#, "/properties/a/b/1"),
        (r#""properties":{"id":BIG}"#, "/properties/id"),
        (r#""foreign":{"id":BIG}"#, "/foreign/id"),
        (r#""provenance":{"run":BIG}"#, "/provenance/run"),
        (r#""bbox":[0,0,BIG,1]"#, "/bbox/2"),
    ] {
        let members = members.replace("BIG", BIG);
        let feature = format!(r#"{{"type":"Feature","id":{BIG},"geometry":null,{members}}}"#);
        let error = parse_features(feature.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(
            (error.code(), error.pointer()),
            ("invalid_json", Some(pointer))
        );
        assert!(error.to_string().contains(BIG), "{error}");
        let limits = Limits::default();
        let cut = Antimeridian::default();
        let error =
            parse_feature_as(feature.as_bytes(), BIG, cut, &limits, None, &room()).unwrap_err();
        assert_eq!(error.pointer(), Some(pointer));
        let list = format!(r#"{{"type":"FeatureCollection","features":[{feature}]}}"#);
        let error = parse_features(list.as_bytes(), &Limits::default()).unwrap_err();
        let pointer = format!("/features/0{pointer}");
        assert_eq!(error.pointer(), Some(pointer.as_str()));
        // Left out alone, if that is asked for.
        let good = feature.replace(BIG, "7");
        let list = format!(r#"{{"type":"FeatureCollection","features":[{good},{feature}]}}"#);
        let read = read_features(list.as_bytes(), cut, &limits, None).unwrap();
        assert_eq!((read.features.len(), read.rejected.len()), (1, 1));
        let fault = &read.rejected[0].faults[0];
        assert_eq!(fault.pointer, pointer.replace("/features/0", "/features/1"));
    }
    let feature = format!(
        r#"{{"type":"Feature","id":{BIG},"geometry":{{"type":"Point","coordinates":[0.0,0.0]}},"properties":{{"a":18446744073709551615,"b":-9223372036854775808,"c":{BIG}.0}}}}"#
    );
    let feature = one(&feature).unwrap();
    let properties = json_of(&feature)["properties"].to_string();
    assert!(
        properties.contains("18446744073709551615") && properties.contains("-9223372036854775808")
    );
    assert_eq!(feature.id, BIG);
}

#[test]
fn missing_properties_are_stored_as_null_a_missing_geometry_is_refused() {
    let refused = one(r#"{"type":"Feature","id":1,"properties":{}}"#).unwrap_err();
    assert!(
        refused.to_string().contains("\"geometry\" is missing"),
        "{refused}"
    );
    let feature = one(r#"{"type":"Feature","id":1,"geometry":null}"#).unwrap();
    assert_eq!(feature.envelope, None);
    assert_eq!(
        json_of(&feature),
        json!({"type":"Feature","id":1,"geometry":null,"properties":null})
    );
}

#[test]
fn members_that_are_null_are_absent() {
    let text = r#"{"type":"Feature","id":null,"bbox":null,"crs":null,"provenance":null,"title":null,
        "geometry":{"type":"Point","coordinates":[1,2],"bbox":null,"geometries":null}}"#;
    let feature = one(text).unwrap();
    assert!(feature.id.starts_with("feat_"));
    assert_eq!(feature.provenance, None);
    assert_eq!(
        json_of(&feature),
        json!({"type":"Feature","id":feature.id,"title":null,"properties":null,
            "geometry":{"type":"Point","coordinates":[1,2],"geometries":null}})
    );
    let text = r#"{"type":"FeatureCollection","crs":null,"provenance":null,"features":[]}"#;
    assert_eq!(many(text).unwrap(), []);
}

#[test]
fn a_geometry_is_a_feature_without_properties() {
    for geometry in [
        json!({"type":"Point","coordinates":[1,2],"id":5,"provenance":{"a":1},"properties":[]}),
        json!({"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}]}),
    ] {
        let feature = one(&geometry.to_string()).unwrap();
        assert_eq!(feature.envelope, Some(Rect::point([1.0, 2.0])));
        assert_eq!(feature.provenance, None);
        assert_eq!(
            json_of(&feature),
            json!({"type":"Feature","id":feature.id,"geometry":geometry,"properties":null})
        );
        let text = geometry.to_string();
        let limits = Limits::default();
        let refuse = Antimeridian::Refuse;
        let put = parse_feature_as(text.as_bytes(), "a", refuse, &limits, None, &room());
        let put = put.unwrap().0;
        assert_eq!(
            (put.id.as_str(), json_of(&put)["geometry"].clone()),
            ("a", geometry)
        );
    }
}

#[test]
fn faulty_features_are_told_all_or_left_out() {
    let good = |id: &str| json!({"type":"Feature","id":id,"geometry":null,"properties":null});
    let text = json!({"type":"FeatureCollection","features":[
        good("a"),
        {"type":"Feature","id":true,"properties":[],"bbox":7,"provenance":[],
            "geometry":{"type":"Point","coordinates":[200,100]}},
        good("b"),
        {"type":"Feature"},
    ]})
    .to_string();
    let Err(Error::Faults { faults, total, .. }) = many(&text) else {
        panic!("faults");
    };
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/features/1/id",
            "/features/1/geometry/coordinates/0",
            "/features/1/geometry/coordinates/1",
            "/features/1/bbox",
            "/features/1/properties",
            "/features/1/provenance",
            "/features/3"
        ]
    );
    assert_eq!(total, 7);
    let limits = Limits {
        faults: 3,
        ..Limits::default()
    };
    let read = read_features(text.as_bytes(), Antimeridian::Refuse, &limits, None).unwrap();
    let kept: Vec<(usize, &str)> = read
        .features
        .iter()
        .map(|(i, f)| (*i, f.id.as_str()))
        .collect();
    assert_eq!(kept, [(0, "a"), (2, "b")]);
    let left: Vec<(usize, usize, u64)> = read
        .rejected
        .iter()
        .map(|r| (r.index, r.faults.len(), r.total))
        .collect();
    assert_eq!(left, [(1, 3, 6), (3, 0, 1)]);
    // One feature alone cannot be left out, nor what is about all of them.
    for text in [
        r#"{"type":"Feature","geometry":5}"#,
        r#"{"type":"FeatureCollection","features":[],"crs":"EPSG:2056"}"#,
        r#"{"type":"FeatureCollection","features":[{]}"#,
    ] {
        assert!(
            read_features(text.as_bytes(), Antimeridian::Refuse, &limits, None).is_err(),
            "{text}"
        );
    }
}

#[test]
fn equal_features_have_equal_bytes_whatever_their_spelling() {
    let a = one(r#"{"type":"Feature","id":"a","geometry":null,"properties":{"b":1,"a":0.5}}"#);
    let b = one(
        "{ \"properties\" : {\"a\":5e-1,\"\\u0062\":1},\n\"geometry\":null,\"id\":\"a\",\"type\":\"Feature\"}",
    );
    assert_eq!(a.unwrap().body, b.unwrap().body);
}

#[test]
fn a_collection_gives_its_provenance_to_features_without_one() {
    let text = r#"{"features":[
          {"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[1,2]},"properties":{}},
          {"type":"Feature","id":"a","geometry":null,"properties":{},"provenance":{"source":"own"}}
        ],"name":"not kept","provenance":{"source":"all"},"type":"FeatureCollection"}"#;
    let features = many(text).unwrap();
    assert_eq!(features.len(), 2);
    assert_eq!(json_of(&features[0])["provenance"], json!({"source":"all"}));
    assert_eq!(json_of(&features[1])["provenance"], json!({"source":"own"}));
    assert_eq!(features[0].envelope, Some(Rect::point([1.0, 2.0])));
    assert_eq!(
        many(r#"{"type":"FeatureCollection","features":[]}"#).unwrap(),
        []
    );
}

#[test]
fn a_foreign_member_called_features_stays_with_its_feature() {
    let text = r#"{"type":"Feature","id":1,"geometry":null,"properties":null,"features":[1]}"#;
    assert_eq!(json_of(&one(text).unwrap())["features"], json!([1]));
}

#[test]
fn refusals_point_from_the_top() {
    for (text, code, pointer) in [
        ("[]", "invalid_json", ""),
        ("{}", "invalid_feature", ""),
        (r#"{"type":null}"#, "invalid_feature", "/type"),
        (
            r#"{"type":"Point","coordinates":[1,200]}"#,
            "invalid_position",
            "/coordinates/1",
        ),
        (
            r#"{"type":"GeometryCollection","crs":7}"#,
            "invalid_geometry",
            "",
        ),
        (
            r#"{"type":"FeatureCollection","features":[{"type":"Point","coordinates":[1,2]}]}"#,
            "invalid_feature",
            "/features/0/type",
        ),
        (
            r#"{"type":"FeatureCollection","features":[],"crs":{"type":"name","properties":{"name":"EPSG:2056"}}}"#,
            "unsupported_crs",
            "/crs",
        ),
        (
            r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null},{"type":"Feature","geometry":null,"a":1,"a":2}]}"#,
            "invalid_json",
            "/features/1",
        ),
        (r#"{"type":"FeatureCollection"}"#, "invalid_feature", ""),
        (
            r#"{"type":"FeatureCollection","features":{}}"#,
            "invalid_feature",
            "/features",
        ),
        (
            r#"{"type":"FeatureCollection","features":[7]}"#,
            "invalid_feature",
            "/features/0",
        ),
        (
            r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null},{"type":"FeatureCollection","features":[]}]}"#,
            "invalid_feature",
            "/features/1/type",
        ),
        (
            r#"{"type":"FeatureCollection","features":[],"provenance":"x"}"#,
            "invalid_document",
            "/provenance",
        ),
        (
            r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null},{"type":"Feature","geometry":null,"provenance":[]}]}"#,
            "invalid_document",
            "/features/1/provenance",
        ),
        (r#"{"type":"Feature","id":true}"#, "invalid_id", "/id"),
        (r#"{"type":"Feature","id":""}"#, "invalid_id", "/id"),
        (r#"{"type":"Feature","id":"a\u0000"}"#, "invalid_id", "/id"),
        (
            r#"{"type":"Feature","geometry":null,"properties":[]}"#,
            "invalid_feature",
            "/properties",
        ),
        (
            r#"{"type":"Feature","geometry":null,"bbox":[1,2,3]}"#,
            "invalid_bbox",
            "/bbox",
        ),
        (
            r#"{"type":"Feature","geometry":"POINT(1 2)"}"#,
            "invalid_geometry",
            "/geometry",
        ),
        (
            r#"{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}}"#,
            "invalid_geometry",
            "/geometry/coordinates/0/3",
        ),
        (
            r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[200,1]}}]}"#,
            "invalid_position",
            "/features/0/geometry/coordinates/0",
        ),
        (r#"{"type":"Feature","type":"Feature"}"#, "invalid_json", ""),
        (
            r#"{"type":"Feature","geometry":null,"properties":{"a":1,"a":1}}"#,
            "invalid_json",
            "",
        ),
    ] {
        let error = parse_features(text.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(
            (error.code(), error.pointer()),
            (code, Some(pointer)),
            "{text}\n{error}"
        );
    }
}

#[test]
fn a_syntax_error_deep_in_a_collection_gives_its_line() {
    let text = "{\"type\":\"FeatureCollection\",\"features\":[\n{\"type\":\"Feature\",\"geometry\":null},\n{\"type\":\"Feature\",\"properties\":{\"a\":\"\\ud800\"}}]}";
    let error = many(text).unwrap_err().to_string();
    assert!(error.contains("at line 3 column"), "{error}");
}

#[test]
fn nesting_is_limited_by_the_parser_and_whatever_passes_reads_back() {
    let nested = |levels: usize| {
        format!(
            r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","id":1,"geometry":null,"properties":{{"a":{}{}}}}}]}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    let read_back = std::thread::Builder::new()
        .stack_size(320 << 10)
        .spawn(move || {
            let features = many(&nested(100)).unwrap();
            let mut out = Vec::new();
            feature_to_json(&features[0].body, None, &mut out).unwrap();
            assert!(
                many(&nested(128))
                    .unwrap_err()
                    .to_string()
                    .contains("deeper than 128")
            );
            assert!(many(&nested(100_000)).is_err());
            out
        })
        .unwrap()
        .join()
        .unwrap();
    assert!(read_back.len() > 200);
}

#[test]
fn provenance_alone_needs_a_map() {
    let mut out = Vec::new();
    feature_to_json(&[0xa0], Some(&[0xa0]), &mut out).unwrap();
    assert_eq!(out, b"{\"provenance\":{}}");
    assert!(feature_to_json(&[0x80], Some(&[0xa0]), &mut Vec::new()).is_err());
    let trailing = feature_to_json(&[0xa0, 0xf6], None, &mut Vec::new()).unwrap_err();
    assert_eq!(trailing.offset, 1);
}

/// Features as a generator of real data would write them.
fn feature() -> impl Strategy<Value = Value> {
    let geometry = prop_oneof![
        Just(Value::Null),
        (-180.0..=180.0, -90.0..=90.0).prop_map(|(x, y): (f64, f64)| json!({
            "type": "Point", "coordinates": [x, y]
        })),
        proptest::collection::vec((-90..=90, -90..=90, any::<i32>()), 2..6).prop_map(
            |line| json!({
                "type": "LineString", "coordinates": line
            })
        ),
    ];
    let properties =
        proptest::collection::hash_map("[a-z]{1,4}", any::<(i64, Option<bool>, String)>(), 0..5);
    (geometry, properties, proptest::option::of("[a-z0-9]{1,9}")).prop_map(
        |(geometry, properties, id)| {
            let mut feature = json!({
                "type": "Feature", "geometry": geometry, "properties": properties
            });
            if let Some(id) = id {
                feature["id"] = json!(id);
            }
            feature
        },
    )
}

proptest! {
    #[test]
    fn collections_read_back_feature_by_feature(
        features in proptest::collection::vec(feature(), 0..6),
    ) {
        let text = json!({"type": "FeatureCollection", "features": features}).to_string();
        let parsed = many(&text).unwrap();
        prop_assert_eq!(parsed.len(), features.len());
        for (mut sent, put) in features.into_iter().zip(&parsed) {
            let read = json_of(put);
            if sent.get("id").is_none() {
                sent["id"] = json!(put.id);
            }
            prop_assert_eq!(&read, &sent);
            let stored = stored_feature(&put.body).unwrap();
            prop_assert_eq!(&stored.id, &put.id);
            prop_assert_eq!(stored.envelope, put.envelope);
            // Alone it is the same feature.
            let alone = one(&sent.to_string()).unwrap();
            prop_assert_eq!(&alone, put);
        }
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse_features(&bytes, &Limits::default());
        let _ = feature_to_json(&bytes, Some(&bytes), &mut Vec::new());
        let _ = stored_feature(&bytes);
    }

    #[test]
    fn broken_features_are_refused_not_fatal(feature in feature(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = json!({"type": "FeatureCollection", "features": [feature]}).to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(Features::Many(features)) = parse_features(&text, &Limits::default()) {
            for feature in &features {
                json_of(feature);
            }
        }
    }
}
