//! Geometries of features, ready to be compared with others.

use std::sync::Arc;

use super::features::feature_block;
use crate::error::Result;
use crate::geo::{Prepared, Shape};
use crate::state::State;
use crate::state::blocks::{damaged, read_block};

/// The geometry of the version of a feature that block `seq` wrote; none where it has no
/// position. From memory, or from the journal, and then kept for the next who asks.
///
/// # Errors
/// Those of reading blocks, and of [`make_geometry`].
pub(crate) fn geometry(state: &State, seq: u64) -> Result<Option<Arc<Prepared>>> {
    if let Some(known) = state.geometries.get(seq) {
        return Ok(Some(known));
    }
    let bytes = read_block(state, seq)?;
    let (_, body) = feature_block(state, seq, &bytes)?;
    let made = make_geometry(state, seq, body)?;
    if let Some(made) = &made {
        state.geometries.insert_geometry(seq, made);
    }
    Ok(made)
}

/// The same from the stored form of that version, kept nowhere. Linear in its positions: a
/// million of them take some 50 ms. Holds no lock, so that nobody else waits for it.
///
/// # Errors
/// [`Error::Corrupt`](crate::Error::Corrupt), [`Error::MemoryFull`](crate::Error::MemoryFull).
pub(crate) fn make_geometry(state: &State, seq: u64, body: &[u8]) -> Result<Option<Arc<Prepared>>> {
    /// Smaller ones take next to nothing.
    const LARGE: usize = 64 << 10;
    /// Positions as a shape and prepared take mostly less than so many times their stored
    /// form.
    const TIMES: usize = 4;
    let large = body.len() >= LARGE;
    let _held = large.then(|| state.memory.work.reserve(body.len() * TIMES));
    let _held = _held.transpose()?;
    let shape = Shape::of_feature(body).map_err(|e| damaged(state, seq, e))?;
    let prepared = shape.map(|shape| Arc::new(Prepared::new(&shape)));
    Ok(prepared.filter(|prepared| !prepared.is_empty()))
}
