use super::*;
use crate::types::json::{Json, Members, Source};
use ciborium::Value;
use proptest::prelude::*;

fn encoded(value: &Json<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_json(value, &mut out);
    out
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

fn json_of(cbor: &[u8]) -> Result<String, DecodeError> {
    let mut out = Vec::new();
    let rest = write_json(cbor, &mut out)?;
    assert!(rest.is_empty());
    Ok(String::from_utf8(out).unwrap())
}

/// What ciborium should read, in the order it should read it.
fn expected(value: &Json<'_>) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::U64(n) => Value::Integer((*n).into()),
        Json::I64(n) => Value::Integer((*n).into()),
        Json::F64(n) => Value::Float(*n),
        Json::Str(s) => Value::Text(s.to_string()),
        Json::Arr(a) => Value::Array(a.iter().map(expected).collect()),
        Json::Obj(members) => {
            let mut pairs: Vec<(Vec<u8>, Value, Value)> = members
                .iter()
                .map(|(name, value)| {
                    let mut key = Vec::new();
                    ciborium::into_writer(name, &mut key).unwrap();
                    (key, Value::Text(name.to_owned()), expected(value))
                })
                .collect();
            // The rule as RFC 8949 states it: by the bytes of the encoded keys.
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Map(pairs.into_iter().map(|(_, k, v)| (k, v)).collect())
        }
    }
}

fn tree() -> impl Strategy<Value = Json<'static>> {
    let float = prop_oneof![
        any::<f64>().prop_filter("finite", |n| n.is_finite()),
        any::<f32>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(f64::from),
        any::<i16>().prop_map(|n| f64::from(n) / 8.0),
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<u64>().prop_map(Json::U64),
        (0..300_u64).prop_map(Json::U64),
        (i64::MIN..0).prop_map(Json::I64),
        (-300..0_i64).prop_map(Json::I64),
        float.prop_map(Json::F64),
        ".{0,12}".prop_map(|s| Json::Str(s.into())),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..30).prop_map(Json::Arr),
            proptest::collection::btree_map("[a-zé\"\\\\]{0,30}", inner, 0..8).prop_map(|map| {
                let members = map.into_iter().map(|(k, v)| (k.into(), v)).collect();
                Json::Obj(Members::new(members).unwrap())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn ciborium_reads_what_we_write(value in tree()) {
        let bytes = encoded(&value);
        let read: Value = ciborium::from_reader(&bytes[..]).unwrap();
        prop_assert_eq!(&read, &expected(&value));
        // It writes shortest forms too, so any slack in ours would show.
        let mut again = Vec::new();
        ciborium::into_writer(&read, &mut again).unwrap();
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn json_to_cbor_to_json_is_lossless(value in tree()) {
        let text = json_of(&encoded(&value)).unwrap();
        let back = Source::new(text.as_bytes()).unwrap().value().unwrap();
        prop_assert_eq!(encoded(&back), encoded(&value), "{}", text);
    }

    #[test]
    fn numbers_read_back_as_doubles(n in any::<i64>(), f in any::<f64>()) {
        let mut bytes = Vec::new();
        write_int(n, &mut bytes);
        write_float(f, &mut bytes);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.number().unwrap(), n as f64);
        let read = reader.number().unwrap();
        prop_assert!(read.to_bits() == f.to_bits() || read.is_nan() && f.is_nan());
        prop_assert!(reader.end().is_ok());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut out = Vec::new();
        match write_json(&bytes, &mut out) {
            Ok(rest) => {
                prop_assert!(bytes.ends_with(rest));
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
            }
            Err(e) => prop_assert!(e.offset <= bytes.len()),
        }
        let _ = Reader::new(&bytes).item();
        let _ = Reader::new(&bytes).number();
    }

    #[test]
    fn stepping_over_agrees_with_minicbor(
        value in tree(), noise in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..4),
        any in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let own = |bytes: &[u8]| {
            let mut decoder = minicbor::Decoder::new(bytes);
            skip(&mut decoder).ok().map(|()| decoder.position())
        };
        let theirs = |bytes: &[u8]| {
            let mut decoder = minicbor::Decoder::new(bytes);
            decoder.skip().ok().map(|()| decoder.position())
        };
        let mut bytes = encoded(&value);
        let len = bytes.len();
        prop_assert_eq!(own(&bytes), Some(len));
        for cut in 0..len {
            prop_assert_eq!(own(&bytes[..cut]), None);
        }
        bytes.extend([1, 2, 3]);
        prop_assert_eq!(own(&bytes), Some(len));
        for (place, byte) in noise {
            let place = usize::from(place) % bytes.len();
            bytes[place] = byte;
        }
        for bytes in [bytes, any] {
            match (own(&bytes), theirs(&bytes)) {
                // Only text is not looked at.
                (Some(own), None) => prop_assert!(std::str::from_utf8(&bytes[..own]).is_err()),
                (own, theirs) => prop_assert_eq!(own, theirs),
            }
        }
    }

    #[test]
    fn every_truncation_is_refused(value in tree()) {
        let bytes = encoded(&value);
        for end in 0..bytes.len() {
            prop_assert!(write_json(&bytes[..end], &mut Vec::new()).is_err());
        }
    }
}

/// Pairs of RFC 8949, appendix A, that JSON can hold.
#[test]
fn examples_of_the_standard() {
    for (hex, json) in [
        ("00", "0"),
        ("17", "23"),
        ("1818", "24"),
        ("1903e8", "1000"),
        ("1b000000e8d4a51000", "1000000000000"),
        ("1bffffffffffffffff", "18446744073709551615"),
        ("20", "-1"),
        ("3903e7", "-1000"),
        ("f90000", "0.0"),
        ("f98000", "-0.0"),
        ("f93e00", "1.5"),
        ("fb3ff199999999999a", "1.1"),
        ("f97bff", "65504.0"),
        ("fa47c35000", "100000.0"),
        ("f90001", "5.960464477539063e-8"),
        ("f90400", "0.00006103515625"),
        ("fb7e37e43c8800759c", "1e300"),
        ("f4", "false"),
        ("f6", "null"),
        ("6449455446", "\"IETF\""),
        ("62c3bc", "\"ü\""),
        ("80", "[]"),
        ("8301820203820405", "[1,[2,3],[4,5]]"),
        ("a26161016162820203", "{\"a\":1,\"b\":[2,3]}"),
    ] {
        let value = Source::new(json.as_bytes()).unwrap().value().unwrap();
        assert_eq!(encoded(&value), from_hex(hex), "{json}");
        // Number spelling may differ (100000.0); the value may not.
        let back = json_of(&from_hex(hex)).unwrap();
        let back = Source::new(back.as_bytes()).unwrap().value().unwrap();
        assert_eq!(back, value, "{hex}");
    }
    // -2^64 has a CBOR integer; JSON text has no limit.
    assert_eq!(
        json_of(&from_hex("3bffffffffffffffff")).unwrap(),
        "-18446744073709551616"
    );
}

#[test]
fn every_float_takes_the_shortest_width() {
    // All that binary16 can hold, as another decoder reads it.
    let halves: std::collections::HashSet<u64> = (0..=u16::MAX)
        .map(|half| {
            let [a, b] = half.to_be_bytes();
            Reader::new(&[0xf9, a, b]).number().unwrap()
        })
        .filter(|n| !n.is_nan())
        .map(f64::to_bits)
        .collect();
    assert_eq!(halves.len(), 65_536 - 2 * 1_023);
    // Every sign and exponent of binary32 with the top 11 bits of its fraction: one
    // more than binary16 keeps, so values just beside its own are among them.
    let mut found = 0;
    for top in 0..1_u32 << 20 {
        let n = f64::from(f32::from_bits(top << 12));
        let mut out = Vec::new();
        write_float(n, &mut out);
        let is_half = halves.contains(&n.to_bits());
        if n.is_nan() {
            assert_eq!(out, [0xf9, 0x7e, 0]);
        } else {
            assert_eq!(out[0], if is_half { 0xf9 } else { 0xfa }, "{n}");
            assert_eq!(Reader::new(&out).number().unwrap().to_bits(), n.to_bits());
        }
        found += usize::from(is_half);
        // One unit more in the last place is no binary32.
        if n.is_finite() {
            let next = f64::from_bits(n.to_bits() + 1);
            out.clear();
            write_float(next, &mut out);
            assert_eq!(out[0], 0xfb, "{next}");
        }
    }
    assert_eq!(found, halves.len());
}

#[test]
fn typed_arrays_and_byte_strings_have_a_form_in_json() {
    let mut bytes = Vec::new();
    write_map_header(3, &mut bytes);
    write_text("b", &mut bytes);
    write_bytes(&[0xfb, 0xff, 0xfe], &mut bytes);
    write_text("f", &mut bytes);
    write_tag(TAG_F64_LE, &mut bytes);
    let floats: Vec<u8> = [1.5_f64, -0.0]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    write_bytes(&floats, &mut bytes);
    write_text("i", &mut bytes);
    write_tag(TAG_I64_LE, &mut bytes);
    let ints: Vec<u8> = [i64::MIN, 7].iter().flat_map(|n| n.to_le_bytes()).collect();
    write_bytes(&ints, &mut bytes);
    assert_eq!(
        json_of(&bytes).unwrap(),
        r#"{"b":"-__-","f":[1.5,-0.0],"i":[-9223372036854775808,7]}"#
    );
}

#[test]
fn what_json_cannot_hold_is_refused() {
    for (hex, reason) in [
        ("f97c00", "a float that is not finite"),
        ("fb7ff8000000000000", "a float that is not finite"),
        ("a1f601", "an item of another type was expected"),
        ("c001", "an unknown tag"),
        ("d84f4100", "a typed array with half an element"),
        ("d85648000000000000f0", "the bytes end inside an item"),
        ("d85648000000000000f0ff", "a float that is not finite"),
        ("f7", "an item with no form in JSON"),
        ("9fff", "an item with no form in JSON"),
        ("61ff", "the bytes are not CBOR"),
        ("8201", "the bytes end inside an item"),
        ("9bffffffffffffffff01", "the bytes end inside an item"),
    ] {
        let error = write_json(&from_hex(hex), &mut Vec::new()).unwrap_err();
        assert_eq!(error.reason, reason, "{hex}");
    }
}

#[test]
fn depth_is_limited_above_what_the_parser_takes() {
    let deepest = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let value = Source::new(deepest.as_bytes()).unwrap().value().unwrap();
    assert_eq!(json_of(&encoded(&value)).unwrap(), deepest);
    let mut limit = vec![0x81; MAX_DEPTH];
    limit.push(0xf6);
    assert!(json_of(&limit).is_ok());
    limit.insert(0, 0x81);
    assert!(
        write_json(&limit, &mut Vec::new())
            .unwrap_err()
            .reason
            .contains("160")
    );
    assert!(write_json(&vec![0x81; 5_000_000], &mut Vec::new()).is_err());
}

#[test]
fn items_follow_each_other() {
    let mut out = Vec::new();
    let rest = write_json(&[0x01, 0x82, 0x02, 0x03, 0xf6], &mut out).unwrap();
    assert_eq!(rest, [0x82, 0x02, 0x03, 0xf6]);
    let mut reader = Reader::new(rest);
    assert_eq!(reader.item().unwrap(), [0x82, 0x02, 0x03]);
    assert!(reader.end().is_err());
    assert!(reader.take_null().unwrap());
    assert!(reader.end().is_ok());
}
