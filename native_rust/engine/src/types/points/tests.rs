use super::*;
use crate::types::cbor::write_json;
use proptest::prelude::*;
use serde_json::{Value, json};

fn parse(text: &str) -> Result<Points> {
    parse_points(text.as_bytes(), &Limits::default())
}

fn json_of(cbor: &[u8]) -> Value {
    let mut out = Vec::new();
    write_json(cbor, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn one_point() {
    let points = parse(
        r#"{"series_id":"t/1","timestamp":"2024-03-01T00:00:00.5Z","value":-3.5,
            "metadata":{"unit":"C"},"provenance":{"source":"dwd"}}"#,
    )
    .unwrap();
    assert!(points.single);
    assert_eq!(points.count, 1);
    let batch = &points.batches[0];
    assert_eq!(batch.series, "t/1");
    assert_eq!(batch.timestamps, [1_709_251_200_500_000]);
    assert_eq!(batch.values, [-3.5]);
    assert_eq!(
        json_of(batch.metadata[0].as_ref().unwrap()),
        json!({"unit":"C"})
    );
    assert_eq!(
        json_of(batch.provenance.as_ref().unwrap()),
        json!({"source":"dwd"})
    );

    let bare = parse(r#"{"value":1,"timestamp":-1,"series_id":"a"}"#).unwrap();
    assert_eq!(
        bare.batches,
        [PointBatch {
            series: "a".into(),
            timestamps: vec![-1],
            values: vec![1.0],
            metadata: vec![],
            provenance: None,
        }]
    );
}

#[test]
fn a_list_is_grouped_by_series_and_provenance() {
    let points = parse(
        r#"{"provenance":{"source":"all"},"points":[
            {"series_id":"a","timestamp":1,"value":1},
            {"series_id":"b","timestamp":2,"value":2,"metadata":{}},
            {"series_id":"a","timestamp":3,"value":3,"metadata":{"q":1}},
            {"series_id":"a","timestamp":4,"value":4,"provenance":{"source":"own"}},
            {"series_id":"a","timestamp":5,"value":5,"provenance":{"source":"all"}},
            {"series_id":"b","timestamp":6,"value":6},
            {"series_id":"a","timestamp":7,"value":7}]}"#,
    )
    .unwrap();
    assert!(!points.single);
    assert_eq!(points.count, 7);
    let got: Vec<_> = points
        .batches
        .iter()
        .map(|b| {
            let source = json_of(b.provenance.as_ref().unwrap())["source"].clone();
            let metadata: Vec<_> = b
                .metadata
                .iter()
                .map(|m| m.as_deref().map(json_of))
                .collect();
            (b.series.as_str(), b.timestamps.clone(), source, metadata)
        })
        .collect();
    assert_eq!(
        got,
        [
            (
                "a",
                vec![1, 3],
                json!("all"),
                vec![None, Some(json!({"q":1}))]
            ),
            ("b", vec![2, 6], json!("all"), vec![Some(json!({})), None]),
            ("a", vec![4], json!("own"), vec![]),
            ("a", vec![5, 7], json!("all"), vec![]),
        ]
    );
}

#[test]
fn values_are_what_a_double_holds() {
    for (text, value) in [
        ("9007199254740992", 9_007_199_254_740_992.0),
        ("1152921504606846976", 1_152_921_504_606_846_976.0),
        ("-9223372036854775808", -9_223_372_036_854_775_808.0),
        ("9007199254740993.0", 9_007_199_254_740_992.0),
        ("-0.0", -0.0),
        ("-0", -0.0),
        ("5e-324", f64::from_bits(1)),
    ] {
        let point = format!(r#"{{"series_id":"a","timestamp":1,"value":{text}}}"#);
        let points = parse(&point).unwrap();
        assert_eq!(
            points.batches[0].values[0].to_bits(),
            f64::to_bits(value),
            "{text}"
        );
    }
}

#[test]
fn columns_and_empty_lists() {
    let points = parse(
        r#"{"series_id":"a","timestamps":["1970-01-01",2,"1970-01-01T00:00:00.000003Z"],"values":[1,2.5,-0.0],"provenance":{}}"#,
    )
    .unwrap();
    assert_eq!(points.count, 3);
    assert_eq!(points.batches[0].timestamps, [0, 2, 3]);
    assert_eq!(points.batches[0].values, [1.0, 2.5, 0.0]);
    assert_eq!(points.batches[0].provenance, Some(vec![0xa0]));
    for text in [
        r#"{"points":[]}"#,
        r#"{"series_id":"a","timestamps":[],"values":[]}"#,
    ] {
        let points = parse(text).unwrap();
        assert!(points.batches.is_empty() && points.count == 0 && !points.single);
    }
}

#[test]
fn long_runs_are_split() {
    let count = 2 * MAX_BATCH_POINTS + 1;
    let numbers: Vec<usize> = (0..count).collect();
    let columns =
        parse(&json!({"series_id":"a","timestamps":numbers,"values":numbers}).to_string()).unwrap();
    let list: Vec<Value> = numbers
        .iter()
        .map(|n| json!({"series_id":"a","timestamp":n,"value":n}))
        .collect();
    let list = parse(&json!({ "points": list }).to_string()).unwrap();
    for points in [columns, list] {
        assert_eq!(points.count, count);
        assert_eq!(points.batches.len(), 3);
        let timestamps: Vec<i64> = points
            .batches
            .iter()
            .flat_map(|b| b.timestamps.clone())
            .collect();
        assert!(timestamps.iter().copied().eq(0..count as i64));
        assert!(points.batches.iter().all(
            |b| b.timestamps.len() <= MAX_BATCH_POINTS && b.timestamps.len() == b.values.len()
        ));
    }
}

#[test]
fn refusals_point_from_the_top() {
    for (text, code, pointer) in [
        ("[]", "invalid_json", ""),
        ("{", "invalid_json", ""),
        ("{}", "invalid_point", ""),
        (r#"{"series_id":"a","timestamp":1}"#, "invalid_point", ""),
        (r#"{"series_id":"a","value":1}"#, "invalid_point", ""),
        (r#"{"timestamp":1,"value":1}"#, "invalid_point", ""),
        (
            r#"{"series_id":"a","timestamp":1,"value":1,"a/b":1}"#,
            "invalid_point",
            "/a~1b",
        ),
        (
            r#"{"series_id":7,"timestamp":1,"value":1}"#,
            "invalid_id",
            "/series_id",
        ),
        (
            r#"{"series_id":"","timestamp":1,"value":1}"#,
            "invalid_id",
            "/series_id",
        ),
        (
            r#"{"series_id":"a","timestamp":1.5,"value":1}"#,
            "invalid_timestamp",
            "/timestamp",
        ),
        (
            r#"{"series_id":"a","timestamp":"noon","value":1}"#,
            "invalid_timestamp",
            "/timestamp",
        ),
        (
            r#"{"series_id":"a","timestamp":1,"value":"1"}"#,
            "invalid_value",
            "/value",
        ),
        (
            r#"{"series_id":"a","timestamp":1,"value":null}"#,
            "invalid_value",
            "/value",
        ),
        (
            r#"{"series_id":"a","timestamp":1,"value":1e999}"#,
            "invalid_json",
            "/value",
        ),
        (
            r#"{"series_id":"a","timestamp":1,"value":9007199254740993}"#,
            "invalid_value",
            "/value",
        ),
        (
            r#"{"series_id":"a","timestamps":[1,2],"values":[9007199254740992,-9007199254740993]}"#,
            "invalid_value",
            "/values/1",
        ),
        (
            r#"{"series_id":"a","timestamps":[1,2],"values":[0.0,1e-400]}"#,
            "invalid_json",
            "/values/1",
        ),
        (
            r#"{"points":[{"series_id":"a","timestamp":1,"value":1,"metadata":{"n":[36893488147419103232]}}]}"#,
            "invalid_json",
            "/points/0/metadata/n/0",
        ),
        (
            r#"{"points":[],"provenance":{"run":36893488147419103232}}"#,
            "invalid_json",
            "/provenance/run",
        ),
        (
            r#"{"series_id":"a","timestamp":1,"value":1,"metadata":null}"#,
            "invalid_document",
            "/metadata",
        ),
        (
            r#"{"series_id":"a","timestamp":1,"value":1,"provenance":"x"}"#,
            "invalid_document",
            "/provenance",
        ),
        (r#"{"points":{}}"#, "invalid_point", "/points"),
        (r#"{"points":[1]}"#, "invalid_point", "/points/0"),
        (
            r#"{"points":[],"series_id":"a"}"#,
            "invalid_point",
            "/series_id",
        ),
        (
            r#"{"points":[],"provenance":7}"#,
            "invalid_document",
            "/provenance",
        ),
        (
            r#"{"points":[{"series_id":"a","timestamp":1,"value":1},{"series_id":"a","timestamp":1,"valeu":1}]}"#,
            "invalid_point",
            "/points/1/valeu",
        ),
        (
            r#"{"points":[{"series_id":"a","timestamp":1,"value":[]}]}"#,
            "invalid_value",
            "/points/0/value",
        ),
        (
            r#"{"points":[{"series_id":"a\n","timestamp":1,"value":1}]}"#,
            "invalid_id",
            "/points/0/series_id",
        ),
        (r#"{"series_id":"a","timestamps":[1]}"#, "invalid_point", ""),
        (r#"{"series_id":"a","values":[1]}"#, "invalid_point", ""),
        (r#"{"timestamps":[1],"values":[1]}"#, "invalid_point", ""),
        (
            r#"{"series_id":"a","timestamps":[1],"values":1}"#,
            "invalid_point",
            "/values",
        ),
        (
            r#"{"series_id":"a","timestamps":[1],"values":[1,2]}"#,
            "invalid_point",
            "/values",
        ),
        (
            r#"{"series_id":"a","timestamps":[1,"x"],"values":[1,2]}"#,
            "invalid_timestamp",
            "/timestamps/1",
        ),
        (
            r#"{"series_id":"a","timestamps":[1,2],"values":[1,true]}"#,
            "invalid_value",
            "/values/1",
        ),
        (
            r#"{"series_id":[],"timestamps":[],"values":[]}"#,
            "invalid_id",
            "/series_id",
        ),
        (
            r#"{"series_id":"","timestamps":[],"values":[]}"#,
            "invalid_id",
            "/series_id",
        ),
        (
            r#"{"series_id":"a","timestamps":[],"values":[],"metadata":{}}"#,
            "invalid_point",
            "/metadata",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(
            (error.code(), error.pointer()),
            (code, Some(pointer)),
            "{text}\n{error}"
        );
    }
}

proptest! {
    #[test]
    fn grouping_keeps_every_point_and_the_order_of_each_series(
        points in proptest::collection::vec(
            (0..3_u8, any::<i32>(), -9..9_i32, proptest::option::of(0..2_u8), proptest::option::of(0..2_u8)),
            0..40,
        ),
        inherited in proptest::option::of(0..2_u8),
    ) {
        let list: Vec<Value> = points.iter().map(|(series, timestamp, value, meta, prov)| {
            let mut point = json!({
                "series_id": format!("s{series}"), "timestamp": timestamp, "value": value
            });
            if let Some(m) = meta { point["metadata"] = json!({ "m": m }); }
            if let Some(p) = prov { point["provenance"] = json!({ "p": p }); }
            point
        }).collect();
        let mut text = json!({ "points": list });
        if let Some(p) = inherited { text["provenance"] = json!({ "p": p }); }
        let parsed = parse(&text.to_string()).unwrap();
        prop_assert_eq!(parsed.count, points.len());
        for series in 0..3_u8 {
            let of_series = parsed.batches.iter().filter(|b| b.series == format!("s{series}"));
            let got: Vec<_> = of_series.clone().flat_map(|b| {
                b.timestamps.iter().zip(&b.values).enumerate().map(|(i, (t, v))| {
                    let meta = b.metadata.get(i).cloned().flatten();
                    (*t, *v, meta.map(|m| json_of(&m)), b.provenance.as_deref().map(json_of))
                })
            }).collect();
            let expected: Vec<_> = points.iter().filter(|p| p.0 == series).map(|(_, t, v, m, p)| (
                i64::from(*t), f64::from(*v), m.map(|m| json!({ "m": m })),
                p.or(inherited).map(|p| json!({ "p": p })),
            )).collect();
            prop_assert_eq!(got, expected);
            // Neighbours with one provenance share a batch.
            let provenances: Vec<_> = of_series.map(|b| &b.provenance).collect();
            prop_assert!(provenances.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse_points(&bytes, &Limits::default());
    }

    #[test]
    fn point_like_text_is_parsed_or_refused(
        text in r#"\{("(points|timestamps|values|series_id|timestamp|value|a)":(\[[0-9,]{0,4}\]|[0-9]|"a"),?){0,5}\}"#,
    ) {
        if let Ok(points) = parse(&text) {
            let stored: usize = points.batches.iter().map(|b| b.values.len()).sum();
            prop_assert_eq!(points.count, stored);
        }
    }
}
