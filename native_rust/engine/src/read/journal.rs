//! Reading the journal back, block by block.

use std::ops::Range;

use serde::Serialize;

use crate::block::{Block, OpKind};
use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::merkle::leaf_hash;
use crate::planted::{Bug, planted};
use crate::read::ahead::ReadAhead;
use crate::read::features::no_feature;
use crate::read::page::check_limit;
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{
    DecodeError, delete_points_to_json, feature_to_json, points_to_json, to_hex, write_json,
    write_timestamp,
};

/// Which blocks to list.
#[derive(Debug, Clone, Copy)]
pub struct EntryQuery {
    /// Only blocks after this sequence; 0 for all.
    pub since: u64,
    /// Only blocks up to this sequence.
    pub until: u64,
    /// Only blocks of this operation.
    pub op: Option<OpKind>,
    /// Blocks in one page, at least 1.
    pub limit: usize,
}

/// One page of the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryPage {
    /// A JSON array of blocks, in the order they were written.
    pub json: Vec<u8>,
    /// Blocks in it.
    pub returned: usize,
    /// The `since` of the next page, if there may be one.
    pub next: Option<u64>,
}

/// Blocks looked at for one page, so that a rare operation cannot keep a thread.
const PAGE_BLOCKS: u64 = 100_000;

impl Database {
    /// Blocks of the journal in order, up to the last durable one. A page may be short, or empty, and still
    /// have a next one: it ends at a limit of bytes ([`crate::Limits::page_bytes`]; the
    /// first block has a place however large it is) and of blocks looked at. Reads the
    /// journal.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad limit, those of the [`Budget`], [`Error::Closed`],
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn entries(&self, query: &EntryQuery, budget: &Budget) -> Result<EntryPage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        let shown = match planted(Bug::JournalShowsWeak) {
            true => state.published(),
            false => state.durable(),
        };
        let last = query.until.min(shown);
        let end = last.min(query.since.saturating_add(PAGE_BLOCKS));
        let mut entries = Entries::new(state, last, budget);
        let mut seen = query.since.min(last);
        while seen < end
            && entries.returned < query.limit
            && entries.add(seen + 1, query.op, true)?
        {
            seen += 1;
        }
        Ok(entries.finish((seen < last).then_some(seen)))
    }

    /// The versions of the feature `id`, oldest first, from after block `since`
    /// on, up to a sequence if it is asked as of one: each its block but for the body. A page ends at a number of bytes, too.
    /// Reads the journal; linear in the page.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown feature, [`Error::Invalid`] for a bad
    /// limit, those of the [`Budget`], [`Error::Closed`], [`Error::Corrupt`],
    /// [`Error::Io`].
    pub fn provenance(
        &self,
        id: &str,
        since: u64,
        as_of: Option<u64>,
        limit: usize,
        budget: &Budget,
    ) -> Result<EntryPage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(limit, state.limits.page_items)?;
        // One more than the page has says that there are more.
        let at = state.at(as_of)?;
        let versions = versions(
            state,
            id,
            since.min(at)..at,
            limit.saturating_add(1),
            budget,
        )?;
        if versions.is_empty()
            && state
                .indexes
                .features
                .read()
                .versions(id, 0, at, 1)
                .is_empty()
        {
            return Err(no_feature(id));
        }
        let mut entries = Entries::new(state, at, budget);
        let mut last = None;
        for seq in versions.iter().take(limit) {
            if !entries.add(*seq, None, false)? {
                break;
            }
            last = Some(*seq);
        }
        let more = entries.returned < versions.len();
        Ok(entries.finish(last.filter(|_| more)))
    }
}

/// Up to `limit` versions of a feature that were written after the start of a range of
/// sequences and up to its end, oldest first, read some at a time.
pub(crate) fn versions(
    state: &State,
    id: &str,
    behind: Range<u64>,
    limit: usize,
    budget: &Budget,
) -> Result<Vec<u64>> {
    /// Read under one hold of the lock.
    const STEP: usize = 1_024;
    let mut versions: Vec<u64> = Vec::new();
    loop {
        budget.check()?;
        let since = versions.last().copied().unwrap_or(behind.start);
        let step = STEP.min(limit - versions.len());
        let more = state
            .indexes
            .features
            .read()
            .versions(id, since, behind.end, step);
        let last = more.len() < STEP;
        budget.make_room(&mut versions, more.len())?;
        versions.extend(more);
        if last {
            return Ok(versions);
        }
    }
}

/// Blocks as JSON, one after the other: they end at a number of bytes.
pub(crate) struct Entries<'q> {
    state: &'q State,
    /// Blocks after it are not read.
    last: u64,
    budget: &'q Budget,
    ahead: ReadAhead,
    json: Vec<u8>,
    pub returned: usize,
}

impl<'q> Entries<'q> {
    pub(crate) fn new(state: &'q State, last: u64, budget: &'q Budget) -> Self {
        Self {
            state,
            last,
            budget,
            ahead: ReadAhead::default(),
            json: vec![b'['],
            returned: 0,
        }
    }

    /// Add block `seq`, with or without its body, if its operation is the one asked
    /// for. False if there was no room left for it.
    pub(crate) fn add(&mut self, seq: u64, op: Option<OpKind>, body: bool) -> Result<bool> {
        /// As JSON a block is seldom so many times as long.
        const LONGER: usize = 4;
        let state = self.state;
        self.budget.step()?;
        let bytes = self.ahead.block(state, seq, self.last)?;
        let block = Block::decode(bytes).map_err(|e| damaged(state, seq, e))?;
        if block.seq != seq {
            return Err(damaged(state, seq, "another block lies at its place"));
        }
        if op.is_some_and(|op| op != block.op) {
            return Ok(true);
        }
        let full = self.json.len();
        self.budget
            .make_room(&mut self.json, bytes.len().saturating_mul(LONGER))?;
        if self.returned > 0 {
            self.json.push(b',');
        }
        let written = write_entry(&block, bytes, body, &mut self.json);
        written.map_err(|e| damaged(state, seq, e))?;
        if self.returned > 0 && self.json.len() > state.limits.page_bytes {
            self.json.truncate(full);
            return Ok(false);
        }
        self.returned += 1;
        Ok(true)
    }

    pub(crate) fn finish(mut self, next: Option<u64>) -> EntryPage {
        self.json.push(b']');
        EntryPage {
            json: self.json,
            returned: self.returned,
            next,
        }
    }
}

/// A block as JSON, without its body and provenance, which are CBOR and follow.
#[derive(Serialize)]
struct Entry<'a> {
    seq: u64,
    hash: &'a str,
    time: &'a str,
    txn: u64,
    op: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<u64>,
}

/// The same of the body of a revert.
#[derive(Serialize)]
struct Reverted<'a> {
    reverts: u64,
    op: &'a str,
}

/// Appends an object that has members, but for its end.
fn begin_object(object: &impl Serialize, out: &mut Vec<u8>) {
    // Writing numbers and text into memory has no way to fail.
    let _ = serde_json::to_writer(&mut *out, object);
    out.pop_if(|last| *last == b'}');
}

/// A block as JSON: what it is made of, and its hash.
pub(crate) fn write_entry(
    block: &Block<'_>,
    bytes: &[u8],
    body: bool,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let mut time = Vec::with_capacity(32);
    write_timestamp(block.time, &mut time);
    let entry = Entry {
        seq: block.seq,
        hash: &to_hex(&leaf_hash(bytes)),
        time: str::from_utf8(&time).unwrap_or_default(),
        txn: block.txn,
        op: block.op.as_str(),
        actor: block.actor,
        prev: block.prev,
    };
    begin_object(&entry, out);
    if body {
        out.extend_from_slice(b",\"body\":");
        write_body(block, out)?;
    }
    if let Some(provenance) = block.provenance {
        out.extend_from_slice(b",\"provenance\":");
        write_json(provenance, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// The body of a block as JSON; of a revert `{"reverts", "op", "body"}`.
fn write_body(block: &Block<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let action = block.action()?;
    if let Some(reverts) = action.reverts {
        let op = action.op.as_str();
        begin_object(&Reverted { reverts, op }, out);
        out.extend_from_slice(b",\"body\":");
    }
    match action.op {
        OpKind::PutFeature => feature_to_json(action.body, None, out)?,
        OpKind::PutPoints => points_to_json(action.body, out)?,
        OpKind::DeletePoints => delete_points_to_json(action.body, out)?,
        OpKind::DeleteFeature | OpKind::SetDefaults | OpKind::Revert => {
            write_json(action.body, out)?;
        }
    }
    if action.reverts.is_some() {
        out.push(b'}');
    }
    Ok(())
}

impl std::str::FromStr for OpKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text).ok_or_else(|| {
            let detail = format!("found {text:?}; expected one of {}", Self::names());
            Error::invalid(InvalidCode::Parameter, "/type", detail)
        })
    }
}
