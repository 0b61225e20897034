use super::*;
use crate::types::cbor::write_json;
use ciborium::Value;
use proptest::prelude::*;

fn batch(timestamps: Vec<i64>, values: Vec<f64>) -> PointBatch {
    PointBatch {
        series: "weather/temp".into(),
        timestamps,
        values,
        metadata: Vec::new(),
        provenance: None,
    }
}

/// A series as a sensor gives it: every ten seconds, to a tenth of a degree.
fn regular(n: usize) -> PointBatch {
    let timestamps = (0..n as i64).map(|i| 1_700_000_000_000_000 + i * 10_000_000);
    let values = (0..n).map(|i| ((i as f64 / 50.0).sin() * 100.0).round() / 10.0);
    batch(timestamps.collect(), values.collect())
}

fn member<'v>(body: &'v Value, name: &str) -> Option<&'v Value> {
    let map = body.as_map().unwrap();
    map.iter()
        .find(|(k, _)| k.as_text() == Some(name))
        .map(|(_, v)| v)
}

fn read(body: &[u8]) -> Value {
    ciborium::from_reader(body).unwrap()
}

fn check_round_trip(batch: &PointBatch) -> &'static str {
    let body = encode_points(batch);
    let decoded = decode_points(&body).unwrap();
    assert_eq!(decoded.series, batch.series);
    assert_eq!(decoded.timestamps, batch.timestamps);
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&decoded.values), bits(&batch.values));
    let value = read(&body);
    // Deterministic: ciborium writes the same bytes, and keys are in order.
    let mut again = Vec::new();
    ciborium::into_writer(&value, &mut again).unwrap();
    assert_eq!(again, body);
    let names: Vec<&str> = value
        .as_map()
        .unwrap()
        .iter()
        .map(|(k, _)| k.as_text().unwrap())
        .collect();
    assert!(names.is_sorted_by_key(|name| (name.len(), *name)));
    match member(&value, "codec").unwrap().as_text().unwrap() {
        "raw" => "raw",
        "pco" => "pco",
        other => panic!("codec {other}"),
    }
}

#[test]
fn few_points_are_raw_typed_arrays() {
    let batch = batch(vec![1, -2, i64::MAX], vec![0.5, -0.0, f64::MIN_POSITIVE]);
    assert_eq!(check_round_trip(&batch), "raw");
    let body = read(&encode_points(&batch));
    assert_eq!(member(&body, "n"), Some(&Value::from(3)));
    match member(&body, "ts").unwrap() {
        Value::Tag(79, bytes) => {
            let expected: Vec<u8> = batch
                .timestamps
                .iter()
                .flat_map(|t| t.to_le_bytes())
                .collect();
            assert_eq!(bytes.as_bytes().unwrap(), &expected);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        member(&body, "values").unwrap(),
        Value::Tag(86, _)
    ));
    // And they have a readable form.
    let mut json = Vec::new();
    write_json(&encode_points(&batch), &mut json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["ts"], serde_json::json!(batch.timestamps));
}

#[test]
fn many_points_are_compressed_where_that_is_smaller() {
    assert_eq!(check_round_trip(&batch(vec![], vec![])), "raw");
    assert_eq!(check_round_trip(&regular(PCO_MIN_POINTS - 1)), "raw");
    assert_eq!(check_round_trip(&regular(PCO_MIN_POINTS)), "pco");
    assert_eq!(check_round_trip(&regular(10_000)), "pco");
    assert!(
        encode_points(&regular(10_000)).len() < 3 * 10_000,
        "bytes a point"
    );
    // Noise in every bit of both columns does not compress.
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state ^ (state >> 33)
    };
    let timestamps = (0..200).map(|_| noise() as i64).collect();
    let values = (0..200)
        .map(|_| f64::from_bits(noise()))
        .map(|v| if v.is_finite() { v } else { 0.0 })
        .collect();
    assert_eq!(check_round_trip(&batch(timestamps, values)), "raw");
}

#[test]
fn above_the_bound_of_the_decoder_nothing_is_compressed() {
    let n = PCO_MAX_POINTS + 1;
    assert_eq!(check_round_trip(&batch(vec![0; n], vec![0.0; n])), "raw");
    let n = PCO_MAX_POINTS;
    assert_eq!(check_round_trip(&batch(vec![0; n], vec![0.0; n])), "pco");
}

#[test]
fn metadata_is_found_by_index() {
    let map = |n: u8| vec![0xa1, 0x61, b'q', n];
    let mut batch = regular(300);
    batch.metadata = vec![None; 300];
    batch.metadata[0] = Some(map(1));
    batch.metadata[299] = Some(map(2));
    check_round_trip(&batch);
    let body = encode_points(&batch);
    assert_eq!(point_metadata(&body, 0).unwrap(), Some(&map(1)[..]));
    assert_eq!(point_metadata(&body, 1).unwrap(), None);
    assert_eq!(point_metadata(&body, 299).unwrap(), Some(&map(2)[..]));
    assert!(point_metadata(&body, 300).is_err());
    let bare = encode_points(&regular(3));
    assert_eq!(point_metadata(&bare, 2).unwrap(), None);
    assert!(point_metadata(&bare, 3).is_err());
}

#[test]
fn splitting_keeps_everything_in_order() {
    assert_eq!(batch(vec![], vec![]).split(), []);
    let small = regular(10);
    assert_eq!(small.clone().split(), [small]);
    let mut large = regular(2 * MAX_BATCH_POINTS + 5);
    large.provenance = Some(vec![0xa0]);
    large.metadata = vec![None; large.timestamps.len()];
    *large.metadata.last_mut().unwrap() = Some(vec![0xa0]);
    let parts = large.clone().split();
    assert_eq!(parts.len(), 3);
    assert!(parts[0].metadata.is_empty() && parts[1].metadata.is_empty());
    assert_eq!(parts[2].metadata.len(), parts[2].values.len());
    assert!(
        parts
            .iter()
            .all(|p| p.timestamps.len() <= MAX_BATCH_POINTS && p.provenance == large.provenance)
    );
    let joined: Vec<f64> = parts.iter().flat_map(|p| p.values.clone()).collect();
    assert_eq!(joined, large.values);
    assert_eq!(parts[2].metadata.last(), large.metadata.last());
}

/// A body with members replaced, or taken out by `None`.
fn altered(batch: &PointBatch, changes: &[(&str, Option<Value>)]) -> Vec<u8> {
    let mut map = read(&encode_points(batch)).into_map().unwrap();
    for (name, value) in changes {
        map.retain(|(k, _)| k.as_text() != Some(name));
        if let Some(value) = value {
            map.push((Value::from(*name), value.clone()));
        }
    }
    let mut out = Vec::new();
    ciborium::into_writer(&Value::Map(map), &mut out).unwrap();
    out
}

#[test]
fn bodies_that_do_not_add_up_are_refused() {
    let raw = regular(3);
    let packed = regular(200);
    let nan = batch(vec![1], vec![f64::NAN]);
    for (body, reason) in [
        (
            altered(&raw, &[("n", Some(4.into()))]),
            "another number of points",
        ),
        (
            altered(&raw, &[("n", Some(u64::MAX.into()))]),
            "another number of points",
        ),
        (altered(&raw, &[("n", None)]), "member missing"),
        (altered(&raw, &[("series", None)]), "member missing"),
        (
            altered(&raw, &[("codec", Some("pco".into()))]),
            "match their codec",
        ),
        (
            altered(&raw, &[("codec", Some("zip".into()))]),
            "unknown codec",
        ),
        (
            altered(&raw, &[("extra", Some(1.into()))]),
            "unknown member",
        ),
        (
            altered(&raw, &[("meta", Some(Value::Array(vec![])))]),
            "metadata of another",
        ),
        (
            altered(&raw, &[("ts", Some(Value::Bytes(vec![])))]),
            "match their codec",
        ),
        (
            altered(
                &raw,
                &[(
                    "ts",
                    Some(Value::Tag(86, Box::new(Value::Bytes(vec![0; 24])))),
                )],
            ),
            "tag of another type",
        ),
        (
            altered(&packed, &[("n", Some(199.into()))]),
            "another number of points",
        ),
        (
            altered(&packed, &[("n", Some(201.into()))]),
            "another number of points",
        ),
        (
            altered(&packed, &[("n", Some((1_u64 << 40).into()))]),
            "more compressed points",
        ),
        (
            altered(&packed, &[("ts", Some(Value::Bytes(vec![1, 2, 3])))]),
            "does not decompress",
        ),
        (
            altered(&packed, &[("ts", Some(Value::Bytes(vec![])))]),
            "does not decompress",
        ),
        (encode_points(&nan), "not finite"),
    ] {
        let error = decode_points(&body).unwrap_err();
        assert!(error.reason.contains(reason), "{reason}: {error}");
    }
    let mut trailing = encode_points(&raw);
    trailing.push(0);
    assert!(decode_points(&trailing).is_err());
}

proptest! {
    #[test]
    fn every_batch_reads_back(
        timestamps in prop_oneof![
            proptest::collection::vec(any::<i64>(), 0..400),
            proptest::collection::vec(0..1_000_i64, 0..400),
        ],
        bits in proptest::collection::vec(any::<u64>(), 400),
        coarse in any::<bool>(),
    ) {
        let values = timestamps.iter().zip(bits).map(|(_, bits)| {
            let value = if coarse { (bits % 1_000) as f64 / 10.0 } else { f64::from_bits(bits) };
            if value.is_finite() { value } else { -0.0 }
        }).collect();
        check_round_trip(&batch(timestamps, values));
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = decode_points(&bytes);
        let _ = point_metadata(&bytes, 3);
    }

    #[test]
    fn damaged_bodies_never_panic(
        n in prop_oneof![0..20_usize, 128..600_usize],
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = encode_points(&regular(n));
        prop_assert!(decode_points(&body[..cut.index(body.len())]).is_err());
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Ok(decoded) = decode_points(&body) {
            prop_assert_eq!(decoded.timestamps.len(), decoded.values.len());
        }
        let _ = point_metadata(&body, n / 2);
    }
}
