//! What a block is about, as filters look at it.

use std::cell::OnceCell;

use crate::block::{Block, OpKind};
use crate::budget::Budget;
use crate::error::{Entity, Result};
use crate::index::Placed;
use crate::read::features::feature_block;
use crate::read::selection::entity;
use crate::search::Target;
use crate::state::State;
use crate::state::blocks::{block_at, damaged, read_block};
use crate::types::Rect;

/// A block, what it does, and to what.
pub(super) struct Subject<'b> {
    pub block: Block<'b>,
    pub bytes: &'b [u8],
    /// What it does; of a revert what that does.
    pub effect: OpKind,
    pub about: About<'b>,
}

pub(super) enum About<'b> {
    Feature(FeatureChange<'b>),
    /// The id of the series whose points it puts or deletes.
    Series(String),
    /// Everything that is neither.
    Database,
}

/// A feature before and after a block.
pub(super) struct FeatureChange<'b> {
    pub id: String,
    /// None where there was none.
    pub before: Option<Version<'b>>,
    /// None where there is none any more.
    pub after: Option<Version<'b>>,
}

/// One version of a feature.
pub(super) struct Version<'b> {
    pub seq: u64,
    /// Its envelope, if it has positions.
    pub rect: Option<Rect>,
    body: Body<'b>,
}

enum Body<'b> {
    Here(&'b [u8]),
    /// The block, read once somebody asks.
    Stored(OnceCell<Vec<u8>>),
}

impl<'b> Subject<'b> {
    /// Of the stored bytes of block `seq`, which readers see. No file work: the indexes know
    /// the version before.
    pub(super) fn read(state: &State, seq: u64, bytes: &'b [u8]) -> Result<Self> {
        let (block, action) = block_at(state, seq, bytes)?;
        let (kind, id) = entity(&action).map_err(|e| damaged(state, seq, e))?;
        let about = match kind {
            Entity::Feature => {
                let features = state.indexes.features.read();
                let before = features.placed(&id, seq - 1);
                let after = features.placed(&id, seq).filter(|(at, _)| *at == seq);
                drop(features);
                // Closed on the way, the index was empty.
                state.check_open()?;
                let version = |(seq, rect), body| Version { seq, rect, body };
                About::Feature(FeatureChange {
                    id,
                    before: before.map(|placed| version(placed, Body::Stored(OnceCell::new()))),
                    after: after.map(|placed| version(placed, Body::Here(action.body))),
                })
            }
            Entity::Series => About::Series(id),
            _ => About::Database,
        };
        Ok(Self {
            block,
            bytes,
            effect: action.op,
            about,
        })
    }
}

/// The id of the feature that block `seq` writes. Reads the journal.
///
/// # Errors
/// Those of reading blocks.
pub(super) fn feature_id(state: &State, seq: u64) -> Result<String> {
    let bytes = read_block(state, seq)?;
    let (_, action) = block_at(state, seq, &bytes)?;
    let (_, id) = entity(&action).map_err(|e| damaged(state, seq, e))?;
    Ok(id)
}

impl Version<'_> {
    /// One that a search has found.
    pub(super) fn stored(Placed { seq, rect }: Placed) -> Self {
        Self {
            seq,
            rect: Some(rect),
            body: Body::Stored(OnceCell::new()),
        }
    }

    /// Whether it lies to an area as that asks. Reads it where its envelope leaves that open.
    ///
    /// # Errors
    /// Those of reading blocks and of the budget.
    pub(super) fn lies(&self, state: &State, target: &Target, budget: &Budget) -> Result<bool> {
        let Some(rect) = self.rect else {
            return Ok(false);
        };
        let seq = self.seq;
        match target.look(Placed { seq, rect }, budget)? {
            None => Ok(false),
            Some(hit) if hit.certain => Ok(true),
            Some(_) => self.is_accepted(state, target, budget),
        }
    }

    /// The same of one whose envelope has left it open.
    ///
    /// # Errors
    /// As [`Version::lies`].
    pub(super) fn is_accepted(
        &self,
        state: &State,
        target: &Target,
        budget: &Budget,
    ) -> Result<bool> {
        if let Some(known) = state.geometries.get(self.seq) {
            return target.accepts(&known, budget);
        }
        let accepted = target.accepts_body(self.body(state)?, budget);
        accepted.map_err(|e| damaged(state, self.seq, e))?
    }

    /// Its stored form. May read the journal, once.
    pub(super) fn body(&self, state: &State) -> Result<&[u8]> {
        let stored = match &self.body {
            Body::Here(body) => return Ok(body),
            Body::Stored(stored) => stored,
        };
        let bytes = match stored.get() {
            Some(bytes) => bytes,
            None => {
                let bytes = read_block(state, self.seq)?;
                stored.get_or_init(|| bytes)
            }
        };
        Ok(feature_block(state, self.seq, bytes)?.1)
    }
}
