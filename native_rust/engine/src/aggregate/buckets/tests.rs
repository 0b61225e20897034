use super::*;
use crate::types::{format_timestamp, is_timestamp, parse_timestamp};
use proptest::prelude::*;

fn at(text: &str) -> i64 {
    parse_timestamp(text).unwrap()
}

/// Begins of the buckets from that of `from` to that of `to`, in UTC, without the
/// ends that all share.
fn begins(interval: &str, zone: &str, origin: Option<&str>, from: &str, to: &str) -> Vec<String> {
    let zone = Zone::parse(zone).unwrap();
    let mut buckets = Buckets::new(interval.parse().unwrap(), origin.map(at), &zone);
    let mut found = Vec::new();
    let mut next = at(from);
    while next <= at(to) {
        let span = buckets.around(next);
        assert!(span.start <= next && next < span.end, "{span:?}");
        // Also where one does not come from the bucket before.
        let mut fresh = Buckets::new(interval.parse().unwrap(), origin.map(at), &zone);
        for instant in [span.start, span.end - 1, next] {
            assert_eq!(fresh.around(instant), span);
        }
        found.push(format_timestamp(span.start).replace(".000000", ""));
        next = span.end;
    }
    found
}

#[test]
fn hours_are_of_one_length_whatever_the_clock_shows() {
    // The clock is put back: midnight to two o'clock are three hours, of which two and
    // two make buckets, as on any other day.
    let hours = begins(
        "2h",
        "Europe/Berlin",
        None,
        "2024-10-26T23:30Z",
        "2024-10-27T03:30Z",
    );
    assert_eq!(
        hours,
        [
            "2024-10-26T23:00:00Z",
            "2024-10-27T01:00:00Z",
            "2024-10-27T03:00:00Z"
        ]
    );
    let hours = begins(
        "2h",
        "America/New_York",
        None,
        "2024-11-03T04:00Z",
        "2024-11-03T09:00Z",
    );
    assert_eq!(
        hours,
        [
            "2024-11-03T03:00:00Z",
            "2024-11-03T05:00:00Z",
            "2024-11-03T07:00:00Z",
            "2024-11-03T09:00:00Z"
        ]
    );
    let halves = begins(
        "30s",
        "Europe/Berlin",
        Some("2024-01-01T00:00:15Z"),
        "2024-10-27T00:59:50Z",
        "2024-10-27T01:00:20Z",
    );
    assert_eq!(halves, ["2024-10-27T00:59:45Z", "2024-10-27T01:00:15Z"]);
    // The clock goes back by half an hour; hours go on by 1970's, when it was ten ahead.
    let hours = begins(
        "1h",
        "Australia/Lord_Howe",
        None,
        "2024-04-06T14:00Z",
        "2024-04-06T16:00Z",
    );
    assert_eq!(
        hours,
        [
            "2024-04-06T14:00:00Z",
            "2024-04-06T15:00:00Z",
            "2024-04-06T16:00:00Z"
        ]
    );
}

#[test]
fn a_day_is_not_24_hours() {
    let days = |interval| {
        begins(
            interval,
            "Atlantic/Azores",
            Some("2024-10-26T00:00Z"),
            "2024-10-26T00:00Z",
            "2024-10-28T12:00Z",
        )
    };
    assert_eq!(
        days("1d"),
        [
            "2024-10-26T00:00:00Z",
            "2024-10-27T00:00:00Z",
            "2024-10-28T01:00:00Z"
        ]
    );
    assert_eq!(
        days("24h"),
        [
            "2024-10-26T00:00:00Z",
            "2024-10-27T00:00:00Z",
            "2024-10-28T00:00:00Z"
        ]
    );
}

#[test]
fn days_of_23_and_25_hours_and_one_that_never_was() {
    let days = begins(
        "1d",
        "America/New_York",
        None,
        "2024-03-10T12:00Z",
        "2024-03-12T12:00Z",
    );
    assert_eq!(
        days,
        [
            "2024-03-10T05:00:00Z",
            "2024-03-11T04:00:00Z",
            "2024-03-12T04:00:00Z"
        ]
    );
    let days = begins(
        "1d",
        "Pacific/Apia",
        None,
        "2011-12-29T10:00Z",
        "2011-12-31T10:00Z",
    );
    assert_eq!(
        days,
        [
            "2011-12-29T10:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-31T10:00:00Z"
        ]
    );
    // Midnight is left out: the day begins at 1:00.
    let days = begins(
        "1d",
        "America/Sao_Paulo",
        None,
        "2018-11-03T12:00Z",
        "2018-11-05T12:00Z",
    );
    assert_eq!(
        days,
        [
            "2018-11-03T03:00:00Z",
            "2018-11-04T03:00:00Z",
            "2018-11-05T02:00:00Z"
        ]
    );
    // One minute after midnight the clock goes back: the day has begun.
    let days = begins(
        "1d",
        "America/St_Johns",
        None,
        "2006-10-28T12:00Z",
        "2006-10-30T12:00Z",
    );
    assert_eq!(
        days,
        [
            "2006-10-28T02:30:00Z",
            "2006-10-29T02:30:00Z",
            "2006-10-30T03:30:00Z"
        ]
    );
}

#[test]
fn weeks_months_and_origins() {
    let weeks = begins("1w", "UTC", None, "1970-01-01", "1970-01-12");
    assert_eq!(
        weeks,
        [
            "1969-12-29T00:00:00Z",
            "1970-01-05T00:00:00Z",
            "1970-01-12T00:00:00Z"
        ]
    );
    let months = begins(
        "1mo",
        "UTC",
        Some("2024-01-31T06:00Z"),
        "2024-02-29T06:00Z",
        "2024-05-01",
    );
    assert_eq!(
        months,
        [
            "2024-02-29T06:00:00Z",
            "2024-03-31T06:00:00Z",
            "2024-04-30T06:00:00Z"
        ]
    );
    let quarters = begins("3mo", "Asia/Kathmandu", None, "2023-12-31", "2024-04-01");
    assert_eq!(
        quarters,
        [
            "2023-09-30T18:15:00Z",
            "2023-12-31T18:15:00Z",
            "2024-03-31T18:15:00Z"
        ]
    );
    // From midnight in 1970, when the clock was five and a half hours ahead.
    let hours = begins(
        "1h",
        "Asia/Kathmandu",
        None,
        "2024-01-01",
        "2024-01-01T00:30Z",
    );
    assert_eq!(hours, ["2023-12-31T23:30:00Z", "2024-01-01T00:30:00Z"]);
    let shifted = begins(
        "90s",
        "UTC",
        Some("2024-01-01T00:00:10Z"),
        "2024-01-01",
        "2024-01-01T00:02Z",
    );
    assert_eq!(
        shifted,
        [
            "2023-12-31T23:58:40Z",
            "2024-01-01T00:00:10Z",
            "2024-01-01T00:01:40Z"
        ]
    );
}

#[test]
fn the_ends_of_time_have_buckets() {
    for zone in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
        let zone = Zone::parse(zone).unwrap();
        for interval in ["1ms", "1h", "7h", "1d", "1w", "1mo", "7y", "20000y"] {
            for origin in [None, Some(FIRST_TIMESTAMP), Some(LAST_TIMESTAMP)] {
                let mut buckets = Buckets::new(interval.parse().unwrap(), origin, &zone);
                for instant in [FIRST_TIMESTAMP, -1, 0, LAST_TIMESTAMP] {
                    let span = buckets.around(instant);
                    assert!(span.start <= instant && instant < span.end, "{span:?}");
                    assert!(is_timestamp(span.start), "{span:?}");
                }
                let ends = (buckets.around(i64::MIN), buckets.around(i64::MAX));
                assert_eq!(ends.0, buckets.around(FIRST_TIMESTAMP));
                assert_eq!(ends.1, buckets.around(LAST_TIMESTAMP));
            }
        }
    }
}

proptest! {
    /// Whichever was found before, forth and back.
    #[test]
    fn a_bucket_does_not_depend_on_the_one_before(
        interval in proptest::sample::select(vec!["1ms", "7m", "36h", "1d", "1mo"]),
        origin in proptest::option::of(-1_000_000_000_000..1_000_000_000_000_i64),
        steps in proptest::collection::vec(-100_000_000_000..100_000_000_000_i64, 1..30),
    ) {
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let new = || Buckets::new(interval.parse().unwrap(), origin, &zone);
        let (mut buckets, mut instant) = (new(), 1_700_000_000_000_000);
        for step in steps {
            let span = buckets.around(instant);
            prop_assert_eq!(span, new().around(instant));
            prop_assert!(span.start <= instant && instant < span.end);
            // To the one after it, or anywhere near.
            instant = if step % 2 == 0 { span.end } else { instant + step };
        }
    }
}
