//! What parsing, encoding and decoding cost. Each benchmark checks the answer it
//! times before timing it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark stops at the first surprise, and criterion's macro writes no docs"
)]

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use ciborium::Value;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use formdb_engine::Limits;
use formdb_engine::types::cbor::{encode_json, write_json};
use formdb_engine::types::{
    BoundingBox, Features, Json, PointBatch, Source, decode_points, encode_points, feature_to_json,
    intersects_box, parse_features, parse_points, parse_timestamp, stored_feature, write_timestamp,
};
use minicbor::Encoder;

/// A small record, 148 bytes in CBOR.
const RECORD: &str = r#"{"type":"Feature","id":"us7000abcd","geometry":{"type":"Point","coordinates":[-116.8015,33.4866667,12.73]},"properties":{"mag":4.52,"place":"5km W of Anza","time":1700000000123}}"#;

/// As [`encode_json`] writes what the record holds, by minicbor's encoder.
fn encode_with_minicbor(value: &Json<'_>, encoder: &mut Encoder<&mut Vec<u8>>) {
    match value {
        Json::Null => _ = encoder.null().unwrap(),
        Json::Bool(value) => _ = encoder.bool(*value).unwrap(),
        Json::U64(n) => _ = encoder.u64(*n).unwrap(),
        Json::I64(n) => _ = encoder.i64(*n).unwrap(),
        Json::F64(n) if f64::from(*n as f32) == *n => _ = encoder.f32(*n as f32).unwrap(),
        Json::F64(n) => _ = encoder.f64(*n).unwrap(),
        Json::Str(text) => _ = encoder.str(text).unwrap(),
        Json::Arr(elements) => {
            encoder.array(elements.len() as u64).unwrap();
            for element in elements {
                encode_with_minicbor(element, encoder);
            }
        }
        Json::Obj(members) => {
            encoder.map(members.len() as u64).unwrap();
            for (name, value) in members.iter() {
                encoder.str(name).unwrap();
                encode_with_minicbor(value, encoder);
            }
        }
    }
}

fn record(c: &mut Criterion) {
    let json = Source::new(RECORD.as_bytes()).unwrap().value().unwrap();
    let mut ours = Vec::new();
    encode_json(&json, &mut ours);
    let value: Value = ciborium::from_reader(&ours[..]).unwrap();
    let mut theirs = Vec::new();
    ciborium::into_writer(&value, &mut theirs).unwrap();
    assert_eq!(ours, theirs);
    theirs.clear();
    encode_with_minicbor(&json, &mut Encoder::new(&mut theirs));
    assert_eq!(ours, theirs);

    let mut group = c.benchmark_group("record");
    group.throughput(Throughput::Bytes(ours.len() as u64));
    let mut out = Vec::with_capacity(512);
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            encode_json(black_box(&json), &mut out);
        });
    });
    group.bench_function("encode, minicbor", |b| {
        b.iter(|| {
            out.clear();
            encode_with_minicbor(black_box(&json), &mut Encoder::new(&mut out));
        });
    });
    group.bench_function("encode, ciborium", |b| {
        b.iter(|| {
            out.clear();
            ciborium::into_writer(black_box(&value), &mut out).unwrap();
        });
    });
    group.bench_function("decode to JSON text", |b| {
        b.iter(|| {
            out.clear();
            write_json(black_box(&ours), &mut out).unwrap().len()
        });
    });
    group.bench_function("decode to a tree, ciborium", |b| {
        b.iter(|| ciborium::from_reader::<Value, _>(black_box(&ours[..])).unwrap());
    });
    group.bench_function("parse JSON text", |b| {
        b.iter(|| {
            Source::new(black_box(RECORD.as_bytes()))
                .unwrap()
                .value()
                .unwrap()
        });
    });
    group.finish();
}

fn features(c: &mut Criterion) {
    const COUNT: u64 = 10_000;
    let mut text = String::from(r#"{"type":"FeatureCollection","features":["#);
    for i in 0..COUNT {
        let comma = if i > 0 { "," } else { "" };
        let (x, y) = (i as f64 * 0.0123 - 60.0, i as f64 * 0.0071 - 30.0);
        write!(
            text,
            r#"{comma}{{"type":"Feature","id":"f{i}","geometry":{{"type":"Point","coordinates":[{x:.5},{y:.5}]}},"properties":{{"mag":4.{},"place":"somewhere"}}}}"#,
            i % 10
        )
        .unwrap();
    }
    text.push_str("]}");
    let limits = Limits::default();
    let Features::Many(parsed) = parse_features(text.as_bytes(), &limits).unwrap() else {
        panic!("a collection");
    };
    assert_eq!(parsed.len() as u64, COUNT);
    let body = &parsed[7].body;
    let stored = stored_feature(body).unwrap();
    assert_eq!(
        (stored.id.as_ref(), stored.envelope),
        ("f7", parsed[7].envelope)
    );

    let mut group = c.benchmark_group("features");
    group.throughput(Throughput::Elements(COUNT));
    group.bench_function("parse_features, 10,000 points", |b| {
        b.iter(|| parse_features(black_box(text.as_bytes()), &limits).unwrap());
    });
    let without_ids = text.replace("\"id\":\"f", "\"no\":\"f");
    group.bench_function("parse_features, ids generated", |b| {
        b.iter(|| parse_features(black_box(without_ids.as_bytes()), &limits).unwrap());
    });
    group.throughput(Throughput::Elements(1));
    let mut out = Vec::with_capacity(512);
    group.bench_function("feature_to_json", |b| {
        b.iter(|| {
            out.clear();
            feature_to_json(black_box(body), None, &mut out).unwrap();
        });
    });
    group.bench_function("stored_feature", |b| {
        b.iter(|| stored_feature(black_box(body)).unwrap().envelope);
    });

    let ring: Vec<String> = (0..=1_000)
        .map(|i| f64::from(i % 1_000) * std::f64::consts::TAU / 1_000.0)
        .map(|angle| format!("[{:.6},{:.6}]", 10.0 * angle.cos(), 10.0 * angle.sin()))
        .collect();
    let circle = format!(
        r#"{{"type":"Feature","id":1,"geometry":{{"type":"Polygon","coordinates":[[{}]]}}}}"#,
        ring.join(",")
    );
    let Features::One(circle) = parse_features(circle.as_bytes(), &limits).unwrap() else {
        panic!("a feature");
    };
    let inside = BoundingBox::new(-1.0, -1.0, 1.0, 1.0).unwrap().pieces();
    let corner = BoundingBox::new(8.0, 8.0, 10.0, 10.0).unwrap().pieces();
    assert!(intersects_box(&circle.body, &inside).unwrap());
    assert!(!intersects_box(&circle.body, &corner).unwrap());
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("intersects_box, polygon of 1,000", |b| {
        b.iter(|| intersects_box(black_box(&circle.body), &inside).unwrap());
    });
    group.finish();
}

fn points(c: &mut Criterion) {
    const COUNT: usize = 10_000;
    let timestamps: Vec<i64> = (0..COUNT as i64)
        .map(|i| 1_700_000_000_000_000 + i * 10_000_000 + i * i % 997)
        .collect();
    let values: Vec<f64> = (0..COUNT)
        .map(|i| ((i as f64 / 50.0).sin() * 100.0 + (i * i % 19) as f64).round() / 10.0)
        .collect();
    let batch = PointBatch {
        series: "bench/temperature".into(),
        timestamps,
        values,
        metadata: Vec::new(),
        provenance: None,
    };
    let body = encode_points(&batch);
    let decoded = decode_points(&body).unwrap();
    assert_eq!(
        (&decoded.timestamps, &decoded.values),
        (&batch.timestamps, &batch.values)
    );

    let iso: Vec<String> = batch
        .timestamps
        .iter()
        .map(|&t| {
            let mut text = Vec::new();
            write_timestamp(t, &mut text);
            String::from_utf8(text).unwrap()
        })
        .collect();
    let columns = serde_json::json!({
        "series_id": batch.series, "timestamps": iso, "values": batch.values
    })
    .to_string();
    let objects: Vec<serde_json::Value> = iso
        .iter()
        .zip(&batch.values)
        .map(|(t, v)| serde_json::json!({"series_id": batch.series, "timestamp": t, "value": v}))
        .collect();
    let objects = serde_json::json!({ "points": objects }).to_string();
    let limits = Limits::default();
    for text in [&columns, &objects] {
        assert_eq!(
            parse_points(text.as_bytes(), &limits).unwrap().batches,
            std::slice::from_ref(&batch)
        );
    }

    let mut group = c.benchmark_group("points");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("encode_points, 10,000", |b| {
        b.iter(|| encode_points(black_box(&batch)));
    });
    group.bench_function("decode_points, 10,000", |b| {
        b.iter(|| decode_points(black_box(&body)).unwrap());
    });
    group.bench_function("parse_points, columns", |b| {
        b.iter(|| parse_points(black_box(columns.as_bytes()), &limits).unwrap());
    });
    group.bench_function("parse_points, objects", |b| {
        b.iter(|| parse_points(black_box(objects.as_bytes()), &limits).unwrap());
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse_timestamp", |b| {
        b.iter(|| parse_timestamp(black_box(&iso[9])));
    });
    let mut out = Vec::with_capacity(64);
    group.bench_function("write_timestamp", |b| {
        b.iter(|| {
            out.clear();
            write_timestamp(black_box(batch.timestamps[9]), &mut out);
        });
    });
    group.finish();
}

criterion_group! {
    name = codec;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(20);
    targets = record, features, points
}
criterion_main!(codec);
