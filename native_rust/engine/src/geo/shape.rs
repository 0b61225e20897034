//! Shapes: a GeoJSON geometry as points, lines and areas.

use crate::types::cbor::{DecodeError, Reader};
use crate::types::{
    GeometryType, MAX_COLLECTIONS, Rect, deeper, enter_geometry, find_geometry, read_position,
};

pub(crate) type Position = [f64; 2];

/// One polygon: rings, the outer one first. An area is what its outer ring holds
/// and none of the others does, by the even-odd rule, so winding does not matter;
/// the rings themselves belong to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Area {
    pub rings: Vec<Vec<Position>>,
    pub envelope: Rect,
}

/// The parts of a geometry, whatever collections they came in: the union of them
/// is the shape. Altitudes are dropped.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Shape {
    pub points: Vec<Position>,
    pub lines: Vec<Vec<Position>>,
    pub areas: Vec<Area>,
}

impl Shape {
    /// The shape of a stored feature, `None` when its geometry is null. Linear in
    /// its positions.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are not a stored feature.
    pub(crate) fn of_feature(body: &[u8]) -> Result<Option<Self>, DecodeError> {
        find_geometry(body)?
            .map(|mut reader| Self::read(&mut reader))
            .transpose()
    }

    /// The shape of a geometry in CBOR.
    ///
    /// # Errors
    /// As [`Shape::of_feature`].
    pub(crate) fn of_geometry(cbor: &[u8]) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::new(cbor))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut shape = Self::default();
        shape.geometry(reader, MAX_COLLECTIONS)?;
        Ok(shape)
    }

    pub(crate) fn point(position: Position) -> Self {
        Self {
            points: vec![position],
            ..Self::default()
        }
    }

    /// Rectangles as areas, or as the line or point that they are.
    pub(crate) fn rects(rects: &[Rect]) -> Self {
        let mut shape = Self::default();
        for &Rect { min, max } in rects {
            if min == max {
                shape.points.push(min);
            } else if min[0] == max[0] || min[1] == max[1] {
                shape.lines.push(vec![min, max]);
            } else {
                let ring = vec![min, [max[0], min[1]], max, [min[0], max[1]], min];
                shape.areas.extend(area(vec![ring]));
            }
        }
        shape
    }

    /// The envelope of each part.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Rect> {
        let points = self.points.iter().map(|p| Rect::point(*p));
        let lines = self.lines.iter().filter_map(|line| envelope(line));
        let areas = self.areas.iter().map(|area| area.envelope);
        points.chain(lines).chain(areas)
    }

    /// Rectangles that together hold the shape: of each part, or one of them all
    /// when there are many.
    pub(crate) fn envelopes(&self) -> Vec<Rect> {
        /// A search looks each rectangle up on its own.
        const MANY: usize = 8;
        let rects: Vec<Rect> = self.parts().collect();
        if rects.len() <= MANY {
            return rects;
        }
        let all = rects.into_iter().reduce(|mut all, rect| {
            all.extend(&rect);
            all
        });
        all.into_iter().collect()
    }

    fn geometry(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), DecodeError> {
        let entered = enter_geometry(reader)?;
        match entered.kind {
            GeometryType::Point => self.points.push(position(reader)?),
            GeometryType::MultiPoint => {
                for _ in 0..reader.array()? {
                    self.points.push(position(reader)?);
                }
            }
            GeometryType::LineString => self.lines.extend(line(reader)?),
            GeometryType::MultiLineString => {
                for _ in 0..reader.array()? {
                    self.lines.extend(line(reader)?);
                }
            }
            GeometryType::Polygon => self.areas.extend(polygon(reader)?),
            GeometryType::MultiPolygon => {
                for _ in 0..reader.array()? {
                    self.areas.extend(polygon(reader)?);
                }
            }
            GeometryType::GeometryCollection => {
                let depth = deeper(reader, depth)?;
                for _ in 0..reader.array()? {
                    self.geometry(reader, depth)?;
                }
            }
            // No geometry has that for its type.
            GeometryType::Null => {}
        }
        entered.leave(reader)
    }
}

/// A position with no zero that has a sign: what is equal then also sorts as equal.
fn position(reader: &mut Reader<'_>) -> Result<Position, DecodeError> {
    read_position(reader).map(|p| p.map(|n| n + 0.0))
}

/// A line's positions; `None` when it has none.
fn line(reader: &mut Reader<'_>) -> Result<Option<Vec<Position>>, DecodeError> {
    let len = reader.array()?;
    // A position takes 5 bytes at least: what the length claims is not trusted.
    let room = usize::try_from(len).map_or(0, |len| len.min(reader.rest().len() / 5));
    let mut positions = Vec::with_capacity(room);
    for _ in 0..len {
        positions.push(position(reader)?);
    }
    Ok((!positions.is_empty()).then_some(positions))
}

/// A polygon; `None` for one without positions.
fn polygon(reader: &mut Reader<'_>) -> Result<Option<Area>, DecodeError> {
    let mut rings = Vec::new();
    for _ in 0..reader.array()? {
        rings.extend(line(reader)?);
    }
    Ok(area(rings))
}

fn area(rings: Vec<Vec<Position>>) -> Option<Area> {
    // Of all rings: no rule says that holes lie inside.
    let envelope = rings
        .iter()
        .filter_map(|ring| envelope(ring))
        .reduce(|mut all, ring| {
            all.extend(&ring);
            all
        })?;
    Some(Area { rings, envelope })
}

/// What holds all of some positions; `None` where there is none.
pub(super) fn envelope(line: &[Position]) -> Option<Rect> {
    let mut positions = line.iter().map(|p| Rect::point(*p));
    let mut envelope = positions.next()?;
    positions.for_each(|p| envelope.extend(&p));
    Some(envelope)
}
