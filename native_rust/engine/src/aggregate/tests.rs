//! Every aggregation by every kind of interval, zone and fill against [`oracle`],
//! which collects the points of a bucket in a list and knows nothing of chunks.

mod oracle;

use oracle::{Begins, Known, Lengths, Model};

use super::columns::Columns;
use super::run::Run;
use super::*;
use crate::budget::Budget;
use crate::testing::Random;
use crate::testing::oracles::{compared, seeds};
use crate::types::{FIRST_TIMESTAMP, LAST_TIMESTAMP};

impl Random {
    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// From `low` up to and without `high`; `low` if that is not less.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low).max(1).unsigned_abs()) as i64
    }
}

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// Zones with times around which their clocks change, or time ends.
const PLACES: [(&str, &[&str]); 14] = [
    ("UTC", &["1970-01-01", "2024-02-29", "1899-12-31"]),
    ("UTC", &["-009999-01-01T09:00Z", "9999-12-31T15:00Z"]),
    (
        "Europe/Berlin",
        &[
            "2024-03-31T01:00Z",
            "2023-10-29T01:00Z",
            // Double summer time, from one hour to two and back.
            "1947-05-11T01:00Z",
            "1945-05-24T00:00Z",
            "1945-09-24T00:00Z",
        ],
    ),
    (
        "America/New_York",
        &[
            "2024-03-10T07:00Z",
            "2024-11-03T06:00Z",
            "1967-10-29T06:00Z",
        ],
    ),
    (
        // By half an hour.
        "Australia/Lord_Howe",
        &[
            "2024-04-06T15:00Z",
            "2024-10-05T15:30Z",
            "1985-03-02T15:00Z",
        ],
    ),
    ("Asia/Kathmandu", &["1985-12-31T18:30Z", "2024-01-01"]),
    // The last of December 2011 followed the twenty-ninth.
    ("Pacific/Apia", &["2011-12-30T10:00Z", "2012-04-01"]),
    (
        "America/Sao_Paulo",
        &["2018-11-04T03:00Z", "2018-02-18T02:00Z"],
    ),
    (
        "America/St_Johns",
        &["2006-10-29T02:31Z", "2007-03-11T03:31Z"],
    ),
    ("Europe/Lisbon", &["1992-09-27T01:00Z", "1996-03-31T01:00Z"]),
    // By two hours.
    (
        "Antarctica/Troll",
        &["2024-03-31T01:00Z", "2024-10-27T01:00Z"],
    ),
    // Midnight is read twice.
    (
        "Atlantic/Azores",
        &["2024-10-27T01:00Z", "2024-03-31T01:00Z"],
    ),
    // Winter is what the clock changes for.
    ("Europe/Dublin", &["2024-10-27T01:00Z", "1971-10-31T02:00Z"]),
    // Far ahead of UTC, and a day left out.
    (
        "Pacific/Kwajalein",
        &["1993-08-21T12:00Z", "1969-09-30T13:00Z"],
    ),
];

const INTERVALS: [&str; 17] = [
    "7ms", "500ms", "1s", "30s", "90s", "5m", "30m", "1h", "2h", "6h", "24h", "1d", "10d", "1w",
    "1mo", "3mo", "1y",
];

const AGGREGATIONS: [&str; 14] = [
    "count", "sum", "avg", "min", "max", "first", "last", "stddev", "median", "p0", "p95", "p99.9",
    "rate", "delta",
];

/// A series and its model.
#[derive(Default)]
struct World {
    series: SharedSeries,
    model: Model,
    seq: u64,
}

impl World {
    /// Enters points about `centre`, in order and not, many at the same timestamp, or
    /// deletes some. Values are eighths, so that plain sums are exact.
    fn grow(&mut self, random: &mut Random, centre: i64) {
        let spread = random.pick(&[1_000_000, HOUR, 12 * HOUR, 3 * DAY, 60 * DAY]);
        let step = random.pick(&[1, 500_000, 1_000_000, 60_000_000, HOUR / 2]);
        self.seq += 1;
        let seq = self.seq;
        if random.below(4) == 0 {
            let start = centre + random.between(-spread, spread);
            let end = start + random.between(0, spread);
            let only = (random.below(2) == 0).then(|| random.below(seq.max(1)));
            let end_seq = self.series.delete(start, end, only, seq, 100);
            assert_eq!(end_seq, self.model.delete(start, end, only, seq));
            return;
        }
        let count = random.pick(&[0, 1, 5, 40, 300, 1_500]);
        let inside = |time: i64| time.clamp(FIRST_TIMESTAMP, LAST_TIMESTAMP);
        let mut timestamps: Vec<i64> = match random.below(3) {
            // One after the other, from somewhere on.
            0 => {
                let from = centre + random.between(-spread, spread);
                (0..count).map(|n| inside(from + n as i64 * step)).collect()
            }
            1 => (0..count)
                .map(|_| inside(centre + random.between(-spread, spread)))
                .collect(),
            // On few instants, the change of the clock among them.
            _ => (0..count)
                .map(|_| inside(centre + random.between(-3, 4) * step))
                .collect(),
        };
        if random.below(2) == 0 {
            timestamps.sort_unstable();
        }
        let mut eighth = || match random.below(30) {
            0 => -0.0,
            1 => 0.0,
            _ => random.between(-40_000, 40_000) as f64 / 8.0,
        };
        let values: Vec<f64> = (0..count).map(|_| eighth()).collect();
        self.series.insert(&timestamps, &values, seq, 700);
        self.model.insert(&timestamps, &values, seq);
    }
}

/// What a test asks; the zone is a place's.
struct Question<'a> {
    query: Aggregate<'a>,
    lengths: Lengths,
}

const WINDOWS: [&str; 10] = [
    "90m", "8h", "24h", "25h", "1d", "3d", "1w", "1mo", "2mo", "1y",
];
const SLOTS: [&str; 5] = ["30m", "1h", "6h", "1d", "1mo"];

fn question(random: &mut Random, zone: &Zone, centre: i64) -> Question<'static> {
    let interval = (random.below(8) > 0).then(|| random.pick(&INTERVALS));
    let parsed: Option<Interval> = interval.map(|text| text.parse().unwrap());
    // What stays quick: short intervals near the change, some hundred buckets.
    let span = parsed.map_or(100 * DAY, |i| (i.longest() * 300).min(100 * DAY));
    let bound = |random: &mut Random| {
        let far = match random.below(4) {
            0 => 0,
            1 => random.between(-3, 4) * span / 300,
            _ => random.between(-span, span),
        };
        (centre + far).clamp(FIRST_TIMESTAMP, LAST_TIMESTAMP)
    };
    let (a, b) = (bound(random), bound(random));
    let fill = random.pick(&[Fill::None, Fill::Null, Fill::Previous, Fill::Linear]);
    // Open ends only where the points span no more buckets than that.
    let open = parsed.is_none_or(|i| i.longest() >= HOUR / 2);
    let end = |random: &mut Random, bound| (!open || random.below(4) > 0).then_some(bound);
    let mut aggregations: Vec<Aggregation> = Vec::new();
    for _ in 0..random.pick(&[1, 1, 2, 3]) {
        let aggregation = random.pick(&AGGREGATIONS).parse().unwrap();
        if !aggregations.contains(&aggregation) {
            aggregations.push(aggregation);
        }
    }
    // As many slots as are quickly tried one by one.
    let expected = (random.below(4) == 0).then(|| random.pick(&SLOTS));
    if expected.is_some() {
        aggregations.push(Aggregation::Coverage);
    }
    let windowed = interval.is_some() && random.below(3) == 0;
    // Where the library's calendar ends it has no months before.
    let far = !(FIRST_TIMESTAMP / 2..LAST_TIMESTAMP / 2).contains(&centre);
    let short = parsed.is_some_and(|i| i.longest() < DAY) || interval == Some("24h");
    let months = |window: &str| window.ends_with("mo") || window.ends_with('y');
    let window = (windowed && !far)
        .then(|| random.pick(&WINDOWS))
        .filter(|window| !(short && months(window)));
    let fill = match window {
        None => fill,
        Some(_) => random.pick(&[Fill::None, Fill::Null]),
    };
    let mut query = Aggregate {
        window: window.map(|text| text.parse().unwrap()),
        expected: expected.map(|text| text.parse().unwrap()),
        start: end(random, a.min(b)),
        end: end(random, a.max(b)),
        values: values(random),
        aggregations,
        interval: parsed,
        origin: random.pick(&[None, None, Some(oracle::ORIGIN)]),
        zone: zone.clone(),
        fill,
        order: random.pick(&[Order::Ascending, Order::Descending]),
        ..Aggregate::new(Selection::One("s"), Aggregation::Count)
    };
    if random.below(6) == 0 {
        group(random, &mut query);
    }
    let lengths = Lengths {
        interval,
        window,
        expected,
    };
    Question { query, lengths }
}

/// Makes it a question for groups.
fn group(random: &mut Random, query: &mut Aggregate<'_>) {
    let by = [GroupBy::HourOfDay, GroupBy::DayOfWeek, GroupBy::Month];
    query.group_by = Some(random.pick(&by));
    (query.interval, query.window, query.expected) = (None, None, None);
    (query.fill, query.order) = (Fill::None, Order::Ascending);
    query.aggregations.retain(|aggregation| {
        use Aggregation::{Coverage, Delta, Rate};
        !matches!(aggregation, Rate | Delta | Coverage)
    });
    if query.aggregations.is_empty() {
        query.aggregations.push(Aggregation::Count);
    }
}

/// Conditions on values: for few, most and all of them, and none half of the time.
fn values(random: &mut Random) -> Option<ValueFilter> {
    let conditions: &[&[&str]] = &[
        &["gt:1000"],
        &["gte:-2500", "lt:2500"],
        &["ne:0"],
        &["gt:-5001"],
        &["lt:-4990"],
        &["gt:6000"],
    ];
    let picked = (random.below(2) == 0).then(|| random.pick(conditions))?;
    Some(ValueFilter::parse(picked).unwrap())
}

type Rows = Vec<(i64, Vec<Option<u64>>)>;

/// To the last bit.
fn bits((key, values): &(i64, Vec<Option<f64>>)) -> (i64, Vec<Option<u64>>) {
    (*key, values.iter().map(|v| v.map(f64::to_bits)).collect())
}

fn same(found: &Columns, expected: &[(i64, Vec<Option<f64>>)]) -> bool {
    let rows = found.buckets.iter().enumerate().map(|(place, bucket)| {
        let more = found.more.iter().map(|column| column[place]);
        let values = [bucket.value].into_iter().chain(more);
        bits(&(bucket.timestamp, values.collect()))
    });
    rows.collect::<Rows>() == expected.iter().map(bits).collect::<Rows>()
}

#[test]
fn every_question_agrees_with_the_oracle() {
    let mut known = Known::new();
    let (mut questions, mut buckets_seen) = (0, 0);
    for seed in seeds(450) {
        let mut random = Random(seed);
        let (name, centres) = random.pick(&PLACES);
        let zone = Zone::parse(name).unwrap();
        let centre = crate::types::parse_timestamp(random.pick(centres)).unwrap();
        let mut world = World::default();
        for number in 0..100 {
            // Between questions, too: what was known of a chunk no longer holds.
            if number % 16 == 0 {
                world.grow(&mut random, centre);
                world.grow(&mut random, centre);
            }
            let Question { query, lengths } = question(&mut random, &zone, centre);
            let past = random.below(world.seq + 2);
            let at = random.pick(&[world.seq, past]);
            let budget = Budget::ample();
            let mut run = Run::new(&query, at, 100_000, usize::MAX, &budget);
            let found = run.series(&world.series).unwrap().unwrap();
            let mut begins = Begins {
                zone: name,
                origin: query.origin,
                centre,
                known: &mut known,
            };
            let expected = world.model.rows(&query, at, lengths, &mut begins);
            assert!(
                same(&found, &expected),
                "seed {seed}, question {number} in {name} at {at}: {query:?}\n{found:?}\n{expected:?}"
            );
            let kind = match (query.group_by, query.window) {
                (Some(_), _) => "aggregates of a series by group",
                (_, Some(_)) => "moving aggregates of a series",
                _ => "aggregates of a series",
            };
            compared(kind, 1);
            questions += 1;
            buckets_seen += found.buckets.len();
        }
    }
    // Most are no empty answers.
    assert!(
        buckets_seen > 10 * questions,
        "{buckets_seen} in {questions}"
    );
}
