//! Geometries as clients send them: the rules of RFC 7946, section 3.1, and the
//! envelope, in one walk.

use super::bbox::Rect;
use super::json::{Json, Members, at, shown};
use crate::{Error, InvalidCode, Limits, Result};

/// GeometryCollections inside each other; RFC 7946 advises against any nesting.
pub(crate) const MAX_COLLECTIONS: usize = 8;

/// Checks a geometry and returns its envelope in planar longitude and latitude,
/// `None` when it has no position. Linear in the number of positions.
///
/// Accepted: all seven types, positions of 2 or 3 numbers, longitudes within
/// `[-180, 180]` and latitudes within `[-90, 90]`, lines of 2 positions or more,
/// closed rings of 4 or more, empty arrays where an array of parts is expected,
/// and foreign members.
///
/// # Errors
/// [`InvalidCode::Geometry`], [`InvalidCode::Position`] or
/// [`InvalidCode::BoundingBox`] with a pointer from the geometry to the offending
/// part; [`Error::TooLarge`] above [`Limits::positions`].
pub fn check_geometry(geometry: &Json<'_>, limits: &Limits) -> Result<Option<Rect>> {
    let mut walk = Walk::default();
    walk.geometry(geometry, MAX_COLLECTIONS)?;
    if walk.positions > limits.positions {
        return Err(Error::TooLarge {
            what: "the number of positions in one geometry",
            actual: walk.positions as u64,
            limit: limits.positions as u64,
            setting: "positions",
        });
    }
    Ok(walk.envelope)
}

/// Checks that a `bbox` member is an array of 4 numbers, or 6 with altitudes.
///
/// # Errors
/// [`InvalidCode::BoundingBox`], pointing at the member `bbox`.
pub(super) fn check_bbox(members: &Members<'_, Json<'_>>) -> Result<()> {
    let found = match members.get("bbox") {
        None => return Ok(()),
        Some(Json::Arr(numbers)) => match numbers.iter().position(|n| n.as_f64().is_none()) {
            None if matches!(numbers.len(), 4 | 6) => return Ok(()),
            None => format!("an array of {}", numbers.len()),
            Some(i) => format!("an array whose element {i} is not a number"),
        },
        Some(other) => other.kind().to_owned(),
    };
    Err(Error::invalid(
        InvalidCode::BoundingBox,
        "/bbox",
        format!(
            "found {found}; expected an array of 4 numbers, west, south, east and north, \
             or of 6 with altitudes"
        ),
    ))
}

#[derive(Default)]
struct Walk {
    envelope: Option<Rect>,
    positions: usize,
}

impl Walk {
    /// `depth` is how many more collections may open.
    fn geometry(&mut self, geometry: &Json<'_>, depth: usize) -> Result<()> {
        let Json::Obj(members) = geometry else {
            return Err(expected("a geometry object", geometry));
        };
        check_bbox(members)?;
        let kind = match members.get("type") {
            Some(Json::Str(kind)) => kind.as_ref(),
            Some(other) => return Err(at("/type", expected("the name of a geometry type", other))),
            None => return Err(missing("type")),
        };
        let part: fn(&mut Self, &Json<'_>) -> Result<()> = match kind {
            "Point" => Self::position,
            "MultiPoint" => |walk, parts| walk.each(parts, Self::position),
            "LineString" => Self::line,
            "MultiLineString" => |walk, parts| walk.each(parts, Self::line),
            "Polygon" => Self::polygon,
            "MultiPolygon" => |walk, parts| walk.each(parts, Self::polygon),
            "GeometryCollection" => {
                let geometries = members
                    .get("geometries")
                    .ok_or_else(|| missing("geometries"))?;
                let depth = depth.checked_sub(1).ok_or_else(|| {
                    refusal(format!(
                        "GeometryCollections are nested deeper than {MAX_COLLECTIONS}; flatten them"
                    ))
                })?;
                return self
                    .each(geometries, |walk, geometry| walk.geometry(geometry, depth))
                    .map_err(|e| at("/geometries", e));
            }
            other => {
                let detail = format!(
                    "found the type {}; expected Point, MultiPoint, LineString, MultiLineString, \
                     Polygon, MultiPolygon or GeometryCollection",
                    shown(other)
                );
                return Err(at("/type", refusal(detail)));
            }
        };
        let coordinates = members
            .get("coordinates")
            .ok_or_else(|| missing("coordinates"))?;
        part(self, coordinates).map_err(|e| at("/coordinates", e))
    }

    fn each(
        &mut self,
        parts: &Json<'_>,
        check: impl Fn(&mut Self, &Json<'_>) -> Result<()>,
    ) -> Result<()> {
        for (i, part) in array(parts)?.iter().enumerate() {
            check(self, part).map_err(|e| at(format_args!("/{i}"), e))?;
        }
        Ok(())
    }

    fn polygon(&mut self, rings: &Json<'_>) -> Result<()> {
        self.each(rings, Self::ring)
    }

    fn line(&mut self, line: &Json<'_>) -> Result<()> {
        let len = array(line)?.len();
        if len < 2 {
            return Err(refusal(format!(
                "found a line of {len} positions; expected at least 2"
            )));
        }
        self.each(line, Self::position)
    }

    fn ring(&mut self, ring: &Json<'_>) -> Result<()> {
        let positions = array(ring)?;
        if positions.len() < 4 {
            return Err(refusal(format!(
                "found a ring of {} positions; expected at least 4, the last the same as the first",
                positions.len()
            )));
        }
        self.each(ring, Self::position)?;
        match positions {
            [first, .., last] if !same_position(first, last) => Err(at(
                format_args!("/{}", positions.len() - 1),
                refusal("the ring is not closed; expected its last position to equal its first"),
            )),
            _ => Ok(()),
        }
    }

    fn position(&mut self, position: &Json<'_>) -> Result<()> {
        let Json::Arr(numbers) = position else {
            return Err(no_position(format!("found {}", position.kind())));
        };
        let (longitude, latitude) = match numbers.as_slice() {
            [longitude, latitude] => (longitude, latitude),
            [longitude, latitude, altitude] => {
                number(altitude, "altitude", f64::INFINITY).map_err(|e| at("/2", e))?;
                (longitude, latitude)
            }
            other => return Err(no_position(format!("found an array of {}", other.len()))),
        };
        let here = Rect::point([
            number(longitude, "longitude", 180.0).map_err(|e| at("/0", e))?,
            number(latitude, "latitude", 90.0).map_err(|e| at("/1", e))?,
        ]);
        match &mut self.envelope {
            Some(envelope) => envelope.extend(&here),
            None => self.envelope = Some(here),
        }
        self.positions += 1;
        Ok(())
    }
}

fn number(value: &Json<'_>, name: &str, bound: f64) -> Result<f64> {
    let found = match value.as_f64() {
        Some(number) if (-bound..=bound).contains(&number) => return Ok(number),
        Some(number) => format!("found a {name} of {number}"),
        None => format!("found {} as {name}", value.kind()),
    };
    let expected = if bound.is_finite() {
        format!("a number of degrees between -{bound} and {bound}")
    } else {
        "a number of metres".to_owned()
    };
    let detail = format!("{found}; expected {expected}");
    Err(Error::invalid(InvalidCode::Position, "", detail))
}

/// Whether two checked positions hold the same numbers, however they are spelled.
fn same_position(a: &Json<'_>, b: &Json<'_>) -> bool {
    match (a, b) {
        (Json::Arr(a), Json::Arr(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.as_f64() == b.as_f64())
        }
        _ => false,
    }
}

fn array<'j, 'a>(value: &'j Json<'a>) -> Result<&'j [Json<'a>]> {
    match value {
        Json::Arr(items) => Ok(items),
        other => Err(expected("an array", other)),
    }
}

fn expected(what: &str, found: &Json<'_>) -> Error {
    refusal(format!("found {}; expected {what}", found.kind()))
}

fn missing(member: &str) -> Error {
    refusal(format!("the geometry has no member {member:?}; add it"))
}

fn no_position(found: String) -> Error {
    Error::invalid(
        InvalidCode::Position,
        "",
        format!(
            "{found}; expected a position, [longitude, latitude] or [longitude, latitude, altitude]"
        ),
    )
}

fn refusal(detail: impl Into<String>) -> Error {
    Error::invalid(InvalidCode::Geometry, "", detail)
}

#[cfg(test)]
mod tests;
