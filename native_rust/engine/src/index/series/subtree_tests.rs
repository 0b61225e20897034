//! What is known of subtrees, against a plain list of points, whatever is changed below them
//! between two questions.

use std::convert::Infallible;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::deletion_tests::{Step, all, filled_and, step, visible};
use super::*;
use crate::index::walk::Points;
use crate::index::{greatest, least};
use crate::testing::oracles::{cases, compared};
use crate::types::ValueFilter;
use crate::types::exact::Accumulator;

/// What some points come to.
#[derive(Default)]
struct Gathered {
    points: u64,
    ends: Option<((i64, f64), (i64, f64))>,
    sum: Accumulator,
    squares: Accumulator,
    extremes: Option<(f64, f64)>,
    /// Subtrees that were taken whole, and other pieces.
    subtrees: usize,
    pieces: usize,
}

impl Gathered {
    fn add(&mut self, timestamp: i64, value: f64) {
        self.points += 1;
        self.sum.add(value);
        self.squares.add_square(value);
        self.widen((value, value));
        self.reach(((timestamp, value), (timestamp, value)));
    }

    fn widen(&mut self, (min, max): (f64, f64)) {
        let (low, high) = self.extremes.unwrap_or((min, max));
        self.extremes = Some((least(low, min), greatest(high, max)));
    }

    fn reach(&mut self, (first, last): ((i64, f64), (i64, f64))) {
        self.ends = Some((self.ends.map_or(first, |(first, _)| first), last));
    }

    fn take(&mut self, many: &Subtree) -> Option<usize> {
        let totals = many.totals()?;
        let (sum, squares) = (totals.sum?, many.squares()?);
        self.points += many.points()?;
        sum.iter().for_each(|&part| self.sum.add(part));
        squares.iter().for_each(|&part| self.squares.add(part));
        self.widen((totals.min, totals.max));
        self.reach(many.ends()?);
        self.subtrees += 1;
        Some(1)
    }

    /// To the last bit.
    fn bits(&self) -> impl PartialEq + fmt::Debug + use<> {
        let ends = self
            .ends
            .map(|((first, one), (last, other))| (first, one.to_bits(), last, other.to_bits()));
        let extremes = self
            .extremes
            .map(|(min, max)| (min.to_bits(), max.to_bits()));
        let sums = [&self.sum, &self.squares].map(|sum| (sum.round(600) + 0.0).to_bits());
        (self.points, ends, sums[0], sums[1], extremes)
    }
}

/// Walks over a range in steps and takes what it may whole.
fn gathered(
    series: &Series,
    (mut start, end): (i64, i64),
    seen: (u64, Option<&ValueFilter>),
    work: usize,
) -> Gathered {
    let mut all = Gathered::default();
    loop {
        let rest = series.walk_many((start, end), seen, work, |points| {
            let stretch = match points {
                Points::Stretch(stretch) => stretch,
                Points::Many(many) => return Ok(all.take(many)),
                Points::Past(_) => return Ok(None),
            };
            if let Some(summary) = stretch.summary() {
                summary.squares(stretch.values);
            }
            for (&timestamp, &value) in stretch.timestamps.iter().zip(stretch.values) {
                all.add(timestamp, value);
            }
            all.pieces += 1;
            Ok::<_, Infallible>(Some(stretch.values.len()))
        });
        match rest {
            Ok(Some(rest)) => start = rest,
            Ok(None) => return all,
            Err(never) => match never {},
        }
    }
}

/// Conditions that hold for few values, for some and for all.
fn condition() -> impl Strategy<Value = Option<ValueFilter>> {
    let texts = prop::sample::select(vec!["gt:3", "lt:2.1", "gt:-1", "gt:1000", "lt:0"]);
    option::of(texts.prop_map(|text| ValueFilter::parse(&[text]).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(50)))]

    #[test]
    fn what_is_known_is_what_there_is(
        steps in vec(step(), 1..14),
        questions in vec((-2..420_i64, -2..3_100_i64, 0..17_u64, condition()), 1..4),
        work in prop_oneof![Just(usize::MAX), 1..8_000_usize],
    ) {
        // Some chunks to begin with.
        let begin = Step::Insert((0..9_000).map(|n| n / 3).collect());
        let steps: Vec<Step> = std::iter::once(begin).chain(steps).collect();
        let mut subtrees = 0;
        filled_and(&steps, usize::MAX, |series, model, last| {
            // Twice, since the first time makes what the second one takes.
            for round in 0..2 {
                let whole = [(i64::MIN, i64::MAX, last, None), (i64::MIN, i64::MAX, last / 2, None)];
                for (start, end, at, values) in whole.iter().chain(&questions) {
                    let at = *at.min(&last);
                    let found = gathered(series, (*start, *end), (at, values.as_ref()), work);
                    let query = RangeQuery { start: *start, end: *end, ..all(at) };
                    let mut expected = Gathered::default();
                    for point in model.read(&query, visible(at)) {
                        if values.as_ref().is_none_or(|values| values.takes(point.value)) {
                            expected.add(point.timestamp, point.value);
                        }
                    }
                    assert_eq!(found.bits(), expected.bits(), "{round}: {query:?} {values:?}");
                    subtrees += found.subtrees;
                    if values.is_none() {
                        assert_eq!(series.count(*start, *end, at, None), expected.points);
                    }
                    compared("sums of a series by its subtrees", 2);
                }
            }
        });
        compared("subtrees that were taken whole", subtrees);
    }
}

/// Points one second apart, a thousand in each chunk, as block 1.
fn in_order(chunks: i64) -> Series {
    let mut series = Series::default();
    let timestamps: Vec<i64> = (0..chunks * CAPACITY as i64).collect();
    let values: Vec<f64> = timestamps.iter().map(|&t| t as f64).collect();
    let points = SortedPoints::new(&timestamps, &values, 1);
    series.insert(&points, 0, usize::MAX);
    series
}

#[test]
fn what_was_asked_for_is_known_and_a_write_forgets_its_part_alone() {
    const ALL: (i64, i64) = (i64::MIN, i64::MAX);
    let mut series = in_order(250);
    let looks = |series: &Series, at| {
        let found = gathered(series, ALL, (at, None), usize::MAX);
        (found.subtrees, found.pieces)
    };
    assert_eq!(looks(&series, 1), (0, 250));
    // The first chunk stands beside the tree.
    assert_eq!(looks(&series, 1), (1, 1));
    let last = series.latest(1).unwrap().timestamp;
    for (seq, timestamp) in [(2, 77_777), (3, last + 1), (4, 5_000)] {
        series.insert(&SortedPoints::new(&[timestamp], &[0.5], seq), 0, usize::MAX);
        let (subtrees, pieces) = looks(&series, seq);
        assert!(subtrees <= 20 && pieces <= 10, "{subtrees} and {pieces}");
        assert_eq!(looks(&series, seq), (1, 1));
        // As of before, all but the chunk is whole.
        let (subtrees, pieces) = looks(&series, seq - 1);
        assert!(subtrees <= 20 && pieces <= 12, "{subtrees} and {pieces}");
    }
    let died = series.delete(
        &Deletion {
            start: 100_000,
            end: 100_010,
            only: None,
            seq: 5,
        },
        None,
        usize::MAX,
    );
    assert_eq!(died, (10, None));
    let (subtrees, pieces) = looks(&series, 5);
    assert!(subtrees <= 20 && pieces <= 10, "{subtrees} and {pieces}");
}

#[test]
fn what_came_later_or_died_before_is_passed_over_in_few_steps() {
    let mut series = in_order(3);
    let from = 3 * CAPACITY as i64;
    for seq in 2..=500 {
        let start = from + (seq as i64 - 2) * CAPACITY as i64;
        let timestamps: Vec<i64> = (start..start + CAPACITY as i64).collect();
        let values = vec![1.5; CAPACITY];
        let points = SortedPoints::new(&timestamps, &values, seq);
        series.insert(&points, 0, usize::MAX);
    }
    let few = Work::at_most(64 * 40);
    let first = |series: &Series, order, at, work| {
        let query = RangeQuery {
            order,
            limit: 1,
            ..all(at)
        };
        let mut found = Vec::new();
        let end = series.read(&query, Filter::visible_at(at), work, &mut found);
        (
            end == End::GivenUp,
            found.pop().map(|point| point.timestamp),
        )
    };
    let last = Some(from - 1);
    assert!(first(&series, Order::Descending, 1, few).0);
    assert_eq!(
        first(&series, Order::Descending, 1, Work::ALL),
        (false, last)
    );
    assert_eq!(first(&series, Order::Descending, 1, few), (false, last));
    let all_but_the_last = Deletion {
        start: 0,
        end: from + 498 * CAPACITY as i64,
        only: None,
        seq: 501,
    };
    series.delete(&all_but_the_last, None, usize::MAX);
    let next = Some(all_but_the_last.end);
    assert_eq!(
        first(&series, Order::Ascending, 501, Work::ALL),
        (false, next)
    );
    assert_eq!(first(&series, Order::Ascending, 501, few), (false, next));
}
