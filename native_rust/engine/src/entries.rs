//! Reading the journal back, block by block.

use crate::block::Block;
use crate::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::features::{check_limit, damaged, no_feature, read_block};
use crate::merkle::{leaf_hash, to_hex};
use crate::model::{
    DecodeError, delete_points_to_json, feature_to_json, points_to_json, write_json,
    write_timestamp,
};
use crate::operation::OpKind;
use crate::planted::{Bug, planted};
use crate::state::State;

/// Which blocks to list.
#[derive(Debug, Clone, Copy)]
pub struct EntryQuery {
    /// Only blocks behind this sequence; 0 for all.
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

/// A page ends when it has this many bytes: a block can hold 65,536 points.
const PAGE_BYTES: usize = 4 << 20;
/// Blocks looked at for one page, so that a rare operation cannot keep a thread.
const PAGE_BLOCKS: u64 = 100_000;

impl Database {
    /// Blocks of the journal in order, up to the last durable one. A page may be short, or empty, and still
    /// have a next one: it ends at a limit of bytes and of blocks looked at. Reads
    /// the journal.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad limit, [`Error::Closed`], [`Error::Corrupt`],
    /// [`Error::Io`].
    pub fn entries(&self, query: &EntryQuery) -> Result<EntryPage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(query.limit, state.limits.page_items)?;
        let shown = match planted(Bug::JournalShowsWeak) {
            true => state.published(),
            false => state.durable(),
        };
        let last = query.until.min(shown);
        let end = last.min(query.since.saturating_add(PAGE_BLOCKS));
        let mut page = EntryPage::default();
        page.json.push(b'[');
        let mut seen = query.since.min(last);
        while seen < end && page.returned < query.limit && page.json.len() < PAGE_BYTES {
            seen += 1;
            page.add(state, seen, query.op, true)?;
        }
        page.json.push(b']');
        page.next = (seen < last).then_some(seen);
        Ok(page)
    }

    /// The versions of the feature `id`, oldest first, from behind block `since`
    /// on: each its block but for the body. Reads the journal; linear in the number
    /// of versions.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown feature, [`Error::Invalid`] for a bad
    /// limit, [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn provenance(&self, id: &str, since: u64, limit: usize) -> Result<EntryPage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(limit, state.limits.page_items)?;
        let mut versions: Vec<u64> = {
            let features = state.features.read();
            features.versions(id, state.published()).collect()
        };
        if versions.is_empty() {
            return Err(no_feature(id));
        }
        versions.reverse();
        versions.retain(|seq| *seq > since);
        let mut page = EntryPage::default();
        page.json.push(b'[');
        for seq in versions.iter().take(limit) {
            page.add(state, *seq, None, false)?;
        }
        page.json.push(b']');
        let last = versions.get(limit.saturating_sub(1)).copied();
        page.next = last.filter(|_| versions.len() > limit);
        Ok(page)
    }
}

impl EntryPage {
    /// Add block `seq`, with or without its body, if its operation is the one asked
    /// for.
    pub(crate) fn add(
        &mut self,
        state: &State,
        seq: u64,
        op: Option<OpKind>,
        body: bool,
    ) -> Result<()> {
        let bytes = read_block(state, seq)?;
        let block = Block::decode(&bytes).map_err(|e| damaged(state, seq, e))?;
        if block.seq != seq {
            return Err(damaged(state, seq, "another block lies at its place"));
        }
        if op.is_some_and(|op| op != block.op) {
            return Ok(());
        }
        if self.returned > 0 {
            self.json.push(b',');
        }
        self.returned += 1;
        write_entry(&block, &bytes, body, &mut self.json).map_err(|e| damaged(state, seq, e))
    }
}

/// A block as JSON: what it is made of, and its hash.
pub(crate) fn write_entry(
    block: &Block<'_>,
    bytes: &[u8],
    body: bool,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let Block { seq, txn, op, .. } = block;
    let hash = to_hex(&leaf_hash(bytes));
    out.extend_from_slice(format!("{{\"seq\":{seq},\"hash\":\"{hash}\",\"time\":\"").as_bytes());
    write_timestamp(block.time, out);
    let op = op.as_str();
    out.extend_from_slice(format!("\",\"txn\":{txn},\"op\":\"{op}\"").as_bytes());
    if let Some(actor) = block.actor {
        out.extend_from_slice(b",\"actor\":");
        // Writing text into memory has no way to fail.
        let _ = serde_json::to_writer(&mut *out, actor);
    }
    if let Some(prev) = block.prev {
        out.extend_from_slice(format!(",\"prev\":{prev}").as_bytes());
    }
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
        out.extend_from_slice(
            format!("{{\"reverts\":{reverts},\"op\":\"{op}\",\"body\":").as_bytes(),
        );
    }
    match action.op {
        OpKind::PutFeature => feature_to_json(action.body, None, out)?,
        OpKind::PutPoints => points_to_json(action.body, out)?,
        OpKind::DeletePoints => delete_points_to_json(action.body, out)?,
        OpKind::DeleteFeature | OpKind::Revert => {
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
