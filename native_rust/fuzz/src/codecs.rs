//! Stored bytes and client text: decoders against other people's, and both ways.

use ciborium::Value as Cbor;
use formdb_engine::types::{
    BoundingBox, Features, Json, PointBatch, PutFeature, Source, decode_points, encode_points,
    feature_to_json, intersects_box, parse_features, parse_points, point_metadata, points_to_json,
    stored_feature, write_json,
};
use formdb_engine::{Block, Limits};
use serde_json::Value;

use crate::documents::{Choices, given_back};

fn limits() -> Limits {
    Limits {
        positions: 10_000,
        ..Limits::default()
    }
}

/// One item, with nothing after it, as `ciborium` reads it.
fn ciborium(bytes: &[u8]) -> Option<Cbor> {
    let mut rest = bytes;
    let value = ciborium::from_reader(&mut rest).ok()?;
    rest.is_empty().then_some(value)
}

/// Its bytes as `ciborium` writes them: equal for equal values, NaN among them.
fn encoded(value: &Cbor) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).unwrap();
    out
}

/// A stored block: what decodes has the members that `ciborium` finds, and its parts
/// are read without a panic.
pub fn block(data: &[u8]) {
    let Ok(block) = Block::decode(data) else {
        return;
    };
    let Block { seq, txn, time, .. } = block;
    if let Some(Cbor::Map(members)) = ciborium(data) {
        let find = |name: &str| {
            // Of a name that occurs twice, the engine takes the last.
            let found = members.iter().rev();
            let mut found = found.filter(|(key, _)| key.as_text() == Some(name));
            found.next().map(|(_, value)| value)
        };
        let int = |name: &str| find(name).and_then(Cbor::as_integer).map(i128::from);
        let words = |name: &str| find(name).and_then(Cbor::as_text);
        assert_eq!(int("seq"), Some(seq.into()));
        assert_eq!(int("txn"), Some(txn.into()));
        assert_eq!(int("time"), Some(time.into()));
        assert_eq!(int("prev"), block.prev.map(i128::from));
        assert_eq!(words("op"), Some(block.op.as_str()));
        assert_eq!(words("actor"), block.actor);
        assert_eq!(
            find("body").map(encoded),
            ciborium(block.body).as_ref().map(encoded)
        );
        assert_eq!(find("provenance").is_some(), block.provenance.is_some());
        let pair = find("key").and_then(Cbor::as_array).map(Vec::as_slice);
        let pair = pair.map(|pair| (pair[0].as_text(), pair[1].as_bytes().map(Vec::as_slice)));
        assert_eq!(
            pair,
            block.key.map(|(text, digest)| (Some(text), Some(digest)))
        );
    }
    stored(block.body, block.provenance);
    points_batch(block.body);
}

/// A body that may be a feature's.
fn stored(body: &[u8], provenance: Option<&[u8]>) {
    let world = BoundingBox::parse("-180,-90,180,90").unwrap();
    let _ = stored_feature(body);
    let _ = intersects_box(body, &world.pieces());
    let mut out = Vec::new();
    if feature_to_json(body, provenance, &mut out).is_ok() {
        assert!(is_json(&out), "{}", String::from_utf8_lossy(&out));
    }
}

/// Whether it is JSON; nesting beyond what `serde_json` reads cannot be told.
fn is_json(text: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(text) {
        Ok(_) => true,
        Err(e) => e.to_string().contains("recursion limit"),
    }
}

/// Any CBOR as JSON: what is written reads back as what `ciborium` finds.
pub fn cbor(data: &[u8]) {
    stored(data, None);
    let mut out = Vec::new();
    let Ok(rest) = write_json(data, &mut out) else {
        return;
    };
    let item = &data[..data.len() - rest.len()];
    assert!(is_json(&out), "{}", String::from_utf8_lossy(&out));
    let (Ok(ours), Some(theirs)) = (serde_json::from_slice::<Value>(&out), ciborium(item)) else {
        return;
    };
    if let Some(theirs) = cbor_as_json(&theirs) {
        assert_eq!(ours, theirs);
    }
}

/// The same value in JSON, where the two have it in common.
fn cbor_as_json(value: &Cbor) -> Option<Value> {
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(b) => Value::from(*b),
        Cbor::Integer(n) => {
            let n = i128::from(*n);
            match (u64::try_from(n), i64::try_from(n)) {
                (Ok(n), _) => Value::from(n),
                (_, Ok(n)) => Value::from(n),
                _ => Value::from(n as f64),
            }
        }
        Cbor::Float(x) => Value::from(*x),
        Cbor::Text(text) => Value::from(text.as_str()),
        Cbor::Array(items) => items.iter().map(cbor_as_json).collect::<Option<_>>()?,
        Cbor::Map(members) => members
            .iter()
            .map(|(key, value)| Some((key.as_text()?.to_owned(), cbor_as_json(value)?)))
            .collect::<Option<serde_json::Map<_, _>>>()?
            .into(),
        _ => return None,
    })
}

/// A stored batch of points: what decodes encodes and decodes to the same.
pub fn points_batch(data: &[u8]) {
    let mut out = Vec::new();
    if points_to_json(data, &mut out).is_ok() {
        assert!(is_json(&out), "{}", String::from_utf8_lossy(&out));
    }
    let _ = point_metadata(data, 0);
    let Ok(points) = decode_points(data) else {
        return;
    };
    assert_eq!(points.timestamps.len(), points.values.len());
    let batch = PointBatch {
        series: points.series.clone(),
        timestamps: points.timestamps.clone(),
        values: points.values.clone(),
        metadata: Vec::new(),
        provenance: None,
    };
    same_points(&batch);
}

/// A batch survives being stored, to the bit.
fn same_points(batch: &PointBatch) {
    let body = encode_points(batch);
    let read = decode_points(&body).expect("what was encoded decodes");
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(read.series, batch.series);
    assert_eq!(read.timestamps, batch.timestamps);
    assert_eq!(bits(&read.values), bits(&batch.values));
    for (i, metadata) in batch.metadata.iter().enumerate() {
        assert_eq!(point_metadata(&body, i).unwrap(), metadata.as_deref());
    }
    let value: Cbor = ciborium(&body).expect("ciborium reads what was encoded");
    assert_eq!(
        encoded(&value),
        body,
        "another encoder gives the same bytes"
    );
}

/// GeoJSON text: what is taken is stored, indexed and given back the same.
pub fn features(data: &[u8]) {
    match parse_features(data, &limits()) {
        Err(_) => {}
        Ok(Features::One(feature)) => same_feature(&feature),
        Ok(Features::Many(features)) => features.iter().for_each(same_feature),
    }
}

/// Documents with the words of GeoJSON at every level, as the bytes decide: what is taken
/// is stored, indexed and given back the same, with all that was sent.
pub fn hostile(data: &[u8]) {
    let mut choices = Choices(data);
    let place = choices.place();
    let sent = choices.feature("a", place);
    let text = sent.to_string();
    let Ok(Features::One(feature)) = parse_features(text.as_bytes(), &limits()) else {
        return;
    };
    same_feature(&feature);
    let mut out = Vec::new();
    feature_to_json(&feature.body, feature.provenance.as_deref(), &mut out).expect("as JSON");
    let back: Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(back, given_back(sent));
}

fn same_feature(feature: &PutFeature) {
    let read = stored_feature(&feature.body).expect("what was stored reads back");
    assert_eq!(read.id, feature.id);
    assert_eq!(read.envelope, feature.envelope);
    let world = BoundingBox::parse("-180,-90,180,90").unwrap();
    let somewhere = intersects_box(&feature.body, &world.pieces()).expect("a stored geometry");
    assert_eq!(somewhere, feature.envelope.is_some());

    let mut text = Vec::new();
    feature_to_json(&feature.body, feature.provenance.as_deref(), &mut text).expect("as JSON");
    match parse_features(&text, &limits()) {
        Ok(Features::One(again)) => assert_eq!(again, *feature),
        // A collection's provenance may nest as deep beside the feature as in it.
        other => panic!("{other:?} of {}", String::from_utf8_lossy(&text)),
    }
    let value = ciborium(&feature.body).expect("ciborium reads what was stored");
    assert_eq!(
        encoded(&value),
        feature.body,
        "another encoder gives the same bytes"
    );
}

/// Text of points: what is taken survives being stored.
pub fn points(data: &[u8]) {
    let Ok(points) = parse_points(data, &limits()) else {
        return;
    };
    let count: usize = points.batches.iter().map(|b| b.timestamps.len()).sum();
    assert_eq!(count, points.count);
    points.batches.iter().for_each(same_points);
}

/// JSON text: read as `serde_json` reads it, but that no name may occur twice, and that
/// what it would round to a double or to 0 is refused.
pub fn json(data: &[u8]) {
    let ours = Source::new(data).and_then(|source| source.value());
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    match (ours, serde_json::from_slice::<Value>(text)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(json_as_value(&ours), theirs),
        (Err(_), Err(_)) => {}
        (Err(ours), Ok(_)) => {
            let ours = ours.to_string();
            let known = [
                "occurs twice",
                "an integer beyond 64 bits",
                "too small for a double",
            ];
            assert!(known.iter().any(|reason| ours.contains(reason)), "{ours}");
        }
        (Ok(_), Err(theirs)) => panic!("taken, although {theirs}"),
    }
}

fn json_as_value(json: &Json<'_>) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::from(*b),
        Json::U64(n) => Value::from(*n),
        Json::I64(n) => Value::from(*n),
        Json::F64(n) => Value::from(*n),
        Json::Str(text) => Value::from(text.as_ref()),
        Json::Arr(items) => items.iter().map(json_as_value).collect(),
        Json::Obj(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (name.to_owned(), json_as_value(value)));
            Value::Object(members.collect())
        }
    }
}
