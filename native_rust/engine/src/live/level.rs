//! Levels that the values of series pass.
//!
//! A value is beyond a level, back, or, with a hysteresis, neither. A series is beyond it at
//! a point if the last point up to there that was one of both was so: since the first such
//! point after the last one that was back. It counts once that is so for long enough. All of
//! this is asked of the index, as of a block, and nothing is kept.

use super::words::LiveWords;
use crate::budget::Budget;
use crate::error::{Error, InvalidCode, Result};
use crate::index::{Order, Point, RangeQuery, SharedSeries};
use crate::types::{ValueFilter, point_value_from_text};

/// Which way a level is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Above,
    Below,
    Outside,
}

/// A level, or a band between two.
#[derive(Debug)]
pub(super) struct Level {
    side: Side,
    /// Values that are beyond it: those of one of these.
    beyond: Vec<ValueFilter>,
    /// Values that are back.
    back: ValueFilter,
    /// For how many microseconds a series has to be beyond it.
    least: i64,
}

/// A series as of a block.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub series: &'a SharedSeries,
    pub at: u64,
    pub budget: &'a Budget,
}

impl View<'_> {
    /// The last point with a timestamp up to this one, and with such a value if that is given.
    ///
    /// # Errors
    /// Those of the budget.
    pub(super) fn last(&self, until: i64, values: Option<&ValueFilter>) -> Result<Option<Point>> {
        self.one(i64::MIN, until.saturating_add(1), values, Order::Descending)
    }

    fn one(
        &self,
        start: i64,
        end: i64,
        values: Option<&ValueFilter>,
        order: Order,
    ) -> Result<Option<Point>> {
        let query = RangeQuery {
            start,
            end,
            at: self.at,
            values,
            order,
            skip: 0,
            limit: 1,
        };
        let mut found = Vec::new();
        self.series.range(&query, self.budget, &mut found)?;
        Ok(found.pop())
    }

    fn points_at(&self, timestamp: i64) -> Result<Vec<Point>> {
        let query = RangeQuery {
            start: timestamp,
            end: timestamp.saturating_add(1),
            at: self.at,
            values: None,
            order: Order::Ascending,
            skip: 0,
            limit: usize::MAX,
        };
        let mut found = Vec::new();
        self.series.range(&query, self.budget, &mut found)?;
        Ok(found)
    }
}

/// Since when a series is beyond a level, if it is.
pub(super) type Beyond = Option<i64>;

impl Level {
    /// Of one of the words `above`, `below` and `outside`, with `hysteresis` and `least`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a pointer to the word.
    pub(super) fn new(words: &LiveWords<'_>) -> Result<Option<Self>> {
        let given = [
            (Side::Above, words.above),
            (Side::Below, words.below),
            (Side::Outside, words.outside),
        ];
        let mut given = given
            .into_iter()
            .filter_map(|(side, text)| Some((side, text?)));
        let Some((side, text)) = given.next() else {
            return match (words.hysteresis, words.least) {
                (None, None) => Ok(None),
                (Some(_), _) => Err(needs_level("/hysteresis")),
                (_, Some(_)) => Err(needs_level("/for")),
            };
        };
        let pointer = side.pointer();
        if let Some((other, _)) = given.next() {
            let detail = "a series has one level; give one of above, below and outside";
            return Err(refuse(other.pointer(), detail));
        }
        let hysteresis = match words.hysteresis {
            None => 0.0,
            Some(text) => number(text, "/hysteresis")?,
        };
        if hysteresis < 0.0 {
            let detail = format!("found {hysteresis}; give a number from 0 on");
            return Err(refuse("/hysteresis", detail));
        }
        let (low, high) = match side {
            Side::Above => (f64::NEG_INFINITY, number(text, pointer)?),
            Side::Below => (number(text, pointer)?, f64::INFINITY),
            Side::Outside => {
                let (low, high) = text.split_once(',').ok_or_else(|| {
                    let detail = format!("found {text:?}; give the ends of the band, such as 5,30");
                    refuse(pointer, detail)
                })?;
                (number(low, pointer)?, number(high, pointer)?)
            }
        };
        let (back_low, back_high) = (low + hysteresis, high - hysteresis);
        if low > high || back_low > back_high {
            let detail = format!(
                "found a band from {low} to {high} with a hysteresis of {hysteresis}, in which no value is back"
            );
            return Err(refuse(pointer, detail));
        }
        let below = ValueFilter::between(f64::NEG_INFINITY, low.next_down());
        let above = ValueFilter::between(high.next_up(), f64::INFINITY);
        Ok(Some(Self {
            side,
            beyond: match side {
                Side::Above => vec![above],
                Side::Below => vec![below],
                Side::Outside => vec![below, above],
            },
            back: ValueFilter::between(back_low, back_high),
            least: words.least.map_or(Ok(0), least)?,
        }))
    }

    /// What a series that is beyond it is.
    pub(super) fn name(&self) -> &'static str {
        match self.side {
            Side::Above => "above",
            Side::Below => "below",
            Side::Outside => "outside",
        }
    }

    /// Whether a series that is beyond it since then is so for long enough at this time.
    pub(super) fn counts(&self, beyond: Beyond, at: i64) -> bool {
        beyond.is_some_and(|since| at.saturating_sub(since) >= self.least)
    }

    /// What becomes of a series by the next point.
    pub(super) fn next(&self, before: Beyond, point: (i64, f64)) -> Beyond {
        let (timestamp, value) = point;
        if self.is_beyond(value) {
            before.or(Some(timestamp))
        } else if self.back.takes(value) {
            None
        } else {
            before
        }
    }

    fn is_beyond(&self, value: f64) -> bool {
        self.beyond.iter().any(|values| values.takes(value))
    }

    /// What a series is at a time: after its last point with a timestamp up to this one. Some
    /// looks at the index, and all points of one timestamp where that is the last of both
    /// kinds.
    ///
    /// # Errors
    /// Those of the budget.
    pub(super) fn at(&self, view: View<'_>, until: i64) -> Result<Beyond> {
        let mut out: Option<i64> = None;
        for values in &self.beyond {
            let last = view.last(until, Some(values))?;
            out = out.max(last.map(|point| point.timestamp));
        }
        let Some(out) = out else {
            return Ok(None);
        };
        let Some(back) = view.last(until, Some(&self.back))? else {
            return self.first(view, i64::MIN, until);
        };
        let back = back.timestamp;
        if out < back {
            return Ok(None);
        }
        // Those of the same time come in order.
        let mut here = None;
        for point in view.points_at(back)? {
            here = self.next(here, (point.timestamp, point.value));
        }
        match here {
            None if out > back => self.first(view, back.saturating_add(1), until),
            here => Ok(here),
        }
    }

    /// The first point from a time on that is beyond it.
    fn first(&self, view: View<'_>, from: i64, until: i64) -> Result<Beyond> {
        let mut first: Option<i64> = None;
        for values in &self.beyond {
            let end = until.saturating_add(1);
            if let Some(point) = view.one(from, end, Some(values), Order::Ascending)? {
                let timestamp = point.timestamp;
                first = Some(first.map_or(timestamp, |first| first.min(timestamp)));
            }
        }
        Ok(first)
    }
}

impl Side {
    fn pointer(self) -> &'static str {
        match self {
            Self::Above => "/above",
            Self::Below => "/below",
            Self::Outside => "/outside",
        }
    }
}

fn number(text: &str, pointer: &'static str) -> Result<f64> {
    point_value_from_text(text.trim()).map_err(|error| match error {
        Error::Invalid { detail, .. } => refuse(pointer, detail),
        other => other,
    })
}

fn least(text: &str) -> Result<i64> {
    /// A hundred years.
    const LONGEST: f64 = 3_155_760_000.0;
    let seconds = point_value_from_text(text).ok();
    let seconds = seconds.filter(|seconds| (0.0..=LONGEST).contains(seconds));
    seconds
        .map(|seconds| (seconds * 1e6).round() as i64)
        .ok_or_else(|| {
            let detail = format!("found {text:?}; give seconds, from 0 to 3155760000");
            refuse("/for", detail)
        })
}

fn needs_level(pointer: &'static str) -> Error {
    refuse(
        pointer,
        "it goes with the level of a series; give above, below or outside",
    )
}

fn refuse(pointer: &'static str, detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Parameter, pointer, detail)
}
