//! Aggregates, summaries and ranges of several series through a database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::{
    Aggregate, Aggregation, Cancel, Database, Error, Fill, Limits, Order, RangeQuery, Selection,
    SeriesListPage, SeriesListQuery, SeriesRangeQuery, SummaryQuery, Zone,
};

struct Fixture {
    _tmp: tempfile::TempDir,
    database: Database,
}

fn open(limits: Limits) -> Fixture {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("series");
    let database = Database::open(Arc::new(RealFileSystem), &dir, limits).unwrap();
    Fixture {
        _tmp: tmp,
        database,
    }
}

impl Fixture {
    /// Points a second apart from `from` on, in one block. Returns its sequence.
    fn write(&self, series: &str, from: i64, values: &[f64]) -> u64 {
        let timestamps: Vec<i64> = (0..)
            .map(|n| (from + n) * 1_000_000)
            .take(values.len())
            .collect();
        let text = serde_json::json!({
            "series_id": series, "timestamps": timestamps, "values": values,
        });
        let points = self
            .database
            .prepare_points(text.to_string().as_bytes())
            .unwrap();
        self.database.write(points.operations).unwrap().last_seq
    }

    fn json(&self, query: &Aggregate<'_>) -> String {
        let page = self
            .database
            .aggregate(query, &self.database.budget(Cancel::default()))
            .unwrap();
        String::from_utf8(page.to_json(&Zone::default())).unwrap()
    }
}

fn by_seconds<'a>(series: &'a str, interval: &str, aggregation: &str) -> Aggregate<'a> {
    Aggregate {
        interval: Some(interval.parse().unwrap()),
        ..Aggregate::new(Selection::parse(series), aggregation.parse().unwrap())
    }
}

#[test]
fn answers_as_json() {
    let fixture = open(Limits::default());
    fixture.write("a1", 0, &[1.0, 2.0, 4.0]);
    fixture.write("a1", 6, &[8.0]);
    fixture.write("a2", 1, &[0.5]);
    fixture.write("b", 0, &[-1.0]);
    let query = by_seconds("a1", "2s", "avg");
    assert_eq!(
        fixture.json(&query),
        r#"[{"timestamp":"1970-01-01T00:00:00.000000Z","value":1.5},{"timestamp":"1970-01-01T00:00:02.000000Z","value":4.0},{"timestamp":"1970-01-01T00:00:06.000000Z","value":8.0}]"#
    );
    let query = Aggregate {
        fill: Fill::Null,
        order: Order::Descending,
        ..query
    };
    assert_eq!(
        fixture.json(&query),
        r#"[{"timestamp":"1970-01-01T00:00:06.000000Z","value":8.0},{"timestamp":"1970-01-01T00:00:04.000000Z","value":null},{"timestamp":"1970-01-01T00:00:02.000000Z","value":4.0},{"timestamp":"1970-01-01T00:00:00.000000Z","value":1.5}]"#
    );
    assert_eq!(
        fixture.json(&Aggregate {
            as_of: Some(1),
            ..by_seconds("a*", "1y", "count")
        }),
        r#"[{"series_id":"a1","data":[{"timestamp":"1970-01-01T00:00:00.000000Z","value":3}]}]"#
    );
    assert_eq!(
        fixture.json(&by_seconds("a*", "1y", "max")),
        r#"[{"series_id":"a1","data":[{"timestamp":"1970-01-01T00:00:00.000000Z","value":8.0}]},{"series_id":"a2","data":[{"timestamp":"1970-01-01T00:00:00.000000Z","value":0.5}]}]"#
    );
    assert_eq!(fixture.json(&by_seconds("c*", "1y", "max")), "[]");
    let late = Aggregate {
        start: Some(9_000_000),
        ..by_seconds("a1", "1s", "sum")
    };
    assert_eq!(fixture.json(&late), "[]");
    let summary = fixture
        .database
        .summary(
            "a1",
            &SummaryQuery::default(),
            &fixture.database.budget(Cancel::default()),
        )
        .unwrap();
    assert_eq!(
        String::from_utf8(summary.to_json()).unwrap(),
        r#"{"count":4,"first":{"timestamp":"1970-01-01T00:00:00.000000Z","value":1.0},"last":{"timestamp":"1970-01-01T00:00:06.000000Z","value":8.0},"min":1.0,"max":8.0,"avg":3.75,"sum":15.0,"stddev":3.095695936834452}"#
    );
    let summary = fixture
        .database
        .summary(
            "b",
            &SummaryQuery::default(),
            &fixture.database.budget(Cancel::default()),
        )
        .unwrap();
    assert_eq!(
        (summary.count, summary.stddev, summary.sum),
        (1, None, Some(-1.0))
    );
}

#[test]
fn refusals_say_what_to_change() {
    let fixture = open(Limits {
        buckets: 10,
        ..Limits::default()
    });
    let seq = fixture.write("s", 0, &(0..12).map(f64::from).collect::<Vec<_>>());
    fixture.write("huge", 0, &[f64::MAX, f64::MAX, 1.0]);
    let refusal = |query: &Aggregate<'_>| {
        fixture
            .database
            .aggregate(query, &fixture.database.budget(Cancel::default()))
            .unwrap_err()
    };
    for query in [
        by_seconds("s", "1s", "avg"),
        Aggregate {
            start: Some(0),
            end: Some(1 << 60),
            fill: Fill::Null,
            ..by_seconds("s", "1s", "avg")
        },
        Aggregate {
            start: Some(0),
            end: Some(11_000_000),
            fill: Fill::Null,
            ..by_seconds("huge", "1s", "avg")
        },
    ] {
        let error = refusal(&query);
        let Error::TooLarge {
            actual,
            limit,
            setting,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert!(actual > limit && limit == 10 && setting == "buckets");
    }
    assert_eq!(
        fixture
            .database
            .aggregate(
                &by_seconds("s", "2s", "avg"),
                &fixture.database.budget(Cancel::default())
            )
            .unwrap()
            .series[0]
            .buckets
            .len(),
        6
    );
    for (query, code) in [
        (by_seconds("none", "1s", "avg"), "series_not_found"),
        (
            Aggregate {
                as_of: Some(0),
                ..by_seconds("s", "2s", "avg")
            },
            "series_not_found",
        ),
        (
            Aggregate {
                as_of: Some(0),
                start: Some(0),
                end: Some(9),
                fill: Fill::Null,
                ..by_seconds("s", "2s", "count")
            },
            "series_not_found",
        ),
        (
            Aggregate {
                as_of: Some(seq + 9),
                ..by_seconds("s", "2s", "avg")
            },
            "invalid_parameter",
        ),
        (
            Aggregate {
                start: Some(2),
                end: Some(1),
                ..by_seconds("s", "2s", "avg")
            },
            "invalid_time_range",
        ),
        (
            Aggregate {
                origin: Some(i64::MAX),
                ..by_seconds("s", "2s", "avg")
            },
            "invalid_parameter",
        ),
    ] {
        assert_eq!(refusal(&query).code(), code, "{query:?}");
    }
    let avg = fixture
        .database
        .aggregate(
            &by_seconds("huge", "1h", "avg"),
            &fixture.database.budget(Cancel::default()),
        )
        .unwrap();
    assert_eq!(avg.series[0].buckets[0].value, Some(f64::MAX / 1.5));
    // What is beyond the range of doubles is null, in buckets as in the summary.
    let sum = fixture.json(&by_seconds("huge", "1h", "sum"));
    assert_eq!(
        sum,
        r#"[{"timestamp":"1970-01-01T00:00:00.000000Z","value":null}]"#
    );
    let summary = fixture
        .database
        .summary(
            "huge",
            &SummaryQuery::default(),
            &fixture.database.budget(Cancel::default()),
        )
        .unwrap();
    assert_eq!((summary.sum, summary.max), (None, Some(f64::MAX)));
    for name in ["Europe/Berlin", "utc", "Asia/Kathmandu"] {
        assert!(Zone::parse(name).is_ok(), "{name}");
    }
    for name in ["", "Mars/Olympus", "../../etc/passwd", "Europe/Berlin\0"] {
        assert_eq!(
            Zone::parse(name).unwrap_err().pointer(),
            Some("/tz"),
            "{name}"
        );
    }
    assert!("zero".parse::<Fill>().is_err());
}

#[test]
fn what_is_beyond_the_range_is_not_filled_in_from() {
    let fixture = open(Limits::default());
    fixture.write("s", 0, &[f64::MAX, f64::MAX]);
    fixture.write("s", 10, &[1.0]);
    let values = |fill| {
        let query = Aggregate {
            fill,
            ..by_seconds("s", "5s", "sum")
        };
        let budget = fixture.database.budget(Cancel::default());
        let page = fixture.database.aggregate(&query, &budget).unwrap();
        let buckets = page.series[0].buckets.iter();
        buckets.map(|bucket| bucket.value).collect::<Vec<_>>()
    };
    assert_eq!(values(Fill::None), [None, Some(1.0)]);
    for fill in [Fill::Null, Fill::Previous, Fill::Linear] {
        assert_eq!(values(fill), [None, None, Some(1.0)], "{fill:?}");
    }
}

#[test]
fn the_sign_of_a_zero_and_the_last_bit_are_kept() {
    let fixture = open(Limits::default());
    fixture.write("zero", 0, &[-0.0]);
    fixture.write("two", 0, &[49.3, 87.4]);
    fixture.write("p", 0, &[46.0, -25.0]);
    fixture.write("counter", 0, &[100.0, 160.0, 20.0, 80.0]);
    let value = |series, aggregation: &str| {
        let query = Aggregate::new(Selection::One(series), aggregation.parse().unwrap());
        let budget = fixture.database.budget(Cancel::default());
        let page = fixture.database.aggregate(&query, &budget).unwrap();
        page.series[0].buckets[0].value.unwrap()
    };
    for aggregation in ["first", "last", "min", "max", "p0", "median", "p100"] {
        let zero = value("zero", aggregation);
        assert!(zero == 0.0 && zero.is_sign_negative(), "{aggregation}");
    }
    for aggregation in ["sum", "avg", "delta"] {
        assert_eq!(value("zero", aggregation).to_bits(), 0, "{aggregation}");
    }
    let budget = fixture.database.budget(Cancel::default());
    let summary = fixture
        .database
        .summary("zero", &SummaryQuery::default(), &budget)
        .unwrap();
    let ends = [summary.first.unwrap().1, summary.last.unwrap().1];
    let kept = [ends[0], ends[1], summary.min.unwrap(), summary.max.unwrap()];
    assert!(kept.iter().all(|zero| zero.is_sign_negative()), "{kept:?}");
    // 38.1 / sqrt(2), of the two doubles.
    assert_eq!(value("two", "stddev"), 26.940768363207468);
    assert_eq!(value("p", "p95"), 42.45);
    assert_eq!(value("p", "p5"), -21.45);
    // 60, anew to 20, and 60 more, in three seconds.
    assert_eq!(value("counter", "rate"), 140.0 / 3.0);
    assert_eq!(value("counter", "delta"), -20.0);
}

#[test]
fn work_is_bounded_where_it_must_be() {
    let fixture = open(Limits::default());
    let values: Vec<f64> = (0..50_000).map(f64::from).collect();
    fixture.write("s", 0, &values);
    let median = Aggregate::new(Selection::One("s"), Aggregation::Median);
    assert_eq!(
        fixture
            .database
            .aggregate_in_memory(&median, 10_000)
            .unwrap(),
        None
    );
    let page = fixture
        .database
        .aggregate_in_memory(&median, 100_000)
        .unwrap()
        .unwrap();
    assert_eq!(page.series[0].buckets[0].value, Some(24_999.5));
    let count = Aggregate::new(Selection::One("s"), Aggregation::Count);
    assert!(
        fixture
            .database
            .aggregate_in_memory(&count, 10_000)
            .unwrap()
            .is_some()
    );
    // Who knows how many series there are, or empty buckets. Of one bucket it is known.
    let in_memory = |query: &Aggregate<'_>| {
        let page = fixture.database.aggregate_in_memory(query, 1_000_000);
        page.unwrap().is_some()
    };
    let all = Aggregate::new(Selection::Many("", &[]), Aggregation::Count);
    let filled = Aggregate {
        fill: Fill::Null,
        ..count.clone()
    };
    let buckets = Aggregate {
        interval: Some("1h".parse().unwrap()),
        ..filled.clone()
    };
    assert!(in_memory(&filled));
    for query in [all, buckets] {
        assert!(!in_memory(&query));
        fixture
            .database
            .aggregate(&query, &fixture.database.budget(Cancel::default()))
            .unwrap();
        assert!(in_memory(&query), "it is kept");
    }
}

/// Points by series, in order: what pages must add up to.
type Rows = Vec<(String, i64, f64)>;

fn pages(database: &Database, query: &SeriesRangeQuery<'_>, meanwhile: impl Fn()) -> Rows {
    let mut rows = Rows::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = database
            .range_by_prefix(
                &SeriesRangeQuery {
                    cursor: cursor.as_deref(),
                    ..query.clone()
                },
                &database.budget(Cancel::default()),
            )
            .unwrap();
        let before = rows.len();
        for series in &page.series {
            assert!(!series.points.is_empty());
            rows.extend(
                series
                    .points
                    .iter()
                    .map(|p| (series.id.to_string(), p.timestamp, p.value)),
            );
        }
        cursor = page.next;
        match cursor {
            Some(_) => assert_eq!(rows.len() - before, query.limit),
            None => return rows,
        }
        meanwhile();
    }
}

#[test]
fn pages_over_several_series_add_up() {
    let fixture = open(Limits::default());
    for (series, count) in [("a", 5), ("ab", 3), ("abc", 4), ("b", 2), ("aé*é", 6)] {
        let values: Vec<f64> = (0..count).map(f64::from).collect();
        fixture.write(series, 0, &values);
        // Several at one timestamp.
        fixture.write(series, 1, &values);
    }
    let at = fixture.write("a", 2, &[100.0; 3]);
    let single = |id: &str, order| -> Rows {
        let query = RangeQuery {
            series: id,
            start: 1_000_000,
            end: 4_000_000,
            values: None,
            order,
            limit: 1_000,
            cursor: None,
            as_of: Some(at),
        };
        let page = fixture
            .database
            .range(&query, &fixture.database.budget(Cancel::default()))
            .unwrap();
        let columns = fixture
            .database
            .range_columns(&query, &fixture.database.budget(Cancel::default()))
            .unwrap();
        assert_eq!(
            columns.timestamps,
            page.points.iter().map(|p| p.timestamp).collect::<Vec<_>>()
        );
        assert_eq!(
            columns.values,
            page.points.iter().map(|p| p.value).collect::<Vec<_>>()
        );
        assert_eq!(columns.to_bytes().len(), 16 * columns.len());
        page.points
            .iter()
            .map(|p| (id.to_owned(), p.timestamp, p.value))
            .collect()
    };
    for order in [Order::Ascending, Order::Descending] {
        for (prefix, ids) in [
            ("", &["a", "ab", "abc", "aé*é", "b"][..]),
            ("a", &["a", "ab", "abc", "aé*é"]),
            ("ab", &["ab", "abc"]),
            ("aé*é", &["aé*é"]),
            ("x", &[]),
        ] {
            let expected: Rows = ids.iter().flat_map(|id| single(id, order)).collect();
            for limit in [1, 2, 3, 7, expected.len().max(1), 1_000] {
                let query = SeriesRangeQuery {
                    prefix,
                    filters: &[],
                    start: 1_000_000,
                    end: 4_000_000,
                    values: None,
                    order,
                    limit,
                    cursor: None,
                    as_of: Some(at),
                };
                let found = pages(&fixture.database, &query, || {});
                assert_eq!(found, expected, "{prefix} {limit}");
            }
        }
    }
    // A cursor keeps showing what its first page showed.
    let query = SeriesRangeQuery {
        prefix: "a",
        filters: &[],
        start: 0,
        end: i64::MAX,
        values: None,
        order: Order::Ascending,
        limit: 5,
        cursor: None,
        as_of: None,
    };
    let before = pages(&fixture.database, &query, || {});
    let during = pages(&fixture.database, &query, || {
        fixture.write("a", 0, &[7.0]);
        fixture.write("aa", 0, &[7.0]);
    });
    assert_eq!(during, before);
    assert!(pages(&fixture.database, &query, || {}).len() > before.len());
    let list = |limit, as_of, cursor: Option<&str>| {
        let list = SeriesListQuery {
            prefix: "ab",
            filters: &[],
            limit,
            cursor,
            as_of,
        };
        let budget = fixture.database.budget(Cancel::default());
        fixture.database.series_list(&list, &budget)
    };
    let ids = |page: &SeriesListPage| -> Vec<String> {
        page.series
            .iter()
            .map(|entry| entry.id.to_string())
            .collect()
    };
    let all = list(10, None, None).unwrap();
    assert_eq!(
        (ids(&all), all.next),
        (vec!["ab".into(), "abc".into()], None)
    );
    let first = list(1, Some(at), None).unwrap();
    assert_eq!((ids(&first), first.seq), (vec!["ab".into()], at));
    // Of the state that the first page is of, whatever comes between.
    fixture.write("abb", 0, &[1.0]);
    let second = list(1, None, first.next.as_deref()).unwrap();
    assert_eq!((ids(&second), second.seq), (vec!["abc".into()], at));
    assert_eq!(second.next, None, "none to an empty page");
    let later = list(1, Some(at + 1), first.next.as_deref()).unwrap_err();
    assert!(later.to_string().contains("as_of asks for"), "{later}");
    assert!(list(1, Some(at), first.next.as_deref()).is_ok());
    let other = fixture.database.range_by_prefix(
        &SeriesRangeQuery {
            cursor: Some("AAAA"),
            ..query
        },
        &fixture.database.budget(Cancel::default()),
    );
    assert_eq!(other.unwrap_err().code(), "invalid_cursor");
}

#[test]
fn windows_hold_no_more_than_one_of_them_does() {
    let fixture = open(Limits {
        work_bytes: 4 << 20,
        ..Limits::default()
    });
    let values: Vec<f64> = (0..20_000).map(f64::from).collect();
    fixture.write("s", 0, &values);
    // 200 windows of 10,000 values, 80 KB each.
    let mut query = by_seconds("s", "100s", "median");
    query.window = Some("10000s".parse().unwrap());
    let budget = fixture.database.budget(Cancel::default());
    let page = fixture.database.aggregate(&query, &budget).unwrap();
    let buckets = &page.series[0].buckets;
    assert_eq!(buckets.len(), 200);
    // The last window has the values from 10,000 on.
    assert_eq!(buckets[199].value, Some(14_999.5));
}
