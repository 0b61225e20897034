//! The geometry of a stored feature, to search with.

use super::QueryGeometry;
use crate::error::{Error, InvalidCode, Result};
use crate::geo::Shape;
use crate::read::features::{current, feature_block};
use crate::state::State;
use crate::state::blocks::{damaged, read_block};
use crate::types::{GeometryType, enter_geometry, find_geometry, read_position};

/// The geometry that a feature had at a sequence.
pub(super) fn geometry(state: &State, id: &str, at: u64) -> Result<QueryGeometry> {
    with_feature(state, id, at, |seq, body| {
        let broken = |e| damaged(state, seq, e);
        let Some(mut reader) = find_geometry(body).map_err(broken)? else {
            return Err(no_geometry(id));
        };
        let cbor = reader.item().map_err(broken)?;
        let shape = Shape::of_geometry(cbor).map_err(broken)?;
        match shape.envelopes().is_empty() {
            true => Err(no_geometry(id)),
            false => QueryGeometry::of_shape(shape, cbor),
        }
    })
}

/// The position of a feature that was a Point at a sequence.
pub(super) fn point(state: &State, id: &str, at: u64) -> Result<[f64; 2]> {
    with_feature(state, id, at, |seq, body| {
        let broken = |e| damaged(state, seq, e);
        let Some(mut reader) = find_geometry(body).map_err(broken)? else {
            return Err(no_geometry(id));
        };
        let entered = enter_geometry(&mut reader).map_err(broken)?;
        match entered.kind {
            GeometryType::Point => read_position(&mut reader).map_err(broken),
            kind => Err(refusal(format!(
                "the feature {id:?} is a {}; expected a Point, or give the position as point",
                kind.as_str()
            ))),
        }
    })
}

fn with_feature<T>(
    state: &State,
    id: &str,
    at: u64,
    read: impl FnOnce(u64, &[u8]) -> Result<T>,
) -> Result<T> {
    let seq = current(state, id, Some(at))?;
    let bytes = read_block(state, seq)?;
    let (_, body) = feature_block(state, seq, &bytes)?;
    read(seq, body)
}

fn no_geometry(id: &str) -> Error {
    refusal(format!(
        "the feature {id:?} has no geometry with a position; name one that has, or give a geometry"
    ))
}

fn refusal(detail: String) -> Error {
    Error::invalid(InvalidCode::Geometry, "/feature", detail)
}
