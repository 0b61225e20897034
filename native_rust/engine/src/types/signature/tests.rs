use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::limits::Limits;
use crate::types::{Features, parse_features, stored_feature};

/// The signature from the client's text, which is that of the stored body.
fn signature(feature: &Value) -> FeatureSignature {
    let text = feature.to_string();
    let parsed = parse_features(text.as_bytes(), &Limits::default()).unwrap();
    let Features::One(put) = parsed else {
        panic!("a collection");
    };
    assert_eq!(stored_feature(&put.body).unwrap().signature, put.signature);
    put.signature
}

fn feature(geometry: Value, properties: Value) -> Value {
    json!({"type": "Feature", "geometry": geometry, "properties": properties})
}

fn listed(signature: &FeatureSignature) -> Option<Vec<(String, &'static str)>> {
    let properties = signature.properties()?;
    Some(
        properties
            .map(|(name, kind)| (name.to_owned(), kind.as_str()))
            .collect(),
    )
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[test]
fn every_geometry_type_is_known() {
    let position = json!([1, 2]);
    let line = json!([[1, 2], [3, 4]]);
    let ring = json!([[0, 0], [1, 0], [1, 1], [0, 0]]);
    let coordinates = [
        ("Point", position),
        ("MultiPoint", line.clone()),
        ("LineString", line.clone()),
        ("MultiLineString", json!([line])),
        ("Polygon", json!([ring])),
        ("MultiPolygon", json!([[ring]])),
    ];
    let mut seen = vec![GeometryType::Null];
    for (name, coordinates) in coordinates {
        // A member before the type, in the order of the stored form too.
        let geometry = json!({"type": name, "coordinates": coordinates, "tag": [1]});
        let signature = signature(&feature(geometry, json!({"a": 1})));
        assert_eq!(signature.geometry().as_str(), name);
        assert_eq!(listed(&signature).unwrap(), [("a".to_owned(), "number")]);
        seen.push(signature.geometry());
    }
    let inner = json!({"type": "Point", "coordinates": [1, 2]});
    let geometry = json!({"type": "GeometryCollection", "geometries": [inner]});
    seen.push(signature(&feature(geometry, Value::Null)).geometry());
    assert_eq!(seen, GeometryType::ALL);
    let nothing = signature(&feature(Value::Null, Value::Null));
    assert_eq!(nothing.geometry(), GeometryType::Null);
    assert_eq!(listed(&nothing), Some(vec![]));
    assert_eq!(signature(&feature(Value::Null, json!({}))), nothing);
}

/// Properties `p0...`, so many, with a name that makes the signature `bytes` long.
fn wide(count: usize, bytes: usize) -> Value {
    let mut properties = serde_json::Map::new();
    for n in 1..count {
        properties.insert(format!("p{n:03}"), Value::Null);
    }
    // A type and a head of one byte for each of those, of three for the long one.
    let others = 1 + (count - 1) * 6;
    properties.insert("x".repeat(bytes - others - 4), Value::Null);
    feature(Value::Null, Value::Object(properties))
}

#[test]
fn wide_features_keep_their_geometry_type_alone() {
    let fits = [wide(256, 3_000), wide(1, 8_192), wide(200, 8_192)];
    for (feature, count) in fits.iter().zip([256, 1, 200]) {
        let signature = signature(feature);
        assert_eq!(listed(&signature).unwrap().len(), count);
        assert_eq!(
            FeatureSignature::from_bytes(signature.as_bytes()).unwrap(),
            signature
        );
    }
    assert_eq!(signature(&fits[1]).as_bytes().len(), MAX_SIGNATURE_BYTES);
    for feature in [wide(257, 3_000), wide(1, 8_193), wide(200, 8_193)] {
        let signature = signature(&feature);
        assert_eq!(signature, FeatureSignature::unknown(GeometryType::Null));
        assert_eq!(listed(&signature), None);
    }
    // One that follows in a collection is not touched by it.
    let text = json!({"type": "FeatureCollection", "features": [
        wide(257, 3_000), feature(Value::Null, json!({"a": true})), wide(1, 8_193)
    ]})
    .to_string();
    let parsed = parse_features(text.as_bytes(), &Limits::default()).unwrap();
    let Features::Many(puts) = parsed else {
        panic!("one feature");
    };
    let known: Vec<_> = puts.iter().map(|put| listed(&put.signature)).collect();
    assert_eq!(known, [None, Some(vec![("a".to_owned(), "boolean")]), None]);
}

#[test]
fn bytes_that_are_no_shape_are_refused() {
    let good = signature(&feature(Value::Null, json!({"ab": 1, "c": "d"})));
    let bytes = good.as_bytes();
    for end in 0..bytes.len() {
        // Up to after a property is a signature, too.
        let whole = [1, 4].contains(&end);
        let cut = FeatureSignature::from_bytes(&bytes[..end]);
        assert_eq!(cut.is_ok(), whole, "{end}");
    }
    for bad in [
        &[8][..],
        &[0x88],
        &[0x80, 0, 0x60],
        &[0, 6, 0x60],
        &[0, 0, 0x01],
        &[0, 0, 0x61, 0xff],
    ] {
        assert!(FeatureSignature::from_bytes(bad).is_err(), "{bad:?}");
    }
    let many = [&[0_u8][..], &[0, 0x60].repeat(257)].concat();
    assert!(FeatureSignature::from_bytes(&many).is_err());
    assert!(FeatureSignature::from_bytes(&many[..many.len() - 2]).is_ok());
}

#[test]
fn stored_items_are_of_the_type_that_their_json_is_of() {
    let typed_array = [0xd8, 79, 0x40];
    // The bytes after a head of any length: a valid argument and content.
    let firsts = (0..=u8::MAX).map(|first| [&[first][..], &[0; 40]].concat());
    for item in firsts.chain([typed_array.to_vec()]) {
        let first = item[0];
        let mut json = Vec::new();
        let written = crate::types::write_json(&item, &mut json).is_ok();
        let kind = PropertyType::of_item(first);
        if written {
            let value: Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(
                kind.map(PropertyType::as_str),
                Some(kind_of(&value)),
                "{first:x}"
            );
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..30).prop_map(|v| json!(v)),
        proptest::collection::hash_map("[a-c]{1,3}", any::<u16>(), 0..3).prop_map(|v| json!(v)),
    ]
}

proptest! {
    #[test]
    fn names_and_types_are_those_of_the_document(
        properties in proptest::collection::hash_map(".{0,30}", value(), 0..12),
    ) {
        let signature = signature(&feature(Value::Null, json!(properties)));
        let mut expected: Vec<(String, &str)> = properties
            .iter()
            .map(|(name, value)| (name.clone(), kind_of(value)))
            .collect();
        expected.sort();
        let mut found = listed(&signature).unwrap();
        found.sort();
        prop_assert_eq!(found, expected);
        let again = FeatureSignature::from_bytes(signature.as_bytes()).unwrap();
        prop_assert_eq!(&again, &signature);
        prop_assert_eq!(again.keyed_hash(), signature.keyed_hash());
    }

    #[test]
    fn any_bytes_are_a_shape_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(signature) = FeatureSignature::from_bytes(&bytes) {
            prop_assert_eq!(signature.as_bytes(), &bytes[..]);
            let known = signature.properties().map_or(0, |properties| {
                properties.map(|(name, _)| 2 + name.len()).sum()
            });
            prop_assert_eq!(known + 1, bytes.len());
        }
    }
}
