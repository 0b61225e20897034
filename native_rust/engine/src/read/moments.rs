//! The sequence that a time stands for.

use std::time::{Duration, Instant};

use crate::block::Block;
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::planted::{Bug, planted};
use crate::state::State;
use crate::state::blocks::{damaged, read_block};
use crate::types::write_timestamp;

/// What there is to say of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The last sequence that was committed by then.
    At(u64),
    /// It cannot be told yet; ask again after so long.
    NotYet(Duration),
}

/// How far a client's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(1);
/// How long to wait for a group that is under way.
const GROUP: Duration = Duration::from_millis(2);

/// The clock shows `now`, and will have passed `time` after `wait`, if not put right earlier.
fn not_reached(time: i64, now: i64, wait: Duration) -> Error {
    let ahead = Duration::from_micros(u64::try_from(time.saturating_sub(now)).unwrap_or(0));
    let (start, end) = if ahead > AHEAD {
        ("the time is ahead of", String::new())
    } else {
        let end = format!(
            " and stands still until the system's clock has caught up, for {} s more; ask by a \
             sequence",
            wait.as_secs()
        );
        ("the time is not before", end)
    };
    let mut shown = Vec::new();
    write_timestamp(now, &mut shown);
    let shown = String::from_utf8_lossy(&shown);
    let detail = format!("{start} the server's clock, which shows {shown}{end}");
    Error::invalid(InvalidCode::Parameter, "/as_of", detail)
}

impl Database {
    /// The last sequence that was committed at or before `time`, microseconds since
    /// the epoch; 0 when none was. The answer never changes: where something may still be
    /// committed that counts, this waits for it, at most two seconds. Reads some thirty
    /// blocks.
    ///
    /// # Errors
    /// Those of [`Database::moment`]; [`Error::Busy`] when what was waited for did not
    /// end.
    pub fn seq_at(&self, time: i64) -> Result<u64> {
        let give_up = Instant::now() + 2 * AHEAD;
        loop {
            match self.moment(time)? {
                Moment::At(seq) => return Ok(seq),
                Moment::NotYet(wait) if Instant::now() + wait < give_up => {
                    std::thread::sleep(wait);
                }
                Moment::NotYet(_) => {
                    return Err(Error::Busy {
                        limit: 1,
                        unit: "commit group that began by that time and is still under way",
                    });
                }
            }
        }
    }

    /// As [`Database::seq_at`], but that it says how long to wait instead of waiting.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time that the database's clock will not have passed in a
    /// second;
    /// [`Error::Poisoned`] where a write failed that may turn out to be there after all;
    /// [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn moment(&self, time: i64) -> Result<Moment> {
        let state = &self.state;
        state.check_open()?;
        let (now, wait, under_way) = look(state, time);
        if wait > AHEAD {
            return Err(not_reached(time, now, wait));
        }
        // Only then nothing begins to be committed any more with a time up to this one.
        if wait > Duration::ZERO {
            return Ok(Moment::NotYet(wait));
        }
        if under_way.is_some_and(|began| began <= time) && !planted(Bug::TimeBeforeGroup) {
            return match state.poisoned() {
                Some(cause) => Err(Error::Poisoned { cause }),
                None => Ok(Moment::NotYet(GROUP)),
            };
        }
        Ok(Moment::At(last_by(state, time, state.published())?))
    }
}

/// What the clock shows, how long until that is more than `time`, and the time of the group
/// that is under way.
fn look(state: &State, time: i64) -> (i64, Duration, Option<i64>) {
    let mut clock = state.clock.lock();
    let wait = clock.until_past(time);
    (clock.now(), wait, clock.under_way())
}

/// How long, as things are, until no block after block `at` can have a time before this one;
/// none where that is so. May read some thirty blocks.
///
/// # Errors
/// Those of reading blocks.
pub(crate) fn until_reached(state: &State, time: i64, at: u64) -> Result<Option<Duration>> {
    /// Where a write has failed, or what was written is not durable yet.
    const LATER: Duration = Duration::from_secs(1);
    let before = time.saturating_sub(1);
    Ok(match look(state, before) {
        (_, wait, _) if wait > Duration::ZERO => Some(wait),
        (_, _, Some(began)) if began <= before => match state.poisoned() {
            Some(_) => Some(LATER),
            None => Some(GROUP),
        },
        _ => {
            let published = state.published();
            let reached = published <= at || last_by(state, before, published)? <= at;
            (!reached).then_some(LATER)
        }
    })
}

/// The last of the blocks up to `last` that was committed at or before `time`; 0 when none
/// was. Reads some thirty blocks.
pub(crate) fn last_by(state: &State, time: i64, last: u64) -> Result<u64> {
    // Commit times never decrease, so the blocks up to `time` come first.
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let bytes = read_block(state, middle)?;
        let block = Block::decode(&bytes).map_err(|e| damaged(state, middle, e))?;
        if block.time <= time {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}
