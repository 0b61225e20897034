//! Random sequences of operations against plain maps.

use std::time::Instant;

use formdb_engine::Order;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use serde_json::{Value, json};

use super::model::Change;
use super::steps::{Range, Step, run};
use super::{report, seeds};

fn longitude() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => (-180..=180).prop_map(f64::from),
        1 => proptest::sample::select(vec![-180.0, 180.0, 0.0, 179.5, -179.5]),
    ]
}

fn latitude() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => (-90..=90).prop_map(f64::from),
        1 => proptest::sample::select(vec![-90.0, 90.0, 0.0, 89.5]),
    ]
}

fn put() -> impl Strategy<Value = Change> {
    let geometry = prop_oneof![
        4 => (longitude(), latitude())
            .prop_map(|(x, y)| json!({"type": "Point", "coordinates": [x, y]})),
        1 => Just(Value::Null),
    ];
    (0..12, geometry, "[a-zé\"\\\\]{0,8}", any::<i64>()).prop_map(|(id, geometry, name, n)| {
        let properties = json!({"name": name, "n": n});
        let id = format!("f{id}");
        Change::Put(
            json!({"type": "Feature", "id": id, "geometry": geometry, "properties": properties}),
        )
    })
}

fn points() -> impl Strategy<Value = Change> {
    let point = (-20..20_i64, -1e6..1e6_f64);
    // Some are long enough to be compressed.
    let points = prop_oneof![9 => vec(point.clone(), 1..20), 1 => vec(point, 128..300)];
    (0..3, points).prop_map(|(series, points)| {
        let (timestamps, values) = points.into_iter().unzip();
        Change::Points(format!("s{series}"), timestamps, values)
    })
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let delete = (0..12).prop_map(|id| Change::Delete(format!("f{id}")));
    let range = (0..3, -22..22_i64, 0..12_i64);
    let delete_points = range.prop_map(|(series, start, length)| {
        Change::DeletePoints(format!("s{series}"), start, start + length)
    });
    let attributes = (
        0..5,
        prop_oneof![3 => (0..9).prop_map(Some), 1 => Just(None)],
    );
    let attributes = attributes.prop_map(|(series, n)| {
        let attributes = n.map(|n| json!({"unit": "m", "n": n}));
        Change::Attributes(format!("s{series}"), attributes)
    });
    vec(
        prop_oneof![6 => put(), 4 => points(), 2 => delete, 2 => delete_points, 2 => attributes],
        1..6,
    )
}

fn step() -> impl Strategy<Value = Step> {
    let maybe = || prop_oneof![Just(Vec::new()), changes()];
    let edges = (longitude(), latitude(), longitude(), latitude());
    let edges = edges.prop_map(|(w, a, e, b)| [w, a.min(b), e, a.max(b)]);
    let order = proptest::sample::select(vec![Order::Ascending, Order::Descending]);
    let range =
        (0..3, -22..22_i64, 0..30_i64, order).prop_map(|(series, start, length, order)| Range {
            series: format!("s{series}"),
            start,
            end: start + length,
            order,
        });
    prop_oneof![
        8 => changes().prop_map(Step::Write),
        3 => (edges, 1..8_usize, maybe()).prop_map(|(edges, limit, more)| Step::Box(edges, limit, more)),
        3 => (range, 1..8_usize, maybe()).prop_map(|(range, limit, more)| Step::Range(range, limit, more)),
        1 => Just(Step::Compare),
        2 => any::<usize>().prop_map(Step::Past),
        2 => any::<usize>().prop_map(Step::Undo),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
    ]
}

#[test]
fn random_operations_give_the_answers_of_plain_maps() {
    let began = Instant::now();
    let (mut sequences, mut steps) = (0, 0);
    for seed in seeds(4) {
        let config = Config {
            cases: 100,
            failure_persistence: None,
            ..Config::default()
        };
        let bytes: Vec<u8> = (0..4).flat_map(|i| (seed + i).to_le_bytes()).collect();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let counted = std::cell::Cell::new((0, 0));
        let result = runner.run(&vec(step(), 1..40), |steps| {
            let (sequences, all) = counted.get();
            counted.set((sequences + 1, all + steps.len()));
            run(&steps).map_err(TestCaseError::fail)
        });
        if let Err(TestError::Fail(reason, steps)) = result {
            panic!("seed {seed} (FORMDB_SEED): {reason}\n{steps:#?}");
        }
        result.unwrap();
        sequences += counted.get().0;
        steps += counted.get().1;
    }
    report(
        "random operations",
        began,
        &[("sequences", sequences), ("steps", steps)],
    );
}
