//! Where a search looks.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::budget::Budget;
use crate::cache::windows::WindowKey;
use crate::error::{Error, InvalidCode, Result};
use crate::geo::{Path, Predicate, Prepared, Shape};
use crate::index::{BoxWalk, Hit, Placed};
use crate::limits::Limits;
use crate::state::State;
use crate::types::cbor::{DecodeError, encode_json};
use crate::types::{
    Antimeridian, BoundingBox, Hash, Json, Members, Rect, Source, at, check_geometry,
    intersects_box,
};

/// Where a search looks.
#[derive(Debug, Clone)]
pub enum Area {
    /// Everywhere, and at features without geometry.
    Everything,
    /// A box on the sphere.
    Box(BoundingBox),
    /// A geometry.
    Geometry(Arc<QueryGeometry>),
    /// The geometry of the stored feature with that id, as of the sequence of the search.
    Feature(Arc<str>),
    /// The surroundings of a position.
    Near(Near),
    /// The surroundings of a stored feature.
    NearFeature(NearFeature),
}

/// The surroundings of a position, by number, by distance, or both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Longitude and latitude in degrees.
    pub point: [f64; 2],
    /// At most so many features, over all pages.
    pub k: Option<usize>,
    /// At most so many metres away.
    pub radius: Option<f64>,
}

/// The surroundings of a stored feature that is a Point, as of the sequence of the search.
#[derive(Debug, Clone, PartialEq)]
pub struct NearFeature {
    /// Its id.
    pub feature: Arc<str>,
    /// As of [`Near`].
    pub k: Option<usize>,
    /// As of [`Near`].
    pub radius: Option<f64>,
}

/// A geometry to search with.
#[derive(Debug)]
pub struct QueryGeometry {
    prepared: Arc<Prepared>,
    name: Hash,
}

impl QueryGeometry {
    /// Reads a GeoJSON geometry of any type, or a Feature that has one.
    ///
    /// The rules are those for geometries that are written. One that crosses the
    /// antimeridian is in two parts, as RFC 7946, section 3.1.9, says; one that
    /// holds a pole goes along the parallel of the pole from -180 to 180. The
    /// longitudes 180 and -180, and all longitudes at a pole, are one place. Which
    /// way rings wind does not matter. A collection is the union of its parts.
    ///
    /// # Errors
    /// [`Error::Faults`], all that is wrong, with pointers to the offending parts.
    pub fn parse(text: &[u8], antimeridian: Antimeridian, limits: &Limits) -> Result<Self> {
        let mut value = Source::new(text)?.value()?;
        match &mut value {
            Json::Obj(members) if members.get("type") == Some(&Json::Str("Feature".into())) => {
                let mut geometry = members.remove("geometry").unwrap_or(Json::Null);
                Self::new(&mut geometry, antimeridian, limits).map_err(|e| at("/geometry", e))
            }
            // What tools export, even when it is one feature.
            Json::Obj(members)
                if members.get("type") == Some(&Json::Str("FeatureCollection".into())) =>
            {
                let (pointer, mut geometry) = only_feature(members)?;
                Self::new(&mut geometry, antimeridian, limits).map_err(|e| at(pointer, e))
            }
            geometry => Self::new(geometry, antimeridian, limits),
        }
    }

    /// Whether the geometry of a stored feature, without the rest of it or with, lies to
    /// this one as asked; false for one without a geometry.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are not a stored feature; within, those of the
    /// budget.
    pub fn accepts(
        &self,
        body: &[u8],
        predicate: Predicate,
        budget: &Budget,
    ) -> Result<Result<bool>, DecodeError> {
        Ok(match Shape::of_feature(body)? {
            Some(shape) => self
                .prepared
                .accepts(&Prepared::new(&shape), predicate, budget),
            None => Ok(false),
        })
    }

    /// Names the geometry among those of one database.
    pub(super) fn name(&self) -> &Hash {
        &self.name
    }

    fn new(geometry: &mut Json<'_>, antimeridian: Antimeridian, limits: &Limits) -> Result<Self> {
        if check_geometry(geometry, antimeridian, limits)?.is_none() {
            let detail = "the geometry has no position; give one to search with";
            return Err(Error::invalid(InvalidCode::Geometry, "", detail));
        }
        let mut cbor = Vec::new();
        encode_json(geometry, &mut cbor);
        let shape = Shape::of_geometry(&cbor)
            .map_err(|e| Error::invalid(InvalidCode::Geometry, "", e.to_string()))?;
        Ok(Self {
            prepared: Arc::new(Prepared::new(&shape)),
            name: Sha256::digest(cbor).into(),
        })
    }

    /// The geometry of the version of a feature that block `seq` wrote.
    pub(crate) fn of_version(prepared: Arc<Prepared>, seq: u64) -> Self {
        let mut name = Sha256::new();
        name.update("version");
        name.update(seq.to_le_bytes());
        Self {
            prepared,
            name: name.finalize().into(),
        }
    }
}

/// What candidates are compared with.
#[derive(Debug)]
pub(crate) struct Target {
    pieces: Vec<Rect>,
    kind: Comparison,
    predicate: Predicate,
}

#[derive(Debug)]
enum Comparison {
    Everything,
    /// Whatever has a position in common with the pieces.
    Pieces,
    Shape(Arc<QueryGeometry>),
    /// A box as a shape, for the other predicates.
    BoxShape(Box<Prepared>),
}

impl Target {
    /// Of an area that is settled. [`Area::Near`] is searched elsewhere; here it would
    /// stand for everything.
    pub(crate) fn new(area: &Area, predicate: Predicate) -> Self {
        let (pieces, kind) = match area {
            Area::Everything | Area::Near(_) | Area::Feature(_) | Area::NearFeature(_) => {
                (Vec::new(), Comparison::Everything)
            }
            Area::Box(bbox) => {
                let pieces = bbox.pieces().to_vec();
                let kind = match predicate {
                    Predicate::Intersects => Comparison::Pieces,
                    _ => {
                        let shape = Shape::rects(&bbox.parts());
                        Comparison::BoxShape(Box::new(Prepared::new(&shape)))
                    }
                };
                (pieces, kind)
            }
            Area::Geometry(geometry) => (
                geometry.prepared.pieces().to_vec(),
                Comparison::Shape(Arc::clone(geometry)),
            ),
        };
        Self {
            pieces,
            kind,
            predicate,
        }
    }

    /// Of what has a position in common with one of some rectangles.
    pub(super) fn of_pieces(pieces: Vec<Rect>) -> Self {
        Self {
            pieces,
            kind: Comparison::Pieces,
            predicate: Predicate::Intersects,
        }
    }

    /// Names what is searched, among which sequences and when, for the pages of it.
    pub(super) fn key(&self, at: u64, (first, last): (u64, u64)) -> WindowKey {
        let mut digest = Sha256::new();
        digest.update(first.to_le_bytes());
        digest.update(last.to_le_bytes());
        digest.update([match self.predicate {
            Predicate::Intersects => 0,
            Predicate::Within => 1,
            Predicate::Contains => 2,
        }]);
        match &self.kind {
            Comparison::Everything => digest.update([0]),
            Comparison::Shape(geometry) => {
                digest.update([1]);
                digest.update(geometry.name);
            }
            Comparison::Pieces | Comparison::BoxShape(_) => {
                digest.update([2]);
                for Rect { min, max } in &self.pieces {
                    for number in [min[0], min[1], max[0], max[1]] {
                        digest.update(number.to_le_bytes());
                    }
                }
            }
        }
        (at, digest.finalize().into())
    }

    /// Whether it takes every feature.
    pub(super) fn is_everything(&self) -> bool {
        matches!(self.kind, Comparison::Everything)
    }

    /// Whether it takes what meets a box.
    pub(super) fn is_box(&self) -> bool {
        matches!(self.kind, Comparison::Pieces)
    }

    /// Calls `found` with all candidates of a place, in no order, until it answers false.
    /// No file work.
    ///
    /// # Errors
    /// [`Error::Closed`], and those of `found` and of the budget.
    pub(super) fn candidates(
        &self,
        state: &State,
        at: u64,
        budget: &Budget,
        mut found: impl FnMut(Hit) -> Result<bool>,
    ) -> Result<()> {
        in_box(state, &self.pieces, at, budget, |placed| {
            match self.hit(placed, budget)? {
                Some(hit) => found(hit),
                None => Ok(true),
            }
        })
    }

    /// What the envelope of a version says that touches one of the pieces: none if it does
    /// not lie as asked.
    ///
    /// # Errors
    /// Those of the budget.
    pub(super) fn hit(&self, placed: Placed, budget: &Budget) -> Result<Option<Hit>> {
        let Placed { seq, rect } = placed;
        let prepared: &Prepared = match &self.kind {
            Comparison::Everything => return Ok(Some(Hit { seq, certain: true })),
            Comparison::Pieces => return Ok(Some(Hit::new(placed, &self.pieces))),
            Comparison::Shape(geometry) => &geometry.prepared,
            Comparison::BoxShape(prepared) => prepared,
        };
        // A geometry whose envelope is one position is that position: no body is
        // needed to compare it.
        let certain = rect.min == rect.max;
        if certain && !prepared.accepts_point(rect.min, self.predicate, budget)? {
            return Ok(None);
        }
        Ok(Some(Hit { seq, certain }))
    }

    /// The same of one that may be anywhere.
    ///
    /// # Errors
    /// Those of the budget.
    pub(crate) fn look(&self, placed: Placed, budget: &Budget) -> Result<Option<Hit>> {
        match self
            .pieces
            .iter()
            .any(|piece| piece.intersects(&placed.rect))
        {
            true => self.hit(placed, budget),
            false => Ok(None),
        }
    }

    /// What lies as asked touches one of these.
    pub(crate) fn pieces(&self) -> &[Rect] {
        &self.pieces
    }

    /// Whether a way has a position in common with it, whatever the predicate.
    ///
    /// # Errors
    /// Those of the budget.
    pub(crate) fn is_met_by(&self, path: &Path, budget: &Budget) -> Result<bool> {
        let near = |rect: Rect| self.pieces.iter().any(|piece| piece.intersects(&rect));
        if !path.envelopes().any(near) {
            return Ok(false);
        }
        let path = Prepared::new(&path.shape());
        match &self.kind {
            Comparison::Everything => Ok(true),
            Comparison::Pieces => {
                Prepared::new(&Shape::rects(&self.pieces)).intersects(&path, budget)
            }
            Comparison::Shape(geometry) => geometry.prepared.intersects(&path, budget),
            Comparison::BoxShape(prepared) => prepared.intersects(&path, budget),
        }
    }

    /// Whether the geometry of a feature lies as asked.
    ///
    /// # Errors
    /// Those of the budget.
    pub(crate) fn accepts(&self, feature: &Prepared, budget: &Budget) -> Result<bool> {
        let prepared: &Prepared = match &self.kind {
            Comparison::Everything => return Ok(true),
            Comparison::Pieces => return feature.meets_rects(&self.pieces, budget),
            Comparison::Shape(geometry) => &geometry.prepared,
            Comparison::BoxShape(prepared) => prepared,
        };
        prepared.accepts(feature, self.predicate, budget)
    }

    /// The same of a stored feature, of which nothing is kept.
    ///
    /// # Errors
    /// Those of the budget within those of the stored form.
    pub(crate) fn accepts_body(
        &self,
        body: &[u8],
        budget: &Budget,
    ) -> Result<Result<bool>, DecodeError> {
        match &self.kind {
            Comparison::Everything => Ok(Ok(true)),
            Comparison::Pieces => intersects_box(body, &self.pieces).map(Ok),
            Comparison::Shape(_) | Comparison::BoxShape(_) => Ok(match Shape::of_feature(body)? {
                Some(shape) => self.accepts(&Prepared::new(&shape), budget),
                None => Ok(false),
            }),
        }
    }
}

/// Calls `found` with every version visible at `at` whose envelope touches one of the
/// pieces, in no order and without the lock, which it takes for a short step at a time.
///
/// # Errors
/// [`Error::Closed`], and those of `found` and of the budget.
pub(crate) fn each_in_box(
    state: &State,
    pieces: &[Rect],
    at: u64,
    budget: &Budget,
    mut found: impl FnMut(Placed) -> Result<()>,
) -> Result<()> {
    in_box(state, pieces, at, budget, |placed| {
        found(placed).map(|()| true)
    })
}

/// The same until `found` answers false.
fn in_box(
    state: &State,
    pieces: &[Rect],
    at: u64,
    budget: &Budget,
    mut found: impl FnMut(Placed) -> Result<bool>,
) -> Result<()> {
    let mut walk = BoxWalk::new(pieces, at);
    let mut versions = Vec::with_capacity(256);
    let mut more = true;
    while more {
        budget.check()?;
        more = state
            .indexes
            .features
            .read()
            .walk_box(&mut walk, &mut versions);
        for version in versions.drain(..) {
            if !found(version)? {
                return Ok(());
            }
        }
    }
    // Closed on the way, the index was empty from there on.
    state.check_open()
}

/// The geometry of the one feature of a collection, and where it stands.
fn only_feature<'a>(members: &mut Members<'a, Json<'a>>) -> Result<(&'static str, Json<'a>)> {
    let found = match members.get_mut("features") {
        Some(Json::Arr(features)) => match features.as_mut_slice() {
            [Json::Obj(feature)] => {
                let geometry = feature.remove("geometry").unwrap_or(Json::Null);
                return Ok(("/features/0/geometry", geometry));
            }
            features => format!("a FeatureCollection of {}", features.len()),
        },
        _ => "a FeatureCollection without an array of features".to_owned(),
    };
    let detail =
        format!("found {found}; expected a geometry, a Feature, or a FeatureCollection of one");
    Err(Error::invalid(InvalidCode::Geometry, "/features", detail))
}
