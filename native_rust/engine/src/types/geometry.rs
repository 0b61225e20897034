//! Geometries as clients send them: the rules of RFC 7946, section 3.1, and the
//! envelope, in one walk.

use super::antimeridian::{Antimeridian, cut_geometry, is_wide, leaps};
use super::bbox::{NOISE, Rect};
use super::bbox_member::{box_of, check_bbox, set_bbox};
use super::crs::check_crs;
use super::faults::Faults;
use super::json::{Json, Members, shown};
use super::ring::{RING_POSITIONS, Rings};
use crate::error::{Error, InvalidCode, Result};
use crate::limits::Limits;

/// GeometryCollections inside each other; RFC 7946 advises against any nesting.
pub(crate) const MAX_COLLECTIONS: usize = 8;

/// Checks a geometry and returns its envelope in planar longitude and latitude,
/// `None` when it has no position. Linear in the number of positions, but for what is
/// cut.
///
/// Accepted: all seven types, positions of 2 numbers or more, longitudes within
/// `[-180, 180]` and latitudes within `[-90, 90]`, lines of 2 positions or more,
/// closed rings of 4 or more, empty arrays where an array of parts is expected,
/// and foreign members. The geometry is changed where it means the same another way:
/// what lies beyond 180 or 90 degrees by no more than [`NOISE`] is set to it, members
/// `bbox` and `crs` that are null are left out, and what crosses the antimeridian is
/// cut if that is asked for.
///
/// # Errors
/// [`Error::Faults`], all of them with pointers from the geometry to the offending
/// part.
pub fn check_geometry(
    geometry: &mut Json<'_>,
    antimeridian: Antimeridian,
    limits: &Limits,
) -> Result<Option<Rect>> {
    let mut faults = Faults::new(limits.faults);
    let reading = Some((antimeridian, None));
    let checked = read_geometry(geometry, reading, limits, &mut faults);
    faults.into_result()?;
    Ok(checked.envelope)
}

/// What a walk through a geometry has found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub envelope: Option<Rect>,
    /// Whether a part of it was cut.
    pub cut: bool,
}

/// As [`check_geometry`]; what it returns means nothing if there are faults. Without
/// `reading` it is a geometry that is stored: then the antimeridian, boxes and reference systems
/// are not looked at. With [`Rings`] there are warnings of rings that meet themselves, but for
/// geometries that are cut.
pub(super) fn read_geometry(
    geometry: &mut Json<'_>,
    reading: Option<(Antimeridian, Option<&mut Rings>)>,
    limits: &Limits,
    faults: &mut Faults,
) -> Checked {
    let stored = reading.is_none();
    let (antimeridian, rings) = reading.unwrap_or((Antimeridian::AsIs, None));
    let mut walk = Walk {
        antimeridian,
        stored,
        positions: 0,
        rings,
    };
    let checked = walk.geometry(geometry, MAX_COLLECTIONS, faults);
    if walk.positions > limits.positions {
        let _: Option<()> = faults.take(Err(Error::TooLarge {
            what: "the number of positions in one geometry",
            actual: walk.positions as u64,
            limit: limits.positions as u64,
            setting: "positions",
        }));
    }
    checked
}

struct Walk<'r> {
    antimeridian: Antimeridian,
    stored: bool,
    positions: usize,
    /// What looks at rings, if they are looked at.
    rings: Option<&'r mut Rings>,
}

/// What the parts of a geometry come to.
#[derive(Default)]
struct Parts {
    envelope: Option<Rect>,
    /// Whether there is something to cut.
    leaps: bool,
}

impl Parts {
    fn add(&mut self, rect: Rect) {
        match &mut self.envelope {
            Some(envelope) => envelope.extend(&rect),
            None => self.envelope = Some(rect),
        }
    }
}

type Check<'r> = fn(&mut Walk<'r>, &mut Json<'_>, &mut Parts, &mut Faults);

impl<'r> Walk<'r> {
    /// `depth` is how many more collections may open.
    fn geometry(&mut self, geometry: &mut Json<'_>, depth: usize, faults: &mut Faults) -> Checked {
        let Json::Obj(members) = geometry else {
            expected("a geometry object", geometry, faults);
            return Checked::default();
        };
        for name in ["bbox", "crs"] {
            members.remove_null(name);
        }
        let checked = self.by_type(members, depth, faults);
        if self.stored {
            return checked;
        }
        check_crs(members, faults);
        if checked.cut
            && let Some(edges) = box_of(members)
        {
            set_bbox(members, edges);
        }
        check_bbox(members, checked.envelope, faults);
        checked
    }

    fn by_type(
        &mut self,
        members: &mut Members<'_, Json<'_>>,
        depth: usize,
        faults: &mut Faults,
    ) -> Checked {
        let check: Check<'r> = match members.get("type") {
            Some(Json::Str(kind)) => match kind.as_ref() {
                "Point" => Self::point,
                "MultiPoint" => {
                    |walk, parts, all, faults| walk.each(parts, all, faults, Self::point)
                }
                "LineString" => Self::line,
                "MultiLineString" => {
                    |walk, parts, all, faults| walk.each(parts, all, faults, Self::line)
                }
                "Polygon" => Self::polygon,
                "MultiPolygon" => {
                    |walk, parts, all, faults| walk.each(parts, all, faults, Self::polygon)
                }
                "GeometryCollection" => return self.collection(members, depth, faults),
                other => {
                    faults.add(InvalidCode::Geometry, "/type", || {
                        format!(
                            "found the type {}; expected Point, MultiPoint, LineString, \
                             MultiLineString, Polygon, MultiPolygon or GeometryCollection",
                            shown(other)
                        )
                    });
                    return Checked::default();
                }
            },
            Some(other) => {
                faults.within(
                    || "/type".to_owned(),
                    |faults| expected("the name of a geometry type", other, faults),
                );
                return Checked::default();
            }
            None => {
                missing("type", faults);
                return Checked::default();
            }
        };
        let Some(coordinates) = members.get_mut("coordinates") else {
            missing("coordinates", faults);
            return Checked::default();
        };
        let mut parts = Parts::default();
        let (before, counted) = (faults.total(), self.positions);
        faults.within(
            || "/coordinates".to_owned(),
            |faults| check(self, coordinates, &mut parts, faults),
        );
        let mut checked = Checked {
            envelope: parts.envelope,
            cut: false,
        };
        // What is faulty is not cut: it will not be written.
        if parts.leaps && faults.total() == before && self.antimeridian == Antimeridian::Cut {
            match cut_geometry(members) {
                Err(detail) => faults.add(InvalidCode::Antimeridian, "/coordinates", || detail),
                Ok(false) => {}
                Ok(true) => {
                    // It is walked anew, as what it has become.
                    let mut again = Walk {
                        antimeridian: Antimeridian::AsIs,
                        stored: self.stored,
                        positions: counted,
                        rings: None,
                    };
                    checked.envelope = again.by_type(members, 0, faults).envelope;
                    checked.cut = true;
                    self.positions = again.positions;
                }
            }
        }
        checked
    }

    fn collection(
        &mut self,
        members: &mut Members<'_, Json<'_>>,
        depth: usize,
        faults: &mut Faults,
    ) -> Checked {
        let Some(geometries) = members.get_mut("geometries") else {
            missing("geometries", faults);
            return Checked::default();
        };
        let Some(depth) = depth.checked_sub(1) else {
            faults.add(InvalidCode::Geometry, "", || {
                format!(
                    "GeometryCollections are nested deeper than {MAX_COLLECTIONS}; flatten them"
                )
            });
            return Checked::default();
        };
        let mut all = Parts::default();
        let mut cut = false;
        faults.within(
            || "/geometries".to_owned(),
            |faults| {
                let Some(geometries) = array(geometries, faults) else {
                    return;
                };
                for (i, geometry) in geometries.iter_mut().enumerate() {
                    let checked = faults.within(
                        || format!("/{i}"),
                        |faults| self.geometry(geometry, depth, faults),
                    );
                    cut |= checked.cut;
                    if let Some(rect) = checked.envelope {
                        all.add(rect);
                    }
                }
            },
        );
        Checked {
            envelope: all.envelope,
            cut,
        }
    }

    fn each(
        &mut self,
        parts: &mut Json<'_>,
        all: &mut Parts,
        faults: &mut Faults,
        check: impl Fn(&mut Self, &mut Json<'_>, &mut Parts, &mut Faults),
    ) {
        if let Some(parts) = array(parts, faults) {
            for (i, part) in parts.iter_mut().enumerate() {
                faults.within(|| format!("/{i}"), |faults| check(self, part, all, faults));
            }
        }
    }

    fn polygon(&mut self, rings: &mut Json<'_>, all: &mut Parts, faults: &mut Faults) {
        self.each(rings, all, faults, Self::ring);
    }

    fn line(&mut self, line: &mut Json<'_>, all: &mut Parts, faults: &mut Faults) {
        if let Some(positions) = array(line, faults) {
            if positions.len() < 2 {
                faults.add(InvalidCode::Geometry, "", || {
                    format!(
                        "found a line of {} positions; expected at least 2",
                        positions.len()
                    )
                });
            }
            self.path(positions, all, faults);
        }
    }

    fn ring(&mut self, ring: &mut Json<'_>, all: &mut Parts, faults: &mut Faults) {
        let Some(positions) = array(ring, faults) else {
            return;
        };
        if positions.len() < 4 {
            faults.add(InvalidCode::Geometry, "", || {
                format!(
                    "found a ring of {} positions; expected at least 4, the last the same as the first",
                    positions.len()
                )
            });
        }
        let before = faults.total();
        self.path(positions, all, faults);
        if let [first, .., last] = positions.as_slice()
            && faults.total() == before
            && !same_position(first, last)
        {
            faults.add(
                InvalidCode::Geometry,
                &format!("/{}", positions.len() - 1),
                || {
                    "the ring is not closed; expected its last position to equal its first"
                        .to_owned()
                },
            );
        }
        let cut = self.antimeridian == Antimeridian::Cut && all.leaps;
        if let Some(rings) = &mut self.rings
            && faults.total() == before
            && positions.len() <= RING_POSITIONS
            && !cut
        {
            rings.begin();
            positions
                .iter()
                .filter_map(place)
                .for_each(|place| rings.push(place));
            if let Some([[a, b], [c, d]]) = rings.crossing() {
                faults.warnings.add("self_intersection", String::new, || {
                    format!(
                        "the ring crosses or touches itself: its edges from [{a}, {b}] and from \
                         [{c}, {d}] meet; it is stored as it is, and its inside is read by the \
                         even-odd rule"
                    )
                });
            }
        }
    }

    /// Positions with edges between them.
    fn path(&mut self, positions: &mut [Json<'_>], all: &mut Parts, faults: &mut Faults) {
        let mut last: Option<[f64; 2]> = None;
        let mut told = false;
        for (i, position) in positions.iter_mut().enumerate() {
            let here = faults.within(
                || format!("/{i}"),
                |faults| self.position(position, all, faults),
            );
            if let (Some(from), Some(to)) = (last, here) {
                all.leaps |= leaps(from, to);
                // Where one is, others are: the way back, at least.
                if self.antimeridian == Antimeridian::Refuse && !told && is_wide(from, to) {
                    told = true;
                    faults.add(InvalidCode::Antimeridian, &format!("/{i}"), || {
                        format!(
                            "the edge from longitude {} to {} is {} degrees wide; as it stands it goes \
                             the long way round the earth. If it is meant to cross the antimeridian, \
                             cut it there (RFC 7946, 3.1.9) or ask for antimeridian=cut, which does it \
                             for you; if not, ask for antimeridian=as_is",
                            from[0],
                            to[0],
                            (to[0] - from[0]).abs()
                        )
                    });
                }
            }
            last = here;
        }
    }

    fn point(&mut self, position: &mut Json<'_>, all: &mut Parts, faults: &mut Faults) {
        self.position(position, all, faults);
    }

    /// Its longitude and latitude, if there is no fault. Numbers after the third mean
    /// nothing (RFC 7946, section 3.1.1).
    fn position(
        &mut self,
        position: &mut Json<'_>,
        all: &mut Parts,
        faults: &mut Faults,
    ) -> Option<[f64; 2]> {
        let Json::Arr(numbers) = position else {
            no_position(format_args!("{}", position.kind()), faults);
            return None;
        };
        let [longitude, latitude, others @ ..] = numbers.as_mut_slice() else {
            no_position(format_args!("an array of {}", numbers.len()), faults);
            return None;
        };
        let here = [
            number(longitude, 0, 180.0, faults),
            number(latitude, 1, 90.0, faults),
        ];
        for (other, place) in others.iter_mut().zip(2..) {
            number(other, place, f64::INFINITY, faults);
        }
        let [Some(longitude), Some(latitude)] = here else {
            return None;
        };
        all.add(Rect::point([longitude, latitude]));
        self.positions += 1;
        Some([longitude, latitude])
    }
}

/// Longitude and latitude of a checked position.
fn place(position: &Json<'_>) -> Option<[f64; 2]> {
    match position {
        Json::Arr(numbers) => match numbers.as_slice() {
            [longitude, latitude, ..] => Some([longitude.as_f64()?, latitude.as_f64()?]),
            _ => None,
        },
        _ => None,
    }
}

/// Number `place` of a position, set to its bound where it is beyond it by noise.
fn number(value: &mut Json<'_>, place: usize, bound: f64, faults: &mut Faults) -> Option<f64> {
    let found = value.as_f64();
    if let Some(number) = found {
        if (-bound..=bound).contains(&number) {
            return found;
        }
        if number.abs() <= bound + NOISE {
            let bound = bound.copysign(number);
            *value = Json::F64(bound);
            return Some(bound);
        }
    }
    faults.add(InvalidCode::Position, &format!("/{place}"), || {
        let (name, expected) = match place {
            0 => ("longitude", "a number of degrees between -180 and 180"),
            1 => ("latitude", "a number of degrees between -90 and 90"),
            2 => ("altitude", "a number of metres"),
            _ => ("further number", "a number"),
        };
        match found {
            Some(number) => format!("found a {name} of {number}; expected {expected}"),
            None => format!("found {} as {name}; expected {expected}", value.kind()),
        }
    });
    None
}

/// Whether two checked positions are the same, however their numbers are spelled, and
/// whatever is after the altitude.
fn same_position(a: &Json<'_>, b: &Json<'_>) -> bool {
    match (a, b) {
        (Json::Arr(a), Json::Arr(b)) => {
            let numbers = |position: &[Json<'_>]| -> Vec<Option<f64>> {
                position.iter().take(3).map(Json::as_f64).collect()
            };
            numbers(a) == numbers(b)
        }
        _ => false,
    }
}

fn array<'j, 'a>(value: &'j mut Json<'a>, faults: &mut Faults) -> Option<&'j mut Vec<Json<'a>>> {
    match value {
        Json::Arr(items) => Some(items),
        other => {
            expected("an array", other, faults);
            None
        }
    }
}

fn expected(what: &str, found: &Json<'_>, faults: &mut Faults) {
    faults.add(InvalidCode::Geometry, "", || {
        format!("found {}; expected {what}", found.kind())
    });
}

fn missing(member: &str, faults: &mut Faults) {
    faults.add(InvalidCode::Geometry, "", || {
        format!("the geometry has no member {member:?}; add it")
    });
}

fn no_position(found: std::fmt::Arguments<'_>, faults: &mut Faults) {
    faults.add(InvalidCode::Position, "", || {
        format!(
            "found {found}; expected a position, [longitude, latitude] or [longitude, latitude, altitude]"
        )
    });
}

#[cfg(test)]
mod tests;
