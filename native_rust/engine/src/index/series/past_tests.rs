//! What was there as of each block, as it is kept, against a plain list of points.

use std::convert::Infallible;

use proptest::collection::vec;
use proptest::prelude::*;

use super::deletion_tests::{Model, Step, all, filled_and, step, visible};
use super::*;
use crate::index::walk::Points;
use crate::testing::oracles::{cases, compared};
use crate::types::exact::Sum;

/// What some points come to.
#[derive(Default)]
struct Gathered {
    points: u64,
    sum: Sum,
    first: Option<i64>,
    /// Subtrees of which it was kept what was there.
    kept: usize,
}

impl Gathered {
    fn take(&mut self, points: Points<'_>) -> Option<usize> {
        let (count, sum, first) = match points {
            Points::Stretch(points) => {
                self.sum.add_all(points.values);
                let first = points.timestamps.first().copied();
                (points.values.len() as u64, [0.0; 3], first)
            }
            // Its parts may be more than can be told of all of it.
            Points::Many(_) => return None,
            Points::Past(past) => {
                let (then, _) = past.then(true)?;
                let (sum, (first, last)) = (then.sum?, past.span()?);
                assert!(first <= last && then.points > 0);
                self.kept += 1;
                (then.points, sum, Some(first))
            }
        };
        self.points += count;
        self.sum.add_parts(sum);
        self.first = self.first.or(first);
        Some(1)
    }

    fn bits(&self) -> impl PartialEq + fmt::Debug + use<> {
        (self.points, (self.sum.round() + 0.0).to_bits(), self.first)
    }
}

fn gathered(series: &Series, (mut start, end): (i64, i64), at: u64, work: usize) -> Gathered {
    let mut found = Gathered::default();
    loop {
        let rest = series.walk_many((start, end), (at, None), work, |points| {
            Ok::<_, Infallible>(found.take(points))
        });
        match rest {
            Ok(Some(rest)) => start = rest,
            Ok(None) => return found,
            Err(never) => match never {},
        }
    }
}

fn expected(model: &Model, query: &RangeQuery<'_>) -> Gathered {
    let points = model.read(query, visible(query.at));
    let values: Vec<f64> = points.iter().map(|point| point.value).collect();
    let mut expected = Gathered {
        points: points.len() as u64,
        first: points.first().map(|point| point.timestamp),
        ..Gathered::default()
    };
    expected.sum.add_all(&values);
    expected
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(60)))]

    #[test]
    fn what_was_there_is_what_a_plain_list_says(
        steps in vec(step(), 1..10),
        questions in vec((-2..420_i64, -2..3_100_i64, 0..13_u64), 1..4),
        work in prop_oneof![Just(usize::MAX), 1..8_000_usize],
    ) {
        // All chunks have points of three blocks to begin with.
        let begin = (0..3).map(|block| Step::Insert((0..3_000).map(|n| n + block).collect()));
        let steps: Vec<Step> = begin.chain(steps).collect();
        let mut kept = 0;
        filled_and(&steps, usize::MAX, |series, model, last| {
            let whole = [1, 2, last / 2, last].map(|at| (i64::MIN, i64::MAX, at));
            // Kept by the second round, joined by the third and the fourth.
            for _ in 0..4 {
                for &(start, end, at) in whole.iter().chain(&questions) {
                    let query = RangeQuery { start, end, ..all(at.min(last)) };
                    let found = gathered(series, (start, end), query.at, work);
                    let expected = expected(model, &query);
                    assert_eq!(found.bits(), expected.bits(), "{query:?}");
                    kept += found.kept;
                    let summary = series.summary(query.at).map(|summary| summary.points);
                    let all = model.read(&all(query.at), visible(query.at)).len() as u64;
                    assert_eq!(summary.unwrap_or(0), all);
                    compared("what was there of a series as of earlier", 2);
                }
            }
        });
        compared("subtrees of which it was kept what was there", kept);
    }
}

/// Points of so many blocks that jump about in a range of time.
fn jumping(blocks: i64, each: i64) -> Series {
    let mut series = Series::default();
    let all = blocks * each;
    for (first, seq) in (0..all).step_by(each as usize).zip(1..) {
        let timestamps: Vec<i64> = (first..first + each).map(|n| n * 7_919 % all).collect();
        let values: Vec<f64> = timestamps.iter().map(|&t| t as f64).collect();
        let points = SortedPoints::new(&timestamps, &values, seq);
        series.insert(&points, 0, usize::MAX);
    }
    series
}

#[test]
fn what_jumps_about_is_kept_once_it_was_asked_for_twice() {
    let (blocks, each) = (20, 10_000);
    let mut series = jumping(blocks, each);
    let ask = |series: &Series, at: u64| {
        let found = gathered(series, (i64::MIN, i64::MAX), at, usize::MAX);
        assert_eq!(found.points, at * each as u64);
        found.kept
    };
    assert_eq!(ask(&series, 19), 0);
    let chunks = series.chunks.len();
    let leaves = ask(&series, 7);
    assert!(leaves > chunks / 8, "{leaves} of {chunks}");
    // Each level is made of the one below, from its end up.
    for _ in 0..10 {
        ask(&series, 12);
    }
    assert_eq!([1, 7, 19].map(|at| ask(&series, at)), [1, 1, 1]);
    // A point that comes changes what is above its place alone.
    series.insert(&SortedPoints::new(&[77_777], &[0.5], 21), 0, usize::MAX);
    let kept = ask(&series, 12);
    assert!((2..30).contains(&kept), "{kept}");
}

#[test]
fn of_as_many_blocks_as_points_nothing_is_kept() {
    let series = jumping(20_000, 1);
    for _ in 0..4 {
        let found = gathered(&series, (i64::MIN, i64::MAX), 10_000, usize::MAX);
        assert_eq!((found.points, found.kept), (10_000, 0));
    }
}

#[test]
fn of_what_comes_in_order_nothing_is_kept() {
    let mut series = Series::default();
    for seq in 1..=100 {
        let first = 3_000 * seq as i64;
        let timestamps: Vec<i64> = (first..first + 3_000).collect();
        let points = SortedPoints::new(&timestamps, &[1.0; 3_000], seq);
        series.insert(&points, 0, usize::MAX);
    }
    for at in [3, 50, 50, 50, 99, 99, 99] {
        let found = gathered(&series, (i64::MIN, i64::MAX), at, usize::MAX);
        assert_eq!((found.points, found.kept), (3_000 * at, 0));
    }
}
