//! The geometry of a stored feature, to search with.

use std::borrow::Cow;
use std::sync::Arc;

use super::area::{Area, Near, NearFeature, QueryGeometry};
use super::at;
use crate::error::{Error, InvalidCode, Result};
use crate::read::features::{current, feature_block};
use crate::read::geometries::geometry;
use crate::state::State;
use crate::state::blocks::{damaged, read_block};
use crate::types::{GeometryType, enter_geometry, find_geometry, read_position};

impl Area {
    /// The area as of a sequence, with that sequence: what names a stored feature becomes the
    /// geometry or the position that it had then. May read the journal.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there was no such feature, [`Error::Invalid`] where it had
    /// no geometry, or no position; otherwise as [`Database::feature`].
    ///
    /// [`Database::feature`]: crate::Database::feature
    pub(super) fn settled(
        &self,
        state: &State,
        as_of: Option<u64>,
    ) -> Result<(Cow<'_, Self>, Option<u64>)> {
        let (feature, area) = match self {
            Self::Feature(feature) => (feature, None),
            Self::NearFeature(near) => (&near.feature, Some(near)),
            other => return Ok((Cow::Borrowed(other), as_of)),
        };
        let at = at(state, as_of)?;
        let area = match area {
            None => Self::Geometry(Arc::new(stored(state, feature, at)?)),
            Some(NearFeature { k, radius, .. }) => Self::Near(Near {
                point: point(state, feature, at)?,
                k: *k,
                radius: *radius,
            }),
        };
        Ok((Cow::Owned(area), Some(at)))
    }
}

/// The geometry that a feature had at a sequence.
fn stored(state: &State, id: &str, at: u64) -> Result<QueryGeometry> {
    let seq = current(state, id, Some(at))?;
    let geometry = geometry(state, seq)?.ok_or_else(|| no_geometry(id))?;
    Ok(QueryGeometry::of_version(geometry, seq))
}

/// The position of a feature that was a Point at a sequence.
fn point(state: &State, id: &str, at: u64) -> Result<[f64; 2]> {
    let seq = current(state, id, Some(at))?;
    let bytes = read_block(state, seq)?;
    let (_, body) = feature_block(state, seq, &bytes)?;
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
}

fn no_geometry(id: &str) -> Error {
    refusal(format!(
        "the feature {id:?} has no geometry with a position; name one that has, or give a geometry"
    ))
}

fn refusal(detail: String) -> Error {
    Error::invalid(InvalidCode::Geometry, "/feature", detail)
}
