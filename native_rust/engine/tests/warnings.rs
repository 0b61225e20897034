//! What is stored as it came although it looks wrong is told of: where it stands, and how often
//! there is such a thing.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::{Antimeridian, TimeReading, TimeUnit, Warnings};
use formdb_engine::{Cancel, Database, Framing, Limits, TableReading, UploadForm, UploadOptions};
use serde_json::{Value, json};

struct Place {
    _dir: tempfile::TempDir,
    db: Database,
}

fn place(limits: Limits) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, limits).unwrap();
    Place { _dir: dir, db }
}

/// Codes with pointers.
fn told(warnings: &Warnings) -> Vec<(&str, &str)> {
    let told = warnings.kept().iter();
    told.map(|w| (w.code, w.pointer.as_str())).collect()
}

fn feature(id: &str, geometry: &Value) -> Value {
    json!({"type": "Feature", "id": id, "geometry": geometry, "properties": {}})
}

fn point(x: f64, y: f64) -> Value {
    json!({"type": "Point", "coordinates": [x, y]})
}

fn bow_tie() -> Value {
    json!([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]])
}

#[test]
fn rings_that_meet_themselves() {
    let Place { _dir, db } = place(Limits {
        faults: 3,
        ..Limits::default()
    });
    let square = json!([[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]);
    let polygon = json!({"type": "Polygon", "coordinates": [square, bow_tie()]});
    let prepare = |document: &Value| {
        let prepared = db.prepare_features(document.to_string().as_bytes());
        prepared.unwrap().warnings
    };
    let one = prepare(&feature("a", &polygon));
    assert_eq!(
        told(&one),
        [("self_intersection", "/geometry/coordinates/1")]
    );
    assert!(one.kept()[0].detail.contains("even-odd"), "{one:?}");
    // A geometry alone, in a collection, and in collections of features.
    let one = prepare(&polygon);
    assert_eq!(told(&one), [("self_intersection", "/coordinates/1")]);
    let both = json!({"type": "GeometryCollection", "geometries": [
        point(0.0, 0.0), {"type": "MultiPolygon", "coordinates": [[square], [bow_tie()]]}]});
    let one = prepare(&feature("a", &both));
    let pointer = "/geometry/geometries/1/coordinates/1/0";
    assert_eq!(told(&one), [("self_intersection", pointer)]);
    let features: Vec<Value> = (0..5).map(|i| feature(&i.to_string(), &polygon)).collect();
    let all = prepare(&json!({"type": "FeatureCollection", "features": features}));
    let pointer = "/features/2/geometry/coordinates/1";
    assert_eq!(told(&all)[2], ("self_intersection", pointer));
    assert_eq!(
        (all.kept().len(), all.counts()),
        (3, [("self_intersection", 5)].as_slice())
    );
    // Only of what is written.
    let put = |puts| {
        let twice = json!({"type": "FeatureCollection", "features": [features[0], features[0]]});
        db.prepare_features_with(twice.to_string().as_bytes(), puts)
            .unwrap()
            .warnings
    };
    let skip = formdb_engine::Puts {
        skip: true,
        ..formdb_engine::Puts::default()
    };
    assert_eq!(put(skip).counts(), [("self_intersection", 1)]);
    // Not of what is a good ring, and not of what is cut.
    let good = json!({"type": "Polygon", "coordinates": [square]});
    assert!(prepare(&feature("a", &good)).is_empty());
    let wide = json!({"type": "Polygon",
        "coordinates": [[[170, 0], [-170, 0], [-170, 10], [170, 10], [170, 0]]]});
    let cut = db
        .prepare_feature_as("a", wide.to_string().as_bytes(), Antimeridian::Cut)
        .unwrap();
    assert!(cut.warnings.is_empty());

    // A patch tells of the geometry that it brings, not of the one that is there.
    let prepared = db
        .prepare_features(feature("a", &polygon).to_string().as_bytes())
        .unwrap();
    db.write(prepared.operations).unwrap();
    let patch = |text: &str| {
        let (prepared, _) = db
            .prepare_patch("a", text.as_bytes(), Antimeridian::Refuse)
            .unwrap();
        prepared.warnings
    };
    assert!(patch(r#"{"properties":{"n":1}}"#).is_empty());
    let geometry = json!({"geometry": polygon}).to_string();
    assert_eq!(
        told(&patch(&geometry)),
        [("self_intersection", "/geometry/coordinates/1")]
    );
}

#[test]
fn coordinates_that_were_exchanged() {
    let Place { _dir, db } = place(Limits::default());
    let prepare = |document: &Value| {
        db.prepare_features(document.to_string().as_bytes())
            .unwrap()
    };
    let near = |i: i32| point(13.3 + f64::from(i) / 100.0, 52.5 + f64::from(i) / 200.0);
    let mut features: Vec<Value> = (0..20).map(|i| feature(&i.to_string(), &near(i))).collect();
    let swapped = feature("x", &point(52.52, 13.35));
    // Among those of one request.
    features.push(swapped.clone());
    let all = prepare(&json!({"type": "FeatureCollection", "features": features}));
    assert_eq!(
        told(&all.warnings),
        [("swapped_coordinates", "/features/20/geometry")]
    );
    assert!(
        prepare(&swapped).warnings.is_empty(),
        "there are no others yet"
    );
    features.pop();
    let right = prepare(&json!({"type": "FeatureCollection", "features": features}));
    assert!(right.warnings.is_empty());
    db.write(right.operations).unwrap();
    // Among those that are stored.
    assert_eq!(
        told(&prepare(&swapped).warnings),
        [("swapped_coordinates", "/geometry")]
    );
    assert!(prepare(&feature("y", &near(3))).warnings.is_empty());
    let text = format!("{}\n{}\n", feature("y", &near(3)), swapped);
    let form = UploadForm::Features(Framing::Lines, Antimeridian::Refuse);
    let (lines, counts) = upload(&db, form, &text);
    assert_eq!(lines, [(2, "swapped_coordinates", "/geometry".to_owned())]);
    assert_eq!(counts, [("swapped_coordinates", 1)]);
}

type Told = (Vec<(u64, &'static str, String)>, Vec<(&'static str, u64)>);

fn upload(db: &Database, form: UploadForm, text: &str) -> Told {
    let options = UploadOptions {
        form,
        stop: false,
        record_bytes: 1 << 20,
        on_duplicate: None,
        provenance: None,
        key: None,
    };
    let mut upload = db.upload(options).unwrap();
    let budget = upload.budget(Cancel::default());
    upload.feed(&mut text.as_bytes(), &budget).unwrap();
    upload.end(&budget).unwrap();
    let (warnings, counts) = upload.take_warnings();
    let line = |w: formdb_engine::RecordWarning| (w.line, w.warning.code, w.warning.pointer);
    (warnings.into_iter().map(line).collect(), counts.to_vec())
}

#[test]
fn times_that_are_seconds_or_the_digits_of_a_date() {
    let Place { _dir, db } = place(Limits::default());
    let points = |document: &Value, unit: Option<TimeUnit>| {
        let times = TimeReading {
            unit,
            ..TimeReading::default()
        };
        let text = document.to_string();
        db.prepare_points_in(text.as_bytes(), &times)
            .unwrap()
            .warnings
    };
    let of = |time: Value, unit| {
        let warnings = points(
            &json!({"series_id": "s", "timestamp": time, "value": 1}),
            unit,
        );
        warnings.kept().first().map(|warning| {
            assert_eq!(
                (warning.code, warning.pointer.as_str()),
                ("unlikely_time", "/timestamp")
            );
            warning.detail.clone()
        })
    };
    for (time, unit, meant) in [
        (1_400_000_000_u64, None, "2014-05-13T16:53:20"),
        (1_400_000_000_000, None, "2014-05-13T16:53:20"),
        (20_130_102, None, "2013-01-02:"),
        (201_301_020_500, None, "2013-01-02T05:00:"),
        (20_130_102_050_007, None, "2013-01-02T05:00:07"),
        // The year 8348.
        (
            201_301_020_500,
            Some(TimeUnit::Seconds),
            "2013-01-02T05:00:",
        ),
    ] {
        let detail = of(json!(time), unit).unwrap();
        assert!(detail.contains(meant), "{time}: {detail}");
    }
    let none = None::<TimeUnit>;
    for (time, unit) in [
        (json!(1_400_000_000_000_000_u64), none),
        (json!(1_400_000_000), Some(TimeUnit::Seconds)),
        // Said to be so, or hardly anything else.
        (json!(1_400_000_000), Some(TimeUnit::Microseconds)),
        (json!(20_131_402), none),
        (json!(86_400), none),
        (json!(-1_400_000_000_i64), none),
        (json!(100_000_000_000_000_u64), none),
        (json!("1970-01-01T00:23:20Z"), none),
        (json!("2013-01-02"), none),
    ] {
        assert_eq!(of(time.clone(), unit), None, "{time}");
    }
    let list = json!({"points": [
        {"series_id": "s", "timestamp": "2014-01-01", "value": 1},
        {"series_id": "s", "timestamp": 1_400_000_000, "value": 1}]});
    assert_eq!(
        told(&points(&list, None)),
        [("unlikely_time", "/points/1/timestamp")]
    );
    let times: Vec<u64> = (0..1_000).map(|i| 1_400_000_000 + 60 * i).collect();
    let columns = json!({"series_id": "s", "timestamps": times, "values": times});
    let all = points(&columns, None);
    assert_eq!(told(&all)[7], ("unlikely_time", "/timestamps/7"));
    assert_eq!(
        (all.kept().len(), all.counts()),
        (100, [("unlikely_time", 1_000)].as_slice())
    );

    let operations = json!({"operations": [
        {"op": "put_points", "points": {"series_id": "s", "timestamp": 1_400_000_000, "value": 1}}]});
    let prepared = db
        .prepare_operations(operations.to_string().as_bytes())
        .unwrap();
    let pointer = "/operations/0/points/timestamp";
    assert_eq!(told(&prepared.warnings), [("unlikely_time", pointer)]);

    let expected = |line| (line, "unlikely_time", "/timestamp".to_owned());
    let lines = UploadForm::Points(Framing::Lines, TimeReading::default());
    let text = r#"{"series_id":"s","timestamp":201301020500,"value":1}"#;
    assert_eq!(upload(&db, lines, text).0, [expected(1)]);
    let table = UploadForm::Table(TableReading::default());
    let text = "timestamp,a,b\n2014-01-01,1,2\n1400000000,1,2\n1400000060,,\n1400000120,1,";
    let (told, counts) = upload(&db, table, text);
    assert_eq!(told, [expected(3), expected(5)]);
    assert_eq!(counts, [("unlikely_time", 2)]);
}

#[test]
fn members_that_are_hardly_meant_as_their_own() {
    let Place { _dir, db } = place(Limits::default());
    let prepare = |document: &Value| {
        let prepared = db.prepare_features(document.to_string().as_bytes());
        prepared.unwrap()
    };
    let mut one = feature("a", &point(1.0, 2.0));
    one["Provenance"] = json!({"source": "x"});
    one["agent"] = json!("x");
    let prepared = prepare(&one);
    assert_eq!(
        told(&prepared.warnings),
        [("misspelled_member", "/Provenance")]
    );
    let many = json!({"type": "FeatureCollection", "provenence": {}, "features": [one]});
    let warnings = prepare(&many).warnings;
    let all = [
        ("misspelled_member", "/provenence"),
        ("misspelled_member", "/features/0/Provenance"),
    ];
    assert_eq!(told(&warnings), all);
    let kept = warnings.kept();
    assert!(kept[0].detail.contains("is not stored") && kept[1].detail.contains("is stored"));

    // A patch is told of what it says itself.
    db.write(prepared.operations).unwrap();
    let patch = |text: &str| {
        let patched = db.prepare_patch("a", text.as_bytes(), Antimeridian::Refuse);
        patched.unwrap().0.warnings
    };
    assert_eq!(
        told(&patch(r#"{"propertys":{"n":1}}"#)),
        [("misspelled_member", "/propertys")]
    );
    assert!(patch(r#"{"properties":{"propertys":1}}"#).is_empty());
    assert!(patch(r#"{"geometry":null}"#).is_empty());
}
