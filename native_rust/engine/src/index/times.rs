//! The earliest and the latest timestamp of all series together, kept while they change.

use std::cmp::Reverse;

use parking_lot::Mutex;

use crate::mem::greatest::Greatest;

/// From when to when the points of each series are that are alive, by the number of the
/// series, and of all of them. 17 bytes a series.
///
/// One thread changes it.
#[derive(Debug, Default)]
pub(super) struct Times {
    ends: Mutex<Ends>,
}

/// Those of a series without points are the wrong way round.
#[derive(Debug, Default)]
struct Ends {
    firsts: Greatest<Reverse<i64>>,
    lasts: Greatest<i64>,
}

/// Of a series without points.
const NONE: (i64, i64) = (i64::MAX, i64::MIN);

impl Times {
    /// The next series, which has no points.
    pub(super) fn push(&self) {
        let ends = &mut *self.ends.lock();
        ends.firsts.push(Reverse(NONE.0));
        ends.lasts.push(NONE.1);
    }

    /// From when to when the points of a series are. O(1).
    pub(super) fn get(&self, number: u32) -> Option<(i64, i64)> {
        let ends = self.ends.lock();
        let (Reverse(first), last) = ends
            .firsts
            .get(number as usize)
            .zip(ends.lasts.get(number as usize))?;
        (first <= last).then_some((first, last))
    }

    /// Sets that. O(log n).
    pub(super) fn set(&self, number: u32, times: Option<(i64, i64)>) {
        let (first, last) = times.unwrap_or(NONE);
        let ends = &mut *self.ends.lock();
        ends.firsts.set(number as usize, Reverse(first));
        ends.lasts.set(number as usize, last);
    }

    /// Takes in points of a series. O(1), unless they are the first or last of many series.
    pub(super) fn widen(&self, number: u32, (first, last): (i64, i64)) {
        let before = self.get(number).unwrap_or(NONE);
        let after = (before.0.min(first), before.1.max(last));
        if after != before {
            self.set(number, Some(after));
        }
    }

    /// From when to when all points are. O(1).
    pub(super) fn all(&self) -> Option<(i64, i64)> {
        let ends = self.ends.lock();
        let (Reverse(first), last) = ends.firsts.greatest().zip(ends.lasts.greatest())?;
        (first <= last).then_some((first, last))
    }

    /// Forgets all series.
    pub(super) fn clear(&self) {
        let all = std::mem::take(&mut *self.ends.lock());
        drop(all);
    }
}
