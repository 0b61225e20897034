//! How series pass a level, block by block.
//!
//! Each time at which a block has points is compared with the time before it, as of that
//! block: so it can be worked out by anyone who asks for the series as of it.

use super::level::{Beyond, Level, View};
use crate::block::OpKind;
use crate::budget::Budget;
use crate::error::Result;
use crate::index::{Point, SharedSeries};
use crate::mem::Reservation;
use crate::planted::{Bug, planted};
use crate::state::State;
use crate::state::blocks::{block_at, damaged};
use crate::types::write_timestamp;

/// Points that one event lists.
const LISTED: usize = 1_000;

/// What a block does to how a series stands to a level.
#[derive(Debug)]
pub(super) struct Crossings {
    /// What it is to be beyond the level.
    name: &'static str,
    listed: Vec<Crossing>,
    more: bool,
    /// Whether it is beyond the level at its last point before the block, and after it.
    stood: bool,
    stands: bool,
    /// Whether the block deletes points.
    deletes: bool,
    _held: Reservation,
}

#[derive(Debug)]
struct Crossing {
    timestamp: i64,
    value: f64,
    /// Since when it is beyond the level; none: it is back.
    beyond: Beyond,
    previous: Option<(i64, f64)>,
    /// Whether there was a later point before the block.
    late: bool,
}

impl Crossings {
    /// None where the series stands to the level as before. O(log n) in the points of the
    /// series for a block that adds to its end, and for each of its times otherwise.
    ///
    /// # Errors
    /// Those of reading blocks and of the budget, [`crate::Error::MemoryFull`].
    pub(super) fn find(
        state: &State,
        level: &Level,
        (id, seq, bytes): (&str, u64, &[u8]),
        budget: &Budget,
    ) -> Result<Option<Self>> {
        let (_, action) = block_at(state, seq, bytes)?;
        let deletes = match action.op {
            OpKind::PutPoints => false,
            OpKind::DeletePoints => true,
            _ => return Ok(None),
        };
        let Some(series) = state.indexes.series.get(id) else {
            return Ok(None);
        };
        let (before, after) = (seq - 1, seq);
        let view = |at| View {
            series: &series,
            at,
            budget,
        };
        let last = view(before).last(i64::MAX - 1, None)?;
        let stands = |view: View<'_>, last: Option<Point>| match last {
            Some(last) => Ok(level.counts(level.at(view, last.timestamp)?, last.timestamp)),
            None => Ok(false),
        };
        let stood = stands(view(before), last)?;
        let mut found = Found {
            level,
            last: last.map(|point| point.timestamp),
            listed: Vec::new(),
            more: false,
        };
        if !deletes {
            let effect = action.effect().map_err(|e| damaged(state, seq, e))?;
            if let crate::block::Effect::PutPoints(points) = effect {
                let mut own: Vec<(i64, f64)> =
                    points.timestamps.into_iter().zip(points.values).collect();
                own.sort_by_key(|(timestamp, _)| *timestamp);
                found.look(&series, view(after), &own)?;
            }
        }
        let stands = stands(view(after), view(after).last(i64::MAX - 1, None)?)?;
        // Closed on the way, the index was empty.
        state.check_open()?;
        if found.listed.is_empty() && stood == stands {
            return Ok(None);
        }
        let bytes = found.listed.len() * size_of::<Crossing>();
        Ok(Some(Self {
            name: level.name(),
            listed: found.listed,
            more: found.more,
            stood,
            stands,
            deletes,
            _held: state.memory.work.reserve(bytes)?,
        }))
    }

    fn named(&self, beyond: bool) -> &'static str {
        match beyond {
            true => self.name,
            false => "back",
        }
    }

    /// `,"fence":[...],"points":[{"timestamp","value","fence","since"?,"previous","late"?},...],`
    /// `"more":...,"stands":"...","reason"?`
    pub(super) fn write(&self, json: &mut Vec<u8>) {
        let has = |beyond: bool| self.listed.iter().any(|one| one.beyond.is_some() == beyond);
        let bare = self.listed.is_empty();
        let named = [true, false].into_iter().filter(|beyond| match bare {
            true => *beyond == self.stands,
            false => has(*beyond),
        });
        let names: Vec<_> = named.map(|beyond| self.named(beyond)).collect();
        let names = names.join("\",\"");
        json.extend_from_slice(format!(",\"fence\":[\"{names}\"],\"points\":[").as_bytes());
        for (place, one) in self.listed.iter().enumerate() {
            if place > 0 {
                json.push(b',');
            }
            json.push(b'{');
            write_point((one.timestamp, one.value), json);
            let name = self.named(one.beyond.is_some());
            json.extend_from_slice(format!(",\"fence\":\"{name}\"").as_bytes());
            if let Some(since) = one.beyond {
                json.extend_from_slice(b",\"since\":\"");
                write_timestamp(since, json);
                json.push(b'"');
            }
            json.extend_from_slice(b",\"previous\":");
            match one.previous {
                None => json.extend_from_slice(b"null"),
                Some(point) => {
                    json.push(b'{');
                    write_point(point, json);
                    json.push(b'}');
                }
            }
            if one.late {
                json.extend_from_slice(b",\"late\":true");
            }
            json.push(b'}');
        }
        let (more, stands) = (self.more, self.named(self.stands));
        json.extend_from_slice(format!("],\"more\":{more},\"stands\":\"{stands}\"").as_bytes());
        if bare && self.stood != self.stands {
            let reason = if self.deletes { "deleted" } else { "changed" };
            json.extend_from_slice(format!(",\"reason\":\"{reason}\"").as_bytes());
        }
    }
}

fn write_point((timestamp, value): (i64, f64), json: &mut Vec<u8>) {
    json.extend_from_slice(b"\"timestamp\":\"");
    write_timestamp(timestamp, json);
    json.extend_from_slice(b"\",\"value\":");
    let _ = serde_json::to_writer(&mut *json, &value);
}

/// A series before a time and at it.
struct Step {
    timestamp: i64,
    value: f64,
    before: Beyond,
    beyond: Beyond,
    previous: Option<(i64, f64)>,
}

struct Found<'a> {
    level: &'a Level,
    /// The last timestamp before the block.
    last: Option<i64>,
    listed: Vec<Crossing>,
    more: bool,
}

impl Found<'_> {
    /// Of the points that the block has, by their timestamps.
    fn look(&mut self, series: &SharedSeries, view: View<'_>, own: &[(i64, f64)]) -> Result<()> {
        let (Some((first, _)), Some((last, _))) = (own.first(), own.last()) else {
            return Ok(());
        };
        let end = last.saturating_add(1);
        let there = series.read().count(*first, end, view.at, None);
        let groups = own.chunk_by(|(one, _), (other, _)| one == other);
        // There are no others between them: each comes after the one before.
        if there == own.len() as u64 || planted(Bug::LevelOutOfOrder) {
            let mut beyond = self.level.at(view, first.saturating_sub(1))?;
            let previous = view.last(first.saturating_sub(1), None)?;
            let mut previous = previous.map(|point| (point.timestamp, point.value));
            for group in groups {
                view.budget.steps(group.len())?;
                let before = beyond;
                for point in group {
                    beyond = self.level.next(beyond, *point);
                }
                if let Some((timestamp, value)) = group.last().copied() {
                    self.step(Step {
                        timestamp,
                        value,
                        before,
                        beyond,
                        previous,
                    });
                    previous = Some((timestamp, value));
                }
            }
            return Ok(());
        }
        for group in groups {
            view.budget.step()?;
            let Some((timestamp, _)) = group.first().copied() else {
                continue;
            };
            let earlier = timestamp.saturating_sub(1);
            let Some(now) = view.last(timestamp, None)? else {
                continue;
            };
            let previous = view.last(earlier, None)?;
            self.step(Step {
                timestamp,
                value: now.value,
                before: self.level.at(view, earlier)?,
                beyond: self.level.at(view, timestamp)?,
                previous: previous.map(|point| (point.timestamp, point.value)),
            });
        }
        Ok(())
    }

    fn step(&mut self, step: Step) {
        let was = step
            .previous
            .is_some_and(|(timestamp, _)| self.level.counts(step.before, timestamp));
        let is = self.level.counts(step.beyond, step.timestamp);
        if was == is {
            return;
        }
        if self.listed.len() == LISTED {
            self.more = true;
            return;
        }
        self.listed.push(Crossing {
            timestamp: step.timestamp,
            value: step.value,
            beyond: step.beyond.filter(|_| is),
            previous: step.previous,
            late: self.last.is_some_and(|last| last > step.timestamp)
                && !planted(Bug::LateIsInTime),
        });
    }
}
