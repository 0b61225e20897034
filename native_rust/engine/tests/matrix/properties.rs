//! Random sequences of operations against plain maps: every answer compared, across
//! closes, kills and openings, and pages that go on while others write.

use std::time::Instant;

use formdb_engine::model::BoundingBox;
use formdb_engine::{BoxQuery, Database, Order, RangeQuery};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use serde_json::{Value, json};

use super::disk::SimFs;
use super::image::crash_points;
use super::model::{Change, Model, Points, prepare, same, text};
use super::workload::open;
use super::{report, seeds};

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Change>),
    /// A box of features in pages of so many, with a write behind each page.
    Box([f64; 4], usize, Vec<Change>),
    /// A range of points, likewise.
    Range(Range, usize, Vec<Change>),
    Compare,
    Close,
    Kill,
}

#[derive(Debug, Clone)]
struct Range {
    series: String,
    start: i64,
    end: i64,
    order: Order,
}

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
    vec(prop_oneof![3 => put(), 2 => points()], 1..6)
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
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
    ]
}

/// A database and what it should hold.
struct Pair {
    fs: SimFs,
    db: Database,
    model: Model,
}

impl Pair {
    fn write(&mut self, changes: &[Change]) -> Result<(), String> {
        if changes.is_empty() {
            return Ok(());
        }
        let transaction = prepare(&self.db, changes).map_err(text)?;
        let ack = self.db.write(transaction.operations).map_err(text)?;
        same("first block", ack.first_seq, self.model.seq + 1)?;
        self.model.apply(changes);
        same("last block", ack.last_seq, self.model.seq)
    }

    fn pages_of_box(
        &mut self,
        edges: [f64; 4],
        limit: usize,
        more: &[Change],
    ) -> Result<(), String> {
        let [w, s, e, n] = edges;
        let expected: Vec<Value> = self.model.in_box(edges).into_iter().cloned().collect();
        let seq = self.model.seq;
        let mut query = BoxQuery {
            bbox: BoundingBox::parse(&format!("{w},{s},{e},{n}")).map_err(text)?,
            limit,
            cursor: None,
        };
        let mut found: Vec<Value> = Vec::new();
        loop {
            let page = self.db.features_in_box(&query).map_err(text)?;
            same("sequence of a page", page.seq, seq)?;
            found.extend(
                serde_json::from_slice::<Vec<Value>>(&page.json).map_err(|e| e.to_string())?,
            );
            if page.next.is_none() {
                break;
            }
            query.cursor = page.next;
            self.write(more)?;
        }
        same("features in a box", found, expected)
    }

    fn pages_of_range(
        &mut self,
        range: &Range,
        limit: usize,
        more: &[Change],
    ) -> Result<(), String> {
        let Some(points) = self.model.series.get(&range.series) else {
            return Ok(());
        };
        let inside = |point: &&(i64, f64)| (range.start..range.end).contains(&point.0);
        let mut expected: Points = points.iter().filter(inside).copied().collect();
        if range.order == Order::Descending {
            expected.reverse();
        }
        let seq = self.model.seq;
        let mut found = Points::new();
        let mut cursor: Option<String> = None;
        loop {
            let query = RangeQuery {
                series: &range.series,
                start: range.start,
                end: range.end,
                order: range.order,
                limit,
                cursor: cursor.as_deref(),
            };
            let page = self.db.range(&query).map_err(text)?;
            same("sequence of a page", page.seq, seq)?;
            found.extend(page.points.iter().map(|p| (p.timestamp, p.value)));
            if page.next.is_none() {
                return same("points of a range", found, expected);
            }
            cursor = page.next;
            self.write(more)?;
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Write(changes) => self.write(changes),
            Step::Box(edges, limit, more) => self.pages_of_box(*edges, *limit, more),
            Step::Range(range, limit, more) => self.pages_of_range(range, *limit, more),
            Step::Compare => self.model.compare(&self.db),
            Step::Close => {
                self.db.close();
                self.db = open(&self.fs).map_err(text)?;
                same("bytes cut", self.db.recovered().bytes_cut, 0)
            }
            Step::Kill => {
                let (before, log) = self.fs.history();
                let points = crash_points(before, &log);
                self.fs = points[points.len() - 1].killed();
                self.db = open(&self.fs).map_err(text)?;
                same("bytes cut", self.db.recovered().bytes_cut, 0)
            }
        }
    }
}

fn run(steps: &[Step]) -> Result<(), String> {
    let fs = SimFs::new();
    let db = open(&fs).map_err(text)?;
    let model = Model::default();
    let mut pair = Pair { fs, db, model };
    for (number, step) in steps.iter().enumerate() {
        pair.step(step).map_err(|e| format!("step {number}: {e}"))?;
    }
    pair.model.compare(&pair.db)
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
