//! Timestamps as text in the local time of a zone.

use std::ops::Range;

use super::calendar::DAY;
use super::time::{TIME_OF_DAY, is_timestamp, time_of_day, write_date, write_timestamp};
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
/// of its clock, and of two times of one day only the digits of the clock are made anew.
#[derive(Debug)]
pub struct TimeWriter {
    zone: Zone,
    /// Where the offset holds.
    span: Range<i64>,
    /// As it is written, in microseconds.
    offset: i64,
    /// The text of the offset.
    suffix: Vec<u8>,
    /// When the day of the last text begins, by the clock of the zone.
    midnight: Option<i64>,
    /// The last text.
    text: Vec<u8>,
    /// Where in it the time of day begins.
    clock: usize,
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
            midnight: None,
            text: Vec::new(),
            clock: 0,
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
        let midnight = match self.midnight {
            Some(midnight) if (midnight..midnight + DAY).contains(&reading) => midnight,
            _ => self.begin_day(reading.div_euclid(DAY)),
        };
        let clock = self.text.get_mut(self.clock..);
        if let Some(clock) = clock.and_then(<[u8]>::first_chunk_mut::<TIME_OF_DAY>) {
            *clock = time_of_day(reading - midnight);
        }
        out.extend_from_slice(&self.text);
    }

    /// Makes the text of a day, the time yet to be filled in, and returns when it begins.
    fn begin_day(&mut self, day: i64) -> i64 {
        self.text.clear();
        write_date(day, &mut self.text);
        self.clock = self.text.len();
        self.text.extend_from_slice(&time_of_day(0));
        self.text.extend_from_slice(&self.suffix);
        *self.midnight.insert(day * DAY)
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
        self.midnight = None;
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
