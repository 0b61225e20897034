//! Naming a moment, a version or a block: by time, by entity tag, by sequence.

use std::time::{Duration, Instant};

use crate::block::{Block, Condition, Expected, OpKind};
use crate::budget::Budget;
use crate::commit::conditions::precondition;
use crate::db::database::Database;
use crate::error::{Entity, Error, InvalidCode, Result};
use crate::index::Newest;
use crate::merkle::leaf_hash;
use crate::planted::{Bug, planted};
use crate::read::journal::write_entry;
use crate::state::blocks::{block_at, damaged, location, read_block};
use crate::types::{Hash, stored_delete_points, stored_feature, to_hex, write_timestamp};

/// One block, as it is stored and as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// Its sequence.
    pub seq: u64,
    /// Its RFC 6962 leaf hash.
    pub hash: Hash,
    /// Its bytes, deterministic CBOR: what the hash is over.
    pub cbor: Vec<u8>,
    /// The same as an entry of the journal.
    pub json: Vec<u8>,
}

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
        ("as_of is a time ahead of", String::new())
    } else {
        let end = format!(
            " and stands still until the system's clock has caught up, for {} s more; ask as of a \
             sequence",
            wait.as_secs()
        );
        ("as_of is not before", end)
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
        let (now, wait, under_way) = {
            let mut clock = state.clock.lock();
            let wait = clock.until_past(time);
            (clock.now(), wait, clock.under_way())
        };
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
        // Commit times never decrease, so the blocks up to `time` come first.
        let (mut low, mut high) = (0, state.published());
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
        Ok(Moment::At(low))
    }

    /// The sequence up to which readers see.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn seq(&self) -> Result<u64> {
        self.state.check_open()?;
        Ok(self.state.published())
    }

    /// Whether there is a feature `id`, or was as of a sequence. No file work.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a sequence the journal has not reached,
    /// [`Error::Closed`].
    pub fn has_feature(&self, id: &str, as_of: Option<u64>) -> Result<bool> {
        match self.feature_in_memory(id, as_of) {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// How long the block `seq` is, in bytes. No file work.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a sequence the journal has not reached,
    /// [`Error::Closed`].
    pub fn block_bytes(&self, seq: u64) -> Result<u32> {
        self.check_block(seq)?;
        Ok(location(&self.state, seq)?.len)
    }

    /// The block `seq`, once it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a sequence the journal has not durably reached,
    /// [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn block(&self, seq: u64) -> Result<StoredBlock> {
        let state = &self.state;
        self.check_block_within(seq, state.durable())?;
        let cbor = read_block(state, seq)?;
        let block = Block::decode(&cbor).map_err(|e| damaged(state, seq, e))?;
        let mut json = Vec::new();
        write_entry(&block, &cbor, true, &mut json).map_err(|e| damaged(state, seq, e))?;
        Ok(StoredBlock {
            seq,
            hash: leaf_hash(&cbor),
            cbor,
            json,
        })
    }

    /// The sequence of the durable block with this leaf hash, if there is one. Reads a few
    /// kilobytes of each segment's footer, the newest first.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn find_block(&self, hash: &Hash, budget: &Budget) -> Result<Option<u64>> {
        let state = &self.state;
        state.check_open()?;
        let found = state.segments.find_hash(hash, budget)?;
        // One that was just written may still be taken back.
        let Some(seq) = found.filter(|seq| *seq <= state.durable()) else {
            return Ok(None);
        };
        if state.leaf(seq)? != *hash {
            return Err(damaged(
                state,
                seq,
                "the segment's footer gives it another leaf hash than the Merkle tree has",
            ));
        }
        Ok(Some(seq))
    }

    /// Refuse a sequence that has no visible block.
    pub(crate) fn check_block(&self, seq: u64) -> Result<()> {
        self.check_block_within(seq, self.state.published())
    }

    fn check_block_within(&self, seq: u64, last: u64) -> Result<()> {
        self.state.check_open()?;
        if seq == 0 || seq > last {
            return Err(Error::NotFound {
                entity: Entity::Block,
                id: seq.to_string(),
            });
        }
        Ok(())
    }

    /// Ids of the features that the blocks `first` to `last` put, in order, and how many
    /// of those blocks replaced a feature that was there: what a transaction that is
    /// answered again had written. Reads the journal.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn written_features(
        &self,
        first: u64,
        last: u64,
        budget: &Budget,
    ) -> Result<(Vec<String>, u64)> {
        self.check_block(first)?;
        self.check_block(last)?;
        let mut ids = Vec::new();
        let mut replaced = 0;
        for seq in first..=last {
            budget.step()?;
            let bytes = read_block(&self.state, seq)?;
            let (_, action) = block_at(&self.state, seq, &bytes)?;
            if action.op == OpKind::PutFeature {
                let stored = stored_feature(action.body);
                let stored = stored.map_err(|e| damaged(&self.state, seq, e))?;
                // As of the block before, be that in the same transaction or not.
                let features = self.state.indexes.features.read();
                replaced += u64::from(features.current(&stored.id, seq - 1).is_some());
                drop(features);
                budget.make_room(&mut ids, 1)?;
                budget.hold(stored.id.len())?;
                ids.push(stored.id.into_owned());
            }
        }
        Ok((ids, replaced))
    }

    /// How many points block `seq` deleted, also where some were brought back since:
    /// what a deletion that is answered again had done. 0 for a block that deletes no
    /// points. Reads the journal; linear in the points of the range.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn points_deleted_by(&self, seq: u64, budget: &Budget) -> Result<u64> {
        self.check_block(seq)?;
        let bytes = read_block(&self.state, seq)?;
        let (_, action) = block_at(&self.state, seq, &bytes)?;
        if action.op != OpKind::DeletePoints {
            return Ok(0);
        }
        let span = stored_delete_points(action.body);
        let span = span.map_err(|e| damaged(&self.state, seq, e))?;
        let mut deleted = 0;
        if let Some(series) = self.state.indexes.series.get(&span.series) {
            series.deleted_by(seq, (span.start, span.end), budget, |points| {
                deleted += points.len() as u64;
            })?;
        }
        Ok(deleted)
    }

    /// The condition that feature `id` is at a version with one of these hashes, or
    /// exists where `hashes` is nothing. May read the journal.
    ///
    /// # Errors
    /// [`Error::Precondition`] when it is not so now.
    pub fn match_feature(&self, id: &str, hashes: Option<&[Hash]>) -> Result<Condition> {
        let state = &self.state;
        state.check_open()?;
        let newest = {
            let features = state.indexes.features.read();
            // After the published sequence it may change; committing looks again.
            features.newest(id)
        };
        let absent = |found: &str| precondition(id, "a version of it", found);
        let Newest { seq, .. } = newest
            .filter(|newest| !newest.deleted)
            .ok_or_else(|| absent("there is none"))?;
        let Some(hashes) = hashes else {
            return Ok(Condition::Feature {
                id: id.to_owned(),
                expected: Expected::Exists,
            });
        };
        let hash = leaf_hash(&read_block(state, seq)?);
        if !hashes.contains(&hash) {
            let found = format!("it is at the version with hash {}", to_hex(&hash));
            return Err(precondition(id, "a version with the hash given", &found));
        }
        Ok(Condition::Feature {
            id: id.to_owned(),
            expected: Expected::Version(seq),
        })
    }
}
