//! Why a feature or a series is not there: it is gone, or came later.

use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Entity, Result, Shown};
use crate::index::Order;
use crate::read::selection::Nearest;
use crate::state::State;
use crate::state::blocks::{block_at, read_block};
use crate::types::format_timestamp;

/// Why something is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// A sentence.
    pub detail: String,
    /// Sequence and commit time of the block that deleted it, where one did.
    pub deleted: Option<(u64, i64)>,
}

/// When something was there first, and which block deleted it by then.
struct Life {
    first: Option<u64>,
    deleted: Option<u64>,
}

impl Database {
    /// Why there is no feature or series, or was none as of a sequence; nothing if there is
    /// one. Reads two blocks at most; of a series goes through its chunks.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a sequence that the journal has not reached, those of the
    /// [`Budget`], [`crate::Error::Closed`], [`crate::Error::Corrupt`], [`crate::Error::Io`].
    pub fn absence(
        &self,
        entity: Entity,
        id: &str,
        as_of: Option<u64>,
        budget: &Budget,
    ) -> Result<Option<Absence>> {
        let state = &self.state;
        state.check_open()?;
        let (at, now) = (state.at(as_of)?, state.published());
        let life = match entity {
            Entity::Feature => feature(state, id, at, now),
            Entity::Series => series(state, id, at, now, budget)?,
            _ => return Ok(None),
        };
        let Some(life) = life else { return Ok(None) };
        let shown = Shown(id);
        let mut detail = match as_of {
            None => format!("there is no {entity} {shown}"),
            Some(_) if at == 0 && now > 0 => {
                let first = format_timestamp(committed(state, 1)?.0);
                format!(
                    "as of block 0 there was no {entity} {shown}: the first block was committed at {first}, and what was imported has no past before its import"
                )
            }
            Some(_) => format!("as of block {at} there was no {entity} {shown}"),
        };
        let mut deleted = None;
        match (life.deleted, life.first) {
            (Some(seq), _) => {
                deleted = Some((seq, self.gone(&mut detail, seq)?));
            }
            (None, Some(first)) => detail += &format!("; it first appears in block {first}"),
            (None, None) if as_of.is_some() => detail += "; there is none now either",
            (None, None) => {}
        }
        if matches!(entity, Entity::Series) && id.contains('*') {
            detail += "; in a path a star stands for any characters at the end alone: to have them elsewhere ask timeseries/* with the parameter pattern, such as pattern=*/temp";
        }
        Ok(Some(Absence { detail, deleted }))
    }
}

impl Database {
    /// Why a series has no point of an id such as `pt_17_0`: it never had, or a block deleted
    /// it or put another in its place; nothing if there is one. Reads two blocks at most.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for what is no id of a point, and as [`Self::absence`].
    pub fn point_absence(
        &self,
        series: &str,
        id: &str,
        budget: &Budget,
    ) -> Result<Option<Absence>> {
        let state = &self.state;
        state.check_open()?;
        let none = format!(
            "there is no point {} in series {}",
            Shown(id),
            Shown(series)
        );
        let found = self.written_point(series, id)?;
        let index = state.indexes.series.get(series);
        let (Some((source, timestamp)), Some(index)) = (found, index) else {
            let detail = format!("{none}, and there never was");
            return Ok(Some(Absence {
                detail,
                deleted: None,
            }));
        };
        let ended = index.ended_by((timestamp, source), state.published(), budget)?;
        let Some(seq) = ended else { return Ok(None) };
        let mut detail = none;
        let time = self.gone(&mut detail, seq)?;
        detail += "; a point that took its place has an id of its own";
        Ok(Some(Absence {
            detail,
            deleted: Some((seq, time)),
        }))
    }

    /// Adds in which block something was deleted. Returns when that was.
    fn gone(&self, detail: &mut String, seq: u64) -> Result<i64> {
        let (time, actor) = committed(&self.state, seq)?;
        let shown = format_timestamp(time);
        *detail += &format!(": it was deleted in block {seq} at {shown}");
        if let Some(actor) = actor {
            *detail += &format!(" by {}", Shown(&actor));
        }
        Ok(time)
    }
}

fn feature(state: &State, id: &str, at: u64, now: u64) -> Option<Life> {
    let features = state.indexes.features.read();
    if features.current(id, at).is_some() {
        return None;
    }
    Some(Life {
        first: features.versions(id, 0, now, 1).first().copied(),
        deleted: features.latest_versions(id, 0, at, 1).first().copied(),
    })
}

fn series(state: &State, id: &str, at: u64, now: u64, budget: &Budget) -> Result<Option<Life>> {
    let Some(series) = state.indexes.series.get(id) else {
        return Ok(Some(Life {
            first: None,
            deleted: None,
        }));
    };
    if series.latest(at, budget)?.is_some() {
        return Ok(None);
    }
    // What touched it last, and left nothing to see, deleted the last of its points.
    let mut nearest = Nearest::new(Order::Descending, 1);
    series.touched_by((1, at), (i64::MIN, i64::MAX), budget, |seq, points| {
        nearest.add(seq, points as u64);
        nearest.within((1, at))
    })?;
    Ok(Some(Life {
        first: series.read().first_seq().filter(|first| *first <= now),
        deleted: nearest.into_stack().pop().map(|(seq, _)| seq),
    }))
}

/// When a block was committed, and by whom.
fn committed(state: &State, seq: u64) -> Result<(i64, Option<String>)> {
    let bytes = read_block(state, seq)?;
    let (block, _) = block_at(state, seq, &bytes)?;
    Ok((block.time, block.actor.map(str::to_owned)))
}
