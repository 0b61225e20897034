//! Reading the journal back, block by block.

use serde::Serialize;

use crate::block::{Action, Block, OpKind, Versioned};
use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::index::Order;
use crate::merkle::leaf_hash;
use crate::planted::{Bug, planted};
use crate::read::ahead::ReadAhead;
use crate::read::page::check_limit;
use crate::read::selection::{BlockFilter, Candidates};
use crate::read::versions::versions;
use crate::state::State;
use crate::state::blocks::damaged;
use crate::types::{
    DecodeError, Which, attributes_to_json, delete_points_to_json, feature_to_json, points_to_json,
    stored_attributes, stored_delete_feature, stored_delete_points, stored_feature_id,
    stored_points, stored_webhook, to_hex, webhook_to_json, write_json, write_timestamp,
};

/// Which blocks to list.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryQuery {
    /// Only blocks after this sequence; 0 for all.
    pub since: u64,
    /// Only blocks up to this sequence.
    pub until: u64,
    /// Only those that it takes.
    pub filter: BlockFilter,
    /// Oldest or newest first.
    pub order: Order,
    /// Whether entries have what was written, or in its place what that is about.
    pub bodies: bool,
    /// Blocks in one page, at least 1.
    pub limit: usize,
}

/// All blocks, oldest first, as whole as they are.
impl Default for EntryQuery {
    fn default() -> Self {
        Self {
            since: 0,
            until: u64::MAX,
            filter: BlockFilter::default(),
            order: Order::Ascending,
            bodies: true,
            limit: 1_000,
        }
    }
}

/// One page of the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryPage {
    /// A JSON array of blocks, in the order asked for.
    pub json: Vec<u8>,
    /// Blocks in it.
    pub returned: usize,
    /// The `since` of the next page, of one with the newest first its `until`, if there may
    /// be one.
    pub next: Option<u64>,
}

/// Blocks looked at for one page, and bytes of them, so that a rare one cannot keep a
/// thread: some tenths of a second.
const PAGE_BLOCKS: u64 = 100_000;
const PAGE_READ: u64 = 256 << 20;

impl Database {
    /// Blocks of the journal that a filter takes, up to the last durable one. A page may be
    /// short, or empty, and still have a next one: it ends at a limit of bytes
    /// ([`crate::Limits::page_bytes`]; the first block has a place however large it is),
    /// and at 100,000 blocks or 256 MiB looked at. A filter that names a feature or series
    /// looks at their blocks alone, one that names a kind of operation at runs of 64 blocks
    /// among which there are such, any other at all. Reads the journal.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad limit, and for a `since` that the journal has not reached,
    /// which is of another one; [`Error::NotFound`] for a transaction that is not there, those
    /// of the [`Budget`], [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn entries(&self, query: &EntryQuery, budget: &Budget) -> Result<EntryPage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        // Of what was written weakly one is told before it is shown here.
        let last = state.published();
        if query.since > last {
            let detail = format!(
                "since is {}; the journal has reached block {last}: give a sequence up to that",
                query.since
            );
            return Err(Error::invalid(InvalidCode::Parameter, "/since", detail));
        }
        let shown = match planted(Bug::JournalShowsWeak) {
            true => state.published(),
            false => state.durable(),
        };
        let EntryQuery { filter, order, .. } = query;
        let range = (query.since.saturating_add(1), query.until);
        let mut candidates = Candidates::new(state, filter, range, shown, *order, budget)?;
        let mut entries = Entries::new(state, shown, budget);
        let parts = if query.bodies {
            Parts::All
        } else {
            Parts::Outline
        };
        let mut looked = 0;
        let next = loop {
            let Some(seq) = candidates.next()? else {
                break None;
            };
            if looked == PAGE_BLOCKS
                || entries.read > PAGE_READ
                || entries.returned == query.limit
                || !entries.add(seq, parts, filter)?
            {
                break Some(match order {
                    Order::Ascending => seq - 1,
                    Order::Descending => seq,
                });
            }
            looked += 1;
        };
        Ok(entries.finish(next))
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
        self.version_entries(Versioned::Feature(id), (since, as_of), limit, budget)
    }

    /// The same of the attributes of a series.
    ///
    /// # Errors
    /// As [`Database::provenance`].
    pub fn attributes_provenance(
        &self,
        series: &str,
        since: u64,
        as_of: Option<u64>,
        limit: usize,
        budget: &Budget,
    ) -> Result<EntryPage> {
        self.version_entries(Versioned::Attributes(series), (since, as_of), limit, budget)
    }

    fn version_entries(
        &self,
        of: Versioned<'_>,
        (since, as_of): (u64, Option<u64>),
        limit: usize,
        budget: &Budget,
    ) -> Result<EntryPage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(limit, state.limits.page_items)?;
        // One more than the page has says that there are more.
        let at = state.at(as_of)?;
        let wanted = since.min(at)..at;
        let found = versions(state, of, wanted, limit.saturating_add(1), budget)?;
        if found.is_empty() && versions(state, of, 0..at, 1, budget)?.is_empty() {
            return Err(of.not_found());
        }
        let mut entries = Entries::new(state, at, budget);
        let every = BlockFilter::default();
        let mut last = None;
        for seq in found.iter().take(limit) {
            if !entries.add(*seq, Parts::Head, &every)? {
                break;
            }
            last = Some(*seq);
        }
        let more = entries.returned < found.len();
        Ok(entries.finish(last.filter(|_| more)))
    }
}

/// What an entry has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    /// Who wrote it, when, and what.
    All,
    /// In the place of what was written what it is about.
    Outline,
    /// Nothing of what was written.
    Head,
    /// What it is about, and nothing else of what was written: it is short.
    Link,
    /// How many points of a range it wrote, deleted or brought back, and of a revert what it
    /// undoes and what it does.
    Touched(u64),
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
    /// Bytes of the blocks that were looked at.
    pub read: u64,
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
            read: 0,
        }
    }

    /// Add block `seq` if the filter takes it. False if there was no room left for it.
    pub(crate) fn add(&mut self, seq: u64, parts: Parts, filter: &BlockFilter) -> Result<bool> {
        /// As JSON a block is seldom so many times as long.
        const LONGER: usize = 4;
        let state = self.state;
        self.budget.step()?;
        let bytes = self.ahead.block(state, seq, self.last)?;
        let block = Block::decode(bytes).map_err(|e| damaged(state, seq, e))?;
        if block.seq != seq {
            return Err(damaged(state, seq, "another block lies at its place"));
        }
        self.read += bytes.len() as u64;
        if !filter.takes(state, &block)? {
            return Ok(true);
        }
        let full = self.json.len();
        self.budget
            .make_room(&mut self.json, bytes.len().saturating_mul(LONGER))?;
        if self.returned > 0 {
            self.json.push(b',');
        }
        let written = write_entry(&block, bytes, parts, &mut self.json);
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

/// Of a revert, what it undoes and what it does.
fn write_reverted(action: &Action<'_>, out: &mut Vec<u8>) {
    if let Some(reverts) = action.reverts {
        let effect = action.op.as_str();
        out.extend_from_slice(format!(",\"reverts\":{reverts},\"effect\":\"{effect}\"").as_bytes());
    }
}

/// What a block is about, as members: its feature, or its series with the number of points
/// that it wrote or the range that it deleted; of a revert also what it undoes and what it
/// does. Linear in the metadata of points.
fn write_outline(block: &Block<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let action = block.action()?;
    write_reverted(&action, out);
    let mut text = |name: &str, text: &str| {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        // Writing text into memory has no way to fail.
        let _ = serde_json::to_writer(&mut *out, text);
    };
    match action.op {
        OpKind::PutFeature => text("feature_id", &stored_feature_id(action.body)?),
        OpKind::DeleteFeature => text("feature_id", stored_delete_feature(action.body)?),
        OpKind::PutPoints => {
            let (series, points) = stored_points(action.body)?;
            text("series_id", series);
            out.extend_from_slice(format!(",\"points\":{points}").as_bytes());
        }
        // They are all that it is.
        OpKind::SetDefaults => {}
        OpKind::SetWebhook => text("webhook_id", stored_webhook(action.body)?.id),
        OpKind::SetAttributes => text("series_id", stored_attributes(action.body)?.series),
        OpKind::DeletePoints | OpKind::Revert => {
            let span = stored_delete_points(action.body)?;
            if let Which::Replaced { by, timestamps } = &span.which {
                text("series_id", &span.series);
                let points = timestamps.len();
                out.extend_from_slice(
                    format!(",\"replaced_by\":{by},\"points\":{points}").as_bytes(),
                );
                return Ok(());
            }
            let mut members = Vec::new();
            delete_points_to_json(action.body, &mut members)?;
            // They go on where the entry stands.
            out.push(b',');
            out.extend_from_slice(members.get(1..members.len() - 1).unwrap_or_default());
        }
    }
    Ok(())
}

/// A block as JSON: what it is made of, and its hash.
pub(crate) fn write_entry(
    block: &Block<'_>,
    bytes: &[u8],
    parts: Parts,
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
    match parts {
        Parts::All => {
            out.extend_from_slice(b",\"body\":");
            write_body(block, out)?;
        }
        Parts::Outline | Parts::Link => write_outline(block, out)?,
        Parts::Touched(points) => {
            write_reverted(&block.action()?, out);
            out.extend_from_slice(format!(",\"points\":{points}").as_bytes());
        }
        Parts::Head => {}
    }
    if let Some(provenance) = block.provenance.filter(|_| parts != Parts::Link) {
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
        OpKind::SetAttributes => attributes_to_json(action.body, out)?,
        OpKind::SetWebhook => webhook_to_json(action.body, out)?,
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
