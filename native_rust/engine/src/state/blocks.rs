//! Blocks from their stored bytes, held against the Merkle tree.

use super::State;
use crate::block::{Action, Block};
use crate::error::{Error, Result};
use crate::journal::BlockLocation;

/// The block `seq` from its stored bytes, and what it does.
pub(crate) fn block_at<'a>(
    state: &State,
    seq: u64,
    bytes: &'a [u8],
) -> Result<(Block<'a>, Action<'a>)> {
    let block = Block::decode(bytes).map_err(|e| damaged(state, seq, e))?;
    let action = block.action().map_err(|e| damaged(state, seq, e))?;
    if block.seq != seq {
        return Err(damaged(state, seq, "another block lies at its place"));
    }
    Ok((block, action))
}

/// The stored bytes of a block, held against their checksum and the Merkle tree. May
/// read the journal: the block, and a page of its segment's footer.
pub(crate) fn read_block(state: &State, seq: u64) -> Result<Vec<u8>> {
    let bytes = state.segments.read_block(location(state, seq)?)?;
    state.check_leaf(seq, &bytes)?;
    Ok(bytes)
}

/// Stored bytes that match their checksum and yet are not what was written: the
/// index and the journal disagree.
pub(crate) fn damaged(state: &State, seq: u64, reason: impl ToString) -> Error {
    let reason = format!("block {seq}: {}", reason.to_string());
    match location(state, seq) {
        Ok(location) => state.segments.corrupt(location, &reason),
        Err(closed) => closed,
    }
}

/// Where a visible block lies; only closing a database forgets that.
pub(crate) fn location(state: &State, seq: u64) -> Result<BlockLocation> {
    state.indexes.blocks.read().get(seq).ok_or(Error::Closed)
}
