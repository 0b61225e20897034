use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::chunk::PointRef;
use super::*;
use crate::testing::oracles::{cases, compared};

/// A point of the plain model.
type Row = (i64, u64, u32, f64);

/// What the series is compared with: all points, in order of arrival.
#[derive(Default)]
struct Model(Vec<Row>);

impl Model {
    fn insert_batch(&mut self, timestamps: &[i64], values: &[f64], seq: u64) {
        let rows = timestamps.iter().zip(values).zip(0..);
        self.0
            .extend(rows.map(|((&t, &v), index)| (t, seq, index, v)));
    }

    fn range(&self, start: i64, end: i64, at: u64, order: Order) -> Vec<Row> {
        let visible = |row: &&Row| row.0 >= start && row.0 < end && row.1 <= at;
        let mut rows: Vec<Row> = self.0.iter().filter(visible).copied().collect();
        rows.sort_by_key(|row| row.0);
        if order == Order::Descending {
            rows.reverse();
        }
        rows
    }
}

fn rows(points: &[Point]) -> Vec<Row> {
    let row = |p: &Point| (p.timestamp, p.source.seq, p.source.index, p.value);
    points.iter().map(row).collect()
}

fn query(start: i64, end: i64, at: u64, order: Order) -> RangeQuery<'static> {
    RangeQuery {
        start,
        end,
        at,
        values: None,
        order,
        skip: 0,
        limit: usize::MAX,
    }
}

fn read(series: &Series, query: &RangeQuery) -> Vec<Row> {
    let mut out = Vec::new();
    assert_eq!(series.range(query, &mut out), None);
    rows(&out)
}

/// Reads a range page by page; each page but the last is full.
fn read_pages(series: &Series, mut query: RangeQuery, limit: usize) -> Vec<Row> {
    query.limit = limit;
    let mut out = Vec::new();
    loop {
        let before = out.len();
        let resume = series.range(&query, &mut out);
        let length = out.len() - before;
        match resume {
            Some(resume) => {
                assert_eq!(length, limit);
                query = query.resume(resume);
            }
            None => {
                assert!(length <= limit);
                return rows(&out);
            }
        }
    }
}

/// The invariants that the types state.
pub(super) fn check(series: &Series) {
    let mut previous = i64::MIN;
    let fences: Vec<Fence> = series.chunks.iter().map(|(fence, _)| fence).collect();
    assert!(fences.first().is_none_or(|fence| *fence == (i64::MIN, 0)));
    for (place, (fence, chunk)) in series.chunks.iter().enumerate() {
        let (timestamps, values) = chunk.slices(0..chunk.len());
        assert!((1..=CAPACITY).contains(&timestamps.len()));
        assert_eq!(values.len(), timestamps.len());
        assert!(timestamps.is_sorted());
        assert!(timestamps[0] >= fence.0 && timestamps[0] >= previous);
        if fence.1 > 0 {
            assert!(timestamps[0] == fence.0 && previous == fence.0);
        } else if place > 0 {
            assert!(previous < fence.0);
        }
        previous = timestamps[timestamps.len() - 1];
        assert!(fences.get(place + 1).is_none_or(|next| previous <= next.0));
        let mut end = 0;
        for source in chunk.sources(0..chunk.len(), Filter::WrittenBy(u64::MAX)) {
            assert_eq!(source.range.start, end);
            assert!(!source.range.is_empty());
            end = source.range.end;
        }
        assert_eq!(end, timestamps.len());
    }
}

fn compare(series: &Series, model: &Model, start: i64, end: i64, at: u64) {
    for order in [Order::Ascending, Order::Descending] {
        let expected = model.range(start, end, at, order);
        let query = query(start, end, at, order);
        assert_eq!(read(series, &query), expected, "{query:?}");
    }
    compared("ranges of a series", 2);
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Ascending), Just(Order::Descending)]
}

/// Timestamps with many duplicates, sorted or not, short batches and ones that
/// fill chunks.
fn batch() -> impl Strategy<Value = Vec<i64>> {
    let some = |span, size| (vec(0_i64..span, size), any::<bool>());
    prop_oneof![
        6 => some(12, 0..8_usize),
        3 => some(400, 0..300_usize),
        1 => some(3_000, 900..2_200_usize),
        1 => some(3, 900..2_200_usize),
    ]
    .prop_map(|(mut timestamps, sorted): (Vec<i64>, bool)| {
        if sorted {
            timestamps.sort_unstable();
        }
        timestamps
    })
}

fn insert(series: &mut Series, timestamps: &[i64], values: &[f64], seq: u64) {
    let points = SortedPoints::new(timestamps, values, seq);
    assert_eq!(series.insert(&points, 0, usize::MAX), timestamps.len());
}

fn filled(batches: &[Vec<i64>]) -> (Series, Model) {
    let mut series = Series::default();
    let mut model = Model::default();
    let mut value = 0.0;
    for (timestamps, seq) in batches.iter().zip(1..) {
        let values: Vec<f64> = timestamps
            .iter()
            .map(|_| {
                value += 1.0;
                value
            })
            .collect();
        insert(&mut series, timestamps, &values, seq);
        model.insert_batch(timestamps, &values, seq);
        check(&series);
    }
    (series, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(250)))]

    #[test]
    fn ranges_agree_with_a_stable_sort(
        batches in vec(batch(), 0..14),
        ranges in vec((-2..420_i64, -2..420_i64), 1..8),
    ) {
        let (series, model) = filled(&batches);
        let last = batches.len() as u64;
        for at in 0..=last + 1 {
            compare(&series, &model, i64::MIN, i64::MAX, at);
            let all = model.range(i64::MIN, i64::MAX, at, Order::Ascending);
            let latest = all.last().map(|&(timestamp, seq, index, value)| Point {
                timestamp,
                value,
                source: PointRef { seq, index },
            });
            prop_assert_eq!(series.latest(at), latest);
            prop_assert_eq!(series.summary(at), all.first().zip(all.last()).map(|(first, last)| {
                Summary { points: all.len() as u64, first: first.0, last: last.0 }
            }));
            compared("latest points and extents of a series", 2);
        }
        for (start, end) in ranges {
            compare(&series, &model, start, end, last);
            compare(&series, &model, start, end, last / 2);
        }
    }

    /// Pages pinned to a sequence make up the whole, while others write.
    #[test]
    fn pages_neither_skip_nor_repeat(
        batches in vec(batch(), 1..10),
        later in vec(batch(), 0..4),
        range in (-2..420_i64, -2..3_100_i64),
        order in order(),
        at in 0..11_u64,
        limit in 1..8_usize,
    ) {
        let (before, model) = filled(&batches);
        let at = at.min(batches.len() as u64);
        let expected = model.range(range.0, range.1, at, order);
        // Small pages of long ranges only where the test stays quick.
        let limit = if expected.len() > 1_500 { limit * 100 } else { limit };
        let query = query(range.0, range.1, at, order);
        prop_assert_eq!(&read_pages(&before, query, limit), &expected);
        let (after, _) = filled(&[batches, later].concat());
        prop_assert_eq!(&read_pages(&after, query, limit), &expected);
        compared("ranges of a series, in pages", 2);
    }

    /// Any step gives the same series as all at once.
    #[test]
    fn steps_add_up(batches in vec(batch(), 1..8), work in 1..400_usize) {
        let (whole, _) = filled(&batches);
        let mut series = Series::default();
        let mut value = 0.0;
        for (timestamps, seq) in batches.iter().zip(1..) {
            let values: Vec<f64> = (1..=timestamps.len()).map(|n| value + n as f64).collect();
            value += timestamps.len() as f64;
            let points = SortedPoints::new(timestamps, &values, seq);
            let mut next = 0;
            while next < points.len() {
                let then = series.insert(&points, next, work);
                prop_assert!(then > next);
                // At most one place more than the work allows.
                prop_assert!(then - next < work + CAPACITY);
                next = then;
            }
        }
        check(&series);
        let all = query(i64::MIN, i64::MAX, u64::MAX, Order::Ascending);
        prop_assert_eq!(read(&series, &all), read(&whole, &all));
    }
}

/// Fills a series and its model with one block of each list.
fn both(blocks: &[Vec<i64>]) -> (Series, Model) {
    let (series, model) = filled(blocks);
    let at = blocks.len() as u64;
    compare(&series, &model, i64::MIN, i64::MAX, at);
    (series, model)
}

#[test]
fn in_order_points_leave_full_chunks() {
    for n in [1, 1_023, 1_024, 1_025, 2_048, 2_049, 10_000] {
        let batch: Vec<i64> = (0..n).collect();
        let (series, model) = both(&[batch]);
        let chunks = usize::try_from(n).unwrap().div_ceil(CAPACITY);
        assert_eq!(series.chunks.len(), chunks, "one batch of {n}");
        let runs = |chunk: &Chunk| {
            chunk
                .sources(0..chunk.len(), Filter::WrittenBy(u64::MAX))
                .count()
        };
        assert!(series.chunks.iter().all(|(_, chunk)| runs(chunk) == 1));
        for edge in [0, 1, 1_022, 1_023, 1_024, 1_025, 2_047, 2_048, n - 1, n] {
            compare(&series, &model, edge, n, 1);
            compare(&series, &model, 0, edge, 1);
            compare(&series, &model, edge, edge + 1, 1);
        }
        let single: Vec<Vec<i64>> = (0..n).map(|t| vec![t]).collect();
        let mut series = Series::default();
        for (timestamps, seq) in single.iter().zip(1..) {
            insert(&mut series, timestamps, &[0.0], seq);
        }
        check(&series);
        assert_eq!(series.chunks.len(), chunks, "{n} points one by one");
    }
}

#[test]
fn a_gap_that_is_filled_in_order_leaves_full_chunks() {
    let ends = [(0..2_048).collect::<Vec<i64>>(), (90_000..92_048).collect()];
    let fill: Vec<Vec<i64>> = (2_048..22_048)
        .step_by(10)
        .map(|t| (t..t + 10).collect())
        .collect();
    let (series, _) = both(&[&ends[..], &fill[..]].concat());
    assert!(series.chunks.len() <= 4 + 20, "{}", series.chunks.len());
}

#[test]
fn long_runs_of_one_timestamp_keep_their_order() {
    let same = |n: usize| vec![7; n];
    for n in [1_023, 1_024, 1_025, 5_000] {
        for before in [0, 1, 1_000, 1_024] {
            let (series, model) = both(&[
                (-before..0).collect(),
                same(n),
                vec![3, 9, 7, 3, 7],
                same(n),
                vec![6, 8, 7],
                (0..700).map(|t| t % 11).collect(),
            ]);
            for at in 0..=6 {
                compare(&series, &model, 7, 8, at);
                compare(&series, &model, 0, 7, at);
                compare(&series, &model, 8, 9, at);
            }
            for order in [Order::Ascending, Order::Descending] {
                let query = query(3, 9, 4, order);
                let expected = model.range(3, 9, 4, order);
                for limit in [1, 7, 1_000, 1_024, expected.len(), expected.len() + 1] {
                    assert_eq!(read_pages(&series, query, limit), expected);
                }
            }
        }
    }
}

#[test]
fn the_ends_of_time_are_ordinary_timestamps() {
    let ends = vec![i64::MAX, i64::MIN, 0, i64::MAX - 1, i64::MIN];
    let (series, model) = both(&[ends, vec![i64::MIN; 2_000], vec![i64::MAX - 1; 2_000]]);
    for order in [Order::Ascending, Order::Descending] {
        let query = query(i64::MIN, i64::MAX, 3, order);
        let expected = model.range(i64::MIN, i64::MAX, 3, order);
        assert_eq!(expected.len(), 4_004);
        assert_eq!(read_pages(&series, query, 999), expected);
    }
    assert_eq!(series.latest(3).unwrap().timestamp, i64::MAX);
}

#[test]
fn a_cursor_that_claims_too_much_passes_over_its_timestamp_alone() {
    let (series, _) = both(&[vec![1, 1, 2, 3, 3, 3]]);
    for (order, expected) in [
        (Order::Ascending, [2, 3, 3, 3]),
        (Order::Descending, [2, 1, 1, 0]),
    ] {
        let mut query = query(1, 4, 1, order);
        query.skip = u64::MAX;
        let found: Vec<i64> = read(&series, &query).iter().map(|row| row.0).collect();
        assert_eq!(found, expected[..found.len()]);
        assert!(found.len() >= 3);
    }
}

#[test]
fn backwards_and_shuffled_points_split_chunks_sensibly() {
    let n = 20_000_i64;
    let backwards: Vec<Vec<i64>> = (0..n).rev().map(|t| vec![t]).collect();
    let shuffled: Vec<Vec<i64>> = (0..n).map(|t| vec![t * 7_919 % n]).collect();
    for (batches, most) in [(backwards, 2 * 20), (shuffled, 2 * 20)] {
        let mut series = Series::default();
        for (timestamps, seq) in batches.iter().zip(1..) {
            insert(&mut series, timestamps, &[0.5], seq);
        }
        check(&series);
        assert!(series.chunks.len() <= most, "{}", series.chunks.len());
    }
}

/// Figures for planning; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings"]
fn a_million_points() {
    const N: i64 = 1_000_000;
    let values = vec![1.5; N as usize];
    let timed = |name: &str, batch: usize, timestamp: &dyn Fn(i64) -> i64| {
        let timestamps: Vec<i64> = (0..N).map(timestamp).collect();
        let mut series = Series::default();
        let mut slowest = Duration::ZERO;
        let start = Instant::now();
        for ((timestamps, values), seq) in
            timestamps.chunks(batch).zip(values.chunks(batch)).zip(1..)
        {
            let points = SortedPoints::new(timestamps, values, seq);
            let mut next = 0;
            while next < points.len() {
                let before = Instant::now();
                next = series.insert(&points, next, 8_192);
                slowest = slowest.max(before.elapsed());
            }
        }
        println!(
            "{name}: {:?} each, slowest step {slowest:?}, {} chunks",
            start.elapsed() / N as u32,
            series.chunks.len()
        );
        series
    };
    timed("in order, one block", N as usize, &|t| t);
    timed("in order, blocks of 1,000", 1_000, &|t| t);
    timed("shuffled, one block", N as usize, &|t| t * 7_919 % N);
    timed("shuffled, one by one", 1, &|t| t * 7_919 % N);
    timed("interleaved, blocks of 1,000", 1_000, &|t| {
        t % 1_000 * 1_000 + t / 1_000
    });
    let series = timed("in order, one by one", 1, &|t| t);
    for count in [60, 1_440, 10_000] {
        let mut out = Vec::new();
        let start = Instant::now();
        for n in 0..2_000 {
            out.clear();
            let from = n * 7_919 % (N - count);
            series.range(
                &query(from, from + count, u64::MAX, Order::Ascending),
                &mut out,
            );
            assert_eq!(out.len() as i64, count);
        }
        println!("range of {count}: {:?}", start.elapsed() / 2_000);
    }
}
