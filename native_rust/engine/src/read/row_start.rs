//! How rows of points begin.

use crate::types::{DAY, is_timestamp, write_date, write_time_of_day, write_timestamp};

/// What stands before the timestamp of a row, and the timestamp: ISO 8601, UTC. Rows of one
/// day share the date's digits.
#[derive(Debug, Default)]
pub(crate) struct RowStart {
    before: Vec<u8>,
    day: Option<i64>,
    /// What stands before, and the date up to its `T`.
    date: Vec<u8>,
}

impl RowStart {
    /// What stands before the timestamps from now on.
    pub(crate) fn set(&mut self, before: impl FnOnce(&mut Vec<u8>)) {
        self.before.clear();
        before(&mut self.before);
        self.day = None;
    }

    pub(crate) fn write(&mut self, timestamp: i64, out: &mut Vec<u8>) {
        if !is_timestamp(timestamp) {
            out.extend_from_slice(&self.before);
            write_timestamp(timestamp, out);
            return;
        }
        let day = timestamp.div_euclid(DAY);
        if self.day != Some(day) {
            self.day = Some(day);
            self.date.clear();
            self.date.extend_from_slice(&self.before);
            write_date(day, &mut self.date);
        }
        out.extend_from_slice(&self.date);
        write_time_of_day(timestamp - day * DAY, out);
    }
}
