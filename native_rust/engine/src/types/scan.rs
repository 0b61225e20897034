//! Geometries as they are stored: envelopes for the index, and the exact test
//! whether one meets a box. Both walk the CBOR once and build nothing.
//!
//! All who read a stored geometry go in by [`enter_geometry`], which reads it by its
//! type. So one geometry means the same to each of them, whatever foreign members it
//! has.

use std::borrow::Cow;

use super::orientation::{Orientation, side};

use super::bbox::Rect;
use super::cbor::{DecodeError, Reader};
use super::geometry::MAX_COLLECTIONS;
use super::signature::{FeatureSignature, GeometryType, ShapeBuilder};

/// What the indexes keep of a stored feature.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFeature<'b> {
    /// Its id as text.
    pub id: Cow<'b, str>,
    /// Envelope of its geometry; `None` without one.
    pub envelope: Option<Rect>,
    /// What it is made of.
    pub signature: FeatureSignature,
}

/// Id, envelope and signature of a stored feature. Linear in the positions
/// (`benches/codec`).
///
/// # Errors
/// [`DecodeError`] for bytes that are not a stored feature.
pub fn stored_feature(body: &[u8]) -> Result<StoredFeature<'_>, DecodeError> {
    read_feature(body, &mut ShapeBuilder::new())
}

/// The id of a stored feature, which comes first in it. O(1).
///
/// # Errors
/// [`DecodeError`] for bytes that are not a stored feature.
pub fn stored_feature_id(body: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    let mut reader = Reader::new(body);
    for _ in 0..reader.map()? {
        if reader.text()? == "id" {
            return id_text(&mut reader);
        }
        reader.item()?;
    }
    Err(reader.error("a feature without id"))
}

/// The same for one of many, which mostly share their signature.
pub(super) fn read_feature<'b>(
    body: &'b [u8],
    signature: &mut ShapeBuilder,
) -> Result<StoredFeature<'b>, DecodeError> {
    signature.clear();
    let mut reader = Reader::new(body);
    let (mut id, mut geometry, mut properties) = (None, None, false);
    for _ in 0..reader.map()? {
        match reader.text()? {
            "id" => id = Some(id_text(&mut reader)?),
            "geometry" => {
                let mut envelope = None;
                if !reader.take_null()? {
                    let kind = extend_by_geometry(&mut reader, &mut envelope, MAX_COLLECTIONS)?;
                    signature.geometry(kind);
                }
                geometry = Some(envelope);
            }
            "properties" => {
                signature.stored_properties(&mut reader)?;
                properties = true;
            }
            _ => {
                reader.item()?;
            }
        }
        // They come early in the order of the keys: the rest need not be read.
        if id.is_some() && geometry.is_some() && properties {
            break;
        }
    }
    match (id, geometry) {
        (Some(id), Some(envelope)) => Ok(StoredFeature {
            id,
            envelope,
            signature: signature.finish(),
        }),
        _ => Err(reader.error("a feature without id or geometry")),
    }
}

/// The text form of a stored id.
fn id_text<'b>(reader: &mut Reader<'b>) -> Result<Cow<'b, str>, DecodeError> {
    if reader.at_number()? {
        reader.number_text().map(Cow::Owned)
    } else {
        reader.text().map(Cow::Borrowed)
    }
}

/// Whether the geometry of a stored feature has a position in common with one of
/// the closed rectangles, in planar longitude and latitude (RFC 7946, section 3.1.1).
///
/// Exact: boundaries count, a polygon around a rectangle counts, a rectangle inside
/// a polygon's hole does not. Sides are decided by robust predicates (Shewchuk,
/// "Adaptive Precision Floating-Point Arithmetic", 1997), so rounding decides
/// nothing. Linear in the positions for each rectangle (`benches/codec`).
///
/// # Errors
/// [`DecodeError`] for bytes that are not a stored feature.
pub fn intersects_box(body: &[u8], rects: &[Rect]) -> Result<bool, DecodeError> {
    let Some(geometry) = find_geometry(body)? else {
        return Ok(false);
    };
    for rect in rects {
        if geometry_meets(&mut geometry.clone(), rect, MAX_COLLECTIONS)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A reader at the geometry of a stored feature; `None` when that is null.
pub(crate) fn find_geometry(body: &[u8]) -> Result<Option<Reader<'_>>, DecodeError> {
    let mut reader = Reader::new(body);
    for _ in 0..reader.map()? {
        if reader.text()? == "geometry" {
            return Ok((!reader.take_null()?).then_some(reader));
        }
        reader.item()?;
    }
    Err(reader.error("a feature without geometry"))
}

/// A stored geometry whose reader is at the value of the member that its type gives a
/// meaning to.
pub(crate) struct Entered {
    pub kind: GeometryType,
    /// Members after that one.
    left: u64,
}

impl Entered {
    /// Steps over what is after the value, which the reader is at the end of.
    pub(crate) fn leave(self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        for _ in 0..self.left {
            reader.item()?;
            reader.item()?;
        }
        Ok(())
    }
}

/// Enters a stored geometry, which is not null, up to its coordinates, or to its
/// geometries if it is a collection. Members that its type does not have are foreign
/// and mean nothing (RFC 7946, section 7.1), even those that other types have.
///
/// # Errors
/// [`DecodeError`] for bytes that are not a stored geometry.
pub(crate) fn enter_geometry(reader: &mut Reader<'_>) -> Result<Entered, DecodeError> {
    let mut left = reader.map()?;
    let mut found: Option<GeometryType> = None;
    while left > 0 {
        left -= 1;
        let name = reader.text()?;
        match found {
            // The order of map keys puts the type before what it explains.
            None if name == "type" => {
                let kind = GeometryType::named(reader.text()?);
                found = Some(kind.ok_or_else(|| reader.error("an unknown geometry type"))?);
            }
            Some(kind) if name == kind.member() => return Ok(Entered { kind, left }),
            _ => {
                reader.item()?;
            }
        }
    }
    Err(reader.error(match found {
        Some(_) => "a geometry without what its type is made of",
        None => "a geometry without a type",
    }))
}

pub(crate) fn deeper(reader: &Reader<'_>, depth: usize) -> Result<usize, DecodeError> {
    depth
        .checked_sub(1)
        .ok_or_else(|| reader.error("a geometry nested too deep"))
}

/// Returns the type of the geometry.
fn extend_by_geometry(
    reader: &mut Reader<'_>,
    envelope: &mut Option<Rect>,
    depth: usize,
) -> Result<GeometryType, DecodeError> {
    let entered = enter_geometry(reader)?;
    let kind = entered.kind;
    match kind.arrays() {
        Some(arrays) => extend_by_coordinates(reader, envelope, arrays)?,
        None => {
            let depth = deeper(reader, depth)?;
            for _ in 0..reader.array()? {
                extend_by_geometry(reader, envelope, depth)?;
            }
        }
    }
    entered.leave(reader)?;
    Ok(kind)
}

/// Positions in so many arrays around each other.
fn extend_by_coordinates(
    reader: &mut Reader<'_>,
    envelope: &mut Option<Rect>,
    arrays: usize,
) -> Result<(), DecodeError> {
    let Some(arrays) = arrays.checked_sub(1) else {
        let here = Rect::point(read_position(reader)?);
        match envelope {
            Some(envelope) => envelope.extend(&here),
            None => *envelope = Some(here),
        }
        return Ok(());
    };
    for _ in 0..reader.array()? {
        extend_by_coordinates(reader, envelope, arrays)?;
    }
    Ok(())
}

/// The longitude and latitude of the next position.
pub(crate) fn read_position(reader: &mut Reader<'_>) -> Result<[f64; 2], DecodeError> {
    let len = reader.array()?;
    position_of(reader, len)
}

/// The position in an array of `len` numbers that has been entered.
fn position_of(reader: &mut Reader<'_>, len: u64) -> Result<[f64; 2], DecodeError> {
    if len < 2 {
        return Err(reader.error("a position of fewer than 2 numbers"));
    }
    let here = [reader.number()?, reader.number()?];
    // The altitude, and whatever stands after it (RFC 7946, section 3.1.1).
    for _ in 2..len {
        reader.number()?;
    }
    Ok(here)
}

/// Stops at the first part that meets `rect`; the reader is then anywhere.
fn geometry_meets(reader: &mut Reader<'_>, rect: &Rect, depth: usize) -> Result<bool, DecodeError> {
    let entered = enter_geometry(reader)?;
    let meets = match entered.kind {
        GeometryType::Point => point_meets(reader, rect)?,
        GeometryType::MultiPoint => any_part(reader, |reader| point_meets(reader, rect))?,
        GeometryType::LineString => line_meets(reader, rect)?,
        GeometryType::MultiLineString => any_part(reader, |reader| line_meets(reader, rect))?,
        GeometryType::Polygon => polygon_meets(reader, rect)?,
        GeometryType::MultiPolygon => any_part(reader, |reader| polygon_meets(reader, rect))?,
        GeometryType::GeometryCollection => {
            let depth = deeper(reader, depth)?;
            any_part(reader, |reader| geometry_meets(reader, rect, depth))?
        }
        // No geometry has that for its type.
        GeometryType::Null => false,
    };
    if !meets {
        entered.leave(reader)?;
    }
    Ok(meets)
}

fn any_part<'b>(
    reader: &mut Reader<'b>,
    mut part_meets: impl FnMut(&mut Reader<'b>) -> Result<bool, DecodeError>,
) -> Result<bool, DecodeError> {
    for _ in 0..reader.array()? {
        if part_meets(reader)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn point_meets(reader: &mut Reader<'_>, rect: &Rect) -> Result<bool, DecodeError> {
    Ok(rect.contains(&Rect::point(read_position(reader)?)))
}

fn line_meets(reader: &mut Reader<'_>, rect: &Rect) -> Result<bool, DecodeError> {
    let len = reader.array()?;
    if len == 0 {
        return Ok(false);
    }
    let mut from = read_position(reader)?;
    for _ in 1..len {
        let to = read_position(reader)?;
        if segment_meets(from, to, rect) {
            return Ok(true);
        }
        from = to;
    }
    Ok(false)
}

/// A polygon meets a rectangle if its boundary does. If it does not, the rectangle
/// lies wholly inside or wholly outside of each ring, and any one of its positions
/// tells which.
fn polygon_meets(reader: &mut Reader<'_>, rect: &Rect) -> Result<bool, DecodeError> {
    let mut inside = false;
    for ring in 0..reader.array()? {
        match ring_against(reader, rect)? {
            Side::Boundary => return Ok(true),
            Side::Inside => inside = ring == 0,
            Side::Outside => {}
        }
    }
    Ok(inside)
}

/// Where a rectangle lies with respect to a ring.
enum Side {
    Boundary,
    Inside,
    Outside,
}

/// Inside is found by counting the crossings of a ray from a corner eastwards.
fn ring_against(reader: &mut Reader<'_>, rect: &Rect) -> Result<Side, DecodeError> {
    let len = reader.array()?;
    if len == 0 {
        return Ok(Side::Outside);
    }
    let mut inside = false;
    let mut from = read_position(reader)?;
    for _ in 1..len {
        let to = read_position(reader)?;
        if segment_meets(from, to, rect) {
            return Ok(Side::Boundary);
        }
        inside ^= lies_west_of(rect.min, from, to);
        from = to;
    }
    Ok(if inside { Side::Inside } else { Side::Outside })
}

/// Whether a ray from `corner` eastwards crosses the segment. Of the two ends of a
/// segment the lower counts, so a ray through a shared end crosses once or not.
fn lies_west_of(corner: [f64; 2], from: [f64; 2], to: [f64; 2]) -> bool {
    if (from[1] > corner[1]) == (to[1] > corner[1]) {
        return false;
    }
    let west = if to[1] > from[1] {
        Orientation::CounterClockwise
    } else {
        Orientation::Clockwise
    };
    side(from, to, corner) == west
}

/// Whether a segment and a rectangle, both closed, have a position in common: by
/// the separating axis theorem, unless their ranges of longitude or latitude are
/// disjoint or all four corners lie strictly on one side of the segment's line.
/// Either may be degenerate.
pub(crate) fn segment_meets(from: [f64; 2], to: [f64; 2], rect: &Rect) -> bool {
    let mut envelope = Rect::point(from);
    envelope.extend(&Rect::point(to));
    if !rect.intersects(&envelope) {
        return false;
    }
    if rect.contains(&Rect::point(from)) || rect.contains(&Rect::point(to)) {
        return true;
    }
    let Rect { min, max } = *rect;
    let first = side(from, to, min);
    first == Orientation::Collinear
        || [[max[0], min[1]], max, [min[0], max[1]]]
            .into_iter()
            .any(|corner| side(from, to, corner) != first)
}

#[cfg(test)]
mod tests;
