//! Deletions and their undoing, against a plain list of points that remembers who deleted
//! them and who brought them back.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::chunk::PointRef;
use super::super::shared_series::SharedSeries;
use super::tests::check;
use super::*;
use crate::budget::Budget;
use crate::testing::oracles::{cases, compared};

/// A point of the list, in order of arrival.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) point: Point,
    /// Blocks that deleted it and brought it back, in turn.
    ends: Vec<u64>,
}

impl Row {
    fn is_alive(&self) -> bool {
        self.ends.len().is_multiple_of(2)
    }

    fn is_of(&self, block: u64) -> bool {
        self.point.source.seq == block || self.ends.iter().skip(1).step_by(2).any(|b| *b == block)
    }

    fn died_by(&self, block: u64) -> bool {
        self.ends.iter().step_by(2).any(|end_seq| *end_seq == block)
    }
}

/// Values whose exact sums fit into few doubles, and in every fourth block some others.
fn value(seq: u64, index: u32) -> f64 {
    match (seq % 4, index % 97) {
        (0, 0) => f64::from(index) * -1e300,
        (0, 1) => 1e-300,
        (0, 2) => -0.0,
        _ => seq as f64 + f64::from(index) / 4_096.0,
    }
}

#[derive(Default)]
pub(super) struct Model(Vec<Row>);

impl Model {
    fn insert(&mut self, timestamps: &[i64], seq: u64) {
        for (&timestamp, index) in timestamps.iter().zip(0..) {
            let point = Point {
                timestamp,
                value: value(seq, index),
                source: PointRef { seq, index },
            };
            self.0.push(Row {
                point,
                ends: Vec::new(),
            });
        }
    }

    fn delete(&mut self, start: i64, end: i64, only: Option<u64>, seq: u64) -> u64 {
        let mut end_seq = 0;
        for row in &mut self.0 {
            let concerned = only.is_none_or(|only| row.is_of(only));
            if (start..end).contains(&row.point.timestamp) && concerned && row.is_alive() {
                row.ends.push(seq);
                end_seq += 1;
            }
        }
        end_seq
    }

    /// Brings back what block `by` deleted, unless some of that is there already. Returns
    /// the timestamps.
    fn bring_back(&mut self, by: u64, seq: u64) -> Option<Vec<i64>> {
        let mut rows: Vec<&mut Row> = self.0.iter_mut().filter(|row| row.died_by(by)).collect();
        if rows.is_empty() || rows.iter().any(|row| row.ends.last() != Some(&by)) {
            return None;
        }
        let mut timestamps: Vec<i64> = rows.iter().map(|row| row.point.timestamp).collect();
        rows.iter_mut().for_each(|row| row.ends.push(seq));
        timestamps.sort_unstable();
        Some(timestamps)
    }

    /// The points in a range that `takes` says yes to, ordered.
    pub(super) fn read(&self, query: &RangeQuery, takes: impl Fn(&Row) -> bool) -> Vec<Point> {
        let range = query.start..query.end;
        let rows = self.0.iter().filter(|row| takes(row));
        let mut points: Vec<Point> = rows
            .map(|row| row.point)
            .filter(|point| range.contains(&point.timestamp))
            .collect();
        points.sort_by_key(|point| point.timestamp);
        if query.order == Order::Descending {
            points.reverse();
        }
        points
    }
}

pub(super) fn visible(at: u64) -> impl Fn(&Row) -> bool {
    move |row| {
        let turns = row.ends.iter().filter(|end| **end <= at);
        row.point.source.seq <= at && turns.count() % 2 == 0
    }
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Insert(Vec<i64>),
    Delete {
        start: i64,
        end: i64,
        /// Points of the block so many steps ago.
        only: Option<u64>,
    },
    /// Undo the deletion of the block so many steps ago.
    BringBack(u64),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let timestamps = prop_oneof![
        6 => vec(0..12_i64, 0..8_usize),
        3 => vec(0..400_i64, 0..300_usize),
        1 => vec(0..3_000_i64, 900..2_200_usize),
        1 => vec(0..3_i64, 900..2_200_usize),
    ];
    let edge = || prop_oneof![3 => -1..14_i64, 2 => -2..420_i64, 1 => -2..3_100_i64];
    prop_oneof![
        3 => (timestamps, any::<bool>()).prop_map(|(mut timestamps, sorted)| {
            if sorted {
                timestamps.sort_unstable();
            }
            Step::Insert(timestamps)
        }),
        2 => (edge(), edge(), option::of(0..6_u64))
            .prop_map(|(start, end, only)| Step::Delete { start, end, only }),
        3 => (0..6_u64).prop_map(Step::BringBack),
    ]
}

pub(super) fn all(at: u64) -> RangeQuery<'static> {
    RangeQuery {
        start: i64::MIN,
        end: i64::MAX,
        at,
        values: None,
        order: Order::Ascending,
        skip: 0,
        limit: usize::MAX,
    }
}

/// Reads a range page by page with `read`.
fn pages(
    mut query: RangeQuery,
    limit: usize,
    read: impl Fn(&RangeQuery, &mut Vec<Point>) -> Option<Resume>,
) -> Vec<Point> {
    query.limit = limit;
    let mut points = Vec::new();
    while let Some(resume) = read(&query, &mut points) {
        query = query.resume(resume);
    }
    points
}

/// Runs the steps on a series under its lock and on the model, block by block.
fn filled(steps: &[Step], work: usize) -> (SharedSeries, Model) {
    filled_and(steps, work, |_, _, _| {})
}

/// The same, and looks at both after each step.
pub(super) fn filled_and(
    steps: &[Step],
    work: usize,
    mut look: impl FnMut(&Series, &Model, u64),
) -> (SharedSeries, Model) {
    let series = SharedSeries::default();
    let mut model = Model::default();
    let (mut touched, mut last_delete) = (0, 0);
    for (step, seq) in steps.iter().zip(1..) {
        match step {
            Step::Insert(timestamps) => {
                let from = model.0.len();
                model.insert(timestamps, seq);
                let values: Vec<f64> = model.0[from..].iter().map(|row| row.point.value).collect();
                series.insert(timestamps, &values, seq, work);
                if !timestamps.is_empty() {
                    touched = seq;
                }
            }
            &Step::Delete { start, end, only } => {
                let only = only.map(|ago| seq.saturating_sub(ago + 1));
                let end_seq = model.delete(start, end, only, seq);
                assert_eq!(series.delete(start, end, only, seq, work), end_seq);
                compared("deletions of points", 1);
                if end_seq > 0 {
                    (touched, last_delete) = (seq, seq);
                }
            }
            Step::BringBack(ago) => {
                let by = seq.saturating_sub(ago + 1);
                let timestamps = model.bring_back(by, seq);
                let done = series.bring_back(timestamps.as_deref().unwrap_or(&[0]), by, seq, work);
                assert_eq!(done, timestamps.is_some());
                if done {
                    touched = seq;
                }
                compared("deletions that are undone", 1);
            }
        }
        let guard = series.read();
        assert_eq!(guard.touched(), touched);
        assert_eq!(guard.last_delete(), last_delete);
        check(&guard);
        look(&guard, &model, seq);
    }
    (series, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(200)))]

    #[test]
    fn deletions_agree_with_a_plain_list(
        steps in vec(step(), 1..14),
        work in prop_oneof![Just(1_usize), 1..3_000_usize],
        ranges in vec((-2..420_i64, -2..420_i64, option::of(1..14_u64)), 1..5),
    ) {
        let (series, model) = filled(&steps, work);
        let series = series.read();
        let last = steps.len() as u64;
        for at in (0..=last + 1).chain([u64::MAX]) {
            let expected = model.read(&all(at), |row| visible(at.min(last))(row));
            let mut found = Vec::new();
            prop_assert_eq!(series.range(&all(at), &mut found), None);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(series.latest(at), expected.last().copied());
            let summary = expected.first().zip(expected.last()).map(|(first, last)| Summary {
                points: expected.len() as u64,
                first: first.timestamp,
                last: last.timestamp,
            });
            prop_assert_eq!(series.summary(at), summary);
            for of in 1..=last {
                let then = model.0.iter().map(|row| {
                    let by_then = row.ends.iter().copied().filter(|end| *end <= at).collect();
                    Row { ends: by_then, ..row.clone() }
                });
                let written = then.filter(|row| row.point.source.seq <= at && row.is_of(of));
                let gone = written.clone().filter(|row| !row.is_alive());
                let (mut points, mut lost) = (0, 0);
                series.since((i64::MIN, i64::MAX), at, of, |count, since| {
                    points += count;
                    lost += count * (since.len() % 2);
                });
                prop_assert_eq!((points, lost), (written.count(), gone.count()));
            }
            compared("ranges, latest points and extents after deletions", 3);
            for &(start, end, only) in &ranges {
                for only in [None, only] {
                    let counted = expected.iter().filter(|p| {
                        (start..end).contains(&p.timestamp)
                            && only.is_none_or(|only| model.0.iter().any(|row| row.point.source == p.source && row.is_of(only)))
                    });
                    prop_assert_eq!(series.count(start, end, at, only), counted.count() as u64);
                    compared("numbers of points in a range", 1);
                }
            }
        }
    }

    /// Pages make up the whole, whatever dies between them.
    #[test]
    fn pages_neither_skip_nor_repeat(
        steps in vec(step(), 1..12),
        at in 0..12_u64,
        range in (-2..420_i64, -2..3_100_i64),
        order in prop_oneof![Just(Order::Ascending), Just(Order::Descending)],
        limit in 1..8_usize,
    ) {
        let (series, model) = filled(&steps, 1_000);
        let series = series.read();
        let query = RangeQuery { start: range.0, end: range.1, order, ..all(at) };
        let limit = |points: &[Point]| if points.len() > 1_500 { limit * 100 } else { limit };
        let expected = model.read(&query, visible(at));
        let read = |query: &RangeQuery, out: &mut Vec<Point>| series.range(query, out);
        prop_assert_eq!(pages(query, limit(&expected), read), expected.clone());
        // The same in steps, each of one chunk.
        let read = |query: &RangeQuery, out: &mut Vec<Point>| in_steps(&series, query, out);
        prop_assert_eq!(pages(query, limit(&expected), read), expected);
        compared("ranges after deletions, in pages", 1 + steps.len());
        // Those that a block deleted.
        for seq in 1..=steps.len() as u64 {
            let expected = model.read(&query, |row| row.died_by(seq));
            let read = |query: &RangeQuery, out: &mut Vec<Point>| series.deleted_by(seq, query, out);
            prop_assert_eq!(pages(query, limit(&expected), read), expected);
        }
    }
}

/// As [`Series::range`], in steps that are as short as can be.
fn in_steps(series: &Series, query: &RangeQuery, out: &mut Vec<Point>) -> Option<Resume> {
    let filter = Filter::visible_at(query.at);
    let mut query = *query;
    loop {
        let before = out.len();
        match series.read(&query, filter, Work::steps(1), out) {
            End::Step(resume) => {
                query.limit -= out.len() - before;
                query = query.resume(resume);
            }
            end => return end.resume(),
        }
    }
}

/// What is read as of early costs something for each chunk after it the first time, and lets
/// go of the lock meanwhile; a thread that must not be kept gives it up.
#[test]
fn a_long_way_back_is_not_gone_at_once() {
    let series = SharedSeries::default();
    series.insert(&[5, 6, 7], &[0.0; 3], 1, usize::MAX);
    let timestamps: Vec<i64> = (8..1_500_000).collect();
    let values = vec![1.0; timestamps.len()];
    series.insert(&timestamps, &values, 2, usize::MAX);
    let early = RangeQuery {
        order: Order::Descending,
        limit: 2,
        ..all(1)
    };
    let now = RangeQuery { at: 2, ..early };
    let mut found = Vec::new();
    assert_eq!(series.range_at_once(&early, &mut found), None);
    assert!(series.range_at_once(&now, &mut found).unwrap().is_some());
    assert_eq!(found.len(), 2);
    assert_eq!(series.shows_at_once(2), Some(true));
    found.clear();
    let budget = Budget::ample();
    assert!(series.range(&early, &budget, &mut found).unwrap().is_some());
    assert!(found.iter().map(|p| p.timestamp).eq([7, 6]));
    assert_eq!(series.latest(1, &budget).unwrap(), found.first().copied());
    // Then it is known that nothing of all that was there.
    assert_eq!(series.shows_at_once(1), Some(true));
    // Nor is what was passed over one by one.
    let far = RangeQuery {
        skip: 1 << 20,
        ..now
    };
    assert_eq!(series.range_at_once(&far, &mut found), None);
}

#[test]
fn what_a_block_deleted_is_read_over_many_pages() {
    let series = SharedSeries::default();
    let timestamps: Vec<i64> = (0..20_000).map(|n| n / 3).collect();
    let values: Vec<f64> = timestamps.iter().map(|&t| t as f64).collect();
    series.insert(&timestamps, &values, 1, 8_192);
    assert_eq!(series.delete(10, 20, None, 2, 8_192), 30);
    assert_eq!(series.delete(0, 6_000, None, 3, 100), 18_000 - 30);
    let places: Vec<u32> = (0..30).chain(60..18_000).collect();
    let deleted_by = |seq, start, end| {
        let mut deleted = Vec::new();
        let found = |points: &[Point]| deleted.extend_from_slice(points);
        let read = series.deleted_by(seq, (start, end), &Budget::ample(), found);
        read.unwrap();
        deleted
    };
    let deleted = deleted_by(3, i64::MIN, i64::MAX);
    assert!(deleted.iter().map(|p| p.source.index).eq(places));
    assert_eq!(deleted_by(2, 15, 17).len(), 6);
    assert_eq!(deleted_by(4, i64::MIN, i64::MAX), []);
    assert_eq!(series.delete(5, 5, None, 4, 1), 0);
    assert_eq!(series.delete(9, 5, None, 4, 1), 0);
}

#[test]
fn deleting_in_turn_leaves_few_runs() {
    let series = SharedSeries::default();
    let timestamps: Vec<i64> = (0..1_000).collect();
    series.insert(&timestamps, &[0.0; 1_000], 1, 8_192);
    // Nothing dies twice, so nothing stays cut.
    series.delete(100, 900, None, 2, 8_192);
    for start in 100..890 {
        assert_eq!(series.delete(start, start + 10, None, 3, 8_192), 0);
    }
    let guard = series.read();
    let runs = |chunk: &Chunk| {
        let all = 0..chunk.len();
        chunk.sources(all, Filter::WrittenBy(u64::MAX)).count()
    };
    assert_eq!(
        guard
            .chunks
            .iter()
            .map(|(_, chunk)| runs(chunk))
            .sum::<usize>(),
        3
    );
}
