use super::*;
use crate::testing::oracles::compared;
use crate::types::{
    FIRST_TIMESTAMP, LAST_TIMESTAMP, TimeReading, format_timestamp, parse_timestamp,
    read_time_parameter,
};
use proptest::prelude::*;

/// Zones of half hours, of summer time that is the standard and of half an hour, that
/// skipped a day, that had seconds, that changed at midnight, and that never change.
const ZONES: [&str; 16] = [
    "UTC",
    "Europe/Vienna",
    "Europe/London",
    "Europe/Dublin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "America/Toronto",
    "America/St_Johns",
    "Africa/Monrovia",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Antarctica/Troll",
    "Etc/GMT-14",
    "Etc/GMT+12",
];

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn local(text: &str, name: &str) -> crate::error::Result<i64> {
    let reading = TimeReading {
        unit: None,
        zone: Some(zone(name)),
    };
    read_time_parameter(text, &reading)
}

/// What Python's `zoneinfo` says: a zone, an instant in microseconds, the local time,
/// the offset in seconds, and how many instants show this local time.
/// Without what releases of the rules differ in: Morocco's time from 2026 on.
#[test]
fn instants_and_local_times_are_those_of_another_library() {
    let table = include_str!("local_times.csv");
    let mut rows = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, micros, clock, offset, times] = fields[..] else {
            panic!("{line}");
        };
        let micros: i64 = micros.parse().unwrap();
        let offset: i64 = offset.parse().unwrap();
        if offset % 60 == 0 {
            let text = TimeWriter::new(&zone(name)).format(micros);
            let sign = if offset < 0 { '-' } else { '+' };
            let (hours, minutes) = (offset.abs() / 3_600, offset.abs() / 60 % 60);
            let expected = match name {
                "UTC" => format!("{clock}Z"),
                _ => format!("{clock}{sign}{hours:02}:{minutes:02}"),
            };
            assert_eq!(text, expected, "{line}");
        }
        match times {
            "1" => assert_eq!(local(clock, name).unwrap(), micros, "{line}"),
            _ => {
                let refused = local(clock, name).unwrap_err().to_string();
                assert!(
                    refused.contains("twice") && refused.contains(clock),
                    "{refused}"
                );
            }
        }
        rows += 1;
    }
    assert!(rows > 1_000);
    compared("local times against another library", rows);
}

#[test]
fn nights_in_which_the_clock_changes() {
    for (name, text, expected) in [
        (
            "Europe/Vienna",
            "2026-03-29T01:59:59",
            Ok("2026-03-29T00:59:59"),
        ),
        (
            "Europe/Vienna",
            "2026-03-29T02:30",
            Err(
                "does not have: there the clock goes from 2026-03-29T01:59:59.999999+01:00 to \
                 2026-03-29T03:00:00.000000+02:00",
            ),
        ),
        (
            "Europe/Vienna",
            "2026-03-29T03:00",
            Ok("2026-03-29T01:00:00"),
        ),
        (
            "Europe/Vienna",
            "2026-10-25T01:59:59",
            Ok("2026-10-24T23:59:59"),
        ),
        (
            "Europe/Vienna",
            "2026-10-25T02:30",
            Err("has twice, as 2026-10-25T02:30:00.000000+02:00 and as \
                 2026-10-25T02:30:00.000000+01:00"),
        ),
        (
            "Europe/Vienna",
            "2026-10-25T02:30+01:00",
            Ok("2026-10-25T01:30:00"),
        ),
        (
            "Europe/Vienna",
            "2026-10-25T03:00",
            Ok("2026-10-25T02:00:00"),
        ),
        // Standard time is that of summer.
        ("Europe/Dublin", "2026-10-25T01:30", Err("has twice, as")),
        (
            "Australia/Lord_Howe",
            "2026-10-04T02:15",
            Err("does not have"),
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-04T02:30",
            Ok("2026-10-03T15:30:00"),
        ),
        // A day that was skipped.
        ("Pacific/Apia", "2011-12-29", Ok("2011-12-29T10:00:00")),
        ("Pacific/Apia", "2011-12-30", Err("does not have")),
        ("Pacific/Apia", "2011-12-30T12:00", Err("does not have")),
        ("Pacific/Apia", "2011-12-31", Ok("2011-12-30T10:00:00")),
        // Days that begin at one, at half past twelve, and at midnight the first time.
        ("America/Sao_Paulo", "2018-11-04", Ok("2018-11-04T03:00:00")),
        ("America/Toronto", "1919-03-31", Ok("1919-03-31T04:30:00")),
        ("America/St_Johns", "2006-10-29", Ok("2006-10-29T02:30:00")),
        ("Europe/London", "2003-06-01", Ok("2003-05-31T23:00:00")),
        ("UTC", "2003-06-01T12:00", Ok("2003-06-01T12:00:00")),
        (
            "Asia/Kolkata",
            "2016-12-31T05:29:59",
            Ok("2016-12-30T23:59:59"),
        ),
        (
            "Europe/Vienna",
            "2026-07-01T12:00[Europe/Berlin]",
            Err("has no offset"),
        ),
    ] {
        let found = local(text, name);
        match expected {
            Ok(utc) => assert_eq!(
                format_timestamp(found.unwrap()),
                format!("{utc}.000000Z"),
                "{name} {text}"
            ),
            Err(part) => {
                let refused = found.unwrap_err();
                assert_eq!(refused.code(), "invalid_timestamp");
                let refused = refused.to_string();
                assert!(refused.contains(part), "{name} {text}: {refused}");
            }
        }
    }
}

#[test]
fn offsets_with_seconds_and_ends_of_time() {
    for (name, utc, expected) in [
        (
            "Europe/Vienna",
            "1890-01-01T00:00:00Z",
            "1890-01-01T01:06:00.000000+01:06",
        ),
        (
            "Europe/Vienna",
            "1889-12-31T22:54:39Z",
            "1890-01-01T00:00:39.000000+01:06",
        ),
        (
            "Africa/Monrovia",
            "1970-01-01T00:44:30Z",
            "1970-01-01T00:00:30.000000-00:44",
        ),
        (
            "Asia/Kolkata",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.000000Z",
        ),
        (
            "Etc/GMT+12",
            "-009999-01-01T00:00:00Z",
            "-009999-01-01T00:00:00.000000Z",
        ),
        (
            "Etc/GMT-14",
            "-000001-12-31T23:00:00Z",
            "0000-01-01T13:00:00.000000+14:00",
        ),
        (
            "Europe/London",
            "2026-01-01",
            "2026-01-01T00:00:00.000000+00:00",
        ),
    ] {
        let micros = parse_timestamp(utc).unwrap();
        assert_eq!(
            TimeWriter::new(&zone(name)).format(micros),
            expected,
            "{name}"
        );
    }
    assert_eq!(
        TimeWriter::new(&zone("Asia/Tokyo")).format(i64::MAX),
        i64::MAX.to_string()
    );
}

proptest! {
    /// One writer for many times, in any order, writes what the instant and its offset
    /// are, and is read back.
    #[test]
    fn times_are_read_back(
        name in proptest::sample::select(&ZONES[..]),
        near in proptest::collection::vec(-40_000_000..40_000_000_i64, 1..20),
        // Mostly on one day, some on the next or the one before.
        nearer in proptest::collection::vec(-30_000_000_000..30_000_000_000_i64, 1..20),
        anywhere in FIRST_TIMESTAMP..=LAST_TIMESTAMP,
    ) {
        let zone = zone(name);
        let mut writer = TimeWriter::new(&zone);
        let near = near.iter().map(|seconds| 1_300_000_000_000_000 + seconds * 13_000_001);
        let ends = [anywhere, FIRST_TIMESTAMP, LAST_TIMESTAMP];
        let nearer = ends.into_iter().flat_map(|end| nearer.iter().map(move |more| {
            end.saturating_add(*more).clamp(FIRST_TIMESTAMP, LAST_TIMESTAMP)
        }));
        for micros in near.chain(ends).chain(nearer) {
            let text = writer.format(micros);
            prop_assert_eq!(parse_timestamp(&text), Some(micros), "{}", text);
            prop_assert_eq!(&text, &TimeWriter::new(&zone).format(micros));
            let (span, offset) = zone.offset_around(micros);
            prop_assert!(span.contains(&micros));
            prop_assert_eq!(zone.reading(micros), micros + offset);
            // Without its offset it is the same instant, or refused, or was shown with
            // seconds more.
            let clock = text.trim_end_matches('Z');
            let clock = if text.ends_with('Z') { clock } else { &text[..text.len() - 6] };
            if offset % 60_000_000 == 0
                && !(text.ends_with('Z') && name != "UTC")
                && let Ok(read) = local(clock, name)
            {
                prop_assert_eq!(read, micros, "{} {}", name, clock);
            }
            compared("local times written and read back", 1);
        }
    }
}
