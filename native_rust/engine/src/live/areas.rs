//! Areas of fences that are stored features.

use std::sync::Arc;

use crate::error::Result;
use crate::geo::Predicate;
use crate::read::geometries::geometry;
use crate::search::{Area, QueryGeometry, Target};
use crate::state::State;

/// The geometry of the version of a feature that block `seq` wrote, as an area; none where it
/// has no position. It is prepared once for all who look at it, as long as it is kept
/// ([`geometry`]).
///
/// # Errors
/// Those of reading blocks, [`Error::MemoryFull`](crate::Error::MemoryFull).
pub(super) fn stored_area(state: &State, seq: u64) -> Result<Option<Target>> {
    let prepared = geometry(state, seq)?;
    Ok(prepared.map(|prepared| {
        let area = Area::Geometry(Arc::new(QueryGeometry::of_version(prepared, seq)));
        Target::new(&area, Predicate::Intersects)
    }))
}
