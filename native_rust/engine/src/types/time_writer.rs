//! Timestamps as text in the local time of a zone.

use std::ops::Range;

use super::calendar::DAY;
use super::time::{is_timestamp, write_date, write_time_of_day, write_timestamp};
use super::zone::Zone;

const MINUTE: i64 = 60_000_000;

/// Writes timestamps as calendar and clock of a zone show them, with the offset:
/// `2026-07-01T14:00:00.250000+02:00`; in UTC as [`write_timestamp`].
///
/// RFC 3339 has no seconds in offsets, which zones had before standard time came: such
/// an offset is written rounded up to a minute, with the time that belongs to it, so that
/// the instant is always exact, and the begin of a day is never shown on the day before.
/// What would show a year after 9999 or before -9999 is written in UTC.
///
/// Quickest where times lie near each other: the zone is asked once between two changes
/// of its clock, and the digits of a date are made once.
#[derive(Debug)]
pub struct TimeWriter {
    zone: Zone,
    /// Where the offset holds.
    span: Range<i64>,
    /// As it is written, in microseconds.
    offset: i64,
    /// The text of the offset.
    suffix: Vec<u8>,
    day: Option<i64>,
    /// That day's date, up to the `T` after it.
    date: Vec<u8>,
}

impl TimeWriter {
    /// For times of this zone.
    #[must_use]
    pub fn new(zone: &Zone) -> Self {
        let utc = *zone == Zone::default();
        Self {
            zone: zone.clone(),
            span: if utc { i64::MIN..i64::MAX } else { 0..0 },
            offset: 0,
            suffix: b"Z".to_vec(),
            day: None,
            date: Vec::new(),
        }
    }

    /// Appends a timestamp. An integer that is none is written as that integer.
    pub fn write(&mut self, micros: i64, out: &mut Vec<u8>) {
        if !self.span.contains(&micros) && is_timestamp(micros) {
            self.enter(micros);
        }
        let reading = micros.saturating_add(self.offset);
        if !is_timestamp(micros) || !is_timestamp(reading) {
            return write_timestamp(micros, out);
        }
        let day = reading.div_euclid(DAY);
        if self.day != Some(day) {
            self.day = Some(day);
            self.date.clear();
            write_date(day, &mut self.date);
        }
        out.extend_from_slice(&self.date);
        write_time_of_day(reading - day * DAY, out);
        out.extend_from_slice(&self.suffix);
    }

    /// Finds the offset at an instant, and how long it holds.
    fn enter(&mut self, micros: i64) {
        let (span, offset) = self.zone.offset_around(micros);
        let minutes = offset.div_euclid(MINUTE) + i64::from(offset.rem_euclid(MINUTE) > 0);
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        self.span = span;
        self.offset = minutes * MINUTE;
        self.suffix = format!("{sign}{hours:02}:{rest:02}").into_bytes();
    }

    /// A timestamp as a string.
    #[must_use]
    pub fn format(&mut self, micros: i64) -> String {
        let mut out = Vec::with_capacity(32);
        self.write(micros, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
